"""The tables: one row for each field of the four views, and of the structures inside of them.

A row has the JSON type of the field and whether it may be null, its name and meaning as the document of the other
system has them (not all are in snake case), and the function that fills it. ``source`` has the names of the fields on
the wire that the value comes from, ``null`` when there is none. The
JSON, the JSON Schema and ``faspmgr describe`` are made of these rows, in this order.

facts.py explains how Direction and Remote show which end is the server, and which one receives. Every field of the
documents has its row, also if FASP can never fill it.
"""
# fmt: off

from __future__ import annotations

from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN
from faspmgr.tracking.figures import rounded
from faspmgr.views.facts import (
    STATUS_OF_CODE,
    ChannelFileStatus,
    EncryptedConnectionState,
    Facts,
    FileFacts,
    ServerPlatform,
    as_kbps,
)
from faspmgr.views.structure import (
    ANY_BY_NAME,
    BOOLEAN,
    DATE,
    ID,
    INTEGER,
    NUMBER,
    NUMBERS_BY_NAME,
    PATH,
    TEXT,
    TEXTS,
    TIME,
    JsonType,
    Row,
    Structure,
    array_of,
    object_of,
    one_of,
)

FILE_STATUS: JsonType[ChannelFileStatus] = one_of(ChannelFileStatus)
ENCRYPTED_STATE: JsonType[EncryptedConnectionState] = one_of(EncryptedConnectionState)
PLATFORM: JsonType[ServerPlatform] = one_of(ServerPlatform)

# Why a field is null, where several rows say the same.
NO_FIELD = "until a message has it"
NO_NUMBER = "for a percentage, and until a message has it"
NO_DIRECTION = "without Direction"
NO_START = "without a start time"
NO_ASCP = "without ascp -A"
NEVER = "never"
NO_RATE = "before the second measurement"
NO_BUFFERS = "no message carries the sizes of socket buffers"
NO_KEYS = "keys stay with SSH; no message carries one"
NO_API = "ascp has no API of this kind; it reports to a manager"
SECRET = "a secret never leaves the session"
NO_CONFIGURATION = "no message carries how the server is configured"

# Meanings of fields that several structures have.
DESTINATION_PORT = "UDP port of the receiver at the destination."
ENCRYPTION = "is encryption switched on; if so, the other side needs it as well."


# ---------------------------------------------------------------------------------------------------------------------
# Channel record


def _statuses() -> str:
    """Return ``PERMISSION_DENIED (5, 19), TIMEOUT (13), …``."""
    codes: dict[str, list[str]] = {}
    for code, status in STATUS_OF_CODE.items():
        codes.setdefault(status, []).append(str(code))
    return ", ".join(f"{status} ({', '.join(of_status)})" for status, of_status in codes.items())


CHANNEL_FILE = Structure[FileFacts]("ChannelFile", "A file of a channel.", [
    ID.known("id", "UUID of the file.", lambda file: file.id,
        source="a UUID (version 5) made of FaspFileID, else of SessionId and File"),
    PATH.known("name", "name of the file.", lambda file: file.state.name, source="File"),
    INTEGER.nullable("offset", "bytes; position in the file at which it was opened.",
        lambda file: file.state.start_byte, source="StartByte: where a resumed file or a range begins", null=NO_FIELD),
    INTEGER.nullable("direction", "1 from server to client, 2 from client to server.",
        lambda file: file.facts.direction, source="Direction and Remote", null=NO_DIRECTION),
    TIME.nullable("open_time", "when the file was opened.", lambda file: file.facts.at(file.state.started_usec),
        source="start time + Elapsedusec of the first message about the file", null=NO_START),
    TIME.nullable("close_time", "when the file was closed.",
        lambda file: file.facts.at(file.state.elapsed_usec) if file.closed else None,
        source="start time + Elapsedusec of its STOP, SKIP or FILEERROR", null=f"{NO_START}, or none of the three"),
    INTEGER.nullable("payload_size", "bytes; data of the file that went through the channel.",
        lambda file: file.payload_size, source="Written less StartByte: what this session has moved", null=NEVER),
    BOOLEAN.known("closed", "was the file closed.",
        lambda file: file.closed, source="true after STOP, SKIP or FILEERROR"),
    FILE_STATUS.known("status", "how it went with the file.", lambda file: file.status,
        source="STOP is OK, or LENGTH_MISMATCH if Written does not fit Size. SKIP is OK. FILEERROR is CHECKSUM_MISMATCH"
        f" if its Description mentions a checksum, else by its Code {_statuses()}, GENERIC_ERROR for every other."
        " Without any of the three a file is ONGOING; once the session has ended it is TIMEOUT if that was by such a"
        " Code, else UNCLEAN_CLOSE"),
])

