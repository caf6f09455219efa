"""One run of ``faspmgr-ascp``: what can only happen to an executable, around the course of its session.

Here are the files of a command line, the commands of a manager, the waiting for real time, and the faults; the messages
and their order are in ``course.py``. One thread, one loop: the course asks for the next file, and for the next step of
it. A step advances the clock by the time that its bytes take at the target rate, waits until real time has caught up,
and applies the commands that come meanwhile; what they reply goes out at once, between the messages of the course. With
an infinite speed it does not wait.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from faspmgr.protocol.fields import WIRE_POLICIES, unescape_path
from faspmgr.protocol.frames import Frame
from faspmgr.simulator import faults, files
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.course import Argument, Clock, Course
from faspmgr.simulator.exceptions import FileError, SessionOverError, ShutdownError
from faspmgr.simulator.faults import Fault, Faults
from faspmgr.simulator.files import Scan
from faspmgr.simulator.link import Link
from faspmgr.simulator.log import SessionLog
from faspmgr.simulator.logfile import LogFile
from faspmgr.simulator.messages import File, Messages, Refusal, Stage, describe
from faspmgr.simulator.notes import Notes, exit_now, log
from faspmgr.simulator.options import Options
from faspmgr.simulator.realfile import RealFile
from faspmgr.simulator.streams import TYPES as STREAM_TYPES
from faspmgr.simulator.streams import Streams
from faspmgr.simulator.terms import is_number, local_user, shown_sources, whole_datagrams

TICK_USEC = 50_000
"""The longest step of a session that keeps time, so that a change of rate shows soon."""
POLL_SECONDS = 0.002
"""How long a session that does not wait goes on before it looks for commands again, and sends its messages."""
IDLE_SECONDS = 0.5
"""How long a persistent session without work waits for a command before it looks whether anybody is there."""
# Limits of what a manager may ask for.
MAX_QUEUE = 100_000
MAX_RATE_KBPS = 10**12
MAX_OFFSET = 2**63


class Simulation:
    """One run, and the Plan of its course.

    Args:
        options: the command line.
        planned_faults: what is to go wrong.
        link: the managers.
        notes: where commands and the end are noted down.
        log_file: where the log of the session goes to; None for nowhere.
    """

    notifies = True

    def __init__(
        self, options: Options, planned_faults: Faults, link: Link, notes: Notes, log_file: LogFile | None = None
    ) -> None:
        self.options = options
        self.faults = planned_faults
        self.link = link
        self.notes = notes
        self.log_file = log_file
        self.clock = Clock(options.speed or (1.0 if options.copy else math.inf))
        # The sources, each with its destination if it has one of its own; and what is wrong with the command line.
        self._pairs: list[files.Pair] = []
        self._refusal = options.problem
        if self._refusal is None:
            try:
                self._pairs = files.pairs(options)
            except SessionOverError as over:
                self._refusal = options.problem = over.refusal
        # Is it so wrong that ascp says little of it, and neither -u nor the cookie?
        self._is_bare = self._refusal is not None and self._refusal.stage is not Stage.SESSION
        if not self._is_bare and options.key and not os.path.isfile(options.key):
            self._refusal = Refusal(4, f"Private key file not found at path {options.key}")

        has_prefix = log_file is None or log_file.has_prefix
        self._log = SessionLog(os.getpid(), datetime.now() if has_prefix else None, Asked.of(options, self._refusal))
        messages = Messages(str(uuid.uuid4()), options.user_str, options.cookie, options.direction)
        if self._is_bare:
            messages.user_str = messages.cookie = None
        self.course = Course(self, options, messages, self.clock)
        # What was found of the sources; in a persistent session, nothing.
        self.scan = Scan(self.course.counts)
        # The sum of the sizes of all files so far, bytes.
        self.job_bytes = 0
        # How many files of START, and streams, were begun.
        self.index = 0
        self.streams = Streams(self)
        # The file of START or of the command line that is in progress.
        self.moving: File | None = None
        # START commands that wait, and the paths that STOP has named: of files that wait, and of the one in progress.
        self.queue: deque[Frame] = deque()
        self.stopped: set[str] = set()
        # When commands were looked for last, in real time.
        self._polled = 0.0
        # Has DONE asked to end when the queue is empty?
        self.lingering = False

    def run(self) -> int:
        """Report the session; return the exit status."""
        course, options = self.course, self.options
        for frame in course.run():
            self.send(frame)
        self.streams.close()
        refusal = course.refusal
        if refusal is None:
            if not options.quiet:
                self._log_result()
            self.notes.note(end="DONE")
            return 0
        if not course.messages.http:
            if not options.quiet and not options.problem:
                log(f"\r\nSession Stop  (Error: {refusal.description})\n")
            ending = ", exiting." if refusal.stage is Stage.SESSION else " \nStartup failed, exit"
            log(f"ascp: {refusal.description}{ending}\n", sys.stderr)
        self.notes.note(end="ERROR", code=refusal.code)
        return 1

    def _log_result(self) -> None:
        totals, count = self.course.totals, self.course.counts.passed
        seconds = max(totals.elapsed_usec / 1e6, 0.001)
        rate = totals.sent * 8 / 1024 / seconds
        log(
            f"Completed: {totals.sent // 1024}K bytes transferred in {seconds:.0f} seconds\n"
            f" ({rate:.0f}K bits/sec), in {count} file{'' if count == 1 else 's'}.\n"
        )

    def send(self, frame: Frame) -> None:
        """Send a message now, and log what it says."""
        self.link.send(frame.encode())
        if self.log_file:
            self.log_file.write(self._log.lines(frame, self.clock.usec, self.course.messages.http))

    # -- the plan

    def session_values(self) -> dict[str, Any]:
        options = self.options
        if self._is_bare:
            return options.bare_values()
        is_local = self._refusal or self.faults.at("connect")
        values = options.local_values() if is_local else options.negotiated_values()
        return {**values, "source": shown_sources(source for source, _ in self._pairs)}

    def connect(self) -> Iterable[Frame]:
        if self._refusal:
            raise SessionOverError(self._refusal)
        self._fall(self.faults.at("connect"))
        self._fall(self.faults.at("session"))
        files.scan(self.scan, self.options, self._pairs)
        return ()

    def prepare(self) -> None:
        if self.options.copy:
            files.make_directories(self.scan, self.options)
        self.job_bytes = self.scan.bytes

    def job_size(self) -> tuple[int, int]:
        return sum(1 for item in self.scan.items if not item.error), self.job_bytes

    def arguments(self) -> Iterator[Argument]:
        yield from map(self._argument, self.scan.sources)
        if self.options.is_persistent:
            yield from self._serve()
        self.fall_if_due()

    def last_reports(self) -> Iterable[Frame]:
        return self.streams.last_reports()

    def _argument(self, source: files.Source) -> Argument:
        return Argument(source.name, source.index, (RealFile(self, item) for item in source.items))

    def _serve(self) -> Iterator[Argument]:
        """A persistent session: one START after the other, and what is streamed, until it is to end."""
        while True:
            self.streams.work()
            if self.queue:
                self.index += 1
                yield from self._start(self.index, self.queue.popleft())
            elif self.streams.has_work:
                continue
            elif self.lingering and not self.streams.has_open:
                return
            elif self.link.has_manager:
                self.apply(self.link.poll(IDLE_SECONDS))
                self.clock.catch_up()
                self.streams.report_due()
            else:
                raise SessionOverError(Refusal(8, self.options.needs_manager))

    def _start(self, index: int, frame: Frame) -> Iterator[Argument]:
        source = unescape_path(frame.fields["Source"])
        target = unescape_path(frame.fields["Destination"])
        if source in self.stopped:
            self.stopped.discard(source)
            return
        low, _, high = frame.fields.get("FileBytes", "").partition(":")
        found = Scan(self.course.counts)
        files.scan_one(
            found, self.options, index, (source, target), *(int(bound) if bound else None for bound in (low, high))
        )
        self.job_bytes += found.bytes
        if self.options.copy:
            with contextlib.suppress(SessionOverError):
                files.make_directories(found, self.options)
        yield self._argument(found.sources[0])

    @property
    def estimated_bytes(self) -> int | None:
        """The sum of the sizes of all files so far; None where there are only streams whose size nobody has said."""
        return None if self.options.streams and not self.job_bytes else self.job_bytes

    # -- time and commands

    def wait(self, usec: float) -> None:
        """Let time pass, and apply the commands that come meanwhile."""
        now = time.monotonic()
        deadline = now + self.clock.advance(usec)
        while deadline > now or now - self._polled >= POLL_SECONDS:
            self._polled = now
            reads = self.streams.has_room and len(self.queue) < MAX_QUEUE
            self.apply(self.link.poll(max(0.0, deadline - now), reads))
            now = time.monotonic()
        self.clock.catch_up()

    def step(self, left: int, interval: float) -> tuple[int, float]:
        """Give how many bytes of a file to move next, and how many microseconds they take.

        Args:
            left: how many there are left.
            interval: microseconds that a step may take at most.
        """
        rate, speed = self.options.rate, self.clock.speed
        tick = interval if math.isinf(speed) else min(TICK_USEC * max(1.0, speed), interval)
        if rate == 0:
            time.sleep(TICK_USEC / 1e6)
            return 0, tick
        amount = min(left, whole_datagrams(max(1, int(rate * tick / 8000))))
        room = self.faults.room(self.course.totals.sent, self.estimated_bytes)
        amount = amount if room is None else min(amount, room)
        return amount, amount * 8000 / rate

    def apply(self, commands: Sequence[Frame]) -> None:
        """Apply commands. Raises SessionOverError and ShutdownError, where they end the session."""
        self.notes.note_commands(commands)
        if self.options.streams and (problem := self.link.too_long):
            raise SessionOverError(Refusal(1, problem))
        for command in commands:
            if command.type in STREAM_TYPES and self.options.streams:
                self.streams.receive(command)
            elif command.type in self._COMMANDS:
                self._COMMANDS[command.type](self, command.fields)

    def _on_rate(self, fields: Mapping[str, str]) -> None:
        rate, min_rate = fields.get("Rate"), fields.get("MinRate")
        policy, priority = fields.get("Adaptive"), fields.get("Priority")
        fits = (
            all(value is None or is_number(value, MAX_RATE_KBPS) for value in (rate, min_rate))
            and (policy is None or policy in WIRE_POLICIES)
            and priority in (None, "1", "2")
        )
        if not fits or not any((rate, min_rate, policy, priority)):
            return
        terms = self.course.terms
        terms.rate = terms.rate if rate is None else int(rate)
        terms.min_rate = terms.min_rate if min_rate is None else int(min_rate)
        terms.adaptive = policy or terms.adaptive
        terms.priority = terms.priority if priority is None else int(priority)
        self.send(self.course.notify())

    def _on_start(self, fields: Mapping[str, str]) -> None:
        source, target, span = fields.get("Source"), fields.get("Destination"), fields.get("FileBytes", ":")
        low, colon, high = span.partition(":")
        fits = colon and all(not bound or is_number(bound, MAX_OFFSET) for bound in (low, high))
        if self.options.keepalive and source and target and fits:
            self.queue.append(Frame("START", dict(fields)))

    def _on_stop(self, fields: Mapping[str, str]) -> None:
        path = unescape_path(fields.get("Source", ""))
        self.streams.stop(path)
        waiting = any(unescape_path(frame.fields["Source"]) == path for frame in self.queue)
        if waiting or (self.moving and self.moving.path == path):
            self.stopped.add(path)

    def _on_cancel(self, fields: Mapping[str, str]) -> None:
        raise SessionOverError(Refusal(28, "Session cancelled by the user"))

    def _on_done(self, fields: Mapping[str, str]) -> None:
        if not self.options.is_persistent:
            return
        if fields.get("Operation", "Shutdown") == "Linger":
            self.lingering = True
        elif fields.get("Operation", "Shutdown") == "Shutdown":
            raise ShutdownError

    def _on_query(self, fields: Mapping[str, str]) -> None:
        response = "Transferring" if self.moving or self.streams.has_open else "Idle"
        self.send(self.course.messages.query_response(self.course.totals, fields.get("Query"), response))

    # -- faults

    def fall_if_due(self) -> None:
        """Let that go wrong which is to go wrong at this byte."""
        fault = self.faults.due(self.course.totals.sent, self.estimated_bytes)
        if fault:
            self._fall([fault])

    def check_file(self, number: int) -> None:
        """Raises FileError: the file with this number, from 1, is to fail."""
        fault = self.faults.numbered("fail-file", number)
        if fault and self.happens(fault):
            raise FileError(fault.code, f"Source: {describe(fault.code)}")

    def happens(self, fault: Fault) -> bool:
        """Does a fault that is due happen, or has one happened before and is enough? Note it down."""
        if self.faults.once:
            if os.path.exists(self.faults.once):
                return False
            with open(self.faults.once, "x"):
                pass
        self.notes.note(fault=fault.name)
        return True

    def _fall(self, due: Sequence[Fault]) -> None:
        for fault in due:
            if self.happens(fault):
                self.link.flush()
                self._FAULTS[fault.name](self, fault)

    def _fail(self, fault: Fault) -> None:
        course, options = self.course, self.options
        if not options.fallback or course.messages.http or fault.where not in ("connect", "session"):
            raise SessionOverError(Refusal.of(fault.code))
        # -y 1: it goes on over HTTP; if nothing at all can be reached, no HTTP server can be either.
        if fault.where == "session":
            self.send(course.fall_back(fault.code))
            return
        other = Messages(str(uuid.uuid4()), cookie=options.cookie, direction=options.direction, http=True)
        self.send(other.http_init(options.user or local_user()))
        course.stamp()
        self.send(other.error(course.totals, None, 11))
        course.messages.http = True
        raise SessionOverError(Refusal.of(11))

    def _hang(self, fault: Fault) -> None:
        if self.course.current:
            self.send(self.course.report(self.course.current))
            self.link.flush()
        time.sleep(faults.HANG_SECONDS)
        exit_now(1)

    def _exit_silently(self, fault: Fault) -> None:
        exit_now(1)

    def _die(self, fault: Fault) -> None:
        """The first half of a message is out when the end comes."""
        course = self.course
        frame = course.messages.stats(course.current, course.totals) if course.current else course.messages.init()
        message = frame.encode()
        self.link.send(message[: len(message) // 2])
        self.link.flush()
        if fault.name == "die-kill":
            os.kill(os.getpid(), signal.SIGKILL)
        exit_now(1)

    def _send_garbage(self, fault: Fault) -> None:
        self.link.send(faults.GARBAGE)

    # What to do at a command, and at a fault.
    _COMMANDS: ClassVar[Mapping[str, Callable[[Simulation, Mapping[str, str]], None]]] = {
        "RATE": _on_rate,
        "START": _on_start,
        "STOP": _on_stop,
        "CANCEL": _on_cancel,
        "DONE": _on_done,
        "QUERY": _on_query,
    }
    _FAULTS: ClassVar[Mapping[str, Callable[[Simulation, Fault], None]]] = {
        "fail": _fail,
        "hang": _hang,
        "silent-exit": _exit_silently,
        "die": _die,
        "die-kill": _die,
        "garbage": _send_garbage,
    }
