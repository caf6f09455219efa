"""Standard output and standard error for a reader who may not read: a thread writes, and nobody else waits for it.

What must not happen
    That a full pipe, or a terminal after Ctrl-S, holds up who writes to it: while it does, no event is read, no signal
    is heard and no ascp is stopped. And nothing may be lost as long as the reader reads, however slowly.
How
    background() puts streams of the same kind in the place of sys.stdout and sys.stderr. Writing to them adds to what
    waits for the thread. Who writes without end asks is_behind() first, and waits: what waits here is bounded by that.
    At the end of the block all is waited for; a second signal ends that wait, see manager/signals.py.

Only pipes, sockets and terminals are treated in this way. A file takes what it is given, and its errors come at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import select
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any, TextIO

READY_BYTES = 1 << 12
"""Bytes that wait, and up to which there is still room for a drawing."""
BEHIND_BYTES = 1 << 20
"""Bytes that wait, and from which on nobody should write more: bounds memory."""
BEHIND_SECONDS = 0.02
"""Time between two looks at a stream that is behind."""
HURRIED_SECONDS = 0.5
PIECE_BYTES = 1 << 16


class Writer:
    """A thread that writes to a file.

    Args:
        descriptor: of the file.
    """

    def __init__(self, descriptor: int) -> None:
        # Why nothing can be written any more; None while it can.
        self.error: OSError | None = None

        self._descriptor = descriptor
        # Guards what waits to be written, the error, and the end.
        self._changed = threading.Condition()
        self._waiting = bytearray()
        self._closed = False
        # A daemon, as it may be held up when the program ends.
        threading.Thread(target=self._run, name="faspmgr-output", daemon=True).start()

    @property
    def waiting(self) -> int:
        """How many bytes wait."""
        return len(self._waiting)

    def write(self, data: bytes) -> None:
        """Add to what waits.

        Raises:
            OSError: nothing can be written any more.
        """
        with self._changed:
            if self.error:
                raise OSError(self.error.errno, self.error.strerror)
            self._waiting += data
            self._changed.notify_all()

    def drain(self, timeout: float | None) -> None:
        """Wait until nothing waits, for so many seconds at most; None for any time."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting, timeout)

    def close(self) -> None:
        """End the thread, unless it is held up."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed)
                if self._closed:
                    return
                data = bytes(self._waiting[:PIECE_BYTES])
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:  # whoever shares the pipe with us has set it so
                select.select([], [self._descriptor], [])
                continue
            except OSError as error:
                with self._changed:
                    self.error = error
                    self._waiting.clear()
                    self._changed.notify_all()
                return
            with self._changed:
                del self._waiting[:written]
                self._changed.notify_all()


class _Raw(io.RawIOBase):
    """What a text stream needs to write to a Writer."""

    def __init__(self, writer: Writer, descriptor: int) -> None:
        self.writer = writer
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def write(self, data: Any) -> int:
        self.writer.write(bytes(data))
        return len(data)


def writer_of(stream: TextIO | None) -> Writer | None:
    """Give the thread that writes a stream in the background; None if there is none."""
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.writer if isinstance(raw, _Raw) else None


def is_behind(stream: TextIO | None) -> bool:
    """Tell whether so much waits for the reader of a stream that nobody should write more."""
    writer = writer_of(stream)
    return writer is not None and writer.waiting > BEHIND_BYTES


async def caught_up(stream: TextIO) -> None:
    """Wait until the reader of a stream has read so much that it is not behind."""
    while is_behind(stream):
        await asyncio.sleep(BEHIND_SECONDS)


@contextlib.contextmanager
def background(is_hurried: Callable[[], bool]) -> Iterator[None]:
    """Write standard output and standard error in the background while the block lasts, and wait for their readers.

    Where the block ends with KeyboardInterrupt, what still waits is lost.

    Args:
        is_hurried: whether the program is to end now; a reader then has no more than a moment.
    """
    before = sys.stdout, sys.stderr
    # One for each file: what goes to one terminal over two streams stays in its order.
    writers: dict[tuple[int, ...], Writer] = {}
    try:
        sys.stdout, sys.stderr = (_in_background(stream, writers) for stream in before)
        yield
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError, ValueError):  # the reader has gone
                stream.flush()
        for writer in writers.values():
            writer.drain(HURRIED_SECONDS if is_hurried() else None)
    finally:
        sys.stdout, sys.stderr = before
        for writer in writers.values():
            writer.close()


def _in_background(stream: TextIO, writers: dict[tuple[int, ...], Writer]) -> TextIO:
    try:
        descriptor = stream.fileno()
        about = os.fstat(descriptor)
        stream.flush()
    except (OSError, ValueError):  # no file, closed, or the reader has gone already
        return stream
    if not (stat.S_ISFIFO(about.st_mode) or stat.S_ISSOCK(about.st_mode) or os.isatty(descriptor)):
        return stream
    file = about.st_dev, about.st_ino
    if file not in writers:
        writers[file] = Writer(descriptor)
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(writers[file], descriptor)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.isatty() or stream is sys.__stderr__,
    )
