"""Records in, management events out: the events that a log amounts to.

::

    Session Start                INIT
    Session Params               SESSION, of Start, Params and AUTH together; NOTIFICATION of another rate
    Measured pMTU, datagram      NOTIFICATION
    Transfer Start               STATS, with the byte where the file starts
    Transfer Stop                STOP; FILEERROR if it failed
    bl, every 20 seconds         STATS of the session, without a file
    end of the session           DONE or ERROR, with the counters of Stop, Statistics and the block; before it FILEERROR
                                 for each file without a stop that the block counts as failed (fixtures/ascp-log/)
    end of a lost session        STATS with the counters of its Statistics, if the log has them

Which session a line belongs to and when a session is complete is decided by the fold, for sessions and events alike. A
lost session has neither DONE nor ERROR. Elapsedusec is the time since Session Start, by the times of the lines. Codes
are those of the stream; one without a known pair is 0, and named in Description. If two processes log the same session,
as both sides may write to one log, the first one counts. Memory is that of the fold.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import attrs

from faspmgr.logs.codes import management_code_of
from faspmgr.logs.fields import OF_KIND
from faspmgr.logs.folding import MAX_OPEN, Sessions
from faspmgr.logs.opened import Key, kbps
from faspmgr.logs.reader import LogReader
from faspmgr.logs.records import LogRecord
from faspmgr.logs.session import LogSession
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
from faspmgr.protocol.fields import BY_NAME, MAX_INTEGER, POLICIES, address_and_port

_COUNTS = OF_KIND["file_statistics"].keys() & {attribute.name for attribute in attrs.fields(DoneEvent)}
# Counts that the block and DONE have by the same name.


@attrs.define
class _Emitted:
    """The latest values of a session that events had."""

    owner: Key
    """The process whose lines count."""
    session: bool = False
    """Whether SESSION was emitted."""
    rate: int | str | None = None
    """Target rate, kilobits per second."""
    path_mtu: int | None = None
    """Bytes."""


class LogEvents:
    """Converts the records of a log to events.

    Example:
        >>> log = LogEvents()
        >>> log.feed(LogRecord("FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in"))
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self) -> None:
        self._fold = Sessions(keep_files=0)
        # By uuid, also of complete sessions, which another process may log as well. The oldest goes first.
        self._emitted: OrderedDict[str, _Emitted] = OrderedDict()

    def feed(self, record: LogRecord) -> list[Event]:
        """Read the next record.

        Args:
            record: of any kind.

        Returns:
            The events that it completes.
        """
        results = self._end(self._fold.feed(record))
        kind = record.kind
        if kind not in _CONVERTED:
            return results
        session = self._fold.find(record)
        if session is None or session.id is None:
            return results
        emitted = self._emitted.get(session.id)
        if emitted is None:
            if len(self._emitted) >= MAX_OPEN:
                self._emitted.popitem(last=False)
            emitted = self._emitted[session.id] = _Emitted((record.host, record.process))
        elif emitted.owner != (record.host, record.process):
            return results

        if kind == "transfer_stop" or kind == "transfer_start":
            results.append(_file_event(session, record))
        elif kind == "session_start":
            emitted.session = False
            results.append(InitEvent(session_id=session.id, direction=session.direction, operation="Transfer"))
            # A session that fails at once has no other line with its ends, and 3.3 has its parameters here.
            if record.fields.get("status") == "failed" or "targetrate" in record.fields:
                results.append(self._negotiate(session, emitted))
        elif kind == "session_params":
            if not emitted.session:
                results.append(self._negotiate(session, emitted))
            results += _rate_event(session, emitted, session.target_rate_kbps)
        elif kind == "progress":
            results.append(
                StatsEvent(
                    session_id=session.id,
                    transfer_bytes=_number(record.fields.get("prog_t")),
                    file_bytes=_number(record.fields.get("prog_f")),
                    elapsed_usec=_elapsed(session, record),
                )
            )
            results += _rate_event(session, emitted, kbps(record.fields.get("rate_t")))
        elif session.path_mtu not in (None, emitted.path_mtu):
            emitted.path_mtu = session.path_mtu
            results.append(NotificationEvent(session_id=session.id, pmtu=_number(session.path_mtu)))
        return results

    def _negotiate(self, session: LogSession, emitted: _Emitted) -> SessionEvent:
        event = _session_event(session)
        emitted.session, emitted.rate = bool(session.parameters), event.rate
        return event

    def idle(self) -> list[Event]:
        """End the sessions that have stopped, as nothing comes for a while.

        Returns:
            Their DONE and ERROR.
        """
        return self._end(self._fold.idle())

    def close(self) -> list[Event]:
        """End all sessions: the log has ended.

        Returns:
            Their DONE and ERROR, as idle(); lost sessions have neither.
        """
        return self._end(self._fold.close())

    def _end(self, over: list[LogSession]) -> list[Event]:
        """Return the events of the ends of sessions."""
        results: list[Event] = []
        for session in over:
            emitted = self._emitted.get(session.id or "")
            if emitted and emitted.owner != (session.machine, session.process):
                continue
            if session.status == "lost":  # it has no end, but perhaps counters that no event had yet
                if emitted and session.statistics:
                    results.append(
                        StatsEvent(
                            session_id=session.id,
                            transfer_bytes=_number(session.bytes_transferred),
                            file_bytes=_number(session.bytes_written),
                            elapsed_usec=_duration(session),
                        )
                    )
                continue
            block = session.file_statistics
            about: dict[str, Any] = {name: _number(block.get(name)) for name in _COUNTS}
            about |= {
                "session_id": session.id,
                "transfer_bytes": _number(session.statistics.get("tx_bytes")),
                "file_bytes": _number(session.statistics.get("file_bytes")),
                "delay": _number(session.rtt_ms),
                "elapsed_usec": _duration(session),
            }
            if session.status == "done":
                results.append(DoneEvent(**about))
                continue
            code, words = _error(session.code, session.detail or session.reason, session.management_code)
            for file in session.files:
                if file.status == "failed":
                    results.append(FileErrorEvent(session_id=session.id, file=file.name, code=code, description=words))
            results.append(ErrorEvent(code=code, description=words, **about))
        return results


