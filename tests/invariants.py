"""What holds for every stream, whatever its bytes: for the tests with hypothesis, and for fuzz.py."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from unittest import mock

from faspmgr.errors import ProtocolError
from faspmgr.protocol import layouts, tokenizer
from faspmgr.protocol.events import Event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.grammar import MAX_HEADER_BYTES, Grammar
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import KINDS, Problem, excerpt
from faspmgr.protocol.tokenizer import StreamReader, Tokenizer

T = TypeVar("T")

NEVER = 10**9
WHERE_IT_STANDS = {"noise", "no-header", "no-space", "no-field", "repeated"}
"""Kinds of problem whose excerpt is the line at their offset."""


class Outcome(NamedTuple):
    results: list[Any]
    problems: list[Problem]


def pieces(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """The data cut at these places, which may lie outside of it and come in any order."""
    at = [0, *sorted(min(max(cut, 0), len(data)) for cut in cuts), len(data)]
    return [data[start:end] for start, end in pairwise(at)]


def read(reader: StreamReader[T], parts: Iterable[bytes]) -> Outcome:
    """What a new reader makes of a stream that comes in these parts."""
    problems: list[Problem] = []
    reader._on_problem = problems.append
    results = [result for part in parts for result in reader.feed(part)]
    results += reader.close()
    assert reader.problem_count == len(problems)
    return Outcome(results, problems)


def read_by_line(data: bytes, max_frame_bytes: int = 1 << 20, max_data_bytes: int = 0) -> Outcome:
    """What the grammar makes of a whole stream, line by line: the plainest reader there can be."""
    frames: list[Frame] = []
    problems: list[Problem] = []
    grammar = Grammar(problems.append, max_frame_bytes, max_data_bytes)
    start, number = 0, 1
    while True:
        skipped = min(grammar.payload, len(data) - start)
        grammar.payload -= skipped
        number += data.count(b"\n", start, start + skipped)
        start += skipped
        end = data.find(b"\n", start)
        if end < 0:
            break
        frame = grammar.read_line(data[start:end], start, number)
        start, number = end + 1, number + 1
        if frame and grammar.payload and max_data_bytes:
            whole = data[start : start + grammar.payload]
            frame.data = whole[:-2]
            frames += [frame] if len(whole) == grammar.payload else []
        elif frame:
            frames.append(frame)
    rest = len(data) - start
    too_long = rest > MAX_HEADER_BYTES and (grammar.message.size if grammar.message else 0) + rest > max_frame_bytes
    if rest and (too_long or not grammar.message):
        assert grammar.read_line(data[start:], start, number, whole=not too_long) is None
    grammar.end(start, number)
    return Outcome(frames, problems)


def was_matched(result: Frame | Event) -> bool:
    """Was the message matched with a learnt layout? Nothing else shows it: then its places follow from its begin, and
    an event keeps no frame."""
    return isinstance(result._places if isinstance(result, Frame) else result._origin, tuple)


def single_bytes(data: bytes) -> list[bytes]:
    return [data[at : at + 1] for at in range(len(data))]


def check(data: bytes, cuts: Iterable[int], max_frame_bytes: int = 1 << 20, max_data_bytes: int = 0) -> None:
    """Assert all that is promised for every stream, of this one."""
    parts = pieces(data, cuts)
    limits: dict[str, Any] = {"max_frame_bytes": max_frame_bytes, "max_data_bytes": max_data_bytes}
    whole = read(Tokenizer(**limits), [data])
    typed = read(Parser(**limits), [data])
    check_problems(data, typed.problems, max_frame_bytes)

    # The buffer and the fast path make no difference, and neither does where the stream was cut and what was learnt.
    assert read_by_line(data, **limits) == whole
    for sightings in (1, layouts.LEARN_AFTER, NEVER):
        with mock.patch.object(layouts, "LEARN_AFTER", sightings):
            assert read(Tokenizer(**limits), parts) == whole
            assert read(Parser(**limits), parts) == typed
    assert read(Parser(**limits), single_bytes(data)) == typed
    with mock.patch.object(tokenizer, "BLOCK_BYTES", 3):
        assert read(Tokenizer(**limits), parts) == whole

    # A Parser is a Tokenizer, and makes of each frame what Event.from_frame makes of it.
    assert [event.to_frame() for event in typed.results] == whole.results
    assert [Event.from_frame(frame) for frame in whole.results] == typed.results
    assert [problem for problem in typed.problems if problem.kind != "value"] == whole.problems

    for frame in whole.results:
        check_frame(frame)
    check_strict(data, typed, limits)


def check_problems(data: bytes, problems: list[Problem], max_frame_bytes: int) -> None:
    for problem in problems:
        assert problem.kind in KINDS
        assert 0 <= problem.offset <= len(data)
        assert problem.line == 1 + data.count(b"\n", 0, problem.offset)
        assert len(problem.excerpt) <= 80
        assert problem.excerpt.isprintable()
        assert str(problem).isprintable()
        assert len(str(problem)) < 500
        if problem.kind in WHERE_IT_STANDS:
            before = data[max(0, problem.offset - 1) : problem.offset]
            assert before in (b"", b"\n") or b"WRITE" in data  # whose data may end in the middle of a line
            assert problem.excerpt == excerpt(data[problem.offset :][:max_frame_bytes])


def check_frame(frame: Frame) -> None:
    """A frame that was read can be written, and is the same when it is read again, with what secrets it may have had
    as without them."""
    for written in (frame, frame.redacted()):
        again = read(Tokenizer(max_data_bytes=0 if frame.data is None else 1 << 20), [written.encode()])
        assert again.results == [written]
        allowed = set() if frame.data is not None else {"version", "unfinished"}  # the data of a WRITE are missing
        if any(text.endswith("\r") for text in (written.type, *written.fields.values())):
            allowed.add("crlf")  # a CR that belongs to the value, and one that does not
        assert {problem.kind for problem in again.problems} <= allowed


def check_strict(data: bytes, lenient: Outcome, limits: dict[str, Any]) -> None:
    """In strict mode the first problem is raised, and carries what came before it; without one all is the same."""
    reader = Parser(strict=True, **limits)
    results: list[Event] = []
    raised = None
    try:
        results += reader.feed(data)
        results += reader.close()
    except ProtocolError as error:
        raised = error.problem
        results += error.results
    assert raised == (lenient.problems[0] if lenient.problems else None)
    assert results == (before_first_problem(data, limits) if raised else lenient.results)


def before_first_problem(data: bytes, limits: dict[str, Any]) -> list[Event]:
    """The events of the stream up to its first problem. A single byte ends one message at most."""
    reader = Parser(**limits)
    results: list[Event] = []
    for byte in single_bytes(data):
        made = reader.feed(byte)
        if reader.problem_count:
            return results
        results += made
    return results
