from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faspmgr.protocol import layouts
from faspmgr.protocol.events import StatsEvent, make_event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.layouts import Layout, Layouts
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.tokenizer import Tokenizer
from tests.invariants import NEVER, Outcome, pieces, read

NAMES = ("File", "Size", "FileBytes", "Cookie", "Elapsedusec", "New")
TEXTS = ("a: b.txt", "6162042", "5736852", "", "0", "x")


def message(names: tuple[str, ...] = NAMES, texts: tuple[str, ...] = TEXTS, type: str = "STATS") -> bytes:
    lines = [f"{name}: {text}\n" for name, text in zip(names, texts)]
    return f"FASPMGR 2\nType: {type}\n{''.join(lines)}\n".encode("utf-8", "surrogateescape")


def learnt(data: bytes) -> list[bool]:
    """For each frame of a stream: was it matched with a learnt layout?"""
    return [bool(frame.texts) for frame in Tokenizer().feed(data)]


# -- what is learnt


def test_a_layout_is_learnt_when_it_recurs() -> None:
    assert learnt(message() * 5) == [False, False, False, True, True]


def test_a_learnt_message_reads_as_before() -> None:
    frames = Tokenizer().feed(message() * 4 + message(texts=("b\udcff", "1", "2", "3", "4", "5")))
    assert frames[:4] == [Frame("STATS", dict(zip(NAMES, TEXTS)))] * 4
    assert frames[4] == Frame(
        "STATS", {"File": "b\udcff", "Size": "1", "FileBytes": "2", "Cookie": "3", "Elapsedusec": "4", "New": "5"}
    )
    assert frames[4].fields["File"] == "b\udcff"


OTHER = b"FASPMGR 2\nType: STATS\nFile: a\nSize: 1\nFileBytes: 1\nCookie: \nElapsedusec: 0\nNew: x\n\n"
# Each once in the message above, and what stands there instead: then it has no layout that was learnt.
DIFFERENCES = [
    (b"FileBytes: 1\nCookie: \nElapsedusec: 0\nNew: x\n", b""),
    (b"New: x\n", b""),
    (b"New: x\n", b"New: x\nMore: y\n"),
    (b"File: a\nSize: 1\n", b"Size: 1\nFile: a\n"),
    (b"STATS", b"STOP"),
    (b"FASPMGR 2", b"FASPMGR 3"),
    (b"File: a", b"File:a"),
    (b"Cookie: ", b"Cookie:"),
    (b"New: x", b"noise\nNew: x"),
    (b"New: x\n", b"New: x\nSize: 1\n"),
    (b"Size: 1", b"Size: x"),
    (b"Size: 1", b"Size: "),
    (b"Size: 1", b"Size: 18446744073709551616"),
    (b"FileBytes: 1", b"FileBytes: 1:2"),
]


@pytest.mark.parametrize(("part", "instead"), DIFFERENCES)
def test_what_differs_goes_line_by_line(part: bytes, instead: bytes) -> None:
    assert OTHER.count(part) == 1
    data = message() * 4 + OTHER + OTHER.replace(part, instead) + message()
    assert learnt(data) == [False, False, False, True, True, False, True]


def test_only_a_message_with_a_cr_goes_line_by_line() -> None:
    other = message().replace(b"6162042", b"6162042\r")
    reader = Tokenizer()
    frames = reader.feed(message() * 4) + reader.feed(message() + other + message())
    assert [bool(frame.texts) for frame in frames] == [False, False, False, True, True, False, True]
    assert [problem.kind for problem in reader.problems] == ["crlf"]


def test_several_layouts_of_one_type() -> None:
    short = message(NAMES[:3], TEXTS[:3])
    swapped = message(("Size", "File", "FileBytes"), ("1", "a", "2"))
    stream = (short + swapped + message()) * 5
    assert learnt(stream) == [False] * 9 + [True] * 6
    frames = Tokenizer().feed(stream)
    assert frames[-3:] == frames[:3]


@pytest.mark.parametrize(
    "data",
    [
        b"FASPMGR 2\nType: NOP\n\n",  # nothing to cut
        b"FASPMGR 2\nFile: a\nType: STATS\n\n",  # Type is not in front
        b"FASPMGR 3\nType: STATS\nFile: a\n\n",
        b"FASPMGR 2\nType: STATS\nFile:\n\n",
        b"FASPMGR 2\nType: STATS\nFile: a\nnoise\n\n",
        b"FASPMGR 2\nType: STATS\nFile: a\nFile: a\n\n",
        b"Type: STATS\nFile: a\n\n",
    ],
)
def test_what_is_not_clean_is_not_learnt(data: bytes) -> None:
    assert not any(learnt(data * 10))


# -- the pattern of a layout


