"""The files of a transfer by name, so that a file is one file, however many sessions and attempts know it.

What stands here merges what several sessions say of one file; it reads sessions and changes none.

A file that one session knows is in the sums of that session. As soon as a second one names it (another part, or a
later attempt), what they know is merged in a ``SharedFile``: the bytes at the destination are the union of what each
has brought there, each byte once.

What it costs
    One look into a dict for the first message about a file. After that nothing for a file that one session knows, and
    time proportional to the sessions that share it (at most MAX_MEMBERS) for one that several know. Memory is bounded:
    the transfers of a tracker list MAX_NAMES names together. Where there is no room, the oldest other transfer gives up
    its list; files that are not listed are summed by session, the highest of the attempts at each part, as well as
    can be without names.
"""

from __future__ import annotations

from faspmgr.tracking.figures import Totals
from faspmgr.tracking.files import FileState, FileStatus
from faspmgr.tracking.session import Session

MAX_NAMES = 10_000
"""File names that the transfers of a tracker list together; bounds memory."""

MAX_MEMBERS = 128
"""Sessions that share a file and have not failed; bounds the time that a message takes."""

MAX_SPANS = 256
"""Separate pieces of a file that earlier attempts have left; bounds memory."""

Span = tuple[int, int]
"""First byte, and the byte after the last."""


