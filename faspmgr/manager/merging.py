"""Several connections, one Tracker.

A message without a SessionId (ARGSTOP has none) belongs to the session that spoke last on its own connection, and a
SessionId that a second connection uses too (a forgery, or a mistake) must not mix up two sessions. So each connection
has names of its own for its sessions, which are the SessionIds wherever that is possible.
"""

from __future__ import annotations

import attrs

from faspmgr.protocol.events import Event
from faspmgr.tracking import MAX_SESSIONS, Session, Tracker

MAX_SESSIONS_OF_A_CONNECTION = 1_000
"""A connection that names more of them forgets the oldest; an ascp has one, with HTTP fallback two."""


class Merger:
    """Folds the events of several connections into tracker. A connection is any number that stands for it."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker
        # By connection: SessionId and name of its sessions, the one that spoke last at the end.
        self._names: dict[int, dict[str, str]] = {}
        self._connection: int | None = None  # that spoke last
        self._taken: dict[str, None] = {}

    def update(self, connection: int, event: Event) -> Session:
        """Take the next event of a connection; give the session it belongs to."""
        if connection != self._connection:
            self._connection = connection
            latest = next(reversed(self._names.get(connection, {}).values()), "")
            self.tracker.next_stream(self.tracker.sessions.get(latest))
        name = self.name(connection, event)
        return self.tracker.update(event if event.session_id == name else attrs.evolve(event, session_id=name))

    def name(self, connection: int, event: Event) -> str:
        """The id under which the tracker has the session of this event."""
        names = self._names.setdefault(connection, {})
        given = event.session_id
        if given is None:
            given = next(reversed(names), "")
        name = names.pop(given, None) or self._new_name(connection, given)
        names[given] = name
        if len(names) > MAX_SESSIONS_OF_A_CONNECTION:
            del names[next(iter(names))]
        return name

    def _new_name(self, connection: int, given: str) -> str:
        name = given if given and given not in self._taken else f"{given}#{connection}"
        self._taken[name] = None
        if len(self._taken) > MAX_SESSIONS:
            del self._taken[next(iter(self._taken))]
        return name

    def end(self, connection: int) -> None:
        """No more will come from this connection: its sessions that have not ended are lost."""
        for name in self._names.pop(connection, {}).values():
            session = self.tracker.sessions.get(name)
            if session:
                self.tracker.lose(session)
