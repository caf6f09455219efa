"""Which session an event belongs to, and which transfer a session belongs to. Nothing else is known here.

Streams
    A stream is what one connection carries. A message without a SessionId (ARGSTOP has none) belongs to the session
    that spoke last on its own stream. A SessionId that a second stream uses too, by mistake or by forgery, is another
    session: two sessions are the same if both their stream and their SessionId are.

Transfers
    Sessions are grouped by XferId, else by UserStr; a session with neither is a transfer of its own. A name that comes
    later moves a session from one transfer to another. The second INIT of an ascp that turns to HTTP fallback has a
    SessionId of its own and no UserStr (seen, 3.9.0): it joins the transfer of the session that spoke before it.

What it costs
    Constant time for an event. Memory is bounded by MAX_SESSIONS, by the names of files that the transfers list, and by
    what keep_files lets each session keep. A stream is forgotten with its last session.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice

from faspmgr.protocol.events import Event, InitEvent, OtherEvent, SessionEvent
from faspmgr.tracking.filelist import KeepFiles
from faspmgr.tracking.inventory import Names
from faspmgr.tracking.session import Session
from faspmgr.tracking.transfer import Transfer

MAX_SESSIONS = 10_000
"""Sessions that a tracker remembers; bounds memory. The oldest goes first, or among the oldest hundred the first that
has ended."""

_OLDEST = 100


class _Member:
    """A session, and where it belongs."""

    __slots__ = ("key", "number", "session", "stream", "transfer")

    def __init__(self, number: int, session: Session, stream: Hashable, transfer: Transfer, key: Hashable) -> None:
        self.number = number  # counts the sessions of the tracker
        self.session = session
        self.stream = stream
        self.transfer = transfer
        self.key = key  # of the transfer in Tracker.transfers


class _Stream:
    """The sessions of one stream."""

    __slots__ = ("by_id", "latest")

    def __init__(self) -> None:
        self.by_id: dict[str, _Member] = {}  # by SessionId; the one without an id by the empty text
        self.latest: _Member | None = None  # that spoke last


class Tracker:
    """Folds events into the state of sessions and transfers.

    Args:
        keep_files: which files ``Session.files`` holds: "unfinished" (those in progress), "all", or beside those in
            progress so many of the latest finished ones. With "all", memory grows with the files of the transfer.

    Raises:
        ValueError: invalid keep_files.

    Example:
        >>> from faspmgr import StatsEvent
        >>> tracker = Tracker()
        >>> tracker.update(StatsEvent(session_id="s", file="a", size=100, written=25)).progress
        0.25
    """

    def __init__(self, keep_files: KeepFiles = "unfinished") -> None:
        number = isinstance(keep_files, int) and not isinstance(keep_files, bool) and keep_files >= 0
        if keep_files not in ("unfinished", "all") and not number:
            raise ValueError(f'keep_files must be "unfinished", "all" or a number of files, not {keep_files!r}')
        self._keep_files = keep_files
        self.transfers: dict[Hashable, Transfer] = {}
        """The transfers in order of appearance, by XferId, else UserStr, else SessionId. Where another stream uses the
        same SessionId already, the key is a pair of it and a number."""
        # The sessions in order of appearance, by their number.
        self._members: dict[int, _Member] = {}
        self._streams: dict[Hashable, _Stream] = {}
        self._names = Names()  # of files, of all transfers together
        self._count = 0  # of sessions so far

    # -- what callers use

    def update(self, event: Event, stream: Hashable = None) -> Session:
        """Apply the next event.

        Args:
            event: the event.
            stream: what stands for the connection that the event came from, where events of several are folded into
                one tracker: any hashable.

        Returns:
            The session that the event belongs to. An event of another type than those of a session, such as a
            command, that comes before any session belongs to an empty one that is not remembered.
        """
        known = self._streams.get(stream)
        session_id = event.session_id
        member = None if known is None else known.latest
        if member is None or (session_id is not None and session_id != member.session.id):
            member = None if known is None or session_id is None else known.by_id.get(session_id)
            if member is None:
                if isinstance(event, OtherEvent):
                    session = Session(session_id or "")
                    session.apply(event)
                    return session
                member = self._add(event, stream)
            self._streams[stream].latest = member
        session = member.session
        session.apply(event)
        if member.transfer.sums is not None:
            member.transfer.changed()
        if session.negotiated is event or session.init is event:
            self._regroup(member, event)
        return session

    @property
    def sessions(self) -> Sequence[Session]:
        """The sessions, in order of appearance; the latest 10,000."""
        return [member.session for member in self._members.values()]

    def find(self, session_id: str, stream: Hashable = None) -> Session | None:
        """Find a session.

        Args:
            session_id: its SessionId; empty for the session without one.
            stream: the stream it came from.

        Returns:
            The latest session of this stream with this SessionId; None if there is none.
        """
        known = self._streams.get(stream)
        member = known.by_id.get(session_id) if known else None
        return member.session if member else None

    def end(self, stream: Hashable = None) -> None:
        """Take note that no more events will come of a stream: its sessions that have not ended are lost."""
        known = self._streams.get(stream)
        if known is not None:
            known.latest = None
            for member in known.by_id.values():
                self._lose(member)

    def close(self) -> None:
        """Take note that no more events will come at all: what has not ended is lost."""
        for known in self._streams.values():
            known.latest = None
        for member in self._members.values():
            self._lose(member)

    # -- which session

    def _add(self, event: Event, stream: Hashable) -> _Member:
        """Begin a session with its first event."""
        if len(self._members) >= MAX_SESSIONS:
            oldest = list(islice(self._members.values(), _OLDEST))
            self._forget(next((old for old in oldest if old.session.ended), oldest[0]))
        known = self._streams.setdefault(stream, _Stream())
        session = Session(event.session_id or "", self._keep_files)
        key = self._fallback_key(event, known) or event.user_str or self._own_key(session)
        self._count += 1
        member = _Member(self._count, session, stream, self._transfer(key, session), key)
        member.transfer.add(session)
        self._members[member.number] = known.by_id[session.id] = member
        return member

    def _forget(self, member: _Member) -> None:
        del self._members[member.number]
        self._leave(member)
        known = self._streams.get(member.stream)
        if known is None:
            return
        if known.by_id.get(member.session.id) is member:
            del known.by_id[member.session.id]
        if known.latest is member:
            known.latest = None
        if not known.by_id:
            del self._streams[member.stream]

    def _lose(self, member: _Member) -> None:
        member.session.lose()
        member.transfer.changed()

    # -- which transfer

    def _regroup(self, member: _Member, event: Event) -> None:
        """Move a session to the transfer that its INIT or SESSION names, and lose what it replaces there."""
        key: Hashable = None
        if isinstance(event, SessionEvent):
            key = event.xfer_id or event.user_str
        elif not member.session.xfer_id:
            key = event.user_str
        if key and key != member.key:
            self._leave(member)
            member.key = key
            member.transfer = self._transfer(key, member.session)
            member.transfer.add(member.session)
        if isinstance(event, SessionEvent):
            member.transfer.replace_by(member.session)

    def _fallback_key(self, event: Event, known: _Stream) -> Hashable:
        """The key of the transfer that a second INIT without a UserStr belongs to: that of the session before it."""
        if not isinstance(event, InitEvent) or event.user_str or known.latest is None:
            return None
        before = known.latest.session
        if before.ended or before.negotiated is None or not before.negotiated.fallback_protocol:
            return None
        return known.latest.key

    def _own_key(self, session: Session) -> Hashable:
        return session.id if session.id not in self.transfers else (session.id, self._count)

    def _transfer(self, key: Hashable, session: Session) -> Transfer:
        transfer = self.transfers.get(key)
        if transfer is None:
            transfer = self.transfers[key] = Transfer(key if isinstance(key, str) else session.id, names=self._names)
        return transfer

    def _leave(self, member: _Member) -> None:
        member.transfer.remove(member.session)
        if not member.transfer.sessions:
            del self.transfers[member.key]
