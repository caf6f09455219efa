"""The state of a transfer in the structures of other transfer systems: channel, connection, destination, server.

>>> from faspmgr import Tracker, parse
>>> tracker = Tracker(keep_files="all")
>>> for event in parse(b"FASPMGR 2\\nType: INIT\\nSessionId: s\\nDirection: Send\\n\\n"):
...     session = tracker.update(event)
>>> channel(session).to_dict()["type"]
'FASP'

Tokens and passwords are in none of them. ``MAPPING`` says where each field comes from; ``describe_view`` prints it.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, cast

from faspmgr.tracking import Session
from faspmgr.views.base import Structure
from faspmgr.views.facts import Facts
from faspmgr.views.live import StreamClock, ViewWriter
from faspmgr.views.mapping import KINDS, MAPPING, Row, describe_view, fill, keep_files
from faspmgr.views.structures import (
    Channel,
    ChannelFile,
    CloudFileCache,
    Connection,
    Destination,
    DestinationTransferDefaults,
    FileStatus,
    GarbageCollection,
    ReceiverServerInformation,
    ServerBandwidthLimits,
    ServerConfiguration,
    ServerInformation,
    ServerLicense,
    ServerUser,
)

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

__all__ = [
    "KINDS",
    "MAPPING",
    "Channel",
    "ChannelFile",
    "CloudFileCache",
    "Connection",
    "Destination",
    "DestinationTransferDefaults",
    "FileStatus",
    "GarbageCollection",
    "ReceiverServerInformation",
    "Row",
    "ServerBandwidthLimits",
    "ServerConfiguration",
    "ServerInformation",
    "ServerLicense",
    "ServerUser",
    "StreamClock",
    "Structure",
    "ViewWriter",
    "channel",
    "connection",
    "describe_view",
    "destination",
    "keep_files",
    "server",
    "view",
]


def view(kind: str, session: Session, *, start_time: datetime | None = None, ascp: AscpInfo | None = None) -> Structure:
    """The view of this kind ("channel", "connection", "destination", "server") of a session as it is now.

    start_time: when the session began; without it every time is None. ascp: see server().

    Raises ValueError for a start_time without a time zone, KeyError for a kind that is none.
    """
    return fill(kind, Facts(session, start_time, ascp))


def channel(session: Session, *, start_time: datetime | None = None) -> Channel:
    """The audit record of a session and its files.

    It has the files that the tracker keeps: all of them with Tracker(keep_files="all"), else those under way.
    start_time: as for view(), with the same errors.
    """
    return cast(Channel, view("channel", session, start_time=start_time))


def connection(session: Session, *, start_time: datetime | None = None) -> Connection:
    """The connection of a session. start_time: as for view(), with the same errors."""
    return cast(Connection, view("connection", session, start_time=start_time))


def destination(session: Session, *, start_time: datetime | None = None) -> Destination:
    """The receiving end of a session. start_time: as for view(), with the same errors."""
    return cast(Destination, view("destination", session, start_time=start_time))


def server(session: Session, ascp: AscpInfo | None = None, *, start_time: datetime | None = None) -> ServerInformation:
    """The server of a session.

    ascp: what ``ascp -A`` says of the program that serves, from faspmgr.ascp.describe_ascp; version, revision, platform
    and license are taken from it, and are None without it. start_time: as for view(), with the same errors.
    """
    return cast(ServerInformation, view("server", session, start_time=start_time, ascp=ascp))
