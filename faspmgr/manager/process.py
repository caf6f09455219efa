"""One run of ascp under supervision: from its start until nothing of it is left.

What stands here starts the process, reads its connection, looks at it twenty times a second, and carries out what
others decide: identify.py whose a connection is, watchdog.py which limit was hit, stopping.py which step of stopping is
due, attempt.py what the verdict is. The process itself is a Child. Nothing in here blocks the event loop.

::

    start ──▶ connection ──▶ events … ──▶ last message ──▶ connection closed ──▶ exit ──▶ all is read ──▶ verdict
              └─────────── the watchdog limits each wait; a limit that is hit begins to stop ascp ───┘
                           CANCEL ──▶ SIGTERM ──▶ SIGKILL ──▶ given up
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shlex
import signal
from collections.abc import Callable, Mapping, Sequence

import attrs

from faspmgr.ascp import reads_stdin, start_problem
from faspmgr.manager.attempt import Attempt, Limits, judge
from faspmgr.manager.child import Child
from faspmgr.manager.identify import IDENTIFY_TIMEOUT, Identification, Visitor
from faspmgr.manager.owner import Owners
from faspmgr.manager.port import Connection, ManagementPort
from faspmgr.manager.stderr import StandardError
from faspmgr.manager.stopping import STOP_STEPS, Stopping, StopStep
from faspmgr.manager.tasks import task_group
from faspmgr.manager.watchdog import LOOK_SECONDS, Phase, Watchdog
from faspmgr.protocol.commands import Cancel, Command
from faspmgr.protocol.events import Event, InitEvent, NotificationEvent, SessionEvent
from faspmgr.tracking import Session, Tracker
from faspmgr.verdicts import Verdict

SIGNALS = {StopStep.SIGTERM: signal.SIGTERM, StopStep.SIGKILL: signal.SIGKILL}
MAX_STDERR_LOOKS = 100
"""Looks after the exit, at most, for what is left of standard error: somebody else may write to it for ever."""

logger = logging.getLogger(__name__)


@attrs.frozen
class Hooks:
    """What a run reports, and to whom. What a hook raises ends the run, and comes out of it.

    Attributes:
        on_event: each event, in order, with the process and the state of its session after it.
        on_data: the bytes of the connection, before they are parsed.
        on_stderr: each line of ascp's standard error with its line end, secrets hidden.
        on_message: lines about what is going on.
        is_idle: asked whether ascp has nothing to do; None where its messages tell.
    """

    on_event: Callable[[Process, Event, Session], object]
    on_data: Callable[[bytes], object] | None = None
    on_stderr: Callable[[bytes], object] | None = None
    on_message: Callable[[str], object] | None = None
    is_idle: Callable[[], bool] | None = None


class Process:
    """One ascp.

    Args:
        argv: its command line; without ``-M``, which add_port adds.
        user_str: what its first INIT says.
        tracker: gets its events.
        hooks: what the run reports, and to whom.
        add_port: gives argv with the address of the management port.
        environment: variables beside those of this process.
        secrets: texts that must not be shown.
        limits: how long what may take.
        number: which attempt this is, from 1.
        part: which session of a multi-session transfer, from 1.
    """

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
    ) -> None:
        limits = limits or Limits()
        self.number = number
        self.part = part
        # The session that spoke last; None before the first event.
        self.session: Session | None = None

        self._argv = argv
        self._add_port = add_port
        self._environment = {**os.environ, **(environment or {})}
        self._hooks = hooks
        self._tracker = tracker
        # Stands for the connection of this process in the tracker, which others may use, too.
        self._stream = object()

        self._watchdog = Watchdog(limits, hooks.is_idle)
        self._stopping = Stopping(limits.grace)
        self._identification = Identification(user_str, self._report_refused)
        self._stderr = StandardError(secrets, hooks.on_stderr)

        # The process; None until it has started, and if it could not be.
        self._child: Child | None = None
        # Why the run was ended, in one line; empty if it ended by itself.
        self._reason = ""
        # Whether it was ended because nothing moved.
        self._stalled = False

    # -- what callers use

    async def run(self) -> Attempt:
        """Run ascp to its end; nothing of it is left then, also when this is cancelled.

        Raises:
            BaseException: what a hook raises.
        """
        if self._stopping.begun:
            return self._attempt("not started", self._reason)
        async with contextlib.AsyncExitStack() as stack:
            try:
                port = await stack.enter_async_context(ManagementPort(hello_timeout=IDENTIFY_TIMEOUT))
            except OSError as error:
                return self._attempt("not started", error.strerror or str(error))
            try:
                child = self._child = self._start(port.address)
            except OSError as error:
                return self._attempt("not started", start_problem(self._argv[0], error))
            except ValueError as error:  # a NUL in an argument
                return self._attempt("not started", f"{self._argv[0]}: {error}")
            self._identification.owners = Owners(child.pid)
            try:
                await self._supervise(child, port)
            finally:
                self._tracker.end(self._stream)
        return self._verdict(child)

    @property
    def connected(self) -> bool:
        """Has ascp connected, and not closed its connection yet?"""
        return self._identification.connection is not None and not self._watchdog.disconnected

    async def send(self, command: Command) -> None:
        """Send a command.

        Raises:
            ConnectionError: there is no connection, yet or any more.
        """
        await self.connection.send(command)

    @property
    def connection(self) -> Connection:
        """The connection of ascp, also after it has closed.

        Raises:
            ConnectionError: there is none yet.
        """
        connection = self._identification.connection
        if not connection:
            raise ConnectionError("ascp has not connected yet")
        return connection

    def stop(self, reason: str) -> None:
        """Begin to stop ascp with the first of STOP_STEPS. run() sees it through, and returns."""
        self._reason = self._reason or reason
        self._stopping.begin(self._watchdog.now)

    def kill(self, reason: str) -> None:
        """Stop ascp at once."""
        self._reason = self._reason or reason
        self._stopping.begin_with_kill(self._watchdog.now)

    # -- the process

    def _start(self, address: str) -> Child:
        argv = self._add_port(self._argv, address)
        child = Child(argv, self._environment, stdin=reads_stdin(argv))
        if logger.isEnabledFor(logging.INFO):
            logger.info("ascp %d: started: %s", child.pid, shlex.join(map(self._stderr.redact, argv)))
        return child

    async def _supervise(self, child: Child, port: ManagementPort) -> None:
        """See a process to its end, and end the tasks that read what it sends."""
        with child.stderr:
            async with task_group() as tasks:
                stderr = tasks.create_task(self._stderr.read(child.stderr))
                tasks.create_task(self._accept(port, tasks))
                try:
                    await self._watch(child)
                    await self._read_rest_of_stderr(stderr)
                finally:
                    try:
                        await self._leave_nothing(child)
                    finally:
                        stderr.cancel()
                        await port.aclose()  # all that reads or waits for a connection ends with it
        held_back = self._identification.settle(child.exit_status)
        if held_back:
            self._hand_on(held_back)

    async def _watch(self, child: Child) -> None:
        """The supervision: look again and again, until ascp has exited and all that it has sent was read."""
        watchdog, stopping = self._watchdog, self._stopping
        clock = asyncio.get_running_loop().time
        looked = clock()
        while True:
            if child.poll():
                watchdog.exited()
            if self._identification.looking:
                watchdog.heard()  # what was sent before the exit may be what is looked at
            hit = watchdog.hit()
            if watchdog.phase is Phase.EXITED:
                if watchdog.disconnected:
                    return
                if hit:
                    if self.connected:
                        # Whatever it has started holds the connection open.
                        logger.warning("ascp %d: %s", child.pid, hit.reason)
                        self._reason = self._reason or hit.reason
                        child.signal(signal.SIGKILL)
                    return
            else:
                if hit and not stopping.begun:
                    logger.warning("ascp %d: %s", child.pid, hit.reason)
                    self._stalled = hit.phase is Phase.CONNECTED
                    self.stop(hit.reason)
                # A session that has ended has nothing left to cancel.
                hears, doubt = watchdog.phase is Phase.CONNECTED, self._identification.looking > 0
                step = stopping.advance(watchdog.now, hears, doubt)
                if step:
                    await self._carry_out(step, child)
                if step is StopStep.GIVEN_UP:
                    return
            await asyncio.sleep(LOOK_SECONDS)
            now = clock()
            watchdog.look(now - looked)
            looked = now

    async def _carry_out(self, step: StopStep, child: Child) -> None:
        """Do what a step of stopping says."""
        level = logging.INFO if step is StopStep.CANCEL else logging.WARNING
        logger.log(level, "ascp %d: stopping: %s (%s)", child.pid, STOP_STEPS[step].action, self._reason)
        if step is StopStep.CANCEL:
            with contextlib.suppress(ConnectionError):
                await self.send(Cancel())  # does not wait for ascp
        elif step in SIGNALS:
            child.signal(SIGNALS[step])

    async def _read_rest_of_stderr(self, reading: asyncio.Task[None]) -> None:
        """Let what ascp wrote before its exit be read, but do not wait for what somebody else may hold open.

        Where the reader of our lines does not keep up, he is waited for until the run is to be stopped.
        """
        looks = 0
        while looks < MAX_STDERR_LOOKS:
            reads = self._stderr.reads
            await asyncio.wait({reading}, timeout=LOOK_SECONDS)
            if self._stderr.held_up and not self._stopping.begun:
                continue
            if reading.done() or self._stderr.reads == reads:
                return
            looks += 1

    async def _leave_nothing(self, child: Child) -> None:
        """Kill what still runs when a hook or a cancellation has ended the supervision, and wait for its end."""
        if child.poll() or self._stopping.step is StopStep.GIVEN_UP:
            return
        logger.warning(
            "ascp %d: the supervision has ended before it: %s", child.pid, STOP_STEPS[StopStep.SIGKILL].action
        )
        child.signal(signal.SIGKILL)
        left = STOP_STEPS[StopStep.SIGKILL].wait(0.0)
        while not child.poll() and left > 0:
            await asyncio.sleep(LOOK_SECONDS)
            left -= LOOK_SECONDS

    # -- its connection

    async def _accept(self, port: ManagementPort, tasks: asyncio.TaskGroup) -> None:
        async for connection in port:
            tasks.create_task(self._serve(connection))

    async def _serve(self, connection: Connection) -> None:
        """Read a connection to its end, if it is that of our ascp."""
        self._watchdog.heard()  # after the exit, that of ascp may be the next one
        visitor = await self._identification.identify(connection)
        if visitor is None:
            return
        assert self._child
        logger.info("ascp %d: connected from %s", self._child.pid, connection.peer)
        self._watchdog.connected()
        connection.tap = self._hooks.on_data
        self._hand_on(visitor)
        while events := await connection.read():
            self._apply(events)
        self._watchdog.closed()

    def _hand_on(self, visitor: Visitor) -> None:
        """What was held back until it was clear whose connection it is."""
        if self._hooks.on_data:
            for piece in visitor.pieces:
                self._hooks.on_data(piece)
        self._apply(visitor.events)

    def _apply(self, events: list[Event]) -> None:
        moved = False
        for event in events:
            session = self.session = self._tracker.update(event, self._stream)
            moved = moved or isinstance(event, (InitEvent, SessionEvent, NotificationEvent))
            self._hooks.on_event(self, event, session)
        assert self.session
        self._watchdog.received(self.session, moved)

    def _report_refused(self, refusal: str) -> None:
        logger.warning("%s", refusal)
        if self._hooks.on_message:
            self._hooks.on_message(refusal)

    # -- the verdict

    def _verdict(self, child: Child) -> Attempt:
        connection = self._identification.connection
        verdict, reason = judge(
            self.session,
            connected=connection is not None,
            exit_status=child.exit_status,
            reason=self._reason,
            stderr=self._stderr.tail[0] if self._stderr.tail else "",
            connection_error=connection.error if connection else None,
        )
        attempt = self._attempt(verdict, reason)
        logger.info("ascp %d: %s", child.pid, attempt.summary)
        return attempt

    def _attempt(self, verdict: Verdict, reason: str) -> Attempt:
        return Attempt(
            number=self.number,
            part=self.part,
            verdict=verdict,
            error=self.session.error if self.session else None,
            reason=reason,
            stalled=self._stalled,
            exit_status=self._child.exit_status if self._child else None,
            stderr=tuple(self._stderr.tail),
            refused=tuple(self._identification.refused),
        )
