"""How a transfer ended."""

from __future__ import annotations

from typing import Any

import attrs

from faspmgr.manager.attempt import Attempt, summarize
from faspmgr.tracking import Failure, Transfer
from faspmgr.verdicts import ExitStatus, Verdict, exit_status


@attrs.frozen
class Result:
    """How a transfer ended.

    Attributes:
        verdict: done, failed (ascp reported ERROR), lost (it ended without a result) or not started (it could not be
            started, or never connected).
        error: code, name, meaning and advice of a failure; None if ascp reported no error.
        reason: what else there is to report, in one line; empty if nothing.
        attempts: every run of ascp, in the order in which they ended.
        transfer: its state at the end; None if no ascp connected.
        exit_status: of the ascp that decided, negative for a signal; None if there was none, or it cannot be known.
        stderr: its last lines on standard error.
        interrupted: it was asked to stop, by stop() or a signal.
        record_error: why the recording is not complete; None if it is.
    """

    verdict: Verdict
    error: Failure | None = None
    reason: str = ""
    attempts: tuple[Attempt, ...] = ()
    transfer: Transfer | None = None
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    interrupted: bool = False
    record_error: str | None = None

    @property
    def status(self) -> ExitStatus:
        """The exit status of the command line for this result."""
        return exit_status(self.verdict, self.interrupted)

    @property
    def summary(self) -> str:
        """One line: ``failed: 44 PMTU_BRTT_ERROR: Failed to open TCP connection for SSH``."""
        return summarize(self.verdict, self.error, self.reason)

    def to_dict(self) -> dict[str, Any]:
        """The result as a JSON-ready dict, without secrets: the attributes and ``status`` by their names.

        Attempts and transfer are as their own ``to_dict`` gives them.
        """
        shown = attrs.asdict(self, recurse=False)
        shown["error"] = self.error and self.error.to_dict()
        shown["attempts"] = [attempt.to_dict() for attempt in self.attempts]
        shown["stderr"] = list(self.stderr)
        shown["transfer"] = self.transfer and self.transfer.to_dict()
        return {"verdict": self.verdict, "status": int(self.status), **shown}
