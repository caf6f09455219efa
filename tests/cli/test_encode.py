"""encode: the messages of PROTOCOL.md's table of commands, byte for byte."""

from __future__ import annotations

from pathlib import Path

import pytest

from faspmgr.cli import command_arguments
from faspmgr.cli.command_arguments import _ARGUMENTS
from faspmgr.protocol import commands
from faspmgr.protocol.commands import COMMANDS, STREAM_COMMANDS
from tests import launcher
from tests.cli.terminal import invoke

WIRE = [
    ("rate --target 50m", "Type: RATE\nRate: 50000"),
    ("rate --target 800k --min 1m", "Type: RATE\nRate: 800\nMinRate: 1000"),
    ("rate --target 1.5g", "Type: RATE\nRate: 1500000"),
    ("rate --target 45000", "Type: RATE\nRate: 45000"),
    ("rate --target 1.0 --min 2.00k", "Type: RATE\nRate: 1\nMinRate: 2"),
    ("rate --target 1.001m --min 0.000001g", "Type: RATE\nRate: 1001\nMinRate: 1"),
    ("rate --target 0.0", "Type: RATE\nRate: 0"),
    ("rate --target 0.5M", "Type: RATE\nRate: 500"),
    ("rate --target 18446744073709551615", "Type: RATE\nRate: 18446744073709551615"),
    ("rate --min 0", "Type: RATE\nMinRate: 0"),
    ("rate --policy fair", "Type: RATE\nAdaptive: Adaptive"),
    ("rate --policy fixed", "Type: RATE\nAdaptive: Fixed"),
    ("rate --policy low", "Type: RATE\nAdaptive: Trickle"),
    ("rate --policy high", "Type: RATE\nAdaptive: Adaptive\nPriority: 1"),
    ("rate --priority 2", "Type: RATE\nPriority: 2"),
    ("cancel", "Type: CANCEL"),
    ("start /tmp/in /tmp/out", "Type: START\nSource: /tmp/in\nDestination: /tmp/out"),
    ("start a b --start 10", "Type: START\nSource: a\nDestination: b\nFileBytes: 10:"),
    ("start a b --end 100", "Type: START\nSource: a\nDestination: b\nFileBytes: :100"),
    ("stop /tmp/out", "Type: STOP\nSource: /tmp/out"),
    ("finish", "Type: DONE\nOperation: Linger"),
    ("finish --now", "Type: DONE\nOperation: Shutdown"),
    ("query", "Type: QUERY"),
]


# The commands that stream a file, each with what is on standard input and what is written behind the header line.
STREAM_WIRE = [
    ("put /a", b"", b"Type: PUT\nDestination: /a\n\n"),
    ("put /a --size 5", b"", b"Type: PUT\nDestination: /a\nSize: 5\n\n"),
    ("put /a --size 0", b"", b"Type: PUT\nDestination: /a\nSize: 0\n\n"),
    ("write /a --offset 10", b"data", b"Type: WRITE\nDestination: /a\nOffset: 10\nSize: 4\n\ndata\n\n"),
    ("write /a -", b"\r\n\0\xff", b"Type: WRITE\nDestination: /a\nOffset: 0\nSize: 4\n\n\r\n\0\xff\n\n"),
    ("write /a", b"", b"Type: WRITE\nDestination: /a\nOffset: 0\nSize: 0\n\n\n\n"),
    ("close /a", b"", b"Type: CLOSE\nDestination: /a\n\n"),
]


def test_every_command_is_there_with_its_description() -> None:
    assert set(COMMANDS) == {line.split()[0] for line, _ in WIRE}
    assert set(STREAM_COMMANDS) == {line.split()[0] for line, _, _ in STREAM_WIRE}
    assert set(_ARGUMENTS) == {*COMMANDS, *STREAM_COMMANDS}
    for name, row in {**COMMANDS, **STREAM_COMMANDS}.items():
        assert "Example:\n  faspmgr encode " + name in invoke("encode", name, "--help").text.replace("\n    ", "\n  ")
        assert row.description[1:] in " ".join(invoke("encode", name, "--help").text.split())


@pytest.mark.parametrize(("line", "message"), WIRE)
def test_commands(line: str, message: str) -> None:
    assert invoke("encode", *line.split()) == (0, f"FASPMGR 2\n{message}\n\n".encode(), "")


@pytest.mark.parametrize(("line", "data", "message"), STREAM_WIRE)
def test_commands_that_stream_a_file(line: str, data: bytes, message: bytes) -> None:
    assert invoke("encode", *line.split(), stdin=data) == (0, b"FASPMGR 4\n" + message, "")


