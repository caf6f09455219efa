"""The structures of other transfer systems, field by field as their documents list them.

Attributes have the documents' own names, so that JSON and Python agree; that is why some are not in snake case. A line
of a docstring gives a field's unit, its meaning, and what the document says on when it may be empty. None: not known,
or empty. The documents give types for the channel only; for the others they are what the meaning asks for.

What of these a FASP session fills, and from what, stands in mapping.py.
"""
# ruff: noqa: N815  # names of the documents

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal
from uuid import UUID

import attrs

from faspmgr.views.base import Structure

FileStatus = Literal[
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

FROM_SERVER_TO_CLIENT = 1
FROM_CLIENT_TO_SERVER = 2


# ---------------------------------------------------------------------------------------------------------------------
# Channel record


@attrs.define
class ChannelFile(Structure):
    """A file of a channel.

    id: UUID of the file.
    name: name of the file.
    offset: bytes; position in the file at which it was opened.
    direction: 1 from server to client, 2 from client to server.
    open_time: when the file was opened.
    close_time: when the file was closed.
    payload_size: bytes; data of the file that went through the channel.
    closed: was the file closed.
    status: how it went with the file.
    """

    id: UUID
    name: str
    offset: int | None = None
    direction: int | None = None
    open_time: datetime | None = None
    close_time: datetime | None = None
    payload_size: int | None = None
    closed: bool = False
    status: FileStatus = "ONGOING"


@attrs.define
class Channel(Structure):
    """The audit record of a channel and its transferred files.

    id: UUID of the channel.
    type: description of the channel's type.
    bytes_client_to_server: bytes; transferred from client to server.
    bytes_server_to_client: bytes; transferred from server to client.
    protocol_file: the file of the protocol itself.
    transferred_files: the files that went through the channel.
    """

    id: UUID
    type: str
    bytes_client_to_server: int | None = None
    bytes_server_to_client: int | None = None
    protocol_file: ChannelFile | None = None
    transferred_files: list[ChannelFile] = attrs.field(factory=list)


# ---------------------------------------------------------------------------------------------------------------------
# Connection


@attrs.define
class Connection(Structure):
    """A connection between a sender and a destination.

    connectionId: refers to this connection.
    destinationIP: IP of the destination.
    destinationPort: UDP port of the receiver at the destination.
    destinationPublicKey: public key of the destination, needed for encrypted transfers to it.
    encryptedConnectionState: how far the negotiation of the encryption is; for an encrypted connection only.
    encryptionEnabled: is encryption switched on; if so, the other side needs it as well.
    lastDestinationServerId: server instance that most recently acknowledged a transmission; empty before any
        communication.
    lastDestinationServerUid: persistent ID of the server that most recently acknowledged a transmission; empty before
        any communication.
    lastError: code of the last critical error of the connection to the remote server; empty if there is none now.
    lastErrorMessage: message that belongs to lastError; empty if there is no error now.
    lastRecvTime: when something was last received.
    lastSendTime: when something was last sent.
    numTransfersQueued: count of the transfers that wait in the queue of the destination.
    rateControllerActive: does a rate controller adjust the rate while the transfer runs.
    rateControlMethod: algorithm of the rate controller.
    relayIP: IP of the relay; empty if no relay is used.
    relayPort: port of the relay; empty if no relay is used.
    roundTripTimeMs: milliseconds; round-trip time between sender and receiver.
    senderIP: IP of the sender.
    senderPort: port of the sender.
    sendRate: kilobits per second; configured send rate.
    sendRateAverage: kilobits per second; average send rate over a slice of time.
    sendRateAverageWindow: kilobits per second; send rate within a short window, the performance right now.
    sendRateMax: kilobits per second; highest send rate that is allowed.
    sendRateMin: kilobits per second; the rate controller keeps the send rate at or above this.
    snapshotTime: when this information was recorded.
    socketRecvBufferSize: bytes; buffer for receiving.
    socketSendBufferSize: bytes; buffer for sending.
    """

    connectionId: str | None = None
    destinationIP: str | None = None
    destinationPort: int | None = None
    destinationPublicKey: str | None = None
    encryptedConnectionState: EncryptedConnectionState | None = None
    encryptionEnabled: bool | None = None
    lastDestinationServerId: str | None = None
    lastDestinationServerUid: str | None = None
    lastError: int | None = None
    lastErrorMessage: str | None = None
    lastRecvTime: datetime | None = None
    lastSendTime: datetime | None = None
    numTransfersQueued: int | None = None
    rateControllerActive: bool | None = None
    rateControlMethod: str | None = None
    relayIP: str | None = None
    relayPort: int | None = None
    roundTripTimeMs: int | None = None
    senderIP: str | None = None
    senderPort: int | None = None
    sendRate: int | None = None
    sendRateAverage: float | None = None
    sendRateAverageWindow: float | None = None
    sendRateMax: int | None = None
    sendRateMin: int | None = None
    snapshotTime: datetime | None = None
    socketRecvBufferSize: int | None = None
    socketSendBufferSize: int | None = None


# ---------------------------------------------------------------------------------------------------------------------
# Destination


@attrs.define
class DestinationTransferDefaults(Structure):
    """What a transfer to a destination is created with, where nothing else is asked for.

    checkpointFrequencySeconds: seconds between two checkpoints.
    overwriteMode: when a file at the destination is overwritten.
    priority: priority of the transfer.
    priorityLane: name of the priority lane.
    sendRateMax: kilobits per second; highest send rate.
    transferFlags: flags of the transfer, as a bit set.
    """

    checkpointFrequencySeconds: int | None = None
    overwriteMode: str | None = None
    priority: int | None = None
    priorityLane: str | None = None
    sendRateMax: int | None = None
    transferFlags: int | None = None


@attrs.define
class Destination(Structure):
    """Where data goes to.

    connectionId: the connection to this destination.
    destinationAddress: address (host name) of the destination.
    destinationId: refers to this destination.
    destinationIP: IP of the destination.
    destinationPort: UDP port of the receiver at the destination.
    destinationPublicKey: public key of the destination, needed for encrypted transfers to it.
    encryptedConnectionState: how far the negotiation of the encryption is; for an encrypted connection only.
    encryptionEnabled: is encryption switched on; if so, the other side needs it as well.
    lastDestinationServerId: server instance that most recently acknowledged a transmission; empty before any
        communication.
    lastDestinationServerUid: persistent ID of the server that most recently acknowledged a transmission; empty before
        any communication.
    lastError: code of the last critical error of the connection to the remote server; empty if there is none now.
    lastErrorMessage: message that belongs to lastError; empty if there is no error now.
    lastRecvTime: when something was last received.
    lastSendTime: when something was last sent.
    numTransfersQueued: count of the transfers that wait in the queue of the destination.
    owner: owner of the destination, who alone sees it beside a superuser.
    ownerToken: secret; token by which the destination was created; empty if it was not created by one.
    ownerTokenSession: secret; session of the token that created the destination; empty if no token did.
    permittedDestinationPublicKey: the only public key with which the remote server is accepted.
    priorityLanes: proportion of the sending bandwidth by name of the priority lane.
    relayIP: IP of the relay; empty if no relay is used.
    relayPort: port of the relay; empty if no relay is used.
    roundTripTimeMs: milliseconds; round-trip time between sender and receiver.
    senderIP: IP of the sender.
    senderPort: port of the sender.
    sendRateAverage: kilobits per second; average send rate over a slice of time.
    sendRateMax: kilobits per second; highest send rate that is allowed.
    snapshotTime: when this information was recorded.
    socketRecvBufferSize: bytes; buffer for receiving.
    socketSendBufferSize: bytes; buffer for sending.
    transferDefaults: what a transfer to this destination is created with.
    userData: metadata by key, attached by the user.
    """

    connectionId: str | None = None
    destinationAddress: str | None = None
    destinationId: str | None = None
    destinationIP: str | None = None
    destinationPort: int | None = None
    destinationPublicKey: str | None = None
    encryptedConnectionState: EncryptedConnectionState | None = None
    encryptionEnabled: bool | None = None
    lastDestinationServerId: str | None = None
    lastDestinationServerUid: str | None = None
    lastError: int | None = None
    lastErrorMessage: str | None = None
    lastRecvTime: datetime | None = None
    lastSendTime: datetime | None = None
    numTransfersQueued: int | None = None
    owner: str | None = None
    ownerToken: str | None = attrs.field(default=None, repr=False)
    ownerTokenSession: str | None = attrs.field(default=None, repr=False)
    permittedDestinationPublicKey: str | None = None
    priorityLanes: dict[str, float] | None = None
    relayIP: str | None = None
    relayPort: int | None = None
    roundTripTimeMs: int | None = None
    senderIP: str | None = None
    senderPort: int | None = None
    sendRateAverage: float | None = None
    sendRateMax: int | None = None
    snapshotTime: datetime | None = None
    socketRecvBufferSize: int | None = None
    socketSendBufferSize: int | None = None
    transferDefaults: DestinationTransferDefaults | None = None
    userData: dict[str, Any] | None = None


# ---------------------------------------------------------------------------------------------------------------------
# Server information


@attrs.define
class ReceiverServerInformation(Structure):
    """The receiving side of a server.

    authRequired: did the server ask for user name and password.
    encryptionEnabled: is encryption switched on; if so, the other side needs it as well.
    onlyAuthorizedClientsAllowed: does the server take clients only that were authorized before.
    receiverIP: IP of the receiver; 0.0.0.0 means every address.
    receiverPort: port of the receiver.
    relayIP: IP of the relay; empty if no relay is used.
    relayPort: port of the relay; empty if no relay is used.
    socketRecvBufferSize: bytes; buffer for receiving.
    socketSendBufferSize: bytes; buffer for sending.
    """

    authRequired: bool | None = None
    encryptionEnabled: bool | None = None
    onlyAuthorizedClientsAllowed: bool | None = None
    receiverIP: str | None = None
    receiverPort: int | None = None
    relayIP: str | None = None
    relayPort: int | None = None
    socketRecvBufferSize: int | None = None
    socketSendBufferSize: int | None = None


@attrs.define
class ServerBandwidthLimits(Structure):
    """Limits of what comes in at a server and what goes out.

    borrowIncoming: is unused incoming bandwidth added to the outgoing limit, where both limits are active.
    borrowOutgoing: is unused outgoing bandwidth added to the incoming limit, where both limits are active.
    incomingLimitActive: is what comes in limited.
    incomingMaxConnections: count; most incoming connections.
    incomingRateLimit: kilobits per second; highest incoming rate.
    outgoingLimitActive: is what goes out limited.
    outgoingRateLimit: kilobits per second; highest outgoing rate.
    """

    borrowIncoming: bool | None = None
    borrowOutgoing: bool | None = None
    incomingLimitActive: bool | None = None
    incomingMaxConnections: int | None = None
    incomingRateLimit: int | None = None
    outgoingLimitActive: bool | None = None
    outgoingRateLimit: int | None = None


@attrs.define
class CloudFileCache(Structure):
    """The cloud file cache of a server.

    highWatermark: bytes; memory that is allocated to the cache.
    maximumSize: bytes; largest size of the cache.
    """

    highWatermark: int | None = None
    maximumSize: int | None = None


@attrs.define
class GarbageCollection(Structure):
    """How a server collects garbage.

    intervalSeconds: seconds between two collections.
    timeLimitSeconds: seconds; grace period of what is ready to be collected.
    """

    intervalSeconds: float | None = None
    timeLimitSeconds: float | None = None


@attrs.define
class ServerConfiguration(Structure):
    """How a server is configured; for a superuser only.

    cloudFileCache: the cloud file cache.
    garbageCollect: how garbage is collected.
    persistentStateDir: path where the server keeps its encryption keys; with one its public key stays the same.
    triggersAvailable: are triggers carried out at their events.
    """

    cloudFileCache: CloudFileCache | None = None
    garbageCollect: GarbageCollection | None = None
    persistentStateDir: str | None = None
    triggersAvailable: bool | None = None


@attrs.define
class ServerLicense(Structure):
    """The license of a server.

    errorMessage: why the license is invalid; empty if it is valid.
    expiry: date on which the license expires.
    valid: is the license valid now.
    """

    errorMessage: str | None = None
    expiry: date | None = None
    valid: bool | None = None


@attrs.define
class ServerUser(Structure):
    """The user who asks a server for its information.

    authed: was this user authenticated on the present connection.
    permissions: what the user is permitted.
    sandboxed: is the user held in one directory instead of the whole file system; empty if not authenticated.
    superuser: is the user a superuser; false if not authenticated.
    token: secret; token of the user; empty if not authenticated, or by user name.
    tokenSession: secret; session of that token; empty if not authenticated, or by user name.
    userName: name of the user; empty if not authenticated, or by token.
    """

    authed: bool | None = None
    permissions: list[str] | None = None
    sandboxed: bool | None = None
    superuser: bool | None = None
    token: str | None = attrs.field(default=None, repr=False)
    tokenSession: str | None = attrs.field(default=None, repr=False)
    userName: str | None = None


@attrs.define
class ServerInformation(Structure):
    """What a server tells about itself.

    allowRemoteControl: are API connections from other hosts accepted.
    apiControlPort: port for API connections.
    APITokensAvailable: can API tokens be made and used.
    apiVersion: version of the API.
    authRequired: must an API connection be authenticated.
    bandwidthLimits: limits of what comes in and what goes out.
    certificateValidation: days until the SSL certificate expires.
    configuration: how the server is configured; there for a superuser only.
    encryptionAvailable: can connections be encrypted.
    eventLogAvailable: is the event log active.
    hostName: name of the machine that runs the server.
    license: the license of the server.
    minCipher: weakest cipher that is supported for transfers.
    multiplexAvailable: can one port both send and receive.
    publicKey: public key of the server, for encrypted connections.
    receiver: the receiving side.
    revision: version of the server as one integer.
    serverExternalAddress: host name and port at which the server is reached from outside.
    serverId: this instance of the server; another one each time a server is launched.
    serverName: friendly name of the server.
    serverPlatform: operating system of the server.
    serverTime: the current time at the server.
    serverUid: this server; the same for all its instances.
    sharedTokensAvailable: can shared tokens be made and used.
    user: the user who asks.
    version: version of the server.
    """

    allowRemoteControl: bool | None = None
    apiControlPort: int | None = None
    APITokensAvailable: bool | None = None
    apiVersion: int | None = None
    authRequired: bool | None = None
    bandwidthLimits: ServerBandwidthLimits | None = None
    certificateValidation: int | None = None
    configuration: ServerConfiguration | None = None
    encryptionAvailable: bool | None = None
    eventLogAvailable: bool | None = None
    hostName: str | None = None
    license: ServerLicense | None = None
    minCipher: str | None = None
    multiplexAvailable: bool | None = None
    publicKey: str | None = None
    receiver: ReceiverServerInformation | None = None
    revision: int | None = None
    serverExternalAddress: str | None = None
    serverId: str | None = None
    serverName: str | None = None
    serverPlatform: ServerPlatform | None = None
    serverTime: datetime | None = None
    serverUid: str | None = None
    sharedTokensAvailable: bool | None = None
    user: ServerUser | None = None
    version: str | None = None
