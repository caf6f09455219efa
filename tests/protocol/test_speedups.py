"""The compiled twin: that it gives what the one in Python gives, and that nothing which is done to it does harm."""

from __future__ import annotations

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faspmgr.protocol import layouts
from faspmgr.protocol.events import StatsEvent
from faspmgr.protocol.fields import FIELDS, decoder
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.speedups import Unread, count_lines
from faspmgr.protocol.tokenizer import Tokenizer
from tests.invariants import pieces
from tests.twins import WAYS, WITHOUT, compare, exact

if WITHOUT:
    pytest.skip(WITHOUT, allow_module_level=True)


HAS_GIL: bool = getattr(sys, "_is_gil_enabled", lambda: True)()


def message(type: str, **fields: str) -> bytes:
    lines = [f"{name}: {text}\n" for name, text in fields.items()]
    return f"FASPMGR 2\nType: {type}\n{''.join(lines)}\n".encode("utf-8", "surrogateescape")


STATS = message("STATS", SessionId="s", File="a", Size="5", Stalled="No", New="x")
STOP = message("STOP", File="a", Size="5", FileChecksum="")
SESSION = message("SESSION", Rate="100", Tags='{"a":[1]}', Source="a\tb", Direction="Send", Encryption="Yes")
OTHER = message("PING", File="a", Size="5", New="x")


def cut_at(stream: bytes) -> range:
    return range(1, len(stream))


# -- the same as the twin in Python


def test_fixtures(captures: list[Path]) -> None:
    for path in captures:
        stream = path.read_bytes()[:20_000]
        compare(stream, ())
        compare(stream * 2, range(0, len(stream) * 2, 97))


@pytest.mark.parametrize("max_frame_bytes", [1 << 20, 70])
def test_layouts_that_alternate_cut_anywhere(max_frame_bytes: int) -> None:
    stream = STOP + STATS + STOP + SESSION + STATS + STOP
    for cut in cut_at(stream)[::2]:
        compare(stream, [cut], max_frame_bytes)
    compare(stream * 2, cut_at(stream * 2), max_frame_bytes)


def test_as_many_layouts_as_there_may_be_alike_up_to_the_last_field() -> None:
    alike = [message("STATS", File="a", Size="5", **{f"New{number}": "x"}) for number in range(34)]
    compare(b"".join(alike) * 3, ())
    compare(b"".join(alike + alike[::-1]), range(0, 5000, 61))


def test_as_many_fields_as_there_may_be() -> None:
    for count in (127, 128, 129):
        compare(message("STATS", **{f"New{number}": str(number) for number in range(count)}) * 5, [4000, 4001])


TEXTS = [
    "", "0", "00", "7", "007", "-1", "+1", " 1", "1 ", "1_0", "٣", "1.5", "10:99", "10:", ":", "99:10", "50%", "50.5%",
    "9223372036854775807", "9223372036854775808", "9999999999999999999", "09223372036854775807",
    "18446744073709551615", "18446744073709551616", "99999999999999999999", "100000000000000000000",
    "Yes", "No", "yes", "Yes ", "Fixed", "Send", "Receive", "Nowhere",
    "x" * 47, "x" * 48, "x" * 49, "x" * 300, "1" * 47, "1" * 48, "1" * 49,
    "gr\xfc\xdfe \u4e16\u754c \U0001f600", "caf\udce9", "\udcff\udcfe", "\udcf0\udc9f\udc98", "a\x00b", "\x00",
    "a\x1bnb", "\x1b", "a\rb", "\r", "a\r", "\x85\u2028\x0c", "\t", "a\tb", " ", ": ", "FASPMGR 2", "Type: STATS",
    '{"a": 1}', '{"a":1}', "[]", "{}", '{"a": 1.0}', "[" * 200, "NaN", '{"token":"s3cret"}',
]  # fmt: skip
NAMES = ["File", "Size", "FileBytes", "Rate", "Stalled", "Encryption", "Direction", "Tags", "Source", "Token", "New"]


