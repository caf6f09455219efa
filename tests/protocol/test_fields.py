from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol import fields
from faspmgr.protocol.fields import (
    BY_NAME,
    FIELDS,
    address_and_port,
    decoder,
    encode,
    escape_path,
    snake_case,
    unescape_path,
)

# Rows of the protocol notes, by hand: name on the wire, name in Python, kind, unit. One of each kind and unit, and the
# names whose parts are not plain. The order is that of the wire.
ROWS = [
    ("Type", "type", "token", ""), ("File", "file", "path", ""), ("Size", "size", "integer", "bytes"),
    ("Bytescont", "bytes_cont", "integer", "bytes"), ("Rate", "rate", "rate", "Kbps"),
    ("Password", "password", "secret", ""), ("Elapsedusec", "elapsed_usec", "integer", "microseconds"),
    ("Encryption", "encryption", "boolean", ""), ("Adaptive", "adaptive", "policy", ""),
    ("Source", "source", "paths", ""), ("PMTU", "pmtu", "integer", "bytes"),
    ("FileBytes", "file_bytes", "range", "bytes"), ("Delay", "delay", "integer", "milliseconds"),
    ("VlinkID", "vlink_id", "integer", ""), ("RetryTimeout", "retry_timeout", "integer", "seconds"),
    ("XferId", "xfer_id", "string", ""), ("Tags", "tags", "json", ""), ("FaspFileID", "fasp_file_id", "string", ""),
    ("TCPPort", "tcp_port", "integer", ""), ("RTTAutocorrect", "rtt_autocorrect", "boolean", ""),
    ("VLinkLocalCL", "v_link_local_cl", "string", ""), ("DSPipelineDepth", "ds_pipeline_depth", "integer", ""),
]  # fmt: skip

BIGGEST = 18446744073709551615  # 2 to the power of 64, less one


def decode(wire: str, text: str) -> Any:
    return decoder(FIELDS[wire])(text)


def refuses(wire: str, text: str) -> bool:
    try:
        decode(wire, text)
    except ValueError:
        return True
    return False


# -- the table


def test_rows() -> None:
    assert [(field.wire, field.name, field.kind, field.unit) for field in (FIELDS[row[0]] for row in ROWS)] == ROWS
    positions = [FIELDS[wire].position for wire, *_ in ROWS]
    assert positions == sorted(positions)
    assert {row[2] for row in ROWS} == {field.kind for field in FIELDS.values()}
    assert {row[3] for row in ROWS} == {field.unit for field in FIELDS.values()}


def test_rows_are_one_table() -> None:
    assert [field.position for field in FIELDS.values()] == list(range(len(FIELDS)))
    assert [(wire, field.wire) for wire, field in FIELDS.items()] == [(wire, wire) for wire in FIELDS]
    assert {field.name: field for field in FIELDS.values()} == BY_NAME
    assert len(BY_NAME) == len(FIELDS)
    for field in FIELDS.values():
        assert re.fullmatch("[a-z]+(_[a-z]+)*", field.name)
        assert field.name.replace("_", "") == field.wire.lower()


def test_the_caps_that_are_no_limit() -> None:
    assert fields.CAP_UNKNOWN == (2**64 - 1) // 1000 == 18446744073709551
    assert fields.CAP_NONE == 2**52 - 1 == 4503599627370495
    for wire in ("RateCap", "MinRateCap"):
        assert "4503599627370495: no cap, 18446744073709551: not known" in FIELDS[wire].meaning


def test_every_field_says_what_it_means_in_one_line() -> None:
    for field in FIELDS.values():
        assert field.meaning.strip() == field.meaning != ""
        assert "\n" not in field.meaning


@pytest.mark.parametrize("name", ["Bytescont", "bytescont", "BYTESCONT", "bytes_cont", "Bytes_Cont"])
def test_find(name: str) -> None:
    assert fields.find(name) is FIELDS["Bytescont"]


@pytest.mark.parametrize("name", ["", "Bytes", "bytes cont", "Bytescont:"])
def test_find_nothing(name: str) -> None:
    assert fields.find(name) is None


# -- names


UNKNOWN = """
Colour colour, NewThing new_thing, NewThingID new_thing_id, HTTPProxyPort http_proxy_port,
FileSHA256Sum file_sha256_sum, already_snake already_snake, lower lower, UPPER upper
"""


def test_snake_case() -> None:
    assert [snake_case(wire) for wire, *_ in ROWS] == [name for _, name, *_ in ROWS]
    for row in UNKNOWN.split(","):
        wire, name = row.split()
        assert snake_case(wire) == name


# -- values: what each kind of field accepts, and comes back as it was

