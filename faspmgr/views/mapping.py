"""What of a FASP session goes where: one row for each field of each structure. The rows fill the structures, and
``faspmgr describe`` prints them.

A row names the field, the fact that fills it, and in words where that comes from. A row without a fact says why a FASP
session cannot know it: the field is null. Names of fields on the wire are written as they are there.
facts.py explains how Direction and Remote say which end is the server, and which receives.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from operator import attrgetter
from typing import Any, Literal, TypeVar, get_args

import attrs

from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN
from faspmgr.tracking import FileState
from faspmgr.views import structures as s
from faspmgr.views.base import Structure, meanings, type_name
from faspmgr.views.facts import STATUS_OF_CODE, Facts, file_status, payload_size

S = TypeVar("S", bound=Structure)
Fact = Callable[[Any], Any]


@attrs.frozen
class Row:
    """fact: from the Facts (for ChannelFile: from Facts and FileState) to the value; None: always null. source: where
    it comes from, or why it is not known."""

    fact: Fact | None
    source: str


def _from(path: str, source: str) -> Row:
    return Row(attrgetter(path), source)


def _unknown(reason: str) -> Row:
    return Row(None, reason)


def _always(value: Any, reason: str) -> Row:
    return Row(lambda _facts: value, reason)


def _inner(cls: type[Structure], source: str) -> Row:
    return Row(lambda facts: _fill(cls, facts), source)


@attrs.frozen
class _OfFile:
    """A file together with the facts of its session."""

    facts: Facts
    file: FileState


def _files(facts: Facts) -> list[s.ChannelFile]:
    files = facts.session.history or facts.session.files.values()  # the former with keep_files="all" only
    return [_fill(s.ChannelFile, _OfFile(facts, file)) for file in files]


def _codes() -> str:
    """``PERMISSION_DENIED (5, 19), TIMEOUT (13), …``"""
    codes: dict[str, list[str]] = {}
    for code, status in STATUS_OF_CODE.items():
        codes.setdefault(status, []).append(str(code))
    return ", ".join(f"{status} ({', '.join(of_status)})" for status, of_status in codes.items())


_NO_BUFFERS = "no message carries the sizes of socket buffers"
_NO_KEYS = "keys stay with SSH; no message carries one"
_NO_LANES = "FASP has no lanes with a share each; policies share the bandwidth"
_NO_API = "ascp has no API of this kind; it reports to a manager"
_SECRET = "a secret never leaves the session"
_NO_CONFIGURATION = "no message carries how the server is configured"

_LINK: Mapping[str, Row] = {
    "connectionId": _from("session_id", "SessionId"),
    "destinationIP": _from("destination_ip", "of the receiving end: RemoteAddress, else Host if an IP; LocalIP here"),
    "destinationPort": _from("destination_port", "Port, the server's UDP port, where the server receives"),
    "destinationPublicKey": _unknown(_NO_KEYS),
    "encryptedConnectionState": _from(
        "encrypted_connection_state",
        "negotiating until SESSION, disconnected after DONE, ERROR or the stream's end, else connected; null without "
        "Encryption",
    ),
    "encryptionEnabled": _from("negotiated.encryption", "Encryption"),
    "lastDestinationServerId": _from(
        "destination_instance", "SessionId, as one run of ascp serves one session; once FileBytes is above 0"
    ),
    "lastDestinationServerUid": _from(
        "destination_node", "ServerNodeId where the server receives, else ClientNodeId; once FileBytes is above 0"
    ),
    "lastError": _from("error_code", "Code of ERROR, until files move again; a lost session has none"),
    "lastErrorMessage": _from("error_message", "Description of ERROR, else the meaning of its Code"),
    "lastRecvTime": _from(
        "last_recv_time",
        "start time + Elapsedusec of the message in which a sender's FileBytes, a receiver's TransferBytes last grew",
    ),
    "lastSendTime": _from(
        "last_send_time",
        "start time + Elapsedusec of the message in which a sender's TransferBytes last grew; null for a receiver, "
        "whose feedback is not reported",
    ),
    "numTransfersQueued": _from(
        "files_waiting", "PreTransferFiles less the files that have begun, null without it; 0 after the end"
    ),
    "relayIP": _from("proxy_ip", "ProxyIP, if UseProxy"),
    "relayPort": _unknown("no message carries the port of a proxy"),
    "roundTripTimeMs": _from("session.rtt_ms", "Delay"),
    "senderIP": _from("sender_ip", "of the sending end: RemoteAddress, else Host if an IP; LocalIP here"),
    "senderPort": _from("sender_port", "Port, the server's UDP port, where the server sends"),
    "sendRateAverage": _from(
        "window_rate", "TransferBytes (else FileBytes) over Elapsedusec, in the session's last five seconds"
    ),
    "sendRateMax": _from(
        "rate_limit", f"the lower of RateCap and ServiceLevel; RateCap {CAP_NONE} is none and {CAP_UNKNOWN} unknown"
    ),
    "snapshotTime": _from("snapshot_time", "start time + latest Elapsedusec"),
    "socketRecvBufferSize": _unknown(_NO_BUFFERS),
    "socketSendBufferSize": _unknown(_NO_BUFFERS),
}
"""What a connection and a destination have in common."""

MAPPING: Mapping[type[Structure], Mapping[str, Row]] = {
    s.Channel: {
        "id": _from("channel_id", "SessionId if it is a UUID, else a UUID (version 5) made of it"),
        "type": _always("FASP", "always FASP"),
        "bytes_client_to_server": _from(
            "bytes_to_server", "TransferBytes, if Direction and Remote say that data goes to the server, else 0"
        ),
        "bytes_server_to_client": _from(
            "bytes_to_client", "TransferBytes, if Direction and Remote say that data goes to the client, else 0"
        ),
        "protocol_file": _unknown("the stream does not say in which file it is itself recorded"),
        "transferred_files": Row(_files, "every file of the session, skipped and failed ones too, as they began"),
    },
    s.ChannelFile: {
        "id": Row(
            lambda of: of.facts.file_id(of.file), "a UUID (version 5) made of FaspFileID, else of SessionId and File"
        ),
        "name": _from("file.name", "File"),
        "offset": _from("file.start_byte", "StartByte: where a resumed file or a range begins"),
        "direction": _from("facts.direction", "Direction and Remote; null without Direction"),
        "open_time": Row(
            lambda of: of.facts.at(of.file.started_usec), "start time + Elapsedusec of the first message about the file"
        ),
        "close_time": Row(
            lambda of: of.facts.at(of.file.elapsed_usec) if of.file.state != "transferring" else None,
            "start time + Elapsedusec of its STOP, SKIP or FILEERROR; null without one",
        ),
        "payload_size": Row(lambda of: payload_size(of.file), "Written less StartByte: what this session has moved"),
        "closed": Row(lambda of: of.file.state != "transferring", "true after STOP, SKIP or FILEERROR"),
        "status": Row(
            lambda of: file_status(of.file, of.facts.session),
            "STOP is OK, or LENGTH_MISMATCH if Written does not fit Size. SKIP is OK. FILEERROR is CHECKSUM_MISMATCH if"
            f" its Description speaks of a checksum, else by its Code {_codes()}, GENERIC_ERROR for every other. A file"
            " without any of the three is ONGOING; once the session has ended it is TIMEOUT if that was by such a Code,"
            " else UNCLEAN_CLOSE",
        ),
    },
    s.Connection: {
        **_LINK,
        "rateControllerActive": _from(
            "rate_controller_active",
            "Adaptive: true for Adaptive and Trickle, false for Fixed; false if RateControlAlgorithm is alg_none",
        ),
        "rateControlMethod": _from("negotiated.rate_control_algorithm", "RateControlAlgorithm"),
        "sendRate": _from("target_rate", "Rate, the latest; null for a percentage"),
        "sendRateAverageWindow": _from(
            "latest_rate",
            "TransferBytes (else FileBytes) over Elapsedusec, in the last 0.25 to 0.5 seconds; where messages come"
            " less often, since the one before",
        ),
        "sendRateMin": _from("min_rate", "MinRate, the latest; null for a percentage"),
    },
    s.Destination: {
        **_LINK,
        "destinationAddress": _from(
            "destination_address", "ServerHostname where the server receives, else Host if the peer receives"
        ),
        "destinationId": _from(
            "destination_id", "a UUID (version 5) made of the destination's address and port; FASP itself numbers none"
        ),
        "owner": _from("owner", "User"),
        "ownerToken": _unknown(_SECRET),
        "ownerTokenSession": _unknown(_SECRET),
        "permittedDestinationPublicKey": _unknown(_NO_KEYS),
        "priorityLanes": _unknown(_NO_LANES),
        "transferDefaults": _inner(s.DestinationTransferDefaults, "what the session was begun with"),
        "userData": _from("user_data", "UserStr, Cookie and Tags; secrets inside of Tags are ***"),
    },
    s.DestinationTransferDefaults: {
        "checkpointFrequencySeconds": _unknown("ascp writes no checkpoints; it resumes from the partial file"),
        "overwriteMode": _from("negotiated.overwrite_policy", "OverwritePolicy"),
        "priority": _from("negotiated.priority", "Priority of SESSION: 1 high, 2 regular"),
        "priorityLane": _from("lane", "Adaptive and Priority of SESSION in ascp's words: fair, high, fixed, low"),
        "sendRateMax": _from("first_target_rate", "Rate of SESSION; null for a percentage"),
        "transferFlags": _from("negotiated.xopt_flags", "XoptFlags"),
    },
    s.ServerInformation: {
        "allowRemoteControl": _unknown(_NO_API),
        "apiControlPort": _unknown(_NO_API),
        "APITokensAvailable": _unknown(_NO_API),
        "apiVersion": _from("protocol_version", "the number in the FASPMGR line"),
        "authRequired": _always(False, "always false: nothing authenticates a management connection"),
        "bandwidthLimits": _inner(s.ServerBandwidthLimits, "caps of the session"),
        "certificateValidation": _unknown("FASP uses SSH keys, which do not expire"),
        "configuration": _unknown(_NO_CONFIGURATION),
        "encryptionAvailable": _from("encryption_available", "true if Encryption; a session without it does not tell"),
        "eventLogAvailable": _unknown(_NO_CONFIGURATION),
        "hostName": _from("negotiated.server_hostname", "ServerHostname"),
        "license": _inner(s.ServerLicense, "ascp -A, and an ERROR of the session"),
        "minCipher": _unknown("Cipher is the one in use; the weakest allowed is not told"),
        "multiplexAvailable": _unknown(_NO_CONFIGURATION),
        "publicKey": _unknown(_NO_KEYS),
        "receiver": _inner(s.ReceiverServerInformation, "the receiving end of the session"),
        "revision": _from("revision", "the build, last part of the version that ascp -A prints"),
        "serverExternalAddress": _from("server_address", "Host and TCPPort, by which a client has reached the server"),
        "serverId": _from("session_id", "SessionId, as one run of ascp serves one session"),
        "serverName": _unknown("no message carries a name other than the host's"),
        "serverPlatform": _from("platform", "operating system that ascp -A prints"),
        "serverTime": _from("snapshot_time", "start time + latest Elapsedusec"),
        "serverUid": _from("negotiated.server_node_id", "ServerNodeId"),
        "sharedTokensAvailable": _unknown(_NO_API),
        "user": _inner(s.ServerUser, "who has logged in for the session"),
        "version": _from("version", "version that ascp -A prints"),
    },
    s.ReceiverServerInformation: {
        "authRequired": _from("receiver_asks_login", "true where the server receives, as it asks for an SSH login"),
        "encryptionEnabled": _from("negotiated.encryption", "Encryption"),
        "onlyAuthorizedClientsAllowed": _unknown(_NO_CONFIGURATION),
        "receiverIP": _LINK["destinationIP"],
        "receiverPort": _LINK["destinationPort"],
        "relayIP": _LINK["relayIP"],
        "relayPort": _LINK["relayPort"],
        "socketRecvBufferSize": _unknown(_NO_BUFFERS),
        "socketSendBufferSize": _unknown(_NO_BUFFERS),
    },
    s.ServerBandwidthLimits: {
        "borrowIncoming": _unknown("FASP has no such loan"),
        "borrowOutgoing": _unknown("FASP has no such loan"),
        "incomingLimitActive": _from(
            "incoming_limited", f"if the server receives: is there a cap; false for RateCap {CAP_NONE}, null if unknown"
        ),
        "incomingMaxConnections": _unknown(_NO_CONFIGURATION),
        "incomingRateLimit": _from("incoming_limit", "if the server receives: the lower of RateCap and ServiceLevel"),
        "outgoingLimitActive": _from("outgoing_limited", "if the server sends: as incomingLimitActive"),
        "outgoingRateLimit": _from("outgoing_limit", "if the server sends: as incomingRateLimit"),
    },
    s.ServerConfiguration: dict.fromkeys(
        ("cloudFileCache", "garbageCollect", "persistentStateDir", "triggersAvailable"), _unknown(_NO_CONFIGURATION)
    ),
    s.CloudFileCache: dict.fromkeys(("highWatermark", "maximumSize"), _unknown(_NO_CONFIGURATION)),
    s.GarbageCollection: dict.fromkeys(("intervalSeconds", "timeLimitSeconds"), _unknown(_NO_CONFIGURATION)),
    s.ServerLicense: {
        "errorMessage": _from(
            "license_error",
            "Description of an ERROR whose Code is about a license; else what ascp -A says where it prints no license",
        ),
        "expiry": _from("license_expiry", "the Expiration date that ascp -A prints, if it is written as 2017-01-01"),
        "valid": _from("license_valid", "false after such an ERROR; else whether ascp -A prints a license"),
    },
    s.ServerUser: {
        "authed": _from("authed", "true once PMTU is told or bytes move; false after ERROR 19"),
        "permissions": _unknown("no message carries permissions"),
        "sandboxed": _from("sandboxed", "true if authed and ServerDocroot is set"),
        "superuser": _from("superuser", "false if not authed; else not told"),
        "token": _unknown(_SECRET),
        "tokenSession": _unknown(_SECRET),
        "userName": _from("user_name", "User; null if a Token is used or the login was refused"),
    },
}
"""By structure and field: where each value comes from."""

KINDS: Mapping[str, type[Structure]] = {
    "channel": s.Channel,
    "connection": s.Connection,
    "destination": s.Destination,
    "server": s.ServerInformation,
}
"""The four views."""


def _fill(cls: type[S], facts: Facts | _OfFile) -> S:
    values: dict[str, Any] = {name: row.fact(facts) if row.fact else None for name, row in MAPPING[cls].items()}
    return cls(**values)


def keep_files(kind: str) -> Literal["all", "unfinished"]:
    """What a Tracker must keep for a view of this kind: a channel lists all files, the others need none."""
    return "all" if kind == "channel" else "unfinished"


def fill(kind: str, facts: Facts) -> Structure:
    """The view of this kind; KeyError for a kind that is none."""
    return _fill(KINDS[kind], facts)


# ---------------------------------------------------------------------------------------------------------------------
# The reference


def nested(cls: type[Structure]) -> list[type[Structure]]:
    """A structure and those inside of it, each once, in the order of the document."""
    found = [cls]
    for outer in found:
        for field in attrs.fields(attrs.resolve_types(outer)):
            found += [inner for inner in _classes(field.type) if inner not in found]
    return found


def _classes(annotation: Any) -> list[type[Structure]]:
    if isinstance(annotation, type) and issubclass(annotation, Structure):
        return [annotation]
    return [inner for argument in get_args(annotation) for inner in _classes(argument)]


def describe_view(kind: str, width: int = 100) -> str:
    """The reference of a view: each field of it and of what is inside of it, its type, meaning, and where a FASP
    session takes it from, or why it is null. width: columns. Raises KeyError for a kind that is none."""
    return "\n\n".join(_describe(cls, kind, width) for cls in nested(KINDS[kind]))


def _describe(cls: type[Structure], kind: str, width: int) -> str:
    summary = (cls.__doc__ or "").split("\n", 1)[0]
    explained = meanings(cls)
    lines = [f"{cls.__name__}  (view {kind})", f"  {summary}"]
    for name in explained:
        row = MAPPING[cls][name]
        lines += ["", *_wrapped(f"{name}  (", f"{type_name(cls, name)})", width, indent=2)]
        lines += _wrapped("", explained[name], width)
        lines += _wrapped("from: " if row.fact else "null: ", row.source, width)
    return "\n".join(lines)


def _wrapped(label: str, text: str, width: int, indent: int = 6) -> list[str]:
    first, others = " " * indent, " " * 6
    return textwrap.wrap(label + text, width, initial_indent=first, subsequent_indent=others, break_long_words=False)
