"""What run said, and what summary, watch and view say of its recording: the same."""

from __future__ import annotations

import gzip
import json
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.cli.terminal import invoke
from tests.launcher import finish, run, start
from tests.live import MakeAscp, message, nothing_left, scripted_ascp, simulated_ascp, wait_until

__all__ = ["nothing_left", "scripted_ascp", "simulated_ascp"]

BOTH = pytest.mark.parametrize("target", ["r.fasp", "recording/"])
"""One file, and a directory."""
STALL = ["--stall-timeout", "0.5", "--grace", "0.3"]


class Ran(NamedTuple):
    """A run, and its recording."""

    status: int
    result: dict[str, Any]
    headline: str
    views: list[dict[str, Any]]
    record: Path


class Recorder:
    """Runs transfers of the simulator, and records them."""

    def __init__(self, folder: Path, ascp: str) -> None:
        self.folder = folder
        self.ascp = ascp
        for number, size in enumerate((2_000_000, 3_000_000)):
            (folder / f"{number}.bin").write_bytes(bytes(size))

    def args(self, target: str, *options: str) -> list[str | Path]:
        record = f"{self.folder}/{target}"
        view = f"channel={self.folder / 'view.json'}"
        files = [str(self.folder / f"{number}.bin") for number in range(2)]
        command = [self.ascp, "-l", "200m", *files, "u@h:x"]
        return ["run", "--json", "--progress", "none", "--record", record, "--view", view, *options, "--", *command]

    def run(self, target: str, *options: str, fault: str = "") -> Ran:
        return self.ran(target, run(*self.args(target, *options), environment={"FASPMGR_ASCP_FAULT": fault}))

    def ran(self, target: str, outcome: Any) -> Ran:
        words = ("Completed", "Failed", "Lost", "Interrupted", "Not started")
        (headline,) = [line for line in outcome.err.splitlines() if line.startswith(words)]
        views = [json.loads(line) for line in (self.folder / "view.json").read_text().splitlines()]
        return Ran(outcome.status, json.loads(outcome.out), headline, views, self.folder / target)


@pytest.fixture
def recorder(tmp_path: Path, simulated_ascp: str) -> Recorder:
    return Recorder(tmp_path, simulated_ascp)


def says_the_same(ran: Ran) -> dict[str, str]:
    """Compare what is said of the recording with what the run said; give the rows of the summary."""
    result = ran.result
    summary = invoke("summary", "--json", ran.record)
    said = json.loads(summary.text)
    assert summary.err == ""
    assert summary.status == said["status"] == ran.status == result["status"]
    for name in ("verdict", "error", "reason", "interrupted"):
        assert said[name] == result[name], name
    assert said["transfers"] == ([result["transfer"]] if result["transfer"] else [])

    text = invoke("summary", ran.record)
    assert (text.status, text.err) == (ran.status, "")
    assert ran.headline in text.lines
    watched = invoke("watch", "--progress", "none", ran.record)
    assert (watched.status, watched.err) == (ran.status, "")
    assert ran.headline in watched.lines
    if result["transfer"]:
        assert without_times(invoke("view", "channel", ran.record).objects) == without_times(ran.views)
    return {line[2:14].strip(): line[15:] for line in text.lines if line.startswith("  ")}


def without_times(shown: Any) -> Any:
    """Without what only the live side knows: the time of day."""
    if isinstance(shown, dict):
        return {name: without_times(value) for name, value in shown.items() if "time" not in name}
    return [without_times(value) for value in shown] if isinstance(shown, list) else shown


@BOTH
def test_a_stall_and_a_retry(recorder: Recorder, tmp_path: Path, target: str) -> None:
    ran = recorder.run(target, "--retry", "1", *STALL, fault=f"hang=40%,once={tmp_path / 'once'}")
    assert (ran.status, ran.result["verdict"], len(ran.result["attempts"])) == (0, "done", 2)
    rows = says_the_same(ran)
    assert ran.headline.startswith("Completed: 5.0 MB in ")
    assert "target 200.0 Mbps" in rows["time"]  # of one attempt, not the sum of two
    assert rows["files"] == "2 files done"
    (transfer,) = json.loads(invoke("summary", "--json", ran.record).text)["transfers"]
    assert (transfer["state"], transfer["attempts"], transfer["bytes_done"]) == ("done", 2, 5_000_000)
    assert [session["state"] for session in transfer["sessions"]] == ["lost", "done"]


