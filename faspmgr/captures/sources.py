"""Recorded and live streams as sources of bytes: open, recognise, follow.

A source is a path, ``-`` for standard input, or a binary file. What arrives is handed on as it arrives: nothing waits
for a full buffer. A gzip file is recognised by its first bytes. Memory does not grow with the source.

Following a file is done by asking for more some times a second, as the file may lie on any kind of file system. When
the path has become another file (rotation), the old one is read to its end first; when the file has become shorter than
what was read (truncation), it is read from its start. A file that was truncated and has grown beyond that place again
between two looks cannot be told from one that just grew.
"""

from __future__ import annotations

import os
import stat
import sys
import time
import zlib
from collections.abc import Iterator
from typing import IO, TypeVar, Union

from faspmgr.captures.unwrap import Unwrap, Unwrapper
from faspmgr.errors import CaptureError
from faspmgr.protocol.tokenizer import StreamReader

CHUNK_BYTES = 1 << 16
POLL_SECONDS = 0.1
GZIP_MAGIC = b"\x1f\x8b"

Source = Union[str, "os.PathLike[str]", IO[bytes]]
T = TypeVar("T")


def pump(source: Source, reader: StreamReader[T], *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[list[T]]:
    """Feed a source to a Parser or Tokenizer; give what each piece that arrives makes complete.

    The lists may be empty; while a followed file has nothing new, an empty one comes about ten times a second, so that
    the caller can do something else or stop. Arguments and errors are those of read(), and the reader's ProtocolError.
    """
    feeder: Unwrapper[T] | StreamReader[T] = reader if unwrap in (None, False) else Unwrapper(reader, unwrap)
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
