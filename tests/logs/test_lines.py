"""The prefix of a line, in each of its forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone, tzinfo
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from faspmgr.logs import LogReader, read
from faspmgr.logs.lines import Line, split_line
from faspmgr.logs.times import Clock, seconds_between

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (
            "2021-05-12 09:22:12.239 [ffe8-0001059c] LOG FASP Transfer Stop uuid=x",
            Line("2021-05-12 09:22:12.239", "", "ascp", 0xFFE8, 0x1059C, "LOG", "FASP Transfer Stop uuid=x"),
        ),
        (
            "2015-04-30 11:13:34 [3ef3-0xa116d1d4] ERR No such file",
            Line("2015-04-30 11:13:34", "", "ascp", 0x3EF3, 0xA116D1D4, "ERR", "No such file"),
        ),
        (
            "Jan 26 18:44:54 sldc1 ascp[1894]: LOG FASP Session Start uuid=x",
            Line("Jan 26 18:44:54", "sldc1", "ascp", 1894, None, "LOG", "FASP Session Start uuid=x"),
        ),
        (
            "<134>Jan  6 18:44:54 sldc1 ascp[1894]: LOG x",
            Line("Jan  6 18:44:54", "sldc1", "ascp", 1894, None, "LOG", "x"),
        ),
        (  # journalctl -o short-iso
            "2026-01-26T18:44:54+0100 sldc1 ascp[1894]: LOG x",
            Line("2026-01-26T18:44:54+0100", "sldc1", "ascp", 1894, None, "LOG", "x"),
        ),
        (  # rsyslog with its high-precision times
            "2026-01-26T18:44:54.123456+01:00 sldc1 /opt/aspera/bin/ascp[1894]: ERR x",
            Line("2026-01-26T18:44:54.123456+01:00", "sldc1", "ascp", 1894, None, "ERR", "x"),
        ),
        (
            "<134>1 2026-01-26T18:44:54.123Z sldc1 ascp 1894 - - LOG x",
            Line("2026-01-26T18:44:54.123Z", "sldc1", "ascp", 1894, None, "LOG", "x"),
        ),
        (
            '<134>1 - sldc1 ascp - ID47 [a@1 b="c]\\"d"][e@2] \ufeffLOG x',
            Line("", "sldc1", "ascp", None, None, "LOG", "x"),
        ),
        (
            "Jan 26 18:44:54 sldc1 sshd[77]: LOG is no level of another program",
            Line("Jan 26 18:44:54", "sldc1", "sshd", 77, None, "", "LOG is no level of another program"),
        ),
        (  # journalctl -o short-full, short-unix, json
            "Mon 2026-01-26 18:44:54 CET sldc1 ascp[1894]: LOG x",
            Line("2026-01-26 18:44:54 CET", "sldc1", "ascp", 1894, None, "LOG", "x"),
        ),
        (
            "1769449494.123456 sldc1 ascp[1894]: LOG x",
            Line("1769449494.123456", "sldc1", "ascp", 1894, None, "LOG", "x"),
        ),
        (
            '{"__REALTIME_TIMESTAMP":"1769449494123456","_HOSTNAME":"h","SYSLOG_IDENTIFIER":"ascp","_PID":"7",'
            '"MESSAGE":"LOG caf\\u00e9"}',
            Line("1769449494.123456", "h", "ascp", 7, None, "LOG", "café"),
        ),
        (
            '{"__REALTIME_TIMESTAMP":"1769449494123456","_COMM":"ascp4","MESSAGE":[69,82,82,32,233]}',
            Line("1769449494.123456", "", "ascp4", None, None, "ERR", "\udce9"),
        ),
        # Docker and CRI: the time that ascp wrote counts; without it that of the container.
        (
            '{"log":"2021-05-12 09:22:12.239 [ffe8-1] LOG a\\r\\n","stream":"stderr","time":"2026-01-26T18:44:54.1Z"}',
            Line("2021-05-12 09:22:12.239", "", "ascp", 0xFFE8, 1, "LOG", "a"),
        ),
        (
            '{"log":"LOG a\\n","stream":"stderr","time":"2026-01-26T18:44:54.123456789Z"}',
            Line("2026-01-26T18:44:54.123456789Z", "", "ascp", None, None, "LOG", "a"),
        ),
        (
            "2024-01-01T00:00:00.000000000Z stdout F LOG a",
            Line("2024-01-01T00:00:00.000000000Z", "", "ascp", None, None, "LOG", "a"),
        ),
        (
            "2024-01-01T00:00:00.000000000+02:00 stderr P hello",
            Line("2024-01-01T00:00:00.000000000+02:00", "", "", None, None, "", "hello"),
        ),
        ("LOG FASP Session Start uuid=x", Line("", "", "ascp", None, None, "LOG", "FASP Session Start uuid=x")),
        ("DBG x", Line("", "", "ascp", None, None, "DBG", "x")),
        # The level is left out: the words of the message are none.
        (
            "Jan 26 18:44:54 h ascp[1]: FASP Session Start uuid=x",
            Line("Jan 26 18:44:54", "h", "ascp", 1, None, "", "FASP Session Start uuid=x"),
        ),
        (
            "Jan 26 18:44:54 h ascp[1]: AUTH [CLIENT] op=send",
            Line("Jan 26 18:44:54", "h", "ascp", 1, None, "", "AUTH [CLIENT] op=send"),
        ),
    ],
)
def test_forms(text: str, line: Line) -> None:
    assert split_line(text) == line


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Last message repeated 1 times",
        "FASPMGR 2",
        "ascp: Failed to open TCP connection for SSH, exiting.",
        "2021-05-12 09:22:12.239 [ffe8] LOG no thread",
        "٢021-05-12 09:22:12.239 [ffe8-1] LOG a digit of another script",
        "LOGFILE rotated",
        "{",
        '{"MESSAGE":"LOG a"}',
        '{"MESSAGE":[256],"__REALTIME_TIMESTAMP":"1769449494123456"}',
        '{"MESSAGE":"LOG a","__REALTIME_TIMESTAMP":"²769449494123456"}',
        '{"log":5,"time":"2026-01-26T18:44:54Z"}',
        '{"a":' * 100_000,
        "1769449494 sldc1 ascp[1894]: LOG x",
    ],
)
def test_lines_without_a_prefix(text: str) -> None:
    assert split_line(text) is None


LATEST = datetime(2026, 11, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stamp", "time", "assumed"),
    [
        ("2021-05-12 09:22:12.239", datetime(2021, 5, 12, 9, 22, 12, 239_000, BERLIN), ("zone",)),
        ("2015-04-30 11:13:34", datetime(2015, 4, 30, 11, 13, 34, 0, BERLIN), ("zone",)),
        ("2026-01-26T18:44:54+0100", datetime(2026, 1, 26, 18, 44, 54, 0, timezone(timedelta(hours=1))), ()),
        ("1769449494.000001", datetime(2026, 1, 26, 17, 44, 54, 1, UTC), ()),
        ("2026-01-26T18:44:54.5Z", datetime(2026, 1, 26, 18, 44, 54, 500_000, UTC), ()),
        # No later than the file, but for a day.
        ("Jan 26 18:44:54", datetime(2026, 1, 26, 18, 44, 54, 0, BERLIN), ("zone", "year")),
        ("Nov 28 23:59:59", datetime(2026, 11, 28, 23, 59, 59, 0, BERLIN), ("zone", "year")),
        ("Nov 30 00:00:00", datetime(2025, 11, 30, 0, 0, 0, 0, BERLIN), ("zone", "year")),
        ("Dec  1 00:00:01.25", datetime(2025, 12, 1, 0, 0, 1, 250_000, BERLIN), ("zone", "year")),
        ("Feb 29 12:00:00", datetime(2024, 2, 29, 12, 0, 0, 0, BERLIN), ("zone", "year")),
        ("", None, ()),
        ("Feb 30 12:00:00", None, ()),
        ("Foo 30 12:00:00", None, ()),
        ("2021-13-12 09:22:12", None, ()),
        ("0001-01-01 00:00:00", datetime(1, 1, 1, 0, 0, 0, 0, BERLIN), ("zone",)),
    ],
)
def test_times(stamp: str, time: datetime | None, assumed: tuple[str, ...]) -> None:
    assert Clock(BERLIN, LATEST).read(stamp) == (time, assumed)


def clocks(lines: list[str], zone: tzinfo = BERLIN, **options: Any) -> list[str]:
    """The times of lines of one log, in their order."""
    reader = LogReader(timezone=zone, **options)
    data = "".join(f"{line}\n" for line in lines).encode()
    return [record.time.isoformat() if record.time else "" for record in reader.feed(data) + reader.close()]


@pytest.mark.parametrize(
    ("start", "stop", "seconds"),
    [
        ("2024-03-31 01:59:50", "2024-03-31 03:00:10", 20),  # summer time begins at 2 o'clock
        ("2024-10-27 01:59:50", "2024-10-27 03:00:10", 2 * 3600 + 20),  # and ends at 3 o'clock
        ("2024-06-01 23:59:50", "2024-06-02 00:00:10", 20),
    ],
)
def test_seconds_between_over_a_change_of_the_clocks(start: str, stop: str, seconds: int) -> None:
    times = [datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (start, stop)]
    assert seconds_between(*times) == seconds
    first, last = (Clock(BERLIN).read(text)[0] for text in (start, stop))
    assert first is not None
    assert last is not None
    assert (last - first).total_seconds() == seconds  # the times of a log can be subtracted


@pytest.mark.parametrize(
    ("stamps", "offsets"),
    [
        # The second 02:59 is a moment out of order, and so is 02:09.
        ("01:59:00 02:10:00 02:09:59 02:59:50 02:59:49 02:00:05 02:59:50 02:59:49.9 03:00:00", "2 2 2 2 2 1 1 1 1"),
        ("02:30:00 02:20:00", "2 1"),
        ("02:30:00 02:20:00 01:00:00 02:40:00", "2 1 2 2"),  # somebody has set the clock
    ],
)
def test_an_hour_that_exists_twice_is_read_in_the_order_of_the_lines(stamps: str, offsets: str) -> None:
    lines = [f"2024-10-27 {stamp} [1-1] LOG a" for stamp in stamps.split()]
    following = "2025-10-26 02:30:00 [1-1] LOG a"  # in the next year the hour has not passed
    assert [time[-5:-3] for time in clocks([*lines, following])] == [f"0{offset}" for offset in [*offsets.split(), "2"]]
    lines = [f"Oct 27 {stamp} h ascp[1]: LOG a" for stamp in stamps.split()]
    assert [time[-5:-3] for time in clocks(lines, latest=LATEST, year=2024)] == [
        f"0{hours}" for hours in offsets.split()
    ]


def test_the_zone_of_short_full_tells_which_of_two_hours_it_is() -> None:
    assert clocks(
        ["Sun 2024-10-27 02:30:00 CEST h ascp[1]: LOG a", "Sun 2024-10-27 02:30:00 CET h ascp[1]: LOG a"]
    ) == [
        "2024-10-27T02:30:00+02:00",
        "2024-10-27T02:30:00+01:00",
    ]
    assert clocks(["Sun 2024-10-27 02:30:00 UTC h ascp[1]: LOG a"]) == ["2024-10-27T02:30:00+00:00"]
    assert clocks(["Sun 2024-10-27 02:30:00 -03 h ascp[1]: LOG a"]) == ["2024-10-27T02:30:00-03:00"]


@pytest.mark.parametrize(
    ("days", "latest", "years"),
    [
        (["Feb 28", "Feb 29", "Mar  1"], "2026-11-28", [2024, 2024, 2024]),
        (["Dec 30", "Jan  2", "Feb 29", "Nov 27", "Jan 15"], "2026-11-28", [2023, 2024, 2024, 2024, 2025]),
        (["Dec 20", "Jan 10"], "2026-12-25", [2025, 2026]),
        (["Dec 31", "Jan  1", "Dec 31", "Jan  1"], "2026-03-01", [2025, 2026, 2025, 2026]),  # out of order
        (["Mar  9", "Mar  1", "Mar 10"], "2026-03-10", [2026, 2026, 2026]),
        (["Mar 10", "Feb  1"], "2026-02-02", [2025, 2026]),
        (["Nov 28", "Nov 29"], "2026-11-28", [2026, 2026]),  # no later than the file, but for a day
        (["Foo 29", "Feb 31"], "2026-11-28", [None, None]),
    ],
)
def test_the_year_of_a_file(days: list[str], latest: str, years: list[int | None], tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text("".join(f"<134>{day} 12:00:00 h ascp[1]: LOG a\n" for day in days))
    found = [record.time for record in read(path, latest=datetime.fromisoformat(f"{latest}T18:00:00Z"), timezone=UTC)]
    assert [time and time.year for time in found] == years


def test_the_year_of_a_pipe() -> None:
    """Only what is before a line is known."""
    lines = ["Feb 29 23:59:50 h ascp[1]: LOG a", "Mar  1 00:00:10 h ascp[1]: LOG b", "Jan  2 00:00:00 h ascp[1]: LOG c"]
    assert [time[:10] for time in clocks(lines, latest=LATEST)] == ["2024-02-29", "2024-03-01", "2025-01-02"]
    lines = ["Dec 20 00:00:00 h ascp[1]: LOG a", "Jan 10 00:00:00 h ascp[1]: LOG b"]
    assert [time[:10] for time in clocks(lines, latest=datetime(2026, 12, 25, tzinfo=UTC))] == [
        "2026-12-20",
        "2026-01-10",
    ]


def test_a_time_with_its_zone_in_a_log_of_another() -> None:
    assert clocks(["2026-01-26T18:44:54.5+05:00 h ascp[1]: LOG a"], UTC) == ["2026-01-26T18:44:54.500000+05:00"]


def test_times_of_this_machine() -> None:
    expected = datetime(2021, 5, 12, 9, 22, 12).astimezone()
    time, assumed = Clock().read("2021-05-12 09:22:12")
    assert time == expected
    assert time.tzinfo is not None
    assert assumed == ("zone",)
    assert Clock().read("0001-01-01 00:00:00")[0] in (None, datetime(1, 1, 1, tzinfo=time.tzinfo))
