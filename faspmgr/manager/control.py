"""The control socket: commands to a running transfer from another process, and what ascp made of them.

A Unix socket that only its owner can open; it is created with these rights, there is no moment without them. One
request and one response are a line of JSON each, any number of them on one connection::

    {"command": "rate", "arguments": {"target_kbps": 50000, "policy": "fixed"}, "timeout": 5}
    {"accepted": true, "message": "target 50000 Kbps, minimum 0 Kbps, policy Fixed"}

    {"command": "status"}
    {"transfers": [...]}

    {"command": "dance"}
    {"error": "unknown command: dance"}

command
    A name in ``protocol.commands.COMMANDS``, or ``status``.
arguments
    The attributes of the command; ``status`` has none.
timeout
    Seconds to wait for what ascp makes of it.
accepted
    true or false by what ascp reported, null if it reported nothing in time.
transfers
    Each as ``Transfer.to_dict`` gives it.

Only the owner can connect. The limits below are for a client of his that is broken, or that somebody has broken into.
Where there are as many clients as there may be, a new one gets the place of the one that has been idle for the longest
time: none of its requests is carried out, or waits for that. It gets a last response, which says so.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import socket
import stat
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import attrs

from faspmgr.jsontext import to_json
from faspmgr.manager.accepting import BACKLOG, accept
from faspmgr.manager.job import Job
from faspmgr.manager.replies import REPLY_TIMEOUT
from faspmgr.protocol.commands import COMMANDS

MAX_REQUEST_BYTES = 1 << 16
"""Size of a request, against a line that never ends."""
MAX_RESPONSE_BYTES = 1 << 26
"""Size of a response that ask() reads, against a socket that somebody else serves."""
MAX_CLIENTS = 8
"""Clients at once, against a crowd that uses up file descriptors."""
MAX_SILENT_SECONDS = 60.0
"""Time in which a client must send something, or read a response, against one that holds a place."""
MAX_TIMEOUT = 3600.0
"""Longest timeout of a request, in seconds, against one that holds a place."""
END_SECONDS = 0.2
"""Time for the last responses when the transfer has ended."""

_TOO_MANY = {"error": f"more than {MAX_CLIENTS} clients at once"}

logger = logging.getLogger(__name__)


@attrs.define(eq=False)
class _Client:
    """A client that is served.

    Attributes:
        socket: its connection.
        task: serves it.
        idle_since: when we began to wait for it, on the monotonic clock; None while a request of it is carried out.
        reads: we wait for its next request, not for it to read a response.
    """

    socket: socket.socket
    task: asyncio.Task[None]
    idle_since: float | None = attrs.field(factory=time.monotonic)
    reads: bool = True

    def wait(self, reads: bool) -> None:
        """Take note that we wait for the client from now on."""
        self.idle_since, self.reads = time.monotonic(), reads

    @property
    def is_idle(self) -> bool:
        """Is nothing to be done for it? A request that has arrived, and was not read yet, is something."""
        if self.idle_since is None:
            return False
        try:
            return not (self.reads and self.socket.recv(1, socket.MSG_PEEK))
        except OSError:  # nothing has arrived, or it has gone
            return True


class ControlSocket:
    """Serves requests to a job on a Unix socket, as an asynchronous context manager.

    Args:
        path: where the socket is to be. One that a crashed run has left there is replaced. It is removed at the end.
        job: the job that gets the commands.

    Entering it raises OSError where path is in use, is a file of another kind, or cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str], job: Job) -> None:
        self.path = os.fspath(path)
        """Path of the socket."""

        self._job = job
        # The listening socket; None before it is open.
        self._listener: socket.socket | None = None
        # Device and inode of the socket, so that nothing else is removed at the end.
        self._identity: tuple[int, int] | None = None
        # Accepts clients.
        self._accepting: asyncio.Task[None] | None = None
        # Serve, or refuse, a client each.
        self._tasks: set[asyncio.Task[None]] = set()
        # The clients that are served.
        self._clients: set[_Client] = set()
        # The clients have had their time for the last responses.
        self._ended = False

    async def __aenter__(self) -> Self:
        self._listener = _listen(self.path)
        about = os.lstat(self.path)
        self._identity = (about.st_dev, about.st_ino)
        self._accepting = asyncio.create_task(self._accept(self._listener))
        logger.info("control socket %s opened", self.path)
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
        # Whoever waits for a reply gets it, as the end of the transfer is one.
        if self._tasks:
            await asyncio.wait(set(self._tasks), timeout=END_SECONDS)
        self._ended = True
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(set(self._tasks))
        logger.info("control socket %s closed", self.path)

    async def _accept(self, listener: socket.socket) -> None:
        while True:
            client = await accept(listener)
            task = asyncio.create_task(self._serve(client))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _serve(self, connection: socket.socket) -> None:
        """Respond to the requests of one client, if there is a place for it."""
        with connection, contextlib.suppress(OSError):  # the client has gone, or was silent for too long
            connection.setblocking(False)
            if len(self._clients) >= MAX_CLIENTS and not self._make_room():
                logger.warning("control socket %s refused a client: there are %d already", self.path, MAX_CLIENTS)
                await _respond(connection, _TOO_MANY)
                return
            task = asyncio.current_task()
            assert task
            client = _Client(connection, task)
            self._clients.add(client)
            try:
                await self._respond_to_all(client)
            finally:
                self._clients.discard(client)

    def _make_room(self) -> bool:
        """Send away the client that has been idle for the longest time; False if none is idle."""
        idle = [client for client in self._clients if client.is_idle]
        if not idle:
            return False
        longest = min(idle, key=lambda client: client.idle_since or 0.0)
        logger.info("control socket %s: an idle client made room: there were %d", self.path, MAX_CLIENTS)
        with contextlib.suppress(OSError):  # it does not read, or has gone
            if longest.reads:  # else this would be the middle of a response
                longest.socket.send(_line(_TOO_MANY))
        self._clients.discard(longest)
        longest.task.cancel()
        return True

    async def _respond_to_all(self, client: _Client) -> None:
        """Respond to one request after the other, until the client or the transfer ends."""
        loop = asyncio.get_running_loop()
        received = b""
        while not self._ended:
            line, ended, rest = received.partition(b"\n")
            if len(line) > MAX_REQUEST_BYTES:
                client.wait(reads=False)
                await _respond(client.socket, {"error": f"a request of more than {MAX_REQUEST_BYTES} bytes"})
                return
            if ended:
                received = rest
                client.idle_since = None
                response = await self._response(line)
                client.wait(reads=False)
                await _respond(client.socket, response)
                client.wait(reads=True)
                await asyncio.sleep(0)  # so that one that asks without a pause leaves time for everything else
                continue
            client.wait(reads=True)
            async with asyncio.timeout(MAX_SILENT_SECONDS):
                data = await loop.sock_recv(client.socket, MAX_REQUEST_BYTES)
            if not data:
                return
            received += data

    async def _response(self, line: bytes) -> dict[str, Any]:
        """Carry out a request. Returns the response."""
        try:
            request = json.loads(line)
            name = request["command"]
            if name == "status":
                return {"transfers": [transfer.to_dict() for transfer in self._job.transfers]}
            if name not in COMMANDS:
                return {"error": f"unknown command: {str(name)[:40]}"}
            command = COMMANDS[name].cls(**request.get("arguments", {}))
            timeout = float(request.get("timeout", REPLY_TIMEOUT))
            command.encode()
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            return {"error": f"invalid request: {error}"}
        reply = await self._job.send(command, max(0.0, min(timeout, MAX_TIMEOUT)))
        logger.info("control socket %s: %s: %s", self.path, name, reply)
        return {"accepted": reply.accepted, "message": reply.message}


