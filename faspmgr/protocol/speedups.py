"""Accelerator of the tokenizer, _speedups.c, if it was built, and the fallback without it.

FASPMGR_PURE in the environment, with any text, turns the accelerator off.
"""

from __future__ import annotations

import os
from typing import Any

HEADER_CHARS = len("FASPMGR 2\n")

try:
    if os.environ.get("FASPMGR_PURE"):
        raise ImportError("turned off")
    from faspmgr.protocol._speedups import Unread as Unread
    from faspmgr.protocol._speedups import count_lines as count_lines

    COMPILED = True
except ImportError:
    COMPILED = False

    class Unread:  # type: ignore[no-redef]
        """Bytes that were fed and not read: the base class of StreamReader."""

        def __init__(self) -> None:
            # The bytes, and the place of _buffer[0] in the stream: byte, from 0, and line, from 1.
            self._buffer = bytearray()
            self._offset = 0
            self._line = 1
            # Byte of the stream before which no unread LF LF starts.
            self._end_searched = 0
            # Longest message, in bytes, without its empty line.
            self._max = 0

            # The accelerator reads clean messages as soon as they are fed, while nothing is open, and the buffer has
            # nothing that cannot wait for a LF LF. Then the grammar's state is not in sync.
            self._ready = True
            self._passed = False

        def _append(self, data: bytes, results: list[Any]) -> bool:
            """Add bytes, and with the accelerator read clean messages at once.

            Args:
                data: the next bytes.
                results: list that the results are appended to.

            Returns:
                Whether nothing is left that could be read now.
            """
            self._buffer += data
            return False

        def _read_window(self: Any, first_end: int) -> None:
            """Read the buffer up to a LF LF, the last one within a window. first_end: index after the first."""
            buffer, start = self._buffer, self._start
            stop = max(first_end, buffer.rfind(b"\n\n", start, start + self._window) + 2)
            text = buffer[start:stop].decode("utf-8", "surrogateescape")
            one_to_one = len(text) == stop - start  # characters and bytes; the rule, as most streams are ASCII
            at = 0
            # No layout is used for a message that reaches beyond the next CR.
            cr = text.find("\r") if self._last_cr >= self._offset + start else -1
            while True:
                at = self._match_messages(text, at, len(text) if cr < 0 else cr, one_to_one)
                start = self._start
                if start >= stop:
                    return
                if text.startswith(("\n", "\r\n"), at):
                    # An extra empty line, and all that follow it; the message after them can match again.
                    self._read_line_at(buffer.find(b"\n", start))
                    at += self._start - start
                else:
                    # Anything else goes by lines up to the next LF LF, after which no message is open.
                    end, at = buffer.find(b"\n\n", start, stop) + 2, text.find("\n\n", at) + 2
                    self._read_lines(end)
                    if self._grammar.payload:
                        return
                    at += self._start - end  # empty lines after it were read with it
                if 0 <= cr < at:
                    cr = text.find("\r", at)

        def _match_messages(self: Any, text: str, at: int, limit: int, one_to_one: bool) -> int:
            """Read as many messages of cached layouts as follow one another in text[at:limit]. Hot loop.

            Args:
                text: decoded part of the buffer; text[at] is buffer[start].
                at: index in the text; the index where it stopped is returned.
                limit: index in the text that no message may reach beyond.
                one_to_one: whether each character of the text is one byte.
            """
            matchers_of, results = self._matchers, self._results
            begin = offset = self._offset + self._start
            line, header, longest = self._line, HEADER_CHARS, self._max
            try:
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
            finally:
                if offset > begin:
                    self._line = line
                    self._start += offset - begin
                    self._grammar.pass_clean()
            return at

    def count_lines(data: bytes | bytearray, start: int, end: int, /) -> int:
        """Count the LFs in data[start:end]."""
        return data.count(b"\n", start, end)


NAME = "compiled" if COMPILED else "pure Python"
"""The reader that runs, as ``faspmgr --version`` shows it."""
