"""Made-up sessions that are believable: the messages of ascp from a few numbers.

What holds in every stream, so that a reader can be checked against it:

- Written counts the bytes of a file at the destination: from StartByte to Size for a whole or resumed file, from 0 to
  the length of the range for a range. FileBytes is the sum over the files of what this session wrote.
- TransferBytes is FileBytes + Loss + what is on its way; in STOP, SKIP, FILEERROR, DONE and ERROR nothing is.
- Elapsedusec, FileBytes, TransferBytes and Loss never fall within a session, and TransferBytes over Elapsedusec never
  exceeds the target rate.
- The counts of DONE and ERROR are those of the files before it. PreTransferBytes is the sum of the sizes of all files
  of the session, those that are skipped, fail or are resumed included.

Ten million files need no more memory than ten: nothing is kept of a file that is through. What happens to which file is
drawn while counting (selection sampling), so that exactly as many fail or are skipped as were asked for. A retried or a
parallel session draws the same files again from the same seed. A million small files are two million messages and take
some fifteen seconds.
"""

from __future__ import annotations

import hashlib
import heapq
import math
import random
import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import attrs

from faspmgr.ascp.options import MAX_SESSIONS
from faspmgr.protocol.frames import Frame
from faspmgr.simulator import options as _options
from faspmgr.simulator.messages import PMTU, Counts, File, Messages, Totals, describe, file_id, negotiated

DISTRIBUTIONS = ("fixed", "uniform", "lognormal", "pareto")
CHECKSUMS = ("none", "md5", "sha1", "sha-256", "sha-384", "sha-512")
MAX_FILES = 10**9
MAX_BYTES = 2**50
MAX_KBPS = 10**9
MAX_RETRIES = 100

SOURCE = "/data/in/project"
DESTINATION = "/data/out"
HOST = "transfer.example.org"
RETRY_CODE = 16
FALLBACK_CODE = 14
FILES_IN_DIRECTORY = 1000

_REPORT_USEC = 1_000_000
_RETRY_WAIT_USEC = 2_000_000
_FALLBACK_WAIT_USEC = 60_000_000
_SIGMA = 1.5  # of the logarithm of a size: a few large files make up most of the bytes
_ALPHA = 1.5  # the tail of the Pareto distribution
_JITTER = 0.05

_ODD_NAMES = (
    "line\nbreak",
    "carriage\rreturn",
    "tab\there",
    "escape \x1bn",
    "latin-1 \udcfc\udce4",  # bytes that are no UTF-8
    "\udcff\udcfe",
    "colon: value",
    "Type: STATS",
    " spaces ",
    "日本語 🎬",
    "quotes\"'\\",
    "long",
)
_LONG_PATH = 4096


class _Plan(NamedTuple):
    """What is to happen to one file. kind: plain, skip, resume, range or fail; share: how far a failing file gets."""

    number: int
    size: int
    kind: str
    share: float
    code: int


_Moment = tuple[float, int, Frame, bool]
"""When (microseconds since the beginning), in which session, which message, and does the stream break off in it?"""


def _whole(low: int, high: int) -> Callable[[Any, attrs.Attribute[int], int], None]:
    def check(instance: Any, attribute: attrs.Attribute[int], value: int) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ValueError(f"{attribute.name} must be a whole number from {low} to {high}, not {value!r}")

    return check


def _share(low: float, high: float) -> Callable[[Any, attrs.Attribute[float], float], None]:
    def check(instance: Any, attribute: attrs.Attribute[float], value: float) -> None:
        if not isinstance(value, (int, float)) or not low <= value <= high:
            raise ValueError(f"{attribute.name} must be a number from {low:g} to {high:g}, not {value!r}")

    return check


def _one_of(words: tuple[str, ...]) -> Callable[[Any, attrs.Attribute[str], str], None]:
    def check(instance: Any, attribute: attrs.Attribute[str], value: str) -> None:
        if value not in words:
            raise ValueError(f"{attribute.name} must be one of {', '.join(words)}, not {value!r}")

    return check


def _one_line(instance: Any, attribute: attrs.Attribute[Any], value: str | None) -> None:
    if value is not None and ("\n" in value or "\r" in value):
        raise ValueError(f"{attribute.name} must be one line")


