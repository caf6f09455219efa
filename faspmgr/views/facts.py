"""Facts of a session that its views need: its two ends, times, rates, statuses, stable ids.

They are computed from the session as it is at that moment, in Python's types. A fact is None if it is unknown.

Server and client
    ``Remote: Yes`` means that this ascp is the server; otherwise it is the client. Direction is that of this ascp. Both
    together show whether the data goes to the server.

Times
    The stream counts microseconds since its session began. With a start time they become times of the calendar.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

import attrs

from faspmgr.protocol.events import SessionEvent
from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN, POLICIES, WIRE_POLICIES, address_and_port, is_ip
from faspmgr.redaction import redact_value, redact_words
from faspmgr.tracking import FileState, Session
from faspmgr.views.structure import UUID_PATTERN

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

ChannelFileStatus = Literal[
    "OK",
    "PERMISSION_DENIED",
    "TIMEOUT",
    "MISSING",
    "LENGTH_MISMATCH",
    "CHECKSUM_MISMATCH",
    "DECRYPTION_ERROR",
    "STORAGE_UNDEFINED",
    "ID_UNDEFINED",
    "UNCLEAN_CLOSE",
    "GENERIC_ERROR",
    "ONGOING",
]
EncryptedConnectionState = Literal["disconnected", "negotiating", "connected"]
ServerPlatform = Literal["windows", "linux", "macOS"]

STATUS_OF_CODE: Mapping[int, ChannelFileStatus] = {
    **dict.fromkeys((5, 19, 34, 37, 41), "PERMISSION_DENIED"),  # no permission, login, authorization, docroot
    **dict.fromkeys((13, 15, 40), "TIMEOUT"),
    **dict.fromkeys((4, 43), "MISSING"),
    53: "CHECKSUM_MISMATCH",  # validation of the whole file
    **dict.fromkeys((48, 49, 61, 62), "DECRYPTION_ERROR"),  # of the file, and at rest
    **dict.fromkeys((25, 26, 35, 36, 59), "STORAGE_UNDEFINED"),  # full, read-only, failing disk, remote storage
    **dict.fromkeys((3, 55, 56, 63), "ID_UNDEFINED"),  # the path names no single file
}
"""Status of a file by the code of its error; GENERIC_ERROR for every other."""

FROM_SERVER_TO_CLIENT = 1
FROM_CLIENT_TO_SERVER = 2

NAMESPACE = UUID("5b8a2b1e-6f0c-4d8e-9d53-3c1d7a0b9e42")
"""Namespace of the UUIDs (version 5). It must never change, or the same capture would have other IDs."""

_NO_SESSION_EVENT = SessionEvent()
_LANES = {pair: word for word, pair in POLICIES.items() if word not in WIRE_POLICIES}
_EXPIRY = re.compile(r"Expiration date: ([0-9]{4}-[0-9]{2}-[0-9]{2})\b")


@attrs.frozen
class Facts:
    """Facts of one session.

    Raises:
        ValueError: start_time has no time zone.
    """

    session: Session
    """The session."""
    start_time: datetime | None = None
    """When it began, with a time zone; None if that is unknown."""
    ascp: AscpInfo | None = None
    """Output of ``ascp -A`` of the serving program; None if it is unknown."""

    def __attrs_post_init__(self) -> None:
        if self.start_time is not None and self.start_time.tzinfo is None:
            raise ValueError("start_time needs a time zone")

    @property
    def negotiated(self) -> SessionEvent:
        """The SESSION message; an empty one before it has come."""
        return self.session.negotiated or _NO_SESSION_EVENT

    @property
    def files(self) -> list[FileFacts]:
        """Files that the tracker keeps."""
        return [FileFacts(self, file) for file in self.session.files.values()]

    def at(self, usec: int | None) -> datetime | None:
        """Return the time in UTC at these microseconds of the session; None if unknown or beyond the year 9999."""
        if self.start_time is None or usec is None:
            return None
        try:
            return (self.start_time + timedelta(microseconds=usec)).astimezone(UTC)
        except OverflowError:
            return None

    # -- the two ends

    @property
    def sends(self) -> bool | None:
        """Whether this ascp sends; None without Direction, as is each fact that depends on it."""
        return None if self.session.direction is None else self.session.direction == "Send"

    @property
    def to_server(self) -> bool | None:
        """Whether the data goes to the server."""
        return None if self.sends is None else self.sends is not (self.negotiated.remote is True)

    @property
    def direction(self) -> int | None:
        """1 from server to client, 2 from client to server."""
        if self.to_server is None:
            return None
        return FROM_CLIENT_TO_SERVER if self.to_server else FROM_SERVER_TO_CLIENT

    def bytes_going(self, *, to_server: bool) -> int | None:
        """Return the bytes that went this way over the network; None if that is unknown.

        Before any byte has moved it is 0. It is unknown without Direction, and if bytes were written without any
        TransferBytes, such as those of a log that ends in the middle of a session.
        """
        session = self.session
        moved = session.bytes_transferred
        written = session.bytes_written or any(
            file.written and file.state != "skipped" for file in session.files.values()
        )
        if not moved and not written:
            return 0
        if self.to_server is None:
            return None
        return 0 if self.to_server is not to_server else moved or None

    @property
    def sender_ip(self) -> str | None:
        """IP of the sending end."""
        return None if self.sends is None else self._own_ip if self.sends else self._peer_ip

    @property
    def destination_ip(self) -> str | None:
        """IP of the receiving end."""
        return None if self.sends is None else self._peer_ip if self.sends else self._own_ip

    @property
    def _own_ip(self) -> str | None:
        return _ip(self.negotiated.local_ip)

    @property
    def _peer_ip(self) -> str | None:
        return _ip(self.negotiated.remote_address) or _ip(self.negotiated.host)

    @property
    def destination_port(self) -> int | None:
        """UDP port of the server, if it receives."""
        return self.negotiated.port if self.to_server else None

    @property
    def destination_address(self) -> str | None:
        """Host name of the receiving end."""
        server = self.negotiated.server_hostname if self.to_server else None
        return server or (self.negotiated.host if self.sends else None) or None

    @property
    def destination_id(self) -> str | None:
        """UUID made of the destination's address and port."""
        address = self.destination_address or self.destination_ip
        return str(make_uuid("destination", address, str(self.destination_port or ""))) if address else None

    @property
    def destination_node(self) -> str | None:
        """Node ID of the receiving end."""
        if self.to_server is None:
            return None
        return self.negotiated.server_node_id if self.to_server else self.negotiated.client_node_id

    @property
    def acknowledged(self) -> bool:
        """Whether the receiver has reported anything as written."""
        return self.session.written_usec is not None

    @property
    def server_address(self) -> str | None:
        """Host and TCP port by which the client has reached the server."""
        host, port = self.negotiated.host, self.negotiated.tcp_port
        if self.negotiated.remote is True or not host or port is None:
            return None
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # -- ids

    @property
    def session_id(self) -> str | None:
        """SessionId; None if it is empty."""
        return self.session.id or None

    @property
    def channel_id(self) -> UUID:
        """SessionId if it is a UUID, otherwise a UUID made of it."""
        session_id = self.session.id
        return UUID(session_id) if re.fullmatch(UUID_PATTERN, session_id) else make_uuid("session", session_id)

    @property
    def user_data(self) -> dict[str, Any] | None:
        """UserStr, Cookie and Tags without secrets; None without any of them."""
        tags = self.negotiated.tags
        texts = {"UserStr": self.session.user_str, "Cookie": self.session.cookie}
        found = {wire: text and redact_words(text) for wire, text in texts.items()} | {
            "Tags": tags and redact_value(tags)
        }
        return {name: value for name, value in found.items() if value} or None

    # -- state

    @property
    def encrypted_connection_state(self) -> EncryptedConnectionState | None:
        """State of the encrypted connection; None if it is not encrypted, or that is unknown."""
        if self.negotiated.encryption is False:
            return None
        if self.session.state == "connecting":
            return "negotiating"
        if self.negotiated.encryption is None:
            return None
        return "disconnected" if self.session.ended else "connected"

    @property
    def error_code(self) -> int | None:
        """Code of the error of the session."""
        return self.session.error.code if self.session.error else None

    @property
    def error_message(self) -> str | None:
        """Description of that error, otherwise the meaning of its code."""
        error = self.session.error
        return error.description or error.meaning if error else None

    @property
    def files_waiting(self) -> int | None:
        """Number of files that have not begun."""
        session = self.session
        if session.ended:
            return 0
        if session.expected_files is None:
            return None
        begun = session.files_done + session.files_skipped + session.files_failed + session.files_active
        return session.expected_files - begun

    @property
    def authed(self) -> bool | None:
        """Whether the user has logged in; None if that is unknown."""
        if self.error_code == 19:
            return False
        session = self.session
        return True if session.path_mtu is not None or session.bytes_transferred or session.state == "done" else None

    @property
    def owner(self) -> str | None:
        """User of the session."""
        return self.negotiated.user or (self.session.init.user if self.session.init else None)

    @property
    def protocol_version(self) -> int | None:
        """Number in the FASPMGR line of SESSION, otherwise of INIT."""
        event = self.session.negotiated or self.session.init
        return event.to_frame().version if event else None

    # -- rates, in kilobits per second

    @property
    def rate_limit(self) -> int | None:
        """The lower of RateCap and ServiceLevel."""
        cap = self.negotiated.rate_cap
        caps = [None if cap in (CAP_NONE, CAP_UNKNOWN) else cap, self.negotiated.service_level or None]
        return min((known for known in caps if known is not None), default=None)

    @property
    def limited(self) -> bool | None:
        """Whether the rate is limited; None if that is unknown."""
        if self.rate_limit is not None:
            return True
        return False if self.negotiated.rate_cap == CAP_NONE else None

    @property
    def rate_controller_active(self) -> bool | None:
        """Whether the rate adapts; None if that is unknown."""
        policy = self.session.policy
        if policy == "Fixed" or self.negotiated.rate_control_algorithm == "alg_none":
            return False
        return True if policy in ("Adaptive", "Trickle") else None

    @property
    def lane(self) -> str | None:
        """The policy as the command line calls it."""
        policy, priority = self.negotiated.adaptive or "", self.negotiated.priority
        return _LANES.get((policy, priority)) or _LANES.get((policy, None))

    # -- the program and its license

    @property
    def version(self) -> str | None:
        """Version of ascp."""
        return self.ascp.version or None if self.ascp else None

    @property
    def revision(self) -> int | None:
        """Last part of that version, if it is a number."""
        last = (self.version or "").rpartition(".")[2]
        return int(last) if last.isascii() and last.isdigit() and len(last) < 20 else None

    @property
    def platform(self) -> ServerPlatform | None:
        """Operating system of ascp."""
        name = self.ascp.platform.casefold() if self.ascp else ""
        if name.startswith("win"):
            return "windows"
        if name.startswith(("mac", "darwin", "os x")):
            return "macOS"
        return "linux" if name.startswith("linux") else None

    @property
    def license_valid(self) -> bool | None:
        """Whether the license is valid; None if that is unknown."""
        if self.license_error:
            return False
        return True if self.ascp else None

    @property
    def license_error(self) -> str | None:
        """Reason why the license is invalid; None if it is valid or that is unknown."""
        error = self.session.error
        if error and error.name.startswith("LIC_"):
            return self.error_message
        if self.ascp is None or self._license_line:
            return None
        return "; ".join(self.ascp.license) or "ascp -A prints no license"

    @property
    def license_expiry(self) -> date | None:
        """Date on which the license expires."""
        found = _EXPIRY.search(self._license_line)
        try:
            return date.fromisoformat(found[1]) if found else None
        except ValueError:  # no such day
            return None

    @property
    def _license_line(self) -> str:
        """Line of a readable license: ``License max rate=…, license no.=…. Expiration date: …``."""
        lines = self.ascp.license if self.ascp else ()
        return next((line for line in lines if line.startswith("License max rate=")), "")


