"""Events in, state out: sessions, their files, and the transfers that sessions belong to. No I/O, no clock.

The life of a session, as its messages tell it::

    INIT          SESSION          STATS STOP SKIP FILEERROR ARGSTOP      DONE
    ──▶ connecting ──▶ negotiated ──▶ transferring ──────────────────────▶ done
            │               │               │   ▲                 ERROR
            └───────────────┴───────────────┤   └── HTTP fallback ──┐
                                            ├──────────────────────▶ failed
                                            └──────────────────────▶ lost      close(), or an attempt that replaces it

A session can report its end more than once: the last report counts, and one that says the same changes nothing. A
failed session whose files move again (HTTP fallback) is transferring again. What has ended well is not reopened by a
straggler.

What the numbers mean
    ``written`` of a file counts its bytes at the destination, those from before a resume included; TransferBytes and
    FileBytes of a session count what this session did. Every counter is the highest one seen, so that one which goes
    backwards (a peer that starts again, two threads out of step) never makes progress jump back.
    Progress is what is at the destination as part of the job size where that was calculated beforehand, else as part of
    the files seen so far. It is always from 0 to 1; rates are never negative or infinite, 0 where no time has passed.

What it costs
    Constant time for an event. Memory grows with the files under way, not with the files that are through, unless
    keep_files says so; files under way, failures and sessions that are kept have limits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any, Literal

import attrs

from faspmgr.protocol.codes import explain
from faspmgr.protocol.events import (
    ArgStopEvent,
    DoneEvent,
    EndEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    FileEvent,
    InitEvent,
    NotificationEvent,
    OtherEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)

MAX_FILES_UNDER_WAY = 10_000
"""Per session, unless keep_files is "all". ascp works on a few at a time; a stream with more loses the oldest."""
MAX_FAILURES = 1_000
"""Failed files that a session remembers; files_failed counts all of them."""
MAX_SESSIONS = 10_000
"""Sessions that a tracker remembers; the oldest goes first, or among the oldest hundred the first that has ended."""
MAX_PARTS = 100
"""Latest sessions of a transfer among which one that was begun anew is looked for."""
RATE_WINDOW_USEC = 5_000_000
RATE_STEP_USEC = 250_000

SessionState = Literal["connecting", "negotiated", "transferring", "done", "failed", "lost"]
FileStatus = Literal["transferring", "done", "skipped", "failed"]
ENDED = frozenset({"done", "failed", "lost"})


@attrs.frozen
class Failure:
    """Why a session or a file failed: ascp's code and its own words, with what the table of codes says to it."""

    code: int
    description: str = ""

    @property
    def name(self) -> str:
        return explain(self.code).name

    @property
    def retryable(self) -> bool:
        return explain(self.code).retryable

    @property
    def meaning(self) -> str:
        return explain(self.code).meaning

    @property
    def advice(self) -> str:
        return explain(self.code).advice

    def to_dict(self) -> dict[str, Any]:
        names = ("code", "name", "description", "retryable", "meaning", "advice")
        return {name: getattr(self, name) for name in names}

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {self.description or self.meaning}"


