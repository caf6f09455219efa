"""Messages inside of other logs, found line by line.

What the lines look like is said by ``bullets`` (``- Type: INIT``, a list as documents have
it, each message headed by its FASPMGR line; the list's end ends the message), ``brackets`` (``… line=[Type: INIT] …``),
or a regular expression of which group 1, or else the whole match, is the line. Lines that do not match are passed over.
A log that shows no empty line behind its first message has none: there the next header ends a message.
"""

from __future__ import annotations

import re
from typing import Any, Generic, TypeVar, Union

from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES, StreamReader

Unwrap = Union[str, bool, "re.Pattern[str]", "re.Pattern[bytes]", None]
T = TypeVar("T")

_BULLET = re.compile(rb"\s*[-*]\s+(.*)")
_BRACKET = re.compile(rb"line=\[(.*)\]")
_HEADER = re.compile(rb"FASPMGR [0-9]{1,9}\s*")


def _pattern(unwrap: Any) -> re.Pattern[bytes]:
    if isinstance(unwrap, re.Pattern):
        if isinstance(unwrap.pattern, bytes):
            return unwrap
        return re.compile(unwrap.pattern.encode(), unwrap.flags & ~re.UNICODE)
    try:
        return re.compile(str(unwrap).encode())
    except re.error as error:
        raise ValueError(f"unwrap is not a regular expression: {error}") from error


class Unwrapper(Generic[T]):
    """Feeds the inner lines of a log to a reader, with the offsets and line numbers of the log."""

    def __init__(self, reader: StreamReader[T], unwrap: Any) -> None:
        self._reader = reader
        self._kind = "auto" if unwrap is True else unwrap if unwrap in ("auto", "bullets", "brackets") else "pattern"
        self._regex = _pattern(unwrap) if self._kind == "pattern" else _BRACKET
        self._rest = bytearray()
        self._offset = 0
        self._number = 0
        self._open = False  # lines of a message were handed on, its end was not
        self._ends_seen = False  # the log shows the empty lines that end messages
        self._too_long = False

    def feed(self, data: bytes) -> list[T]:
        results: list[T] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = bytes(self._rest + data[start:end])
            self._rest.clear()
            results += self._take(b"" if self._too_long else line)
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
        results = self._take(bytes(self._rest)) if self._rest else []
        if self._kind == "bullets" or not self._ends_seen:
            results += self._end()
        return results + self._reader.close()

    def _take(self, line: bytes) -> list[T]:
        self._number += 1
        inner = self._unwrap(line.rstrip(b"\r"))
        if inner is None:
            return self._end() if self._kind == "bullets" else []
        results: list[T] = []
        if _HEADER.fullmatch(inner):
            if self._kind == "bullets" or not self._ends_seen:
                results = self._end()
            inner = inner.rstrip()
        elif self._kind == "bullets" and not self._open:
            return []  # a list that is no message
        self._ends_seen = self._ends_seen or (self._open and not inner)
        if inner or self._open:
            self._open = bool(inner)
            results += self._reader.feed_line(inner, self._offset, self._number)
        return results

    def _unwrap(self, line: bytes) -> bytes | None:
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

    def _end(self) -> list[T]:
        if not self._open:
            return []
        self._open = False
        return self._reader.feed_line(b"", self._offset, self._number)
