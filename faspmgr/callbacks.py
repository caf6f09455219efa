"""Checks of arguments that many classes share: callbacks and limits. A leaf: imports no room."""

from __future__ import annotations

import inspect


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
