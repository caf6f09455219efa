"""What commands that read show when a signal interrupts them, and how they end."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.launcher import TIMEOUT, Outcome, finish, start
from tests.live import wait_until


def interrupt_when_read(
    args: str, *files: str | Path, stdin: bytes | None = None, number: signal.Signals = signal.SIGINT
) -> Outcome:
    """Interrupt a command when it has reported the first problem: then all messages of the same piece count."""
    with start(*args.split(), *files, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE) as process:
        if process.stdin and stdin:
            process.stdin.write(stdin)
            process.stdin.flush()
        stream = process.stdout if args.startswith("check --json") else process.stderr
        assert stream
        for _ in range(2 if stream is process.stdout else 1):  # the list begins on a line of its own
            assert stream.readline()
        process.send_signal(number)
        return finish(process)


FOLLOWING = ["summary", "summary --json", "check", "check --json", "watch --progress none", "view channel --each 1"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
@pytest.mark.parametrize("args", FOLLOWING)
def test_what_shows_something_at_its_end_does_so_when_interrupted(
    args: str, number: signal.Signals, fixtures: Path, tmp_path: Path
) -> None:
    path = tmp_path / "live.fasp"
    # Six messages, and the start of another, as fixtures/README.md counts them; here with noise between them.
    data = (fixtures / "sessions" / "breaks-off.fasp").read_bytes()
    path.write_bytes(data[:-81] + b"noise\n\n" + data[-81:])
    result = interrupt_when_read(f"{args} --follow", path, number=number)
    assert result.status == 130
    if args == "check":
        assert result.out == f"{path}: 6 messages, 1 problem\n"
    elif args == "check --json":  # the first line and that of the problem have been read
        files = [{"file": str(path), "messages": 6, "error": None}]
        assert json.loads('{"problems":[' + result.out) == {"problems": [], "problem_count": 1, "files": files}
    elif args == "view channel --each 1":
        assert result.objects[-1]["bytes_client_to_server"] == 64487424  # TransferBytes of the last STATS
    elif args == "summary --json":
        report = json.loads(result.out)
        assert (report["status"], report["transfers"][0]["state"]) == (130, "transferring")
    else:  # 63963136 of 1073741824 bytes are 5.96 %
        assert result.lines[-1] == "Running: 5%, 64.0 MB, 0 files"


@pytest.mark.parametrize("args", ["summary", "check --json", "watch --progress none"])
def test_interrupted_before_the_end_of_a_pipe(args: str, fixtures: Path) -> None:
    """What was not read to its end is named, unlike with --follow."""
    done = fixtures / "examples" / "done.fasp"
    files = ["-"] if args.startswith("watch") else ["-", done]
    result = interrupt_when_read(args, *files, stdin=b"FASPMGR 2\nType: INIT\nSessionId: s\n\nno message\n\n")
    assert result.status == 130
    if args == "check --json":
        assert json.loads('{"problems":[' + result.out)["files"] == [
            {"file": "<stdin>", "messages": 1, "error": "interrupted"},
            {"file": str(done), "messages": 0, "error": "interrupted"},
        ]
    else:
        assert result.lines[-1] == "Running: 0%, 0 B, 0 files"


def test_interrupted_with_nothing_to_show() -> None:
    with start("summary", stdin=subprocess.PIPE) as process:
        wait_until(lambda: _catches(process.pid, signal.SIGTERM))
        process.send_signal(signal.SIGTERM)
        assert finish(process) == (130, "No session in this stream.\n", "")


def _catches(pid: int, number: signal.Signals) -> bool:
    """Whether a process has a handler for a signal."""
    caught = Path("/proc", str(pid), "status").read_text().partition("SigCgt:")[2].split()[0]
    return bool(int(caught, 16) >> (number - 1) & 1)


@pytest.mark.parametrize(("args", "signals"), [("check --json", 2), ("decode", 1)])
def test_what_waits_for_a_reader_ends_by_signals(args: str, signals: int, tmp_path: Path) -> None:
    """Nobody reads, so a write waits. Where the output must stay whole, the first signal does not break in."""
    path = tmp_path / "bad.fasp"
    path.write_bytes(b"FASPMGR 2\nType: NOP\nnonsense\n\n" * 20_000)
    with start(*args.split(), path, stderr=subprocess.DEVNULL) as process:
        assert process.stdout
        process.stdout.readline()
        for _ in range(signals):
            wait_until(lambda: _waits(process.pid))
            process.send_signal(signal.SIGINT)
        assert process.wait(TIMEOUT) == 130


def _waits(pid: int) -> bool:
    """Whether a process sleeps, and has no signal that it has not received."""
    pending = re.findall(r"^(?:SigPnd|ShdPnd):\s*([0-9a-f]+)$", Path("/proc", str(pid), "status").read_text(), re.M)
    state = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0]
    return state == "S" and not any(int(mask, 16) for mask in pending)
