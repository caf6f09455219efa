"""Numbers and names as people read them; expected texts by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.cli.text import count, duration, percent, printable, rate, size


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (0, "0 B"),
        (1, "1 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (999_950, "1.0 MB"),
        (6_162_042, "6.2 MB"),
        (10**12, "1.0 TB"),
        (2**64 - 1, "18.4 EB"),
        (10**30, "1000000000000.0 EB"),
    ],
)
def test_size(number: int, text: str) -> None:
    assert size(number) == text


@pytest.mark.parametrize(
    ("kbps", "text"),
    [(0, "0 Kbps"), (0.4, "0 Kbps"), (800, "800 Kbps"), (999.6, "1.0 Mbps"), (3268, "3.3 Mbps"), (2.5e6, "2.5 Gbps")],
)
def test_rate(kbps: float, text: str) -> None:
    assert rate(kbps) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (5.24, "5.2 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (15.08, "15 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (3600, "1 h"),
        (11_520, "3 h 12 min"),
        (86_400, "1 d"),
        (4 * 86_400 + 7 * 3600 + 59, "4 d 7 h"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("progress", "text"), [(0, "0%"), (0.0599, "5%"), (0.5, "50%"), (0.9999, "99%"), (1.0, "100%")]
)
def test_percent_is_never_100_before_all_is_done(progress: float, text: str) -> None:
    assert percent(progress) == text


@pytest.mark.parametrize(("number", "text"), [(0, "0 files"), (1, "1 file"), (2, "2 files"), (12_345, "12,345 files")])
def test_count(number: int, text: str) -> None:
    assert count(number, "file") == text


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("plain name.txt", "plain name.txt"),
        ("Übersicht 日本", "Übersicht 日本"),
        ("a\nb\r\x1b[31m\x00", "a\\nb\\r\\x1b[31m\\x00"),
        ("Br\udcfcssel", "Br\\xfcssel"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
    ],
)
def test_printable(name: str, text: str) -> None:
    assert printable(name) == text


@given(st.text(st.characters()))
def test_everything_becomes_printable(name: str) -> None:
    text = printable(name)
    assert text.isprintable()
    text.encode()
