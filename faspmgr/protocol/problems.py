"""The problems of a stream: the kinds, and how one is shown."""

from __future__ import annotations

import attrs

from faspmgr.protocol.fields import kind_of
from faspmgr.redaction import redact_line

EXCERPT_CHARS = 80

KINDS = {
    "noise": "text outside of any message; skipped up to the next message, reported once",
    "empty-lines": "more than one empty line between messages, reported once for the run",
    "no-header": "a message that starts with its Type, without FASPMGR; read as version 2",
    "version": "a header with another version than 2, or 4 in PUT, WRITE and CLOSE; the message is accepted",
    "crlf": "lines that end in CR LF, reported once for a message; read as LF",
    "no-space": "no space after the colon; the value is accepted",
    "no-field": "a line of a message that is not a field; the line is skipped, the message accepted",
    "repeated": "a duplicate field of a message; the first value is kept",
    "no-type": "a message without a Type; dropped",
    "interrupted": "a header in the middle of a message, or at the end of a line of it; what is before it is dropped",
    "oversized": "too long: a message, dropped up to the next header or its end; a WRITE over max_data_bytes",
    "unfinished": "the stream ends in the middle of a message; the message is dropped",
    "value": "a value that does not fit its field; kept as text in .extra",
}
"""Every kind of problem and what is done about it."""


@attrs.frozen
class Problem:
    """One deviation from the protocol."""

    kind: str
    """A key of KINDS."""
    offset: int
    """Byte in the stream, from 0."""
    line: int
    """Line in the stream, from 1."""
    message: str
    """What is wrong, and what was done about it; one line."""
    excerpt: str
    """The place as printable text, 80 characters at most, without secrets."""

    def __str__(self) -> str:
        return f"{self.message}: {self.excerpt}" if self.excerpt else self.message


def excerpt(data: bytes) -> str:
    """Show the first line of data: printable, cut to 80 characters, without what looks like a secret."""
    line = bytes(data[: 4 * EXCERPT_CHARS]).split(b"\n", 1)[0].rstrip(b"\r")
    text = printable(redact_line(line.decode("utf-8", "surrogateescape"), kind_of))
    return text if len(text) <= EXCERPT_CHARS else text[: EXCERPT_CHARS - 1] + "…"


def printable(text: str) -> str:
    """Make text from a stream safe for a terminal: control characters and bytes that are not UTF-8 become escapes."""
    return text if text.isprintable() else "".join(char if char.isprintable() else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    code = ord(char)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return char.encode("unicode_escape").decode("ascii")
