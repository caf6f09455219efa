"""Sources of bytes: files, pipes, gzip, files that grow, messages inside of other logs; and recording."""

from __future__ import annotations

import gzip
import io
import os
import re
import stat
import sys
import threading
import time
import zlib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.captures import sources as captures
from faspmgr.captures.recorder import Recorder
from faspmgr.captures.sources import chunks, pump
from faspmgr.captures.unwrap import Unwrapper
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser, parse
from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.reading import read

WAIT = 10.0
"""Seconds until a test that waits for another thread gives up."""


def message(number: int) -> bytes:
    return b"FASPMGR 2\nType: STATS\nSize: %d\n\n" % number


def sizes(events: list[Event]) -> list[int]:
    return [event.size for event in events]  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(captures, "POLL_SECONDS", 0.005)


# ---------------------------------------------------------------------------------------------------------------------
# Where bytes come from


def test_a_path_as_text_or_path_object(capture: Path) -> None:
    expected = parse(capture.read_bytes())
    assert list(read(str(capture))) == list(read(capture)) == expected


def test_a_binary_file(capture: Path) -> None:
    expected = parse(capture.read_bytes())
    assert list(read(io.BytesIO(capture.read_bytes()))) == expected
    with capture.open("rb") as buffered, capture.open("rb", buffering=0) as raw:
        assert list(read(buffered)) == list(read(raw)) == expected


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(message(1) + message(2))))
    assert sizes(list(read("-"))) == [1, 2]


def test_a_file_is_closed_when_it_is_through(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    before = len(os.listdir("/dev/fd"))
    for _ in range(3):
        assert len(list(read(path))) == 1
        next(read(path))
    assert len(os.listdir("/dev/fd")) == before


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "none"))
    with pytest.raises(FileNotFoundError):
        list(read(tmp_path / "none", follow=True))


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        list(read(tmp_path))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.touch(mode=0o000)
    with pytest.raises(PermissionError):
        list(read(path))


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read(tmp_path / "empty")) == []


def test_a_text_file_is_refused() -> None:
    source: Any = io.StringIO("FASPMGR 2\n")
    with pytest.raises(TypeError, match="binary mode"):
        list(read(source))


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


def test_what_came_before_a_problem_in_strict_mode_is_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(message(1) + b"noise\n" + message(2))
    reader = Parser(strict=True)
    with pytest.raises(ProtocolError) as raised:
        list(pump(path, reader))
    assert sizes(raised.value.results) == [1]


# ---------------------------------------------------------------------------------------------------------------------
# gzip


def test_gzip_is_recognised_by_its_content(capture: Path, tmp_path: Path) -> None:
    path = tmp_path / "no-ending"
    path.write_bytes(gzip.compress(capture.read_bytes()))
    assert list(read(path)) == parse(capture.read_bytes())


def test_several_gzip_members_are_one_stream(tmp_path: Path) -> None:
    data = message(1) + message(2) + message(3)
    path = tmp_path / "x"
    path.write_bytes(gzip.compress(data[:40]) + gzip.compress(b"") + gzip.compress(data[40:]) + bytes(300))
    assert sizes(list(read(path))) == [1, 2, 3]


def test_gzip_from_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(message(5)))))
    assert sizes(list(read("-"))) == [5]


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


def results_until_error(source: Any, error: type[Exception]) -> tuple[list[Event], str]:
    events: list[Event] = []
    try:
        for results in pump(source, Parser()):
            events += results
    except error as raised:
        return events, str(raised)
    raise AssertionError("no error")


