"""What the makers of ascli published of real transfers, excerpt by excerpt: the simulator reports the same.

Sizes, offsets and byte counts are those that were published, but for Written: that was left out there, and is what a
real STATS is known to have.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator.course import Argument, Begin, Clock, Course
from faspmgr.simulator.messages import File, Messages
from faspmgr.simulator.parameters import Fate
from faspmgr.simulator.scenario import Scenario
from faspmgr.simulator.terms import Terms
from tests.cli.terminal import invoke
from tests.simulator.management import copy, run

SIZE = 4_194_304
COUNTERS = ("TransferBytes", "StartByte", "EndByte", "FileBytes", "Size", "Written")


def counters(frame: Frame) -> tuple[int | None, ...]:
    """COUNTERS of a message, None for one that it does not have."""
    return tuple(int(frame.fields[name]) if name in frame.fields else None for name in COUNTERS)


def of(frames: list[Frame], type_: str) -> list[Frame]:
    return [frame for frame in frames if frame.type == type_]


# -- a resumed transfer of three files, the first one half there

OFFSET = 2_172_544


class Resumed(Scenario):
    def fates(self) -> Iterator[Fate]:
        kinds = ("resume", "plain", "plain")
        return (Fate(number, SIZE, kind, OFFSET / SIZE, 0) for number, kind in enumerate(kinds))


def check_resumed(frames: list[Frame]) -> None:
    job = next(frame.fields for frame in frames if "PreTransferBytes" in frame.fields)
    assert (job["PreTransferBytes"], job["PreTransferFiles"]) == ("12582912", "3")
    name = of(frames, "STATS")[0].fields["File"]
    about = [frame for frame in frames if frame.fields.get("File") == name and frame.type in ("STATS", "STOP")]
    assert counters(about[0]) == (0, OFFSET, None, 0, SIZE, OFFSET)
    assert counters(about[1]) == (689_920, None, None, 2_862_464, SIZE, 2_862_464)
    assert counters(about[-1]) == (SIZE - OFFSET, None, None, SIZE, SIZE, SIZE)
    assert about[-1].type == "STOP"
    # The other two are whole files, as they always were.
    assert [stop.fields.get("StartByte") for stop in of(frames, "STOP")] == [None, "0", "0"]
    done = frames[-1].fields
    assert (frames[-1].type, done["TransferBytes"], done["FileBytes"]) == ("DONE", "10410368", "12582912")


def test_a_synthetic_transfer_is_resumed() -> None:
    scenario = Resumed(files=3, size=SIZE, target_kbps=5515, achieved_kbps=5515, rtt_ms=0)
    check_resumed(list(scenario.frames()))


def test_a_real_copy_is_resumed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "out" / "in").mkdir(parents=True)
    for name in "abc":
        (tmp_path / "in" / name).write_bytes(name.encode() * SIZE)
    (tmp_path / "out" / "in" / "a").write_bytes(b"a" * OFFSET)
    outcome = copy("-k1", "-d", "-l11038", "--precalculate-job-size", tmp_path / "in", f"u@h:{tmp_path}/out")
    check_resumed(outcome.frames)
    assert (tmp_path / "out" / "in" / "a").read_bytes() == b"a" * SIZE


# -- the second of two sessions that share one file

PART = 2_096_512


def check_second_part(frames: list[Frame]) -> None:
    first, second, *_ = of(frames, "STATS")
    assert counters(first) == (0, PART, None, 0, SIZE, 0)
    assert counters(second) == (702_592, PART, None, 702_592, SIZE, 702_592)


def test_two_synthetic_sessions_share_a_file() -> None:
    """The seed is one with which chance loses as much as was lost there: two datagrams."""
    scenario = Scenario(files=1, size=SIZE, sessions=2, multi_session_threshold=SIZE, target_kbps=5625,
                        achieved_kbps=5625, loss=0.001, seed=1)  # fmt: skip
    one, two = (Tokenizer(strict=True).feed(b"".join(stream)) for stream in scenario.streams())
    check_second_part(two)
    (stop,) = of(two, "STOP")
    assert counters(stop) == (2_100_608, PART, None, 2_100_608, SIZE, 2_100_608)
    assert two[-1].fields["TransferBytes"] == two[-1].fields["FileBytes"] == "2100608"

    # The first one begins at 0, and says so as a whole file does.
    assert {frame.fields["StartByte"] for frame in one if frame.type in ("STATS", "STOP")} == {"0"}
    (stop,) = of(one, "STOP")
    lost = int(stop.fields["Loss"])
    assert counters(stop) == (PART + lost, 0, None, PART + lost, SIZE, PART + lost)
    names = {(frame.fields["File"], frame.fields["FaspFileID"]) for frame in of(one, "STOP") + of(two, "STOP")}
    assert len(names) == 1
    jobs = [frame.fields["PreTransferBytes"] for frame in one + two if "PreTransferBytes" in frame.fields]
    assert jobs == [str(PART), str(SIZE - PART)]


def test_two_real_copies_share_a_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * (SIZE // 256)
    (tmp_path / "a").write_bytes(data)
    # What is there already is longer, of the same size, or nothing: each part is written in its place all the same.
    (tmp_path / "out").write_bytes(bytes(SIZE + 1))
    outcomes = [
        copy("-C", f"{node}:2", "-k1", f"--multi-session-threshold={SIZE}", "-l11241", tmp_path / "a",
             f"u@h:{tmp_path}/out")
        for node in (1, 2)
    ]  # fmt: skip
    check_second_part(outcomes[1].frames)
    stops = [counters(of(outcome.frames, "STOP")[0]) for outcome in outcomes]
    rest = SIZE - PART
    assert stops == [(PART, 0, None, PART, SIZE, PART), (rest, PART, None, rest, SIZE, rest)]
    assert [outcome.status for outcome in outcomes] == [0, 0]
    assert (tmp_path / "out").read_bytes() == data


@pytest.mark.parametrize("threshold", [[], ["--multi-session-threshold=0"], [f"--multi-session-threshold={SIZE + 1}"]])
def test_a_file_below_the_threshold_belongs_to_one_session(tmp_path: Path, threshold: list[str]) -> None:
    (tmp_path / "a").write_bytes(bytes(SIZE))
    one, two = (run("-C", f"{node}:2", *threshold, tmp_path / "a", "u@h:/x") for node in (1, 2))
    assert counters(of(one.frames, "STOP")[0]) == (SIZE, 0, None, SIZE, SIZE, SIZE)
    assert of(two.frames, "STATS") == of(two.frames, "STOP") == []


def test_a_file_too_small_for_all_sessions_belongs_to_the_last(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(bytes(1000))
    one, two = (run("-C", f"{node}:2", "--multi-session-threshold=1", tmp_path / "a", "u@h:/x") for node in (1, 2))
    assert of(one.frames, "STOP") == []
    assert counters(of(two.frames, "STOP")[0]) == (1000, 0, None, 1000, 1000, 1000)


# -- two files that are at the destination already, nothing calculated beforehand

THERE = (0, SIZE, None, 0, SIZE, SIZE)


def check_there(frames: list[Frame]) -> None:
    assert not any("PreTransferBytes" in frame.fields for frame in frames)
    types = [frame.type for frame in frames if frame.type not in ("INIT", "SESSION", "NOTIFICATION", "ARGSTOP")]
    assert types == ["STOP", "STOP", "DONE"]
    assert [counters(stop) for stop in of(frames, "STOP")] == [THERE, THERE]
    assert (frames[-1].fields["TransferBytes"], frames[-1].fields["FileBytes"]) == ("0", "0")


def test_synthetic_files_are_there_already() -> None:
    check_there(list(Scenario(files=2, size=SIZE, present=2, precalculate=False).frames()))
    made = invoke("simulate", "--files", "2", "--present", "2", "--size", str(SIZE), "--no-precalculate")
    assert (made.status, made.err) == (0, "")
    check_there(Tokenizer(strict=True).feed(made.out))


@pytest.mark.parametrize("option", ["-k1", "-k2", "-k3", "--overwrite=diff", "--overwrite=never"])
def test_real_files_are_there_already(tmp_path: Path, option: str) -> None:
    for name in ("in/a", "in/b", "out/a", "out/b"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(bytes(SIZE))
    outcome = copy(option, tmp_path / "in" / "a", tmp_path / "in" / "b", f"u@h:{tmp_path}/out")
    assert outcome.status == 0
    check_there(outcome.frames)


# -- 30,000,000 bytes in one file: averages


class Measured:
    """A file that moves at the times that were measured. What is not asked for here is as a session without options."""

    notifies = False

    def __init__(self) -> None:
        self.file = File("/a", 30_000_000)
        self.course = Course(self, Terms(), Messages("s"), Clock())  # type: ignore[arg-type]

    def session_values(self) -> dict[str, object]:
        return {}

    def connect(self) -> list[Frame]:
        return []

    def prepare(self) -> None: ...

    def arguments(self) -> list[Argument]:
        return [Argument(None, 1, [self])]

    def last_reports(self) -> list[Frame]:
        return []

    def begin(self) -> Begin:
        return Begin.MOVES

    def steps(self) -> Iterator[int]:
        self.course.clock.usec = 2_003_694
        self.course.move(14_219_392 - 1_408, lost=1_408)
        yield 0
        self.course.clock.usec = 3_627_747
        self.course.move(30_000_000 - self.file.written)

    def finish(self) -> None: ...

    def close(self) -> None: ...


def test_averages() -> None:
    _, _, _, stats, stop, _ = (frame.fields for frame in Measured().course.run())
    middle = [int(stats[name]) for name in ("Elapsedusec", "TransferBytes", "Loss")]
    assert middle == [2_003_695, 14_219_392, 1_408]
    assert middle[1] * 8_000 // middle[0] == 56_772
    end = [int(stop[name]) for name in ("Elapsedusec", "FileBytes")]
    assert end == [3_627_748, 30_000_000]
    assert end[1] * 8_000 // end[0] == 66_156
