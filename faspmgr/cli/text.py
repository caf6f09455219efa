"""What people read: numbers, counts, hints, and how a transfer ended in one line that can be searched for.

Bytes and bits are counted in powers of 1000, as ascp does.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from faspmgr.protocol.problems import printable as printable

if TYPE_CHECKING:
    from faspmgr.tracking import Transfer

MAX_ERROR_CHARS = 300
"""Characters of an error that a line shows; a hostile description may be as long as a message."""


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


def verdict_line(transfer: Transfer) -> str:
    """Give the result in one line.

    ``Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file``, ``Failed: 38 LIC_ILLEGAL: …``, ``Lost: …``, or ``Running: …``
    with the progress so far. The bytes are those at the destination. The rate counts those that came in the elapsed
    time, without what was there before of resumed and skipped files.
    """
    if transfer.state == "done":
        seconds = transfer.elapsed_usec / 1_000_000
        # A stream that was joined late may report no file, but in its DONE what was written.
        done = transfer.bytes_done or transfer.bytes_written
        arrived = transfer.bytes_arrived if transfer.bytes_done else transfer.bytes_written
        speed = f" ({rate(arrived * 8 / 1000 / seconds)})" if seconds > 0 else ""
        return f"Completed: {size(done)} in {duration(seconds)}{speed}, {_files(transfer)}"
    if transfer.state == "failed":
        return f"Failed: {_shortened(printable(str(transfer.error)))}"
    so_far = f"{percent(transfer.progress)}, {size(transfer.bytes_done)}"
    if transfer.state == "lost":
        return f"Lost: ended without DONE or ERROR at {so_far}"
    return f"Running: {so_far}, {_files(transfer)}"


def advice_line(transfer: Transfer) -> str | None:
    """Give what to check after a transfer that failed or was lost; None for any other."""
    if transfer.error:
        return transfer.error.advice
    if transfer.state == "lost":
        return "Check whether ascp was killed or its connection broke, and start it again with -k 1 to resume."
    return None


def verdict_lines(transfers: Iterable[Transfer]) -> list[str]:
    """Give the lines to print at the end: result and advice of each transfer, with its id if there are several."""
    transfers = list(transfers)
    lines = []
    for transfer in transfers:
        lines.append(verdict_line(transfer) + (f" [{printable(transfer.id)}]" if len(transfers) > 1 else ""))
        advice = advice_line(transfer)
        if advice:
            lines.append(advice)
    return lines


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[: MAX_ERROR_CHARS - 1]}…"


def _files(transfer: Transfer) -> str:
    parts = [count(transfer.files_done, "file")]
    if transfer.files_skipped:
        parts.append(f"{transfer.files_skipped:,} skipped")
    if transfer.files_failed:
        parts.append(f"{transfer.files_failed:,} failed")
    return ", ".join(parts)
