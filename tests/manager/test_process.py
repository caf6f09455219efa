"""One ascp: how it may end, and what is reported of it. The expected verdicts are those of the protocol page: DONE is
done, ERROR is failed, an end without either is lost."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Result
from faspmgr.manager.watchdog import AFTER_EXIT
from tests.live import MakeAscp, processes_with
from tests.manager.transfers import asyncio_only, run

pytestmark = pytest.mark.usefixtures("either_loop")

# -- the verdicts


def test_done(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(stats(400) + stop() + DONE)")])
    assert (result.verdict, result.status, result.error, result.reason) == ("done", 0, None, "")
    assert result.exit_status == 0
    assert result.transfer is not None
    assert (result.transfer.state, result.transfer.files_done, result.transfer.bytes_done) == ("done", 1, 1000)
    assert [attempt.verdict for attempt in result.attempts] == ["done"]


def test_failed_with_what_the_code_means(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(25, 'disk full')); sys.exit(1)")])
    assert (result.verdict, result.status, result.exit_status) == ("failed", 1, 1)
    assert result.error is not None
    assert (result.error.code, result.error.name, result.error.description) == (25, "NO_SPACE_LEFT", "disk full")
    assert result.error.meaning == "the disk is full"
    assert "quota" in result.error.advice


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("wire = began(); wire.sendall(stats(400)); sys.exit(3)", 3, "ended with exit status 3 without DONE or ERROR"),
        ("wire = began(); sys.exit(0)", 0, "ended with exit status 0 without DONE or ERROR"),
        ("wire = began(); wire.sendall(stats(400)[:-9]); os.kill(os.getpid(), 9)", -9, "killed by SIGKILL without"),
        ("wire = began(); wire.sendall(DONE[:-1])", 0, "without DONE or ERROR"),  # who cut it may have cut a value
    ],
)
def test_lost(scripted_ascp: MakeAscp, body: str, status: int, words: str) -> None:
    result = run([scripted_ascp(body)])
    assert (result.verdict, result.status, result.exit_status, result.error) == ("lost", 3, status, None)
    assert words in result.reason
    assert result.transfer is not None
    assert result.transfer.state == "lost"


# -- not started


def test_ascp_that_is_not_there(tmp_path: Path) -> None:
    result = run([str(tmp_path / "none")])
    assert (result.verdict, result.status, result.transfer) == ("not started", 5, None)
    assert result.reason == f"{tmp_path}/none: No such file or directory"


def test_no_ascp_anywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FASPMGR_ASCP", str(tmp_path / "none"))
    result = run(["ascp", "a", "b:c"])
    assert (result.verdict, result.status) == ("not started", 5)
    assert "none: no such file" in result.reason


def test_ascp_that_may_not_be_executed(tmp_path: Path) -> None:
    path = tmp_path / "ascp"
    path.write_text("#!/bin/sh\n")
    result = run([str(path)])
    assert (result.verdict, result.reason) == ("not started", f"{path}: Permission denied")


def test_ascp_for_another_machine(tmp_path: Path) -> None:
    path = tmp_path / "ascp"
    path.write_bytes(b"\x7fELF\x02\x01\x01" + b"\0" * 9 + b"\x02\0\xf3\0" + b"\0" * 100)  # RISC-V
    path.chmod(0o755)
    result = run([str(path)])
    assert result.verdict == "not started"
    assert "not a program for this machine" in result.reason


def test_ascp_that_ends_without_connecting(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("sys.exit('ascp: unrecognized option')")])
    assert (result.verdict, result.exit_status) == ("not started", 1)
    assert result.reason == "ascp ended with exit status 1 without connecting: ascp: unrecognized option"
    assert result.stderr == ("ascp: unrecognized option",)


@asyncio_only
def test_ascp_that_does_not_connect_in_time(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("time.sleep(60)")], connect_timeout=0.5, grace=0.3)
    assert (result.verdict, result.status) == ("not started", 5)
    assert result.reason == "ascp did not connect within 0.5 s"
    assert result.exit_status == -signal.SIGTERM


def test_an_argument_that_no_program_can_be_given(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp(""), "a\0b"])
    assert result.verdict == "not started"
    assert "null" in result.reason


# -- what it is started with


def test_what_is_added_to_the_command_line(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    words = run([path, "-l", "7m", "a", "h:b"]).stderr[0]
    argv = eval(words)
    assert sorted(argv[:4:2]) == ["-M", "-u"]
    assert argv[4:] == ["-l", "7m", "a", "h:b"]
    assert argv[argv.index("-M") + 1].startswith("127.0.0.1:")
    assert argv[argv.index("-u") + 1].startswith("faspmgr-")


def test_a_user_string_of_ones_own_is_kept(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    result = run([path, "-u", "nightly", "a", "h:b"])
    assert eval(result.stderr[0])[2:] == ["-u", "nightly", "a", "h:b"]
    assert result.transfer is not None
    assert result.transfer.id == "nightly"


def test_the_environment(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("sys.stderr.write(os.environ['ASPERA_SCP_COOKIE']); wire = began(); wire.sendall(DONE)")
    assert run([path], environment={"ASPERA_SCP_COOKIE": "crumbs"}).stderr == ("crumbs",)


def test_no_socket_of_ours_is_handed_to_ascp(scripted_ascp: MakeAscp) -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        path = scripted_ascp(
            "names = [os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if int(fd) > 2"
            " and os.path.lexists('/proc/self/fd/' + fd)]\n"
            "sys.stderr.write(repr([name for name in names if 'socket' in name]))\nwire = began(); wire.sendall(DONE)"
        )
        assert run([path]).stderr == ("[]",)


# -- the three ends, in any order


def test_the_process_goes_while_its_connection_stays_open(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(400))\nif os.fork() == 0: time.sleep(60)\nos._exit(4)")
    result = run([path], grace=30)
    assert (result.verdict, result.exit_status) == ("lost", 4)
    assert result.reason == "ascp has exited, but its connection stayed open"


@asyncio_only
def test_a_reader_that_is_slower_than_the_process(scripted_ascp: MakeAscp) -> None:
    """What it sent before its exit is read to the end, after the grace period too, and when nothing runs for long."""
    path = scripted_ascp("wire = began(); wire.sendall(b''.join(stats(n) for n in range(3000)) + DONE)")
    seen = 0

    def slow(event: Any, session: Any) -> None:
        nonlocal seen
        seen += 1
        time.sleep(0.9 if seen % 1000 == 0 else 0.0005)

    result = run([path], grace=0.2, on_event=slow)
    assert (result.verdict, result.reason) == ("done", "")


def test_the_process_goes_after_done_while_its_connection_stays_open(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)\nif os.fork() == 0: time.sleep(60)\nos._exit(0)")
    assert run([path], grace=30).verdict == "done"


def test_it_is_noticed_within_a_second() -> None:
    assert AFTER_EXIT < 0.9


def test_the_connection_closes_while_the_process_hangs(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(stats(400)); wire.close(); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.exit_status) == ("lost", -signal.SIGTERM)
    assert result.reason == "ascp closed its connection, but did not exit"


@asyncio_only
def test_the_connection_closes_after_done_while_the_process_hangs(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(DONE); wire.close(); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.status) == ("done", 0)
    assert result.reason == "ascp closed its connection, but did not exit"


@asyncio_only
def test_all_hangs_after_the_last_message(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.error and result.error.code) == ("failed", 16)
    assert result.reason == "ascp did not exit after its last message"


def test_the_last_message_takes_a_while_after_the_exit(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began()\nif os.fork() == 0: time.sleep(0.2); wire.sendall(DONE)\nos._exit(0)")
    assert run([path], grace=10).verdict == "done"


def test_reset_in_the_middle_of_a_message(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "import struct\nwire = began(); wire.sendall(stats(400)); time.sleep(0.3); wire.sendall(stats(800)[:-20])\n"
        "wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); wire.close(); sys.exit(1)"
    )
    result = run([path])
    assert result.verdict == "lost"
    assert result.transfer is not None
    assert result.transfer.bytes_done == 400  # the unfinished message does not count
    assert "reset" in result.reason


@asyncio_only
def test_an_end_that_was_none(scripted_ascp: MakeAscp) -> None:
    """HTTP fallback: files move again after ERROR, and the end comes a second time."""
    path = scripted_ascp(
        "wire = began(FallbackProtocol='http'); wire.sendall(error(14)); time.sleep(1)\n"
        "wire.sendall(stats(500)); time.sleep(0.7); wire.sendall(stop() + DONE + DONE)"
    )
    assert run([path], grace=0.5).verdict == "done"


# -- stalls, and the clock


def test_a_stall_is_cancelled(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); wire.sendall(stats(990))\n"
        "assert b'Type: CANCEL' in wire.recv(1000); wire.sendall(error(28, 'cancelled')); sys.exit(1)"
    )
    result = run([path], stall_timeout=0.5, grace=20)
    assert (result.verdict, result.error and result.error.code) == ("failed", 28)
    assert result.reason == "no progress for 0.5 s"
    assert result.attempts[0].stalled


@asyncio_only
def test_a_stall_that_says_the_same_again_and_again(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began()\nwhile True: wire.sendall(stats(990)); time.sleep(0.05)")
    result = run([path], stall_timeout=0.5, grace=0.3)
    assert (result.verdict, result.reason) == ("lost", "no progress for 0.5 s")


@asyncio_only
def test_slow_progress_is_no_stall(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began()\nfor n in range(12): wire.sendall(stats(n)); time.sleep(0.15)\nwire.sendall(stop() + DONE)"
    )
    assert run([path], stall_timeout=1.2).verdict == "done"


@asyncio_only
def test_an_idle_persistent_session_is_no_stall(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(Keepalive='Yes'); time.sleep(1.5); wire.sendall(DONE)")
    assert run([path], stall_timeout=0.4).verdict == "done"


@asyncio_only
def test_a_clock_that_jumps(scripted_ascp: MakeAscp, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scripted_ascp("wire = began(); time.sleep(1); wire.sendall(DONE)")
    real, started = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: real() + (86_400 if real() - started > 0.5 else -86_400))
    assert run([path], stall_timeout=20, connect_timeout=20).verdict == "done"


def test_time_in_which_the_program_was_stopped_does_not_count(scripted_ascp: MakeAscp) -> None:
    """As after Ctrl-Z and fg: the loop's clock has gone on, and ascp has had no chance to be heard."""
    path = scripted_ascp("wire = began(); time.sleep(1); wire.sendall(DONE)")

    async def job() -> Result:
        loop = asyncio.get_running_loop()
        real, started = loop.time, loop.time()
        loop.time = lambda: real() + (3_600 if real() - started > 0.6 else 0)  # type: ignore[method-assign]
        return await faspmgr.run([path], stall_timeout=20, connect_timeout=20, grace=20)

    assert asyncio.run(job()).verdict == "done"


def test_a_running_transfer_can_be_seen_from_outside(scripted_ascp: MakeAscp) -> None:
    """That the check for processes which are left behind can fail at all."""
    path = scripted_ascp("wire = began(); time.sleep(0.5); wire.sendall(DONE)")
    mark = f"FASPMGR_TEST_MARK={os.environ['FASPMGR_TEST_MARK']}"
    seen: list[list[str]] = []
    run([path], on_event=lambda *_: seen.append(processes_with(mark)))
    if os.path.exists("/proc/self/environ"):
        assert seen[0]
