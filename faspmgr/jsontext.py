"""JSON, CSV and tables for other programs: compact, and valid for the strictest reader.

Text in Python is exact: a byte that is not valid UTF-8 is a surrogate, as ``surrogateescape`` decodes it. Strict
readers (orjson, msgspec, jq, Arrow) reject surrogates, also escaped. So they are written as U+FFFD. The JSON of a
message has the exact bytes besides, percent-encoded, under ``undecodable``.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from types import ModuleType
from typing import Any

UNDECODABLE = "undecodable"
"""The key for the exact bytes in the JSON of a message."""

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_ASCII_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_SURROGATE = re.compile("[\ud800-\udfff]")
# A surrogate that is not a byte: only an escape in Tags can make one.
_NOT_A_BYTE = re.compile("[\ud800-\udc7f\udd00-\udfff]")

BATCH = 32
"""Lines that are joined at a time: with more, asking the system for memory takes longer than the writing."""


def valid_text(text: str) -> str:
    """Return text as valid Unicode: U+FFFD in place of each byte that is not valid UTF-8.

    Example:
        >>> valid_text(b"caf\\xe9.txt".decode("utf-8", "surrogateescape"))
        'caf�.txt'
    """
    return text if text.isascii() or _is_unicode(text) else _SURROGATE.sub("\ufffd", text)


def to_json(value: Any, *, ascii: bool = False) -> str:
    """Return compact JSON on one line, with U+FFFD in place of each surrogate.

    Args:
        value: of the types that JSON has.
        ascii: whether other characters are written as escapes, for an output of unknown encoding.

    Raises:
        ValueError: if a number is not finite.
    """
    text = _ENCODER.encode(value)
    if text.isascii():
        return text
    if not _is_unicode(text):
        text = _ENCODER.encode(value := _map_text(valid_text, value))
    return _ASCII_ENCODER.encode(value) if ascii else text


def message_to_json(message: dict[str, Any]) -> str:
    """Return the JSON of a message, with the exact bytes of the fields that are not valid UTF-8.

    Args:
        message: a dict such as Event.to_dict returns.

    Returns:
        As to_json. If a field is not valid UTF-8, the last key is ``undecodable``: an object with such fields by name,
        every text in them percent-encoded. A field of the stream that has this name gets an underscore.

    Example:
        >>> message_to_json({"type": "STOP", "file": b"caf\\xe9.txt".decode("utf-8", "surrogateescape")})
        '{"type":"STOP","file":"caf�.txt","undecodable":{"file":"caf%E9.txt"}}'
    """
    if UNDECODABLE in message:  # a field of the stream; each underscore more takes a field that is as long
        free = UNDECODABLE
        while free in message:
            free += "_"
        message = {free if name == UNDECODABLE else name: value for name, value in message.items()}
    text = _ENCODER.encode(message)
    if text.isascii() or _is_unicode(text):
        return text
    # The exact bytes of each field that has some.
    has_bytes = (
        name for name, value in message.items() if not _is_unicode(_NOT_A_BYTE.sub("", _ENCODER.encode(value)))
    )
    exact = {name: _map_text(_percent, message[name]) for name in has_bytes}
    valid = _map_text(valid_text, message)
    return _ENCODER.encode({**valid, UNDECODABLE: exact} if exact else valid)


def messages_to_json_lines(messages: Iterable[dict[str, Any]]) -> bytes:
    """Return the JSON of many messages, one line each, as message_to_json; faster if orjson is installed.

    Args:
        messages: dicts as for message_to_json. A float may occur only inside a list or an object.

    Example:
        >>> messages_to_json_lines([{"type": "INIT"}, {"type": "DONE", "loss": 0}])
        b'{"type":"INIT"}\\n{"type":"DONE","loss":0}\\n'
    """
    batches = iter(messages)
    return b"".join([_batch_to_lines(batch) for batch in iter(lambda: list(islice(batches, BATCH)), [])])


def _batch_to_lines(messages: list[dict[str, Any]]) -> bytes:
    orjson = _orjson()
    if orjson is None:
        return "".join([f"{message_to_json(message)}\n" for message in messages]).encode()
    # orjson, if it can write all of them, and writes them as the encoder does.
    options = orjson.OPT_APPEND_NEWLINE
    try:
        lines = [orjson.dumps(message, None, options) for message in messages if UNDECODABLE not in message]
    except TypeError:  # a surrogate, or an integer of more than 64 bits
        lines = []
    text = b"".join(lines)
    # A list or an object may hold a float, which orjson writes in another way: 0.00001 for 1e-05.
    if len(lines) == len(messages) == text.count(b"{") and b"[" not in text:
        return text
    # Else each by itself: only those that it cannot write take long.
    if len(messages) == 1:
        return message_to_json(messages[0]).encode() + b"\n"
    return b"".join([_batch_to_lines([message]) for message in messages])


@functools.cache
def _orjson() -> ModuleType | None:
    """Return orjson if it is installed. Only the writing of many messages waits for its import."""
    try:
        import orjson
    except ImportError:
        return None
    return orjson


def _map_text(convert: Callable[[str], str], value: Any) -> Any:
    """Copy a value with every text in it converted, keys too; of keys that become equal the last one counts."""
    if isinstance(value, str):
        return convert(value)
    if isinstance(value, (list, tuple)):
        return [_map_text(convert, item) for item in value]
    if isinstance(value, Mapping):
        return {_map_text(convert, key): _map_text(convert, item) for key, item in value.items()}
    return value


def _is_unicode(text: str) -> bool:
    try:
        text.encode()  # many times faster than a search
    except UnicodeEncodeError:
        return False
    return True


def _percent(text: str) -> str:
    from urllib.parse import quote  # few streams need it

    return quote(_NOT_A_BYTE.sub("\ufffd", text), errors="surrogateescape")
