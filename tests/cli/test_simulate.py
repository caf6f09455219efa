"""``faspmgr simulate``: what was asked for is what the other commands find in it."""

from __future__ import annotations

import json
import re
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator import Scenario
from tests.cli.terminal import invoke
from tests.cli.test_replay import Manager
from tests.launcher import MANY_FILES, shell, start


def summary(*args: str) -> Any:
    """The only transfer that summary finds, as JSON."""
    made = invoke("simulate", *args)
    assert (made.status, made.err) == (0, "")
    found = json.loads(invoke("summary", "--json", stdin=made.out).out)
    (transfer,) = found["transfers"]
    return transfer


def test_the_first_options() -> None:
    transfer = summary("--files", "50", "--size", "10M", "--fail", "3", "--skip", "7", "--sessions", "2", "--seed", "1")
    assert transfer["state"] == "failed"
    assert (transfer["files_done"], transfer["files_skipped"], transfer["files_failed"]) == (40, 7, 3)
    assert len(transfer["sessions"]) == 2
    assert transfer["expected_bytes"] == 500_000_000


def test_each_file_counts_once_however_it_gets_there() -> None:
    transfer = summary("--files", "10", "--size", "4M", "--present", "3", "--sessions", "2",
                       "--multi-session-threshold", "1M")  # fmt: skip
    assert (transfer["files_done"], transfer["files_skipped"], transfer["files_failed"]) == (7, 3, 0)
    assert (transfer["bytes_done"], transfer["expected_bytes"], transfer["progress"]) == (40_000_000, 40_000_000, 1)


def test_skipped_files_and_those_that_are_there() -> None:
    made = invoke("simulate", "--files", "10", "--size", "1000", "--skip", "2", "--present", "3")
    frames = Tokenizer(strict=True).feed(made.out)
    assert [frame.fields["Size"] for frame in frames if frame.type == "SKIP"] == ["0", "0"]
    there = [frame.fields for frame in frames if frame.type == "STOP" and frame.fields["StartByte"] != "0"]
    assert [(stop["StartByte"], stop["Size"], stop["Written"]) for stop in there] == [("1000", "1000", "1000")] * 3
    named = {frame.fields["File"] for frame in frames if frame.type == "STATS"}
    assert not named & {stop["File"] for stop in there}
    # Neither counter grows at a file that is there.
    for name in ("TransferBytes", "FileBytes"):
        before = "0"
        for frame in frames:
            if frame.fields in there:
                assert frame.fields[name] == before
            before = frame.fields.get(name, before)
        assert before == "5000"
    end = frames[-1].fields
    assert (end["TransfersPassed"], end["TransfersSkipped"]) == ("10", "5")


@pytest.mark.parametrize(("order", "first"), [("table", ["File", "Size", "Written"]), ("name", ["Bytescont", "Delay"])])
def test_the_order_of_the_fields(order: str, first: list[str]) -> None:
    made = invoke("simulate", "--files", "1", "--order", order)
    lines = made.out.decode().partition("Type: STATS\n")[2].splitlines()
    assert [line.partition(":")[0] for line in lines[: len(first)]] == first


def test_it_writes_what_the_scenario_makes() -> None:
    result = invoke("simulate", "--files", "5", "--size", "1.5k", "--seed", "4", "--rate", "5m", "--loss", "0.1")
    assert result.out == b"".join(Scenario(files=5, size=1500, seed=4, target_kbps=5000, loss=0.1).stream())


@pytest.mark.parametrize(
    ("args", "values"),
    [
        (["--fail", "1", "--fail", "35:2"], {"fail": {5: 1, 35: 2}}),
        (["--resume", "1", "--ranges", "2"], {"resume": 1, "ranges": 2}),
        (["--present", "2"], {"present": 2}),
        (["--sessions", "2", "--multi-session-threshold", "1M"], {"sessions": 2, "multi_session_threshold": 10**6}),
        (["--order", "name"], {"order": "name"}),
        (["--order", "table"], {}),
        (["--distribution", "pareto"], {"distribution": "pareto"}),
        (["--rate", "1g", "--achieved", "500m", "--rtt", "80"],
         {"target_kbps": 1_000_000, "achieved_kbps": 500_000, "rtt_ms": 80}),
        (["--checksum", "md5", "--no-precalculate"], {"checksum": "md5", "precalculate": False}),
        (["--retries", "2", "--fallback", "--odd-names"], {"retries": 2, "fallback": True, "odd_names": True}),
        (["--error", "40", "--stop-at", "0.1"], {"error": 40, "stop_at": 0.1}),
        (["--cut-off", "--direction", "receive", "--user-str", "u"],
         {"cut_off": True, "direction": "Receive", "user_str": "u"}),
    ],
)  # fmt: skip
def test_all_other_options(args: list[str], values: dict[str, Any]) -> None:
    assert invoke("simulate", *args).out == b"".join(Scenario(**values).stream())


@pytest.mark.parametrize(
    ("text", "size"),
    [("0", 0), ("500", 500), ("10k", 10**4), ("10M", 10**7), ("1.5G", 15 * 10**8), ("2TB", 2 * 10**12)],
)
def test_sizes(text: str, size: int) -> None:
    expected = Scenario(files=1, size=size, target_kbps=10**9, stop_at=0, error=1).stream()
    made = invoke("simulate", "--files", "1", "--size", text, "--rate", "1000g", "--stop-at", "0", "--error", "1")
    assert made.out == b"".join(expected)


