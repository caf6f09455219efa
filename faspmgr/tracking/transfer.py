"""One transfer: the sessions that belong together, summed.

Sessions of one transfer are parts (of a multi-session transfer, side by side) or attempts (one after the other). Which
one a session is, is known from ``Tracker.expect()``, or inferred: a session replaces an earlier one of the same part
that failed or was lost before it began. What was replaced counts as an attempt, and what it brought is still there.

The parts are those that ClusterNumNodes announces, seen or not: a transfer is done when all of them are. A session
between INIT and SESSION belongs to its transfer, and changes none of its sums. A file is one file, however many
sessions know it; see registry.py.

All figures are computed together, once after a change, in time proportional to the sessions. ``Tracker`` calls
``invalidate()``; call it after applying events to the sessions of a transfer without a Tracker.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any, cast

from faspmgr.redaction import redact_words
from faspmgr.tracking.figures import ENDED, Figures, SessionState, Totals, kbps
from faspmgr.tracking.file_state import FileState
from faspmgr.tracking.registry import Budget, FileRegistry
from faspmgr.tracking.session import Session
from faspmgr.verdicts import Failure, Outcome, Verdict, severity

_UNFINISHED: tuple[SessionState, ...] = ("transferring", "negotiated", "connecting")
"""The state of a transfer is the first of these that a session has; when all have ended, that of the worst."""

_Part = tuple[str, int, int]
"""XferId, ClusterNumNodes, ClusterNodeId."""

Attempts = list[Session]
"""The attempts at one part, the latest first."""


class Transfer(Figures):
    """The sessions that belong together: parts of a multi-session transfer, and attempts at the same one.

    Args:
        id: XferId, else UserStr, else SessionId.
        sessions: those it begins with.
        budget: how many files it may register together with other transfers; None for a budget of its own.

    Example:
        >>> from faspmgr import DoneEvent, SessionEvent, Tracker
        >>> tracker = Tracker()
        >>> for node in (0, 1):
        ...     negotiated = SessionEvent(session_id=f"s{node}", xfer_id="x", cluster_num_nodes=2, cluster_node_id=node)
        ...     _ = tracker.update(negotiated), tracker.update(DoneEvent(session_id=f"s{node}"))
        ...     print(tracker.transfers["x"].state)
        transferring
        done
    """

    def __init__(self, id: str, sessions: Iterable[Session] = (), budget: Budget | None = None) -> None:
        self.id: str = redact_words(id)
        """XferId, else UserStr, else SessionId; a secret in it is hidden."""
        self.sessions: list[Session] = []
        """All sessions, in order of appearance."""
        self.registry = FileRegistry(budget)
        # Whether no more parts will come.
        self._closed = False
        self.is_computed = False
        """Whether the figures are those of the latest events."""
        self._figures: dict[str, Any] = {}
        # For the sessions whose XferId and node name a part: the latest session of each part, and the part of each.
        self._latest_of_part: dict[_Part, Session] = {}
        self._part_of: dict[Session, _Part] = {}
        for session in sessions:
            self.add(session)

    # -- what changes it

    def invalidate(self) -> None:
        """Compute the figures again when they are read next: a session has changed."""
        self.is_computed = False

    def add(self, session: Session) -> None:
        """Add a session."""
        self.sessions.append(session)
        session.join(self.registry)
        self._closed = False
        self.is_computed = False

    def remove(self, session: Session) -> None:
        """Remove a session.

        Raises:
            ValueError: it is not one of this transfer.
        """
        self.sessions.remove(session)
        if not self.sessions:
            self.registry.close()
        self._forget_part(session)
        self.is_computed = False

    def close(self) -> None:
        """Mark the transfer as complete: parts that were not seen are lost."""
        self._closed = True
        self.is_computed = False

    def replace_by(self, session: Session) -> None:
        """Mark the session as lost that this one replaces: two sessions of one part cannot run at the same time.

        Args:
            session: one of this transfer, which has just been negotiated.
        """
        self._forget_part(session)
        event = session.negotiated
        if event is None or not event.xfer_id or event.cluster_num_nodes is None or event.cluster_node_id is None:
            return
        part = (event.xfer_id, event.cluster_num_nodes, event.cluster_node_id)
        old = self._latest_of_part.get(part)
        if old is not None:
            old.mark_lost(before=session)
        self._latest_of_part[part] = session
        self._part_of[session] = part
        self.is_computed = False

    def _forget_part(self, session: Session) -> None:
        part = self._part_of.pop(session, None)
        if part is not None and self._latest_of_part.get(part) is session:
            del self._latest_of_part[part]

    # -- which sessions count

    @property
    def current(self) -> list[Session]:
        """The sessions that count: the latest attempt at each part."""
        return list(self._compute()["current"])

    @property
    def attempts(self) -> int:
        """How many times it was begun: 1, and 1 for each session that another one has replaced."""
        return 1 + len(self.sessions) - len(self._compute()["current"])

    @property
    def reason(self) -> str:
        """Why it is lost, if parts were not seen: ``1 of 2 parts seen``; otherwise empty."""
        return str(self._compute()["reason"])

    @property
    def outcome(self) -> Outcome | None:
        """How it ended; None while it is in progress."""
        return Outcome(cast(Verdict, self.state), self.error, self.reason) if self.ended else None

    @property
    def failures(self) -> list[FileState]:
        """Failed files that no later attempt has come to; up to 1,000 of each session."""
        current = set(self.current)
        return [
            file
            for session in self.sessions
            for file in session.failures
            if file.shared or session in current or file.totals is session.all_files.exclusive
        ]

    def _attempts_by_part(self) -> list[Attempts]:
        """Return the attempts at each part."""
        attempts: dict[Session, Attempts] = {}  # by the latest one
        # Each session is the next attempt at its part: by what the caller said, else by which one failed before it.
        several = any(session.parts > 1 for session in self.sessions)
        # The latest attempt at each part, of the sessions whose attempt is known.
        known: dict[int | None, Session] = {}
        # By part: the failed and lost sessions that a later one may replace, the first to end in front.
        failed: dict[int | None, list[tuple[int, int, Session]]] = {}
        unknown: list[Session] = []
        for session in self.sessions:
            part = session.part
            if session.attempt is not None:
                latest = known.get(part)
                if latest is not None and (latest.attempt or 0) > session.attempt:
                    attempts[latest].append(session)
                else:
                    attempts[session] = [session, *(attempts.pop(latest) if latest else [])]
                    known[part] = session
            elif several and session.negotiated and session.parts == 1:
                # The whole transfer in one session: another attempt at all parts that have failed.
                earlier: Attempts = []
                for entries in failed.values():
                    while entries and entries[0][0] < session.start_seq:
                        earlier += attempts.pop(heapq.heappop(entries)[2])
                _add_attempt(attempts, failed.setdefault(None, []), session)
                attempts[session] += earlier
            elif several and part is None:
                unknown.append(session)
            else:
                _add_attempt(attempts, failed.setdefault(part, []), session)

        # A session of several that has not reported which part it is failed before the latest attempt began, or is an
        # attempt at the part that failed first.
        last = max(attempts, key=lambda session: session.start_seq, default=None)
        heap = [entry for entries in failed.values() for entry in entries]
        heapq.heapify(heap)
        for early in (True, False):
            for session in unknown:
                ended = session.end_seq if session.state in ("failed", "lost") else None
                if (last is not None and ended is not None and ended < last.start_seq) is not early:
                    continue
                if early and last is not None:
                    attempts[last].append(session)
                else:
                    _add_attempt(attempts, heap, session)
        return list(attempts.values())

    # -- the figures

    def _compute(self) -> dict[str, Any]:
        """Return all figures; see Figures."""
        if not self.is_computed:
            self._figures = self._compute_now()
            self.is_computed = True
        return self._figures

    def _compute_now(self) -> dict[str, Any]:
        parts = self._attempts_by_part()
        current = [attempts[0] for attempts in parts]
        state, error, reason = self._ending(current)

        # Sum the files, each once, and what the end of a session has shown beyond them.
        begun = [[session for session in attempts if session.has_begun] for attempts in parts]
        begun = [attempts for attempts in begun if attempts]
        files, beyond = self._files(begun, done=state == "done")
        expected_bytes, expected_files = self._expected(begun, files)
        bytes_done = files.bytes + beyond
        if expected_bytes is not None:
            bytes_done = max(files.bytes, min(bytes_done, expected_bytes))
        estimated_bytes = max(files.estimate, bytes_done)

        # Sum what the latest attempts have measured. A session that has begun no file has moved nothing.
        latest = [attempts[0] for attempts in begun] or current
        measured = [session for session in latest if session.all_files.has_begun]
        moving = [session.rate_kbps for session in measured if state in ENDED or not session.ended]
        measurements = [session.measured for session in measured]
        times = [session.elapsed_usec for session in latest if session.elapsed_usec is not None]
        elapsed_usec = max(times, default=None)
        return {
            "current": current,
            "state": state,
            "error": error,
            "reason": reason,
            "bytes_done": bytes_done,
            "bytes_arrived": sum(session.bytes_arrived for session in latest),
            "bytes_transferred": sum(session.bytes_transferred for session in self.sessions),
            "bytes_written": sum(session.bytes_written for session in latest),
            "bytes_lost": sum(session.bytes_lost for session in self.sessions),
            "expected_bytes": expected_bytes,
            "estimated_bytes": estimated_bytes if expected_bytes is None else expected_bytes,
            "files_done": files.done,
            "files_skipped": files.skipped,
            "files_failed": files.failed,
            "files_active": files.active,
            "expected_files": expected_files,
            "rtt_ms": max((session.rtt_ms for session in latest if session.rtt_ms is not None), default=None),
            "elapsed_usec": elapsed_usec,
            "rate_kbps": _sum(moving),
            "average_rate_kbps": _average(measurements),
        }

    def _ending(self, current: list[Session]) -> tuple[SessionState, Failure | None, str]:
        """Return state, error and reason."""
        # While a session has not ended, the transfer is as far as the least advanced one.
        states = {session.state for session in current}
        for state in _UNFINISHED:
            if state in states:
                return state, None, ""
        if not current:
            return "connecting", None, ""

        # All have ended. Parts that were announced and not seen yet may follow, until the input has ended.
        worst = max(current, key=_severity)
        announced = _announced(current)
        seen = sum(session.negotiated is not None for session in current) or 1
        if seen < announced and _severity(worst) < severity("lost"):
            if self._closed:
                return "lost", None, f"{seen} of {announced} parts seen"
            if worst.state == "done":
                return "transferring", None, ""
        return worst.state, worst.error, ""

    def _files(self, parts: list[Attempts], *, done: bool) -> tuple[Totals, int]:
        """Return the sums over all files, each once, and the bytes at the destination of files that were not seen."""
        sums = Totals()
        sums.add(self.registry.totals)
        beyond = 0
        for attempts in parts:
            # Files of one session each count. Of those without a name the attempt counts that got furthest.
            for session in attempts:
                sums.add(session.all_files.exclusive)
            overflow = [session.all_files.overflow for session in attempts]
            furthest = max(overflow, key=lambda files: files.done + files.skipped)
            sums.add(furthest)
            sums.bytes += max(files.bytes for files in overflow) - furthest.bytes
            sums.estimate += max(files.estimate for files in overflow) - furthest.estimate
            beyond += max(session.bytes_beyond for session in attempts)
            # Counts of an attempt that came to no file are not those of the part.
            latest = next((one for one in attempts if one.all_files.has_begun or any(one.end_counts)), attempts[0])
            ended, skipped, failed = latest.end_counts
            sums.done, sums.skipped, sums.failed = sums.done + ended, sums.skipped + skipped, sums.failed + failed
        if done:  # so are files that sessions share, whatever was seen of their parts
            shared = self.registry.totals.active
            sums.done, sums.active = sums.done + shared, sums.active - shared
        return sums, beyond

    def _expected(self, parts: list[Attempts], files: Totals) -> tuple[int | None, int | None]:
        """Return the size of the job and the count of its files.

        Each part reports those of its own files, or all those of the job if it shares files with other parts. Of
        several attempts the highest counts: a retry may report only what is left.
        """
        # The sum over the parts; unknown if one was not seen.
        sizes = [_highest(session.job_bytes for session in attempts) for attempts in parts]
        counts = [_highest(session.job_files for session in attempts) for attempts in parts]
        if _announced([attempts[0] for attempts in parts]) > len(parts):
            sizes.append(None)  # a part that was not seen
            counts.append(None)
        size, count = _sum(sizes), _sum(counts)
        # Parts that share files report the same job again.
        if self.registry.parts_share and len(sizes) > 1:
            count = _highest(counts)
            reported = {each for each in sizes if each is not None}
            if len(reported) == 1 and files.estimate <= (only := reported.pop()):
                size = only
        seen = files.done + files.skipped + files.failed + files.active
        return (
            None if size is None else max(size, files.estimate),
            None if count is None else max(count, seen),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the state with all sessions, ready for JSON, without secrets.

        Example:
            >>> shown = Transfer("nightly", [Session("6f0a1f0e")]).to_dict()
            >>> {name: shown[name] for name in ("id", "state", "error", "attempts", "reason", "progress")}
            {'id': 'nightly', 'state': 'connecting', 'error': None, 'attempts': 1, 'reason': '', 'progress': 0.0}
        """
        about = {
            "id": self.id,
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "attempts": self.attempts,
            "reason": self.reason,
        }
        return {**about, **self.figures_to_dict(), "sessions": [session.to_dict() for session in self.sessions]}

    def __repr__(self) -> str:
        return f"<Transfer {self.id!r} {self.state}, {self.progress:.0%}>"


