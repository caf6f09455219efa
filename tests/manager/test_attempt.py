"""The verdict of a run that has ended, without one."""

from __future__ import annotations

from typing import Any

import pytest

from faspmgr import Session, Tracker, parse
from faspmgr.manager.attempt import judge
from tests.live import message

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
