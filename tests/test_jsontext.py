"""What leaves as JSON: compact, one line, and accepted by readers that are stricter than Python's own."""

from __future__ import annotations

import json
import math
from typing import Any
from urllib.parse import unquote_to_bytes

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr import jsontext
from faspmgr.jsontext import message_to_json, messages_to_json_lines, to_json, valid_text
from tests.strict import strictly

TEXT = st.text(st.characters())  # surrogates, too
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def shown(value: Any) -> Any:
    """A value with U+FFFD for each surrogate."""
    if isinstance(value, str):
        return "".join("\ufffd" if 0xD800 <= ord(char) <= 0xDFFF else char for char in value)
    if isinstance(value, list):
        return [shown(item) for item in value]
    if isinstance(value, dict):
        return {shown(key): shown(item) for key, item in value.items()}
    return value


@given(JSON, st.booleans())
def test_to_json_for_the_strictest_reader(value: Any, ascii: bool) -> None:
    line = to_json(value, ascii=ascii)
    assert "\n" not in line
    assert line.isascii() or not ascii
    assert strictly(line.encode("utf-8", "strict")) == shown(value)


def test_to_json_is_compact() -> None:
    assert to_json({"file": "Ü日", "size": [1, 2]}) == '{"file":"Ü日","size":[1,2]}'
    assert to_json({"file": "Ü", "size": (1, 2)}, ascii=True) == '{"file":"\\u00dc","size":[1,2]}'
    assert to_json({"file": "Br\udcfcssel"}) == '{"file":"Br\ufffdssel"}'
    assert to_json({"file": "Br\udcfcssel"}, ascii=True) == '{"file":"Br\\ufffdssel"}'


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_to_json_of_a_number_that_is_not_finite(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"rate": number})


def test_valid_text() -> None:
    assert valid_text("a\ud800\udcff日") == "a\ufffd\ufffd日"


def test_to_json_of_keys_that_become_equal() -> None:
    values = dict(zip(["\udcfe", "a", "\udcff"], [1, 2, 3]))
    assert to_json(values) == '{"\ufffd":3,"a":2}'  # Arrow refuses a key that comes twice


# -- messages

NAMES = st.text("abc_", min_size=1, max_size=3)


@given(st.dictionaries(NAMES, st.binary(max_size=12) | st.integers(0, 9), max_size=5))
def test_message_to_json_undecodable(values: dict[str, Any]) -> None:
    message = {
        name: value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
        for name, value in values.items()
    }
    read = strictly(message_to_json(message).encode("utf-8", "strict"))
    exact = read.pop("undecodable", {})
    assert read == shown(message)
    for name, value in values.items():
        if name in exact:
            assert unquote_to_bytes(exact[name]) == value
            assert "\ufffd" in read[name]
        elif isinstance(value, bytes):
            assert value.decode("utf-8", "strict") == read[name]


# fmt: off
MESSAGES: list[tuple[dict[str, Any], str]] = [
    ({"type": "STOP", "file": "caf\udce9.txt"},
     '{"type":"STOP","file":"caf\ufffd.txt","undecodable":{"file":"caf%E9.txt"}}'),
    # each byte is shown by itself; what is text in the field is encoded with it
    ({"file": "/in/100% é \udcc3(\udcff", "size": 1},
     '{"file":"/in/100% é \ufffd(\ufffd","size":1,"undecodable":{"file":"/in/100%25%20%C3%A9%20%C3%28%FF"}}'),
    # a list and an object keep their form
    ({"source": ["a b", "\udce9"], "tags": {"\udce9": [1, None, "x"]}, "file": "é"},
     '{"source":["a b","\ufffd"],"tags":{"\ufffd":[1,null,"x"]},"file":"é",'
     '"undecodable":{"source":["a%20b","%E9"],"tags":{"%E9":[1,null,"x"]}}}'),
    # an escape in Tags that is half a character is not a byte: there is nothing exact to show
    ({"tags": {"a": "\ud800"}}, '{"tags":{"a":"\ufffd"}}'),
    ({"tags": ["\ud800\udce9"]}, '{"tags":["\ufffd\ufffd"],"undecodable":{"tags":["%EF%BF%BD%E9"]}}'),
    # a field of the stream that has the name itself
    ({"undecodable": "x"}, '{"undecodable_":"x"}'),
    ({"undecodable": "\udce9", "undecodable_": "x"},
     '{"undecodable__":"\ufffd","undecodable_":"x","undecodable":{"undecodable__":"%E9"}}'),
    # numbers: more than 64 bits, and what others write as 1e16 or 0.00001
    ({"size": 2**64 - 1, "low": -(2**63), "more": 2**64},
     '{"size":18446744073709551615,"low":-9223372036854775808,"more":18446744073709551616}'),
    ({"tags": {"a": 1e16, "b": [1e-05, -0.0, 1.0]}}, '{"tags":{"a":1e+16,"b":[1e-05,-0.0,1.0]}}'),
    ({"tags": {"a": 1e-05}}, '{"tags":{"a":1e-05}}'),
    ({"tags": [1e-05, 1e22]}, '{"tags":[1e-05,1e+22]}'),
    ({"keepalive": True, "remote": False, "session_id": None, "tags": {}, "source": []},
     '{"keepalive":true,"remote":false,"session_id":null,"tags":{},"source":[]}'),
    # names of a newer ascp
    ({"100%": "%s", "%d": 1, 'a"b': "{[", "ü\t": ""}, '{"100%":"%s","%d":1,"a\\"b":"{[","ü\\t":""}'),
    ({}, "{}"),
]
# fmt: on


