"""--jobs: several files at the same time give what they give one after the other, and nothing is left behind."""

from __future__ import annotations

import contextlib
import fcntl
import gzip
import json
import os
import resource
import signal
import subprocess
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.cli.terminal import invoke
from tests.launcher import TIMEOUT, Outcome, finish, run, shell, start
from tests.live import message, wait_until

STOP = message("STOP", File="a", Size=3)
WRITE = b"FASPMGR 4\nType: WRITE\nSize: 3\n\nabc\n\n"


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Files of all kinds: one that is not there first, and one given twice."""
    contents = {
        "clean": STOP * 6_000,
        "bad": b"FASPMGR 2\nType: NOP\nnonsense\n\n" * 5_000,
        "empty": b"",
        "write1": STOP + WRITE,
        "write2": WRITE + STOP,
        "cut.gz": gzip.compress(STOP * 9)[:-4],
        "new": message("NEWTYPE") + message("OTHERTYPE"),
        "unfinished": STOP[:-1],
    }
    for name, data in contents.items():
        (tmp_path / name).write_bytes(data)
    return [tmp_path / name for name in ("absent", *contents, "bad")]


@pytest.mark.parametrize("jobs", [2, 20])
@pytest.mark.parametrize(
    "args",
    [
        "decode",
        "decode --strict",
        "decode --format csv --type NEWTYPE,NIX,STOP",
        "decode --format tsv --fields file,size",
        "decode --format text",
        "decode --format fasp",
        "check",
        "check --json",
        "check --strict --json",
    ],
)
def test_the_output_is_that_of_one_process(args: str, jobs: int, files: list[Path]) -> None:
    assert run(*args.split(), "--jobs", str(jobs), *files) == run(*args.split(), *files)


def test_what_is_said_once_for_all_files_is_said_once(files: list[Path]) -> None:
    absent, clean, bad, empty, write1, write2, *_ = files
    result = run("decode", "--jobs", "2", "--format", "fasp", write1, clean, write2)
    assert (result.data, result.err) == (STOP + WRITE + STOP * 6_000 + WRITE + STOP, "")
    logs = [clean.with_name(f"log{number}") for number in range(2)]
    for log in logs:  # a log of lines has no data
        log.write_bytes(b"".join(b"> " + line for line in (STOP + WRITE[: -len(b"abc\n\n")]).splitlines(keepends=True)))
    result = run("decode", "--jobs", "2", "--format", "fasp", "--unwrap", "^> (.*)", *logs)
    assert result.data == STOP * 2
    assert result.errors == ["faspmgr: each WRITE with data is left out, as a log of lines does not have them"]
    result = run("decode", "--jobs", "2", "--format", "csv", "--type", "STOP", absent, empty, write1, write2)
    assert [line.partition(",")[0] for line in result.lines] == ["type", "STOP", "STOP"]
    result = run("decode", "--jobs", "2", "--type", "NIX", write1, bad)
    assert result.errors[-1].startswith("faspmgr: no message of type NIX")
    assert "4,990 more of kind" in result.errors[-2]


def test_check_counts_all_files(files: list[Path]) -> None:
    absent, clean, bad, *_ = files
    result = run("check", "--jobs", "0", absent, clean, bad, clean)
    assert result.status == 4
    assert result.lines == [
        f"{absent}: 0 messages, no problem, not read to its end",
        f"{clean}: 6,000 messages, no problem",
        f"{bad}: 5,000 messages, 5,000 problems",
        f"{clean}: 6,000 messages, no problem",
    ]
    report = json.loads(run("check", "--json", "--jobs", "3", bad, clean, bad).out)
    assert (report["problem_count"], len(report["problems"])) == (10_000, 10_000)
    assert [row["messages"] for row in report["files"]] == [5_000, 6_000, 5_000]


def test_standard_input_among_the_files_is_read_in_its_turn(files: list[Path]) -> None:
    data = message("DONE")
    assert run("decode", "--jobs", "2", "--format", "fasp", files[1], "-", files[1], stdin=data).data == (
        STOP * 6_000 + data + STOP * 6_000
    )
    assert run("decode", "--jobs", "2", "--format", "fasp", stdin=data).data == data


@pytest.mark.parametrize("number", ["-1", "257", "x"])
def test_an_invalid_number_of_jobs(number: str) -> None:
    assert run("check", "--jobs", number).status == 2


def test_where_no_process_can_be_forked_files_are_read_one_after_the_other(
    files: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fork")
    result = invoke("check", "--jobs", "2", files[1], files[1])
    assert result.text == 2 * f"{files[1]}: 6,000 messages, no problem\n"


# -- while files are read: they are named pipes, which end when we say so


class Reading:
    """A command that reads named pipes.

    Attributes:
        process: the command.
        pipes: the ends to write to, one for each file.
        paths: the files.
    """

    def __init__(self, process: subprocess.Popen[bytes], paths: list[Path], temporary: Path) -> None:
        self.process = process
        self.paths = paths
        self.pipes: list[IO[bytes]] = []
        self._temporary = temporary

    def open(self, count: int) -> None:
        """Open so many of the pipes; each waits until it is read."""
        for path in self.paths[len(self.pipes) : count]:
            self.pipes.append(open(path, "wb", buffering=0))  # noqa: SIM115  # closed by the fixture

    def write(self, data: bytes) -> None:
        """Write to each open pipe, and wait until it was read."""
        for pipe in self.pipes:
            pipe.write(data)
        wait_until(lambda: not any(_unread(pipe) for pipe in self.pipes))
        wait_until(lambda: all(_state(pid) == "S" for pid in self.children()))

    def children(self) -> list[int]:
        return [pid for pid in _processes() if _stat(pid)[1:2] == [str(self.process.pid)]]

    def end(self) -> Outcome:
        """Wait for the end of the command, after which nothing may be left."""
        children = self.children()
        outcome = finish(self.process)
        assert not [pid for pid in children if _state(pid)]
        assert list(self._temporary.iterdir()) == []
        return outcome


StartReading = Callable[..., Reading]


@pytest.fixture
def reading(tmp_path: Path) -> Iterator[StartReading]:
    with contextlib.ExitStack() as stack:

        def begin(args: str, count: int, jobs: int = 2) -> Reading:
            temporary = tmp_path / "temporary"
            temporary.mkdir()
            paths = [tmp_path / f"{number}" for number in range(count)]
            for path in paths:
                os.mkfifo(path)
            process = stack.enter_context(
                start(*args.split(), "--jobs", str(jobs), *paths, environment={"TMPDIR": str(temporary)})
            )
            begun = Reading(process, paths, temporary)
            begun.open(min(jobs, count))
            stack.callback(lambda: [pipe.close() for pipe in begun.pipes])
            return begun

        yield begin


def _unread(pipe: IO[bytes]) -> int:
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), "little")


def _processes() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _stat(pid: int) -> list[str]:
    """The state of a process, its parent and so on; nothing if there is none."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int) -> str:
    return "".join(_stat(pid)[:1])


