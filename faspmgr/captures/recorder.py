"""Recording management streams: one file, or a directory with a file for each connection."""

from __future__ import annotations

import io
import os
import stat
import time
from collections.abc import Callable


class Recorder:
    """Writes a stream to a file, byte for byte as it came. Recording must never harm what is recorded: write() does not
    raise. The first error ends the recording; ``error`` keeps it, ``lost`` counts the bytes that were not written.

    path: made anew, and readable only by its owner: a stream may hold a token. Raises OSError if it cannot be made.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        descriptor = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_CLOEXEC", 0), 0o600)
        self._file: io.FileIO | None = io.FileIO(descriptor, "wb")
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and hasattr(os, "fchmod"):
            os.fchmod(descriptor, 0o600)  # an older file may have been open to all
        self.error: OSError | None = None
        self.lost = 0

    def write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest and self._file and not self.error:
            try:
                rest = rest[self._file.write(rest) or 0 :]
            except OSError as error:
                self.error = error
        self.lost += len(rest)

    def close(self) -> None:
        file, self._file = self._file, None
        if file:
            try:
                file.close()
            except OSError as error:
                self.error = self.error or error

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Recording:
    """Where the bytes of connections go. path: a directory that exists or ends in a separator, or a file.

    parts: how many connections there are at once; several cannot share a file, as their messages would get into each
    other. Several one after the other can. Raises ValueError for that, OSError where path cannot be written to.
    """

    def __init__(self, path: str | os.PathLike[str], parts: int = 1) -> None:
        self._path = os.fspath(path)
        self._recorders: list[Recorder] = []
        self._count = 0
        self._error: str | None = None
        self._is_directory = os.path.isdir(self._path) or self._path.endswith(os.sep)
        if self._is_directory:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            if not os.access(self._path, os.W_OK | os.X_OK):
                raise PermissionError(13, "cannot be written to", self._path)
        elif parts > 1:
            raise ValueError(f"{self._path} is no directory: the streams of several sessions need a file each")
        else:
            self._recorders.append(Recorder(self._path))

    def tap(self, say: Callable[[str], object]) -> Callable[[bytes], object]:
        """What to call with the bytes of the next connection; it never raises. say: is told once that some are lost."""
        recorder = self._next(say)

        def write(data: bytes) -> None:
            if recorder:
                recorder.write(data)
                if recorder.error:
                    self._lose(recorder.path, recorder.error, say)

        return write

    def _next(self, say: Callable[[str], object]) -> Recorder | None:
        if not self._is_directory:
            return self._recorders[0]
        self._count += 1
        name = f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime())}-{os.getpid()}-{self._count}.fasp"
        path = os.path.join(self._path, name)
        try:
            recorder = Recorder(path)
        except OSError as error:
            self._lose(path, error, say)
            return None
        self._recorders.append(recorder)
        return recorder

    def _lose(self, path: str, error: OSError, say: Callable[[str], object]) -> None:
        if not self._error:
            self._error = f"{path}: {error.strerror or error}"
            say(f"the recording is not complete: {self._error}")

    @property
    def error(self) -> str | None:
        """Why the recording is not complete, None if it is."""
        return self._error

    def close(self) -> None:
        for recorder in self._recorders:
            recorder.close()
            if recorder.error:
                self._lose(recorder.path, recorder.error, lambda _: None)
