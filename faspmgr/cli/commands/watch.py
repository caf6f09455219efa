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
from faspmgr.cli.text import printable, verdict_lines
from faspmgr.protocol.parser import Parser
from faspmgr.tracking import Tracker
from faspmgr.verdicts import EXIT_STATUS, ExitStatus, verdict_of

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

    FILE is read to its end. While a transfer is still running, use --follow: it waits for more until every transfer in
    FILE has ended, and after a failure three seconds longer for another attempt.

    With --progress json each line is a transfer; 'faspmgr describe transfer' explains its keys. A line is written when
    something has changed, at most ten times a second, and at the end. The results go to standard error then.

    Exit status: 0 all transfers are done, 1 one has failed, 3 one ended without a result or there is none, 130
    interrupted.

    \b
    Example:
      faspmgr watch --follow /var/log/ascp/upload.fasp
      nc -l 4000 | faspmgr watch
      faspmgr watch --progress json - <capture.fasp | jq .progress
    """
    tracker = Tracker()
    with make_progress(mode, sys.stdout) as progress:
        source = Reading((file,), follow=follow, unwrap=unwrap, strict=strict, interruptible=True, log=progress.message)
        finished = _Finished(tracker)
        for _file, events in source.batches(Parser):
            for event in events:
                tracker.update(event)
            progress.update(tracker.transfers.values())
            if follow and finished(bool(events)):
                break
        if not source.interrupted:  # then they may still be running
            tracker.close()
    transfers = list(tracker.transfers.values())
    lines = verdict_lines(transfers)
    status = source.status
    if status == ExitStatus.DONE:
        status = EXIT_STATUS[verdict_of(transfer.state for transfer in transfers)]
        if not transfers:
            lines.append("Lost: no session in this stream")
    if status == ExitStatus.NO_RESULT and not follow and _is_still_written(file):
        lines.append(
            f"{printable(name_of(file))} was written to just now. If its transfer is still running, use --follow."
        )
    Output(sys.stderr if mode == "json" else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return status


class _Finished:
    """Whether a followed file has nothing more to expect: everything is read and all transfers have ended.

    Transfers that are done are the end at once. After a failure the file must be silent for SETTLE_SECONDS.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        # When the last events arrived, on the monotonic clock.
        self._received_at = time.monotonic()

    def __call__(self, received: bool) -> bool:
        if received:
            self._received_at = time.monotonic()
            return False
        states = {transfer.state for transfer in self._tracker.transfers.values()}
        if states == {"done"}:
            return True
        settled = time.monotonic() - self._received_at >= SETTLE_SECONDS
        return settled and bool(states) and states <= {"done", "failed", "lost"}


def _is_still_written(file: str) -> bool:
    try:
        about = os.stat(file)
    except OSError:
        return False
    return stat.S_ISREG(about.st_mode) and time.time() - about.st_mtime < STILL_WRITTEN_SECONDS
