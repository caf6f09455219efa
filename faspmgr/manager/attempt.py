"""One run of ascp as a result: its verdict, and the limits that it is held to."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from typing import Any

import attrs

from faspmgr.tracking import Session
from faspmgr.verdicts import Failure, Outcome, Verdict, severity

CONNECT_TIMEOUT = 30.0
GRACE = 10.0


@attrs.frozen
class Limits:
    """How long what may take, in seconds.

    Attributes:
        connect_timeout: from the start of ascp to its connection.
        stall_timeout: without progress; None for any time.
        grace: for ascp to end after CANCEL, after its last message, or after its connection has closed.
    """

    connect_timeout: float = CONNECT_TIMEOUT
    stall_timeout: float | None = None
    grace: float = GRACE


def check_minimum(**numbers: float) -> None:
    """Raise ValueError for a number that is negative; by the names of what is set."""
    for name, number in numbers.items():
        if number < 0:
            raise ValueError(f"invalid {name}: {number}, cannot be negative")


def check_positive(**numbers: float | None) -> None:
    """Raise ValueError for a number that is not positive; None is any."""
    for name, number in numbers.items():
        if number is not None and number <= 0:
            raise ValueError(f"invalid {name}: {number}, must be positive")


@attrs.frozen
class Attempt:
    """One run of ascp, and how it ended.

    Attributes:
        number: which attempt this is, from 1.
        part: which session of a multi-session transfer, from 1.
        verdict: done, failed (ascp reported ERROR), lost (it ended without a result) or not started (it could not be
            started, or never connected).
        error: code and description of what ascp reported; None if it reported no error.
        reason: what else there is to report, in one line; empty if nothing.
        stalled: it was ended because nothing moved.
        exit_status: of the process, negative for a signal; None if there was none, and where it cannot be known because
            the program ignores SIGCHLD, or another part of it waits for all of its processes.
        stderr: its last lines on standard error.
        refused: connections that were not ours, and why.
    """

    number: int
    part: int
    verdict: Verdict
    error: Failure | None = None
    reason: str = ""
    stalled: bool = False
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()

    @property
    def is_worth_retry(self) -> bool:
        """Is there hope that another attempt ends otherwise?

        After a stall, where ascp was killed or has ended without a word, and for codes that are worth a retry.
        """
        if self.verdict == "failed" and self.error and self.error.retryable:
            return True
        return self.stalled or self.verdict == "lost"

    @property
    def summary(self) -> str:
        """One line: ``failed: 44 PMTU_BRTT_ERROR: Failed to open TCP connection for SSH``."""
        return str(Outcome(self.verdict, self.error, self.reason))

    def to_dict(self) -> dict[str, Any]:
        """The attempt as a JSON-ready dict, without secrets: the attributes by their names."""
        shown = attrs.asdict(self, recurse=False)
        shown["error"] = self.error and self.error.to_dict()
        return {**shown, "stderr": list(self.stderr), "refused": list(self.refused)}


def decisive(attempts: Sequence[Attempt]) -> Attempt:
    """The attempt that decides how a job ended which was stopped, or whose parts are all done.

    Args:
        attempts: all of them, in the order in which they ended; at least one.

    Returns:
        Of the last attempt of each part the one that ended worst. An attempt that was ended before it had connected
        does not count where one before it had.
    """
    latest: dict[int, Attempt] = {}
    for attempt in attempts:
        if attempt.part not in latest or attempt.verdict != "not started":
            latest[attempt.part] = attempt
    return max(latest.values(), key=lambda attempt: severity(attempt.verdict, attempt.error))


def judge(
    session: Session | None,
    *,
    connected: bool,
    exit_status: int | None,
    reason: str = "",
    stderr: str = "",
    connection_error: OSError | None = None,
) -> tuple[Verdict, str]:
    """The verdict of a run that has ended, and the reason for it.

    Args:
        session: the one that spoke last; None if none did.
        connected: whether ascp has connected.
        exit_status: of the process; None if it has not exited.
        reason: why the run was ended, if it was.
        stderr: the first line on standard error that was kept; what follows is advice on usage.
        connection_error: why the connection broke off, if it did.
    """
    if not connected:
        because = reason or f"ascp {_shown_exit(exit_status)} without connecting"
        return "not started", f"{because}: {stderr}" if stderr else because
    if session and session.state == "done":
        return "done", reason
    if session and session.state == "failed":
        return "failed", reason
    if reason:
        return "lost", reason
    broken = f" ({connection_error.strerror or connection_error})" if connection_error else ""
    return "lost", f"ascp {_shown_exit(exit_status)} without DONE or ERROR{broken}"


def _shown_exit(status: int | None) -> str:
    if status is None:
        return "ended"
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"was killed by signal {-status}"
