"""``faspmgr run``: start ascp, show progress, exit with its result."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable

import click

from faspmgr.ascp import TransferSpec, describe_ascp, find_ascp, start_problem, transfers_nothing
from faspmgr.cli import options, output, running, streams
from faspmgr.cli.progress import Output, Progress, make_progress
from faspmgr.cli.text import advice_lines, count, headline, printable
from faspmgr.errors import AscpError, CommandError, SpecError
from faspmgr.manager import Job, Result
from faspmgr.manager.attempt import CONNECT_TIMEOUT, GRACE
from faspmgr.manager.control import ControlSocket
from faspmgr.manager.signals import SignalHandler
from faspmgr.tracking import Transfer
from faspmgr.verdicts import ExitStatus

MAX_SPEC_BYTES = 1 << 28
"""Bytes of a transfer spec that are read; bounds memory."""

SECONDS = click.FloatRange(0, min_open=True)


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[--] ascp …")
@click.option("--spec", metavar="FILE", help="A transfer spec (JSON; - for standard input) instead of a command line.")
@click.option("--ascp", metavar="PATH", help="The ascp to run; otherwise FASPMGR_ASCP, PATH, or where it is installed.")
@click.option("--check", is_flag=True, help="Show which ascp would run, its version and license, and run nothing.")
@options.progress_option("auto", "How to show progress")
@click.option(
    "--json", "as_json", is_flag=True, help="The result as JSON on standard output; everything else on standard error."
)
@click.option(
    "--record",
    metavar="FILE|DIR",
    help="Record the management stream, for summary, watch and view; in DIR a file for each connection.",
)
@options.view_option
@click.option("--control", metavar="SOCKET", help="Accept commands from 'faspmgr ctl' on this Unix socket.")
@click.option(
    "--retry",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Retry up to N times where that makes sense; with -k 1, so that a retry can resume, unless there is a -k.",
)
@click.option("--sessions", type=click.IntRange(1), metavar="N", help="Divide the transfer among N ascp (-C).")
@click.option(
    "--udp-port", type=click.IntRange(1, 65535), metavar="PORT", help="UDP port of the first session; then the next."
)
@click.option(
    "--connect-timeout",
    type=SECONDS,
    default=CONNECT_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="End ascp if it has not connected after so long.",
)
@click.option(
    "--stall-timeout",
    type=SECONDS,
    metavar="SECONDS",
    help="End ascp after so long without progress; by default never.",
)
@click.option(
    "--grace",
    type=click.FloatRange(0),
    default=GRACE,
    show_default=True,
    metavar="SECONDS",
    help="How long ascp may take to end when it should, before it is killed.",
)
@running.live
def command(
    signals: SignalHandler,
    argv: tuple[str, ...],
    spec: str | None,
    ascp: str | None,
    check: bool,
    mode: str,
    as_json: bool,
    record: str | None,
    views: tuple[tuple[str, str], ...],
    control: str | None,
    retry: int,
    sessions: int | None,
    udp_port: int | None,
    connect_timeout: float,
    stall_timeout: float | None,
    grace: float,
) -> int:
    """Run ascp, show its progress, and exit with its result.

    Ctrl-C, SIGTERM and a lost terminal cancel the transfer; a second Ctrl-C, or SIGQUIT, ends it at once. No ascp is
    left behind.

    A command line that transfers nothing (ascp -A, ascp -h) runs as it does alone, with its own output and exit status.

    Exit status: 0 done, 1 failed, 2 wrong usage or an incomplete --record, 3 ended without a result, 5 not started, 130
    interrupted.

    \b
    Example:
      faspmgr run -- ascp -l 100m clip.mov user@host:/in
      faspmgr run --retry 3 --stall-timeout 60 --record upload.fasp -- ascp -P 33001 clip.mov user@host:/in
      faspmgr run --spec transfer.json --json
      faspmgr run --check
    """
    if check:
        return _check(ascp)
    if bool(argv) == (spec is not None):
        raise click.UsageError("Give either a command line of ascp or --spec FILE.")
    if argv and transfers_nothing(argv):
        return _pass_through(list(argv), ascp)
    what = list(argv) if spec is None else _read_spec(spec)

    tracker = running.tracker_for(views)
    with make_progress(mode, sys.stderr if as_json else sys.stdout) as progress:

        def log(text: str) -> None:
            progress.message(f"faspmgr: {text}")

        with running.writing(views, tracker, log) as update_views:

            def show(transfers: list[Transfer]) -> None:
                progress.update(transfers)
                update_views()

            try:
                job = Job(
                    what,
                    ascp=ascp,
                    retry=retry,
                    sessions=sessions,
                    udp_port=udp_port,
                    connect_timeout=connect_timeout,
                    stall_timeout=stall_timeout,
                    grace=grace,
                    record=record,
                    tracker=tracker,
                    on_progress=show,
                    on_stderr=_stderr_writer(progress),
                    on_message=log,
                )
            except ValueError as error:
                raise CommandError(str(error)) from error
            result = asyncio.run(_run(job, control, log, signals))

    if as_json:
        output.write([output.to_json(result.to_dict())])
    lines = "".join(f"{printable(line)}\n" for line in _result_lines(result))
    Output(sys.stderr if as_json or mode == "json" else sys.stdout).write(lines)
    return ExitStatus.USAGE if result.record_error and result.status == ExitStatus.DONE else result.status


def _check(ascp: str | None) -> int:
    try:
        about = describe_ascp(find_ascp(ascp))
    except AscpError as error:
        raise CommandError(str(error), ExitStatus.NOT_STARTED) from error
    lines = [about.path, f"version: {about.version}", f"platform: {about.platform or 'unknown'}", *about.license]
    output.write(printable(line) for line in lines)
    return ExitStatus.DONE


def _pass_through(argv: list[str], ascp: str | None) -> int:
    """Run an ascp that transfers nothing as it runs alone: with its own output and exit status."""
    try:
        program = find_ascp(ascp) if ascp or argv[0] == "ascp" else argv[0]
        status = subprocess.call([program, *argv[1:]])
    except AscpError as error:
        raise CommandError(str(error), ExitStatus.NOT_STARTED) from error
    except OSError as error:
        raise CommandError(start_problem(program, error), ExitStatus.NOT_STARTED) from error
    return status if status >= 0 else 128 - status  # as a shell shows a signal


def _read_spec(path: str) -> TransferSpec:
    with click.open_file(path, "rb") as file:
        data = file.read(MAX_SPEC_BYTES)
    try:
        return TransferSpec.from_json(data)
    except SpecError as error:
        raise CommandError(f"{'<stdin>' if path == '-' else path}: {error}") from error


async def _run(job: Job, control: str | None, log: Callable[[str], None], signals: SignalHandler) -> Result:
    """Run a job to its result: signals cancel it, and a control socket accepts commands for it."""

    def stop(number: signal.Signals) -> None:
        because = f"interrupted by {number.name}"
        if number.name == "SIGQUIT":
            job.kill(because)
        elif len(signals.received) == 1:
            log(f"{number.name}: cancelling the transfer; once more ends ascp at once")
            job.stop(because)
        elif number.name != "SIGHUP":  # a terminal that goes away may send it twice
            job.kill(because)

    signals.call_in_loop(stop)
    async with ControlSocket(control, job) if control else contextlib.nullcontext():
        return await job.run()


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


def _result_lines(result: Result) -> list[str]:
    """Give the result in one line that can be searched for, the advice, and the attempts if there were several."""
    about = (result.verdict, result.error, result.reason, result.interrupted, result.transfer)
    lines = [headline(*about), *advice_lines(*about)]
    if len(result.attempts) > 1:
        lines.append(f"{count(len(result.attempts), 'run')} of ascp:")
        lines += [f"  session {one.part}, attempt {one.number}: {one.summary}" for one in result.attempts]
    if result.record_error:
        lines.append(f"The recording is not complete: {result.record_error}")
    return lines
