"""What people read: numbers, counts, hints, and how a transfer ended; expected texts by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.cli.text import (
    advice_lines,
    count,
    did_you_mean,
    duration,
    headline,
    percent,
    printable,
    rate,
    size,
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
from faspmgr.tracking import Failure, Tracker, Transfer
from faspmgr.verdicts import exit_status

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
    assert headline(transfer.state, transfer.error, transfer=transfer) == line
    got = advice_lines(transfer.state, transfer.error, transfer=transfer)
    assert got == [] if advice is None else advice in got[0]


CANCEL, GONE = Failure(28, "cancelled"), Failure(16, "gone")
MISTAKE = "Start the transfer again if the cancel was a mistake, with -k 1 to resume partial files."


@pytest.mark.parametrize(
    ("verdict", "error", "reason", "interrupted", "line", "advice"),
    [
        ("lost", None, "it hung", False, "Lost: ended without DONE or ERROR at 50%, 1.0 MB; it hung", "--retry N"),
        ("not started", None, "no such file", False, "Not started: no such file", None),
        # Whoever was asked to stop was neither killed nor did it fail.
        ("lost", None, "interrupted by SIGINT", True, "Interrupted: at 50%, 1.0 MB; interrupted by SIGINT", MISTAKE),
        ("failed", CANCEL, "cancelled", True, "Interrupted: 28 USER_CANCEL: cancelled; cancelled", MISTAKE),
        ("failed", GONE, "cancelled", True, "Interrupted: 16 CONNECTION_LOST: gone; cancelled", "Check the network"),
        ("not started", None, "cancelled", True, "Interrupted: not started; cancelled", None),
        # A cancel that nobody asked for was ours, for the reason that is there.
        ("failed", CANCEL, "no progress", False, "Failed: 28 USER_CANCEL: cancelled; no progress", "--retry N"),
        ("failed", CANCEL, "", False, "Failed: 28 USER_CANCEL: cancelled", MISTAKE),
    ],
)
def test_the_result_says_what_the_exit_status_says(
    verdict: Any, error: Failure | None, reason: str, interrupted: bool, line: str, advice: str | None
) -> None:
    (transfer,) = transfers(*HALF, closed=True)
    assert headline(verdict, error, reason, interrupted, transfer) == line
    got = advice_lines(verdict, error, reason, interrupted, transfer)
    assert got == [] if advice is None else advice in got[0]
    words = {0: "Completed", 1: "Failed", 3: "Lost", 5: "Not started", 130: "Interrupted"}
    assert line.startswith(words[exit_status(verdict, interrupted)] + ": ")


def test_what_is_done_is_done() -> None:
    (transfer,) = transfers(WHOLE, DoneEvent())
    assert headline("done", None, "too slow", True, transfer) == f"{COMPLETED}; too slow"
    assert advice_lines("done", None, "too slow", True, transfer) == []


def test_a_result_without_a_transfer() -> None:
    assert headline("lost", reason="no") == "Lost: ended without DONE or ERROR before its first message; no"
    assert headline("lost", interrupted=True) == "Interrupted: before its first message"
    assert headline("not started", reason="\x1b[2J") == "Not started: \\x1b[2J"


def test_a_hostile_description_is_cut() -> None:
    (transfer,) = transfers(ErrorEvent(code=19, description="x" * 1_000_000))
    line = headline(transfer.state, transfer.error, transfer=transfer)
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
