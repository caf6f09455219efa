"""One file is one file, however many sessions and attempts know it. Expected values: by hand, or a count of bytes."""

from __future__ import annotations

from itertools import count, pairwise
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    FileEvent,
    InitEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.tracking import Tracker, Transfer, registry
from tests.tracking.states import apply, begin, failed, job, stats, stop, transfer_of

# ---------------------------------------------------------------------------------------------------------------------
# Attempts


def test_file_that_is_sent_again_in_a_session() -> None:
    """In a persistent session a file can be put again: it is still one file, and what is there is there."""
    tracker = Tracker()
    transfer = apply(tracker, begin("1"), stop("1", elapsed_usec=5), stats("1", written=0, elapsed_usec=6))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (1, 0, 1000)
    apply(tracker, stop("1", elapsed_usec=7))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (1, 0, 1000)
    apply(tracker, stats("1", size=1500, written=100, elapsed_usec=8))  # it has grown
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (0, 1, 1000)
    apply(tracker, stop("1", size=1500, elapsed_usec=9), DoneEvent(session_id="1"))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (1, 0, 1500)


def test_file_that_is_sent_again_in_a_retry() -> None:
    tracker = Tracker()
    transfer = apply(tracker, begin("1"), stop("1"), failed("1"), begin("2"), stats("2", written=100), failed("2"))
    assert (transfer.files_done, transfer.files_active, transfer.bytes_done) == (1, 0, 1000)


def test_ranges_of_one_file() -> None:
    tracker = Tracker()
    transfer = apply(
        tracker,
        begin("1", 0, 2),
        begin("2", 1, 2),
        stats("1", start_byte=0, end_byte=399, written=100),
        stats("2", start_byte=600, end_byte=799, written=50),
    )
    assert (transfer.bytes_done, transfer.estimated_bytes) == (150, 600)
    apply(tracker, stop("1", start_byte=0, end_byte=399), stop("2", start_byte=600, end_byte=799))
    assert (transfer.bytes_done, transfer.files_done, transfer.files_active) == (600, 1, 0)


def test_sessions_whose_begin_was_not_seen() -> None:
    """Where reading began in the middle nothing tells where the parts begin; together they are the file at most."""
    tracker = Tracker()
    transfer = apply(tracker, *(stats(name, written=300, user_str="job") for name in "12"))
    assert (transfer.bytes_done, transfer.estimated_bytes) == (600, 1000)
    apply(tracker, *(stats(name, written=700, user_str="job") for name in "12"))
    assert (transfer.bytes_done, transfer.progress) == (1000, 1.0)


# ---------------------------------------------------------------------------------------------------------------------
# A session that changes its transfer


def test_files_of_a_session_that_changes_its_transfer() -> None:
    tracker = Tracker()
    apply(tracker, stats("1", written=400, user_str="job"))
    apply(tracker, stats("2", written=300, user_str="job"), stats("2", "b", written=1, user_str="job"))
    tracker.update(SessionEvent(session_id="2", user_str="job", xfer_id="y"))
    tracker.update(stats("2", "b", written=11))
    job, other = tracker.transfers["job"], tracker.transfers["y"]
    assert (other.bytes_done, other.estimated_bytes, other.files_active) == (311, 2000, 2)
    assert job.estimated_bytes == 1000
    tracker.update(stats("1", written=900))
    assert job.bytes_done == 1000  # what the other brought of the file that they share is there


# ---------------------------------------------------------------------------------------------------------------------
# Limits


