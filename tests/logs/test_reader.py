"""Records of bytes: wherever they are cut, with the lines that continue them, blocks, limits."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from faspmgr.logs import LogReader, LogRecord, read, reader
from faspmgr.logs.times import written_at

WINDOWS = Path("fixtures/ascp-log/ascp-3.9.6-windows.log")
BLOCK = [
    "======= File Transfer statistics =======",
    "------- Source statistics -------",
    "Source argument scans attempted             :          1",
    "======= end File Transfer statistics =======",
]


def records(data: bytes, step: int | None = None) -> list[LogRecord]:
    log = LogReader(timezone=UTC)
    step = step or max(1, len(data))
    found = [record for at in range(0, len(data), step) for record in log.feed(data[at : at + step])]
    return found + log.close()


def texts(data: bytes) -> list[str]:
    return [record.message for record in records(data)]


def test_the_real_log_line_by_line() -> None:
    """Each line of the file is in a record, in the order of the file but for the lines of blocks."""
    data = WINDOWS.read_bytes()
    found = records(data)
    lines = data.decode().split("\r\n")  # the last one has no end
    assert len(lines) == 369
    assert sum(record.message.count("\n") + 1 for record in found) == 369
    for record in found:
        first, *more = record.message.split("\n")
        assert lines[record.line - 1].endswith(first)
        if record.kind != "file_statistics":  # those of another process may stand between them
            assert lines[record.line : record.line + len(more)] == more
    assert found[0].to_dict() == {
        "line": 1,
        "time": "2021-05-11T16:24:31.976000+00:00",
        "program": "ascp",
        "process": 0xE330,
        "thread": 0xFFAC,
        "level": "LOG",
        "kind": "other",
        "message": 'Configuration: using v2 configuration file "C:/aspera/etc/aspera.conf", user -',
    }
    assert [record.line for record in found if record.kind == "session_stop"] == [
        19, 105, 138, 164, 200, 226, 280, 333, 366,
    ]  # fmt: skip


@pytest.mark.parametrize("step", [1, 2, 3, 7, 100, 1000, 4096])
def test_cut_anywhere(step: int) -> None:
    data = WINDOWS.read_bytes()
    data = data if step > 2 else data[:20_000]
    assert records(data, step) == records(data)


def test_lines_that_continue_a_record() -> None:
    assert texts(b"LOG a\nLast message repeated 2 times\n\n\nERR b\nfoo") == [
        "a\nLast message repeated 2 times\n\n",
        "b\nfoo",
    ]


def test_nothing_continues_a_complete_line() -> None:
    assert texts(b"LOG FASP Transfer Stop uuid=u\nLast message repeated 1 times\nLOG a\n") == [
        "FASP Transfer Stop uuid=u",
        "Last message repeated 1 times",
        "a",
    ]


def test_feed_returns_a_complete_line_at_once_and_any_other_with_the_next() -> None:
    log = LogReader()
    assert len(log.feed(b"LOG FASP Transfer Stop uuid=u\n")) == 1
    assert log.feed(b"LOG a\n") == []
    assert [record.message for record in log.feed(b"LOG b\n")] == ["a"]
    assert [record.message for record in log.idle()] == ["b"]
    assert log.idle() == log.close() == []


def test_a_path_with_a_line_break() -> None:
    line = b'LOG FASP Transfer Stop uuid=u op=send status=success file="a\nb" size=1 start_byte=0 rate=1.00Mbps '
    [record, other] = records(line + b"elapsed=1.00s loss=0.00 rexreqs=0 overhead=0\nLOG x\n")
    assert record.fields["file"] == "a\nb"
    assert record.fields["size"] == 1
    assert (other.message, other.line) == ("x", 3)


def test_without_a_record_before() -> None:
    found = records(b"ascp: hello\n\nworld\nLOG a\n")
    assert [(record.line, record.program, record.kind, record.message) for record in found] == [
        (1, "", "other", "ascp: hello"),
        (2, "", "other", ""),
        (3, "", "other", "world"),
        (4, "ascp", "other", "a"),
    ]


def test_line_ends_and_byte_order_mark() -> None:
    assert texts(b"\xef\xbb\xbfLOG a\r\nLOG b\n\rLOG c\r\nLOG d\r") == ["a", "b\n\rLOG c", "d"]


def lines(process: int, *messages: str) -> list[str]:
    return [f"2021-05-12 09:22:12.705 [{process:x}-1] LOG {message}" for message in messages]


def test_blocks_of_two_processes_line_by_line() -> None:
    one, two = lines(1, *BLOCK), lines(2, *BLOCK)
    between = lines(1, "as_mutex_destroy failed")
    data = "\n".join([one[0], two[0], one[1], between[0], two[1], one[2], one[3], two[2], two[3], ""]).encode()
    found = records(data)
    assert [(record.process, record.line, record.kind) for record in found] == [
        (1, 4, "other"),
        (1, 1, "file_statistics"),
        (2, 2, "file_statistics"),
    ]
    assert all(record.message == "\n".join(BLOCK) for record in found[1:])


def test_a_block_without_an_end() -> None:
    found = records("\n".join(lines(1, *BLOCK[:3], BLOCK[0], BLOCK[1])).encode())
    assert [record.message.split("\n") for record in found] == [BLOCK[:3], BLOCK[:2]]


def test_blocks_are_bounded() -> None:
    counts = ["Source bytes transferred : 1"] * 250
    found = records("\n".join(lines(1, BLOCK[0], *counts)).encode())
    assert sum(record.message.count("\n") + 1 for record in found) == 251
    assert found[0].message.count("\n") + 1 == reader.MAX_BLOCK_LINES


def test_a_long_line_is_cut_off() -> None:
    cut: list[int] = []
    log = LogReader(on_cut=cut.append)
    found = log.feed(b"LOG a\nLOG ")
    for _ in range(40):
        found += log.feed(b"x" * 65_536)
    found += log.feed(b"y\nLOG b\n") + log.close()
    assert [len(record.message) for record in found] == [1, reader.MAX_LINE_BYTES - len("LOG "), 1]
    assert cut == [2]
    whole = LogReader(on_cut=cut.append)
    assert whole.feed(b"LOG a\nLOG " + b"x" * 40 * 65_536 + b"y\nLOG b\n") + whole.close() == found
    assert cut == [2, 2]


def test_a_long_record_is_continued_by_others() -> None:
    more = b"x" * 99_999 + b"\n"
    found = records(b"LOG a\n" + more * 30 + b"LOG b\n")
    assert found[0].message.count("\n") == 10
    assert all(record.message == "x" * 99_999 for record in found[1:-1])
    assert len(found) == 1 + 20 + 1


def test_a_syslog_with_other_programs() -> None:
    data = b"""\
