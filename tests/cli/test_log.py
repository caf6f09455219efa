"""faspmgr log: the nine sessions of a real log, and small logs written here; expected values by hand."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Result, invoke
from tests.launcher import finish, run, shell, start
from tests.live import wait_until


@pytest.fixture
def windows(fixtures: Path) -> Path:
    """The log of nine real runs."""
    return fixtures / "ascp-log" / "ascp-3.9.6-windows.log"


def log(*args: str | Path, stdin: bytes = b"", zone: str = "UTC") -> Result:
    return invoke("log", "--timezone", zone, *args, stdin=stdin)


def session(
    id: str,
    *,
    start: str = "2024-05-02 09:00:00",
    stop: str = "2024-05-02 09:00:08",
    process: str = "1a2b",
    end: str = "status=success",
    peer: str = "203.0.113.8:33001",
    user: str = "ingest",
    files: dict[str, str] | None = None,
) -> bytes:
    """A session as ascp writes it down, as far as it matters here; end: "" for one that just stops writing."""
    ends = f"uuid={id} op=send %s source=/in dest=/out source_prefix=- local=192.0.2.7:50000 peer={peer} tcp_port=22"
    lines = [
        (start, f"FASP Session Start {ends % 'status=started'}"),
        (start, f'FASP Session Params uuid={id} userid=0 user="{user}" targetrate=50000000 minrate=0 cookie="-"'),
    ]
    for name, status in (files or {}).items():
        about = f'file="{name}" size=1000 start_byte=0 rate=8.00Mbps'
        lines.append((start, f"FASP Transfer Start uuid={id} op=send status=started {about} loss=0.00"))
        if status:
            lines.append((stop, f"FASP Transfer Stop uuid={id} op=send {status} {about} elapsed=1.00s loss=0.00"))
    if end:
        lines.append((stop, f"FASP Session Stop {ends % end}"))
    return "".join(f"{time}.000 [{process}-00000001] LOG {message}\n" for time, message in lines).encode()


def statistics(id: str, *, time: str = "2024-05-02 09:00:08", process: str = "1a2b", bytes: int, rate: str) -> bytes:
    return (
        f"{time}.000 [{process}-00000001] LOG FASP Session Statistics [Sender] id={id} delay=8ms"
        f" ave_xmit_rate {rate} effective=100.00% effective_rate={rate} (detail: good_blks 1 bl_total 1)"
        f" (progress: tx_bytes {bytes} file_bytes {bytes} tx_time 1)\n"
    ).encode()


# -- sessions of the real log


NINE: list[tuple[str, str, int | None, int | None, int, int, float]] = [
    # id, verdict, code, code of the stream, files done, bytes transferred, effective rate in Kbps
    ("c4348842", "failed", 63, 43, 0, 0, 0.0),
    ("21702a17", "failed", 68, 28, 18, 15618129, 34350.0),
    ("b3ba496e", "failed", 62, 8, 0, 0, 0.0),
    ("7d5a7202", "done", None, None, 1, 1651097607, 290970.0),
    ("cfaf4e49", "failed", 89, 19, 0, 0, 0.0),
    ("92a2f457", "done", None, None, 1, 40028, 1550.0),
    ("dfdb39c5", "failed", 50, 4, 0, 0, 0.0),
    ("20ccff62", "done", None, None, 2, 45184, 2400.0),
    ("ea4874ad", "failed", 106, 8, 0, 0, 0.0),
]


def summary(shown: dict[str, Any]) -> tuple[Any, ...]:
    return (
        shown["id"][:8],
        *(shown[name] for name in ("status", "code", "management_code", "files_done", "bytes_transferred")),
        shown["rate_kbps"],
    )


def ids(result: Result) -> list[str]:
    return [shown["id"][:8] for shown in result.objects]


def test_the_sessions_of_a_real_log(windows: Path) -> None:
    result = log(windows)
    assert (result.status, result.err) == (0, "")
    assert [summary(shown) for shown in result.objects] == NINE
    assert result.objects[3]["start"] == "2021-05-12T09:21:25.397000+00:00"
    assert result.objects[3]["files"][0]["name"] == "download/scene_015.7z"


def test_the_same_from_a_pipe_in_pieces_and_as_gzip(windows: Path, tmp_path: Path) -> None:
    expected = log(windows).out
    assert log(stdin=windows.read_bytes()).out == expected
    assert log("-", stdin=windows.read_bytes()).out == expected
    packed = tmp_path / "x.log.gz"
    packed.write_bytes(gzip.compress(windows.read_bytes()))
    assert log(packed).out == expected


def test_csv_has_a_row_for_each_session(windows: Path) -> None:
    text = log("--format", "csv", windows).text
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["id"][:8] for row in rows] == [row[0] for row in NINE]
    assert [row["code"] for row in rows] == ["63", "68", "62", "", "89", "", "50", "", "106"]
    assert rows[3]["rate_kbps"] == "290970.0"
    assert rows[7]["source"] == '["C:/jobs/1245111/info.cfg","C:/Users/op/Downloads/test_output_exr.project"]'
    assert not {"files", "parameters", "statistics", "file_statistics"} & set(rows[0])
    assert {"peer_code", "path_mtu", "blocks_retransmitted", "errors"} <= set(rows[0])


def test_text_has_a_line_for_each_session(windows: Path) -> None:
    lines = log("--format", "text", windows).lines
    assert len(lines) == 9
    assert lines[0].endswith(": 63 Source path stat failed (Server aborted session: No such file or directory)")
    assert lines[1] == (
        "2021-05-11 16:25:03  failed  Receive   18 files   15.6 MB   34.4 Mbps  203.0.113.8:33001  studio_output:"
        " 68 User aborted session"
    )
    assert lines[3] == (
        "2021-05-12 09:21:25  done    Receive     1 file    1.7 GB  291.0 Mbps  203.0.113.9:33001  studio_output"
    )
    assert lines[8].endswith("  (no peer): 106 Usage error")


# -- the other tables


def test_files(windows: Path) -> None:
    result = log("--table", "files", windows)
    shown = result.objects
    assert [file["status"] for file in shown].count("done") == 18 + 1 + 1 + 2
    assert shown[0] == {
        "name": "downtest/shot_0001.png",
        "session": "21702a17-536d-2677-96b1-bab7352566e1",
        "direction": "Receive",
        "peer": "203.0.113.8:33001",
        "host": "transfer.example.org",
        "user": "studio_output",
        "status": "done",
        "code": None,
        "management_code": None,
        "reason": None,
        "size": 138080,
        "start_byte": 0,
        "bytes_done": 138080,
        "rate_kbps": 6590.0,
        "elapsed_seconds": 0.17,
        "loss": 0.0,
        "retransmission_requests": 0,
        "overhead": 1,
        "mtime": "2021-05-11 14:53:36",
        "start": "2021-05-11T16:25:03.804000+00:00",
        "stop": "2021-05-11T16:25:03.970000+00:00",
    }
    names = [file["name"] for file in log("--table", "files", "--failed", windows).objects]
    assert names == ["downtest/shot_0019.png", "downtest/shot_0020.png", "C:/jobs/1245111/info.cfg"]
    of_assets = log("--table", "files", "--user", "studio_assets", "--peer", "192.0.2.13", windows).objects
    assert [(file["name"].rpartition("/")[2], file["status"]) for file in of_assets] == [
        ("info.cfg", "failed"),
        ("test_output_exr.project", "done"),
        ("info.cfg", "done"),
    ]
    line = log("--table", "files", "--format", "text", "--file", "*.7z", windows).text
    assert line == "2021-05-12 09:21:25  done           1.7 GB  284.4 Mbps  download/scene_015.7z\n"


def test_every_file_of_a_session_comes_however_many() -> None:
    names = {f"/in/{number}": "status=success" for number in range(1_500)}
    data = session("a", files=names)
    assert [file["name"] for file in log("--table", "files", stdin=data).objects] == list(names)
    assert ids(log("--file", "1499", stdin=data)) == ["a"]  # of which the session keeps no more
    both = data + data.replace(b"op=send", b"op=recv").replace(b"[1a2b-", b"[1a2c-")  # both ends write to one log
    (total,) = log("--totals", "--file", "1499", stdin=both).objects
    assert (total["sessions"], total["files_done"]) == (2, 3_000)


def test_records(windows: Path) -> None:
    result = log("--table", "records", windows)
    assert result.objects[1] == {
        "path": str(windows),
        "line": 2,
        "time": "2021-05-11T16:24:31.981000+00:00",
        "program": "ascp",
        "process": 0xE330,
        "thread": 0xFFAC,
        "level": "LOG",
        "kind": "version",
        "fields": {
            "version": "3.9.6.177525",
            "license_max_rate": "(unlimited)",
            "account": 1,
            "license": 2000,
            "product": 48,
        },
        "message": "Initializing FASP version 3.9.6.177525, license max rate=(unlimited), account no.=1,"
        " license no.=2000 product=48",
    }
    header, first, *_ = csv.reader(io.StringIO(log("--table", "records", "--format", "csv", windows).text))
    assert header == [
        "path",
        "line",
        "time",
        "host",
        "program",
        "process",
        "thread",
        "level",
        "kind",
        "fields",
        "message",
    ]
    assert first[1:9] == ["1", "2021-05-11T16:24:31.976000+00:00", "", "ascp", "58160", "65452", "LOG", "other"]
    late = log("--table", "records", "--since", "2023-06-16", windows).objects
    assert (late[0]["line"], late[-1]["line"]) == (356, 369)
    line = log("--table", "records", "--format", "text", "--since", "2023-06-16 09:00", windows).text
    assert line.startswith(f"other        path={windows} line=369 time=2023-06-16T09:26:47.147000+00:00")


def test_statistics(windows: Path) -> None:
    shown = log("--table", "statistics", windows).objects
    assert len(shown) == 9
    large = shown[3]
    assert list(large)[:4] == ["id", "start", "status", "side"]
    about = ("delay", "solicited_rex", "bl_total", "bl_rex", "effective_rate", "transfers_passed")
    assert [large[name] for name in about] == [38, 47.03, 1183125, 642587, 290970.0, 1]
    assert "uuid" not in large
    rows = list(csv.DictReader(io.StringIO(log("--table", "statistics", "--format", "csv", windows).text)))
    assert rows[6]["transfers_failed"] == "1"
    assert rows[6]["flagged"] == '["transfers_failed"]'
    assert {row["extra"] for row in rows[:3]} == {""}


# -- totals


def test_totals(windows: Path) -> None:
    (total,) = log("--totals", windows).objects
    failures = total.pop("failures")
    assert total == {
        "sessions": 9,
        "done": 3,
        "failed": 6,
        "lost": 0,
        "files_done": 22,
        "files_skipped": 0,
        "files_failed": 179,  # 178 in the block of the second session, two of which had begun
        "files_interrupted": 0,
        "at_least": [],
        "bytes_transferred": 15618129 + 1651097607 + 40028 + 45184,
        "bytes_written": 15618129 + 1651097607 + 40028 + 45184,
        "rate_kbps_median": 18375.0,  # between 2.40 and 34.35 Mbps
        "rate_kbps_95th_percentile": 252477.0,  # 34350 + 0.85 * (290970 - 34350)
        "blocks_total": 11110 + 1183125 + 31 + 53,
        "blocks_retransmitted": 2 + 642587 + 1 + 2,
        "retransmitted_percent": 53.8,
    }
    assert failures[2] == {"code": 63, "management_code": 43, "reason": "Source path stat failed", "sessions": 1}
    assert [failure["code"] for failure in failures] == [50, 62, 63, 68, 89, 106]


DAYS = [("2021-05-11", 2, 15618129), ("2021-05-12", 2, 1651097607), ("2023-06-15", 4, 85212), ("2023-06-16", 1, 0)]
PEERS = [
    ("203.0.113.9", 2, 1651097607),
    ("203.0.113.8", 2, 15618129),
    ("192.0.2.13", 2, 45184),
    ("192.0.2.11", 2, 40028),
    (None, 1, 0),
]
USERS = [("studio_output", 4, 1666715736), ("studio_assets", 2, 45184), ("ingest", 2, 40028), (None, 1, 0)]


@pytest.mark.parametrize(("by", "expected"), [("day", DAYS), ("peer", PEERS), ("user", USERS)])
def test_totals_by(by: str, expected: list[tuple[Any, ...]], windows: Path) -> None:
    shown = log("--totals", "--by", by, windows).objects
    assert [(total[by], total["sessions"], total["bytes_transferred"]) for total in shown] == expected
    rows = list(csv.DictReader(io.StringIO(log("--totals", "--by", by, "--format", "csv", windows).text)))
    assert [(row[by] or None, int(row["sessions"]), int(row["bytes_transferred"])) for row in rows] == expected


def test_totals_by_hour() -> None:
    """An hour that exists twice is two hours, in their order."""
    times = [("01:59:50", "02:00:10"), ("02:30:00", "02:40:00"), ("02:10:00", "03:00:00"), ("23:59:59", "23:59:59")]
    data = b"".join(
        session(str(number), process=str(number), start=f"2024-10-27 {start}", stop=f"2024-10-27 {stop}")
        for number, (start, stop) in enumerate(times)
    )
    result = log("--totals", "--by", "hour", stdin=data, zone="Europe/Berlin")
    assert [(total["hour"], total["sessions"]) for total in result.objects] == [
        ("2024-10-27T01:00+02:00", 1),
        ("2024-10-27T02:00+02:00", 1),
        ("2024-10-27T02:00+01:00", 1),
        ("2024-10-27T23:00+01:00", 1),
    ]


def test_skipped_sessions_and_files() -> None:
    skipped = session("a", files={"/in/a": "status=success", "/in/b": "status=success"}).replace(
        b'file="/in/b" size=1000 start_byte=0', b'file="/in/b" size=1000 start_byte=1000'
    )
    data = skipped + session("b", process="2", files={"/in/c": "status=success"})
    assert ids(log("--skipped", stdin=data)) == ["a"]
    assert [file["name"] for file in log("--table", "files", "--skipped", stdin=data).objects] == ["/in/b"]
    (total,) = log("--totals", "--skipped", stdin=data).objects
    assert (total["sessions"], total["files_skipped"]) == (1, 1)


def containers(data: bytes, form: str) -> bytes:
    """A log of ``ascp -L-`` as a container engine, or the journal, writes it."""
    lines = []
    for number, line in enumerate(data.decode().splitlines()):
        time, message = f"2024-05-02T07:00:0{number}", line.partition("] ")[2]
        usec = (1_714_633_200 + number) * 1_000_000
        lines.append(
            {
                "docker": json.dumps({"log": f"{message}\n", "stream": "stderr", "time": f"{time}.000000001Z"}),
                "cri": f"{time}.000000000Z stderr F {message}",
                "json": json.dumps(
                    {"MESSAGE": message, "_PID": "7", "_COMM": "ascp", "__REALTIME_TIMESTAMP": f"{usec}"}
                ),
                "short-full": f"Thu 2024-05-02 09:00:0{number} CEST host ascp[7]: {message}",
                "short-unix": f"{usec / 1_000_000:.6f} host ascp[7]: {message}",
            }[form]
        )
    return "\n".join(lines).encode()


@pytest.mark.parametrize("form", ["docker", "cri", "json", "short-full", "short-unix"])
def test_logs_of_containers_and_the_journal(form: str, tmp_path: Path) -> None:
    path = tmp_path / "0.log"
    path.write_bytes(containers(session("a", files={'/in/"é"': "status=success"}), form))
    result = log(path, zone="Europe/Berlin")
    (shown,) = result.objects
    assert (result.status, shown["status"], shown["files"][0]["name"]) == (0, "done", '/in/"é"')
    times = [datetime.fromisoformat(shown[name]).timestamp() for name in ("start", "stop")]
    assert times == [1_714_633_200, 1_714_633_204]
    events = invoke("decode", path).objects
    assert [event["type"] for event in events][:2] == ["INIT", "SESSION"]


def test_a_session_of_3_3() -> None:
    (shown,) = log(
        stdin=b"Jan 26 18:44:54 h ascp[1894]: LOG FASP Session Start uuid=u op=send status=started source=/data/a (1)"
        b' dest=/data userid=0 user="root" local=192.0.2.7:54338 peer=203.0.113.8:33001 targetrate=2000000000 minrate=0'
        b' transfer_policy=fair secure=no cookie="console: Rerun 2" vlink_local=0 ver=3.3.3.79205\n'
    ).objects
    expected: dict[str, Any] = {
        "source": ["/data/a"],
        "destination": "/data",
        "user": "root",
        "peer": "203.0.113.8:33001",
    }
    expected |= {"target_rate_kbps": 2_000_000.0, "policy": "fair", "cookie": "console: Rerun 2"}
    assert {name: shown[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("code", "words", "management_code"),
    [(44, "UDP session initiation fatal error", 44), (40, "Data transfer stalled, timed out", 40), (40, "x", 38)],
)
def test_the_words_beside_a_code_decide(code: int, words: str, management_code: int, tmp_path: Path) -> None:
    path = tmp_path / "old.log"
    path.write_bytes(session("a", end=f'status=failed errcode={code} errstr="{words}"'))
    assert [shown["management_code"] for shown in log(path).objects] == [management_code]
    (total,) = log("--totals", path).objects
    assert total["failures"][0]["management_code"] == management_code
    error = invoke("decode", path).objects[-1]
    assert (error["type"], error["code"], error["description"]) == ("ERROR", management_code, words)


def test_sessions_over_a_change_of_the_clocks() -> None:
    spring = session("a", start="2024-03-31 01:59:50", stop="2024-03-31 03:00:10")
    autumn = session("b", start="2024-10-27 02:59:50", stop="2024-10-27 02:00:10")
    leap = (
        session("c")
        .replace(b"2024-05-02 09:00:00.000 [1a2b-00000001]", b"Feb 29 23:59:50 h ascp[7]:")
        .replace(b"2024-05-02 09:00:08.000 [1a2b-00000001]", b"Mar  1 00:00:10 h ascp[7]:")
    )
    for data in (spring, autumn, leap):
        (shown,) = log(stdin=data, zone="Europe/Berlin").objects
        assert (shown["status"], shown["seconds"]) == ("done", 20)
    assert shown["start"][:4] == shown["stop"][:4] == "2024"
    assert ids(log("--since", "2024-10-27 02:59:59+02:00", stdin=autumn, zone="Europe/Berlin")) == []
    assert ids(log("--since", "2024-10-27 02:59:50+02:00", stdin=autumn, zone="Europe/Berlin")) == ["b"]


def test_the_day_is_that_of_the_zone_that_is_asked_for() -> None:
    data = session("a", start="2024-05-02 23:30:00", stop="2024-05-02 23:45:00")
    utc = data.replace(b"2024-05-02 23:30:00.000 [1a2b-00000001]", b"2024-05-02T23:30:00Z host ascp[7]:").replace(
        b"2024-05-02 23:45:00.000 [1a2b-00000001]", b"2024-05-02T23:45:00Z host ascp[7]:"
    )
    (total,) = log("--totals", "--by", "day", stdin=data, zone="Europe/Berlin").objects
    assert total["day"] == "2024-05-02"
    (total,) = log("--totals", "--by", "day", stdin=utc, zone="Europe/Berlin").objects
    assert total["day"] == "2024-05-03"


def test_totals_for_people(windows: Path) -> None:
    assert log("--totals", "--by", "day", "--format", "text", "--until", "2021-06-01", windows).lines == [
        "day         sessions  done  failed  lost  files    bytes  sent again      median  95th percentile",
        "2021-05-11         2     0       2     0     18  15.6 MB      0.02 %   34.4 Mbps        34.4 Mbps",
        "2021-05-12         2     1       1     0      1   1.7 GB     54.31 %  291.0 Mbps       291.0 Mbps",
        "all                4     1       3     0     19   1.7 GB     53.81 %  162.7 Mbps       278.1 Mbps",
        "",
        "failed  code of the log                    code of the stream",
        "     1  62 Source file list not specified  8 USAGE",
        "     1  63 Source path stat failed         43 STAT_FAILS",
        "     1  68 User aborted session            28 USER_CANCEL",
    ]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], "2024-05-02 09:00:00  lost    Send       0 files         -           -  203.0.113.8:33001  ingest"),
        (["--table", "files"], "2024-05-02 09:00:00  interrupted    1.0 kB           -  /in/a"),
    ],
)
def test_unknown_is_a_dash_in_text(args: list[str], expected: str) -> None:
    data = session("a", end="", files={"/in/a": ""})
    assert log("--format", "text", *args, stdin=data).lines == [expected]


def test_totals_of_nothing() -> None:
    result = log("--totals", "--format", "text", stdin=session("a", end=""))
    assert result.lines[1].split() == ["all", "1", "0", "0", "1", "0", "-", "-", "-", "-"]
    assert log("--totals", "--by", "day", "--failed", stdin=session("a")).text == ""


# -- what is asked for


SELECTIONS: list[tuple[list[str], list[str]]] = [
    (["--since", "2023-06-15"], ["cfaf4e49", "92a2f457", "dfdb39c5", "20ccff62", "ea4874ad"]),
    (["--since", "2021-05-11 16:25", "--until", "2021-05-12 09:20"], ["21702a17", "b3ba496e"]),
    (["--until", "2021-05-11T18:24:38.262+02:00"], []),
    (["--failed"], ["c4348842", "21702a17", "b3ba496e", "cfaf4e49", "dfdb39c5", "ea4874ad"]),
    (["--peer", "203.0.113.9"], ["b3ba496e", "7d5a7202"]),
    (["--peer", "203.0.113.*:33001", "--failed"], ["c4348842", "21702a17", "b3ba496e"]),
    (["--peer", "transfer.example.org"], ["c4348842", "21702a17", "7d5a7202"]),
    (["--user", "studio_a*"], ["dfdb39c5", "20ccff62"]),
    (["--file", "info.cfg"], ["dfdb39c5", "20ccff62"]),
    (["--file", "shot_0020.png"], ["21702a17"]),  # which was interrupted
    (["--file", "download/*"], ["7d5a7202"]),
    (["--since", "7d"], []),
]


@pytest.mark.parametrize(("args", "expected"), SELECTIONS, ids=[" ".join(args) for args, _ in SELECTIONS])
def test_sessions_that_are_asked_for(args: list[str], expected: list[str], windows: Path) -> None:
    result = log(*args, windows)
    assert (result.status, result.err) == (0, "")
    assert ids(result) == expected
    (total,) = log("--totals", *args, windows).objects
    assert total["sessions"] == len(expected)


def test_a_time_without_a_zone_is_in_the_zone_that_is_asked_for() -> None:
    data = session("a", start="2024-05-02 09:00:00")
    assert ids(log("--since", "2024-05-02 09:00", stdin=data, zone="Europe/Berlin")) == ["a"]
    assert ids(log("--since", "2024-05-02 07:00Z", stdin=data, zone="Europe/Berlin")) == ["a"]
    assert ids(log("--since", "2024-05-02 07:01Z", stdin=data, zone="Europe/Berlin")) == []


def test_lost_is_failed() -> None:
    data = session("a") + session("b", process="77", end="") + session("c", process="78", end="status=failed")
    assert sorted(ids(log("--failed", stdin=data))) == ["b", "c"]


# -- which logs


def test_rotated_logs_are_read_in_their_order_and_once(tmp_path: Path) -> None:
    early, late = session("a", start="2024-05-01 09:00:00", stop="2024-05-01 09:00:08"), session("b")
    middle = early.index(b"\n") + 1
    (tmp_path / "aspera-scp-transfer.0.log").write_bytes(early[:middle])
    (tmp_path / "aspera-scp-transfer.1.log").write_bytes(early[middle:] + late)
    os.link(tmp_path / "aspera-scp-transfer.1.log", tmp_path / "aspera-scp-transfer.log")
    for args in ([tmp_path], sorted(tmp_path.iterdir(), reverse=True)):
        result = log(*args)
        assert (result.status, result.err, ids(result)) == (0, "", ["a", "b"])
        assert [shown["status"] for shown in result.objects] == ["done", "done"]


def test_a_block_of_statistics_behind_a_rotation_belongs_to_its_session(windows: Path, tmp_path: Path) -> None:
    data = windows.read_bytes()
    cut = data.index(b"2021-05-12 09:22:12.705")  # the block of the fourth session
    assert data.count(b"FASP Session Stop", 0, cut) == 4
    (tmp_path / "a.0.log").write_bytes(data[:cut])
    (tmp_path / "a.1.log").write_bytes(data[cut:])
    assert log("--table", "statistics", tmp_path).out == log("--table", "statistics", windows).out


def test_what_cannot_be_read(windows: Path, tmp_path: Path) -> None:
    missing, empty, packed = tmp_path / "missing.log", tmp_path / "empty", tmp_path / "x.log.gz"
    empty.mkdir()
    result = log(missing, empty, windows)
    assert result.status == 2
    assert [summary(shown) for shown in result.objects] == NINE
    assert sorted(result.errors) == [
        f"{empty}: no log (*.log) in this directory",
        f"{missing}: No such file or directory",
    ]
    packed.write_bytes(gzip.compress(session("a"))[:-9])
    result = log(packed, windows)
    assert (result.status, len(result.objects)) == (4, 10)
    assert result.errors == [f"{packed}: the gzip data is cut off"]


NOT_ASCP = "not ascp's log: no line has the form of any known log"


@pytest.mark.parametrize(
    ("data", "status", "words"),
    [
        (b"", 0, "no line of ascp's log"),
        (b"Dear Sir,\n\nMay  1 10:00:00 host cron[1]: FASP Session Start uuid=a\n", 0, "no line of ascp's log"),
        (b'{"log":"hello\\n","stream":"stdout","time":"2026-01-26T18:44:54Z"}\n', 0, "no line of ascp's log"),
        (b"Dear Sir,\n", 3, NOT_ASCP),
        (b"\n", 3, NOT_ASCP),
        (b"\0\xff" * 1000, 3, NOT_ASCP),
        (b"INFO application started\nERR no\n", 3, NOT_ASCP),
        (b'192.0.2.1 - - [12/May/2021:09:22:12 +0000] "GET / HTTP/1.1" 200 5\n', 3, NOT_ASCP),
        (b'{"level":"info","msg":"LOG FASP Session Start uuid=a"}\n', 3, NOT_ASCP),
        (
            b"FASPMGR 2\nType: DONE\n\n",
            3,
            "a capture of the management stream, which 'faspmgr summary' and 'faspmgr decode' read",
        ),
    ],
)
def test_without_a_line_of_ascp(data: bytes, status: int, words: str, tmp_path: Path) -> None:
    path = tmp_path / "some.log"
    path.write_bytes(data)
    for args in ([], ["--failed"], ["--table", "files"]):
        assert log(*args, path) == (status, b"", f"{path}: {words}\n")
        assert log(*args, stdin=data) == (status, b"", f"<stdin>: {words}\n")
    assert log("--totals", path).status == status


def test_a_directory_with_logs_of_other_programs(tmp_path: Path) -> None:
    (tmp_path / "b.log").write_text("Dear Sir,\n")
    assert log(tmp_path) == (3, b"", f"{tmp_path}/b.log: {NOT_ASCP}\n")
    (tmp_path / "a.log").write_bytes(session("a"))
    result = log(tmp_path)
    assert (result.status, ids(result), result.errors) == (0, ["a"], [f"{tmp_path}/b.log: {NOT_ASCP}"])
    assert log(tmp_path / "a.log", tmp_path / "b.log").status == 3


def test_other_lines_are_records(tmp_path: Path) -> None:
    text = tmp_path / "notes.log"
    text.write_text("Dear Sir,\n\nMay  1 10:00:00 host cron[1]: FASP Session Start uuid=a\n")
    lines = log("--table", "records", text).objects  # no line is lost
    assert [record["message"] for record in lines][0::2] == ["Dear Sir,", "FASP Session Start uuid=a"]


def test_a_line_without_end(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_bytes(session("a") + b"2024-05-02 09:00:09.000 [1a2b-00000001] LOG " + b"x" * 3_000_000 + b"\n")
    result = log(path)
    assert (result.status, ids(result)) == (0, ["a"])
    assert result.errors == [f"{path}:4: longer than 1.0 MB, the rest of the line is not read"]


# -- times


def test_what_times_leave_out_is_said_once(windows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def said(*args: str | Path, stdin: bytes = b"", zone: str = "Europe/Berlin") -> list[str]:
        result = run("log", *args, environment={"TZ": zone}, stdin=stdin)
        assert result.status == 0
        return result.errors

    assert said(windows, windows) == [
        f"{windows}: times have no zone: taken as local, such as 2021-05-11T16:24:31+02:00;"
        " --timezone gives another zone"
    ]
    for args in (["--timezone", "UTC"], ["--totals"], ["--totals", "--by", "user"]):
        assert said(*args, windows) == []
    assert len(said("--totals", "--by", "day", windows)) == 1
    assert len(said("--totals", "--since", "2021-01-01", windows)) == 1
    (line,) = said(stdin=b"Jan  1 00:00:00 host ascp[7]: LOG FASP Session Start uuid=a\n", zone="UTC")
    assert line.startswith(
        "<stdin>: times have no zone and no year: taken as local and as of the latest year possible, such as 20"
    )
    assert line.endswith("-01-01T00:00:00+00:00; --timezone gives another zone")
    (line,) = said("--timezone", "UTC", stdin=b"Jan  1 00:00:00 host ascp[7]: LOG FASP Session Start uuid=a\n")
    assert "times have no year: taken as of the latest year possible, such as 20" in line
    assert said(stdin=b"2024-05-02T09:00:00Z host ascp[7]: LOG FASP Session Start uuid=a\n") == []
    assert said(stdin=b"LOG FASP Session Start uuid=a\n") == []


# -- secrets


def test_secrets_are_hidden() -> None:
    auth = (
        b"2024-05-02 09:00:00.000 [1a2b-00000001] LOG AUTH [CLIENT] op=send remote_user=u remote_host=h"
        b" system_user=s token=ATM2_ACsS3cretS3cret storage=(no docroot)\n"
    )
    data = auth + session("a").replace(b'cookie="-"', b'cookie="{"token":"S3cretS3cret"}"').replace(
        b"source=/in", b"source=s3://key:S3cretS3cret@bucket/in"
    )
    for table in ("sessions", "records", "statistics", "files"):
        for form in ("jsonl", "csv", "tsv", "text"):
            result = log("--table", table, "--format", form, stdin=data)
            assert (result.status, "S3cret" in result.text) == (0, False), (table, form)
    failed = session("a", end='status=failed errcode=12 errstr="Bad token: S3cretS3cretS3cretS3cret"')
    for args in (["--format", "text"], ["--totals"], ["--totals", "--format", "text"], ["--totals", "--format", "csv"]):
        result = log(*args, stdin=failed)
        assert ("S3cret" in result.text, "***" in result.text) == (False, True), args
    assert "S3cret" in log("--totals", "--show-secrets", stdin=failed).text
    assert log("--table", "records", "--show-secrets", stdin=data).text.count("S3cret") > 3
    (shown,) = log("--show-secrets", stdin=data).objects
    assert shown["source"] == ["s3://key:S3cretS3cret@bucket/in"]


# -- wrong usage


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--since", "soon"], "invalid time: 'soon'"),
        (["--until", "2024-02-30"], "invalid time: '2024-02-30'"),
        (["--timezone", "Moon/Base"], "unknown time zone: 'Moon/Base'"),
        (["--by", "day"], "--by needs --totals"),
        (["--table", "records", "--skipped"], "not records"),
        (["--totals", "--table", "files"], "--totals counts sessions"),
        (["--table", "records", "--failed"], "not records"),
        (["--table", "records", "--file", "*"], "not records"),
        (["--follow", "a", "b"], "--follow reads one FILE"),
        (["--follow", "."], "is a directory"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage(args: list[str], words: str) -> None:
    result = invoke("log", *args)
    assert (result.status, result.out) == (2, b"")
    assert words in " ".join(result.err.split())


# -- live


def test_following_through_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "aspera-scp-transfer.log"
    first, second = session("a"), session("b", start="2024-05-02 10:00:00", stop="2024-05-02 10:00:01")
    path.write_bytes(first[:300])
    with start("log", "--follow", "--timezone", "UTC", path) as process:
        assert process.stdout
        with path.open("ab") as file:
            file.write(first[300:])
        assert json.loads(process.stdout.readline())["id"] == "a"  # nothing follows its stop
        path.rename(tmp_path / "aspera-scp-transfer.0.log")
        path.write_bytes(second)
        assert json.loads(process.stdout.readline())["id"] == "b"
        process.send_signal(signal.SIGINT)
        assert finish(process) == (130, "", "")


def test_totals_when_interrupted(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(session("a") + session("b", process="2", end=""))
    with start("log", "--follow", "--totals", path) as process:
        wait_until(lambda: _has_open(process.pid, path))
        with path.open("ab") as file:
            file.write(b"x" * 2_000_000 + b"\n")  # what is said of it comes after all before was read
        assert process.stderr
        assert b"longer than 1.0 MB" in process.stderr.readline()
        process.send_signal(signal.SIGINT)
        outcome = finish(process)
    assert (outcome.status, outcome.objects[0]["sessions"]) == (130, 1)  # b is still running


def _has_open(pid: int, path: Path) -> bool:
    try:
        return str(path) in {os.readlink(entry) for entry in Path("/proc", str(pid), "fd").iterdir()}
    except FileNotFoundError:
        return False


def test_a_pipe_gives_a_session_as_soon_as_it_has_ended() -> None:
    with start("log", "--timezone", "UTC", "-", stdin=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        for name in ("a", "b"):
            process.stdin.write(session(name) + statistics(name, bytes=1_000, rate="8.00Mbps"))
            process.stdin.flush()
            shown = json.loads(process.stdout.readline())
            assert (shown["id"], shown["bytes_transferred"], shown["rate_kbps"]) == (name, 1_000, 8_000.0)
        assert finish(process) == (0, "", "")


def test_a_pause_within_a_session_that_is_followed(windows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block of statistics comes a moment behind the stop. In a log that rests, nobody waits for it."""
    data = windows.read_bytes()
    block, end = data.index(b"2021-05-12 09:22:12.705"), data.index(b"2023-06-15 11:45:55")
    pieces = [data[:block], *[b""] * 5, data[block:end], *[b""] * 20, data[end:]]
    written: list[int] = []

    def chunks(*_: Any, **__: Any) -> Iterator[bytes]:
        for piece in pieces:
            yield piece
            assert isinstance(sys.stdout.buffer, io.BytesIO)
            written.append(len(sys.stdout.buffer.getvalue().splitlines()))

    monkeypatch.setattr("faspmgr.captures.feed.chunks", chunks)
    result = log("--follow", "--table", "statistics", windows)
    assert result.objects[3]["transfers_passed"] == 1
    assert result.out == log("--table", "statistics", windows).out
    assert written[5] == 3
    assert written[26] == 4


def test_a_file_that_breaks_off_in_a_log_that_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(session("a", files={"/in/a": "status=success", "/in/b": ""}, end="status=failed errcode=68"))
    with start("log", "--follow", "--timezone", "UTC", "--table", "files", path) as process:
        assert process.stdout
        shown = [json.loads(process.stdout.readline()) for _ in range(2)]  # nothing follows the session's stop
        assert [(file["name"], file["status"]) for file in shown] == [("/in/a", "done"), ("/in/b", "interrupted")]
        process.send_signal(signal.SIGINT)
        assert finish(process) == (130, "", "")


def test_a_reader_that_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"".join(session(f"s{number}", process=f"{number:x}") for number in range(3_000)))
    result = shell('faspmgr log --timezone UTC "$1" | head -1', path)
    assert (result.status, result.err, len(result.lines)) == (0, "", 1)
