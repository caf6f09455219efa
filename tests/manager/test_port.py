"""The management port: connections, events, commands, and what may go wrong on one of them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faspmgr import parse
from faspmgr.manager import Connection, ManagementPort
from faspmgr.manager.accepting import accept
from faspmgr.manager.port import MIN_SILENT_SECONDS
from faspmgr.manager.publish import PublishedPort
from faspmgr.manager.tasks import task_group
from faspmgr.protocol import commands
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from tests.launcher import start
from tests.live import may_wait, message, wait_until
from tests.manager.peers import Peer, connected, in_loop
from tests.manager.transfers import asyncio_only

pytestmark = pytest.mark.usefixtures("either_loop")


async def events_of(connection: Connection) -> list[Event]:
    return [event async for event in connection]


@in_loop
async def test_the_event_loop_is_the_one_that_was_asked_for(either_loop: str) -> None:
    assert type(asyncio.get_running_loop()).__module__.partition(".")[0] == either_loop


# -- connections and their events


@in_loop
async def test_a_capture_arrives_whole(capture: Path) -> None:
    data = capture.read_bytes()
    reader = Parser()
    expected = reader.feed(data) + reader.close()
    async with connected() as (_, (peer,), (connection,)):
        received: list[bytes] = []
        connection.tap = received.append
        peer.send(data)
        peer.close()
        assert await events_of(connection) == expected
        assert list(connection.parser.problems) == list(reader.problems)
        assert b"".join(received) == data
        assert connection.error is None


@in_loop
async def test_connections_come_in_order_and_have_an_address() -> None:
    async with connected(3) as (_, peers, connections):
        assert [connection.number for connection in connections] == [1, 2, 3]
        assert [connection.peer for connection in connections] == [peer.address for peer in peers]


@in_loop
async def test_no_more_than_the_limit_at_once_and_the_others_in_turn() -> None:
    async with connected(2, max_connections=2) as (port, peers, (first, second)):
        for peer in peers:
            peer.send(message("INIT"))
        await second.read()
        with Peer(port.port), Peer(port.port):
            third = asyncio.ensure_future(anext(port))
            done, _ = await asyncio.wait({third}, timeout=2 * MIN_SILENT_SECONDS)
            assert not done  # what has sent something keeps its place, whether it was read or not
            await first.aclose()
            assert (await third).number == 3
            peers[1].close()
            assert await second.read() == []  # the end gives its place back too
            assert (await anext(port)).number == 4


@in_loop
async def test_who_is_silent_does_not_keep_others_out() -> None:
    async with connected(4, max_connections=4) as (port, peers, connections):
        peers[0].send(message("INIT"))
        peers[1].send(b"FASPMGR 2\n")
        assert len(await connections[0].read()) == 1
        readings = [asyncio.ensure_future(connection.read()) for connection in connections[1:]]
        for number, index in enumerate((1, 2), 5):
            with Peer(port.port) as late:
                late.send(message("INIT", UserStr=number))
                connection = await anext(port)
                assert [event.user_str for event in await connection.read()] == [str(number)]
                assert await readings[index - 1] == []
                assert isinstance(connections[index].error, TimeoutError)
                assert [each.closed for each in connections] == [False] + [True] * index + [False] * (3 - index)
                peers[3].send(message("INIT"))
        assert len(await readings[2]) == 1


@in_loop
async def test_thirty_two_at_once_if_that_is_the_limit() -> None:
    async with connected(32, max_connections=32) as (port, peers, connections):
        for number, peer in enumerate(peers):
            peer.send(message("INIT", UserStr=number))
        with Peer(port.port) as late:
            waiting = asyncio.ensure_future(anext(port))
            late.send(message("INIT", UserStr=32))
            for peer in [*peers, late]:
                peer.close()
            received = await asyncio.gather(*map(events_of, connections))
            assert [[event.user_str for event in events] for events in received] == [[str(n)] for n in range(32)]
            assert [event.user_str for event in await events_of(await waiting)] == ["32"]


@pytest.mark.skipif(not may_wait(1_000), reason="the system lets fewer than 1,000 connections wait")
@in_loop
async def test_a_thousand_at_once(many_descriptors: None) -> None:
    """All of them before the first is accepted, and each gets its reply while the others are open."""
    async with ManagementPort() as port:
        with contextlib.ExitStack() as stack:
            peers = [stack.enter_context(Peer(port.port)) for _ in range(1_000)]
            for number, peer in enumerate(peers):
                peer.send(message("INIT", UserStr=number))
            connections = [await anext(port) for _ in peers]
            for number, connection in enumerate(connections):
                assert [event.user_str for event in await connection.read()] == [str(number)]
                await connection.send(commands.Query())
            for peer in peers:
                assert b"Type: QUERY" in peer.socket.recv(1_000)


@in_loop
async def test_where_descriptors_run_out_the_silent_go_first(few_descriptors: Callable[[int], None]) -> None:
    script = (
        "import socket, sys\n"
        "held = [socket.create_connection(('127.0.0.1', int(sys.argv[1]))) for _ in range(60)]\n"
        "held[-1].sendall(b'FASPMGR 2\\nType: INIT\\nUserStr: late\\n\\n'); held[-1].recv(1)\n"
    )
    async with ManagementPort() as port:
        with start(str(port.port), program=(sys.executable, "-c", script)):
            few_descriptors(20)
            async with task_group() as readers:
                async for connection in port:
                    reading = readers.create_task(connection.read())
                    if connection.number == 60:
                        break
                assert [event.type for event in await reading] == ["INIT"]
                await port.aclose()


@in_loop
async def test_a_slow_reader_makes_the_sender_wait() -> None:
    async with connected() as (_, (peer,), (connection,)):
        sent = await peer.flood(message("STATS", SessionId="s", File="/data/a", Written=1, Cookie="x" * 900))
        peer.close()
        assert len(await events_of(connection)) == sent > 100


@in_loop
async def test_garbage_on_one_connection_harms_no_other(captures: list[Path]) -> None:
    data = captures[0].read_bytes()
    async with connected(2, max_frame_bytes=10_000) as (_, (bad, good), (first, second)):
        bad.send(os.urandom(100_000) + b"\nFASPMGR 2\nType: STATS\n" + b"A" * 20_000 + b"\nFASPMGR two\n\n")
        good.send(data)
        bad.close()
        good.close()
        _, events = await asyncio.gather(events_of(first), events_of(second))
        assert first.parser.problem_count > 0
        assert events == parse(data)
        assert second.parser.problem_count == 0


@in_loop
async def test_a_reset_in_the_middle_of_a_message() -> None:
    async with connected() as (_, (peer,), (connection,)):
        peer.send(message("INIT", UserStr="me") + b"FASPMGR 2\nType: STATS\nWritten: 12")
        await asyncio.sleep(0.1)
        peer.reset()
        await asyncio.sleep(0.1)
        events = await events_of(connection)
        assert [event.type for event in events] == ["INIT"]  # what came before is not lost
        assert isinstance(connection.error, ConnectionResetError)
        assert [problem.kind for problem in connection.parser.problems] == ["unfinished"]


@in_loop
async def test_a_connection_that_sends_no_message_is_closed() -> None:
    async with connected(3, hello_timeout=0.2) as (_, (_, trickling, good), connections):
        trickling.send(b"FASPMGR 2\n")
        good.send(message("INIT", UserStr="me"))
        assert await connections[0].read() == []
        assert isinstance(connections[0].error, TimeoutError)
        assert await connections[1].read() == []
        assert len(await connections[2].read()) == 1
        await asyncio.sleep(0.3)
        good.send(message("DONE"))  # after the first message, silence is no reason
        assert len(await connections[2].read()) == 1


@in_loop
async def test_what_arrived_in_time_is_read_even_late() -> None:
    async with connected(hello_timeout=0.1) as (_, (peer,), (connection,)):
        peer.send(message("INIT"))
        await asyncio.sleep(0.3)
        assert [event.type for event in await connection.read()] == ["INIT"]


# -- commands


@in_loop
async def test_commands_are_sent_while_events_come() -> None:
    async with connected() as (_, (peer,), (connection,)):
        reading = asyncio.ensure_future(connection.read())
        await connection.send(commands.SetRate(target_kbps=50_000))
        received = await asyncio.get_running_loop().run_in_executor(None, peer.socket.recv, 1000)
        assert received == b"FASPMGR 2\nType: RATE\nRate: 50000\n\n"
        peer.send(message("NOTIFICATION", Rate=50_000))
        assert [event.type for event in await reading] == ["NOTIFICATION"]


@in_loop
async def test_an_ascp_that_reads_no_commands_stops_neither_reading_nor_closing() -> None:
    async with connected() as (_, (peer,), (connection,)):

        async def flood() -> None:
            for _ in range(1_000):
                await connection.send(commands.StartFile("/data/" + "a" * 60_000, "b"))

        with pytest.raises(ConnectionError, match="does not read"):
            await flood()
        peer.send(message("INIT", UserStr="me"))
        assert len(await connection.read()) == 1
        await connection.aclose()
        with pytest.raises(ConnectionError, match="closed"):
            await connection.send(commands.Cancel())


# -- data


async def received(peer: Peer, size: int) -> bytes:
    """So many bytes that were sent to a peer; the event loop runs meanwhile."""
    data = bytearray()
    loop = asyncio.get_running_loop()
    while len(data) < size:
        data += await loop.run_in_executor(None, peer.socket.recv, size - len(data))
    return bytes(data)


@in_loop
async def test_a_message_in_parts() -> None:
    async with connected() as (_, (peer,), (connection,)):
        for size in (4, 1 << 20):
            parts = (b"head\n", memoryview(b"x" * size), b"\n\n")
            writing = asyncio.ensure_future(connection.write(parts))
            assert await received(peer, size + 7) == b"head\n" + b"x" * size + b"\n\n"
            await writing


@in_loop
async def test_who_writes_waits_for_room_and_for_his_turn() -> None:
    async with connected() as (_, (peer,), (connection,)):

        async def write(byte: bytes) -> None:
            for _ in range(20):
                await connection.write((byte * (1 << 20),))

        writing = [asyncio.ensure_future(write(byte)) for byte in (b"1", b"2")]
        await asyncio.sleep(0.5)
        assert not any(each.done() for each in writing)
        assert connection._wire.transport.get_write_buffer_size() < 3 << 20
        data = await received(peer, 40 << 20)
        await asyncio.gather(*writing)
        order = data[:: 1 << 20]
        assert order.count(b"1") == order.count(b"2") == 20
        assert b"1111" not in order
        assert b"2222" not in order


@in_loop
async def test_data_on_their_way_are_no_unread_commands() -> None:
    """Commands go behind them, up to the limit."""
    async with connected() as (_, _, (connection,)):
        while connection._wire.room.is_set():
            await connection.write((bytes(1 << 20),))
        before = connection._wire.transport.get_write_buffer_size()
        assert before > 1 << 16
        await connection.send(commands.Cancel())
        assert connection._wire.transport.get_write_buffer_size() > before

        async def flood() -> None:
            for _ in range(100):
                await connection.send(commands.StartFile("/data/" + "a" * 6_000, "b"))

        with pytest.raises(ConnectionError, match="does not read"):
            await flood()


@in_loop
async def test_a_write_that_is_cancelled_has_written_nothing() -> None:
    async with connected() as (_, (peer,), (connection,)):
        count = 0
        while connection._wire.room.is_set():
            await connection.write((b"1" * (1 << 20),))
            count += 1
        waiting = [asyncio.ensure_future(connection.write((byte,))) for byte in (b"2", b"3")]
        await asyncio.sleep(0.1)
        waiting[0].cancel()
        data = asyncio.ensure_future(received(peer, (count << 20) + 1))
        await waiting[1]
        assert (await data)[-2:] == b"13"
        assert waiting[0].cancelled()


@pytest.mark.parametrize("end", [Connection.close, lambda connection: connection._wire.transport.abort()])
@in_loop
async def test_a_connection_that_ends_while_one_waits_to_write(end: Callable[[Connection], None]) -> None:
    async with connected() as (_, _, (connection,)):
        while connection._wire.room.is_set():
            await connection.write((bytes(1 << 20),))
        waiting = asyncio.ensure_future(connection.write((b"x",)))
        await asyncio.sleep(0.1)
        assert not waiting.done()
        end(connection)
        with pytest.raises(ConnectionError, match="closed"):
            await waiting
        with pytest.raises(ConnectionError, match="closed"):
            await connection.write((b"x",))


# -- opening and closing


@in_loop
async def test_nothing_is_lost_when_waiting_for_a_connection_is_cancelled() -> None:
    async with ManagementPort() as port:
        waiting = asyncio.ensure_future(anext(port))
        await asyncio.sleep(0)
        with Peer(port.port) as peer:
            waiting.cancel()
            await asyncio.wait({waiting})
            await asyncio.sleep(0.05)
            assert (await anext(port)).peer == peer.address


@pytest.mark.parametrize("rounds", range(6))
@in_loop
async def test_no_connection_is_lost_when_accepting_is_cancelled_as_it_comes(rounds: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        accepting = asyncio.ensure_future(accept(listener))
        await asyncio.sleep(0)
        with Peer(listener.getsockname()[1]) as peer:
            for _ in range(rounds):
                await asyncio.sleep(0)
            accepting.cancel()
            await asyncio.wait({accepting})
            with accepting.result() if not accepting.cancelled() else await accept(listener) as accepted:
                assert accepted.getpeername() == peer.socket.getsockname()


class _WithoutReaders(asyncio.SelectorEventLoop):
    """An event loop as that of Windows, which cannot tell when a socket is readable."""

    def add_reader(self, *_: Any) -> None:  # type: ignore[override]
        raise NotImplementedError


@asyncio_only
def test_a_loop_that_cannot_wait_for_a_socket() -> None:
    async def go() -> None:
        async with ManagementPort() as port:
            waiting = asyncio.ensure_future(anext(port))
            await asyncio.sleep(0.01)
            with Peer(port.port) as peer:
                assert (await waiting).peer == peer.address

    with asyncio.Runner(loop_factory=_WithoutReaders) as runner:
        runner.run(asyncio.wait_for(go(), 30))


@in_loop
async def test_closing_ends_the_iterations_and_the_connections() -> None:
    async with connected() as (port, (peer,), (connection,)):
        reading = asyncio.ensure_future(events_of(connection))
        waiting = asyncio.ensure_future(anext(port))
        await asyncio.sleep(0.05)
        await port.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting
        assert await reading == []
        assert peer.socket.recv(1) == b""
        with pytest.raises(StopAsyncIteration):
            await anext(port)
        with pytest.raises(ConnectionRefusedError):
            Peer(port.port)


@in_loop
async def test_what_arrived_before_closing_can_be_read_after_it() -> None:
    async with connected() as (port, (peer,), (connection,)):
        peer.send(message("INIT"), b"FASPMGR 2\n")
        await asyncio.sleep(0.1)
        await port.aclose()
        assert [event.type for event in await events_of(connection)] == ["INIT"]
        assert [problem.kind for problem in connection.parser.problems] == ["unfinished"]
        assert connection.error is None


@in_loop
async def test_closing_that_is_cancelled_closes_all_the_same() -> None:
    async with connected(2) as (port, peers, _):
        waiting = asyncio.ensure_future(anext(port))
        await asyncio.sleep(0.05)
        closing = asyncio.ensure_future(port.aclose())
        await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing, waiting})
        assert closing.cancelled()
        assert [peer.socket.recv(1) for peer in peers] == [b"", b""]
        with pytest.raises(ConnectionRefusedError):
            Peer(port.port)


@in_loop
async def test_a_connection_nobody_asked_for_is_closed_too() -> None:
    async with ManagementPort() as port:
        waiting = asyncio.ensure_future(anext(port))
        await asyncio.sleep(0)
        peer = Peer(port.port)
        waiting.cancel()
        await asyncio.sleep(0.05)
    with peer:
        peer.socket.settimeout(5)
        with contextlib.suppress(ConnectionResetError):  # it was not accepted in time
            assert peer.socket.recv(1) == b""


@in_loop
async def test_a_port_that_is_in_use() -> None:
    async with ManagementPort() as port:
        with pytest.raises(OSError, match=f"cannot listen on 127.0.0.1:{port.port}: Address already in use"):
            await ManagementPort(port=port.port).__aenter__()
        with pytest.raises(RuntimeError, match="open already"):
            await port.__aenter__()


@in_loop
async def test_a_port_that_was_not_entered() -> None:
    with pytest.raises(RuntimeError, match="async with ManagementPort"):
        await anext(ManagementPort())


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@in_loop
async def test_only_loopback_unless_allowed(host: str) -> None:
    with pytest.raises(ValueError, match="not on loopback"):
        await ManagementPort(host).__aenter__()


@in_loop
async def test_everybody_if_allowed() -> None:
    async with ManagementPort("0.0.0.0", allow_remote=True) as port:
        assert port.address == f"0.0.0.0:{port.port}"


async def _log(*_: object) -> None:
    """A coroutine function where a plain one is wanted."""


class _Logger:
    async def __call__(self, *_: object) -> None: ...


@pytest.mark.parametrize("callback", [_log, _Logger()])
def test_a_coroutine_function_is_no_callback(callback: Any) -> None:
    with pytest.raises(TypeError, match="on_problem is a coroutine function"):
        ManagementPort(on_problem=callback)


def test_a_limit_that_lets_nobody_in() -> None:
    with pytest.raises(ValueError, match="invalid max_connections: 0"):
        ManagementPort(max_connections=0)


@in_loop
async def test_the_log_of_an_application(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "faspmgr")
    async with connected(2) as (port, (first, second), connections):
        first.close()
        second.reset()
        assert [await connection.read() for connection in connections] == [[], []]
    assert {record.name for record in caplog.records} == {"faspmgr.manager.port"}
    assert [record.levelname for record in caplog.records] == ["INFO"] * 4 + ["WARNING", "INFO"]
    assert caplog.messages == [
        f"listening on {port.address}",
        f"connection 1 from {first.address} opened",
        f"connection 2 from {second.address} opened",
        f"connection 1 from {first.address} closed",
        f"connection 2 from {second.address} broke off: {OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))}",
        f"stopped listening on {port.address}",
    ]


# -- publishing


@in_loop
async def test_a_published_port_is_a_file_while_it_is_open(tmp_path: Path) -> None:
    async with ManagementPort(publish=tmp_path) as port:
        (file,) = tmp_path.iterdir()
        assert file.name == f"faspmgr-{os.getpid()}-{port.port}.optport"
        assert file.read_text() == f"{port.address}\n"
        assert file.stat().st_mode & 0o777 == 0o644
        async with ManagementPort(publish=tmp_path):
            assert len(list(tmp_path.iterdir())) == 2
    assert not list(tmp_path.iterdir())


@in_loop
async def test_publishing_where_there_is_no_directory(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await ManagementPort(publish=tmp_path / "none").__aenter__()


def test_the_files_of_a_crashed_run_are_removed_and_those_of_a_living_one_kept(tmp_path: Path) -> None:
    strange = tmp_path / "theirs.optport"
    strange.write_text("127.0.0.1:1\n")
    with start("listen", "--publish-in", tmp_path) as other:
        # Waited for by its final name: the file is written under another one first.
        wait_until(lambda: list(tmp_path.glob(f"faspmgr-{other.pid}-*.optport")))
        (theirs,) = tmp_path.glob(f"faspmgr-{other.pid}-*.optport")
        PublishedPort("127.0.0.1:1", tmp_path).remove()
        assert theirs.exists()
        other.kill()
        other.wait()
    assert theirs.exists()
    PublishedPort("127.0.0.1:1", tmp_path).remove()
    assert list(tmp_path.iterdir()) == [strange]
