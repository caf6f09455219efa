"""faspmgr run: what it prints, how it ends, and that nothing is left, whatever happens to it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import on_terminal
from tests.launcher import finish, run, shell, start
from tests.live import nothing_left, scripted_ascp, simulated_ascp, wait_until

__all__ = ["nothing_left", "scripted_ascp", "simulated_ascp"]

Make = Callable[[str], str]
WAITS = "wire = began(); wire.sendall(stats(400)); open(option('--flag'), 'w'); "
CANCELLED = WAITS + "assert b'CANCEL' in wire.recv(1000); wire.sendall(error(28, 'cancelled')); sys.exit(1)"
DEAF = "signal.signal(15, signal.SIG_IGN); " + WAITS + "time.sleep(60)"


# -- verdicts, on standard output and as status


@pytest.mark.parametrize(
    ("body", "status", "line"),
    [
        ("wire = began(); wire.sendall(stats(400) + stop(8000) + DONE)", 0, "Completed: 8.0 kB in 0.0 s"),
        ("wire = began(); wire.sendall(error(38, 'no')); sys.exit(1)", 1, "Failed: 38 LIC_ILLEGAL: no"),
        (
            "wire = began(); sys.exit(7)",
            3,
            "Lost: ended without DONE or ERROR at 0%, 0 B; ascp ended with exit status 7",
        ),
        ("sys.exit('ascp: no')", 5, "Not started: ascp ended with exit status 1 without connecting: ascp: no"),
    ],
)
def test_the_verdict(scripted_ascp: Make, body: str, status: int, line: str) -> None:
    got, out, _ = run("run", "--", scripted_ascp(body), "a", "h:b")
    assert got == status
    assert any(found.startswith(line) for found in out.splitlines()), out


def test_the_advice_and_the_attempts(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(error(16, 'gone')); sys.exit(1)")
    status, out, err = run("run", "--retry", "1", "--progress", "none", "--", path, "a", "h:b")
    assert status == 1
    assert out.splitlines() == [
        "Failed: 16 CONNECTION_LOST: gone",
        "Check the network and whether ascp still runs on the peer, and start again with -k 1 to resume partial files.",
        "2 runs of ascp:",
        "  session 1, attempt 1: failed: 16 CONNECTION_LOST: gone",
        "  session 1, attempt 2: failed: 16 CONNECTION_LOST: gone",
    ]
    assert "retry 1 of 1 in " in err


def test_the_result_as_json(scripted_ascp: Make) -> None:
    stats = "stats(5, name='X').replace(b'X', b'caf\\xe9')"
    path = scripted_ascp(f"wire = began(); wire.sendall({stats} + error(25)); sys.exit(1)")
    status, out, err = run("run", "--json", "--", path, "a", "h:b")
    result = json.loads(out)
    assert (status, result["verdict"], result["status"], result["error"]["code"]) == (1, "failed", 1, 25)
    assert "Failed: 25 NO_SPACE_LEFT" in err


def test_progress_for_programs(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(400)); time.sleep(0.4); wire.sendall(stop() + DONE)")
    status, out, err = run("run", "--progress", "json", "--", path, "a", "h:b")
    assert status == 0
    seen = [json.loads(line) for line in out.splitlines()]
    assert [one["progress"] for one in seen] == sorted(one["progress"] for one in seen)
    assert (seen[-1]["state"], seen[-1]["progress"], seen[-1]["files_done"]) == ("done", 1.0, 1)
    assert "Completed: " in err


def test_without_two_dashes(scripted_ascp: Make) -> None:
    path = scripted_ascp("assert sys.argv[5:] == ['-l', '7m', '--json', 'a', 'h:b']; began().sendall(DONE)")
    assert run("run", path, "-l", "7m", "--json", "a", "h:b")[0] == 0


def test_standard_error_of_ascp_passes_through(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.buffer.write(b'caf\\xe9 \\x1b[1m\\n\\n'); wire = began(); wire.sendall(DONE)")
    err = run("run", "--progress", "none", "--", path, "a", "h:b").err
    assert err.encode("utf-8", "surrogateescape") == b"caf\xe9 \x1b[1m\n\n"


# -- usage


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "Give either a command line of ascp or --spec FILE."),
        (["--spec", "x", "--", "ascp"], "Give either"),
        (["--sessions", "2", "--", "ascp", "-C", "1:2", "a", "h:b"], "a command line with -C cannot be split"),
        (["--sessions", "2", "--record", "file", "--", "ascp", "a", "h:b"], "file is not a directory"),
        (["--record", "none/x", "--", "ascp", "a", "h:b"], "none/x: No such file or directory"),
        (["--spec", "none"], "none: No such file or directory"),
        (["--control", "none/s", "--", "ascp", "a", "h:b"], "none/s: No such file or directory"),
        (["--view", "nonsense=x", "--", "ascp", "a", "h:b"], "invalid KIND=FILE: 'nonsense=x'"),
        (["--view", "channel=none/x", "--", "ascp", "a", "h:b"], "none: No such file or directory"),
        (["--stall-timeout", "0", "--", "ascp"], "stall-timeout"),
        (["--sessions", "3", "--udp-port", "65534", "--", "ascp", "a", "h:b"], "invalid udp_port: 65534"),
    ],
)
def test_wrong_usage(args: list[str], words: str, tmp_path: Path) -> None:
    status, out, err = run("run", *args, cwd=tmp_path)
    assert (status, out) == (2, "")
    assert words in err


# -- which ascp


def test_check(scripted_ascp: Make) -> None:
    path = scripted_ascp(
        "print('ascp version 3.9.0.163682\\nOperating System: Linux\\nLicense max rate=(unlimited), account no.=1')"
    )
    status, out, _ = run("run", "--check", "--ascp", path)
    lines = [path, "version: 3.9.0.163682", "platform: Linux", "License max rate=(unlimited), account no.=1"]
    assert (status, out.splitlines()) == (0, lines)
    assert run("run", "--check", environment={"FASPMGR_ASCP": path})[1] == out


def test_check_without_an_ascp(tmp_path: Path) -> None:
    status, out, err = run("run", "--check", "--ascp", str(tmp_path / "none"))
    assert (status, out) == (5, "")
    assert err == f"faspmgr: {tmp_path}/none: no such file\n"


def test_which_ascp_is_run(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)")
    assert run("run", "--", "ascp", "a", "h:b", environment={"FASPMGR_ASCP": path})[0] == 0
    assert run("run", "--ascp", path, "--", "ascp", "a", "h:b")[0] == 0
    unset = {"PATH": os.path.dirname(path), "FASPMGR_ASCP": ""}
    assert run("run", "--", "ascp", "a", "h:b", environment=unset)[0] == 0


# -- what transfers nothing, and what is asked for


@pytest.mark.parametrize("option", ["-A", "--version", "--vers", "-h", "--help", "-dTA"])
def test_what_transfers_nothing_runs_as_it_does_alone(scripted_ascp: Make, option: str) -> None:
    """Its output goes where it writes it, byte for byte; nothing is added to its command line, and nothing to read."""
    path = scripted_ascp(
        "sys.stdout.buffer.write(b'ascp version 3.9\\xff\\n'); sys.stdout.flush()\n"
        "sys.stderr.write(repr(sys.argv[1:])); sys.exit(sys.stdin.read())"
    )
    status, out, err = run("run", "--progress", "bar", "--", path, option, stdin=b"words")
    assert (status, out) == (1, "ascp version 3.9\udcff\n")
    assert err == f"[{option!r}]words\n"


@pytest.mark.parametrize(("end", "status"), [("sys.exit(112)", 112), ("os.kill(os.getpid(), 9)", 137)])
def test_the_status_of_what_transfers_nothing(scripted_ascp: Make, end: str, status: int) -> None:
    path = scripted_ascp(end)
    ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # noqa: E731
    assert run("run", "--ascp", path, "--", "ascp", "-A", preexec_fn=ignore) == (status, "", "")


def test_no_ascp_that_transfers_nothing(tmp_path: Path) -> None:
    expected = f"faspmgr: {tmp_path}/none: No such file or directory\n"
    assert run("run", "--", tmp_path / "none", "-h") == (5, "", expected)


def test_a_file_that_is_named_like_an_option_is_transferred(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)")
    status, out, _ = run("run", "--", path, "-u", "-A", "--", "-h", "h:b")
    assert status == 0
    assert "Completed: " in out


PASSWORD = """
try:
    sys.exit('asked ' + open('/dev/tty').readline())
