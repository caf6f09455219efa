"""A connection's socket: what has arrived and was not read yet, and whether there is room for what is to be sent.

asyncio's streams would do, but for a reset: they drop what has arrived before it.
"""

from __future__ import annotations

import asyncio
from typing import cast

MAX_UNREAD_BYTES = 1 << 16
"""Received bytes that nobody has asked for: from here on the socket is not read, and ascp waits."""


class Wire(asyncio.Protocol):
    """A socket that is read when somebody asks for it, and says when it takes more."""

    def __init__(self) -> None:
        # The socket, from the start of the connection on.
        self.transport: asyncio.Transport
        # What the connection broke off with; None while it is open and after an orderly end.
        self.error: OSError | None = None

        # Received and not read yet.
        self._data = bytearray()
        # Nothing more will arrive.
        self._ended = False
        # Reading from the socket is paused.
        self._paused = False
        # Set when data has arrived, or the end.
        self._arrival = asyncio.Event()

        # Set while the transport has room for more, and when the connection is lost.
        self.room = asyncio.Event()
        self.room.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # A cast and no check: the transports of other event loops need not be derived from asyncio's.
        self.transport = cast(asyncio.Transport, transport)

    def pause_writing(self) -> None:
        self.room.clear()

    def resume_writing(self) -> None:
        self.room.set()

    def data_received(self, data: bytes) -> None:
        self._data += data
        self._arrival.set()
        if len(self._data) >= MAX_UNREAD_BYTES and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        self._ended = True
        self._arrival.set()
        return True  # keeps our side open: an ascp that has closed its own may still listen

    def connection_lost(self, error: Exception | None) -> None:
        self._ended = True
        self.error = error if isinstance(error, OSError) else None
        self._arrival.set()
        self.room.set()

    @property
    def has_news(self) -> bool:
        """Has something arrived that was not read, or the end?"""
        return bool(self._data) or self._ended

    async def read(self) -> bytes:
        """Wait for data: at least one byte, or none at the end. Cancelling it loses nothing."""
        while not self.has_news:
            self._arrival.clear()
            await self._arrival.wait()
        data = bytes(self._data)
        self._data.clear()
        if self._paused:
            self._paused = False
            self.transport.resume_reading()
        return data
