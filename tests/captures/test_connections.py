"""The file beside a recording: written line by line, and not trusted."""

from __future__ import annotations

import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from faspmgr.captures import Recorder, Recording
from faspmgr.captures import connections as home
from faspmgr.captures.connections import Begin, Connections, ConnectionsWriter, End
from faspmgr.errors import CaptureError
from faspmgr.verdicts import Failure, Outcome


def lines_of(path: Path) -> list[dict[str, Any]]:
    """The lines, without their time, which is one in UTC."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line.pop("time"))
    return lines


# -- what a recording writes


def test_connections_of_one_file(tmp_path: Path) -> None:
    umask = os.umask(0)
    recording = Recording(tmp_path / "r.fasp")
    os.umask(umask)
    beside = tmp_path / "r.fasp.connections"
    assert stat.S_IMODE(beside.stat().st_mode) == 0o600
    assert lines_of(beside) == []
    first, silent, second = (recording.tap(pytest.fail, part=1, attempt=number) for number in (1, 2, 3))
    first(b"one")
    expected: list[dict[str, Any]] = [{"type": "begin", "connection": 1, "part": 1, "attempt": 1, "offset": 0}]
    assert lines_of(beside) == expected  # at once
    first(b" and more")
    for tap in (first, silent, first):
        recording.end(tap)
    expected += [{"type": "end", "connection": 1, "offset": 12}]
    assert lines_of(beside) == expected
    second(b"two")
    expected += [{"type": "begin", "connection": 3, "part": 1, "attempt": 3, "offset": 12}]
    recording.close(Outcome("failed", Failure(16, "gone"), "because", True))
    recording.close(Outcome("done"))
    error = {"code": 16, "description": "gone"}
    expected += [{"type": "end", "connection": 3, "offset": 15}]
    expected += [{"type": "result", "verdict": "failed", "reason": "because", "interrupted": True, "error": error}]
    assert lines_of(beside) == expected
    assert recording.error is None
    assert (tmp_path / "r.fasp").read_bytes() == b"one and moretwo"


def test_a_connection_in_the_same_file_ends_the_one_before(tmp_path: Path) -> None:
    recording = Recording(tmp_path / "r.fasp")
    recording.tap(pytest.fail)(b"one")
    recording.tap(pytest.fail)(b"two")
    recording.close()
    lines = [(line["type"], line["connection"], line["offset"]) for line in lines_of(tmp_path / "r.fasp.connections")]
    assert lines == [("begin", 1, 0), ("end", 1, 3), ("begin", 2, 3), ("end", 2, 6)]


def test_connections_of_a_directory(tmp_path: Path) -> None:
    recording = Recording(tmp_path, parts=2)
    first, second = recording.tap(pytest.fail, 1, 1), recording.tap(pytest.fail, 2, 1)
    assert not list(tmp_path.iterdir())  # nothing has come
    second(b"two")
    first(b"one")
    recording.end(second)
    recording.close(Outcome("done"))
    (beside,) = tmp_path.glob("*.connections")
    names = {path.read_bytes(): path.name for path in tmp_path.glob("*.fasp")}
    assert lines_of(beside) == [
        {"type": "begin", "connection": 2, "part": 2, "attempt": 1, "file": names[b"two"], "offset": 0},
        {"type": "begin", "connection": 1, "part": 1, "attempt": 1, "file": names[b"one"], "offset": 0},
        {"type": "end", "connection": 2, "offset": 3},
        {"type": "end", "connection": 1, "offset": 3},
        {"type": "result", "verdict": "done", "reason": "", "interrupted": False, "error": None},
    ]


def test_recordings_in_one_directory_do_not_mix(tmp_path: Path) -> None:
    """At the same time, and of one process."""
    recordings = [Recording(tmp_path) for _ in range(3)]
    for number, recording in enumerate(recordings):
        recording.tap(pytest.fail)(b"%d" % number)
    for recording in recordings:
        recording.close()
        assert recording.error is None
    assert sorted(path.read_bytes() for path in tmp_path.glob("*.fasp")) == [b"0", b"1", b"2"]
    files = [lines_of(path)[0]["file"] for path in tmp_path.glob("*.connections")]
    assert len(files) == len(set(files)) == 3


def test_what_was_written_about_an_older_recording_goes_with_it(tmp_path: Path) -> None:
    beside = tmp_path / "r.fasp.connections"
    for make in (Recording, Recorder):
        (tmp_path / "r.fasp").write_bytes(b"older")
        beside.write_text("older")
        recording = make(tmp_path / "r.fasp")
        assert not beside.exists() or not beside.read_bytes()
        recording.close()


def test_what_lies_at_its_place_is_not_written_to(tmp_path: Path) -> None:
    (tmp_path / "important").write_text("important")
    (tmp_path / "r.fasp.connections").symlink_to(tmp_path / "important")
    recording = Recording(tmp_path / "r.fasp")
    recording.tap(pytest.fail)(b"one")
    recording.close()
    assert (tmp_path / "important").read_text() == "important"
    assert not (tmp_path / "r.fasp.connections").is_symlink()


def test_what_is_no_regular_file_has_none(tmp_path: Path) -> None:
    for path in ("/dev/null", "/dev/fd/1"):
        before = set(os.listdir("/dev"))
        recording = Recording(path)
        recording.tap(pytest.fail)(b"")
        recording.close(Outcome("done"))
        assert recording.error is None
        assert set(os.listdir("/dev")) == before


def test_a_link_to_the_recording(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "r.fasp").touch()
    (tmp_path / "link").symlink_to("a/r.fasp")
    Recording(tmp_path / "link").close(Outcome("done"))
    assert len(lines_of(tmp_path / "a" / "r.fasp.connections")) == 1


def test_a_place_where_it_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "r.fasp.connections").mkdir()
    with pytest.raises(OSError, match=r"r\.fasp\.connections"):
        Recording(tmp_path / "r.fasp")


def test_a_full_disk_ends_it_and_harms_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    recording = Recording(tmp_path / "r.fasp")
    full = os.open("/dev/full", os.O_WRONLY)
    assert recording._connections
    assert recording._connections._file
    os.dup2(full, recording._connections._file.fileno())
    os.close(full)
    tap = recording.tap(lines.append)
    tap(b"one")
    tap(b"two")
    recording.end(tap)
    recording.close(Outcome("done"))
    assert recording.error == f"{tmp_path}/r.fasp.connections: No space left on device"
    assert lines == [f"the recording is not complete: {recording.error}"]
    assert (tmp_path / "r.fasp").read_bytes() == b"onetwo"


def test_a_text_that_is_no_utf_8(tmp_path: Path) -> None:
    writer = ConnectionsWriter(str(tmp_path / "x"))
    writer.result(Outcome("failed", Failure(1, "caf\udce9"), "\udcff"))
    writer.close()
    assert Connections(str(tmp_path / "x")).read_all() == [Outcome("failed", Failure(1, "caf\ufffd"), "\ufffd")]


def test_a_long_text_that_needs_many_bytes(tmp_path: Path) -> None:
    writer = ConnectionsWriter(str(tmp_path / "x"))
    writer.result(Outcome("failed", Failure(1, "\U0001f600" * 4_000_000), "\U0001f600\x1f" * 1_000_000))
    writer.close()
    data = (tmp_path / "x").read_bytes()
    assert len(data) <= home.MAX_LINE_BYTES
    (result,) = Connections(str(tmp_path / "x")).read_all()
    assert isinstance(result, Outcome)
    assert result.error == Failure(1, "\U0001f600" * home.MAX_TEXT_CHARS)
    assert result.reason == "\U0001f600\x1f" * (home.MAX_TEXT_CHARS // 2)


# -- what a reader accepts


def test_it_is_read_as_it_grows(tmp_path: Path) -> None:
    writer = ConnectionsWriter(str(tmp_path / "x"))
    connections = Connections(str(tmp_path / "x"))
    assert list(connections.read()) == []
    writer.begin(1, 0, None, 1, 1)
    assert list(connections.read()) == [Begin(1, 0)]
    with open(tmp_path / "x", "ab") as file:
        file.write(b'{"type":"end","connec')
    assert list(connections.read()) == []
    with open(tmp_path / "x", "ab") as file:
        file.write(b'tion":1,"offset":5}\n')
    assert list(connections.read()) == [End(1, 5)]
    writer.close()
    connections.close()


def test_what_is_not_known_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text('{"type":"weather"}\n{"type":"begin","connection":1,"offset":0,"colour":"red"}\n{}\n')
    assert Connections(str(path)).read_all() == [Begin(1, 0)]


@pytest.mark.parametrize(
    ("limit", "value", "words"),
    [
        ("MAX_FILE_BYTES", 100, "more than 100 bytes"),
        ("MAX_LINE_BYTES", 20, "line 1: too long"),
    ],
)
def test_limits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, words: str) -> None:
    path = tmp_path / "x"
    path.write_text("".join(f'{{"type":"begin","connection":{number},"offset":0}}\n' for number in range(10)))
    assert len(Connections(str(path)).read_all()) == 10
    monkeypatch.setattr(home, limit, value)
    with pytest.raises(CaptureError, match=words):
        Connections(str(path)).read_all()


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    with pytest.raises(CaptureError, match="not a regular file"):
        Connections(str(tmp_path / "x"))
