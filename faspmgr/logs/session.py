"""A session and a file of ascp's log, as the fold returns them, and how they are shown."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import attrs

from faspmgr.logs.codes import management_code_of
from faspmgr.logs.secrets import redact_field
from faspmgr.redaction import redact_log_message

LogVerdict = Literal["done", "failed", "lost"]
"""done, failed: by its stop, or by a start that failed. lost: neither is in the log."""

LogFileStatus = Literal["done", "failed", "interrupted"]
"""done, failed: by its stop, or failed by the block of statistics. interrupted: its session ended before it did."""


@attrs.define(eq=False, repr=False)
class LogFile:
    """One file of a session. What is None is not in the log.

    Attributes:
        name: path, as in the log.
        session: id of the session.
        direction: ``Send`` or ``Receive``.
        peer: address and port of the far end.
        host: name or address of the far side, as it was given to ascp.
        user: login user.
        status: done, failed or interrupted; None while it is in progress.
        code: the log's own error code.
        reason: text of the log for it.
        size: bytes.
        start_byte: byte where the file started or resumed.
        bytes_done: bytes at the destination: the size of a file that is done; None for others.
        rate_kbps: kilobits per second.
        elapsed_seconds: seconds that it took.
        loss: share of the data that was lost.
        retransmission_requests: count.
        overhead: count of the blocks that came twice.
        mtime: time of the file, as in the log, without a zone.
        start: time when it started, the latest if it started several times.
        stop: time when it stopped.

    Example:
        >>> LogFile(name="a.mov", status="failed", code=50).to_dict()["management_code"]
        4
    """

    name: str
    session: str | None = None
    direction: str | None = None
    peer: str | None = None
    host: str | None = None
    user: str | None = None
    status: LogFileStatus | None = None
    code: int | None = None
    reason: str | None = None
    size: int | None = None
    start_byte: int | None = None
    bytes_done: int | None = None
    rate_kbps: float | None = None
    elapsed_seconds: float | None = None
    loss: float | None = None
    retransmission_requests: int | None = None
    overhead: int | None = None
    mtime: str | None = None
    start: datetime | None = None
    stop: datetime | None = None

    @property
    def management_code(self) -> int | None:
        """The code of the management stream for the same failure; None if it is unknown."""
        return management_code_of(self.code, self.reason)

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Return all attributes by name, ready for JSON; times as ISO text.

        Args:
            redact: show secrets as ``***``.
        """
        return _to_dict(self, _FILE_NAMES, redact)

    def __repr__(self) -> str:
        return _repr(self)


