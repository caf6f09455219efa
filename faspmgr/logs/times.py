"""The times of a log: what its lines leave out is added, and each time names it.

A file of ascp has local times without a zone, and the classic syslog has no year either. The lines of a log are in the
order in which they were written, and that order decides what a line alone leaves open: the year, and which of the two
an hour is that exists twice when summer time ends.
"""

from __future__ import annotations

import os
import re
from calendar import isleap
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import timezone as FixedZone  # noqa: N812  # an argument has its name

ZONE, YEAR = "zone", "year"
"""Parts that a time may lack."""
_NO_ZONE, _NO_YEAR = (ZONE,), (ZONE, YEAR)

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAP_YEARS = 8
"""Any 8 years have a 29th of February."""

_DISORDER_DAYS = 30
"""A line that is older than the one before by less is out of order; by more, it is of the next year."""
_DISORDER = timedelta(minutes=1)
"""Processes write to a log at the same time: lines that are less older than the one before are out of order."""

_DAY = re.compile(rb"(?m)^(?:<[0-9]{1,3}>)?([A-Z][a-z]{2}) ([ 0-9]?[0-9]) [0-9]{2}:")


def seconds_between(start: datetime, stop: datetime) -> float:
    """Return the seconds from one time to another, also if the clocks were changed between them.

    Args:
        start: with a zone.
        stop: with a zone.

    Example:
        >>> from zoneinfo import ZoneInfo
        >>> berlin = ZoneInfo("Europe/Berlin")
        >>> seconds_between(datetime(2024, 3, 31, 1, 59, 50, 0, berlin), datetime(2024, 3, 31, 3, 0, 10, 0, berlin))
        20.0
    """
    # Python subtracts the clock times of one zone.
    return (stop.astimezone(UTC) - start.astimezone(UTC)).total_seconds()


def written_at(path: str | os.PathLike[str]) -> datetime | None:
    """Return the time of the latest write to a file, UTC; None if no calendar has it, since a file may claim any.

    Raises:
        OSError: the file does not exist.
    """
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
    except (ValueError, OverflowError):
        return None


def first_year(pieces: Iterable[bytes], latest: datetime | None) -> int | None:
    """Return the year of the first time in a log whose times have no year.

    Args:
        pieces: bytes of the log, as cut by a reader of files; a line that is cut is not looked at.
        latest: no line is later; None for now.

    Returns:
        The latest year that fits all lines; None if the first lines of the log have none such time.
    """
    years, leap, before, text = 0, [], None, None
    for piece in pieces:
        for match in _DAY.finditer(piece):
            if match.groups() == text:
                continue
            text = match.groups()
            try:
                day = date(2000, _MONTHS.index(match[1].decode()) + 1, int(match[2]))
            except ValueError:
                continue
            years += _years_to(before, day) if before else 0
            before = day
            if (day.month, day.day) == (2, 29):
                leap.append(years)
        if before is None:
            return None
    if before is None:
        return None
    last = (latest or datetime.now(UTC)) + timedelta(days=1)
    first = last.year - years - ((before.month, before.day) > (last.month, last.day))
    for year in range(first, first - _LEAP_YEARS - 1, -1):
        if all(isleap(year + offset) for offset in leap):
            return year
    return first


def _years_to(before: date, day: date) -> int:
    """Return by how many years a line is later than the one before: 0, 1, or -1 out of order. Both days are of 2000."""
    days = day.toordinal() - before.toordinal()
    return 1 if days < -_DISORDER_DAYS else -1 if days > 366 - _DISORDER_DAYS else 0


