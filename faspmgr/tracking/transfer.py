"""One transfer: the sessions that belong together, summed.

Sessions of one transfer are parts (of a multi-session transfer, side by side) or attempts (one after the other). A
session replaces an earlier one of the same node that failed or was lost before it began. What was replaced counts as an
attempt; what it brought to the destination is still there. A file is one file, however many sessions know it: that is
worked out in the inventory. Of files that are not listed there, and of the job's size, the highest that any attempt at
a part has reached counts, summed over the parts.

All sums are worked out together, once per change, in time proportional to the sessions. ``Tracker`` calls
``changed()``, and so does whoever applies events to the sessions of a transfer without a Tracker.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Any, NamedTuple

from faspmgr.protocol.codes import USER_CANCEL
from faspmgr.redaction import redact_words
from faspmgr.tracking.figures import Totals, eta, figures, kbps, progress
from faspmgr.tracking.files import Failure
from faspmgr.tracking.inventory import Inventory, Names
from faspmgr.tracking.session import ENDED, Session, SessionState
from faspmgr.verdicts import badness

_UNFINISHED: tuple[SessionState, ...] = ("transferring", "negotiated", "connecting")
"""The state of a transfer is the first of these that one of its sessions has; once all have ended that of the worst."""


_Part = tuple[str, int, int]
"""XferId, ClusterNumNodes, ClusterNodeId."""


class _Sums(NamedTuple):
    """What a transfer sums over its sessions at one moment."""

    current: list[Session]
    state: SessionState
    error: Failure | None
    bytes_done: int
    bytes_arrived: int
    bytes_transferred: int
    bytes_written: int
    bytes_lost: int
    bytes_moved: int
    estimated_bytes: int
    expected_bytes: int | None
    expected_files: int | None
    files_done: int
    files_skipped: int
    files_failed: int
    files_active: int
    rtt_ms: int | None
    elapsed_usec: int
    rate_kbps: float


class Transfer:
    """The sessions that belong together: parts of a multi-session transfer, and attempts at the same one.

    Args:
        id: XferId, else UserStr, else SessionId.
        sessions: those it begins with.
        names: counts the file names of several transfers together; None for a count of its own.
    """

    def __init__(self, id: str, sessions: Iterable[Session] = (), names: Names | None = None) -> None:
        self.id = id
        """XferId, else UserStr, else SessionId."""
        self.sessions: list[Session] = []
        """All sessions, in order of appearance."""
        # The files that its sessions know.
        self._inventory = Inventory(Names() if names is None else names)
        # The sums; None when something has changed since they were worked out. Tracker looks at it for each event.
        self.sums: _Sums | None = None
        # For the sessions whose XferId and node name a part: the latest session of each part, and the part of each.
        self._latest_of_part: dict[_Part, Session] = {}
        self._part_of: dict[Session, _Part] = {}
        for session in sessions:
            self.add(session)

    # -- what changes it

    def changed(self) -> None:
        """Work the sums out anew when somebody asks: a session has changed."""
        self.sums = None

    def add(self, session: Session) -> None:
        """Add a session."""
        self.sessions.append(session)
        self._inventory.add(session)
        session.join(self._inventory.enlist)
        self.sums = None

    def remove(self, session: Session) -> None:
        """Remove a session.

        Raises:
            ValueError: it is not one of this transfer.
        """
        self.sessions.remove(session)
        self._inventory.remove(session)
        session.leave()
        if not self.sessions:
            self._inventory.close()
        self._forget_part(session)
        self.sums = None

    def replace_by(self, session: Session) -> None:
        """Lose the session that this one replaces: two sessions of one part cannot run at the same time.

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
            old.lose(before=session)
        self._latest_of_part[part] = session
        self._part_of[session] = part
        self.sums = None

    def _forget_part(self, session: Session) -> None:
        part = self._part_of.pop(session, None)
        if part is not None and self._latest_of_part.get(part) is session:
            del self._latest_of_part[part]

    # -- which sessions count

    @property
    def current(self) -> list[Session]:
        """The sessions that count: those that no later attempt has replaced."""
        return self._now.current

    @property
    def attempts(self) -> int:
        """How many times it was begun: 1 plus the number of replaced sessions."""
        return 1 + len(self.sessions) - len(self._now.current)

    def _chains(self) -> list[list[Session]]:
        """The sessions that count, each with those that it replaced, latest first."""
        chains: dict[Session, list[Session]] = {}
        # By node: the failed and lost sessions that a later one may replace, the first to end in front.
        unfinished: dict[int | None, list[tuple[int, int, Session]]] = {}
        for session in self.sessions:
            candidates = unfinished.setdefault(session.node, [])
            chain = [session]
            if candidates and candidates[0][0] < session.began:
                chain += chains.pop(heapq.heappop(candidates)[2])
            if session.state in ("failed", "lost") and session.ended_in is not None:
                heapq.heappush(candidates, (session.ended_in, session.began, session))
            chains[session] = chain
        return list(chains.values())

    # -- the sums

    @property
    def _now(self) -> _Sums:
        if self.sums is None:
            self.sums = self._work_out()
        return self.sums

    def _work_out(self) -> _Sums:
        chains = self._chains()
        current = [chain[0] for chain in chains]
        states = {session.state for session in current}
        state: SessionState = next((state for state in _UNFINISHED if state in states), "connecting")
        error = None
        if states and states <= ENDED:
            worst = max(current, key=_badness)
            state, error = worst.state, worst.error
        moving = [session for session in current if not session.ended or state in ENDED]
        files = self._files(chains, done=state == "done")
        expected_bytes, expected_files = self._expected(chains, files)
        return _Sums(
            current=current,
            state=state,
            error=error,
            bytes_done=files.bytes,
            bytes_arrived=sum(session.bytes_arrived for session in current),
            bytes_transferred=sum(session.bytes_transferred for session in self.sessions),
            bytes_written=sum(session.bytes_written for session in current),
            bytes_lost=sum(session.bytes_lost for session in self.sessions),
            bytes_moved=sum(session.bytes_transferred or session.bytes_written for session in current),
            estimated_bytes=files.estimate if expected_bytes is None else expected_bytes,
            expected_bytes=expected_bytes,
            expected_files=expected_files,
            files_done=files.done,
            files_skipped=files.skipped,
            files_failed=files.failed,
            files_active=files.active,
            rtt_ms=max((session.rtt_ms for session in current if session.rtt_ms is not None), default=None),
            elapsed_usec=max((session.elapsed_usec for session in current), default=0),
            rate_kbps=sum(session.rate_kbps for session in moving),
        )

    def _files(self, chains: list[list[Session]], *, done: bool) -> Totals:
        """The sums over all files, each once."""
        sums = Totals()
        sums.absorb(self._inventory.totals)
        for chain in chains:
            for session in chain:
                own = session.filelist.own
                sums.bytes += own.bytes
                sums.estimate += own.estimate
                sums.done += own.done
                sums.skipped += own.skipped
            _add_unlisted(sums, chain)
            latest = chain[0]
            own = latest.filelist.own
            sums.failed += own.failed + latest.filelist.unlisted.failed
            sums.active += own.active + latest.filelist.unlisted.active
            for name, count in zip(("done", "skipped", "failed"), latest.end_counts, strict=True):
                setattr(sums, name, getattr(sums, name) + count)
        if done:  # of files that sessions share, too, whatever they have told of their parts
            shared = self._inventory.totals.active
            sums.done, sums.active = sums.done + shared, sums.active - shared
        return sums

    def _expected(self, chains: list[list[Session]], files: Totals) -> tuple[int | None, int | None]:
        """The size of the job, and the count of its files, where every part has calculated its own.

        Where the parts share a file and all say the same, that is taken as the job's, not as each one's.
        """
        job = [_reached(chain, "job_bytes") for chain in chains]
        counts = [_reached(chain, "expected_files") for chain in chains]
        expected_bytes, expected_files = _sum(job), _sum(counts)
        one_job = len(chains) > 1 and self._inventory.totals.estimate > 0 and len(set(job)) == 1
        if one_job and job[0] is not None and files.estimate <= job[0]:
            expected_bytes, expected_files = job[0], counts[0]
        finished = files.done + files.skipped + files.failed + files.active
        return (
            None if expected_bytes is None else max(expected_bytes, files.estimate),
            None if expected_files is None else max(expected_files, finished),
        )

    # -- what it is

    @property
    def state(self) -> SessionState:
        """That of the session which is least far; once all have ended that of the worst, see verdicts.badness."""
        return self._now.state

    @property
    def ended(self) -> bool:
        """True when all sessions that count are done, failed or lost."""
        return self._now.state in ENDED

    @property
    def error(self) -> Failure | None:
        """That of the session whose state is the transfer's; None unless it failed."""
        return self._now.error

    # -- how far it is

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination, those from before and from earlier attempts included."""
        return self._now.bytes_done

    @property
    def bytes_arrived(self) -> int:
        """Bytes brought there by the sessions that count, without what earlier attempts did."""
        return self._now.bytes_arrived

    @property
    def bytes_transferred(self) -> int:
        """Bytes that went over the network, in all attempts."""
        return self._now.bytes_transferred

    @property
    def bytes_written(self) -> int:
        """Bytes written at the destination, as the sessions that count say."""
        return self._now.bytes_written

    @property
    def bytes_lost(self) -> int:
        """Bytes lost on the way, in all attempts."""
        return self._now.bytes_lost

    @property
    def expected_bytes(self) -> int | None:
        """Bytes; the job's size where every part has calculated its own beforehand."""
        return self._now.expected_bytes

    @property
    def estimated_bytes(self) -> int:
        """Bytes; best knowledge of the job's size."""
        return self._now.estimated_bytes

    @property
    def expected_files(self) -> int | None:
        """Count; the job's files where every part has counted its own beforehand."""
        return self._now.expected_files

    @property
    def files_done(self) -> int:
        """Count of the files that are done, without those skipped."""
        return self._now.files_done

    @property
    def files_skipped(self) -> int:
        """Count of the skipped files."""
        return self._now.files_skipped

    @property
    def files_failed(self) -> int:
        """Count of the failed files."""
        return self._now.files_failed

    @property
    def files_active(self) -> int:
        """Count of the files in progress."""
        return self._now.files_active

    @property
    def rtt_ms(self) -> int | None:
        """Milliseconds; the longest of the sessions."""
        return self._now.rtt_ms

    @property
    def elapsed_usec(self) -> int:
        """Microseconds; that of the session which took longest."""
        return self._now.elapsed_usec

    @property
    def rate_kbps(self) -> float:
        """Kilobits per second; the present rates of the sessions that have not ended, summed."""
        return self._now.rate_kbps

    @property
    def average_rate_kbps(self) -> float:
        """Kilobits per second over the network since the sessions that count began."""
        return kbps(self._now.bytes_moved, self.elapsed_usec)

    @property
    def progress(self) -> float:
        """From 0 to 1."""
        return progress(self)

    @property
    def eta_seconds(self) -> float | None:
        """Seconds until the end at the present rate; None where that is not known."""
        if self.state == "done":
            return 0.0
        if self.ended:
            return None
        return eta(self.estimated_bytes - self.bytes_done, self.rate_kbps, self.average_rate_kbps)

    def to_dict(self) -> dict[str, Any]:
        """The state with all sessions, ready for JSON; without secrets."""
        about = {
            "id": redact_words(self.id),
            "state": self.state,
            "error": self.error and self.error.to_dict(),
            "attempts": self.attempts,
        }
        return {**about, **figures(self), "sessions": [session.to_dict() for session in self.sessions]}

    def __repr__(self) -> str:
        return f"<Transfer {redact_words(self.id)!r} {self.state}, {self.progress:.0%}>"


def _add_unlisted(sums: Totals, chain: list[Session]) -> None:
    """Add what no name stands for: of the attempts at a part the one that got furthest, as their files are the same."""
    lists = [session.filelist.unlisted for session in chain]
    beyond = [session.bytes_done - session.filelist.bytes_done for session in chain]
    sums.bytes += max(each.bytes + more for each, more in zip(lists, beyond, strict=True))
    sums.estimate += max(each.estimate + more for each, more in zip(lists, beyond, strict=True))
    furthest = max(lists, key=lambda each: each.done + each.skipped)
    sums.done += furthest.done
    sums.skipped += furthest.skipped


def _badness(session: Session) -> int:
    return badness(session.state, cancelled=session.error is not None and session.error.code == USER_CANCEL)


def _reached(chain: list[Session], name: str) -> int | None:
    """The highest value that any attempt at a part has; None if none has one."""
    return max((value for session in chain if (value := getattr(session, name)) is not None), default=None)


def _sum(values: list[int | None]) -> int | None:
    """The sum; None if one is None."""
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None
