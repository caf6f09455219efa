"""The state of one file of a session.

What stands here changes the state of a file, and the sums that the file is counted in, and nothing else; it does not
know sessions, transfers or streams.

What the numbers mean
    ``written`` of a file is the highest count seen, so that one which goes backwards (a peer that starts again, two
    threads out of step) never makes progress jump back. What the count includes depends on why a file begins at a
    StartByte: after a *resume*, it includes what was there before; of a *part* (several sessions share the file), it is
    the part alone. ``_tell_part_from_resume`` tells them
    apart.

What it costs
    Constant time for an event.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

import attrs

from faspmgr.protocol.codes import explain
from faspmgr.protocol.events import FileErrorEvent, FileEvent, SkipEvent, StatsEvent, StopEvent
from faspmgr.redaction import redact_urls, redact_words
from faspmgr.tracking.figures import Totals, fraction

FileStatus = Literal["transferring", "done", "skipped", "failed"]


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
    description: str = attrs.field(default="", repr=lambda text: repr(redact_words(text)))

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
        """All of it, ready for JSON; without secrets."""
        names = ("code", "name", "description", "retryable", "meaning", "advice")
        return {name: getattr(self, name) for name in names} | {"description": redact_words(self.description)}

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {redact_words(self.description) or self.meaning}"


@attrs.define(init=False)
class FileState:
    """One file of a session.

    Attributes:
        name: as the stream reports it.
        state: transferring, done, skipped or failed.
        size: bytes; None where the stream has no size.
        written: bytes; the count of what is written, by Written, or by the growth of FileBytes where the stream has no
            Written.
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

    name: str = attrs.field(repr=lambda name: repr(redact_urls(name)))
    state: FileStatus
    size: int | None
    written: int
    start_byte: int | None
    end_byte: int | None
    started_usec: int | None
    elapsed_usec: int | None
    error: Failure | None
    checksum: str | None
    checksum_type: str | None
    arg_index: int | None
    fasp_file_id: str | None

    # What follows is worked out by apply.

    is_part: bool | None = attrs.field(eq=False, repr=False)
    """True for a part of a file that several sessions share, False for a whole or resumed file, None while a StartByte
    may still mean either."""
    bytes_done: int = attrs.field(eq=False, repr=False)
    """Bytes at the destination, never more than bytes_total."""
    bytes_before: int = attrs.field(eq=False, repr=False)
    """Of bytes_done, those that were there before this session: of a resumed file up to start_byte, of a skipped one
    all."""
    bytes_total: int | None = attrs.field(eq=False, repr=False)
    """Bytes that are at the destination when the file is finished: those of the range, else the size. Of a part whose
    end is not known yet the most that it can be."""
    estimated_bytes: int = attrs.field(eq=False, repr=False)
    """What the file adds to the job: its total, or where that is not known what is there of it."""

    # Does written come from Written? Has the count of a resumed file what was there before in it? Bytes sent over the
    # network since the first message, None where the stream does not say.
    _exact: bool = attrs.field(eq=False, repr=False)
    _counts_before: bool = attrs.field(eq=False, repr=False)
    _sent: int | None = attrs.field(eq=False, repr=False)

    # The sums that the file is counted in, and what it is a part of where several sessions know it: see Files and
    # inventory.py. None for a file by itself.
    totals: Totals | None = attrs.field(eq=False, repr=False)
    shared: Shared | None = attrs.field(eq=False, repr=False)

    # Written by hand: one that attrs makes takes twice as long, and every file begins here.
    def __init__(
        self,
        name: str,
        started_usec: int | None = None,
        arg_index: int | None = None,
        fasp_file_id: str | None = None,
    ) -> None:
        self.name = name
        self.state = "transferring"
        self.size = None
        self.written = 0
        self.start_byte = None
        self.end_byte = None
        self.started_usec = started_usec
        self.elapsed_usec = None
        self.error = None
        self.checksum = None
        self.checksum_type = None
        self.arg_index = arg_index
        self.fasp_file_id = fasp_file_id
        self.is_part = None
        self.bytes_done = 0
        self.bytes_before = 0
        self.bytes_total = None
        self.estimated_bytes = 0
        self._exact = False
        self._counts_before = True
        self._sent = None
        self.totals = None
        self.shared = None

    def apply(
        self,
        event: FileEvent,
        usec: int | None = None,
        written: int | None = None,
        sent: int | None = None,
        clustered: bool | None = None,
    ) -> None:
        """Bring the file up to date.

        Args:
            event: the next message about this file.
            usec: microseconds; the session's clock, where it is further than the event says.
            written: bytes by which FileBytes of the session has grown with this message; None where it is not there.
            sent: bytes by which TransferBytes of the session has grown with this message; None where it is not there.
            clustered: whether the session is one of several, as far as SESSION tells.
        """
        kind = type(event)
        size, start, end, exact = event.size, event.start_byte, event.end_byte, event.written
        if size is None or (not size and kind is SkipEvent and self.size is not None):  # SKIP says 0, whatever it is
            size = self.size
        elif not size and exact:  # a file that is streamed, as long as its size is not known
            size = self.size = self.size or None
        else:
            self.size = size
        if start is None:
            start = self.start_byte
        else:
            self.start_byte = start
        if end is None:
            end = self.end_byte
        else:
            self.end_byte = end
        self.elapsed_usec = event.elapsed_usec if usec is None else usec
        if start and kind is StopEvent and self._was_there:
            self.state, self.is_part = "skipped", False
        else:
            # What the session's counters grow by is taken as this file's. Growth beyond the size is not: it has what
            # moved before reading began, or other files, in it.
            if exact is not None:
                self._exact = True
                if exact > self.written:
                    self.written = exact
            elif written and not self._exact and (size is None or written <= size):
                self.written += written
            if sent is not None:
                self._sent = sent if self._sent is None else self._sent + sent
            if start and self.is_part is None:
                self._tell_part_from_resume(clustered)
            if kind is not StatsEvent:
                self._finish(event, clustered)

        # The bytes that follow from the counts. Almost every file is whole: from its first byte to its last.
        state = self.state
        if start or end is not None or self.is_part:
            done, total, before = self._bytes_of_piece(clustered)
        else:
            done, total, before = self.written, size, 0
            if size is not None and (done > size or state == "done"):
                done = size
        if state == "skipped":
            before = done
        self.bytes_total = total
        estimate = done if total is None else total

        # The sums change where a number has changed.
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
        """Is StartByte where a resumed file goes on, or where the part of this session begins?

        Seen: the count of a resumed file is more than what was sent, by what was there before; that of a part is not.
        A session that is the only one has no parts, and a part is not larger than what follows its begin. Until data
        moves, nothing tells.
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
        """Take over how the file ended."""
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
    def _was_there(self) -> bool:
        """True where STOP tells that nothing had to be sent: it starts at the end of the file (seen)."""
        size, start = self.size, self.start_byte
        return bool(size and start and start >= size and (not self.bytes_done or self.bytes_done >= size))

    def _stopped_short(self, clustered: bool | None) -> bool:
        """True where STOP tells that only a part of the file was to move: the first part has no StartByte."""
        if not self.size:
            return False
        if clustered and self.start_byte:
            return True
        return 0 < self.written < self.size and (self._exact or clustered is True)

    def _bytes_of_piece(self, clustered: bool | None) -> tuple[int, int | None, int]:
        """bytes_done, bytes_total and bytes_before of a part, a range or a resumed file."""
        start, size, written = self.start_byte or 0, self.size, self.written
        before = 0
        end = self.end_byte
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
            done = written if self._counts_before else written + start
            if done < start:
                done = start
        if total is not None and (done > total or self.state == "done"):
            done = total
        return done, total, min(before, done)

    @property
    def is_range(self) -> bool:
        """True where only a part of the file is to move. A range up to the end of the file counts as a resume."""
        return self.end_byte is not None and self.size is not None and self.end_byte + 1 < self.size

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.state in ("done", "skipped"):
            return 1.0
        return fraction(self.bytes_done, self.bytes_total)

    def to_dict(self) -> dict[str, Any]:
        """What is known, ready for JSON; without secrets."""
        shown = {field: value for field in _SHOWN if (value := getattr(self, field)) is not None}
        shown["name"] = redact_urls(self.name)
        if self.error:
            shown["error"] = self.error.to_dict()
        shown["progress"] = round(self.progress, 4)
        return shown


_SHOWN = tuple(field.name for field in attrs.fields(FileState) if field.eq)


class Shared(Protocol):
    """What a file is a part of, where several sessions know it."""

    def changed(self) -> None:
        """One of the sessions has changed what it knows of the file."""

    def drop(self, file: FileState) -> None:
        """A session has forgotten the file, unfinished."""
