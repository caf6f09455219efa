"""What ``run``, ``put`` and ``listen`` share while transfers are running: signals, output, and the files of --view.

``run`` and ``put`` share all of a job: its options (``job_options``), how it is run (``run_job``), and what is shown of
its result (``show_result``). What each of them does with its job in between stands in its own module.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import attrs
import click

from faspmgr.ascp import TransferSpec
from faspmgr.cli import options, output, streams
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.progress import Output, Progress, make_progress
from faspmgr.cli.text import headline, printable
from faspmgr.errors import SpecError
from faspmgr.exit_status import ExitStatus
from faspmgr.manager import Job, Result
from faspmgr.manager.attempt import CONNECT_TIMEOUT, GRACE
from faspmgr.manager.control import ControlSocket
from faspmgr.manager.launch import ArgvOrSpec
from faspmgr.manager.signals import SignalHandler
from faspmgr.tracking import Session, Tracker, Transfer

if TYPE_CHECKING:
    from faspmgr.views import ViewWriter

ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")
"""Ctrl-C, an order to end, Ctrl-\\, and a terminal that has gone. Windows has not all of them."""

MAX_SPEC_BYTES = 1 << 28
"""Bytes of a transfer spec that are read; bounds memory."""

Log = Callable[[str], None]
"""Writes a line of ours to standard error, without tearing the progress."""


def tracker_for(views: tuple[tuple[str, str], ...], kind: Callable[..., Tracker] = Tracker) -> Tracker:
    """Make a tracker that keeps what these views need, pairs of kind and path.

    Args:
        views: the pairs.
        kind: makes the tracker.
    """
    if not views:
        return kind()
    from faspmgr.views import keep_files

    return kind("all" if any(keep_files(name) == "all" for name, _ in views) else "unfinished")


@contextlib.contextmanager
def writing(
    views: tuple[tuple[str, str], ...], tracker: Tracker, log: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Keep the files of views while the block runs.

    Args:
        views: pairs of kind and path.
        tracker: whose sessions are shown.
        log: receives a line when a file cannot be written.

    Yields:
        What to call now and then; it brings the files up to date.

    Raises:
        CommandError: a path where no file can be written.
    """
    writers: list[ViewWriter] = []
    if views:
        from faspmgr.views import ViewWriter

        for kind, path in views:
            try:
                writers.append(ViewWriter(kind, path, tracker, on_error=log))
            except OSError as error:
                raise CommandError(f"--view {kind}: {error.filename or path}: {error.strerror or error}") from error

    # Number of events and state of each session at the last call.
    seen: Mapping[Session, tuple[int, str]] = {}

    def update() -> None:
        nonlocal seen
        if not writers:
            return
        now = {session: (session.event_count, session.state) for session in tracker.sessions}
        changed = [session for session, version in now.items() if seen.get(session) != version]
        seen = now
        for writer in writers:
            for session in changed:
                writer.update(session)
            writer.update()

    try:
        yield update
    finally:
        for writer in writers:
            writer.close()


def live(function: Callable[..., int]) -> Callable[..., int]:
    """Make a command one that handles signals, and that no reader of its output can hold up.

    Args:
        function: the command. Its first argument is the SignalHandler, to be given what is done in the loop.
    """

    @functools.wraps(function)
    def command(*args: Any, **options: Any) -> int:
        if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Inherited from whoever has started us: no exit status of ascp could be known.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        there = [signal.Signals[name] for name in ENDING_SIGNALS if hasattr(signal, name)]
        # Under nohup SIGHUP stays ignored. A shell lets programs in the background ignore some of the others, and then
        # there would be no orderly way to end them.
        handled = [each for each in there if each.name != "SIGHUP" or signal.getsignal(each) is not signal.SIG_IGN]
        with SignalHandler(handled) as signals, streams.background(lambda: len(signals.received) > 1):
            return function(signals, *args, **options)

    return command


# ---------------------------------------------------------------------------------------------------------------------
# A job, from its options to its result


@attrs.frozen(kw_only=True)
class JobOptions:
    """The values of ``job_options``, by the names of the parameters of Job where they are some."""

    ascp: str | None
    mode: str
    as_json: bool
    record: str | None
    views: tuple[tuple[str, str], ...]
    control: str | None
    udp_port: int | None
    connect_timeout: float
    stall_timeout: float | None
    grace: float


_SECONDS = click.FloatRange(0, min_open=True)

_JOB_OPTIONS = (
    click.option(
        "--ascp", metavar="PATH", help="The ascp to run; otherwise FASPMGR_ASCP, PATH, or where it is installed."
    ),
    options.progress_option("auto", "How to show progress"),
    click.option(
        "--json",
        "as_json",
        is_flag=True,
        help="The result as JSON on standard output; everything else on standard error.",
    ),
    click.option(
        "--record",
        metavar="FILE|DIR",
        help="Record the management stream, for summary, watch and view; in DIR a file for each connection.",
    ),
    options.view_option,
    click.option("--control", metavar="SOCKET", help="Accept commands from 'faspmgr ctl' on this Unix socket."),
    click.option(
        "--udp-port",
        type=click.IntRange(1, 65535),
        metavar="PORT",
        help="UDP port of the first session; then the next.",
    ),
    click.option(
        "--connect-timeout",
        type=_SECONDS,
        default=CONNECT_TIMEOUT,
        show_default=True,
        metavar="SECONDS",
        help="End ascp if it has not connected after so long.",
    ),
    click.option(
        "--stall-timeout",
        type=_SECONDS,
        metavar="SECONDS",
        help="End ascp after so long without progress; by default never.",
    ),
    click.option(
        "--grace",
        type=click.FloatRange(0),
        default=GRACE,
        show_default=True,
        metavar="SECONDS",
        help="How long ascp may take to end when it should, before it is killed.",
    ),
)


