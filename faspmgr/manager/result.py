"""The result of a transfer that we ran."""

from __future__ import annotations

from typing import Any

import attrs

from faspmgr.manager.attempt import Attempt
from faspmgr.tracking import Transfer
from faspmgr.verdicts import Outcome


@attrs.frozen
class Result(Outcome):
    """The result of a transfer that we ran: its Outcome, with what ascp left behind.

    Attributes:
        verdict: done, failed (ascp reported ERROR), lost (it ended without a result) or not started (it could not be
            started, or never connected).
        error: code, name, meaning and advice of a failure; None if ascp reported no error.
        reason: what else there is to report, in one line; empty if nothing.
        interrupted: whether it was asked to stop, by stop() or a signal.
        attempts: every run of ascp, in the order in which they ended.
        transfer: its state at the end; None if no ascp connected.
        exit_status: of the ascp that decided, negative for a signal; None if there was none, or it cannot be known.
        stderr: its last lines on standard error.
        record_error: why the recording is not complete; None if it is.
    """

    attempts: tuple[Attempt, ...] = ()
    transfer: Transfer | None = None
    exit_status: int | None = None
    stderr: tuple[str, ...] = ()
    record_error: str | None = None

    @property
    def summary(self) -> str:
        """One line: ``failed: 44 PMTU_BRTT_ERROR: Failed to open TCP connection for SSH``."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the result as a JSON-ready dict, without secrets: the attributes and ``status`` by their names.

        Attempts and transfer are as their own ``to_dict`` returns them.

        Example:
            >>> Result("lost", reason="no progress for 60 s").to_dict()  # doctest: +NORMALIZE_WHITESPACE
            {'verdict': 'lost', 'status': 3, 'error': None, 'reason': 'no progress for 60 s', 'interrupted': False,
             'attempts': [], 'transfer': None, 'exit_status': None, 'stderr': [], 'record_error': None}
        """
        outcome = Outcome.to_dict(self)
        return {
            "verdict": outcome["verdict"],
            "status": int(self.status),
            **outcome,
            "attempts": [attempt.to_dict() for attempt in self.attempts],
            "transfer": self.transfer and self.transfer.to_dict(),
            "exit_status": self.exit_status,
            "stderr": list(self.stderr),
            "record_error": self.record_error,
        }
