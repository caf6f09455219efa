"""The sections about ascp's own log: beside a regular expression with named groups for each line, as users write it.

The log is described in streams.py, the expression in by_line.py. What reads a log has no compiled twin, so that it is
measured with one of the two.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import streams
from measure import HERE, MEMORY_MB, Ratio, Section, best, child, child_with_stream, command, figure, section, worker
from measure import worst_cases as rows_of_worst_cases

RATIOS = {
    "expression, groupdict": Ratio("expression", "speed"),
    "records": Ratio("expression", "speed", 0.7, 0.7),
    "records with fields": Ratio("expression", "speed"),
    "events": Ratio("expression", "speed"),
    "events and Tracker": Ratio("expression", "speed"),
    "faspmgr log": Ratio("expression by line"),
    "faspmgr summary": Ratio("expression by line"),
}
COMMANDS = {"log": ["--timezone", "UTC"], "summary": list[str]()}
"""With their options."""


def sections(
    twin: str, stream: streams.Recorded, one: streams.Recorded, rounds: int, long_mb: int, scale: int
) -> dict[str, Section]:
    """All of them; one: the stream and the log of a single file."""
    values = _lines(twin, stream, rounds) | _commands(twin, stream, one, rounds)
    return {
        "log, us a line": section(RATIOS, {twin: values}),
        "memory with a log, MB": _memory(twin, long_mb),
        "worst cases of a log, ns a byte": rows_of_worst_cases(
            {twin: child(twin, "log_worst", str(1_000_000 // scale))}
        ),
    }


def _lines(twin: str, stream: streams.Recorded, rounds: int) -> dict[str, float]:
    names = ("expression", *[name for name in RATIOS if not name.startswith("faspmgr")])
    with worker(twin, stream) as do:
        seconds = best({name: partial(do, name) for name in names}, rounds)
    return {name: seconds[name] / stream.log_lines * 1e6 for name in names}


def _commands(twin: str, stream: streams.Recorded, one: streams.Recorded, rounds: int) -> dict[str, float]:
    """Each command with the log, less the same with the log of one file: what is left is not start-up."""
    jobs: dict[Any, Callable[[], float]] = {}
    for size in (stream, one):
        by_line = [sys.executable, str(HERE / "by_line.py"), "expression", str(size.log)]
        jobs["expression by line", size] = partial(command, by_line, twin)
        for name, options in COMMANDS.items():
            argv = [sys.executable, "-m", "faspmgr", name, *options, str(size.log)]
            jobs[f"faspmgr {name}", size] = partial(command, argv, twin)
    seconds = best(jobs, rounds)
    lines = stream.log_lines - one.log_lines
    return {name: (seconds[name, stream] - seconds[name, one]) / lines * 1e6 for name, size in jobs if size is stream}


def _memory(twin: str, long_mb: int) -> Section:
    """The most that a whole command takes, above the bare interpreter."""
    bare = child(twin, "bare")["memory_mb"]
    files = long_mb * 1_000_000 // streams.BYTES_PER_LOG_FILE
    rows: Section = {}
    for name in COMMANDS:
        run = child_with_stream(twin, f"{name}_of_log", files, log=True)
        rows[f"faspmgr {name}, {long_mb} MB"] = {twin: figure(run["memory_mb"] - bare, None, MEMORY_MB)}
    return rows
