"""``faspmgr decode``: messages as JSON Lines, CSV, TSV, text, or bytes again."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs
import click

from faspmgr.cli import output, reading
from faspmgr.cli.text import did_you_mean, printable
from faspmgr.protocol import fields
from faspmgr.protocol.events import EVENT_CLASSES, Event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import Parser

Render = Callable[[list[Event]], bytes]


@click.command("decode")
@reading.files_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "tsv", "text", "fasp"]),
    default="jsonl",
    help="jsonl (default): one JSON object a line; csv, tsv: one header, the same columns throughout; text: a line for"
    " people; fasp: the messages as they are on the wire.",
)
@click.option("--raw", is_flag=True, help="Names and texts as they are on the wire, instead of typed values.")
@click.option("--type", "types", metavar="TYPE,…", multiple=True, help="Only messages of these types.")
@click.option("--fields", "names", metavar="NAME,…", multiple=True, help="Only these fields, by either of their names.")
@reading.reading_options
@click.option("--show-secrets", is_flag=True, help="Show tokens and passwords, which are *** otherwise.")
def command(
    files: tuple[str, ...],
    form: str,
    raw: bool,
    types: tuple[str, ...],
    names: tuple[str, ...],
    follow: bool,
    unwrap: str | None,
    strict: bool,
    show_secrets: bool,
) -> int:
    """Decode the messages of FILEs, or of standard input, to standard output.

    Each piece of input is decoded and flushed as it arrives. Problems go to standard error; with --strict the first one
    ends it with status 4.

    \b
    Example:
      faspmgr decode --type STATS --fields file,written capture.fasp
      nc -l 4000 | faspmgr decode --format text
    """
    source = reading.Reading(files, follow=follow, unwrap=unwrap, strict=strict)
    wanted_types = {part.upper() for part in _parts(types)}
    chosen = list(dict.fromkeys(_field_name(part) for part in _parts(names)))
    view = _View(raw=raw, redact=not show_secrets, chosen=chosen)
    render = _renderer(form, view, wanted_types)
    absent = {name for name in wanted_types if name not in EVENT_CLASSES}
    for _file, events in source.batches(Parser):
        if wanted_types:
            events = [event for event in events if event.type.upper() in wanted_types]
            absent = absent and absent.difference(event.type.upper() for event in events)
        if chosen:
            events = [event for event in events if view(event)]
        data = render(events)
        if data:
            output.write_bytes(data)
    for name in sorted(absent):  # a hint and no more: any name may be a type that a newer ascp has added
        click.echo(f"faspmgr: no message is of type {printable(name)}{did_you_mean(name, EVENT_CLASSES)}", err=True)
    return source.status


def _parts(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _field_name(name: str) -> str:
    """The Python name of the field that the user means. A name close to a known one is a slip; any other may be a field
    that a newer ascp has added."""
    field = fields.find(name)
    if field:
        return field.name
    known = [*fields.BY_NAME, *fields.FIELDS]
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.7)
    if close:
        raise click.BadParameter(f"no field {name!r}; did you mean {close[0]!r}?", param_hint="--fields")
    return fields.snake_case(name)


@attrs.frozen
class _View:
    """What is shown of an event."""

    raw: bool
    redact: bool
    chosen: Sequence[str]

    def __call__(self, event: Event) -> dict[str, Any]:
        if self.raw:
            shown = {"Type": event.type, **self.frame(event).fields}
            if self.chosen:
                return {name: value for name, value in shown.items() if fields.snake_case(name) in self.chosen}
            return shown
        shown = event.to_dict(redact=self.redact)
        return {name: shown[name] for name in self.chosen if name in shown} if self.chosen else shown

    def frame(self, event: Event) -> Frame:
        """The event as a message, secrets hidden, with the chosen fields only."""
        frame = event.to_frame()
        texts = {
            name: fields.redact_text(name, text) if self.redact else text
            for name, text in frame.fields.items()
            if not self.chosen or fields.snake_case(name) in self.chosen
        }
        return Frame(frame.type, texts, frame.version)


def _renderer(form: str, view: _View, types: set[str]) -> Render:
    if form == "jsonl":
        return lambda events: _lines(output.to_json(view(event)) for event in events)
    if form == "text":
        return lambda events: _lines(_text_line(event, view) for event in events)
    if form == "fasp":
        return lambda events: b"".join(_wire(view.frame(event)) for event in events)
    return _Table(csv.excel if form == "csv" else csv.excel_tab, view, types)


def _wire(frame: Frame) -> bytes:
    """The bytes that were read as this message. Other than Frame.encode() it takes a CR in a value, as it came in one;
    at the end of a line it needs another one, as readers take that for a part of the line end."""
    lines = [f"FASPMGR {frame.version}", f"Type: {frame.type}"]
    lines += [f"{name}: {text}" for name, text in frame.fields.items()]
    text = "".join(f"{line}\r\n" if line.endswith("\r") else f"{line}\n" for line in lines)
    return f"{text}\n".encode("utf-8", "surrogateescape")


def _lines(lines: Iterable[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace")


def _text_line(event: Event, view: _View) -> str:
    shown = view(event)
    shown.pop("Type" if view.raw else "type", None)
    words = (f"{printable(name)}={_word(value)}" for name, value in shown.items())
    return f"{printable(event.type):<12} {' '.join(words)}"


def _word(value: Any) -> str:
    """A value in a line of text; quoted where a space or nothing at all would make the line hard to read."""
    if not isinstance(value, str):
        return output.to_json(value)
    plain = value and value.isprintable() and not set(value) & set(' "=')
    return value if plain else json.dumps(value, ensure_ascii=not value.isprintable())


class _Table:
    """CSV or TSV. The columns depend on the options alone: type and all fields of the wanted types, or those chosen.

    A cell is empty where the message did not say; true and false, lists and objects are JSON. The last column, extra,
    has what is in no other column, as a JSON object.
    """

    def __init__(self, dialect: type[csv.Dialect], view: _View, types: set[str]) -> None:
        self._view = view
        self._names = list(view.chosen) or ["type", *_names_of(types)]
        self._extra = [] if view.chosen else ["extra"]
        self._buffer = io.StringIO()
        self._writer = csv.writer(self._buffer, dialect, lineterminator="\n")
        wires = {name: field.wire for name, field in fields.BY_NAME.items()} if view.raw else {}
        self._writer.writerow([*(wires.get(name, name) for name in self._names), *self._extra])

    def __call__(self, events: list[Event]) -> bytes:
        for event in events:
            shown = self._view(event)
            keys = {fields.snake_case(wire): wire for wire in shown} if self._view.raw else {}
            row = [_cell(shown.pop(keys.get(name, name), None)) for name in self._names]
            self._writer.writerow([*row, output.to_json(shown) if shown else ""] if self._extra else row)
        text = self._buffer.getvalue()
        self._buffer.seek(0)
        self._buffer.truncate()
        return text.encode("utf-8", "backslashreplace")


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else output.to_json(value)


def _names_of(types: set[str]) -> list[str]:
    """Fields of the classes of these types, all types if there are none, in the order of the field table."""
    classes = [cls for name, cls in EVENT_CLASSES.items() if name in types] or list(EVENT_CLASSES.values())
    names = {attribute.name for cls in classes for attribute in attrs.fields(cls)}
    return [name for name in fields.BY_NAME if name in names and name != "type"]
