"""The exceptions of the simulated ascp. None of them leaves it.

::

    FaspmgrError
    └── SimulatorError                      the base
        ├── FaultError (ValueError)         FASPMGR_ASCP_FAULT names an unknown fault
        ├── OptionError (ValueError)        a command line that ascp would refuse
        ├── FileError                       a file cannot be moved
        ├── SessionOverError                the session ends in ERROR
        ├── ShutdownError                   a persistent session ends at once
        └── CutOffError                     a synthetic stream breaks off
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faspmgr.errors import FaspmgrError

if TYPE_CHECKING:
    from faspmgr.simulator.messages import Refusal


class SimulatorError(FaspmgrError):
    """The base of the exceptions of the simulated ascp."""


class FaultError(SimulatorError, ValueError):
    """FASPMGR_ASCP_FAULT names an unknown fault."""


class OptionError(SimulatorError, ValueError):
    """A command line that ascp would refuse. The text is the line that ascp writes to standard error.

    Attributes:
        unknown: whether ascp has no such option, and so prints its usage.
    """

    def __init__(self, message: str, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class FileError(SimulatorError):
    """A file cannot be moved.

    Attributes:
        code: the Code of its FILEERROR.
        description: the Description of its FILEERROR.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(code, description)
        self.code = code
        self.description = description

    def __str__(self) -> str:
        return self.description


class SessionOverError(SimulatorError):
    """The session ends in ERROR.

    Attributes:
        refusal: code, description, and how far ascp gets before it finds out.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal)
        self.refusal = refusal

    def __str__(self) -> str:
        return self.refusal.description


class ShutdownError(SimulatorError):
    """A persistent session ends at once."""


class CutOffError(SimulatorError):
    """A synthetic stream breaks off."""
