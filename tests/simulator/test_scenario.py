"""Synthetic sessions: what was asked for is in them, and their numbers agree with each other."""

from __future__ import annotations

import itertools
import tracemalloc
from collections import Counter
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import SessionEvent
from faspmgr.protocol.fields import FIELDS, escape_path
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser, parse
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator.parameters import DISTRIBUTIONS, Fate
from faspmgr.simulator.scenario import Scenario
from faspmgr.simulator.synthetic import path_of
from faspmgr.simulator.terms import CHECKSUMS
from faspmgr.tracking import Session, Tracker
from tests import launcher
from tests.simulator.management import tracked

FILE_MESSAGES = {"STATS", "STOP", "SKIP", "FILEERROR"}
STILL = {"STOP", "SKIP", "FILEERROR", "DONE", "ERROR"}


def stream(scenario: Scenario) -> bytes:
    return b"".join(scenario.stream())


def track(scenario: Scenario) -> Tracker:
    return tracked(stream(scenario))


def only(scenario: Scenario) -> Session:
    (session,) = track(scenario).sessions
    return session


def number(frame: Frame, name: str) -> int:
    return int(frame.fields[name])


# -- what was asked for


def test_the_smallest_one() -> None:
    types = [frame.type for frame in Scenario(files=1, size=0, precalculate=False).frames()]
    assert types == ["INIT", "SESSION", "NOTIFICATION", "STATS", "STOP", "ARGSTOP", "DONE"]


def test_no_files_at_all() -> None:
    session = only(Scenario(files=0))
    assert (session.state, session.files_done, session.expected_files) == ("done", 0, 0)


def test_as_many_fail_and_are_skipped_as_asked_for() -> None:
    scenario = Scenario(files=200, size=1000, fail={5: 3, 35: 2, 36: 1}, skip=20, resume=30, ranges=10)
    session = only(scenario)
    assert (session.files_done, session.files_skipped, session.files_failed) == (174, 20, 6)
    assert session.error
    assert session.error.code == 27
    failures = [file.error.code for file in session.files.values() if file.error]
    assert Counter(failures) == {5: 3, 35: 2, 36: 1}
    done = [file for file in session.files.values() if file.state == "done"]
    assert sum(1 for file in done if file.is_range) == 10
    assert sum(1 for file in done if file.start_byte and not file.is_range) == 30
    end = session.end
    assert end
    counts = (end.transfers_attempted, end.transfers_passed, end.transfers_skipped, end.transfers_failed)
    assert counts == (200, 194, 20, 6)


def test_a_number_of_failures_means_code_5() -> None:
    assert [frame.type for frame in Scenario(files=2, fail=2).frames()].count("FILEERROR") == 2
    assert Scenario(fail=2) == Scenario(fail={5: 2})


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_the_mean_size(distribution: str) -> None:
    frames = Scenario(files=4000, size=1000, distribution=distribution, achieved_kbps=90_000).frames()
    sizes = [number(frame, "Size") for frame in frames if frame.type == "STOP"]
    assert sum(sizes) / 4000 == pytest.approx(1000, rel=0.35)  # heavy tails: their mean settles slowly
    assert (len(set(sizes)) > 1) == (distribution != "fixed")


def test_rates() -> None:
    session = only(Scenario(files=3, size=50_000_000, target_kbps=200_000, achieved_kbps=150_000, rtt_ms=80))
    assert session.target_rate_kbps == 200_000
    assert session.average_rate_kbps == pytest.approx(150_000, rel=0.1)
    assert 78 <= (session.rtt_ms or 0) <= 82


def test_loss() -> None:
    session = only(Scenario(files=3, size=50_000_000, loss=0.02))
    assert session.bytes_lost == pytest.approx(0.02 * session.bytes_written, rel=0.5)
    assert session.bytes_transferred == session.bytes_written + session.bytes_lost
    assert only(Scenario()).bytes_lost == 0


@pytest.mark.parametrize("kind", CHECKSUMS)
def test_checksums(kind: str) -> None:
    stops = [frame.fields for frame in Scenario(checksum=kind).frames() if frame.type == "STOP"]
    digits = {"none": 0, "md5": 32, "sha1": 40, "sha-256": 64, "sha-384": 96, "sha-512": 128}[kind]
    assert [len(stop.get("FileChecksum", "")) for stop in stops] == [digits] * 3
    assert len({stop.get("FileChecksum") for stop in stops}) == (3 if digits else 1)


