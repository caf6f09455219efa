"""read(): events from whatever was recorded."""

from __future__ import annotations

import gzip
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr import logs
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.events import DoneEvent, Event
from faspmgr.protocol.parser import parse
from faspmgr.protocol.problems import Problem
from faspmgr.reading import MAX_UNDECIDED_BYTES, EventReader, Kind, read, recognise
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


def test_read_opens_at_the_first_event(tmp_path: Path) -> None:
    events = read(tmp_path / "later")
    (tmp_path / "later").write_bytes(message(1))
    assert sizes(list(events)) == [1]


def test_read_events_before_a_damage() -> None:
    events: list[Event] = []

    def collect(source: Iterator[Event]) -> None:
        for event in source:
            events.append(event)

    with pytest.raises(CaptureError, match="damaged gzip data"):
        collect(read(io.BytesIO(gzip.compress(message(1))[:-1] + b"x")))
    assert sizes(events) == [1]


def test_read_follow_and_unwrap(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"line=[FASPMGR 2]\nline=[Type: STATS]\nline=[Size: 7]\n")
    assert sizes(list(read(path, unwrap="brackets"))) == [7]
    with path.open("ab") as file:
        file.write(b"line=[]\n")
    assert sizes([next(read(path, follow=True, unwrap="auto"))]) == [7]


# -- ascp's own log

LOG = Path("fixtures/ascp-log/ascp-3.9.6-windows.log")
START = b"LOG FASP Session Start uuid=u op=send status=started source=a dest=b\n"
SYSLOG = b"Jan 26 18:44:54 host sshd[7]: Accepted publickey for me\n"
OTHER = b"2024-05-02 10:15:01.033 INFO app starting\nINFO app\n\n"


def kind_of(data: bytes, step: int) -> Kind | None:
    reader = EventReader()
    for at in range(0, len(data), step):
        reader.feed(data[at : at + step])
    reader.close()
    return reader.kind


@pytest.mark.parametrize("step", [1, 10_000])
@pytest.mark.parametrize(("data", "kind"), [
    (b"", "capture"), (b"FASPMGR 2\nType: DONE\n\n", "capture"), (b"FASP", "capture"),
    (b"\n\r\nnoise\nFASPMGR 2\n" + START, "capture"), (OTHER + b"no message and no log\n", "capture"),
    (START, "log"), (START[:-1], "log"), (b"\n" + OTHER + START, "log"), (LOG.read_bytes(), "log"),
    (b"2021-05-11 16:24:31.976 [e330-0000ffac] LOG Configuration: using v2\n", "log"),
    (b"Jan 26 18:44:54 host ascp[7]: LOG x\n", "log"), (SYSLOG * 3, "log"),
    (SYSLOG + b"FASPMGR 2\nType: DONE\n\n", "capture"),
    (SYSLOG * 1_500, "log"),  # more than what is kept
    (b"\0\xff" * 40_000, "capture"),
])  # fmt: skip
def test_kind_by_content(data: bytes, kind: Kind, step: int) -> None:
    if step > 1 or len(data) < 10_000:
        assert kind_of(data, step) == kind


def test_a_capture_is_recognised_at_once() -> None:
    reader = EventReader()
    assert reader.feed(b"FASPMGR 2\nType: DONE\n\n") == [DoneEvent()]
    assert reader.kind == "capture"


BARE = b"Type: STATS\nSize: 1\n\n"


@pytest.mark.parametrize("start", [
    b"", b"\n\r\n", b"noise\n",
    b"ize: 5\nLoss: 0\n\n",  # joined in the middle of a message
    b"PMGR 2\n", b"Written: 12FASPMGR 2\nLoss: 1\n", SYSLOG + OTHER,
])  # fmt: skip
def test_a_capture_without_headers_message_by_message(start: bytes) -> None:
    reader = EventReader()
    assert reader.feed(start) == []
    for _ in range(3):
        assert [reader.feed(BARE[at : at + 1]) for at in range(len(BARE) - 1)] == [[]] * (len(BARE) - 1)
        assert sizes(reader.feed(BARE[-1:])) == [1]
    assert reader.kind == "capture"


@pytest.mark.parametrize("word", ["Stats", "FOO_BAR", "X2", "STATS "])
def test_capture_without_headers_of_an_unknown_type(word: str) -> None:
    reader = EventReader()
    reader.feed(f"Type: {word}\nSize: 1\n\n".encode())
    assert reader.kind == "capture"


def test_a_log_with_a_line_that_begins_like_a_type() -> None:
    assert kind_of(b"Type: of transfer\n" + START, 1000) == "log"


def test_close_that_raises_after_results() -> None:
    reader = EventReader(strict=True)
    reader.feed(b"Type")
    with pytest.raises(ProtocolError) as caught:
        reader.close()
    assert (caught.value.problem.kind, caught.value.results) == ("noise", [])


def test_the_events_of_a_log(tmp_path: Path) -> None:
    expected = list(logs.events(logs.read(LOG)))
    assert list(read(LOG)) == list(read(LOG, unwrap=False)) == expected
    path = tmp_path / "log.fasp"  # whatever its name
    path.write_bytes(gzip.compress(LOG.read_bytes()))
    assert list(read(path)) == expected
    assert (recognise(str(path)), recognise(str(tmp_path / "none"))) == ("log", None)


def test_problems_of_a_source_of_unknown_kind() -> None:
    problems: list[Problem] = []
    reader = EventReader(on_problem=problems.append)
    reader.feed(OTHER)
    assert problems == []
    reader.close()
    assert [(problem.kind, problem.line) for problem in problems] == [("noise", 1)]
    strict = EventReader(strict=True)
    with pytest.raises(ProtocolError):
        strict.feed(b"noise\n" * MAX_UNDECIDED_BYTES + b"\n")
    assert strict.kind == "capture"


def test_unwrap_finds_no_log_of_ascp() -> None:
    assert list(read(io.BytesIO(START), unwrap="auto")) == []


def test_idle_of_a_log() -> None:
    reader = EventReader()
    assert reader.idle() == []
    reader.feed(START + b"LOG FASP Session Stop uuid=u op=send status=success source=a dest=b\n")
    assert reader.feed(b"") == []
    assert reader.idle() == [DoneEvent(session_id="u")]
    assert reader.idle() == []


def test_idle_of_a_capture() -> None:
    reader = EventReader()
    assert reader.feed(b"FASPMGR 2\nType: DONE\n") == reader.idle() == []
    assert reader.feed(b"\n") == [DoneEvent()]


def test_read_of_a_log_that_is_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faspmgr.captures.sources.POLL_SECONDS", 0.001)
    path = tmp_path / "log"
    path.write_bytes(START + b"LOG FASP Session Stop uuid=u op=send status=success source=a dest=b\n")
    events = read(path, follow=True)
    assert [next(events).type, next(events).type] == ["INIT", "DONE"]
