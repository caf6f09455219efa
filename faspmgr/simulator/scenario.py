"""Synthetic transfers that are believable: the messages of ascp from a few numbers.

The numbers are in ``parameters.py``, a session of the transfer is in ``synthetic.py``, its messages in ``course.py``.
What stands here puts the sessions together: attempts one after the other, parts side by side. What holds in every
stream beside what a course promises:

- TransferBytes over Elapsedusec never exceeds the target rate.
- PreTransferBytes is the sum of the sizes of all files of the session, those that are skipped, fail, are resumed or are
  there already included. Of a file that several sessions share, each counts its part.

Ten million files need no more memory than ten. A million small files are two million messages and take some fifteen
seconds.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from datetime import datetime

import attrs

from faspmgr.protocol.frames import Frame
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.exceptions import CutOffError
from faspmgr.simulator.log import SessionLog
from faspmgr.simulator.parameters import Parameters
from faspmgr.simulator.synthetic import SyntheticSession

RETRY_WAIT_USEC = 2_000_000
"""Between the end of an attempt and the next one."""
NODE_WAIT_USEC = 10_000
"""Between the beginnings of two parts."""

LOG_BEGINS = datetime(2026, 1, 5, 9)
"""The time of the first message, in the log: the same each time, as are the numbers of its processes."""
FIRST_PROCESS = 4096

_Moment = tuple[float, Frame, bool, SyntheticSession]
"""When (microseconds since the beginning), which message, does the stream break off in it, and whose is it?"""


@attrs.frozen(kw_only=True)
class Scenario(Parameters):
    """A synthetic transfer. The same values and seed give the same bytes.

    Args:
        **values: those of Parameters, by keyword.

    Raises:
        ValueError: a value does not fit.

    Example:
        >>> sum(frame.type == "STOP" for frame in Scenario(files=5, size=1000, skip=2).frames())
        3
    """

    def frames(self) -> Iterator[Frame]:
        """Give the messages in the order in which they would come, and no half one where the stream breaks off."""
        whole = itertools.takewhile(lambda moment: not moment[2], self._moments())
        return (frame for _, frame, _, _ in whole)

    def stream(self) -> Iterator[bytes]:
        """Give the bytes, message by message."""
        return _bytes(self._moments())

    def streams(self) -> list[Iterator[bytes]]:
        """Give the bytes of each part by itself, as each ascp sends them on a connection of its own."""
        return [_bytes(self._node(node)) for node in range(self.sessions)]

    def log(self) -> Iterator[bytes]:
        """Give ascp's own log of the same sessions, in pieces of whole lines: each attempt of each part is a process.

        Where the stream breaks off, the log does too.
        """
        asked = Asked(multi_session_threshold=self.multi_session_threshold or -1)
        processes = itertools.count(FIRST_PROCESS)
        logs: dict[int, SessionLog] = {}
        for usec, frame, cut, session in self._moments():
            if cut:
                return
            if frame.type == "INIT":
                logs[session.node] = SessionLog(next(processes), LOG_BEGINS, asked)
            lines = logs[session.node].lines(frame, usec, session.course.messages.http)
            if lines:
                yield lines.encode("utf-8", "surrogateescape")

    def _moments(self) -> Iterator[_Moment]:
        if self.sessions == 1:
            return self._node(0)
        return heapq.merge(*(self._node(node) for node in range(self.sessions)), key=lambda moment: moment[0])

    def _node(self, node: int) -> Iterator[_Moment]:
        """One part of the transfer: its attempts, one after the other."""
        began: float = node * NODE_WAIT_USEC
        for attempt in range(self.retries + 1):
            session = SyntheticSession(self, node, attempt)
            totals = session.course.totals
            try:
                for frame in session.course.run():
                    yield began + totals.elapsed_usec, frame, False, session
            except CutOffError:
                frame = session.last_message()
                yield began + totals.elapsed_usec, frame, True, session
            began += totals.elapsed_usec + RETRY_WAIT_USEC


def _bytes(moments: Iterator[_Moment]) -> Iterator[bytes]:
    for _, frame, cut, _ in moments:
        message = frame.encode()
        yield message[: len(message) // 2] if cut else message
        if cut:
            return
