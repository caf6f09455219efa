"""Connections that are not ours, and one that may be."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job, Result, owner
from tests.live import MakeAscp, message, wait_until
from tests.manager.peers import Peer
from tests.manager.transfers import asyncio_only, run

pytestmark = pytest.mark.usefixtures("either_loop")
needs_proc = pytest.mark.skipif(not os.path.exists("/proc/net/tcp"), reason="the system does not tell owners")


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
def test_a_stranger_is_refused_and_told_of(scripted_ascp: MakeAscp, first: bytes, words: str) -> None:
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


@asyncio_only
def test_a_stranger_alone_is_no_connection(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = connect(); wire.sendall(message('INIT', UserStr='x') + DONE); time.sleep(60)")
    result = run([path], connect_timeout=0.7, grace=0.3)
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)


NAMELESS = (
    "other = connect(); other.sendall(message('INIT') + message('SESSION') + error(8, 'no host')); other.close()\n"
)


def test_an_ascp_that_fails_at_its_start_does_not_say_its_name(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    """As the real one does when its command line names no host."""
    record = tmp_path / "record"
    result = run([scripted_ascp(NAMELESS + "sys.exit(1)")], record=record)
    assert (result.verdict, result.error and result.error.code) == ("failed", 8)
    assert result.attempts[0].refused == ()
    assert [event.type for event in faspmgr.read(str(record))] == ["INIT", "SESSION", "ERROR"]


def test_a_stranger_cannot_pass_for_one(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp(NAMELESS + "wire = began(); wire.sendall(DONE)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("done", 1)
    result = run([scripted_ascp(NAMELESS + "sys.exit(0)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)
    result = run([scripted_ascp(NAMELESS.replace("error(8, 'no host')", "DONE") + "sys.exit(1)")])
    assert (result.verdict, len(result.attempts[0].refused)) == ("not started", 1)


def test_a_stranger_with_our_word_comes_too_late(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); time.sleep(0.3); other = connect()\n"
        "other.sendall(message('INIT', UserStr=option('-u')) + error(1)); time.sleep(0.3); wire.sendall(DONE)"
    )
    result = run([path])
    assert result.verdict == "done"
    assert "connected already" in result.attempts[0].refused[0]


# -- crowds

HOLDING = "crowd = [connect() for _ in range({count})]\nif os.fork() == 0: time.sleep(2); os._exit(0)\n"
"""Silent connections, which stay open when ascp has exited."""


@pytest.mark.parametrize("count", [32, 1_000])
def test_who_is_silent_hides_no_transfer(scripted_ascp: MakeAscp, many_descriptors: None, count: int) -> None:
    path = scripted_ascp(HOLDING.format(count=count) + "wire = began(); wire.sendall(stop() + DONE)")
    result = run([path])
    assert (result.verdict, result.exit_status) == ("done", 0)
    assert result.transfer is not None
    assert result.transfer.files_done == 1


def test_more_of_them_than_there_are_descriptors(
    scripted_ascp: MakeAscp, many_descriptors: None, few_descriptors: Callable[[int], None]
) -> None:
    """ascp has exited before its connection is accepted, and does not count as one that has never connected."""
    path = scripted_ascp(
        "import resource; limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))\n"
        + HOLDING.format(count=300)
        + "wire = began(); wire.sendall(stop() + DONE)"
    )
    few_descriptors(40)
    assert run([path]).verdict == "done"


def test_a_look_at_the_owner_that_takes_long(scripted_ascp: MakeAscp, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ascp has sent before it exits is waited for."""

    def slow(*args: Any) -> dict[Any, int]:
        time.sleep(1.5)
        return {}

    monkeypatch.setattr(owner, "strangers", slow)
    path = scripted_ascp("wire = began(); wire.sendall(stop() + DONE)")
    assert run([path], grace=20).verdict == "done"


def test_a_stop_during_that_look_is_heard_as_cancel(scripted_ascp: MakeAscp, monkeypatch: pytest.MonkeyPatch) -> None:
    looking = threading.Event()

    def slow(*args: Any) -> dict[Any, int]:
        looking.set()
        time.sleep(0.3)
        return {}

    monkeypatch.setattr(owner, "strangers", slow)
    path = scripted_ascp("wire = began(); assert b'CANCEL' in wire.recv(1000); wire.sendall(error(28)); sys.exit(1)")

    async def stopped() -> Result:
        job = Job([path], grace=20)
        running = asyncio.ensure_future(job.run())
        await asyncio.to_thread(looking.wait)
        job.stop("enough")
        return await running

    result = asyncio.run(stopped())
    assert (result.verdict, result.error and result.error.code) == ("failed", 28)


