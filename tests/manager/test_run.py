"""Running ascp: how it may end, and what is said of it. The expected verdicts are those of the protocol page: DONE is
done, ERROR is failed, an end without either is lost."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job, Result
from faspmgr.manager.job import retry_delay
from faspmgr.manager.watchdog import AFTER_EXIT
from tests.live import message, processes_with

Make = Callable[[str], str]


def run(what: Any, within: float = 40, **options: Any) -> Result:
    """Run a transfer with short times, but not for ever; nothing of it may be left in the loop."""

    async def bounded() -> Result:
        result = await asyncio.wait_for(faspmgr.run(what, **{"grace": 10, **options}), within)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    before = threading.active_count()
    result = asyncio.run(bounded())
    assert threading.active_count() <= before
    return result


# -- the verdicts


def test_done(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(stats(400) + stop() + DONE)")])
    assert (result.verdict, result.status, result.error, result.reason) == ("done", 0, None, "")
    assert result.exit_status == 0
    assert result.transfer is not None
    assert (result.transfer.state, result.transfer.files_done, result.transfer.bytes_done) == ("done", 1, 1000)
    assert [attempt.verdict for attempt in result.attempts] == ["done"]


def test_failed_with_what_the_code_means(scripted_ascp: Make) -> None:
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
def test_lost(scripted_ascp: Make, body: str, status: int, words: str) -> None:
    result = run([scripted_ascp(body)])
    assert (result.verdict, result.status, result.exit_status, result.error) == ("lost", 3, status, None)
    assert words in result.reason
    assert result.transfer is not None
    assert result.transfer.state == "lost"


def test_the_result_as_json(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(25)); print('oh', file=sys.stderr); sys.exit(1)")])
    shown = json.loads(json.dumps(result.to_dict()))
    assert (shown["verdict"], shown["status"], shown["error"]["name"]) == ("failed", 1, "NO_SPACE_LEFT")
    assert (shown["attempts"][0]["stderr"], shown["transfer"]["state"]) == (["oh"], "failed")


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


def test_ascp_that_ends_without_connecting(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("sys.exit('ascp: unrecognized option')")])
    assert (result.verdict, result.exit_status) == ("not started", 1)
    assert result.reason == "ascp ended with exit status 1 without connecting: ascp: unrecognized option"
    assert result.stderr == ("ascp: unrecognized option",)


def test_ascp_that_does_not_connect_in_time(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("time.sleep(60)")], connect_timeout=0.5, grace=0.3)
    assert (result.verdict, result.status) == ("not started", 5)
    assert result.reason == "ascp did not connect within 0.5 s"
    assert result.exit_status == -signal.SIGTERM


# -- what it is started with


def test_what_is_added_to_the_command_line(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    words = run([path, "-l", "7m", "a", "h:b"]).stderr[0]
    argv = eval(words)
    assert sorted(argv[:4:2]) == ["-M", "-u"]
    assert argv[4:] == ["-l", "7m", "a", "h:b"]
    assert argv[argv.index("-M") + 1].startswith("127.0.0.1:")
    assert argv[argv.index("-u") + 1].startswith("faspmgr-")


def test_a_user_string_of_ones_own_is_kept(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    result = run([path, "-u", "nightly", "a", "h:b"])
    assert eval(result.stderr[0])[2:] == ["-u", "nightly", "a", "h:b"]
    assert result.transfer is not None
    assert result.transfer.id == "nightly"


def test_the_environment(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.write(os.environ['ASPERA_SCP_COOKIE']); wire = began(); wire.sendall(DONE)")
    assert run([path], environment={"ASPERA_SCP_COOKIE": "crumbs"}).stderr == ("crumbs",)


@pytest.mark.parametrize("what", ["ascp a b", [], [""], ["ascp", 1], {"direction": "send"}])
def test_what_cannot_be_run(what: Any) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - each has words of its own
        run(what)


@pytest.mark.parametrize(
    "options",
    [{"retry": -1}, {"sessions": 0}, {"sessions": 129}, {"stall_timeout": 0}, {"connect_timeout": 0}, {"grace": -1}],
)
def test_numbers_that_make_no_sense(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        run(["ascp", "a", "h:b"], **options)


def test_an_argument_that_no_program_can_be_given(scripted_ascp: Make) -> None:
    result = run([scripted_ascp(""), "a\0b"])
    assert result.verdict == "not started"
    assert "null" in result.reason


# -- standard error


def test_standard_error_is_passed_on_and_its_tail_kept(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "for n in range(1000): print('line', n, file=sys.stderr)\n"
        "sys.stderr.write('no end of a line'); sys.stderr.flush()\n"
        "wire = began(); wire.sendall(DONE)"
    )
    lines: list[bytes] = []
    result = run([path], on_stderr=lines.append)
    assert b"".join(lines) == b"".join(b"line %d\n" % n for n in range(1000)) + b"no end of a line"
    assert result.stderr == (*(f"line {n}" for n in range(981, 1000)), "no end of a line")


def test_a_line_without_end_on_standard_error(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.buffer.write(b'x' * 3_000_000); wire = began(); wire.sendall(DONE)")
    pieces: list[bytes] = []
    result = run([path], on_stderr=pieces.append)
    assert result.verdict == "done"
    assert b"".join(pieces) == b"x" * 3_000_000
    assert sum(map(len, result.stderr)) < 1_000_000


def test_secrets_on_standard_error_are_hidden(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "print('token', option('-W'), 'pass', os.environ['ASPERA_SCP_PASS'], file=sys.stderr)\n"
        "wire = began(); wire.sendall(error(19, 'bad')); sys.exit(1)"
    )
    lines: list[bytes] = []
    result = run(
        [path, "-W", "tok-3n", "a", "h:b"], environment={"ASPERA_SCP_PASS": "pa55word"}, on_stderr=lines.append
    )
    assert lines == [b"token *** pass ***\n"]
    assert result.stderr == ("token *** pass ***",)
    assert "tok-3n" not in repr(result) + json.dumps(result.to_dict())


# -- the three ends, in any order


def test_the_process_goes_while_its_connection_stays_open(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(400))\nif os.fork() == 0: time.sleep(60)\nos._exit(4)")
    result = run([path], grace=30)
    assert (result.verdict, result.exit_status) == ("lost", 4)
    assert result.reason == "ascp has exited, but its connection stayed open"


def test_a_reader_that_is_slower_than_the_process(scripted_ascp: Make) -> None:
    """What it sent before its exit is read to the end, after the grace period too, and when nothing runs for long."""
    path = scripted_ascp("wire = began(); wire.sendall(b''.join(stats(n) for n in range(3000)) + DONE)")
    seen = 0

    def slow(event: Any, session: Any) -> None:
        nonlocal seen
        seen += 1
        time.sleep(0.9 if seen % 1000 == 0 else 0.0005)

    result = run([path], grace=0.2, on_event=slow)
    assert (result.verdict, result.reason) == ("done", "")


def test_the_process_goes_after_done_while_its_connection_stays_open(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)\nif os.fork() == 0: time.sleep(60)\nos._exit(0)")
    assert run([path], grace=30).verdict == "done"


def test_it_is_noticed_within_a_second() -> None:
    assert AFTER_EXIT < 0.9


def test_the_connection_closes_while_the_process_hangs(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(stats(400)); wire.close(); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.exit_status) == ("lost", -signal.SIGTERM)
    assert result.reason == "ascp closed its connection, but did not exit"


def test_the_connection_closes_after_done_while_the_process_hangs(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(DONE); wire.close(); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.status) == ("done", 0)
    assert result.reason == "ascp closed its connection, but did not exit"


def test_all_hangs_after_the_last_message(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); time.sleep(60)")], grace=0.3)
    assert (result.verdict, result.error and result.error.code) == ("failed", 16)
    assert result.reason == "ascp did not exit after its last message"


def test_the_last_message_takes_a_while_after_the_exit(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began()\nif os.fork() == 0: time.sleep(0.2); wire.sendall(DONE)\nos._exit(0)")
    assert run([path], grace=10).verdict == "done"


def test_reset_in_the_middle_of_a_message(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "import struct\nwire = began(); wire.sendall(stats(400)); time.sleep(0.3); wire.sendall(stats(800)[:-20])\n"
        "wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0)); wire.close(); sys.exit(1)"
    )
    result = run([path])
    assert result.verdict == "lost"
    assert result.transfer is not None
    assert result.transfer.bytes_done == 400  # the unfinished message does not count
    assert "reset" in result.reason


def test_an_end_that_was_none(scripted_ascp: Make) -> None:
    """HTTP fallback: files move again after ERROR, and the end comes a second time."""
    path = scripted_ascp(
        "wire = began(FallbackProtocol='http'); wire.sendall(error(14)); time.sleep(1)\n"
        "wire.sendall(stats(500)); time.sleep(0.7); wire.sendall(stop() + DONE + DONE)"
    )
    assert run([path], grace=0.5).verdict == "done"


# -- stalls, stopping, signals


def test_a_stall_is_cancelled(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "wire = began(); wire.sendall(stats(990))\n"
        "assert b'Type: CANCEL' in wire.recv(1000); wire.sendall(error(28, 'cancelled')); sys.exit(1)"
    )
    result = run([path], stall_timeout=0.5, grace=20)
    assert (result.verdict, result.error and result.error.code) == ("failed", 28)
    assert result.reason == "no progress for 0.5 s"
    assert result.attempts[0].stalled


def test_a_stall_that_says_the_same_again_and_again(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began()\nwhile True: wire.sendall(stats(990)); time.sleep(0.05)")
    result = run([path], stall_timeout=0.5, grace=0.3)
    assert (result.verdict, result.reason) == ("lost", "no progress for 0.5 s")


def test_a_hang_that_no_signal_but_one_ends(scripted_ascp: Make) -> None:
    """As the real ascp while it waits for its peer: neither CANCEL nor SIGTERM is heard."""
    path = scripted_ascp("signal.signal(15, signal.SIG_IGN); wire = began()\nwhile True: time.sleep(60)")
    result = run([path], stall_timeout=0.3, grace=0.3)
    assert (result.verdict, result.exit_status) == ("lost", -signal.SIGKILL)


def test_what_ascp_has_started_ends_with_it(scripted_ascp: Make) -> None:
    path = scripted_ascp("os.fork(); signal.signal(15, signal.SIG_IGN)\nwire = began()\nwhile True: time.sleep(60)")
    assert run([path], stall_timeout=0.3, grace=0.3).verdict in ("lost", "not started")


def test_slow_progress_is_no_stall(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "wire = began()\nfor n in range(12): wire.sendall(stats(n)); time.sleep(0.15)\nwire.sendall(stop() + DONE)"
    )
    assert run([path], stall_timeout=1.2).verdict == "done"


def test_an_idle_persistent_session_is_no_stall(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(Keepalive='Yes'); time.sleep(1.5); wire.sendall(DONE)")
    assert run([path], stall_timeout=0.4).verdict == "done"


def test_a_clock_that_jumps(scripted_ascp: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    path = scripted_ascp("wire = began(); time.sleep(1); wire.sendall(DONE)")
    real, started = time.time, time.time()
    monkeypatch.setattr(time, "time", lambda: real() + (86_400 if real() - started > 0.5 else -86_400))
    assert run([path], stall_timeout=20, connect_timeout=20).verdict == "done"


def test_time_in_which_the_program_was_stopped_does_not_count(scripted_ascp: Make) -> None:
    """As after Ctrl-Z and fg: the loop's clock has gone on, and ascp has had no chance to be heard."""
    path = scripted_ascp("wire = began(); time.sleep(1); wire.sendall(DONE)")

    async def job() -> Result:
        loop = asyncio.get_running_loop()
        real, started = loop.time, loop.time()
        loop.time = lambda: real() + (3_600 if real() - started > 0.6 else 0)  # type: ignore[method-assign]
        return await faspmgr.run([path], stall_timeout=20, connect_timeout=20, grace=20)

    assert asyncio.run(job()).verdict == "done"


