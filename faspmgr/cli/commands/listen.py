"""``faspmgr listen``: open a management port, and merge what connects. The work is the Listener's: here are options and
output."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import click

from faspmgr.cli import output, running, streams
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.descriptors import allow_descriptors
from faspmgr.cli.options import progress_option, show_secrets_option, view_option
from faspmgr.cli.progress import Output, make_progress
from faspmgr.cli.text import ending_lines, printable
from faspmgr.exit_status import ExitStatus
from faspmgr.manager.listener import Listener, Received
from faspmgr.manager.port import MAX_CONNECTIONS, Connection
from faspmgr.manager.signals import SignalHandler
from faspmgr.protocol.problems import Problem
from faspmgr.redaction import redact_words
from faspmgr.verdicts import combine

UPDATE_SECONDS = 0.1
"""Time between two updates of progress and views."""
MAX_LOGGED_PROBLEMS = 10
"""Problems of one connection that are logged, against a flood of them; with --record, check lists them all."""

SPARE_DESCRIPTORS = 32
"""Descriptors beside those of the connections: standard streams, the port, the event loop, a view that is written."""


@click.command("listen")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="TCP port; 0 (default) takes a free one.")
@click.option("--port-file", metavar="FILE", help="Write the port to FILE when it is open; remove it at the end.")
@click.option("--allow-remote", is_flag=True, help="Let other machines connect. Nothing authenticates them.")
@click.option(
    "--publish", is_flag=True, help="Make every ascp on this machine connect, with a file in its run directory."
)
@click.option("--publish-in", metavar="DIR", help="The same, for an ascp whose run directory is DIR.")
@click.option("--connections", type=click.IntRange(1), metavar="N", help="End when N connections have come and gone.")
@click.option(
    "--max-connections",
    type=click.IntRange(1),
    default=MAX_CONNECTIONS,
    show_default=True,
    metavar="N",
    help="Serve N connections at once; more wait in turn.",
)
@click.option("--record", metavar="DIR", help="Record each connection in a file of its own in DIR, for summary.")
@progress_option(None, "Show progress instead of messages")
@view_option
@show_secrets_option
@running.live
def command(signals: SignalHandler, **options: Any) -> int:
    """Listen for ascp (ascp -M PORT), and write its messages to standard output as JSON Lines.

    Each line is a message as decode writes it, after "time" (when it arrived, UTC), "connection" (1, 2, …) and
    "session_id". Ctrl-C ends it.

    Where there is no place for a connection, one that has sent no message loses its own. Each needs a file descriptor,
    and one more with --record: a limit on them (ulimit -n) that is too low is raised as far as allowed, and a warning
    says what is left.

    With --connections the exit status is that of the transfers: 0 done, 1 failed, 3 lost. 2 if the recording is not
    complete, 130 if interrupted.

    \b
    Example:
      faspmgr listen --port 40001 | jq -r .type
      faspmgr listen --connections 1 --progress auto --record captures/
      faspmgr listen --port-file port.txt --publish
    """
    return asyncio.run(_listen(signals, **options))


async def _listen(
    signals: SignalHandler,
    *,
    mode: str | None,
    views: tuple[tuple[str, str], ...],
    show_secrets: bool,
    port_file: str | None,
    publish: bool,
    publish_in: str | None,
    max_connections: int,
    **options: Any,
) -> int:
    progress = make_progress(mode or "none", sys.stdout)
    tracker = running.tracker_for(views)

    def log(text: str) -> None:
        progress.message(f"faspmgr: {printable(text)}")

    def log_problem(connection: Connection, problem: Problem) -> None:
        if connection.parser.problem_count <= MAX_LOGGED_PROBLEMS:
            log(f"{connection.peer}:{problem.line}: {problem}")

    allowed = _allowed_connections(max_connections, 1 if options["record"] is None else 2)
    interrupted = asyncio.Event()

    def interrupt(_number: signal.Signals) -> None:
        if interrupted.is_set():
            raise KeyboardInterrupt
        interrupted.set()

    signals.call_in_loop(interrupt)
    listener = Listener(
        **options,
        publish=publish_in or publish,
        max_connections=allowed,
        tracker=tracker,
        on_problem=log_problem,
        on_message=log,
    )
    output_error: OSError | None = None
    # Who writes the messages in the background, where that is done.
    writer = streams.writer_of(sys.stdout) if mode is None else None
    async with contextlib.AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(listener)
        except ValueError as error:
            raise CommandError(f"{error}; use --allow-remote to listen there") from error
        stack.enter_context(progress)
        update_views = stack.enter_context(running.writing(views, tracker, log))
        stack.enter_context(_port_file(port_file, listener.port))
        log(f"listening on {listener.address}")
        if allowed < max_connections:
            log(f"warning: {allowed} connections are served at once, as no more files may be open (ulimit -Hn)")
        if options["allow_remote"]:
            log("warning: whoever reaches this port can forge messages of ascp")

        loop = asyncio.get_running_loop()
        update_at = loop.time()
        received: list[Received] | None = None
        while received != []:  # the end
            received = None
            if writer and writer.waiting > streams.BEHIND_BYTES and not interrupted.is_set():
                await asyncio.sleep(streams.BEHIND_SECONDS)  # our reader does not keep up: ascp waits for him
            else:
                # Wait for events, but no longer than until the next update.
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(update_at):
                        received = await listener.read()
            if received and mode is None and not output_error:
                try:
                    output.write(_lines(received, redact=not show_secrets))
                except OSError as error:
                    output_error = error
            if writer and writer.error:
                output_error = writer.error
            if loop.time() >= update_at or received == []:
                progress.update(tracker.transfers.values())
                update_views()
                update_at = loop.time() + UPDATE_SECONDS
            # Stop, but write what has arrived. Also when the messages reach nobody, and there is nothing else to do.
            if interrupted.is_set() or (output_error and options["record"] is None and not views):
                await listener.aclose()

    transfers = list(tracker.transfers.values())
    if mode is not None:
        stream = sys.stderr if mode == "json" else sys.stdout
        lines = ending_lines((transfer.outcome, transfer) for transfer in transfers)
        Output(stream).write("".join(f"{line}\n" for line in lines))
    if output_error and output_error.errno != errno.EPIPE:
        raise output_error
    if listener.record_error:
        return ExitStatus.USAGE
    if interrupted.is_set():
        return ExitStatus.INTERRUPTED
    if options["connections"] is None:
        return ExitStatus.DONE
    return combine(transfer.outcome for transfer in transfers).status


def _lines(received: list[Received], redact: bool) -> list[str]:
    """JSON for events that arrived at once, so at one time."""
    time = received[0].time.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return [
        output.message_to_json(
            {
                "time": time,
                "connection": each.connection,
                "session_id": (redact_words(each.session.id) if redact else each.session.id) or None,
                **each.event.to_dict(redact=redact),
            }
        )
        for each in received
    ]


def _allowed_connections(wanted: int, descriptors: int) -> int:
    """How many connections can be served at once, with so many descriptors for each; at least one."""
    allowed = allow_descriptors(SPARE_DESCRIPTORS + wanted * descriptors)
    return max(1, min(wanted, (allowed - SPARE_DESCRIPTORS) // descriptors))


@contextlib.contextmanager
def _port_file(path: str | None, port: int) -> Iterator[None]:
    """Keep the port in a file. As soon as the file is there, it is complete."""
    if path is None:
        yield
        return
    descriptor, unfinished = tempfile.mkstemp(dir=os.path.dirname(os.path.abspath(path)), prefix=".port-")
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{port}\n")
        os.chmod(unfinished, 0o644)
        written = _identity(unfinished)
        os.replace(unfinished, path)
    except BaseException:
        os.unlink(unfinished)
        raise
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            if _identity(path) == written:
                os.unlink(path)


def _identity(path: str) -> tuple[int, ...]:
    """What tells a file from one that somebody puts there later, or writes into; a new one may get the old inode."""
    about = os.lstat(path)
    return about.st_dev, about.st_ino, about.st_mode, about.st_size, about.st_mtime_ns
