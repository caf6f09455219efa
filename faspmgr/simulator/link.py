"""The management connections of a simulated ascp: sends bytes, receives commands, never listens.

Both directions go on at once: while bytes wait to be sent, commands are read, so that a manager which writes before it
reads is not waited for while it waits. What is not a command is passed over, as ascp does. No command is dropped: where
there are too many, or the data of streams are too many, nothing more is read until some were applied, and the manager
waits.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections import deque
from collections.abc import Sequence

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator.inbound import BLOCK, MAX_COMMAND_BYTES, Inbound

CONNECT_SECONDS = 30
CLOSE_SECONDS = 0.25
"""How long the other side has to close its end after it was sent the last message."""
MAX_OUTGOING_BYTES = 1 << 15
"""Messages that leave together."""
# Limits for security: what is read, and waits to be applied.
MAX_COMMANDS = 10_000
MAX_WAITING_BYTES = 8 << 20
"""Data of streams; more than what is on its way in the buffers of the system, so that a change of rate gets through."""
RECEIVE_BUFFER_BYTES = 1 << 20
"""What the system may hold back of streams: a change of rate comes behind it."""


class Peer:
    """One connection to a manager; one that only ends its own direction still gets everything.

    Args:
        host: where to connect.
        port: where to connect.
        streams: are the data of WRITEs commands, too? Without, they are passed over.

    Raises:
        OSError: nobody listens there.

    Attributes:
        commands: what was received and not yet applied, the oldest first.
        sends_commands: has the manager not ended its direction yet?
    """

    def __init__(self, host: str, port: int, streams: bool = False) -> None:
        self.commands: deque[Frame] = deque()
        self.connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.connection.setblocking(False)
        self._tokenizer = Tokenizer(max_frame_bytes=MAX_COMMAND_BYTES)
        # What receives instead of the tokenizer, where there are streams.
        self._inbound = Inbound() if streams else None
        self.sends_commands = True
        # Bytes of data in the commands that wait.
        self._data_bytes = 0

    @property
    def too_long(self) -> str:
        """What is wrong with a command of streams that is longer than is accepted; empty for none so far."""
        return self._inbound.too_long if self._inbound else ""

    @property
    def has_room(self) -> bool:
        """May more commands be received?"""
        return (
            not self.too_long
            and self.sends_commands
            and len(self.commands) < MAX_COMMANDS
            and self._data_bytes < MAX_WAITING_BYTES
        )

    def send(self, data: bytes | bytearray) -> None:
        """Send all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            try:
                view = view[self.connection.send(view) :]
            except BlockingIOError:
                readers = [self.connection] if self.has_room else []
                if select.select(readers, [self.connection], [])[0]:
                    self.receive()

    def receive(self) -> None:
        """Receive what is there, without waiting."""
        try:
            if self._inbound:
                commands = self._inbound.receive(self.connection)
            else:
                block = self.connection.recv(BLOCK)
                commands = self._tokenizer.feed(block) if block else None
        except BlockingIOError:
            return
        except OSError:
            commands = None
        if commands is None:
            self.sends_commands = False
            return
        self.commands.extend(commands)
        if self._inbound:
            self._data_bytes += sum(len(command.data or b"") for command in commands)

    def take(self) -> list[Frame]:
        """Give the commands that wait, which are then applied."""
        commands = list(self.commands)
        self.commands.clear()
        self._data_bytes = 0
        return commands

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self.has_room:
                time.sleep(left)
            elif select.select([self.connection], [], [], left)[0]:
                self.receive()

    def close(self) -> None:
        """End it so that everything sent arrives: commands that nobody has read would turn the close into a reset."""
        with contextlib.suppress(OSError), self.connection:
            self.connection.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + CLOSE_SECONDS
            while self.sends_commands and (left := deadline - time.monotonic()) > 0:
                if not select.select([self.connection], [], [], left)[0]:
                    continue
                if self.has_room:
                    self.receive()
                elif not self.connection.recv(BLOCK):  # nobody will look at it
                    break


class Link:
    """The connections of one process, one for each ``-M``. A manager that hangs up is not missed.

    Messages that follow each other at once leave together: when commands are polled for, and with ``flush``.
    """

    def __init__(self, peers: Sequence[Peer] = ()) -> None:
        self._peers = list(peers)
        # What is to be sent.
        self._outgoing = bytearray()

    @property
    def has_manager(self) -> bool:
        """Is there a manager left that could send a command?"""
        return any(peer.sends_commands for peer in self._peers)

    @property
    def too_long(self) -> str:
        """See Peer."""
        return next((peer.too_long for peer in self._peers if peer.too_long), "")

    def send(self, data: bytes) -> None:
        """Send it soon."""
        self._outgoing += data
        if len(self._outgoing) > MAX_OUTGOING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send all now."""
        data, self._outgoing = self._outgoing, bytearray()
        for peer in list(self._peers):
            try:
                peer.send(data)
            except OSError:
                self._peers.remove(peer)
                peer.connection.close()

    def poll(self, seconds: float, reads: bool = True) -> list[Frame]:
        """Send what is to be sent, wait for commands, so many seconds at most, and return them.

        Args:
            seconds: how long.
            reads: receive what there is; without, only time passes, and managers wait.
        """
        if self._outgoing:
            self.flush()
        if not reads:
            time.sleep(seconds)
            return []
        peers = {peer.connection: peer for peer in self._peers if peer.has_room}
        if any(peer.commands for peer in self._peers):
            seconds = 0
        if peers:
            for connection in select.select(list(peers), [], [], seconds)[0]:
                peers[connection].receive()
        else:
            time.sleep(seconds)
        return [command for peer in self._peers for command in peer.take()]

    def close(self) -> list[Frame]:
        """Send what is to be sent, and end all of them; return the commands that came too late."""
        self.flush()
        for peer in self._peers:
            peer.close()
        return [command for peer in self._peers for command in peer.take()]