def _fail(value: int | Mapping[int, int]) -> dict[int, int]:
    return {5: value} if isinstance(value, int) else dict(value)


def _fail_counts(instance: Any, attribute: attrs.Attribute[dict[int, int]], value: dict[int, int]) -> None:
    for code, count in value.items():
        if not (isinstance(code, int) and isinstance(count, int) and 0 <= code < 10**6 and 0 <= count <= MAX_FILES):
            raise ValueError(f"fail must be a number of files, or such numbers by error code, not {value!r}")


def _bytes(moments: Iterator[_Moment]) -> Iterator[bytes]:
    for _, _, frame, cut in moments:
        message = frame.encode()
        yield message[: len(message) // 2] if cut else message
        if cut:
            return


@attrs.frozen(kw_only=True)
class Scenario:
    """A made-up transfer. The same values and seed give the same bytes.

    files: how many, over all sessions. size: bytes, the mean of the distribution. distribution: fixed, uniform (0 to
    twice the mean), lognormal or pareto (few large files, many small ones).
    target_kbps, achieved_kbps: kilobits per second, of each session; achieved defaults to 93 % of the target.
    rtt_ms: milliseconds. loss: share of the bytes that get lost on the way and are sent again, 0 to 0.5.
    fail: how many files end in FILEERROR, with code 5 or as ``{code: count}``. skip, resume, ranges: how many files are
    skipped, go on where an earlier session stopped, are moved in part.
    checksum: none, md5, sha1, sha-256, sha-384 or sha-512. precalculate: report the job size.
    sessions: parallel parts of one multi-session transfer. retries: so many attempts with the same XferId fail with 16
    before the one that goes through. fallback: UDP fails (ERROR 14), the transfer goes on over HTTP.
    odd_names: file names with line breaks, TAB, bytes that are no UTF-8, of 4,096 characters, and more.
    error: the transfer ends in ERROR with this code, at stop_at. cut_off: the stream breaks off in the middle of a
    message, at stop_at. stop_at: which share of the files is through by then, 0 to 1.
    direction: Send or Receive. user_str: UserStr, None for none.

    Raises ValueError for a value that does not fit.

    >>> sum(frame.type == "STOP" for frame in Scenario(files=5, size=1000, skip=2).frames())
    3
    """

    files: int = attrs.field(default=3, validator=_whole(0, MAX_FILES))
    size: int = attrs.field(default=10_000_000, validator=_whole(0, MAX_BYTES))
    distribution: str = attrs.field(default="fixed", validator=_one_of(DISTRIBUTIONS))
    target_kbps: int = attrs.field(default=100_000, validator=_whole(1, MAX_KBPS))
    achieved_kbps: int = attrs.field(
        default=attrs.Factory(lambda self: max(1, int(self.target_kbps * 0.93)), takes_self=True),
        validator=_whole(1, MAX_KBPS),
    )
    rtt_ms: int = attrs.field(default=25, validator=_whole(0, 60_000))
    loss: float = attrs.field(default=0.0, validator=_share(0, 0.5))
    fail: dict[int, int] = attrs.field(factory=dict, converter=_fail, validator=_fail_counts)
    skip: int = attrs.field(default=0, validator=_whole(0, MAX_FILES))
    resume: int = attrs.field(default=0, validator=_whole(0, MAX_FILES))
    ranges: int = attrs.field(default=0, validator=_whole(0, MAX_FILES))
    checksum: str = attrs.field(default="none", validator=_one_of(CHECKSUMS))
    precalculate: bool = True
    sessions: int = attrs.field(default=1, validator=_whole(1, MAX_SESSIONS))
    retries: int = attrs.field(default=0, validator=_whole(0, MAX_RETRIES))
    fallback: bool = False
    odd_names: bool = False
    error: int | None = attrs.field(default=None, validator=attrs.validators.optional(_whole(0, 10**6)))
    cut_off: bool = False
    stop_at: float = attrs.field(default=0.5, validator=_share(0, 1))
    direction: str = attrs.field(default="Send", validator=_one_of(("Send", "Receive")))
    user_str: str | None = attrs.field(default="simulated", validator=_one_line)
    seed: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))

    def __attrs_post_init__(self) -> None:
        if self.achieved_kbps > self.target_kbps:
            raise ValueError("achieved_kbps must not be more than target_kbps")
        if sum(self.fail.values()) + self.skip + self.resume + self.ranges > self.files:
            raise ValueError("more files fail, are skipped, resumed or moved in part than there are")

    def frames(self) -> Iterator[Frame]:
        """The messages, in the order in which they would come; of a stream that breaks off, those that are whole."""
        return (frame for _, _, frame, cut in self._moments() if not cut)

    def stream(self) -> Iterator[bytes]:
        """The bytes, message by message."""
        return _bytes(self._moments())

    def streams(self) -> list[Iterator[bytes]]:
        """The bytes of each session by itself, as each ascp sends them on a connection of its own."""
        return [_bytes(self._node(node)) for node in range(self.sessions)]

    def _moments(self) -> Iterator[_Moment]:
        for moment in heapq.merge(*(self._node(node) for node in range(self.sessions)), key=lambda moment: moment[0]):
            yield moment
            if moment[3]:
                return

    def _node(self, node: int) -> Iterator[_Moment]:
        """One part of the transfer: its attempts, one after the other."""
        now = node * 10_000.0
        for attempt in range(self.retries + 1):
            session = _Session(self, node, attempt)
            for frame in session.run():
                yield now + session.totals.elapsed_usec, node, frame, session.cut
            now += session.totals.elapsed_usec + _RETRY_WAIT_USEC

    def _plans(self) -> Iterator[_Plan]:
        """What happens to each file, the same each time it is asked."""
        sizes = random.Random(f"{self.seed}/sizes")
        draw = random.Random(f"{self.seed}/fates").random
        left = {"skip": self.skip, "resume": self.resume, "range": self.ranges}
        codes = dict(self.fail)
        special = sum(left.values()) + sum(codes.values())
        for number in range(self.files):
            size = self._draw_size(sizes)
            kind, code = "plain", 0
            place = draw() * (self.files - number) if special else 0.0
            if special and place < special:
                kind, code = _pick(left, codes, place)
                special -= 1
            yield _Plan(number, size, kind, draw(), code)

    def _draw_size(self, rng: random.Random) -> int:
        mean = self.size
        if self.distribution == "fixed":
            return mean
        if self.distribution == "uniform":
            return int(rng.random() * (2 * mean + 1))
        if self.distribution == "lognormal":
            return min(MAX_BYTES, int(mean * math.exp(_SIGMA * rng.gauss(0, 1) - _SIGMA**2 / 2)))
        return min(MAX_BYTES, int(mean * (_ALPHA - 1) / _ALPHA / (1 - rng.random()) ** (1 / _ALPHA)))

    def _path(self, index: int) -> str:
        directory = f"{SOURCE}/{index // FILES_IN_DIRECTORY:05d}"
        if not self.odd_names:
            return f"{directory}/file-{index:08d}.bin"
        odd = _ODD_NAMES[index % len(_ODD_NAMES)]
        path = f"{directory}/{index:08d} {odd}"
        return path + "x" * (_LONG_PATH - len(path)) if odd == "long" else path


