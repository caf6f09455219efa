"""A file that is streamed into a session: PUT, WRITE … WRITE, CLOSE, and the STOP or FILEERROR that says how it ended.

Everything is pushed by who writes, and he waits while ascp does not read: of what was written, one WRITE and what the
system holds in its buffers are on the way. Several streams take turns, WRITE by WRITE.

Nothing is a success because all was sent: a stream is done when ascp has reported its STOP, after the CLOSE, with the
size that was written.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

from faspmgr.manager.blocks import Source, blocks
from faspmgr.manager.handles import FileRequest
from faspmgr.protocol.commands import Close, Command, Put, Write
from faspmgr.protocol.events import ArgStopEvent, FileErrorEvent, FileEvent, SkipEvent, StopEvent
from faspmgr.verdicts import Failure

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from faspmgr.manager.feed import Feed

MAX_WRITE_BYTES = 1 << 20
"""Data of one WRITE: what others have to wait for, streams and commands alike."""


class FileStream(FileRequest):
    """A file whose data the program has, as an asynchronous context manager. ``Job.open`` makes it.

    Leaving the block closes the file, and waits until ascp has reported how it ended. An exception that leaves the
    block breaks the file off: it is not complete at the destination then, and its session goes on.

    Leaving raises FileTransferError for a file that has failed: ascp has reported an error, another size than was
    written, or nothing before the end of its session. Entering raises it too, and ValueError for a destination to which
    another stream is open.

    Example:
        >>> async def stream(job, pieces):
        ...     async with job.open("/in/log.txt") as stream:
        ...         for piece in pieces:
        ...             await stream.write(piece)
        ...     return stream.written
    """

    def __init__(self, feed: Feed, destination: str, size: int | None = None) -> None:
        super().__init__(feed, destination)
        self.size = size

        self.sent = 0
        """Bytes that were given to the connection. Only ``written`` says what has arrived."""

        self.written = 0
        """Bytes that ascp has reported as written at the destination."""

        # The command that opens it; its size is what was announced.
        self._put = Put(destination, size)
        self._put.encode()  # what cannot be sent is found here
        # Whether PUT was sent, and whether CLOSE was.
        self._opened = False
        self.closed = False
        # How many wait for ascp: to read, or to report the end.
        self.waits = 0
        # Where the file ends so far.
        self._length = 0
        # Held by write(), so that what is written at once stays together.
        self._order = asyncio.Lock()

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.destination,)

    @property
    def progress(self) -> float:
        """From 0 to 1; 0 until the end where the size was not given."""
        if self.state == "done":
            return 1.0
        return min(1.0, self.written / self._put.size) if self._put.size else 0.0

    # -- what callers use

    async def write(self, data: Buffer) -> None:
        """Write behind all that was written so far, and wait while ascp does not read.

        Args:
            data: any bytes-like object; it may change when this has returned.

        Raises:
            FileTransferError: the file has failed, also by more data than the size that was given.
            RuntimeError: it is not open.
        """
        async with self._order:
            await self._write(self._length, data)

    async def write_at(self, offset: int, data: Buffer) -> None:
        """Write at an offset, in any order, and wait while ascp does not read.

        Args:
            offset: bytes from the beginning of the file.
            data: as for ``write``.

        Raises:
            ValueError: the offset is negative.
            FileTransferError: as ``write``.
            RuntimeError: as ``write``.
        """
        if offset < 0:
            raise ValueError(f"invalid offset: {offset}, cannot be negative")
        await self._write(offset, data)

    async def __aenter__(self) -> Self:
        if self._opened or self.ended:
            raise RuntimeError("this FileStream was open already: make another one")
        self._feed.enlist(self)
        try:
            await self._send(self._put)
        except BaseException:
            self._break_off()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                async with self._order:
                    if not self.ended:
                        await self._send(Close(self.destination))
                self.waits += 1
                await self._wait()
        finally:
            self._break_off()

    # -- how it works

    async def _write(self, offset: int, data: Buffer) -> None:
        if not self._opened or self.closed:
            raise RuntimeError("the stream is not open: write inside of 'async with job.open(…) as stream:'")
        view = memoryview(data)
        if not view.c_contiguous:
            view = memoryview(view.tobytes())
        view = view.cast("B") if view.nbytes else memoryview(b"")
        announced = self._put.size
        if not self.ended and announced is not None and offset + len(view) > announced:
            self.fail(f"more data than the {announced} bytes of the size that was given")
            self._feed.stop(self, self.destination)
        if self.ended:
            raise self.failure()
        for start in range(0, len(view), MAX_WRITE_BYTES):
            piece = view[start : start + MAX_WRITE_BYTES]
            # The event loop may hold on to what it was given, and the caller change it, unless it is of bytes.
            await self._send(Write(self.destination, offset + start, piece if type(data) is bytes else bytes(piece)))
            self.sent += len(piece)
            self._length = max(self._length, offset + start + len(piece))

    async def _send(self, command: Command) -> None:
        """Send a command in turn.

        Raises:
            FileTransferError: the file, or the session, has ended before.
        """
        sent = False
        self.waits += 1
        try:
            async with self.until_over():
                if isinstance(command, Put):
                    await self._feed.stopped()  # the end of a stream to this destination may be among them
                await self._feed.write(command)
                sent = True
        except ConnectionError:
            await self._wait()  # what has ended the connection ends the session
        finally:
            self.waits -= 1
        if not sent and self.state == "done":
            raise RuntimeError("the stream was closed before this was written: wait for it inside of the block")
        if not sent:
            raise self.failure()
        self._opened, self.closed = True, isinstance(command, Close)

    @contextlib.asynccontextmanager
    async def until_over(self) -> AsyncIterator[None]:
        """Break a block off where it waits, when ascp has reported the end of the file or the session has ended."""
        waiting = asyncio.timeout(None)  # which never comes, unless the file ends
        loop = asyncio.get_running_loop()
        inside = True

        def expire(_: object) -> None:
            if inside:
                waiting.reschedule(loop.time())

        self._over.add_done_callback(expire)
        try:
            async with waiting:
                try:
                    yield
                finally:
                    inside = False
        except TimeoutError:
            if not waiting.expired():
                raise
        finally:
            self._over.remove_done_callback(expire)

    def _break_off(self) -> None:
        """What has not ended ends here, without success; ascp is told where it knows of it."""
        if self.ended:
            return
        self.fail("broken off by the program")
        if self._opened:
            self._feed.stop(self, self.destination)
        else:
            self._feed.forget(self)

    def apply(self, event: FileEvent | ArgStopEvent) -> bool:
        if isinstance(event, ArgStopEvent):
            return False
        self.written = max(self.written, event.written or 0)
        is_stop = isinstance(event, StopEvent)
        if self.ended:
            return is_stop or isinstance(event, (FileErrorEvent, SkipEvent))
        announced, reported = self._put.size, event.written if event.size is None else event.size
        self.state = "transferring"
        if isinstance(event, FileErrorEvent):
            self.fail("", Failure(event.code or 0, event.description or ""))
        elif isinstance(event, SkipEvent):
            self.fail("ascp has skipped it")
        elif is_stop and not self.closed:
            self.fail(f"ascp has ended it at {reported} bytes, before it was closed")
        elif is_stop and reported != self._length:
            self.fail(f"{self._length} bytes were written, and ascp reports a size of {reported}")
        elif is_stop and announced not in (None, self._length):
            self.fail(f"{self._length} bytes were written, and the size was given as {announced}")
        elif is_stop:
            self.size = self.written = self._length
            self._end("done")
        return self.ended


async def copy(stream: FileStream, source: Source) -> FileStream:
    """Stream what a source holds. See ``Job.copy``."""
    pieces = blocks(source)
    async with stream, contextlib.aclosing(pieces), stream.until_over():
        async for piece in pieces:
            await stream.write(piece)
    return stream
