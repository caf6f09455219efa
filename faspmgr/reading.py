"""The events of whatever was recorded, recognised by its content: a capture of the stream, or ascp's own log.

A line of code may stand here if it chooses who reads a source, or hands on what that one made of it.

How a source is recognised: the first line that only one of the two can have decides. A capture begins at once, with a
message; what comes in front of one is kept until then, up to MAX_UNDECIDED_BYTES. A file of a syslog may have lines of
other programs up to there. What is neither is read as a capture, so that its reader says what is wrong with it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from typing import Literal

from faspmgr.callbacks import check_callbacks
from faspmgr.captures.feed import pump
from faspmgr.captures.sources import Reader, Source, chunks
from faspmgr.captures.unwrap import Unwrap
from faspmgr.errors import CaptureError
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem

MAX_UNDECIDED_BYTES = 1 << 16
"""Bytes: what is kept of a source of which it is not known what it is."""

HEADER = b"FASPMGR"
"""How every message of a capture begins."""

Kind = Literal["capture", "log"]


class EventReader:
    """Reads the events of a capture or of a log, whichever it is.

    Args:
        strict: stop at the first problem of a capture, as Parser does. A log has no problems.
        on_problem: called for each problem of a capture.
        max_data_bytes: as of Parser, for a capture.

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
    ) -> None:
        check_callbacks(on_problem=on_problem)
        self.kind: Kind | None = None
        """What it is; None while that is not known."""

        self._strict = strict
        self._on_problem = on_problem
        self._max_data_bytes = max_data_bytes
        # What came before it was known.
        self._start = bytearray()
        # How much of that was looked at, and whether all lines there are those of a syslog.
        self._seen = 0
        self._prefixed = True
        # Who reads it; None before.
        self._reader: Reader[Event] | None = None

    def feed(self, data: bytes) -> list[Event]:
        """Read the next bytes.

        Args:
            data: cut anywhere; none where nothing comes for a while, so that what waits for more of a log is given.

        Returns:
            The events that are complete now.

        Raises:
            ProtocolError: in strict mode, at the first problem.
        """
        if self._reader is not None:
            return self._reader.feed(data)
        self._start += data
        kind = self._recognise(ended=False)
        return [] if kind is None else self._begin(kind)

    def close(self) -> list[Event]:
        """No more comes.

        Returns:
            The events that this completes.

        Raises:
            ProtocolError: in strict mode, at the first problem.
        """
        if self._reader is not None:
            return self._reader.close()
        results = self._begin(self._recognise(ended=True) or "capture")
        assert self._reader
        return results + self._reader.close()

    def _recognise(self, ended: bool) -> Kind | None:
        """Tell what it is by the lines that were not looked at before; None while that cannot be known."""
        start = self._start
        if start.startswith(HEADER):
            return "capture"
        ended = ended or len(start) >= MAX_UNDECIDED_BYTES
        end = len(start) if ended else start.rfind(b"\n") + 1
        if end > self._seen:
            from faspmgr.logs.recognition import has_prefix, is_of_ascp  # most sources begin with a header

            for line in start[self._seen : end].decode("utf-8", "replace").splitlines():
                if line.startswith(HEADER.decode()):
                    return "capture"
                if is_of_ascp(line):
                    return "log"
                self._prefixed = self._prefixed and has_prefix(line)
            self._seen = end
        if not ended:
            return None
        return "log" if self._seen and self._prefixed else "capture"

    def _begin(self, kind: Kind) -> list[Event]:
        self.kind = kind
        if kind == "capture":
            self._reader = Parser(strict=self._strict, on_problem=self._on_problem, max_data_bytes=self._max_data_bytes)
        else:
            from faspmgr.logs.conversion import LogParser  # most sources are none

            self._reader = LogParser()
        self.feed = self._reader.feed  # type: ignore[method-assign]  # one call less for each piece
        start = bytes(self._start)
        self._start.clear()
        return self._reader.feed(start)


def recognise(path: str) -> Kind | None:
    """Tell what a file is by its content.

    Args:
        path: of a file, plain or gzip.

    Returns:
        None for one that cannot be read, or that is no regular file: what is read of a pipe is gone.
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

    Problems are skipped without a word: to learn of them, use ``faspmgr.captures.pump`` with a Parser of your own. What
    the events of a log are, ``faspmgr.logs.events`` says.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        follow: wait for more at the end of the file, without end. For paths; other sources are read to their end.
        unwrap: None, or how to find messages inside of another log: ``"auto"``, ``"bullets"``, ``"brackets"``, or a
            regular expression; see ``faspmgr.captures.unwrap``.

    Yields:
        The events, each as soon as its message, or the record of a log, is complete.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. The events before the damage have been yielded.
        ValueError: unwrap is an invalid regular expression.
        TypeError: the source is a text file instead of a binary one, or unwrap is no text.

    Example:
        >>> import io
        >>> [event.type for event in read(io.BytesIO(b"FASPMGR 2\\nType: DONE\\n\\n"))]
        ['DONE']
    """
    reader: Reader[Event] = EventReader() if unwrap in (None, False) else Parser()
    for events in pump(source, reader, follow=follow, unwrap=unwrap):
        yield from events
