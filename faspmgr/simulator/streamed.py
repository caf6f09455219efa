"""One file that is streamed to a simulated ascp: its bytes at their place, each of them counted once."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_left, bisect_right

from faspmgr.simulator.exceptions import FileError
from faspmgr.simulator.files import check_regular, file_error, own_target
from faspmgr.simulator.messages import File, file_id
from faspmgr.simulator.notes import Notes
from faspmgr.simulator.options import Options

MAX_SPANS = 100_000
"""Gaps between the bytes that came of one file. A limit for security: it bounds memory."""
MAX_OFFSET = 2**63 - 1
SIZE_DIFFERS = 53
"""The code for a size that does not fit what came: it is about the end of a file, and no reason to try again."""


class Spans:
    """Which bytes of a file there are: spans in their order, that neither overlap nor touch."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []

    @property
    def contiguous(self) -> int:
        """How many there are from the beginning on without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    @property
    def end(self) -> int:
        """Behind the last one."""
        return self._ends[-1] if self._ends else 0

    def add(self, start: int, end: int) -> int:
        """Add the bytes from start to before end; return how many of them are new. Raises FileError."""
        starts, ends = self._starts, self._ends
        if ends and start == ends[-1]:  # as nearly always
            ends[-1] = end
            return end - start
        # The spans that touch it, from the one at low to the one before high, become one with it.
        low, high = bisect_left(ends, start), bisect_right(starts, end)
        if low == high and len(starts) == MAX_SPANS:
            raise FileError(36, f"Receiver: more than {MAX_SPANS} gaps")
        old = sum(ends[at] - starts[at] for at in range(low, high))
        if low < high:
            start, end = min(start, starts[low]), max(end, ends[high - 1])
        starts[low:high], ends[low:high] = [start], [end]
        return end - start - old


class Stream:
    """One file that is streamed.

    Args:
        options: the command line.
        notes: those of the run.
        destination: as the manager gave it.
        size: bytes; None where the manager did not say.
        index: the number of the file, from 1.

    Raises:
        FileError: its destination cannot be written.

    Attributes:
        file: what is reported of it.
        usec: time of the session when it was reported last.
        reported: how much of it was written then.
    """

    def __init__(self, options: Options, notes: Notes, destination: str, size: int | None, index: int) -> None:
        self._target = own_target(options, destination)
        if options.root and os.path.commonpath([os.path.abspath(path) for path in (options.root, self._target)]) != (
            os.path.abspath(options.root)
        ):
            raise FileError(41, "Receiver: path outside of the root")
        self._part = self._target + (options.partial_suffix or "")
        self.file = File(destination, size or 0, arg_index=index, file_id=file_id(index, destination, self._target))
        self._size = size
        self._spans = Spans()
        # The file at the destination; None without --simulate-copy.
        self._descriptor = self._open(options) if options.copy else None
        # What the test gets that looks at this run; None where none does.
        self._kept = notes.keep_stream(destination)
        self.usec = 0.0
        self.reported = 0

    def _open(self, options: Options) -> int:
        try:
            if options.creates_directory:
                os.makedirs(os.path.dirname(self._target) or ".", exist_ok=True)
            for path in {self._target, self._part}:
                with contextlib.suppress(FileNotFoundError):
                    check_regular(os.stat(path))
            return os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666)
        except (OSError, ValueError) as error:
            raise file_error(error if isinstance(error, OSError) else OSError(str(error)), "Receiver") from None

    def write(self, data: memoryview, offset: int) -> int:
        """Write bytes at their place; return how many of them are new. Raises FileError."""
        if offset + len(data) > MAX_OFFSET:
            raise FileError(24, "Receiver: File too large")
        if not data:
            return 0
        if self._kept:
            self._kept.write(data, offset)
        if self._descriptor is not None:
            place, left = offset, data
            while left:
                try:
                    count = os.pwrite(self._descriptor, left, place)
                except OSError as error:
                    raise file_error(error, "Receiver") from None
                place, left = place + count, left[count:]
        return self._spans.add(offset, offset + len(data))

    def note_written(self) -> None:
        """Say in the file how much of it is contiguous."""
        self.file.hole = self.file.written - self._spans.contiguous

    def finish(self) -> int:
        """All has come: give the file its name.

        Returns:
            How many bytes are in gaps, where nothing was written: the file has zeros there.

        Raises:
            FileError: the size is not the one that the manager gave, or the file cannot have its name.
        """
        file, length = self.file, self._spans.end
        if self._size is not None and (file.written, length) != (self._size, self._size):
            raise FileError(SIZE_DIFFERS, f"Receiver: Size was {self._size}, and {file.written} bytes came")
        try:
            if self._descriptor is not None:
                os.replace(self._part, self._target)
        except OSError as error:
            raise file_error(error, "Receiver") from None
        file.size = length
        return length - file.written

    def close(self) -> None:
        """Free what is held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        if self._kept:
            self._kept.close()
        self._descriptor = self._kept = None
