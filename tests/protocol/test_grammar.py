from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.grammar import MAX_FIELDS, Grammar
from faspmgr.protocol.problems import KINDS, Problem
from faspmgr.protocol.tokenizer import Tokenizer
from tests.invariants import Outcome, read, read_by_line, single_bytes
from tests.protocol.deviations import CASES, HEADER, NOP, QUERY, Case, nop, shown

Line = tuple[bytes, int, int] | tuple[bytes, int, int, bool]


def read_lines(lines: Iterable[Line], max_frame_bytes: int = 1 << 20) -> Outcome:
    """What the grammar makes of lines at places of our own choice."""
    problems: list[Problem] = []
    grammar = Grammar(problems.append, max_frame_bytes)
    frames = [frame for line in lines if (frame := grammar.read_line(*line))]
    grammar.end(1000, 100)
    return Outcome(frames, problems)


# -- what is clean


# fmt: off
FIELD_LINES: list[tuple[bytes, str]] = [
    (b"File: a: b.txt", "a: b.txt"), (b"File: a:b", "a:b"), (b"File: :", ":"), (b"File:  two", " two"),
    (b"File: end ", "end "), (b"File: ", ""), (b"File:", ""), (b"File:  ", " "), (b"File: \t", "\t"),
    (b"File: Type: STOP", "Type: STOP"), (b"File: FASPMGR 2", "FASPMGR 2"), (b"File: aFASPMGR 2", "aFASPMGR 2"),
    (b"File: \xc3\x9c", "Ü"), (b"File: \xff\xc3", "\udcff\udcc3"),
    (b"File: \x00\x1b\x0b\x0c\x1c\x85", "\x00\x1b\x0b\x0c\x1c\udc85"), (b"File: \xe2\x80\xa8", "\u2028"),
    (b"File: a\rb", "a\rb"),
]
# fmt: on


@pytest.mark.parametrize(("line", "value"), FIELD_LINES)
def test_a_field(line: bytes, value: str) -> None:
    data = HEADER + b"Type: NOP\nSize: 1\n" + line + b"\nCode: 2\n\n"
    assert read_by_line(data) == ([nop(Size="1", File=value, Code="2")], [])


def test_a_name_is_visible_ascii_without_a_colon() -> None:
    visible = "".join(chr(code) for code in range(33, 127) if chr(code) != ":")
    data = HEADER + f"Type: NOP\n{visible[:50]}: 1\n{visible[50:]}: 2\n{'x' * 100}: 3\n\n".encode()
    frame = Frame("NOP", {visible[:50]: "1", visible[50:]: "2", "x" * 100: "3"})
    assert read_by_line(data) == ([frame], [])


def test_type_may_stand_anywhere() -> None:
    data = HEADER + b"Size: 1\nType: NOP\nCode: 2\n\n"
    assert read_by_line(data) == ([nop(Size="1", Code="2")], [])


@pytest.mark.parametrize(("data", "clean"), [
    (NOP, True), (HEADER + b"Type: NOP\nFile: \nNew: x\n\n", True), (HEADER + b"File: a\nType: NOP\n\n", False),
    (HEADER + b"Type: NOP\nFile:\n\n", False), (HEADER + b"Type: NOP\nFile:a\n\n", False),
    (HEADER + b"Type: NOP\nnoise\n\n", False), (HEADER + b"Type: NOP\nFile: a\nFile: a\n\n", False),
    (HEADER + b"Type: NOP\nFile: a\r\n\n", False), (HEADER + b"Type: NOP\n\r\n", False),
    (b"FASPMGR 2\r\nType: NOP\n\n", False), (b"FASPMGR 3\nType: NOP\n\n", False), (b"Type: NOP\n\n", False),
    (HEADER + b"Type: STATS\nFile: a" + NOP, False),
])  # fmt: skip
def test_what_may_be_learnt(data: bytes, clean: bool) -> None:
    problems: list[Problem] = []
    grammar = Grammar(problems.append, 1 << 20)
    grammar.clean = not clean
    frames = [grammar.read_line(line, 0, 1) for line in data.split(b"\n")[:-1]]
    assert frames[-1] is not None
    assert grammar.clean is clean


