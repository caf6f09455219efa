"""A job whose session the program drives: it gives it files one by one, or streams them into it.

What stands here is between the program and one ascp: it sends what was asked for, hands each event to the file that it
is about, and sees that nothing that was asked for stays without an end. Which file that is, pairing.py knows; what
becomes of it, handles.py and streams.py. ascp itself is run by job.py, as any other.

::

    upload ──▶ queued ──START──▶ transferring ──STOP, SKIP, FILEERROR, ARGSTOP──▶ done, skipped, failed
                 └── the same source is asked for already: waits for its end          ▲
                                                     the end of the session ──────────┘ failed, by name

ascp knows a file by its source alone, in what it reports and in what it is told to stop. So it is given a source once
at a time, and never more files than MAX_STARTED; the others wait here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from types import TracebackType
from typing import Self

from faspmgr.errors import TransferError
from faspmgr.manager.blocks import Source
from faspmgr.manager.handles import FileHandle, FileRequest
from faspmgr.manager.pairing import Pairing
from faspmgr.manager.port import Connection
from faspmgr.manager.replies import REPLY_TIMEOUT, Reply
from faspmgr.manager.result import Result
from faspmgr.manager.streams import FileStream, copy
from faspmgr.manager.tasks import task_group
from faspmgr.protocol.commands import Command, Finish, SetRate, StartFile, Write
from faspmgr.protocol.events import ArgStopEvent, ErrorEvent, Event, FileEvent, NotificationEvent, SessionEvent
from faspmgr.tracking import Session

SETTLE_SECONDS = 1.0
"""After SESSION, the time in which a session that is refused after all is seen to end. NOTIFICATION says that it is
not; not every ascp need send it."""
MAX_STARTED = 1_000
"""Files that ascp is given before it has reported the end of those before: more than it works on, and few enough for
any queue."""


class DrivenJob:
    """What a Job has for a program that drives its session; see Job.

    Args:
        persistent: whether files can be given to the session.
        streaming: whether files can be streamed into the session.
        idle_timeout: seconds without a file after which the session is finished; None for any time.
    """

    def __init__(self, persistent: bool, streaming: bool, idle_timeout: float | None) -> None:
        self.result: Result | None = None

        self._persistent = persistent
        self._streaming = streaming
        self._idle_timeout = idle_timeout
        # Runs ascp; None before the session is entered.
        self._session_task: asyncio.Task[Result] | None = None
        # The session as its events show it; None before the first.
        self._session: Session | None = None
        # Whether it can be given files.
        self._negotiated = False
        # Set when that may have changed.
        self._news = asyncio.Event()
        # Set when the session is there, and the program has it.
        self._entered = asyncio.Event()
        # The target rate to go back to after pause(), Kbps; None where there is none.
        self._rate_before: int | None = None
        # Set unless the target rate is 0: then ascp reads only some of the data, and a RATE behind more data never.
        self._moves = asyncio.Event()
        self._moves.set()

        # All that was asked for and has not ended.
        self._unended: dict[FileRequest, None] = {}
        # The files of each source that have not ended: the first is given to ascp, the others wait for its end.
        self._by_source: dict[str, deque[FileHandle]] = {}
        # The files that can be given to ascp, and how many it has.
        self._ready: deque[FileHandle] = deque()
        self._started = 0
        # Other commands that are to be sent, and whether there are none.
        self._commands: deque[Command] = deque()
        self._posted = asyncio.Event()
        self._posted.set()
        # Which of the requests that ascp has got an event is about.
        self._pairing = Pairing()
        # Why nothing more can be asked for; empty where it can.
        self._closing = ""
        # Whether DONE was sent.
        self._finished = False
        # Set when there may be something to send.
        self._changed = asyncio.Event()

    # -- of Job

    async def run(self) -> Result:
        """See Job."""
        raise NotImplementedError

    def stop(self, reason: str, interrupted: bool = True) -> None:
        """See Job."""
        raise NotImplementedError

    def kill(self, reason: str) -> None:
        """See Job."""
        raise NotImplementedError

    async def send(self, command: Command, timeout: float = REPLY_TIMEOUT) -> Reply:
        """See Job."""
        raise NotImplementedError

    @property
    def _connection(self) -> Connection:
        """The connection of ascp. Raises ConnectionError where there is none."""
        raise NotImplementedError

    # -- what callers use

    async def __aenter__(self) -> Self:
        if not (self._persistent or self._streaming):
            raise RuntimeError("'async with' is for Job(…, persistent=True) or streaming=True: use run() for this one")
        task = self._session_task = asyncio.create_task(self._drive())
        task.add_done_callback(lambda _: self._news.set())
        try:
            while not self._negotiated and not task.done():
                self._news.clear()
                has_session = self._session and self._session.state == "negotiated"
                try:
                    async with asyncio.timeout(SETTLE_SECONDS if has_session else None):
                        await self._news.wait()
                except TimeoutError:
                    self._negotiated = True
        except asyncio.CancelledError:
            task.cancel()
            await task
            raise
        if task.done():
            result = task.result()
            raise TransferError(f"the session was not negotiated: {_summary(result)}", result)
        self._entered.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = self._task()
        try:
            if kind is None:
                await self.finish()
        finally:
            if not task.done():
                self.stop("cancelled")
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                self.kill("cancelled")
                await asyncio.wait({task})
                raise
        task.result()

    async def upload(
        self, source: str, destination: str, start: int | None = None, end: int | None = None
    ) -> FileHandle:
        """Transfer one more file, or directory, in a persistent session that sends.

        Args:
            source: path of the file, where this ascp reads it.
            destination: path where the file goes to, below the destination of the session.
            start: first byte of a range.
            end: last byte of a range.

        Returns:
            The handle. The file is on its way or waits; ``await handle.done()`` waits for its end.

        Raises:
            ValueError: the session receives, a path is empty, or the range ends before it begins.
            TransferError: the session has ended, or is about to end.
            RuntimeError: the job is not persistent, or not inside of its ``async with``.
        """
        return await self._request(StartFile(source, destination, start, end), "Send")

    async def download(
        self, source: str, destination: str, start: int | None = None, end: int | None = None
    ) -> FileHandle:
        """Transfer one more file, or directory, in a persistent session that receives.

        Args and errors are those of ``upload``; source is a path of the peer.
        """
        return await self._request(StartFile(source, destination, start, end), "Receive")

    def open(self, destination: str, size: int | None = None) -> FileStream:
        """Stream data into a file, in a job with ``streaming=True``: ``async with job.open(…) as stream:``.

        Args:
            destination: path where the file goes to, below the destination of the session.
            size: bytes of the file, where they are known; it fails where another number of them is written.

        Raises:
            ValueError: the path is empty, or the size negative.
            RuntimeError: the job is not streaming.
        """
        if not self._streaming:
            raise RuntimeError("no files can be streamed into this session: make a Job(…, streaming=True)")
        return FileStream(self, destination, size)

    async def copy(self, source: Source, destination: str, size: int | None = None) -> FileStream:
        """Stream all that a source holds into a file, in a job with ``streaming=True``.

        Args:
            source: a binary file object, an asyncio.StreamReader, or an asynchronous iterator of bytes-like objects. A
                pipe is read as it comes; what any other file object has is read in a thread.
            destination: as for ``open``.
            size: as for ``open``.

        Returns:
            The stream, which is done.

        Raises:
            FileTransferError: the file has failed; what it was fed with is not read any further.
            TypeError: the source is something else, or gives text.
            BaseException: what the source raises. The file is broken off then.
        """
        return await copy(self, source, destination, size)

    async def finish(self, now: bool = False) -> Result:
        """End the session when all that was asked for is transferred and no stream is open, and wait for that.

        Args:
            now: do not wait for anything: what has not ended fails.

        Returns:
            How the session ended. Where this is cancelled, it goes on ending.
        """
        task = self._task()
        self._closing = "it was asked to finish"
        self._changed.set()
        if now:
            self._finished = True
            with contextlib.suppress(ConnectionError):
                await self._connection.send(Finish(now=True))
        await asyncio.wait({task})
        return task.result()

    async def cancel(self) -> Result:
        """Cancel the session, and wait for its end, by the steps of ``stop``. What has not ended fails.

        Returns:
            How the session ended. Where this is cancelled, it goes on ending.
        """
        task = self._task()
        self.stop("cancelled")
        await asyncio.wait({task})
        return task.result()

    async def pause(self) -> Reply:
        """Let nothing move: set the target rate to 0. It is for ascp, and for its server, to allow that.

        What is written to a stream waits then.
        """
        rate = self._session.target_rate_kbps if self._session else None
        if not isinstance(rate, int):
            return Reply(False, "the target rate to go back to is not known")
        self._rate_before = rate or self._rate_before
        return await self.send(SetRate(target_kbps=0))

    async def resume(self) -> Reply:
        """Set the target rate to what it was before ``pause``."""
        if self._rate_before is None:
            return Reply(False, "the session is not paused")
        reply = await self.send(SetRate(target_kbps=self._rate_before))
        if reply.accepted:
            self._rate_before = None
        return reply

    # -- the session

    async def _drive(self) -> Result:
        """Run the job and feed it. At its end, whatever was asked for and has not ended fails."""
        reason = "the job was broken off"
        try:
            async with task_group() as tasks:
                feeding = tasks.create_task(self._feed())
                try:
                    result = self.result = await self.run()
                finally:
                    feeding.cancel()
            reason = f"the session ended before its end was reported: {_summary(result)}"
            return result
        finally:
            self._closing = self._closing or reason
            for request in list(self._unended):
                request.fail(reason)

    async def _feed(self) -> None:
        """Send what is to be sent, one after the other, and DONE when nothing more will come."""
        await self._entered.wait()
        with contextlib.suppress(ConnectionError):  # the end of the session, which is near, says all
            while True:
                if self._commands:
                    await self.write(self._commands[0])
                    self._commands.popleft()
                    if not self._commands:
                        self._posted.set()
                elif self._ready and self._started < MAX_STARTED:
                    file = self._ready.popleft()
                    self._started += 1
                    self._pairing.add(file)
                    await self.write(file.command)
                elif self._closing and not self._ready and not any(map(_is_to_be_sent, self._unended)):
                    self._finished = True
                    await self.write(Finish())
                    return
                else:
                    self._changed.clear()
                    try:
                        async with asyncio.timeout(None if self._unended else self._idle_timeout):
                            await self._changed.wait()
                    except TimeoutError:
                        self._closing = f"it was finished after {self._idle_timeout:g} s without a file"

    def _follow(self, event: Event, session: Session) -> None:
        """Hand an event to the file that it is about."""
        self._session = session
        if isinstance(event, (FileEvent, ArgStopEvent)):
            request = self._pairing.find(event)
            if request and request.apply(event):
                self._pairing.remove(request)
        elif isinstance(event, (SessionEvent, NotificationEvent)):
            self._negotiated = self._negotiated or isinstance(event, NotificationEvent)
            self._news.set()
            if session.target_rate_kbps == 0:
                self._moves.clear()
            else:
                self._moves.set()
        elif isinstance(event, ErrorEvent):
            self._negotiated = False
            self._news.set()

    def _is_idle(self) -> bool:
        """Is there nothing that ascp should do?"""
        if not self._entered.is_set() or self._finished:
            return False
        if not self._moves.is_set():
            return True
        return not self._started and not any(
            isinstance(request, FileStream) and request.waits for request in self._unended
        )

    def _task(self) -> asyncio.Task[Result]:
        if self._session_task is None:
            raise RuntimeError("the session has not begun: use 'async with Job(…) as job:'")
        return self._session_task

    # -- its files

    async def _request(self, command: StartFile, direction: str) -> FileHandle:
        if not self._persistent:
            raise RuntimeError("no files can be given to this session: make a Job(…, persistent=True)")
        self._task()
        if self._session and self._session.direction not in (None, direction):
            raise ValueError(f"the direction of the session is {self._session.direction}, not {direction}")
        file = FileHandle(self, command, is_download=direction == "Receive")
        self.enlist(file)
        await asyncio.sleep(0)  # START goes out, and what arrives is read
        return file

    def enlist(self, request: FileRequest) -> None:
        """Something is asked for.

        Raises:
            ValueError: a stream to this destination is open.
            TransferError: the session has ended, or is about to end.
        """
        if self._closing or self._task().done():
            raise TransferError(f"{request.paths[0]}: the session takes nothing more: {self._closing}", self.result)
        if isinstance(request, FileHandle):
            same = self._by_source.setdefault(request.source, deque())
            same.append(request)
            if same[0] is request:
                self._ready.append(request)
        else:
            streams = (other for other in self._unended if isinstance(other, FileStream))
            if any(other.destination == request.destination for other in streams):
                raise ValueError(f"a stream to {request.destination!r} is open already")
            self._pairing.add(request)
        self._unended[request] = None
        self._changed.set()

    def release(self, request: FileRequest) -> None:
        """Something that was asked for has ended."""
        self._unended.pop(request, None)
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

    def post(self, command: Command) -> None:
        """Send a command behind those that wait to be sent."""
        self._commands.append(command)
        self._posted.clear()
        self._changed.set()

    async def posted(self) -> None:
        """Wait until all that post() was given is sent."""
        await self._posted.wait()

    async def write(self, command: Command) -> None:
        """Send a command, and wait for its turn and for room in the socket; data wait for the end of a pause, too.

        Raises:
            ConnectionError: the connection is closed.
        """
        if isinstance(command, Write):
            await self._moves.wait()
        await self._connection.write(command.parts())


def _is_to_be_sent(request: FileRequest) -> bool:
    """Has it not all been sent to ascp?"""
    return not (request.closed if isinstance(request, FileStream) else request.number)


def _summary(result: Result) -> str:
    because = "; ".join(filter(None, [str(result.error) if result.error else "", result.reason]))
    return f"{result.verdict}: {because}" if because else result.verdict
