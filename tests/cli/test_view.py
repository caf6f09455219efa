"""``faspmgr view``: one object for each session, snapshots, the schema, and errors."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from faspmgr import views
from tests.cli.terminal import invoke
from tests.conftest import FIXTURES
from tests.launcher import shell, start

KINDS = tuple(views.KINDS)
SESSIONS = FIXTURES / "sessions"
UPLOAD = SESSIONS / "upload-skip-failure.fasp"
START = "2024-05-02T22:00:00Z"


def expected(name: str, kind: str) -> object:
    """The exact values of Python, of which each byte that is no UTF-8 is shown as U+FFFD."""
    text = (FIXTURES / "views" / f"{name}.json").read_text(encoding="utf-8")
    return json.loads(text.replace("\\udcfc", "\\ufffd"))[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["upload-skip-failure", "two-sessions", "retry"])
def test_one_line_for_each_session(name: str, kind: str) -> None:
    result = invoke("view", kind, "--start-time", START, SESSIONS / f"{name}.fasp")
    assert (result.status, result.err) == (0, "")
    assert result.objects == expected(name, kind)


def test_one_session_is_one_json_document() -> None:
    result = invoke("view", "channel", UPLOAD)
    assert (result.status, json.loads(result.text)["id"]) == (0, "6f0a1f0e-52c4-4d0f-9d53-0c7f3b1e8a11")


@pytest.mark.parametrize("args", [(), ("-",)])
def test_standard_input(args: tuple[str, ...]) -> None:
    data = UPLOAD.read_bytes()
    assert invoke("view", "server", *args, stdin=data) == invoke("view", "server", UPLOAD)


def test_a_log_around_the_messages() -> None:
    path = FIXTURES / "logs" / "manager-line.log"
    result = invoke("view", "channel", "--unwrap", "auto", "--start-time", START, path)
    assert result.objects == expected("manager-line", "channel")


def test_without_start_time_times_are_null() -> None:
    (channel,) = invoke("view", "channel", UPLOAD).objects
    assert {file["open_time"] for file in channel["transferred_files"]} == {None}


END = "2024-05-02T22:00:05.241733Z"


@pytest.mark.parametrize(
    ("time", "end"),
    [(START, END), ("2024-05-02T22:00:00.000+00:00", END), ("2024-05-03T00:00:00+02:00", END),
     ("2024-05-02 22:00Z", END), ("9999-12-31T23:59:59Z", None)],  # the last year that has times
)  # fmt: skip
def test_ways_to_write_a_time(time: str, end: str | None) -> None:
    (link,) = invoke("view", "connection", "--start-time", time, UPLOAD).objects
    assert link["snapshotTime"] == end


# -- times of ascp's own log

LOG = """\
2024-05-02 22:00:00.000 [1-a] LOG FASP Session Start uuid=one op=send status=started source=/a dest=/in
2024-05-02 22:00:03.000 [1-a] LOG FASP Transfer Stop uuid=one op=send status=success file="/a" size=5 start_byte=0
2024-05-02 22:00:04.000 [1-a] LOG FASP Session Stop uuid=one op=send status=success source=/a dest=/in
2024-05-04 09:30:00.500 [2-b] LOG FASP Session Start uuid=two op=send status=started source=/b dest=/in
2024-05-04 09:30:02.500 [2-b] LOG FASP Transfer Stop uuid=two op=send status=success file="/b" size=5 start_byte=0
2024-05-04 09:30:10.500 [2-b] LOG FASP Session Stop uuid=two op=send status=success source=/b dest=/in
"""


def log_times(log: str, *args: str, zone: str = "UTC") -> list[str | None]:
    """When the one file of each session was closed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        try:
            result = invoke("view", "channel", *args, stdin=log.encode())
        finally:
            patch.undo()
            time.tzset()
    assert (result.status, result.err) == (0, "")
    return [channel["transferred_files"][0]["close_time"] for channel in result.objects]


@pytest.mark.parametrize("args", [(), ("--start-time", "2020-01-01T00:00:00Z")])
@pytest.mark.parametrize(("zone", "hours"), [("UTC", (22, 9)), ("Europe/Berlin", (20, 7))])
def test_log_times(args: tuple[str, ...], zone: str, hours: tuple[int, int]) -> None:
    assert log_times(LOG, *args, zone=zone) == [
        f"2024-05-02T{hours[0]:02}:00:03Z",
        f"2024-05-04T{hours[1]:02}:30:02.500000Z",
    ]


def test_log_times_after_other_lines() -> None:
    assert log_times("".join(f"May  2 21:00:0{n} host cron[7]: run\n" for n in range(5)) + LOG) == log_times(LOG)


def test_log_without_times() -> None:
    bare = "".join(line[line.index("LOG") :] for line in LOG.splitlines(keepends=True))
    assert log_times(bare) == [None, None]
    connections = invoke("view", "connection", "--start-time", START, stdin=bare.encode()).objects
    assert [link["snapshotTime"] for link in connections][1] is None


