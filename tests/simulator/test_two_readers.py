"""The two readers against each other: of one simulated session, the stream and the log say the same.

A tracker is fed from the stream, another one from the log, and the log is folded into sessions. What the log cannot
say, by its format, is not compared:

- of a file that has not finished, how much was written, and so ``bytes_done``; nor how much is moved of a range or part
- of files that are skipped, whether the sessions of a fold count them as done too: those at the destination have a
  Transfer Stop like any other
- of a session that is lost, the bytes behind its latest line of progress, and the files that were skipped: those are
  only counted in the block at the end
- the code of a failure whose pair and text are not known: it is 0
- which sessions are one transfer: XferId; the priority of a fair policy; UserStr
- anything of a session that goes on over HTTP, whose log ends there
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import faspmgr
from faspmgr.logs import LogRecord, LogSession, sessions
from faspmgr.logs.codes import LOG_CODES
from faspmgr.simulator import Scenario
from faspmgr.tracking import Session, Tracker
from faspmgr.verdicts import Failure
from tests.simulator.logs import read, read_folder, tracked_log
from tests.simulator.management import run, run_process, tracked

OF_SESSION = ("id", "direction", "target_rate_kbps", "min_rate_kbps", "policy", "cookie")
NEGOTIATED = ("user", "source", "destination", "tcp_port", "cipher", "create_policy", "precalc", "manifest_inprogress",
              "cluster_num_nodes", "cluster_node_id", "keepalive", "rate_control_algorithm")  # fmt: skip
OF_PEER = ("host", "remote_address", "port")
AT_THE_END = ("bytes_transferred", "bytes_written", "files_skipped", "files_active")


def known(failure: Failure) -> int:
    """The code of a failure as it comes back from the log: by its number, or by the stream's own text."""
    has_own_text = failure.description in ("One or more files failed", "Connection lost")
    return failure.code if has_own_text or failure.code in {row.management_code for row in LOG_CODES.values()} else 0


def finished(session: Session) -> list[tuple[object, ...]]:
    """Name, fate, size, beginning and code of its files; not of those of a SKIP: the log has no line for them."""
    return [
        (
            file.name,
            file.state,
            file.size,
            file.state == "done" and file.start_byte,
            file.error and known(file.error),
        )
        for file in session.files.values()
        if file.state in ("done", "failed", "skipped") and not (file.state == "skipped" and file.start_byte is None)
    ]


def compare(stream: Session, log: Session) -> None:
    """Check that both are about the same."""

    def same(left: Any, right: Any, *names: str) -> None:
        for name in names:
            assert (name, getattr(right, name)) == (name, getattr(left, name))

    same(stream, log, *OF_SESSION, "state", "files_done", "files_failed")
    assert stream.negotiated
    assert log.negotiated
    same(stream.negotiated, log.negotiated, *NEGOTIATED)
    assert finished(log) == finished(stream)
    if stream.negotiated.remote_address:
        same(stream.negotiated, log.negotiated, *OF_PEER)
    if stream.state == "lost":
        assert log.bytes_transferred <= stream.bytes_transferred
        assert log.bytes_written <= stream.bytes_written
        assert log.files_skipped <= stream.files_skipped
        return
    same(stream, log, *AT_THE_END)
    assert (log.rtt_ms or 0) == (stream.rtt_ms or 0)  # of a session that never stood, the log says 0
    # The times of the log are milliseconds.
    assert log.elapsed_usec == pytest.approx(stream.elapsed_usec or 0, abs=1000)  # ERROR may have no time
    assert (log.error and log.error.code) == (stream.error and known(stream.error))
    if stream.error and log.error and stream.negotiated.remote_address:
        assert log.error.description == stream.error.description


def compare_folded(stream: Session, log: LogSession) -> None:
    """Check that a session of the stream and one of ``faspmgr.logs.sessions`` are about the same."""
    assert (log.id, log.status, log.direction) == (stream.id, stream.state, stream.direction)
    about = stream.negotiated
    assert about
    assert (log.user, log.cookie) == (about.user, about.cookie)
    assert (log.source, log.destination) == (about.source, about.destination)
    assert log.target_rate_kbps == stream.target_rate_kbps
    if about.remote_address:
        assert (log.host, log.peer) == (about.host, f"{about.remote_address}:{about.port}")
    assert log.files_failed == stream.files_failed
    assert log.files_interrupted == stream.files_active
    assert log.files_done == stream.files_done
    if stream.state == "lost":
        return
    # Without a block, that of a SKIP is not known.
    assert log.files_skipped == stream.files_skipped or (not log.file_statistics and log.files_skipped == 0)
    assert (log.bytes_transferred, log.bytes_written) == (stream.bytes_transferred, stream.bytes_written)
    assert log.management_code == ((stream.error and known(stream.error)) or None)


def compare_all(stream: Tracker, records: Sequence[LogRecord]) -> None:
    stream.close()
    log = tracked_log(records)
    assert [session.id for session in log.sessions] == [session.id for session in stream.sessions]
    for pair in zip(stream.sessions, log.sessions):
        compare(*pair)
    folded = {session.id: session for session in sessions(records)}
    assert len(folded) == len(stream.sessions)
    for session in stream.sessions:
        compare_folded(session, folded[session.id])


