"""Lines in, messages and problems out: the one authority on what is a message.

What may stand here
    All that decides what a line means, and nothing that knows where the lines come from. ``Grammar`` is given one line
    after the other, each with its place; it returns a Frame with the line that ends a message, and reports every
    deviation in the order in which it finds them. It has no buffer, takes no short cut and learns nothing: that is the
    tokenizer's, which must give what this module gives for the same lines. Tests compare the two.

The grammar
    A message starts with a header line, ``FASPMGR 2``, and ends with an empty line; between them are field lines,
    ``Name: value``. Only the first colon splits, and one space behind it is removed. An empty value needs no space:
    that is legal and no problem. Field names are visible ASCII.

The tolerance: what is done about each deviation (``problems.KINDS`` has the words)
    between messages    a line that starts with ``Type:`` begins a message without a header (no-header), version 2;
                        an empty line more than the one that ends a message (empty-lines, once for the run);
                        any other line is skipped up to the next message (noise, once for the run).
    header              another version is accepted (version); version 4 is none of another where the Type is PUT, WRITE
                        or CLOSE. Behind such a WRITE, as many raw bytes as its Size says and two LFs belong to it: they
                        are the data of a file. Nobody reads lines in them.
    in a message        CR LF counts as LF (crlf, once for a message); a value right behind the colon is accepted
                        (no-space); a line that is no field is skipped (no-field); the second value of a name is dropped
                        (repeated). A header drops the message that it interrupts (interrupted): its last value may have
                        been cut. The same if the header stands at the end of a line and the next line is a second Type:
                        a writer died in the middle of a line and another one went on.
    end of a message    without a Type it is dropped (no-type).
    too long            a message of more than max_frame_bytes, or of more than 1,000 fields, is dropped, with all lines
                        up to the next header (oversized); where the data of a WRITE are to be kept, it is dropped with
                        its data if there are more of them than max_data_bytes.
    end of the stream   what is unfinished is dropped (unfinished), also if only the empty line is missing: nothing says
                        that the last value is whole.

Limits
    One message is held at a time. Lines of any length are accepted, but whoever cuts the lines need not hold a longer
    one than a message may be: the start of it is enough (``whole=False``).
"""

from __future__ import annotations

import re
from collections.abc import Callable

from faspmgr.protocol.fields import FIELDS
from faspmgr.protocol.frames import DATA_END, NAME, STREAM_TYPES, STREAM_VERSION, VERSION, Frame
from faspmgr.protocol.problems import Problem, excerpt

MAX_FIELDS = 1000
"""A message with more is oversized. Real ones have a hundred at most; short fields take far more than their bytes."""
MAX_HEADER_BYTES = 20
"""A header line is never longer: ``FASPMGR``, a space, nine digits, CR."""

_HEADER = re.compile(rb"FASPMGR ([0-9]{1,9})")
_HEADER_AT_END = re.compile(rb"FASPMGR ([0-9]{1,9})$")


class Message:
    """A message that is being read line by line."""

    __slots__ = ("clean", "crlf", "fields", "glued", "header", "line", "offset", "places", "size", "type", "version")

    def __init__(self, offset: int, line: int, version: int, header: bytes) -> None:
        # Place of the header in the stream: byte, from 0, and line, from 1.
        self.offset = offset
        self.line = line
        self.version = version
        # Its line; empty when there is none.
        self.header = header
        # Bytes from the header to the end of the latest line.
        self.size = 0
        # None until the first Type line; an empty one is no type either.
        self.type: str | None = None
        # Text by name, in the order of the stream, without Type.
        self.fields: dict[str, str] = {}
        # Byte and line of the header, then of each field.
        self.places = [(offset, line)]
        # Fit to be learnt as a layout: version 2, no problem, Type in front, a space behind each colon.
        self.clean = version == VERSION
        # CR LF was reported: once for a message is enough.
        self.crlf = False
        # A header at the end of the latest line, as the arguments of Grammar._begin: a second Type right behind it
        # says that another message began there.
        self.glued: tuple[int, int, int, bytes] | None = None


