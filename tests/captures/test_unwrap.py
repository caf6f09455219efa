"""Messages inside of other logs."""

from __future__ import annotations

import io
import re
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.captures import pump
from faspmgr.captures.unwrap import Unwrapper
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser, parse
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.reading import read
from tests.captures.streams import sizes

# The examples of the vendor's document, in its order: the names of fixtures/examples/.
EXAMPLES = "init session notification-rate notification-job-size stats stop skip argstop done fileerror error"


def problems_of(source: Path, unwrap: Any) -> tuple[list[Event], list[Any]]:
    parser = Parser()
    events = [event for results in pump(source, parser, unwrap=unwrap) for event in results]
    return events, list(parser.problems)


@pytest.mark.parametrize("unwrap", ["bullets", "auto", True])
def test_the_examples_of_the_document(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "documents" / "aspera-events.txt", unwrap)
    assert problems == []
    for name, event in zip([*EXAMPLES.split(), "start-file", "stop-file"], events, strict=True):
        assert [event] == parse((fixtures / "examples" / f"{name}.fasp").read_bytes())


LINE_PATTERNS = [re.compile(r"LINE=\[(.*)\]", re.IGNORECASE), re.compile(rb"=\[(.*)\]")]


@pytest.mark.parametrize("unwrap", ["brackets", "auto", True, r"line=\[(.*)\]$", *LINE_PATTERNS], ids=str)
def test_a_log_with_a_line_of_the_stream_in_each_line(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "logs" / "manager-line.log", unwrap)
    expected = parse((fixtures / "logs" / "manager-line.fasp").read_bytes())
    assert len(expected) == 6
    assert events == expected
    assert problems == []


def unwrapped(text: str, unwrap: Any) -> list[Event]:
    return list(read(io.BytesIO(text.encode()), unwrap=unwrap))


def bracketed(*lines: str) -> str:
    return "".join(f"line=[{line}]\n" for line in lines)


WAYS = ("auto", "bullets", "brackets", "x(.*)")
ONE, TWO = (("FASPMGR 2", "Type: STATS", f"Size: {size}") for size in (1, 2))
LOGS: dict[str, tuple[str, str, list[int]]] = {
    "no group: the match": (r"(?<=app: ).*", "app: FASPMGR 2\napp: Type: STATS\napp: Size: 3\napp: \n", [3]),
    "a group without a match: an empty line": (
        r"^>(?: (.*))?$",
        "> FASPMGR 2\n> Type: STATS\n> Size: 3\n>\n> noise\n",
        [3],
    ),
    "other lines": ("^m (.*)", "m FASPMGR 2\nelse\nm Type: STATS\n\nm Size: 3\nelse\nm \n", [3]),
    "no empty lines: the next header and the end of the log end a message": ("brackets", bracketed(*ONE, *TWO), [1, 2]),
    "the end of a list ends the message": (
        "bullets",
        "Example:\n- FASPMGR 2\n- Type: STATS\n- Size: 1\nA sentence.\n- Type: no message\n- Size: 2\n",
        [1],
    ),
    "other bullets, CR LF": ("bullets", "  * FASPMGR 2\r\n  * Type: STATS\r\n  * Size: 1\r\n", [1]),
    **{f"no messages, {unwrap}": (unwrap, "hello\n- world\n\n[FASPMGR 2]\n", []) for unwrap in WAYS},
}


@pytest.mark.parametrize(("unwrap", "log", "expected"), LOGS.values(), ids=LOGS)
def test_logs(unwrap: str, log: str, expected: list[int]) -> None:
    assert sizes(unwrapped(log, unwrap)) == expected


def test_a_log_that_breaks_off() -> None:
    parser = Parser()
    source = io.BytesIO(bracketed(*ONE, "", *ONE).encode())
    events = [event for results in pump(source, parser, unwrap="brackets") for event in results]
    assert sizes(events) == [1]
    assert [problem.kind for problem in parser.problems] == ["unfinished"]


def test_problems_are_reported_with_the_place_in_the_log() -> None:
    log = b"start\nline=[FASPMGR 2]\nother\nline=[Type: STATS]\nline=[Size: many]\nline=[]\n"
    parser = Parser()
    list(pump(io.BytesIO(log), parser, unwrap="brackets"))
    (problem,) = parser.problems
    assert (problem.kind, problem.line, problem.offset) == ("value", 5, log.index(b"line=[Size"))


def test_a_pattern_must_be_a_regular_expression() -> None:
    with pytest.raises(ValueError, match="regular expression"):
        unwrapped("", "(")
    assert unwrapped("", re.compile("x")) == []


def test_file_names_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line=[FASPMGR 2]\nline=[Type: STATS]\nline=[File: Br\xfcssel]\nline=[]\n")
    (event,) = read(path, unwrap="auto")
    assert event.file == "Br\udcfcssel"  # type: ignore[attr-defined]


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_where_a_log_is_cut_makes_no_difference(cuts: list[int]) -> None:
    data = (Path(__file__).parents[2] / "fixtures" / "logs" / "manager-line.log").read_bytes()
    places = [0, *sorted(cuts), len(data)]
    whole, cut = Tokenizer(), Tokenizer()
    unwrapper, other = Unwrapper(whole, "auto"), Unwrapper(cut, "auto")
    frames = unwrapper.feed(data) + unwrapper.close()
    pieces = [frame for start, end in pairwise(places) for frame in other.feed(data[start:end])]
    assert pieces + other.close() == frames
    assert len(frames) == 6


def test_a_line_without_an_end_does_not_fill_memory() -> None:
    unwrapper = Unwrapper(Parser(), "auto")
    piece = bytes(100_000)
    tracemalloc.start()
    try:
        for _ in range(400):
            unwrapper.feed(piece)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20  # peak, of 40 MB: the limit of a message and a copy of it
    finally:
        tracemalloc.stop()
    log = b"\nline=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 9]\nline=[]\n"
    assert sizes(unwrapper.feed(log) + unwrapper.close()) == [9]
