"""What the numbers of sessions and transfers mean, case by case. Every value is worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faspmgr.protocol.events import ErrorEvent, Event, FileErrorEvent, InitEvent, SessionEvent, SkipEvent
from faspmgr.reading import read
from faspmgr.tracking import Tracker, Transfer
from faspmgr.verdicts import Failure, Outcome
from tests.tracking.states import apply, begin, counts, done, failed, job, only, stats, stop, transfer_of

# ---------------------------------------------------------------------------------------------------------------------
# Parts that were not seen


FIRST_PART = [begin("0", 0, 2), stop("0", size=3000, written=1000), done("0")]


@pytest.mark.parametrize("second", [[begin("1", 1, 2)], [InitEvent(session_id="1", user_str="job")]])
def test_part_that_failed_before_it_began_a_file(second: list[Event]) -> None:
    transfer = apply(Tracker(), *FIRST_PART, *second, failed("1", 14))
    assert (transfer.state, transfer.error) == ("failed", Failure(14))
    assert (counts(transfer), transfer.bytes_done, round(transfer.progress, 2)) == ((0, 0, 0, 1), 1000, 0.33)
    assert transfer.outcome == Outcome("failed", Failure(14))


def test_part_that_was_not_seen() -> None:
    tracker = Tracker()
    transfer = apply(tracker, *FIRST_PART)
    assert (transfer.state, transfer.outcome, counts(transfer)) == ("transferring", None, (0, 0, 0, 1))
    assert (transfer.bytes_done, transfer.estimated_bytes, transfer.reason) == (1000, 3000, "")
    tracker.end()
    assert transfer.state == "transferring"  # the other part may come on another connection
    tracker.close()
    assert transfer.outcome == Outcome("lost", reason="1 of 2 parts seen")
    assert (counts(transfer), round(transfer.progress, 2)) == ((0, 0, 0, 1), 0.33)
    shown = transfer.to_dict()
    assert (shown["state"], shown["error"], shown["reason"]) == ("lost", None, "1 of 2 parts seen")


def test_part_that_comes_after_close() -> None:
    tracker = Tracker()
    apply(tracker, *FIRST_PART)
    tracker.close()
    transfer = apply(tracker, begin("1", 1, 2), stop("1", size=3000, start_byte=1000, written=2000), done("1"))
    assert (transfer.state, transfer.bytes_done, counts(transfer)) == ("done", 3000, (1, 0, 0, 0))


def test_job_size_of_parts_that_were_not_seen() -> None:
    transfer = apply(Tracker(), begin("0", 0, 2), job("0", 500, 1))
    assert (transfer.expected_bytes, transfer.expected_files) == (None, None)
    second = [begin("1", 1, 2), job("1", 700, 2)]
    tracker = Tracker()
    transfer = apply(tracker, begin("0", 0, 2), job("0", 500, 1), *second)
    assert (transfer.expected_bytes, transfer.expected_files) == (1200, 3)


def test_cancelled_part_beside_one_that_was_not_seen() -> None:
    tracker = Tracker()
    transfer = apply(tracker, begin("0", 0, 3), begin("1", 1, 3), done("0"), failed("1", 28))
    assert transfer.outcome == Outcome("failed", Failure(28))
    tracker.close()
    assert transfer.outcome == Outcome("lost", reason="2 of 3 parts seen")


# ---------------------------------------------------------------------------------------------------------------------
# Sessions that are connecting


@pytest.mark.parametrize("retried", [0, 1])
def test_retry_that_is_connecting(retried: int) -> None:
    tracker = Tracker()
    for node in (0, 1):
        name = str(node)
        apply(tracker, InitEvent(session_id=name, user_str="job"), begin(name, node, 2), job(name, 1_000_000, 1))
        apply(tracker, stats(name, f"f{node}", 1_000_000, written=0, transfer_bytes=0, elapsed_usec=0))
        apply(tracker, stats(name, f"f{node}", 1_000_000, written=100_000, transfer_bytes=100_000, elapsed_usec=10**6))
    transfer = apply(tracker, failed(str(retried)))
    before = transfer.figures_to_dict()
    assert (transfer.progress, transfer.expected_bytes, transfer.files_active) == (0.1, 2_000_000, 2)
    apply(tracker, InitEvent(session_id="retry", user_str="job"))
    assert transfer.figures_to_dict() == before
    assert transfer.state == "transferring"
    apply(tracker, begin("retry", retried, 2))
    assert (transfer.progress, transfer.attempts) == (0.1, 2)


def test_session_that_fails_while_connecting() -> None:
    tracker = Tracker()
    for name, node in (("0", 0), ("1", 1)):
        apply(tracker, begin(name, node, 2), job(name, 1000, 1), stats(name, f"f{node}", written=100))
    transfer = apply(tracker, failed("1"), InitEvent(session_id="2", user_str="job"), failed("2", 14))
    assert (transfer.attempts, transfer.bytes_done, transfer.expected_bytes) == (2, 200, 2000)
    apply(tracker, begin("3", 1, 2), job("3", 1000, 1), stop("3", "f1", written=1000), done("3"))
    apply(tracker, stop("0", "f0", written=1000), done("0"))
    assert (transfer.state, transfer.attempts, transfer.bytes_done) == ("done", 3, 2000)


# ---------------------------------------------------------------------------------------------------------------------
# Bytes that are counted in two ways


def test_resumed_file_that_fails() -> None:
    """707,601 of 989,856 bytes are there from before; it fails with 891,805."""
    start: dict[str, Any] = {"size": 989_856, "start_byte": 707_601}
    events = [
        begin("s"),
        job("s", 989_856, 1),
        stats("s", **start, written=707_601, transfer_bytes=0, file_bytes=0),
        stats("s", size=989_856, written=891_805, transfer_bytes=184_204, file_bytes=891_805),
        FileErrorEvent(session_id="s", file="a", size=989_856, written=891_805, file_bytes=891_805, code=36),
        done("s", transfer_bytes=184_204, file_bytes=891_805),
    ]
    tracker = Tracker()
    transfer = apply(tracker, *events)
    for state in (only(tracker), transfer):
        assert (state.bytes_done, state.expected_bytes, state.estimated_bytes) == (891_805, 989_856, 989_856)
        assert counts(state) == (0, 0, 1, 0)


@pytest.mark.parametrize("size", [None, 1000])
@pytest.mark.parametrize("file_bytes", [None, 500, 1000])
def test_file_error_without_written(size: int | None, file_bytes: int | None) -> None:
    tracker = Tracker()
    transfer = apply(
        tracker,
        begin("s"),
        job("s", 1000, 1),
        stats("s", written=500, transfer_bytes=500, file_bytes=500),
        FileErrorEvent(session_id="s", file="a", size=size, code=36, transfer_bytes=500, file_bytes=file_bytes),
        done("s", transfer_bytes=500, file_bytes=1000),
    )
    for state in (only(tracker), transfer):
        assert (state.bytes_done, state.expected_bytes) == (500, 1000)


def test_end_of_a_retry_that_reported_no_file() -> None:
    """1,000 bytes are there by the first attempt, 2,000 are the job: its DONE adds nothing to what is there twice."""
    transfer = apply(
        Tracker(),
        begin("1"),
        job("1", 2000, 2),
        stop("1", "a", written=1000),
        failed("1"),
        begin("2"),
        job("2", 2000, 2),
        done("2", transfer_bytes=1000, file_bytes=2000),
    )
    assert (transfer.bytes_done, transfer.expected_bytes, transfer.progress) == (2000, 2000, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# What each part reports of the job


def test_files_that_four_parts_share() -> None:
    """Each of three files of 4,000 bytes comes in four parts of 1,000."""
    tracker = Tracker()
    for node in range(4):
        apply(tracker, begin(str(node), node, 4), job(str(node), 12_000, 3))
    for node in range(4):
        for file in "abc":
            apply(tracker, stop(str(node), file, 4000, start_byte=1000 * node, written=1000))
        apply(tracker, done(str(node)))
    transfer = transfer_of(tracker)
    assert (transfer.state, counts(transfer), transfer.expected_files) == ("done", (3, 0, 0, 0), 3)
    assert (transfer.bytes_done, transfer.expected_bytes) == (12_000, 12_000)


def test_parts_that_share_no_file() -> None:
    tracker = Tracker()
    for node in range(4):
        apply(tracker, begin(str(node), node, 4), job(str(node), 3000, 3))
    for node in range(4):
        apply(tracker, *(stop(str(node), f"{node}{file}") for file in "abc"), done(str(node)))
    transfer = transfer_of(tracker)
    assert (counts(transfer), transfer.expected_files) == ((12, 0, 0, 0), 12)
    assert (transfer.bytes_done, transfer.expected_bytes) == (12_000, 12_000)


def test_retry_of_a_file_that_no_part_shares() -> None:
    """Two parts with a job of 1,000 bytes each; one is retried and comes to its file again."""
    tracker = Tracker()
    for node in (0, 1):
        apply(tracker, begin(str(node), node, 2), job(str(node), 1000, 1), stats(str(node), f"f{node}", written=100))
    transfer = apply(tracker, failed("1"), begin("2", 1, 2), job("2", 1000, 1), stats("2", "f1", written=200))
    assert (transfer.expected_bytes, transfer.expected_files, transfer.bytes_done) == (2000, 2, 300)


def test_empty_job_in_a_retry() -> None:
    tracker = Tracker()
    transfer = apply(tracker, begin("1"), job("1", 2000, 2), stop("1"), stats("1", "b", written=500), failed("1"))
    assert transfer.progress == 0.75
    apply(tracker, begin("2"), job("2", 0, 0))
    assert (transfer.progress, transfer.expected_bytes, transfer.expected_files) == (0.75, 2000, 2)


# ---------------------------------------------------------------------------------------------------------------------
# Counts of files over attempts


@pytest.mark.parametrize("attempts", [1, 2])
@pytest.mark.parametrize(("ending", "count"), [("failed", (0, 0, 1, 0)), ("in progress", (0, 0, 0, 1))])
def test_file_that_the_last_attempt_did_not_come_to(attempts: int, ending: str, count: tuple[int, ...]) -> None:
    tracker = Tracker()
    for number in range(attempts):
        apply(tracker, begin(str(number)), stats(str(number), written=100))
        if ending == "failed":
            apply(tracker, FileErrorEvent(session_id=str(number), file="a", size=1000, code=5))
        apply(tracker, failed(str(number)))
    transfer = apply(tracker, begin("last"), failed("last"))
    assert (counts(transfer), transfer.attempts) == (count, attempts + 1)
    assert [file.name for file in transfer.failures] == (["a"] if ending == "failed" else [])


def test_failures_after_a_retry() -> None:
    errors = [FileErrorEvent(session_id="1", file=name, size=10, code=5) for name in "ab"]
    transfer = apply(Tracker(), begin("1"), *errors, failed("1", 27), begin("2"), stop("2", "a", 10), failed("2", 27))
    assert counts(transfer) == (1, 0, 1, 0)
    assert [file.name for file in transfer.failures] == ["b"]


# ---------------------------------------------------------------------------------------------------------------------
# One file is one file


def test_job_whose_only_file_was_skipped() -> None:
    tracker = Tracker()
    skip = SkipEvent(session_id="s", file="a", size=0)
    transfer = apply(tracker, begin("s"), job("s", 1000, 1), skip, done("s", transfer_bytes=0, file_bytes=0))
    for state in (only(tracker), transfer):
        assert (state.bytes_done, state.expected_bytes, state.progress) == (1000, 1000, 1.0)
        assert counts(state) == (0, 1, 0, 0)


def test_skipped_file_of_unknown_size_beside_a_failed_one() -> None:
    """400 of 600 bytes are missing of the failed file; what the skipped one has is not known."""
    tracker = Tracker()
    apply(tracker, begin("s"), job("s", 1000, 2), SkipEvent(session_id="s", file="a", size=0))
    apply(tracker, stats("s", "b", 600, written=200, file_bytes=200))
    apply(tracker, FileErrorEvent(session_id="s", file="b", size=600, code=5), done("s", file_bytes=200))
    assert only(tracker).bytes_done == 200


@pytest.mark.parametrize("order", [("1", "2"), ("2", "1")])
def test_two_files_of_one_name(order: tuple[str, str]) -> None:
    sizes = {"1": 1000, "2": 500}
    tracker = Tracker()
    transfer = apply(tracker, begin("s"), *(stop("s", "a", sizes[id], fasp_file_id=id) for id in ("1", "2")))
    apply(tracker, failed("s"), begin("t"))
    for id in order:
        apply(tracker, SkipEvent(session_id="t", file="a", size=0, fasp_file_id=id))
    apply(tracker, done("t"))
    assert (transfer.bytes_done, counts(transfer)) == (1500, (0, 2, 0, 0))


def test_two_files_of_one_name_at_the_same_time() -> None:
    tracker = Tracker()
    transfer = apply(
        tracker,
        begin("s"),
        stats("s", "a", 1000, written=100, fasp_file_id="1"),
        stats("s", "a", 500, written=50, fasp_file_id="2"),
        stop("s", "a", 1000, fasp_file_id="1"),
    )
    for state in (only(tracker), transfer):
        assert (state.bytes_done, state.estimated_bytes, counts(state)) == (1050, 1500, (1, 0, 0, 1))
    apply(tracker, stop("s", "a", 500, fasp_file_id="2"))
    assert (transfer.bytes_done, counts(transfer)) == (1500, (2, 0, 0, 0))


@pytest.mark.parametrize("again", ["same connection", "other connection"])
@pytest.mark.parametrize("user_str", [None, "job"])
def test_same_capture_twice(again: str, user_str: str | None) -> None:
    events = [
        InitEvent(session_id="s", user_str=user_str),
        SessionEvent(session_id="s", user_str=user_str, cluster_num_nodes=1),
        job("s", 1000, 1),
        stats("s", written=0, transfer_bytes=0, elapsed_usec=1),
        stats("s", written=600, transfer_bytes=600, elapsed_usec=2),
        stop("s", written=1000, transfer_bytes=1000, elapsed_usec=3),
        done("s", transfer_bytes=1000, elapsed_usec=4),
    ]
    tracker = Tracker()
    for number in (0, 1):
        for event in events:
            tracker.update(event, number if again == "other connection" else 0)
            for transfer in tracker.transfers.values():
                assert transfer.bytes_done <= 1000
                assert transfer.files_done + transfer.files_active <= 1
    # Without a UserStr, another connection is another transfer.
    transfers = 2 if again == "other connection" and user_str is None else 1
    assert [transfer.bytes_done for transfer in tracker.transfers.values()] == [1000] * transfers
    assert [transfer.estimated_bytes for transfer in tracker.transfers.values()] == [1000] * transfers
    assert [counts(transfer) for transfer in tracker.transfers.values()] == [(1, 0, 0, 0)] * transfers


def test_fixture_read_twice(fixtures: Path) -> None:
    tracker = Tracker()
    first: list[dict[str, Any]] = []
    for _ in range(2):
        for event in read(fixtures / "sessions" / "upload-skip-failure.fasp"):
            tracker.update(event)
        first.append(transfer_of(tracker).figures_to_dict())
    assert first[0] == first[1]


@pytest.mark.parametrize("late", [{"elapsed_usec": 5}, {"elapsed_usec": 9}, {}])
def test_late_stats_after_the_stop_of_a_file(late: dict[str, Any]) -> None:
    tracker = Tracker()
    transfer = apply(
        tracker, begin("s"), stats("s", written=0, elapsed_usec=4), stop("s", written=1000, elapsed_usec=9)
    )
    apply(tracker, stats("s", written=700, **late))
    for state in (only(tracker), transfer):
        assert (state.bytes_done, state.progress, counts(state)) == (1000, 1.0, (1, 0, 0, 0))


@pytest.mark.parametrize("known_job", [None, 1000])
def test_file_that_shrinks_while_it_is_read(known_job: int | None) -> None:
    tracker = Tracker()
    progress = []
    for event in (
        begin("s"),
        job("s", known_job),
        stats("s", written=950),
        stats("s", size=900, written=900),
        stop("s", size=900, written=900),
        done("s"),
    ):
        session = tracker.update(event)
        progress.append(session.progress)
        assert transfer_of(tracker).progress == session.progress
    assert progress == sorted(progress)
    assert (session.bytes_done, counts(session)) == (950, (1, 0, 0, 0))


def test_file_that_shrinks_between_attempts() -> None:
    transfer = apply(Tracker(), begin("1"), stats("1", written=950), failed("1"), begin("2"), stop("2", size=900))
    assert (transfer.bytes_done, transfer.estimated_bytes, counts(transfer)) == (950, 950, (1, 0, 0, 0))


def test_failed_file_that_is_sent_again_in_the_same_session() -> None:
    tracker = Tracker()
    error = FileErrorEvent(session_id="s", file="a", size=1000, code=5, elapsed_usec=5)
    apply(tracker, begin("s"), stats("s", written=10, elapsed_usec=4), error)
    transfer = apply(tracker, stop("s", written=1000, elapsed_usec=9), done("s"))
    for state in (only(tracker), transfer):
        assert (counts(state), state.bytes_done) == ((1, 0, 0, 0), 1000)
    assert only(tracker).failures == transfer.failures == []


# ---------------------------------------------------------------------------------------------------------------------
# What is known is not inferred


def connect(tracker: Tracker, number: int, *events: Event) -> Transfer:
    for event in events:
        tracker.update(event, number)
    return transfer_of(tracker)


def test_expect_attempt_that_overlaps_the_one_before() -> None:
    """The first attempt was killed, and its connection has not closed yet."""
    tracker = Tracker()
    for number in (1, 2):
        tracker.expect(number, attempt=number)
    connect(tracker, 1, begin("1"), job("1", 1000, 1), stats("1", written=600))
    transfer = connect(tracker, 2, begin("2"), job("2", 1000, 1), stats("2", written=700, start_byte=600))
    assert (transfer.attempts, transfer.expected_bytes, transfer.bytes_done) == (2, 1000, 700)
    connect(tracker, 2, stop("2"), done("2"))
    assert transfer.state == "done"


def test_expect_attempt_of_a_lower_number_later() -> None:
    tracker = Tracker()
    for number in (1, 2):
        tracker.expect(number, attempt=number)
    connect(tracker, 2, begin("2"), done("2"))
    transfer = connect(tracker, 1, begin("1"), failed("1"))
    assert (transfer.state, transfer.attempts) == ("done", 2)


def test_expect_part_of_a_session_that_is_connecting() -> None:
    tracker = Tracker()
    for number, part in ((1, 0), (2, 1), (3, 1)):
        tracker.expect(number, part=part, attempt=2 if number == 3 else 1)
    connect(tracker, 1, begin("1", 0, 2), stats("1", "f0", written=10))
    connect(tracker, 2, begin("2", 1, 2), failed("2"))
    transfer = connect(tracker, 3, InitEvent(session_id="3", user_str="job"), failed("3", 14))
    connect(tracker, 1, stop("1", "f0"), done("1"))
    assert (transfer.state, transfer.error, transfer.attempts) == ("failed", Failure(14), 2)


def test_expect_after_the_first_event() -> None:
    tracker = Tracker()
    connect(tracker, 1, begin("1"))
    transfer = connect(tracker, 2, begin("2"))
    assert transfer.attempts == 1
    tracker.expect(1, attempt=1)
    tracker.expect(2, attempt=2)
    assert transfer.attempts == 2


@pytest.mark.parametrize("values", [{"part": -1}, {"attempt": 0}])
def test_expect_invalid_values(values: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=f"invalid {next(iter(values))}: "):
        Tracker().expect(1, **values)


def test_expect_of_connections_that_have_ended() -> None:
    tracker = Tracker()
    for number in range(100):
        tracker.expect(number, attempt=1)
        tracker.end(number)
    assert not tracker._connections


# ---------------------------------------------------------------------------------------------------------------------
# Found by the model in test_registry.py


@pytest.mark.parametrize("keep", ["all", 1])
def test_keep_files_and_two_files_of_one_name(keep: Any) -> None:
    """The last message has no FaspFileID: it is about the file in progress."""
    events = [
        stop("s", "a", 1000, fasp_file_id="1"),
        stats("s", "a", 500, fasp_file_id="2"),
        stats("s", "a", 500, written=70),
    ]
    shown = []
    for each in ("unfinished", keep):
        tracker = Tracker(each)
        shown.append(apply(tracker, *events).figures_to_dict())
        assert (transfer_of(tracker).bytes_done, counts(transfer_of(tracker))) == (1070, (1, 0, 0, 1))
    assert shown[0] == shown[1]


def test_average_rate_of_a_transfer_whose_last_message_has_no_counters() -> None:
    """3 bytes in 2 ms are 12 kbps; the STOP measures nothing."""
    tracker = Tracker()
    moved: dict[str, Any] = {"written": 3, "transfer_bytes": 3, "elapsed_usec": 2000}
    transfer = apply(tracker, begin("s"), stats("s", size=3, **moved), stop("s", size=3, elapsed_usec=3000))
    assert only(tracker).average_rate_kbps == transfer.average_rate_kbps == 12.0


def test_failed_file_of_a_part_when_another_part_comes_to_it() -> None:
    tracker = Tracker()
    part: dict[str, Any] = {"start_byte": 1, "transfer_bytes": 5, "written": 5}
    apply(tracker, begin("1", 1, 2), job("1", 6, 1), stats("1", size=6, **part | {"transfer_bytes": 0, "written": 0}))
    apply(tracker, FileErrorEvent(session_id="1", file="a", size=6, code=5, **part), failed("1", 27))
    transfer = apply(tracker, begin("0", 0, 2), job("0", 6, 1), stats("0", size=6, written=0, transfer_bytes=0))
    assert (counts(transfer), transfer.bytes_done) == ((0, 0, 1, 0), 5)
    assert (transfer.expected_bytes, transfer.expected_files) == (6, 1)
    apply(tracker, begin("2", 1, 2), job("2", 6, 1), stats("2", size=6, **part | {"transfer_bytes": 0, "written": 0}))
    assert counts(transfer) == (0, 0, 0, 1)


def test_retry_after_another_session_has_begun_to_connect() -> None:
    tracker = Tracker()
    apply(tracker, begin("0", 0, 2), job("0", 7, 2), stats("0", size=2, written=2), failed("0"))
    transfer = apply(tracker, InitEvent(session_id="1", user_str="job"), begin("2", 0, 2), job("2", 7, 2))
    assert (transfer.expected_bytes, transfer.expected_files, transfer.attempts) == (None, None, 2)
    apply(tracker, begin("1", 1, 2), job("1", 3, 1))
    assert (transfer.expected_bytes, transfer.expected_files, transfer.attempts) == (10, 3, 2)


def test_done_of_a_job_with_a_resumed_file_that_has_shrunk() -> None:
    """6 and 2 bytes are there; FileBytes of ascp counts what was there before."""
    tracker = Tracker()
    apply(tracker, begin("s"), job("s", 12, 2), stats("s", size=10, start_byte=5, transfer_bytes=0, file_bytes=0))
    apply(tracker, stop("s", size=6, transfer_bytes=1, file_bytes=6), stop("s", "b", 2, transfer_bytes=3, file_bytes=8))
    assert apply(tracker, done("s", transfer_bytes=3, file_bytes=8)).bytes_done == 8


def test_part_whose_later_messages_have_no_start_byte() -> None:
    first = stats("s", size=3, start_byte=2, written=0, transfer_bytes=0)
    transfer = apply(Tracker(), begin("s", 2, 3), first, stats("s", size=None, written=1, transfer_bytes=1))
    assert transfer.bytes_done == 1


def test_stats_without_counters_after_a_file_error() -> None:
    error = FileErrorEvent(session_id="s", file="a", size=3, code=5, written=3, elapsed_usec=2000)
    transfer = apply(Tracker(), begin("s"), error, stats("s", size=None, elapsed_usec=3000))
    assert counts(transfer) == (0, 0, 0, 1)


def test_skip_of_a_file_that_shrank_in_the_attempt_before() -> None:
    skip = SkipEvent(session_id="3", file="a", size=0)
    apply(tracker := Tracker(), begin("1"), stats("1", size=9, written=4), failed("1"))
    apply(tracker, begin("2"), stats("2", size=9), stats("2", size=6, written=4), failed("2"))
    assert apply(tracker, begin("3"), skip).bytes_done == 6


def test_file_error_of_a_resumed_file_with_zeros() -> None:
    tracker = Tracker()
    transfer = apply(tracker, begin("s"), job("s", 1000), stats("s", start_byte=400, written=600, transfer_bytes=200))
    apply(tracker, FileErrorEvent(session_id="s", file="a", size=0, start_byte=0, code=5))
    assert (transfer.bytes_done, transfer.progress, counts(transfer)) == (600, 0.6, (0, 0, 1, 0))


def test_part_that_has_transfer_bytes_alone() -> None:
    transfer = apply(Tracker(), begin("0", 0, 2), stop("0", size=3000, transfer_bytes=1000), done("0"))
    assert (transfer.bytes_done, counts(transfer)) == (1000, (0, 0, 0, 1))


def test_parts_without_a_node_number() -> None:
    tracker = Tracker()
    for name in "abc":
        negotiated = SessionEvent(session_id=name, xfer_id="x", cluster_num_nodes=3)
        transfer = apply(tracker, negotiated, stop(name, f"f{name}", 10), done(name))
    assert (transfer.state, counts(transfer)) == ("done", (3, 0, 0, 0))


def test_retry_in_one_session_of_a_transfer_of_two_parts() -> None:
    tracker = Tracker()
    apply(tracker, begin("0", 0, 2), begin("1", 1, 2), failed("0"), failed("1"))
    transfer = apply(tracker, begin("2"), job("2", 1000, 1), stop("2"), done("2"))
    assert (transfer.state, transfer.attempts, counts(transfer)) == ("done", 3, (1, 0, 0, 0))
    assert (transfer.expected_bytes, transfer.expected_files) == (1000, 1)


def test_counts_of_an_attempt_whose_retry_came_to_no_file() -> None:
    end = ErrorEvent(session_id="1", code=27, transfers_failed=1, transfers_passed=2)
    transfer = apply(Tracker(), begin("1"), end, begin("2"), failed("2", 14))
    assert counts(transfer) == (2, 0, 1, 0)


def test_progress_of_a_job_with_a_failed_file() -> None:
    error = FileErrorEvent(session_id="s", file="a", size=1000, written=900, code=5)
    transfer = apply(Tracker(), begin("s"), job("s", 1000, 1), error, done("s"))
    assert (transfer.state, transfer.progress) == ("done", 0.9)


def test_overlapping_attempts_from_the_first_byte() -> None:
    """The second begins again; expect() says that it is an attempt, and SESSION that it has no parts."""
    tracker = Tracker()
    for number, written in ((1, 600), (2, 100)):
        tracker.expect(number, attempt=number)
        transfer = connect(tracker, number, begin(str(number)), stats(str(number), written=written))
    assert transfer.bytes_done == 600
