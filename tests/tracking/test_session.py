"""States and numbers of a session. Expected values: the vendor's document, fixtures/README.md, or by hand."""

from __future__ import annotations

from pathlib import Path

import pytest

from faspmgr.protocol.events import (
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
)
from faspmgr.reading import read
from faspmgr.tracking import TRANSITIONS, Session, Tracker
from faspmgr.tracking.figures import STATES
from faspmgr.verdicts import Failure
from tests.tracking.states import containers, only, session_of, tracked


def test_error() -> None:
    session = session_of(InitEvent(), ErrorEvent(code=44, description="no route"))
    assert session.state == "failed"
    assert session.error == Failure(44, "no route")
    assert session.error.name == "PMTU_BRTT_ERROR"
    assert session.error.retryable
    assert str(session.error) == "44 PMTU_BRTT_ERROR: no route"


def test_error_without_a_code() -> None:
    error = session_of(ErrorEvent()).error
    assert error is not None
    assert (error.code, error.name) == (0, "UNKNOWN")


def test_same_end_twice() -> None:
    end = DoneEvent(file_bytes=10, transfer_bytes=12, transfers_passed=3, transfers_skipped=1, elapsed_usec=5)
    once, twice = session_of(end), session_of(end, end)
    assert {**once.to_dict(), "event_count": 0} == {**twice.to_dict(), "event_count": 0}
    assert (twice.files_done, twice.files_skipped) == (2, 1)


def test_vendor_example_of_a_whole_file(fixtures: Path) -> None:
    session = session_of(*read(fixtures / "examples" / "stats.fasp"), *read(fixtures / "examples" / "stop.fasp"))
    assert session.bytes_done == 6162042  # Written; FileBytes and TransferBytes are smaller in that example
    assert session.bytes_written == session.bytes_transferred == 5736852
    assert session.bytes_lost == 0
    assert session.rtt_ms == 8
    assert session.elapsed_usec == 15084185
    assert session.average_rate_kbps == pytest.approx(5736852 * 8 / 15.084185 / 1000)
    assert session.files_done == 1
    assert session.files_active == 0
    assert session.progress == 1.0


def test_vendor_example_of_a_job_size(fixtures: Path) -> None:
    session = session_of(*read(fixtures / "examples" / "notification-job-size.fasp"))
    assert (session.expected_files, session.expected_bytes) == (1, 104857600)
    assert (session.target_rate_kbps, session.min_rate_kbps, session.policy) == (10000, 0, "Fixed")
    assert session.progress == 0.0


def test_vendor_example_of_path_and_bandwidth(fixtures: Path) -> None:
    session = session_of(*read(fixtures / "examples" / "notification-rate.fasp"))
    assert (session.path_mtu, session.bandwidth_kbps, session.priority) == (1492, 1487, 2)


def test_vendor_example_of_a_failed_file(fixtures: Path) -> None:
    session = session_of(*read(fixtures / "examples" / "fileerror.fasp"), *read(fixtures / "examples" / "error.fasp"))
    (file,) = session.failures
    assert file.name == "C:/Temp/IE7-WindowsXP-x86-enu.exe"
    assert file.error == Failure(41, "Source: Access is denied.")
    assert file.error.name == "BAD_PATH"
    assert session.files_failed == 1
    assert session.error == Failure(27, "One or more files failed")
    assert session.elapsed_usec == 1005642


def test_average_rate_loss_and_round_trip() -> None:
    session = session_of(
        StatsEvent(file="a", transfer_bytes=1_000_000, loss=500, delay=40, elapsed_usec=2_000_000),
        StatsEvent(file="a", transfer_bytes=2_000_000, loss=700, delay=20, elapsed_usec=4_000_000),
    )
    assert session.average_rate_kbps == 4000.0  # 16 Mbit in 4 s
    assert session.rate_kbps == 4000.0
    assert session.bytes_lost == 700
    assert session.rtt_ms == 20  # the latest, up or down


