"""Totals of the sessions of a log: their count by verdict, bytes, rates, and why they failed.

Memory does not grow with the sessions, only with the groups: days, hours, peers or users.

A quantile of rates lies between the two nearest ones, by how near it is to each (the method "inclusive" of Python's
statistics, PERCENTILE of a spreadsheet). Up to MAX_EXACT sessions of a group it is exact. Beyond that the rates are
counted in classes 1 % wide, and it is right to 0.5 %.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, tzinfo
from typing import Any, Literal, get_args

import attrs

from faspmgr.logs.session import LogSession
from faspmgr.protocol.fields import address_and_port
from faspmgr.redaction import redact_log_message

By = Literal["day", "hour", "peer", "user"]
"""Groups of sessions: by the day or hour in which they started, the address of the peer without its port, or the user.
"""

BY: tuple[By, ...] = get_args(By)

MAX_EXACT = 10_000
"""Count of the rates of a group that are kept one by one: 80 KB."""

_CLASS = math.log(1.01)
"""Width of a class of rates, as a logarithm."""


class Rates:
    """Rates in kilobits per second, all above 0, in bounded memory."""

    def __init__(self) -> None:
        self.count = 0
        # Each rate, until there are more than MAX_EXACT of them.
        self._exact = array("d")
        # After that the count of the rates in each class, by the number of the class.
        self._classes: Counter[int] = Counter()

    def add(self, kbps: float) -> None:
        """Add a rate."""
        self.count += 1
        self._exact.append(kbps)
        if self.count > MAX_EXACT:
            self._classes.update(round(math.log(rate) / _CLASS) for rate in self._exact)
            del self._exact[:]

    def quantile(self, share: float) -> float | None:
        """Return the rate that this share of the rates does not exceed.

        Args:
            share: from 0 to 1; 0.5 for the median.

        Returns:
            Kilobits per second; None without any rate.
        """
        if not self.count:
            return None
        place = share * (self.count - 1)
        lower, part = int(place), place % 1
        if self._classes:
            low, high = self._in_class(lower), self._in_class(lower + 1)
        else:
            ordered = sorted(self._exact)
            low, high = ordered[lower], ordered[min(lower + 1, self.count - 1)]
        return round(low + (high - low) * part, 3)  # bits per second

    def _in_class(self, place: int) -> float:
        """Return the rate in the middle of the class at this place, counted from the lowest rate."""
        before = 0
        for number in sorted(self._classes):
            before += self._classes[number]
            if place < before:
                break
        return math.exp(number * _CLASS)


@attrs.define
class FailureTotal:
    """The sessions that failed with one code."""

    code: int | None
    """The log's own code; None if the log has none."""
    management_code: int | None
    """The code of the management stream for the same failure; None if it is unknown."""
    reason: str | None = attrs.field(repr=lambda reason: repr(reason and redact_log_message(reason)))
    """Text of the log, of the first such session."""
    sessions: int = 0
    """Count of the sessions."""

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Return the attributes ready for JSON.

        Args:
            redact: show secrets in the text of the log as ``***``.
        """
        shown = attrs.asdict(self)
        if redact and self.reason is not None:
            shown["reason"] = redact_log_message(self.reason)
        return shown


@attrs.define
class Total:
    """The total of a group of sessions."""

    name: str | None = None
    """The day or the start of the hour (ISO), the address of the peer, or the user; None for sessions without it in the
    log, and for the total of all."""
    sessions: int = 0
    """Sessions that have ended."""
    done: int = 0
    """Sessions that are done."""
    failed: int = 0
    """Sessions that failed."""
    lost: int = 0
    """Sessions without a stop in the log."""
    files_done: int = 0
    """Files that are complete."""
    files_skipped: int = 0
    """Files that were at the destination already."""
    files_failed: int = 0
    """Files that failed."""
    files_interrupted: int = 0
    """Files that were in progress when their session ended, and that no block counts."""
    bytes_transferred: int = 0
    """Bytes that went over the network, as far as they are known."""
    bytes_written: int = 0
    """Bytes of files, as far as they are known."""
    at_least: list[str] = attrs.field(factory=list)
    """Names of the sums of bytes that lack those of a session, or have those of a lost one so far."""
    blocks_total: int = 0
    """Blocks, of the sessions whose statistics are in the log."""
    blocks_retransmitted: int = 0
    """Blocks of those that were sent again."""
    failures: dict[tuple[int | None, int | None], FailureTotal] = attrs.field(factory=dict)
    """Failed sessions by the code of the log and that of the stream, for which the text beside a code decides."""
    rates: Rates = attrs.field(factory=Rates, eq=False, repr=False)
    """The effective rates of the sessions that transferred anything, done or not."""

    def add(self, session: LogSession) -> None:
        """Add a session that has ended."""
        self.sessions += 1
        self.done += session.status == "done"
        self.failed += session.status == "failed"
        self.lost += session.status == "lost"
        self.files_done += session.files_done
        self.files_skipped += session.files_skipped or 0
        self.files_failed += session.files_failed
        self.files_interrupted += session.files_interrupted
        for name in ("bytes_transferred", "bytes_written"):
            value = getattr(session, name)
            setattr(self, name, getattr(self, name) + (value or 0))
            # Without a line of statistics, files that did not finish may have moved more.
            is_partial = session.files_failed or session.files_interrupted or value is None
            lacks = session.status == "lost" or (is_partial and session.has_begun and not session.statistics)
            if lacks and name not in self.at_least:
                self.at_least.append(name)
        if session.blocks_total is not None and session.blocks_retransmitted is not None:
            self.blocks_total += session.blocks_total
            self.blocks_retransmitted += session.blocks_retransmitted
        if session.rate_kbps:
            self.rates.add(session.rate_kbps)
        if session.status == "failed":
            failure = FailureTotal(session.code, session.management_code, session.reason)
            self.failures.setdefault((failure.code, failure.management_code), failure).sessions += 1

    def known_bytes(self, name: str) -> int | None:
        """Return a sum of bytes, by its name; None if nothing of it is known."""
        known: int = getattr(self, name)
        return None if name in self.at_least and not known else known

    @property
    def retransmitted_percent(self) -> float | None:
        """Share of all blocks that were sent again, per cent; None if no log line has blocks."""
        return round(100 * self.blocks_retransmitted / self.blocks_total, 2) if self.blocks_total else None

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Return the numbers ready for JSON: rates in kilobits per second, failures with the most frequent first.

        Args:
            redact: show secrets in the text of the log as ``***``.
        """
        numbers = attrs.asdict(self, filter=lambda field, _: field.name not in ("name", "failures", "rates"))
        numbers |= {name: self.known_bytes(name) for name in self.at_least}
        frequent = sorted(self.failures.values(), key=lambda failure: (-failure.sessions, failure.code or 0))
        return {
            **numbers,
            "rate_kbps_median": self.rates.quantile(0.5),
            "rate_kbps_95th_percentile": self.rates.quantile(0.95),
            "retransmitted_percent": self.retransmitted_percent,
            "failures": [failure.to_dict(redact=redact) for failure in frequent],
        }


