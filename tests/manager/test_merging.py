"""Several connections folded into one tracker."""

from __future__ import annotations

from faspmgr import Tracker, parse
from faspmgr.manager import merging
from faspmgr.manager.merging import Merger
from faspmgr.tracking import MAX_SESSIONS
from tests.live import message


def told(merger: Merger, connection: int, *messages: bytes) -> str:
    """Give messages to the merger; the id of the session that the last one belongs to."""
    return [merger.update(connection, event).id for event in parse(b"".join(messages))][-1]


def test_sessions_keep_their_ids() -> None:
    merger = Merger(Tracker())
    assert told(merger, 1, message("INIT", SessionId="a")) == "a"
    assert told(merger, 2, message("INIT", SessionId="b")) == "b"
    assert list(merger.tracker.sessions) == ["a", "b"]


def test_a_message_without_an_id_belongs_to_its_own_connection() -> None:
    merger = Merger(Tracker())
    told(merger, 1, message("INIT", SessionId="a"))
    told(merger, 2, message("INIT", SessionId="b"))
    assert told(merger, 1, message("ARGSTOP")) == "a"
    assert told(merger, 2, message("ARGSTOP")) == "b"
    assert told(merger, 1, message("INIT", SessionId="c"), message("STOP", SessionId="a"), message("ARGSTOP")) == "a"
    assert len(merger.tracker.sessions) == 3


def test_the_same_id_on_two_connections_are_two_sessions() -> None:
    merger = Merger(Tracker())
    told(merger, 1, message("INIT", SessionId="a", UserStr="x"), message("DONE", SessionId="a"))
    told(merger, 2, message("INIT", SessionId="a", UserStr="x"), message("ERROR", SessionId="a", Code=16))
    assert [session.state for session in merger.tracker.sessions.values()] == ["done", "failed"]
    assert merger.tracker.transfers["x"].state == "failed"


def test_messages_that_never_say_whose_they_are() -> None:
    merger = Merger(Tracker())
    told(merger, 1, message("STATS", File="/a", Written=1))
    told(merger, 2, message("STATS", File="/a", Written=1))
    assert [len(session.files) for session in merger.tracker.sessions.values()] == [1, 1]


def test_the_end_of_a_connection_loses_its_sessions_only() -> None:
    merger = Merger(Tracker())
    told(merger, 1, message("INIT", SessionId="a"), message("INIT", SessionId="b"), message("DONE", SessionId="b"))
    told(merger, 2, message("INIT", SessionId="c"))
    merger.end(1)
    merger.end(7)
    assert {name: session.state for name, session in merger.tracker.sessions.items()} == {
        "a": "lost",
        "b": "done",
        "c": "connecting",
    }


def test_memory_is_bounded() -> None:
    merger = Merger(Tracker())
    for number in range(3 * merging.MAX_SESSIONS_OF_A_CONNECTION):
        told(merger, 1, message("INIT", SessionId=number))
    assert len(merger._names[1]) <= merging.MAX_SESSIONS_OF_A_CONNECTION
    assert len(merger._taken) <= MAX_SESSIONS


def test_a_fallback_is_looked_for_on_its_own_connection() -> None:
    merger = Merger(Tracker())
    told(merger, 1, message("INIT", SessionId="a", UserStr="x"))
    told(merger, 1, message("SESSION", SessionId="a", FallbackProtocol="http"))
    told(merger, 2, message("INIT", SessionId="stranger"))
    told(merger, 1, message("INIT", SessionId="a-over-http"))
    transfers = {name: [session.id for session in each.sessions] for name, each in merger.tracker.transfers.items()}
    assert transfers == {"x": ["a", "a-over-http"], "stranger": ["stranger"]}
