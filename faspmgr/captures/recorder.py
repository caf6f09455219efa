"""Recording: the bytes of streams, as they arrive, to one file, or to a directory with a file for each connection.

Where each connection began and ended, and how the run did, is written to a file beside them; see connections.py.

Recording never harms the transfer: once the file is open, nothing raises and nothing waits in a buffer. A recording
that fails is ended and logged once.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import os
import stat
import time
from collections.abc import Callable
from typing import Self

from faspmgr.captures.connections import SUFFIX, ConnectionsWriter, connections_path
from faspmgr.verdicts import Outcome


class Recorder:
    """Writes a stream to a file, byte for byte as it came.

    Only the owner can read the file: a stream may hold a token. The first error ends the recording.

    Args:
        path: the file; an older one is replaced, and its connections are removed.

    Raises:
        OSError: the file cannot be created.

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
        """The file."""
        self.error: OSError | None = None
        """The error that ended the recording; None while it is complete."""
        self.written = 0
        """Bytes that were written."""
        self.lost = 0
        """Bytes that could not be written."""

        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        # Without a buffer; None once it is closed.
        self._file: io.FileIO | None = io.FileIO(descriptor, "wb")
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # an older file may have been open to all
        beside = connections_path(self.path)
        if beside:
            with contextlib.suppress(OSError):
                os.unlink(beside)

    def write(self, data: bytes) -> None:
        """Write bytes at once. Never raises: bytes that cannot be written are counted in ``lost``."""
        rest = memoryview(data)
        while rest and self._file and not self.error:
            try:
                count = self._file.write(rest) or 0
            except OSError as error:
                self.error = error
            else:
                self.written += count
                rest = rest[count:]
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
    """A file or a directory to which the streams of connections are recorded.

    Streams can share a file one after the other, but not at the same time: their messages would mix. In a directory
    each connection has a file of its own, named by time (UTC), process and number.

    Args:
        path: a directory, which exists or ends in a separator; else a file.
        parts: count of the connections at the same time.

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
        ...     len([name for name in os.listdir(folder) if name.endswith(".fasp")]), recording.error
        (2, None)
    """

    def __init__(self, path: str | os.PathLike[str], parts: int = 1) -> None:
        self._path = os.fspath(path)
        self._is_directory = os.path.isdir(self._path) or self._path.endswith(os.sep)
        # The file that all connections share; None for a directory.
        self._shared: Recorder | None = None
        # Writes where connections begin and end; None if the recording is not a regular file, and in a directory before
        # the first byte.
        self._connections: ConnectionsWriter | None = None
        # In a directory: whether creating that file was tried.
        self._has_connections = False
        # The connections that have sent bytes and have not ended.
        self._open: set[Tap] = set()
        # Count of the connections so far.
        self._count = 0
        # The first failure; None while the recording is complete.
        self._error: str | None = None

        if self._is_directory:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            if not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError(13, "cannot be written to", self._path)
        elif parts > 1:
            raise ValueError(f"{self._path} is not a directory: the streams of several sessions need a file each")
        else:
            self._shared = Recorder(self._path)
            beside = connections_path(self._path)
            if beside:
                try:
                    self._connections = ConnectionsWriter(beside)
                except BaseException:
                    self._shared.close()
                    raise

    @property
    def error(self) -> str | None:
        """Why the recording is not complete; None if it is."""
        return self._error

    def tap(self, log: Callable[[str], object], part: int | None = None, attempt: int | None = None) -> Tap:
        """Return a function that records the next connection. Its file is created with the first byte.

        Args:
            log: called with one line when bytes are lost for the first time, in any of the connections.
            part: number of the session of a multi-session transfer, from 1; None if unknown.
            attempt: number of the attempt, from 1; None if unknown.

        Returns:
            A function to call with the bytes of the connection as they arrive. It never raises.
        """
        self._count += 1
        return Tap(self._write, self._count, log, part, attempt)

    def end(self, tap: Tap) -> None:
        """Mark a connection as ended; in a directory its file is closed. Never raises.

        Args:
            tap: the function that ``tap()`` returned for the connection.
        """
        if tap not in self._open:
            return
        self._open.remove(tap)
        assert tap.recorder
        if self._connections:
            self._connections.end(tap.number, tap.recorder.written)
        if tap.recorder is not self._shared:
            self._close(tap.recorder)

    def close(self, result: Outcome | None = None) -> None:
        """End all connections, and close all files. Never raises; closing twice is harmless.

        Args:
            result: how the recorded run ended; None if unknown, or if there was no run.
        """
        for tap in sorted(self._open, key=lambda tap: tap.number):
            self.end(tap)
        if self._shared:
            self._close(self._shared)
        if result:
            self._make_connections()
        if self._connections:
            if result:
                self._connections.result(result)
            self._connections.close()
            self._check_connections()

    def _write(self, tap: Tap, data: bytes) -> None:
        """Record bytes of a connection."""
        if not tap.begun:
            tap.begun = True
            self._begin(tap)
        if tap.recorder:
            tap.recorder.write(data)
            if tap.recorder.error:
                self._fail(tap.recorder.path, tap.recorder.error, tap.log)

    def _begin(self, tap: Tap) -> None:
        """Begin to record a connection."""
        if self._shared:
            for before in list(self._open):  # one after the other
                self.end(before)
            tap.recorder, file = self._shared, None
        else:
            tap.recorder = self._make_file(tap)
            if not tap.recorder:
                return
            file = os.path.basename(tap.recorder.path)
            self._make_connections(tap.log)
        self._open.add(tap)
        if self._connections:
            self._connections.begin(tap.number, tap.recorder.written, file, tap.part, tap.attempt)
            self._check_connections(tap.log)

    def _make_file(self, tap: Tap) -> Recorder | None:
        """Create the file of a connection in a directory; return None if that fails."""
        path = self._path
        try:
            for number in itertools.count(tap.number):
                path = os.path.join(self._path, f"{_stem()}-{number}.fasp")
                # Another recording of this process may have taken the name.
                with contextlib.suppress(FileExistsError):
                    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
                    return Recorder(path)
        except OSError as error:
            self._fail(path, error, tap.log)
        return None

    def _make_connections(self, log: Callable[[str], object] | None = None) -> None:
        """Create the file with the connections in a directory, before the first line is written to it."""
        if not self._is_directory or self._has_connections:
            return
        self._has_connections = True  # tried once: after missing lines, later ones would be wrong
        path = self._path
        try:
            for number in itertools.count(1):
                path = os.path.join(self._path, f"{_stem()}{f'.{number}' if number > 1 else ''}{SUFFIX}")
                with contextlib.suppress(FileExistsError):
                    self._connections = ConnectionsWriter(path, replace=False)
                    return
        except OSError as error:
            self._fail(path, error, log)

    def _check_connections(self, log: Callable[[str], object] | None = None) -> None:
        if self._connections and self._connections.error:
            self._fail(self._connections.path, self._connections.error, log)

    def _close(self, recorder: Recorder) -> None:
        recorder.close()
        if recorder.error:
            self._fail(recorder.path, recorder.error)

    def _fail(self, path: str, error: OSError, log: Callable[[str], object] | None = None) -> None:
        """Keep the first failure, and log it."""
        if self._error:
            return
        self._error = f"{path}: {error.strerror or error}"
        if log:
            log(f"the recording is not complete: {self._error}")


class Tap:
    """Records the bytes of one connection, with which it is called; ``Recording.tap`` makes it."""

    def __init__(
        self,
        write: Callable[[Tap, bytes], None],
        number: int,
        log: Callable[[str], object],
        part: int | None,
        attempt: int | None,
    ) -> None:
        self.number = number
        self.log = log
        self.part = part
        self.attempt = attempt
        # Whether bytes have come.
        self.begun = False
        # Writes them; None before the first one, and if no file could be created.
        self.recorder: Recorder | None = None
        self._write = write

    def __call__(self, data: bytes) -> None:
        """Record bytes. Never raises."""
        self._write(self, data)


def _stem() -> str:
    return f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}"
