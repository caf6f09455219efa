"""The fake ascp of a test: an executable, and what its runs were given."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from faspmgr.protocol.frames import Frame
from faspmgr.simulator.faults import VARIABLE, parse_faults
from faspmgr.simulator.notes import MAX_STREAMED_BYTES
from faspmgr.testing.captures import PACKAGE, Stream, stream_of


@attrs.frozen
class Run:
    """What one run of the fake ascp was given.

    Attributes:
        argv: its command line, without the program.
        options: the options with their last values, such as ``{"-l": "100m", "-d": ""}``.
        sources: paths, without user and host.
        destination: path, without user and host.
        environ: the variables ``ASPERA_…``; tokens and passwords are among them, so they are not shown.
        commands: what the manager sent; the data of WRITEs are in FakeAscp.streamed.
        end: DONE, ERROR, or None if there was neither.
    """

    argv: list[str] = attrs.field(factory=list)
    options: dict[str, str] = attrs.field(factory=dict, repr=False)
    sources: list[str] = attrs.field(factory=list)
    destination: str | None = None
    environ: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    commands: list[Frame] = attrs.field(factory=list)
    end: str | None = None


def read_run(path: Path) -> Run:
    """Read the notes of a run."""
    entries: dict[str, Any] = {}
    commands: list[Frame] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "command" in entry:
            commands.append(Frame(entry["command"], entry["fields"], entry["version"]))
        else:
            entries.update(entry)
    options = dict(entries.get("options", []))
    names = ("argv", "sources", "destination", "environ", "end")
    return Run(options=options, commands=commands, **{name: entries[name] for name in names if name in entries})


def read_streamed(path: Path) -> dict[str, bytes]:
    """Read what was streamed to the run of these notes. Raises ValueError where it is too much."""
    entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    if any("too_much" in entry for entry in entries):
        raise ValueError(f"more than {MAX_STREAMED_BYTES >> 20} MB were streamed: that is not kept for a test")
    return {entry["stream"]: Path(entry["path"]).read_bytes() for entry in entries if "stream" in entry}


class FakeAscp:
    """An executable ``ascp`` that is faspmgr's simulator, first on PATH.

    As it is, it reports on the files of its command line without copying them, and keeps what is streamed to it.
    ``copies`` and ``plays`` change that, ``fails`` makes something go wrong.

    Args:
        folder: where its files lie.

    Attributes:
        path: the executable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._fault = ""
        self._options: list[str] = []
        self._streams = 0
        self._record = folder / "record"
        self._record.mkdir()
        self.path = folder / "bin" / "ascp"
        self.path.parent.mkdir()
        self._write()

    @property
    def runs(self) -> list[Run]:
        """Its runs, in their order; one that only asks for help or version does not count."""
        return [read_run(path) for path in self._notes]

    @property
    def streamed(self) -> dict[str, bytes]:
        """What was streamed to the latest run, by the destination that the manager gave; also what was not closed.

        Raises:
            ValueError: it is more than 64 MB in all.
        """
        return read_streamed(self._notes[-1]) if self._notes else {}

    @property
    def _notes(self) -> list[Path]:
        return sorted(self._record.glob("*.jsonl"), key=lambda path: int(path.stem))

    def copies(self, root: str | os.PathLike[str] | None = None, speed: float = math.inf) -> None:
        """Copy the files for real.

        Args:
            root: the folder that paths of the peer are below.
            speed: so many times the target rate.
        """
        where = [] if root is None else [f"--simulate-root={os.fspath(root)}"]
        self._options = ["--simulate-copy", f"--simulate-speed={_speed(speed)}", *where]
        self._write()

    def plays(self, *streams: Stream, speed: float = math.inf) -> None:
        """Play a stream instead of looking at files.

        UserStr becomes what is given with ``-u``. The exit status is that of the last DONE or ERROR.

        Args:
            streams: of several, the n-th run plays the n-th, all later ones the last.
            speed: so many times faster than it was.
        """
        self._options = [f"--simulate-speed={_speed(speed)}"]
        for stream in streams:
            path = self._folder / f"{self._streams}.fasp"
            self._streams += 1
            with open(path, "wb") as file:
                file.writelines(stream_of(stream))
            self._options.append(f"--simulate-play={path}")
        self._write()

    def fails(self, fault: str) -> None:
        """Let something go wrong.

        Args:
            fault: in the words of FASPMGR_ASCP_FAULT, such as ``hang@99%``; empty for nothing. What plays has its
                faults in its bytes: there only no-connect and linger-socket count.

        Raises:
            ValueError: there is no such fault.
        """
        parse_faults(fault)
        self._fault = fault
        self._write()

    def _write(self) -> None:
        """The executable is a shell script, so that it works whatever the application does to the environment."""
        start = "import sys; sys.path.append(sys.argv.pop(1)); from faspmgr.simulator.ascp import main; main()"
        words = [sys.executable, "-c", start, str(PACKAGE.parent), f"--simulate-record={self._record}", *self._options]
        fault = f"export {VARIABLE}={shlex.quote(self._fault)}\n" if self._fault else ""
        self.path.write_text(f'#!/bin/sh\n{fault}exec {shlex.join(words)} "$@"\n')
        self.path.chmod(0o755)


def _speed(speed: float) -> str:
    return "max" if math.isinf(speed) else str(speed)
