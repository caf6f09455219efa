"""The management port: connections, events, commands, and what may go wrong on one of them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import struct
import subprocess
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from faspmgr import parse
from faspmgr.manager import Connection, ManagementPort
from faspmgr.manager.port import end_all
from faspmgr.manager.publish import PublishedPort
from faspmgr.protocol import commands
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from tests.live import message, wait_until

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run it, but not for ever; no task of it may be left."""

    async def bounded() -> T:
        result = await asyncio.wait_for(coroutine, 30)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(bounded())


class Peer:
    """The other end of a connection."""

    def __init__(self, port: ManagementPort) -> None:
        self.socket = socket.create_connection((port.host, port.port))

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def close(self) -> None:
        self.socket.close()


async def events_of(connection: Connection) -> list[Event]:
    return [event async for event in connection]


def test_a_capture_arrives_whole(capture: Path) -> None:
    data = capture.read_bytes()
    reader = Parser()
    expected = reader.feed(data) + reader.close()

    async def listen() -> None:
        async with ManagementPort() as port:
            peer = Peer(port)
            peer.send(data)
            peer.close()
            connection = await port.__anext__()
            taken: list[bytes] = []
            connection.tap = taken.append
            assert await events_of(connection) == expected
            assert list(connection.parser.problems) == list(reader.problems)
            assert b"".join(taken) == data
            assert connection.error is None

    run(listen())


def test_connections_come_in_order_and_tell_where_from() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            peers = [Peer(port) for _ in range(3)]
            connections = [await port.__anext__() for _ in peers]
            assert [connection.number for connection in connections] == [1, 2, 3]
            assert [connection.peer for connection in connections] == [
                f"127.0.0.1:{peer.socket.getsockname()[1]}" for peer in peers
            ]
            for peer in peers:
                peer.close()

    run(listen())


def test_no_more_than_the_limit_at_once_and_the_others_in_turn() -> None:
    async def listen() -> None:
        async with ManagementPort(max_connections=2) as port:
            peers = [Peer(port) for _ in range(5)]
            first, second = await port.__anext__(), await port.__anext__()
            third = asyncio.ensure_future(port.__anext__())
            done, _ = await asyncio.wait({third}, timeout=0.1)
            assert not done
            await first.aclose()
            assert (await third).number == 3
            peers[1].close()
            assert await second.read() == []  # the end gives its place back too
            assert (await port.__anext__()).number == 4
            for peer in peers:
                peer.close()

    run(listen())


def test_thirty_two_at_once() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            peers = [Peer(port) for _ in range(33)]
            connections = [await port.__anext__() for _ in range(32)]
            waiting = asyncio.ensure_future(port.__anext__())
            for number, peer in enumerate(peers):
                peer.send(message("INIT", UserStr=number))
                peer.close()
            said = await asyncio.gather(*(events_of(connection) for connection in connections))
            assert [[event.user_str for event in events] for events in said] == [[str(n)] for n in range(32)]
            assert [event.user_str for event in await events_of(await waiting)] == ["32"]

    run(listen())


def test_nothing_is_lost_when_waiting_for_a_connection_is_cancelled() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            waiting = asyncio.ensure_future(port.__anext__())
            await asyncio.sleep(0)
            peer = Peer(port)
            waiting.cancel()
            await asyncio.wait({waiting})
            await asyncio.sleep(0.05)
            assert (await port.__anext__()).peer.endswith(f":{peer.socket.getsockname()[1]}")
            peer.close()

    run(listen())


def test_a_slow_reader_makes_the_sender_wait() -> None:
    stats = message("STATS", SessionId="s", File="/data/a", Written=1, Cookie="x" * 900)

    async def listen() -> None:
        async with ManagementPort() as port:
            peer = Peer(port)
            connection = await port.__anext__()
            peer.socket.setblocking(False)
            stream = stats * 1_000
            sent = tries = 0
            while tries < 3:  # until the buffers of the system are full for good
                try:
                    sent += peer.socket.send(stream[sent % len(stats) :])
                    tries = 0
                except BlockingIOError:
                    await asyncio.sleep(0.05)
                    tries += 1
                assert sent < 64_000_000
            peer.close()
            count = len(await events_of(connection))
            assert count == sent // len(stats)
            assert count > 100

    run(listen())


