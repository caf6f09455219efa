"""The files of a transfer, each once, however many sessions and attempts know it.

A file that one session knows is counted in the sums of that session. Once a second one names it (another part, or a
later attempt), it becomes a ``SharedFile``: the bytes at the destination are the union of the ranges that each session
has brought, and the registry counts it. A part of a file is a ``SharedFile`` at once, as the other parts may not have
been seen. Files are known by name, and by FaspFileID if two have the same name.

Cost
    One look into a dict for the first message about a file. After that nothing for a file that one session knows, and
    time proportional to the sessions that share it (at most MAX_MEMBERS) for one that several know. Memory is bounded:
    the transfers of a tracker register MAX_NAMES files together. When there is no room, the oldest other transfer gives
    up its names. Files that are not registered are summed by session; of the attempts at a part the one that got
    furthest counts.
"""

from __future__ import annotations

from faspmgr.tracking.figures import Totals
from faspmgr.tracking.file_state import FileState, FileStatus, FileSums, namesake_key

MAX_NAMES = 10_000
"""Files that the transfers of a tracker register together. A limit for security: it bounds memory."""

MAX_MEMBERS = 128
"""Sessions that share a file and have not failed. A limit for security: it bounds the time that a message takes."""

MAX_SPANS = 256
"""Separate ranges of a file that earlier attempts have left. A limit for security: it bounds memory."""

Span = tuple[int, int]
"""First byte, and the byte after the last."""


class Budget:
    """How many files the transfers of a tracker may register together."""

    def __init__(self) -> None:
        self.left = MAX_NAMES
        # The registries that have names, the oldest first.
        self.registries: dict[FileRegistry, None] = {}


