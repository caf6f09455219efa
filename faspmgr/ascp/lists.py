"""The folder with the list of files for one ascp, and what is left of those whose program was killed.

A line of code may stand here if it makes or removes such a folder. The names in the list are nobody else's business:
the folder can be entered by its owner only, and it goes when ascp has ended. A program that is killed cannot remove it.
So it holds a lock on its folder, which ends with it, and the next one removes the folders that nobody holds.

Who removes and who makes may meet. A folder is removed by who has its lock, and it is used only after its lock was got
and it was still there. No link is followed, only folders of the same user count, and nothing but the list is removed.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator

if os.name == "posix":
    import fcntl

PREFIX = "faspmgr-list-"
NAME = "paths"
"""The name of the list in its folder."""


@contextlib.contextmanager
def list_folder() -> Iterator[str]:
    """Make a folder for one list, and remove both at the end.

    Yields:
        The path of the list, where no file is yet.

    Raises:
        OSError: the folder cannot be made.
    """
    if os.name != "posix":
        with tempfile.TemporaryDirectory(prefix=PREFIX) as folder:
            yield os.path.join(folder, NAME)
        return
    remove_stale_lists()
    folder, descriptor = _make()
    try:
        yield os.path.join(folder, NAME)
    finally:
        _remove(folder, descriptor)
        os.close(descriptor)


def remove_stale_lists() -> None:
    """Remove the lists of programs of this user that were killed."""
    if os.name != "posix":
        return
    with contextlib.suppress(OSError), os.scandir(tempfile.gettempdir()) as entries:
        for folder in [entry.path for entry in entries if entry.name.startswith(PREFIX)]:
            with contextlib.suppress(OSError):  # it has gone, is another user's, or no folder
                descriptor = _open(folder)
                try:
                    if os.fstat(descriptor).st_uid == os.geteuid():
                        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)  # raises where it is in use
                        _remove(folder, descriptor)
                finally:
                    os.close(descriptor)


def _make() -> tuple[str, int]:
    """Make a folder; give its path, and the descriptor that holds its lock."""
    while True:
        folder = tempfile.mkdtemp(prefix=PREFIX)
        try:
            descriptor = _open(folder)
        except FileNotFoundError:  # somebody took it for a stale one
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # somebody is about to
            os.close(descriptor)
            continue
        except OSError:  # this file system has no locks: nobody else will get one, and remove the folder
            return folder, descriptor
        if os.path.exists(folder):
            return folder, descriptor
        os.close(descriptor)


def _open(folder: str) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)


def _remove(folder: str, descriptor: int) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(NAME, dir_fd=descriptor)
    with contextlib.suppress(OSError):  # somebody has put something else there
        os.rmdir(folder)