def test_precalculation() -> None:
    frames = list(Scenario(files=4, size=100, distribution="uniform", skip=1, fail=1).frames())
    job = next(frame for frame in frames if "PreTransferBytes" in frame.fields)
    assert job.fields["PreTransferFiles"] == "4"
    assert not any("PreTransferBytes" in frame.fields for frame in Scenario(precalculate=False).frames())
    whole = list(Scenario(files=4, size=100, distribution="uniform").frames())
    total = sum(number(frame, "Size") for frame in whole if frame.type == "STOP")
    assert number(job, "PreTransferBytes") == total  # the same files, of which one is skipped and one fails


def test_parallel_sessions() -> None:
    tracker = track(Scenario(files=10, size=5_000_000, sessions=3))
    (transfer,) = tracker.transfers.values()
    assert [session.part for session in transfer.sessions] == [0, 1, 2]
    assert [session.files_done for session in transfer.sessions] == [4, 3, 3]
    assert transfer.state == "done"
    assert len({name for session in transfer.sessions for name in session.files}) == 10
    ports = [session.negotiated and session.negotiated.port for session in transfer.sessions]
    assert ports == [33001, 33002, 33003]


def test_parallel_sessions_are_mixed() -> None:
    frames = [frame for frame in Scenario(files=4, size=50_000_000, sessions=2).frames() if frame.type == "STATS"]
    turns = [frame.fields["SessionId"] for frame in frames]
    assert sum(1 for one, other in itertools.pairwise(turns) if one != other) > 10


@pytest.mark.parametrize("sessions", [1, 3])
def test_retries(sessions: int) -> None:
    tracker = track(Scenario(files=7, size=3_000_000, retries=2, skip=1, fail=1, sessions=sessions))
    (transfer,) = tracker.transfers.values()
    attempts = transfer.sessions
    assert len(attempts) == 3 * sessions
    assert Counter(session.error.code if session.error else 0 for session in attempts)[16] == 2 * sessions
    assert transfer.attempts == 1 + 2 * sessions
    last = transfer.current
    assert len(last) == sessions
    assert sum(session.files_done + session.files_skipped + session.files_failed for session in last) == 7
    assert sum(session.files_failed for session in last) == 1
    # Nothing is sent twice: what all attempts wrote is what there is to write.
    if sessions == 1:
        resumed = [file for session in attempts for file in session.files.values() if file.start_byte]
        assert resumed
        failed = sum(file.written for file in last[0].files.values() if file.state == "failed")
        assert sum(session.bytes_written for session in attempts) >= 5 * 3_000_000 + failed


def test_what_an_attempt_before_has_moved() -> None:
    """Three attempts at four files: the last one begins when two of them, and two thirds of the third, are there."""
    frames = list(Scenario(files=4, size=3_000_000, retries=2, precalculate=False).frames())
    ends = [place for place, frame in enumerate(frames) if frame.type in ("ERROR", "DONE")]
    last = [frame for frame in frames[ends[1] + 1 :] if frame.type in ("STATS", "STOP")]
    there = [frame.fields for frame in last[:2]]
    assert [frame.type for frame in last[:2]] == ["STOP", "STOP"]
    assert [(stop["StartByte"], stop["Size"], stop["FileBytes"]) for stop in there] == [("3000000", "3000000", "0")] * 2
    assert (last[2].type, last[2].fields["StartByte"], last[2].fields["FileBytes"]) == ("STATS", "1999999", "0")
    done = frames[-1].fields
    assert (done["TransferBytes"], done["FileBytes"]) == ("4000001", "6000000")


def test_fallback() -> None:
    frames = list(Scenario(files=1, size=100, fallback=True).frames())
    types = [frame.type for frame in frames]
    assert types == ["INIT", "SESSION", "ERROR", "STATS", "STOP", "ARGSTOP", "DONE", "DONE"]
    assert frames[1].fields["FallbackProtocol"] == "http"
    assert frames[2].fields["Code"] == "14"
    assert frames[-1] == frames[-2]
    assert list(frames[-1].fields) == ["Elapsedusec", "SessionId", "TransferBytes", "FileBytes"]
    assert only(Scenario(files=1, size=100, fallback=True)).state == "done"


