from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from faspmgr.errors import ProtocolError
from faspmgr.protocol.events import ErrorEvent, Event, InitEvent, OtherEvent, SessionEvent, StatsEvent
from faspmgr.protocol.parser import Parser, parse
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.reading import EventReader
from tests.invariants import read, single_bytes
from tests.protocol.deviations import shown

STATS = b"FASPMGR 2\nType: STATS\nFile: a\nSize: 1\nLoss: 0\n\n"  # 10 + 12 + 8 + 8 + 8 + 1 = 47 bytes, 6 lines
STATS_EVENT = StatsEvent(file="a", size=1, loss=0)


# -- parse


@pytest.mark.parametrize(("data", "events"), [
    (b"", []),
    (b"FASPMGR 2\nType: INIT\nDirection: Send\n\nnoise\n" + STATS, [InitEvent(direction="Send"), STATS_EVENT]),
    (b"FASPMGR 2\nType: NEW\nSize: 5\n\n", [OtherEvent(type="NEW", extra={"Size": "5"})]),
    (STATS + STATS[:-1], [STATS_EVENT]),  # no event of what is unfinished
    (STATS[:-1], []), (bytearray(STATS), [STATS_EVENT]),
    (
        b"FASPMGR 2\nType: ERROR\nCode: 38\nDescription: Server aborted session: No license: sorry\n\n",
        [ErrorEvent(code=38, description="Server aborted session: No license: sorry")],
    ),
])  # fmt: skip
def test_parse(data: bytes, events: list[Event]) -> None:
    assert parse(data) == events


# -- values that do not fit

BAD = b"FASPMGR 2\nType: STATS\nFile: a\nSize: many\nLoss: 0\n\n"  # 50 bytes, 6 lines; Size on line 4, at byte 30
BAD_EVENT = StatsEvent(file="a", loss=0, extra={"Size": "many"})


# fmt: off
MISFITS: list[tuple[bytes, list[str]]] = [
    (BAD, ["value 30 4 Size: many"]),
    (STATS + BAD, ["value 77 10 Size: many"]),
    (STATS * 5 + BAD, ["value 265 34 Size: many"]),
    (BAD * 3, ["value 30 4 Size: many", "value 80 10 Size: many", "value 130 16 Size: many"]),
    (b"noise\n\n" + BAD, ["noise 0 1 noise", "value 37 6 Size: many"]),
    (BAD.replace(b"\n", b"\r\n"), ["crlf 0 1 FASPMGR 2", "value 33 4 Size: many"]),
    (STATS.replace(b"\n", b"\r\n") + BAD, ["crlf 0 1 FASPMGR 2", "value 83 10 Size: many"]),
    (b"FASPMGR 2\nnoise\nFile:a\nType: STATS\nFile: b\nSize: x\nWritten: \nNew: y\nDelay: -1\n\n", [
        "no-field 10 2 noise", "no-space 16 3 File:a", "repeated 35 5 File: b", "value 43 6 Size: x",
        "value 51 7 Written: ", "value 68 9 Delay: -1",
    ]),
    (b"FASPMGR 2\nType: STATS\nLoss: x\nnoise\nSize: y\n\n" + BAD + b"more\n" + BAD, [
        "no-field 30 4 noise", "value 22 3 Loss: x", "value 36 5 Size: y", "value 75 10 Size: many", "noise 95 13 more",
        "value 130 17 Size: many",
    ]),
    (b"Type: STATS\nSize: x\n\n", ["no-header 0 1 Type: STATS", "value 12 2 Size: x"]),
    (
        b"FASPMGR 2\nType: STATS\nFile: FASPMGR 2\nType: STOP\nSize: x\n\n",
        ["interrupted 0 1 Type: STATS", "value 49 5 Size: x"],
    ),
    (b"FASPMGR 3\nType: NEW\nSize: x\n\n", ["version 0 1 FASPMGR 3", "value 20 3 Size: x"]),
    (b"FASPMGR 2\nType: STATS\nEncryption: 1\n\n", ["value 22 3 Encryption: 1"]),
    (b"FASPMGR 2\nType: NOP\nTags: 1\nRate: 5 %\n\n", ["value 20 3 Tags: 1", "value 28 4 Rate: 5 %"]),
    (b"FASPMGR 2\nType: SESSION\nTags: {password:s3cret}\n\n", ["value 24 3 Tags: ***"]),
    (b"FASPMGR 2\nType: STATS\nSize: " + b"9" * 100 + b"\n\n", ["value 22 3 Size: " + "9" * 73 + "…"]),
    (b"FASPMGR 2\nType: STATS\nSize: \xff\x1b\n\n", ["value 22 3 Size: \\xff\\x1b"]),
]
# fmt: on


