"""Commands to ascp: what a manager may send on the connection that ascp opened.

>>> SetRate(target_kbps=50_000, policy="fair").encode()
b'FASPMGR 2\\nType: RATE\\nRate: 50000\\nAdaptive: Adaptive\\n\\n'
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from faspmgr.protocol.fields import MAX_INTEGER, escape_path
from faspmgr.protocol.frames import Frame

POLICIES: Mapping[str, tuple[str, int | None]] = {
    "fair": ("Adaptive", None),
    "high": ("Adaptive", 1),
    "fixed": ("Fixed", None),
    "low": ("Trickle", None),
    "Adaptive": ("Adaptive", None),
    "Fixed": ("Fixed", None),
    "Trickle": ("Trickle", None),
}
"""Words for a transfer policy, those of ascp's command line and the wire's own: value of Adaptive, and of Priority."""

_Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]


def _integer(low: int, high: int) -> _Validator:
    def check(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high):
            raise ValueError(f"{attribute.name} must be a whole number from {low} to {high}, not {value!r}")

    return check


def _path(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{attribute.name} must be a path, not {value!r}")


def _policy(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value not in POLICIES:
        raise ValueError(f"{attribute.name} must be one of {', '.join(POLICIES)}, not {value!r}")


@attrs.frozen
class Command:
    """What is common to all commands."""

    def to_frame(self) -> Frame:
        """The command as a Frame."""
        raise NotImplementedError

    def encode(self) -> bytes:
        """The command as bytes for the wire.

        Line breaks in paths are escaped; one anywhere else was refused with ValueError when the command was made, as it
        would forge a field. Text that no bytes decode to raises UnicodeEncodeError, which is a ValueError too.
        """
        return self.to_frame().encode()


@attrs.frozen
class StartFile(Command):
    """START: transfer one more file in a persistent session (``ascp --keepalive``).

    source, destination: paths. start, end: first and last byte of a range, either may be left out. Raises ValueError
    for an empty path and for a range that ends before it begins.
    """

    source: str = attrs.field(validator=_path)
    destination: str = attrs.field(validator=_path)
    start: int | None = attrs.field(default=None, validator=_integer(0, MAX_INTEGER))
    end: int | None = attrs.field(default=None, validator=_integer(0, MAX_INTEGER))

    def __attrs_post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"the range ends at {self.end}, before it starts at {self.start}")

    def to_frame(self) -> Frame:
        fields = {"Source": escape_path(self.source), "Destination": escape_path(self.destination)}
        if self.start is not None or self.end is not None:
            low, high = ("" if bound is None else str(bound) for bound in (self.start, self.end))
            fields["FileBytes"] = f"{low}:{high}"
        return Frame("START", fields)


@attrs.frozen
class StopFile(Command):
    """STOP: stop a file. source: its path as its STATS report it."""

    source: str = attrs.field(validator=_path)

    def to_frame(self) -> Frame:
        return Frame("STOP", {"Source": escape_path(self.source)})


@attrs.frozen
class SetRate(Command):
    """RATE: change rate or policy of a running transfer; what is left out stays as it is.

    target_kbps, min_kbps: kilobits per second. policy: fair, fixed, low, high, or the wire's Adaptive, Fixed, Trickle.
    priority: 1 high, 2 regular; ``high`` is Adaptive with priority 1. Raises ValueError for anything else, for a policy
    that contradicts the priority, and if nothing is to change.
    """

    target_kbps: int | None = attrs.field(default=None, validator=_integer(0, MAX_INTEGER))
    min_kbps: int | None = attrs.field(default=None, validator=_integer(0, MAX_INTEGER))
    policy: str | None = attrs.field(default=None, validator=_policy)
    priority: int | None = attrs.field(default=None, validator=_integer(1, 2))

    def __attrs_post_init__(self) -> None:
        if all(value is None for value in attrs.astuple(self)):
            raise ValueError("nothing to change: give a rate, a policy or a priority")
        if self.policy == "high" and self.priority == 2:
            raise ValueError("policy high is priority 1, not 2")

    def to_frame(self) -> Frame:
        adaptive, priority = POLICIES[self.policy] if self.policy is not None else (None, None)
        values = {
            "Rate": self.target_kbps,
            "MinRate": self.min_kbps,
            "Adaptive": adaptive,
            "Priority": self.priority if priority is None else priority,
        }
        return Frame("RATE", {name: str(value) for name, value in values.items() if value is not None})


@attrs.frozen
class Cancel(Command):
    """CANCEL: end the session; ascp answers with ERROR 28."""

    def to_frame(self) -> Frame:
        return Frame("CANCEL", {})


@attrs.frozen
class Finish(Command):
    """DONE: end a persistent session; when its queue is empty, or with now=True at once."""

    now: bool = False

    def to_frame(self) -> Frame:
        return Frame("DONE", {"Operation": "Shutdown" if self.now else "Linger"})


@attrs.frozen
class Query(Command):
    """QUERY: ask ascp for its state; it answers with QUERYRSP."""

    def to_frame(self) -> Frame:
        return Frame("QUERY", {})


@attrs.frozen
class CommandRow:
    """One row of the table of commands.

    Attributes:
        cls: the class.
        type: the message type, as on the wire.
        description: what the command does, one line.
        fields: the fields that it may have, by their names on the wire, in their order there.
    """

    cls: builtins.type[Command]
    type: str
    description: str
    fields: tuple[str, ...]


COMMANDS: Mapping[str, CommandRow] = {
    "rate": CommandRow(SetRate, "RATE", "change rate or policy", ("Rate", "MinRate", "Adaptive", "Priority")),
    "start": CommandRow(
        StartFile, "START", "start a file in a persistent session", ("Source", "Destination", "FileBytes")
    ),
    "stop": CommandRow(StopFile, "STOP", "stop a file; Source as its STATS report it", ("Source",)),
    "finish": CommandRow(Finish, "DONE", "end a persistent session", ("Operation",)),
    "cancel": CommandRow(Cancel, "CANCEL", "cancel the session", ()),
    "query": CommandRow(Query, "QUERY", "ask for the state", ()),
}
"""Every command, by its name for people: in ``encode``, ``ctl`` and requests to a control socket."""
