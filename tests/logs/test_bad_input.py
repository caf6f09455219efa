"""What is no log, or a log that is damaged, endless, or made to be slow: nothing raises, and no line is lost."""

from __future__ import annotations

import gzip
import random
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr.errors import CaptureError
from faspmgr.logs import LogReader, LogRecord, read, reader
from faspmgr.redaction import redact_log_message
from tests.cli.terminal import invoke

PREFIX = "2021-05-12 09:22:12.239 [ffe8-0001059c] LOG "
STOP = 'FASP Transfer Stop uuid=7d5a op=send status=success file="a" size=1'
BLOCK = "======= File Transfer statistics ======="


def records(*pieces: bytes) -> list[LogRecord]:
    log = LogReader()
    return [record for piece in pieces for record in log.feed(piece)] + log.close()


def messages(*pieces: bytes) -> list[tuple[str, str]]:
    return [(record.kind, record.message) for record in records(*pieces)]


# -- no log


def test_random_bytes() -> None:
    data = random.Random(1).randbytes(100_000)
    found = records(data)
    assert {record.kind for record in found} == {"other"}
    assert [record.line for record in found] == [*range(1, data.count(b"\n") + (not data.endswith(b"\n")) + 1)]
    said = b"\n".join(record.message.encode("utf-8", "surrogateescape") for record in found)
    assert said == data.removesuffix(b"\n").replace(b"\r\n", b"\n")


def test_nothing() -> None:
    assert records() == records(b"") == []
    assert messages(b"\n\n") == [("other", ""), ("other", "")]


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 3, "no messages"),
        (b"May  1 10:00:00 host cron[1]: FASP Session Start uuid=a\n" * 3, 3, "no messages"),
        (b'192.0.2.1 - - [12/May/2021:09:22:12 +0000] "GET / HTTP/1.1" 200 5\n' * 3, 3, "data outside a message"),
        (b"\0\xff\n" * 1000, 3, "data outside a message"),
    ],
)
def test_summary_of_other_files(data: bytes, status: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(data)
    result = invoke("summary", path)
    assert (result.status, result.out) == (status, b"No session in this stream.\n")
    assert len(result.errors) == 1
    assert words in result.errors[0]


def test_the_lines_of_another_program_are_records_of_their_own() -> None:
    """Also where they say what ascp says."""
    line = b"May  1 10:00:00 host cron[%d]: FASP Session Start uuid=a\n"
    found = records(b"".join(line % number for number in range(50)))
    assert [(record.program, record.process, record.kind, record.fields) for record in found] == [
        ("cron", number, "other", {}) for number in range(50)
    ]


# -- encodings and line ends


def test_text_that_is_not_utf_8() -> None:
    [stop] = records(PREFIX.encode() + STOP.replace('"a"', '"café"').encode("latin-1") + b"\n")
    assert stop.fields["file"] == "caf\udce9"
    assert stop.fields["size"] == 1


def test_utf_16() -> None:
    data = f"{PREFIX}{STOP}\n{PREFIX}{STOP}\n".encode("utf-16-le")
    assert [record.kind for record in records(data)] == ["other", "other", "other"]  # the last is half of a line end
    assert b"\n".join(record.message.encode() for record in records(data)) == data


def test_nul_bytes() -> None:
    assert messages(f"LOG {STOP}\0\nLOG a\0b\n".encode()) == [("transfer_stop", f"{STOP}\0"), ("other", "a\0b")]


def test_line_ends() -> None:
    assert messages(b"LOG a\r\nLOG b\r\r\nLOG c\rd\r\n\r\nLOG e\r") == [
        ("other", "a"),
        ("other", "b\r"),
        ("other", "c\rd\n"),
        ("other", "e"),
    ]
    assert messages(b"LOG a\rLOG b\r") == [("other", "a\rLOG b")]  # the line ends of no system that ascp runs on


# -- cut, and damaged


@pytest.mark.parametrize("end", range(len(PREFIX + STOP)))
def test_a_line_that_is_cut(end: int) -> None:
    """A field has the text that stands there: of the last one what is left, which may be half a name as well."""
    text = (PREFIX + STOP)[:end]
    first, *cut, last = records(f"{PREFIX}{STOP}\n{text}\n{PREFIX}{STOP}\n".encode())
    assert first.fields == last.fields == {"uuid": "7d5a", "op": "send", "status": "success", "file": "a", "size": 1}
    [record] = cut
    assert text.endswith(record.message)
    for name, value in record.fields.items():
        assert f"{name}={value}" in text or f'{name}="{value}"' in text


@pytest.mark.parametrize(
    "words",
    ["FASP Session Start", "FASP Session Params ", "FASP Transfer Stop", "FASP Session Statistics [", "AUTH ["],
)
def test_a_line_without_a_field(words: str) -> None:
    [record] = records(f"LOG {words}\n".encode())
    assert not any(record.fields.get(name) for name in ("uuid", "op", "status", "errcode"))


def test_a_process_that_is_not_a_number() -> None:
    """A digit, but not one of a number."""
    [record] = records("<134>1 2026-01-26T18:44:54Z host ascp ² - - LOG a\n".encode())
    assert (record.process, record.message) == (None, "a")


@pytest.mark.parametrize("data", ["-x", "[a]x", '[a b="c"]', '[a b="]', "[" + "a" * 10_000 + "] x"])
def test_invalid_structured_data(data: str) -> None:
    """Nothing of the line is dropped; data are a part of the prefix only where a blank or the end is behind them."""
    line = f"<134>1 - host ascp 1894 - {data}"
    [record] = records(f"{line}\n".encode())
    assert record.message == ("" if data == '[a b="c"]' else line)


@pytest.mark.parametrize("end", [2, 20, -9, -4])
def test_gzip_that_is_cut(end: int, tmp_path: Path) -> None:
    """What is before the damage is there, of the last line what there is of it."""
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress(f"{PREFIX}{STOP}\n".encode() * 1000)[:end])
    found: list[str] = []
    with pytest.raises(CaptureError, match="cut off"):
        found.extend(record.message for record in read(path))
    assert found == [STOP] * (1000 if end < 0 else 0)


