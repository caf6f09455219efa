"""The files of a session: the state of one file, and of all of them together.

What stands here changes the state of files and nothing else; it does not know sessions, transfers or streams.

What the numbers mean
    ``written`` of a file counts its bytes at the destination, those from before a resume included. It is the highest
    count seen, so that one which goes backwards (a peer that starts again, two threads out of step) never makes
    progress jump back.

What it costs
    Constant time for an event. Sums over files are kept up to date and never computed anew. Memory grows with the files
    in progress, not with those that are finished, unless ``keep_files`` says so.
"""

from __future__ import annotations

from collections import deque
from typing import Any, Literal

import attrs

from faspmgr.protocol.codes import explain
from faspmgr.protocol.events import FileErrorEvent, FileEvent, SkipEvent, StopEvent
from faspmgr.tracking.figures import fraction

MAX_FILES_IN_PROGRESS = 10_000
"""Of one session, unless keep_files is "all"; bounds memory. ascp works on a few at a time. A stream that has more
loses the oldest."""

MAX_FAILURES = 1_000
"""Failed files that a session remembers; bounds memory. files_failed counts all of them."""

FileStatus = Literal["transferring", "done", "skipped", "failed"]
KeepFiles = Literal["unfinished", "all"] | int
"""Which files are kept by name: those in progress, all, or beside those in progress so many of the latest finished."""


@attrs.frozen
class Failure:
    """Why a session or a file failed: ascp's code and its own words, with what the table of codes adds.

    Attributes:
        code: error code of the message.
        description: the message's own words; may be empty.

    Example:
        >>> str(Failure(19))
        '19 AUTH: the login was refused'
    """

    code: int
    description: str = ""

    @property
    def name(self) -> str:
        """The vendor's name of the code, such as ``AUTH``."""
        return explain(self.code).name

    @property
    def retryable(self) -> bool:
        """True where another attempt makes sense."""
        return explain(self.code).retryable

    @property
    def meaning(self) -> str:
        """What the code means."""
        return explain(self.code).meaning

    @property
    def advice(self) -> str:
        """What to check first."""
        return explain(self.code).advice

    def to_dict(self) -> dict[str, Any]:
        """All of it, ready for JSON."""
        names = ("code", "name", "description", "retryable", "meaning", "advice")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.description or self.meaning}"


