"""Redaction of the fields of ascp's log by their kinds; ``faspmgr/redaction.py`` decides what is secret."""

from __future__ import annotations

import functools
from typing import Any

from faspmgr.logs.fields import LOG_FIELDS
from faspmgr.redaction import is_secret, redact_text

_KINDS = {field.name: field.kind for field in LOG_FIELDS}


def redact_field(name: str, value: Any) -> Any:
    """Redact the value of a field.

    Args:
        name: in Python.
        value: typed; of a tuple each item is redacted.

    Example:
        >>> redact_field("token", "ATM2_ACsDu"), redact_field("size", 5)
        ('***', 5)
    """
    if isinstance(value, tuple):
        return tuple(redact_field(name, item) for item in value)
    return redact_text(name, value, _kind(name)) if isinstance(value, str) else value


@functools.lru_cache(1024)
def _kind(name: str) -> str:
    return "secret" if is_secret(name) else _KINDS.get(name, "string")