@pytest.mark.parametrize(("type", "names"), [
    ("STATS", ["File", "Size", "FileBytes", "Stalled", "Rate", "Encryption", "New"]),
    ("SESSION", ["Rate", "Encryption", "Direction", "Tags", "Source", "Token"]),
    ("PING", ["File", "Size", "Stalled", "Tags"]),
])  # fmt: skip
def test_texts_at_the_borders(type: str, names: list[str]) -> None:
    """Each text where another was learnt, and once more."""
    for name in names:
        texts = [text for before, text in zip(["5", *TEXTS], TEXTS) for text in (before, text, text)]
        stream = b"".join(message(type, Cookie="c", **{name: text}, Last="z") for text in texts)
        compare(stream, range(0, len(stream), 211), ways=WAYS[:2])


@pytest.mark.parametrize("size", [46, 47, 48, 49, 50])
def test_values_of_a_size_that_is_just_remembered(size: int) -> None:
    texts = ["x" * size, "x" * size, "x" * (size - 1) + "y", "x" * (size - 1), "x" * size, "x" * (size + 1), ""]
    compare(b"".join(message("STATS", File=text, Cookie=text, New=text) for text in texts * 3), ())


@pytest.mark.parametrize(
    "bytes_", [b"\xff", b"\xc3", b"\xe4\xb8\x96", b"\xf0\x9f\x98", b"\x00", b"\x1b", b"\r", b"\r\n"]
)
def test_bytes_anywhere_cut_anywhere(bytes_: bytes) -> None:
    stream = STATS + STATS + OTHER
    for at in range(len(STATS), len(stream), 2):
        compare(stream[:at] + bytes_ + stream[at:], [at, at + 1, at + len(bytes_)])
    compare(STATS + stream.replace(b"x", bytes_), cut_at(stream))


def test_messages_around_the_longest() -> None:
    for longest in range(len(STATS) - 4, len(STATS) + 3):
        for cuts in ((), [len(STATS) + 5], range(0, 3 * len(STATS), 7)):
            compare(STATS * 4, cuts, longest)
    for longest in (sys.maxsize - 1, sys.maxsize, sys.maxsize + 1, 10**30):
        compare(STATS * 4, [5], longest)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Messages of a few layouts, most of them with texts that fit, now and then something in between."""
    names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=5, unique=True)
    types = st.sampled_from(["STATS", "STOP", "SESSION", "PING", "DONE"])
    known = draw(st.lists(st.tuples(types, names), min_size=1, max_size=3))
    parts = []
    for _ in range(draw(st.integers(2, 12))):
        type, fields = draw(st.sampled_from(known))
        part = message(type, **{name: draw(st.sampled_from(TEXTS)) for name in fields})
        parts += [part] * draw(st.integers(1, 2))
        parts += draw(st.sampled_from([[], [], [], [b"\n"], [b"\r\n"], [b"noise\n"], [part[:-5]], [part[3:]], [b"\r"]]))
    return b"".join(parts)


@given(streams(), st.lists(st.integers(0, 1500), max_size=8), st.sampled_from([1 << 20, 1 << 20, 200, 60, 1]))
@settings(max_examples=150)
def test_streams_of_a_few_layouts(stream: bytes, cuts: list[int], max_frame_bytes: int) -> None:
    compare(stream, cuts, max_frame_bytes)


@given(
    st.lists(st.sampled_from([b"\n", b"\r", b"A: ", b"x", b"FASPMGR 2\n", b"Type: A\n", OTHER]), max_size=40), st.data()
)
def test_streams_of_tokens(tokens: list[bytes], data: st.DataObject) -> None:
    stream = OTHER + b"".join(tokens)
    compare(stream, data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))


def test_a_call_that_was_interrupted_is_made_up_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A KeyboardInterrupt while a function is called: what was read before counts as unread, also its lines."""
    reader = Parser()
    reader.feed(SESSION * 3)
    decode = decoder(FIELDS["Tags"])

    def interrupted(text: str) -> Any:
        if text == "[3]":
            monkeypatch.undo()
            raise KeyboardInterrupt
        return decode(text)

    monkeypatch.setattr(layouts, "decoder", lambda field: interrupted if field.wire == "Tags" else decoder(field))
    stream = SESSION + SESSION.replace(b'{"a":[1]}', b"[3]") + b"noise\n\n"
    with pytest.raises(KeyboardInterrupt):
        reader.feed(stream)
    again: list[Any] = reader.feed(b"")
    assert [event.tags for event in again] == [{"a": [1]}, [3]]
    assert [(problem.kind, problem.line) for problem in reader.problems] == [("noise", 1 + 5 * 8)]


