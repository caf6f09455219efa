"""Bytes in, messages out: the incremental reader of the management stream.

The buffer, the fast path, and the calls that Tokenizer and Parser share. The results are those of grammar.py, fed line
by line, wherever the stream was cut.

No byte of a value is lost, and a message is returned as soon as its empty line has arrived. Time grows with the bytes:
each is searched a bounded number of times, also if a message arrives one byte at a time, or a line never ends. Memory
is bounded by max_frame_bytes, twice max_data_bytes, and the piece just fed.
"""

from __future__ import annotations

import re
import sys
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from faspmgr.arguments import check_callbacks, check_limit
from faspmgr.errors import ProtocolError
from faspmgr.protocol.frames import DATA_END, Frame
from faspmgr.protocol.grammar import MAX_HEADER_BYTES, Grammar
from faspmgr.protocol.layouts import Layout, Layouts, Matcher, accelerated, frame_layout
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.speedups import COMPILED, Unread, count_lines

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_FRAME_BYTES = 1 << 20
MAX_PROBLEMS = 1000
WINDOW_BYTES = 1 << 16
"""Bytes that are decoded at once: enough to spread the cost of a call over many messages, and bounded."""

BLOCK_BYTES = 1 << 16
"""The data of a WRITE are kept in blocks of at least this size: small ones would take more memory than they hold."""

_EMPTY_LINES = re.compile(rb"(?:\r?\n)+")

T = TypeVar("T")


