"""What real transfers say. Messages and meanings: the protocol's facts; what follows from them is worked out by hand.

The messages are excerpts: where the first column has no name, one is made up, and each row is read without names, too.
"""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from faspmgr.protocol.events import DoneEvent, Event, NotificationEvent, SessionEvent, SkipEvent, StatsEvent, StopEvent
from faspmgr.tracking import Session, Tracker, Transfer
from tests.tracking.states import begin, counts, session_of

SIZE = 4_194_304
JOB = 3 * SIZE
START = 2_172_544

with_and_without_written = pytest.mark.parametrize("written", [True, False], ids=["Written", "no Written"])
named_or_not = pytest.mark.parametrize("name", ["/data/a", None])


def figures(state: Session | Transfer) -> tuple[int, float]:
    return state.bytes_done, round(state.progress, 6)


def without_written(event: Event) -> Event:
    return attrs.evolve(event, written=None) if hasattr(event, "written") else event  # type: ignore[call-arg]


# ---------------------------------------------------------------------------------------------------------------------
# A resumed transfer


def resumed(name: str | None, *, written: bool) -> list[Event]:
    events: list[Event] = [
        NotificationEvent(pre_transfer_bytes=JOB),
        StatsEvent(file=name, transfer_bytes=0, start_byte=START, file_bytes=0, size=SIZE, written=START),
        StatsEvent(file=name, transfer_bytes=689_920, file_bytes=2_862_464, size=SIZE, written=2_862_464),
        DoneEvent(transfer_bytes=10_410_368, file_bytes=JOB),
    ]
    return events if written else [without_written(event) for event in events]


@with_and_without_written
@named_or_not
@pytest.mark.parametrize("nodes", [None, 1])
def test_resumed_transfer(name: str | None, written: bool, nodes: int | None) -> None:
    tracker = Tracker()
    if nodes is not None:
        tracker.update(SessionEvent(cluster_num_nodes=nodes, cluster_node_id=0))
    seen = []
    for event in resumed(name, written=written):
        session = tracker.update(event)
        (transfer,) = tracker.transfers.values()
        assert figures(session) == figures(transfer)
        assert counts(session) == counts(transfer)
        seen.append((*figures(session), session.bytes_transferred, *counts(session)))
    assert seen == [
        (0, 0.0, 0, 0, 0, 0, 0),
        (START, round(START / JOB, 6), 0, 0, 0, 0, 1),
        (2_862_464, round(2_862_464 / JOB, 6), 689_920, 0, 0, 0, 1),
        (JOB, 1.0, 10_410_368, 0, 0, 0, 1),  # no message of the excerpt reports the end of a file
    ]
    assert session.state == "done"
    assert session.expected_bytes == JOB


@with_and_without_written
def test_bytes_arrived_of_a_resumed_transfer(written: bool) -> None:
    session = session_of(*resumed("a", written=written)[:3])
    assert session.bytes_arrived == 689_920


def test_resumed_transfer_with_all_its_messages() -> None:
    """By hand: the second and third file follow, FileBytes counting what was there of the first."""
    session = session_of(
        SessionEvent(cluster_num_nodes=1),
        *resumed("a", written=False)[:3],
        StopEvent(file="a", size=SIZE, transfer_bytes=SIZE - START, file_bytes=SIZE),
        StatsEvent(file="b", size=SIZE, transfer_bytes=SIZE - START, file_bytes=SIZE),
        StatsEvent(file="b", size=SIZE, transfer_bytes=SIZE - START + 1000, file_bytes=SIZE + 1000),
    )
    assert (session.bytes_done, session.files_done, session.files_active) == (SIZE + 1000, 1, 1)
    assert session.files["b"].written == 1000


def test_file_bytes_without_what_was_there_before() -> None:
    """As the fixtures that were put together have it: FileBytes grows by what is sent, of one session alone."""
    session = session_of(
        SessionEvent(cluster_num_nodes=1),
        StatsEvent(file="a", size=1000, start_byte=400, transfer_bytes=0, file_bytes=0),
        StatsEvent(file="a", size=1000, start_byte=400, transfer_bytes=100, file_bytes=100),
    )
    assert session.bytes_done == 500
    assert session.files["a"].is_part is False


def test_count_larger_than_any_part() -> None:
    """By hand: a peer that counts what was there before as sent, too."""
    session = session_of(
        StatsEvent(file="a", size=1000, start_byte=600, transfer_bytes=601, file_bytes=601, written=601),
        StatsEvent(file="a", size=1000, start_byte=600, transfer_bytes=700, file_bytes=700, written=700),
    )
    assert (session.bytes_done, session.progress) == (700, 0.7)


