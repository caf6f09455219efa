from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import Event, make_event
from faspmgr.protocol.layouts import Layouts, event_layout
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.tokenizer import StreamReader, Tokenizer
from tests.invariants import check, read_by_line, was_matched

NAMES = ("File", "Size", "FileBytes", "Cookie", "Elapsedusec", "New")
TEXTS = ("a: b.txt", "6162042", "5736852", "", "0", "x")


def message(names: tuple[str, ...] = NAMES, texts: tuple[str, ...] = TEXTS, type: str = "STATS") -> bytes:
    lines = [f"{name}: {text}\n" for name, text in zip(names, texts)]
    return f"FASPMGR 2\nType: {type}\n{''.join(lines)}\n".encode("utf-8", "surrogateescape")


def learnt(data: bytes, make_reader: Callable[[], StreamReader[Any]] = Tokenizer) -> list[bool]:
    """For each message of a stream: was it matched with a learnt layout?"""
    return [was_matched(result) for result in make_reader().feed(data)]


# -- what is learnt


def test_a_layout_is_learnt_when_it_recurs() -> None:
    assert learnt(message() * 5) == [False, False, False, True, True]


OTHER = b"FASPMGR 2\nType: STATS\nFile: a\nSize: 1\nFileBytes: 1\nCookie: \nElapsedusec: 0\nNew: x\n\n"
# Each once in the message above, and what stands there instead: then it has no layout that was learnt.
DIFFERENCES = [
    (b"FileBytes: 1\nCookie: \nElapsedusec: 0\nNew: x\n", b""), (b"New: x\n", b""), (b"New: x\n", b"New: x\nMore: y\n"),
    (b"File: a\nSize: 1\n", b"Size: 1\nFile: a\n"), (b"STATS", b"STOP"), (b"FASPMGR 2", b"FASPMGR 3"),
    (b"File: a", b"File:a"), (b"Cookie: ", b"Cookie:"), (b"New: x", b"noise\nNew: x"),
    (b"New: x\n", b"New: x\nSize: 1\n"),
]  # fmt: skip


@pytest.mark.parametrize("make_reader", [Tokenizer, Parser])
@pytest.mark.parametrize(("part", "instead"), DIFFERENCES)
def test_what_differs_goes_line_by_line(
    part: bytes, instead: bytes, make_reader: Callable[[], StreamReader[Any]]
) -> None:
    assert OTHER.count(part) == 1
    data = message() * 4 + OTHER + OTHER.replace(part, instead) + message()
    assert learnt(data, make_reader) == [False, False, False, True, True, False, True]


def test_several_layouts_of_one_type() -> None:
    short = message(NAMES[:3], TEXTS[:3])
    swapped = message(("Size", "File", "FileBytes"), ("1", "a", "2"))
    stream = (short + swapped + message()) * 5
    assert learnt(stream) == [False] * 9 + [True] * 6
    frames = Tokenizer().feed(stream)
    assert frames[-3:] == frames[:3]


@pytest.mark.parametrize("data", [
    b"FASPMGR 2\nType: NOP\n\n",  # nothing to cut
    b"FASPMGR 2\nFile: a\nType: STATS\n\n",  # Type is not in front
    b"FASPMGR 3\nType: STATS\nFile: a\n\n", b"FASPMGR 2\nType: STATS\nFile:\n\n",
    b"FASPMGR 2\nType: STATS\nFile: a\nnoise\n\n", b"FASPMGR 2\nType: STATS\nFile: a\nFile: a\n\n",
    b"Type: STATS\nFile: a\n\n",
])  # fmt: skip
def test_what_is_not_clean_is_not_learnt(data: bytes) -> None:
    assert not any(learnt(data * 10))


# -- the texts that match

