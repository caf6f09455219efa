"""The connections of a recording: which bytes came on which connection, and how the run ended, in a file beside it.

A recording is a byte-exact stream, and does not show which sockets it came from. The file beside it does, in JSON
Lines. That of ``X.fasp`` is ``X.fasp.connections``; a directory that has a file for each connection has one for each
run, ``DIR/20240502T220000Z-4711.connections``::

    {"type":"begin","connection":1,"part":1,"attempt":1,"offset":0,"time":"2024-05-02T22:00:00.000000Z"}
    {"type":"end","connection":1,"offset":4711,"time":"2024-05-02T22:01:00.000000Z"}
    {"type":"result","verdict":"lost","reason":"no progress for 60 s","interrupted":false,"error":null,"time":"…"}

==============  =====================================================================================================
``begin``       written before the first byte of a connection. Its bytes are those from ``offset`` to its end, or to the
                next begin; connections that share a file do so one after the other. ``part`` and ``attempt`` are those
                of a run, and missing if there was none (``listen``). In a directory, ``file`` is the name.
``end``         the connection has ended. If it is missing, the recording program was killed, or is still running.
``result``      the last line, when a run is over. ``error`` is null, or has the ``code`` and ``description`` of ascp.
==============  =====================================================================================================

Each line is written at once and whole, in the order of what happened, so that the file of a program that was killed is
true as far as it goes. Unknown keys and types are ignored. Two lines for each connection, and one for the run: the size
does not depend on the messages. Offsets are those of the stream, also if the recording was compressed afterwards.

Readers do not trust the file, which may be damaged or forged: any invalid line invalidates it.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast, get_args

import attrs

from faspmgr.errors import CaptureError
from faspmgr.jsontext import to_json
from faspmgr.verdicts import Failure, Outcome, Verdict

SUFFIX = ".connections"
"""End of the name of the file."""

MAX_LINE_BYTES = 1 << 16
"""Bytes of a line. A limit for security: it bounds memory."""
MAX_FILE_BYTES = 1 << 26
"""Bytes of the file. A limit for security: it bounds memory and time."""
MAX_TEXT_CHARS = 2_500
"""Characters of a reason or a description that are written. Both fit into a line, with two escapes for each."""


@attrs.frozen
class Begin:
    """Where the bytes of a connection begin."""

    connection: int
    """Number of the connection in the recording."""
    offset: int
    """Byte in its file."""
    file: str = ""
    """Name of this file in a directory; empty if the recording is one file."""


@attrs.frozen
class End:
    """Where the bytes of a connection end."""

    connection: int
    """Number of the connection in the recording."""
    offset: int
    """Byte after the last one."""


Fact = Begin | End | Outcome


def connections_path(path: str) -> str | None:
    """Return the path of the file with the connections of a recording; None if `path` is not that of a regular file.

    Links are followed: it lies beside the file that the path leads to.
    """
    real = os.path.realpath(path)
    try:
        # Not the same for what only looks like a path, such as /dev/stdout.
        is_file = stat.S_ISREG(os.lstat(real).st_mode) and os.path.samefile(real, path)
    except OSError:
        is_file = False
    return real + SUFFIX if is_file else None


# -- writing


class ConnectionsWriter:
    """Writes the file, line by line. Once it is open, nothing raises: the first error ends it.

    Args:
        path: the file, which only its owner can read.
        replace: whether to replace an older one.

    Raises:
        FileExistsError: the file exists, and is not to be replaced.
        OSError: the file cannot be created.
    """

    def __init__(self, path: str, replace: bool = True) -> None:
        self.path = path
        self.error: OSError | None = None
        """The error that ended it; None while it is complete."""
        if replace:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
        # Always a new file: a link that was put there must not lead to another one.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        # Without a buffer; None once it is closed.
        self._file: io.FileIO | None = io.FileIO(os.open(path, flags, 0o600), "wb")

    def begin(self, connection: int, offset: int, file: str | None, part: int | None, attempt: int | None) -> None:
        """Write that a connection begins; see the table at the top. None is left out."""
        about = {"connection": connection, "part": part, "attempt": attempt, "file": file, "offset": offset}
        self._write("begin", {name: value for name, value in about.items() if value is not None})

    def end(self, connection: int, offset: int) -> None:
        """Write that a connection has ended."""
        self._write("end", {"connection": connection, "offset": offset})

    def result(self, outcome: Outcome) -> None:
        """Write how the run ended."""
        error = outcome.error
        shown = error and {"code": error.code, "description": error.description[:MAX_TEXT_CHARS]}
        reason = outcome.reason[:MAX_TEXT_CHARS]
        about = {"verdict": outcome.verdict, "reason": reason, "interrupted": outcome.interrupted, "error": shown}
        self._write("result", about)

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError as error:
                self.error = self.error or error

    def _write(self, type: str, about: dict[str, Any]) -> None:
        if self._file is None or self.error:
            return
        time = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        line = to_json({"type": type, **about, "time": time}, ascii=True).encode() + b"\n"
        try:
            if self._file.write(line) != len(line):
                raise OSError("a line could not be written whole")
        except OSError as error:
            self.error = error


# -- reading


class Connections:
    """Reads the file, also while it grows.

    Args:
        path: the file.
        in_directory: whether it is that of a directory.

    Raises:
        FileNotFoundError: the file does not exist.
        CaptureError: it is not a regular file, or cannot be read.
    """

    def __init__(self, path: str, in_directory: bool = False) -> None:
        self.path = path
        self._in_directory = in_directory
        # A pipe must not make us wait, and a link must not lead elsewhere.
        flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        try:
            self._file = io.FileIO(os.open(path, flags), "rb")
        except FileNotFoundError:
            raise
        except OSError as error:
            raise CaptureError(error.strerror or str(error)) from error
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            self._file.close()
            raise CaptureError("not a regular file")

        # The start of a line whose end has not been written yet, and the bytes and lines so far.
        self._rest = b""
        self._size = 0
        self._number = 0
        # The connections that have begun; None for those that have ended.
        self._begun: dict[int, Begin | None] = {}
        # In a directory: their files.
        self._files: set[str] = set()
        # The highest offset so far where all share one file.
        self._offset = 0
        # Whether the result was read, which is the last line.
        self._over = False

    def read(self) -> Iterator[Fact]:
        """Read what has been written since the last call.

        Raises:
            CaptureError: an invalid line; the ones before it were returned.
        """
        while data := self._file.read(MAX_LINE_BYTES):
            self._size += len(data)
            if self._size > MAX_FILE_BYTES:
                raise CaptureError(f"more than {MAX_FILE_BYTES:,} bytes")
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                self._number += 1
                try:
                    fact = self._fact(line)
                except (ValueError, RecursionError) as error:
                    words = str(error) if error.__class__ is ValueError else "invalid JSON"
                    raise CaptureError(f"line {self._number}: {words}") from error
                if fact is not None:
                    yield fact
            if len(self._rest) > MAX_LINE_BYTES:
                raise CaptureError(f"line {self._number + 1}: too long")

    def read_all(self) -> list[Fact]:
        """Read the whole file.

        Raises:
            CaptureError: an invalid line, or one that is cut off at the end.
        """
        facts = list(self.read())
        if self._rest:
            raise CaptureError(f"line {self._number + 1}: cut off")
        return facts

    def is_replaced(self) -> bool:
        """Return whether the path leads to another file now."""
        try:
            return not os.path.samestat(os.fstat(self._file.fileno()), os.lstat(self.path))
        except OSError:
            return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _fact(self, line: bytes) -> Fact | None:
        """Parse a line; return None for one of an unknown type.

        Raises:
            ValueError: the line is invalid.
        """
        if len(line) > MAX_LINE_BYTES:
            raise ValueError("too long")
        about = json.loads(line)
        if not isinstance(about, dict):
            raise ValueError("not a JSON object")
        if about.get("type") not in ("begin", "end", "result"):
            return None
        if self._over:
            raise ValueError("lines after the result")
        if about["type"] == "result":
            self._over = True
            return _result(about)
        connection, offset = _count(about, "connection"), _count(about, "offset")
        if not self._in_directory:
            if offset < self._offset:
                raise ValueError("the offset goes backwards")
            self._offset = offset
        return self._end(connection, offset) if about["type"] == "end" else self._begin(connection, offset, about)

    def _begin(self, connection: int, offset: int, about: dict[str, Any]) -> Begin:
        if connection in self._begun:
            raise ValueError(f"connection {connection} begins twice")
        file = about.get("file", "")
        if self._in_directory:
            if not _is_plain_name(file) or file in self._files:
                raise ValueError("invalid file")
            self._files.add(file)
        elif "file" in about:
            raise ValueError("invalid file")
        begin = self._begun[connection] = Begin(connection, offset, file)
        return begin

    def _end(self, connection: int, offset: int) -> End:
        begin = self._begun.get(connection)
        if begin is None:
            raise ValueError(f"connection {connection} ends without a begin")
        if offset < begin.offset:
            raise ValueError("the offset goes backwards")
        self._begun[connection] = None
        return End(connection, offset)


def _count(about: dict[str, Any], name: str) -> int:
    value = about.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 63:
        raise ValueError(f"invalid {name}")
    return value


def _is_plain_name(file: object) -> bool:
    """Return whether it is the name of a file in the directory itself, on any system."""
    return isinstance(file, str) and 0 < len(file) <= 255 and file[0] != "." and not set(file) & set("/\\:\0")


def _result(about: dict[str, Any]) -> Outcome:
    verdict, reason, interrupted, error = (about.get(name) for name in ("verdict", "reason", "interrupted", "error"))
    if verdict not in get_args(Verdict) or not isinstance(reason, str) or not isinstance(interrupted, bool):
        raise ValueError("invalid result")
    failure = None
    if error is not None:
        if not isinstance(error, dict) or not isinstance(description := error.get("description"), str):
            raise ValueError("invalid result")
        failure = Failure(_count(error, "code"), description)
    return Outcome(cast(Verdict, verdict), failure, reason, interrupted)
