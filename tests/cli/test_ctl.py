"""faspmgr ctl: commands to a transfer that runs in another process, and what ascp made of them."""

from __future__ import annotations

import contextlib
import json
import os
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launcher import finish, run, start
from tests.live import nothing_left, scripted_ascp, simulated_ascp, socket_folder, wait_until

__all__ = ["nothing_left", "scripted_ascp", "simulated_ascp", "socket_folder"]


@contextlib.contextmanager
def running(folder: Path, *argv: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A transfer that runs, and its control socket."""
    path = str(folder / "control")
    with start("run", "--progress", "none", "--grace", "1", "--control", path, "--", *argv) as process:
        wait_until(lambda: os.path.exists(path))
        wait_until(lambda: "transferring" in run("ctl", path, "status")[1] or process.poll() is not None)
        yield process, path


def big_file(tmp_path: Path) -> list[str]:
    """A transfer of half a minute for the simulator, at the rate that it begins with."""
    (tmp_path / "target").mkdir()
    (tmp_path / "big.bin").write_bytes(os.urandom(4_000_000))
    return ["--simulate-copy", "-l", "1m", str(tmp_path / "big.bin"), f"xfer@localhost:{tmp_path / 'target'}"]


def test_a_running_transfer_is_controlled(simulated_ascp: str, tmp_path: Path, socket_folder: Path) -> None:
    with running(socket_folder, simulated_ascp, *big_file(tmp_path)) as (process, path):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        status, out, _ = run("ctl", path, "status", "--json")
        assert json.loads(out)["transfers"][0]["sessions"][0]["target_rate_kbps"] == 1_000
        status, out, _ = run("ctl", path, "rate", "--target", "2m", "--min", "100k", "--policy", "fixed")
        assert (status, out) == (0, "Accepted: target 2000 Kbps, minimum 100 Kbps, policy Fixed\n")
        status, out, _ = run("ctl", path, "rate", "--target", "1g")
        assert status == 0
        status, out, _ = finish(process)
        assert status == 0
        assert "Completed: 4.0 MB" in out
    assert not os.path.exists(path)
    assert (tmp_path / "target" / "big.bin").read_bytes() == (tmp_path / "big.bin").read_bytes()


def test_cancel(simulated_ascp: str, tmp_path: Path, socket_folder: Path) -> None:
    with running(socket_folder, simulated_ascp, *big_file(tmp_path)) as (process, path):
        status, out, _ = run("ctl", path, "cancel")
        assert status == 0
        assert out.startswith("Accepted: the session failed: 28 USER_CANCEL")
        status, out, _ = finish(process)
    assert status == 130
    assert "Interrupted: 28 USER_CANCEL" in out


def test_files_of_a_persistent_session(simulated_ascp: str, tmp_path: Path, socket_folder: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "a").write_bytes(b"a" * 100_000)
    path = str(socket_folder / "control")
    options = ["--simulate-copy", "--keepalive", "--mode=send", "--host=h", "-l", "100m"]
    argv = [simulated_ascp, *options, str(tmp_path / "target")]
    with start("run", "--progress", "none", "--control", path, "--", *argv) as process:
        wait_until(lambda: os.path.exists(path))
        wait_until(lambda: "negotiated" in run("ctl", path, "status")[1])
        status, out, err = run("ctl", path, "start", str(tmp_path / "a"), "b")
        assert (status, out.partition(":")[0]) == (0, "Accepted"), out + err
        assert run("ctl", path, "finish")[0] == 0
        assert finish(process)[0] == 0
    assert (tmp_path / "target" / "b").read_bytes() == b"a" * 100_000


def test_a_command_without_a_reply(scripted_ascp: Callable[[str], str], socket_folder: Path) -> None:
    program = scripted_ascp("wire = began(); wire.sendall(stats(4)); wire.recv(999); time.sleep(60)")
    with running(socket_folder, program) as (_, path):
        status, out, _ = run("ctl", "--timeout", "0.2", path, "rate", "--target", "1m")
        assert (status, out) == (3, "No reply: no reply from ascp within 0.2 s\n")


def test_a_command_that_is_rejected(scripted_ascp: Callable[[str], str], socket_folder: Path) -> None:
    program = scripted_ascp("wire = began(); wire.sendall(stats(4)); wire.recv(999); wire.sendall(error(16)); exit(1)")
    with running(socket_folder, program) as (_, path):
        status, out, _ = run("ctl", path, "rate", "--target", "1m")
        assert (status, out) == (1, "Rejected: the session failed: 16 CONNECTION_LOST: it failed\n")


def test_nobody_there(socket_folder: Path) -> None:
    status, out, err = run("ctl", socket_folder / "none", "status")
    assert (status, out) == (2, "")
    assert err == f"faspmgr: {socket_folder}/none: No such file or directory\n"


def test_no_socket(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    status, _, err = run("ctl", tmp_path / "file", "cancel")
    assert (status, len(err.splitlines())) == (2, 1)


@pytest.mark.parametrize(
    ("args", "words"),
    [(["rate"], "nothing to change"), (["rate", "--target", "fast"], "invalid rate: 'fast'"), (["dance"], "dance")],
)
def test_wrong_usage(args: list[str], words: str, socket_folder: Path) -> None:
    status, out, err = run("ctl", socket_folder / "none", *args)
    assert (status, out) == (2, "")
    assert words in err
