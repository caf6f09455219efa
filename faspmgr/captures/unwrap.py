"""Messages inside of other logs: the lines of a log in, the lines of the management stream inside of them out.

The reader gets the inner lines one by one, with the byte offset and the number that each has in the log; it alone
decides what is a message, and what is a problem. The inner lines are found by one of these FORMATS:

==================  ==================================================================================================
``bullets``         ``- Type: INIT``: a list as documents have it. A message starts with its FASPMGR line, and the end
                    of the list ends it.
``brackets``        ``… line=[Type: INIT] …``: a log with one line of the stream in each of its own.
``auto``, ``True``  whichever of the two matches first.
other text          a regular expression, also a compiled one of text or bytes. The inner line is its group 1, or the
                    whole match if it has no group.
==================  ==================================================================================================

Lines that do not match are skipped. A log without an empty line after its first message drops empty lines: in it the
next header ends a message, and so does the end of the log, if its last line has a line end. A last line without one may
have been cut, whatever it contains: its message is unfinished.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from typing import Any, Generic, TypeAlias, TypeVar

from faspmgr.errors import ProtocolError
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES, StreamReader

Unwrap: TypeAlias = str | bool | re.Pattern[str] | re.Pattern[bytes] | None
"""How messages are found inside of another log; None or False if the source is the stream itself."""

T = TypeVar("T")

FORMATS = ("auto", "bullets", "brackets")
"""Names of the formats of logs; any other text is a regular expression."""
MAX_SHOWN = 80
"""Maximum characters of an invalid regular expression in an error."""

_BULLET = re.compile(rb"\s*[-*]\s+(.*)")
_NEXT_BRACKET = re.compile(rb"\]\s++[\w.-]++=\[")
_HEADER = re.compile(rb"FASPMGR [0-9]{1,9}\s*")


class Unwrapper(Generic[T]):
    """Feeds the inner lines of a log to a reader. It is fed and closed like the reader.

    A line of the log that is longer than the limit of a message is not kept, since a log without line ends would fill
    the memory: it is reported as oversized, and its message is dropped.

    Args:
        reader: a Parser or a Tokenizer.
        unwrap: how the inner lines are found, one of the table at the top of this module.

    Raises:
        ValueError: unwrap is an invalid regular expression.
        TypeError: unwrap is neither text nor a compiled regular expression.

    Example:
        >>> from faspmgr import Parser
        >>> unwrapper = Unwrapper(Parser(), "brackets")
        >>> unwrapper.feed(b"app: line=[FASPMGR 2]\\napp: line=[Type: DONE]\\napp: hello\\napp: line=[]\\n")
        [DoneEvent()]
    """

    def __init__(self, reader: StreamReader[T], unwrap: Any) -> None:
        # Gets the inner lines.
        self._reader = reader
        # "bullets", "brackets" or "pattern"; "auto" until a line matches.
        self._format = "auto" if unwrap is True else unwrap if unwrap in FORMATS else "pattern"
        # Finds the inner line if the format is "pattern".
        self._regex = compile_pattern(unwrap) if self._format == "pattern" else None
        # Bytes of the longest line of the log. A lower limit of the reader is about its messages, not about log lines.
        self._max = max(MAX_FRAME_BYTES, reader.max_frame_bytes)

        # The present line: its offset in the log in bytes, from 0, and its number, from 1.
        self._offset = 0
        self._number = 1
        # What has arrived of it.
        self._line = bytearray()
        # Bytes of it that were dropped because it is too long; 0 for any other line.
        self._dropped = 0

        # Bytes that were fed but not read because the reader raised, and the results from before.
        self._rest = b""
        self._results: list[T] = []
        # Whether a call is in progress: on_problem of the reader must not make another one.
        self._reading = False

        # Whether the reader has lines of a message without its end.
        self._open = False
        # Whether the log contains the empty lines that end messages.
        self._ends_seen = False

    def feed(self, data: bytes) -> list[T]:
        """Receive the next bytes of the log, cut anywhere.

        Args:
            data: the bytes.

        Returns:
            The results of the reader for the inner lines that are complete.

        Raises:
            ProtocolError: the first problem, if the reader is strict.
            RuntimeError: called from on_problem of the reader.
            Exception: raised by on_problem of the reader; the next call continues after that line.
        """
        return self._deliver(lambda: self._read(data))

    def close(self) -> list[T]:
        """End the log, and close the reader.

        Returns:
            What the end completes: the last message, if no line ends it.

        Raises:
            ProtocolError: the first problem, if the reader is strict.
            Exception: raised by on_problem of the reader; the next call of close() continues.
        """
        return self._deliver(self._read_end)

    def _deliver(self, step: Callable[[], None]) -> list[T]:
        """Run one step of reading, and return all results."""
        if self._reading:
            raise RuntimeError("on_problem must not call the reader that reports the problem")
        self._reading = True
        try:
            step()
        except ProtocolError as error:
            error.results[:0], self._results = self._results, []
            raise
        finally:
            self._reading = False
        results, self._results = self._results, []
        return results

    def _read(self, data: bytes) -> None:
        data, self._rest = self._rest + data, b""
        start = 0
        try:
            while (end := data.find(b"\n", start)) >= 0:
                piece, start = data[start:end], end + 1
                try:
                    self._results += self._add(piece)
                    if not self._dropped:
                        self._results += self._receive(bytes(self._line))
                finally:
                    self._offset += self._dropped + len(self._line) + 1
                    self._number += 1
                    self._line.clear()
                    self._dropped = 0
            piece, start = data[start:], len(data)
            self._results += self._add(piece)
        finally:
            self._rest = data[start:]

    def _read_end(self) -> None:
        if self._rest:
            self._read(b"")
        line = bytes(self._line)
        self._line.clear()
        if line and not self._open:  # a message may begin in the unfinished line
            self._results += self._receive(line)
        elif not line and (self._format == "bullets" or not self._ends_seen):
            self._results += self._end_message()
        self._results += self._reader.close()

    def _add(self, piece: bytes) -> list[T]:
        """Add a piece to the present line, unless the line is too long."""
        if not self._dropped and len(self._line) + len(piece) <= self._max:
            self._line += piece
            return []
        first = not self._dropped
        self._dropped += len(self._line) + len(piece)
        line, self._line = self._line + piece[: self._max], bytearray()
        if not first:
            return []
        if self._format == "bullets" and not _BULLET.match(line):
            return self._end_message()  # not a line of the list
        self._open = False
        return self._reader.skip_line(self._offset, self._number)

    def _receive(self, line: bytes) -> list[T]:
        """Receive one line of the log, without its LF."""
        inner = self._inner(line.rstrip(b"\r"))
        if inner is None:
            return self._end_message() if self._format == "bullets" else []
        results: list[T] = []
        if _HEADER.fullmatch(inner):
            if self._format == "bullets" or not self._ends_seen:
                results = self._end_message()
            inner = inner.rstrip()
        elif self._format == "bullets" and not self._open:
            return []  # another list of the document
        self._ends_seen = self._ends_seen or (self._open and not inner)
        if inner or self._open:
            self._open = bool(inner)
            results += self._reader.feed_line(inner, self._offset, self._number)
        return results

    def _inner(self, line: bytes) -> bytes | None:
        """Return the inner line; None if the line of the log has none."""
        if self._format == "auto":
            bullet = _BULLET.fullmatch(line)
            if bullet and _HEADER.fullmatch(bullet[1]):
                self._format = "bullets"
            elif _in_brackets(line) is not None:
                self._format = "brackets"
            else:
                return None
        if self._format == "brackets":
            return _in_brackets(line)
        match = self._regex.search(line) if self._regex else _BULLET.fullmatch(line)
        if match is None:
            return None
        inner = match[1] if match.re.groups else match[0]
        return b"" if inner is None else bytes(inner)

    def _end_message(self) -> list[T]:
        """End the message whose lines the reader has, if there is one."""
        if not self._open:
            return []
        self._open = False
        return self._reader.feed_line(b"", self._offset, self._number)


def _in_brackets(line: bytes) -> bytes | None:
    """Return what stands in ``line=[…]``; None if the line has none.

    The value may contain brackets: it ends at the last one, or at the first one that another ``name=[`` follows. Each
    byte is searched at most three times, however many ``line=[`` there are.
    """
    start = line.find(b"line=[")
    if start < 0:
        return None
    start += len(b"line=[")
    following = _NEXT_BRACKET.search(line, start)
    end = following.start() if following else line.rfind(b"]", start)
    return None if end < 0 else line[start:end]


def compile_pattern(unwrap: Any) -> re.Pattern[bytes]:
    """Return the regular expression for bytes that finds inner lines; one for text matches the same in UTF-8.

    Args:
        unwrap: the expression as text, or a compiled one of text or bytes.

    Raises:
        ValueError: an invalid regular expression, or one that needs text (``\\u00e9``, ``(?u)``).
        TypeError: something else.
    """
    if isinstance(unwrap, re.Pattern):
        if isinstance(unwrap.pattern, bytes):
            return unwrap
        pattern, flags = unwrap.pattern, int(unwrap.flags & ~re.UNICODE)
    elif isinstance(unwrap, str):
        pattern, flags = unwrap, 0
    else:
        raise TypeError(f"unwrap must be text or a compiled regular expression, not {type(unwrap).__name__}")
    try:
        with warnings.catch_warnings(action="ignore"):  # about what a later Python may read differently
            return re.compile(pattern.encode("utf-8", "surrogateescape"), flags)
    except (re.error, ValueError, OverflowError, RecursionError) as error:
        raise ValueError(f"invalid regular expression: {shortened(pattern)}: {error}") from error


def shortened(pattern: str) -> str:
    """Return a regular expression for an error: printable, in quotes, and cut."""
    return repr(pattern if len(pattern) <= MAX_SHOWN else f"{pattern[:MAX_SHOWN]}…")
