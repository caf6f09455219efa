"""All files of a session, their counts and sums.

What stands here says which files a session has and what they amount to; it does not know sessions, transfers, streams.

Each file is counted in one of three sums: ``own``, ``shared`` with other sessions of the transfer, and ``unlisted``,
which is what the transfer had no room to list by name. A session is the sum of all three. A transfer adds up the first
over its sessions, and takes what several sessions share from its inventory, so that a file counts once.

What it costs
    Constant time for an event. Sums are kept up to date and never computed anew. Memory grows with the files in
    progress, not with those that are finished, unless ``keep_files`` says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

from faspmgr.protocol.events import FileErrorEvent, FileEvent
from faspmgr.tracking.figures import Totals
from faspmgr.tracking.files import FileState

MAX_FILES_IN_PROGRESS = 10_000
"""Of one session, unless keep_files is "all"; bounds memory. ascp works on a few at a time. A stream that has more
loses the oldest."""

MAX_FAILURES = 1_000
"""Failed files that a session remembers; bounds memory. files_failed counts all of them."""

KeepFiles = Literal["unfinished", "all"] | int
"""Which files are kept by name: those in progress, all, or beside those in progress so many of the latest finished."""


class Files:
    """All files of one session, their counts and sums.

    Args:
        keep: which files ``by_name`` holds; see KeepFiles.
    """

    def __init__(self, keep: KeepFiles = "unfinished") -> None:
        # How many finished files stay in by_name; None for all.
        self._keep: int | None = None if keep == "all" else 0 if keep == "unfinished" else int(keep)

        # The files in progress by name, in the order in which they started.
        self.in_progress: dict[str, FileState] = {}
        # The files that are kept, by name; the same dict where no finished ones are.
        self.by_name: dict[str, FileState] = self.in_progress if self._keep == 0 else {}
        # Every file in the order in which they started, also those whose name came again; with keep "all" only.
        self.history: list[FileState] = []
        # The first failed files.
        self.failures: list[FileState] = []
        # The finished files that are in by_name, the oldest first.
        self._finished: deque[FileState] = deque()

        # Whether the session is one of several that may share a file, and whether one of its files was a part.
        self.clustered: bool | None = None
        self.has_parts = False

        # The sums: over the files that this session alone knows of its transfer, over those that others know as well,
        # and over those that the transfer has no list of.
        self.own = Totals()
        self.shared = Totals()
        self.unlisted = Totals()
        # Puts a new file on the list of the transfer, and says if there was room.
        self.enlist: Callable[[FileState], bool] | None = None
        # Count of the files that were dropped unfinished.
        self.forgotten = 0

        # FileBytes and TransferBytes of the session up to which they were taken as those of a file.
        self._file_bytes = 0
        self._transfer_bytes = 0

    def apply(self, event: FileEvent, usec: int, file_bytes: int | None, transfer_bytes: int | None) -> None:
        """Bring the file that an event is about up to date.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds; the session's clock.
            file_bytes: FileBytes of the event; None where it has none.
            transfer_bytes: TransferBytes of the event; None where it has none.
        """
        name, file_id = event.file, event.fasp_file_id
        if name is None:
            if event.size is None or isinstance(event, FileErrorEvent):
                return
            name = file_id or ""  # an excerpt; it is one file that has a size, whatever its name
        file = self.in_progress.get(name)
        # Another FaspFileID shows that it is another file of the same name.
        if file is None or (file_id != file.fasp_file_id and file_id and file.fasp_file_id):
            file = self._start(name, file, event, usec)

        written, sent = 0, None
        if file_bytes is not None and file_bytes > self._file_bytes:
            written = file_bytes - self._file_bytes
            self._file_bytes = file_bytes
        if transfer_bytes is not None:
            sent = 0
            if transfer_bytes > self._transfer_bytes:
                sent = transfer_bytes - self._transfer_bytes
                self._transfer_bytes = transfer_bytes
        file.apply(event, usec, written, sent, self.clustered)
        if file.state != "transferring":
            if file.state == "skipped":  # what moved meanwhile is another file's
                self._file_bytes -= written
                self._transfer_bytes -= sent or 0
            self._finish(file)
        if file.shared is not None:
            file.shared.changed()

    # -- what they amount to

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination."""
        return self.own.bytes + self.shared.bytes + self.unlisted.bytes

    @property
    def bytes_before(self) -> int:
        """Of bytes_done, those that were there before this session."""
        return self.own.before + self.shared.before + self.unlisted.before

    @property
    def estimated_bytes(self) -> int:
        """Bytes; the sizes of the files seen so far."""
        return self.own.estimate + self.shared.estimate + self.unlisted.estimate

    @property
    def done(self) -> int:
        """Count of the files that are done."""
        return self.own.done + self.shared.done + self.unlisted.done

    @property
    def skipped(self) -> int:
        """Count of the files that were there already."""
        return self.own.skipped + self.shared.skipped + self.unlisted.skipped

    @property
    def failed(self) -> int:
        """Count of the files that failed."""
        return self.own.failed + self.shared.failed + self.unlisted.failed

    # -- the list of the transfer

    def share(self, file: FileState) -> None:
        """Count a file among those that other sessions know as well."""
        self._move(file, self.shared)

    def leave(self) -> None:
        """Count all files by themselves: the session belongs to another transfer from now on."""
        for file in self.in_progress.values():
            file.shared = None
            file.totals = self.unlisted
        self.unlisted.absorb(self.own)
        self.unlisted.absorb(self.shared)
        self.own, self.shared, self.enlist = Totals(), Totals(), None

    # -- steps

    def _start(self, name: str, old: FileState | None, event: FileEvent, usec: int) -> FileState:
        """Begin with a file; old is another one of this name, of which no more will come."""
        if len(self.in_progress) >= MAX_FILES_IN_PROGRESS and old is None and self._keep is not None:
            old = next(iter(self.in_progress.values()))
        if old is not None:
            self._forget(old)
        file = FileState(name, usec, event.fasp_file_arg_index, event.fasp_file_id)
        file.totals = self.own
        if self.enlist is None or not self.enlist(file):
            file.totals = self.unlisted
        file.totals.active += 1
        self.in_progress[name] = file
        if self._keep != 0:
            self.by_name.pop(name, None)  # so that by_name is in the order of the starts
            self.by_name[name] = file
            if self._keep is None:
                self.history.append(file)
        return file

    def _move(self, file: FileState, to: Totals) -> None:
        counted = (file.bytes_done, file.bytes_before, file.estimated_bytes, file.state)
        assert file.totals is not None
        file.totals.add(*counted, sign=-1)
        to.add(*counted)
        file.totals = to

    def _forget(self, file: FileState) -> None:
        self.forgotten += 1
        assert file.totals is not None
        file.totals.add(file.bytes_done, file.bytes_before, file.estimated_bytes, file.state, sign=-1)
        file.totals = None
        if file.shared is not None:
            file.shared.drop(file)
        del self.in_progress[file.name]
        self.by_name.pop(file.name, None)

    def _finish(self, file: FileState) -> None:
        """Count a finished file, and drop what is not to be kept."""
        del self.in_progress[file.name]
        totals = file.totals
        assert totals is not None
        totals.active -= 1
        if file.is_part:
            self.has_parts = True
        if file.state == "done":
            totals.done += 1
        elif file.state == "skipped":
            totals.skipped += 1
        else:
            totals.failed += 1
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(file)
        if not self._keep:
            return
        self._finished.append(file)
        while len(self._finished) > self._keep:
            oldest = self._finished.popleft()
            if self.by_name.get(oldest.name) is oldest:
                del self.by_name[oldest.name]
