"""Publishing a management port: a file in ascp's run directory that makes every ascp on the machine connect to it.

ascp reads ``*.optport`` in ``var/run/aspera`` beside the directory of its program, and connects to the address in each.
The ending of the name makes the port optional: where nobody listens, ascp goes on. So a file that is left behind does
no harm, but costs time. Each file is locked while its port is open. The lock ends with the process, however that ends:
a file without one was left behind by a crash, and the next port to be published removes it.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

if sys.platform != "win32":
    import fcntl

PREFIX = "faspmgr-"
SUFFIX = ".optport"


def run_directory() -> Path:
    """Directory in which an ascp that is installed in its usual place looks for port files."""
    return Path("/Library/Aspera/var/run/aspera" if sys.platform == "darwin" else "/opt/aspera/var/run/aspera")


class PublishedPort:
    """The file of one port; it exists until ``remove()``.

    Args:
        address: of the port, such as ``127.0.0.1:33333``.
        directory: the run directory of ascp; None for ``run_directory()``.

    Raises:
        OSError: the directory does not exist or cannot be written to.
    """

    def __init__(self, address: str, directory: str | os.PathLike[str] | None = None) -> None:
        folder = run_directory() if directory is None else Path(directory)
        # Named by process and port, so that no two ports share a file.
        self.path = folder / f"{PREFIX}{os.getpid()}-{address.rpartition(':')[2]}{SUFFIX}"
        _remove_leftovers(folder)
        # Written under a name that ascp does not read, and renamed when it is complete.
        unfinished = self.path.with_suffix(".tmp")
        self._descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        try:
            os.fchmod(self._descriptor, 0o644)  # for the ascp of other users, whatever the umask
            _lock(self._descriptor)
            os.write(self._descriptor, f"{address}\n".encode())
            os.replace(unfinished, self.path)
        except BaseException:
            os.close(self._descriptor)
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise

    def remove(self) -> None:
        """Remove the file; harmless when it is gone already."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    """Remove the files of processes that have crashed."""
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):  # another user's, or just removed
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock a file; False where another process has locked it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