@attrs.define(eq=False, repr=False)
class LogSession:
    """One session. What is None is not in the log.

    Attributes:
        id: uuid of the session; SessionId of the management stream.
        machine: name of the machine, which only syslog has.
        process: number of the process.
        thread: number of the thread that began the session.
        role: which end this is: ``CLIENT`` or ``SERVER``.
        direction: ``Send`` or ``Receive``.
        status: done, failed or lost; None while it is open.
        code: the log's own error code.
        reason: text of the log for it; without one the first error of its process.
        detail: what this side logged besides, such as an error that the far side reported.
        peer_code: the log's error code of the far side.
        peer_reason: text of the log for it.
        start: time when it started.
        stop: time when it stopped.
        assumed: parts of the times that are not in the log: ``zone``, ``year``.
        local: address and port of this end.
        peer: address and port of the far end.
        tcp_port: SSH port.
        host: name or address of the far side, as it was given to ascp.
        user: login user.
        cookie: text that the application gave.
        source: source arguments.
        destination: path at the destination.
        source_prefix: prefix of each source path.
        version: of ascp on this side.
        peer_version: of ascp on the far side.
        os: operating system of this side.
        peer_os: operating system of the far side.
        license: of this side: product, account, number.
        peer_license: of the far side.
        files: those that finished, the first ``keep_files`` of them, and all that were interrupted.
        files_done: count of the files that are done, without skipped ones.
        files_failed: count of the failed files; by the block of statistics those in progress at the end included.
        files_interrupted: count of the files in progress when the session ended that no block counts.
        files_skipped: count of the files that were at the destination already: they start at their end. Others are
            only in the block of file transfer statistics.
        bytes_transferred: bytes that went over the network; of a lost session so far.
        bytes_written: bytes of files; of a lost session so far.
        transfer_usec: microseconds that it moved data, as statistics, progress or a file have them.
        rate_kbps: kilobits per second; the average of the bytes of files.
        average_rate_kbps: kilobits per second; the average on the network.
        target_rate_kbps: kilobits per second; as negotiated, else as requested.
        original_target_rate_kbps: kilobits per second; as requested, if it was negotiated.
        min_rate_kbps: kilobits per second.
        policy: how it shares the bandwidth: fair, fixed, low or high.
        cipher: of the data.
        path_mtu: bytes.
        datagram_size: bytes.
        block_size: bytes.
        rtt_ms: round-trip time, milliseconds.
        blocks_total: count of all blocks.
        blocks_retransmitted: count of those that were sent again.
        parameters: fields of the latest line of parameters.
        statistics: fields of the line of statistics.
        file_statistics: fields of the block of file transfer statistics; it counts all sessions of its process.
        errors: the first 20 messages of level ERR of its process.

    Example:
        >>> session = LogSession(id="c4348842", status="failed", code=63, blocks_total=200, blocks_retransmitted=3)
        >>> session.management_code, session.retransmitted_percent, session.seconds
        (43, 1.5, None)
    """

    id: str | None = None
    machine: str = ""
    process: int | None = None
    thread: int | None = None
    role: str | None = None
    direction: str | None = None
    status: LogVerdict | None = None
    code: int | None = None
    reason: str | None = None
    detail: str | None = None
    peer_code: int | None = None
    peer_reason: str | None = None

    start: datetime | None = None
    stop: datetime | None = None
    assumed: tuple[str, ...] = ()

    local: str | None = None
    peer: str | None = None
    tcp_port: int | None = None
    host: str | None = None
    user: str | None = None
    cookie: str | None = None
    source: tuple[str, ...] = ()
    destination: str | None = None
    source_prefix: str | None = None
    version: str | None = None
    peer_version: str | None = None
    os: str | None = None
    peer_os: str | None = None
    license: str | None = None
    peer_license: str | None = None

    files: list[LogFile] = attrs.field(factory=list)
    files_done: int = 0
    files_failed: int = 0
    files_interrupted: int = 0
    files_skipped: int = 0

    bytes_transferred: int | None = None
    bytes_written: int | None = None
    transfer_usec: int | None = None
    rate_kbps: float | None = None
    average_rate_kbps: float | None = None
    target_rate_kbps: float | None = None
    original_target_rate_kbps: float | None = None
    min_rate_kbps: float | None = None
    policy: str | None = None
    cipher: str | None = None

    path_mtu: int | None = None
    datagram_size: int | None = None
    block_size: int | None = None
    rtt_ms: int | None = None
    blocks_total: int | None = None
    blocks_retransmitted: int | None = None

    parameters: dict[str, Any] = attrs.field(factory=dict)
    statistics: dict[str, Any] = attrs.field(factory=dict)
    file_statistics: dict[str, Any] = attrs.field(factory=dict)
    errors: list[str] = attrs.field(factory=list)

    @property
    def management_code(self) -> int | None:
        """The code of the management stream for the same failure; None if it is unknown."""
        return management_code_of(self.code, self.reason)

    @property
    def has_begun(self) -> bool:
        """Whether a file has begun, so that bytes may have moved."""
        return bool(self.files_done or self.files_failed or self.files_interrupted)

    @property
    def seconds(self) -> float | None:
        """Seconds from its start to its stop; without their times, those that it moved data."""
        if self.start is not None and self.stop is not None:
            return (self.stop - self.start).total_seconds()
        return None if self.transfer_usec is None else self.transfer_usec / 1e6

    @property
    def retransmitted_percent(self) -> float | None:
        """Share of all blocks that were sent again, per cent, with two digits as in the log."""
        if self.blocks_total is None or self.blocks_retransmitted is None:
            return None
        return round(100 * self.blocks_retransmitted / self.blocks_total, 2) if self.blocks_total else 0.0

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Return all attributes by name, ready for JSON; times as ISO text.

        Args:
            redact: show secrets as ``***``.
        """
        return _to_dict(self, _SESSION_NAMES, redact)

    def __repr__(self) -> str:
        return _repr(self)


def _names(cls: type, **behind: str) -> tuple[str, ...]:
    """Return the attributes in order, and each property after the attribute that it follows from."""
    names: list[str] = []
    for attribute in attrs.fields(cls):
        names.append(attribute.name)
        if attribute.name in behind:
            names.append(behind[attribute.name])
    return tuple(name for name in names if name != "transfer_usec")  # it shows as seconds


_FILE_NAMES = _names(LogFile, code="management_code")
_SESSION_NAMES = _names(
    LogSession, code="management_code", stop="seconds", blocks_retransmitted="retransmitted_percent"
)


_SENTENCES = frozenset({"reason", "detail", "peer_reason", "errors"})
"""Texts for people, in which a secret may be anywhere."""


def _to_dict(row: LogFile | LogSession, names: tuple[str, ...], redact: bool) -> dict[str, Any]:
    return {name: _shown(name, getattr(row, name), redact) for name in names}


def _repr(row: LogFile | LogSession) -> str:
    return f"{row.__class__.__name__}({', '.join(f'{name}={value!r}' for name, value in row.to_dict().items())})"


def _shown(name: str, value: Any, redact: bool) -> Any:
    """Return a value ready for JSON."""
    if isinstance(value, str):
        if not redact:
            return value
        return redact_log_message(value) if name in _SENTENCES else redact_field(name, value)
    if isinstance(value, (list, tuple)):
        return [_shown(name, item, redact) for item in value]
    if isinstance(value, dict):
        return {key: _shown(key, item, redact) for key, item in value.items()}
    if isinstance(value, LogFile):
        return value.to_dict(redact=redact)
    return value.isoformat() if isinstance(value, datetime) else value
