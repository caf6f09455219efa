"""A transfer from its start to its verdict: one ascp or several at once, and again where a retry makes sense.

Each session of a multi-session transfer is a part, and each part has its attempts. Their events go into one Tracker,
which sees by UserStr or XferId that they are one transfer. The job is done when all parts are; the first part that
fails for good ends the others, and its verdict is that of the job.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp import TransferSpec, find_ascp, option_value, retry_argv, secrets_in, session_argv, with_option
from faspmgr.captures.recorder import Recording
from faspmgr.errors import AscpError
from faspmgr.manager.attempt import Attempt, Limits
from faspmgr.manager.process import Hooks, Process
from faspmgr.manager.replies import REPLY_TIMEOUT, Order, Reply, together
from faspmgr.protocol.commands import Cancel, Command
from faspmgr.protocol.events import Event
from faspmgr.tracking import Failure, Session, Tracker, Transfer
from faspmgr.verdicts import Verdict

RETRY_WAIT = 2.0
MAX_RETRY_WAIT = 60.0
RETRY_JITTER = 0.1
PROGRESS_SECONDS = 0.1
STATUS = {"done": 0, "failed": 1, "lost": 3, "not started": 5}
INTERRUPTED = 130

What = Sequence[str] | TransferSpec | Mapping[str, Any]


@attrs.frozen
class Result:
    """How a transfer ended.

    verdict: done, failed (ascp said ERROR), lost (it ended without a result) or not started (it could not be started,
    or never connected). error: code, name, meaning and advice of a failure. reason: what else there is to say, one
    line. attempts: every run of ascp, in the order in which they ended. transfer: the state at the end, None if no ascp
    connected. exit_status: of the ascp that decided, negative for a signal. stderr: its last lines. interrupted: it was
    asked to stop, by stop() or a signal. record_error: why the recording is not complete, None if it is.
    """

    verdict: Verdict
    error: Failure | None = None
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    transfer: Transfer | None = None
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    interrupted: bool = False
    record_error: str | None = None

    @property
    def status(self) -> int:
        """The exit status of the command line for this verdict: 0, 1, 3, 5, or 130."""
        return INTERRUPTED if self.interrupted and self.verdict != "done" else STATUS[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-ready dict, without secrets."""
        shown = attrs.asdict(self, recurse=False)
        shown["error"] = self.error and self.error.to_dict()
        shown["attempts"] = [attempt.to_dict() for attempt in self.attempts]
        shown["stderr"] = list(self.stderr)
        shown["transfer"] = self.transfer and self.transfer.to_dict()
        return {"verdict": self.verdict, "status": self.status, **shown}


