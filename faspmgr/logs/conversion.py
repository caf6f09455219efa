"""The management events that a log amounts to: records in, events out.

::

    Session Start                INIT
    Session Params               SESSION: what Start, Params and AUTH say together; NOTIFICATION of another rate
    Measured pMTU, datagram      NOTIFICATION
    Transfer Start               STATS, from where the file starts
    Transfer Stop                STOP; FILEERROR where it failed
    bl, every 20 seconds         STATS of the session, without a file
    when the session is over     DONE or ERROR, with the counters of Stop, Statistics and the block; before it FILEERROR
                                 for each file without a stop, where the block counts those as failed (seen, 3.9.6)

What holds
    An event says nothing that the log does not. Elapsedusec is the time since Session Start, of the lines themselves.
    Codes are those of the stream; one whose pair is not known is 0, and stands in Description.
    Which session a line belongs to, and when one is over, ``logs.folding`` says: so an event and a session cannot
    tell another story. A lost session gives no end, and is lost with the stream.
    Where two processes tell of one session, as where both sides write to the same log, the first one counts.
What it costs
    A file's line little more than its fields, and what the fold takes. Memory is that of the fold.
"""

from __future__ import annotations

from collections import OrderedDict
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
# What the block counts and DONE has as well: it goes by the same name.


@attrs.define
class _Told:
    """What was told of a session.

    Attributes:
        owner: the process whose lines count.
        session: SESSION was given.
        rate: target rate, kilobits per second; as given last.
        path_mtu: bytes; as given last.
    """

    owner: Key
    session: bool = False
    rate: int | str | None = None
    path_mtu: int | None = None


