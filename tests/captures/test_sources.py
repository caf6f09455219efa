"""Sources of bytes: files, pipes, gzip, files that grow."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import sys
import threading
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.captures import chunks, pump, sources
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.parser import Parser
from faspmgr.reading import read
from tests.captures.streams import message, results_until_error, sizes
from tests.privileges import no_right_to_read_anything

WAIT = 10.0
"""Seconds until a test that waits for another thread gives up."""


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "POLL_SECONDS", 0.005)


# -- where bytes come from


def test_a_file_is_closed_when_it_was_read(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        assert len(list(read(path))) == 1
        next(read(path))
    assert len(os.listdir("/dev/fd")) == before


def test_what_cannot_be_read(tmp_path: Path) -> None:
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


def test_a_pipe_gives_each_message_as_it_arrives() -> None:
    receiver, sender = os.pipe()
    with open(receiver, "rb") as source:
        events = read(source)
        for number in range(3):
            os.write(sender, message(number))
            assert sizes([next(events)]) == [number]
        os.close(sender)
        assert list(events) == []


def test_a_descriptor_that_does_not_block_is_waited_for() -> None:
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


def test_what_came_before_a_problem_is_not_lost() -> None:
    with pytest.raises(ProtocolError) as raised:
        list(pump(io.BytesIO(message(1) + b"noise\n" + message(2)), Parser(strict=True)))
    assert sizes(raised.value.results) == [1]


# -- gzip


class Pieces(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(self._step)


def test_several_gzip_members_are_one_stream(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = message(1) + message(2) + message(3)
    packed = gzip.compress(data[:40]) + gzip.compress(b"") + gzip.compress(data[40:]) + bytes(300)
    (tmp_path / "x").write_bytes(packed)
    assert sizes(list(read(tmp_path / "x"))) == [1, 2, 3]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    assert sizes(list(read("-"))) == [1, 2, 3]


@pytest.mark.parametrize("members", [1, 2])
def test_gzip_one_byte_at_a_time_through_a_pipe(members: int) -> None:
    data = b"".join(gzip.compress(message(number)) for number in range(members))
    receiver, sender = os.pipe()

    def write() -> None:
        for at in range(len(data)):
            os.write(sender, data[at : at + 1])
        os.close(sender)

    writer = threading.Thread(target=write)
    writer.start()
    with open(receiver, "rb", buffering=0) as source:
        assert sizes(list(read(source))) == list(range(members))
    writer.join(WAIT)


def test_a_live_gzip_stream_gives_what_was_flushed() -> None:
    packer = zlib.compressobj(wbits=31)
    receiver, sender = os.pipe()
    with open(receiver, "rb") as source:
        events = read(source)
        for number in range(3):
            os.write(sender, packer.compress(message(number)) + packer.flush(zlib.Z_SYNC_FLUSH))
            assert sizes([next(events)]) == [number]
        os.write(sender, packer.flush())
        os.close(sender)
        assert list(events) == []


def test_gzip_that_is_cut_off_gives_what_was_there() -> None:
    data = gzip.compress(b"".join(message(number) for number in range(20_000)))
    events, reason = results_until_error(io.BytesIO(data[: len(data) // 2]), CaptureError)
    assert sizes(events) == list(range(len(events)))
    assert len(events) > 5000
    assert reason == "the gzip data is cut off"


WHOLE = gzip.compress(message(1))
FLIPPED = bytearray(WHOLE)
FLIPPED[-5] ^= 0xFF  # in the checksum
LENGTH_FLIPPED = bytearray(WHOLE)
LENGTH_FLIPPED[-1] ^= 0xFF


@pytest.mark.parametrize(
    ("data", "expected", "reason"),
    [
        *((WHOLE[:cut], [], "the gzip data is cut off") for cut in (2, 3, 9, 12)),
        *((WHOLE[:-cut], [1], "the gzip data is cut off") for cut in (1, 4, 8)),
        *((WHOLE + WHOLE[:cut], [1], "the gzip data is cut off") for cut in (1, 2, 9, 12)),
        (WHOLE + b"\x1f\x8b\x01\0", [1], "damaged gzip data: .*"),  # 8 is the only method there is
        (bytes(FLIPPED), [1], "damaged gzip data: .* data check"),
        (bytes(LENGTH_FLIPPED), [1], "damaged gzip data: .* length check"),
        (bytes(FLIPPED) + WHOLE, [1], "damaged gzip data: .*"),
    ],
    ids=[*(f"cut{at}" for at in range(11)), "method", "checksum", "length", "first member"],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_damaged_gzip(data: bytes, expected: list[int], reason: str, step: int) -> None:
    events, raised = results_until_error(Pieces(data, step), CaptureError)
    assert sizes(events) == expected
    assert re.fullmatch(reason, raised)


@pytest.mark.parametrize("number", [0, 1, 20, 5000])
@pytest.mark.parametrize("step", [1, 1000, 1 << 16])
def test_all_that_is_intact_comes_before_the_damage(number: int, step: int) -> None:
    """So many messages, then a block of the type 3, which does not exist; also where one call unpacks all of them."""
    packer = zlib.compressobj(wbits=31)
    intact = b"".join(message(at) for at in range(number))
    data = packer.compress(intact) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07" + bytes(50)
    events, reason = results_until_error(Pieces(data, step), CaptureError)
    assert sizes(events) == list(range(number))
    assert reason.startswith("damaged gzip data: ")


@pytest.mark.parametrize("behind", [b"no gzip", b"\x1fx", bytes(70_000) + b"x", b"FASPMGR 2\nType: DONE\n\n"], ids=len)
@pytest.mark.parametrize("step", [1, 1000])
def test_what_is_behind_gzip_data_is_left_out_with_a_word(behind: bytes, step: int) -> None:
    for data, expected in ((WHOLE, [1]), (WHOLE + gzip.compress(message(2)), [1, 2])):
        lines: list[str] = []
        events = [e for results in pump(Pieces(data + behind, step), Parser(), log=lines.append) for e in results]
        assert (sizes(events), lines) == (expected, ["bytes behind the end of the gzip data are not read"])
        assert sizes(list(read(io.BytesIO(data + behind)))) == expected


def test_zeros_behind_gzip_data_are_padding() -> None:
    for zeros in (1, 100_000):
        assert list(chunks(io.BytesIO(WHOLE + bytes(zeros)), log=pytest.fail)) == [message(1)]


def test_what_a_cut_leaves_in_the_unpacker_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bits may stand for a thousand bytes: they come in pieces, also when no more data does."""
    monkeypatch.setattr(sources, "CHUNK_BYTES", 10)
    data = gzip.compress(bytes(3000))
    for cut in range(11, len(data)):
        pieces: list[bytes] = []
        with contextlib.suppress(CaptureError):
            pieces.extend(chunks(Pieces(data[:cut], 1000)))
        assert b"".join(pieces) == zlib.decompressobj(wbits=31).decompress(data[:cut])


