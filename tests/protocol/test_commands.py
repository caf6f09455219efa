from __future__ import annotations

import array
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol import commands
from faspmgr.protocol.commands import (
    Cancel,
    Close,
    Command,
    Finish,
    Put,
    Query,
    SetRate,
    StartFile,
    StopFile,
    Write,
)
from faspmgr.protocol.fields import unescape_path
from faspmgr.protocol.frames import MAX_PAYLOAD_BYTES, Frame
from faspmgr.protocol.tokenizer import Tokenizer
from tests.invariants import read

BIGGEST = 18446744073709551615  # 2 to the power of 64, less one

# Each command and its bytes, by hand from the protocol notes.
START = b"FASPMGR 2\nType: START\n"
A_TO_B = START + b"Source: a\nDestination: b\n"
RATE = b"FASPMGR 2\nType: RATE\n"
PUT = b"FASPMGR 4\nType: PUT\nDestination: /a\n"
WRITE = b"FASPMGR 4\nType: WRITE\nDestination: /a\n"
COMMANDS: list[tuple[Command, bytes]] = [
    (StartFile("/tmp/in", "/tmp/out", 10485760, 204857600),
        START + b"Source: /tmp/in\nDestination: /tmp/out\nFileBytes: 10485760:204857600\n\n"),
    (StartFile("/tmp/in", "/tmp/out"), START + b"Source: /tmp/in\nDestination: /tmp/out\n\n"),
    (StartFile("a", "b", start=10), A_TO_B + b"FileBytes: 10:\n\n"),
    (StartFile("a", "b", end=100), A_TO_B + b"FileBytes: :100\n\n"),
    (StartFile("a", "b", 0, 0), A_TO_B + b"FileBytes: 0:0\n\n"),
    (StartFile("a", "b", 0, BIGGEST), A_TO_B + b"FileBytes: 0:18446744073709551615\n\n"),
    (StartFile("a\nType: DONE", "b\r\x1b: \xfc\udcff"),
        START + b"Source: a\x1bnType: DONE\nDestination: b\x1br\x1b\x1b: \xc3\xbc\xff\n\n"),
    (StopFile("/tmp/out"), b"FASPMGR 2\nType: STOP\nSource: /tmp/out\n\n"),
    (StopFile("a\n\nFASPMGR 2"), b"FASPMGR 2\nType: STOP\nSource: a\x1bn\x1bnFASPMGR 2\n\n"),
    (SetRate(target_kbps=50_000), RATE + b"Rate: 50000\n\n"), (SetRate(min_kbps=0), RATE + b"MinRate: 0\n\n"),
    (SetRate(target_kbps=50_000, min_kbps=1000, policy="fixed", priority=2),
        RATE + b"Rate: 50000\nMinRate: 1000\nAdaptive: Fixed\nPriority: 2\n\n"),
    (SetRate(BIGGEST), RATE + b"Rate: 18446744073709551615\n\n"),
    (SetRate(policy="fair"), RATE + b"Adaptive: Adaptive\n\n"),
    (SetRate(policy="fixed"), RATE + b"Adaptive: Fixed\n\n"), (SetRate(policy="low"), RATE + b"Adaptive: Trickle\n\n"),
    (SetRate(policy="high"), RATE + b"Adaptive: Adaptive\nPriority: 1\n\n"),
    (SetRate(policy="high", priority=1), RATE + b"Adaptive: Adaptive\nPriority: 1\n\n"),
    (SetRate(policy="Adaptive"), RATE + b"Adaptive: Adaptive\n\n"),
    (SetRate(policy="Fixed"), RATE + b"Adaptive: Fixed\n\n"),
    (SetRate(policy="Trickle"), RATE + b"Adaptive: Trickle\n\n"), (SetRate(priority=1), RATE + b"Priority: 1\n\n"),
    (Cancel(), b"FASPMGR 2\nType: CANCEL\n\n"), (Finish(), b"FASPMGR 2\nType: DONE\nOperation: Linger\n\n"),
    (Finish(now=True), b"FASPMGR 2\nType: DONE\nOperation: Shutdown\n\n"), (Query(), b"FASPMGR 2\nType: QUERY\n\n"),
    (Put("/a", 5), PUT + b"Size: 5\n\n"), (Put("/a"), PUT + b"\n"), (Put("/a", 0), PUT + b"Size: 0\n\n"),
    (Put("/a", BIGGEST), PUT + b"Size: 18446744073709551615\n\n"),
    (Put("a\nSize: 1\r\xfc\udcff"), b"FASPMGR 4\nType: PUT\nDestination: a\x1bnSize: 1\x1br\xc3\xbc\xff\n\n"),
    (Write("/a", 10, b"data"), WRITE + b"Offset: 10\nSize: 4\n\ndata\n\n"),
    (Write("/a", 0, b""), WRITE + b"Offset: 0\nSize: 0\n\n\n\n"),
    (Write("/a", BIGGEST, b"\r\n\0\xff"), WRITE + b"Offset: 18446744073709551615\nSize: 4\n\n\r\n\0\xff\n\n"),
    (Write("/a", 1, b"FASPMGR 2\n\n"), WRITE + b"Offset: 1\nSize: 11\n\nFASPMGR 2\n\n\n\n"),
    (Write("a\n\nb", 1, b"c"), b"FASPMGR 4\nType: WRITE\nDestination: a\x1bn\x1bnb\nOffset: 1\nSize: 1\n\nc\n\n"),
    (Close("/a"), b"FASPMGR 4\nType: CLOSE\nDestination: /a\n\n"),
    (Close("a\nb"), b"FASPMGR 4\nType: CLOSE\nDestination: a\x1bnb\n\n"),
]  # fmt: skip


