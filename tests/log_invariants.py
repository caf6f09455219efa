"""What holds for every log, whatever its bytes: for the tests with hypothesis, and for fuzz.py."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from unittest import mock

import orjson

from faspmgr import jsontext
from faspmgr.logs import LogEvents, LogReader, LogRecord, conversion, events, folding, reader
from faspmgr.logs.conversion import LogParser
from faspmgr.logs.fields import DECODERS, KINDS, LOG_FIELDS
from faspmgr.logs.lines import split_line
from faspmgr.protocol.events import Event
from faspmgr.reading import EventReader
from faspmgr.tracking import Tracker
from tests.invariants import pieces, single_bytes

LATEST = datetime(2026, 6, 1, tzinfo=UTC)

PREFIXES = [
    "2021-05-12 09:22:12.239 [ffe8-0001059c] LOG ",
    "2021-05-12 09:22:12.240 [ffe8-00010c8c] LOG ",
    "2015-04-30 11:13:34 [3ef3-0xa116d1d4] ERR ",
    "Jan 26 18:44:54 sldc1 ascp[1894]: LOG ",
    "<134>Feb 29 18:44:54 sldc1 /usr/bin/ascp4[1894]: ",
    "2026-01-26T18:44:54.123+01:00 sldc1 ascp[1894]: LOG ",
    "2026-01-26T18:44:54Z sldc1 sshd[1894]: ",
    '<134>1 2026-01-26T18:44:54Z sldc1 ascp 1894 - [a@1 b="c]\\"" d="e"] LOG ',
    "<134>1 - sldc1 ascp - - - ERR ",
    "<134>1 2026-01-26T18:44:54Z sldc1 ascp \N{SUPERSCRIPT TWO} - - LOG ",
    "LOG ",
    "",
]
"""Every form of a prefix, and none."""

_WORDS = {
    "session_start": "FASP Session Start uuid=7d5a ",
    "session_stop": "FASP Session Stop uuid=7d5a ",
    "session_params": "FASP Session Params uuid=7d5a ",
    "session_statistics": "FASP Session Statistics [Sender] id=7d5a ",
    "transfer_start": "FASP Transfer Start uuid=7d5a ",
    "transfer_stop": "FASP Transfer Stop uuid=7d5a ",
    "auth": "AUTH [CLIENT] ",
    "progress": "Sender bl ",
    "data_store": "Receiver DS ",
}
_WHOLE = [
    "FASP Session Peer Error id=7d5a (error 63, No such file or directory)",
    "Initializing FASP version 3.9.6.177525, license max rate=(unlimited), account no.=1, license no.=2 product=48",
    "Negotiated target rate 50000000, original target rate 1000000000",
    "Measured pMTU: 1492 Bytes, start_brtt: 34 ms",
    "datagram size 1448B, block size 1408B, path MTU 1492B",
    "Peer FASP sender had error, errcode 63 errstr [No such file]",
    "Add sender src : C:/a b dst : b",
    "======= File Transfer statistics =======",
    "- Source file transfers failed              :          1 !",
    "Source bytes transferred                    :      45184",
    "======= end File Transfer statistics =======",
    "Parameter 3: secret",
    "Parameter 3",
    'token "x", password=y cookie="{"token": 1}"',
    "Product version information not found.",
    "",
]
_VALUES: dict[str, list[str]] = {
    **{kind: ["0", "1", "-", "-1", "18446744073709551616", "99999999999999999999", "x", ""] for kind in DECODERS},
    "boolean": ["yes", "no", "-", "maybe"],
    "number": ["0.87", "1e9", "-"],
    "percent": ["47.03%", "%", "-"],
    "rate": ["284.38Mbps", "0.00Kbps", "1.00Xbps"],
    "seconds": ["46.45s", "s"],
    "delay": ["38ms", "ms"],
}
_TEXTS = ["", "-", "film.mov", "a b", 'a"b', "a=b size=1", "s3://key:pass@bucket/x", "ü", '{"token":"x"}', "[x]"]


def made_up_line(chance: random.Random) -> str:
    """A message of the log: the words of its kind, and fields of the table with values that fit or do not."""
    kind = chance.choice(list(_WORDS))
    if chance.random() < 0.4:
        return chance.choice(_WHOLE)
    fields = [field for field in LOG_FIELDS if kind in field.lines and chance.random() < 0.6]
    if chance.random() < 0.2:
        chance.shuffle(fields)
    line = _WORDS[kind]
    for field in fields:
        value = chance.choice(_VALUES.get(field.kind, _TEXTS))
        line += f"{field.log}{chance.choice('==== ')}" + (f'"{value}" ' if chance.random() < 0.4 else f"{value} ")
    return line.rstrip(" ")


def made_up_log(chance: random.Random, lines: list[str]) -> str:
    """Some lines, those given or others, each with a prefix of any form."""
    log = ""
    for _ in range(chance.randint(1, 25)):
        line = chance.choice(lines) if chance.random() < 0.4 else made_up_line(chance)
        line = line.replace("7d5a", chance.choice(["7d5a", "7d5b", "7d5c"]))
        log += chance.choice(PREFIXES) + line + chance.choice(["\n", "\n", "\r\n"])
    return log


def messages_of(log: bytes) -> list[str]:
    """The messages of a log's lines, read without any reader."""
    parts = [parts.message if parts else line for line in log.decode().splitlines() for parts in [split_line(line)]]
    return [part for part in parts if part]


