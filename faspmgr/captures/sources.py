"""Sources of bytes: open, unpack, follow.

- Bytes are yielded as they arrive. Nothing waits for a full buffer, compressed or not.
- Gzip is recognised by its first bytes, whatever the name; several members in a row are one stream. Other data after
  the last one is ignored.
- Memory does not grow with the source: pieces have at most CHUNK_BYTES, those of a gzip bomb too.
- Everything before a damage is yielded, to the last byte, before the damage is reported.

A file is followed by polling, since it may lie on any kind of file system. When the path names another file (rotation),
the old one is read to its end first. While the path names nothing that can be opened, the old file is polled further.
When the file is shorter than what was read (truncation), it is read from its start. A file that was truncated and has
grown beyond that place again between two polls cannot be told from one that only grew.
"""

from __future__ import annotations

import contextlib
import os
import select
import stat
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import IO, Any, Protocol, TypeAlias, TypeVar

from faspmgr.errors import CaptureError

CHUNK_BYTES = 1 << 16
"""Bytes of the longest piece. Its own cost is 3 % of that of its messages: about 2 us of 70. Pieces of 32 KB to 128 KB
are read in the same time, within 4 %. Pieces of 1 MB take 10 to 20 % longer: all events of a piece exist at once, leave
the caches, and are walked by the garbage collector."""

POLL_SECONDS = 0.1
"""Seconds between two polls of a source that has nothing new."""

QUIET_POLLS = 10
"""A source is idle after this count of polls in a row without anything new: a second. In ascp's log the block of
statistics comes up to 0.15 seconds after the stop of its session, and belongs to it."""

GZIP_MAGIC = b"\x1f\x8b"
"""First bytes of every gzip member (RFC 1952)."""

T = TypeVar("T")


class Reader(Protocol[T]):
    """Reader of the bytes of a source, such as a Parser, a Tokenizer, or a LogReader.

    A reader may also have ``idle()``, which returns what need not wait for more, since the source has nothing new for a
    while, and ``begin_file()``, which is called when another file has taken the place of the followed one.
    """

    def feed(self, data: bytes, /) -> list[T]:
        """Read the next bytes, cut anywhere; return what they complete."""

    def close(self) -> list[T]:
        """Read to the end of the source; return what that completes."""


def call_idle(reader: Reader[T] | None) -> list[T]:
    """Return the results of ``idle()`` of a reader that has it."""
    results: list[T] = getattr(reader, "idle", list)()
    return results


Source: TypeAlias = str | os.PathLike[str] | IO[bytes]
"""A path, ``-`` for standard input, or a binary file."""


def chunks(
    source: Source,
    *,
    follow: bool = False,
    log: Callable[[str], object] | None = None,
    on_new_file: Callable[[], object] | None = None,
) -> Iterator[bytes]:
    """Read the bytes of a source as they arrive, unpacked if they are gzip.

    Args:
        source: a path, ``-`` for standard input, or a binary file. A path is opened at the first piece, and closed
            after the last one or with the iterator; a binary file is left open.
        follow: wait for more at the end of the file of a path, without end. Standard input is polled, and read to its
            end.
        log: called with a line about what does no harm: trailing data after the gzip stream, which is ignored.
        on_new_file: called before the bytes of a file that has taken the place of the followed one, or when it was
            truncated and begins again.

    Yields:
        Pieces of 1 to CHUNK_BYTES bytes; while a followed source has nothing new, an empty one for each poll.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the gzip data is damaged or cut off, or a followed file is gzip.
        TypeError: the source is a text file instead of a binary one.

    Example:
        >>> import gzip, io
        >>> list(chunks(io.BytesIO(gzip.compress(b"hello"))))
        [b'hello']
    """
    if not isinstance(source, (str, os.PathLike)):
        return _unpack(_read(source), log)
    path = os.fspath(source)
    if path == "-":
        return _unpack(_read(sys.stdin.buffer, follow), log)
    return _follow(path, on_new_file) if follow else _unpack(_read_path(path), log)


