"""What the tables need to know of a session: its two ends, times, rates, statuses, stable ids.

A fact stands here if a lambda in its row would not show at one look what it does. Facts hold nothing of their own: they
read a session as it is at that moment, and give values in Python's types. They know no name of a field of a view.

Server and client
    ``Remote: Yes`` means that this ascp is the server. Without it ascp is the client, which is the one that reports to
    a manager most of the time. Direction tells whether this ascp sends. Both together tell whether the data goes to the
    server. The sender is one end, the destination the other.

Times
    The stream knows the time since its session began, nothing more. A start time makes times of the calendar of them;
    without one they are None.
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
"""The file status for ascp's code; GENERIC_ERROR for every other."""

FROM_SERVER_TO_CLIENT = 1
FROM_CLIENT_TO_SERVER = 2

NAMESPACE = UUID("5b8a2b1e-6f0c-4d8e-9d53-3c1d7a0b9e42")
"""Of the UUIDs made here (version 5). It must never change, or the same capture would give another record."""

_NO_SESSION_EVENT = SessionEvent()
_LANES = {pair: word for word, pair in POLICIES.items() if word not in WIRE_POLICIES}
_EXPIRY = re.compile(r"Expiration date: ([0-9]{4}-[0-9]{2}-[0-9]{2})\b")


