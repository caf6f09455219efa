"""Did ascp take an order? It does not acknowledge commands: what it says next is all there is to go by."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence

import attrs

from faspmgr.protocol.commands import Cancel, Command, Finish, Query, SetRate, StartFile, StopFile
from faspmgr.protocol.events import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    FileEvent,
    NotificationEvent,
    OtherEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.protocol.fields import POLICIES
from faspmgr.tracking import Failure, Session

REPLY_TIMEOUT = 5.0
USER_CANCEL = 28


@attrs.frozen
class Reply:
    """What became of an order. taken: by what ascp said, None if it said nothing in time. message: what it said."""

    taken: bool | None
    message: str


class Order:
    """A command that was sent to one ascp, and waits for its answer."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self._answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._otherwise: Reply | None = None  # what ascp has done instead

    def take(self, event: Event, session: Session) -> None:
        """Look at the next event. session: its state after the event."""
        answer = reply_to(self._command, event, session)
        if answer:
            self._set(answer)
        elif isinstance(self._command, SetRate) and isinstance(event, NotificationEvent) and _has_rates(event):
            self._otherwise = Reply(False, f"ascp has set {rates_of(session)} instead")

    def end(self) -> None:
        """No more events will come."""
        self._set(self._otherwise or Reply(False, "ascp has ended"))

    def _set(self, answer: Reply) -> None:
        if not self._answered.done():
            self._answered.set_result(answer)

    async def answer(self, timeout: float) -> Reply:
        """The answer, when there is one, or when timeout seconds have passed."""
        try:
            return await asyncio.wait_for(self._answered, timeout)
        except TimeoutError:
            return self._otherwise or Reply(None, f"no answer from ascp within {timeout:g} s")


def _has_rates(event: NotificationEvent) -> bool:
    return (event.rate, event.min_rate, event.adaptive, event.priority) != (None, None, None, None)


def reply_to(command: Command, event: Event, session: Session) -> Reply | None:
    """What an event says about a command sent before it; None if nothing. session: its state after the event."""
    if isinstance(event, ErrorEvent):
        failure = Failure(event.code or 0, event.description or "")
        return Reply(isinstance(command, Cancel) and failure.code == USER_CANCEL, f"the session failed: {failure}")
    if isinstance(event, DoneEvent):
        return Reply(isinstance(command, Finish), "the session is done")
    if isinstance(command, SetRate):
        return _rate_answer(command, session) if isinstance(event, NotificationEvent) else None
    if isinstance(command, (StartFile, StopFile)):
        return _file_answer(command, event) if isinstance(event, FileEvent) else None
    if isinstance(command, Query) and isinstance(event, OtherEvent) and event.type == "QUERYRSP":
        return Reply(True, event.extra.get("QueryResponse", ""))
    return None


def _rate_answer(command: SetRate, session: Session) -> Reply | None:
    """Taken when all that was asked for is what the session has now; a NOTIFICATION may be about something else."""
    adaptive, priority = POLICIES[command.policy] if command.policy else (None, None)
    asked = (command.target_kbps, command.min_kbps, adaptive, command.priority or priority)
    has = (session.target_rate_kbps, session.min_rate_kbps, session.policy, session.priority)
    if any(wanted is not None and wanted != value for wanted, value in zip(asked, has)):
        return None
    return Reply(True, rates_of(session))


def rates_of(session: Session) -> str:
    """``target 50000 Kbps, minimum 1000 Kbps, policy Fixed``"""
    parts = [
        *(["target " + _kbps(session.target_rate_kbps)] if session.target_rate_kbps is not None else []),
        *(["minimum " + _kbps(session.min_rate_kbps)] if session.min_rate_kbps is not None else []),
        *([f"policy {session.policy}"] if session.policy else []),
    ]
    return ", ".join(parts)


def _kbps(value: int | str) -> str:
    return f"{value} Kbps" if isinstance(value, int) else value


def _file_answer(command: StartFile | StopFile, event: FileEvent) -> Reply | None:
    if not _is_about(command, event.file or ""):
        return None
    if isinstance(event, FileErrorEvent):
        failure = Failure(event.code or 0, event.description or "")
        return Reply(isinstance(command, StopFile), f"{event.file}: {failure}")
    if isinstance(event, (StopEvent, SkipEvent)):
        return Reply(True, f"{event.file}: {'skipped' if isinstance(event, SkipEvent) else 'complete'}")
    if isinstance(command, StartFile) and isinstance(event, StatsEvent):
        return Reply(True, f"{event.file}: started")
    return None


def _is_about(command: StartFile | StopFile, file: str) -> bool:
    if isinstance(command, StopFile) or file == command.source:
        return file == command.source
    names = (posixpath.basename(path.rstrip("/")) for path in (command.source, command.destination))
    return posixpath.basename(file) in names


def together(answers: Sequence[Reply]) -> Reply:
    """One answer for several sessions: taken if all of them took it."""
    for taken in (False, None, True):
        same = [answer for answer in answers if answer.taken is taken]
        if same:
            number = f" ({len(same)} of {len(answers)} sessions)" if len(answers) > 1 else ""
            return Reply(taken, same[0].message + number)
    raise ValueError("no answers")
