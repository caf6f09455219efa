"""A stream that is played to a port while a test looks on."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

from faspmgr.protocol.frames import Frame
from faspmgr.simulator import player
from faspmgr.simulator.link import Peer
from faspmgr.testing.captures import Stream, stream_of

JOIN_SECONDS = 10
STEP_SECONDS = 0.1


class Replay:
    """A stream on its way to a port, in the background.

    Args:
        port: where to.
        stream: what is played.
        host: where to.
        speed: so many times faster than it was.
        cut: send pieces of so many bytes; None for whole messages.
    """

    def __init__(self, port: int, stream: Stream, host: str, speed: float, cut: int | None) -> None:
        self._error: Exception | None = None
        self._stopped = threading.Event()
        self._peer = Peer(host, port)
        self._speed = speed
        pieces = player.timed(player.messages(stream_of(stream)))
        self._pieces = pieces if cut is None else player.cut(pieces, cut)
        self._thread = threading.Thread(target=self._run, name="faspmgr replay", daemon=True)
        self._thread.start()

    @property
    def commands(self) -> list[Frame]:
        """What came back; the first 10,000, whoever sends more waits for the end."""
        return list(self._peer.commands)

    def wait(self, timeout: float = JOIN_SECONDS) -> None:
        """Wait until all is sent and the connection is closed.

        Args:
            timeout: seconds.

        Raises:
            TimeoutError: it takes longer.
            ConnectionError: the other side hung up before.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the stream was not played within {timeout:g} seconds")
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Break off: the connection is closed, whatever is still to come."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._peer.connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            player.play(self._pieces, self._peer.send, self._speed, self._wait)
        except Exception as error:  # raised by wait()
            self._error = error
        finally:
            self._peer.close()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._stopped.is_set():
                raise ConnectionAbortedError("stopped")
            self._peer.wait(min(left, STEP_SECONDS))
