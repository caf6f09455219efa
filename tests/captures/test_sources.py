"""Sources of bytes: files, pipes, gzip, files that grow."""

from __future__ import annotations

import gzip
import io
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faspmgr.captures import FilePlace, chunks, pump, sources
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.reading import read
from tests.captures.streams import message, sizes
from tests.privileges import no_right_to_read_anything

WAIT = 10.0
"""Seconds until a test that waits for another thread gives up."""


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "POLL_SECONDS", 0.005)


# -- where bytes come from


def test_read_closes_its_file(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        assert len(list(read(path))) == 1
        next(read(path))
    assert len(os.listdir("/dev/fd")) == before


def test_read_unreadable_source(tmp_path: Path) -> None:
    (tmp_path / "secret").touch(mode=0o000)
    with no_right_to_read_anything(), pytest.raises(PermissionError):
        list(read(tmp_path / "secret"))
    for follow in (False, True):
        with pytest.raises(FileNotFoundError):
            list(read(tmp_path / "none", follow=follow))
    with pytest.raises(IsADirectoryError):
        list(read(tmp_path))
    text: Any = io.StringIO("FASPMGR 2\n")
    with pytest.raises(TypeError, match="binary mode"):
        list(read(text))


def test_read_pipe_message_by_message() -> None:
    receiver, sender = os.pipe()
    with open(receiver, "rb") as source:
        events = read(source)
        for number in range(3):
            os.write(sender, message(number))
            assert sizes([next(events)]) == [number]
        os.close(sender)
        assert list(events) == []


def test_read_descriptor_that_does_not_block() -> None:
    receiver, sender = os.pipe()
    os.set_blocking(receiver, False)
    with open(receiver, "rb", buffering=0) as source:

        def send_and_close() -> None:
            os.write(sender, message(7))
            os.close(sender)

        later = threading.Timer(0.05, send_and_close)
        later.start()
        assert sizes(list(read(source))) == [7]
        later.join()


def test_pump_results_before_a_problem() -> None:
    with pytest.raises(ProtocolError) as raised:
        list(pump(io.BytesIO(message(1) + b"noise\n" + message(2)), Parser(strict=True)))
    assert sizes(raised.value.results) == [1]


# -- files that grow


class Follower:
    """Follows a file in a thread; knows what has arrived so far."""

    def __init__(self, path: Path) -> None:
        self.data = b""
        self.looks = 0
        self.error: Exception | None = None
        self._stop = threading.Event()
        self._path = path
        self._thread = threading.Thread(target=self._follow)

    def _follow(self) -> None:
        try:
            for piece in chunks(str(self._path), follow=True):
                self.data += piece
                self.looks += not piece
                if self._stop.is_set():
                    return
        except Exception as error:
            self.error = error

    def __enter__(self) -> Follower:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(WAIT)
        assert not self._thread.is_alive()

    def wait_for(self, data: bytes) -> None:
        until(lambda: len(self.data) >= len(data))
        assert self.data == data

    def wait_for_a_look(self) -> None:
        """The follower has reached the end of the file, and found nothing more in it."""
        looks = self.looks
        until(lambda: self.looks >= looks + 2)


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.002)


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    path = tmp_path / "growing.fasp"
    path.write_bytes(b"one\n")
    return path


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def test_follow_a_file_that_grows(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for(b"one\n")
        append(growing, b"tw")
        follower.wait_for(b"one\ntw")
        append(growing, b"o\n" + 200_000 * b"x")
        follower.wait_for(b"one\ntwo\n" + 200_000 * b"x")


def test_follow_through_a_rotation(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        old = growing.rename(growing.with_suffix(".1"))
        append(old, b"two, from who still has the old file open\n")
        follower.wait_for(b"one\ntwo, from who still has the old file open\n")
        growing.write_bytes(b"three\n")
        follower.wait_for(b"one\ntwo, from who still has the old file open\nthree\n")
        append(growing, b"four\n")
        follower.wait_for(b"one\ntwo, from who still has the old file open\nthree\nfour\n")


def test_follow_a_rotation_after_the_last_read(growing: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is written to the old file between the last read and the look at its name is not lost."""
    look, looks = os.stat, 0

    def rotate_and_look(path: str) -> os.stat_result:
        nonlocal looks
        looks += 1
        if looks == 1:
            append(growing, b"two\n")
            growing.rename(growing.with_suffix(".1"))
            growing.write_bytes(b"three\n")
        return look(path)

    pieces = chunks(growing, follow=True)
    assert next(pieces) == b"one\n"
    monkeypatch.setattr(os, "stat", rotate_and_look)
    assert next(pieces) == b"two\n"
    assert next(pieces) == b"three\n"


def make_directory(path: Path) -> None:
    path.mkdir()


def make_loop(path: Path) -> None:
    path.symlink_to(path.name)


def remove(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink()


NO_FILES: list[Callable[[Path], object]] = [make_directory, make_loop, os.mkfifo]


@pytest.mark.parametrize("make", NO_FILES, ids=["directory", "loop", "pipe"])
def test_follow_path_that_is_not_a_file_for_a_moment(growing: Path, make: Callable[[Path], object]) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        old = growing.rename(growing.with_suffix(".1"))
        make(growing)
        follower.wait_for_a_look()
        if make is not os.mkfifo:  # which is something to read, too
            append(old, b"two\n")
            follower.wait_for(b"one\ntwo\n")
        remove(growing)
        growing.write_bytes(b"three\n")
        follower.wait_for(b"one\nthree\n" if make is os.mkfifo else b"one\ntwo\nthree\n")
    assert follower.error is None


def test_follow_a_path_that_may_not_be_read_for_a_moment(growing: Path) -> None:
    with no_right_to_read_anything():  # in this thread
        pieces = chunks(growing, follow=True)
        assert [next(pieces), next(pieces)] == [b"one\n", b""]
        growing.unlink()
        growing.touch(mode=0o000)
        assert [next(pieces), next(pieces)] == [b"", b""]
        growing.chmod(0o600)
        append(growing, b"two\n")
        assert next(piece for piece in pieces if piece) == b"two\n"


def test_follow_path_whose_folder_is_a_file_for_a_moment(tmp_path: Path) -> None:
    folder = tmp_path / "logs"
    folder.mkdir()
    path = folder / "live.fasp"
    path.write_bytes(b"one\n")
    with Follower(path) as follower:
        follower.wait_for_a_look()
        folder.rename(tmp_path / "old")
        folder.write_bytes(b"a file in the place of the folder\n")
        follower.wait_for_a_look()
        folder.unlink()
        folder.mkdir()
        path.write_bytes(b"two\n")
        follower.wait_for(b"one\ntwo\n")


@pytest.mark.parametrize("make", [None, make_directory], ids=["gone", "directory"])
def test_follow_path_removed_between_stat_and_open(
    growing: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object] | None
) -> None:
    look, looked = os.stat, False

    def look_and_remove(path: Any, **options: Any) -> os.stat_result:
        nonlocal looked
        if looked or path != str(growing):
            return look(path, **options)
        looked = True
        growing.rename(growing.with_suffix(".1"))
        growing.write_bytes(b"never seen\n")
        found = look(path)
        growing.unlink()
        if make:
            make(growing)
        return found

    pieces = chunks(growing, follow=True)
    assert next(pieces) == b"one\n"
    monkeypatch.setattr(os, "stat", look_and_remove)
    assert next(pieces) == b""
    append(growing.with_suffix(".1"), b"two\n")
    assert next(pieces) == b"two\n"
    if make:
        remove(growing)
    growing.write_bytes(b"three\n")
    assert next(piece for piece in pieces if piece) == b"three\n"


def test_follow_through_two_rotations_with_shorter_files(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        for number in (b"2", b"3"):
            growing.unlink()
            growing.write_bytes(number)
            until(lambda number=number: follower.data.endswith(number))  # type: ignore[misc]
        follower.wait_for(b"one\n23")


@pytest.mark.parametrize("end", [lambda path: os.truncate(path, 0), Path.unlink], ids=["truncated", "removed"])
def test_follow_file_truncated_or_removed(growing: Path, end: Callable[[Path], None]) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        end(growing)
        follower.wait_for_a_look()
        append(growing, b"new\n")
        follower.wait_for(b"one\nnew\n")


def test_follow_a_named_pipe_through_several_writers(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    with Follower(path) as follower:
        path.write_bytes(b"one\n")
        follower.wait_for(b"one\n")
        follower.wait_for_a_look()
        path.write_bytes(b"two\n")
        follower.wait_for(b"one\ntwo\n")


def test_follow_closes_its_file(growing: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        pieces = chunks(growing, follow=True)
        assert next(pieces) == b"one\n"
        assert next(pieces) == b""
        pieces.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/dev/fd")) == before


def test_pump_follow_yields_empty_lists(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(message(1) + message(2)[:10])
    batches = pump(path, Parser(), follow=True)
    assert sizes(next(batches)) == [1]
    assert next(batches) == []
    append(path, message(2)[10:])
    assert sizes(next(batches)) == [2]


@pytest.mark.parametrize("change", ["", "rotated", "truncated"])
@pytest.mark.parametrize("first", [1, 24], ids=["first byte alone", "at once"])
def test_follow_gzip(tmp_path: Path, change: str, first: int) -> None:
    """A compressed file is refused, also if it takes the place of the followed one."""
    path, packed = tmp_path / "log", gzip.compress(b"two\n")
    path.write_bytes(200 * b"x" if change else packed[:first])
    pieces = chunks(path, follow=True)
    if change:
        assert next(pieces) == 200 * b"x"
    if change == "rotated":
        path.rename(tmp_path / "old")
    if change:
        path.write_bytes(packed[:first])
    if first == 1:
        assert next(pieces) == b""
        append(path, packed[1:])
    with pytest.raises(CaptureError, match="a compressed file cannot be followed"):
        next(pieces)


def test_follow_a_file_of_the_first_byte_of_gzip(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"\x1f")
    pieces = chunks(path, follow=True)
    assert next(pieces) == b""
    append(path, b"one")
    assert next(pieces) == b"\x1fone"


@pytest.mark.parametrize("change", ["rotated", "truncated"])
def test_place_of_a_problem_in_the_next_file(tmp_path: Path, change: str) -> None:
    """Line and byte are those of the file that the problem is in."""
    path = tmp_path / "log"
    problems: list[tuple[str, int, int]] = []
    place = FilePlace(lambda problem: problems.append((problem.kind, problem.offset, problem.line)))
    path.write_bytes(message(1) + b"noise\n" + message(22)[:-1])
    batches = pump(path, Parser(on_problem=place.report), follow=True, place=place)
    assert sizes(next(batches)) == [1]
    if change == "rotated":
        path.rename(tmp_path / "old")
    path.write_bytes(message(3) + b"noise\n")
    assert sizes(next(batches)) == [3]
    append(path, message(4))
    assert sizes(next(batches)) == [4]
    first = len(message(1))
    # The message that was cut begins in the first file, two lines after its noise.
    assert problems == [
        ("noise", first, message(1).count(b"\n") + 1),
        ("interrupted", first + len(b"noise\n"), message(1).count(b"\n") + 2),
        ("noise", len(message(3)), message(3).count(b"\n") + 1),
    ]


class Idling:
    """A reader that returns what was called."""

    def feed(self, data: bytes) -> list[str]:
        return [data.decode()]

    def idle(self) -> list[str]:
        return ["idle"]

    def close(self) -> list[str]:
        return ["close"]


def test_pump_idle_of_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = [b"a", *[b""] * 9, b"b", *[b""] * 25, b"c", *[b""] * 10]
    monkeypatch.setattr("faspmgr.captures.feed.chunks", lambda *_, **__: iter(pieces))
    found = list(pump("-", Idling(), follow=True))
    assert found == [["a"], *[[]] * 9, ["b"], *[[]] * 9, ["idle"], *[[]] * 15, ["c"], *[[]] * 9, ["idle"], ["close"]]
    assert list(pump("-", Tokenizer(), follow=True, unwrap="brackets")) == [[]] * 48
