from __future__ import annotations

import array
import re
from collections.abc import Callable, Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any, SupportsIndex
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faspmgr.errors import ProtocolError
from faspmgr.protocol import layouts, tokenizer
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import StreamReader, Tokenizer
from tests.conftest import CAPTURES
from tests.invariants import Outcome, check, pieces, read, read_by_line, single_bytes, was_matched
from tests.protocol.deviations import CASES, HEADER, NOP, QUERY, Case, nop, shown

LF = b"\n"

# -- clean streams


def by_hand(data: bytes) -> list[Frame]:
    """The messages of a stream without any problem, cut in the plainest way."""
    frames = []
    for block in data.decode("utf-8", "surrogateescape").split("\n\n")[:-1]:
        header, type_line, *lines = block.split("\n")
        assert header == "FASPMGR 2"
        frames.append(Frame(type_line.removeprefix("Type: "), dict(line.split(": ", 1) for line in lines)))
    return frames


# How many whole messages each fixture holds, as its README says.
# fmt: off
MESSAGES = {
    "http-fallback-failed.fasp": 5, "upload-skip-failure.fasp": 22, "resumed-download.fasp": 18, "retry.fasp": 21,
    "two-sessions.fasp": 23, "breaks-off.fasp": 6, "http-fallback.fasp": 9, "manager-line.fasp": 6,
}
# fmt: on


def test_fixture(capture: Path) -> None:
    data = capture.read_bytes()
    usual = 1 if capture.parent.name == "examples" else 3
    outcome = read(Tokenizer(), [data])
    assert outcome.results == by_hand(data)
    assert len(outcome.results) == MESSAGES.get(capture.name, usual)
    broken = [f"unfinished {len(data) - 81} 126 Type: STATS"] if capture.name == "breaks-off.fasp" else []
    assert shown(outcome.problems) == shown(read(Parser(), [data]).problems) == broken
    assert b"".join(frame.encode() for frame in outcome.results) == data[: data.rindex(b"\n\n") + 2]


def test_nothing() -> None:
    assert read(Tokenizer(), []) == ([], [])
    assert read(Tokenizer(), [b"", b""]) == ([], [])


def test_a_message_comes_as_soon_as_it_is_complete() -> None:
    reader = Tokenizer()
    assert reader.feed(NOP[:-1]) == []
    assert reader.feed(NOP[-1:]) == [nop()]
    assert reader.feed(NOP + QUERY + NOP[:4]) == [nop(), Frame("QUERY", {})]
    assert reader.feed(NOP[4:]) == [nop()]
    assert reader.close() == []
    assert reader.problems == []


# -- deviations: what is made of each is in test_grammar.py, and is the same wherever the stream is cut


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_case_cut_anywhere(case: Case) -> None:
    whole = read_by_line(case.data)
    for cut in range(len(case.data)):
        assert read(Tokenizer(), [case.data[:cut], case.data[cut:]]) == whole
    check(case.data, ())  # in strict mode, too


def test_strict() -> None:
    reader = Tokenizer(strict=True)
    with pytest.raises(ProtocolError) as caught:
        reader.feed(NOP + QUERY + b"noise\n" + NOP + b"more\n" + NOP)
    assert shown([caught.value.problem]) == shown(reader.problems) == ["noise 44 7 noise"]
    assert caught.value.results == [nop(), Frame("QUERY", {})]
    calls: list[Callable[[], object]] = [lambda: reader.feed(NOP), reader.close]
    for call in calls:
        with pytest.raises(ProtocolError) as again:
            call()
        assert (again.value.problem, again.value.results) == (caught.value.problem, [])


def test_strict_at_the_end() -> None:
    reader = Tokenizer(strict=True)
    assert reader.feed(NOP + NOP[:-1]) == [nop()]
    with pytest.raises(ProtocolError, match=r"^line 4, byte 21: ") as caught:
        reader.close()
    assert (caught.value.problem.kind, caught.value.results) == ("unfinished", [])


