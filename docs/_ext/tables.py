"""Pages made of the tables in the code: ``{table-of} NAME`` in Markdown puts the table of that name there.

A table of the package is written once, where the code reads it. Each function below makes rows of one of them; a row is
a list of cells, a cell a text in which double backticks set code apart.
"""

from __future__ import annotations

import importlib
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import attrs
from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from faspmgr.ascp import SPEC_PROPERTIES
from faspmgr.exit_status import ExitStatus
from faspmgr.logs import codes as log_codes
from faspmgr.logs import fields as log_fields
from faspmgr.manager.stopping import STOP_STEPS, StopRule
from faspmgr.manager.watchdog import WATCH
from faspmgr.protocol import codes, fields, problems
from faspmgr.protocol.commands import COMMANDS, STREAM_COMMANDS, CommandRow
from faspmgr.protocol.events import EVENT_CLASSES
from faspmgr.tracking.figures import STATES
from faspmgr.tracking.session import TRANSITIONS


class Table(NamedTuple):
    """The head of a table, the shares of its columns, and its rows; an anchor for each row, or none."""

    head: list[str]
    widths: list[int]
    rows: list[list[str]]
    anchors: Sequence[str] = ()


def code(text: object) -> str:
    """A text as code, empty where there is none."""
    return f"``{text}``" if str(text) else ""


def field_table() -> Table:
    """Every field of the protocol."""
    rows = [
        [code(field.wire), code(field.name), ", ".join(filter(None, (field.kind, field.unit))), field.meaning]
        for field in fields.FIELDS.values()
    ]
    anchors = [f"field-{field.name.replace('_', '-')}" for field in fields.FIELDS.values()]
    return Table(["on the wire", "in Python and JSON", "kind, unit", "meaning"], [5, 5, 4, 8], rows, anchors)


def code_table() -> Table:
    """Every error code."""
    rows = [
        [str(row.code), code(row.name), "yes" if row.retryable else "", f"{row.meaning}. {row.advice}"]
        for row in codes.CODES.values()
    ]
    anchors = [f"code-{row.code}" for row in codes.CODES.values()]
    return Table(["code", "name", "retry", "meaning, and what to check first"], [1, 6, 1, 14], rows, anchors)


def description_table() -> Table:
    """Every description with a meaning of its own."""
    rows = [[str(row[0]), row[1], f"{row[2]}. {row[3]}"] for row in codes.BY_DESCRIPTION]
    return Table(["code", "words in Description", "meaning, and what to check first"], [1, 7, 14], rows)


def log_kind_table() -> Table:
    """Every kind of line of ascp's log."""
    rows = [
        [code(kind), meaning, ", ".join(map(code, log_fields.OF_KIND[kind]))]
        for kind, meaning in log_fields.KINDS.items()
    ]
    return Table(["kind", "what it says", "fields"], [3, 5, 14], rows)


def log_field_table() -> Table:
    """Every field of ascp's log."""
    rows = [
        [code(field.log), code(field.name), ", ".join(filter(None, (field.kind, field.unit))), field.meaning]
        for field in log_fields.LOG_FIELDS
    ]
    return Table(["in the log", "in Python and JSON", "kind, unit", "meaning"], [5, 5, 4, 8], rows)


def log_code_table() -> Table:
    """Every error code of ascp's log."""
    rows = []
    for row in log_codes.LOG_CODES.values():
        known = None if row.management_code is None else codes.explain(row.management_code)
        rows.append([str(row.code), row.meaning, f"{known.code} ``{known.name}``" if known else ""])
    return Table(["code", "words of the log", "in the stream"], [1, 6, 4], rows)


def problem_table() -> Table:
    """Every kind of problem of a stream."""
    rows = [[code(kind), meaning] for kind, meaning in problems.KINDS.items()]
    return Table(["kind", "what it is, and what is done about it"], [1, 4], rows)


def event_table() -> Table:
    """Every type of message from ascp, its class and its fields."""
    rows = []
    for name, cls in EVENT_CLASSES.items():
        names = ", ".join(code(a.name) for a in attrs.fields(cls) if a.name in fields.BY_NAME and a.name != "type")
        rows.append([code(name), code(cls.__name__), first_sentence(cls), names])
    return Table(["type", "class", "when", "fields"], [3, 4, 6, 14], rows)


def command_table(commands: Mapping[str, CommandRow] = COMMANDS) -> Table:
    """Every command to ascp of a table."""
    rows = [
        [code(name), code(row.type), code(row.cls.__name__), row.description, ", ".join(map(code, row.fields))]
        for name, row in commands.items()
    ]
    return Table(["command", "type", "class", "what it does", "fields"], [2, 2, 3, 6, 6], rows)


