"""What callers of a reader may do wrong, and what interrupts it: with the accelerator and the fallback."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from typing import Any

import pytest

import faspmgr
from faspmgr.captures.unwrap import Unwrapper
from faspmgr.protocol.events import Event, OtherEvent
from faspmgr.protocol.fields import FIELDS, decoder
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.reading import EventReader
from tests.invariants import pieces, read
from tests.twins import FAST, PURE

BOTH = pytest.mark.parametrize("modules", [FAST, PURE], ids=["accelerator", "fallback"])


def stats(size: int) -> bytes:
    return b"FASPMGR 2\nType: STATS\nSize: %d\nLoss: 0\n\n" % size


# Problems between, before and inside of messages, and messages of a cached layout.
STREAM = (
    b"one\n" + b"".join(map(stats, range(5))) + b"two\n\n" + stats(5).replace(b"\n", b"\r\n") + stats(6) + b"\n\n"
    b"FASPMGR 2\nType: STATS\nnoise\nSize: x\nLoss: y\n\n" + stats(8) + b"Type: NOP\n\n" + stats(9) + stats(10)[:-1]
)  # fmt: skip


class Failing:
    """A callback that notes each problem, and raises for each one or for some."""

    def __init__(self, error: type[BaseException], every: int = 1) -> None:
        self.problems: list[Problem] = []
        self.error = error
        self.every = every

    def __call__(self, problem: Problem) -> None:
        self.problems.append(problem)
        if len(self.problems) % self.every == 0:
            raise self.error(str(len(self.problems)))


def read_on(reader: Any, parts: list[bytes], error: type[BaseException]) -> list[Any]:
    """The results of all calls. After each that raises, close() and feed(b"") are called until they return."""
    results: list[Any] = []
    for call in [*((lambda part=part: reader.feed(part)) for part in parts), reader.close]:
        repeat = call
        while True:
            try:
                results += repeat()
                break
            except error:
                repeat = reader.close if call == reader.close else (lambda: reader.feed(b""))
    return results


@BOTH
@pytest.mark.parametrize("name", ["Parser", "Tokenizer"])
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, faspmgr.ProtocolError])
@pytest.mark.parametrize("every", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_on_problem_that_raises(modules: Any, name: str, error: Any, every: int, size: int) -> None:
    if error is faspmgr.ProtocolError:
        error = type("Mine", (ValueError,), {})
    plain = read(modules.reader(name), [STREAM])
    failing = Failing(error, every)
    reader = modules.reader(name, on_problem=failing)
    assert read_on(reader, pieces(STREAM, range(0, len(STREAM), size)), error) == plain.results
    assert failing.problems == plain.problems == reader.problems


def test_on_problem_that_raises_in_strict_mode() -> None:
    parser = Parser(strict=True, on_problem=Failing(LookupError))
    with pytest.raises(LookupError):
        parser.feed(stats(1) + b"noise\n\n")
    with pytest.raises(faspmgr.ProtocolError):
        parser.feed(stats(2))


def test_on_problem_that_raises_at_a_line_of_a_log() -> None:
    log = b"".join(b"L [line=[%s]]\n" % line for line in STREAM.replace(b"\r", b"").split(b"\n"))
    expected: list[Problem] = []
    wanted = Unwrapper(Parser(on_problem=expected.append), r"line=\[(.*)\]\]")
    results = wanted.feed(log) + wanted.close()
    for size in (1, 30, 10_000):
        failing = Failing(ValueError)
        unwrapper = Unwrapper(Parser(on_problem=failing), r"line=\[(.*)\]\]")
        assert read_on(unwrapper, pieces(log, range(0, len(log), size)), ValueError) == results
        assert failing.problems == expected
    assert len(results) == 12


def calls_of(reader: Any) -> list[Callable[[], Any]]:
    calls = [lambda: reader.feed(b"x"), lambda: reader.feed(b""), reader.close]
    if isinstance(reader, (Parser, Tokenizer)):
        calls += [lambda: reader.feed_line(b"x", 0, 1), lambda: reader.skip_line(0, 1)]
    return calls


@pytest.mark.parametrize(
    "make_reader",
    [Parser, Tokenizer, EventReader, lambda on_problem: Unwrapper(Parser(on_problem=on_problem), "L (.*)")],
    ids=["Parser", "Tokenizer", "EventReader", "Unwrapper"],
)
def test_on_problem_that_calls_the_reader(make_reader: Any) -> None:
    raised: list[str] = []

    def on_problem(_: Problem) -> None:
        for call in calls_of(reader):
            with pytest.raises(RuntimeError, match="on_problem must not call the reader"):
                call()
            raised.append("")

    reader = make_reader(on_problem=on_problem)
    prefix = b"L " if isinstance(reader, Unwrapper) else b""
    lines = [prefix + line + b"\n" for line in b"FASPMGR 2\nType: NOP\nnoise\n\nFASPMGR 2\nType: NOP".split(b"\n")]
    results = reader.feed(b"".join(lines))
    assert len(results) == 1
    reader.close()
    assert len(raised) in (6, 10)  # two problems: no-field and unfinished, unless the end of the log ends it
    with pytest.raises(ValueError, match="closed"):
        reader.feed(b"") if not isinstance(reader, Unwrapper) else reader._reader.feed(b"")


# -- interrupted


@BOTH
@pytest.mark.parametrize("cached", [False, True])
def test_cr_of_a_piece_that_was_interrupted(modules: Any, cached: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A CR must not be forgotten: the message that it ends would wait for a LF LF."""
    session = b"FASPMGR 2\nType: SESSION\nTags: {}\n\n"
    interrupted: list[str] = []

    def decode(text: str) -> Any:
        if text == "[3]" and not interrupted:
            interrupted.append(text)
            raise KeyboardInterrupt
        return decoder(FIELDS["Tags"])(text)

    monkeypatch.setitem(modules.parser.make_event.__globals__["_DECODERS"], "Tags", decode)
    monkeypatch.setattr(modules.layouts, "decoder", lambda field: decode if field.wire == "Tags" else decoder(field))
    reader = modules.reader("Parser")
    results = reader.feed(session * (4 if cached else 1))
    with pytest.raises(KeyboardInterrupt):
        reader.feed(session + session.replace(b"{}", b"[3]") + b"FASPMGR 2\r\nType: NOP\r\n\r\n")
    results += reader.feed(b"")
    assert [event.to_dict().get("tags") for event in results[-3:]] == [{}, [3], None]
    assert [problem.kind for problem in reader.problems] == ["crlf"]
    assert len(results) == (7 if cached else 4)


