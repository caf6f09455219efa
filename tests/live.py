"""What the tests of live transfers share: programs that play ascp, and a check that none of them is left behind.

The fixture scripted_ascp makes an ascp of a few lines of Python, simulated_ascp one that is the simulator. Programs are
started by tests/launcher.py.
"""

from __future__ import annotations

import os
import resource
import shlex
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launcher import ROOT, SIMULATOR

MakeAscp = Callable[[str], str]
"""What the fixture scripted_ascp gives: lines of Python in, path of the executable out."""
MARK = "FASPMGR_TEST_MARK"
"""The variable by which what a test has started is found again."""

PRELUDE = """\
#!{python} -IS
import os, signal, socket, sys, time

def option(name):
    return sys.argv[sys.argv.index(name) + 1] if name in sys.argv else None

def message(kind, **fields):
    lines = ["FASPMGR 2", "Type: " + kind, "SessionId: " + session_id]
    return "\\n".join(lines + ["%s: %s" % field for field in fields.items()] + ["", ""]).encode()

def connect():
    host, _, port = option("-M").rpartition(":")
    return socket.create_connection((host, int(port)))

def began(**session):
    wire = connect()
    wire.sendall(message("INIT", UserStr=option("-u"), Direction="Send", Operation="Transfer"))
    wire.sendall(message("SESSION", UserStr=option("-u"), Rate="10000", **session))
    return wire

def stats(written, size=1000, name="/data/a", **more):
    return message("STATS", File=name, Size=size, Written=written, TransferBytes=written, FileBytes=written,
                   Elapsedusec=1000 + written, **more)

def stop(size=1000, name="/data/a"):
    return message("STOP", File=name, Size=size, Written=size, TransferBytes=size, FileBytes=size,
                   Elapsedusec=2000 + size)

def receive(wire):  # the next command, as a dict
    text = b""
    while not text.endswith(b"\\n\\n"):
        text += wire.recv(1) or sys.exit(9)
    return dict(line.split(": ", 1) for line in text.decode().splitlines()[1:] if line)

session_id = "5e551000-0000-4000-8000-%012d" % os.getpid()
DONE = message("DONE")

def error(code, words="it failed"):
    return message("ERROR", Code=code, Description=words)

"""


@pytest.fixture
def scripted_ascp(tmp_path: Path) -> MakeAscp:
    """Makes an executable named ascp of a few lines of Python; gives its path. PRELUDE has what the lines can use."""

    def make(body: str, name: str = "ascp") -> str:
        folder = tmp_path / f"bin-{uuid.uuid4().hex[:8]}"
        folder.mkdir()
        path = folder / name
        path.write_text(PRELUDE.format(python=sys.executable) + body)
        path.chmod(0o755)
        return str(path)

    return make


@pytest.fixture
def simulated_ascp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The simulator as an executable named ascp."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    folder = tmp_path / "simulator"
    folder.mkdir()
    path = folder / "ascp"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(SIMULATOR)} "$@"\n')
    path.chmod(0o755)
    return str(path)


@pytest.fixture(autouse=True)
def nothing_left(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """After the test, no process that it started may be alive, nor one that those have started."""
    mark = uuid.uuid4().hex
    monkeypatch.setenv(MARK, mark)
    yield
    deadline = time.monotonic() + 5
    while (left := processes_with(f"{MARK}={mark}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not left, f"left behind: {left}"


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    """Lets this process, and those that it starts, open some thousand files, or skips the test."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 4_096
    if soft != resource.RLIM_INFINITY and soft < wanted:
        if hard != resource.RLIM_INFINITY and hard < wanted:
            pytest.skip(f"no more than {hard} open files are allowed")
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def socket_folder() -> Iterator[Path]:
    """A folder with a short path: that of a Unix socket may have some hundred bytes, and TMPDIR be long."""
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        yield Path(folder)


def processes_with(variable: str) -> list[str]:
    """The command lines of the processes that have this in their environment. Where there is no /proc: none."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if folder.name != str(os.getpid()) and variable.encode() in (folder / "environ").read_bytes().split(b"\0"):
                state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
                if state != "Z":
                    found.append(f"{folder.name}: {command}")
        except OSError:  # it has just gone, or is another user's
            continue
    return found


def wait_until(condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Wait for a condition, for so long that a busy machine does not matter."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def message(kind: str, **fields: object) -> bytes:
    """A message as ascp sends it."""
    return "\n".join(["FASPMGR 2", f"Type: {kind}", *(f"{k}: {v}" for k, v in fields.items()), "", ""]).encode()


def may_wait(count: int) -> bool:
    """Does the system let so many connections wait until they are accepted? As far as it tells."""
    try:
        return int(Path("/proc/sys/net/core/somaxconn").read_text()) >= count
    except OSError:
        return False


def free_port() -> int:
    """A TCP port on loopback where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