async def _respond(client: socket.socket, response: Mapping[str, Any]) -> None:
    async with asyncio.timeout(MAX_SILENT_SECONDS):
        await asyncio.get_running_loop().sock_sendall(client, _line(response))


def _line(message: Mapping[str, Any]) -> bytes:
    return to_json(message, ascii=True).encode() + b"\n"


def _listen(path: str) -> socket.socket:
    """Open the listening socket. An OSError names the path."""
    listener = socket.socket(socket.AF_UNIX)
    try:
        try:
            _bind(listener, path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not _is_stale(path):
                raise
            os.unlink(path)
            _bind(listener, path)
        listener.listen(BACKLOG)  # more than are served: each of them is to get a response
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
    """Check for a socket that nobody listens on."""
    if not stat.S_ISSOCK(os.lstat(path).st_mode):
        return False
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return True
    return False


def ask(path: str | os.PathLike[str], request: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Send a request to a control socket, and wait for the response.

    Args:
        path: the path of the control socket.
        request: such as ``{"command": "status"}``.
        timeout: seconds to wait at most.

    Returns:
        The response, such as ``{"transfers": […]}``.

    Raises:
        OSError: there is no transfer at that path, or it does not respond.
        ValueError: the response is not valid.
    """
    name = os.fspath(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout)
        try:
            client.connect(name)
            line = b""
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused: the response says why
                # Not to_json(): a name keeps its bytes that are no UTF-8.
                client.sendall(json.dumps(request, separators=(",", ":")).encode() + b"\n")
            with contextlib.suppress(ConnectionResetError):
                line = client.makefile("rb").readline(MAX_RESPONSE_BYTES)
        except OSError as error:
            raise OSError(error.errno, error.strerror or str(error), name) from error
    response = json.loads(line) if line else {"error": "the transfer has ended"}
    if not isinstance(response, dict):
        raise ValueError("the response is not an object")
    return response
