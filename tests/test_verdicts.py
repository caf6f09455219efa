"""Verdicts and exit statuses: the numbers that scripts rely on, by hand from the documents."""

from __future__ import annotations

import typing

import pytest

from faspmgr.verdicts import EXIT_STATUS, ExitStatus, Verdict, badness, exit_status, verdict_of


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


def test_what_is_the_reason_is_worse_than_what_was_cancelled_for_it() -> None:
    parts = [("failed", False), ("lost", False), ("failed", True), ("not started", False), ("done", False)]
    assert sorted(parts, key=lambda part: badness(*part), reverse=True) == parts


def test_interrupted_unless_it_is_done() -> None:
    assert [exit_status(verdict) for verdict in EXIT_STATUS] == [0, 1, 3, 5]
    assert [exit_status(verdict, interrupted=True) for verdict in EXIT_STATUS] == [0, 130, 130, 130]


@pytest.mark.parametrize(
    ("states", "status"),
    [
        ([], ExitStatus.NO_RESULT),
        (["done"], ExitStatus.DONE),
        (["done", "done"], ExitStatus.DONE),
        (["failed"], ExitStatus.FAILED),
        (["lost"], ExitStatus.NO_RESULT),
        (["connecting"], ExitStatus.NO_RESULT),
        (["done", "failed", "lost"], ExitStatus.FAILED),
        (["done", "lost"], ExitStatus.NO_RESULT),
    ],
)
def test_several_transfers(states: list[str], status: ExitStatus) -> None:
    assert EXIT_STATUS[verdict_of(states)] is status
