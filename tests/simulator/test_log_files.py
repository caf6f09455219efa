"""``faspmgr-ascp -L``: the log of a run says what its stream says, and where it is written to."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

import pytest

from faspmgr.simulator import Scenario
from faspmgr.simulator.logfile import LogFile
from faspmgr.simulator.player import messages
from tests import launcher
from tests.launcher import SIMULATOR
from tests.simulator.logs import NAME, of, read_folder
from tests.simulator.management import copy, live, run, run_alone, run_process

# -- the log of a run


def test_the_log_of_a_run_says_what_its_stream_says(source: Path, target: Path, tmp_path: Path) -> None:
    outcome = copy("-d", "-l", "20m", "-L", tmp_path, source, source / "nothing", f"ada@h:{target}")
    records = read_folder(tmp_path)
    assert outcome.end["Code"] == "27"
    session = outcome.of("SESSION")[0]
    for kind in ("session_start", "session_stop"):
        (line,) = of(records, kind)
        assert line["uuid"] == session["SessionId"]
        assert line["source"] == (str(source), f"{source}/nothing")
        assert line["dest"] == str(target)
        assert line["op"] == "send"
    assert [fields["user"] for fields in of(records, "session_params")] == ["ada", "ada"]
    assert [(fields["file"], fields["size"]) for fields in of(records, "transfer_stop")[:-1]] == [
        (stop["File"], int(stop["Size"])) for stop in outcome.of("STOP")
    ]
    assert of(records, "transfer_stop")[-1]["errstr"] == "Source path stat failed"
    (statistics,) = of(records, "session_statistics")
    assert (statistics["tx_bytes"], statistics["file_bytes"]) == (1_025_012, 1_025_012)
    assert statistics["tx_time"] == int(outcome.end["Elapsedusec"])
    (block,) = of(records, "file_statistics")
    assert (block["transfers_attempted"], block["transfers_failed"], block["transfers_passed"]) == (5, 1, 4)
    assert block["path_scans_attempted"] == int(outcome.end["PathScansAttempted"])
    assert {record.process for record in records} == {os.getpid()}
    assert f'Alternate log directory: "{tmp_path}"' in [record.message for record in records]


def test_a_token_is_in_no_log(source: Path, tmp_path: Path) -> None:
    run("-L", tmp_path, "-W", "sesame-token", source / "small.txt", "u@h:/nowhere")
    data = (tmp_path / NAME).read_bytes()
    assert b" token=- " in data
    assert b"sesame-token" not in data


def test_the_port_is_closed(source: Path, tmp_path: Path) -> None:
    run("-L", tmp_path, source / "small.txt", "u@h:/nowhere", fault="fail=44@connect")
    records = read_folder(tmp_path)
    ((start,), (ended,)) = (of(records, kind) for kind in ("session_start", "session_stop"))
    assert (start["status"], start["errcode"], ended["status"], ended["errcode"]) == ("failed", 14, "failed", 14)
    assert start["peeros"] is None
    assert of(records, "auth") == of(records, "file_statistics") == []


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", {"ovr": 1, "targetrate": 10_000_000, "minrate": 0, "cluster_multi_session_threshold": -1}),
        ("--overwrite=never", {"ovr": 63}),
        ("--overwrite=always", {"ovr": 255}),
        ("--overwrite=older", {"ovr": 2}),
        ("--overwrite=diff", {"ovr": 1}),
        ("--overwrite=diff+older", {"ovr": 3}),
        ("-l 1.2345m -m 1.5k", {"targetrate": 1_234_500, "minrate": 1_500}),
        ("-C 1:2", {"partial_file_suffix": "", "cluster_num_nodes": 2, "cluster_node_id": 0}),
        ("-C 1:2 --partial-file-suffix=.part", {"partial_file_suffix": ".part"}),
        ("--partial-file-suffix=.part", {"partial_file_suffix": ".part"}),
        ("--multi-session-threshold=100", {"cluster_multi_session_threshold": 100}),
        ("--multi-session-threshold=0", {"cluster_multi_session_threshold": 0}),
    ],
)
def test_what_was_asked_for_and_no_message_says(words: str, expected: dict[str, object], tmp_path: Path) -> None:
    """Values as in the log of a real one; tests/real compares the whole lines."""
    run("-L", tmp_path, *words.split(), "a", "u@h:/nowhere", fault="fail=44@connect")
    for fields in of(read_folder(tmp_path), "session_params"):
        assert {name: fields[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("words", "op", "side", "code", "reason"),
    [
        ("a", "recv", "Receiver", 106, "Usage error"),
        ("--mode=send a b", "send", "Sender", 106, "Usage error"),
        ("--mode=recv a b", "recv", "Receiver", 106, "Usage error"),
        ("--mode=send --host=h", "recv", "Receiver", 62, "Source file list not specified"),
        ("--keepalive --mode=send --host=h a /b", "recv", "Receiver", 56, "Too many files open"),
        ("-i /nonexistent a u@h:/b", "send", "Sender", 50, "No such file or directory"),
        ("u@h:/b", "send", "Sender", 62, "Source file list not specified"),
    ],
)
def test_a_command_line_that_makes_no_sense(
    words: str, op: str, side: str, code: int, reason: str, tmp_path: Path
) -> None:
    """As in the log of a real one: received, as long as the direction is not known."""
    run("-L", tmp_path, *words.split())
    records = read_folder(tmp_path)
    for kind in ("session_start", "session_stop"):
        (line,) = of(records, kind)
        assert (line["op"], line["errcode"], line["errstr"]) == (op, code, reason)
    (statistics,) = of(records, "session_statistics")
    assert statistics["side"] == side


@pytest.mark.parametrize("fault", ["die@500000", "silent-exit@500000"])
def test_a_process_that_dies_stops_writing(fault: str, source: Path, tmp_path: Path) -> None:
    run_process("-L", tmp_path, source / "large.bin", "u@h:/nowhere", fault=fault)
    records = read_folder(tmp_path)
    assert [fields["file"] for fields in of(records, "transfer_start")] == [f"{source}/large.bin"]
    assert of(records, "transfer_stop") == of(records, "session_stop") == []


def test_a_session_that_fails_in_a_file(source: Path, tmp_path: Path) -> None:
    run("-L", tmp_path, source / "large.bin", "u@h:/nowhere", fault="fail=28@500000")
    records = read_folder(tmp_path)
    assert len(of(records, "transfer_start")) == 1
    assert of(records, "transfer_stop") == []
    assert of(records, "session_stop")[0]["errcode"] == 68


def test_lines_are_there_at_once(source: Path, target: Path, tmp_path: Path) -> None:
    with live("--simulate-copy", "-l", "100k", "-L", tmp_path, source / "large.bin", f"u@h:{target}") as it:
        it.expect("Type: STATS.*Type: STATS")
        assert len(of(read_folder(tmp_path), "transfer_start")) == 1


def test_standard_error(source: Path) -> None:
    outcome = run_alone("-L-", str(source / "small.txt"), "u@h:/nowhere")
    assert outcome.status == 0
    assert outcome.err.startswith("LOG Initializing FASP version 3.9.0.faspmgr, ")
    assert "\nLOG FASP Session Stop uuid=" in outcome.err


def test_an_empty_argument_is_no_log(source: Path) -> None:
    outcome = run_alone("-L", "", str(source / "small.txt"), "u@h:/nowhere")
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize(
    ("name", "damage"),
    [(b"Elapsedusec", b""), (b"Written", b"Written: x\n"), (b"Written", b"Written: " + b"9" * 400 + b"\n")],
)
def test_a_recording_that_lacks_something(name: bytes, damage: bytes, tmp_path: Path) -> None:
    """No line for a message without what it needs, and no log of a session whose INIT is not there."""
    whole = b"".join(Scenario(files=2).stream())
    first, second = (message for message in messages([whole]) if b"Type: STOP" in message)
    damaged = re.sub(name + rb": .*\n", damage, first)
    other = re.sub(rb"SessionId: .*\n", b"SessionId: another\n", second)
    recorded = tmp_path / "recorded.fasp"
    recorded.write_bytes(whole.replace(first, damaged + other))
    outcome = run("-L", tmp_path, f"--simulate-play={recorded}", "a", "u@h:/nowhere")
    assert (outcome.status, outcome.data) == (0, recorded.read_bytes())
    records = read_folder(tmp_path)
    names = [fields["file"] for fields in of(records, "transfer_stop")]
    assert names == ["/data/in/project/00000/file-00000001.bin"]
    assert [fields["status"] for fields in of(records, "session_stop")] == ["success"]


def test_a_recording_is_logged_in_its_own_time(fixtures: Path, tmp_path: Path) -> None:
    """Two attempts, each a process: the second one begins where the first one ends, and takes 2.741388 s."""
    run("-L", tmp_path, f"--simulate-play={fixtures}/sessions/retry.fasp", "a", "u@h:/nowhere")
    first, second = (record for record in read_folder(tmp_path) if record.kind == "session_stop")
    assert first.process
    assert first.time
    assert second.time
    assert second.process == first.process + 1
    assert (second.time - first.time).total_seconds() == pytest.approx(2.741388, abs=0.001)


def test_a_folder_that_is_not_there(source: Path, tmp_path: Path) -> None:
    """The words of ascp, and nothing on the management port."""
    outcome = run("-L", tmp_path / "none", source / "small.txt", "u@h:/nowhere")
    assert (outcome.status, outcome.out, outcome.data) == (1, "", b"")
    assert outcome.err == (
        f"Error opening log directory {tmp_path}/none\n"
        f"error initializing transfer log '{tmp_path}/none/{NAME}' (No such file or directory).\n"
        "ascp: FASP initialization failed (Bad protocol).\n"
    )


def test_several_processes_write_whole_lines(tmp_path: Path) -> None:
    files = [tmp_path / f"file-{number:03d}" for number in range(200)]
    for file in files:
        file.touch()
    with contextlib.ExitStack() as stack:
        words: list[str | Path] = ["-L", tmp_path, *files, "u@h:/nowhere"]
        processes = [
            stack.enter_context(launcher.start(*words, program=SIMULATOR, clean=True, stderr=None, stdout=None))
            for _ in range(3)
        ]
        for process in processes:
            assert process.wait(launcher.TIMEOUT) == 0
    records = read_folder(tmp_path)
    for process in processes:
        own = [record for record in records if record.process == process.pid]
        assert [fields["file"] for fields in of(own, "transfer_stop")] == [str(file) for file in files]
        assert len(of(own, "file_statistics")) == 1
    # version, two lines, folder, access key, authentication, AUTH, Start, Params, sizes, 200 sources, 400 files,
    # progress, queues, Stop, Params, statistics, block
    assert len(records) == 3 * (10 + 200 + 400 + 6)


# -- the files of a folder, as those that ascp 3.9.0 was seen to leave


def write(folder: Path, megabytes: int | None, text: str) -> None:
    LogFile(f"{folder}:{megabytes}" if megabytes else str(folder)).write(text)


def sizes(folder: Path) -> dict[str, int]:
    """Size of each file, by what its name has behind aspera-scp-transfer."""
    return {path.name.removeprefix("aspera-scp-transfer"): path.stat().st_size for path in folder.iterdir()}


def test_two_names_of_one_file(tmp_path: Path) -> None:
    write(tmp_path, None, "first\n")
    write(tmp_path, None, "second\n")
    assert sizes(tmp_path) == {".log": 13, ".0.log": 13}
    assert (tmp_path / NAME).samefile(tmp_path / "aspera-scp-transfer.0.log")


def test_a_process_goes_on_with_the_next_number_when_it_finds_a_full_log(tmp_path: Path) -> None:
    write(tmp_path, 1, "x" * (2**20 - 1))
    write(tmp_path, 1, "and more")  # it was not full
    write(tmp_path, 1, "new")
    assert sizes(tmp_path) == {".log": 3, ".1.log": 3, ".0.log": 2**20 + 7}
    assert (tmp_path / NAME).samefile(tmp_path / "aspera-scp-transfer.1.log")


def test_ten_megabytes_without_a_size(tmp_path: Path) -> None:
    for name in (NAME, "aspera-scp-transfer.0.log"):
        with open(tmp_path / name, "wb") as file:
            file.truncate(10 * 2**20)
    write(tmp_path, 11, "a")
    write(tmp_path, None, "b")
    assert sizes(tmp_path)[".1.log"] == 1
    assert sizes(tmp_path)[".0.log"] == 10 * 2**20 + 1


def test_numbers_begin_again_behind_nine(tmp_path: Path) -> None:
    for _ in range(9):
        write(tmp_path, 1, "x" * 2**20)
    assert sorted(sizes(tmp_path)) == [*(f".{number}.log" for number in range(9)), ".log"]
    write(tmp_path, 1, "y" * 2**20)  # with .9.log, .0.log is gone
    assert sorted(sizes(tmp_path)) == [*(f".{number}.log" for number in range(1, 10)), ".log"]
    write(tmp_path, 1, "z")
    assert sizes(tmp_path)[".log"] == sizes(tmp_path)[".0.log"] == 1
    assert sorted(sizes(tmp_path)) == [".0.log", *(f".{number}.log" for number in range(2, 10)), ".log"]
    assert (tmp_path / NAME).samefile(tmp_path / "aspera-scp-transfer.0.log")
