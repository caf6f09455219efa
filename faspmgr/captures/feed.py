"""Feed a source of bytes to a Reader, such as a Parser or a LogReader, with an Unwrapper between them if needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

import attrs

from faspmgr.captures.sources import Reader, Source, call_idle, chunks, with_idle
from faspmgr.captures.unwrap import Unwrap, Unwrapper
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import StreamReader

T = TypeVar("T")


class FilePlace:
    """Where the present file of a followed source begins: problems are reported with their place in their file.

    Args:
        on_problem: called with each problem.
    """

    def __init__(self, on_problem: Callable[[Problem], object]) -> None:
        self.offset = 0
        """Bytes that were read of the source."""
        self.lines = 0
        """Lines that were read of the source."""
        self._on_problem = on_problem
        # Bytes and lines before the present file, and before the one before it.
        self._starts = [(0, 0)]

    def add(self, data: bytes) -> None:
        """Count bytes that were read."""
        self.offset += len(data)
        self.lines += data.count(b"\n")

    def begin_file(self) -> None:
        """Begin with the next file, or with the same one if it was truncated."""
        self._starts = [self._starts[-1], (self.offset, self.lines)]

    def report(self, problem: Problem) -> None:
        """Report a problem with its place in the file that it begins in."""
        offset, lines = next(start for start in reversed([(0, 0), *self._starts]) if start[0] <= problem.offset)
        if offset:
            problem = attrs.evolve(problem, offset=problem.offset - offset, line=problem.line - lines)
        self._on_problem(problem)


def pump(
    source: Source,
    reader: Reader[T],
    *,
    follow: bool = False,
    unwrap: Unwrap = None,
    log: Callable[[str], object] | None = None,
    place: FilePlace | None = None,
) -> Iterator[list[T]]:
    """Feed a source to a reader, piece by piece as the bytes arrive, and close the reader at the end.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        reader: a Parser or a Tokenizer, or without unwrap another Reader; its problems are its own. Its ``idle()``, if
            it has one, is called once when the source has nothing new for QUIET_POLLS polls in a row.
        follow: wait for more at the end of the file, without end. Standard input is polled, and read to its end.
        unwrap: None, or how to find messages inside of another log; see ``faspmgr.captures.unwrap``.
        log: called with a line about what does no harm, such as bytes after the end of gzip data.
        place: notes where each file of the source begins, if it is followed.

    Yields:
        The results that each piece completes, such as Events. A list may be empty: while a followed source has nothing
        new, one is yielded about ten times a second, so that the caller can do something else or stop.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. What came before the damage has been yielded.
        ProtocolError: the first problem, if the reader is strict.
        ValueError: unwrap is an invalid regular expression.
        TypeError: the source is a text file instead of a binary one, or unwrap is not an expression.

    Example:
        >>> import io
        >>> from faspmgr import Tokenizer
        >>> tokenizer = Tokenizer()
        >>> source = io.BytesIO(b"FASPMGR 2\\nType: DONE\\n\\nnoise\\n")
        >>> [[frame.type for frame in frames] for frames in pump(source, tokenizer)]
        [['DONE'], []]
        >>> [problem.kind for problem in tokenizer.problems]
        ['noise']
    """
    # Only a Parser or a Tokenizer can be fed line by line.
    feeder: Reader[T] = reader if unwrap in (None, False) else Unwrapper(cast("StreamReader[T]", reader), unwrap)
    on_new_file = place.begin_file if place else getattr(reader, "begin_file", None)
    try:
        pieces = chunks(source, follow=follow, log=log, on_new_file=on_new_file)
        for piece, is_idle in with_idle(pieces):
            if not piece:
                yield call_idle(feeder) if is_idle else []
                continue
            yield feeder.feed(piece)
            if place is not None and follow:
                place.add(piece)
    except CaptureError:
        # Whatever is open was cut by the damage, also in a log where the end of it would end a message.
        try:
            yield reader.close()
        except ProtocolError as error:  # the damage is what matters, and the problem has been reported
            yield error.results
        raise
    yield feeder.close()
