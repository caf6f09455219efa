"""``faspmgr run``: start ascp, show progress, exit with its result."""

from __future__ import annotations

import subprocess

import click

from faspmgr.ascp import describe_ascp, find_ascp, start_problem, transfers_nothing
from faspmgr.cli import output, running
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.text import advice_lines, count, printable
from faspmgr.errors import AscpError
from faspmgr.exit_status import ExitStatus
from faspmgr.manager.signals import SignalHandler


@click.command("run", context_settings={"allow_interspersed_args": False})
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[--] ascp …")
@click.option("--spec", metavar="FILE", help="A transfer spec (JSON; - for standard input) instead of a command line.")
@click.option("--check", is_flag=True, help="Show which ascp would run, its version and license, and run nothing.")
@click.option(
    "--retry",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="Retry up to N times where that makes sense; with -k 1, so that a retry can resume, unless there is a -k.",
)
@click.option("--sessions", type=click.IntRange(1), metavar="N", help="Divide the transfer among N ascp (-C).")
@running.job_options
@running.live
def command(
    signals: SignalHandler,
    how: running.JobOptions,
    argv: tuple[str, ...],
    spec: str | None,
    check: bool,
    retry: int,
    sessions: int | None,
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
        return _check(how.ascp)
    if bool(argv) == (spec is not None):
        raise click.UsageError("Give either a command line of ascp or --spec FILE.")
    if argv and transfers_nothing(argv):
        return _pass_through(list(argv), how.ascp)
    what = list(argv) if spec is None else running.read_spec(spec)

    result = running.run_job(signals, how, what, lambda job, _log: job.run(), retry=retry, sessions=sessions)

    lines = advice_lines(result)
    if len(result.attempts) > 1:
        lines.append(f"{count(len(result.attempts), 'run')} of ascp:")
        lines += [f"  session {one.part}, attempt {one.number}: {one.summary}" for one in result.attempts]
    return running.show_result(how, result, lines)


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
