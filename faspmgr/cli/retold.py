"""Outcomes of the transfers that a command reads: as the recorded run reported them, else as the stream shows."""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from faspmgr.captures import Piece
from faspmgr.cli.reading import Reading
from faspmgr.cli.text import Ending
from faspmgr.protocol.events import Event
from faspmgr.tracking import Session, Tracker
from faspmgr.verdicts import Outcome, combine


class Retold:
    """Tracks the events of a source."""

    def __init__(self, source: Reading) -> None:
        self.tracker = Tracker()
        """State of the sessions and transfers so far."""
        self._source = source
        # The recording of each session.
        self._recordings: WeakKeyDictionary[Session, str] = WeakKeyDictionary()
        # The recordings that had events.
        self._seen: set[str] = set()

    def pieces(self) -> Iterator[Piece[Event]]:
        """Yield each piece after its events were applied."""
        tracker = self.tracker
        for piece in self._source.pieces(self._source.make_event_reader):
            stream = piece.stream
            latest = None
            for event in piece.results:
                session = tracker.update(event, stream)
                if stream and session is not latest:
                    latest = session
                    self._recordings[session] = stream.recording
                    self._seen.add(stream.recording)
            if piece.ended:
                tracker.end(stream)
            yield piece

    def endings(self) -> list[Ending]:
        """Return how each transfer ended, and each recorded run that has no transfer."""
        return [ending for ending, _counts in self._endings()]

    def outcome(self) -> Outcome:
        """Return how all that was read ended, in one. The result of a recorded run covers the whole recording."""
        return combine(outcome for (outcome, _transfer), counts in self._endings() if counts)

    def recorded_outcome(self) -> Outcome | None:
        """Return the outcome if it has the result of a recorded run, else None."""
        return self.outcome() if self._source.results else None

    def _endings(self) -> list[tuple[Ending, bool]]:
        """Return how each transfer ended, and whether that counts."""
        results = self._source.results
        covered: set[str] = set()
        endings: list[tuple[Ending, bool]] = []
        for transfer in self.tracker.transfers.values():
            # If several recordings have attempts at it, the latest counts.
            names = [self._recordings[session] for session in transfer.sessions if session in self._recordings]
            result = results.get(names[-1]) if names else None
            if result and names[-1] not in covered:
                covered.add(names[-1])
                endings.append(((result, transfer), True))
            else:
                endings.append(((transfer.outcome, transfer), result is None))
        unseen = [result for recording, result in results.items() if recording not in self._seen]
        return endings + [((result, None), True) for result in unseen]
