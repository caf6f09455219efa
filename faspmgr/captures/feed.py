"""Feed a source of bytes to a Reader, such as a Parser or a LogReader, with an Unwrapper between them if needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar, cast

from faspmgr.captures.sources import Reader, Source, chunks, with_idle
from faspmgr.captures.unwrap import Unwrap, Unwrapper
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.tokenizer import StreamReader

T = TypeVar("T")


def pump(
    source: Source,
    reader: Reader[T],
    *,
    follow: bool = False,
    unwrap: Unwrap = None,
    log: Callable[[str], object] | None = None,
) -> Iterator[list[T]]:
    """Feed a source to a reader, piece by piece as the bytes arrive, and close the reader at the end.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        reader: a Parser or a Tokenizer, or without unwrap another Reader; its problems are its own. Its ``idle()``, if
            it has one, is called once when the source has nothing new for QUIET_POLLS polls in a row.
        follow: wait for more at the end of the file, without end. Standard input is polled, and read to its end.
        unwrap: None, or how to find messages inside of another log; see ``faspmgr.captures.unwrap``.
        log: called with a line about what does no harm, such as bytes behind the end of gzip data.

    Yields:
        The results that each piece completes, such as Events. A list may be empty: while a followed source has nothing
        new, one is yielded about ten times a second, so that the caller can do something else or stop.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. What came before the damage has been yielded.
        ProtocolError: the first problem, if the reader is strict.
        ValueError: unwrap is an invalid regular expression.
        TypeError: the source is a text file instead of a binary one, or unwrap is no text.

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
    idle: Callable[[], list[T]] | None = getattr(feeder, "idle", None)
    try:
        for piece, is_idle in with_idle(chunks(source, follow=follow, log=log)):
            if piece:
                yield feeder.feed(piece)
            else:
                yield idle() if idle and is_idle else []
    except CaptureError:
        # Whatever is open was cut by the damage, also in a log where the end of it would end a message.
        try:
            yield reader.close()
        except ProtocolError as error:  # the damage is what matters, and the problem has been reported
            yield error.results
        raise
    yield feeder.close()