SHORT = HEADER + b"Type: STATS\nSize: 1\n\n"  # 31 bytes, 4 lines
LONGER = SHORT.replace(b"1", b"12")


@pytest.mark.parametrize(("data", "problems"), [
    (
        SHORT * 5 + b"one\n" + SHORT * 2 + b"two\n" + SHORT * 5 + b"\n" + LONGER * 3 + b"three\n",
        ["noise 155 21 one", "noise 221 30 two", "empty-lines 380 51", "noise 477 64 three"],
    ),
    (
        SHORT * 4 + b"one\n\n" + SHORT + b"two\n\n" + SHORT + b"\n\n" + SHORT + b"\n\n",
        ["noise 124 17 one", "noise 160 23 two", "empty-lines 196 29", "empty-lines 229 35"],
    ),
])  # fmt: skip
def test_noise_among_learnt_messages(data: bytes, problems: list[str]) -> None:
    outcome = read(Tokenizer(), [data])
    sizes = ["1"] * data.count(b"Size: 1\n") + ["12"] * data.count(b"Size: 12\n")
    assert outcome.results == [Frame("STATS", {"Size": size}) for size in sizes]
    assert shown(outcome.problems) == problems


# -- cuts


def places_to_cut() -> dict[Path, list[int]]:
    """Places by fixture: each byte of one message of each type, in any fixture, and around each border of messages."""
    found: dict[Path, list[int]] = {}
    types: set[bytes] = set()
    for path in CAPTURES:
        data = path.read_bytes()
        ends = [0, *(match.end() for match in re.finditer(b"\n\n", data)), len(data)]
        places = {place for end in ends for place in range(end - 3, end + 4) if 0 <= place < len(data)}
        for start, end in pairwise(ends[:-1]):
            type = data[start:end].split(b"\n")[1]
            places.update(range(start, end) if type not in types else ())
            types.add(type)
        found[path] = sorted(places)
    return found


PLACES = places_to_cut()


def test_fixture_cut(capture: Path) -> None:
    data = capture.read_bytes()
    whole = read(Tokenizer(), [data])
    assert read(Tokenizer(), single_bytes(data)) == whole
    # A reader comes to each place, the last bytes one by one. From there on it reads the next messages at once, more
    # than it takes to cache a layout, and noise after them, which shows whether it still knows its place.
    ends = [match.end() for match in re.finditer(b"\n\n", data)]
    for cut in PLACES[capture]:
        done = sum(end <= cut for end in ends)
        first, last = max(done - layouts.LEARN_AFTER - 1, 0), min(done + layouts.LEARN_AFTER + 2, len(ends))
        begin = ends[first - 1] if first else 0
        end = max(ends[last - 1], cut)
        near = max(begin, cut - 3)
        before, rest = [data[begin:near], *single_bytes(data[near:cut])], data[cut:end]
        outcome = read(Tokenizer(), [*before, rest + b"noise\n"] if end in ends else [*before, data[cut:]])
        assert outcome.results == whole.results[first:last]
        noise = [f"noise {end - begin} {data.count(LF, begin, end) + 1} noise"]
        broken = [f"unfinished {ends[-1] - begin} {data.count(LF, begin, ends[-1]) + 1} Type: STATS"]
        assert shown(outcome.problems) == (noise if end in ends else broken)  # the fixture that breaks off


# -- messages that are too long


def sized(size: int) -> bytes:
    """A message of a STATS with this many bytes, all of its lines counted but the empty one."""
    return HEADER + b"Type: STATS\nFile: " + b"x" * (size - 29) + b"\n\n"


def test_the_longest_message() -> None:
    assert len(sized(1000)) == 1001
    assert [len(frame.encode()) for frame in Tokenizer(max_frame_bytes=1000).feed(sized(1000))] == [1001]


