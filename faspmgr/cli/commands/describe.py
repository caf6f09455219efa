"""``faspmgr describe``: the reference, from the tables that decoding itself uses."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterable

import attrs
import click

from faspmgr.ascp import describe_properties
from faspmgr.cli import output
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.text import did_you_mean
from faspmgr.exit_status import ExitStatus
from faspmgr.logs import fields as log_fields
from faspmgr.logs.codes import LOG_CODES, LogCode
from faspmgr.logs.fields import LOG_FIELDS, LogField
from faspmgr.protocol import codes, fields, problems
from faspmgr.protocol.commands import COMMANDS, STREAM_COMMANDS, CommandRow
from faspmgr.protocol.events import EVENT_CLASSES, Event
from faspmgr.views import KINDS as VIEWS
from faspmgr.views import describe_view

WIDTH = 100
_NUMBER = re.compile("-?[0-9]{1,20}")
_COMMANDS = {row.type: row for row in (*COMMANDS.values(), *STREAM_COMMANDS.values())}

TRANSFER = {
    "id": "XferId, else UserStr, else SessionId",
    "state": "connecting, negotiated, transferring, done, failed or lost",
    "error": "null, or code, name, description, retryable, meaning and advice",
    "attempts": "how many times it was started, 1 at least",
    "reason": "what else there is to report of its end, such as the parts that were seen; else an empty text",
    "progress": "share of the job that is at the destination, from 0 to 1",
    "bytes_done": "bytes at the destination, with those from before and from earlier attempts",
    "expected_bytes": "bytes of the job, where they were calculated beforehand",
    "estimated_bytes": "bytes of the job, best knowledge",
    "bytes_transferred": "bytes that went over the network, repeated ones included",
    "bytes_written": "bytes that were written at the destination",
    "bytes_lost": "bytes that were lost on the network and sent again",
    "files_done": "files that are complete, without those skipped",
    "files_skipped": "files that were at the destination already",
    "files_failed": "files that failed",
    "files_active": "files in progress",
    "expected_files": "files of the job, where they were counted beforehand",
    "elapsed_seconds": "seconds of the session that took longest",
    "rate_kbps": "kilobits per second during the last five seconds",
    "average_rate_kbps": "kilobits per second since the beginning",
    "eta_seconds": "seconds that the rest will take; null where that is not known",
    "rtt_ms": "round-trip time in milliseconds, the longest of the sessions",
    "sessions": "its sessions; not in a line of --progress json",
}
"""The JSON of a transfer: what each key means."""


@click.command("describe")
@click.argument("words", nargs=-1, metavar="[NAME] [DESCRIPTION]...")
def command(words: tuple[str, ...]) -> int:
    """Explain NAME. Without NAME: an overview of all names.

    NAME is a message type, a field by either of its names, an error code or its name, a kind of problem, a view
    (channel, connection, destination, server), spec (the properties of a transfer spec), or transfer (the keys of a
    transfer in JSON). Of ascp's log it is a kind of line, a field or a code; a number that is a code of both the stream
    and the log means two things.

    DESCRIPTION is what ascp reported with an error code. Some descriptions have an advice of their own.

    \b
    Example:
      faspmgr describe STATS
      faspmgr describe Bytescont
      faspmgr describe 44
      faspmgr describe ERR_NO_PERMS
      faspmgr describe 38 Deprecated peer license
      faspmgr describe session_stop
    """
    output.write(["\n\n".join(_explain(" ".join(words))) if words else _overview()])
    return ExitStatus.DONE


def _explain(name: str) -> list[str]:
    """Return everything with this name: DONE is a message and a command."""
    found = _number(int(name)) if _NUMBER.fullmatch(name) else []
    if name.upper() in EVENT_CLASSES:
        found.append(_type(EVENT_CLASSES[name.upper()]))
    if name.upper() in _COMMANDS:
        found.append(_command(_COMMANDS[name.upper()]))
    field = fields.find(name)
    if field:
        found.append(_field(field))
    code = codes.find(name)
    if code:
        found.append(_code(code))
    if name in problems.KINDS:
        found.append(f"{name}  (kind of problem)\n  {problems.KINDS[name]}")
    if name in VIEWS:
        found.append(describe_view(name))
    if name in log_fields.KINDS:
        found.append(_line(name))
    found += [_log_field(field) for field in log_fields.find(name)]
    found += [_log_code(row) for row in LOG_CODES.values() if row.meaning.casefold() == name.casefold()]
    properties = [row for row in describe_properties().items() if name in ("spec", row[0])]
    if properties:
        found.append(f"Properties of a transfer spec\n{_rows(properties)}")
    if name == "transfer":
        found.append(f"transfer  (JSON of summary, watch and run)\n{_rows(TRANSFER.items())}")
    first, _, description = name.partition(" ")
    if not found and description:
        code = codes.explain(int(first), description) if _NUMBER.fullmatch(first) else codes.find(first)
        found = [_code(codes.explain(code.code, description))] if code else []
    if not found:
        known = [*EVENT_CLASSES, *_COMMANDS, *fields.FIELDS, *fields.BY_NAME, *problems.KINDS]
        known += [code.name for code in codes.CODES.values()]
        known += [*log_fields.KINDS, *(field.log for field in LOG_FIELDS), *(field.name for field in LOG_FIELDS)]
        hint = did_you_mean(name.upper().removeprefix("ERR_"), known) or "; 'faspmgr describe' lists all names"
        raise CommandError(f"unknown name: {name!r}{hint}")
    return found


def _overview() -> str:
    parts = [
        ("Messages from ascp", [(name, _first_line(cls)) for name, cls in EVENT_CLASSES.items()]),
        ("Commands to ascp", [(name, row.description) for name, row in _COMMANDS.items()]),
        ("Fields", [(field.wire, field.meaning) for field in fields.FIELDS.values()]),
        ("Error codes", [(f"{code.code} {code.name}", code.meaning) for code in codes.CODES.values()]),
        ("Problems of a stream", list(problems.KINDS.items())),
        ("Lines of ascp's log", list(log_fields.KINDS.items())),
        ("Fields of ascp's log", [(field.name, field.meaning) for field in LOG_FIELDS]),
        ("Codes of ascp's log", [(str(code.code), _log_meaning(code)) for code in LOG_CODES.values()]),
    ]
    return "\n\n".join(f"{title}\n{_rows(rows)}" for title, rows in parts)


def _rows(rows: Iterable[tuple[str, str]]) -> str:
    rows = list(rows)
    width = max(len(name) for name, _ in rows)
    indent = " " * (width + 4)
    # Names and options stay in one piece.
    wrapper = textwrap.TextWrapper(WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return "\n".join(wrapper.fill(f"  {name:<{width}}  {words}") for name, words in rows)


def _first_line(cls: type[Event]) -> str:
    return (inspect.getdoc(cls) or "").split("\n", 1)[0].split(": ", 1)[-1].split(". ", 1)[0].rstrip(".")


def _type(cls: type[Event]) -> str:
    names = {attribute.name for attribute in attrs.fields(cls)}
    rows = [field for field in fields.FIELDS.values() if field.name in names and field.wire != "Type"]
    return f"{cls.type}  (message from ascp, {cls.__name__})\n  {_first_line(cls)}\n\n{_field_rows(rows)}"


def _command(row: CommandRow) -> str:
    rows = [fields.FIELDS[wire] for wire in row.fields]
    text = f"{row.type}  (command to ascp, {row.cls.__name__})\n  {row.description}"
    return text + (f"\n\n{_field_rows(rows)}" if rows else "")


def _field_rows(rows: list[fields.Field]) -> str:
    wire = max(len(field.wire) for field in rows)
    return _rows((f"{field.wire:<{wire}}  {field.name}", f"{_kind(field):<21}  {field.meaning}") for field in rows)


def _line(kind: str) -> str:
    rows = log_fields.OF_KIND[kind].values()
    text = f"{kind}  (line of ascp's log)\n  {log_fields.KINDS[kind]}"
    if not rows:
        return text
    width = max(len(_kind(field)) for field in rows)
    shown = []
    for field in rows:
        in_log = "" if field.log == field.name else f"; in the log: {field.log}"
        shown.append((field.name, f"{_kind(field):<{width}}  {field.meaning}{in_log}"))
    return f"{text}\n\n{_rows(shown)}"


def _kind(field: fields.Field | LogField) -> str:
    return f"{field.kind}, {field.unit}" if field.unit else field.kind


def _field(field: fields.Field) -> str:
    types = [name for name, cls in EVENT_CLASSES.items() if field.name in {a.name for a in attrs.fields(cls)}]
    commands = [row.type for row in _COMMANDS.values() if field.wire in row.fields]
    rows = [
        ("in Python, JSON", field.name),
        ("kind", _kind(field)),
        ("meaning", field.meaning),
        ("messages", ", ".join(types) or ("every one" if field.wire == "Type" else "none that is described")),
    ]
    if field.wire in fields.TOKENS:
        rows.append(("values", ", ".join(sorted(fields.TOKENS[field.wire]))))
    if commands:
        rows.append(("commands", ", ".join(commands)))
    return f"{field.wire}  (field)\n{_rows(rows)}"


def _log_field(field: LogField) -> str:
    rows = [
        ("in Python, JSON", field.name),
        ("kind", _kind(field)),
        ("meaning", field.meaning),
        ("lines", ", ".join(field.lines)),
    ]
    return f"{field.log}  (field of ascp's log)\n{_rows(rows)}"


def _number(number: int) -> list[str]:
    """Give what a number means as a code: of the stream, and of the log, which counts in another way."""
    in_stream = [_code(codes.explain(number))] if number in codes.CODES or number not in LOG_CODES else []
    return in_stream + ([_log_code(LOG_CODES[number])] if number in LOG_CODES else [])


def _log_meaning(row: LogCode) -> str:
    """Give the words of the log, and the code of the stream that means the same."""
    code = row.management_code
    return row.meaning if code is None else f"{row.meaning}; in the stream {code} {codes.explain(code).name}"


def _log_code(row: LogCode) -> str:
    if row.management_code is None:
        return f"{row.code} {row.meaning}  (code of ascp's log)\n{_rows([('in the stream', 'not known')])}"
    code = codes.explain(row.management_code)
    rows = [("in the stream", f"{code.code} {code.name}: {code.meaning}"), ("advice", code.advice)]
    return f"{row.code} {row.meaning}  (code of ascp's log)\n{_rows(rows)}"


def _code(code: codes.ErrorCode) -> str:
    retry = "worth a retry" if code.retryable else "no retry"
    rows = [("meaning", code.meaning), ("advice", code.advice)]
    return f"{code.code} {code.name}  (error code of the stream, {retry})\n{_rows(rows)}"
