"""Bytes in, messages out: the incremental reader of the management stream.

What may stand here
    The buffer, the cutting into lines and messages, the fast path, and the calls that Tokenizer and Parser share. What
    a line means is the grammar's (grammar.py), and this module asks it for everything that it has not seen before.
What it must do
    Cut a byte stream that arrives in any pieces into messages; never lose a byte of a value; survive anything; and give
    the same messages, problems, offsets and lines wherever the stream was cut: those of the grammar, fed line by line.
    A message is there as soon as its empty line is, with CR LF too.
How fast
    Time grows with the bytes, whatever they are and in whatever pieces they come: a byte is looked at a bounded number
    of times, also when a message arrives one byte at a time and when a line never ends. A clean message in a layout
    seen before costs one search for its end and one match (layouts.py); any other goes by lines.
    A CR costs only the message that it stands in, and a run of empty lines hardly more than one of them.
Worst case
    Memory is bounded by max_frame_bytes, twice max_data_bytes, and the piece just fed. A longer message is reported and
    dropped, with all that follows up to the next header; so is one of more than 1,000 fields. A longer line outside of
    messages is dropped as it comes.

The plan
    Between messages the reader waits for LF LF, behind which no message can be open, and reads all that it has up to
    the last LF LF of a window: message by message where a learnt layout matches, the rest by lines. It goes by lines at
    once, without waiting, while the grammar has a message open, and where there is no LF LF but a CR, which could be
    part of an end, or more bytes than a message may have. It is back to waiting as soon as the message is closed.

    The data of a WRITE are never read: they are skipped as they come, or, where they are kept, wait beside the buffer
    until all are there, and its Frame with them.

    ``StreamReader._match_messages`` is the fast path, and _speedups.c its compiled twin. It could be left out without
    any difference in the results. Each of the two stops in front of the first message that is not clean.
"""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from faspmgr.callbacks import check_callbacks
from faspmgr.errors import ProtocolError
from faspmgr.protocol.frames import DATA_END, Frame
from faspmgr.protocol.grammar import MAX_HEADER_BYTES, Grammar
from faspmgr.protocol.layouts import HEADER, Layout, Layouts, Matcher, compiled, frame_layout
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.speedups import COMPILED, UNREAD, Unread, count_lines

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_FRAME_BYTES = 1 << 20
MAX_PROBLEMS = 1000
WINDOW_BYTES = 1 << 16
"""Bytes that are decoded at once: enough to spread the cost of a call over many messages, and bounded."""

BLOCK_BYTES = 1 << 16
"""The data of a WRITE are kept in pieces of so many bytes or more: small ones would take more memory than they hold."""

_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")

T = TypeVar("T")


