"""Bytes in, messages out: the incremental reader of the management stream.

What it must do
    Cut a byte stream that arrives in any pieces into messages; never lose a byte of a value; survive anything; and give
    the same messages, problems, offsets and lines wherever the stream was cut.
How fast
    Time grows with the bytes, whatever they are and in whatever pieces they come: a byte is looked at a bounded number
    of times, also when a message arrives one byte at a time and when a line never ends. A clean message in a layout
    seen before costs one search for its end and one regular-expression match (layouts.py); any other goes by lines.
Worst case
    Memory is bounded by max_frame_bytes plus the piece just fed. A longer message is reported and dropped, with all
    that follows up to the next header; so is one of more than 1,000 fields. A longer line outside of messages is
    dropped as it comes.

The grammar, and what is done about each deviation (``problems.KINDS`` has the words)
    A message starts with a header line, ``FASPMGR 2``, and ends with an empty line; between them lie field lines,
    ``Name: value``. Only the first colon splits, and one space behind it is removed. An empty value needs no space:
    that is legal and no problem. Field names are visible ASCII.

    between messages    a line that starts with ``Type:`` begins a message without a header (no-header), version 2;
                        an empty line more than the one that ends a message (empty-lines, once for the run);
                        any other line is skipped up to the next message (noise, once for the run).
    header              another version is taken (version). After a version 4 WRITE, as many raw bytes as its Size says
                        and two LFs are skipped: they are the data of a file.
    in a message        CR LF counts as LF (crlf, once for a message); a value right behind the colon is taken
                        (no-space); a line that is no field is skipped (no-field); the second value of a name is dropped
                        (repeated). A header drops the message that it interrupts (interrupted): its last value may have
                        been cut. The same if the header stands at the end of a line and the next line is a second Type:
                        a writer died in the middle of a line and another one went on.
    end of a message    without a Type it is dropped (no-type).
    end of the stream   what is unfinished is dropped (unfinished), also if only the empty line is missing: nothing says
                        that the last value is whole.

In strict mode the first problem raises ProtocolError, which carries what the same call had already made; after that the
reader refuses to go on.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

from faspmgr.errors import ProtocolError
from faspmgr.protocol.frames import NAME, VERSION, Frame
from faspmgr.protocol.layouts import Layouts
from faspmgr.protocol.problems import Problem, excerpt

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_FRAME_BYTES = 1 << 20
MAX_FIELDS = 1000
"""A message with more is oversized. Real ones have a hundred at most; short fields take far more than their bytes."""
MAX_PROBLEMS = 1000
WINDOW_BYTES = 1 << 16
"""Bytes that are decoded at once: enough to spread the cost of a call over many messages, and bounded."""
MAX_PAYLOAD_BYTES = 1 << 30
"""A version 4 WRITE that announces more is taken for a forgery that wants to hide what follows: nothing is skipped."""

_HEADER = re.compile(rb"FASPMGR ([0-9]{1,9})")
_HEADER_AT_END = re.compile(rb"FASPMGR ([0-9]{1,9})$")
_MAX_HEADER_BYTES = 20

T = TypeVar("T")


class _Message:
    """A message that is being read line by line."""

    __slots__ = ("clean", "crlf", "fields", "glued", "line", "offset", "places", "size", "type", "version")

    def __init__(self, offset: int, line: int, version: int) -> None:
        self.offset = offset
        self.line = line
        self.version = version
        self.size = 0  # bytes up to the end of the last line
        self.type: str | None = None
        self.fields: dict[str, str] = {}
        self.places = [(offset, line)]  # of the header, then of each field
        self.clean = version == VERSION  # fit to be learnt as a layout: no problem, Type in front, a space everywhere
        self.crlf = False  # reported
        self.glued: tuple[int, int, int, bytes] | None = None  # a header at the end of the last line: as for _begin


class StreamReader(Generic[T]):
    """The common core of Tokenizer and Parser: cuts messages, and makes of each Frame what the subclass wants."""

    def __init__(
        self,
        strict: bool = False,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        on_problem: Callable[[Problem], None] | None = None,
    ) -> None:
        if max_frame_bytes < 1:
            raise ValueError("max_frame_bytes must be positive")
        self._strict = strict
        self._max = max_frame_bytes
        self._on_problem = on_problem
        self._problems: deque[Problem] = deque(maxlen=MAX_PROBLEMS)
        self._problem_count = 0
        self._raised: Problem | None = None
        self._closed = False

        self._layouts = Layouts()
        self._results: list[T] = []
        self._buffer = bytearray()
        self._searched = 0  # the buffer holds no end of a message (by line: of a line) before this
        self._offset = 0  # of buffer[0] in the stream
        self._line = 1  # of buffer[0] in the stream
        self._by_line = False  # a CR was seen, so that messages may end with other than two LFs
        self._mid_line = False  # the start of the line in the buffer was dropped: it was too long
        self._payload = 0  # raw bytes still to skip
        self._window = WINDOW_BYTES  # 0 when messages have data: what is decoded behind a message may be no message
        self._message: _Message | None = None
        self._skipping = False  # behind an oversized message: everything up to the next header
        self._run = ""  # what is being skipped between messages: "noise", "empty-lines" or nothing

    # -- what callers use

    @property
    def problems(self) -> Sequence[Problem]:
        """The latest 1,000 problems, oldest first; problem_count counts all of them."""
        return list(self._problems)

    @property
    def problem_count(self) -> int:
        return self._problem_count

    def feed(self, data: Buffer) -> list[T]:
        """Take the next bytes of the stream, cut anywhere; give what is complete.

        data: any bytes-like object. Raises ProtocolError in strict mode, ValueError after close(), and TypeError for
        what is not bytes-like.
        """
        self._check_open()
        if not isinstance(data, (bytes, bytearray)):
            data = bytes(memoryview(data))
        self._buffer += data
        if not self._by_line and b"\r" in data:
            self._by_line = True
            self._searched = 0
        return self._deliver(self._read)

    def feed_line(self, line: bytes, offset: int, number: int) -> list[T]:
        """Take one whole line without its LF, found at that byte offset and line number of some other file.

        For messages inside of other logs. Not to be mixed with feed().
        """
        self._check_open()
        self._offset, self._line = offset, number
        self._payload = 0  # a log of lines holds no data of files
        return self._deliver(lambda: self._read_line(line, offset, number))

    def close(self) -> list[T]:
        """The stream is at its end. What is unfinished is a problem and never a result; closing twice is harmless."""
        if self._closed:
            return []
        self._check_open()
        self._closed = True
        return self._deliver(self._read_end)

    # -- cutting the stream

    def _make(self, frame: Frame) -> T:
        raise NotImplementedError

    def _check_open(self) -> None:
        if self._raised:
            raise ProtocolError(self._raised)
        if self._closed:
            raise ValueError("this stream was closed")

    def _deliver(self, step: Callable[[], None]) -> list[T]:
        try:
            step()
        except ProtocolError as error:
            error.results, self._results = self._results, []
            raise
        results, self._results = self._results, []
        return results

    def _read(self) -> None:
        buffer, start = self._buffer, 0
        try:
            while True:
                if self._payload:
                    start = self._skip_payload(start)
                if self._by_line or self._mid_line or self._message:
                    end = buffer.find(b"\n", max(start, self._searched))
                    if end < 0:
                        break
                    start = self._take_line(start, end)
                else:
                    end = buffer.find(b"\n\n", max(start, self._searched))
                    if end < 0:
                        break
                    start = self._take_messages(start, end + 2)
        finally:
            self._consume(start)
            self._searched = max(0, len(buffer) - 1)
        if len(buffer) + (self._message.size if self._message else 0) > self._max or self._mid_line:
            self._relieve()

    def _consume(self, count: int) -> None:
        self._offset += count
        del self._buffer[:count]

    def _skip_payload(self, start: int) -> int:
        end = min(start + self._payload, len(self._buffer))
        self._payload -= end - start
        self._line += self._buffer.count(b"\n", start, end)
        return end

    def _take_messages(self, start: int, first_end: int) -> int:
        """Read what lies in buffer[start:] up to an empty line, the last one within a window; return where to go on.

        first_end: behind the first empty line. This is where nearly all of the time goes: the window is decoded at
        once, and a message in a learnt layout is matched right in it.
        """
        buffer, layouts, make, results = self._buffer, self._layouts, self._make, self._results
        stop = max(first_end, buffer.rfind(b"\n\n", start, start + self._window) + 2)
        text = buffer[start:stop].decode("utf-8", "surrogateescape")
        one_to_one = len(text) == stop - start  # characters and bytes; the rule, as most streams are ASCII
        at = 0
        while start < stop and not self._payload:
            layout = layouts.find(text, at)
            match = layout.pattern.match(text, at) if layout else None
            if layout and match:
                end = match.end()
                size = end - at if one_to_one else len(text[at:end].encode("utf-8", "surrogateescape"))
                if size - 1 <= self._max:  # the empty line does not count
                    place = (self._offset + start, self._line)
                    results.append(make(Frame(layout.type, None, 2, layout, match.groups(), place)))
                    self._line += layout.line_count
                    self._skipping = False
                    self._run = ""
                    start += size
                    at = end
                    continue
            end, at = buffer.find(b"\n\n", start, stop), text.find("\n\n", at)
            if end < 0:  # one more empty line, of which the first LF was taken with the message before it
                end, at = stop - 2, len(text) - 2
            start, at = self._take_block(start, end + 2), at + 2
        return start

    def _take_block(self, start: int, end: int) -> int:
        """Read the lines of buffer[start:end], which end with an empty one; return where to go on."""
        while start < end and not self._payload:
            start = self._take_line(start, self._buffer.find(b"\n", start))
        return start

    def _take_line(self, start: int, end: int) -> int:
        """Read the line in buffer[start:end], behind which a LF stands; return where to go on."""
        number = self._line
        self._line += 1
        if self._mid_line:
            self._mid_line = False
        else:
            self._read_line(bytes(self._buffer[start:end]), self._offset + start, number)
        return end + 1

    def _relieve(self) -> None:
        """The buffer holds more than a message may: read its complete lines, drop a line that is too long by itself."""
        buffer, start = self._buffer, 0
        try:
            while (end := buffer.find(b"\n", start)) >= 0:
                start = self._take_line(start, end)
            size, rest = self._message.size if self._message else 0, len(buffer) - start
            # What may yet become a header or an empty line is waited for: those two are never too long.
            if not self._mid_line and size + rest > self._max and rest > _MAX_HEADER_BYTES:
                self._mid_line = True
                self._read_line(bytes(buffer[start:]), self._offset + start, self._line, whole=False)
            if self._mid_line:
                start = len(buffer)
        finally:
            self._consume(start)
            self._searched = 0

    def _read_end(self) -> None:
        start = 0
        while (end := self._buffer.find(b"\n", start)) >= 0 and not self._payload:
            start = self._take_line(start, end)
        rest = bytes(self._buffer[start:])
        if rest and not (self._mid_line or self._message or self._payload):
            self._read_line(rest, self._offset + start, self._line)
        if self._payload:
            self._report("unfinished", self._offset + start, self._line, "the stream ends in the data of a WRITE", b"")
        if self._message:
            self._drop("unfinished", "the stream ends in the middle of this message, it is dropped")

    # -- reading a line

    def _read_line(self, raw: bytes, offset: int, number: int, whole: bool = True) -> None:
        """The state machine. raw: a line without its LF; with whole=False the start of one that is too long."""
        line = raw[:-1] if raw.endswith(b"\r") and whole else raw
        header = _HEADER.fullmatch(line) if len(line) <= _MAX_HEADER_BYTES and whole else None
        if header:
            if self._message:
                self._drop("interrupted", "a header interrupts this message, it is dropped")
            self._begin(offset, number, int(header[1]), raw)
        elif self._message:
            self._read_message_line(self._message, raw, offset, number)
        elif self._skipping:
            pass
        elif line.startswith(b"Type:"):
            self._begin(offset, number, VERSION, b"")
            self._report("no-header", offset, number, "a message without a header, taken as version 2", raw)
            if self._message:
                self._message.clean = False
                self._read_message_line(self._message, raw, offset, number)
        elif line and self._run != "noise":
            self._run = "noise"
            self._report("noise", offset, number, "no message here, skipped up to the next one", raw)
        elif not self._run:
            self._run = "empty-lines"
            self._report("empty-lines", offset, number, "more empty lines than the one that ends a message", b"")

    def _begin(self, offset: int, number: int, version: int, header: bytes) -> None:
        self._skipping = False
        self._run = ""
        self._message = message = _Message(offset, number, version)
        if len(header) >= self._max:
            self._skip("a message longer than max_frame_bytes, skipped up to the next header")
            return
        message.size = len(header) + 1 if header else 0
        if version != VERSION:
            self._report("version", offset, number, f"version {version}, not {VERSION}; taken all the same", header)
        if header.endswith(b"\r"):
            self._note_crlf(message, offset, number, header)

    def _read_message_line(self, message: _Message, raw: bytes, offset: int, number: int) -> None:
        glued, message.glued = message.glued, None
        message.size += len(raw) + 1
        if raw and raw != b"\r" and message.size > self._max:
            return self._skip("a message longer than max_frame_bytes, skipped up to the next header")
        line = raw
        if raw.endswith(b"\r"):
            line = raw[:-1]
            self._note_crlf(message, offset, number, raw)
        if not line:
            return self._finish(message)
        header = _HEADER_AT_END.search(line, max(0, len(line) - _MAX_HEADER_BYTES))
        if header:
            message.glued = (offset + header.start(), number, int(header[1]), header[0])
        name_bytes, colon, value = line.partition(b":")
        name = name_bytes.decode("latin-1")
        if not colon or not NAME.fullmatch(name):
            message.clean = False
            return self._report("no-field", offset, number, "no field, the line is skipped", raw)
        if name == "Type" and message.type is not None and glued:
            self._drop("interrupted", "a header interrupts this message, it is dropped")
            self._begin(*glued)
            if self._message:
                self._message.clean = False
                self._read_message_line(self._message, raw, offset, number)
            return None
        if value.startswith(b" "):
            value = value[1:]
        else:
            message.clean = False
            if value:
                self._report("no-space", offset, number, "no space after the colon, the value is taken", raw)
        return self._take_field(message, name, value.decode("utf-8", "surrogateescape"), offset, number, raw)

    def _take_field(self, message: _Message, name: str, text: str, offset: int, number: int, raw: bytes) -> None:
        if message.type is not None if name == "Type" else name in message.fields:
            message.clean = False
            self._report("repeated", offset, number, f"{name} a second time, the first one counts", raw)
        elif name == "Type":
            message.type = text
            message.clean = message.clean and not message.fields
        elif len(message.fields) == MAX_FIELDS:
            self._skip(f"a message with more than {MAX_FIELDS} fields, skipped up to the next header")
        else:
            message.fields[name] = text
            message.places.append((offset, number))

    def _finish(self, message: _Message) -> None:
        if not message.type:
            return self._drop("no-type", "a message without a Type, it is dropped")
        self._message = None
        if message.clean:
            self._layouts.saw(message.type, message.fields)
        if message.version == 4 and message.type == "WRITE":
            size = message.fields.get("Size", "")
            if size.isascii() and size.isdigit() and len(size) < 20 and int(size) <= MAX_PAYLOAD_BYTES:
                self._payload = int(size) + 2
                self._window = 0
        frame = Frame(message.type, message.fields, message.version, places=message.places)
        return self._results.append(self._make(frame))

    # -- problems

    def _note_crlf(self, message: _Message, offset: int, number: int, raw: bytes) -> None:
        if not message.crlf:
            message.crlf = True
            message.clean = False
            self._report("crlf", offset, number, "lines end in CR LF, taken as LF", raw)

    def _skip(self, words: str) -> None:
        self._skipping = True
        self._drop("oversized", words)

    def _drop(self, kind: str, words: str) -> None:
        message, self._message = self._message, None
        assert message is not None
        shown = "FASPMGR" if message.type is None else f"Type: {message.type}"
        self._report(kind, message.offset, message.line, words, shown.encode("utf-8", "surrogateescape"))

    def _report(self, kind: str, offset: int, line: int, words: str, raw: bytes) -> None:
        problem = Problem(kind, offset, line, words, excerpt(raw[: self._max]))
        self._problems.append(problem)
        self._problem_count += 1
        if self._on_problem:
            self._on_problem(problem)
        if self._strict:
            self._raised = problem
            raise ProtocolError(problem)


class Tokenizer(StreamReader[Frame]):
    """Cuts the stream into Frames.

    strict: raise ProtocolError at the first problem instead of going on. max_frame_bytes: the longest message, in
    bytes; a limit for security, as it bounds memory. on_problem: called with each Problem as it is found; must not
    raise.

    >>> Tokenizer().feed(b"FASPMGR 2\\nType: NOP\\n\\n")
    [Frame('NOP', {}, version=2)]
    """

    def _make(self, frame: Frame) -> Frame:
        return frame