def test_stopping(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.recv(1000); wire.sendall(error(28)); sys.exit(1)")

    async def stop() -> Result:
        job = Job([path], grace=20)
        running = asyncio.ensure_future(job.run())
        while not job.transfers:
            await asyncio.sleep(0.02)
        job.stop("enough")
        return await running

    result = asyncio.run(stop())
    assert (result.verdict, result.status, result.interrupted) == ("failed", 130, True)
    assert (result.error and result.error.code, result.reason) == (28, "enough")


def test_stopping_before_the_start(scripted_ascp: Make) -> None:
    async def stop() -> Result:
        job = Job([scripted_ascp("time.sleep(60)")])
        job.stop("never mind")
        return await job.run()

    result = asyncio.run(stop())
    assert (result.verdict, result.status) == ("not started", 130)


def test_a_transfer_that_was_done_before_the_stop_is_done(scripted_ascp: Make) -> None:
    async def stop() -> Result:
        job = Job([scripted_ascp("wire = began(); wire.sendall(DONE); time.sleep(60)")], grace=0.2)
        running = asyncio.ensure_future(job.run())
        while not any(transfer.state == "done" for transfer in job.transfers):
            await asyncio.sleep(0.02)
        job.stop("too late")
        return await running

    result = asyncio.run(stop())
    assert (result.verdict, result.status) == ("done", 0)


def test_killing(scripted_ascp: Make) -> None:
    async def kill() -> Result:
        job = Job([scripted_ascp("wire = began(); time.sleep(60)")], grace=60)
        running = asyncio.ensure_future(job.run())
        while not job.transfers:
            await asyncio.sleep(0.02)
        job.stop("first")
        job.kill("second")
        return await running

    result = asyncio.run(kill())
    assert (result.verdict, result.exit_status, result.reason) == ("lost", -9, "first")


def test_cancelling_the_task_cancels_the_transfer(scripted_ascp: Make, tmp_path: Path) -> None:
    told = tmp_path / "told"
    path = scripted_ascp(
        f"wire = began(); data = wire.recv(1000); open({str(told)!r}, 'wb').write(data)\n"
        "wire.sendall(error(28)); sys.exit(1)"
    )

    async def cancel() -> None:
        job = Job([path], grace=20)
        running = asyncio.ensure_future(job.run())
        while not job.transfers:
            await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(cancel())
    assert b"Type: CANCEL" in told.read_bytes()


def test_cancelling_twice_does_not_wait(scripted_ascp: Make) -> None:
    async def cancel() -> None:
        job = Job([scripted_ascp("wire = began(); time.sleep(60)")], grace=60)
        running = asyncio.ensure_future(job.run())
        while not job.transfers:
            await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.sleep(0.1)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)

    asyncio.run(cancel())