def test_log_time_of_a_session_that_began_before_the_log() -> None:
    """The first session has its stop alone, which is reported two days later: with a null, not with that time."""
    log = "".join(LOG.splitlines(keepends=True)[2:])
    links = invoke("view", "connection", stdin=log.encode()).objects
    assert [link["connectionId"] for link in links] == ["one", "two"]
    assert links[0]["snapshotTime"] is None


def test_log_snapshots() -> None:
    result = invoke("view", "connection", "--each", "3600", stdin=LOG.encode())
    assert [link["connectionId"] for link in result.objects] == ["one", "two", "one", "two"]


# -- snapshots


def test_a_snapshot_every_second_of_the_stream() -> None:
    result = invoke("view", "channel", "--each", "1", "--start-time", START, UPLOAD)
    clip = [
        (channel["bytes_client_to_server"], [file["status"] for file in channel["transferred_files"]])
        for channel in result.objects
    ]
    assert clip == [  # the messages at 1.4, 2.4, 3.4, 4.4 and 5.1 seconds, then the end
        (12058624, ["ONGOING"]),
        (24444928, ["ONGOING"]),
        (36765696, ["ONGOING"]),
        (49119232, ["ONGOING"]),
        (54626109, ["OK", "OK", "OK", "OK", "PERMISSION_DENIED", "ONGOING"]),
        (55674685, ["OK", "OK", "OK", "OK", "PERMISSION_DENIED", "OK"]),
    ]
    assert result.objects[-1:] == expected("upload-skip-failure", "channel")


def test_snapshots_are_of_the_sessions_that_have_changed() -> None:
    result = invoke("view", "connection", "--each", "2", SESSIONS / "two-sessions.fasp")
    one, two = "41c8e7d0-6a2f-4e35-b0d9-1f8a5c3e7b21", "c02b94f7-d81e-4c63-95aa-e3f7061d2b48"
    assert [link["connectionId"] for link in result.objects] == [one, two, one, two, one, two]
    assert [link["encryptedConnectionState"] for link in result.objects] == [
        *("connected", "connected"),  # at 2.3 seconds
        *("connected", "disconnected"),  # at 4.3: the second has ended
        *("disconnected", "disconnected"),
    ]


def test_a_retry_goes_on_with_the_clock_of_the_stream() -> None:
    result = invoke("view", "connection", "--each", "60", "--start-time", START, SESSIONS / "retry.fasp")
    assert [link["snapshotTime"] for link in result.objects] == [
        "2024-05-02T22:01:03.602114Z",
        "2024-05-02T22:01:03.602114Z",
        "2024-05-02T22:01:06.343502Z",
    ]


def test_no_snapshot_of_a_command_alone() -> None:
    query = b"FASPMGR 2\nType: QUERY\n\n"
    stats = b"FASPMGR 2\nType: STATS\nSessionId: s\nElapsedusec: 5000000\nFile: a\n\n"
    result = invoke("view", "connection", "--each", "1", stdin=query + stats)
    assert [link["connectionId"] for link in result.objects] == ["s", "s"]


