"""The records of a log, folded into sessions: a real log by hand, and what processes do to each other's lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import pytest

from faspmgr.logs import folding
from faspmgr.logs.folding import PROCESS_TIMEOUT, STOP_GRACE, Sessions, sessions
from faspmgr.logs.reader import LogReader
from faspmgr.logs.records import LogRecord
from faspmgr.logs.session import LogSession

# ---------------------------------------------------------------------------------------------------------------------
# ascp-3.9.6-windows.log, read by eye and with grep: nine runs

HERE = {"version": "3.9.6.177525", "os": "Microsoft Windows 6.2 ", "license": "48:1:2000"}
NO_PEER = {"peer_version": None, "peer_os": None, "peer_license": "0:0:0", "host": None}
CENTOS = {"peer_version": "3.7.4.147133", "peer_license": "10:1:56723", "host": "transfer.example.org"}
DEBIAN = {"peer_version": "4.3.1.184714", "peer_license": "10:1:56723"}
NOTHING = {
    "files_done": 0,
    "files_failed": 0,
    "files_interrupted": 0,
    "bytes_transferred": 0,
    "bytes_written": 0,
    "rate_kbps": 0.0,
    "average_rate_kbps": 0.0,
    "rtt_ms": 0,
    "blocks_total": 0,
    "blocks_retransmitted": 0,
    "retransmitted_percent": 0.0,
    "path_mtu": None,
    "datagram_size": None,
    "block_size": None,
}
NO_ERROR = {"code": None, "management_code": None, "reason": None, "peer_code": None, "peer_reason": None}

NINE: tuple[dict[str, Any], ...] = (
    {  # lines 2 to 42
        **HERE,
        **CENTOS,
        **NOTHING,
        "id": "c4348842-93f8-64cf-a1cd-875b2254c58c",
        "process": 0xE330,
        "thread": 0xFF68,
        "direction": "Receive",
        "status": "failed",
        "code": 63,
        "management_code": 43,
        "reason": "Source path stat failed",
        "peer_code": 63,
        "peer_reason": "No such file or directory",
        "start": "2021-05-11T16:24:38.262000+00:00",
        "stop": "2021-05-11T16:24:38.263000+00:00",
        "seconds": 0.001,
        "local": "192.0.2.7:53210",
        "peer": "203.0.113.8:33001",
        "peer_os": "Linux 3.10.0-1160.11.1.el7.x86_64 #1 SMP",
        "user": "studio_output",
        "source": [".745019"],
        "destination": "downtest",
        "files_skipped": 0,
        "target_rate_kbps": 1_000_000.0,
        "original_target_rate_kbps": None,
        "cipher": "none",
    },
    {  # 44 to 127; tx_bytes is what came, the block has the files that are whole
        **HERE,
        **CENTOS,
        "id": "21702a17-536d-2677-96b1-bab7352566e1",
        "process": 0x538C,
        "thread": 0x1002C,
        "direction": "Receive",
        "status": "failed",
        "code": 68,
        "management_code": 28,
        "reason": "User aborted session",
        "peer_code": 19,
        "peer_reason": "User aborted session (client)",
        "start": "2021-05-11T16:25:03.560000+00:00",
        "stop": "2021-05-11T16:25:07.928000+00:00",
        "seconds": 4.368,
        "local": "192.0.2.7:57475",
        "peer": "203.0.113.8:33001",
        "peer_os": "Linux 3.10.0-1160.11.1.el7.x86_64 #1 SMP",
        "user": "studio_output",
        "source": ["/745019"],
        "destination": "downtest",
        "files_done": 18,
        "files_failed": 178,
        "files_interrupted": 0,
        "files_skipped": 0,
        "bytes_transferred": 15_618_129,
        "bytes_written": 15_618_129,
        "rate_kbps": 34_350.0,
        "average_rate_kbps": 38_900.0,
        "target_rate_kbps": 50_000.0,
        "original_target_rate_kbps": 1_000_000.0,
        "cipher": "none",
        "path_mtu": 1492,
        "datagram_size": 1448,
        "block_size": 1408,
        "rtt_ms": 36,
        "blocks_total": 11_110,
        "blocks_retransmitted": 2,
        "retransmitted_percent": 0.02,
    },
    {  # 129 to 140
        **HERE,
        **NO_PEER,
        **NOTHING,
        "id": "b3ba496e-31b7-599e-16ff-664bdc333849",
        "process": 0xA0FC,
        "thread": 0x10CA4,
        "direction": "Receive",
        "status": "failed",
        "code": 62,
        "reason": "Source file list not specified",
        "peer_code": None,
        "peer_reason": None,
        "start": "2021-05-12T09:19:24.736000+00:00",
        "stop": "2021-05-12T09:19:24.736000+00:00",
        "seconds": 0.0,
        "local": "0.0.0.0:33001",
        "peer": "203.0.113.9:33001",
        "user": "studio_output",
        "source": [],
        "destination": ".7188939./download",
        "files_skipped": 0,
        "target_rate_kbps": 1_000_000.0,
        "original_target_rate_kbps": None,
        "cipher": "none",
    },
    {  # 142 to 186
        **HERE,
        **CENTOS,
        **NO_ERROR,
        "id": "7d5a7202-27aa-dd88-c76a-68a50cc82e8c",
        "process": 0xFFE8,
        "thread": 0x1059C,
        "direction": "Receive",
        "status": "done",
        "start": "2021-05-12T09:21:25.397000+00:00",
        "stop": "2021-05-12T09:22:12.631000+00:00",
        "seconds": 47.234,
        "local": "192.0.2.10:50467",
        "peer": "203.0.113.9:33001",
        "peer_os": "Linux 3.10.0-1160.15.2.el7.x86_64 #1 SMP",
        "user": "studio_output",
        "source": ["718939"],
        "destination": "download",
        "files_done": 1,
        "files_failed": 0,
        "files_interrupted": 0,
        "files_skipped": 0,
        "bytes_transferred": 1_651_097_607,
        "bytes_written": 1_651_097_607,
        "rate_kbps": 290_970.0,
        "average_rate_kbps": 549_360.0,
        "target_rate_kbps": 1_000_000.0,
        "original_target_rate_kbps": None,
        "cipher": "none",
        "path_mtu": 1492,
        "datagram_size": 1448,
        "block_size": 1408,
        "rtt_ms": 38,
        "blocks_total": 1_183_125,
        "blocks_retransmitted": 642_587,
        "retransmitted_percent": 54.31,
    },
    {  # 189 to 202
        **HERE,
        **NO_PEER,
        **NOTHING,
        "id": "cfaf4e49-4bff-ec55-5d1a-10df8bb74096",
        "process": 0x238C,
        "thread": 0xBC0,
        "direction": "Send",
        "status": "failed",
        "code": 89,
        "management_code": 19,
        "reason": "SSH authentication failed",
        "peer_code": None,
        "peer_reason": None,
        "start": "2023-06-15T11:45:59.492000+00:00",
        "stop": "2023-06-15T11:45:59.493000+00:00",
        "seconds": 0.001,
        "local": "0.0.0.0:33001",
        "peer": "192.0.2.11:33001",
        "user": "ingest",
        "source": ["test.img"],
        "destination": "test",
        "files_skipped": 0,
        "target_rate_kbps": 1_000_000.0,
        "original_target_rate_kbps": None,
        "cipher": "aes-128-cfb",
    },
    {  # 204 to 247
        **HERE,
        **DEBIAN,
        **NO_ERROR,
        "id": "92a2f457-973f-23a1-7cc2-8d589794c47b",
        "process": 0x539C,
        "thread": 0x31C8,
        "direction": "Send",
        "status": "done",
        "start": "2023-06-15T14:58:06.664000+00:00",
        "stop": "2023-06-15T14:58:07.075000+00:00",
        "seconds": 0.411,
        "local": "192.0.2.12:56972",
        "peer": "192.0.2.11:33001",
        "peer_os": "Linux 4.19.0-21-amd64 #1 SMP Debian 4.19",
        "host": "192.0.2.11",
        "user": "ingest",
        "source": ["test_output_exr.project"],
        "destination": "test",
        "files_done": 1,
        "files_failed": 0,
        "files_interrupted": 0,
        "files_skipped": 0,
        "bytes_transferred": 40_028,
        "bytes_written": 40_028,
        "rate_kbps": 1_550.0,
        "average_rate_kbps": 1_660.0,
        "target_rate_kbps": 1_000_000.0,
        "original_target_rate_kbps": None,
        "cipher": "aes-128-cfb",
        "path_mtu": 1492,
        "datagram_size": 1468,
        "block_size": 1408,
        "rtt_ms": 8,
        "blocks_total": 31,
        "blocks_retransmitted": 1,
        "retransmitted_percent": 3.23,
    },
    {  # 249 to 301
        **HERE,
        **DEBIAN,
        **NOTHING,
        "id": "dfdb39c5-961f-cb65-7e9b-08430f7abfd7",
        "process": 0x19DC,
        "thread": 0x4874,
        "direction": "Send",
        "status": "failed",
        "code": 50,
        "management_code": 4,
        "reason": "No such file or directory",
        "peer_code": 50,
        "peer_reason": "No such file or directory",
        "start": "2023-06-15T15:49:57.482000+00:00",
        "stop": "2023-06-15T15:49:59.438000+00:00",
        "seconds": 1.956,
        "local": "192.0.2.14:58943",
        "peer": "192.0.2.13:33001",
        "peer_os": "Linux 4.19.0-16-amd64 #1 SMP Debian 4.19",
        "host": "192.0.2.13",
        "user": "studio_assets",
        "source": ["C:/jobs/1245111/info.cfg"],
        "destination": "cfg/1245111/info.cfg",
        "files_failed": 1,
        "files_skipped": 0,
        "target_rate_kbps": 200_000.0,
        "original_target_rate_kbps": 1_000_000.0,
        "cipher": "none",
        "path_mtu": 1006,
        "datagram_size": 936,
        "block_size": 896,
        "rtt_ms": 34,
    },
    {  # 303 to 355
        **HERE,
        **DEBIAN,
        **NO_ERROR,
        "id": "20ccff62-30d0-c782-bf7d-ffdcd14d1931",
        "process": 0x4EF8,
        "thread": 0x5BB0,
        "direction": "Send",
        "status": "done",
        "start": "2023-06-15T17:19:47.143000+00:00",
        "stop": "2023-06-15T17:19:49.106000+00:00",
        "seconds": 1.963,
        "local": "192.0.2.14:63411",
        "peer": "192.0.2.13:33001",
        "peer_os": "Linux 4.19.0-16-amd64 #1 SMP Debian 4.19",
        "host": "192.0.2.13",
        "user": "studio_assets",
        "source": ["C:/jobs/1245111/info.cfg", "C:/Users/op/Downloads/test_output_exr.project"],
        "destination": ".",
        "files_done": 2,
        "files_failed": 0,
        "files_interrupted": 0,
        "files_skipped": 0,
        "bytes_transferred": 45_184,
        "bytes_written": 45_184,
        "rate_kbps": 2_400.0,
        "average_rate_kbps": 2_490.0,
        "target_rate_kbps": 200_000.0,
        "original_target_rate_kbps": 1_000_000.0,
        "cipher": "none",
        "path_mtu": 1006,
        "datagram_size": 936,
        "block_size": 896,
        "rtt_ms": 33,
        "blocks_total": 53,
        "blocks_retransmitted": 2,
        "retransmitted_percent": 3.77,
    },
    {  # 357 to 368
        **HERE,
        **NO_PEER,
        **NOTHING,
        "id": "ea4874ad-2cd4-1fb2-1ec4-8f7a96254a3e",
        "process": 0x4D20,
        "thread": 0x2ED0,
        "direction": "Receive",
        "status": "failed",
        "code": 106,
        "reason": "Usage error",
        "peer_code": None,
        "peer_reason": None,
        "start": "2023-06-16T08:54:45.966000+00:00",
        "stop": "2023-06-16T08:54:45.966000+00:00",
        "seconds": 0.0,
        "local": "0.0.0.0:0",
        "peer": "0.0.0.0:0",
        "user": None,
        "source": [],
        "destination": "",
        "files_skipped": 0,
        "target_rate_kbps": 10_000.0,
        "original_target_rate_kbps": None,
        "cipher": "none",
    },
)

# Number of the session, file, status, code, size, Kbps, seconds, overhead, mtime: of those that are few.
FILES = (
    (3, "download/scene_015.7z", "done", None, 1_651_097_607, 284_380.0, 46.45, 10_299, "2021-05-12 05:00:49"),
    (5, "test_output_exr.project", "done", None, 40_028, 2_900.0, 0.11, 0, None),
    (6, "C:/jobs/1245111/info.cfg", "failed", 4, 5_156, 0.0, 0.0, 0, None),
    (7, "C:/Users/op/Downloads/test_output_exr.project", "done", None, 40_028, 4_530.0, 0.07, 0, None),
    (7, "C:/jobs/1245111/info.cfg", "done", None, 5_156, 577.33, 0.07, 0, None),
)

ERRORS = (5, 5, 1, 0, 2, 0, 9, 6, 2)
"""Lines of level ERR of each run."""


@pytest.fixture(scope="module")
def records(fixtures: Path) -> list[LogRecord]:
    reader = LogReader(timezone=UTC)
    log = (fixtures / "ascp-log" / "ascp-3.9.6-windows.log").read_bytes()
    return reader.feed(log) + reader.close()


@pytest.fixture(scope="module")
def nine(records: list[LogRecord]) -> list[LogSession]:
    return list(sessions(records))


def test_the_real_log_has_nine_sessions(nine: list[LogSession]) -> None:
    assert [session.id for session in nine] == [expected["id"] for expected in NINE]


@pytest.mark.parametrize("number", range(9))
def test_a_session_of_the_real_log(nine: list[LogSession], number: int) -> None:
    expected = NINE[number] | {"cookie": None, "policy": "fair", "min_rate_kbps": 0.0, "assumed": ["zone"]}
    shown = nine[number].to_dict()
    assert {name: shown[name] for name in expected} == expected
    assert len(nine[number].errors) == ERRORS[number]


def test_the_files_of_the_real_log(nine: list[LogSession]) -> None:
    found = [
        (
            *(number, file.name, file.status, file.code, file.size),
            *(file.rate_kbps, file.elapsed_seconds, file.overhead, file.mtime),
        )
        for number, session in enumerate(nine)
        for file in session.files
        if number != 1
    ]
    assert found == list(FILES)


def test_the_files_of_an_aborted_session(nine: list[LogSession]) -> None:
    """Twenty have a start, the first eighteen a stop."""
    files = nine[1].files
    assert [file.name for file in files] == [f"downtest/shot_{number:04}.png" for number in range(1, 21)]
    assert [file.status for file in files] == ["done"] * 18 + ["failed"] * 2  # the block counts them as failed
    # "Source bytes transferred" of the block counts the same.
    assert sum(file.bytes_done or 0 for file in files) == 15_470_193
    assert nine[1].file_statistics["source_bytes_transferred"] == 15_470_193
    last = files[19]
    assert (last.size, last.bytes_done, last.rate_kbps, last.stop) == (2_070_960, None, None, None)
    assert last.start == datetime(2021, 5, 11, 16, 25, 7, 479_000, tzinfo=UTC)


def test_what_the_real_log_says_besides(nine: list[LogSession]) -> None:
    assert nine[3].statistics["effective"] == 52.97
    assert nine[3].statistics["sndr_ctl_sent"] == 49
    assert nine[1].parameters["vl_sess_id"] == 2384
    assert nine[1].parameters["partial_file_suffix"] == ""  # behind the stop; "-" behind the start
    assert nine[1].file_statistics["transfers_failed"] == 178
    assert nine[2].file_statistics == {}


def test_nine_processes_mixed_line_by_line(records: list[LogRecord]) -> None:
    """All of them at the same time tell what they tell one by one. Without times: those of the log are years apart."""
    timeless = [
        LogRecord(record.message, "", record.process, record.thread, record.level, kind=record.kind)
        for record in records
    ]
    processes = {record.process: [] for record in timeless}  # type: dict[int | None, list[LogRecord]]
    for record in timeless:
        processes[record.process].append(record)
    mixed = [record for row in zip_longest(*processes.values()) for record in row if record is not None]
    assert mixed != timeless

    def told(records: list[LogRecord]) -> dict[str | None, Any]:
        return {session.id: session.to_dict() for session in sessions(records)}

    assert len(told(mixed)) == 9
    assert told(mixed) == told(timeless)


def test_a_real_log_that_is_cut_anywhere_raises_nothing(records: list[LogRecord]) -> None:
    for length in range(0, 600, 7):
        cut = [
            LogRecord(record.message[:length], record.stamp, record.process, record.thread, record.level)
            for record in records
        ]
        for session in sessions(cut):
            json.dumps(session.to_dict())


# ---------------------------------------------------------------------------------------------------------------------
# Logs made for one case

MORNING = datetime(2026, 3, 1, 10, tzinfo=UTC)
VERSION = "Initializing FASP version 3.9.6.177525, license max rate=(unlimited), account no.=1, license no.=2 product=4"
AUTH = "AUTH [CLIENT] op=send auth_method=x remote_user=jane remote_host=far.example.org system_user=op token=-"
NEGOTIATED = "Negotiated target rate 50000000, original target rate 1000000000"
BLOCK = (
    "======= File Transfer statistics =======",
    "Source file transfers attempted             :          4",
    "- Source file transfers skipped             :          3",
    "======= end File Transfer statistics =======",
)


def at(seconds: float, process: int, *messages: str, level: str = "LOG") -> str:
    """Lines of a process, so many seconds into the morning."""
    stamp = (MORNING + timedelta(seconds=seconds)).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return "".join(f"{stamp} [{process:04x}-00000001] {level} {message}\n" for message in messages)


def start(uuid: str, more: str = "") -> str:
    return f"FASP Session Start uuid={uuid} op=send status=started source=/a dest=/b{more}"


def stop(uuid: str, how: str = "status=success") -> str:
    return f"FASP Session Stop uuid={uuid} op=send {how} source=/a dest=/b"


def begins(uuid: str, name: str, size: int = 10) -> str:
    rest = f"size={size} start_byte=0 rate=50.00Mbps loss=0.00 rexreqs=0 overhead=0"
    return f'FASP Transfer Start uuid={uuid} op=send status=started file="{name}" {rest}'


def ends(uuid: str, name: str, how: str = "status=success", size: int = 10) -> str:
    rest = f"size={size} start_byte=0 rate=6.59Mbps elapsed=0.17s loss=0.00 rexreqs=0 overhead=1"
    return f'FASP Transfer Stop uuid={uuid} op=send {how} file="{name}" {rest}'


def read(*lines: str) -> list[LogRecord]:
    reader = LogReader(timezone=UTC)
    return reader.feed("".join(lines).encode()) + reader.close()


def fold(*lines: str) -> dict[str | None, LogSession]:
    found = list(sessions(read(*lines)))
    by_id = {session.id: session for session in found}
    assert len(by_id) == len(found)
    return by_id


def given(fold: Sessions, records: Iterable[LogRecord]) -> Iterator[str | None]:
    for record in records:
        for session in fold.feed(record):
            yield session.id


# -- what belongs to which session


def test_what_a_process_says_first_belongs_to_the_session_that_it_begins_next() -> None:
    log = (
        at(0, 7, VERSION),
        at(0, 8, VERSION),
        at(1, 7, AUTH, NEGOTIATED),
        at(1, 8, "FASP Session Peer Error id=two (error 63, No such file or directory)", level="ERR"),
        at(2, 8, start("two")),
        at(2, 7, start("one"), "datagram size 1448B, block size 1408B, path MTU 1492B"),
    )
    found = fold(*log)
    one, two = found["one"], found["two"]
    assert (one.host, one.user, two.host, two.user) == ("far.example.org", "jane", None, None)
    assert (one.target_rate_kbps, one.original_target_rate_kbps, two.target_rate_kbps) == (50_000, 1_000_000, None)
    assert (one.path_mtu, two.path_mtu) == (1492, None)
    assert (one.peer_code, two.peer_code, two.peer_reason) == (None, 63, "No such file or directory")
    assert (one.errors, len(two.errors)) == ([], 1)
    assert one.version == two.version == "3.9.6.177525"


def test_what_is_negotiated_counts_more_than_what_was_asked_for() -> None:
    params = 'FASP Session Params uuid=one userid=0 user="jane" targetrate=1000000000 minrate=3000'
    session = fold(at(0, 7, NEGOTIATED, start("one"), params))["one"]
    assert (session.target_rate_kbps, session.min_rate_kbps) == (50_000, 3)
    session = fold(at(0, 7, start("one"), params))["one"]
    assert (session.target_rate_kbps, session.original_target_rate_kbps) == (1_000_000, None)


def test_what_was_said_once_is_not_said_of_the_next_session_again() -> None:
    path = "datagram size 1448B, block size 1408B, path MTU 1492B"
    error = at(0, 7, "FASP Session Peer Error id=one (error 63, No such file or directory)", level="ERR")
    found = fold(error, at(0, 7, NEGOTIATED, path, start("one"), stop("one"), start("two")))
    one, two = found["one"], found["two"]
    assert (one.path_mtu, one.peer_code, one.target_rate_kbps, len(one.errors)) == (1492, 63, 50_000, 1)
    assert (two.path_mtu, two.peer_code, two.target_rate_kbps, len(two.errors)) == (None, None, None, 0)


def test_who_logs_in_later_is_not_who_logged_in_for_the_session_that_runs() -> None:
    log = at(0, 7, AUTH, start("one"), AUTH.replace("jane", "joe").replace("far.", "other."), start("two"))
    found = fold(log)
    assert (found["one"].user, found["one"].host) == ("jane", "far.example.org")
    assert (found["two"].user, found["two"].host) == ("joe", "other.example.org")


def test_who_logs_in_is_the_user_where_the_parameters_have_none() -> None:
    params = 'FASP Session Params uuid=one userid=0 user="{}" targetrate=1'
    assert fold(at(0, 7, AUTH, start("one"), params.format("-")))["one"].user == "jane"
    assert fold(at(0, 7, AUTH, start("one"), params.format("joe")))["one"].user == "joe"
    assert fold(at(0, 7, start("one"), AUTH))["one"].user == "jane"


def test_a_start_that_comes_twice_is_one_session_from_the_first_on() -> None:
    session = fold(at(0, 7, start("one")), at(5, 7, start("one")), at(6, 7, stop("one")))["one"]
    assert (session.start, session.seconds) == (MORNING, 6)


def test_statistics_count_more_than_progress() -> None:
    progress = "Sender bl t/o/r/dl/c/h=31/30/1/1/0/0 rate t/m/c=1000/0/1000 prog t/f/e=500/400/118421 xmtD=1"
    statistics = "FASP Session Statistics [Sender] id=one delay=8ms (progress: tx_bytes 900 file_bytes 800 tx_time 1)"
    session = fold(at(0, 7, start("one"), progress, stop("one"), statistics))["one"]
    assert (session.bytes_transferred, session.bytes_written) == (900, 800)


def test_one_process_number_on_two_hosts_is_two_processes() -> None:
    def line(host: str, message: str) -> str:
        return f"2026-01-26T18:44:54+00:00 {host} ascp[1894]: LOG {message}\n"

    log = (
        line("near", start("one")),
        line("far", start("two")),
        line("near", "datagram size 1448B, block size 1408B, path MTU 1492B"),
        line("far", VERSION),
    )
    found = fold(*log)
    assert (found["one"].path_mtu, found["two"].path_mtu) == (1492, None)


def test_two_sides_that_write_one_log_are_two_sessions() -> None:
    """Both have the same uuid."""
    far = "FASP Session Stop uuid=one op=recv status=success source= dest=/b"
    found = list(sessions(read(at(0, 7, start("one")), at(0, 8, far), at(1, 7, stop("one")))))
    assert sorted((session.process, session.direction, session.status) for session in found) == [
        (7, "Send", "done"),
        (8, "Receive", "done"),
    ]


def test_an_error_of_this_side_does_not_change_what_the_stop_says() -> None:
    how = 'status=failed errcode=50 errstr="No such file or directory"'
    late = "FASP sender had error, errcode 40 errstr [Server aborted session: something]"
    peer = "Peer FASP receiver had error, errcode 51 errstr [Something else]"
    session = fold(at(0, 7, start("one"), stop("one", how)), at(0, 7, late, peer, level="ERR"))["one"]
    assert (session.code, session.reason) == (50, "No such file or directory")
    assert (session.peer_code, session.peer_reason) == (51, "Something else")
    assert len(session.errors) == 2


def test_codes_of_the_peer_within_the_stop() -> None:
    how = 'status=failed errcode=63 errstr="Source path stat failed" [peer errcode=40 errstr="Not permitted"]'
    session = fold(at(0, 7, f"FASP Session Stop uuid=one op=send {how} source=/a dest=/b"))["one"]
    assert (session.code, session.peer_code, session.peer_reason) == (63, 40, "Not permitted")


def test_errors_are_bounded() -> None:
    messages = [f"error in sending: seq={number}" for number in range(50)]
    session = fold(at(0, 7, *messages[:15], level="ERR"), at(1, 7, start("one")), at(2, 7, *messages, level="ERR"))
    assert session["one"].errors == messages[:15] + messages[:5]


def test_a_log_without_processes_is_that_of_one() -> None:
    """As standard error has it: no prefix, no times."""
    log = "".join(f"LOG {message}\n" for message in (VERSION, start("one"), stop("one"), VERSION, start("two")))
    found = fold(log)
    assert {uuid: session.status for uuid, session in found.items()} == {"one": "done", "two": "lost"}
    assert found["one"].start is None


# -- when a session is over


def test_a_session_is_over_with_the_block_of_its_process() -> None:
    fold = Sessions()
    records = read(at(0, 7, start("one"), stop("one"), *BLOCK))
    assert list(given(fold, records)) == ["one"]
    assert fold.close() == []


def test_a_process_that_ends_without_a_stop_is_lost() -> None:
    fold = Sessions()
    records = read(at(0, 7, start("one"), *BLOCK))
    assert [session.status for record in records for session in fold.feed(record)] == ["lost"]


def test_the_block_of_another_process_ends_nothing() -> None:
    fold = Sessions()
    assert list(given(fold, read(at(0, 7, start("one"), stop("one")), at(0, 8, *BLOCK)))) == []
    assert [session.files_skipped for session in fold.close()] == [0]


def test_files_that_were_skipped_are_those_of_the_block() -> None:
    session = fold(at(0, 7, start("one"), stop("one"), *BLOCK))["one"]
    assert (session.files_skipped, session.file_statistics["transfers_attempted"]) == (3, 4)


def test_without_a_block_a_session_is_over_a_while_after_its_stop() -> None:
    fold = Sessions()
    settled = STOP_GRACE.total_seconds()
    records = read(at(0, 7, start("one"), stop("one")), at(settled, 8, "a line"), at(settled + 0.001, 8, "another"))
    assert [list(given(fold, [record])) for record in records] == [[], [], [], ["one"]]


def test_what_has_stopped_is_over_when_nothing_comes_for_a_while() -> None:
    fold = Sessions()
    assert list(given(fold, read(at(0, 7, start("one"), stop("one")), at(0, 8, start("two"))))) == []
    assert [session.id for session in fold.idle()] == ["one"]
    assert fold.idle() == []
    assert [(session.id, session.status) for session in fold.close()] == [("two", "lost")]


def test_a_session_that_fails_at_once_is_one_session() -> None:
    """Its start has the failure already, and is not the end."""
    fold = Sessions()
    how = 'status=failed errcode=106 errstr="Usage error"'
    first = f"FASP Session Start uuid=one op=send {how} source= dest="
    assert list(given(fold, read(at(0, 7, first)))) == []
    assert fold.idle() == []
    assert list(given(fold, read(at(0, 7, stop("one", how), *BLOCK)))) == ["one"]


def test_a_start_that_failed_is_a_failure_also_without_a_stop() -> None:
    session = fold(at(0, 7, 'FASP Session Start uuid=one op=send status=failed errcode=106 errstr="Usage error"'))[
        "one"
    ]
    assert (session.status, session.code, session.reason, session.stop) == ("failed", 106, "Usage error", None)


def test_a_process_that_just_stops_writing_is_lost() -> None:
    progress = "Sender bl t/o/r/dl/c/h=31/30/1/1/0/0 rate t/m/c=1000/0/1000 prog t/f/e={}/118421 xmtD=1"
    log = at(0, 7, start("one"), begins("one", "a"), progress.format("500/400"), progress.format("900/800"))
    session = fold(log)["one"]
    assert (session.status, session.stop, session.seconds, session.code) == ("lost", None, 0.118421, None)
    assert (session.bytes_transferred, session.bytes_written) == (900, 800)
    assert (session.average_rate_kbps, session.rate_kbps) == (60.8, 54.04)  # 900 and 800 bytes in 118,421 microseconds
    assert [(file.name, file.status) for file in session.files] == [("a", "interrupted")]


def test_what_was_said_of_an_error_stays_with_a_session_that_is_lost() -> None:
    log = at(0, 7, start("one")), at(1, 7, "FASP sender had error, errcode 14 errstr [gone]", level="ERR")
    session = fold(*log)["one"]
    assert (session.status, session.code, session.reason) == ("lost", 14, "gone")


def test_a_process_number_that_begins_anew_ends_what_is_open() -> None:
    fold = Sessions()
    records = read(at(0, 7, VERSION, AUTH, start("one"), begins("one", "a")), at(9, 7, VERSION, start("two")))
    over = [session for record in records for session in fold.feed(record)]
    assert [(session.id, session.status, session.files_interrupted) for session in over] == [("one", "lost", 1)]
    [two] = fold.close()
    assert (two.id, two.host, two.files_interrupted) == ("two", None, 0)


def test_a_process_that_ended_before_it_had_a_session_leaves_nothing_to_the_next() -> None:
    log = (
        at(0, 7, VERSION, AUTH, NEGOTIATED),
        at(1, 7, "SSH connection startup failed", level="ERR"),
        at(9, 7, VERSION, start("one")),
    )
    session = fold(*log)["one"]
    assert (session.errors, session.host, session.target_rate_kbps) == ([], None, None)


def test_two_sessions_of_one_process_at_the_same_time() -> None:
    """As with HTTP fallback: the start of the second is no end of the first."""
    log = (
        at(0, 7, VERSION, AUTH, NEGOTIATED, start("udp"), begins("udp", "a")),
        at(1, 7, NEGOTIATED, start("http"), begins("http", "a")),
        at(2, 7, ends("http", "a"), ends("udp", "a", 'status=failed errcode=14 errstr="lost"')),
        at(3, 7, stop("udp", 'status=failed errcode=14 errstr="lost"'), stop("http"), *BLOCK),
    )
    found = fold(*log)
    assert {uuid: session.status for uuid, session in found.items()} == {"udp": "failed", "http": "done"}
    assert found["udp"].host == found["http"].host == "far.example.org"
    assert found["udp"].target_rate_kbps == found["http"].target_rate_kbps == 50_000
    assert [file.status for file in found["udp"].files] == ["failed"]
    assert [file.status for file in found["http"].files] == ["done"]
    assert (found["udp"].files_skipped, found["http"].files_skipped) == (0, 3)


def test_a_session_that_has_stopped_is_over_when_its_process_begins_the_next() -> None:
    fold = Sessions()
    assert list(given(fold, read(at(0, 7, start("one"), stop("one"), start("two"))))) == ["one"]


def test_a_process_that_was_silent_for_a_day_is_lost() -> None:
    fold = Sessions()
    day = PROCESS_TIMEOUT.total_seconds()
    records = read(
        at(0, 7, start("one")),
        at(5, 8, start("two")),
        at(day, 9, VERSION),
        at(day + 1, 9, AUTH),
        at(day + 2, 8, begins("two", "a")),
        at(day + 3, 9, NEGOTIATED),
        at(2 * day + 2, 9, NEGOTIATED),
        at(2 * day + 3, 9, NEGOTIATED),
    )
    assert [list(given(fold, [record])) for record in records] == [[], [], [], ["one"], [], [], [], ["two"]]
    assert fold.close() == []


def test_a_process_that_goes_on_does_not_hide_one_that_is_silent() -> None:
    fold = Sessions()
    day = PROCESS_TIMEOUT.total_seconds()
    records = read(
        at(0, 7, start("one")),
        at(1, 8, start("two")),
        at(day - 1, 7, begins("one", "a")),
        at(day + 2, 9, VERSION),
    )
    assert [list(given(fold, [record])) for record in records] == [[], [], [], ["two"]]


def test_more_sessions_than_any_server_has_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MAX_OPEN", 3)
    fold = Sessions()
    records = read(*(at(number, 7, start(f"s{number}")) for number in range(5)))
    assert list(given(fold, records)) == ["s0", "s1"]
    assert [session.id for session in fold.close()] == ["s2", "s3", "s4"]


def test_times_that_go_backwards_end_nothing() -> None:
    """The next file of a log may begin before the one before has ended."""
    fold = Sessions()
    records = read(at(1_000, 7, start("one")), at(10, 8, start("two")), at(1_001, 7, begins("one", "a")))
    assert list(given(fold, records)) == []


def test_the_end_of_all_times() -> None:
    log = "".join(
        f"9999-12-31 23:59:59.999 [0007-00000001] LOG {message}\n" for message in (start("one"), stop("one"), "a line")
    )
    assert fold(log)["one"].status == "done"


# -- what is in no log


def test_a_session_whose_start_was_rotated_away() -> None:
    how = 'status=failed errcode=68 errstr="User aborted session"'
    log = at(0, 7, ends("one", "a"), begins("one", "b"), stop("one", how), *BLOCK)
    session = fold(log)["one"]
    assert (session.status, session.code, session.direction) == ("failed", 68, "Send")
    # The only time in the log is that of its finished file.
    assert (session.start, session.seconds, session.source, session.destination) == (None, 0.17, ("/a",), "/b")
    assert [(file.name, file.status) for file in session.files] == [("a", "done"), ("b", "interrupted")]
    assert session.files_skipped == 3


def test_what_follows_a_stop_that_was_rotated_away_is_no_session() -> None:
    statistics = "FASP Session Statistics [Sender] id=one delay=8ms effective_rate=1.55Mbps"
    fold = Sessions()
    progress = "Sender bl t/o/r/dl/c/h=31/30/1/1/0/0 rate t/m/c=1000/0/1000 prog t/f/e=500/400/118421 xmtD=1"
    for record in read(at(0, 7, progress, "FASP Session Params uuid=one userid=0", statistics, *BLOCK)):
        assert fold.feed(record) == []
        assert not fold._processes
    assert fold.close() == []


def test_lines_that_are_cut_off_in_front_of_their_uuid_are_no_session() -> None:
    log = at(0, 7, "FASP Session Start uu", "FASP Session Stop ", "FASP Transfer Start u", "FASP Transfer Stop uuid")
    assert fold(log) == {}


def test_a_stop_that_is_cut_off_in_front_of_its_status_is_no_verdict() -> None:
    session = fold(at(0, 7, start("one"), ends("one", "a", how="sta"), "FASP Session Stop uuid=one op=send sta"))["one"]
    assert session.status == "lost"
    assert (session.files_interrupted, session.files_failed) == (1, 0)


def test_a_text_where_a_number_should_be_is_none() -> None:
    params = "FASP Session Params uuid=one targetrate=fast minrate=low"
    file = 'FASP Transfer Stop uuid=one op=send status=success file="a" size=big rate=quick elapsed=long'
    session = fold(at(0, 7, start("one"), params, file, stop("one", "status=failed errcode=x")))["one"]
    assert (session.target_rate_kbps, session.min_rate_kbps, session.code) == (None, None, None)
    assert (session.files[0].size, session.files[0].rate_kbps, session.files[0].elapsed_seconds) == (None, None, None)
    assert session.parameters["targetrate"] == "fast"


# -- files


def test_a_stop_without_a_start_is_a_file_too() -> None:
    failed = 'status=failed errcode=50 errstr="No such file or directory"'
    [file] = fold(at(0, 7, start("one")), at(2, 7, ends("one", "a", failed)))["one"].files
    assert (file.status, file.code, file.management_code) == ("failed", 50, 4)
    assert (file.reason, file.start, file.bytes_done) == ("No such file or directory", None, None)


def test_a_file_that_comes_again_after_its_stop_is_another_one() -> None:
    log = (
        at(0, 7, start("one"), begins("one", "a")),
        at(1, 7, ends("one", "a", "status=failed errcode=50")),
        at(2, 7, begins("one", "a")),
        at(3, 7, ends("one", "a")),
    )
    session = fold(*log)["one"]
    assert [file.status for file in session.files] == ["failed", "done"]
    assert (session.files_failed, session.files_done, session.files_interrupted) == (1, 1, 0)


def test_a_file_that_starts_again_before_its_stop_is_the_same_one() -> None:
    session = fold(at(0, 7, start("one"), begins("one", "a")), at(4, 7, begins("one", "a", size=20)))["one"]
    assert session.files_interrupted == 1
    [file] = session.files
    assert (file.size, file.start) == (20, MORNING + timedelta(seconds=4))


def test_so_many_files_are_kept_and_all_are_counted() -> None:
    fold = Sessions(keep_files=2)
    seen = []
    names = [f"f{number}" for number in range(10)]
    for record in read(
        at(0, 7, start("one"), *(begins("one", name) for name in names)),
        at(1, 7, *(ends("one", name) for name in names[:7]), stop("one")),
    ):
        fold.feed(record)
        seen += [(file.name, file.status) for file in fold.files]
    [session] = fold.close()
    seen += [(file.name, file.status) for file in fold.files]
    assert [file.name for file in session.files] == ["f0", "f1", "f7", "f8", "f9"]
    assert (session.files_done, session.files_interrupted) == (7, 3)
    assert seen == [(name, "done") for name in names[:7]] + [(name, "interrupted") for name in names[7:]]


# -- memory


def test_what_is_held_does_not_grow_with_the_log() -> None:
    fold = Sessions(keep_files=5)
    for number in range(3_000):
        uuid = f"u{number}"
        log = (
            at(number, 7 + number, VERSION, AUTH, start(uuid), begins(uuid, "a"), ends(uuid, "a"), stop(uuid), *BLOCK),
            at(number, 50_000 + number, VERSION),  # a process without a session
        )
        assert list(given(fold, read(*log))) == [uuid]
        assert not fold._open
        assert not fold._settled_at
    assert len(fold._processes) == 3_000
    list(given(fold, read(at(2 * PROCESS_TIMEOUT.total_seconds(), 7, VERSION))))
    assert len(fold._processes) == 1


def test_processes_that_may_go_on_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MAX_OPEN", 10)
    fold = Sessions()
    for number in range(100):
        list(given(fold, read(at(number, number, VERSION))))
        assert len(fold._processes) <= 10


def test_files_that_never_stop_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folding, "MAX_UNFINISHED", 3)
    fold = Sessions(keep_files=0)
    list(given(fold, read(at(0, 7, start("one"), *(begins("one", f"f{number}") for number in range(8))))))
    list(given(fold, read(at(0, 7, start("two"), begins("two", "a")))))
    list(given(fold, read(at(1, 7, ends("one", "f7"), ends("one", "f0")))))
    one, two = fold.close()
    assert [file.name for file in one.files] == ["f1", "f2"]
    assert (one.files_done, one.files_interrupted) == (2, 6)
    assert (two.files, two.files_interrupted) == ([], 1)
    assert fold._unfinished == 0


# -- how it is shown


def test_secrets_are_hidden() -> None:
    params = """FASP Session Params uuid=one userid=0 user="jane" cookie="{"token":"s3cret"}" vl_proto_ver=1"""
    error = "FASP sender had error, errcode 2 errstr [bad url https://u:s3cret@x.example.org/]"
    url = "https://jane:s3cret@store.example.org/a"
    log = (
        at(0, 7, f"FASP Session Start uuid=one op=send status=started source={url} dest=/b", params),
        at(0, 7, begins("one", url)),
        at(1, 7, error, "refused token=s3cret", level="ERR"),
    )
    session = fold(*log)["one"]
    assert session.cookie == '{"token":"s3cret"}'
    assert "s3cret" not in json.dumps(session.to_dict())
    shown = json.dumps(session.to_dict(redact=False))
    assert shown.count("s3cret") == 8  # cookie, parameters, source, file, reason, detail, two errors


def test_all_names_are_shown_in_their_order() -> None:
    log = at(0, 7, start("one"), begins("one", "a"), ends("one", "a"), stop("one"))
    shown = fold(log)["one"].to_dict()
    assert " ".join(shown) == (
        "id machine process thread role direction status code management_code reason detail peer_code peer_reason "
        "start stop seconds assumed local peer tcp_port host user cookie source destination source_prefix version "
        "peer_version os peer_os license peer_license files files_done files_failed files_interrupted files_skipped "
        "bytes_transferred bytes_written rate_kbps average_rate_kbps target_rate_kbps original_target_rate_kbps "
        "min_rate_kbps policy cipher path_mtu datagram_size block_size rtt_ms blocks_total blocks_retransmitted "
        "retransmitted_percent parameters statistics file_statistics errors"
    )
    assert shown["files"] == [
        {
            "name": "a",
            "session": "one",
            "direction": "Send",
            "peer": None,
            "host": None,
            "user": None,
            "status": "done",
            "code": None,
            "management_code": None,
            "reason": None,
            "size": 10,
            "start_byte": 0,
            "bytes_done": 10,
            "rate_kbps": 6_590.0,
            "elapsed_seconds": 0.17,
            "loss": 0.0,
            "retransmission_requests": 0,
            "overhead": 1,
            "mtime": None,
            "start": "2026-03-01T10:00:00+00:00",
            "stop": "2026-03-01T10:00:00+00:00",
        }
    ]


# -- what a real ascp 3.9.0 wrote


def test_files_that_were_there_are_skipped_and_not_done() -> None:
    there = 'FASP Transfer Stop uuid=one op=send status=success file="a" size=10 start_byte=10 rate=0.00Kbps loss=0.00 '
    for block, skipped in ((), 1), (BLOCK, 3):
        log = at(0, 7, start("one"), there + "rexreqs=0 overhead=0", begins("one", "b"), ends("one", "b"), stop("one"))
        session = fold(log, at(1, 7, *block))["one"]
        assert (session.files_done, session.files_skipped, len(session.files)) == (1, skipped, 2)


def test_a_rate_that_is_not_known() -> None:
    params = "FASP Session Params uuid=one userid=0 targetrate=18446744073709551615 minrate=18446744073709551615"
    session = fold(at(0, 7, start("one"), params))["one"]
    assert (session.target_rate_kbps, session.min_rate_kbps) == (None, None)


@pytest.mark.parametrize(
    ("line", "status", "reason"),
    [
        ("Error unable to create socket action=session_end server=h", "failed", "Error unable to create socket"),
        ("ended with result:400 completed=0 elapsed_usec=67", "failed", "HTTP session ended with result 400"),
        ("Error unable to create socket action=session_start server=h", "lost", None),
        ("ended with result:200 completed=1 elapsed_usec=67", "lost", None),
    ],
)
def test_a_session_that_fails_over_http(line: str, status: str, reason: str | None) -> None:
    session = fold(at(0, 7, start("one"), "Falling back to HTTP", f"http_session=two {line}"))["one"]
    assert (session.status, session.code, session.reason) == (status, None, reason)


# -- values that only some lines have


def test_session_without_a_stop_after_a_finished_file() -> None:
    """ascp was killed: the line of the file has its bytes and its time."""
    session = fold(at(0, 7, start("one"), begins("one", "a", 1_700_000), ends("one", "a", size=1_700_000)))["one"]
    assert (session.status, session.bytes_transferred, session.bytes_written) == ("lost", None, 1_700_000)
    assert (session.seconds, session.rate_kbps) == (0.17, 80_000.0)  # 1.7 MB in 0.17 s


def test_session_without_a_stop_after_several_files() -> None:
    """They may have moved side by side: their times are not that of the session."""
    lines = [ends("one", name, size=1_000) for name in "ab"]
    session = fold(at(0, 7, start("one"), *lines))["one"]
    assert (session.bytes_written, session.seconds, session.rate_kbps) == (2_000, None, None)


def test_session_without_times() -> None:
    progress = (
        "Sender bl t/o/r/dl/c/h=31/30/1/1/0/0 rate t/m/c=1000/0/1000 prog t/f/e=1048576000/1048576000/87494969 x=1"
    )
    log = "".join(f"LOG {message}\n" for message in (start("one"), begins("one", "a"), progress))
    session = fold(log)["one"]
    assert (session.start, session.seconds, session.bytes_written) == (None, 87.494969, 1_048_576_000)
    assert session.rate_kbps == 95_875.32  # 8,388,608,000 bits in 87.494969 s


def test_rate_that_ascp_wrote_as_0() -> None:
    statistics = (
        "FASP Session Statistics [Sender] id=one delay=1ms rex_delay=1ms solicited_rex=0.00% rcvd_rex=0.00% "
        "ave_xmit_rate 0.00Kbps effective=0.00% effective_rate=0.00Kbps (detail: good_blks 1 bl_total 1 bl_orig 1 "
        "bl_rex 0 dup_blks 0 dup_last_blks 0 drop_blks_xnf 0) (sndr ctl: sent 1 rcvd 1 lost 0 lost 0.00%) (rcvr ctl: "
        "sent 1 rcvd 1 lost 0 lost 0.00%) (rex ctl: sent 0 rcvd 0 lost 0 lost 0.00%) (progress: tx_bytes 5000 "
        "file_bytes 4000 tx_time 2000000) sess->instru.n_ovfl 0"
    )
    session = fold(at(0, 7, start("one"), stop("one"), statistics))["one"]
    assert (session.bytes_transferred, session.bytes_written) == (5_000, 4_000)
    assert (session.average_rate_kbps, session.rate_kbps) == (20.0, 16.0)


def test_files_that_the_block_counts_as_failed() -> None:
    """Of three failed files one had begun; without the block it is interrupted."""
    how = 'status=failed errcode=68 errstr="User aborted session"'
    lines = [start("one"), begins("one", "a"), stop("one", how)]
    block = [BLOCK[0], "- Source file transfers failed              :          3", BLOCK[-1]]
    session = fold(at(0, 7, *lines, *block))["one"]
    assert (session.files_failed, session.files_interrupted) == (3, 0)
    assert [(file.status, file.code, file.reason) for file in session.files] == [("failed", 68, "User aborted session")]
    session = fold(at(0, 7, *lines))["one"]
    assert (session.files_failed, session.files_interrupted) == (0, 1)


def test_reason_from_the_errors_of_the_process() -> None:
    log = at(0, 7, start("one")) + at(0, 7, "Receiver: no space", level="ERR")
    session = fold(log + at(1, 7, stop("one", 'status=failed errcode=1 errstr=""')))["one"]
    assert (session.status, session.code, session.reason) == ("failed", 1, "Receiver: no space")
