"""How a transfer ended, in one line that people can grep for and one status that scripts can trust."""

from __future__ import annotations

from collections.abc import Iterable

from faspmgr.cli.text import count, duration, percent, printable, rate, size
from faspmgr.tracking import Transfer
from faspmgr.verdicts import ExitStatus

MAX_ERROR_CHARS = 300
"""Of a description in the line; a hostile one may be as long as a message."""


def verdict_line(transfer: Transfer) -> str:
    """``Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file``, ``Failed: 38 LIC_ILLEGAL: …``, ``Lost: …``, or how far it is.

    Bytes are those at the destination; the rate is how many of them came in the elapsed time, so without those that
    were there before: of resumed and skipped files.
    """
    if transfer.state == "done":
        seconds = transfer.elapsed_usec / 1_000_000
        # A stream that was joined late may tell of no file, but in its DONE of what was written.
        arrived = transfer.bytes_arrived if transfer.bytes_done else transfer.bytes_written
        speed = f" ({rate(arrived * 8 / 1000 / seconds)})" if seconds > 0 else ""
        there = transfer.bytes_done or transfer.bytes_written
        return f"Completed: {size(there)} in {duration(seconds)}{speed}, {_files(transfer)}"
    far = f"{percent(transfer.progress)}, {size(transfer.bytes_done)}"
    if transfer.state == "failed":
        return f"Failed: {_shortened(printable(str(transfer.error)))}"
    if transfer.state == "lost":
        return f"Lost: ended without DONE or ERROR at {far}"
    return f"Running: {far}, {_files(transfer)}"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_ERROR_CHARS else f"{text[: MAX_ERROR_CHARS - 1]}…"


def _files(transfer: Transfer) -> str:
    parts = [count(transfer.files_done, "file")]
    if transfer.files_skipped:
        parts.append(f"{transfer.files_skipped:,} skipped")
    if transfer.files_failed:
        parts.append(f"{transfer.files_failed:,} failed")
    return ", ".join(parts)


def advice_line(transfer: Transfer) -> str | None:
    """What to check, for a transfer that failed or was lost."""
    if transfer.error:
        return transfer.error.advice
    if transfer.state == "lost":
        return "Look whether ascp was killed or its connection broke off, and start it again with -k 1 to resume."
    return None


def verdict_status(transfers: Iterable[Transfer]) -> ExitStatus:
    """0 if all are done, 1 if one failed, else 3 if one has no result or there is none at all."""
    states = {transfer.state for transfer in transfers}
    if "failed" in states:
        return ExitStatus.FAILED
    return ExitStatus.DONE if states == {"done"} else ExitStatus.NO_RESULT


def verdict_lines(transfers: Iterable[Transfer]) -> list[str]:
    """What to print at the end: verdict_line() of each transfer, with its id if there are several, and its advice."""
    transfers = list(transfers)
    lines = []
    for transfer in transfers:
        name = f" [{printable(transfer.id)}]" if len(transfers) > 1 else ""
        lines.append(verdict_line(transfer) + name)
        advice = advice_line(transfer)
        if advice:
            lines.append(advice)
    return lines
