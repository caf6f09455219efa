"""Secrets of ascp's log: how records and sessions are redacted. What is a secret is decided in faspmgr/redaction.py."""

from __future__ import annotations

import functools
import re
from typing import Any

from faspmgr.logs.fields import LOG_FIELDS
from faspmgr.redaction import REDACTED, is_secret, redact_text, redact_words

_KINDS = {field.name: field.kind for field in LOG_FIELDS}
_KEY = re.compile(r"(?<![A-Za-z0-9+/_.=-])[A-Za-z0-9+_.=-][A-Za-z0-9+/_.=-]{19,}")  # not a path
# With -D each word of the command line is logged; which of them is a token, another line says.
_COMMAND_LINE = re.compile(r"Parameter [0-9]+: |In hex: ")


def redact_field(name: str, value: Any) -> Any:
    """Redact the value of a field.

    Args:
        name: in Python.
        value: typed; of a tuple each item is redacted.
    """
    if isinstance(value, tuple):
        return tuple(redact_field(name, item) for item in value)
    return redact_text(name, value, _kind(name)) if isinstance(value, str) else value


@functools.lru_cache(1024)
def _kind(name: str) -> str:
    return "secret" if is_secret(name) else _KINDS.get(name, "string")


def redact_message(message: str) -> str:
    """Redact a message. In one about a secret, which only people read, long words are hidden as well.

    Args:
        message: a record's.

    Example:
        >>> redact_message("AUTH [CLIENT] op=send token=ATM2_ACsDu storage=s3://key:pass@bucket/")
        'AUTH [CLIENT] op=send token=*** storage=s3://***@bucket/'
    """
    command_line = _COMMAND_LINE.match(message)
    if command_line:
        return command_line[0] + REDACTED
    shown = redact_words(message)
    if is_secret(shown) and not shown.startswith(("FASP ", "AUTH [")):
        shown = _KEY.sub(lambda match: match[0] if match[0].isalpha() else REDACTED, shown)
    return shown
