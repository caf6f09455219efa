"""The check of callbacks: plain functions that are called when something happens, and whose result is ignored."""

from __future__ import annotations

import inspect


def check_callbacks(**callbacks: object) -> None:
    """Reject coroutine functions: called as a callback, they would never run.

    Args:
        callbacks: each callback by the name of its parameter; None for no callback.

    Raises:
        TypeError: if one is a coroutine function, or an object whose ``__call__`` is one.
    """
    for name, callback in callbacks.items():
        called = callback if isinstance(callback, type) else getattr(callback, "__call__", None)  # noqa: B004
        if inspect.iscoroutinefunction(callback) or inspect.iscoroutinefunction(called):
            raise TypeError(
                f"{name} is a coroutine function, which would never be awaited: give a plain function, and start a task"
                " in it for anything that waits"
            )
