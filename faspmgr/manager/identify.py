"""Is a connection that of our ascp? Nothing authenticates it: any program on this machine can connect to the port.

What stands in this module decides that for one run of ascp, and keeps what a connection sends until it is decided: no
event and no byte of a stranger reaches the tracker, the recording or a callback.

The first connection whose first message is INIT with the UserStr that was given to ascp with ``-u`` is ours, unless the
system shows that a stranger has made it (owner.py); every later one is refused. There is one exception. An ascp that
fails at its start, on a command line without a host for one, sends INIT without a UserStr, then ERROR (seen, 3.9.0). A
stranger that the system does not show could do so, too. So a connection like that is held back until the process has
exited: it was ours if the process has failed and made no other connection, and is refused otherwise.

For security there are limits on how long and how much a connection without a UserStr may send, and on the refusals that
are kept.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

import attrs

from faspmgr.manager.owner import Owners
from faspmgr.manager.port import Connection
from faspmgr.protocol.events import ErrorEvent, Event, InitEvent

IDENTIFY_TIMEOUT = 5.0
"""Seconds in which a connection must send its first message, and one without a UserStr all that it has to send."""
MAX_STARTUP_EVENTS = 100
MAX_REFUSED = 100


@attrs.define
class Visitor:
    """A connection before it is clear whose it is.

    Attributes:
        connection: the connection.
        events: what it has sent; none if it has closed without a message.
        pieces: the same as bytes, as they came.
    """

    connection: Connection
    events: list[Event] = attrs.field(factory=list)
    pieces: list[bytes] = attrs.field(factory=list)

    async def read_first(self) -> None:
        """Read the first messages."""
        self.connection.tap = self.pieces.append
        self.events = await self.connection.read()

    async def read_rest(self) -> None:
        """Read what else there is, if it is short."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(IDENTIFY_TIMEOUT):
                while len(self.events) < MAX_STARTUP_EVENTS and (more := await self.connection.read()):
                    self.events += more

    @property
    def is_nameless(self) -> bool:
        """Has it begun with INIT, and not said a UserStr?"""
        return bool(self.events) and isinstance(self.events[0], InitEvent) and self.events[0].user_str is None

    @property
    def has_failed(self) -> bool:
        """Is its latest message ERROR?"""
        return bool(self.events) and isinstance(self.events[-1], ErrorEvent)


class Identification:
    """Tells which connection is that of our ascp, for one run of it.

    Args:
        user_str: what the first INIT of our ascp says.
        on_refused: called with a line about each connection that is refused.

    Attributes:
        owners: tells who has made a connection; None as long as no ascp was started.
        looking: how many connections wait for what owners has to tell.
    """

    def __init__(self, user_str: str, on_refused: Callable[[str], None]) -> None:
        self.owners: Owners | None = None
        self.looking = 0
        # The connection of our ascp; None until it is known. It stays here after it has closed.
        self.connection: Connection | None = None
        # Connections that were not ours, and why: a line for each, the first MAX_REFUSED.
        self.refused: list[str] = []

        self._user_str = user_str
        self._on_refused = on_refused
        # The first connection that may be an ascp which has failed at its start, and why it is refused if it is none.
        self._held_back: tuple[Visitor, str] | None = None

    async def identify(self, connection: Connection) -> Visitor | None:
        """Find out whose a new connection is.

        Returns:
            The connection of our ascp, open, with what it has sent so far. None if it is somebody else's, or if that is
            not clear before ascp has exited; it is closed then.
        """
        visitor = Visitor(connection)
        await visitor.read_first()
        problem = self._problem(visitor.events)
        may_have_failed = visitor.is_nameless and not self.connection
        if not problem or may_have_failed:
            stranger = await self._stranger(connection)
            if stranger is None:
                problem = self._problem(visitor.events)  # once more: another one may have been accepted meanwhile
            else:
                problem, may_have_failed = f"process {stranger} has made it, which ascp has not started", False
        if not problem:
            self.connection = connection
            return visitor
        if may_have_failed:
            await visitor.read_rest()
        await connection.aclose()
        refusal = f"refused a connection from {connection.peer}: {problem}"
        if may_have_failed and visitor.has_failed and not self._held_back:
            self._held_back = visitor, refusal
        else:
            self._refuse(refusal)
        return None

    async def _stranger(self, connection: Connection) -> int | None:
        """The process of a stranger that has made a connection; None if it is ours, or nothing tells whose it is."""
        if not self.owners or not connection.ends:
            return None
        self.looking += 1
        try:
            return await self.owners.stranger(connection.ends)
        finally:
            self.looking -= 1

    def _problem(self, events: list[Event]) -> str:
        """Why this is not our ascp; empty if it is."""
        if self.connection:
            return "ascp has connected already"
        if not events:
            return "it sent no message"
        if not isinstance(events[0], InitEvent):
            return f"its first message is {events[0].type[:20]}, not INIT"
        if events[0].user_str != self._user_str:
            return "its UserStr is not the one that was given to ascp"
        return ""

    def settle(self, exit_status: int | None) -> Visitor | None:
        """Decide about a connection that was held back, when no more will come.

        Args:
            exit_status: that of the process, None if it has not exited.

        Returns:
            The connection if it was that of our ascp.
        """
        if not self._held_back:
            return None
        (visitor, refusal), self._held_back = self._held_back, None
        if self.connection or exit_status in (None, 0):
            self._refuse(refusal)
            return None
        self.connection = visitor.connection
        return visitor

    def _refuse(self, refusal: str) -> None:
        if len(self.refused) < MAX_REFUSED:
            self.refused.append(refusal)
            self._on_refused(refusal)
