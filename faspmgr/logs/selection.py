"""Which sessions and files of a log are asked for: by time, verdict, peer, user and file name.

What may stand here: how what a person writes (``yesterday``, ``24h``, ``Europe/Berlin``) becomes a time or a zone, and
whether a session or a file is one of those that were asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from fnmatch import fnmatchcase
from zoneinfo import ZoneInfo

import attrs

from faspmgr.logs.session import LogFile, LogSession

_AGO = re.compile("([0-9]{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_OFFSET = re.compile("([+-])([0-9]{2}):?([0-9]{2})")


def parse_timezone(text: str) -> tzinfo:
    """Give the zone of this name.

    Args:
        text: a name such as ``UTC`` or ``Europe/Berlin``, or a difference from UTC such as ``+02:00``.

    Raises:
        ValueError: there is no such zone, or this machine does not know it.

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
    """Give the time that a person means.

    Args:
        text: an ISO date, or date and time; a date alone is midnight. ``today`` and ``yesterday`` are dates, too. Or
            ``now``, or how long ago: ``90s``, ``30m``, ``24h``, ``7d``, ``2w``.
        timezone: of a time without one; None for that of this machine.
        now: the present, with a zone; None for that of the clock.

    Raises:
        ValueError: it is no time.

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
        found.astimezone(present.tzinfo)  # the first and the last days of all cannot be compared
    except (ValueError, OverflowError, OSError) as error:
        words = "write 2024-05-02, '2024-05-02 18:30', yesterday or 24h"
        raise ValueError(f"invalid time: {text!r}; {words}") from error
    return found


def peer_address(peer: str | None) -> str | None:
    """Give the address of a peer without its port; None where the log has no peer, which it may write as 0.0.0.0:0.

    Example:
        >>> peer_address("203.0.113.8:33001"), peer_address("[2001:db8::7]:33001"), peer_address("0.0.0.0:0")
        ('203.0.113.8', '2001:db8::7', None)
    """
    if not peer:
        return None
    address = peer.rpartition(":")[0] or peer
    if address.startswith("[") and address.endswith("]"):
        address = address[1:-1]
    return None if address in ("0.0.0.0", "::") else address


@attrs.frozen(kw_only=True)
class Selection:
    """What is asked for; each that is given must hold.

    A pattern is one of a shell: ``*`` stands for any characters, ``/`` too, ``?`` for one, ``[abc]`` for one of these.

    Example:
        >>> Selection(peer="203.0.113.*", failed=True).takes(LogSession(id="s"))
        False
    """

    since: datetime | None = None
    """Sessions that started then or later. A session counts by its start; by its stop where the log does not have the
    start. One without a time is none of those that are asked for by time."""
    until: datetime | None = None
    """Sessions that started before."""
    failed: bool = False
    """Sessions that are failed or lost; files that are failed or interrupted."""
    peer: str | None = None
    """Pattern for the peer: its address, its address:port, or the name of the host as it was given to ascp."""
    user: str | None = None
    """Pattern for the user of the transfer."""
    file: str | None = None
    """Pattern for the name of a file, or for its last part: sessions with such a file, and these files."""

    # Sessions that have had such a file, as a session keeps only its first files: id and direction. Both ends of a
    # transfer may write to the same log.
    _had: set[tuple[str | None, str | None]] = attrs.field(factory=set, init=False, eq=False, repr=False)

    def note(self, files: Iterable[LogFile]) -> None:
        """Note files that have ended, of sessions that have not. Without this, a session is looked up in the files that
        it keeps."""
        if self.file is not None:
            self._had.update((file.session, file.direction) for file in files if self._is_named(file))

    def takes(self, session: LogSession) -> bool:
        """Whether a session that has ended is one of those that are asked for."""
        had = (session.id, session.direction) in self._had
        self._had.discard((session.id, session.direction))
        return (
            self.takes_time(session.start or session.stop)
            and not (self.failed and session.status == "done")
            and self._takes_side(session)
            and (self.file is None or had or any(map(self._is_named, session.files)))
        )

    def takes_file(self, file: LogFile) -> bool:
        """Whether a file is one of those that are asked for; by its own time, and its session's peer and user."""
        return (
            self.takes_time(file.start or file.stop)
            and self._takes_side(file)
            and not (self.failed and file.status == "done")
            and (self.file is None or self._is_named(file))
        )

    def _takes_side(self, of: LogSession | LogFile) -> bool:
        """Whether its peer and its user are those that are asked for."""
        if self.peer is not None:
            names = (of.peer, peer_address(of.peer), of.host)
            if not any(name and fnmatchcase(name.lower(), self.peer.lower()) for name in names):
                return False
        return self.user is None or fnmatchcase(of.user or "", self.user)

    def takes_time(self, moment: datetime | None) -> bool:
        """Whether a time is one of those that are asked for."""
        if moment is None:
            return self.since is None and self.until is None
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)

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
    peer: str | None = None,
    user: str | None = None,
    file: str | None = None,
) -> Iterator[LogSession]:
    """Give the sessions that are asked for; each that is given must hold.

    Args:
        sessions: of a log, as ``faspmgr.logs.sessions`` gives them.
        since: those that started then or later; a time with a zone.
        until: those that started before.
        failed: those that are failed or lost.
        peer: pattern for the address, the address:port or the host name of the peer, such as ``203.0.113.*``.
        user: pattern for the user.
        file: pattern for the name of a file, or for its last part. It is looked up in the files that a session keeps.

    Yields:
        Sessions, in their order.
    """
    wanted = Selection(since=since, until=until, failed=failed, peer=peer, user=user, file=file)
    return filter(wanted.takes, sessions)