@BOTH
def test_a_stall_without_a_retry(recorder: Recorder, target: str) -> None:
    ran = recorder.run(target, *STALL, fault="hang=40%")
    assert (ran.status, ran.result["verdict"]) == (3, "lost")
    says_the_same(ran)
    assert ran.headline.startswith("Lost: ")
    assert ran.headline.endswith("no progress for 0.5 s")


@BOTH
def test_a_failure(recorder: Recorder, target: str) -> None:
    ran = recorder.run(target, fault="fail=25@40%")
    assert (ran.status, ran.result["error"]["code"]) == (1, 25)
    rows = says_the_same(ran)
    assert ran.headline.startswith("Failed: 25 NO_SPACE_LEFT")
    assert rows["advice"] == ran.result["error"]["advice"]


@BOTH
def test_an_ascp_that_dies_in_the_middle_of_a_message(recorder: Recorder, target: str) -> None:
    ran = recorder.run(target, fault="die@40%")
    assert (ran.status, ran.result["verdict"]) == (3, "lost")
    summary = json.loads(invoke("summary", "--json", ran.record).text)
    assert [summary[name] for name in ("status", "verdict", "reason")] == [3, "lost", ran.result["reason"]]
    assert ran.headline in invoke("watch", ran.record).lines


def test_several_sessions(recorder: Recorder) -> None:
    ran = recorder.run("recording/", "--sessions", "2")
    assert ran.status == 0
    rows = says_the_same(ran)
    assert "target 200.0 Mbps" in rows["time"] or "target 400.0 Mbps" in rows["time"]
    assert len(list(ran.record.glob("*.fasp"))) == 2


def test_several_sessions_one_of_which_stalls_and_is_retried(recorder: Recorder, tmp_path: Path) -> None:
    fault = f"hang=40%,once={tmp_path / 'once'}"
    ran = recorder.run("recording/", "--sessions", "2", "--retry", "1", *STALL, fault=fault)
    assert ran.status == 0
    says_the_same(ran)
    states = [session["state"] for session in ran.result["transfer"]["sessions"]]
    assert states.count("done") == 2


def test_several_sessions_one_of_which_fails(recorder: Recorder, tmp_path: Path) -> None:
    fault = f"fail=25@40%,once={tmp_path / 'once'}"
    ran = recorder.run("recording/", "--sessions", "2", fault=fault)
    assert (ran.status, ran.result["error"]["code"]) == (1, 25)
    says_the_same(ran)


@BOTH
def test_ctrl_c(scripted_ascp: MakeAscp, tmp_path: Path, target: str) -> None:
    body = "wire = began(); wire.sendall(stats(400)); open(option('--flag'), 'w'); wire.recv(1000); "
    body += "wire.sendall(error(28, 'cancelled')); sys.exit(1)"
    flag = tmp_path / "flag"
    record, view = f"{tmp_path}/{target}", tmp_path / "view.json"
    options = ["--json", "--progress", "none", "--record", record, "--view", f"channel={view}", "--grace", "20"]
    with start("run", *options, "--", scripted_ascp(body), "--flag", str(flag), "a", "h:b") as process:
        wait_until(flag.exists)
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
    recorder = Recorder(tmp_path, "")
    ran = recorder.ran(target, outcome)
    assert (ran.status, ran.result["interrupted"]) == (130, True)
    says_the_same(ran)
    assert ran.headline.startswith("Interrupted: ")
    assert json.loads(invoke("summary", "--json", ran.record).text)["interrupted"] is True


@BOTH
def test_an_ascp_that_never_connects(scripted_ascp: MakeAscp, tmp_path: Path, target: str) -> None:
    outcome = run(
        "run", "--json", "--record", f"{tmp_path}/{target}", "--", scripted_ascp("sys.exit('no')"), "a", "h:b"
    )
    assert outcome.status == 5
    summary = invoke("summary", tmp_path / target)
    expected = "Not started: ascp ended with exit status 1 without connecting: no"
    assert (summary.status, summary.lines, summary.err) == (5, [expected], "")
    assert invoke("watch", tmp_path / target).status == 5
    said = json.loads(invoke("summary", "--json", tmp_path / target).text)
    assert (said["status"], said["verdict"], said["transfers"]) == (5, "not started", [])


