"""``faspmgr log``: ascp's own log as sessions, files, records, statistics or totals."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import click

from faspmgr.cli import options, output
from faspmgr.cli.interruption import Interruption
from faspmgr.cli.logreading import Batch, LogReading
from faspmgr.cli.logtext import file_line, session_line, totals_lines
from faspmgr.exit_status import ExitStatus
from faspmgr.logs import LogFile, LogSession, Sessions
from faspmgr.logs.fields import OF_KIND
from faspmgr.logs.selection import Selection, parse_time, parse_timezone
from faspmgr.logs.totals import BY, By, Total, Totals

TABLES = ("sessions", "files", "records", "statistics")


@click.command("log")
@options.files_argument
@click.option(
    "--table",
    type=click.Choice(TABLES),
    default="sessions",
    help="sessions (default); files: each as it ends, with the id of its session; records: each line, typed;"
    " statistics: the numbers of each session and of its block of file statistics.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "tsv", "text"]),
    default="jsonl",
    help="jsonl (default): one JSON object a line; csv, tsv: a header, and the same columns in every row, without what"
    " has a table of its own; text: a line for people.",
)
@click.option("--totals", "as_totals", is_flag=True, help="Only the totals of the sessions.")
@click.option(
    "--by", type=click.Choice(BY), help="With --totals: a total for each day, hour, address of a peer, or user."
)
@click.option(
    "--since",
    metavar="TIME",
    help="Only what started then or later: 2024-05-02 (midnight), '2024-05-02 18:30', 'yesterday 18:00', or 24h or 7d"
    " ago.",
)
@click.option("--until", metavar="TIME", help="Only what started before.")
@click.option("--failed", is_flag=True, help="Only sessions that failed or are lost; files that failed or broke off.")
@click.option("--skipped", is_flag=True, help="Only files that were there already, and sessions with such files.")
@click.option("--peer", metavar="GLOB", help="Only with this peer: an address, address:port, or host name.")
@click.option("--user", metavar="GLOB", help="Only of this user.")
@click.option("--file", "name", metavar="GLOB", help="Only sessions with such a file, by its path or its last part.")
@click.option("-f", "--follow", is_flag=True, help="Wait for more at the end: the log may grow or be rotated.")
@click.option(
    "--timezone",
    "zone",
    metavar="NAME",
    help="Zone of times without one, and of days: UTC, Europe/Berlin, +02:00. Without it, that of this machine.",
)
@options.show_secrets_option
def command(
    files: tuple[str, ...],
    table: str,
    form: str,
    as_totals: bool,
    by: By | None,
    since: str | None,
    until: str | None,
    failed: bool,
    skipped: bool,
    peer: str | None,
    user: str | None,
    name: str | None,
    follow: bool,
    zone: str | None,
    show_secrets: bool,
) -> int:
    """Show the sessions of ascp's own log: of each FILE, or of standard input.

    FILE may be a directory: the logs in it are read. Rotated logs are read in the order in which they were written,
    whatever the order in which they are given, and each once. A session is written as soon as it has ended; one that
    just stops writing is lost. Times that have no zone or no year are completed, which is reported.

    With several of --since, --until, --peer, --user and --file, all must hold; with --failed and --skipped, either. A
    session counts by its start.

    Exit status: 0 the log could be read, whatever happened in it; 2 a file that cannot be read; 3 a FILE without any
    line in the form of a known log; 4 damaged gzip; 130 interrupted. 'summary' ends with the verdict.

    \b
    Example:
      faspmgr log --format text --since yesterday /var/log/aspera
      faspmgr log --totals --by user --format text /var/log/aspera
      journalctl -o short-iso -t ascp -f | faspmgr log -
    """
    if by and not as_totals:
        raise click.UsageError("--by needs --totals.")
    if as_totals and table != "sessions":
        raise click.UsageError(f"--totals counts sessions, not {table}.")
    if table == "records" and (failed or skipped or peer is not None or user is not None or name is not None):
        raise click.UsageError("--failed, --skipped, --peer, --user, --file select sessions and files, not records.")
    timezone = _parsed("--timezone", zone, parse_timezone)

    def moment(text: str) -> datetime:
        return parse_time(text, timezone=timezone)

    wanted = Selection(
        since=_parsed("--since", since, moment),
        until=_parsed("--until", until, moment),
        failed=failed,
        skipped=skipped,
        peer=peer,
        user=user,
        file=name,
    )
    times_matter = not as_totals or by in ("day", "hour") or since is not None or until is not None
    reading = LogReading(files, follow=follow, timezone=timezone, report_times=times_matter)
    redact = not show_secrets
    if as_totals:
        return _write_totals(reading, wanted, Totals(by, timezone=timezone), by, form, redact)
    render = _renderer(table, form)
    if table == "records":
        for batch in reading.batches():
            output.write_bytes(
                render(record.to_dict(redact=redact) for record in batch.records if wanted.matches_time(record.time))
            )
    elif table == "files":
        for files_ended in _files(reading.batches(), wanted):
            output.write_bytes(render(file.to_dict(redact=redact) for file in files_ended))
    else:
        for sessions in _sessions(reading.batches(), Sessions(), wanted):
            output.write_bytes(render(session.to_dict(redact=redact) for session in sessions))
    return reading.status


T = TypeVar("T")


def _parsed(option: str, text: str | None, parse: Callable[[str], T]) -> T | None:
    try:
        return None if text is None else parse(text)
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint=option) from error


def _sessions(batches: Iterable[Batch], fold: Sessions, wanted: Selection) -> Iterator[list[LogSession]]:
    """Yield the selected sessions as soon as they have ended."""
    for batch in batches:
        ended = []
        for record in batch.records:
            ended += fold.feed(record)
            wanted.note(fold.files)
        if batch.idle:
            ended += fold.idle()
        yield list(filter(wanted.matches, ended))
    ended = fold.close()
    wanted.note(fold.files)
    yield list(filter(wanted.matches, ended))


def _files(batches: Iterable[Batch], wanted: Selection) -> Iterator[list[LogFile]]:
    """Yield the selected files as soon as they have ended."""
    fold = Sessions(keep_files=0)
    for batch in batches:
        ended = []
        for record in batch.records:
            fold.feed(record)
            ended += fold.files
        if batch.idle:
            fold.idle()
            ended += fold.files
        yield list(filter(wanted.matches_file, ended))
    fold.close()
    yield list(filter(wanted.matches_file, fold.files))


def _write_totals(
    reading: LogReading, wanted: Selection, totals: Totals, by: By | None, form: str, redact: bool
) -> ExitStatus:
    """Write the totals of the log; if a signal interrupts it, those so far."""
    interruption = click.get_current_context().with_resource(Interruption())
    everything = Totals()
    fold = Sessions(keep_files=0)

    def ended() -> Iterator[list[LogSession]]:
        yield from interruption.watch(_sessions(reading.batches(), fold, wanted))
        if interruption.caught:  # what has not stopped is still running
            yield list(filter(wanted.matches, fold.idle()))

    for sessions in ended():
        for session in sessions:
            totals.add(session)
            everything.add(session)
    if form == "text":
        output.write(totals_lines(totals.groups(), by, everything.groups()[0], redact))
    else:
        columns = [*([by] if by else []), *(name for name in Total().to_dict())]
        output.write_bytes(_rendered(form, columns)(totals.to_dicts(redact=redact)))
    return ExitStatus.INTERRUPTED if interruption.caught else reading.status


Render = Callable[[Iterable[dict[str, Any]]], bytes]
"""Function from rows that came together to what is written."""


def _renderer(table: str, form: str) -> Render:
    """Return a function that renders the rows of a table, each as its to_dict returns it."""
    if form == "text" and table in ("sessions", "files"):
        line = session_line if table == "sessions" else file_line
        return lambda rows: output.to_bytes(map(line, rows))
    if table == "sessions":
        return _rendered(form, [name for name in LogSession().to_dict() if name not in _NO_COLUMNS])
    if table == "statistics":
        render = _rendered(form, _STATISTICS, rest="extra")
        return lambda rows: render(map(_statistics_row, rows))
    if table == "files":
        return _rendered(form, list(LogFile("").to_dict()))
    return _rendered(form, _RECORD)


_NO_COLUMNS = ("files", "parameters", "statistics", "file_statistics")
"""Keys of a session that are not columns: they have a table of their own, or most of them is in other columns."""

_RECORD = ["path", "line", "time", "host", "program", "process", "thread", "level", "kind", "fields", "message"]
"""The columns of a record."""

_STATISTICS = [
    *("id", "start", "status"),
    *(name for kind in ("session_statistics", "file_statistics") for name in OF_KIND[kind] if name != "uuid"),
]
"""The columns of a session's statistics."""


