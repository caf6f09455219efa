"""faspmgr put: standard input arrives as it is, or the end says what is wrong, and how much of it has arrived."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from faspmgr import explain
from tests.cli.terminal import on_terminal
from tests.launcher import finish, run, shell, start
from tests.live import nothing_left, scripted_ascp, simulated_ascp, socket_folder, wait_until

__all__ = ["nothing_left", "scripted_ascp", "simulated_ascp", "socket_folder"]

Make = Callable[[str], str]
STATEMENT = re.compile(r"([0-9,]+) bytes of standard input were read, and ascp reported ([0-9,]+) bytes as written\.")
# What a scripted ascp reads as a server would: all that was sent, up to this.
UNTIL = """
def until(wire, text):
    got = b""
    while text not in got:
        got += wire.recv(65536) or sys.exit(9)
    return got
"""
DEAF = (
    "signal.signal(15, signal.SIG_IGN); wire = began(); wire.sendall(message('NOTIFICATION')); wire.recv(1)\n"
    "open(option('--flag'), 'w'); time.sleep(60)"
)


@pytest.fixture
def ascp(simulated_ascp: str, tmp_path: Path) -> list[str]:
    """The command line of a simulator that writes files below tmp_path/in."""
    return [simulated_ascp, "--simulate-copy", f"--simulate-root={tmp_path}", "-d", "-l", "100g", "user@host:/in"]


def read_and_written(text: str) -> tuple[int, int]:
    """The numbers of the statement, which must be the last line."""
    match = STATEMENT.fullmatch(text.splitlines()[-1])
    assert match, text
    return int(match[1].replace(",", "")), int(match[2].replace(",", ""))


# -- what arrives


@pytest.mark.parametrize("name", ["a.bin", "sub/a.bin", "two\nlines", " caf\u00e9: 1", "-x"])
def test_standard_input_arrives(ascp: list[str], tmp_path: Path, name: str) -> None:
    data = os.urandom(3_000_000)
    status, out, err = run("put", "--progress", "none", "--", name, *ascp, stdin=data)
    assert (status, err) == (0, "")
    assert out.startswith("Completed: 3.0 MB in ")
    assert (tmp_path / "in" / name).read_bytes() == data


def test_a_name_that_is_no_text(ascp: list[str], tmp_path: Path) -> None:
    assert run("put", os.fsdecode(b"caf\xe9"), "--", *ascp, stdin=b"data").status == 0
    assert os.listdir(os.fsencode(tmp_path / "in")) == [b"caf\xe9"]


def test_a_pipe_that_does_not_block(ascp: list[str], tmp_path: Path) -> None:
    """Whoever shares the pipe with us may have set it so."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with open(reading, "rb") as pipe, start("put", "x", "--", *ascp, stdin=pipe) as process:
        time.sleep(1)
        os.write(writing, b"data")
        os.close(writing)
        assert finish(process).status == 0
    assert (tmp_path / "in/x").read_bytes() == b"data"


def test_much_through_a_pipe(ascp: list[str], tmp_path: Path) -> None:
    piece = bytes(range(256)) * 4_000
    script = 'for n in $(seq 200); do cat "$1"; done | faspmgr put --progress none big -- "${@:2}"'
    (tmp_path / "piece").write_bytes(piece)
    assert shell(script, tmp_path / "piece", *ascp).status == 0
    expected = hashlib.sha256()
    for _ in range(200):
        expected.update(piece)
    with (tmp_path / "in/big").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").digest() == expected.digest()


@pytest.mark.parametrize("options", [[], ["--size", "0"]])
@pytest.mark.parametrize("source", ["/dev/null", "empty", "pipe"])
def test_an_empty_file(ascp: list[str], tmp_path: Path, options: list[str], source: str) -> None:
    (tmp_path / "empty").touch()
    with contextlib.ExitStack() as stack:
        stdin = subprocess.PIPE if source == "pipe" else stack.enter_context((tmp_path / source).open("rb"))
        process = stack.enter_context(start("put", *options, "x", "--", *ascp, stdin=stdin))
        status, out, _ = finish(process, b"" if source == "pipe" else None)
    assert status == 0, out
    assert (tmp_path / "in/x").read_bytes() == b""


