"""What a manager sends to a simulated ascp that it streams to: commands, and the data of WRITEs, received in place.

The data of a WRITE go from the connection into the bytes of that WRITE, which are then written to a file: they are
copied no more often than by a program that copies a connection to a file. What is a command, the tokenizer says, line
by line; a connection without streams is left to it as a whole (``link.py``).
"""

from __future__ import annotations

import socket

from faspmgr.protocol.frames import DATA_END, Frame
from faspmgr.protocol.tokenizer import Tokenizer

BLOCK = 1 << 16
# Limits for security: they bound memory.
MAX_COMMAND_BYTES = 1 << 16
MAX_WRITE_BYTES = 16 << 20


class Inbound:
    """The receiving side of one connection.

    Attributes:
        too_long: what is wrong with a command that is longer than is accepted, from which on nothing is received; empty
            for none so far.
    """

    def __init__(self) -> None:
        self.too_long = ""
        self._tokenizer = Tokenizer(max_frame_bytes=MAX_COMMAND_BYTES)
        # The beginning of a line that is not complete.
        self._line = bytearray()
        # The WRITE whose data are being received; None between the data of two.
        self._write: Frame | None = None
        # Its data and what ends them, and how many of these bytes are there.
        self._data = bytearray()
        self._filled = 0

    def receive(self, connection: socket.socket) -> list[Frame] | None:
        """Receive what is there, without waiting.

        Returns:
            The commands that are complete; None at the end of the stream.

        Raises:
            OSError: the connection is broken, or there is nothing (BlockingIOError).
        """
        if self._write is not None:
            with memoryview(self._data) as view:
                count = connection.recv_into(view[self._filled :])
            self._filled += count
            return self._completed() if count else None
        block = connection.recv(BLOCK)
        return self._read(memoryview(block), block) if block else None

    def _read(self, view: memoryview, block: bytes) -> list[Frame]:
        commands: list[Frame] = []
        at = 0
        while at < len(block) and not self.too_long:
            if self._write is not None:
                count = min(len(block) - at, len(self._data) - self._filled)
                self._data[self._filled : self._filled + count] = view[at : at + count]
                self._filled += count
                at += count
                commands += self._completed()
                continue
            end = block.find(b"\n", at)
            self._line += view[at : end if end >= 0 else len(block)]
            if len(self._line) > MAX_COMMAND_BYTES:
                self.too_long = f"a command of more than {MAX_COMMAND_BYTES} bytes"
            elif end < 0:
                break
            else:
                at = end + 1
                commands += self._read_line()
        return commands

    def _read_line(self) -> list[Frame]:
        frames = self._tokenizer.feed_line(bytes(self._line), 0, 1)
        self._line.clear()
        if not frames or frames[0].announced_bytes is None:
            return frames
        size = frames[0].announced_bytes
        if size > MAX_WRITE_BYTES:
            self.too_long = f"a WRITE of more than {MAX_WRITE_BYTES} bytes"
            return []
        self._write = frames[0]
        self._data = bytearray(size + len(DATA_END))
        self._filled = 0
        return []

    def _completed(self) -> list[Frame]:
        """Give the WRITE, if its data are complete."""
        write = self._write
        if write is None or self._filled < len(self._data):
            return []
        del self._data[-len(DATA_END) :]
        write.data = self._data  # type: ignore[assignment]
        self._write, self._data = None, bytearray()
        return [write]