def test_so_many_files_are_read_at_the_same_time(reading: StartReading) -> None:
    begun = reading("check", 4, jobs=2)
    begun.write(STOP)
    assert len(begun.children()) == 2
    begun.pipes[1].close()  # not the first: the next ones do not wait for it
    begun.open(3)
    assert len(begun.children()) == 2
    begun.pipes[2].write(STOP)
    begun.pipes[2].close()
    begun.open(4)
    begun.pipes[0].close()
    begun.pipes[3].write(STOP)
    begun.pipes[3].close()
    assert begun.end() == (0, "".join(f"{path}: 1 message, no problem\n" for path in begun.paths), "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_decode_ends_by_a_signal(number: signal.Signals, reading: StartReading) -> None:
    begun = reading("decode", 3)
    begun.write(STOP)
    begun.process.send_signal(number)
    assert begun.end() == (130 if number == signal.SIGINT else -number, "", "")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_check_shows_what_it_has_when_it_is_interrupted(number: signal.Signals, reading: StartReading) -> None:
    begun = reading("check --json", 3)
    begun.write(STOP + b"noise\n\n")
    begun.process.send_signal(number)
    result = begun.end()
    assert (result.status, result.err) == (130, "")
    report = json.loads(result.out)
    assert [problem["file"] for problem in report["problems"]] == [str(path) for path in begun.paths[:2]]
    assert report["files"] == [
        {"file": str(path), "messages": messages, "error": "interrupted"}
        for path, messages in zip(begun.paths, [1, 1, 0])
    ]


def test_a_second_signal_does_not_wait_for_what_was_read(reading: StartReading) -> None:
    begun = reading("check", 2)
    begun.write(STOP)
    os.kill(begun.children()[0], signal.SIGSTOP)  # it cannot say what it has
    begun.process.send_signal(signal.SIGINT)
    wait_until(lambda: len([pid for pid in begun.children() if _state(pid) != "Z"]) == 1)
    begun.process.send_signal(signal.SIGINT)
    assert begun.end() == (130, "", "")


@pytest.mark.parametrize("args", ["decode --format fasp", "check", "check --json"])
def test_a_process_that_is_killed_is_reported_and_the_others_go_on(args: str, reading: StartReading) -> None:
    begun = reading(args, 2)
    begun.write(STOP + b"noise\n\n")
    os.kill(min(begun.children()), signal.SIGKILL)
    for pipe in begun.pipes:
        pipe.close()
    result, (first, second) = begun.end(), begun.paths
    reason = "the process that read it was killed by signal 9"
    assert result.errors[0] == f"{first}: {reason}"
    if args == "check":
        assert result.lines == [
            f"{first}: 0 messages, no problem, not read to its end",
            f"{second}: 1 message, 1 problem",
        ]
    elif args == "check --json":
        report = json.loads(result.out)
        assert [problem["file"] for problem in report["problems"]] == [str(second)]
        assert [file["error"] for file in report["files"]] == [reason, None]
    else:
        assert result.data == STOP
    assert result.status == (2 if args.startswith("decode") else 4)


def test_a_process_that_is_killed_before_it_has_anything(reading: StartReading) -> None:
    begun = reading("decode", 2)
    for pid in begun.children():
        os.kill(pid, signal.SIGKILL)
    result = begun.end()
    assert (result.status, result.out, len(result.errors)) == (2, "", 2)


def test_a_reader_who_goes_away_ends_all(reading: StartReading) -> None:
    begun = reading("decode", 3)
    assert begun.process.stdout
    begun.process.stdout.close()
    begun.write(STOP)
    begun.pipes[0].close()
    assert begun.process.wait(TIMEOUT) == 0
    assert begun.children() == []


def test_the_others_end_when_the_first_process_is_killed(reading: StartReading) -> None:
    begun = reading("decode", 2)
    begun.write(STOP)
    children = begun.children()
    begun.process.kill()
    begun.process.wait(TIMEOUT)
    for pipe in begun.pipes:
        pipe.write(STOP)
    wait_until(lambda: not [pid for pid in children if _state(pid) not in ("", "Z")])


def test_an_output_that_cannot_be_kept(files: list[Path]) -> None:
    _absent, clean, *_, unfinished, bad = files
    result = run(
        *("check", "--jobs", "2", bad, clean, unfinished),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)),
    )
    assert result.status == 4
    assert result.errors[0] == f"{bad}: the temporary directory cannot hold its output: File too large"
    assert result.lines == [
        f"{bad}: 0 messages, no problem, not read to its end",
        f"{clean}: 6,000 messages, no problem",
        f"{unfinished}: 0 messages, 1 problem",
    ]


@pytest.mark.parametrize("closed", [">&-", "2>&-", "</dev/null", ">/dev/full"])
def test_standard_streams_that_are_missing(closed: str, files: list[Path]) -> None:
    script = f'faspmgr decode "$@" {closed}'
    assert shell(script, "--jobs", "2", *files) == shell(script, *files)
