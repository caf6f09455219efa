"""What sessions and transfers have in common: their figures, how they are made of counters, and how they are shown.

``Session`` keeps what changes with every event as attributes; the rest, and all of ``Transfer``, is computed together
when it is first read after a change. What is unknown is None, never 0: a rate needs measurements, an ETA a rate. Byte
counters are 0 until a message has them.
"""
# What _compute returns has values of many types:
# mypy: disable-error-code="no-any-return"

from __future__ import annotations

from typing import Any, Literal

from faspmgr.verdicts import Failure

SessionState = Literal["connecting", "negotiated", "transferring", "done", "failed", "lost"]
STATES: tuple[SessionState, ...] = ("connecting", "negotiated", "transferring", "done", "failed", "lost")
ENDED: frozenset[SessionState] = frozenset({"done", "failed", "lost"})


class Figures:
    """The figures of a session or a transfer."""

    __slots__ = ()

    @property
    def state(self) -> SessionState:
        """Its state; that of a transfer is of its least advanced session, or of the worst one when all have ended."""
        return self._compute()["state"]

    @property
    def error(self) -> Failure | None:
        """Why it failed, or None."""
        return self._compute()["error"]

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination, each byte once: from before, from earlier attempts, from all parts."""
        return self._compute()["bytes_done"]

    @property
    def bytes_arrived(self) -> int:
        """Of these, bytes that this session, or the sessions of the latest attempts, brought there."""
        return self._compute()["bytes_arrived"]

    @property
    def bytes_transferred(self) -> int:
        """Bytes sent over the network, repeated sending and all attempts included."""
        return self._compute()["bytes_transferred"]

    @property
    def bytes_written(self) -> int:
        """Bytes written at the destination, as FileBytes counts them; of a transfer in the latest attempts."""
        return self._compute()["bytes_written"]

    @property
    def bytes_lost(self) -> int:
        """Bytes lost on the network, in all attempts."""
        return self._compute()["bytes_lost"]

    @property
    def expected_bytes(self) -> int | None:
        """Size of the job in bytes, if it was calculated beforehand."""
        return self._compute()["expected_bytes"]

    @property
    def estimated_bytes(self) -> int:
        """Best knowledge of the size of the job in bytes: expected_bytes, or the sizes of the files seen so far."""
        return self._compute()["estimated_bytes"]

    @property
    def files_done(self) -> int:
        """Count of files that are done; skipped ones are not among them."""
        return self._compute()["files_done"]

    @property
    def files_skipped(self) -> int:
        """Count of files that were at the destination already."""
        return self._compute()["files_skipped"]

    @property
    def files_failed(self) -> int:
        """Count of failed files."""
        return self._compute()["files_failed"]

    @property
    def files_active(self) -> int:
        """Count of files in progress."""
        return self._compute()["files_active"]

    @property
    def expected_files(self) -> int | None:
        """Count of the files of the job, if they were counted beforehand."""
        return self._compute()["expected_files"]

    @property
    def elapsed_usec(self) -> int | None:
        """Microseconds since the session began, on its own clock; of a transfer those of the longest session."""
        return self._compute()["elapsed_usec"]

    @property
    def rate_kbps(self) -> float | None:
        """Kilobits per second over the network in the last five seconds of the session's clock, by two measurements.

        Of a transfer the sum over the sessions that are moving files, or None if one of them is unknown.
        """
        return self._compute()["rate_kbps"]

    @property
    def average_rate_kbps(self) -> float | None:
        """Kilobits per second over the network since the session began. It takes one measurement."""
        return self._compute()["average_rate_kbps"]

    @property
    def rtt_ms(self) -> int | None:
        """Latest round-trip time in milliseconds; of a transfer the longest of its sessions."""
        return self._compute()["rtt_ms"]

    @property
    def ended(self) -> bool:
        """Whether the state is done, failed or lost."""
        return self.state in ENDED

    @property
    def progress(self) -> float:
        """Done of estimated bytes, from 0 to 1; 1 once the state is done, unless files of a known job have failed.

        Without any bytes to move, as with empty files, it is 1 when all files seen are finished.
        """
        if self.state == "done" and not (self.files_failed and self.expected_bytes):
            return 1.0
        total = self.estimated_bytes
        if total:
            return min(1.0, self.bytes_done / total)
        finished = self.files_done + self.files_skipped
        left = self.files_active or finished < (self.expected_files or 0)
        return 1.0 if finished and not left else 0.0

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the end at the present rate, else at the average; None if it failed, or while nothing moves."""
        if self.state == "done":
            return 0.0
        rate = self.average_rate_kbps if self.rate_kbps is None else self.rate_kbps
        if self.ended or not rate:
            return None
        return max(0, self.estimated_bytes - self.bytes_done) * 8 / 1000 / rate

    def figures_to_dict(self) -> dict[str, Any]:
        """Return the figures ready for JSON.

        Example:
            >>> from faspmgr import Session
            >>> shown = Session("s").figures_to_dict()
            >>> shown["bytes_done"], shown["elapsed_seconds"], shown["rate_kbps"]
            (0, None, None)
        """
        usec = self.elapsed_usec
        progress = round(self.progress, 4)
        return {
            "progress": 0.9999 if progress == 1 > self.progress else progress,
            "bytes_done": self.bytes_done,
            "expected_bytes": self.expected_bytes,
            "estimated_bytes": self.estimated_bytes,
            "bytes_transferred": self.bytes_transferred,
            "bytes_written": self.bytes_written,
            "bytes_lost": self.bytes_lost,
            "files_done": self.files_done,
            "files_skipped": self.files_skipped,
            "files_failed": self.files_failed,
            "files_active": self.files_active,
            "expected_files": self.expected_files,
            "elapsed_seconds": None if usec is None else usec / 1_000_000,
            "rate_kbps": rounded(self.rate_kbps),
            "average_rate_kbps": rounded(self.average_rate_kbps),
            "eta_seconds": rounded(self.eta_seconds),
            "rtt_ms": self.rtt_ms,
        }

    def _compute(self) -> dict[str, Any]:
        """Return the figures that are not kept as attributes, by name."""
        raise NotImplementedError


def kbps(moved: int, usec: int) -> float | None:
    """Return kilobits per second of `moved` bytes in `usec` microseconds; None without any time."""
    return max(0, moved) * 8_000 / usec if usec > 0 else None


def rounded(value: float | None) -> float | None:
    """Return the value with one decimal; None stays None."""
    return None if value is None else round(value, 1)


class Totals:
    """Sums over files, kept up to date. Their bytes: at the destination, of these from before, and expected."""

    __slots__ = ("active", "before", "bytes", "done", "estimate", "failed", "skipped")

    def __init__(self) -> None:
        self.bytes = self.before = self.estimate = 0
        self.active = self.done = self.skipped = self.failed = 0

    def count(self, state: str, sign: int = 1) -> None:
        """Count a file in this state, or with sign -1 no longer count it."""
        name = "active" if state == "transferring" else state
        setattr(self, name, getattr(self, name) + sign)

    def add(self, other: Totals) -> None:
        """Add the sums of other files."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))