class Clock:
    """Reads the times of one log. It does not change: ``after`` returns another one for the lines that follow.

    Args:
        timezone: of times without one; None for that of this machine.
        latest: no line is later, except for a day by which clocks may differ. None for now.
        year: of times without one; None for the latest in which a time is not too late.
        doubled: day on which an hour exists twice and the first one has passed; None for no such day.
    """

    __slots__ = ("_doubled", "_is_fixed", "_latest", "_minute", "_offset", "_timezone", "_year")

    def __init__(
        self,
        timezone: tzinfo | None = None,
        latest: datetime | None = None,
        year: int | None = None,
        doubled: date | None = None,
    ) -> None:
        self._timezone = timezone
        self._latest = latest
        self._year = year
        self._doubled = doubled
        # The minute that was read last, as in the log, and the difference of its zone from UTC.
        self._minute = ""
        self._is_fixed = isinstance(timezone, FixedZone)
        self._offset: tzinfo = timezone if timezone is not None else UTC

    def read(self, stamp: str) -> tuple[datetime | None, tuple[str, ...]]:
        """Read a time.

        Args:
            stamp: as in the log.

        Returns:
            The time, with its difference from UTC as zone, and what was added to it. None for an invalid time.

        Example:
            >>> Clock(UTC).read("2021-05-12 09:22:12.239")
            (datetime.datetime(2021, 5, 12, 9, 22, 12, 239000, tzinfo=datetime.timezone.utc), ('zone',))
        """
        try:
            # Nearly all lines are of the minute of the line before, and the difference from UTC is that of the minute.
            if (stamp[:16] == self._minute or self._is_fixed) and stamp[19:20] == ".":
                time = datetime.fromisoformat(stamp)
                if time.tzinfo is None:
                    return time.replace(tzinfo=self._offset), _NO_ZONE
            if stamp[:1].isdigit():
                return self._read_iso(stamp)
            return (self._place(self._in_a_year(stamp), stamp[:12]), _NO_YEAR) if stamp else (None, ())
        except (ValueError, OverflowError, OSError):  # the 31st of February; year 1, in a zone where it has not begun
            return None, ()

    def after(self, before: str, stamp: str) -> tuple[Clock, str]:
        """Return the clock for a line that is older than one before it, or has no year and another day.

        Args:
            before: the latest stamp so far.
            stamp: that of the line.

        Returns:
            The clock, which may be this one, and the latest stamp of the lines from here on.
        """
        try:
            if stamp[:16] == before[:16]:
                return self, before
            if not stamp[:1].isdigit() and stamp[:6] != before[:6]:
                time = self._in_a_year(stamp)
                year = time.year
                if before and not before[:1].isdigit():
                    last = self._in_a_year(before)
                    year = last.year + _years_to(last.replace(year=2000).date(), time.replace(year=2000).date())
                    year = min(year, ((self._latest or datetime.now(UTC)) + timedelta(days=1)).year)
                return Clock(self._timezone, self._latest, year, self._doubled), stamp
            last, time = self._naive(before), self._naive(stamp)
            if last - time < _DISORDER:
                return self, before
        except (ValueError, OverflowError, TypeError):  # not a time, or one of them has a zone
            return self, stamp
        # The clock was set back, or this log has another one after it.
        is_doubled = self._localised(time, 0).utcoffset() != self._localised(time, 1).utcoffset()
        return Clock(self._timezone, self._latest, self._year, time.date() if is_doubled else None), stamp

    def _read_iso(self, stamp: str) -> tuple[datetime | None, tuple[str, ...]]:
        if stamp[10:11] not in (" ", "T"):  # seconds since 1970
            return datetime.fromtimestamp(0, UTC) + timedelta(seconds=float(stamp)), ()
        clock, _, name = stamp[11:].partition(" ")  # journalctl -o short-full has the name of the zone
        time = datetime.fromisoformat(stamp[:11] + clock + (name if name[:1] in ("+", "-") else ""))
        if time.tzinfo:
            return time, ()
        if name in ("UTC", "GMT"):
            return time.replace(tzinfo=UTC), ()
        # Of two hours with the same time, the name of the zone tells which one it is.
        if name and self._localised(time, 1).tzname() == name:
            return self._fixed(self._localised(time, 1)), _NO_ZONE
        return self._place(time, stamp[:16]), _NO_ZONE

    def _naive(self, stamp: str) -> datetime:
        return datetime.fromisoformat(stamp) if stamp[:1].isdigit() else self._in_a_year(stamp)

    def _localised(self, time: datetime, fold: int) -> datetime:
        time = time.replace(fold=fold)
        return time.replace(tzinfo=self._timezone) if self._timezone is not None else time.astimezone()

    def _fixed(self, time: datetime) -> datetime:
        return time.replace(tzinfo=FixedZone(time.utcoffset() or timedelta()), fold=0)

    def _place(self, time: datetime, minute: str) -> datetime:
        """Add the zone, as its difference from UTC at this time: with it, times can be compared and subtracted."""
        if minute != self._minute and not self._is_fixed:
            fold = int(time.date() == self._doubled)
            self._offset = self._fixed(self._localised(time, fold)).tzinfo or UTC
            self._minute = minute
        return time.replace(tzinfo=self._offset)

    def _in_a_year(self, stamp: str) -> datetime:
        """Read ``Jan 26 18:44:54``: in the year of the log, else in the last one in which it is not too late."""
        month = _MONTHS.index(stamp[:3]) + 1
        day, clock = stamp[3:].lstrip().split(" ", 1)
        if self._year is not None:
            try:
                return datetime.fromisoformat(f"{self._year:04}-{month:02}-{int(day):02} {clock}")
            except ValueError:  # the 29th of February
                pass
        # Now is another time when the line comes: a log may be followed over the end of a year.
        latest = (self._latest or datetime.now(UTC)).astimezone(self._timezone).replace(tzinfo=None) + timedelta(days=1)
        for year in range(latest.year, latest.year - _LEAP_YEARS - 1, -1):
            try:
                time = datetime.fromisoformat(f"{year:04}-{month:02}-{int(day):02} {clock}")
            except ValueError:
                continue
            if time <= latest:
                return time
        raise ValueError("no such day")
