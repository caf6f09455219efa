"""Rotated logs: which files are one log, and the order in which they were written.

How files are named:

==================================  ================================================================================
``NAME.0.log`` ``NAME.1.log``       ascp itself, with ``-L DIR``: the higher number is newer, but after ``NAME.9.log``
                                    comes 0 again. ``NAME.log`` is a hard link to the newest of them
``NAME.log.1`` ``NAME.2.gz``        logrotate: the higher number is older
``NAME-20260101`` ``NAME.log-…``    logrotate with dates
==================================  ================================================================================

The order is that of the first time in each file; names decide only if there is none. ascp checks the size of its log
only when it starts: while several run, an older file may grow after a newer one has begun.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Hashable, Iterable, Iterator
from datetime import datetime
from itertools import zip_longest

import attrs

from faspmgr.captures.sources import CHUNK_BYTES, chunks
from faspmgr.errors import CaptureError
from faspmgr.logs.reader import LogReader
from faspmgr.logs.records import LogRecord
from faspmgr.logs.times import written_at

HEAD_BYTES = 1 << 16
"""Bytes of a file that are read to find its first time."""

_SLICE_BYTES = 1 << 12
"""Bytes of them that are read at a time: mostly the first line has a time."""

_DATE = r"20[0-9]{6}(?:[-T_]?[0-9]{2,6})?"
_NAME = re.compile(
    rf"(?P<stem>.+?)(?:\.(?P<ring>[0-9]{{1,3}})(?=\.log)|[-.](?P<day>{_DATE})(?=\.log))?(?P<log>\.log)?"
    rf"(?:\.(?P<age>[0-9]{{1,4}})|[-.](?P<date>{_DATE}))?(?:\.gz)?",
    re.DOTALL,
)


@attrs.frozen
class _File:
    """One of the files."""

    path: str
    log: tuple[str, str]
    """Directory and name of the log that it is a part of."""
    time: datetime | None
    """First time in it; None if none was found."""
    rank: tuple[int, str, int]
    """Rank of its name, higher for newer."""


def expand(path: str) -> list[str]:
    """Return the files that a path stands for.

    Args:
        path: a file, a directory, or ``-``.

    Returns:
        The logs in a directory, also rotated and compressed ones, in the order of their names, without those in
        directories below it. Any other path as it is, even if it cannot be read.
    """
    if path == "-" or not os.path.isdir(path):
        return [path]
    try:
        with os.scandir(path) as entries:
            names = [entry.name for entry in entries if _parts(entry.name)["log"] and _is_file(entry)]
    except OSError:
        return [path]
    return [os.path.join(path, name) for name in sorted(names)]


def ordered(paths: Iterable[str]) -> list[str]:
    """Sort the files of each log by the time at which they were written, each file once.

    Args:
        paths: files, in any order; ``-`` for standard input.

    Returns:
        The paths. Several logs stay in the order of the first file of each. Of a file that has several names, or of
        copies of it, the first one is kept. Files that cannot be read are kept: reading them raises the error.

    Example:
        >>> ordered(["/nowhere/messages", "-", "/nowhere/messages.1", "/nowhere/messages.2.gz"])
        ['/nowhere/messages.2.gz', '/nowhere/messages.1', '/nowhere/messages', '-']
    """
    logs: dict[tuple[str, str], list[_File]] = {}
    seen: set[Hashable] = set()
    for path in paths:
        identity = _identity(path)
        if identity not in seen:
            seen.add(identity)
            file = _look(path)
            logs.setdefault(file.log, []).append(file)
    return [file.path for files in logs.values() for file in _in_order(files)]


def _in_order(files: list[_File]) -> list[_File]:
    # A file without a time is empty, or cannot be read, or no file of the log has one.
    dated = sorted((file for file in files if file.time), key=lambda file: (file.time, file.rank))
    undated = sorted((file for file in files if not file.time), key=lambda file: file.rank)
    once: list[_File] = []
    for file in dated:
        if once and once[-1].time == file.time and (longer := _longer(once[-1], file)):
            once[-1] = longer
        else:
            once.append(file)
    return once + undated


def _longer(one: _File, other: _File) -> _File | None:
    """Return the longer one of a file and its copy; None if neither begins with all of the other.

    Copying a directory makes two files of ``NAME.log`` and the one that it is a link to.
    """
    try:
        with open(one.path, "rb") as ours, open(other.path, "rb") as theirs:
            for mine, its in zip_longest(_even(chunks(ours)), _even(chunks(theirs)), fillvalue=b""):
                if mine != its:
                    return one if mine.startswith(its) else other if its.startswith(mine) else None
    except (OSError, CaptureError):
        return None
    return one


def _even(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces of CHUNK_BYTES, except for the last, however a file is compressed."""
    rest = b""
    for piece in pieces:
        rest += piece
        if len(rest) >= CHUNK_BYTES:
            yield rest[:CHUNK_BYTES]
            rest = rest[CHUNK_BYTES:]
    if rest:
        yield rest


# ---------------------------------------------------------------------------------------------------------------------
# One file


def _look(path: str) -> _File:
    if path == "-":
        return _File(path, ("", path), None, (0, "", 0))
    directory, name = os.path.split(os.path.abspath(path))
    parts = _parts(name)
    date = parts["day"] or parts["date"] or ""
    if parts["age"]:
        rank = (0, date, -int(parts["age"]))
    elif parts["ring"]:
        rank = (0, date, int(parts["ring"]))
    else:
        rank = (0 if date else 1, date, 0)
    return _File(path, (directory, parts["stem"]), _first_time(path), rank)


def _parts(name: str) -> dict[str, str]:
    match = _NAME.fullmatch(name)
    return match.groupdict("") if match else dict.fromkeys(_NAME.groupindex, "") | {"stem": name}


def _identity(path: str) -> Hashable:
    """Return a value that is equal for two names of the same file."""
    if path == "-":
        return path
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return os.path.abspath(path)
    # Some file systems have no numbers for their files.
    return (found.st_dev, found.st_ino) if found.st_ino else os.path.realpath(path)


def _first_time(path: str) -> datetime | None:
    """Return the first time in a regular file; what is read from a pipe would be gone."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        reader = LogReader(latest=written_at(path))
        with open(path, "rb") as file:
            pieces = chunks(file)
            left = HEAD_BYTES
            while left > 0 and (piece := next(pieces, b"")):
                for at in range(0, min(len(piece), left), _SLICE_BYTES):
                    time = _time_of(reader.feed(piece[at : at + _SLICE_BYTES]))
                    if time:
                        return time
                left -= len(piece)
        return _time_of(reader.close())
    except (OSError, ValueError, CaptureError):  # a NUL in the path is a ValueError
        return None


def _time_of(records: list[LogRecord]) -> datetime | None:
    return next((record.time for record in records if record.time), None)


def _is_file(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_file()
    except OSError:
        return True  # reading it raises the error
