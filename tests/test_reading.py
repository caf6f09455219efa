"""read(): events from whatever was recorded."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr.errors import CaptureError
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import parse
from faspmgr.reading import read
from tests.captures.streams import message, sizes


def test_a_path_as_text_or_path_object(capture: Path) -> None:
    expected = parse(capture.read_bytes())
    assert list(read(str(capture))) == list(read(capture)) == expected


def test_a_binary_file(capture: Path) -> None:
    expected = parse(capture.read_bytes())
    assert list(read(io.BytesIO(capture.read_bytes()))) == expected
    with capture.open("rb") as buffered, capture.open("rb", buffering=0) as raw:
        assert list(read(buffered)) == list(read(raw)) == expected


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(message(1) + message(2))))
    assert sizes(list(read("-"))) == [1, 2]


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert list(read(tmp_path / "empty")) == []


def test_gzip_is_recognised_by_its_content(capture: Path, tmp_path: Path) -> None:
    path = tmp_path / "no-ending"
    path.write_bytes(gzip.compress(capture.read_bytes()))
    assert list(read(path)) == parse(capture.read_bytes())


def test_problems_are_skipped() -> None:
    assert sizes(list(read(io.BytesIO(message(1) + b"noise\n" + message(2))))) == [1, 2]


def test_nothing_is_opened_before_the_first_event(tmp_path: Path) -> None:
    events = read(tmp_path / "later")
    (tmp_path / "later").write_bytes(message(1))
    assert sizes(list(events)) == [1]


def test_events_before_the_damage_are_given() -> None:
    events: list[Event] = []

    def collect(source: Iterator[Event]) -> None:
        for event in source:
            events.append(event)

    with pytest.raises(CaptureError, match="damaged gzip data"):
        collect(read(io.BytesIO(gzip.compress(message(1))[:-1] + b"x")))
    assert sizes(events) == [1]


def test_follow_and_unwrap_are_handed_on(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 7]\n")
    assert sizes(list(read(path, unwrap="brackets"))) == [7]
    with path.open("ab") as file:
        file.write(b"line=[]\n")
    assert sizes([next(read(path, follow=True, unwrap="auto"))]) == [7]