def test_odd_names() -> None:
    session = only(Scenario(files=12, size=10, odd_names=True))
    names = list(session.files)
    assert len(set(names)) == 12
    assert max(len(name) for name in names) == 4096
    for part in ("line\nbreak", "carriage\rreturn", "tab\there", "\udcfc", "\x1bn", "Type: STATS"):
        assert any(part in name for name in names), part


@pytest.mark.parametrize(("share", "through"), [(0, 0), (0.25, 1), (0.5, 2), (0.99, 3), (1, 4)])
def test_an_error_where_it_was_asked_for(share: float, through: int) -> None:
    session = only(Scenario(files=4, size=5_000_000, error=25, stop_at=share))
    code = session.error and session.error.code
    assert (session.state, code, session.files_done) == ("failed", 25, through)


def test_an_error_in_the_middle_of_a_file() -> None:
    session = only(Scenario(files=1, size=50_000_000, error=40, stop_at=0.25))
    (file,) = session.files.values()
    assert session.bytes_written == 12_500_000
    assert file.state == "transferring"


@pytest.mark.parametrize("sessions", [1, 2])
@pytest.mark.parametrize("share", [0, 0.3, 1])
def test_a_stream_that_breaks_off(share: float, sessions: int) -> None:
    scenario = Scenario(files=5, size=5_000_000, cut_off=True, stop_at=share, sessions=sessions)
    parser = Parser()
    tracker = tracked(stream(scenario), parser)
    assert [problem.kind for problem in parser.problems] == ["unfinished"]
    whole = Tokenizer().feed(stream(scenario))
    assert whole == list(scenario.frames())
    assert not any(session.state == "done" for session in tracker.sessions) or sessions > 1


def test_direction_and_user_str() -> None:
    session = only(Scenario(direction="Receive", user_str=None))
    assert (session.direction, session.user_str) == ("Receive", None)
    assert only(Scenario(user_str="mine")).user_str == "mine"


# -- the same seed gives the same bytes


def test_the_same_seed_gives_the_same_bytes() -> None:
    values: dict[str, Any] = {"files": 20, "distribution": "lognormal", "loss": 0.01, "fail": 2, "sessions": 2}
    one, again, other = (stream(Scenario(**values, seed=seed)) for seed in (1, 1, 2))
    assert one == again
    assert one != other


def test_also_in_another_process() -> None:
    env = {"PYTHONHASHSEED": "7", "USER": "somebody", "LOGNAME": "somebody"}
    args = ["simulate", "--files", "9", "--fail", "3", "--retries", "1", "--sessions", "2", "--seed", "5"]
    assert launcher.run(*args, environment=env).data == stream(Scenario(files=9, fail=3, retries=1, sessions=2, seed=5))


