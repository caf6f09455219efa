"""One run of ascp as a result, and the limits that it is held to."""

from __future__ import annotations

from typing import Any

import attrs

from faspmgr.tracking import Failure
from faspmgr.verdicts import Verdict


@attrs.frozen
class Limits:
    """How long what may take, in seconds.

    connect_timeout: from the start of ascp to its connection. stall_timeout: without progress, None for any time.
    grace: for ascp to end when it was told to, when it has said that it is through, or when its connection has closed.
    """

    connect_timeout: float = 30.0
    stall_timeout: float | None = None
    grace: float = 10.0


@attrs.frozen
class Attempt:
    """One run of ascp, and what became of it.

    number: from 1; part: which session of a multi-session transfer, from 1. verdict: done, failed (ascp said ERROR),
    lost (it ended without a result) or not started (it could not be started, or never connected). error: code and
    description of what ascp reported. reason: what else there is to say, in one line; empty if nothing. stalled: ended
    because nothing moved. exit_status: of the process, negative for a signal, None if there was none. stderr: its last
    lines on standard error. refused: connections that were not ours, and why.
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
    def summary(self) -> str:
        """One line: ``failed: 44 PMTU_BRTT_ERROR: Failed to open TCP connection for SSH``."""
        because = "; ".join(filter(None, [str(self.error) if self.error else "", self.reason]))
        return f"{self.verdict}: {because}" if because else self.verdict

    def to_dict(self) -> dict[str, Any]:
        """As a JSON-ready dict, without secrets."""
        shown = attrs.asdict(self, recurse=False)
        shown["error"] = self.error and self.error.to_dict()
        return {**shown, "stderr": list(self.stderr), "refused": list(self.refused)}
