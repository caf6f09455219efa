"""What decode writes of events: the fields that were asked for, in the format that was asked for.

An event is shown as a dict, whatever the format: names and values, typed or as on the wire. Only its bytes on the wire
are made of its frame.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs
import click

from faspmgr.cli import output
from faspmgr.jsontext import messages_to_json_lines
from faspmgr.protocol import fields
from faspmgr.protocol.events import EVENT_CLASSES, Event
from faspmgr.protocol.frames import Frame
from faspmgr.redaction import redact_words

Render = Callable[[list[Event]], bytes]
"""Gives what is to be written for events that came together; nothing for one without any field that was asked for."""

MAX_DATA_BYTES = 1 << 26
"""Data of a WRITE that ``fasp`` gives back; one with more is a problem, and left out."""

LEFT_OUT = "faspmgr: each WRITE with data is left out, as a log of lines does not have them"


@attrs.frozen
class Selection:
    """What is shown of a message."""

    raw: bool
    """Names and texts of the wire."""
    redact: bool
    """Secrets are hidden."""
    names: tuple[str, ...]
    """The fields that were asked for, in this order: Python names, or those of the wire if raw; empty for all."""

    def values(self, event: Event) -> dict[str, Any]:
        """Give the values by their names: the type first, or the fields that were asked for, if there are any."""
        if not self.raw:
            shown = event.to_dict(redact=self.redact)
            return {name: shown[name] for name in self.names if name in shown} if self.names else shown
        frame = self._all(event)
        shown = {"Type": frame.type, **frame.fields}
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
            # Without its Size, nothing behind a WRITE would be taken for its data.
            frame = Frame(frame.type, texts, frame.version, data=frame.data if "Size" in texts else None)
        return frame

    def _all(self, event: Event) -> Frame:
        return event.to_frame().redacted() if self.redact else event.to_frame()


def renderer(form: str, select: Selection, types: set[str]) -> Render:
    """Give what renders events.

    Args:
        form: ``jsonl``, ``csv``, ``tsv``, ``text`` or ``fasp``.
        select: what is shown of each.
        types: the message types that come up, in upper case; empty for all. The columns of a table depend on them.
    """
    if form == "jsonl":
        return lambda events: messages_to_json_lines(filter(None, map(select.values, events)))
    if form == "text":
        return lambda events: output.to_bytes(
            _text_line(redact_words(event.type) if select.redact else event.type, shown, select)
            for event in events
            if (shown := select.values(event))
        )
    if form == "fasp":
        return _Wire(select)
    return _table(form, select, types)


def _text_line(type: str, shown: dict[str, Any], select: Selection) -> str:
    shown.pop("Type" if select.raw else "type", None)
    return output.text_line(type, shown)


class _Wire:
    """Messages as they are on the wire."""

    def __init__(self, select: Selection) -> None:
        self._select = select
        # A message was left out, and this was logged: once is enough.
        self._logged = False

    def __call__(self, events: list[Event]) -> bytes:
        return b"".join([self._message(event) for event in events if self._select.values(event)])

    def _message(self, event: Event) -> bytes:
        frame = self._select.frame(event)
        if frame.data is None and frame.announced_bytes == 0:
            frame.data = b""
        if frame.data is not None or frame.announced_bytes is None:
            return frame.encode()
        # Without the data, what follows would be read as the data.
        if not self._logged:
            self._logged = True
            click.echo(LEFT_OUT, err=True)
        return b""


def _table(form: str, select: Selection, types: set[str]) -> Render:
    """Give what renders CSV or TSV. The columns depend on the options alone: the fields that were asked for, or type,
    all fields of the wanted types, and extra: a JSON object with everything that is in no other column."""
    names = select.names or tuple(
        fields.BY_NAME[name].wire if select.raw else name for name in ("type", *_names_of(types))
    )
    table = output.Table(form, names, rest=None if select.names else "extra")

    def render(events: list[Event]) -> bytes:
        for event in events:
            shown = select.values(event)
            if shown:
                table.add(_by_name(select, shown) if select.raw and select.names else shown)
        return table.take_bytes()

    return render


def _by_name(select: Selection, shown: dict[str, Any]) -> dict[str, Any]:
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