def test_snapshots_come_while_the_stream_goes_on() -> None:
    with start("view", "channel", "--each", "0.5", stdin=subprocess.PIPE, bufsize=0) as program:
        assert program.stdin
        assert program.stdout
        data = UPLOAD.read_bytes()
        program.stdin.write(data[: len(data) // 2])
        (first,) = json.loads(program.stdout.readline())["transferred_files"]
        assert first["status"] == "ONGOING"
        program.stdin.close()
        rest = program.stdout.read().splitlines()
        assert program.wait() == 0
    assert json.loads(rest[-1])["transferred_files"][0]["status"] in ("UNCLEAN_CLOSE", "OK")


def test_following(tmp_path: Path) -> None:
    path = tmp_path / "growing.fasp"
    path.write_bytes(b"FASPMGR 2\nType: STATS\nSessionId: s\nElapsedusec: 1000000\nFile: a\n\n")
    with start("view", "channel", "--each", "1", "--follow", path) as program:
        assert program.stdout
        assert len(json.loads(program.stdout.readline())["transferred_files"]) == 1
        with path.open("ab") as file:
            file.write(b"FASPMGR 2\nType: STATS\nSessionId: s\nElapsedusec: 2000000\nFile: b\n\n")
        assert len(json.loads(program.stdout.readline())["transferred_files"]) == 2
        program.kill()


# -- schema and reference


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_fits_what_is_printed(kind: str) -> None:
    result = invoke("view", kind, "--schema")
    assert result.status == 0
    schema = json.loads(result.out)
    Draft202012Validator.check_schema(schema)
    for shown in invoke("view", kind, "--start-time", START, SESSIONS / "two-sessions.fasp").objects:
        Draft202012Validator(schema).validate(shown)


@pytest.mark.parametrize("kind", KINDS)
def test_describe_prints_the_table(kind: str) -> None:
    assert views.describe_view(kind) in invoke("describe", kind).text


def test_both_references_of_a_cap_agree() -> None:
    """As seen of 3.9.0: 2**52-1 where the peer sets no cap, (2**64-1)/1000 where none is known."""
    for name, words in (("RateCap", "{}: no cap, {}: not known"), ("connection", "{} is no cap, {} not known")):
        assert words.format(4503599627370495, 18446744073709551) in " ".join(invoke("describe", name).text.split())


# -- the server's ascp

ASCP_A = """Product version information not found.
ascp version 3.9.0.163682
Operating System: Linux
FIPS 140-2-validated crypto ready to configure
AES-NI Supported
License max rate=(unlimited), account no.=1, license no.=1
"""
"""As a real one prints it."""


def make_ascp(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_serving_ascp(tmp_path: Path) -> None:
    ascp = make_ascp(tmp_path / "ascp", f"cat <<'EOF'\n{ASCP_A}EOF")
    (server,) = invoke("view", "server", "--ascp", ascp, UPLOAD).objects
    assert (server["version"], server["revision"], server["serverPlatform"]) == ("3.9.0.163682", 163682, "linux")
    assert server["license"] == {"errorMessage": None, "expiry": None, "valid": True}


def test_an_ascp_that_fails_or_does_not_exist(tmp_path: Path) -> None:
    ascp = make_ascp(tmp_path / "ascp", "echo no; exit 3")
    result = invoke("view", "server", "--ascp", ascp, UPLOAD)
    assert (result.status, result.out, result.err) == (2, b"", f"faspmgr: {ascp} -A: exit status 3: no\n")
    result = invoke("view", "server", "--ascp", tmp_path / "none", UPLOAD)
    assert (result.status, result.out, len(result.errors)) == (2, b"", 1)


# -- bad input

SECONDS = ("0", "-1", "1e-9", "often", "nan", "inf", "")
"""None of them is a number of seconds."""


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ((), "Missing argument 'KIND'"),
        (("chanel",), "'chanel' is not one of 'channel', 'connection', 'destination', 'server'"),
        (("channel", "a", "b"), "unexpected extra argument (b)"),
        (("channel", "--start-time", "yesterday"), "'yesterday' is not a time such as 2024-05-02T22:00:00Z."),
        (("channel", "--start-time", "2024-05-02T22:00:00"), "has no time zone: add Z for UTC, or an offset such as"),
        (("channel", "--start-time", ""), "Invalid value for '--start-time': '' is not a time"),
        *((("channel", "--each", text), f"{text!r} is not a number of seconds above 0.") for text in SECONDS),
        (("channel", "--follow"), "--follow never ends: add --each."),
        (("channel", "--ascp", "ascp"), "--ascp is for KIND server only."),
    ],
)
def test_wrong_usage(args: tuple[str, ...], message: str) -> None:
    result = invoke("view", *args)
    assert (result.status, result.out) == (2, b"")
    assert message in result.err


def test_a_missing_file_and_a_directory(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.fasp", tmp_path):
        result = invoke("view", "channel", path)
        assert (result.status, result.out) == (2, b"")
        assert len(result.errors) == 1
        assert result.err.startswith(f"{path}: ")


def test_no_session() -> None:
    for data in (b"", b"FASPMGR 2\nType: QUERY\n\n"):
        result = invoke("view", "channel", stdin=data)
        assert (result.status, result.out) == (3, b"")
        assert result.errors[-1] == "faspmgr: <stdin>: no session"


def test_an_unfinished_stream_shows_what_there_was() -> None:
    result = invoke("view", "channel", SESSIONS / "breaks-off.fasp")
    assert result.status == 0
    assert result.objects[0]["transferred_files"][0]["status"] == "UNCLEAN_CLOSE"
    assert len(result.errors) == 1


def test_strict_shows_what_came_before() -> None:
    result = invoke("view", "channel", "--strict", SESSIONS / "breaks-off.fasp")
    assert result.status == 4
    assert len(result.objects) == 1


def test_random_bytes() -> None:
    result = invoke("view", "channel", stdin=bytes(range(256)) * 100)
    assert (result.status, result.out) == (3, b"")


def test_a_reader_that_goes_away() -> None:
    assert shell('faspmgr view channel --each 0.001 "$1" | head -c 10', UPLOAD).err == ""


def test_secrets_stay_out() -> None:
    message = b'FASPMGR 2\nType: SESSION\nSessionId: s\nToken: hush-hush\nTags: {"password":"hush-hush"}\n\n'
    for kind in KINDS:
        result = invoke("view", kind, stdin=message)
        assert result.status == 0
        assert b"hush" not in result.out + result.err.encode()