# Type, name and text of a field, and whether a learnt layout reads it: only where the value has no other text.
VALUES = [
    ("STATS", "File", "a: b.txt", True), ("STATS", "File", "", True), ("STATS", "File", "a\tb", True),
    ("STATS", "File", "gr\xfc\xdfe \u4e16\u754c.txt", True), ("STATS", "File", "caf\udce9.txt", True),
    ("STATS", "File", "a\x1bnb", False),  # an escape to undo
    ("STATS", "Size", "0", True), ("STATS", "Size", "9223372036854775807", True),
    ("STATS", "Size", "99999999999999999999", False), ("STATS", "Size", "007", False), ("STATS", "Size", "", False),
    ("STATS", "Size", "x", False), ("STATS", "FileBytes", "7", True), ("STATS", "FileBytes", "1:2", False),
    ("STATS", "Stalled", "Yes", True), ("STATS", "Stalled", "No", True), ("STATS", "Stalled", "yes", False),
    ("STATS", "New", "anything: \x1b", True),
    ("STATS", "Rate", "100", True),  # of the table, but not of this class: kept as text, if it is a value
    ("STATS", "Rate", "fast", False), ("STATS", "PMTU", "1500", True), ("STATS", "PMTU", "x", False),
    ("STATS", "Encryption", "No", True), ("STATS", "Encryption", "1", False), ("NOP", "File", "a", True),
    ("NOP", "SessionId", "s", True), ("SESSION", "Rate", "100000", True), ("SESSION", "Rate", "50%", True),
    ("SESSION", "Rate", "0100", False), ("SESSION", "Rate", "fast", False), ("SESSION", "Adaptive", "Fixed", True),
    ("SESSION", "Adaptive", "fixed", False), ("SESSION", "Direction", "Receive", True),
    ("SESSION", "Direction", "Both", False), ("SESSION", "Token", "ATV7_s3cret", True),
    ("SESSION", "Source", "/a\t/b", True), ("SESSION", "Source", "/a\x1bnb\t/b", True),
    ("SESSION", "Source", "/a\x1bxb", False),  # its ESC would be written as two
    ("SESSION", "Tags", '{"aspera":{"xfer_id":"x"}}', True), ("SESSION", "Tags", '{"aspera": 1}', False),
    ("SESSION", "Tags", '{"a":1,"a":2}', False), ("SESSION", "Tags", "{", False),
]  # fmt: skip
NUMBERS = dict.fromkeys(("Size", "FileBytes", "Rate", "PMTU"), "1")
WORDS = {"Stalled": "No", "Encryption": "Yes", "Adaptive": "Adaptive", "Direction": "Send", "Tags": "{}"}


@pytest.mark.parametrize(("type", "name", "text", "expected"), VALUES)
def test_which_values_a_layout_reads(type: str, name: str, text: str, expected: bool) -> None:
    names = ("Loss", name, "UserStr")
    usual = message(names, ("1", {**NUMBERS, **WORDS}.get(name, "z"), "u"), type)
    data = usual * 4 + message(names, ("12", text, "uu"), type) + usual
    parser, plain = Parser(), read_by_line(data, 1 << 20).results
    events = parser.feed(data)
    assert [was_matched(event) for event in events] == [False, False, False, True, expected, True]
    # Whichever way it goes, the event is the one that is made field by field, and its message as it was.
    assert events == [make_event(frame) for frame in plain]
    assert [typed(event) for event in events] == [typed(make_event(frame)) for frame in plain]
    assert [event.to_frame() for event in events] == plain


def typed(event: Event) -> list[Any]:
    """The attributes of an event with their types: True is not 1 here."""
    found = [getattr(event, attribute.name) for attribute in attrs.fields(event.__class__) if attribute.eq]
    return [(value.__class__, value) for value in found]


def test_names_are_literal() -> None:
    names = ("A.B", "C+", "[x]", "(y)", "^$", "a|b", "\\d")
    stream = message(names, tuple("1234567"), type="T.*(x)?") * 5
    assert learnt(stream) == [False, False, False, True, True]
    other = message(("AxB", *names[1:]), tuple("1234567"), type="T.*(x)?")
    assert Tokenizer().feed(stream + other)[-1].fields["AxB"] == "1"


# -- bounds


