"""What the tests of tracking share: the state after a capture, or after some events."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import attrs

from faspmgr.protocol.events import (
    Event,
)
from faspmgr.reading import read
from faspmgr.tracking import Session, Tracker, Transfer


def tracked(path: Path, keep_files: Any = "unfinished") -> Tracker:
    tracker = Tracker(keep_files)
    for event in read(path):
        tracker.update(event)
    tracker.close()
    return tracker


def only(tracker: Tracker) -> Session:
    (session,) = tracker.sessions
    return session


def transfer_of(tracker: Tracker) -> Transfer:
    (transfer,) = tracker.transfers.values()
    return transfer


def session_of(*events: Event, keep_files: Any = "unfinished") -> Session:
    """The session to which these events belong."""
    tracker = Tracker(keep_files)
    for event in events:
        tracker.update(event)
    return only(tracker)


def containers(session: Session) -> dict[str, int]:
    """Size of every container in a session, and in what belongs to it alone."""
    values = {
        **{field.name: getattr(session, field.name) for field in attrs.fields(Session)},
        **vars(session.all_files),
    }
    return {name: len(value) for name, value in values.items() if isinstance(value, (dict, list, deque))}
