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
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import attrs

from faspmgr.manager.job import Job
from faspmgr.manager.orders import ANSWER_TIMEOUT
from faspmgr.protocol import commands

ORDERS: Mapping[str, type[commands.Command]] = {
    "rate": commands.SetRate,
    "start": commands.StartFile,
    "stop": commands.StopFile,
    "finish": commands.Finish,
    "cancel": commands.Cancel,
    "query": commands.Query,
}
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
        self._clients: set[asyncio.Task[Any]] = set()
        self._server: asyncio.AbstractServer | None = None
        self._identity: tuple[int, int] | None = None

    async def __aenter__(self) -> ControlSocket:
        listener = _listen(self.path)
        about = os.lstat(self.path)
        self._identity = (about.st_dev, about.st_ino)
        self._server = await asyncio.start_unix_server(self._serve, sock=listener, limit=MAX_REQUEST_BYTES)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server:
            self._server.close()
        with contextlib.suppress(OSError):
            about = os.lstat(self.path)
            if (about.st_dev, about.st_ino) == self._identity:  # not one that somebody else has put there
                os.unlink(self.path)
        await asyncio.sleep(0)  # who was about to be let in
        if self._clients:  # whoever waits for an answer gets it: the end of the transfer is one
            _, late = await asyncio.wait(set(self._clients), timeout=0.2)
            for client in late:
                client.cancel()
            if late:
                await asyncio.wait(late)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._clients.add(task)
        try:
            if len(self._clients) > MAX_CLIENTS:
                await _respond(writer, {"error": f"more than {MAX_CLIENTS} clients at once"})
                return
            while line := await _next_line(reader, writer):
                await _respond(writer, await self._answer(line))
        except (OSError, asyncio.CancelledError):  # the client has gone, or the transfer has
            pass
        finally:
            self._clients.discard(task)
            writer.close()

    async def _answer(self, line: bytes) -> dict[str, Any]:
        try:
            request = json.loads(line)
            order = request["order"]
            if order == "status":
                return {"transfers": [transfer.to_dict() for transfer in self._job.transfers]}
            if order not in ORDERS:
                return {"error": f"no such order: {str(order)[:40]}"}
            command = ORDERS[order](**request.get("arguments", {}))
            timeout = float(request.get("timeout", ANSWER_TIMEOUT))
            command.encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"error": f"not a request: {error}"}
        answer = await self._job.order(command, max(0.0, min(timeout, MAX_TIMEOUT)))
        return attrs.asdict(answer)


async def _next_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    """The next request; nothing at the end, for a client that says nothing, and for a line that is too long."""
    try:
        return await asyncio.wait_for(reader.readline(), SILENT_SECONDS)
    except asyncio.TimeoutError:
        return b""
    except ValueError:
        await _respond(writer, {"error": f"a request of more than {MAX_REQUEST_BYTES} bytes"})
        return b""


async def _respond(writer: asyncio.StreamWriter, response: dict[str, Any]) -> None:
    writer.write(json.dumps(response).encode() + b"\n")
    await asyncio.wait_for(writer.drain(), SILENT_SECONDS)


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
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # sent away: the response says why
                client.sendall(json.dumps(request).encode() + b"\n")
            line = client.makefile("rb").readline(MAX_RESPONSE_BYTES)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), name) from error
    response = json.loads(line) if line else {"error": "the transfer has ended"}
    if not isinstance(response, dict):
        raise ValueError("the response is no object")
    return response
