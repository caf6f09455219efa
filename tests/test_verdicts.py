"""Verdicts and exit statuses: the numbers that scripts rely on, by hand from the documents."""

from __future__ import annotations

import typing

from faspmgr.verdicts import EXIT_STATUS, ExitStatus, Verdict


def test_every_verdict_has_its_exit_status() -> None:
    assert EXIT_STATUS == {"done": 0, "failed": 1, "lost": 3, "not started": 5}
    assert list(EXIT_STATUS) == list(typing.get_args(Verdict))


def test_exit_statuses() -> None:
    assert [status.value for status in ExitStatus] == [0, 1, 2, 3, 4, 5, 130]
    assert [status.name for status in ExitStatus] == [
        "DONE",
        "FAILED",
        "USAGE",
        "NO_RESULT",
        "MALFORMED",
        "NOT_STARTED",
        "INTERRUPTED",
    ]
