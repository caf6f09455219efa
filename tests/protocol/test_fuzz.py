"""Fixtures, broken in every way that comes to mind, and what must hold all the same. fuzz.py goes further."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.invariants import check

# fmt: off
SNIPPETS = [
    b"\n", b"\n\n", b"\r\n", b"\r", b"\x00", b"\x1b", b"\xff\xfe", b"\xc3", b":", b": ", b" ", b"\t",
    b"FASPMGR 2", b"FASPMGR 2\n", b"\nFASPMGR 2\r\n", b"FASPMGR 3\n", b"FASPMGR 4\nType: WRITE\nSize: 30\n\n",
    b"FASPMGR 4\nType: WRITE\nOffset: 1\nSize: 21\n\nFASPMGR 2\nType: NOP\n\n\n\n",
    b"FASPMGR 4\nType: PUT\nDestination: a\n\n", b"FASPMGR 4\r\nType: WRITE\r\nSize: 0\r\n\r\n\n\n",
    b"FASPMGR", b"Type: ", b"Type: STATS\n", b"Type:\n", b"noise\n", b"noise: all around\n",
    b"Size: 99999999999999999999\n", b"File:a\n", b"Token: s3cret\n", b'Tags: {"token": [NaN, "s3cret"]}\n',
    b"x" * 400, b"A: \n" * 20,
]
# fmt: on

KEPT = st.sampled_from([0, 1 << 20, 25, 1])

WAYS = ["flip", "insert", "replace", "delete", "repeat", "drop line", "repeat line", "swap lines", "end", "crlf"]


@st.composite
def broken_streams(draw: st.DrawFn, streams: list[bytes]) -> bytes:
    """A stream, or two spliced, or a part of one several times, with up to eight things done to it."""
    one, other = draw(st.sampled_from(streams)), draw(st.sampled_from(streams))
    start = draw(st.integers(0, len(one)))
    middle = draw(st.integers(0, len(other)))
    data = one[start : start + 1500] + other[middle : middle + 500]
    for _ in range(draw(st.integers(0, 8))):
        data = broken(draw, data)
    return data[:4000]


def broken(draw: st.DrawFn, data: bytes) -> bytes:
    at = draw(st.integers(0, len(data)))
    way = draw(st.sampled_from(WAYS))
    if way == "flip":
        return data[:at] + bytes(byte ^ 1 << draw(st.integers(0, 7)) for byte in data[at : at + 1]) + data[at + 1 :]
    if way == "insert":
        return data[:at] + draw(st.sampled_from(SNIPPETS) | st.binary(max_size=8)) + data[at:]
    if way == "replace":
        return data[:at] + draw(st.binary(min_size=1, max_size=4)) + data[at + draw(st.integers(1, 4)) :]
    if way in ("delete", "repeat"):
        end = at + draw(st.integers(1, 60))
        return data[:at] + (b"" if way == "delete" else data[at:end] * draw(st.integers(2, 6))) + data[end:]
    if way == "end":
        return data[:at]
    if way == "crlf":
        return data[:at] + data[at:].replace(b"\n", b"\r\n", draw(st.integers(1, 20)))
    lines = data.split(b"\n")
    at, other = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(lines) - 1))
    if way == "swap lines":
        lines[at], lines[other] = lines[other], lines[at]
    else:
        lines[at : at + 1] = [] if way == "drop line" else [lines[at]] * 2
    return b"\n".join(lines)


@given(st.data())
@settings(max_examples=int(os.environ.get("FASPMGR_FUZZ_EXAMPLES", "300")))
def test_broken_fixtures(captures: list[Path], data: st.DataObject) -> None:
    stream = data.draw(broken_streams([path.read_bytes() for path in captures]))
    cuts = data.draw(st.lists(st.integers(0, len(stream)), max_size=10))
    limit = data.draw(st.sampled_from([1 << 20, 1 << 20, 500, 100, 40, 12, 1]))
    check(stream, cuts, limit, data.draw(KEPT))


WORDS = [b"Type: NOP", b"Type: WRITE", b"Size: 1", b"Size: ", b"File: a", b"FASPMGR 4\n", b"a"]
TOKENS = st.sampled_from([*SNIPPETS, *WORDS])


@given(
    st.lists(TOKENS | st.binary(max_size=3), max_size=25).map(b"".join),
    st.lists(st.integers(0, 300), max_size=6),
    st.sampled_from([1 << 20, 100, 60, 30, 20, 5, 1]),
    KEPT,
)
@settings(max_examples=int(os.environ.get("FASPMGR_FUZZ_EXAMPLES", "300")))
@example(b"FASPMGR 2\nType: NOP\nFASPMGR 2\nType: NOP\n\n", list(range(40)), 20, 0)
def test_streams_of_tokens(stream: bytes, cuts: list[int], max_frame_bytes: int, max_data_bytes: int) -> None:
    check(stream, cuts, max_frame_bytes, max_data_bytes)
