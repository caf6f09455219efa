"""faspmgr listen: what connects, as JSON Lines, as progress and as records."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from tests.launcher import FASPMGR, Outcome, finish, run, start
from tests.live import free_port, many_descriptors, message, nothing_left, wait_until
from tests.manager.peers import Peer
from tests.strict import strict_lines

__all__ = ["many_descriptors", "nothing_left"]

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
    with Peer(port) as peer:
        peer.send(*pieces)


def heard(tmp_path: Path, *pieces: bytes, args: Sequence[str | Path] = (), **options: Any) -> Outcome:
    """Listen for one connection, on which these pieces come, to the end."""
    with listening(tmp_path, "--connections", "1", *args, **options) as (process, port):
        send(port, *pieces)
        return finish(process)


def test_messages_as_json_lines(tmp_path: Path) -> None:
    outcome = heard(tmp_path, SESSION)
    assert outcome.status == 0
    lines = outcome.objects
    assert [list(line)[:3] for line in lines] == [["time", "connection", "session_id"]] * 5
    assert [line["type"] for line in lines] == ["INIT", "STATS", "STOP", "ARGSTOP", "DONE"]
    assert {line["connection"] for line in lines} == {1}
    assert {line["session_id"] for line in lines} == {"s"}  # ARGSTOP too, which has none
    assert lines[1]["written"] == 5
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["time"]) for line in lines)
    assert [line["time"] for line in lines] == sorted(line["time"] for line in lines)
    assert re.fullmatch(r"faspmgr: listening on 127\.0\.0\.1:\d+\n", outcome.err)
    assert "t0ken" not in outcome.out


def test_secrets_on_request(tmp_path: Path) -> None:
    outcome = heard(tmp_path, message("SESSION", SessionId="s", Token="t0ken"), args=["--show-secrets"])
    assert outcome.objects[0]["token"] == "t0ken"


def test_names_that_are_no_utf_8(tmp_path: Path) -> None:
    outcome = heard(tmp_path, b"FASPMGR 2\nType: STATS\nSessionId: s\xff\nFile: caf\xe9\n\n")
    (shown,) = strict_lines(outcome.data)
    assert (shown["session_id"], shown["file"]) == ("s\ufffd", "caf\ufffd")
    assert shown["undecodable"] == {"session_id": "s%FF", "file": "caf%E9"}


def test_several_connections_merged(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "3") as (process, port):
        for name in ("a#b", "b", "a#b"):  # the same SessionId twice
            send(port, message("INIT", SessionId=name), message("DONE", SessionId=name))
        outcome = finish(process)
    assert outcome.status == 0
    assert sorted((line["connection"], line["session_id"], line["type"]) for line in outcome.objects) == [
        (number, name, kind) for number, name in enumerate(("a#b", "b", "a#b"), 1) for kind in ("DONE", "INIT")
    ]


@pytest.mark.parametrize(
    ("ends", "status", "verdict"),
    [
        ([message("DONE", SessionId="s")], 0, "Completed: "),
        ([message("ERROR", SessionId="s", Code=16)], 1, "Failed: 16 CONNECTION_LOST"),
        ([], 3, "Lost: "),
    ],
)
def test_the_status_is_that_of_the_transfers(tmp_path: Path, ends: list[bytes], status: int, verdict: str) -> None:
    outcome = heard(tmp_path, message("INIT", SessionId="s"), *ends, args=["--progress", "none"])
    assert outcome.status == status
    assert outcome.out.startswith(verdict)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_it(tmp_path: Path, number: signal.Signals) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(message("INIT", SessionId="s"))
        assert process.stdout
        assert json.loads(process.stdout.readline())["type"] == "INIT"
        process.send_signal(number)
        assert finish(process)[:2] == (130, "")
        assert peer.recv(1) == b""


def test_lines_come_as_the_messages_do(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        assert process.stdout
        for number in range(5):
            peer.sendall(message("STATS", SessionId="s", File="/a", Written=number))
            assert json.loads(process.stdout.readline())["written"] == number


def test_garbage_is_reported_and_harms_nobody(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "2") as (process, port):
        send(port, b"\xff\x00 rubbish \x1b[31m\n" * 50, b"FASPMGR 2\nnonsense\n" * 50)
        send(port, SESSION)
        outcome = finish(process)
    assert outcome.objects[-1]["type"] == "DONE"
    problems = [line for line in outcome.errors if "127.0.0.1:" in line and "listening" not in line]
    assert len(problems) == 10
    assert "\x1b" not in outcome.err


def test_a_connection_that_breaks_off_is_reported(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "1") as (process, port):
        peer = Peer(port)
        peer.send(SESSION)
        assert process.stdout
        assert [json.loads(process.stdout.readline())["type"] for _ in range(5)][-1] == "DONE"
        peer.reset()
        outcome = finish(process)
    assert outcome.status == 0
    assert outcome.errors[1:] == [f"faspmgr: {peer.address}: Connection reset by peer"]


def test_progress_instead_of_messages(tmp_path: Path) -> None:
    outcome = heard(tmp_path, SESSION, args=["--progress", "json"])
    assert (outcome.objects[-1]["state"], outcome.objects[-1]["bytes_done"]) == ("done", 10)
    assert "Completed: " in outcome.err


def test_records(tmp_path: Path) -> None:
    record = tmp_path / "records"
    with listening(tmp_path, "--connections", "2", "--record", record) as (process, port):
        for end in (b"", b"FASPMGR 2\nType: ST"):
            send(port, SESSION + end)
        assert finish(process).status == 0
    files = sorted(record.glob("*.fasp"))
    assert sorted(file.read_bytes() for file in files) == [SESSION, SESSION + b"FASPMGR 2\nType: ST"]
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert len(list(faspmgr.read(str(files[0])))) == 5


def test_a_record_that_stops_in_the_middle(tmp_path: Path) -> None:
    """As when the disk is full: here the size of files is limited. What came is written to the output all the same."""
    limited = ("bash", "-c", 'ulimit -f 8; trap "" XFSZ; exec "$@"', "bash", *FASPMGR)
    records = tmp_path / "records"
    stats = message("STATS", SessionId="s", File="/a" * 100)
    stream = message("INIT", SessionId="s") + stats * 500 + message("DONE", SessionId="s")
    outcome = heard(tmp_path, stream, args=["--record", records], program=limited)
    assert outcome.status == 2
    assert [line["type"] for line in outcome.objects] == ["INIT", *["STATS"] * 500, "DONE"]
    assert "the recording is not complete: " in outcome.err
    (record,) = records.glob("*.fasp")
    assert stream.startswith(record.read_bytes())


def test_a_view(tmp_path: Path) -> None:
    view = tmp_path / "connection.json"
    assert heard(tmp_path, SESSION, args=["--view", f"connection={view}"]).status == 0
    assert json.loads(view.read_text())


def test_published(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    with listening(tmp_path, "--publish-in", folder) as (process, port):
        (file,) = folder.iterdir()
        assert file.suffix == ".optport"
        assert file.read_text() == f"127.0.0.1:{port}\n"
        process.send_signal(signal.SIGINT)
        finish(process)
    assert not list(folder.iterdir())


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, port), socket.create_connection(("127.0.0.1", port)) as peer:
        assert process.stdout
        process.stdout.close()
        with contextlib.suppress(OSError):
            for _ in range(3):
                peer.sendall(SESSION)
        process.stdout = None
        assert finish(process).status == 0


def test_a_reader_that_goes_away_while_recording(tmp_path: Path) -> None:
    with listening(tmp_path, "--record", tmp_path / "r", "--connections", "1") as (process, port):
        assert process.stdout
        process.stdout.close()
        send(port, SESSION * 50)
        process.stdout = None
        assert finish(process).status == 0
    (record,) = (tmp_path / "r").glob("*.fasp")
    assert record.read_bytes() == SESSION * 50


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_standard_output_on_a_full_disk(tmp_path: Path) -> None:
    with open("/dev/full", "wb") as full:
        outcome = heard(tmp_path, SESSION, stdout=full)
    assert outcome.status == 2
    assert "No space left on device" in outcome.err


def test_a_million_messages_are_few(tmp_path: Path) -> None:
    """Fifty thousand of them here: at 10,000 a second nobody may have to wait."""
    stats = message("STATS", SessionId="s", File="/data/a", Size=10**9, Written=10**6, Elapsedusec=12345, Delay=7)
    stream = [message("INIT", SessionId="s"), stats * 50_000, message("DONE", SessionId="s")]
    assert heard(tmp_path, *stream, args=["--progress", "none"]).status == 0


# -- the port file


def test_the_port_file_of_another_listener_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "port"
    with start("listen", "--port-file", file) as first:
        wait_until(lambda: file.exists() or first.poll() is not None)
        before = file.read_text()
        with start("listen", "--port-file", file) as second:
            wait_until(lambda: file.read_text() != before or second.poll() is not None)
            theirs = file.read_text()
            first.send_signal(signal.SIGINT)
            assert finish(first).status == 130
            assert file.read_text() == theirs
            second.send_signal(signal.SIGINT)
            assert finish(second).status == 130
            assert not file.exists()


@pytest.mark.parametrize("put", [b"another port\n", b"\xff", b""])
def test_a_port_file_that_somebody_has_written_into_is_left_alone(tmp_path: Path, put: bytes) -> None:
    file = tmp_path / "port"
    with start("listen", "--port-file", file) as process:
        wait_until(lambda: file.exists() or process.poll() is not None)
        inode = file.stat().st_ino
        file.write_bytes(put)
        assert file.stat().st_ino == inode
        process.send_signal(signal.SIGINT)
        assert finish(process).status == 130
    assert file.read_bytes() == put


@pytest.mark.parametrize("put", [None, "folder", "link", "pipe"])
def test_a_port_file_that_has_gone(tmp_path: Path, put: str | None) -> None:
    file = tmp_path / "port"
    with start("listen", "--port-file", file) as process:
        wait_until(lambda: file.exists() or process.poll() is not None)
        file.unlink()
        if put == "folder":
            file.mkdir()
        elif put == "link":
            file.symlink_to("none")
        elif put == "pipe":
            os.mkfifo(file)
        process.send_signal(signal.SIGINT)
        assert finish(process).status == 130
    assert os.path.lexists(file) == (put is not None)


# -- many connections


def crowd(port: int, count: int) -> list[Peer]:
    """So many connections, open at once, each with an INIT of its own."""
    peers = [Peer(port) for _ in range(count)]
    for number, peer in enumerate(peers):
        peer.send(message("INIT", SessionId=number))
    return peers


def test_a_thousand_connections_at_once(tmp_path: Path, many_descriptors: None) -> None:
    """All are open until each has been served, though the program starts with few descriptors."""
    few = ("bash", "-c", 'ulimit -Sn 256; exec "$@"', "bash", *FASPMGR)
    with listening(tmp_path, "--connections", "1000", program=few) as (process, port):
        peers = crowd(port, 1_000)
        assert process.stdout
        seen = {json.loads(process.stdout.readline())["session_id"] for _ in peers}
        assert seen == {str(number) for number in range(1_000)}
        for number, peer in enumerate(peers):
            peer.send(message("DONE", SessionId=number))
            peer.close()
        outcome = finish(process)
    assert (outcome.status, len(outcome.lines), len(outcome.errors)) == (0, 1_000, 1)


@pytest.mark.parametrize(("args", "places"), [([], 68), (["--record", "records"], 34), (["--max-connections", "9"], 9)])
def test_where_few_descriptors_are_allowed_what_is_left_is_said(tmp_path: Path, args: list[str], places: int) -> None:
    """100 are allowed, 32 are for other things; the others are shared by connections and records."""
    few = ("bash", "-c", 'ulimit -n 100; exec "$@"', "bash", *FASPMGR)
    with listening(tmp_path, "--connections", "120", *args, program=few, cwd=tmp_path) as (process, port):
        peers = crowd(port, 120)
        assert process.stdout
        seen = [json.loads(process.stdout.readline())["session_id"] for _ in range(places)]
        for number, peer in enumerate(peers):
            peer.send(message("DONE", SessionId=number))
            peer.close()
        outcome = finish(process)
    assert outcome.status == 0
    assert len({*seen, *(line["session_id"] for line in outcome.objects)}) == 120
    said = [f"faspmgr: warning: {places} connections are served at once, as no more files may be open (ulimit -Hn)"]
    assert outcome.errors[1:] == ([] if places == 9 else said)


def test_a_limit_that_is_asked_for(tmp_path: Path) -> None:
    with listening(tmp_path, "--connections", "3", "--max-connections", "2") as (process, port):
        peers = crowd(port, 3)
        assert process.stdout
        seen = [json.loads(process.stdout.readline())["connection"] for _ in range(2)]
        for number, peer in enumerate(peers):
            peer.send(message("DONE", SessionId=number))
            peer.close()
        outcome = finish(process)
    assert seen == [1, 2]
    connections = [line["connection"] for line in outcome.objects]
    assert connections.index(3) >= 1  # only when another one had ended
    assert sorted(connections) == [1, 2, 3, 3]


# -- usage


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with listening(tmp_path) as (_, port):
        status, out, err = run("listen", "--port", str(port))
    assert (status, out) == (2, "")
    assert err == f"faspmgr: cannot listen on 127.0.0.1:{port}: Address already in use\n"


def test_other_machines_only_on_request(tmp_path: Path) -> None:
    status, out, err = run("listen", "--host", "0.0.0.0")
    assert (status, out) == (2, "")
    assert "--allow-remote" in err
    assert len(err.splitlines()) == 1
    outcome = heard(tmp_path, SESSION, args=["--host", "0.0.0.0", "--allow-remote"])
    assert "warning: whoever reaches this port can forge messages of ascp" in outcome.err


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
def test_what_cannot_be_opened(tmp_path: Path, args: list[str], words: str) -> None:
    (tmp_path / "file").write_text("")
    status, out, err = run("listen", *args, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert words in err


def test_the_port_that_is_asked_for(tmp_path: Path) -> None:
    wanted = free_port()
    with listening(tmp_path, "--port", str(wanted)) as (_, port):
        assert port == wanted
