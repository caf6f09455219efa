"""What people read: numbers, counts, hints, and how a transfer ended in one line that can be searched for.

Bytes and bits are counted in powers of 1000, as ascp does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from faspmgr.protocol import problems
from faspmgr.protocol.codes import USER_CANCEL, explain
from faspmgr.redaction import redact_words
from faspmgr.verdicts import ExitStatus, Verdict, exit_status

if TYPE_CHECKING:
    from faspmgr.tracking import Failure, Transfer
    from faspmgr.tracking.session import SessionState

LOST_ADVICE = (
    "Check whether ascp was killed or its connection broke, and start it again with -k 1 to resume; "
    "faspmgr run --retry N would do so by itself."
)
MAX_ERROR_CHARS = 300
"""Characters of an error that a line shows; a hostile description may be as long as a message."""


def printable(text: str) -> str:
    """Return text as it may be shown on a terminal: as ``problems.printable``, and without secrets."""
    return problems.printable(redact_words(text))


def size(count: float) -> str:
    """Give bytes: ``512 B``, ``6.2 MB``."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))


def rate(kbps: float) -> str:
    """Give kilobits per second: ``800 Kbps``, ``3.3 Mbps``."""
    return _scaled(kbps, ("Kbps", "Mbps", "Gbps", "Tbps"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while place < len(units) - 1 and (value >= 999.95 if place else value >= 999.5):
        value, place = value / 1000, place + 1
    return f"{value:.0f} {units[0]}" if place == 0 else f"{value:.1f} {units[place]}"


def duration(seconds: float) -> str:
    """Give seconds: ``15 s``, ``2 min 5 s``, ``3 h 12 min``, ``4 d 7 h``; below ten with one decimal."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def percent(progress: float) -> str:
    """Give a share from 0 to 1 as ``45%``; never 100% before everything is done."""
    return f"{int(progress * 100)}%"


def count(number: int, noun: str) -> str:
    """Give a number of things: ``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Give ``; did you mean 'STATS'?`` if a known name is similar, whatever the case; else an empty text."""
    import difflib  # only after a slip: most commands never need it

    by_folded = {word.casefold(): word for word in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f"; did you mean {by_folded[close[0]]!r}?" if close else ""


# ---------------------------------------------------------------------------------------------------------------------
# How a transfer ended


def headline(
    verdict: Verdict | SessionState,
    error: Failure | None = None,
    reason: str = "",
    interrupted: bool = False,
    transfer: Transfer | None = None,
) -> str:
    """Give the result in one line that can be searched for. Its first word agrees with the exit status.

    ``Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file``, ``Failed: 38 LIC_ILLEGAL: …``, ``Lost: …``, ``Not started: …``,
    ``Interrupted: …``, or ``Running: …`` with the progress so far. The bytes are those at the destination. The rate
    counts those that came in the elapsed time, without what was there before of resumed and skipped files.

    Args:
        verdict: how the transfer ended, or the state of one that has not.
        error: what ascp reported, as far as it explains the verdict.
        reason: what else there is to report, in one line.
        interrupted: it was asked to stop.
        transfer: its state; None if no ascp connected.
    """
    at = f"at {_so_far(transfer)}" if transfer else "before its first message"
    if verdict == "done":
        word, what = "Completed", _completed(transfer) if transfer else ""
    elif verdict == "failed":
        word, what = "Failed", _shortened(printable(str(error))) if error else ""
    elif verdict == "lost":
        word, what = "Lost", at if interrupted else f"ended without DONE or ERROR {at}"
    elif verdict == "not started":
        word, what = "Not started", "not started" if interrupted else ""
    else:
        return f"Running: {_so_far(transfer)}, {_files(transfer)}" if transfer else "Running"
    if exit_status(verdict, interrupted) is ExitStatus.INTERRUPTED:
        word = "Interrupted"
    return printable(f"{word}: {'; '.join(filter(None, [what, reason]))}")


def advice_lines(
    verdict: Verdict | SessionState,
    error: Failure | None = None,
    reason: str = "",
    interrupted: bool = False,
    transfer: Transfer | None = None,
) -> list[str]:
    """Give what to check or to do next, for what headline() says; nothing for a transfer that is done or running.

    Args:
        verdict: as in headline(), and so are the others.
    """
    if verdict in ("failed", "lost") and interrupted and (error is None or error.code == USER_CANCEL):
        return [explain(USER_CANCEL).advice]
    if verdict == "lost" or (verdict == "failed" and error and error.code == USER_CANCEL and reason):
        return [LOST_ADVICE]  # also for a cancel that was ours, as the reason says, and so no mistake of anybody
    return [error.advice] if verdict == "failed" and error else []


class Ending(NamedTuple):
    """How a transfer ended, or where it stands: what headline() and advice_lines() want to know."""

    verdict: Verdict | SessionState
    error: Failure | None = None
    reason: str = ""
    interrupted: bool = False
    transfer: Transfer | None = None

    @classmethod
    def of(cls, transfer: Transfer) -> Ending:
        """Give what the stream of a transfer shows."""
        return cls(transfer.state, transfer.error, transfer=transfer)


def verdict_lines(transfers: Iterable[Transfer]) -> list[str]:
    """Give the lines to print at the end: result and advice of each transfer, with its id if there are several."""
    return ending_lines(map(Ending.of, transfers))


def ending_lines(endings: Iterable[Ending]) -> list[str]:
    """Give the same for what is known beside the transfers."""
    endings = list(endings)
    lines = []
    for ending in endings:
        id = ending.transfer.id if ending.transfer and len(endings) > 1 else None
        lines.append(headline(*ending) + ("" if id is None else f" [{printable(id)}]"))
        lines += advice_lines(*ending)
    return lines


def _completed(transfer: Transfer) -> str:
    seconds = transfer.elapsed_usec / 1_000_000
    # A stream that was joined late may report no file, but in its DONE what was written.
    done = transfer.bytes_done or transfer.bytes_written
    arrived = transfer.bytes_arrived if transfer.bytes_done else transfer.bytes_written
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
