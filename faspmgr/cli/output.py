"""Standard output as bytes: JSON Lines, CSV and text, always valid UTF-8, flushed with each piece of input.

JSON is what jsontext.py makes of a value, one object a line. CSV and text are for messages that are shown as dicts: a
name and a value for each field.
"""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable, Iterable, Mapping
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
    """Give a value in a line of text; a text in quotes where a space or nothing would make the line hard to read.

    What is not printable, such as a control character or one that turns the direction of writing, is an escape of JSON,
    also inside of lists and objects.
    """
    if isinstance(value, str) and value and value.isprintable() and not set(value) & set(' "='):
        return value
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return text if text.isprintable() else json.dumps(value, separators=(",", ":"))


_TSV_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\r": r"\r", "\n": r"\n"})


class Table:
    """Messages as CSV or TSV: a header, then the same columns in every row.

    A cell is empty where the message does not have the field; true and false, lists and objects are JSON. A byte that
    is no UTF-8 is U+FFFD. CSV has quotes around what needs them; TSV has no quotes, a TAB, CR, LF or backslash in a
    cell is ``\\t``, ``\\r``, ``\\n`` or ``\\\\``.
    """

    def __init__(self, form: str, header: Iterable[str]) -> None:
        """Begin a table.

        Args:
            form: ``csv`` or ``tsv``.
            header: the names of the columns.
        """
        self._row = _csv_row() if form == "csv" else _tsv_row
        # What was not taken yet.
        self._rows = [self._row(header)]

    def add(self, values: Iterable[Any]) -> None:
        """Add a row; None is an empty cell."""
        cells = ("" if value is None else value if isinstance(value, str) else to_json(value) for value in values)
        self._rows.append(self._row(cells))

    def take_bytes(self) -> bytes:
        """Give what was added since the last call, the header first."""
        text = "".join(f"{row}\n" for row in self._rows)
        self._rows.clear()
        return valid_text(text).encode()


def _tsv_row(cells: Iterable[str]) -> str:
    return "\t".join(cell.translate(_TSV_ESCAPES) for cell in cells)


def _csv_row() -> Callable[[Iterable[str]], str]:
    """Make what writes a row of CSV, without a line end."""
    import csv  # only this format needs it

    buffer = io.StringIO()
    # Older versions of csv quote a CR only because the line end has one.
    writer = csv.writer(buffer, lineterminator="\r\n")

    def row(cells: Iterable[str]) -> str:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow(cells)
        return buffer.getvalue()[:-2]

    return row
