from __future__ import annotations

import copy
import json
import pickle
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faspmgr.protocol.events import (
    EVENT_CLASSES,
    ArgStopEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    FileEvent,
    InitEvent,
    NotificationEvent,
    OtherEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.protocol.fields import BY_NAME, FIELDS, snake_case
from faspmgr.protocol.frames import FILE_TYPES, Frame
from faspmgr.protocol.parser import parse
from faspmgr.protocol.tokenizer import Tokenizer

# -- the examples of the vendor's document, each typed in by hand

SESSION_ID = "03ef6778-7997-4fe1-9091-4f92ec29a806"
USER_STR = "5492958869869553497"
# fmt: off
EXAMPLES: dict[str, Event] = {
    "init": InitEvent(direction="Send", operation="Transfer", session_id=SESSION_ID, user_str=USER_STR,
        cookie="My data"),
    "session": SessionEvent(adaptive="Adaptive", cookie="My data", destination="C:/Temp", direction="Send",
        encryption=False, host="192.168.1.173", min_rate=0, operation="Transfer", priority=2, port=33001, rate=1500,
        remote=False, service_level=1000000, session_id=SESSION_ID, source=("C:/Temp/AsperaConnect-1.1.1.0.exe",),
        token="8499385", user="Administrator", user_str=USER_STR, retry_timeout=60, fallback_protocol="http"),
    "notification-rate": NotificationEvent(adaptive="Adaptive", bw_measurement=1487, min_rate=0, pmtu=1492,
        priority=2, rate=1500, session_id=SESSION_ID, user_str=USER_STR),
    "notification-job-size": NotificationEvent(rate=10000, min_rate=0,
        session_id="15057ecd-0de8-4d4e-83df-758009780c2d", adaptive="Fixed", pre_transfer_files=1,
        pre_transfer_bytes=104857600),
    "stats": StatsEvent(bytes_cont=0, start_byte=0, delay=0, elapsed_usec=0, file="AsperaConnect-1.1.1.0.exe",
        file_bytes=0, loss=0, session_id=SESSION_ID, size=6162042, transfer_bytes=0, user_str=USER_STR, written=0,
        fasp_file_arg_index=3, fasp_file_id="52361574-d28b5e4b-83877b86-97fe091a-ebe6703b"),
    "stop": StopEvent(start_byte=0, delay=8, elapsed_usec=15084185, file="AsperaConnect-1.1.1.0.exe",
        file_bytes=5736852, loss=0, session_id=SESSION_ID, size=6162042, transfer_bytes=5736852, user_str=USER_STR,
        written=6162042, fasp_file_arg_index=3, fasp_file_id="52361574-d28b5e4b-83877b86-97fe091a-ebe6703b",
        file_checksum="080690692698a1e3dec9924b44b94ed4", file_checksum_type="md5"),
    "skip": SkipEvent(file="aspera.aspx", size=0, loss=0, elapsed_usec=2021190, session_id=SESSION_ID,
        transfer_bytes=0, file_bytes=0, delay=0),
    "argstop": ArgStopEvent(file="sourcedir", fasp_file_arg_index=1, arg_transfers_status="Complete",
        arg_transfers_attempted=2, arg_transfers_passed=2),
    "done": DoneEvent(elapsed_usec=24186433, file_bytes=25332042, loss=0, session_id=SESSION_ID,
        transfer_bytes=25332042, user_str=USER_STR),
    "fileerror": FileErrorEvent(code=41, delay=0, description="Source: Access is denied.", elapsed_usec=0,
        file="C:/Temp/IE7-WindowsXP-x86-enu.exe", file_bytes=0, loss=0,
        session_id="b87c1d8c-c19d-49b3-94b1-421c243c7650", size=0, transfer_bytes=0, user_str=USER_STR, written=0,
        fasp_file_arg_index=2, fasp_file_id="2a5725ee-c7f5e0c1-2f43ca0a-1aa9b1d8-00b9ec81"),
    "error": ErrorEvent(code=27, description="One or more files failed", elapsed_usec=1005642, loss=0,
        session_id="b87c1d8c-c19d-49b3-94b1-421c243c7650", user_str=USER_STR),
    "start-file": OtherEvent(type="START",
        extra={"Source": "/tmp/in", "Destination": "/tmp/out", "FileBytes": "10485760:204857600"}),
    "stop-file": StopEvent(extra={"Source": "/tmp/out"}),
}
# fmt: on


def examples_of_the_document(path: Path) -> list[bytes]:
    """The examples of the document as messages: their bullets stripped, an empty line at the end."""
    examples: list[list[str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line == "- FASPMGR 2":
            examples.append(["FASPMGR 2"])
        elif examples and line.startswith("- ") and examples[-1][-1]:
            examples[-1].append(line[2:])
        elif examples:
            examples[-1].append("")
    return ["\n".join(line for line in lines if line).encode() + b"\n\n" for lines in examples]


def values(event: Event) -> dict[str, tuple[type, Any]]:
    """The attributes of an event, with their types: True is not 1 here."""
    found = {attribute.name: getattr(event, attribute.name) for attribute in attrs.fields(type(event))}
    return {name: (type(value), value) for name, value in found.items() if name != "_origin"}


def test_the_fixtures_are_the_examples_of_the_document(fixtures: Path) -> None:
    assert examples_of_the_document(fixtures / "documents" / "aspera-events.txt") == [
        (fixtures / "examples" / f"{name}.fasp").read_bytes() for name in EXAMPLES
    ]


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(fixtures: Path, name: str) -> None:
    data = (fixtures / "examples" / f"{name}.fasp").read_bytes()
    for count in (1, 5):  # the last of five comes by a layout that was learnt
        event = parse(data * count)[-1]
        assert event == EXAMPLES[name]
        assert type(event) is type(EXAMPLES[name])
        assert values(event) == values(EXAMPLES[name])
        assert event.to_frame().encode() == data


def test_there_is_an_example_of_each_class() -> None:
    assert {type(event) for event in EXAMPLES.values()} == {*EVENT_CLASSES.values(), OtherEvent}


# fmt: off
REAL: list[tuple[str, dict[str, Any]]] = [
    ("persistent-token-tags", {
        "extra": {}, "tags": {"aspera": {"xfer_id": "0d3f6c1e-7a52-4c58-9c3b-2f1de1c5a001", "xfer_retry": 3600}},
        "xfer_id": "0d3f6c1e-7a52-4c58-9c3b-2f1de1c5a001", "xfer_retry": 3600, "rate_cap": 4503599627370495,
        "policy_cap": "Fixed", "rate_lock": False, "encryption": True, "tcp_port": 2222, "create_policy": 0,
        "keepalive": True, "xopt_flags": 2147485776, "cluster_num_nodes": 1, "source": None, "destination": "/data/out",
    }),
    ("refused", {"rate_cap": 18446744073709551, "min_rate_cap": 18446744073709551, "policy_cap": "Unset"}),
]
# fmt: on


@pytest.mark.parametrize(("name", "expected"), REAL)
def test_a_session_of_a_real_ascp(fixtures: Path, name: str, expected: dict[str, Any]) -> None:
    event = parse((fixtures / "ascp-3.9.0" / f"{name}.fasp").read_bytes())[1]
    assert isinstance(event, SessionEvent)
    found = values(event)
    assert {name: found[name] for name in expected} == {name: (type(value), value) for name, value in expected.items()}


def test_two_sources_of_a_real_ascp(fixtures: Path) -> None:
    data = (fixtures / "ascp-3.9.0" / "peer-client-license.fasp").read_bytes()
    event = parse(data)[1]
    assert isinstance(event, SessionEvent)
    [line] = [line for line in data.decode().split("\n") if line.startswith("Source: ")]
    assert event.source == tuple(line.removeprefix("Source: ").split("\t"))
    assert len(event.source) == 2


# -- the classes

STATS_FIELDS = (
    "Bytescont StartByte Delay Elapsedusec File FileBytes Loss SessionId Size TransferBytes UserStr Written EndByte "
    "FaspFileArgIndex FaspFileID"
)
COUNTERS = (
    "Delay Elapsedusec Loss SessionId FileBytes ArgScansAttempted ArgScansCompleted PathScansAttempted PathScansFailed "
    "PathScansIrregular PathScansExcluded DirScansCompleted FileScansCompleted DirCreatesAttempted DirCreatesFailed "
    "DirCreatesPassed TransfersAttempted TransfersFailed TransfersPassed TransfersSkipped"
)
# The fields that the document lists for each type, and those that only its examples show.
LISTED = {
    "INIT": "Direction Operation SessionId UserStr Cookie",
    "SESSION": "Adaptive Priority Cookie Destination Direction Encryption Host Operation Port Rate MinRate Remote "
    "RateCap MinRateCap PolicyCap PriorityCap RateLock MinRateLock PolicyLock SessionId Source Token User UserStr "
    "RetryTimeout FallbackProtocol XferId XferRetry Tags ServiceLevel",
    "NOTIFICATION": "Adaptive Priority BWMeasurement MinRate PMTU Rate SessionId UserStr PreTransferFiles "
    "PreTransferDirs PreTransferSpecial PreTransferFailed PreTransferBytes",
    "STATS": STATS_FIELDS,
    "STOP": STATS_FIELDS + " FileChecksum FileChecksumType",
    "SKIP": STATS_FIELDS + " FileChecksum FileChecksumType",
    "ARGSTOP": "File FaspFileArgIndex UserStr ArgTransfersAttempted ArgTransfersPassed ArgTransfersSkipped "
    "ArgTransfersFailed ArgTransfersStatus",
    "DONE": COUNTERS + " TransferBytes UserStr",
    "FILEERROR": "Code Delay Description Elapsedusec File FileBytes Loss SessionId Size TransferBytes UserStr Written "
    "FaspFileArgIndex FaspFileID",
    "ERROR": COUNTERS + " Code Description UserStr",
}
LISTED_FIELDS = [(type, wire) for type, wires in LISTED.items() for wire in wires.split()]

# For each kind: a text on the wire, and its value.
SAMPLES: dict[str, tuple[str, Any]] = {
    "integer": ("18446744073709551615", 18446744073709551615), "range": ("12", 12), "rate": ("50%", "50%"),
    "boolean": ("Yes", True), "policy": ("Trickle", "Trickle"), "path": ("a\x1bnb", "a\nb"),
    "paths": ("a\tb", ("a", "b")), "json": ('{"a":[1]}', {"a": [1]}), "secret": ("s3cret", "s3cret"),
    "string": ("text: \udcff", "text: \udcff"),
}  # fmt: skip
TOKEN_SAMPLES = {"Direction": ("Receive", "Receive"), "Operation": ("Stream", "Stream")}

ANNOTATIONS = {
    **dict.fromkeys(["policy", "token", "path", "secret", "string"], "str | None"),
    **dict.fromkeys(["range", "rate"], "int | str | None"), "integer": "int | None", "boolean": "bool | None",
    "paths": "tuple[str, ...] | None", "json": "dict[str, Any] | list[Any] | None",
}  # fmt: skip


def test_the_classes() -> None:
    classes = [InitEvent, SessionEvent, NotificationEvent, StatsEvent, StopEvent, SkipEvent, ArgStopEvent, DoneEvent]
    assert dict(zip(LISTED, [*classes, FileErrorEvent, ErrorEvent], strict=True)) == EVENT_CLASSES
    assert [cls.type for cls in EVENT_CLASSES.values()] == list(EVENT_CLASSES)
    assert {type for type, cls in EVENT_CLASSES.items() if issubclass(cls, FileEvent)} == set(FILE_TYPES)


@pytest.mark.parametrize(("type", "wire"), LISTED_FIELDS)
def test_a_listed_field_is_an_attribute(type: str, wire: str) -> None:
    text, value = TOKEN_SAMPLES.get(wire) or SAMPLES[FIELDS[wire].kind]
    event = Event.from_frame(Frame(type, {wire: text}))
    values: dict[str, Any] = {FIELDS[wire].name: value}
    assert event.extra == {}
    assert event == EVENT_CLASSES[type](**values)


@pytest.mark.parametrize("cls", [*EVENT_CLASSES.values(), OtherEvent])
def test_attributes_agree_with_the_field_table(cls: type[Event]) -> None:
    for attribute in attrs.fields(cls):
        if attribute.name in ("extra", "_origin") or (cls is OtherEvent and attribute.name == "type"):
            continue
        assert attribute.type == ANNOTATIONS[BY_NAME[attribute.name].kind], attribute.name
        assert attribute.default is None
    event: Any = cls()
    with pytest.raises(AttributeError):
        event.no_such_attribute = 1
    assert not hasattr(event, "__dict__")


def test_no_field_of_a_real_ascp_is_left_over(fixtures: Path) -> None:
    for path in (fixtures / "ascp-3.9.0").glob("*.fasp"):
        assert [event.extra for event in parse(path.read_bytes())] == [{}] * path.read_bytes().count(b"FASPMGR 2\n")


# -- from a frame


@pytest.mark.parametrize("cls", [Event, InitEvent, StatsEvent, OtherEvent])
def test_from_frame_is_the_same_on_any_class(cls: type[Event]) -> None:
    assert cls.from_frame(Frame("STOP", {"Size": "5"})) == StopEvent(size=5)
    assert cls.from_frame(Frame("NEW", {"Size": "5"})) == OtherEvent(type="NEW", extra={"Size": "5"})


@pytest.mark.parametrize("type", ["NOP", "QUERYRSP", "VLINK", "stats", "STATS ", "", "Ü"])
def test_any_other_type(type: str) -> None:
    event = Event.from_frame(Frame(type, {"SessionId": "s", "UserStr": "u", "File": "a", "New": "n"}))
    assert event == OtherEvent(type=type, session_id="s", user_str="u", extra={"File": "a", "New": "n"})
    assert event.type == type


def test_what_does_not_fit_stays_in_extra() -> None:
    extra = {"Size": "5", "Rate": "fast", "Encryption": "yes", "Adaptive": "fair", "Port": "18446744073709551616"}
    extra |= {"Tags": "[NaN]", "Direction": "Up", "New": "n"}
    event = Event.from_frame(Frame("SESSION", {**extra, "User": "xfer"}))
    assert event == SessionEvent(user="xfer", extra=extra)
    assert list(event.extra) == list(extra)


def test_extra_is_not_shared() -> None:
    events = parse(b"FASPMGR 2\nType: STATS\nSize: 1\n\n" * 6)
    for number, event in enumerate(events):
        event.extra["Number"] = str(number)
    assert [event.extra for event in events] == [{"Number": str(number)} for number in range(6)]


# -- and back

ONE_LINE = st.text(st.characters(exclude_characters="\n\r", codec="utf-8") | st.sampled_from("\udc80\udcff\x1bnr: \t"))
FITTING = st.sampled_from(
    [text for text, _ in [*SAMPLES.values(), *TOKEN_SAMPLES.values()]]
    + ["0", "007", "No", "10:20", "[]", '{"a": 1.0, "a": 2}', "[true]", "\x1bx", "a\x1b", "Unset", ""]
)
WIRE_NAMES = st.sampled_from(list(FIELDS)) | st.from_regex(r"[!-9;-~]{1,12}", fullmatch=True)
TYPES = st.sampled_from([*EVENT_CLASSES, "NOP", "START"]) | ONE_LINE
FRAMES = st.builds(
    Frame, TYPES, st.dictionaries(WIRE_NAMES, FITTING | ONE_LINE, max_size=12), st.sampled_from([2, 2, 2, 3, 4])
)


@given(FRAMES)
@settings(max_examples=500)
def test_nothing_is_lost_between_frame_and_event(frame: Frame) -> None:
    event = Event.from_frame(frame)
    assert event.to_frame() == frame
    assert event.type == frame.type
    by_hand = attrs.evolve(event, origin=None)
    assert Event.from_frame(by_hand.to_frame()) == event
    for again in (Event.from_frame(event.to_frame()), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert again == event
        assert type(again) is type(event)
        assert again.to_frame() == frame
        assert again.extra is not event.extra
    for redact in (True, False):
        check_json(event, event.to_dict(redact=redact))
    if frame.type and "Type" not in frame.fields and frame.version == 2:
        wire = frame.encode()
        events = parse(wire * 5)  # the last of five comes by a cached layout
        assert events == [event] * 5
        assert [event.to_frame().encode() for event in events] == [wire] * 5


def check_json(event: Event, shown: dict[str, Any]) -> None:
    """Assert that the dict of an event has each field once, in order, and comes through JSON as it is."""
    again = json.loads(json.dumps(shown, allow_nan=False))
    assert again == shown
    assert list(again) == list(shown)
    fields = event.to_frame().fields
    assert (next(iter(shown)), shown["type"], len(shown)) == ("type", event.type, 1 + len(fields))
    positions = [FIELDS[BY_NAME[name].wire].position for name in list(shown)[1 : len(shown) - len(event.extra)]]
    assert positions == sorted(positions)
    names = {snake_case(wire).rstrip("_") for wire in fields}
    assert {name.rstrip("_") for name in shown} == {"type"} | names


def test_to_frame_has_the_order_of_the_table() -> None:
    more: dict[str, Any] = {"keepalive": True, "tags": {"a": [1, "ü"]}, "source": ("a\nb", "c"), "destination": "d\x1b"}
    more |= {"encryption": False, "rate": "50%", "user_str": "u", "session_id": "s"}
    assert SessionEvent(extra={"New": "n", "Size": "many"}, **more).to_frame().encode() == (
        b"FASPMGR 2\nType: SESSION\nRate: 50%\nSessionId: s\nEncryption: No\nUserStr: u\nSource: a\x1bnb\tc\n"
        b'Destination: d\x1b\x1b\nTags: {"a":[1,"\\u00fc"]}\nKeepalive: Yes\nNew: n\nSize: many\n\n'
    )


SEVERAL = Frame("STATS", {"New": "n", "Size": "007", "File": "a", "Loss": "?", "Written": "1"}, version=3)
CHANGED = Frame("STATS", {"New": "n", "Size": "8", "File": "b\x1bnc", "Loss": "?", "Delay": "4"}, version=3)


def tags(text: str) -> Frame:
    return Frame("SESSION", {"Tags": text})


@pytest.mark.parametrize(("frame", "changes", "changed"), [
    (SEVERAL, {"size": 8, "file": "b\nc", "written": None, "delay": 4}, CHANGED),
    (Frame("STATS", {"Loss": "?", "Size": "1"}), {"loss": 5}, Frame("STATS", {"Loss": "5", "Size": "1"})),
    # what only Python takes for equal
    (tags('{"a": 1}'), {"tags": {"a": True}}, tags('{"a":true}')),
    (tags('{"a": 1.0}'), {"tags": {"a": 1}}, tags('{"a":1}')), (tags("[0]"), {"tags": [False]}, tags("[false]")),
    (tags('{"a": 1}'), {"tags": {"a": 1}}, tags('{"a": 1}')), (tags("[1.50]"), {"tags": [1.5]}, tags("[1.50]")),
])  # fmt: skip
def test_a_changed_value_keeps_its_place(frame: Frame, changes: dict[str, Any], changed: Frame) -> None:
    event = Event.from_frame(frame)
    assert attrs.evolve(event, **changes).to_frame() == changed  # in this order
    assert event.to_frame() == frame


def test_a_changed_extra_is_written() -> None:
    event = Event.from_frame(Frame("NOP", {"A": "1", "B": "2"}))
    event.extra["A"] = "3"
    del event.extra["B"]
    event.extra["C"] = "4"
    assert event.to_frame() == Frame("NOP", {"A": "3", "C": "4"})


@pytest.mark.parametrize("text", ["a\nType: DONE", "a\r\nb"])
def test_a_line_break_is_refused_on_the_wire(text: str) -> None:
    for event in (InitEvent(cookie=text), InitEvent(extra={"New": text})):
        with pytest.raises(ValueError, match="line break"):
            event.to_frame().encode()


@pytest.mark.parametrize("source", [("a\tb", "c"), ("a", "b\t"), ("\t",)])
def test_a_tab_in_a_source_is_refused(source: tuple[str, ...]) -> None:
    parsed: Any = Event.from_frame(Frame("SESSION", {"Source": "a\tb\tc"}))
    for event in (SessionEvent(source=source), attrs.evolve(parsed, source=source)):
        with pytest.raises(ValueError, match="TAB"):
            event.to_frame()
    assert SessionEvent(source=("a", "b", "c")).to_frame() == parsed.to_frame()


@given(st.text(st.sampled_from("a\t\x1bnr\r: \udc80")))
def test_any_source_that_was_read_is_written(text: str) -> None:
    frame = Frame("SESSION", {"Source": text})
    event = Event.from_frame(frame)
    assert event.to_frame() == frame
    assert Event.from_frame(attrs.evolve(event, origin=None).to_frame()) == event


# -- equality


def test_events_are_compared_by_value() -> None:
    one = Event.from_frame(Frame("STATS", {"Size": "1", "File": "a"}))
    other = Event.from_frame(Frame("STATS", {"File": "a", "Size": "001"}))
    assert one == other == StatsEvent(size=1, file="a")
    assert one != StatsEvent(size=2, file="a")
    stop: Event = StopEvent(size=1, file="a")
    assert one != stop
    assert OtherEvent(type="A") != OtherEvent(type="B")


def test_what_was_learnt() -> None:
    wire = b"FASPMGR 2\nType: STATS\nFile: a\nSize: 1\n\n"
    event = parse(wire * 5)[-1]
    for again in (copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert again == event == StatsEvent(file="a", size=1)
        assert again.to_frame().encode() == wire
    assert [Event.from_frame(frame) for frame in Tokenizer().feed(wire * 5)] == [event] * 5


# -- to_dict


# fmt: off
STOP = {
    "type": "STOP", "file": "AsperaConnect-1.1.1.0.exe", "size": 6162042, "written": 6162042, "loss": 0,
    "elapsed_usec": 15084185, "session_id": SESSION_ID, "user_str": USER_STR, "start_byte": 0,
    "transfer_bytes": 5736852, "file_bytes": 5736852, "delay": 8, "fasp_file_arg_index": 3,
    "fasp_file_id": "52361574-d28b5e4b-83877b86-97fe091a-ebe6703b",
    "file_checksum": "080690692698a1e3dec9924b44b94ed4", "file_checksum_type": "md5",
}
KINDS = Frame("SESSION", {
    "NewThing": "n", "Tags": '{"a": [1.5, null]}', "Port": "many", "Source": "a\tb", "Encryption": "No",
    "Rate": "50%", "MinRate": "0", "Destination": "a\x1bnb", "Cookie": "",
})
SHOWN = {
    "type": "SESSION", "rate": "50%", "min_rate": 0, "encryption": False, "cookie": "", "source": ["a", "b"],
    "destination": "a\nb", "tags": {"a": [1.5, None]}, "new_thing": "n", "port": "many",
}
# fmt: on
COLLIDING = {"type": "X", "new_thing": "1", "new_thing_": "2"}
DONE = {"type": "DONE", "bytes_cont": 7, "stalled": False, "size": "many"}
START = {"type": "START", "source": ["a", "b\nc"], "destination": "d\ne", "file_bytes": "10:", "size": "7"}
NEW = {"type": "NEW", "tags": {"a": [1], "token": "***"}, "rate": "50%", "adaptive": "fair", "token": "***"}


@pytest.mark.parametrize(("event", "expected"), [
    (EXAMPLES["stop"], STOP), (KINDS, SHOWN), (Frame("X", {"NewThing": "1", "newThing": "2"}), COLLIDING),
    (Frame("X", {"NewThing": "1", "newThing": "2", "new_thing": "3"}), {**COLLIDING, "new_thing__": "3"}),
    (Frame("STATS", {"size": "a", "Size": "1"}), {"type": "STATS", "size": 1, "size_": "a"}),
    (Frame("STATS", {"type": "a"}), {"type": "STATS", "type_": "a"}),
    # known fields that the class does not name, and values that do not fit
    (Frame("DONE", {"Bytescont": "7", "Stalled": "No", "Size": "many"}), DONE),
    (Frame("START", {"Source": "a\tb\x1bnc", "Destination": "d\x1bne", "FileBytes": "10:", "size": "7"}), START),
    (Frame("NEW", {"Tags": '{"a":[1],"token":"s3cret"}', "Rate": "50%", "Adaptive": "fair", "Token": "x"}), NEW),
])  # fmt: skip
def test_to_dict(event: Event | Frame, expected: dict[str, Any]) -> None:
    event = Event.from_frame(event) if isinstance(event, Frame) else event
    shown = event.to_dict()
    assert list(shown.items()) == list(expected.items())
    assert {name: type(value) for name, value in shown.items()} == {n: type(value) for n, value in expected.items()}
    assert all(type(text) is str for text in event.extra.values())


TAGS = '{"aspera": {"token": "s3cret", "id": 1, "to\\u006ben2": "s3cret"}, "list": [{"password": "s3cret"}]}'
SECRETS = Frame("SESSION", {"Token": "s3cret", "Password": "s3cret", "AuthToken": "s3cret", "Tags": TAGS})


@pytest.mark.parametrize(("more", "shown"), [({}, "***"), ({"redact": True}, "***"), ({"redact": False}, "s3cret")])
def test_to_dict_and_secrets(more: dict[str, bool], shown: str) -> None:
    assert Event.from_frame(SECRETS).to_dict(**more) == {
        "type": "SESSION",
        "token": shown,
        "tags": {"aspera": {"token": shown, "id": 1, "token2": shown}, "list": [{"password": shown}]},
        "password": shown,
        "auth_token": shown,
    }


def test_repr() -> None:
    assert repr(StatsEvent(file="a", size=1, extra={"New": "n"})) == "StatsEvent(file='a', size=1, new='n')"
    assert repr(OtherEvent(type="NOP", session_id="s")) == "OtherEvent(type='NOP', session_id='s')"
    assert repr(InitEvent()) == "InitEvent()"


def test_other_event_alone_has_a_type_of_its_own() -> None:
    assert OtherEvent().type == ""
    assert OtherEvent(type="X").type == "X"
    assert StatsEvent.type == "STATS"
    with pytest.raises(TypeError):
        StatsEvent(type="X")  # type: ignore[call-arg]


def test_a_dict_says_what_was_changed_in_an_event() -> None:
    data = b"FASPMGR 2\nType: STATS\nSize: 5\nFile: a\n\n"
    for event in (parse(data)[0], parse(data * 5)[4]):  # the last of five comes by a layout
        assert isinstance(event, StatsEvent)
        event.size, event.stalled, event.loss, event.extra["New"] = None, True, 0, "x"
        shown = {"type": "STATS", "file": "a", "loss": 0, "stalled": True, "new": "x"}
        assert list(event.to_dict().items()) == list(shown.items())
        later = attrs.evolve(event, size=7, file=None, extra={})
        assert list(later.to_dict().items()) == [("type", "STATS"), ("size", 7), ("loss", 0), ("stalled", True)]
