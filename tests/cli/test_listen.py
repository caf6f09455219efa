"""faspmgr listen: what connects, as JSON Lines, as progress and as records."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from tests.launcher import finish, start
from tests.launcher import run as program
from tests.live import free_port, message, nothing_left, wait_until

__all__ = ["nothing_left"]

SESSION = b"".join(
    [
        message("INIT", SessionId="s", UserStr="me", Token="t0ken"),
        message("STATS", SessionId="s", File="/a", Size=10, Written=5),
        message("STOP", SessionId="s", File="/a", Size=10, Written=10),
        message("ARGSTOP", File="/a", ArgTransfersStatus="Complete"),
        message("DONE", SessionId="s"),
    ]
)


@contextlib.contextmanager
def listening(tmp_path: Path, *args: str | Path, **options: Any) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command, and the port on which it listens."""
    file = tmp_path / "port"
    with start("listen", "--port-file", file, *args, **options) as process:
        wait_until(lambda: file.exists() or process.poll() is not None)
        yield process, int(file.read_text())
    assert not file.exists()


def send(port: int, *pieces: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        for piece in pieces:
            peer.sendall(piece)


def test_messages_as_json_lines(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "1") as (process, port):
        send(port, SESSION)
        status, out, err = finish(process)
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert [line["type"] for line in lines] == ["INIT", "STATS", "STOP", "ARGSTOP", "DONE"]
    assert {line["connection"] for line in lines} == {1}
    assert {line["session_id"] for line in lines} == {"s"}  # ARGSTOP too, which does not say
    assert lines[1]["written"] == 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) for line in lines)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert err == f"faspmgr: listening on 127.0.0.1:{port}\n"
    assert "t0ken" not in out


def test_secrets_on_request(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "1", "--show-secrets") as (process, port):
        send(port, message("SESSION", SessionId="s", Token="t0ken"))
        assert json.loads(finish(process)[1])["token"] == "t0ken"


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "1") as (process, port):
        send(port, b"FASPMGR 2\nType: STATS\nFile: caf\xe9\n\n")
        line = finish(process)[1]
    assert json.loads(line)["file"] == os.fsdecode(b"caf\xe9")
    line.encode("utf-8")


def test_several_connections_merged(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "3") as (process, port):
        for name in ("a", "b", "a"):  # the same SessionId twice
            send(port, message("INIT", SessionId=name), message("DONE", SessionId=name))
        status, out, _ = finish(process)
    assert status == 0
    lines = [json.loads(line) for line in out.splitlines()]
    assert sorted((line["connection"], line["session_id"], line["type"]) for line in lines) == [
        (1, "a", "DONE"),
        (1, "a", "INIT"),
        (2, "b", "DONE"),
        (2, "b", "INIT"),
        (3, "a", "DONE"),
        (3, "a", "INIT"),
    ]


@pytest.mark.parametrize(
    ("ends", "status"),
    [([message("DONE", SessionId="s")], 0), ([message("ERROR", SessionId="s", Code=16)], 1), ([], 3)],
)
def test_the_status_is_that_of_the_transfers(tmp_path: Path, ends: list[bytes], status: int) -> None:
    with listening(tmp_path, "--connections", "1", "--progress", "none") as (process, port):
        send(port, message("INIT", SessionId="s"), *ends)
        got, out, _ = finish(process)
    assert got == status
    assert out.startswith({0: "Completed: ", 1: "Failed: 16 CONNECTION_LOST", 3: "Lost: "}[status])


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(message("INIT", SessionId="s"))
        assert process.stdout
        assert json.loads(process.stdout.readline())["type"] == "INIT"
        process.send_signal(number)
        status, out, _ = finish(process)
        assert (status, out) == (130, "")
        assert peer.recv(1) == b""


