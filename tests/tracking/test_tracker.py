"""Which session an event belongs to, and which transfer a session."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faspmgr.protocol.events import (
    EVENT_CLASSES,
    ArgStopEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    InitEvent,
    OtherEvent,
    SessionEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.reading import read
from faspmgr.tracking import Session, Tracker
from faspmgr.tracking import tracker as tracker_module
from faspmgr.verdicts import Failure
from tests.tracking.states import only, session_of, tracked, transfer_of


def test_sessions_mixed_on_one_connection() -> None:
    tracker = Tracker()
    for session_id in ("a", "b", "a", "b", "b"):
        tracker.update(StatsEvent(session_id=session_id, file="f", size=10))
    tracker.update(StatsEvent(session_id="a", file="f", written=4))
    tracker.update(StatsEvent(session_id="b", file="f", written=9))
    first, second = tracker.sessions
    assert (first.id, second.id) == ("a", "b")
    assert [session.bytes_done for session in tracker.sessions] == [4, 9]
    assert [session.event_count for session in tracker.sessions] == [3, 4]


def test_message_without_session_id() -> None:
    tracker = Tracker()
    tracker.update(StatsEvent(session_id="a", file="f"))
    b = tracker.update(StatsEvent(session_id="b", file="f"))
    assert tracker.update(ArgStopEvent(file="f")) is b


@pytest.mark.parametrize("event", [cls() for cls in EVENT_CLASSES.values()], ids=lambda event: event.type)
def test_connection_without_session_ids(event: Event) -> None:
    tracker = Tracker()
    assert tracker.update(event) is tracker.update(SessionEvent()) is tracker.update(DoneEvent())
    assert [session.id for session in tracker.sessions] == list(tracker.transfers) == [""]
    assert transfer_of(tracker).state == "done"


def test_command_without_a_session() -> None:
    tracker = Tracker()
    assert tracker.update(OtherEvent(type="CANCEL")).id == ""
    assert tracker.update(OtherEvent(type="CANCEL", session_id="s")).id == "s"
    assert not tracker.sessions
    assert not tracker.transfers


def test_command_among_messages() -> None:
    assert session_of(InitEvent(), OtherEvent(type="NOP")).event_count == 2


def test_key_of_a_transfer() -> None:
    tracker = Tracker()
    tracker.update(InitEvent(session_id="a"))
    assert list(tracker.transfers) == ["a"]
    tracker.update(InitEvent(session_id="b", user_str="job"))
    assert list(tracker.transfers) == ["a", "job"]
    tracker.update(SessionEvent(session_id="b", user_str="job", xfer_id="x"))
    assert list(tracker.transfers) == ["a", "x"]
    tracker.update(InitEvent(session_id="b", user_str="job"))  # of no more weight than before
    assert list(tracker.transfers) == ["a", "x"]
    assert [session.id for session in tracker.transfers["x"].sessions] == ["b"]


def test_http_fallback_that_reports_its_end_twice(fixtures: Path) -> None:
    tracker = Tracker()
    states = []
    for event in read(fixtures / "sessions" / "http-fallback.fasp"):
        states.append(tracker.update(event).state)
    assert states.index("failed") < states.index("transferring")
    assert states[-2:] == ["done", "done"]
    session = only(tracker)
    assert (session.files_done, session.bytes_written, session.bytes_transferred) == (1, 6291456, 6291456)
    assert session.error is None
    transfer = transfer_of(tracker)
    assert (transfer.id, transfer.state, transfer.attempts) == ("kiosk-12", "done", 1)


def test_http_fallback_that_fails(fixtures: Path) -> None:
    """The real ascp opens a second session for it, without UserStr, and ends both with ERROR 11."""
    tracker = tracked(fixtures / "ascp-3.9.0" / "http-fallback-failed.fasp")
    assert [session.id for session in tracker.sessions] == [
        "f8d65649-45d6-4689-8b88-b2314d6f5f5c",
        "46981181-a976-4e21-b3de-97321dd5426f",
    ]
    transfer = transfer_of(tracker)
    assert (transfer.id, transfer.state) == ("demo", "failed")
    assert transfer.error == Failure(11, "Internal error")
    assert transfer.elapsed_usec == 347


REAL = [
    ("refused", 44),
    ("peer-client-license", 38),
    ("missing-source", 43),
    ("no-remote-host", 8),
    ("persistent-token-tags", 38),
    ("multi-session-second", 44),
]


@pytest.mark.parametrize(("name", "code"), REAL)
def test_captures_of_a_real_ascp(fixtures: Path, name: str, code: int) -> None:
    transfer = transfer_of(tracked(fixtures / "ascp-3.9.0" / f"{name}.fasp"))
    assert transfer.state == "failed"
    assert transfer.error is not None
    assert transfer.error.code == code
    assert transfer.progress == 0.0


@pytest.mark.parametrize("keep", [-1, True, False, "none", 1.5, None])
def test_invalid_keep_files(keep: Any) -> None:
    with pytest.raises(ValueError, match="invalid keep_files"):
        Tracker(keep)


def test_max_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "MAX_SESSIONS", 10)
    tracker = Tracker()
    tracker.update(InitEvent(session_id="running", user_str="job"))
    for number in range(30):
        tracker.update(DoneEvent(session_id=f"s{number}", user_str="job" if number % 2 else None))
    assert [session.id for session in tracker.sessions] == ["running", *(f"s{number}" for number in range(21, 30))]
    assert sum(len(transfer.sessions) for transfer in tracker.transfers.values()) == 10
    assert tracker.transfers["job"].state == "connecting"


def test_max_sessions_if_none_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracker_module, "MAX_SESSIONS", 10)
    tracker = Tracker()
    for number in range(30):
        tracker.update(InitEvent(session_id=f"s{number}"))
    assert (
        [session.id for session in tracker.sessions]
        == list(tracker.transfers)
        == [f"s{number}" for number in range(20, 30)]
    )


# ---------------------------------------------------------------------------------------------------------------------
# Streams


def told(tracker: Tracker, stream: object, *events: Event) -> Session:
    """Give events of one stream to the tracker; the session that the last one belongs to."""
    return [tracker.update(event, stream) for event in events][-1]


def test_message_without_session_id_on_two_connections() -> None:
    tracker = Tracker()
    a = told(tracker, 1, InitEvent(session_id="a"))
    b = told(tracker, 2, InitEvent(session_id="b"))
    assert told(tracker, 1, ArgStopEvent()) is a
    assert told(tracker, 2, ArgStopEvent()) is b
    assert told(tracker, 1, InitEvent(session_id="c"), StopEvent(session_id="a"), ArgStopEvent()) is a
    assert [session.id for session in tracker.sessions] == ["a", "b", "c"]


@pytest.mark.parametrize("session_id", ["a", "a#b", "#1", "", None])
def test_same_session_id_on_two_connections(session_id: str | None) -> None:
    tracker = Tracker()
    first = told(tracker, 1, InitEvent(session_id=session_id), DoneEvent(session_id=session_id))
    second = told(tracker, 2, InitEvent(session_id=session_id), ErrorEvent(session_id=session_id, code=16))
    assert first.id == second.id == (session_id or "")
    assert (first.state, second.state) == ("done", "failed")
    assert tracker.find(session_id or "", 1) is first
    assert tracker.find(session_id or "", 2) is second
    assert tracker.find("other", 1) is tracker.find("a", 3) is None
    assert [transfer.sessions for transfer in tracker.transfers.values()] == [[first], [second]]
    assert [transfer.id for transfer in tracker.transfers.values()] == [first.id, second.id]


def test_same_session_id_and_user_str_on_two_connections() -> None:
    tracker = Tracker()
    told(tracker, 1, InitEvent(session_id="a", user_str="x"), DoneEvent(session_id="a"))
    told(tracker, 2, InitEvent(session_id="a", user_str="x"), ErrorEvent(session_id="a", code=16))
    assert list(tracker.transfers) == ["x"]
    assert transfer_of(tracker).state == "failed"


def test_end_of_a_connection() -> None:
    tracker = Tracker()
    told(tracker, 1, InitEvent(session_id="a"), InitEvent(session_id="b"), DoneEvent(session_id="b"))
    told(tracker, 2, InitEvent(session_id="c"))
    assert not tracker.transfers["a"].ended
    tracker.end(1)
    tracker.end(7)
    assert [session.state for session in tracker.sessions] == ["lost", "done", "connecting"]
    assert tracker.transfers["a"].error is None
    assert tracker.transfers["a"].ended
    assert told(tracker, 1, ArgStopEvent()) not in (tracker.find("a", 1), tracker.find("b", 1))
    tracker.close()
    assert tracker.transfers["c"].state == "lost"
    assert tracker.find("c", 2) is tracker.sessions[2]


def test_http_fallback_beside_another_connection() -> None:
    tracker = Tracker()
    told(tracker, 1, InitEvent(session_id="a", user_str="x"), SessionEvent(session_id="a", fallback_protocol="http"))
    told(tracker, 2, InitEvent(session_id="stranger"))
    told(tracker, 1, InitEvent(session_id="a-over-http"))
    transfers = {key: [session.id for session in each.sessions] for key, each in tracker.transfers.items()}
    assert transfers == {"x": ["a", "a-over-http"], "stranger": ["stranger"]}


@pytest.mark.parametrize("session_id", [None, "s"])
def test_memory_of_twice_max_sessions(session_id: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracker_module.MAX_SESSIONS == 10_000
    monkeypatch.setattr(tracker_module, "MAX_SESSIONS", 1_000)
    tracker = Tracker()
    for stream in range(2_000):
        told(tracker, stream, InitEvent(session_id=session_id), StopEvent(session_id=session_id, file="f"))
        tracker.end(stream)
    assert len(tracker.sessions) == len(tracker.transfers) == 1_000
    assert sum(len(transfer.sessions) for transfer in tracker.transfers.values()) == 1_000
    assert {len(value) for value in vars(tracker).values() if isinstance(value, dict)} == {1_000}
    assert tracker.find(session_id or "", 1_999)
    assert tracker.find(session_id or "", 999) is None


def test_memory_of_a_session_that_changes_its_part() -> None:
    tracker = Tracker()
    for node in range(5_000):
        told(tracker, 1, SessionEvent(session_id="s", xfer_id="x", cluster_num_nodes=9999, cluster_node_id=node))
    (transfer,) = tracker.transfers.values()
    assert max(len(value) for value in vars(transfer).values() if isinstance(value, (dict, list))) == 1