# ---------------------------------------------------------------------------------------------------------------------
# A file that two sessions share

BEGIN = 2_096_512  # of the second part
SECOND = SIZE - BEGIN  # 2097792


def second_part(name: str | None, session_id: str | None = None) -> list[Event]:
    about: dict[str, Any] = {"file": name, "session_id": session_id, "size": SIZE, "start_byte": BEGIN}
    return [
        StatsEvent(**about, transfer_bytes=702_592, file_bytes=702_592, written=702_592),
        StopEvent(**about, transfer_bytes=2_100_608, file_bytes=2_100_608, written=2_100_608),
    ]


@with_and_without_written
@named_or_not
@pytest.mark.parametrize("nodes", [None, 2])
def test_second_part_of_a_file(name: str | None, written: bool, nodes: int | None) -> None:
    tracker = Tracker()
    if nodes is not None:
        tracker.update(SessionEvent(cluster_num_nodes=nodes, cluster_node_id=1))
    stats, stop = second_part(name) if written else map(without_written, second_part(name))
    session = tracker.update(stats)
    (transfer,) = tracker.transfers.values()
    assert figures(session) == (702_592, 0.33492)  # of 2097792: nothing was there before
    # Of 4194304, if SESSION announces a first part that was not seen.
    assert figures(transfer) == (702_592, 0.33492 if nodes is None else 0.167511)
    assert counts(session) == counts(transfer) == (0, 0, 0, 1)
    tracker.update(stop)
    assert figures(session) == (SECOND, 1.0)  # what was sent twice is there once
    assert figures(transfer) == (SECOND, 1.0 if nodes is None else 0.500153)
    assert counts(session) == (1, 0, 0, 0)
    assert counts(transfer) == ((1, 0, 0, 0) if nodes is None else (0, 0, 0, 1))
    assert session.bytes_transferred == 2_100_608
    tracker.update(DoneEvent(transfer_bytes=2_100_608, file_bytes=2_100_608))
    assert (session.bytes_done, transfer.bytes_done, session.state) == (SECOND, SECOND, "done")
    assert transfer.state == ("done" if nodes is None else "transferring")


@with_and_without_written
@pytest.mark.parametrize("start", [0, None])
@pytest.mark.parametrize("job", [None, SIZE])
@pytest.mark.parametrize("sessions", [True, False], ids=["SESSION", "no SESSION"])
def test_two_parts_of_a_file(written: bool, start: int | None, job: int | None, sessions: bool) -> None:
    tracker = Tracker()
    if sessions:
        tracker.update(begin("1", 0, 2))
        tracker.update(begin("2", 1, 2))
    else:
        for session_id in "12":
            tracker.update(SessionEvent(session_id=session_id, xfer_id="x"))
    if job is not None:
        for session_id in "12":
            tracker.update(NotificationEvent(session_id=session_id, pre_transfer_bytes=job, pre_transfer_files=1))
    about: dict[str, Any] = {"file": "a", "session_id": "1", "size": SIZE, "start_byte": start}
    stats, stop = second_part("a", "2")
    events: list[Event] = [
        StatsEvent(**about, transfer_bytes=500_000, file_bytes=500_000, written=500_000),
        stats,
        stop,
        StatsEvent(**about, transfer_bytes=2_000_000, file_bytes=2_000_000, written=2_000_000),
        StopEvent(**about, transfer_bytes=BEGIN, file_bytes=BEGIN, written=BEGIN),
        DoneEvent(session_id="2", transfer_bytes=2_100_608, file_bytes=2_100_608),
        DoneEvent(session_id="1", transfer_bytes=BEGIN, file_bytes=BEGIN),
    ]
    seen: list[tuple[int, ...]] = []
    for event in events if written else map(without_written, events):
        tracker.update(event)
        (transfer,) = tracker.transfers.values()
        if seen:  # until the second one tells that the file is shared, each has a job of its own
            assert transfer.estimated_bytes == SIZE
            assert transfer.expected_bytes == job
        seen.append((transfer.bytes_done, *counts(transfer)))
    in_progress, done = (0, 0, 0, 1), (1, 0, 0, 0)
    assert seen == [
        (500_000, *in_progress),
        (500_000 + 702_592, *in_progress),
        (500_000 + SECOND, *in_progress),
        (2_000_000 + SECOND, *in_progress),
        (SIZE, *done),
        (SIZE, *done),
        (SIZE, *done),
    ]
    assert (transfer.state, transfer.progress, transfer.expected_files) == ("done", 1.0, None if job is None else 1)
    assert transfer.bytes_transferred == BEGIN + 2_100_608


