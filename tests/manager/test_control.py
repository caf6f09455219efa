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
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from faspmgr.manager import Job, Reply, Result, control
from faspmgr.manager.control import ControlSocket, ask
from faspmgr.manager.replies import reply_to, together
from faspmgr.protocol import commands
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import parse
from faspmgr.tracking import Tracker
from tests.live import message

Make = Callable[[str], str]

READ = """
def order():  # the next command, as a dict
    text = b""
    while not text.endswith(b"\\n\\n"):
        text += wire.recv(1) or sys.exit(9)
    return dict(line.split(": ", 1) for line in text.decode().splitlines()[1:] if line)
"""


def ordered(argv: list[str], act: Callable[[Job], Awaitable[Any]], **options: Any) -> tuple[Any, Result]:
    """What act gives while the transfer runs, and how that ended."""

    async def go() -> tuple[Any, Result]:
        job = Job(argv, **options)
        running = asyncio.ensure_future(job.run())
        while not any(session.negotiated for transfer in job.transfers for session in transfer.sessions):
            await asyncio.sleep(0.02)
        given = await act(job)
        return given, await running

    return asyncio.run(asyncio.wait_for(go(), 30))


def test_a_rate_that_is_taken(fake_ascp: Make) -> None:
    path = fake_ascp(
        READ + "wire = began(); got = order()\n"
        "wire.sendall(message('NOTIFICATION', PMTU=1492))\n"  # about something else
        "wire.sendall(message('NOTIFICATION', Rate=got['Rate'], MinRate=got['MinRate'], Adaptive=got['Adaptive']))\n"
        "time.sleep(0.3); wire.sendall(DONE)"
    )
    order = commands.SetRate(target_kbps=50_000, min_kbps=1_000, policy="fixed")
    answer, result = ordered([path], lambda job: job.order(order, timeout=20))
    assert answer == Reply(True, "target 50000 Kbps, minimum 1000 Kbps, policy Fixed")
    assert result.verdict == "done"


def test_a_rate_that_the_peer_caps_is_not_taken(fake_ascp: Make) -> None:
    path = fake_ascp(
        READ + "wire = began(); order(); wire.sendall(message('NOTIFICATION', Rate=30000)); time.sleep(1)\n"
        "wire.sendall(DONE)"
    )
    answer, _ = ordered([path], lambda job: job.order(commands.SetRate(target_kbps=50_000), timeout=0.4))
    assert answer.taken is False
    assert answer.message == "ascp has set target 30000 Kbps instead"


def test_an_order_that_is_not_answered(fake_ascp: Make) -> None:
    path = fake_ascp(READ + "wire = began(); order(); time.sleep(1); wire.sendall(DONE)")
    answer, result = ordered([path], lambda job: job.order(commands.SetRate(target_kbps=1), timeout=0.2))
    assert answer == Reply(None, "no answer from ascp within 0.2 s")
    assert result.verdict == "done"


def test_a_transfer_that_ends_instead(fake_ascp: Make) -> None:
    path = fake_ascp(READ + "wire = began(); order(); wire.sendall(error(16)); sys.exit(1)")
    answer, _ = ordered([path], lambda job: job.order(commands.SetRate(target_kbps=1), timeout=20))
    assert answer == Reply(False, "the session failed: 16 CONNECTION_LOST: it failed")


def test_an_ascp_that_goes_away_without_a_word(fake_ascp: Make) -> None:
    path = fake_ascp(READ + "wire = began(); order(); sys.exit(1)")
    answer, _ = ordered([path], lambda job: job.order(commands.SetRate(target_kbps=1), timeout=20))
    assert answer == Reply(False, "ascp has ended")


def test_a_cancel(fake_ascp: Make) -> None:
    path = fake_ascp(
        READ + "wire = began(); assert order()['Type'] == 'CANCEL'; wire.sendall(error(28, 'cancelled')); sys.exit(1)"
    )
    answer, result = ordered([path], lambda job: job.order(commands.Cancel(), timeout=20), grace=20, retry=3)
    assert answer == Reply(True, "the session failed: 28 USER_CANCEL: cancelled")
    assert (result.verdict, result.status, len(result.attempts)) == ("failed", 130, 1)


def test_a_cancel_that_ascp_does_not_hear(fake_ascp: Make) -> None:
    path = fake_ascp("signal.signal(15, signal.SIG_IGN); wire = began()\nwhile True: time.sleep(60)")
    answer, result = ordered([path], lambda job: job.order(commands.Cancel(), timeout=20), grace=0.3)
    assert answer.taken is False
    assert (result.verdict, result.exit_status) == ("lost", -9)


def test_a_cancel_between_two_attempts(fake_ascp: Make) -> None:
    path = fake_ascp("wire = began(); time.sleep(0.2); wire.sendall(error(16)); sys.exit(1)")

    async def act(job: Job) -> Reply:
        while not job.attempts:
            await asyncio.sleep(0.02)
        return await job.order(commands.Cancel())

    answer, result = ordered([path], act, retry=3, retry_wait=60)
    assert answer == Reply(True, "no ascp is running now, and none will be started again")
    assert (result.verdict, len(result.attempts)) == ("failed", 1)


