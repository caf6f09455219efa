"""The stream that all is measured with: ``faspmgr simulate --files N --size 4M --seed 5``, with any N.

It is a STATS and a STOP for each file, with 15 to 17 fields, and every file has a name of its own. For throughput and
whole commands it is written to a file, once. For what grows with the stream it comes through a pipe, so that neither
the disk holds a gigabyte of it nor the process that is measured the simulator.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

BYTES_PER_FILE = 709
"""Of the stream, on average; every size here is one of these streams, given as a number of files."""


def _command(files: int) -> list[str]:
    options = ["--files", str(files), "--size", "4M", "--seed", "5"]
    return [sys.executable, "-m", "faspmgr", "simulate", *options]


@contextmanager
def piped(files: int) -> Iterator[IO[bytes]]:
    """The stream of so many files, to be read as it is made."""
    with subprocess.Popen(_command(files), stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.stdout
    if process.returncode:
        raise RuntimeError(f"simulate: status {process.returncode}")


@attrs.frozen
class Recorded:
    """The stream in files: as it is, and as the JSON Lines that others read."""

    capture: Path
    """The stream itself."""
    lines: Path
    """All of its messages, each a line of JSON."""
    base_lines: Path
    """Those of its STATS and STOP messages, which the base reads."""
    events: int
    base_events: int
    bytes: int

    @classmethod
    def make(cls, folder: Path, files: int) -> Recorded:
        """Write the three files of a stream of so many files, with names of their own, to a folder."""
        import orjson  # as compact as JSON gets

        import faspmgr

        capture, lines, base_lines = (folder / f"{files}.{end}" for end in ("fasp", "jsonl", "base.jsonl"))
        with capture.open("wb") as file:
            subprocess.run(_command(files), stdout=file, check=True)
        events = base_events = 0
        with lines.open("wb") as all_file, base_lines.open("wb") as base_file:
            for event in faspmgr.read(capture):
                line = orjson.dumps(event.to_dict()) + b"\n"
                all_file.write(line)
                events += 1
                if event.type in ("STATS", "STOP"):
                    base_file.write(line)
                    base_events += 1
        return cls(capture, lines, base_lines, events, base_events, capture.stat().st_size)
