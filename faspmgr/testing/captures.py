"""Captures for a test: where they lie, and the bytes of whatever can be played."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import attrs

import faspmgr
from faspmgr import captures
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import parse
from faspmgr.simulator.scenario import Scenario

FOLDERS = ("captures", "fixtures")
"""Names of folders in which a project keeps its captures."""
PACKAGE = Path(faspmgr.__file__).parent
SHIPPED = (PACKAGE / "simulator" / "captures", PACKAGE.parent / "fixtures")
"""Where the captures of faspmgr lie: in an installed package, and in a working copy."""


@attrs.frozen
class Capture:
    """A recorded stream.

    Attributes:
        path: where it lies.
        data: its bytes, unpacked.
    """

    path: Path
    data: bytes = attrs.field(repr=False)

    @property
    def events(self) -> list[Event]:
        """Its events, as faspmgr.parse gives them."""
        return parse(self.data)


Stream = Capture | Scenario | bytes | str | os.PathLike[str]
"""What can be played: a capture, a scenario, bytes, or the path of a file."""


def load_capture(name: str | os.PathLike[str], folders: Iterable[Path]) -> Capture:
    """Find a capture.

    Args:
        name: its path below one of the folders, or its name alone; with or without ``.fasp``.
        folders: where to look, the first one first.

    Raises:
        LookupError: there is none, or more than one of that name in a folder.
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
    """Give the folders of captures: the user's, from the test's directory up to the project's root, then SHIPPED."""
    for parent in (directory, *directory.parents):
        yield from (parent / name for name in FOLDERS)
        if parent == root:
            break
    yield from SHIPPED


def stream_of(stream: Stream) -> Iterator[bytes]:
    """Give the bytes of whatever can be played, in blocks."""
    if isinstance(stream, Capture):
        return iter([stream.data])
    if isinstance(stream, Scenario):
        return stream.stream()
    return iter([stream]) if isinstance(stream, bytes) else captures.chunks(stream)
