"""What a command reads, tracked, and how its transfers ended: as the recorded run said, else as the stream shows.

A line of code may stand here if it brings the two together.
"""

from __future__ import annotations

from collections.abc import Iterator
from weakref import WeakKeyDictionary

from faspmgr.captures import Piece
from faspmgr.cli.reading import Reading
from faspmgr.cli.text import Ending
from faspmgr.protocol.events import Event
from faspmgr.tracking import Session, Tracker
from faspmgr.verdicts import EXIT_STATUS, ExitStatus, Verdict, exit_status, verdict_of


class Retold:
    """What is read, tracked.

    Args:
        source: what is read.

    Attributes:
        tracker: the state.
    """

    def __init__(self, source: Reading) -> None:
        self.tracker = Tracker()
        self._source = source
        # The recording that each session is of.
        self._recordings: WeakKeyDictionary[Session, str] = WeakKeyDictionary()
        # The recordings of which there were events.
        self._told: set[str] = set()

    def pieces(self) -> Iterator[Piece[Event]]:
        """Give what was read after it was tracked."""
        tracker = self.tracker
        for piece in self._source.pieces(self._source.make_event_reader):
            stream = piece.stream
            latest = None
            for event in piece.results:
                session = tracker.update(event, stream)
                if stream and session is not latest:
                    latest = session
                    self._recordings[session] = stream.recording
                    self._told.add(stream.recording)
            if piece.ended:
                tracker.end(stream)
            yield piece

    def endings(self) -> list[Ending]:
        """How each transfer ended, and each recorded run of which there is no transfer."""
        return [ending for ending, _counts in self._endings()]

    def recorded_result(self) -> Ending | None:
        """How the recorded runs ended, in one; None if no result was recorded."""
        if not self._source.results:
            return None
        endings = self._counted()
        return Ending(
            self._verdict(endings),
            next((ending.error for ending in endings if ending.error), None),
            "; ".join(dict.fromkeys(ending.reason for ending in endings if ending.reason)),
            any(ending.interrupted for ending in endings),
        )

    def status(self) -> ExitStatus:
        """The exit status: of a recorded run that of the run."""
        endings = self._counted()
        verdict = self._verdict(endings)
        return exit_status(verdict, endings[0].interrupted) if len(endings) == 1 else EXIT_STATUS[verdict]

    def _counted(self) -> list[Ending]:
        return [ending for ending, counts in self._endings() if counts]

    def _verdict(self, endings: list[Ending]) -> Verdict:
        if len(endings) == 1 and endings[0].verdict == "not started":
            return "not started"
        return verdict_of(ending.verdict for ending in endings)

    def _endings(self) -> list[tuple[Ending, bool]]:
        """How each transfer ended, and whether that counts: the result of a run covers all that was recorded of it."""
        results = self._source.results
        covered: set[str] = set()
        endings = []
        for transfer in self.tracker.transfers.values():
            # Where several recordings have attempts at it, the latest counts.
            of = [self._recordings[session] for session in transfer.sessions if session in self._recordings]
            result = results.get(of[-1]) if of else None
            if result and of[-1] not in covered:
                covered.add(of[-1])
                about = (result.verdict, result.error, result.reason, result.interrupted)
                endings.append((Ending(*about, transfer), True))
            else:
                endings.append((Ending.of(transfer), result is None))
        for recording, result in results.items():
            if recording not in self._told:
                endings.append((Ending(result.verdict, result.error, result.reason, result.interrupted), True))
        return endings
