"""Commands to ascp: messages that a manager sends on the connection that ascp opened.

A class for each command, which refuses values that would not reach ascp as they are meant. The tables COMMANDS and
STREAM_COMMANDS have them by name, for command line, control socket and ``faspmgr describe``.

>>> SetRate(target_kbps=50_000, policy="fair").encode()
b'FASPMGR 2\\nType: RATE\\nRate: 50000\\nAdaptive: Adaptive\\n\\n'
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from faspmgr.arguments import show, whole_number
from faspmgr.protocol.fields import MAX_INTEGER, POLICIES, escape_path
from faspmgr.protocol.frames import DATA_END, MAX_PAYLOAD_BYTES, STREAM_VERSION, VERSION, Frame

if TYPE_CHECKING:
    from typing_extensions import Buffer

__all__ = ["Cancel", "Close", "Command", "Finish", "Put", "Query", "SetRate", "StartFile", "StopFile", "Write"]

_OPTIONAL_INTEGER = attrs.validators.optional(whole_number(0, MAX_INTEGER))


def _path(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"{attribute.name} must be a path, not {show(value)}")


def _data(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    try:
        view = memoryview(value)
    except TypeError:
        raise ValueError(f"{attribute.name} must be bytes, not {type(value).__name__}") from None
    if not view.c_contiguous:
        raise ValueError(f"{attribute.name} must be bytes in one piece")
    if view.nbytes > MAX_PAYLOAD_BYTES:
        raise ValueError(f"{attribute.name} must have at most {MAX_PAYLOAD_BYTES} bytes, not {view.nbytes}")


def _policy(instance: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    if value is not None and value not in POLICIES:
        raise ValueError(f"{attribute.name} must be one of {', '.join(POLICIES)}, not {show(value)}")


@attrs.frozen
class Command:
    """Base class of all commands."""

    type: ClassVar[str] = ""
    """Message type, as on the wire."""
    _version: ClassVar[int] = VERSION

    def to_frame(self) -> Frame:
        """Return the command as a Frame."""
        texts = {name: str(value) for name, value in self._fields().items() if value is not None}
        return Frame(self.type, texts, self._version)

    def _fields(self) -> dict[str, Any]:
        """Return the fields by their names on the wire; None for one that is left out."""
        return {}

    def encode(self) -> bytes:
        """Encode the command for the wire. Line breaks in paths are escaped.

        Raises:
            ValueError: for a line break anywhere else than in a path, which would forge a field, and for text that no
                bytes decode to.
        """
        return b"".join(self.parts())

    def parts(self) -> tuple[Buffer, ...]:
        """Return the pieces that ``encode`` joins: one, or three of a WRITE. Raises ValueError, as ``encode`` does."""
        return (_head(self.to_frame()),)


def _head(frame: Frame) -> bytes:
    message = frame.encode()
    if b"\r" in message:  # not a line end for faspmgr; for every ascp is not known
        raise ValueError("a line break in a value cannot be sent: it would forge a field")
    return message


@attrs.frozen
class StartFile(Command):
    """START: transfer one more file in a persistent session (``ascp --keepalive``).

    Args:
        source: path of the file, where this ascp reads it.
        destination: path where the file goes to.
        start: first byte of a range.
        end: last byte of a range.

    Raises:
        ValueError: for an empty path, and for a range that ends before it begins.

    Example:
        >>> StartFile("/data/a.bin", "/inbox/a.bin", start=10).to_frame()
        Frame('START', {'Source': '/data/a.bin', 'Destination': '/inbox/a.bin', 'FileBytes': '10:'}, version=2)
    """

    type: ClassVar[str] = "START"

    source: str = attrs.field(validator=_path, repr=show)
    destination: str = attrs.field(validator=_path, repr=show)
    start: int | None = attrs.field(default=None, validator=_OPTIONAL_INTEGER)
    end: int | None = attrs.field(default=None, validator=_OPTIONAL_INTEGER)

    def __attrs_post_init__(self) -> None:
        if self.start is not None and self.end is not None and self.end < self.start:
            raise ValueError(f"the range ends at {self.end}, before it starts at {self.start}")

    def _fields(self) -> dict[str, Any]:
        low, high = ("" if bound is None else bound for bound in (self.start, self.end))
        part = None if low == high == "" else f"{low}:{high}"
        return {"Source": escape_path(self.source), "Destination": escape_path(self.destination), "FileBytes": part}


@attrs.frozen
class StopFile(Command):
    """STOP: stop a file.

    Args:
        source: path of the file as its STATS report it.

    Raises:
        ValueError: for an empty path.
    """

    type: ClassVar[str] = "STOP"

    source: str = attrs.field(validator=_path, repr=show)

    def _fields(self) -> dict[str, Any]:
        return {"Source": escape_path(self.source)}


@attrs.frozen
class SetRate(Command):
    """RATE: change rate or policy of a running transfer; what is left out stays as it is.

    Args:
        target_kbps: target rate, a whole number of kilobits per second.
        min_kbps: minimum rate, a whole number of kilobits per second.
        policy: fair, fixed, low, high, or the wire's Adaptive, Fixed, Trickle. ``high`` is Adaptive with priority 1.
        priority: 1 high, 2 regular.

    Raises:
        ValueError: for any other value, for a policy that contradicts the priority, and if nothing is to change.
    """

    type: ClassVar[str] = "RATE"

    target_kbps: int | None = attrs.field(default=None, validator=_OPTIONAL_INTEGER)
    min_kbps: int | None = attrs.field(default=None, validator=_OPTIONAL_INTEGER)
    policy: str | None = attrs.field(default=None, validator=_policy)
    priority: int | None = attrs.field(default=None, validator=attrs.validators.optional(whole_number(1, 2)))

    def __attrs_post_init__(self) -> None:
        if all(value is None for value in attrs.astuple(self)):
            raise ValueError("nothing to change: give a rate, a policy or a priority")
        if self.policy == "high" and self.priority == 2:
            raise ValueError("policy high is priority 1, not 2")

    def _fields(self) -> dict[str, Any]:
        adaptive, priority = POLICIES[self.policy] if self.policy is not None else (None, None)
        priority = self.priority if priority is None else priority
        return {"Rate": self.target_kbps, "MinRate": self.min_kbps, "Adaptive": adaptive, "Priority": priority}


@attrs.frozen
class Cancel(Command):
    """CANCEL: cancel the session; ascp replies with ERROR 28."""

    type: ClassVar[str] = "CANCEL"


@attrs.frozen
class Finish(Command):
    """DONE: end a persistent session.

    Args:
        now: at once, instead of when its queue is empty.
    """

    type: ClassVar[str] = "DONE"

    now: bool = attrs.field(default=False, validator=attrs.validators.instance_of(bool))

    def _fields(self) -> dict[str, Any]:
        return {"Operation": "Shutdown" if self.now else "Linger"}


@attrs.frozen
class Query(Command):
    """QUERY: ask ascp for its state; it replies with QUERYRSP."""

    type: ClassVar[str] = "QUERY"


@attrs.frozen
class Put(Command):
    """PUT: begin to stream a file to ``ascp --faspmgr-io``.

    Args:
        destination: path where the file goes to.
        size: size of the file in bytes, if known.

    Raises:
        ValueError: for an empty path, and for an invalid size.

    Example:
        >>> Put("/inbox/a.tar").encode()
        b'FASPMGR 4\\nType: PUT\\nDestination: /inbox/a.tar\\n\\n'
    """

    type: ClassVar[str] = "PUT"
    _version: ClassVar[int] = STREAM_VERSION

    destination: str = attrs.field(validator=_path, repr=show)
    size: int | None = attrs.field(default=None, validator=_OPTIONAL_INTEGER)

    def _fields(self) -> dict[str, Any]:
        return {"Destination": escape_path(self.destination), "Size": self.size}


@attrs.frozen
class Write(Command):
    """WRITE: bytes of a file that was begun with PUT.

    Args:
        destination: path of the file, as PUT had it.
        offset: where in the file the first byte goes.
        data: any bytes-like object. It is not copied, and must not change until it is sent.

    Raises:
        ValueError: for an empty path, an invalid offset, and for more than 1 GiB of data: a limit for security, at
            which readers take the size of a WRITE for a forgery.

    Example:
        >>> Write("/inbox/a.txt", 10, b"data").encode()
        b'FASPMGR 4\\nType: WRITE\\nDestination: /inbox/a.txt\\nOffset: 10\\nSize: 4\\n\\ndata\\n\\n'
    """

    type: ClassVar[str] = "WRITE"
    _version: ClassVar[int] = STREAM_VERSION

    destination: str = attrs.field(validator=_path, repr=show)
    offset: int = attrs.field(validator=whole_number(0, MAX_INTEGER))
    data: Buffer = attrs.field(validator=_data, repr=lambda data: f"<{memoryview(data).nbytes} bytes>")

    def to_frame(self) -> Frame:
        """Return the command as a Frame, with a copy of its data."""
        frame = super().to_frame()
        frame.data = bytes(self.data)
        return frame

    def parts(self) -> tuple[bytes, Buffer, bytes]:
        """Return header, data and end, to be written without joining them.

        Returns:
            The message up to its empty line, the data, not copied, and two LFs. Raises what ``encode`` raises.
        """
        view = memoryview(self.data)
        data = self.data if isinstance(self.data, bytes) else view.cast("B") if view.nbytes else b""
        return _head(super().to_frame()), data, DATA_END

    def _fields(self) -> dict[str, Any]:
        size = memoryview(self.data).nbytes
        return {"Destination": escape_path(self.destination), "Offset": self.offset, "Size": size}


@attrs.frozen
class Close(Command):
    """CLOSE: end a file that was begun with PUT. Only its STOP says that it has arrived.

    Args:
        destination: path of the file, as PUT had it.

    Raises:
        ValueError: for an empty path.

    Example:
        >>> Close("/inbox/a.tar").encode()
        b'FASPMGR 4\\nType: CLOSE\\nDestination: /inbox/a.tar\\n\\n'
    """

    type: ClassVar[str] = "CLOSE"
    _version: ClassVar[int] = STREAM_VERSION

    destination: str = attrs.field(validator=_path, repr=show)

    def _fields(self) -> dict[str, Any]:
        return {"Destination": escape_path(self.destination)}


@attrs.frozen
class CommandRow:
    """One row of the table of commands."""

    cls: type[Command]
    """The class."""
    description: str
    """What the command does, one line."""
    fields: tuple[str, ...]
    """The fields that it may have, by their names on the wire, in their order there."""

    @property
    def type(self) -> str:
        """The message type, as on the wire."""
        return self.cls.type


COMMANDS: Mapping[str, CommandRow] = {
    "rate": CommandRow(SetRate, "change rate or policy", ("Rate", "MinRate", "Adaptive", "Priority")),
    "start": CommandRow(StartFile, "start a file in a persistent session", ("Source", "Destination", "FileBytes")),
    "stop": CommandRow(StopFile, "stop a file; Source as its STATS report it", ("Source",)),
    "finish": CommandRow(Finish, "end a persistent session", ("Operation",)),
    "cancel": CommandRow(Cancel, "cancel the session", ()),
    "query": CommandRow(Query, "ask for the state", ()),
}
"""Every command to a session, by its name for people: in ``encode``, ``ctl`` and requests to a control socket."""

STREAM_COMMANDS: Mapping[str, CommandRow] = {
    "put": CommandRow(Put, "begin to stream a file", ("Destination", "Size")),
    "write": CommandRow(Write, "bytes of a file that is streamed", ("Destination", "Offset", "Size")),
    "close": CommandRow(Close, "end a file that is streamed", ("Destination",)),
}
"""The commands that stream files, in ``encode``: data do not go through a control socket."""