def _add_attempt(attempts: dict[Session, Attempts], failed: list[tuple[int, int, Session]], session: Session) -> None:
    """Add a session as the next attempt after the first of the failed ones that ended before it began.

    Args:
        attempts: by the latest one.
        failed: a heap of end, begin, and session.
        session: the session to add.
    """
    earlier = attempts.pop(heapq.heappop(failed)[2]) if failed and failed[0][0] < session.start_seq else []
    attempts[session] = [session, *earlier]
    if session.state in ("failed", "lost") and session.end_seq is not None:
        heapq.heappush(failed, (session.end_seq, session.start_seq, session))


def _announced(latest: list[Session]) -> int:
    """Return how many parts the latest attempts have announced."""
    return max((session.parts for session in latest), default=1)


def _severity(session: Session) -> int:
    return severity(session.state, session.error)


def _average(measurements: list[tuple[int, int] | None]) -> float | None:
    """Return the average rate of sessions side by side, of the bytes and microseconds that each has measured."""
    known = [each for each in measurements if each is not None]
    if not known or len(known) < len(measurements):
        return None
    return kbps(sum(moved for moved, _ in known), max(usec for _, usec in known))


def _highest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def _sum(values: list[Any]) -> Any:
    """Return the sum; None if one is None, or without any."""
    return sum(values) if values and None not in values else None
