"""What the fixtures of ``faspmgr.testing`` give to a test: a fake ascp, captures, and streams played to a port."""

from __future__ import annotations

import contextlib
import json
import math
import os
import shlex
import socket
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Union

import attrs

import faspmgr
from faspmgr import captures
from faspmgr.protocol.events import Event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.parser import parse
from faspmgr.simulator import faults, link, player
from faspmgr.simulator.scenario import Scenario

FOLDERS = ("captures", "fixtures")
JOIN_SECONDS = 10
STEP_SECONDS = 0.1
_PACKAGE = Path(faspmgr.__file__).parent
SHIPPED = (_PACKAGE / "simulator" / "captures", _PACKAGE.parent / "fixtures")
"""Where the project's own captures lie: in an installed package, and in a working copy."""


@attrs.frozen
class Capture:
    """A recorded stream. data: its bytes, unpacked."""

    path: Path
    data: bytes = attrs.field(repr=False)

    @property
    def events(self) -> list[Event]:
        """What the stream says, as faspmgr.parse gives it."""
        return parse(self.data)


Stream = Union[Capture, Scenario, bytes, str, "os.PathLike[str]"]
"""What can be played: a capture, a scenario, bytes, or the path of a file."""


def load_capture(name: str | os.PathLike[str], folders: Iterable[Path]) -> Capture:
    """Find a capture by its path below one of the folders, or by its name alone; with or without ``.fasp``.

    Raises LookupError if there is none, or more than one of that name in a folder.
    """
    names = (os.fspath(name), f"{os.fspath(name)}.fasp")
    places = [folder for folder in folders if folder.is_dir()]
    for folder in places:
        found = [folder / name for name in names if (folder / name).is_file()]
        found = found[:1] or [path for path in sorted(folder.rglob("*")) if path.name in names and path.is_file()]
        if len(found) > 1:
            raise LookupError(f"more than one capture {names[0]!r}: {', '.join(map(str, found))}")
        if found:
            return Capture(found[0], b"".join(captures.chunks(found[0])))
    known = sorted({path.stem for folder in places for path in folder.rglob("*.fasp")})
    raise LookupError(f"no capture {names[0]!r}; there are: {', '.join(known)}")


def capture_folders(directory: Path, root: Path) -> Iterator[Path]:
    """The user's folders of captures, from the test's directory up to the root of the project, then those shipped."""
    for parent in (directory, *directory.parents):
        yield from (parent / name for name in FOLDERS)
        if parent == root:
            break
    yield from SHIPPED


def stream_of(stream: Stream) -> Iterator[bytes]:
    """The bytes of whatever can be played, in blocks."""
    if isinstance(stream, Capture):
        return iter([stream.data])
    if isinstance(stream, Scenario):
        return stream.stream()
    return iter([stream]) if isinstance(stream, bytes) else captures.chunks(stream)


@attrs.frozen
class Run:
    """What one run of the fake ascp was told.

    argv: its command line, without the program. options: the options with their last values, such as
    ``{"-l": "100m", "-d": ""}``. sources, destination: paths, without user and host. environ: the variables ASPERA_…;
    tokens and passwords are among them, so they are not shown. commands: what the manager sent, as Frames.
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
    """What a run has noted down."""
    entries: dict[str, Any] = {}
    commands: list[Frame] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        if "command" in entry:
            commands.append(Frame(entry["command"], entry["fields"]))
        else:
            entries.update(entry)
    options = dict(entries.get("options", []))
    names = ("argv", "sources", "destination", "environ", "end")
    return Run(options=options, commands=commands, **{name: entries[name] for name in names if name in entries})


class FakeAscp:
    """An executable ``ascp`` that is faspmgr's simulator, first on PATH.

    As it is, it reports on the files of its command line without copying them. ``copies`` and ``plays`` change that,
    ``fails`` makes something go wrong. path: the executable. runs: what it was told, one Run for each start, in their
    order; a start that only asks for help or version does not count.
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
        return [read_run(path) for path in sorted(self._record.iterdir(), key=lambda path: int(path.stem))]

    def copies(self, root: str | os.PathLike[str] | None = None, speed: float = math.inf) -> None:
        """Copy the files for real; paths of the peer are below root. speed: so many times the target rate."""
        where = [] if root is None else [f"--simulate-root={os.fspath(root)}"]
        self._options = ["--simulate-copy", f"--simulate-speed={_speed(speed)}", *where]
        self._write()

    def plays(self, *streams: Stream, speed: float = math.inf) -> None:
        """Play a stream instead of looking at files; of several, the n-th run plays the n-th, all later ones the last.

        UserStr becomes what is given with ``-u``. The exit status is that of the last DONE or ERROR.
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
        """Let something go wrong, in the words of FASPMGR_ASCP_FAULT: "hang@99%"; "" for nothing.

        What plays has its faults in its bytes: there only no-connect and linger-socket count. Raises ValueError for
        what is no fault.
        """
        faults.parse_faults(fault)
        self._fault = fault
        self._write()

    def _write(self) -> None:
        """The executable is a shell script, so that it works whatever the application does to the environment."""
        start = "import sys; sys.path.append(sys.argv.pop(1)); from faspmgr.simulator.ascp import main; main()"
        words = [sys.executable, "-c", start, str(_PACKAGE.parent), f"--simulate-record={self._record}", *self._options]
        fault = f"export {faults.VARIABLE}={shlex.quote(self._fault)}\n" if self._fault else ""
        self.path.write_text(f'#!/bin/sh\n{fault}exec {shlex.join(words)} "$@"\n')
        self.path.chmod(0o755)


def _speed(speed: float) -> str:
    return "max" if math.isinf(speed) else str(speed)


class Replay:
    """A stream on its way to a port, in the background. commands: what came back, as Frames, the latest 10,000."""

    def __init__(self, port: int, stream: Stream, host: str, speed: float, cut: int | None) -> None:
        self._error: Exception | None = None
        self._stopped = threading.Event()
        self._peer = link.Peer(host, port)
        self._speed = speed
        pieces = player.timed(player.messages(stream_of(stream)))
        self._pieces = pieces if cut is None else player.cut(pieces, cut)
        self._thread = threading.Thread(target=self._run, name="faspmgr replay", daemon=True)
        self._thread.start()

    @property
    def commands(self) -> list[Frame]:
        return list(self._peer.commands)

    def wait(self, timeout: float = JOIN_SECONDS) -> None:
        """Wait until all is sent and the connection is closed.

        Raises TimeoutError, and ConnectionError if the other side hung up before.
        """
        self._thread.join(timeout)
        if self._thread.is_alive():
            raise TimeoutError(f"the stream was not played within {timeout:g} seconds")
        if self._error:
            raise self._error

    def stop(self) -> None:
        """Break off: the connection is closed, whatever is still to come."""
        self._stopped.set()
        with contextlib.suppress(OSError):
            self._peer.connection.shutdown(socket.SHUT_RDWR)
        self._thread.join(JOIN_SECONDS)

    def _run(self) -> None:
        try:
            player.play(self._pieces, self._peer.send, self._speed, self._wait)
        except Exception as error:  # told by wait()
            self._error = error
        finally:
            self._peer.close()

    def _wait(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while (left := deadline - time.monotonic()) > 0:
            if self._stopped.is_set():
                raise ConnectionAbortedError("stopped")
            self._peer.wait(min(left, STEP_SECONDS))
