"""What one property of a transfer spec may be, and what it is to ascp: an option, or a variable of the environment.

A line of code may stand here if it holds for one property, whatever the others are. ``TransferSpec`` is the table; each
of its rows is made by one of the functions at the end of this module. A check raises SpecError, and never shows a value
that may be a secret in the wrong place.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp.options import option_words, url_password, without_url_password
from faspmgr.errors import SpecError
from faspmgr.redaction import REDACTED, redact_value

MAX_TEXT = 65_535
"""Bytes: the longest text that ascp reads from its environment (seen, 3.9.0)."""

MAX_TAGS = 4_095
"""Bytes: the longest tags that ascp accepts, as JSON (seen, 3.9.0)."""

MAX_RATE = (1 << 63) // 1000
"""Kilobits per second: the highest rate; ascp treats a higher one as no rate at all (seen, 3.9.0)."""


@attrs.frozen
class Property:
    """What is known about one property.

    Attributes:
        kind: text, key (text of several lines), path, number, switch, choice, fallback, url, tags, or paths.
        meaning: what it is, with its unit.
        option: the option of ascp that it sets, empty if none.
        env: the variable of the environment that it sets, empty if none.
        secret: never shown unless asked for.
        choices: for a choice, each word and ascp's word for it.
        also: for a choice, other words that are accepted, and ascp's word for each.
        low: for a number, the least.
        high: for a number, the greatest.
        suffix: for a number, the unit that ascp needs behind it.
        limit: bytes; the longest text.
    """

    kind: str
    meaning: str
    option: str = ""
    env: str = ""
    secret: bool = False
    choices: Mapping[str, str] = attrs.field(factory=dict)
    also: Mapping[str, str] = attrs.field(factory=dict)
    low: int = 0
    high: int = 0
    suffix: str = ""
    limit: int = MAX_TEXT

    def check(self, name: str, value: object) -> None:
        """Check a value.

        Args:
            name: of the property, for the error.
            value: what it is set to; not None.

        Raises:
            SpecError: the value has the wrong type, or is out of range.
        """
        _CHECKS[self.kind](self, name, value)

    def words(self, value: Any) -> list[str]:
        """The property as words of ascp's command line; none if it goes another way, or changes nothing."""
        if not self.option or value is None or value is False or value == "":
            return []
        if self.kind == "switch":
            return option_words(self.option)
        return option_words(self.option, self._argument(value))

    def _argument(self, value: Any) -> str:
        if self.kind == "tags":
            return base64.b64encode(_compact(value).encode()).decode()
        if self.kind == "fallback":
            return "1" if value is True else "F"
        if self.kind == "url":
            return without_url_password(value)  # the password goes another way
        if self.kind == "choice":
            return {**self.choices, **self.also}[value]
        return f"{value}{self.suffix}"

    def shown(self, value: Any) -> Any:
        """The value with secrets replaced by ``***``."""
        if self.kind == "url":
            return without_url_password(value, REDACTED)
        return REDACTED if self.secret and value else redact_value(value)


def check_text(name: str, value: object, *, lines: bool = False, limit: int = MAX_TEXT) -> None:
    """Check that a value is a text that can be given to ascp.

    Args:
        name: of the property, for the error.
        value: what it is set to.
        lines: whether it may have line breaks. In names ascp refuses them, and ends a name at a carriage return.
        limit: bytes; the longest text.

    Raises:
        SpecError: the value is not a text, or ascp would not accept it.
    """
    if not isinstance(value, str):
        raise SpecError(name, f"must be text, not {type_name(value)}")
    if "\0" in value or (not lines and ("\n" in value or "\r" in value)):
        raise SpecError(name, "has a line break or a null character, which ascp does not accept")
    try:
        size = len(value.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:
        raise SpecError(name, "has a character that cannot be encoded") from None
    if size > limit:
        raise SpecError(name, f"is {size:,} bytes long, and ascp accepts at most {limit:,}")


def type_name(value: object) -> str:
    """The name of the type of a value, in the words of JSON."""
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "true or false"),
    (int, "a number"),
    (float, "a number with a decimal point"),
    (str, "text"),
    (Mapping, "an object"),
    (Sequence, "a list"),
    (type(None), "null"),
)


def shown_name(key: object) -> str:
    """A name that came from outside, cut and escaped for one line of a message."""
    return key if isinstance(key, str) and key.isprintable() and 0 < len(key) <= 60 else repr(key)[:60]


