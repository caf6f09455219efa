"""Connections that are not ours, and one that may be."""

from __future__ import annotations

from pathlib import Path

import pytest

import faspmgr
from tests.live import MakeAscp, message
from tests.manager.transfers import asyncio_only, run

pytestmark = pytest.mark.usefixtures("either_loop")


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


def test_strangers_in_crowds(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "crowd = [connect() for _ in range(60)]\n"
        "for one in crowd: one.sendall(message('INIT', UserStr='x'))\n"
        "wire = began(); time.sleep(0.2); wire.sendall(DONE)"
    )
    assert run([path]).verdict == "done"
