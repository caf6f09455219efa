"""The events that a log amounts to, and the state that a Tracker makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from faspmgr import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
    Tracker,
)
from faspmgr.logs import LogEvents, LogReader, conversion, events, read
from faspmgr.logs.conversion import LogParser

WINDOWS = Path("fixtures/ascp-log/ascp-3.9.6-windows.log")
FAILED, DONE = "failed", "done"

# Of each of the nine sessions: state, code of the stream, files done and failed, bytes at the destination, over the
# network (tx_bytes of Session Statistics), and written (file_bytes); microseconds from Session Start to Session Stop.
# Read off the log by eye: "Source file transfers passed" and "failed", "Source bytes transferred" of the blocks.
SESSIONS = [
    ("c4348842-93f8-64cf-a1cd-875b2254c58c", FAILED, 43, 0, 0, 0, 0, 0, 1_000),
    ("21702a17-536d-2677-96b1-bab7352566e1", FAILED, 28, 18, 178, 15_470_193, 15_618_129, 15_618_129, 4_368_000),
    ("b3ba496e-31b7-599e-16ff-664bdc333849", FAILED, 8, 0, 0, 0, 0, 0, 0),
    ("7d5a7202-27aa-dd88-c76a-68a50cc82e8c", DONE, None, 1, 0, 1_651_097_607, 1_651_097_607, 1_651_097_607, 47_234_000),
    ("cfaf4e49-4bff-ec55-5d1a-10df8bb74096", FAILED, 19, 0, 0, 0, 0, 0, 1_000),
    ("92a2f457-973f-23a1-7cc2-8d589794c47b", DONE, None, 1, 0, 40_028, 40_028, 40_028, 411_000),
    ("dfdb39c5-961f-cb65-7e9b-08430f7abfd7", FAILED, 4, 0, 1, 0, 0, 0, 1_956_000),
    ("20ccff62-30d0-c782-bf7d-ffdcd14d1931", DONE, None, 2, 0, 45_184, 45_184, 45_184, 1_963_000),
    ("ea4874ad-2cd4-1fb2-1ec4-8f7a96254a3e", FAILED, 8, 0, 0, 0, 0, 0, 0),
]


def tracked(found: list[Event]) -> Tracker:
    tracker = Tracker()
    for event in found:
        tracker.update(event)
    tracker.close()
    return tracker


def test_the_real_log() -> None:
    tracker = tracked(list(events(read(WINDOWS))))
    assert [
        (
            session.id,
            session.state,
            session.error and session.error.code,
            session.files_done,
            session.files_failed,
            session.bytes_done,
            session.bytes_transferred,
            session.bytes_written,
            session.elapsed_usec,
        )
        for session in tracker.sessions
    ] == SESSIONS
    assert [session.files_active for session in tracker.sessions] == [0] * 9
    second = tracker.sessions[1]
    assert (second.target_rate_kbps, second.path_mtu, second.rtt_ms) == (50_000, 1492, 36)
    assert second.negotiated == SessionEvent(
        session_id="21702a17-536d-2677-96b1-bab7352566e1",
        rate=50_000,
        min_rate=0,
        user="studio_output",
        host="transfer.example.org",
        encryption=False,
        adaptive="Adaptive",
        direction="Receive",
        remote=False,
        port=33001,
        source=("/745019",),
        destination="downtest",
        operation="Transfer",
        remote_address="203.0.113.8",
        tcp_port=33001,
        cipher="none",
        create_policy=0,
        precalc=False,
        rtt_autocorrect=True,
        time_policy=0,
        manifest_inprogress=".aspera-inprogress",
        files_encrypt=False,
        files_decrypt=False,
        datagram_size=0,
        v_link_version=1,
        peer_v_link_version=1,
        local_ip="192.0.2.7",
        read_block_size=0,
        write_block_size=0,
        cluster_num_nodes=1,
        cluster_node_id=0,
        keepalive=False,
        test_login=False,
        rate_control_algorithm="alg_delay",
    )


@pytest.mark.parametrize("step", [1, 1000])
def test_cut_anywhere(step: int) -> None:
    data = WINDOWS.read_bytes()[: 70_000 if step > 1 else 20_000]
    cut, whole = LogParser(), LogParser()
    found = [event for at in range(0, len(data), step) for event in cut.feed(data[at : at + step])] + cut.close()
    assert found == whole.feed(data) + whole.close()


def test_every_event_goes_to_a_frame_and_back() -> None:
    for event in events(read(WINDOWS)):
        assert Event.from_frame(event.to_frame()) == event


# -- small logs, line by line

START = (
    "FASP Session Start uuid={0} op=send status=started source=a b dest=/in source_prefix=- local=1.2.3.4:5 "
    "peer=6.7.8.9:33001"
)
PARAMS = (
    'FASP Session Params uuid={0} userid=0 user="me" targetrate=100000000 minrate=0 rate_policy=high cipher=aes-128 '
    'cookie="-"'
)
FILE = (
    'FASP Transfer {1} uuid={0} op=send status={2} file="{3}" size=10 start_byte={4} rate=1.00Mbps elapsed=0.10s '
    "loss=0.00 rexreqs=0 overhead=0"
)
STOP = "FASP Session Stop uuid={0} op=send status={1} source=a b dest=/in source_prefix=- peerver=4.0"
STATISTICS = "FASP Session Statistics [Sender] id={0} delay=7ms (progress: tx_bytes 30 file_bytes 20 tx_time 900000)"
BLOCK = (
    "======= File Transfer statistics =======",
    "- Source file transfers failed              :          {0}",
    "- Source file transfers passed              :          {1}",
    "======= end File Transfer statistics =======",
)


class Log:
    """Lines of processes with their times, and the events that come with each."""

    def __init__(self) -> None:
        self._reader = LogReader()
        self._events = LogEvents()

    def add(self, seconds: float, message: str, process: int = 1) -> list[Event]:
        stamp = f"2026-01-01 00:{int(seconds) // 60:02}:{seconds % 60:06.3f}"
        found = []
        for record in self._reader.feed(f"{stamp} [{process:x}-1] LOG {message}\n".encode()):
            found += self._events.feed(record)
        return found

    def idle(self) -> list[Event]:
        return [event for record in self._reader.idle() for event in self._events.feed(record)] + self._events.idle()

    def close(self) -> list[Event]:
        return [event for record in self._reader.close() for event in self._events.feed(record)] + self._events.close()


def begun(*uuids: str) -> Log:
    log = Log()
    for process, uuid in enumerate(uuids, 1):
        log.add(0, START.format(uuid), process)
        log.add(0, PARAMS.format(uuid), process)
    return log


def test_events_come_with_their_lines() -> None:
    log = Log()
    assert log.add(0, "Negotiated target rate 50000000, original target rate 100000000, consult …") == []
    assert log.add(0, "AUTH [SERVER] op=send remote_host=h") == []
    assert log.add(1, START.format("u")) == [InitEvent(session_id="u", direction="Send", operation="Transfer")]
    session, rate = log.add(1, PARAMS.format("u"))
    assert isinstance(session, SessionEvent)
    assert (session.user, session.host, session.remote, session.source) == ("me", "h", True, ("a b",))
    assert (session.rate, session.adaptive, session.priority, session.cookie) == (100_000, "Adaptive", 1, None)
    assert (session.encryption, session.remote_address, session.port) == (True, "6.7.8.9", 33001)
    assert rate == NotificationEvent(session_id="u", rate=50_000)
    assert log.add(1, PARAMS.format("u")) == []
    assert log.add(1, "datagram size 936B, block size 896B, path MTU 1006B") == [
        NotificationEvent(session_id="u", pmtu=1006)
    ]
    assert log.add(1, PARAMS.format("u").replace("=100000000", "=40000000")) == []  # what was agreed on stands
    assert log.add(2, FILE.format("u", "Start", "started", "f", 4)) == [
        StatsEvent(session_id="u", file="f", size=10, start_byte=4, written=4, elapsed_usec=1_000_000)
    ]
    assert log.add(3, "Sender bl t/o=1/2 prog t/f/e=9/8/7 xmtD=1") == [
        StatsEvent(session_id="u", transfer_bytes=9, file_bytes=8, elapsed_usec=2_000_000)
    ]
    assert log.add(4, FILE.format("u", "Stop", "success", "f", 4)) == [
        StopEvent(session_id="u", file="f", size=10, start_byte=4, written=10, elapsed_usec=3_000_000)
    ]
    assert log.add(4, FILE.format("u", "Stop", "skipped", "g", 0)) == [
        SkipEvent(session_id="u", file="g", size=10, start_byte=0, elapsed_usec=3_000_000)
    ]
    assert log.add(4, FILE.format("u", "Stop", 'failed errcode=50 errstr="No such"', "h", 0)) == [
        FileErrorEvent(
            session_id="u", file="h", size=10, start_byte=0, elapsed_usec=3_000_000, code=4, description="No such"
        )
    ]
    assert log.add(5, STOP.format("u", "success")) == log.add(5, STATISTICS.format("u")) == []
    assert [log.add(5.1, line.format(1, 2)) for line in BLOCK] == [
        [],
        [],
        [],
        [
            DoneEvent(
                session_id="u",
                transfer_bytes=30,
                file_bytes=20,
                delay=7,
                elapsed_usec=4_000_000,
                transfers_failed=1,
                transfers_passed=2,
            )
        ],
    ]


END = DoneEvent(session_id="u", transfer_bytes=30, file_bytes=20, delay=7, elapsed_usec=1_000_000)


def stopped() -> Log:
    log = begun("u", "v")
    log.add(1, STOP.format("u", "success"))
    log.add(1, STATISTICS.format("u"))
    return log


def test_without_a_block_the_end_comes_with_what_shows_that_none_will() -> None:
    assert stopped().close() == [END]
    assert stopped().idle() == [END]
    log = stopped()
    assert [event.type for event in log.add(6, FILE.format("v", "Start", "started", "f", 0), 2)] == ["STATS"]
    assert log.add(6.001, FILE.format("v", "Start", "started", "g", 0), 2)[0] == END
    log = stopped()
    assert log.add(1.5, "Initializing FASP version 3.9.6") == [END]
    log = stopped()
    assert log.add(1.5, START.format("w"))[0] == END


def test_a_session_that_never_met_its_peer_has_no_block() -> None:
    log = begun("u")
    log.add(1, STOP.format("u", "failed").replace("peerver=4.0", 'peeros="-" peerver=-'))
    [event] = log.add(1, STATISTICS.format("u"))
    assert event.type == "ERROR"


def test_codes_and_words() -> None:
    log = begun("u")
    log.add(1, "FASP sender had error, errcode 40 errstr [Server aborted session: Server has only a client license]")
    log.add(1, "Peer FASP receiver had error, errcode 40 errstr [something else]")
    log.add(1, STOP.format("u", 'failed errcode=40 errstr="Operation not permitted by license"'))
    [event] = log.close()
    assert isinstance(event, ErrorEvent)
    assert event.description == "Server aborted session: Server has only a client license"
    log = begun("u")
    log.add(1, "FASP sender had error, errcode 40 errstr [of another error]")
    log.add(1, STOP.format("u", 'failed errcode=9999 errstr="Unheard of"'))
    assert log.close() == [
        ErrorEvent(session_id="u", code=0, description="Unheard of (errcode 9999)", elapsed_usec=1_000_000)
    ]


def test_files_without_a_stop_have_failed_where_the_block_says_so() -> None:
    for failed, expected in ((2, ["FILEERROR", "FILEERROR", "ERROR"]), (1, ["ERROR"]), (0, ["ERROR"])):
        log = begun("u")
        log.add(1, FILE.format("u", "Start", "started", "f", 0))
        log.add(1, FILE.format("u", "Start", "started", "g", 0))
        log.add(2, STOP.format("u", 'failed errcode=68 errstr="User aborted session"'))
        found = [event for line in BLOCK for event in log.add(2, line.format(failed, 0))]
        assert [event.type for event in found] == expected
        tracker = tracked(found)
        assert tracker.sessions[0].files_failed == max(failed, len(expected) - 1)


def test_two_sides_in_one_log_are_one_session() -> None:
    log = begun("u")
    assert log.add(0, START.format("u"), 2) == log.add(0, PARAMS.format("u"), 2) == []
    assert log.add(1, FILE.format("u", "Start", "started", "f", 0), 2) == []
    assert log.add(1, STOP.format("u", "success"), 2) == log.add(1, STATISTICS.format("u"), 2) == []
    assert len(log.add(1, FILE.format("u", "Start", "started", "f", 0), 1)) == 1


def test_a_process_that_just_stops_writing_is_lost() -> None:
    log = begun("u")
    log.add(1, FILE.format("u", "Start", "started", "f", 0))
    found = log.add(2, "Initializing FASP version 3.9.6")
    found += log.add(2, START.format("v")) + log.close()
    assert [event.type for event in found] == ["INIT"]


def test_reading_begins_in_the_middle() -> None:
    log = Log()
    assert log.add(0, FILE.format("u", "Stop", "success", "f", 0)) == [
        StopEvent(session_id="u", file="f", size=10, start_byte=0, written=10)
    ]
    log.add(1, STOP.format("u", "success"))
    log.add(1, STATISTICS.format("u"))
    assert log.close() == [DoneEvent(session_id="u", transfer_bytes=30, file_bytes=20, delay=7, elapsed_usec=900_000)]


def test_parts_of_files_do_not_count_as_whole() -> None:
    log = Log()
    log.add(0, START.format("u"))
    log.add(0, PARAMS.format("u") + " cluster_num_nodes=2 cluster_node_id=1")
    [start] = log.add(0, FILE.format("u", "Start", "started", "f", 5))
    [stop] = log.add(0, FILE.format("u", "Stop", "success", "f", 5))
    assert isinstance(start, StatsEvent)
    assert isinstance(stop, StopEvent)
    assert start.written is None
    assert stop.written is None


def test_values_that_do_not_fit_are_left_out() -> None:
    log = Log()
    log.add(0, START.format("u").replace("peer=6.7.8.9:33001", "peer=some/where tcp_port=x"))
    [session] = log.add(0, PARAMS.format("u").replace("100000000", "fast").replace("high", "odd") + " keepalive=maybe")
    assert isinstance(session, SessionEvent)
    assert (session.rate, session.adaptive, session.keepalive, session.remote_address) == (None, None, None, None)
    assert (session.tcp_port, session.port) == (None, None)


def test_what_is_open_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "MAX_OPEN", 10)
    log = begun(*(f"u{number}" for number in range(100)))
    assert len(log._events._emitted) == 10  # what it holds is the point


def test_a_rate_that_changes() -> None:
    log = begun("u")
    progress = "Sender bl t/o=1/2 rate t/m/c={0}/0/0 prog t/f/e=9/8/7"
    found = [log.add(1, progress.format(rate)) for rate in (100_000_000, 30_000_000, 30_000_000)]
    assert [[event.type for event in events] for events in found] == [["STATS"], ["STATS", "NOTIFICATION"], ["STATS"]]
    assert found[1][1] == NotificationEvent(session_id="u", rate=30_000)
    assert log.add(2, PARAMS.format("u").replace("=100000000", "=45000000")) == [
        NotificationEvent(session_id="u", rate=45_000)
    ]


def test_statistics_without_a_stop() -> None:
    """A lost session has no end, and the counters of its statistics."""
    log = begun("u")
    log.add(1, STATISTICS.format("u"))
    assert log.close() == [StatsEvent(session_id="u", transfer_bytes=30, file_bytes=20, elapsed_usec=900_000)]


@pytest.mark.parametrize(
    "more", ['status=failed errcode=106 errstr="Usage error"', 'status=started targetrate=50000000 user="me"']
)
def test_ends_of_a_session_without_a_line_of_parameters(more: str) -> None:
    """One that failed at its start, and one of version 3.3."""
    status, _, rest = more.partition(" ")
    init, session = Log().add(0, f"{START.format('u').replace('status=started', status)} {rest}")[:2]
    assert (init.type, session.type) == ("INIT", "SESSION")
    assert isinstance(session, SessionEvent)
    assert (session.source, session.destination, session.remote_address) == (("a b",), "/in", "6.7.8.9")
