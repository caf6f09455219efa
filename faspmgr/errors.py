"""The exceptions that leave faspmgr, and their tree.

Each can be pickled and copied with its attributes. What never leaves the command line or the simulator stands there.

::

    FaspmgrError
    ├── ProtocolError (ValueError)          the first problem of a stream that is read in strict mode
    ├── CaptureError (ValueError)           a source that cannot be read to its end
    ├── SpecError (ValueError)              a transfer spec that cannot be run
    ├── AscpError (OSError)                 ascp cannot be used
    │   ├── AscpNotFoundError               no ascp at the place that was named, or none was found
    │   └── TransferError                   a session has ended, and accepts no more requests
    └── FileTransferError                   a file of a session has failed

Each is also the builtin in brackets, so that ``except ValueError`` and ``except OSError`` catch it. An invalid argument
is a plain ValueError or TypeError, a connection that fails a plain ConnectionError.
"""

from __future__ import annotations

from typing import Any


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

    Example:
        >>> from faspmgr import Parser
        >>> try:
        ...     Parser(strict=True).feed(b"FASPMGR 2\\nType: DONE\\n\\nnoise\\n\\n")
        ... except ProtocolError as error:
        ...     print(error.problem.kind, error.problem.line, error.results)
        noise 4 [DoneEvent()]
    """

    def __init__(self, problem: Any, results: list[Any] | None = None) -> None:
        super().__init__(problem)
        self.problem: Any = problem
        """The ``faspmgr.Problem``."""
        self.results: list[Any] = [] if results is None else results
        """The Frames or Events that the ``feed()`` or ``close()`` that raises had made before the problem."""

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
    """A transfer spec that cannot be run. The text is one line: property, colon, problem.

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
        """The name of the property, such as ``target_rate_kbps`` or ``paths[3].source``."""
        self.problem = problem
        """The problem, without secrets."""

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
    """No ascp at the place that was named, or none was found.

    Example:
        >>> from faspmgr.ascp import find_ascp
        >>> find_ascp("/no/such/ascp")
        Traceback (most recent call last):
        faspmgr.errors.AscpNotFoundError: /no/such/ascp: no such file
    """


class TransferError(AscpError):
    """A session has ended, and accepts no more requests: before it was negotiated, or before a request was done."""

    def __init__(self, message: str, result: Any = None) -> None:
        super().__init__(message)
        self.result: Any = result
        """The ``faspmgr.Result``; None while ascp has not exited."""


class FileTransferError(FaspmgrError):
    """A file of a session has failed. The text is one line: the requested path, and why."""

    def __init__(self, message: str, handle: Any = None, code: int | None = None) -> None:
        super().__init__(message)
        self.handle: Any = handle
        """The ``faspmgr.FileHandle`` or ``faspmgr.FileStream``. In a copy of the error it has the state of the file at
        that time, and cannot be awaited."""
        self.code = code
        """The error code of ascp; None if it reported none, for example because its session had ended."""
