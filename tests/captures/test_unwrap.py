"""Messages inside of other logs."""

from __future__ import annotations

import io
import re
import tracemalloc
import warnings
import zlib
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.captures import pump
from faspmgr.captures.unwrap import Unwrapper
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser, parse
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES, Tokenizer
from faspmgr.reading import read
from tests.captures.streams import results_until_error, sizes

# The examples of the vendor's document, in its order: the names of fixtures/examples/.
EXAMPLES = "init session notification-rate notification-job-size stats stop skip argstop done fileerror error"


def problems_of(source: Path | io.BytesIO, unwrap: Any) -> tuple[list[Event], list[Any]]:
    parser = Parser()
    events = [event for results in pump(source, parser, unwrap=unwrap) for event in results]
    return events, list(parser.problems)


@pytest.mark.parametrize("unwrap", ["bullets", "auto", True])
def test_bullets_of_a_document(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "documents" / "aspera-events.txt", unwrap)
    assert problems == []
    for name, event in zip([*EXAMPLES.split(), "start-file", "stop-file"], events, strict=True):
        assert [event] == parse((fixtures / "examples" / f"{name}.fasp").read_bytes())


LINE_PATTERNS = [re.compile(r"LINE=\[(.*)\]", re.IGNORECASE), re.compile(rb"=\[(.*)\]")]


@pytest.mark.parametrize("unwrap", ["brackets", "auto", True, r"line=\[(.*)\]$", *LINE_PATTERNS], ids=str)
def test_brackets_of_a_log(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "logs" / "manager-line.log", unwrap)
    expected = parse((fixtures / "logs" / "manager-line.fasp").read_bytes())
    assert len(expected) == 6
    assert events == expected
    assert problems == []


def unwrapped(text: str, unwrap: Any) -> list[Event]:
    return list(read(io.BytesIO(text.encode()), unwrap=unwrap))


def bracketed(*lines: str) -> str:
    return "".join(f"line=[{line}]\n" for line in lines)


FORMATS = ("auto", "bullets", "brackets", "x(.*)")
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
    **{f"no messages, {unwrap}": (unwrap, "hello\n- world\n\n[FASPMGR 2]\n", []) for unwrap in FORMATS},
}


@pytest.mark.parametrize(("unwrap", "log", "expected"), LOGS.values(), ids=LOGS)
def test_unwrap_formats(unwrap: str, log: str, expected: list[int]) -> None:
    assert sizes(unwrapped(log, unwrap)) == expected


def test_unwrap_log_that_breaks_off() -> None:
    events, problems = problems_of(io.BytesIO(bracketed(*ONE, "", *ONE).encode()), "brackets")
    assert (sizes(events), [problem.kind for problem in problems]) == ([1], ["unfinished"])


def test_unwrap_place_of_a_problem() -> None:
    log = b"start\nline=[FASPMGR 2]\nother\nline=[Type: STATS]\nline=[Size: many]\nline=[]\n"
    _events, (problem,) = problems_of(io.BytesIO(log), "brackets")
    assert (problem.kind, problem.line, problem.offset) == ("value", 5, log.index(b"line=[Size"))


CUT = {  # a log whose last line has no line end: what stands before it, and the line
    "in the value of a field": ("L FASPMGR 2\nL Type: STOP\n", "L Size: 123"),
    "what would be an empty line": ("L FASPMGR 2\nL Type: STOP\nL Size: 123\n", "L "),
    "the next header": ("L FASPMGR 2\nL Type: STOP\nL Size: 123\n", "L FASPMGR 2"),
    "no line of the stream": ("L FASPMGR 2\nL Type: STOP\nL Size: 123\n", "somethi"),
    "a header alone": ("", "L FASPMGR 2"),
}


@pytest.mark.parametrize(("before", "last"), CUT.values(), ids=CUT)
@pytest.mark.parametrize("whole", ["", "L FASPMGR 2\nL Type: STOP\nL Size: 7\nL \n"], ids=["", "after another"])
def test_a_last_line_without_line_end_is_unfinished(before: str, last: str, whole: str) -> None:
    events, problems = problems_of(io.BytesIO(f"{whole}{before}{last}".encode()), "L (.*)")
    assert sizes(events) == ([7] if whole else [])
    line = whole.count("\n") + 1  # where the message begins
    assert [(problem.kind, problem.line, problem.offset) for problem in problems] == [("unfinished", line, len(whole))]


