"""describe: every type, field, code and kind of problem, against the tables and the vendor's document."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from faspmgr.cli.commands.describe import TRANSFER
from faspmgr.logs.codes import LOG_CODES
from faspmgr.logs.fields import KINDS as LOG_KINDS
from faspmgr.logs.fields import LOG_FIELDS, LogField
from faspmgr.protocol import commands
from faspmgr.protocol.codes import CODES, ErrorCode
from faspmgr.protocol.commands import COMMANDS, STREAM_COMMANDS
from faspmgr.protocol.events import EVENT_CLASSES, InitEvent
from faspmgr.protocol.fields import FIELDS, Field
from faspmgr.protocol.problems import KINDS
from faspmgr.tracking import Tracker
from tests.cli.terminal import invoke

ROWS = [*COMMANDS.values(), *STREAM_COMMANDS.values()]


def described(name: str) -> str:
    result = invoke("describe", "--", name)
    assert (result.status, result.err) == (0, "")
    assert all(len(line) <= 110 and line == line.rstrip() for line in result.lines)
    return result.text


def words(text: str) -> str:
    return " ".join(text.split())


def test_the_overview_has_everything() -> None:
    text = invoke("describe").text
    for name in (*EVENT_CLASSES, *(row.type for row in ROWS), *FIELDS, *KINDS):
        assert re.search(rf"^  {re.escape(name)}  ", text, re.MULTILINE), name
    for code in CODES.values():
        assert f"  {code.code} {code.name} " in text
    in_log = text.partition("\nLines of ascp's log\n")[2]
    for name in (*LOG_KINDS, *(field.name for field in LOG_FIELDS), *map(str, LOG_CODES)):
        assert re.search(rf"^  {re.escape(name)}  ", in_log, re.MULTILINE), name


@pytest.mark.parametrize("name", EVENT_CLASSES)
def test_a_message_type_lists_its_fields(name: str) -> None:
    text = described(name)
    assert text.startswith(f"{name}  (message from ascp, {EVENT_CLASSES[name].__name__})\n")
    assert described(name.lower()) == text


def test_the_fields_of_stats_are_those_of_the_document(fixtures: Path) -> None:
    document = (fixtures / "documents" / "aspera-events.txt").read_text()
    section = document.split("\nSTATS\n")[1].split("Example:")[0]
    names = re.findall(r"^- (\w+):", section, re.MULTILINE)
    assert len(names) > 12
    text = described("STATS")
    for name in set(names) - {"Type"}:
        assert f"\n  {name} " in text
    assert "Bytescont" in text
    assert "bytes_cont" in text


@pytest.mark.parametrize("field", FIELDS.values(), ids=lambda field: field.wire)
def test_a_field_by_either_name(field: Field) -> None:
    text = described(field.wire)
    assert f"{field.wire}  (field)\n" in text
    assert field.name in text
    assert field.meaning in words(text)
    assert field.unit in text
    assert f"{field.wire}  (field)\n" in described(field.name)


def test_bytescont() -> None:
    assert described("Bytescont") == (
        "Bytescont  (field)\n"
        "  in Python, JSON  bytes_cont\n"
        "  kind             integer, bytes\n"
        "  meaning          contiguous bytes of this file at the destination\n"
        "  messages         STATS, STOP, SKIP, FILEERROR\n"
    )


def test_a_field_names_its_commands_and_its_words() -> None:
    assert "RATE" in described("Adaptive")
    assert "Receive, Send" in described("Direction")


@pytest.mark.parametrize("code", CODES.values(), ids=lambda code: str(code.code))
def test_an_error_code_by_number_and_by_name(code: ErrorCode) -> None:
    text = described(str(code.code))
    retry = "worth a retry" if code.retryable else "no retry"
    assert text.startswith(f"{code.code} {code.name}  (error code of the stream, {retry})\n")
    assert code.meaning in words(text)
    assert code.advice in words(text)
    if code.name != "UNKNOWN":
        of_stream = text.partition("\n\n")[0].rstrip()  # a code of the log may have the same number
        assert of_stream in described(code.name)
        assert of_stream in described(code.name.lower())


@pytest.mark.parametrize("name", ["ERR_AUTH", "err_auth", "AUTH"])
def test_an_error_code_with_the_vendors_prefix(name: str) -> None:
    assert described(name).startswith("19 AUTH  (error code of the stream, no retry)\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["38", "Deprecated", "peer", "license"],
        ["38 Deprecated peer license"],
        ["ERR_LIC_ILLEGAL", "Deprecated peer license"],
        ["lic_illegal", "deprecated peer license"],
        ["38", "LIC_ILLEGAL: Failure processing peer license: Deprecated peer license"],  # as summary prints it
    ],
)
def test_an_error_code_with_a_description(arguments: list[str]) -> None:
    result = invoke("describe", *arguments)
    assert (result.status, result.err) == (0, "")
    assert result.text.startswith("38 LIC_ILLEGAL  (error code of the stream, no retry)\n")
    assert "Install a newer ascp" in words(result.text)


def test_an_error_code_with_a_description_that_adds_nothing() -> None:
    assert (
        invoke("describe", "19", "Failed to authenticate").text == described("19").partition("\n\n")[0].rstrip() + "\n"
    )


def test_a_name_of_several_words() -> None:
    assert invoke("describe", "User", "aborted", "session").text == described("User aborted session")


def test_44() -> None:
    text = described("44")
    assert "44 PMTU_BRTT_ERROR  (error code of the stream, worth a retry)" in text
    assert "the session could not be initiated" in text


@pytest.mark.parametrize("number", ["70", "9999", "-1", "9" * 20])
def test_an_unknown_code_explains_itself(number: str) -> None:
    first, second, *_ = described(number).splitlines()
    assert first == f"{number} UNKNOWN  (error code of the stream, no retry)"
    assert second == f"  meaning  error code {number} is unknown"


def test_a_number_that_is_a_code_of_the_stream_and_of_the_log() -> None:
    in_stream, in_log = described("63").split("\n\n")
    assert in_stream.startswith("63 LINK_LOOP  (error code of the stream, no retry)\n")
    # Of one run the log says 63 and the stream 43.
    assert words(in_log).startswith(
        "63 Source path stat failed (code of ascp's log)"
        " in the stream 43 STAT_FAILS: the path cannot be examined (stat failed) advice Check that the source exists"
    )
    assert "code of ascp's log" not in described("44")


def test_a_code_of_the_log_alone() -> None:
    assert described("106").startswith("106 Usage error  (code of ascp's log)\n  in the stream  8 USAGE: ")
    assert described("65").endswith(
        "65 Destination path must be a directory  (code of ascp's log)\n  in the stream  not known\n"
    )
    assert described("User aborted session").startswith("68 User aborted session  (code of ascp's log)\n")
    assert "28 USER_CANCEL" in described("68")


def test_a_line_of_the_log_lists_its_fields() -> None:
    text = described("transfer_stop")
    assert text.startswith("transfer_stop  (line of ascp's log)\n  a file has ended\n\n  uuid ")
    # "rate=284.38Mbps elapsed=46.45s", as LOGS.md has them
    for name, kind in (("rate", "rate, Kbps"), ("elapsed", "seconds, seconds"), ("size", "integer, bytes")):
        assert re.search(rf"^  {name} +{kind}  ", text, re.MULTILINE)
    assert "in the log: Source file transfers failed" in words(described("file_statistics"))
    assert described("other") == "other  (line of ascp's log)\n  any other line\n"


@pytest.mark.parametrize("field", LOG_FIELDS, ids=lambda field: f"{field.log} of {field.lines[0]}")
def test_a_field_of_the_log_by_either_name(field: LogField) -> None:
    text = words(described(field.log))
    assert f"{field.log} (field of ascp's log) in Python, JSON {field.name} kind {field.kind}" in text
    assert f"meaning {field.meaning} lines {', '.join(field.lines)}" in text
    assert f"{field.log} (field of ascp's log)" in words(described(field.name))


def test_a_name_of_the_stream_and_of_the_log() -> None:
    text = described("cookie")
    assert text.count("(field)") == 1
    assert text.count("(field of ascp's log)") == 1


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_problem(kind: str) -> None:
    assert words(KINDS[kind]) in words(described(kind))


def test_a_name_of_two_things_describes_both() -> None:
    text = described("DONE")
    assert "DONE  (message from ascp, DoneEvent)" in text
    assert "DONE  (command to ascp, Finish)" in text


def test_the_commands_have_the_fields_that_are_sent() -> None:
    sent = [
        commands.SetRate(target_kbps=1, min_kbps=1, policy="fair", priority=2),
        commands.Cancel(),
        commands.StartFile("a", "b", start=1, end=2),
        commands.StopFile("a"),
        commands.Finish(),
        commands.Query(),
        commands.Put("a", 1),
        commands.Write("a", 1, b""),
        commands.Close("a"),
    ]
    frames = {type(command): command.to_frame() for command in sent}
    assert {cls: (frame.type, set(frame.fields)) for cls, frame in frames.items()} == {
        row.cls: (row.type, set(row.fields)) for row in ROWS
    }
    assert all(f"command to ascp, {row.cls.__name__}" in described(row.type) for row in ROWS)


def test_the_keys_of_a_transfer_are_those_of_its_json() -> None:
    tracker = Tracker()
    tracker.update(InitEvent(session_id="s"))
    assert list(TRANSFER) == list(tracker.transfers["s"].to_dict())
    text = described("transfer")
    assert all(f"\n  {key} " in text and meaning in words(text) for key, meaning in TRANSFER.items())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("transfer_stopp", "transfer_stop"),
        ("solicited_re", "solicited_rex"),
        ("STAT", "STATS"),
        ("bytescount", "Bytescont"),
        ("no_perm", "NO_PERMS"),
        ("noize", "noise"),
        ("CANCLE", "CANCEL"),
        ("ERR_AUHT", "AUTH"),
        ("Pre Transfer Byte", "PreTransferBytes"),
    ],
)
def test_a_slip_gets_a_hint(name: str, hint: str) -> None:
    result = invoke("describe", name)
    assert (result.status, result.out) == (2, b"")
    assert result.errors == [f"faspmgr: unknown name: '{name}'; did you mean '{hint}'?"]


@pytest.mark.parametrize(
    "name",
    # The last ones are far from all names, although difflib offers SKIP, USAGE, keepalive and userid for them.
    ["", "zzzzzz", "foo bar", "--5", "9" * 5000, "٤٤", "\x1b[31m", "\udcff", "ip", "message", "receive", "paused"],
)
def test_what_is_not_there(name: str) -> None:
    result = invoke("describe", "--", name)
    assert (result.status, result.out) == (2, b"")
    assert result.err.startswith("faspmgr: unknown name: ")
    assert len(result.errors) == 1
    assert result.errors[0].endswith("; 'faspmgr describe' lists all names")
    assert result.errors[0].isprintable()


@pytest.mark.parametrize("name", ["channel", "connection", "destination", "server"])
def test_a_view(name: str) -> None:
    assert name in invoke("describe", name).text
