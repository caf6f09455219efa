"""Secrets: what is hidden, and how. Whoever shows a text of the stream to a person or a program asks here.

Hidden are the fields of kind secret, what newer releases or an application may call by such a name, and, inside of
JSON, all below a key with such a name: in Tags, and in what an application wrote in its own way. Of a URL the login and
the keys of its query are hidden.

A text is *searched* in two steps. If the name of a secret stands nowhere in it, and no escape of JSON that could spell
one, no key can be one, whatever the rest is. Else it is parsed, and what stands below such a key is replaced. What
cannot be parsed in exactly one way is hidden as a whole: text that is no JSON, is nested too deep, or has a key twice,
of which each parser takes another.
"""

from __future__ import annotations

import re
from typing import Any

from faspmgr.protocol.fields import FIELDS, REDACTED, decode_json, encode

_NAME = re.compile(
    r"(?i)pass[-_. ]?(?:word|wd|phrase)|token|secret|credential|(?:api|private)[-_. ]?key|iam[-_. ]?cookie"
)
_TAGS = FIELDS["Tags"]
_JSON_NAMES = {field.name for field in FIELDS.values() if field.kind == "json"}  # in Python: in lower case
_LINE_NAME = re.compile(r"\s*[^\s:=]+:\s*")


def is_secret(name: str) -> bool:
    """Tell whether the value of a field must be hidden.

    Args:
        name: on the wire, in Python, or a key in Tags, in any spelling.
    """
    return _NAME.search(name) is not None


APPLICATION = frozenset({"Cookie", "UserStr"})
"""Fields whose texts an application writes in its own way: they may be JSON."""

# Fields of the table whose texts hold no secret, but for the URL that a path may be.
_OPEN = {
    wire for wire, field in FIELDS.items() if field.kind != "json" and not is_secret(wire) and wire not in APPLICATION
}
_URL_LOGIN = re.compile(r"(://)[^/@\s\"]{1,2000}@")
_URL_KEY = re.compile(r"([?&])([^=&?\s\"]{1,200})=([^&\s\"]+)")
_URL_NAME = re.compile(r"(?i)signature|credential|\bsig\b")


def redact_urls(text: str) -> str:
    """Give a text without what logs in in a URL, such as the path of an object in a cloud.

    Example:
        >>> redact_urls("s3://AKIA1:s3cret@bucket/film.mov?X-Amz-Signature=ab12&part=1")
        's3://***@bucket/film.mov?X-Amz-Signature=***&part=1'
    """
    if "://" not in text:
        return text
    return _URL_KEY.sub(_redact_url_key, _URL_LOGIN.sub(rf"\1{REDACTED}@", text))


def _redact_url_key(match: re.Match[str]) -> str:
    start, name, value = match.groups()
    return f"{start}{name}={REDACTED if is_secret(name) or _URL_NAME.search(name) else value}"


def _may_be_json(text: str) -> bool:
    return "{" in text or "[" in text


def _may_hold_secret(text: str) -> bool:
    return is_secret(text) or "\\u" in text


def redact(value: Any) -> Any:
    """Copy a parsed JSON value, with ``***`` in place of everything below a key that names a secret.

    A text in it that may be JSON itself and hold a secret is ``***`` as a whole.
    """
    if isinstance(value, dict):
        return {key: REDACTED if is_secret(key) else redact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact(item) for item in value]
    if isinstance(value, str) and _may_be_json(value) and _may_hold_secret(value):
        return REDACTED
    return value


def redact_text(wire: str, text: str) -> str:
    """Give the text of a field as it may be shown.

    Args:
        wire: name of the field on the wire, in any spelling.
        text: its text.

    Returns:
        ``***`` for a secret, Tags without the secrets in them, the same for JSON in a field that an application wrote
        or the table does not know, a path without the login of its URL, and any other text as it is.

    Example:
        >>> redact_text("tags", '{"token": "s3cret", "id": 1}')
        '{"token":"***","id":1}'
    """
    if wire in _OPEN:
        return redact_urls(text) if "://" in text else text
    if is_secret(wire):
        return REDACTED
    if wire.lower() not in _JSON_NAMES and not _may_be_json(text):
        return text
    if not _may_hold_secret(text):
        return text
    try:
        value = decode_json(text, _one_of_each)
    except ValueError:
        return REDACTED
    shown = redact(value)
    return text if shown == value else encode(_TAGS, shown)


def redact_line(line: str) -> str:
    """Give a line of the stream, or the start of one, as it may be shown; it need not be a field.

    Args:
        line: without its line end.

    Returns:
        The line, or its name and ``***``, where any of it may be a secret.
    """
    # Any letter of a name is spelt \\u00…; other escapes may be a path of Windows.
    if not (is_secret(line) or "\\u00" in line):
        return line
    name = _LINE_NAME.match(line)
    return (name[0] if name else "") + REDACTED


def _one_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a key twice")
    return value
