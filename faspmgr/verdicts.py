"""How a transfer can end, in one word, and the exit status that means the same to a script.

A line of code may stand here if it is a word for a result, a status for a result, or what connects the two. This module
is a leaf: it imports no room.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import Literal

Verdict = Literal["done", "failed", "lost", "not started"]
"""done: ascp reported DONE. failed: it reported ERROR. lost: it ended without a result. not started: it could not be
started, or never connected."""


class ExitStatus(enum.IntEnum):
    """The exit statuses of the command line.

    Example:
        >>> EXIT_STATUS["lost"]
        <ExitStatus.NO_RESULT: 3>
    """

    DONE = 0
    """Done; for ``decode`` and ``check``: nothing wrong that was asked about."""
    FAILED = 1
    """The transfer failed."""
    USAGE = 2
    """Wrong usage, or a file that cannot be read or written."""
    NO_RESULT = 3
    """The stream ended without a result."""
    MALFORMED = 4
    """Malformed input: ``check``, and anything with ``--strict``."""
    NOT_STARTED = 5
    """ascp could not be started, or never connected."""
    INTERRUPTED = 130
    """Interrupted by a signal."""


EXIT_STATUS: Mapping[Verdict, ExitStatus] = {
    "done": ExitStatus.DONE,
    "failed": ExitStatus.FAILED,
    "lost": ExitStatus.NO_RESULT,
    "not started": ExitStatus.NOT_STARTED,
}
"""The exit status for each verdict."""


def exit_status(verdict: Verdict, interrupted: bool = False) -> ExitStatus:
    """Give the exit status for how a transfer ended.

    Args:
        verdict: how it ended.
        interrupted: it was asked to stop. What is done nevertheless is done.

    Example:
        >>> exit_status("lost"), exit_status("lost", interrupted=True), exit_status("done", interrupted=True)
        (<ExitStatus.NO_RESULT: 3>, <ExitStatus.INTERRUPTED: 130>, <ExitStatus.DONE: 0>)
    """
    return ExitStatus.INTERRUPTED if interrupted and verdict != "done" else EXIT_STATUS[verdict]


def badness(verdict: str, cancelled: bool = False) -> int:
    """Place how the parts of one transfer ended: that of the worst is how the transfer ended.

    Whoever has started the parts cancels them where one of them fails or is lost. So a part that was cancelled is less
    bad than the one that was the reason.

    Args:
        verdict: of a part, or the state in which a session ended.
        cancelled: what it reported was that it was cancelled.

    Returns:
        A number, higher for what is worse.

    Example:
        >>> max([("done", False), ("failed", True), ("lost", False)], key=lambda part: badness(*part))
        ('lost', False)
    """
    order = ("done", "not started", "cancelled", "lost", "failed")
    return order.index("cancelled" if cancelled else verdict)


def verdict_of(states: Iterable[str]) -> Verdict:
    """Give the verdict on several transfers together.

    Args:
        states: the state of each, as ``Transfer.state``.

    Returns:
        failed if one failed, done if all are done, else lost; lost also where there is no transfer at all.

    Example:
        >>> verdict_of(["done", "failed", "lost"]), verdict_of(["done", "transferring"]), verdict_of([])
        ('failed', 'lost', 'lost')
    """
    found = set(states)
    if "failed" in found:
        return "failed"
    return "done" if found == {"done"} else "lost"
