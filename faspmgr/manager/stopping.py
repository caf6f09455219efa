"""The steps by which an ascp is stopped, and when the next one is due.

STOP_STEPS is the one place where they stand: the code follows it, the tests walk through it, and the documentation
prints it. What is written here knows no process and no clock: whoever supervises an ascp says what time it is, and
carries out the step that is due.

ascp runs in a session of its own, so that a Ctrl-C in the terminal does not reach it: CANCEL comes first, and lets ascp
end its session in order. It has been seen to ignore CANCEL and SIGTERM while it waits for its peer (seen, 3.9.0);
SIGKILL is what ends it then. The signals go to everything that ascp has started, too.
"""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping

import attrs


class StopStep(enum.Enum):
    """A step of stopping ascp. The steps follow each other in this order."""

    CANCEL = "CANCEL"
    SIGTERM = "SIGTERM"
    SIGKILL = "SIGKILL"
    GIVEN_UP = "given up"


@attrs.frozen
class StopRule:
    """What a step does, and how long ascp has until the next one.

    Attributes:
        action: what is done, in words.
        min_seconds: the wait is never shorter, whatever the grace period.
        max_seconds: the wait is never longer, whatever the grace period.
    """

    action: str
    min_seconds: float
    max_seconds: float

    def wait(self, grace: float) -> float:
        """Seconds until the next step: the grace period, held between min_seconds and max_seconds."""
        return min(max(grace, self.min_seconds), self.max_seconds)


STOP_STEPS: Mapping[StopStep, StopRule] = {
    # Left out where nobody hears it: ascp has not connected, has closed its connection, or its session has ended.
    StopStep.CANCEL: StopRule("send the command CANCEL", 0.0, math.inf),
    StopStep.SIGTERM: StopRule("send SIGTERM to ascp and what it has started", 0.0, 2.0),
    # A process that waits for its disk dies only when the disk answers.
    StopStep.SIGKILL: StopRule("send SIGKILL to ascp and what it has started", 5.0, 5.0),
    StopStep.GIVEN_UP: StopRule("leave ascp to the system, which ends it when it can", 0.0, 0.0),
}
"""The steps in their order, with their waits in seconds: the grace period, at most 2, always 5, none."""


DOUBT_SECONDS = 1.0
"""How long it is waited for whether a connection is that of ascp, before it is taken for one that hears no CANCEL."""


class Stopping:
    """How far the stopping of one ascp has come.

    Args:
        grace: the grace period in seconds, see Limits.
    """

    def __init__(self, grace: float) -> None:
        # The step that was taken last; None while there was none.
        self.step: StopStep | None = None

        self._grace = grace
        # The step that comes next, and when; None while ascp is not to be stopped, and after the last step.
        self._next: StopStep | None = None
        self._due = 0.0

    @property
    def begun(self) -> bool:
        """Is ascp to be stopped?"""
        return self.step is not None or self._next is not None

    def begin(self, now: float) -> None:
        """Begin with the first step; without effect where stopping has begun already."""
        if not self.begun:
            self._next, self._due = StopStep.CANCEL, now

    def begin_with_kill(self, now: float) -> None:
        """Leave out all steps before SIGKILL."""
        self._next, self._due = StopStep.SIGKILL, now

    def advance(self, now: float, hears: bool, doubt: bool = False) -> StopStep | None:
        """Go on to the next step if its time has come.

        Args:
            now: the time in seconds.
            hears: whether ascp has a connection over which a CANCEL could end its session.
            doubt: whether that is just being found out.

        Returns:
            The step that is to be carried out now; None if none is due.
        """
        if self._next is None or now < self._due:
            return None
        step = self._next
        if step is StopStep.CANCEL and not hears:
            if doubt and now < self._due + DOUBT_SECONDS:
                return None
            step = StopStep.SIGTERM
        steps = list(STOP_STEPS)
        following = steps.index(step) + 1
        self._next = steps[following] if following < len(steps) else None
        self._due = now + STOP_STEPS[step].wait(self._grace)
        self.step = step
        return step
