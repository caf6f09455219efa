"""One file of a command line or of START, as the course of a session moves it."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from faspmgr.simulator import files
from faspmgr.simulator.course import Begin
from faspmgr.simulator.exceptions import FileError
from faspmgr.simulator.files import Item

if TYPE_CHECKING:
    from faspmgr.simulator.simulation import Simulation

REPORT_USEC = 500_000
"""Between two STATS of a file, by the clock of the session; of a stream, too."""
MAX_REPORTS = 200
"""STATS of one file in a session that does not keep time: a huge file must not become a flood."""


class RealFile:
    """One file of a command line, as its course moves it.

    Args:
        simulation: the run.
        item: the file.
    """

    def __init__(self, simulation: Simulation, item: Item) -> None:
        self.file = item.file
        self._simulation = simulation
        self._item = item
        # None without --simulate-copy.
        self._copy: files.Copy | None = None

    def begin(self) -> Begin:
        simulation, item = self._simulation, self._item
        simulation.moving = self.file
        simulation.check_file(simulation.course.counts.attempted)
        if item.error:
            raise item.error
        if not simulation.options.copy:
            return Begin.MOVES
        begin = files.prepare(item, simulation.options)
        if begin is Begin.MOVES:
            self._copy = files.Copy(item, simulation.options)
        return begin

    def steps(self) -> Iterator[int]:
        simulation, file = self._simulation, self.file
        clock = simulation.clock
        interval = self._interval()
        last = clock.usec
        while file.written < file.goal:
            simulation.fall_if_due()
            amount, usec = simulation.step(file.goal - file.written, interval)
            if self._copy and amount:
                amount = self._copy.move(amount)
            simulation.course.move(amount)
            simulation.wait(usec)
            simulation.streams.work()
            if file.path in simulation.stopped:
                raise FileError(28, "Stopped by the user")
            if clock.usec - last >= interval and file.written < file.goal:
                last = clock.usec
                yield 0

    def finish(self) -> str | None:
        self._simulation.fall_if_due()
        kind = self._simulation.options.checksum
        value = None if kind == "none" else files.checksum(self._item.source, kind)
        if self._copy:
            self._copy.finish()
        return value

    def close(self) -> None:
        self._simulation.moving = None
        self._simulation.stopped.discard(self.file.path)
        if self._copy:
            with contextlib.suppress(OSError):
                self._copy.close()

    def _interval(self) -> float:
        """How many microseconds there are between two STATS."""
        rate = self._simulation.options.rate
        if not math.isinf(self._simulation.clock.speed) or not rate:
            return REPORT_USEC
        return max(REPORT_USEC, (self.file.goal - self.file.written) * 8000 / rate / MAX_REPORTS)
