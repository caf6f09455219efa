"""The course of a session, fed by plans that are written down here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from faspmgr.protocol.frames import Frame
from faspmgr.simulator.course import Argument, Begin, Clock, Course
from faspmgr.simulator.exceptions import FileError, SessionOverError, ShutdownError
from faspmgr.simulator.messages import File, Messages, Refusal
from faspmgr.simulator.terms import Terms

OVER = SessionOverError(Refusal(28, "Cancelled"))


class StepFile:
    """A file of 100 bytes that moves 40 at a time; before: what is raised at the start, after: behind the first 40."""

    def __init__(self, course: Course, begin: Begin = Begin.MOVES, size: int = 100, before: Exception | None = None,
                 after: Exception | None = None) -> None:  # fmt: skip
        self.file = File("/a", size)
        self.closed = 0
        self._course, self._begin, self._before, self._after = course, begin, before, after

    def begin(self) -> Begin:
        if self._before:
            raise self._before
        if self._begin is Begin.THERE:
            self.file.resume(self.file.size)
        return self._begin

    def steps(self) -> Iterator[int]:
        for amount in (40, 40, 20):
            self._course.clock.usec += 1000
            self._course.move(amount)
            if self._after:
                raise self._after
            if self.file.written < 100:
                yield 7

    def finish(self) -> str | None:
        return None

    def close(self) -> None:
        self.closed += 1


class ListPlan:
    """A session of files as they were asked for."""

    notifies = True

    def __init__(self, *files: dict[str, Any], http: bool = False, early: Exception | None = None) -> None:
        self.course = Course(self, Terms(precalculate=True), Messages("s", "u"), Clock())
        self.files = [StepFile(self.course, **values) for values in files]
        self._http, self._early = http, early

    def session_values(self) -> dict[str, Any]:
        return self.course.terms.negotiated_values()

    def connect(self) -> Iterable[Frame]:
        if self._early:
            raise self._early
        return [self.course.fall_back(14)] if self._http else []

    def prepare(self) -> None:
        pass

    def job_size(self) -> tuple[int, int]:
        return len(self.files), 100 * len(self.files)

    def arguments(self) -> Iterator[Argument]:
        yield Argument("one", 1, self.files[:1])
        yield Argument(None, 2, self.files[1:])

    def last_reports(self) -> Iterable[Frame]:
        return ()


START = "INIT SESSION NOTIFICATION NOTIFICATION"
MOVED = "STATS STATS STATS STOP"


@pytest.mark.parametrize(
    ("plan", "types"),
    [
        (ListPlan({}), f"{START} {MOVED} ARGSTOP DONE"),
        (ListPlan({"begin": Begin.SKIPPED}, {}), f"{START} SKIP ARGSTOP {MOVED} DONE"),
        (ListPlan({"begin": Begin.THERE}, {}), f"{START} STOP ARGSTOP {MOVED} DONE"),
        (ListPlan({"before": FileError(5, "no")}, {}), f"{START} FILEERROR ARGSTOP {MOVED} ERROR"),
        (ListPlan({"after": FileError(5, "no")}), f"{START} STATS FILEERROR ARGSTOP ERROR"),
        (ListPlan({"after": OVER}, {}), f"{START} STATS STATS ERROR"),
        (ListPlan({}, {"after": ShutdownError()}), f"{START} {MOVED} ARGSTOP STATS STATS DONE"),
        (ListPlan({}, early=OVER), "INIT SESSION ERROR"),
        (ListPlan({}, http=True), f"INIT SESSION ERROR NOTIFICATION NOTIFICATION {MOVED} ARGSTOP DONE DONE"),
        (ListPlan({"after": OVER}, http=True), "INIT SESSION ERROR NOTIFICATION NOTIFICATION STATS STATS ERROR ERROR"),
    ],
)
def test_the_messages_in_their_order(plan: ListPlan, types: str) -> None:
    frames = list(plan.course.run())
    assert " ".join(frame.type for frame in frames) == types
    times = [int(frame.fields["Elapsedusec"]) for frame in frames if "Elapsedusec" in frame.fields]
    assert times == sorted(times)
    assert all(file.closed == 1 for file in plan.files if file.file.written)
    assert plan.course.current is None


def test_the_end_sums_up_what_was_reported() -> None:
    plan = ListPlan({"after": FileError(5, "no")}, {}, {"begin": Begin.SKIPPED}, {"after": OVER}, {})
    frames = list(plan.course.run())
    end = frames[-1].fields
    counted = [end[f"Transfers{name}"] for name in ("Attempted", "Passed", "Skipped", "Failed")]
    assert counted == ["4", "2", "1", "1"]
    assert (end["Code"], end["FileBytes"], end["TransferBytes"]) == ("28", "180", "180")
    assert [frame.fields["Written"] for frame in frames if frame.type == "STATS"][-1] == "40"
    # STATS alone have bytes on their way.
    ahead = {int(frame.fields["TransferBytes"]) - int(frame.fields["FileBytes"]) for frame in frames
             if frame.type not in ("INIT", "SESSION", "NOTIFICATION", "ARGSTOP", "STATS")}  # fmt: skip
    assert ahead == {0}


def test_files_that_are_there_are_counted() -> None:
    there = {"begin": Begin.THERE}
    *_, end = ListPlan(there, there, {**there, "size": 0}, {"begin": Begin.SKIPPED}, {}).course.run()
    # The empty one is no different from one that was just created.
    counted = [end.fields[f"Transfers{name}"] for name in ("Attempted", "Passed", "Skipped", "Failed")]
    assert counted == ["5", "5", "3", "0"]
    assert (end.fields["FileBytes"], end.fields["TransferBytes"]) == ("100", "100")


def test_an_argument_counts_its_own_files() -> None:
    (stop,) = (frame.fields for frame in ListPlan({}, {}, {}).course.run() if frame.type == "ARGSTOP")
    assert (stop["ArgTransfersAttempted"], stop["ArgTransfersPassed"]) == ("1", "1")


def test_other_exceptions_pass_through() -> None:
    plan = ListPlan({"after": OSError("disk")})
    with pytest.raises(OSError, match="disk"):
        list(plan.course.run())
    assert plan.files[0].closed == 1


def test_a_clock_of_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [50.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    virtual, twice = Clock(), Clock(speed=2, origin=50.0)
    assert (virtual.advance(3e6), twice.advance(3e6)) == (0, 1.5)
    now[0] += 2
    for clock in (virtual, twice):
        clock.catch_up()
    assert (virtual.usec, twice.usec) == (3e6, 4e6)
