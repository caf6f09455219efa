"""Many runs with random faults, cancellations and commands; by hand.

    python tests/soak.py --runs 500
    python tests/soak.py --runs 500 --loop uvloop
    python tests/soak.py --runs 100 --program     each as a process of its own, ended by signals

Of each run the verdict is compared: the exit status, the JSON, the headline, and what ``summary`` makes of the
recording. At the end no process, task, descriptor or file may be left. The simulator plays ascp. What differs is
printed, with the seed of the run; ``--seed N --runs 1`` repeats it.
"""

from __future__ import annotations

import argparse
import asyncio
import collections
import contextlib
import gc
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from faspmgr.cli.text import headline  # noqa: E402
from faspmgr.commands import Cancel, Command, Finish, Query, SetRate, StopFile  # noqa: E402
from faspmgr.manager import Job, Result  # noqa: E402
from faspmgr.manager.control import ask  # noqa: E402
from tests.cli.terminal import invoke  # noqa: E402
from tests.launcher import FASPMGR, SIMULATOR, variables  # noqa: E402
from tests.live import processes_with  # noqa: E402

MARK = "FASPMGR_SOAK"
OWN = str(os.getpid())
"""Value of the mark, as two soaks may run at once."""
FAULTS = (
    "fail=16@50%", "fail=16@connect", "fail=19@session", "fail=28@50%", "fail-file=5@1", "hang@40%", "hang@connect",
    "silent-exit@connect", "silent-exit@30%", "die@30%", "die@1000", "die-kill@60%", "garbage@20%", "no-connect",
    "linger-socket",
)  # fmt: skip
AT_ONCE = 4
WITHIN = 120.0
"""Seconds for a run, on a busy machine."""


class Plan:
    """One run: what is transferred, what goes wrong, and what we do to it; all from its seed."""

    def __init__(self, seed: int, folder: Path, ascp: str) -> None:
        chance = random.Random(seed)
        self.seed = seed
        self.folder = folder
        self.sessions = chance.choice([None, None, None, 2, 3])
        self.retry = chance.choice([0, 0, 1, 2])
        self.record = folder / ("recording" if self.sessions or chance.random() < 0.3 else "recording.fasp")
        if self.record.suffix != ".fasp":
            self.record.mkdir()
        sources = []
        for number in range(chance.randint(1, 3)):
            source = folder / f"source{number}.bin"
            with source.open("wb") as file:
                file.truncate(chance.choice([0, 1, 50_000, 500_000, 2_000_000]))
            sources.append(str(source))
        faults = [fault for fault in FAULTS if chance.random() < 0.07]
        if faults and chance.random() < 0.5:
            faults.append(f"once={folder / 'once'}")
        self.environment = {"FASPMGR_ASCP_FAULT": ",".join(faults)} if faults else {}
        options = [
            "--simulate-copy",
            f"--simulate-root={folder / 'server'}",
            "-l",
            chance.choice(["20m", "100m", "1g"]),
        ]
        (folder / "server/in").mkdir(parents=True)
        self.argv = [ascp, *options, *sources, "user@host:/in"]
        # Each at so many seconds from the start.
        deeds: list[Any] = [
            SetRate(target_kbps=50_000),
            StopFile(sources[0]),
            Query(),
            Finish(),
            Cancel(),
            "stop",
            "kill",
        ]
        self.deeds = sorted(
            (
                (chance.choice([0.0, 0.02, 0.1, 0.3, 0.6, 1.0]), chance.choice(deeds))
                for _ in range(chance.choice([0, 0, 1, 2]))
            ),
            key=lambda deed: deed[0],
        )
        self.limits: dict[str, Any] = {"stall_timeout": 1.0, "grace": 0.5, "connect_timeout": 3.0}

    def __str__(self) -> str:
        fault = self.environment.get("FASPMGR_ASCP_FAULT", "none")
        return f"seed {self.seed}: fault {fault}, sessions {self.sessions}, retry {self.retry}, deeds {self.deeds}"


def summary(record: Path) -> tuple[int, str, dict[str, Any]]:
    """Exit status, headline and JSON of summary."""
    text = invoke("summary", record)
    report = invoke("summary", "--json", record)
    assert text.status == report.status, (text.status, report.status)
    lines = [line for line in text.lines if not line.startswith((" ", "Transfer "))]
    return text.status, lines[0], json.loads(report.out)


WORD = {"done": "Completed", "failed": "Failed", "lost": "Lost", "not started": "Not started"}
STATUS = {"done": 0, "failed": 1, "lost": 3, "not started": 5}


def differences(plan: Plan, status: int, line: str, shown: dict[str, Any]) -> list[str]:
    """What of a run does not agree."""
    found = []
    interrupted = shown["interrupted"] and shown["verdict"] != "done"
    wanted = 130 if interrupted else STATUS[shown["verdict"]]
    word = "Interrupted" if interrupted else WORD[shown["verdict"]]
    if status != wanted:
        found.append(f"exit status {status} for {shown['verdict']}: {wanted}")
    if not line.startswith(f"{word}: "):
        found.append(f"headline {line!r} for {word}")
    told, told_line, report = summary(plan.record)
    if told != status:
        found.append(f"summary exits with {told}, the run with {status}")
    if told_line != line:
        found.append(f"summary: {told_line!r}; run: {line!r}")
    for name in ("verdict", "error", "reason", "interrupted"):
        if report[name] != shown[name]:
            found.append(f"summary has {name} {report[name]!r}, run {shown[name]!r}")
    (transfer,) = report["transfers"] or [None]
    if transfer != shown["transfer"]:
        keys = [
            key
            for key in transfer or shown["transfer"]
            if (transfer or {}).get(key) != (shown["transfer"] or {}).get(key)
        ]
        found.append(f"transfers differ in {keys}")
    return found


