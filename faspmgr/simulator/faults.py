"""What goes wrong, on demand: the environment variable ``FASPMGR_ASCP_FAULT``::

    FAULTS  =  FAULT[,FAULT...]
    FAULT   =  NAME[=CODE][@WHERE]
    WHERE   =  connect | session | BYTES | PERCENT%

=============================  =========================================================================================
fail=CODE[@WHERE]              the session ends in ERROR with that code
fail-file=CODE[@N]             the N-th file (default 1) ends in FILEERROR with that code, the others go on
stream-full@BYTES              the disk is full for streams at that byte: FILEERROR 25 of each that goes on to write
refuse-write=K                 the K-th WRITE of the session is refused: FILEERROR 36 of its stream
hang[@WHERE]                   nothing more happens, commands are not read; by itself it ends after ten minutes
silent-exit[@WHERE]            exits with status 1, and reports nothing
die[@WHERE]                    exits with status 1 in the middle of a message
die-kill[@WHERE]               kills itself (SIGKILL) in the middle of a message
garbage[@WHERE]                sends bytes that are not messages, and goes on
no-connect                     never connects to the management port, and goes on without
linger-socket                  the connection stays open for up to thirty seconds after the process has ended
once=PATH                      none of this happens if PATH exists; it is created when the first of it does
=============================  =========================================================================================

WHERE counts the bytes that were written in this session, those of streams included; per cent are those of the job.
``connect`` is before the peer has answered, ``session`` (the default) right after SESSION. ``hang=99%`` may be written
for ``hang@99%``. Where the byte is one of a stream, all but stream-full waits for the end of the WRITE that it is in::

    FASPMGR_ASCP_FAULT=fail=16@50%,once=/tmp/failed-once     the first attempt fails half-way, the second does not
"""

from __future__ import annotations

import re

import attrs

from faspmgr.simulator.exceptions import FaultError

VARIABLE = "FASPMGR_ASCP_FAULT"
NO_SPACE_LEFT, DISK_WRITE = 25, 36
"""Codes of what happens to streams."""
HANG_SECONDS = 600
LINGER_SECONDS = 30

_POSITIONED = ("fail", "hang", "silent-exit", "die", "die-kill", "garbage")
_PLAIN = ("no-connect", "linger-socket")
_FAULT = re.compile(r"(?P<name>[a-z-]+)(?:=(?P<value>[^@]+))?(?:@(?P<where>.+))?", re.DOTALL)
_WHERE = re.compile(r"connect|session|[0-9]{1,18}|[0-9]{1,3}(\.[0-9]{1,6})?%")

GARBAGE = (
    b"\x00\xff\xfe\r\n\r\nFASPMGR two\nType\n: \n"
    + b"x" * 5000
    + b"\nFASPMGR 2\nType: STATS\nSize: minus one\nWritten\n\n"
    + b"FASPMGR 2\nFASPMGR 2\n\n\xc3\x28\n\n"
)
"""Bytes that a manager has to survive: no text, broken headers, a long line, values that do not fit."""


@attrs.define
class Fault:
    """One fault.

    Attributes:
        name: which one.
        code: the error code of fail and fail-file, and of what happens to streams.
        where: connect, session, a number of bytes, or a share of the job from 0 to 1.
        number: the file of fail-file, or the WRITE of refuse-write, from 1.
        over: has it happened?
    """

    name: str
    code: int = 0
    where: str | int | float = "session"
    number: int = 1
    over: bool = False

    def threshold(self, job_bytes: int | None) -> int | None:
        """After how many bytes of this session it happens; None for before the first, and where that is not known.

        job_bytes: the size of the job; None where nobody has said one, as of streams alone.
        """
        if isinstance(self.where, float):
            return None if job_bytes is None else int(job_bytes * self.where)
        return self.where if isinstance(self.where, int) else None


