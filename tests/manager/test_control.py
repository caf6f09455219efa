"""Orders to a running transfer: what ascp took, and a socket that only its owner can use."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import socket
import stat
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from faspmgr.manager import Job, Result, control
from faspmgr.manager.control import ControlSocket, ask
from tests.live import MakeAscp


@pytest.fixture
def path(socket_folder: Path) -> Path:
    """Where the socket is to be."""
    return socket_folder / "s"


def served(path: Path, act: Callable[[], Any], job: Job | None = None) -> Any:
    """What act gives, called in a thread while the socket is served."""

    async def go() -> Any:
        async with ControlSocket(path, job or Job(["ascp", "a", "h:b"])):
            given = await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(None, act), 30)
        for _ in range(20):  # asyncio's own tasks for connections that came at the last moment
            await asyncio.sleep(0 if asyncio.all_tasks() == {asyncio.current_task()} else 0.05)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return given

    return asyncio.run(go())


def test_the_socket_is_its_owners_alone_and_goes_away(path: Path) -> None:
    os.umask(os.umask(0))  # the rights must not depend on it
    before = os.umask(0)
    try:
        assert served(path, lambda: stat.S_IMODE(path.stat().st_mode)) == 0o600
        assert os.umask(0) == 0
    finally:
        os.umask(before)
    assert not path.exists()


def test_the_socket_of_a_crashed_run_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as old:
        old.bind(str(path))
    assert served(path, lambda: ask(path, {"order": "status"}, 5)) == {"transfers": []}


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


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        ({"order": "dance"}, "no such order: dance"),
        ({}, "not a request"),
        ([], "not a request"),
        ({"order": "rate"}, "nothing to change"),
        ({"order": "rate", "arguments": {"speed": 1}}, "speed"),
        ({"order": "rate", "arguments": {"target_kbps": "1"}}, "whole number"),
        ({"order": "rate", "arguments": 7}, "not a request"),
        ({"order": "stop", "arguments": {"source": "\udcff\ud800"}}, "not a request"),
        ({"order": "query", "timeout": "soon"}, "not a request"),
        ({"order": ["rate"]}, "not a request"),
    ],
)
def test_requests_that_are_none(path: Path, request_: Any, words: str) -> None:
    assert words in served(path, lambda: ask(path, request_, 5))["error"]


def raw(path: Path, data: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(10)
        client.connect(str(path))
        client.sendall(data)
        return client.makefile("rb").readline()


@pytest.mark.parametrize("data", [b"\xff\xfe\n", b"[" * 30_000 + b"\n", b"null\n", b"{}\n"])
def test_lines_that_are_no_requests(path: Path, data: bytes) -> None:
    assert "not a request" in json.loads(served(path, lambda: raw(path, data)))["error"]


def test_a_line_without_end(path: Path) -> None:
    response = served(path, lambda: raw(path, b"x" * (control.MAX_REQUEST_BYTES + 1)))
    assert json.loads(response) == {"error": "a request of more than 65536 bytes"}


def test_several_requests_on_one_connection(path: Path) -> None:

    def act() -> list[Any]:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            file = client.makefile("rwb")
            file.write(b'{"order": "status"}\n{"order": "query"}\n')
            file.flush()
            return [json.loads(file.readline()), json.loads(file.readline())]

    assert served(path, act) == [{"transfers": []}, {"accepted": False, "message": "no ascp is connected now"}]


def test_too_many_clients(path: Path) -> None:

    def act() -> list[Any]:
        with contextlib.ExitStack() as crowd:
            for _ in range(control.MAX_CLIENTS):
                client = crowd.enter_context(socket.socket(socket.AF_UNIX))
                client.connect(str(path))
                client.sendall(b'{"order": "status"}\n')
                client.recv(100)
            return [ask(path, {"order": "status"}, 10) for _ in range(100)]  # sent away before it asks, or after

    assert served(path, act) == [{"error": "more than 8 clients at once"}] * 100


def test_a_client_that_is_silent_is_sent_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "SILENT_SECONDS", 0.2)
    assert served(path, lambda: raw(path, b'{"order"')) == b""


def test_a_client_that_goes_away(path: Path) -> None:

    def act() -> None:
        for _ in range(20):
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(path))
                client.sendall(b'{"order": "status"}\n' * 50)

    served(path, act)


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 4, 50])
def test_the_end_leaves_nothing_of_clients_that_do_not_read(path: Path, rounds: int) -> None:
    async def go() -> None:
        with contextlib.ExitStack() as crowd:
            async with ControlSocket(path, Job(["ascp", "a", "h:b"])):
                for _ in range(6):
                    client = crowd.enter_context(socket.socket(socket.AF_UNIX))
                    client.connect(str(path))
                    client.sendall(b'{"order": "status"}\n' * 3000)
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


def test_one_who_is_not_let_in_any_more(path: Path) -> None:
    def listen() -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen()
            ready.set()
            time.sleep(0.3)  # for the client to connect and ask; it is never accepted

    ready = threading.Event()
    thread = threading.Thread(target=listen)
    thread.start()
    assert ready.wait(10)
    assert ask(path, {"order": "status"}, 10) == {"error": "the transfer has ended"}
    thread.join()


def test_nobody_there(path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        ask(path, {}, 1)


def test_an_order_over_the_socket(scripted_ascp: MakeAscp, path: Path) -> None:
    program = scripted_ascp(
        "wire = began(); got = command(wire); wire.sendall(message('NOTIFICATION', Rate=got['Rate']))\n"
        "command(wire); wire.sendall(DONE)"
    )
    responses: list[Any] = []

    async def go() -> Result:
        job = Job([program])

        def act() -> None:
            responses.append(ask(path, {"order": "rate", "arguments": {"target_kbps": 9_000}, "timeout": 20}, 20))
            responses.append(ask(path, {"order": "status"}, 20))
            responses.append(ask(path, {"order": "finish", "timeout": 20}, 20))

        async with ControlSocket(path, job):
            running = asyncio.ensure_future(job.run())
            while not any(session.negotiated for session in job.tracker.sessions):
                await asyncio.sleep(0.02)
            thread = threading.Thread(target=act)
            thread.start()
            result = await running
        thread.join()
        return result

    assert asyncio.run(asyncio.wait_for(go(), 30)).verdict == "done"
    assert responses[0] == {"accepted": True, "message": "target 9000 Kbps"}
    assert responses[1]["transfers"][0]["sessions"][0]["target_rate_kbps"] == 9_000
    assert responses[2] == {"accepted": True, "message": "the session is done"}