def test_the_log_is_that_of_the_same_sessions() -> None:
    args = ["simulate", "--files", "9", "--size", "3M", "--fail", "2", "--skip", "1", "--sessions", "2", "--seed", "5"]
    stream, log = invoke(*args), invoke(*args, "--log")
    assert (log.status, log.err) == (0, "")
    assert log.out == invoke(*args, "--log", "--cut", "7").out
    done = [frame.fields["SessionId"] for frame in Tokenizer().feed(stream.out) if frame.type == "ERROR"]
    assert len(done) == 2
    stops = re.findall(rb"FASP Session Stop uuid=(\S+) op=send status=failed", log.out)
    assert [uuid.decode() for uuid in stops] == done
    assert len(re.findall(b"FASP Transfer Stop .* status=success", log.out)) == 6


def test_the_log_breaks_off_with_the_stream() -> None:
    log = invoke("simulate", "--files", "2", "--size", "100M", "--cut-off", "--stop-at", "0.75", "--log").out
    assert log.count(b"FASP Transfer Start") == 2
    assert log.count(b"FASP Transfer Stop") == 1
    assert b"FASP Session Stop" not in log


@pytest.mark.parametrize("args", [[], ["--speed", "50", "--cut", "random"]])
def test_to_a_port(args: list[str]) -> None:
    manager = Manager()
    assert invoke("simulate", "--files", "2", "--to", manager.address, *args).status == 0
    assert manager.data == b"".join(Scenario(files=2).stream())


def test_nothing_is_wrong_with_it() -> None:
    made = invoke("simulate", "--files", "24", "--size", "20M", "--odd-names", "--retries", "1", "--sessions", "2",
                  "--loss", "0.1", "--checksum", "sha1", "--fail", "2")  # fmt: skip
    assert invoke("check", stdin=made.out).status == 0
    cut_off = invoke("simulate", "--cut-off")
    assert invoke("check", stdin=cut_off.out).status == 4


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--files", "-1"], "files must be a whole number from 0 to"),
        (
            ["--files", "2", "--fail", "3"],
            "more files fail, are skipped, there already, resumed or moved in part than there are",
        ),
        (["--size", "big"], "invalid size: 'big'; write 500, 10k, 10M, or 1.5G."),
        (["--fail", "x"], "invalid number of files: 'x'; write N, or CODE:N such as 35:2."),
        (["--rate", "fast"], "invalid rate: 'fast'"),
        (["--loss", "0.9"], "loss must be a number from 0 to 0.5"),
        (["--error", "-5"], "error must be a whole number"),
        (["--order", "time"], "'time' is not one of 'table', 'name'"),
        (["--present", "4"], "more files fail, are skipped, there already, resumed or moved in part than there are"),
        (["--log", "--to", "127.0.0.1:9"], "--log does not go with --to or --speed"),
        (["--log", "--speed", "2"], "--log does not go with --to or --speed"),
        (["extra"], "unexpected extra argument"),
    ],
)
def test_wrong_usage(args: list[str], words: str) -> None:
    result = invoke("simulate", *args)
    assert (result.status, result.out) == (2, b"")
    assert words in result.err


def test_a_pipe_that_closes() -> None:
    with start("simulate", "--files", "10000000", "--no-precalculate") as process:
        assert process.stdout
        assert process.stdout.read(20)
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read() == b""


def test_many_files_through_decode_and_summary(tmp_path: Path) -> None:
    made = f"simulate --files {MANY_FILES} --size 10k --fail 7 --fail 35:2 --skip 1000 --seed 3"
    done = shell(
        f"faspmgr {made}"
        " | tee >(faspmgr decode --type FILEERROR,ERROR > decoded; echo $? > status)"
        " | faspmgr summary --json; code=$?; until [ -s status ]; do sleep 0.1; done; exit $code",
        cwd=tmp_path,
    )
    assert (done.status, done.err) == (1, "")  # a failed transfer
    (transfer,) = json.loads(done.out)["transfers"]
    assert (transfer["files_done"], transfer["files_skipped"], transfer["files_failed"]) == (MANY_FILES - 1009, 1000, 9)
    assert (transfer["state"], transfer["error"]["code"]) == ("failed", 27)
    assert transfer["expected_bytes"] == MANY_FILES * 10_000

    assert (tmp_path / "status").read_text() == "0\n"
    decoded = [json.loads(line) for line in (tmp_path / "decoded").read_text().splitlines()]
    assert [event["type"] for event in decoded] == ["FILEERROR"] * 9 + ["ERROR"]
    assert sorted(event["code"] for event in decoded[:-1]) == [5] * 7 + [35] * 2
    end = decoded[-1]
    assert (end["transfers_attempted"], end["transfers_passed"]) == (MANY_FILES, MANY_FILES - 9)
    assert end["file_bytes"] == transfer["bytes_written"]


def test_each_session_has_a_connection_of_its_own() -> None:
    received: list[bytes] = []

    def read(connection: socket.socket) -> None:
        with connection, connection.makefile("rb") as stream:
            received.append(stream.read())

    with socket.create_server(("127.0.0.1", 0)) as server:
        readers = []
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with start("simulate", "--files", "7", "--sessions", "3", "--seed", "4", "--to", address) as process:
            server.settimeout(30)
            for _ in range(3):
                readers.append(threading.Thread(target=read, args=(server.accept()[0],)))
                readers[-1].start()
            assert process.wait(30) == 0
        for reader in readers:
            reader.join(30)
    expected = Scenario(files=7, sessions=3, seed=4)
    assert sorted(received) == sorted(b"".join(stream) for stream in expected.streams())
    assert sorted(message for one in received for message in one.split(b"\n\n")) == sorted(
        b"".join(expected.stream()).split(b"\n\n") + [b""] * 2
    )