@pytest.mark.parametrize("hook", ["on_event", "on_stderr", "on_progress"])
def test_what_a_callback_raises_ends_the_transfer_and_is_raised(scripted_ascp: Make, hook: str) -> None:
    path = scripted_ascp("print('hello', file=sys.stderr, flush=True); wire = began(); time.sleep(60)")

    def callback(*_: object) -> None:
        raise OSError(28, "No space left on device")

    options: dict[str, Any] = {hook: callback}
    with pytest.raises(OSError, match="No space"):
        run([path], **options)


def test_ctrl_c_in_a_program_without_a_loop_of_its_own(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.recv(1000); wire.sendall(error(28)); sys.exit(1)")
    timer = threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        faspmgr.run_sync([path], grace=20)
    timer.join()


# -- connections that are not ours


@pytest.mark.parametrize(
    ("first", "words"),
    [
        (message("INIT", SessionId="s", UserStr="somebody"), "its UserStr is not the one that was given to ascp"),
        (message("INIT", SessionId="s"), "its UserStr is not the one that was given to ascp"),
        (message("DONE", SessionId="s"), "its first message is DONE, not INIT"),
        (b"GET / HTTP/1.0\r\n\r\n", "it sent no message"),
        (b"", "it sent no message"),
    ],
)
def test_a_stranger_is_refused_and_told_of(scripted_ascp: Make, first: bytes, words: str) -> None:
    path = scripted_ascp(
        f"stranger = connect(); stranger.sendall({first!r}); stranger.shutdown(1)\n"
        "while stranger.recv(100): pass\n"
        "wire = began(); wire.sendall(stop() + DONE)"
    )
    messages: list[str] = []
    result = run([path], on_message=messages.append)
    assert result.verdict == "done"
    assert [refused.partition(": ")[2] for refused in result.attempts[0].refused] == [words]
    assert messages == list(result.attempts[0].refused)
    assert result.transfer is not None
    assert len(result.transfer.sessions) == 1


def test_a_stranger_alone_is_no_connection(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = connect(); wire.sendall(message('INIT', UserStr='x') + DONE); time.sleep(60)")
    result = run([path], connect_timeout=0.7, grace=0.3)
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)


NAMELESS = (
    "other = connect(); other.sendall(message('INIT') + message('SESSION') + error(8, 'no host')); other.close()\n"
)


def test_an_ascp_that_fails_at_its_start_does_not_say_its_name(scripted_ascp: Make, tmp_path: Path) -> None:
    """As the real one does when its command line names no host."""
    record = tmp_path / "record"
    result = run([scripted_ascp(NAMELESS + "sys.exit(1)")], record=record)
    assert (result.verdict, result.error and result.error.code) == ("failed", 8)
    assert result.attempts[0].refused == ()
    assert [event.type for event in faspmgr.read(str(record))] == ["INIT", "SESSION", "ERROR"]


def test_a_stranger_cannot_pass_for_one(scripted_ascp: Make) -> None:
    result = run([scripted_ascp(NAMELESS + "wire = began(); wire.sendall(DONE)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("done", 1)
    result = run([scripted_ascp(NAMELESS + "sys.exit(0)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)
    result = run([scripted_ascp(NAMELESS.replace("error(8, 'no host')", "DONE") + "sys.exit(1)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)


def test_a_stranger_with_our_word_comes_too_late(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "wire = began(); time.sleep(0.3); other = connect()\n"
        "other.sendall(message('INIT', UserStr=option('-u')) + error(1)); time.sleep(0.3); wire.sendall(DONE)"
    )
    result = run([path])
    assert result.verdict == "done"
    assert "connected already" in result.attempts[0].refused[0]


def test_strangers_in_crowds(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "crowd = [connect() for _ in range(60)]\n"
        "for one in crowd: one.sendall(message('INIT', UserStr='x'))\n"
        "wire = began(); time.sleep(0.2); wire.sendall(DONE)"
    )
    assert run([path]).verdict == "done"


# -- retry


def counting(folder: Path, body: str) -> str:
    """Lines that know in ``count`` the how-manieth run this is."""
    return (
        f"path = {str(folder / 'count')!r}\ncount = 1 + (os.path.exists(path) and os.path.getsize(path))\n"
        f"open(path, 'ab').write(b'x')\n{body}"
    )


def test_a_retry_where_it_makes_sense(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(
        counting(
            tmp_path,
            "wire = began(); sys.stderr.write(repr(sys.argv[1:]) + '\\n')\n"
            "if count < 3: wire.sendall(stats(400 * count)); wire.sendall(error(16)); sys.exit(1)\n"
            "wire.sendall(stats(900) + stop() + DONE)",
        )
    )
    messages: list[str] = []
    result = run([path, "a", "h:b"], retry=5, retry_wait=0.05, on_message=messages.append)
    assert (result.verdict, result.status, result.error) == ("done", 0, None)
    assert [(one.number, one.verdict, one.error and one.error.code) for one in result.attempts] == [
        (1, "failed", 16),
        (2, "failed", 16),
        (3, "done", None),
    ]
    assert result.transfer is not None
    assert (result.transfer.attempts, result.transfer.state) == (3, "done")
    argvs = [eval(one.stderr[0]) for one in result.attempts]
    assert ["-k" in argv for argv in argvs] == [False, True, True]
    assert argvs[2][argvs[2].index("-k") + 1] == "1"
    assert len({argv[argv.index("-u") + 1] for argv in argvs}) == 1
    assert [words.partition(" in ")[0] for words in messages] == [
        "attempt 1 failed: 16 CONNECTION_LOST: it failed; retry 1 of 5",
        "attempt 2 failed: 16 CONNECTION_LOST: it failed; retry 2 of 5",
    ]


def test_the_progress_of_a_retry_does_not_jump_back(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(
        counting(
            tmp_path,
            "wire = began(); wire.sendall(message('NOTIFICATION', PreTransferBytes=1000, PreTransferFiles=1))\n"
            "if count == 1: wire.sendall(stats(600)); wire.sendall(error(16)); sys.exit(1)\n"
            "for n in range(601, 1000, 50): wire.sendall(stats(n, StartByte=600)); time.sleep(0.05)\n"
            "wire.sendall(stop() + DONE)",
        )
    )
    seen: list[tuple[float, int, int | None]] = []

    async def watch() -> Result:
        job = Job([path, "a", "h:b"], retry=1, retry_wait=0.2, on_event=lambda *_: look())

        def look() -> None:
            transfer = job.transfers[0]
            seen.append((transfer.progress, transfer.bytes_done, transfer.expected_bytes))

        return await job.run()

    assert asyncio.run(watch()).verdict == "done"
    start = next(index for index, (progress, _, _) in enumerate(seen) if progress == 0.6)
    assert len(seen) > start + 5
    assert [progress for progress, _, _ in seen] == sorted(progress for progress, _, _ in seen)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert {expected for _, _, expected in seen[start:]} == {1000}
    assert seen[-1] == (1.0, 1000, 1000)


@pytest.mark.parametrize(
    "body",
    [
        "wire = began(); wire.sendall(error(19)); sys.exit(1)",  # AUTH
        "wire = began(); wire.sendall(error(38)); sys.exit(1)",  # LIC_ILLEGAL
        "wire = began(); sys.exit(1)",
        "sys.exit(1)",
    ],
)
def test_no_retry_where_it_makes_none(scripted_ascp: Make, tmp_path: Path, body: str) -> None:
    result = run([scripted_ascp(counting(tmp_path, body))], retry=3, retry_wait=0.05)
    assert len(result.attempts) == 1


def test_no_retry_unless_asked_for(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")])
    assert (result.verdict, len(result.attempts)) == ("failed", 1)


def test_a_retry_that_is_used_up(scripted_ascp: Make) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")], retry=2, retry_wait=0.05)
    assert (result.verdict, result.error and result.error.code, len(result.attempts)) == ("failed", 16, 3)


def test_a_stall_is_worth_a_retry(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(counting(tmp_path, "wire = began()\nif count == 1: time.sleep(60)\nwire.sendall(DONE)"))
    result = run([path], retry=1, retry_wait=0.05, stall_timeout=0.5, grace=0.1)
    assert [one.verdict for one in result.attempts] == ["lost", "done"]
    assert result.verdict == "done"


def test_a_stop_ends_the_wait_for_a_retry(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")

    async def stop() -> Result:
        job = Job([path], retry=3, retry_wait=60)
        running = asyncio.ensure_future(job.run())
        while not job.attempts:
            await asyncio.sleep(0.02)
        job.stop("enough")
        return await asyncio.wait_for(running, 10)

    result = asyncio.run(stop())
    assert (result.verdict, result.status, len(result.attempts)) == ("failed", 130, 1)


def test_how_long_a_retry_waits() -> None:
    for number, expected in enumerate([2, 4, 8, 16, 32, 60, 60, 60], 1):
        waits = {retry_delay(number) for _ in range(50)}
        assert len(waits) > 10  # jitter
        assert all(0.9 * expected <= wait <= 1.1 * expected for wait in waits)
    assert 54 <= retry_delay(10**6) <= 66


# -- several sessions


def test_sessions_share_a_transfer(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "part, _, count = option('-C').partition(':'); sys.stderr.write(repr(sys.argv[1:]))\n"
        "wire = began(ClusterNumNodes=count, ClusterNodeId=int(part) - 1, XferId='x')\n"
        "wire.sendall(stats(500, name='/data/' + part)); time.sleep(0.2)\n"
        "wire.sendall(stop(name='/data/' + part) + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=3, udp_port=33001)
    assert (result.verdict, len(result.attempts)) == ("done", 3)
    assert result.transfer is not None
    assert (len(result.transfer.current), result.transfer.bytes_done, result.transfer.attempts) == (3, 3000, 1)
    argvs = [eval(one.stderr[0]) for one in sorted(result.attempts, key=lambda one: one.part)]
    assert [argv[argv.index("-C") + 1] for argv in argvs] == ["1:3", "2:3", "3:3"]
    assert [argv[argv.index("-O") + 1] for argv in argvs] == ["33001", "33002", "33003"]


def test_one_session_that_fails_for_good_ends_the_others(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "wire = began()\nif option('-C')[0] == '2': time.sleep(0.3); wire.sendall(error(25)); sys.exit(1)\n"
        "wire.recv(1000); wire.sendall(error(28)); sys.exit(1)"
    )
    result = run([path, "a", "h:b"], sessions=3, grace=20)
    assert (result.verdict, result.status, result.error and result.error.code) == ("failed", 1, 25)
    assert sorted(one.error.code for one in result.attempts if one.error) == [25, 28, 28]
    assert not result.interrupted


def test_one_session_is_tried_again_while_the_others_go_on(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(
        "part, _, count = option('-C').partition(':')\n"
        "wire = began(ClusterNumNodes=count, ClusterNodeId=int(part) - 1, XferId='x')\n"
        f"first = part == '2' and not os.path.exists({str(tmp_path / 'tried')!r})\n"
        f"if first: open({str(tmp_path / 'tried')!r}, 'w')\n"
        "if first: wire.sendall(stats(400) + error(16)); sys.exit(1)\n"
        "wire.sendall(stats(400)); time.sleep(0.5); wire.sendall(stop() + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=2, retry=1, retry_wait=0.05)
    assert result.verdict == "done"
    assert sorted((one.part, one.number, one.verdict) for one in result.attempts) == [
        (1, 1, "done"),
        (2, 1, "failed"),
        (2, 2, "done"),
    ]
    assert result.transfer is not None
    assert (len(result.transfer.current), result.transfer.attempts) == (2, 2)


def test_sessions_with_the_same_id_stay_apart(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "session_id = 'the-same'\npart = option('-C')[0]\nwire = began()\n"
        "wire.sendall(stats(500, name='/data/' + part)); time.sleep(0.3)\n"
        "wire.sendall(stop(name='/data/' + part) + (message('DONE') if part == '1' else error(25)))"
    )
    result = run([path, "a", "h:b"], sessions=2)
    assert (result.verdict, result.error and result.error.code) == ("failed", 25)
    assert result.transfer is not None
    assert len(result.transfer.sessions) == 2
    assert result.transfer.bytes_done == 2000
    assert sorted(one.verdict for one in result.attempts) == ["done", "failed"]


def test_thirty_two_sessions_at_once(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(1)); time.sleep(0.2); wire.sendall(stop() + DONE)")
    result = run([path, "a", "h:b"], sessions=32)
    assert (result.verdict, len(result.attempts)) == ("done", 32)
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (32, 32_000)


# -- much


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_million_small_files(scripted_ascp: Make) -> None:
    """All arrive, and none is kept."""
    path = scripted_ascp(
        "wire = began()\n"
        "for block in range(1000):\n"
        "    names = ['/data/%d' % n for n in range(block * 1000, block * 1000 + 1000)]\n"
        "    wire.sendall(b''.join(stop(name=name, size=10) for name in names))\n"
        "wire.sendall(DONE)"
    )
    result = run([path], within=280)
    assert result.verdict == "done"
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (1_000_000, 10_000_000)
    assert len(result.transfer.sessions[0].files) == 0


# -- recording


def test_the_stream_is_recorded_byte_for_byte(scripted_ascp: Make, tmp_path: Path) -> None:
    said = message("INIT", SessionId="s", UserStr="me") + message("STATS", SessionId="s", File="caf\xe9", Written=1)
    said += message("DONE", SessionId="s") + b"FASPMGR 2\nType: ST"
    path = scripted_ascp(f"stranger = connect(); stranger.sendall(DONE); stranger.recv(1)\nconnect().sendall({said!r})")
    record = tmp_path / "record.fasp"
    assert run([path, "-u", "me", "a", "h:b"], record=record).verdict == "done"
    assert record.read_bytes() == said
    assert record.stat().st_mode & 0o777 == 0o600


def test_attempts_are_recorded_one_after_the_other(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(counting(tmp_path, "wire = began(); wire.sendall(error(16) if count == 1 else DONE)"))
    record = tmp_path / "record.fasp"
    assert run([path, "a", "h:b"], retry=1, retry_wait=0.01, record=record).verdict == "done"
    types = [event.type for event in faspmgr.read(str(record))]
    assert types == ["INIT", "SESSION", "ERROR", "INIT", "SESSION", "DONE"]


def test_each_session_is_recorded_in_a_file_of_its_own(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)")
    assert run([path, "a", "h:b"], sessions=3, record=f"{tmp_path}/records/").verdict == "done"
    files = sorted((tmp_path / "records").iterdir())
    assert len(files) == 3
    for file in files:
        assert [event.type for event in faspmgr.read(str(file))] == ["INIT", "SESSION", "DONE"]


def test_several_sessions_do_not_fit_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no directory"):
        Job(["ascp", "a", "h:b"], sessions=2, record=tmp_path / "x")


def test_a_record_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Job(["ascp", "a", "h:b"], record=tmp_path / "none" / "x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_the_disk_is_full_and_the_transfer_goes_on(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(400)); time.sleep(0.2); wire.sendall(stop() + DONE)")
    messages: list[str] = []
    result = run([path], record="/dev/full", on_message=messages.append)
    assert result.verdict == "done"
    assert result.record_error == "/dev/full: No space left on device"
    assert messages == ["the recording is not complete: /dev/full: No space left on device"]


# -- with the simulator: real files, copied and compared


def specification(source: Path, target: Path) -> dict[str, Any]:
    return {
        "direction": "send",
        "remote_host": "127.0.0.1",
        "remote_user": "xfer",
        "remote_password": "pa55word",
        "token": "t0ken",
        "target_rate_kbps": 80_000,
        "destination_root": str(target),
        "paths": [{"source": str(path)} for path in sorted(source.iterdir())],
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("plain.bin", "with space.bin", "Übersicht.bin", "-dash.bin", os.fsdecode(b"latin-\xe9.bin")):
        (folder / name).write_bytes(os.urandom(150_000))
    (tmp_path / "target").mkdir()
    return folder


def assert_same(source: Path, target: Path) -> None:
    assert sorted(os.listdir(source)) == sorted(os.listdir(target))
    for path in source.iterdir():
        assert path.read_bytes() == (target / path.name).read_bytes()


def test_real_files_by_a_command_line(simulated_ascp: str, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    names = [str(path) for path in sorted(source.iterdir())]
    result = run([simulated_ascp, "--simulate-copy", "-l", "80m", "-d", *names, f"xfer@localhost:{target}"], grace=10)
    assert result.verdict == "done"
    assert_same(source, target)
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (5, 750_000)


def test_real_files_by_a_transfer_spec(simulated_ascp: str, source: Path, tmp_path: Path) -> None:
    record = tmp_path / "received"
    wrapper = tmp_path / "ascp"
    wrapper.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline >"{record}"\nexec "{simulated_ascp}" --simulate-copy "$@"\n'
    )
    wrapper.chmod(0o755)
    result = run(specification(source, tmp_path / "target"), ascp=str(wrapper), grace=10)
    assert result.verdict == "done", result
    assert_same(source, tmp_path / "target")
    words = record.read_text("utf-8", "surrogateescape")
    assert "pa55word" not in words
    assert "t0ken" not in words
    assert "t0ken" not in repr(result) + json.dumps(result.to_dict())


def test_a_transfer_that_breaks_off_and_goes_on(
    simulated_ascp: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", f"fail=16@50%,once={tmp_path / 'once'}")
    names = [str(path) for path in sorted(source.iterdir())]
    argv = [simulated_ascp, "--simulate-copy", "-l", "80m", *names, f"xfer@localhost:{tmp_path / 'target'}"]
    result = run(argv, retry=2, retry_wait=0.05, grace=10)
    assert [one.verdict for one in result.attempts] == ["failed", "done"]
    assert_same(source, tmp_path / "target")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("fail=16@50%", "failed"),
        ("hang=99%", "lost"),
        ("silent-exit@50%", "lost"),
        ("die@50%", "lost"),
        ("die-kill@50%", "lost"),
        ("garbage@50%", "done"),
        ("linger-socket", "done"),
        ("no-connect", "not started"),
    ],
)
def test_the_faults_of_the_simulator(
    simulated_ascp: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, verdict: str
) -> None:
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", fault)
    names = [str(path) for path in sorted(source.iterdir())]
    argv = [simulated_ascp, "--simulate-copy", "-l", "80m", *names, f"xfer@localhost:{tmp_path / 'target'}"]
    result = run(argv, stall_timeout=2, connect_timeout=3, grace=0.5)
    assert result.verdict == verdict, result


def test_a_running_transfer_can_be_seen_from_outside(scripted_ascp: Make) -> None:
    """That the check for processes which are left behind can fail at all."""
    path = scripted_ascp("wire = began(); time.sleep(0.5); wire.sendall(DONE)")
    mark = f"FASPMGR_TEST_MARK={os.environ['FASPMGR_TEST_MARK']}"
    seen: list[list[str]] = []
    run([path], on_event=lambda *_: seen.append(processes_with(mark)))
    if os.path.exists("/proc/self/environ"):
        assert seen[0]


def test_no_socket_of_ours_is_handed_to_ascp(scripted_ascp: Make) -> None:
    with socket.socket() as ours:
        ours.bind(("127.0.0.1", 0))
        path = scripted_ascp(
            "names = [os.readlink('/proc/self/fd/' + fd) for fd in os.listdir('/proc/self/fd') if int(fd) > 2"
            " and os.path.lexists('/proc/self/fd/' + fd)]\n"
            "sys.stderr.write(repr([name for name in names if 'socket' in name]))\nwire = began(); wire.sendall(DONE)"
        )
        assert run([path]).stderr == ("[]",)