def test_rate_of_the_last_five_seconds() -> None:
    tracker = Tracker()
    for second in range(11):  # 1 MB/s for five seconds, then 3 MB/s for five
        moved = 1_000_000 * second + 2_000_000 * max(0, second - 5)
        session = tracker.update(StatsEvent(file="a", transfer_bytes=moved, elapsed_usec=second * 1_000_000))
    assert session.rate_kbps == 24_000.0
    assert session.average_rate_kbps == 16_000.0  # 20 MB in 10 s


def test_average_rate_of_file_bytes() -> None:
    session = session_of(StatsEvent(file="a", file_bytes=1000, elapsed_usec=1_000_000))
    assert session.average_rate_kbps == 8.0


def test_eta() -> None:
    tracker = Tracker()
    tracker.update(NotificationEvent(pre_transfer_bytes=5_000_000))
    tracker.update(StatsEvent(file="a", size=5_000_000, written=0, transfer_bytes=0, elapsed_usec=0))
    session = tracker.update(
        StatsEvent(file="a", size=5_000_000, written=1_000_000, transfer_bytes=1_000_000, elapsed_usec=2_000_000)
    )
    assert session.rate_kbps == 4000.0
    assert session.eta_seconds == 8.0  # 4 MB left at 500 kB/s
    tracker.update(ErrorEvent(code=1))
    assert session.eta_seconds is None
    tracker.update(DoneEvent())
    assert session.eta_seconds == 0.0


def test_rate_after_a_long_pause() -> None:
    moved = [(0, 0), (1_000_000, 1000), (20_000_000, 1000), (21_000_000, 3000)]
    events = [StatsEvent(file="a", transfer_bytes=number, elapsed_usec=at) for at, number in moved]
    session = session_of(*events)
    assert session.rate_kbps == 16.0  # 2000 bytes in the second since the pause
    assert session.latest_rate_kbps == 16.0
    later = session_of(*events, StatsEvent(file="a", transfer_bytes=3100, elapsed_usec=21_100_000))
    assert later.latest_rate_kbps == pytest.approx(2100 * 8 / 1100)  # since the place before the last


def test_eta_while_nothing_moves() -> None:
    events = [StatsEvent(file="a", size=300, written=100, transfer_bytes=100, elapsed_usec=at) for at in (0, 8_000_000)]
    session = session_of(*events, StatsEvent(file="a", elapsed_usec=60_000_000))
    assert session.rate_kbps == 0.0
    assert session.average_rate_kbps == 0.1  # 800 bit in 8 s: the last message measures nothing
    assert session.eta_seconds is None


def test_eta_of_one_measurement() -> None:
    session = session_of(StatsEvent(file="a", size=300, written=100, transfer_bytes=100, elapsed_usec=8_000_000))
    assert (session.rate_kbps, session.average_rate_kbps) == (None, 0.1)
    assert session.eta_seconds == 16.0  # 1600 bit at 100 bit/s


def test_rate_of_messages_without_counters() -> None:
    """By hand: 711,697,536 bytes in 20.007 s, then 448,620,551 in 13.047 s; the STOP measures nothing."""
    events = [
        StatsEvent(file="a", size=1_651_097_607, transfer_bytes=490_779_520, elapsed_usec=14_180_000),
        StatsEvent(file="a", size=1_651_097_607, transfer_bytes=1_202_477_056, elapsed_usec=34_187_000),
        StopEvent(file="a", size=1_651_097_607, elapsed_usec=46_842_000),
        DoneEvent(transfer_bytes=1_651_097_607, elapsed_usec=47_234_000),
    ]
    rates = [session_of(*events[:count]).rate_kbps for count in (1, 2, 3, 4)]
    assert [rate and round(rate) for rate in rates] == [None, 284_579, 284_579, 275_080]
    session = session_of(*events)
    assert session.average_rate_kbps == pytest.approx(1_651_097_607 * 8 / 47_234)
    assert session.elapsed_usec == 47_234_000


