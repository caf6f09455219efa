"""faspmgr-ascp as a process, on real files: what it reports, copies and obeys, and how it fails."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import time
from pathlib import Path

import pytest

from faspmgr import commands
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from faspmgr.tracking import Session, Tracker
from tests.simulator.management import TIMEOUT, Live, Outcome, run, run_alone

PERSISTENT = ["--keepalive", "--mode=send", "--host=h", "--user=u"]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a large file, a small one, an empty one, and one further down."""
    top = tmp_path / "in"
    (top / "sub").mkdir(parents=True)
    (top / "large.bin").write_bytes(bytes(range(256)) * 4000)
    (top / "small.txt").write_bytes(b"twelve bytes")
    (top / "empty").touch()
    (top / "sub" / "further.txt").write_bytes(b"x" * 1000)
    return top


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"


def session_of(outcome: Outcome) -> Session:
    """The state that a strict reader arrives at; a single session."""
    parser = Parser(strict=True)
    tracker = Tracker()
    for event in parser.feed(outcome.data) + parser.close():
        tracker.update(event)
    (session,) = tracker.sessions
    return session


def content(folder: Path) -> dict[str, bytes]:
    """All files below, by their path."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def copy(*args: str | Path, fault: str = "") -> Outcome:
    return run("--simulate-copy", "--simulate-speed=max", "-q", *args, fault=fault)


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
    session = session_of(outcome)
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


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("line\nbreak", "line\x1bnbreak"),
        ("tab\there", "tab\there"),
        ("caf\udce9", "caf\udce9"),
        ("Type: STOP", "Type: STOP"),
        ("-l", "-l"),
    ],
)
def test_odd_names_survive(tmp_path: Path, target: Path, name: str, wire: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"data")
    outcome = copy("-d", tmp_path / "in", f"u@h:{target}")
    assert outcome.of("STOP")[0]["File"] == f"{tmp_path}/in/{wire}"
    assert session_of(outcome).files_done == 1
    assert content(target) == {f"in/{name}": b"data"}


# -- copying


def test_it_copies_and_the_numbers_are_those_of_the_file_system(source: Path, target: Path) -> None:
    outcome = copy("-d", "--file-checksum=sha-256", source, f"u@h:{target}")
    assert content(target / "in") == content(source)
    for stop in outcome.of("STOP"):
        data = Path(stop["File"]).read_bytes()
        assert stop["FileChecksum"] == hashlib.sha256(data).hexdigest()
        assert stop["FileChecksumType"] == "sha-256"
        assert int(stop["Size"]) == len(data)
    assert outcome.of("SESSION")[0]["FileChecksumType"] == "sha-256"
    assert session_of(outcome).bytes_written == sum(len(data) for data in content(source).values())


def test_it_keeps_to_the_target_rate(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    began = time.monotonic()
    outcome = run("--simulate-copy", "-l", "8m", tmp_path / "file", f"u@h:{target}")
    assert 1 <= time.monotonic() - began < 4
    assert session_of(outcome).average_rate_kbps == pytest.approx(8000, rel=0.2)
    assert session_of(outcome).average_rate_kbps <= 8000


def test_it_receives_below_a_root(source: Path, target: Path) -> None:
    target.mkdir()
    outcome = copy(f"--simulate-root={source}", "u@h:/small.txt", "u@h:/sub/further.txt", target)
    assert outcome.of("SESSION")[0]["Direction"] == "Receive"
    assert outcome.of("SESSION")[0]["Source"] == "/small.txt\t/sub/further.txt"
    assert [stop["File"] for stop in outcome.of("STOP")] == ["/small.txt", "/sub/further.txt"]
    assert content(target) == {"small.txt": b"twelve bytes", "further.txt": b"x" * 1000}


def test_it_sends_below_a_root(source: Path, target: Path) -> None:
    outcome = copy("-d", f"--simulate-root={target}", "--mode=send", "--host=h", source / "small.txt", "/inbox")
    assert outcome.status == 0
    assert content(target) == {"inbox/small.txt": b"twelve bytes"}


@pytest.mark.parametrize("level", ["1", "2", "3"])
def test_it_resumes(source: Path, target: Path, level: str) -> None:
    target.mkdir()
    whole = (source / "large.bin").read_bytes()
    (target / "large.bin").write_bytes(whole[:300_000])
    outcome = copy("-k", level, source / "large.bin", f"u@h:{target}/")
    (stop,) = outcome.of("STOP")
    assert (stop["StartByte"], stop["Written"], stop["FileBytes"]) == ("300000", "1024000", "724000")
    assert outcome.of("STATS")[0]["Written"] == "300000"
    assert (target / "large.bin").read_bytes() == whole


@pytest.mark.parametrize(
    ("level", "place", "start"),
    [("1", 0, "300000"), ("2", 0, "0"), ("2", 150_000, "300000"), ("3", 150_000, "0"), ("0", None, "0")],
)
def test_how_closely_it_looks_before_it_resumes(
    source: Path, target: Path, level: str, place: int | None, start: str
) -> None:
    target.mkdir()
    part = bytearray((source / "large.bin").read_bytes()[:300_000])
    if place is not None:
        part[place] ^= 1
    (target / "large.bin").write_bytes(part)
    outcome = copy("-k", level, source / "large.bin", f"u@h:{target}/")
    assert outcome.of("STOP")[0]["StartByte"] == start
    assert (target / "large.bin").stat().st_size == 1_024_000


def test_what_is_there_already_is_skipped(source: Path, target: Path) -> None:
    first = copy("-d", source, f"u@h:{target}")
    again = copy("-d", "-k", "1", source, f"u@h:{target}")
    assert first.types.count("STOP") == 4
    assert (again.types.count("SKIP"), again.types.count("STOP")) == (4, 0)
    assert (again.end["TransfersPassed"], again.end["TransfersSkipped"], again.end["FileBytes"]) == ("4", "4", "0")
    assert again.of("SKIP")[0]["Size"] == "0"


OLD, NEW, SAME = b"old content!", b"another one!", b"twelve bytes"


@pytest.mark.parametrize(
    ("policy", "there", "age", "skipped"),
    [
        ("never", NEW, 0, True),
        ("always", SAME, 0, False),
        ("older", OLD, -100, False),
        ("older", OLD, 100, True),
        ("diff", OLD, 100, False),
        ("diff", SAME, -100, True),
        ("diff+older", OLD, -100, False),
        ("diff+older", OLD, 100, True),
        ("diff+older", SAME, -100, True),
    ],
)
def test_overwriting(source: Path, target: Path, policy: str, there: bytes, age: int, skipped: bool) -> None:
    target.mkdir()
    goal = target / "small.txt"
    goal.write_bytes(there)
    when = (source / "small.txt").stat().st_mtime + age
    os.utime(goal, (when, when))
    outcome = copy(f"--overwrite={policy}", source / "small.txt", f"u@h:{target}")
    assert ("SKIP" in outcome.types) == skipped
    assert goal.read_bytes() == (there if skipped else SAME)


def test_a_file_is_never_copied_onto_itself(source: Path) -> None:
    outcome = copy("--overwrite=always", source / "small.txt", f"u@h:{source}")
    assert "SKIP" in outcome.types
    assert (source / "small.txt").read_bytes() == SAME


def test_a_range(source: Path, target: Path) -> None:
    outcome = copy("-@", "100:299", f"u@h:{source}/large.bin", target)
    assert target.read_bytes() == (source / "large.bin").read_bytes()[100:300]
    (stop,) = outcome.of("STOP")
    assert (stop["StartByte"], stop["EndByte"], stop["Written"], stop["Size"]) == ("100", "299", "200", "1024000")
    assert session_of(outcome).progress == 1


@pytest.mark.parametrize("span", ["1000000:2000000", "2000000:3000000"])
def test_a_range_ends_with_the_file(source: Path, target: Path, span: str) -> None:
    outcome = copy("-@", span, f"u@h:{source}/large.bin", target)
    assert outcome.of("STOP")[0]["EndByte"] == "1023999"
    assert target.read_bytes() == (source / "large.bin").read_bytes()[-target.stat().st_size :]


def test_sessions_of_a_transfer_share_the_files(source: Path, target: Path) -> None:
    outcomes = [copy("-d", "-C", f"{node}:3", source, f"u@h:{target}") for node in (1, 2, 3)]
    assert [outcome.of("SESSION")[0]["ClusterNodeId"] for outcome in outcomes] == ["0", "1", "2"]
    assert [len(outcome.of("STOP")) for outcome in outcomes] == [2, 1, 1]
    names = [stop["File"] for outcome in outcomes for stop in outcome.of("STOP")]
    assert len(set(names)) == 4
    assert content(target / "in") == content(source)


def test_file_list(source: Path, target: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{source}/small.txt\n{source}/sub\n")
    outcome = copy(f"--file-list={listed}", "--mode=send", "--host=h", target)
    assert outcome.of("SESSION")[0]["Source"] == f"{source}/small.txt\t{source}/sub"
    assert content(target) == {"small.txt": SAME, "sub/further.txt": b"x" * 1000}
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == ["1", "2"]


def test_file_pair_list(source: Path, target: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{source}/small.txt\na/b/renamed.txt\n{source}/empty\nnothing\n")
    outcome = copy(f"--file-pair-list={listed}", "--mode=send", "--host=h", target)
    assert outcome.status == 0
    assert content(target) == {"a/b/renamed.txt": SAME, "nothing": b""}


def test_source_base_and_prefix(source: Path, target: Path) -> None:
    outcome = copy("-d", f"--source-prefix={source}", f"--src-base={source}", "sub/further.txt", f"u@h:{target}")
    assert outcome.of("STOP")[0]["File"] == f"{source}/sub/further.txt"
    assert content(target) == {"sub/further.txt": b"x" * 1000}


def test_partial_files_have_their_suffix_until_they_are_complete(source: Path, target: Path) -> None:
    target.mkdir()
    args: list[str | Path] = ["-k1", "--partial-file-suffix=.part", source / "large.bin", f"u@h:{target}"]
    assert copy(*args, fault="fail=16@50%").status == 1
    assert content(target) == {"large.bin.part": (source / "large.bin").read_bytes()[:512_000]}
    outcome = copy(*args)
    assert outcome.of("STOP")[0]["StartByte"] == "512000"
    assert content(target) == {"large.bin": (source / "large.bin").read_bytes()}


def test_times_are_kept_if_asked_for(source: Path, target: Path) -> None:
    os.utime(source / "small.txt", (10**9, 10**9))
    copy("-p", source / "small.txt", f"u@h:{target}")
    assert target.stat().st_mtime == 10**9


# -- what goes wrong by itself


def test_a_missing_source_among_others(source: Path) -> None:
    outcome = run(source / "small.txt", source / "nothing", "u@h:/x")
    assert outcome.status == 1
    assert outcome.of("FILEERROR")[0]["Code"] == "43"
    assert outcome.end["Code"] == "27"
    assert (outcome.end["TransfersPassed"], outcome.end["TransfersFailed"]) == ("1", "1")
    assert "One or more files failed" in outcome.err


def test_a_destination_that_is_no_directory(source: Path, target: Path) -> None:
    outcome = copy(source / "small.txt", source / "empty", f"u@h:{target}")
    assert (outcome.status, outcome.end["Code"]) == (1, "6")
    outcome = copy("-d", source / "empty", f"u@h:{source}/small.txt/sub")
    assert (outcome.status, outcome.end["Code"]) == (1, "6")


def test_a_destination_that_cannot_be_written(source: Path, target: Path) -> None:
    (target / "small.txt").mkdir(parents=True)
    os.mkfifo(target / "empty")
    outcome = copy(source / "small.txt", source / "empty", source / "sub", f"u@h:{target}")
    assert [error["Code"] for error in outcome.of("FILEERROR")] == ["7", "21"]
    assert outcome.types.count("STOP") == 1


def test_special_files_are_passed_over(source: Path) -> None:
    os.mkfifo(source / "fifo")
    os.symlink("nothing", source / "broken")
    outcome = run("--precalculate-job-size", source, "u@h:/x")
    job = outcome.of("NOTIFICATION")[1]
    assert (job["PreTransferFiles"], job["PreTransferSpecial"], job["PreTransferFailed"]) == ("4", "1", "1")
    assert [error["File"] for error in outcome.of("FILEERROR")] == [f"{source}/broken"]
    alone = run(source / "fifo", "u@h:/x")
    assert alone.of("FILEERROR")[0]["Code"] == "21"


def test_a_missing_key(source: Path) -> None:
    outcome = run("-i", source / "nokey", source / "small.txt", "u@h:/x")
    assert outcome.types == ["INIT", "SESSION", "ERROR"]
    assert outcome.end["Code"] == "4"


def test_the_management_port_does_not_answer() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        outcome = run_alone("-M", str(closed.getsockname()[1]), "a", "u@h:b")
    assert outcome.status == 1
    assert "required management connection to port localhost:" in outcome.err
    assert "failed to connect to management socket" in outcome.err


def test_a_manager_that_hangs_up_is_not_missed(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(500_000))
    with Live("--simulate-copy", "-l", "10m", tmp_path / "file", f"u@h:{target}") as live:
        live.expect("Type: STATS")
        assert live._connection
        live._connection.shutdown(socket.SHUT_RDWR)
        live._connection.close()
        assert live.process.wait(TIMEOUT) == 0
    assert target.stat().st_size == 500_000


def test_a_manager_that_reads_late_still_gets_everything(source: Path) -> None:
    for number in range(300):
        (source / f"{number}").touch()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        port = server.getsockname()[1]
        with Live("-M", str(port), source, "u@h:/x") as live, server.accept()[0] as late:
            late.sendall(b"junk" * 1000)
            time.sleep(0.5)
            data = b""
            while block := late.recv(1 << 16):
                data += block
            outcome = live.finish()
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
    assert outcome.status == 1
    assert outcome.out == ""
    first, *usage = outcome.err.splitlines()
    assert first == words
    assert bool(usage) == (words.startswith(("unrecognized", "invalid")) or "ambiguous" in words)
    assert not usage or usage[0] == "Usage: ascp [OPTION] SRC... DEST"


def test_a_bad_fault(source: Path) -> None:
    outcome = run_alone("a", "u@h:b", env={"FASPMGR_ASCP_FAULT": "explode"})
    assert (outcome.status, outcome.err) == (1, "ascp: FASPMGR_ASCP_FAULT: explode is no fault\n")


def test_version_and_help() -> None:
    version = run_alone("-A")
    assert version.status == 0
    assert "\nascp version 3.9.0" in version.out
    assert "simulator" in version.out
    assert "FASPMGR_ASCP_FAULT" in run_alone("--help").out


def test_standard_output_that_nobody_reads(source: Path) -> None:
    with Live(source, "u@h:/x") as live:
        assert live.process.stdout
        live.process.stdout.close()
        live.process.stdout = None
        assert live.process.wait(TIMEOUT) == 0
        assert live.process.stderr
        assert live.process.stderr.read() == b""


# -- commands


@pytest.fixture
def slow(tmp_path: Path, target: Path) -> list[str | Path]:
    """The arguments for a copy that would take a minute."""
    (tmp_path / "slow.bin").write_bytes(bytes(7_500_000))
    return ["--simulate-copy", "-l", "1m", "-u", "demo", tmp_path / "slow.bin", f"u@h:{target}"]


def test_rate_changes_the_rate_and_is_answered(slow: list[str | Path], target: Path) -> None:
    began = time.monotonic()
    with Live(*slow) as live:
        live.expect("Type: STATS")
        live.send(commands.SetRate(target_kbps=1_000_000, min_kbps=5, policy="high"))
        outcome = live.finish()
    assert time.monotonic() - began < 20
    answer = outcome.of("NOTIFICATION")[1]
    assert list(answer) == ["Rate", "MinRate", "SessionId", "Adaptive", "UserStr", "Priority"]
    assert (answer["Rate"], answer["MinRate"]) == ("1000000", "5")
    assert (answer["Adaptive"], answer["Priority"]) == ("Adaptive", "1")
    assert outcome.status == 0
    assert target.stat().st_size == 7_500_000


def test_a_rate_of_zero_pauses(slow: list[str | Path]) -> None:
    with Live(*slow) as live:
        live.expect("Type: STATS")
        live.send(commands.SetRate(target_kbps=0))
        live.expect("^Rate: 0$")
        written = live.expect(r"Written: (\d+)[^$]*\Z")
        time.sleep(0.3)
        live.send(commands.SetRate(target_kbps=10_000_000))
        outcome = live.finish()
    assert outcome.status == 0
    assert int(written[1]) < 7_500_000


@pytest.mark.parametrize("fields", [{"Rate": "x"}, {"Adaptive": "Fast"}, {"Rate": "-1"}, {"Priority": "3"}, {}])
def test_a_malformed_rate_is_ignored(slow: list[str | Path], fields: dict[str, str]) -> None:
    with Live(*slow) as live:
        live.expect("Type: STATS")
        live.send(Frame("RATE", fields))
        live.send(b"noise\nFASPMGR 2\nRate: 5\n\nFASPMGR 2\nType: NOSUCH\n\n")
        live.send(commands.Finish())  # nothing that a session with sources understands
        live.send(commands.StartFile("/a", "/b"))
        live.send(commands.Cancel())
        outcome = live.finish()
    assert outcome.types == ["INIT", "SESSION", "NOTIFICATION", "STATS", "ERROR"]


def test_cancel(slow: list[str | Path], target: Path) -> None:
    with Live(*slow) as live:
        live.expect("Type: STATS")
        live.send(commands.Cancel())
        outcome = live.finish()
    assert outcome.status == 1
    assert outcome.types[-1] == "ERROR"
    assert outcome.end["Code"] == "28"
    assert int(outcome.end["FileBytes"]) == target.stat().st_size


def test_query_is_answered(slow: list[str | Path]) -> None:
    with Live(*slow) as live:
        live.expect("Type: STATS")
        live.send(commands.Query())
        live.expect("Type: QUERYRSP.*QueryResponse: Transferring")
        live.send(commands.Cancel())
        outcome = live.finish()
    (answer,) = outcome.of("QUERYRSP")
    assert answer["UserStr"] == "demo"
    assert answer["SessionId"] == outcome.of("INIT")[0]["SessionId"]


def test_stop_ends_the_file_under_way(slow: list[str | Path], tmp_path: Path) -> None:
    with Live(*slow) as live:
        name = live.expect("^File: (.*?)$")[1].decode()
        live.send(commands.StopFile("/another"))
        live.send(commands.StopFile(name))
        outcome = live.finish()
    (error,) = outcome.of("FILEERROR")
    assert (error["File"], error["Code"]) == (name, "28")


def test_a_persistent_session(source: Path, target: Path) -> None:
    with Live("--simulate-copy", *PERSISTENT, target, "-q") as refused:
        assert refused.finish().end["Code"] == "23"
    with Live("--simulate-copy", "-d", "-l", "1g", "-q", *PERSISTENT, target) as live:
        live.expect("Type: NOTIFICATION")
        live.send(commands.StartFile(f"{source}/small.txt", "/one.txt"))
        live.expect("Type: ARGSTOP")
        live.send(commands.StartFile(f"{source}/large.bin", "two.bin", start=10, end=19))
        live.send(commands.StartFile(f"{source}/sub", "three"))
        live.send(commands.StartFile(f"{source}/large.bin", "four", start=1_023_990))
        live.send(Frame("START", {"Source": f"{source}/small.txt", "Destination": "x", "FileBytes": "a:b"}))
        live.send(Frame("START", {"Source": f"{source}/small.txt"}))
        live.send(commands.Finish())
        outcome = live.finish()
    assert outcome.status == 0
    large = (source / "large.bin").read_bytes()
    assert content(target) == {
        "one.txt": SAME,
        "two.bin": large[10:20],
        "three/further.txt": b"x" * 1000,
        "four": large[-10:],
    }
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == ["1", "2", "3", "4"]
    assert outcome.end["TransfersPassed"] == "4"
    assert outcome.end["FileBytes"] == str(12 + 10 + 1000 + 10)
    assert outcome.types[-1] == "DONE"


def test_a_file_that_fails_in_a_persistent_session(source: Path, target: Path) -> None:
    with Live("--simulate-copy", "-d", "-q", "-l1g", *PERSISTENT, target) as live:
        live.expect("Type: NOTIFICATION")
        live.send(commands.StartFile(f"{source}/nothing", "a"))
        live.expect("Type: FILEERROR")
        live.send(commands.StartFile(f"{source}/small.txt", "b"))
        live.send(commands.Finish())
        outcome = live.finish()
    assert (outcome.status, outcome.end["Code"]) == (1, "27")
    assert content(target) == {"b": SAME}


def test_files_that_wait_can_be_stopped(source: Path, target: Path) -> None:
    with Live("--simulate-copy", "-d", "-l1m", "-q", *PERSISTENT, target) as live:
        live.expect("Type: NOTIFICATION")
        live.send(commands.StartFile(f"{source}/large.bin", "a"))
        live.expect("Type: STATS")
        live.send(commands.StartFile(f"{source}/small.txt", "b"))
        live.send(commands.StopFile(f"{source}/small.txt"))
        live.send(commands.StopFile(f"{source}/large.bin"))
        live.send(commands.Finish())
        outcome = live.finish()
    assert not (target / "b").exists()
    assert len(outcome.of("FILEERROR")) == 1


@pytest.mark.parametrize("command", [commands.Finish(now=True), Frame("DONE", {})], ids=["shutdown", "plain"])
def test_shutdown_does_not_wait(source: Path, target: Path, command: commands.Finish | Frame) -> None:
    with Live("--simulate-copy", "-d", "-l100k", *PERSISTENT, target) as live:
        live.send(commands.StartFile(f"{source}/large.bin", "a"))
        live.expect("Type: STATS")
        live.send(command.encode())
        outcome = live.finish()
    assert outcome.status == 0
    assert outcome.types[-1] == "DONE"
    assert outcome.end["TransfersPassed"] == "0"
    assert (target / "a").stat().st_size < 1_024_000


def test_a_persistent_session_without_a_manager_ends(source: Path) -> None:
    assert run_alone(*PERSISTENT, "/x").status == 1
    with Live(*PERSISTENT, "/x") as live:
        live.expect("Type: NOTIFICATION")
        assert live._connection
        live._connection.shutdown(socket.SHUT_RDWR)
        assert live.process.wait(TIMEOUT) == 1


# -- faults


def half(source: Path, fault: str) -> Outcome:
    return run("-q", source / "large.bin", "u@h:/x", fault=fault)


@pytest.mark.parametrize(("where", "written"), [("50%", 512_000), ("1000", 1000), ("100%", 1_024_000), ("0", 0)])
def test_fail_at_a_byte(source: Path, where: str, written: int) -> None:
    outcome = half(source, f"fail=36@{where}")
    assert (outcome.status, outcome.types[-1], outcome.end["Code"]) == (1, "ERROR", "36")
    assert outcome.end["FileBytes"] == str(written)
    assert outcome.of("STATS")[-1]["Written"] == str(written)
    assert "STOP" not in outcome.types


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
    with Live("-q", source / "large.bin", "u@h:/x", fault="hang=99%") as live:
        live.expect("Written: 1013760$")
        live.send(commands.Cancel())
        assert not live.eof.wait(0.5)
        assert live.process.poll() is None
        live.process.terminate()
        assert live.process.wait(TIMEOUT) == -signal.SIGTERM


def test_silent_exit(source: Path) -> None:
    outcome = half(source, "silent-exit@50%")
    assert (outcome.status, outcome.out, outcome.err) == (1, "", "")
    assert outcome.types == ["INIT", "SESSION", "NOTIFICATION", "STATS"]


@pytest.mark.parametrize(("fault", "status"), [("die@50%", 1), ("die-kill@50%", -signal.SIGKILL), ("die", 1)])
def test_die_in_the_middle_of_a_message(source: Path, fault: str, status: int) -> None:
    outcome = half(source, fault)
    assert outcome.status == status
    parser = Parser()
    parser.feed(outcome.data)
    parser.close()
    assert [problem.kind for problem in parser.problems] == ["unfinished"]


def test_garbage(source: Path) -> None:
    outcome = half(source, "garbage@50%")
    assert outcome.status == 0
    parser = Parser()
    tracker = Tracker()
    for event in parser.feed(outcome.data) + parser.close():
        tracker.update(event)
    assert parser.problem_count > 3
    assert [session.state for session in tracker.sessions if session.files_done] == ["done"]


def test_no_connect(source: Path) -> None:
    with Live("-q", source, "u@h:/x", fault="no-connect") as live:
        assert live.process.wait(TIMEOUT) == 0
        assert not live._connected.is_set()


def test_linger_socket(source: Path) -> None:
    with Live("-q", source, "u@h:/x", fault="linger-socket") as live:
        live.expect("Type: DONE")
        out, err = live.process.communicate(timeout=5)  # at their end, although the child is still there
        assert (live.process.returncode, out, err) == (0, b"", b"")
        assert not live.eof.wait(0.5)
        assert live._connection
        live._connection.shutdown(socket.SHUT_WR)  # that is when the child goes
        assert live.eof.wait(5)


def test_once(source: Path, tmp_path: Path) -> None:
    fault = f"fail=16@50%,once={tmp_path}/flag"
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
    assert list(outcome.end) == ["Elapsedusec", "FileBytes", "SessionId", "TransferBytes"]
    assert session_of(outcome).state == "done"


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
        live = stack.enter_context(Live(*more, "--simulate-copy", "-l1m", source / "large.bin", f"u@h:{source}/x"))
        connections = [stack.enter_context(server.accept()[0]) for server in servers]
        live.expect("Type: STATS")
        connections[1].sendall(commands.Cancel().encode())
        outcome = live.finish()
        for connection in connections:
            data = b""
            while block := connection.recv(1 << 16):
                data += block
            assert data == outcome.data
    assert outcome.end["Code"] == "28"


def test_it_listens_nowhere(slow: list[str | Path]) -> None:
    with Live(*slow) as live:
        live.expect("Type: STATS")
        folder = Path(f"/proc/{live.process.pid}/fd")
        if not folder.exists():
            pytest.skip("needs /proc")
        inodes = {os.readlink(path)[8:-1] for path in folder.iterdir() if os.readlink(path).startswith("socket:")}
        tables = [Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6", "udp", "udp6")]
        lines = [line.split() for table in tables for line in table.splitlines()]
        mine = [line for line in lines if len(line) > 9 and line[9] in inodes]
        assert len(mine) == 1
        assert mine[0][3] == "01"  # established
