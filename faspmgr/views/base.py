"""What all structures have in common: to JSON and back, and their JSON Schema.

A structure is an attrs class whose attributes carry the documented names. Its annotations say everything else: which
JSON values a field takes, what they are in Python, and how the schema describes them. The meaning of a field is the
line of its name in the class's docstring.

==================  ==========================================  =======================================
annotation          in JSON                                     refused
==================  ==========================================  =======================================
str, bool           string, true or false                       everything else
int                 number without a fraction                   true, false, 1.0
float               number                                      true, false, NaN, Infinity
datetime            ``2017-01-01T15:05:05Z``, in UTC            another zone, no zone
date                ``2017-01-01``
UUID                eight-four-four-four-twelve hex digits      braces, ``urn:uuid:``
Literal             one of its words                            other words
a structure         object
list, dict          array, object of such values
Any                 anything
``… | None``        null as well
==================  ==========================================  =======================================
"""

from __future__ import annotations

import inspect
import math
import re
import types
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeVar, Union, get_args, get_origin
from uuid import UUID

import attrs

S = TypeVar("S", bound="Structure")

SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
UUID_PATTERN = r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


@attrs.define
class Structure:
    """A documented structure.

    extra: fields of an object that was read which the document does not name, as they came. They are written again.
    """

    extra: dict[str, Any] = attrs.field(factory=dict, kw_only=True, repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The structure as a JSON-ready dict: every documented field, null where nothing is known, then ``extra``."""
        shown = {name: _dump(getattr(self, name)) for name in _kinds(self.__class__)}
        shown.update((name, value) for name, value in self.extra.items() if name not in shown)
        return shown

    @classmethod
    def from_dict(cls: type[S], value: Any) -> S:
        """The structure that a parsed JSON object says. A field that is missing counts as null.

        Digits of a time beyond microseconds are dropped. Raises ValueError for a value of the wrong type, an unknown
        word and a missing field that cannot be null; the message names the field: ``transferred_files[0].status: …``.
        """
        return _load(cls, value, "")

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """The JSON Schema (draft 2020-12) of what to_dict gives; fields that are not documented are allowed."""
        definitions: dict[str, Any] = {}
        own = _define(cls, definitions)
        nested = {name: schema for name, schema in definitions.items() if name != cls.__name__}
        return {"$schema": SCHEMA_DIALECT, **own, **({"$defs": nested} if nested else {})}


def meanings(cls: type[Structure]) -> dict[str, str]:
    """What the docstring of a structure says about each of its fields; empty text without docstrings (python -OO)."""
    doc = inspect.cleandoc(cls.__doc__ or "")
    found = re.findall(r"^(\w+): (.+(?:\n    .+)*)", doc, re.MULTILINE)
    by_name = {name: " ".join(text.split()) for name, text in found}
    return {name: by_name.get(name, "") for name in _kinds(cls)}


def type_name(cls: type[Structure], name: str) -> str:
    """The type of a field in the words of JSON: ``integer``, ``date-time``, ``array of ChannelFile``."""
    return _words(_kinds(cls)[name].schema({}))


def _words(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return _words(schema["anyOf"][0])
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    if "enum" in schema:
        return f"one of {', '.join(word for word in schema['enum'] if word is not None)}"
    if "items" in schema:
        return f"array of {_words(schema['items'])}"
    kind = schema.get("type")
    return str(schema.get("format") or (kind[0] if isinstance(kind, list) else kind))


def time_text(value: datetime) -> str:
    """``2017-01-01T15:05:05Z``, with a fraction where there is one. Raises ValueError for a time without a zone."""
    if value.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


# ---------------------------------------------------------------------------------------------------------------------
# Kinds of values


@attrs.frozen
class _Kind:
    """load: a JSON value, and the path of its field, to the value in Python. schema: of the JSON value, given the
    definitions, to which it adds."""

    load: Callable[[Any, str], Any]
    schema: Callable[[dict[str, Any]], dict[str, Any]]
    nullable: bool = False


def _dump(value: Any) -> Any:
    if isinstance(value, Structure):
        return value.to_dict()
    if isinstance(value, list):
        return [_dump(item) for item in value]
    if isinstance(value, datetime):
        return time_text(value)
    if isinstance(value, (date, UUID)):
        return str(value)
    return value


def _json_type(value: Any) -> str:
    names = {type(None): "null", bool: "a boolean", int: "an integer", float: "a number", str: "a string"}
    return {**names, dict: "an object", list: "an array"}.get(type(value), type(value).__name__)


def _wrong(path: str, wanted: str, value: Any) -> ValueError:
    # The value itself stays out of the message: it may be long, and it may be a secret.
    return ValueError(f"{path}: must be {wanted}, not {_json_type(value)}")


def _exactly(cls: type, wanted: str) -> Callable[[Any, str], Any]:
    def load(value: Any, path: str) -> Any:
        if type(value) is not cls:
            raise _wrong(path, wanted, value)
        return value

    return load


def _load_float(value: Any, path: str) -> float:
    if type(value) in (int, float):
        try:
            number = float(value)
        except OverflowError:  # an integer of hundreds of digits
            number = math.inf
        if math.isfinite(number):
            return number
    raise _wrong(path, "a finite number", value)


def _load_text(pattern: str, wanted: str, make: Callable[[str], Any]) -> Callable[[Any, str], Any]:
    def load(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _wrong(path, wanted, value)
        try:
            if re.fullmatch(pattern, value):
                return make(value)
        except ValueError:  # the right form, but no such day or hour
            pass
        raise ValueError(f"{path}: must be {wanted}")

    return load


def _make_time(text: str) -> datetime:
    whole, _, fraction = text[:-1].partition(".")
    time = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S")
    return time.replace(microsecond=int(fraction[:6].ljust(6, "0")), tzinfo=UTC)


def _constant(schema: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return lambda _definitions: schema


def _text_kind(form: str, pattern: str, wanted: str, make: Callable[[str], Any]) -> _Kind:
    schema = {"type": "string", "format": form, "pattern": f"^{pattern}$"}
    return _Kind(_load_text(pattern, wanted, make), _constant(schema))


_PLAIN: dict[Any, _Kind] = {
    str: _Kind(_exactly(str, "a string"), _constant({"type": "string"})),
    bool: _Kind(_exactly(bool, "true or false"), _constant({"type": "boolean"})),
    int: _Kind(_exactly(int, "an integer"), _constant({"type": "integer"})),
    float: _Kind(_load_float, _constant({"type": "number"})),
    datetime: _text_kind("date-time", _TIME, "a time such as 2017-01-01T15:05:05Z", _make_time),
    date: _text_kind("date", _DATE, "a date such as 2017-01-01", date.fromisoformat),
    UUID: _text_kind("uuid", UUID_PATTERN, "a UUID such as eef4aefc-d64e-4c2c-aba4-4914c86ce059", UUID),
    Any: _Kind(lambda value, _path: value, _constant({}), nullable=True),
}


def _kind(annotation: Any) -> _Kind:
    if annotation in _PLAIN:
        return _PLAIN[annotation]
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, types.UnionType):
        (inner,) = (argument for argument in arguments if argument is not type(None))
        return _or_null(_kind(inner))
    if origin is Literal:
        return _one_of(arguments)
    if origin is list:
        return _list_of(_kind(arguments[0]))
    if origin is dict:
        return _dict_of(_kind(arguments[1]))
    return _structure(annotation)


def _or_null(inner: _Kind) -> _Kind:
    def schema(definitions: dict[str, Any]) -> dict[str, Any]:
        shown = dict(inner.schema(definitions))
        if "$ref" in shown:
            return {"anyOf": [shown, {"type": "null"}]}
        if "enum" in shown:
            shown["enum"] = [*shown["enum"], None]
        return {**shown, "type": [shown["type"], "null"]}

    return _Kind(lambda value, path: None if value is None else inner.load(value, path), schema, nullable=True)


def _one_of(words: tuple[Any, ...]) -> _Kind:
    wanted = f"one of {', '.join(words)}"

    def load(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise _wrong(path, wanted, value)
        if value not in words:
            raise ValueError(f"{path}: must be {wanted}, not {value[:40]!r}")
        return value

    return _Kind(load, _constant({"type": "string", "enum": list(words)}))


def _list_of(inner: _Kind) -> _Kind:
    def load(value: Any, path: str) -> Any:
        if not isinstance(value, list):
            raise _wrong(path, "an array", value)
        return [inner.load(item, f"{path}[{index}]") for index, item in enumerate(value)]

    return _Kind(load, lambda definitions: {"type": "array", "items": inner.schema(definitions)})


def _dict_of(inner: _Kind) -> _Kind:
    def load(value: Any, path: str) -> Any:
        if not isinstance(value, dict):
            raise _wrong(path, "an object", value)
        return {name: inner.load(item, f"{path}.{name}") for name, item in value.items()}

    return _Kind(load, lambda definitions: {"type": "object", "additionalProperties": inner.schema(definitions)})


def _structure(cls: type[Structure]) -> _Kind:
    def schema(definitions: dict[str, Any]) -> dict[str, Any]:
        if cls.__name__ not in definitions:
            _define(cls, definitions)
        return {"$ref": f"#/$defs/{cls.__name__}"}

    return _Kind(lambda value, path: _load(cls, value, path), schema)


# ---------------------------------------------------------------------------------------------------------------------
# Structures


_KINDS: dict[type[Structure], dict[str, _Kind]] = {}


def _kinds(cls: type[Structure]) -> dict[str, _Kind]:
    """The documented fields of a structure, in the document's order."""
    if cls not in _KINDS:
        resolved = attrs.fields(attrs.resolve_types(cls))
        _KINDS[cls] = {field.name: _kind(field.type) for field in resolved if field.name != "extra"}
    return _KINDS[cls]


def _load(cls: type[S], value: Any, path: str) -> S:
    if not isinstance(value, dict):
        raise _wrong(path or cls.__name__, "an object", value)
    kinds = _kinds(cls)
    loaded: dict[str, Any] = {}
    for name, kind in kinds.items():
        at = f"{path}.{name}" if path else name
        if name not in value and not kind.nullable:
            raise ValueError(f"{at}: missing")
        loaded[name] = kind.load(value.get(name), at)
    return cls(**loaded, extra={name: item for name, item in value.items() if name not in kinds})


def _define(cls: type[Structure], definitions: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = {"title": cls.__name__, "type": "object"}
    definitions[cls.__name__] = shown  # before its fields, so that a structure may hold itself
    explained = meanings(cls)
    shown["properties"] = {
        name: {**kind.schema(definitions), "description": explained[name]} for name, kind in _kinds(cls).items()
    }
    shown["required"] = list(_kinds(cls))
    return shown
