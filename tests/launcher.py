"""Starts the programs under test. Nothing else in the tests starts the command line or the simulator.

FASPMGR and SIMULATOR are the two programs of this package, run from this working copy by this Python. start() runs one
for the length of a block, run() to its end; both give an Outcome. What plays ascp for a test is a file that is made by
the fixtures in tests/live.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
FASPMGR = (sys.executable, "-m", "faspmgr")
SIMULATOR = (sys.executable, "-m", "faspmgr.simulator.ascp")
MANY_FILES = int(os.environ.get("FASPMGR_MANY_FILES", "100000"))
"""For the tests of many files; a multiple of 1,000. CI runs them once more with a million."""
TIMEOUT = 40 * max(1, MANY_FILES // 100_000)
"""Seconds that a program may take; on a busy machine everything takes several times as long."""
END_SECONDS = 3
"""Seconds between the signals that end a program which is left over when its block ends."""


class Outcome(NamedTuple):
    """How a program ended.

    Attributes:
        status: its exit status, negative for a signal.
        out: standard output; bytes that are not UTF-8 as surrogates.
        err: standard error, in the same way. It has no traceback.
    """

    status: int
    out: str
    err: str

    @property
    def data(self) -> bytes:
        """Standard output, byte for byte."""
        return self.out.encode("utf-8", "surrogateescape")

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def objects(self) -> list[Any]:
        """Standard output as JSON Lines, parsed."""
        return [json.loads(line) for line in self.lines]

    @property
    def errors(self) -> list[str]:
        return self.err.splitlines()


def variables(changes: Mapping[str, str] | None = None, *, clean: bool = False) -> dict[str, str]:
    """The environment for a program under test: that of this process now, with the package on the path.

    Args:
        changes: variables beside those, or in their place.
        clean: leave out what steers an ascp, ASPERA_… and FASPMGR_ASCP….
    """
    # Without PYTHONUNBUFFERED: when output is flushed is a part of what is tested.
    left_out = ("PYTHONUNBUFFERED", *(("ASPERA_", "FASPMGR_ASCP") if clean else ()))
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    return {**kept, "PYTHONPATH": str(ROOT), "LC_ALL": "C.UTF-8", **(changes or {})}


@contextlib.contextmanager
def start(
    *args: str | Path,
    program: Sequence[str] = FASPMGR,
    environment: Mapping[str, str] | None = None,
    clean: bool = False,
    **options: Any,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a program, and end it with the block.

    Args:
        args: its arguments.
        program: the program, and arguments that come before args.
        environment: variables beside those of this process now.
        clean: see variables().
        options: of Popen. Standard input is empty, the other streams are pipes, unless they say otherwise.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    with subprocess.Popen([*program, *args], env=variables(environment, clean=clean), **streams) as process:
        try:
            yield process
        finally:
            for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGKILL):
                if process.poll() is None:
                    process.send_signal(number)
                    with contextlib.suppress(subprocess.TimeoutExpired):
                        process.wait(END_SECONDS)


def finish(process: subprocess.Popen[bytes], stdin: bytes | None = None) -> Outcome:
    """Wait for the end of a program that start() has started.

    Args:
        process: the program.
        stdin: what is still to be written to its standard input, where that is a pipe.
    """
    try:
        out, err = process.communicate(stdin, timeout=TIMEOUT)
    finally:
        process.terminate()
    outcome = Outcome(process.returncode, *(_text(data) for data in (out, err)))
    assert "Traceback" not in outcome.err, outcome.err
    return outcome


def run(*args: str | Path, stdin: bytes | None = None, **options: Any) -> Outcome:
    """Run a program to its end. Arguments are those of start(), and stdin: the bytes on its standard input."""
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    with start(*args, **options) as process:
        return finish(process, stdin)


def shell(script: str, *args: str | Path, **options: Any) -> Outcome:
    """Run a bash script in which ``faspmgr`` is the command line; args are $1, $2 and so on."""
    text = f'set -o pipefail; faspmgr() {{ "{sys.executable}" -m faspmgr "$@"; }}; {script}'
    return run(text, "bash", *args, program=("bash", "-c"), **options)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "surrogateescape")
