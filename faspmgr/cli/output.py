"""Standard output as bytes: JSON Lines, CSV and text, always valid UTF-8, flushed with each piece of input.

JSON is what jsontext.py makes of a value, one object a line. CSV and text are for messages that are shown as dicts: a
name and a value for each field.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from faspmgr.jsontext import message_to_json as message_to_json
from faspmgr.jsontext import to_json as to_json
from faspmgr.jsontext import valid_text
from faspmgr.protocol.problems import printable


def to_bytes(lines: Iterable[str]) -> bytes:
    """Give lines as UTF-8; what cannot be encoded is written as an escape."""
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def write(lines: Iterable[str]) -> None:
    """Write lines to standard output and flush, so that a live reader gets each message as it comes."""
    write_bytes(to_bytes(lines))


def write_bytes(data: bytes) -> None:
    """Write bytes to standard output and flush.

    Raises:
        OSError: it names the stream, as the error of a file names the file.
    """
    if not data:
        return
    try:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except OSError as error:
        error.filename = "<stdout>"
        raise


def text_line(type: str, shown: Mapping[str, Any]) -> str:
    """Give a message as a line for people: ``STATS        file=a.bin size=100``."""
    return f"{printable(type):<12} {' '.join(f'{printable(name)}={_word(value)}' for name, value in shown.items())}"


def _word(value: Any) -> str:
    """Give a value in a line of text; in quotes where a space or an empty text would make the line hard to read."""
    if not isinstance(value, str):
        return to_json(value)
    plain = value and value.isprintable() and not set(value) & set(' "=')
    return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())


class Table:
    """Messages as CSV or TSV: a header, then the same columns in every row.

    A cell is empty where the message does not have the field; true and false, lists and objects are JSON. A byte that
    is no UTF-8 is U+FFFD.
    """

    def __init__(self, dialect: str, header: Iterable[str]) -> None:
        """Begin a table.

        Args:
            dialect: ``excel`` for CSV, ``excel-tab`` for TSV.
            header: the names of the columns.
        """
        import csv  # only these formats need it

        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer, dialect, lineterminator="\n")
        self._writer.writerow(header)

    def add(self, values: Iterable[Any]) -> None:
        """Add a row; None is an empty cell."""
        self._writer.writerow(
            "" if value is None else value if isinstance(value, str) else to_json(value) for value in values
        )

    def take_bytes(self) -> bytes:
        """Give what was added since the last call, the header first."""
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return valid_text(text).encode()