def test_all_sessions_get_the_order(fake_ascp: Make) -> None:
    path = fake_ascp(
        READ + "wire = began(); got = order(); wire.sendall(message('NOTIFICATION', Rate=got['Rate']))\n"
        "time.sleep(0.3); wire.sendall(DONE)"
    )

    async def act(job: Job) -> Reply:
        while len(job.tracker.sessions) < 3:
            await asyncio.sleep(0.02)
        return await job.order(commands.SetRate(target_kbps=7_000), timeout=20)

    answer, _ = ordered([path, "a", "h:b"], act, sessions=3)
    assert answer == Reply(True, "target 7000 Kbps (3 of 3 sessions)")


def test_no_order_before_there_is_a_connection() -> None:
    async def act() -> Reply:
        return await Job(["ascp", "a", "h:b"]).order(commands.Query())

    assert asyncio.run(act()) == Reply(False, "no ascp is connected now")


# -- what an event says about an order, by the protocol page


def said(command: commands.Command, *messages: bytes) -> Reply | None:
    tracker = Tracker()
    answers = []
    for event in parse(b"".join(messages)):
        answers.append(reply_to(command, event, tracker.update(event)))
    return answers[-1]


@pytest.mark.parametrize(
    ("command", "event", "taken"),
    [
        (commands.StartFile("/in/a", "/out/b"), message("STATS", SessionId="s", File="/in/a", Written=1), True),
        (commands.StartFile("/in/a", "/out/b"), message("STOP", SessionId="s", File="/out/b"), True),
        (commands.StartFile("/in/a", "/out/b"), message("SKIP", SessionId="s", File="/in/a"), True),
        (commands.StartFile("/in/a", "/out/b"), message("FILEERROR", SessionId="s", File="/in/a", Code=4), False),
        (commands.StartFile("/in/a", "/out/b"), message("STATS", SessionId="s", File="/in/c"), None),
        (commands.StopFile("/in/a"), message("STOP", SessionId="s", File="/in/a"), True),
        (commands.StopFile("/in/a"), message("FILEERROR", SessionId="s", File="/in/a", Code=28), True),
        (commands.StopFile("/in/a"), message("STATS", SessionId="s", File="/in/a"), None),
        (commands.StopFile("/in/a"), message("STOP", SessionId="s", File="/other/a"), None),
        (commands.Finish(), message("DONE", SessionId="s"), True),
        (commands.Finish(now=True), message("ERROR", SessionId="s", Code=16), False),
        (commands.Cancel(), message("ERROR", SessionId="s", Code=28), True),
        (commands.Cancel(), message("ERROR", SessionId="s", Code=16), False),
        (commands.Cancel(), message("DONE", SessionId="s"), False),
        (commands.Query(), message("QUERYRSP", SessionId="s", QueryResponse="fine"), True),
        (
            commands.SetRate(policy="high"),
            message("NOTIFICATION", SessionId="s", Adaptive="Adaptive", Priority=1),
            True,
        ),
        (
            commands.SetRate(policy="high"),
            message("NOTIFICATION", SessionId="s", Adaptive="Adaptive", Priority=2),
            None,
        ),
    ],
)
def test_what_an_event_says_about_an_order(command: commands.Command, event: bytes, taken: bool | None) -> None:
    answer = said(command, message("INIT", SessionId="s"), event)
    assert (answer and answer.taken) == taken


def test_answers_of_several_sessions() -> None:
    yes, no, unknown = Reply(True, "yes"), Reply(False, "no"), Reply(None, "?")
    assert together([yes]) == yes
    assert together([yes, yes]) == Reply(True, "yes (2 of 2 sessions)")
    assert together([yes, unknown]) == Reply(None, "? (1 of 2 sessions)")
    assert together([yes, unknown, no]) == Reply(False, "no (1 of 3 sessions)")


# -- the socket


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

    assert served(path, act) == [{"transfers": []}, {"taken": False, "message": "no ascp is connected now"}]


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


def test_an_order_over_the_socket(fake_ascp: Make, path: Path) -> None:
    program = fake_ascp(
        READ + "wire = began(); got = order(); wire.sendall(message('NOTIFICATION', Rate=got['Rate']))\n"
        "order(); wire.sendall(DONE)"
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
    assert responses[0] == {"taken": True, "message": "target 9000 Kbps"}
    assert responses[1]["transfers"][0]["sessions"][0]["target_rate_kbps"] == 9_000
    assert responses[2] == {"taken": True, "message": "the session is done"}


def test_events_are_what_answers_are_made_of() -> None:
    """That a command which nothing is known about is not answered by chance."""
    assert reply_to(commands.Command(), Event(), Tracker().update(parse(message("INIT", SessionId="s"))[0])) is None
