"""What one ascp is fed with: all that a program has asked of its session, in order, and what becomes of each.

What stands here is between the handles of a program and the connection of one ascp: it sends what was asked for, hands
each event to the file that it is about, and sees that nothing that was asked for stays without an end. Which file that
is, pairing.py knows; what becomes of it, handles.py and streams.py.

::

    upload ──▶ queued ──START──▶ transferring ──STOP, SKIP, FILEERROR, ARGSTOP──▶ done, skipped, failed
                 └── the same source is asked for already: waits for its end          ▲
                                                     the end of the session ──────────┘ failed, by name

ascp knows a file by its source alone, in what it reports and in what it is told to stop. So it is given a source once
at a time, and never more files than MAX_STARTED; the others wait here. It need not report a file that it is told to
stop before it has begun with it: the same source waits until that is clear.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable

from faspmgr.errors import TransferError
from faspmgr.manager.handles import FileHandle, FileRequest
from faspmgr.manager.pairing import Pairing
from faspmgr.manager.port import Connection
from faspmgr.manager.result import Result
from faspmgr.manager.streams import FileStream
from faspmgr.protocol.commands import Command, Finish, StopFile, Write
from faspmgr.protocol.events import ArgStopEvent, ErrorEvent, Event, FileEvent, NotificationEvent, SessionEvent
from faspmgr.redaction import redact_urls
from faspmgr.tracking import Session

MAX_STARTED = 1_000
"""Files that ascp is given before it has reported the end of those before: more than it works on, and few enough for
any queue."""
DOUBT_SECONDS = 1.0
"""After the STOP of a file that waited, the time in which it would be reported if ascp had begun with it before."""


class Feed:
    """Feeds one ascp.

    Args:
        connection: gives its connection, and raises ConnectionError where there is none.
        idle_timeout: seconds without a file after which the session is finished; None for any time.
    """

    def __init__(self, connection: Callable[[], Connection], idle_timeout: float | None) -> None:
        # The session as its events show it; None before the first.
        self.session: Session | None = None
        # Whether it can be given files, and what is set when that may have changed.
        self.negotiated = False
        self.news = asyncio.Event()
        # Set when the program has it.
        self.entered = asyncio.Event()
        # Why nothing more can be asked for; empty where it can.
        self.closing = ""
        # How the session has ended; None where it has not, or was broken off.
        self.result: Result | None = None

        self._connection = connection
        self._idle_timeout = idle_timeout
        # All that was asked for and has not ended.
        self._unended: dict[FileRequest, None] = {}
        # The files of each source that have not ended: the first is given to ascp, the others wait for its end.
        self._by_source: dict[str, deque[FileHandle]] = {}
        # The files that can be given to ascp, and how many it has.
        self._ready: deque[FileHandle] = deque()
        self._started = 0
        # What is to be stopped, by the path that ascp knows it by; set while there is nothing.
        self._to_stop: deque[tuple[FileRequest, StopFile]] = deque()
        self._stopped = asyncio.Event()
        self._stopped.set()
        # The files that were cancelled while they waited, until it is clear that nothing of them will be reported.
        self._given_up: dict[FileHandle, None] = {}
        # Whether DONE was sent.
        self._finished = False
        # Set when there may be something to send.
        self._changed = asyncio.Event()
        # Which of the requests that ascp has got an event is about.
        self._pairing = Pairing()
        # Set unless the target rate is 0: then ascp reads only some of the data, and a RATE behind more data never.
        self._moves = asyncio.Event()
        self._moves.set()

    # -- to ascp

    async def run(self) -> None:
        """Send what is to be sent, one after the other, and DONE when nothing more will come; until it is cancelled."""
        await self.entered.wait()
        with contextlib.suppress(ConnectionError):  # the end of the session, which is near, says all
            while True:
                if self._to_stop:
                    request, command = self._to_stop[0]
                    await self.write(command)
                    self._to_stop.popleft()
                    if not self._to_stop:
                        self._stopped.set()
                    if request in self._given_up:
                        asyncio.get_running_loop().call_later(DOUBT_SECONDS, self._let_go, request)
                elif self._ready and self._started < MAX_STARTED and not self._is_doubtful(self._ready[0]):
                    file = self._ready.popleft()
                    self._started += 1
                    self._pairing.add(file)
                    await self.write(file.command)
                elif self.closing and not self._finished and not any(map(_is_to_be_sent, self._unended)):
                    self._finished = True
                    await self.write(Finish())
                else:
                    self._changed.clear()
                    try:
                        async with asyncio.timeout(None if self._unended or self.closing else self._idle_timeout):
                            await self._changed.wait()
                    except TimeoutError:
                        self.closing = f"it was finished after {self._idle_timeout:g} s without a file"

    async def write(self, command: Command) -> None:
        """Send a command, and wait for its turn and for room in the socket; data wait for the end of a pause, too.

        Raises:
            ConnectionError: the connection is closed.
        """
        if isinstance(command, Write):
            await self._moves.wait()
        await self._connection().write(command.parts())

    def stop(self, request: FileRequest, path: str) -> None:
        """Let ascp stop something that it was given, before it is given anything else."""
        self._to_stop.append((request, StopFile(path)))
        self._stopped.clear()
        self._changed.set()
        if isinstance(request, FileHandle) and not request.seen:
            self._given_up[request] = None

    async def stopped(self) -> None:
        """Wait until all that is to be stopped was sent."""
        await self._stopped.wait()

    def _is_doubtful(self, file: FileHandle) -> bool:
        """May what is reported of a file be about one that was given up, the same or a directory of it?"""
        source = file.source.rstrip("/") + "/"
        others = [other.source.rstrip("/") + "/" for other in self._given_up]
        return any(source.startswith(other) or other.startswith(source) for other in others)

    def _let_go(self, request: FileRequest) -> None:
        """Expect nothing more of a file that was given up, unless ascp had begun with it and has to report its end."""
        if isinstance(request, FileHandle) and request in self._given_up and not request.seen:
            del self._given_up[request]
            self._pairing.remove(request)
            self._changed.set()

    async def finish(self, now: bool) -> None:
        """Let nothing more be asked for, and end the session: when all that was asked for is through, or now."""
        self.closing = self.closing or "it was asked to finish"
        self._changed.set()
        if now:
            self._finished = True
            with contextlib.suppress(ConnectionError):
                await self._connection().send(Finish(now=True))

    # -- from ascp

    def apply(self, event: Event, session: Session) -> None:
        """Hand an event to the file that it is about."""
        self.session = session
        if isinstance(event, (FileEvent, ArgStopEvent)):
            request = self._pairing.find(event)
            if request is None:
                return
            request.seen = True
            if request.apply(event):
                self._pairing.remove(request)
                if isinstance(request, FileHandle) and request in self._given_up:
                    del self._given_up[request]
                    self._changed.set()
            if isinstance(request, FileHandle):  # ascp begins with its files in their order
                for other in [other for other in self._given_up if other.number < request.number]:
                    self._let_go(other)
        elif isinstance(event, (SessionEvent, NotificationEvent)):
            self.negotiated = self.negotiated or isinstance(event, NotificationEvent)
            self.news.set()
            if session.target_rate_kbps == 0:
                self._moves.clear()
            else:
                self._moves.set()
        elif isinstance(event, ErrorEvent):
            self.negotiated = False
            self.news.set()

    def is_idle(self) -> bool:
        """Is there nothing that ascp should do?"""
        if not self.entered.is_set() or self._finished:
            return False
        streams = [request for request in self._unended if isinstance(request, FileStream)]
        return not self._moves.is_set() or not (self._started or any(stream.waits for stream in streams))

    def end(self, summary: str, result: Result | None) -> None:
        """The session has ended, and with it all that was asked for and has not ended before."""
        self.closing, self.result = self.closing or f"it has ended: {summary}", result
        for request in list(self._unended):
            request.fail(f"the session ended before its end was reported: {summary}")

    # -- what is asked for

    def enlist(self, request: FileRequest) -> None:
        """Something is asked for.

        Raises:
            ValueError: a stream to this destination is open.
            TransferError: the session has ended, or is about to end.
            RuntimeError: it has not begun.
        """
        if self.closing:
            raise TransferError(f"{request.paths[0]}: the session takes nothing more: {self.closing}", self.result)
        if not self.entered.is_set():
            raise RuntimeError("the session has not begun: use 'async with Job(…) as job:'")
        if isinstance(request, FileHandle):
            same = self._by_source.setdefault(request.source, deque())
            same.append(request)
            if same[0] is request:
                self._ready.append(request)
        else:
            streams = (other for other in self._unended if isinstance(other, FileStream))
            if any(other.destination == request.destination for other in streams):
                raise ValueError(f"a stream to {redact_urls(request.destination)!r} is open already")
            self._pairing.add(request)
        self._unended[request] = None
        self._changed.set()

    def release(self, request: FileRequest) -> None:
        """Something that was asked for has ended."""
        if request not in self._unended:
            return
        del self._unended[request]
        self._changed.set()
        if not isinstance(request, FileHandle):
            return
        same = self._by_source[request.source]
        was_first = same[0] is request
        same.remove(request)
        if request.number:
            self._started -= 1
        elif was_first:
            self._ready.remove(request)
        if not same:
            del self._by_source[request.source]
        elif was_first:
            self._ready.append(same[0])

    def forget(self, request: FileRequest) -> None:
        """Something was not sent to ascp in the end."""
        self._pairing.remove(request)


def _is_to_be_sent(request: FileRequest) -> bool:
    """Has it not all been sent to ascp?"""
    return not (request.closed if isinstance(request, FileStream) else request.number)
