"""What is asked of a synthetic transfer: the values, checked, and which file meets which fate.

What happens to which file is drawn while counting (selection sampling), so that exactly as many fail or are skipped as
were asked for, and nothing is kept of a file. A retried or a parallel session draws the same files again from the same
seed.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import attrs

from faspmgr.arguments import whole_number
from faspmgr.ascp.options import MAX_SESSIONS
from faspmgr.simulator.messages import ORDERS
from faspmgr.simulator.terms import CHECKSUMS

DISTRIBUTIONS = ("fixed", "uniform", "lognormal", "pareto")
DIRECTIONS = ("Send", "Receive")
# What an option of the command line may ask for: a stream beyond these is a slip, or an attack on a disk.
MAX_FILES = 10**9
MAX_BYTES = 2**50
MAX_KBPS = 10**9
MAX_RETRIES = 100

FAIL_CODE = 5
"""The error of files that fail, where none was asked for."""
ACHIEVED = 0.93
"""The share of the target rate that is reached."""
SIGMA = 1.5
"""Of the logarithm of a size: a few large files make up most of the bytes."""
ALPHA = 1.5
"""Exponent of the tail of the Pareto distribution."""


class Fate(NamedTuple):
    """What is to happen to one file.

    Attributes:
        number: its number in the transfer, from 0.
        size: bytes.
        kind: plain, skip, present, resume, range or fail.
        share: how far a file comes before it fails, or came before it is resumed.
        code: the error of a file that fails.
    """

    number: int
    size: int
    kind: str
    share: float
    code: int


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
    return {FAIL_CODE: value} if isinstance(value, int) else dict(value)


def _fail_counts(instance: Any, attribute: attrs.Attribute[dict[int, int]], value: dict[int, int]) -> None:
    for code, count in value.items():
        if not (isinstance(code, int) and isinstance(count, int) and 0 <= code < 10**6 and 0 <= count <= MAX_FILES):
            raise ValueError(f"fail must be a number of files, or such numbers by error code, not {value!r}")


@attrs.frozen(kw_only=True)
class Parameters:
    """What is asked of a synthetic transfer.

    Attributes:
        files: how many, over all sessions.
        size: bytes, the mean of the distribution.
        distribution: of the sizes: fixed, uniform (0 to twice the mean), lognormal or pareto (few large files, many
            small ones).
        target_kbps: target rate of each session, kilobits per second.
        achieved_kbps: the rate that is reached, kilobits per second; 93 % of the target if not given.
        rtt_ms: round-trip time, milliseconds.
        loss: share of the bytes that are lost on the way and sent again, 0 to 0.5.
        fail: how many files end in FILEERROR: a number of them, with code 5, or ``{code: number}``.
        skip: how many files are skipped: SKIP, with Size 0.
        present: how many files are at the destination already: STOP, with StartByte equal to Size.
        resume: how many files go on where an earlier session stopped.
        ranges: how many files are moved in part.
        checksum: none, md5, sha1, sha-256, sha-384 or sha-512.
        precalculate: is the job size reported?
        sessions: parallel parts of one multi-session transfer.
        multi_session_threshold: bytes; of each whole file of that size and above, every session moves a part. 0: none.
        retries: how many attempts with the same XferId fail with code 16 before the one that does not.
        fallback: does UDP fail (ERROR 14), so that the transfer goes on over HTTP?
        odd_names: are there line breaks, TAB, bytes that are not UTF-8, 4,096 characters and more in file names?
        error: the code of the ERROR in which the transfer ends at stop_at; None for none.
        cut_off: does the stream break off at stop_at, in the middle of a message?
        stop_at: which share of the files is finished by then, 0 to 1.
        direction: Send or Receive.
        user_str: UserStr; None for none.
        order: of the fields in each message: table, that of the field table as ascp has it, or name, sorted as in
            streams that passed through the vendor's Java manager.
        seed: another seed gives other sizes, fates, rates and ids.

    Raises:
        ValueError: a value does not fit.
    """

    files: int = attrs.field(default=3, validator=whole_number(0, MAX_FILES))
    size: int = attrs.field(default=10_000_000, validator=whole_number(0, MAX_BYTES))
    distribution: str = attrs.field(default="fixed", validator=_one_of(DISTRIBUTIONS))
    target_kbps: int = attrs.field(default=100_000, validator=whole_number(1, MAX_KBPS))
    achieved_kbps: int = attrs.field(
        default=attrs.Factory(lambda self: max(1, int(self.target_kbps * ACHIEVED)), takes_self=True),
        validator=whole_number(1, MAX_KBPS),
    )
    rtt_ms: int = attrs.field(default=25, validator=whole_number(0, 60_000))
    loss: float = attrs.field(default=0.0, validator=_share(0, 0.5))
    fail: dict[int, int] = attrs.field(factory=dict, converter=_fail, validator=_fail_counts)
    skip: int = attrs.field(default=0, validator=whole_number(0, MAX_FILES))
    present: int = attrs.field(default=0, validator=whole_number(0, MAX_FILES))
    resume: int = attrs.field(default=0, validator=whole_number(0, MAX_FILES))
    ranges: int = attrs.field(default=0, validator=whole_number(0, MAX_FILES))
    checksum: str = attrs.field(default="none", validator=_one_of(CHECKSUMS))
    precalculate: bool = True
    sessions: int = attrs.field(default=1, validator=whole_number(1, MAX_SESSIONS))
    multi_session_threshold: int = attrs.field(default=0, validator=whole_number(0, MAX_BYTES))
    retries: int = attrs.field(default=0, validator=whole_number(0, MAX_RETRIES))
    fallback: bool = False
    odd_names: bool = False
    error: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(0, 10**6)))
    cut_off: bool = False
    stop_at: float = attrs.field(default=0.5, validator=_share(0, 1))
    direction: str = attrs.field(default="Send", validator=_one_of(DIRECTIONS))
    user_str: str | None = attrs.field(default="simulated", validator=_one_line)
    order: str = attrs.field(default=ORDERS[0], validator=_one_of(ORDERS))
    seed: int = attrs.field(default=0, validator=attrs.validators.instance_of(int))

    def __attrs_post_init__(self) -> None:
        if self.achieved_kbps > self.target_kbps:
            raise ValueError("achieved_kbps must not be more than target_kbps")
        if sum(self.fail.values()) + self.skip + self.present + self.resume + self.ranges > self.files:
            raise ValueError("more files fail, are skipped, there already, resumed or moved in part than there are")

    def fates(self) -> Iterator[Fate]:
        """Draw what happens to each file, the same each time it is asked."""
        sizes = random.Random(f"{self.seed}/sizes")
        draw = random.Random(f"{self.seed}/fates").random
        left = {"skip": self.skip, "resume": self.resume, "range": self.ranges, "present": self.present}
        codes = dict(self.fail)
        special = sum(left.values()) + sum(codes.values())
        for number in range(self.files):
            size = self._draw_size(sizes)
            kind, code = "plain", 0
            place = draw() * (self.files - number) if special else 0.0
            if special and place < special:
                kind, code = _pick(left, codes, place)
                special -= 1
            yield Fate(number, size, kind, draw(), code)

    def shares(self, fate: Fate) -> bool:
        """Is this a file of which each session moves a part?"""
        return self.sessions > 1 and fate.kind == "plain" and 0 < self.multi_session_threshold <= fate.size

    def _draw_size(self, rng: random.Random) -> int:
        mean = self.size
        if self.distribution == "fixed":
            return mean
        if self.distribution == "uniform":
            return int(rng.random() * (2 * mean + 1))
        if self.distribution == "lognormal":
            return min(MAX_BYTES, int(mean * math.exp(SIGMA * rng.gauss(0, 1) - SIGMA**2 / 2)))
        return min(MAX_BYTES, int(mean * (ALPHA - 1) / ALPHA / (1 - rng.random()) ** (1 / ALPHA)))


def _pick(left: dict[str, int], codes: dict[int, int], place: float) -> tuple[str, int]:
    """Remove one from the counts, the one at this place."""
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
