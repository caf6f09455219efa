"""What faspmgr-ascp finds, copies, resumes and skips, and what is wrong with files."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from tests.simulator.conftest import SMALL
from tests.simulator.management import Reported, content, copy, run


@pytest.mark.parametrize("name", ["line\nbreak", "tab\there", "caf\udce9", "Type: STOP", "-l"])
def test_odd_names_survive(tmp_path: Path, target: Path, name: str) -> None:
    wire = name.replace("\n", "\x1bn")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).write_bytes(b"data")
    outcome = copy("-d", tmp_path / "in", f"u@h:{target}")
    assert outcome.of("STOP")[0]["File"] == f"{tmp_path}/in/{wire}"
    assert outcome.session.files_done == 1
    assert content(target) == {f"in/{name}": b"data"}


def test_it_copies_and_the_numbers_are_those_of_the_file_system(source: Path, target: Path) -> None:
    outcome = copy("-d", "--file-checksum=sha-256", source, f"u@h:{target}")
    assert content(target / "in") == content(source)
    for stop in outcome.of("STOP"):
        data = Path(stop["File"]).read_bytes()
        assert stop["FileChecksum"] == hashlib.sha256(data).hexdigest()
        assert stop["FileChecksumType"] == "sha-256"
        assert int(stop["Size"]) == len(data)
    assert outcome.of("SESSION")[0]["FileChecksumType"] == "sha-256"
    assert outcome.session.bytes_written == sum(len(data) for data in content(source).values())


def test_it_keeps_to_the_target_rate(tmp_path: Path, target: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(1_000_000))
    began = time.monotonic()
    outcome = run("--simulate-copy", "-l", "8m", tmp_path / "file", f"u@h:{target}")
    assert 1 <= time.monotonic() - began < 4
    rate = outcome.session.average_rate_kbps
    assert rate is not None
    assert rate == pytest.approx(8000, rel=0.2)
    assert rate <= 8000


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
    begin = outcome.of("STATS")[0]
    assert (begin["StartByte"], begin["Written"], begin["FileBytes"]) == ("300000", "300000", "0")
    (stop,) = outcome.of("STOP")
    assert (stop["Written"], stop["FileBytes"], stop["TransferBytes"]) == ("1024000", "1024000", "724000")
    assert "StartByte" not in stop
    assert (target / "large.bin").read_bytes() == whole


@pytest.mark.parametrize(
    ("level", "place", "start"),
    [("1", 0, "300000"), ("2", 0, "0"), ("2", 150_000, "300000"), ("3", 150_000, "0"), ("0", None, "0")],
)
def test_resume_levels(source: Path, target: Path, level: str, place: int | None, start: str) -> None:
    target.mkdir()
    part = bytearray((source / "large.bin").read_bytes()[:300_000])
    if place is not None:
        part[place] ^= 1
    (target / "large.bin").write_bytes(part)
    outcome = copy("-k", level, source / "large.bin", f"u@h:{target}/")
    assert outcome.of("STATS")[0]["StartByte"] == start
    assert (target / "large.bin").stat().st_size == 1_024_000


def is_there(outcome: Reported) -> bool:
    """Is its only file one that was at the destination already?"""
    (stop,) = outcome.of("STOP")
    assert "SKIP" not in outcome.types
    there = [stop["StartByte"], stop["Written"], stop["FileBytes"], stop["TransferBytes"]]
    return "STATS" not in outcome.types and there == [stop["Size"], stop["Size"], "0", "0"]


def test_what_is_there_already_is_a_stop(source: Path, target: Path) -> None:
    first = copy("-d", source, f"u@h:{target}")
    again = copy("-d", "-k", "1", source, f"u@h:{target}")
    assert (first.types.count("STATS"), first.types.count("STOP")) == (4, 4)
    assert [type_ for type_ in again.types if type_ in ("STATS", "STOP", "SKIP")] == ["STOP"] * 4
    assert [stop["StartByte"] for stop in again.of("STOP")] == ["0", "1024000", "12", "1000"]
    # The empty file is done: nothing tells it from one that was just created.
    assert (again.end["TransfersPassed"], again.end["TransfersSkipped"], again.end["FileBytes"]) == ("4", "3", "0")


OLD, NEW = b"old content!", b"another one!"


@pytest.mark.parametrize(
    ("policy", "there", "age", "skipped"),
    [
        ("never", NEW, 0, True),
        ("always", SMALL, 0, False),
        ("older", OLD, -100, False),
        ("older", OLD, 100, True),
        ("diff", OLD, 100, False),
        ("diff", SMALL, -100, True),
        ("diff+older", OLD, -100, False),
        ("diff+older", OLD, 100, True),
        ("diff+older", SMALL, -100, True),
    ],
)
def test_overwriting(source: Path, target: Path, policy: str, there: bytes, age: int, skipped: bool) -> None:
    target.mkdir()
    goal = target / "small.txt"
    goal.write_bytes(there)
    when = (source / "small.txt").stat().st_mtime + age
    os.utime(goal, (when, when))
    outcome = copy(f"--overwrite={policy}", source / "small.txt", f"u@h:{target}")
    assert is_there(outcome) == skipped
    assert goal.read_bytes() == (there if skipped else SMALL)


def test_a_file_is_never_copied_onto_itself(source: Path) -> None:
    outcome = copy("--overwrite=always", source / "small.txt", f"u@h:{source}")
    assert is_there(outcome)
    assert (source / "small.txt").read_bytes() == SMALL


def test_a_range(source: Path, target: Path) -> None:
    outcome = copy("-@", "100:299", f"u@h:{source}/large.bin", target)
    assert target.read_bytes() == (source / "large.bin").read_bytes()[100:300]
    (stop,) = outcome.of("STOP")
    assert (stop["StartByte"], stop["EndByte"], stop["Written"], stop["Size"]) == ("100", "299", "200", "1024000")
    assert outcome.session.progress == 1


def test_a_range_that_is_there_is_skipped(source: Path, target: Path) -> None:
    """A STOP would say that the whole file is there."""
    args: list[str | Path] = ["-k1", "-@", "100:299", f"u@h:{source}/large.bin", target]
    copy(*args)
    again = copy(*args)
    assert ([skip["Size"] for skip in again.of("SKIP")], again.of("STOP")) == (["0"], [])


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
    assert content(target) == {"small.txt": SMALL, "sub/further.txt": b"x" * 1000}
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == ["1", "2"]


def test_file_pair_list(source: Path, target: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list"
    listed.write_text(f"{source}/small.txt\na/b/renamed.txt\n{source}/empty\nnothing\n")
    outcome = copy(f"--file-pair-list={listed}", "--mode=send", "--host=h", target)
    assert outcome.status == 0
    assert content(target) == {"a/b/renamed.txt": SMALL, "nothing": b""}


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
    assert outcome.of("STATS")[0]["StartByte"] == "512000"
    assert content(target) == {"large.bin": (source / "large.bin").read_bytes()}


def test_times_are_kept_if_asked_for(source: Path, target: Path) -> None:
    os.utime(source / "small.txt", (10**9, 10**9))
    copy("-p", source / "small.txt", f"u@h:{target}")
    assert target.stat().st_mtime == 10**9


def test_a_missing_source_among_others(source: Path) -> None:
    outcome = run(source / "small.txt", source / "nothing", "u@h:/x")
    assert (outcome.status, outcome.of("FILEERROR")[0]["Code"]) == (1, "43")
    end = outcome.end
    assert (end["Code"], end["TransfersPassed"], end["TransfersFailed"]) == ("27", "1", "1")
    assert "One or more files failed" in outcome.err


def test_a_destination_that_is_no_directory(source: Path, target: Path) -> None:
    for outcome in (
        copy(source / "small.txt", source / "empty", f"u@h:{target}"),
        copy("-d", source / "empty", f"u@h:{source}/small.txt/sub"),
    ):
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
