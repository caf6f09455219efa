"""Running a real ascp: each of its ends, as seen by the manager and the command line.

Both ends have a client's license, so no data flows: the peer refuses with code 38. What flows is tested against the
simulator. Codes are those that the protocol page has for these situations.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import ManagementPort, Result
from tests import launcher
from tests.launcher import finish, start
from tests.live import wait_until
from tests.real.conftest import SshServer


def run(argv: list[str], **options: Any) -> Result:
    return asyncio.run(asyncio.wait_for(faspmgr.run(argv, **options), 50))


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "clip.bin"
    path.write_bytes(os.urandom(10_000))
    return str(path)


def code_of(result: Result) -> int | None:
    assert result.verdict == "failed", result
    assert result.error is not None
    assert result.exit_status == 1
    return result.error.code


# -- the ends that can be reached


def test_check(real_ascp: str) -> None:
    status, out, _ = launcher.run("run", "--check", "--ascp", real_ascp)
    lines = out.splitlines()
    assert (status, lines[0]) == (0, os.path.abspath(real_ascp))
    assert lines[1].startswith("version: ")
    assert lines[2] == "platform: Linux"
    assert any("icense" in line for line in lines[3:])


def test_a_view_of_the_server(real_ascp: str, fixtures: Path) -> None:
    capture = fixtures / "sessions" / "upload-skip-failure.fasp"
    status, out, _ = launcher.run("view", "server", "--ascp", real_ascp, capture)
    assert status == 0
    server = json.loads(out)
    assert server["version"].split(".")[-1] == str(server["revision"])
    assert server["serverPlatform"] == "linux"
    assert server["license"]["valid"] is True


def test_a_refused_port(real_ascp: str, source: str, closed: int) -> None:
    result = run([real_ascp, "-P", str(closed), source, "xfer@127.0.0.1:/tmp"])
    assert code_of(result) == 44
    assert result.error is not None
    assert result.error.retryable
    assert any("Failed to open TCP connection for SSH" in line for line in result.stderr)


def test_a_wrong_key(ssh_server: SshServer, source: str) -> None:
    assert code_of(run(ssh_server.argv(source, ssh_server.destination, key=ssh_server.other_key))) == 19


def test_a_missing_source(ssh_server: SshServer, tmp_path: Path) -> None:
    assert code_of(run(ssh_server.argv(str(tmp_path / "none"), ssh_server.destination))) == 43


def test_an_unknown_host(real_ascp: str, source: str) -> None:
    assert code_of(run([real_ascp, source, "xfer@no-such-host.invalid:/tmp"])) == 14


def test_no_host(real_ascp: str, source: str) -> None:
    assert code_of(run([real_ascp, source, "/tmp"])) == 8


def test_a_remote_program_that_exits(ssh_server: SshServer, source: str) -> None:
    remote = ssh_server.remote("exit 3")
    assert code_of(run(ssh_server.argv(source, ssh_server.destination, remote=remote))) == 12


def test_a_peer_with_a_clients_license(ssh_server: SshServer, source: str) -> None:
    status, out, _ = launcher.run("run", "--progress", "none", "--", *ssh_server.argv(source, ssh_server.destination))
    assert status == 1
    assert out.startswith("Failed: 38 LIC_ILLEGAL: Server aborted session: Server has only a client license\n")
    assert "client's license" in out  # the advice


def test_an_option_that_does_not_exist(real_ascp: str) -> None:
    result = run([real_ascp, "--nonsense"])
    assert (result.verdict, result.status) == ("not started", 5)
    assert "--nonsense" in result.reason


def test_a_retry(real_ascp: str, source: str, closed: int) -> None:
    argv = [real_ascp, "-P", str(closed), source, "xfer@127.0.0.1:/tmp"]
    result = run(argv, retry=2, retry_wait=0.1)
    assert code_of(result) == 44
    assert [attempt.error and attempt.error.code for attempt in result.attempts] == [44, 44, 44]
    assert result.transfer is not None
    assert result.transfer.attempts == 3


# -- a remote program that hangs: ascp then hears neither CANCEL nor SIGTERM


@pytest.fixture
def hanging(ssh_server: SshServer, source: str) -> list[str]:
    return ssh_server.argv(source, ssh_server.destination, remote=ssh_server.remote("cat >/dev/null"))


def test_a_stall(hanging: list[str]) -> None:
    result = run(hanging, stall_timeout=1, grace=0.5)
    assert (result.verdict, result.status, result.exit_status) == ("lost", 3, -signal.SIGKILL)
    assert result.reason == "no progress for 1 s"


def ascp_runs(process: subprocess.Popen[bytes], name: str) -> bool:
    """Has the program started this one?"""
    found = subprocess.run(
        ["ps", "-ww", "-o", "args=", "--ppid", str(process.pid)], capture_output=True, text=True, timeout=30
    )
    return name in found.stdout


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_no_process(hanging: list[str], tmp_path: Path, number: signal.Signals) -> None:
    record = tmp_path / "record"
    with start("run", "--grace", "0.5", "--record", record, "--", *hanging) as process:
        wait_until(lambda: record.exists() and b"INIT" in record.read_bytes())
        assert ascp_runs(process, hanging[0])
        process.send_signal(number)
        status, out, _ = finish(process)
    assert status == 130
    assert "Interrupted: " in out
    assert f"interrupted by {number.name}" in out


def test_a_second_ctrl_c_does_not_wait(hanging: list[str], tmp_path: Path) -> None:
    record = tmp_path / "record"
    with start("run", "--grace", "300", "--record", record, "--", *hanging) as process:
        wait_until(lambda: record.exists() and b"INIT" in record.read_bytes())
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 130


# -- what goes through to the session


def test_two_sessions(ssh_server: SshServer, source: str) -> None:
    tags = json.dumps({"aspera": {"xfer_id": "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0"}})
    argv = ssh_server.argv("--tags", tags, source, ssh_server.destination)
    result = run(argv, sessions=2, udp_port=33101)
    assert code_of(result) == 38
    assert result.transfer is not None
    sessions = [session.negotiated for session in result.transfer.sessions]
    assert {(event.cluster_num_nodes, event.cluster_node_id) for event in sessions if event} <= {(2, 0), (2, 1)}
    assert {event.port for event in sessions if event} <= {33101, 33102}
    assert any(sessions)


def test_tags_token_and_cookie(ssh_server: SshServer, source: str, tmp_path: Path) -> None:
    tags = {"aspera": {"xfer_id": "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0"}, "mine": {"id": 7}}
    record = tmp_path / "record"
    secrets = {"ASPERA_SCP_TOKEN": "s3cret-t0ken", "ASPERA_SCP_COOKIE": "app:42"}
    argv = ssh_server.argv("--tags", json.dumps(tags), source, ssh_server.destination)
    result = run(argv, environment=secrets, record=record)
    assert code_of(result) in (34, 37, 38)
    (session,) = [event for event in faspmgr.read(str(record)) if isinstance(event, faspmgr.SessionEvent)]
    assert session.cookie == "app:42"
    assert session.xfer_id == "0f1e2d3c-4b5a-4678-8796-a5b4c3d2e1f0"
    assert isinstance(session.tags, dict)
    assert session.tags["mine"] == {"id": 7}
    assert result.transfer is not None
    assert result.transfer.id == session.xfer_id
    assert "s3cret-t0ken" not in json.dumps(result.to_dict()) + repr(result)


@pytest.mark.parametrize(
    "name",
    ["with space", "Übersicht", "quo'te\"s", "-dash", "per%cent", "n" * 250],
)
def test_odd_file_names(ssh_server: SshServer, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"x")
    record = tmp_path / "record"
    assert code_of(run(ssh_server.argv(str(path), ssh_server.destination), record=record)) == 38
    (session,) = [event for event in faspmgr.read(str(record)) if isinstance(event, faspmgr.SessionEvent)]
    assert session.source == (str(path),)


def test_a_name_that_is_no_utf_8_is_left_out_by_ascp(ssh_server: SshServer, tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"latin-\xe9")
    path.write_bytes(b"x")
    record = tmp_path / "record"
    assert code_of(run(ssh_server.argv(str(path), ssh_server.destination), record=record)) == 38
    (session,) = [event for event in faspmgr.read(str(record)) if isinstance(event, faspmgr.SessionEvent)]
    assert session.source is None


def test_a_user_string_that_is_too_long(ssh_server: SshServer, source: str) -> None:
    result = run(ssh_server.argv("-u", "u" * 200, source, ssh_server.destination))
    assert result.verdict == "not started"
    assert 'argument to "-u" too long' in result.reason


# -- the management port


def test_an_ascp_that_somebody_else_starts(ssh_server: SshServer, source: str) -> None:
    async def listen() -> list[str]:
        async with ManagementPort() as port:
            argv = ssh_server.argv("-M", port.address, source, ssh_server.destination)
            process = await asyncio.create_subprocess_exec(*argv, stdout=-3, stderr=-3)
            connection = await port.__anext__()
            types = [event.type async for event in connection]
            assert connection.parser.problem_count == 0
            await process.wait()
            return types

    assert asyncio.run(asyncio.wait_for(listen(), 50)) == ["INIT", "SESSION", "ERROR"]


def test_a_port_where_nobody_listens(real_ascp: str, source: str, closed: int) -> None:
    """Why a transfer that cannot be watched does not start: ascp sees to it itself."""
    argv = [real_ascp, "-M", f"127.0.0.1:{closed}", source, "xfer@127.0.0.1:/tmp"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=50)
    assert done.returncode == 1
    assert "management" in done.stderr