# ---------------------------------------------------------------------------------------------------------------------
# Files that are there already


@with_and_without_written
@pytest.mark.parametrize("names", [("a", "b"), (None, None)])
@pytest.mark.parametrize("nodes", [None, 1, 2])
def test_stop_of_files_already_present(names: tuple[str | None, ...], written: bool, nodes: int | None) -> None:
    tracker = Tracker()
    if nodes is not None:
        tracker.update(SessionEvent(cluster_num_nodes=nodes, cluster_node_id=0))
    for number, name in enumerate(names, 1):
        stop = StopEvent(file=name, transfer_bytes=0, start_byte=SIZE, file_bytes=0, size=SIZE)
        session = tracker.update(attrs.evolve(stop, written=SIZE) if written else stop)
        (transfer,) = tracker.transfers.values()
        for state in (session, transfer):
            assert figures(state) == (number * SIZE, 1.0)
            assert counts(state) == (0, number, 0, 0)
    tracker.update(DoneEvent())
    assert transfer.state == ("transferring" if nodes == 2 else "done")  # the other part was not seen
    assert counts(transfer) == (0, 2, 0, 0)
    assert (transfer.bytes_done, transfer.bytes_transferred, transfer.bytes_arrived) == (2 * SIZE, 0, 0)


def test_stop_of_a_file_already_present_while_another_moves() -> None:
    """What was sent meanwhile is of the other file, with Written or without."""
    session = session_of(
        StatsEvent(file="a", size=1000, transfer_bytes=100, file_bytes=100),
        StopEvent(file="there", size=500, start_byte=500, transfer_bytes=300, file_bytes=300),
        StatsEvent(file="a", size=1000, transfer_bytes=400, file_bytes=400),
        keep_files="all",
    )
    assert (session.files["there"].state, session.files["a"].bytes_done) == ("skipped", 400)
    assert (session.bytes_done, session.bytes_arrived) == (900, 400)


def test_stop_of_an_empty_file() -> None:
    session = session_of(StopEvent(file="a", size=0, start_byte=0, transfer_bytes=0))
    assert counts(session) == (1, 0, 0, 0)
    assert session.progress == 1.0


def test_stop_of_a_resumed_file_without_more_data() -> None:
    session = session_of(
        StatsEvent(file="a", size=1000, start_byte=400, transfer_bytes=0),
        StatsEvent(file="a", size=1000, transfer_bytes=600),
        StopEvent(file="a", size=1000, start_byte=1000, transfer_bytes=600),
    )
    assert counts(session) == (1, 0, 0, 0)


# ---------------------------------------------------------------------------------------------------------------------
# One file of 30,000,000 bytes


@named_or_not
def test_average_rate_of_one_file(name: str | None) -> None:
    tracker = Tracker()
    size = 30_000_000
    stats = StatsEvent(file=name, size=size, transfer_bytes=14_219_392, loss=1_408, elapsed_usec=2_003_695)
    session = tracker.update(stats)
    (transfer,) = tracker.transfers.values()
    for state in (session, transfer):
        assert int(state.average_rate_kbps or 0) == 56_772
        assert (state.bytes_transferred, state.bytes_lost) == (14_219_392, 1_408)
    tracker.update(StopEvent(file=name, size=size, transfer_bytes=size, elapsed_usec=3_627_748))
    tracker.update(DoneEvent(transfer_bytes=size, elapsed_usec=3_627_748))
    for state in (session, transfer):
        assert int(state.average_rate_kbps or 0) == 66_156
        assert (state.bytes_transferred, state.bytes_done, state.progress) == (size, size, 1.0)
    assert counts(transfer) == (1, 0, 0, 0)


# ---------------------------------------------------------------------------------------------------------------------
# Skipped with Size 0


def test_skip_without_a_size() -> None:
    session = session_of(StatsEvent(file="a", size=300), SkipEvent(file="a", size=0), keep_files="all")
    assert (session.files["a"].size, session.bytes_done, counts(session)) == (300, 300, (0, 1, 0, 0))


@pytest.mark.parametrize("stops", [["a", "b", "a"], ["a", "b", "c", "b", "a"]])
def test_keep_files_and_names_that_come_again(stops: list[str]) -> None:
    session = session_of(*(StopEvent(file=name, size=1) for name in stops), keep_files=2)
    assert list(session.files) == stops[-2:]
    assert session.files_done == len(set(stops))