_CONVERTED = frozenset(
    {"transfer_start", "transfer_stop", "session_start", "session_params", "progress", "path_mtu", "datagram"}
)
"""Kinds of records that are converted by themselves; others only show that a session is complete."""


_END_EVENTS = (DoneEvent, ErrorEvent, FileErrorEvent)


class LogParser:
    """Converts the bytes of a log to events: LogReader and LogEvents in one.

    Args:
        times: gets the time of each event that is returned, in their order: that of its record. None for the end of a
            session or a failed file, which a later record may show, and for a record without a time.

    Example:
        >>> LogParser().feed(b"LOG FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in\\n")
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self, times: deque[datetime | None] | None = None) -> None:
        self._reader = LogReader()
        self._events = LogEvents()
        self._times = times

    def feed(self, data: bytes) -> list[Event]:
        """Read the next bytes.

        Args:
            data: cut anywhere.

        Returns:
            The events that are complete now.
        """
        return self._convert(self._reader.feed(data))

    def idle(self) -> list[Event]:
        """End the sessions that have stopped, as nothing comes for a while.

        Returns:
            Their DONE and ERROR, and the events of the record that was open.
        """
        return self._convert(self._reader.idle()) + self._note(self._events.idle())

    def close(self) -> list[Event]:
        """Read to the end of the log.

        Returns:
            The events that this completes.
        """
        return self._convert(self._reader.close()) + self._note(self._events.close())

    def _convert(self, records: list[LogRecord]) -> list[Event]:
        results: list[Event] = []
        for record in records:
            results += self._note(self._events.feed(record), record)
        return results

    def _note(self, events: list[Event], record: LogRecord | None = None) -> list[Event]:
        if self._times is not None:
            now = record.time if record else None
            self._times += [None if isinstance(event, _END_EVENTS) else now for event in events]
        return events


def events(records: Iterable[LogRecord]) -> Iterator[Event]:
    """Convert the records of a log to management events.

    Args:
        records: of ``faspmgr.logs.read``.

    Yields:
        The events, each with the record that completes it. They can be applied to a ``faspmgr.Tracker``.

    Example:
        >>> log = [LogRecord("FASP Session Stop uuid=7d5a op=send status=success source=film.mov dest=/in")]
        >>> list(events(log))
        [DoneEvent(session_id='7d5a')]
    """
    log = LogEvents()
    for record in records:
        yield from log.feed(record)
    yield from log.close()


# ---------------------------------------------------------------------------------------------------------------------
# From lines to events


def _file_event(session: LogSession, record: LogRecord) -> Event:
    """Convert a line about a file to STATS, STOP, SKIP or FILEERROR."""
    fields = record.fields
    start = _number(fields.get("start_byte"))
    size = _number(fields.get("size"))
    about: dict[str, Any] = {
        "session_id": session.id,
        "file": fields.get("file") or "",
        "size": size,
        "start_byte": start,
        "elapsed_usec": _elapsed(session, record),
    }
    # What is there of a resumed file counts as written; of a part, other sessions write the rest.
    has_parts = (_number(session.parameters.get("cluster_num_nodes")) or 1) > 1
    if record.kind == "transfer_start":
        return StatsEvent(written=None if has_parts else start, **about)
    status = fields.get("status")
    if status == "success":
        return StopEvent(written=None if has_parts else size, **about)
    if status == "skipped":
        return SkipEvent(**about)
    code, words = fields.get("errcode"), fields.get("errstr")
    code, words = _error(code, words, management_code_of(code, words) if isinstance(code, int) else None)
    return FileErrorEvent(code=code, description=words, **about)


def _rate_event(session: LogSession, emitted: _Emitted, rate_kbps: float | None) -> list[Event]:
    """Return NOTIFICATION if the target rate is another one than before: it was negotiated, or changed."""
    rate = _number(rate_kbps)
    if rate is None or rate == emitted.rate:
        return []
    emitted.rate = rate
    return [NotificationEvent(session_id=session.id, rate=rate)]


def _error(code: Any, words: str | None, known: int | None) -> tuple[int, str]:
    """Return the code and the text of a failure, as the stream has them."""
    if known is None:
        return 0, f"{words or ''} (errcode {code})" if code is not None else words or ""
    return known, words or ""


def _number(value: Any) -> int | None:
    """Return a whole number that the stream can have; None for any other value."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value <= MAX_INTEGER else None


