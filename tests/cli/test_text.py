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
    ending_lines,
    headline,
    percent,
    printable,
    rate,
    size,
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
from faspmgr.verdicts import Failure, Outcome

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


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("stat", "STATS"),  # whatever the case
        ("STAST", "STATS"),  # two neighbours swapped
        ("session stop", "session_stop"),
        ("Session-Stop", "session_stop"),
        ("elapsd_usce", "elapsed_usec"),  # one missing, two swapped
        ("xyz", None),
        ("st", None),
        ("STAR", None),  # two edits of STATS
        ("STAIRS", None),
        ("slop", "STOP"),
        ("elapsd_usces", None),  # three edits of eleven letters
        ("", None),
        ("9" * 100_000, None),
    ],
)
def test_did_you_mean(name: str, hint: str | None) -> None:
    known = ["STATS", "STOP", "session_stop", "elapsed_usec"]
    assert did_you_mean(name, known) == (f"; did you mean {hint!r}?" if hint else "")


def test_did_you_mean_nothing_known() -> None:
    assert did_you_mean("stat", []) == ""


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
        ([DoneEvent()], False, "Completed: 0 B, 0 files", None),
        ([ErrorEvent(code=38, description="Server: no")], False, "Failed: 38 LIC_ILLEGAL: Server: no", "license"),
        ([ErrorEvent(code=19)], False, "Failed: 19 AUTH: the login was refused", ""),
        ([ErrorEvent(code=19, description="\x1b[2J\nOK")], False, "Failed: 19 AUTH: \\x1b[2J\\nOK", ""),
        (HALF, True, "Lost: ended without DONE or ERROR at 50%, 1.0 MB", "-k 1"),
        (HALF, False, "Running: 50%, 1.0 MB, 0 files", None),
    ],
)
def test_headline_and_advice_of_a_transfer(events: list[Event], closed: bool, line: str, advice: str | None) -> None:
    (transfer,) = transfers(*events, closed=closed)
    assert headline(transfer.outcome, transfer) == line
    got = advice_lines(transfer.outcome)
    assert got == [] if advice is None else advice in got[0]


LOST = "Lost: ended without DONE or ERROR at 50%, 1.0 MB"
CANCEL, GONE = Failure(28, "cancelled"), Failure(16, "gone")
MISTAKE = "Start the transfer again if the cancel was a mistake, with -k 1 to resume partial files."


@pytest.mark.parametrize(
    ("outcome", "line", "advice"),
    [
        (Outcome("lost", None, "it hung"), "Lost: ended without DONE or ERROR at 50%, 1.0 MB; it hung", "--retry N"),
        (Outcome("lost", None, "1 of 2 parts seen"), f"{LOST}; 1 of 2 parts seen", "--retry N"),
        (Outcome("not started", None, "no such file"), "Not started: no such file", None),
        # An ascp that was asked to stop was neither killed nor did it fail.
        (
            Outcome("lost", None, "by SIGINT", True),
            "Interrupted: at 50%, 1.0 MB; by SIGINT",
            MISTAKE,
        ),
        (Outcome("failed", CANCEL, "cancelled", True), "Interrupted: 28 USER_CANCEL: cancelled; cancelled", MISTAKE),
        (
            Outcome("failed", GONE, "cancelled", True),
            "Interrupted: 16 CONNECTION_LOST: gone; cancelled",
            "Check the network",
        ),
        (Outcome("not started", None, "cancelled", True), "Interrupted: not started; cancelled", None),
        # A cancel that was not asked for was ours, with the reason.
        (Outcome("failed", CANCEL, "no progress"), "Failed: 28 USER_CANCEL: cancelled; no progress", "--retry N"),
        (Outcome("failed", CANCEL), "Failed: 28 USER_CANCEL: cancelled", MISTAKE),
    ],
)
def test_headline_and_advice_of_an_outcome(outcome: Outcome, line: str, advice: str | None) -> None:
    (transfer,) = transfers(*HALF, closed=True)
    assert headline(outcome, transfer) == line
    got = advice_lines(outcome)
    assert got == [] if advice is None else advice in got[0]
    words = {0: "Completed", 1: "Failed", 3: "Lost", 5: "Not started", 130: "Interrupted"}
    assert line.startswith(words[outcome.status] + ": ")


def test_headline_of_a_transfer_that_is_done_and_interrupted() -> None:
    (transfer,) = transfers(WHOLE, DoneEvent())
    outcome = Outcome("done", None, "too slow", True)
    assert headline(outcome, transfer) == f"{COMPLETED}; too slow"
    assert advice_lines(outcome) == []


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (Outcome("lost", reason="no"), "Lost: ended without DONE or ERROR before its first message; no"),
        (Outcome("lost", interrupted=True), "Interrupted: before its first message"),
        (Outcome("not started", reason="\x1b[2J"), "Not started: \\x1b[2J"),
        (None, "Running"),
    ],
)
def test_headline_without_a_transfer(outcome: Outcome | None, line: str) -> None:
    assert headline(outcome) == line


def test_headline_of_a_hostile_description() -> None:
    line = headline(Outcome("failed", Failure(19, "x" * 1_000_000)))
    assert line.endswith("xxx…")
    assert len(line) == len("Failed: ") + 300


def test_ending_lines_of_several_transfers() -> None:
    both = transfers(
        DoneEvent(session_id="one"), ErrorEvent(session_id="two", code=19, description="no \x1b[31m"), closed=True
    )
    endings = [(transfer.outcome, transfer) for transfer in both]
    assert ending_lines(endings[:1]) == ["Completed: 0 B, 0 files"]
    lines = ending_lines(endings)
    assert lines[:2] == ["Completed: 0 B, 0 files [one]", "Failed: 19 AUTH: no \\x1b[31m [two]"]
    assert len(lines) == 3  # the advice