def test_max_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: two names are listed; of the others each attempt counts by itself, and the highest counts."""
    monkeypatch.setattr(registry, "MAX_NAMES", 2)
    tracker = Tracker()
    apply(tracker, begin("1"), *(stop("1", name, size=10) for name in "abcd"), failed("1"))
    transfer = apply(tracker, begin("2"), *(SkipEvent(session_id="2", file=name, size=0) for name in "abcd"))
    assert (transfer.bytes_done, transfer.estimated_bytes) == (40, 40)
    assert (transfer.files_done, transfer.files_skipped) == (0, 4)
    apply(tracker, stop("2", "e", size=100), DoneEvent(session_id="2"))
    assert (transfer.bytes_done, transfer.progress) == (20 + 100, 1.0)


def test_max_names_of_several_transfers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "MAX_NAMES", 4)
    tracker = Tracker()

    def of(number: int, *events: Event) -> Transfer:
        for event in events:
            tracker.update(event, number)
        return tracker.transfers[f"x{number}"]

    def session(number: int, name: str) -> SessionEvent:
        return SessionEvent(session_id=name, xfer_id=f"x{number}", cluster_num_nodes=1, cluster_node_id=0)

    for number in range(20):
        of(number, session(number, "1"), *(stop("1", name, size=10) for name in "abc"), failed("1"))
        transfer = of(number, session(number, "2"), *(SkipEvent(session_id="2", file=name, size=0) for name in "abc"))
        assert (transfer.bytes_done, transfer.files_skipped, transfer.files_done) == (30, 3, 0)
    for number in range(20):  # what was merged stays so
        transfer = tracker.transfers[f"x{number}"]
        assert (transfer.bytes_done, transfer.files_skipped, transfer.files_done) == (30, 3, 0)


def test_max_members() -> None:
    """In proportion to the messages: 10,000 sessions that are all at work on the file would be 100 million steps."""
    tracker = Tracker()
    for number in range(10_000):
        tracker.update(InitEvent(session_id=str(number), user_str="job"))
        tracker.update(stats(str(number), written=1))
    transfer = transfer_of(tracker)
    assert transfer.bytes_done <= transfer.estimated_bytes
    assert transfer.bytes_done >= registry.MAX_MEMBERS


def test_max_spans() -> None:
    tracker = Tracker()
    for number in range(2000):
        name = str(number)
        apply(tracker, begin(name, 0, 2), stats(name, size=10**6, start_byte=100 * number + 1, written=1))
        transfer = apply(tracker, failed(name))
    assert transfer.bytes_done == registry.MAX_SPANS + 1  # that of the latest session is not merged yet
    assert transfer.attempts == 2000


# ---------------------------------------------------------------------------------------------------------------------
# Against a count byte by byte


class File:
    """A file of the model: which part brings which bytes of it, and what the messages so far have shown."""

    def __init__(self, name: str, file_id: str | None, size: int, pieces: dict[int, tuple[int, int]]) -> None:
        self.about: dict[str, Any] = {"file": name, "fasp_file_id": file_id}
        self.size = self.job_size = size
        self.pieces = pieces
        self.shared = len(pieces) > 1
        self.there: set[int] = set()  # bytes at the destination
        self.left = {part: first for part, (first, _) in pieces.items()}  # where each part of it can be resumed
        self.shrinks = False
        self.was_done = False
        self.states: dict[int, str] = {}  # by part, in the latest attempt that came to it

    @property
    def state(self) -> str | None:
        states = set(self.states.values())
        if not states or "failed" in states:
            return "failed" if states else None
        if len(self.there) >= self.size and "active" not in states:
            self.was_done = True
        if not self.was_done or len(self.there) < self.size:
            return "active"
        return "skipped" if states == {"skipped"} else "done"


class Attempt:
    """A session of the model."""

    def __init__(self, name: str, part: int, exact: bool) -> None:
        self.about: dict[str, Any] = {"session_id": name}
        self.part = part
        self.exact = exact  # whether its messages have Written
        self.negotiated = False
        self.usec = self.sent = self.file_bytes = 0
        self.at: dict[File, list[int]] = {}  # of each file: where it began, and how far it is
        self.ended: set[File] = set()
        self.events: list[StatsEvent] = []


class Model:
    """A job in up to three parts whose sessions do what chance has them do, and what the transfer should say of it."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.parts = chance.randint(1, 3)
        self.tracker = Tracker(chance.choice(["unfinished", "all", 0, 1]))
        # Either the parts share all files, and each reports the size of all, or none.
        self.shares = self.parts > 1 and self.coin()
        self.reports_job = self.coin()
        self.files: list[File] = []
        for number in range(chance.randint(1, 4)):
            name, file_id = chance.choice([(f"f{number}", None), (f"f{number}", str(number)), ("same", str(number))])
            size, part = chance.randint(self.parts if self.shares else 0, 12), chance.randrange(self.parts)
            cuts = [0, *sorted(chance.sample(range(1, size), self.parts - 1)), size] if self.shares else []
            file = File(name, file_id, size, dict(enumerate(pairwise(cuts))) or {part: (0, size)})
            if not self.shares:
                file.left[part] = chance.choice([0, 0, size // 2])  # there before
            self.files.append(file)
        self.total = sum(file.size for file in self.files)
        self.running: dict[int, Attempt] = {}
        self.reported: set[int] = set()
        self.done: set[int] = set()
        self.latest: tuple[int, int | None, float] = (0, None, 0.0)
        self.names = map(str, count())

    def coin(self) -> bool:
        return self.chance.random() < 0.5

    def files_of(self, part: int) -> list[File]:
        return [file for file in self.files if part in file.pieces]

    # -- what sessions do

    def connect(self, part: int) -> Attempt:
        attempt = self.running.get(part)
        if attempt is None:
            attempt = self.running[part] = Attempt(next(self.names), part, exact=self.coin())
            self.update(attempt, InitEvent(**attempt.about, user_str="job"))
        return attempt

    def negotiate(self, part: int) -> Attempt:
        attempt = self.connect(part)
        if not attempt.negotiated:
            attempt.negotiated = True
            nodes: dict[str, Any] = {"cluster_num_nodes": self.parts, "cluster_node_id": part}
            self.update(attempt, SessionEvent(**attempt.about, user_str="job", **nodes))
            if self.reports_job:
                self.reported.add(part)
                files = self.files_of(part)
                self.update(attempt, job(attempt.about["session_id"], sum(file.job_size for file in files), len(files)))
        return attempt

    def move(self, part: int, file: File, amount: int, kind: type[FileEvent] = StatsEvent) -> None:
        """Bring some bytes of a file there; begin, resume or skip it if the attempt has not come to it."""
        attempt = self.negotiate(part)
        first, end = file.pieces[part]
        if file in attempt.ended:
            return
        if file not in attempt.at:
            if file.size and len(file.there) == file.size and self.coin():
                attempt.ended.add(file)
                file.states[part] = "skipped"
                file.was_done = True  # all of it is there, whatever the other parts have reported
                skipped_size = file.size if file.shrinks else self.chance.choice([0, file.size])
                skip = SkipEvent(**attempt.about, **file.about, size=skipped_size)
                self.update(attempt, skip)
                return
            # Without Written nothing tells a part from a resumed file before data moves.
            resumes = file.left[part] < end and (attempt.exact or self.parts == 1) and self.coin()
            at = file.left[part] if resumes else first
            attempt.at[file] = [at, at]
            file.states[part] = "active"
            self.report(attempt, StatsEvent, file, at, size=file.size, start_byte=at or None)
        at, reached = attempt.at[file]
        size: int | None = self.chance.choice([None, file.size])
        if self.chance.random() < 0.1 and at < reached < end and not file.shared:
            file.shrinks = True
            size = file.size = end = self.chance.randint(reached, end)
            file.pieces[part] = (0, end)
        reached = end if kind is StopEvent else min(end, reached + amount)
        file.left[part] = reached
        file.states[part] = {StatsEvent: "active", StopEvent: "done", FileErrorEvent: "failed"}[kind]
        if kind is StopEvent:
            attempt.ended.add(file)
        self.report(attempt, kind, file, reached, size=size)

    def report(self, attempt: Attempt, kind: type[FileEvent], file: File, reached: int, **more: Any) -> None:
        at, before = attempt.at[file]
        attempt.at[file][1] = reached
        attempt.usec += 1000
        attempt.sent += reached - before
        # FileBytes has what was there before a resumed file, once data moves.
        attempt.file_bytes += reached - before + (at if reached > before == at and not file.shared else 0)
        file.there.update(range(at if file.shared else 0, reached))
        counters: dict[str, Any] = {}
        if reached > before or more.get("start_byte") or self.coin():
            counters = {"transfer_bytes": attempt.sent, "file_bytes": attempt.file_bytes}
            if attempt.exact:
                counters["written"] = reached - (at if file.shared else 0)
        event = kind(**attempt.about, **file.about, **more, **counters, elapsed_usec=attempt.usec)
        if isinstance(event, StatsEvent):
            attempt.events.append(event)
        self.update(attempt, event)
        if self.chance.random() < 0.2:
            self.update(attempt, event)

    def late(self, attempt: Attempt) -> None:
        if attempt.events:
            self.update(attempt, self.chance.choice(attempt.events))

    def end(self, attempt: Attempt) -> None:
        """End a session: DONE if all its files are finished, else ERROR, or its connection is lost."""
        del self.running[attempt.part]
        finished = attempt.negotiated and all(file in attempt.ended for file in self.files_of(attempt.part))
        if finished:
            self.done.add(attempt.part)
            self.update(attempt, DoneEvent(**attempt.about, file_bytes=attempt.file_bytes))
            self.late(attempt)
        elif self.coin():
            self.update(attempt, ErrorEvent(**attempt.about, code=16))
        else:
            self.tracker.end(attempt.about["session_id"])
            self.check()

    def step(self) -> None:
        part = self.chance.randrange(self.parts)
        if part in self.done:
            return
        action = self.chance.choice(["connect", "move", "move", "move", "stop", "stop", "fail", "late", "end"])
        files = self.files_of(part)
        if action == "connect" or not files:
            self.connect(part)
        elif action in ("move", "stop", "fail"):
            kind = {"move": StatsEvent, "stop": StopEvent, "fail": FileErrorEvent}[action]
            self.move(part, self.chance.choice(files), self.chance.randint(0, 8), kind)
        elif part in self.running:
            (self.late if action == "late" else self.end)(self.running[part])

    def finish(self) -> None:
        for part in set(range(self.parts)) - self.done:
            for file in self.files_of(part):
                self.move(part, file, 0, StopEvent)
            self.end(self.negotiate(part))
        transfer = transfer_of(self.tracker)
        assert (transfer.state, transfer.progress) == ("done", 1.0)
        assert (transfer.files_active, transfer.files_failed) == (0, 0)

    # -- what the transfer should say

    def update(self, attempt: Attempt, event: Event) -> None:
        self.tracker.update(event, attempt.about["session_id"])
        self.check()

    def check(self) -> None:
        transfer = transfer_of(self.tracker)
        seen = [file for file in self.files if file.states]
        shrinks = any(file.shrinks for file in seen)
        if not (shrinks and self.reports_job and transfer.state == "done"):  # all of the job is there then
            assert transfer.bytes_done == sum(len(file.there) for file in seen)
        states = [file.state for file in seen]
        actual = (transfer.files_done, transfer.files_skipped, transfer.files_failed, transfer.files_active)
        assert actual == tuple(map(states.count, ["done", "skipped", "failed", "active"]))
        assert (transfer.state == "done") == (len(self.done) == self.parts)

        # The size of the job, once all parts have reported it, and one file shows that they share files.
        expects = (transfer.expected_bytes, transfer.expected_files)
        if len(self.reported) == self.parts and (not self.shares or any(len(file.states) > 1 for file in seen)):
            assert expects == (self.total, len(self.files))
        elif not self.shares:
            assert expects == (None, None)
        if transfer.expected_bytes is None and not shrinks:
            assert transfer.estimated_bytes == sum(file.size for file in seen)

        # Progress.
        attempts, expected, progress = self.latest
        self.latest = transfer.attempts, transfer.expected_bytes, transfer.progress
        assert transfer.progress >= progress or expected is None or attempts != transfer.attempts
        if transfer.progress == 1 and not shrinks:
            left = seen if transfer.expected_bytes is None else self.files
            assert all(len(file.there) == file.size for file in left)
        if self.parts == len(transfer.sessions) == 1:
            assert transfer.figures_to_dict() == transfer.sessions[0].figures_to_dict()


@given(st.integers(0, 2**32), st.integers(0, 40))
def test_transfer_against_a_count_byte_by_byte(seed: int, steps: int) -> None:
    model = Model(Random(seed))
    for _ in range(steps):
        model.step()
    model.finish()
