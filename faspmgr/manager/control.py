"""The control socket: orders to a running transfer from another process, and what ascp made of them.

A Unix socket that only its owner can open; it is born with these rights, there is no moment without them. One request
and one response are a line of JSON each, any number of them on one connection::

    {"order": "rate", "arguments": {"target_kbps": 50000, "policy": "fixed"}, "timeout": 5}
    {"taken": true, "message": "target 50000 Kbps, minimum 0 Kbps, policy Fixed"}

    {"order": "status"}
    {"transfers": [...]}

    {"order": "dance"}
    {"error": "no such order: dance"}

orders: ORDERS, with the attributes of the command as arguments, and status. taken: true or false by what ascp said,
null if it said nothing within timeout seconds. For security there are limits on the size of a line, the number of
clients and the time that one may be silent.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import os
import socket
import stat
from collections.abc import Awaitable, Mapping
from types import TracebackType
from typing import Any, TypeVar

import attrs

from faspmgr.manager.job import Job
from faspmgr.manager.port import ACCEPT_PAUSE, end_all
from faspmgr.manager.replies import REPLY_TIMEOUT
from faspmgr.protocol import commands

T = TypeVar("T")

ORDERS: Mapping[str, type[commands.Command]] = {name: row.cls for name, row in commands.COMMANDS.items()}
MAX_REQUEST_BYTES = 1 << 16
MAX_RESPONSE_BYTES = 1 << 26
MAX_CLIENTS = 8
MAX_TIMEOUT = 3600.0
SILENT_SECONDS = 60.0


class ControlSocket:
    """Serves orders to job on a Unix socket at path, as an async context manager.

    A socket that a crashed run has left at path is replaced. Entering raises OSError where the path is in use, taken by
    another kind of file, or cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], job: Job) -> None:
        self.path = os.fspath(path)
        self._job = job
        self._clients: set[asyncio.Task[None]] = set()
        self._listener: socket.socket | None = None
        self._accepting: asyncio.Task[None] | None = None
        self._identity: tuple[int, int] | None = None

    async def __aenter__(self) -> ControlSocket:
        self._listener = _listen(self.path)
        about = os.lstat(self.path)
        self._identity = (about.st_dev, about.st_ino)
        self._accepting = asyncio.ensure_future(self._accept(self._listener))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._listener
        assert self._accepting
        self._accepting.cancel()
        await asyncio.wait({self._accepting})
        self._listener.close()
        with contextlib.suppress(OSError):
            about = os.lstat(self.path)
            if (about.st_dev, about.st_ino) == self._identity:  # not one that somebody else has put there
                os.unlink(self.path)
        if self._clients:  # whoever waits for an answer gets it: the end of the transfer is one
            await asyncio.wait(set(self._clients), timeout=0.2)
        await end_all(self._clients)

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _address = await loop.sock_accept(listener)
            except OSError:  # too many open files: better times may come
                await asyncio.sleep(ACCEPT_PAUSE)
                continue
            task = asyncio.ensure_future(self._serve(client))
            self._clients.add(task)
            task.add_done_callback(self._clients.discard)

    async def _serve(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError, asyncio.CancelledError):  # the client has gone, or the transfer has
            client.setblocking(False)
            if len(self._clients) > MAX_CLIENTS:
                await _respond(client, {"error": f"more than {MAX_CLIENTS} clients at once"})
            else:
                await self._converse(client)

    async def _converse(self, client: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        waiting = b""
        while True:
            line, ended, rest = waiting.partition(b"\n")
            if len(line) > MAX_REQUEST_BYTES:
                await _respond(client, {"error": f"a request of more than {MAX_REQUEST_BYTES} bytes"})
                return
            if ended:
                waiting = rest
                await _respond(client, await self._answer(line))
            elif data := await _in_time(loop.sock_recv(client, MAX_REQUEST_BYTES)):
                waiting += data
            else:
                return

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            order = request["order"]
            if order == "status":
                return {"transfers": [transfer.to_dict() for transfer in self._job.transfers]}
            if order not in ORDERS:
                return {"error": f"no such order: {str(order)[:40]}"}
            command = ORDERS[order](**request.get("arguments", {}))
            timeout = float(request.get("timeout", REPLY_TIMEOUT))
            command.encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"error": f"not a request: {error}"}
        answer = await self._job.order(command, max(0.0, min(timeout, MAX_TIMEOUT)))
        return attrs.asdict(answer)


async def _respond(client: socket.socket, response: dict[str, Any]) -> None:
    data = json.dumps(response).encode() + b"\n"
    await _in_time(asyncio.get_running_loop().sock_sendall(client, data))


async def _in_time(operation: Awaitable[T]) -> T:
    """Wait for a client, and end its task if it is silent. asyncio.wait_for can lose a cancellation (before 3.12), and
    with it the end of the transfer."""
    task = asyncio.current_task()
    assert task
    timer = asyncio.get_running_loop().call_later(SILENT_SECONDS, task.cancel)
    try:
        return await operation
    finally:
        timer.cancel()


def _listen(path: str) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    try:
        try:
            _bind(listener, path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            _bind(listener, path)
        listener.listen(MAX_CLIENTS)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise OSError(error.errno, error.strerror or str(error), path) from error
    return listener


def _bind(listener: socket.socket, path: str) -> None:
    before = os.umask(0o177)
    try:
        listener.bind(path)
    finally:
        os.umask(before)


def _is_stale(path: str) -> bool:
    """Is there a socket that nobody listens on?"""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def ask(path: str | os.PathLike[str], request: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Send one request to the control socket at path, and wait, timeout seconds at most, for the response.

    Raises OSError where there is no transfer at that path or it does not answer, ValueError for a response that is
    none.
    """
    name = os.fspath(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        try:
            client.connect(name)
            line = b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # sent away: the response says why
                client.sendall(json.dumps(request).encode() + b"\n")
            with contextlib.suppress(ConnectionResetError):
                line = client.makefile("rb").readline(MAX_RESPONSE_BYTES)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), name) from error
    response = json.loads(line) if line else {"error": "the transfer has ended"}
    if not isinstance(response, dict):
        raise ValueError("the response is no object")
    return response