def test_data_of_a_file(tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000  # more than is read at once
    (tmp_path / "data").write_bytes(data)
    result = launcher.run("encode", "write", "a\nSize: 1", tmp_path / "data")
    head = b"FASPMGR 4\nType: WRITE\nDestination: a\x1bnSize: 1\nOffset: 0\nSize: 1280000\n\n"
    assert (result.status, result.data, result.err) == (0, head + data + b"\n\n", "")


def test_data_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nix"):
        result = invoke("encode", "write", "/a", path)
        assert (result.status, result.out) == (2, b"")
        assert str(path) in result.errors[-1]
    closed = launcher.shell("faspmgr encode write /a <&-")
    assert (closed.status, closed.out) == (2, "")
    assert closed.errors == ["faspmgr: <stdin>: Bad file descriptor"]


def test_more_data_than_a_write_can_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for home in (commands, command_arguments):
        monkeypatch.setattr(home, "MAX_PAYLOAD_BYTES", 5)
    result = invoke("encode", "write", "/a", stdin=b"123456")
    assert (result.status, result.out) == (2, b"")
    assert result.errors[-1] == "Error: data must have at most 5 bytes, not 6."
    assert invoke("encode", "write", "/a", stdin=b"12345").status == 0


def test_the_examples_of_the_document(fixtures: Path) -> None:
    start = invoke("encode", "start", "/tmp/in", "/tmp/out", "--start", "10485760", "--end", "204857600")
    assert start.out == (fixtures / "examples" / "start-file.fasp").read_bytes()
    assert invoke("encode", "stop", "/tmp/out").out == (fixtures / "examples" / "stop-file.fasp").read_bytes()


def test_a_line_break_in_a_path_is_escaped() -> None:
    result = invoke("encode", "stop", "a\nSource: b\r")
    assert result.out == b"FASPMGR 2\nType: STOP\nSource: a\x1bnSource: b\x1br\n\n"


def test_a_path_that_is_no_utf_8_is_sent_as_it_is() -> None:
    result = launcher.run("encode", "stop", b"Br\xfcssel".decode("utf-8", "surrogateescape"))
    assert result.data == b"FASPMGR 2\nType: STOP\nSource: Br\xfcssel\n\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("rate", "nothing to change"),
        ("rate --target fast", "invalid rate: 'fast'"),
        ("rate --target -5", "invalid rate: '-5'"),
        ("rate --target 0.4", "invalid rate: '0.4'; not a whole number of kilobits per second"),
        ("rate --target 0.6", "invalid rate: '0.6'; not a whole number of kilobits per second"),
        ("rate --target 1.5k", "invalid rate: '1.5k'; not a whole number of kilobits per second"),
        ("rate --min 0.0004m", "invalid rate: '0.0004m'; not a whole number of kilobits per second"),
        ("rate --target 0.00000000000000000001g", "invalid rate"),
        ("rate --target 5t", "invalid rate: '5t'"),
        ("rate --target 1e400", "invalid rate: '1e400'"),
        ("rate --target 18446744073709551616", "18446744073709551615"),
        ("rate --policy quick", "'quick'"),
        ("rate --policy high --priority 2", "priority"),
        ("rate --priority 3", "3"),
        ("start a", "DESTINATION"),
        ("start a b --start 5 --end 4", "ends at 4"),
        ("start a b --start -1", "-1"),
        ("stop", "SOURCE"),
        ("finish now", "now"),
        ("put", "DESTINATION"),
        ("put /a --size -1", "-1"),
        ("put /a --size 18446744073709551616", "18446744073709551615"),
        ("write /a --offset 18446744073709551616", "18446744073709551615"),
        ("close /a /b", "/b"),
        ("cancell", "cancell"),
    ],
)
def test_wrong_usage(line: str, reason: str) -> None:
    result = invoke("encode", *line.split())
    assert (result.status, result.out) == (2, b"")
    assert reason in result.errors[-1]
    assert result.err.startswith("Usage: faspmgr encode")


@pytest.mark.parametrize("path", ["", "a\0b"])
def test_what_is_no_path(path: str) -> None:
    result = invoke("encode", "stop", path)
    assert (result.status, result.out) == (2, b"")
    assert "must be a path" in result.err


def test_a_long_number_is_refused() -> None:
    assert invoke("encode", "rate", "--target", "9" * 5000).status == 2