class Job:
    """A transfer that can be watched and ordered about while run() runs it. All of its methods are for one event loop.

    what: a command line of ascp, program first (``ascp`` is looked for, and ascp= names the one to take), or a transfer
    spec. ``-M`` is added, and ``-u`` if it has none.

    retry: how many times a part that failed is run again, for codes worth it, with ``-k 1`` unless the command line
    says otherwise; also after a stall. sessions: how many ascp share the transfer (1 to 128); with udp_port they get
    the UDP ports from there on. Seconds: connect_timeout, stall_timeout and grace as in Limits; retry_wait before the
    first retry, doubled each time up to 60. environment: variables beside those of this process. record: a file for the
    bytes of the management stream, or a directory for a file for each connection.

    on_event gets each event, and the state of its session after it; on_progress the transfers, ten times a second and
    at the end; on_stderr ascp's lines on standard error as bytes; on_message what the job has to say, in lines. What
    they raise ends the transfer.

    Raises ValueError for a spec or a command line that cannot be run, OSError for a record that cannot be written.
    """

    def __init__(
        self,
        what: What,
        *,
        ascp: str | None = None,
        retry: int = 0,
        sessions: int | None = None,
        udp_port: int | None = None,
        connect_timeout: float = Limits().connect_timeout,
        stall_timeout: float | None = None,
        grace: float = Limits().grace,
        retry_wait: float = RETRY_WAIT,
        environment: Mapping[str, str] | None = None,
        record: str | os.PathLike[str] | None = None,
        tracker: Tracker | None = None,
        on_event: Callable[[Event, Session], object] | None = None,
        on_progress: Callable[[list[Transfer]], object] | None = None,
        on_stderr: Callable[[bytes], object] | None = None,
        on_message: Callable[[str], object] | None = None,
    ) -> None:
        if sessions is not None and sessions < 1:
            raise ValueError("a transfer has at least one session")
        if udp_port is not None and not 1 <= udp_port <= 65_536 - max(1, sessions or 1):
            raise ValueError(f"there are not as many UDP ports from {udp_port} on as sessions")
        if retry < 0 or retry_wait < 0 or connect_timeout <= 0 or grace < 0:
            raise ValueError("a number of retries or of seconds cannot be negative, nor a timeout zero")
        if stall_timeout is not None and stall_timeout <= 0:
            raise ValueError("stall_timeout must be positive")
        self._spec, self._argv = _what(what)
        self._count = max(1, (self._spec and self._spec.multi_session) or 1) if sessions is None else sessions
        self._udp_port = udp_port
        self._ascp = ascp
        self._retry = retry
        self._retry_wait = retry_wait
        self._limits = Limits(connect_timeout, stall_timeout, grace)
        self._environment = dict(environment or {})
        self._on_event = on_event
        self._on_progress = on_progress
        self._on_stderr = on_stderr
        self._say = on_message or _ignore
        if self._argv:
            self._part_argvs(self._argv)  # raises for what cannot be split
        self._recording = None if record is None else Recording(record, parts=self._count)

        self.tracker = tracker or Tracker()
        self.attempts: list[Attempt] = []
        self._keys = itertools.count(1)
        self._running: set[Process] = set()
        self._orders: dict[Process, set[Order]] = {}  # that wait for an answer
        self._stopping = asyncio.Event()
        self._reason = ""
        self._interrupted = False
        self._decisive: Attempt | None = None

    # -- running

    async def run(self) -> Result:
        """Run the transfer to its verdict. Cancelled, it ends ascp as stop() does, cancelled once more at once."""
        ticker = asyncio.ensure_future(self._tick())
        ticker.add_done_callback(self._tick_ended)
        try:
            with self._invocation() as (argv, environment, hidden):
                await self._run_parts(argv, environment, hidden)
        except AscpError as error:
            self._decisive = Attempt(1, 1, "not started", reason=str(error))
        finally:
            ticker.cancel()
            await asyncio.wait({ticker})
            if self._recording:
                self._recording.close()
        if not ticker.cancelled():
            ticker.result()  # raises what on_progress has raised
        self._report()
        return self._result()

    def stop(self, reason: str, interrupted: bool = True) -> None:
        """End the transfer: CANCEL, and where that does not help within the grace period, signals; run() returns."""
        self._interrupted = self._interrupted or interrupted
        self._reason = self._reason or reason
        self._stopping.set()
        for process in self._running:
            process.stop(reason)

    def kill(self, reason: str) -> None:
        """End the transfer at once."""
        self.stop(reason)
        for process in self._running:
            process.kill(reason)

    @contextlib.contextmanager
    def _invocation(self) -> Iterator[tuple[list[str], dict[str, str], list[str]]]:
        """Command line, environment, and what of it must not be shown; files made for it exist as long as this runs."""
        if self._spec is None:
            argv = list(self._argv)
            if argv[0] == "ascp" or self._ascp:
                argv[0] = find_ascp(self._ascp)
            yield argv, self._environment, [*secrets_in(argv), *_secret_variables(self._environment)]
            return
        with self._spec.prepare(find_ascp(self._ascp)) as invocation:
            environment = {**self._environment, **invocation.env}
            yield list(invocation.argv), environment, [*invocation.secrets, *_secret_variables(environment)]

    def _part_argvs(self, argv: list[str]) -> list[list[str]]:
        if self._count == 1:
            return [argv if self._udp_port is None else with_option(argv, "-O", str(self._udp_port))]
        ports = [None if self._udp_port is None else self._udp_port + index for index in range(self._count)]
        return [session_argv(argv, index, self._count, port) for index, port in enumerate(ports, 1)]

    async def _run_parts(self, argv: list[str], environment: dict[str, str], hidden: list[str]) -> None:
        user_str = option_value(argv, "-u") or f"faspmgr-{secrets.token_hex(8)}"
        argv = with_option(argv, "-u", user_str)
        parts = {
            asyncio.ensure_future(self._run_part(part, words, user_str, environment, hidden))
            for part, words in enumerate(self._part_argvs(argv), 1)
        }
        try:
            await asyncio.wait(parts)
        except asyncio.CancelledError:
            self.stop("cancelled")
            try:
                await asyncio.wait(parts)
            except asyncio.CancelledError:
                self.kill("cancelled")
                await asyncio.wait(parts)
            raise
        finally:
            for task in parts:
                task.cancel()
        for task in parts:
            task.result()  # raises what a callback has raised

    async def _run_part(
        self, part: int, argv: list[str], user_str: str, environment: dict[str, str], hidden: list[str]
    ) -> None:
        for number in itertools.count(1):
            process = Process(
                argv,
                user_str,
                self.tracker,
                Hooks(self._take, self._recorder(), self._on_stderr, self._say),
                add_port=lambda words, address: with_option(words, "-M", address),
                environment=environment,
                secrets=hidden,
                limits=self._limits,
                number=number,
                part=part,
                key=next(self._keys),
            )
            attempt = await self._run_process(process)
            if attempt.verdict == "done":
                return
            if number > self._retry or not _is_worth_retry(attempt) or not await self._wait_for_retry(attempt):
                break
            argv = retry_argv(argv)
        if not self._decisive:
            self._decisive = attempt
            if len(self._running):
                self._say(f"session {part} {attempt.summary}; ending the others")
                self.stop(f"session {part} failed", interrupted=False)
            self._stopping.set()

    async def _run_process(self, process: Process) -> Attempt:
        self._running.add(process)
        if self._stopping.is_set():
            process.stop(self._reason)
        try:
            attempt = await process.run()
        except BaseException:
            for other in self._running - {process}:
                other.kill("another session could not go on")
            self._stopping.set()
            raise
        finally:
            self._running.discard(process)
            for order in self._orders.pop(process, ()):
                order.end()
        self.attempts.append(attempt)
        return attempt

    async def _wait_for_retry(self, attempt: Attempt) -> bool:
        """Wait before the next attempt; False when there is to be none."""
        wait = retry_delay(attempt.number, self._retry_wait)
        if self._stopping.is_set():
            return False
        self._say(
            f"attempt {attempt.number} {attempt.summary}; retry {attempt.number} of {self._retry} in {wait:.1f} s"
        )
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), wait)
        return not self._stopping.is_set()

    def _recorder(self) -> Callable[[bytes], object] | None:
        if not self._recording:
            return None
        return self._recording.tap(self._say)

    # -- telling

    @property
    def transfers(self) -> list[Transfer]:
        """The transfers so far; one, unless the connections say otherwise."""
        return list(self.tracker.transfers.values())

    def _take(self, process: Process, event: Event, session: Session) -> None:
        for order in self._orders.get(process, ()):
            order.take(event, session)
        if self._on_event:
            self._on_event(event, session)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(PROGRESS_SECONDS)
            self._report()

    def _tick_ended(self, ticker: asyncio.Task[None]) -> None:
        if not ticker.cancelled():
            self.kill("the progress could not be told")

    def _report(self) -> None:
        if self._on_progress:
            self._on_progress(self.transfers)

    def _result(self) -> Result:
        transfers = self.transfers
        last = self._decisive or (
            self.attempts[-1] if self.attempts else Attempt(1, 1, "not started", reason=self._reason)
        )
        return Result(
            verdict=last.verdict,
            error=last.error,
            reason=last.reason,
            attempts=tuple(self.attempts),
            transfer=transfers[0] if transfers else None,
            exit_status=last.exit_status,
            stderr=last.stderr,
            interrupted=self._interrupted,
            record_error=self._recording.error if self._recording else None,
        )

    # -- orders

    async def order(self, command: Command, timeout: float = REPLY_TIMEOUT) -> Reply:
        """Send a command to all sessions, and wait, timeout seconds at most, for what ascp makes of it."""
        if isinstance(command, Cancel) and not self._running:
            self.stop("cancelled")
            return Reply(True, "no ascp is running now, and none will be started again")
        processes = [process for process in self._running if process.running]
        if not processes:
            return Reply(False, "no ascp is connected now")
        answers = await asyncio.gather(*(self._order(process, command, timeout) for process in processes))
        return together(answers)

    async def _order(self, process: Process, command: Command, timeout: float) -> Reply:
        order = Order(command)
        self._orders.setdefault(process, set()).add(order)
        try:
            if isinstance(command, Cancel):
                self.stop("cancelled")
            else:
                await process.send(command)
            return await order.answer(timeout)
        except ConnectionError as error:
            return Reply(False, str(error))
        finally:
            self._orders.get(process, set()).discard(order)


