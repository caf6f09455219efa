"""faspmgr-ascp as a process: what it reports, what it refuses, whom it connects to, what it plays."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path

import pytest

from faspmgr import commands
from faspmgr.protocol.fields import FIELDS
from tests.launcher import TIMEOUT
from tests.simulator.management import copy, live, read_all, run, run_alone

# -- reporting


def test_it_reports_names_and_sizes_of_the_real_files(source: Path) -> None:
    outcome = run("--precalculate-job-size", "-u", "demo", source, "u@h:/nowhere")
    assert outcome.status == 0
    job = outcome.of("NOTIFICATION")[1]
    assert (job["PreTransferFiles"], job["PreTransferDirs"], job["PreTransferBytes"]) == ("4", "2", "1025012")
    assert [(stop["File"], stop["Size"]) for stop in outcome.of("STOP")] == [
        (f"{source}/empty", "0"),
        (f"{source}/large.bin", "1024000"),
        (f"{source}/small.txt", "12"),
        (f"{source}/sub/further.txt", "1000"),
    ]
    assert all(stop["Written"] == stop["Size"] for stop in outcome.of("STOP"))
    assert outcome.end["FileBytes"] == "1025012"
    assert (outcome.end["TransfersAttempted"], outcome.end["TransfersPassed"]) == ("4", "4")
    assert (outcome.end["PathScansAttempted"], outcome.end["FileScansCompleted"]) == ("6", "4")
    assert outcome.of("ARGSTOP") == [
        {"File": str(source), "UserStr": "demo", "FaspFileArgIndex": "1", "ArgTransfersStatus": "Complete",
         "ArgTransfersAttempted": "4", "ArgTransfersPassed": "4"}
    ]  # fmt: skip
    assert not Path("/nowhere").exists()


def test_nothing_is_copied_and_no_time_is_spent_without_being_asked(source: Path, target: Path) -> None:
    with open(source / "huge", "wb") as file:
        file.truncate(10**13)
    began = time.monotonic()
    outcome = run("-l", "10m", source / "huge", f"u@h:{target}")
    assert time.monotonic() - began < 15
    assert not target.exists()
    session = outcome.session
    assert session.state == "done"
    assert session.average_rate_kbps == pytest.approx(10_000, rel=0.01)
    assert 50 < len(outcome.of("STATS")) < 500


def test_the_counters_never_fall(source: Path, target: Path) -> None:
    outcome = copy("-l", "20m", "-d", source, f"u@h:{target}")
    for name in ("Elapsedusec", "TransferBytes", "FileBytes"):
        values = [int(frame.fields[name]) for frame in outcome.frames if name in frame.fields]
        assert values == sorted(values)
    ticks = [int(frame.fields["Elapsedusec"]) for frame in outcome.frames if "Elapsedusec" in frame.fields]
    assert len(set(ticks)) == len(ticks)


def test_fields_are_in_the_order_of_the_table(source: Path, target: Path) -> None:
    args: list[str | Path] = ["-k1", "-d", "-y1", "--file-checksum=md5", "--precalculate-job-size", "--tags={}"]
    args += [source, source / "nothing", f"u@h:{target}"]
    outcomes = [copy(*args), copy(*args), copy(*args, fault="fail=14"), copy(*args, fault="fail=16@1000")]
    frames = [frame for outcome in outcomes for frame in outcome.frames]
    assert {frame.type for frame in frames} == {"INIT", "SESSION", "NOTIFICATION", "STATS", "STOP", "ARGSTOP",
                                                "FILEERROR", "ERROR"}  # fmt: skip
    for frame in frames:
        assert list(frame.fields) == sorted(frame.fields, key=lambda name: FIELDS[name].position)


# -- management ports


def test_the_management_port_does_not_answer() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = run_alone("-M", str(closed.getsockname()[1]), "a", "u@h:b")
    assert outcome.status == 1
    assert "required management connection to port localhost:" in outcome.err
    assert "failed to connect to management socket" in outcome.err


def test_a_manager_that_hangs_up_is_not_missed(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(500_000))
    with live("--simulate-copy", "-l", "10m", tmp_path / "file", f"u@h:{target}") as it:
        it.expect("Type: STATS")
        it.connection.shutdown(socket.SHUT_RDWR)
        it.connection.close()
        assert it.process.wait(TIMEOUT) == 0
    assert target.stat().st_size == 500_000


def test_a_manager_that_reads_late_still_gets_everything(source: Path) -> None:
    for number in range(300):
        (source / f"{number}").touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = server.getsockname()[1]
        with live("-M", str(port), source, "u@h:/x") as it, server.accept()[0] as late:
            late.sendall(b"junk" * 1000)
            time.sleep(0.5)
            data = read_all(late)
            outcome = it.finish()
    assert data == outcome.data
    assert outcome.status == 0


# -- bad options: message and status


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--bogus"], "unrecognized option `--bogus'"),
        (["-F"], "invalid option -- F"),
        (["--file"], "option `--file' is ambiguous"),
        (["-l"], "option requires an argument -- l"),
        (["--file-list"], "option `--file-list' requires an argument"),
        (["--precalculate-job-size=1"], "option `--precalculate-job-size' doesn't allow an argument"),
        (["-l", "100x"], "ascp: bad numeric suffix x."),
        (["-C", "3:2"], "ascp: -C needs argument M:N, M <= N (M and N range: 1-128 inclusive)."),
    ],
)
def test_bad_options(args: list[str], words: str) -> None:
    outcome = run_alone(*args)
    assert (outcome.status, outcome.out) == (1, "")
    first, *usage = outcome.err.splitlines()
    assert first == words
    assert bool(usage) == (words.startswith(("unrecognized", "invalid")) or "ambiguous" in words)
    assert not usage or usage[0] == "Usage: ascp [OPTION] SRC... DEST"


def test_a_bad_fault(source: Path) -> None:
    outcome = run_alone("a", "u@h:b", env={"FASPMGR_ASCP_FAULT": "explode"})
    assert (outcome.status, outcome.err) == (1, "ascp: FASPMGR_ASCP_FAULT: unknown fault: explode\n")


def test_version_and_help() -> None:
    version = run_alone("-A")
    assert version.status == 0
    assert "\nascp version 3.9.0" in version.out
    assert "simulator" in version.out
    assert "FASPMGR_ASCP_FAULT" in run_alone("--help").out


def test_standard_output_that_nobody_reads(source: Path) -> None:
    with live(source, "u@h:/x") as it:
        assert it.process.stdout
        it.process.stdout.close()
        it.process.stdout = None
        assert it.process.wait(TIMEOUT) == 0
        assert it.process.stderr
        assert it.process.stderr.read() == b""


# -- recorded streams


def test_it_plays_a_recorded_stream(fixtures: Path) -> None:
    path = fixtures / "sessions" / "upload-skip-failure.fasp"
    outcome = run(f"--simulate-play={path}", "-A0", "u@h:/x")
    assert outcome.data == b""  # -A wins
    outcome = run(f"--simulate-play={path}", "a", "u@h:/x")
    assert (outcome.status, outcome.data) == (1, path.read_bytes())
    other = run(f"--simulate-play={path}", "-u", "mine", "a", "u@h:/x")
    assert other.data == path.read_bytes().replace(b"nightly-2024-05-02", b"mine")


def test_an_init_without_user_str_gets_one(fixtures: Path) -> None:
    path = fixtures / "ascp-3.9.0" / "missing-source.fasp"
    outcome = run(f"--simulate-play={path}", "-u", "mine", "a", "u@h:/x")
    assert list(outcome.of("INIT")[0]) == ["SessionId", "Direction", "UserStr", "Operation"]
    assert outcome.status == 1


def test_a_stream_that_does_not_exist(tmp_path: Path) -> None:
    outcome = run(f"--simulate-play={tmp_path}/nothing", "a", "u@h:/x")
    assert outcome.status == 1
    assert outcome.err == f"ascp: {tmp_path}/nothing: No such file or directory\n"


def test_it_serves_several_management_ports(source: Path) -> None:
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(2)]
        more = [word for server in servers for word in ("-M", f"127.0.0.1:{server.getsockname()[1]}")]
        it = stack.enter_context(live(*more, "--simulate-copy", "-l1m", source / "large.bin", f"u@h:{source}/x"))
        connections = [stack.enter_context(server.accept()[0]) for server in servers]
        it.expect("Type: STATS")
        connections[1].sendall(commands.Cancel().encode())
        outcome = it.finish()
        for connection in connections:
            assert read_all(connection) == outcome.data
    assert outcome.end["Code"] == "28"