def test_garbage_on_one_connection_harms_no_other(captures: list[Path]) -> None:
    data = captures[0].read_bytes()

    async def listen() -> None:
        async with ManagementPort(max_frame_bytes=10_000) as port:
            bad, good = Peer(port), Peer(port)
            first, second = await port.__anext__(), await port.__anext__()
            bad.send(os.urandom(100_000) + b"\nFASPMGR 2\nType: STATS\n" + b"A" * 20_000 + b"\nFASPMGR two\n\n")
            good.send(data)
            bad.close()
            good.close()
            _, events = await asyncio.gather(events_of(first), events_of(second))
            assert first.parser.problem_count > 0
            assert events == parse(data)
            assert second.parser.problem_count == 0

    run(listen())


def test_a_reset_in_the_middle_of_a_message() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            peer = Peer(port)
            connection = await port.__anext__()
            peer.send(message("INIT", UserStr="me") + b"FASPMGR 2\nType: STATS\nWritten: 12")
            await asyncio.sleep(0.1)
            peer.reset()
            await asyncio.sleep(0.1)
            events = await events_of(connection)
            assert [event.type for event in events] == ["INIT"]  # what came before is not lost
            assert isinstance(connection.error, ConnectionResetError)
            assert [problem.kind for problem in connection.parser.problems] == ["unfinished"]

    run(listen())


def test_a_connection_that_says_nothing_is_closed() -> None:
    async def listen() -> None:
        async with ManagementPort(hello_timeout=0.2) as port:
            silent, trickling, good = Peer(port), Peer(port), Peer(port)
            connections = [await port.__anext__() for _ in range(3)]
            trickling.send(b"FASPMGR 2\n")
            good.send(message("INIT", UserStr="me"))
            assert await connections[0].read() == []
            assert isinstance(connections[0].error, TimeoutError)
            assert await connections[1].read() == []
            assert len(await connections[2].read()) == 1
            await asyncio.sleep(0.3)
            good.send(message("DONE"))  # who has spoken may be silent for as long as he likes
            assert len(await connections[2].read()) == 1
            for peer in (silent, trickling, good):
                peer.close()

    run(listen())


def test_commands_are_sent_while_events_come() -> None:
    order = commands.SetRate(target_kbps=50_000)

    async def listen() -> bytes:
        async with ManagementPort() as port:
            peer = Peer(port)
            connection = await port.__anext__()
            reading = asyncio.ensure_future(connection.read())
            await connection.send(order)
            received = await asyncio.get_running_loop().run_in_executor(None, peer.socket.recv, 1000)
            peer.send(message("NOTIFICATION", Rate=50_000))
            assert [event.type for event in await reading] == ["NOTIFICATION"]
            peer.close()
            return bytes(received)

    assert run(listen()) == b"FASPMGR 2\nType: RATE\nRate: 50000\n\n"


def test_an_ascp_that_reads_no_commands_stops_neither_reading_nor_closing() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            peer = Peer(port)
            connection = await port.__anext__()
            order = commands.StartFile("/data/" + "a" * 60_000, "b")

            async def flood() -> None:
                for _ in range(1_000):
                    await connection.send(order)

            with pytest.raises(ConnectionError, match="does not read"):
                await flood()
            peer.send(message("INIT", UserStr="me"))
            assert len(await connection.read()) == 1
            await connection.aclose()
            with pytest.raises(ConnectionError, match="closed"):
                await connection.send(commands.Cancel())
            peer.close()

    run(listen())