class FileRegistry:
    """The files of one transfer.

    Args:
        budget: shared with the other transfers of a tracker.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.totals = Totals()
        """Sums over the files that several sessions know."""
        self.parts_share = False
        """Whether sessions that run side by side share a file."""
        self._budget = Budget() if budget is None else budget
        self.by_name: dict[str, FileState | SharedFile] = {}
        """What is known of each file, by name, or by FaspFileID if another one has the name."""
        self.full = False
        """Whether no more files are registered: it was closed, or has all the budget."""

    def find(self, name: str, file_id: str | None) -> FileState | SharedFile | None:
        """Return what is known of a file: that of the session which alone knows it, what several share, or None.

        Args:
            name: as the stream reports it.
            file_id: its FaspFileID, if the stream has one.
        """
        return self.by_name.get(self._key(name, file_id))

    def register(self, file: FileState, owner: FileSums, known: FileState | SharedFile | None) -> Totals:
        """Add a file that a session begins.

        Args:
            file: not counted yet. If other sessions know it too, it gets the size that they have reported.
            owner: the sums of the session.
            known: what find() has returned.

        Returns:
            The sums of the session that it is to be counted in.
        """
        # The first session to name it counts it by itself.
        if known is None:
            budget = self._budget
            if (budget.left <= 0 or not self.by_name) and not self._make_room():
                return owner.overflow
            budget.left -= 1
            self.by_name[self._key(file.name, file.fasp_file_id)] = file
            return owner.exclusive
        # From the second one on it is shared, unless the first has dropped it or left the transfer.
        if isinstance(known, FileState):
            first = known.owner
            if first is None or first is owner or known.totals is not first.exclusive:
                self.by_name[self._key(file.name, file.fasp_file_id)] = file
                return owner.exclusive
            known = self.share(known)
        if not known.has_room(owner):
            return owner.overflow
        if file.size is None:
            file.size = known.size
        known.add(file)
        return owner.shared

    def share(self, file: FileState) -> SharedFile:
        """Count a file of one session as one that others share, or may share.

        Args:
            file: registered, or without a name.
        """
        owner = file.owner
        assert owner is not None
        shared = SharedFile(self)
        if file.name:
            self.by_name[self._key(file.name, file.fasp_file_id)] = shared
        if file.is_part:
            self.parts_share = True
        owner.move(file, owner.shared)
        shared.add(file)
        return shared

    def close(self) -> None:
        """Forget the names. What was merged so far stays so."""
        self._budget.left += len(self.by_name)
        self._budget.registries.pop(self, None)
        self.by_name.clear()
        self.full = True

    def _key(self, name: str, file_id: str | None) -> str:
        """Return the key of a file: its name, or name and FaspFileID if another file has the name."""
        known = self.by_name.get(name)
        other = known is not None and file_id and known.fasp_file_id and known.fasp_file_id != file_id
        return namesake_key(name, file_id) if other and file_id else name

    def _make_room(self) -> bool:
        """Let the oldest other registry give up its names if there is no budget left; return whether there is room."""
        budget = self._budget
        if self.full:
            return False
        if not self.by_name:
            budget.registries[self] = None
        if budget.left <= 0:
            oldest = next((registry for registry in budget.registries if registry is not self), None)
            if oldest is None:
                self.full = True
                return False
            oldest.close()
        return True


class SharedFile:
    """One file that several sessions know, or a part of one that others may know.

    Args:
        registry: which counts it.
    """

    __slots__ = ("_bytes", "_complete", "_estimate", "_left", "_registry", "_state", "fasp_file_id", "members", "size")

    def __init__(self, registry: FileRegistry) -> None:
        self.fasp_file_id: str | None = None
        """Its FaspFileID, if a session has one."""
        self.size: int | None = None
        """Bytes, as the latest session has reported them."""
        self.members: list[FileState] = []
        """The file in each session, except in those whose attempt was followed by another one."""
        self._registry = registry
        # The ranges that former members have brought.
        self._left: list[Span] = []
        # What is counted in the sums.
        self._bytes = 0
        self._estimate = 0
        self._state: FileStatus = "transferring"
        # Whether it was done once.
        self._complete = False
        registry.totals.active += 1

    def has_room(self, owner: FileSums) -> bool:
        """Whether one more session may share the file, after the failed attempts at the same part are gone."""
        stay = []
        for file in self.members:
            before = file.owner
            assert before is not None
            state = before.session.state
            failed = state in ("failed", "lost") or (state == "done" and file.state == "failed")
            if before.part == owner.part and (failed or (before.attempt or 0) < (owner.attempt or 0)):
                self._leave(file)  # the session is a later attempt at the same part
            else:
                stay.append(file)
        self.members = stay
        return len(stay) < MAX_MEMBERS

    def add(self, file: FileState) -> None:
        """Add what one more session knows."""
        if self.members:
            self._registry.parts_share = True
        self.members.append(file)
        self.fasp_file_id = self.fasp_file_id or file.fasp_file_id
        file.shared = self
        self.update()

    def drop(self, file: FileState) -> None:
        """Remove what a session has dropped, except for the bytes that it brought."""
        self.members = [member for member in self.members if member is not file]
        self._leave(file)
        self.update()

    def update(self) -> None:
        """Merge what the sessions know, and correct the sums: one of them has changed."""
        # The latest size counts, and the bytes that are there.
        members = self.members
        for file in members:
            if file.size is not None:
                self.size = file.size
        done, estimate = self._done_and_estimate()
        self._complete = self._complete or any(file.is_whole for file in members)
        if len(members) == 1 and members[0].is_whole:
            estimate = done

        # The state: failed if it is in one session; done once all its bytes are there, or one session finished it.
        states = {file.state for file in members}
        state: FileStatus
        if "failed" in states:
            state = "failed"
        elif done < estimate or not states or ("transferring" in states and not self._complete):
            state = "transferring"
        else:
            self._complete = True  # also while it is sent again
            state = "skipped" if states == {"skipped"} else "done"

        # Correct the sums.
        if (done, estimate, state) != (self._bytes, self._estimate, self._state):
            totals = self._registry.totals
            totals.bytes += done - self._bytes
            totals.estimate += estimate - self._estimate
            totals.count(self._state, -1)
            totals.count(state)
            self._bytes, self._estimate, self._state = done, estimate, state

    def _done_and_estimate(self) -> tuple[int, int]:
        """Return how many bytes are at the destination, and how many there will be."""
        members = self.members
        spans = [*self._left, *(file.span for file in members)]
        # Of a part whose begin was not seen, as when reading began in the middle, there is only the count.
        loose = [file.bytes_done for file in members if _is_loose(file)]
        sure = _length(spans)
        done = sure + sum(loose) - max(loose, default=0)
        if members and all(file.is_range for file in members):
            wanted = _length([*self._left, *((file.start_byte or 0, (file.end_byte or 0) + 1) for file in members)])
            return min(done, wanted), wanted
        if self.size is None:
            return done, done
        done = max(sure, min(done, self.size))
        return done, max(done, self.size)

    def _leave(self, file: FileState) -> None:
        """Keep only the range that a member has brought."""
        file.shared = None
        merged = _merged([*self._left, file.span])
        if len(merged) <= MAX_SPANS:
            self._left = merged


def _is_loose(file: FileState) -> bool:
    """Whether it is not known where a part begins, as when reading began in the middle."""
    sole = file.owner is not None and file.owner.clustered is False
    return not (sole or file.start_byte or file.is_part) and file.state == "transferring"


def _merged(spans: list[Span]) -> list[Span]:
    """Return the spans in order, those that touch joined, without empty ones."""
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        elif stop > start:
            merged.append((start, stop))
    return merged


def _length(spans: list[Span]) -> int:
    return sum(stop - start for start, stop in _merged(spans))
