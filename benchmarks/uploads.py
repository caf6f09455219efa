"""The sections about uploads that a program feeds: ``faspmgr put``, and files through one persistent session.

The other side is the simulator, which writes what it gets to files. Beside ``put`` stands what the system does with the
same bytes: ``cat`` from a pipe into a connection on the loopback, and ``cat`` from that into a file.

Both sides run at the same time, so that all cores are used here, as many as there are. What is sent is a file without
data on the disk, all zeros; where it arrives, it is written to the disk for real.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from measure import HERE, MEMORY_MB, TWINS, Ratio, Section, best, child, figure, section

RATIOS = {
    "faspmgr put, from a pipe": Ratio("cat, from a pipe", "speed", 0.5, 0.5),
    "faspmgr put, from a file": Ratio("cat, from a pipe", "speed"),
}
FILES = 10_000
FILE_BYTES = 10_000
FILES_PER_SECOND = 2_000
ROUNDS = 5


def sections(twin: str, folder: Path, cores: set[int], scale: int) -> dict[str, Section]:
    """All of them.

    Args:
        twin: which one is measured.
        folder: for what is written.
        cores: those that may be used; empty where the system does not let us choose.
        scale: by how much less is sent.
    """
    size, files = 1_000_000_000 // scale, FILES // scale
    with _on(cores):
        seconds, memory_mb = _put(twin, folder, size)
        uploads = best({"seconds": lambda: float(_worker(twin, "uploads", folder, count=files)["seconds"])}, ROUNDS)
    memory = figure(memory_mb - child(twin, "bare")["memory_mb"], None, MEMORY_MB)
    per_second = figure(files / uploads["seconds"], None, FILES_PER_SECOND, at_least=True)
    return {
        f"streams, ms for {size // 1_000_000} MB": section(RATIOS, {twin: seconds}),
        "memory with a stream, MB": {f"faspmgr put, {size // 1_000_000} MB": {twin: memory}},
        "a session, files a second": {f"{files:,} uploads of 10 KB": {twin: per_second}},
    }


def _put(twin: str, folder: Path, size: int) -> tuple[dict[str, float], float]:
    """The best milliseconds, less those for a single byte: what is left is not start-up. And the most memory."""
    sources = {}
    for count in (size, 1):
        sources[count] = folder / f"{count}.source"
        with sources[count].open("wb") as file:
            file.truncate(count)
    memory = [0.0]
    jobs: dict[Any, Callable[[], float]] = {}
    for count, source in sources.items():
        jobs["cat, from a pipe", count] = partial(_cat, source, folder)
        for kind in ("pipe", "file"):
            jobs[f"faspmgr put, from a {kind}", count] = partial(_put_once, twin, source, folder, kind, memory)
    seconds = best(jobs, ROUNDS)
    return {name: (seconds[name, size] - seconds[name, 1]) * 1e3 for name, count in jobs if count == size}, memory[0]


def _cat(source: Path, folder: Path) -> float:
    arrived = folder / "cat"
    with socket.create_server(("127.0.0.1", 0)) as server, arrived.open("wb") as file:
        near = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        start = time.perf_counter()
        with _piped(source) as pipe:
            sending = subprocess.Popen(["cat"], stdin=pipe, stdout=near.fileno())
            receiving = subprocess.Popen(["cat"], stdin=far.fileno(), stdout=file)
            near.close()  # the end of the sender is the end of the connection
            far.close()
            if sending.wait() or receiving.wait():
                raise RuntimeError("cat has failed")
        seconds = time.perf_counter() - start
    return _checked(arrived, source, seconds)


def _put_once(twin: str, source: Path, folder: Path, kind: str, memory: list[float]) -> float:
    start = time.perf_counter()
    with _piped(source) if kind == "pipe" else source.open("rb") as data:
        memory[0] = max(memory[0], _worker(twin, "put", folder, source=data)["memory_mb"])
    seconds = time.perf_counter() - start
    return _checked(folder / "in" / "stream", source, seconds)


def _checked(arrived: Path, source: Path, seconds: float) -> float:
    """The seconds, if all has arrived; what has arrived is removed."""
    if arrived.stat().st_size != source.stat().st_size:
        raise RuntimeError(f"{arrived.stat().st_size} bytes have arrived of {source.stat().st_size}")
    arrived.unlink()
    return seconds


@contextmanager
def _piped(source: Path) -> Iterator[Any]:
    with subprocess.Popen(["cat", str(source)], stdout=subprocess.PIPE) as process:
        yield process.stdout


def _worker(twin: str, task: str, folder: Path, source: Any = subprocess.DEVNULL, count: int | None = None) -> Any:
    """What a worker prints that runs in a folder; below that is where files arrive."""
    argv = [sys.executable, str(HERE / "worker.py"), task, *([] if count is None else [str(count)])]
    environment = os.environ | TWINS[twin]
    done = subprocess.run(argv, cwd=folder, stdin=source, stdout=subprocess.PIPE, env=environment, check=True)
    shutil.rmtree(folder / "uploads", ignore_errors=True)
    return json.loads(done.stdout)


@contextmanager
def _on(cores: set[int]) -> Iterator[None]:
    """On these cores, as long as the block lasts."""
    if not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
