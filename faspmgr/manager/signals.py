"""Signals that end a program, as long as a transfer runs in it.

A line of code may stand here if it is about the way of a signal into the event loop. What is done then is the matter of
those who have a transfer to stop.

The loop's own handlers are not enough: they run in the loop, and not at all while something holds it up, such as a
callback that writes to a pipe which nobody reads. A program that cannot be ended is worse than one that ends in
disorder. So a handler of Python passes each signal on to the loop, and where the loop has not got to the one before, or
does not run any more, it raises KeyboardInterrupt, which ends what holds up.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Iterable
from types import FrameType
from typing import Any, Self


class SignalHandler:
    """Handles signals while its block lasts; a context manager for the main thread.

    A signal raises KeyboardInterrupt where there is no loop, yet or any more, see call_in_loop().

    Args:
        numbers: the signals.
    """

    def __init__(self, numbers: Iterable[signal.Signals]) -> None:
        # The signals that have come, in order.
        self.received: list[signal.Signals] = []

        # The signals, with what handled them before.
        self._before: dict[signal.Signals, Any] = dict.fromkeys(numbers)
        # Where a signal goes to; None before call_in_loop().
        self._loop: asyncio.AbstractEventLoop | None = None
        self._act: Callable[[signal.Signals], object] = lambda _number: None
        # Signals that the loop has not got to yet.
        self._waiting = 0

    def __enter__(self) -> Self:
        for number in self._before:
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *_error: object) -> None:
        for number, before in self._before.items():
            if signal.getsignal(number) == self._handle:
                signal.signal(number, signal.SIG_DFL if before is None else before)

    def call_in_loop(self, act: Callable[[signal.Signals], object]) -> None:
        """From now on, call ``act`` with each signal, in the loop that runs now."""
        self._loop, self._act = asyncio.get_running_loop(), act

    def _handle(self, number: int, _frame: FrameType | None) -> None:
        received = signal.Signals(number)
        self.received.append(received)
        if self._loop is None or self._loop.is_closed():
            raise KeyboardInterrupt
        self._waiting += 1
        self._loop.call_soon_threadsafe(self._pass_on, received)  # wakes it up
        if self._waiting > 1:
            raise KeyboardInterrupt

    def _pass_on(self, number: signal.Signals) -> None:
        self._waiting -= 1
        self._act(number)
