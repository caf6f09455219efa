"""What holds whatever comes."""

from __future__ import annotations

import math
from typing import Any

import attrs
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import (
    EVENT_CLASSES,
    Event,
    FileErrorEvent,
    FileEvent,
    OtherEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.protocol.fields import BY_NAME
from faspmgr.tracking import Session, Tracker, Transfer

NUMBERS = st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1), st.just(2**64 - 1))

NAMES = st.sampled_from(["a", "b", "c", ""])

VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": NUMBERS,
    "range": st.one_of(NUMBERS, st.just("10:20")),
    "rate": st.one_of(NUMBERS, st.just("50%")),
    "boolean": st.booleans(),
    "policy": st.sampled_from(["Adaptive", "Fixed"]),
    "token": st.sampled_from(["Send", "Receive", "Transfer"]),
    "path": NAMES,
    "paths": st.tuples(NAMES),
    "json": st.just({}),
    "string": NAMES,
    "secret": NAMES,
}

SPARSE = {"SESSION": ("session_id", "user_str", "xfer_id", "cluster_num_nodes", "cluster_node_id", "fallback_protocol")}


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    """Events of a class: any number in any field, and any field left out."""
    names = SPARSE.get(cls.type) or [a.name for a in attrs.fields(cls) if a.name in BY_NAME]
    values = {name: st.none() | VALUES[BY_NAME[name].kind] for name in names if name != "type"}
    return st.builds(cls, **values)


ANY_EVENT = st.one_of(*map(events_of, EVENT_CLASSES.values()), st.builds(OtherEvent, type=st.just("NOP")))

FILE_EVENT = st.one_of(*(events_of(cls) for cls in (StatsEvent, StopEvent, SkipEvent, FileErrorEvent)))

STREAM = st.lists(ANY_EVENT | FILE_EVENT, max_size=30)


def check_figures(state: Session | Transfer) -> None:
    assert 0.0 <= state.progress <= 1.0
    rates = [state.rate_kbps, state.average_rate_kbps]
    if isinstance(state, Session):
        rates.append(state.latest_rate_kbps)
    assert all(rate is None or (rate >= 0 and math.isfinite(rate)) for rate in rates)
    assert state.eta_seconds is None or 0 <= state.eta_seconds < math.inf
    for name in ("bytes_done", "bytes_written", "bytes_transferred", "bytes_lost", "estimated_bytes"):
        assert getattr(state, name) >= 0
    assert state.bytes_done <= state.estimated_bytes
    for name in ("files_done", "files_skipped", "files_failed", "files_active"):
        assert getattr(state, name) >= 0
    shown = state.to_dict()
    assert 0.0 <= shown["progress"] <= 1.0
    assert shown["bytes_done"] is not None


@given(STREAM, st.sampled_from(["unfinished", "all", 0, 2]))
def test_figures_of_any_events(events: list[Event], keep: Any) -> None:
    tracker = Tracker(keep)
    for event in events:
        session = tracker.update(event)
        check_figures(session)
        assert all(0.0 <= file.progress <= 1.0 for file in session.files.values())
        for transfer in tracker.transfers.values():
            check_figures(transfer)
            assert 1 <= transfer.attempts <= len(transfer.sessions)
    tracker.close()
    assert all(session.ended for session in tracker.sessions)
    assert sum(len(transfer.sessions) for transfer in tracker.transfers.values()) == len(tracker.sessions)


@given(STREAM)
def test_sums_of_any_events(events: list[Event]) -> None:
    """The sums that are kept up to date equal a recount over all files that have a name."""
    tracker = Tracker("all")
    for event in events:
        named: dict[str, Any] = {"file": event.file or "d"} if isinstance(event, FileEvent) else {}
        group: dict[str, Any] = {"xfer_id": None} if isinstance(event, SessionEvent) else {}
        session = tracker.update(attrs.evolve(event, user_str=None, **named, **group))
        files = list(session.files.values())
        sums = session.all_files.sums()
        assert sums.bytes == sum(file.bytes_done for file in files)
        assert sums.before == sum(file.bytes_before for file in files)
        totals = [max(file.bytes_done, file.bytes_total or 0) for file in files]
        assert sums.estimate == sum(totals)
        if session.end is None:  # which may count more than was seen
            assert session.bytes_done == sums.bytes
            job = session.job_bytes
            assert session.estimated_bytes == (sum(totals) if job is None else max(job, sum(totals)))
        assert session.estimated_bytes >= session.bytes_done >= sums.bytes
        states = [file.state for file in files]
        assert session.files_active == states.count("transferring")
        assert session.files_done >= states.count("done")
        assert session.files_skipped >= states.count("skipped")
        assert session.files_failed >= states.count("failed")


@given(STREAM)
def test_keep_files_and_the_figures(events: list[Event]) -> None:
    trackers = [Tracker(keep) for keep in ("unfinished", "all", 1)]
    for event in events:
        first, *others = [tracker.update(event).to_dict() for tracker in trackers]
        assert all(other == first for other in others)


COUNTERS = ("bytes_transferred", "bytes_written", "bytes_lost", "event_count")


@given(STREAM)
def test_counters_of_any_events(events: list[Event]) -> None:
    tracker = Tracker()
    latest = dict.fromkeys(COUNTERS, 0)
    for event in events:
        if event.type == "NOP":
            continue
        session = tracker.update(attrs.evolve(event, session_id="s"))
        now = {name: getattr(session, name) for name in COUNTERS}
        assert all(now[name] >= latest[name] for name in COUNTERS)
        latest = now
