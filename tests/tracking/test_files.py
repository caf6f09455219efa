"""The files of a session. Expected values are worked out by hand."""

from __future__ import annotations

from typing import Any

import pytest

from faspmgr.protocol.events import DoneEvent, FileErrorEvent, SkipEvent, StatsEvent, StopEvent
from faspmgr.tracking import FileState, Tracker, files
from tests.tracking.states import containers, done, job, session_of, stats, stop


def test_resumed_file() -> None:
    tracker = Tracker()
    session = tracker.update(StatsEvent(file="a", size=1000, start_byte=400, written=0))
    assert session.files["a"].progress == session.progress == 0.4
    tracker.update(StatsEvent(file="a", size=1000, start_byte=400, written=700))
    assert session.progress == 0.7
    tracker.update(StopEvent(file="a", size=1000, start_byte=400, written=1000, file_bytes=600))
    assert session.bytes_done == 1000
    assert session.bytes_written == 600


def test_range() -> None:
    tracker = Tracker("all")
    session = tracker.update(StatsEvent(file="a", size=1000, start_byte=100, end_byte=299, written=50))
    file = session.files["a"]
    assert file.is_range
    assert file.bytes_total == 200
    assert session.progress == 0.25
    tracker.update(StopEvent(file="a", size=1000, start_byte=100, end_byte=299, written=200))
    assert (session.bytes_done, session.estimated_bytes, session.progress) == (200, 200, 1.0)


def test_range_from_the_first_byte() -> None:
    first = StatsEvent(file="a", size=1000, end_byte=99, written=25)
    file = session_of(first, StatsEvent(file="a", written=50)).files["a"]
    assert (file.bytes_total, file.progress) == (100, 0.5)


def test_range_to_the_end_of_the_file() -> None:
    file = session_of(StatsEvent(file="a", size=1000, start_byte=400, end_byte=999)).files["a"]
    assert not file.is_range
    assert (file.bytes_total, file.bytes_done) == (1000, 400)


def test_range_that_ends_before_it_begins() -> None:
    file = session_of(StatsEvent(file="a", size=1000, start_byte=500, end_byte=10, written=7)).files["a"]
    assert (file.bytes_total, file.bytes_done, file.progress) == (0, 0, 0.0)


def test_skip_and_failure_beside_a_file_in_progress() -> None:
    started = [StatsEvent(file="a", size=100, written=10), StatsEvent(file="b", size=1000, written=300)]
    skipped = session_of(*started, SkipEvent(file="c", size=500), SkipEvent(file="b"))
    assert (skipped.bytes_done, skipped.estimated_bytes) == (10 + 500 + 1000, 1600)
    failed = session_of(*started, FileErrorEvent(file="b", code=36))
    assert (failed.bytes_done, failed.estimated_bytes) == (310, 1100)


def test_empty_file_before_and_after_its_stop() -> None:
    tracker = Tracker("all")
    session = tracker.update(StatsEvent(file="a", size=0))
    assert session.files["a"].progress == session.progress == 0.0
    tracker.update(StopEvent(file="a", size=0))
    assert session.files["a"].progress == 1.0
    assert tracker.update(DoneEvent()).progress == 1.0


def test_file_error_without_a_name() -> None:
    session = session_of(FileErrorEvent(code=5))
    assert (session.files_failed, session.failures) == (0, [])


def test_checksum_argument_and_id_of_a_file() -> None:
    start = StatsEvent(file="a", fasp_file_arg_index=3, fasp_file_id="1-2")
    stop = StopEvent(file="a", file_checksum="00ff", file_checksum_type="md5")
    file = session_of(start, stop, keep_files="all").files["a"]
    assert (file.checksum, file.checksum_type, file.arg_index, file.fasp_file_id) == ("00ff", "md5", 3, "1-2")


def test_two_files_of_one_name_in_progress() -> None:
    """A source may go to two destinations: FaspFileID tells the two apart."""
    tracker = Tracker("all")
    tracker.update(StatsEvent(file="a", size=100, written=60, fasp_file_id="1"))
    session = tracker.update(StatsEvent(file="a", size=50, written=5, fasp_file_id="2"))
    assert (session.bytes_done, session.estimated_bytes, session.files_active) == (65, 150, 2)
    assert [file.name for file in session.files.values()] == ["a", "a"]
    tracker.update(StopEvent(file="a", size=50, written=50, fasp_file_id="2"))
    tracker.update(StopEvent(file="a", size=100, written=100, fasp_file_id="1"))
    assert (session.bytes_done, session.files_done, session.files_active) == (150, 2, 0)


def test_file_smaller_than_what_is_written() -> None:
    file = session_of(StatsEvent(file="a", size=10, written=99)).files["a"]
    assert (file.bytes_done, file.progress) == (10, 1.0)


def test_file_bytes_that_grow_by_more_than_the_file() -> None:
    """They include what moved before reading began."""
    session = session_of(StatsEvent(file="a", size=100, file_bytes=5000), StatsEvent(file="a", file_bytes=5100))
    assert session.bytes_done == 100
    assert session_of(StatsEvent(file="a", size=100, file_bytes=101)).bytes_done == 0


def test_file_of_unknown_size_beside_another() -> None:
    session = session_of(StatsEvent(file="a", written=100), StatsEvent(file="b", size=100, written=0))
    assert (session.estimated_bytes, session.progress) == (200, 0.5)