class LogEvents:
    """Makes the events of a log.

    Example:
        >>> log = LogEvents()
        >>> log.feed(LogRecord("FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in"))
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self) -> None:
        self._fold = Sessions(keep_files=0)
        # By uuid, also of sessions that are over: another process may still tell of them. The oldest goes first.
        self._told: OrderedDict[str, _Told] = OrderedDict()

    def feed(self, record: LogRecord) -> list[Event]:
        """Read the next record.

        Args:
            record: of any kind.

        Returns:
            The events that it completes.
        """
        results = self._end(self._fold.feed(record))
        kind = record.kind
        if kind not in _TELLING:
            return results
        session = self._fold.find(record)
        if session is None or session.id is None:
            return results
        told = self._told.get(session.id)
        if told is None:
            if len(self._told) >= MAX_OPEN:
                self._told.popitem(last=False)
            told = self._told[session.id] = _Told((record.host, record.process))
        elif told.owner != (record.host, record.process):
            return results

        if kind == "transfer_stop" or kind == "transfer_start":
            results.append(_file_event(session, record))
        elif kind == "session_start":
            told.session = False
            results.append(InitEvent(session_id=session.id, direction=session.direction, operation="Transfer"))
            # A session that fails at once has no other line with its ends, and 3.3 has its parameters here.
            if record.fields.get("status") == "failed" or "targetrate" in record.fields:
                results.append(self._negotiate(session, told))
        elif kind == "session_params":
            if not told.session:
                results.append(self._negotiate(session, told))
            results += _rate_event(session, told, session.target_rate_kbps)
        elif kind == "progress":
            results.append(
                StatsEvent(
                    session_id=session.id,
                    transfer_bytes=_number(record.fields.get("prog_t")),
                    file_bytes=_number(record.fields.get("prog_f")),
                    elapsed_usec=_elapsed(session, record),
                )
            )
            results += _rate_event(session, told, kbps(record.fields.get("rate_t")))
        elif session.path_mtu not in (None, told.path_mtu):
            told.path_mtu = session.path_mtu
            results.append(NotificationEvent(session_id=session.id, pmtu=_number(session.path_mtu)))
        return results

    def _negotiate(self, session: LogSession, told: _Told) -> SessionEvent:
        event = _session_event(session)
        told.session, told.rate = True, event.rate
        return event

    def idle(self) -> list[Event]:
        """End the sessions that have stopped, as nothing comes for a while.

        Returns:
            Their DONE and ERROR.
        """
        return self._end(self._fold.idle())

    def close(self) -> list[Event]:
        """No more comes.

        Returns:
            As idle(); sessions without a stop have no end.
        """
        return self._end(self._fold.close())

    def _end(self, over: list[LogSession]) -> list[Event]:
        """Give the ends of sessions."""
        results: list[Event] = []
        for session in over:
            told = self._told.get(session.id or "")
            if told and told.owner != (session.machine, session.process):
                continue
            if session.status == "lost":  # it has no end, but perhaps counters that no event had yet
                counters: dict[str, Any] = {
                    "transfer_bytes": session.bytes_transferred,
                    "file_bytes": session.bytes_written,
                }
                if told and session.statistics:
                    results.append(StatsEvent(session_id=session.id, elapsed_usec=_duration(session), **counters))
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


_TELLING = frozenset(
    {"transfer_start", "transfer_stop", "session_start", "session_params", "progress", "path_mtu", "datagram"}
)
"""The kinds of records that an event comes with, beside those that show that a session is over."""


class LogParser:
    """Makes the events of a log of its bytes: a LogReader, and LogEvents behind it.

    Example:
        >>> LogParser().feed(b"LOG FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in\\n")
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
    """

    def __init__(self) -> None:
        self._reader = LogReader()
        self._events = LogEvents()
        self.now: datetime | None = None
        """Time of the latest record that gave an event; None if it has none."""

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
        return self._convert(self._reader.idle()) + self._events.idle()

    def close(self) -> list[Event]:
        """Read to the end of the log.

        Returns:
            The events that this completes.
        """
        return self._convert(self._reader.close()) + self._events.close()

    def _convert(self, records: list[LogRecord]) -> list[Event]:
        results: list[Event] = []
        for record in records:
            if events := self._events.feed(record):
                self.now = record.time
                results += events
        return results


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


# ---------------------------------------------------------------------------------------------------------------------
# From lines to events


def _file_event(session: LogSession, record: LogRecord) -> Event:
    """STATS, STOP, SKIP or FILEERROR of a line about a file."""
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


def _rate_event(session: LogSession, told: _Told, rate_kbps: float | None) -> list[Event]:
    """NOTIFICATION where the target rate is another one than before: it was agreed on, or changed."""
    rate = _number(rate_kbps)
    if rate is None or rate == told.rate:
        return []
    told.rate = rate
    return [NotificationEvent(session_id=session.id, rate=rate)]


def _error(code: Any, words: str | None, known: int | None) -> tuple[int, str]:
    """The code and the words of a failure, as the stream has them."""
    if known is None:
        return 0, f"{words or ''} (errcode {code})" if code is not None else words or ""
    return known, words or ""


def _number(value: Any) -> int | None:
    """A whole number as the stream has it: any other is none."""
    return int(value) if isinstance(value, (int, float)) and 0 <= value <= MAX_INTEGER else None


def _elapsed(session: LogSession, record: LogRecord) -> int | None:
    """Microseconds since the session began; None where the log has no times."""
    if session.start is None or record.time is None:
        return None
    return max(0, round((record.time - session.start).total_seconds() * 1e6))


def _duration(session: LogSession) -> int | None:
    """Microseconds that a session took: those of its lines, or of its transfer where they are more."""
    lines = None if session.seconds is None else max(0, round(session.seconds * 1e6))
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
"""Fields of Session Params, and those of SESSION that say the same."""


def _session_event(session: LogSession) -> SessionEvent:
    """SESSION, of what is known when the parameters are."""
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
    """Is it a value of this field of SESSION? One that the log has in another way is left out."""
    kind = BY_NAME[name].kind
    if kind in ("integer", "rate"):
        return isinstance(value, int) and _number(value) is not None
    return isinstance(value, {"boolean": bool, "paths": tuple}.get(kind, str))
