"""What a run of ``faspmgr-ascp`` leaves behind: notes for the fake ascp of a test, lines for a person, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from faspmgr.protocol.frames import Frame

MAX_STREAMED_BYTES = 64 << 20
"""What is kept of the streams of one run: a test reads it into memory."""


class KeptStream:
    """What was streamed to one destination, in a file of its own for a test to read.

    Args:
        path: the file; it may not exist yet.
        notes: those of the run, which have room for so many bytes.

    Attributes:
        path: the file.
    """

    def __init__(self, path: str, notes: Notes) -> None:
        self.path = path
        self._notes = notes
        self._length = 0
        self._file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)

    def write(self, data: memoryview, offset: int) -> None:
        """Write bytes at their place; nothing more of any stream once there is no room."""
        grown = max(0, offset + len(data) - self._length)
        if grown > self._notes.room:
            if self._notes.room >= 0:
                self._notes.note(too_much=True)
            self._notes.room = -1
            return
        self._notes.room -= grown
        self._length += grown
        while data:
            count = os.pwrite(self._file, data, offset)
            data, offset = data[count:], offset + count

    def close(self) -> None:
        os.close(self._file)


class Notes:
    """What happened to the process, noted down for a test: one file for each run, each line written at once.

    Args:
        folder: where to; None for nowhere.

    Attributes:
        number: how many runs there were before in the same folder, 0 without a folder.
    """

    def __init__(self, folder: str | None) -> None:
        self.number = 0
        self._path: str | None = None
        # How many streams there were in this run, and bytes that may still be kept of them.
        self._streams = 0
        self.room = MAX_STREAMED_BYTES
        while folder and self._path is None:
            path = os.path.join(folder, f"{self.number}.jsonl")
            try:
                os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
                self._path = path
            except FileExistsError:
                self.number += 1

    def note(self, **entry: Any) -> None:
        """Write one line."""
        if self._path:
            with open(self._path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")

    def keep_stream(self, destination: str) -> KeptStream | None:
        """Note down a stream, and give what keeps its bytes; None without a folder."""
        if not self._path:
            return None
        self._streams += 1
        kept = KeptStream(f"{self._path.removesuffix('.jsonl')}.{self._streams}.stream", self)
        self.note(stream=destination, path=kept.path)
        return kept

    def note_commands(self, commands: Sequence[Frame]) -> None:
        """Write a line for each command."""
        for command in commands:
            self.note(command=command.type, fields=command.fields, version=command.version)


def log(text: str, stream: TextIO | None = None) -> None:
    """Write to standard output, or to stream; if nobody reads it any more, the transfer goes on all the same."""
    with contextlib.suppress(OSError):
        (stream or sys.stdout).write(text)


def exit_now(status: int) -> NoReturn:
    """Exit without a message to the manager, and without anything that the interpreter does at its end."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
