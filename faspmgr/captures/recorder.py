"""Recording: the bytes of streams, as they arrive, to one file, or to a directory with a file for each connection.

A line of code may stand here only if it cannot harm what is recorded: once the file is open, nothing raises and nothing
waits in a buffer. A recording that fails is ended and logged once; the transfer goes on.
"""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable
from typing import Self


class Recorder:
    """Writes a stream to a file, byte for byte as it came.

    The file is made anew, and only its owner can read it: a stream may hold a token. The first error ends the
    recording.

    Args:
        path: the file; an older one is replaced.

    Attributes:
        path: the file, as text.
        error: what ended the recording; None while it is complete.
        lost: bytes that were not written.

    Raises:
        OSError: the file cannot be made.

    Example:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with Recorder(os.path.join(folder, "session.fasp")) as recorder:
        ...         recorder.write(b"FASPMGR 2\\nType: DONE\\n\\n")
        ...     os.path.getsize(recorder.path), recorder.error, recorder.lost
        (22, None, 0)
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        self.error: OSError | None = None
        self.lost = 0

        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        # Without a buffer; None once it is closed.
        self._file: io.FileIO | None = io.FileIO(descriptor, "wb")
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # an older file may have been open to all

    def write(self, data: bytes) -> None:
        """Write bytes at once. Never raises: what cannot be written is counted in ``lost``.

        Args:
            data: the bytes.
        """
        rest = memoryview(data)
        while rest and self._file and not self.error:
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self.error = error
        self.lost += len(rest)

    def close(self) -> None:
        """Close the file. Never raises; closing twice is harmless."""
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError as error:
                self.error = self.error or error

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Recording:
    """Where the streams of one or more connections are recorded.

    Streams at the same time cannot share a file, as their messages would get into each other. Several one after the
    other can. In a directory each connection has a file of its own, named by time (UTC), process and number.

    Args:
        path: a directory, which exists or ends in a separator, or else a file.
        parts: how many connections there are at the same time.

    Raises:
        ValueError: several connections at the same time, and path is not a directory.
        OSError: path cannot be written to.

    Example:
        >>> import os, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     recording = Recording(folder, parts=2)
        ...     first, second = recording.tap(print), recording.tap(print)
        ...     _ = first(b"FASPMGR 2\\n"), second(b"FASPMGR 2\\n")
        ...     recording.close()
        ...     len(os.listdir(folder)), recording.error
        (2, None)
    """

    def __init__(self, path: str | os.PathLike[str], parts: int = 1) -> None:
        self._path = os.fspath(path)
        self._is_directory = os.path.isdir(self._path) or self._path.endswith(os.sep)
        # What all connections share; None for a directory.
        self._shared: Recorder | None = None
        # In a directory: those of the connections that have not ended, by their taps.
        self._recorders: dict[Callable[[bytes], object], Recorder] = {}
        # The connections so far, for the names of the files in a directory.
        self._count = 0
        # The first failure, None while the recording is complete.
        self._error: str | None = None

        if self._is_directory:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            if not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError(13, "cannot be written to", self._path)
        elif parts > 1:
            raise ValueError(f"{self._path} is not a directory: the streams of several sessions need a file each")
        else:
            self._shared = Recorder(self._path)

    @property
    def error(self) -> str | None:
        """Why the recording is not complete, None if it is."""
        return self._error

    def tap(self, log: Callable[[str], object]) -> Callable[[bytes], object]:
        """Open what records the next connection.

        Args:
            log: called with one line when bytes are lost for the first time, in any of the connections.

        Returns:
            A function to call with the bytes of the connection as they arrive. It never raises.
        """
        recorder = self._open(log) if self._is_directory else self._shared

        def write(data: bytes) -> None:
            if recorder:
                recorder.write(data)
                if recorder.error:
                    self._fail(recorder.path, recorder.error, log)

        if recorder and self._is_directory:
            self._recorders[write] = recorder
        return write

    def end(self, tap: Callable[[bytes], object]) -> None:
        """Close the file of a connection that has ended, so that only open connections have open files. Never raises.

        Args:
            tap: what ``tap()`` returned for the connection. A file that connections share stays open.
        """
        recorder = self._recorders.pop(tap, None)
        if recorder:
            self._close(recorder)

    def close(self) -> None:
        """Close all files. Never raises."""
        for recorder in (*self._recorders.values(), *([self._shared] if self._shared else [])):
            self._close(recorder)

    def _close(self, recorder: Recorder) -> None:
        recorder.close()
        if recorder.error:
            self._fail(recorder.path, recorder.error)

    def _open(self, log: Callable[[str], object]) -> Recorder | None:
        """In a directory: the recorder of the next connection; None if its file cannot be made."""
        self._count += 1
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{self._count}.fasp"
        path = os.path.join(self._path, name)
        try:
            return Recorder(path)
        except OSError as error:
            self._fail(path, error, log)
            return None

    def _fail(self, path: str, error: OSError, log: Callable[[str], object] | None = None) -> None:
        """Keep the first failure, and log it."""
        if self._error:
            return
        self._error = f"{path}: {error.strerror or error}"
        if log:
            log(f"the recording is not complete: {self._error}")
