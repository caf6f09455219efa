"""The course of a session: its messages in their order, with totals, counts and times that agree with each other.

::

    INIT  SESSION  [ERROR, over to HTTP]  [NOTIFICATION …]  file …  ARGSTOP …  DONE | ERROR
    file  =  SKIP  |  STOP  |  FILEERROR  |  STATS …  STOP  |  STATS …  FILEERROR

There is one course, for a Scenario in virtual time and for ``faspmgr-ascp`` in real time. A line of code may stand here
if it holds for both: the course knows no file system, no socket, no command and no chance. What the session is about,
what happens to each file, and how its bytes move, is handed in as a Plan. A Plan raises SessionOverError, wherever it
is, to end the session in ERROR, and ShutdownError to end it in DONE at once; every other exception passes through.

What holds in every stream, as it does in the published ones of real transfers:

- Elapsedusec, FileBytes, TransferBytes and Loss never fall. Every message with a time has a time of its own.
- TransferBytes is what was sent, repeated sending and what is on its way included; only STATS have bytes on their way.
- Written is what is at the destination of a file, or of a range or part of one. FileBytes is the sum of Written over
  the files of which this session has moved a byte: of a resumed file it counts what was there before.
- A part that other sessions continue counts what was sent: what is lost on the way is in its Written and in FileBytes.
- StartByte is 0 for a whole file. A resumed file has its offset until a byte moves, and no StartByte from then on.
  Ranges and parts have theirs in every STATS and STOP, ranges also EndByte.
- A file that is at the destination already is a STOP alone, with StartByte and Written equal to Size.
- The counts of DONE and ERROR are those of the files before it. The last STATS of a file that is broken off has what
  was written of it.

It must write some fifty thousand messages a second, and keeps nothing of a file that is finished.
"""

from __future__ import annotations

import enum
import math
import time
from collections.abc import Iterable, Iterator
from typing import Any, Protocol

import attrs

from faspmgr.protocol.frames import Frame
from faspmgr.simulator.exceptions import FileError, SessionOverError, ShutdownError
from faspmgr.simulator.messages import Counts, File, Messages, Refusal, Totals
from faspmgr.simulator.terms import PMTU, Terms

FIRST_USEC = 1_000
"""Elapsedusec of the first message that has one, at the earliest."""
FILES_FAILED = 27
"""The code of a session of which files have failed."""


@attrs.define
class Clock:
    """The time of a session.

    Attributes:
        speed: so many times faster than real; infinite for a virtual time that nobody waits for.
        usec: microseconds since the session began.
    """

    speed: float = math.inf
    usec: float = 0
    _origin: float = attrs.field(factory=time.monotonic)

    def advance(self, usec: float) -> float:
        """Let time pass; return how many seconds there are to wait for it."""
        self.usec += usec
        if math.isinf(self.speed):
            return 0.0
        return max(0.0, self.usec / 1e6 / self.speed - (time.monotonic() - self._origin))

    def catch_up(self) -> None:
        """Set the clock to the real time, where that has passed without the session."""
        if not math.isinf(self.speed):
            self.usec = max(self.usec, (time.monotonic() - self._origin) * 1e6 * self.speed)


class Begin(enum.Enum):
    """What becomes of a file."""

    MOVES = enum.auto()
    THERE = enum.auto()
    """It is at the destination already."""
    SKIPPED = enum.auto()
    """Nothing is to be done, and nothing is said of its size."""


class PlannedFile(Protocol):
    """What happens to one file. The methods are called in their order, each once; a FileError ends the file.

    Attributes:
        file: what is reported of it.
    """

    file: File

    def begin(self) -> Begin:
        """Begin. May change where the file starts, and resumes one that is there at its end."""

    def steps(self) -> Iterator[int]:
        """Move the bytes with Course.move, and let the clock advance.

        Yields when a STATS is due: how many bytes are on their way.
        """

    def finish(self) -> str | None:
        """All bytes are moved. Returns the checksum for STOP, None for none."""

    def close(self) -> None:
        """Free what is held. Called however the file ended."""


@attrs.frozen
class Argument:
    """One source argument.

    Attributes:
        name: as on the command line; None where no ARGSTOP is to come.
        index: its number, from 1.
        files: its files; each is begun when the one before is finished.
    """

    name: str | None
    index: int
    files: Iterable[PlannedFile]


class Plan(Protocol):
    """What a session is about.

    Attributes:
        notifies: are rate and job size reported?
    """

    notifies: bool

    def session_values(self) -> dict[str, Any]:
        """Give the values of SESSION: see Messages.session."""

    def connect(self) -> Iterable[Frame]:
        """Do what is between SESSION and the first NOTIFICATION; give the messages that come there."""

    def prepare(self) -> None:
        """Do what is between rate and job size."""

    def job_size(self) -> tuple[int, int]:
        """Give the number of files, and the sum of their bytes."""

    def arguments(self) -> Iterable[Argument]:
        """Give the source arguments; each is asked for when the one before is finished."""

    def last_reports(self) -> Iterable[Frame]:
        """Give what is to be reported before the end, when the session ends: of files that are not its arguments'."""


