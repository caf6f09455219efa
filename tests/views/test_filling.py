"""What a session becomes in the four views."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

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
from faspmgr.views.facts import STATUS_OF_CODE, make_uuid
from faspmgr.views.mapping import nested
from tests.conftest import CAPTURES, FIXTURES
from tests.views.strategies import EVENTS

EXPECTED = sorted((FIXTURES / "views").glob("*.json"))
"""Written by hand: every value was read from the stream, rates and sums were worked out from its numbers."""

START = datetime(2024, 5, 2, 22, tzinfo=UTC)
SENDS = SessionEvent(direction="Send", remote=False)


def session_of(*events: Event, close: bool = False) -> Session:
    tracker = Tracker(keep_files="all")
    sessions = [tracker.update(event) for event in events]
    if close:
        tracker.close()
    return sessions[0]


def file_of(*events: Event, close: bool = False) -> views.ChannelFile:
    (file,) = views.channel(session_of(*events, close=close)).transferred_files
    return file


# ---------------------------------------------------------------------------------------------------------------------
# The recorded streams


def test_every_capture_with_a_session_has_its_views() -> None:
    folders = {"ascp-3.9.0", "sessions", "logs"}
    assert {path.stem for path in EXPECTED} == {path.stem for path in CAPTURES if path.parent.name in folders}


@pytest.mark.parametrize("kind", views.KINDS)
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
    assert shown == expected[kind]
    assert [list(each) for each in shown] == [list(each) for each in expected[kind]]
    for each in shown:
        Draft202012Validator(views.KINDS[kind].json_schema()).validate(each)


def test_bytes_and_counts_agree_with_the_tracker(capture: Path) -> None:
    tracker = Tracker(keep_files="all")
    for event in parse(capture.read_bytes()):
        tracker.update(event)
    tracker.close()
    for session in tracker.sessions:
        channel = views.channel(session)
        both = (channel.bytes_client_to_server, channel.bytes_server_to_client)
        assert both == ((None, None) if session.direction is None and session.bytes_transferred else both)
        assert None in both or sum(both) == session.bytes_transferred  # type: ignore[arg-type]
        closed = [file.status for file in channel.transferred_files if file.closed]
        assert closed.count("OK") == session.files_done + session.files_skipped
        assert len(closed) == closed.count("OK") + session.files_failed
        assert len(channel.transferred_files) - len(closed) == session.files_active
        if capture.parent.name in ("sessions", "logs"):  # the document's single examples do not add up
            assert sum(file.payload_size or 0 for file in channel.transferred_files) == session.bytes_written


# ---------------------------------------------------------------------------------------------------------------------
# Files

STOPPED: dict[str, Any] = {"file": "a", "size": 100, "written": 100, "start_byte": 0}
STATUS: dict[str, tuple[Event, ...]] = {
    "OK": (StopEvent(**STOPPED),),
    "PERMISSION_DENIED": (FileErrorEvent(file="a", code=5),),
    "TIMEOUT": (FileErrorEvent(file="a", code=40),),
    "MISSING": (FileErrorEvent(file="a", code=43),),
    "LENGTH_MISMATCH": (StopEvent(**{**STOPPED, "written": 99}),),
    "CHECKSUM_MISMATCH": (FileErrorEvent(file="a", code=1, description="Destination: Checksum does not match"),),
    "DECRYPTION_ERROR": (FileErrorEvent(file="a", code=49),),
    "STORAGE_UNDEFINED": (FileErrorEvent(file="a", code=59),),
    "ID_UNDEFINED": (FileErrorEvent(file="a", code=3),),
    "UNCLEAN_CLOSE": (StatsEvent(**STOPPED), ErrorEvent(code=16)),
    "GENERIC_ERROR": (FileErrorEvent(file="a", code=11),),
    "ONGOING": (StatsEvent(**STOPPED),),
}


@pytest.mark.parametrize(("status", "events"), STATUS.items())
def test_each_of_the_twelve_statuses(status: str, events: tuple[Event, ...]) -> None:
    file = file_of(*events)
    assert file.status == status
    assert file.closed is (status not in ("ONGOING", "UNCLEAN_CLOSE"))


def test_the_twelve_are_all() -> None:
    file = views.ChannelFile.json_schema()["properties"]["status"]
    assert list(STATUS) == file["enum"]


@pytest.mark.parametrize("code", range(70))
def test_the_status_of_every_code(code: int) -> None:
    assert file_of(FileErrorEvent(file="a", code=code)).status == STATUS_OF_CODE.get(code, "GENERIC_ERROR")


def test_a_code_that_is_not_known() -> None:
    assert file_of(FileErrorEvent(file="a", code=2**64 - 1)).status == "GENERIC_ERROR"
    assert file_of(FileErrorEvent(file="a")).status == "GENERIC_ERROR"


def test_a_skipped_file_is_there() -> None:
    file = file_of(SkipEvent(file="a", size=0, elapsed_usec=7))
    assert (file.status, file.closed, file.payload_size, file.offset) == ("OK", True, 0, None)


@pytest.mark.parametrize(
    ("end", "status"),
    [
        (DoneEvent(), "UNCLEAN_CLOSE"),  # DONE without a STOP of the file
        (ErrorEvent(code=15), "TIMEOUT"),
        (ErrorEvent(code=4), "UNCLEAN_CLOSE"),  # another file is missing
        (ErrorEvent(), "UNCLEAN_CLOSE"),
    ],
)
def test_a_file_that_the_end_of_the_session_leaves_open(end: Event, status: str) -> None:
    file = file_of(StatsEvent(**STOPPED), end)
    assert (file.status, file.closed, file.close_time) == (status, False, None)


def test_a_file_of_a_lost_session() -> None:
    assert file_of(StatsEvent(**STOPPED), close=True).status == "UNCLEAN_CLOSE"


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"size": 100, "written": 101}, "LENGTH_MISMATCH"),
        ({"size": 100, "written": 99}, "LENGTH_MISMATCH"),
        ({"size": 100}, "OK"),  # Written is not said
        ({"written": 100}, "OK"),  # Size is not said
        ({"size": 0, "written": 0}, "OK"),
        ({"size": 100, "written": 100, "start_byte": 30}, "OK"),
        ({"size": 100, "written": 69, "start_byte": 30}, "LENGTH_MISMATCH"),
        ({"size": 100, "written": 11, "start_byte": 10, "end_byte": 20}, "OK"),  # bytes of the range
        ({"size": 100, "written": 21, "start_byte": 10, "end_byte": 20}, "OK"),  # bytes of the file up to there
        ({"size": 100, "written": 10, "start_byte": 10, "end_byte": 20}, "LENGTH_MISMATCH"),
    ],
)
def test_the_length_of_a_stopped_file(fields: dict[str, Any], status: str) -> None:
    assert file_of(StopEvent(file="a", **fields)).status == status


@pytest.mark.parametrize(
    ("event", "offset", "payload"),
    [
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
    assert (file.offset, file.payload_size) == (offset, payload)


def test_all_files_in_the_order_in_which_they_began() -> None:
    session = session_of(
        StatsEvent(file="b", size=5),
        StatsEvent(file="a", size=5),
        StopEvent(file="a", size=5, written=5),
        StopEvent(file="b", size=5, written=5),
        StatsEvent(file="a", size=5, written=1),  # once more, as a persistent session may
    )
    files = views.channel(session).transferred_files
    assert [(file.name, file.status) for file in files] == [("b", "OK"), ("a", "OK"), ("a", "ONGOING")]


def test_a_tracker_that_keeps_no_history_gives_the_files_in_progress() -> None:
    tracker = Tracker()
    tracker.update(StopEvent(file="a"))
    session = tracker.update(StatsEvent(file="b"))
    assert [file.name for file in views.channel(session).transferred_files] == ["b"]


# ---------------------------------------------------------------------------------------------------------------------
# Ids


def test_the_id_of_a_file_is_that_of_the_same_file_in_another_attempt() -> None:
    stats = StatsEvent(file="a", fasp_file_id="272517ab-58da108d-9a1dd7e7-c424844b-55f30ab4")
    assert file_of(InitEvent(session_id="1"), stats).id == file_of(InitEvent(session_id="2"), stats).id
    assert file_of(stats).id != file_of(attrs.evolve(stats, fasp_file_id="other")).id


def test_without_fasp_file_id_it_is_made_of_session_and_path() -> None:
    one, again, other, path = (
        file_of(InitEvent(session_id=session), StatsEvent(file=file)).id
        for session, file in (("1", "a"), ("1", "a"), ("2", "a"), ("1", "b"))
    )
    assert one == again
    assert len({one, other, path}) == 3
    assert one.version == 5


def test_a_name_that_is_no_utf8_has_an_id_too() -> None:
    assert file_of(InitEvent(session_id="s"), StatsEvent(file="\udcfc")).id.version == 5


@given(parts=st.lists(st.text(), min_size=1, max_size=3))
def test_uuids_are_those_of_the_standard_library(parts: list[str]) -> None:
    namespace = UUID("5b8a2b1e-6f0c-4d8e-9d53-3c1d7a0b9e42")
    assert make_uuid(*parts) == uuid5(namespace, "\0".join(parts))
    assert make_uuid(*parts) != uuid5(NAMESPACE_URL, "\0".join(parts))


@pytest.mark.parametrize("session_id", ["", "s", "{eef4aefc-d64e-4c2c-aba4-4914c86ce059}", "\udcfc"])
def test_a_session_id_that_is_no_uuid(session_id: str) -> None:
    channel = views.channel(Session(session_id))
    assert channel.id.version == 5
    assert channel.id == views.channel(Session(session_id)).id


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
        ("Send", None, 2),  # the client is who does not say to be the server
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
    channel, link = views.channel(session), views.connection(session, start_time=START)
    destination, server = views.destination(session), views.server(session)
    assert channel.transferred_files[0].direction == number
    to_server, to_client = channel.bytes_client_to_server, channel.bytes_server_to_client
    assert (to_server, to_client) == {2: (70, 0), 1: (0, 70), None: (None, None)}[number]
    ends = (link.senderIP, link.destinationIP)
    peer, own = "192.0.2.1", "192.0.2.2"
    assert ends == {"Send": (own, peer), "Receive": (peer, own), None: (None, None)}[direction]
    assert (link.senderPort, link.destinationPort) == {2: (None, 33001), 1: (33001, None), None: (None, None)}[number]
    assert link.lastDestinationServerUid == {2: "server-node", 1: "client-node", None: None}[number]
    to_peer = "peer.example" if direction == "Send" else None
    assert destination.destinationAddress == ("server.example" if number == 2 else to_peer)
    assert server.serverExternalAddress is None  # no TCPPort
    assert server.receiver is not None
    assert server.receiver.receiverIP == link.destinationIP
    limits = server.bandwidthLimits
    assert limits is not None
    assert (limits.incomingRateLimit, limits.outgoingRateLimit) == {2: (5000, None), 1: (None, 5000)}.get(
        number or 0, (None, None)
    )


def test_no_bytes_are_no_bytes_either_way() -> None:
    channel = views.channel(session_of(InitEvent(session_id="s")))
    assert (channel.bytes_client_to_server, channel.bytes_server_to_client) == (0, 0)


def test_a_host_that_is_no_ip_is_no_ip() -> None:
    link = views.connection(session_of(SessionEvent(direction="Send", host="peer.example", remote_address="")))
    assert link.destinationIP is None


def test_a_proxy_is_the_relay() -> None:
    used = SessionEvent(use_proxy=True, proxy_ip="192.0.2.9")
    assert views.connection(session_of(used)).relayIP == "192.0.2.9"
    assert views.connection(session_of(attrs.evolve(used, use_proxy=False))).relayIP is None


# ---------------------------------------------------------------------------------------------------------------------
# Times


def test_sent_and_received() -> None:
    events = (
        StatsEvent(file="a", transfer_bytes=10, file_bytes=0, elapsed_usec=1_000_000),
        StatsEvent(file="a", transfer_bytes=20, file_bytes=10, elapsed_usec=2_000_000),
        StatsEvent(file="a", transfer_bytes=20, file_bytes=20, elapsed_usec=3_000_000),
        StatsEvent(file="a", transfer_bytes=20, file_bytes=20, elapsed_usec=4_000_000),
    )
    sender = views.connection(session_of(SENDS, *events), start_time=START).to_dict()
    assert sender["lastSendTime"] == "2024-05-02T22:00:02Z"  # the last data
    assert sender["lastRecvTime"] == "2024-05-02T22:00:03Z"  # the last word of what was written
    assert sender["snapshotTime"] == "2024-05-02T22:00:04Z"
    receiver = views.connection(session_of(SessionEvent(direction="Receive"), *events), start_time=START).to_dict()
    assert (receiver["lastSendTime"], receiver["lastRecvTime"]) == (None, "2024-05-02T22:00:02Z")


def test_without_a_start_time_there_are_no_times() -> None:
    session = session_of(SENDS, StopEvent(file="a", transfer_bytes=1, file_bytes=1, elapsed_usec=1))
    for kind, cls in views.KINDS.items():
        shown = views.view(kind, session).to_dict()
        times = [name for name, field in cls.json_schema()["properties"].items() if field.get("format") == "date-time"]
        assert [shown[name] for name in times] == [None] * len(times)
    assert views.channel(session).transferred_files[0].open_time is None


def test_a_start_time_needs_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        views.channel(Session("s"), start_time=datetime(2024, 5, 2))


def test_a_clock_beyond_all_calendars() -> None:
    session = session_of(SENDS, StopEvent(file="a", transfer_bytes=1, elapsed_usec=2**64 - 1))
    assert views.channel(session, start_time=START).transferred_files[0].open_time is None
    assert views.connection(session, start_time=START).snapshotTime is None


# ---------------------------------------------------------------------------------------------------------------------
# Rates, caps, policies


def test_rates_of_the_window_and_right_now() -> None:
    tracker = Tracker()
    for second in range(21):  # 1 MB/s for 15 seconds, 2 MB/s for four, 4 MB/s for the last
        moved = 1_000_000 * second + 1_000_000 * max(0, second - 15) + 2_000_000 * max(0, second - 19)
        session = tracker.update(StatsEvent(file="a", transfer_bytes=moved, elapsed_usec=second * 1_000_000))
    link = views.connection(session)
    assert link.sendRateAverage == 19_200.0  # 12 MB in five seconds
    assert link.sendRateAverageWindow == 32_000.0  # 4 MB in one
    assert views.destination(session).sendRateAverage == 19_200.0


def test_the_window_after_a_long_pause() -> None:
    """As in HTTP fallback: the rate is that of what moves now, not thinned by the minute in which nothing did."""
    session = session_of(
        ErrorEvent(code=14),
        StatsEvent(file="a", transfer_bytes=0, elapsed_usec=60_000_000),
        StatsEvent(file="a", transfer_bytes=1_000_000, elapsed_usec=61_000_000),
    )
    assert views.connection(session).sendRateAverage == 8000.0


@pytest.mark.parametrize(
    ("cap", "level", "limit", "active"),
    [
        (5000, None, 5000, True),
        (5000, 4000, 4000, True),
        (5000, 6000, 5000, True),
        (4503599627370495, None, None, False),  # the peer sets none
        (18446744073709551, None, None, None),  # not known
        (4503599627370495, 4000, 4000, True),
        (None, 4000, 4000, True),
        (None, 0, None, None),
        (None, None, None, None),
        (0, None, 0, True),
    ],
)
def test_caps(cap: int | None, level: int | None, limit: int | None, active: bool | None) -> None:
    session = session_of(attrs.evolve(SENDS, rate_cap=cap, service_level=level))
    assert views.connection(session).sendRateMax == views.destination(session).sendRateMax == limit
    limits = views.server(session).bandwidthLimits
    assert limits is not None
    assert (limits.incomingLimitActive, limits.incomingRateLimit) == (active, limit)


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
    session = session_of(SessionEvent(adaptive=policy, priority=priority, rate_control_algorithm=algorithm))
    link = views.connection(session)
    assert (link.rateControllerActive, link.rateControlMethod) == (active, algorithm)
    defaults = views.destination(session).transferDefaults
    assert defaults is not None
    assert (defaults.priorityLane, defaults.priority) == (lane, priority)


def test_defaults_stay_when_rates_change() -> None:
    session = session_of(
        SessionEvent(rate=1000, min_rate=10, overwrite_policy="overwrite_diff", xopt_flags=272),
        NotificationEvent(rate=500, min_rate=0),
    )
    link = views.connection(session)
    assert (link.sendRate, link.sendRateMin) == (500, 0)
    defaults = views.destination(session).transferDefaults
    assert defaults == views.DestinationTransferDefaults(
        sendRateMax=1000, overwriteMode="overwrite_diff", transferFlags=272
    )


def test_a_percentage_is_no_number_of_kilobits() -> None:
    assert views.connection(session_of(SessionEvent(rate="50%"))).sendRate is None


# ---------------------------------------------------------------------------------------------------------------------
# State, errors, queue


@pytest.mark.parametrize(
    ("events", "state"),
    [
        ((InitEvent(),), "negotiating"),
        ((InitEvent(), SessionEvent(encryption=True)), "connected"),
        ((InitEvent(), SessionEvent(encryption=False)), None),
        ((InitEvent(), SessionEvent()), None),
        ((SessionEvent(encryption=True), StatsEvent(file="a")), "connected"),
        ((SessionEvent(encryption=True), DoneEvent()), "disconnected"),
        ((SessionEvent(encryption=True), ErrorEvent(code=1)), "disconnected"),
        ((InitEvent(), ErrorEvent(code=1)), None),
    ],
)
def test_the_encrypted_connection(events: tuple[Event, ...], state: str | None) -> None:
    assert views.connection(session_of(*events)).encryptedConnectionState == state


def test_the_last_error_and_that_it_goes() -> None:
    tracker = Tracker()
    session = tracker.update(ErrorEvent(code=14))
    link = views.connection(session)
    assert (link.lastError, link.lastErrorMessage) == (14, "the UDP data connection failed")
    tracker.update(StatsEvent(file="a"))  # HTTP fallback
    link = views.connection(session)
    assert (link.lastError, link.lastErrorMessage) == (None, None)


def test_the_queue() -> None:
    tracker = Tracker()
    tracker.update(NotificationEvent(pre_transfer_files=6))
    tracker.update(StopEvent(file="a"))
    tracker.update(SkipEvent(file="b"))
    tracker.update(FileErrorEvent(file="c"))
    session = tracker.update(StatsEvent(file="d"))
    assert views.connection(session).numTransfersQueued == 2
    tracker.update(ErrorEvent(code=28))
    assert views.connection(session).numTransfersQueued == 0
    assert views.connection(session_of(StatsEvent(file="d"))).numTransfersQueued is None


# ---------------------------------------------------------------------------------------------------------------------
# The server, and what ascp -A says

ASCP = AscpInfo(
    path="/opt/aspera/bin/ascp",
    version="3.9.0.163682",
    platform="Linux",
    license=("License max rate=(unlimited), account no.=1, license no.=1",),
    text="",
)


def test_an_ascp_at_hand() -> None:
    server = views.server(session_of(SENDS), ASCP)
    assert (server.version, server.revision, server.serverPlatform) == ("3.9.0.163682", 163682, "linux")
    assert server.license == views.ServerLicense(valid=True)


def test_no_ascp_at_hand() -> None:
    server = views.server(session_of(SENDS))
    assert (server.version, server.revision, server.serverPlatform) == (None, None, None)
    assert server.license == views.ServerLicense()


@pytest.mark.parametrize(
    ("says", "shown"),
    [("Linux", "linux"), ("MacOSX", "macOS"), ("Darwin", "macOS"), ("Windows", "windows"), ("AIX", None), ("", None)],
)
def test_platforms(says: str, shown: str | None) -> None:
    assert views.server(session_of(SENDS), attrs.evolve(ASCP, platform=says)).serverPlatform == shown


@pytest.mark.parametrize(("version", "revision"), [("4.4", 4), ("4.4.2.550", 550), ("4.4.x", None), ("", None)])
def test_revisions(version: str, revision: int | None) -> None:
    assert views.server(session_of(SENDS), attrs.evolve(ASCP, version=version)).revision == revision


@pytest.mark.parametrize(
    ("lines", "expiry", "valid", "message"),
    [
        (("License max rate=1Gbps, license no.=1. Expiration date: 2030-01-31",), "2030-01-31", True, None),
        (("License max rate=1Gbps, license no.=1. Expiration date: 2030-02-31",), None, True, None),
        (("License max rate=1Gbps, license no.=1. Expiration date: some day",), None, True, None),
        (("Failure reading license: License expired",), None, False, "Failure reading license: License expired"),
        ((), None, False, "ascp -A prints no license"),
    ],
)
def test_licenses(lines: tuple[str, ...], expiry: str | None, valid: bool, message: str | None) -> None:
    license_ = views.server(session_of(SENDS), attrs.evolve(ASCP, license=lines)).license
    assert license_ is not None
    assert license_.to_dict() == {"errorMessage": message, "expiry": expiry, "valid": valid}


def test_a_session_that_a_license_has_ended() -> None:
    license_ = views.server(session_of(ErrorEvent(code=30)), ASCP).license
    assert license_ == views.ServerLicense(valid=False, errorMessage="the license has expired")


@pytest.mark.parametrize(
    ("events", "authed", "superuser", "name"),
    [
        ((SessionEvent(user="u"),), None, None, "u"),
        ((SessionEvent(user="u"), NotificationEvent(pmtu=1500)), True, None, "u"),
        ((SessionEvent(user="u"), StatsEvent(transfer_bytes=1)), True, None, "u"),
        ((SessionEvent(user="u", token="hush-hush"), DoneEvent()), True, None, None),
        ((SessionEvent(user="u"), ErrorEvent(code=19)), False, False, None),
        ((InitEvent(user="u"),), None, None, "u"),
    ],
)
def test_the_user(events: tuple[Event, ...], authed: bool | None, superuser: bool | None, name: str | None) -> None:
    user = views.server(session_of(*events)).user
    assert user == views.ServerUser(authed=authed, superuser=superuser, userName=name)


def test_a_docroot_is_a_sandbox() -> None:
    user = views.server(session_of(SessionEvent(server_docroot="/data"), NotificationEvent(pmtu=1500))).user
    assert user is not None
    assert user.sandboxed is True


@pytest.mark.parametrize(("host", "address"), [("h", "h:22"), ("2001:db8::1", "[2001:db8::1]:22"), ("", None)])
def test_the_external_address(host: str, address: str | None) -> None:
    event = SessionEvent(host=host, tcp_port=22)
    assert views.server(session_of(event)).serverExternalAddress == address
    assert views.server(session_of(attrs.evolve(event, remote=True))).serverExternalAddress is None


def test_the_version_of_the_protocol() -> None:
    (event,) = parse(b"FASPMGR 4\nType: INIT\n\n")
    assert views.server(session_of(event)).apiVersion == 4
    assert views.server(session_of(StatsEvent())).apiVersion is None


# ---------------------------------------------------------------------------------------------------------------------
# Every view


def test_secrets_stay_out() -> None:
    tags = {"aspera": {"node": {"access_key": "k", "token": "hush-hush"}}, "password": "hush-hush"}
    session = session_of(SessionEvent(token="hush-hush", tags=tags, user="u", cookie="c"))
    shown = {kind: views.view(kind, session, start_time=START) for kind in views.KINDS}
    assert "hush" not in repr(shown) + json.dumps([view.to_dict() for view in shown.values()])
    assert shown["destination"].to_dict()["userData"] == {
        "Cookie": "c",
        "Tags": {"aspera": {"node": {"access_key": "k", "token": "***"}}, "password": "***"},
    }


@given(events=EVENTS, start_time=st.none() | st.datetimes(timezones=st.just(UTC)), close=st.booleans())
def test_of_any_stream(events: list[Event], start_time: datetime | None, close: bool) -> None:
    tracker = Tracker(keep_files="all")
    for event in events:
        tracker.update(event)
    if close:
        tracker.close()
    for session in tracker.sessions:
        for kind, cls in views.KINDS.items():
            view = views.view(kind, session, start_time=start_time)
            shown = view.to_dict()
            assert "hush" not in repr(view) + json.dumps(shown)
            Draft202012Validator(cls.json_schema()).validate(shown)
            assert cls.from_dict(json.loads(json.dumps(shown))) == view
        channel = views.channel(session)
        closed = [file for file in channel.transferred_files if file.closed]
        assert len(closed) <= session.files_done + session.files_skipped + session.files_failed
        assert len(channel.transferred_files) == len(closed) + session.files_active + session.files_forgotten
        ongoing = any(file.status == "ONGOING" for file in channel.transferred_files)
        assert not (ongoing and session.ended)


# ---------------------------------------------------------------------------------------------------------------------
# The table


@pytest.mark.parametrize("kind", views.KINDS)
def test_the_table_has_a_row_for_each_field(kind: str) -> None:
    for cls in nested(views.KINDS[kind]):
        names = [field.name for field in attrs.fields(cls) if field.name != "extra"]
        assert sorted(views.MAPPING[cls]) == sorted(names)
        assert all(row.source for row in views.MAPPING[cls].values())


def test_the_table_has_no_other_structures() -> None:
    assert set(views.MAPPING) == {inner for cls in views.KINDS.values() for inner in nested(cls)}


@pytest.mark.parametrize("kind", views.KINDS)
def test_the_reference_has_every_field_and_its_source(kind: str) -> None:
    text = views.describe_view(kind)
    joined = " ".join(text.split())
    for cls in nested(views.KINDS[kind]):
        assert f"{cls.__name__} (view {kind})" in joined
        for name, row in views.MAPPING[cls].items():
            assert f"\n  {name}  (" in text
            assert f"{'from' if row.fact else 'null'}: {row.source}" in joined
    assert max(map(len, text.splitlines())) <= 100
    with pytest.raises(KeyError):
        views.describe_view("other")


def test_the_reference_says_which_code_is_which_status() -> None:
    text = " ".join(views.describe_view("channel").split())
    for code, status in STATUS_OF_CODE.items():
        codes: list[Any] = text[text.index(f"{status} (") :].partition("(")[2].partition(")")[0].split(", ")
        assert str(code) in codes
