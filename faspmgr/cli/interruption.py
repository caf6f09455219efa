"""Signals that interrupt a command that reads: it stops reading, and continues with what it has."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from typing import Any, Self, TypeVar

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that interrupt a command that reads. Windows has no SIGHUP."""

T = TypeVar("T")


class Interruption:
    """Handles signals that interrupt, while the block runs: Ctrl-C, SIGTERM and, except under nohup, a closed terminal.

    The first one ends ``watch()``, but only while it waits for the next item, so that no item is half applied or half
    written. A second one raises KeyboardInterrupt at once.
    """

    def __init__(self) -> None:
        self.caught = False
        """Whether there was one."""
        # Whether the next item is being waited for.
        self._waiting = False
        # The handlers before, by the number of the signal.
        self._handlers: dict[int, Any] = {}

    def watch(self, items: Iterator[T]) -> Iterator[T]:
        """Yield the items of an iterator, until a signal comes."""
        while not self.caught:
            try:
                self._waiting = True
                item = next(items)
            except StopIteration:
                return
            except KeyboardInterrupt:
                if not self.caught:  # the block is not running
                    raise
                return
            finally:
                self._waiting = False
            yield item

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if number.name == "SIGHUP" and signal.getsignal(number) is signal.SIG_IGN:
                continue
            with contextlib.suppress(ValueError):  # not the main thread, which alone receives signals
                self._handlers[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._handlers.items():
            with contextlib.suppress(ValueError):
                signal.signal(number, handler)

    def _receive(self, number: int, frame: object) -> None:
        again, self.caught = self.caught, True
        if self._waiting or again:
            raise KeyboardInterrupt
