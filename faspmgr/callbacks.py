"""Callbacks: plain functions that are called where something happens, and whose result nobody waits for.
A leaf: imports no room."""

from __future__ import annotations

import inspect


def check_callbacks(**callbacks: object) -> None:
    """Refuse coroutine functions: called as a callback, they would never run.

    Args:
        callbacks: what was given, by the name of its parameter; None is no callback.

    Raises:
        TypeError: one of them is a coroutine function, or an object whose ``__call__`` is one.
    """
    for name, callback in callbacks.items():
        if callback is not None and not callable(callback):
            raise TypeError(f"invalid {name}: {callback!r}: use a function, or None")
        called = callback if isinstance(callback, type) else getattr(callback, "__call__", None)  # noqa: B004
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called):
            raise TypeError(
                f"{name} is a coroutine function, and nothing would await it: give a plain function, and start a task"
                " in it for what has to wait"
            )
