"""What a run of ``faspmgr-ascp`` leaves behind: notes for the fake ascp of a test, lines for a person, and its end."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn, TextIO

from faspmgr.protocol.frames import Frame


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

    def note_commands(self, commands: Sequence[Frame]) -> None:
        """Write a line for each command."""
        for command in commands:
            self.note(command=command.type, fields=command.fields)


def log(text: str, stream: TextIO | None = None) -> None:
    """Write to standard output, or to stream; if nobody reads it any more, the transfer goes on all the same."""
    with contextlib.suppress(OSError):
        (stream or sys.stdout).write(text)


def exit_now(status: int) -> NoReturn:
    """Exit without a message to the manager, and without anything that the interpreter does at its end."""
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    os._exit(status)