CHANNEL = Structure[Facts]("Channel", "The audit record of a channel and its transferred files.", [
    ID.known("id", "UUID of the channel.", lambda facts: facts.channel_id,
        source="SessionId if it is a UUID, else a UUID (version 5) made of it"),
    TEXT.known("type", "description of the channel's type.", lambda _facts: "FASP", source="always FASP"),
    INTEGER.nullable("bytes_client_to_server", "bytes; transferred from client to server.",
        lambda facts: facts.bytes_going(to_server=True),
        source="TransferBytes if Direction and Remote tell that data goes to the server, else 0",
        null="without Direction or without TransferBytes, once bytes have moved"),
    INTEGER.nullable("bytes_server_to_client", "bytes; transferred from server to client.",
        lambda facts: facts.bytes_going(to_server=False),
        source="TransferBytes if Direction and Remote tell that data goes to the client, else 0",
        null="without Direction or without TransferBytes, once bytes have moved"),
    object_of(CHANNEL_FILE).unknown("protocol_file", "the file of the protocol itself.",
        null="the stream does not tell in which file it is itself recorded"),
    array_of(CHANNEL_FILE).known("transferred_files", "the files that went through the channel.",
        lambda facts: facts.files,
        source="every file of the session, skipped and failed ones too, in the order in which they began"),
])


# ---------------------------------------------------------------------------------------------------------------------
# Connection and destination

RELAY_IP: Row[Facts] = TEXT.nullable("relayIP", "IP of the relay; empty if no relay is used.",
    lambda facts: facts.negotiated.proxy_ip if facts.negotiated.use_proxy else None,
    source="ProxyIP", null="without UseProxy")
RELAY_PORT: Row[Facts] = INTEGER.unknown("relayPort", "port of the relay; empty if no relay is used.",
    null="no message carries the port of a proxy")
RECEIVE_BUFFER: Row[Facts] = INTEGER.unknown("socketRecvBufferSize", "bytes; buffer for receiving.", null=NO_BUFFERS)
SEND_BUFFER: Row[Facts] = INTEGER.unknown("socketSendBufferSize", "bytes; buffer for sending.", null=NO_BUFFERS)

