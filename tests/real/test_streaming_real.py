"""Persistent sessions and streams with a real ascp: all that it shows before it has a session.

Both ends have a client's license, so a session ends in ERROR 38 as soon as its peer has answered, and no START, PUT or
DONE is ever obeyed. And ascp 3.9.0 does not know --faspmgr-io at all. What such sessions do is tested against the
simulator, which is compared here with the real one as far as that goes.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr import commands
from faspmgr.manager import Result
from faspmgr.protocol.commands import Close, Put, Write
from faspmgr.protocol.tokenizer import Tokenizer
from tests import launcher
from tests.launcher import SIMULATOR
from tests.real.conftest import SshServer
from tests.real.runs import TIMEOUT
from tests.real.test_simulator_real import REAL, run

LINGER = commands.Finish().encode()
SHUTDOWN = commands.Finish(now=True).encode()
START = commands.StartFile("/etc/hostname", "/a").encode()
STREAM = Put("/a").encode() + Write("/a", 0, b"12345").encode() + Close("/a").encode()

# Command lines of persistent sessions, beside those of test_simulator_real.py; CLOSED stands for -P and a closed port.
SAME = """
--keepalive --mode=recv --host=127.0.0.1 CLOSED /dst
--keepalive --mode=send CLOSED xfer@127.0.0.1
--keepalive --mode=recv CLOSED 127.0.0.1
--keepalive --mode=send --user=joe CLOSED xfer@127.0.0.1
--keepalive --mode=send CLOSED xfer@127.0.0.1:
--keepalive --mode=send CLOSED xfer@127.0.0.1:/dst
--keepalive --mode=send --user=joe CLOSED xfer@127.0.0.1:/dst
--keepalive --mode=send --host=127.0.0.1 CLOSED xfer@h:/dst
--keepalive --mode=send CLOSED
--keepalive --host=127.0.0.1 CLOSED /dst
--keepalive --mode=send --host=127.0.0.1 --file-list=LIST CLOSED /dst
--keepalive --mode=send --host=127.0.0.1 --file-list=nonexistent CLOSED /dst
--keepalive --mode=send --host=127.0.0.1 --file-pair-list=LIST CLOSED /dst
--keepalive --mode=recv --host=127.0.0.1 CLOSED a /dst
--keepalive --mode=send --host=127.0.0.1 --src-base=/x CLOSED /dst
--keepalive --mode=send --src-base=/x CLOSED xfer@127.0.0.1:/dst
--keepalive --mode=send --host=127.0.0.1 -C 1:2 CLOSED /dst
--keepalive -C 1:1 --mode=send --host=127.0.0.1 CLOSED /dst
-C 1:2 --keepalive
--keepalive --mode=send --host=127.0.0.1 -y 1 CLOSED /dst
--keepalive --mode=recv --host=127.0.0.1 -@ 1:2 CLOSED /dst
--mode=recv --host=127.0.0.1 CLOSED
""".strip().splitlines()


@pytest.fixture(params=SAME)
def line(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_the_simulator_refuses_what_the_real_one_refuses(line: str, tmp_path: Path, closed: int) -> None:
    (tmp_path / "list").write_text("one line\n")
    real = run([REAL], line, tmp_path, closed)
    ours = run(SIMULATOR, line, tmp_path, closed, FASPMGR_ASCP_FAULT="fail=44@connect")
    assert ours == real
    assert real.status == 1


@pytest.mark.parametrize("program", [[REAL], SIMULATOR], ids=["real", "simulator"])
def test_a_path_where_the_host_should_be(program: Sequence[str], tmp_path: Path, closed: int) -> None:
    done = run(program, "--keepalive --mode=send CLOSED /dst", tmp_path, closed)
    assert done.status == 1
    assert "Code: 14\nDescription: Target address not available\n" in done.stream


@pytest.mark.parametrize("program", [[REAL], SIMULATOR], ids=["real", "simulator"])
def test_a_persistent_session_needs_a_manager(program: Sequence[str], closed: int) -> None:
    words = ["--keepalive", "--mode=send", "--host=127.0.0.1", "-P", str(closed), "/dst"]
    done = launcher.run(*words, program=program, clean=True)
    assert (done.status, done.out) == (1, "")
    assert done.err == "ascp: management -M connection required for --keepalive session \nStartup failed, exit\n"


# -- streams


@pytest.mark.parametrize("more", [[], ["--keepalive"]])
def test_it_does_not_know_streams(real_ascp: str, closed: int, more: list[str]) -> None:
    words = ["--faspmgr-io", *more, "--mode=send", "--host=127.0.0.1", "-P", str(closed), "/dst"]
    result = ours([real_ascp, *words])
    assert (result.verdict, result.status, result.exit_status) == ("not started", 5, 1)
    assert "unrecognized option `--faspmgr-io'" in result.reason


# -- what is sent before there is a session


def ours(argv: list[str], **options: Any) -> Result:
    return asyncio.run(asyncio.wait_for(faspmgr.run(argv, **options), TIMEOUT))


def persistent(server: SshServer, mode: str = "send", remote: str | None = None) -> list[str]:
    words = ["--keepalive", f"--mode={mode}", "--host=127.0.0.1", f"--user={server.user}", f"{server.folder}/target"]
    return server.argv(*words, remote=remote)


@contextlib.contextmanager
def connected(argv: list[str]) -> Any:
    """Run it with a management port for the length of a block; give its process and the connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(TIMEOUT)
        port = server.getsockname()[1]
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen([argv[0], "-M", str(port), *argv[1:]], **quiet)  # type: ignore[call-overload]
        try:
            with server.accept()[0] as connection:
                connection.settimeout(TIMEOUT)
                yield process, connection
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("mode", ["send", "recv"])
@pytest.mark.parametrize(
    "sent",
    [b"", LINGER, SHUTDOWN, START + LINGER, STREAM + LINGER],
    ids=["nothing", "linger", "shutdown", "start", "stream"],
)
def test_what_is_sent_before_does_no_harm(ssh_server: SshServer, mode: str, sent: bytes) -> None:
    """It is not read. So the end of the connection is a reset, which must lose no message."""
    data = b""
    with connected(persistent(ssh_server, mode)) as (process, connection):
        connection.sendall(sent)
        with contextlib.suppress(ConnectionResetError):
            while block := connection.recv(1 << 16):
                data += block
        assert process.wait(TIMEOUT) == 1
    frames = Tokenizer(strict=True).feed(data)
    assert [frame.type for frame in frames] == ["INIT", "SESSION", "ERROR"]
    assert frames[-1].fields["Code"] == "38"
    assert frames[1].fields["Keepalive"] == "Yes"
    assert frames[1].fields["Direction"] == {"send": "Send", "recv": "Receive"}[mode]