@pytest.mark.parametrize(("command", "wire"), COMMANDS)
def test_encode(command: Command, wire: bytes) -> None:
    assert command.encode() == wire
    assert command.to_frame().encode() == wire
    assert b"".join(command.parts()) == wire
    assert read(Tokenizer(max_data_bytes=100), [wire]) == ([command.to_frame()], [])


@pytest.mark.parametrize(("name", "command"), [("start-file", COMMANDS[0][0]), ("stop-file", StopFile("/tmp/out"))])
def test_the_examples_of_the_document(fixtures: Path, name: str, command: Command) -> None:
    assert command.encode() == (fixtures / "examples" / f"{name}.fasp").read_bytes()


@given(st.text(min_size=1), st.text(min_size=1))
def test_paths_come_through(source: str, destination: str) -> None:
    try:
        command = StartFile(source, destination)
    except ValueError:
        assert "\0" in source + destination
        return
    [frame] = Tokenizer(strict=True).feed(command.encode())
    assert list(frame.fields) == ["Source", "Destination"]
    assert unescape_path(frame.fields["Source"]) == source
    assert unescape_path(frame.fields["Destination"]) == destination


def test_text_that_no_bytes_decode_to_is_refused() -> None:
    with pytest.raises(ValueError, match="surrogate"):
        StopFile("\ud800").encode()


@attrs.frozen
class Odd(Command):
    """A command whose value is no path, and not checked."""

    type = "ODD"

    text: str = ""

    def to_frame(self) -> Frame:
        return Frame(self.type, {"Text": self.text})


@pytest.mark.parametrize("text", ["a\nType: CANCEL", "a\rType: CANCEL", "a\r", "\r"])
def test_no_command_can_forge_a_field(text: str) -> None:
    assert Odd("a").encode() == b"FASPMGR 2\nType: ODD\nText: a\n\n"
    with pytest.raises(ValueError, match="line break"):
        Odd(text).encode()


# fmt: off
NO_PATHS: list[Any] = ["", "a\0b", None, b"bytes", 5, Path("/tmp")]
NO_NUMBERS: list[Any] = [-1, BIGGEST + 1, 0.4, 0.6, 1.0, 1.5, "10", "10\nType: DONE", True, float("nan"), b"1"]
REFUSED: list[tuple[type[Command], str, list[Any], str]] = [
    (StartFile, "source", NO_PATHS, "source must be a path"),
    (StartFile, "destination", NO_PATHS, "destination must be a path"),
    (StopFile, "source", NO_PATHS, "source must be a path"),
    (Put, "destination", NO_PATHS, "destination must be a path"),
    (Write, "destination", NO_PATHS, "destination must be a path"),
    (Close, "destination", NO_PATHS, "destination must be a path"),
    (Put, "size", NO_NUMBERS, "size must be a whole number"),
    (Write, "offset", [None, *NO_NUMBERS], "offset must be a whole number"),
    (Write, "data", ["text", None, 5, [1]], "data must be bytes"),
    (Write, "data", [memoryview(b"abcd")[::2]], "data must be bytes in one piece"),
    (StartFile, "start", NO_NUMBERS, "start must be a whole number"),
    (StartFile, "end", NO_NUMBERS, "end must be a whole number"),
    (SetRate, "target_kbps", NO_NUMBERS, "target_kbps must be a whole number"),
    (SetRate, "min_kbps", NO_NUMBERS, "min_kbps must be a whole number"),
    (SetRate, "priority", [0, 3, -1, "1", True, 1.0], "priority must be a whole number from 1 to 2"),
    (SetRate, "policy", ["", "FAIR", "adaptive", "Unset", "fair ", "Fixed\nType: DONE", "medium", 1],
     "policy must be one of fair, high, fixed, low"),
]
# fmt: on


