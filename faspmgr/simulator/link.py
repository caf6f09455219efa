"""The management connections of a simulated ascp: sends bytes, receives commands, never listens.

Both directions go on at once: while bytes wait to be sent, commands are read, so that a manager which writes before it
reads is not waited for while it waits. What is not a command is passed over, as ascp does.
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

CONNECT_SECONDS = 30
CLOSE_SECONDS = 0.25
"""How long the other side has to close its end after it was sent the last message."""
MAX_COMMAND_BYTES = 1 << 16
MAX_COMMANDS = 10_000
"""Commands that wait to be applied; beyond that the oldest are dropped, so that memory stays bounded."""
_BLOCK = 1 << 16


class Peer:
    """One connection to a manager; one that only ends its own direction still gets everything.

    Args:
        host: where to connect.
        port: where to connect.

    Raises:
        OSError: nobody listens there.

    Attributes:
        commands: what was received and not yet applied, the oldest first.
        sends_commands: has the manager not ended its direction yet?
    """

    def __init__(self, host: str, port: int) -> None:
        self.commands: deque[Frame] = deque(maxlen=MAX_COMMANDS)
        self.connection = socket.create_connection((host, port), timeout=CONNECT_SECONDS)
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connection.setblocking(False)
        self._tokenizer = Tokenizer(max_frame_bytes=MAX_COMMAND_BYTES)
        self.sends_commands = True

    def send(self, data: bytes) -> None:
        """Send all of it. Raises OSError."""
        view = memoryview(data)
        while view:
            readers = [self.connection] if self.sends_commands else []
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
            self.commands.extend(self._tokenizer.feed(data))
        else:
            self.sends_commands = False

    def wait(self, seconds: float) -> None:
        """Let so many seconds pass."""
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if not self.sends_commands:
                time.sleep(left)
            elif select.select([self.connection], [], [], left)[0]:
                self.receive()

    def close(self) -> None:
        """End it so that everything sent arrives: commands that nobody has read would turn the close into a reset."""
        with contextlib.suppress(OSError), self.connection:
            self.connection.shutdown(socket.SHUT_WR)
            deadline = time.monotonic() + CLOSE_SECONDS
            while self.sends_commands and (left := deadline - time.monotonic()) > 0:
                if select.select([self.connection], [], [], left)[0]:
                    self.receive()


class Link:
    """The connections of one process, one for each ``-M``. A manager that hangs up is not missed."""

    def __init__(self, peers: Sequence[Peer] = ()) -> None:
        self._peers = list(peers)

    @property
    def has_manager(self) -> bool:
        """Is there a manager left that could send a command?"""
        return any(peer.sends_commands for peer in self._peers)

    def send(self, data: bytes) -> None:
        for peer in list(self._peers):
            try:
                peer.send(data)
            except OSError:
                self._peers.remove(peer)
                peer.connection.close()

    def poll(self, seconds: float) -> list[Frame]:
        """Wait for commands, so many seconds at most, and return them."""
        peers = {peer.connection: peer for peer in self._peers if peer.sends_commands}
        if any(peer.commands for peer in self._peers):
            seconds = 0
        if peers:
            for connection in select.select(list(peers), [], [], seconds)[0]:
                peers[connection].receive()
        else:
            time.sleep(seconds)
        commands = [command for peer in self._peers for command in peer.commands]
        for peer in self._peers:
            peer.commands.clear()
        return commands

    def close(self) -> list[Frame]:
        """End all of them; return the commands that came too late."""
        for peer in self._peers:
            peer.close()
        return [command for peer in self._peers for command in peer.commands]
