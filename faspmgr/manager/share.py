"""What of a tracker is one job's own, as several jobs may use the same tracker.

A session belongs to the job whose ascp has sent it. What a job shows as a transfer has no session of another job in it,
now or later, also where both have the same UserStr or XferId, so that the tracker sees one transfer in them.
"""

from __future__ import annotations

import weakref
from collections.abc import Hashable

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
        # The transfers that these sessions are, by their keys in the tracker; and whether a session may have come to
        # one or have left it since they were put together.
        self._transfers: dict[Hashable, Transfer] = {}
        self._regrouped = False

    def add(self, session: Session, event: Event) -> None:
        """Take note of an event that was applied to a session of this job."""
        if isinstance(event, (InitEvent, SessionEvent)) or session not in self._sessions:
            self._sessions.add(session)
            self._regrouped = True  # only these events move a session to another transfer
        for transfer in self._transfers.values():
            transfer.changed()

    @property
    def transfers(self) -> list[Transfer]:
        """The transfers of this job as they are now, in order of appearance."""
        if self._regrouped:
            self._regroup()
        for transfer in self._transfers.values():
            transfer.changed()  # a session may have been lost, which is no event
        return list(self._transfers.values())

    def _regroup(self) -> None:
        before, self._transfers, self._regrouped = self._transfers, {}, False
        for key, everybodys in self._tracker.transfers.items():
            own = [session for session in everybodys.sessions if session in self._sessions]
            if own:
                transfer = self._transfers[key] = before.get(key) or Transfer(everybodys.id)
                transfer.sessions[:] = own