def _statistics_row(session: dict[str, Any]) -> dict[str, Any]:
    numbers = {**session["statistics"], **session["file_statistics"]}
    numbers.pop("uuid", None)  # the id
    return {**{name: session[name] for name in ("id", "start", "status")}, **numbers}


def _rendered(form: str, columns: list[str], rest: str | None = None) -> Render:
    """Return a function that renders rows.

    Args:
        form: ``jsonl``, ``csv``, ``tsv`` or ``text``.
        columns: of a table.
        rest: header of a last column with all that has no column; None for no such column.
    """
    if form == "jsonl":
        return lambda rows: output.to_bytes(map(output.message_to_json, rows))
    if form == "text":
        return lambda rows: output.to_bytes(_text_line(row) for row in rows)
    table = output.Table(form, columns, rest)

    def render(rows: Iterable[dict[str, Any]]) -> bytes:
        for row in rows:
            table.add({name: value for name, value in row.items() if value is not None and value != []})
        return table.take_bytes()

    return render


def _text_line(row: dict[str, Any]) -> str:
    """Return a row as a line that begins with its kind or its status, without what is unknown."""
    known = {name: value for name, value in row.items() if value is not None and value != []}
    first = "kind" if "kind" in known else "status"
    return output.text_line(str(known.pop(first, "")), known)
