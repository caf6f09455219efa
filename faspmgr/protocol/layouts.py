"""Learnt layouts: why most messages cost one regular-expression match, and how an event is made of one.

An ascp writes every STATS of a session with the same fields in the same order. Once a message without any problem has
been seen a few times, its list of names becomes one regular expression, and the next message of that layout is cut
into its texts by one match. For its event a plan is made once: which texts become integers, and in which order the
class takes its values. Then an event costs one ``map(int, ...)``, one rearrangement and one constructor. What this
gains is measured in benchmarks/.

What may stand here
    Only what a layout can say by itself. A layout matches nothing but what the grammar would accept without a problem,
    and its plan gives the event that ``events.make_event`` would give; everything else is left to those two. A CR is
    not the layout's concern: the tokenizer uses none for a message that holds one.

Limits
    The number and the size of layouts are bounded, so a hostile stream can neither fill memory nor have a regular
    expression compiled for each message: messages of other layouts are just read line by line.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from operator import itemgetter

import attrs

from faspmgr.protocol.events import ATTRIBUTES, EVENT_CLASSES, Event
from faspmgr.protocol.fields import FIELDS
from faspmgr.protocol.frames import Frame

MAX_LAYOUTS = 32
MAX_CANDIDATES = 256
MAX_NAMES = 128
MAX_TYPE_CHARS = 100
"""A message with more fields, or a longer type, is not learnt. A SESSION has some eighty fields."""
SIGHTINGS = 3
"""A regular expression costs as much as some hundred matches gain: a layout must recur before it is learnt."""

HEADER = "FASPMGR 2\n"
_PATTERNS = {"integer": "([0-9]{1,19})", "range": "([0-9]{1,19})"}  # 19 digits always fit into 64 bits
_PLAIN_KINDS = {"integer", "range", "string", "path"}


class Layout:
    """One kind of message: its type, and its field names in the order of the wire.

    Args:
        type: text behind ``Type:``.
        names: names on the wire, without Type.

    Attributes:
        pattern: cuts a whole message, from its header to its empty line, into the texts of its fields.
        line_count: lines of the message, with header, Type and the empty line.
        make_event: makes the event of a Frame that the pattern has cut, or returns None when a text needs to be looked
            at. None for a layout with fields that always do.
    """

    __slots__ = ("line_count", "make_event", "names", "pattern", "type")

    def __init__(self, type: str, names: tuple[str, ...]) -> None:
        self.type = type
        self.names = names
        kinds = (FIELDS[name].kind if name in FIELDS else "" for name in names)
        lines = (f"\n{re.escape(name)}: {_PATTERNS.get(kind, '(.*)')}" for name, kind in zip(names, kinds))
        self.pattern = re.compile(f"{HEADER}Type: {re.escape(type)}{''.join(lines)}\n\n")
        self.line_count = len(names) + 3
        self.make_event = _plan(type, names)


def _plan(type: str, names: tuple[str, ...]) -> Callable[[Frame], Event | None] | None:
    """How the events of a layout are made at once: see Layout.make_event."""
    cls = EVENT_CLASSES.get(type)
    if cls is None:
        return None
    attributes = ATTRIBUTES[cls]
    if not all(name in attributes and FIELDS[name].kind in _PLAIN_KINDS for name in names):
        return None

    kinds = [FIELDS[name].kind for name in names]
    # The pattern of the layout lets only digits through for these two kinds, and no more than fit into 64 bits.
    integers = [index for index, kind in enumerate(kinds) if kind in ("integer", "range")]
    paths = [index for index, kind in enumerate(kinds) if kind == "path"]

    # The values at hand, in this order: the texts, the integers, None, the empty extra, the frame.
    place = {attributes[name]: index for index, name in enumerate(names)}
    place.update((attributes[names[index]], len(names) + nth) for nth, index in enumerate(integers))
    none = len(names) + len(integers)
    place["extra"], place["_frame"] = none + 1, none + 2
    # The same in the order of the class's attributes; one that the layout does not have gets the None.
    arrange = itemgetter(*(place.get(attribute.name, none) for attribute in attrs.fields(cls)))
    pick = itemgetter(*integers, 0, 0)  # two more, so that it always gives a tuple

    def make_event(frame: Frame) -> Event | None:
        texts = frame.texts
        for index in paths:
            if "\x1b" in texts[index]:  # an escape to undo
                return None
        return cls(*arrange((*texts, *map(int, pick(texts)[:-2]), None, {}, frame)))

    return make_event


class Layouts:
    """What has been learnt from one stream.

    Attributes:
        by_start: the layouts by their first two lines, without the last LF.
    """

    def __init__(self) -> None:
        self.by_start: dict[str, list[Layout]] = {}
        # How often each type and its names were seen, up to SIGHTINGS.
        self._sightings: dict[tuple[str, ...], int] = {}
        self._learnt = 0

    def learn(self, type: str, fields: dict[str, str]) -> None:
        """Note a message that was read line by line and was clean: version 2, no problem, its Type in front."""
        if not 0 < len(fields) <= MAX_NAMES or len(type) > MAX_TYPE_CHARS or self._learnt == MAX_LAYOUTS:
            return
        key = (type, *fields)
        count = self._sightings.get(key, 0) + 1
        if count == 1 and len(self._sightings) == MAX_CANDIDATES:
            return
        self._sightings[key] = count
        if count == SIGHTINGS:
            self._learnt += 1
            self.by_start.setdefault(f"{HEADER}Type: {type}", []).append(Layout(type, tuple(fields)))
