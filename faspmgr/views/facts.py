"""What the structures need to know of a session, in their terms: ends of the connection, times, statuses, stable ids.

Server and client
    ``Remote: Yes`` says that this ascp is the server. Where the stream does not say, it is the client, as the one that
    reports to a manager mostly is. Direction tells whether this ascp sends. The two together say whether the data goes
    to the server; the sender is one end and the destination the other.

Times
    The stream knows the time since its session began, nothing more. With a start time each of its times becomes
    absolute; without one they are None.
"""

from __future__ import annotations

import hashlib
import ipaddress
import re
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

import attrs

from faspmgr.protocol.events import SessionEvent
from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN, redact
from faspmgr.tracking import FileState, Session
from faspmgr.views.base import UUID_PATTERN
from faspmgr.views.structures import (
    FROM_CLIENT_TO_SERVER,
    FROM_SERVER_TO_CLIENT,
    EncryptedConnectionState,
    FileStatus,
    ServerPlatform,
)

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

NAMESPACE = UUID("5b8a2b1e-6f0c-4d8e-9d53-3c1d7a0b9e42")
"""Of the UUIDs made here (version 5). It must never change, or the same capture would give another record."""

STATUS_OF_CODE: Mapping[int, FileStatus] = {
    **dict.fromkeys((5, 19, 34, 37, 41), "PERMISSION_DENIED"),  # no permission, login, authorization, docroot
    **dict.fromkeys((13, 15, 40), "TIMEOUT"),
    **dict.fromkeys((4, 43), "MISSING"),
    53: "CHECKSUM_MISMATCH",  # validation of the whole file
    **dict.fromkeys((48, 49, 61, 62), "DECRYPTION_ERROR"),  # of the file, and at rest
    **dict.fromkeys((25, 26, 35, 36, 59), "STORAGE_UNDEFINED"),  # full, read-only, failing disk, remote storage
    **dict.fromkeys((3, 55, 56, 63), "ID_UNDEFINED"),  # the path names no single file
}
"""The file status for ascp's code; GENERIC_ERROR for every other."""


_NOTHING_SAID = SessionEvent()
_EXPIRY = re.compile(r"Expiration date: ([0-9]{4}-[0-9]{2}-[0-9]{2})\b")


def make_uuid(*parts: str) -> UUID:
    """A UUID that these texts always give. As uuid.uuid5, but for texts that are no UTF-8, too."""
    name = "\0".join(parts).encode("utf-8", "surrogateescape")
    return UUID(bytes=hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16], version=5)