@pytest.mark.parametrize(("data", "problems"), MISFITS)
def test_where_a_value_does_not_fit(data: bytes, problems: list[str]) -> None:
    whole = read(Parser(), [data])
    assert shown(whole.problems) == problems
    assert read(Parser(), single_bytes(data)) == whole
    for cut in range(len(data)):
        assert read(Parser(), [data[:cut], data[cut:]]) == whole


def test_a_value_that_does_not_fit_what_was_learnt() -> None:
    # 10 + 14 + 9 + 14 + 10 + 1 = 58 bytes, 6 lines; ü has two bytes
    good = "FASPMGR 2\nType: SESSION\nFile: ü\nRateLock: Yes\nCookie: c\n\n".encode()
    bad = "FASPMGR 2\nType: SESSION\nFile: ü\nRateLock: Yep\nCookie: c\n\n".encode()
    parser = Parser()
    events = parser.feed(good * 4 + bad + good)
    assert [event.extra for event in events] == [{"File": "ü"}] * 4 + [{"File": "ü", "RateLock": "Yep"}, {"File": "ü"}]
    assert all(isinstance(event, SessionEvent) for event in events)
    assert events[4].to_frame().encode() == bad
    # 4 * 58 before it, 33 bytes and 3 lines in it.
    assert shown(parser.problems) == ["value 265 28 RateLock: Yep"]


def test_what_a_value_problem_says() -> None:
    [problem] = read(Parser(), [BAD]).problems
    assert "Size" in problem.message
    assert "kept as text" in problem.message
    assert str(problem) == f"{problem.message}: Size: many"


def test_a_problem_stays_short_however_long_the_value() -> None:
    parser = Parser()
    for value in (b"[" + b"1" * 50_000 + b"e999]", b"[" * 50_000, b'{"' + b"a" * 50_000, b"[" + b"1" * 50_000 + b"]x"):
        parser.feed(b"FASPMGR 2\nType: SESSION\nTags: " + value + b"\n\n")
    assert [problem.kind for problem in parser.problems] == ["value"] * 4
    assert all(len(str(problem)) < 300 for problem in parser.problems)


# -- strict


RATE_LOCK = b"FASPMGR 2\nType: SESSION\nRateLock: Yes\n\n"  # 39 bytes, 4 lines


@pytest.mark.parametrize(
    ("data", "events", "problem"),
    [
        (STATS * 5 + BAD + STATS, [STATS_EVENT] * 5, "value 265 34 Size: many"),
        (
            RATE_LOCK * 4 + RATE_LOCK.replace(b"Yes", b"Yep") + RATE_LOCK,  # by a layout that was learnt
            [SessionEvent(rate_lock=True)] * 4,
            "value 180 19 RateLock: Yep",
        ),
    ],
)
def test_strict_raises_for_a_value(data: bytes, events: list[Event], problem: str) -> None:
    parser = Parser(strict=True)
    with pytest.raises(ProtocolError) as caught:
        parser.feed(data)
    assert caught.value.results == events
    assert shown([caught.value.problem]) == [problem]
    with pytest.raises(ProtocolError):
        parser.feed(STATS)


def test_strict_accepts_what_is_merely_unknown() -> None:
    data = b"FASPMGR 2\nType: NEW\nNewField: x\nSize: 1\n\nFASPMGR 2\nType: STATS\nNewField: \nCookie:\n\n"
    parser = Parser(strict=True)
    assert parser.feed(data) + parser.close() == [
        OtherEvent(type="NEW", extra={"NewField": "x", "Size": "1"}),
        StatsEvent(extra={"NewField": "", "Cookie": ""}),
    ]


def test_feed_line() -> None:
    parser = Parser()
    events = []
    for number, line in enumerate(BAD.split(b"\n")[:-1]):
        events += parser.feed_line(line, 1000 * number, 10 * number)
    assert events == [BAD_EVENT]
    assert shown(parser.problems) == ["value 3000 30 Size: many"]


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, pickle.dumps])
@pytest.mark.parametrize("make_reader", [Parser, Tokenizer, EventReader])
def test_copy_of_a_reader_is_refused(make_reader: Callable[[], Any], copied: Callable[[Any], Any]) -> None:
    reader = make_reader()
    with pytest.raises(TypeError, match=f"cannot copy or pickle {type(reader).__name__}"):
        copied(reader)
