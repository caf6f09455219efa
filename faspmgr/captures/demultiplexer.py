"""Demultiplex one recording by connection. Where connections begin and end is read by connections.py."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Generic, NamedTuple, TypeVar

import attrs

from faspmgr.captures.connections import Begin, End
from faspmgr.captures.feed import FilePlace
from faspmgr.captures.sources import Reader, call_idle
from faspmgr.errors import ProtocolError
from faspmgr.protocol.problems import Problem

T = TypeVar("T")

OnProblem = Callable[[Problem], None]
MakeReader = Callable[[OnProblem], Reader[T]]
"""Function that makes a Parser or a Tokenizer, which reports its problems to a function."""


class Stream(NamedTuple):
    """A connection of a recording, as key for a Tracker, which looks it up for each event: hence a tuple."""

    recording: str
    """Path of the recording, with a number if another recording had the path before."""
    connection: int
    """Number of the connection in the recording."""


class Piece(NamedTuple, Generic[T]):
    """Results of a connection that arrived together."""

    stream: Stream | None
    """The connection; None if it is unknown."""
    results: list[T]
    """Events or Frames."""
    ended: bool = False
    """Whether the connection has ended with them."""


class Demultiplexer(Generic[T]):
    """Gives the bytes of a file to a reader for each of its connections.

    Args:
        make_reader: makes the reader of a connection.
        on_problem: called with each problem, whose place is that in the file.
    """

    def __init__(self, make_reader: MakeReader[T], on_problem: OnProblem) -> None:
        self.boundaries: deque[Begin | End] = deque()
        """Where connections begin and end, in the order of the offsets; those that were not reached yet."""
        self.recording = ""
        """Name of the recording in the connections."""
        self._make_reader = make_reader
        # The place in the recording.
        self._place = FilePlace(on_problem)
        self._on_problem = on_problem
        # The present connection; None between two of them, and if it is unknown.
        self._stream: Stream | None = None
        # Its reader; None before its first byte.
        self._reader: Reader[T] | None = None

    def begin(self, recording: str) -> None:
        """Begin with a recording."""
        self.recording = recording
        self.boundaries.clear()
        self._place = FilePlace(self._on_problem)

    def restart(self, recording: str) -> Iterator[Piece[T]]:
        """End the recording, and begin with the one that has replaced it."""
        yield from self.end()
        self.begin(recording)

    def begin_file(self) -> None:
        """Begin with the next file of a stream whose connections are unknown."""
        self._place.begin_file()

    def feed(self, data: bytes) -> Iterator[Piece[T]]:
        """Feed the next bytes; if there are none, yield an empty piece."""
        yield from self._pass_boundaries()
        start = 0
        while start < len(data):
            stop = len(data)
            if self.boundaries:
                stop = min(stop, start + self.boundaries[0].offset - self._place.offset)
            part = data[start:stop]
            if self._reader is None:
                self._reader = self._make_reader(self._reporter())
            try:
                yield Piece(self._stream, self._reader.feed(part))
            except ProtocolError as error:
                yield Piece(self._stream, error.results)
                error.results = []
                raise
            self._place.add(part)
            start = stop
            yield from self._pass_boundaries()
        if not data:
            yield Piece(None, [])

    def idle(self) -> Iterator[Piece[T]]:
        """Yield what the reader of the present connection need not hold back, as nothing comes for a while."""
        yield from self._pass_boundaries()
        yield Piece(self._stream, call_idle(self._reader))

    def end(self) -> Iterator[Piece[T]]:
        """End the present connection."""
        stream, reader = self._stream, self._reader
        self._stream = self._reader = None
        if reader or stream:
            yield Piece(stream, reader.close() if reader else [], ended=stream is not None)

    def _pass_boundaries(self) -> Iterator[Piece[T]]:
        while self.boundaries and self.boundaries[0].offset <= self._place.offset:
            boundary = self.boundaries.popleft()
            if isinstance(boundary, Begin):
                yield from self.end()
                self._stream = Stream(self.recording, boundary.connection)
            elif self._stream and self._stream.connection == boundary.connection:
                yield from self.end()

    def _reporter(self) -> OnProblem:
        """Return what reports problems of a connection that begins here with their place in the file."""
        offset, lines, report = self._place.offset, self._place.lines, self._place.report
        if not offset:
            return report
        return lambda problem: report(attrs.evolve(problem, offset=problem.offset + offset, line=problem.line + lines))
