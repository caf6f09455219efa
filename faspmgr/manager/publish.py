"""Publishing a management port: a file in ascp's run directory that makes every ascp on the machine connect to it.

ascp reads ``*.optport`` in ``var/run/aspera`` beside the directory of its program, and tries the address in each; the
end of the name says that it goes on where nobody answers. So a file that is left behind does no harm but costs time.
The file is locked as long as its port is open: a lock ends with its process however that ends, so that the next one
knows which files were left behind by a crash, and removes them.
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
    """Where ascp looks for port files when it is installed in its usual place."""
    return Path("/Library/Aspera/var/run/aspera" if sys.platform == "darwin" else "/opt/aspera/var/run/aspera")


class PublishedPort:
    """The file of one port, until remove(). address: ``HOST:PORT``. directory: None for run_directory().

    Raises OSError where the directory does not exist or cannot be written to.
    """

    def __init__(self, address: str, directory: str | os.PathLike[str] | None = None) -> None:
        folder = run_directory() if directory is None else Path(directory)
        self.path = folder / f"{PREFIX}{os.getpid()}-{address.rpartition(':')[2]}{SUFFIX}"
        _remove_leftovers(folder)
        unfinished = self.path.with_suffix(".tmp")  # a name that ascp does not read
        self._descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o644)
        try:
            os.fchmod(self._descriptor, 0o644)  # other users' ascp shall read it, whatever the umask
            _lock(self._descriptor)
            os.write(self._descriptor, f"{address}\n".encode())
            os.replace(unfinished, self.path)
        except BaseException:
            os.close(self._descriptor)
            with contextlib.suppress(OSError):
                os.unlink(unfinished)
            raise

    def remove(self) -> None:
        """Take the file away; harmless when it is gone already."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            with contextlib.suppress(OSError):
                os.unlink(self.path)
            os.close(descriptor)


def _remove_leftovers(folder: Path) -> None:
    for path in folder.glob(f"{PREFIX}*{SUFFIX}"):
        with contextlib.suppress(OSError):  # another user's, or just removed
            descriptor = os.open(path, os.O_RDWR | os.O_NOFOLLOW)
            try:
                if _lock(descriptor):
                    path.unlink()
            finally:
                os.close(descriptor)


def _lock(descriptor: int) -> bool:
    """Lock the file, if nobody else holds it."""
    if sys.platform != "win32":
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True
