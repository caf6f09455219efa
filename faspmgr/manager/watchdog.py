"""The limits of time that an ascp is held to, and the clock that measures them.

Three things end a run of ascp, in any order: the last message, the closed connection, the exit of the process. None of
them can be relied on: ascp has been known to exit with its socket open, and to hang near 100 %. So each that lets the
others wait for too long ends the run; WATCH says which phase waits for what, and what is said when that does not come.

The law of this module: no process, no connection, no clock of the system. Whoever supervises an ascp reports facts and
the seconds that have passed, and asks whether a limit was hit.

The clock
    It counts only time in which this program could look. Setting the clock of the computer changes nothing, and a
    program that was stopped (Ctrl-Z) does not find all of its patience used up when it goes on: one look counts as
    MAX_LOOK_SECONDS at most.
After the exit
    What ascp has sent may still be on the way, or somebody else holds its end of the connection. Silence is counted in
    looks, as each of them gives the loop the time to read what is there, and what is on the way comes with every look.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from faspmgr.manager.attempt import Limits
from faspmgr.tracking import Session

LOOK_SECONDS = 0.05
"""The time between two looks."""
MAX_LOOK_SECONDS = 1.0
AFTER_EXIT = 0.5
"""How long nothing may come from a connection that is open after the exit of its ascp."""
MAX_BACKLOG_SECONDS = 300.0
"""How long what ascp has sent before its exit may take to be read: some megabytes, and a slow reader of events."""
FALLBACK_GRACE = 60.0
"""After ERROR in a session that may go on over HTTP; less than connecting there may take would cut it off."""


class Phase(enum.Enum):
    """Where a run of ascp stands."""

    STARTED = "started"
    CONNECTED = "connected"
    ENDED = "session ended"
    DISCONNECTED = "disconnected"
    EXITED = "exited"


@attrs.frozen
class WatchRule:
    """What a phase waits for.

    Attributes:
        waits_for: what ends the phase, in words.
        limit: which limit it has, in words.
        reason: what is reported when the limit is hit; ``{seconds}`` is the limit.
    """

    waits_for: str
    limit: str
    reason: str


WATCH: Mapping[Phase, WatchRule] = {
    Phase.STARTED: WatchRule("the connection", "connect_timeout", "ascp did not connect within {seconds:g} s"),
    Phase.CONNECTED: WatchRule("progress", "stall_timeout", "no progress for {seconds:g} s"),
    Phase.ENDED: WatchRule(
        "the exit",
        f"grace; {FALLBACK_GRACE:g} s after an ERROR with HTTP fallback",
        "ascp did not exit after its last message",
    ),
    Phase.DISCONNECTED: WatchRule("the exit", "grace", "ascp closed its connection, but did not exit"),
    Phase.EXITED: WatchRule(
        "the end of the connection", f"{AFTER_EXIT:g} s of silence", "ascp has exited, but its connection stayed open"
    ),
}
"""The phases in their order. A phase can be left out, and ENDED goes back to CONNECTED with an HTTP fallback."""


@attrs.frozen
class Hit:
    """A limit that was hit: in which phase, and why the run ends, in one line."""

    phase: Phase
    reason: str


class Watchdog:
    """Watches the time of one run of ascp.

    Args:
        limits: how long what may take.
        is_idle: says whether ascp has nothing to do, for one who knows what was asked of it. By default its messages
            tell: a persistent session in which no file moves has nothing to do.
    """

    def __init__(self, limits: Limits, is_idle: Callable[[], bool] | None = None) -> None:
        # Seconds since the start of ascp, by the clock of the module's comment.
        self.now = 0.0
        # Where the run stands.
        self.phase = Phase.STARTED
        # Whether all that ascp has sent was read: its connection has closed.
        self.disconnected = False

        self._limits = limits
        self._is_idle = self._waits_for_files if is_idle is None else is_idle
        # When the present phase has begun.
        self._since = 0.0
        # When there was progress for the last time, and what tells that there is more.
        self._progress_at = 0.0
        self._marker: tuple[Any, ...] = ()
        # The session that spoke last; None before the first event.
        self._session: Session | None = None
        # Looks in a row at which nothing had come since the look before, and whether something has come since the last.
        self._silent_looks = 0
        self._heard = False

    # -- facts

    def connected(self) -> None:
        """ascp has connected."""
        self._progress_at = self.now
        self._enter(Phase.CONNECTED)

    def received(self, session: Session, moved: bool) -> None:
        """Events have come, and were applied.

        Args:
            session: the one that spoke last.
            moved: one of them is progress, whatever the session's numbers say.
        """
        self._session = session
        self.heard()
        marker = _marker(session)
        if moved or marker != self._marker:
            self._progress_at = self.now
            self._marker = marker
        if session.ended and self.phase is Phase.CONNECTED:
            self._enter(Phase.ENDED)
        elif not session.ended and self.phase is Phase.ENDED:
            self._enter(Phase.CONNECTED)

    def heard(self) -> None:
        """Something has come that may be from ascp, or bring what is from it."""
        self._heard = True

    def closed(self) -> None:
        """The connection of ascp has closed, and all that came over it was read."""
        self.disconnected = True
        self._enter(Phase.DISCONNECTED)

    def exited(self) -> None:
        """The process has exited."""
        self._enter(Phase.EXITED)

    def _enter(self, phase: Phase) -> None:
        """Go on to a phase. The exit is the last one: what is read after it changes nothing."""
        if phase is not self.phase and self.phase is not Phase.EXITED:
            self.phase, self._since = phase, self.now

    # -- time

    def look(self, seconds: float) -> None:
        """So many seconds have passed since the last look, and the loop had the chance to read what was there."""
        self.now += min(seconds, MAX_LOOK_SECONDS)
        self._silent_looks = 0 if self._heard or self.phase is not Phase.EXITED else self._silent_looks + 1
        self._heard = False
        if self._is_idle():
            self._progress_at = self.now

    def _waits_for_files(self) -> bool:
        """Does a persistent session wait for its next file?"""
        session = self._session
        return bool(session and session.negotiated and session.negotiated.keepalive and not session.files_active)

    # -- the verdict

    def hit(self) -> Hit | None:
        """The limit that was hit, None if none was."""
        if self.phase is Phase.EXITED:
            is_hit = self._is_silent_after_exit()
            seconds = AFTER_EXIT
        else:
            since = self._progress_at if self.phase is Phase.CONNECTED else self._since
            seconds = self._limit()
            is_hit = self.now - since > seconds
        return Hit(self.phase, WATCH[self.phase].reason.format(seconds=seconds)) if is_hit else None

    def _limit(self) -> float:
        """Seconds that the present phase may take, or may be without progress."""
        limits = self._limits
        if self.phase is Phase.STARTED:
            return limits.connect_timeout
        if self.phase is Phase.CONNECTED:
            return math.inf if limits.stall_timeout is None else limits.stall_timeout
        session = self._session
        may_fall_back = session and session.error and session.negotiated and session.negotiated.fallback_protocol
        return max(limits.grace, FALLBACK_GRACE) if self.phase is Phase.ENDED and may_fall_back else limits.grace

    def _is_silent_after_exit(self) -> bool:
        since = self.now - self._since
        silent = self._silent_looks * LOOK_SECONDS >= AFTER_EXIT
        late = since >= max(self._limits.grace, AFTER_EXIT) and self._silent_looks > 0
        return silent or late or since >= MAX_BACKLOG_SECONDS


def _marker(session: Session) -> tuple[Any, ...]:
    """What changes when there is progress."""
    return (
        session.id,
        session.state,
        session.bytes_transferred,
        session.bytes_done,
        session.files_done,
        session.files_skipped,
        session.files_failed,
        session.files_active,
    )
