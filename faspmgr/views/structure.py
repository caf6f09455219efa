"""Rows of a table, and what is made of them: the JSON of a view, its JSON Schema, its reference.

A structure is a list of rows, one for each field. A row is made by the JSON type of its field, with one of three words:

``INTEGER.known(name, meaning, value, source=…)``
    always has a value.
``INTEGER.nullable(name, meaning, value, source=…, null=…)``
    is null if the function returns None.
``INTEGER.unknown(name, meaning, null=…)``
    is always null, for the reason given.

The function takes the facts that the structure is about, and mypy holds it to the JSON type: a function that gives text
is an error in a row of INTEGER, one that may give None is an error in ``known``. Nothing in this module knows FASP.
"""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any, Generic, TypeVar, get_args
from uuid import UUID

import attrs

from faspmgr.redaction import redact_urls, redact_words

F = TypeVar("F")
"""The facts that a structure is about."""
T = TypeVar("T")
"""The values of a JSON type, in Python."""

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
UUID_PATTERN = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@attrs.frozen(eq=False)
class JsonType(Generic[T]):
    """A type of JSON values, which makes the rows of the fields that have it."""

    words: str
    """Name in the reference."""
    schema: dict[str, Any]
    """JSON Schema of a value that is not null."""
    to_json: Callable[[T], Any] | None = None
    """Conversion of a value to JSON; None if it is JSON already."""
    structure: Structure[Any] | None = None
    """Structure of the object, or of the objects in the array; None for other types."""

    def known(self, name: str, meaning: str, value: Callable[[F], T], *, source: str) -> Row[F]:
        """Make the row of a field that is never null."""
        return Row(name, self, meaning, value, source, "")

    def nullable(self, name: str, meaning: str, value: Callable[[F], T | None], *, source: str, null: str) -> Row[F]:
        """Make the row of a field that may be null."""
        return Row(name, self, meaning, value, source, null)

    def unknown(self, name: str, meaning: str, *, null: str) -> Row[Any]:
        """Make the row of a field that is always null."""
        return Row(name, self, meaning, lambda _facts: None, "", null)


@attrs.frozen(eq=False)
class Row(Generic[F]):
    """A field of a structure."""

    name: str
    """Name of the field, as its document spells it."""
    type: JsonType[Any]
    """JSON type."""
    meaning: str
    """Meaning and unit as the document has them; the description in the JSON Schema."""
    value: Callable[[F], Any]
    """Function that returns the value."""
    source: str
    """Source of the value; empty if the field is always null."""
    null: str
    """Condition under which the field is null, or reason why it always is; empty if it never is."""

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of the field."""
        schema = dict(self.type.schema)
        if self.null and "$ref" in schema:
            schema = {"anyOf": [schema, {"type": "null"}]}
        elif self.null:
            schema["type"] = [schema["type"], "null"]
            if "enum" in schema:
                schema["enum"] = [*schema["enum"], None]
        return {**schema, "description": self.meaning}


@attrs.frozen(eq=False)
class Structure(Generic[F]):
    """A structure of another system."""

    name: str
    """Name in the reference and in the JSON Schema."""
    summary: str
    """One sentence."""
    rows: Sequence[Row[F]]
    """Fields in the order of the JSON."""

    def to_dict(self, facts: F) -> dict[str, Any]:
        """Return a JSON-ready dict with every field.

        Example:
            >>> Structure("Box", "A box.", [INTEGER.known("size", "liters.", len, source="it")]).to_dict("ab")
            {'size': 2}
        """
        shown: dict[str, Any] = {}
        for row in self.rows:
            value, to_json = row.value(facts), row.type.to_json
            shown[row.name] = value if value is None or to_json is None else to_json(value)
        return shown

    def nested(self) -> list[Structure[Any]]:
        """Return this structure and all nested ones, each once, an outer one before its inner ones."""
        found: list[Structure[Any]] = [self]
        for row in self.rows:
            if row.type.structure is not None:
                found += [inner for inner in row.type.structure.nested() if inner not in found]
        return found

    def json_schema(self) -> dict[str, Any]:
        """Return the JSON Schema (draft 2020-12) of ``to_dict``; other fields are allowed besides."""
        inner = {structure.name: structure.object_schema() for structure in self.nested()[1:]}
        return {"$schema": SCHEMA_DIALECT, **self.object_schema(), **({"$defs": inner} if inner else {})}

    def object_schema(self) -> dict[str, Any]:
        """Return the JSON Schema of this structure, with references to nested ones."""
        return {
            "title": self.name,
            "type": "object",
            "properties": {row.name: row.schema() for row in self.rows},
            "required": [row.name for row in self.rows],
        }

    def describe(self, note: str, width: int) -> str:
        """Return the reference of this structure without nested ones: a paragraph for each row.

        Args:
            note: printed after the name.
            width: columns.
        """
        lines = [f"{self.name}  ({note})", *_wrapped("  ", self.summary, width)]
        for row in self.rows:
            lines += ["", *_wrapped("  ", f"{row.name}  ({row.type.words})", width, hanging="    ")]
            lines += _wrapped("      ", row.meaning, width)
            lines += _wrapped("      ", f"from: {row.source}", width) if row.source else []
            lines += _wrapped("      ", f"null: {row.null}", width) if row.null else []
        return "\n".join(lines)


def _wrapped(indent: str, text: str, width: int, hanging: str = "") -> list[str]:
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent + hanging, break_long_words=False)


_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME = rf"{_DATE}T[0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}(\.[0-9]{{1,9}})?Z"


def _time(time: datetime) -> str:
    """``2017-01-01T15:05:05Z``, with a fraction where there is one."""
    return time.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


def _text(form: str, pattern: str) -> dict[str, Any]:
    return {"type": "string", "format": form, "pattern": f"^{pattern}$"}


TEXT = JsonType[str]("string", {"type": "string"}, redact_words)
PATH = JsonType[str]("string", {"type": "string"}, redact_urls)
BOOLEAN = JsonType[bool]("boolean", {"type": "boolean"})
INTEGER = JsonType[int]("integer", {"type": "integer"})
NUMBER = JsonType[float]("number", {"type": "number"})
TEXTS = JsonType[list[str]]("array of string", {"type": "array", "items": {"type": "string"}})
NUMBERS_BY_NAME = JsonType[dict[str, float]]("object", {"type": "object", "additionalProperties": {"type": "number"}})
ANY_BY_NAME = JsonType[dict[str, Any]]("object", {"type": "object", "additionalProperties": {}})
ID = JsonType[UUID]("uuid", _text("uuid", UUID_PATTERN), str)
DATE = JsonType[date]("date", _text("date", _DATE), str)
TIME = JsonType[datetime]("date-time", _text("date-time", _TIME), _time)


def one_of(literal: Any) -> JsonType[Any]:
    """Return the type of texts that are one of the words of this Literal."""
    words = get_args(literal)
    return JsonType(f"one of {', '.join(words)}", {"type": "string", "enum": list(words)})


def object_of(structure: Structure[F]) -> JsonType[F]:
    """Return the type of objects of this structure. The value of a row is the facts that fill it."""
    return JsonType(structure.name, {"$ref": f"#/$defs/{structure.name}"}, structure.to_dict, structure)


def array_of(structure: Structure[F]) -> JsonType[list[F]]:
    """Return the type of arrays of such objects. The value of a row is a list of the facts that fill them."""
    schema = {"type": "array", "items": {"$ref": f"#/$defs/{structure.name}"}}
    return JsonType(
        f"array of {structure.name}", schema, lambda each: [structure.to_dict(facts) for facts in each], structure
    )
