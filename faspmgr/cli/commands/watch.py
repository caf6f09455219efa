"""``faspmgr watch``: live progress of a stream."""

from __future__ import annotations

import os
import stat
import sys
import time

import click

from faspmgr.cli import options
from faspmgr.cli.progress import Output, make_progress
from faspmgr.cli.reading import Reading, name_of
from faspmgr.cli.retold import Retold
from faspmgr.cli.text import ending_lines, printable
from faspmgr.exit_status import ExitStatus
from faspmgr.tracking import Tracker

SETTLE_SECONDS = 3.0
"""How long a followed file is read on after a failure: ascp may turn to HTTP, or be started again."""
STILL_WRITTEN_SECONDS = 60.0
"""A file that was written to within this time may not be complete."""


@click.command("watch")
@click.argument("file", default="-", type=options.FILE, metavar="[FILE]")
@options.progress_option("auto", "How to show progress")
@options.reading_options
def command(file: str, mode: str, follow: bool, unwrap: str | None, strict: bool) -> int:
    """Show the progress of the transfers in FILE, or on standard input, and at the end their results.

    FILE is read to its end; it may be the directory of a recording. While a transfer is still running, use --follow: it
    waits for more until every transfer in FILE has ended, and after a failure three seconds longer for another attempt;
    where the run is recorded, until its result.

    With --progress json each line is a transfer; 'faspmgr describe transfer' explains its keys. A line is written when
    something has changed, at most ten times a second, and at the end. The results go to standard error then.

    Exit status: 0 all transfers are done, 1 one has failed, 3 one ended without a result or there is none; of a
    recorded run that of the run, 130 interrupted.

    \b
    Example:
      faspmgr watch --follow /var/log/ascp/upload.fasp
      nc -l 4000 | faspmgr watch
      faspmgr watch --progress json - <capture.fasp | jq .progress
    """
    with make_progress(mode, sys.stdout) as progress:
        source = Reading((file,), follow=follow, unwrap=unwrap, strict=strict, interruptible=True, log=progress.message)
        retold = Retold(source)
        tracker = retold.tracker
        finished = _Finished(tracker, source)
        for piece in retold.pieces():
            progress.update(tracker.transfers.values())
            if follow and finished(bool(piece.results)):
                break
        if not source.interrupted:  # then they may still be running
            tracker.close()
            progress.update(tracker.transfers.values())
    endings = retold.endings()
    lines = ending_lines(endings)
    status = source.status
    if status == ExitStatus.DONE:
        status = retold.outcome().status
        if not endings:
            lines.append("Lost: no session in this stream")
    if status == ExitStatus.NO_RESULT and not follow and _is_still_written(file):
        shown = printable(name_of(file))
        lines.append(f"{shown} was written to just now. If its transfer is still running, use --follow.")
    Output(sys.stderr if mode == "json" else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return status


class _Finished:
    """Whether a followed file has nothing more to expect: everything is read and all transfers have ended.

    Transfers that are done are the end at once, and so is the result of a recorded run. After a failure the run that is
    recorded may try again; where it is not known whether there is one, the file must be silent for SETTLE_SECONDS.
    """

    def __init__(self, tracker: Tracker, source: Reading | None = None) -> None:
        self._tracker = tracker
        self._source = source
        # When the last events arrived, on the monotonic clock.
        self._received_at = time.monotonic()

    def __call__(self, received: bool) -> bool:
        if received:
            self._received_at = time.monotonic()
            return False
        states = {transfer.state for transfer in self._tracker.transfers.values()}
        if states == {"done"} or (self._source and self._source.results):
            return True
        if self._source and any(recorded.running for recorded in self._source.recorded):
            return False
        settled = time.monotonic() - self._received_at >= SETTLE_SECONDS
        return settled and bool(states) and states <= {"done", "failed", "lost"}


def _is_still_written(file: str) -> bool:
    try:
        about = os.stat(file)
    except OSError:
        return False
    return stat.S_ISREG(about.st_mode) and time.time() - about.st_mtime < STILL_WRITTEN_SECONDS