class Grammar:
    """The state machine that is given the lines of a stream.

    Between messages an empty line changes nothing the second time: of a run of them the first one is enough.

    Args:
        report: called with each Problem as it is found. May raise; the grammar is of no use after that.
        max_frame_bytes: the longest message, in bytes, its empty line not counted.
        max_data_bytes: the most data that are kept of a WRITE, in bytes; 0 where none are, of any.

    Attributes:
        message: the message that is being read; None between messages.
        payload: how many raw bytes behind the line just read belong to no line: the data of a WRITE, and two LFs.
            Whoever cuts the lines keeps them for the Frame or skips them, and counts down.
        clean: whether the Frame that was returned last had no deviation at all, so that its layout may be learnt.
    """

    def __init__(self, report: Callable[[Problem], None], max_frame_bytes: int, max_data_bytes: int = 0) -> None:
        self.message: Message | None = None
        self.payload = 0
        self.clean = False

        self._report_problem = report
        self._max = max_frame_bytes
        self._max_data = max_data_bytes
        # Behind an oversized message: everything up to the next header is skipped.
        self._skipping = False
        # What is being skipped between messages: "noise", "empty-lines", or "" when nothing was.
        self._run = ""

    def read_line(self, raw: bytes, offset: int, number: int, whole: bool = True) -> Frame | None:
        """Read the next line.

        Args:
            raw: the line without its LF; a CR before that is still there.
            offset: byte of the stream where it starts, from 0.
            number: line of the stream, from 1.
            whole: False for the start of a line that is too long for a message by itself.

        Returns:
            The message that this line ends, or None.
        """
        line = raw[:-1] if whole and raw.endswith(b"\r") else raw
        if line.startswith(b"FASPMGR ") and whole and (header := _HEADER.fullmatch(line)):
            if self.message:
                self._drop("interrupted", "interrupted by a new header; dropped")
            self._begin(offset, number, int(header[1]), raw)
        elif self.message:
            return self._read_message_line(self.message, raw, offset, number)
        elif self._skipping:
            pass
        elif line.startswith(b"Type:"):
            self._begin(offset, number, VERSION, b"")
            self._report("no-header", offset, number, "no header; read as version 2", raw)
            if self.message:
                self.message.clean = False
                return self._read_message_line(self.message, raw, offset, number)
        elif line and self._run != "noise":
            self._run = "noise"
            self._report("noise", offset, number, "data outside a message; skipped", raw)
        elif not self._run:
            self._run = "empty-lines"
            self._report("empty-lines", offset, number, "extra empty line", b"")
        return None

    def skip_line(self, offset: int, number: int) -> None:
        """Note that a line of a log, at this place, was too long to be held: what stood in it is missing."""
        if self.message:
            self._skip("a line of this message is too long; dropped up to the next header")
        elif not self._skipping:
            self._skipping = True
            self._report("oversized", offset, number, "line too long; skipped", b"")

    def pass_clean(self) -> None:
        """Note that clean messages went by whose lines were not given: what was being skipped ended before them."""
        self._skipping = False
        self._run = ""

    def end(self, offset: int, number: int) -> None:
        """Report what the end of the stream, at this place, leaves unfinished."""
        if self.payload:
            self._report("unfinished", offset, number, "the stream ends in the data of a WRITE; dropped", b"")
        if self.message:
            self._drop("unfinished", "the stream ends in this message; dropped")

    # -- the lines of a message

    def _begin(self, offset: int, number: int, version: int, header: bytes) -> None:
        """Begin a message. header: its line; empty when there is none."""
        self._skipping = False
        self._run = ""
        self.message = message = Message(offset, number, version, header)
        if len(header) >= self._max:
            self._skip("longer than max_frame_bytes; dropped")
            return
        message.size = len(header) + 1 if header else 0
        if version not in (VERSION, STREAM_VERSION):
            self._report_version(message)
        if header.endswith(b"\r"):
            self._note_crlf(message, offset, number, header)

    def _read_message_line(self, message: Message, raw: bytes, offset: int, number: int) -> Frame | None:
        # The header that the line before this one may have ended with counts only now.
        glued, message.glued = message.glued, None
        message.size += len(raw) + 1
        if raw and raw != b"\r" and message.size > self._max:
            self._skip("longer than max_frame_bytes; dropped")
            return None
        line = raw
        if raw.endswith(b"\r"):
            line = raw[:-1]
            self._note_crlf(message, offset, number, raw)
        if not line:
            return self._finish(message)
        if b"FASPMGR" in line and (header := _HEADER_AT_END.search(line, max(0, len(line) - MAX_HEADER_BYTES))):
            message.glued = (offset + header.start(), number, int(header[1]), header[0])

        name_bytes, colon, value = line.partition(b":")
        name = name_bytes.decode("latin-1")
        if not colon or (name not in FIELDS and not NAME.fullmatch(name)):
            message.clean = False
            self._report("no-field", offset, number, "not a field; line skipped", raw)
            return None
        if name == "Type" and message.type is not None and glued:
            # A second Type, and a header at the end of the line before it: here began another message.
            self._drop("interrupted", "interrupted by a new header; dropped")
            self._begin(*glued)
            if self.message:
                self.message.clean = False
                return self._read_message_line(self.message, raw, offset, number)
            return None
        if value.startswith(b" "):
            value = value[1:]
        else:
            message.clean = False
            if value:
                self._report("no-space", offset, number, "no space after the colon; value accepted", raw)

        text = value.decode("utf-8", "surrogateescape")
        if message.type is not None if name == "Type" else name in message.fields:
            message.clean = False
            self._report("repeated", offset, number, f"duplicate field {name}; first value kept", raw)
        elif name == "Type":
            message.type = text
            if message.version == STREAM_VERSION and text not in STREAM_TYPES:
                self._report_version(message)
            message.clean = message.clean and not message.fields
        elif len(message.fields) == MAX_FIELDS:
            self._skip(f"more than {MAX_FIELDS} fields; dropped")
        else:
            message.fields[name] = text
            message.places.append((offset, number))
        return None

    def _finish(self, message: Message) -> Frame | None:
        if not message.type:
            self._drop("no-type", "no Type; dropped")
            return None
        self.message = None
        self.clean = message.clean
        frame = Frame(message.type, message.fields, message.version, places=message.places)
        size = frame.announced_bytes
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

    def _skip(self, words: str) -> None:
        self._skipping = True
        self._drop("oversized", words)

    def _drop(self, kind: str, words: str) -> None:
        message, self.message = self.message, None
        assert message is not None
        shown = "FASPMGR" if message.type is None else f"Type: {message.type}"
        self._report(kind, message.offset, message.line, words, shown.encode("utf-8", "surrogateescape"))

    def _report(self, kind: str, offset: int, number: int, words: str, raw: bytes) -> None:
        self._report_problem(Problem(kind, offset, number, words, excerpt(raw[: self._max])))