@attrs.define
class FileState:
    """One file of a session. All numbers are bytes, elapsed_usec microseconds of the session; None: not said.

    name: as the stream reports it. state: transferring, done, skipped or failed. written: at the destination.
    start_byte, end_byte: first and last byte of what is to move; start_byte is also where a resumed file goes on.
    started_usec, elapsed_usec: the session's clock at the first and at the latest message about the file.
    """

    name: str
    state: FileStatus = "transferring"
    size: int | None = None
    written: int = 0
    start_byte: int | None = None
    end_byte: int | None = None
    started_usec: int | None = None
    elapsed_usec: int | None = None
    error: Failure | None = None
    checksum: str | None = None
    checksum_type: str | None = None
    arg_index: int | None = None
    fasp_file_id: str | None = None

    @property
    def is_range(self) -> bool:
        """Is only a part of the file to move? A range that goes on to the end of the file counts as a resume."""
        return self.end_byte is not None and self.size is not None and self.end_byte + 1 < self.size

    @property
    def bytes_total(self) -> int | None:
        """Bytes that are at the destination when the file is through: those of the range, else the size."""
        if self.is_range and self.end_byte is not None:
            return max(0, self.end_byte + 1 - (self.start_byte or 0))
        return self.size

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination, never more than bytes_total."""
        total = self.bytes_total
        if self.state == "done" and total is not None:
            return total
        done = self.written if self.is_range else max(self.written, self.start_byte or 0)
        return done if total is None else min(done, total)

    @property
    def bytes_before(self) -> int:
        """Bytes that were at the destination before: of a resumed file up to start_byte, of a skipped one all."""
        if self.state == "skipped":
            return self.bytes_done
        return 0 if self.is_range else min(self.start_byte or 0, self.bytes_done)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        if self.state in ("done", "skipped"):
            return 1.0
        return _fraction(self.bytes_done, self.bytes_total)

    def to_dict(self) -> dict[str, Any]:
        shown = {name: value for name, value in attrs.asdict(self, recurse=False).items() if value is not None}
        if self.error:
            shown["error"] = self.error.to_dict()
        shown["progress"] = round(self.progress, 4)
        return shown


@attrs.define(eq=False)
class Session:
    """One run of ascp, as far as its messages tell.

    id: SessionId. state: see the module. error: why it failed, while it is failed. files: by name, as many as
    keep_files says. history: all files in the order in which they started, also those whose name came again; only with
    keep_files="all". init, negotiated, end: the latest INIT, SESSION, and DONE or ERROR.

    Kilobits per second: target_rate_kbps, min_rate_kbps (text for a percentage), rate_kbps, average_rate_kbps,
    bandwidth_kbps. Bytes: bytes_transferred (over the network), bytes_written, bytes_lost, of this session;
    bytes_done, at the destination, bytes from before a resume included; expected_bytes, the job size where it was
    calculated beforehand. Microseconds: elapsed_usec; transferred_usec and written_usec, when bytes_transferred and
    bytes_written last grew, None if never. Milliseconds: rtt_ms. Counts: files_done (without those skipped),
    files_skipped, files_failed, files_forgotten, expected_files, event_count.
    """

    id: str
    state: SessionState = "connecting"
    error: Failure | None = None
    files: dict[str, FileState] = attrs.field(factory=dict)
    history: list[FileState] = attrs.field(factory=list)
    failures: list[FileState] = attrs.field(factory=list)

    init: InitEvent | None = None
    negotiated: SessionEvent | None = None
    end: EndEvent | None = None

    target_rate_kbps: int | str | None = None
    min_rate_kbps: int | str | None = None
    policy: str | None = None
    priority: int | None = None
    bandwidth_kbps: int | None = None
    path_mtu: int | None = None

    bytes_transferred: int = 0
    bytes_written: int = 0
    bytes_lost: int = 0
    rtt_ms: int | None = None
    elapsed_usec: int = 0
    transferred_usec: int | None = None
    written_usec: int | None = None

    files_done: int = 0
    files_skipped: int = 0
    files_failed: int = 0
    files_forgotten: int = 0
    event_count: int = 0

    _job_bytes: int | None = None
    _job_files: int | None = None
    # Sums over the files that are through, and over those under way; kept up to date, never computed anew.
    _through_bytes: int = 0
    _through_total: int = 0
    _through_before: int = 0
    _under_way: dict[str, FileState] = attrs.field(factory=dict)
    _under_way_bytes: int = 0
    _under_way_total: int = 0
    _through_names: deque[str] = attrs.field(factory=deque)
    _samples: deque[tuple[int, int]] = attrs.field(factory=deque)
    _transfer_id: str | None = None
    # Places in the order of all events of the tracker: first event of the session, and its latest end.
    _began: int = 0
    _ended: int | None = None

    # -- what the session is

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def direction(self) -> str | None:
        """Send or Receive."""
        return (self.negotiated and self.negotiated.direction) or (self.init and self.init.direction) or None

    @property
    def user_str(self) -> str | None:
        return (self.negotiated and self.negotiated.user_str) or (self.init and self.init.user_str) or None

    @property
    def cookie(self) -> str | None:
        return (self.negotiated and self.negotiated.cookie) or (self.init and self.init.cookie) or None

    @property
    def xfer_id(self) -> str | None:
        return self.negotiated.xfer_id if self.negotiated else None

    @property
    def cluster_node(self) -> int | None:
        """Which session of a multi-session transfer this is, None for the only one."""
        event = self.negotiated
        return event.cluster_node_id if event and (event.cluster_num_nodes or 1) > 1 else None

    @property
    def files_active(self) -> int:
        """Files under way."""
        return len(self._under_way)

    @property
    def files_in_progress(self) -> list[FileState]:
        """The files under way, in the order in which they started."""
        return list(self._under_way.values())

    # -- how far it is

    @property
    def bytes_done(self) -> int:
        return self._through_bytes + self._under_way_bytes

    @property
    def bytes_arrived(self) -> int:
        """Of bytes_done, those that this session brought there."""
        before = self._through_before + sum(file.bytes_before for file in self._under_way.values())
        return max(0, self.bytes_done - before)

    @property
    def expected_bytes(self) -> int | None:
        """The job size; never less than what is done."""
        return None if self._job_bytes is None else max(self._job_bytes, self.bytes_done)

    @property
    def expected_files(self) -> int | None:
        done = self.files_done + self.files_skipped + self.files_failed + self.files_active
        return None if self._job_files is None else max(self._job_files, done)

    @property
    def estimated_bytes(self) -> int:
        """The best guess at the job size: expected_bytes, or the sizes of the files seen so far."""
        expected = self.expected_bytes
        return self._through_total + self._under_way_total if expected is None else expected

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return 1.0 if self.state == "done" else _fraction(self.bytes_done, self.estimated_bytes)

    @property
    def rate_kbps(self) -> float:
        """Kilobits per second over the network during the last five seconds of the session's own clock."""
        if not self._samples:
            return 0.0
        usec, transferred = self._samples[0]
        if len(self._samples) > 2 and self.elapsed_usec - usec > 2 * RATE_WINDOW_USEC:
            usec, transferred = self._samples[1]  # the first is from before a long pause, which is over
        return _kbps(self._moved - transferred, self.elapsed_usec - usec)

    @property
    def latest_rate_kbps(self) -> float:
        """Kilobits per second over the network right now: in the last 0.25 to 0.5 seconds of the session's own clock,
        or since the message before where they come less often."""
        if not self._samples:
            return 0.0
        usec, transferred = self._samples[-2 if len(self._samples) > 1 else 0]
        return _kbps(self._moved - transferred, self.elapsed_usec - usec)

    @property
    def average_rate_kbps(self) -> float:
        """Kilobits per second over the network since the session began."""
        return _kbps(self._moved, self.elapsed_usec)

    @property
    def eta_seconds(self) -> float | None:
        """Seconds that the rest will take at the present rate; None where that cannot be told."""
        if self.state == "done":
            return 0.0
        return (
            None if self.ended else _eta(self.estimated_bytes - self.bytes_done, self.rate_kbps, self.average_rate_kbps)
        )

    @property
    def _moved(self) -> int:
        return self.bytes_transferred or self.bytes_written

    def to_dict(self) -> dict[str, Any]:
        """The state as a JSON-ready dict; None where the stream did not say; without secrets."""
        negotiated = self.negotiated or SessionEvent()
        about = {
            "id": self.id,
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "direction": self.direction,
            "user": negotiated.user,
            "host": negotiated.host,
            "source": negotiated.source and list(negotiated.source),
            "destination": negotiated.destination,
            "user_str": self.user_str,
            "cookie": self.cookie,
            "xfer_id": self.xfer_id,
            "target_rate_kbps": self.target_rate_kbps,
            "min_rate_kbps": self.min_rate_kbps,
            "policy": self.policy,
        }
        return {**about, **_figures(self), "failures": [file.to_dict() for file in self.failures]}


