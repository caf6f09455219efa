"""One session: one run of ascp, as far as its messages show.

All that changes the state of a session stands in ``Session``; it does not know transfers, streams or other sessions.
``TRANSITIONS`` is the life of a session as a table::

    INIT          SESSION          STATS STOP SKIP FILEERROR ARGSTOP      DONE
    ──▶ connecting ──▶ negotiated ──▶ transferring ──────────────────────▶ done
            │               │               │   ▲                 ERROR
            └───────────────┴───────────────┤   └── HTTP fallback ──┐
                                            ├──────────────────────▶ failed
                                            └──────────────────────▶ lost      the stream ended, or began anew

A session can report its end more than once: the last report counts, and the same report twice changes nothing. A
failed session whose files move again (HTTP fallback) is transferring again. A straggler does not reopen what is done.

What the numbers mean
    TransferBytes and FileBytes count what this session did, ``bytes_done`` what is at the destination. Every counter is
    the highest one seen. Progress is what is done of the job's size where that was calculated beforehand, else of the
    files seen so far. It is from 0 to 1. Rates are finite and never negative, 0 where no time has passed.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

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
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.redaction import redact_urls, redact_words
from faspmgr.tracking.figures import eta, figures, kbps, progress
from faspmgr.tracking.filelist import Files, KeepFiles
from faspmgr.tracking.files import Failure, FileState

SessionState = Literal["connecting", "negotiated", "transferring", "done", "failed", "lost"]
STATES: tuple[SessionState, ...] = ("connecting", "negotiated", "transferring", "done", "failed", "lost")
ENDED: frozenset[SessionState] = frozenset({"done", "failed", "lost"})


def _from(*states: SessionState, to: SessionState) -> Mapping[SessionState, SessionState]:
    return dict.fromkeys(states, to)


_FILES_MOVE = _from("connecting", "negotiated", "failed", "lost", to="transferring")

TRANSITIONS: Mapping[type[Event] | None, Mapping[SessionState, SessionState]] = {
    InitEvent: _from(*STATES, to="connecting"),
    SessionEvent: _from("connecting", "negotiated", "done", "failed", "lost", to="negotiated"),
    NotificationEvent: _from("connecting", to="negotiated"),
    StatsEvent: _FILES_MOVE,
    StopEvent: _FILES_MOVE,
    SkipEvent: _FILES_MOVE,
    FileErrorEvent: _FILES_MOVE,
    ArgStopEvent: _FILES_MOVE,
    DoneEvent: _from(*STATES, to="done"),
    ErrorEvent: _from(*STATES, to="failed"),
    None: _from("connecting", "negotiated", "transferring", to="lost"),
}
"""For each event, and with None for the end of the stream: from which state to which. What is not named stays."""

RATE_WINDOW_USEC = 5_000_000
"""The present rate is that of so many latest microseconds of the session's own clock."""
RATE_STEP_USEC = 250_000
"""Time between two places on the session's clock that are remembered for it."""

_moments = itertools.count(1)
"""Numbers moments, so that of two of them the first one is known."""


