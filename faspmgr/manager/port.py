"""The management port: where ascp connects to and tells how it is getting on.

What it must do
    Take connections, 32 at once and the others in turn; give the events of each; send commands. Nothing that arrives on
    one connection may harm another. What is open when the port closes is closed with it.
How
    Everything is pulled. There is no task and no queue: asking for the next connection accepts it, asking for the next
    events reads them. A reader that is slow stops reading, the socket fills up, and ascp waits: that is the
    back-pressure. For each connection at most two pieces of CHUNK_BYTES and one message are in memory.
Worst case
    Nothing authenticates a connection. One that says nothing is closed after hello_timeout, so that it does not hold
    one of the places for ever. An ascp that does not read its commands gets no more of them than MAX_UNSENT_BYTES.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable
from types import TracebackType

from faspmgr.manager.publish import PublishedPort
from faspmgr.protocol.commands import Command
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES

MAX_CONNECTIONS = 32
CHUNK_BYTES = 1 << 16
MAX_UNSENT_BYTES = 1 << 16
HELLO_TIMEOUT = 30.0
BACKLOG = 128
ACCEPT_PAUSE = 0.2
CANCEL_AGAIN = 0.1


class _Wire(asyncio.Protocol):
    """The socket of a connection: what has arrived and was not read yet. When that is much, the socket has to wait.

    asyncio's own streams would do, but for a reset: they drop what came in before it.
    """

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.error: OSError | None = None
        self._data = bytearray()
        self._ended = False
        self._paused = False
        self._news = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._news.set()
        if len(self._data) >= CHUNK_BYTES and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        self._news.set()
        return True  # who has closed his side may still listen

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self.error = error if isinstance(error, OSError) else None
        self._news.set()

    @property
    def has_news(self) -> bool:
        """Is there something to read at once: bytes, or the end?"""
        return bool(self._data) or self._ended

    async def read(self) -> bytes:
        """What has arrived, at least one byte; none at the end."""
        while not self.has_news:
            self._news.clear()
            await self._news.wait()
        data = bytes(self._data)
        self._data.clear()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return data


class Connection:
    """One ascp on the line: its events, by ``async for`` or read(), and the way to send it commands.

    number: counts the connections of the port from 1. peer: its address, ``127.0.0.1:40816``. parser: has its
    ``problems``. tap: if set, called with the bytes as they come, before they are parsed (``Recorder.write``, say).
    error: why the connection broke off, None while it is open and after an orderly end.
    """

    def __init__(
        self,
        number: int,
        wire: _Wire,
        on_close: Callable[[Connection], None],
        *,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        hello_timeout: float | None = HELLO_TIMEOUT,
        on_problem: Callable[[Connection, Problem], None] | None = None,
    ) -> None:
        self.number = number
        self.peer = _shown(wire.transport.get_extra_info("peername"))
        tell = None if on_problem is None else lambda problem: on_problem(self, problem)
        self.parser = Parser(max_frame_bytes=max_frame_bytes, on_problem=tell)
        self.tap: Callable[[bytes], object] | None = None
        self.error: OSError | None = None
        self.closed = False
        self._wire = wire
        self._on_close = on_close
        self._hello_by = None if hello_timeout is None else asyncio.get_running_loop().time() + hello_timeout
        self._events: list[Event] = []  # read but not yet given by __anext__, latest first

    async def read(self) -> list[Event]:
        """The next events, as many as have arrived, at least one; none at the end of the connection."""
        while not self.closed:
            data = await self._receive()
            if data and self.tap:
                self.tap(data)
            events = self.parser.feed(data) if data else self.parser.close()
            if not data:
                await self.aclose()
            if events:
                self._hello_by = None
                return events
        return []

    async def _receive(self) -> bytes:
        try:
            if self._hello_by is None or self._wire.has_news:
                data = await self._wire.read()
            else:
                left = self._hello_by - asyncio.get_running_loop().time()
                data = await asyncio.wait_for(self._wire.read(), max(0.0, left))
        except TimeoutError:
            self.error = TimeoutError("the connection sent no message")
            return b""
        if not data:
            self.error = self._wire.error
        return data

    def __aiter__(self) -> Connection:
        return self

    async def __anext__(self) -> Event:
        if not self._events:
            self._events = (await self.read())[::-1]
        if not self._events:
            raise StopAsyncIteration
        return self._events.pop()

    async def send(self, command: Command) -> None:
        """Send a command. Never waits for ascp, so that reading goes on.

        Raises ConnectionError when the connection is closed, and when ascp leaves more than 64 KiB of commands unread.
        """
        transport = self._wire.transport
        if self.closed or transport.is_closing():
            raise ConnectionResetError("the management connection is closed")
        if transport.get_write_buffer_size() > MAX_UNSENT_BYTES:
            raise ConnectionError("ascp does not read its commands")
        transport.write(command.encode())

    async def aclose(self) -> None:
        """Close the connection; harmless when it is closed already."""
        if self.closed:
            return
        self.closed = True
        self._on_close(self)
        if self._wire.transport.get_write_buffer_size():
            self._wire.transport.abort()  # nobody reads these commands: waiting for it could take for ever
        else:
            self._wire.transport.close()
        await asyncio.sleep(0)  # lets the loop close the socket

    def __repr__(self) -> str:
        return f"<Connection {self.number} from {self.peer}{', closed' if self.closed else ''}>"


class ManagementPort:
    """Listens for ascp, and iterates over the connections as they come in.

    host, port: where to listen; port 0 takes a free one, ``port`` tells which. allow_remote: without it an address that
    is not on loopback is refused, as whoever reaches the port can forge and watch what is said there. publish: write an
    ``.optport`` file, so that the ascp of others connects too: True for ascp's run directory, or a directory.
    max_connections: how many are served at once; more wait in turn. hello_timeout: seconds within which a connection
    must send its first message, or is closed. max_frame_bytes: the longest message. The last three limits are there for
    security. on_problem: called with the connection and each Problem of its stream.

    Entering it raises ValueError for a host that is not allowed and OSError where the address is taken or the file
    cannot be written.

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
            raise ValueError("max_connections must be positive")
        self.host = host
        self.port = port
        self._allow_remote = allow_remote
        self._publish = publish
        self._hello_timeout = hello_timeout
        self._max_frame_bytes = max_frame_bytes
        self._on_problem = on_problem
        self._slots = asyncio.Semaphore(max_connections)
        self._listener: socket.socket | None = None
        self._published: PublishedPort | None = None
        self._accepting: asyncio.Task[Connection] | None = None
        self._connections: set[Connection] = set()
        self._count = 0

    @property
    def address(self) -> str:
        """``127.0.0.1:33333``, as ascp's option -M takes it."""
        return _shown((self.host, self.port))

    async def __aenter__(self) -> ManagementPort:
        try:
            self._listener = await self._listen()
        except OSError as error:
            words = f"cannot listen on {self.address}: {error.strerror or error}"
            raise OSError(error.errno, words) from error
        self.host, self.port = self._listener.getsockname()[:2]
        try:
            if self._publish is not False:
                self._published = PublishedPort(self.address, None if self._publish is True else self._publish)
        except BaseException:
            self._listener.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def _listen(self) -> socket.socket:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, _kind, _proto, _name, address = found[0]
        if not self._allow_remote and not ipaddress.ip_address(str(address[0]).partition("%")[0]).is_loopback:
            raise ValueError(f"{self.host} is not on loopback: anybody who reaches the port could forge what ascp says")
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

    def __aiter__(self) -> ManagementPort:
        return self

    async def __anext__(self) -> Connection:
        # The task outlives a caller that is cancelled: what it has accepted is there for the next one who asks.
        while self._listener:
            task = self._accepting = self._accepting or asyncio.ensure_future(self._accept(self._listener))
            await asyncio.wait({task})
            if task is self._accepting and not task.cancelled():
                self._accepting = None
                return task.result()
        raise StopAsyncIteration

    async def _accept(self, listener: socket.socket) -> Connection:
        loop = asyncio.get_running_loop()
        await self._slots.acquire()
        try:
            while True:
                try:
                    accepted, _address = await loop.sock_accept(listener)
                    break
                except OSError:  # the peer gave up, or there are too many open files: better times may come
                    await asyncio.sleep(ACCEPT_PAUSE)
            try:
                _transport, wire = await loop.connect_accepted_socket(_Wire, accepted)
            except BaseException:
                accepted.close()
                raise
        except BaseException:
            self._slots.release()
            raise
        self._count += 1
        connection = Connection(
            self._count,
            wire,
            self._closed,
            max_frame_bytes=self._max_frame_bytes,
            hello_timeout=self._hello_timeout,
            on_problem=self._on_problem,
        )
        self._connections.add(connection)
        return connection

    def _closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._slots.release()

    async def aclose(self) -> None:
        """Stop listening and close all connections; iterating ends. Harmless when it is closed already."""
        listener, self._listener = self._listener, None
        if self._published:
            self._published.remove()
        if self._accepting:
            self._accepting.cancel()
            await asyncio.wait({self._accepting})
        if listener:
            listener.close()
        for connection in list(self._connections):
            await connection.aclose()


async def end_all(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel tasks that leave the set when they are done, until it is empty: asyncio.wait_for, which they may be in,
    can lose a cancellation (before Python 3.12)."""
    while tasks:
        for task in tasks:
            task.cancel()
        await asyncio.wait(set(tasks), timeout=CANCEL_AGAIN)


def _shown(address: object) -> str:
    if not isinstance(address, tuple) or len(address) < 2:
        return str(address)
    host, port = address[:2]
    return f"[{host}]:{port}" if ":" in str(host) else f"{host}:{port}"
