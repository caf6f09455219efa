"""All benchmarks: ``python benchmarks/run.py`` prints a table, ``--json`` gives JSON instead, ``--short`` is quick.

Times vary from machine to machine; what is to be reached are ratios, measured in one run: each of our figures stands
beside what orjson and msgspec take for the same events as JSON Lines. Each figure is the best of some rounds, which
take turns so that a busy moment does not hit one of them alone.
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import streams

import faspmgr

WANTED = {
    "frames": ("orjson", 0.42),
    "typed events": ("msgspec", 0.11),
}
"""Figures that have a peer, and how many times as fast as it they shall at least be."""
MEGABYTE = 1_000_000


def main() -> None:
    arguments = _arguments()
    if arguments.track is not None:
        _track(arguments.track)
        return
    size = (4 if arguments.short else 20) * MEGABYTE
    long = (100 if arguments.short else 1000) * MEGABYTE
    rounds = 3 if arguments.short else 5
    results = {
        "throughput": _throughput(size, rounds),
        "end to end": _end_to_end(size, rounds),
        "growth": _growth(long),
        "worst cases": _worst_cases(),
        "start-up": _startup(rounds * 3),
    }
    print(json.dumps(results, indent=2) if arguments.json else _tables(results))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument("--short", action="store_true", help="a fifth of the data, 100 MB instead of 1 GB")
    parser.add_argument("--track", type=int, metavar="BYTES", help=argparse.SUPPRESS)
    return parser.parse_args()


# -- messages per second


def _throughput(size: int, rounds: int) -> dict[str, Any]:
    import msgspec  # here, so that the processes whose memory is measured do not load it
    import orjson

    pieces = list(streams.transfer(size))
    events = [event for piece in pieces for event in faspmgr.parse(piece)]
    lines = [orjson.dumps(event.to_dict()) for event in events]
    struct = msgspec.defstruct("Event", [(name, kind, None) for name, kind in _members(events).items()])
    decode = msgspec.json.Decoder(struct).decode

    def tokenize() -> None:
        tokenizer = faspmgr.Tokenizer()
        for piece in pieces:
            tokenizer.feed(piece)

    def parse() -> None:
        parser = faspmgr.Parser()
        for piece in pieces:
            parser.feed(piece)

    def track() -> None:
        tracker = faspmgr.Tracker()
        for event in events:
            tracker.update(event)

    def to_json() -> None:
        for event in events:
            json.dumps(event.to_dict())

    def peer(load: Callable[[bytes], Any]) -> Callable[[], None]:
        def read() -> None:
            for line in lines:
                load(line)

        return read

    jobs = {
        "orjson": peer(orjson.loads),
        "msgspec": peer(decode),
        "frames": tokenize,
        "typed events": parse,
        "tracking (of events)": track,
        "JSON (of events)": to_json,
    }
    best = _best(jobs, rounds)
    report = {name: {"microseconds": seconds / len(events) * 1e6} for name, seconds in best.items()}
    for name, (other, wanted) in WANTED.items():
        report[name].update(ratio=best[other] / best[name], wanted=wanted)
    return {"events": len(events), "bytes": sum(map(len, pieces)), **report}


def _members(events: Iterable[faspmgr.Event]) -> dict[str, type]:
    """The members of a msgspec structure for these events: every key that comes up, and its type."""
    members: dict[str, type] = {}
    for event in events:
        for name, value in event.to_dict().items():
            members.setdefault(name, type(value))
    return members


def _best(jobs: dict[str, Callable[[], None]], rounds: int) -> dict[str, float]:
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            gc.collect()
            start = time.perf_counter()
            job()
            best[name] = min(best[name], time.perf_counter() - start)
    return best


# -- whole commands


def _end_to_end(size: int, rounds: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        capture, jsonl = Path(folder, "capture.fasp"), Path(folder, "capture.jsonl")
        with capture.open("wb") as file:
            file.writelines(streams.transfer(size))
        events = list(faspmgr.read(capture))
        with jsonl.open("wb") as file:
            file.writelines(json.dumps(event.to_dict()).encode() + b"\n" for event in events)
        count = len(events)
        members = ", ".join(f"({name!r}, {kind.__name__}, None)" for name, kind in _members(events).items())
        del events
        struct = f"msgspec.defstruct('Event', [{members}])"
        by_line = f"\nfor line in open({str(jsonl)!r}, 'rb'): load(line)"
        jobs = {
            "orjson by line": _command([sys.executable, "-c", f"from orjson import loads as load{by_line}"]),
            "msgspec by line": _command(
                [sys.executable, "-c", f"import msgspec\nload = msgspec.json.Decoder({struct}).decode{by_line}"]
            ),
            "faspmgr decode": _command([sys.executable, "-m", "faspmgr", "decode", str(capture)]),
            "faspmgr summary": _command([sys.executable, "-m", "faspmgr", "summary", str(capture)], 3),
        }
        best = _best(jobs, rounds)
    return {name: {"microseconds": seconds / count * 1e6, "seconds": seconds} for name, seconds in best.items()}


def _command(argv: list[str], status: int = 0) -> Callable[[], None]:
    def run() -> None:
        done = subprocess.run(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
        if done.returncode != status:
            raise RuntimeError(f"{argv}: status {done.returncode}: {done.stderr.decode()}")

    return run


# -- growth of time and memory with the length of a stream


def _growth(long: int) -> dict[str, Any]:
    bare = _in_child(0)["memory_mb"]
    short_runs = [_in_child(10 * MEGABYTE) for _ in range(3)]
    short = min(run["microseconds"] for run in short_runs)
    report: dict[str, Any] = {"10 MB": {"microseconds": short, "memory_mb": short_runs[0]["memory_mb"] - bare}}
    run = _in_child(long)
    report[f"{long // MEGABYTE} MB"] = {
        "microseconds": run["microseconds"],
        "memory_mb": run["memory_mb"] - bare,
        "ratio": run["microseconds"] / short,
        "wanted": "at most 64 MB, ratio at most 1.1",
    }
    return report


def _in_child(size: int) -> dict[str, float]:
    argv = [sys.executable, __file__, "--track", str(size)]
    figures: dict[str, float] = json.loads(subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout)
    return figures


def _track(size: int) -> None:
    """In a process of its own: feed a generated stream to a parser and a tracker; report time per event and memory.

    With size 0 this is the bare interpreter: our modules are loaded when they are first used.
    """
    if not size:
        print(json.dumps({"memory_mb": _peak_mb()}))
        return
    parser, tracker = faspmgr.Parser(), faspmgr.Tracker()
    count, seconds = 0, 0.0
    for piece in streams.transfer(size):
        start = time.perf_counter()
        events = parser.feed(piece)
        for event in events:
            tracker.update(event)
        seconds += time.perf_counter() - start
        count += len(events)
    print(json.dumps({"microseconds": seconds / count * 1e6, "memory_mb": _peak_mb()}))


def _peak_mb() -> float:
    """The most memory this process has had. Linux's ru_maxrss would include that of its parent before exec."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


