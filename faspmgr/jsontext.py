"""What leaves as JSON, CSV or a table: compact, and valid for the strictest reader.

In Python text is exact: a byte that is no UTF-8 is held as a surrogate, as ``surrogateescape`` makes it. Strict readers
(orjson, msgspec, jq, Arrow) refuse surrogates, and their escapes in JSON too. So they leave as U+FFFD. The JSON of a
message has the exact bytes beside it, percent-encoded, under ``undecodable``.

What may stand here: how values become text for other programs, whatever they say. Nearly all text is ASCII, and costs
no more than a look.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from json.encoder import encode_basestring
from types import ModuleType
from typing import Any, TypeVar

UNDECODABLE = "undecodable"
"""The key in the JSON of a message under which the exact bytes stand."""

_READABLE = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ASCII = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SURROGATE = re.compile("[\ud800-\udfff]")
# A surrogate that stands for no byte: only an escape in Tags can make one.
_NO_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")
_REPLACEMENT = "\ufffd"

BATCH = 32
"""So many lines are joined at a time. With more, memory is given back to the system and taken again for each piece of a
file, which takes longer than the writing."""
MAX_PREPARED = 64
MAX_NAMES_CHARS = 3_000
"""For so many sets of names, and for none that is longer, something is kept: a hostile stream cannot fill memory."""

T = TypeVar("T")


class Prepared(dict[tuple[str, ...], T]):
    """What is made of the names of a message once, for all messages that have the same: looked up by the names.

    Args:
        prepare: makes it.
    """

    def __init__(self, prepare: Callable[[tuple[str, ...]], T]) -> None:
        super().__init__()
        self._prepare = prepare

    def __missing__(self, names: tuple[str, ...]) -> T:
        made = self._prepare(names)
        if len(self) < MAX_PREPARED and sum(map(len, names)) <= MAX_NAMES_CHARS:
            self[names] = made
        return made


def valid_text(text: str) -> str:
    """Give text as valid Unicode: U+FFFD in place of each byte that is no UTF-8.

    Example:
        >>> valid_text(b"caf\\xe9.txt".decode("utf-8", "surrogateescape"))
        'caf�.txt'
    """
    return text if text.isascii() or _is_unicode(text) else _SURROGATE.sub(_REPLACEMENT, text)


def to_json(value: Any, *, ascii: bool = False) -> str:
    """Give compact JSON on one line, with U+FFFD for what is no Unicode.

    Args:
        value: what JSON can say.
        ascii: write any other character as an escape, for an output of whatever encoding.

    Raises:
        ValueError: a number that is not finite.
    """
    text = _READABLE.encode(value)
    if text.isascii():
        return text
    if not _is_unicode(text):
        text = _READABLE.encode(value := _valid(value))
    return _ASCII.encode(value) if ascii else text


def message_to_json(shown: Mapping[str, Any]) -> str:
    """Give the JSON of a message, and with it the exact bytes of the fields that hold some that are no UTF-8.

    Args:
        shown: the message as a dict, such as Event.to_dict gives; secrets are hidden in it, or they are shown.

    Returns:
        As to_json. Where a field holds bytes that are no UTF-8, the last key is ``undecodable``: an object that has
        these fields by their names, every text in them percent-encoded. A field of the stream that has that name itself
        gets an underscore.

    Example:
        >>> message_to_json({"type": "STOP", "file": b"caf\\xe9.txt".decode("utf-8", "surrogateescape")})
        '{"type":"STOP","file":"caf�.txt","undecodable":{"file":"caf%E9.txt"}}'
    """
    if UNDECODABLE in shown:
        free = UNDECODABLE
        while free in shown:
            free += "_"
        shown = {free if name == UNDECODABLE else name: value for name, value in shown.items()}
    text = _compact(shown)
    if text.isascii() or _is_unicode(text):
        return text
    exact = {name: _percent(value) for name, value in shown.items() if _has_bytes(value)}
    valid = _valid(shown)
    return _READABLE.encode({**valid, UNDECODABLE: exact} if exact else valid)


def messages_to_json_lines(messages: Iterable[Mapping[str, Any]]) -> bytes:
    """Give the JSON of many messages, a line for each: what message_to_json gives, faster where orjson is installed.

    Args:
        messages: dicts as for message_to_json. A float may only stand inside of a list or an object.

    Example:
        >>> messages_to_json_lines([{"type": "INIT"}, {"type": "DONE", "loss": 0}])
        b'{"type":"INIT"}\\n{"type":"DONE","loss":0}\\n'
    """
    batches = iter(messages)
    return b"".join([_batch_to_lines(batch) for batch in iter(lambda: list(islice(batches, BATCH)), [])])


def _batch_to_lines(messages: list[Mapping[str, Any]]) -> bytes:
    orjson = _orjson()
    if orjson is None:
        return "".join([f"{message_to_json(shown)}\n" for shown in messages]).encode()
    try:
        lines = [orjson.dumps(shown, None, orjson.OPT_APPEND_NEWLINE) for shown in messages if UNDECODABLE not in shown]
    except TypeError:  # a surrogate, or an integer of more than 64 bits
        lines = []
    text = b"".join(lines)
    # Inside of a list or an object may be a float, which orjson writes in another way: 0.00001 for 1e-05.
    if len(lines) == len(messages) == text.count(b"{") and b"[" not in text:
        return text
    if len(messages) == 1:
        return message_to_json(messages[0]).encode() + b"\n"
    return b"".join([_batch_to_lines([shown]) for shown in messages])


@functools.cache
def _orjson() -> ModuleType | None:
    """Give orjson if it is installed. Only what writes many messages has to wait for its import."""
    try:
        import orjson
    except ImportError:
        return None
    return orjson


def _template(names: tuple[str, ...]) -> str:
    """Give the JSON of an object with these names, with ``%s`` for each value."""
    return f"{{{','.join([encode_basestring(name).replace('%', '%%') + ':%s' for name in names])}}}"


_TEMPLATES = Prepared(_template)


def _compact(shown: Mapping[str, Any]) -> str:
    """Give compact JSON of an object, as the encoder does, but three times as fast for texts and integers."""
    values = [
        encode_basestring(value)
        if value.__class__ is str
        else value
        if value.__class__ is int
        else _READABLE.encode(value)
        for value in shown.values()
    ]
    return _TEMPLATES[tuple(shown)] % tuple(values)


def _valid(value: Any) -> Any:
    """Copy a value with U+FFFD for each surrogate. Of keys that become the same the last one counts."""
    if isinstance(value, str):
        return valid_text(value)
    if isinstance(value, (list, tuple)):
        return [_valid(item) for item in value]
    if isinstance(value, Mapping):
        return {_valid(key): _valid(item) for key, item in value.items()}
    return value


def _has_bytes(value: Any) -> bool:
    return not _is_unicode(_NO_BYTE.sub("", _READABLE.encode(value)))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()  # many times faster than a search
    except UnicodeEncodeError:
        return False
    return True


def _percent(value: Any) -> Any:
    """Copy a value with every text in it percent-encoded, keys too."""
    from urllib.parse import quote  # few streams need it

    if isinstance(value, str):
        return quote(_NO_BYTE.sub(_REPLACEMENT, value), errors="surrogateescape")
    if isinstance(value, (list, tuple)):
        return [_percent(item) for item in value]
    if isinstance(value, Mapping):
        return {_percent(key): _percent(item) for key, item in value.items()}
    return value
