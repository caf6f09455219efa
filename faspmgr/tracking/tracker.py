"""Which session an event belongs to, and which transfer a session belongs to.

Connections
    The events of one ascp come on one connection. A message without a SessionId (ARGSTOP has none) belongs to the
    latest session of its own connection. An id that a second connection uses too, by mistake or by forgery, is another
    session.

Transfers
    Sessions are grouped by XferId, else by UserStr; a session with neither is a transfer of its own. A name that comes
    later moves a session from one transfer to another. The second INIT of an ascp that turns to HTTP fallback has a
    SessionId of its own and no UserStr (fixtures/ascp-3.9.0/http-fallback-failed.fasp): it joins the transfer of the
    session before it.

Cost
    Constant time for an event. Memory is bounded by MAX_SESSIONS, by the files that the transfers register, and by the
    files that keep_files lets each session keep. A connection is forgotten with its last session.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from itertools import islice

from faspmgr.arguments import check_limit
from faspmgr.protocol.events import Event, InitEvent, OtherEvent, SessionEvent
from faspmgr.tracking.files import KeepFiles
from faspmgr.tracking.registry import Budget
from faspmgr.tracking.session import Session
from faspmgr.tracking.transfer import Transfer

MAX_SESSIONS = 10_000
"""Sessions that a tracker remembers. A limit for security: it bounds memory. The oldest goes first, or among the oldest
hundred the first that has ended."""

_OLDEST = 100


class _Member:
    """A session, and where it belongs."""

    __slots__ = ("connection", "key", "number", "session", "transfer")

    def __init__(self, number: int, session: Session, connection: Hashable, transfer: Transfer, key: Hashable) -> None:
        self.number = number  # counts the sessions of the tracker
        self.session = session
        self.connection = connection
        self.transfer = transfer
        self.key = key  # of the transfer in Tracker.transfers


class _Connection:
    """The sessions of one connection."""

    __slots__ = ("attempt", "by_id", "latest", "part")

    def __init__(self) -> None:
        self.by_id: dict[str, _Member] = {}  # by SessionId; the one without an id by the empty text
        self.latest: _Member | None = None  # the session of the latest event
        self.part: int | None = None  # as expect() said
        self.attempt: int | None = None


class Tracker:
    """Folds events into the state of sessions and transfers.

    Args:
        keep_files: which files ``Session.files`` holds: "unfinished" (those in progress), "all", or a number: those in
            progress and this many of the latest finished ones. With "all", memory grows with the files of the transfer.

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
            raise ValueError(f'invalid keep_files: {keep_files!r}: use "unfinished", "all" or a number of files')
        self._keep_files = keep_files
        self.transfers: dict[Hashable, Transfer] = {}
        """The transfers in order of appearance, by XferId, else UserStr, else SessionId. If another connection uses the
        same SessionId already, the key is a pair of it and a number."""
        # The sessions in order of appearance, by their number.
        self._members: dict[int, _Member] = {}
        self._connections: dict[Hashable, _Connection] = {}
        self._budget = Budget()
        self._count = 0  # of sessions so far

    # -- what callers use

    def update(self, event: Event, connection: Hashable = None) -> Session:
        """Apply the next event.

        Args:
            event: the event.
            connection: identifies the connection that it came on: any hashable, if the events of several are folded.

        Returns:
            The session that the event belongs to. An event that is not one of a session, such as a command, and that
            comes before any session, belongs to an empty session that is not remembered.
        """
        # Find the session: nearly always that of the event before.
        known = self._connections.get(connection)
        member = None if known is None else known.latest
        session_id = event.session_id
        if member is None or (session_id is not None and session_id != member.session.id):
            member = None if known is None or session_id is None else known.by_id.get(session_id)
            if member is None:
                if isinstance(event, OtherEvent):
                    session = Session(session_id or "")
                    session.apply(event)
                    return session
                member = self._add(event, connection)
            self._connections[connection].latest = member

        # Apply the event to it. INIT and SESSION may name another transfer.
        session = member.session
        session.apply(event)
        if member.transfer.is_computed:
            member.transfer.invalidate()
        if session.negotiated is event or session.init is event:
            self._regroup(member, event)
        return session

    @property
    def sessions(self) -> Sequence[Session]:
        """The sessions, in order of appearance; the latest 10,000."""
        return [member.session for member in self._members.values()]

    def find(self, session_id: str, connection: Hashable = None) -> Session | None:
        """Find a session.

        Args:
            session_id: its SessionId; empty for the session without one.
            connection: the connection it came on.

        Returns:
            The latest session of this connection with this SessionId; None if there is none.
        """
        known = self._connections.get(connection)
        member = known.by_id.get(session_id) if known else None
        return member.session if member else None

    def expect(self, connection: Hashable, *, part: int | None = None, attempt: int | None = None) -> None:
        """Set which part and which attempt the sessions of a connection are, for a caller that has started their ascp.

        Without it both are inferred: from ClusterNodeId, and from which session began after another one had failed.

        Args:
            connection: as for update(); before its first event or later.
            part: index of the part, from 0, as ``-C`` has it from 1; None for the only one.
            attempt: number of the attempt at this part, from 1; it replaces all lower ones.

        Raises:
            TypeError: part or attempt is not a whole number.
            ValueError: part is negative, or attempt less than 1.

        Example:
            >>> from faspmgr import ErrorEvent, InitEvent
            >>> tracker = Tracker()
            >>> for number in (1, 2):
            ...     tracker.expect(number, attempt=number)
            ...     _ = tracker.update(InitEvent(session_id=f"s{number}", user_str="job"), number)
            >>> tracker.transfers["job"].attempts
            2
        """
        for name, value, least in (("part", part, 0), ("attempt", attempt, 1)):
            if value is not None:
                check_limit(name, value, least)
        known = self._connections.setdefault(connection, _Connection())
        known.part, known.attempt = part, attempt
        for member in known.by_id.values():
            member.session.expect(part, attempt)
            member.transfer.invalidate()

    def end(self, connection: Hashable = None) -> None:
        """Mark a connection as ended: its sessions that have not ended are lost.

        Args:
            connection: as for update().
        """
        known = self._connections.get(connection)
        if known is not None:
            known.latest = None
            for member in known.by_id.values():
                self._mark_lost(member)
            if not known.by_id:
                del self._connections[connection]

    def close(self) -> None:
        """Mark everything as ended: sessions that have not ended, and parts that were not seen, are lost."""
        for known in self._connections.values():
            known.latest = None
        for member in self._members.values():
            self._mark_lost(member)
        for transfer in self.transfers.values():
            transfer.close()

    # -- which session

    def _add(self, event: Event, connection: Hashable) -> _Member:
        """Begin a session with its first event."""
        if len(self._members) >= MAX_SESSIONS:
            oldest = list(islice(self._members.values(), _OLDEST))
            self._forget(next((old for old in oldest if old.session.ended), oldest[0]))

        # What the caller has said of its connection holds from the first event on.
        known = self._connections.setdefault(connection, _Connection())
        session = Session(event.session_id or "", self._keep_files)
        session.expect(known.part, known.attempt)

        # It belongs to the transfer of its UserStr until SESSION has the XferId.
        key = self._fallback_key(event, known) or event.user_str or self._own_key(session)
        self._count += 1
        member = _Member(self._count, session, connection, self._transfer(key, session), key)
        member.transfer.add(session)
        self._members[member.number] = known.by_id[session.id] = member
        return member

    def _forget(self, member: _Member) -> None:
        """Forget a session, to bound memory."""
        del self._members[member.number]
        self._leave(member)
        known = self._connections.get(member.connection)
        if known is None:
            return
        if known.by_id.get(member.session.id) is member:
            del known.by_id[member.session.id]
        if known.latest is member:
            known.latest = None
        if not known.by_id:
            del self._connections[member.connection]

    def _mark_lost(self, member: _Member) -> None:
        member.session.mark_lost()
        member.transfer.invalidate()

    # -- which transfer

    def _regroup(self, member: _Member, event: Event) -> None:
        """Move a session to the transfer that its INIT or SESSION names, and mark the one that it replaces as lost."""
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

    def _fallback_key(self, event: Event, known: _Connection) -> Hashable:
        """Return the key of the transfer of a second INIT without a UserStr: that of the session before."""
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
            transfer = self.transfers[key] = Transfer(key if isinstance(key, str) else session.id, budget=self._budget)
        return transfer

    def _leave(self, member: _Member) -> None:
        member.transfer.remove(member.session)
        if not member.transfer.sessions:
            del self.transfers[member.key]