LONG = HEADER + b"Type: STATS\nFile: " + b"x" * 2000
MANY = HEADER + b"Type: STATS\n" + b"".join(b"F%d: 1\n" % number for number in range(500)) + b"\n"
NOISE = "noise 21 4 " + "x" * 79 + "…"
TOO_LONG: dict[str, tuple[bytes, list[Frame], list[str]]] = {
    "one line": (NOP + sized(1001) + b"rest\nType: LOST\n\n" + QUERY + b"noise\n", [nop(), Frame("QUERY", {})],
        ["oversized 21 4 Type: STATS", "noise 1063 14 noise"]),
    "many lines": (MANY + NOP, [nop()], ["oversized 0 1 Type: STATS"]),
    "ends with the next header, on a line of its own": (LONG + b"\nSize: 1\n" + NOP + LONG + NOP + QUERY,
        [nop(), Frame("QUERY", {})], ["oversized 0 1 Type: STATS", "oversized 2058 8 Type: STATS"]),
    "learnt; the rest belongs to it, the noise does not": (
        sized(500) * 5 + sized(1001) + b"rest\n\n" + sized(1000) + b"noise\n", by_hand(sized(500) * 5 + sized(1000)),
        ["oversized 2505 21 Type: STATS", "noise 4514 31 noise"]),
    "noise": (NOP + b"x" * 5000 + b"\n" + b"y" * 5000 + b"\n" + QUERY, [nop(), Frame("QUERY", {})], [NOISE]),
    "interrupted at its limit": (sized(1000)[:-1] + NOP, [nop()], ["interrupted 0 1 Type: STATS"]),
}  # fmt: skip


@pytest.mark.parametrize(("data", "frames", "problems"), TOO_LONG.values(), ids=TOO_LONG)
def test_a_message_that_is_too_long(data: bytes, frames: list[Frame], problems: list[str]) -> None:
    for parts in ([data], single_bytes(data)):
        outcome = read(Tokenizer(max_frame_bytes=1000), parts)
        assert outcome.results == frames
        assert shown(outcome.problems) == problems


def test_a_megabyte_without_a_line_end() -> None:
    data = NOP + b"x" * (1 << 20) + b"\n" + QUERY
    for size in (len(data), 4096, 1000):
        outcome = read(Tokenizer(max_frame_bytes=10_000), [data[at : at + size] for at in range(0, len(data), size)])
        assert outcome.results == [nop(), Frame("QUERY", {})]
        assert shown(outcome.problems) == [NOISE]


def test_the_usual_limit_is_a_mebibyte() -> None:
    assert len(Tokenizer().feed(sized(1 << 20))) == 1
    outcome = read(Tokenizer(), [sized((1 << 20) + 1) + NOP])
    assert outcome.results == [nop()]
    assert shown(outcome.problems) == ["oversized 0 1 Type: STATS"]


MIXED = (
    b"noise\n\nType:NOP\n\n"
    + b"FASPMGR 2\nType: STATS\nFile: a\nSize: 12FASPMGR 2\nType: STOP\r\nFile: b\n\r\n"
    + b"FASPMGR 2\nType: STATS\nFASPMGR 3\nFASPMGR 2\nType: NOP\n\n\n"
    + b"FASPMGR 4\nType: WRITE\nSize: 3\n\n\n\n\n\n\nA long line without any meaning, outside of all messages\n"
    + b"FASPMGR 2\nSize: 5\n\nFASPMGR 2\nType: NOP"
)


@pytest.mark.parametrize("limit", [*range(1, 42), 50, 60, 70])
def test_a_small_limit_and_any_cut(limit: int) -> None:
    whole = read(Tokenizer(max_frame_bytes=limit), [MIXED])
    assert read(Tokenizer(max_frame_bytes=limit), single_bytes(MIXED)) == whole
    for cut in range(len(MIXED)):
        assert read(Tokenizer(max_frame_bytes=limit), [MIXED[:cut], MIXED[cut:]]) == whole


# -- bounds