@attrs.define
class Facts:
    """The facts of one session. start_time: when it began, with a time zone; ascp: what is known of its program."""

    session: Session
    start_time: datetime | None = None
    ascp: AscpInfo | None = None

    def __attrs_post_init__(self) -> None:
        if self.start_time is not None and self.start_time.tzinfo is None:
            raise ValueError("start_time needs a time zone")

    @property
    def negotiated(self) -> SessionEvent:
        """The SESSION message; one without any field where none has come."""
        return self.session.negotiated or _NOTHING_SAID

    # -- times

    def at(self, usec: int | None) -> datetime | None:
        """The time on the session's clock as a date; None where it is not known, or beyond the year 9999."""
        if self.start_time is None or usec is None:
            return None
        try:
            return self.start_time + timedelta(microseconds=usec)
        except OverflowError:
            return None

    @property
    def snapshot_time(self) -> datetime | None:
        return self.at(self.session.elapsed_usec)

    @property
    def last_send_time(self) -> datetime | None:
        return self.at(self.session.transferred_usec) if self._sends else None

    @property
    def last_recv_time(self) -> datetime | None:
        """A sender receives word of what was written, a receiver the data."""
        session = self.session
        return self.at(session.written_usec if self._sends else session.transferred_usec)

    # -- the two ends

    @property
    def _sends(self) -> bool | None:
        return None if self.session.direction is None else self.session.direction == "Send"

    @property
    def _is_server(self) -> bool:
        return self.negotiated.remote is True

    @property
    def _to_server(self) -> bool | None:
        return None if self._sends is None else self._sends is not self._is_server

    @property
    def direction(self) -> int | None:
        if self._to_server is None:
            return None
        return FROM_CLIENT_TO_SERVER if self._to_server else FROM_SERVER_TO_CLIENT

    @property
    def bytes_to_server(self) -> int | None:
        return self._bytes_if(self._to_server)

    @property
    def bytes_to_client(self) -> int | None:
        return self._bytes_if(None if self._to_server is None else not self._to_server)

    def _bytes_if(self, this_way: bool | None) -> int | None:
        moved = self.session.bytes_transferred
        return moved if this_way else 0 if this_way is False or not moved else None

    @property
    def _peer_ip(self) -> str | None:
        return _ip(self.negotiated.remote_address) or _ip(self.negotiated.host)

    @property
    def _own_ip(self) -> str | None:
        return _ip(self.negotiated.local_ip)

    @property
    def sender_ip(self) -> str | None:
        return self._end(self._own_ip, self._peer_ip)

    @property
    def destination_ip(self) -> str | None:
        return self._end(self._peer_ip, self._own_ip)

    def _end(self, if_sends: str | None, if_receives: str | None) -> str | None:
        return None if self._sends is None else if_sends if self._sends else if_receives

    @property
    def sender_port(self) -> int | None:
        return self.negotiated.port if self._to_server is False else None

    @property
    def destination_port(self) -> int | None:
        return self.negotiated.port if self._to_server else None

    @property
    def destination_address(self) -> str | None:
        server = self.negotiated.server_hostname if self._to_server else None
        return server or (self.negotiated.host if self._sends else None) or None

    @property
    def destination_id(self) -> str | None:
        address = self.destination_address or self.destination_ip
        return str(make_uuid("destination", address, str(self.destination_port or ""))) if address else None

    @property
    def server_address(self) -> str | None:
        """Host and TCP port at which the client has reached the server."""
        host, port = self.negotiated.host, self.negotiated.tcp_port
        if self._is_server or not host or port is None:
            return None
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    @property
    def destination_node(self) -> str | None:
        node = self.negotiated.server_node_id if self._to_server else self.negotiated.client_node_id
        return node if self._to_server is not None and self.acknowledged else None

    @property
    def destination_instance(self) -> str | None:
        """One run of ascp serves one session: the id of the session tells the instance."""
        return self.session.id or None if self.acknowledged else None

    @property
    def acknowledged(self) -> bool:
        """Has the receiver said that something is written?"""
        return self.session.written_usec is not None

    @property
    def proxy_ip(self) -> str | None:
        return self.negotiated.proxy_ip if self.negotiated.use_proxy else None

    # -- ids

    @property
    def session_id(self) -> str | None:
        return self.session.id or None

    @property
    def channel_id(self) -> UUID:
        if re.fullmatch(UUID_PATTERN, self.session.id):
            return UUID(self.session.id)
        return make_uuid("session", self.session.id)

    def file_id(self, file: FileState) -> UUID:
        if file.fasp_file_id:
            return make_uuid("file", file.fasp_file_id)
        return make_uuid("file", self.session.id, file.name)

    @property
    def user_data(self) -> dict[str, Any] | None:
        tags = self.negotiated.tags
        found = {"UserStr": self.session.user_str, "Cookie": self.session.cookie, "Tags": tags and redact(tags)}
        return {name: value for name, value in found.items() if value} or None

    # -- state

    @property
    def encrypted_connection_state(self) -> EncryptedConnectionState | None:
        if self.negotiated.encryption is False:
            return None
        if self.session.state == "connecting":
            return "negotiating"
        if self.negotiated.encryption is None:
            return None
        return "disconnected" if self.session.ended else "connected"

    @property
    def encryption_available(self) -> bool | None:
        return True if self.negotiated.encryption else None

    @property
    def error_code(self) -> int | None:
        return self.session.error.code if self.session.error else None

    @property
    def error_message(self) -> str | None:
        error = self.session.error
        return error.description or error.meaning if error else None

    @property
    def files_waiting(self) -> int | None:
        session = self.session
        if session.ended:
            return 0
        if session.expected_files is None:
            return None
        begun = session.files_done + session.files_skipped + session.files_failed + session.files_active
        return session.expected_files - begun

    @property
    def authed(self) -> bool | None:
        if self.error_code == 19:
            return False
        session = self.session
        return True if session.path_mtu is not None or session.bytes_transferred or session.state == "done" else None

    @property
    def superuser(self) -> bool | None:
        return False if self.authed is False else None

    @property
    def sandboxed(self) -> bool | None:
        return True if self.authed and self.negotiated.server_docroot else None

    @property
    def owner(self) -> str | None:
        return self.negotiated.user or (self.session.init.user if self.session.init else None)

    @property
    def user_name(self) -> str | None:
        return None if self.negotiated.token or self.authed is False else self.owner

    @property
    def receiver_asks_login(self) -> bool | None:
        return True if self._to_server else None

    @property
    def protocol_version(self) -> int | None:
        event = self.session.negotiated or self.session.init
        return event.to_frame().version if event else None

    # -- rates

    @property
    def target_rate(self) -> int | None:
        return _number(self.session.target_rate_kbps)

    @property
    def min_rate(self) -> int | None:
        return _number(self.session.min_rate_kbps)

    @property
    def first_target_rate(self) -> int | None:
        return _number(self.negotiated.rate)

    @property
    def window_rate(self) -> float:
        return round(self.session.rate_kbps, 1)

    @property
    def latest_rate(self) -> float:
        return round(self.session.latest_rate_kbps, 1)

    @property
    def rate_limit(self) -> int | None:
        cap = self.negotiated.rate_cap
        caps = [cap if cap not in (CAP_NONE, CAP_UNKNOWN) else None, self.negotiated.service_level or None]
        return min((known for known in caps if known is not None), default=None)

    @property
    def limited(self) -> bool | None:
        if self.rate_limit is not None:
            return True
        return False if self.negotiated.rate_cap == CAP_NONE else None

    @property
    def incoming_limited(self) -> bool | None:
        return self.limited if self._to_server else None

    @property
    def incoming_limit(self) -> int | None:
        return self.rate_limit if self._to_server else None

    @property
    def outgoing_limited(self) -> bool | None:
        return self.limited if self._to_server is False else None

    @property
    def outgoing_limit(self) -> int | None:
        return self.rate_limit if self._to_server is False else None

    @property
    def rate_controller_active(self) -> bool | None:
        policy = self.session.policy
        if policy == "Fixed" or self.negotiated.rate_control_algorithm == "alg_none":
            return False
        return True if policy in ("Adaptive", "Trickle") else None

    @property
    def lane(self) -> str | None:
        """The policy as the command line calls it."""
        policy = self.negotiated.adaptive
        if policy == "Adaptive":
            return "high" if self.negotiated.priority == 1 else "fair"
        return {"Fixed": "fixed", "Trickle": "low"}.get(policy or "")

    # -- the program and its license

    @property
    def license_valid(self) -> bool | None:
        if self.license_error:
            return False
        return True if self.ascp else None

    @property
    def license_error(self) -> str | None:
        """The message of a session that a license has ended says whose license it is."""
        error = self.session.error
        if error and error.name.startswith("LIC_"):
            return self.error_message
        if self.ascp is None or self._license_line:
            return None
        return "; ".join(self.ascp.license) or "ascp -A prints no license"

    @property
    def license_expiry(self) -> date | None:
        found = _EXPIRY.search(self._license_line)
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:
            return None

    @property
    def _license_line(self) -> str:
        """What a license that can be read looks like: ``License max rate=…, license no.=…. Expiration date: …``."""
        lines = self.ascp.license if self.ascp else ()
        return next((line for line in lines if line.startswith("License max rate=")), "")

    @property
    def version(self) -> str | None:
        return self.ascp.version or None if self.ascp else None

    @property
    def revision(self) -> int | None:
        """The last part of the version, which numbers the build."""
        last = (self.version or "").rpartition(".")[2]
        return int(last) if last.isascii() and last.isdigit() and len(last) < 20 else None

    @property
    def platform(self) -> ServerPlatform | None:
        name = self.ascp.platform.casefold() if self.ascp else ""
        if name.startswith("win"):
            return "windows"
        if name.startswith(("mac", "darwin", "os x")):
            return "macOS"
        return "linux" if name.startswith("linux") else None


