"""Bytes in, records out: the incremental reader of ascp's log.

Records are the same wherever the bytes were cut. Each line is in a record: with a prefix it begins one, without it
continues the one before, and without one before it is a record of its own. Nothing raises.

A record is complete with the end of its line if its kind is known, since nothing continues it; any other waits for the
next line. ``idle()`` and ``close()`` wait for nothing. The lines of a block of file transfer statistics are one record
of their process, complete with the last of them; lines of other processes may be between them.

Memory is bounded by MAX_LINE_BYTES, MAX_RECORD_CHARS, and MAX_BLOCKS of MAX_BLOCK_LINES. A longer line is cut off, and
reported; a longer record continues as another one.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from datetime import datetime, tzinfo
from itertools import chain
from typing import TYPE_CHECKING

from faspmgr.arguments import check_callbacks
from faspmgr.captures import Source, chunks, pump
from faspmgr.errors import CaptureError
from faspmgr.logs.lines import LINES, is_ascp, numbers, split_line
from faspmgr.logs.messages import BLOCK_ENDS, HEAD_CHARS, HEADS, kind_of
from faspmgr.logs.records import LogRecord
from faspmgr.logs.times import Clock, first_year, written_at

if TYPE_CHECKING:
    from typing_extensions import Buffer

MAX_LINE_BYTES = 1 << 20
"""Bytes: the longest line that is kept in full."""
MAX_RECORD_CHARS = 1 << 20
"""Characters: the longest record that lines are added to."""
MAX_BLOCKS = 1_000
"""Blocks that may be open at the same time, each of another process; the next one completes the oldest."""
MAX_BLOCK_LINES = 100
"""Lines of a block; those seen have 18."""

WINDOW_BYTES = 1 << 18
"""Bytes that are decoded at once, at most MAX_LINE_BYTES."""

# The lines of a block, but for the first.
_IN_BLOCK = re.compile(r"(?:- )?[A-Z][A-Za-z ]{0,80} *: *[0-9]|-------|=======")

_Owner = tuple[str, int | None]
"""Host and process."""


class LogReader:
    """Reads ascp's log.

    Args:
        timezone: of times without one; None for that of this machine.
        latest: no line is later: it gives the year of times without one. None for now.
        year: of the first time, if times have no year; None for the latest possible. See ``times.first_year``.
        path: name of the log, for its records.
        on_cut: called with the number of each line that is longer than MAX_LINE_BYTES and was cut off.

    Example:
        >>> reader = LogReader()
        >>> reader.feed(b"2021-05-12 09:21:25.553 [ffe8-00010c8c] LOG datagram size 1448B, block si")
        []
        >>> [record] = reader.feed(b"ze 1408B, path MTU 1492B\\n")
        >>> record.process, record.level, record.fields
        (65512, 'LOG', {'datagram_size': 1448, 'block_size': 1408, 'path_mtu': 1492})
    """

    def __init__(
        self,
        *,
        timezone: tzinfo | None = None,
        latest: datetime | None = None,
        year: int | None = None,
        path: str = "",
        on_cut: Callable[[int], object] | None = None,
    ) -> None:
        check_callbacks(on_cut=on_cut)
        self.line_count = 0
        """Count of the lines of the file that were read to their end."""

        # Reads the time of the next line; the latest time so far, as in the log.
        self._clock = Clock(timezone, latest, year)
        self._stamp = ""
        self._path = path
        self._on_cut = on_cut

        # The start of an incomplete line, in pieces, and the count of their bytes.
        self._pieces: list[bytes] = []
        self._length = 0
        # A record that the next line may continue, or None; the lines that do, and the count of their characters.
        self._open: LogRecord | None = None
        self._more: list[str] = []
        self._more_chars = 0
        # The open blocks by their process: the first line as a record, and all lines.
        self._blocks: dict[_Owner, tuple[LogRecord, list[str]]] = {}

    def feed(self, data: Buffer) -> list[LogRecord]:
        """Read the next bytes.

        Args:
            data: any bytes-like object, cut anywhere.

        Returns:
            Records that are complete now.
        """
        if not isinstance(data, bytes):
            data = bytes(memoryview(data))
        results: list[LogRecord] = []
        for at in range(0, len(data), WINDOW_BYTES):
            piece = data if len(data) <= WINDOW_BYTES else data[at : at + WINDOW_BYTES]
            end = piece.rfind(b"\n") + 1
            if end and self._pieces:
                first = piece.find(b"\n") + 1
                self._keep(piece[: first - 1])
                self._read(self._join_pieces(), results)
                piece, end = piece[first:], end - first
            if end:
                self._read(piece[:end], results)
            self._keep(piece[end:])
        return results

    def idle(self) -> list[LogRecord]:
        """Complete the record that waits for lines that continue it, as nothing comes for a while.

        Returns:
            That record, if there is one.
        """
        results: list[LogRecord] = []
        self._complete(results)
        return results

    def begin_file(self) -> None:
        """Count lines from 1 again: another file has taken the place of the followed one."""
        self.line_count = 0

    def close(self) -> list[LogRecord]:
        """Read to the end of the log.

        Returns:
            The incomplete records, of a last line without an end and of blocks without one.
        """
        results: list[LogRecord] = []
        if self._pieces:
            self._read(self._join_pieces(), results)
        self._complete(results)
        while self._blocks:
            results.append(self._end_block(next(iter(self._blocks))))
        return results

    # -- lines

    def _keep(self, data: bytes) -> None:
        """Keep the start of a line, up to MAX_LINE_BYTES."""
        if not data:
            return
        room = MAX_LINE_BYTES - self._length
        if room >= len(data):
            self._pieces.append(data)
            self._length += len(data)
        elif room >= 0:
            self._pieces.append(data[:room])
            self._length = MAX_LINE_BYTES + 1  # the rest is dropped, and that is reported once
            if self._on_cut:
                self._on_cut(self.line_count + 1)

    def _join_pieces(self) -> bytes:
        line = b"".join([*self._pieces, b"\n"])
        self._pieces.clear()
        self._length = 0
        return line

    def _read(self, data: bytes, results: list[LogRecord]) -> None:
        """Read complete lines, each with its LF."""
        path, clock, number, latest = self._path, self._clock, self.line_count, self._stamp
        text = data.decode("utf-8", "surrogateescape")
        if number == 0:
            text = text.removeprefix("\ufeff")
        if "\r" in text:
            text = text.replace("\r\n", "\n")
        for stamp, owner, level, message in LINES.findall(text):
            number += 1
            if stamp:
                if stamp < latest:
                    clock, latest = clock.after(latest, stamp)
                else:
                    latest = stamp
                pid, tid = numbers(owner)
                kind = HEADS.get(message[:HEAD_CHARS]) or kind_of(message)
                record = LogRecord(message, stamp, pid, tid, level, "ascp", "", number, path, kind, clock)
            else:
                parts = split_line(message)
                if parts is None or not parts.program:
                    rest, stamp = (parts.message, parts.stamp) if parts else (message, "")
                    self._continue(rest, stamp, number, results)
                    continue
                stamp, host, program, process, thread, level, message = parts
                if stamp and (stamp < latest or stamp[:6] != latest[:6]):
                    clock, latest = clock.after(latest, stamp)
                elif stamp:
                    latest = stamp
                kind = kind_of(message) if is_ascp(program) else "other"
                record = LogRecord(message, stamp, process, thread, level, program, host, number, path, kind, clock)
            if self._open is not None:
                self._complete(results)
            if kind == "other" or kind == "file_statistics":
                self._read_other(record, results)
            else:
                results.append(record)
        self._reopen(number, results)
        self._clock, self.line_count, self._stamp = clock, number, latest

    def _reopen(self, number: int, results: list[LogRecord]) -> None:
        """Wait for the next line if this one is of a known kind, is the last of a record, and has an open quote."""
        record = results[-1] if results else None
        if record is None or record.line != number or record.kind in ("other", "file_statistics"):
            return
        if record.message.count('"') % 2 == 1:  # a path may have a line break
            self._open = results.pop()

    def _continue(self, line: str, stamp: str, number: int, results: list[LogRecord]) -> None:
        """Read a line without a prefix, except that of a container: it continues a record, or is one of its own."""
        self._reopen(number - 1, results)
        if self._open is None or self._more_chars + len(line) > MAX_RECORD_CHARS:
            self._complete(results)
            results.append(LogRecord(line, stamp, None, None, "", "", "", number, self._path, "other", self._clock))
        else:
            self._more.append(line)
            self._more_chars += len(line) + 1

    def _complete(self, results: list[LogRecord]) -> None:
        """End the record that waits."""
        record = self._open
        if record is None:
            return
        if self._more:
            record.message = "\n".join([record.message, *self._more])
            self._more.clear()
            self._more_chars = 0
        self._open = None
        results.append(record)

    # -- blocks

    def _read_other(self, record: LogRecord, results: list[LogRecord]) -> None:
        """Read a line that is part of a block, or one that the next line may continue."""
        owner = (record.host, record.process)
        message = record.message
        if record.kind == "file_statistics":
            if owner in self._blocks or len(self._blocks) >= MAX_BLOCKS:
                results.append(self._end_block(owner if owner in self._blocks else next(iter(self._blocks))))
            self._blocks[owner] = (record, [message])
            return
        block = self._blocks.get(owner) if self._blocks else None
        if block is None or not is_ascp(record.program) or not _IN_BLOCK.match(message):
            self._open = record
            return
        block[1].append(message)
        if message.startswith(BLOCK_ENDS) or len(block[1]) >= MAX_BLOCK_LINES:
            results.append(self._end_block(owner))

    def _end_block(self, owner: _Owner) -> LogRecord:
        record, lines = self._blocks.pop(owner)
        record.message = "\n".join(lines)
        return record


def year_of(path: str, latest: datetime | None = None) -> int | None:
    """Return the year of the first time in a file whose times have no year, as ``times.first_year`` does.

    Args:
        path: name of a file, plain or gzip; of anything else, such as a pipe, nothing is read.
        latest: no line is later; None for now.

    Returns:
        The year; None if the file cannot be read, or its times have a year.
    """
    try:
        return first_year(chunks(path), latest) if path != "-" and os.path.isfile(path) else None
    except (OSError, ValueError, CaptureError):  # reported by the reader of the log
        return None


def read(
    source: Source, *, follow: bool = False, timezone: tzinfo | None = None, latest: datetime | None = None
) -> Iterator[LogRecord]:
    """Read the records of a log as they arrive.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        follow: wait for more at the end of the file, without end, also where it is rotated.
        timezone: of times without one; None for that of this machine.
        latest: no line is later: it gives the year of times without one. None for the time of the file, or now.

    Yields:
        The records, each as soon as it is complete.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. The records before the damage have been yielded.

    Example:
        >>> import io
        >>> log = io.BytesIO(b"LOG FASP Session Start uuid=7d5a op=send status=started source=film.mov dest=/in\\n")
        >>> [(record.kind, record.fields["source"]) for record in read(log)]
        [('session_start', ('film.mov',))]
    """
    path = os.fspath(source) if isinstance(source, (str, os.PathLike)) else ""
    if latest is None and path not in ("", "-") and not follow:
        latest = written_at(path)
    reader = LogReader(timezone=timezone, latest=latest, year=year_of(path, latest), path=path)
    yield from chain.from_iterable(pump(source, reader, follow=follow))
