"""Standard output as bytes: JSON Lines, CSV and text, always valid UTF-8, flushed with each piece of input.

JSON is what jsontext.py makes of a value, one object a line. CSV and text are for messages that are shown as dicts: a
name and a value for each field.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
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


MAX_PLANS = 64
MAX_NAMES_CHARS = 3_000
"""Sets of names that a table keeps a plan for, and the length of one: a hostile stream cannot fill memory."""

_TSV_ESCAPES = str.maketrans({"\\": r"\\", "\t": r"\t", "\r": r"\r", "\n": r"\n"})


class Table:
    """Messages as CSV or TSV: a header, then the same columns in every row.

    A cell is empty where the message does not have the field; true and false, lists and objects are JSON. A byte that
    is no UTF-8 is U+FFFD. CSV has quotes around what needs them; TSV has no quotes, a TAB, CR, LF or backslash in a
    cell is ``\\t``, ``\\r``, ``\\n`` or ``\\\\``.
    """

    def __init__(self, form: str, columns: Sequence[str], rest: str | None = None) -> None:
        """Begin a table.

        Args:
            form: ``csv`` or ``tsv``.
            columns: the names of the fields that have a column.
            rest: header of a last column, a JSON object with the fields that have no other; None for no such column.
        """
        self._cell, self._separator, self._empty = (_csv_cell, ",", '""') if form == "csv" else (_tsv_cell, "\t", "")
        self._columns = dict.fromkeys(columns)
        self._rest = rest is not None
        # The cells of messages with the same names.
        self._plans: dict[tuple[str, ...], tuple[str, list[str], list[str]]] = {}
        header = [*columns] if rest is None else [*columns, rest]
        # What was not taken yet.
        self._rows = [self._separator.join(map(self._cell, header))]

    def add(self, shown: Mapping[str, Any]) -> None:
        """Add a row for a message."""
        names = tuple(shown)
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plan(names)
            if len(self._plans) < MAX_PLANS and sum(map(len, names)) <= MAX_NAMES_CHARS:
                self._plans[names] = plan
        row, placed, left = plan
        cell = self._cell
        cells = [
            cell(value) if value.__class__ is str else value if value.__class__ is int else cell(to_json(value))
            for value in [shown[name] for name in placed]
        ]
        if left:
            cells.append(cell(to_json({name: shown[name] for name in left})))
        # A line with nothing on it would be no row.
        self._rows.append(row % tuple(cells) or self._empty)

    def take_bytes(self) -> bytes:
        """Give what was added since the last call, the header first."""
        text = "".join([f"{row}\n" for row in self._rows])
        self._rows.clear()
        return valid_text(text).encode()

    def _plan(self, names: tuple[str, ...]) -> tuple[str, list[str], list[str]]:
        """Say for messages with these names: a row with ``%s`` for each cell that is not empty, the names of the fields
        in these cells, and of those in the last column."""
        there = set(names)
        placed = [name for name in self._columns if name in there]
        left = [name for name in names if name not in self._columns] if self._rest else []
        cells = ["%s" if name in there else "" for name in self._columns]
        if self._rest:
            cells.append("%s" if left else "")
        return self._separator.join(cells), placed, left


def _csv_cell(text: str) -> str:
    if '"' in text or "," in text or "\n" in text or "\r" in text:
        return '"' + text.replace('"', '""') + '"'
    return text


def _tsv_cell(text: str) -> str:
    return text if text.isprintable() and "\\" not in text else text.translate(_TSV_ESCAPES)