def with_idle(pieces: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield each piece, and whether the source is idle now: once after QUIET_POLLS empty pieces in a row.

    Example:
        >>> [idle for _piece, idle in with_idle([b"x", *[b""] * 10, b"", b"y"])].index(True)
        10
    """
    polls = 0
    for piece in pieces:
        polls = 0 if piece else polls + 1
        yield piece, polls == QUIET_POLLS


def _read_path(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        yield from _read(file)


def _read(file: IO[bytes], polled: bool = False) -> Iterator[bytes]:
    # read1 returns what is there; read of a buffered file waits for all of it.
    read = getattr(file, "read1", file.read)
    while True:
        while polled and _is_quiet(file):
            yield b""
        data = read(CHUNK_BYTES)
        if data is None:  # a non-blocking descriptor that has nothing yet
            time.sleep(POLL_SECONDS)
        elif isinstance(data, str):
            raise TypeError("the source gives str, not bytes: open the file in binary mode")
        elif data:
            yield data
        else:
            return


def _is_quiet(file: IO[bytes]) -> bool:
    """Wait up to POLL_SECONDS; return whether nothing came to read, False if the file cannot be polled."""
    try:
        return not select.select([file.fileno()], [], [], POLL_SECONDS)[0]
    except (OSError, ValueError):  # not a descriptor, or not that of a socket on Windows
        return False


def _follow(path: str, on_new_file: Callable[[], object] | None) -> Iterator[bytes]:
    file = open(path, "rb", buffering=0)  # noqa: SIM115  # replaced on rotation, closed below
    try:
        start = b""  # the first bytes of the file, until they show whether it is gzip
        started = False
        while True:
            data = file.read(CHUNK_BYTES)
            if data:
                if not started:
                    start += data
                    if start.startswith(GZIP_MAGIC):
                        raise CaptureError("a compressed file cannot be followed")
                    if GZIP_MAGIC.startswith(start):  # more has to come
                        continue
                    data, start, started = start, b"", True
                yield data
                continue

            # At the end of the file, for now: check whether the path still names it.
            ours = os.fstat(file.fileno())
            try:
                named = os.stat(path)
            except OSError:  # nothing has the name: between the two steps of a rotation, or for good
                named = ours

            if not os.path.samestat(ours, named):
                # Something may have been written between the read above and the rotation.
                rest = file.read(CHUNK_BYTES)
                if rest:
                    yield rest
                    continue
                try:
                    successor = open(path, "rb", buffering=0, opener=_open_at_once)  # noqa: SIM115
                except OSError:  # a directory, or removed since the stat: keep the old file
                    pass
                else:
                    file.close()
                    if start:
                        yield start
                    file, start, started = successor, b"", False
                    if on_new_file is not None:
                        on_new_file()
                    continue

            # Shorter than what was read: truncated. A pipe has no size.
            if stat.S_ISREG(ours.st_mode) and ours.st_size < file.tell():
                file.seek(0)
                start, started = b"", False
                if on_new_file is not None:
                    on_new_file()
                continue

            yield b""
            time.sleep(POLL_SECONDS)
    finally:
        file.close()


def _open_at_once(path: str, flags: int) -> int:
    """Open a file, without waiting for a writer if it is a named pipe: it may be a file again in a moment."""
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _unpack(pieces: Iterator[bytes], log: Callable[[str], object] | None) -> Iterator[bytes]:
    """Yield the pieces of a stream, unpacked if it starts like gzip."""
    start = b""
    for piece in pieces:
        if not piece:
            yield piece
            continue
        start += piece
        if len(start) >= len(GZIP_MAGIC) or not GZIP_MAGIC.startswith(start):
            break
    if start.startswith(GZIP_MAGIC):
        yield from _gunzip(start, filter(None, pieces), log)
        return
    if start:
        yield start
    yield from pieces


def unpacking() -> Any:
    """Return the library that unpacks gzip: zlib-ng if it is installed, which takes about 0.6 of the time of zlib."""
    # isal takes 0.4 of it, but has no copy() of an unpacker, which yields what is intact before a damage.
    try:
        from zlib_ng import zlib_ng

        return zlib_ng
    except ImportError:
        import zlib

        return zlib


def _gunzip(data: bytes, pieces: Iterator[bytes], log: Callable[[str], object] | None) -> Iterator[bytes]:
    # The gzip module waits until it has enough bytes; those of a live pipe are needed as they arrive.
    zlib = unpacking()
    while data:  # a member begins
        unpacker = zlib.decompressobj(wbits=31)
        full = False  # whether the latest piece has CHUNK_BYTES: there may be more without more data
        while not unpacker.eof:
            if not data and not full:
                data = next(pieces, b"")
                if not data:
                    raise CaptureError("the gzip data is cut off")
            before = unpacker.copy()  # 2 % of what unpacking costs
            try:
                unpacked = unpacker.decompress(data, CHUNK_BYTES)
            except zlib.error as error:
                intact = _before_damage(before, data, zlib.error)
                if intact:
                    yield intact
                raise CaptureError(f"damaged gzip data: {error}") from error
            data = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
            full = len(unpacked) == CHUNK_BYTES
            if unpacked:
                yield unpacked

        # Zeros may pad the end of a member, and another one may follow: two bytes decide.
        data = data.lstrip(b"\0")
        while len(data) < len(GZIP_MAGIC) and GZIP_MAGIC.startswith(data) and (piece := next(pieces, b"")):
            data = (data + piece).lstrip(b"\0")
        if not GZIP_MAGIC.startswith(data[: len(GZIP_MAGIC)]):
            if log:
                log("trailing data after the gzip stream is ignored")
            return


def _before_damage(unpacker: Any, data: bytes, damage: type[Exception]) -> bytes:
    """Unpack what is intact before a damage: byte by byte, since a call that fails returns nothing."""
    intact = bytearray()
    with contextlib.suppress(damage):
        for at in range(len(data)):
            byte = data[at : at + 1]
            while unpacked := unpacker.decompress(byte, 1):
                intact += unpacked
                byte = unpacker.unconsumed_tail
    return bytes(intact)
