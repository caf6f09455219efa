"""Sessions of a Scenario: the plan that each of them gives to its course, in virtual time.

What is drawn stands here, and nothing of a message: rates, losses and times, and what the Scenario asks for of each
file. Every number comes from generators that are seeded by the scenario, its part and its attempt, so that the same
seed gives the same bytes in every process. Nothing is kept of a file that is finished.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterable, Iterator
from typing import Any

from faspmgr.protocol.frames import Frame
from faspmgr.simulator.course import Argument, Begin, Clock, Course
from faspmgr.simulator.exceptions import CutOffError, FileError, SessionOverError
from faspmgr.simulator.messages import File, Messages, Refusal, describe, file_id, part_of
from faspmgr.simulator.parameters import Fate, Parameters
from faspmgr.simulator.terms import CREATE_DIRECTORY, DATAGRAM_BYTES, Terms, new_digest, whole_datagrams

SOURCE = "/data/in/project"
DESTINATION = "/data/out"
HOST = "transfer.example.org"
FILES_IN_DIRECTORY = 1000
RETRY_CODE = 16
FALLBACK_CODE = 14

REPORT_USEC = 1_000_000
"""Between two STATS of a file."""
FALLBACK_USEC = 60_000_000
"""How long UDP is tried before HTTP."""
END_USEC = 5_000
"""Between the last file and the end."""
JITTER = 0.05
"""By which share the rate goes up and down."""

ODD_NAMES = (
    "line\nbreak",
    "carriage\rreturn",
    "tab\there",
    "escape \x1bn",
    "latin-1 \udcfc\udce4",  # bytes that are not UTF-8
    "\udcff\udcfe",
    "colon: value",
    "Type: STATS",
    " spaces ",
    "日本語 🎬",
    "quotes\"'\\",
    "long",
)
LONG_PATH = 4096


class SyntheticSession:
    """One attempt of one part of a synthetic transfer.

    Args:
        scenario: what was asked for.
        node: which part, from 0.
        attempt: which attempt, from 0; the last one is that which no longer fails with RETRY_CODE.
    """

    def __init__(self, scenario: Parameters, node: int, attempt: int) -> None:
        self.scenario = scenario
        self.notifies = not scenario.fallback
        self.random = random.Random(f"{scenario.seed}/{node}/{attempt}")
        session_id = str(uuid.UUID(int=self.random.getrandbits(128), version=4))
        messages = Messages(session_id, scenario.user_str, direction=scenario.direction, order=scenario.order)
        self.clock = Clock()
        self.course = Course(self, _terms(scenario, node), messages, self.clock)
        # Bytes that are on their way while a file moves: kilobits per second times milliseconds are bits.
        self.in_flight = 0 if scenario.fallback else int(scenario.rtt_ms * scenario.achieved_kbps / 8)
        # The file in which the stream breaks off; None if it does not, or breaks off between two files.
        self.broken_off: File | None = None
        # The code of its ERROR; None for a session that ends as its files do.
        self.code = scenario.error if attempt == scenario.retries else RETRY_CODE
        self._cut_off = scenario.cut_off and attempt == scenario.retries
        self.node = node
        # Lost bytes that do not fill a datagram yet.
        self._lost = 0.0
        self._count = len(range(node, scenario.files, scenario.sessions))
        if scenario.multi_session_threshold:
            self._count = sum(1 for _ in self._fates())
        # The file with which it begins, counted in this part, and how much of that is there already.
        self._begin_at = self._point(attempt / (scenario.retries + 1))
        # The file in which it ends, and how much of that is written by then; None for after the last one.
        self._stop_at: tuple[int, float] | None = None
        if attempt < scenario.retries:
            self._stop_at = self._point((attempt + 1) / (scenario.retries + 1))
        elif self._cut_off or self.code is not None:
            self._stop_at = self._point(scenario.stop_at)

    def _point(self, share: float) -> tuple[int, float]:
        """A share of the files as a file, and how far it has come."""
        number, rest = divmod(self._count * share, 1)
        return int(number), rest

    def last_message(self) -> Frame:
        """Make the message in which the stream breaks off: call it when a CutOffError has ended the course."""
        course = self.course
        course.stamp()
        if self.broken_off:
            return course.messages.stats(self.broken_off, course.totals)
        return course.messages.done(course.totals, course.counts)

    def session_values(self) -> dict[str, Any]:
        return {**self.course.terms.negotiated_values(), "source": (SOURCE,), "client_user": "media"}

    def connect(self) -> Iterable[Frame]:
        counts = self.course.counts
        counts.arg_scans = 1
        counts.dirs = counts.dirs_created = 1 + (self._count + FILES_IN_DIRECTORY - 1) // FILES_IN_DIRECTORY
        counts.paths = self._count + counts.dirs
        return [self.course.fall_back(FALLBACK_CODE)] if self.scenario.fallback else []

    def last_reports(self) -> Iterable[Frame]:
        return ()

    def prepare(self) -> None:
        self.clock.usec += FALLBACK_USEC if self.scenario.fallback else 0
        # Until the first byte: some round trips, and so enough for TransferBytes never to exceed the rate.
        self.clock.usec += 200_000 + self.scenario.rtt_ms * 4_000 * (1 + self.random.random())

    def job_size(self) -> tuple[int, int]:
        return self._count, sum(map(self._size_of, self._fates()))

    def arguments(self) -> Iterator[Argument]:
        # ARGSTOP has no SessionId: between the messages of other sessions it would say nothing.
        yield Argument(SOURCE if self.scenario.sessions == 1 else None, 1, self._files())

    def end(self) -> None:
        """Let the session end as it was asked to. Raises SessionOverError and CutOffError."""
        self.clock.usec += END_USEC
        if self._cut_off:
            raise CutOffError
        if self.code is not None:
            raise SessionOverError(Refusal.of(self.code))

    def conditions(self) -> tuple[float, float]:
        """Draw the network as it is just now: kilobits per second, and the share of bytes that gets lost."""
        scenario, draw = self.scenario, self.random.random
        rate = min(scenario.target_kbps, scenario.achieved_kbps * (1 + JITTER * (2 * draw() - 1)))
        if scenario.fallback:
            return rate, 0.0
        loss = 2 * scenario.loss * draw() if scenario.loss else 0.0
        self.course.totals.delay = max(0, scenario.rtt_ms - 1 + int(3 * draw()))
        return rate, loss

    def lose(self, count: float) -> int:
        """Lose bytes: give the whole datagrams that this makes, with what was left over before."""
        self._lost += count
        lost = int(self._lost) // DATAGRAM_BYTES * DATAGRAM_BYTES
        self._lost -= lost
        return lost

    def _fates(self) -> Iterator[Fate]:
        """The files of this session, those included that it shares with the others."""
        scenario, node, nodes = self.scenario, self.node, self.scenario.sessions
        if not scenario.multi_session_threshold:
            return (fate for fate in scenario.fates() if fate.number % nodes == node)
        return (
            fate
            for fate in scenario.fates()
            if (self._size_of(fate) > 0 if scenario.shares(fate) else fate.number % nodes == node)
        )

    def _size_of(self, fate: Fate) -> int:
        """The bytes of a file that are this session's to move."""
        if not self.scenario.shares(fate):
            return fate.size
        begin, end = part_of(fate.size, self.node, self.scenario.sessions)
        return end - begin

    def _files(self) -> Iterator[SyntheticFile]:
        clock, draw = self.clock, self.random.random
        begins_at, begins_with = self._begin_at
        stops_at, stops_with = self._stop_at or (None, 1.0)
        for number, fate in enumerate(self._fates()):
            stop = stops_with if number == stops_at else None
            if stop is not None and (stop == 0 or fate.kind in ("skip", "present", "fail")):
                break
            clock.usec += 200 + 600 * draw()
            is_done = number < begins_at and fate.kind != "fail"  # by an attempt before
            yield SyntheticFile(self, fate, is_done, begins_with if number == begins_at else 0.0, stop)
            if stop is not None:  # it was done before, and so did not end the session itself
                break
        self.end()


