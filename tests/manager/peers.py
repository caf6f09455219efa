"""What plays the other end of a management port, for tests of what listens."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import struct
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import Any, ParamSpec, Self

from faspmgr.manager import Connection, ManagementPort

P = ParamSpec("P")


def in_loop(test: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """Run an asynchronous test in an event loop, for half a minute at most. No task of it may be left."""

    async def bounded(*args: P.args, **kwargs: P.kwargs) -> None:
        async with asyncio.timeout(30):
            await test(*args, **kwargs)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    @functools.wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(bounded(*args, **kwargs))

    return run


class Peer:
    """The other end of a connection; a context manager that closes it."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.address = "{}:{}".format(*self.socket.getsockname())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        """Break the connection off."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    async def flood(self, message: bytes) -> int:
        """Send a message again and again, until the buffers of the system are full for good. Gives how many fit."""
        self.socket.setblocking(False)
        stream = message * 1_000
        sent = tries = 0
        while tries < 3:
            try:
                sent += self.socket.send(stream[sent % len(message) :])
                tries = 0
            except BlockingIOError:
                await asyncio.sleep(0.05)
                tries += 1
            assert sent < 64_000_000, "nothing makes the sender wait"
        return sent // len(message)


@contextlib.asynccontextmanager
async def connected(
    count: int = 1, **options: Any
) -> AsyncIterator[tuple[ManagementPort, list[Peer], list[Connection]]]:
    """A port, its peers and its connections, in order. options: those of ManagementPort."""
    async with ManagementPort(**options) as port:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(port.port)) for _ in range(count)]
            yield port, peers, [await anext(port) for _ in peers]