CODES = st.sampled_from([4, 5, 16, 19, 28, 35, 43, 44])
FEW = st.integers(0, 3)


@given(
    values=st.fixed_dictionaries(
        {"files": st.integers(0, 12), "size": st.integers(0, 30_000_000)},
        optional={
            "fail": st.dictionaries(CODES, FEW, max_size=2),
            "skip": FEW,
            "present": FEW,
            "resume": FEW,
            "ranges": FEW,
            "distribution": st.sampled_from(["fixed", "uniform", "lognormal", "pareto"]),
            "target_kbps": st.sampled_from([20_000, 100_000, 1_000_000]),
            "rtt_ms": st.integers(0, 300),
            "loss": st.sampled_from([0.0, 0.01, 0.3]),
            "precalculate": st.booleans(),
            "sessions": st.integers(1, 3),
            "multi_session_threshold": st.sampled_from([0, 1_000_000]),
            "retries": st.integers(0, 2),
            "odd_names": st.booleans(),
            "error": CODES,
            "cut_off": st.booleans(),
            "stop_at": st.floats(0, 1),
            "direction": st.sampled_from(["Send", "Receive"]),
            "seed": st.integers(0, 1000),
        },
    )
)
@settings(max_examples=150, deadline=None)
def test_synthetic_sessions(values: dict[str, Any]) -> None:
    fates = ("skip", "present", "resume", "ranges")
    assume(sum(values.get("fail", {}).values()) + sum(values.get(name, 0) for name in fates) <= values["files"])
    scenario = Scenario(**values)
    # Of a stream that breaks off in a message, that message is not in the log.
    stream = b"".join(frame.encode() for frame in scenario.frames())
    compare_all(tracked(stream), read(b"".join(scenario.log())))


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("SOURCE u@h:/nowhere", ""),
        ("--mode=recv --host=h --user=u SOURCE /nowhere", ""),
        ("-l 5m -m 1m --policy=fixed -d -T -k2 SOURCE u@192.0.2.7:/nowhere", ""),
        ("-l 5m --policy=high -P 2222 -O 33002 SOURCE/large.bin SOURCE/nothing u@h:/nowhere", ""),
        ("-C 1:2 SOURCE u@h:/nowhere", ""),
        ("SOURCE/nothing u@h:/nowhere", ""),
        ("SOURCE u@h:/nowhere", "fail-file=5@2"),
        ("SOURCE u@h:/nowhere", "fail=28@500000"),
        ("SOURCE u@h:/nowhere", "fail=16@50%"),
        ("SOURCE u@h:/nowhere", "fail=43"),
        ("SOURCE u@h:/nowhere", "fail=44@connect"),
        ("SOURCE u@h:/nowhere", "fail=19@connect"),
        ("SOURCE u@h:/nowhere", "fail=38@connect"),
        ("-i /nonexistent SOURCE u@h:/nowhere", ""),
    ],
)
def test_runs(words: str, fault: str, source: Path, tmp_path: Path) -> None:
    args = words.replace("SOURCE", str(source)).split()
    outcome = run("-L", tmp_path, *args, fault=fault, env={"ASPERA_SCP_COOKIE": 'a "cookie"'})
    compare_all(tracked(outcome.data), read_folder(tmp_path))


@pytest.mark.parametrize("fault", ["die@500000", "die-kill@50%", "silent-exit", "die@connect"])
def test_a_process_that_dies_is_lost_in_both(fault: str, source: Path, tmp_path: Path) -> None:
    outcome = run_process("-L", tmp_path, source, "u@h:/nowhere", fault=fault)
    # The half message at the end is no event.
    stream = tracked(outcome.data[: outcome.data.rindex(b"\n\n") + 2])
    stream.close()
    (session,) = stream.sessions
    assert session.state == "lost"
    log = tracked_log(read_folder(tmp_path))
    if not fault.endswith("00000") and fault != "die-kill@50%":
        # Nothing of it but who has logged in: its Start would come later.
        assert not log.sessions
        return
    compare_all(stream, read_folder(tmp_path))


def test_a_session_over_http(source: Path, tmp_path: Path) -> None:
    """The stream has its end, the log has not: another program moves the files."""
    outcome = run("-L", tmp_path, "-y", "1", source, "u@h:/nowhere", fault="fail=14")
    (stream,), (log,) = tracked(outcome.data).sessions, tracked_log(read_folder(tmp_path)).sessions
    assert (log.id, stream.state, log.state) == (stream.id, "done", "lost")


@pytest.mark.parametrize(
    "name",
    [
        "ascp-3.9.0/missing-source",
        "ascp-3.9.0/multi-session-second",
        "ascp-3.9.0/peer-client-license",
        "ascp-3.9.0/refused",
        "logs/manager-line",
        "sessions/breaks-off",
        "sessions/retry",
        "sessions/two-sessions",
        "sessions/upload-skip-failure",
    ],
)
def test_a_recorded_stream_that_is_played(name: str, fixtures: Path, tmp_path: Path) -> None:
    path = fixtures / f"{name}.fasp"
    run("-L", tmp_path, f"--simulate-play={path}", "a", "u@h:/nowhere")
    stream = Tracker(keep_files="all")
    for event in faspmgr.read(str(path)):
        stream.update(event)
    compare_all(stream, read_folder(tmp_path))
