"""Parts and attempts, summed. Expected values: fixtures/README.md, or by hand."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from faspmgr.protocol.events import DoneEvent, ErrorEvent, Event, InitEvent, NotificationEvent, SessionEvent, StatsEvent
from faspmgr.reading import read
from faspmgr.tracking import Session, Tracker, Transfer
from tests.tracking.states import only, tracked, transfer_of


def part(session_id: str, node: int, *, of: int = 2, xfer_id: str | None = "x") -> list[Event]:
    return [
        InitEvent(session_id=session_id, user_str="job"),
        SessionEvent(
            session_id=session_id, user_str="job", xfer_id=xfer_id, cluster_num_nodes=of, cluster_node_id=node
        ),
    ]


def transfer_after(*events: Event) -> Transfer:
    tracker = Tracker()
    for event in events:
        tracker.update(event)
    return transfer_of(tracker)


def test_sums_of_two_parts(fixtures: Path) -> None:
    tracker = tracked(fixtures / "sessions" / "two-sessions.fasp", "all")
    assert [session.id for session in tracker.sessions] == [
        "41c8e7d0-6a2f-4e35-b0d9-1f8a5c3e7b21",
        "c02b94f7-d81e-4c63-95aa-e3f7061d2b48",
    ]
    assert [session.state for session in tracker.sessions] == ["done", "done"]
    assert [session.part for session in tracker.sessions] == [0, 1]
    assert [session.bytes_written for session in tracker.sessions] == [31457280, 19922944]
    assert list(tracker.transfers) == ["9a7c1b52-3e0d-4f6a-8b19-77d0c2e4a601"]
    transfer = transfer_of(tracker)
    assert transfer.state == "done"
    assert transfer.attempts == 1
    assert transfer.files_done == 4
    assert transfer.bytes_written == 31457280 + 19922944
    assert transfer.bytes_transferred == 31473664 + 19931136
    assert transfer.bytes_lost == 16384 + 8192
    assert transfer.elapsed_usec == 5573120
    assert transfer.average_rate_kbps == pytest.approx((31473664 + 19931136) * 8 / 5.573120 / 1000)
    assert transfer.expected_bytes is None
    assert any(name.endswith("Br\udcfcssel.dat") for session in transfer.sessions for name in session.files)


def test_state_before_all_parts_have_ended(fixtures: Path) -> None:
    """Until the last session has ended the transfer is transferring; its progress never jumps back."""
    tracker = Tracker()
    states = []
    for event in read(fixtures / "sessions" / "two-sessions.fasp"):
        tracker.update(event)
        transfer = next(iter(tracker.transfers.values()))
        states.append(transfer.state)
    assert "done" not in states[:-1]
    assert states[-1] == "done"


def test_retry(fixtures: Path) -> None:
    tracker = tracked(fixtures / "sessions" / "retry.fasp", "all")
    first, second = tracker.sessions
    assert (first.state, second.state) == ("failed", "done")
    assert first.error is not None
    assert first.error.code == 16
    assert (first.files_active, second.files_skipped, second.files_done) == (1, 1, 1)
    transfer = transfer_of(tracker)
    assert transfer.id == "5b1e0c87-94d2-4d7f-a3f6-c08e27b9d415"
    assert transfer.state == "done"
    assert transfer.error is None
    assert transfer.attempts == 2
    assert transfer.current == [second]
    assert transfer.sessions == [first, second]
    assert transfer.bytes_written == 23068672
    assert transfer.bytes_transferred == 31850496 + 23068672  # what went over the network did so in both
    assert transfer.average_rate_kbps == pytest.approx(23068672 * 8 / 2.741388 / 1000)  # of the time that is shown
    assert transfer.elapsed_usec == 2741388


def test_progress_during_a_retry(fixtures: Path) -> None:
    """12582912 bytes of alpha.img and 18874368 of beta.img were there when the first attempt failed."""
    tracker = Tracker()
    latest = 0.0
    for event in read(fixtures / "sessions" / "retry.fasp"):
        tracker.update(event)
        transfer = tracker.transfers.get("5b1e0c87-94d2-4d7f-a3f6-c08e27b9d415")
        if transfer is None:
            continue  # INIT does not tell the XferId yet
        if isinstance(event, SessionEvent) and transfer.attempts == 2:
            assert transfer.bytes_done == 12582912 + 18874368
            assert transfer.expected_bytes == 54525952
        assert transfer.progress >= latest
        latest = transfer.progress
    assert latest == 1.0


def test_bytes_arrived_in_captures(fixtures: Path) -> None:
    session = only(tracked(fixtures / "sessions" / "resumed-download.fasp"))
    assert session.bytes_done == 83886080 + 4096
    assert session.bytes_arrived == session.bytes_written == 52432896
    retried = transfer_of(tracked(fixtures / "sessions" / "retry.fasp"))
    assert retried.bytes_arrived == 41943040 - 18874368


def test_attempts_of_parallel_sessions_without_nodes() -> None:
    """They overlap in time, so the second cannot be there to make up for the first."""
    transfer = transfer_after(
        InitEvent(session_id="a", user_str="job"),
        InitEvent(session_id="b", user_str="job"),
        ErrorEvent(session_id="a", code=16),
        DoneEvent(session_id="b"),
    )
    assert (transfer.state, transfer.attempts) == ("failed", 1)


def test_retry_of_one_part() -> None:
    transfer = transfer_after(
        *part("a", 0),
        *part("b", 1),
        ErrorEvent(session_id="a", code=16),
        *part("c", 0),
        DoneEvent(session_id="b"),
        DoneEvent(session_id="c"),
    )
    assert [session.id for session in transfer.current] == ["b", "c"]
    assert (transfer.state, transfer.attempts) == ("done", 2)


def test_retry_while_the_attempt_before_has_no_end() -> None:
    transfer = transfer_after(*part("a", 0, of=1), *part("b", 0, of=1), DoneEvent(session_id="b"))
    assert [session.state for session in transfer.sessions] == ["lost", "done"]
    assert (transfer.state, transfer.attempts) == ("done", 2)


def test_replaced_session_after_the_other_has_left() -> None:
    tracker = Tracker()
    for event in [*part("a", 0), *part("b", 0), *part("b", 0, xfer_id="y"), *part("a", 0)]:
        tracker.update(event)
    assert [[session.id for session in transfer.sessions] for transfer in tracker.transfers.values()] == [["a"], ["b"]]
    assert [session.state for session in tracker.sessions] == ["negotiated", "negotiated"]


def test_attempts_of_sessions_with_the_same_user_str() -> None:
    transfer = transfer_after(
        *part("a", 0, of=1, xfer_id=None), *part("b", 0, of=1, xfer_id=None), DoneEvent(session_id="b")
    )
    assert transfer.state == "negotiated"
    assert transfer.attempts == 1


def test_session_after_one_that_is_done() -> None:
    transfer = transfer_after(*part("a", 0, of=1), DoneEvent(session_id="a"), *part("b", 0, of=1))
    assert len(transfer.current) == 2


def test_state_of_two_parts() -> None:
    events = [*part("a", 0), *part("b", 1)]
    assert transfer_after(*events).state == "negotiated"
    assert transfer_after(*events, StatsEvent(session_id="a")).state == "transferring"
    assert transfer_after(*events, DoneEvent(session_id="a")).state == "negotiated"
    assert transfer_after(*events, ErrorEvent(session_id="a"), DoneEvent(session_id="b")).state == "failed"


def test_sums_of_two_parts_in_progress() -> None:
    events: list[Event] = [*part("a", 0), *part("b", 1)]
    for session_id, written, rtt in (("a", 100, 30), ("b", 300, 10)):
        name = f"of-{session_id}"
        events += [
            NotificationEvent(session_id=session_id, pre_transfer_bytes=1000, pre_transfer_files=1),
            StatsEvent(session_id=session_id, file=name, transfer_bytes=0, elapsed_usec=0),
            StatsEvent(
                session_id=session_id,
                file=name,
                size=1000,
                written=written,
                transfer_bytes=written,
                delay=rtt,
                elapsed_usec=1_000_000,
            ),
        ]
    transfer = transfer_after(*events)
    assert transfer.expected_bytes == 2000
    assert transfer.expected_files == 2
    assert transfer.bytes_done == 400
    assert transfer.progress == 0.2
    assert transfer.rate_kbps == transfer.average_rate_kbps == 3.2  # 3200 bit in a second
    assert transfer.eta_seconds == 1600 * 8 / 3200
    assert transfer.rtt_ms == 30
    assert transfer.files_active == 2


def test_figures_are_computed_once_per_change(monkeypatch: pytest.MonkeyPatch) -> None:
    """A transfer of thousands of sessions is shown in time proportional to them: one pass, whatever is asked for."""
    passes: list[Transfer] = []
    chains = Transfer._attempts_by_part

    def counted(transfer: Transfer) -> list[list[Session]]:
        passes.append(transfer)
        return chains(transfer)

    monkeypatch.setattr(Transfer, "_attempts_by_part", counted)
    tracker = Tracker()
    for number in range(50):
        tracker.update(InitEvent(session_id=f"s{number}", user_str="job"))
    transfer = transfer_of(tracker)
    assert transfer.to_dict() == transfer.to_dict()
    assert len(passes) == 1
    tracker.update(StatsEvent(session_id="s7", file="f", transfer_bytes=10))
    assert (transfer.bytes_transferred, transfer.files_active, transfer.state) == (10, 1, "transferring")
    assert len(passes) == 2
    tracker.close()
    assert (transfer.state, len(passes)) == ("lost", 3)


def test_transfer_without_a_tracker() -> None:
    first, second = Session("a"), Session("b")
    transfer = Transfer("x", [first])
    assert transfer.attempts == len(transfer.current) == 1
    transfer.add(second)
    assert transfer.current == [first, second]
    assert transfer.state == "connecting"
    second.apply(StatsEvent(file="f", transfer_bytes=10))
    transfer.invalidate()
    assert (transfer.state, transfer.bytes_transferred) == ("transferring", 10)
    transfer.remove(second)
    assert (transfer.sessions, transfer.bytes_transferred) == ([first], 0)


def test_rate_after_one_part_has_ended() -> None:
    def moves(session_id: str) -> list[Event]:
        return [
            StatsEvent(session_id=session_id, file="f", transfer_bytes=moved, elapsed_usec=at)
            for moved, at in ((0, 0), (1000, 1_000_000))
        ]

    events = [*part("a", 0), *part("b", 1), *moves("a"), *moves("b")]
    assert transfer_after(*events).rate_kbps == 16.0
    assert transfer_after(*events, DoneEvent(session_id="a")).rate_kbps == 8.0
    assert transfer_after(*events, DoneEvent(session_id="a"), DoneEvent(session_id="b")).rate_kbps == 16.0


def test_transfer_as_json() -> None:
    shown = transfer_after(*part("a", 0), *part("b", 1)).to_dict()
    assert list(shown)[:5] == ["id", "state", "error", "attempts", "reason"]
    assert [session["id"] for session in shown["sessions"]] == ["a", "b"]


def test_part_of_a_session() -> None:
    (alone,) = transfer_after(SessionEvent(session_id="s", cluster_node_id=3)).sessions
    (one,) = transfer_after(*part("a", 0, of=1)).sessions
    (second,) = transfer_after(*part("b", 1)).sessions
    assert (alone.part, one.part, second.part) == (None, None, 1)


# -- how it ended, where the parts ended in different ways


CANCELLED = ErrorEvent(code=28, description="cancelled")


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0), (2, 0, 1)])
@pytest.mark.parametrize(
    ("ends", "state", "code"),
    [
        # Whoever started the parts cancels the others where one has failed or was lost: that is no reason.
        ([None, CANCELLED, CANCELLED], "lost", None),
        ([ErrorEvent(code=25), CANCELLED, CANCELLED], "failed", 25),
        ([ErrorEvent(code=25), None, CANCELLED], "failed", 25),
        ([DoneEvent(), CANCELLED, DoneEvent()], "failed", 28),
        ([DoneEvent(), None, DoneEvent()], "lost", None),
    ],
)
def test_verdict_of_three_parts(ends: list[Event | None], order: tuple[int, ...], state: str, code: int | None) -> None:
    tracker = Tracker()
    for stream in order:
        begin = SessionEvent(session_id=f"s{stream}", user_str="u", cluster_num_nodes=3, cluster_node_id=stream)
        tracker.update(begin, stream)
        end = ends[stream]
        if end is not None:
            tracker.update(attrs.evolve(end, session_id=f"s{stream}"), stream)
        tracker.end(stream)
    (transfer,) = tracker.transfers.values()
    assert (transfer.state, transfer.error and transfer.error.code) == (state, code)


def test_attempt_at_all_parts_while_one_is_in_progress() -> None:
    """It replaces the part that had failed before it began, and not the one that failed later."""
    transfer = transfer_after(
        *part("a", 0),
        *part("b", 1),
        ErrorEvent(session_id="a", code=16),
        SessionEvent(session_id="c", xfer_id="x"),
        ErrorEvent(session_id="b", code=14),
        DoneEvent(session_id="c"),
    )
    assert sorted(session.id for session in transfer.current) == ["b", "c"]
    assert (transfer.state, transfer.error and transfer.error.code, transfer.attempts) == ("failed", 14, 2)
