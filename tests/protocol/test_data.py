"""The data of a WRITE: kept where they are asked for, whatever is in them and wherever they are cut."""

from __future__ import annotations

import pickle
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.captures.recorded import Recorded
from faspmgr.captures.recorder import Recording
from faspmgr.errors import ProtocolError
from faspmgr.protocol import tokenizer
from faspmgr.protocol.commands import Close, Put, SetRate, Write
from faspmgr.protocol.events import Event, OtherEvent
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import BLOCK_BYTES, Tokenizer
from tests.invariants import Outcome, check, pieces, read, single_bytes
from tests.launcher import run
from tests.protocol.deviations import NOP, nop, shown
from tests.twins import WITHOUT, compare

HEAD = b"FASPMGR 4\nType: WRITE\nSize: %d\n\n"


def wire(data: bytes) -> bytes:
    return HEAD % len(data) + data + b"\n\n"


def write(data: bytes) -> Frame:
    return Frame("WRITE", {"Size": str(len(data))}, 4, data=data)


# What could be taken for something else than data, or for their end.
AWKWARD = {
    "nothing": b"", "a byte": b"x", "a message": NOP, "a WRITE": wire(b"inside"),
    "the start of a message": b"FASPMGR 2\nType: NOP\n", "its own end": b"\n\n", "CR LF": b"\r\n\r\n\r",
    "no text": b"\0\xff\xfe\x1b", "a long line": b"x" * 500, "many lines": b"\n" * 500,
}  # fmt: skip


@pytest.mark.parametrize("data", AWKWARD.values(), ids=AWKWARD)
@pytest.mark.parametrize("size", [1, 2, 7, 1 << 20])
def test_data_are_kept_as_they_are(data: bytes, size: int) -> None:
    stream = NOP + wire(data) + NOP + wire(data) * 2 + b"noise\n"
    reader = Tokenizer(max_data_bytes=500)
    frames = [frame for at in range(0, len(stream), size) for frame in reader.feed(stream[at : at + size])]
    frames += reader.close()
    assert frames == [nop(), write(data), nop(), write(data), write(data)]
    assert [type(frame.data) for frame in frames] == [type(None), bytes, type(None), bytes, bytes]
    place, lines = len(stream) - len(b"noise\n"), stream.count(b"\n")
    assert shown(reader.problems) == [f"noise {place} {lines} noise"]
    check(stream, range(0, len(stream), size), max_data_bytes=500)


def test_the_frame_comes_with_the_last_byte_of_its_end() -> None:
    stream = wire(b"abc")
    reader = Tokenizer(max_data_bytes=3)
    assert [reader.feed(byte) for byte in single_bytes(stream)] == [[]] * (len(stream) - 1) + [[write(b"abc")]]


def test_without_the_option_a_write_comes_before_its_data() -> None:
    reader = Tokenizer()
    [frame] = reader.feed(wire(b"abc")[:-5])
    assert (frame, frame.data) == (Frame("WRITE", {"Size": "3"}, 4), None)
    assert reader.feed(b"abc\n\n" + NOP) == [nop()]


