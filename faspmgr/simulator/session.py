"""One session of the simulated ascp: what it reports, copies and obeys, and how it fails.

One thread, one loop. The clock of the session advances by the time that bytes take at the target rate; the loop then
waits until real time has caught up, and takes commands while it waits. Without a clock to keep to, it does not wait.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, TextIO

import attrs

from faspmgr.errors import FileError, SessionOverError, ShutdownError
from faspmgr.protocol.fields import unescape_path
from faspmgr.protocol.frames import Frame
from faspmgr.simulator import faults as _faults
from faspmgr.simulator import files as _files
from faspmgr.simulator import link as _link
from faspmgr.simulator import options as _options
from faspmgr.simulator.faults import Fault, Faults
from faspmgr.simulator.files import Argument, Item, Plan
from faspmgr.simulator.messages import PMTU, Counts, Messages, Totals, describe, negotiated
from faspmgr.simulator.options import Options, Refusal, Stage

REPORT_USEC = 500_000
"""Between two STATS of a file, by the clock of the session."""
TICK_USEC = 50_000
"""The longest step of a session that keeps time, so that a change of rate tells soon."""
MAX_REPORTS = 200
"""STATS of one file in a session that does not keep time: a huge file must not become a flood."""
FIRST_USEC = 1_000
MAX_QUEUE = 100_000
"""Files that wait in a persistent session; more START commands are ignored."""
MAX_RATE_KBPS = 10**12
IDLE_SECONDS = 0.5
MAX_SOURCE_CHARS = 1 << 16
"""What SESSION shows of the sources of a long list: the message must stay one that a manager takes."""


class Recorder:
    """Notes down what the process was told, for fake_ascp: one file for each run, each line written at once.

    number: how many runs there were before in the same folder, 0 without a folder.
    """

    def __init__(self, folder: str | None) -> None:
        self.number = 0
        self._path: str | None = None
        while folder and self._path is None:
            path = os.path.join(folder, f"{self.number}.jsonl")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                self._path = path
            except FileExistsError:
                self.number += 1

    def note(self, **entry: Any) -> None:
        if self._path:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def note_commands(self, commands: Sequence[Frame]) -> None:
        for command in commands:
            self.note(command=command.type, fields=command.fields)


@attrs.define
class Clock:
    """The session's time, and how fast it runs. usec: microseconds since the session began."""

    speed: float
    usec: float = 0
    _origin: float = attrs.field(factory=time.monotonic)

    def advance(self, usec: float) -> float:
        """Let time pass; return how many seconds there are to wait for it."""
        self.usec += usec
        if math.isinf(self.speed):
            return 0.0
        return max(0.0, self.usec / 1e6 / self.speed - (time.monotonic() - self._origin))

    def catch_up(self) -> None:
        """Real time has passed without the session: what was slow, or idle, took its time."""
        if not math.isinf(self.speed):
            self.usec = max(self.usec, (time.monotonic() - self._origin) * 1e6 * self.speed)


