"""Records in, sessions out: which session a record belongs to, and when a session is complete. No I/O, no clock.

Which session
    The lines of several processes are mixed; a process is identified by host and number. A line with a uuid belongs to
    that session of its process, one without to the session that its process began last. Lines before a session begins
    (the login, the negotiated rate, an error) belong to the one that the process begins next.
When it is complete
    A session has *stopped* with its stop. It is complete with the block of file transfer statistics, the last lines of
    a process; with its own statistics if it never connected to its peer, since no block follows; else with the next
    session or the next run of its process, STOP_GRACE later by the times of the log, or at idle() and close().
    It is *lost* without a stop: with that block, when the number of its process is used again, after PROCESS_TIMEOUT
    without a line of its process, when more than MAX_OPEN are open, and at close(). A process may have several sessions
    at the same time (HTTP fallback): the start of the second does not end the first.
Cost
    Memory for the open sessions and their processes. A line about a file takes one look for its process, one for its
    session and one for the file; a line that is not about a session one look for its kind.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from faspmgr.logs.opened import (
    DIRECTIONS,
    HANDLERS,
    MAX_ERRORS,
    Key,
    Opened,
    Process,
    complete,
    file_of,
    number,
    read_file,
    read_http_failure,
    read_start,
    read_statistics,
    read_stop,
)
from faspmgr.logs.records import LogRecord
from faspmgr.logs.session import LogFile, LogSession

STOP_GRACE = timedelta(seconds=5)
"""How long a session waits for the lines after its stop. They come within 0.15 seconds (fixtures/ascp-log/); the rest
is for a busy machine."""

PROCESS_TIMEOUT = timedelta(hours=24)
"""How long a process may write nothing. ascp writes a line of progress every 20 seconds while a session is open; a day
is enough for a machine that slept, and for a log without such lines."""

MAX_OPEN = 10_000
"""Open sessions, and processes. A limit for security: it bounds memory. No server runs as many ascp at once."""

MAX_UNFINISHED = 100_000
"""Files of all open sessions that have started and not stopped. A limit for security: it bounds memory. More are only
counted."""

# Kinds of the first lines of a process that belong to a session; others are ignored without one.
_FIRST = frozenset(
    {"version", "auth", "rates", "path_mtu", "datagram", "session_error", "session_peer_error", "side_error"}
    | {"session_start", "session_stop", "transfer_start", "transfer_stop"}
)


class Sessions:
    """Folds records into sessions.

    Args:
        keep_files: how many finished files each session keeps, the first ones; all are counted.

    Example:
        >>> from faspmgr.logs.records import LogRecord
        >>> fold = Sessions()
        >>> fold.feed(LogRecord("FASP Session Start uuid=c434 op=recv status=started source=a dest=b"))
        []
        >>> [(session.id, session.direction, session.status) for session in fold.close()]
        [('c434', 'Receive', 'lost')]
    """

    def __init__(self, keep_files: int = 1_000) -> None:
        self.files: list[LogFile] = []
        """The files that finished or were interrupted with the latest call."""
        self._keep_files = keep_files
        # By key; the one whose latest line is the oldest comes first.
        self._processes: OrderedDict[Key, Process] = OrderedDict()
        # In the order in which they began.
        self._open: dict[Opened, None] = {}
        # The sessions that have stopped, in this order, and the time until which lines may follow.
        self._settled_at: dict[Opened, datetime] = {}
        # The next time at which a session may be complete without a record of its process; None if there is none.
        self._due: datetime | None = None
        # Count of the kept files that have started and not stopped.
        self._unfinished = 0
        # The sessions that the present call completes.
        self._over: list[LogSession] = []
        # By the kind of a record. Records of other kinds are not about a session.
        self._handlers: dict[str, Callable[[Process, LogRecord], None]] = {
            **HANDLERS,
            "session_start": self._session_start,
            "session_stop": self._session_stop,
            "http_session": self._http_session,
            "session_statistics": self._session_statistics,
            "file_statistics": self._file_statistics,
            "transfer_start": self._transfer_start,
            "transfer_stop": self._transfer_stop,
        }

    def feed(self, record: LogRecord) -> list[LogSession]:
        """Read the next record.

        Returns:
            The sessions that are complete now.
        """
        if self.files:
            self.files = []
        over = self._over = []
        kind = record.kind
        handle = self._handlers.get(kind)
        error = record.level == "ERR"
        if handle is None and not error and not self._settled_at:
            return over
        time = record.time
        if self._due is not None and time is not None and time > self._due:
            self._end_overdue(time)
        if handle is None and not error:
            return over

        # Find the process; a version line starts a new run.
        key = (record.host, record.process)
        process = self._processes.get(key)
        if process is not None and kind == "version":
            self._end_process(process)
            process = None
        if process is not None:
            self._processes.move_to_end(key)
        elif error or kind in _FIRST:
            process = self._begin_process(key)
        else:
            return over
        process.last_seen = time or process.last_seen
        if self._due is None:
            self._set_due()

        if error:
            errors = process.current.session.errors if process.current else process.errors
            if len(errors) < MAX_ERRORS:
                errors.append(record.message)
        if handle is not None:
            handle(process, record)
        return over

    def find(self, record: LogRecord) -> LogSession | None:
        """Return the session that a record belongs to, by its uuid, else the one that its process began last.

        Args:
            record: one that was fed.

        Returns:
            The session; None if it is not open.
        """
        process = self._processes.get((record.host, record.process))
        if process is None:
            return None
        uuid = record.fields.get("uuid")
        opened = process.current if uuid is None else process.sessions.get(uuid)
        return opened.session if opened else None

    def idle(self) -> list[LogSession]:
        """End the sessions that have stopped, as nothing comes for a while.

        Returns:
            The sessions that have stopped.
        """
        self.files = []
        over = self._over = []
        for opened in [opened for opened in self._open if opened.stopped]:
            self._end(opened)
        return over

    def close(self) -> list[LogSession]:
        """End all sessions: the log has ended.

        Returns:
            The open sessions; those that have not stopped are lost.
        """
        self.files = []
        over = self._over = []
        for opened in list(self._open):
            self._end(opened)
        self._processes.clear()
        self._due = None
        return over

    # -- a session begins and ends

    def _begin_process(self, key: Key) -> Process:
        if len(self._processes) >= MAX_OPEN:
            self._end_process(next(iter(self._processes.values())))
        self._processes[key] = process = Process(key)
        return process

    def _end_process(self, process: Process) -> None:
        for opened in list(process.sessions.values()):
            self._end(opened)
        del self._processes[process.key]

    def _begin(self, process: Process, uuid: str, record: LogRecord) -> Opened:
        """Begin a session: with its start, or if that is missing with its first line about a file, or its stop."""
        if len(self._open) >= MAX_OPEN:
            self._end(next(iter(self._open)))
        session = LogSession(
            id=uuid,
            machine=record.host,
            process=record.process,
            thread=record.thread,
            direction=DIRECTIONS.get(record.fields.get("op")),
            assumed=record.assumed,
            errors=process.errors,
        )
        for name, value in (process.defaults | process.pending).items():
            setattr(session, name, value)
        process.pending, process.errors = {}, []
        opened = process.sessions[uuid] = Opened(session, process)
        self._open[opened] = None
        return opened

    def _end(self, opened: Opened) -> None:
        session = opened.session
        del self._open[opened]
        del opened.process.sessions[session.id or ""]
        self._settled_at.pop(opened, None)

        session.status = session.status or "lost"
        for file in opened.unfinished.values():
            file.status = "interrupted"
        session.files_interrupted += len(opened.unfinished) + opened.uncounted
        complete(opened)
        session.files += opened.unfinished.values()
        self.files += opened.unfinished.values()
        self._unfinished -= len(opened.unfinished)
        self._over.append(session)

    def _end_stopped(self, process: Process) -> None:
        for opened in [opened for opened in process.sessions.values() if opened.stopped]:
            self._end(opened)

    def _end_overdue(self, now: datetime) -> None:
        while self._settled_at:
            opened, settled_at = next(iter(self._settled_at.items()))
            if now <= settled_at:
                break
            self._end(opened)
        while self._processes:
            process = next(iter(self._processes.values()))
            if process.last_seen is None or now <= _later(process.last_seen, PROCESS_TIMEOUT):
                break
            self._end_process(process)
        self._set_due()

    def _set_due(self) -> None:
        due = [next(iter(self._settled_at.values()))] if self._settled_at else []
        process = next(iter(self._processes.values()), None)
        if process and process.last_seen:
            due.append(_later(process.last_seen, PROCESS_TIMEOUT))
        self._due = min(due, default=None)

    # -- records that a session begins and ends with, and those about a file

    def _session_start(self, process: Process, record: LogRecord) -> None:
        uuid = record.fields.get("uuid")
        if uuid is None:  # the line is cut off
            return
        self._end_stopped(process)
        opened = process.sessions.get(uuid) or self._begin(process, uuid, record)
        read_start(opened.session, record)
        if "targetrate" in record.fields:  # up to 3.5 the parameters are in this line
            HANDLERS["session_params"](process, record)

    def _session_stop(self, process: Process, record: LogRecord) -> None:
        opened = self._find(process, record)
        if opened is None:
            return
        read_stop(opened.session, record)
        opened.stopped = True
        opened.never_connected = record.fields.get("peerver", "") is None
        if record.time is not None:
            self._settled_at[opened] = _later(record.time, STOP_GRACE)
            self._set_due()

    def _http_session(self, process: Process, record: LogRecord) -> None:
        """End a session that has failed over HTTP: it has no stop of its own (docs/topics/logs.md)."""
        opened = process.current
        if opened is None or opened.stopped or not read_http_failure(opened.session, record):
            return
        opened.stopped = opened.never_connected = True
        self._end(opened)

    def _session_statistics(self, process: Process, record: LogRecord) -> None:
        opened = process.sessions.get(record.fields.get("uuid") or "")
        if opened is None:
            return
        read_statistics(opened.session, record)
        if opened.stopped and opened.never_connected:
            self._end(opened)

    def _file_statistics(self, process: Process, record: LogRecord) -> None:
        current = process.current
        if current is not None:
            session = current.session
            session.file_statistics = record.fields
            session.files_skipped = max(session.files_skipped, number(record.fields.get("transfers_skipped")) or 0)
        self._end_process(process)  # the block is the last that a process writes

    def _transfer_start(self, process: Process, record: LogRecord) -> None:
        opened = self._find(process, record)
        if opened is None or "file" not in record.fields:
            return
        name = record.fields["file"] or "-"
        file = opened.unfinished.get(name)
        if file is None:
            if self._unfinished >= MAX_UNFINISHED:
                opened.uncounted += 1
                return
            file = opened.unfinished[name] = file_of(opened.session, name)
            self._unfinished += 1
        read_file(file, record)

    def _transfer_stop(self, process: Process, record: LogRecord) -> None:
        opened = self._find(process, record)
        if opened is None or "file" not in record.fields:
            return
        session = opened.session
        name = record.fields["file"] or "-"
        file = opened.unfinished.pop(name, None)
        if file is not None:
            self._unfinished -= 1
        else:  # a file that fails at once has no start; of some the start was only counted
            opened.uncounted -= opened.uncounted > 0
            file = file_of(session, name)
        read_file(file, record)
        if file.status == "done":
            if file.size and file.start_byte == file.size:  # it was there already
                session.files_skipped += 1
            else:
                session.files_done += 1
            if file.size is not None:
                opened.finished_bytes += max(0, file.size - (file.start_byte or 0))
                opened.finished_seconds = file.elapsed_seconds
        elif file.status == "failed":
            session.files_failed += 1
        else:
            session.files_interrupted += 1
        self.files.append(file)
        if len(session.files) < self._keep_files:
            session.files.append(file)

    def _find(self, process: Process, record: LogRecord) -> Opened | None:
        """Return the session of a line with a uuid; None if the line is cut off before it."""
        uuid = record.fields.get("uuid")
        if uuid is None:
            return None
        return process.sessions.get(uuid) or self._begin(process, uuid, record)


def _later(time: datetime, by: timedelta) -> datetime:
    try:
        return time + by
    except OverflowError:  # the end of the year 9999
        return time


def sessions(records: Iterable[LogRecord], *, keep_files: int = 1_000) -> Iterator[LogSession]:
    """Fold records into sessions.

    Args:
        records: of one log, or of several one after the other.
        keep_files: how many finished files each session keeps, the first ones; all are counted.

    Yields:
        Each session when it is complete, and at the end of the records those that are open.

    Example:
        >>> from faspmgr.logs.records import LogRecord
        >>> stop = LogRecord('FASP Session Stop uuid=c434 op=recv status=failed errcode=63 errstr="Source path …"')
        >>> [(session.status, session.code, session.management_code) for session in sessions([stop])]
        [('failed', 63, 43)]
    """
    fold = Sessions(keep_files)
    for record in records:
        yield from fold.feed(record)
    yield from fold.close()
