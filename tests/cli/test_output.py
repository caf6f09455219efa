"""JSON that is compact, always valid JSON and valid UTF-8."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.cli.output import to_json

TEXT = st.text(st.characters())  # surrogates, too
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


@given(JSON)
def test_json_is_one_line_of_valid_utf_8_that_says_the_same(value: Any) -> None:
    line = to_json(value)
    assert "\n" not in line
    line.encode("utf-8", "strict")
    # Two halves of a pair of surrogates one after the other are the character they make: no file name has them, as
    # surrogateescape makes only the lower halves.
    assert json.dumps(json.loads(line)) == json.dumps(json.loads(json.dumps(value)))


@given(st.binary(max_size=60))
def test_any_bytes_come_back(data: bytes) -> None:
    line = to_json({"file": data.decode("utf-8", "surrogateescape")}).encode("utf-8", "strict")
    assert json.loads(line)["file"].encode("utf-8", "surrogateescape") == data


@pytest.mark.parametrize(
    ("name", "line"),
    [("Ü日", '{"file":"Ü日","size":[1,2]}'), ("Br\udcfcssel", '{"file":"Br\\udcfcssel","size":[1,2]}')],
)
def test_json_is_compact_and_readable_where_it_can_be(name: str, line: str) -> None:
    assert to_json({"file": name, "size": [1, 2]}) == line


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_that_json_has_not_are_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        to_json({"rate": number})
