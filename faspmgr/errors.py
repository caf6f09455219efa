"""Every exception of faspmgr, in one place. A leaf: imports no room.

::

    FaspmgrError
    ├── ProtocolError (ValueError)          the first problem of a stream that is read in strict mode
    ├── CaptureError (ValueError)           a source that cannot be read to its end
    ├── SpecError (ValueError)              a transfer spec that cannot be run
    ├── AscpError (OSError)                 ascp cannot be used
    │   └── AscpNotFoundError               there is none where one was looked for
    ├── CommandError                        ends a command of the command line with a line and an exit status
    └── SimulatorError                      of the simulated ascp; none of them leaves it
        ├── FaultError (ValueError)         FASPMGR_ASCP_FAULT names an unknown fault
        ├── OptionError (ValueError)        ascp would refuse this command line
        ├── FileError                       a file cannot be moved
        ├── SessionOverError                the session ends in ERROR
        ├── ShutdownError                   a persistent session ends at once
        └── CutOffError                     a synthetic stream breaks off

Each is also the builtin that it is a kind of, so that ``except ValueError`` and ``except OSError`` catch it. What is
wrong with an argument is a plain ValueError or TypeError, what is wrong with a connection a plain ConnectionError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faspmgr.verdicts import ExitStatus

if TYPE_CHECKING:
    from faspmgr.protocol.problems import Problem
    from faspmgr.simulator.messages import Refusal


class FaspmgrError(Exception):
    """The base of every exception of faspmgr."""


class ProtocolError(FaspmgrError, ValueError):
    """The first problem of a stream that is read in strict mode.

    Attributes:
        problem: the Problem.
        results: what the ``feed()`` or ``close()`` that raises had already made, Frames or Events, so that nothing
            that came before the problem is lost.
    """

    def __init__(self, problem: Problem, results: list[Any] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.results: list[Any] = [] if results is None else results

    def __str__(self) -> str:
        return f"line {self.problem.line}, byte {self.problem.offset}: {self.problem}"


class CaptureError(FaspmgrError, ValueError):
    """A source that cannot be read to its end, such as a damaged gzip file."""


class SpecError(FaspmgrError, ValueError):
    """A transfer spec that cannot be run. The text is one line: the property, a colon, and what is wrong with it.

    Attributes:
        property: the name of the property, such as ``target_rate_kbps`` or ``paths[3].source``.
        problem: what is wrong, without any value that is secret.
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.property = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.property}: {self.problem}"


class AscpError(FaspmgrError, OSError):
    """ascp cannot be used; the text is one line that says why."""


class AscpNotFoundError(AscpError):
    """There is no ascp where one was looked for."""


class CommandError(FaspmgrError):
    """Ends a command of the command line with one line on standard error and an exit status.

    Attributes:
        status: the ExitStatus.
    """

    def __init__(self, message: str, status: ExitStatus = ExitStatus.USAGE) -> None:
        super().__init__(message)
        self.status = status


class SimulatorError(FaspmgrError):
    """The base of what the simulated ascp raises for itself."""


class FaultError(SimulatorError, ValueError):
    """FASPMGR_ASCP_FAULT names an unknown fault."""


class OptionError(SimulatorError, ValueError):
    """A command line that ascp would refuse. The text is the line that ascp writes to standard error.

    Attributes:
        unknown: there is no such option; ascp prints its usage then.
    """

    def __init__(self, message: str, unknown: bool = False) -> None:
        super().__init__(message)
        self.unknown = unknown


class FileError(SimulatorError):
    """A file cannot be moved.

    Attributes:
        code: for its FILEERROR.
        description: for its FILEERROR.
    """

    def __init__(self, code: int, description: str) -> None:
        super().__init__(description)
        self.code = code
        self.description = description


class SessionOverError(SimulatorError):
    """The session ends in ERROR.

    Attributes:
        refusal: why: code, description, and how far ascp gets before it finds out.
    """

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.description)
        self.refusal = refusal


class ShutdownError(SimulatorError):
    """A persistent session ends at once."""


class CutOffError(SimulatorError):
    """A synthetic stream breaks off."""