@pytest.fixture(params=["orjson", "json"])
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What writes many messages."""
    if request.param == "json":
        monkeypatch.setattr(jsontext, "_orjson", lambda: None)
    name: str = request.param
    return name


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize(("message", "line"), MESSAGES)
def test_message_to_json(message: dict[str, Any], line: str) -> None:
    assert message_to_json(message) == line
    assert messages_to_json_lines([message]) == line.encode() + b"\n"
    assert orjson.loads(line) == msgspec.json.decode(line) == json.loads(line)


def escaped(char: str) -> str:
    """A character in a text of JSON, as RFC 8259 has it: the short escapes where there are any, and no needless one."""
    short = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\t": "\\t", "\n": "\\n", "\f": "\\f", "\r": "\\r"}
    return short.get(char, f"\\u{ord(char):04x}" if char < " " else char)


@pytest.mark.usefixtures("writer")
def test_messages_to_json_lines_of_every_character() -> None:
    characters = [*map(chr, range(0xD800)), *map(chr, range(0xE000, 0x110000))]
    texts = characters[:0x100] + ["".join(characters[at : at + 100]) for at in range(0, len(characters), 100)]
    texts += ["\x7f", "\u2028", "\u2029", "\ufeff", "\uffff"]
    lines = messages_to_json_lines([{"file": text, text: 1} for text in texts]).decode().split("\n")
    exact = ["".join(map(escaped, text)) for text in texts]
    assert lines == [*(f'{{"file":"{text}","{text}":1}}' for text in exact), ""]


@pytest.mark.usefixtures("writer")
def test_messages_to_json_lines_in_order() -> None:
    messages: list[tuple[dict[str, Any], bytes]] = [
        ({"file": "a", "size": 1}, b'{"file":"a","size":1}\n'),
        ({"file": "\udcff"}, b'{"file":"\xef\xbf\xbd","undecodable":{"file":"%FF"}}\n'),
        ({"size": 2**64}, b'{"size":18446744073709551616}\n'),
        ({"tags": {"a": 1e-05}}, b'{"tags":{"a":1e-05}}\n'),
        ({"undecodable": 1}, b'{"undecodable_":1}\n'),
        ({"file": "{"}, b'{"file":"{"}\n'),
    ]
    a = messages[0]
    for many in (
        [],
        [a] * 100,
        [a] * 31 + messages,
        [*messages, *[a] * 64, *messages * 9],
        messages[4:],
        messages[3:5],
    ):
        assert messages_to_json_lines(shown for shown, _ in many) == b"".join(line for _, line in many)


VALUES = TEXT | st.integers() | st.lists(JSON, max_size=3) | st.dictionaries(TEXT, JSON, max_size=3)


@given(st.lists(st.dictionaries(TEXT, VALUES, max_size=4), max_size=4))
def test_messages_to_json_lines_with_and_without_orjson(messages: list[dict[str, Any]]) -> None:
    with pytest.MonkeyPatch.context() as without:
        without.setattr(jsontext, "_orjson", lambda: None)
        lines = messages_to_json_lines(messages)
    assert messages_to_json_lines(messages) == lines
    assert lines.decode("utf-8", "strict").split("\n") == [*map(message_to_json, messages), ""]


@pytest.mark.usefixtures("writer")
def test_messages_to_json_lines_with_hostile_names() -> None:
    """Every name of up to 3,000 underscores is there, and the first that is free is the next one."""
    message = {f"undecodable{'_' * count}": count for count in range(3_000)}
    line = messages_to_json_lines([message])
    del message["undecodable"]
    assert json.loads(line) == {**message, f"undecodable{'_' * 3_000}": 0}