class Totals:
    """Totals of sessions, all together or in groups.

    Args:
        by: the groups; None for one total.
        timezone: of the days and hours; None for that of the session's own time.

    Example:
        >>> totals = Totals()
        >>> totals.add(LogSession(id="s"))
        >>> totals.groups()[0].sessions
        1
    """

    def __init__(self, by: By | None = None, *, timezone: tzinfo | None = None) -> None:
        self._by = by
        self._timezone = timezone
        # Without groups, there is a total even without any session.
        self._groups: dict[str | None, Total] = {} if by else {None: Total()}

    def add(self, session: LogSession) -> None:
        """Add a session that has ended."""
        name = self._name(session)
        if name not in self._groups:
            self._groups[name] = Total(name)
        self._groups[name].add(session)

    def groups(self) -> list[Total]:
        """Return the totals: days and hours in order, peers and users by their bytes, the most first.

        Sessions that belong to none of the groups come last.
        """

        def order(total: Total) -> tuple[bool, float, str]:
            if self._by == "hour":  # of two hours with the same name, the first one is farther from UTC
                return total.name is None, datetime.fromisoformat(total.name).timestamp() if total.name else 0, ""
            return total.name is None, 0 if self._by == "day" else -total.bytes_transferred, total.name or ""

        return sorted(self._groups.values(), key=order)

    def to_dicts(self, *, redact: bool = True) -> list[dict[str, Any]]:
        """Return the totals ready for JSON.

        With groups the name of each comes first, under ``day``, ``hour``, ``peer`` or ``user``.

        Args:
            redact: show secrets in the text of the log as ``***``.
        """
        return [({self._by: total.name} if self._by else {}) | total.to_dict(redact=redact) for total in self.groups()]

    def _name(self, session: LogSession) -> str | None:
        if self._by == "peer":
            return address_and_port(session.peer)[0]
        if self._by == "user":
            return session.user
        moment = session.start or session.stop
        if self._by is None or moment is None:
            return None
        moment = moment.astimezone(self._timezone) if self._timezone else moment
        if self._by == "hour":
            return moment.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")
        return moment.date().isoformat()


def sum_up(sessions: Iterable[LogSession], by: By | None = None, *, timezone: tzinfo | None = None) -> list[Total]:
    """Return the totals of sessions.

    Args:
        sessions: of a log, as ``faspmgr.logs.sessions`` yields them.
        by: the groups: ``day``, ``hour``, ``peer`` or ``user``; None for one total.
        timezone: of the days and hours; None for that of the session's own time.

    Returns:
        A list with one total, or with those of the groups, as ``Totals.groups`` orders them.
    """
    found = Totals(by, timezone=timezone)
    for session in sessions:
        found.add(session)
    return found.groups()
