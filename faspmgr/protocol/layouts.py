"""Learnt layouts: why most messages cost one regular-expression match.

An ascp writes every STATS of a session with the same fields in the same order. Once a message without any problem has
been seen a few times, its list of names becomes one regular expression, and the next message of that layout is cut
into its texts by one match. Every other message goes line by line, with the same result: a layout only ever matches
what the line reader would take without a problem. What this gains is measured in benchmarks/.

The number and the size of layouts are bounded, so a hostile stream can neither fill memory nor have a regular
expression compiled for each message: messages of other layouts are just read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from faspmgr.protocol.fields import FIELDS

MAX_LAYOUTS = 32
MAX_CANDIDATES = 256
MAX_NAMES = 128
MAX_TYPE_CHARS = 100
"""A message with more fields, or a longer type, is not learnt. A SESSION has some eighty fields."""
SIGHTINGS = 3
"""A regular expression costs as much as some hundred matches gain: a layout must recur before it is learnt."""

_HEADER = "FASPMGR 2\n"
_PATTERNS = {"integer": "([0-9]{1,19})", "range": "([0-9]{1,19})"}  # 19 digits always fit into 64 bits


class Layout:
    """The names of one kind of message in wire order, and the pattern that cuts such a message into its texts.

    make: made and used by the events module; it turns a Frame of this layout into an event.
    """

    __slots__ = ("line_count", "make", "names", "pattern", "type")

    def __init__(self, type: str, names: tuple[str, ...]) -> None:
        self.type = type
        self.names = names
        kinds = (FIELDS[name].kind if name in FIELDS else "" for name in names)
        lines = (f"\n{re.escape(name)}: {_PATTERNS.get(kind, '(.*)')}" for name, kind in zip(names, kinds))
        self.pattern = re.compile(f"{_HEADER}Type: {re.escape(type)}{''.join(lines)}\n\n")
        self.line_count = len(names) + 3  # with header, Type and the empty line
        self.make: Callable[[Any], Any] | None = None


class Layouts:
    """What has been learnt from one stream."""

    def __init__(self) -> None:
        self._by_start: dict[str, list[Layout]] = {}
        self._sightings: dict[tuple[str, ...], int] = {}
        self._learnt = 0

    def find(self, text: str, start: int = 0) -> Layout | None:
        """The layout that the message at text[start] may have: its pattern has the last word."""
        layouts = self._by_start.get(text[start : text.find("\n", start + len(_HEADER))])
        if layouts is None:
            return None
        if len(layouts) == 1:
            return layouts[0]
        return next((layout for layout in layouts if layout.pattern.match(text, start)), None)

    def saw(self, type: str, fields: dict[str, str]) -> None:
        """A version 2 message with its Type in front was read line by line without a problem."""
        if not 0 < len(fields) <= MAX_NAMES or len(type) > MAX_TYPE_CHARS or self._learnt == MAX_LAYOUTS:
            return
        key = (type, *fields)
        count = self._sightings.get(key, 0) + 1
        if count == 1 and len(self._sightings) == MAX_CANDIDATES:
            return
        self._sightings[key] = count
        if count == SIGHTINGS:
            self._learnt += 1
            self._by_start.setdefault(f"{_HEADER}Type: {type}", []).append(Layout(type, tuple(fields)))
