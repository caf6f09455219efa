"""Recordings by connection: which bytes came on which, in which order, with their place in the file."""

from __future__ import annotations

import os
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from faspmgr import Parser
from faspmgr.captures import Recorded, Recording
from faspmgr.protocol.events import Event
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import StreamReader
from faspmgr.reading import EventReader
from faspmgr.verdicts import Outcome
from tests.captures.streams import message, sizes

Read = tuple[int | None, list[int], bool]
"""Connection, sizes of its messages, and whether it ended."""


def parser(on_problem: Any) -> StreamReader[Event]:
    return Parser(on_problem=on_problem)


def fail(file: str, text: str) -> None:
    raise AssertionError(f"{file}: {text}")


def no_problem(problem: Problem) -> None:
    raise AssertionError(problem)


def read_all(path: Path, problems: list[Problem] | None = None) -> list[Read]:
    """What a recording gives, without the pieces that give nothing."""
    found: list[Read] = []
    recorded = Recorded(str(path), fail)
    for step in recorded.steps():
        for stream, events, ended in step.read(parser, (problems if problems is not None else []).append):
            if events or ended:
                found.append((stream.connection if stream else None, sizes(events), ended))
    return found


def test_a_file_is_divided_among_its_connections(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "r.fasp")
    for number in (1, 2):
        tap = recording.tap(pytest.fail)
        for size in (10, 11):
            tap(message(number * size))
        recording.end(tap)
    recording.close()
    assert read_all(tmp_path / "r.fasp") == [(1, [10, 11], False), (1, [], True), (2, [20, 22], False), (2, [], True)]


def test_a_connection_that_was_cut_takes_nothing_of_the_next(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "r.fasp")
    recording.tap(pytest.fail)(message(1) + b"FASPMGR 2\nType: STATS\nSize: 12")
    recording.tap(pytest.fail)(b"34\n\n" + message(2) + b"noise\n")
    recording.close()
    problems: list[Problem] = []
    assert [read for read in read_all(tmp_path / "r.fasp", problems) if read[1]] == [(1, [1], False), (2, [2], False)]
    data = (tmp_path / "r.fasp").read_bytes()
    # With the place that each has in the file: 4 lines of the first message, then the one that was cut in its third.
    assert [(problem.kind, problem.line, data[problem.offset :][:5]) for problem in problems] == [
        ("unfinished", 5, b"FASPM"),
        ("noise", 7, b"34\n\nF"),
        ("noise", 13, b"noise"),
    ]


def test_what_is_written_after_the_last_connection_is_of_none(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "r.fasp")
    tap = recording.tap(pytest.fail)
    tap(message(1))
    recording.end(tap)
    recording.close()
    with open(tmp_path / "r.fasp", "ab") as file:
        file.write(message(2))
    assert read_all(tmp_path / "r.fasp") == [(1, [1], False), (1, [], True), (None, [2], False)]


def test_connections_at_the_same_time_overlap(tmp_path: Path) -> None:
    """The second one begins while the first one goes on, the third one when it has ended."""
    recording = Recording(tmp_path, parts=2)
    first, second, third = (recording.tap(pytest.fail) for _ in range(3))
    first(message(10) + message(11))
    second(message(20))
    first(message(12))
    recording.end(first)
    third(message(30))
    second(message(21))
    recording.end(second)
    recording.close(Outcome("done"))
    assert read_all(tmp_path) == [
        (1, [10], False),
        (2, [20], False),
        (1, [11, 12], False),
        (1, [], True),
        (3, [30], False),
        (2, [21], False),
        (2, [], True),
        (3, [], True),
    ]
    recorded = Recorded(str(tmp_path), fail)
    recorded.steps()
    assert list(recorded.results.values()) == [Outcome("done")]


def test_a_problem_in_a_directory_is_reported_once(tmp_path: Path) -> None:
    recording = Recording(tmp_path, parts=2)
    recording.tap(pytest.fail)(b"noise\n" + message(1))
    recording.close()
    problems: list[Problem] = []
    read_all(tmp_path, problems)
    assert [(problem.kind, problem.line) for problem in problems] == [("noise", 1)]


def test_files_of_a_directory_in_natural_order(tmp_path: Path) -> None:
    for number in (10, 9, 1, 100):
        (tmp_path / f"part-{number}.fasp").write_bytes(message(number))
    (tmp_path / "other").write_bytes(message(0))
    (tmp_path / "folder.fasp").mkdir()
    os.mkfifo(tmp_path / "pipe.fasp")
    (tmp_path / "link.fasp").symlink_to("part-1.fasp")
    order = [events for _stream, events, _ended in read_all(tmp_path) if events]
    assert order == [[1], [9], [10], [100]]


