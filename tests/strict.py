"""Readers of JSON that are stricter than Python's own: no surrogates, and no numbers out of range."""

from __future__ import annotations

from typing import Any

import msgspec
import orjson


def strictly(line: bytes) -> Any:
    """The value that a line of JSON holds; an error where one of the readers refuses it."""
    value = orjson.loads(line)
    assert msgspec.json.decode(line) == value
    return value


def strict_lines(data: bytes) -> list[Any]:
    """The values of JSON Lines."""
    return [strictly(line) for line in data.splitlines()]
