"""``faspmgr put``: stream standard input into a file at the destination.

It is ``run`` with standard input as the one file: the same options, the same end. What is put right here is the source:
how much of it came, whether that is what was announced, and how much of it has arrived.
"""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Callable, Hashable
from typing import Any

import attrs
import click

from faspmgr.ascp import OPTIONS, TransferSpec, has_option, option_value, transfers_nothing
from faspmgr.ascp.options import first_argument
from faspmgr.cli import options, running
from faspmgr.cli.command_error import CommandError
from faspmgr.errors import FileTransferError, TransferError
from faspmgr.exit_status import ExitStatus
from faspmgr.manager import Job, Result
from faspmgr.manager.signals import SignalHandler
from faspmgr.protocol.events import Event, FileErrorEvent, StatsEvent
from faspmgr.tracking import Session, Tracker

_STDIN = "standard input"


@click.command("put")
@click.argument("destination")
@click.argument("argv", nargs=-1, type=click.UNPROCESSED, metavar="[-- ascp …]")
@click.option("--spec", metavar="FILE", help="A transfer spec (JSON), without paths, instead of a command line.")
@click.option(
    "--size", type=options.SIZE, metavar="SIZE", help="Bytes that will come: more or less of them is an error."
)
@running.job_options
@running.live
def command(
    signals: SignalHandler,
    how: running.JobOptions,
    destination: str,
    argv: tuple[str, ...],
    spec: str | None,
    size: int | None,
) -> int:
    """Stream standard input into a file at DESTINATION, as it comes, without a copy on the disk.

    The command line of ascp names the destination of the session and no source; DESTINATION is below that.
    --faspmgr-io is added to it: ascp has to know this option.

    The end of standard input is the end of the file. A program in front that fails half-way ends it, too: --size tells
    an end that comes too early from the right one, set -o pipefail gives the status of the program.

    There is no --retry: what was read of a pipe is gone. After every failure the last line says how many bytes were
    read, and how many ascp has reported as written; what is at the destination then is not complete. In the result of
    --json, which is otherwise that of run, these are bytes_read and bytes_arrived.

    Ctrl-C, SIGTERM and a lost terminal cancel the transfer; a second Ctrl-C, or SIGQUIT, ends it at once. No ascp is
    left behind.

    Exit status: 0 done, 1 failed, 2 wrong usage or an incomplete --record, 3 ended without a result, 5 not started, 130
    interrupted.

    \b
    Example:
      tar c photos | faspmgr put photos.tar -- ascp -P 33001 user@host:/backup
      pg_dump shop | gzip | faspmgr put --stall-timeout 60 shop.sql.gz -- ascp -l 100m user@host:/backup
      faspmgr put --spec session.json --size 1.5G --json disk.img < disk.img
    """
    if not destination:
        raise click.UsageError("DESTINATION is empty.")
    if bool(argv) == (spec is not None):
        raise click.UsageError("Give either a command line of ascp, behind DESTINATION --, or --spec FILE.")
    if spec == "-":
        raise click.UsageError("The transfer spec cannot come from standard input: that is the file.")
    what = _checked_argv(list(argv)) if spec is None else _checked_spec(spec)
    source = _open_source(size, lambda: bool(signals.received))

    result = running.run_job(
        signals,
        how,
        what,
        functools.partial(_stream, source=source, destination=destination, size=size),
        tracker=running.tracker_for(how.views, functools.partial(_StreamTracker, source)),
        streaming=True,
    )

    written = result.transfer.bytes_done if result.transfer else 0
    lines = []
    if result.status != ExitStatus.DONE:
        lines = _advice(result)
        lines.append(
            f"{source.bytes_read:,} bytes of {_STDIN} were read, and ascp reported {written:,} bytes as written."
        )
    return running.show_result(how, result, lines, {"bytes_read": source.bytes_read, "bytes_arrived": written})


def _advice(result: Result) -> list[str]:
    """Give what to check or to do next: about the failure of the file, where ascp has reported one, else about that of
    the session. To go on where a transfer was lost, which is the advice of run, is not possible here."""
    if result.interrupted or not result.error or not result.transfer:
        return []
    errors = [failure.error for session in result.transfer.sessions for failure in session.failures]
    return [(errors[0] if errors and errors[0] else result.error).advice]


# -- what is wrong before anything runs


def _checked_argv(argv: list[str]) -> list[str]:
    if transfers_nothing(argv):
        raise click.UsageError("This command line of ascp transfers nothing.")
    end = first_argument(argv)
    paths = argv[end:]
    lists = [name for name in ("--file-list", "--file-pair-list") if has_option(argv, name)]
    if lists or (len(paths) > 1 and not any(map(_is_unknown_option, argv[1:end]))):
        what = lists[0] if lists else f"{len(paths)} paths"
        raise click.UsageError(f"The command line of ascp names sources ({what}): it is to name the destination alone.")
    if (option_value(argv, "--mode") or "send").startswith("r"):
        raise click.UsageError("The command line of ascp receives (--mode): put only sends.")
    return argv


