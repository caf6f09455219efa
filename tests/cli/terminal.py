"""The command line for tests: called in this process where that is enough, else started as a program of its own."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import IO, Any, NamedTuple
from unittest import mock

from faspmgr.cli.main import main

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = [sys.executable, "-m", "faspmgr"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8"}
ENVIRONMENT.pop("PYTHONUNBUFFERED", None)  # buffers are what is to be tested
TIMEOUT = 30


class Result(NamedTuple):
    status: int
    out: bytes
    err: str

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def lines(self) -> list[str]:
        return self.text.splitlines()

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


def run(*args: str | Path, stdin: bytes = b"", stdout: int | IO[bytes] = subprocess.PIPE) -> Result:
    """Run the command line as a program, to its end."""
    done = subprocess.run(
        [*PROGRAM, *args], input=stdin, stdout=stdout, stderr=subprocess.PIPE, env=ENVIRONMENT, timeout=TIMEOUT
    )
    return Result(done.returncode, done.stdout or b"", done.stderr.decode())


def shell(script: str, *args: str | Path) -> Result:
    """Run a bash script in which ``faspmgr`` is the command line; args are $1, $2 and so on."""
    text = f'set -o pipefail; faspmgr() {{ "{sys.executable}" -m faspmgr "$@"; }}; {script}'
    done = subprocess.run(["bash", "-c", text, "bash", *args], capture_output=True, env=ENVIRONMENT, timeout=TIMEOUT)
    return Result(done.returncode, done.stdout, done.stderr.decode())


def start(*args: str | Path, **pipes: Any) -> subprocess.Popen[bytes]:
    """Start the command line as a program, with pipes to its standard streams. To be used with ``with``."""
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **pipes}
    return subprocess.Popen([*PROGRAM, *args], env=ENVIRONMENT, bufsize=0, **streams)
