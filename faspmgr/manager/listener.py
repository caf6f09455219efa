"""Many connections and one state: what ``faspmgr listen`` does, for a Python program.

What it must do
    Receive from many connections at once, and give their events one after the other, each with the state of its session
    as it is after that event. No SessionId is rewritten, and none mixes up two connections. Nothing that arrived before
    an end is lost: not before the end of a connection, not before aclose().
How
    A ManagementPort accepts. A task for each connection reads a piece, parses it, hands it over, and reads no further
    until the caller has asked for it. Only then do its events reach the tracker, one by one as they are given: the
    state never runs ahead of what the caller has seen.
Worst case
    A caller who is slow, or has stopped asking. Then no connection is read, the sockets fill up, and each ascp waits:
    for each connection no more than a parsed piece is in memory, beside what the port holds of it.
Here belongs
    The order of events and the life of the tasks. What is shown, counted or stored is the business of the caller.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

import attrs

from faspmgr.arguments import check_callbacks
from faspmgr.captures.recorder import Recording
from faspmgr.manager.port import HELLO_TIMEOUT, MAX_CONNECTIONS, Connection, ManagementPort
from faspmgr.manager.tasks import task_group
from faspmgr.protocol.events import Event
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES
from faspmgr.tracking import Session, Tracker

logger = logging.getLogger(__name__)


@attrs.frozen
class Received:
    """An event, and where it came from.

    Attributes:
        connection: number of the connection, from 1.
        time: when the event arrived, in UTC.
        event: the event.
        session: the session that the event belongs to, in its state after the event.
    """

    connection: int
    time: datetime
    event: Event
    session: Session


@attrs.frozen
class _Piece:
    """What came at once on a connection: at least one event, or none at its end."""

    connection: int
    time: datetime
    events: list[Event]


class Listener:
    """Listens for ascp, and iterates over the events of all connections. An asynchronous context manager.

    Each event comes with the state of its session, which the listener tracks. A program that is slow makes ascp wait.

    Args:
        host: where to listen.
        port: TCP port; 0 takes a free one, and the attribute ``port`` has its number.
        publish: write an ``.optport`` file, so that every ascp on the machine connects: True for the run directory of
            an installed ascp, or the path of a run directory.
        record: directory for the bytes of the connections, a file for each, and notes on when each began and ended; it
            is made where it is missing.
        tracker: what keeps the state; a new ``Tracker()`` by default. The number of a connection is its stream there.
        connections: number of connections after which iterating ends; None for no end.
        allow_remote: allow an address that is not on loopback. Nothing authenticates a connection: whoever reaches the
            port can forge messages.
        max_connections: how many connections are served at once; more wait in turn, and those go first that have sent
            no message. Each needs a file descriptor, and one more where it is recorded. A limit for security.
        hello_timeout: seconds within which a connection must send its first message, or it is closed; None for any
            time. A limit for security.
        max_frame_bytes: size of the longest message; a longer one is skipped and reported as a problem. A limit for
            security.
        on_problem: called with the connection and each problem of its stream; a plain function. What it raises ends
            the iteration.
        on_message: called with a line of text on what happens beside the events, such as a connection that broke off;
            a plain function. What it raises ends the iteration.

    Raises:
        ValueError: max_connections or connections is not positive.
        TypeError: a callback is a coroutine function.

    Entering it raises ValueError for a host that is not allowed, and OSError where the address is in use, or the
    recording or the ``.optport`` file cannot be written.

    Example:
        >>> async def collect():
        ...     async with Listener(port=40001, record="captures") as listener:
        ...         async for received in listener:
        ...             print(received.time, received.connection, received.session.id, received.event.type)
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        publish: bool | str | os.PathLike[str] = False,
        record: str | os.PathLike[str] | None = None,
        tracker: Tracker | None = None,
        connections: int | None = None,
        allow_remote: bool = False,
        max_connections: int = MAX_CONNECTIONS,
        hello_timeout: float | None = HELLO_TIMEOUT,
        max_frame_bytes: int = MAX_FRAME_BYTES,
        on_problem: Callable[[Connection, Problem], None] | None = None,
        on_message: Callable[[str], object] | None = None,
    ) -> None:
        if connections is not None and connections < 1:
            raise ValueError(f"invalid connections: {connections}")
        check_callbacks(on_message=on_message)

        self.tracker = Tracker() if tracker is None else tracker
        """The state of all sessions and transfers, as far as events were given."""

        # Accepts the connections.
        self._port = ManagementPort(
            host,
            port,
            allow_remote=allow_remote,
            publish=publish,
            max_connections=max_connections,
            hello_timeout=hello_timeout,
            max_frame_bytes=max_frame_bytes,
            on_problem=on_problem,
        )
        # How many connections to accept; None for no limit.
        self._wanted = connections
        self._on_message = on_message

        # Where the recording goes; None for no recording.
        self._record = record
        # The recording; None without one, and before the listener is entered.
        self._recording: Recording | None = None

        # Receives from all connections; None before the listener is entered.
        self._receiving: asyncio.Task[None] | None = None
        # What a callback has raised; None if nothing.
        self._failure: Exception | None = None
        # From the connections to the caller, None at the end. One at a time: the connections take turns.
        self._pieces: asyncio.Queue[_Piece | None] = asyncio.Queue(maxsize=1)
        # Keeps the turns: a queue lets a connection that has its next piece at hand go before one that waits already.
        self._turn = asyncio.Lock()
        # A task waits for the next piece.
        self._waiting = False
        # The latest piece, and its events that were not given yet.
        self._piece: _Piece
        self._events: deque[Event] = deque()
        # Connections of which there were events, and not the end.
        self._open: set[int] = set()

    @property
    def host(self) -> str:
        """Address it listens on; the numeric one when the port is open."""
        return self._port.host

    @property
    def port(self) -> int:
        """TCP port it listens on; the real one when the port is open."""
        return self._port.port

    @property
    def address(self) -> str:
        """Address as ascp's option ``-M`` takes it, such as ``127.0.0.1:33333``."""
        return self._port.address

    @property
    def record_error(self) -> str | None:
        """Why the recording is not complete; None if it is, and without one."""
        return self._recording.error if self._recording else None

    async def __aenter__(self) -> Self:
        if self._receiving:
            raise RuntimeError("a Listener can be entered once: make another one")
        if self._record is not None:
            self._recording = Recording(os.path.join(self._record, ""))
        await self._port.__aenter__()
        self._receiving = asyncio.create_task(self._receive())
        if self._record is not None:
            logger.info("recording to %s", os.fspath(self._record))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._receiving
        self._receiving.cancel()
        try:
            await self._port.aclose()
            await asyncio.wait({self._receiving})
        finally:  # also when this is cancelled
            if self._recording:
                self._recording.close()
            for number in self._open:
                self.tracker.end(number)
            # What was not asked for is dropped, and iterating ends.
            self._events.clear()
            while not self._pieces.empty():
                self._pieces.get_nowait()
            self._pieces.put_nowait(None)

    async def aclose(self) -> None:
        """Stop listening and close all connections. What arrived before can still be iterated over; then it ends."""
        await self._port.aclose()

    # -- from the connections

    async def _receive(self) -> None:
        """Receive from all connections, until there are no more."""
        try:
            async with task_group() as readers:
                async for connection in self._port:
                    readers.create_task(self._read(connection))
                    if connection.number == self._wanted:
                        break
        except Exception as error:  # of a callback, mostly: for the caller
            self._failure = error
        await self._pieces.put(None)

    async def _read(self, connection: Connection) -> None:
        """Hand over what arrives on a connection, piece by piece, and then its end."""
        tap = self._recording.tap(self._report_recording) if self._recording else None
        connection.tap = tap
        while events := await connection.read():
            await self._hand_over(connection, events)
        if connection.error:
            self._report(f"{connection.peer}: {connection.error.strerror or connection.error}")
        if self._recording and tap:
            self._recording.end(tap)
        await self._hand_over(connection, [])

    async def _hand_over(self, connection: Connection, events: list[Event]) -> None:
        piece = _Piece(connection.number, datetime.now(UTC), events)
        async with self._turn:
            await self._pieces.put(piece)

    def _report(self, message: str) -> None:
        if self._on_message:
            self._on_message(message)

    def _report_recording(self, message: str) -> None:
        logger.warning("%s", message)
        self._report(message)

    # -- to the caller

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Received:
        if not self._events and not await self._fetch():
            raise StopAsyncIteration
        piece, event = self._piece, self._events.popleft()
        return Received(piece.connection, piece.time, event, self.tracker.update(event, piece.connection))

    async def read(self) -> list[Received]:
        """Wait for the next events: a faster way than ``async for`` for programs that handle many at a time.

        Returns:
            As many events of one connection as have arrived at once, at least one; an empty list at the end. The state
            of the sessions is that after the last of them.
        """
        if not self._events and not await self._fetch():
            return []
        number, time, update = self._piece.connection, self._piece.time, self.tracker.update
        received = [Received(number, time, event, update(event, number)) for event in self._events]
        self._events.clear()
        return received

    async def _fetch(self) -> bool:
        """Wait for a piece that has events; False at the end."""
        if not self._receiving:
            raise RuntimeError("the Listener is not open: iterate inside of 'async with Listener(…) as listener:'")
        if self._waiting:
            raise RuntimeError("another task waits for the next event already: let one task iterate")
        while not self._events:
            self._waiting = True
            try:
                piece = await self._pieces.get()
            finally:
                self._waiting = False
            if piece is None:
                self._pieces.put_nowait(None)  # for whoever asks again
                if self._failure:
                    raise self._failure
                return False
            self._piece = piece
            self._events.extend(piece.events)
            if piece.events:
                self._open.add(piece.connection)
            else:
                self._open.discard(piece.connection)
                self.tracker.end(piece.connection)
        return True
