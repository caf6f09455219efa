from __future__ import annotations

import copy
import pickle
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer
from tests.invariants import was_matched

STATS = b"FASPMGR 2\nType: STATS\nFile: a: b.txt\nSize: 6162042\nCookie: \n\n"


def learnt() -> Frame:
    """A frame as the tokenizer makes it of a layout it has learnt."""
    frame = Tokenizer().feed(STATS * 4)[-1]
    assert was_matched(frame)
    return frame


# -- encode


STATS_FIELDS = {"File": "a: b.txt", "Size": "6162042", "Cookie": ""}


@pytest.mark.parametrize(("frame", "wire"), [
    (Frame("STATS", STATS_FIELDS), STATS), (learnt(), STATS),
    (Frame("X", {"B": "1", "A": "2"}), b"FASPMGR 2\nType: X\nB: 1\nA: 2\n\n"),
    (Frame("CANCEL", {}), b"FASPMGR 2\nType: CANCEL\n\n"),
    (Frame("CLOSE", {"Destination": "/x"}, version=4), b"FASPMGR 4\nType: CLOSE\nDestination: /x\n\n"),
    (Frame("CLOSE", {"Destination": "/x"}, 4), b"FASPMGR 4\nType: CLOSE\nDestination: /x\n\n"),
    (Frame("X", {"File": "Übersicht"}), b"FASPMGR 2\nType: X\nFile: \xc3\x9cbersicht\n\n"),
    (Frame("X", {"a" * 100: "1"}), b"FASPMGR 2\nType: X\n" + b"a" * 100 + b": 1\n\n"),  # the longest name
    # A CR ends no line; in front of a LF readers count one as part of the line end.
    (Frame("X", {"A": "\ra\rb", "B": ""}), b"FASPMGR 2\nType: X\nA: \ra\rb\nB: \n\n"),
    (Frame("X\r", {"A": "a\r", "B": "\r\r"}), b"FASPMGR 2\nType: X\r\r\nA: a\r\r\nB: \r\r\r\n\n"),
])  # fmt: skip
def test_encode(frame: Frame, wire: bytes) -> None:
    assert frame.encode() == wire


@given(st.binary().filter(lambda value: b"\n" not in value and not value.endswith(b"\r")))
def test_any_bytes_of_one_line_survive(value: bytes) -> None:
    wire = b"FASPMGR 2\nType: X\nFile: " + value + b"\nSize: 1\n\n"
    assert [frame.encode() for frame in Tokenizer(strict=True).feed(wire)] == [wire]


@given(st.text(st.sampled_from("a\r: \udc80"), max_size=8), st.text(st.sampled_from("a\r: \udc80"), max_size=8))
def test_what_is_written_is_read_again(type: str, text: str) -> None:
    frame = Frame(f"X{type}", {"A": text, "B": "1"})
    assert Tokenizer().feed(frame.encode() * 2) == [frame] * 2


NO_NAMES = ["", "Type", "a b", "a:", "a:b", "a\n", "a\nType", "Größe", "a\tb", "a\x1b", "\udcff", "a" * 101]
LINE_BREAKS = ["\n", "a\nType: DONE", "a\r\nb", "a\n", "\r\n"]


@pytest.mark.parametrize(("frame", "message"), [
    *((Frame("X", {"Cookie": text}), "line break") for text in LINE_BREAKS),
    *((Frame(f"X{text}", {}), "line break") for text in LINE_BREAKS),
    *((Frame("X", {name: "1"}), "not a field name") for name in NO_NAMES), (Frame("", {"File": "a"}), "type"),
    (Frame("X", {"File": "\ud800"}), "surrogate"),
])  # fmt: skip
def test_what_cannot_be_encoded(frame: Frame, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        frame.encode()


# -- equality


def test_equal() -> None:
    assert Frame("X", {"A": "1", "B": "2"}) == Frame("X", {"A": "1", "B": "2"})
    assert learnt() == Frame("STATS", STATS_FIELDS)
    assert Frame("STATS", STATS_FIELDS) == learnt()


# fmt: off
OTHERS: list[object] = [
    Frame("Y", {"A": "1", "B": "2"}), Frame("X", {"A": "1"}), Frame("X", {"A": "1", "B": "2", "C": "3"}),
    Frame("X", {"A": "1", "B": "3"}), Frame("X", {"B": "2", "A": "1"}), Frame("X", {"A": "1", "B": "2"}, version=4),
    ("X", {"A": "1", "B": "2"}, 2), None,
]
# fmt: on


@pytest.mark.parametrize("other", OTHERS)
def test_not_equal(other: object) -> None:
    frame = Frame("X", {"A": "1", "B": "2"})
    assert frame != other
    assert (frame == other) is False
    assert frame == mock.ANY  # another class may have its say


def test_not_hashable() -> None:
    with pytest.raises(TypeError):
        hash(Frame("X", {}))


def test_a_changed_field_counts() -> None:
    frame = learnt()
    frame.fields["Size"] = "1"
    del frame.fields["Cookie"]
    assert frame == Frame("STATS", {"File": "a: b.txt", "Size": "1"})
    assert frame.encode() == b"FASPMGR 2\nType: STATS\nFile: a: b.txt\nSize: 1\n\n"


# -- repr, copies


def test_repr() -> None:
    assert repr(Frame("STOP", {"File": "a"}, 4)) == "Frame('STOP', {'File': 'a'}, version=4)"
    assert repr(learnt()) == "Frame('STATS', {'File': 'a: b.txt', 'Size': '6162042', 'Cookie': ''}, version=2)"


@pytest.mark.parametrize("frame", [learnt(), Frame("X", {"File": "\udcff", "A": ""}, version=3), Frame("NOP", {})])
def test_copies_are_equal_and_apart(frame: Frame) -> None:
    for again in (copy.copy(frame), copy.deepcopy(frame), pickle.loads(pickle.dumps(frame))):
        assert again == frame
        assert again is not frame
    other = copy.deepcopy(frame)
    other.fields["New"] = "1"
    assert "New" not in frame.fields


# -- places


def test_where_a_field_stands() -> None:
    assert Frame("X", {"A": "1", "B": "2"}).place_of(1) == (0, 1)
    stream = "FASPMGR 2\nType: STATS\nFile: \u00fc\nSize: 1\n\n".encode()  # 40 bytes, 5 lines; \u00fc has two
    for number, frame in enumerate(Tokenizer().feed(stream * 5)):
        assert frame.place_of(0) == (40 * number + 22, 5 * number + 3)
        assert frame.place_of(1) == (40 * number + 31, 5 * number + 4)