@pytest.mark.parametrize("cut", range(-3, 4))
@pytest.mark.parametrize("size", [BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES])
def test_data_of_several_blocks(size: int, cut: int) -> None:
    data = (bytes(range(256)) * (size // 256 + 1))[:size]
    stream = wire(data) + NOP
    for at in (BLOCK_BYTES, size, size + 2):
        assert read(Tokenizer(max_data_bytes=size), pieces(stream, [len(HEAD % size) + at + cut])) == Outcome(
            [write(data), nop()], []
        )


def test_the_fast_path_goes_on_behind_the_data() -> None:
    stats = b"FASPMGR 2\nType: STATS\nFile: a\nSize: 5\n\n"
    stream = stats * 4 + (wire(stats * 3) + stats * 2) * 3
    results = read(Parser(max_data_bytes=1000), [stream]).results
    assert [event.type for event in results] == ["STATS"] * 4 + ["WRITE", "STATS", "STATS"] * 3
    if not WITHOUT:
        for size in (1, 50, 1000):
            compare(stream, range(0, len(stream), size), 1 << 20, 1000)


# -- limits


@pytest.mark.parametrize("size", [1, 5, 1 << 20])
def test_more_data_than_are_kept_are_skipped_and_reported(size: int) -> None:
    stream = NOP + wire(b"12345") + wire(NOP) + NOP
    outcome = read(Tokenizer(max_data_bytes=5), [stream[at : at + size] for at in range(0, len(stream), size)])
    assert outcome.results == [nop(), write(b"12345"), nop()]
    # 21 bytes and 3 lines, then 31 and 4 of the first WRITE's head, and 7 and 2 of its data.
    assert shown(outcome.problems) == ["oversized 59 10 Type: WRITE"]
    assert outcome.problems[0].message == "a WRITE with more than 5 bytes of data; dropped"


def test_a_size_that_is_not_believed_announces_nothing() -> None:
    for size in (b"1073741825", b"-5", b"", b"1" * 30, b"\xb2"):
        stream = b"FASPMGR 4\nType: WRITE\nSize: " + size + b"\n\n" + NOP
        frames = Tokenizer(max_data_bytes=100).feed(stream)
        assert [(frame.type, frame.data) for frame in frames] == [("WRITE", None), ("NOP", None)]


def test_memory_is_bounded() -> None:
    limit = 4 * BLOCK_BYTES
    reader = Tokenizer(max_frame_bytes=1000, max_data_bytes=limit)

    def held() -> int:
        return len(reader._buffer) + sum(map(len, reader._data))

    reader.feed(HEAD % limit)
    for count in range(1, limit // 512 + 1):
        reader.feed(b"\n" * 512)
        assert held() == count * 512
        assert len(reader._buffer) <= BLOCK_BYTES
        assert len(reader._data) <= 4
    assert len(reader.feed(b"\n\n")) == 1
    assert held() == 0
    reader.feed(HEAD % (limit + 1))
    for _ in range(100):
        reader.feed(b"x" * 512)
        assert held() == 0


# -- the end of the stream


@pytest.mark.parametrize("missing", range(1, 8))
@pytest.mark.parametrize("block", [1, BLOCK_BYTES])
def test_data_that_are_not_complete_are_a_problem_and_no_message(missing: int, block: int) -> None:
    stream = NOP + wire(b"a\nbc\n")
    with mock.patch.object(tokenizer, "BLOCK_BYTES", block):
        outcome = read(Tokenizer(max_data_bytes=5), [stream[:-missing]])
    assert outcome.results == [nop()]
    lines = 1 + 3 + 4 + b"a\nbc\n\n\n"[:-missing].count(b"\n")
    assert shown(outcome.problems) == [f"unfinished {len(stream) - missing} {lines}"]


def test_strict_mode() -> None:
    assert read(Tokenizer(strict=True, max_data_bytes=5), [wire(b"12345") + NOP]).results == [write(b"12345"), nop()]
    reader = Tokenizer(strict=True, max_data_bytes=4)
    with pytest.raises(ProtocolError) as caught:
        reader.feed(wire(b"1234") + wire(b"12345"))
    assert (caught.value.problem.kind, caught.value.results) == ("oversized", [write(b"1234")])


# -- frames and events


@pytest.mark.parametrize("data", AWKWARD.values(), ids=AWKWARD)
def test_bytes_to_event_and_back(data: bytes) -> None:
    stream = b"".join(
        command.encode() for command in (Put("/a\nb"), Write("/a\nb", 7, data), SetRate(5), Close("/a\nb"))
    )
    events = read(Parser(strict=True, max_data_bytes=500), single_bytes(stream)).results
    assert [type(event) for event in events] == [OtherEvent] * 4
    assert b"".join(event.to_frame().encode() for event in events) == stream
    write = events[1]
    assert write.extra == {"Destination": "/a\x1bnb", "Offset": "7", "Size": str(len(data))}
    frame = write.to_frame()
    assert frame.data == data
    assert Event.from_frame(frame).to_frame() == frame == frame.redacted() == pickle.loads(pickle.dumps(frame))
    assert frame != Frame(frame.type, frame.fields, 4)
    # Data are the frame's alone.
    assert "data" not in write.to_dict()
    assert write == read(Parser(), [stream]).results[1]


def test_an_event_that_says_another_size_has_no_data() -> None:
    [event] = Parser(max_data_bytes=9).feed(wire(b"abc"))
    event.extra["Size"] = "4"
    assert event.to_frame() == Frame("WRITE", {"Size": "4"}, 4)


@pytest.mark.parametrize(("type", "fields", "version"), [
    ("WRITE", {"Size": "2"}, 4), ("WRITE", {}, 4), ("WRITE", {"Size": "3"}, 2), ("PUT", {"Size": "3"}, 4),
    ("WRITE", {"Size": "1073741825"}, 4),
])  # fmt: skip
def test_data_that_are_not_announced_cannot_be_sent(type: str, fields: dict[str, str], version: int) -> None:
    with pytest.raises(ValueError, match="data of 3 bytes, which the message does not announce"):
        Frame(type, fields, version, data=b"abc").encode()


# -- recordings


def test_a_recording_with_data_is_divided_and_replayed(tmp_path: Path) -> None:
    path = tmp_path / "sent.fasp"
    inside = NOP + b"\n\n\r\n\0noise\n"
    one, two = NOP + wire(inside), wire(b"") + wire(inside) + NOP
    recording = Recording(path)
    for stream in (one, two):
        tap = recording.tap(pytest.fail)
        for byte in single_bytes(stream):
            tap(byte)
        recording.end(tap)
    recording.close()
    assert path.read_bytes() == one + two

    problems: list[Problem] = []
    divided: dict[int, list[Frame]] = {}
    warnings: list[str] = []
    for step in Recorded(str(path), lambda _path, line: warnings.append(line)).steps():
        for piece in step.read(lambda report: Tokenizer(on_problem=report, max_data_bytes=100), problems.append):
            assert piece.stream
            divided.setdefault(piece.stream.connection, []).extend(piece.results)
    assert divided == {1: [nop(), write(inside)], 2: [write(b""), write(inside), nop()]}
    assert (problems, warnings) == ([], [])

    for cut in ("1", "7", "random"):
        replayed = run("replay", "--speed", "max", "--cut", cut, path)
        assert (replayed.status, replayed.data) == (0, one + two)


@given(
    st.lists(st.binary(max_size=60), max_size=5), st.lists(st.integers(0, 500), max_size=8), st.sampled_from([0, 30])
)
def test_streams_of_writes(parts: list[bytes], cuts: list[int], max_data_bytes: int) -> None:
    stream = b"".join(wire(part) + NOP for part in parts)
    check(stream, cuts, max_data_bytes=max_data_bytes)
    if not WITHOUT:
        compare(stream, cuts, 1 << 20, max_data_bytes)
