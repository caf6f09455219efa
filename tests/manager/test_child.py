"""The process that is ascp: it ends with the program that started it, and its exit status is known or unknown, never
invented."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.launcher import finish, run, start
from tests.live import MakeAscp, wait_until

PYTHON = (sys.executable, "-c")
DEAF = "signal.signal(15, signal.SIG_IGN); wire = began(); open(option('--flag'), 'w').write(str(os.getpid()))\n"
UVLOOP = "import uvloop; asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())"
needs_uvloop = pytest.mark.skipif(importlib.util.find_spec("uvloop") is None, reason="uvloop is not installed")
loops = pytest.mark.parametrize("loop", ["", pytest.param(UVLOOP, marks=needs_uvloop)], ids=["asyncio", "uvloop"])
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")


def program(call: str = "faspmgr.run_sync(sys.argv[1:])") -> tuple[str, ...]:
    """A Python program that runs the command line that it is given."""
    return *PYTHON, f"import asyncio, os, signal, sys, threading, time, faspmgr\n{call}\n"


@pytest.fixture
def moving(scripted_ascp: MakeAscp, tmp_path: Path) -> Callable[..., Any]:
    """Starts a program that runs an ascp which hears nothing, and gives it and the process id of ascp."""

    @contextmanager
    def begin(
        how: tuple[str, ...], body: str = DEAF + "time.sleep(60)", wrapper: str = ""
    ) -> Iterator[tuple[Any, int]]:
        flag = tmp_path / "flag"
        path = scripted_ascp(body)
        if wrapper:
            inner, path = path, f"{path}-wrapper"
            Path(path).write_text(f"#!/bin/sh\n{wrapper.format(inner)}\n")
            Path(path).chmod(0o755)
        with start(path, "--flag", flag, "a", "h:b", program=how) as process:
            wait_until(lambda: flag.exists() and flag.read_text())
            yield process, int(flag.read_text())

    return begin


def runs(pid: int) -> bool:
    """Is there a process of this number, that is more than a zombie?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# -- the parent-death signal


@on_linux
@pytest.mark.parametrize(
    "how",
    [
        program(),
        program("asyncio.run(faspmgr.run(sys.argv[1:]))"),
        program("t = threading.Thread(target=faspmgr.run_sync, args=(sys.argv[1:],)); t.start(); t.join()"),
        pytest.param(program(f"{UVLOOP}\nfaspmgr.run_sync(sys.argv[1:])"), marks=needs_uvloop),
        (sys.executable, "-m", "faspmgr", "run", "--"),
    ],
)
def test_ascp_dies_with_a_program_that_is_killed(moving: Callable[..., Any], how: tuple[str, ...]) -> None:
    with moving(how) as (process, ascp):
        assert runs(ascp)
        process.kill()
        wait_until(lambda: not runs(ascp))


@on_linux
def test_threads_that_end_meanwhile_do_not_matter(scripted_ascp: MakeAscp) -> None:
    """Those of a pool, and the one that has asked for the transfer; the loop's thread goes on."""
    path = scripted_ascp("wire = began(); time.sleep(1); wire.sendall(DONE)")
    code = """
loop = asyncio.new_event_loop()
threading.Thread(target=loop.run_forever).start()
asked = []
asking = threading.Thread(
    target=lambda: asked.append(asyncio.run_coroutine_threadsafe(faspmgr.run(sys.argv[1:]), loop)))
asking.start(); asking.join()
others = [threading.Thread(target=time.sleep, args=(n / 10,)) for n in range(8)]
for each in others: each.start()
print(asked[0].result().verdict)
loop.call_soon_threadsafe(loop.stop)
"""
    assert run(path, "a", "h:b", program=program(code)).out == "done\n"


@on_linux
def test_what_starts_ascp_by_exec_is_ascp(moving: Callable[..., Any]) -> None:
    with moving(program(), wrapper='exec "{}" "$@"') as (process, ascp):
        process.kill()
        wait_until(lambda: not runs(ascp))


# -- exit statuses


