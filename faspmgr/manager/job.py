"""A transfer from its start to its verdict: one ascp or several at once, and again where a retry makes sense.

Each session of a multi-session transfer is a part, and each part has its attempts. Their events go into one Tracker,
which sees by UserStr or XferId that they are one transfer. The job is done when all parts are; the first part that
fails for good ends the others, and its verdict is that of the job.

What stands here decides which ascp runs when. What a single one does is the matter of process.py.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import os
from collections.abc import Callable, Mapping

import attrs

from faspmgr.arguments import check_callbacks
from faspmgr.ascp import with_option
from faspmgr.captures.recorder import Recording
from faspmgr.errors import AscpError
from faspmgr.manager.attempt import CONNECT_TIMEOUT, GRACE, Attempt, Limits, check_minimum, check_positive, decisive
from faspmgr.manager.driven import DrivenJob
from faspmgr.manager.launch import ArgvOrSpec, Invocations, Launch
from faspmgr.manager.port import Connection
from faspmgr.manager.process import Hooks, Process
from faspmgr.manager.replies import REPLY_TIMEOUT, PendingCommand, Reply, combine
from faspmgr.manager.result import Result
from faspmgr.manager.retries import RETRY_WAIT, retry_delay
from faspmgr.manager.share import Share
from faspmgr.manager.tasks import task_group
from faspmgr.protocol.commands import Cancel, Command
from faspmgr.protocol.events import Event
from faspmgr.tracking import Session, Tracker, Transfer

PROGRESS_SECONDS = 0.1

logger = logging.getLogger(__name__)


class Job(DrivenJob):
    """A transfer that can be watched and controlled while run() runs it. All methods are for one event loop.

    With ``persistent`` or ``streaming`` it is an asynchronous context manager, and the program drives its session: it
    gives it files (``upload``, ``download``), or streams them into it (``open``, ``copy``). Entering starts ascp and
    waits until the session is negotiated; it raises TransferError where the session ends before. Leaving finishes the
    session, and waits for its end, which ``result`` has; an exception that leaves the block cancels it.

    Args:
        argv_or_spec: a command line of ascp, the program first (``ascp`` is looked for), or a transfer spec. ``-M`` is
            added, and ``-u`` if it has none.
        ascp: the path of the ascp to run, in place of the one that is looked for.
        retry: how many times a part that failed is run again: for codes that are worth it, after a stall, and where
            ascp was lost. Every attempt has ``-k 1`` then, so that the next one can resume, unless the command line or
            the spec has a resume policy.
        sessions: how many ascp share the transfer, 1 to 128. By default as many as the spec says, else one.
        udp_port: the UDP port of the first session; the others get those that follow it.
        persistent: files are given to the session while it runs; adds ``--keepalive``.
        streaming: files are streamed into the session; adds ``--faspmgr-io``.
        idle_timeout: seconds without a file after which a session that the program drives is finished; None for any
            time.
        connect_timeout: seconds from the start of ascp to its connection.
        stall_timeout: seconds without progress after which ascp is stopped; None for any time.
        grace: seconds for ascp to end when it should, before it gets a signal.
        retry_wait: seconds before the first retry, doubled each time up to 60.
        environment: variables beside those of this process. Secrets belong here, not on the command line.
        record: where the bytes of the management stream are written: a file, or a directory for a file for each
            connection. How the run went is noted beside them.
        tracker: keeps the state; by default a new one. Several jobs may use the same, and each has its own transfer
            there, unless they have the same UserStr or XferId.
        on_event: called with each event, and its session in the state after it.
        on_progress: called with the transfers, ten times a second and at the end.
        on_stderr: called with each line that ascp writes to standard error, as bytes, secrets hidden. Where it returns
            an awaitable, such as a future, the next line waits for that.
        on_message: called with each line that the job has to report, such as a retry.

    A callback is a plain function. What it raises ends the transfer, and comes out of run().

    Raises:
        ValueError: the command line or the spec cannot be run, or an argument is invalid. Neither ``retry`` nor
            ``sessions`` go together with ``persistent`` or ``streaming``: only the program can ask once more for what
            it has asked for.
        TypeError: a word of the command line is no text, or a callback is a coroutine function.
        OSError: the recording cannot be written.

    Attributes:
        tracker: the state of sessions and transfers, those of others among them where they use it, too.
        attempts: every run of ascp that has ended so far.
        result: how a session ended that the program drives; None as long as it has not.

    Example:
        >>> async def upload():
        ...     job = Job(["ascp", "-l", "100m", "clip.mov", "user@host:/in"], stall_timeout=60)
        ...     asyncio.get_running_loop().call_later(3600, job.stop, "it took more than an hour")
        ...     return await job.run()
    """

    def __init__(
        self,
        argv_or_spec: ArgvOrSpec,
        *,
        ascp: str | os.PathLike[str] | None = None,
        retry: int = 0,
        sessions: int | None = None,
        udp_port: int | None = None,
        persistent: bool = False,
        streaming: bool = False,
        idle_timeout: float | None = None,
        connect_timeout: float = CONNECT_TIMEOUT,
        stall_timeout: float | None = None,
        grace: float = GRACE,
        retry_wait: float = RETRY_WAIT,
        environment: Mapping[str, str] | None = None,
        record: str | os.PathLike[str] | None = None,
        tracker: Tracker | None = None,
        on_event: Callable[[Event, Session], object] | None = None,
        on_progress: Callable[[list[Transfer]], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        on_message: Callable[[str], object] | None = None,
    ) -> None:
        check_minimum(retry=retry, retry_wait=retry_wait, grace=grace)
        check_positive(connect_timeout=connect_timeout, stall_timeout=stall_timeout, idle_timeout=idle_timeout)
        check_callbacks(on_event=on_event, on_progress=on_progress, on_stderr=on_stderr, on_message=on_message)

        super().__init__(persistent, streaming, idle_timeout)
        self.tracker = Tracker() if tracker is None else tracker
        self.attempts: list[Attempt] = []

        # What of the tracker is this job's; None where all of it is.
        self._share = None if tracker is None else Share(self.tracker)
        self._launch = Launch(
            argv_or_spec,
            ascp=ascp,
            retry=retry > 0,
            sessions=sessions,
            udp_port=udp_port,
            environment=environment,
            persistent=persistent,
            streaming=streaming,
        )
        self._retry = retry
        self._retry_wait = retry_wait
        self._limits = Limits(connect_timeout, stall_timeout, grace)
        self._on_event = on_event
        self._on_progress = on_progress
        self._on_stderr = on_stderr
        self._on_message = on_message
        self._recording = None if record is None else Recording(record, parts=self._launch.count)

        # Whether run() was called.
        self._begun = False
        # Whether its work is over: nothing can be stopped any more.
        self._ended = False
        # Each ascp that runs, with the commands that wait for its reply.
        self._running: dict[Process, set[PendingCommand]] = {}
        # How many parts wait for a retry.
        self._waiting = 0
        # Set when no further attempt may begin, with the reason for it and whether somebody asked for that.
        self._stopping = asyncio.Event()
        self._reason = ""
        self._interrupted = False
        # The first attempt that failed for good before anything was stopped: it decides how the transfer ended. None
        # while there is none.
        self._failed: Attempt | None = None

    # -- what callers use

    async def run(self) -> Result:
        """Run the transfer to its verdict. Nothing of ascp is left then.

        Where this is cancelled, it stops ascp as stop() does, and raises CancelledError when that is done; where it is
        cancelled once more, it does not wait for ascp to end in order.

        Raises:
            RuntimeError: the job has run before.
            BaseException: what a callback raises.
        """
        if self._begun:
            raise RuntimeError("this Job has run already: make a new Job for another run")
        self._begun = True
        # The work is a task of its own, as it has to go on for a while after a cancellation. Where it fails then, the
        # cancellation is what is raised.
        work = asyncio.ensure_future(self._work())
        work.add_done_callback(lambda task: task.cancelled() or task.exception())
        try:
            await asyncio.wait({work})
        except asyncio.CancelledError:
            self.stop("cancelled")
            try:
                await asyncio.wait({work})
            except asyncio.CancelledError:
                self.kill("cancelled")
                await asyncio.wait({work})
            raise
        finally:
            work.cancel()
            # Made once, before the recording is closed: what is recorded is what is returned.
            ended = work.done() and not work.cancelled() and work.exception() is None
            result = self._result() if ended else None
            if self._recording:
                self._recording.close(result)
        work.result()
        assert result is not None
        self._report_progress()
        logger.info("transfer: %s", result.verdict)
        return attrs.evolve(result, record_error=self._recording.error) if self._recording else result

    def stop(self, reason: str, interrupted: bool = True) -> None:
        """Stop the transfer: each ascp by the steps of STOP_STEPS, and no further attempt. run() returns.

        Args:
            reason: why, in one line, for the result.
            interrupted: whether somebody has asked for it; it is then ``Result.interrupted``.
        """
        if self._ended:
            return
        if not self._stopping.is_set():
            self._interrupted, self._reason = interrupted, reason
        self._stopping.set()
        for process in self._running:
            process.stop(reason)

    def kill(self, reason: str) -> None:
        """Stop the transfer at once, with SIGKILL.

        Args:
            reason: why, in one line, for the result.
        """
        self.stop(reason)
        for process in self._running:
            process.kill(reason)

    @property
    def transfers(self) -> list[Transfer]:
        """The transfers so far; one, unless the connections say otherwise."""
        return self._share.transfers if self._share else list(self.tracker.transfers.values())

    async def send(self, command: Command, timeout: float = REPLY_TIMEOUT) -> Reply:
        """Send a command to all sessions, and wait for what ascp makes of it.

        Args:
            command: the command. Cancel stops the job, as stop() does, wherever it stands.
            timeout: seconds to wait for the reply.
        """
        if self._ended:
            return Reply(False, "the transfer has ended")
        if isinstance(command, Cancel):
            return await self._cancel(timeout)
        processes = [process for process in self._running if process.connected]
        if not processes:
            return Reply(False, "no ascp is connected now")
        return combine(await asyncio.gather(*(self._send_to(process, command, timeout) for process in processes)))

    async def _cancel(self, timeout: float) -> Reply:
        """Stop the job, and wait for what ascp makes of it where one is connected."""
        running = [process for process in self._running if not process.session or process.session.state != "done"]
        if self._running and not running and not self._waiting:
            return Reply(False, "the session is done")
        self.stop("cancelled")
        processes = [process for process in running if process.connected]
        if not processes:
            state = "connected" if running else "running"
            return Reply(True, f"no ascp is {state} now, and none will be started again")
        return combine(await asyncio.gather(*(self._send_to(process, Cancel(), timeout) for process in processes)))

    # -- the work

    async def _work(self) -> None:
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            try:
                invocations = stack.enter_context(self._launch.prepare())
            except AscpError as error:
                self._failed = Attempt(1, 1, "not started", reason=str(error))
                return
            if self._retry and not invocations.resumes:
                self._message("-k 0 resumes nothing: each retry will start anew")
            async with task_group() as tasks:
                ticking = tasks.create_task(self._tick())
                parts = range(1, self._launch.count + 1)
                await asyncio.wait([tasks.create_task(self._run_part(part, invocations)) for part in parts])
                ticking.cancel()

    def _end(self) -> None:
        self._ended = True

    async def _run_part(self, part: int, invocations: Invocations) -> None:
        """Run one part, attempt by attempt, until it is done or has failed for good."""
        for number in itertools.count(1):
            tap = self._recording.tap(self._message, part, number) if self._recording else None
            process = Process(
                invocations.argvs[part - 1],
                invocations.user_str,
                self.tracker,
                Hooks(
                    on_event=self._apply,
                    on_data=tap,
                    on_stderr=self._on_stderr,
                    on_message=self._message,
                    is_idle=self._feed.is_idle if self._session_task else None,
                ),
                add_port=lambda words, address: with_option(words, "-M", address),
                environment=invocations.environment,
                secrets=invocations.secrets,
                limits=self._limits,
                number=number,
                part=part,
            )
            pending = self._running[process] = set()
            if self._stopping.is_set():
                process.stop(self._reason)
            try:
                attempt = await process.run()
            finally:
                if self._recording and tap:
                    self._recording.end(tap)
                del self._running[process]
                for command in pending:
                    command.end()
            self.attempts.append(attempt)
            if attempt.verdict == "done":
                return
            if number > self._retry or not attempt.is_worth_retry or not await self._wait_for_retry(attempt):
                break
        if self._stopping.is_set():
            return
        # The first part that fails for good decides; what the others still do is of no use then, and their ends, by our
        # cancel, say nothing.
        self._failed = attempt
        if self._running:
            self._message(f"session {part} {attempt.summary}; ending the others")
        self.stop(f"session {part} failed", interrupted=False)

    async def _wait_for_retry(self, attempt: Attempt) -> bool:
        """Wait before the next attempt; False when there is to be none."""
        if self._stopping.is_set():
            return False
        wait = retry_delay(attempt.number, self._retry_wait)
        words = f"attempt {attempt.number} {attempt.summary}; retry {attempt.number} of {self._retry} in {wait:.1f} s"
        logger.warning("%s", words)
        self._message(words)
        self._waiting += 1
        try:
            async with asyncio.timeout(wait):
                await self._stopping.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting -= 1
        return not self._stopping.is_set()

    async def _send_to(self, process: Process, command: Command, timeout: float) -> Reply:
        pending = PendingCommand(command)
        waiting = self._running[process]
        waiting.add(pending)
        try:
            if not isinstance(command, Cancel):  # that one is sent by the steps of stopping
                await process.send(command)
            return await pending.reply(timeout)
        except ConnectionError as error:
            return Reply(False, str(error))
        finally:
            waiting.discard(pending)

    @property
    def _connection(self) -> Connection:
        if not self._running:
            raise ConnectionError("no ascp runs now")
        return next(iter(self._running)).connection

    # -- what it reports

    def _apply(self, process: Process, event: Event, session: Session) -> None:
        if self._share:
            self._share.add(session, event)
        for pending in self._running[process]:
            pending.apply(event, session)
        if self._session_task:
            self._feed.apply(event, session)
        if self._on_event:
            self._on_event(event, session)

    def _message(self, words: str) -> None:
        if self._on_message:
            self._on_message(words)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            self._report_progress()

    def _report_progress(self) -> None:
        if self._on_progress:
            self._on_progress(self.transfers)

    def _result(self) -> Result:
        transfers = self.transfers
        last = self._failed or decisive(self.attempts)
        reasons = [last.reason]
        if not self._failed and last.verdict != "done" and self._reason not in last.reason:
            reasons.append(self._reason)  # it was stopped when this attempt was over already
        return Result(
            verdict=last.verdict,
            error=last.error,
            reason="; ".join(filter(None, reasons)),
            interrupted=self._interrupted,
            attempts=tuple(self.attempts),
            transfer=transfers[0] if transfers else None,
            exit_status=last.exit_status,
            stderr=last.stderr,
        )