def exit_table() -> Table:
    """Every exit status of the command line."""
    documented = inspect.getsource(ExitStatus).split('"""')
    meanings = [inspect.cleandoc(text) for text in documented[3::2]]
    rows = [[str(int(status)), code(status.name), text] for status, text in zip(ExitStatus, meanings, strict=True)]
    return Table(["status", "name", "meaning"], [1, 3, 9], rows)


def spec_table() -> Table:
    """Every property of a transfer spec."""
    rows = []
    for name, row in SPEC_PROPERTIES.items():
        meaning = f"{row.meaning} ({', '.join(row.choices)})" if row.choices else row.meaning
        carrier = ", ".join(code(word) for word in (row.option, row.env) if word)
        rows.append([code(name), row.kind, meaning, carrier])
    return Table(["property", "kind", "meaning", "how ascp gets it"], [5, 2, 8, 4], rows)


LIMITS = [
    ("faspmgr.protocol.tokenizer", "MAX_FRAME_BYTES", "bytes of a message; can be set"),
    ("faspmgr.protocol.grammar", "MAX_FIELDS", "fields of a message"),
    ("faspmgr.protocol.frames", "MAX_PAYLOAD_BYTES", "bytes of data of a WRITE"),
    ("faspmgr.cli.rendering", "MAX_DATA_BYTES", "bytes of data of a WRITE that decode gives back"),
    ("faspmgr.protocol.tokenizer", "MAX_PROBLEMS", "problems that are remembered; all of them are counted"),
    ("faspmgr.protocol.fields", "MAX_JSON_DEPTH", "levels of JSON in a value"),
    ("faspmgr.tracking.tracker", "MAX_SESSIONS", "sessions that a tracker remembers"),
    ("faspmgr.tracking.files", "MAX_FILES_IN_PROGRESS", "files in progress that a session remembers"),
    ("faspmgr.tracking.files", "MAX_FAILURES", "failed files that a session remembers; all of them are counted"),
    ("faspmgr.tracking.registry", "MAX_NAMES", "files that the transfers of a tracker register together"),
    ("faspmgr.tracking.registry", "MAX_MEMBERS", "sessions that share a file and have not failed"),
    ("faspmgr.tracking.registry", "MAX_SPANS", "separate ranges of a file that earlier attempts have left"),
    ("faspmgr.reading", "MAX_UNDECIDED_BYTES", "bytes of a source of which it is not known whether it is a log"),
    ("faspmgr.logs.reader", "MAX_LINE_BYTES", "bytes of a line of ascp's log"),
    ("faspmgr.logs.reader", "MAX_RECORD_CHARS", "characters of lines that go on from one record"),
    ("faspmgr.logs.reader", "MAX_BLOCKS", "blocks of statistics that have begun and not ended"),
    ("faspmgr.logs.reader", "MAX_BLOCK_LINES", "lines of one of them"),
    ("faspmgr.logs.folding", "MAX_OPEN", "sessions of a log that are open, and processes"),
    ("faspmgr.logs.folding", "MAX_UNFINISHED", "files of them that have started and not stopped; all are counted"),
    ("faspmgr.captures.connections", "MAX_LINE_BYTES", "bytes of a line of them"),
    ("faspmgr.captures.connections", "MAX_FILE_BYTES", "bytes of all of them"),
    ("faspmgr.manager.port", "MAX_CONNECTIONS", "connections that a port serves at once; can be set"),
    ("faspmgr.manager.owner", "MAX_DESCRIPTORS", "descriptors that are read to find whose a connection is"),
    ("faspmgr.manager.port", "HELLO_TIMEOUT", "seconds that a connection has for its first message; can be set"),
    ("faspmgr.manager.port", "MAX_UNSENT_BYTES", "bytes of commands that an ascp does not read"),
    ("faspmgr.manager.control", "MAX_CLIENTS", "clients of a control socket at once"),
    ("faspmgr.manager.control", "MAX_REQUEST_BYTES", "bytes of a request on the control socket"),
]
"""Home, name and meaning of the limits that keep memory bounded; their values are read from the code."""


def limit_table() -> Table:
    """Every limit that whoever can connect may run into."""
    rows = []
    for home, name, meaning in LIMITS:
        rows.append([code(name), f"{getattr(importlib.import_module(home), name):,}", meaning, code(home)])
    return Table(["limit", "value", "what it limits", "where it stands"], [5, 3, 7, 6], rows)