def _text(row: Property, name: str, value: object) -> None:
    check_text(name, value, limit=row.limit)
    if not row.env and url_password(str(value)):
        raise SpecError(name, "holds a password, which all users could read on the command line of ascp")


def _key(row: Property, name: str, value: object) -> None:
    check_text(name, value, lines=True, limit=row.limit)


def _url(row: Property, name: str, value: object) -> None:
    check_text(name, value)
    if value and not _PROXY.fullmatch(str(value)):
        raise SpecError(name, "must be dnat://[user[:password]@]host[:port], or the same with dnats")


_PROXY = re.compile(r"dnats?://(.*@)?([^@:/\[\]]+|\[[^@\[\]]+\])(:[0-9]{1,5})?/?", re.DOTALL)


def _number(row: Property, name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise SpecError(name, f"must be a whole number, not {type_name(value)}")
    if not row.low <= value <= row.high:
        raise SpecError(name, f"must be from {row.low:,} to {row.high:,}")


def _switch(row: Property, name: str, value: object) -> None:
    if not isinstance(value, bool):
        raise SpecError(name, f"must be true or false, not {type_name(value)}")


def _choice(row: Property, name: str, value: object) -> None:
    if not isinstance(value, str) or (value not in row.choices and value not in row.also):
        shown = repr(value) if isinstance(value, str) and len(value) < 40 else type_name(value)
        raise SpecError(name, f"must be one of {', '.join(row.choices)}, not {shown}")


def _fallback(row: Property, name: str, value: object) -> None:
    if not isinstance(value, bool) and value != "force":
        raise SpecError(name, "must be true, false, or force")


def _tags(row: Property, name: str, value: object) -> None:
    if not isinstance(value, Mapping):
        raise SpecError(name, f"must be an object, not {type_name(value)}")
    try:
        size = len(_compact(value))
    except (TypeError, ValueError, RecursionError):
        raise SpecError(name, "cannot be written as JSON") from None
    if size > MAX_TAGS:
        raise SpecError(name, f"is {size:,} bytes of JSON, and ascp accepts at most {MAX_TAGS:,}")
    node: Any = value
    for key in ("aspera", "node", "storage_credentials"):
        node = node.get(key) if isinstance(node, Mapping) else None
    if node is not None:
        raise SpecError(name, "holds storage_credentials, which all users could read on the command line of ascp")


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _paths(row: Property, name: str, value: object) -> None:
    """Nothing: each PathPair has checked itself."""


_CHECKS = {
    "text": _text,
    "key": _key,
    "url": _url,
    "number": _number,
    "switch": _switch,
    "choice": _choice,
    "fallback": _fallback,
    "tags": _tags,
    "paths": _paths,
}


def _check(instance: object, attribute: attrs.Attribute[Any], value: Any) -> None:
    row: Property = attribute.metadata["property"]
    if value is not None:
        row.check(attribute.name, value)


def field(row: Property, **attrs_options: Any) -> Any:
    """An attribute of a TransferSpec: checked by its row, its secret hidden from ``repr``."""

    def shown(value: Any) -> str:
        return "None" if value is None else repr(row.shown(value))

    return attrs.field(
        **{"default": None, "repr": shown, **attrs_options}, validator=_check, metadata={"property": row}
    )


def text(option: str, meaning: str) -> Any:
    """A text for an option of ascp."""
    return field(Property("text", meaning, option))


def secret(env: str, meaning: str) -> Any:
    """A text for a variable of the environment, never shown."""
    return field(Property("text", meaning, env=env, secret=True))


def number(option: str, meaning: str, low: int, high: int, suffix: str = "", **attrs_options: Any) -> Any:
    """A whole number for an option of ascp, from low to high, with the unit that ascp needs behind it."""
    return field(Property("number", meaning, option, low=low, high=high, suffix=suffix), **attrs_options)


def switch(option: str, meaning: str) -> Any:
    """True or False; False and None are the same to ascp."""
    return field(Property("switch", meaning, option))


def choice(option: str, meaning: str, choices: Mapping[str, str], also: Mapping[str, str] | None = None) -> Any:
    """One of some words for an option of ascp.

    Args:
        option: the option.
        meaning: what the property is.
        choices: each word, and ascp's word for it.
        also: other words that are accepted, and ascp's word for each.
    """
    return field(Property("choice", meaning, option, choices=choices, also=also or {}))


def same(*words: str) -> dict[str, str]:
    """Choices for which ascp has the same words."""
    return {word: word for word in words}