def job_options(function: Callable[..., int]) -> Callable[..., int]:
    """Give a command the options of a job. It gets their values as JobOptions, as ``how``."""
    names = [field.name for field in attrs.fields(JobOptions)]

    @functools.wraps(function)
    def command(*args: Any, **values: Any) -> int:
        return function(*args, how=JobOptions(**{name: values.pop(name) for name in names}), **values)

    for option in reversed(_JOB_OPTIONS):  # click lists the one that was added last first
        command = option(command)
    return command


def read_spec(path: str, *, streaming: bool = False) -> TransferSpec:
    """Read a transfer spec.

    Args:
        path: its file, ``-`` for standard input.
        streaming: whether files are streamed into the session, so that the spec names no sources.

    Raises:
        CommandError: it is invalid.
    """
    with click.open_file(path, "rb") as file:
        data = file.read(MAX_SPEC_BYTES)
    try:
        return TransferSpec.from_json(data, streaming=streaming)
    except SpecError as error:
        raise CommandError(f"{'<stdin>' if path == '-' else path}: {error}") from error


def run_job(
    signals: SignalHandler,
    how: JobOptions,
    what: ArgvOrSpec,
    drive: Callable[[Job, Log], Awaitable[Result]],
    *,
    tracker: Tracker | None = None,
    **more: Any,
) -> Result:
    """Run a job to its result: progress and views are shown, signals stop it, and a control socket accepts commands.

    Args:
        signals: the first signal cancels, the second kills.
        how: the options.
        what: the command line of ascp, or the transfer spec.
        drive: runs the job, once it is there.
        tracker: keeps the state; by default one that keeps what the views need.
        more: arguments of Job that are not among the options.

    Raises:
        CommandError: the job cannot be run.
    """
    tracker = tracker or tracker_for(how.views)
    with make_progress(how.mode, sys.stderr if how.as_json else sys.stdout) as progress:

        def log(text: str) -> None:
            progress.message(f"faspmgr: {text}")

        with writing(how.views, tracker, log) as update_views:

            def show(transfers: list[Transfer]) -> None:
                progress.update(transfers)
                update_views()

            async def run(job: Job) -> Result:
                signals.call_in_loop(lambda number: _stop(job, number, len(signals.received), log))
                async with ControlSocket(how.control, job) if how.control else contextlib.nullcontext():
                    return await drive(job, log)

            try:
                job = Job(
                    what,
                    ascp=how.ascp,
                    udp_port=how.udp_port,
                    connect_timeout=how.connect_timeout,
                    stall_timeout=how.stall_timeout,
                    grace=how.grace,
                    record=how.record,
                    tracker=tracker,
                    on_progress=show,
                    on_stderr=_stderr_writer(progress),
                    on_message=log,
                    **more,
                )
            except ValueError as error:
                raise CommandError(str(error)) from error
            return asyncio.run(run(job))


def _stop(job: Job, number: signal.Signals, received: int, log: Log) -> None:
    """Stop a job because of a signal, of which so many have come."""
    because = f"interrupted by {number.name}"
    if number.name == "SIGQUIT":
        job.kill(because)
    elif received == 1:
        log(f"{number.name}: cancelling the transfer; once more ends ascp at once")
        job.stop(because)
    elif number.name != "SIGHUP":  # a terminal that goes away may send it twice
        job.kill(because)


def _stderr_writer(progress: Progress) -> Callable[[bytes], Awaitable[None] | None]:
    """Give what writes a line of ascp's standard error: to a terminal without tearing what is drawn there, elsewhere
    byte for byte. Where our reader does not keep up, ascp waits for him as it would without us."""
    if sys.stderr is None or sys.stderr.isatty():
        return lambda line: progress.message(line.decode("utf-8", "surrogateescape").rstrip("\r\n"))

    def write(line: bytes) -> Awaitable[None] | None:
        with contextlib.suppress(OSError, ValueError):  # the reader has gone; the transfer goes on
            sys.stderr.buffer.write(line)
            sys.stderr.buffer.flush()
        return streams.caught_up(sys.stderr) if streams.is_behind(sys.stderr) else None

    return write


def show_result(how: JobOptions, result: Result, lines: Sequence[str], more: Mapping[str, Any] | None = None) -> int:
    """Show how a job ended, and give the exit status.

    Args:
        how: the options.
        result: of the job.
        lines: what follows the headline.
        more: what else stands in the JSON.
    """
    if how.as_json:
        output.write([output.to_json({**result.to_dict(), **(more or {})})])
    shown = [headline(result, result.transfer), *lines]
    if result.record_error:
        shown.append(f"The recording is not complete: {result.record_error}")
    text = "".join(f"{printable(line)}\n" for line in shown)
    Output(sys.stderr if how.as_json or how.mode == "json" else sys.stdout).write(text)
    return ExitStatus.USAGE if result.record_error and result.status == ExitStatus.DONE else result.status
