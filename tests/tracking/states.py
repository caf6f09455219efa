"""What the tests of tracking share: the state after a capture, or after some events."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from faspmgr.protocol.events import (
    Event,
)
from faspmgr.reading import read
from faspmgr.tracking import Session, Tracker, Transfer, filelist


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
    found = {}
    inner = [value for value in vars(session).values() if isinstance(value, filelist.Files)]
    for owner in (session, *inner):
        found.update(
            {name: len(value) for name, value in vars(owner).items() if isinstance(value, (dict, list, deque))}
        )
    return found