LINK: list[Row[Facts]] = [
    TEXT.nullable("destinationIP", "IP of the destination.", lambda facts: facts.destination_ip,
        source="where the peer is the receiving end RemoteAddress, else Host if that is an IP; else LocalIP",
        null="without Direction, or an IP"),
    INTEGER.nullable("destinationPort", DESTINATION_PORT, lambda facts: facts.destination_port,
        source="Port, the server's UDP port", null="unless the server receives"),
    TEXT.unknown("destinationPublicKey", "public key of the destination, needed for encrypted transfers to it.",
        null=NO_KEYS),
    ENCRYPTED_STATE.nullable("encryptedConnectionState",
        "how far the negotiation of the encryption is; for an encrypted connection only.",
        lambda facts: facts.encrypted_connection_state,
        source="negotiating until SESSION, disconnected after DONE, ERROR or the stream's end, else connected",
        null="without Encryption"),
    BOOLEAN.nullable("encryptionEnabled", ENCRYPTION, lambda facts: facts.negotiated.encryption,
        source="Encryption", null=NO_FIELD),
    TEXT.nullable("lastDestinationServerId",
        "server instance that most recently acknowledged a transmission; empty before any communication.",
        lambda facts: facts.session_id if facts.acknowledged else None,
        source="SessionId, as one run of ascp serves one session", null="until FileBytes is above 0"),
    TEXT.nullable("lastDestinationServerUid",
        "persistent ID of the server that most recently acknowledged a transmission; empty before any communication.",
        lambda facts: facts.destination_node if facts.acknowledged else None,
        source="ServerNodeId where the server receives, else ClientNodeId",
        null="until FileBytes is above 0, and without Direction"),
    INTEGER.nullable("lastError",
        "code of the last critical error of the connection to the remote server; empty if there is none now.",
        lambda facts: facts.error_code,
        source="Code of ERROR", null="without an ERROR, once files move again after it, and for a lost session"),
    TEXT.nullable("lastErrorMessage", "message that belongs to lastError; empty if there is no error now.",
        lambda facts: facts.error_message,
        source="Description of ERROR, else the meaning of its Code", null="where lastError is null"),
    TIME.nullable("lastRecvTime", "when something was last received.",
        lambda facts: facts.at(facts.session.written_usec if facts.sends else facts.session.transferred_usec),
        source="start time + Elapsedusec of the message in which a sender's FileBytes, a receiver's TransferBytes last"
        " grew", null=f"{NO_START}, or before that"),
    TIME.nullable("lastSendTime", "when something was last sent.",
        lambda facts: facts.at(facts.session.transferred_usec) if facts.sends else None,
        source="start time + Elapsedusec of the message in which a sender's TransferBytes last grew",
        null=f"{NO_START}, before that, and for a receiver, whose feedback is not reported"),
    INTEGER.nullable("numTransfersQueued", "count of the transfers that wait in the queue of the destination.",
        lambda facts: facts.files_waiting,
        source="PreTransferFiles less the files that have begun; 0 after the end", null="without PreTransferFiles"),
    RELAY_IP,
    RELAY_PORT,
    INTEGER.nullable("roundTripTimeMs", "milliseconds; round-trip time between sender and receiver.",
        lambda facts: facts.session.rtt_ms, source="Delay", null=NO_FIELD),
    TEXT.nullable("senderIP", "IP of the sender.", lambda facts: facts.sender_ip,
        source="where the peer is the sending end RemoteAddress, else Host if that is an IP; else LocalIP",
        null="without Direction, or an IP"),
    INTEGER.nullable("senderPort", "port of the sender.",
        lambda facts: facts.negotiated.port if facts.to_server is False else None,
        source="Port, the server's UDP port", null="unless the server sends"),
    NUMBER.nullable("sendRateAverage", "kilobits per second; average send rate over a slice of time.",
        lambda facts: rounded(facts.session.rate_kbps),
        source="TransferBytes (else FileBytes) over Elapsedusec, in the session's last five seconds", null=NO_RATE),
    INTEGER.nullable("sendRateMax", "kilobits per second; highest send rate that is allowed.",
        lambda facts: facts.rate_limit,
        source="the lower of RateCap and ServiceLevel",
        null=f"without both; RateCap {CAP_NONE} is no cap, {CAP_UNKNOWN} not known"),
    TIME.nullable("snapshotTime", "when this information was recorded.",
        lambda facts: facts.at(facts.session.elapsed_usec or 0),
        source="start time + latest Elapsedusec", null=NO_START),
    RECEIVE_BUFFER,
    SEND_BUFFER,
]
"""Rows that a connection and a destination have in common."""


def _with_link(*rows: Row[Facts]) -> list[Row[Facts]]:
    """Return these rows and those of LINK in the order of the documents, which is that of the alphabet."""
    return sorted([*LINK, *rows], key=lambda row: row.name.casefold())


CONNECTION = Structure[Facts]("Connection", "A connection between a sender and a destination.", _with_link(
    TEXT.nullable("connectionId", "refers to this connection.", lambda facts: facts.session_id,
        source="SessionId", null=NO_FIELD),
    BOOLEAN.nullable("rateControllerActive", "does a rate controller adjust the rate while the transfer runs.",
        lambda facts: facts.rate_controller_active,
        source="Adaptive: true for Adaptive and Trickle, false for Fixed; false if RateControlAlgorithm is alg_none",
        null="for other values"),
    TEXT.nullable("rateControlMethod", "algorithm of the rate controller.",
        lambda facts: facts.negotiated.rate_control_algorithm, source="RateControlAlgorithm", null=NO_FIELD),
    INTEGER.nullable("sendRate", "kilobits per second; configured send rate.",
        lambda facts: as_kbps(facts.session.target_rate_kbps), source="Rate, the latest", null=NO_NUMBER),
    NUMBER.nullable("sendRateAverageWindow",
        "kilobits per second; send rate within a short window, the performance right now.",
        lambda facts: rounded(facts.session.latest_rate_kbps),
        source="TransferBytes (else FileBytes) over Elapsedusec, in the last 0.25 to 0.5 seconds; where messages come"
        " less often, since the one before", null=NO_RATE),
    INTEGER.nullable("sendRateMin", "kilobits per second; the rate controller keeps the send rate at or above this.",
        lambda facts: as_kbps(facts.session.min_rate_kbps), source="MinRate, the latest", null=NO_NUMBER),
))

