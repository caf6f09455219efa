"""What a session becomes in the fields of the views."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, get_args
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    Session,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
    Tracker,
    parse,
    views,
)
from faspmgr.ascp import AscpInfo
from faspmgr.views.facts import STATUS_OF_CODE, ChannelFileStatus, make_uuid

START = datetime(2024, 5, 2, 22, tzinfo=UTC)
SENDS = SessionEvent(direction="Send", remote=False)
RECEIVES = SessionEvent(direction="Receive", remote=False)
PMTU = NotificationEvent(pmtu=1500)


def session_of(*events: Event, close: bool = False) -> Session:
    tracker = Tracker(keep_files="all")
    sessions = [tracker.update(event) for event in events]
    if close:
        tracker.close()
    return sessions[0]


def fields(kind: str, *events: Event, start_time: datetime | None = START, ascp: AscpInfo | None = None) -> Any:
    """The JSON of the session that these events make."""
    return views.view(kind, session_of(*events), start_time=start_time, ascp=ascp).to_dict()


def file_of(*events: Event, close: bool = False) -> Any:
    """The one file of that session."""
    (file,) = views.channel(session_of(*events, close=close)).to_dict()["transferred_files"]
    return file


# ---------------------------------------------------------------------------------------------------------------------
# Files

STOPPED: dict[str, Any] = {"file": "a", "size": 100, "written": 100, "start_byte": 0}


STATUS: list[tuple[str, list[Event]]] = [
    ("OK", [StopEvent(**STOPPED)]),
    ("OK", [SkipEvent(file="a", size=0)]),
    ("PERMISSION_DENIED", [FileErrorEvent(file="a", code=5)]),
    ("TIMEOUT", [FileErrorEvent(file="a", code=40)]),
    ("MISSING", [FileErrorEvent(file="a", code=43)]),
    ("LENGTH_MISMATCH", [StopEvent(**{**STOPPED, "written": 99})]),
    ("CHECKSUM_MISMATCH", [FileErrorEvent(file="a", code=1, description="Destination: Checksum does not match")]),
    ("DECRYPTION_ERROR", [FileErrorEvent(file="a", code=49)]),
    ("STORAGE_UNDEFINED", [FileErrorEvent(file="a", code=59)]),
    ("ID_UNDEFINED", [FileErrorEvent(file="a", code=3)]),
    ("GENERIC_ERROR", [FileErrorEvent(file="a", code=11)]),
    ("GENERIC_ERROR", [FileErrorEvent(file="a", code=2**64 - 1)]),
    ("GENERIC_ERROR", [FileErrorEvent(file="a")]),
    # A file that the end of the session leaves open.
    ("ONGOING", [StatsEvent(**STOPPED)]),
    ("UNCLEAN_CLOSE", [StatsEvent(**STOPPED), DoneEvent()]),
    ("UNCLEAN_CLOSE", [StatsEvent(**STOPPED), ErrorEvent()]),
    ("UNCLEAN_CLOSE", [StatsEvent(**STOPPED), ErrorEvent(code=16)]),
    ("UNCLEAN_CLOSE", [StatsEvent(**STOPPED), ErrorEvent(code=4)]),  # another file is missing
    ("TIMEOUT", [StatsEvent(**STOPPED), ErrorEvent(code=15)]),
]


@pytest.mark.parametrize(("status", "events"), STATUS)
def test_status(status: str, events: list[Event]) -> None:
    file = file_of(*events)
    closed = not isinstance(events[0], StatsEvent)
    assert (file["status"], file["closed"], file["close_time"]) == (status, closed, None)
    lost = file_of(*events, close=True)["status"]  # the stream ends
    assert lost == ("UNCLEAN_CLOSE" if status == "ONGOING" else status)


def test_every_status_is_tested() -> None:
    assert {status for status, _ in STATUS} == set(get_args(ChannelFileStatus))


@pytest.mark.parametrize("code", range(70))
def test_the_status_of_every_code(code: int) -> None:
    assert file_of(FileErrorEvent(file="a", code=code))["status"] == STATUS_OF_CODE.get(code, "GENERIC_ERROR")


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size": 100, "written": 101}, "LENGTH_MISMATCH"),
        ({"size": 100, "written": 99}, "LENGTH_MISMATCH"),
        ({"size": 100}, "OK"),  # without Written
        ({"written": 100}, "OK"),  # without Size
        ({"size": 0, "written": 0}, "OK"),
        ({"size": 100, "written": 100, "start_byte": 30}, "OK"),
        ({"size": 100, "written": 69, "start_byte": 30}, "LENGTH_MISMATCH"),
        ({"size": 100, "written": 11, "start_byte": 10, "end_byte": 20}, "OK"),  # bytes of the range
        ({"size": 100, "written": 21, "start_byte": 10, "end_byte": 20}, "OK"),  # bytes of the file up to there
        ({"size": 100, "written": 10, "start_byte": 10, "end_byte": 20}, "LENGTH_MISMATCH"),
    ],
)
def test_the_length_of_a_stopped_file(fields: dict[str, Any], status: str) -> None:
    assert file_of(StopEvent(file="a", **fields))["status"] == status


@pytest.mark.parametrize(
    ("size", "written", "start_byte", "end_byte", "status"),
    [
        # Without EndByte the part is as long as what was written.
        (100, 50, None, None, "OK"),  # the first part
        (100, 50, 0, None, "OK"),
        (100, 25, 25, None, "OK"),  # a middle part
        (100, 25, 75, None, "OK"),  # the last part
        (100, 75, 25, None, "OK"),
        (100, 100, None, None, "OK"),  # a small file, which is not cut
        (100, 101, 0, None, "LENGTH_MISMATCH"),
        # With EndByte it is counted: 0 to 49 are 50 bytes.
        (100, 50, 0, 49, "OK"),
        (100, 25, 25, 49, "OK"),
        (100, 25, 75, 99, "OK"),
        (100, 50, 0, 50, "LENGTH_MISMATCH"),
        (100, 24, 25, 49, "LENGTH_MISMATCH"),
    ],
)
def test_length_of_a_part_of_a_shared_file(
    size: int, written: int, start_byte: int | None, end_byte: int | None, status: str
) -> None:
    stop = StopEvent(file="a", size=size, written=written, start_byte=start_byte, end_byte=end_byte)
    assert file_of(SessionEvent(cluster_num_nodes=4, cluster_node_id=2), stop)["status"] == status


def test_length_of_a_part_that_only_its_counts_show() -> None:
    """Bytes 50 to 74 moved, as TransferBytes shows, in a session whose SESSION was not read."""
    stop = StopEvent(file="a", size=100, written=25, start_byte=50, transfer_bytes=25, file_bytes=25)
    assert file_of(stop)["status"] == "OK"


@pytest.mark.parametrize(
    ("event", "offset", "payload"),
    [
        (SkipEvent(file="a", size=0), None, 0),
        (StatsEvent(file="a", size=100, written=40, start_byte=30), 30, 10),  # resumed at 30
        (StopEvent(file="a", size=100, written=100, start_byte=30), 30, 70),
        (StopEvent(file="a", size=100, start_byte=30), 30, 70),
        (StopEvent(file="a", size=100, written=11, start_byte=10, end_byte=20), 10, 11),  # a range
        (StopEvent(file="a", size=100, written=80, start_byte=20, end_byte=99), 20, 60),  # up to the end: as a resume
        (StopEvent(file="a", size=100, written=60), None, 60),  # all that was written, not what should have been
        (FileErrorEvent(file="a", size=100, written=40, start_byte=30, code=36), 30, 10),
        (StatsEvent(file="a", size=100, written=0, start_byte=30), 30, 0),
    ],
)
def test_offset_and_payload(event: Event, offset: int | None, payload: int) -> None:
    file = file_of(event)
    assert (file["offset"], file["payload_size"]) == (offset, payload)


def test_all_files_in_the_order_in_which_they_began() -> None:
    files = fields(
        "channel",
        StatsEvent(file="b", size=5),
        StatsEvent(file="a", size=5),
        StopEvent(file="a", size=5, written=5, elapsed_usec=1),
        StopEvent(file="b", size=5, written=5),
        StatsEvent(file="a", size=6, written=0, elapsed_usec=2),  # once more, as a persistent session may
    )["transferred_files"]
    assert [(file["name"], file["status"]) for file in files] == [("b", "OK"), ("a", "ONGOING")]


def test_a_tracker_that_keeps_no_history_gives_the_files_in_progress() -> None:
    tracker = Tracker()
    tracker.update(StopEvent(file="a"))
    session = tracker.update(StatsEvent(file="b"))
    assert [file["name"] for file in views.channel(session).to_dict()["transferred_files"]] == ["b"]


# ---------------------------------------------------------------------------------------------------------------------
# Ids


def test_the_id_of_a_file_is_that_of_the_same_file_in_another_attempt() -> None:
    stats = StatsEvent(file="a", fasp_file_id="272517ab-58da108d-9a1dd7e7-c424844b-55f30ab4")
    one, two = (file_of(InitEvent(session_id=session), stats)["id"] for session in ("1", "2"))
    assert one == two == str(make_uuid("file", "272517ab-58da108d-9a1dd7e7-c424844b-55f30ab4"))
    assert one != file_of(attrs.evolve(stats, fasp_file_id="other"))["id"]


def test_without_fasp_file_id_it_is_made_of_session_and_path() -> None:
    one, again, other, path, not_utf8 = (
        file_of(InitEvent(session_id=session), StatsEvent(file=file))["id"]
        for session, file in (("1", "a"), ("1", "a"), ("2", "a"), ("1", "b"), ("1", "\udcfc"))
    )
    assert one == again
    assert len({one, other, path, not_utf8}) == 4
    assert {UUID(each).version for each in (one, not_utf8)} == {5}


@given(parts=st.lists(st.text(), min_size=1, max_size=3))
def test_uuids_are_those_of_the_standard_library(parts: list[str]) -> None:
    namespace = UUID("5b8a2b1e-6f0c-4d8e-9d53-3c1d7a0b9e42")
    assert make_uuid(*parts) == uuid5(namespace, "\0".join(parts))
    assert make_uuid(*parts) != uuid5(NAMESPACE_URL, "\0".join(parts))


@pytest.mark.parametrize("session_id", ["", "s", "{eef4aefc-d64e-4c2c-aba4-4914c86ce059}", "\udcfc"])
def test_a_session_id_that_is_not_a_uuid(session_id: str) -> None:
    one, again = (views.channel(Session(session_id)).to_dict()["id"] for _ in range(2))
    assert one == again == str(UUID(one))
    assert UUID(one).version == 5


def test_a_session_id_that_is_a_uuid() -> None:
    session_id = "eef4aefc-d64e-4c2c-aba4-4914c86ce059"
    assert views.channel(Session(session_id.upper())).to_dict()["id"] == session_id


# ---------------------------------------------------------------------------------------------------------------------
# Directions


@pytest.mark.parametrize(
    ("direction", "remote", "number"),
    [
        ("Send", False, 2),  # the client sends
        ("Receive", False, 1),
        ("Send", True, 1),  # the server sends
        ("Receive", True, 2),
        ("Send", None, 2),  # without Remote it is the client
        (None, False, None),
        (None, None, None),
    ],
)
def test_server_and_client(direction: str | None, remote: bool | None, number: int | None) -> None:
    session = session_of(
        SessionEvent(
            direction=direction,
            remote=remote,
            host="peer.example",
            remote_address="192.0.2.1",
            local_ip="192.0.2.2",
            server_hostname="server.example",
            port=33001,
            server_node_id="server-node",
            client_node_id="client-node",
            rate_cap=5000,
        ),
        StatsEvent(file="a", transfer_bytes=70, file_bytes=60, elapsed_usec=5),
    )
    channel, link, destination, server = (views.view(kind, session).to_dict() for kind in views.KINDS)
    assert channel["transferred_files"][0]["direction"] == number
    both_ways = (channel["bytes_client_to_server"], channel["bytes_server_to_client"])
    assert both_ways == {2: (70, 0), 1: (0, 70), None: (None, None)}[number]
    peer, own = "192.0.2.1", "192.0.2.2"
    ends = {"Send": (own, peer), "Receive": (peer, own), None: (None, None)}[direction]
    ports = {2: (None, 33001), 1: (33001, None), None: (None, None)}[number]
    for shown in (link, destination):
        assert (shown["senderIP"], shown["destinationIP"]) == ends
        assert (shown["senderPort"], shown["destinationPort"]) == ports
    assert link["lastDestinationServerUid"] == {2: "server-node", 1: "client-node", None: None}[number]
    to_peer = "peer.example" if direction == "Send" else None
    assert destination["destinationAddress"] == ("server.example" if number == 2 else to_peer)
    assert server["serverExternalAddress"] is None  # no TCPPort
    receiver, limits = server["receiver"], server["bandwidthLimits"]
    assert (receiver["receiverIP"], receiver["receiverPort"]) == (ends[1], ports[1])
    assert receiver["authRequired"] is (True if number == 2 else None)
    rates = (limits["incomingRateLimit"], limits["outgoingRateLimit"])
    assert rates == {2: (5000, None), 1: (None, 5000), None: (None, None)}[number]


# ---------------------------------------------------------------------------------------------------------------------
# Times


def test_sent_and_received() -> None:
    counts = ((10, 0), (20, 10), (20, 20), (20, 20))  # sent and written, second by second
    events = [
        StatsEvent(file="a", transfer_bytes=sent, file_bytes=written, elapsed_usec=second * 1_000_000)
        for second, (sent, written) in enumerate(counts, 1)
    ]
    sender, receiver = (fields("connection", side, *events) for side in (SENDS, RECEIVES))
    assert sender["lastSendTime"] == "2024-05-02T22:00:02Z"  # the last data
    assert sender["lastRecvTime"] == "2024-05-02T22:00:03Z"  # the last report of what was written
    assert sender["snapshotTime"] == "2024-05-02T22:00:04Z"
    assert (receiver["lastSendTime"], receiver["lastRecvTime"]) == (None, "2024-05-02T22:00:02Z")


def times(shown: dict[str, Any], schema: dict[str, Any]) -> list[Any]:
    return [shown[name] for name, field in schema["properties"].items() if field.get("format") == "date-time"]


@pytest.mark.parametrize("kind", views.KINDS)
def test_without_a_start_time_all_times_are_null(kind: str) -> None:
    session = session_of(SENDS, StopEvent(file="a", transfer_bytes=1, file_bytes=1, elapsed_usec=1))
    for start_time in (None, START):
        view = views.view(kind, session, start_time=start_time)
        schema = view.json_schema()
        found = times(view.to_dict(), schema)
        for file in view.to_dict().get("transferred_files", ()):
            found += times(file, schema["$defs"]["ChannelFile"])
        assert found
        assert (None in found) is (start_time is None)
        assert len(set(found)) == 1


def test_times_are_shown_in_utc() -> None:
    start_time = START.astimezone(timezone(timedelta(hours=2)))
    assert fields("connection", SENDS, start_time=start_time)["snapshotTime"] == "2024-05-02T22:00:00Z"


def test_a_start_time_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="start_time needs a time zone"):
        views.channel(Session("s"), start_time=datetime(2024, 5, 2))


@pytest.mark.parametrize(
    ("start_time", "usec"),
    [
        (START, 2**64 - 1),
        (datetime(9999, 12, 31, 23, tzinfo=timezone(timedelta(hours=-5))), 0),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=5))), 0),
    ],
)
def test_a_time_in_no_year_from_1_to_9999(start_time: datetime, usec: int) -> None:
    events = (SENDS, StopEvent(file="a", transfer_bytes=1, elapsed_usec=usec))
    file = fields("channel", *events, start_time=start_time)["transferred_files"][0]
    assert (file["open_time"], file["close_time"]) == (None, None)
    assert fields("connection", *events, start_time=start_time)["snapshotTime"] is None


# ---------------------------------------------------------------------------------------------------------------------
# Rates, caps, policies


def test_rates_of_the_window_and_right_now() -> None:
    events = []
    for second in range(21):  # 1 MB/s for 15 seconds, 2 MB/s for four, 4 MB/s for the last
        moved = 1_000_000 * second + 1_000_000 * max(0, second - 15) + 2_000_000 * max(0, second - 19)
        events.append(StatsEvent(file="a", transfer_bytes=moved, elapsed_usec=second * 1_000_000))
    link = fields("connection", *events)
    assert link["sendRateAverage"] == 19_200.0  # 12 MB in five seconds
    assert link["sendRateAverageWindow"] == 32_000.0  # 4 MB in one
    assert fields("destination", *events)["sendRateAverage"] == 19_200.0


def test_the_window_after_a_long_pause() -> None:
    """As in HTTP fallback: the rate is that of what moves now, not thinned by the minute in which nothing did."""
    pause = (ErrorEvent(code=14), StatsEvent(file="a", transfer_bytes=0, elapsed_usec=60_000_000))
    link = fields("connection", *pause, StatsEvent(file="a", transfer_bytes=1_000_000, elapsed_usec=61_000_000))
    assert link["sendRateAverage"] == 8000.0


NO_CAP = 2**52 - 1
UNKNOWN_CAP = 18446744073709551


@pytest.mark.parametrize(
    ("cap", "level", "limit", "active"),
    [
        (5000, None, 5000, True),
        (5000, 4000, 4000, True),
        (5000, 6000, 5000, True),
        (NO_CAP, None, None, False),
        (UNKNOWN_CAP, None, None, None),
        (NO_CAP, 4000, 4000, True),
        (None, 4000, 4000, True),
        (None, 0, None, None),
        (None, None, None, None),
        (0, None, 0, True),
    ],
)
def test_caps(cap: int | None, level: int | None, limit: int | None, active: bool | None) -> None:
    for side, ends in ((SENDS, ("incoming", "outgoing")), (RECEIVES, ("outgoing", "incoming"))):
        event = attrs.evolve(side, rate_cap=cap, service_level=level)
        assert fields("connection", event)["sendRateMax"] == fields("destination", event)["sendRateMax"] == limit
        limits = fields("server", event)["bandwidthLimits"]
        found = [(limits[f"{end}LimitActive"], limits[f"{end}RateLimit"]) for end in ends]
        assert found == [(active, limit), (None, None)]


@pytest.mark.parametrize(
    ("policy", "priority", "algorithm", "active", "lane"),
    [
        ("Adaptive", 2, "alg_delay", True, "fair"),
        ("Adaptive", 1, "alg_delay", True, "high"),
        ("Adaptive", None, None, True, "fair"),
        ("Trickle", 2, "alg_delay", True, "low"),
        ("Fixed", 2, "alg_delay", False, "fixed"),
        ("Adaptive", 2, "alg_none", False, "fair"),
        ("Unset", 2, "alg_delay", None, None),
        (None, None, "alg_none", False, None),
        (None, None, None, None, None),
    ],
)
def test_policy_and_algorithm(
    policy: str | None, priority: int | None, algorithm: str | None, active: bool | None, lane: str | None
) -> None:
    event = SessionEvent(adaptive=policy, priority=priority, rate_control_algorithm=algorithm)
    link = fields("connection", event)
    assert (link["rateControllerActive"], link["rateControlMethod"]) == (active, algorithm)
    defaults = fields("destination", event)["transferDefaults"]
    assert (defaults["priorityLane"], defaults["priority"]) == (lane, priority)


def test_defaults_stay_when_rates_change() -> None:
    events = (
        SessionEvent(rate=1000, min_rate=10, overwrite_policy="overwrite_diff", xopt_flags=272),
        NotificationEvent(rate=500, min_rate=0),
    )
    link = fields("connection", *events)
    assert (link["sendRate"], link["sendRateMin"]) == (500, 0)
    assert fields("destination", *events)["transferDefaults"] == {
        "checkpointFrequencySeconds": None,
        "overwriteMode": "overwrite_diff",
        "priority": None,
        "priorityLane": None,
        "sendRateMax": 1000,
        "transferFlags": 272,
    }


# ---------------------------------------------------------------------------------------------------------------------
# Fields one by one

LISTED = NotificationEvent(pre_transfer_files=6)
BEGUN = (StopEvent(file="a"), SkipEvent(file="b"), FileErrorEvent(file="c"), StatsEvent(file="d"))


@pytest.mark.parametrize(
    ("kind", "events", "expected"),
    [
        # No bytes either way, so that no direction is needed.
        ("channel", [InitEvent()], {"bytes_client_to_server": 0, "bytes_server_to_client": 0}),
        # Bytes were written, and how many went over the network is unknown.
        (
            "channel",
            [SENDS, StopEvent(file="a", size=5, written=5)],
            {"bytes_client_to_server": None, "bytes_server_to_client": 0},
        ),
        (
            "channel",
            [RECEIVES, StatsEvent(file="a", file_bytes=5)],
            {"bytes_client_to_server": 0, "bytes_server_to_client": None},
        ),
        ("channel", [StopEvent(file="a", written=5)], {"bytes_client_to_server": None, "bytes_server_to_client": None}),
        (
            "channel",
            [SENDS, SkipEvent(file="a", size=5)],
            {"bytes_client_to_server": 0, "bytes_server_to_client": 0},
        ),
        (
            "connection",
            [SessionEvent(direction="Send", host="peer.example", remote_address="")],
            {"destinationIP": None},
        ),
        ("connection", [SessionEvent(direction="Send", host="2001:db8::1")], {"destinationIP": "2001:db8::1"}),
        (
            "connection",
            [SessionEvent(direction="Send", remote_address="203.0.113.8:33001", local_ip="0.0.0.0")],
            {"destinationIP": "203.0.113.8", "senderIP": None},
        ),
        ("connection", [SessionEvent(use_proxy=True, proxy_ip="192.0.2.9")], {"relayIP": "192.0.2.9"}),
        ("connection", [SessionEvent(use_proxy=False, proxy_ip="192.0.2.9")], {"relayIP": None}),
        # A percentage is not a number of kilobits.
        ("connection", [SessionEvent(rate="50%", min_rate="10%")], {"sendRate": None, "sendRateMin": None}),
        # The encrypted connection.
        ("connection", [InitEvent()], {"encryptedConnectionState": "negotiating"}),
        ("connection", [InitEvent(), SessionEvent(encryption=True)], {"encryptedConnectionState": "connected"}),
        ("connection", [InitEvent(), SessionEvent(encryption=False)], {"encryptedConnectionState": None}),
        ("connection", [InitEvent(), SessionEvent()], {"encryptedConnectionState": None}),
        ("connection", [SessionEvent(encryption=True), BEGUN[3]], {"encryptedConnectionState": "connected"}),
        ("connection", [SessionEvent(encryption=True), DoneEvent()], {"encryptedConnectionState": "disconnected"}),
        (
            "connection",
            [SessionEvent(encryption=True), ErrorEvent(code=1)],
            {"encryptedConnectionState": "disconnected"},
        ),
        ("connection", [InitEvent(), ErrorEvent(code=1)], {"encryptedConnectionState": None}),
        # The last error, which goes with HTTP fallback.
        ("connection", [ErrorEvent(code=14)], {"lastError": 14, "lastErrorMessage": "the UDP data connection failed"}),
        ("connection", [ErrorEvent(code=14, description="d")], {"lastError": 14, "lastErrorMessage": "d"}),
        ("connection", [ErrorEvent(code=14), StatsEvent(file="a")], {"lastError": None, "lastErrorMessage": None}),
        # The queue.
        ("connection", [LISTED, *BEGUN], {"numTransfersQueued": 2}),
        ("connection", [LISTED, *BEGUN, ErrorEvent(code=28)], {"numTransfersQueued": 0}),
        ("connection", [*BEGUN], {"numTransfersQueued": None}),
        # Host and port at which the server is reached.
        ("server", [SessionEvent(host="h", tcp_port=22)], {"serverExternalAddress": "h:22"}),
        ("server", [SessionEvent(host="2001:db8::1", tcp_port=22)], {"serverExternalAddress": "[2001:db8::1]:22"}),
        ("server", [SessionEvent(host="", tcp_port=22)], {"serverExternalAddress": None}),
        ("server", [SessionEvent(host="h", tcp_port=22, remote=True)], {"serverExternalAddress": None}),
        # The protocol.
        ("server", parse(b"FASPMGR 4\nType: INIT\n\n"), {"apiVersion": 4}),
        ("server", [StatsEvent()], {"apiVersion": None}),
        ("server", [SessionEvent(server_node_id="n", server_hostname="h")], {"serverUid": "n", "hostName": "h"}),
        ("server", [SessionEvent(encryption=True)], {"encryptionAvailable": True}),
        ("server", [SessionEvent(encryption=False)], {"encryptionAvailable": None}),
    ],
)
def test_fields(kind: str, events: list[Event], expected: dict[str, Any]) -> None:
    shown = fields(kind, *events)
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("events", "authed", "superuser", "name"),
    [
        ([SessionEvent(user="u")], None, None, "u"),
        ([SessionEvent(user="u"), PMTU], True, None, "u"),
        ([SessionEvent(user="u"), StatsEvent(transfer_bytes=1)], True, None, "u"),
        ([SessionEvent(user="u", token="hush-hush"), DoneEvent()], True, None, None),
        ([SessionEvent(user="u"), ErrorEvent(code=19)], False, False, None),
        ([InitEvent(user="u")], None, None, "u"),
    ],
)
def test_the_user(events: list[Event], authed: bool | None, superuser: bool | None, name: str | None) -> None:
    nothing = dict.fromkeys(("permissions", "sandboxed", "token", "tokenSession"))
    expected = {**nothing, "authed": authed, "superuser": superuser, "userName": name}
    assert fields("server", *events)["user"] == expected
    assert fields("destination", *events)["owner"] == "u"


def test_a_docroot_is_a_sandbox() -> None:
    docroot = SessionEvent(server_docroot="/data")
    assert fields("server", docroot, PMTU)["user"]["sandboxed"] is True
    assert fields("server", docroot)["user"]["sandboxed"] is None


def test_secrets_stay_out() -> None:
    tags = {"aspera": {"node": {"access_key": "k", "token": "hush-hush"}}, "password": "hush-hush"}
    session = session_of(SessionEvent(token="hush-hush", tags=tags, user="u", cookie="c"))
    shown = {kind: views.view(kind, session, start_time=START) for kind in views.KINDS}
    assert "hush" not in repr(shown) + json.dumps([view.to_dict() for view in shown.values()])
    assert shown["destination"].to_dict()["userData"] == {
        "Cookie": "c",
        "Tags": {"aspera": {"node": {"access_key": "k", "token": "***"}}, "password": "***"},
    }


# ---------------------------------------------------------------------------------------------------------------------
# What ascp -A prints

ASCP = AscpInfo(
    path="/opt/aspera/bin/ascp",
    version="3.9.0.163682",
    platform="Linux",
    license=("License max rate=(unlimited), account no.=1, license no.=1",),
    text="",
)
LICENSE = "License max rate=1Gbps, license no.=1."


@pytest.mark.parametrize(
    ("printed", "expected"),
    [
        ({}, {"version": "3.9.0.163682", "revision": 163682, "serverPlatform": "linux"}),
        ({"platform": "MacOSX"}, {"serverPlatform": "macOS"}),
        ({"platform": "Darwin"}, {"serverPlatform": "macOS"}),
        ({"platform": "Windows"}, {"serverPlatform": "windows"}),
        ({"platform": "AIX"}, {"serverPlatform": None}),
        ({"platform": ""}, {"serverPlatform": None}),
        ({"version": "4.4"}, {"version": "4.4", "revision": 4}),
        ({"version": "4.4.2.550"}, {"revision": 550}),
        ({"version": "4.4.x"}, {"revision": None}),
        ({"version": ""}, {"version": None, "revision": None}),
        (None, {"version": None, "revision": None, "serverPlatform": None}),
    ],
)
def test_the_program(printed: dict[str, Any] | None, expected: dict[str, Any]) -> None:
    server = fields("server", SENDS, ascp=None if printed is None else attrs.evolve(ASCP, **printed))
    assert {name: server[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("event", "lines", "expiry", "valid", "message"),
    [
        (SENDS, ASCP.license, None, True, None),
        (SENDS, (f"{LICENSE} Expiration date: 2030-01-31",), "2030-01-31", True, None),
        (SENDS, (f"{LICENSE} Expiration date: 2030-02-31",), None, True, None),
        (SENDS, (f"{LICENSE} Expiration date: some day",), None, True, None),
        (SENDS, ("Failure reading license: expired",), None, False, "Failure reading license: expired"),
        (SENDS, (), None, False, "ascp -A prints no license"),
        (SENDS, None, None, None, None),
        (ErrorEvent(code=30), ASCP.license, None, False, "the license has expired"),
        (ErrorEvent(code=30), None, None, False, "the license has expired"),
    ],
)
def test_the_license(
    event: Event, lines: tuple[str, ...] | None, expiry: str | None, valid: bool | None, message: str | None
) -> None:
    ascp = None if lines is None else attrs.evolve(ASCP, license=lines)
    expected = {"errorMessage": message, "expiry": expiry, "valid": valid}
    assert views.server(session_of(event), ascp).to_dict()["license"] == expected