@attrs.define
class Faults:
    """All that is to go wrong in one run.

    Attributes:
        faults: in the order in which they were asked for.
        once: nothing goes wrong if this path exists; it is created when something does. None for each time.
    """

    faults: list[Fault] = attrs.field(factory=list)
    once: str | None = None

    def has(self, name: str) -> bool:
        return any(fault.name == name for fault in self.faults)

    def at(self, stage: str) -> list[Fault]:
        """The faults of a stage before the first byte."""
        return [fault for fault in self.faults if fault.where == stage and fault.name in _POSITIONED]

    def due(self, file_bytes: int, job_bytes: int | None) -> Fault | None:
        """The fault whose place has been reached; each one only once."""
        for fault in self.faults:
            threshold = fault.threshold(job_bytes)
            if threshold is not None and not fault.over and fault.name in _POSITIONED and file_bytes >= threshold:
                fault.over = True
                return fault
        return None

    def room(self, file_bytes: int, job_bytes: int | None) -> int | None:
        """How many bytes may move before the next fault; None for as many as there are."""
        places = [fault.threshold(job_bytes) for fault in self.faults if not fault.over and fault.name in _POSITIONED]
        ahead = [place - file_bytes for place in places if place is not None and place > file_bytes]
        return min(ahead, default=None)

    def numbered(self, name: str, number: int) -> Fault | None:
        """The fault of the file, or of the WRITE, with that number, counted from 1. name: fail-file or refuse-write."""
        return next((fault for fault in self.faults if fault.name == name and fault.number == number), None)

    def full(self, job_bytes: int | None) -> tuple[int, Fault] | None:
        """At which byte of this session the disk is full for streams, and by which fault; None for one that has room.

        It stays full.
        """
        all_places = [(fault.threshold(job_bytes), fault) for fault in self.faults if fault.name == "stream-full"]
        places = [(place, fault) for place, fault in all_places if place is not None]
        return min(places, key=lambda place: place[0], default=None)


def parse_faults(text: str) -> Faults:
    """Parse the variable.

    Raises:
        FaultError: with the part that is wrong.
    """
    faults = Faults()
    for part in filter(None, (part.strip() for part in text.split(","))):
        match = _FAULT.fullmatch(part)
        if not match:
            raise FaultError(f"{VARIABLE}: unknown fault: {part}")
        if match["name"] == "once" and match["value"]:
            faults.once = part.partition("=")[2]
        else:
            faults.faults.append(_fault(part, match["name"], match["value"], match["where"]))
    return faults


def _fault(part: str, name: str, value: str | None, where: str | None) -> Fault:
    if name in _PLAIN and value is None and where is None:
        return Fault(name)
    if name in ("fail", "fail-file"):
        if value is None or not re.fullmatch("[0-9]{1,6}", value):
            raise FaultError(f"{VARIABLE}: invalid fault: {part}; it needs an error code, such as {name}=16")
        if name == "fail":
            return Fault(name, int(value), _where(part, where or "session"))
        if not re.fullmatch("[1-9][0-9]{0,8}", where or "1"):
            raise FaultError(f"{VARIABLE}: invalid fault: {part}; it needs the number of a file after the @")
        return Fault(name, int(value), number=int(where or "1"))
    if name == "refuse-write":
        if where or not re.fullmatch("[1-9][0-9]{0,8}", value or ""):
            raise FaultError(f"{VARIABLE}: invalid fault: {part}; it needs the number of a WRITE, such as {name}=3")
        return Fault(name, DISK_WRITE, number=int(value or ""))
    if name == "stream-full":
        place = _where(part, where or value or "")
        if isinstance(place, str) or (value and where):
            raise FaultError(f"{VARIABLE}: invalid fault: {part}; it needs a byte, such as {name}@1000")
        return Fault(name, NO_SPACE_LEFT, place)
    if name in _POSITIONED and not (value and where):
        return Fault(name, where=_where(part, where or value or "session"))
    raise FaultError(f"{VARIABLE}: unknown fault: {part}")


def _where(part: str, text: str) -> str | int | float:
    if not _WHERE.fullmatch(text) or (text.endswith("%") and float(text[:-1]) > 100):
        raise FaultError(
            f"{VARIABLE}: invalid fault: {part}; its place must be connect, session, bytes or a percentage"
        )
    if text.endswith("%"):
        return float(text[:-1]) / 100
    return int(text) if text.isdigit() else text