# -- objects


def events(stream: bytes) -> list[Any]:
    return list(Parser().feed(stream))


def test_events_are_left_to_reference_counts() -> None:
    """They hold nothing that refers back to them, so the collector need not look at the many of them."""
    first, *_, last = events(STATS * 4)
    assert not gc.is_tracked(last)
    assert gc.is_tracked(first)


def test_a_value_that_stands_still_is_one_object() -> None:
    first, second = events(message("STATS", File="a/b", Size="1000000") * 5)[3:]
    assert first.file is second.file
    assert first.size is second.size
    assert first.extra is not second.extra


def test_a_value_that_can_be_changed_is_never_shared() -> None:
    first, second = events(message("SESSION", Tags='{"a":[1]}') * 5)[3:]
    assert first.tags == second.tags
    assert first.tags is not second.tags


@pytest.mark.skipif(not HAS_GIL, reason="without a GIL the counts lag behind")
def test_no_reference_is_lost() -> None:
    moving = [message("STATS", File=f"file {number}", Size=str(10**6 + number)) for number in range(6)]
    stream = (
        (STATS + STOP + SESSION + OTHER) * 4 + b"noise\n\n" + STATS.replace(b"Size: 5", b"Size: x") + b"".join(moving)
    )
    names = Parser().feed(STATS * 4)[3]._origin
    watched = [None, True, False, StatsEvent, Frame, names, "Send", 5, Parser, Unread]

    def round_() -> None:
        for make in (Parser, Tokenizer):
            reader = make(max_frame_bytes=1000)
            for at in range(0, len(stream), 700):
                reader.feed(stream[at : at + 700])
            wrong: Any
            for wrong in ((), (None, None), (0, 0, 0), (10**30, 0, []), (-1, 0, [])):
                for method in (reader._append, reader._learn, reader._read_clean):
                    with suppress(TypeError, ValueError, OverflowError):
                        method(*wrong)

    def counts() -> list[int]:
        gc.collect()
        return [sys.getallocatedblocks(), *map(sys.getrefcount, watched)]

    def growth() -> list[int]:
        before = counts()
        for _ in range(100):  # 4,600 messages, 200 readers, 3,000 wrong calls
            round_()
        return [after - then for then, after in zip(before, counts())]

    growth()
    assert min(growth(), growth(), growth()) == pytest.approx([0] * (1 + len(watched)), abs=50)


# -- what is done to it


class Slots:
    __slots__ = ("a", "b", "rest")


class OfUnread(Unread):
    __slots__ = ("rest",)


class OfDeque(deque[Any]):
    __slots__ = ("rest",)


REST = Slots.__dict__["rest"]
A = Slots.__dict__["a"]
CONSTANT = (A, 1)
FIELD = (0, "x", None, None, b"\n\n")


def unread(data: bytes = b"") -> Unread:
    reader = Unread()
    reader._max = 1000
    reader._buffer += data
    return reader


def learn(reader: Unread, *fields: Any, **other: Any) -> None:
    wanted: dict[str, Any] = {
        "cls": Slots,
        "head": b"A: ",
        "lines": 2,
        "dict": REST,
        "place": None,
        "constants": (),
        **other,
    }
    arguments: Any = (*wanted.values(), fields or (FIELD,))
    reader._learn(*arguments)


def learn_many(reader: Unread) -> None:
    for _ in range(200):
        learn(reader)


def test_what_is_learnt_is_read() -> None:
    reader = unread()
    learn(reader, (2, "n", A, None, b"\nB: "), FIELD)
    results: list[Any] = []
    assert reader._append(b"A: 17\nB: x\n\nA: 4\nB:", results)
    assert [(result.a, result.rest) for result in results] == [(17, {"x": "x"})]
    assert (bytes(reader._buffer), reader._offset, reader._line) == (b"A: 4\nB:", 12, 3)