# -- deviations


def test_every_kind_of_problem_has_a_case() -> None:
    kinds = {problem.split()[0] for case in CASES.values() for problem in case.problems}
    assert kinds | {"oversized", "value"} == set(KINDS)  # these two have tests of their own


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_deviation(case: Case) -> None:
    outcome = read_by_line(case.data)
    assert outcome.results == case.frames
    assert shown(outcome.problems) == case.problems


def test_lines_have_the_places_that_they_are_given() -> None:
    # fmt: off
    outcome = read_lines([
        (b"FASPMGR 2", 40, 3), (b"Type: NOP", 90, 5), (b"Size: 1", 150, 9), (b"Size: 2", 200, 10), (b"", 250, 11),
        (b"hello", 300, 20), (b"FASPMGR 2", 350, 21), (b"Type: STATS", 400, 22), (b"FASPMGR 2\r", 450, 23),
        (b"Type: QUERY\r", 500, 24),
    ])
    # fmt: on
    assert outcome.results == [nop(Size="1")]
    assert outcome.results[0].place_of(0) == (150, 9)
    problems = ["repeated 200 10 Size: 2", "noise 300 20 hello", "interrupted 350 21 Type: STATS"]
    assert shown(outcome.problems) == [*problems, "crlf 450 23 FASPMGR 2", "unfinished 450 23 Type: QUERY"]


SOME_LINES = [*HEADER.split(), b"FASPMGR 2", b"Type: NOP", b"Size: 1", b"", b"\r", b"hello", b"Type:", b"x" * 40]
LINES = st.sampled_from(SOME_LINES)


@given(st.lists(LINES, max_size=20), st.lists(st.sampled_from([b"", b"\r"]), max_size=5))
def test_a_second_empty_line_changes_nothing(lines: list[bytes], more: list[bytes]) -> None:
    problems: list[Problem] = []
    grammar = Grammar(problems.append, 60)
    for line in lines:
        grammar.read_line(line, 0, 1)
    if grammar.message is None:
        grammar.read_line(b"", 0, 1)
        count = len(problems)
        assert [grammar.read_line(line, 0, 1) for line in more] == [None] * len(more)
        assert grammar.message is None
        assert len(problems) == count


def test_clean_messages_that_pass_end_what_is_skipped() -> None:
    problems: list[Problem] = []
    grammar = Grammar(problems.append, 30)
    for line in (b"noise", b"noise", b"FASPMGR 2", b"x" * 40, b"skipped"):
        grammar.read_line(line, 0, 1)
        if line == b"noise":
            grammar.pass_clean()
    grammar.pass_clean()
    grammar.read_line(b"", 5, 2)
    assert shown(problems) == ["noise 0 1 noise", "noise 0 1 noise", "oversized 0 1 FASPMGR", "empty-lines 5 2"]


# -- limits


@pytest.mark.parametrize(("lines", "problems"), [
    ([b"FASPMGR 2", b"Type: NOP", b""], []),  # 20 bytes
    ([b"FASPMGR 2", b"Type: NOPE", b""], ["oversized 0 1 FASPMGR"]),
    ([b"FASPMGR 2", b"Type: NOP", b"\r"], ["crlf 0 1"]),  # the empty line does not count
    ([b"FASPMGR 2", b"Type: NOP", b"A", b"B"], ["oversized 0 1 Type: NOP"]),
    ([b"Type: " + b"x" * 13, b""], ["no-header 0 1 Type: " + "x" * 13]),
    ([b"Type: " + b"x" * 14, b""], ["no-header 0 1 Type: " + "x" * 14, "oversized 0 1 FASPMGR"]),
])  # fmt: skip
def test_max_frame_bytes(lines: list[bytes], problems: list[str]) -> None:
    outcome = read_lines([(line, 0, 1) for line in lines], max_frame_bytes=20)
    assert shown(outcome.problems) == problems
    assert len(outcome.results) == (not any("oversized" in problem for problem in problems))


