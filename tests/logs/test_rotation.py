"""Rotated logs: each file once, in the order in which they were written."""

from __future__ import annotations

import gzip
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import IO

import pytest

from faspmgr.captures import chunks
from faspmgr.logs.rotation import HEAD_BYTES, expand, ordered


def write(path: Path, day: int, text: str = "") -> str:
    """A log that begins on this day of March, in the form of ascp; packed where the name says so."""
    log = f"2026-03-{day:02} 10:00:00.000 [0007-00000001] LOG day {day}\n{text}".encode()
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(gzip.compress(log) if path.suffix == ".gz" else log)
    return str(path)


def syslog(path: Path, line: str, written: str) -> str:
    """A log without years, last written to at this time."""
    path.write_text(f"{line}\n")
    time = datetime.fromisoformat(written).timestamp()
    os.utime(path, (time, time))
    return str(path)


# -- the order


def test_the_numbers_of_ascp_go_up_with_time_until_they_begin_again(tmp_path: Path) -> None:
    """Ten files at most: when 4 was begun behind the second 3, 5 was removed."""
    names = [6, 7, 8, 9, 0, 1, 2, 3, 4]
    written = [write(tmp_path / f"aspera-scp-transfer.{number}.log", day) for day, number in enumerate(names, 1)]
    os.link(written[-1], tmp_path / "aspera-scp-transfer.log")
    assert ordered(sorted(written)) == written
    everything = expand(str(tmp_path))
    assert len(everything) == 10
    assert ordered(everything)[:-1] == written[:-1]
    assert os.path.samefile(ordered(everything)[-1], written[-1])


def test_the_numbers_of_logrotate_go_down_with_time(tmp_path: Path) -> None:
    written = [
        write(tmp_path / "ascp.log.10.gz", 1),
        write(tmp_path / "ascp.log.2.gz", 2),
        write(tmp_path / "ascp.log.1", 3),
        write(tmp_path / "ascp.log", 4),
    ]
    assert ordered(sorted(written)) == ordered(reversed(written)) == written


def test_times_count_more_than_names(tmp_path: Path) -> None:
    written = [write(tmp_path / "ascp.log", 1), write(tmp_path / "ascp.0.log", 2), write(tmp_path / "ascp.1.log", 3)]
    assert ordered(reversed(written)) == written


def test_dates_in_names(tmp_path: Path) -> None:
    written = [
        write(tmp_path / "messages-20260301.gz", 1),
        write(tmp_path / "messages-20260308", 8),
        write(tmp_path / "messages", 9),
    ]
    assert ordered(reversed(written)) == written


def test_times_without_a_year_have_that_of_the_file(tmp_path: Path) -> None:
    line = "{} host ascp[7]: LOG a line"
    written = [
        syslog(tmp_path / "messages.2", line.format("Nov 30 10:00:00"), "2018-12-15T00:00:00+00:00"),
        syslog(tmp_path / "messages.1", line.format("Mar 10 10:00:00"), "2019-03-11T00:00:00+00:00"),
        syslog(tmp_path / "messages", line.format("Mar  5 10:00:00"), "2020-03-06T00:00:00+00:00"),
    ]
    assert ordered([written[2], written[0], written[1]]) == written


@pytest.mark.parametrize(
    "names",
    [
        ("messages.10.gz", "messages.2.gz", "messages.1", "messages"),
        ("ascp.log.3", "ascp.log.2", "ascp.log"),
        ("ascp.0.log", "ascp.1.log.gz", "ascp.2.log", "ascp.log"),
        ("messages-20260101", "messages-20260201.gz", "messages"),
        ("ascp-20260101.log", "ascp-20260201.log", "ascp.log"),
        ("ascp.log-20260101-0300", "ascp.log-20260101-1500", "ascp.log"),
    ],
)
def test_names_decide_where_there_is_no_time(tmp_path: Path, names: tuple[str, ...]) -> None:
    """Nor can any of these be read: they do not exist."""
    paths = [str(tmp_path / name) for name in names]
    assert ordered(sorted(paths)) == ordered(sorted(paths, reverse=True)) == paths


def test_the_first_time_may_stand_behind_lines_without_one(tmp_path: Path) -> None:
    late = tmp_path / "ascp.0.log"
    late.write_text("goes on from a line in another file\n" * 1_000 + "2026-03-02 10:00:00 [0007-0x1] LOG a line\n")
    assert late.stat().st_size < HEAD_BYTES
    early = write(tmp_path / "ascp.1.log", 1)
    assert ordered([str(late), early]) == [early, str(late)]