# -- inputs that are made to be slow: the time for a byte must not grow with their length


def _worst_cases() -> dict[str, Any]:
    message = b"FASPMGR 2\nType: STATS\nFile: " + b"x" * 900 + b"\n\n"
    cases: dict[str, tuple[Callable[[int], bytes], int]] = {
        "no line end": (lambda size: b"x" * size, 65536),
        "one value, a byte at a time": (lambda size: b"FASPMGR 2\nType: STATS\nFile: " + b"x" * size, 1),
        "messages, a byte at a time": (lambda size: message * (size // len(message)), 1),
        "lines of noise": (lambda size: b"noise: here\n" * (size // 12), 65536),
        "noise, a byte at a time": (lambda size: b"noise: here\n" * (size // 12), 1),
        "empty lines": (lambda size: b"\n" * size, 65536),
        "empty lines with CR LF": (lambda size: b"\r\n" * (size // 2), 65536),
        "empty lines, a byte at a time": (lambda size: b"\n" * size, 1),
        "headers only": (lambda size: b"FASPMGR 2\n" * (size // 10), 65536),
        "clean messages": (lambda size: message * (size // len(message)), 65536),
        "one CR in front": (lambda size: message.replace(b"x", b"\r", 1) + message * (size // len(message)), 65536),
        "CR LF": (lambda size: message.replace(b"\n", b"\r\n") * (size // len(message)), 65536),
    }
    report = {}
    for name, (make, step) in cases.items():
        small, large = (_nanoseconds_per_byte(make(size), step) for size in (200_000, 1_000_000))
        report[name] = {"nanoseconds_per_byte": large, "growth": large / small}
    return report


def _nanoseconds_per_byte(data: bytes, step: int) -> float:
    best = float("inf")
    for _ in range(2):
        parser = faspmgr.Parser()
        start = time.perf_counter()
        for offset in range(0, len(data), step):
            parser.feed(data[offset : offset + step])
        parser.close()
        best = min(best, time.perf_counter() - start)
    return best / len(data) * 1e9


# -- start-up


def _startup(rounds: int) -> dict[str, Any]:
    best = _best(
        {
            "import attrs, click": _command([sys.executable, "-c", "import attrs, click"]),
            "faspmgr --version": _command([sys.executable, "-m", "faspmgr", "--version"]),
            "faspmgr summary --help": _command([sys.executable, "-m", "faspmgr", "summary", "--help"]),
        },
        rounds,
    )
    report: dict[str, Any] = {name: {"milliseconds": seconds * 1e3} for name, seconds in best.items()}
    report["faspmgr --version"].update(
        ratio=best["faspmgr --version"] / best["import attrs, click"], wanted="at most 2 times"
    )
    return report


# -- the table


def _tables(results: dict[str, Any]) -> str:
    lines = [f"Python {sys.version.split()[0]}, {sys.platform}"]
    for title, rows in results.items():
        lines += ["", title]
        for name, row in rows.items():
            cells = [_cell(key, value) for key, value in row.items()] if isinstance(row, dict) else [f"{row:,}"]
            lines.append(f"  {name:<28} " + "  ".join(cells))
    return "\n".join(lines)


def _cell(key: str, value: Any) -> str:
    if key == "wanted":
        return f"wanted {value}" if isinstance(value, str) else f"wanted at least {value}"
    if key in ("ratio", "growth"):
        return f"{key} {value:.2f}"
    units = {
        "microseconds": "us an event",
        "milliseconds": "ms",
        "nanoseconds_per_byte": "ns a byte",
        "seconds": "s",
        "memory_mb": "MB above the bare interpreter",
    }
    return f"{value:8.2f} {units[key]}"


if __name__ == "__main__":
    main()
