"""The verdict on several transfers, and its exit status."""

from __future__ import annotations

import pytest

from faspmgr.verdicts import EXIT_STATUS, ExitStatus, verdict_of


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
def test_status(states: list[str], status: ExitStatus) -> None:
    assert EXIT_STATUS[verdict_of(states)] is status
