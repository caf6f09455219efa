"""How a transfer ended, in one line and one status."""

from __future__ import annotations

import pytest

from faspmgr.cli.verdict import advice_line, verdict_line, verdict_status
from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.tracking import Tracker, Transfer
from faspmgr.verdicts import ExitStatus


def transfer(*events: Event, closed: bool = False) -> Transfer:
    tracker = Tracker()
    for event in events:
        tracker.update(event)
    if closed:
        tracker.close()
    return tracker.transfers[""]


# The file and the time of the vendor's example of STOP.
WHOLE = StopEvent(file="AsperaConnect-1.1.1.0.exe", size=6162042, written=6162042, elapsed_usec=15084185)


def test_completed() -> None:
    assert verdict_line(transfer(WHOLE, DoneEvent())) == "Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file"


def test_completed_with_files_that_did_not_move() -> None:
    line = verdict_line(transfer(WHOLE, SkipEvent(file="b"), FileErrorEvent(file="c", code=5), DoneEvent()))
    assert line == "Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file, 1 skipped, 1 failed"


def test_completed_in_no_time() -> None:
    assert verdict_line(transfer(DoneEvent())) == "Completed: 0 B in 0.0 s, 0 files"


def test_failed() -> None:
    failed = transfer(WHOLE, ErrorEvent(code=38, description="Server has only a client license"))
    assert verdict_line(failed) == "Failed: 38 LIC_ILLEGAL: Server has only a client license"
    assert "license" in str(advice_line(failed))


def test_failed_without_words_of_ascp() -> None:
    assert verdict_line(transfer(ErrorEvent(code=19))) == "Failed: 19 AUTH: the login was refused"


def test_failed_with_words_that_are_not_for_a_terminal() -> None:
    assert verdict_line(transfer(ErrorEvent(code=19, description="\x1b[2J\nCompleted"))) == (
        "Failed: 19 AUTH: \\x1b[2J\\nCompleted"
    )


HALF = [NotificationEvent(pre_transfer_bytes=2_000_000), StatsEvent(file="a", size=2_000_000, written=1_000_000)]


def test_lost() -> None:
    lost = transfer(*HALF, closed=True)
    assert verdict_line(lost) == "Lost: ended without DONE or ERROR at 50%, 1.0 MB"
    assert "-k 1" in str(advice_line(lost))


def test_running() -> None:
    running = transfer(*HALF)
    assert verdict_line(running) == "Running: 50%, 1.0 MB, 0 files"
    assert advice_line(running) is None


def test_no_advice_when_all_went_well() -> None:
    assert advice_line(transfer(DoneEvent())) is None


@pytest.mark.parametrize(
    ("ends", "status"),
    [
        ([], ExitStatus.NO_RESULT),
        (["done"], ExitStatus.DONE),
        (["done", "done"], ExitStatus.DONE),
        (["failed"], ExitStatus.FAILED),
        (["lost"], ExitStatus.NO_RESULT),
        (["running"], ExitStatus.NO_RESULT),
        (["done", "failed", "lost"], ExitStatus.FAILED),
        (["done", "lost"], ExitStatus.NO_RESULT),
    ],
)
def test_status(ends: list[str], status: ExitStatus) -> None:
    made = {
        "done": transfer(DoneEvent()),
        "failed": transfer(ErrorEvent()),
        "lost": transfer(InitEvent(), closed=True),
        "running": transfer(InitEvent()),
    }
    assert verdict_status(made[end] for end in ends) == status