def test_lines_come_as_the_messages_do(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        assert process.stdout
        for number in range(5):
            peer.sendall(message("STATS", SessionId="s", File="/a", Written=number))
            assert json.loads(process.stdout.readline())["written"] == number


def test_garbage_is_told_of_and_harms_nobody(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "2") as (process, port):
        send(port, b"\xff\x00 rubbish \x1b[31m\n" * 50, b"FASPMGR 2\nnonsense\n" * 50)
        send(port, SESSION)
        _, out, err = finish(process)
    assert [json.loads(line)["type"] for line in out.splitlines()][-1] == "DONE"
    problems = [line for line in err.splitlines() if "127.0.0.1:" in line and "listening" not in line]
    assert 1 <= len(problems) <= 10
    assert "\x1b" not in err


def test_progress_instead_of_messages(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "1", "--progress", "json") as (process, port):
        send(port, SESSION)
        _, out, err = finish(process)
    last = json.loads([line for line in out.splitlines() if line.startswith("{")][-1])
    assert (last["state"], last["bytes_done"]) == ("done", 10)
    assert "Completed: " in err


def test_records(tmp_path: Path) -> None:
    record = tmp_path / "records"
    with listening(tmp_path, "--connections", "2", "--record", record) as (process, port):
        for end in (b"", b"FASPMGR 2\nType: ST"):
            send(port, SESSION + end)
        assert finish(process)[0] == 0
    files = sorted(record.iterdir())
    assert sorted(file.read_bytes() for file in files) == [SESSION, SESSION + b"FASPMGR 2\nType: ST"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert len(list(faspmgr.read(str(files[0])))) == 5


def test_a_record_that_stops_in_the_middle(tmp_path: Path) -> None:
    """As when the disk is full: here the size of files is limited. What came is shown all the same."""
    limited = ["bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "bash"]
    with start("--version") as process:
        words = list(process.args)[:-1]  # type: ignore[arg-type]
        finish(process)
    file = tmp_path / "port"
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    arguments = ["listen", "--port-file", str(file), "--connections", "1", "--record", str(tmp_path / "records")]
    with subprocess.Popen(
        [*limited, *map(str, words), *arguments], env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        wait_until(file.exists)
        stream = message("INIT", SessionId="s") + message("STATS", SessionId="s", File="/a" * 100) * 500
        stream += message("DONE", SessionId="s")
        send(int(file.read_text()), stream)
        status, out, err = finish(process)
    assert status == 2
    assert [json.loads(line)["type"] for line in out.splitlines()] == ["INIT", *["STATS"] * 500, "DONE"]
    assert "the recording is not complete: " in err
    (record,) = (tmp_path / "records").iterdir()
    assert stream.startswith(record.read_bytes())


def test_a_view(tmp_path: Path) -> None:
    view = tmp_path / "connection.json"
    with listening(tmp_path, "--connections", "1", "--view", f"connection={view}") as (process, port):
        send(port, SESSION)
        assert finish(process)[0] == 0
    assert json.loads(view.read_text())


def test_published(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    with listening(tmp_path, "--publish-in", run) as (process, port):
        (file,) = run.iterdir()
        assert file.suffix == ".optport"
        assert file.read_text() == f"127.0.0.1:{port}\n"
        process.send_signal(signal.SIGINT)
        finish(process)
    assert not list(run.iterdir())


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        assert process.stdout
        process.stdout.close()
        with contextlib.suppress(OSError):
            for _ in range(3):
                peer.sendall(SESSION)
        process.stdout = None
        assert finish(process)[0] == 0


def test_a_reader_that_goes_away_while_recording(tmp_path: Path) -> None:
    with listening(tmp_path, "--record", tmp_path / "r", "--connections", "1") as (process, port):
        assert process.stdout
        process.stdout.close()
        send(port, SESSION * 50)
        process.stdout = None
        assert finish(process)[0] == 0
    (record,) = (tmp_path / "r").iterdir()
    assert record.read_bytes() == SESSION * 50


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_standard_output_on_a_full_disk(tmp_path: Path) -> None:
    with (
        open("/dev/full", "wb") as full,
        listening(tmp_path, "--connections", "1", stdout=full) as (process, port),
    ):
        send(port, SESSION)
        status, _, err = finish(process)
    assert status == 2
    assert "No space left on device" in err


def test_many_at_once(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "40") as (process, port):
        data = [message("INIT", SessionId=n) + message("DONE", SessionId=n) for n in range(40)]
        threads = [threading.Thread(target=send, args=(port, one)) for one in data]
        for thread in threads:
            thread.start()
        status, out, _ = finish(process)
        for thread in threads:
            thread.join()
    assert status == 0
    done = {line["session_id"] for line in map(json.loads, out.splitlines()) if line["type"] == "DONE"}
    assert done == {str(n) for n in range(40)}


def test_a_million_messages_are_few(tmp_path: Path) -> None:
    """Fifty thousand of them here: at 10,000 a second nobody may have to wait."""
    stats = message("STATS", SessionId="s", File="/data/a", Size=10**9, Written=10**6, Elapsedusec=12345, Delay=7)
    with listening(tmp_path, "--connections", "1", "--progress", "none") as (process, port):
        send(port, message("INIT", SessionId="s"), stats * 50_000, message("DONE", SessionId="s"))
        assert finish(process)[0] == 0


# -- usage


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with listening(tmp_path) as (_, port):
        status, out, err = program("listen", "--port", str(port))
    assert (status, out) == (2, "")
    assert err == f"faspmgr: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_other_machines_only_on_request(tmp_path: Path) -> None:
    status, out, err = program("listen", "--host", "0.0.0.0")
    assert (status, out) == (2, "")
    assert "--allow-remote" in err
    assert len(err.splitlines()) == 1
    with listening(tmp_path, "--host", "0.0.0.0", "--allow-remote", "--connections", "1") as (process, port):
        send(port, SESSION)
        assert "warning: whoever reaches this port can forge messages of ascp" in finish(process)[2]


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--port-file", "none/port"], "none"),
        (["--record", "file"], "file"),
        (["--publish-in", "none"], "none"),
        (["--host", "no such host"], "cannot listen on no such host"),
        (["--view", "channel"], "KIND=FILE"),
    ],
)
def test_what_cannot_be(tmp_path: Path, args: list[str], words: str) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = program("listen", *args, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert words in err


def test_the_port_that_was_asked_for(tmp_path: Path) -> None:
    wanted = free_port()
    with listening(tmp_path, "--port", str(wanted)) as (_, port):
        assert port == wanted
