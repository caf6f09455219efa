"""What a stream is fed with, as blocks of bytes: a pipe, a file object, a StreamReader, an asynchronous iterator.

Reading must not hold the event loop up, and must be over at once when the one who reads is cancelled, also where a pipe
stays silent for ever. A pipe, a socket and a terminal tell when there is something, and are read by the event loop
then. Any other file object is read in a thread, a block at a time; where one never returns, its thread does not keep
the program from ending.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import inspect
import io
import os
import threading
from collections.abc import AsyncGenerator, AsyncIterable, Callable
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from typing_extensions import Buffer

BLOCK_BYTES = 1 << 20
"""The largest block that is asked for."""
NOTHING_SECONDS = 0.01
"""The time until the next look at what does not block, where there was nothing though it was ready."""


class Readable(Protocol):
    """A binary file object."""

    def read(self, size: int, /) -> Any:
        """Give at most so many bytes, none at the end."""


Source = Readable | asyncio.StreamReader | AsyncIterable["Buffer"]
"""What a stream can be fed with."""


async def blocks(source: Source) -> AsyncGenerator[Buffer, None]:
    """Give what a source holds, block by block.

    Args:
        source: a binary file object, a StreamReader, or an asynchronous iterator of bytes-like objects, which is closed
            at the end if it is a generator.

    Raises:
        TypeError: it is something else, or gives text.
        BaseException: what the source raises.
    """
    read: Any = getattr(source, "read", None)
    if read is None:
        if not isinstance(source, AsyncIterable):
            raise TypeError(f"{type(source).__name__} is no file object, StreamReader or asynchronous iterator")
        async with contextlib.AsyncExitStack() as stack:
            if inspect.isasyncgen(source):
                await stack.enter_async_context(contextlib.aclosing(source))
            async for block in source:
                yield block
        return
    file = _pipe(source)
    if file is not None:
        _enlarge(file)
        read = file.read if isinstance(file, io.FileIO) else functools.partial(_read_buffered, file)
    while True:
        given: Any
        if inspect.iscoroutinefunction(read):
            given = await read(BLOCK_BYTES)
        elif file is None or not await _has_news(file):
            file = None  # a file on a disk is always ready, and the event loop refuses to wait for it
            given = await _in_thread(functools.partial(read, BLOCK_BYTES))
        else:
            given = read(BLOCK_BYTES)
        if isinstance(given, str):
            raise TypeError("the source gives text: open it in binary mode")
        if given is None:  # it does not block, and there is nothing now
            await asyncio.sleep(NOTHING_SECONDS)
            continue
        if not given:
            return
        yield given


def _pipe(source: object) -> io.FileIO | io.BufferedReader | None:
    """The source if the system can tell when it has something to read, and read() gives just that."""
    if isinstance(source, io.FileIO) or (isinstance(source, io.BufferedReader) and isinstance(source.raw, io.FileIO)):
        return source
    return None


def _read_buffered(file: io.BufferedReader, size: int) -> bytes | None:
    """Read what there is: no bytes at the end, None where there is nothing now."""
    data = file.read1(size)
    if not data and not os.get_blocking(file.fileno()):
        found: bytes | None = file.raw.read(size)  # read1 does not tell nothing from the end
        return found
    return data


def _enlarge(file: io.FileIO | io.BufferedReader) -> None:
    """Let a pipe hold a whole block, where the system can do that: sixteen times fewer reads, and WRITEs."""
    with contextlib.suppress(ImportError, AttributeError, OSError):
        import fcntl

        fcntl.fcntl(file.fileno(), fcntl.F_SETPIPE_SZ, BLOCK_BYTES)


async def _has_news(file: io.FileIO | io.BufferedReader) -> bool:
    """Wait until there is something to read, or the end. False where the system cannot tell."""
    loop = asyncio.get_running_loop()
    ready = asyncio.Event()
    number = file.fileno()
    try:
        loop.add_reader(number, ready.set)
    except (OSError, NotImplementedError):
        return False
    try:
        await ready.wait()
    finally:
        loop.remove_reader(number)
    return True


async def _in_thread(function: Callable[[], Any]) -> Any:
    """Call a function in a thread that does not keep the program from ending."""
    loop = asyncio.get_running_loop()
    given: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not given.done():
            if error is None:
                given.set_result(value)
            else:
                given.set_exception(error)

    def work() -> None:
        value: Any = None
        failure: BaseException | None = None
        try:
            value = function()
        except StopIteration as error:  # which no future can hold
            failure = RuntimeError(f"the source has raised {error!r}")
        except BaseException as error:
            failure = error
        with contextlib.suppress(RuntimeError):  # the loop has closed meanwhile
            loop.call_soon_threadsafe(settle, value, failure)

    threading.Thread(target=work, name="faspmgr-read", daemon=True).start()
    return await given
