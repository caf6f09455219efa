"""The bytes of one file, divided among the connections that they came on.

A line of code may stand here if it is about places in the file; what is known of them, ``connections`` reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import attrs

from faspmgr.captures.connections import Begin, End
from faspmgr.captures.sources import Reader
from faspmgr.errors import ProtocolError
from faspmgr.protocol.problems import Problem

T = TypeVar("T")

OnProblem = Callable[[Problem], None]
MakeReader = Callable[[OnProblem], Reader[T]]
"""Makes a Parser or a Tokenizer that reports its problems to a function."""


class Stream(NamedTuple):
    """A connection of a recording: what a Tracker calls a stream, which it looks up for each event: hence a tuple.

    Attributes:
        recording: which recording it is of.
        connection: its number there.
    """

    recording: str
    connection: int


class Piece(NamedTuple, Generic[T]):
    """What came at once.

    Attributes:
        stream: where it came from; None where the connection is not known.
        results: Events or Frames.
        ended: nothing more comes of this stream.
    """

    stream: Stream | None
    results: list[T]
    ended: bool = False


class Divider(Generic[T]):
    """Divides the bytes of a file among its connections.

    Attributes:
        marks: where connections begin and end, by their offset; those that were not reached yet.
        recording: what stands for the recording in the streams.
    """

    def __init__(self, make_reader: MakeReader[T], on_problem: OnProblem) -> None:
        self.marks: deque[Begin | End] = deque()
        self.recording = ""
        self._make_reader = make_reader
        self._on_problem = on_problem
        # The present connection; None between two of them, and where none is known.
        self._stream: Stream | None = None
        # Its reader; None before its first byte.
        self._reader: Reader[T] | None = None
        # The place in the recording: bytes, and lines before it.
        self._offset = 0
        self._lines = 0

    def begin(self, recording: str) -> None:
        """Begin with a recording."""
        self.recording = recording
        self.marks.clear()
        self._offset = self._lines = 0

    def restart(self, recording: str) -> Iterator[Piece[T]]:
        """Begin anew: another recording has taken the place of the one before."""
        yield from self.end()
        self.begin(recording)

    def feed(self, data: bytes) -> Iterator[Piece[T]]:
        """Feed the next bytes; none where nothing is new, which still gives a piece."""
        yield from self._pass_marks()
        start = 0
        while start < len(data):
            stop = min(len(data), start + self.marks[0].offset - self._offset) if self.marks else len(data)
            part = data[start:stop]
            if self._reader is None:
                self._reader = self._make_reader(self._place(self._offset, self._lines))
            try:
                yield Piece(self._stream, self._reader.feed(part))
            except ProtocolError as error:
                yield Piece(self._stream, error.results)
                error.results = []
                raise
            self._offset += len(part)
            self._lines += part.count(b"\n")
            start = stop
            yield from self._pass_marks()
        if not data:
            yield Piece(None, [])

    def end(self) -> Iterator[Piece[T]]:
        """End the present connection."""
        stream, reader = self._stream, self._reader
        self._stream = self._reader = None
        if reader or stream:
            yield Piece(stream, reader.close() if reader else [], ended=stream is not None)

    def _pass_marks(self) -> Iterator[Piece[T]]:
        while self.marks and self.marks[0].offset <= self._offset:
            mark = self.marks.popleft()
            if isinstance(mark, Begin):
                yield from self.end()
                self._stream = Stream(self.recording, mark.connection)
            elif self._stream and self._stream.connection == mark.connection:
                yield from self.end()

    def _place(self, offset: int, lines: int) -> OnProblem:
        """Report problems with their place in the file, whichever connection they are of."""
        if not offset:
            return self._on_problem
        return lambda problem: self._on_problem(
            attrs.evolve(problem, offset=problem.offset + offset, line=problem.line + lines)
        )
