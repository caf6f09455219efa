"""Messages inside of other logs: the lines of a log in, the lines of the management stream inside of them out.

A line of code may stand here if it is about lines. What is a message, and what is a problem, the reader knows, which
gets the inner lines one by one, with the byte offset and the number that each has in the log.

How the inner lines are found:

==================  ==================================================================================================
``bullets``         ``- Type: INIT``: a list as documents have it. A message starts with its FASPMGR line, and the end
                    of the list ends it.
``brackets``        ``… line=[Type: INIT] …``: a log with one line of the stream in each of its own.
``auto``, ``True``  whichever of the two shows itself first.
other text          a regular expression, also a compiled one of text or bytes. The inner line is its group 1, or the
                    whole match if it has no group.
==================  ==================================================================================================

Lines that do not match are skipped. A log without an empty line after its first message drops empty lines: there the
next header ends a message, and so does the end of the log.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeAlias, TypeVar

from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES, StreamReader

Unwrap: TypeAlias = str | bool | re.Pattern[str] | re.Pattern[bytes] | None
"""How messages are found inside of another log; None and False: the source is the stream itself."""

T = TypeVar("T")

_BULLET = re.compile(rb"\s*[-*]\s+(.*)")
_BRACKET = re.compile(rb"line=\[(.*)\]")
_HEADER = re.compile(rb"FASPMGR [0-9]{1,9}\s*")


class Unwrapper(Generic[T]):
    """Feeds the inner lines of a log to a reader. It is fed and closed as the reader would be.

    A line of the log that is longer than a message may be counts as empty, so that a log without line ends cannot fill
    the memory.

    Args:
        reader: a Parser or a Tokenizer.
        unwrap: how the inner lines are found, as in the table at the top of this module.

    Raises:
        ValueError: unwrap is an invalid regular expression.

    Example:
        >>> from faspmgr import Parser
        >>> unwrapper = Unwrapper(Parser(), "brackets")
        >>> unwrapper.feed(b"app: line=[FASPMGR 2]\\napp: line=[Type: DONE]\\napp: hello\\napp: line=[]\\n")
        [DoneEvent()]
    """

    def __init__(self, reader: StreamReader[T], unwrap: Any) -> None:
        # Gets the inner lines.
        self._reader = reader
        # "bullets", "brackets" or "pattern"; "auto" until the log has shown which.
        self._kind = "auto" if unwrap is True else unwrap if unwrap in ("auto", "bullets", "brackets") else "pattern"
        # Finds the inner line, unless the kind is "bullets".
        self._regex = _compiled(unwrap) if self._kind == "pattern" else _BRACKET

        # The start of a line of which the end has not arrived; at most MAX_FRAME_BYTES, for security.
        self._rest = bytearray()
        # Whether this line was longer than that, and its start was dropped.
        self._too_long = False
        # Where this line starts in the log, bytes.
        self._offset = 0
        # The lines before it.
        self._number = 0

        # Whether the reader has got lines of a message without its end.
        self._open = False
        # Whether the log shows the empty lines that end messages.
        self._ends_seen = False

    def feed(self, data: bytes) -> list[T]:
        """Receive the next bytes of the log, cut anywhere.

        Args:
            data: the bytes.

        Returns:
            What the reader made of the inner lines that are complete.

        Raises:
            ProtocolError: the first problem, if the reader is strict.
        """
        results: list[T] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = bytes(self._rest + data[start:end])
            self._rest.clear()
            results += self._receive(b"" if self._too_long else line)
            self._too_long = False
            self._offset += len(line) + 1
            start = end + 1
        self._rest += data[start:]
        if len(self._rest) > MAX_FRAME_BYTES:
            self._offset += len(self._rest)
            self._too_long = True
            self._rest.clear()
        return results

    def close(self) -> list[T]:
        """End the log, and close the reader.

        Returns:
            What the end completes: the last message, where the log cannot show its end otherwise.

        Raises:
            ProtocolError: the first problem, if the reader is strict.
        """
        results = self._receive(bytes(self._rest)) if self._rest else []
        if self._kind == "bullets" or not self._ends_seen:
            results += self._end_message()
        return results + self._reader.close()

    def _receive(self, line: bytes) -> list[T]:
        """Receive one line of the log, without its LF."""
        self._number += 1
        inner = self._inner(line.rstrip(b"\r"))
        if inner is None:
            return self._end_message() if self._kind == "bullets" else []
        results: list[T] = []
        if _HEADER.fullmatch(inner):
            if self._kind == "bullets" or not self._ends_seen:
                results = self._end_message()
            inner = inner.rstrip()
        elif self._kind == "bullets" and not self._open:
            return []  # another list of the document
        self._ends_seen = self._ends_seen or (self._open and not inner)
        if inner or self._open:
            self._open = bool(inner)
            results += self._reader.feed_line(inner, self._offset, self._number)
        return results

    def _inner(self, line: bytes) -> bytes | None:
        """The inner line; None if the line of the log has none."""
        if self._kind == "auto":
            bullet = _BULLET.fullmatch(line)
            if bullet and _HEADER.fullmatch(bullet[1]):
                self._kind = "bullets"
            elif _BRACKET.search(line):
                self._kind = "brackets"
            else:
                return None
        match = _BULLET.fullmatch(line) if self._kind == "bullets" else self._regex.search(line)
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


def _compiled(unwrap: Any) -> re.Pattern[bytes]:
    """A regular expression for bytes; one for text matches the same in UTF-8."""
    if isinstance(unwrap, re.Pattern):
        if isinstance(unwrap.pattern, bytes):
            return unwrap
        return re.compile(unwrap.pattern.encode(), unwrap.flags & ~re.UNICODE)
    try:
        return re.compile(str(unwrap).encode())
    except re.error as error:
        raise ValueError(f"invalid regular expression: {unwrap!r}: {error}") from error