class StreamReader(Unread, Generic[T]):
    """Common core of Tokenizer and Parser: cuts messages, and has the subclass make a result of each Frame."""

    def __init__(
        self,
        strict: bool = False,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        on_problem: Callable[[Problem], None] | None = None,
        max_data_bytes: int = 0,
    ) -> None:
        super().__init__()
        if not isinstance(strict, bool):
            raise TypeError(f"invalid strict: {strict!r}: use True or False")
        check_limit("max_frame_bytes", max_frame_bytes, 1)
        check_callbacks(on_problem=on_problem)
        check_limit("max_data_bytes", max_data_bytes, 0)
        self._strict = strict
        self._max = min(max_frame_bytes, sys.maxsize)
        self._on_problem = on_problem

        self._problems: deque[Problem] = deque(maxlen=MAX_PROBLEMS)
        self.problem_count = 0
        """Number of problems so far."""
        # Problem that was raised in strict mode: from then on every call raises it.
        self._raised: Problem | None = None
        # Exception of on_problem in the present call, and the problems found after it, for the next call.
        self._error: BaseException | None = None
        self._unreported: deque[Problem] = deque()

        # A call is in progress: on_problem must not make another one.
        self._reading = False
        self._closed = False
        # Results of the present call, and those of an earlier one that raised.
        self._results: list[T] = []
        # Message without a result so far: a WRITE whose data are incomplete, or making it was interrupted.
        self._frame: Frame | None = None
        # Data of that WRITE, if they are kept.
        self._keeps_data = max_data_bytes > 0
        self._data: list[bytes] = []

        self._grammar = Grammar(self._report, max_frame_bytes, max_data_bytes)
        self._layouts = Layouts(self._make_layout)
        # Matchers of the cached layouts by their first two lines; empty with the accelerator.
        self._matchers: dict[str, list[Matcher[T]]] = {}

        # Index in the buffer up to which it was read; 0 between calls.
        self._start = 0
        # Byte of the stream before which there is no unread LF.
        self._line_searched = 0
        # Byte of the stream where its latest CR is; -1 before the first.
        self._last_cr = -1
        # The start of the line in the buffer was dropped, because the line is too long.
        self._mid_line = False
        # Bytes to decode at once; 0 after the data of a WRITE: what is decoded after them may not be messages.
        self._window = WINDOW_BYTES

    # -- public

    @property
    def problems(self) -> Sequence[Problem]:
        """The latest 1,000 problems, oldest first; problem_count counts all of them."""
        return list(self._problems)

    @property
    def max_frame_bytes(self) -> int:
        """Longest message, in bytes."""
        return self._max

    def feed(self, data: Buffer) -> list[T]:
        """Read the next bytes of the stream.

        Args:
            data: any bytes-like object, cut anywhere.

        Returns:
            Results that are complete now, in the order of the stream.

        Raises:
            ProtocolError: in strict mode, at the first problem and at every later call.
            ValueError: after close().
            RuntimeError: called from on_problem.
            TypeError: data is not bytes-like.
            Exception: raised by on_problem. The data are read all the same: the next call returns their results.
        """
        if self._closed or self._raised or self._reading:
            self._check_open()
        if data.__class__ is not bytes:
            data = bytes(memoryview(data))
        results = self._results
        carried, offset = len(results), self._offset
        try:
            is_done = self._append(data, results) and not self._unreported
        except BaseException:  # such as KeyboardInterrupt; then the accelerator has read nothing
            if self._offset == offset:
                del results[carried:]
            self._note_cr(data)
            raise
        if is_done:
            self._results = []
            return results
        self._note_cr(data)
        return self._deliver(self._read)

    def feed_line(self, line: bytes, offset: int, number: int) -> list[T]:
        """Read one whole line of another file, for messages inside of other logs. Not to be mixed with feed().

        Args:
            line: line without its LF.
            offset: byte of that file where it starts.
            number: its line number there.

        Returns:
            Results that are complete now. Raises what feed() raises.
        """
        self._check_open()
        self._offset, self._line = offset, number

        def read() -> None:
            frame = self._grammar.read_line(line, offset, number)
            self._grammar.payload = 0  # the lines of a log hold no data of files
            if frame is not None:
                self._accept(frame)

        return self._deliver(read)

    def skip_line(self, offset: int, number: int) -> list[T]:
        """Skip a line, as of feed_line(), that is too long to be held; the message that it is in is dropped."""
        self._check_open()
        return self._deliver(lambda: self._grammar.skip_line(offset, number))

    def close(self) -> list[T]:
        """Read to the end of the stream. Closing twice is harmless.

        Returns:
            Results that are complete. An unfinished message is a problem, and never a result. Raises what feed()
            raises; after an exception of on_problem the next close() returns the results.
        """
        if self._closed and not self._reading:
            return self._deliver(lambda: None)
        self._check_open()
        self._closed = True
        return self._deliver(self._read_end)

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {type(self).__name__}: it is in the middle of a stream")

    # -- of subclasses

    @staticmethod
    @abstractmethod
    def _make_layout(type: str, names: tuple[str, ...]) -> Layout[T]:
        """Return the layout of messages of this type, with these fields."""

    @abstractmethod
    def _make(self, frame: Frame) -> T:
        """Return the result of a message that was read by lines."""

    def _report(self, problem: Problem) -> None:
        self._problems.append(problem)
        self.problem_count += 1
        if self._on_problem and self._error is None:
            try:
                self._on_problem(problem)
            except BaseException as error:  # raised once reading has come to a place where it can continue
                self._error = error
        elif self._on_problem:
            self._unreported.append(problem)
        if self._strict:
            self._raised = problem
            raise ProtocolError(problem)

    # -- the buffer

    def _check_open(self) -> None:
        if self._reading:
            raise RuntimeError("on_problem must not call the reader that reports the problem")
        if self._raised:
            raise ProtocolError(self._raised)
        if self._closed:
            raise ValueError("this stream was closed")

    def _note_cr(self, data: bytes) -> None:
        """Note the last CR of the data, which are at the end of the buffer."""
        cr = data.rfind(b"\r")
        if cr >= 0:
            self._last_cr = self._offset + len(self._buffer) - len(data) + cr

    def _deliver(self, step: Callable[[], None]) -> list[T]:
        """Run one step of reading, and return all results."""
        self._reading = True
        try:
            self._note_passed()
            # What an earlier call that was interrupted has left.
            while self._unreported and self._on_problem and self._error is None:
                try:
                    self._on_problem(self._unreported.popleft())
                except BaseException as error:
                    self._error = error
            if self._frame is not None and not self._grammar.payload:
                self._make_result()
            step()
        except ProtocolError as error:
            error.results, self._results = self._results, []
            if self._error is None:
                raise
        finally:
            self._reading = False
        if self._error is not None:
            raised, self._error = self._error, None
            raise raised
        results, self._results = self._results, []
        return results

    def _read(self) -> None:
        """Read all of the buffer that can be read now."""
        buffer, grammar = self._buffer, self._grammar
        by_line = False  # the buffer has no LF LF, and something that cannot wait for one
        self._ready = False
        try:
            while True:
                # The data of a WRITE are no lines: they are skipped, or collected beside the buffer.
                if grammar.payload:
                    self._read_payload()
                    if grammar.payload:
                        return
                # Between messages: read up to a LF LF, after which no message can be open.
                start = self._start
                if not (by_line or grammar.message or self._mid_line):
                    if buffer.startswith((b"\n", b"\r\n"), start):
                        self._read_line_at(buffer.find(b"\n", start))
                        continue
                    end = buffer.find(b"\n\n", max(start, self._end_searched - self._offset))
                    if end >= 0:
                        self._read_messages(end + 2)
                        continue
                    self._end_searched = self._offset + len(buffer) - 1
                    # Without one wait, unless a CR may be part of an end, or there are more bytes than a message has.
                    if self._last_cr < self._offset + start and len(buffer) - start <= self._max:
                        break
                    by_line = True
                # Read by lines while the grammar has a message open, and what cannot wait.
                end = buffer.find(b"\n", max(start, self._line_searched - self._offset))
                if end < 0:
                    self._line_searched = self._offset + len(buffer)
                    break
                self._read_line_at(end)
            # Wait for more if the rest may still become a header or an empty line: those two are never too long.
            start, size = self._start, grammar.message.size if grammar.message else 0
            is_long = len(buffer) - start > max(MAX_HEADER_BYTES, self._max - size)
            if is_long and not self._mid_line:
                self._mid_line = True
                grammar.read_line(bytes(buffer[start:]), self._offset + start, self._line, whole=False)
            if self._mid_line:
                self._start = len(buffer)
            self._ready = not (grammar.message or self._mid_line or self._last_cr >= self._offset + self._start)
        finally:
            start, self._start = self._start, 0
            self._offset += start
            del buffer[:start]

    def _read_payload(self) -> None:
        """Read the data of a WRITE, as far as they are in the buffer."""
        self._window = 0
        buffer, start, missing = self._buffer, self._start, self._grammar.payload
        write = self._frame if self._keeps_data else None
        end = min(start + missing, len(buffer))
        if write:
            if end - start < min(missing, BLOCK_BYTES):
                return
            data_end = max(start, min(end, start + missing - len(DATA_END)))
            with memoryview(buffer) as view:
                self._data.append(bytes(view[start:data_end]))
        self._line += count_lines(buffer, start, end)
        self._grammar.payload -= end - start
        self._start = end
        if write and not self._grammar.payload:
            write.data = b"".join(self._data)
            self._data.clear()
            self._make_result()

    def _read_end(self) -> None:
        while not self._grammar.payload and (end := self._buffer.find(b"\n", self._start)) >= 0:
            self._read_line_at(end)
        if self._grammar.payload:
            self._line += count_lines(self._buffer, self._start, len(self._buffer))
            self._start = len(self._buffer)
        rest = bytes(self._buffer[self._start :])
        if rest and not (self._mid_line or self._grammar.message):
            self._grammar.read_line(rest, self._offset + self._start, self._line)
        self._grammar.end(self._offset + self._start, self._line)

    # -- by lines

    def _accept(self, frame: Frame) -> None:
        """Accept a message that was read by lines."""
        if self._grammar.clean and (layout := self._layouts.learn(frame.type, frame.fields)):
            if COMPILED:
                self._learn(*accelerated(layout))
            else:
                self._matchers.setdefault(layout.start, []).append(Matcher(layout))
        self._frame = frame
        if not (self._keeps_data and self._grammar.payload):
            self._make_result()

    def _make_result(self) -> None:
        assert self._frame
        self._results.append(self._make(self._frame))
        self._frame = None

    def _read_line_at(self, end: int) -> None:
        """Read the line up to buffer[end], which is a LF."""
        buffer, grammar, start = self._buffer, self._grammar, self._start
        in_message = grammar.message is not None
        is_empty, frame = False, None
        if self._mid_line:
            self._mid_line = False
        else:
            line = bytes(buffer[start:end])
            is_empty = not line or line == b"\r"
            frame = grammar.read_line(line, self._offset + start, self._line)
        self._line += 1
        self._start = end + 1
        if frame is not None:
            self._accept(frame)
        elif is_empty and not in_message and (run := _EMPTY_LINES.match(buffer, end + 1)):
            # More empty lines change nothing: the grammar need not see them.
            self._line += buffer.count(b"\n", end + 1, run.end())
            self._start = run.end()

    def _read_messages(self, first_end: int) -> None:
        """Read the buffer up to a LF LF, the last one within a window. first_end: index after the first."""
        if not COMPILED:
            self._read_window(first_end)  # type: ignore[attr-defined]  # the fallback has it
            return
        results = self._results
        made = len(results)
        try:
            self._start = self._read_clean(self._start, self._last_cr >= self._offset + self._start, results)
        except BaseException:  # then it has read nothing
            del results[made:]
            raise
        self._note_passed()
        self._read_lines(first_end)

    def _note_passed(self) -> None:
        """Sync the grammar's state after the fast path."""
        if self._passed:
            self._passed = False
            self._grammar.pass_clean()

    def _read_lines(self, end: int) -> None:
        """Read all lines up to buffer[end], or up to the data of a WRITE."""
        while self._start < end and not self._grammar.payload:
            self._read_line_at(self._buffer.find(b"\n", self._start))


class Tokenizer(StreamReader[Frame]):
    """Cuts the stream into Frames.

    Args:
        strict: as for Parser.
        max_frame_bytes: as for Parser.
        on_problem: as for Parser.
        max_data_bytes: longest data of a WRITE, in bytes, that are kept. A limit for security: it bounds memory. A
            WRITE is returned with its data, once they are complete, and dropped with a Problem if there are more.
            0: data are skipped, and a WRITE is returned before them.

    Example:
        >>> Tokenizer().feed(b"FASPMGR 2\\nType: NOP\\n\\n")
        [Frame('NOP', {}, version=2)]
    """

    _make_layout = staticmethod(frame_layout)

    def _make(self, frame: Frame) -> Frame:
        return frame
