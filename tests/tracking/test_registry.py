"""One file is one file, however many sessions and attempts know it. Expected values: by hand, or a count of bytes."""

from __future__ import annotations

from itertools import count, pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.tracking import Tracker, Transfer, registry
from tests.tracking.states import transfer_of


def told(tracker: Tracker, *events: Event) -> Transfer:
    for event in events:
        tracker.update(event)
    return transfer_of(tracker)


def begin(session_id: str, node: int = 0, of: int = 1) -> SessionEvent:
    return SessionEvent(session_id=session_id, xfer_id="x", cluster_num_nodes=of, cluster_node_id=node)


def stats(session_id: str, file: str = "a", size: int = 1000, **more: Any) -> StatsEvent:
    return StatsEvent(session_id=session_id, file=file, size=size, **more)


def stop(session_id: str, file: str = "a", size: int = 1000, **more: Any) -> StopEvent:
    return StopEvent(session_id=session_id, file=file, size=size, **more)


def failed(session_id: str) -> ErrorEvent:
    return ErrorEvent(session_id=session_id, code=16)


# ---------------------------------------------------------------------------------------------------------------------
# Attempts


def test_what_an_attempt_brought_is_there_until_the_next_one_comes_to_it() -> None:
    tracker = Tracker()
    told(tracker, begin("1"), stats("1", written=600), stop("1", "b", size=50), failed("1"))
    transfer = told(tracker, begin("2"), stats("2", "c", size=30, written=10))
    assert (transfer.bytes_done, transfer.estimated_bytes, transfer.attempts) == (660, 1080, 2)
    assert (transfer.files_done, transfer.files_active) == (1, 2)
    told(tracker, stats("2", start_byte=600, written=600))
    assert (transfer.bytes_done, transfer.files_active) == (660, 2)
    told(tracker, stop("2", start_byte=600, written=1000), stop("2", "c", size=30), DoneEvent(session_id="2"))
    assert (transfer.bytes_done, transfer.estimated_bytes, transfer.progress) == (1080, 1080, 1.0)
    assert (transfer.files_done, transfer.files_active) == (3, 0)


def test_an_attempt_that_begins_a_file_anew_takes_nothing_back() -> None:
    tracker = Tracker()
    told(tracker, begin("1"), stats("1", written=600), failed("1"))
    transfer = told(tracker, begin("2"), stats("2", written=100))
    assert (transfer.bytes_done, transfer.progress) == (600, 0.6)
    told(tracker, stats("2", written=700))
    assert transfer.bytes_done == 700


def test_a_file_that_failed_and_is_tried_again_has_not_failed() -> None:
    tracker = Tracker()
    error = FileErrorEvent(session_id="1", file="a", size=1000, code=5)
    transfer = told(tracker, begin("1"), stats("1", written=100), error, failed("1"))
    assert (transfer.files_failed, transfer.files_done) == (1, 0)
    told(tracker, begin("2"), stop("2"), DoneEvent(session_id="2"))
    assert (transfer.files_failed, transfer.files_done, transfer.bytes_done) == (0, 1, 1000)


def test_ten_attempts_at_one_file() -> None:
    tracker = Tracker()
    for number in range(10):
        name = str(number)
        told(tracker, begin(name), stats(name, start_byte=100 * number or None, written=100 * number + 100))
        transfer = told(tracker, failed(name))
        assert (transfer.bytes_done, transfer.attempts) == (100 * number + 100, number + 1)
    assert (transfer.estimated_bytes, transfer.files_active) == (1000, 1)


def test_file_that_is_sent_again_in_a_session() -> None:
    """In a persistent session a file can be put again: it is still one file."""
    tracker = Tracker()
    transfer = told(tracker, begin("1"), stop("1", elapsed_usec=5), stats("1", written=0, elapsed_usec=6))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (0, 1, 1000)
    told(tracker, stop("1", elapsed_usec=7), DoneEvent(session_id="1"))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (1, 0, 1000)