@pytest.mark.parametrize("data", [b"\x1f", b"\x1fFASPMGR 2\n"])
def test_a_first_byte_like_that_of_gzip_is_not_enough(data: bytes) -> None:
    assert b"".join(chunks(io.BytesIO(data))) == data


def test_a_gzip_bomb_comes_in_small_pieces() -> None:
    lengths = [len(piece) for piece in chunks(io.BytesIO(gzip.compress(bytes(50_000_000))))]
    assert max(lengths) <= sources.CHUNK_BYTES
    assert sum(lengths) == 50_000_000


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_gzip_gives_back_any_bytes_however_it_is_cut(data: bytes, step: int) -> None:
    assert b"".join(chunks(Pieces(gzip.compress(data), step))) == data


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
def test_follow_a_path_that_is_no_file_for_a_moment(growing: Path, make: Callable[[Path], object]) -> None:
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


def test_follow_a_path_whose_folder_is_no_folder_for_a_moment(tmp_path: Path) -> None:
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
def test_follow_a_path_that_goes_between_looking_and_opening(
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
def test_follow_a_file_that_begins_again(growing: Path, end: Callable[[Path], None]) -> None:
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


def test_follow_does_not_unpack(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(message(1)))
    with pytest.raises(CaptureError, match="compressed"):
        next(chunks(path, follow=True))


def test_follow_closes_its_file(growing: Path) -> None:
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        pieces = chunks(growing, follow=True)
        assert next(pieces) == b"one\n"
        assert next(pieces) == b""
        pieces.close()  # type: ignore[attr-defined]
    assert len(os.listdir("/dev/fd")) == before


def test_follow_gives_events_and_lists_without_news(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(message(1) + message(2)[:10])
    batches = pump(path, Parser(), follow=True)
    assert sizes(next(batches)) == [1]
    assert next(batches) == []
    append(path, message(2)[10:])
    assert sizes(next(batches)) == [2]
