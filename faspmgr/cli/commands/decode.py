"""``faspmgr decode``: messages as JSON Lines, CSV, TSV, text, or bytes again."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import attrs
import click

from faspmgr.cli import options, output
from faspmgr.cli.reading import Reading
from faspmgr.cli.text import did_you_mean, printable
from faspmgr.protocol import fields
from faspmgr.protocol.events import EVENT_CLASSES, Event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.grammar import payload_bytes
from faspmgr.protocol.parser import Parser

Render = Callable[[list[Event]], bytes]

NO_DATA = b"\n\n"
"""What stands behind a version 4 WRITE of no bytes."""

LEFT_OUT = "faspmgr: each WRITE with data is left out, as the data are not kept"


@click.command("decode")
@options.files_argument
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "csv", "tsv", "text", "fasp"]),
    default="jsonl",
    help="jsonl (default): one JSON object a line; csv, tsv: a header, and the same columns in every row, where"
    r" tsv has \t, \r, \n and \\ for a TAB, CR, LF and backslash; text: a line for people;"
    " fasp: the messages as they are on the wire.",
)
@click.option("--raw", is_flag=True, help="Names and texts as on the wire, instead of typed values.")
@click.option("--type", "types", metavar="TYPE,…", multiple=True, help="Only messages of these types.")
@click.option(
    "--fields", "names", metavar="NAME,…", multiple=True, help="Only these fields; 'faspmgr describe' lists them."
)
@options.reading_options
@options.jobs_option
@options.show_secrets_option
def command(
    files: tuple[str, ...],
    form: str,
    raw: bool,
    types: tuple[str, ...],
    names: tuple[str, ...],
    follow: bool,
    unwrap: str | None,
    strict: bool,
    jobs: int,
    show_secrets: bool,
) -> int:
    """Decode the messages of each FILE, or of standard input, to standard output.

    Messages are written as they arrive, live streams included. Problems go to standard error; --strict stops at the
    first one, with status 4. A byte that is no UTF-8 is shown as U+FFFD; the exact bytes of such a field are in JSON
    under "undecodable", percent-encoded.

    \b
    Example:
      faspmgr decode --type STATS --fields file,written capture.fasp
      nc -l 4000 | faspmgr decode --format text
    """
    wanted = {part.upper() for part in _parts(types)}
    raw = raw or form == "fasp"
    asked = tuple(dict.fromkeys(_field_name(part, raw) for part in _parts(names)))
    select = _Selection(raw, not show_secrets, asked)
    # Types that were asked for, are unknown, and have not come yet.
    missing = {name for name in wanted if name not in EVENT_CLASSES}

    def read(source: Reading) -> None:
        nonlocal missing
        render = _renderer(form, select, wanted)
        for _file, events in source.batches(Parser):
            if wanted:
                events = [event for event in events if event.type.upper() in wanted]
                missing = missing and missing.difference(event.type.upper() for event in events)
            if select.names:
                events = [event for event in events if select.values(event)]
            output.write_bytes(render(events))

    def read_alone(file: str) -> tuple[Reading, list[str]]:
        source = Reading((file,), unwrap=unwrap, strict=strict)
        read(source)
        return source, list(missing)

    source = Reading(files, follow=follow, unwrap=unwrap, strict=strict)
    if source.can_spread(jobs):
        from faspmgr.cli.jobs import spread  # only where it was asked for

        header = len(_renderer(form, select, wanted)([]))
        for _file, left in spread(source, jobs, read_alone, lambda data: data[header:], once=LEFT_OUT):
            missing.intersection_update(left)
    else:
        read(source)
    for name in sorted(missing):  # only a hint: a newer ascp may have added the type
        click.echo(f"faspmgr: no message of type {printable(name)}{did_you_mean(name, EVENT_CLASSES)}", err=True)
    return source.status


def _parts(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]


def _field_name(name: str, raw: bool) -> str:
    """Give the Python name of the field that the user means, or the one on the wire. A name that is similar to a known
    one is a slip; any other may be a field that a newer ascp has added. Its name on the wire may have been given in
    either way."""
    field = fields.find(name)
    if field:
        return field.wire if raw else field.name
    close = difflib.get_close_matches(name, [*fields.BY_NAME, *fields.FIELDS], n=1, cutoff=0.7)
    if close:
        raise click.BadParameter(f"unknown field {name!r}; did you mean {close[0]!r}?", param_hint="--fields")
    return name if raw else fields.snake_case(name)


@attrs.frozen
class _Selection:
    """What is shown of a message."""

    raw: bool
    """Names and texts of the wire."""
    redact: bool
    """Secrets are hidden."""
    names: tuple[str, ...]
    """The fields that were asked for, in this order, as _field_name gives them; empty for all."""

    def values(self, event: Event) -> dict[str, Any]:
        """Give the values by their names, the type first unless fields were asked for."""
        if not self.raw:
            shown = event.to_dict(redact=self.redact)
            return {name: shown[name] for name in self.names if name in shown} if self.names else shown
        shown = {"Type": event.type, **self._all(event).fields}
        if not self.names:
            return shown
        return {wire: value for wire, value in shown.items() if self.name_of(wire, shown) is not None}

    def name_of(self, wire: str, shown: Mapping[str, Any]) -> str | None:
        """Give the name under which a field of the wire was asked for, None if it was not: its own, or the Python name
        of an unknown one, which several may have, unless this is the own name of another field of the message."""
        if wire in self.names:
            return wire
        name = None if wire in fields.FIELDS else fields.snake_case(wire)
        return name if name in self.names and name not in shown else None

    def frame(self, event: Event) -> Frame:
        """Give the message with these fields only."""
        frame = self._all(event)
        if self.names:
            texts = {wire: text for wire, text in frame.fields.items() if self.name_of(wire, frame.fields) is not None}
            frame = Frame(frame.type, texts, frame.version)
        return frame

    def _all(self, event: Event) -> Frame:
        return event.to_frame().redacted() if self.redact else event.to_frame()


def _renderer(form: str, select: _Selection, types: set[str]) -> Render:
    if form == "jsonl":
        return lambda events: output.to_bytes(output.message_to_json(select.values(event)) for event in events)
    if form == "text":
        return lambda events: output.to_bytes(_text_line(event, select) for event in events)
    if form == "fasp":
        return _Wire(select)
    return _table(form, select, types)


def _text_line(event: Event, select: _Selection) -> str:
    shown = select.values(event)
    shown.pop("Type" if select.raw else "type", None)
    return output.text_line(event.type, shown)


class _Wire:
    """Messages as they are on the wire."""

    def __init__(self, select: _Selection) -> None:
        self._select = select
        # A message was left out, and this was logged: once is enough.
        self._logged = False

    def __call__(self, events: list[Event]) -> bytes:
        return b"".join(map(self._message, events))

    def _message(self, event: Event) -> bytes:
        frame = self._select.frame(event)
        payload = payload_bytes(frame)
        if payload <= len(NO_DATA):
            return frame.encode() + NO_DATA[:payload]
        # The data were skipped when the message was read. Without them, what follows would be read as the data.
        if not self._logged:
            self._logged = True
            click.echo(LEFT_OUT, err=True)
        return b""


def _table(form: str, select: _Selection, types: set[str]) -> Render:
    """Give what renders CSV or TSV. The columns depend on the options alone: the fields that were asked for, or type,
    all fields of the wanted types, and extra: a JSON object with everything that is in no other column."""
    names = select.names or tuple(
        fields.BY_NAME[name].wire if select.raw else name for name in ("type", *_names_of(types))
    )
    table = output.Table(form, names if select.names else [*names, "extra"])

    def render(events: list[Event]) -> bytes:
        for event in events:
            shown = select.values(event)
            if select.raw and select.names:
                shown = _by_name(select, shown)
            row = [shown.pop(name, None) for name in names]
            table.add(row if select.names else [*row, shown or None])
        return table.take_bytes()

    return render


def _by_name(select: _Selection, shown: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of the wire by the names that were asked for. Where several have one name: an object of them."""
    found: dict[str, dict[str, Any]] = {}
    for wire, text in shown.items():
        found.setdefault(select.name_of(wire, shown) or wire, {})[wire] = text
    return {name: texts if len(texts) > 1 else next(iter(texts.values())) for name, texts in found.items()}


def _names_of(types: set[str]) -> list[str]:
    """Give the fields of the classes of these types, or of all if there are none, in the order of the field table."""
    classes = [cls for name, cls in EVENT_CLASSES.items() if name in types] or list(EVENT_CLASSES.values())
    names = {attribute.name for cls in classes for attribute in attrs.fields(cls)}
    return [name for name in fields.BY_NAME if name in names and name != "type"]