TRANSFER_DEFAULTS = Structure[Facts]("DestinationTransferDefaults",
    "What a transfer to a destination is created with, where nothing else is asked for.", [
    INTEGER.unknown("checkpointFrequencySeconds", "seconds between two checkpoints.",
        null="ascp writes no checkpoints; it resumes from the partial file"),
    TEXT.nullable("overwriteMode", "when a file at the destination is overwritten.",
        lambda facts: facts.negotiated.overwrite_policy, source="OverwritePolicy", null=NO_FIELD),
    INTEGER.nullable("priority", "priority of the transfer.", lambda facts: facts.negotiated.priority,
        source="Priority of SESSION: 1 high, 2 regular", null=NO_FIELD),
    TEXT.nullable("priorityLane", "name of the priority lane.", lambda facts: facts.lane,
        source="Adaptive and Priority of SESSION in ascp's words: fair, high, fixed, low", null="for other values"),
    INTEGER.nullable("sendRateMax", "kilobits per second; highest send rate.",
        lambda facts: as_kbps(facts.negotiated.rate), source="Rate of SESSION", null=NO_NUMBER),
    INTEGER.nullable("transferFlags", "flags of the transfer, as a bit set.", lambda facts: facts.negotiated.xopt_flags,
        source="XoptFlags", null=NO_FIELD),
])

DESTINATION = Structure[Facts]("Destination", "Where data goes to.", _with_link(
    TEXT.nullable("connectionId", "the connection to this destination.", lambda facts: facts.session_id,
        source="SessionId", null=NO_FIELD),
    TEXT.nullable("destinationAddress", "address (host name) of the destination.",
        lambda facts: facts.destination_address,
        source="ServerHostname where the server receives, else Host where this ascp sends", null="without either"),
    TEXT.nullable("destinationId", "refers to this destination.", lambda facts: facts.destination_id,
        source="a UUID (version 5) made of the destination's address and port; FASP itself numbers none",
        null="without an address and an IP"),
    TEXT.nullable("owner", "owner of the destination, who alone sees it beside a superuser.", lambda facts: facts.owner,
        source="User", null=NO_FIELD),
    TEXT.unknown("ownerToken",
        "secret; token by which the destination was created; empty if it was not created by one.", null=SECRET),
    TEXT.unknown("ownerTokenSession",
        "secret; session of the token that created the destination; empty if no token did.", null=SECRET),
    TEXT.unknown("permittedDestinationPublicKey",
        "the only public key with which the remote server is accepted.", null=NO_KEYS),
    NUMBERS_BY_NAME.unknown("priorityLanes", "proportion of the sending bandwidth by name of the priority lane.",
        null="FASP has no lanes with a share each; policies share the bandwidth"),
    object_of(TRANSFER_DEFAULTS).nullable("transferDefaults", "what a transfer to this destination is created with.",
        lambda facts: facts, source="what the session was begun with", null=NEVER),
    ANY_BY_NAME.nullable("userData", "metadata by key, attached by the user.", lambda facts: facts.user_data,
        source="UserStr, Cookie and Tags; secrets inside of Tags are ***", null="without any of them"),
))


# ---------------------------------------------------------------------------------------------------------------------
# Server information

BANDWIDTH_LIMITS = Structure[Facts]("ServerBandwidthLimits",
    "Limits of what comes in at a server and what goes out.", [
    BOOLEAN.unknown("borrowIncoming",
        "is unused incoming bandwidth added to the outgoing limit, where both limits are active.",
        null="FASP has no such loan"),
    BOOLEAN.unknown("borrowOutgoing",
        "is unused outgoing bandwidth added to the incoming limit, where both limits are active.",
        null="FASP has no such loan"),
    BOOLEAN.nullable("incomingLimitActive", "is what comes in limited.",
        lambda facts: facts.limited if facts.to_server else None,
        source=f"true if RateCap or ServiceLevel is a limit, false for RateCap {CAP_NONE}",
        null="unless the server receives, and if no message tells"),
    INTEGER.unknown("incomingMaxConnections", "count; most incoming connections.", null=NO_CONFIGURATION),
    INTEGER.nullable("incomingRateLimit", "kilobits per second; highest incoming rate.",
        lambda facts: facts.rate_limit if facts.to_server else None,
        source="the lower of RateCap and ServiceLevel", null="unless the server receives, else as sendRateMax"),
    BOOLEAN.nullable("outgoingLimitActive", "is what goes out limited.",
        lambda facts: facts.limited if facts.to_server is False else None,
        source="as incomingLimitActive", null="unless the server sends, and if no message tells"),
    INTEGER.nullable("outgoingRateLimit", "kilobits per second; highest outgoing rate.",
        lambda facts: facts.rate_limit if facts.to_server is False else None,
        source="the lower of RateCap and ServiceLevel", null="unless the server sends, else as sendRateMax"),
])

