"""Figures that a file, a session and a transfer have in common, and how they are shown."""

from __future__ import annotations

from typing import Any


def fraction(done: int, total: int | None) -> float:
    """Done of total, from 0 to 1; 0 where there is no total."""
    return min(1.0, done / total) if total else 0.0


def progress(state: Any) -> float:
    """How far a Session or a Transfer is, from 0 to 1: done of estimated, and 1 once it is done.

    Where there is nothing to move, as with empty files, it is 1 when all files seen are finished.
    """
    if state.state == "done":
        return 1.0
    total = state.estimated_bytes
    if total:
        return fraction(state.bytes_done, total)
    finished = state.files_done + state.files_skipped
    left = state.files_active or finished < (state.expected_files or 0)
    return 1.0 if finished and not left else 0.0


def kbps(moved: int, usec: int) -> float:
    """Kilobits per second of so many bytes in so many microseconds; 0 where no time has passed."""
    return max(0, moved) * 8_000 / usec if usec > 0 else 0.0


def eta(rest: int, rate_kbps: float, average_kbps: float) -> float | None:
    """Seconds that so many bytes take at the present rate, else at the average; None where nothing moves."""
    rate = rate_kbps or average_kbps
    return max(0, rest) * 8 / 1000 / rate if rate > 0 else None


def figures(state: Any) -> dict[str, Any]:
    """What a Session and a Transfer have in common, ready for JSON."""
    seconds = state.eta_seconds
    return {
        "progress": round(state.progress, 4),
        "bytes_done": state.bytes_done,
        "expected_bytes": state.expected_bytes,
        "estimated_bytes": state.estimated_bytes,
        "bytes_transferred": state.bytes_transferred,
        "bytes_written": state.bytes_written,
        "bytes_lost": state.bytes_lost,
        "files_done": state.files_done,
        "files_skipped": state.files_skipped,
        "files_failed": state.files_failed,
        "files_active": state.files_active,
        "expected_files": state.expected_files,
        "elapsed_seconds": state.elapsed_usec / 1_000_000,
        "rate_kbps": round(state.rate_kbps, 1),
        "average_rate_kbps": round(state.average_rate_kbps, 1),
        "eta_seconds": None if seconds is None else round(seconds, 1),
        "rtt_ms": state.rtt_ms,
    }


class Totals:
    """Sums over files, kept up to date."""

    __slots__ = ("active", "before", "bytes", "done", "estimate", "failed", "skipped")

    def __init__(self) -> None:
        # Bytes: at the destination; of these, from before; of the files' sizes as far as they are known.
        self.bytes = 0
        self.before = 0
        self.estimate = 0
        # Counts of files.
        self.active = 0
        self.done = 0
        self.skipped = 0
        self.failed = 0

    def add(self, bytes: int, before: int, estimate: int, state: str, sign: int = 1) -> None:
        """Count a file, or with sign -1 count it no longer."""
        self.bytes += sign * bytes
        self.before += sign * before
        self.estimate += sign * estimate
        name = "active" if state == "transferring" else state
        setattr(self, name, getattr(self, name) + sign)

    def absorb(self, other: Totals) -> None:
        """Count what the other counts as well."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
