"""``faspmgr listen``: open a management port, and merge what connects."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from datetime import UTC, datetime
from typing import Any

import click

from faspmgr.captures.recorder import Recording
from faspmgr.cli import output, running
from faspmgr.cli.progress import MODES, Output, Progress, make_progress
from faspmgr.cli.text import printable
from faspmgr.cli.verdict import verdict_lines, verdict_status
from faspmgr.errors import CommandError
from faspmgr.manager import Connection, ManagementPort
from faspmgr.protocol.events import Event
from faspmgr.protocol.problems import Problem
from faspmgr.verdicts import ExitStatus

UPDATE_SECONDS = 0.1
SHOWN_OF_A_CONNECTION = 10
"""Problems of one stream that are told one by one; with --record, check lists them all."""


@click.command("listen")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port; 0 (default) takes a free one.")
@click.option("--port-file", metavar="FILE", help="Write the port to FILE when it is open; FILE is removed at the end.")
@click.option("--allow-remote", is_flag=True, help="Let other machines connect. Nothing tells them from a real ascp.")
@click.option(
    "--publish", is_flag=True, help="Make every ascp on this machine connect, by a file in its run directory."
)
@click.option("--publish-in", metavar="DIR", help="The same, for an ascp whose run directory is DIR.")
@click.option("--connections", type=click.IntRange(1), metavar="N", help="End when N connections have come and gone.")
@click.option("--record", metavar="DIR", help="Write down each connection's bytes, in a file of its own in DIR.")
@click.option(
    "--progress",
    "mode",
    type=click.Choice(MODES),
    help="Show progress instead of messages: bar, plain, json, none, or auto.",
)
@running.view_option
@click.option("--show-secrets", is_flag=True, help="Show tokens and passwords, which are *** otherwise.")
def command(**options: Any) -> int:
    """Listen for ascp (ascp -M PORT), and write what it says to standard output as JSON Lines.

    Each line is a message as decode writes it, behind "time" (when it arrived, UTC), "connection" (1, 2, …) and
    "session_id". Up to 32 connections are served at once, more wait in turn. Ctrl-C ends it.

    With --connections the status is that of the transfers: 0 done, 1 failed, 3 lost. 2 if the recording is not
    complete, 130 if interrupted.

    \b
    Example:
      faspmgr listen --port 40001 | jq -r .type
      faspmgr listen --connections 1 --progress auto --record captures/
      faspmgr listen --port-file port.txt --publish
    """
    try:
        return asyncio.run(_Listener(**options).run())
    except ValueError as error:
        raise CommandError(f"{error}; --allow-remote listens all the same") from error


class _Listener:
    def __init__(
        self,
        *,
        mode: str | None,
        record: str | None,
        connections: int | None,
        port_file: str | None,
        publish: bool,
        publish_in: str | None,
        views: tuple[tuple[str, str], ...],
        show_secrets: bool,
        **where: Any,
    ) -> None:
        self._progress: Progress = make_progress(mode or "none", sys.stdout)
        self._mode = mode
        self._writes_lines = mode is None
        self._recording = None if record is None else Recording(os.path.join(record, ""))
        self._wanted = connections
        self._port_file = port_file
        self._views = views
        self._redact = not show_secrets
        self._warn = where["allow_remote"]
        self._port = ManagementPort(**where, publish=publish_in or publish, on_problem=self._tell_problem)
        self._tracker = running.tracker_for(views)
        self._tasks: set[asyncio.Task[None]] = set()
        self._told: Counter[int] = Counter()
        self._interrupted = asyncio.Event()
        self._failure: BaseException | None = None
        self._output_error: OSError | None = None

    async def run(self) -> int:
        running.on_signals(lambda _number: self._interrupted.set())
        try:
            async with self._port as port:
                with (
                    self._progress,
                    running.writing(self._views, self._tracker, self._say) as update_views,
                    _port_file(self._port_file, port.port),
                ):
                    self._say(f"listening on {port.address}")
                    if self._warn:
                        self._say("warning: whoever reaches this port can forge what ascp says")
                    await self._listen(port, update_views)
                    self._tracker.close()
        finally:
            if self._recording:
                self._recording.close()
        if self._failure:
            raise self._failure
        return self._tell()

    async def _listen(self, port: ManagementPort, update_views: Callable[[], None]) -> None:
        accepting = self._spawn(self._accept(port))
        interrupted = asyncio.ensure_future(self._interrupted.wait())
        try:
            while self._tasks and not interrupted.done() and not self._failure and not self._is_useless():
                await asyncio.wait({interrupted, *self._tasks}, timeout=UPDATE_SECONDS, return_when="FIRST_COMPLETED")
                self._progress.update(self._tracker.transfers.values())
                update_views()
        finally:
            interrupted.cancel()
            accepting.cancel()
            await port.aclose()  # ends the readers, which then have read all there was
            if self._tasks:
                await asyncio.wait(set(self._tasks))

    def _is_useless(self) -> bool:
        """The messages reach nobody any more, and there is nothing else to do."""
        return self._output_error is not None and self._recording is None and not self._views

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            self._failure = self._failure or task.exception()

    async def _accept(self, port: ManagementPort) -> None:
        async for connection in port:
            self._spawn(self._read(connection))
            if connection.number == self._wanted:
                return

    async def _read(self, connection: Connection) -> None:
        if self._recording:
            connection.tap = self._recording.tap(self._say)
        while events := await connection.read():
            self._take(connection.number, events)
        self._tracker.end(connection.number)
        if connection.error:
            self._say(f"{connection.peer}: {connection.error.strerror or connection.error}")

    def _take(self, connection: int, events: list[Event]) -> None:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        lines = []
        for event in events:
            session = self._tracker.update(event, connection)
            if self._writes_lines:
                head = {"time": now, "connection": connection, "session_id": session.id or None}
                lines.append(output.to_json({**head, **event.to_dict(redact=self._redact)}))
        if self._output_error is None:
            try:
                output.write(lines)
            except OSError as error:
                self._output_error = error

    def _tell_problem(self, connection: Connection, problem: Problem) -> None:
        self._told[connection.number] += 1
        if self._told[connection.number] <= SHOWN_OF_A_CONNECTION:
            self._say(f"{connection.peer}:{problem.line}: {problem}")

    def _say(self, words: str) -> None:
        self._progress.message(f"faspmgr: {printable(words)}")

    def _tell(self) -> int:
        transfers = list(self._tracker.transfers.values())
        if not self._writes_lines:
            stream = sys.stderr if self._mode == "json" else sys.stdout
            Output(stream).write("".join(f"{line}\n" for line in verdict_lines(transfers)))
        if self._output_error and self._output_error.errno != errno.EPIPE:
            raise self._output_error
        if self._recording and self._recording.error:
            return ExitStatus.USAGE
        if self._interrupted.is_set():
            return ExitStatus.INTERRUPTED
        return ExitStatus.DONE if self._wanted is None else verdict_status(transfers)


@contextlib.contextmanager
def _port_file(path: str | None, port: int) -> Iterator[None]:
    """The port in a file that is complete from the moment at which it is there."""
    if path is None:
        yield
        return
    descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix=".port-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{port}\n")
        os.chmod(unfinished, 0o644)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.unlink(path)