def test_ranges_of_one_file_add_up() -> None:
    tracker = Tracker()
    transfer = told(
        tracker,
        begin("1", 0, 2),
        begin("2", 1, 2),
        stats("1", start_byte=0, end_byte=399, written=100),
        stats("2", start_byte=600, end_byte=799, written=50),
    )
    assert (transfer.bytes_done, transfer.estimated_bytes) == (150, 600)
    told(tracker, stop("1", start_byte=0, end_byte=399), stop("2", start_byte=600, end_byte=799))
    assert (transfer.bytes_done, transfer.files_done, transfer.files_active) == (600, 1, 0)


def test_sessions_of_which_the_begin_was_not_seen_add_up() -> None:
    """Where reading began in the middle nothing tells where the parts begin; together they are the file at most."""
    tracker = Tracker()
    transfer = told(tracker, *(stats(name, written=300, user_str="job") for name in "12"))
    assert (transfer.bytes_done, transfer.estimated_bytes) == (600, 1000)
    told(tracker, *(stats(name, written=700, user_str="job") for name in "12"))
    assert (transfer.bytes_done, transfer.progress) == (1000, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# A session that changes its transfer


def test_a_session_takes_its_files_along() -> None:
    tracker = Tracker()
    told(tracker, stats("1", written=400, user_str="job"))
    told(tracker, stats("2", written=300, user_str="job"), stats("2", "b", written=1, user_str="job"))
    tracker.update(SessionEvent(session_id="2", user_str="job", xfer_id="y"))
    tracker.update(stats("2", "b", written=11))
    job, other = tracker.transfers["job"], tracker.transfers["y"]
    assert (other.bytes_done, other.estimated_bytes, other.files_active) == (311, 2000, 2)
    assert job.estimated_bytes == 1000
    tracker.update(stats("1", written=900))
    assert job.bytes_done == 1000  # what the other brought of the file that they share is there


# ---------------------------------------------------------------------------------------------------------------------
# Limits


def test_names_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: two names are listed; of the others each attempt counts by itself, and the highest counts."""
    monkeypatch.setattr(registry, "MAX_NAMES", 2)
    tracker = Tracker()
    told(tracker, begin("1"), *(stop("1", name, size=10) for name in "abcd"), failed("1"))
    transfer = told(tracker, begin("2"), *(SkipEvent(session_id="2", file=name, size=0) for name in "abcd"))
    assert (transfer.bytes_done, transfer.estimated_bytes) == (40, 40)
    assert (transfer.files_done, transfer.files_skipped) == (0, 4)
    told(tracker, stop("2", "e", size=100), DoneEvent(session_id="2"))
    assert (transfer.bytes_done, transfer.progress) == (20 + 100, 1.0)


def test_the_oldest_transfer_gives_up_its_list_for_a_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_NAMES", 4)
    tracker = Tracker()

    def of(number: int, *events: Event) -> Transfer:
        for event in events:
            tracker.update(event, number)
        return tracker.transfers[f"x{number}"]

    def session(number: int, name: str) -> SessionEvent:
        return SessionEvent(session_id=name, xfer_id=f"x{number}", cluster_num_nodes=1, cluster_node_id=0)

    for number in range(20):
        of(number, session(number, "1"), *(stop("1", name, size=10) for name in "abc"), failed("1"))
        transfer = of(number, session(number, "2"), *(SkipEvent(session_id="2", file=name, size=0) for name in "abc"))
        assert (transfer.bytes_done, transfer.files_skipped, transfer.files_done) == (30, 3, 0)
    for number in range(20):  # what was merged stays so
        transfer = tracker.transfers[f"x{number}"]
        assert (transfer.bytes_done, transfer.files_skipped, transfer.files_done) == (30, 3, 0)


def test_many_sessions_on_one_file_take_no_time() -> None:
    """In proportion to the messages: 10,000 sessions that are all at work on the file would be 100 million steps."""
    tracker = Tracker()
    for number in range(10_000):
        tracker.update(InitEvent(session_id=str(number), user_str="job"))
        tracker.update(stats(str(number), written=1))
    transfer = transfer_of(tracker)
    assert transfer.bytes_done <= transfer.estimated_bytes
    assert transfer.bytes_done >= registry.MAX_MEMBERS


def test_separate_pieces_of_a_file_are_limited() -> None:
    tracker = Tracker()
    for number in range(2000):
        name = str(number)
        told(tracker, begin(name, 0, 2), stats(name, size=10**6, start_byte=100 * number + 1, written=1))
        transfer = told(tracker, failed(name))
    assert transfer.bytes_done <= registry.MAX_SPANS + 1
    assert transfer.attempts == 2000


# ---------------------------------------------------------------------------------------------------------------------
# Against a count byte by byte

SIZE = 40


CUTS = st.sets(st.integers(1, SIZE - 1), min_size=1, max_size=3).map(sorted)

STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 12), st.booleans()), max_size=40)
"""Which part, how many bytes (0: it fails), and whether it begins anew then or goes on where it was."""


@given(CUTS, STEPS)
def test_parts_and_attempts_in_any_order_count_each_byte_once(
    cuts: list[int], steps: list[tuple[int, int, bool]]
) -> None:
    """Parts of one file that move in any order, fail in any place, and go on where they were or begin anew."""
    tracker = Tracker()
    cut = list(pairwise([0, *cuts, SIZE]))
    at_destination: set[int] = set()
    state: dict[int, tuple[str, int, int]] = {}  # of each part: its session, where it began, how far it is
    names = map(str, count(1))

    def start(node: int, at: int) -> None:
        session = next(names)
        state[node] = (session, at, at)
        tracker.update(begin(session, node, len(cut)))
        tracker.update(stats(session, size=SIZE, start_byte=at, written=0, transfer_bytes=0, file_bytes=0))

    for node, (first, _) in enumerate(cut):
        start(node, first)
    transfer = transfer_of(tracker)
    latest = 0
    for part, amount, anew in [*steps, *((node, SIZE, False) for node in range(4))]:
        if part not in state:
            continue
        session, begun, reached = state.pop(part)
        first, end = cut[part]
        if not amount:
            tracker.update(failed(session))
            start(part, first if anew else reached)
        else:
            reached = min(end, reached + amount)
            at_destination.update(range(begun, reached))
            counts: dict[str, Any] = dict.fromkeys(("written", "transfer_bytes", "file_bytes"), reached - begun)
            kind = stop if reached == end else stats
            tracker.update(kind(session, size=SIZE, start_byte=begun, **counts))
            if reached == end:
                tracker.update(DoneEvent(session_id=session))
            else:
                state[part] = (session, begun, reached)
        assert transfer.bytes_done == len(at_destination) >= latest
        assert transfer.estimated_bytes == SIZE
        assert (transfer.files_done, transfer.files_active) == ((0, 1) if state else (1, 0))
        latest = transfer.bytes_done
    assert (transfer.state, transfer.progress) == ("done", 1.0)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(["move", "stop", "fail", "again"])), max_size=40))
def test_progress_of_a_known_job_never_falls_and_files_are_those_of_the_job(steps: list[tuple[str, str]]) -> None:
    """Four files of 10 bytes; files move, stop, and the session fails and is begun again at any time."""
    tracker = Tracker()
    at: dict[str, int] = dict.fromkeys("abcd", 0)
    attempt, latest = 1, 0.0
    transfer = told(tracker, begin("1"), NotificationEvent(session_id="1", pre_transfer_bytes=40, pre_transfer_files=4))
    for name, step in steps:
        session = str(attempt)
        if step == "again":
            tracker.update(failed(session))
            attempt += 1
            tracker.update(begin(str(attempt)))
            for file in "abcd":  # what is there already is skipped at once
                if at[file] == 10:
                    tracker.update(SkipEvent(session_id=str(attempt), file=file, size=0))
        elif step == "move" and at[name] < 9:
            at[name] += 1
            tracker.update(stats(session, name, size=10, written=at[name]))
        elif step == "stop" and at[name] < 10:
            at[name] = 10
            tracker.update(stop(session, name, size=10, written=10))
        assert transfer.bytes_done == sum(at.values())
        assert transfer.progress == transfer.bytes_done / 40 >= latest
        assert transfer.expected_files == 4
        assert transfer.files_done + transfer.files_skipped == sum(value == 10 for value in at.values())
        latest = transfer.progress
