"""Which sessions and files are asked for, and what people write for a time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from faspmgr.logs.selection import Selection, parse_time, parse_timezone, select
from faspmgr.logs.session import LogFile, LogSession

NOW = datetime(2024, 5, 2, 9, 30, 15, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
EAST = timezone(timedelta(hours=2))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-04-30", "2024-04-30T00:00:00+02:00"),
        ("2024-04-30 18:30", "2024-04-30T18:30:00+02:00"),
        ("2024-04-30T18:30:05.5", "2024-04-30T18:30:05.500000+02:00"),
        ("2024-04-30T18:30:05Z", "2024-04-30T18:30:05+00:00"),
        ("2024-04-30 18:30+05:30", "2024-04-30T18:30:00+05:30"),
        ("90s", "2024-05-02T09:28:45+00:00"),
        ("30m", "2024-05-02T09:00:15+00:00"),
        ("24h", "2024-05-01T09:30:15+00:00"),
        ("7d", "2024-04-25T09:30:15+00:00"),
        ("2w", "2024-04-18T09:30:15+00:00"),
        ("now", "2024-05-02T09:30:15+00:00"),
        ("Today", "2024-05-02T00:00:00+02:00"),
        (" yesterday ", "2024-05-01T00:00:00+02:00"),
        ("yesterday 18:30", "2024-05-01T18:30:00+02:00"),
        ("today 06:00:30", "2024-05-02T06:00:30+02:00"),
        ("2024-04-30t18:30:05z", "2024-04-30T18:30:05+00:00"),
    ],
)
def test_a_time(text: str, expected: str) -> None:
    assert parse_time(text, timezone=EAST, now=NOW).isoformat() == expected


def test_a_day_begins_in_its_zone() -> None:
    late = datetime(2024, 5, 2, 23, 30, tzinfo=UTC)
    assert parse_time("today", timezone=EAST, now=late).isoformat() == "2024-05-03T00:00:00+02:00"
    assert parse_time("today", timezone=UTC, now=late).isoformat() == "2024-05-02T00:00:00+00:00"


def test_the_zone_of_this_machine_and_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        assert parse_time("2024-01-15").isoformat() == "2024-01-15T00:00:00+01:00"
        assert parse_time("2024-07-15").isoformat() == "2024-07-15T00:00:00+02:00"
    finally:
        monkeypatch.undo()
        time.tzset()
    before = datetime.now(UTC) - timedelta(hours=1)
    assert before <= parse_time("1h") <= datetime.now(UTC) - timedelta(hours=1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "24",
        "24x",
        "-24h",
        "2024-13-01",
        "today 25:00",
        "yesterdays",
        "999999999w",
        "0001-01-01",
        "9999-12-31 23:59",
    ],
)
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match=r"invalid time: .*yesterday or 24h"):
        parse_time(text, timezone=EAST if text.startswith("0") else timezone(timedelta(hours=-2)), now=NOW)


def test_a_timezone() -> None:
    assert parse_timezone("UTC") is UTC
    assert parse_timezone("utc") is UTC
    assert parse_timezone("+0530").utcoffset(None) == timedelta(hours=5, minutes=30)
    assert parse_timezone("-02:00").utcoffset(None) == timedelta(hours=-2)
    assert datetime(2024, 7, 1, tzinfo=parse_timezone("Europe/Berlin")).utcoffset() == timedelta(hours=2)


@pytest.mark.parametrize("text", ["", "Europe", "Europe/Nowhere", "/etc/passwd", "../UTC", "+24:00", "+02:60", "a\0b"])
def test_no_timezone(text: str) -> None:
    with pytest.raises(ValueError, match=r"unknown time zone: .*; write UTC, Europe/Berlin or \+02:00"):
        parse_timezone(text)


def session(**values: Any) -> LogSession:
    return LogSession(**{"id": "s", "status": "done", "start": NOW, **values})


def matches(told: LogSession, **asked: Any) -> bool:
    return Selection(**asked).matches(told)


def test_a_session_counts_by_its_start() -> None:
    second = timedelta(seconds=1)
    assert matches(session(), since=NOW)
    assert not matches(session(), since=NOW + second)
    assert not matches(session(), until=NOW)
    assert matches(session(), until=NOW + second)
    assert matches(session(stop=NOW + second * 60), until=NOW + second)
    assert matches(session(start=None, stop=NOW), since=NOW)
    assert not matches(session(start=None), since=NOW)
    assert not matches(session(start=None), until=NOW)
    assert matches(session(start=None))


def test_failed_is_what_is_not_done() -> None:
    told = [session(status=status) for status in ("done", "failed", "lost")]
    assert [one.status for one in select(told, failed=True)] == ["failed", "lost"]
    assert len(list(select(told))) == 3


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("203.0.113.8", True),
        ("203.0.113.8:33001", True),
        ("203.0.113.*", True),
        ("*.Example.org", True),
        ("203.0.113", False),
        ("203.0.114.*", False),
        ("*:22", False),
    ],
)
def test_a_peer(pattern: str, taken: bool) -> None:
    assert matches(session(peer="203.0.113.8:33001", host="transfer.example.org"), peer=pattern) is taken
    assert not matches(session(), peer=pattern)


def test_a_user() -> None:
    assert matches(session(user="studio_output"), user="studio_*")
    assert not matches(session(user="ingest"), user="studio_*")
    assert not matches(session(user="Ingest"), user="ingest")
    assert not matches(session(), user="studio_*")


@pytest.mark.parametrize(
    ("pattern", "taken"),
    [
        ("shot_*.png", True),
        ("/in/2024/*", True),
        ("*.mov", False),
        ("2024/shot_0001.png", False),
        ("in/*", False),
    ],
)
def test_a_file(pattern: str, taken: bool) -> None:
    told = session(files=[LogFile("/in/2024/notes.txt"), LogFile("/in/2024/shot_0001.png")])
    assert matches(told, file=pattern) is taken
    assert Selection(file=pattern).matches_file(told.files[1]) is taken


def test_a_file_of_windows() -> None:
    assert matches(session(files=[LogFile(r"C:\jobs\shot_0001.png")]), file="shot_*")


def test_a_file_that_the_session_does_not_keep() -> None:
    wanted = Selection(file="*.png")
    wanted.note([LogFile("a.png", session="s"), LogFile("b.txt", session="t")])
    assert not wanted.matches(session(id="t"))
    assert wanted.matches(session())
    assert not wanted.matches(session())  # another one with the same id


def test_files_by_time_and_verdict() -> None:
    wanted = Selection(since=NOW, failed=True)
    assert wanted.matches_file(LogFile("a", status="interrupted", start=NOW))
    assert wanted.matches_file(LogFile("a", status="failed", stop=NOW))
    assert not wanted.matches_file(LogFile("a", status="done", start=NOW))
    assert not wanted.matches_file(LogFile("a", status="failed", start=NOW - timedelta(seconds=1)))
    assert not wanted.matches_file(LogFile("a", status="failed"))


@pytest.mark.parametrize(
    ("start", "since"),
    [
        # 02:30 exists twice; both times are of one zone, whose clock times would be equal.
        (datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=BERLIN), datetime(2024, 10, 27, 2, 45, tzinfo=BERLIN)),
        (datetime(2024, 3, 31, 3, 0, tzinfo=BERLIN), datetime(2024, 3, 31, 1, 59, 59, tzinfo=BERLIN)),
    ],
)
def test_times_are_compared_as_instants(start: datetime, since: datetime) -> None:
    assert matches(session(start=start), since=since)
    assert not matches(session(start=start), until=since)
    assert not matches(session(start=since), since=start)


def test_skipped() -> None:
    there = LogFile("a", status="done", size=5, start_byte=5)
    files = [
        there,
        LogFile("b", status="done", size=0, start_byte=0),
        LogFile("c", status="failed", size=5, start_byte=5),
    ]
    assert [file.name for file in files if Selection(skipped=True).matches_file(file)] == ["a"]
    assert [file.name for file in files if Selection(skipped=True, failed=True).matches_file(file)] == ["a", "c"]
    told = [session(files_skipped=count, status=status) for count, status in ((0, "done"), (2, "done"), (0, "failed"))]
    assert list(select(told, skipped=True)) == told[1:2]
    assert list(select(told, skipped=True, failed=True)) == told[1:]


def test_all_that_is_given_must_hold() -> None:
    told = session(status="failed", user="ingest", peer="203.0.113.8:33001")
    assert matches(told, failed=True, user="ingest", peer="203.*", since=NOW)
    assert not matches(told, failed=True, user="other", peer="203.*", since=NOW)