def matches(texts: tuple[str, ...]) -> tuple[str, ...] | None:
    layout = Layout("STATS", NAMES)
    match = layout.pattern.fullmatch(message(texts=texts).decode("utf-8", "surrogateescape"))
    return match.groups() if match else None


@pytest.mark.parametrize(
    "texts",
    [
        TEXTS,
        ("", "0", "0", "", "0", ""),
        ("File: a", "9999999999999999999", "007", "FASPMGR 2", "1", "Type: STATS"),
        ("\udcff\u2028\x85\x0c", "1", "1", " ", "1", "\t"),
    ],
)
def test_a_pattern_cuts_out_the_texts(texts: tuple[str, ...]) -> None:
    assert matches(texts) == texts


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1 ", "1_0", "٣", "1.0", "18446744073709551616"])
def test_a_pattern_takes_only_digits_for_integers(text: str) -> None:
    assert matches(("a", text, "1", "", "1", "")) is None
    assert matches(("a", "1", text, "", "1", "")) is None


def test_names_are_literal() -> None:
    names = ("A.B", "C+", "[x]", "(y)", "^$", "a|b", "\\d")
    stream = message(names, tuple("1234567"), type="T.*(x)?") * 5
    assert learnt(stream) == [False, False, False, True, True]
    other = message(("AxB", *names[1:]), tuple("1234567"), type="T.*(x)?")
    assert Tokenizer().feed(stream + other)[-1].fields["AxB"] == "1"


# -- bounds


def test_the_number_of_layouts_is_bounded() -> None:
    found = Layouts()
    for number in range(100):
        for _ in range(5):
            found.learn(f"T{number}", {"File": "a"})
    known = [number for number in range(100) if f"FASPMGR 2\nType: T{number}" in found.by_start]
    assert known == list(range(32))


def test_the_number_of_candidates_is_bounded() -> None:
    found = Layouts()
    for number in range(1000):
        found.learn(f"T{number}", {"File": "a"})
    for number, known in {0: True, 255: True, 256: False, 999: False}.items():
        for _ in range(5):
            found.learn(f"T{number}", {"File": "a"})
        assert (f"FASPMGR 2\nType: T{number}" in found.by_start) is known


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


def outcomes(data: bytes, cuts: list[int], limit: int = 1 << 20) -> list[tuple[Outcome, Outcome]]:
    """What a Tokenizer and a Parser make of a stream: when they learn at once, as usual, and never."""
    parts = pieces(data, cuts)
    results = []
    for sightings in (1, 3, NEVER):
        with mock.patch.object(layouts, "SIGHTINGS", sightings):
            frames = read(Tokenizer(max_frame_bytes=limit), parts)
            results.append((frames, read(Parser(max_frame_bytes=limit), parts)))
    return results


def test_fixtures_read_the_same_without_learning(capture: Path) -> None:
    data = capture.read_bytes() * 5
    learning, usual, plain = outcomes(data, [])
    assert learning == usual == plain
    assert plain[0].results


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
@settings(max_examples=500)
def test_messages_that_recur_with_a_difference(data: bytes, cuts: list[int], limit: int) -> None:
    learning, usual, plain = outcomes(data, cuts, limit)
    assert learning == plain
    assert usual == plain


# -- how an event is made of a layout


@pytest.mark.parametrize(
    ("type", "names", "planned"),
    [
        ("STATS", ("File", "Size", "FileBytes", "SessionId"), True),
        ("DONE", ("Loss",), True),
        ("STATS", ("File", "Stalled"), False),  # a boolean needs to be looked at
        ("STATS", ("File", "Cookie"), False),  # no attribute of the class
        ("STATS", ("File", "New"), False),
        ("NOP", ("File",), False),
    ],
)
def test_which_layouts_have_a_plan(type: str, names: tuple[str, ...], planned: bool) -> None:
    assert (Layout(type, names).make_event is not None) is planned


def test_a_plan_makes_the_event_and_leaves_escapes_alone() -> None:
    make = Layout("STATS", ("File", "Size")).make_event
    assert make is not None
    frame = Frame("STATS", None, 2, ("File", "Size"), ("a", "007"))
    assert make(frame) == make_event(frame) == StatsEvent(file="a", size=7)
    assert make(Frame("STATS", None, 2, ("File", "Size"), ("a\x1bnb", "7"))) is None


@pytest.mark.parametrize(("count", "length", "expected"), [(128, 100, True), (129, 100, False), (128, 101, False)])
def test_the_largest_layout_that_is_learnt(count: int, length: int, expected: bool) -> None:
    names = tuple(f"F{number}" for number in range(count))
    assert learnt(message(names, ("",) * count, type="T" * length) * 4) == [False, False, False, expected]