def test_the_plain_stream_is_for_every_reader(recorder: Recorder, tmp_path: Path) -> None:
    ran = recorder.run("r.fasp", "--retry", "1", *STALL, fault=f"hang=40%,once={tmp_path / 'once'}")
    assert ran.record.read_bytes().count(b"Type: INIT") == 2
    assert ran.record.read_bytes().startswith(b"FASPMGR 2\nType: INIT\n")
    assert invoke("decode", "--format", "fasp", "--show-secrets", ran.record).out == ran.record.read_bytes()
    assert invoke("check", ran.record).status == 0
    assert invoke("replay", "--speed", "max", ran.record).out == ran.record.read_bytes()


def test_a_compressed_recording_keeps_its_connections(recorder: Recorder, tmp_path: Path) -> None:
    ran = recorder.run("r.fasp", "--retry", "1", *STALL, fault=f"hang=40%,once={tmp_path / 'once'}")
    compressed = tmp_path / "r.fasp.gz"
    compressed.write_bytes(gzip.compress(ran.record.read_bytes()))
    ran.record.unlink()
    says_the_same(ran._replace(record=compressed))


def test_a_link_to_a_recording(recorder: Recorder, tmp_path: Path) -> None:
    ran = recorder.run("r.fasp", "--retry", "1", *STALL, fault=f"hang=40%,once={tmp_path / 'once'}")
    (tmp_path / "other").mkdir()
    link = tmp_path / "other" / "link"
    link.symlink_to(ran.record)
    says_the_same(ran._replace(record=link))


def test_two_runs_in_one_directory(recorder: Recorder, tmp_path: Path) -> None:
    first = recorder.run("recording/", fault="fail=25@40%")
    second = recorder.run("recording/")
    result = invoke("summary", "--json", second.record)
    said = json.loads(result.text)
    assert (result.status, said["verdict"], said["error"]["code"]) == (1, "failed", 25)
    assert said["transfers"] == [first.result["transfer"], second.result["transfer"]]


# -- without connections, and while it is recorded


def test_streams_of_a_directory_without_connections(fixtures: Path, tmp_path: Path) -> None:
    begun = message("INIT", SessionId="1", UserStr="x") + message("SESSION", SessionId="1", Rate="5000")
    ended = message("INIT", SessionId="2", UserStr="x") + message("SESSION", SessionId="2", Rate="5000")
    (tmp_path / "part10.fasp").write_bytes(ended + message("DONE", SessionId="2"))
    (tmp_path / "part9.fasp").write_bytes(begun)  # the first one, as 9 comes before 10
    (tmp_path / "notes.txt").write_text("no stream")
    result = invoke("summary", tmp_path)
    assert (result.status, result.err) == (0, "")
    assert result.lines[-1].startswith("Completed: ")
    assert any("target 5.0 Mbps" in line for line in result.lines)
    assert sum(line.startswith("  session ") for line in result.lines) == 2


def test_a_file_of_a_directory_that_is_damaged_does_not_stop_the_others(fixtures: Path, tmp_path: Path) -> None:
    (tmp_path / "1.fasp.gz").write_bytes(b"\x1f\x8b")
    (tmp_path / "2.fasp").write_bytes((fixtures / "sessions" / "retry.fasp").read_bytes())
    result = invoke("summary", tmp_path)
    assert (result.status, result.errors) == (4, [f"{tmp_path}/1.fasp.gz: the gzip data is cut off"])
    assert result.lines[-1].startswith("Completed: ")


@pytest.mark.parametrize("args", [["--follow"], ["--unwrap", "auto"]])
def test_options_that_are_for_one_file(args: list[str], tmp_path: Path) -> None:
    (tmp_path / "1.fasp").touch()
    result = invoke("summary", *args, tmp_path)
    assert result.status == 2
    assert f"{args[0]} reads a FILE" in result.err


@pytest.mark.parametrize("command", ["decode", "check", "replay"])
def test_commands_that_read_files_only(command: str, tmp_path: Path) -> None:
    result = invoke(command, tmp_path)
    assert result.status == 2
    assert "Is a directory" in result.err


def test_a_recording_is_watched_while_it_is_written(recorder: Recorder, tmp_path: Path) -> None:
    """Between the attempts everything has ended; that is not the end of the run."""
    record = tmp_path / "r.fasp"
    fault = {"FASPMGR_ASCP_FAULT": f"hang=40%,once={tmp_path / 'once'}"}
    with start(*recorder.args("r.fasp", "--retry", "1", *STALL), environment=fault) as running:
        wait_until(lambda: record.exists() and record.stat().st_size)
        with start("watch", "--follow", "--progress", "none", record) as watching:
            ran = recorder.ran("r.fasp", finish(running))
            seen = finish(watching)
    assert (ran.status, seen.status) == (0, 0)
    assert seen.out.splitlines() == [ran.headline]


