"""Outcomes and exit statuses: the numbers that scripts rely on, by hand from the documents."""

from __future__ import annotations

import typing
from typing import Any

import pytest

from faspmgr.exit_status import ExitStatus
from faspmgr.manager.result import Result
from faspmgr.verdicts import EXIT_STATUS, Failure, Outcome, Verdict, combine, severity

VERDICTS: tuple[Verdict, ...] = typing.get_args(Verdict)
CANCEL = Failure(28, "cancelled")


def test_exit_status_of_each_verdict() -> None:
    assert EXIT_STATUS == {"done": 0, "failed": 1, "lost": 3, "not started": 5}
    assert list(EXIT_STATUS) == list(VERDICTS)


def test_exit_statuses() -> None:
    assert {status.name: status.value for status in ExitStatus} == {
        "DONE": 0,
        "FAILED": 1,
        "USAGE": 2,
        "NO_RESULT": 3,
        "MALFORMED": 4,
        "NOT_STARTED": 5,
        "RECORDING_INCOMPLETE": 6,
        "INTERRUPTED": 130,
    }


def test_severity_of_a_cancelled_part() -> None:
    parts = [("failed", Failure(16)), ("lost", None), ("failed", CANCEL), ("not started", None), ("done", None)]
    assert sorted(parts, key=lambda part: severity(*part), reverse=True) == parts


@pytest.mark.parametrize("cls", [Outcome, Result])
def test_status_when_interrupted(cls: type[Outcome]) -> None:
    assert [cls(verdict).status for verdict in VERDICTS] == [0, 1, 3, 5]
    assert [cls(verdict, interrupted=True).status for verdict in VERDICTS] == [0, 130, 130, 130]


DONE, FAILED, LOST, NOT_STARTED = map(Outcome, VERDICTS)


@pytest.mark.parametrize(("outcomes", "status"), [
    ([], 3), ([DONE], 0), ([DONE, DONE], 0), ([FAILED], 1), ([LOST], 3), ([NOT_STARTED], 5),
    ([None], 3), ([DONE, None], 3), ([DONE, FAILED, LOST], 1), ([DONE, LOST], 3), ([DONE, NOT_STARTED], 5),
    ([LOST, Outcome("failed", CANCEL)], 1),  # transfers do not cancel each other
    ([DONE, Outcome("failed", CANCEL, interrupted=True)], 130), ([FAILED, Outcome("lost", interrupted=True)], 1),
    ([LOST, Outcome("done", interrupted=True)], 3),
])  # fmt: skip
def test_combine_status(outcomes: list[Outcome | None], status: int) -> None:
    assert combine(outcomes).status == status


def test_combine_error_and_reasons() -> None:
    full, gone = Outcome("failed", Failure(25), "a"), Outcome("failed", Failure(16), "b")
    assert combine([Outcome("lost", reason="b"), full, gone, DONE]) == Outcome("failed", Failure(25), "b; a")


def test_failure_to_dict_without_login() -> None:
    failure = Failure(59, "s3://AKIA1:s3cret@bucket/film.mov: denied")
    assert failure.to_dict() == {
        "code": 59,
        "name": "REMOTE_STORAGE_ERROR",
        "description": "s3://***@bucket/film.mov: denied",
        "retryable": False,
        "meaning": "the remote storage failed",
        "advice": failure.advice,
    }


def test_failure_with_a_description_of_its_own() -> None:
    failure = Failure(38, "Server aborted session: Deprecated peer license")
    assert "newer ascp" in failure.advice
    assert failure.to_dict()["advice"] == failure.advice
    assert failure.to_dict()["meaning"] == failure.meaning == "the license of one side is too old for the other"
    assert str(failure) == "38 LIC_ILLEGAL: Server aborted session: Deprecated peer license"


@pytest.mark.parametrize(("outcome", "text", "json"), [
    (DONE, "done", {"verdict": "done", "error": None, "reason": "", "interrupted": False}),
    (
        Outcome("failed", Failure(44, "no route"), "stopped", True),
        "failed: 44 PMTU_BRTT_ERROR: no route; stopped",
        {"verdict": "failed", "error": Failure(44, "no route").to_dict(), "reason": "stopped", "interrupted": True},
    ),
    (
        Outcome("lost", reason="1 of 2 parts seen"),
        "lost: 1 of 2 parts seen",
        {"verdict": "lost", "error": None, "reason": "1 of 2 parts seen", "interrupted": False},
    ),
])  # fmt: skip
def test_outcome_as_text_and_json(outcome: Outcome, text: str, json: dict[str, Any]) -> None:
    assert (str(outcome), outcome.to_dict()) == (text, json)