Jan 26 18:44:53 h sshd[7]: FASP Session Start uuid=forged
Jan 26 18:44:54 h ascp[8]: LOG FASP Session Stop uuid=u
Jan 26 18:44:55 h kernel: x
"""
    found = records(data)
    assert [(record.program, record.process, record.kind) for record in found] == [
        ("sshd", 7, "other"),
        ("ascp", 8, "session_stop"),
        ("kernel", None, "other"),
    ]


def test_years_of_a_syslog_come_from_the_time_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_bytes(b"Dec 31 23:59:59 h ascp[8]: LOG a\nJan  1 00:00:00 h ascp[8]: LOG b\n")
    changed = datetime(2024, 1, 2, tzinfo=UTC).timestamp()
    os.utime(path, (changed, changed))
    found = list(read(path, timezone=UTC))
    assert [record.time and record.time.isoformat() for record in found] == [
        "2023-12-31T23:59:59+00:00",
        "2024-01-01T00:00:00+00:00",
    ]
    assert found[0].assumed == ("zone", "year")
    assert found[0].path == str(path)


@pytest.mark.parametrize("written", [1e20, -1e20, 4e11])
def test_a_file_may_claim_any_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: float) -> None:
    path = tmp_path / "messages"
    path.write_bytes(b"Dec 31 23:59:59 h ascp[8]: LOG a\n")
    found = os.stat(path)
    fields = [*found[:8], written, *found[9:]]
    monkeypatch.setattr("faspmgr.logs.times.os.stat", lambda _: os.stat_result(fields))
    assert written_at(path) is None
    [record] = read(path, timezone=UTC)
    assert record.time is not None  # in the latest year that there is


def test_records_are_compared_by_value() -> None:
    assert LogRecord("a", line=1) == LogRecord("a", line=1)
    assert len({LogRecord("a", line=1), LogRecord("a", line=1), LogRecord("a", line=2)}) == 2
    assert LogRecord("a") != "a"
    assert repr(LogRecord("AUTH [CLIENT] token=s3cret", level="LOG")) == (
        "<LogRecord 1:  LOG auth: 'AUTH [CLIENT] token=***'>"
    )


def test_misuse() -> None:
    with pytest.raises(TypeError):
        LogReader().feed("text")  # type: ignore[arg-type]

    async def on_cut(line: int) -> None: ...

    with pytest.raises(TypeError):
        LogReader(on_cut=on_cut)
    assert LogReader().feed(memoryview(b"LOG FASP Session Stop uuid=u\n"))[0].kind == "session_stop"


@pytest.mark.parametrize("change", ["rotated", "truncated"])
def test_line_of_a_record_in_the_next_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str) -> None:
    monkeypatch.setattr("faspmgr.captures.sources.POLL_SECONDS", 0.001)
    path, line = (
        tmp_path / "ascp.log",
        b"2026-01-01 00:00:00.000 [1-1] LOG FASP Session Stop uuid=%d op=send status=success\n",
    )
    path.write_bytes(line % 1 + line % 2)
    records = read(path, follow=True)
    assert [next(records).line, next(records).line] == [1, 2]
    if change == "rotated":
        path.rename(tmp_path / "old")
    path.write_bytes(line % 3)
    assert next(records).line == 1
