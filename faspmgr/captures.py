"""Recorded and live streams as sources of bytes: open, recognise, follow, unwrap, record.

A source is a path, ``-`` for standard input, or a binary file. What arrives is handed on as it arrives: nothing waits
for a full buffer. A gzip file is recognised by its first bytes. Memory does not grow with the source.

Following a file is done by asking for more some times a second, as the file may lie on any kind of file system. When
the path has become another file (rotation), the old one is read to its end first; when the file has become shorter than
what was read (truncation), it is read from its start. A file that was truncated and has grown beyond that place again
between two looks cannot be told from one that just grew.

Unwrapping finds messages inside of other logs, line by line: ``bullets`` (``- Type: INIT``, a list as documents have
it, each message headed by its FASPMGR line; the list's end ends the message), ``brackets`` (``… line=[Type: INIT] …``),
or a regular expression of which group 1, or else the whole match, is the line. Lines that do not match are passed over.
A log that shows no empty line behind its first message has none: there the next header ends a message.
"""

from __future__ import annotations

import io
import os
import re
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from typing import IO, Any, Generic, TypeVar, Union

from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.tokenizer import MAX_FRAME_BYTES, StreamReader

CHUNK_BYTES = 1 << 16
POLL_SECONDS = 0.1
GZIP_MAGIC = b"\x1f\x8b"

Source = Union[str, "os.PathLike[str]", IO[bytes]]
Unwrap = Union[str, bool, "re.Pattern[str]", "re.Pattern[bytes]", None]
T = TypeVar("T")


class CaptureError(ValueError):
    """A source that cannot be read to its end, such as a damaged gzip file."""