def transition_table() -> Table:
    """Every step in the life of a session."""
    rows = []
    for event, steps in TRANSITIONS.items():
        for to in dict.fromkeys(steps.values()):
            froms = [state for state in STATES if steps.get(state) == to]
            before = "any" if len(froms) == len(STATES) else ", ".join(map(code, froms))
            rows.append([code(event.type) if event else "the end of the stream", before, code(to)])
    return Table(["what comes", "from", "to"], [3, 8, 3], rows)


def stop_table() -> Table:
    """Every step of stopping ascp, with the time until the next one."""
    rows = [[step.value, rule.action, stop_wait(rule)] for step, rule in STOP_STEPS.items()]
    return Table(["step", "what is done", "until the next step"], [2, 6, 4], rows)


def watch_table() -> Table:
    """What each phase of a run of ascp waits for, and how long."""
    rows = [[phase.value, rule.waits_for, rule.limit] for phase, rule in WATCH.items()]
    return Table(["phase", "waits for", "limit"], [2, 3, 5], rows)


def stop_wait(rule: StopRule) -> str:
    """How long ascp has until the next step, in words."""
    if rule.min_seconds == rule.max_seconds:
        return f"{rule.max_seconds:g} s" if rule.max_seconds else ""
    return "grace period" if math.isinf(rule.max_seconds) else f"grace period, at most {rule.max_seconds:g} s"


def stop_drawing() -> str:
    """The steps of stopping ascp in a row, and what ends each wait."""
    waits = [f"──{wait}──▶" for wait in map(stop_wait, STOP_STEPS.values()) if wait] + [""]
    steps = [f" {step.value} {wait}" for step, wait in zip(STOP_STEPS, waits, strict=True)]
    lines = [""] * 3
    for step, wait in zip(steps, waits, strict=True):
        middle = len(step) - len(wait) // 2 - 1
        for number, text in enumerate(("│", "▼", "ended")):
            lines[number] += (f"{text:>{middle + len(text) // 2 + 1}}" if wait else "").ljust(len(step))
    return "\n".join(line.rstrip() for line in ["".join(steps), *lines])


def first_sentence(cls: type) -> str:
    """The first line of a docstring, without the name that it begins with."""
    return (inspect.getdoc(cls) or "").split("\n", 1)[0].split(": ", 1)[-1].split(". ", 1)[0].rstrip(".")


TABLES: dict[str, Callable[[], Table]] = {
    "fields": field_table,
    "codes": code_table,
    "descriptions": description_table,
    "log-kinds": log_kind_table,
    "log-fields": log_field_table,
    "log-codes": log_code_table,
    "problems": problem_table,
    "events": event_table,
    "commands": command_table,
    "stream-commands": lambda: command_table(STREAM_COMMANDS),
    "exit-statuses": exit_table,
    "spec": spec_table,
    "limits": limit_table,
    "transitions": transition_table,
    "stop-steps": stop_table,
    "watch": watch_table,
}


class TableDirective(SphinxDirective):
    """``{table-of} NAME``: one of TABLES."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Build the table."""
        return [build(TABLES[self.arguments[0]]())]


class StopDrawing(SphinxDirective):
    """``{stop-drawing}``: the steps of stopping ascp."""

    def run(self) -> list[nodes.Node]:
        """Build the drawing."""
        text = stop_drawing()
        return [nodes.literal_block(text, text, language="text", classes=["drawing"])]


def build(table: Table) -> nodes.Node:
    """A docutils table of it."""
    group = nodes.tgroup(cols=len(table.head))
    group += [nodes.colspec(colwidth=width) for width in table.widths]
    head = nodes.thead()
    head += _row(table.head)
    body = nodes.tbody()
    for number, cells in enumerate(table.rows):
        row = _row(cells)
        if table.anchors:
            row["ids"].append(table.anchors[number])
        body += row
    group += [head, body]
    node = nodes.table(classes=["colwidths-given"])
    node += group
    return node


def _row(cells: list[str]) -> nodes.row:
    row = nodes.row()
    for cell in cells:
        entry = nodes.entry()
        entry += nodes.paragraph("", "", *inline(cell))
        row += entry
    return row


def inline(text: str) -> list[nodes.Node]:
    """Text with ``code`` in double backticks as nodes."""
    parts: list[nodes.Node] = []
    for number, part in enumerate(text.split("``")):
        if part:
            parts.append(nodes.literal(part, part) if number % 2 else nodes.Text(part))
    return parts


def setup(app: Sphinx) -> dict[str, Any]:
    """Register with Sphinx."""
    app.add_directive("table-of", TableDirective)
    app.add_directive("stop-drawing", StopDrawing)
    return {"parallel_read_safe": True}