CLOUD_FILE_CACHE = Structure[Facts]("CloudFileCache", "The cloud file cache of a server.", [
    INTEGER.unknown("highWatermark", "bytes; memory that is allocated to the cache.", null=NO_CONFIGURATION),
    INTEGER.unknown("maximumSize", "bytes; largest size of the cache.", null=NO_CONFIGURATION),
])

GARBAGE_COLLECTION = Structure[Facts]("GarbageCollection", "How a server collects garbage.", [
    NUMBER.unknown("intervalSeconds", "seconds between two collections.", null=NO_CONFIGURATION),
    NUMBER.unknown("timeLimitSeconds", "seconds; grace period of what is ready to be collected.",
        null=NO_CONFIGURATION),
])

CONFIGURATION = Structure[Facts]("ServerConfiguration", "How a server is configured; for a superuser only.", [
    object_of(CLOUD_FILE_CACHE).unknown("cloudFileCache", "the cloud file cache.", null=NO_CONFIGURATION),
    object_of(GARBAGE_COLLECTION).unknown("garbageCollect", "how garbage is collected.", null=NO_CONFIGURATION),
    TEXT.unknown("persistentStateDir",
        "path where the server keeps its encryption keys; with one its public key stays the same.",
        null=NO_CONFIGURATION),
    BOOLEAN.unknown("triggersAvailable", "are triggers carried out at their events.", null=NO_CONFIGURATION),
])

LICENSE = Structure[Facts]("ServerLicense", "The license of a server.", [
    TEXT.nullable("errorMessage", "why the license is invalid; empty if it is valid.",
        lambda facts: facts.license_error,
        source="Description of an ERROR whose Code is about a license; else what ascp -A prints instead of a license",
        null="without an error"),
    DATE.nullable("expiry", "date on which the license expires.", lambda facts: facts.license_expiry,
        source="the Expiration date that ascp -A prints", null="if it prints none that is written as 2017-01-01"),
    BOOLEAN.nullable("valid", "is the license valid now.", lambda facts: facts.license_valid,
        source="false after such an ERROR; else whether ascp -A prints a license", null="without both"),
])

RECEIVER = Structure[Facts]("ReceiverServerInformation", "The receiving side of a server.", [
    BOOLEAN.nullable("authRequired", "did the server ask for user name and password.",
        lambda facts: True if facts.to_server else None,
        source="true where the server receives, as it asks for an SSH login", null="unless the server receives"),
    BOOLEAN.nullable("encryptionEnabled", ENCRYPTION, lambda facts: facts.negotiated.encryption,
        source="Encryption", null=NO_FIELD),
    BOOLEAN.unknown("onlyAuthorizedClientsAllowed", "does the server take clients only that were authorized before.",
        null=NO_CONFIGURATION),
    TEXT.nullable("receiverIP", "IP of the receiver; 0.0.0.0 means every address.", lambda facts: facts.destination_ip,
        source="as destinationIP of a connection", null="where that is null"),
    INTEGER.nullable("receiverPort", "port of the receiver.", lambda facts: facts.destination_port,
        source="as destinationPort of a connection", null="where that is null"),
    RELAY_IP,
    RELAY_PORT,
    RECEIVE_BUFFER,
    SEND_BUFFER,
])

USER = Structure[Facts]("ServerUser", "The user who asks a server for its information.", [
    BOOLEAN.nullable("authed", "was this user authenticated on the present connection.", lambda facts: facts.authed,
        source="true once a message has PMTU or bytes move; false after ERROR 19", null="before that"),
    TEXTS.unknown("permissions", "what the user is permitted.", null="no message carries permissions"),
    BOOLEAN.nullable("sandboxed",
        "is the user held in one directory instead of the whole file system; empty if not authenticated.",
        lambda facts: True if facts.authed and facts.negotiated.server_docroot else None,
        source="true if authed and ServerDocroot is set", null="otherwise"),
    BOOLEAN.nullable("superuser", "is the user a superuser; false if not authenticated.",
        lambda facts: False if facts.authed is False else None,
        source="false if authed is false", null="otherwise, as no message tells"),
    TEXT.unknown("token", "secret; token of the user; empty if not authenticated, or by user name.", null=SECRET),
    TEXT.unknown("tokenSession", "secret; session of that token; empty if not authenticated, or by user name.",
        null=SECRET),
    TEXT.nullable("userName", "name of the user; empty if not authenticated, or by token.",
        lambda facts: None if facts.negotiated.token or facts.authed is False else facts.owner,
        source="User", null="if a Token is used or the login was refused"),
])