def _elapsed(session: LogSession, record: LogRecord) -> int | None:
    """Return microseconds since the session began; None if the log has no times."""
    if session.start is None or record.time is None:
        return None
    return max(0, round((record.time - session.start).total_seconds() * 1e6))


def _duration(session: LogSession) -> int | None:
    """Return microseconds that a session took: those of its lines, or of its transfer if they are more."""
    lines = None if session.seconds is None else _number(max(0, round(session.seconds * 1e6)))
    transfer = _number(session.statistics.get("tx_time"))
    return max((usec for usec in (lines, transfer) if usec is not None), default=None)


_PARAMETERS = {
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
"""Fields of SESSION, by the fields of Session Params that mean the same."""


def _session_event(session: LogSession) -> SessionEvent:
    """Return SESSION, of what is known with the parameters."""
    parameters = session.parameters
    adaptive, priority = POLICIES.get(session.policy or "", (None, None))
    address, port = address_and_port(session.peer)
    values: dict[str, Any] = {name: parameters.get(log) for log, name in _PARAMETERS.items()}
    values |= {
        "session_id": session.id,
        "direction": session.direction,
        "operation": "Transfer",
        "remote": {"CLIENT": False, "SERVER": True}.get(session.role or ""),
        "user": session.user,
        "host": session.host or address,
        "remote_address": address,
        "port": port,
        "local_ip": address_and_port(session.local)[0],
        "source": session.source or None,
        "destination": session.destination or None,
        "source_prefix": session.source_prefix,
        "cookie": session.cookie,
        "rate": _number(kbps(parameters.get("targetrate"))),
        "min_rate": _number(kbps(parameters.get("minrate"))),
        "adaptive": adaptive,
        "priority": priority,
        "cipher": session.cipher,
        "encryption": None if session.cipher is None else session.cipher != "none",
        "tcp_port": session.tcp_port,
    }
    return SessionEvent(**{name: value for name, value in values.items() if _fits(name, value)})


def _fits(name: str, value: Any) -> bool:
    """Return whether it is a valid value of this field of SESSION."""
    kind = BY_NAME[name].kind
    if kind in ("integer", "rate"):
        return isinstance(value, int) and _number(value) is not None
    return isinstance(value, {"boolean": bool, "paths": tuple}.get(kind, str))