except OSError:
    print('Password: ', end='', file=sys.stderr)
    sys.exit('not given' if sys.stdin.read() == '' else 'asked')
"""


def test_a_question_for_a_password_has_no_answer(scripted_ascp: Make) -> None:
    """As the real one asks, on the terminal or by standard input, which nobody ever writes to here."""
    argv = ["run", "--progress", "none", "--", scripted_ascp(PASSWORD), "a", "h:b"]
    with start(*argv, stdin=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == (
            b"Not started: ascp ended with exit status 1 without connecting: Password: not given\n"
        )
        assert process.wait(20) == 5
    with on_terminal(*argv) as terminal:
        assert terminal.end() == 5
    assert "Password: not given" in terminal.text


@pytest.mark.parametrize("words", [["stdio:///clip?9", "/in"], ["stdio-tar://", "/in"], ["--file-list=-", "/in"]])
def test_standard_input_that_is_transferred(scripted_ascp: Make, tmp_path: Path, words: list[str]) -> None:
    path = scripted_ascp(f"open({str(tmp_path / 'got')!r}, 'w').write(sys.stdin.read()); began().sendall(DONE)")
    argv = ["run", "--", path, "--mode=send", "--user=me", "--host=h", *words]
    assert run(*argv, stdin=b"some data").status == 0
    assert (tmp_path / "got").read_text() == "some data"


def test_the_exit_status_is_known_though_our_parent_ignores_sigchld(scripted_ascp: Make) -> None:
    path = scripted_ascp("sys.stderr.write(repr(signal.getsignal(signal.SIGCHLD))); began(); sys.exit(7)")
    ignore = lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # noqa: E731
    status, out, err = run("run", "--progress", "none", "--", path, "a", "h:b", preexec_fn=ignore)
    assert status == 3
    assert "ascp ended with exit status 7 without DONE or ERROR" in out
    assert err == "<Handlers.SIG_DFL: 0>"  # and so it is for ascp


# -- transfer specs


def specification(tmp_path: Path, **more: Any) -> dict[str, Any]:
    (tmp_path / "target").mkdir()
    (tmp_path / "a.bin").write_bytes(os.urandom(100_000))
    return {
        "direction": "send",
        "remote_host": "127.0.0.1",
        "remote_user": "xfer",
        "remote_password": "pa55word",
        "token": "t0ken",
        "destination_root": str(tmp_path / "target"),
        "paths": [{"source": str(tmp_path / "a.bin"), "destination": "b.bin"}],
        **more,
    }


def copying(simulated_ascp: str, tmp_path: Path) -> str:
    path = tmp_path / "copying"
    path.write_text(
        f'#!/bin/sh\ntr "\\0" " " <"/proc/$$/cmdline" >"{tmp_path}/argv"\n'
        f'echo "$ASPERA_SCP_PASS $ASPERA_SCP_TOKEN" >&2\nexec "{simulated_ascp}" --simulate-copy "$@"\n'
    )
    path.chmod(0o755)
    return str(path)


@pytest.mark.parametrize("from_stdin", [False, True])
def test_a_transfer_spec(simulated_ascp: str, tmp_path: Path, from_stdin: bool) -> None:
    text = json.dumps(specification(tmp_path)).encode()
    (tmp_path / "spec.json").write_bytes(text)
    path = "-" if from_stdin else str(tmp_path / "spec.json")
    ascp = copying(simulated_ascp, tmp_path)
    status, out, err = run("run", "--ascp", ascp, "--spec", path, "--json", stdin=text if from_stdin else b"")
    assert status == 0, err
    assert (tmp_path / "target" / "b.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()
    assert "*** ***\n" in err
    for secret in ("pa55word", "t0ken"):
        assert secret not in out + err + (tmp_path / "argv").read_text()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "transfer spec: invalid JSON"),
        ('{"direction": "send", "remote_host": "h", "speed": 1}', "speed: unknown property"),
        ('{"direction": "sideways", "remote_host": "h"}', "direction: "),
    ],
)
def test_a_spec_that_cannot_be_run(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "spec.json"
    path.write_text(text)
    status, out, err = run("run", "--spec", path)
    assert (status, out) == (2, "")
    assert err.startswith(f"faspmgr: {path}: ")
    assert words in err
    assert len(err.splitlines()) == 1


def test_files_for_the_spec_are_gone_afterwards(simulated_ascp: str, tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    path = tmp_path / "spec.json"
    path.write_text(json.dumps(specification(tmp_path)))
    ascp = copying(simulated_ascp, tmp_path)
    assert run("run", "--ascp", ascp, "--spec", path, environment={"TMPDIR": str(tmp_path / "tmp")})[0] == 0
    assert not list((tmp_path / "tmp").iterdir())


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGQUIT, signal.SIGTERM])
def test_names_of_files_do_not_outlive_a_run(scripted_ascp: Make, tmp_path: Path, number: signal.Signals) -> None:
    """They are gone with it, or with the next run if it was killed."""
    (tmp_path / "tmp").mkdir()
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps(specification(tmp_path)))
    flag = tmp_path / "flag"
    ascp = scripted_ascp(f"wire = began(); open({str(flag)!r}, 'w'); time.sleep(60)")
    environment = {"TMPDIR": str(tmp_path / "tmp")}
    with start("run", "--grace", "0.3", "--ascp", ascp, "--spec", spec, environment=environment) as process:
        wait_until(flag.exists)
        (made,) = (tmp_path / "tmp").rglob("paths")
        assert "a.bin" in made.read_text()
        process.send_signal(number)
        process.wait(20)
    assert made.exists() == (number == signal.SIGKILL)
    run("run", "--", scripted_ascp("sys.exit(1)"), "a", "h:b", environment=environment)
    assert not list((tmp_path / "tmp").iterdir())


# -- recording and views


def test_a_record_decodes(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stop() + DONE)")
    assert run("run", "--record", tmp_path / "r.fasp", "--", path, "a", "h:b")[0] == 0
    _, out, _ = run("summary", "--json", tmp_path / "r.fasp")
    assert json.loads(out)["transfers"][0]["state"] == "done"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_a_record_on_a_full_disk(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stop() + DONE)")
    status, out, err = run("run", "--record", "/dev/full", "--", path, "a", "h:b")
    assert status == 2
    assert "Completed: " in out
    assert "The recording is not complete: /dev/full: No space left on device" in out
    assert "the recording is not complete" in err


def test_a_view_is_whole_at_any_time(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp(WAITS + "time.sleep(1.5); wire.sendall(stop() + DONE)")
    view = tmp_path / "channel.json"
    flag = str(tmp_path / "flag")
    with start("run", "--view", f"channel={view}", "--", path, "--flag", flag, "a", "h:b") as process:
        wait_until(lambda: view.exists() and view.read_bytes())
        first = json.loads(view.read_text())
        assert finish(process)[0] == 0
    last = json.loads(view.read_text())
    assert first["id"] == last["id"]
    assert [file["closed"] for file in first["transferred_files"]] in ([False], [])
    assert [file["closed"] for file in last["transferred_files"]] == [True]


# -- Ctrl-C, SIGTERM, and a terminal that goes away


@pytest.fixture
def moving(scripted_ascp: Make, tmp_path: Path) -> Callable[..., Any]:
    """Starts run with an ascp of these lines, in pipes or on a terminal, and waits until its files move."""

    @contextlib.contextmanager
    def begin(body: str, *options: str, starter: Callable[..., Any] = start, **more: Any) -> Iterator[Any]:
        flag = tmp_path / "flag"
        with starter("run", *options, "--", scripted_ascp(body), "--flag", flag, "a", "h:b", **more) as begun:
            wait_until(flag.exists)
            yield begun

    return begin


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels(moving: Callable[..., Any], number: signal.Signals) -> None:
    with moving(CANCELLED, "--grace", "20") as process:
        process.send_signal(number)
        status, out, err = finish(process)
    assert status == 130
    assert f"Interrupted: 28 USER_CANCEL: cancelled; interrupted by {number.name}" in out
    assert f"{number.name}: cancelling the transfer" in err


def test_an_ascp_that_hears_neither_cancel_nor_sigterm(moving: Callable[..., Any]) -> None:
    with moving(DEAF, "--grace", "0.3") as process:
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert out.splitlines()[-2:] == [
        "Interrupted: at 40%, 400 B; interrupted by SIGINT",
        "Start the transfer again if the cancel was a mistake, with -k 1 to resume partial files.",
    ]


def test_the_second_ctrl_c_does_not_wait(moving: Callable[..., Any]) -> None:
    with moving(DEAF, "--grace", "300") as process:
        process.send_signal(signal.SIGINT)
        time.sleep(0.3)
        process.send_signal(signal.SIGINT)
        assert finish(process)[0] == 130


@pytest.mark.parametrize("before", [signal.SIG_DFL, signal.SIG_IGN])
def test_sigquit_does_not_wait(moving: Callable[..., Any], before: signal.Handlers) -> None:
    """Also in the background of a shell script, where it is ignored at first."""
    set_before = lambda: signal.signal(signal.SIGQUIT, before)  # noqa: E731
    with moving(DEAF, "--grace", "300", preexec_fn=set_before) as process:
        process.send_signal(signal.SIGQUIT)
        status, out, _ = finish(process)
    assert status == 130
    assert "interrupted by SIGQUIT" in out


def test_ctrl_c_while_waiting_for_a_retry(scripted_ascp: Make) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")
    with start("run", "--retry", "9", "--", path, "a", "h:b") as process:
        assert process.stderr
        while b"retry 2 of 9" not in process.stderr.readline():
            pass
        process.send_signal(signal.SIGINT)
        status, out, _ = finish(process)
    assert status == 130
    assert "Interrupted: 16 CONNECTION_LOST: it failed" in out


def test_nohup(moving: Callable[..., Any]) -> None:
    body = WAITS + "time.sleep(1); wire.sendall(DONE)"
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    with moving(body, preexec_fn=ignore) as process:
        process.send_signal(signal.SIGHUP)
        assert finish(process)[0] == 0


def test_ctrl_c_in_a_terminal_reaches_ascp_as_cancel_only(moving: Callable[..., Any]) -> None:
    with moving(CANCELLED, "--grace", "20", starter=on_terminal) as terminal:
        terminal.type(b"\x03")
        assert terminal.end() == 130
    assert "Interrupted: 28 USER_CANCEL" in terminal.text


def test_a_terminal_that_is_resized_goes_on(moving: Callable[..., Any]) -> None:
    body = WAITS + "\nfor n in range(12): wire.sendall(stats(400 + n)); time.sleep(0.1)\nwire.sendall(DONE)"
    with moving(body, starter=on_terminal) as terminal:
        for columns in (20, 200, 1, 80):
            terminal.resize(columns)
            time.sleep(0.15)
        assert terminal.end() == 0
    assert "Completed: " in terminal.text


def test_a_terminal_that_goes_away(moving: Callable[..., Any]) -> None:
    with moving(CANCELLED, "--grace", "20", starter=on_terminal) as terminal:
        terminal.hang_up()
        assert terminal.end() == 130


def test_a_reader_of_our_output_that_goes_away(scripted_ascp: Make, tmp_path: Path) -> None:
    target = tmp_path / "status"
    moves = "for n in range(10): wire.sendall(stats(n)); time.sleep(0.15)"
    path = scripted_ascp(f"wire = began()\n{moves}\nwire.sendall(error(25))")
    shell(f'(faspmgr run --progress json -- "$@" 2>/dev/null; echo $? >"{target}") | head -1', path, "a", "h:b")
    wait_until(lambda: target.exists() and target.read_text())
    assert target.read_text() == "1\n"  # the transfer went on, and its verdict counts


def test_standard_streams_that_are_closed(scripted_ascp: Make, tmp_path: Path) -> None:
    path = scripted_ascp("print('words', file=sys.stderr); wire = began(); wire.sendall(error(25))")
    assert shell('faspmgr run -- "$@" <&- >&- 2>&-', path, "a", "h:b").status == 1


# -- real files


def test_real_files_in_two_sessions(simulated_ascp: str, tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    names = [str(tmp_path / f"{n}.bin") for n in range(6)]
    for name in names:
        Path(name).write_bytes(os.urandom(100_000))
    argv = [simulated_ascp, "--simulate-copy", "-l", "50m", *names, f"xfer@localhost:{tmp_path / 'target'}"]
    status, out, _ = run("run", "--sessions", "2", "--udp-port", "33001", "--", *argv)
    assert status == 0, out
    for name in names:
        assert (tmp_path / "target" / Path(name).name).read_bytes() == Path(name).read_bytes()
    assert "6 files" in out
