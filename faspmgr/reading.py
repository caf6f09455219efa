"""The events of a recording, recognised by its content: a capture of the stream, or ascp's own log.

The first line that only one of the two can have decides. What comes before it is kept, up to MAX_UNDECIDED_BYTES: a
capture may begin with noise, a syslog with lines of other programs. A source that is neither is read as a capture,
whose reader reports what is wrong with it.
"""

from __future__ import annotations

import io
import os
import re
import stat
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import chain
from typing import Any, Literal, NoReturn

from faspmgr.captures.feed import pump
from faspmgr.captures.sources import Reader, Source, call_idle, chunks
from faspmgr.captures.unwrap import Unwrap, Unwrapper
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem

MAX_UNDECIDED_BYTES = 1 << 16
"""Bytes that are kept of a source until it is recognised."""

HEADER = b"FASPMGR"
"""Start of every message of a capture that has headers."""

_CAPTURE_LINE = re.compile(r"FASPMGR|Type: ?[!-~]+ *$|.{0,500}FASPMGR [0-9]{1,9}$")
"""A line that no log has: a header, also at the end of a line that was cut, or the Type of a message without one."""

Kind = Literal["capture", "log"]


class EventReader:
    """Reads the events of a capture or of a log, whichever it is.

    Args:
        strict: stop at the first problem of a capture, as Parser does. A log has no problems.
        on_problem: called with each problem of a capture, as Parser does.
        max_data_bytes: as for Parser, for a capture.
        times: as for LogParser, for a log.

    Example:
        >>> reader = EventReader()
        >>> reader.feed(b"LOG FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in\\n")
        [InitEvent(session_id='7d5a', direction='Send', operation='Transfer')]
        >>> reader.kind
        'log'
    """

    def __init__(
        self,
        strict: bool = False,
        on_problem: Callable[[Problem], None] | None = None,
        max_data_bytes: int = 0,
        times: deque[datetime | None] | None = None,
    ) -> None:
        self.kind: Kind | None = None
        """Recognised kind of the source; None before."""

        # Reads a capture.
        self._parser = Parser(strict=strict, on_problem=on_problem, max_data_bytes=max_data_bytes)
        self._times = times
        # Reads the source; None until its kind is known.
        self._reader: Reader[Event] | None = None
        # The bytes before that, how many of them were checked, and whether all their lines are those of a syslog.
        self._start = bytearray()
        self._checked = 0
        self._prefixed = True

    def feed(self, data: bytes) -> list[Event]:
        """Read the next bytes.

        Args:
            data: cut anywhere.

        Returns:
            Events that are complete now.

        Raises:
            ProtocolError: in strict mode, at the first problem.
            Exception: as Parser.feed().
        """
        if self._reader is not None:
            return self._reader.feed(data)
        self._start += data
        kind = self._recognise(ended=False)
        return self._begin(kind) if kind else []

    def idle(self) -> list[Event]:
        """Return the pending events of a log, as nothing comes for a while."""
        return call_idle(self._reader)

    def close(self) -> list[Event]:
        """Read to the end of the source.

        Returns:
            Events that this completes.

        Raises:
            ProtocolError: in strict mode, at the first problem.
            Exception: as Parser.close().
        """
        results = [] if self._reader else self._begin(self._recognise(ended=True) or "capture")
        assert self._reader is not None
        try:
            return results + self._reader.close()
        except ProtocolError as error:
            error.results[:0] = results
            raise

    def __reduce_ex__(self, protocol: Any) -> NoReturn:
        raise TypeError(f"cannot copy or pickle {type(self).__name__}: it is in the middle of a stream")

    def _recognise(self, ended: bool) -> Kind | None:
        """Recognise the source by the lines that were not checked before; None while it cannot be known."""
        start = self._start
        if start.startswith(HEADER):
            return "capture"
        ended = ended or len(start) >= MAX_UNDECIDED_BYTES
        end = len(start) if ended else start.rfind(b"\n") + 1
        if end > self._checked:
            from faspmgr.logs.recognition import has_prefix, is_of_ascp  # most sources begin with a header

            for line in start[self._checked : end].decode("utf-8", "replace").splitlines():
                if _CAPTURE_LINE.match(line):
                    return "capture"
                if is_of_ascp(line):
                    return "log"
                self._prefixed = self._prefixed and has_prefix(line)
            self._checked = end
        if not ended:
            return None
        return "log" if self._checked and self._prefixed else "capture"

    def _begin(self, kind: Kind) -> list[Event]:
        """Make the reader, and have it read what was kept."""
        self.kind = kind
        self._reader = self._parser
        if kind == "log":
            from faspmgr.logs.conversion import LogParser  # most sources are captures

            self._reader = LogParser(self._times)
        start = bytes(self._start)
        self._start.clear()
        return self._reader.feed(start)


def recognise(path: str) -> Kind | None:
    """Recognise a file, plain or gzip, by its content.

    Returns:
        ``"capture"`` or ``"log"``; None if it cannot be read, or is not a regular file: a pipe cannot be read twice.
    """
    reader = EventReader()
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            return None
        for piece in chunks(path):
            reader.feed(piece)
            if reader.kind:
                return reader.kind
        reader.close()
    except (OSError, CaptureError):
        return None
    return reader.kind


def read(source: Source, *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[Event]:
    """Read the events of a recorded or live stream or of ascp's own log, as they come.

    Problems are skipped silently: to see them, use ``faspmgr.captures.pump`` with a Parser of your own. For the events
    of a log, see ``faspmgr.logs.events``. The arguments are checked at once; the source is opened at the first event.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        follow: wait for more at the end of the file, without end. For paths; other sources are read to their end.
        unwrap: None, or how to find messages inside of another log: ``"auto"``, ``"bullets"``, ``"brackets"``, or a
            regular expression; see ``faspmgr.captures.unwrap``.

    Returns:
        An iterator over the events, each as soon as its message, or the record of a log, is complete.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. The events before the damage are returned first.
        ValueError: unwrap is an invalid regular expression.
        TypeError: an argument of another type, or a text file instead of a binary one.

    Example:
        >>> import io
        >>> [event.type for event in read(io.BytesIO(b"FASPMGR 2\\nType: DONE\\n\\n"))]
        ['DONE']
    """
    is_path = isinstance(source, str) or (isinstance(source, os.PathLike) and isinstance(os.fspath(source), str))
    if not is_path and (isinstance(source, io.TextIOBase) or not hasattr(source, "read")):
        raise TypeError(f"invalid source: {source!r}: use a path, '-' or a file in binary mode")
    if not isinstance(follow, bool):
        raise TypeError(f"invalid follow: {follow!r}: use True or False")
    reader: Reader[Event] = EventReader()
    if unwrap not in (None, False):
        Unwrapper(reader := Parser(), unwrap)  # checks it
    return chain.from_iterable(pump(source, reader, follow=follow, unwrap=unwrap))