@attrs.define(eq=False)
class Transfer:
    """The sessions that belong together: parts of a multi-session transfer, and attempts at the same one.

    id: XferId, else UserStr, else SessionId. sessions: all of them, in order of appearance. A session replaces an
    earlier one that failed or was lost, where both are the same part; what was replaced does not count any more, but
    for the attempts.
    """

    id: str
    sessions: list[Session] = attrs.field(factory=list)

    @property
    def current(self) -> list[Session]:
        """The sessions that count: those that no later attempt has replaced."""
        return [chain[0] for chain in self._chains()]

    def _chains(self) -> list[list[Session]]:
        """The sessions that count, each with those that it replaced, latest first."""
        chains: dict[int, list[Session]] = {}
        unfinished: dict[int | None, list[Session]] = {}  # by part: what a later session may replace
        for session in self.sessions:
            candidates = unfinished.setdefault(session.cluster_node, [])
            replaced = next((old for old in candidates if old._ended is not None and old._ended < session._began), None)
            chain = [session]
            if replaced:
                candidates.remove(replaced)
                chain += chains.pop(id(replaced))
            if session.state in ("failed", "lost"):
                candidates.append(session)
            chains[id(session)] = chain
        return list(chains.values())

    @property
    def attempts(self) -> int:
        """How many times it was begun: 1 plus the number of replaced sessions."""
        return 1 + len(self.sessions) - len(self.current)

    @property
    def state(self) -> SessionState:
        """That of the session which is least far; once all have ended failed, lost or done, in this order."""
        states = {session.state for session in self.current}
        order: tuple[SessionState, ...] = ("transferring", "negotiated", "connecting", "failed", "lost", "done")
        return next((state for state in order if state in states), "connecting")

    @property
    def ended(self) -> bool:
        return self.state in ENDED

    @property
    def error(self) -> Failure | None:
        """Of the first session that failed, if the transfer failed."""
        if self.state != "failed":
            return None
        return next((session.error for session in self.current if session.error), None)

    def _sum(self, name: str) -> int:
        return sum(getattr(session, name) for session in self.current)

    def _sum_reached(self, name: str) -> int | None:
        """The highest value that any attempt at a part has reached, summed over the parts; None if one has none."""
        values = [
            max((value for session in chain if (value := getattr(session, name)) is not None), default=None)
            for chain in self._chains()
        ]
        known = [value for value in values if value is not None]
        return sum(known) if known and len(known) == len(values) else None

    @property
    def bytes_transferred(self) -> int:
        return self._sum("bytes_transferred")

    @property
    def bytes_written(self) -> int:
        return self._sum("bytes_written")

    @property
    def bytes_lost(self) -> int:
        return self._sum("bytes_lost")

    @property
    def bytes_done(self) -> int:
        """At the destination; what an earlier attempt brought there still is: a retry does not begin at zero."""
        return self._sum_reached("bytes_done") or 0

    @property
    def bytes_arrived(self) -> int:
        """Brought there by the sessions that count, without what earlier attempts did."""
        return self._sum("bytes_arrived")

    @property
    def estimated_bytes(self) -> int:
        return self._sum_reached("estimated_bytes") or 0

    @property
    def expected_bytes(self) -> int | None:
        return self._sum_reached("expected_bytes")

    @property
    def expected_files(self) -> int | None:
        return self._sum_reached("expected_files")

    @property
    def files_done(self) -> int:
        return self._sum("files_done")

    @property
    def files_skipped(self) -> int:
        return self._sum("files_skipped")

    @property
    def files_failed(self) -> int:
        return self._sum("files_failed")

    @property
    def files_active(self) -> int:
        return self._sum("files_active")

    @property
    def rtt_ms(self) -> int | None:
        """Milliseconds; the longest of the sessions."""
        return max((session.rtt_ms for session in self.current if session.rtt_ms is not None), default=None)

    @property
    def elapsed_usec(self) -> int:
        """Microseconds; that of the session which took longest."""
        return max((session.elapsed_usec for session in self.current), default=0)

    @property
    def rate_kbps(self) -> float:
        return sum(session.rate_kbps for session in self.current if not session.ended or self.ended)

    @property
    def average_rate_kbps(self) -> float:
        return _kbps(self.bytes_transferred or self.bytes_written, self.elapsed_usec)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return 1.0 if self.state == "done" else _fraction(self.bytes_done, self.estimated_bytes)

    @property
    def eta_seconds(self) -> float | None:
        if self.state == "done":
            return 0.0
        return (
            None if self.ended else _eta(self.estimated_bytes - self.bytes_done, self.rate_kbps, self.average_rate_kbps)
        )

    def to_dict(self) -> dict[str, Any]:
        """The state as a JSON-ready dict, with all sessions; without secrets."""
        about = {
            "id": self.id,
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "attempts": self.attempts,
        }
        return {**about, **_figures(self), "sessions": [session.to_dict() for session in self.sessions]}