def _pick(left: dict[str, int], codes: dict[int, int], place: float) -> tuple[str, int]:
    """Take one out of the counts, the one at this place."""
    for kind, count in left.items():
        if place < count:
            left[kind] -= 1
            return kind, 0
        place -= count
    for code, count in codes.items():
        if place < count:
            codes[code] -= 1
            return "fail", code
        place -= count
    raise AssertionError("a place outside of the counts")


class _Session:
    """One attempt of one part. totals: its counters at the message that came last; cut: does the stream end in it?"""

    def __init__(self, scenario: Scenario, node: int, attempt: int) -> None:
        self.scenario = scenario
        self.node = node
        self.attempt = attempt
        self.last = attempt == scenario.retries
        self.rng = random.Random(f"{scenario.seed}/{node}/{attempt}")
        session_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        self.messages = Messages(session_id, scenario.user_str, direction=scenario.direction)
        self.totals = Totals()
        self.counts = Counts(arg_scans=1)
        self.usec = 0.0
        self.cut = False
        self.under_way: File | None = None
        self.rate = scenario.achieved_kbps
        self.in_flight = int(scenario.rtt_ms * self.rate / 8)  # kilobits per second times milliseconds are bits
        self.count = len(range(node, scenario.files, scenario.sessions))
        before = attempt / (scenario.retries + 1) if attempt else 0.0
        self.begin_at = self._point(before)
        if not self.last:
            self.stop_at: tuple[int, float] | None = self._point((attempt + 1) / (scenario.retries + 1))
        else:
            self.stop_at = self._point(scenario.stop_at) if scenario.error is not None or scenario.cut_off else None

    def _point(self, share: float) -> tuple[int, float]:
        """A share of the files as a file, and how far it has come."""
        number, rest = divmod(self.count * share, 1)
        return int(number), rest

    def run(self) -> Iterator[Frame]:
        scenario = self.scenario
        yield self.messages.init()
        yield self.messages.session(**self._session_values())
        if scenario.fallback:
            yield self.messages.error(self.totals, None, FALLBACK_CODE)
            self.messages.http = True
            self.usec += _FALLBACK_WAIT_USEC
            self.in_flight = 0
        else:
            yield from self._notifications()
        # Until the first byte: some round trips, and so enough for TransferBytes never to exceed the rate.
        self.usec += 200_000 + scenario.rtt_ms * 4_000 * (1 + self.rng.random())
        for number, plan in enumerate(self._own()):
            if self.stop_at and number == self.stop_at[0] and (self.stop_at[1] == 0 or plan.kind in ("skip", "fail")):
                break
            yield from self._file(number, plan)
            if self.stop_at and number == self.stop_at[0]:
                break
        yield from self._end()

    def _own(self) -> Iterator[_Plan]:
        nodes = self.scenario.sessions
        return (plan for plan in self.scenario._plans() if plan.number % nodes == self.node)

    def _session_values(self) -> dict[str, Any]:
        """What ascp says for the command line that would make such a session."""
        scenario = self.scenario
        argv = [f"-l{scenario.target_kbps}", "-d", f"-O{33001 + self.node}", "-P33001", "--user=xfer", f"--host={HOST}"]
        argv += [f"-C{self.node + 1}:{scenario.sessions}", f"--file-checksum={scenario.checksum}"]
        argv += ["--mode=send" if scenario.direction == "Send" else "--mode=recv"]
        argv += ["-k1"] if scenario.resume or scenario.retries else []
        argv += ["-y1", "--retry-timeout=60"] if scenario.fallback else []
        argv += ["--precalculate-job-size"] if scenario.precalculate else []
        if scenario.sessions > 1 or scenario.retries:
            xfer_id = uuid.UUID(int=random.Random(f"{scenario.seed}/transfer").getrandbits(128), version=4)
            argv += [f'--tags={{"aspera":{{"xfer_id":"{xfer_id}","xfer_retry":3600}}}}']
        values = _options.parse([*argv, SOURCE, DESTINATION], {}).session_values()
        fixed = {"source": (SOURCE,), "client_user": "media", "file_checksum_type": scenario.checksum}
        return {**values, **fixed, **negotiated(values["xopt_flags"], HOST)}

    def _notifications(self) -> Iterator[Frame]:
        about = {"rate": self.scenario.target_kbps, "min_rate": 0, "adaptive": "Adaptive"}
        yield self.messages.network(**about, pmtu=PMTU, priority=2)
        if self.scenario.precalculate:
            size = sum(plan.size for plan in self._own())
            yield self.messages.network(
                **about,
                pre_transfer_files=self.count,
                pre_transfer_dirs=self._directories(),
                pre_transfer_special=0,
                pre_transfer_failed=0,
                pre_transfer_bytes=size,
            )

    def _directories(self) -> int:
        return 1 + (self.count + FILES_IN_DIRECTORY - 1) // FILES_IN_DIRECTORY

    # -- files

    def _file(self, number: int, plan: _Plan) -> Iterator[Frame]:
        self.usec += 200 + 600 * self.rng.random()
        self.counts.attempted += 1
        path = self.scenario._path(plan.number)
        if plan.kind == "skip" or (number < self.begin_at[0] and plan.kind != "fail"):
            self._stamp()
            self.counts.passed += 1
            self.counts.skipped += 1
            yield self.messages.skip(path, self.totals)
            return
        file = self._begin(number, plan, path)
        if plan.kind == "fail":
            goal = int(file.size * max(0.0, plan.share * 2 - 1))  # half of them do not even start
            if goal:
                yield from self._move(file, goal)
            self._stamp()
            self.counts.failed += 1
            yield self.messages.file_error(file, self.totals, plan.code, f"Source: {describe(plan.code)}")
            return
        if self.stop_at and number == self.stop_at[0]:
            yield from self._move(file, max(file.written, int(file.goal * self.stop_at[1])))
            yield self._stats(file)
            self.under_way = file
            return
        yield from self._move(file, file.goal)
        self._stamp()
        self.counts.passed += 1
        kind = self.scenario.checksum
        value = None if kind == "none" else hashlib.new(kind.replace("sha-", "sha"), file.file_id.encode()).hexdigest()
        yield self.messages.stop(file, self.totals, value, kind)

    def _begin(self, number: int, plan: _Plan, path: str) -> File:
        file = File(path, plan.size, file_id=file_id(1, path, DESTINATION))
        if plan.kind == "range" and plan.size:
            file.start = plan.size // 4
            file.end = max(file.start, plan.size * 3 // 4)
        elif plan.kind == "resume":
            file.start = file.written = int(plan.size * plan.share)
        if number == self.begin_at[0] and plan.kind in ("plain", "resume"):
            file.start = file.written = max(file.start, int(plan.size * self.begin_at[1]))
        return file

    def _move(self, file: File, goal: int) -> Iterator[Frame]:
        """STATS at the start and then once a second, until so many bytes are written."""
        yield self._stats(file)
        totals, left = self.totals, goal - file.written
        while left > 0:
            rate, loss = self._conditions()
            moved = min(left, max(1, int(rate * (_REPORT_USEC / 8_000) / (1 + loss))))
            lost = int(moved * loss)
            self.usec += (moved + lost) * 8_000 / rate
            left -= moved
            file.written += moved
            file.hole = min(moved, lost * 4)
            totals.file_bytes += moved
            totals.loss += lost
            if left > 0:
                yield self._stats(file, on_its_way=min(self.in_flight, left))
        file.hole = 0

    def _stats(self, file: File, on_its_way: int = 0) -> Frame:
        self._stamp(on_its_way)
        return self.messages.stats(file, self.totals)

    def _conditions(self) -> tuple[float, float]:
        """The network just now: kilobits per second, and the share of bytes that gets lost."""
        scenario, draw = self.scenario, self.rng.random
        rate = min(scenario.target_kbps, self.rate * (1 + _JITTER * (2 * draw() - 1)))
        loss = 0.0
        if scenario.loss and not self.messages.http:
            loss = 2 * scenario.loss * draw()
        if not self.messages.http:
            self.totals.delay = max(0, scenario.rtt_ms - 1 + int(3 * draw()))
        return rate, loss

    def _stamp(self, on_its_way: int = 0) -> None:
        self.usec += 1
        totals = self.totals
        totals.elapsed_usec = int(self.usec)
        totals.transfer_bytes = totals.file_bytes + totals.loss + on_its_way

    # -- end

    def _end(self) -> Iterator[Frame]:
        scenario, counts = self.scenario, self.counts
        counts.dirs = counts.dirs_created = self._directories()
        counts.paths = self.count + counts.dirs
        self.usec += 5_000
        self._stamp()
        if self.last and scenario.cut_off:
            self.cut = True
            file = self.under_way
            yield self.messages.stats(file, self.totals) if file else self.messages.done(self.totals, counts)
            return
        failed = RETRY_CODE if not self.last else scenario.error
        if failed is None:
            if scenario.sessions == 1:  # it has no SessionId: between the messages of others it would say nothing
                yield self.messages.arg_stop(SOURCE, 1, counts)
            failed = 27 if counts.failed else None
        for _ in range(2 if self.messages.http else 1):  # over HTTP the end has been seen to come twice
            if failed is None:
                yield self.messages.done(self.totals, counts)
            else:
                yield self.messages.error(self.totals, counts, failed)