def test_recordings_that_lie_in_a_directory(tmp_path: Path) -> None:
    """Of one file each, with what is written beside it."""
    for number in (1, 2):
        recording = Recording(tmp_path / f"{number}.fasp")
        recording.tap(pytest.fail)(message(number))
        recording.tap(pytest.fail)(message(10 * number))
        recording.close(Outcome("done", reason=str(number)))
    assert [(read[0], read[1]) for read in read_all(tmp_path) if read[1]] == [(1, [1]), (2, [10]), (1, [2]), (2, [20])]
    recorded = Recorded(str(tmp_path), fail)
    for step in recorded.steps():
        list(step.read(parser, no_problem))
    assert [result.reason for result in recorded.results.values()] == ["1", "2"]


def test_a_recording_is_followed_with_its_connections(tmp_path: Path) -> None:
    path = tmp_path / "r.fasp"
    recording = Recording(path)
    (step,) = (recorded := Recorded(str(path), fail, follow=True)).steps()
    pieces = step.read(parser, no_problem)

    def news() -> list[Read]:
        """What is new: up to the first piece without anything, which comes at the end of the file."""
        found: list[Read] = []
        for stream, events, ended in pieces:
            if not events and not ended and stream is None:
                return found
            if events or ended:
                found.append((stream.connection if stream else None, sizes(events), ended))
        raise AssertionError("the end")

    first, second = recording.tap(pytest.fail), recording.tap(pytest.fail)
    first(message(1))
    assert news() == [(1, [1], False)]
    assert recorded.running
    first(message(2))
    recording.end(first)
    second(message(3))
    assert news() == [(1, [2], False), (1, [], True), (2, [3], False)]
    recording.close(Outcome("lost"))
    assert news() == [(2, [], True)]
    assert (recorded.results, recorded.running) == ({str(path): Outcome("lost")}, False)

    # Another run takes the place of the first one.
    recording = Recording(path)
    assert news() == []
    recording.tap(pytest.fail)(message(4))
    assert news() == [(1, [4], False)]
    recording.close(Outcome("done"))
    assert news() == [(1, [], True)]
    assert list(recorded.results.values()) == [Outcome("lost"), Outcome("done")]


def test_what_is_forged_while_it_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "r.fasp"
    lines: list[str] = []
    path.write_bytes(message(1))
    (tmp_path / "r.fasp.connections").write_text("{")
    (step,) = Recorded(str(path), lambda file, text: lines.append(f"{file}: {text}"), follow=True).steps()
    pieces = step.read(parser, no_problem)
    assert sizes(next(pieces).results) == [1]  # a line that may yet be finished
    (tmp_path / "r.fasp.connections").write_text("{{\n")
    while not lines:
        next(pieces)
    with open(path, "ab") as file:
        file.write(message(2))
    while not (events := next(pieces).results):
        pass
    assert sizes(events) == [2]
    assert lines == [f"{path}.connections: line 1: invalid JSON; the recording is read without it"]


def test_follow_a_log_that_rests(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is followed may be ascp's own log; a session that has stopped is shown though no more comes."""
    monkeypatch.setattr("faspmgr.captures.sources.POLL_SECONDS", 0.001)
    path = tmp_path / "ascp.log"
    path.write_bytes(
        b"LOG FASP Session Start uuid=u op=send status=started source=a dest=b\n"
        b"LOG FASP Session Stop uuid=u op=send status=success source=a dest=b\n"
    )
    (step,) = Recorded(str(path), fail, follow=True).steps()
    pieces = step.read(lambda on_problem: EventReader(on_problem=on_problem), no_problem)
    assert [event.type for piece in islice(pieces, 15) for event in piece.results] == ["INIT", "DONE"]


def test_place_of_a_problem_in_the_next_file_of_a_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faspmgr.captures.sources.POLL_SECONDS", 0.001)
    path = tmp_path / "live.fasp"
    path.write_bytes(message(1) + b"noise\n")
    problems: list[Problem] = []
    (step,) = Recorded(str(path), fail, follow=True).steps()
    pieces = step.read(parser, problems.append)
    assert sizes(next(pieces).results) == [1]
    path.rename(tmp_path / "old")
    path.write_bytes(message(2) + message(3) + b"more noise\n" + message(4))
    assert sizes(next(piece.results for piece in pieces if piece.results)) == [2, 3, 4]
    lines = message(1).count(b"\n")
    assert [(problem.offset, problem.line) for problem in problems] == [
        (len(message(1)), lines + 1),
        (2 * len(message(1)), 2 * lines + 1),
    ]