def test_the_start_of_a_line_that_is_too_long() -> None:
    long = b"x" * 50
    outcome = read_lines(
        [(long, 0, 1, False), (b"FASPMGR 2", 60, 2, True), (b"Type: NOP", 70, 3, True), (long, 80, 4, False)], 40
    )
    assert shown(outcome.problems) == ["noise 0 1 " + "x" * 40, "oversized 60 2 Type: NOP"]


def test_the_number_of_fields_is_limited() -> None:
    def message(count: int) -> bytes:
        return HEADER + b"Type: NOP\n" + b"".join(b"F%d: %d\n" % (at, at) for at in range(count)) + b"\n"

    assert MAX_FIELDS == 1000
    outcome = read_by_line(message(1000) + message(1001) + QUERY)
    assert outcome.results == [Frame("NOP", {f"F{at}": str(at) for at in range(1000)}), Frame("QUERY", {})]
    assert shown(outcome.problems) == [f"oversized {len(message(1000))} 1004 Type: NOP"]


# -- a writer that dies, and another one that continues its file

KINDS_OF_MESSAGES = [
    ("INIT", ["SessionId", "User", "UserStr", "Direction", "Cookie", "Operation"]),
    ("SESSION", ["Rate", "SessionId", "Host", "Adaptive", "Cookie", "Source", "ClientDocroot", "Cipher", "LocalIP"]),
    ("STATS", ["File", "Size", "Written", "Bytescont", "Elapsedusec", "SessionId", "FaspFileID"]),
    ("DONE", ["Loss", "SessionId", "TransferBytes", "ArgScansAttempted"]),
]


def lines_of(type: str, names: list[str], value: str, by_name: bool) -> bytes:
    lines = [f"Type: {type}", *(f"{name}: {value}" for name in names)]
    return b"FASPMGR 2\n" + "\n".join(sorted(lines) if by_name else lines).encode() + b"\n\n"


@pytest.mark.parametrize("orders", [(False, False), (False, True), (True, False), (True, True)])
def test_no_message_has_fields_of_two_writers(orders: tuple[bool, bool]) -> None:
    for first in KINDS_OF_MESSAGES:
        for second in KINDS_OF_MESSAGES:
            dying, living = lines_of(*first, "1", orders[0]), lines_of(*second, "2", orders[1])
            expected = read_by_line(living).results
            # From the start of its header to the last value; the LF before the empty line ends that value.
            for cut in range(1, len(dying) - 2):
                results = read_by_line(dying[:cut] + living).results
                assert results == expected, dying[:cut]


def test_oversized_message_without_header() -> None:
    lost = b"Type: STATS\nFile: " + b"x" * 100 + b"\nSize: 1\n\n"
    data = b"Type: NOP\n\n" + lost + b"\n" + b"Type: QUERY\n\n" + HEADER + b"x" * 100 + b"\n\nType: LOST\n\n" + NOP
    outcome = read_by_line(data, 60)
    assert outcome.results == [nop(), Frame("QUERY", {}), nop()]
    assert shown(outcome.problems) == [
        "no-header 0 1 Type: NOP",
        "no-header 11 3 Type: STATS",
        "oversized 11 3 Type: STATS",
        "no-header 140 8 Type: QUERY",
        "oversized 153 10 FASPMGR",
    ]
    assert read(Tokenizer(max_frame_bytes=60), single_bytes(data)) == outcome
    assert read(Tokenizer(max_frame_bytes=60), [data]) == outcome


def test_number_of_glued_headers_is_bounded() -> None:
    grammar = Grammar(lambda _: None, 1 << 20)
    # Each line repeats a name from before a header, so that each begins another message.
    for line in (b"FASPMGR 2", b"Type: NOP", *[b"F%d: FASPMGR 2" % (at % 900) for at in range(5000)]):
        grammar.read_line(line, 0, 1)
    assert grammar.message
    assert len(grammar.message.glued) == 8
    assert len(grammar.message.fields) <= 900
