"""Whatever leaves as JSON or CSV is accepted by the strictest reader, whatever bytes came in."""

from __future__ import annotations

import csv
import io
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.terminal import invoke
from tests.launcher import finish, run, start
from tests.live import MakeAscp, nothing_left, scripted_ascp, socket_folder, wait_until
from tests.strict import strict_lines, strictly

__all__ = ["nothing_left", "scripted_ascp", "socket_folder"]

ODD = b"caf\xe9 \xff\xc3(\xed\xa0\x80"  # Latin 1, no UTF-8 at all, a character that breaks off, half a pair
SHOWN = "caf\ufffd \ufffd\ufffd(\ufffd\ufffd\ufffd"
PERCENT = "caf%E9%20%FF%C3%28%ED%A0%80"

STREAM = b"""FASPMGR 2
Type: INIT
SessionId: s@
UserStr: u@
Cookie: @

FASPMGR 2
Type: SESSION
SessionId: s@
UserStr: u@
Rate: 5@
User: @
Host: @
Source: a	b/@
Destination: @
Token: @
Tags: {"a":"@","b":"\\ud800","@":[1]}
XferId: x@

FASPMGR 2
Type: STATS
SessionId: s@
File: d/@
Size: 9
Written: 3

FASPMGR 2
Type: FILEERROR
SessionId: s@
File: d/@
Code: 5
Description: @

FASPMGR 2
Type: N@
SessionId: s@
New: @
Undecodable: @

FASPMGR 2
Type: ERROR
SessionId: s@
Code: 27
Description: @

noise @
""".replace(b"@", ODD)


def test_decode() -> None:
    lines = strict_lines(invoke("decode", stdin=STREAM).out)
    assert lines[0] == {
        "type": "INIT", "session_id": f"s{SHOWN}", "user_str": f"u{SHOWN}", "cookie": SHOWN,
        "undecodable": {"session_id": f"s{PERCENT}", "user_str": f"u{PERCENT}", "cookie": PERCENT},
    }  # fmt: skip
    session = lines[1]
    assert (session["source"], session["token"]) == (["a", f"b/{SHOWN}"], "***")
    assert session["tags"] == {"a": SHOWN, "b": "\ufffd", SHOWN: [1]}
    exact = session["undecodable"]
    assert (exact["source"], exact["rate"]) == (["a", f"b/{PERCENT}"], f"5{PERCENT}")
    assert exact["tags"] == {"a": PERCENT, "b": "%EF%BF%BD", PERCENT: [1]}
    assert "token" not in exact
    assert lines[4] == {
        "type": f"N{SHOWN}", "session_id": f"s{SHOWN}", "new": SHOWN, "undecodable_": SHOWN,
        "undecodable": {"type": f"N{PERCENT}", "session_id": f"s{PERCENT}", "new": PERCENT, "undecodable_": PERCENT},
    }  # fmt: skip


def test_decode_raw_and_some_fields() -> None:
    lines = strict_lines(invoke("decode", "--raw", "--type", "STATS", stdin=STREAM).out)
    assert lines[0]["File"] == f"d/{SHOWN}"
    assert lines[0]["undecodable"] == {"SessionId": f"s{PERCENT}", "File": f"d/{PERCENT}"}
    assert invoke("decode", "--type", "STATS", "--fields", "size,file", stdin=STREAM).text == (
        f'{{"size":9,"file":"d/{SHOWN}","undecodable":{{"file":"d/{PERCENT}"}}}}\n'
    )
    assert invoke("decode", "--type", "STATS", "--fields", "size", stdin=STREAM).text == '{"size":9}\n'
    tags = strict_lines(invoke("decode", "--raw", "--fields", "tags", "--show-secrets", stdin=STREAM).out)
    assert tags[0]["Tags"] == f'{{"a":"{SHOWN}","b":"\\ud800","{SHOWN}":[1]}}'  # the escape as it was written


