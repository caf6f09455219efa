"""Selection of sessions and files of a log by time, verdict, peer, user and file name.

Also times and zones as people write them, such as ``yesterday``, ``24h`` and ``Europe/Berlin``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import attrs

from faspmgr.logs.session import LogFile, LogSession
from faspmgr.logs.times import seconds_between
from faspmgr.protocol.fields import address_and_port

_AGO = re.compile("([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_OFFSET = re.compile("([+-])([0-9]{2}):?([0-9]{2})")


def parse_timezone(text: str) -> tzinfo:
    """Parse a time zone.

    Args:
        text: a name such as ``UTC`` or ``Europe/Berlin``, or a difference from UTC such as ``+02:00``.

    Raises:
        ValueError: the zone does not exist, or this machine does not know it.

    Example:
        >>> parse_timezone("+02:00").utcoffset(None)
        datetime.timedelta(seconds=7200)
    """
    if text.upper() in ("UTC", "Z"):
        return UTC
    offset = _OFFSET.fullmatch(text)
    if offset:
        hours, minutes = int(offset[2]), int(offset[3])
        if hours < 24 and minutes < 60:
            difference = timedelta(hours=hours, minutes=minutes)
            return timezone(-difference if offset[1] == "-" else difference)
    else:
        try:
            return ZoneInfo(text)
        except (OSError, LookupError, ValueError):  # a directory, an unknown name, a path
            pass
    raise ValueError(f"unknown time zone: {text!r}; write UTC, Europe/Berlin or +02:00")


def parse_time(text: str, *, timezone: tzinfo | None = None, now: datetime | None = None) -> datetime:
    """Parse a time as people write it.

    Args:
        text: an ISO date, or date and time; a date alone is midnight. ``today`` and ``yesterday`` are dates, too. Or
            ``now``, or how long ago: ``90s``, ``30m``, ``24h``, ``7d``, ``2w``.
        timezone: of a time without one; None for that of this machine.
        now: the present, with a zone; None for that of the clock.

    Raises:
        ValueError: the text is not a time.

    Example:
        >>> parse_time("2024-05-02", timezone=parse_timezone("+02:00")).isoformat()
        '2024-05-02T00:00:00+02:00'
        >>> parse_time("24h", now=datetime.fromisoformat("2024-05-02T09:30:00+00:00")).isoformat()
        '2024-05-01T09:30:00+00:00'
        >>> parse_time("yesterday 18:30", now=datetime.fromisoformat("2024-05-02T09:30:00+00:00")).isoformat()[:16]
        '2024-05-01T18:30'
    """
    present = now or datetime.now().astimezone()
    word = text.strip().lower()
    ago = _AGO.fullmatch(word)
    try:
        if ago:
            return present - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        if word == "now":
            return present
        today = present.astimezone(timezone).date()
        for name, day in (("today", today), ("yesterday", today - timedelta(days=1))):
            if word.startswith(name):
                word = day.isoformat() + word.removeprefix(name)
        found = datetime.fromisoformat(word.upper())
        if found.tzinfo is None:
            found = found.replace(tzinfo=timezone) if timezone else found.astimezone()
        found.astimezone(present.tzinfo)  # the first and the last days of the calendar cannot be compared
    except (ValueError, OverflowError, OSError) as error:
        words = "write 2024-05-02, '2024-05-02 18:30', yesterday or 24h"
        raise ValueError(f"invalid time: {text!r}; {words}") from error
    return found


@attrs.frozen(kw_only=True)
class Selection:
    """Conditions for sessions and files; each that is given must hold.

    A pattern is one of a shell: ``*`` stands for any characters, ``/`` too, ``?`` for one, ``[abc]`` for one of these.

    Example:
        >>> Selection(peer="203.0.113.*", failed=True).matches(LogSession(id="s"))
        False
    """

    since: datetime | None = None
    """Sessions that started then or later: by their start, or by their stop if the log does not have the start. One
    without a time does not match."""
    until: datetime | None = None
    """Sessions that started before."""
    failed: bool = False
    """Sessions that failed or are lost; files that failed or were interrupted."""
    skipped: bool = False
    """Files that were at the destination already, and sessions with such files. With ``failed``, either matches."""
    peer: str | None = None
    """Pattern for the peer: its address, its address:port, or the name of the host as it was given to ascp."""
    user: str | None = None
    """Pattern for the user of the transfer."""
    file: str | None = None
    """Pattern for the name of a file, or for its last part: sessions with such a file, and these files."""

    # Id and direction of sessions that have had such a file, since a session keeps only its first files. Both ends of a
    # transfer may write to the same log.
    _had: set[tuple[str | None, str | None]] = attrs.field(factory=set, init=False, eq=False, repr=False)

    def note(self, files: Iterable[LogFile]) -> None:
        """Remember files that have ended, of sessions that are open. A session keeps only some of its files.

        Args:
            files: with each call those that have ended since the call before.
        """
        if self.file is not None:
            self._had.update((file.session, file.direction) for file in files if self._is_named(file))

    def matches(self, session: LogSession) -> bool:
        """Return whether a session that has ended matches."""
        had = (session.id, session.direction) in self._had
        self._had.discard((session.id, session.direction))
        return (
            self.matches_time(session.start or session.stop)
            and self._matches_end(session.status != "done", bool(session.files_skipped))
            and self._matches_side(session)
            and (self.file is None or had or any(map(self._is_named, session.files)))
        )

    def matches_file(self, file: LogFile) -> bool:
        """Return whether a file matches, by its own time, and the peer and the user of its session."""
        # A file that is skipped starts at its end.
        was_there = file.status == "done" and bool(file.size) and file.start_byte == file.size
        return (
            self.matches_time(file.start or file.stop)
            and self._matches_side(file)
            and self._matches_end(file.status != "done", was_there)
            and (self.file is None or self._is_named(file))
        )

    def _matches_end(self, failed: bool, skipped: bool) -> bool:
        return not (self.failed or self.skipped) or (self.failed and failed) or (self.skipped and skipped)

    def _matches_side(self, row: LogSession | LogFile) -> bool:
        if self.peer is not None:
            names = (row.peer, address_and_port(row.peer)[0], row.host)
            if not any(name and fnmatchcase(name.lower(), self.peer.lower()) for name in names):
                return False
        return self.user is None or fnmatchcase(row.user or "", self.user)

    def matches_time(self, moment: datetime | None) -> bool:
        """Return whether a time, with a zone, matches; None only if no time is asked for."""
        if moment is None:
            return self.since is None and self.until is None
        return (self.since is None or seconds_between(self.since, moment) >= 0) and (
            self.until is None or seconds_between(self.until, moment) < 0
        )

    def _is_named(self, file: LogFile) -> bool:
        assert self.file is not None
        name = file.name.replace("\\", "/")
        return fnmatchcase(name, self.file) or fnmatchcase(name.rpartition("/")[2], self.file)


def select(
    sessions: Iterable[LogSession],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    failed: bool = False,
    skipped: bool = False,
    peer: str | None = None,
    user: str | None = None,
    file: str | None = None,
) -> Iterator[LogSession]:
    """Select sessions; each condition that is given must hold.

    Args:
        sessions: of a log, as ``faspmgr.logs.sessions`` yields them.
        since: those that started then or later; a time with a zone.
        until: those that started before.
        failed: those that failed or are lost.
        skipped: those with files that were at the destination already; with ``failed``, either.
        peer: pattern for the address, the address:port or the host name of the peer, such as ``203.0.113.*``.
        user: pattern for the user.
        file: pattern for the name of a file, or for its last part, among the files that a session keeps.

    Yields:
        Sessions, in their order.

    Example:
        >>> [session.id for session in select([LogSession("a", status="done"), LogSession("b")], failed=True)]
        ['b']
    """
    selection = Selection(since=since, until=until, failed=failed, skipped=skipped, peer=peer, user=user, file=file)
    return filter(selection.matches, sessions)