POLICIES = ["Adaptive", "Fixed", "Trickle", "Unset"]
WORDS = {
    "Adaptive": POLICIES,
    "PolicyCap": POLICIES,
    "Direction": ["Send", "Receive"],
    "Operation": ["Transfer", "BWMeasurement", "Stream", "Linger", "Shutdown"],
}
# fmt: off
INTEGERS = [0, 7, 4503599627370495, 18446744073709551, 9223372036854775808, BIGGEST]
RANGES = ["10485760:204857600", "10:", ":100", "0:0", "0:18446744073709551615"]
VALUES: list[tuple[str, str, Any]] = [
    *(("Size", str(value), value) for value in INTEGERS),
    *((wire, str(value), value) for wire in ("Rate", "MinRate") for value in (0, 100000, "50%", "100%")),
    *(("FileBytes", str(value), value) for value in (5736852, BIGGEST, *RANGES)),
    ("Encryption", "Yes", True), ("Encryption", "No", False),
    *((wire, word, word) for wire, words in WORDS.items() for word in words),
    # several paths are joined by a tab
    ("Source", "C:/Temp/AsperaConnect-1.1.1.0.exe", ("C:/Temp/AsperaConnect-1.1.1.0.exe",)),
    ("Source", "/data/a\t/data/b", ("/data/a", "/data/b")),
    ("Source", "/data/a\t/data/b\t/data/c d", ("/data/a", "/data/b", "/data/c d")),
    ("Source", "a\x1bnb\tc", ("a\nb", "c")), ("Source", "", ("",)),
]
NO_INTEGERS = [
    "", " ", "18446744073709551616", "99999999999999999999", "100000000000000000000", "9" * 5000, "+1", "-1", "-0",
    "0" * 20 + "7", "1_0", " 1", "1 ", "1\t", "1\r", "1.0", "1e3", "0x10", "1,000", "٣", "１", "²", "1\udc80", "Yes",
]
NO_PERCENTAGES = ["%", "50 %", "-5%", "+5%", "50%%", "%50", "٣%", "1_0%", "50%\n", "50.%", ".5%"]
NO_RANGES = [
    "1:2:3", "-1:2", "1:-2", "1 : 2", "a:b", "٣:4", "18446744073709551616:", ":18446744073709551616", "100:10",
]
DEEP = 100_000
NO_JSON = [
    "", "x", "{", '{"a":}', "{} {}", "{'a': 1}", "null", "true", "1", "1.5", '"text"', "[NaN]", '{"a": NaN}',
    "[Infinity]", "[-Infinity]", "[1e999]", "[-1e999]", '{"a": [1e999]}', '["\n"]', "[1" + "0" * 309 + "]",
    "[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
]
REFUSED: dict[str, list[str]] = {
    "Size": NO_INTEGERS, "Rate": [*NO_PERCENTAGES, *NO_INTEGERS], "FileBytes": [*NO_RANGES, *NO_INTEGERS],
    "TransferBytes": ["1:2"],  # only FileBytes may be a range
    "Encryption": ["", "yes", "NO", "Y", "true", "1", "0", " Yes", "Yes ", "Yes\r"],
    "Adaptive": ["", "adaptive", "fair", "high", "Fixed "],
    "Direction": ["", "Fixed", "Transfer", "send", "receive", "Send ", "Receive "],
    "Operation": ["", "Fixed", "Send", *(word.lower() for word in WORDS["Operation"])], "Tags": NO_JSON,
}
REFUSED["Operation"] += [f"{word} " for word in WORDS["Operation"]]
# fmt: on


@pytest.mark.parametrize(("wire", "text", "value"), VALUES)
def test_a_value_there_and_back(wire: str, text: str, value: Any) -> None:
    result = decode(wire, text)
    assert result == value
    assert type(result) is type(value)
    assert encode(FIELDS[wire], value) == text


@pytest.mark.parametrize(("wire", "text"), [(wire, text) for wire, texts in REFUSED.items() for text in texts])
def test_an_invalid_value(wire: str, text: str) -> None:
    assert refuses(wire, text)


def test_zeros_in_front() -> None:
    assert repr(decode("Size", "007")) == "7"


@given(st.integers(0, BIGGEST))
def test_every_unsigned_integer_of_64_bits(value: int) -> None:
    assert decode("Size", str(value)) == value
    assert encode(FIELDS["Size"], value) == str(value)


@given(st.integers(BIGGEST + 1) | st.integers(max_value=-1))
def test_no_other_integer(value: int) -> None:
    assert refuses("Size", str(value))


@given(st.text())
def test_strings_and_secrets_stay_as_they_are(text: str) -> None:
    for wire in ("Cookie", "Token", "Password", "Description"):
        assert decode(wire, text) == text
        assert encode(FIELDS[wire], text) == text


