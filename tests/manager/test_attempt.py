"""The verdict of a run that has ended, without one."""

from __future__ import annotations

from typing import Any

import pytest

from faspmgr import Session, Tracker, parse
from faspmgr.manager.attempt import Attempt, decisive, judge
from faspmgr.verdicts import Failure, Verdict
from tests.live import message

CANCELLED, LOST_LINE = Failure(28, "cancelled"), Failure(16, "gone")


def attempts(*endings: tuple[int, Verdict, Failure | None]) -> list[Attempt]:
    """Attempts of these parts, in the order in which they ended."""
    return [Attempt(1, part, verdict, error) for part, verdict, error in endings]


@pytest.mark.parametrize(
    ("endings", "which"),
    [
        ([(1, "done", None)], 0),
        ([(1, "failed", LOST_LINE), (1, "done", None)], 1),
        ([(1, "done", None), (2, "failed", CANCELLED), (3, "lost", None)], 2),
        ([(1, "failed", CANCELLED), (2, "lost", None), (3, "failed", LOST_LINE)], 2),
        ([(1, "not started", None), (2, "failed", CANCELLED)], 1),
        ([(1, "not started", None), (2, "done", None)], 0),
        # The second attempt of a part that was ended before it had connected has nothing to say.
        ([(1, "failed", LOST_LINE), (1, "not started", None)], 0),
        ([(1, "lost", None), (2, "lost", None)], 0),  # the first of those that ended alike
    ],
)
def test_the_attempt_that_decides(endings: list[tuple[int, Verdict, Failure | None]], which: int) -> None:
    made = attempts(*endings)
    assert decisive(made) is made[which]


@pytest.mark.parametrize(
    ("verdict", "error", "stalled", "worth"),
    [
        ("lost", None, False, True),
        ("lost", None, True, True),
        ("failed", LOST_LINE, False, True),
        ("failed", CANCELLED, True, True),  # the cancel was ours, because it stalled
        ("failed", CANCELLED, False, False),
        ("failed", Failure(19), False, False),
        ("not started", None, False, False),
        ("done", None, False, False),
    ],
)
def test_what_is_worth_a_retry(verdict: Verdict, error: Failure | None, stalled: bool, worth: bool) -> None:
    assert Attempt(1, 1, verdict, error, stalled=stalled).is_worth_retry is worth


DONE = message("DONE", SessionId="s")
ERROR = message("ERROR", SessionId="s", Code=16)
STATS = message("STATS", SessionId="s", File="/a")


def session(data: bytes) -> Session:
    tracker = Tracker()
    (last,) = {id(s): s for s in map(tracker.update, parse(message("INIT", SessionId="s") + data))}.values()
    return last


@pytest.mark.parametrize(
    ("data", "facts", "verdict", "reason"),
    [
        (DONE, {"exit_status": 0}, "done", ""),
        (DONE, {"exit_status": -9, "reason": "too slow"}, "done", "too slow"),  # what is done is done
        (ERROR, {"exit_status": 1, "reason": "too slow"}, "failed", "too slow"),
        (STATS, {"exit_status": 1, "reason": "too slow"}, "lost", "too slow"),
        (STATS, {"exit_status": 3}, "lost", "ascp ended with exit status 3 without DONE or ERROR"),
        (STATS, {"exit_status": -9}, "lost", "ascp was killed by SIGKILL without DONE or ERROR"),
        (STATS, {"exit_status": -99}, "lost", "ascp was killed by signal 99 without DONE or ERROR"),
        (STATS, {"exit_status": None}, "lost", "ascp ended without DONE or ERROR"),
        (
            STATS,
            {"exit_status": 1, "connection_error": ConnectionResetError(104, "reset by peer")},
            "lost",
            "ascp ended with exit status 1 without DONE or ERROR (reset by peer)",
        ),
    ],
)
def test_the_verdict_of_an_ascp_that_has_connected(
    data: bytes, facts: dict[str, Any], verdict: str, reason: str
) -> None:
    assert judge(session(data), connected=True, **facts) == (verdict, reason)


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        ({"exit_status": 1}, "ascp ended with exit status 1 without connecting"),
        ({"exit_status": 1, "stderr": "no"}, "ascp ended with exit status 1 without connecting: no"),
        ({"exit_status": -15, "reason": "too slow", "stderr": "hm"}, "too slow: hm"),
    ],
)
def test_the_verdict_of_an_ascp_that_never_connected(facts: dict[str, Any], reason: str) -> None:
    assert judge(None, connected=False, **facts) == ("not started", reason)