class Tracker:
    """Folds events into the state of sessions and transfers.

    keep_files: which files ``Session.files`` holds: "unfinished" (those under way), "all", or a number of files that
    are through, the latest, beside those under way. With "all", memory grows with the files of the transfer.

    sessions: by SessionId; a message without one belongs to the session that spoke last. transfers: by XferId, else
    UserStr, else SessionId. Both in order of first appearance.

    >>> tracker = Tracker()
    >>> tracker.update(StatsEvent(session_id="s", file="a", size=100, written=25)).progress
    0.25
    """

    def __init__(self, keep_files: Literal["unfinished", "all"] | int = "unfinished") -> None:
        if keep_files not in ("unfinished", "all") and (
            not isinstance(keep_files, int) or isinstance(keep_files, bool) or keep_files < 0
        ):
            raise ValueError(f'keep_files must be "unfinished", "all" or a number of files, not {keep_files!r}')
        self._keep: int | None = None if keep_files == "all" else 0 if keep_files == "unfinished" else int(keep_files)
        self.sessions: dict[str, Session] = {}
        self.transfers: dict[str, Transfer] = {}
        self._latest: Session | None = None
        self._count = 0  # of events

    def update(self, event: Event) -> Session:
        """Take the next event; give the session it belongs to."""
        self._count += 1
        session = self._session_of(event)
        session.event_count += 1
        take = _TAKE.get(event.__class__)
        if take:
            take(self, session, event)
        return session

    def next_stream(self, latest: Session | None = None) -> None:
        """The next event comes from another stream: without a SessionId it is not of the session that spoke last here.

        latest: the session that spoke last on that stream.
        """
        self._latest = latest

    def close(self) -> None:
        """No more events will come: what has not ended is lost."""
        for session in self.sessions.values():
            self.lose(session)

    def lose(self, session: Session) -> None:
        """No more events of this session will come: it is lost, unless it has ended."""
        if not session.ended:
            session.state = "lost"
            session._ended = self._count

    # -- which session

    def _session_of(self, event: Event) -> Session:
        session = self.sessions.get(event.session_id or "") if event.session_id is not None else self._latest
        if session is None:
            session = Session(event.session_id or "")
            if isinstance(event, OtherEvent):
                return session  # a command, say: it is no sign of a session
            self._add(session, event)
        self._latest = session
        return session

    def _add(self, session: Session, event: Event) -> None:
        if len(self.sessions) >= MAX_SESSIONS:
            oldest = list(islice(self.sessions.values(), MAX_PARTS))
            self._forget(next((old for old in oldest if old.ended), oldest[0]))
        if session.id in self.sessions:
            self.lose(self.sessions[session.id])  # without an id, of an earlier stream: no more will come of it
        self.sessions[session.id] = session
        session._began = self._count
        falling_back = self._falling_back() if isinstance(event, InitEvent) and not event.user_str else None
        self._join(session, falling_back or event.user_str or session.id)

    def _falling_back(self) -> str | None:
        """The transfer that a second INIT without a UserStr belongs to: seen of an ascp that turns to HTTP fallback."""
        latest = self._latest
        if latest is None or latest.ended or latest.negotiated is None or not latest.negotiated.fallback_protocol:
            return None
        return latest._transfer_id

    def _forget(self, session: Session) -> None:
        del self.sessions[session.id]
        self._leave(session)

    def _join(self, session: Session, transfer_id: str) -> None:
        if session._transfer_id == transfer_id:
            return
        self._leave(session)
        session._transfer_id = transfer_id
        transfer = self.transfers.setdefault(transfer_id, Transfer(transfer_id))
        transfer.sessions.append(session)

    def _leave(self, session: Session) -> None:
        if session._transfer_id is None:
            return
        transfer = self.transfers[session._transfer_id]
        transfer.sessions.remove(session)
        if not transfer.sessions:
            del self.transfers[transfer.id]

    # -- what the messages say

    def _take_init(self, session: Session, event: InitEvent) -> None:
        session.init = event
        session.state = "connecting"
        session.error = None
        if event.user_str and not session.xfer_id:
            self._join(session, event.user_str)

    def _take_session(self, session: Session, event: SessionEvent) -> None:
        session.negotiated = event
        if session.state != "transferring":
            session.state = "negotiated"
            session.error = None
        if event.xfer_id or event.user_str:
            self._join(session, event.xfer_id or event.user_str or session.id)
        assert session._transfer_id is not None
        for old in self.transfers[session._transfer_id].sessions[-MAX_PARTS:]:
            if not old.ended and old is not session and _is_same_part(session, old):
                self.lose(old)  # begun anew while nothing told of its end
                old._ended = session._began - 1
        _take_rates(session, event)

    def _take_notification(self, session: Session, event: NotificationEvent) -> None:
        if session.state == "connecting":
            session.state = "negotiated"
        _take_rates(session, event)
        session.bandwidth_kbps = _latest(event.bw_measurement, session.bandwidth_kbps)
        session.path_mtu = _latest(event.pmtu, session.path_mtu)
        session._job_bytes = _latest(event.pre_transfer_bytes, session._job_bytes)
        session._job_files = _latest(event.pre_transfer_files, session._job_files)

    def _take_argument(self, session: Session, event: ArgStopEvent) -> None:
        _work(session)

    def _take_progress(self, session: Session, event: StatsEvent) -> None:
        _work(session)
        _take_totals(session, event)
        self._follow(session, event)

    def _take_file_end(self, session: Session, event: FileEvent) -> None:
        _work(session)
        _take_totals(session, event)
        file = self._follow(session, event)
        if file is None:
            return
        self._remove(session, file)  # as it was counted: before its state changes
        if isinstance(event, FileErrorEvent):
            file.state = "failed"
            file.error = Failure(event.code or 0, event.description or "")
            session.files_failed += 1
            if len(session.failures) < MAX_FAILURES:
                session.failures.append(file)
        elif isinstance(event, SkipEvent):
            file.state = "skipped"
            file.written = file.size or 0
            session.files_skipped += 1
        elif isinstance(event, StopEvent):
            file.state = "done"
            file.checksum, file.checksum_type = event.file_checksum, event.file_checksum_type
            session.files_done += 1
        self._retire(session, file)

    def _follow(self, session: Session, event: FileEvent) -> FileState | None:
        """The state of the event's file, brought up to date; None for an event that names no file."""
        name = event.file
        if name is None:
            return None
        file = session._under_way.get(name)
        if file is None or (event.fasp_file_id and file.fasp_file_id and event.fasp_file_id != file.fasp_file_id):
            file = self._start(session, name, event)
        session._under_way_bytes -= file.bytes_done
        session._under_way_total -= _estimated_bytes(file)
        file.size = _latest(event.size, file.size)
        file.start_byte = _latest(event.start_byte, file.start_byte)
        file.end_byte = _latest(event.end_byte, file.end_byte)
        if event.written is not None and event.written > file.written:
            file.written = event.written
        file.elapsed_usec = session.elapsed_usec
        session._under_way_bytes += file.bytes_done
        session._under_way_total += _estimated_bytes(file)
        return file

    def _start(self, session: Session, name: str, event: FileEvent) -> FileState:
        old = session._under_way.get(name)
        if old is None and self._keep is not None and len(session._under_way) >= MAX_FILES_UNDER_WAY:
            old = next(iter(session._under_way.values()))
        if old is not None:
            session.files_forgotten += 1
            self._remove(session, old)
            session.files.pop(old.name, None)
        file = FileState(name, started_usec=session.elapsed_usec)
        file.arg_index, file.fasp_file_id = event.fasp_file_arg_index, event.fasp_file_id
        session._under_way[name] = file
        session.files[name] = file
        if self._keep is None:
            session.history.append(file)
        return file

    def _retire(self, session: Session, file: FileState) -> None:
        """A file is through: into the sums over those that are, and out of memory as keep_files says."""
        session._through_bytes += file.bytes_done
        session._through_before += file.bytes_before
        session._through_total += _estimated_bytes(file)
        if self._keep is None:
            return
        session._through_names.append(file.name)
        while len(session._through_names) > self._keep:
            name = session._through_names.popleft()
            if name not in session._under_way:
                session.files.pop(name, None)

    def _remove(self, session: Session, file: FileState) -> None:
        del session._under_way[file.name]
        session._under_way_bytes -= file.bytes_done
        session._under_way_total -= _estimated_bytes(file)

    def _take_end(self, session: Session, event: EndEvent) -> None:
        session.end = event
        session._ended = self._count
        _take_totals(session, event)
        session.files_skipped = max(session.files_skipped, event.transfers_skipped or 0)
        session.files_failed = max(session.files_failed, event.transfers_failed or 0)
        session.files_done = max(session.files_done, (event.transfers_passed or 0) - session.files_skipped)
        if isinstance(event, ErrorEvent):
            session.state = "failed"
            session.error = Failure(event.code or 0, event.description or "")
        else:
            session.state = "done"
            session.error = None