@pytest.mark.parametrize(("size", "count"), [("1.5k", 1_500), ("2M", 2_000_000)])
def test_a_size_that_fits(ascp: list[str], tmp_path: Path, size: str, count: int) -> None:
    data = os.urandom(count)
    status, out, _ = run("put", "x", "--size", size, "--", *ascp, stdin=data)
    assert status == 0, out
    assert (tmp_path / "in/x").read_bytes() == data


def test_a_transfer_spec(ascp: list[str], tmp_path: Path) -> None:
    spec = {
        "direction": "send",
        "remote_host": "127.0.0.1",
        "remote_user": "xfer",
        "remote_password": "pa55word",
        "token": "t0ken",
        "create_dir": True,
        "target_rate_kbps": 10_000_000,
        "destination_root": "/in",
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    (tmp_path / "ascp").write_text(
        f'#!/bin/sh\necho "$ASPERA_SCP_PASS $ASPERA_SCP_TOKEN" >&2\n'
        f'exec "{ascp[0]}" --simulate-copy "--simulate-root={tmp_path}" "$@"\n'
    )
    (tmp_path / "ascp").chmod(0o755)
    made, path = tmp_path / "ascp", tmp_path / "spec.json"
    status, out, err = run("put", "--ascp", made, "--spec", path, "x", "--json", stdin=b"some data")
    assert status == 0, err
    assert (tmp_path / "in/x").read_bytes() == b"some data"
    assert "*** ***\n" in err
    assert "pa55word" not in out + err
    assert "t0ken" not in out + err


# -- what is shown


def test_the_result_as_json(ascp: list[str]) -> None:
    status, out, err = run("put", "--json", "--size", "9", "x", "--", *ascp, stdin=b"some data")
    result = json.loads(out)
    assert (status, result["verdict"], result["status"]) == (0, "done", 0)
    assert (result["bytes_read"], result["bytes_arrived"], result["transfer"]["files_done"]) == (9, 9, 1)
    assert "Completed: 9 B" in err


@pytest.mark.parametrize("options", [[], ["--size", "5M"]])
def test_progress_shows_the_stream(ascp: list[str], options: list[str]) -> None:
    """With a size the share of it; without one what has arrived, and nothing is complete before the end."""
    argv = ["put", "--progress", "json", *options, "x", "--", *ascp[:-3], "-l", "10m", ascp[-1]]
    status, out, err = run(*argv, stdin=bytes(5_000_000))
    seen = [json.loads(line) for line in out.splitlines()]
    assert status == 0, err
    moving = [one for one in seen if one["state"] == "transferring"]
    assert any(0 < one["bytes_done"] < 5_000_000 for one in moving)
    assert all(one["progress"] < 1 for one in moving)
    assert [one["bytes_done"] for one in seen] == sorted(one["bytes_done"] for one in seen)
    assert (seen[-1]["state"], seen[-1]["progress"], seen[-1]["bytes_done"]) == ("done", 1.0, 5_000_000)
    if options:
        assert all(one["progress"] == round(one["bytes_done"] / 5_000_000, 4) for one in moving)


def test_a_record_and_a_view(ascp: list[str], tmp_path: Path) -> None:
    options = ["--record", str(tmp_path / "r.fasp"), "--view", f"channel={tmp_path / 'view.json'}"]
    assert run("put", *options, "x", "--", *ascp, stdin=b"some data").status == 0
    (transfer,) = json.loads(run("summary", "--json", tmp_path / "r.fasp").out)["transfers"]
    assert (transfer["state"], transfer["bytes_done"]) == ("done", 9)
    assert [file["closed"] for file in json.loads((tmp_path / "view.json").read_text())["transferred_files"]] == [True]


def test_a_reader_of_our_output_that_goes_away(ascp: list[str], tmp_path: Path) -> None:
    target = tmp_path / "status"
    script = f'(cat | faspmgr put --progress json x -- "$@" 2>/dev/null; echo $? >"{target}") | head -1'
    argv = [*ascp[:-3], "-l", "10m", ascp[-1]]
    shell(script, *argv, stdin=bytes(2_000_000))
    wait_until(lambda: target.exists() and target.read_text())
    assert target.read_text() == "0\n"
    assert (tmp_path / "in/x").stat().st_size == 2_000_000


# -- control


def test_a_rate_command_goes_between_the_data(ascp: list[str], tmp_path: Path, socket_folder: Path) -> None:
    path = socket_folder / "control"
    argv = [*ascp[:-3], "-l", "40m", ascp[-1]]
    data = os.urandom(100_000_000)  # 20 seconds, at that rate; and more than the buffers on the way hold
    (tmp_path / "data").write_bytes(data)
    with (
        (tmp_path / "data").open("rb") as file,
        start("put", "--progress", "none", "--control", path, "x", "--", *argv, stdin=file) as process,
    ):
        wait_until(lambda: path.exists() and "transferring" in run("ctl", path, "status").out)
        assert run("ctl", path, "rate", "--target", "10g").out.startswith("Accepted: target 10000000 Kbps")
        assert finish(process).status == 0
    assert (tmp_path / "in/x").read_bytes() == data


def test_nothing_is_complete_while_the_source_waits(ascp: list[str], socket_folder: Path) -> None:
    path = socket_folder / "control"
    argv = ["put", "--progress", "none", "--control", str(path), "x", "--", *ascp]
    with start(*argv, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(bytes(1_000_000))
        process.stdin.flush()
        wait_until(lambda: path.exists() and "1.0 MB" in run("ctl", path, "status").out)
        assert run("ctl", path, "status").out.startswith("transferring, 99%, 1.0 MB, ")
        assert finish(process).status == 0


# -- a source that is not what it should be


@pytest.mark.parametrize(
    ("data", "size", "line"),
    [
        (b"12345", "4", "Failed: standard input has more than the 4 bytes of --size"),
        (b"12345", "0", "Failed: standard input has more than the 0 bytes of --size"),
        (b"12345", "6", "Failed: standard input ended after 5 bytes, and --size is 6"),
        (b"", "1k", "Failed: standard input ended after 0 bytes, and --size is 1,000"),
        (bytes(3_000_000), "4M", "Failed: standard input ended after 3,000,000 bytes, and --size is 4,000,000"),
    ],
)
def test_a_size_that_does_not_fit(ascp: list[str], data: bytes, size: str, line: str) -> None:
    status, out, _ = run("put", "--size", size, "x", "--progress", "none", "--", *ascp, stdin=data)
    assert status == 1
    assert out.splitlines()[0] == line
    read, written = read_and_written(out)
    assert read == len(data)
    assert written <= len(data)


def test_a_source_that_fails(ascp: list[str]) -> None:
    """A connection that is reset, after some data of it were read."""
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as near:
        far, _ = server.accept()
        far.sendall(bytes(1_000))
        with start("put", "x", "--progress", "json", "--", *ascp, stdin=near) as process:
            assert process.stdout
            while b'"files_active":1' not in process.stdout.readline():
                pass
            far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.close()
            status, _, err = finish(process)
    assert status == 1
    assert "Failed: standard input: Connection reset by peer\n" in err
    assert read_and_written(err)[0] in (0, 1_000)  # a reset may take what was not read


def test_closed_standard_input(ascp: list[str]) -> None:
    status, out, err = shell('faspmgr put x -- "$@" <&-', *ascp)
    assert (status, out) == (2, "")
    assert err == "faspmgr: standard input: Bad file descriptor\n"


def test_a_terminal_gets_a_hint(ascp: list[str], tmp_path: Path) -> None:
    with on_terminal("put", "x", "--progress", "none", "--", *ascp) as terminal:
        terminal.wait_for("faspmgr: waiting for data on the terminal; Ctrl-D ends them")
        terminal.type(b"a line\n\x04")
        assert terminal.end() == 0
    assert (tmp_path / "in/x").read_bytes() == b"a line\n"


def test_ctrl_c_on_the_terminal_that_is_read(ascp: list[str]) -> None:
    with on_terminal("put", "x", "--", *ascp) as terminal:
        terminal.wait_for("waiting for data on the terminal")
        terminal.type(b"a line\n\x03")
        assert terminal.end() == 130
    assert "Interrupted: 28 USER_CANCEL" in terminal.text


def test_a_source_that_waits_is_no_stall(ascp: list[str], tmp_path: Path) -> None:
    script = '(echo one; sleep 2; echo two) | faspmgr put --stall-timeout 0.5 x -- "$@"'
    assert shell(script, *ascp).status == 0
    assert (tmp_path / "in/x").read_bytes() == b"one\ntwo\n"


# -- an ascp that fails


@pytest.mark.parametrize(
    ("fault", "status", "line", "written"),
    [
        ("stream-full@1000000", 1, "Failed: 27 SOME_FILE_ERRS: .*; x: 25 NO_SPACE_LEFT: .*", 1_000_000),
        ("refuse-write=1", 1, "Failed: 27 SOME_FILE_ERRS: .*; x: 36 .*", 0),
        ("die@1000000", 3, "Lost: ended without DONE or ERROR at .*; ascp ended with exit status 1 .*", None),
        ("die-kill@1000000", 3, "Lost: ended without DONE or ERROR at .*; ascp was killed by SIGKILL .*", None),
        ("fail=16@1000000", 1, "Failed: 16 CONNECTION_LOST: .*", None),
        ("hang@1000000", 3, "Lost: ended without DONE or ERROR at .*; no progress for 1 s", None),
        ("fail=14@session", 1, "Failed: 14 CONNECTION_ERROR: .*", 0),
        ("hang@session", 3, "Lost: ended without DONE or ERROR at 0%, 0 B; no progress for 1 s", 0),
        ("fail=38@connect", 1, "Failed: 38 LIC_ILLEGAL: .*", 0),
        ("silent-exit@1000000", 3, "Lost: .*", None),
    ],
)
def test_faults(ascp: list[str], fault: str, status: int, line: str, written: int | None) -> None:
    """From a source that has no end: it is not read for ever."""
    script = 'yes | faspmgr put --progress none --stall-timeout 1 --grace 1 x -- "$@"'
    outcome = shell(f"{script}; exit ${{PIPESTATUS[1]}}", *ascp, environment={"FASPMGR_ASCP_FAULT": fault})
    assert outcome.status == status
    assert re.fullmatch(line, outcome.lines[0]), outcome.out
    read, reported = read_and_written(outcome.out)
    assert reported == written or (written is None and reported <= read)


def test_the_advice_is_about_the_file(ascp: list[str]) -> None:
    fault = {"FASPMGR_ASCP_FAULT": "stream-full@0"}
    outcome = run("put", "--progress", "none", "x", "--", *ascp, stdin=b"data", environment=fault)
    assert outcome.lines[1] == explain(25).advice, outcome.out


@pytest.mark.parametrize(
    ("end", "line"),
    [
        ("DONE", "Failed: x: the session ended"),
        ("stop(3, 'x') + DONE", "Failed: x: 9 bytes were written, and ascp reports a size of 3"),
        ("stop(12, 'x') + DONE", "Failed: x: 9 bytes were written, and ascp reports a size of 12"),
    ],
)
def test_done_is_not_enough(scripted_ascp: Make, end: str, line: str) -> None:
    path = scripted_ascp(f"{UNTIL}wire = began(); until(wire, b'CLOSE'); wire.sendall({end}); time.sleep(0.2)")
    status, out, _ = run("put", "--progress", "none", "x", "--", path, "u@h:/in", stdin=b"some data")
    assert status == 1
    assert out.startswith(line)
    assert read_and_written(out)[0] == 9


def test_what_goes_over_the_wire(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(
        f"{UNTIL}assert '--faspmgr-io' in sys.argv and sys.argv[-1] == '/in'\n"
        f"wire = began(); open({str(tmp_path / 'got')!r}, 'wb').write(until(wire, b'CLOSE\\nDestination: x\\n\\n'))\n"
        "wire.sendall(stop(9, 'x')); until(wire, b'DONE'); wire.sendall(DONE)"
    )
    status, out, err = run("put", "--size", "9", "x", "--", path, "-l", "7m", "u@h:/in", stdin=b"some data")
    assert status == 0, out + err
    assert (tmp_path / "got").read_bytes() == (
        b"FASPMGR 4\nType: PUT\nDestination: x\nSize: 9\n\n"
        b"FASPMGR 4\nType: WRITE\nDestination: x\nOffset: 0\nSize: 9\n\nsome data\n\n"
        b"FASPMGR 4\nType: CLOSE\nDestination: x\n\n"
    )


def test_no_ascp(tmp_path: Path) -> None:
    status, out, _ = run("put", "x", "--", tmp_path / "none", "u@h:/in", stdin=b"data")
    assert status == 5
    assert out.startswith(f"Not started: {tmp_path}/none: No such file or directory")
    assert read_and_written(out) == (0, 0)


# -- signals


@contextlib.contextmanager
def waiting(path: str, flag: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A put that has read some data, and waits for more."""
    argv = ["put", "--progress", "none", *options, "x", "--", path, "--flag", str(flag), "u@h:/in"]
    with start(*argv, stdin=subprocess.PIPE) as process:
        assert process.stdin
        process.stdin.write(b"some data")
        process.stdin.flush()
        wait_until(flag.exists)
        yield process


CANCELLED = (
    f"{UNTIL}wire = began(); got = until(wire, b'some data'); wire.sendall(stats(4, 0, 'x'))\n"
    "open(option('--flag'), 'w'); got += until(wire, b'CANCEL'); time.sleep(0.3)\n"
    "wire.settimeout(0.3)\n"
    "try: got += wire.recv(1000)\n"
    "except TimeoutError: pass\n"
    "open(option('--flag') + '.got', 'wb').write(got)\n"
    "wire.sendall(error(28, 'cancelled')); sys.exit(1)"
)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels(scripted_ascp: Make, tmp_path: Path, number: signal.Signals) -> None:
    with waiting(scripted_ascp(CANCELLED), tmp_path / "flag", "--grace", "20") as process:
        process.send_signal(number)
        status, out, err = finish(process)
    assert status == 130
    assert f"Interrupted: 28 USER_CANCEL: cancelled; interrupted by {number.name}" in out
    assert f"{number.name}: cancelling the transfer" in err
    assert read_and_written(out) == (9, 4)


def test_an_end_that_comes_with_the_signal_is_no_end(scripted_ascp: Make, tmp_path: Path) -> None:
    """Ctrl-C in a terminal also ends the program in front: what it leaves behind is not to pass for the whole."""
    with waiting(scripted_ascp(CANCELLED), tmp_path / "flag", "--grace", "20") as process:
        process.send_signal(signal.SIGINT)
        assert finish(process).status == 130  # closes standard input
    got = (tmp_path / "flag.got").read_bytes()
    assert b"Type: CANCEL" in got
    assert b"Type: CLOSE" not in got


def test_done_after_a_cancel_is_not_done(scripted_ascp: Make, tmp_path: Path) -> None:
    body = CANCELLED.replace("wire.sendall(error(28, 'cancelled')); sys.exit(1)", "wire.sendall(DONE)")
    with waiting(scripted_ascp(body), tmp_path / "flag", "--grace", "20") as process:
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert out.startswith("Interrupted: ")
    assert read_and_written(out) == (9, 4)


def test_the_second_ctrl_c_does_not_wait(scripted_ascp: Make, tmp_path: Path) -> None:
    with waiting(scripted_ascp(DEAF), tmp_path / "flag", "--grace", "300") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert read_and_written(out) == (9, 0)


def test_ctrl_c_before_there_is_a_session(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp("wire = connect(); open(option('--flag'), 'w'); time.sleep(60)")
    with waiting(path, tmp_path / "flag", "--grace", "0.3") as process:
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert read_and_written(out) == (0, 0)


def test_ctrl_c_while_ascp_does_not_read(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(DEAF)
    argv = ["put", "--progress", "none", "--grace", "0.3", "x", "--", path, "--flag", str(tmp_path / "flag"), "u@h:"]
    with open("/dev/zero", "rb") as zeros, start(*argv, stdin=zeros) as process:
        wait_until((tmp_path / "flag").exists)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert read_and_written(out)[1] == 0


# -- usage


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "Missing argument 'DESTINATION'"),
        (["x"], "Give either a command line of ascp, behind DESTINATION --, or --spec FILE."),
        (["x", "--spec", "s.json", "--", "ascp", "u@h:"], "Give either"),
        (["", "--", "ascp", "u@h:"], "DESTINATION is empty."),
        (["x", "--spec", "-"], "The transfer spec cannot come from standard input"),
        (["x", "--", "ascp", "-l", "7m", "a", "u@h:"], "names sources (2 paths)"),
        (["x", "--", "ascp", "-dl7m", "--", "-a", "u@h:"], "names sources (2 paths)"),
        (["x", "--", "ascp", *["a"] * 20_000, "u@h:"], "names sources (20001 paths)"),
        (["x", "--", "ascp", "--file-list=l", "u@h:"], "names sources (--file-list)"),
        (["x", "--", "ascp", "--file-pair-list", "l", "--host=h"], "names sources (--file-pair-list)"),
        (["x", "--", "ascp", "--mode=recv", "--host=h", "/in"], "The command line of ascp receives (--mode)"),
        (["x", "--", "ascp", "-A"], "This command line of ascp transfers nothing."),
        (["--retry", "2", "x", "--", "ascp", "u@h:"], "No such option '--retry'"),
        (["--sessions", "2", "x", "--", "ascp", "u@h:"], "No such option '--sessions'"),
        (["--size", "-1", "x", "--", "ascp", "u@h:"], "invalid size: '-1'"),
        (["--size", "1.5", "x", "--", "ascp", "u@h:"], "not a whole number of bytes"),
        (["--spec", "none", "x"], "none: No such file or directory"),
    ],
)
def test_wrong_usage(args: list[str], words: str, tmp_path: Path) -> None:
    status, out, err = run("put", *args, cwd=tmp_path, stdin=b"data")
    assert (status, out) == (2, "")
    assert words in err


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"paths": [{"source": "secret-name"}]}, "paths: "),
        ({"multi_session": 2}, "multi_session: "),
        ({"direction": "receive"}, "direction: must be send, as put only sends"),
        ({"speed": 1}, "speed: unknown property"),
    ],
)
def test_a_spec_that_cannot_be_put(tmp_path: Path, more: dict[str, Any], words: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(json.dumps({"direction": "send", "remote_host": "h", "destination_root": "/in", **more}))
    status, out, err = run("put", "--spec", path, "x", stdin=b"data")
    assert (status, out) == (2, "")
    assert err.startswith(f"faspmgr: {path}: {words}")
    assert len(err.splitlines()) == 1


def test_the_value_of_an_option_that_is_new_is_no_path(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.exit('--new-option' in sys.argv and 'ascp: it ran')")
    status, out, _ = run("put", "x", "--", path, "--new-option", "value", "u@h:", stdin=b"data")
    assert status == 5
    assert "ascp: it ran" in out


def test_the_words_behind_the_options_are_found_as_ascp_finds_them(ascp: list[str]) -> None:
    """One destination, with each way to write an option, and nothing else."""
    argv = ["-dTl", "100g", "--policy", "fair", "-u", "-A", "--mode", "send", "--user=u", "--host", "h", "--", "/in"]
    status, out, err = run("put", "x", "--", *ascp[:3], *argv, stdin=b"data")
    assert status == 0, out + err
