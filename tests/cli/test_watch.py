"""faspmgr watch: from the bytes of a stream to the verdict and the exit status."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr import DoneEvent, ErrorEvent, Event, Frame, InitEvent, StatsEvent, Tracker
from faspmgr.cli.commands import watch
from tests.cli.terminal import invoke, on_terminal
from tests.launcher import run, shell, start
from tests.live import wait_until

VERDICTS = {
    "sessions/resumed-download": (0, "Completed: 83.9 MB in 13 s"),
    "sessions/two-sessions": (0, "Completed: 51.4 MB in 5.6 s (73.8 Mbps), 4 files"),
    "sessions/http-fallback": (0, "Completed: 6.3 MB in 1 min 4 s (786 Kbps), 1 file"),
    "sessions/retry": (0, "Completed: 54.5 MB in 2.7 s"),
    "sessions/upload-skip-failure": (1, "Failed: 27 SOME_FILE_ERRS: "),
    "ascp-3.9.0/peer-client-license": (1, "Failed: 38 LIC_ILLEGAL: "),
    "ascp-3.9.0/http-fallback-failed": (1, "Failed: 11 INTERNAL_ERROR: "),
    "sessions/breaks-off": (3, "Lost: "),
    "examples/stop": (3, "Lost: "),
}


@pytest.mark.parametrize("name", VERDICTS)
def test_verdict(name: str, fixtures: Path) -> None:
    status, verdict = VERDICTS[name]
    got = invoke("watch", "--progress", "none", fixtures / f"{name}.fasp")
    assert got.status == status
    assert got.lines[0].startswith(verdict)
    assert (len(got.lines) > 1) == (status != 0)  # the advice


def test_stop_of_the_document(fixtures: Path) -> None:
    stream = (fixtures / "examples/stop.fasp").read_bytes()
    session = b"SessionId: 03ef6778-7997-4fe1-9091-4f92ec29a806\n"
    done = b"FASPMGR 2\nType: DONE\n" + session + b"Elapsedusec: 15084185\n\n"
    got = invoke("watch", "--progress", "none", stdin=stream + done)
    # 6162042 bytes in 15.084185 s are 3268 Kbps.
    assert got.lines == ["Completed: 6.2 MB in 15 s (3.3 Mbps), 1 file"]


def test_every_capture_has_a_verdict(capture: Path) -> None:
    got = invoke("watch", capture)
    lines = [line for line in got.lines if line.startswith(("Completed: ", "Failed: ", "Lost: "))]
    assert lines
    word = lines[-1].partition(":")[0]
    assert got.status == {"Completed": 0, "Failed": 1, "Lost": 3}[word]


@pytest.mark.parametrize("args", [(), ("-",)])
def test_standard_input(args: tuple[str, ...], fixtures: Path) -> None:
    stream = (fixtures / "sessions/two-sessions.fasp").read_bytes()
    got = invoke("watch", *args, stdin=stream)
    assert (got.status, got.err) == (0, "")
    assert got.lines[-1].startswith("Completed: 51.4 MB")


def test_inside_of_another_log(fixtures: Path) -> None:
    got = invoke("watch", "--unwrap", "brackets", fixtures / "logs/manager-line.log")
    assert got.status == 0
    assert got.lines[-1] == "Completed: 2.1 MB in 2.0 s (8.3 Mbps), 1 file"


def test_json_for_programs(fixtures: Path) -> None:
    got = invoke("watch", "--progress", "json", fixtures / "sessions/upload-skip-failure.fasp")
    assert got.status == 1
    assert [shown["state"] for shown in got.objects][-1] == "failed"
    assert got.objects[-1]["error"]["code"] == 27
    assert "sessions" not in got.objects[-1]
    assert got.errors[0].startswith("Failed: 27 ")


def test_help_says_where_the_keys_of_json_are_explained() -> None:
    assert "'faspmgr describe transfer'" in " ".join(invoke("watch", "--help").text.split())


def test_several_transfers(fixtures: Path) -> None:
    parts = [fixtures / f"sessions/{name}.fasp" for name in ("two-sessions", "upload-skip-failure", "http-fallback")]
    got = invoke("watch", "--progress", "none", stdin=b"".join(part.read_bytes() for part in parts))
    assert got.status == 1
    assert [line.rpartition(" ")[2] for line in got.lines if ": " in line and line.endswith("]")] == [
        "[9a7c1b52-3e0d-4f6a-8b19-77d0c2e4a601]",
        "[nightly-2024-05-02]",
        "[kiosk-12]",
    ]


@pytest.mark.parametrize(
    ("args", "stdin", "status", "out", "err"),
    [
        (["no-such-file"], b"", 2, [], ["no-such-file: No such file or directory"]),
        (["/"], b"", 2, [], ["/: no recording (*.fasp, *.fasp.gz) in this directory"]),
        ([], b"", 3, ["Lost: no session in this stream"], ["<stdin>: no messages"]),
        (["--strict"], b"FASPMGR 2\nno field\n\n", 4, [], []),
        (["--unwrap", "("], b"", 2, [], []),
        (["--progress", "fancy"], b"", 2, [], []),
        (["one", "two"], b"", 2, [], []),
    ],
)
def test_cannot_be_watched(args: list[str], stdin: bytes, status: int, out: list[str], err: list[str]) -> None:
    got = invoke("watch", *args, stdin=stdin)
    assert (got.status, got.lines) == (status, out)
    assert got.errors == err if err else got.errors


def test_problems_are_reported() -> None:
    stream = b"FASPMGR 2\nType: INIT\nSessionId: s\nno field\n\n" * 20 + b"FASPMGR 2\nType: DONE\nSessionId: s\n\n"
    got = invoke("watch", "--progress", "none", stdin=stream)
    assert got.status == 0
    assert got.errors[0].startswith("<stdin>:4: ")
    assert got.errors[-1] == "<stdin>: 10 more of kind no-field; check lists them"


# -- files that grow


def pieces(*types: str, session: str = "s", **fields: str) -> bytes:
    return b"".join(Frame(type, {"SessionId": session, "UserStr": "u", **fields}).encode() for type in types)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as file:
        file.write(data)


def wait_for(path: Path, text: str) -> None:
    wait_until(lambda: text in path.read_text())


@contextlib.contextmanager
def following(capture: Path, out: Path) -> Iterator[subprocess.Popen[bytes]]:
    """watch --follow, with JSON to a file."""
    with out.open("wb") as file, start("watch", "-f", "--progress", "json", capture, stdout=file) as child:
        yield child


def test_growing_file_is_followed_to_the_end_of_its_transfer(tmp_path: Path) -> None:
    capture, out = tmp_path / "live.fasp", tmp_path / "out"
    capture.write_bytes(pieces("INIT", "SESSION"))
    with following(capture, out) as child:
        wait_for(out, '"negotiated"')
        append(capture, pieces("STATS", File="a", Size="100", Written="40")[:-9])
        time.sleep(0.2)
        append(capture, pieces("STATS", File="a", Size="100", Written="40")[-9:])
        wait_for(out, '"bytes_done":40,')
        append(capture, pieces("STOP", File="a", Size="100", Written="100") + pieces("DONE"))
        started = time.monotonic()
        assert child.wait(20) == 0
        assert time.monotonic() - started < 3
        assert child.stderr is not None
        assert child.stderr.read() == b"Completed: 100 B, 1 file\n"


def test_failure_in_a_followed_file_is_not_yet_the_end(tmp_path: Path) -> None:
    capture, out = tmp_path / "live.fasp", tmp_path / "out"
    capture.write_bytes(pieces("INIT", "SESSION") + pieces("ERROR", Code="14", Description="lost"))
    with following(capture, out) as child:
        wait_for(out, '"failed"')
        append(capture, pieces("INIT", "SESSION", "DONE", session="s2"))
        assert child.wait(20) == 0
    assert json.loads(out.read_text().splitlines()[-1])["attempts"] == 2


def test_end_of_a_followed_file(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr("faspmgr.cli.commands.watch.time.monotonic", lambda: now)
    tracker = Tracker()
    finished = watch._Finished(tracker)
    now = 1000.0
    assert not finished(False)  # nothing has begun
    tracker.update(InitEvent(session_id="a"))
    assert not finished(True)
    now += 1000
    assert not finished(False)  # it hangs
    tracker.update(ErrorEvent(session_id="a", code=14))
    assert not finished(True)
    now += watch.SETTLE_SECONDS - 0.1
    assert not finished(False)  # it may turn to HTTP
    now += 0.2
    assert finished(False)
    tracker.update(StatsEvent(session_id="a", file="f"))
    assert not finished(True)
    now += 1000
    assert not finished(False)
    tracker.update(DoneEvent(session_id="a"))
    assert not finished(True)  # there may be more to read
    assert finished(False)


def test_time_is_left_for_another_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def pump(*_: object, **__: object) -> Iterator[list[Event]]:
        nonlocal now
        yield [InitEvent(session_id="a", user_str="u")]
        now += 100
        yield [ErrorEvent(session_id="a", user_str="u", code=14)]
        now += watch.SETTLE_SECONDS - 1
        yield []
        yield [InitEvent(session_id="b", user_str="u"), DoneEvent(session_id="b", user_str="u")]
        yield []
        pytest.fail("it should have ended")

    monkeypatch.setattr("faspmgr.cli.commands.watch.time.monotonic", lambda: now)
    monkeypatch.setattr("faspmgr.captures.recorded.pump", pump)
    assert invoke("watch", "--follow", "some-file").status == 0


def test_file_that_may_still_grow(tmp_path: Path) -> None:
    capture = tmp_path / "live.fasp"
    capture.write_bytes(pieces("INIT", "SESSION"))
    got = invoke("watch", "--progress", "none", capture)
    assert got.status == 3
    assert got.lines[-1].endswith("live.fasp was written to just now. If its transfer is still running, use --follow.")
    os.utime(capture, (time.time() - 3600,) * 2)
    assert "--follow" not in invoke("watch", "--progress", "none", capture).text


# -- who looks at it


@pytest.mark.parametrize(("name", "status"), [("two-sessions", 0), ("upload-skip-failure", 1), ("breaks-off", 3)])
def test_reader_who_goes_away_leaves_the_verdict(name: str, status: int, fixtures: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as stdout:
        got = run("watch", fixtures / f"sessions/{name}.fasp", stdout=stdout)
    assert (got.status, re.findall("Errno|Broken", got.err)) == (status, [])


def test_reader_who_takes_the_first_line(fixtures: Path) -> None:
    script = 'faspmgr watch --progress json "$1" | head -n 1; echo ${PIPESTATUS[0]}'
    got = shell(script, fixtures / "sessions/retry.fasp")
    assert json.loads(got.lines[0])["id"]
    assert got.lines[1:] == ["0"]


def test_disk_full(fixtures: Path) -> None:
    got = shell('faspmgr watch "$1" >/dev/full', fixtures / "sessions/upload-skip-failure.fasp")
    assert (got.status, got.errors) == (1, ["faspmgr: no more output: No space left on device"])


def test_bars_on_a_terminal(fixtures: Path) -> None:
    with on_terminal("watch", fixtures / "sessions/two-sessions.fasp") as shown:
        assert shown.end() == 0
    assert "━━━━" in shown.text
    assert shown.text.splitlines()[-1] == "Completed: 51.4 MB in 5.6 s (73.8 Mbps), 4 files"


def test_interrupt_leaves_the_terminal_in_order(tmp_path: Path) -> None:
    capture = tmp_path / "live.fasp"
    capture.write_bytes(pieces("INIT", "SESSION") + pieces("STATS", File="a", Size="100", Written="40"))
    with on_terminal("watch", "--follow", capture) as shown:
        shown.wait_for("40%")
        shown.process.send_signal(signal.SIGINT)
        assert shown.end() == 130
    assert "Traceback" not in shown.text
    bars, _, end = shown.text.rpartition("\x1b[?7h\r\n")  # lines wrap again, and what follows comes below the bars
    assert "40%" in bars
    assert end == "Running: 40%, 40 B, 0 files\r\n"


def test_ten_thousand_messages_a_second(tmp_path: Path) -> None:
    """50,000 messages through a pipe, with bars, in less than five seconds, and ten drawings a second."""
    number = 50_000
    stats = pieces("STATS", File="dir/file%d", Size="1000000000", Written="%d", Elapsedusec="%d", TransferBytes="%d")
    moves = (stats % (at % 40, at * 1000, at * 100, at * 1000) for at in range(number))
    stream = pieces("INIT", "SESSION") + b"".join(moves) + pieces("DONE")
    with on_terminal("watch", stdin=subprocess.PIPE) as shown:
        pipe = shown.process.stdin
        assert pipe is not None
        pipe.write(pieces("INIT", session="first"))  # it has started when it draws this
        pipe.flush()
        shown.wait_for("connecting")
        started = time.monotonic()
        pipe.write(stream)
        pipe.close()
        assert shown.end() == 3  # of the first session nothing more was heard
        seconds = time.monotonic() - started
    assert seconds < number / 10_000
    assert shown.text.count("\x1b[?7l") <= 3 + 10 * seconds
    assert "Lost: " in shown.text.splitlines()[-2]
