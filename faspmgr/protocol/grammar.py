"""Lines in, messages and problems out: the one authority on what is a message.

``Grammar`` is given one line after the other, and reports deviations in the order of the stream. It has no buffer and
caches nothing: the tokenizer does, and must return what this module returns for the same lines. Tests compare the two.

A message starts with a header line, ``FASPMGR 2``, and ends with an empty line; between them are field lines,
``Name: value``. Only the first colon splits, and one space after it is removed. An empty value needs no space. Field
names are visible ASCII. ``problems.KINDS`` has every deviation, and what is done about each.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from faspmgr.protocol.fields import FIELDS
from faspmgr.protocol.frames import DATA_END, FILE_TYPES, NAME, STREAM_TYPES, STREAM_VERSION, VERSION, Frame
from faspmgr.protocol.problems import Problem, excerpt
from faspmgr.redaction import redact_words

MAX_FIELDS = 1000
"""A message with more is oversized. Real ones have a hundred at most; short fields take far more than their bytes."""
MAX_GLUED = 8
"""Headers at the ends of lines of one message, the latest, that may be headers: it bounds the time of hostile ones."""
MAX_HEADER_BYTES = 35
"""The longest line with a header between messages: ``FASPMGR``, a space, nine digits; the same again; CR."""

_HEADER = re.compile(rb"FASPMGR ([0-9]{1,9})")
_HEADER_AT_END = re.compile(rb"FASPMGR ([0-9]{1,9})$")
_CUT_HEADER = re.compile(rb"F(?:A(?:S(?:P(?:M(?:G(?:R(?: [0-9]{0,9})?)?)?)?)?)?)?(FASPMGR ([0-9]{1,9}))")

# What Grammar skips between messages, beside "noise" and "empty-lines": the rest of an oversized message.
_UP_TO_HEADER = "oversized"
_UP_TO_EMPTY_LINE = "oversized without a header"


class GluedHeader(NamedTuple):
    """A header at the end of a line of a message, with which another message may begin.

    Either a writer died in the middle of a line, and another one continued the file: ``Written: 12FASPMGR 2``. Or a
    file is named ``old FASPMGR 2``. Both readings are kept until a later line decides.
    """

    offset: int
    line: int
    version: int
    header: bytes
    # Of the message up to the end of that line: fields, whether they include the Type, and bytes.
    field_count: int
    typed: bool
    size: int
    # Whether the header ends the value of File.
    ends_file: bool


class Message:
    """A message that is being read line by line."""

    def __init__(self, offset: int, line: int, version: int, header: bytes) -> None:
        # Place in the stream, byte from 0 and line from 1, version, and line of the header, which may be empty.
        self.offset = offset
        self.line = line
        self.version = version
        self.header = header
        # Bytes from the header to the end of the latest line.
        self.size = 0
        # None until the first Type line; an empty type is invalid, too.
        self.type: str | None = None
        # Text by name, in the order of the stream, without Type.
        self.fields: dict[str, str] = {}
        # Byte and line of the header, then of each field.
        self.places = [(offset, line)]
        # Its layout may be cached: version 2, no problem, Type first, a space after each colon.
        self.clean = version == VERSION
        # CR LF was reported: once for a message is enough.
        self.crlf = False
        # Headers at the ends of lines that may still begin another message; with them the index of each field.
        self.glued: list[GluedHeader] = []
        self.index: dict[str, int] = {}

    def header_before(self, name: str) -> GluedHeader | None:
        """Return the glued header that the next line proves to be one. name: of its field; empty if it has none."""
        # Proved by a second Type, or by a name from before the header.
        if name == "Type":
            return next((glued for glued in self.glued if glued.typed), None)
        at = self.index.get(name, len(self.fields))
        return next((glued for glued in self.glued if glued.field_count > at), None)

    def header_at_end(self) -> GluedHeader | None:
        """Return the glued header that the empty line proves to be one."""
        # Without a Type after it, it is a value: a new message would have one. With one, as in streams that are sorted
        # by name, it is a header, unless it ends the File of a message about a file: a new message would have a File.
        about_file = self.type in FILE_TYPES
        untyped = (glued for glued in reversed(self.glued) if not (glued.typed or (about_file and glued.ends_file)))
        return next(untyped, None) if self.type else None


class Grammar:
    """State machine that is given the lines of a stream.

    Args:
        report: called with each Problem as it is found. If it raises, the grammar is unusable.
        max_frame_bytes: longest message in bytes, without its empty line.
        max_data_bytes: longest data of a WRITE that are kept, in bytes; 0 if none are.
    """

    def __init__(self, report: Callable[[Problem], None], max_frame_bytes: int, max_data_bytes: int = 0) -> None:
        self.message: Message | None = None
        """Message that is being read; None between messages."""
        self.payload = 0
        """Number of raw bytes after the latest line that are not lines: the data of a WRITE, and two LFs. The caller
        keeps them for the Frame or skips them, and counts down."""
        self.clean = False
        """Whether the latest Frame had no deviation, so that its layout may be cached."""

        self._report_problem = report
        self._max = max_frame_bytes
        self._max_data = max_data_bytes
        # What is being skipped since the latest message, and was reported; empty if nothing is.
        self._skipping = ""

    def read_line(self, raw: bytes, offset: int, number: int, whole: bool = True) -> Frame | None:
        """Read the next line.

        Args:
            raw: line without its LF, with the CR before it.
            offset: byte of the stream where it starts, from 0.
            number: line of the stream, from 1.
            whole: False for the start of a line that is longer than a message may be.

        Returns:
            The message that this line ends, or None.
        """
        line = raw[:-1] if whole and raw.endswith(b"\r") else raw
        # A header drops the message that it interrupts: the last value may have been cut.
        if line.startswith(b"FASPMGR ") and whole and (header := _HEADER.fullmatch(line)):
            if self.message:
                self._drop("interrupted", "interrupted by a new header; dropped")
            self._begin(offset, number, int(header[1]), raw)
        elif self.message:
            return self._read_message_line(self.message, raw, offset, number)
        # Between messages: the rest of an oversized message.
        elif self._skipping == _UP_TO_HEADER:
            pass
        elif self._skipping == _UP_TO_EMPTY_LINE:
            if not line:
                self._skipping = "empty-lines"
        # A message without a header.
        elif line.startswith(b"Type:"):
            self._begin(offset, number, VERSION, b"")
            self._report("no-header", offset, number, "no header; read as version 2", raw)
            if self.message:
                self.message.clean = False
                return self._read_message_line(self.message, raw, offset, number)
        # Noise, which may be the start of a header with a whole one after it.
        elif line:
            if self._skipping != "noise":
                self._skipping = "noise"
                self._report("noise", offset, number, "data outside a message; skipped", raw)
            if whole and (header := _CUT_HEADER.fullmatch(line)):
                self._begin(offset + header.start(1), number, int(header[2]), raw[header.start(1) :])
                if self.message:
                    self.message.clean = False
        # Of a run of empty lines the first one is enough.
        elif not self._skipping:
            self._skipping = "empty-lines"
            self._report("empty-lines", offset, number, "extra empty line", b"")
        return None

    def skip_line(self, offset: int, number: int) -> None:
        """Skip a line of a log, at this place, that is too long to be held, and drop the message that it is in."""
        if self.message:
            self._drop_oversized("a line of this message is too long; dropped")
        elif self._skipping not in (_UP_TO_HEADER, _UP_TO_EMPTY_LINE):
            self._skipping = _UP_TO_EMPTY_LINE  # it may have been the first line of a message
            self._report("oversized", offset, number, "line too long; skipped", b"")

    def pass_clean(self) -> None:
        """Sync the state after clean messages whose lines were not given: what was being skipped ended before them."""
        self._skipping = ""

    def end(self, offset: int, number: int) -> None:
        """Report what the end of the stream, at this place, leaves unfinished: its last value may have been cut."""
        if self.payload:
            self._report("unfinished", offset, number, "the stream ends in the data of a WRITE; dropped", b"")
        if self.message:
            self._drop("unfinished", "the stream ends in this message; dropped")

    # -- the lines of a message

    def _begin(self, offset: int, number: int, version: int, header: bytes) -> None:
        self._skipping = ""
        self.message = message = Message(offset, number, version, header)
        if len(header) >= self._max:
            self._drop_oversized("longer than max_frame_bytes; dropped")
            return
        message.size = len(header) + 1 if header else 0
        if version not in (VERSION, STREAM_VERSION):
            self._report_version(message)
        if header.endswith(b"\r"):
            self._note_crlf(message, offset, number, header)

    def _read_message_line(self, message: Message, raw: bytes, offset: int, number: int) -> Frame | None:
        message.size += len(raw) + 1
        if raw and raw != b"\r" and message.size > self._max:
            self._drop_oversized("longer than max_frame_bytes; dropped")
            return None
        # A line that is not a field has no name.
        line = raw[:-1] if raw.endswith(b"\r") else raw
        name_bytes, colon, value = line.partition(b":")
        name = name_bytes.decode("latin-1")
        if not colon or (name not in FIELDS and not NAME.fullmatch(name)):
            name = ""

        # A header at the end of an earlier line: this line may decide that a message began there.
        if message.glued and (glued := message.header_before(name) if line else message.header_at_end()):
            begun = self._begin_again(message, glued)
            if begun is None:
                return None
            message = begun
        if line is not raw:
            self._note_crlf(message, offset, number, raw)
        if not line:
            return self._finish(message)

        # The field.
        text = value.removeprefix(b" ").decode("utf-8", "surrogateescape")
        if not name:
            message.clean = False
            self._report("no-field", offset, number, "not a field; line skipped", raw)
        elif not value.startswith(b" "):
            message.clean = False
            if value:
                self._report("no-space", offset, number, "no space after the colon; value accepted", raw)
        if message.type is not None if name == "Type" else name in message.fields:
            message.clean = False
            self._report("repeated", offset, number, f"duplicate field {name}; first value kept", raw)
        elif name == "Type":
            message.type = text
            message.clean = message.clean and not message.fields
        elif name and len(message.fields) == MAX_FIELDS:
            self._drop_oversized(f"more than {MAX_FIELDS} fields; dropped")
        elif name:
            if message.glued:
                message.index[name] = len(message.fields)
            message.fields[name] = text
            message.places.append((offset, number))

        # A header at the end of this line: later lines decide.
        if b"FASPMGR" in line and (header := _HEADER_AT_END.search(line, max(0, len(line) - MAX_HEADER_BYTES))):
            if not message.glued:
                message.index = {field: at for at, field in enumerate(message.fields)}
            glued = GluedHeader(
                offset + header.start(), number, int(header[1]), header[0],
                len(message.fields), message.type is not None, message.size, name == "File",
            )  # fmt: skip
            message.glued = [*message.glued[1 - MAX_GLUED :], glued]
        return None

    def _begin_again(self, message: Message, glued: GluedHeader) -> Message | None:
        """Drop what came before a glued header, and begin a message with what came after it; None if it is too long."""
        own_type = None if glued.typed else message.type
        message.type = message.type if glued.typed else None
        self._drop("interrupted", "interrupted by a new header; dropped")
        self._begin(glued.offset, glued.line, glued.version, glued.header)
        begun = self.message
        if begun is None:
            return None

        # Its fields so far are those after the header.
        begun.clean = False
        removed = glued.size - begun.size
        begun.size = message.size - removed
        begun.type = own_type
        begun.fields = dict(list(message.fields.items())[glued.field_count :])
        begun.places += message.places[glued.field_count + 1 :]

        # Later lines that end in a header may still begin another one.
        begun.index = {field: at for at, field in enumerate(begun.fields)}
        begun.glued = [
            later._replace(
                field_count=later.field_count - glued.field_count,
                typed=later.typed and own_type is not None,
                size=later.size - removed,
            )
            for later in message.glued[message.glued.index(glued) + 1 :]
        ]
        return begun

    def _finish(self, message: Message) -> Frame | None:
        """Return the message that an empty line ends."""
        if not message.type:
            self._drop("no-type", "no Type; dropped")
            return None
        if message.version == STREAM_VERSION and message.type not in STREAM_TYPES:
            self._report_version(message)
        frame = Frame(message.type, message.fields, message.version, places=message.places)
        size = frame.announced_bytes
        self.clean = message.clean
        self.message = None
        # After the empty line of a WRITE come its data and two LFs.
        if size is not None:
            self.payload = size + len(DATA_END)
            if 0 < self._max_data < size:
                words = f"a WRITE with more than {self._max_data} bytes of data; dropped"
                self._report("oversized", message.offset, message.line, words, b"Type: WRITE")
                return None
        return frame

    # -- problems

    def _report_version(self, message: Message) -> None:
        words = f"version {message.version} instead of {VERSION}; accepted"
        self._report("version", message.offset, message.line, words, message.header)

    def _note_crlf(self, message: Message, offset: int, number: int, raw: bytes) -> None:
        if not message.crlf:
            message.crlf = True
            message.clean = False
            self._report("crlf", offset, number, "lines end in CR LF; read as LF", raw)

    def _drop_oversized(self, words: str) -> None:
        """Drop the message, and skip up to the next header; if it had none itself, up to its empty line."""
        assert self.message is not None
        self._skipping = _UP_TO_HEADER if self.message.header else _UP_TO_EMPTY_LINE
        self._drop("oversized", words)

    def _drop(self, kind: str, words: str) -> None:
        message, self.message = self.message, None
        assert message is not None
        shown = "FASPMGR" if message.type is None else f"Type: {message.type}"
        self._report(kind, message.offset, message.line, words, shown.encode("utf-8", "surrogateescape"))

    def _report(self, kind: str, offset: int, number: int, words: str, raw: bytes) -> None:
        self._report_problem(Problem(kind, offset, number, redact_words(words), excerpt(raw[: self._max])))
