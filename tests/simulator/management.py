"""A management port for tests, and a simulated ascp that connects to it; nothing of faspmgr's own manager."""

from __future__ import annotations

import os
import re
import select
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from faspmgr.protocol.commands import Command
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer

ROOT = Path(__file__).resolve().parents[2]
ASCP = [sys.executable, "-m", "faspmgr.simulator.ascp"]
TIMEOUT = 30


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ASPERA_", "FASPMGR_ASCP"))}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


@attrs.frozen
class Outcome:
    """A run to its end. data: what the management port got; problems: kinds of what was wrong with it."""

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


class Live:
    """A run under way: tell it commands, wait for what it says."""

    def __init__(self, *args: str | Path, fault: str = "", env: Mapping[str, str] | None = None) -> None:
        self.data = b""
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        words = [*ASCP, "-M", str(port), *map(str, args)]
        more = {**(env or {}), **({"FASPMGR_ASCP_FAULT": fault} if fault else {})}
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment(**more)
        )
        self.eof = threading.Event()
        self._connected = threading.Event()
        self._over = threading.Event()
        self._connection: socket.socket | None = None
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        try:
            if not self._is_called():
                return
            self._connection, _ = self._server.accept()
            self._connected.set()
            while data := self._connection.recv(1 << 16):
                self.data += data
        except OSError:
            pass
        finally:
            self.eof.set()

    def _is_called(self) -> bool:
        """Wait for a connection; one that came before the end still waits in the queue then."""
        over = False
        while not select.select([self._server], [], [], 0.05)[0]:
            if over:
                return False
            over = self._over.is_set()
        return True

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
        assert self._connected.wait(10)
        assert self._connection
        self._connection.sendall(data if isinstance(data, bytes) else data.encode())

    def finish(self) -> Outcome:
        out, err = self.process.communicate(timeout=TIMEOUT)
        self._over.set()
        self.eof.wait(5)
        return Outcome(self.process.returncode, out.decode(), err.decode(), self.data)

    def __enter__(self) -> Live:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        if self._connection:
            self._connection.close()
        self._over.set()
        self._thread.join(5)
        self._server.close()


def run(*args: str | Path, fault: str = "", env: Mapping[str, str] | None = None) -> Outcome:
    """Run a simulated ascp with a management port, to its end."""
    with Live(*args, fault=fault, env=env) as live:
        return live.finish()


def run_alone(*args: str, env: Mapping[str, str] | None = None) -> Outcome:
    """Run it without a management port."""
    done = subprocess.run([*ASCP, *args], capture_output=True, env=environment(**(env or {})), timeout=TIMEOUT)
    return Outcome(done.returncode, done.stdout.decode(), done.stderr.decode(), b"")


def stream(frames: Sequence[Frame]) -> bytes:
    return b"".join(frame.encode() for frame in frames)
