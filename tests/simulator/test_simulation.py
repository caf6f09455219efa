"""faspmgr-ascp while it runs: the commands it applies, and the faults it is asked for."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faspmgr import commands
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from tests.launcher import TIMEOUT
from tests.simulator.conftest import SMALL
from tests.simulator.management import Reported, content, copy, live, run, run_alone, run_process, tracked

PERSISTENT = ["--keepalive", "--mode=send", "--host=h", "--user=u"]


# -- commands


@pytest.fixture
def slow(tmp_path: Path, target: Path) -> list[str | Path]:
    """The arguments for a copy that would take a minute."""
    (tmp_path / "slow.bin").write_bytes(bytes(7_500_000))
    return ["--simulate-copy", "-l", "1m", "-u", "demo", tmp_path / "slow.bin", f"u@h:{target}"]


def test_rate_changes_the_rate_and_is_answered(slow: list[str | Path], target: Path) -> None:
    began = time.monotonic()
    with live(*slow) as it:
        it.expect("Type: STATS")
        it.send(commands.SetRate(target_kbps=1_000_000, min_kbps=5, policy="high"))
        outcome = it.finish()
    assert time.monotonic() - began < 20
    reply = outcome.of("NOTIFICATION")[1]
    assert list(reply) == ["Rate", "MinRate", "SessionId", "Adaptive", "UserStr", "Priority"]
    assert [reply[name] for name in ("Rate", "MinRate", "Adaptive", "Priority")] == ["1000000", "5", "Adaptive", "1"]
    assert outcome.status == 0
    assert target.stat().st_size == 7_500_000


def test_a_rate_of_zero_pauses(slow: list[str | Path]) -> None:
    with live(*slow) as it:
        it.expect("Type: STATS")
        it.send(commands.SetRate(target_kbps=0))
        it.expect("^Rate: 0$")
        written = it.expect(r"Written: (\d+)[^$]*\Z")
        time.sleep(0.3)
        it.send(commands.SetRate(target_kbps=10_000_000))
        outcome = it.finish()
    assert outcome.status == 0
    assert int(written[1]) < 7_500_000


@pytest.mark.parametrize("fields", [{"Rate": "x"}, {"Adaptive": "Fast"}, {"Rate": "-1"}, {"Priority": "3"}, {}])
def test_a_malformed_rate_is_ignored(slow: list[str | Path], fields: dict[str, str]) -> None:
    with live(*slow) as it:
        it.expect("Type: STATS")
        it.send(Frame("RATE", fields))
        it.send(b"noise\nFASPMGR 2\nRate: 5\n\nFASPMGR 2\nType: NOSUCH\n\n")
        it.send(commands.Finish())  # nothing that a session with sources understands
        it.send(commands.StartFile("/a", "/b"))
        it.send(commands.Cancel())
        outcome = it.finish()
    assert outcome.types == ["INIT", "SESSION", "NOTIFICATION", "STATS", "ERROR"]


def test_cancel(slow: list[str | Path], target: Path) -> None:
    with live(*slow) as it:
        it.expect("Type: STATS")
        it.send(commands.Cancel())
        outcome = it.finish()
    assert (outcome.status, outcome.types[-1], outcome.end["Code"]) == (1, "ERROR", "28")
    assert int(outcome.end["FileBytes"]) == target.stat().st_size


def test_query_is_answered(slow: list[str | Path]) -> None:
    with live(*slow) as it:
        it.expect("Type: STATS")
        it.send(commands.Query())
        it.expect("Type: QUERYRSP.*QueryResponse: Transferring")
        it.send(commands.Cancel())
        outcome = it.finish()
    (answer,) = outcome.of("QUERYRSP")
    assert answer["UserStr"] == "demo"
    assert list(answer) == ["Elapsedusec", "SessionId", "UserStr", "QueryResponse", "TransferBytes", "FileBytes"]
    assert answer["SessionId"] == outcome.of("INIT")[0]["SessionId"]


def test_stop_ends_the_file_under_way(slow: list[str | Path], tmp_path: Path) -> None:
    with live(*slow) as it:
        name = it.expect("^File: (.*?)$")[1].decode()
        it.send(commands.StopFile("/another"))
        it.send(commands.StopFile(name))
        outcome = it.finish()
    (error,) = outcome.of("FILEERROR")
    assert (error["File"], error["Code"]) == (name, "28")


def test_a_persistent_session(source: Path, target: Path) -> None:
    with live("--simulate-copy", *PERSISTENT, target, "-q") as refused:
        assert refused.finish().end["Code"] == "23"
    with live("--simulate-copy", "-d", "-l", "1g", "-q", *PERSISTENT, target) as it:
        it.expect("Type: NOTIFICATION")
        it.send(commands.StartFile(f"{source}/small.txt", "/one.txt"))
        it.expect("Type: ARGSTOP")
        it.send(commands.StartFile(f"{source}/large.bin", "two.bin", start=10, end=19))
        it.send(commands.StartFile(f"{source}/sub", "three"))
        it.send(commands.StartFile(f"{source}/large.bin", "four", start=1_023_990))
        it.send(Frame("START", {"Source": f"{source}/small.txt", "Destination": "x", "FileBytes": "a:b"}))
        it.send(Frame("START", {"Source": f"{source}/small.txt"}))
        it.send(commands.Finish())
        outcome = it.finish()
    assert outcome.status == 0
    large = (source / "large.bin").read_bytes()
    copied = {"one.txt": SMALL, "two.bin": large[10:20], "three/further.txt": b"x" * 1000, "four": large[-10:]}
    assert content(target) == copied
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == ["1", "2", "3", "4"]
    end = outcome.end
    assert (end["TransfersPassed"], end["FileBytes"]) == ("4", str(12 + 10 + 1000 + 10))
    assert outcome.types[-1] == "DONE"


def test_more_files_at_once_than_may_wait(source: Path) -> None:
    """Whoever asks for 12,000 files in one go waits until there is room; none is lost, and their order stays."""
    asked = b"".join(commands.StartFile(f"{source}/small.txt", f"{number}").encode() for number in range(12_000))
    with live("-q", "--simulate-speed=max", *PERSISTENT, "/x") as it:
        it.expect("Type: NOTIFICATION")
        it.send(asked + commands.Finish().encode())
        outcome = it.finish()
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == [f"{number}" for number in range(1, 12_001)]
    assert (outcome.status, outcome.end["TransfersPassed"], outcome.end["FileBytes"]) == (0, "12000", "144000")


def test_a_file_that_fails_in_a_persistent_session(source: Path, target: Path) -> None:
    with live("--simulate-copy", "-d", "-q", "-l1g", *PERSISTENT, target) as it:
        it.expect("Type: NOTIFICATION")
        it.send(commands.StartFile(f"{source}/nothing", "a"))
        it.expect("Type: FILEERROR")
        it.send(commands.StartFile(f"{source}/small.txt", "b"))
        it.send(commands.Finish())
        outcome = it.finish()
    assert (outcome.status, outcome.end["Code"]) == (1, "27")
    assert content(target) == {"b": SMALL}


def test_files_that_wait_can_be_stopped(source: Path, target: Path) -> None:
    with live("--simulate-copy", "-d", "-l1m", "-q", *PERSISTENT, target) as it:
        it.expect("Type: NOTIFICATION")
        it.send(commands.StartFile(f"{source}/large.bin", "a"))
        it.expect("Type: STATS")
        it.send(commands.StartFile(f"{source}/small.txt", "b"))
        it.send(commands.StopFile(f"{source}/small.txt"))
        it.send(commands.StopFile(f"{source}/large.bin"))
        it.send(commands.Finish())
        outcome = it.finish()
    assert not (target / "b").exists()
    assert len(outcome.of("FILEERROR")) == 1


@pytest.mark.parametrize("command", [commands.Finish(now=True), Frame("DONE", {})], ids=["shutdown", "plain"])
def test_shutdown_does_not_wait(source: Path, target: Path, command: commands.Finish | Frame) -> None:
    with live("--simulate-copy", "-d", "-l100k", *PERSISTENT, target) as it:
        it.send(commands.StartFile(f"{source}/large.bin", "a"))
        it.expect("Type: STATS")
        it.send(command.encode())
        outcome = it.finish()
    assert (outcome.status, outcome.types[-1], outcome.end["TransfersPassed"]) == (0, "DONE", "0")
    assert (target / "a").stat().st_size < 1_024_000


def test_a_persistent_session_without_a_manager_ends(source: Path) -> None:
    assert run_alone(*PERSISTENT, "/x").status == 1
    with live(*PERSISTENT, "/x") as it:
        it.expect("Type: NOTIFICATION")
        it.connection.shutdown(socket.SHUT_RDWR)
        assert it.process.wait(TIMEOUT) == 1


def test_it_listens_nowhere(slow: list[str | Path]) -> None:
    with live(*slow) as it:
        it.expect("Type: STATS")
        folder = Path(f"/proc/{it.process.pid}/fd")
        if not folder.exists():
            pytest.skip("needs /proc")
        inodes = {os.readlink(path)[8:-1] for path in folder.iterdir() if os.readlink(path).startswith("socket:")}
        tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6", "udp", "udp6")]
        lines = [line.split() for table in tables for line in table.splitlines()]
        mine = [line for line in lines if len(line) > 9 and line[9] in inodes]
        assert len(mine) == 1
        assert mine[0][3] == "01"  # established


# -- faults


def half(source: Path, fault: str, run: Callable[..., Reported] = run) -> Reported:
    return run("-q", source / "large.bin", "u@h:/x", fault=fault)


@pytest.mark.parametrize(("where", "written"), [("50%", 512_000), ("1000", 1000), ("100%", 1_024_000), ("0", 0)])
def test_fail_at_a_byte(source: Path, where: str, written: int) -> None:
    outcome = half(source, f"fail=36@{where}")
    assert (outcome.status, outcome.types[-1], outcome.end["Code"]) == (1, "ERROR", "36")
    assert outcome.end["FileBytes"] == str(written)
    assert outcome.of("STATS")[-1]["Written"] == str(written)
    assert "STOP" not in outcome.types


def test_a_fault_counts_the_bytes_of_its_own_session(source: Path, target: Path) -> None:
    """Also where FileBytes counts what was there before."""
    target.mkdir()
    (target / "large.bin").write_bytes((source / "large.bin").read_bytes()[:300_000])
    outcome = copy("-k1", source / "large.bin", f"u@h:{target}/", fault="fail=36@50%")
    assert [outcome.end[name] for name in ("Code", "TransferBytes", "FileBytes")] == ["36", "512000", "812000"]
    assert outcome.of("STATS")[-1]["Written"] == "812000"
    # Nothing was moved: what was there before is not counted.
    outcome = copy("-k1", source / "large.bin", f"u@h:{target}/", fault="fail=36@0")
    assert [outcome.end[name] for name in ("Code", "TransferBytes", "FileBytes")] == ["36", "0", "0"]
    assert [stats["StartByte"] for stats in outcome.of("STATS")] == ["812000"]


def test_fail_before_the_first_byte(source: Path) -> None:
    outcome = half(source, "fail=38")
    assert outcome.types == ["INIT", "SESSION", "ERROR"]
    assert list(outcome.end) == ["Loss", "Code", "Description", "SessionId"]


def test_one_file_fails(source: Path) -> None:
    outcome = run("-q", source, "u@h:/x", fault="fail-file=35@2")
    assert [error["File"] for error in outcome.of("FILEERROR")] == [f"{source}/large.bin"]
    assert outcome.of("FILEERROR")[0]["Code"] == "35"
    assert (outcome.end["Code"], outcome.end["TransfersPassed"]) == ("27", "3")


def test_hang(source: Path) -> None:
    with live("-q", source / "large.bin", "u@h:/x", fault="hang=99%") as it:
        it.expect("Written: 1013760$")
        it.send(commands.Cancel())
        assert not it.eof.wait(0.5)
        assert it.process.poll() is None
        it.process.terminate()
        assert it.process.wait(TIMEOUT) == -signal.SIGTERM


def test_silent_exit(source: Path) -> None:
    outcome = half(source, "silent-exit@50%", run_process)
    assert (outcome.status, outcome.out, outcome.err) == (1, "", "")
    assert outcome.types == ["INIT", "SESSION", "NOTIFICATION", "STATS"]


@pytest.mark.parametrize(("fault", "status"), [("die@50%", 1), ("die-kill@50%", -signal.SIGKILL), ("die", 1)])
def test_die_in_the_middle_of_a_message(source: Path, fault: str, status: int) -> None:
    outcome = half(source, fault, run_process)
    assert outcome.status == status
    parser = Parser()
    tracked(outcome.data, parser)
    assert [problem.kind for problem in parser.problems] == ["unfinished"]


def test_garbage(source: Path) -> None:
    outcome = half(source, "garbage@50%")
    assert outcome.status == 0
    parser = Parser()
    tracker = tracked(outcome.data, parser)
    assert parser.problem_count > 3
    assert [session.state for session in tracker.sessions if session.files_done] == ["done"]


def test_no_connect(source: Path) -> None:
    with live("-q", source, "u@h:/x", fault="no-connect") as it:
        assert it.process.wait(TIMEOUT) == 0
        assert not it.connected.is_set()


def test_linger_socket(source: Path) -> None:
    with live("-q", source, "u@h:/x", fault="linger-socket") as it:
        it.expect("Type: DONE")
        out, err = it.process.communicate(timeout=5)  # at their end, although the child is still there
        assert (it.process.returncode, out, err) == (0, b"", b"")
        assert not it.eof.wait(0.5)
        it.connection.shutdown(socket.SHUT_WR)  # that is when the child goes
        assert it.eof.wait(5)


def test_once(source: Path, tmp_path: Path) -> None:
    for what in ("fail=16@50%", "fail-file=35"):
        fault = f"{what},once={tmp_path}/{what}"
        assert half(source, fault).status == 1
        assert half(source, fault).status == 0


def test_two_faults(source: Path) -> None:
    outcome = half(source, "garbage@10%, fail=40@20%")
    assert outcome.end["Code"] == "40"
    assert b"FASPMGR two" in outcome.data


def test_http_fallback(source: Path) -> None:
    outcome = run("-y", "1", "-u", "demo", source / "large.bin", "u@h:/x", fault="fail=14")
    assert outcome.types == ["INIT", "SESSION", "ERROR", "NOTIFICATION", "STATS", "STOP", "ARGSTOP", "DONE", "DONE"]
    assert outcome.status == 0
    assert list(outcome.end) == ["Elapsedusec", "SessionId", "TransferBytes", "FileBytes"]
    assert outcome.session.state == "done"
