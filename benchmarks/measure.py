"""How it is measured: rounds in which all that is compared takes turns, children, figures and the tables of them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import attrs
import streams

HERE = Path(__file__).parent
MEMORY_MB = 64
WORST_GROWTH = 2
"""If the time for a byte grew with the length, this would be about 5."""
COMPILED, PURE = "compiled", "pure Python"
TWINS = {COMPILED: {"FASPMGR_PURE": ""}, PURE: {"FASPMGR_PURE": "1"}}
"""The environment of each twin."""

Figure = dict[str, Any]
"""A value, its ratio to that of another row, what is wanted of it, and whether that is reached."""
Section = dict[str, dict[str, Any]]
"""Rows by their names. Each has the Figure of each twin, and "against": what the ratios are to."""


@attrs.frozen
class Ratio:
    """A row against another one."""

    of: str
    """That other row."""
    quantity: str = "time"
    """Of "speed" it is to reach at least what is wanted, of "time" at most."""
    compiled: float | None = None
    """What is wanted."""
    pure: float | None = None
    """What is wanted without the extension."""


# -- rounds and children


def best(jobs: Mapping[Any, Callable[[], float]], rounds: int) -> dict[Any, float]:
    """The best of each job's seconds; the jobs take turns."""
    best = dict.fromkeys(jobs, float("inf"))
    for _ in range(rounds):
        for name, job in jobs.items():
            best[name] = min(best[name], job())
    return best


def child(twin: str, *arguments: str, source: IO[bytes] | None = None) -> Any:
    """What a worker of its own prints."""
    argv = [sys.executable, str(HERE / "worker.py"), *arguments]
    done = subprocess.run(argv, stdin=source, stdout=subprocess.PIPE, env=os.environ | TWINS[twin], check=True)
    return json.loads(done.stdout)


def child_with_stream(twin: str, task: str, files: int, log: bool = False) -> Any:
    with streams.piped(files, log) as source:
        return child(twin, task, source=source)


@contextmanager
def worker(twin: str, stream: streams.Recorded) -> Iterator[Callable[[str], float]]:
    """A worker that does a job when it is asked to, and gives its seconds."""
    argv = [sys.executable, str(HERE / "worker.py"), "rounds"]
    argv += map(str, (stream.capture, stream.lines, stream.base_lines, stream.log))
    pipe, environment = subprocess.PIPE, os.environ | TWINS[twin]
    with subprocess.Popen(argv, stdin=pipe, stdout=pipe, text=True, bufsize=1, env=environment) as process:
        assert process.stdin
        assert process.stdout
        names, seconds = process.stdin, process.stdout

        def do(name: str) -> float:
            names.write(f"{name}\n")
            return float(seconds.readline())

        yield do
        names.close()


def command(argv: list[str], twin: str = PURE, output: Path = Path(os.devnull)) -> float:
    """The seconds of a whole command."""
    with output.open("wb") as file:
        start = time.perf_counter()
        subprocess.run(argv, stdout=file, env=os.environ | TWINS[twin], check=True)
        return time.perf_counter() - start


# -- figures


def figure(value: float, ratio: float | None, limit: float | None, at_least: bool = False) -> Figure:
    """limit: of the ratio, or of the value where there is none."""
    figure: Figure = {"value": value}
    measured = value
    if ratio is not None:
        figure["ratio"] = measured = ratio
    if limit is not None:
        figure["wanted"] = f"{'>=' if at_least else '<='} {limit:g}"
        figure["reached"] = measured >= limit if at_least else measured <= limit
    return figure


def section(ratios: Mapping[str, Ratio], values: dict[str, dict[str, float]]) -> Section:
    """Rows of the values of each twin."""
    rows: Section = {}
    for twin, own in values.items():
        for name, value in own.items():
            ratio = ratios.get(name)
            if ratio is None:
                rows.setdefault(name, {})[twin] = figure(value, None, None)
                continue
            speed = ratio.quantity == "speed"
            measured = own[ratio.of] / value if speed else value / own[ratio.of]
            row = rows.setdefault(name, {"against": f"{ratio.quantity} of {ratio.of}"})
            row[twin] = figure(value, measured, ratio.compiled if twin == COMPILED else ratio.pure, speed)
    return rows


def worst_cases(values: dict[str, dict[str, list[float]]]) -> Section:
    """Rows of the time for a byte of each twin: of a fifth of an input, and of all of it."""
    rows: Section = {}
    for twin, own in values.items():
        for name, (fifth, whole) in own.items():
            row = rows.setdefault(name, {"against": "time of a fifth of it"})
            row[twin] = figure(whole, whole / fifth, WORST_GROWTH)
    return rows


# -- the tables


def tables(results: dict[str, Any]) -> str:
    stream = results["stream"]
    lines = [
        f"Python {results['python']}, {results['platform']}",
        f"stream: {stream['messages']:,} messages, {stream['bytes']:,} bytes",
        f"log: {results['log']['lines']:,} lines, {results['log']['bytes']:,} bytes",
        *(f"left out: {peer}" for peer in results["peers left out"]),
    ]
    if COMPILED not in results["twins"]:
        lines.append("not compiled: there is the pure Python twin alone")
    for title, rows in results["sections"].items():
        twins = [twin for twin in results["twins"] if all(twin in row for row in rows.values())]
        heads = [f"{twin:>11}   ratio  wanted " for twin in twins]
        lines += ["", _line(title, "against", heads)]
        for name, row in rows.items():
            lines.append(_line(f"  {name}", row.get("against", ""), (_cells(row[twin]) for twin in twins)))
    return "\n".join([*lines, "", f"!: not reached, {len(results['not reached'])}"])


def _line(name: str, against: str, cells: Iterable[str]) -> str:
    return f"{name:<33}{against:<28}{''.join(cells)}".rstrip()


def _cells(figure: Figure) -> str:
    ratio = figure.get("ratio")
    digits = 3 if ratio is None or ratio < 1 else 2 if ratio < 10 else 1
    shown = " " * 8 if ratio is None else f"{ratio:8.{digits}f}"
    missed = " " if figure.get("reached", True) else "!"
    return f"{figure['value']:11.2f}{shown} {missed}{figure.get('wanted', ''):<7}"
