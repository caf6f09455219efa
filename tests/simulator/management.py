"""A management port for tests, and a simulated ascp that connects to it; nothing of faspmgr's own manager."""

from __future__ import annotations

import contextlib
import io
import re
import select
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import attrs

from faspmgr.protocol.commands import Command
from faspmgr.protocol.events import Event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator import ascp
from faspmgr.tracking import Session, Tracker
from tests import launcher
from tests.launcher import SIMULATOR, TIMEOUT


@attrs.frozen
class Reported:
    """A run to its end. data: what the management port got."""

    status: int
    out: str
    err: str
    data: bytes

    @property
    def frames(self) -> list[Frame]:
        return Tokenizer().feed(self.data)

    @property
    def types(self) -> list[str]:
        """Types of messages, the many STATS of a file as one."""
        types = [frame.type for frame in self.frames]
        return [type_ for type_, before in zip(types, ["", *types]) if type_ != "STATS" or before != "STATS"]

    def of(self, type_: str) -> list[dict[str, str]]:
        return [frame.fields for frame in self.frames if frame.type == type_]

    @property
    def end(self) -> dict[str, str]:
        """Fields of the last message."""
        return self.frames[-1].fields

    @property
    def session(self) -> Session:
        """The only session, as a strict reader sees it."""
        (session,) = tracked(self.data).sessions
        return session


def tracked(data: bytes, parser: Parser | None = None) -> Tracker:
    """What a parser, by default a strict one, and a tracker that keeps all files make of a stream."""
    parser = parser or Parser(strict=True)
    tracker = Tracker(keep_files="all")
    event: Event
    for event in parser.feed(data) + parser.close():
        tracker.update(event)
    return tracker


def read_all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 16), b""))


class Live:
    """A run in progress: send it commands, wait for what it reports. eof: has the connection been closed?"""

    def __init__(self, *args: str | Path, fault: str = "", env: Mapping[str, str] | None = None) -> None:
        self.data = b""
        self.eof = threading.Event()
        self.connected = threading.Event()
        self.connection: socket.socket
        self._ended = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        words = ["-M", str(self._server.getsockname()[1]), *map(str, args)]
        environment = {**(env or {}), **({"FASPMGR_ASCP_FAULT": fault} if fault else {})}
        self._started = launcher.start(*words, program=SIMULATOR, environment=environment, clean=True)
        self.process = self._started.__enter__()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        # A connection that came before the end of the process still waits in the queue then.
        ended = False
        while not select.select([self._server], [], [], 0.05)[0]:
            if ended:
                return
            ended = self._ended.is_set()
        try:
            self.connection, _ = self._server.accept()
            self.connected.set()
            while data := self.connection.recv(1 << 16):
                self.data += data
        except OSError:
            pass
        finally:
            self.eof.set()

    def expect(self, pattern: str, seconds: float = 10) -> re.Match[bytes]:
        """Wait until the stream holds this."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            match = re.search(pattern.encode(), self.data, re.MULTILINE | re.DOTALL)
            if match:
                return match
            time.sleep(0.005)
        raise AssertionError(f"{pattern!r} did not come:\n{self.data.decode('utf-8', 'replace')}")

    def send(self, data: bytes | Frame | Command) -> None:
        assert self.connected.wait(10)
        self.connection.sendall(data if isinstance(data, bytes) else data.encode())

    def finish(self) -> Reported:
        status, out, err = launcher.finish(self.process)
        self._ended.set()
        self.eof.wait(5)
        return Reported(status, out, err, self.data)

    def close(self) -> None:
        self.process.kill()
        self._ended.set()
        self._thread.join(5)
        if self.connected.is_set():
            self.connection.close()
        self._server.close()
        self._started.__exit__(None, None, None)


@contextlib.contextmanager
def live(*args: str | Path, fault: str = "", env: Mapping[str, str] | None = None) -> Iterator[Live]:
    """Run a simulated ascp with a management port for the length of a block."""
    running = Live(*args, fault=fault, env=env)
    try:
        yield running
    finally:
        running.close()


def run_process(*args: str | Path, fault: str = "") -> Reported:
    """Run a simulated ascp with a management port, to the end of its process: it may kill itself."""
    with live(*args, fault=fault) as running:
        return running.finish()


def run(*args: str | Path, fault: str = "", env: Mapping[str, str] | None = None) -> Reported:
    """Run a simulated ascp with a management port in this process."""
    assert not fault.startswith(("die", "silent-exit", "linger-socket")), "for run_process()"
    received: list[bytes] = []
    out, err = io.StringIO(), io.StringIO()

    def serve() -> None:
        with server.accept()[0] as connection:
            received.append(read_all(connection))

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        words = ["-M", str(server.getsockname()[1]), *map(str, args)]
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = ascp.run(words, {"FASPMGR_ASCP_FAULT": fault, **(env or {})})
        socket.create_connection(server.getsockname()).close()  # ends the thread where ascp has not connected
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    return Reported(status, out.getvalue(), err.getvalue(), b"".join(received))


def copy(*args: str | Path, fault: str = "") -> Reported:
    """Run one that copies its files at once."""
    return run("--simulate-copy", "--simulate-speed=max", "-q", *args, fault=fault)


def run_alone(*args: str, env: Mapping[str, str] | None = None) -> launcher.Outcome:
    """Run it without a management port."""
    return launcher.run(*args, program=SIMULATOR, environment=env, clean=True)


def content(folder: Path) -> dict[str, bytes]:
    """All files below, by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