class Simulation:
    """One run."""

    def __init__(self, options: Options, faults: Faults, link: _link.Link, recorder: Recorder) -> None:
        self.options = options
        self.faults = faults
        self.link = link
        self.recorder = recorder
        self.messages = Messages(str(uuid.uuid4()), options.user_str, options.cookie, options.direction)
        self.totals = Totals()
        self.plan = Plan()
        self.clock = Clock(options.speed or (1.0 if options.copy else math.inf))
        self.rate, self.min_rate = options.rate, options.min_rate
        self.adaptive, self.priority = options.adaptive, options.priority
        self.job_bytes = 0
        self.file_number = 0
        self.under_way: Item | None = None
        self.reported = 0
        self.queue: deque[Frame] = deque()
        self.stopped: set[str] = set()
        self.lingering = False
        self.started = False

    # -- the whole session

    def run(self) -> int:
        """Report the session; return the exit status."""
        try:
            self._begin()
            self._work()
        except SessionOverError as over:
            return self._end_badly(over.refusal)
        except ShutdownError:
            pass
        return self._end()

    def _begin(self) -> None:
        options = self.options
        pairs = self._understand()
        self._send(self.messages.init())
        values: dict[str, Any] = {**options.session_values(), "source": _shown_sources(pairs)}
        if options.key and not os.path.isfile(options.key):
            self._send(self.messages.session(**values))
            raise SessionOverError(Refusal(4, f"Private key file not found at path {options.key}"))
        if options.problem:
            self._send(self.messages.session(**values))
            raise SessionOverError(options.problem)
        if self.faults.at("connect"):
            self._send(self.messages.session(**values))
            self._fall(self.faults.at("connect"))
        else:
            self._send(self.messages.session(**self._negotiated(values)))
        self._fall(self.faults.at("session"))
        self.plan = _files.plan(options, pairs)
        self.started = True
        self._notify(pmtu=PMTU)
        if options.copy:
            _files.make_directories(self.plan, options)
        self.job_bytes = self.plan.bytes
        if options.precalculate:
            self._send_job_size()

    def _negotiated(self, values: dict[str, Any]) -> dict[str, Any]:
        answer = negotiated(values["xopt_flags"], self.options.host or "")
        return {**values, **answer, "file_checksum_type": self.options.checksum}

    def _understand(self) -> list[_files.Pair]:
        """The sources. A command line that makes no sense as a whole is told without -u and cookie, as ascp does."""
        options = self.options
        pairs: list[_files.Pair] = []
        try:
            pairs = [] if options.problem else _files.pairs(options)
        except SessionOverError as error:
            options.problem = error.refusal
        problem = options.problem
        if problem and problem.stage is not Stage.SESSION:
            self.messages = Messages(self.messages.session_id, direction=options.direction)
            self._send(self.messages.init())
            self._send(self.messages.session(**options.bare_values()))
            raise SessionOverError(problem)
        return pairs

    def _send_job_size(self) -> None:
        counts = self.plan.counts
        self._notify(
            pre_transfer_files=sum(1 for item in self.plan.items if not item.error),
            pre_transfer_dirs=counts.dirs,
            pre_transfer_special=counts.irregular,
            pre_transfer_failed=counts.paths_failed,
            pre_transfer_bytes=self.job_bytes,
        )

    def _notify(self, **values: Any) -> None:
        about = {"rate": self.rate, "min_rate": self.min_rate, "adaptive": self.adaptive, "priority": self.priority}
        if "pre_transfer_bytes" in values:
            del about["priority"]
        self._send(self.messages.network(**about, **values))

    def _work(self) -> None:
        for argument in self.plan.arguments:
            self._move_argument(argument)
        if self.options.keepalive:
            self._serve()
        self._fall_if_due()

    def _move_argument(self, argument: Argument) -> None:
        counts = argument.counts
        try:
            for item in argument.items:
                self._move(item, counts)
        finally:
            self.plan.counts.add(counts)
        self._send(self.messages.arg_stop(argument.name, argument.index, counts))

    def _serve(self) -> None:
        """A persistent session: one START after the other."""
        index = 0
        while self.queue or not self.lingering:
            if self.queue:
                index += 1
                self._start(index, self.queue.popleft())
            elif self.link.can_be_ordered:
                self._take(self.link.poll(IDLE_SECONDS))
                self.clock.catch_up()
            else:
                raise SessionOverError(Refusal(8, "management -M connection required for --keepalive session"))

    def _start(self, index: int, frame: Frame) -> None:
        source = unescape_path(frame.fields["Source"])
        target = unescape_path(frame.fields["Destination"])
        if source in self.stopped:
            self.stopped.discard(source)
            return
        low, _, high = frame.fields.get("FileBytes", "").partition(":")
        span = (int(low) if low else None, int(high) if high else None)
        more = _files.one_file(self.options, index, source, target, span)
        self.plan.counts.add(more.counts)
        self.job_bytes += more.bytes
        if self.options.copy:
            with contextlib.suppress(SessionOverError):
                _files.make_directories(more, self.options)
        self._move_argument(more.arguments[0])

    def _end(self) -> int:
        counts = self.plan.counts
        if counts.failed:
            return self._end_badly(Refusal(27, describe(27)))
        self._stamp()
        for _ in range(2 if self.messages.http else 1):  # over HTTP the end has been seen to come twice
            self._send(self.messages.done(self.totals, counts))
        if not self.options.quiet:
            self._print_result()
        self.recorder.note(end="DONE")
        return 0

    def _end_badly(self, problem: Refusal) -> int:
        if self.started:
            self._stamp()
        counts = self.plan.counts if self.started else None
        self._send(self.messages.error(self.totals, counts, problem.code, problem.description))
        if not self.messages.http:
            self._print_problem(problem)
        self.recorder.note(end="ERROR", code=problem.code)
        return 1

    def _print_problem(self, problem: Refusal) -> None:
        if not self.options.quiet and not self.options.problem:
            say(f"\r\nSession Stop  (Error: {problem.description})\n")
        ending = ", exiting." if problem.stage is Stage.SESSION else " \nStartup failed, exit"
        say(f"ascp: {problem.description}{ending}\n", sys.stderr)

    def _print_result(self) -> None:
        seconds = max(self.totals.elapsed_usec / 1e6, 0.001)
        rate = self.totals.file_bytes * 8 / 1024 / seconds
        count = self.plan.counts.passed
        say(
            f"Completed: {self.totals.file_bytes // 1024}K bytes transferred in {seconds:.0f} seconds\n"
            f" ({rate:.0f}K bits/sec), in {count} file{'' if count == 1 else 's'}.\n"
        )

    # -- one file

    def _move(self, item: Item, counts: Counts) -> None:
        """Move one file, and count it."""
        self.file_number += 1
        counts.attempted += 1
        self.under_way = item
        copy: _files.Copy | None = None
        try:
            fault = self.faults.file_fault(self.file_number)
            if fault:
                raise FileError(fault.code, f"Source: {describe(fault.code)}")
            if item.error:
                raise item.error
            if self.options.copy:
                if not _files.prepare(item, self.options):
                    counts.skipped += 1
                    counts.passed += 1
                    self._stamp()
                    self._send(self.messages.skip(item.file.path, self.totals))
                    return
                copy = _files.Copy(item, self.options)
            self._report(item)
            self._move_bytes(item, copy)
            self._finish(item, copy)
            counts.passed += 1
        except (SessionOverError, ShutdownError):
            if item.file.written > self.reported:
                self._report(item)  # so that the totals of the end are the sums of what was reported
            raise
        except FileError as error:
            counts.failed += 1
            self._stamp()
            self._send(self.messages.file_error(item.file, self.totals, error.code, error.description))
        finally:
            self.under_way = None
            self.stopped.discard(item.file.path)
            if copy:
                with contextlib.suppress(OSError):
                    copy.close()

    def _move_bytes(self, item: Item, copy: _files.Copy | None) -> None:
        file = item.file
        last = self.clock.usec
        interval = self._report_interval(file.goal - file.written)
        while file.written < file.goal:
            self._fall_if_due()
            amount, usec = self._step(file.goal - file.written, interval)
            if copy and amount:
                amount = copy.move(amount)
            file.written += amount
            self.totals.file_bytes += amount
            self.totals.transfer_bytes += amount
            self._pass(usec)
            if file.path in self.stopped:
                raise FileError(28, "Stopped by the user")
            if self.clock.usec - last >= interval and file.written < file.goal:
                last = self.clock.usec
                self._report(item)

    def _step(self, left: int, interval: float) -> tuple[int, float]:
        """How many bytes to move next, and how many microseconds they take."""
        tick = interval if math.isinf(self.clock.speed) else min(TICK_USEC * max(1.0, self.clock.speed), interval)
        if self.rate == 0:
            time.sleep(TICK_USEC / 1e6)
            return 0, tick
        amount = min(left, max(1, int(self.rate * tick / 8000)))
        room = self.faults.room(self.totals.file_bytes, self.job_bytes)
        if room is not None:
            amount = min(amount, room)
        return amount, amount * 8000 / self.rate

    def _report_interval(self, left: int) -> float:
        if not math.isinf(self.clock.speed) or not self.rate:
            return REPORT_USEC
        return max(REPORT_USEC, left * 8000 / self.rate / MAX_REPORTS)

    def _finish(self, item: Item, copy: _files.Copy | None) -> None:
        self._fall_if_due()
        kind = self.options.checksum
        value = None if kind == "none" else _files.checksum(item.source, kind)
        if copy:
            copy.finish()
        self._stamp()
        self._send(self.messages.stop(item.file, self.totals, value, kind))

    def _report(self, item: Item) -> None:
        self._stamp()
        self.reported = item.file.written
        self._send(self.messages.stats(item.file, self.totals))

    # -- time and commands

    def _stamp(self) -> None:
        """Every message has its own moment."""
        self.clock.usec = max(self.clock.usec + 1, FIRST_USEC)
        self.totals.elapsed_usec = int(self.clock.usec)

    def _pass(self, usec: float) -> None:
        wait = self.clock.advance(usec)
        deadline = time.monotonic() + wait
        while True:
            self._take(self.link.poll(max(0.0, deadline - time.monotonic())))
            if time.monotonic() >= deadline:
                break
        self.clock.catch_up()

    def _take(self, frames: Sequence[Frame]) -> None:
        self.recorder.note_commands(frames)
        for frame in frames:
            obey = _COMMANDS.get(frame.type)
            if obey:
                obey(self, frame.fields)

    def _on_rate(self, fields: Mapping[str, str]) -> None:
        rate, min_rate = fields.get("Rate"), fields.get("MinRate")
        policy, priority = fields.get("Adaptive"), fields.get("Priority")
        fits = (
            all(value is None or _is_number(value, MAX_RATE_KBPS) for value in (rate, min_rate))
            and policy in (None, "Adaptive", "Fixed", "Trickle")
            and priority in (None, "1", "2")
        )
        if not fits or not any((rate, min_rate, policy, priority)):
            return
        self.rate = self.rate if rate is None else int(rate)
        self.min_rate = self.min_rate if min_rate is None else int(min_rate)
        self.adaptive = policy or self.adaptive
        self.priority = self.priority if priority is None else int(priority)
        self._notify()

    def _on_start(self, fields: Mapping[str, str]) -> None:
        source, target, span = fields.get("Source"), fields.get("Destination"), fields.get("FileBytes", ":")
        low, colon, high = span.partition(":")
        fits = colon and all(not bound or _is_number(bound, 2**63) for bound in (low, high))
        if self.options.keepalive and source and target and fits and len(self.queue) < MAX_QUEUE:
            self.queue.append(Frame("START", dict(fields)))

    def _on_stop(self, fields: Mapping[str, str]) -> None:
        path = unescape_path(fields.get("Source", ""))
        waiting = any(unescape_path(frame.fields["Source"]) == path for frame in self.queue)
        if waiting or (self.under_way and self.under_way.file.path == path):
            self.stopped.add(path)

    def _on_cancel(self, fields: Mapping[str, str]) -> None:
        raise SessionOverError(Refusal(28, "Session cancelled by the user"))

    def _on_done(self, fields: Mapping[str, str]) -> None:
        if not self.options.keepalive:
            return
        if fields.get("Operation", "Shutdown") == "Linger":
            self.lingering = True
        elif fields.get("Operation", "Shutdown") == "Shutdown":
            raise ShutdownError

    def _on_query(self, fields: Mapping[str, str]) -> None:
        state = "Transferring" if self.under_way else "Idle"
        answer = {"Query": fields["Query"]} if "Query" in fields else {}
        answer.update({"Elapsedusec": str(self.totals.elapsed_usec), "SessionId": self.messages.session_id})
        if self.options.user_str is not None:
            answer["UserStr"] = self.options.user_str
        answer.update(
            {
                "QueryResponse": state,
                "TransferBytes": str(self.totals.transfer_bytes),
                "FileBytes": str(self.totals.file_bytes),
            }
        )
        self._send(Frame("QUERYRSP", answer))

    # -- faults

    def _fall_if_due(self) -> None:
        fault = self.faults.due(self.totals.file_bytes, self.job_bytes)
        if fault:
            self._fall([fault])

    def _fall(self, faults: Sequence[Fault]) -> None:
        for fault in faults:
            if self.faults.once:
                if os.path.exists(self.faults.once):
                    continue
                with open(self.faults.once, "x"):
                    pass
            self.recorder.note(fault=fault.name)
            _FAULTS[fault.name](self, fault)

    def _fail(self, fault: Fault) -> None:
        if self.options.fallback and not self.messages.http and fault.where in ("connect", "session"):
            self._fall_back(fault)
        else:
            raise SessionOverError(Refusal(fault.code, describe(fault.code)))

    def _fall_back(self, fault: Fault) -> None:
        """-y 1: go on over HTTP. If nothing at all can be reached, no HTTP server answers either."""
        if fault.where == "connect":
            options = self.options
            other = Messages(str(uuid.uuid4()), cookie=options.cookie, direction=options.direction, http=True)
            self._send(other.http_init(options.user or _options.local_user()))
            self._stamp()
            self._send(other.error(self.totals, None, 11))
            self.messages.http = True
            raise SessionOverError(Refusal(11, describe(11)))
        self._send(self.messages.error(self.totals, None, fault.code))
        self.messages.http = True

    def _hang(self, fault: Fault) -> None:
        if self.under_way:
            self._report(self.under_way)
        time.sleep(_faults.HANG_SECONDS)
        exit_now(1)

    def _exit_silently(self, fault: Fault) -> None:
        exit_now(1)

    def _die(self, fault: Fault) -> None:
        """The first half of a message is out when the end comes."""
        message = self.messages.init().encode()
        if self.under_way:
            message = self.messages.stats(self.under_way.file, self.totals).encode()
        self.link.send(message[: len(message) // 2])
        if fault.name == "die-kill":
            os.kill(os.getpid(), signal.SIGKILL)
        exit_now(1)

    def _send_garbage(self, fault: Fault) -> None:
        self.link.send(_faults.GARBAGE)

    def _send(self, frame: Frame) -> None:
        self.link.send(frame.encode())


_COMMANDS = {
    "RATE": Simulation._on_rate,
    "START": Simulation._on_start,
    "STOP": Simulation._on_stop,
    "CANCEL": Simulation._on_cancel,
    "DONE": Simulation._on_done,
    "QUERY": Simulation._on_query,
}
_FAULTS = {
    "fail": Simulation._fail,
    "hang": Simulation._hang,
    "silent-exit": Simulation._exit_silently,
    "die": Simulation._die,
    "die-kill": Simulation._die,
    "garbage": Simulation._send_garbage,
}


def _shown_sources(pairs: Sequence[_files.Pair]) -> tuple[str, ...] | None:
    shown: list[str] = []
    room = MAX_SOURCE_CHARS
    for source, _ in pairs:
        room -= len(source) + 1
        if room < 0:
            break
        if source:
            shown.append(source)
    return tuple(shown) or None


def _is_number(text: str, limit: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= limit


def say(text: str, stream: TextIO | None = None) -> None:
    """Print; if nobody reads it any more, the transfer goes on all the same."""
    with contextlib.suppress(OSError):
        (stream or sys.stdout).write(text)


def exit_now(status: int) -> NoReturn:
    """Without a word to the manager, and without anything that the interpreter does at its end."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
