"""The control socket: a socket that only its owner can use, and that no client can harm."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import os
import socket
import stat
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faspmgr.manager import Job, control
from faspmgr.manager.control import ControlSocket, ask
from tests.live import wait_until
from tests.manager.peers import in_loop

pytestmark = pytest.mark.usefixtures("either_loop")

STATUS = b'{"command": "status"}\n'


@pytest.fixture
def path(socket_folder: Path) -> Path:
    """Where the socket is to be."""
    return socket_folder / "s"


@contextlib.asynccontextmanager
async def _checked() -> Any:
    """No task may be left after the block, but for the one that runs it."""
    yield
    for _ in range(20):  # asyncio's own, for connections that came at the last moment
        await asyncio.sleep(0 if asyncio.all_tasks() == {asyncio.current_task()} else 0.05)
    assert asyncio.all_tasks() == {asyncio.current_task()}


def served(path: Path, act: Callable[[], Any]) -> Any:
    """What act returns, called in a thread while the socket of a job that is not running is served."""

    async def go() -> Any:
        async with _checked(), ControlSocket(path, Job(["ascp", "a", "h:b"])):
            return await asyncio.wait_for(asyncio.to_thread(act), 30)

    return asyncio.run(go())


@contextlib.contextmanager
def client_of(path: Path) -> Any:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)  # with it, connecting fails at once where no more clients may wait
        client.connect(str(path))
        yield client


def raw(path: Path, data: bytes) -> bytes:
    """The response to a line that ask() would not send."""
    with client_of(path) as client:
        client.sendall(data)
        return bytes(client.makefile("rb").readline())


# -- where it is


def test_the_socket_is_its_owners_alone_and_goes_away(path: Path) -> None:
    before = os.umask(0)  # the rights must not depend on it
    try:
        assert served(path, lambda: stat.S_IMODE(path.stat().st_mode)) == 0o600
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_socket_of_a_crashed_run_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert served(path, lambda: ask(path, {"command": "status"}, 5)) == {"transfers": []}


def test_the_socket_of_a_living_run_is_not(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()
        with pytest.raises(OSError, match="Address already in use"):
            served(path, lambda: None)
    assert path.exists()


def test_a_file_of_another_kind_is_left_alone(path: Path) -> None:
    path.write_text("mine")
    with pytest.raises(OSError, match="Address already in use"):
        served(path, lambda: None)
    assert path.read_text() == "mine"


@pytest.mark.parametrize("name", ["none/s", "x" * 200])
def test_a_path_where_no_socket_can_be(path: Path, name: str) -> None:
    with pytest.raises(OSError, match=name[:20]):
        served(path.parent / name, lambda: None)


# -- requests and responses


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        ({"command": "dance"}, "unknown command: dance"),
        ({}, "invalid request"),
        ([], "invalid request"),
        ({"command": "rate"}, "nothing to change"),
        ({"command": "rate", "arguments": {"speed": 1}}, "speed"),
        ({"command": "rate", "arguments": {"target_kbps": "1"}}, "target_kbps"),
        ({"command": "rate", "arguments": 7}, "invalid request"),
        ({"command": "stop", "arguments": {"source": "\udcff\ud800"}}, "invalid request"),
        ({"command": "query", "timeout": "soon"}, "invalid request"),
        ({"command": ["rate"]}, "invalid request"),
    ],
)
def test_invalid_requests(path: Path, request_: Any, error: str) -> None:
    assert error in served(path, lambda: ask(path, request_, 5))["error"]


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"[" * 30_000 + b"\n", b"null\n", b"{}\n"])
def test_lines_that_are_no_requests(path: Path, data: bytes) -> None:
    assert "invalid request" in json.loads(served(path, lambda: raw(path, data)))["error"]


def test_a_line_without_end(path: Path) -> None:
    response = served(path, lambda: raw(path, b"x" * (control.MAX_REQUEST_BYTES + 1)))
    assert json.loads(response) == {"error": "a request of more than 65536 bytes"}


def test_several_requests_on_one_connection(path: Path) -> None:
    def act() -> list[bytes]:
        with client_of(path) as client:
            client.sendall(STATUS + b'{"command": "query"}\n')
            file = client.makefile("rb")
            return [file.readline(), file.readline()]

    assert served(path, act) == [
        b'{"transfers":[]}\n',
        b'{"accepted":false,"message":"no ascp is connected now"}\n',
    ]


@in_loop
async def test_commands_over_the_socket(
    scripted_ascp: Callable[[str], str], path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, control.__name__)
    program = scripted_ascp(
        "wire = began(); wire.sendall(message('NOTIFICATION', Rate=receive(wire)['Rate']))\n"
        "receive(wire); wire.sendall(DONE)"
    )
    requests: list[dict[str, Any]] = [
        {"command": "rate", "arguments": {"target_kbps": 9_000}, "timeout": 20},
        {"command": "status"},
        {"command": "finish", "timeout": 20},
    ]
    job = Job([program])
    async with ControlSocket(path, job):
        running = asyncio.ensure_future(job.run())
        while not any(session.negotiated for session in job.tracker.sessions):
            await asyncio.sleep(0.02)
        responses = asyncio.create_task(asyncio.to_thread(lambda: [ask(path, each, 20) for each in requests]))
        result = await running
    assert result.verdict == "done"
    rate, status, finish = await responses
    assert rate == {"accepted": True, "message": "target 9000 Kbps"}
    assert status["transfers"][0]["sessions"][0]["target_rate_kbps"] == 9_000
    assert finish == {"accepted": True, "message": "the session is done"}
    assert caplog.messages == [
        f"control socket {path} opened",
        f"control socket {path}: rate: Reply(accepted=True, message='target 9000 Kbps')",
        f"control socket {path}: finish: Reply(accepted=True, message='the session is done')",
        f"control socket {path} closed",
    ]


@in_loop
async def test_a_name_that_is_no_utf_8_arrives_as_it_is(scripted_ascp: Callable[[str], str], path: Path) -> None:
    program = scripted_ascp(
        "wire = began(); got = b''\nwhile b'\\n\\n' not in got: got += wire.recv(99)\n"
        "wire.sendall(error(27 if b'Source: caf\\xe9\\n' in got else 1, 'it has come'))"
    )
    job = Job([program])
    async with ControlSocket(path, job):
        running = asyncio.ensure_future(job.run())
        while not any(session.negotiated for session in job.tracker.sessions):
            await asyncio.sleep(0.02)
        request = {"command": "stop", "arguments": {"source": "caf\udce9"}, "timeout": 20}
        response = await asyncio.to_thread(ask, path, request, 20)
        await running
    assert response["message"] == "the session failed: 27 SOME_FILE_ERRS: it has come"


# -- clients that do not behave


TOO_MANY = b'{"error":"more than 8 clients at once"}\n'


def test_idle_clients_shut_nobody_out(path: Path) -> None:
    def act() -> Any:
        with contextlib.ExitStack() as crowd:
            clients = []
            for _ in range(control.MAX_CLIENTS):
                client = crowd.enter_context(client_of(path))
                client.sendall(STATUS)
                assert client.recv(100) == b'{"transfers":[]}\n'  # it has its place
                clients.append(client)
            clients[0].sendall(STATUS)  # it is not the longest idle any more
            clients[0].recv(100)
            new = crowd.enter_context(client_of(path))
            new.sendall(STATUS)
            assert new.recv(100) == b'{"transfers":[]}\n'
            gone = clients.pop(1).makefile("rb").read()
            for client in clients:
                client.sendall(STATUS)
            return gone, [client.recv(100) for client in clients]

    assert served(path, act) == (TOO_MANY, [b'{"transfers":[]}\n'] * 7)


@pytest.mark.parametrize("data", [b"", b'{"command"', STATUS * 100_000])
def test_a_crowd_that_is_silent_or_does_not_read_shuts_nobody_out(path: Path, data: bytes) -> None:
    def act() -> Any:
        with contextlib.ExitStack() as crowd:
            for _ in range(20):
                client = crowd.enter_context(client_of(path))
                client.setblocking(False)
                with contextlib.suppress(BlockingIOError, BrokenPipeError):
                    client.sendall(data)
            # Those that have sent requests have their places until they stop reading.
            wait_until(lambda: ask(path, {"command": "status"}, 10) == {"transfers": []})
            return [ask(path, {"command": "status"}, 10) for _ in range(20)]

    assert served(path, act) == [{"transfers": []}] * 20


def test_too_many_clients(path: Path) -> None:
    """Those whose commands are carried out keep their places."""
    waiting: list[None] = []

    class BusyJob(Job):
        async def send(self, *_: Any) -> Any:
            waiting.append(None)
            await asyncio.Event().wait()

    def act() -> list[Any]:
        with contextlib.ExitStack() as crowd:
            for _ in range(control.MAX_CLIENTS):
                crowd.enter_context(client_of(path)).sendall(b'{"command": "query"}\n')
            wait_until(lambda: len(waiting) == control.MAX_CLIENTS)
            return [ask(path, {"command": "status"}, 10) for _ in range(100)]  # refused before it asks, or after

    async def go() -> Any:
        async with _checked(), ControlSocket(path, BusyJob(["ascp", "a", "h:b"])):
            return await asyncio.wait_for(asyncio.to_thread(act), 30)

    assert asyncio.run(go()) == [json.loads(TOO_MANY)] * 100


@in_loop
async def test_a_crowd_that_comes_at_once(path: Path) -> None:
    def responses_to(clients: list[socket.socket]) -> list[bytes]:
        return [client.makefile("rb").readline() for client in clients]

    with contextlib.ExitStack() as crowd:
        async with ControlSocket(path, Job(["ascp", "a", "h:b"])):
            clients = [crowd.enter_context(client_of(path)) for _ in range(100)]  # nobody is accepted meanwhile
            for client in clients:
                client.sendall(STATUS)
            responses = await asyncio.to_thread(responses_to, clients)
    assert responses == [b'{"transfers":[]}\n'] * 100


@pytest.mark.parametrize("data", [b'{"command"', STATUS * 100_000])
def test_a_client_that_neither_sends_nor_reads_is_sent_away(
    path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    monkeypatch.setattr(control, "MAX_SILENT_SECONDS", 0.2)

    def act() -> bytes:
        with client_of(path) as client, contextlib.suppress(ConnectionResetError):
            with contextlib.suppress(BrokenPipeError):
                client.sendall(data)
            while client.recv(1 << 16):
                pass
        return b"closed"

    assert served(path, act) == b"closed"


def test_a_client_that_goes_away(path: Path) -> None:
    def act() -> None:
        for _ in range(20):
            with client_of(path) as client:
                client.sendall(STATUS * 50)

    served(path, act)


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4, 50])
def test_the_end_leaves_nothing_of_clients_that_do_not_read(path: Path, rounds: int) -> None:
    async def go() -> None:
        with contextlib.ExitStack() as crowd:
            async with ControlSocket(path, Job(["ascp", "a", "h:b"])):
                for _ in range(6):
                    crowd.enter_context(client_of(path)).sendall(STATUS * 3000)
                for _ in range(rounds):
                    await asyncio.sleep(0)
            assert asyncio.all_tasks() == {asyncio.current_task()}

    gc.collect()
    before = set(os.listdir("/dev/fd"))
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        asyncio.run(go())
        gc.collect()
    assert [str(warning.message) for warning in seen] == []
    assert set(os.listdir("/dev/fd")) == before


# -- asking


def test_one_who_is_not_accepted_any_more(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        async def go() -> Any:
            asking = asyncio.create_task(asyncio.to_thread(ask, path, {"command": "status"}, 10))
            await asyncio.sleep(0.3)  # for the client to connect and ask
            listener.close()
            return await asking

        assert asyncio.run(go()) == {"error": "the transfer has ended"}


def test_nobody_there(path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ask(path, {}, 1)
