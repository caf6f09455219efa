"""The structures themselves: names as in the documents, JSON and back, the schema, and what is refused."""

from __future__ import annotations

import copy
import json
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from faspmgr import views
from faspmgr.views import Structure
from faspmgr.views.base import meanings
from tests.views.strategies import structures

# As the documents list them, in their order.
DOCUMENTED = {
    views.Channel: "id type bytes_client_to_server bytes_server_to_client protocol_file transferred_files",
    views.ChannelFile: "id name offset direction open_time close_time payload_size closed status",
    views.Connection: """connectionId destinationIP destinationPort destinationPublicKey encryptedConnectionState
        encryptionEnabled lastDestinationServerId lastDestinationServerUid lastError lastErrorMessage lastRecvTime
        lastSendTime numTransfersQueued rateControllerActive rateControlMethod relayIP relayPort roundTripTimeMs
        senderIP senderPort sendRate sendRateAverage sendRateAverageWindow sendRateMax sendRateMin snapshotTime
        socketRecvBufferSize socketSendBufferSize""",
    views.Destination: """connectionId destinationAddress destinationId destinationIP destinationPort
        destinationPublicKey encryptedConnectionState encryptionEnabled lastDestinationServerId lastDestinationServerUid
        lastError lastErrorMessage lastRecvTime lastSendTime numTransfersQueued owner ownerToken ownerTokenSession
        permittedDestinationPublicKey priorityLanes relayIP relayPort roundTripTimeMs senderIP senderPort
        sendRateAverage sendRateMax snapshotTime socketRecvBufferSize socketSendBufferSize transferDefaults userData""",
    views.DestinationTransferDefaults: """checkpointFrequencySeconds overwriteMode priority priorityLane sendRateMax
        transferFlags""",
    views.ServerInformation: """allowRemoteControl apiControlPort APITokensAvailable apiVersion authRequired
        bandwidthLimits certificateValidation configuration encryptionAvailable eventLogAvailable hostName license
        minCipher multiplexAvailable publicKey receiver revision serverExternalAddress serverId serverName
        serverPlatform serverTime serverUid sharedTokensAvailable user version""",
    views.ReceiverServerInformation: """authRequired encryptionEnabled onlyAuthorizedClientsAllowed receiverIP
        receiverPort relayIP relayPort socketRecvBufferSize socketSendBufferSize""",
    views.ServerBandwidthLimits: """borrowIncoming borrowOutgoing incomingLimitActive incomingMaxConnections
        incomingRateLimit outgoingLimitActive outgoingRateLimit""",
    views.ServerConfiguration: "cloudFileCache garbageCollect persistentStateDir triggersAvailable",
    views.CloudFileCache: "highWatermark maximumSize",
    views.GarbageCollection: "intervalSeconds timeLimitSeconds",
    views.ServerLicense: "errorMessage expiry valid",
    views.ServerUser: "authed permissions sandboxed superuser token tokenSession userName",
}
CLASSES: list[type[Structure]] = list(DOCUMENTED)
TOP = list(views.KINDS.values())

ID = "eef4aefc-d64e-4c2c-aba4-4914c86ce059"
FILE = {
    "id": ID,
    "name": "string",
    "offset": 0,
    "direction": 0,
    "open_time": "2017-01-01T15:05:05Z",
    "close_time": "2017-01-01T15:05:05Z",
    "payload_size": 0,
    "closed": True,
    "status": "OK",
}
CHANNEL = {
    "id": ID,
    "type": "string",
    "bytes_client_to_server": 0,
    "bytes_server_to_client": 0,
    "protocol_file": FILE,
    "transferred_files": [FILE],
}
"""The example of the document, whole."""

by_class = pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)


def minimal(cls: type[Structure]) -> dict[str, Any]:
    required: dict[type[Structure], dict[str, Any]] = {
        views.Channel: {"id": ID, "type": "FASP", "transferred_files": []},
        views.ChannelFile: FILE,
    }
    return copy.deepcopy(required.get(cls, {}))


@by_class
def test_the_documented_names_in_the_documented_order(cls: type[Structure]) -> None:
    assert list(cls.from_dict(minimal(cls)).to_dict()) == DOCUMENTED[cls].split()


@by_class
def test_every_field_is_explained(cls: type[Structure]) -> None:
    assert [name for name, text in meanings(cls).items() if not text] == []


def test_the_documented_example() -> None:
    channel = views.Channel.from_dict(CHANNEL)
    assert channel.id == UUID(ID)
    assert channel.transferred_files[0].open_time == datetime(2017, 1, 1, 15, 5, 5, tzinfo=UTC)
    assert channel.transferred_files[0].status == "OK"
    assert channel.to_dict() == CHANNEL