def test_last_line_of_a_list_without_line_end() -> None:
    log = b"- FASPMGR 2\n- Type: STOP\n- Size: 1\n\n- FASPMGR 2\n- Type: STOP\n- Size: 12"
    events, problems = problems_of(io.BytesIO(log), "auto")
    assert (sizes(events), [problem.kind for problem in problems]) == ([1], ["unfinished"])


@pytest.mark.parametrize("end", ["L \n", ""], ids=["with an empty line", "in a log that drops empty lines"])
def test_a_log_that_ends_in_a_complete_message(end: str) -> None:
    log = f"L FASPMGR 2\nL Type: STOP\nL Size: 123\n{end}"
    events, problems = problems_of(io.BytesIO(log.encode()), "L (.*)")
    assert (sizes(events), problems) == ([123], [])


def test_unwrap_damaged_log() -> None:
    """The end of the log would end the message, the place of the damage does not."""
    log = bracketed(*ONE, *TWO).encode()
    packer = zlib.compressobj(wbits=31)
    cut_off = packer.compress(log) + packer.flush(zlib.Z_SYNC_FLUSH)
    parser = Parser(strict=True)
    events, reason = results_until_error(io.BytesIO(cut_off), CaptureError, parser, unwrap="brackets")
    assert (sizes(events), reason) == ([1], "the gzip data is cut off")
    assert [problem.kind for problem in parser.problems] == ["unfinished"]


def test_unwrap_results_before_a_problem() -> None:
    log = bracketed(*ONE, "", "noise", *TWO, "").encode()
    with pytest.raises(ProtocolError) as raised:
        list(pump(io.BytesIO(log), Parser(strict=True), unwrap="brackets"))
    assert sizes(raised.value.results) == [1]


# No bytes can have such an expression, which is what a log is searched with.
INVALID = ["(", r"\u00e9", "(?u)x(.*)", "x{99999999999}", r"\1", "(" * 5000, re.compile(r"\u00e9"), re.compile("(?u)x")]


@pytest.mark.parametrize("unwrap", INVALID, ids=lambda unwrap: str(unwrap)[:30])
def test_unwrap_invalid_expression(unwrap: Any) -> None:
    with pytest.raises(ValueError, match=r"^invalid regular expression: '") as raised:
        unwrapped("", unwrap)
    assert len(str(raised.value)) < 200


@pytest.mark.parametrize("unwrap", [5, b"x", ["x"]], ids=str)
def test_unwrap_of_another_type(unwrap: Any) -> None:
    with pytest.raises(TypeError, match="unwrap must be text"):
        unwrapped("", unwrap)


def test_unwrap_expression_matches_bytes() -> None:
    log = "é FASPMGR 2\né Type: STATS\né Size: 3\né \n"
    assert sizes(unwrapped(log, "é (.*)")) == sizes(unwrapped(log, re.compile("É (.*)".lower()))) == [3]
    # A byte that is no UTF-8, as a command line has it.
    data = b"".join(b"\xff " + line + b"\n" for line in (b"FASPMGR 2", b"Type: STATS", b"Size: 4", b""))
    assert sizes(list(read(io.BytesIO(data), unwrap="\udcff (.*)"))) == [4]


def test_unwrap_expression_without_warning() -> None:
    with warnings.catch_warnings(action="error"):
        assert unwrapped("", "[[a]") == []


def test_file_names_that_are_not_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line=[FASPMGR 2]\nline=[Type: STATS]\nline=[File: Br\xfcssel]\nline=[]\n")
    (event,) = read(path, unwrap="auto")
    assert event.file == "Br\udcfcssel"  # type: ignore[attr-defined]


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_unwrap_pieces_cut_anywhere(cuts: list[int]) -> None:
    data = (Path(__file__).parents[2] / "fixtures" / "logs" / "manager-line.log").read_bytes()
    places = [0, *sorted(cuts), len(data)]
    whole, cut = Tokenizer(), Tokenizer()
    unwrapper, other = Unwrapper(whole, "auto"), Unwrapper(cut, "auto")
    frames = unwrapper.feed(data) + unwrapper.close()
    pieces = [frame for start, end in pairwise(places) for frame in other.feed(data[start:end])]
    assert pieces + other.close() == frames
    assert len(frames) == 6


def test_unwrap_memory_of_a_line_without_end() -> None:
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


