from __future__ import annotations

import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.tokenizer import Tokenizer

STATS = b"FASPMGR 2\nType: STATS\nFile: a: b.txt\nSize: 6162042\nCookie: \n\n"


def learnt() -> Frame:
    """A frame as the tokenizer makes it of a layout it has learnt: without a dict of fields, for the time being."""
    frame = Tokenizer().feed(STATS * 4)[-1]
    assert frame.texts
    return frame


# -- encode


def test_encode() -> None:
    frame = Frame("STATS", {"File": "a: b.txt", "Size": "6162042", "Cookie": ""})
    assert frame.encode() == STATS


def test_encode_keeps_the_order_of_the_fields() -> None:
    assert Frame("X", {"B": "1", "A": "2"}).encode() == b"FASPMGR 2\nType: X\nB: 1\nA: 2\n\n"


def test_encode_without_fields() -> None:
    assert Frame("CANCEL", {}).encode() == b"FASPMGR 2\nType: CANCEL\n\n"


def test_encode_another_version() -> None:
    assert Frame("CLOSE", {"Destination": "/x"}, version=4).encode() == b"FASPMGR 4\nType: CLOSE\nDestination: /x\n\n"
    assert Frame("CLOSE", {"Destination": "/x"}, 4) == Frame("CLOSE", {"Destination": "/x"}, version=4)


def test_encode_what_the_tokenizer_learnt() -> None:
    assert learnt().encode() == STATS


def test_encode_utf_8() -> None:
    assert Frame("X", {"File": "Übersicht"}).encode() == b"FASPMGR 2\nType: X\nFile: \xc3\x9cbersicht\n\n"


def test_bytes_that_are_no_utf_8_survive() -> None:
    wire = b"FASPMGR 2\nType: X\nFile: Br\xfcssel \xff\xc3\x28\xed\xa0\x80\n\n"
    frame = Tokenizer().feed(wire)[0]
    assert frame.fields == {"File": "Br\udcfcssel \udcff\udcc3(\udced\udca0\udc80"}
    assert frame.encode() == wire


@given(st.binary().filter(lambda value: not {b"\n", b"\r"} & {value[at : at + 1] for at in range(len(value))}))
def test_any_bytes_of_one_line_survive(value: bytes) -> None:
    wire = b"FASPMGR 2\nType: X\nFile: " + value + b"\nSize: 1\n\n"
    assert [frame.encode() for frame in Tokenizer().feed(wire)] == [wire]


@pytest.mark.parametrize("text", ["\n", "a\nType: DONE", "a\r", "\ra", "a\r\nb", "a\n"])
def test_a_line_break_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line break"):
        Frame("X", {"Cookie": text}).encode()
    with pytest.raises(ValueError, match="line break"):
        Frame(f"X{text}", {}).encode()


@pytest.mark.parametrize("char", ["\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029", "\0", "\t"])
def test_what_ends_no_line_on_the_wire_is_no_line_break(char: str) -> None:
    frame = Frame("X", {"File": f"a{char}b", "Size": "1"})
    assert Tokenizer().feed(frame.encode()) == [frame]


@pytest.mark.parametrize(
    "name", ["", "Type", "a b", "a:", "a:b", "a\n", "a\nType", "Größe", "a\tb", "a\x1b", "\udcff", "a" * 101]
)
def test_what_is_no_field_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="not a field name"):
        Frame("X", {name: "1"}).encode()


def test_the_longest_field_name() -> None:
    assert Frame("X", {"a" * 100: "1"}).encode() == b"FASPMGR 2\nType: X\n" + b"a" * 100 + b": 1\n\n"


def test_a_message_needs_a_type() -> None:
    with pytest.raises(ValueError, match="type"):
        Frame("", {"File": "a"}).encode()


def test_text_that_no_bytes_decode_to_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        Frame("X", {"File": "\ud800"}).encode()


# -- equality


def test_equal() -> None:
    assert Frame("X", {"A": "1", "B": "2"}) == Frame("X", {"A": "1", "B": "2"})
    assert learnt() == Frame("STATS", {"File": "a: b.txt", "Size": "6162042", "Cookie": ""})
    assert Frame("STATS", {"File": "a: b.txt", "Size": "6162042", "Cookie": ""}) == learnt()


@pytest.mark.parametrize(
    "other",
    [
        Frame("Y", {"A": "1", "B": "2"}),
        Frame("X", {"A": "1"}),
        Frame("X", {"A": "1", "B": "2", "C": "3"}),
        Frame("X", {"A": "1", "B": "3"}),
        Frame("X", {"B": "2", "A": "1"}),
        Frame("X", {"A": "1", "B": "2"}, version=4),
        ("X", {"A": "1", "B": "2"}, 2),
        None,
    ],
)
def test_not_equal(other: object) -> None:
    assert Frame("X", {"A": "1", "B": "2"}) != other


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


@pytest.mark.parametrize(
    "fields",
    [
        {"Token": "s3cret"},
        {"Password": "s3cret"},
        {"AccessToken": "s3cret"},
        {"Tags": '{"aspera":{"token":"s3cret"}}'},
        {"Tags": '[{"password":["s3cret"]}]'},
        {"Tags": '{"token":"s3cret"'},
        {"Tags": '{"\\u0074oken":"s3cret"}'},
    ],
)
def test_repr_shows_no_secret(fields: dict[str, str]) -> None:
    frame = Frame("SESSION", {"User": "xfer", **fields})
    assert "s3cret" not in repr(frame)
    assert "'User': 'xfer'" in repr(frame)
    assert "***" in repr(frame)
    assert b"s3cret" in frame.encode()


@pytest.mark.parametrize("frame", [learnt(), Frame("X", {"File": "\udcff", "A": ""}, version=3), Frame("NOP", {})])
def test_copies_are_equal_and_apart(frame: Frame) -> None:
    for again in (copy.copy(frame), copy.deepcopy(frame), pickle.loads(pickle.dumps(frame))):
        assert again == frame
        assert again is not frame
    other = copy.deepcopy(frame)
    other.fields["New"] = "1"
    assert "New" not in frame.fields
