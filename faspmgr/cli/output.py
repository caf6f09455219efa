"""Standard output as bytes: JSON that is always valid JSON and valid UTF-8, flushed with each piece of input."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import Any

_READABLE = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ASCII = json.JSONEncoder(allow_nan=False)


def to_json(value: Any) -> str:
    """JSON on one line. Text that holds bytes which are no UTF-8 is written in ASCII, those bytes as the escapes of
    their surrogates (``\\udcfc``): valid JSON, which Python reads back to the very same text."""
    text = _READABLE.encode(value)
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return _ASCII.encode(value)
    return text


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output and flush, so that who reads it live gets each message as it comes."""
    text = "".join(f"{line}\n" for line in lines)
    if text:
        write_bytes(text.encode("utf-8", "backslashreplace"))


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output and flush. An OSError names the stream, as one of a file names the file."""
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = "<stdout>"
        raise
