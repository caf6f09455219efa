"""Secrets: which text is one, and what is shown in its place. All output asks this module; it imports no other of ours.

Hidden as ``***`` are:

- the value of a field with the name of a secret, and in JSON all below such a key, however the name is spelt;
- in a URL, the login and the values of such names, in its query, its fragment or its path;
- in free text, what follows such a name: ``token=…``, ``Password: …``, ``Bearer …``;
- the texts that the program itself has registered with ``hide``, wherever they come back.

JSON that may hold a secret and has no single meaning (broken, nested too deep, a key twice) is hidden as a whole. The
time for any text is in proportion to its length.
"""

from __future__ import annotations

import json
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any
from urllib.parse import quote, unquote, unquote_plus

REDACTED = "***"
"""Shown in place of a secret."""

MIN_CHARS = 4
"""Shorter texts cannot be registered: hiding each ``1`` would leave nothing to read."""

# "pass" only as the last word of a name: not pass_count, TransfersPassed, bypass or compass. It is searched in lower
# case: a search that ignores case takes three times as long, as it cannot skip to the first letters.
_NAME = re.compile(
    r"pass(?<!bypass)(?<!compass)(?<!trespass)(?<!surpass)(?<!overpass)(?<!underpass)(?<!highpass)(?<!lowpass)"
    r"(?<!bandpass)(?:[-_. ]{0,3}(?:word|wd|phrase|code)|(?![a-z]|[-_.]{1,3}[a-z]))"
    r"|pwd|token|secret|credential|authorization|bearer|(?:api|private|scp)[-_. ]{0,3}key|iam[-_. ]{0,3}cookie"
)
# Names of signatures in the URLs of cloud storage.
_NAME_IN_URL = re.compile(r"(?i)signature|\bsig\b")


def is_secret(name: str) -> bool:
    """Return whether a name, of a field, a variable, an option or a key in JSON, is that of a secret.

    Example:
        >>> [name for name in ("ASPERA_SCP_PASS", "apiKey", "TransfersPassed", "bypass") if is_secret(name)]
        ['ASPERA_SCP_PASS', 'apiKey']
    """
    return _NAME.search(name.casefold()) is not None


def redact_text(name: str, text: str, kind: str | None = None) -> str:
    """Redact the text of a field.

    Args:
        name: in any spelling.
        text: as on the wire.
        kind: in the field table; None for a field that is not in it.

    Example:
        >>> redact_text("Tags", '{"token": "s3cret", "id": 1}', "json"), redact_text("AuthToken", "s3cret")
        ('{"token":"***","id":1}', '***')
    """
    if kind == "secret" or (kind is None and is_secret(name)):
        return REDACTED
    if kind in ("path", "paths"):
        return redact_urls(text)
    if kind == "json" and _may_hold_secret(text):
        text = hide_registered(text).strip()
        shown, end = _redact_json(text)
        return shown if end == len(text) else REDACTED
    return redact_words(text)


# -- JSON

_JSON_START = re.compile(r"""[{\[]\s*["'{\[\\]""")


def redact_value(value: Any) -> Any:
    """Copy a parsed JSON value with ``***`` for all below the name of a secret, and for text that is such JSON."""
    if isinstance(value, dict):
        return {hide_registered(key): REDACTED if is_secret(key) else redact_value(item) for key, item in value.items()}
    if isinstance(value, list):
        return [redact_value(item) for item in value]
    if isinstance(value, str):
        return REDACTED if _JSON_START.search(value) and _may_hold_secret(value) else redact_words(value)
    return value


def _may_hold_secret(text: str) -> bool:
    """Return whether a key in JSON may name a secret, or a text in it be a URL that is not seen without parsing."""
    if is_secret(text) or "\\u" in text:
        return True
    return "\\" in text and ("\\/" in text or "://" in text)


def _redact_json(text: str, start: int = 0) -> tuple[str, int]:
    """Redact the JSON that starts in a text; return it and its end. Without a single meaning it is all of the text."""
    try:
        value, end = _DECODER.raw_decode(text, start)
        shown = redact_value(value)
        return text[start:end] if shown == value else _ENCODER.encode(shown), end
    except (ValueError, RecursionError):
        return REDACTED, len(text)


def _refuse(text: str) -> Any:
    raise ValueError(f"not JSON: {text}")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("duplicate key")
    return value


_DECODER = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_unique)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


# -- free text

HARMLESS: set[str] = set()
"""Texts that redact_words found to hold no secret, as the same ones come in message after message."""
_MAX_TEXTS = 1_000
_MAX_CHARS = 100