_TAKE: Mapping[type[Event], Callable[[Tracker, Session, Any], None]] = {
    InitEvent: Tracker._take_init,
    SessionEvent: Tracker._take_session,
    NotificationEvent: Tracker._take_notification,
    StatsEvent: Tracker._take_progress,
    StopEvent: Tracker._take_file_end,
    SkipEvent: Tracker._take_file_end,
    FileErrorEvent: Tracker._take_file_end,
    ArgStopEvent: Tracker._take_argument,
    DoneEvent: Tracker._take_end,
    ErrorEvent: Tracker._take_end,
}


def _latest(new: Any, old: Any) -> Any:
    return old if new is None else new


def _work(session: Session) -> None:
    """A file moved. After ERROR that is HTTP fallback; after DONE it is a straggler."""
    if session.state != "transferring" and session.state != "done":
        session.state = "transferring"
        session.error = None


def _take_rates(session: Session, event: SessionEvent | NotificationEvent) -> None:
    session.target_rate_kbps = _latest(event.rate, session.target_rate_kbps)
    session.min_rate_kbps = _latest(event.min_rate, session.min_rate_kbps)
    session.policy = _latest(event.adaptive, session.policy)
    session.priority = _latest(event.priority, session.priority)


def _take_totals(session: Session, event: FileEvent | EndEvent) -> None:
    if event.elapsed_usec is not None and event.elapsed_usec > session.elapsed_usec:
        session.elapsed_usec = event.elapsed_usec
    if event.transfer_bytes is not None and event.transfer_bytes > session.bytes_transferred:
        session.bytes_transferred = event.transfer_bytes
        session.transferred_usec = session.elapsed_usec
    if isinstance(event.file_bytes, int) and event.file_bytes > session.bytes_written:
        session.bytes_written = event.file_bytes
        session.written_usec = session.elapsed_usec
    if event.loss is not None and event.loss > session.bytes_lost:
        session.bytes_lost = event.loss
    if event.delay is not None:
        session.rtt_ms = event.delay
    samples = session._samples
    if not samples or session.elapsed_usec - samples[-1][0] >= RATE_STEP_USEC:
        samples.append((session.elapsed_usec, session._moved))
        while len(samples) > 2 and session.elapsed_usec - samples[1][0] >= RATE_WINDOW_USEC:
            samples.popleft()