def test_a_run_that_was_killed_leaves_a_readable_recording(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    record = tmp_path / "r.fasp"
    path = scripted_ascp("wire = began(); wire.sendall(stats(400)); time.sleep(3)")
    with start("run", "--record", record, "--", path, "a", "h:b") as process:
        wait_until(lambda: record.exists() and b"Written: 400" in record.read_bytes())
        process.kill()
        process.wait()
    result = invoke("summary", record)
    assert (result.status, result.err) == (3, "")
    assert result.lines[-1] == "Lost: ended without DONE or ERROR at 40%, 400 B"


def test_listen(tmp_path: Path) -> None:
    """Two connections, of which the second one is another attempt."""
    folder, port_file = tmp_path / "r", tmp_path / "port"
    first = message("INIT", SessionId="1", UserStr="x") + message("SESSION", SessionId="1", Rate="5000")
    second = message("INIT", SessionId="2", UserStr="x") + message("SESSION", SessionId="2", Rate="5000")
    second += message("DONE", SessionId="2")
    args = ["--connections", "2", "--record", str(folder), "--port-file", str(port_file), "--progress", "none"]
    with start("listen", *args) as process:
        wait_until(lambda: port_file.exists() and port_file.read_text())
        for number, data in enumerate((first, second), 1):
            with socket.create_connection(("127.0.0.1", int(port_file.read_text()))) as peer:
                peer.sendall(data)
                peer.shutdown(socket.SHUT_WR)
                assert peer.recv(1) == b""
            wait_until(lambda: sum(path.read_text().count('"end"') for path in folder.glob("*.conn*")) == number)  # noqa: B023
        outcome = finish(process)
    assert outcome.status == 0
    result = invoke("summary", "--json", folder)
    (transfer,) = json.loads(result.text)["transfers"]
    assert (result.status, transfer["state"], transfer["attempts"]) == (0, "done", 2)
    (connections,) = folder.glob("*.connections")
    lines = [json.loads(line) for line in connections.read_text().splitlines()]
    assert [(line["type"], line["connection"]) for line in lines] == [
        ("begin", 1),
        ("end", 1),
        ("begin", 2),
        ("end", 2),
    ]
    assert [line["offset"] for line in lines if line["type"] == "end"] == [len(first), len(second)]


# -- connections that are damaged or forged

DONE_TWICE = [
    message("INIT", SessionId="1", UserStr="x"),
    message("INIT", SessionId="2", UserStr="x") + message("DONE", SessionId="2"),
]
"""The streams of two attempts; in one file, the first one is taken for a session that still runs."""


def facts(*changed: dict[str, Any], ends: bool = True) -> str:
    first, size = len(DONE_TWICE[0]), sum(map(len, DONE_TWICE))
    lines: list[dict[str, Any]] = [
        {"type": "begin", "connection": 1, "offset": 0},
        {"type": "end", "connection": 1, "offset": first},
        {"type": "begin", "connection": 2, "offset": first},
        {"type": "end", "connection": 2, "offset": size},
        {"type": "result", "verdict": "done", "reason": "", "interrupted": False, "error": None},
    ]
    for line in changed:
        lines[line.pop("line")].update(line)
    return "".join(f"{json.dumps(line)}\n" for line in lines)


def test_connections_as_they_should_be(tmp_path: Path) -> None:
    record = tmp_path / "r.fasp"
    record.write_bytes(b"".join(DONE_TWICE))
    assert invoke("summary", record).status == 3
    (tmp_path / "r.fasp.connections").write_text(facts())
    result = invoke("summary", record)
    assert (result.status, result.err) == (0, "")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{\n", "line 1: invalid JSON"),
        ("[" * 50_000 + "\n", "line 1: invalid JSON"),
        ("[]\n", "line 1: not a JSON object"),
        ("\xff\n", "line 1: invalid JSON"),
        (facts()[:-9], "line 5: cut off"),
        (facts({"line": 0, "connection": "1"}), "line 1: invalid connection"),
        (facts({"line": 0, "connection": True}), "line 1: invalid connection"),
        (facts({"line": 0, "offset": -1}), "line 1: invalid offset"),
        (facts({"line": 0, "offset": 1.5}), "line 1: invalid offset"),
        (facts({"line": 0, "offset": 100}), "line 2: the offset goes backwards"),
        (facts({"line": 3, "offset": 10**15}), "byte 1,000,000,000,000,000 is beyond the end of r.fasp"),
        (facts({"line": 0, "file": "r.fasp"}), "line 1: invalid file"),
        (facts({"line": 2, "connection": 1}), "line 3: connection 1 begins twice"),
        (facts({"line": 3, "connection": 3}), "line 4: connection 3 ends without a begin"),
        (facts({"line": 3, "connection": 1}), "line 4: connection 1 ends without a begin"),
        (facts({"line": 4, "verdict": "splendid"}), "line 5: invalid result"),
        (facts({"line": 4, "verdict": []}), "line 5: invalid result"),
        (facts({"line": 4, "reason": None}), "line 5: invalid result"),
        (facts({"line": 4, "error": {"code": "x", "description": ""}}), "line 5: invalid code"),
        (facts({"line": 4, "error": {"code": 1}}), "line 5: invalid result"),
        (facts() + facts(), "line 6: lines after the result"),
        (facts({"line": 4, "reason": "x" * 70_000}), "line 5: too long"),
        ("x" * 200_000, "line 1: too long"),
    ],
)
def test_connections_that_cannot_be_used(tmp_path: Path, text: str, words: str) -> None:
    record, beside = tmp_path / "r.fasp", tmp_path / "r.fasp.connections"
    record.write_bytes(b"".join(DONE_TWICE))
    plain = {command: invoke(command, *args) for command, *args in reading(record)}
    beside.write_bytes(text.encode("latin-1"))
    for command, *args in reading(record):
        result = invoke(command, *args)
        assert result.errors == [f"{beside}: {words}; the recording is read without it"]
        assert (result.status, result.out) == (plain[command].status, plain[command].out)