# ---------------------------------------------------------------------------------------------------------------------


@contextmanager
def limits(chars: int) -> Iterator[None]:
    """Make all limits so small that a log of some lines meets them; 0 leaves them as they are."""
    with ExitStack() as stack:
        if chars:
            for module, name, value in (
                (reader, "MAX_LINE_BYTES", chars),
                (reader, "WINDOW_BYTES", max(1, chars // 2)),
                (reader, "MAX_RECORD_CHARS", chars),
                (reader, "MAX_BLOCKS", 2),
                (reader, "MAX_BLOCK_LINES", 3),
                (folding, "MAX_OPEN", 2),
                (conversion, "MAX_OPEN", 2),
                (folding, "MAX_UNFINISHED", 2),
            ):
                stack.enter_context(mock.patch.object(module, name, value))
        yield


def read(parts: Iterable[bytes], idle: bool = False) -> list[LogRecord]:
    """What a new reader makes of a log that comes in these parts, with an idle() after each or without."""
    log = LogReader(timezone=UTC, latest=LATEST)
    records: list[LogRecord] = []
    for part in parts:
        records += log.feed(part)
        records += log.idle() if idle else []
    return records + log.close()


def texts(data: bytes) -> list[str]:
    """What each line says behind its prefix, and all of one without: line by line, the plainest reader there can be."""
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    found = []
    for number, raw in enumerate(lines):
        line = raw[: reader.MAX_LINE_BYTES].decode("utf-8", "surrogateescape")
        line = line.removeprefix("\ufeff" if number == 0 else "").removesuffix("\r")
        parts = split_line(line)
        found.append(line if parts is None else parts.message)
    return found


def check(data: bytes, cuts: Iterable[int], limit: int = 0) -> None:
    """Assert all that is promised for every log, of this one."""
    with limits(limit):
        parts = pieces(data, cuts)
        whole = read([data])
        assert read(parts) == whole
        assert read(single_bytes(data)) == whole
        check_no_line_is_lost(data, whole)
        after_pauses = read(parts, idle=True)
        assert Counter(lines_of(after_pauses)) == Counter(texts(data))
        for record in {*whole, *after_pauses}:
            check_record(record)
        check_events(data, parts, whole)
        check_sessions(whole)


def lines_of(records: list[LogRecord]) -> list[str]:
    return [line for record in records for line in record.message.split("\n")]


def check_no_line_is_lost(data: bytes, records: list[LogRecord]) -> None:
    """Each line is in one record, and each record is the lines from its first on; in a block, lines of others may
    stand between."""
    said = texts(data)
    assert Counter(lines_of(records)) == Counter(said)
    for record in records:
        first, lines = record.line - 1, record.message.split("\n")
        if record.kind == "file_statistics":
            rest = iter(said[first:])
            assert said[first] == lines[0]
            assert all(line in rest for line in lines)  # in this order
        else:
            assert said[first : first + len(lines)] == lines
    numbers = [record.line for record in records if record.kind != "file_statistics"]
    assert numbers == sorted(set(numbers))


def check_record(record: LogRecord) -> None:
    """All of a record can be read and shown."""
    assert record.kind in KINDS
    assert record.time is None or record.time.tzinfo is not None
    assert record.assumed in ((), ("zone",), ("zone", "year"))
    assert isinstance(record.fields, dict)
    assert repr(record)
    for redact in (True, False):
        shown = record.to_dict(redact=redact)
        for text in (jsontext.message_to_json(shown).encode(), jsontext.messages_to_json_lines([shown])):
            assert orjson.loads(text)["line"] == record.line
            assert text.count(b"\n") == text.endswith(b"\n")


def check_events(data: bytes, parts: list[bytes], records: list[LogRecord]) -> None:
    """The events are the same however they are asked for, are those of a stream, and a tracker takes them."""
    made = list(events(records))
    assert fed(LogParser(), parts) == fed(LogParser(), [data])
    assert fed(EventReader(), parts) == fed(EventReader(), [data])
    pausing, tracker = LogEvents(), Tracker(keep_files=3)
    for record in records:
        pausing.feed(record)
        pausing.idle()
    pausing.close()
    for event in made:
        frame = event.to_frame()
        assert Event.from_frame(frame) == event
        assert orjson.loads(jsontext.message_to_json(event.to_dict()))["type"] == event.type
        tracker.update(event)
    tracker.close()
    for transfer in tracker.transfers.values():
        assert orjson.loads(jsontext.message_to_json(transfer.to_dict()))


def fed(log: LogParser | EventReader, parts: list[bytes]) -> list[Event]:
    """What it makes of bytes; an empty part would say that nothing comes for a while."""
    return [event for part in parts if part for event in log.feed(part)] + log.close()


def check_sessions(records: list[LogRecord]) -> None:
    """All of a session can be shown."""
    fold = folding.Sessions(keep_files=2)
    for session in [*(session for record in records for session in fold.feed(record)), *fold.close()]:
        assert orjson.loads(jsontext.message_to_json(session.to_dict()))["status"] in ("done", "failed", "lost")