@pytest.mark.parametrize(("what", "error"), [
    ({"cls": 1}, TypeError), ({"cls": int}, TypeError),
    ({"cls": OfUnread, "dict": OfUnread.__dict__["rest"]}, TypeError),
    ({"cls": OfDeque, "dict": OfDeque.__dict__["rest"]}, TypeError),
    ({"cls": Unread, "dict": Unread.__dict__["_buffer"]}, TypeError),
    ({"cls": StatsEvent}, TypeError),  # the slots of another class
    ({"head": "A"}, TypeError), ({"head": b""}, ValueError), ({"lines": "2"}, TypeError),
    ({"lines": 10**30}, OverflowError), ({"dict": None}, TypeError),
    ({"dict": Unread.__dict__["_offset"], "cls": Unread}, TypeError), ({"place": 5}, TypeError),
    ({"constants": [CONSTANT]}, TypeError), ({"constants": (CONSTANT, 5)}, TypeError),
    ({"constants": (CONSTANT, (A,))}, TypeError), ({"constants": (CONSTANT, (None, 1))}, TypeError),
])  # fmt: skip
def test_wrong_layouts(what: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        learn(unread(), **what)


@pytest.mark.parametrize(("fields", "error"), [
    ([FIELD] * 129, ValueError), ([FIELD, 5], TypeError), ([FIELD, FIELD[:4]], TypeError),
    ([FIELD, ("0", *FIELD[1:])], TypeError), ([FIELD, (5, *FIELD[1:])], ValueError),
    ([FIELD, (-1, *FIELD[1:])], ValueError), ([FIELD, (0, b"x", None, None, b"")], TypeError),
    ([FIELD, (0, "x", "slot", None, b"")], TypeError), ([FIELD, (0, "x", None, None, "")], TypeError),
    ([FIELD, (3, "x", None, None, b"")], TypeError), ([FIELD, (3, "x", None, (b"a",), b"")], TypeError),
    ([FIELD, (3, "x", None, (("a", 1),), b"")], TypeError), ([FIELD, (3, "x", None, ((b"a", 1, 2),), b"")], TypeError),
])  # fmt: skip
def test_wrong_fields(fields: list[Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        learn(unread(), *fields)


@pytest.mark.parametrize("instead", [None, b"A: x\n\n", memoryview(b"A"), "gone"])
def test_another_buffer(instead: Any) -> None:
    reader = unread()
    if instead == "gone":
        del reader._buffer
    else:
        reader._buffer = instead
    with pytest.raises(TypeError):
        reader._append(b"A: x\n\n", [])
    with pytest.raises(TypeError):
        reader._read_clean(0, False, [])


class Lying(bytearray):
    """What it shows is not what it has; from 3.12 on a class in Python can do that."""

    def __buffer__(self, _: int) -> memoryview:
        return memoryview(shown)


shown = bytearray(b"A: x\n\n" * 100 + b"A:")


def test_a_buffer_that_shows_something_else() -> None:
    for real in (b"", b"A: y\n\n", b"A: y\n\n" * 10_000):
        reader = unread()
        learn(reader)
        reader._buffer = Lying(real)
        results: list[Any] = []
        with suppress(BufferError):
            reader._append(b"A: y\n\n", results)
            reader._append(b"", results)
        reader._read_clean(0, False, results)
        assert {result.rest["x"] for result in results} <= {"x", "y"}


@pytest.mark.parametrize("arguments", [(), (b"",), (b"", [], 1), ("", []), (bytearray(), []), (None, []), (b"", ())])
def test_wrong_bytes(arguments: Any) -> None:
    with pytest.raises(TypeError):
        unread()._append(*arguments)


@pytest.mark.parametrize(("arguments", "error"), [
    ((), TypeError), ((0, 0), TypeError), ((0, 0, ()), TypeError), (("0", 0, []), TypeError),
    ((-1, 0, []), ValueError), ((7, 0, []), ValueError), ((sys.maxsize, 0, []), ValueError),
    ((-sys.maxsize - 1, 0, []), ValueError), ((1 << 64, 0, []), OverflowError),
])  # fmt: skip
def test_wrong_places(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        unread(b"A: x\n\n")._read_clean(*arguments)


EXTREMES = [-(1 << 63), 1 - (1 << 63), -1, 0, 1, (1 << 63) - 2, (1 << 63) - 1]


@pytest.mark.parametrize("offset", EXTREMES)
@pytest.mark.parametrize("searched", EXTREMES)
def test_places_that_are_too_large(offset: int, searched: int) -> None:
    for lines in EXTREMES:
        reader = unread()
        learn(reader, lines=lines, place=A)
        reader._offset, reader._end_searched, reader._line = offset, searched, lines
        results: list[Any] = []
        assert reader._append(b"A: x\n\nA:", results) in (True, False)
        assert reader._append(b" x\n\n", results) in (True, False)
        assert reader._read_clean(0, True, results) <= 12
        assert all(result.rest == {"x": "x"} for result in results)


@pytest.mark.parametrize("longest", [-(1 << 63), -1, 0, 1, (1 << 63) - 1])
def test_any_longest(longest: int) -> None:
    reader = unread()
    learn(reader)
    reader._max = longest
    results: list[Any] = []
    reader._append(b"A: x\n\n" * 3, results)
    assert len(results) == (3 if longest > 5 else 0)


class Index:
    """A number, and what happens when somebody wants to know which one."""

    def __init__(self, number: int, does: Callable[[], Any]) -> None:
        self.number = number
        self.does = does

    def __index__(self) -> int:
        self.does()
        return self.number


def test_learning_while_learning() -> None:
    reader = unread()
    for _ in range(9):
        learn(reader, lines=Index(2, lambda: learn_many(reader)))
    results: list[Any] = []
    assert reader._append(b"A: x\n\n", results)
    assert len(results) == 1


def does(what: Callable[[Unread], Any]) -> tuple[Unread, list[Any], list[Any]]:
    """A reader that does something else in the middle of reading, its results, and what came of it."""
    reader = unread()
    results: list[Any] = []
    came: list[Any] = []

    def called(text: str) -> str:
        try:
            came.append(what(reader))
        except Exception as error:
            came.append(type(error))
        return text

    learn(reader, (4, "x", A, called, b"\nB: "), (0, "y", None, None, b"\n\n"))
    reader._append(b"A: one\nB: two\n\nA: three\nB: four\n\nA: fi", results)
    return reader, results, came


def test_feeding_while_reading() -> None:
    reader, results, came = does(lambda reader: reader._append(b"A: six\nB: seven\n\n", []))
    assert came == [BufferError] * 2
    assert [(result.a, result.rest) for result in results] == [("one", {"y": "two"}), ("three", {"y": "four"})]
    assert bytes(reader._buffer) == b"A: fi"


def test_learning_while_reading() -> None:
    _, results, _ = does(learn_many)
    assert [result.a for result in results] == ["one", "three"]


@pytest.mark.parametrize("what", [
    lambda reader: setattr(reader, "_buffer", bytearray(b"x" * 5000)), lambda reader: delattr(reader, "_buffer"),
    lambda reader: reader._buffer.clear(), lambda reader: reader._buffer.__setitem__(slice(0, 30), b"\n" * 30),
    lambda reader: reader._read_clean(2, False, []), lambda reader: setattr(reader, "_offset", (1 << 63) - 1),
    lambda _: gc.collect(),
])  # fmt: skip
def test_anything_while_reading(what: Callable[[Unread], Any]) -> None:
    """There is no telling what the results should be: that there are any is enough."""
    try:
        _, results, came = does(what)
    except (TypeError, BufferError):
        return
    assert len(results) == len(came) in (1, 2)


def test_reading_again_while_reading() -> None:
    reader = unread()

    def again(text: str) -> str:
        reader._append(b"", [])
        return text

    learn(reader, (4, "x", None, again, b"\n\n"))
    with pytest.raises(BufferError):
        reader._append(b"A: x\n\n", [])


def test_without_init() -> None:
    make: Any
    for make in (Parser, Tokenizer):
        reader = make.__new__(make)
        assert reader._append(STATS, []) is False
        with pytest.raises(AttributeError):
            reader.feed(STATS)


def test_several_threads_in_one_reader() -> None:
    """What they get is of no use, but nothing breaks: also where there is no GIL."""
    reader = unread()
    learn(reader, (4, "x", A, str.upper, b"\nB: "), (2, "y", None, None, b"\n\n"))
    learn(reader, (4, "x", None, lambda text: text, b"\n\n"))
    results: list[Any] = []
    left = []

    def work(number: int) -> None:
        steps: list[Callable[[], Any]] = [
            lambda: reader._append(b"A: one\nB: 2\n\nA: x\n\n", results),
            lambda: reader._append(b"A: one\nB: 2\n", []),
            lambda: reader._append(b"\nA: one", []),
            lambda: reader._read_clean(0, True, results),
            lambda: learn(reader),
            lambda: setattr(reader, "_buffer", bytearray(b"A: y\n\n" * 9)),
            lambda: setattr(reader, "_offset", number),
        ]
        if HAS_GIL or sys.version_info >= (3, 14):  # before, a bytearray does not bear it without a GIL
            steps.append(lambda: reader._buffer.__delitem__(slice(0, 9)))
        for step in islice(cycle(steps), 4000 + number):
            with suppress(BufferError, ValueError):
                step()
        left.append(number)

    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(switching)
    assert sorted(left) == [0, 1, 2, 3]
    assert {type(result) for result in results} == {Slots}


def test_a_reader_in_each_of_several_threads() -> None:
    """They share nothing but classes and names."""
    stream = (STATS + STOP + SESSION) * 30
    wanted = exact(Parser().feed(stream))
    told: list[bool] = []

    def work() -> None:
        for _ in range(10):
            reader = Parser()
            told.append(
                exact([event for part in pieces(stream, range(0, len(stream), 99)) for event in reader.feed(part)])
                == wanted
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert told == [True] * 40


@pytest.mark.parametrize("size", [0, 3, 40])
def test_another_size_of_the_buffer_while_new_bytes_are_read(size: int) -> None:
    """The first message began in the buffer, the second one is read where it is: then the buffer is not held."""
    reader = unread()

    def called(text: str) -> str:
        if text == "two":
            reader._buffer[:] = b"x" * size
        return text

    learn(reader, (4, "x", A, called, b"\n\n"))
    results: list[Any] = []
    assert reader._append(b"A: o", results)
    with suppress(BufferError):
        reader._append(b"ne\n\nA: two\n\nA:", results)
    assert [result.a for result in results] == ["one", "two"]


def test_another_size_of_the_buffer_while_it_is_asked_how_long_a_message_may_be() -> None:
    for _ in range(100):
        reader = unread(b"A: " + b"x" * 100_000)
        reader._max = Index(1000, reader._buffer.clear)  # type: ignore[assignment]
        reader._append(b"\n\n", [])
        assert bytes(reader._buffer) in (b"\n\n", b"")


# -- the count of lines


@given(st.lists(st.sampled_from([b"\n", b"\x0b", b"\x8a", b"\0", b"\xff", b"x"]), max_size=60), st.data())
def test_lines_are_counted(parts: list[bytes], data: st.DataObject) -> None:
    buffer = bytearray(b"".join(parts))
    start, end = (data.draw(st.integers(0, len(buffer))) for _ in range(2))
    assert count_lines(buffer, start, end) == len([byte for byte in buffer[start:end] if byte == 10])


def test_lines_are_counted_only_in_what_is_there() -> None:
    for limits in (
        (-5, 100),
        (0, sys.maxsize),
        (-sys.maxsize - 1, 3),
        (3, 0),
        (sys.maxsize, sys.maxsize),
        (sys.maxsize, -sys.maxsize - 1),
    ):
        assert count_lines(b"\n\n\n", *limits) == (0 if limits[0] > 0 else 3)
    for wrong in ((), ("text", 0, 1), (b"", None, 1), (b"", 0, 2**70)):
        with pytest.raises((TypeError, OverflowError)):
            count_lines(*wrong)