def test_the_number_of_layouts_is_bounded() -> None:
    found = Layouts(event_layout)
    for number in range(100):
        for _ in range(5):
            found.learn(f"T{number}", {"File": "a"})
    assert [layout.message_type for layout in found.known] == [f"T{number}" for number in range(32)]


def test_the_number_of_candidates_is_bounded() -> None:
    found = Layouts(event_layout)
    for number in range(1000):
        found.learn(f"T{number}", {"File": "a"})
    for number, known in {0: True, 255: True, 256: False, 999: False}.items():
        for _ in range(5):
            found.learn(f"T{number}", {"File": "a"})
        assert (f"T{number}" in [layout.message_type for layout in found.known]) is known


def long_type(number: int) -> bytes:
    return message(("File",), ("a",), type=f"{number:03}" * 10_000)


def many_names(number: int) -> bytes:
    names = tuple(f"{number}x{at:080}" for at in range(500))
    return message(names, ("",) * 500)


@pytest.mark.parametrize("hostile", [long_type, many_names])
@pytest.mark.parametrize(("recur", "count"), [(1, 100), (4, 20)])
def test_what_is_learnt_takes_little_memory(hostile: Callable[[int], bytes], recur: int, count: int) -> None:
    reader = Tokenizer(max_frame_bytes=200_000)
    reader.feed(hostile(0) * recur)
    tracemalloc.start()
    try:
        for number in range(1, count):
            reader.feed(hostile(number) * recur)
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000


# -- what is learnt makes no difference


# fmt: off
LINES = st.sampled_from([
    b"FASPMGR 2", b"FASPMGR 3", b"Type: STATS", b"Type: STOP", b"Type:STATS", b"File: a", b"File: b\x1bnc",
    b"File: \xff", b"File: aFASPMGR 2", b"File:a", b"Size: 1", b"Size: x", b"Size: ", b"Size:",
    b"Size: 18446744073709551615", b"Size: 99999999999999999999", b"FileBytes: 1:2", b"Encryption: Yes",
    b"Encryption: 1", b"New: \r", b"noise", b"",
])
CLEAN = st.sampled_from([
    b"FASPMGR 2\nType: STATS\nFile: a\nSize: 1\n", b"FASPMGR 2\nType: STATS\nSize: 1\nFile: b\x1bnc\n",
    b"FASPMGR 2\nType: STATS\nFile: \xff\nSize: 12\nNew: \n",
    b"FASPMGR 2\nType: STOP\nFile: a\nFileBytes: 7\nEncryption: No\n",
])
# fmt: on
BETWEEN = st.sampled_from([b"noise\n\n", b"noise\n", b"\n", b"\n\n", b"Type: STOP\nFile: a\n\n", b"FASPMGR 2\n\n"])


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Messages that recur, some of them with a line more or less, some with something else behind them."""
    parts = []
    for block in draw(st.lists(CLEAN, min_size=1, max_size=12)):
        lines = block.split(b"\n")
        if draw(st.integers(0, 3)) == 0:
            at = draw(st.integers(0, len(lines)))
            lines[at : at + draw(st.integers(0, 1))] = draw(st.lists(LINES, max_size=2))
        parts.append(b"\n".join([*lines, b""]))
        if draw(st.integers(0, 3)) == 0:
            parts.append(draw(BETWEEN))
    return b"".join(parts)


@given(streams(), st.lists(st.integers(0, 1000), max_size=3), st.sampled_from([1 << 20, 45, 40]))
def test_messages_that_recur_with_a_difference(data: bytes, cuts: list[int], limit: int) -> None:
    check(data, cuts, limit)


@pytest.mark.parametrize(("count", "length", "expected"), [(128, 100, True), (129, 100, False), (128, 101, False)])
def test_the_largest_layout_that_is_learnt(count: int, length: int, expected: bool) -> None:
    names = tuple(f"F{number}" for number in range(count))
    assert learnt(message(names, ("",) * count, type="T" * length) * 4) == [False, False, False, expected]
