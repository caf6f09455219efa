"""The clock of a stream, and the file that always holds the latest state."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from faspmgr import DoneEvent, Event, InitEvent, StatsEvent, Tracker, views
from faspmgr.jsontext import to_json
from faspmgr.views.live import StreamClock, ViewWriter

START = datetime(2024, 5, 2, 22, tzinfo=UTC)


# ---------------------------------------------------------------------------------------------------------------------
# StreamClock


def clock_after(*events: Event, start_time: datetime | None = START) -> tuple[StreamClock, Tracker]:
    clock, tracker = StreamClock(start_time), Tracker()
    for event in events:
        clock.see(tracker.update(event))
    return clock, tracker


def starts_of(clock: StreamClock, tracker: Tracker) -> dict[str, Any]:
    starts = {session.id: clock.start_of(session) for session in tracker.sessions}
    return {name: start and (start - START).total_seconds() for name, start in starts.items()}


def test_sessions_side_by_side_begin_together() -> None:
    clock, tracker = clock_after(
        InitEvent(session_id="a"),
        InitEvent(session_id="b"),
        StatsEvent(session_id="a", elapsed_usec=2_000_000),
        StatsEvent(session_id="b", elapsed_usec=3_000_000),
    )
    assert starts_of(clock, tracker) == {"a": 0, "b": 0}
    assert clock.usec == 3_000_000


def test_sessions_one_after_the_other() -> None:
    clock, tracker = clock_after(
        StatsEvent(session_id="a", elapsed_usec=2_000_000),
        InitEvent(session_id="b"),
        StatsEvent(session_id="b", elapsed_usec=3_000_000),
        StatsEvent(session_id="c", elapsed_usec=1_000_000),  # its first message already counts a second
    )
    assert starts_of(clock, tracker) == {"a": 0, "b": 2, "c": 4}
    assert clock.usec == 5_000_000


def test_without_a_start_time() -> None:
    clock, tracker = clock_after(InitEvent(session_id="a"), start_time=None)
    assert clock.start_of(tracker.sessions[0]) is None


def test_sessions_without_a_start() -> None:
    clock, tracker = clock_after(
        StatsEvent(session_id="a", elapsed_usec=2**64 - 1), StatsEvent(session_id="b", elapsed_usec=1)
    )
    assert clock.start_of(tracker.sessions[1]) is None
    unseen = Tracker().update(InitEvent(session_id="c"))
    assert clock.start_of(unseen) is None


# ---------------------------------------------------------------------------------------------------------------------
# ViewWriter


class Writing:
    """A writer whose clocks the test sets."""

    def __init__(self, path: Path, kind: str = "channel") -> None:
        self.seconds = 1000.0
        self.path = path
        self.errors: list[str] = []
        self.tracker = Tracker(keep_files=views.keep_files(kind))
        self.writer = ViewWriter(
            kind,
            path,
            self.tracker,
            on_error=self.errors.append,
            clock=lambda: self.seconds,
            now=lambda: START + timedelta(seconds=self.seconds - 1000),
        )

    def apply(self, *events: Event) -> None:
        for event in events:
            self.writer.update(self.tracker.update(event))

    def shown(self) -> list[Any]:
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def names(self) -> list[str]:
        return [file["name"] for channel in self.shown() for file in channel["transferred_files"]]


@pytest.fixture
def writing(tmp_path: Path) -> Writing:
    return Writing(tmp_path / "view.json")


def test_the_first_event_is_written_at_once(writing: Writing) -> None:
    assert not writing.path.exists()
    writing.apply(InitEvent(session_id="s"))
    assert [channel["type"] for channel in writing.shown()] == ["FASP"]


def test_it_is_written_once_a_second(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a"))
    writing.seconds += 0.9
    writing.apply(StatsEvent(file="b"))
    assert writing.names() == ["a"]
    writing.seconds += 0.1
    writing.apply(StatsEvent(file="c"))
    assert writing.names() == ["a", "b", "c"]


def test_the_latest_state_is_written_without_an_event(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a"), StatsEvent(file="b"))
    writing.seconds += 1
    writing.writer.update()
    assert writing.names() == ["a", "b"]


def test_nothing_new_is_not_written_again(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a"))
    writing.path.unlink()
    writing.seconds += 1
    writing.writer.update()
    assert not writing.path.exists()


def test_the_final_state_is_written(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a"))
    writing.tracker.close()
    writing.writer.close()
    assert [file["status"] for file in writing.shown()[0]["transferred_files"]] == ["UNCLEAN_CLOSE"]


def test_without_any_event_the_file_is_empty(writing: Writing) -> None:
    writing.writer.close()
    assert writing.path.read_bytes() == b""


def test_each_session_began_when_it_appeared(tmp_path: Path) -> None:
    writing = Writing(tmp_path / "view.json", "connection")
    writing.apply(InitEvent(session_id="a"))
    writing.seconds += 60
    writing.apply(StatsEvent(session_id="b", elapsed_usec=10_000_000))
    writing.apply(DoneEvent(session_id="a", elapsed_usec=61_500_000))
    writing.writer.close()
    assert [(link["connectionId"], link["snapshotTime"]) for link in writing.shown()] == [
        ("a", "2024-05-02T22:01:01.500000Z"),
        ("b", "2024-05-02T22:01:00Z"),  # it began 50 seconds after the first
    ]


def test_a_clock_that_cannot_be_right_does_no_harm(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a", elapsed_usec=2**64 - 1))
    assert writing.names() == ["a"]


def test_a_name_that_is_not_utf8_is_valid_json(writing: Writing) -> None:
    writing.apply(StatsEvent(file="Br\udcfcssel.dat"))
    assert writing.names() == ["Br\ufffdssel.dat"]
    assert writing.path.read_bytes().isascii()


def test_writing_that_takes_long_is_done_less_often(writing: Writing) -> None:
    def slow(value: Any, **options: Any) -> str:
        writing.seconds += 2
        return to_json(value, **options)

    with mock.patch("faspmgr.views.live.to_json", slow):
        writing.apply(StatsEvent(file="a"))
        writing.seconds += 17.9
        writing.apply(StatsEvent(file="b"))
        assert writing.names() == ["a"]
        writing.seconds += 0.1
        writing.apply(StatsEvent(file="c"))
    assert writing.names() == ["a", "b", "c"]


def test_a_reader_always_finds_a_whole_object(writing: Writing) -> None:
    writing.apply(InitEvent(session_id="s"))
    done = threading.Event()
    seen: list[int] = []

    def read() -> None:
        while not done.is_set():
            seen.append(len(json.loads(writing.path.read_bytes())["transferred_files"]))

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(200):
            writing.seconds += 1
            writing.apply(StatsEvent(session_id="s", file=str(number)))
    finally:
        done.set()
        reader.join()
    assert seen == sorted(seen)
    assert len(writing.names()) == 200
    assert os.listdir(writing.path.parent) == ["view.json"]


# What can go wrong


def failing(error: OSError) -> Callable[..., Any]:
    def fail(*_: Any, **__: Any) -> Any:
        raise error

    return fail


def test_a_full_disk_is_reported_once(writing: Writing) -> None:
    writing.apply(StatsEvent(file="a"))
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    with mock.patch("os.replace", failing(full)):
        for name in ("b", "c"):
            writing.seconds += 1
            writing.apply(StatsEvent(file=name))
    assert writing.errors == [f"{writing.path}: cannot write the view: No space left on device"]
    assert writing.writer.error is full
    assert writing.names() == ["a"]
    assert os.listdir(writing.path.parent) == ["view.json"]  # nothing half-written is left
    writing.seconds += 1
    writing.writer.update()
    assert writing.names() == ["a", "b", "c"]
    assert writing.writer.error is None


def test_a_folder_that_goes_away(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    writing = Writing(folder / "view.json")
    folder.rmdir()
    writing.apply(StatsEvent(file="a"))
    writing.writer.close()
    assert len(writing.errors) == 1
    assert isinstance(writing.writer.error, FileNotFoundError)


def test_an_error_without_on_error(tmp_path: Path) -> None:
    writer = ViewWriter("channel", tmp_path / "view.json", Tracker())
    with mock.patch("os.open", failing(OSError(errno.EACCES, "no"))):
        writer.close()
    assert isinstance(writer.error, OSError)


def test_paths_that_cannot_be_a_view(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        Writing(tmp_path)
    with pytest.raises(FileNotFoundError):
        Writing(tmp_path / "missing" / "view.json")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for special in (pipe, Path(os.devnull)):
        with pytest.raises(OSError, match="not a file"):
            Writing(special)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    link = tmp_path / "link.json"
    link.symlink_to(tmp_path / "folder" / "view.json")
    writing = Writing(link)
    writing.apply(StatsEvent(file="a"))
    assert link.is_symlink()
    assert writing.names() == ["a"]


def test_the_file_is_readable_as_the_umask_says(writing: Writing) -> None:
    umask = os.umask(0o027)
    try:
        writing.apply(StatsEvent(file="a"))
    finally:
        os.umask(umask)
    assert stat.S_IMODE(writing.path.stat().st_mode) == 0o640
