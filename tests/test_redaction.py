"""What is hidden: names of secrets in any spelling, and what is below them in JSON, however it is written."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol.events import Event
from faspmgr.protocol.fields import FIELDS, kind_of
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.problems import excerpt
from faspmgr.redaction import is_secret, redact_line, redact_text, redact_value
from tests.cli.terminal import invoke

NAMES = "Token token Password AuthToken access_token ProxyPassword FilePassphrase client_secret Credentials api_key"


SPELLINGS = [
    "TOKEN",
    "PassWord",
    "pass_word",
    "Pass-Word",
    "pass word",
    "private.key",
    "API-Key",
    "IAM_Cookie",
    "passwd",
]


@pytest.mark.parametrize("name", [*NAMES.split(), "ApiKey", "PrivateKey", *SPELLINGS])
def test_is_secret(name: str) -> None:
    assert is_secret(name)


def test_the_secret_fields() -> None:
    assert [wire for wire in FIELDS if is_secret(wire)] == ["Password", "Token"]
    assert [wire for wire, field in FIELDS.items() if field.kind == "secret"] == ["Password", "Token"]


def test_redact_value() -> None:
    tags = {"aspera": {"token": "s3cret", "id": 1, "list": [{"password": ["s3cret"], "name": "x"}]}, "api_key": None}
    assert redact_value(tags) == {
        "aspera": {"token": "***", "id": 1, "list": [{"password": "***", "name": "x"}]},
        "api_key": "***",
    }
    assert tags["aspera"] == {"token": "s3cret", "id": 1, "list": [{"password": ["s3cret"], "name": "x"}]}


@pytest.mark.parametrize("name", ["Tags", "Cookie", "UserStr", "key", "tok", "compass", "apiary", ""])
def test_is_no_secret(name: str) -> None:
    assert not is_secret(name)


def test_redact_a_text_that_is_json_itself() -> None:
    assert redact_value({"a": '{"token": "s3cret"}', "b": ['["\\u0074oken"]'], "c": "a token", "d": "{}"}) == {
        "a": "***",
        "b": ["***"],
        "c": "a token",
        "d": "{}",
    }


DEEP = '{"a":' * 70 + '{"token":"s3cret"}' + "}" * 70
# fmt: off
REDACTED: list[tuple[str, str, str]] = [
    ("Token", "s3cret", "***"), ("Password", "", "***"), ("AuthToken", "s3cret", "***"), ("pass-word", "s3cret", "***"),
    ("Cookie", "My data", "My data"), ("User", "token", "token"), ("File", '{"token": 1}', '{"token": 1}'),
    ("Tags", '{"a": 1}', '{"a": 1}'), ("Tags", '{"token": "s3cret", "a": 1}', '{"token":"***","a":1}'),
    ("Tags", '{"to\\u006ben": "s3cret"}', '{"token":"***"}'),  # the same key, spelt with an escape
    ("Tags", '{"a": "to\\u006ben"}', '{"a": "to\\u006ben"}'), ("Tags", '{"a": "token"}', '{"a": "token"}'),
    # what cannot be parsed in one way only
    ("Tags", '{"token": "s3cret"', "***"), ("Tags", '{"to\\u006ben": "s3cret"', "***"), ("Tags", DEEP, DEEP.replace("s3cret", "***")),
    ("Tags", '{"a":{"token":"s3cret"},"a":1}', "***"), ("Tags", '{"token":"s3cret","token":"s3cret"}', "***"),
    ("Tags", '[{"b":[{"a":{"to\\u006ben":"s3cret"},"a":1}]}]', "***"), ("Tags", '{"token":"s3cret","a":NaN}', "***"),
    ("Tags", '{"token":"s3cret","a":1e999}', "***"), ("Tags", '{"token":"s3cret","a":' + "9" * 5000 + "}", "***"),
    ("Tags", '"{\\"token\\":\\"s3cret\\"}"', '"***"'), ("Tags", "token s3cret", "***"),
    ("Tags", '\ufeff{"token":"s3cret"}', "***"), ("Tags", "{'token':'s3cret'}", "***"),
    ("Tags", '{"a":"{\\"token\\":\\"s3cret\\"}"}', '{"a":"***"}'),
    # without the name of a secret and an escape, no key can be one
    ("Tags", "broken", "broken"), ("Tags", "", ""), ("Tags", '{"a":1,"a":2}', '{"a":1,"a":2}'),
    ("Tags", "[NaN]", "[NaN]"),
    # other spellings of the field, and fields that are not known
    ("tags", '{"token":"s3cret"}', '{"token":"***"}'), ("TAGS", '{"token":"s3cret"', "***"), ("tAgS", "token x", "***"),
    ("Unknown", '{"token": "s3cret"}', '{"token":"***"}'), ("MoreTags", 'x={"token":"s3cret"}', 'x={"token":"***"}'),
    ("MoreTags", '{"a":{"token":"s3cret"},"a":1}', "***"), ("Note", "the token has expired", "the token has expired"),
]
# fmt: on


@pytest.mark.parametrize(("wire", "text", "shown"), REDACTED)
def test_redact_text(wire: str, text: str, shown: str) -> None:
    assert redact_text(wire, text, kind_of(wire)) == shown


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("File: a", "File: a"),
        ("Tags: {token: s3cret}", "Tags: ***"),
        ('tags:{"to\\u006ben":', "tags:***"),
        ("pass-word=s3cret", "***"),
        (" a token: s3cret", "***"),
        ("File: C:\\users\\me", "File: C:\\users\\me"),
    ],
)
def test_redact_line(line: str, shown: str) -> None:
    assert redact_line(line, kind_of) == shown
    assert excerpt(line.encode()) == shown.replace("\\", "\\")


# -- all the ways out

SECRET = "hunter2"
WAYS: list[list[str]] = [
    [],
    ["--raw"],
    *(["--format", form, *raw] for form in ("csv", "tsv", "text", "fasp") for raw in ([], ["--raw"])),
    ["--fields", "tags,token,access_token,pass_word", "--raw"],
]


def ways_out(fields: dict[str, str]) -> list[str]:
    """Everything that shows a message with these fields, as a message with a class and as one without."""
    shown = []
    for type in ("SESSION", "NEW"):
        frame = Frame(type, fields)
        event = Event.from_frame(frame)
        shown += [repr(frame), repr(event), str(event), repr(event.to_dict()), repr(event.to_frame())]
        wire = frame.encode()
        for stream in (wire, wire.replace(b": ", b":"), wire.replace(b"\n", b"\r\n"), wire[10:].replace(b": ", b" ")):
            for args in (["decode", *args] for args in WAYS):
                result = invoke(*args, stdin=stream)
                shown += [result.text, result.err]
            for args in (["check"], ["check", "--json"], ["summary"], ["summary", "--json"], ["view", "channel"]):
                result = invoke(*args, stdin=stream)
                shown += [result.text, result.err]
    return shown


SECRETS = [
    '{"a":{"token":"hunter2"},"a":1}',
    '{"to\\u006ben":"hunter2"}',
    '{"token":"hunter2"',
    '[NaN,{"password":"hunter2"}]',
    '{"a":"{\\"token\\":\\"hunter2\\"}"}',
]


@pytest.mark.parametrize(
    "fields",
    [
        *({name: text} for name in ("Tags", "tags", "TAGS", "Unknown") for text in SECRETS),
        {"token": SECRET, "TOKEN": SECRET, "Access_Token": SECRET, "Pass-Word": SECRET, "ApiKey": SECRET},
    ],
)
def test_no_way_out_shows_a_secret(fields: dict[str, str]) -> None:
    for shown in ways_out(fields):
        assert SECRET not in shown


def test_show_secrets_shows_them() -> None:
    text = '{"a":{"token":"hunter2"},"a":1}'
    stream = Frame("SESSION", {"Tags": text, "token": SECRET}).encode()
    assert invoke("decode", "--raw", "--show-secrets", stdin=stream).objects == [
        {"Type": "SESSION", "Tags": text, "token": SECRET}
    ]
    assert invoke("decode", "--format", "fasp", "--show-secrets", stdin=stream).out == stream


# JSON as anyone may write it: keys twice, blanks, escapes; sometimes broken
KEYS = st.sampled_from(['"a"', '"b"', '"token"', '"to\\u006ben"', '"pass word"', '"\\u0070assword"'])
BLANK = st.sampled_from(["", " ", "\t"])


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(BLANK, KEYS, BLANK, inner), max_size=4)
    return pairs.map(lambda items: "{" + ",".join(f"{a}{key}{b}:{item}" for a, key, b, item in items) + "}")


VALUES = st.recursive(
    st.sampled_from(["1", "null", '"x"', "NaN", "1e999"]),
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
    max_leaves=6,
)


@given(VALUES, st.sampled_from(['"token"', '"to\\u006ben"', '"Pass-Word"']), VALUES, st.integers(0, 3))
def test_any_json_with_a_secret(before: str, key: str, after: str, cut: int) -> None:
    text = f'{{"a":{before},"b":{{{key}:"{SECRET}"}},"a":{after}}}'
    text = text[: len(text) - cut]
    for wire in ("Tags", "tags", "Other"):
        shown = redact_text(wire, text, kind_of(wire))
        assert SECRET not in shown
        assert shown == "***" or json.loads(shown) is not None