def test_only_the_head_of_a_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ascp.log"
    path.write_bytes(b"no line of a log\n" * 1_000_000)
    read = 0

    def counting(source: IO[bytes]) -> Iterator[bytes]:
        nonlocal read
        for piece in chunks(source):
            read += len(piece)
            yield piece

    monkeypatch.setattr("faspmgr.logs.rotation.chunks", counting)
    assert ordered([str(path)]) == [str(path)]
    assert 0 < read <= 2 * HEAD_BYTES


# -- several logs


def test_several_logs_stay_in_the_order_in_which_they_were_given(tmp_path: Path) -> None:
    far = [write(tmp_path / "far" / "ascp.0.log", 1), write(tmp_path / "far" / "ascp.log", 2)]
    near = [write(tmp_path / "near" / "ascp.0.log", 1), write(tmp_path / "near" / "ascp.log", 2)]
    other = [write(tmp_path / "near" / "other.log", 1)]
    assert ordered([near[1], far[1], *other, far[0], near[0]]) == near + far + other


def test_standard_input_stays_what_it_is(tmp_path: Path) -> None:
    log = write(tmp_path / "ascp.log", 1)
    assert ordered(["-", log, "-"]) == ["-", log]
    assert expand("-") == ["-"]


# -- each file once


def test_a_file_with_several_names_is_there_once(tmp_path: Path) -> None:
    log = write(tmp_path / "aspera-scp-transfer.0.log", 1)
    hard, soft = str(tmp_path / "aspera-scp-transfer.log"), str(tmp_path / "elsewhere.log")
    os.link(log, hard)
    os.symlink(log, soft)
    assert ordered([log, hard, soft, log]) == [log]
    assert ordered([soft, hard]) == [soft]
    assert ordered([str(tmp_path / "gone.log"), f"{tmp_path}/./gone.log"]) == [str(tmp_path / "gone.log")]


def test_the_copy_of_a_directory_has_each_file_once(tmp_path: Path) -> None:
    """Copying makes two files of the two names, and the log may grow in between."""
    write(tmp_path / "aspera-scp-transfer.0.log", 1)
    newest = write(tmp_path / "aspera-scp-transfer.1.log", 2, "more\n" * 100_000)
    copied = tmp_path / "aspera-scp-transfer.log"
    shutil.copy(newest, copied)
    assert len(ordered(expand(str(tmp_path)))) == 2
    with open(newest, "a") as file:
        file.write("more\n")
    assert ordered(expand(str(tmp_path))) == [str(tmp_path / "aspera-scp-transfer.0.log"), newest]
    copied.write_bytes(gzip.compress(Path(newest).read_bytes()))
    assert len(ordered(expand(str(tmp_path)))) == 2


def test_files_that_begin_at_the_same_time_are_not_the_same(tmp_path: Path) -> None:
    paths = [write(tmp_path / "ascp.0.log", 1, "one\n" * 50_000), write(tmp_path / "ascp.1.log", 1, "two\n" * 50_000)]
    assert ordered(reversed(paths)) == paths


# -- what cannot be read


def test_files_that_cannot_be_read_are_kept(tmp_path: Path) -> None:
    log = write(tmp_path / "ascp.log", 1)
    damaged = tmp_path / "ascp.0.log.gz"
    damaged.write_bytes(gzip.compress(b"2026-03-02 10:00:00")[:12])
    binary = tmp_path / "ascp.1.log"
    binary.write_bytes(bytes(range(256)) * 1_000)
    paths = [log, str(damaged), str(binary), str(tmp_path / "gone.log"), str(tmp_path / "zero\0.log"), str(tmp_path)]
    assert sorted(ordered(paths)) == sorted(paths)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_looked_into(tmp_path: Path) -> None:
    """Opening it would wait for a writer, and what is read there is gone."""
    pipe = str(tmp_path / "ascp.log")
    os.mkfifo(pipe)
    assert ordered([pipe]) == [pipe]


# -- directories


def test_a_directory_stands_for_the_logs_in_it(tmp_path: Path) -> None:
    names = ["ascp.0.log", "ascp.log", "ascp.log-20260101", "ascp.log.1", "ascp.log.2.gz", "server.log.gz"]
    for name in (*names, "notes.txt", "capture.fasp", "log", "ascp.logs"):
        write(tmp_path / name, 1)
    (tmp_path / "old.log").mkdir()
    assert expand(str(tmp_path)) == [str(tmp_path / name) for name in names]
    assert expand(str(tmp_path / "notes.txt")) == [str(tmp_path / "notes.txt")]
    assert expand(str(tmp_path / "gone")) == [str(tmp_path / "gone")]
    assert expand(str(tmp_path / "old.log")) == []