class CountingBuffer(bytearray):
    """A buffer that counts how many of its bytes were looked at: searched, counted or copied."""

    looked_at = 0

    def find(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        found = super().find(sub, start, len(self) if end is None else end)
        self.looked_at += max(0, (len(self) if found < 0 else found + len(sub)) - start)
        return found

    def rfind(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        end = len(self) if end is None else min(end, len(self))
        found = super().rfind(sub, start, end)
        self.looked_at += end - max(found, start)
        return found

    def count(self, sub: Any, start: Any = 0, end: Any = None) -> int:
        self.looked_at += (len(self) if end is None else end) - start
        return super().count(sub, start, end)

    def __getitem__(self, key: SupportsIndex | slice) -> Any:
        result = super().__getitem__(key)
        self.looked_at += len(result) if isinstance(result, bytearray) else 1
        return result


STATS = HEADER + b"Type: STATS\nFile: a\nSize: 1\n\n"  # 39 bytes, 5 lines
LIMIT = 50_000
HOSTILE = {
    "a message, nothing else": HEADER + b"Type: STATS\n" + b"Name: value\n" * 3000,
    "a long value": HEADER + b"Type: STATS\nFile: " + b"x" * 45_000 + b"\n\n", "a line without an end": b"x" * 200_000,
    "a line without an end in a message": HEADER + b"Type: STATS\nFile: " + b"x" * 200_000,
    "lines of noise": b"noise\n" * 30_000, "empty lines": b"\n" * 200_000, "CR only": b"\r" * 200_000,
    "CR LF": b"\r\n" * 100_000, "headers": HEADER * 20_000, "headers on one line": b"FASPMGR 2" * 20_000,
    "messages": STATS * 4000,
    "messages that nearly fit a layout": STATS * 3 + (HEADER + b"Type: STATS\nFile: a\nSize: -\n\n") * 4000,
    "messages, then a CR": STATS * 3000 + b"\r", "noise, then a CR": b"x\n\n" * 20_000 + b"\r",
    "messages, each with a CR": STATS.replace(b"a", b"a\rb") * 3000,
    "messages with empty lines between": (STATS + b"\n\n\n") * 3000,
    "messages with CR LF": STATS.replace(b"\n", b"\r\n") * 3000,
    "oversized messages": (HEADER + b"Type: STATS\nFile: " + b"x" * LIMIT + b"\n\n") * 4,
    "messages without an end": (HEADER + b"Type: STATS\n" + b"Name: value\n" * 5000) * 3,
    "WRITE with little data": b"FASPMGR 4\nType: WRITE\nSize: 0\n\n\n\n" * 4000,
    "data of a WRITE": b"FASPMGR 4\nType: WRITE\nSize: 200000\n\n" + b"\n" * 200_002, "types": b"Type: \n\n" * 20_000,
}  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 1000, 1 << 30], ids=lambda size: f"pieces of {size}")
@pytest.mark.parametrize("data", HOSTILE.values(), ids=HOSTILE)
def test_work_and_memory_are_bounded(data: bytes, size: int) -> None:
    reader = Tokenizer(max_frame_bytes=LIMIT)
    reader._buffer = buffer = CountingBuffer()
    if size < 1000:
        data = data[:60_000]
    for at in range(0, len(data), size):
        reader.feed(data[at : at + size])
        assert len(buffer) + held(reader) <= LIMIT
    reader.close()
    assert reader._buffer is buffer
    # Each byte is searched for the end of a message and of a line, and copied, some of it twice; a piece costs a bit.
    assert buffer.looked_at <= 7 * len(data) + 2 * (len(data) // size + 1)


def held(reader: StreamReader[Any]) -> int:
    """Bytes of the message that is being read line by line."""
    message = reader._grammar.message
    return sum(len(name) + len(text) for name, text in message.fields.items()) if message else 0


def test_the_latest_problems_are_kept() -> None:
    reader = Tokenizer()
    reader.feed(b"".join(b"%d\n" % number + NOP for number in range(1500)))
    assert reader.problem_count == 1500
    assert [problem.excerpt for problem in reader.problems] == [str(number) for number in range(500, 1500)]


# -- the calls


def test_on_problem_gets_each_as_it_is_found() -> None:
    reported: list[Problem] = []
    reader = Tokenizer(on_problem=reported.append)
    reader.feed(b"one\n" + NOP)
    assert shown(reported) == ["noise 0 1 one"]
    reader.feed(NOP[:-1])
    reader.close()
    assert shown(reported) == ["noise 0 1 one", "unfinished 25 5 Type: NOP"]
    assert reader.problems == reported
    assert reader.problem_count == 2


def test_on_problem_in_strict_mode() -> None:
    reported: list[Problem] = []
    with pytest.raises(ProtocolError) as caught:
        Tokenizer(strict=True, on_problem=reported.append).feed(b"one\n" + NOP + b"two\n" + NOP)
    assert reported == [caught.value.problem]


def test_closing_twice_is_harmless() -> None:
    reader = Tokenizer()
    reader.feed(NOP[:-1])
    assert (reader.close(), reader.close(), reader.problem_count) == ([], [], 1)


def test_feeding_what_is_closed_is_refused() -> None:
    reader = Tokenizer()
    reader.close()
    for data in (NOP, b""):
        with pytest.raises(ValueError, match="closed") as caught:
            reader.feed(data)
        assert not isinstance(caught.value, ProtocolError)


# fmt: off
BYTES_LIKE = {
    "bytes": NOP, "bytearray": bytearray(NOP), "memoryview": memoryview(NOP), "array": array.array("B", NOP),
    "slice": memoryview(b"_" + NOP + b"_")[1:-1], "two dimensions": memoryview(NOP).cast("B", (7, 3)),
    "not contiguous": memoryview(bytes(byte for pair in zip(NOP, b"_" * 21) for byte in pair))[::2],
}
# fmt: on


@pytest.mark.parametrize("data", BYTES_LIKE.values(), ids=BYTES_LIKE)
def test_bytes_like_is_accepted(data: Any) -> None:
    assert Tokenizer().feed(data) == [nop()]


def test_a_bytearray_may_be_used_again() -> None:
    reader = Tokenizer()
    data = bytearray(NOP[:-1])
    assert reader.feed(data) == []
    data[:] = b"x" * len(data)
    data += b"longer than before"
    assert reader.feed(b"\n") == [nop()]


@pytest.mark.parametrize("data", ["FASPMGR 2\n", None, 5, [70, 65], object()])
def test_what_is_not_bytes_like_is_refused(data: Any) -> None:
    reader = Tokenizer()
    assert reader.feed(NOP[:5]) == []
    with pytest.raises(TypeError):
        reader.feed(data)
    assert reader.feed(NOP[5:]) == [nop()]


# -- lines of some other file


def by_line(reader: StreamReader[Any], lines: Iterable[tuple[bytes, int, int]]) -> Outcome:
    results = [result for line in lines for result in reader.feed_line(*line)]
    return Outcome(results + reader.close(), list(reader.problems))


def test_feed_line_is_feed_for_whole_lines(capture: Path) -> None:
    data = capture.read_bytes()
    lines = []
    start = 0
    for number, line in enumerate(data.split(b"\n")[:-1], 1):
        lines.append((line, start, number))
        start += len(line) + 1
    assert by_line(Tokenizer(), lines) == read(Tokenizer(), [data[:start]])


def test_feed_line_in_strict_mode() -> None:
    reader = Tokenizer(strict=True)
    reader.feed_line(b"FASPMGR 2", 0, 1)
    with pytest.raises(ProtocolError) as caught:
        reader.feed_line(b"hello", 77, 5)
    assert shown([caught.value.problem]) == ["no-field 77 5 hello"]


def test_feed_line_looks_for_no_data_of_a_write() -> None:
    write = b"FASPMGR 4\nType: WRITE\nSize: 5\n\n"
    lines = (write + NOP).split(b"\n")[:-1]
    outcome = by_line(Tokenizer(), [(line, 20 * at, 1 + at) for at, line in enumerate(lines)])
    assert outcome == Outcome([Frame("WRITE", {"Size": "5"}, 4), nop()], [])
    assert by_line(Tokenizer(), [(line, 0, 1) for line in lines[:4]]) == (outcome.results[:1], [])
    kept = by_line(Tokenizer(max_data_bytes=5), [(line, 20 * at, 1 + at) for at, line in enumerate(lines)])
    assert kept == outcome


# -- CRs and empty lines among clean messages

CLEAN = st.sampled_from([STATS, STATS, STATS.replace(b"a", b"\xc3\xbc"), STATS.replace(b"Size", b"New"), NOP])
SOILED = st.sampled_from([STATS.replace(b"\n", b"\r\n"), STATS.replace(b"a\n", b"a\r\n"), STATS.replace(b"a", b"\rb")])
OTHERS = [b"\n", b"\r\n", b"\n" * 5, b"\r\n" * 3, b"\r", b"x\n", b"x\r\n", b"x\n\n", STATS[:30], b"\n\r\n\n"]
OTHER = st.sampled_from(OTHERS)


@given(
    st.lists(CLEAN | CLEAN | SOILED | OTHER, max_size=20).map(b"".join),
    st.lists(st.integers(0, 800), max_size=6),
    st.sampled_from([1, 3]),
    st.sampled_from([1 << 20, 60, 38]),
)
@settings(max_examples=500)
def test_cr_and_empty_lines_read_as_line_by_line(data: bytes, cuts: list[int], sightings: int, limit: int) -> None:
    plain = read_by_line(data, limit)
    with mock.patch.object(layouts, "LEARN_AFTER", sightings):
        assert read(Tokenizer(max_frame_bytes=limit), pieces(data, cuts)) == plain
        assert read(Tokenizer(max_frame_bytes=limit), single_bytes(data)) == plain
        with mock.patch.object(tokenizer, "WINDOW_BYTES", 100):
            assert read(Tokenizer(max_frame_bytes=limit), [data]) == plain


@pytest.mark.parametrize("name", ["CR LF everywhere", "CR LF in some lines", "CR LF in the empty line"])
def test_a_message_with_cr_lf_comes_at_once(name: str) -> None:
    reader = Tokenizer()
    reader.feed(STATS * 4)
    data = CASES[name].data
    end = min(place for mark in (b"\n\r\n", b"\n\n") if (place := data.find(mark)) >= 0)
    end = data.index(b"\n", end + 1) + 1
    assert reader.feed(data[: end - 1]) == []
    assert reader.feed(data[end - 1 : end]) == CASES[name].frames[:1]


def test_empty_line_with_cr_lf_cut_in_two() -> None:
    reader = Tokenizer()
    for piece in (NOP, b"\r", b"\n"):
        reader.feed(piece)
    assert shown(reader.problems) == ["empty-lines 21 4"]


@pytest.mark.parametrize("between", [b"", b"\n", b"\n\n\n", b"\r\n", b"x\n\n", b"\rx\n\n"])
@pytest.mark.parametrize(
    "soiled", [STATS.replace(b"a", b"a\rb"), STATS.replace(b"\n", b"\r\n"), b"FASPMGR 2\r\n" + STATS]
)
@pytest.mark.parametrize("size", [30, 100, 1 << 20])
def test_a_cr_costs_only_the_message_that_it_is_in(soiled: bytes, between: bytes, size: int) -> None:
    reader = Tokenizer()
    data = (STATS + between) * 4 + soiled + (STATS + between) * 20
    frames = [frame for at in range(0, len(data), size) for frame in reader.feed(data[at : at + size])]
    # Cut anywhere, a message without CR is matched, but for one that follows right behind those with CR LF.
    assert [was_matched(frame) for frame in frames[-18:]] == [True] * 18
