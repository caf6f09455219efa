"""The compiled twin of the fast path where it was built, or what stands in for it; the count of lines, too.

FASPMGR_PURE in the environment, with any text, turns it off.
"""

from __future__ import annotations

import os
from typing import Any

try:
    if os.environ.get("FASPMGR_PURE"):
        raise ImportError("turned off")
    from faspmgr.protocol._speedups import Unread as Unread
    from faspmgr.protocol._speedups import count_lines as count_lines

    COMPILED = True
except ImportError:
    COMPILED = False

    class Unread:  # type: ignore[no-redef]
        """What was fed and not yet read: the base class of StreamReader."""

        def __init__(self) -> None:
            # The bytes, and where _buffer[0] stands in the stream: byte, from 0, and line, from 1.
            self._buffer = bytearray()
            self._offset = 0
            self._line = 1
            # Byte of the stream before which no unread LF LF starts.
            self._end_searched = 0
            # Bytes that a message may have, its empty line not counted.
            self._max = 0

            # The compiled twin reads what is clean as soon as it is fed: while nothing is open, and nothing is in the
            # buffer that could not wait for a LF LF. Then messages went by that the grammar was not told of.
            self._ready = True
            self._passed = False

        def _append(self, data: bytes, results: list[Any]) -> bool:
            """Add bytes, and with the compiled twin read at once what is clean.

            Args:
                data: the next bytes.
                results: a list that the results are appended to.

            Returns:
                True where nothing is left that could be read now.
            """
            self._buffer += data
            return False

    def count_lines(data: bytes | bytearray, start: int, end: int, /) -> int:
        """Count the LFs in data[start:end]."""
        return data.count(b"\n", start, end)


NAME = "compiled" if COMPILED else "pure Python"
"""The reader that runs, as ``faspmgr --version`` shows it."""
