"""summary: what happened, with the numbers of fixtures/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import Result, invoke
from tests.launcher import run
from tests.live import message

STATUS = {  # from the tables of fixtures/README.md: 0 done, 1 failed, 3 no result
    "ascp-3.9.0/refused": 1,
    "ascp-3.9.0/peer-client-license": 1,
    "ascp-3.9.0/missing-source": 1,
    "ascp-3.9.0/no-remote-host": 1,
    "ascp-3.9.0/persistent-token-tags": 1,
    "ascp-3.9.0/http-fallback-failed": 1,
    "ascp-3.9.0/multi-session-second": 1,
    "sessions/upload-skip-failure": 1,
    "sessions/resumed-download": 0,
    "sessions/two-sessions": 0,
    "sessions/breaks-off": 3,
    "sessions/http-fallback": 0,
    "sessions/retry": 0,
    "logs/manager-line": 0,
    "examples/error": 1,
    "examples/done": 0,
    "examples/stats": 3,
    "examples/stop": 3,
    "examples/start-file": 3,
}


def rows(result: Result) -> dict[str, str]:
    """The rows of a summary of one transfer, by their name."""
    return {line[2:14].strip(): line[15:] for line in result.lines if line.startswith("  ")}


@pytest.mark.parametrize("name", STATUS)
def test_status(name: str, fixtures: Path) -> None:
    path = fixtures / f"{name}.fasp"
    assert invoke("summary", path).status == STATUS[name]
    result = invoke("summary", "--json", path)
    assert result.status == json.loads(result.text)["status"] == STATUS[name]


def test_upload(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "upload-skip-failure.fasp")
    assert result.lines[0] == "Transfer nightly-2024-05-02"
    assert result.lines[-1] == "Failed: 27 SOME_FILE_ERRS: One or more files failed"
    shown = rows(result)
    assert shown["direction"].startswith("Send to ")
    assert shown["files"] == "4 files done, 1 skipped, 1 failed, 6 expected"
    assert shown["bytes"] == "55.6 MB of 56.3 MB at the destination, 55.7 MB sent, 98.3 kB lost"
    # 55674685 bytes in 5241733 microseconds are 84971 kilobits per second
    assert shown["time"].startswith("5.2 s, average 85.0 Mbps, target 100.0 Mbps, RTT ")
    assert shown["failed file"].startswith("/data/in/docs/locked.bin: 5 NO_PERMS: ")
    assert shown["session"].startswith("6f0a1f0e-52c4-4d0f-9d53-0c7f3b1e8a11 failed: 27 SOME_FILE_ERRS")
    assert shown["advice"].endswith(".")


def test_download(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "resumed-download.fasp")
    shown = rows(result)
    assert shown["direction"].startswith("Receive from ")
    assert shown["files"] == "2 files done, 2 expected"
    assert shown["bytes"] == "83.9 MB of 83.9 MB at the destination, 52.5 MB sent, 24.6 kB lost"
    assert "target 30.0 Mbps" in shown["time"]
    assert "advice" not in shown
    # 52432896 bytes of this session in 12.850977 s are 32.6 Mbps
    assert result.lines[-1] == "Completed: 83.9 MB in 13 s (32.6 Mbps), 2 files"


def test_two_sessions(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "two-sessions.fasp")
    shown = rows(result)
    assert sum(line.startswith("  session ") for line in result.lines) == 2
    assert shown["files"] == "4 files done"
    assert shown["bytes"] == "51.4 MB at the destination, 51.4 MB sent, 24.6 kB lost"
    assert "target 100.0 Mbps" in shown["time"]  # 50000 in each
    assert "Br\\xfcssel.dat" in shown["source"]


def test_a_stream_that_breaks_off(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "breaks-off.fasp")
    assert rows(result)["files"] == "0 files done, 1 not finished"
    # 63963136 of 1073741824 bytes are 5.96 %
    assert result.lines[-1] == "Lost: ended without DONE or ERROR at 5%, 64.0 MB"
    assert "-k 1" in rows(result)["advice"]


def test_http_fallback(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "http-fallback.fasp")
    # 6291456 bytes in 64.03841 s are 786 kilobits per second
    assert result.lines[-1] == "Completed: 6.3 MB in 1 min 4 s (786 Kbps), 1 file"


def test_retry(fixtures: Path) -> None:
    result = invoke("summary", fixtures / "sessions" / "retry.fasp")
    sessions = [line for line in result.lines if line.startswith("  session ")]
    assert sessions[0].endswith("failed: 16 CONNECTION_LOST: Connection lost, replaced by a later attempt")
    assert sessions[1].endswith("2ef9417c-8a06-4d53-bb1d-903a5e6cf2d7 done")
    assert rows(result)["files"] == "1 file done, 1 skipped, 2 expected"


def test_a_real_refusal_says_what_to_do(fixtures: Path) -> None:
    shown = rows(invoke("summary", fixtures / "ascp-3.9.0" / "peer-client-license.fasp"))
    assert "38 LIC_ILLEGAL" in shown["session"]
    assert "licen" in shown["advice"]


def summary_of(result: Result) -> Any:
    return json.loads(result.text)


def test_json(fixtures: Path) -> None:
    result = invoke("summary", "--json", fixtures / "sessions" / "upload-skip-failure.fasp")
    assert len(result.lines) == 1
    report = summary_of(result)
    (transfer,) = report["transfers"]
    expected = {
        "id": "nightly-2024-05-02", "state": "failed", "attempts": 1,
        "bytes_done": 55576381, "expected_bytes": 56330864, "bytes_written": 55576381, "bytes_transferred": 55674685,
        "bytes_lost": 98304, "files_done": 4, "files_skipped": 1, "files_failed": 1, "files_active": 0,
        "expected_files": 6, "elapsed_seconds": 5.241733, "average_rate_kbps": 84971.4, "eta_seconds": None,
    }  # fmt: skip
    assert {name: transfer[name] for name in expected} == expected
    assert transfer["progress"] == 0.9866  # 55576381 of 56330864
    assert (transfer["error"]["code"], transfer["error"]["retryable"]) == (27, False)
    (session,) = transfer["sessions"]
    assert (session["direction"], session["source"]) == ("Send", ["/data/in/clip_0001.mov", "/data/in/docs"])
    (failure,) = session["failures"]
    assert (failure["name"], failure["error"]["name"]) == ("/data/in/docs/locked.bin", "NO_PERMS")


def test_reason_of_a_transfer() -> None:
    data = message("SESSION", SessionId="s", XferId="x", ClusterNumNodes=2, ClusterNodeId=0)
    data += message("STOP", SessionId="s", File="a", Size=3000, Written=1000) + message("DONE", SessionId="s")
    line = "Lost: ended without DONE or ERROR at 33%, 1.0 kB; 1 of 2 parts seen"
    result = invoke("summary", stdin=data)
    assert (result.status, result.lines[-1]) == (3, line)
    assert invoke("watch", "--progress", "none", stdin=data).lines[0] == line
    report = summary_of(invoke("summary", "--json", stdin=data))
    assert report["status"] == 3
    (transfer,) = report["transfers"]
    assert list(transfer)[:5] == ["id", "state", "error", "attempts", "reason"]
    assert (transfer["error"], transfer["reason"]) == (None, "1 of 2 parts seen")
    *_, last = invoke("watch", "--progress", "json", stdin=data).lines
    assert json.loads(last) == {name: value for name, value in transfer.items() if name != "sessions"}


def test_advice_for_a_description() -> None:
    data = message("ERROR", SessionId="s", Code=38, Description="Server aborted session: Deprecated peer license")
    assert "newer ascp" in rows(invoke("summary", stdin=data))["advice"]
    (transfer,) = summary_of(invoke("summary", "--json", stdin=data))["transfers"]
    assert "newer ascp" in transfer["error"]["advice"]
    assert transfer["reason"] == ""


def test_a_session_that_continues_in_the_next_file(fixtures: Path, tmp_path: Path) -> None:
    whole = fixtures / "sessions" / "resumed-download.fasp"
    data = whole.read_bytes()
    cut = data.index(b"FASPMGR 2", len(data) // 2)
    parts = [tmp_path / "1.fasp", tmp_path / "2.fasp"]
    for path, part in zip(parts, (data[:cut], data[cut:])):
        path.write_bytes(part)
    assert invoke("summary", *parts) == invoke("summary", whole)


def test_files_of_several_transfers(fixtures: Path) -> None:
    names = ("breaks-off", "retry", "http-fallback")
    paths = [fixtures / "sessions" / f"{name}.fasp" for name in names]
    result = invoke("summary", *paths)
    assert result.status == 3
    assert [line.split(":")[0] for line in result.lines if line[:1] in ("L", "C")] == ["Lost", "Completed", "Completed"]
    assert invoke("summary", *paths, fixtures / "ascp-3.9.0" / "refused.fasp").status == 1


def test_a_session_without_any_id() -> None:
    result = invoke("summary", stdin=b"FASPMGR 2\nType: INIT\n\nFASPMGR 2\nType: SESSION\n\nFASPMGR 2\nType: DONE\n\n")
    assert (result.status, result.lines[0]) == (0, "Transfer (no id)")
    assert result.lines[-1] == "Completed: 0 B, 0 files"


def test_no_session() -> None:
    for data in (b"", b"FASPMGR 2\nType: CANCEL\n\n"):
        result = invoke("summary", stdin=data)
        assert (result.status, result.text) == (3, "No session in this stream.\n")
        assert summary_of(invoke("summary", "--json", stdin=data)) == {"status": 3, "transfers": []}


def test_an_odd_name_cannot_forge_a_line() -> None:
    name = "a\x1bnCompleted: 1 B\x1b[31m\u202e"
    data = (
        f"FASPMGR 2\nType: SESSION\nUserStr: x\x1b[2J\nHost: h\x07\nSource: {name}\nDestination: {name}\n\n"
        f"FASPMGR 2\nType: FILEERROR\nCode: 5\nFile: {name}\nDescription: \x1b[0m\n\n"
        "FASPMGR 2\nType: ERROR\nCode: 27\nDescription: \x1b[0m\x85\n\n"
    )
    result = invoke("summary", stdin=data.encode())
    assert result.status == 1
    assert all(line.isprintable() for line in result.text.split("\n"))
    assert not any(line.startswith("Completed") for line in result.lines)


def test_many_failures_are_counted() -> None:
    failure = "FASPMGR 2\nType: FILEERROR\nCode: 5\nFile: f{}\n\n"
    data = "".join(failure.format(number) for number in range(1500))
    result = invoke("summary", stdin=data.encode())
    assert sum(line.startswith("  failed file") for line in result.lines) == 10
    assert "and 1,490 more" in result.text


def test_a_part_that_was_lost_decides_not_those_that_were_cancelled_for_it() -> None:
    """Headline, advice, JSON and exit status say the same, here and in watch."""
    data = b""
    for node in range(3):
        about = {"SessionId": f"s{node}", "UserStr": "u", "ClusterNumNodes": 3, "ClusterNodeId": node}
        data += message("INIT", SessionId=f"s{node}", UserStr="u") + message("SESSION", **about)
        if node != 1:
            data += message("ERROR", SessionId=f"s{node}", Code=28, Description="cancelled")
    line, advice = "Lost: ended without DONE or ERROR at 0%, 0 B", "Check whether ascp was killed"
    status, out, _ = run("summary", stdin=data)
    assert (status, out.splitlines()[-1]) == (3, line)
    assert f"  advice       {advice}" in out
    status, out, _ = run("summary", "--json", stdin=data)
    shown = json.loads(out)
    assert (status, shown["status"]) == (3, 3)
    assert [(one["state"], one["error"]) for one in shown["transfers"]] == [("lost", None)]
    status, out, _ = run("watch", "--progress", "none", stdin=data)
    assert (status, out.splitlines()[0]) == (3, line)
    assert out.splitlines()[1].startswith(advice)
