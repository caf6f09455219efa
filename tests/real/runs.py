"""A real ascp, run to its end: what it reported to its management port, and what it printed."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from faspmgr.ascp import with_option
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer

TIMEOUT = 40
"""Seconds that a run may take; on a busy machine everything takes several times as long."""

Meanwhile: TypeAlias = Callable[[subprocess.Popen[bytes], list[bytes]], None]


@attrs.frozen
class Run:
    """How a run of ascp went.

    Attributes:
        data: what it reported, as it came.
        output: what it printed.
        status: its exit status, negative for a signal.
    """

    data: bytes
    output: str
    status: int

    @property
    def frames(self) -> list[Frame]:
        """What it reported, message by message."""
        return Tokenizer().feed(self.data)

    def fields(self, type_: str) -> dict[str, str]:
        found = [frame.fields for frame in self.frames if frame.type == type_]
        assert found, f"no {type_}; ascp printed: {self.output}"
        return dict(found[0])

    @property
    def code(self) -> str:
        return self.fields("ERROR")["Code"]


def run(
    argv: Sequence[str],
    env: Mapping[str, str] | None = None,
    *,
    meanwhile: Meanwhile | None = None,
) -> Run:
    """Run ascp with a management port of its own, to its end.

    Args:
        argv: its command line.
        env: variables beside those of this process; of those, what steers an ascp is left out.
        meanwhile: called while it runs, with its process and the pieces that it has reported so far.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASPERA_")}
    received: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        reader = threading.Thread(target=_receive, args=(server, received))
        reader.start()
        process = None
        try:
            process = subprocess.Popen(
                with_option(list(argv), "-M", str(server.getsockname()[1])),
                env={**clean, **(env or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
            )
            if meanwhile:
                meanwhile(process, received)
            printed, _ = process.communicate(timeout=TIMEOUT)
        finally:
            if process is not None and process.poll() is None:
                process.kill()
                process.communicate()
            # ascp that stops at a wrong option never connects: this wakes the thread that waits for it
            socket.create_connection(server.getsockname()[:2]).close()
            reader.join()
    return Run(b"".join(received), printed.decode("utf-8", "backslashreplace"), process.returncode)


def _receive(server: socket.socket, received: list[bytes]) -> None:
    connection, _ = server.accept()
    with connection:
        while data := connection.recv(65_536):
            received.append(data)
