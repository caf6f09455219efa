"""Checks of arguments that many classes share, and the name nearest to one that is nearly right. Imports no room."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from faspmgr.redaction import redact_words


def check_callbacks(**callbacks: object) -> None:
    """Refuse callbacks that cannot be called, and coroutine functions, which would never run.

    Args:
        callbacks: each by the name of its parameter; None for no callback.

    Raises:
        TypeError: a callback is not callable, or a coroutine function, or an object whose ``__call__`` is one.
    """
    for name, callback in callbacks.items():
        if callback is not None and not callable(callback):
            raise TypeError(f"invalid {name}: {callback!r}: use a function, or None")
        called = callback if isinstance(callback, type) else getattr(callback, "__call__", None)  # noqa: B004
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called):
            raise TypeError(
                f"{name} is a coroutine function, which would never be awaited: give a plain function, and start a task"
                " in it for anything that waits"
            )


def check_limit(name: str, value: object, least: int) -> None:
    """Refuse a limit that is not a whole number (TypeError), or less than `least` (ValueError)."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"invalid {name}: {value!r}: use a whole number")
    if value < least:
        raise ValueError(f"invalid {name}: {value}: use at least {least}")


def whole_number(low: int, high: int) -> Callable[[Any, attrs.Attribute[Any], Any], None]:
    """Return an attrs validator that refuses what is not a whole number from low to high (ValueError)."""

    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{attribute.name} must be a whole number from {low} to {high}, not {show(value)}")

    return check


def show(value: object) -> str:
    """Return the repr of an argument, without secrets in a text."""
    return repr(redact_words(value) if isinstance(value, str) else value)


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is near to this one, or None.

    Near means: apart from case, blanks, ``-`` and ``_`` it takes one edit, two from eight characters on, and three from
    sixteen on. An edit inserts, removes or replaces a character, or swaps two neighbours. Nothing is near a name of one
    or two characters.

    Example:
        >>> nearest("stat", ["STATS", "STOP"])
        'STATS'
    """
    folded = _SEPARATORS.sub("", name.casefold())
    limit = 0 if len(folded) < 3 else min(3, 1 + len(folded) // 8)
    found = {word: _edits(folded, _SEPARATORS.sub("", word.casefold()), limit) for word in known}
    close = min(found, key=found.__getitem__, default=None)
    return close if close and limit and found[close] <= limit else None


_SEPARATORS = re.compile(r"[-_\s]")


def _edits(one: str, other: str, limit: int) -> int:
    """Return how many edits make one text of the other; any number above the limit if there are more."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, left in enumerate(one):
        row = [i + 1]
        for j, right in enumerate(other):
            row.append(min(last[j + 1] + 1, row[j] + 1, last[j] + (left != right)))
            if i and j and (left, one[i - 1]) == (other[j - 1], right):
                row[-1] = min(row[-1], before[j - 1] + 1)
        before, last = last, row
    return last[-1]