def _is_same_part(session: Session, old: Session) -> bool:
    """Do both say that they are the same part of the same transfer, so that they cannot both be alive?"""
    new_event, old_event = session.negotiated, old.negotiated
    if not new_event or not old_event or not new_event.xfer_id or new_event.xfer_id != old_event.xfer_id:
        return False
    parts = [(event.cluster_num_nodes, event.cluster_node_id) for event in (new_event, old_event)]
    return None not in parts[0] and parts[0] == parts[1]


def _estimated_bytes(file: FileState) -> int:
    """What a file adds to the job: its total, or what is there of it where no size was said."""
    total = file.bytes_total
    return file.bytes_done if total is None else total


def _fraction(done: int, total: int | None) -> float:
    return min(1.0, done / total) if total else 0.0


def _kbps(moved: int, usec: int) -> float:
    return max(0, moved) * 8_000 / usec if usec > 0 else 0.0


def _eta(rest: int, rate_kbps: float, average_kbps: float) -> float | None:
    rate = rate_kbps or average_kbps
    return max(0, rest) * 8 / 1000 / rate if rate > 0 else None


def _figures(state: Session | Transfer) -> dict[str, Any]:
    """What a session and a transfer have in common, for JSON: bytes, kilobits per second, milliseconds, seconds."""
    eta = state.eta_seconds
    return {
        "progress": round(state.progress, 4),
        "bytes_done": state.bytes_done,
        "expected_bytes": state.expected_bytes,
        "bytes_transferred": state.bytes_transferred,
        "bytes_written": state.bytes_written,
        "bytes_lost": state.bytes_lost,
        "files_done": state.files_done,
        "files_skipped": state.files_skipped,
        "files_failed": state.files_failed,
        "files_active": state.files_active,
        "expected_files": state.expected_files,
        "elapsed_seconds": state.elapsed_usec / 1_000_000,
        "rate_kbps": round(state.rate_kbps, 1),
        "average_rate_kbps": round(state.average_rate_kbps, 1),
        "eta_seconds": None if eta is None else round(eta, 1),
        "rtt_ms": state.rtt_ms,
    }