def test_rate_without_times_or_counters() -> None:
    for events in (
        [StatsEvent(file="a", transfer_bytes=moved) for moved in (0, 1000)],
        [StatsEvent(file="a", size=1000, written=moved, elapsed_usec=moved * 1000) for moved in (1, 1000)],
        [InitEvent(), SessionEvent()],
    ):
        session = session_of(*events)
        assert (session.rate_kbps, session.average_rate_kbps, session.latest_rate_kbps) == (None, None, None)
        shown = session.to_dict()
        assert (shown["rate_kbps"], shown["average_rate_kbps"], shown["eta_seconds"]) == (None, None, None)


def test_elapsed_time_that_no_message_has() -> None:
    session = session_of(InitEvent(), StatsEvent(file="a", size=10, written=5))
    assert (session.elapsed_usec, session.to_dict()["elapsed_seconds"]) == (None, None)


def test_rate_when_transfer_bytes_appear_late() -> None:
    """FileBytes counts something else: the measurements begin again with the first TransferBytes."""
    events = [StatsEvent(file="a", file_bytes=moved, elapsed_usec=moved * 1000) for moved in (0, 1000)]
    later = [StatsEvent(file="a", transfer_bytes=moved, elapsed_usec=moved * 1000) for moved in (3000, 5000)]
    assert session_of(*events).rate_kbps == 8.0  # 1,000 bytes in a second
    assert session_of(*events, later[0]).rate_kbps is None
    assert session_of(*events, *later).rate_kbps == 8.0


@pytest.mark.parametrize("progress", [0.99996, 0.999951])
def test_progress_in_json_before_the_end(progress: float) -> None:
    size = 1_000_000
    session = session_of(StatsEvent(file="a", size=size, written=int(size * progress)))
    assert session.to_dict()["progress"] == 0.9999


def test_eta_before_anything_has_moved() -> None:
    assert session_of(StatsEvent(file="a", size=10, elapsed_usec=1000)).eta_seconds is None


def test_notification_of_rate_and_policy() -> None:
    session = session_of(
        SessionEvent(rate=100_000, min_rate=1000, adaptive="Adaptive", priority=2),
        NotificationEvent(rate=50_000, adaptive="Fixed"),
    )
    assert (session.target_rate_kbps, session.min_rate_kbps) == (50_000, 1000)
    assert (session.policy, session.priority) == ("Fixed", 2)


def test_target_rate_in_percent() -> None:
    assert session_of(SessionEvent(rate="50%")).target_rate_kbps == "50%"


def test_counters_that_go_backwards() -> None:
    high = StatsEvent(file="a", size=100, written=90, transfer_bytes=95, file_bytes=90, loss=5, elapsed_usec=1_000_000)
    low = StatsEvent(file="a", size=100, written=10, transfer_bytes=11, file_bytes=10, loss=1, elapsed_usec=10)
    before, after = session_of(high), session_of(high, low)
    assert after.progress == before.progress == 0.9
    assert after.average_rate_kbps == before.average_rate_kbps
    assert (after.bytes_transferred, after.bytes_written, after.bytes_lost) == (95, 90, 5)
    assert after.elapsed_usec == 1_000_000


def test_job_size_smaller_than_what_is_done() -> None:
    session = session_of(
        NotificationEvent(pre_transfer_bytes=10, pre_transfer_files=1),
        StopEvent(file="a", size=100, written=100),
        StopEvent(file="b", size=100, written=100),
        StatsEvent(file="c", size=100, written=300),
    )
    assert session.progress == 1.0
    assert session.expected_bytes == session.bytes_done == 300
    assert session.expected_files == 3


def test_more_files_than_were_counted() -> None:
    job = NotificationEvent(pre_transfer_files=2)
    session = session_of(
        job,
        SkipEvent(file="a"),
        FileErrorEvent(file="b"),
        StopEvent(file="c"),
        StatsEvent(file="d"),
        StatsEvent(file="e"),
    )
    assert session.expected_files == 5


def test_end_counts_of_files_not_seen() -> None:
    """As in a capture whose start is missing."""
    end = ErrorEvent(code=27, transfers_attempted=9, transfers_passed=7, transfers_skipped=2, transfers_failed=2)
    session = session_of(end)
    assert (session.files_done, session.files_skipped, session.files_failed) == (5, 2, 2)


