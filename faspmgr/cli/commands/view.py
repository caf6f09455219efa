"""``faspmgr view``: the state of a transfer in the structures of other transfer systems."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from faspmgr import views
from faspmgr.captures import Piece
from faspmgr.cli import options, output, reading
from faspmgr.cli.command_error import CommandError
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol.events import Event
from faspmgr.reading import EventReader
from faspmgr.tracking import Session, Tracker

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo


def _time(context: click.Context, parameter: click.Parameter, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a time such as 2024-05-02T22:00:00Z.") from error
    if time.tzinfo is None:
        raise click.BadParameter(f"{text!r} has no time zone: add Z for UTC, or an offset such as +02:00.")
    return time


def _microseconds(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        usec = round(float(text) * 1_000_000)
    except (ValueError, OverflowError):  # not a number, or not a finite one
        usec = 0
    if usec < 1:
        raise click.BadParameter(f"{text!r} is not a number of seconds above 0.")
    return usec


@click.command("view")
@click.argument("kind", type=click.Choice(list(views.KINDS)), metavar="KIND")
@click.argument("file", required=False, type=options.FILE)
@click.option("--schema", is_flag=True, help="Print the JSON Schema of KIND instead; no FILE is read.")
@click.option(
    "--each",
    "each_usec",
    callback=_microseconds,
    metavar="SECONDS",
    help="Also print a snapshot of each session that has changed, every SECONDS of the stream.",
)
@click.option(
    "--start-time",
    callback=_time,
    metavar="TIME",
    help="When the first session began, such as 2024-05-02T22:00:00Z. Without it the times of a capture are null; a log"
    " has its own.",
)
@click.option("--ascp", metavar="PATH", help="The serving ascp, for KIND server: its version, platform and license.")
@options.reading_options
def command(
    kind: str,
    file: str | None,
    schema: bool,
    each_usec: int | None,
    start_time: datetime | None,
    ascp: str | None,
    follow: bool,
    unwrap: str | None,
    strict: bool,
) -> int:
    """Show the state of the sessions in FILE, or standard input, as another transfer system would.

    FILE may be a capture, ascp's own log, or the directory of a recording.

    KIND is channel (an audit record with all files), connection, destination (with transfer defaults) or server (server
    information). Each session is one JSON object on a line of its own, in the order in which they appeared. What a FASP
    stream does not report is null; `faspmgr describe KIND` says where each field comes from. No view has tokens
    or passwords.

    \b
    Example:
      faspmgr view channel --start-time 2024-05-02T22:00:00Z capture.fasp
      faspmgr view connection --each 1 --follow live.fasp | jq .sendRateAverage
      faspmgr view channel --schema
    """
    if schema:
        click.echo(json.dumps(views.KINDS[kind].json_schema(), indent=2))
        return ExitStatus.DONE
    if follow and each_usec is None:
        raise click.UsageError("--follow never ends: add --each.")
    if ascp is not None and kind != "server":
        raise click.UsageError("--ascp is for KIND server only.")
    snapshots = _Snapshots(kind, each_usec, views.StreamClock(start_time), None if ascp is None else _describe(ascp))
    source = reading.Reading((file or "-",), follow=follow, unwrap=unwrap, strict=strict, interruptible=True)
    for piece in source.pieces(source.make_event_reader if unwrap else snapshots.make_reader):
        output.write(snapshots.apply(piece))
    output.write(snapshots.end(lost=not source.interrupted))
    if not snapshots.tracker.sessions and source.status == ExitStatus.DONE:
        raise CommandError(f"{reading.name_of(file or '-')}: no session", ExitStatus.NO_RESULT)
    return source.status


def _describe(ascp: str) -> AscpInfo:
    from faspmgr.ascp import describe_ascp, find_ascp  # only this option runs a program
    from faspmgr.errors import AscpError

    try:
        return describe_ascp(find_ascp(ascp))
    except AscpError as error:
        raise CommandError(str(error)) from error


class _Snapshots:
    """Convert events to lines of JSON: a snapshot at the first message at or after each multiple of each_usec."""

    def __init__(self, kind: str, each_usec: int | None, clock: views.StreamClock, ascp: AscpInfo | None) -> None:
        self.tracker = Tracker(keep_files=views.keep_files(kind))
        self._kind = kind
        # Microseconds of the stream from one snapshot to the next; None for the final state only.
        self._each_usec = each_usec
        self._clock = clock
        self._ascp = ascp
        # The multiple of each_usec at or before the latest snapshot.
        self._count = 0
        # The sessions that have changed since then.
        self._changed: set[Session] = set()
        # Of a log, the times of the events that are not applied yet.
        self._times: deque[datetime | None] = deque()

    def make_reader(self, **options: Any) -> EventReader:
        """Make a reader that notes the times of a log."""
        return EventReader(times=self._times, **options)

    def apply(self, piece: Piece[Event]) -> Iterator[str]:
        for event in piece.results:
            session = self.tracker.update(event, piece.stream)
            if not self._times:
                self._clock.see(session)
            # A log does not count microseconds: without a time only the first session began at the start time.
            elif (now := self._times.popleft()) or session is self.tracker.sessions[0]:
                self._clock.see(session, now)
            if self._each_usec is None:
                continue
            self._changed.add(session)
            count = self._clock.usec // self._each_usec
            if count > self._count:
                self._count = count
                yield from self._lines(session for session in self.tracker.sessions if session in self._changed)
                self._changed.clear()
        if piece.ended:
            self.tracker.end(piece.stream)

    def end(self, lost: bool) -> Iterator[str]:
        """Yield the final state of all sessions. lost: what has not ended is lost."""
        if lost:
            self.tracker.close()
        yield from self._lines(self.tracker.sessions)

    def _lines(self, sessions: Iterable[Session]) -> Iterator[str]:
        for session in sessions:
            start_time = self._clock.start_of(session)
            shown = views.view(self._kind, session, start_time=start_time, ascp=self._ascp)
            yield output.to_json(shown.to_dict())