# -- arguments

ours: Any = faspmgr  # whose types would refuse these
event_reader: Any = EventReader


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: ours.Parser(max_frame_bytes=1.5), TypeError, "invalid max_frame_bytes: 1.5: use a whole number"),
        (lambda: ours.Parser(max_frame_bytes=True), TypeError, "invalid max_frame_bytes: True"),
        (lambda: ours.Parser(max_frame_bytes=0), ValueError, "invalid max_frame_bytes: 0: use at least 1"),
        (lambda: ours.Parser(max_data_bytes="x"), TypeError, "invalid max_data_bytes: 'x'"),
        (lambda: ours.Tokenizer(max_data_bytes=-1), ValueError, "invalid max_data_bytes: -1: use at least 0"),
        (lambda: ours.Tokenizer(max_data_bytes=None), TypeError, "invalid max_data_bytes: None"),
        (lambda: ours.Parser(on_problem=5), TypeError, "invalid on_problem: 5: use a function, or None"),
        (lambda: ours.Parser(print), TypeError, "invalid strict: <built-in function print>: use True or False"),
        (lambda: event_reader(on_problem="x"), TypeError, "invalid on_problem: 'x'"),
        (lambda: event_reader(max_data_bytes=1.5), TypeError, "invalid max_data_bytes: 1.5"),
        (lambda: event_reader(strict=1), TypeError, "invalid strict: 1"),
        (lambda: ours.read(5), TypeError, "invalid source: 5: use a path, '-' or a file in binary mode"),
        (lambda: ours.read(b"path"), TypeError, "invalid source: b'path'"),
        (lambda: ours.read(None), TypeError, "invalid source: None"),
        (lambda: ours.read(io.StringIO()), TypeError, "binary mode"),
        (lambda: ours.read("x", follow=5), TypeError, "invalid follow: 5"),
        (lambda: ours.read("x", unwrap="("), ValueError, "invalid regular expression"),
        (lambda: ours.read("x", unwrap=5), TypeError, "unwrap"),
        (lambda: ours.Frame(5, {}), TypeError, "invalid type: 5: use text"),
        (lambda: ours.Frame("NOP", [("Size", "5")]), TypeError, r"invalid fields: \[.*: use a dict of texts"),
        (lambda: ours.Frame("NOP", {"Size": 5}), TypeError, "invalid fields: .*: use a dict of texts"),
        (lambda: ours.Frame("NOP", {5: "x"}), TypeError, "invalid fields: .*: use a dict of texts"),
        (lambda: ours.Frame("NOP", {}, "2"), TypeError, "invalid version: '2': use a whole number"),
        (lambda: ours.Frame("NOP", {}, data="x"), TypeError, "invalid data: 'x': use bytes, or None"),
        (lambda: ours.commands.Finish(now="yes"), TypeError, "'now' must be <class 'bool'> .got 'yes'"),
    ],
)  # fmt: skip
def test_invalid_argument(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# -- names that are the same in Python


def test_to_dict_of_fields_with_one_python_name() -> None:
    def shown(count: int) -> tuple[list[str], float]:
        # x_X_x and its like: each is x_x_x in snake case.
        names = ["_".join(format(at, "010b").replace("0", "x").replace("1", "X")) for at in range(count)]
        event: Event = OtherEvent(type="NEW", extra=dict.fromkeys(names, ""))
        start = time.perf_counter()
        for _ in range(20):
            found = event.to_dict()
        return list(found), time.perf_counter() - start

    few, many = min(shown(100)[1] for _ in range(3)), min(shown(1000)[1] for _ in range(3))
    assert len(shown(1000)[0]) == 1001
    assert many < 40 * few  # ten times as many; before, it took 800 times as long