@attrs.define
class FileState:
    """One file of a session.

    Attributes:
        name: as the stream reports it.
        state: transferring, done, skipped or failed.
        size: bytes; None where the stream has no size.
        written: bytes at the destination.
        start_byte: first byte of what is to move; for a resumed file where it goes on.
        end_byte: last byte of what is to move.
        started_usec: microseconds; the session's clock at the first message about the file.
        elapsed_usec: microseconds; the session's clock at the latest message about the file.
        error: why it failed; None unless it did.
        checksum: hexadecimal.
        checksum_type: such as ``md5``.
        arg_index: which source argument it came from.
        fasp_file_id: hash of argument index, source and destination path.
    """

    name: str
    state: FileStatus = "transferring"
    size: int | None = None
    written: int = 0
    start_byte: int | None = None
    end_byte: int | None = None
    started_usec: int | None = None
    elapsed_usec: int | None = None
    error: Failure | None = None
    checksum: str | None = None
    checksum_type: str | None = None
    arg_index: int | None = None
    fasp_file_id: str | None = None

    def apply(self, event: FileEvent, usec: int | None = None) -> None:
        """Bring the file up to date.

        Args:
            event: the next message about this file.
            usec: microseconds; the session's clock, where it is further than the event says.
        """
        if event.size is not None:
            self.size = event.size
        if event.start_byte is not None:
            self.start_byte = event.start_byte
        if event.end_byte is not None:
            self.end_byte = event.end_byte
        if event.written is not None and event.written > self.written:
            self.written = event.written
        self.elapsed_usec = event.elapsed_usec if usec is None else usec
        if isinstance(event, StopEvent):
            self.state = "done"
            self.checksum, self.checksum_type = event.file_checksum, event.file_checksum_type
        elif isinstance(event, SkipEvent):
            self.state = "skipped"
            self.written = self.size or 0
        elif isinstance(event, FileErrorEvent):
            self.state = "failed"
            self.error = Failure(event.code or 0, event.description or "")

    def is_named_by(self, event: FileEvent) -> bool:
        """False where the event is about another file of the same name, as its FaspFileID shows."""
        return not event.fasp_file_id or not self.fasp_file_id or event.fasp_file_id == self.fasp_file_id

    @property
    def is_range(self) -> bool:
        """True where only a part of the file is to move. A range up to the end of the file counts as a resume."""
        return self.end_byte is not None and self.size is not None and self.end_byte + 1 < self.size

    @property
    def bytes_total(self) -> int | None:
        """Bytes that are at the destination when the file is finished: those of the range, else the size."""
        if self.is_range and self.end_byte is not None:
            return max(0, self.end_byte + 1 - (self.start_byte or 0))
        return self.size

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination, never more than bytes_total."""
        total = self.bytes_total
        if self.state == "done" and total is not None:
            return total
        done = self.written if self.is_range else max(self.written, self.start_byte or 0)
        return done if total is None else min(done, total)

    @property
    def bytes_before(self) -> int:
        """Bytes that were at the destination before: of a resumed file up to start_byte, of a skipped one all."""
        if self.state == "skipped":
            return self.bytes_done
        return 0 if self.is_range else min(self.start_byte or 0, self.bytes_done)

    @property
    def estimated_bytes(self) -> int:
        """What the file adds to the job: its total, or where that is not known what is there of it."""
        total = self.bytes_total
        return self.bytes_done if total is None else total

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.state in ("done", "skipped"):
            return 1.0
        return fraction(self.bytes_done, self.bytes_total)

    def to_dict(self) -> dict[str, Any]:
        """What is known, ready for JSON."""
        shown = {name: value for name, value in attrs.asdict(self, recurse=False).items() if value is not None}
        if self.error:
            shown["error"] = self.error.to_dict()
        shown["progress"] = round(self.progress, 4)
        return shown


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
        # The files that are kept, by name.
        self.by_name: dict[str, FileState] = {}
        # Every file in the order in which they started, also those whose name came again; with keep "all" only.
        self.history: list[FileState] = []
        # The first failed files.
        self.failures: list[FileState] = []

        # Counts of the finished files, and of those that were dropped unfinished.
        self.done = 0
        self.skipped = 0
        self.failed = 0
        self.forgotten = 0

        # Bytes, summed over the finished files, and over those in progress.
        self._finished_bytes = 0
        self._finished_estimate = 0
        self._finished_before = 0
        self._progress_bytes = 0
        self._progress_estimate = 0

        # Names of the finished files that are in by_name, the oldest first.
        self._finished_names: deque[str] = deque()

    def apply(self, event: FileEvent, usec: int) -> FileState | None:
        """Bring the file that an event is about up to date.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds; the session's clock.

        Returns:
            The file; None for an event that names no file.
        """
        name = event.file
        if name is None:
            return None
        file = self.in_progress.get(name)
        if file is None or not file.is_named_by(event):
            file = self._start(name, event, usec)
        before, before_estimate = file.bytes_done, file.estimated_bytes
        file.apply(event, usec)
        if file.state == "transferring":
            self._progress_bytes += file.bytes_done - before
            self._progress_estimate += file.estimated_bytes - before_estimate
        else:
            self._progress_bytes -= before
            self._progress_estimate -= before_estimate
            del self.in_progress[name]
            self._finish(file)
        return file

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination."""
        return self._finished_bytes + self._progress_bytes

    @property
    def bytes_before(self) -> int:
        """Of bytes_done, those that were there before this session."""
        return self._finished_before + sum(file.bytes_before for file in self.in_progress.values())

    @property
    def estimated_bytes(self) -> int:
        """Bytes; the sizes of the files seen so far."""
        return self._finished_estimate + self._progress_estimate

    def _start(self, name: str, event: FileEvent, usec: int) -> FileState:
        old = self.in_progress.get(name)  # another file of this name: of that one no more will come
        if old is None and self._keep is not None and len(self.in_progress) >= MAX_FILES_IN_PROGRESS:
            old = next(iter(self.in_progress.values()))
        if old is not None:
            self.forgotten += 1
            self._progress_bytes -= old.bytes_done
            self._progress_estimate -= old.estimated_bytes
            del self.in_progress[old.name]
            self.by_name.pop(old.name, None)
        file = FileState(name, started_usec=usec)
        file.arg_index, file.fasp_file_id = event.fasp_file_arg_index, event.fasp_file_id
        self.in_progress[name] = self.by_name[name] = file
        if self._keep is None:
            self.history.append(file)
        return file

    def _finish(self, file: FileState) -> None:
        """Count a finished file, add it to the sums, and drop what is not to be kept."""
        self._finished_bytes += file.bytes_done
        self._finished_before += file.bytes_before
        self._finished_estimate += file.estimated_bytes
        if file.state == "done":
            self.done += 1
        elif file.state == "skipped":
            self.skipped += 1
        else:
            self.failed += 1
            if len(self.failures) < MAX_FAILURES:
                self.failures.append(file)
        if self._keep is None:
            return
        self._finished_names.append(file.name)
        while len(self._finished_names) > self._keep:
            name = self._finished_names.popleft()
            if name not in self.in_progress:
                self.by_name.pop(name, None)
