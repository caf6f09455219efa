"""All benchmarks: ``python benchmarks/run.py`` prints tables, ``--json`` the same as JSON, ``--short`` is quick.

Times vary from machine to machine; what is to be reached are ratios, measured in one run, on one core where the system
lets us choose. Each figure is the best of some rounds, in which all that is compared takes turns, so that a busy moment
does not hit one of them alone. The base is msgspec decoding the STATS and STOP messages of the stream, each a line of
JSON, into one Struct that has exactly their fields (by_line.py); the stream is described in streams.py.

Everything of ours is measured in child processes (worker.py): once as installed, and once with FASPMGR_PURE=1, which
leaves the compiled extension alone. Those are the two twins, and the two halves of the tables.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import logs
import streams
from measure import (
    HERE,
    MEMORY_MB,
    TWINS,
    Figure,
    Ratio,
    Section,
    best,
    child,
    child_with_stream,
    command,
    figure,
    section,
    tables,
    worker,
    worst_cases,
)

FILES = 60_000
"""Of the stream for throughput and whole commands; a fifth with --short, as everywhere."""

RATIOS = {
    # pure: what it was before there was an extension, less a tenth, as no two runs are the same.
    "typed events": Ratio("base", "speed", 1.0, 0.10),
    "typed events and Tracker": Ratio("base", "time", 5, 18.7),
    "frames with fields": Ratio("orjson", "speed", 1.0, 0.27),
    "typed events, 2 KB pieces": Ratio("typed events", "speed", 0.8, 0.8),
    "decode": Ratio("orjson by line", "time", 2.5, 13.2),
    "decode, to a file": Ratio("orjson by line"),
    "summary": Ratio("base by line", "time", 5.5, 14.3),
    "Ruby client, texts": Ratio("typed events"),
    "Ruby client, typed": Ratio("typed events"),
    "Go kit": Ratio("typed events"),
    "faspmgr --version": Ratio("import attrs, click", "time", 2, 2),
}
GROWTH = 1.1


def main() -> None:
    arguments = _arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    scale = 5 if arguments.short else 1
    rounds = 5 if arguments.short else 7
    twins = [twin for twin in TWINS if child(twin, "twin") == twin]
    peers, left_out = _peers(arguments.ruby, arguments.go)
    results: dict[str, Any] = {"python": sys.version.split()[0], "platform": sys.platform, "twins": twins}
    with tempfile.TemporaryDirectory() as folder:
        stream = streams.Recorded.make(Path(folder), FILES // scale)
        results["stream"] = {"messages": stream.events, "bytes": stream.bytes}
        results["log"] = {"lines": stream.log_lines, "bytes": stream.log.stat().st_size}
        results["peers left out"] = left_out
        long_mb = 1000 // (10 if arguments.short else 1)
        one = streams.Recorded.make(Path(folder), 1)
        about_logs = logs.sections(twins[0], stream, one, rounds, long_mb, scale)
        results["sections"] = (
            {}
            if arguments.logs
            else {
                "throughput, us a message": _throughput(twins, stream, peers, rounds),
                "commands less start-up, us": _commands(twins, stream, one, rounds),
                "start-up, ms": _startup(twins, rounds),
                "growth, us a message": (growth := _growth(twins, long_mb))[0],
                "memory, MB": growth[1] | _memory(twins, scale),
                "worst cases, ns a byte": _worst_cases(twins, 1_000_000 // scale),
            }
        )
        results["sections"] |= about_logs
    results["not reached"] = [
        f"{name}, {twin}"
        for rows in results["sections"].values()
        for name, row in rows.items()
        for twin in twins
        if not row.get(twin, {}).get("reached", True)
    ]
    print(json.dumps(results, indent=2) if arguments.json else tables(results))
    if arguments.check and results["not reached"]:
        sys.exit(1)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--short", action="store_true", help="a fifth of the data, 100 MB instead of 1 GB")
    parser.add_argument("--check", action="store_true", help="exit with 1 when something that is wanted is not reached")
    parser.add_argument("--logs", action="store_true", help="only the sections about ascp's own log")
    parser.add_argument("--ruby", type=Path, metavar="PATH", help="a copy of the vendor's Ruby client: its reader too")
    parser.add_argument(
        "--go", type=Path, metavar="PROGRAM", help="a reader made with the Go kit: docs/topics/performance.md"
    )
    return parser.parse_args()


# -- messages per second


def _throughput(twins: list[str], stream: streams.Recorded, peers: dict[str, list[str]], rounds: int) -> Section:
    own = {"base": stream.base_events, "orjson": stream.events, **dict.fromkeys(_OWN, stream.events)}
    with ExitStack() as stack:
        jobs: dict[Any, Callable[[], float]] = {}
        for twin in twins:
            do = stack.enter_context(worker(twin, stream))
            jobs |= {(name, twin): partial(do, name) for name in own}
        jobs |= {name: partial(_peer_seconds, argv, stream) for name, argv in peers.items()}
        seconds = best(jobs, rounds)
    return section(
        RATIOS,
        {
            twin: {name: seconds[name, twin] / count * 1e6 for name, count in own.items()}
            | {name: seconds[name] / stream.events * 1e6 for name in peers}
            for twin in twins
        },
    )


_OWN = ("frames with fields", "typed events", "typed events, 2 KB pieces", "typed events and Tracker")


def _peers(ruby: Path | None, go: Path | None) -> tuple[dict[str, list[str]], list[str]]:
    """The peers that there are, as commands that the path of a stream is put in for FILE, and why others are not."""
    peers, left_out = {}, []
    interpreter = shutil.which("ruby")
    if ruby is None or not interpreter or not (ruby / "lib/aspera/ascp/management.rb").is_file():
        why = "no --ruby" if ruby is None else "no ruby" if not interpreter else f"no Ruby client in {ruby}"
        left_out.append(f"Ruby client: {why}")
    else:
        driver = [interpreter, str(HERE / "peers" / "aspera_cli.rb"), str(ruby)]
        peers = {f"Ruby client, {form}": [*driver, form] for form in ("texts", "typed")}
    if go is None or not shutil.which(go):
        left_out.append("Go kit: no --go" if go is None else f"Go kit: no program {go}")
    else:
        peers["Go kit"] = [str(go.resolve())]
    return peers, left_out


def _peer_seconds(argv: list[str], stream: streams.Recorded) -> float:
    """What a peer says it took to read the stream: its last line. The line before is how many messages it saw."""
    done = subprocess.run([*argv, str(stream.capture)], stdout=subprocess.PIPE, text=True, check=True)
    count, seconds = done.stdout.split()
    if int(count) < stream.base_events:
        raise RuntimeError(f"{argv[0]} read {count} messages of {stream.events}")
    return float(seconds)


# -- whole commands


def _commands(twins: list[str], stream: streams.Recorded, one: streams.Recorded, rounds: int) -> Section:
    """Each command with the stream, less the same with the stream of one file: what is left is not start-up."""
    python = [sys.executable, "-m", "faspmgr"]
    by_line = [sys.executable, str(HERE / "by_line.py")]
    jobs: dict[Any, Callable[[], float]] = {}
    output = stream.capture.with_suffix(".output")
    for size in (stream, one):
        jobs["orjson by line", size] = partial(command, [*by_line, "orjson", str(size.lines)])
        jobs["base by line", size] = partial(command, [*by_line, "msgspec", str(size.base_lines)])
        for twin in twins:
            decode, summary = ([*python, name, str(size.capture)] for name in ("decode", "summary"))
            jobs["decode", twin, size] = partial(command, decode, twin)
            jobs["decode, to a file", twin, size] = partial(command, decode, twin, output)
            jobs["summary", twin, size] = partial(command, summary, twin)
    seconds = best(jobs, rounds)

    def microseconds(count: int, *key: str) -> float:
        return (seconds[*key, stream] - seconds[*key, one]) / count * 1e6

    return section(
        RATIOS,
        {
            twin: {
                "orjson by line": microseconds(stream.events, "orjson by line"),
                "base by line": microseconds(stream.base_events, "base by line"),
            }
            | {name: microseconds(stream.events, name, twin) for name in ("decode", "decode, to a file", "summary")}
            for twin in twins
        },
    )


def _startup(twins: list[str], rounds: int) -> Section:
    commands = {
        "import attrs, click": ["-c", "import attrs, click"],
        "faspmgr --version": ["-m", "faspmgr", "--version"],
        "faspmgr summary --help": ["-m", "faspmgr", "summary", "--help"],
    }
    jobs = {
        (name, twin): partial(command, [sys.executable, *argv], twin)
        for twin in twins
        for name, argv in commands.items()
    }
    seconds = best(jobs, rounds * 3)
    return section(RATIOS, {twin: {name: seconds[name, twin] * 1e3 for name in commands} for twin in twins})


# -- what grows with the stream


def _growth(twins: list[str], long_mb: int) -> tuple[Section, Section]:
    """Time for an event, and memory above the bare interpreter, of a parser and a tracker with 10 MB and with more."""
    short, long = "10 MB", f"{long_mb} MB"
    files = {name: size * 1_000_000 // streams.BYTES_PER_FILE for name, size in ((short, 10), (long, long_mb))}
    times: dict[str, dict[str, float]] = {}
    memory: Section = {}
    for twin in twins:
        bare = child(twin, "bare")["memory_mb"]
        runs = {short: [child_with_stream(twin, "growth", files[short]) for _ in range(3)]}
        runs[long] = [child_with_stream(twin, "growth", files[long])]
        times[twin] = {name: min(run["seconds"] / run["events"] for run in runs[name]) * 1e6 for name in runs}
        for name in runs:
            row = memory.setdefault(f"above bare Python, {name}", {})
            row[twin] = figure(runs[name][0]["memory_mb"] - bare, None, MEMORY_MB)
    return section({long: Ratio(short, "time", GROWTH, GROWTH)}, times), memory


def _memory(twins: list[str], scale: int) -> Section:
    """A list of the events of a stream of a million, or of a part of it that is scaled up."""
    rows: dict[str, Figure] = {}
    for twin in twins:
        run = child_with_stream(twin, "memory", 500_000 // scale)
        rows[twin] = figure(run["memory_mb"] / run["events"] * 1e6, None, None)
    return {"a list of 1,000,000 events": rows}


def _worst_cases(twins: list[str], size: int) -> Section:
    """The time for a byte of a long input, and how much longer that is than for a fifth of it."""
    return worst_cases({twin: child(twin, "worst", str(size)) for twin in twins})


if __name__ == "__main__":
    main()