VALID: dict[type[Command], dict[str, Any]] = {
    StartFile: {"source": "a", "destination": "b"},
    Put: {"destination": "a"},
    Write: {"destination": "a", "offset": 0, "data": b""},
}


@pytest.mark.parametrize(("cls", "name", "values", "message"), REFUSED)
def test_invalid_values(cls: Any, name: str, values: list[Any], message: str) -> None:
    valid: dict[str, Any] = VALID.get(cls, {})
    for value in values:
        with pytest.raises(ValueError, match=message):
            cls(**{**valid, name: value})


@pytest.mark.parametrize(
    "data", [b"abcd", bytearray(b"abcd"), memoryview(b"xabcd")[1:], array.array("H", b"abcd"), array.array("H")]
)
def test_data_are_any_bytes_like_object(data: Any) -> None:
    size, raw = (4, b"abcd") if len(data) else (0, b"")
    command = Write("/a", 7, data)
    head, part, end = command.parts()
    assert (head, bytes(part), end) == (WRITE + b"Offset: 7\nSize: %d\n\n" % size, raw, b"\n\n")
    assert memoryview(part).nbytes == len(part) == size  # type: ignore[arg-type]  # all that a write needs
    assert command.encode() == head + raw + end == command.to_frame().encode()
    assert command.to_frame().data == raw


def test_data_are_neither_copied_nor_shown() -> None:
    data = bytearray(b"secret")
    command = Write("/a", 0, data)
    _, part, _ = command.parts()
    data[:] = b"public"
    assert bytes(part) == b"public"
    assert repr(command) == "Write(destination='/a', offset=0, data=<6 bytes>)"
    assert repr(command.to_frame()).endswith("version=4, data=<6 bytes>)")


def test_more_data_than_a_reader_accepts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PAYLOAD_BYTES == 1 << 30
    monkeypatch.setattr(commands, "MAX_PAYLOAD_BYTES", 5)
    assert Write("/a", 0, b"12345").encode().endswith(b"12345\n\n")
    for data in (b"123456", array.array("H", b"123456")):
        with pytest.raises(ValueError, match="data must have at most 5 bytes, not 6"):
            Write("/a", 0, data)


@pytest.mark.parametrize(("cls", "values", "message"), [
    (StartFile, {"source": "a", "destination": "b", "start": 100, "end": 99}, "before"),
    (SetRate, {}, "nothing to change"), (SetRate, {"policy": "high", "priority": 2}, "priority 1"),
])  # fmt: skip
def test_values_that_do_not_go_together(cls: Any, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cls(**values)


def test_commands_are_values() -> None:
    assert SetRate(target_kbps=1) == SetRate(1)
    assert SetRate(1) != SetRate(2)
    cancel: Command = Cancel()
    assert cancel != Query()
    assert len({Finish(), Finish(now=False), Finish(now=True)}) == 2
    command: Any = SetRate(1)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        command.target_kbps = 2


# -- the tables

ROWS = [*commands.COMMANDS.values(), *commands.STREAM_COMMANDS.values()]


def test_the_table_has_the_fields_that_are_sent() -> None:
    sent: dict[str, dict[str, None]] = {}
    for command, _ in COMMANDS:
        sent.setdefault(command.type, {}).update(dict.fromkeys(command.to_frame().fields))
    assert {row.type: row.fields for row in ROWS} == {type: tuple(names) for type, names in sent.items()}


def test_the_public_names() -> None:
    assert commands.__all__ == sorted(["Command", *(row.cls.__name__ for row in ROWS)])