LONG = b"x" * (MAX_FRAME_BYTES + 1)
OVERSIZED = {  # where the line stands that is too long, and the place of what is reported
    "a field of a message": (b"L FASPMGR 2\nL Type: STOP\nL File: " + LONG + b"\nL Size: 5\nL \n", 1),
    "another log line amid a message": (b"L FASPMGR 2\nL Type: STOP\n" + LONG + b"\nL Size: 5\nL \n", 1),
    "between messages": (LONG + b"\n", 1),
    "a header": (b"L " + LONG + b" FASPMGR 2\nL Type: STOP\nL Size: 5\nL \n", 1),
}


@pytest.mark.parametrize("step", [1 << 16, 8 << 20], ids=["in pieces", "at once"])
@pytest.mark.parametrize("ended", [b"\n", b""], ids=["", "as the last line"])
@pytest.mark.parametrize(("long", "line"), OVERSIZED.values(), ids=OVERSIZED)
def test_oversized_line_drops_its_message(long: bytes, line: int, ended: bytes, step: int) -> None:
    one, two = (b"L FASPMGR 2\nL Type: STOP\nL Size: %d\nL \n" % size for size in (1, 2))
    log = one + (long + two if ended else long[: long.rindex(b"x") + 1])
    parser = Parser()
    unwrapper = Unwrapper(parser, "L (.*)")
    events = [event for at in range(0, len(log), step) for event in unwrapper.feed(log[at : at + step])]
    assert sizes(events + unwrapper.close()) == ([1, 2] if ended else [1])
    (problem,) = parser.problems
    assert (problem.kind, problem.line, problem.offset) == ("oversized", 4 + line, len(one))


def test_oversized_line_ends_a_list() -> None:
    log = b"- FASPMGR 2\n- Type: STOP\n- Size: 1\n" + LONG + b"\n- FASPMGR 2\n- Type: STOP\n- File: " + LONG + b"\n"
    events, problems = problems_of(io.BytesIO(log), "bullets")
    assert sizes(events) == [1]
    assert [problem.kind for problem in problems] == ["oversized"]


def test_limit_of_lines_and_of_messages() -> None:
    log = b"L FASPMGR 2\nL Type: STOP\nL File: " + LONG + b"\nL Size: 5\nL \n"
    parser = Parser(max_frame_bytes=2 * MAX_FRAME_BYTES)
    unwrapper = Unwrapper(parser, "L (.*)")
    assert sizes(unwrapper.feed(log)) == [5]
    low = Parser(max_frame_bytes=40)  # a message of 40 bytes, in lines with a long prefix
    unwrapper = Unwrapper(low, "line=(.*)")
    prefix = b"x" * 100 + b" line="
    lines = (b"FASPMGR 2", b"Type: STOP", b"Size: 5", b"")
    assert sizes(unwrapper.feed(b"".join(prefix + line + b"\n" for line in lines))) == [5]
    assert not [*parser.problems, *low.problems]


@pytest.mark.parametrize("unwrap", ["brackets", "auto"])
@pytest.mark.parametrize(
    ("last", "file"),
    [
        ("line=[File: /a]", "/a"),
        ("line=[File: /a] thread=[main]", "/a"),
        ("line=[File: /a]\tthread=[main] user.name=[root]", "/a"),
        ("line=[File: /a[1].txt] thread=[main]", "/a[1].txt"),
        ("line=[File: /a] b] done", "/a] b"),
    ],
)
def test_brackets_before_other_fields(last: str, file: str, unwrap: str) -> None:
    head = "app: line=[FASPMGR 2] thread=[main]\napp: line=[Type: STOP] thread=[main]\n"
    [event] = unwrapped(f"{head}app: {last}\napp: line=[] thread=[main]\n", unwrap)
    assert event.to_dict() == {"type": "STOP", "file": file}


@pytest.mark.parametrize("unwrap", ["brackets", "auto"])
@pytest.mark.parametrize("rest", ["line=[" * 170_000, "line=[" + "]" * 1_000_000, "line=[]" + " " * 1_000_000])
def test_brackets_in_a_line_of_many_brackets(rest: str, unwrap: str) -> None:
    """Time in proportion to the line: a search from each bracket to the end of the line would take minutes."""
    assert unwrapped(f"app: {rest}\napp: line=[FASPMGR 2]\napp: line=[Type: DONE]\napp: line=[]\n", unwrap) == parse(
        b"FASPMGR 2\nType: DONE\n\n"
    )
