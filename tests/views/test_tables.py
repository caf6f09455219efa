"""The tables as tables: every documented field has its row, and JSON, schema and reference are made of the rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from faspmgr import Event, Session, Tracker, parse, views
from faspmgr.views.facts import STATUS_OF_CODE
from faspmgr.views.structure import INTEGER, TEXT, Row, Structure
from tests.conftest import CAPTURES, FIXTURES
from tests.views.strategies import EVENTS

# As the documents list them, in their order. What stands behind a colon is the JSON type, a string if none does. The
# documents give types for the channel only; for the others it is what the meaning asks for. A ! is never null.
DOCUMENTED = {
    "Channel": "id:uuid! type! bytes_client_to_server:integer bytes_server_to_client:integer protocol_file:ChannelFile "
    "transferred_files:ChannelFile[]!",
    "ChannelFile": "id:uuid! name! offset:integer direction:integer open_time:date-time close_time:date-time "
    "payload_size:integer closed:boolean! status!",
    "Connection": "connectionId destinationIP destinationPort:integer destinationPublicKey encryptedConnectionState "
    "encryptionEnabled:boolean lastDestinationServerId lastDestinationServerUid lastError:integer lastErrorMessage "
    "lastRecvTime:date-time lastSendTime:date-time numTransfersQueued:integer rateControllerActive:boolean "
    "rateControlMethod relayIP relayPort:integer roundTripTimeMs:integer senderIP senderPort:integer sendRate:integer "
    "sendRateAverage:number sendRateAverageWindow:number sendRateMax:integer sendRateMin:integer "
    "snapshotTime:date-time socketRecvBufferSize:integer socketSendBufferSize:integer",
    "Destination": "connectionId destinationAddress destinationId destinationIP destinationPort:integer "
    "destinationPublicKey encryptedConnectionState encryptionEnabled:boolean lastDestinationServerId "
    "lastDestinationServerUid lastError:integer lastErrorMessage lastRecvTime:date-time lastSendTime:date-time "
    "numTransfersQueued:integer owner ownerToken ownerTokenSession permittedDestinationPublicKey priorityLanes:object "
    "relayIP relayPort:integer roundTripTimeMs:integer senderIP senderPort:integer sendRateAverage:number "
    "sendRateMax:integer snapshotTime:date-time socketRecvBufferSize:integer socketSendBufferSize:integer "
    "transferDefaults:DestinationTransferDefaults userData:object",
    "DestinationTransferDefaults": "checkpointFrequencySeconds:integer overwriteMode priority:integer priorityLane "
    "sendRateMax:integer transferFlags:integer",
    "ServerInformation": "allowRemoteControl:boolean apiControlPort:integer APITokensAvailable:boolean "
    "apiVersion:integer authRequired:boolean bandwidthLimits:ServerBandwidthLimits certificateValidation:integer "
    "configuration:ServerConfiguration encryptionAvailable:boolean eventLogAvailable:boolean hostName "
    "license:ServerLicense minCipher multiplexAvailable:boolean publicKey receiver:ReceiverServerInformation "
    "revision:integer serverExternalAddress serverId serverName serverPlatform serverTime:date-time serverUid "
    "sharedTokensAvailable:boolean user:ServerUser version",
    "ServerBandwidthLimits": "borrowIncoming:boolean borrowOutgoing:boolean incomingLimitActive:boolean "
    "incomingMaxConnections:integer incomingRateLimit:integer outgoingLimitActive:boolean outgoingRateLimit:integer",
    "ServerConfiguration": "cloudFileCache:CloudFileCache garbageCollect:GarbageCollection persistentStateDir "
    "triggersAvailable:boolean",
    "CloudFileCache": "highWatermark:integer maximumSize:integer",
    "GarbageCollection": "intervalSeconds:number timeLimitSeconds:number",
    "ServerLicense": "errorMessage expiry:date valid:boolean",
    "ReceiverServerInformation": "authRequired:boolean encryptionEnabled:boolean onlyAuthorizedClientsAllowed:boolean "
    "receiverIP receiverPort:integer relayIP relayPort:integer socketRecvBufferSize:integer "
    "socketSendBufferSize:integer",
    "ServerUser": "authed:boolean permissions[] sandboxed:boolean superuser:boolean token tokenSession userName",
}
WORDS = {
    "status": "OK PERMISSION_DENIED TIMEOUT MISSING LENGTH_MISMATCH CHECKSUM_MISMATCH DECRYPTION_ERROR "
    "STORAGE_UNDEFINED ID_UNDEFINED UNCLEAN_CLOSE GENERIC_ERROR ONGOING",
    "encryptedConnectionState": "disconnected negotiating connected",
    "serverPlatform": "windows linux macOS",
}
"""The fields that take one of a list of words."""

STRUCTURES: list[Structure[Any]] = [structure for top in views.KINDS.values() for structure in top.nested()]
VALIDATORS = {kind: Draft202012Validator(top.json_schema()) for kind, top in views.KINDS.items()}

by_kind = pytest.mark.parametrize("kind", views.KINDS)


def type_in_schema(field: dict[str, Any]) -> str:
    """The type of a field in the words of DOCUMENTED, read from its JSON Schema."""
    if "anyOf" in field:
        inner, null = field["anyOf"]
        assert null == {"type": "null"}
        return type_in_schema({**inner, "type": ["", "null"]})
    kind = field.get("type", "")
    kind, mark = (kind[0], "") if isinstance(kind, list) and kind[1] == "null" else (kind, "!")
    if "$ref" in field:
        kind = field["$ref"].removeprefix("#/$defs/")
    elif kind == "array":
        kind = type_in_schema(field["items"]).rstrip("!") + "[]"
    return f"{field.get('format', kind)}{mark}"


def test_every_documented_field_in_the_documented_order() -> None:
    assert [structure.name for structure in STRUCTURES] == list(DOCUMENTED)
    for structure in STRUCTURES:
        fields = structure.json_schema()["properties"]
        found = [f"{name}:{type_in_schema(field)}".replace(":string", "", 1) for name, field in fields.items()]
        assert found == DOCUMENTED[structure.name].split()


def test_every_row_tells_its_meaning_source_and_null() -> None:
    for row in (row for structure in STRUCTURES for row in structure.rows):
        assert row.meaning
        assert row.meaning.endswith(".")
        assert row.source or row.null, row.name
        assert "!" not in type_in_schema(row.schema()) or not row.null


@attrs.frozen
class Point:
    x: int
    name: str | None


def test_mypy_checks_the_functions() -> None:
    """mypy --strict refuses a comment that ignores nothing: each of these rows is an error to it."""
    rows: list[Row[Point]] = [
        INTEGER.nullable("a", "", lambda point: point.name, source="", null=""),  # type: ignore[arg-type,return-value]
        TEXT.known("b", "", lambda point: point.name, source=""),  # type: ignore[arg-type,return-value]
        TEXT.nullable("c", "", lambda point: point.nam, source="", null=""),  # type: ignore[attr-defined]
    ]
    assert [row.name for row in rows] == ["a", "b", "c"]


# ---------------------------------------------------------------------------------------------------------------------
# The JSON Schema


@by_kind
def test_the_schema_of_a_kind(kind: str) -> None:
    schema = views.KINDS[kind].json_schema()
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    inner = schema.get("$defs", {})
    assert [schema["title"], *inner] == [structure.name for structure in views.KINDS[kind].nested()]
    for name, each in {schema["title"]: schema, **inner}.items():
        assert (each["title"], each["type"]) == (name, "object")
        assert each["required"] == list(each["properties"])
        assert all(field["description"] for field in each["properties"].values())


def test_words_of_the_documents() -> None:
    fields = [item for each in STRUCTURES for item in each.json_schema()["properties"].items()]
    assert {name: field["enum"] for name, field in fields if "enum" in field} == {
        name: [*words.split(), *([] if name == "status" else [None])] for name, words in WORDS.items()
    }


FILE = {
    "id": "eef4aefc-d64e-4c2c-aba4-4914c86ce059",
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
    "id": FILE["id"],
    "type": "string",
    "bytes_client_to_server": 0,
    "bytes_server_to_client": 0,
    "protocol_file": FILE,
    "transferred_files": [FILE],
}
"""The example of the document, whole."""


def test_the_documented_example_fits_the_schema() -> None:
    VALIDATORS["channel"].validate({**CHANNEL, "beside the document": 1})


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("channel", "id", (None, 5, "{eef4aefc-d64e-4c2c-aba4-4914c86ce059}", "x")),
        ("channel", "type", (None, 5)),
        ("channel", "bytes_client_to_server", ("5", True, 1.5)),
        ("channel", "protocol_file", ("x", [], {**FILE, "closed": 1}, {**FILE, "open_time": "2017-01-01T15:05:05"})),
        ("channel", "transferred_files", (None, FILE, [{**FILE, "status": "FINE"}], [{**FILE, "status": None}])),
        ("channel", "transferred_files", ([{**FILE, "close_time": "2017-01-01T15:05:05+01:00"}],)),
        ("connection", "encryptedConnectionState", ("up", 1)),
        ("connection", "sendRateAverage", ("fast", False)),
        ("destination", "transferDefaults", (1, [], {"priority": "1"})),
        ("destination", "priorityLanes", ({"high": "all"}, [])),
        ("destination", "userData", ([], "x")),
        ("server", "serverPlatform", ("Linux",)),
        ("server", "license", ({"expiry": "soon"}, {"valid": "yes"})),
        ("server", "user", ({"permissions": [1]},)),
        ("server", "configuration", ({"garbageCollect": {"intervalSeconds": "1"}},)),
    ],
)
def test_what_the_schema_refuses(kind: str, name: str, values: tuple[Any, ...]) -> None:
    schema = views.KINDS[kind].json_schema()
    for each in (schema, *schema.get("$defs", {}).values()):
        del each["required"]  # so that a value is refused for what it is
    validator = Draft202012Validator(schema)
    for value in values:
        assert not validator.is_valid({name: value}), value
    assert validator.is_valid({name: None}) is (name not in ("id", "type", "transferred_files"))


# ---------------------------------------------------------------------------------------------------------------------
# The recorded streams

EXPECTED = sorted((FIXTURES / "views").glob("*.json"))
"""Written by hand: every value was read from the stream, rates and sums were worked out from its numbers."""


def test_every_capture_with_a_session_has_its_views() -> None:
    folders = {"ascp-3.9.0", "sessions", "logs"}
    assert {path.stem for path in EXPECTED} == {path.stem for path in CAPTURES if path.parent.name in folders}


@by_kind
@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_the_views_of_a_capture(path: Path, kind: str) -> None:
    expected = json.loads(path.read_text(encoding="utf-8"))
    (capture,) = (found for found in CAPTURES if found.stem == path.stem)
    tracker = Tracker(keep_files=views.keep_files(kind))
    clock = views.StreamClock(datetime.fromisoformat(expected["start_time"].replace("Z", "+00:00")))
    for event in parse(capture.read_bytes()):
        clock.see(tracker.update(event))
    tracker.close()
    shown = [views.view(kind, session, start_time=clock.start_of(session)).to_dict() for session in tracker.sessions]
    assert json.dumps(shown) == json.dumps(expected[kind])  # the order of the fields, too
    for each in shown:
        VALIDATORS[kind].validate(each)


def test_bytes_and_counts_agree_with_the_tracker(capture: Path) -> None:
    tracker = Tracker(keep_files="all")
    for event in parse(capture.read_bytes()):
        tracker.update(event)
    tracker.close()
    for session in tracker.sessions:
        channel = views.channel(session).to_dict()
        both = (channel["bytes_client_to_server"], channel["bytes_server_to_client"])
        assert both == ((None, None) if session.direction is None and session.bytes_transferred else both)
        assert None in both or sum(both) == session.bytes_transferred
        closed = [file["status"] for file in channel["transferred_files"] if file["closed"]]
        assert closed.count("OK") == session.files_done + session.files_skipped
        assert len(closed) == closed.count("OK") + session.files_failed
        assert len(channel["transferred_files"]) - len(closed) == session.files_active
        if capture.parent.name in ("sessions", "logs"):  # the document's single examples do not add up
            assert sum(file["payload_size"] for file in channel["transferred_files"]) == session.bytes_written


@given(events=EVENTS, start_time=st.none() | st.datetimes(timezones=st.just(UTC)), close=st.booleans())
def test_of_any_stream(events: list[Event], start_time: datetime | None, close: bool) -> None:
    tracker = Tracker(keep_files="all")
    for event in events:
        tracker.update(event)
    if close:
        tracker.close()
    for session in tracker.sessions:
        for kind in views.KINDS:
            view = views.view(kind, session, start_time=start_time)
            text = json.dumps(view.to_dict(), allow_nan=False)
            assert "hush" not in repr(view) + text
            VALIDATORS[kind].validate(view.to_dict())
            assert json.loads(text) == view.to_dict()  # nothing is changed on its way through JSON
        files = views.channel(session).to_dict()["transferred_files"]
        closed = [file for file in files if file["closed"]]
        assert len(closed) <= session.files_done + session.files_skipped + session.files_failed
        assert len(files) >= session.files_active
        ongoing = any(file["status"] == "ONGOING" for file in files)
        assert not (ongoing and session.ended)


def test_a_view_is_a_snapshot_with_its_schema() -> None:
    tracker = Tracker()
    (init, session) = parse(
        b"FASPMGR 2\nType: INIT\nSessionId: s\n\nFASPMGR 2\nType: SESSION\nSessionId: s\nUser: u\n\n"
    )
    view = views.view("destination", tracker.update(init))
    tracker.update(session)
    assert (view.kind, view.to_dict()["owner"]) == ("destination", None)
    assert view.json_schema() == views.KINDS["destination"].json_schema()
    view.to_dict().clear()
    assert view.to_dict()["connectionId"] == "s"


def test_an_unknown_kind(tmp_path: Path) -> None:
    with pytest.raises(KeyError):
        views.view("chanel", Session("s"))
    with pytest.raises(KeyError):
        views.describe_view("chanel")
    with pytest.raises(ValueError, match="unknown view: 'chanel'; there are channel, connection, destination, server"):
        views.ViewWriter("chanel", tmp_path / "view.json", Tracker())


# ---------------------------------------------------------------------------------------------------------------------
# The reference


@by_kind
@pytest.mark.parametrize("width", [60, 100])
def test_the_reference_has_all_of_every_row(kind: str, width: int) -> None:
    text = views.describe_view(kind, width)
    assert max(map(len, text.splitlines())) <= width
    for structure, part in zip(views.KINDS[kind].nested(), text.split(f"  (view {kind})\n")[1:], strict=True):
        paragraphs = [" ".join(paragraph.split()) for paragraph in part.split("\n\n")]
        assert paragraphs[0] == structure.summary
        for row, paragraph in zip(structure.rows, paragraphs[1:]):
            source = f" from: {row.source}" if row.source else ""
            null = f" null: {row.null}" if row.null else ""
            assert paragraph == f"{row.name} ({row.type.words}) {row.meaning}{source}{null}"


def test_the_reference_in_full() -> None:
    assert "\n\n".join(views.describe_view("destination", 60).split("\n\n")[-5:-2]) == EXCERPT


EXCERPT = """\
  overwriteMode  (string)
      when a file at the destination is overwritten.
      from: OverwritePolicy
      null: until a message has it

  priority  (integer)
      priority of the transfer.
      from: Priority of SESSION: 1 high, 2 regular
      null: until a message has it

  priorityLane  (string)
      name of the priority lane.
      from: Adaptive and Priority of SESSION in ascp's
      words: fair, high, fixed, low
      null: for other values"""


def test_the_reference_lists_the_codes_of_each_status() -> None:
    text = " ".join(views.describe_view("channel").split())
    for code, status in STATUS_OF_CODE.items():
        codes = text[text.index(f"{status} (") :].partition("(")[2].partition(")")[0].split(", ")
        assert str(code) in codes