def test_gzip_that_is_cut_off_gives_what_was_there() -> None:
    data = gzip.compress(b"".join(message(number) for number in range(20_000)))
    events, reason = results_until_error(io.BytesIO(data[: len(data) // 2]), CaptureError)
    assert sizes(events) == list(range(len(events)))
    assert len(events) > 5000
    assert reason == "the gzip data is cut off"


@pytest.mark.parametrize("cut", [2, 3, 9, 12])
def test_gzip_that_is_cut_off_at_its_very_start(cut: int) -> None:
    events, reason = results_until_error(io.BytesIO(gzip.compress(message(1))[:cut]), CaptureError)
    assert (events, reason) == ([], "the gzip data is cut off")


def test_damaged_gzip_gives_what_was_there() -> None:
    whole = gzip.compress(message(1))
    events, reason = results_until_error(io.BytesIO(whole + b"no gzip any more"), CaptureError)
    assert sizes(events) == [1]
    assert reason.startswith("damaged gzip data")
    flipped = bytearray(whole)
    flipped[-5] ^= 0xFF  # the checksum
    assert results_until_error(io.BytesIO(bytes(flipped)), CaptureError)[1].startswith("damaged gzip data")


def test_a_first_byte_like_that_of_gzip_is_no_gzip() -> None:
    assert b"".join(chunks(io.BytesIO(b"\x1f"))) == b"\x1f"
    assert b"".join(chunks(io.BytesIO(b"\x1fFASPMGR 2\n"))) == b"\x1fFASPMGR 2\n"


def test_a_gzip_bomb_comes_in_small_pieces() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    total = 0
    for piece in chunks(io.BytesIO(bomb)):
        assert len(piece) <= captures.CHUNK_BYTES
        total += len(piece)
    assert total == 50_000_000


@given(st.binary(max_size=2000), st.integers(1, 50))
def test_gzip_gives_back_any_bytes_however_it_is_cut(data: bytes, step: int) -> None:
    packed = gzip.compress(data)
    pieces = iter([packed[at : at + step] for at in range(0, len(packed), step)])
    assert b"".join(captures._unpack(pieces)) == data


# ---------------------------------------------------------------------------------------------------------------------
# Files that grow


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


def test_follow_a_rotation_between_the_last_read_and_the_look_at_the_name(
    growing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is written to the old file in that moment is not lost."""
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


def test_follow_through_two_rotations_with_shorter_files(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        for number in (b"2", b"3"):
            growing.unlink()
            growing.write_bytes(number)
            until(lambda number=number: follower.data.endswith(number))  # type: ignore[misc]
        follower.wait_for(b"one\n23")


def test_follow_through_a_truncation(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        os.truncate(growing, 0)
        follower.wait_for_a_look()
        append(growing, b"new\n")
        follower.wait_for(b"one\nnew\n")


def test_follow_a_file_that_was_removed_waits_for_the_next(growing: Path) -> None:
    with Follower(growing) as follower:
        follower.wait_for_a_look()
        growing.unlink()
        follower.wait_for_a_look()
        growing.write_bytes(b"again\n")
        follower.wait_for(b"one\nagain\n")


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


# ---------------------------------------------------------------------------------------------------------------------
# Messages inside of other logs

EXAMPLES = {  # of the vendor's document, in its order; the names of fixtures/examples/
    "init": "INIT",
    "session": "SESSION",
    "notification-rate": "NOTIFICATION",
    "notification-job-size": "NOTIFICATION",
    "stats": "STATS",
    "stop": "STOP",
    "skip": "SKIP",
    "argstop": "ARGSTOP",
    "done": "DONE",
    "fileerror": "FILEERROR",
    "error": "ERROR",
    "start-file": "START",
    "stop-file": "STOP",
}


def problems_of(source: Path, unwrap: Any) -> tuple[list[Event], list[Any]]:
    parser = Parser()
    events = [event for results in pump(source, parser, unwrap=unwrap) for event in results]
    return events, list(parser.problems)


@pytest.mark.parametrize("unwrap", ["bullets", "auto", True])
def test_the_examples_of_the_document(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "documents" / "aspera-events.txt", unwrap)
    assert [event.type for event in events] == list(EXAMPLES.values())
    assert problems == []
    for name, event in zip(EXAMPLES, events):
        assert [event] == parse((fixtures / "examples" / f"{name}.fasp").read_bytes())


@pytest.mark.parametrize(
    "unwrap",
    [
        "brackets",
        "auto",
        True,
        r"line=\[(.*)\]$",
        re.compile(r"LINE=\[(.*)\]", re.IGNORECASE),
        re.compile(rb"=\[(.*)\]"),
    ],
    ids=str,
)
def test_a_log_with_a_line_of_the_stream_in_each_line(fixtures: Path, unwrap: Any) -> None:
    events, problems = problems_of(fixtures / "logs" / "manager-line.log", unwrap)
    expected = parse((fixtures / "logs" / "manager-line.fasp").read_bytes())
    assert len(expected) == 6
    assert events == expected
    assert problems == []


def unwrapped(text: str, unwrap: Any) -> list[Event]:
    return list(read(io.BytesIO(text.encode()), unwrap=unwrap))


def test_a_pattern_without_a_group_is_the_line() -> None:
    log = "app: FASPMGR 2\napp: Type: STATS\napp: Size: 3\napp: \n"
    assert sizes(unwrapped(log, r"(?<=app: ).*")) == [3]


def test_a_group_that_did_not_match_is_an_empty_line() -> None:
    assert sizes(unwrapped("> FASPMGR 2\n> Type: STATS\n> Size: 3\n>\n> noise\n", r"^>(?: (.*))?$")) == [3]


def test_lines_that_do_not_match_are_passed_over() -> None:
    log = "m FASPMGR 2\nelse\nm Type: STATS\n\nm Size: 3\nelse\nm \n"
    assert sizes(unwrapped(log, "^m (.*)")) == [3]


def test_a_log_that_drops_empty_lines_ends_a_message_at_the_next_header_and_at_its_end() -> None:
    log = "line=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 1]\nline=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 2]\n"
    assert sizes(unwrapped(log, "brackets")) == [1, 2]


def test_a_log_that_shows_empty_lines_and_breaks_off_does_not_make_an_event_of_the_rest() -> None:
    whole = "line=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 1]\nline=[]\n"
    parser = Parser()
    source = io.BytesIO((whole + whole.replace("line=[]\n", "")).encode())
    events = [event for results in pump(source, parser, unwrap="brackets") for event in results]
    assert sizes(events) == [1]
    assert [problem.kind for problem in parser.problems] == ["unfinished"]


def test_the_end_of_a_list_ends_the_message() -> None:
    document = "Example:\n- FASPMGR 2\n- Type: STATS\n- Size: 1\nA sentence.\n- Type: no message\n- Size: 2\n"
    assert sizes(unwrapped(document, "bullets")) == [1]


def test_other_bullets_and_windows_line_ends() -> None:
    assert sizes(unwrapped("  * FASPMGR 2\r\n  * Type: STATS\r\n  * Size: 1\r\n", "bullets")) == [1]


def test_a_log_without_messages_has_none() -> None:
    for unwrap in ("auto", "bullets", "brackets", "x(.*)"):
        assert unwrapped("hello\n- world\n\n[FASPMGR 2]\n", unwrap) == []


def test_problems_are_told_with_the_place_in_the_log() -> None:
    log = b"start\nline=[FASPMGR 2]\nother\nline=[Type: STATS]\nline=[Size: many]\nline=[]\n"
    parser = Parser()
    list(pump(io.BytesIO(log), parser, unwrap="brackets"))
    (problem,) = parser.problems
    assert (problem.kind, problem.line, problem.offset) == ("value", 5, log.index(b"line=[Size"))


@pytest.mark.parametrize("unwrap", ["(", re.compile("x")])
def test_a_pattern_must_be_a_regular_expression(unwrap: Any) -> None:
    if unwrap == "(":
        with pytest.raises(ValueError, match="regular expression"):
            unwrapped("", unwrap)
    else:
        assert unwrapped("", unwrap) == []


def test_file_names_that_are_no_utf_8_survive_unwrapping(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line=[FASPMGR 2]\nline=[Type: STATS]\nline=[File: Br\xfcssel]\nline=[]\n")
    (event,) = read(path, unwrap="auto")
    assert event.file == "Br\udcfcssel"  # type: ignore[attr-defined]


@given(st.lists(st.integers(0, 5000), max_size=6))
def test_where_a_log_is_cut_makes_no_difference(cuts: list[int]) -> None:
    data = (Path(__file__).parents[2] / "fixtures" / "logs" / "manager-line.log").read_bytes()
    places = [0, *sorted(cuts), len(data)]
    whole, cut = Tokenizer(), Tokenizer()
    unwrapper, other = Unwrapper(whole, "auto"), Unwrapper(cut, "auto")
    frames = unwrapper.feed(data) + unwrapper.close()
    pieces = [frame for start, end in pairwise(places) for frame in other.feed(data[start:end])]
    assert pieces + other.close() == frames
    assert len(frames) == 6


def test_a_line_without_an_end_does_not_fill_memory() -> None:
    unwrapper = Unwrapper(Parser(), "auto")
    for _ in range(40):
        unwrapper.feed(bytes(100_000))
        assert len(unwrapper._rest) <= 1 << 20
    log = b"\nline=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 9]\nline=[]\n"
    assert sizes(unwrapper.feed(log) + unwrapper.close()) == [9]


# ---------------------------------------------------------------------------------------------------------------------
# Recording


def test_a_recording_is_exact_and_private(tmp_path: Path, captures: list[Path]) -> None:
    data = b"".join(path.read_bytes() for path in captures) + bytes(range(256))
    umask = os.umask(0)
    with Recorder(tmp_path / "out") as recorder:
        os.umask(umask)
        for at in range(0, len(data), 777):
            recorder.write(data[at : at + 777])
            assert (tmp_path / "out").stat().st_size == min(at + 777, len(data))  # nothing waits in a buffer
    assert (tmp_path / "out").read_bytes() == data
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert recorder.error is None
    assert recorder.lost == 0


def test_a_recording_replaces_an_older_one_that_anybody_could_read(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"something longer")
    path.chmod(0o644)
    with Recorder(path) as recorder:
        recorder.write(b"short")
    assert path.read_bytes() == b"short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_ends_the_recording_and_is_told() -> None:
    with Recorder("/dev/full") as recorder:
        recorder.write(b"12345")
        recorder.write(b"678")
        assert recorder.lost == 8
    assert recorder.error is not None
    assert recorder.error.strerror == "No space left on device"


def test_what_comes_after_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out")
    recorder.write(b"123")
    recorder.close()
    recorder.close()
    recorder.write(b"45")
    assert (tmp_path / "out").read_bytes() == b"123"
    assert recorder.lost == 2


def test_a_recording_that_cannot_be_made_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recorder(tmp_path / "none" / "out")
