"""What did ascp make of a command? It does not acknowledge them: what it reports next is all there is to go by.

A command is accepted, rejected or unanswered. reply_to() says what one event tells about that; it is pure.
PendingCommand keeps a command until there is a reply, or no more can come.
"""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Sequence

import attrs

from faspmgr.protocol.codes import SOME_FILE_ERRS, USER_CANCEL
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
from faspmgr.redaction import redact_urls, redact_words
from faspmgr.tracking import Session
from faspmgr.verdicts import Failure

REPLY_TIMEOUT = 5.0
"""Seconds that a reply is waited for, unless the caller says otherwise."""


@attrs.frozen
class Reply:
    """What ascp made of a command.

    Attributes:
        accepted: True or False by what ascp reported; None if it reported nothing about it in time.
        message: what it reported, in one line.
    """

    accepted: bool | None
    message: str


class PendingCommand:
    """A command that was sent to one ascp, and has no reply yet.

    Args:
        command: the command.
    """

    def __init__(self, command: Command) -> None:
        self._command = command
        self._reply: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        # What ascp has done that is not what was asked for; None if nothing. It may still do what was asked for.
        self._otherwise: Reply | None = None

    def apply(self, event: Event, session: Session) -> None:
        """Look at the next event.

        Args:
            event: the event.
            session: its session, in the state after it.
        """
        reply = reply_to(self._command, event, session)
        if reply:
            self._set(reply)
        elif isinstance(self._command, SetRate) and isinstance(event, NotificationEvent) and _has_rates(event):
            self._otherwise = Reply(False, f"ascp has set {rates_of(session)} instead")

    def end(self) -> None:
        """No more events will come. A cancel has done its work then, also where ascp had to be ended by signals."""
        self._set(self._otherwise or Reply(isinstance(self._command, Cancel), "ascp has ended"))

    def _set(self, reply: Reply) -> None:
        if not self._reply.done():
            self._reply.set_result(reply)

    async def reply(self, timeout: float) -> Reply:
        """The reply, as soon as there is one, or what is known when so many seconds have passed."""
        try:
            async with asyncio.timeout(timeout):
                return await self._reply
        except TimeoutError:
            return self._otherwise or Reply(None, f"no reply from ascp within {timeout:g} s")


def _has_rates(event: NotificationEvent) -> bool:
    return (event.rate, event.min_rate, event.adaptive, event.priority) != (None, None, None, None)


def reply_to(command: Command, event: Event, session: Session) -> Reply | None:
    """What an event tells about a command that was sent before it.

    Args:
        command: the command.
        event: the event.
        session: its session, in the state after it.

    Returns:
        The reply; None if the event tells nothing about the command.
    """
    # The end of the session is the reply to every command: accepted by what was to end it, else rejected.
    if isinstance(event, ErrorEvent):
        failure = Failure(event.code or 0, event.description or "")
        if isinstance(command, Finish) and _has_finished(failure, session):
            return Reply(True, f"the session has finished: {failure}")
        return Reply(isinstance(command, Cancel) and failure.code == USER_CANCEL, f"the session failed: {failure}")
    if isinstance(event, DoneEvent):
        return Reply(isinstance(command, Finish), "the session is done")
    if isinstance(command, SetRate):
        return _rate_reply(command, session) if isinstance(event, NotificationEvent) else None
    if isinstance(command, (StartFile, StopFile)):
        return _file_reply(command, event) if isinstance(event, FileEvent) else None
    if isinstance(command, Query) and isinstance(event, OtherEvent) and event.type == "QUERYRSP":
        return Reply(True, redact_words(event.extra.get("QueryResponse", "")))
    return None


def _has_finished(failure: Failure, session: Session) -> bool:
    """Did a session that reports a failure come to its end nevertheless, as only files have failed?"""
    of_a_file = any(file.error and file.error.code == failure.code for file in session.failures)
    return failure.code == SOME_FILE_ERRS or (of_a_file and not failure.retryable)


def _rate_reply(command: SetRate, session: Session) -> Reply | None:
    """Accepted when all that was asked for is what the session has now; a NOTIFICATION may be about something else."""
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


def _file_reply(command: StartFile | StopFile, event: FileEvent) -> Reply | None:
    if not _is_about(command, event.file or ""):
        return None
    file = redact_urls(event.file or "")
    if isinstance(event, FileErrorEvent):
        failure = Failure(event.code or 0, event.description or "")
        return Reply(isinstance(command, StopFile), f"{file}: {failure}")
    if isinstance(event, (StopEvent, SkipEvent)):
        return Reply(True, f"{file}: {'skipped' if isinstance(event, SkipEvent) else 'complete'}")
    if isinstance(command, StartFile) and isinstance(event, StatsEvent):
        return Reply(True, f"{file}: started")
    return None


def _is_about(command: StartFile | StopFile, file: str) -> bool:
    """Is this the command's file? A STOP names it as STATS do, a START as its source or its destination."""
    if isinstance(command, StopFile) or file == command.source:
        return file == command.source
    names = (posixpath.basename(path.rstrip("/")) for path in (command.source, command.destination))
    return posixpath.basename(file) in names


def combine(replies: Sequence[Reply]) -> Reply:
    """One reply for the sessions of a transfer: accepted if all of them have accepted the command.

    Raises:
        ValueError: there are no replies.
    """
    for accepted in (False, None, True):
        same = [reply for reply in replies if reply.accepted is accepted]
        if same:
            number = f" ({len(same)} of {len(replies)} sessions)" if len(replies) > 1 else ""
            return Reply(accepted, same[0].message + number)
    raise ValueError("no replies")
