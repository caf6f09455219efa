"""What the tests of tracking share: the state after a capture, or after some events."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

import attrs

from faspmgr.protocol.events import DoneEvent, ErrorEvent, Event, NotificationEvent, SessionEvent, StatsEvent, StopEvent
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


def apply(tracker: Tracker, *events: Event) -> Transfer:
    """Apply the events, and return the only transfer."""
    for event in events:
        tracker.update(event)
    return transfer_of(tracker)


def begin(name: str, node: int = 0, of: int = 1) -> SessionEvent:
    return SessionEvent(session_id=name, user_str="job", cluster_num_nodes=of, cluster_node_id=node)


def job(name: str, size: int | None, files: int | None = None) -> NotificationEvent:
    return NotificationEvent(session_id=name, pre_transfer_bytes=size, pre_transfer_files=files)


def stats(name: str, file: str = "a", size: int | None = 1000, **more: Any) -> StatsEvent:
    return StatsEvent(session_id=name, file=file, size=size, **more)


def stop(name: str, file: str = "a", size: int | None = 1000, **more: Any) -> StopEvent:
    return StopEvent(session_id=name, file=file, size=size, **more)


def failed(name: str, code: int = 16) -> ErrorEvent:
    return ErrorEvent(session_id=name, code=code)


def done(name: str, **more: Any) -> DoneEvent:
    return DoneEvent(session_id=name, **more)


def counts(state: Session | Transfer) -> tuple[int, int, int, int]:
    """Files done, skipped, failed and in progress."""
    return state.files_done, state.files_skipped, state.files_failed, state.files_active


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