SERVER = Structure[Facts]("ServerInformation", "What a server tells about itself.", [
    BOOLEAN.unknown("allowRemoteControl", "are API connections from other hosts accepted.", null=NO_API),
    INTEGER.unknown("apiControlPort", "port for API connections.", null=NO_API),
    BOOLEAN.unknown("APITokensAvailable", "can API tokens be made and used.", null=NO_API),
    INTEGER.nullable("apiVersion", "version of the API.", lambda facts: facts.protocol_version,
        source="the number in the FASPMGR line of SESSION, else of INIT", null="before both"),
    BOOLEAN.nullable("authRequired", "must an API connection be authenticated.", lambda _facts: False,
        source="always false: nothing authenticates a management connection", null=NEVER),
    object_of(BANDWIDTH_LIMITS).nullable("bandwidthLimits", "limits of what comes in and what goes out.",
        lambda facts: facts, source="caps of the session", null=NEVER),
    INTEGER.unknown("certificateValidation", "days until the SSL certificate expires.",
        null="FASP uses SSH keys, which do not expire"),
    object_of(CONFIGURATION).unknown("configuration", "how the server is configured; there for a superuser only.",
        null=NO_CONFIGURATION),
    BOOLEAN.nullable("encryptionAvailable", "can connections be encrypted.",
        lambda facts: True if facts.negotiated.encryption else None,
        source="true if Encryption", null="a session without encryption does not tell"),
    BOOLEAN.unknown("eventLogAvailable", "is the event log active.", null=NO_CONFIGURATION),
    TEXT.nullable("hostName", "name of the machine that runs the server.",
        lambda facts: facts.negotiated.server_hostname, source="ServerHostname", null=NO_FIELD),
    object_of(LICENSE).nullable("license", "the license of the server.",
        lambda facts: facts, source="ascp -A, and an ERROR of the session", null=NEVER),
    TEXT.unknown("minCipher", "weakest cipher that is supported for transfers.",
        null="Cipher is the one in use; no message has the weakest allowed"),
    BOOLEAN.unknown("multiplexAvailable", "can one port both send and receive.", null=NO_CONFIGURATION),
    TEXT.unknown("publicKey", "public key of the server, for encrypted connections.", null=NO_KEYS),
    object_of(RECEIVER).nullable("receiver", "the receiving side.",
        lambda facts: facts, source="the receiving end of the session", null=NEVER),
    INTEGER.nullable("revision", "version of the server as one integer.", lambda facts: facts.revision,
        source="the build, last part of the version that ascp -A prints", null=f"{NO_ASCP}, or not a number"),
    TEXT.nullable("serverExternalAddress", "host name and port at which the server is reached from outside.",
        lambda facts: facts.server_address,
        source="Host and TCPPort, by which a client has reached the server", null="where this ascp is that server"),
    TEXT.nullable("serverId", "this instance of the server; another one each time a server is launched.",
        lambda facts: facts.session_id, source="SessionId, as one run of ascp serves one session", null=NO_FIELD),
    TEXT.unknown("serverName", "friendly name of the server.", null="no message carries a name other than the host's"),
    PLATFORM.nullable("serverPlatform", "operating system of the server.", lambda facts: facts.platform,
        source="operating system that ascp -A prints", null=f"{NO_ASCP}, or another system"),
    TIME.nullable("serverTime", "the current time at the server.",
        lambda facts: facts.at(facts.session.elapsed_usec or 0),
        source="start time + latest Elapsedusec", null=NO_START),
    TEXT.nullable("serverUid", "this server; the same for all its instances.",
        lambda facts: facts.negotiated.server_node_id, source="ServerNodeId", null=NO_FIELD),
    BOOLEAN.unknown("sharedTokensAvailable", "can shared tokens be made and used.", null=NO_API),
    object_of(USER).nullable("user", "the user who asks.",
        lambda facts: facts, source="who has logged in for the session", null=NEVER),
    TEXT.nullable("version", "version of the server.", lambda facts: facts.version,
        source="version that ascp -A prints", null=NO_ASCP),
])
