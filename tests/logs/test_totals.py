"""Totals: sums and groups by hand, quantiles against those of Python's statistics."""

from __future__ import annotations

import random
import statistics
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from faspmgr.logs.session import LogSession
from faspmgr.logs.totals import MAX_EXACT, Rates, Totals, sum_up


def session(**values: Any) -> LogSession:
    return LogSession(**{"status": "done", "start": datetime(2024, 5, 2, 23, 30, tzinfo=UTC), **values})


SESSIONS = [
    session(
        peer="203.0.113.8:50123",
        user="ingest",
        files_done=3,
        files_skipped=2,
        bytes_transferred=1_000,
        bytes_written=900,
        rate_kbps=100.0,
    ),
    session(peer="203.0.113.8:50124", user="ingest", status="failed", code=63, reason="Source path stat failed"),
    session(
        peer="198.51.100.4:33001",
        user="studio",
        status="failed",
        code=63,
        reason="No such file",
        files_done=1,
        files_failed=2,
        files_interrupted=4,
        bytes_transferred=5_000,
        bytes_written=4_000,
        rate_kbps=300.0,
    ),
    session(peer="0.0.0.0:0", status="failed", code=106, reason="Usage error"),
    session(peer="198.51.100.4:33001", user="studio", status="lost", start=datetime(2024, 5, 3, 1, tzinfo=UTC)),
    session(status="failed", start=None),
]


def test_a_total_of_all() -> None:
    (total,) = sum_up(SESSIONS)
    assert total.to_dict() == {
        "sessions": 6,
        "done": 1,
        "failed": 4,
        "lost": 1,
        "files_done": 4,
        "files_skipped": 2,
        "files_failed": 2,
        "files_interrupted": 4,
        "bytes_transferred": 6_000,
        "bytes_written": 4_900,
        "at_least": ["bytes_transferred", "bytes_written"],  # of the lost session nothing is known
        "rate_kbps_median": 200.0,
        "rate_kbps_95th_percentile": 290.0,  # 100 + 0.95 * 200
        "blocks_total": 0,
        "blocks_retransmitted": 0,
        "retransmitted_percent": None,
        "failures": [
            {"code": 63, "management_code": 43, "reason": "Source path stat failed", "sessions": 2},
            {"code": None, "management_code": None, "reason": None, "sessions": 1},
            {"code": 106, "management_code": 8, "reason": "Usage error", "sessions": 1},
        ],
    }
    assert total.name is None


def test_no_session() -> None:
    (total,) = sum_up([])
    assert (total.sessions, total.rates.quantile(0.5), total.to_dict()["failures"]) == (0, None, [])
    assert sum_up([], by="day") == []


def test_by_peer_counts_an_address_whatever_its_port() -> None:
    found = sum_up(SESSIONS, by="peer")
    assert [(total.name, total.sessions, total.bytes_transferred) for total in found] == [
        ("198.51.100.4", 2, 5_000),
        ("203.0.113.8", 2, 1_000),
        (None, 2, 0),  # none in the log, and 0.0.0.0:0
    ]


def test_by_user() -> None:
    assert [(total.name, total.sessions) for total in sum_up(SESSIONS, by="user")] == [
        ("studio", 2),
        ("ingest", 2),
        (None, 2),
    ]
    first = Totals("user")
    first.add(SESSIONS[0])
    assert list(first.to_dicts()[0].items())[:2] == [("user", "ingest"), ("sessions", 1)]


def test_by_day() -> None:
    days = [(total.name, total.sessions) for total in sum_up(SESSIONS, by="day")]
    assert days == [("2024-05-02", 4), ("2024-05-03", 1), (None, 1)]
    # Two hours to the east it was past midnight.
    days = [(total.name, total.sessions) for total in sum_up(SESSIONS, by="day", timezone=timezone(timedelta(hours=2)))]
    assert days == [("2024-05-03", 5), (None, 1)]


def test_the_day_of_a_session_without_its_start_is_that_of_its_stop() -> None:
    (total,) = sum_up([session(start=None, stop=datetime(2024, 5, 4, tzinfo=UTC))], by="day")
    assert total.name == "2024-05-04"


def test_a_session_that_transferred_nothing_has_no_rate() -> None:
    (total,) = sum_up([session(rate_kbps=0.0), session(rate_kbps=None), session(rate_kbps=8.0)])
    assert (total.rates.count, total.rates.quantile(0.5)) == (1, 8.0)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 100, 999])
def test_quantiles_are_those_of_statistics(count: int) -> None:
    chance = random.Random(count)
    rates = [chance.uniform(1, 1_000_000) for _ in range(count)]
    found = Rates()
    for rate in rates:
        found.add(rate)
    assert found.quantile(0.5) == pytest.approx(statistics.median(rates))
    expected = statistics.quantiles(rates, n=20, method="inclusive")[18] if count > 1 else rates[0]
    assert found.quantile(0.95) == pytest.approx(expected)
    assert (found.quantile(0), found.quantile(1)) == (round(min(rates), 3), round(max(rates), 3))


def test_quantiles_of_very_many_rates_take_no_more_memory_and_are_right_to_a_half_per_cent() -> None:
    chance = random.Random(11)
    rates = [chance.lognormvariate(11, 2) for _ in range(3 * MAX_EXACT)]
    found = Rates()
    for rate in rates:
        found.add(rate)
    assert len(found._exact) <= MAX_EXACT
    assert len(found._classes) < 3_000
    for share, expected in ((0.5, statistics.median(rates)), (0.95, statistics.quantiles(rates, n=20)[18])):
        assert found.quantile(share) == pytest.approx(expected, rel=0.006)
    assert found.count == 3 * MAX_EXACT


def test_the_limit_itself_is_exact() -> None:
    found = Rates()
    for rate in range(1, MAX_EXACT + 1):
        found.add(rate)
    assert found.quantile(0.5) == (MAX_EXACT + 1) / 2
    found.add(MAX_EXACT + 1)
    assert found.quantile(0.5) == pytest.approx(MAX_EXACT / 2 + 1, rel=0.005)


def test_sum_of_a_session_without_statistics() -> None:
    """Of a failed session only the finished file is known: the other one may have moved bytes, too."""
    (total,) = sum_up([session(status="failed", files_done=1, files_interrupted=1, bytes_written=1_000)])
    assert (total.bytes_written, total.at_least) == (1_000, ["bytes_transferred", "bytes_written"])


def test_failures_with_one_code_and_two_meanings() -> None:
    texts = ("UDP session initiation fatal error", "Source file open failed")
    (total,) = sum_up([session(status="failed", code=44, reason=text) for text in texts])
    assert [failure.reason for failure in total.failures.values()] == list(texts)