def test_a_whole_destination() -> None:
    shown = {
        "destinationPort": 33001,
        "encryptedConnectionState": "negotiating",
        "sendRateAverage": 0.5,
        "priorityLanes": {"high": 0.75, "low": 0.25},
        "snapshotTime": "2024-02-29T23:59:59.000001Z",
        "transferDefaults": {"priority": 1, "transferFlags": 3},
        "userData": {"anything": [1, None, {"at": "all"}]},
    }
    destination = views.Destination.from_dict(shown)
    assert destination.transferDefaults == views.DestinationTransferDefaults(priority=1, transferFlags=3)
    again = destination.to_dict()
    assert {name: again[name] for name in shown if name != "transferDefaults"} == {
        name: value for name, value in shown.items() if name != "transferDefaults"
    }
    assert again["transferDefaults"]["priority"] == 1
    assert again["connectionId"] is None


def test_a_license_expires_on_a_day() -> None:
    assert views.ServerLicense.from_dict({"expiry": "2027-01-31"}).expiry == date(2027, 1, 31)
    assert views.ServerLicense(expiry=date(2027, 1, 31)).to_dict()["expiry"] == "2027-01-31"


def test_times_are_written_in_utc() -> None:
    time = datetime(2017, 1, 1, 17, 5, 5, tzinfo=timezone(timedelta(hours=2)))
    assert views.Connection(snapshotTime=time).to_dict()["snapshotTime"] == "2017-01-01T15:05:05Z"


def test_a_time_without_a_zone_is_no_time() -> None:
    with pytest.raises(ValueError, match="time zone"):
        views.Connection(snapshotTime=datetime(2017, 1, 1)).to_dict()


def test_digits_beyond_microseconds_are_dropped() -> None:
    connection = views.Connection.from_dict({"snapshotTime": "2017-01-01T15:05:05.123456789Z"})
    assert connection.to_dict()["snapshotTime"] == "2017-01-01T15:05:05.123456Z"


REFUSED: list[tuple[type[Structure], Any, str]] = [
    (views.Channel, [], "Channel: must be an object, not an array"),
    (views.Channel, {"type": "FASP"}, "id: missing"),
    (views.Channel, {**CHANNEL, "id": None}, "id: must be a UUID such as .*, not null"),
    (views.Channel, {**CHANNEL, "id": "{" + ID + "}"}, "id: must be a UUID"),
    (views.Channel, {**CHANNEL, "type": 5}, "type: must be a string, not an integer"),
    (views.Channel, {**CHANNEL, "bytes_client_to_server": "5"}, "bytes_client_to_server: must be an integer, not a"),
    (views.Channel, {**CHANNEL, "bytes_client_to_server": True}, "bytes_client_to_server: .* not a boolean"),
    (views.Channel, {**CHANNEL, "bytes_client_to_server": 1.0}, "bytes_client_to_server: .* not a number"),
    (views.Channel, {**CHANNEL, "protocol_file": "x"}, "protocol_file: must be an object, not a string"),
    (views.Channel, {**CHANNEL, "protocol_file": {**FILE, "closed": 1}}, r"protocol_file\.closed: must be true or"),
    (views.Channel, {**CHANNEL, "transferred_files": None}, "transferred_files: must be an array, not null"),
    (
        views.Channel,
        {**CHANNEL, "transferred_files": [FILE, {**FILE, "status": "FINE"}]},
        r"transferred_files\[1\]\.status: must be one of OK, PERMISSION_DENIED, .*, ONGOING, not 'FINE'",
    ),
    (views.ChannelFile, {**FILE, "status": "ok"}, "status: must be one of"),
    (views.ChannelFile, {**FILE, "status": 1}, "status: must be one of .* not an integer"),
    (views.ChannelFile, {**FILE, "open_time": "2017-01-01T15:05:05"}, "open_time: must be a time such as"),
    (views.ChannelFile, {**FILE, "open_time": "2017-01-01T15:05:05+01:00"}, "open_time: must be a time such as"),
    (views.ChannelFile, {**FILE, "open_time": "2017-02-30T15:05:05Z"}, "open_time: must be a time such as"),
    (views.ChannelFile, {**FILE, "open_time": "2017-01-01T15:05:61Z"}, "open_time: must be a time such as"),
    (views.ChannelFile, {**FILE, "open_time": 1483283105}, "open_time: .* not an integer"),
    (views.Connection, {"encryptedConnectionState": "up"}, "encryptedConnectionState: .* not 'up'"),
    (views.Connection, {"sendRateAverage": "fast"}, "sendRateAverage: must be a finite number, not a string"),
    (views.Connection, {"sendRateAverage": float("nan")}, "sendRateAverage: must be a finite number"),
    (views.Connection, {"sendRateAverage": 10**400}, "sendRateAverage: must be a finite number"),
    (views.Connection, {"sendRateAverage": False}, "sendRateAverage: .* not a boolean"),
    (views.Destination, {"transferDefaults": {"priority": "1"}}, r"transferDefaults\.priority: must be an integer"),
    (views.Destination, {"priorityLanes": {"high": "all"}}, r"priorityLanes\.high: must be a finite number"),
    (views.Destination, {"userData": []}, "userData: must be an object, not an array"),
    (views.ServerInformation, {"serverPlatform": "Linux"}, "serverPlatform: must be one of windows, linux, macOS"),
    (views.ServerInformation, {"license": {"expiry": "soon"}}, r"license\.expiry: must be a date"),
    (views.ServerInformation, {"user": {"permissions": [1]}}, r"user\.permissions\[0\]: must be a string"),
    (
        views.ServerInformation,
        {"configuration": {"garbageCollect": {"intervalSeconds": "1"}}},
        r"configuration\.garbageCollect\.intervalSeconds: must be a finite number",
    ),
]


