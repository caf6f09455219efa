"""``faspmgr describe``: the reference, from the tables that decoding itself uses."""

from __future__ import annotations

import inspect
import re
import textwrap

import attrs
import click

from faspmgr.ascp import describe_properties
from faspmgr.cli import output
from faspmgr.cli.text import did_you_mean
from faspmgr.errors import CommandError
from faspmgr.protocol import codes, commands, fields, problems
from faspmgr.protocol.events import EVENT_CLASSES, Event
from faspmgr.verdicts import ExitStatus
from faspmgr.views import KINDS as VIEWS
from faspmgr.views import describe_view

WIDTH = 100
_NUMBER = re.compile("-?[0-9]{1,20}")
COMMANDS = {row.type: (row.description, row.fields) for row in commands.COMMANDS.values()}
"""Commands to ascp by their message type: what they do, and their fields."""


@click.command("describe")
@click.argument("name", required=False)
def command(name: str | None) -> int:
    """Explain NAME: a message type, a field by either of its names, an error code or its name, a kind of problem, a
    view (channel, connection, destination, server), or spec: the properties of a transfer spec. Without NAME: an
    overview.

    \b
    Example:
      faspmgr describe STATS
      faspmgr describe Bytescont
      faspmgr describe 44
    """
    output.write([_overview() if name is None else "\n\n".join(_explain(name))])
    return ExitStatus.DONE


def _explain(name: str) -> list[str]:
    """All that goes by this name: DONE is a message and a command, and Description could be a field and a code."""
    found = [_code(codes.explain(int(name)))] if _NUMBER.fullmatch(name) else []
    if name.upper() in EVENT_CLASSES:
        found.append(_type(EVENT_CLASSES[name.upper()]))
    if name.upper() in COMMANDS:
        found.append(_command(name.upper()))
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
    properties = describe_properties()
    rows = [row for row in properties.items() if name in ("spec", row[0])]
    if rows:
        found.append(f"Properties of a transfer spec\n{_rows(rows)}")
    if not found:
        raise CommandError(f"nothing is called {name!r}{_hint(name)}; faspmgr describe lists what there is")
    return found


def _hint(name: str) -> str:
    known = [*EVENT_CLASSES, *COMMANDS, *fields.FIELDS, *fields.BY_NAME, *problems.KINDS]
    known += [code.name for code in codes.CODES.values()]
    return did_you_mean(name, known)


def _overview() -> str:
    types = [(name, _first_line(cls)) for name, cls in EVENT_CLASSES.items()]
    kinds = list(problems.KINDS.items())
    names = [(field.wire, field.meaning) for field in fields.FIELDS.values()]
    errors = [(f"{code.code} {code.name}", code.meaning) for code in codes.CODES.values()]
    orders = [(name, words) for name, (words, _) in COMMANDS.items()]
    parts = [
        ("Messages from ascp", types),
        ("Commands to ascp", orders),
        ("Fields", names),
        ("Error codes", errors),
        ("Problems of a stream", kinds),
    ]
    return "\n\n".join(f"{title}\n{_rows(rows)}" for title, rows in parts)


def _rows(rows: list[tuple[str, str]]) -> str:
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


def _command(name: str) -> str:
    words, wires = COMMANDS[name]
    rows = [fields.FIELDS[wire] for wire in wires]
    return f"{name}  (command to ascp)\n  {words}" + (f"\n\n{_field_rows(rows)}" if rows else "")


def _field_rows(rows: list[fields.Field]) -> str:
    wire = max(len(field.wire) for field in rows)
    return _rows([(f"{field.wire:<{wire}}  {field.name}", f"{_kind(field):<21}  {field.meaning}") for field in rows])


def _kind(field: fields.Field) -> str:
    return f"{field.kind}, {field.unit}" if field.unit else field.kind


def _field(field: fields.Field) -> str:
    types = [name for name, cls in EVENT_CLASSES.items() if field.name in {a.name for a in attrs.fields(cls)}]
    orders = [name for name, (_, wires) in COMMANDS.items() if field.wire in wires]
    rows = [
        ("in Python, JSON", field.name),
        ("kind", _kind(field)),
        ("meaning", field.meaning),
        ("messages", ", ".join(types) or ("every one" if field.wire == "Type" else "none that is described")),
    ]
    if field.wire in fields.TOKENS:
        rows.append(("values", ", ".join(sorted(fields.TOKENS[field.wire]))))
    if orders:
        rows.append(("commands", ", ".join(orders)))
    return f"{field.wire}  (field)\n{_rows(rows)}"


def _code(code: codes.ErrorCode) -> str:
    retry = "worth a retry" if code.retryable else "no retry"
    rows = [("meaning", code.meaning), ("advice", code.advice)]
    return f"{code.code} {code.name}  (error code, {retry})\n{_rows(rows)}"