def test_upload_with_a_skip_and_a_failure(fixtures: Path) -> None:
    tracker = tracked(fixtures / "sessions" / "upload-skip-failure.fasp", "all")
    session = only(tracker)
    assert session.id == "6f0a1f0e-52c4-4d0f-9d53-0c7f3b1e8a11"
    assert session.state == "failed"
    assert session.error is not None
    assert session.error.code == 27
    assert session.direction == "Send"
    assert list(tracker.transfers) == ["nightly-2024-05-02"]
    assert (session.expected_files, session.expected_bytes) == (6, 56330864)
    assert (session.files_done, session.files_skipped, session.files_failed, session.files_active) == (4, 1, 1, 0)
    assert (session.bytes_written, session.bytes_transferred, session.bytes_lost) == (55576381, 55674685, 98304)
    assert session.elapsed_usec == 5241733
    files = {name.removeprefix("/data/in/"): file for name, file in session.files.items()}
    assert {name: (file.state, file.size, file.bytes_done) for name, file in files.items()} == {
        "clip_0001.mov": ("done", 52428800, 52428800),
        "docs/empty.marker": ("done", 0, 0),
        "docs/notes: draft.txt": ("done", 1853, 1853),
        "docs/old.txt": ("skipped", 0, 0),
        "docs/locked.bin": ("failed", 734003, 0),
        "docs/Übersicht 2024.pdf": ("done", 3145728, 3145728),
    }
    assert session.bytes_done == 52428800 + 1853 + 3145728
    assert [file.error and file.error.code for file in session.failures] == [5]


def test_resumed_download(fixtures: Path) -> None:
    session = only(tracked(fixtures / "sessions" / "resumed-download.fasp", "all"))
    assert session.state == "done"
    assert session.direction == "Receive"
    assert session.policy == "Fixed"
    assert session.target_rate_kbps == 30000  # lowered from 45000
    assert (session.expected_files, session.expected_bytes) == (2, 83890176)
    assert (session.bytes_written, session.bytes_transferred, session.bytes_lost) == (52432896, 52457472, 24576)
    assert session.bytes_done == 83886080 + 4096
    assert session.elapsed_usec == 12850977
    film = next(file for name, file in session.files.items() if name.endswith("film.mxf"))
    assert (film.start_byte, film.checksum, film.checksum_type) == (31457280, "ff4f334485231167e7c871759c694c5f", "md5")


def test_capture_that_breaks_off(fixtures: Path) -> None:
    session = only(tracked(fixtures / "sessions" / "breaks-off.fasp"))
    assert session.state == "lost"
    assert session.error is None
    assert session.elapsed_usec == 2100377
    assert (session.bytes_written, session.bytes_transferred) == (63963136, 64487424)
    (file,) = session.files_in_progress
    assert (file.size, file.written) == (1073741824, 63963136)
    assert session.progress == pytest.approx(63963136 / 1073741824)


def test_memory_of_60_000_files() -> None:
    tracker = Tracker()
    sizes = []
    for number in range(60_000):
        session = tracker.update(StopEvent(file=f"f{number}", size=1, written=1, elapsed_usec=number * 1000))
        if number in (15_000, 59_999):
            sizes.append(containers(session))
    assert sizes[0] == sizes[1]
    assert max(sizes[1].values()) < 50
    assert session.files_done == session.bytes_done == 60_000


# By hand: the state after each message, from connecting, negotiated, transferring, done, failed and lost.
AFTER = {
    "INIT": "connecting connecting connecting connecting connecting connecting",
    "SESSION": "negotiated negotiated transferring negotiated negotiated negotiated",
    "NOTIFICATION": "negotiated negotiated transferring done failed lost",
    **dict.fromkeys(
        ("STATS", "STOP", "SKIP", "FILEERROR", "ARGSTOP"),
        "transferring transferring transferring done transferring transferring",
    ),
    "DONE": "done done done done done done",
    "ERROR": "failed failed failed failed failed failed",
    "end": "lost lost lost done failed lost",
}


