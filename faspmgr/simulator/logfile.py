"""Where ``faspmgr-ascp -L`` writes to: the files of a folder, as ascp 3.9.0 was seen to keep them.

``aspera-scp-transfer.log`` is a second name of the file with the number that is written to: ``.0.log`` at first. A
process that finds it as large as it may be (10 MB, or N with ``-L DIR:N``) goes on with the next number; what has begun
is never rotated. Numbers go from 0 to 9 and begin again, and the file ahead of the newest one is removed: that gap is
where the next process sees which number is the latest.

All lines of a message are written at once, so that those of several processes are mixed but never cut.
"""

from __future__ import annotations

import contextlib
import os
import re

NAME = "aspera-scp-transfer"
NUMBERS = 10
MAX_MEGABYTES = 10
STANDARD_ERROR = 2


class LogFile:
    """One process's way into a log.

    Args:
        argument: that of ``-L``: a folder, a folder and a size, or ``-`` for standard error.

    Raises:
        OSError: with the name of the log, if it cannot be opened.

    Attributes:
        has_prefix: do its lines have time, process and thread? Not on standard error.
    """

    def __init__(self, argument: str) -> None:
        self.has_prefix = argument != "-"
        self._descriptor = STANDARD_ERROR
        if self.has_prefix:
            folder, size = split_size(argument)
            self._descriptor = _open(folder, size)

    def write(self, text: str) -> None:
        """Append lines; a disk that is full does not end the transfer."""
        if not text:
            return
        with contextlib.suppress(OSError):
            os.write(self._descriptor, text.encode("utf-8", "surrogateescape"))


def split_size(argument: str) -> tuple[str, int]:
    """Split ``DIR:N`` into folder and size.

    Returns:
        The folder, and how many bytes a log may have before a process begins the next one.
    """
    match = re.fullmatch("(.*):([0-9]{1,9})", argument, re.DOTALL)
    folder, megabytes = (match[1], int(match[2])) if match else (argument, 0)
    return folder, (megabytes or MAX_MEGABYTES) << 20


def _open(folder: str, size: int) -> int:
    numbered = [os.path.join(folder, f"{NAME}.{number}.log") for number in range(NUMBERS)]
    latest = next(
        (at for at in range(NUMBERS) if os.path.exists(numbered[at]) and not os.path.exists(numbered[_after(at)])), None
    )
    if latest is not None and os.path.getsize(numbered[latest]) < size:
        return _append(numbered[latest])
    at = 0 if latest is None else _after(latest)
    current = os.path.join(folder, f"{NAME}.log")
    try:
        descriptor = _append(numbered[at])
    except OSError as error:
        raise OSError(error.errno, error.strerror, current) from None
    with contextlib.suppress(FileNotFoundError):
        os.remove(numbered[_after(at)])
    with contextlib.suppress(FileNotFoundError):
        os.remove(current)
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.link(numbered[at], current)
    return descriptor


def _after(number: int) -> int:
    return (number + 1) % NUMBERS


def _append(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
