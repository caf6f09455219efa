"""Secrets of a log: what is hidden where a record or a session is shown.

Hidden are the values of fields with the name of a secret (``token=``), JSON in a cookie as in Tags of an event, what
logs in within a URL, and in a line that only people read the words that may be a secret, if it speaks of one.
"""

from __future__ import annotations

import functools
import re
from typing import Any

from faspmgr.protocol.fields import REDACTED
from faspmgr.protocol.redaction import is_secret, redact_text, redact_urls

_PAIR = re.compile(r'(?<![^ ([,;?&])([A-Za-z_][A-Za-z0-9_.-]*)(=|: ?)("[^"]*"|[^ \t\n,;&)\]]+)')
_KEY = re.compile(r"(?<![A-Za-z0-9+/_.=-])[A-Za-z0-9+_.=-][A-Za-z0-9+/_.=-]{19,}")  # no path
_WORD = re.compile(r"((?i:token|password|passphrase|secret) )(?![a-z]+\b)([^ \t\n]+)")  # another word is none
# Up to the quote in front of the next name; of a line that was cut all that is there: nothing is searched twice.
_QUOTED = re.compile(r'(?<![^ ])cookie="(.*?)("(?= [a-z_]+=|\Z)|\Z)', re.DOTALL)
# Each word of the command line, with -D; which of them is a token, another line tells.
_COMMAND_LINE = re.compile(r"Parameter [0-9]+: |In hex: ")
_NONE = frozenset({"-", "(none)", "none", "NONE"})


def redact_field(name: str, value: Any) -> Any:
    """Give the value of a field as it may be shown.

    Args:
        name: in Python.
        value: typed; texts are searched, a list of them one by one.
    """
    if isinstance(value, tuple):
        return tuple(redact_field(name, item) for item in value)
    if not isinstance(value, str) or value in _NONE:
        return value
    if _is_secret_name(name):
        return REDACTED
    return redact_urls(redact_text(name, value)) if "{" in value or "[" in value or "://" in value else value


_is_secret_name = functools.lru_cache(1024)(is_secret)


def redact_message(message: str) -> str:
    """Give a message as it may be shown.

    Args:
        message: a record's.

    Example:
        >>> redact_message("AUTH [CLIENT] op=send token=ATM2_ACsDu storage=s3://key:pass@bucket/")
        'AUTH [CLIENT] op=send token=*** storage=s3://***@bucket/'
    """
    command_line = _COMMAND_LINE.match(message)
    if command_line:
        return command_line[0] + REDACTED
    shown = redact_urls(message)
    if 'cookie="' in shown:
        shown = _QUOTED.sub(lambda match: f'cookie="{redact_text("cookie", match[1])}{match[2]}', shown)
    if not is_secret(shown):
        return shown
    shown = _PAIR.sub(_hide_pair, shown)
    # A line of words: its secret may stand anywhere.
    if not shown.startswith(("FASP ", "AUTH [")):
        shown = _WORD.sub(rf"\1{REDACTED}", shown)
        shown = _KEY.sub(lambda match: match[0] if match[0].isalpha() else REDACTED, shown)
    return shown


def _hide_pair(match: re.Match[str]) -> str:
    name, equals, value = match.groups()
    return match[0] if not is_secret(name) or value in _NONE else f"{name}{equals}{REDACTED}"