def file_status(file: FileState, session: Session) -> FileStatus:
    """The one of the twelve words that says how it went with a file of a session."""
    if file.state == "failed" and file.error:
        if "checksum" in file.error.description.casefold():
            return "CHECKSUM_MISMATCH"
        return STATUS_OF_CODE.get(file.error.code, "GENERIC_ERROR")
    if file.state == "done":
        return "OK" if _length_fits(file) else "LENGTH_MISMATCH"
    if file.state == "skipped":
        return "OK"
    if not session.ended:
        return "ONGOING"
    # Its end was never reported. Of the errors of a session a timeout alone says for sure why.
    status = STATUS_OF_CODE.get(session.error.code) if session.error else None
    return "TIMEOUT" if status == "TIMEOUT" else "UNCLEAN_CLOSE"


def _length_fits(file: FileState) -> bool:
    """Is as much at the destination as there should be, where the stream says both? For a part of a file Written has
    been read both ways, as bytes of the file and as bytes of the part."""
    if file.size is None or not file.written:
        return True
    end = min(file.size, file.size if file.end_byte is None else file.end_byte + 1)
    return end - (file.start_byte or 0) <= file.written <= file.size


def payload_size(file: FileState) -> int:
    """Bytes of the file that this session has moved to the destination; of a stopped one what was really written."""
    return max(0, (file.written or file.bytes_done) - file.bytes_before)


def _ip(text: str | None) -> str | None:
    try:
        ipaddress.ip_address(text or "")
    except ValueError:
        return None
    return text


def _number(rate: int | str | None) -> int | None:
    """Kilobits per second; None for a percentage, which is one of a bandwidth that may not be known."""
    return rate if isinstance(rate, int) else None
