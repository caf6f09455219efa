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
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import Tokenizer

CONNECT_SECONDS = 30
CLOSE_SECONDS = 0.25
"""How long the other side has to close its end after it was sent the last message."""
MAX_COMMAND_BYTES = 1 << 16
# Limits for security: what is read, and waits to be applied.
MAX_COMMANDS = 10_000
MAX_WAITING_BYTES = 8 << 20
"""Data of streams; more than what is on its way in the buffers of the system, so that a change of rate gets through."""
RECEIVE_BUFFER_BYTES = 1 << 18
"""What the system may hold back of streams: a change of rate comes behind it."""
_BLOCK = 1 << 18


class Peer:
    """One connection to a manager; one that only ends its own direction still gets everything.

    Args:
        host: where to connect.
        port: where to connect.
        max_data_bytes: the most data of one WRITE that are accepted; 0 where those of all are passed over.

    Raises:
        OSError: nobody listens there.

    Attributes:
        commands: what was received and not yet applied, the oldest first.
        sends_commands: has the manager not ended its direction yet?
        too_long: what was found of a command that was longer than is accepted, and was dropped; None for none so far.
    """

    def __init__(self, host: str, port: int, max_data_bytes: int = 0) -> None:
        self.commands: deque[Frame] = deque()
        self.connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER_BYTES)
        self.connection.setblocking(False)
        self._tokenizer = Tokenizer(
            max_frame_bytes=MAX_COMMAND_BYTES, max_data_bytes=max_data_bytes, on_problem=self._note_too_long
        )
        self.sends_commands = True
        self.too_long: Problem | None = None
        # Bytes of data in the commands that wait.
        self._data_bytes = 0

    @property
    def has_room(self) -> bool:
        """May more commands be received?"""
        return self.sends_commands and len(self.commands) < MAX_COMMANDS and self._data_bytes < MAX_WAITING_BYTES

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            readers = [self.connection] if self.has_room else []
            readable, writable, _ = select.select(readers, [self.connection], [])
            if readable:
                self.receive()
            if writable:
                view = view[self.connection.send(view) :]

    def receive(self) -> None:
        """Receive what is there, without waiting."""
        try:
            data = self.connection.recv(_BLOCK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            for command in self._tokenizer.feed(data):
                self.commands.append(command)
                self._data_bytes += len(command.data or b"")
        else:
            self.sends_commands = False

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
                elif not self.connection.recv(_BLOCK):  # nobody will look at it
                    break

    def _note_too_long(self, problem: Problem) -> None:
        if problem.kind == "oversized":
            self.too_long = problem


class Link:
    """The connections of one process, one for each ``-M``. A manager that hangs up is not missed."""

    def __init__(self, peers: Sequence[Peer] = ()) -> None:
        self._peers = list(peers)

    @property
    def has_manager(self) -> bool:
        """Is there a manager left that could send a command?"""
        return any(peer.sends_commands for peer in self._peers)

    @property
    def too_long(self) -> Problem | None:
        """A command that was longer than is accepted, and was dropped; None for none so far."""
        return next((peer.too_long for peer in self._peers if peer.too_long), None)

    def send(self, data: bytes) -> None:
        for peer in list(self._peers):
            try:
                peer.send(data)
            except OSError:
                self._peers.remove(peer)
                peer.connection.close()

    def poll(self, seconds: float, reads: bool = True) -> list[Frame]:
        """Wait for commands, so many seconds at most, and return them.

        Args:
            seconds: how long.
            reads: receive what there is; without, only time passes, and managers wait.
        """
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
        """End all of them; return the commands that came too late."""
        for peer in self._peers:
            peer.close()
        return [command for peer in self._peers for command in peer.take()]