class SyntheticFile:
    """One file of a synthetic session.

    Args:
        session: the session.
        fate: what happens to it.
        is_done: did an attempt before move all of it?
        moved: the share that an attempt before has moved.
        stop: the share that is written when the session ends; None if it goes on.
    """

    __slots__ = ("_begin", "_fate", "_goal", "_session", "_stop", "file")

    def __init__(self, session: SyntheticSession, fate: Fate, is_done: bool, moved: float, stop: float | None) -> None:
        self._session = session
        self._fate = fate
        self._stop = stop
        number, size, kind, share, _ = fate
        path = path_of(number, session.scenario.odd_names)
        self.file = file = File(path, size)
        self._goal = size
        self._begin = Begin.MOVES
        is_shared = session.scenario.shares(fate)
        if kind == "skip" or (is_done and kind == "range"):
            self._begin = Begin.SKIPPED
            return
        file.file_id = file_id(1, path, DESTINATION)
        if kind == "present" or (is_done and not is_shared):
            self._begin = Begin.THERE
            file.resume(size)
            return
        if kind == "range" and size:
            file.start = size // 4
            file.end = max(file.start, size * 3 // 4)
            self._goal = file.goal
        elif is_shared:  # whatever an attempt before has moved: a part is not resumed
            file.share(session.node, session.scenario.sessions)
            self._goal = file.goal
        elif kind == "resume" or (moved and kind == "plain"):
            before = share if kind == "resume" else 0.0
            file.resume(int(size * max(before, moved)))
        if kind == "fail":
            self._goal = int(size * max(0.0, share * 2 - 1))  # half of them do not even start
        elif stop is not None:
            self._goal = max(file.written, int(file.goal * stop))

    def begin(self) -> Begin:
        if self._fate.kind == "fail" and not self._goal:
            self._fail()
        return self._begin

    def steps(self) -> Iterator[int]:
        session, file = self._session, self.file
        clock, in_flight = session.clock, 0 if file.is_part else session.in_flight
        left = self._goal - file.written
        while left > 0:
            rate, loss = session.conditions()
            moved = min(left, whole_datagrams(max(1, int(rate * (REPORT_USEC / 8_000) / (1 + loss)))))
            lost = session.lose(moved * loss) if loss else 0
            clock.usec += (moved + lost) * 8_000 / rate
            left -= moved
            session.course.move(moved, lost)
            file.hole = min(moved, lost * 4)
            if left > 0:
                yield min(in_flight, left)
        file.hole = 0
        if self._fate.kind == "fail":
            self._fail()
        if self._stop is not None:
            yield 0
            session.broken_off = file
            session.end()

    def finish(self) -> str | None:
        kind = self._session.scenario.checksum
        if kind == "none":
            return None
        digest = new_digest(kind)
        digest.update(self.file.file_id.encode())
        return digest.hexdigest()

    def close(self) -> None:
        pass

    def _fail(self) -> None:
        raise FileError(self._fate.code, f"Source: {describe(self._fate.code)}")


def path_of(number: int, odd: bool) -> str:
    """Give the path of a file.

    Args:
        number: its number in the transfer, from 0.
        odd: one of ODD_NAMES is to be in it.
    """
    directory = f"{SOURCE}/{number // FILES_IN_DIRECTORY:05d}"
    if not odd:
        return f"{directory}/file-{number:08d}.bin"
    name = ODD_NAMES[number % len(ODD_NAMES)]
    path = f"{directory}/{number:08d} {name}"
    return path + "x" * (LONG_PATH - len(path)) if name == "long" else path


def _terms(scenario: Parameters, node: int) -> Terms:
    terms = Terms(
        rate=scenario.target_kbps,
        udp_port=33001 + node,
        tcp_port=33001,
        resume=1 if scenario.resume or scenario.retries else 0,
        create_policy=CREATE_DIRECTORY,
        node=node,
        nodes=scenario.sessions,
        user="xfer",
        host=HOST,
        destination=DESTINATION,
        checksum=scenario.checksum,
        precalculate=scenario.precalculate,
        fallback=scenario.fallback,
        retry_timeout=60 if scenario.fallback else None,
    )
    if scenario.sessions > 1 or scenario.retries:  # what belongs together has one XferId
        xfer_id = uuid.UUID(int=random.Random(f"{scenario.seed}/transfer").getrandbits(128), version=4)
        terms.tags = f'{{"aspera":{{"xfer_id":"{xfer_id}","xfer_retry":3600}}}}'
    return terms