_PAIR = re.compile(r"""(?<![\w.-])((?:(?i:api|private|pass|iam) )?[A-Za-z_][\w.-]*)["']?\s?(?:[=:]?>|:?=|:)\s?""")
# A sentence is not a value: "token: is missing".
_PAIR_VALUE = re.compile(
    r"""(?!(?:-|\(none\)|none|NONE)(?:\s|\Z)|(?<=: )[a-z]+ [a-z])"""
    r"""(?:"[^"]*"?|'[^']*'?|(?:(?i:bearer|basic|digest|negotiate|token) )?"""
    r"""(?:[^\s,;&)\]}]|[,;&)\]}](?!\s|\Z|["']?[\w.-]+["']?[=:]))+)"""
)
_WORD = re.compile(r"\b((?i:bearer) |(?i:token|password|passphrase|secret) (?:(?:is|was) )?(?![a-z]+\b|[=:>-]))\S+")


def redact_words(text: str) -> str:
    """Redact text that is written for people or by an application: a description, a cookie, a message.

    Example:
        >>> redact_words("FASP: login failed, token=ATM2_ACsD of s3://key:pass@bucket/")
        'FASP: login failed, token=*** of s3://***@bucket/'
    """
    if text in HARMLESS and not registered:
        return text
    shown = hide_registered(text)
    # Without any of these characters there is no URL, no JSON, no pair and no sentence.
    plain = not (":" in shown or "=" in shown or " " in shown or "\\" in shown)
    if plain or not _may_hold_secret(shown):
        shown = redact_urls(shown)
    else:
        # JSON, and the sentences before and after it; JSON after the name of a secret is its value.
        parts, end = [], 0
        while start := _JSON_START.search(shown, end):
            before = shown[end : start.start()]
            value, end = _redact_json(shown, start.start())
            quoted = before.rstrip("\"'")
            hidden = any(name.end() == len(quoted) and is_secret(name[1]) for name in _PAIR.finditer(quoted))
            parts += [_redact_sentence(before), REDACTED if hidden else value]
        shown = "".join([*parts, _redact_sentence(shown[end:])])
    if shown == text and len(text) <= _MAX_CHARS:
        if len(HARMLESS) >= _MAX_TEXTS:
            HARMLESS.clear()
        HARMLESS.add(text)
    return shown


def _redact_sentence(text: str) -> str:
    """Redact text without JSON."""
    return _WORD.sub(rf"\1{REDACTED}", _redact_values(redact_urls(text), _PAIR, is_secret, _PAIR_VALUE))


def _redact_values(text: str, names: re.Pattern[str], hidden: Callable[[str], bool], value: re.Pattern[str]) -> str:
    """Replace the value after each name that is to be hidden."""
    parts, end = [], 0
    for name in names.finditer(text):
        if name.start() >= end and hidden(name[1]) and (found := value.match(text, name.end())):
            parts += [text[end : name.end()], REDACTED]
            end = found.end()
    return "".join([*parts, text[end:]])


_KEY = re.compile(r"(?<![A-Za-z0-9+/_.=-])[A-Za-z0-9+_.=-][A-Za-z0-9+/_.=-]{19,}")  # not a path
# With -D each word of the command line is logged; another line says which of them is a token.
_COMMAND_LINE = re.compile(r"Parameter [0-9]+: |In hex: ")


def redact_log_message(message: str) -> str:
    """Redact a message of ascp's log. In one about a secret that is not made of fields, long words are hidden as well.

    Example:
        >>> redact_log_message("AUTH [CLIENT] op=send token=ATM2_ACsDu storage=s3://key:pass@bucket/")
        'AUTH [CLIENT] op=send token=*** storage=s3://***@bucket/'
    """
    command_line = _COMMAND_LINE.match(message)
    if command_line:
        return command_line[0] + REDACTED
    shown = redact_words(message)
    if is_secret(shown) and not shown.startswith(("FASP ", "AUTH [")):
        shown = _KEY.sub(lambda match: match[0] if match[0].isalpha() else REDACTED, shown)
    return shown


_LINE_NAME = re.compile(r"\s*([^\s:=]+):\s*")
_LOGIN_CUT_OFF = re.compile(r'(://[^\s/:@"]*:)(?!\d{0,5}(?:[/?#\s"]|\Z))[^\s"]*\Z')


def redact_line(line: str, kind_of: Callable[[str], str | None]) -> str:
    """Redact a line of a stream, or the start of one; it need not be a field.

    Args:
        line: without its line end; some hundred characters at most.
        kind_of: returns the kind for ``redact_text`` of a name.

    Returns:
        The line; of one that may hold a secret, and is not a path, only the name and ``***``.
    """
    line = hide_registered(line)
    for spelling in registered:  # the line may be cut off within one
        cut = range(min(len(spelling), len(line)), MIN_CHARS - 1, -1)
        if length := next((length for length in cut if line.endswith(spelling[:length])), 0):
            line = line[:-length] + REDACTED
    # All of a value that may hold a secret is hidden, unless it is a path.
    name = _LINE_NAME.match(line)
    is_path = name is not None and kind_of(name[1]) in ("path", "paths")
    # Any letter of a name is spelt \\u00…, and a URL :\\/; other escapes may be a path of Windows.
    if not is_path and (is_secret(line) or "\\u00" in line or ":\\/" in line):
        return (name[0] if name else "") + REDACTED
    return _LOGIN_CUT_OFF.sub(rf"\1{REDACTED}", redact_urls(line))


