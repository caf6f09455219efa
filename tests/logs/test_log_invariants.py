"""Lines of real logs and others, in every form, broken: what must hold all the same. fuzz.py goes further."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests import log_invariants
from tests.log_invariants import check

LINES = [
    line
    for path in sorted(Path("fixtures/ascp-log").glob("*.log"))
    for line in log_invariants.messages_of(path.read_bytes())
]

SNIPPETS = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\x00",
    b"\xff\xfe",
    b"\xc3",
    b'"',
    b'""',
    b" ",
    b"=",
    b"a=",
    b"[",
    b"]",
    b"/",
    b"-",
    b"99999999999999999999",
    b"LOG ",
    b"ERR FASP ",
    b"\xc2\xb2",
    b"\xef\xbb\xbf",
]


@st.composite
def broken_logs(draw: st.DrawFn) -> bytes:
    """A log of some lines, with up to six things done to it."""
    data = log_invariants.made_up_log(random.Random(draw(st.integers(0, 1 << 32))), LINES).encode()
    for _ in range(draw(st.integers(0, 6))):
        at, length = draw(st.integers(0, len(data))), draw(st.integers(1, 60))
        piece = draw(st.sampled_from([b"", data[at : at + length] * 2, *SNIPPETS]) | st.binary(max_size=4))
        data = data[:at] + piece + data[at + draw(st.sampled_from([0, 0, 1, length])) :]
    return data


@settings(max_examples=60, deadline=None)
@given(
    broken_logs() | st.binary(max_size=300),
    st.lists(st.integers(0, 6_000), max_size=6),
    st.sampled_from([0, 500, 60, 20]),
)
@example(b"LOG FASP Session Start", [], 0)
@example(b"DBG Parameter 15", [], 0)
@example(b"<1>1 2026-01-26T18:44:54Z h ascp \xc2\xb2 - - LOG x", [], 0)
def test_broken_logs(data: bytes, cuts: list[int], limit: int) -> None:
    check(data, cuts, limit)


@pytest.mark.parametrize("prefix", log_invariants.PREFIXES)
def test_every_line_of_the_real_logs_in_every_form(prefix: str) -> None:
    data = "".join(f"{prefix}{line}\n" for line in LINES[::7]).encode()
    check(data, [len(data) // 3, len(data) // 2])
