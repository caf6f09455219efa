"""Text for people: numbers with units, counts, hints, and how a transfer ended in one line that can be searched for.

Bytes and bits are counted in powers of 1000, as in ascp.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from faspmgr.arguments import nearest
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol import problems
from faspmgr.protocol.codes import USER_CANCEL, explain
from faspmgr.redaction import redact_words

if TYPE_CHECKING:
    from faspmgr.tracking import Transfer
    from faspmgr.verdicts import Outcome

LOST_ADVICE = (
    "Check whether ascp was killed or its connection broke, and start it again with -k 1 to resume; "
    "faspmgr run --retry N would do so by itself."
)
MAX_ERROR_CHARS = 300
"""Length of an error in a line, in characters; a hostile description may be as long as a message."""


def printable(text: str) -> str:
    """Return text as a terminal may show it: without control characters and secrets."""
    return problems.printable(redact_words(text))


def size(count: float) -> str:
    """Return bytes with their unit: ``512 B``, ``6.2 MB``."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))


def rate(kbps: float | None) -> str:
    """Return kilobits per second with their unit: ``800 Kbps``, ``3.3 Mbps``; ``-`` if unknown."""
    return "-" if kbps is None else _scaled(kbps, ("Kbps", "Mbps", "Gbps", "Tbps"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while place < len(units) - 1 and (value >= 999.95 if place else value >= 999.5):
        value, place = value / 1000, place + 1
    return f"{value:.0f} {units[0]}" if place == 0 else f"{value:.1f} {units[place]}"


def duration(seconds: float | None) -> str:
    """Return seconds with their unit: ``15 s``, ``2 min 5 s``, ``3 h 12 min``; below ten with one decimal; ``-`` if
    unknown."""
    if seconds is None:
        return "-"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def percent(progress: float) -> str:
    """Return a share from 0 to 1 as ``45%``, rounded down: 100% only when everything is done."""
    return f"{int(progress * 100)}%"


def count(number: int, noun: str) -> str:
    """Return a number of things: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ``; did you mean 'STATS'?`` if a known name is near, else an empty text."""
    close = nearest(name, known)
    return f"; did you mean {close!r}?" if close else ""


# ---------------------------------------------------------------------------------------------------------------------
# How a transfer ended

Ending = tuple["Outcome | None", "Transfer | None"]
"""How a transfer ended, None while it is in progress; and its state, None if no ascp connected."""


def headline(outcome: Outcome | None, transfer: Transfer | None = None) -> str:
    """Return the result in one line that can be searched for. Its first word agrees with the exit status.

    ``Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file``, ``Failed: 38 LIC_ILLEGAL: …``, ``Lost: …``, ``Not started: …``,
    ``Interrupted: …``, or ``Running: …`` with the progress so far. The bytes are those at the destination. The rate
    counts those that arrived in the elapsed time, without what was there before of resumed and skipped files.

    Args:
        outcome: how the transfer ended; None while it is in progress.
        transfer: its state; None if no ascp connected.
    """
    if outcome is None:
        return f"Running: {_so_far(transfer)}, {_files(transfer)}" if transfer else "Running"
    at = f"at {_so_far(transfer)}" if transfer else "before its first message"
    if outcome.verdict == "done":
        word, details = "Completed", _completed(transfer) if transfer else ""
    elif outcome.verdict == "failed":
        word, details = "Failed", _shortened(printable(str(outcome.error))) if outcome.error else ""
    elif outcome.verdict == "lost":
        word, details = "Lost", at if outcome.interrupted else f"ended without DONE or ERROR {at}"
    else:
        word, details = "Not started", "not started" if outcome.interrupted else ""
    if outcome.status is ExitStatus.INTERRUPTED:
        word = "Interrupted"
    return printable(f"{word}: {'; '.join(filter(None, [details, outcome.reason]))}")


def advice_lines(outcome: Outcome | None) -> list[str]:
    """Return what to check or to do next; nothing for a transfer that is done or in progress.

    Args:
        outcome: how the transfer ended; None while it is in progress.
    """
    if outcome is None or outcome.verdict not in ("failed", "lost"):
        return []
    error = outcome.error
    if outcome.interrupted and (error is None or error.cancelled):
        return [explain(USER_CANCEL).advice]
    # A cancel with a reason was ours, and so nobody's mistake.
    if outcome.verdict == "lost" or (error and error.cancelled and outcome.reason):
        return [LOST_ADVICE]
    return [error.advice] if error else []


def ending_lines(endings: Iterable[Ending]) -> list[str]:
    """Return the lines to print at the end: result and advice of each transfer, with its id if there are several."""
    endings = list(endings)
    lines = []
    for outcome, transfer in endings:
        id = transfer.id if transfer and len(endings) > 1 else None
        lines.append(headline(outcome, transfer) + ("" if id is None else f" [{printable(id)}]"))
        lines += advice_lines(outcome)
    return lines


def _completed(transfer: Transfer) -> str:
    # The DONE of a stream that was joined late has the bytes written, although no file was seen.
    done = transfer.bytes_done or transfer.bytes_written
    arrived = transfer.bytes_arrived if transfer.bytes_done else transfer.bytes_written
    if transfer.elapsed_usec is None:
        return f"{size(done)}, {_files(transfer)}"
    seconds = transfer.elapsed_usec / 1_000_000
    speed = f" ({rate(arrived * 8 / 1000 / seconds)})" if seconds > 0 else ""
    return f"{size(done)} in {duration(seconds)}{speed}, {_files(transfer)}"


def _so_far(transfer: Transfer) -> str:
    return f"{percent(transfer.progress)}, {size(transfer.bytes_done)}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[: MAX_ERROR_CHARS - 1]}…"


def _files(transfer: Transfer) -> str:
    parts = [count(transfer.files_done, "file")]
    if transfer.files_skipped:
        parts.append(f"{transfer.files_skipped:,} skipped")
    if transfer.files_failed:
        parts.append(f"{transfer.files_failed:,} failed")
    return ", ".join(parts)
