"""Many connections and one state, for Python programs. The command on top of it is in tests/cli/test_listen.py."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from faspmgr import Listener, Tracker, parse
from faspmgr.manager.listener import Received
from tests.live import message
from tests.manager.peers import Peer, in_loop

pytestmark = pytest.mark.usefixtures("either_loop")

INIT, DONE = message("INIT", SessionId="s"), message("DONE", SessionId="s")


@contextlib.asynccontextmanager
async def listening(count: int = 1, **options: Any) -> AsyncIterator[tuple[Listener, list[Peer]]]:
    """A listener, and peers that connect to it in order. options: those of Listener."""
    async with Listener(**options) as listener:
        with contextlib.ExitStack() as stack:
            yield listener, [stack.enter_context(Peer(listener.port)) for _ in range(count)]


async def rest_of(listener: Listener) -> list[Received]:
    return [received async for received in listener]


async def next_of(listener: Listener, count: int) -> list[Received]:
    return [await anext(listener) for _ in range(count)]


# -- what it gives


@in_loop
async def test_events_with_where_they_come_from(captures: list[Path]) -> None:
    data = captures[0].read_bytes()
    before = datetime.now(UTC)
    async with listening(1, connections=1) as (listener, (peer,)):
        peer.send(data)
        peer.close()
        received = await rest_of(listener)
    assert [each.event for each in received] == parse(data)
    assert {each.connection for each in received} == {1}
    assert all(each.session in listener.tracker.sessions for each in received)
    times = [each.time for each in received]
    assert times == sorted(times)
    assert before <= times[0] <= times[-1] <= datetime.now(UTC)
    assert {time.utcoffset() for time in times} == {timedelta(0)}


@pytest.mark.parametrize("session_id", ["a", "a#b", "#1", "a#1"])
@in_loop
async def test_a_session_id_stays_what_it_is_on_the_wire(session_id: str) -> None:
    async with listening(2) as (listener, peers):
        for number, peer in enumerate(peers, 1):
            peer.send(message("INIT", SessionId=session_id), message("ARGSTOP"))
            received = await next_of(listener, 2)
            assert [(each.connection, each.session.id) for each in received] == [(number, session_id)] * 2
        first, second = (listener.tracker.find(session_id, number) for number in (1, 2))
        assert first is not second
        assert list(listener.tracker.sessions) == [first, second]


@in_loop
async def test_the_state_is_that_after_each_event() -> None:
    stream = b"".join(message("STATS", SessionId="s", File="/a", Size=5, Written=n) for n in range(1, 6))
    async with listening(1, connections=1) as (listener, (peer,)):
        peer.send(stream)
        await asyncio.sleep(0.1)  # it arrives at once
        assert [(await anext(listener)).session.bytes_done for _ in range(3)] == [1, 2, 3]
        batch = await listener.read()
        assert [(each.event.to_dict()["written"], each.session.bytes_done) for each in batch] == [(4, 5), (5, 5)]
        peer.close()
        assert await listener.read() == []
        assert await listener.read() == []


@in_loop
async def test_the_end_of_a_connection_loses_its_sessions_only() -> None:
    async with listening(3) as (listener, (first, second, third)):
        first.send(INIT)
        second.send(INIT)
        third.send(INIT, DONE)
        await next_of(listener, 4)
        first.close()
        third.close()
        await asyncio.sleep(0.1)
        second.send(message("STATS", SessionId="s", File="/a"))
        await anext(listener)
        states = [listener.tracker.find("s", number) for number in (1, 2, 3)]
        assert [session and session.state for session in states] == ["lost", "transferring", "done"]


@in_loop
async def test_a_tracker_of_ones_own() -> None:
    tracker = Tracker(keep_files="all")
    async with listening(1, connections=1, tracker=tracker) as (listener, (peer,)):
        assert listener.tracker is tracker
        peer.send(INIT, *(message("STOP", SessionId="s", File=n) for n in range(3)))
        peer.close()
        await rest_of(listener)
    assert [len(session.files) for session in tracker.sessions] == [3]


# -- what must not harm


@in_loop
async def test_a_slow_caller_makes_ascp_wait_and_loses_nothing() -> None:
    async with listening(1, connections=1) as (listener, (peer,)):
        sent = await peer.flood(message("STATS", SessionId="s", File="/data/a", Written=1, Cookie="x" * 900))
        assert not listener.tracker.sessions  # the state is not ahead of who asks for it
        peer.close()
        assert len(await rest_of(listener)) == sent > 100


@in_loop
async def test_a_connection_that_floods_does_not_keep_others_out() -> None:
    async with listening(2) as (listener, (loud, quiet)):
        flooding = asyncio.ensure_future(loud.flood(message("STATS", SessionId="l", File="/a" * 400)))
        await listener.read()
        quiet.send(INIT)
        between = 0
        while (await listener.read())[0].session.id != "s":
            between += 1
        assert between < 50
        flooding.cancel()


@in_loop
async def test_garbage_and_resets_harm_no_other(captures: list[Path]) -> None:
    data = captures[0].read_bytes()
    problems: list[tuple[int, str]] = []
    messages: list[str] = []
    async with listening(
        3,
        connections=3,
        on_problem=lambda connection, problem: problems.append((connection.number, problem.kind)),
        on_message=messages.append,
    ) as (listener, (bad, broken, good)):
        bad.send(INIT, b"FASPMGR 2\nType: STATS\nnonsense\n\n")
        broken.send(INIT)
        good.send(data)
        bad.close()
        good.close()
        await asyncio.sleep(0.1)
        broken.reset()
        counts = Counter(received.connection for received in await rest_of(listener))
    assert counts == {1: 2, 2: 1, 3: len(parse(data))}
    assert problems == [(1, "no-field")]
    assert messages == [f"{broken.address}: Connection reset by peer"]


@pytest.mark.parametrize(("count", "options"), [(5, {"max_connections": 2}), (40, {})])
@in_loop
async def test_more_connections_than_places(count: int, options: dict[str, Any]) -> None:
    async with listening(count, connections=count, **options) as (listener, peers):
        for number, peer in enumerate(peers):
            peer.send(message("INIT", SessionId=number), message("DONE", SessionId=number))
            peer.close()
        await rest_of(listener)
    sessions = listener.tracker.sessions
    assert {session.id: session.state for session in sessions} == {str(number): "done" for number in range(count)}


# -- closing


@in_loop
async def test_closing_gives_what_arrived_before_and_then_ends() -> None:
    async with listening(2) as (listener, peers):
        for peer in peers:
            peer.send(INIT * 10)
        await asyncio.sleep(0.1)  # until both are accepted
        await next_of(listener, 5)
        await listener.aclose()
        counts = Counter([received.connection for received in await rest_of(listener)])
        assert counts == {1: 5, 2: 10} or counts == {1: 10, 2: 5}
        assert {session.state for session in listener.tracker.sessions} == {"lost"}
        assert [peer.socket.recv(1) for peer in peers] == [b"", b""]


@pytest.mark.parametrize("asked", [0, 1, 2])
@in_loop
async def test_leaving_it_drops_what_nobody_asked_for(asked: int) -> None:
    async with listening(2) as (listener, peers):
        for peer in peers:
            peer.send(INIT * 10)
        await asyncio.sleep(0.05 * (2 - asked))
        await next_of(listener, asked)
        waiting = asyncio.ensure_future(peers[0].flood(INIT))
        await asyncio.sleep(0.05)
        waiting.cancel()
    assert [received async for received in listener] == []
    assert {session.state for session in listener.tracker.sessions} <= {"lost"}
    with pytest.raises(ConnectionRefusedError):
        Peer(listener.port)


@in_loop
async def test_one_who_waits_while_it_is_closed() -> None:
    async with listening(1) as (listener, _):
        waiting = asyncio.ensure_future(rest_of(listener))
        await asyncio.sleep(0.05)
    assert await waiting == []


@in_loop
async def test_waiting_that_is_cancelled_loses_nothing() -> None:
    async with listening(1, connections=1) as (listener, (peer,)):
        numbers: list[int] = []

        async def send() -> None:
            for number in range(100):
                peer.send(message("STATS", SessionId="s", File="/a", Written=number))
                await asyncio.sleep(0.002)
            peer.close()

        sending = asyncio.ensure_future(send())
        batch = None
        while batch != []:
            batch = None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(0.001):
                    batch = await listener.read()
            numbers += [each.event.to_dict()["written"] for each in batch or []]
        assert numbers == list(range(100))
        await sending


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 10])
@in_loop
async def test_cancelling_the_program_closes_everything(steps: int) -> None:
    listeners: list[Listener] = []

    async def program() -> None:
        async with listening(2) as (listener, peers):
            listeners.append(listener)
            for peer in peers:
                peer.send(INIT * 100)
            async for _ in listener:
                await asyncio.sleep(0)

    task = asyncio.ensure_future(program())
    while not listeners:
        await asyncio.sleep(0)
    for _ in range(steps):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()  # closing is cancelled too
    await asyncio.wait({task})
    assert task.cancelled()
    await asyncio.sleep(0.05)
    with pytest.raises(ConnectionRefusedError):
        Peer(listeners[0].port)


# -- recording and publishing


@in_loop
async def test_recordings(tmp_path: Path) -> None:
    streams = [INIT + DONE, INIT + b"FASPMGR 2\nType: ST"]
    async with listening(2, connections=2, record=tmp_path / "new") as (listener, peers):
        for peer, stream in zip(peers, streams):
            peer.send(stream)
            peer.close()
        assert len(await rest_of(listener)) == 3
    assert listener.record_error is None
    assert sorted(file.read_bytes() for file in (tmp_path / "new").glob("*.fasp")) == sorted(streams)


@in_loop
async def test_only_open_connections_have_open_recordings(tmp_path: Path) -> None:
    async with Listener(record=tmp_path) as listener:
        counts = []
        for _ in range(20):
            with Peer(listener.port) as peer:
                peer.send(INIT, DONE)
                await next_of(listener, 2)
            await asyncio.sleep(0.01)
            counts.append(len(os.listdir("/dev/fd")))
        assert max(counts) < counts[0] + 5
    assert [file.read_bytes() for file in tmp_path.glob("*.fasp")] == [INIT + DONE] * 20


@in_loop
async def test_a_recording_that_breaks_off_harms_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    messages: list[str] = []
    folder = tmp_path / "gone"
    async with listening(0, connections=1, record=folder, on_message=messages.append) as (listener, _):
        folder.rmdir()
        with Peer(listener.port) as peer:
            peer.send(INIT, DONE)
        assert len(await rest_of(listener)) == 2
    assert listener.record_error
    assert str(folder) in listener.record_error
    assert messages == caplog.messages == [f"the recording is not complete: {listener.record_error}"]


@in_loop
async def test_where_nothing_can_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        await Listener(record=tmp_path / "file").__aenter__()


@in_loop
async def test_publishing(tmp_path: Path) -> None:
    async with Listener(publish=tmp_path) as listener:
        (file,) = tmp_path.iterdir()
        assert file.read_text() == f"{listener.address}\n" == f"127.0.0.1:{listener.port}\n"
    assert not list(tmp_path.iterdir())


# -- wrong use


@in_loop
async def test_a_listener_that_was_not_entered() -> None:
    with pytest.raises(RuntimeError, match="async with Listener"):
        await anext(Listener())


@in_loop
async def test_a_listener_is_entered_once() -> None:
    async with Listener() as listener:
        with pytest.raises(RuntimeError, match="make another one"):
            await listener.__aenter__()


@in_loop
async def test_one_task_iterates() -> None:
    async with Listener() as listener:
        waiting = asyncio.ensure_future(anext(listener))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="let one task iterate"):
            await anext(listener)
        waiting.cancel()


@in_loop
async def test_what_a_callback_raises_ends_the_iteration() -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    async with listening(2, on_problem=fail) as (listener, (first, second)):
        first.send(INIT)
        await anext(listener)
        second.send(b"FASPMGR 2\nnonsense\n\n")
        for _ in range(2):
            with pytest.raises(ZeroDivisionError, match="a bug"):
                await anext(listener)


async def _log(*_: object) -> None:
    """A coroutine function where a plain one is wanted."""


@pytest.mark.parametrize("name", ["on_problem", "on_message"])
def test_a_coroutine_function_is_no_callback(name: str) -> None:
    options: dict[str, Any] = {name: _log}
    with pytest.raises(TypeError, match=f"{name} is a coroutine function"):
        Listener(**options)


@pytest.mark.parametrize("name", ["connections", "max_connections"])
def test_numbers_that_let_nobody_in(name: str) -> None:
    options: dict[str, Any] = {name: 0}
    with pytest.raises(ValueError, match=f"invalid {name}: 0"):
        Listener(**options)


@in_loop
async def test_only_loopback_unless_allowed() -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        await Listener("0.0.0.0").__aenter__()
    async with Listener("0.0.0.0", allow_remote=True) as listener:
        assert listener.address == f"0.0.0.0:{listener.port}"