@pytest.mark.parametrize("kind", TRANSITIONS, ids=lambda kind: kind.type if kind else "end")
def test_states(kind: type[Event] | None) -> None:
    for before, after in zip(STATES, AFTER[kind.type if kind else "end"].split(), strict=True):
        session = Session("s")
        session.state = before
        if kind is None:
            session.mark_lost()
        else:
            session.apply(kind())
        assert session.state == after, before
        assert (session.error is None) == (kind is not ErrorEvent)


def test_messages_that_a_session_keeps() -> None:
    init, negotiated, end = InitEvent(direction="Send"), SessionEvent(user="u"), DoneEvent(elapsed_usec=7)
    session = session_of(init, negotiated, end)
    assert (session.init, session.negotiated, session.end) == (init, negotiated, end)
    assert session.start_seq < (session.end_seq or 0)


def test_session_as_json() -> None:
    session = session_of(
        InitEvent(session_id="s", user_str="job", cookie="c", direction="Send"),
        SessionEvent(
            session_id="s", user="u", host="h", source=("/a", "/b"), destination="/in", xfer_id="x", rate=1000
        ),
        NotificationEvent(session_id="s", min_rate=10, adaptive="Fixed", pre_transfer_bytes=1000, pre_transfer_files=4),
        SkipEvent(session_id="s", file="old", size=100),
        FileErrorEvent(session_id="s", file="bad", size=50, code=5, description="no"),
        StopEvent(session_id="s", file="new", size=200, written=200),
        StatsEvent(
            session_id="s",
            file="big",
            size=650,
            written=200,
            transfer_bytes=420,
            file_bytes=400,
            loss=20,
            delay=30,
            elapsed_usec=2_000_000,
        ),
    )
    no_perms = {
        "code": 5,
        "name": "NO_PERMS",
        "description": "no",
        "retryable": False,
        "meaning": "no permission to read or write",
        "advice": Failure(5).advice,
    }
    assert session.to_dict() == {
        "id": "s",
        "state": "transferring",
        "error": None,
        "direction": "Send",
        "user": "u",
        "host": "h",
        "source": ["/a", "/b"],
        "destination": "/in",
        "user_str": "job",
        "cookie": "c",
        "xfer_id": "x",
        "target_rate_kbps": 1000,
        "min_rate_kbps": 10,
        "policy": "Fixed",
        "progress": 0.5,
        "bytes_done": 500,
        "expected_bytes": 1000,
        "estimated_bytes": 1000,
        "bytes_transferred": 420,
        "bytes_written": 400,
        "bytes_lost": 20,
        "files_done": 1,
        "files_skipped": 1,
        "files_failed": 1,
        "files_active": 1,
        "expected_files": 4,
        "elapsed_seconds": 2.0,
        "rate_kbps": None,
        "average_rate_kbps": 1.7,
        "eta_seconds": 2.4,
        "rtt_ms": 30,
        "failures": [{"name": "bad", "state": "failed", "size": 50, "written": 0, "error": no_perms, "progress": 0.0}],
    }


def test_time_of_the_latest_growth() -> None:
    session = session_of(
        StatsEvent(file="a", transfer_bytes=10, file_bytes=10, elapsed_usec=1_000),
        StatsEvent(file="a", transfer_bytes=20, file_bytes=10, elapsed_usec=2_000),
    )
    assert (session.transferred_usec, session.written_usec) == (2_000, 1_000)


def test_bytes_of_files_before_reading_began() -> None:
    """FileBytes stands for files that were not seen, unless reading began with the session: then it may count twice."""
    assert session_of(DoneEvent(file_bytes=500)).bytes_done == 500
    seen = session_of(SessionEvent(), StopEvent(file="a", size=400, written=400), DoneEvent(file_bytes=500))
    assert seen.bytes_done == 400


def test_range_up_to_the_last_byte_but_one() -> None:
    session = session_of(StatsEvent(file="a", size=100, written=9, start_byte=0, end_byte=98))
    assert session.estimated_bytes == 99