@pytest.mark.parametrize(("keep", "kept"), [("unfinished", 0), (0, 0), (7, 7), ("all", 3000)])
def test_keep_files_and_finished_files(keep: Any, kept: int) -> None:
    tracker = Tracker(keep)
    for number in range(3000):
        tracker.update(StatsEvent(file=f"f{number}", size=1))
        session = tracker.update(StopEvent(file=f"f{number}", size=1))
    tracker.update(StatsEvent(file="last"))
    assert list(session.files) == [f"f{number}" for number in range(3000 - kept, 3000)] + ["last"]
    assert session.files_done == session.bytes_done == 3000


def test_failures_are_limited() -> None:
    session = session_of(*(FileErrorEvent(file=f"f{number}", code=5) for number in range(3000)))
    assert session.files_failed == 3000
    assert len(session.failures) == files.MAX_FAILURES
    assert max(containers(session).values()) == files.MAX_FAILURES


def test_files_in_progress_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES_IN_PROGRESS", 10)
    session = session_of(*(StatsEvent(file=f"f{number}", size=2, written=1) for number in range(25)))
    assert list(session.files) == [f"f{number}" for number in range(15, 25)]
    assert (session.bytes_done, session.estimated_bytes, session.files_active) == (10, 20, 10)


def test_files_in_progress_with_keep_files_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES_IN_PROGRESS", 10)
    session = session_of(*(StatsEvent(file=f"f{number}") for number in range(25)), keep_files="all")
    assert len(session.files) == 25


def test_bytes_arrived() -> None:
    tracker = Tracker()
    tracker.update(SkipEvent(file="old", size=100))
    tracker.update(StatsEvent(file="a", size=1000, start_byte=400, written=700))
    session = tracker.update(StatsEvent(file="b", size=1000, start_byte=10, written=10))
    assert (session.bytes_done, session.bytes_arrived) == (100 + 700 + 10, 300)
    tracker.update(StatsEvent(file="c", size=1000, written=5))
    assert (session.bytes_done, session.bytes_arrived) == (815, 305)
    tracker.update(StopEvent(file="a", size=1000, start_byte=400, written=1000))
    assert (session.bytes_done, session.bytes_arrived) == (1115, 605)


def test_file_whose_start_byte_becomes_zero() -> None:
    resumed = StatsEvent(file="a", size=100, start_byte=50)
    session = session_of(resumed, StatsEvent(file="a", size=100, start_byte=0, written=60))
    assert (session.bytes_done, session.bytes_arrived, session.all_files.sums().before) == (60, 60, 0)


def test_skipped_file_of_unknown_size() -> None:
    session = session_of(SkipEvent(file="a"), keep_files="all")
    assert (session.files["a"].written, session.bytes_done, session.files["a"].progress) == (0, 0, 1.0)


def test_file_state_without_a_session() -> None:
    file = FileState("a")
    file.apply(StatsEvent(file="a", size=10, written=4, elapsed_usec=3))
    assert (file.state, file.progress, file.elapsed_usec) == ("transferring", 0.4, 3)
    file.apply(SkipEvent(file="a"), usec=9)
    assert (file.state, file.written, file.elapsed_usec) == ("skipped", 10, 9)
    assert file.to_dict() == {
        "name": "a",
        "state": "skipped",
        "size": 10,
        "written": 10,
        "elapsed_usec": 9,
        "progress": 1.0,
    }


def test_size_zero_with_bytes_written() -> None:
    """STATS of a file that is streamed, before its STOP tells how long it is."""
    file = FileState("a")
    file.apply(StatsEvent(file="a", size=0, written=0))
    file.apply(StatsEvent(file="a", size=0, written=70))
    assert (file.bytes_done, file.written, file.state) == (70, 70, "transferring")
    file.apply(StopEvent(file="a", size=100, written=100))
    assert (file.bytes_done, file.bytes_total, file.state) == (100, 100, "done")


@pytest.mark.parametrize("keep_files", ["unfinished", 0])
def test_failed_file_that_begins_again_while_one_of_its_name_is_in_progress(keep_files: Any) -> None:
    """By hand: 6 of 7 bytes of one file and 10 of 10 of the other are at the destination."""
    session = session_of(
        stats("1", size=7, fasp_file_id="x", written=4, elapsed_usec=1000),
        FileErrorEvent(session_id="1", file="a", fasp_file_id="x", elapsed_usec=2000),
        stats("1", size=10, fasp_file_id="y", written=7, elapsed_usec=3000),
        stats("1", size=7, fasp_file_id="x", written=6, elapsed_usec=4000),
        stats("1", size=10, fasp_file_id="y", written=10, elapsed_usec=5000),
        keep_files=keep_files,
    )
    assert (session.bytes_done, session.estimated_bytes, session.files_active) == (6 + 10, 7 + 10, 2)
    assert {(file.fasp_file_id, file.bytes_done) for file in session.files.values()} == {("x", 6), ("y", 10)}


def test_bytes_of_skipped_files_at_the_end_of_a_known_job() -> None:
    """300 bytes were there before, 700 were written, some of them of a file that was not seen: all 1,000 are there."""
    session = session_of(
        job("1", 1000),
        SkipEvent(session_id="1", file="a", size=300),
        stop("1", "b", size=200, written=200, file_bytes=200),
        done("1", file_bytes=700),
    )
    assert (session.bytes_done, session.progress) == (1000, 1.0)