def test_closing_ends_the_iterations_and_the_connections() -> None:
    async def listen() -> None:
        port = ManagementPort()
        async with port:
            peer = Peer(port)
            connection = await port.__anext__()
            reading = asyncio.ensure_future(events_of(connection))
            waiting = asyncio.ensure_future(port.__anext__())
            await asyncio.sleep(0.05)
            await port.aclose()
            with pytest.raises(StopAsyncIteration):
                await waiting
            assert await reading == []
            assert peer.socket.recv(1) == b""
            peer.close()
        with pytest.raises(StopAsyncIteration):
            await port.__anext__()
        with pytest.raises(ConnectionRefusedError):
            Peer(port)

    run(listen())


def test_a_connection_nobody_asked_for_is_closed_too() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            waiting = asyncio.ensure_future(port.__anext__())
            await asyncio.sleep(0)
            peer = Peer(port)
            waiting.cancel()
            await asyncio.sleep(0.05)
        peer.socket.settimeout(5)
        with contextlib.suppress(ConnectionResetError):
            assert peer.socket.recv(1) == b""
        peer.close()

    run(listen())


def test_a_port_that_is_taken() -> None:
    async def listen() -> None:
        async with ManagementPort() as port:
            with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port.port}: Address already in use"):
                async with ManagementPort(port=port.port):
                    pass

    run(listen())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
def test_only_loopback_unless_allowed(host: str) -> None:
    async def listen() -> None:
        with pytest.raises(ValueError, match="not on loopback"):
            async with ManagementPort(host):
                pass

    run(listen())


def test_everybody_if_allowed() -> None:
    async def listen() -> None:
        async with ManagementPort("0.0.0.0", allow_remote=True) as port:
            assert port.address == f"0.0.0.0:{port.port}"

    run(listen())


# -- publishing


def test_a_published_port_is_a_file_while_it_is_open(tmp_path: Path) -> None:
    async def listen() -> None:
        async with ManagementPort(publish=tmp_path) as port:
            (file,) = tmp_path.iterdir()
            assert file.name == f"faspmgr-{os.getpid()}-{port.port}.optport"
            assert file.read_text() == f"{port.address}\n"
            assert file.stat().st_mode & 0o777 == 0o644
            async with ManagementPort(publish=tmp_path):
                assert len(list(tmp_path.iterdir())) == 2
        assert not list(tmp_path.iterdir())

    run(listen())


def test_publishing_where_there_is_no_directory(tmp_path: Path) -> None:
    async def listen() -> None:
        with pytest.raises(FileNotFoundError):
            async with ManagementPort(publish=tmp_path / "none"):
                pass

    run(listen())


def test_the_files_of_a_crashed_run_are_removed_and_those_of_a_living_one_kept(tmp_path: Path) -> None:
    program = (
        "import sys, time; from faspmgr.manager.publish import PublishedPort;"
        "PublishedPort('127.0.0.1:4711', sys.argv[1]); time.sleep(60)"
    )
    root = str(Path(__file__).resolve().parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)], env={**os.environ, "PYTHONPATH": root}
    ) as other:
        theirs = tmp_path / f"faspmgr-{other.pid}-4711.optport"
        strange = tmp_path / "theirs.optport"
        strange.write_text("127.0.0.1:1\n")
        try:
            wait_until(theirs.exists)
            PublishedPort("127.0.0.1:1", tmp_path).remove()
            assert theirs.exists()
        finally:
            other.kill()
        other.wait()
        assert theirs.exists()
        PublishedPort("127.0.0.1:1", tmp_path).remove()
        assert list(tmp_path.iterdir()) == [strange]


# -- ending tasks


def test_a_cancellation_that_is_lost_is_repeated() -> None:
    async def deaf(times: int) -> None:
        for _ in range(times):
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(60)

    async def go() -> None:
        tasks: set[asyncio.Task[None]] = set()
        for times in (0, 1, 2, 3):
            task = asyncio.ensure_future(deaf(times))
            task.add_done_callback(tasks.discard)
            tasks.add(task)
        await asyncio.sleep(0)
        await end_all(tasks)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(go())
