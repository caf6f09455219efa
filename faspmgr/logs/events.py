"""The management events that a log amounts to: records in, events out.

::

    Session Start                INIT
    Session Params               SESSION: what Start, Params and AUTH say together, and NOTIFICATION of the agreed rate
    Measured pMTU, datagram      NOTIFICATION
    Transfer Start               STATS, from where the file starts
    Transfer Stop                STOP; FILEERROR where it failed
    bl, every 20 seconds         STATS of the session, without a file
    Session Stop, Statistics,    DONE or ERROR, with the counters of all three; before it FILEERROR for each file that
    and the block of the process     has a Start and no Stop, where the block counts those as failed (seen, 3.9.6)

What holds
    An event says nothing that the log does not. Elapsedusec is the time since Session Start, of the lines themselves.
    Codes are those of the stream; one whose pair is not known is 0, and stands in Description.
    DONE and ERROR come with the last line of the session. Where the block lacks they come with what shows that no block
    will: the next run of the process, a line WAIT_SECONDS later, flush() or close(). A process that just stops writing
    gives no end: its session is lost with the stream.
What it costs
    A file's line little more than its fields. Memory is bounded by MAX_SESSIONS that are open, and MAX_FILES of each
    that are in progress.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, ClassVar

import attrs

from faspmgr.logs.codes import management_code_of
from faspmgr.logs.fields import OF_KIND
from faspmgr.logs.reader import LogReader
from faspmgr.logs.records import LogRecord
from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.protocol.fields import BY_NAME, MAX_INTEGER, POLICIES

MAX_SESSIONS = 10_000
"""Sessions that are open at the same time; beyond, the oldest is forgotten."""
MAX_FILES = 10_000
"""Files of a session that are in progress and known by name; the others are only counted."""
WAIT_SECONDS = 5.0
"""How long after its stop the block of a session may come, in the time of the log; about 0.1 was seen."""

DIRECTIONS = {"send": "Send", "recv": "Receive", "receive": "Receive"}
"""The direction for each ``op`` of the log."""

_PARAMETERS = {
    "user": "user",
    "cookie": "cookie",
    "cipher": "cipher",
    "create": "create_policy",
    "times": "time_policy",
    "precalc": "precalc",
    "mf_path": "manifest_path",
    "mf_suffix": "manifest_inprogress",
    "partial_file_suffix": "partial_files",
    "files_encrypt": "files_encrypt",
    "files_decrypt": "files_decrypt",
    "dgram_sz": "datagram_size",
    "prepostcmd": "prepost_command",
    "rtt_auto": "rtt_autocorrect",
    "vl_proto_ver": "v_link_version",
    "peer_vl_proto_ver": "peer_v_link_version",
    "srcbase": "source_base",
    "rd_sz": "read_block_size",
    "wr_sz": "write_block_size",
    "cluster_num_nodes": "cluster_num_nodes",
    "cluster_node_id": "cluster_node_id",
    "keepalive": "keepalive",
    "test_login": "test_login",
    "proxy_ip": "proxy_ip",
    "net_rc_alg": "rate_control_algorithm",
}
"""Fields of Session Params, and those of SESSION that say the same."""
_COUNTS = OF_KIND["file_statistics"].keys() & {attribute.name for attribute in attrs.fields(DoneEvent)}
"""What the block counts and DONE has as well: it goes by the same name."""

_Owner = tuple[str, int | None]
"""Host and process."""


class _Session:
    """A session that has not ended, or whose last lines may still come."""

    __slots__ = ("block", "failed", "files", "mtu", "owner", "params", "start", "statistics", "stop", "stopped", "uuid")

    def __init__(self, uuid: str, owner: _Owner, start: datetime | None) -> None:
        self.uuid = uuid
        self.owner = owner
        # When it started; None where no line says so.
        self.start = start
        # The path MTU; None before.
        self.mtu: int | None = None
        # The fields of Params; None before.
        self.params: dict[str, Any] | None = None
        # The fields of Stop, and when that was; None before.
        self.stop: dict[str, Any] | None = None
        self.stopped: datetime | None = None
        # The names of its files in progress, and how many have failed.
        self.files: dict[str, None] = {}
        self.failed = 0
        self.statistics: dict[str, Any] = {}
        self.block: dict[str, Any] = {}

    @property
    def has_parts(self) -> bool:
        """Do several sessions share files?"""
        return ((self.params or {}).get("cluster_num_nodes") or 1) > 1


class _Process:
    """What is known of a process beside its sessions."""

    __slots__ = ("about", "error", "session")

    def __init__(self) -> None:
        # The fields of AUTH, of the agreed rates and of Session Start, until SESSION is made of them.
        self.about: dict[str, Any] = {}
        # The fields of its latest error.
        self.error: dict[str, Any] = {}
        # The session that it began last.
        self.session: _Session | None = None


class LogEvents:
    """Makes the events of a log.

    Example:
        >>> log = LogEvents()
        >>> log.feed(LogRecord("FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in"))
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self) -> None:
        self._sessions: dict[str, _Session] = {}
        self._processes: dict[_Owner, _Process] = {}
        # Those that have stopped and wait for their last lines.
        self._stopped: dict[str, _Session] = {}

    def feed(self, record: LogRecord) -> list[Event]:
        """Read the next record.

        Args:
            record: of any kind.

        Returns:
            The events that it completes.
        """
        kind = record.kind
        results: list[Event] = []
        if self._stopped:
            self._end_waiting(record, results)
        if kind == "transfer_stop" or kind == "transfer_start":
            self._read_transfer(record, results)
        elif kind in self._READ:
            self._READ[kind](self, record, results)
        return results

    def flush(self) -> list[Event]:
        """Nothing comes for a while: end the sessions whose last lines may lack.

        Returns:
            Their DONE and ERROR.
        """
        results: list[Event] = []
        for session in list(self._stopped.values()):
            self._end(session, results)
        return results

    close = flush

    # -- a session

    def _read_version(self, record: LogRecord, results: list[Event]) -> None:
        """A process begins: what went before under its number is another one's."""
        owner = (record.host, record.process)
        before = self._processes.pop(owner, None)
        if before and before.session:
            self._end_or_forget(before.session, results)

    def _read_auth(self, record: LogRecord, results: list[Event]) -> None:
        self._process(record).about |= record.fields

    def _read_side_error(self, record: LogRecord, results: list[Event]) -> None:
        if not record.fields.get("peer"):
            self._process(record).error = record.fields

    def _read_session_start(self, record: LogRecord, results: list[Event]) -> None:
        fields = record.fields
        uuid = fields.get("uuid")
        if not uuid or self._of_another(uuid, record):
            return
        process = self._process(record)
        if process.session and process.session.stop is not None:
            self._end(process.session, results)
        session = self._open(uuid, record)
        session.start = record.time
        process.session = session
        direction = DIRECTIONS.get(fields.get("op", ""))
        results.append(InitEvent(session_id=uuid, direction=direction, operation="Transfer"))
        process.about |= {name: value for name, value in fields.items() if value is not None}

    def _read_session_params(self, record: LogRecord, results: list[Event]) -> None:
        uuid = record.fields.get("uuid")
        session = None if not uuid or self._of_another(uuid, record) else self._sessions.get(uuid)
        if session is None or session.params is not None:
            return
        session.params = record.fields
        process = self._process(record)
        results.append(_session_event(session.uuid, process.about, record.fields))
        rate = _kbps(process.about.get("target_rate"))
        if rate is not None:
            results.append(NotificationEvent(session_id=uuid, rate=rate))
        process.about = {}

    def _read_path_mtu(self, record: LogRecord, results: list[Event]) -> None:
        session = self._process(record).session
        mtu = _number(record.fields.get("path_mtu"))
        if session and session.stop is None and mtu not in (None, session.mtu):
            session.mtu = mtu
            results.append(NotificationEvent(session_id=session.uuid, pmtu=mtu))

    def _read_progress(self, record: LogRecord, results: list[Event]) -> None:
        session = self._process(record).session
        if session is None or session.stop is not None:
            return
        sent, written = _number(record.fields.get("prog_t")), _number(record.fields.get("prog_f"))
        elapsed = _elapsed(session, record)
        results.append(
            StatsEvent(session_id=session.uuid, transfer_bytes=sent, file_bytes=written, elapsed_usec=elapsed)
        )

    def _read_session_stop(self, record: LogRecord, results: list[Event]) -> None:
        uuid = record.fields.get("uuid")
        if not uuid or self._of_another(uuid, record):
            return
        session = self._sessions.get(uuid) or self._open(uuid, record)
        session.stop, session.stopped = record.fields, record.time
        self._process(record).session = session
        self._stopped[uuid] = session

    def _read_session_statistics(self, record: LogRecord, results: list[Event]) -> None:
        session = self._stopped.get(record.fields.get("uuid", ""))
        if session and session.owner == (record.host, record.process):
            session.statistics = record.fields
            if session.stop and session.stop.get("peerver", "") is None:  # it never met its peer: no block will come
                self._end(session, results)

    def _read_file_statistics(self, record: LogRecord, results: list[Event]) -> None:
        session = self._process(record).session
        if session and session.stop is not None and session.uuid in self._stopped:
            session.block = record.fields
            self._end(session, results)

    _READ: ClassVar[Mapping[str, Callable[[LogEvents, LogRecord, list[Event]], None]]] = {
        "version": _read_version,
        "auth": _read_auth,
        "rates": _read_auth,
        "side_error": _read_side_error,
        "session_start": _read_session_start,
        "session_params": _read_session_params,
        "path_mtu": _read_path_mtu,
        "datagram": _read_path_mtu,
        "progress": _read_progress,
        "session_stop": _read_session_stop,
        "session_statistics": _read_session_statistics,
        "file_statistics": _read_file_statistics,
    }

    # -- a file

    def _read_transfer(self, record: LogRecord, results: list[Event]) -> None:
        fields = record.fields
        uuid = fields.get("uuid")
        if not uuid:
            return
        session = self._sessions.get(uuid)
        if session is None:
            session = self._open(uuid, record)
        elif session.owner != (record.host, record.process):
            return
        size, start = _number(fields.get("size")), _number(fields.get("start_byte"))
        file = fields.get("file") or ""
        about: dict[str, Any] = {
            "session_id": uuid,
            "file": file,
            "size": size,
            "start_byte": start,
            "elapsed_usec": _elapsed(session, record),
        }
        status = fields.get("status")
        if record.kind == "transfer_start":
            # What is there of a resumed file counts as written; of a part, other sessions write the rest.
            results.append(StatsEvent(written=None if session.has_parts else start, **about))
            if len(session.files) < MAX_FILES:
                session.files[file] = None
            return
        session.files.pop(file, None)
        if status == "success":
            results.append(StopEvent(written=None if session.has_parts else size, **about))
        elif status == "skipped":
            results.append(SkipEvent(**about))
        else:
            code, words = _error(fields, {})
            results.append(FileErrorEvent(code=code, description=words, **about))
            session.failed += 1

    # -- which session

    def _process(self, record: LogRecord) -> _Process:
        owner = (record.host, record.process)
        process = self._processes.get(owner)
        if process is None:
            if len(self._processes) >= MAX_SESSIONS:
                del self._processes[next(iter(self._processes))]
            process = self._processes[owner] = _Process()
        return process

    def _of_another(self, uuid: str, record: LogRecord) -> bool:
        """Is it a session that another process tells of, as where both sides write to one log? The first one counts."""
        session = self._sessions.get(uuid)
        return session is not None and session.owner != (record.host, record.process)

    def _open(self, uuid: str, record: LogRecord) -> _Session:
        if len(self._sessions) >= MAX_SESSIONS:
            oldest = self._sessions.pop(next(iter(self._sessions)))
            self._stopped.pop(oldest.uuid, None)
        session = self._sessions[uuid] = _Session(uuid, (record.host, record.process), None)
        return session

    def _end_or_forget(self, session: _Session, results: list[Event]) -> None:
        if session.uuid in self._stopped:
            self._end(session, results)
        else:
            self._sessions.pop(session.uuid, None)

    def _end_waiting(self, record: LogRecord, results: list[Event]) -> None:
        """End what has stopped so long ago that nothing more will come of it."""
        now = record.time
        if now is None:
            return
        for session in list(self._stopped.values()):
            if session.stopped and (now - session.stopped).total_seconds() <= WAIT_SECONDS:
                break  # the ones behind have stopped later
            self._end(session, results)

    def _end(self, session: _Session, results: list[Event]) -> None:
        """Give the end of a session, and forget it."""
        self._stopped.pop(session.uuid, None)
        self._sessions.pop(session.uuid, None)
        process = self._processes.get(session.owner)
        error: dict[str, Any] = {}
        if process and process.session is session:
            error = process.error
            del self._processes[session.owner]
        stop, statistics = session.stop or {}, session.statistics
        elapsed = None
        if session.start and session.stopped:
            elapsed = max(0, round((session.stopped - session.start).total_seconds() * 1e6))
        about: dict[str, Any] = {name: _number(session.block.get(name)) for name in _COUNTS}
        about |= {
            "session_id": session.uuid,
            "transfer_bytes": _number(statistics.get("tx_bytes")),
            "file_bytes": _number(statistics.get("file_bytes")),
            "delay": _number(statistics.get("delay")),
            "elapsed_usec": max(elapsed or 0, _number(statistics.get("tx_time")) or 0) if statistics else elapsed,
        }
        if stop.get("status") == "success":
            results.append(DoneEvent(**about))
            return
        code, words = _error(stop, error)
        if (about["transfers_failed"] or 0) >= session.failed + len(session.files):
            for file in session.files:
                results.append(FileErrorEvent(session_id=session.uuid, file=file, code=code, description=words))
        results.append(ErrorEvent(code=code, description=words, **about))


