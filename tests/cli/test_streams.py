"""A reader who does not read our output: nothing hangs for good, and nothing is lost for one who reads late."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.launcher import TIMEOUT, shell, start
from tests.live import message, nothing_left, scripted_ascp, wait_until

__all__ = ["nothing_left", "scripted_ascp"]

Make = Callable[[str], str]
STATS = message("STATS", SessionId="s", File="/data/a", Size=10**9, Written=10**6, Elapsedusec=12345)


@pytest.fixture
def full_pipe() -> Iterator[tuple[int, int]]:
    """The two ends of a pipe into which nothing more can be written."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    for size in (1 << 16, 1):
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"\n" * size)
    os.set_blocking(writing, True)
    yield reading, writing
    os.close(reading)
    os.close(writing)


def still_runs(process: subprocess.Popen[bytes], seconds: float = 1.0) -> bool:
    """Does it go on running for some time? Never a question of how fast this machine is."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return True
    return False


# -- listen


@contextlib.contextmanager
def listening(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], socket.socket, Path]]:
    """The command, a connection to it, and its port file."""
    file = tmp_path / "port"
    with start("listen", "--connections", "1", "--port-file", file) as process:
        wait_until(lambda: file.exists() or process.poll() is not None)
        with socket.create_connection(("127.0.0.1", int(file.read_text()))) as peer:
            yield process, peer, file


def send_until_it_waits(peer: socket.socket) -> int:
    """Send until nobody receives any more; give the number of messages that went out whole."""
    peer.settimeout(2)
    sent = 0
    with contextlib.suppress(TimeoutError):
        while sent < 100_000_000:
            sent += peer.send(STATS[sent % len(STATS) :] + STATS * 100)
    return sent // len(STATS)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT])
def test_listen_ends_at_the_second_signal(tmp_path: Path, number: signal.Signals) -> None:
    """``faspmgr listen | sleep 1000``"""
    with listening(tmp_path) as (process, peer, file):
        send_until_it_waits(peer)
        process.send_signal(number)
        wait_until(lambda: not file.exists())  # it has stopped in order, and has messages left to write
        assert still_runs(process)
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 130


def test_listen_makes_ascp_wait_and_loses_nothing(tmp_path: Path) -> None:
    with listening(tmp_path) as (process, peer, _file):
        count = send_until_it_waits(peer)
        assert count * len(STATS) < 50_000_000  # it would have taken 100 MB
        peer.settimeout(TIMEOUT)
        assert process.stdout
        received: list[bytes] = []
        read = process.stdout.read
        reader = threading.Thread(target=lambda: received.append(read()))
        reader.start()
        peer.sendall(b"\n\n" + STATS)  # the first ends the one that was cut
        peer.shutdown(socket.SHUT_WR)
        assert process.wait(TIMEOUT) == 3
        reader.join()
    lines = received[0].splitlines()
    assert len(lines) in (count + 1, count + 2)
    assert all(json.loads(line)["type"] == "STATS" for line in lines)


# -- run

CANCELLED = (
    "wire = began(); wire.sendall(stats(400)); assert b'CANCEL' in wire.recv(1000)\n"
    "wire.sendall(error(28, 'cancelled')); sys.exit(1)"
)


def test_a_result_waits_for_its_reader(scripted_ascp: Make, tmp_path: Path, full_pipe: tuple[int, int]) -> None:
    reading, writing = full_pipe
    record = tmp_path / "record"
    argv = ["--json", "--grace", "30", "--record", str(record), "--", scripted_ascp(CANCELLED)]
    with start("run", "--progress", "json", *argv, stdout=writing, stderr=writing) as process:
        wait_until(lambda: record.exists() and record.stat().st_size)
        process.send_signal(signal.SIGINT)
        assert still_runs(process)
        os.set_blocking(reading, False)
        received = b""

        def read() -> bool:
            nonlocal received
            with contextlib.suppress(BlockingIOError):
                received += os.read(reading, 1 << 16)
            return process.poll() is not None

        wait_until(read, TIMEOUT)
        with contextlib.suppress(BlockingIOError):
            received += os.read(reading, 1 << 16)
    assert process.returncode == 130
    assert b"SIGINT: cancelling the transfer" in received
    assert b"Interrupted: 28 USER_CANCEL: cancelled; interrupted by SIGINT" in received
    assert b'"verdict":"failed"' in received


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_run_ends_at_the_second_signal(
    scripted_ascp: Make, tmp_path: Path, full_pipe: tuple[int, int], number: signal.Signals
) -> None:
    record = tmp_path / "record"
    body = "signal.signal(15, signal.SIG_IGN); wire = began(); wire.sendall(stats(400)); time.sleep(60)"
    argv = ["--progress", "json", "--grace", "300", "--record", str(record), "--", scripted_ascp(body)]
    with start("run", *argv, stdout=full_pipe[1], stderr=full_pipe[1]) as process:
        wait_until(lambda: record.exists() and record.stat().st_size)
        process.send_signal(number)
        assert still_runs(process)
        process.send_signal(number)
        assert process.wait(TIMEOUT) == 130


def test_standard_error_of_ascp_that_nobody_reads(
    scripted_ascp: Make, tmp_path: Path, full_pipe: tuple[int, int]
) -> None:
    """``faspmgr run … 2> >(sleep 1000)``: ascp waits as it would alone, and the result comes where it can."""
    record = tmp_path / "record"
    body = "wire = began()\nwhile True: sys.stderr.write('words\\n' * 1000)"
    argv = ["--progress", "none", "--grace", "0.3", "--record", str(record), "--", scripted_ascp(body)]
    with start("run", *argv, stderr=full_pipe[1]) as process:
        wait_until(lambda: record.exists() and record.stat().st_size)
        assert still_runs(process, 2)
        process.send_signal(signal.SIGINT)
        assert process.stdout
        assert process.stdout.readline() == b"Interrupted: at 0%, 0 B; interrupted by SIGINT\n"
        assert still_runs(process)
        process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 130


def test_a_slow_reader_of_the_standard_error_of_ascp(scripted_ascp: Make, tmp_path: Path) -> None:
    """Six times what waits for a reader at most, and then the exit of ascp: all of it comes."""
    body = "wire = began()\nfor n in range(600_000): print(n, file=sys.stderr)\nwire.sendall(DONE)"
    argv = ["--progress", "none", "--", scripted_ascp(body)]
    outcome = shell('faspmgr run "$@" 2> >(sleep 2; cksum >"$OUT") >"$OUT.result"; wait $!; cat "$OUT"', *argv,
                    environment={"OUT": str(tmp_path / "out")})  # fmt: skip
    expected = shell("seq 0 599999 | cksum").out
    assert outcome.out == expected
    assert (tmp_path / "out.result").read_text().startswith("Completed: ")


# -- the program itself


@pytest.mark.parametrize("count", [1, 10_000])
def test_a_pipe_that_nobody_reads_does_not_hold_up_ctrl_c(
    tmp_path: Path, full_pipe: tuple[int, int], count: int
) -> None:
    """Commands without a transfer of their own write to the pipe themselves."""
    capture = tmp_path / "capture.fasp"
    capture.write_bytes(STATS * count)
    with start("decode", capture, stdout=full_pipe[1]) as process:
        assert still_runs(process, 2)
        for _ in range(2):
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
                still_runs(process)
        assert process.wait(TIMEOUT) == 130
        assert process.stderr
        assert process.stderr.read() == b""
