"""The files of a session: which file a message is about, and what they amount to.

Cost
    Constant time for an event. Memory grows with the files in progress, not with the finished ones, unless `keep_files`
    says so.
"""

from __future__ import annotations

from typing import Literal

import attrs

from faspmgr.protocol.events import FileErrorEvent, FileEvent, StatsEvent
from faspmgr.tracking.figures import Figures, Totals
from faspmgr.tracking.file_state import FileState, FileSums, namesake_key
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
        self._has_namesakes = False
        # The finished files that are in by_name, the oldest first.
        self._finished: dict[str, FileState] = {}
        # The first failed files.
        self.failures: list[FileState] = []

        # Whether one of its files was a part.
        self.has_parts = False
        # Count of the skipped files whose size is not known; bytes of skipped files, and those missing of failed ones.
        self.unknown_sizes = 0
        self.bytes_skipped = 0
        self.bytes_missing = 0

        # Bytes written and sent during the latest skips, which no file was credited with.
        self._written_credit = 0
        self._sent_credit = 0

    def apply(self, event: FileEvent, usec: int | None, written_before: int, sent_before: int) -> None:
        """Apply a message about a file.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds; the session's clock, None if unknown.
            written_before: bytes; FileBytes of the session before this message.
            sent_before: bytes; TransferBytes of the session before this message.
        """
        # Find the file. A FaspFileID other than the known one shows another file of the same name.
        name, file_id = event.file, event.fasp_file_id
        if name is None:
            if event.size is None or isinstance(event, FileErrorEvent):
                return
            name = file_id or ""  # an excerpt; it is a file if it has a size
        file = self.in_progress.get(name)
        if file is None or (file_id != file.fasp_file_id and file_id and file.fasp_file_id):
            file = self.in_progress.get(namesake_key(name, file_id)) if file_id and self._has_namesakes else None
            if file is None:
                file = self._begin(name, event, usec)
                if file is None:
                    return

        # Apply the message. If the file's own count is missing or has two meanings, the growth of the session's
        # counters is needed, too. What grew during a skip belongs to the next file.
        credit = self._written_credit or self._sent_credit
        if event.written is None or event.start_byte or file.start_byte or credit:
            if isinstance(event, FileErrorEvent) and file.start_byte:
                event = attrs.evolve(event, start_byte=None)  # it may have 0 for a resumed file
            written, sent = self._written_credit, event.transfer_bytes
            if sent is not None:
                sent = max(0, sent - sent_before) + self._sent_credit
            if isinstance(event.file_bytes, int):
                written += max(0, event.file_bytes - written_before)
            elif self.clustered and sent:
                written = sent  # what is there of a part is not more than was sent
            file.apply(event, usec, self.clustered, written, sent)
            skipped = file.state == "skipped"
            self._written_credit, self._sent_credit = (written, sent or 0) if skipped else (0, 0)
        else:
            file.apply(event, usec, self.clustered)

        # Count it.
        if file.state != "transferring":
            self._finish(file)
        if file.shared is not None:
            file.shared.update()
        elif self.clustered and (file.is_part or file.start_byte) and (file.totals is self.exclusive or not file.name):
            self.registry.share(file)

    def leave(self) -> None:
        """Count all files by themselves: the session belongs to another transfer from now on."""
        self.overflow = self.sums()
        for file in self.in_progress.values():
            file.shared, file.totals = None, self.overflow
        self.exclusive, self.shared = Totals(), Totals()

    # -- begin and end of a file

    def _begin(self, name: str, event: FileEvent, usec: int | None) -> FileState | None:
        """Begin a file, or one that was finished before again; return None for a message that comes too late."""
        # The session may have finished it before.
        file_id, registry = event.fasp_file_id, self.registry
        known = registry.by_name.get(name) if name else None
        if known is not None:
            known = registry.find(name, file_id)
            for own in (known,) if isinstance(known, FileState) else known.members if known else ():
                if own.owner is self and own.totals in (self.exclusive, self.shared):
                    return None if _is_late(event, own) else self._reopen(own)

        # Make room.
        if len(self.in_progress) >= MAX_FILES_IN_PROGRESS and self._keep is not None:
            self._drop(next(iter(self.in_progress.values())))

        # Add it.
        file = FileState(name, usec, event.fasp_file_arg_index, file_id)
        file.owner = self
        if not name or (registry.full and known is None):
            totals = self.overflow
        else:
            totals = registry.register(file, self, known)
        file.totals = totals
        totals.active += 1
        if self._keep == 0 and name not in self.in_progress:  # as nearly always
            file.key = name
            self.in_progress[name] = file
        else:
            self._insert(file)
        return file

    def _insert(self, file: FileState) -> None:
        """Put a file among those in progress, by its name unless another one has that."""
        key = file.name
        if key in self.in_progress:
            key, self._has_namesakes = namesake_key(key, file.fasp_file_id or ""), True
        file.key = key
        self.in_progress[key] = file
        if self._keep != 0:
            old = self.by_name.pop(key, None)  # so that by_name is in the order of the starts
            self._finished.pop(key, None)
            if old is not None and old is not file and old.fasp_file_id:
                old.key = namesake_key(old.name, old.fasp_file_id)
                self.by_name[old.key] = self._finished[old.key] = old
            self.by_name[key] = file

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
        # Another file of the name may have its key by now.
        for files in (self.by_name, self._finished):
            if files.get(file.key) is file:
                del files[file.key]
        self._insert(file)
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
        # Its state, and what the size of the job is corrected by.
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
            self.bytes_skipped += file.bytes_done
        else:
            totals.failed += 1
            self.bytes_missing += file.estimated_bytes - file.bytes_done
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(file)

        # Keep the latest ones.
        if not self._keep:
            return
        self._finished[key] = file
        while len(self._finished) > self._keep:
            oldest = next(iter(self._finished))
            del self.by_name[oldest], self._finished[oldest]


def _is_late(event: FileEvent, file: FileState) -> bool:
    """Whether a message leaves a finished file as it is.

    Only a STATS does: what is at the destination stays there while it is sent again. A file that has failed or grown
    begins again, unless the message is from before its end.
    """
    if not isinstance(event, StatsEvent):
        return False
    if event.elapsed_usec is None or file.elapsed_usec is None or event.elapsed_usec <= file.elapsed_usec:
        return True
    return file.state != "failed" and (event.size is None or event.size <= (file.size or 0))