def _is_unknown_option(word: str) -> bool:
    """Is this an option that is newer than what we know? The word behind it may be its value, and no path."""
    known = (name for option in OPTIONS for name in option.names)
    return word.startswith("--") and "=" not in word and not any(name.startswith(word) for name in known)


def _checked_spec(path: str) -> TransferSpec:
    spec = running.read_spec(path, streaming=True)
    if spec.direction != "send":
        raise CommandError(f"{path}: direction: must be send, as put only sends")
    return spec


# -- the source


class _Source(io.FileIO):
    """Standard input. A file of the system, so that nothing but its data wakes us up.

    Args:
        descriptor: of standard input.
        size: the bytes that must come; None for any number.
        is_interrupted: whether a signal has come.
    """

    def __init__(self, descriptor: int, size: int | None, is_interrupted: Callable[[], bool]) -> None:
        super().__init__(descriptor, closefd=False)
        self.bytes_read = 0
        self._size = size
        self._is_interrupted = is_interrupted

    def read(self, size: int | None = -1, /) -> Any:
        """Read what is there, at most so many bytes; none at the end.

        Raises:
            CommandError: it cannot be read, there is more or less of it than there should be, or it may have ended
                because of the signal that ends us, too: a part is not to pass for the whole.
        """
        try:
            data = super().read(-1 if size is None else size)
        except OSError as error:
            raise CommandError(f"{_STDIN}: {error.strerror or error}", ExitStatus.FAILED) from error
        self.bytes_read += len(data or b"")
        if self._size is not None and self.bytes_read > self._size:
            raise CommandError(f"{_STDIN} has more than the {self._size:,} bytes of --size", ExitStatus.FAILED)
        if data == b"" and self._size is not None and self.bytes_read < self._size:
            what = f"{_STDIN} ended after {self.bytes_read:,} bytes, and --size is {self._size:,}"
            raise CommandError(what, ExitStatus.FAILED)
        if data == b"" and self._is_interrupted():
            raise CommandError(f"{_STDIN} ended when a signal came", ExitStatus.INTERRUPTED)
        return data


def _open_source(size: int | None, is_interrupted: Callable[[], bool]) -> _Source:
    try:
        source = _Source(sys.stdin.fileno(), size, is_interrupted)
        io.FileIO.read(source, 0)  # nothing of it; fails where it was closed, or is open for writing alone
    except (OSError, ValueError) as error:
        raise CommandError(f"{_STDIN}: {getattr(error, 'strerror', None) or error}") from error
    return source


class _StreamTracker(Tracker):
    """Of a stream whose size is not known ascp reports a Size of 0. The best knowledge is that it has more than what
    was read so far: its end has not come."""

    def __init__(self, source: _Source, *args: Any) -> None:
        super().__init__(*args)
        self._source = source

    def update(self, event: Event, stream: Hashable = None) -> Session:
        if isinstance(event, (StatsEvent, FileErrorEvent)) and not event.size and event.written:
            known = max(self._source.bytes_read, event.written)
            event = attrs.evolve(event, size=known + 1 + known // 10_000)  # enough for a progress of four digits
        return super().update(event, stream)


# -- the run


async def _stream(job: Job, log: running.Log, *, source: _Source, destination: str, size: int | None) -> Result:
    """Run the job: stream the source into the file, and wait for the end of both."""
    problem: CommandError | FileTransferError | TransferError | None = None
    result: Result | None
    try:
        async with job:
            if source.isatty():
                log("waiting for data on the terminal; Ctrl-D ends them")
            try:
                await job.copy(source, destination, size)
            except (FileTransferError, TransferError) as error:
                problem = error  # ascp has said so: the session ends in order
            except CommandError as error:
                problem = error
                job.stop(str(error), interrupted=False)
    except TransferError as error:  # it has ended before anything could be streamed
        result = error.result
    else:
        result = job.result
    assert result
    if problem is None:
        return result
    if isinstance(problem, CommandError) and not result.interrupted:  # how ascp ended is what we asked it for
        return attrs.evolve(result, verdict="failed", error=None, reason=str(problem))
    failure = problem.handle.error if isinstance(problem, FileTransferError) and problem.handle else None
    # Where ascp has said what is wrong with the file, or calls the session done though the file is not.
    if result.verdict == "done" or (failure and not result.interrupted):
        reason = "; ".join(filter(None, [result.reason, str(problem)]))
        return attrs.evolve(result, verdict="failed", reason=reason)
    return result
