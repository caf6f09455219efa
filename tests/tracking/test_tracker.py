"""Expected values are those of the vendor's document and of the tables in fixtures/README.md, or worked out by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import (
    EVENT_CLASSES,
    ArgStopEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    OtherEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
)
from faspmgr.protocol.fields import BY_NAME
from faspmgr.reading import read
from faspmgr.tracking import Failure, Session, Tracker, Transfer
from faspmgr.tracking import tracker as tracking


def tracked(path: Path, keep_files: Any = "unfinished") -> Tracker:
    tracker = Tracker(keep_files)
    for event in read(path):
        tracker.update(event)
    tracker.close()
    return tracker


def only(tracker: Tracker) -> Session:
    (session,) = tracker.sessions.values()
    return session


def transfer_of(tracker: Tracker) -> Transfer:
    (transfer,) = tracker.transfers.values()
    return transfer


def session_of(*events: Event, keep_files: Any = "unfinished") -> Session:
    """The session to which these events belong."""
    tracker = Tracker(keep_files)
    for event in events:
        tracker.update(event)
    return only(tracker)


# ---------------------------------------------------------------------------------------------------------------------
# States


def test_states_from_the_first_message_to_the_last() -> None:
    tracker = Tracker()
    steps: list[tuple[Event, str]] = [
        (InitEvent(session_id="s"), "connecting"),
        (SessionEvent(session_id="s"), "negotiated"),
        (NotificationEvent(session_id="s", pmtu=1492), "negotiated"),
        (StatsEvent(session_id="s", file="a"), "transferring"),
        (NotificationEvent(session_id="s", rate=5), "transferring"),
        (StopEvent(session_id="s", file="a"), "transferring"),
        (ArgStopEvent(session_id="s", file="a"), "transferring"),
        (DoneEvent(session_id="s"), "done"),
    ]
    for event, state in steps:
        assert tracker.update(event).state == state
    assert only(tracker).event_count == 8
    assert only(tracker).ended


@pytest.mark.parametrize("event", [SkipEvent(file="a"), FileErrorEvent(file="a"), ArgStopEvent(file="a")])
def test_anything_about_files_is_transferring(event: Event) -> None:
    assert session_of(InitEvent(), event).state == "transferring"


def test_a_job_size_before_session_is_negotiated() -> None:
    assert session_of(InitEvent(), NotificationEvent(pre_transfer_bytes=1)).state == "negotiated"


def test_error_keeps_code_and_words() -> None:
    session = session_of(InitEvent(), ErrorEvent(code=44, description="no route"))
    assert session.state == "failed"
    assert session.error == Failure(44, "no route")
    assert session.error.name == "PMTU_BRTT_ERROR"
    assert session.error.retryable
    assert str(session.error) == "44 PMTU_BRTT_ERROR: no route"


def test_an_error_without_words_shows_the_meaning() -> None:
    assert str(Failure(19)) == "19 AUTH: the login was refused"


def test_an_error_without_code_is_code_0() -> None:
    error = session_of(ErrorEvent()).error
    assert error is not None
    assert (error.code, error.name) == (0, "UNKNOWN")


@pytest.mark.parametrize("last", [InitEvent(), SessionEvent(), StatsEvent(file="a"), StopEvent(file="a")])
def test_a_stream_that_just_stops_is_lost(last: Event) -> None:
    tracker = Tracker()
    session = tracker.update(last)
    assert not session.ended
    tracker.close()
    assert session.state == "lost"
    assert session.ended
    assert session.eta_seconds is None


def test_close_leaves_what_has_ended() -> None:
    tracker = Tracker()
    done = tracker.update(DoneEvent(session_id="a"))
    failed = tracker.update(ErrorEvent(session_id="b"))
    tracker.close()
    tracker.close()
    assert (done.state, failed.state) == ("done", "failed")


def test_a_straggler_does_not_reopen_what_is_done() -> None:
    assert session_of(DoneEvent(), StatsEvent(file="a", size=2, written=1)).state == "done"


def test_files_that_move_after_an_error_reopen_the_session() -> None:
    session = session_of(ErrorEvent(code=14), StatsEvent(file="a"))
    assert session.state == "transferring"
    assert session.error is None


def test_the_last_report_of_the_end_counts() -> None:
    assert session_of(DoneEvent(), ErrorEvent(code=27)).state == "failed"
    session = session_of(ErrorEvent(code=27), DoneEvent())
    assert session.state == "done"
    assert session.error is None


def test_the_same_end_twice_changes_nothing() -> None:
    end = DoneEvent(file_bytes=10, transfer_bytes=12, transfers_passed=3, transfers_skipped=1, elapsed_usec=5)
    once, twice = session_of(end), session_of(end, end)
    assert {**once.to_dict(), "event_count": 0} == {**twice.to_dict(), "event_count": 0}
    assert (twice.files_done, twice.files_skipped) == (2, 1)


# ---------------------------------------------------------------------------------------------------------------------
# Which session, which transfer


def test_sessions_mixed_in_one_stream() -> None:
    tracker = Tracker()
    for session_id in ("a", "b", "a", "b", "b"):
        tracker.update(StatsEvent(session_id=session_id, file="f", size=10))
    tracker.update(StatsEvent(session_id="a", file="f", written=4))
    tracker.update(StatsEvent(session_id="b", file="f", written=9))
    assert list(tracker.sessions) == ["a", "b"]
    assert [session.bytes_done for session in tracker.sessions.values()] == [4, 9]
    assert [session.event_count for session in tracker.sessions.values()] == [3, 4]


def test_a_message_without_session_id_is_of_the_session_that_spoke_last() -> None:
    tracker = Tracker()
    tracker.update(StatsEvent(session_id="a", file="f"))
    b = tracker.update(StatsEvent(session_id="b", file="f"))
    assert tracker.update(ArgStopEvent(file="f")) is b


def test_a_new_stream_does_not_go_on_with_the_session_of_the_last() -> None:
    tracker = Tracker()
    first = tracker.update(InitEvent(session_id="a"))
    tracker.next_stream()
    assert tracker.update(StatsEvent(file="f")) is not first
    assert tracker.update(StatsEvent(session_id="a")) is first


def test_sessions_without_ids_in_two_streams() -> None:
    tracker = Tracker()
    tracker.update(StatsEvent(file="f"))
    tracker.next_stream()
    tracker.update(DoneEvent())
    tracker.close()
    transfer = transfer_of(tracker)
    assert [session.state for session in transfer.sessions] == ["lost", "done"]
    assert transfer.state == "lost"  # nothing says that the second one is the first one again


@pytest.mark.parametrize("event", [cls() for cls in EVENT_CLASSES.values()], ids=lambda event: event.type)
def test_a_stream_without_any_ids_is_one_session(event: Event) -> None:
    tracker = Tracker()
    assert tracker.update(event) is tracker.update(SessionEvent()) is tracker.update(DoneEvent())
    assert list(tracker.sessions) == list(tracker.transfers) == [""]
    assert transfer_of(tracker).state == "done"


def test_a_command_alone_is_no_session() -> None:
    tracker = Tracker()
    tracker.update(OtherEvent(type="CANCEL"))
    assert not tracker.sessions
    assert not tracker.transfers


def test_a_command_among_messages_counts_for_the_session() -> None:
    assert session_of(InitEvent(), OtherEvent(type="NOP")).event_count == 2


def test_a_transfer_is_named_by_xfer_id_else_user_str_else_session_id() -> None:
    tracker = Tracker()
    tracker.update(InitEvent(session_id="a"))
    assert list(tracker.transfers) == ["a"]
    tracker.update(InitEvent(session_id="b", user_str="job"))
    assert list(tracker.transfers) == ["a", "job"]
    tracker.update(SessionEvent(session_id="b", user_str="job", xfer_id="x"))
    assert list(tracker.transfers) == ["a", "x"]
    tracker.update(InitEvent(session_id="b", user_str="job"))  # of no more weight than before
    assert list(tracker.transfers) == ["a", "x"]
    assert [session.id for session in tracker.transfers["x"].sessions] == ["b"]


# ---------------------------------------------------------------------------------------------------------------------
# Numbers


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


def test_progress_of_files_without_a_job_size_is_of_the_files_seen() -> None:
    session = session_of(
        StatsEvent(file="a", size=300, written=100), StatsEvent(file="b", size=100), StopEvent(file="b", size=100)
    )
    assert session.estimated_bytes == 400
    assert session.bytes_done == 200
    assert session.progress == 0.5
    assert session.expected_bytes is None


def test_progress_with_a_job_size() -> None:
    session = session_of(NotificationEvent(pre_transfer_bytes=1000), StatsEvent(file="a", size=300, written=100))
    assert session.progress == 0.1
    assert session.expected_bytes == 1000


def test_a_file_of_unknown_size_does_not_stand_in_for_another() -> None:
    session = session_of(StatsEvent(file="a", written=100), StatsEvent(file="b", size=100, written=0))
    assert (session.estimated_bytes, session.progress) == (200, 0.5)


def test_a_resumed_file_counts_what_is_there_already() -> None:
    tracker = Tracker()
    session = tracker.update(StatsEvent(file="a", size=1000, start_byte=400, written=0))
    assert session.files["a"].progress == session.progress == 0.4
    tracker.update(StatsEvent(file="a", size=1000, start_byte=400, written=700))
    assert session.progress == 0.7
    tracker.update(StopEvent(file="a", size=1000, start_byte=400, written=1000, file_bytes=600))
    assert session.bytes_done == 1000
    assert session.bytes_written == 600


def test_a_range_counts_only_itself() -> None:
    tracker = Tracker("all")
    session = tracker.update(StatsEvent(file="a", size=1000, start_byte=100, end_byte=299, written=50))
    file = session.files["a"]
    assert file.is_range
    assert file.bytes_total == 200
    assert session.progress == 0.25
    tracker.update(StopEvent(file="a", size=1000, start_byte=100, end_byte=299, written=200))
    assert (session.bytes_done, session.estimated_bytes, session.progress) == (200, 200, 1.0)


def test_a_range_to_the_end_of_the_file_is_a_resume() -> None:
    file = session_of(StatsEvent(file="a", size=1000, start_byte=400, end_byte=999)).files["a"]
    assert not file.is_range
    assert (file.bytes_total, file.bytes_done) == (1000, 400)


def test_a_range_that_ends_before_it_begins_has_nothing_in_it() -> None:
    file = session_of(StatsEvent(file="a", size=1000, start_byte=500, end_byte=10, written=7)).files["a"]
    assert (file.bytes_total, file.bytes_done, file.progress) == (0, 0, 0.0)


def test_a_skipped_file_is_there() -> None:
    session = session_of(SkipEvent(file="a", size=100), keep_files="all")
    assert session.files["a"].state == "skipped"
    assert session.files["a"].progress == 1.0
    assert (session.files_skipped, session.files_done, session.bytes_done) == (1, 0, 100)


def test_a_skip_or_failure_beside_a_file_under_way_leaves_that_file_counted() -> None:
    started = [StatsEvent(file="a", size=100, written=10), StatsEvent(file="b", size=1000, written=300)]
    skipped = session_of(*started, SkipEvent(file="c", size=500), SkipEvent(file="b"))
    assert (skipped.bytes_done, skipped.estimated_bytes) == (10 + 500 + 1000, 1600)
    failed = session_of(*started, FileErrorEvent(file="b", code=36))
    assert (failed.bytes_done, failed.estimated_bytes) == (310, 1100)


def test_an_empty_file_is_complete_only_at_its_stop() -> None:
    tracker = Tracker("all")
    session = tracker.update(StatsEvent(file="a", size=0))
    assert session.files["a"].progress == session.progress == 0.0
    tracker.update(StopEvent(file="a", size=0))
    assert session.files["a"].progress == 1.0
    assert tracker.update(DoneEvent()).progress == 1.0


def test_a_file_error_without_a_file_name_harms_nothing() -> None:
    session = session_of(FileErrorEvent(code=5))
    assert (session.files_failed, session.failures) == (0, [])


def test_checksum_argument_and_id_of_a_file() -> None:
    start = StatsEvent(file="a", fasp_file_arg_index=3, fasp_file_id="1-2")
    stop = StopEvent(file="a", file_checksum="00ff", file_checksum_type="md5")
    file = session_of(start, stop, keep_files="all").files["a"]
    assert (file.checksum, file.checksum_type, file.arg_index, file.fasp_file_id) == ("00ff", "md5", 3, "1-2")


def test_two_files_of_one_name_under_way_one_after_the_other() -> None:
    """A persistent session may send a file anew; FaspFileID tells that it is another one."""
    tracker = Tracker("all")
    tracker.update(StatsEvent(file="a", size=100, written=60, fasp_file_id="1"))
    session = tracker.update(StatsEvent(file="a", size=50, written=5, fasp_file_id="2"))
    assert (session.bytes_done, session.estimated_bytes, session.files_forgotten) == (5, 50, 1)


def test_average_rate_loss_and_round_trip() -> None:
    session = session_of(
        StatsEvent(file="a", transfer_bytes=1_000_000, loss=500, delay=40, elapsed_usec=2_000_000),
        StatsEvent(file="a", transfer_bytes=2_000_000, loss=700, delay=20, elapsed_usec=4_000_000),
    )
    assert session.average_rate_kbps == 4000.0  # 16 Mbit in 4 s
    assert session.rate_kbps == 4000.0
    assert session.bytes_lost == 700
    assert session.rtt_ms == 20  # the latest, up or down


def test_the_present_rate_is_that_of_the_last_five_seconds() -> None:
    tracker = Tracker()
    for second in range(11):  # 1 MB/s for five seconds, then 3 MB/s for five
        moved = 1_000_000 * second + 2_000_000 * max(0, second - 5)
        session = tracker.update(StatsEvent(file="a", transfer_bytes=moved, elapsed_usec=second * 1_000_000))
    assert session.rate_kbps == 24_000.0
    assert session.average_rate_kbps == 16_000.0  # 20 MB in 10 s


def test_written_stands_in_where_transferred_is_not_said() -> None:
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


def test_no_eta_while_nothing_has_moved() -> None:
    assert session_of(StatsEvent(file="a", size=10, elapsed_usec=1000)).eta_seconds is None


def test_rate_and_policy_follow_notifications() -> None:
    session = session_of(
        SessionEvent(rate=100_000, min_rate=1000, adaptive="Adaptive", priority=2),
        NotificationEvent(rate=50_000, adaptive="Fixed"),
    )
    assert (session.target_rate_kbps, session.min_rate_kbps) == (50_000, 1000)
    assert (session.policy, session.priority) == ("Fixed", 2)


def test_a_target_rate_in_percent_stays_text() -> None:
    assert session_of(SessionEvent(rate="50%")).target_rate_kbps == "50%"


def test_numbers_that_go_backwards_change_nothing() -> None:
    high = StatsEvent(file="a", size=100, written=90, transfer_bytes=95, file_bytes=90, loss=5, elapsed_usec=1_000_000)
    low = StatsEvent(file="a", size=100, written=10, transfer_bytes=11, file_bytes=10, loss=1, elapsed_usec=10)
    before, after = session_of(high), session_of(high, low)
    assert after.progress == before.progress == 0.9
    assert after.average_rate_kbps == before.average_rate_kbps
    assert (after.bytes_transferred, after.bytes_written, after.bytes_lost) == (95, 90, 5)
    assert after.elapsed_usec == 1_000_000


def test_a_job_size_smaller_than_what_is_done() -> None:
    session = session_of(
        NotificationEvent(pre_transfer_bytes=10, pre_transfer_files=1),
        StopEvent(file="a", size=100, written=100),
        StopEvent(file="b", size=100, written=100),
        StatsEvent(file="c", size=100, written=300),
    )
    assert session.progress == 1.0
    assert session.expected_bytes == session.bytes_done == 300
    assert session.expected_files == 3


def test_a_file_smaller_than_what_is_written() -> None:
    file = session_of(StatsEvent(file="a", size=10, written=99)).files["a"]
    assert (file.bytes_done, file.progress) == (10, 1.0)


def test_zero_time() -> None:
    session = session_of(StatsEvent(file="a", size=10, written=5, transfer_bytes=5, elapsed_usec=0))
    assert session.rate_kbps == session.average_rate_kbps == 0.0
    assert session.eta_seconds is None


def test_end_counts_fill_in_what_was_not_seen() -> None:
    """As in a capture whose start is missing."""
    end = ErrorEvent(code=27, transfers_attempted=9, transfers_passed=7, transfers_skipped=2, transfers_failed=2)
    session = session_of(end)
    assert (session.files_done, session.files_skipped, session.files_failed) == (5, 2, 2)


# ---------------------------------------------------------------------------------------------------------------------
# The sessions of fixtures/README.md


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


def test_resumed_download_begins_where_it_left_off(fixtures: Path) -> None:
    """31457280 bytes are there from before: progress never shows less."""
    tracker = Tracker()
    for event in read(fixtures / "sessions" / "resumed-download.fasp"):
        session = tracker.update(event)
        if isinstance(event, StatsEvent):
            assert session.progress >= 31457280 / 83890176


def test_two_sessions_are_summed_as_one_transfer(fixtures: Path) -> None:
    tracker = tracked(fixtures / "sessions" / "two-sessions.fasp", "all")
    assert list(tracker.sessions) == ["41c8e7d0-6a2f-4e35-b0d9-1f8a5c3e7b21", "c02b94f7-d81e-4c63-95aa-e3f7061d2b48"]
    assert [session.state for session in tracker.sessions.values()] == ["done", "done"]
    assert [session.cluster_node for session in tracker.sessions.values()] == [0, 1]
    assert [session.bytes_written for session in tracker.sessions.values()] == [31457280, 19922944]
    assert list(tracker.transfers) == ["9a7c1b52-3e0d-4f6a-8b19-77d0c2e4a601"]
    transfer = transfer_of(tracker)
    assert transfer.state == "done"
    assert transfer.attempts == 1
    assert transfer.files_done == 4
    assert transfer.bytes_written == 31457280 + 19922944
    assert transfer.bytes_transferred == 31473664 + 19931136
    assert transfer.bytes_lost == 16384 + 8192
    assert transfer.elapsed_usec == 5573120
    assert transfer.average_rate_kbps == pytest.approx((31473664 + 19931136) * 8 / 5.573120 / 1000)
    assert transfer.expected_bytes is None
    assert any(name.endswith("Br\udcfcssel.dat") for session in transfer.sessions for name in session.files)


def test_two_sessions_on_their_way(fixtures: Path) -> None:
    """Until the last session has ended the transfer is transferring; its progress never jumps back."""
    tracker = Tracker()
    states = []
    for event in read(fixtures / "sessions" / "two-sessions.fasp"):
        tracker.update(event)
        transfer = next(iter(tracker.transfers.values()))
        states.append(transfer.state)
    assert "done" not in states[:-1]
    assert states[-1] == "done"


def test_a_stream_that_breaks_off(fixtures: Path) -> None:
    session = only(tracked(fixtures / "sessions" / "breaks-off.fasp"))
    assert session.state == "lost"
    assert session.error is None
    assert session.elapsed_usec == 2100377
    assert (session.bytes_written, session.bytes_transferred) == (63963136, 64487424)
    (file,) = session.files_in_progress
    assert (file.size, file.written) == (1073741824, 63963136)
    assert session.progress == pytest.approx(63963136 / 1073741824)


def test_http_fallback_that_reports_its_end_twice(fixtures: Path) -> None:
    tracker = Tracker()
    states = []
    for event in read(fixtures / "sessions" / "http-fallback.fasp"):
        states.append(tracker.update(event).state)
    assert states.index("failed") < states.index("transferring")
    assert states[-2:] == ["done", "done"]
    session = only(tracker)
    assert (session.files_done, session.bytes_written, session.bytes_transferred) == (1, 6291456, 6291456)
    assert session.error is None
    transfer = transfer_of(tracker)
    assert (transfer.id, transfer.state, transfer.attempts) == ("kiosk-12", "done", 1)


def test_http_fallback_that_fails_is_one_failed_transfer(fixtures: Path) -> None:
    """The real ascp opens a second session for it, without UserStr, and ends both with ERROR 11."""
    tracker = tracked(fixtures / "ascp-3.9.0" / "http-fallback-failed.fasp")
    assert list(tracker.sessions) == ["f8d65649-45d6-4689-8b88-b2314d6f5f5c", "46981181-a976-4e21-b3de-97321dd5426f"]
    transfer = transfer_of(tracker)
    assert (transfer.id, transfer.state) == ("demo", "failed")
    assert transfer.error == Failure(11, "Internal error")
    assert transfer.elapsed_usec == 347


def test_a_retry_replaces_the_attempt_that_failed(fixtures: Path) -> None:
    tracker = tracked(fixtures / "sessions" / "retry.fasp", "all")
    first, second = tracker.sessions.values()
    assert (first.state, second.state) == ("failed", "done")
    assert first.error is not None
    assert first.error.code == 16
    assert (first.files_active, second.files_skipped, second.files_done) == (1, 1, 1)
    transfer = transfer_of(tracker)
    assert transfer.id == "5b1e0c87-94d2-4d7f-a3f6-c08e27b9d415"
    assert transfer.state == "done"
    assert transfer.error is None
    assert transfer.attempts == 2
    assert transfer.current == [second]
    assert transfer.sessions == [first, second]
    assert transfer.bytes_written == 23068672
    assert transfer.elapsed_usec == 2741388


def test_a_retry_does_not_begin_at_zero(fixtures: Path) -> None:
    """12582912 bytes of alpha.img and 18874368 of beta.img were there when the first attempt failed."""
    tracker = Tracker()
    latest = 0.0
    for event in read(fixtures / "sessions" / "retry.fasp"):
        tracker.update(event)
        transfer = tracker.transfers.get("5b1e0c87-94d2-4d7f-a3f6-c08e27b9d415")
        if transfer is None:
            continue  # INIT does not tell the XferId yet
        if isinstance(event, SessionEvent) and transfer.attempts == 2:
            assert transfer.bytes_done == 12582912 + 18874368
            assert transfer.expected_bytes == 54525952
        assert transfer.progress >= latest
        latest = transfer.progress
    assert latest == 1.0


def test_what_was_there_before_is_told_apart_from_what_arrived(fixtures: Path) -> None:
    session = only(tracked(fixtures / "sessions" / "resumed-download.fasp"))
    assert session.bytes_done == 83886080 + 4096
    assert session.bytes_arrived == session.bytes_written == 52432896
    retried = transfer_of(tracked(fixtures / "sessions" / "retry.fasp"))
    assert retried.bytes_arrived == 41943040 - 18874368


REAL = [
    ("refused", 44),
    ("peer-client-license", 38),
    ("missing-source", 43),
    ("no-remote-host", 8),
    ("persistent-token-tags", 38),
    ("multi-session-second", 44),
]


@pytest.mark.parametrize(("name", "code"), REAL)
def test_captures_of_a_real_ascp(fixtures: Path, name: str, code: int) -> None:
    transfer = transfer_of(tracked(fixtures / "ascp-3.9.0" / f"{name}.fasp"))
    assert transfer.state == "failed"
    assert transfer.error is not None
    assert transfer.error.code == code
    assert transfer.progress == 0.0


# ---------------------------------------------------------------------------------------------------------------------
# Transfers of several sessions


def part(session_id: str, node: int, *, of: int = 2, xfer_id: str | None = "x") -> list[Event]:
    return [
        InitEvent(session_id=session_id, user_str="job"),
        SessionEvent(
            session_id=session_id, user_str="job", xfer_id=xfer_id, cluster_num_nodes=of, cluster_node_id=node
        ),
    ]


def transfer_after(*events: Event) -> Transfer:
    tracker = Tracker()
    for event in events:
        tracker.update(event)
    return transfer_of(tracker)


def test_parallel_sessions_of_which_one_fails_are_no_retry() -> None:
    transfer = transfer_after(
        *part("a", 0), *part("b", 1), ErrorEvent(session_id="a", code=16), DoneEvent(session_id="b")
    )
    assert transfer.state == "failed"
    assert transfer.attempts == 1
    assert len(transfer.current) == 2


def test_parallel_sessions_without_node_numbers_of_which_one_fails_are_no_retry() -> None:
    """They overlap in time, so the second cannot be there to make up for the first."""
    transfer = transfer_after(
        InitEvent(session_id="a", user_str="job"),
        InitEvent(session_id="b", user_str="job"),
        ErrorEvent(session_id="a", code=16),
        DoneEvent(session_id="b"),
    )
    assert (transfer.state, transfer.attempts) == ("failed", 1)


def test_the_retry_of_one_part_replaces_that_part_alone() -> None:
    transfer = transfer_after(
        *part("a", 0),
        *part("b", 1),
        ErrorEvent(session_id="a", code=16),
        *part("c", 0),
        DoneEvent(session_id="b"),
        DoneEvent(session_id="c"),
    )
    assert [session.id for session in transfer.current] == ["b", "c"]
    assert (transfer.state, transfer.attempts) == ("done", 2)


def test_an_attempt_begun_anew_while_nothing_told_of_the_end_of_the_last() -> None:
    transfer = transfer_after(*part("a", 0, of=1), *part("b", 0, of=1), DoneEvent(session_id="b"))
    assert [session.state for session in transfer.sessions] == ["lost", "done"]
    assert (transfer.state, transfer.attempts) == ("done", 2)


def test_sessions_that_share_a_user_str_alone_are_not_taken_for_the_same_part() -> None:
    transfer = transfer_after(
        *part("a", 0, of=1, xfer_id=None), *part("b", 0, of=1, xfer_id=None), DoneEvent(session_id="b")
    )
    assert transfer.state == "negotiated"
    assert transfer.attempts == 1


def test_three_attempts() -> None:
    events: list[Event] = []
    for session_id in "abc":
        events += [*part(session_id, 0, of=1), ErrorEvent(session_id=session_id, code=16)]
    transfer = transfer_after(*events)
    assert (transfer.state, transfer.attempts) == ("failed", 3)
    assert [session.id for session in transfer.current] == ["c"]


def test_what_went_well_is_not_replaced_by_what_comes_later() -> None:
    transfer = transfer_after(*part("a", 0, of=1), DoneEvent(session_id="a"), *part("b", 0, of=1))
    assert len(transfer.current) == 2


def test_the_state_of_a_transfer_is_that_of_the_session_least_far() -> None:
    events = [*part("a", 0), *part("b", 1)]
    assert transfer_after(*events).state == "negotiated"
    assert transfer_after(*events, StatsEvent(session_id="a")).state == "transferring"
    assert transfer_after(*events, DoneEvent(session_id="a")).state == "negotiated"
    assert transfer_after(*events, ErrorEvent(session_id="a"), DoneEvent(session_id="b")).state == "failed"


def test_totals_of_a_transfer() -> None:
    events: list[Event] = [*part("a", 0), *part("b", 1)]
    for session_id, written, rtt in (("a", 100, 30), ("b", 300, 10)):
        events += [
            NotificationEvent(session_id=session_id, pre_transfer_bytes=1000, pre_transfer_files=1),
            StatsEvent(session_id=session_id, file="f", transfer_bytes=0, elapsed_usec=0),
            StatsEvent(
                session_id=session_id,
                file="f",
                size=1000,
                written=written,
                transfer_bytes=written,
                delay=rtt,
                elapsed_usec=1_000_000,
            ),
        ]
    transfer = transfer_after(*events)
    assert transfer.expected_bytes == 2000
    assert transfer.expected_files == 2
    assert transfer.bytes_done == 400
    assert transfer.progress == 0.2
    assert transfer.rate_kbps == transfer.average_rate_kbps == 3.2  # 3200 bit in a second
    assert transfer.eta_seconds == 1600 * 8 / 3200
    assert transfer.rtt_ms == 30
    assert transfer.files_active == 2


def test_a_job_size_that_one_session_has_not_told_is_no_sum() -> None:
    transfer = transfer_after(*part("a", 0), *part("b", 1), NotificationEvent(session_id="a", pre_transfer_bytes=5))
    assert transfer.expected_bytes is None


# ---------------------------------------------------------------------------------------------------------------------
# Memory


@pytest.mark.parametrize(("keep", "kept"), [("unfinished", 0), (0, 0), (7, 7), ("all", 3000)])
def test_keep_files_says_how_many_files_that_are_through_stay(keep: Any, kept: int) -> None:
    tracker = Tracker(keep)
    for number in range(3000):
        tracker.update(StatsEvent(file=f"f{number}", size=1))
        session = tracker.update(StopEvent(file=f"f{number}", size=1))
    tracker.update(StatsEvent(file="last"))
    assert list(session.files) == [f"f{number}" for number in range(3000 - kept, 3000)] + ["last"]
    assert session.files_done == session.bytes_done == 3000


@pytest.mark.parametrize("keep", [-1, True, False, "none", 1.5, None])
def test_keep_files_must_make_sense(keep: Any) -> None:
    with pytest.raises(ValueError, match="keep_files must be"):
        Tracker(keep)


def containers(session: Session) -> dict[str, int]:
    """Size of everything in a session that has one."""
    values = {attribute.name: getattr(session, attribute.name) for attribute in attrs.fields(Session)}
    return {name: len(value) for name, value in values.items() if hasattr(value, "__len__") and name != "id"}


def test_memory_stays_flat_over_200_000_files() -> None:
    tracker = Tracker()
    sizes = []
    for number in range(200_000):
        session = tracker.update(StopEvent(file=f"f{number}", size=1, written=1, elapsed_usec=number * 1000))
        if number in (50_000, 199_999):
            sizes.append(containers(session))
    assert sizes[0] == sizes[1]
    assert max(sizes[1].values()) < 50
    assert session.files_done == session.bytes_done == 200_000


def test_failures_are_limited() -> None:
    session = session_of(*(FileErrorEvent(file=f"f{number}", code=5) for number in range(3000)))
    assert session.files_failed == 3000
    assert len(session.failures) == tracking.MAX_FAILURES
    assert max(containers(session).values()) == tracking.MAX_FAILURES


def test_files_in_progress_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MAX_FILES_UNDER_WAY", 10)
    session = session_of(*(StatsEvent(file=f"f{number}", size=2, written=1) for number in range(25)))
    assert list(session.files) == [f"f{number}" for number in range(15, 25)]
    assert session.files_forgotten == 15
    assert (session.bytes_done, session.estimated_bytes, session.files_active) == (10, 20, 10)


def test_with_all_files_kept_none_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MAX_FILES_UNDER_WAY", 10)
    session = session_of(*(StatsEvent(file=f"f{number}") for number in range(25)), keep_files="all")
    assert len(session.files) == 25


def test_sessions_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MAX_SESSIONS", 10)
    tracker = Tracker()
    tracker.update(InitEvent(session_id="running", user_str="job"))
    for number in range(30):
        tracker.update(DoneEvent(session_id=f"s{number}", user_str="job" if number % 2 else None))
    assert list(tracker.sessions) == ["running", *(f"s{number}" for number in range(21, 30))]
    assert sum(len(transfer.sessions) for transfer in tracker.transfers.values()) == 10
    assert tracker.transfers["job"].state == "connecting"


def test_sessions_are_limited_where_none_has_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracking, "MAX_SESSIONS", 10)
    tracker = Tracker()
    for number in range(30):
        tracker.update(InitEvent(session_id=f"s{number}"))
    assert list(tracker.sessions) == list(tracker.transfers) == [f"s{number}" for number in range(20, 30)]


# ---------------------------------------------------------------------------------------------------------------------
# Whatever comes

NUMBERS = st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1), st.just(2**64 - 1))
NAMES = st.sampled_from(["a", "b", "c", ""])
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "integer": NUMBERS,
    "range": st.one_of(NUMBERS, st.just("10:20")),
    "rate": st.one_of(NUMBERS, st.just("50%")),
    "boolean": st.booleans(),
    "policy": st.sampled_from(["Adaptive", "Fixed"]),
    "token": st.sampled_from(["Send", "Receive", "Transfer"]),
    "path": NAMES,
    "paths": st.tuples(NAMES),
    "json": st.just({}),
    "string": NAMES,
    "secret": NAMES,
}
SPARSE = {"SESSION": ("session_id", "user_str", "xfer_id", "cluster_num_nodes", "cluster_node_id", "fallback_protocol")}


def events_of(cls: type[Event]) -> st.SearchStrategy[Event]:
    """Events of a class: any number in any field, and any field left out."""
    names = SPARSE.get(cls.type) or [a.name for a in attrs.fields(cls) if a.name in BY_NAME]
    values = {name: st.none() | VALUES[BY_NAME[name].kind] for name in names if name != "type"}
    return st.builds(cls, **values)


ANY_EVENT = st.one_of(*map(events_of, EVENT_CLASSES.values()), st.builds(OtherEvent, type=st.just("NOP")))
FILE_EVENT = st.one_of(*(events_of(cls) for cls in (StatsEvent, StopEvent, SkipEvent, FileErrorEvent)))
STREAM = st.lists(ANY_EVENT | FILE_EVENT, max_size=30)


def check_figures(state: Session | Transfer) -> None:
    assert 0.0 <= state.progress <= 1.0
    rates = [state.rate_kbps, state.average_rate_kbps]
    if isinstance(state, Session):
        rates.append(state.latest_rate_kbps)
    assert all(rate >= 0 and math.isfinite(rate) for rate in rates)
    assert state.eta_seconds is None or 0 <= state.eta_seconds < math.inf
    for name in ("bytes_done", "bytes_written", "bytes_transferred", "bytes_lost", "estimated_bytes"):
        assert getattr(state, name) >= 0
    assert state.bytes_done <= state.estimated_bytes
    for name in ("files_done", "files_skipped", "files_failed", "files_active"):
        assert getattr(state, name) >= 0
    shown = state.to_dict()
    assert 0.0 <= shown["progress"] <= 1.0
    assert None not in (shown["rate_kbps"], shown["bytes_done"])


@given(STREAM, st.sampled_from(["unfinished", "all", 0, 2]))
def test_any_events_in_any_order_give_possible_figures(events: list[Event], keep: Any) -> None:
    tracker = Tracker(keep)
    for event in events:
        session = tracker.update(event)
        check_figures(session)
        assert all(0.0 <= file.progress <= 1.0 for file in session.files.values())
        for transfer in tracker.transfers.values():
            check_figures(transfer)
            assert 1 <= transfer.attempts <= len(transfer.sessions)
    tracker.close()
    assert all(session.ended for session in tracker.sessions.values())
    assert sum(len(transfer.sessions) for transfer in tracker.transfers.values()) == len(tracker.sessions)


@given(STREAM)
def test_sums_are_those_of_the_files(events: list[Event]) -> None:
    """The sums that are kept up to date equal a recount over all files, but for those that another one has replaced."""
    tracker = Tracker("all")
    for event in events:
        session = tracker.update(event)
        under_way = {id(file) for file in session.files_in_progress}
        files = [file for file in session.history if file.state != "transferring" or id(file) in under_way]
        assert len(session.history) - len(files) == session.files_forgotten
        assert session.bytes_done == sum(file.bytes_done for file in files)
        totals = (file.bytes_done if file.bytes_total is None else file.bytes_total for file in files)
        job_size = sum(totals) if session._job_bytes is None else session._job_bytes
        assert session.estimated_bytes == max(session.bytes_done, job_size)
        states = [file.state for file in files]
        assert session.files_active == states.count("transferring")
        assert session.files_done >= states.count("done")
        assert session.files_skipped >= states.count("skipped")
        assert session.files_failed >= states.count("failed")


@given(STREAM)
def test_what_is_kept_makes_no_difference_to_the_figures(events: list[Event]) -> None:
    trackers = [Tracker(keep) for keep in ("unfinished", "all", 1)]
    for event in events:
        first, *others = [tracker.update(event).to_dict() for tracker in trackers]
        assert all(other == first for other in others)


COUNTERS = (
    "bytes_transferred",
    "bytes_written",
    "bytes_lost",
    "elapsed_usec",
    "files_done",
    "files_skipped",
    "files_failed",
    "files_forgotten",
    "event_count",
)


@given(STREAM)
def test_counters_never_fall(events: list[Event]) -> None:
    tracker = Tracker()
    latest = dict.fromkeys(COUNTERS, 0)
    for event in events:
        if event.type == "NOP":
            continue
        session = tracker.update(attrs.evolve(event, session_id="s"))
        now = {name: getattr(session, name) for name in COUNTERS}
        assert all(now[name] >= latest[name] for name in COUNTERS)
        latest = now


@given(st.lists(st.tuples(NAMES, NUMBERS)))
def test_progress_never_falls_while_the_sizes_stay(reports: list[tuple[str, int]]) -> None:
    tracker = Tracker()
    tracker.update(NotificationEvent(pre_transfer_bytes=400))
    latest = 0.0
    for name, written in reports:
        session = tracker.update(StatsEvent(file=name, size=100, written=written))
        assert session.progress >= latest
        latest = session.progress