# -- whose it is, where the system tells


@contextlib.contextmanager
def stranger(folder: Path, *pieces: bytes) -> Iterator[None]:
    """A thread of this process, which ascp has not started: it connects to the port that ascp writes into ``port``,
    waits until its connection is closed, and then lets ascp go on with the file ``go``."""

    def act() -> None:
        wait_until((folder / "port").exists)
        with Peer(int((folder / "port").read_text())) as peer:
            peer.send(*pieces)
            with contextlib.suppress(ConnectionResetError):
                while peer.socket.recv(100):
                    pass
        (folder / "go").touch()

    thread = threading.Thread(target=act)
    thread.start()
    yield
    thread.join()


def after_a_stranger(folder: Path, body: str) -> str:
    return (
        f"folder = {str(folder)!r}\n"
        "open(folder + '/new', 'w').write(option('-M').rpartition(':')[2])\n"
        "os.rename(folder + '/new', folder + '/port')\n"
        f"while not os.path.exists(folder + '/go'): time.sleep(0.01)\n{body}"
    )


@needs_proc
def test_a_stranger_who_knows_our_word_is_refused(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(after_a_stranger(tmp_path, "wire = began(); wire.sendall(stop() + DONE)"))
    word = message("INIT", SessionId="x", UserStr="known") + message("ERROR", SessionId="x", Code=1)
    with stranger(tmp_path, word):
        result = run([path, "-u", "known", "a", "h:b"])
    assert result.verdict == "done"
    assert [refused.partition(": ")[2] for refused in result.attempts[0].refused] == [
        f"process {os.getpid()} has made it, which ascp has not started"
    ]
    assert result.transfer is not None
    assert [session.id.startswith("5e551000") for session in result.transfer.sessions] == [True]


@needs_proc
def test_a_stranger_does_not_pass_for_one_that_has_failed_at_its_start(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(after_a_stranger(tmp_path, "sys.exit(1)"))
    with stranger(tmp_path, message("INIT", SessionId="x"), message("ERROR", SessionId="x", Code=8)):
        result = run([path])
    assert (result.verdict, result.error) == ("not started", None)
    assert len(result.attempts[0].refused) == 1


def test_where_nothing_tells_the_word_decides(
    scripted_ascp: MakeAscp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, "strangers", lambda *_: {})
    path = scripted_ascp(after_a_stranger(tmp_path, "sys.exit(0)"))
    with stranger(tmp_path, message("INIT", SessionId="x", UserStr="known"), message("DONE", SessionId="x")):
        # it is ours now, and the connection is open until ascp has gone
        (tmp_path / "go").touch()
        result = run([path, "-u", "known", "a", "h:b"])
    assert result.verdict == "done"


@pytest.mark.parametrize(
    "body",
    [
        "if os.fork() == 0: began().sendall(DONE)\nelse: os.wait()",
        "if os.fork(): os.wait(); os._exit(0)\nos.setsid()\nbegan().sendall(DONE)",
        "if os.fork(): os._exit(0)\ntime.sleep(0.1); began().sendall(DONE)",  # its parent has gone
        "wire = began()\nif os.fork() == 0: wire.sendall(DONE)\nelse: wire.close(); os.wait()",
        "if 'again' in sys.argv: began().sendall(DONE)\n"
        "else: os.execvp('sh', ['sh', '-c', '\"$@\"; exit $?', 'sh', *sys.argv, 'again'])",
    ],
)
def test_what_ascp_has_started_is_no_stranger(scripted_ascp: MakeAscp, body: str) -> None:
    result = run([scripted_ascp(body)], grace=20)
    assert (result.verdict, result.attempts[0].refused) == ("done", ())


def test_strangers_in_crowds(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "crowd = [connect() for _ in range(60)]\n"
        "for one in crowd: one.sendall(message('INIT', UserStr='x'))\n"
        "wire = began(); time.sleep(0.2); wire.sendall(DONE)"
    )
    assert run([path]).verdict == "done"
