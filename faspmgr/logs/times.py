"""The times of a log: what its lines leave out is taken from outside, and each time says that it was.

A file of ascp has local times without a zone, and the classic syslog has no year either. A time that the end of
daylight saving time makes happen twice is taken for the first of the two.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta, tzinfo

ZONE, YEAR = "zone", "year"
"""What may be missing in a time."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_LEAP_YEARS = 8
"""In so many years there is a 29th of February."""


def written_at(path: str | os.PathLike[str]) -> datetime | None:
    """Give the time when a file was written last, UTC; None for one that no calendar has, as a file may claim any.

    Raises:
        OSError: there is no such file.
    """
    try:
        return datetime.fromtimestamp(os.stat(path).st_mtime, UTC)
    except (ValueError, OverflowError):
        return None


class Clock:
    """Reads the times of one log.

    Args:
        timezone: of times without one; None for that of this machine.
        latest: no line is later, but for a day that clocks may differ: from it comes the year of times without one.
            None for now.
    """

    def __init__(self, timezone: tzinfo | None = None, latest: datetime | None = None) -> None:
        self._timezone = timezone
        self._latest = latest
        # The minute that was read last, and the zone of this machine in it.
        self._minute: tuple[int, ...] = ()
        self._offset: tzinfo | None = None

    def read(self, stamp: str) -> tuple[datetime | None, tuple[str, ...]]:
        """Read a time.

        Args:
            stamp: as in the log.

        Returns:
            The time, with a zone, and what of it was taken from outside. None for a text that is no time.

        Example:
            >>> Clock(UTC).read("2021-05-12 09:22:12.239")
            (datetime.datetime(2021, 5, 12, 9, 22, 12, 239000, tzinfo=datetime.timezone.utc), ('zone',))
        """
        try:
            if stamp[:1].isdigit():
                time = datetime.fromisoformat(stamp)
                return (time, ()) if time.tzinfo else (self._place(time), (ZONE,))
            return (self._place(self._in_a_year(stamp)), (ZONE, YEAR)) if stamp else (None, ())
        except (ValueError, OverflowError):  # the 31st of February; year 1, in a zone where it has not begun
            return None, ()

    def _place(self, time: datetime) -> datetime:
        if self._timezone is not None:
            return time.replace(tzinfo=self._timezone)
        # The system is asked once a minute of the log: that takes longer than all the rest.
        minute = (time.year, time.month, time.day, time.hour, time.minute)
        if minute != self._minute:
            self._minute, self._offset = minute, time.astimezone().tzinfo
        return time.replace(tzinfo=self._offset)

    def _in_a_year(self, stamp: str) -> datetime:
        """Read ``Jan 26 18:44:54``: in the last year in which it is not too late."""
        month = _MONTHS.index(stamp[:3]) + 1
        rest = stamp[3:].lstrip()
        day, clock = rest.split(" ", 1)
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
