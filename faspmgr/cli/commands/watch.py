"""``faspmgr watch``: live progress of a stream."""

from __future__ import annotations

import os
import stat
import sys
import time

import click

from faspmgr.cli import reading
from faspmgr.cli.progress import MODES, Output, make_progress
from faspmgr.cli.verdict import verdict_lines, verdict_status
from faspmgr.protocol.parser import Parser
from faspmgr.tracking import Tracker
from faspmgr.verdicts import ExitStatus

SETTLE_SECONDS = 3.0
"""A followed file goes on for so long after a failure: ascp may turn to HTTP, or be started anew."""
STILL_WRITTEN_SECONDS = 60.0
"""A file that was written to so shortly ago may not be complete."""


@click.command("watch")
@click.argument("file", default="-", type=reading.FILE, metavar="[FILE]")
@click.option(
    "--progress",
    "mode",
    type=click.Choice(MODES),
    default="auto",
    help="bar: bars (needs the extra watch); plain: one line; json: JSON Lines for programs, the verdict on standard"
    " error; none: the verdict only; auto (default): bar or plain on a terminal, else a line every few seconds.",
)
@reading.reading_options
def command(file: str, mode: str, follow: bool, unwrap: str | None, strict: bool) -> int:
    """Show the progress of the transfers in FILE, or on standard input, and at the end how they ended.

    FILE is read to its end. While its transfer still runs, use --follow: it waits for more until every transfer in FILE
    has ended; after a failure it waits three seconds more for another attempt.

    A line of --progress json is a transfer: id, state, error (null, or code, name, description, retryable, meaning,
    advice), attempts, progress (0 to 1), bytes_done, expected_bytes, estimated_bytes, bytes_transferred, bytes_written,
    bytes_lost, files_done, files_skipped, files_failed, files_active, expected_files, elapsed_seconds, rate_kbps,
    average_rate_kbps, eta_seconds, rtt_ms; null where the stream did not say. It is written when something changed,
    ten times a second at most, and in any case when all is over.

    ExitStatus 0 if all transfers are done, 1 if one failed, 3 if one ended without a result or there is none at all.

    \b
    Example:
      faspmgr watch --follow /var/log/ascp/upload.fasp
      nc -l 4000 | faspmgr watch
      faspmgr watch --progress json - <capture.fasp | jq .progress
    """
    tracker = Tracker()
    with make_progress(mode, sys.stdout) as progress:
        source = reading.Reading((file,), follow=follow, unwrap=unwrap, strict=strict, say=progress.message)
        over = _Over(tracker)
        for _file, events in source.batches(Parser):
            for event in events:
                tracker.update(event)
            progress.update(tracker.transfers.values())
            if follow and over(bool(events)):
                break
        tracker.close()
    transfers = list(tracker.transfers.values())
    lines = verdict_lines(transfers)
    if not transfers and source.status == ExitStatus.DONE:
        lines.append("Lost: no session in this stream")
    status = source.status if source.status != ExitStatus.DONE else verdict_status(transfers)
    if status == ExitStatus.NO_RESULT and not follow and _is_still_written(file):
        lines.append(f"{reading.name_of(file)} was written to just now: if its transfer still runs, use --follow.")
    Output(sys.stderr if mode == "json" else sys.stdout).write("".join(f"{line}\n" for line in lines))
    return status


class _Over:
    """Has a followed file told all? Yes, if there is nothing to be read, and all transfers have ended: those that are
    done at once, others when nothing came for a while."""

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        self._heard_at = time.monotonic()

    def __call__(self, heard: bool) -> bool:
        if heard:
            self._heard_at = time.monotonic()
            return False
        states = {transfer.state for transfer in self._tracker.transfers.values()}
        if states == {"done"}:
            return True
        settled = time.monotonic() - self._heard_at >= SETTLE_SECONDS
        return settled and bool(states) and states <= {"done", "failed", "lost"}


def _is_still_written(file: str) -> bool:
    try:
        about = os.stat(file)
    except OSError:
        return False
    return stat.S_ISREG(about.st_mode) and time.time() - about.st_mtime < STILL_WRITTEN_SECONDS
