"""From the fields of a line to the attributes of a session or a file. Sessions begin and end in folding.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Literal, TypeAlias

import attrs

from faspmgr.logs.records import LogRecord
from faspmgr.logs.session import LogFile, LogSession

MAX_ERRORS = 20
"""Error messages that a session keeps, the first ones."""

DIRECTIONS: Mapping[str | None, str] = {"send": "Send", "recv": "Receive", "receive": "Receive"}
"""The direction in the management stream, by ``op`` of the log."""

# From fields of the log to attributes of a session.
_ENDS = {
    "source": "source",
    "dest": "destination",
    "source_prefix": "source_prefix",
    "local": "local",
    "peer": "peer",
    "os": "os",
    "ver": "version",
    "lic": "license",
    "peeros": "peer_os",
    "peerver": "peer_version",
    "peerlic": "peer_license",
    "peer_errstr": "peer_reason",
}
_STATISTICS = {
    "delay": "rtt_ms",
    "tx_bytes": "bytes_transferred",
    "file_bytes": "bytes_written",
    "effective_rate": "rate_kbps",
    "ave_xmit_rate": "average_rate_kbps",
    "bl_total": "blocks_total",
    "bl_rex": "blocks_retransmitted",
}
RATE_UNKNOWN = 2**64 - 1
"""targetrate and minrate, bits per second, if the far side never reported them (fixtures/ascp-log/)."""

_PATH = ("path_mtu", "datagram_size", "block_size")

Key: TypeAlias = tuple[str, int | None]
"""Host and number of a process."""


@attrs.define(eq=False)
class Process:
    """A process with lines about sessions."""

    key: Key
    """Host and number."""
    last_seen: datetime | None = None
    """Time of the latest record about a session; None if the log has no times."""
    sessions: dict[str, Opened] = attrs.field(factory=dict)
    """The open sessions by uuid, in the order in which they began."""
    defaults: dict[str, Any] = attrs.field(factory=dict)
    """Attributes of every session that it begins."""
    pending: dict[str, Any] = attrs.field(factory=dict)
    """Attributes of the session that it begins next."""
    errors: list[str] = attrs.field(factory=list)
    """Error messages, for that session."""

    @property
    def current(self) -> Opened | None:
        """The open session that it began last."""
        return next(reversed(self.sessions.values()), None)


@attrs.define(eq=False)
class Opened:
    """An open session."""

    session: LogSession
    """The session so far."""
    process: Process
    """The process that writes its lines."""
    unfinished: dict[str, LogFile] = attrs.field(factory=dict)
    """Files that have started and not stopped, by name."""
    uncounted: int = 0
    """Count of more such files, which are not kept."""
    progress: LogRecord | None = None
    """The latest line of progress; it is read only if there are no statistics."""
    finished_bytes: int = 0
    """Bytes of the finished files, without those that were there before."""
    finished_seconds: float | None = None
    """Seconds that the last of them took."""
    stopped: bool = False
    """Whether its stop was read."""
    never_connected: bool = False
    """Whether the stop shows that it never connected to its peer: no block of statistics follows."""


# ---------------------------------------------------------------------------------------------------------------------
# The ends of a session and of a file


def read_start(session: LogSession, record: LogRecord) -> None:
    """Apply the start of a session, which also has the error of one that fails at once."""
    fields = record.fields
    session.start = session.start or record.time
    _read_ends(session, fields)
    if fields.get("status") == "failed":
        _read_verdict(session, fields)


def read_stop(session: LogSession, record: LogRecord) -> None:
    """Apply the stop of a session."""
    fields = record.fields
    session.stop = record.time
    _read_ends(session, fields)
    _read_verdict(session, fields)


def read_http_failure(session: LogSession, record: LogRecord) -> bool:
    """Apply the failure of a session over HTTP; return whether the line is about one."""
    fields = record.fields
    if fields.get("action") == "session_end":
        session.reason = fields.get("error")
    elif fields.get("completed") == 0:
        session.reason = f"HTTP session ended with result {fields.get('result')}"
    else:
        return False
    session.status, session.stop = "failed", record.time
    return True


def read_statistics(session: LogSession, record: LogRecord) -> None:
    """Apply the statistics of a session."""
    session.statistics = record.fields
    for field, name in _STATISTICS.items():
        setattr(session, name, number(record.fields.get(field)))


def file_of(session: LogSession, name: str) -> LogFile:
    """Begin a file."""
    return LogFile(name, session.id, session.direction, session.peer, session.host, session.user)


def read_file(file: LogFile, record: LogRecord) -> None:
    """Apply the start or the stop of a file."""
    fields = record.fields
    file.size = number(fields.get("size"))
    file.start_byte = number(fields.get("start_byte"))
    file.loss = number(fields.get("loss"))
    file.retransmission_requests = number(fields.get("rexreqs"))
    file.overhead = number(fields.get("overhead"))
    file.mtime = fields.get("mtime")
    if record.kind == "transfer_start":
        file.start = record.time
        return
    file.stop = record.time
    file.rate_kbps = number(fields.get("rate"))
    file.elapsed_seconds = number(fields.get("elapsed"))
    file.code, file.reason = number(fields.get("errcode")), fields.get("errstr")
    file.status = _verdict(fields) or "interrupted"
    if file.status == "done":
        file.bytes_done = file.size


def complete(opened: Opened) -> None:
    """Add what other lines have to a session that is complete: its progress, its files, its block, its errors."""
    session = opened.session
    # The bytes that were written in the time of the latest measurement: of a single file that has ended its own time.
    usec, written = number(session.statistics.get("tx_time")), session.bytes_written
    if not session.statistics:
        fields = opened.progress.fields if opened.progress is not None else {}
        session.bytes_transferred = number(fields.get("prog_t"))
        session.bytes_written = written = number(fields.get("prog_f"))
        usec = number(fields.get("prog_e"))
        if opened.finished_bytes > (written or 0):
            session.bytes_written = opened.finished_bytes
            if session.files_done == 1 and opened.finished_seconds is not None:
                usec, written = round(opened.finished_seconds * 1e6), opened.finished_bytes
    session.transfer_usec = usec

    # Rates of sessions that have moved bytes; ascp may write 0 for one that was cancelled.
    if usec:
        if not session.rate_kbps and written:
            session.rate_kbps = round(written * 8_000 / usec, 2)
        if not session.average_rate_kbps and session.bytes_transferred:
            session.average_rate_kbps = round(session.bytes_transferred * 8_000 / usec, 2)

    # Files that had begun are among those that the block counts as failed.
    counted = number(session.file_statistics.get("transfers_failed"))
    if counted is not None and counted >= session.files_failed + session.files_interrupted:
        for file in opened.unfinished.values():
            file.status, file.code, file.reason = "failed", session.code, session.reason
        session.files_failed, session.files_interrupted = counted, 0

    # The first error of the process, if the line of the session has no text.
    if session.status == "failed" and not session.reason and session.errors:
        session.reason = session.errors[0]


def _read_ends(session: LogSession, fields: Mapping[str, Any]) -> None:
    for field, name in _ENDS.items():
        if fields.get(field) is not None:
            setattr(session, name, fields[field])
    session.tcp_port = number(fields.get("tcp_port"))
    if "peer_errcode" in fields:
        session.peer_code = number(fields["peer_errcode"])


def _read_verdict(session: LogSession, fields: Mapping[str, Any]) -> None:
    verdict = _verdict(fields)
    if verdict is None:
        return
    code, reason = number(fields.get("errcode")), fields.get("errstr")
    if code != session.code or session.detail == reason:  # the earlier error was another one, or has the same text
        session.detail = None
    session.status, session.code, session.reason = verdict, code, reason


def _verdict(fields: Mapping[str, Any]) -> Literal["done", "failed"] | None:
    """Return how a session or a file ended; None if the line is cut off before it."""
    status = fields.get("status")
    if status == "success":
        return "done"
    return "failed" if status == "failed" or fields.get("errcode") is not None else None


# ---------------------------------------------------------------------------------------------------------------------
# Lines about an open session, or about the one that its process begins next


def _params(process: Process, record: LogRecord) -> None:
    fields = record.fields
    opened = process.sessions.get(fields.get("uuid", ""))
    if opened is None:
        return
    session = opened.session
    session.parameters = fields
    session.user = fields.get("user") or session.user
    session.cookie = fields.get("cookie")
    session.policy = fields.get("rate_policy")
    session.cipher = fields.get("cipher")
    session.min_rate_kbps = kbps(fields.get("minrate"))
    if session.original_target_rate_kbps is None:  # nothing was negotiated
        session.target_rate_kbps = kbps(fields.get("targetrate"))


def _error(process: Process, record: LogRecord) -> None:
    """Apply an error of this side or the far one. That of a session that fails at once comes before its start."""
    fields = record.fields
    peer = record.kind == "session_peer_error" or fields.get("peer") is True
    opened = process.sessions.get(fields["uuid"]) if "uuid" in fields else process.current
    if opened is not None and opened.stopped and not peer:
        return  # the stop has the error of this side
    code, words = number(fields.get("errcode")), fields.get("errstr")
    if peer:
        _set(process, opened, {"peer_code": code, "peer_reason": words})
    else:
        _set(process, opened, {"code": code, "reason": words, "detail": words})


def _version(process: Process, record: LogRecord) -> None:
    process.defaults["version"] = record.fields.get("version")


def _auth(process: Process, record: LogRecord) -> None:
    fields = record.fields
    attributes = {"host": fields.get("remote_host"), "user": fields.get("remote_user"), "role": fields.get("role")}
    process.defaults |= attributes
    if process.current is not None:
        session = process.current.session
        for name, value in attributes.items():
            setattr(session, name, getattr(session, name) or value)


def _rates(process: Process, record: LogRecord) -> None:
    attributes = {
        "target_rate_kbps": kbps(record.fields.get("target_rate")),
        "original_target_rate_kbps": kbps(record.fields.get("original_target_rate")),
    }
    current = process.current
    # A session negotiates once: the line is about the next one if this one has negotiated.
    negotiated = current is not None and current.session.original_target_rate_kbps is not None
    _set(process, None if negotiated else current, attributes)


def _path(process: Process, record: LogRecord) -> None:
    fields = record.fields
    _set(process, process.current, {name: number(fields[name]) for name in _PATH if name in fields})


def _progress(process: Process, record: LogRecord) -> None:
    if process.current is not None:
        process.current.progress = record


def _set(process: Process, opened: Opened | None, attributes: dict[str, Any]) -> None:
    if opened is None:
        process.pending |= attributes
        return
    for name, value in attributes.items():
        setattr(opened.session, name, value)


HANDLERS: Mapping[str, Callable[[Process, LogRecord], None]] = {
    "progress": _progress,
    "session_params": _params,
    "session_error": _error,
    "session_peer_error": _error,
    "side_error": _error,
    "version": _version,
    "auth": _auth,
    "rates": _rates,
    "path_mtu": _path,
    "datagram": _path,
}
"""What applies such a line, by its kind."""


def number(value: Any) -> Any:
    """Return a number; None for a text in a field that is a number in the table of fields."""
    return value if value.__class__ in (int, float) else None


def kbps(bits_per_second: Any) -> float | None:
    """Return kilobits per second; None for a text, and for RATE_UNKNOWN."""
    if number(bits_per_second) is None or bits_per_second == RATE_UNKNOWN:
        return None
    return float(bits_per_second / 1000)