def test_while_it_waits_it_reads_nothing(ssh_server: SshServer) -> None:
    """Data of streams are sent until the system takes no more of them; and neither CANCEL nor SIGTERM ends it."""
    data = Put("/a").encode() + Write("/a", 0, bytes(32 << 20)).encode()
    with connected(persistent(ssh_server, remote=ssh_server.remote("cat >/dev/null"))) as (process, connection):
        connection.sendall(commands.Cancel().encode())
        connection.settimeout(2)
        with pytest.raises(TimeoutError):
            connection.sendall(data)
        process.send_signal(signal.SIGTERM)
        time.sleep(1)
        assert process.poll() is None


@pytest.mark.parametrize("mode", ["send", "recv"])
def test_ours_ends_a_persistent_session_that_is_refused(ssh_server: SshServer, mode: str) -> None:
    result = ours(persistent(ssh_server, mode))
    assert (result.verdict, result.status, result.exit_status) == ("failed", 1, 1)
    assert result.error is not None
    assert result.error.code == 38


def test_ours_ends_a_persistent_session_that_hangs(ssh_server: SshServer) -> None:
    """It is asked to end, told to, and killed: nothing is left (nothing_left)."""
    argv = persistent(ssh_server, remote=ssh_server.remote("cat >/dev/null"))

    async def stopped() -> Result:
        job = faspmgr.Job(argv, grace=0.5)
        running = asyncio.create_task(job.run())
        while not job.transfers:
            await asyncio.sleep(0.05)
        reply = await job.send(commands.Finish(now=True))
        assert reply.accepted is not True
        job.stop("enough")
        return await running

    result = asyncio.run(asyncio.wait_for(stopped(), TIMEOUT))
    assert result.exit_status == -signal.SIGKILL
