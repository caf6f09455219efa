"""The management port: ascp connects to it, sends its messages, and receives commands.

What it must do
    Accept connections, a limited number at once and the others in turn; give the events of each; send commands. Nothing
    that arrives on one connection may harm another. What has arrived is never lost: not by a reset that follows it, not
    by a reader that is cancelled, not by closing. What is open when the port closes is closed with it.
How
    Everything is pulled. There is no task in the background and no queue: asking for the next connection accepts it,
    asking for the next events reads them. A slow reader stops reading, the socket fills up, and ascp waits: that is the
    back-pressure. For each connection, two reads of the event loop and one message are in memory at most. It works the
    other way round for what is written: who writes waits until the socket has room, first come, first served.
Worst case
    Nothing authenticates a connection. One that sends no message is closed after hello_timeout, so that it cannot hold
    a place for ever; where places or file descriptors run out, the one that was silent for the longest goes at once.
    An ascp that does not read its commands is sent no more of them than MAX_UNSENT_BYTES; the data that are on their
    way to it do not count. A message longer than max_frame_bytes is skipped.
Here belongs
    What a socket does, and no meaning of any message: which ascp a connection belongs to and what its events amount to
    is the business of identify.py, listener.py and tracking.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import os
import socket
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Self

from faspmgr.arguments import check_callbacks
from faspmgr.manager.accepting import ACCEPT_PAUSE, BACKLOG, accept
from faspmgr.manager.owner import Ends
from faspmgr.manager.publish import PublishedPort
from faspmgr.manager.wire import Wire
from faspmgr.protocol.commands import Command
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_CONNECTIONS = 1_024
"""Connections that are served at once, against a crowd that uses up memory and file descriptors; can be set."""
MIN_SILENT_SECONDS = 0.25
"""How long a connection must have sent no message before it may lose its place to another one. ascp sends its first at
once."""
HELLO_TIMEOUT = 30.0
"""Seconds until the first message, against connections that hold a place and stay silent."""
MAX_UNSENT_BYTES = 1 << 16
"""Bytes of commands that ascp has not read, against an ascp that never reads them."""
MAX_JOINED_BYTES = 1 << 16
"""A message up to this size is joined before it is written: one system call more costs as much as the copy."""

logger = logging.getLogger(__name__)


class Connection:
    """A connection from ascp: gives its events, by ``async for`` or ``read()``, and sends commands to it.

    A ``ManagementPort`` makes it.
    """

    def __init__(
        self,
        number: int,
        wire: Wire,
        on_close: Callable[[Connection], None],
        *,
        max_frame_bytes: int,
        hello_timeout: float | None,
        on_problem: Callable[[Connection, Problem], None] | None,
    ) -> None:
        self.number = number
        """Number of the connection on its port, from 1."""

        self.peer = _format_address(wire.transport.get_extra_info("peername"))
        """Address of the other end, such as ``127.0.0.1:40816``."""

        self.opened = asyncio.get_running_loop().time()
        """When it was accepted, in the time of the event loop."""

        self.parser = Parser(
            max_frame_bytes=max_frame_bytes,
            on_problem=None if on_problem is None else lambda problem: on_problem(self, problem),
        )
        """The parser of this connection; its ``problems`` are those of the stream."""

        self.tap: Callable[[bytes], object] | None = None
        """Called with the bytes as they arrive, before they are parsed; None for nothing. ``Recorder.write`` fits."""

        self.error: OSError | None = None
        """Why the connection broke off; None while it is open and after an orderly end."""

        self.closed = False
        """True when the connection is closed. What arrived before can still be read."""

        # The socket.
        self._wire = wire
        # Gives the place on the port back.
        self._on_close = on_close
        # When the first message must have arrived, in the loop's time; None when it has, or need not.
        self._hello_by = None if hello_timeout is None else self.opened + hello_timeout
        # No message was read so far.
        self._silent = True
        # Held by who writes; the others wait in turn.
        self._turn = asyncio.Lock()
        # Bytes of commands that were sent since the last write().
        self._command_bytes = 0
        # Everything that has arrived was read, and nothing more will arrive.
        self._ended = False
        # Read but not yet given by "async for", the next one last.
        self._events: list[Event] = []

    async def read(self) -> list[Event]:
        """Wait for the next events.

        Returns:
            As many events as have arrived, at least one; an empty list at the end of the connection.
        """
        while not self._ended:
            try:
                async with asyncio.timeout_at(self._hello_by):
                    data = await self._wire.read()
            except TimeoutError:
                data = b""
                self.error = TimeoutError("the connection sent no message")
            if data:
                if self.tap:
                    self.tap(data)
                events = self.parser.feed(data)
            else:
                self.error = self.error or self._wire.error
                await self.aclose()
                self._ended = True
                events = self.parser.close()
            if events:
                self._hello_by = None
                self._silent = False
                return events
        return []

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        if not self._events:
            self._events = (await self.read())[::-1]
        if not self._events:
            raise StopAsyncIteration
        return self._events.pop()

    async def send(self, command: Command) -> None:
        """Send a command. It never waits for ascp, so that reading goes on.

        Args:
            command: one of those in ``faspmgr.commands``.

        Raises:
            ConnectionError: the connection is closed, or ascp has left more than 64 KiB of commands unread (a limit
                for security).
        """
        transport = self._open_transport()
        if min(transport.get_write_buffer_size(), self._command_bytes) > MAX_UNSENT_BYTES:
            raise ConnectionError("ascp does not read its commands")
        message = command.encode()
        transport.write(message)
        self._command_bytes += len(message)

    async def write(self, parts: Sequence[Buffer]) -> None:
        """Wait for a turn and for room in the socket, and write a message there. Cancelled, it has written nothing.

        Several that write take turns, and what send() sends goes between them.

        Args:
            parts: the message. What is in them must not change afterwards: the event loop may hold on to it.

        Raises:
            ConnectionError: the connection is closed.
        """
        await asyncio.sleep(0)  # others have their turn, and what arrives is read, also where there is always room
        async with self._turn:
            await self._wire.room.wait()
            transport = self._open_transport()
            if sum(memoryview(part).nbytes for part in parts) <= MAX_JOINED_BYTES:
                transport.write(b"".join(parts))
            else:
                for part in parts:
                    transport.write(part if isinstance(part, bytes) else memoryview(part))
            self._command_bytes = 0

    def _open_transport(self) -> asyncio.Transport:
        """The socket, for sending.

        Raises:
            ConnectionResetError: it is closed.
        """
        transport = self._wire.transport
        if self.closed or transport.is_closing():
            raise ConnectionResetError("the management connection is closed")
        return transport

    async def aclose(self) -> None:
        """Close the connection; harmless when it is closed already."""
        self.close()
        await asyncio.sleep(0)  # lets the event loop close the socket

    def close(self) -> None:
        """Close the connection as soon as the event loop runs; harmless when it is closed already."""
        if self.closed:
            return
        self.closed = True
        self._on_close(self)
        if self._wire.transport.get_write_buffer_size():
            self._wire.transport.abort()  # nobody reads these commands: do not wait for that
        else:
            self._wire.transport.close()
        if self.error:
            logger.warning("connection %d from %s broke off: %s", self.number, self.peer, self.error)
        else:
            logger.info("connection %d from %s closed", self.number, self.peer)

    @property
    def is_silent(self) -> bool:
        """Has it sent nothing that is a message, and nothing that is still to be read?"""
        return self._silent and not self._wire.has_news

    @property
    def ends(self) -> Ends | None:
        """The numeric addresses of the other end and of this one; None where it was gone before it was accepted."""
        theirs, ours = (self._wire.transport.get_extra_info(name) for name in ("peername", "sockname"))
        return (theirs[:2], ours[:2]) if theirs and ours else None

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.peer}{', closed' if self.closed else ''}>"


class ManagementPort:
    """Listens for ascp, as an asynchronous context manager, and iterates over the connections as they come in.

    Args:
        host: where to listen.
        port: TCP port; 0 takes a free one, and the attribute ``port`` has its number.
        allow_remote: allow an address that is not on loopback. Nothing authenticates a connection: whoever reaches the
            port can forge messages, and read commands.
        publish: write an ``.optport`` file, so that every ascp on the machine connects: True for the run directory of
            an installed ascp, or the path of a run directory.
        max_connections: how many connections are served at once; more wait in turn, and those go first that have sent
            no message. Each needs a file descriptor. A limit for security.
        hello_timeout: seconds within which a connection must send its first message, or it is closed; None for any
            time. A limit for security.
        max_frame_bytes: size of the longest message; a longer one is skipped and reported as a problem. A limit for
            security.
        on_problem: called with the connection and each problem of its stream; a plain function.

    Raises:
        ValueError: max_connections is not positive.
        TypeError: on_problem is a coroutine function.

    Entering it raises ValueError for a host that is not allowed, and OSError where the address is in use or the
    ``.optport`` file cannot be written.

    Example:
        >>> async def watch():
        ...     async with ManagementPort() as port:
        ...         print("ascp -M", port.address)
        ...         async for connection in port:
        ...             async for event in connection:
        ...                 print(event)
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        allow_remote: bool = False,
        publish: bool | str | os.PathLike[str] = False,
        max_connections: int = MAX_CONNECTIONS,
        hello_timeout: float | None = HELLO_TIMEOUT,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        on_problem: Callable[[Connection, Problem], None] | None = None,
    ) -> None:
        if max_connections < 1:
            raise ValueError(f"invalid max_connections: {max_connections}")
        check_callbacks(on_problem=on_problem)

        self.host = host
        """Address it listens on, as it was given; the numeric one when the port is open."""

        self.port = port
        """TCP port it listens on, as it was given; the real one when the port is open."""

        # What entering uses.
        self._allow_remote = allow_remote
        self._publish = publish
        # What each connection gets.
        self._hello_timeout = hello_timeout
        self._max_frame_bytes = max_frame_bytes
        self._on_problem = on_problem

        # The port was opened; stays True when it is closed.
        self._entered = False
        # The listening socket; None before the port is open and after it was closed.
        self._listener: socket.socket | None = None
        # The .optport file; None when it is not wanted, and before the port is open.
        self._published: PublishedPort | None = None

        self._max_connections = max_connections
        # The open connections, the oldest first.
        self._connections: dict[Connection, None] = {}
        # Set when one of them has closed.
        self._closed_one = asyncio.Event()
        # How many connections there have been.
        self._count = 0
        # Accepts the next connection; None when nobody has asked for it. It outlives a caller that is cancelled: what
        # it has accepted is there for the next one who asks.
        self._accepting: asyncio.Task[Connection] | None = None

    @property
    def address(self) -> str:
        """Address as ascp's option ``-M`` takes it, such as ``127.0.0.1:33333``."""
        return _format_address((self.host, self.port))

    async def __aenter__(self) -> Self:
        if self._listener:
            raise RuntimeError("this ManagementPort is open already: make another one")
        try:
            self._listener = await self._listen()
        except OSError as error:
            message = f"cannot listen on {self.address}: {error.strerror or error}"
            raise OSError(error.errno, message) from error
        self.host, self.port = self._listener.getsockname()[:2]
        try:
            if self._publish is not False:
                self._published = PublishedPort(self.address, None if self._publish is True else self._publish)
        except BaseException:
            self._listener.close()
            self._listener = None
            raise
        self._entered = True
        logger.info("listening on %s", self.address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _listen(self) -> socket.socket:
        """Open the listening socket."""
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _kind, _proto, _name, address = found[0]
        if not self._allow_remote and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise ValueError(f"{self.host} is not on loopback: whoever reaches the port can forge messages of ascp")
        listener = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
        return listener

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Connection:
        if not self._entered:
            raise RuntimeError("the port is not open: iterate inside of 'async with ManagementPort(…) as port:'")
        while self._listener:
            task = self._accepting = self._accepting or asyncio.create_task(self._accept(self._listener))
            await asyncio.wait({task})
            if task is self._accepting and not task.cancelled():
                self._accepting = None
                return task.result()
        raise StopAsyncIteration

    async def _accept(self, listener: socket.socket) -> Connection:
        """Wait for a free place, and then for a connection."""
        while len(self._connections) >= self._max_connections and not await self._drop_silent():
            self._closed_one.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(ACCEPT_PAUSE):
                    await self._closed_one.wait()
        accepted = await accept(listener, self._drop_silent)
        try:
            _transport, wire = await asyncio.get_running_loop().connect_accepted_socket(Wire, accepted)
        except BaseException:
            accepted.close()
            raise
        self._count += 1
        connection = Connection(
            self._count,
            wire,
            self._give_back,
            max_frame_bytes=self._max_frame_bytes,
            hello_timeout=self._hello_timeout,
            on_problem=self._on_problem,
        )
        self._connections[connection] = None
        logger.info("connection %d from %s opened", connection.number, connection.peer)
        return connection

    def _give_back(self, connection: Connection) -> None:
        """Give the place of a connection to the next one."""
        del self._connections[connection]
        self._closed_one.set()

    async def _drop_silent(self) -> bool:
        """Close the connection that was silent for the longest, to make room. False if none was for long enough."""
        await asyncio.sleep(0)  # what has arrived in the meantime is received first
        since = asyncio.get_running_loop().time() - MIN_SILENT_SECONDS
        for connection in self._connections:
            if connection.opened <= since and connection.is_silent:
                connection.error = TimeoutError("it sent no message, and another one needed its place")
                await connection.aclose()
                return True
        return False

    async def aclose(self) -> None:
        """Stop listening and close all connections; iterating ends. Harmless when the port is closed already."""
        listener, self._listener = self._listener, None
        if not listener:
            return
        if self._published:
            self._published.remove()
        try:
            if self._accepting:
                self._accepting.cancel()
                await asyncio.wait({self._accepting})
        finally:  # also when this is cancelled
            listener.close()
            for connection in list(self._connections):
                connection.close()
            logger.info("stopped listening on %s", self.address)
        await asyncio.sleep(0)  # lets the event loop close the sockets


def _format_address(address: object) -> str:
    if not isinstance(address, tuple) or len(address) < 2:
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
