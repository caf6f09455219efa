"""The four views by name, and the functions that make one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import attrs

from faspmgr.tracking import Session
from faspmgr.views.facts import Facts
from faspmgr.views.structure import Structure
from faspmgr.views.tables import CHANNEL, CONNECTION, DESTINATION, SERVER

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

KINDS: Mapping[str, Structure[Facts]] = {
    "channel": CHANNEL,
    "connection": CONNECTION,
    "destination": DESTINATION,
    "server": SERVER,
}
"""The structure of each kind of view."""


@attrs.frozen
class View:
    """State of a session in the structure of another system, as it was when the view was made."""

    kind: str
    """``channel``, ``connection``, ``destination`` or ``server``."""
    values: Mapping[str, Any]
    """Every field of the structure in its documented order, JSON-ready; None if it is unknown."""

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a new dict; nested objects are those of ``values``.

        Example:
            >>> channel(Session("s")).to_dict()["bytes_client_to_server"]
            0
        """
        return dict(self.values)

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of ``to_dict``. It allows fields that are not documented."""
        return KINDS[self.kind].json_schema()


def view(kind: str, session: Session, *, start_time: datetime | None = None, ascp: AscpInfo | None = None) -> View:
    """Return the view of this kind of a session as it is now.

    Args:
        kind: one of ``KINDS``.
        session: the session; ``keep_files(kind)`` says what its tracker must keep of the files.
        start_time: when the session began, with a time zone; without it every time is None.
        ascp: output of ``ascp -A`` of the serving program, from ``faspmgr.ascp.describe_ascp``. A server's
            version, revision, platform and license are taken from it, and are None without it.

    Raises:
        KeyError: the kind is unknown.
        ValueError: start_time has no time zone.
    """
    return View(kind, KINDS[kind].to_dict(Facts(session, start_time, ascp)))


def channel(session: Session, *, start_time: datetime | None = None) -> View:
    """Return the audit record of a session and its files. Args and Raises as for ``view``.

    It has the files that the tracker keeps: all with ``Tracker(keep_files="all")``, otherwise those in progress.
    """
    return view("channel", session, start_time=start_time)


def connection(session: Session, *, start_time: datetime | None = None) -> View:
    """Return the connection of a session. Args and Raises as for ``view``."""
    return view("connection", session, start_time=start_time)


def destination(session: Session, *, start_time: datetime | None = None) -> View:
    """Return the receiving end of a session. Args and Raises as for ``view``."""
    return view("destination", session, start_time=start_time)


def server(session: Session, ascp: AscpInfo | None = None, *, start_time: datetime | None = None) -> View:
    """Return the server of a session. Args and Raises as for ``view``."""
    return view("server", session, start_time=start_time, ascp=ascp)


def keep_files(kind: str) -> Literal["all", "unfinished"]:
    """Return which files a Tracker must keep for a view of this kind: a channel lists all, the others none."""
    return "all" if kind == "channel" else "unfinished"


def describe_view(kind: str, width: int = 100) -> str:
    """Return the reference of a view: type, meaning and source of each field, and when it is null.

    Args:
        kind: one of ``KINDS``.
        width: columns.

    Raises:
        KeyError: the kind is unknown.
    """
    return "\n\n".join(structure.describe(f"view {kind}", width) for structure in KINDS[kind].nested())