def test_gzip_that_is_damaged(tmp_path: Path) -> None:
    """Half of it is right. What the rest becomes, only its checksum shows to be wrong."""
    lines = [str(number * 7919 % 50_021) for number in range(50_000)]
    data = gzip.compress("".join(f"LOG {line}\n" for line in lines).encode())
    path = tmp_path / "log.gz"
    path.write_bytes(data[: len(data) // 2] + b"\xaa" * (len(data) // 2))
    found: list[str] = []
    with pytest.raises(CaptureError):
        found.extend(record.message for record in read(path))
    assert found[:20_000] == lines[:20_000]


# -- size


@pytest.fixture
def peak() -> Iterator[None]:
    """Assert that little memory is taken, however long the input is."""
    tracemalloc.start()
    yield
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 12 * reader.MAX_LINE_BYTES


@pytest.mark.usefixtures("peak")
@pytest.mark.parametrize("piece", [1 << 16, 1 << 20])
def test_100_megabytes_without_a_line_end(piece: int) -> None:
    log = LogReader()
    for _ in range(100_000_000 // piece):
        assert log.feed(bytes(piece)) == []
    [record] = log.close()
    assert record.message == "\0" * reader.MAX_LINE_BYTES


@pytest.mark.usefixtures("peak")
@pytest.mark.parametrize(
    ("start", "part"),
    [
        (f"{PREFIX}FASP Session Params uuid=7d5a", " a="),
        (f"{PREFIX}Sender bl a", " a=1"),
        ("<134>1 2026-01-26T18:44:54Z host ascp 1894 - [a", ' b="c"'),
    ],
)
def test_the_parts_of_a_long_line(start: str, part: str) -> None:
    [record] = records(start.encode() + part.encode() * (1_000_000 // len(part)) + b"\n")
    assert len(record.fields) <= 3


def test_many_lines_that_continue_a_record() -> None:
    [record] = records(f"{PREFIX}first\n".encode() + b"next\n" * 100_000)
    assert record.message == "first" + "\nnext" * 100_000


def test_many_blocks_that_are_open() -> None:
    """The oldest are given where they are too many, and each line is in its own process's block."""
    begin = [f"2021-05-12 09:22:12 [{process:x}-1] LOG {BLOCK}\n" for process in range(2000)]
    more = [
        f"2021-05-12 09:22:12 [{process:x}-1] LOG Source bytes transferred : {process}\n" for process in range(2000)
    ]
    found = records("".join(begin).encode(), "".join(more).encode())
    blocks = {record.process: record.fields for record in found if record.kind == "file_statistics"}
    assert blocks.keys() == {*range(2000)}
    assert [blocks[process].get("source_bytes_transferred") for process in range(2000)] == [
        *[None] * 1000,
        *range(1000, 2000),
    ]
    assert [record.process for record in found if record.kind == "other"] == [*range(1000)]


# -- made to be slow: if the time grew with the square of the length, these would not end

LONG = 500_000
UUID = {"uuid": "7d5a"}


@pytest.mark.parametrize(
    ("message", "fields"),
    [
        ("FASP Session Params uuid=7d5a " + "a= " * (LONG // 3), UUID | {"a": ""}),
        ("FASP Session Params uuid=7d5a " + 'a=" ' * (LONG // 4), UUID | {"a": " a="}),
        ('FASP Session Params uuid=7d5a cookie="' + '" "' * (LONG // 3), UUID | {"cookie": ('" "' * (LONG // 3))[:-1]}),
        ("FASP Session Start uuid=7d5a " + 'os="x" ' * (LONG // 7), UUID | {"os": "x"}),
        ("FASP Session Params uuid=7d5a " + "user=x " * (LONG // 7), UUID | {"user": "x"}),
        ("FASP Session Params uuid=7d5a" + " " * LONG + "x", UUID | {"uuid": "7d5a" + " " * LONG + "x"}),
        ("FASP Session Start uuid=7d5a dest=" + " " * LONG + "x", UUID | {"dest": " " * LONG + "x"}),
        ("FASP Session Start uuid=7d5a dest=" + " a=" * (LONG // 3), UUID | {"dest": " a=" * (LONG // 3)}),
        ("FASP Session Start uuid=7d5a " + "[peer " * (LONG // 6), UUID | {"uuid": ("7d5a " + "[peer " * 83333)[:-1]}),
        ('FASP Transfer Stop uuid=7d5a file="' + " size=1" * (LONG // 7), UUID | {"file": '"', "size": 1}),
        ("FASP Session Statistics [Sender] id=7d5a " + "(a " * (LONG // 3), UUID | {"side": "Sender"}),
        ("FASP Session Statistics [Sender] id=7d5a delay" + " " * LONG + "x", UUID | {"side": "Sender"}),
        ("Sender bl " + "a/" * (LONG // 2), {"side": "Sender"}),
        ("Sender bl " + "aa " * (LONG // 3), {"side": "Sender"}),
        ("Sender bl " + "a" * LONG, {"side": "Sender"}),
        ("Add sender src : " + " dst : " * 70_000, {"source": " dst : " * 69_999, "destination": ""}),
        ("FASP Session Error id=7d5a (error 63, " + ")" * LONG, UUID | {"errcode": 63, "errstr": ")" * (LONG - 1)}),
        ("Peer FASP sender had error, errcode 63 errstr [" + "[" * LONG, {}),
        ("FASP Session Start uuid=7d5a dest=" + " userid=x" * (LONG // 10) + " source_prefix=-", None),
        ("Initializing FASP version 3.9.6, license max rate=" + " " * LONG, None),
    ],
)
def test_fields_of_a_long_line(message: str, fields: dict[str, object] | None) -> None:
    [record] = records(f"{PREFIX}{message}\n".encode())
    assert record.message == message
    assert fields is None or record.fields == fields
    assert len(redact_log_message(message)) <= len(message)


@pytest.mark.parametrize(
    "line",
    [
        "<134>1 2026-01-26T18:44:54Z host ascp 1894 - [" + part * (LONG // len(part))
        for part in ('a="', '"', "\\", "[", "a", '""', '\\"', "] [")
    ]
    + [
        "A" + " " * LONG,
        "-" * LONG,
        "LOG" * (LONG // 3),
        "[" * LONG,
        '{"log":' * (LONG // 7),
        '{"MESSAGE":"' + "\\\\" * (LONG // 2),
        "2024-01-01T00:00:00Z stdout F " * (LONG // 30),
        "Mon 2026-01-26 18:44:54 CET " * (LONG // 28),
        "2021-05-12 " * (LONG // 11),
        "Jan 26 18:44:54 " + "a" * LONG,
    ],
)
def test_a_long_line_without_a_known_prefix(line: str) -> None:
    """The prefix is none, or that of another program; in a block as well."""
    block = f"2021-05-12 09:22:12 [1-1] LOG {BLOCK}\n"
    [record, _] = records(f"{block}{line}\n".encode())
    assert record.kind == "other"
    assert line.endswith(record.message)


@pytest.mark.parametrize("part", ["A ", "A : ", "A", " ", ": ", "- "])
def test_a_long_line_in_a_block(part: str) -> None:
    line = "A" + part * (LONG // len(part))
    [*found, _] = records(f"{PREFIX}{BLOCK}\n{PREFIX}{line}\n".encode())
    assert not found or found[0].message == line


@pytest.mark.parametrize(
    "part",
    [
        'cookie="x ',
        ' cookie="',
        "token=",
        "token: ",
        'token="',
        " token",
        "A1",
        '"',
        "://",
        "x@",
        "{",
        "[",
        "= ",
        "a=(",
    ],
)
def test_secrets_of_a_long_line(part: str) -> None:
    for message in (part * (LONG // len(part)), "token " + part * (LONG // len(part))):
        assert redact_log_message(message)


def test_a_cookie_of_a_line_that_was_cut() -> None:
    message = 'FASP Session Params uuid=7d5a cookie="{"token":"s3cret"'
    assert "s3cret" not in redact_log_message(message)
    assert "s3cret" not in redact_log_message(message.replace('"s3', '\n"s3'))
    whole = 'FASP Session Params uuid=7d5a cookie="a "b" c" vl_local=0'
    assert redact_log_message(whole) == whole


def test_a_word_of_the_command_line_that_was_cut() -> None:
    assert redact_log_message("Parameter 15") == "Parameter 15"
    assert redact_log_message("Parameter 15: s3cret\n: x") == "Parameter 15: ***"