class StreamReader(Unread, Generic[T]):
    """The common core of Tokenizer and Parser: cuts messages, and makes of each Frame what the subclass wants."""

    def __init__(
        self,
        strict: bool = False,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        on_problem: Callable[[Problem], None] | None = None,
        max_data_bytes: int = 0,
    ) -> None:
        super().__init__()
        check_callbacks(on_problem=on_problem)
        if max_frame_bytes < 1:
            raise ValueError("max_frame_bytes must be positive")
        if max_data_bytes < 0:
            raise ValueError("max_data_bytes must not be negative")
        self._strict = strict
        self._max = min(max_frame_bytes, sys.maxsize)
        self._on_problem = on_problem

        # The latest problems, and how many there were.
        self._problems: deque[Problem] = deque(maxlen=MAX_PROBLEMS)
        self._problem_count = 0
        # The problem that was raised in strict mode: from then on every call raises it.
        self._raised: Problem | None = None
        self._closed = False
        # What the call in progress has made so far.
        self._results: list[T] = []

        self._grammar = Grammar(self._report, max_frame_bytes, max_data_bytes)
        self._keeps_data = max_data_bytes > 0
        # A WRITE whose data are not complete, where they are kept, and those that were read so far.
        self._write: Frame | None = None
        self._data: list[bytes] = []
        self._layouts = Layouts(self._make_layout)
        # What reads them, by their first two lines; empty where the compiled twin does.
        self._matchers: dict[str, list[Matcher[T]]] = {}

        # Byte of the stream before which no unread LF is.
        self._line_searched = 0
        # The last CR of the stream so far, as a byte of the stream; -1 when there was none.
        self._last_cr = -1
        # The start of the line in the buffer was read and dropped, as the line is too long.
        self._mid_line = False
        # Bytes to decode at once; 0 once there were data of a WRITE: what is decoded behind them may be no message.
        self._window = WINDOW_BYTES

    # -- what callers use

    @property
    def problems(self) -> Sequence[Problem]:
        """The latest 1,000 problems, oldest first; problem_count counts all of them."""
        return list(self._problems)

    @property
    def problem_count(self) -> int:
        """How many problems there were."""
        return self._problem_count

    @property
    def max_frame_bytes(self) -> int:
        """The longest message, bytes."""
        return self._max

    def feed(self, data: Buffer) -> list[T]:
        """Read the next bytes of the stream.

        Args:
            data: any bytes-like object, cut anywhere.

        Returns:
            What is complete now, in the order of the stream.

        Raises:
            ProtocolError: in strict mode, at the first problem and at every call after it.
            ValueError: after close().
            TypeError: for what is not bytes-like.
        """
        if self._closed or self._raised:
            self._check_open()
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        results: list[T] = []
        if self._append(data, results):
            return results
        self._results = results
        cr = data.rfind(b"\r")
        if cr >= 0:
            self._last_cr = self._offset + len(self._buffer) - len(data) + cr
        return self._deliver(self._read)

    def feed_line(self, line: bytes, offset: int, number: int) -> list[T]:
        """Read one whole line of some other file, for messages inside of other logs. Not to be mixed with feed().

        Args:
            line: the line without its LF.
            offset: byte of that file where it starts.
            number: its line number there.

        Returns:
            What is complete now.

        Raises:
            ProtocolError, ValueError: as feed().
        """
        self._check_open()
        self._offset, self._line = offset, number

        def read() -> None:
            frame = self._grammar.read_line(line, offset, number)
            self._grammar.payload = 0  # a log of lines holds no data of files
            self._accept(frame)

        return self._deliver(read)

    def skip_line(self, offset: int, number: int) -> list[T]:
        """Note a line of some other file that is too long to be held: the message that it stands in is dropped as
        oversized.

        Args:
            offset: byte of that file where it starts.
            number: its line number there.

        Returns:
            An empty list.

        Raises:
            ProtocolError, ValueError: as feed().
        """
        self._check_open()
        return self._deliver(lambda: self._grammar.skip_line(offset, number))

    def close(self) -> list[T]:
        """Read to the end of the stream. Closing twice is harmless.

        Returns:
            What is complete; what is unfinished is a problem and never a result.

        Raises:
            ProtocolError: in strict mode.
        """
        if self._closed:
            return []
        self._check_open()
        self._closed = True
        return self._deliver(self._read_end)

    # -- copies

    def __getstate__(self) -> dict[str, Any]:
        # Matchers are made of the layouts.
        return {**self.__dict__, **{name: getattr(self, name) for name in UNREAD}, "_matchers": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            setattr(self, name, value)
        for layout in self._layouts.known:
            self._begin_to_match(layout)

    # -- what subclasses say

    @staticmethod
    @abstractmethod
    def _make_layout(type: str, names: tuple[str, ...]) -> Layout[T]:
        """Say what is made of the messages of this type, with these fields."""

    @abstractmethod
    def _make(self, frame: Frame) -> T:
        """Make the result of a message that was read by lines."""

    def _report(self, problem: Problem) -> None:
        self._problems.append(problem)
        self._problem_count += 1
        if self._on_problem:
            self._on_problem(problem)
        if self._strict:
            self._raised = problem
            raise ProtocolError(problem)

    # -- the buffer

    def _check_open(self) -> None:
        if self._raised:
            raise ProtocolError(self._raised)
        if self._closed:
            raise ValueError("this stream was closed")

    def _deliver(self, step: Callable[[], None]) -> list[T]:
        self._note_passed()
        try:
            step()
        except ProtocolError as error:
            error.results, self._results = self._results, []
            raise
        results, self._results = self._results, []
        return results

    def _read(self) -> None:
        """Read all of the buffer that can be read now."""
        buffer, grammar, start = self._buffer, self._grammar, 0
        by_line = False  # there is no LF LF in the buffer, and something in it that cannot wait for one
        try:
            while True:
                if grammar.payload:
                    start = self._read_payload(start)
                    if grammar.payload:
                        return
                if not (by_line or grammar.message or self._mid_line):
                    if buffer.startswith((b"\n", b"\r\n"), start):
                        start = self._read_line_at(start, buffer.find(b"\n", start))
                        continue
                    end = buffer.find(b"\n\n", max(start, self._end_searched - self._offset))
                    if end >= 0:
                        start = self._read_messages(start, end + 2)
                        continue
                    self._end_searched = self._offset + len(buffer) - 1
                    if self._last_cr < self._offset + start and len(buffer) - start <= self._max:
                        break
                    by_line = True
                end = buffer.find(b"\n", max(start, self._line_searched - self._offset))
                if end < 0:
                    self._line_searched = self._offset + len(buffer)
                    break
                start = self._read_line_at(start, end)
            # What may yet become a header or an empty line is waited for: those two are never too long.
            if self._mid_line or len(buffer) - start > MAX_HEADER_BYTES:
                start = self._drop_long_line(start)
        finally:
            self._offset += start
            del buffer[:start]
            self._ready = not (grammar.message or grammar.payload or self._mid_line or self._last_cr >= self._offset)

    def _read_payload(self, start: int) -> int:
        """Read the data of a WRITE, in buffer[start:], as far as they are there; return where to go on."""
        self._window = 0
        buffer, write, missing = self._buffer, self._write, self._grammar.payload
        end = min(start + missing, len(buffer))
        if write and end - start < min(missing, BLOCK_BYTES):
            return start
        if write:
            data_end = max(start, min(end, start + missing - len(DATA_END)))
            with memoryview(buffer) as view:
                self._data.append(bytes(view[start:data_end]))
        self._line += count_lines(buffer, start, end)
        self._grammar.payload -= end - start
        if write and not self._grammar.payload:
            write.data = b"".join(self._data)
            self._write = None
            self._data.clear()
            self._results.append(self._make(write))
        return end

    def _drop_long_line(self, start: int) -> int:
        """Drop the rest of the buffer, from start on, if it is a line that is too long; return where to go on."""
        if not self._mid_line:
            size = self._grammar.message.size if self._grammar.message else 0
            if size + len(self._buffer) - start <= self._max:
                return start
            self._mid_line = True
            self._grammar.read_line(bytes(self._buffer[start:]), self._offset + start, self._line, whole=False)
        return len(self._buffer)

    def _read_end(self) -> None:
        start = 0
        while not self._grammar.payload and (end := self._buffer.find(b"\n", start)) >= 0:
            start = self._read_line_at(start, end)
        if self._grammar.payload:
            self._line += count_lines(self._buffer, start, len(self._buffer))
            start = len(self._buffer)
        rest = bytes(self._buffer[start:])
        if rest and not (self._mid_line or self._grammar.message):
            self._grammar.read_line(rest, self._offset + start, self._line)
        self._grammar.end(self._offset + start, self._line)

    # -- by lines

    def _accept(self, frame: Frame | None) -> None:
        """Accept what the grammar has made of a line."""
        if frame is not None:
            if self._grammar.clean and (layout := self._layouts.learn(frame.type, frame.fields)):
                self._begin_to_match(layout)
            if self._keeps_data and self._grammar.payload:
                self._write = frame
            else:
                self._results.append(self._make(frame))

    def _begin_to_match(self, layout: Layout[T]) -> None:
        if COMPILED:
            self._learn(*compiled(layout))
        else:
            self._matchers.setdefault(layout.start, []).append(Matcher(layout))

    def _read_line_at(self, start: int, end: int) -> int:
        """Read the line in buffer[start:end], behind which a LF stands; return where to go on."""
        number = self._line
        self._line += 1
        if self._mid_line:
            self._mid_line = False
            return end + 1
        line = bytes(self._buffer[start:end])
        if self._grammar.message:
            self._accept(self._grammar.read_line(line, self._offset + start, number))
            return end + 1
        self._grammar.read_line(line, self._offset + start, number)
        if (not line or line == b"\r") and (run := _EMPTY_LINES.match(self._buffer, end + 1)):
            # More empty lines change nothing: the grammar need not see them.
            self._line += self._buffer.count(b"\n", end + 1, run.end())
            return run.end()
        return end + 1

    # -- by messages

    def _read_messages(self, start: int, first_end: int) -> int:
        """Read what is in buffer[start:] up to a LF LF, the last one within a window; return where to go on.

        first_end: behind the first LF LF.
        """
        if not COMPILED:
            return self._read_window(start, first_end)
        start = self._read_clean(start, self._last_cr >= self._offset + start, self._results)
        self._note_passed()
        return self._read_lines(start, first_end)

    def _note_passed(self) -> None:
        """Tell the grammar of messages that went by without it."""
        if self._passed:
            self._passed = False
            self._grammar.pass_clean()

    def _read_lines(self, start: int, end: int) -> int:
        """Read all lines of buffer[start:end], or up to the data of a WRITE; return where to go on."""
        while start < end and not self._grammar.payload:
            start = self._read_line_at(start, self._buffer.find(b"\n", start))
        return start

    def _read_window(self, start: int, first_end: int) -> int:
        """As _read_messages, without the compiled twin."""
        buffer = self._buffer
        stop = max(first_end, buffer.rfind(b"\n\n", start, start + self._window) + 2)
        text = buffer[start:stop].decode("utf-8", "surrogateescape")
        one_to_one = len(text) == stop - start  # characters and bytes; the rule, as most streams are ASCII
        at = 0
        # A layout is not asked about a CR: none is used for a message that reaches beyond the next one.
        cr = text.find("\r") if self._last_cr >= self._offset + start else -1
        while True:
            at, start = self._match_messages(text, at, len(text) if cr < 0 else cr, start, one_to_one)
            if start >= stop:
                return start
            if text.startswith(("\n", "\r\n"), at):
                # An empty line too many, and all that follow it; the message behind them can match again.
                end = self._read_line_at(start, buffer.find(b"\n", start))
                at += end - start
                start = end
            else:
                # Anything else goes by lines up to the next LF LF, behind which no message is open.
                end, at = buffer.find(b"\n\n", start, stop) + 2, text.find("\n\n", at) + 2
                start = self._read_lines(start, end)
                if self._grammar.payload:
                    return start
                at += start - end  # empty lines behind it were read with it
            if 0 <= cr < at:
                cr = text.find("\r", at)

    def _match_messages(self, text: str, at: int, limit: int, start: int, one_to_one: bool) -> tuple[int, int]:
        """The fast path: read as many messages of learnt layouts from text[at:limit] as follow one another.

        Here nearly all of the time is spent. start: where text[at] stands in the buffer. one_to_one: each character of
        text is one byte. Returns where it stopped, in the text and in the buffer.
        """
        matchers_of, results = self._matchers, self._results
        begin = offset = self._offset + start
        line, header, longest = self._line, len(HEADER), self._max
        while matchers := matchers_of.get(text[at : text.find("\n", at + header)]):
            for matcher in matchers:
                match = matcher.pattern.match(text, at)
                if match:
                    break
            else:
                break
            end = match.end()
            size = end - at if one_to_one else len(text[at:end].encode("utf-8", "surrogateescape"))
            if end > limit or size - 1 > longest:  # the empty line does not count
                break
            result = matcher.make(match.groups(), offset, line)
            if result is None:
                break
            results.append(result)
            offset += size
            line += matcher.line_count
            at = end
        if offset > begin:
            self._line = line
            self._grammar.pass_clean()
        return at, start + offset - begin


class Tokenizer(StreamReader[Frame]):
    """Cuts the stream into Frames.

    Args:
        strict: raise ProtocolError at the first problem instead of going on.
        max_frame_bytes: the longest message, in bytes. A limit for security: it bounds memory.
        on_problem: called with each Problem as it is found; must not raise.
        max_data_bytes: the most data that are kept of a WRITE, in bytes. A limit for security: it bounds memory. A
            WRITE comes with its data then, once they are complete, and is dropped where there are more, with a Problem.
            0: data are skipped, and a WRITE comes before them.

    Example:
        >>> Tokenizer().feed(b"FASPMGR 2\\nType: NOP\\n\\n")
        [Frame('NOP', {}, version=2)]
    """

    _make_layout = staticmethod(frame_layout)

    def _make(self, frame: Frame) -> Frame:
        return frame