class LogParser:
    """Makes the events of a log of its bytes: a LogReader, and LogEvents behind it.

    Example:
        >>> LogParser().feed(b"LOG FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in\\n")
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self) -> None:
        self._reader = LogReader()
        self._events = LogEvents()

    def feed(self, data: bytes) -> list[Event]:
        """Read the next bytes, cut anywhere; without any, nothing comes for a while.

        Returns:
            The events that are complete now.
        """
        results: list[Event] = []
        for record in self._reader.feed(data) if data else self._reader.flush():
            results += self._events.feed(record)
        return results if data else results + self._events.flush()

    def close(self) -> list[Event]:
        """No more comes.

        Returns:
            The events that this completes.
        """
        results: list[Event] = []
        for record in self._reader.close():
            results += self._events.feed(record)
        return results + self._events.close()


def events(records: Iterable[LogRecord]) -> Iterator[Event]:
    """Give the management events that a log amounts to.

    Args:
        records: of ``faspmgr.logs.read``.

    Yields:
        The events, each with the record that completes it. A ``faspmgr.Tracker`` makes the same of them as of a stream.

    Example:
        >>> log = [LogRecord("FASP Session Stop uuid=7d5a op=send status=success source=film.mov dest=/in")]
        >>> list(events(log))
        [DoneEvent(session_id='7d5a')]
    """
    log = LogEvents()
    for record in records:
        yield from log.feed(record)
    yield from log.close()


# -- values


def _number(value: Any) -> int | None:
    """A number as the stream has it: any other is none."""
    return value if isinstance(value, int) and 0 <= value <= MAX_INTEGER else None


def _elapsed(session: _Session, record: LogRecord) -> int | None:
    """Microseconds since the session began; None where the log has no times."""
    if session.start is None or record.time is None:
        return None
    return max(0, round((record.time - session.start).total_seconds() * 1e6))


def _error(fields: dict[str, Any], error: dict[str, Any]) -> tuple[int, str]:
    """The code and the words of a failure, as the stream has them.

    Args:
        fields: of the line with the status.
        error: of the line in which the side says why, with words of its own for the same code.
    """
    code, words = fields.get("errcode"), fields.get("errstr") or ""
    if error and error.get("errcode") == code:
        words = error.get("errstr") or words
    known = management_code_of(code) if isinstance(code, int) else None
    if known is None:
        return 0, f"{words} (errcode {code})" if code is not None else words
    return known, words


def _session_event(uuid: str, start: dict[str, Any], params: dict[str, Any]) -> SessionEvent:
    """SESSION, of the fields of AUTH and Session Start, and of those of Session Params."""
    values: dict[str, Any] = {name: params.get(log) for log, name in _PARAMETERS.items()}
    policy = POLICIES.get(params.get("rate_policy") or "", (None, None))
    address, port = _split_address(start.get("peer"))
    cipher = params.get("cipher")
    values |= {
        "session_id": uuid,
        "direction": DIRECTIONS.get(start.get("op", "")),
        "operation": "Transfer",
        "host": start.get("remote_host") or address,
        "remote_address": address,
        "port": port,
        "tcp_port": start.get("tcp_port"),
        "local_ip": _split_address(start.get("local"))[0],
        "remote": {"CLIENT": False, "SERVER": True}.get(start.get("role", "")),
        "source": start.get("source") or None,
        "destination": start.get("dest") or None,
        "source_prefix": start.get("source_prefix"),
        "rate": _kbps(params.get("targetrate")),
        "min_rate": _kbps(params.get("minrate")),
        "adaptive": policy[0],
        "priority": policy[1],
        "encryption": None if cipher is None else cipher != "none",
    }
    return SessionEvent(**{name: value for name, value in values.items() if _fits(name, value)})


def _fits(name: str, value: Any) -> bool:
    """Is it a value of this field of SESSION? One that the log has in another way is left out."""
    kind = BY_NAME[name].kind
    if kind in ("integer", "rate"):
        return _number(value) is not None
    return isinstance(value, {"boolean": bool, "paths": tuple}.get(kind, str))


def _kbps(bits_per_second: Any) -> int | None:
    number = _number(bits_per_second)
    return None if number is None else number // 1000


def _split_address(text: str | None) -> tuple[str | None, int | None]:
    """Split ``address:port``, an IPv6 address without brackets; None for what was not known yet."""
    match = _ADDRESS.fullmatch(text or "")
    if not match or match[1] in ("0.0.0.0", "::"):
        return None, None
    return match[1], int(match[2])


_ADDRESS = re.compile(r"\[?([0-9A-Za-z.:%_-]+?)\]?:([0-9]{1,5})")