class Session:
    """One run of ascp, as far as its messages show. A number is None where the stream has none.

    Args:
        id: SessionId, empty where the stream has none.
        keep_files: which files to keep by name: "unfinished", "all", or a number; see Tracker.
    """

    def __init__(self, id: str, keep_files: KeepFiles = "unfinished") -> None:
        self.id = id
        """SessionId as on the wire; empty where the stream has none."""
        self.state: SessionState = "connecting"
        """Where the session stands; see TRANSITIONS."""
        self.error: Failure | None = None
        """Why it failed; None unless it did."""
        self.event_count = 0
        """Count of the events so far."""

        # Moments, good for one thing: to compare them with those of other sessions. When it began, and when it last
        # ended; None while it has not.
        self.began = next(_moments)
        self.ended_in: int | None = None

        self.init: InitEvent | None = None
        """The latest INIT."""
        self.negotiated: SessionEvent | None = None
        """The latest SESSION."""
        self.end: EndEvent | None = None
        """The latest DONE or ERROR."""

        self.target_rate_kbps: int | str | None = None
        """Kilobits per second, or text for a percentage; the latest."""
        self.min_rate_kbps: int | str | None = None
        """Kilobits per second, or text for a percentage; the latest."""
        self.policy: str | None = None
        """Adaptive, Fixed or Trickle; the latest."""
        self.priority: int | None = None
        """1 high, 2 regular; the latest."""
        self.bandwidth_kbps: int | None = None
        """Kilobits per second, as measured."""
        self.path_mtu: int | None = None
        """Bytes."""
        self.rtt_ms: int | None = None
        """Milliseconds; the latest round-trip time."""

        self.bytes_transferred = 0
        """Bytes of this session that went over the network."""
        self.bytes_written = 0
        """Bytes of this session that were written at the destination."""
        self.bytes_lost = 0
        """Bytes of this session that were lost on the way."""
        self.elapsed_usec = 0
        """Microseconds since the session began, on its own clock."""
        self.transferred_usec: int | None = None
        """Microseconds; when bytes_transferred last grew. None if never."""
        self.written_usec: int | None = None
        """Microseconds; when bytes_written last grew. None if never."""

        self.job_bytes: int | None = None
        """Bytes; the job's size as it was calculated beforehand."""
        # Count of the job's files, where they were counted beforehand.
        self._job_files: int | None = None

        self.filelist = Files(keep_files)
        """Its files, and their sums."""
        self.end_counts = (0, 0, 0)
        """How many files DONE or ERROR counted beyond those that were seen: done, skipped, failed."""
        # Bytes; what is at the destination at least, by DONE or ERROR.
        self._end_bytes = 0

        # Places on the session's clock and the bytes that had moved by then, for the present rate.
        self._samples: deque[tuple[int, int]] = deque()
        self._next_sample_usec = 0

    # -- what changes it

    def apply(self, event: Event) -> None:
        """Bring the session up to date.

        Args:
            event: the next message of this session. One that is not about its state is only counted.
        """
        self.event_count += 1
        # Nearly all messages are about a file of a session whose files move, which changes no state.
        if self.state != "transferring" or not isinstance(event, FileEvent):
            kind = type(event)
            transitions = TRANSITIONS.get(kind)
            if transitions is None:
                return
            if self.state in transitions:
                self.state = transitions[self.state]
                self.error = None
            if isinstance(event, EndEvent):
                self.end = event
            elif not isinstance(event, FileEvent):
                update = self._UPDATES.get(kind)
                if update is not None:
                    update(self, event)
                return

        # The counters that messages about files and the end of a session have in common; each is the highest seen.
        usec = event.elapsed_usec
        if usec is None or usec < self.elapsed_usec:
            usec = self.elapsed_usec
        else:
            self.elapsed_usec = usec
        sent = event.transfer_bytes
        if sent is not None and sent > self.bytes_transferred:
            self.bytes_transferred = sent
            self.transferred_usec = usec
        written = event.file_bytes
        if not isinstance(written, int):
            written = None
        elif written > self.bytes_written:
            self.bytes_written = written
            self.written_usec = usec
        lost = event.loss
        if lost is not None and lost > self.bytes_lost:
            self.bytes_lost = lost
        delay = event.delay
        if delay is not None:
            self.rtt_ms = delay
        if usec >= self._next_sample_usec:
            self._remember(usec)

        if event is self.end:
            self._apply_end(event)
        else:
            self.filelist.apply(event, usec, written, sent)  # type: ignore[arg-type]  # what is no end is about a file

    def lose(self, before: Session | None = None) -> None:
        """No more events will come: a session that has not ended is lost.

        Args:
            before: the session that was begun in its place; the loss is dated back to before it.
        """
        state = TRANSITIONS[None].get(self.state)
        if state is not None:
            self.state = state
            self.ended_in = next(_moments) if before is None else before.began - 1

    def join(self, enlist: Callable[[FileState], bool]) -> None:
        """Belong to a transfer from now on.

        Args:
            enlist: puts a new file of this session on the list of the transfer, and says if there was room.
        """
        self.filelist.enlist = enlist

    def leave(self) -> None:
        """Belong to no transfer any more."""
        self.filelist.leave()

    def _apply_init(self, event: InitEvent) -> None:
        self.init = event

    def _apply_session(self, event: SessionEvent) -> None:
        self.negotiated = event
        if event.cluster_num_nodes is not None:
            self.filelist.clustered = event.cluster_num_nodes > 1
        self._apply_rates(event)

    def _apply_notification(self, event: NotificationEvent) -> None:
        self._apply_rates(event)
        self.bandwidth_kbps = _latest(event.bw_measurement, self.bandwidth_kbps)
        self.path_mtu = _latest(event.pmtu, self.path_mtu)
        self.job_bytes = _latest(event.pre_transfer_bytes, self.job_bytes)
        self._job_files = _latest(event.pre_transfer_files, self._job_files)

    def _apply_rates(self, event: SessionEvent | NotificationEvent) -> None:
        self.target_rate_kbps = _latest(event.rate, self.target_rate_kbps)
        self.min_rate_kbps = _latest(event.min_rate, self.min_rate_kbps)
        self.policy = _latest(event.adaptive, self.policy)
        self.priority = _latest(event.priority, self.priority)

    def _apply_end(self, event: EndEvent) -> None:
        self.ended_in = next(_moments)
        # Where reading began in the middle of a session, its end counts files that were not seen here.
        skipped = max(self.files_skipped, event.transfers_skipped or 0)
        failed = max(self.files_failed, event.transfers_failed or 0)
        done = max(self.files_done, (event.transfers_passed or 0) - skipped)
        files = self.filelist
        self.end_counts = (done - files.done, skipped - files.skipped, failed - files.failed)
        self._end_bytes = self._bytes_at_the_end()
        if isinstance(event, ErrorEvent):
            self.error = Failure(event.code or 0, event.description or "")

    def _bytes_at_the_end(self) -> int:
        """What is at the destination at least, where the files that were seen do not tell all of it.

        FileBytes tells, but for files that were there already; it may count what was written twice, so that where the
        whole session was seen it is believed up to the job's size only. What was written of a part says nothing of
        another part.
        """
        files = self.filelist
        if files.clustered or files.has_parts:
            return 0
        if self.state == "done" and self.job_bytes is not None:
            return min(self.job_bytes, self.bytes_written + files.bytes_before)
        if self.negotiated is None:
            return self.bytes_written if self.job_bytes is None else min(self.job_bytes, self.bytes_written)
        return 0

    def _remember(self, usec: int) -> None:
        """Remember how far the session is at this place on its clock, and forget what the rate does not need."""
        samples = self._samples
        samples.append((usec, self.bytes_transferred or self.bytes_written))
        start = usec - RATE_WINDOW_USEC
        while len(samples) > 2 and samples[1][0] <= start:
            samples.popleft()
        self._next_sample_usec = usec + RATE_STEP_USEC

    # What to do with an event without counters, once the state has changed.
    _UPDATES: ClassVar[Mapping[type[Event], Callable[[Session, Any], None]]] = {
        InitEvent: _apply_init,
        SessionEvent: _apply_session,
        NotificationEvent: _apply_notification,
    }

    # -- what it is

    @property
    def ended(self) -> bool:
        """True when the session is done, failed or lost."""
        return self.state in ENDED

    @property
    def direction(self) -> str | None:
        """Send or Receive."""
        return (self.negotiated and self.negotiated.direction) or (self.init and self.init.direction) or None

    @property
    def user_str(self) -> str | None:
        """What the application gave with ``-u``."""
        return (self.negotiated and self.negotiated.user_str) or (self.init and self.init.user_str) or None

    @property
    def cookie(self) -> str | None:
        """What the application gave as cookie."""
        return (self.negotiated and self.negotiated.cookie) or (self.init and self.init.cookie) or None

    @property
    def xfer_id(self) -> str | None:
        """The XferId of the tags: it groups the sessions of one transfer."""
        return self.negotiated.xfer_id if self.negotiated else None

    @property
    def node(self) -> int | None:
        """ClusterNodeId: which part of a multi-session transfer this is; None for the only one."""
        event = self.negotiated
        return event.cluster_node_id if event and (event.cluster_num_nodes or 1) > 1 else None

    # -- its files

    @property
    def files(self) -> dict[str, FileState]:
        """Files by name: those in progress, and of the finished ones as many as keep_files says."""
        return self.filelist.by_name

    @property
    def files_in_progress(self) -> list[FileState]:
        """The files in progress, in the order in which they started."""
        return list(self.filelist.in_progress.values())

    @property
    def history(self) -> list[FileState]:
        """All files in the order in which they started, also where a name came again; only with keep_files="all"."""
        return self.filelist.history

    @property
    def failures(self) -> list[FileState]:
        """The first 1,000 failed files."""
        return self.filelist.failures

    @property
    def files_done(self) -> int:
        """Count of the files that are done, without those skipped."""
        return self.filelist.done + self.end_counts[0]

    @property
    def files_skipped(self) -> int:
        """Count of the skipped files."""
        return self.filelist.skipped + self.end_counts[1]

    @property
    def files_failed(self) -> int:
        """Count of the failed files."""
        return self.filelist.failed + self.end_counts[2]

    @property
    def files_active(self) -> int:
        """Count of the files in progress."""
        return len(self.filelist.in_progress)

    @property
    def files_forgotten(self) -> int:
        """Count of the files that were dropped unfinished: one of the same name began, or there were too many."""
        return self.filelist.forgotten

    # -- how far it is

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination, those from before a resume included."""
        return max(self.filelist.bytes_done, self._end_bytes)

    @property
    def bytes_arrived(self) -> int:
        """Of bytes_done, those that this session brought there."""
        return max(0, self.bytes_done - self.filelist.bytes_before)

    @property
    def expected_bytes(self) -> int | None:
        """Bytes; the job's size where it was calculated beforehand. Never less than the files seen so far."""
        return None if self.job_bytes is None else max(self.job_bytes, self.filelist.estimated_bytes, self.bytes_done)

    @property
    def expected_files(self) -> int | None:
        """Count; the job's files where they were counted beforehand."""
        if self._job_files is None:
            return None
        return max(self._job_files, self.files_done + self.files_skipped + self.files_failed + self.files_active)

    @property
    def estimated_bytes(self) -> int:
        """Bytes; best knowledge of the job's size: expected_bytes, or the sizes of the files seen so far."""
        expected = self.expected_bytes
        return max(self.filelist.estimated_bytes, self.bytes_done) if expected is None else expected

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return progress(self)

    @property
    def rate_kbps(self) -> float:
        """Kilobits per second over the network during the last five seconds of the session's own clock."""
        if not self._samples:
            return 0.0
        usec, moved = self._samples[0]
        if len(self._samples) > 2 and self.elapsed_usec - usec > 2 * RATE_WINDOW_USEC:
            usec, moved = self._samples[1]  # the first is from before a long pause, which is over
        return kbps(self._moved - moved, self.elapsed_usec - usec)

    @property
    def latest_rate_kbps(self) -> float:
        """Kilobits per second over the network right now: in the last 0.25 to 0.5 seconds of the session's own clock,
        or since the message before where they come less often."""
        if not self._samples:
            return 0.0
        usec, moved = self._samples[-2 if len(self._samples) > 1 else 0]
        return kbps(self._moved - moved, self.elapsed_usec - usec)

    @property
    def average_rate_kbps(self) -> float:
        """Kilobits per second over the network since the session began."""
        return kbps(self._moved, self.elapsed_usec)

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the end at the present rate; None where that is not known."""
        if self.state == "done":
            return 0.0
        if self.ended:
            return None
        return eta(self.estimated_bytes - self.bytes_done, self.rate_kbps, self.average_rate_kbps)

    @property
    def _moved(self) -> int:
        return self.bytes_transferred or self.bytes_written

    def to_dict(self) -> dict[str, Any]:
        """The state, ready for JSON; None where the stream has no value; without secrets."""
        negotiated = self.negotiated or SessionEvent()
        about = {
            "id": redact_words(self.id),
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "direction": self.direction,
            "user": negotiated.user and redact_words(negotiated.user),
            "host": negotiated.host and redact_words(negotiated.host),
            "source": negotiated.source and [redact_urls(path) for path in negotiated.source],
            "destination": negotiated.destination and redact_urls(negotiated.destination),
            "user_str": self.user_str and redact_words(self.user_str),
            "cookie": self.cookie and redact_words(self.cookie),
            "xfer_id": self.xfer_id and redact_words(self.xfer_id),
            "target_rate_kbps": self.target_rate_kbps,
            "min_rate_kbps": self.min_rate_kbps,
            "policy": self.policy,
        }
        return {**about, **figures(self), "failures": [file.to_dict() for file in self.failures]}

    def __repr__(self) -> str:
        return f"<Session {redact_words(self.id)!r} {self.state}, {self.progress:.0%}>"


def _latest(new: Any, old: Any) -> Any:
    return old if new is None else new
