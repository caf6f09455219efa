"""One session: one run of ascp, as far as its messages show.

All that changes the state of a session is in ``Session``, whose attributes with their units make the file long.
``TRANSITIONS`` is the life of a session as a table::

    INIT          SESSION          STATS STOP SKIP FILEERROR ARGSTOP      DONE
    ──▶ connecting ──▶ negotiated ──▶ transferring ──────────────────────▶ done
            │               │               │   ▲                 ERROR
            └───────────────┴───────────────┤   └── HTTP fallback ──┐
                                            ├──────────────────────▶ failed
                                            └──────────────────────▶ lost      the stream ended, or began again

A session can report its end more than once: the last report counts, and the same report twice changes nothing. A failed
session whose files move again (HTTP fallback) is transferring again. A late message does not reopen a finished session.

Every counter is the highest one seen. A message measures only what it has a counter for: a rate is made of two messages
that have both TransferBytes (or FileBytes, if the session has no TransferBytes) and Elapsedusec.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from typing import Any

import attrs

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
from faspmgr.tracking.figures import STATES, Figures, SessionState, kbps
from faspmgr.tracking.file_state import FileState
from faspmgr.tracking.files import KeepFiles, SessionFiles
from faspmgr.tracking.registry import FileRegistry
from faspmgr.verdicts import Failure


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
"""From which state to which, by event; None is the end of the stream. A state that is not listed stays."""

RATE_WINDOW_USEC = 5_000_000
"""Microseconds of the session's own clock that the present rate is made of."""
RATE_STEP_USEC = 250_000
"""Microseconds between two measurements that are kept for it."""

_sequence = itertools.count(1)