REAPER = """
def reap(*_):
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0): pass
    except ChildProcessError: pass
signal.signal(signal.SIGCHLD, reap)
"""
PRINT = "r = faspmgr.run_sync(sys.argv[1:]); print(r.verdict, r.exit_status, int(r.status), r.reason)"


@pytest.mark.parametrize("before", ["signal.signal(signal.SIGCHLD, signal.SIG_IGN)", REAPER])
@pytest.mark.parametrize(
    ("body", "printed"),
    [
        ("sys.exit(1)", "not started None 5 ascp ended without connecting"),
        ("began(); sys.exit(1)", "lost None 3 ascp ended without DONE or ERROR"),
        ("began().sendall(DONE); sys.exit(0)", "done None 0 "),
    ],
)
def test_an_exit_status_that_is_lost_is_not_success(
    scripted_ascp: MakeAscp, before: str, body: str, printed: str
) -> None:
    outcome = run(scripted_ascp(body), "a", "h:b", program=program(f"{before}\n{PRINT}"))
    assert outcome.out == f"{printed}\n", outcome.err


# -- SIGTERM and SIGHUP in a program that called run_sync()


@loops
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_ascp_and_then_ends_the_program(
    scripted_ascp: MakeAscp, tmp_path: Path, number: signal.Signals, loop: str
) -> None:
    seen, heard = tmp_path / "seen", tmp_path / "heard"
    path = scripted_ascp(
        f"wire = began(); open({str(heard)!r}, 'wb').write(wire.recv(1000))\nwire.sendall(error(28)); sys.exit(1)"
    )
    call = f"""{loop}
try: faspmgr.run_sync(sys.argv[1:], grace=30, on_event=lambda *_: open({str(seen)!r}, 'w'))
finally: print('not reached')
"""
    with start(path, "a", "h:b", program=program(call)) as process:
        wait_until(seen.exists)
        process.send_signal(number)
        assert finish(process) == (-number, "", "")
    assert b"Type: CANCEL" in heard.read_bytes()


@loops
def test_the_second_signal_does_not_wait(moving: Callable[..., Any], loop: str) -> None:
    with moving(program(f"{loop}\nfaspmgr.run_sync(sys.argv[1:], grace=300)")) as (process, ascp):
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        wait_until(lambda: not runs(ascp))


@loops
def test_the_second_signal_ends_a_callback_that_hangs(moving: Callable[..., Any], tmp_path: Path, loop: str) -> None:
    """No loop runs then that could react to the first one."""
    os.mkfifo(tmp_path / "fifo")
    call = f"""{loop}
def hang(*_):
    open({str(tmp_path / "stuck")!r}, 'w')
    open({str(tmp_path / "fifo")!r}, 'w')
faspmgr.run_sync(sys.argv[1:], on_event=hang, grace=300)
"""
    with moving(program(call)) as (process, ascp):
        wait_until((tmp_path / "stuck").exists)
        process.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == -signal.SIGTERM
        wait_until(lambda: not runs(ascp))


def test_a_handler_of_the_program_is_left_alone(moving: Callable[..., Any], tmp_path: Path) -> None:
    call = (
        "signal.signal(signal.SIGTERM, lambda *_: print('mine', flush=True))\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "print(faspmgr.run_sync(sys.argv[1:], grace=30).verdict)"
    )
    body = DEAF + "\nwhile not os.path.exists(option('--flag') + '2'): time.sleep(0.05)\nwire.sendall(DONE)"
    with moving(program(call), body) as (process, _ascp):
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == b"mine\n"
        (tmp_path / "flag2").touch()
        assert finish(process)[:2] == (0, "done\n")


def test_afterwards_the_signals_are_as_before(scripted_ascp: MakeAscp) -> None:
    call = "faspmgr.run_sync(sys.argv[1:]); print(*(repr(signal.getsignal(n)) for n in (15, 1, 2)))"
    outcome = run(scripted_ascp("began().sendall(DONE)"), "a", "h:b", program=program(call))
    default = "<Handlers.SIG_DFL: 0>"
    assert outcome.out == f"{default} {default} <built-in function default_int_handler>\n"
