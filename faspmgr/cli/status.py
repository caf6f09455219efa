"""The exit statuses, and the exception that ends a command with one of them."""

from __future__ import annotations

import enum
from typing import IO, Any

import click


class Status(enum.IntEnum):
    """What the command line says to a script."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    NO_RESULT = 3
    MALFORMED = 4
    NOT_STARTED = 5
    INTERRUPTED = 130


class CommandError(click.ClickException):
    """Ends a command with one line on standard error and a status."""

    def __init__(self, message: str, status: Status = Status.USAGE) -> None:
        super().__init__(message)
        self.exit_code = status  # type: ignore[misc]  # click reads it of the instance, and types it for the class

    def show(self, file: IO[Any] | None = None) -> None:
        click.echo(f"faspmgr: {self.format_message()}", file=file, err=True)