@attrs.frozen
class FileFacts:
    """Facts of one file of a session."""

    facts: Facts
    """Facts of its session."""
    state: FileState
    """State of the file."""

    @property
    def id(self) -> UUID:
        """UUID made of FaspFileID, otherwise of SessionId and name."""
        if self.state.fasp_file_id:
            return make_uuid("file", self.state.fasp_file_id)
        return make_uuid("file", self.facts.session.id, self.state.name)

    @property
    def closed(self) -> bool:
        """Whether the file is finished."""
        return self.state.state != "transferring"

    @property
    def payload_size(self) -> int:
        """Bytes of the file that this session has brought to the destination; after STOP those written."""
        return max(0, (self.state.written or self.state.bytes_done) - self.state.bytes_before)

    @property
    def status(self) -> ChannelFileStatus:
        """Status of the file."""
        file, session = self.state, self.facts.session
        if file.state == "failed" and file.error:
            if "checksum" in file.error.description.casefold():
                return "CHECKSUM_MISMATCH"
            return STATUS_OF_CODE.get(file.error.code, "GENERIC_ERROR")
        if file.state == "done":
            return "OK" if self._length_fits else "LENGTH_MISMATCH"
        if file.state == "skipped":
            return "OK"
        if not session.ended:
            return "ONGOING"
        # No message has reported its end. Of all errors of a session only a timeout tells for sure why.
        status = STATUS_OF_CODE.get(session.error.code) if session.error else None
        return "TIMEOUT" if status == "TIMEOUT" else "UNCLEAN_CLOSE"

    @property
    def _length_fits(self) -> bool:
        """Whether the destination has as much as it should; True if the stream does not report both counts."""
        file = self.state
        if file.size is None or not file.written:
            return True
        # Of a file that several sessions share, this one wrote what fell to it: without EndByte any count is right.
        clustered = file.owner is not None and file.owner.clustered
        if file.end_byte is None and (clustered or (file.is_part and file.start_byte)):
            return file.written <= file.size
        # Written of a range was seen to count the bytes of the file up to there, and those of the range alone.
        end = file.size if file.end_byte is None else min(file.size, file.end_byte + 1)
        return end - (file.start_byte or 0) <= file.written <= file.size


def make_uuid(*parts: str) -> UUID:
    """Return the UUID of these texts, always the same: uuid.uuid5 also for texts that are not valid UTF-8."""
    name = "\0".join(parts).encode("utf-8", "surrogateescape")
    return UUID(bytes=hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16], version=5)


def as_kbps(rate: int | str | None) -> int | None:
    """Return a rate in kilobits per second; None for a percentage, because the bandwidth is unknown."""
    return rate if isinstance(rate, int) else None


def _ip(text: str | None) -> str | None:
    address, _port = address_and_port(text)
    return address if address and is_ip(address) else None
