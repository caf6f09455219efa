from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.errors import ProtocolError
from faspmgr.protocol.problems import KINDS, Problem, excerpt

# fmt: off
EXCERPTS: list[tuple[bytes, str]] = [
    (b"", ""), (b"File: a: b.txt", "File: a: b.txt"), (b"one\ntwo", "one"), (b"one\r\ntwo", "one"), (b"\ntwo", ""),
    ("Größe: ü".encode(), "Größe: ü"), (b"a\tb\x00\x1b[31m\x7f", "a\\tb\\x00\\x1b[31m\\x7f"),
    (b"\x7f\x80\xff", "\\x7f\\x80\\xff"),
    (b"Br\xfcssel", "Br\\xfcssel"), ("\u2028\u202e".encode(), "\\u2028\\u202e"), (b"x" * 80, "x" * 80),
    (b"x" * 81, "x" * 79 + "…"), (b"x" * 10_000, "x" * 79 + "…"), (b"\x00" * 81, "\\x00" * 19 + "\\x0" + "…"),
    (b"Token: s3cret", "Token: ***"), (b"Token:s3cret", "Token:***"), (b"AuthToken: s3cret", "AuthToken: ***"),
    (b"Password: s3cret: more", "Password: ***"), (b"Tags: {token: s3cret}", "Tags: ***"),
    (b"Cookie: a password is s3cret", "Cookie: ***"), (b"token s3cret", "***"),
]
# fmt: on


@pytest.mark.parametrize(("data", "shown"), EXCERPTS)
def test_excerpt(data: bytes, shown: str) -> None:
    assert excerpt(data) == shown


@given(st.binary(max_size=500))
def test_an_excerpt_is_one_short_printable_line(data: bytes) -> None:
    assert len(excerpt(data)) <= 80
    assert excerpt(data).isprintable()


def test_what_an_error_says() -> None:
    problem = Problem("noise", 21, 4, "no message here", "hello")
    assert str(problem) == "no message here: hello"
    assert str(Problem("noise", 21, 4, "no message here", "")) == "no message here"
    error = ProtocolError(problem)
    assert isinstance(error, ValueError)
    assert error.problem == problem
    assert error.results == []
    assert str(error) == "line 4, byte 21: no message here: hello"
    assert pickle.loads(pickle.dumps(error)).problem == problem


def test_every_kind_is_explained_in_one_line() -> None:
    assert all(text.strip() == text != "" and "\n" not in text for text in KINDS.values())
