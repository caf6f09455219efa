"""``faspmgr replay``: to a pipe and to a port, in its own time, in pieces."""

from __future__ import annotations

import gzip
import signal
import socket
import struct
import threading
import time
from pathlib import Path

import pytest

from tests.cli.terminal import invoke
from tests.launcher import finish, start

ELAPSED = b"FASPMGR 2\nType: STATS\nElapsedusec: %d\nSessionId: s\n\n"


class Manager:
    """Takes one connection and everything that comes on it, piece by piece."""

    def __init__(self) -> None:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.server.getsockname()[1]}"
        self.pieces: list[tuple[float, bytes]] = []
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        connection, _ = self.server.accept()
        with connection:
            connection.sendall(b"FASPMGR 2\nType: QUERY\n\n" * 100)
            while data := connection.recv(1 << 16):
                self.pieces.append((time.monotonic(), data))

    @property
    def data(self) -> bytes:
        self.thread.join(10)
        assert not self.thread.is_alive()
        return b"".join(data for _, data in self.pieces)


def test_byte_for_byte(capture: Path) -> None:
    result = invoke("replay", "--speed", "max", capture)
    assert (result.status, result.out, result.err) == (0, capture.read_bytes(), "")


@pytest.mark.parametrize("cut", ["1", "7", "100000", "random"])
def test_pieces_are_the_same_bytes(cut: str, fixtures: Path) -> None:
    path = fixtures / "sessions" / "two-sessions.fasp"
    assert invoke("replay", "--speed", "max", "--cut", cut, path).out == path.read_bytes()


def test_whatever_the_bytes_are(tmp_path: Path) -> None:
    data = bytes(range(256)) * 100 + b"\r\n\r\nFASPMGR 2\r\nType: X"
    (tmp_path / "noise").write_bytes(data)
    assert invoke("replay", "--speed", "1000", tmp_path / "noise").out == data
    assert invoke("replay", "--speed", "max", tmp_path / "noise").out == data


def test_standard_input_and_compressed() -> None:
    data = ELAPSED % 5
    assert invoke("replay", "-", stdin=data).out == data
    assert invoke("replay", "-", stdin=gzip.compress(data)).out == data


@pytest.mark.parametrize(("speed", "low", "high"), [("1", 0.6, 3), ("4", 0.15, 0.6), ("max", 0, 0.4)])
def test_it_takes_its_time(speed: str, low: float, high: float, tmp_path: Path) -> None:
    path = tmp_path / "slow.fasp"
    path.write_bytes(ELAPSED % 0 + ELAPSED % 600_000)
    began = time.monotonic()
    assert invoke("replay", "--speed", speed, path).status == 0
    assert low <= time.monotonic() - began < high


def test_to_a_port(fixtures: Path) -> None:
    path = fixtures / "sessions" / "upload-skip-failure.fasp"
    manager = Manager()
    result = invoke("replay", "--to", manager.address, "--speed", "100", path)
    assert (result.status, result.out, result.err) == (0, b"", "")
    assert manager.data == path.read_bytes()


def test_to_a_port_in_its_own_time(tmp_path: Path) -> None:
    path = tmp_path / "slow.fasp"
    path.write_bytes(ELAPSED % 0 + ELAPSED % 300_000 + ELAPSED % 600_000)
    manager = Manager()
    assert invoke("replay", "--to", manager.address, path).status == 0
    assert manager.data == path.read_bytes()
    moments = [moment for moment, _ in manager.pieces]
    assert len(moments) == 3
    assert moments[2] - moments[0] >= 0.5


def test_a_large_stream_and_a_manager_that_writes_first(tmp_path: Path) -> None:
    """Neither side may wait for the other when both have more to say than fits into the buffers."""
    path = tmp_path / "large.fasp"
    path.write_bytes(ELAPSED % 1 * 40_000)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"FASPMGR 2\nType: QUERY\n\n" * 150_000)
                while connection.recv(1 << 16):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        result = invoke("replay", "--to", f"127.0.0.1:{server.getsockname()[1]}", "--speed", "max", path)
        thread.join(10)
    assert (result.status, result.err) == (0, "")


def test_nobody_listens(fixtures: Path) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{closed.getsockname()[1]}"
        result = invoke("replay", "--to", where, fixtures / "examples" / "stats.fasp")
    assert (result.status, result.out) == (5, b"")
    assert result.err == f"faspmgr: cannot connect to {where}: Connection refused\n"


def test_the_manager_hangs_up(tmp_path: Path) -> None:
    path = tmp_path / "slow.fasp"
    path.write_bytes(b"".join(ELAPSED % (number * 50_000) for number in range(100)))
    with socket.create_server(("127.0.0.1", 0)) as server:
        where = f"127.0.0.1:{server.getsockname()[1]}"
        with start("replay", "--to", where, path) as process:
            connection, _ = server.accept()
            connection.recv(10)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            connection.close()
            assert finish(process) == (1, "", f"faspmgr: {where} closed the connection before the end\n")


def test_a_pipe_that_closes(fixtures: Path) -> None:
    with start("replay", "--speed", "1", fixtures / "sessions" / "retry.fasp") as process:
        assert process.stdout
        assert process.stdout.read(20)
        process.stdout.close()
        assert process.wait(10) == 0
        assert process.stderr
        assert process.stderr.read() == b""


def test_ctrl_c(fixtures: Path) -> None:
    with start("replay", fixtures / "sessions" / "retry.fasp") as process:
        assert process.stdout
        assert process.stdout.read(20)
        process.send_signal(signal.SIGINT)
        ended = finish(process)
    assert (ended.status, ended.err) == (130, "")


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["nothing.fasp"], "faspmgr: nothing.fasp: No such file or directory"),
        ([], "Missing argument 'FILE'"),
        (["--speed", "0", "x"], "invalid speed: '0'; write 1, 10, 0.5 or max."),
        (["--speed", "fast", "x"], "invalid speed: 'fast'"),
        (["--speed", "9" * 400, "x"], "invalid speed"),
        (["--cut", "0", "x"], "invalid number of bytes: '0'; write 1 to 1,048,576, or random."),
        (["--to", "host:0", "x"], "invalid HOST:PORT: 'host:0'"),
        (["--to", "host:port", "x"], "invalid HOST:PORT: 'host:port'; write 127.0.0.1:4000."),
    ],
)
def test_wrong_usage(args: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("replay", *args)
    assert result.status == 2
    assert words in result.err


def test_a_damaged_file(tmp_path: Path) -> None:
    path = tmp_path / "damaged.fasp.gz"
    path.write_bytes(gzip.compress(ELAPSED % 1 * 1000)[:-20])
    result = invoke("replay", "--speed", "max", path)
    assert result.status == 4
    assert result.err == f"faspmgr: {path}: the gzip data is cut off\n"
    assert result.out
    path.write_bytes(gzip.compress(ELAPSED % 1) + b"garbage")
    result = invoke("replay", path)
    assert (result.status, result.out) == (0, ELAPSED % 1)
    assert result.err == f"faspmgr: {path}: trailing data after the gzip stream is ignored\n"