# -- the numbers agree


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    whole = st.integers
    files = draw(whole(0, 12))
    special = [draw(whole(0, files // 5)) for _ in range(5)]
    target = draw(whole(100, 1_000_000))
    return Scenario(
        files=files,
        size=draw(whole(0, 20_000_000)),
        distribution=draw(st.sampled_from(DISTRIBUTIONS)),
        target_kbps=target,
        achieved_kbps=draw(whole(max(100, target // 3), target)),
        rtt_ms=draw(whole(0, 300)),
        loss=draw(st.sampled_from([0, 0.001, 0.1, 0.5])),
        fail={36: special[0]},
        skip=special[1],
        resume=special[2],
        ranges=special[3],
        present=special[4],
        precalculate=draw(st.booleans()),
        sessions=draw(whole(1, 3)),
        multi_session_threshold=draw(st.sampled_from([0, 1, 5_000_000])),
        retries=draw(whole(0, 2)),
        fallback=draw(st.booleans()),
        odd_names=draw(st.booleans()),
        error=draw(st.none() | whole(1, 69)),
        stop_at=draw(st.floats(0, 1)),
        checksum=draw(st.sampled_from(["none", "md5"])),
        seed=draw(whole(0, 1000)),
    )


@given(scenarios())
def test_the_numbers_agree_with_each_other(scenario: Scenario) -> None:
    frames = list(scenario.frames())
    assert b"".join(frame.encode() for frame in frames) == stream(scenario)
    for session_id in {frame.fields["SessionId"] for frame in frames if "SessionId" in frame.fields}:
        check_session(scenario, [frame for frame in frames if frame.fields.get("SessionId") == session_id])


@given(scenarios())
def test_fields_are_in_the_order_of_the_table(scenario: Scenario) -> None:
    """In every message; or sorted by name, and nothing else is different then."""
    frames = list(scenario.frames())
    for frame in frames:
        assert list(frame.fields) == sorted(frame.fields, key=lambda name: FIELDS[name].position)
    other = list(attrs.evolve(scenario, order="name").frames())
    for frame in other:
        assert list(frame.fields) == sorted(frame.fields)
    assert [(frame.type, frame.fields) for frame in other] == [(frame.type, frame.fields) for frame in frames]


def part_of(scenario: Scenario, fate: Fate, node: int) -> range:
    """The bytes of a file that a session has to report on; of a shared one a part, in datagrams of 1408 bytes."""
    nodes, size = scenario.sessions, fate.size
    if not is_shared(scenario, fate):
        return range(size if fate.number % nodes == node else 0)
    begin, end = (size * number // nodes // 1408 * 1408 for number in (node, node + 1))
    return range(begin, size if node == nodes - 1 else end)


def is_shared(scenario: Scenario, fate: Fate) -> bool:
    threshold = scenario.multi_session_threshold
    return scenario.sessions > 1 and fate.kind == "plain" and bool(threshold) and fate.size >= threshold


def check_session(scenario: Scenario, frames: list[Frame]) -> None:
    rate = number(frames[1], "Rate")
    node = number(frames[1], "ClusterNodeId")
    fates = {escape_path(path_of(fate.number, scenario.odd_names)): fate for fate in scenario.fates()}
    shared = any(is_shared(scenario, fate) for fate in fates.values())
    for name in ("Elapsedusec", "FileBytes", "TransferBytes", "Loss"):
        values = [number(frame, name) for frame in frames if name in frame.fields]
        assert values == sorted(values), name

    # Of each file of which a byte was moved what is at the destination, and of the resumed ones what was there before.
    written: dict[str, int] = {}
    before: dict[str, int] = {}
    for frame in frames:
        if frame.type in FILE_MESSAGES:
            fate = fates[frame.fields["File"]]
            check_file(frame, part_of(scenario, fate, node), is_shared(scenario, fate), written, before)
        if frame.type in STILL | {"STATS"} and "FileBytes" in frame.fields:
            sent = sum(written.values()) - sum(before.get(name, 0) for name in written)
            http = frame.type in ("DONE", "ERROR") and "Loss" not in frame.fields
            lost = 0 if http else number(frame, "Loss")
            assert number(frame, "FileBytes") == sum(written.values())
            # What was lost of a part is in its Written.
            transferred = number(frame, "TransferBytes")
            low, high = (sent if shared else sent + lost), sent + lost
            assert low <= transferred <= high if frame.type in STILL else low <= transferred
            assert transferred * 8_000 <= rate * number(frame, "Elapsedusec")
    check_end(frames)
    job = next((frame for frame in frames if "PreTransferBytes" in frame.fields), None)
    if job is not None:
        parts = [part_of(scenario, fate, node) for fate in fates.values()]
        assert number(job, "PreTransferBytes") == sum(map(len, parts))


def check_file(frame: Frame, part: range, shared: bool, written: dict[str, int], before: dict[str, int]) -> None:
    if frame.type == "SKIP":
        assert frame.fields["Size"] == "0"
        return
    name, size, at = frame.fields["File"], number(frame, "Size"), number(frame, "Written")
    start = int(frame.fields["StartByte"]) if "StartByte" in frame.fields else None
    stops = frame.type == "STOP"
    if frame.type == "STATS":
        assert 0 <= number(frame, "Bytescont") <= at
    if shared:
        assert (start, "EndByte" in frame.fields) == (part.start, False)
        assert at >= len(part) if stops else at >= 0
        written[name] = at
    elif "EndByte" in frame.fields:
        end = number(frame, "EndByte")
        assert start is not None
        assert start <= end < size
        assert at == end + 1 - start if stops else at <= end + 1 - start
        written[name] = at
    elif start:  # there as a whole, or in part and nothing was added to it yet
        assert start == size if stops else start < size
        assert at == start
        assert name not in written
        before[name] = start
    else:  # a whole file has 0; a resumed one that moves has none, and FILEERROR has none at all
        assert frame.type == "FILEERROR" or (start is None) == (name in before)
        assert before.get(name, 0) <= at <= size
        assert not stops or at == size
        written[name] = at


def check_end(frames: list[Frame]) -> None:
    end = frames[-1]
    assert end.type in ("DONE", "ERROR")
    types = Counter(frame.type for frame in frames)
    if "TransfersPassed" in end.fields:
        assert number(end, "TransfersPassed") == types["STOP"] + types["SKIP"]
        there = [frame for frame in frames if frame.type == "STOP"]
        there = [frame for frame in there if "0" != frame.fields.get("StartByte") == frame.fields["Size"]]
        assert number(end, "TransfersSkipped") == types["SKIP"] + len(there)
        assert number(end, "TransfersFailed") == types["FILEERROR"]
    if end.type == "DONE":
        assert types["FILEERROR"] == 0


# -- like the real one


def test_session_has_the_fields_of_the_capture(fixtures: Any) -> None:
    """What a scenario changes is what its values are about; all else is as the real one wrote it."""
    real = Tokenizer().feed((fixtures / "ascp-3.9.0" / "peer-client-license.fasp").read_bytes())[1].fields
    ours = list(Scenario(precalculate=False).frames())[1].fields
    assert list(ours) == [name for name in real if name != "Cookie"]
    about = {"SessionId", "Rate", "MinRate", "Host", "UserStr", "Source", "Destination", "ServerHostname", "ClientUser",
             "RemoteAddress", "TCPPort", "CreatePolicy"}  # fmt: skip
    assert {name for name in ours if ours[name] != real[name]} <= about


def test_every_value_fits_its_field() -> None:
    scenario = Scenario(files=12, odd_names=True, loss=0.1, fail=2, retries=1, sessions=2, checksum="md5")
    for event in parse(stream(scenario)):
        assert event.extra == {}
        assert not isinstance(event, SessionEvent) or event.tags


# -- wrong values


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"files": -1}, "files must be a whole number from 0 to"),
        ({"files": 1.5}, "files must be a whole number"),
        ({"files": True}, "files must be a whole number"),
        ({"files": 3, "fail": 2, "skip": 2}, "more files fail, are skipped, there already, resumed or moved in part"),
        ({"files": 3, "present": 4}, "more files fail, are skipped, there already, resumed or moved in part"),
        ({"order": "time"}, "order must be one of table, name, not 'time'"),
        ({"multi_session_threshold": -1}, "multi_session_threshold must be a whole number"),
        ({"fail": {5: -1}}, "fail must be a number of files"),
        ({"distribution": "normal"}, "distribution must be one of fixed, uniform, lognormal, pareto"),
        ({"target_kbps": 100, "achieved_kbps": 101}, "achieved_kbps must not be more than target_kbps"),
        ({"loss": 0.6}, "loss must be a number from 0 to 0.5"),
        ({"stop_at": 2}, "stop_at must be a number from 0 to 1"),
        ({"user_str": "two\nlines"}, "user_str must be one line"),
        ({"sessions": 0}, "sessions must be a whole number from 1 to 128"),
        ({"direction": "send"}, "direction must be one of Send, Receive"),
    ],
)
def test_values_that_do_not_fit(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Scenario(**values)


# -- many files


def test_memory_does_not_grow_with_the_files() -> None:
    """Peak memory of the first 30,000 messages of ten million files, against that of a few."""
    peaks = []
    for files in (1000, 10_000_000):
        scenario = Scenario(files=files, size=1000, fail=3, skip=5, precalculate=False)
        next(scenario.stream())
        tracemalloc.start()
        try:
            sum(map(len, itertools.islice(scenario.stream(), 30_000)))
            peaks.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    assert peaks[1] < peaks[0] + 60_000
