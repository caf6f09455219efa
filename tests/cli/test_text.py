"""What people read: numbers, counts, hints, and how a transfer ended; expected texts by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.cli.text import (
    advice_line,
    count,
    did_you_mean,
    duration,
    percent,
    printable,
    rate,
    size,
    verdict_line,
    verdict_lines,
)
from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    NotificationEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.tracking import Tracker, Transfer

TEXTS: dict[Callable[[Any], str], dict[Any, str]] = {
    size: {
        0: "0 B", 1: "1 B", 999: "999 B", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB", 6_162_042: "6.2 MB",
        10**12: "1.0 TB", 2**64 - 1: "18.4 EB", 10**30: "1000000000000.0 EB",
    },
    rate: {
        0: "0 Kbps", 0.4: "0 Kbps", 800: "800 Kbps", 999.6: "1.0 Mbps", 3268: "3.3 Mbps", 2.5e6: "2.5 Gbps",
    },
    duration: {
        0: "0.0 s", 5.24: "5.2 s", 9.94: "9.9 s", 9.96: "10 s", 15.08: "15 s", 59.4: "59 s", 59.6: "1 min", 60: "1 min",
        125: "2 min 5 s", 3600: "1 h", 11_520: "3 h 12 min", 86_400: "1 d", 4 * 86_400 + 7 * 3600 + 59: "4 d 7 h",
    },
    percent: {0: "0%", 0.0599: "5%", 0.5: "50%", 0.9999: "99%", 1.0: "100%"},  # 100 is only where all is done
    partial(count, noun="file"): {0: "0 files", 1: "1 file", 2: "2 files", 12_345: "12,345 files"},
    printable: {
        "plain name.txt": "plain name.txt", "Übersicht 日本": "Übersicht 日本",
        "a\nb\r\x1b[31m\x00": "a\\nb\\r\\x1b[31m\\x00", "Br\udcfcssel": "Br\\xfcssel",
        "\u202egnp.exe": "\\u202egnp.exe",
    },
}  # fmt: skip
ROWS = [(function, value, text) for function, texts in TEXTS.items() for value, text in texts.items()]


@pytest.mark.parametrize(("function", "value", "text"), ROWS)
def test_text_of_a_value(function: Callable[[Any], str], value: Any, text: str) -> None:
    assert function(value) == text


@given(st.text(st.characters()))
def test_everything_becomes_printable(name: str) -> None:
    text = printable(name)
    assert text.isprintable()
    text.encode()


def test_a_hint_whatever_the_case() -> None:
    assert did_you_mean("stat", ["STATS", "STOP"]) == "; did you mean 'STATS'?"
    assert did_you_mean("xyz", ["STATS", "STOP"]) == ""


# -- how a transfer ended


def transfers(*events: Event, closed: bool = False) -> list[Transfer]:
    tracker = Tracker()
    for event in events:
        tracker.update(event)
    if closed:
        tracker.close()
    return list(tracker.transfers.values())


# The file and the time of the vendor's example of STOP.
WHOLE = StopEvent(file="AsperaConnect-1.1.1.0.exe", size=6162042, written=6162042, elapsed_usec=15084185)
HALF = [NotificationEvent(pre_transfer_bytes=2_000_000), StatsEvent(file="a", size=2_000_000, written=1_000_000)]
COMPLETED = "Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file"
OTHERS = [SkipEvent(file="b"), FileErrorEvent(file="c", code=5)]


@pytest.mark.parametrize(
    ("events", "closed", "line", "advice"),
    [
        ([WHOLE, DoneEvent()], False, COMPLETED, None),
        ([WHOLE, *OTHERS, DoneEvent()], False, f"{COMPLETED}, 1 skipped, 1 failed", None),
        ([DoneEvent()], False, "Completed: 0 B in 0.0 s, 0 files", None),
        ([ErrorEvent(code=38, description="Server: no")], False, "Failed: 38 LIC_ILLEGAL: Server: no", "license"),
        ([ErrorEvent(code=19)], False, "Failed: 19 AUTH: the login was refused", ""),
        ([ErrorEvent(code=19, description="\x1b[2J\nOK")], False, "Failed: 19 AUTH: \\x1b[2J\\nOK", ""),
        (HALF, True, "Lost: ended without DONE or ERROR at 50%, 1.0 MB", "-k 1"),
        (HALF, False, "Running: 50%, 1.0 MB, 0 files", None),
    ],
)
def test_the_result_and_the_advice(events: list[Event], closed: bool, line: str, advice: str | None) -> None:
    (transfer,) = transfers(*events, closed=closed)
    assert verdict_line(transfer) == line
    got = advice_line(transfer)
    assert got is None if advice is None else got and advice in got


def test_a_hostile_description_is_cut() -> None:
    (transfer,) = transfers(ErrorEvent(code=19, description="x" * 1_000_000))
    line = verdict_line(transfer)
    assert line.endswith("xxx…")
    assert len(line) == len("Failed: ") + 300


def test_results_name_the_transfer_where_there_are_several() -> None:
    both = transfers(
        DoneEvent(session_id="one"), ErrorEvent(session_id="two", code=19, description="no \x1b[31m"), closed=True
    )
    assert verdict_lines(both[:1]) == ["Completed: 0 B in 0.0 s, 0 files"]
    lines = verdict_lines(both)
    assert lines[:2] == ["Completed: 0 B in 0.0 s, 0 files [one]", "Failed: 19 AUTH: no \\x1b[31m [two]"]
    assert len(lines) == 3  # the advice