class Course:
    """One session.

    Args:
        plan: what it is about.
        terms: rate, policy and checksum; they may change while it runs.
        messages: makes its frames.
        clock: its time.
    """

    def __init__(self, plan: Plan, terms: Terms, messages: Messages, clock: Clock) -> None:
        self.plan = plan
        self.terms = terms
        self.messages = messages
        self.clock = clock
        # Both are as in the latest message, but for the bytes of the file in progress, which move on.
        self.totals = Totals()
        self.counts = Counts()
        # The file in progress; None between two files.
        self.current: File | None = None
        # Why it ended in ERROR; None for DONE, and as long as it has not ended.
        self.refusal: Refusal | None = None
        # Is it known what is to be moved? An ERROR before that has no counts.
        self._started = False
        # How much of the file in progress was written at its latest STATS.
        self._reported = 0

    def run(self) -> Iterator[Frame]:
        """Give all messages of the session."""
        try:
            yield from self._open()
            for argument in self.plan.arguments():
                before = attrs.evolve(self.counts)
                for planned in argument.files:
                    yield from self._move(planned)
                if argument.name is not None:
                    counts = self.counts.since(before)
                    yield self.messages.arg_stop(argument.name, argument.index, counts)
        except SessionOverError as over:
            self.refusal = over.refusal
        except ShutdownError:
            pass
        yield from self.plan.last_reports()
        if self.refusal is None and self.counts.failed:
            self.refusal = Refusal.of(FILES_FAILED)
        if self._started:
            self.stamp()
        # Over HTTP the end has been seen to come twice.
        for _ in range(2 if self.messages.http and self._started else 1):
            if self.refusal is None:
                yield self.messages.done(self.totals, self.counts)
            else:
                counts_ = self.counts if self._started else None
                yield self.messages.error(self.totals, counts_, self.refusal.code, self.refusal.description)

    def _open(self) -> Iterator[Frame]:
        """From INIT to the last NOTIFICATION before the first file."""
        plan, counts = self.plan, self.counts
        yield self.messages.init()
        yield self.messages.session(**plan.session_values())
        yield from plan.connect()
        self._started = True
        if plan.notifies:
            yield self.notify(pmtu=PMTU)
        plan.prepare()
        if plan.notifies and self.terms.precalculate:
            files, size = plan.job_size()
            yield self.notify(
                pre_transfer_files=files,
                pre_transfer_dirs=counts.dirs,
                pre_transfer_special=counts.irregular,
                pre_transfer_failed=counts.paths_failed,
                pre_transfer_bytes=size,
            )

    def _move(self, planned: PlannedFile) -> Iterator[Frame]:
        """One file, from its first message to its last."""
        counts, totals = self.counts, self.totals
        file = self.current = planned.file
        counts.attempted += 1
        try:
            begin = planned.begin()
            if begin is Begin.MOVES:
                yield self.report(file)
                for on_its_way in planned.steps():
                    yield self.report(file, on_its_way)
                yield self.stop(file, planned.finish())
            else:
                counts.passed += 1
                # Nothing tells an empty file that is there from one that was just created.
                counts.skipped += begin is Begin.SKIPPED or file.size > 0
                self.stamp()
                make = self.messages.skip if begin is Begin.SKIPPED else self.messages.stop
                yield make(file, totals)
        except (SessionOverError, ShutdownError):
            if file.written > self._reported:  # or the totals of the end would be more than what was reported
                yield self.report(file)
            raise
        except FileError as error:
            yield self.fail(file, error)
        finally:
            self.current = None
            planned.close()

    def move(self, count: int, lost: int = 0) -> None:
        """Let bytes of the file in progress arrive.

        Args:
            count: how many.
            lost: how many were lost on the way before, and were sent again.
        """
        file, totals = self.current, self.totals
        assert file
        if file.before and count:
            totals.file_bytes += file.before
            file.before = 0
        written = count + lost if file.is_part else count
        file.written += written
        totals.file_bytes += written
        totals.loss += lost
        totals.sent += count + lost

    def report(self, file: File, on_its_way: int = 0) -> Frame:
        """Make a STATS of how far a file has come."""
        self.stamp(on_its_way)
        self._reported = file.written
        return self.messages.stats(file, self.totals)

    def stop(self, file: File, checksum: str | None = None) -> Frame:
        """Make the STOP of a file that is complete."""
        self.counts.passed += 1
        self.stamp()
        return self.messages.stop(file, self.totals, checksum, self.terms.checksum)

    def fail(self, file: File, error: FileError) -> Frame:
        """Make the FILEERROR of a file."""
        self.counts.failed += 1
        self.stamp()
        return self.messages.file_error(file, self.totals, error.code, error.description)

    def notify(self, **values: int) -> Frame:
        """Make a NOTIFICATION of rate and policy as they are now, and of these values."""
        terms = self.terms
        if "pre_transfer_bytes" not in values:
            values["priority"] = terms.priority
        return self.messages.network(rate=terms.rate, min_rate=terms.min_rate, adaptive=terms.adaptive, **values)

    def fall_back(self, code: int) -> Frame:
        """Go over to HTTP; make the ERROR that says so."""
        error = self.messages.error(self.totals, None, code)
        self.messages.http = True
        return error

    def stamp(self, on_its_way: int = 0) -> None:
        """Set the totals for a message that is made now."""
        clock, totals = self.clock, self.totals
        usec = clock.usec + 1
        clock.usec = usec if usec > FIRST_USEC else FIRST_USEC
        totals.elapsed_usec = int(clock.usec)
        totals.transfer_bytes = totals.sent + on_its_way