@attrs.frozen
class Facts:
    """The facts of one session.

    Attributes:
        session: the session.
        start_time: when it began, with a time zone; None if that is not known.
        ascp: what ``ascp -A`` prints about the program that serves; None if it was not asked.

    Raises:
        ValueError: start_time has no time zone.
    """

    session: Session
    start_time: datetime | None = None
    ascp: AscpInfo | None = None

    def __attrs_post_init__(self) -> None:
        if self.start_time is not None and self.start_time.tzinfo is None:
            raise ValueError("start_time needs a time zone")

    @property
    def negotiated(self) -> SessionEvent:
        """The SESSION message; one without any field where none has come."""
        return self.session.negotiated or _NO_SESSION_EVENT

    @property
    def files(self) -> list[FileFacts]:
        """All files with a tracker that keeps all, else those in progress."""
        return [FileFacts(self, file) for file in self.session.files.values()]

    def at(self, usec: int | None) -> datetime | None:
        """The time, in UTC, at these microseconds of the session; None where it is not known, or in no year from 1 to
        9999."""
        if self.start_time is None or usec is None:
            return None
        try:
            return (self.start_time + timedelta(microseconds=usec)).astimezone(UTC)
        except OverflowError:
            return None

    # -- the two ends

    @property
    def sends(self) -> bool | None:
        """Does this ascp send? None without Direction, and so are all facts that depend on it."""
        return None if self.session.direction is None else self.session.direction == "Send"

    @property
    def to_server(self) -> bool | None:
        """Does the data go to the server?"""
        return None if self.sends is None else self.sends is not (self.negotiated.remote is True)

    @property
    def direction(self) -> int | None:
        if self.to_server is None:
            return None
        return FROM_CLIENT_TO_SERVER if self.to_server else FROM_SERVER_TO_CLIENT

    def bytes_going(self, *, to_server: bool) -> int | None:
        """Bytes that went this way over the network; None if the stream does not report it.

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
        return None if self.sends is None else self._own_ip if self.sends else self._peer_ip

    @property
    def destination_ip(self) -> str | None:
        return None if self.sends is None else self._peer_ip if self.sends else self._own_ip

    @property
    def _own_ip(self) -> str | None:
        return _ip(self.negotiated.local_ip)

    @property
    def _peer_ip(self) -> str | None:
        return _ip(self.negotiated.remote_address) or _ip(self.negotiated.host)

    @property
    def destination_port(self) -> int | None:
        return self.negotiated.port if self.to_server else None

    @property
    def destination_address(self) -> str | None:
        server = self.negotiated.server_hostname if self.to_server else None
        return server or (self.negotiated.host if self.sends else None) or None

    @property
    def destination_id(self) -> str | None:
        address = self.destination_address or self.destination_ip
        return str(make_uuid("destination", address, str(self.destination_port or ""))) if address else None

    @property
    def destination_node(self) -> str | None:
        if self.to_server is None:
            return None
        return self.negotiated.server_node_id if self.to_server else self.negotiated.client_node_id

    @property
    def acknowledged(self) -> bool:
        """Has the receiver reported anything as written?"""
        return self.session.written_usec is not None

    @property
    def server_address(self) -> str | None:
        """Host and TCP port at which the client has reached the server."""
        host, port = self.negotiated.host, self.negotiated.tcp_port
        if self.negotiated.remote is True or not host or port is None:
            return None
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # -- ids

    @property
    def session_id(self) -> str | None:
        return self.session.id or None

    @property
    def channel_id(self) -> UUID:
        session_id = self.session.id
        return UUID(session_id) if re.fullmatch(UUID_PATTERN, session_id) else make_uuid("session", session_id)

    @property
    def user_data(self) -> dict[str, Any] | None:
        tags = self.negotiated.tags
        texts = {"UserStr": self.session.user_str, "Cookie": self.session.cookie}
        found = {wire: text and redact_words(text) for wire, text in texts.items()} | {
            "Tags": tags and redact_value(tags)
        }
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
    def owner(self) -> str | None:
        return self.negotiated.user or (self.session.init.user if self.session.init else None)

    @property
    def protocol_version(self) -> int | None:
        event = self.session.negotiated or self.session.init
        return event.to_frame().version if event else None

    # -- rates, in kilobits per second

    @property
    def rate_limit(self) -> int | None:
        cap = self.negotiated.rate_cap
        caps = [None if cap in (CAP_NONE, CAP_UNKNOWN) else cap, self.negotiated.service_level or None]
        return min((known for known in caps if known is not None), default=None)

    @property
    def limited(self) -> bool | None:
        if self.rate_limit is not None:
            return True
        return False if self.negotiated.rate_cap == CAP_NONE else None

    @property
    def rate_controller_active(self) -> bool | None:
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
        return self.ascp.version or None if self.ascp else None

    @property
    def revision(self) -> int | None:
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

    @property
    def license_valid(self) -> bool | None:
        if self.license_error:
            return False
        return True if self.ascp else None

    @property
    def license_error(self) -> str | None:
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
        except ValueError:  # no such day
            return None

    @property
    def _license_line(self) -> str:
        """What a license that can be read looks like: ``License max rate=…, license no.=…. Expiration date: …``."""
        lines = self.ascp.license if self.ascp else ()
        return next((line for line in lines if line.startswith("License max rate=")), "")


@attrs.frozen
class FileFacts:
    """The facts of one file of a session.

    Attributes:
        facts: those of its session.
        state: the file as the tracker has it.
    """

    facts: Facts
    state: FileState

    @property
    def id(self) -> UUID:
        if self.state.fasp_file_id:
            return make_uuid("file", self.state.fasp_file_id)
        return make_uuid("file", self.facts.session.id, self.state.name)

    @property
    def closed(self) -> bool:
        return self.state.state != "transferring"

    @property
    def payload_size(self) -> int:
        """Bytes of the file that this session has moved to the destination; after STOP those really written."""
        return max(0, (self.state.written or self.state.bytes_done) - self.state.bytes_before)

    @property
    def status(self) -> ChannelFileStatus:
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
    """A UUID that these texts always give. As uuid.uuid5, but for texts that are no UTF-8, too."""
    name = "\0".join(parts).encode("utf-8", "surrogateescape")
    return UUID(bytes=hashlib.sha1(NAMESPACE.bytes + name, usedforsecurity=False).digest()[:16], version=5)


def as_kbps(rate: int | str | None) -> int | None:
    """A rate in kilobits per second; None for a percentage, as the bandwidth that it is a part of is not known."""
    return rate if isinstance(rate, int) else None


def _ip(text: str | None) -> str | None:
    address, _port = address_and_port(text)
    return address if address and is_ip(address) else None
