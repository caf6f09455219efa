"""check: every deviation with file, line and offset, as counted in the input by hand."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faspmgr.protocol.commands import Close, Put, SetRate, Write
from faspmgr.protocol.problems import KINDS
from tests.cli.terminal import invoke

GOOD = b"FASPMGR 2\nType: NOP\n\n"

# kind -> input with one problem of it, line, offset; line and offset counted by hand
DEVIATIONS = {
    "noise": (GOOD + b"hello\n" + GOOD, 4, 21),
    "empty-lines": (GOOD + b"\n\n" + GOOD, 4, 21),
    "no-header": (GOOD + b"Type: NOP\n\n", 4, 21),
    "version": (b"FASPMGR 3\nType: NOP\n\n", 1, 0),
    "crlf": (b"FASPMGR 2\r\nType: NOP\r\n\r\n", 1, 0),
    "no-space": (b"FASPMGR 2\nType: STATS\nSize:1\n\n", 3, 22),
    "no-field": (b"FASPMGR 2\nType: NOP\nhello\n\n", 3, 20),
    "repeated": (b"FASPMGR 2\nType: STATS\nSize: 1\nSize: 2\n\n", 4, 30),
    "no-type": (GOOD + b"FASPMGR 2\nSize: 1\n\n" + GOOD, 4, 21),
    "interrupted": (GOOD + b"FASPMGR 2\nType: STATS\n" + GOOD, 4, 21),
    "oversized": (GOOD + b"FASPMGR 2\nType: STATS\nFile: " + 1_100_000 * b"x" + b"\n\n" + GOOD, 4, 21),
    "unfinished": (GOOD + b"FASPMGR 2\nType: STATS\nSize: 1", 4, 21),
    "value": (b"FASPMGR 2\nType: STATS\nSize: -1\n\n", 3, 22),
}


def test_there_is_an_example_of_each_kind() -> None:
    assert set(DEVIATIONS) == set(KINDS)


@pytest.mark.parametrize("kind", DEVIATIONS)
def test_each_kind_is_reported_with_its_place(kind: str, tmp_path: Path) -> None:
    data, line, offset = DEVIATIONS[kind]
    path = tmp_path / "x.fasp"
    path.write_bytes(data)
    result = invoke("check", path)
    assert result.status == 4
    assert len(result.errors) == 1
    assert result.err.startswith(f"{path}:{line}: byte {offset}: {kind}: ")
    assert result.text.endswith("1 problem\n")
    (problem,) = json.loads(invoke("check", "--json", path).text)["problems"]
    assert problem == {**problem, "file": str(path), "kind": kind, "line": line, "offset": offset}
    assert result.errors[0].endswith(problem["excerpt"])


@pytest.mark.parametrize("kind", DEVIATIONS)
def test_strict_stops_at_the_first(kind: str) -> None:
    more = b"" if kind == "unfinished" else b"\n\nmore\n"
    result = invoke("check", "--strict", stdin=DEVIATIONS[kind][0] + more)
    assert result.status == 4
    assert len(result.errors) == 1
    assert f": {kind}: " in result.err


def test_clean_captures(captures: list[Path]) -> None:
    for path in captures:
        if path.name != "breaks-off.fasp":
            result = invoke("check", path)
            assert (result.status, result.err) == (0, "")
            assert result.text.endswith(" no problem\n")


def test_the_capture_that_breaks_off(fixtures: Path) -> None:
    path = fixtures / "sessions" / "breaks-off.fasp"
    offset = path.stat().st_size - 81  # README: 6 messages, then 81 bytes of a seventh
    line = path.read_bytes()[:offset].count(b"\n") + 1
    result = invoke("check", path)
    assert result.status == 4
    assert result.text == f"{path}: 6 messages, 1 problem\n"
    assert result.err.startswith(f"{path}:{line}: byte {offset}: unfinished: ")


def test_all_problems_are_listed_also_many_of_a_kind() -> None:
    data = b"FASPMGR 2\nType: NOP\nhello\n\n" * 2500
    assert len(invoke("check", stdin=data).errors) == 2500
    report = json.loads(invoke("check", "--json", stdin=data).text)
    assert report["problem_count"] == len(report["problems"]) == 2500
    assert report["files"] == [{"file": "<stdin>", "messages": 2500, "error": None}]


def test_json_of_a_clean_file(fixtures: Path) -> None:
    path = fixtures / "examples" / "done.fasp"
    text = invoke("check", "--json", path).text
    assert text == f'{{"problems":[\n],"problem_count":0,"files":[{{"file":"{path}","messages":1,"error":null}}]}}\n'


def test_several_files_are_told_apart(fixtures: Path, tmp_path: Path) -> None:
    good, bad = fixtures / "examples" / "done.fasp", tmp_path / "bad.fasp"
    bad.write_bytes(DEVIATIONS["no-field"][0])
    result = invoke("check", good, bad)
    assert result.lines == [f"{good}: 1 message, no problem", f"{bad}: 1 message, 1 problem"]
    assert result.err.startswith(f"{bad}:3: ")


def test_a_file_that_cannot_be_read(fixtures: Path) -> None:
    good = fixtures / "examples" / "done.fasp"
    result = invoke("check", "nosuch", good)
    assert result.status == 2
    assert result.lines == ["nosuch: 0 messages, no problem, not read to its end", f"{good}: 1 message, no problem"]
    report = json.loads(invoke("check", "--json", "nosuch", good).text)
    assert [file["error"] for file in report["files"]] == ["No such file or directory", None]


def test_lines_are_those_of_the_log_that_was_unwrapped(tmp_path: Path) -> None:
    path = tmp_path / "app.log"
    path.write_text("start\nx line=[FASPMGR 2]\nx line=[Type: NOP]\nx line=[hello]\nx line=[]\n")
    result = invoke("check", "--unwrap", "brackets", path)
    assert result.err.startswith(f"{path}:4: byte 44: no-field: ")


def test_a_stream_of_a_file_has_no_problem() -> None:
    inside = b"FASPMGR 3\nnonsense\n\n\n"  # data, not a message
    sent = [Put("/a"), Write("/a", 0, inside), Write("/a", len(inside), b""), SetRate(5), Close("/a")]
    result = invoke("check", "--strict", stdin=b"".join(command.encode() for command in sent))
    assert result == (0, b"<stdin>: 5 messages, no problem\n", "")
    cut = invoke("check", stdin=Write("/a", 0, inside).encode()[:-3])
    assert (cut.status, cut.text) == (4, "<stdin>: 1 message, 1 problem\n")
    assert "unfinished: the stream ends in the data of a WRITE" in cut.err
