"""The files that a manager streams to a simulated ascp (``--faspmgr-io``): PUT, WRITE and CLOSE, in their order.

::

    PUT   a first STATS: File is the Destination as it was given, Size that of PUT, or 0
    WRITE the data at Offset, in any order; STATS every half second, with Written the bytes there are, each counted once
    CLOSE STOP, with Size and Written the length of the file; FILEERROR 53 where it is not the Size of PUT

- Several files are open at once. They share the target rate with each other, and with what START has begun.
- What fails (FILEERROR) ends its stream, and the session goes on. What the manager has sent of it by then, up to its
  CLOSE, is passed over without another word.
- WRITE or CLOSE of what is not open, and PUT of what is, are a FILEERROR for that destination.
- A gap that no WRITE has filled is zeros, and counts at CLOSE. Where PUT has said a size, all of it must have come.
- STOP with a destination as its Source breaks a stream off: FILEERROR 28.

Commands for streams wait here until the time of the session has come for them, so that data that come faster than the
target rate do not hold up a change of it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from faspmgr.protocol.fields import unescape_path
from faspmgr.protocol.frames import Frame
from faspmgr.simulator.exceptions import FileError
from faspmgr.simulator.link import MAX_WAITING_BYTES
from faspmgr.simulator.messages import File
from faspmgr.simulator.realfile import REPORT_USEC
from faspmgr.simulator.streamed import MAX_OFFSET, Stream
from faspmgr.simulator.terms import is_number

if TYPE_CHECKING:
    from faspmgr.simulator.simulation import Simulation

TYPES = ("PUT", "WRITE", "CLOSE")
REPORT_SECONDS = 0.5
"""Between two STATS in real time, for data that come slowly into a session that does not keep time."""
# Limits for security: they bound memory, and descriptors.
MAX_OPEN = 512
MAX_WAITING = 10_000
MAX_FAILED = 10_000


class Streams:
    """All streams of a session.

    Args:
        simulation: the run.
    """

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        # Commands that wait, and how many bytes of data they have.
        self._waiting: deque[Frame] = deque()
        self._waiting_bytes = 0
        self._open: dict[str, Stream] = {}
        # Those that have failed and are not closed yet: the oldest are forgotten beyond MAX_FAILED.
        self._failed: dict[str, None] = {}
        self._writes = 0
        # When streams were looked at last, in real time.
        self._looked = time.monotonic()

    @property
    def has_work(self) -> bool:
        """Does a command wait?"""
        return bool(self._waiting)

    @property
    def has_open(self) -> bool:
        """Is a stream open?"""
        return bool(self._open)

    @property
    def has_room(self) -> bool:
        """May more be read from the manager? In a session that pauses, more than otherwise: RATE comes behind data."""
        limit = MAX_WAITING_BYTES * (2 if self._simulation.options.rate == 0 else 1)
        return self._waiting_bytes < limit and len(self._waiting) < MAX_WAITING

    def receive(self, command: Frame) -> None:
        """Let a command wait."""
        self._waiting.append(command)
        self._waiting_bytes += len(command.data or b"")

    def stop(self, destination: str) -> None:
        """Break a stream off, with all that waits for it, its PUT included."""
        dropped = [command for command in self._waiting if _destination(command) == destination]
        if dropped:
            self._waiting = deque(command for command in self._waiting if _destination(command) != destination)
            self._waiting_bytes -= sum(len(command.data or b"") for command in dropped)
        if destination in self._open or any(command.type == "PUT" for command in dropped):
            self._fail(destination, FileError(28, "Stopped by the user"))

    def work(self) -> None:
        """Do what the command says that waits the longest, if any does."""
        if not self._waiting:
            return
        command = self._waiting.popleft()
        data = command.data
        self._waiting_bytes -= len(data or b"")
        destination = _destination(command)
        if command.type == "WRITE":
            self._writes += 1
        if not destination:
            return
        if command.type == "PUT":
            self._failed.pop(destination, None)
        elif destination in self._failed:
            if command.type == "CLOSE":
                del self._failed[destination]
            return
        course = self._simulation.course
        outer = course.current  # what START has begun, if that is in progress
        try:
            if command.type == "PUT":
                self._put(destination, command.fields)
            elif destination not in self._open:
                raise FileError(4, "Receiver: no stream is open for this destination")
            elif command.type == "WRITE":
                course.current = self._open[destination].file
                self._write(self._open[destination], command.fields, data)
            else:
                self._close(destination)
            self._simulation.fall_if_due()
        except FileError as error:
            self._fail(destination, error)
        finally:
            course.current = outer

    def report_due(self) -> None:
        """Report the streams that have grown since they were reported, if half a second of real time has passed."""
        now = time.monotonic()
        if now - self._looked >= REPORT_SECONDS:
            self._looked = now
            for frame in self.last_reports():
                self._simulation.send(frame)

    def last_reports(self) -> Iterator[Frame]:
        """Give a STATS of each stream that has grown since its last one."""
        for stream in self._open.values():
            if stream.file.written > stream.reported:
                yield self._report(stream)

    def close(self) -> None:
        """Free what is held."""
        for stream in self._open.values():
            stream.close()

    def _put(self, destination: str, fields: Mapping[str, str]) -> None:
        if destination in self._open:
            raise FileError(42, "Receiver: a stream is open for this destination already")
        if len(self._open) == MAX_OPEN:
            raise FileError(23, f"Receiver: more than {MAX_OPEN} streams are open")
        size = _number(fields, "Size") if "Size" in fields else None
        simulation = self._simulation
        simulation.index += 1
        simulation.check_file(simulation.course.counts.attempted + 1)
        stream = Stream(simulation.options, simulation.notes, destination, size, simulation.index)
        self._open[destination] = stream
        simulation.course.counts.attempted += 1
        simulation.job_bytes += size or 0
        simulation.send(self._report(stream))

    def _write(self, stream: Stream, fields: Mapping[str, str], data: bytes | None) -> None:
        simulation = self._simulation
        fault = simulation.faults.numbered("refuse-write", self._writes)
        if fault and simulation.happens(fault):
            raise FileError(fault.code, "Receiver: WRITE refused")
        if data is None:
            raise FileError(1, "Receiver: a WRITE without data")
        offset, left, course = _number(fields, "Offset"), memoryview(data), simulation.course
        while left:
            amount, usec = simulation.step(len(left), REPORT_USEC)
            full = simulation.faults.full(simulation.estimated_bytes)
            room = max(0, full[0] - course.totals.sent) if full else amount
            piece = left[: min(amount, room)]
            new = stream.write(piece, offset)
            course.move(new)
            course.totals.sent += len(piece) - new  # sent again
            stream.note_written()
            if full and room < amount and (full[1].over or simulation.happens(full[1])):
                full[1].over = True  # it stays full
                raise FileError(full[1].code, "Receiver: No space left on device")
            offset, left = offset + len(piece), left[len(piece) :]
            simulation.wait(usec)
            if stream.file.path not in self._open:  # stopped meanwhile
                return
            if simulation.clock.usec - stream.usec >= REPORT_USEC:
                simulation.send(self._report(stream))
        self.report_due()

    def _close(self, destination: str) -> None:
        course = self._simulation.course
        stream = self._open[destination]
        course.current = stream.file
        gaps = stream.finish()
        course.move(gaps)
        course.totals.sent -= gaps
        del self._open[destination]
        stream.close()
        self._simulation.send(course.stop(stream.file))

    def _fail(self, destination: str, error: FileError) -> None:
        simulation = self._simulation
        stream = self._open.pop(destination, None)
        if stream:
            file = stream.file
            stream.close()
        else:
            file = File(destination, 0, arg_index=simulation.index)
            simulation.course.counts.attempted += 1
        self._failed[destination] = None
        if len(self._failed) > MAX_FAILED:
            del self._failed[next(iter(self._failed))]
        simulation.send(simulation.course.fail(file, error))

    def _report(self, stream: Stream) -> Frame:
        course = self._simulation.course
        course.stamp()
        stream.usec, stream.reported = course.clock.usec, stream.file.written
        return course.messages.stats(stream.file, course.totals)


def _destination(command: Frame) -> str:
    return unescape_path(command.fields.get("Destination", ""))


def _number(fields: Mapping[str, str], name: str) -> int:
    text = fields.get(name, "")
    if not is_number(text, MAX_OFFSET):
        raise FileError(1, f"Receiver: invalid {name}: {text[:30]}")
    return int(text)