# -- URLs

_URL = re.compile(r'://[^\s"]*')
# user:password@, or user@. A password may have "/" and "@" that should have been escaped: it ends at the last @. Not a
# login are host and port, an IPv6 address, a drive of Windows, and an @ in a path.
_LOGIN = re.compile(
    r"(?!\[|[0-9A-Fa-f.]*:[0-9A-Fa-f.]*:[0-9A-Fa-f:.]*(?:%\w*)?(?:[/?#]|\Z)|[A-Za-z]:[/\\])"
    r"[^/?#@:]*:(?!\d{1,5}(?:[/?#]|\Z))(?:(?>[^?#]*@)(?=[\w.-]+(?::\d*)?(?:[/?#]|\Z)|\[)|.*@)"
    r"|[^/?#]*@"
)
_ENCODED_URL = re.compile(r"(?i)%(?:25){0,2}3A%(?:25){0,2}2F%(?:25){0,2}2F[^&]*")
_PARAMETER = re.compile(r"[?&#;]([^=&?#;]+)=")
_QUERY = re.compile(r"(?=[?#])")
_PARAMETER_VALUE = re.compile(r"[^&]*")


def redact_urls(text: str) -> str:
    """Redact the URLs in a text, such as the path of an object in a cloud.

    Example:
        >>> redact_urls("s3://AKIA1:s3cret@bucket/film.mov?X-Amz-Signature=ab12&part=1")
        's3://***@bucket/film.mov?X-Amz-Signature=***&part=1'
    """
    text = hide_registered(text)
    return _URL.sub(_redact_url, text) if "://" in text else text


def _redact_url(match: re.Match[str]) -> str:
    def redact_encoded(match: re.Match[str]) -> str:
        decoded = unquote(unquote(unquote(match[0])))
        return match[0] if _redact_locations(decoded) == decoded else REDACTED

    return _ENCODED_URL.sub(redact_encoded, _redact_locations(match[0]))


def _redact_locations(url: str) -> str:
    return "://".join(map(_redact_location, url.split("://")))


def _redact_location(text: str) -> str:
    """Redact what follows :// in a URL."""
    login = _LOGIN.match(text)
    if login:
        text = f"{REDACTED}@{text[login.end() :]}"
    if "=" not in text:
        return text
    parts = _QUERY.split(text, 1)
    return "".join([_redact_values(part, _PARAMETER, _is_secret_in_url, _PARAMETER_VALUE) for part in parts])


def _is_secret_in_url(name: str) -> bool:
    name = unquote_plus(unquote(name))
    return is_secret(name) or _NAME_IN_URL.search(name) is not None


# -- texts that the program has given to ascp

_lock = threading.Lock()
_counts: Counter[str] = Counter()
registered: tuple[str, ...] = ()
"""The spellings of the registered texts, the longest first: a text may be a part of another."""


def hide(texts: Iterable[str]) -> ExitStack:
    """Hide texts wherever they come back, also percent-encoded, escaped as in JSON, or line by line.

    Args:
        texts: at least MIN_CHARS characters each; shorter ones are not hidden.

    Returns:
        A context manager. Its end or its ``close()`` shows the texts again, unless another call hides them, too.

    Example:
        >>> with hide(["hunter2"]):
        ...     redact_words("the server said hunter2")
        'the server said ***'
    """
    hidden = {text for text in texts if len(text) >= MIN_CHARS}
    _register(hidden, 1)
    stack = ExitStack()
    stack.callback(_register, hidden, -1)
    return stack


def _register(texts: set[str], sign: int) -> None:
    global registered
    with _lock:
        _counts.update(dict.fromkeys(texts, sign))
        found = {spelling for text in +_counts for spelling in _spell(text)}
        registered = tuple(sorted(found, key=len, reverse=True))
        HARMLESS.clear()
        for text in texts - (+_counts).keys():
            del _counts[text]


def _spell(text: str) -> set[str]:
    """Return the ways in which a text may come back. Of several lines, such as a key's, each comes by itself."""
    found = {text, *(line for line in text.splitlines() if len(line) >= MIN_CHARS and not line.startswith("-----"))}
    for safe in ("", "/"):
        encoded = quote(text, safe, errors="surrogateescape")
        found |= {encoded, re.sub("%..", lambda match: match[0].lower(), encoded)}
    return found | {json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1]}


def hide_registered(value: Any) -> Any:
    """Return a value, which may be text or JSON, with ``***`` in place of each registered text."""
    if not registered:
        return value
    if isinstance(value, str):
        for spelling in registered:
            value = value.replace(spelling, REDACTED)
        return value
    if isinstance(value, dict):
        return {hide_registered(key): hide_registered(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [hide_registered(item) for item in value]
    return value
