"""Playing: not a byte is changed, and each message comes when its session's clock says so."""

from __future__ import annotations

import math
import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.simulator import player

A, B = b"SessionId: a\n", b"SessionId: b\n"


def message(session: bytes, elapsed: int | None = None) -> bytes:
    moment = b"" if elapsed is None else b"Elapsedusec: %d\n" % elapsed
    return b"FASPMGR 2\nType: STATS\n" + moment + session + b"\n"


def times(*messages: bytes) -> list[float]:
    return [due for due, _ in player.timed(messages)]


def split(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


def test_messages_are_cut_at_their_ends(capture: Path) -> None:
    data = capture.read_bytes()
    pieces = list(player.messages([data]))
    assert b"".join(pieces) == data
    assert all(piece.endswith(b"\n\n") for piece in pieces[:-1])
    assert len(pieces) >= data.count(b"\nType: ")
    assert list(player.messages(split(data, 7))) == pieces


@given(st.lists(st.sampled_from([b"\n", b"\r", b"a", b"FASPMGR 2\n", b"\xff"])), st.integers(1, 9))
def test_no_byte_is_lost_whatever_comes(parts: list[bytes], size: int) -> None:
    data = b"".join(parts)
    assert b"".join(player.messages(split(data, size))) == data
    assert b"".join(piece for _, piece in player.timed(player.messages([data]))) == data


def test_lines_that_end_in_cr_lf() -> None:
    data = message(A, 1_000_000).replace(b"\n", b"\r\n")
    assert list(player.messages([data * 2])) == [data, data]
    assert times(message(A), data) == [0, 1]


def test_bytes_that_are_no_messages_are_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "MAX_MESSAGE", 100)
    pieces = list(player.messages([b"x" * 60] * 10))
    assert b"".join(pieces) == b"x" * 600
    assert max(map(len, pieces)) <= 160


def test_a_session_keeps_its_clock() -> None:
    assert times(message(A), message(A, 500_000), message(A, 2_000_000), message(A)) == [0, 0.5, 2, 2]


def test_sessions_one_after_the_other() -> None:
    assert times(message(A), message(A, 3_000_000), message(B), message(B, 1_000_000)) == [0, 3, 3, 4]


def test_mixed_sessions() -> None:
    assert times(message(A), message(A, 2_000_000), message(B), message(A, 3_000_000), message(B, 500_000)) == [
        0, 2, 2, 3, 3,
    ]  # fmt: skip


def test_a_recording_that_begins_in_the_middle() -> None:
    assert times(message(A, 60_000_000), message(A, 61_000_000)) == [0, 1]


def test_a_clock_that_goes_backwards_or_leaps() -> None:
    assert times(message(A), message(A, 5_000_000), message(A, 1_000_000), message(A, 6_000_000)) == [0, 5, 5, 6]
    assert times(message(A), message(A, 10**18)) == [0, player.MAX_GAP]


def test_many_sessions_take_little_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(player, "MAX_SESSIONS", 2)
    sessions = [b"SessionId: %d\n" % number for number in range(10)]
    assert times(*(message(session, 7) for session in sessions)) == [0] * 10


@given(st.lists(st.binary(max_size=20)), st.integers(1, 30))
def test_pieces_of_a_size(parts: list[bytes], size: int) -> None:
    timed = [(float(place), part) for place, part in enumerate(parts)]
    pieces = [piece for _, piece in player.cut(timed, size)]
    assert b"".join(pieces) == b"".join(parts)
    assert all(len(piece) == size for piece in pieces[:-1])


def test_a_piece_is_due_when_its_last_byte_is() -> None:
    assert list(player.cut([(0.0, b"abc"), (2.0, b"def")], 2)) == [(0, b"ab"), (2, b"cd"), (2, b"ef")]


def test_pieces_of_random_size() -> None:
    data = bytes(range(256)) * 10
    pieces = [[piece for _, piece in player.cut([(0.0, data)], None, random.Random(seed))] for seed in (1, 1, 2)]
    assert pieces[0] == pieces[1] != pieces[2]
    assert b"".join(pieces[0]) == data
    assert len({len(piece) for piece in pieces[0]}) > 10
    assert max(map(len, pieces[0])) <= player.MAX_RANDOM_PIECE


@pytest.mark.parametrize(("speed", "waits"), [(1, [1, 2]), (10, [0.1, 0.2]), (math.inf, [])])
def test_playing(speed: float, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    waited: list[float] = []
    sent: list[bytes] = []

    def wait(seconds: float) -> None:
        waited.append(round(seconds, 6))
        clock[0] += seconds

    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    player.play([(0.0, b"a"), (1.0, b"b"), (3.0, b"c")], sent.append, speed, wait)
    assert sent == [b"a", b"b", b"c"]
    assert waited == waits


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"FASPMGR 2\nType: INIT\nUserStr: old\n\n", b"FASPMGR 2\nType: INIT\nUserStr: new\n\n"),
        (b"FASPMGR 2\nType: INIT\nSessionId: a\n\n", b"FASPMGR 2\nType: INIT\nSessionId: a\nUserStr: new\n\n"),
        (
            b"FASPMGR 2\nType: INIT\nSessionId: a\nCookie: c\nOperation: Transfer\n\n",
            b"FASPMGR 2\nType: INIT\nSessionId: a\nUserStr: new\nCookie: c\nOperation: Transfer\n\n",
        ),
        (b"FASPMGR 2\nType: SKIP\nFile: a\n\n", b"FASPMGR 2\nType: SKIP\nFile: a\n\n"),
        (b"\xff noise", b"\xff noise"),
    ],
)
def test_a_stream_under_another_user_str(before: bytes, after: bytes) -> None:
    assert player.adopt(before, "new") == after
    assert player.adopt(before, None) == before