class Names:
    """How many names the transfers of a tracker may list together.

    Args:
        limit: count of names; None for MAX_NAMES.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.limit = MAX_NAMES if limit is None else limit
        self.count = 0
        # The lists that have names, the oldest first.
        self.inventories: dict[Inventory, None] = {}


class Inventory:
    """The files of one transfer by name.

    Args:
        names: counts the names of all transfers of a tracker.
    """

    def __init__(self, names: Names) -> None:
        self.totals = Totals()
        """Sums over the files that several sessions know."""
        self._names = names
        self._by_name: dict[str, SharedFile | FileState] = {}
        # The sessions, by the sums over the files that each alone knows: they tell whose file one is.
        self._sessions: dict[Totals, Session] = {}
        # True once no more names are listed: it was closed, or has all the names there may be, so that no other list
        # could make room. One that comes later closes this one.
        self._full = False

    def add(self, session: Session) -> None:
        """Know a session, whose files will be listed."""
        self._sessions[session.filelist.own] = session

    def remove(self, session: Session) -> None:
        """Know a session no longer, which is about to leave."""
        self._sessions.pop(session.filelist.own, None)

    def enlist(self, file: FileState) -> bool:
        """List a file that a session begins with.

        Args:
            file: of a session that was added, and not counted yet. Where other sessions know it as well, it gets the
                size that they have told, and the sums that such files are counted in.

        Returns:
            False where there is no room for it.
        """
        name, by_name = file.name, self._by_name
        known = by_name.get(name)
        if known is None:
            names = self._names
            if self._full or (names.count >= names.limit and not self._make_room()):
                return False
            names.count += 1
            if not by_name:
                names.inventories[self] = None
            by_name[name] = file
            return True
        session = self._session_of(file)
        assert session is not None
        if isinstance(known, FileState):
            other, its_session = known, self._session_of(known)
            if its_session is None or its_session is session:
                by_name[name] = file  # begun anew, or of a session that has left
                return True
            known = by_name[name] = SharedFile(self.totals)
            its_session.filelist.share(other)
            known.add(other, its_session)
        if not known.has_room(session):
            return False
        file.size = known.size
        file.totals = session.filelist.shared
        known.add(file, session)
        return True

    def _make_room(self) -> bool:
        """Let the oldest other list give up its names; where there is none, this one has all the names there may be."""
        oldest = next((each for each in self._names.inventories if each is not self), None)
        if oldest is None:
            self._full = True
            return False
        oldest.close()
        return True

    def _session_of(self, file: FileState) -> Session | None:
        """The session that alone knows a file; None where it has forgotten it or has left."""
        return None if file.totals is None else self._sessions.get(file.totals)

    def close(self) -> None:
        """Forget the names; what was merged so far stays so."""
        self._names.count -= len(self._by_name)
        self._names.inventories.pop(self, None)
        self._by_name.clear()
        self._full = True


class SharedFile:
    """One file that several sessions know.

    Args:
        totals: the sums that it is counted in.
    """

    __slots__ = ("_bytes", "_estimate", "_left", "_members", "_state", "_totals", "size")

    def __init__(self, totals: Totals) -> None:
        self.size: int | None = None
        """Bytes; the largest that a session has told."""
        self._totals = totals
        # The sessions that know the file, but for those that have failed since, and what these have left.
        self._members: list[tuple[FileState, Session]] = []
        self._left: list[Span] = []
        # What is counted in the sums.
        self._bytes = 0
        self._estimate = 0
        self._state: FileStatus = "transferring"
        totals.active += 1

    def has_room(self, session: Session) -> bool:
        """Say if one more session may share the file, after those that have failed are gone."""
        stay = []
        for file, its_session in self._members:
            if its_session is session or its_session.state in ("failed", "lost"):
                self._leave(_span(file))
            else:
                stay.append((file, its_session))
                continue
            file.shared = None
        self._members = stay
        return len(stay) < MAX_MEMBERS

    def add(self, file: FileState, session: Session) -> None:
        """Merge what one more session knows."""
        self._members.append((file, session))
        file.shared = self
        self.changed()

    def drop(self, file: FileState) -> None:
        """Merge no longer what a session has forgotten, but for what it brought."""
        self._members = [member for member in self._members if member[0] is not file]
        self._leave(_span(file))
        self.changed()

    def changed(self) -> None:
        """Merge anew: one of the sessions has changed what it knows."""
        files = [file for file, _ in self._members]
        for file in files:
            if file.size is not None and (self.size is None or file.size > self.size):
                self.size = file.size
        done, estimate = self._done_and_estimate(files)
        state = self._state_of(files, complete=self.size is None or done >= estimate)
        if (done, estimate, state) != (self._bytes, self._estimate, self._state):
            totals = self._totals
            totals.add(self._bytes, 0, self._estimate, self._state, sign=-1)
            self._bytes, self._estimate, self._state = done, estimate, state
            totals.add(done, 0, estimate, state)

    def _done_and_estimate(self, files: list[FileState]) -> tuple[int, int]:
        """Bytes: what is there, and what there will be."""
        spans = [*self._left, *map(_span, files)]
        # Of a part whose begin was not seen, as where reading began in the middle, there is only the count.
        loose = [file for file in files if not file.start_byte and not file.is_part and file.state == "transferring"]
        done = _length(spans) + sum(file.bytes_done for file in loose) - max((f.bytes_done for f in loose), default=0)
        if files and all(file.is_range for file in files):
            wanted = _length([*self._left, *((file.start_byte or 0, (file.end_byte or 0) + 1) for file in files)])
            return min(done, wanted), wanted
        if self.size is None:
            return done, done
        return min(done, self.size), self.size

    def _state_of(self, files: list[FileState], *, complete: bool) -> FileStatus:
        states = {file.state for file in files}
        if "failed" in states:
            return "failed"
        if "transferring" in states or not complete or not states:
            return "transferring"
        return "skipped" if states == {"skipped"} else "done"

    def _leave(self, span: Span) -> None:
        """Keep what a session has brought that is no longer asked."""
        merged = _merged([*self._left, span])
        if len(merged) <= MAX_SPANS:
            self._left = merged


def _span(file: FileState) -> Span:
    """The bytes of a file that a session has brought to the destination, those from before included."""
    start = (file.start_byte or 0) if file.is_part or file.is_range else 0
    return start, start + file.bytes_done


def _merged(spans: list[Span]) -> list[Span]:
    """Spans in order, those that touch put together, without empty ones."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif stop > start:
            merged.append((start, stop))
    return merged


def _length(spans: list[Span]) -> int:
    return sum(stop - start for start, stop in _merged(spans))