@pytest.mark.parametrize(("cls", "value", "message"), REFUSED, ids=[row[2][:50] for row in REFUSED])
def test_what_is_refused_names_the_field(cls: type[Structure], value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        cls.from_dict(value)


def test_a_refused_value_that_may_be_a_secret_is_not_shown() -> None:
    with pytest.raises(ValueError, match="token: must be a string, not an array") as caught:
        views.ServerInformation.from_dict({"user": {"token": ["hush-hush"]}})
    assert "hush" not in str(caught.value)


def test_secrets_and_unknown_fields_are_not_in_the_repr() -> None:
    user = views.ServerUser(token="hush-hush", tokenSession="hush-hush", extra={"key": "hush-hush"})
    owner = views.Destination(ownerToken="hush-hush", ownerTokenSession="hush-hush")
    assert "hush" not in repr(user) + repr(owner)


@by_class
def test_unknown_fields_are_kept(cls: type[Structure]) -> None:
    unknown = {"new in 3.0": {"a": [1]}, "extra": "of that name"}
    structure = cls.from_dict({**minimal(cls), **unknown})
    assert structure.extra == unknown
    shown = structure.to_dict()
    assert {name: shown[name] for name in unknown} == unknown
    assert list(shown)[-2:] == list(unknown)


def test_unknown_fields_of_nested_structures_are_kept() -> None:
    shown = views.Channel.from_dict({**CHANNEL, "transferred_files": [{**FILE, "checksum": "ff"}]}).to_dict()
    assert shown["transferred_files"] == [{**FILE, "checksum": "ff"}]


def test_an_unknown_field_cannot_take_the_place_of_a_documented_one() -> None:
    assert views.CloudFileCache(maximumSize=5, extra={"maximumSize": 6}).to_dict()["maximumSize"] == 5


@by_class
def test_the_schema_is_one(cls: type[Structure]) -> None:
    schema = cls.json_schema()
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["required"] == list(schema["properties"]) == DOCUMENTED[cls].split()
    assert all(field["description"] for field in schema["properties"].values())


def test_the_schema_has_the_documented_forms() -> None:
    schema = views.Channel.json_schema()
    file = schema["$defs"]["ChannelFile"]["properties"]
    assert file["status"]["enum"] == [
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
    assert (file["open_time"]["type"], file["open_time"]["format"]) == (["string", "null"], "date-time")
    assert (file["id"]["type"], file["id"]["format"]) == ("string", "uuid")
    assert schema["properties"]["transferred_files"]["items"] == {"$ref": "#/$defs/ChannelFile"}
    connection = views.Connection.json_schema()["properties"]
    assert connection["encryptedConnectionState"]["enum"] == ["disconnected", "negotiating", "connected", None]
    assert "$defs" not in views.Connection.json_schema()
    assert set(views.ServerInformation.json_schema()["$defs"]) == {
        "ReceiverServerInformation",
        "ServerBandwidthLimits",
        "ServerConfiguration",
        "CloudFileCache",
        "GarbageCollection",
        "ServerLicense",
        "ServerUser",
    }


NO_JSON_SCHEMA_MATTER = ("1.0", "not a number", "missing", "finite", "02-30", "05:61")


@pytest.mark.parametrize(
    ("cls", "value"),
    [
        (cls, value)
        for cls, value, message in REFUSED
        # To JSON Schema 1.0 is an integer, and it knows neither NaN, nor the calendar.
        if not any(word in message + str(value) for word in NO_JSON_SCHEMA_MATTER)
    ],
)
def test_the_schema_refuses_it_too(cls: type[Structure], value: Any) -> None:
    schema = cls.json_schema()
    for inner in (schema, *schema.get("$defs", {}).values()):
        del inner["required"]  # so that it is refused for its values
    assert not Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize("cls", TOP, ids=lambda cls: cls.__name__)
@given(data=st.data())
def test_round_trip_and_schema(cls: type[Structure], data: st.DataObject) -> None:
    structure = data.draw(structures(cls))
    shown = structure.to_dict()
    assert cls.from_dict(shown) == structure
    assert cls.from_dict(json.loads(json.dumps(shown))) == structure
    Draft202012Validator(cls.json_schema()).validate(shown)


@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_any_value_for_any_field_is_taken_or_refused_by_name(value: Any) -> None:
    for cls in CLASSES:
        for field in attrs.fields(cls):
            try:
                cls.from_dict({**minimal(cls), field.name: value}).to_dict()
            except ValueError as error:
                assert str(error).startswith(field.name)  # noqa: PT017  # most values raise nothing for some field
