"""The files of a session: which file a message is about, and what they amount to.

Cost
    Constant time for an event. Memory grows with the files in progress, not with the finished ones, unless `keep_files`
    says so.
"""

from __future__ import annotations

from typing import Literal

from faspmgr.protocol.events import FileErrorEvent, FileEvent, StatsEvent
from faspmgr.tracking.figures import Figures, Totals
from faspmgr.tracking.file_state import FileState, FileSums
from faspmgr.tracking.registry import FileRegistry

MAX_FILES_IN_PROGRESS = 10_000
"""Files in progress of one session, unless keep_files is "all". A limit for security: it bounds memory. ascp works on a
few at a time; of a stream that has more the oldest is dropped."""

MAX_FAILURES = 1_000
"""Failed files that a session lists. A limit for security: it bounds memory. files_failed counts all of them."""

KeepFiles = Literal["unfinished", "all"] | int
"""Which files are kept by name: those in progress, all, or those in progress and this many of the latest finished."""


class SessionFiles(FileSums):
    """All files of one session, and their sums.

    Args:
        session: the session.
        registry: the registry of its transfer.
        keep: which files `by_name` holds; see KeepFiles.
    """

    def __init__(self, session: Figures, registry: FileRegistry, keep: KeepFiles = "unfinished") -> None:
        super().__init__(session)
        self.registry = registry
        # How many finished files stay in by_name; None for all.
        self._keep: int | None = None if keep == "all" else 0 if keep == "unfinished" else int(keep)

        # Files in progress by name, in the order in which they started. A second one of the same name, with another
        # FaspFileID, has that as its key.
        self.in_progress: dict[str, FileState] = {}
        # The files that are kept, with the same keys; the same dict if no finished ones are.
        self.by_name: dict[str, FileState] = self.in_progress if self._keep == 0 else {}
        # The finished files that are in by_name, the oldest first.
        self._finished: dict[str, FileState] = {}
        # The first failed files.
        self.failures: list[FileState] = []

        # Whether any file has begun.
        self.has_begun = False
        # Whether the session is one of several that may share a file, and whether one of its files was a part.
        self.clustered: bool | None = None
        self.has_parts = False
        # Count of the skipped files whose size is not known, and bytes that are missing of failed files.
        self.unknown_sizes = 0
        self.bytes_missing = 0

        # Bytes written and sent during the latest skips, which no file was credited with; None if there are none.
        self._during_skip: tuple[int, int] | None = None

    def apply(self, event: FileEvent, usec: int | None, written: int, sent: int | None) -> None:
        """Apply a message about a file.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds; the session's clock, None if unknown.
            written: bytes by which FileBytes of the session has grown.
            sent: bytes by which TransferBytes of the session has grown; None if the message has none.
        """
        # Find the file. A FaspFileID other than the known one shows another file of the same name.
        name, file_id = event.file, event.fasp_file_id
        if name is None:
            if event.size is None or isinstance(event, FileErrorEvent):
                return
            name = file_id or ""  # an excerpt; it is a file if it has a size
        file = self.in_progress.get(name)
        if file is None or (file_id != file.fasp_file_id and file_id and file.fasp_file_id):
            file = self.in_progress.get(file_id) if file_id else None
            if file is None:
                file = self._begin(name, event, usec)
                if file is None:
                    return

        # Credit it with what the session's counters have grown by. What moved during a skip belongs to another file.
        if self._during_skip is not None:
            written, sent = written + self._during_skip[0], (sent or 0) + self._during_skip[1]
            self._during_skip = None
        file.apply(event, usec, written, sent, self.clustered)

        # Count it.
        if file.state != "transferring":
            if file.state == "skipped" and (written or sent):
                self._during_skip = written, sent or 0
            self._finish(file)
        if file.shared is not None:
            file.shared.update()
        elif self.clustered and (file.is_part or file.start_byte) and (file.totals is self.exclusive or not file.name):
            self.registry.share(file)

    def leave(self) -> None:
        """Count all files by themselves: the session belongs to another transfer from now on."""
        for file in self.in_progress.values():
            file.shared = None
            file.totals = self.overflow
        self.overflow = self.sums()
        for file in self.in_progress.values():
            file.totals = self.overflow
        self.exclusive, self.shared = Totals(), Totals()

    # -- begin and end of a file

    def _begin(self, name: str, event: FileEvent, usec: int | None) -> FileState | None:
        """Begin a file, or one that was finished before again; return None for a message that comes too late."""
        file_id, registry = event.fasp_file_id, self.registry
        known = registry.by_name.get(name) if name else None
        if known is not None:
            known = registry.find(name, file_id)
            for own in (known,) if isinstance(known, FileState) else known.members if known else ():
                if own.owner is self and own.totals in (self.exclusive, self.shared):
                    return None if _is_late(event, own) else self._reopen(own)

        # Make room.
        in_progress = self.in_progress
        if len(in_progress) >= MAX_FILES_IN_PROGRESS and self._keep is not None:
            self._drop(next(iter(in_progress.values())))

        # Add it.
        self.has_begun = True
        key, other = name, self.by_name.get(name)
        if other is not None and file_id and other.fasp_file_id != file_id:
            key = file_id
        file = FileState(name, started_usec=usec, arg_index=event.fasp_file_arg_index, fasp_file_id=file_id)
        file.key, file.owner = key, self
        if not name or (registry.full and known is None):
            totals = self.overflow
        else:
            totals = registry.register(file, self, known)
        file.totals = totals
        totals.active += 1
        in_progress[key] = file
        if self._keep != 0:
            self.by_name.pop(key, None)  # so that by_name is in the order of the starts
            self.by_name[key] = file
        return file

    def _reopen(self, file: FileState) -> FileState:
        """Begin a finished file again: it is still one file, and what was brought of it is there."""
        totals = file.totals
        assert totals is not None
        totals.count(file.state, -1)
        totals.active += 1
        if file.state == "failed":
            self.bytes_missing -= file.estimated_bytes - file.bytes_done
            if file in self.failures:
                self.failures.remove(file)
        file.state, file.error = "transferring", None
        self._finished.pop(file.key, None)
        self.by_name.pop(file.key, None)
        self.in_progress[file.key] = file
        self.by_name[file.key] = file
        return file

    def _drop(self, file: FileState) -> None:
        """Drop a file in progress, and count it no longer."""
        self.move(file, Totals())
        file.totals = None
        if file.shared is not None:
            file.shared.drop(file)
        del self.in_progress[file.key]
        self.by_name.pop(file.key, None)

    def _finish(self, file: FileState) -> None:
        """Count a finished file, and drop what is not to be kept."""
        key = file.key
        del self.in_progress[key]
        totals = file.totals
        assert totals is not None
        totals.active -= 1
        if file.is_part:
            self.has_parts = True
        if file.state == "done":
            totals.done += 1
        elif file.state == "skipped":
            totals.skipped += 1
            self.unknown_sizes += not file.size
        else:
            totals.failed += 1
            self.bytes_missing += file.estimated_bytes - file.bytes_done
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(file)
        if not self._keep:
            return
        self._finished[key] = file
        while len(self._finished) > self._keep:
            oldest = next(iter(self._finished))
            del self.by_name[oldest], self._finished[oldest]


def _is_late(event: FileEvent, file: FileState) -> bool:
    """Whether a message about a finished file is from before its end, and so does not begin it again."""
    if not isinstance(event, StatsEvent):
        return False
    if event.elapsed_usec is None or file.elapsed_usec is None:
        return (event.written or 0) <= file.written
    return event.elapsed_usec <= file.elapsed_usec