@attrs.define(init=False, eq=False, repr=False)  # its slots make each event a tenth cheaper
class Session(Figures):
    """One run of ascp, as far as its messages show. What is None was not reported.

    Args:
        id: SessionId; empty if the stream has none.
        keep_files: which files to keep by name: "unfinished", "all", or a number; see Tracker.
    """

    id: str
    """SessionId as on the wire; empty if the stream has none."""
    state: SessionState = "connecting"
    error: Failure | None = None
    event_count: int = 0
    """Count of the events so far."""

    # Sequence numbers that order sessions: when it began, and when it last ended; None before that.
    start_seq: int = attrs.Factory(lambda: next(_sequence))
    end_seq: int | None = None

    # Whether Tracker.expect() said which part it is.
    is_expected: bool = False

    init: InitEvent | None = None
    """The latest INIT."""
    negotiated: SessionEvent | None = None
    """The latest SESSION."""
    end: EndEvent | None = None
    """The latest DONE or ERROR."""

    target_rate_kbps: int | str | None = None
    """Kilobits per second, or text for a percentage; the latest."""
    min_rate_kbps: int | str | None = None
    """Kilobits per second, or text for a percentage; the latest."""
    policy: str | None = None
    """Adaptive, Fixed or Trickle; the latest."""
    priority: int | None = None
    """1 high, 2 regular; the latest."""
    bandwidth_kbps: int | None = None
    """Kilobits per second, as measured."""
    path_mtu: int | None = None
    """Bytes."""

    bytes_transferred: int = 0
    bytes_written: int = 0
    bytes_lost: int = 0
    rtt_ms: int | None = None
    elapsed_usec: int | None = None
    transferred_usec: int | None = None
    """Microseconds on the session's clock when bytes_transferred last grew; None if never."""
    written_usec: int | None = None
    """Microseconds on the session's clock when bytes_written last grew; None if never."""

    job_bytes: int | None = None
    """Size of the job in bytes, as it was calculated beforehand."""
    job_files: int | None = None
    """Count of the files of the job, as they were counted beforehand."""

    all_files: SessionFiles = attrs.field(init=False)
    """Its files and their sums, for the transfer. ``files`` is for users."""
    # Files that DONE or ERROR counted beyond those that were seen: done, skipped, failed.
    end_counts: tuple[int, int, int] = (0, 0, 0)
    # Bytes at the destination at least, by DONE or ERROR.
    _end_bytes: int = 0

    # Measurements: places on the session's clock, and bytes that had moved by then. Whether they are of TransferBytes.
    _samples: deque[tuple[int, int]] = attrs.Factory(deque)
    _by_network: bool = False
    # Microseconds: the place of the latest measurement, and from where on one is kept.
    _measured_usec: int = 0
    _next_sample_usec: int = 0
    # The figures that were computed last, and after how many events; see Figures.
    _computed: dict[str, Any] = attrs.Factory(dict)
    _computed_at: int = -1

    def __init__(self, id: str, keep_files: KeepFiles = "unfinished") -> None:
        self.__attrs_init__(id)
        self.all_files = SessionFiles(self, FileRegistry(), keep_files)

    # -- what changes it

    def apply(self, event: Event) -> None:
        """Apply the next message of this session.

        Args:
            event: one that does not concern the state of a session, such as a command, is only counted.
        """
        self.event_count += 1

        # Change the state. Nearly all messages are about a file of a session whose files move already.
        if self.state != "transferring" or not isinstance(event, FileEvent):
            transitions = TRANSITIONS.get(type(event))
            if transitions is None:
                return
            if self.state in transitions:
                self.state = transitions[self.state]
                self.error = None
            if isinstance(event, EndEvent):
                self.end = event
            elif not isinstance(event, FileEvent):
                self._apply_settings(event)
                return

        # Update the counters that messages about files and the end of a session have in common. The rate is measured by
        # TransferBytes, or by FileBytes as long as the session has no TransferBytes.
        usec, now = self.elapsed_usec, event.elapsed_usec
        if now is not None:
            if usec is None or now >= usec:
                usec = self.elapsed_usec = now
            else:
                now = None  # the clock goes back: no measurement
        sent, sent_before = event.transfer_bytes, self.bytes_transferred
        if sent is not None:
            if sent > sent_before:
                self.bytes_transferred = sent
                self.transferred_usec = usec or 0
            if now is not None:
                self._measured_usec = now
                if now >= self._next_sample_usec:
                    self._measure(now, True)
        written, written_before = event.file_bytes, self.bytes_written
        if isinstance(written, int):
            if written > written_before:
                self.bytes_written = written
                self.written_usec = usec or 0
            if sent is None and now is not None and not self._by_network:
                self._measured_usec = now
                self._measure(now, False)
        lost, delay = event.loss, event.delay
        if lost is not None and lost > self.bytes_lost:
            self.bytes_lost = lost
        if delay is not None:
            self.rtt_ms = delay

        # Apply the rest to the file, or to the whole session at its end.
        if event is self.end:
            self._apply_end(event)
        else:
            self.all_files.apply(event, usec, written_before, sent_before)  # type: ignore[arg-type]  # it has a file

    def expect(self, part: int | None, attempt: int | None) -> None:
        """Set which part and which attempt it is; see Tracker.expect()."""
        self.is_expected = part is not None
        self.all_files.attempt = attempt
        if self.is_expected:
            self.all_files.part = part

    def mark_lost(self, before: Session | None = None) -> None:
        """Mark the session as lost, unless it has ended.

        Args:
            before: the session that began in its place; the end is dated back to before that one.
        """
        state = TRANSITIONS[None].get(self.state)
        if state is not None:
            self.state = state
            self.end_seq = next(_sequence) if before is None else before.start_seq - 1
            self._computed_at = -1

    def join(self, registry: FileRegistry) -> None:
        """Count the files of the session in a registry from now on.

        Args:
            registry: of the transfer that it belongs to.
        """
        if registry is not self.all_files.registry:
            self.all_files.leave()
            self.all_files.registry = registry
            self._computed_at = -1

    def _apply_settings(self, event: Event) -> None:
        """Apply an event without counters: INIT, SESSION, NOTIFICATION or ARGSTOP."""
        if isinstance(event, InitEvent):
            self.init = event
        elif isinstance(event, SessionEvent):
            self.negotiated = event
            if event.cluster_num_nodes is not None:
                self.all_files.clustered = event.cluster_num_nodes > 1
            if not self.is_expected:
                self.all_files.part = event.cluster_node_id if self.parts > 1 else None
        elif isinstance(event, NotificationEvent):
            self.bandwidth_kbps = _latest(event.bw_measurement, self.bandwidth_kbps)
            self.path_mtu = _latest(event.pmtu, self.path_mtu)
            self.job_bytes = _latest(event.pre_transfer_bytes, self.job_bytes)
            self.job_files = _latest(event.pre_transfer_files, self.job_files)
        # Both report the rates: what was negotiated, and each change of it.
        if isinstance(event, (SessionEvent, NotificationEvent)):
            self.target_rate_kbps = _latest(event.rate, self.target_rate_kbps)
            self.min_rate_kbps = _latest(event.min_rate, self.min_rate_kbps)
            self.policy = _latest(event.adaptive, self.policy)
            self.priority = _latest(event.priority, self.priority)

    def _apply_end(self, event: EndEvent) -> None:
        self.end_seq = next(_sequence)
        if isinstance(event, ErrorEvent):
            self.error = Failure(event.code or 0, event.description or "")
        # If reading began in the middle of a session, its end counts files that were not seen.
        files, sums, job = self.all_files, self.all_files.sums(), self.job_bytes
        skipped = max(sums.skipped + self.end_counts[1], event.transfers_skipped or 0)
        failed = max(sums.failed + self.end_counts[2], event.transfers_failed or 0)
        done = max(sums.done + self.end_counts[0], (event.transfers_passed or 0) - skipped)
        self.end_counts = (done - sums.done, skipped - sums.skipped, failed - sums.failed)
        # So do the bytes. FileBytes counts what was written, perhaps more than once, and not what was skipped. It is
        # not believed beyond the size of the job, less what is missing of failed files. What was written of a part
        # says nothing of others.
        self._end_bytes = 0
        if files.clustered or files.has_parts:
            return
        if self.state == "done" and job is not None:
            if files.unknown_sizes and not failed:
                self._end_bytes = job  # DONE without a failure, and what was skipped is there
            else:
                self._end_bytes = min(max(0, job - files.bytes_missing), self.bytes_written + files.bytes_skipped)
        elif self.negotiated is None:
            self._end_bytes = self.bytes_written if job is None else min(job, self.bytes_written)

    def _measure(self, usec: int, by_network: bool) -> None:
        """Keep a measurement, and drop those that the present rate does not need."""
        samples = self._samples
        if not by_network:
            if samples and usec < samples[-1][0] + RATE_STEP_USEC:
                return
        elif not self._by_network:  # the first TransferBytes: FileBytes counted something else
            self._by_network = True
            samples.clear()
        samples.append((usec, self.bytes_transferred if by_network else self.bytes_written))
        # One from before the window stays: the rate is made from there on.
        start = usec - RATE_WINDOW_USEC
        while len(samples) > 2 and samples[1][0] <= start:
            samples.popleft()
        if by_network:
            self._next_sample_usec = usec + RATE_STEP_USEC

    # -- what it is

    @property
    def direction(self) -> str | None:
        """Send or Receive."""
        return (self.negotiated and self.negotiated.direction) or (self.init and self.init.direction) or None

    @property
    def user_str(self) -> str | None:
        """Text that the application gave with ``-u``."""
        return (self.negotiated and self.negotiated.user_str) or (self.init and self.init.user_str) or None

    @property
    def cookie(self) -> str | None:
        """Text that the application gave as cookie."""
        return (self.negotiated and self.negotiated.cookie) or (self.init and self.init.cookie) or None

    @property
    def xfer_id(self) -> str | None:
        """The XferId of the tags, which groups the sessions of one transfer."""
        return self.negotiated.xfer_id if self.negotiated else None

    @property
    def parts(self) -> int:
        """ClusterNumNodes: count of the parts of the transfer that it is one of; 1 unless SESSION has more."""
        return (self.negotiated.cluster_num_nodes if self.negotiated else None) or 1

    @property
    def part(self) -> int | None:
        """Index of the part that it is, from 0: as Tracker.expect() said, else ClusterNodeId; None for the only one."""
        return self.all_files.part

    @property
    def attempt(self) -> int | None:
        """Number of the attempt at its part, from 1, as Tracker.expect() said."""
        return self.all_files.attempt

    @property
    def has_begun(self) -> bool:
        """Whether it was negotiated or reported more than its INIT and an error: until then it adds to no sum."""
        reported = self.job_bytes is not None or self.all_files.has_begun or any(self.end_counts)
        return reported or self.negotiated is not None or self.state == "done"

    # -- its files

    @property
    def files(self) -> dict[str, FileState]:
        """Files by name: those in progress, and of the finished ones as many as keep_files says.

        Of several files of one name, one has the name as its key; that of the others has the FaspFileID, too.
        """
        return self.all_files.by_name

    @property
    def files_in_progress(self) -> list[FileState]:
        """Files in progress, in the order in which they started."""
        return list(self.all_files.in_progress.values())

    @property
    def failures(self) -> list[FileState]:
        """The first 1,000 failed files."""
        return self.all_files.failures

    # -- its figures

    @property
    def measured(self) -> tuple[int, int] | None:
        """The latest measurement of the rate: bytes that had moved, and microseconds; None before the first."""
        return (self._moved, self._measured_usec) if self._samples else None

    @property
    def bytes_beyond(self) -> int:
        """Of bytes_done, those of files that were not seen, as the end of the session shows."""
        return self.bytes_done - self.all_files.sums().bytes

    @property
    def _moved(self) -> int:
        return self.bytes_transferred if self._by_network else self.bytes_written

    def _compute(self) -> dict[str, Any]:
        """Return the figures that are not attributes; see Figures."""
        if self._computed_at != self.event_count:
            self._computed = self._compute_now()
            self._computed_at = self.event_count
        return self._computed

    def _compute_now(self) -> dict[str, Any]:
        files = self.all_files.sums()
        done, skipped, failed = self.end_counts
        seen = files.done + files.skipped + files.failed + files.active
        bytes_done = max(files.bytes, self._end_bytes)
        estimated_bytes = max(files.estimate, bytes_done)
        expected_bytes = None if self.job_bytes is None else max(self.job_bytes, estimated_bytes)
        return {
            "bytes_done": bytes_done,
            "bytes_arrived": max(0, bytes_done - files.before),
            "expected_bytes": expected_bytes,
            "estimated_bytes": estimated_bytes if expected_bytes is None else expected_bytes,
            "files_done": files.done + done,
            "files_skipped": files.skipped + skipped,
            "files_failed": files.failed + failed,
            "files_active": files.active,
            "expected_files": None if self.job_files is None else max(self.job_files, seen + sum(self.end_counts)),
            "rate_kbps": self._rate_kbps(),
            "average_rate_kbps": kbps(self._moved, self._measured_usec) if self._samples else None,
        }

    def _rate_kbps(self) -> float | None:
        if not self._samples:
            return None
        usec, moved = self._samples[0]
        if len(self._samples) > 2 and self._measured_usec - usec > 2 * RATE_WINDOW_USEC:
            usec, moved = self._samples[1]  # the first is from before a long pause, which has ended
        return kbps(self._moved - moved, self._measured_usec - usec)

    @property
    def latest_rate_kbps(self) -> float | None:
        """Kilobits per second over the network in the last 0.25 to 0.5 seconds, by two measurements."""
        if not self._samples:
            return None
        usec, moved = self._samples[-2 if len(self._samples) > 1 else 0]
        return kbps(self._moved - moved, self._measured_usec - usec)

    def to_dict(self) -> dict[str, Any]:
        """Return the state ready for JSON, without secrets. What is None was not reported.

        Example:
            >>> session = Session("6f0a1f0e")
            >>> session.apply(StatsEvent(file="a.mov", size=100, written=25, transfer_bytes=30, elapsed_usec=500_000))
            >>> shown = session.to_dict()
            >>> {name: shown[name] for name in ("id", "state", "progress", "bytes_done", "average_rate_kbps")}
            {'id': '6f0a1f0e', 'state': 'transferring', 'progress': 0.25, 'bytes_done': 25, 'average_rate_kbps': 0.5}
        """
        negotiated = self.negotiated or SessionEvent()
        texts = {
            "user": negotiated.user,
            "host": negotiated.host,
            "user_str": self.user_str,
            "cookie": self.cookie,
            "xfer_id": self.xfer_id,
        }
        shown = {name: text and redact_words(text) for name, text in texts.items()}
        about = {
            "id": redact_words(self.id),
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "direction": self.direction,
            "user": shown["user"],
            "host": shown["host"],
            "source": negotiated.source and [redact_urls(path) for path in negotiated.source],
            "destination": negotiated.destination and redact_urls(negotiated.destination),
            "user_str": shown["user_str"],
            "cookie": shown["cookie"],
            "xfer_id": shown["xfer_id"],
            "target_rate_kbps": self.target_rate_kbps,
            "min_rate_kbps": self.min_rate_kbps,
            "policy": self.policy,
        }
        return {**about, **self.figures_to_dict(), "failures": [file.to_dict() for file in self.failures]}

    def __repr__(self) -> str:
        return f"<Session {redact_words(self.id)!r} {self.state}, {self.progress:.0%}>"


def _latest(new: Any, old: Any) -> Any:
    return old if new is None else new
