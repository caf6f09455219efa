"""One record of a log: a line with the lines that continue it, or a block of lines.

A record is made of every line, and few are read in full: its time and its fields are computed on first use.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from faspmgr.logs.messages import kind_of, read_fields
from faspmgr.logs.secrets import redact_field
from faspmgr.logs.times import Clock
from faspmgr.redaction import redact_log_message


class LogRecord:
    """One record of ascp's log. Compared by value.

    Args:
        message: the attributes, as below.
        stamp: as below.
        process: as below.
        thread: as below.
        level: as below.
        program: as below.
        host: as below.
        line: as below.
        path: as below.
        kind: None to find it.
        clock: reads the time; None for the zone of this machine.

    Example:
        >>> record = LogRecord("datagram size 1448B, block size 1408B, path MTU 1492B")
        >>> record.kind, record.fields["path_mtu"]
        ('datagram', 1492)
    """

    __slots__ = (
        "_clock",
        "_fields",
        "_time",
        "host",
        "kind",
        "level",
        "line",
        "message",
        "path",
        "process",
        "program",
        "stamp",
        "thread",
    )

    def __init__(
        self,
        message: str,
        stamp: str = "",
        process: int | None = None,
        thread: int | None = None,
        level: str = "",
        program: str = "ascp",
        host: str = "",
        line: int = 1,
        path: str = "",
        kind: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.message = message
        """Text without the prefix; a LF before each line that continues it."""
        self.stamp = stamp
        """Time as in the log; empty without one."""
        self.process = process
        """Number of the process; None if unknown."""
        self.thread = thread
        """Number of the thread; None if unknown."""
        self.level = level
        """``LOG``, ``ERR``, ``DBG`` or another; empty without one."""
        self.program = program
        """``ascp``; of syslog its tag; empty for a line without a prefix."""
        self.host = host
        """Name of the machine, which only syslog has; else empty."""
        self.line = line
        """Number of its first line, from 1."""
        self.path = path
        """Name of the log; empty if it has none."""
        self.kind = kind_of(message) if kind is None else kind
        """Kind of the line: one of ``faspmgr.logs.fields.KINDS``."""

        self._clock = clock
        # Computed on first use; None before.
        self._fields: dict[str, Any] | None = None
        self._time: tuple[datetime | None, tuple[str, ...]] | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """Typed values of the message, by their names in ``faspmgr.logs.fields``; empty for kind ``other``."""
        fields = self._fields
        if fields is None:
            fields = self._fields = read_fields(self.kind, self.message)
        return fields

    @property
    def time(self) -> datetime | None:
        """Time with its difference from UTC; None if the log has none."""
        return self._read_time()[0]

    @property
    def assumed(self) -> tuple[str, ...]:
        """Parts of the time that are not in the log, and were added: ``zone``, ``year``."""
        return self._read_time()[1]

    def _read_time(self) -> tuple[datetime | None, tuple[str, ...]]:
        if self._time is None:
            self._time = (self._clock or Clock()).read(self.stamp)
        return self._time

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Return all of it, ready for JSON, without what is unknown.

        Args:
            redact: show secrets as ``***``.

        Example:
            >>> LogRecord("AUTH [CLIENT] token=x", level="LOG").to_dict()["fields"]
            {'role': 'CLIENT', 'token': '***'}
        """
        shown: dict[str, Any] = {"path": self.path} if self.path else {}
        shown["line"] = self.line
        if self.time:
            shown["time"] = self.time.isoformat()
        for name in ("host", "program", "process", "thread", "level"):
            value = getattr(self, name)
            if value is not None and value != "":
                shown[name] = value
        shown["kind"] = self.kind
        fields = {name: redact_field(name, value) if redact else value for name, value in self.fields.items()}
        if fields:
            shown["fields"] = {
                name: list(value) if isinstance(value, tuple) else value for name, value in fields.items()
            }
        shown["message"] = redact_log_message(self.message) if redact else self.message
        return shown

    def _key(self) -> tuple[Any, ...]:
        prefix = (self.stamp, self.process, self.thread, self.level, self.program, self.host)
        return (*prefix, self.line, self.path, self.kind, self.message)

    def __eq__(self, other: object) -> bool:
        return self._key() == other._key() if isinstance(other, LogRecord) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._key())

    def __repr__(self) -> str:
        shown = redact_log_message(self.message)[:100]
        return f"<LogRecord {self.line}: {self.stamp} {self.level} {self.kind}: {shown!r}>"
