"""The compiled twin against the one in Python: both in one process, fed the same, and asked for all that they tell.

The package as it is imported is the compiled one; ``PURE`` is it once more, imported afresh with FASPMGR_PURE set.
Without the compiled twin there is nothing to compare: see ``WITHOUT``.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any, NamedTuple
from unittest import mock

import attrs

from faspmgr.protocol import layouts, parser, tokenizer
from faspmgr.protocol.speedups import COMPILED
from tests.invariants import pieces


class Twin(NamedTuple):
    """The modules of one of them."""

    parser: ModuleType
    tokenizer: ModuleType
    layouts: ModuleType

    def reader(self, name: str, **options: Any) -> Any:
        """A new Parser or Tokenizer."""
        return getattr(self.parser if name == "Parser" else self.tokenizer, name)(**options)


def import_pure() -> Twin:
    """Import the package once more, without its compiled part, and leave sys.modules as it was."""

    def ours() -> list[str]:
        return [name for name in sys.modules if name.partition(".")[0] == "faspmgr"]

    kept = {name: sys.modules.pop(name) for name in ours()}
    try:
        with mock.patch.dict(os.environ, FASPMGR_PURE="1"):
            return Twin(*(importlib.import_module(f"faspmgr.protocol.{name}") for name in Twin._fields))
    finally:
        for name in ours():
            del sys.modules[name]
        sys.modules.update(kept)


FAST = Twin(parser, tokenizer, layouts)
PURE = import_pure()

WITHOUT = (
    "" if COMPILED else "NO COMPILED TWIN: " + ("FASPMGR_PURE is set" if os.environ.get("FASPMGR_PURE") else "build it")
)
"""Why there is nothing to compare; empty where there is."""

WAYS = [
    ("Tokenizer", False, 1),
    ("Parser", False, 1),
    ("Parser", False, 3),
    ("Tokenizer", True, 1),
    ("Parser", True, 1),
]
"""Which reader, whether strict, and after how many messages a layout is learnt."""


def compare(
    stream: bytes,
    cuts: Iterable[int],
    max_frame_bytes: int = 1 << 20,
    max_data_bytes: int = 0,
    ways: Iterable[tuple[str, bool, int]] = WAYS,
) -> None:
    """Assert that both make the same of a stream, piece by piece."""
    parts = pieces(stream, cuts)
    for name, strict, sightings in ways:
        with learn_after(sightings):
            options = {"strict": strict, "max_frame_bytes": max_frame_bytes, "max_data_bytes": max_data_bytes}
            fast, pure = (Told(twin, name, **options) for twin in (FAST, PURE))
            for part in parts:
                assert fast.feed(part) == pure.feed(part)
            # twice: a closed reader has something to say, too
            assert fast.close() == pure.close()
            assert fast.close() == pure.close()
            assert fast.feed(b"") == pure.feed(b"")


@contextmanager
def learn_after(sightings: int) -> Iterator[None]:
    """Have both learn a layout with this many messages of it."""
    with ExitStack() as stack:
        for twin in (FAST, PURE):
            stack.enter_context(mock.patch.object(twin.layouts, "LEARN_AFTER", sightings))
        yield


class Told:
    """A reader, and all that it tells at each call, as plain values that know their type."""

    def __init__(self, twin: Twin, name: str, **options: Any) -> None:
        self.problems: list[Any] = []
        self.reader = twin.reader(name, on_problem=self.problems.append, **options)

    def feed(self, part: bytes) -> list[Any]:
        return self._told(lambda: self.reader.feed(part))

    def close(self) -> list[Any]:
        return self._told(self.reader.close)

    def _told(self, call: Any) -> list[Any]:
        reader = self.reader
        told = [outcome(call), exact(self.problems), exact(reader.problems), reader.problem_count]
        self.problems.clear()
        if not reader._raised:  # what has raised does nothing else from then on, wherever it stands
            told += [reader._offset, reader._line, bytes(reader._buffer)]
        return told


def outcome(call: Any) -> Any:
    """What a call returns or raises."""
    try:
        return exact(call())
    except Exception as error:
        told = [type(error).__name__, str(error)]
        return [*told, *(exact(getattr(error, name, None)) for name in ("problem", "results"))]


def exact(value: Any) -> Any:
    """A value as plain lists that are equal only where all the types in it are, too, and the order of its dicts."""
    cls = type(value)
    if cls is str or cls is int or value is None:
        return value
    if cls is dict:
        return ["dict", [exact(item) for pair in value.items() for item in pair]]
    if cls is list or cls is tuple:
        return [cls.__name__, [exact(item) for item in value]]
    if cls.__name__ == "Frame":
        told = [value.type, value.fields, value.version, value._places, value.data]
        places = [value.place_of(index) for index in range(len(value.fields))]
        return ["Frame", exact(told), exact(places), outcome(value.encode), repr(value)]
    if attrs.has(cls):
        told = [getattr(value, field.name) for field in attrs.fields(cls)]
        if cls.__name__.endswith("Event"):
            frame = outcome(lambda: value.to_frame().encode())
            told += [value.type, frame, value.to_dict(), value.to_dict(redact=False)]
        return [cls.__name__, [exact(item) for item in told], repr(value)]
    return [cls.__name__, value]