async def run_here(plan: Plan) -> tuple[int, str, dict[str, Any]]:
    """Run in this process."""
    job = Job(
        plan.argv,
        retry=plan.retry,
        sessions=plan.sessions,
        retry_wait=0.05,
        environment={**plan.environment, MARK: OWN},
        record=plan.record,
        **plan.limits,
    )

    async def act() -> None:
        begin = time.monotonic()
        for at, deed in plan.deeds:
            await asyncio.sleep(max(0.0, begin + at - time.monotonic()))
            if deed == "stop":
                job.stop("enough")
            elif deed == "kill":
                job.kill("enough, now")
            else:
                assert isinstance(deed, Command)
                await job.send(deed, timeout=1.0)

    acting = asyncio.create_task(act())
    try:
        async with asyncio.timeout(WITHIN):
            result: Result = await job.run()
    finally:
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await acting
    line = headline(result, result.transfer)
    return int(result.status), line, json.loads(json.dumps(result.to_dict()))


async def run_program(plan: Plan) -> tuple[int, str, dict[str, Any]]:
    """Run as a program; what we do to it are signals, and commands by the control socket."""
    socket = str(plan.folder / "control")
    arguments = ["run", "--json", "--progress", "none", "--record", str(plan.record), "--control", socket]
    arguments += ["--retry", str(plan.retry), *(["--sessions", str(plan.sessions)] if plan.sessions else [])]
    for name, value in plan.limits.items():
        arguments += [f"--{name.replace('_', '-')}", str(value)]
    process = await asyncio.create_subprocess_exec(
        *FASPMGR, *arguments, "--", *plan.argv,
        env=variables({**plan.environment, MARK: OWN}), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip

    async def act() -> None:
        while not os.path.exists(socket):  # until it is there, a signal ends it before anything was run
            await asyncio.sleep(0.02)
        begin = time.monotonic()
        for at, deed in plan.deeds:
            await asyncio.sleep(max(0.0, begin + at - time.monotonic()))
            if isinstance(deed, str):
                process.send_signal(signal.SIGINT if deed == "stop" else signal.SIGTERM)
            else:
                request = (
                    {"command": "cancel"} if isinstance(deed, Cancel) else {"command": "rate", "target_kbps": 50_000}
                )
                with contextlib.suppress(OSError, ValueError):
                    await asyncio.to_thread(ask, socket, request, 5.0)

    acting = asyncio.create_task(act())
    try:
        async with asyncio.timeout(WITHIN):
            out, err = await process.communicate()
    finally:
        acting.cancel()
        with contextlib.suppress(asyncio.CancelledError, ProcessLookupError):
            await acting
    assert b"Traceback" not in err, err.decode()
    words = (*WORD.values(), "Interrupted")
    lines = [line for line in err.decode().splitlines() if line.startswith(tuple(f"{word}: " for word in words))]
    assert process.returncode is not None
    return process.returncode, lines[-1] if lines else "", json.loads(out)


async def soak(seeds: range, ascp: str, folder: Path, run: Callable[[Plan], Any]) -> int:
    """All runs; how many differ in something."""
    waiting = iter(seeds)
    verdicts: collections.Counter[str] = collections.Counter()
    bad = 0

    async def worker() -> None:
        nonlocal bad
        for seed in waiting:
            with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as own:
                plan = Plan(seed, Path(own), ascp)
                try:
                    status, line, shown = await run(plan)
                    found = differences(plan, status, line, shown)
                    verdicts[("interrupted, " if shown["interrupted"] else "") + shown["verdict"]] += 1
                except Exception as error:
                    found = [f"{type(error).__name__}: {error}"]
            if found:
                bad += 1
                print(plan, *found, sep="\n    ", flush=True)

    await asyncio.gather(*(worker() for _ in range(AT_ONCE)))
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    if left:
        bad += 1
        print(f"tasks left: {left}")
    print(", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items())))
    return bad


def descriptors() -> list[str]:
    gc.collect()
    found = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            found.append(os.readlink(f"/proc/self/fd/{name}"))
    return sorted(name for name in found if not name.endswith("/fd"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1, help="of the first run")
    parser.add_argument("--loop", choices=["asyncio", "uvloop"], default="asyncio")
    parser.add_argument("--program", action="store_true", help="each run is a process of its own")
    arguments = parser.parse_args()

    factory: Any = None
    if arguments.loop == "uvloop":
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(asyncio.sleep(0))  # uvloop keeps a pipe of its own from its first loop on
    before = descriptors()
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        temporary = Path(folder, "tmp")
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)  # for what faspmgr makes
        ascp = Path(folder, "ascp")
        ascp.write_text(f'#!/bin/sh\nexec {shlex.join(SIMULATOR)} "$@"\n')
        ascp.chmod(0o755)
        os.environ["PYTHONPATH"] = str(ROOT)
        seeds = range(arguments.seed, arguments.seed + arguments.runs)
        with asyncio.Runner(loop_factory=factory) as runner:
            bad = runner.run(soak(seeds, str(ascp), Path(folder), run_program if arguments.program else run_here))
        time.sleep(1)
        left = [
            *(f"process {line}" for line in processes_with(f"{MARK}={OWN}")),
            *(f"file {path}" for path in temporary.rglob("*")),
        ]
    left += [f"descriptor {name}" for name in (collections.Counter(descriptors()) - collections.Counter(before))]
    for line in left:
        print(f"left: {line}")
    print(f"{arguments.runs} runs, {arguments.loop}, {time.monotonic() - begin:.0f} s: {bad} differ, {len(left)} left")
    sys.exit(bool(bad or left))


if __name__ == "__main__":
    main()
