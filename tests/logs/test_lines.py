"""The prefix of a line, in each of its forms."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from faspmgr.logs.lines import Line, split_line
from faspmgr.logs.times import Clock

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


def test_times_of_this_machine() -> None:
    expected = datetime(2021, 5, 12, 9, 22, 12).astimezone()
    time, assumed = Clock().read("2021-05-12 09:22:12")
    assert time == expected
    assert time.tzinfo is not None
    assert assumed == ("zone",)
    assert Clock().read("0001-01-01 00:00:00")[0] in (None, datetime(1, 1, 1, tzinfo=time.tzinfo))
