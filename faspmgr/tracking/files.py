"""The state of one file of a session, and the files of a session.

Counts of a file
    ``written`` is the highest count seen, so that a count which goes backwards (a peer that starts again, two threads out
    of step, a file that shrinks) never makes progress go back. What it includes depends on why a file begins at a
    StartByte: after a *resume* it includes what was there before, in a *part* (several sessions share the file) it counts
    the part alone. ``FileState._tell_part_from_resume`` decides which of the two it is.

Sums
    Each file is counted in one of three sums of its session: ``exclusive`` (only this session of the transfer knows it),
    ``shared`` (others know it too: the registry of the transfer counts it), ``overflow`` (the registry has no room for
    it, or it has no name). A session is the sum of the three.

Cost
    Constant time for an event. Memory grows with the files in progress, not with the finished ones, unless `keep_files`
    says so.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from faspmgr.protocol.events import FileErrorEvent, FileEvent, SkipEvent, StatsEvent, StopEvent
from faspmgr.redaction import redact_urls
from faspmgr.tracking.figures import Figures, Totals
from faspmgr.verdicts import Failure

MAX_FILES_IN_PROGRESS = 10_000
"""Files in progress of one session, unless keep_files is "all". A limit for security: it bounds memory. ascp works on a
few at a time; of a stream that has more the oldest is dropped."""

MAX_FAILURES = 1_000
"""Failed files that a session lists. A limit for security: it bounds memory. files_failed counts all of them."""

KeepFiles = Literal["unfinished", "all"] | int
"""Which files are kept by name: those in progress, all, or those in progress and this many of the latest finished."""

FileStatus = Literal["transferring", "done", "skipped", "failed"]


class FileState:
    """One file of a session. What is None was not reported.

    Args:
        name: as the stream reports it.
        started_usec: microseconds on the session's clock.
        arg_index: index of the source argument.
        fasp_file_id: the FaspFileID.
    """

    # Only what differs from these defaults is set for each file: a session may have millions of them.

    name: str
    """Name as the stream reports it; empty if it has none."""
    state: FileStatus = "transferring"
    """Status of the file."""
    size: int | None = None
    """Bytes."""
    written: int = 0
    """Bytes written: the highest Written, or the growth of FileBytes if the stream has no Written."""
    start_byte: int | None = None
    """First byte to move; of a resumed file where it continues."""
    end_byte: int | None = None
    """Last byte to move."""
    started_usec: int | None = None
    """Microseconds on the session's clock at the first message about the file."""
    elapsed_usec: int | None = None
    """Microseconds on the session's clock at the latest message about the file."""
    error: Failure | None = None
    """Why it failed."""
    checksum: str | None = None
    """Hexadecimal."""
    checksum_type: str | None = None
    """Such as ``md5``."""
    arg_index: int | None = None
    """Index of the source argument it came from."""
    fasp_file_id: str | None = None
    """Hash of argument index, source and destination path."""

    is_part: bool | None = None
    """True for a part of a file that several sessions share, False for a whole or resumed file, None while a StartByte
    may still mean either."""
    bytes_done: int = 0
    """Bytes at the destination. It goes back only when a StartByte turns out to be that of a part."""
    bytes_before: int = 0
    """Of bytes_done, those from before this session: of a resumed file up to start_byte, of a skipped one all."""
    bytes_total: int | None = None
    """Bytes at the destination when the file is finished: those of the range, else the size. Of a part whose end is not
    known the most that it can be."""
    estimated_bytes: int = 0
    """What the file adds to the job: bytes_total, or bytes_done if that is more or the total is unknown."""

    # Whether written comes from Written, and whether the count of a resumed file includes what was there before.
    _exact = False
    _counts_before = True
    # Bytes sent over the network since StartByte is known; None if the stream does not say.
    _sent: int | None = None

    # Set by SessionFiles: the key of the file in its dicts, the files that it is one of, the sums that it is counted in,
    # and the SharedFile if other sessions know it too. A file by itself has none of them.
    key = ""
    owner: SessionFiles | None = None
    totals: Totals | None = None
    shared: Shared | None = None

    def __init__(
        self,
        name: str,
        started_usec: int | None = None,
        arg_index: int | None = None,
        fasp_file_id: str | None = None,
    ) -> None:
        self.name = name
        self.started_usec = started_usec
        self.arg_index = arg_index
        self.fasp_file_id = fasp_file_id

    def apply(
        self,
        event: FileEvent,
        usec: int | None = None,
        written: int = 0,
        sent: int | None = None,
        clustered: bool | None = None,
    ) -> None:
        """Apply the next message about this file.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds on the session's clock; by default those of the event.
            written: bytes by which FileBytes of the session has grown with this message.
            sent: bytes by which TransferBytes of the session has grown with this message; None if the message has none.
            clustered: whether the session is one of several; None if SESSION did not say.
        """
        # Size, range and time. What a message leaves out stays as it was.
        kind = event.__class__
        size, exact = event.size, event.written
        if size is None or (not size and kind is SkipEvent and self.size is not None):  # SKIP has 0 for any file
            size = self.size
        elif not size and exact:  # a file that is streamed: its size is not known yet
            size = self.size = self.size or None
        else:
            self.size = size
        start, end = event.start_byte, event.end_byte
        if start is None:
            start = self.start_byte
        else:
            self.start_byte = start
        if end is None:
            end = self.end_byte
        else:
            self.end_byte = end
        self.elapsed_usec = event.elapsed_usec if usec is None else usec

        # Counts and state. The growth of the session's counters is taken for this file's, but not beyond its size: then
        # it includes what moved before reading began, or other files.
        was_part = self.is_part
        if start and kind is StopEvent and self._already_present:
            self.state, self.is_part = "skipped", False
        else:
            if exact is not None:
                self._exact = True
                if exact > self.written:
                    self.written = exact
            elif written and not self._exact and (size is None or written <= size):
                self.written += written
            if start and self.is_part is None:
                if sent is not None:
                    self._sent = (self._sent or 0) + sent
                self._tell_part_from_resume(clustered)
            if kind is not StatsEvent:
                self._finish(event, clustered)

        # The bytes that follow. Almost every file is whole: from its first byte to its last.
        if start or end is not None or self.is_part:
            done, total, before = self._bytes_of_piece(clustered)
        else:
            done, total, before = self.written, size, 0
            if size is not None and (done > size or self.state == "done"):
                done = size
        if done < self.bytes_done and before == self.bytes_before and self.is_part is was_part:
            done = self.bytes_done  # a count that goes back, or a file that shrinks
        if self.state == "skipped":
            before = done
        self.bytes_total = total
        estimate = done if total is None or total < done else total

        # The sums change if a number has changed.
        totals = self.totals
        if done != self.bytes_done:
            if totals is not None:
                totals.bytes += done - self.bytes_done
            self.bytes_done = done
        if estimate != self.estimated_bytes:
            if totals is not None:
                totals.estimate += estimate - self.estimated_bytes
            self.estimated_bytes = estimate
        if before != self.bytes_before:
            if totals is not None:
                totals.before += before - self.bytes_before
            self.bytes_before = before

    def _tell_part_from_resume(self, clustered: bool | None) -> None:
        """Decide whether StartByte is where a resumed file continues, or where the part of this session begins.

        The count of a resumed file is more than what was sent, by what was there before; that of a part is not. A
        session that is the only one has no parts, and a part is not larger than what follows its begin. Until data
        moves, nothing decides.
        """
        written, start = self.written, self.start_byte or 0
        if not written:
            return
        includes = written >= start if self._sent is None else written > self._sent
        if not clustered and self.size is not None:
            includes = includes or (written >= start and written > self.size - start)
        self.is_part = not includes and clustered is not False and not self.is_range
        self._counts_before = includes or self._exact

    def _finish(self, event: FileEvent, clustered: bool | None) -> None:
        """Apply the end of the file."""
        if isinstance(event, StopEvent):
            self.state = "done"
            self.checksum, self.checksum_type = event.file_checksum, event.file_checksum_type
            if self.is_part is None and (self.end_byte is None or not self.is_range):
                self.is_part = clustered is not False and self._stopped_short(clustered)
        elif isinstance(event, SkipEvent):
            self.state = "skipped"
            self.written = self.size or 0
        elif isinstance(event, FileErrorEvent):
            self.state = "failed"
            self.error = Failure(event.code or 0, event.description or "")

    @property
    def _already_present(self) -> bool:
        # Nothing had to be sent: STOP has the size as StartByte (docs/topics/protocol.md, "What real transfers say").
        size, start = self.size, self.start_byte
        return bool(size and start and start >= size and (not self.bytes_done or self.bytes_done >= size))

    def _stopped_short(self, clustered: bool | None) -> bool:
        """Whether STOP shows that only a part of the file was to move: the first part has no StartByte."""
        if not self.size:
            return False
        if clustered and self.start_byte:
            return True
        return 0 < self.written < self.size and (self._exact or clustered is True)

    def _bytes_of_piece(self, clustered: bool | None) -> tuple[int, int | None, int]:
        """Return bytes_done, bytes_total and bytes_before of a part, a range or a resumed file."""
        start, size, written, end = self.start_byte or 0, self.size, self.written, self.end_byte
        before = 0
        if end is not None and self.is_range:
            total: int | None = max(0, end + 1 - start)
            done = written
        elif self.is_part or (clustered and start and self.is_part is None):
            total = None if size is None else max(0, size - start)
            done = written if self.is_part else 0
            if self.state == "done" and done:
                total = done if total is None else min(done, total)
        else:
            total = size
            before = start
            done = max(start, written if self._counts_before else written + start)
        if total is not None and (done > total or self.state == "done"):
            done = total
        return done, total, min(before, done)

    @property
    def is_range(self) -> bool:
        """Whether only a part of the file is to move. A range up to the end of the file counts as a resume."""
        return self.end_byte is not None and self.size is not None and self.end_byte + 1 < self.size

    @property
    def is_whole(self) -> bool:
        """Whether the whole file is at the destination, as its end shows."""
        return self.state in ("done", "skipped") and not (self.is_part or self.is_range)

    @property
    def span(self) -> tuple[int, int]:
        """The bytes of the file that the session has brought or found: the first one, and the one after the last."""
        start = (self.start_byte or 0) if self.is_part or self.is_range else 0
        return start, start + self.bytes_done

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.state in ("done", "skipped"):
            return 1.0
        return min(1.0, self.bytes_done / self.bytes_total) if self.bytes_total else 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return what is known, ready for JSON, without secrets.

        Example:
            >>> file = FileState("a.mov")
            >>> file.apply(StatsEvent(file="a.mov", size=100, written=25, elapsed_usec=1000))
            >>> file.to_dict()
            {'name': 'a.mov', 'state': 'transferring', 'size': 100, 'written': 25, 'elapsed_usec': 1000, 'progress': 0.25}
        """
        shown = {name: value for name in _SHOWN if (value := getattr(self, name)) is not None}
        shown["name"] = redact_urls(self.name)
        if self.error:
            shown["error"] = self.error.to_dict()
        return shown | {"progress": round(self.progress, 4)}

    def __repr__(self) -> str:
        return f"<FileState {redact_urls(self.name)!r} {self.state}, {self.progress:.0%}>"


_SHOWN = tuple(FileState.__annotations__)[:13]


class Shared(Protocol):
    """A file that several sessions know, as the registry of their transfer counts it."""

    def update(self) -> None:
        """Count again: a session has changed what it knows of the file."""

    def drop(self, file: FileState) -> None:
        """Count a file no longer that its session has dropped, except for the bytes that it brought."""


class Registry(Protocol):
    """The files of a transfer; see registry.py."""

    def find(self, owner: SessionFiles, name: str, file_id: str | None) -> FileState | None:
        """Return the file of this name that the session began before, or None."""

    def register(self, file: FileState, owner: SessionFiles) -> Totals:
        """Add a file that begins, and return the sums that it is to be counted in."""

    def share(self, file: FileState) -> None:
        """Count a part of a file, which is the first that is seen of it."""


class SessionFiles:
    """All files of one session, and their sums.

    Args:
        session: the session.
        registry: the registry of its transfer.
        keep: which files `by_name` holds; see KeepFiles.
    """

    def __init__(self, session: Figures, registry: Registry, keep: KeepFiles = "unfinished") -> None:
        self.session = session
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
        # Count of the skipped files whose size is not known.
        self.unknown_sizes = 0

        # The sums; see the module.
        self.exclusive = Totals()
        self.shared = Totals()
        self.overflow = Totals()

        # FileBytes and TransferBytes of the session that files were credited with so far.
        self._file_bytes = 0
        self._transfer_bytes = 0

    def apply(self, event: FileEvent, usec: int | None, file_bytes: int | None, transfer_bytes: int | None) -> None:
        """Apply a message about a file.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds; the session's clock, None if unknown.
            file_bytes: FileBytes of the event; None if it has none.
            transfer_bytes: TransferBytes of the event; None if it has none.
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

        # Credit it with what the session's counters have grown by.
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

        # Count it.
        if file.state != "transferring":
            if file.state == "skipped":  # what moved meanwhile belongs to another file
                self._file_bytes -= written
                self._transfer_bytes -= sent or 0
            self._finish(file)
        if file.shared is not None:
            file.shared.update()
        elif file.is_part or (self.clustered and file.start_byte):
            self.registry.share(file)

    # -- sums

    def sums(self) -> Totals:
        """Return the sums over all files."""
        sums = Totals()
        for part in (self.exclusive, self.shared, self.overflow):
            sums.add(part)
        return sums

    def move(self, file: FileState, totals: Totals) -> None:
        """Count a file in other sums."""
        for sign, sums in ((-1, file.totals), (1, totals)):
            if sums is not None:
                sums.bytes += sign * file.bytes_done
                sums.before += sign * file.bytes_before
                sums.estimate += sign * file.estimated_bytes
                sums.count(file.state, sign)
        file.totals = totals

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
        file_id = event.fasp_file_id
        known = self.registry.find(self, name, file_id) if name else None
        if known is not None:
            return None if _is_late(event, known) else self._reopen(known)

        # Make room.
        key = name if name not in self.in_progress or not file_id else file_id
        old = self.in_progress.get(key)
        if len(self.in_progress) >= MAX_FILES_IN_PROGRESS and self._keep is not None:
            old = old or next(iter(self.in_progress.values()))
        if old is not None:
            self._drop(old)

        # Add it.
        self.has_begun = True
        file = FileState(name, usec, event.fasp_file_arg_index, file_id)
        file.key = key
        file.owner = self
        totals = file.totals = self.registry.register(file, self)
        totals.active += 1
        self.in_progress[key] = file
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
        if file.state == "failed" and file in self.failures:
            self.failures.remove(file)
        file.state, file.error = "transferring", None
        self._finished.pop(file.key, None)
        self.in_progress[file.key] = file
        if self._keep != 0:
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