# -- paths: LF is ESC n, CR is ESC r, ESC is ESC ESC; any other byte after ESC stays as it is, with its ESC


# fmt: off
ESCAPES: list[tuple[str, str]] = [
    ("", ""), ("plain.txt", "plain.txt"), ("a: b.txt", "a: b.txt"), ("two\x1bnlines", "two\nlines"),
    ("two\x1brlines", "two\rlines"), ("a\x1b\x1bb", "a\x1bb"), ("\x1bn\x1br\x1b\x1b", "\n\r\x1b"),
    ("\x1b\x1bn", "\x1bn"), ("\x1b\x1b\x1bn", "\x1b\n"), ("\x1b\x1b\x1b\x1bn", "\x1b\x1bn"),
    ("\udcff\x1bn", "\udcff\n"),
]
# fmt: on


@pytest.mark.parametrize(("wire", "path"), ESCAPES)
def test_escapes_of_a_path(wire: str, path: str) -> None:
    assert unescape_path(wire) == path
    assert escape_path(path) == wire
    assert decode("File", wire) == path
    assert encode(FIELDS["File"], path) == wire


@pytest.mark.parametrize("text", ["\x1bx", "\x1bN", "\x1b[31m", "end\x1b", "\x1b ", "\x1bü", "\x1b\\n"])
def test_another_byte_after_esc_stays_as_it_is(text: str) -> None:
    assert unescape_path(text) == text


PATHS = st.text(st.sampled_from("ab/nr\n\r\x1b\t:ü\udc80")) | st.text()


@given(PATHS)
def test_unescape_undoes_escape(path: str) -> None:
    escaped = escape_path(path)
    assert not {"\n", "\r"} & set(escaped)
    assert unescape_path(escaped) == path
    plain = re.sub("[\n\r\x1b]", "", path)  # its own escape
    assert escape_path(plain) == unescape_path(plain) == plain


# -- json


@pytest.mark.parametrize(("text", "value"), [
    ("{}", {}), ("[]", []),
    ('{"aspera":{"xfer_id":"0d3f","xfer_retry":3600}}', {"aspera": {"xfer_id": "0d3f", "xfer_retry": 3600}}),
    ('["a", 1.5, true, null]', ["a", 1.5, True, None]), (' {"a": 1} ', {"a": 1}),
    ("[1" + "0" * 308 + "]", [10**308]),  # the most that every reader accepts
    ('{"name": "Gr\\u00f6\\u00dfe"}', {"name": "Größe"}),
])  # fmt: skip
def test_json(text: str, value: Any) -> None:
    assert decode("Tags", text) == value


@pytest.mark.parametrize("inner", ["", "1"])
def test_json_may_be_64_levels_deep(inner: str) -> None:
    assert not refuses("Tags", "[" * 64 + inner + "]" * 64)
    assert refuses("Tags", "[" * 65 + inner + "]" * 65)
    assert not refuses("Tags", '{"a":' * 63 + "[" + inner + "]" + "}" * 63)
    assert refuses("Tags", '{"a":' * 64 + "[" + inner + "]" + "}" * 64)


def test_the_reason_does_not_repeat_a_long_value() -> None:
    with pytest.raises(ValueError, match=r"^.{1,200}$"):
        decode("Tags", "[" + "1" * 100_000 + "e999]")


NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_json_comes_back(value: Any) -> None:
    text = encode(FIELDS["Tags"], value)
    assert text.isascii()
    assert "\n" not in text
    assert "\r" not in text
    assert decode("Tags", text) == value
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("text", "address", "port"),
    [
        ("203.0.113.8", "203.0.113.8", None),
        ("203.0.113.8:33001", "203.0.113.8", 33001),
        ("2001:db8::7", "2001:db8::7", None),
        ("[2001:db8::7]", "2001:db8::7", None),
        ("[2001:db8::7]:33001", "2001:db8::7", 33001),
        ("2001:db8::7:33001", "2001:db8::7", 33001),  # no group of an address has five digits
        ("2001:db8:0:0:0:0:0:7:22", "2001:db8:0:0:0:0:0:7", 22),  # an address has eight groups
        ("2001:db8::7:22", "2001:db8::7:22", None),  # an address as a whole
        ("fe80::1%eth0:33001", "fe80::1%eth0", 33001),
        ("peer.example:33001", "peer.example", 33001),
        ("peer.example", "peer.example", None),
        ("0.0.0.0:33001", None, None),
        ("[::]:33001", None, None),
        ("::", None, None),
        ("203.0.113.8:65536", None, None),
        ("-", None, None),
        ("", None, None),
        (None, None, None),
    ],
)
def test_address_and_port(text: str | None, address: str | None, port: int | None) -> None:
    assert address_and_port(text) == (address, port)