@pytest.mark.parametrize(("form", "dialect"), [("csv", "excel"), ("tsv", "excel-tab")])
def test_tables(form: str, dialect: str) -> None:
    for raw in ([], ["--raw"]):
        text = invoke("decode", "--format", form, *raw, stdin=STREAM).out.decode("utf-8", "strict")
        rows = list(csv.DictReader(io.StringIO(text, newline=""), dialect=dialect))
        assert rows[2]["File" if raw else "file"] == f"d/{SHOWN}"
        assert "\\udc" not in text
        assert "undecodable" not in (rows[0]["extra"] or "")
        assert strictly(rows[4]["extra"].encode())["New" if raw else "new"] == SHOWN


@pytest.mark.parametrize(
    "command",
    [["summary", "--json"], ["view", "channel"], ["view", "connection"], ["view", "destination"], ["view", "server"]],
)
def test_other_documents(command: list[str], tmp_path: Path) -> None:
    (document,) = strict_lines(invoke(*command, stdin=STREAM).out)
    assert SHOWN in repr(document)
    assert "undecodable" not in repr(document)


def test_check_of_a_file_with_an_odd_name(tmp_path: Path) -> None:
    path = tmp_path / ODD.decode("utf-8", "surrogateescape")
    path.write_bytes(STREAM)
    report: Any = strictly(invoke("check", "--json", path).out)
    assert report["files"][0]["file"] == str(tmp_path / SHOWN)
    assert report["problem_count"] == 2  # Rate and the noise
    assert report["problems"][1]["excerpt"] == "noise caf\\xe9 \\xff\\xc3(\\xed\\xa0\\x80"


def test_progress() -> None:
    lines = strict_lines(invoke("watch", "--progress", "json", stdin=STREAM).out)
    assert lines[-1]["id"] == f"x{SHOWN}"


FAILING = r"""
wire = began()
wire.sendall(message("FILEERROR", File="X", Code=5).replace(b"X", b"caf\xe9"))
while not os.path.exists(sys.argv[-1]):
    time.sleep(0.05)
wire.sendall(error("27"))
sys.exit(1)
"""


def test_a_transfer_that_runs(scripted_ascp: MakeAscp, tmp_path: Path, socket_folder: Path) -> None:
    path, go = socket_folder / "s", tmp_path / "go"
    argv: list[str | Path] = ["--progress", "none", "--json", "--control", path, "--", scripted_ascp(FAILING), "a", go]

    def names() -> list[str]:
        """The files that failed, as the control socket says; it is asked as others may ask it."""
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b'{"command":"status"}\n')
            response = strictly(client.makefile("rb").readline())
        return [failed["name"] for transfer in response["transfers"] for failed in failures(transfer)]

    with start("run", *argv) as process:
        wait_until(path.exists)
        wait_until(lambda: bool(names()))
        assert names() == ["caf\ufffd"]
        status = run("ctl", path, "status", "--json")
        assert failures(strictly(status.data)["transfers"][0])[0]["name"] == "caf\ufffd"
        go.touch()
        outcome = finish(process)
    assert outcome.status == 1
    assert failures(strictly(outcome.data)["transfer"])[0]["name"] == "caf\ufffd"


def failures(transfer: dict[str, Any]) -> list[Any]:
    return [failed for session in transfer["sessions"] for failed in session["failures"]]


# fmt: off
PIECES = st.sampled_from([
    b"FASPMGR 2\nType: STATS\n", b"\n\n", b"\n", b"File: ", b"Source: ", b"New: ", b"Undecodable: ", b"\t", b"\xe9",
    "é".encode(), b"Tags: ", b'{"', b'":"', b'"}\n', b"\\ud83d", b"\\ude00", b"\\u0041", b"[1e400]",
    b"[" + b"9" * 400 + b"]\n",
    b"[-1e308,18446744073709551616]\n", b"Size: 18446744073709551615\n",
]) | st.binary(max_size=4)
# fmt: on


@given(st.lists(PIECES, max_size=20).map(b"".join), st.booleans())
@settings(max_examples=300)
def test_any_stream(data: bytes, raw: bool) -> None:
    stream = b"FASPMGR 2\nType: SESSION\n" + data + b"\n\n"
    strict_lines(invoke("decode", *(["--raw"] if raw else []), stdin=stream).out)
    strict_lines(invoke("summary", "--json", stdin=stream).out)
    strict_lines(invoke("view", "channel", stdin=stream).out)
    invoke("decode", "--format", "csv", *(["--raw"] if raw else []), stdin=stream).out.decode("utf-8", "strict")
