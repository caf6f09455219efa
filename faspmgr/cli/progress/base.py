"""The stream that progress is written to, and when it is drawn. What is drawn stands in the modules of the modes."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TextIO

from faspmgr.cli.streams import READY_BYTES, writer_of
from faspmgr.cli.text import duration, printable
from faspmgr.tracking import SessionState, Transfer

DRAW_SECONDS = 0.1
"""The shortest time between two drawings on a terminal."""
DRAW_SHARE = 0.1
"""The largest share of the time that drawing may take."""
SILENT_SECONDS = 5.0
"""A stream without events for so long is reported as silent."""
MAX_MESSAGES = 1_000
"""Lines that are kept for a reader who does not read."""
MAX_TRANSFERS = 8
"""Transfers that are shown one by one; the rest is counted."""
GONE = (errno.EPIPE, errno.EIO)
"""Errors of a stream whose reader, or whose terminal, has gone: nobody is there to read about it."""


class Output:
    """A text stream that may go away, or not be read, without harm to the program that writes to it.

    What cannot be encoded is written as an escape.

    Attributes:
        gone: nothing can be written any more, and ``write()`` does nothing.
        encoding: of the stream.
        is_terminal: whether somebody may be looking at it.
    """

    def __init__(self, stream: TextIO | None, width: int | None = None) -> None:
        self.gone = stream is None
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self.is_terminal = False

        self._stream = stream
        # Columns, where the caller knows better than the terminal.
        self._width = width
        # None for a stream that is no file, and for one that is closed.
        self._descriptor = None
        with contextlib.suppress(OSError, ValueError, AttributeError):
            self.is_terminal = stream is not None and stream.isatty()
            self._descriptor = stream.fileno() if stream is not None else None
        # Who writes it in the background; None where write() itself does.
        self._writer = writer_of(stream)
        # Knows whether a write would wait; None where that cannot be asked.
        self._poll = None
        if self._descriptor is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLOUT)

    def ready(self) -> bool:
        """Check whether something can be written without waiting for the reader."""
        if self._writer:
            return self._writer.waiting < READY_BYTES
        return self.gone or self._poll is None or bool(self._poll.poll(0))

    def write(self, text: str) -> None:
        """Write and flush."""
        if self.gone or self._stream is None:
            return
        try:
            self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.gone = True
            if self._descriptor is not None:
                # What the stream still holds must not fail once more when the process ends and flushes it.
                with contextlib.suppress(OSError):
                    null = os.open(os.devnull, os.O_WRONLY)
                    os.dup2(null, self._descriptor)
                    os.close(null)
            if isinstance(error, OSError) and error.errno not in GONE and self._stream is not sys.stderr:
                Output(sys.stderr).write(f"faspmgr: no more output: {error.strerror or error}\n")

    def size(self) -> tuple[int, int]:
        """Give columns and rows, as they are now."""
        columns, rows = 0, 0
        if self.is_terminal and self._descriptor is not None:
            with contextlib.suppress(OSError):
                columns, rows = os.get_terminal_size(self._descriptor)
        fallback = shutil.get_terminal_size()  # zeros where the terminal does not know
        return self._width or columns or fallback.columns or 80, rows or fallback.lines or 24


class Progress:
    """Shows the progress of transfers; by itself nothing, which is the mode "none".

    A context manager: leaving it is ``close()``. None of its methods raises because of the stream it writes to.
    """

    interval = float("inf")
    """Seconds between two drawings."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        # When to draw next, on the clock.
        self._next = float("-inf")
        # As they were at the last update.
        self._transfers: Iterable[Transfer] = ()
        self._closed = False
        # Lines for standard error that wait for their reader.
        self._messages: deque[str] = deque(maxlen=MAX_MESSAGES)
        # How many events the transfers had at the last drawing, and when that number was new.
        self._event_count = -1
        self._changed_at = clock()

    def update(self, transfers: Iterable[Transfer]) -> None:
        """Show the transfers as they are now, if it is time to draw.

        Call it after each batch of events, and now and then while there are none.

        Args:
            transfers: all of them, each time.
        """
        self._transfers = transfers
        started = self._clock()
        if started < self._next or self._closed or not self._output.ready():
            return
        self._write_messages(wait=False)
        self._draw_all()
        ended = self._clock()
        self._next = max(started + self.interval, ended + (ended - started) * (1 / DRAW_SHARE - 1))

    def message(self, text: str) -> None:
        """Write lines to standard error without tearing what is drawn.

        Control characters are shown as escapes. While the reader does not read, the latest 1,000 lines wait for him,
        or for ``close()``.
        """
        self._messages += [printable(line.expandtabs()) + "\n" for line in text.rstrip("\n").split("\n")]
        self._write_messages(wait=self._closed)

    def close(self) -> None:
        """Draw the last state, and leave the terminal with the cursor at the start of a line."""
        if self._closed:
            return
        self._write_messages(wait=True)
        self._draw_all()
        self._finish()
        self._closed = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _write_messages(self, wait: bool) -> None:
        if not self._messages:
            return
        errors = Output(sys.stderr)
        if wait or (self._output.ready() and errors.ready()):
            self._erase()
            while self._messages and (wait or errors.ready()):
                errors.write(self._messages.popleft())
            self._restore()

    def _draw_all(self) -> None:
        self._transfers = transfers = list(self._transfers)
        if transfers and not self._output.gone:
            self._draw(transfers)

    def _silence(self, transfers: list[Transfer]) -> list[str]:
        """Give ``silent for 12 s`` where a transfer is running and nothing has come for some time; else nothing."""
        events = sum(session.event_count for transfer in transfers for session in transfer.sessions)
        now = self._clock()
        if events != self._event_count:
            self._event_count, self._changed_at = events, now
        seconds = now - self._changed_at
        if seconds < SILENT_SECONDS or all(transfer.ended for transfer in transfers):
            return []
        return [f"silent for {duration(seconds)}"]

    # -- what each mode does in its own way

    def _draw(self, transfers: list[Transfer]) -> None:
        """Show these transfers; there is at least one."""

    def _erase(self) -> None:
        """Remove what is drawn from the terminal."""

    def _restore(self) -> None:
        """Draw again what was removed."""

    def _finish(self) -> None:
        """Leave what is drawn for good, with the cursor at the start of a line."""


class Log(Progress):
    """Progress as lines that stay: a transfer is written when something about it has changed."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(output, clock)
        # State of each transfer, and count of events and state of each session, by its id, as they were last written.
        self._written: dict[str, list[tuple[int, SessionState]]] = {}

    def _changed(self, transfers: list[Transfer]) -> list[Transfer]:
        """Give those that have changed since the last call."""
        versions = {
            transfer.id: [(0, transfer.state), *((session.event_count, session.state) for session in transfer.sessions)]
            for transfer in transfers
        }
        written, self._written = self._written, versions
        return [transfer for transfer in transfers if versions[transfer.id] != written.get(transfer.id)]
