"""The state of one file of a session, and the sums that it is counted in.

``written`` of a file is the highest count seen, so that one which goes backwards (a peer that starts again, a file that
shrinks) never makes progress go back. What it includes depends on why a file begins at a StartByte: after a *resume* it
includes what was there before, in a *part* (several sessions share the file) it counts the part alone.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import attrs

from faspmgr.protocol.events import FileErrorEvent, FileEvent, SkipEvent, StatsEvent, StopEvent
from faspmgr.redaction import redact_urls, redact_words
from faspmgr.tracking.figures import Figures, Totals
from faspmgr.verdicts import Failure

FileStatus = Literal["transferring", "done", "skipped", "failed"]


@attrs.define(eq=False, repr=False)
class FileState:
    """One file of a session. What is None was not reported."""

    name: str
    """Name as the stream reports it; empty if it has none."""
    started_usec: int | None = None
    """Microseconds on the session's clock at the first message about the file."""
    arg_index: int | None = None
    """Index of the source argument it came from."""
    fasp_file_id: str | None = None
    """Hash of argument index, source and destination path."""
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
    elapsed_usec: int | None = None
    """Microseconds on the session's clock at the latest message about the file."""
    error: Failure | None = None
    """Why it failed."""
    checksum: str | None = None
    """Hexadecimal."""
    checksum_type: str | None = None
    """Such as ``md5``."""

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
    _exact: bool = False
    _counts_before: bool = True
    # Bytes sent over the network since StartByte is known; None if the stream does not say.
    _sent: int | None = None

    # Set by SessionFiles: its key in dicts, the files of its session, the sums that count it, and the SharedFile if
    # other sessions know it too. A file by itself has none of them.
    key: str = ""
    owner: FileSums | None = None
    totals: Totals | None = None
    shared: SharedFile | None = None

    def apply(
        self,
        event: FileEvent,
        usec: int | None = None,
        clustered: bool | None = None,
        written: int = 0,
        sent: int | None = None,
    ) -> None:
        """Apply the next message about this file.

        Args:
            event: STATS, STOP, SKIP or FILEERROR.
            usec: microseconds on the session's clock; by default those of the event.
            written: bytes by which FileBytes of the session has grown with this message.
            sent: bytes by which TransferBytes of the session has grown with this message; None if the message has none.
            clustered: whether the session is one of several; None if SESSION did not say.
        """
        # Size, range and time. What a message leaves out stays as it was; SKIP and FILEERROR may have size 0.
        kind = type(event)
        size, exact = event.size, event.written
        if size is None or (not size and kind is not StatsEvent and kind is not StopEvent and self.size is not None):
            size = self.size
        elif not size and exact:  # a file that is streamed: its size is not known yet
            size = self.size = self.size or None
        elif size != self.size:
            if self.size is None or event.elapsed_usec in (None, usec):
                self.size = size
            else:  # a late message
                size = self.size
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
        if done < self.bytes_done and before == self.bytes_before and (was_part or not self.is_part):
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
        # A range that ends before the file does, a part of which the end is not known, or a resumed file.
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
            >>> file.apply(StatsEvent(file="a.mov", size=100, written=25))
            >>> file.to_dict()
            {'name': 'a.mov', 'state': 'transferring', 'size': 100, 'written': 25, 'progress': 0.25}
        """
        shown = {name: value for name in _SHOWN if (value := getattr(self, name)) is not None}
        shown["name"] = redact_urls(self.name)
        for name in ("checksum", "checksum_type", "fasp_file_id"):
            if name in shown:
                shown[name] = redact_words(shown[name])
        if self.error:
            shown["error"] = self.error.to_dict()
        return shown | {"progress": round(self.progress, 4)}

    def __repr__(self) -> str:
        return f"<FileState {redact_urls(self.name)!r} {self.state}, {self.progress:.0%}>"


# What to_dict shows.
_SHOWN = ["name", "state", "size", "written", "start_byte", "end_byte", "started_usec", "elapsed_usec", "error"]
_SHOWN += ["checksum", "checksum_type", "arg_index", "fasp_file_id"]


def namesake_key(name: str, file_id: str) -> str:
    """Return the key of a file if another one has its name already. No name of a file has a NUL in it."""
    return f"{name}\0{file_id}"


class SharedFile(Protocol):
    """A file that several sessions know; see registry.py."""

    def update(self) -> None:
        """Count again: a session has changed what it knows of the file."""

    def drop(self, file: FileState) -> None:
        """Count a file no longer that its session has dropped, except for the bytes that it brought."""


class FileSums:
    """The sums over the files of a session. Each file is counted in one of three.

    Args:
        session: the session.
    """

    def __init__(self, session: Figures) -> None:
        self.session = session
        # Whether the session is one of several that may share a file; None if SESSION did not say.
        self.clustered: bool | None = None
        # Which part of the transfer and which attempt at it the session is, as far as that is known.
        self.part: int | None = None
        self.attempt: int | None = None
        # Files that only this session of its transfer knows.
        self.exclusive = Totals()
        # Files that others know too: the registry of the transfer counts those.
        self.shared = Totals()
        # Files that the registry has no room for, or that have no name.
        self.overflow = Totals()

    @property
    def has_begun(self) -> bool:
        """Whether any file has begun."""
        return any(part.active or part.done or part.skipped or part.failed for part in self._parts)

    @property
    def _parts(self) -> tuple[Totals, Totals, Totals]:
        return self.exclusive, self.shared, self.overflow

    def sums(self) -> Totals:
        """Return the sums over all files."""
        sums = Totals()
        for part in self._parts:
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
