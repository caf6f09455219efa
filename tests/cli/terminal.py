"""The command line in this process, and on a terminal. As a program it is started by tests/launcher.py."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from unittest import mock

from faspmgr.cli.main import main
from tests.launcher import TIMEOUT, start
from tests.live import wait_until


class Result(NamedTuple):
    """How a call in this process ended; standard output as bytes."""

    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        # Not splitlines: it cuts at characters that end no line for a program, such as U+0085.
        return self.text.removesuffix("\n").split("\n") if self.text else []

    @property
    def objects(self) -> list[Any]:
        """JSON Lines, parsed."""
        return [json.loads(line) for line in self.lines]

    @property
    def errors(self) -> list[str]:
        return self.err.splitlines()


def invoke(*args: str | Path, stdin: bytes = b"") -> Result:
    """Call the command line in this process."""
    streams = [io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="strict") for data in (stdin, b"", b"")]
    streams[2] = io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="backslashreplace")  # as Python's own
    with (
        mock.patch.multiple(sys, stdin=streams[0], stdout=streams[1], stderr=streams[2]),
        mock.patch.dict(os.environ, COLUMNS="80"),  # else help is as wide as the terminal of who runs the tests
    ):
        try:
            main([str(arg) for arg in args])
        except SystemExit as exit_:
            status = exit_.code
    out, err = (_written(stream) for stream in streams[1:])
    assert isinstance(status, int)
    assert "Traceback" not in err.decode()
    return Result(int(status), out, err.decode())


def _written(stream: io.TextIOWrapper) -> bytes:
    stream.flush()
    assert isinstance(stream.buffer, io.BytesIO)
    return stream.buffer.getvalue()


class Terminal:
    """A terminal on which the command line runs.

    Attributes:
        process: the program.
        text: everything that was written to the terminal.
    """

    def __init__(self, process: subprocess.Popen[bytes], master: int) -> None:
        self.process = process
        self.text = ""
        self._master = master
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self._master, 1 << 16):
                self.text += data.decode()

    def type(self, data: bytes) -> None:
        """Press keys."""
        os.write(self._master, data)

    def resize(self, columns: int) -> None:
        set_columns(self._master, columns)

    def hang_up(self) -> None:
        """Close the terminal: the kernel sends SIGHUP, and writing fails from now on."""
        os.close(self._master)
        self._master = -1

    def wait_for(self, text: str) -> None:
        """Wait until this was written."""
        wait_until(lambda: text in self.text)

    def end(self) -> int:
        """Wait for the end of the program; give its status."""
        status = self.process.wait(TIMEOUT)
        self._reader.join(5)
        return status

    def close(self) -> None:
        self._reader.join(5)
        if self._master >= 0:
            os.close(self._master)


@contextlib.contextmanager
def on_terminal(*args: str | Path, stdin: int | None = None, **options: Any) -> Iterator[Terminal]:
    """Run the command line on a terminal of its own, of 80 columns and 24 rows.

    Args:
        args: its arguments.
        stdin: as for Popen; by default the terminal.
        options: others of Popen.
    """
    master, slave = pty.openpty()
    set_columns(slave, 80)
    with start(
        *args,
        stdin=slave if stdin is None else stdin,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
        environment={"TERM": "xterm"},
        **options,
    ) as process:
        os.close(slave)
        terminal = Terminal(process, master)
        try:
            yield terminal
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            terminal.close()


def set_columns(descriptor: int, columns: int, rows: int = 24) -> None:
    """Set the size of a terminal."""
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