def read(source: Source, *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[Event]:
    """The events of a recorded or live stream, as they come. Problems are passed over: use pump() with a Parser of your
    own to hear of them.

    source: path, ``-`` for standard input, or a binary file. follow: go on when the file's end is reached, and wait for
    more, for ever. unwrap: None, "auto", "bullets", "brackets", or a regular expression, see the module.

    Raises OSError for a source that cannot be opened or read, CaptureError for a damaged one, ValueError for an unwrap
    that is no regular expression, TypeError for a text file.
    """
    for events in pump(source, Parser(), follow=follow, unwrap=unwrap):
        yield from events


def pump(source: Source, reader: StreamReader[T], *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[list[T]]:
    """Feed a source to a Parser or Tokenizer; give what each piece that arrives makes complete.

    The lists may be empty; while a followed file has nothing new, an empty one comes about ten times a second, so that
    the caller can do something else or stop. Arguments and errors are those of read(), and the reader's ProtocolError.
    """
    feeder: _Unwrapper[T] | StreamReader[T] = reader if unwrap in (None, False) else _Unwrapper(reader, unwrap)
    try:
        for piece in chunks(source, follow=follow):
            yield feeder.feed(piece) if piece else []
    except CaptureError:
        yield feeder.close()
        raise
    yield feeder.close()


def chunks(source: Source, *, follow: bool = False) -> Iterator[bytes]:
    """The bytes of a source as they arrive, unpacked; when following, an empty piece for each look without news."""
    if isinstance(source, (str, os.PathLike)) and os.fspath(source) != "-":
        if follow:
            return _follow(os.fspath(source))
        return _unpack(_read_path(os.fspath(source)))
    stream = sys.stdin.buffer if isinstance(source, (str, os.PathLike)) else source
    return _unpack(_read_stream(stream))


def _read_path(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        yield from _read_stream(file)


def _read_stream(stream: IO[bytes]) -> Iterator[bytes]:
    take = getattr(stream, "read1", stream.read)  # read1 gives what is there, read waits for all of it
    while True:
        data = take(CHUNK_BYTES)
        if data is None:  # a descriptor that does not block, and has nothing yet
            time.sleep(POLL_SECONDS)
        elif isinstance(data, str):
            raise TypeError("a capture is bytes: open the file in binary mode")
        elif data:
            yield data
        else:
            return


def _follow(path: str) -> Iterator[bytes]:
    file = open(path, "rb", buffering=0)  # noqa: SIM115  # replaced on rotation, closed below
    try:
        first = True
        while True:
            data = file.read(CHUNK_BYTES)
            if data:
                if first and data.startswith(GZIP_MAGIC):
                    raise CaptureError("a compressed capture cannot be followed")
                first = False
                yield data
                continue
            here = os.fstat(file.fileno())
            try:
                there = os.stat(path)
            except FileNotFoundError:  # between two names of a rotation, or for good: wait
                there = here
            if not os.path.samestat(here, there):
                rest = file.read(CHUNK_BYTES)  # written between the read above and the rotation
                if rest:
                    yield rest
                    continue
                file.close()
                file = open(path, "rb", buffering=0)  # noqa: SIM115
                continue
            if stat.S_ISREG(here.st_mode) and here.st_size < file.tell():
                file.seek(0)
                continue
            yield b""
            time.sleep(POLL_SECONDS)
    finally:
        file.close()


def _unpack(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The pieces of a stream, unpacked if it starts as gzip does."""
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(GZIP_MAGIC) or not GZIP_MAGIC.startswith(start):
            break
    if start.startswith(GZIP_MAGIC):
        yield from _gunzip(start, pieces)
        return
    if start:
        yield start
    yield from pieces


def _gunzip(start: bytes, pieces: Iterator[bytes]) -> Iterator[bytes]:
    # The gzip module reads from files that block until they have enough; a live pipe must give what it has.
    unpacker = zlib.decompressobj(wbits=31)
    data = start
    while True:
        while data:
            if unpacker.eof:  # members may follow each other; zeros may pad the end
                data = data.lstrip(b"\0")
                if not data:
                    break
                unpacker = zlib.decompressobj(wbits=31)
            try:
                unpacked = unpacker.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                raise CaptureError(f"damaged gzip data: {error}") from error
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            if unpacked:
                yield unpacked
        more = next(pieces, None)
        if more is None:
            break
        data = more
    if not unpacker.eof:
        raise CaptureError("the gzip data is cut off")


# ---------------------------------------------------------------------------------------------------------------------
# Messages inside of other logs

_BULLET = re.compile(rb"\s*[-*]\s+(.*)")
_BRACKET = re.compile(rb"line=\[(.*)\]")
_HEADER = re.compile(rb"FASPMGR [0-9]{1,9}\s*")


def _pattern(unwrap: Any) -> re.Pattern[bytes]:
    if isinstance(unwrap, re.Pattern):
        if isinstance(unwrap.pattern, bytes):
            return unwrap
        return re.compile(unwrap.pattern.encode(), unwrap.flags & ~re.UNICODE)
    try:
        return re.compile(str(unwrap).encode())
    except re.error as error:
        raise ValueError(f"unwrap is not a regular expression: {error}") from error


class _Unwrapper(Generic[T]):
    """Feeds the inner lines of a log to a reader, with the offsets and line numbers of the log."""

    def __init__(self, reader: StreamReader[T], unwrap: Any) -> None:
        self._reader = reader
        self._kind = "auto" if unwrap is True else unwrap if unwrap in ("auto", "bullets", "brackets") else "pattern"
        self._regex = _pattern(unwrap) if self._kind == "pattern" else _BRACKET
        self._rest = bytearray()
        self._offset = 0
        self._number = 0
        self._open = False  # lines of a message were handed on, its end was not
        self._ends_seen = False  # the log shows the empty lines that end messages
        self._too_long = False

    def feed(self, data: bytes) -> list[T]:
        results: list[T] = []
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            line = bytes(self._rest + data[start:end])
            self._rest.clear()
            results += self._take(b"" if self._too_long else line)
            self._too_long = False
            self._offset += len(line) + 1
            start = end + 1
        self._rest += data[start:]
        if len(self._rest) > MAX_FRAME_BYTES:
            self._offset += len(self._rest)
            self._too_long = True
            self._rest.clear()
        return results

    def close(self) -> list[T]:
        results = self._take(bytes(self._rest)) if self._rest else []
        if self._kind == "bullets" or not self._ends_seen:
            results += self._end()
        return results + self._reader.close()

    def _take(self, line: bytes) -> list[T]:
        self._number += 1
        inner = self._unwrap(line.rstrip(b"\r"))
        if inner is None:
            return self._end() if self._kind == "bullets" else []
        results: list[T] = []
        if _HEADER.fullmatch(inner):
            if self._kind == "bullets" or not self._ends_seen:
                results = self._end()
            inner = inner.rstrip()
        elif self._kind == "bullets" and not self._open:
            return []  # a list that is no message
        self._ends_seen = self._ends_seen or (self._open and not inner)
        if inner or self._open:
            self._open = bool(inner)
            results += self._reader.feed_line(inner, self._offset, self._number)
        return results

    def _unwrap(self, line: bytes) -> bytes | None:
        if self._kind == "auto":
            bullet = _BULLET.fullmatch(line)
            if bullet and _HEADER.fullmatch(bullet[1]):
                self._kind = "bullets"
            elif _BRACKET.search(line):
                self._kind = "brackets"
            else:
                return None
        match = _BULLET.fullmatch(line) if self._kind == "bullets" else self._regex.search(line)
        if match is None:
            return None
        inner = match[1] if match.re.groups else match[0]
        return b"" if inner is None else bytes(inner)

    def _end(self) -> list[T]:
        if not self._open:
            return []
        self._open = False
        return self._reader.feed_line(b"", self._offset, self._number)


# ---------------------------------------------------------------------------------------------------------------------
# Recording


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
