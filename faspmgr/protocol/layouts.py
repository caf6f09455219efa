"""Message layout cache: an event or a frame is made of a whole message at once.

An ascp writes every STATS of a session with the same fields in the same order. After a few messages without a problem
their list of names is cached as a layout. The next message of that layout is cut into its texts by one regular
expression, and the layout has how each is converted, and its attribute. The accelerator (_speedups.c) does the same
without cutting out texts.

A layout matches only what the grammar accepts without a problem, and makes what ``events.make_event`` makes. Other
messages are read line by line, also those with a non-canonical value such as ``007``: so the order of the names is all
that an event keeps of its message. Messages with a CR are not matched.

Number and size of layouts are bounded: protection from hostile streams.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from functools import partial
from operator import itemgetter
from typing import Any, Generic, TypeVar

import attrs

from faspmgr.protocol.events import ATTRIBUTES, EVENT_CLASSES, Event, OtherEvent
from faspmgr.protocol.fields import FIELDS, Field, decoder, encode, words_of
from faspmgr.protocol.frames import VERSION, Frame

MAX_LAYOUTS = 32
MAX_CANDIDATES = 256
MAX_NAMES = 128
MAX_TYPE_CHARS = 100
"""A message with more fields, or a longer type, is not cached. A SESSION has some eighty fields."""
LEARN_AFTER = 3
"""A regular expression costs as much as some hundred matches gain: a layout must recur before it is cached."""

HEADER = "FASPMGR 2\n"

T = TypeVar("T")


class Kind(enum.IntEnum):
    """Which texts of a field a layout matches. _speedups.c has the same numbers."""

    TEXT = 0
    PATH = 1
    INTEGER = 2
    WORD = 3
    CALL = 4


_PATTERNS = {
    Kind.TEXT: "(.*+)",  # the second + means that nothing is tried again, and saves the memory of where
    Kind.PATH: "([^\n\x1b]*+)",  # without an escape to undo
    Kind.INTEGER: "(0|[1-9][0-9]{0,18}+)",  # 19 digits always fit into 64 bits
    Kind.CALL: "(.*+)",
}
_KINDS = {
    "integer": Kind.INTEGER,
    "range": Kind.INTEGER,
    "path": Kind.PATH,
    "string": Kind.TEXT,
    "secret": Kind.TEXT,
    "token": Kind.TEXT,
}


@attrs.frozen
class Value:
    """How one field is converted."""

    name: str
    """Name on the wire."""
    attribute: str | None = None
    """Attribute that gets the value; None if the text goes into the dict, by its name."""
    kind: Kind = Kind.TEXT
    """Which texts match."""
    words: Mapping[str, Any] = {}
    """Texts that match, and their values; of kind WORD."""
    convert: Callable[[str], Any] | None = None
    """Makes the value, or raises ValueError if the text does not match; of kind CALL."""

    @property
    def pattern(self) -> str:
        """A regular expression for the texts, with one group."""
        return f"({'|'.join(map(re.escape, self.words))})" if self.kind is Kind.WORD else _PATTERNS[self.kind]


@attrs.frozen
class Layout(Generic[T]):
    """Field names of a message, and the class of its result."""

    message_type: str
    """Text after ``Type:``."""
    values: tuple[Value, ...]
    """One for each field, in the order of the wire."""
    cls: type[T]
    """Class of the result."""
    dict: str
    """Attribute that gets a new dict, with the texts of the fields that have no attribute."""
    place: str | None
    """Attribute that gets byte and line of the message; None for none."""
    constants: Mapping[str, Any]
    """Attributes that are the same in each."""

    @property
    def start(self) -> str:
        """The first two lines of a message, without the last LF."""
        return f"{HEADER}Type: {self.message_type}"

    @property
    def line_count(self) -> int:
        """Lines of a message, with header, Type and the empty line."""
        return len(self.values) + 3


def frame_layout(type: str, names: tuple[str, ...]) -> Layout[Frame]:
    """Return the layout of frames of this type, with these fields."""
    values = tuple(map(Value, names))
    return Layout(type, values, Frame, "fields", "_places", {"type": type, "version": VERSION, "data": None})


def event_layout(type: str, names: tuple[str, ...]) -> Layout[Event]:
    """Return the layout of events of this type, with these fields."""
    cls = EVENT_CLASSES.get(type, OtherEvent)
    attributes = ATTRIBUTES[cls]
    constants: dict[str, Any] = {attributes[name]: None for name in attributes if name not in names}
    constants["_origin"] = names
    if cls is OtherEvent:
        constants["type"] = type
    return Layout(type, tuple(_value(name, attributes.get(name)) for name in names), cls, "extra", None, constants)


def _value(name: str, attribute: str | None) -> Value:
    field = FIELDS.get(name)
    if field is None:
        return Value(name, attribute)
    words = words_of(field)
    if words:
        return Value(name, attribute, Kind.WORD, words)
    kind = _KINDS.get(field.kind, Kind.CALL)
    return Value(name, attribute, kind, convert=partial(_decode_exact, field) if kind is Kind.CALL else None)


def _decode_exact(field: Field, text: str) -> Any:
    """Decode a text, and refuse one that is not the canonical text of its value."""
    value = decoder(field)(text)
    if encode(field, value) != text:
        raise ValueError("non-canonical value")
    return value


class Layouts(Generic[T]):
    """Layouts of one stream.

    Args:
        make_layout: frame_layout or event_layout.
    """

    def __init__(self, make_layout: Callable[[str, tuple[str, ...]], Layout[T]]) -> None:
        self.known: list[Layout[T]] = []
        """Cached layouts, in the order in which they were cached."""
        self._make_layout = make_layout
        # Count of messages for each type and its names, up to LEARN_AFTER.
        self._counts: dict[tuple[str, ...], int] = {}

    def learn(self, type: str, fields: dict[str, str]) -> Layout[T] | None:
        """Count a message that was read line by line and is clean: version 2, no problem, its Type first.

        Returns:
            Its layout, if it is cached now.
        """
        if not 0 < len(fields) <= MAX_NAMES or len(type) > MAX_TYPE_CHARS or len(self.known) == MAX_LAYOUTS:
            return None
        key = (type, *fields)
        count = self._counts.get(key, 0) + 1
        if count == 1 and len(self._counts) == MAX_CANDIDATES:
            return None
        self._counts[key] = count
        if count != LEARN_AFTER:
            return None
        layout = self._make_layout(type, tuple(fields))
        self.known.append(layout)
        return layout


# -- fallback


class Matcher(Generic[T]):
    """Reads the messages of one layout."""

    __slots__ = ("line_count", "make", "pattern")

    def __init__(self, layout: Layout[T]) -> None:
        lines = (f"\n{re.escape(value.name)}: {value.pattern}" for value in layout.values)
        self.pattern = re.compile(f"{HEADER}Type: {re.escape(layout.message_type)}{''.join(lines)}\n\n")
        """Matches a whole message, with its empty line; a group for each text."""
        self.line_count = layout.line_count
        """Lines of a message, as of the layout."""
        self.make: Callable[[tuple[str, ...], int, int], T | None] = (
            _frame_maker(layout) if layout.place else _event_maker(layout)
        )
        """Makes the result of the texts, and of byte and line of the message; None if a text does not match."""


def _frame_maker(layout: Layout[Any]) -> Callable[[tuple[str, ...], int, int], Any]:
    names = [value.name for value in layout.values]

    def make(texts: tuple[str, ...], offset: int, line: int) -> Frame:
        return Frame(layout.message_type, dict(zip(names, texts)), VERSION, (offset, line))

    return make


def _event_maker(layout: Layout[Any]) -> Callable[[tuple[str, ...], int, int], Any]:
    cls: Callable[..., Event] = layout.cls
    values = layout.values
    integers = [at for at, value in enumerate(values) if value.kind is Kind.INTEGER and value.attribute]
    pick = itemgetter(*integers, 0, 0)  # two more, so that it always gives a tuple
    others = [(at, value.words.__getitem__ if value.words else value.convert) for at, value in enumerate(values)]
    converts = [(at, convert) for at, convert in others if convert]
    texts_only = [(at, value.name) for at, value in enumerate(values) if value.attribute is None]

    # The values at hand, in this order: the texts, the integers, what was converted, the constants, the dict.
    order = [*range(len(values)), *integers, *(at for at, _ in converts)]
    at_hand = [*(values[at].attribute for at in order), *layout.constants, layout.dict]
    place = {name: at for at, name in enumerate(at_hand) if name}  # of two the later one
    arrange = itemgetter(*(place[attribute.name] for attribute in attrs.fields(layout.cls)))
    constants = tuple(layout.constants.values())

    def make(texts: tuple[str, ...], offset: int, line: int) -> Event | None:
        try:
            converted = [convert(texts[at]) for at, convert in converts] if converts else ()
        except ValueError:
            return None
        rest = {name: texts[at] for at, name in texts_only} if texts_only else {}
        return cls(*arrange((*texts, *map(int, pick(texts)[:-2]), *converted, *constants, rest)))

    return make


# -- accelerator


def accelerated(layout: Layout[Any]) -> tuple[Any, ...]:
    """Return a layout as the arguments of ``_speedups.Unread._learn``."""

    def slot(attribute: str | None) -> Any:
        return None if attribute is None else getattr(layout.cls, attribute)

    names = [value.name for value in layout.values]
    after = [f"\n{name}: ".encode() for name in names[1:]] + [b"\n\n"]
    fields = tuple(
        (
            value.kind,
            value.name,
            slot(value.attribute),
            tuple((word.encode(), of_word) for word, of_word in value.words.items()) or value.convert,
            bytes_after,
        )
        for value, bytes_after in zip(layout.values, after)
    )
    head = f"{layout.start}\n{names[0]}: ".encode("utf-8", "surrogateescape")
    constants = tuple((slot(name), value) for name, value in layout.constants.items())
    return layout.cls, head, layout.line_count, slot(layout.dict), slot(layout.place), constants, fields
