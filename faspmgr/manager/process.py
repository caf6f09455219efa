"""One run of ascp under supervision: from its start until nothing of it is left.

Three things end a run, in any order: the last message, the closed connection, the exit of the process. None of them can
be relied on. So all are looked at twenty times a second, and each that lets the others wait too long ends the run::

                     no connection      last message       connection closed     process gone
    waits for        (connect_timeout)  (grace)            (grace)               (AFTER_EXIT)
    and then         ──────────────── stop: CANCEL, grace, SIGTERM, TERM_GRACE, SIGKILL ────────────────

The clock that measures this counts only the time in which this program could look. Setting the computer's clock changes
nothing, and a program that was stopped (Ctrl-Z) does not find all of its patience used up when it goes on.

ascp runs in a session of its own. A Ctrl-C in the terminal must not reach it, as CANCEL comes first, and whatever it
has started can be ended with it. ascp has been seen to ignore SIGTERM while it waits for its peer: SIGKILL is what it
takes.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp import start_problem
from faspmgr.manager.attempt import Attempt, Limits
from faspmgr.manager.port import Connection, ManagementPort, end_all
from faspmgr.protocol.commands import Cancel, Command
from faspmgr.protocol.events import ErrorEvent, Event, InitEvent, NotificationEvent, SessionEvent
from faspmgr.protocol.fields import REDACTED
from faspmgr.tracking import Session, Tracker
from faspmgr.verdicts import Verdict

LOOK_SECONDS = 0.05
MAX_STEP_SECONDS = 1.0
AFTER_EXIT = 0.5
MAX_BACKLOG_SECONDS = 300.0
"""How long what ascp has sent before its exit may take to be read: some megabytes, and a slow reader of events."""
TERM_GRACE = 2.0
KILL_GRACE = 5.0
"""A process that waits for its disk dies only when the disk answers. After this time it is given up."""
FALLBACK_GRACE = 60.0
"""After ERROR in a session that may go on over HTTP; less than connecting there may take would cut it off."""
HELLO_TIMEOUT = 5.0
MAX_STARTUP_EVENTS = 100
MAX_STDERR_LINE = 8_192
MAX_STDERR_TAIL = 20
"""Lines of standard error that an Attempt keeps."""
MAX_REFUSED = 100


@attrs.frozen
class Hooks:
    """What the run tells, and to whom.

    take: each event, in order, with the connection's number for the Tracker. data: the bytes of the connection. stderr:
    each line of ascp's standard error, with its line end, secrets hidden. say: one line about what is going on.
    """

    take: Callable[[Process, Event, Session], None]
    data: Callable[[bytes], object] | None = None
    stderr: Callable[[bytes], object] | None = None
    say: Callable[[str], object] | None = None


@attrs.frozen
class _Startup:
    """A connection that said INIT without a UserStr, and ERROR: a stranger, or an ascp that has failed at its start,
    on a wrong command line for one, which then does not say what -u was (seen, 3.9.0)."""

    connection: Connection
    events: list[Event]
    pieces: list[bytes]
    refusal: str


class Process:
    """One ascp. argv: without -M, which is added; user_str: what its first INIT must say."""

    def __init__(
        self,
        argv: Sequence[str],
        user_str: str,
        tracker: Tracker,
        hooks: Hooks,
        *,
        add_port: Callable[[Sequence[str], str], list[str]],
        environment: Mapping[str, str] | None = None,
        secrets: Sequence[str] = (),
        limits: Limits | None = None,
        number: int = 1,
        part: int = 1,
        key: int = 1,
    ) -> None:
        self.number = number
        self.part = part
        self.session: Session | None = None  # the one that spoke last
        self._argv = argv
        self._add_port = add_port
        self._user_str = user_str
        self._tracker = tracker
        self._hooks = hooks
        self._environment = {**os.environ, **(environment or {})}
        self._secrets = sorted((secret.encode("utf-8", "surrogateescape") for secret in secrets), key=len, reverse=True)
        self._limits = limits or Limits()
        self._key = key  # stands for the connection of this process in the tracker

        self._popen: subprocess.Popen[bytes] | None = None
        self._connection: Connection | None = None
        self._reading = False  # the connection is open
        self._tasks: set[asyncio.Task[None]] = set()
        self._failure: BaseException | None = None  # of a task: a bug, or what a caller's hook raised
        self._stderr: deque[str] = deque(maxlen=MAX_STDERR_TAIL)
        self._refused: list[str] = []
        self._startup: _Startup | None = None

        self._now = 0.0  # the clock of the module's comment
        self._closed_at = 0.0  # when the connection had closed
        self._progress_at = 0.0
        self._marker: tuple[Any, ...] = ()
        self._ended_at: float | None = None  # since when the session has ended, while it has
        self._gone_at: float | None = None  # when the process had gone
        self._looks = 0  # since the last event, once the process has gone
        self._stop_step = 0
        self._stop_next = 0.0
        self._reason = ""
        self._stalled = False

    # -- what callers use

    async def run(self) -> Attempt:
        """Run ascp to its end; nothing of it is left then, also when this is cancelled. Raises what a hook raises."""
        port = ManagementPort(hello_timeout=HELLO_TIMEOUT)
        try:
            await port.__aenter__()
        except OSError as error:
            return self._attempt("not started", error.strerror or str(error))
        try:
            problem = self._start(self._add_port(self._argv, port.address))
            if problem:
                return self._attempt("not started", problem)
            self._spawn(self._accept(port))
            self._spawn(self._pump_stderr())
            await self._supervise()
            self._settle_startup()
        finally:
            self._kill()
            await self._end_tasks()
            await port.aclose()
            self._tracker.end(self._key)
        if self._failure:
            raise self._failure
        return self._judge()

    @property
    def running(self) -> bool:
        """Has ascp connected, and not closed its connection yet?"""
        return self._reading

    async def send(self, command: Command) -> None:
        """Send a command. Raises ConnectionError where there is no connection (yet, or any more)."""
        if not self._connection:
            raise ConnectionError("ascp has not connected yet")
        await self._connection.send(command)

    def stop(self, reason: str) -> None:
        """End ascp: CANCEL, and where that does not help within the grace period, signals. run() sees it through."""
        if not self._stop_step:
            self._reason = self._reason or reason
            self._stop_step, self._stop_next = 1, self._now

    def kill(self, reason: str) -> None:
        """End ascp at once."""
        self.stop(reason)
        self._stop_step, self._stop_next = 3, self._now
        self._kill()

    # -- the process

    def _start(self, argv: Sequence[str]) -> str:
        try:
            self._popen = subprocess.Popen(
                argv,
                env=self._environment,
                stdout=subprocess.DEVNULL,  # its own progress display
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            return start_problem(argv[0], error)
        except ValueError as error:  # a NUL in an argument
            return f"{argv[0]}: {error}"
        return ""

    def _gone(self) -> bool:
        return self._popen is None or self._popen.poll() is not None

    def _signal(self, number: int) -> None:
        """Send a signal to ascp and to what it has started."""
        if self._popen:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._popen.pid, number)

    def _kill(self) -> None:
        """Leave nothing of ascp; harmless when it has gone, and then without harm to what it left behind on purpose."""
        if self._popen and not self._gone():
            self._signal(signal.SIGKILL)
            with contextlib.suppress(subprocess.TimeoutExpired):  # it hangs in the kernel, and ends when that lets it
                self._popen.wait(KILL_GRACE)

    async def _pump_stderr(self) -> None:
        assert self._popen
        assert self._popen.stderr
        reader = asyncio.StreamReader(limit=MAX_STDERR_LINE)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._popen.stderr)
        try:
            rest = b""
            while data := await reader.read(MAX_STDERR_LINE):
                *lines, rest = (rest + data).splitlines(keepends=True)
                if rest.endswith(b"\n") or len(rest) > MAX_STDERR_LINE:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    self._take_stderr(line)
            if rest:
                self._take_stderr(rest)
        finally:
            transport.close()

    def _take_stderr(self, line: bytes) -> None:
        for secret in self._secrets:
            line = line.replace(secret, REDACTED.encode())
        text = line.decode("utf-8", "surrogateescape").strip()
        if text:
            self._stderr.append(text)
        if self._hooks.stderr:
            self._hooks.stderr(line)

    # -- the connection

    async def _accept(self, port: ManagementPort) -> None:
        async for connection in port:
            self._spawn(self._greet(connection))

    async def _greet(self, connection: Connection) -> None:
        """Is it our ascp? Then read what it says, to the end."""
        pieces: list[bytes] = []
        connection.tap = pieces.append
        events = await connection.read()
        problem = self._stranger(events)
        if problem:
            if _is_nameless(events) and not self._connection:
                events += await _rest_of(connection)
            await connection.aclose()
            words = f"refused a connection from {connection.peer}: {problem}"
            if _is_nameless(events) and isinstance(events[-1], ErrorEvent) and not self._startup:
                self._startup = _Startup(connection, events, pieces, words)
            else:
                self._refuse(words)
            return
        self._connection, self._reading = connection, True
        connection.tap = self._hooks.data
        self._hand_on(pieces)
        while events:
            self._take(events)
            events = await connection.read()
        self._reading = False
        self._closed_at = self._now

    def _hand_on(self, pieces: list[bytes]) -> None:
        """What was held back until it was clear whose connection it is."""
        if self._hooks.data:
            for piece in pieces:
                self._hooks.data(piece)

    def _stranger(self, events: list[Event]) -> str:
        if self._connection:
            return "ascp has connected already"
        if not events:
            return "it sent no message"
        if not isinstance(events[0], InitEvent):
            return f"its first message is {events[0].type[:20]}, not INIT"
        if events[0].user_str != self._user_str:
            return "its UserStr is not the one that was given to ascp"
        return ""

    def _settle_startup(self) -> None:
        """Was the connection without a UserStr our ascp? It was, if that has failed and made no other connection."""
        startup, self._startup = self._startup, None
        if not startup:
            return
        if self._connection or not self._popen or self._popen.returncode in (None, 0):
            self._refuse(startup.refusal)
            return
        self._connection = startup.connection
        self._hand_on(startup.pieces)
        self._take(startup.events)

    def _refuse(self, words: str) -> None:
        if len(self._refused) < MAX_REFUSED:
            self._refused.append(words)
            self._say(words)

    def _take(self, events: list[Event]) -> None:
        self._looks = 0
        moved = False
        for event in events:
            session = self.session = self._tracker.update(event, self._key)
            moved = moved or isinstance(event, (InitEvent, SessionEvent, NotificationEvent))
            self._hooks.take(self, event, session)
        assert self.session
        marker = _marker(self.session)
        if moved or marker != self._marker:
            self._progress_at = self._now
        self._marker = marker
        if not self.session.ended:
            self._ended_at = None
        elif self._ended_at is None:
            self._ended_at = self._now

    # -- supervision

    async def _supervise(self) -> None:
        loop = asyncio.get_running_loop()
        looked = loop.time()
        while not self._finished():
            self._check_limits()
            self._stop_further()
            await asyncio.sleep(LOOK_SECONDS)
            self._now += min(loop.time() - looked, MAX_STEP_SECONDS)
            looked = loop.time()
            if self._failure:
                raise self._failure

    def _finished(self) -> bool:
        """Has the process gone, and is everything read that it has said?"""
        if not self._gone():
            return self._stop_step > 3 and self._now >= self._stop_next
        if self._gone_at is None:
            self._gone_at = self._now
        if self._connection and not self._reading:
            return True
        # What it sent may still be on the way, or somebody else holds its end of the connection. Silence is counted in
        # looks, as each gives the loop the time to read what is there; what is on the way comes with every look.
        quiet, self._looks = self._looks, self._looks + 1  # looks at which nothing had come since the one before
        since = self._now - self._gone_at
        silent = quiet * LOOK_SECONDS >= AFTER_EXIT
        late = since >= max(self._limits.grace, AFTER_EXIT) and quiet > 0
        if silent or late or since >= MAX_BACKLOG_SECONDS:
            if self._reading:
                self._reason = self._reason or "ascp has exited, but its connection stayed open"
                self._signal(signal.SIGKILL)  # whatever it has started that holds the connection
            return True
        return False

    def _check_limits(self) -> None:
        limits = self._limits
        if self._stop_step or self._gone():
            return
        if not self._connection:
            if self._now > limits.connect_timeout:
                self.stop(f"ascp did not connect within {limits.connect_timeout:g} s")
        elif not self._reading:
            if self._now - self._closed_at > limits.grace:
                self.stop("ascp closed its connection, but did not exit")
        elif self._ended_at is not None:
            if self._now - self._ended_at > self._end_grace():
                self.stop("ascp did not exit after its last message")
        elif limits.stall_timeout is not None and self._now - self._progress_at > limits.stall_timeout:
            if self._is_idle():
                self._progress_at = self._now
            else:
                self._stalled = True
                self.stop(f"no progress for {limits.stall_timeout:g} s")

    def _end_grace(self) -> float:
        session = self.session
        may_fall_back = session and session.error and session.negotiated and session.negotiated.fallback_protocol
        return max(self._limits.grace, FALLBACK_GRACE) if may_fall_back else self._limits.grace

    def _is_idle(self) -> bool:
        """Does a persistent session wait for its next file?"""
        session = self.session
        return bool(session and session.negotiated and session.negotiated.keepalive and not session.files_active)

    def _stop_further(self) -> None:
        """The next step of stop(), when the last one has not helped in its time."""
        if not self._stop_step or self._now < self._stop_next or self._gone():
            return
        step, self._stop_step = self._stop_step, self._stop_step + 1
        if step == 1 and self._reading and self._ended_at is None:
            self._spawn(self._cancel())
            self._stop_next = self._now + self._limits.grace
        elif step <= 2:
            self._stop_step = 3
            self._signal(signal.SIGTERM)
            self._stop_next = self._now + min(self._limits.grace, TERM_GRACE)
        else:
            self._signal(signal.SIGKILL)
            self._stop_next = self._now + KILL_GRACE

    async def _cancel(self) -> None:
        with contextlib.suppress(ConnectionError):
            await self.send(Cancel())

    # -- tasks

    def _spawn(self, coroutine: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._failure = self._failure or task.exception()

    async def _end_tasks(self) -> None:
        """Let what was written before the end be read, but do not wait for what somebody else may hold open."""
        tasks = set(self._tasks)
        if tasks:
            await asyncio.wait(tasks, timeout=LOOK_SECONDS)
        await end_all(self._tasks)
        if self._popen and self._popen.stderr:
            self._popen.stderr.close()

    # -- the verdict

    def _judge(self) -> Attempt:
        if not self._connection:
            status = self._popen.returncode if self._popen else None
            said = self._stderr[0] if self._stderr else ""  # what follows is advice on usage
            words = self._reason or f"ascp {_shown_exit(status)} without connecting"
            return self._attempt("not started", f"{words}: {said}" if said else words)
        session = self.session
        if session and session.state == "done":
            return self._attempt("done", self._reason)
        if session and session.state == "failed":
            return self._attempt("failed", self._reason)
        status = self._popen.returncode if self._popen else None
        words = self._reason or f"ascp {_shown_exit(status)} without DONE or ERROR"
        if self._connection.error and not self._reason:
            words += f" ({self._connection.error.strerror or self._connection.error})"
        return self._attempt("lost", words)

    def _attempt(self, verdict: Verdict, reason: str) -> Attempt:
        return Attempt(
            number=self.number,
            part=self.part,
            verdict=verdict,
            error=self.session.error if self.session else None,
            reason=reason,
            stalled=self._stalled,
            exit_status=self._popen.returncode if self._popen else None,
            stderr=tuple(self._stderr),
            refused=tuple(self._refused),
        )

    def _say(self, words: str) -> None:
        if self._hooks.say:
            self._hooks.say(words)


def _is_nameless(events: list[Event]) -> bool:
    return bool(events) and isinstance(events[0], InitEvent) and events[0].user_str is None


async def _rest_of(connection: Connection) -> list[Event]:
    """What a connection that may be a stranger's still says, if it is short."""
    events: list[Event] = []

    async def read() -> None:
        while len(events) < MAX_STARTUP_EVENTS and (more := await connection.read()):
            events.extend(more)

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(read(), HELLO_TIMEOUT)
    return events


def _marker(session: Session) -> tuple[Any, ...]:
    """What changes when there is progress."""
    return (
        session.id,
        session.state,
        session.bytes_transferred,
        session.bytes_done,
        session.files_done,
        session.files_skipped,
        session.files_failed,
        session.files_active,
    )


def _shown_exit(status: int | None) -> str:
    if status is None:
        return "ended"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
