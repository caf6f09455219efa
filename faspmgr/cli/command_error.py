"""The exception that ends a command. It never leaves the command line."""

from __future__ import annotations

from faspmgr.errors import FaspmgrError
from faspmgr.exit_status import ExitStatus


class CommandError(FaspmgrError):
    """End of a command, with one line on standard error and an exit status.

    Attributes:
        status: the exit status.
    """

    def __init__(self, message: str, status: ExitStatus = ExitStatus.USAGE) -> None:
        super().__init__(message)
        self.status = status
