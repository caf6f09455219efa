"""What of a tracker is one job's own, as several jobs may use the same tracker.

A session belongs to the job whose ascp has sent it, and a transfer to the jobs whose sessions are in it. That is one
job, unless two of them were given the same UserStr or XferId: these name a transfer.
"""

from __future__ import annotations

import weakref

from faspmgr.protocol.events import Event, InitEvent, SessionEvent
from faspmgr.tracking import Session, Tracker, Transfer


class Share:
    """The transfers of one job.

    Args:
        tracker: where they are, among those of others.
    """

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker
        # The sessions of this job, for as long as the tracker remembers them.
        self._sessions: weakref.WeakSet[Session] = weakref.WeakSet()
        # The transfers that they are in; None when that may have changed.
        self._transfers: list[Transfer] | None = []

    def add(self, session: Session, event: Event) -> None:
        """Take note of an event that was applied to a session of this job."""
        # Only these events make a session, or move it to another transfer.
        if isinstance(event, (InitEvent, SessionEvent)) or session not in self._sessions:
            self._sessions.add(session)
            self._transfers = None

    @property
    def transfers(self) -> list[Transfer]:
        """The transfers of this job, in order of appearance."""
        if self._transfers is None:
            everybodys = self._tracker.transfers.values()
            self._transfers = [each for each in everybodys if not self._sessions.isdisjoint(each.sessions)]
        return list(self._transfers)
