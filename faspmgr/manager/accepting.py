"""How a connection to a listening socket is accepted, so that none is lost, and none that fails ends the wait."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Awaitable, Callable

BACKLOG = 4_096
"""Connections that the system keeps waiting until they are accepted; where it allows fewer (on Linux the sysctl
net.core.somaxconn), that many."""
ACCEPT_PAUSE = 0.05
"""Seconds to wait before the next look, where there is no place for a connection, or one could not be accepted."""


async def accept(listener: socket.socket, make_room: Callable[[], Awaitable[bool]] | None = None) -> socket.socket:
    """Wait for the next connection to a listening socket. A connection that fails does not end the wait.

    Cancelling it loses none, which the event loop's own sock_accept does not promise: what it has accepted when it is
    cancelled is gone.

    Args:
        listener: the listening socket, not blocking.
        make_room: closes something when there are too many open files; returns whether it did.
    """
    while True:
        await asyncio.sleep(0)  # who comes in a crowd is served while it comes
        try:
            accepted, _address = listener.accept()
            return accepted
        except BlockingIOError:
            await _wait_until_readable(listener)
        except OSError as error:  # the peer has given up, or there are too many open files
            is_short = error.errno in (errno.EMFILE, errno.ENFILE)
            if not (is_short and make_room and await make_room()):
                await asyncio.sleep(ACCEPT_PAUSE)


async def _wait_until_readable(listener: socket.socket) -> None:
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    number = listener.fileno()  # the socket may be closed when the wait is over
    try:
        loop.add_reader(number, readable.set)
    except NotImplementedError:  # an event loop for Windows
        await asyncio.sleep(ACCEPT_PAUSE)
        return
    try:
        await readable.wait()
    finally:
        loop.remove_reader(number)
