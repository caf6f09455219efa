"""Every exception of faspmgr, in one place.

A class may stand here if faspmgr raises it; no other module defines an exception. This module is a leaf: it imports no
room. Every exception can be pickled and copied with its attributes, as multiprocessing and asyncio need it.

::

    FaspmgrError
    ├── ProtocolError (ValueError)          the first problem of a stream that is read in strict mode
    ├── CaptureError (ValueError)           a source that cannot be read to its end
    ├── SpecError (ValueError)              a transfer spec that cannot be run
    ├── AscpError (OSError)                 ascp cannot be used
    │   ├── AscpNotFoundError               no ascp where one was looked for
    │   └── TransferError                   a session has ended, and can do no more
    ├── FileTransferError                   a file of a session has failed
    ├── CommandError                        ends a command of the command line with a line and an exit status
    └── SimulatorError                      of the simulated ascp; none of them leaves it
        ├── FaultError (ValueError)         FASPMGR_ASCP_FAULT names an unknown fault
        ├── OptionError (ValueError)        a command line that ascp would refuse
        ├── FileError                       a file cannot be moved
        ├── SessionOverError                the session ends in ERROR
        ├── ShutdownError                   a persistent session ends at once
        └── CutOffError                     a synthetic stream breaks off

Each is also the builtin in brackets, so that ``except ValueError`` and ``except OSError`` catch it. An invalid argument
is a plain ValueError or TypeError, a connection that fails a plain ConnectionError.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from faspmgr.verdicts import ExitStatus

if TYPE_CHECKING:  # for type checkers alone: at run time this module imports no room
    from faspmgr.manager.handles import FileHandle
    from faspmgr.manager.result import Result
    from faspmgr.manager.streams import FileStream
    from faspmgr.protocol.problems import Problem


class FaspmgrError(Exception):
    """The base of every exception of faspmgr.

    Example:
        >>> from faspmgr import TransferSpec
        >>> try:
        ...     TransferSpec.from_json("{}")
        ... except FaspmgrError as error:
        ...     print(f"{type(error).__name__}: {error}")
        SpecError: direction: is missing
    """


class ProtocolError(FaspmgrError, ValueError):
    """The first problem of a stream that is read in strict mode.

    Attributes:
        problem: the Problem.
        results: what the ``feed()`` or ``close()`` that raises had already made, Frames or Events, so that nothing
            that came before the problem is lost.

    Example:
        >>> from faspmgr import Parser
        >>> try:
        ...     Parser(strict=True).feed(b"FASPMGR 2\\nType: DONE\\n\\nnoise\\n\\n")
        ... except ProtocolError as error:
        ...     print(error.problem.kind, error.problem.line, error.results)
        noise 4 [DoneEvent()]
    """

    def __init__(self, problem: Problem, results: list[Any] | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.results: list[Any] = [] if results is None else results

    def __str__(self) -> str:
        return f"line {self.problem.line}, byte {self.problem.offset}: {self.problem}"


class CaptureError(FaspmgrError, ValueError):
    """A source that cannot be read to its end, such as a damaged gzip file.

    Example:
        >>> import gzip, io
        >>> from faspmgr import read
        >>> list(read(io.BytesIO(gzip.compress(b"FASPMGR 2\\n")[:20])))
        Traceback (most recent call last):
        faspmgr.errors.CaptureError: the gzip data is cut off
    """


class SpecError(FaspmgrError, ValueError):
    """A transfer spec that cannot be run. The text is one line: the property, a colon, and what is wrong with it.

    Attributes:
        property: the name of the property, such as ``target_rate_kbps`` or ``paths[3].source``.
        problem: what is wrong, without any value that is secret.

    Example:
        >>> from faspmgr import TransferSpec
        >>> try:
        ...     TransferSpec(direction="send", remote_host="example.com", ssh_port=0)
        ... except SpecError as error:
        ...     print(error.property, "-", error.problem)
        ssh_port - must be from 1 to 65,535
    """

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(name, problem)
        self.property = name
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.property}: {self.problem}"


class AscpError(FaspmgrError, OSError):
    """ascp cannot be used. The text is one line with the reason.

    Example:
        >>> from faspmgr.ascp import describe_ascp
        >>> describe_ascp("/no/such/ascp")
        Traceback (most recent call last):
        faspmgr.errors.AscpError: /no/such/ascp: No such file or directory
    """


class AscpNotFoundError(AscpError):
    """No ascp where one was looked for.

    Example:
        >>> from faspmgr.ascp import find_ascp
        >>> find_ascp("/no/such/ascp")
        Traceback (most recent call last):
        faspmgr.errors.AscpNotFoundError: /no/such/ascp: no such file
    """


class TransferError(AscpError):
    """A session has ended, and can do no more: before it was negotiated, or before what was asked of it.

    Attributes:
        result: how it ended; None where its end is not over yet.
    """

    def __init__(self, message: str, result: Result | None = None) -> None:
        super().__init__(message)
        self.result = result


class FileTransferError(FaspmgrError):
    """A file of a session has failed. The text is one line: the path that was asked for, and why.

    Attributes:
        handle: the FileHandle or FileStream. In a copy of the error it is one that shows how the file stood, and cannot
            be waited for.
        code: the error code of ascp; None where it reported none, such as where its session has ended.
    """

    def __init__(self, message: str, handle: FileHandle | FileStream | None = None, code: int | None = None) -> None:
        super().__init__(message)
        self.handle = handle
        self.code = code


class CommandError(FaspmgrError):
    """Ends a command of the command line with one line on standard error and an exit status.

    Attributes:
        status: the exit status.
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
        unknown: whether ascp has no such option; it prints its usage then.
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
        refusal: why: code, description, and how far ascp gets before it finds out.
    """

    def __init__(self, refusal: Any) -> None:
        super().__init__(refusal)
        self.refusal = refusal  # simulator.messages.Refusal, which this module must not know

    def __str__(self) -> str:
        return str(self.refusal.description)


class ShutdownError(SimulatorError):
    """A persistent session ends at once."""


class CutOffError(SimulatorError):
    """A synthetic stream breaks off."""