def reading(record: Path) -> list[list[str]]:
    commands = [["summary"], ["watch", "--progress", "none"], ["view", "channel"]]
    return [[*command, str(record)] for command in commands]


def test_connections_that_are_no_regular_file(tmp_path: Path) -> None:
    record, beside = tmp_path / "r.fasp", tmp_path / "r.fasp.connections"
    record.write_bytes(b"".join(DONE_TWICE))

    def pipe() -> None:
        os.mkfifo(beside)

    def loop() -> None:
        beside.symlink_to(beside)

    def link() -> None:
        (tmp_path / "elsewhere").write_text(facts())
        beside.symlink_to(tmp_path / "elsewhere")

    for make in (beside.mkdir, pipe, loop, link):
        make()
        result = invoke("summary", record)
        assert result.status == 3
        assert len(result.errors) == 1
        assert result.errors[0].startswith(f"{beside}: ")
        beside.rmdir() if beside.is_dir() else beside.unlink()


def in_directory(folder: Path) -> Callable[..., Path]:
    """Writes a recording of two connections to a directory."""

    def write(*names: str) -> Path:
        folder.mkdir(exist_ok=True)
        for name, data in zip(("1.fasp", "2.fasp"), DONE_TWICE, strict=True):
            (folder / name).write_bytes(data)
        lines = [
            line
            for number, name in enumerate(names, 1)
            for line in (
                {"type": "begin", "connection": number, "offset": 0, "file": name},
                {"type": "end", "connection": number, "offset": len(DONE_TWICE[number - 1])},
            )
        ]
        (folder / "run.connections").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
        return folder

    return write


def test_connections_of_a_directory(tmp_path: Path) -> None:
    result = invoke("summary", in_directory(tmp_path / "r")("1.fasp", "2.fasp"))
    assert (result.status, result.err) == (0, "")


@pytest.mark.parametrize(
    "name", ["../secret.fasp", "{absolute}", "link.fasp", "loop.fasp", "none.fasp", "", ".", "1.fasp"]
)
def test_nothing_outside_of_a_directory_is_read(tmp_path: Path, name: str) -> None:
    secret = tmp_path / "secret.fasp"
    secret.write_bytes(message("INIT", SessionId="secret") + message("DONE", SessionId="secret"))
    folder = in_directory(tmp_path / "r")("1.fasp", name.format(absolute=secret))
    (folder / "link.fasp").symlink_to(secret)
    (folder / "loop.fasp").symlink_to(folder / "loop.fasp")
    result = invoke("summary", folder)
    assert "secret" not in result.text
    (line,) = result.errors
    assert line.startswith(f"{folder}/run.connections: ")
    assert line.endswith("; the recording is read without it")
    assert result.lines[-1].startswith("Completed: ")  # file by file, each with its end