async def run(what: What, **options: Any) -> Result:
    """Run ascp and wait for how it ends. Arguments and errors are those of Job; nothing of ascp is left afterwards.

    >>> async def upload():
    ...     result = await run(["ascp", "-l", "100m", "clip.mov", "user@host:/in"], retry=3, stall_timeout=60)
    ...     return result.verdict, result.error and result.error.advice
    """
    return await Job(what, **options).run()


def run_sync(what: What, **options: Any) -> Result:
    """run() for programs that have no event loop. Ctrl-C ends ascp and raises KeyboardInterrupt."""
    return asyncio.run(run(what, **options))


def _what(what: What) -> tuple[TransferSpec | None, list[str]]:
    if isinstance(what, TransferSpec):
        return what, []
    if isinstance(what, Mapping):
        return TransferSpec.from_dict(what), []
    argv = [what] if isinstance(what, str) else list(what)
    if isinstance(what, str) or not all(isinstance(word, str) for word in argv):
        raise ValueError("a command line is a list of str, its program first")
    if not argv or not argv[0]:
        raise ValueError("the command line is empty")
    return None, argv


def _secret_variables(environment: Mapping[str, str]) -> list[str]:
    """Values of ascp's variables that must not be shown, those of our own environment too."""
    names = ("ASPERA_SCP_PASS", "ASPERA_SCP_TOKEN", "ASPERA_SCP_FILEPASS", "ASPERA_SCP_KEY", "ASPERA_PROXY_PASS")
    values = [{**os.environ, **environment}.get(name) for name in names]
    return [value for value in values if value]


def retry_delay(number: int, first: float = RETRY_WAIT) -> float:
    """Seconds to wait before the retry of this number, from 1. The jitter keeps many that failed at once apart."""
    wait = min(first * 2.0 ** min(number - 1, 30), MAX_RETRY_WAIT)
    return wait * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)


def _ignore(_: object) -> None:
    """What is said to nobody."""


def _is_worth_retry(attempt: Attempt) -> bool:
    return attempt.stalled or bool(attempt.verdict == "failed" and attempt.error and attempt.error.retryable)
