"""Plays a stream as it was recorded: byte for byte, in its own time or faster, in pieces of any size.

A stream is cut at its empty lines, so that each piece is a message, whatever is in it. A message is due when the clock
of its session says so: ``Elapsedusec``, counted from the moment at which the session's first message was played.
Sessions one after the other, or mixed, so keep their pace. Whatever the clocks say, time never goes backwards, and no
message waits for more than an hour.

Memory: one message, bounded; bytes that are not messages are passed on in blocks.
"""

from __future__ import annotations

import math
import os
import random
import re
import time
from collections.abc import Callable, Iterable, Iterator

MAX_MESSAGE = 1 << 20
MAX_GAP = 3600.0
MAX_SESSIONS = 10_000
MAX_RANDOM_PIECE = 64

_END = re.compile(rb"\n\r?\n")
_ELAPSED = re.compile(rb"^Elapsedusec: ?([0-9]{1,19})\r?$", re.MULTILINE)
_SESSION = re.compile(rb"^SessionId: ?(.+?)\r?$", re.MULTILINE)
_USER_STR = re.compile(rb"^UserStr:.*$", re.MULTILINE)
_INIT_END = re.compile(rb"(^Type: INIT\n(?:.+\n)*?)((?:Cookie: .*\n)?(?:Operation: .*\n)?\n)", re.MULTILINE)

Timed = tuple[float, bytes]
"""Seconds since the beginning, and bytes that are due then."""


def messages(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Cut a stream behind each empty line. Joined again, the pieces are the stream."""
    buffer = b""
    for block in blocks:
        buffer += block
        start = 0
        for match in _END.finditer(buffer):
            yield buffer[start : match.end()]
            start = match.end()
        buffer = buffer[start:]
        if len(buffer) > MAX_MESSAGE:
            yield buffer
            buffer = b""
    if buffer:
        yield buffer


def adopt(message: bytes, user_str: str | None) -> bytes:
    """The same message with another UserStr: a manager may look for its own in the first message."""
    if user_str is None:
        return message
    line = b"UserStr: " + os.fsencode(user_str)
    message, found = _USER_STR.subn(lambda _: line, message)
    return message if found else _INIT_END.sub(lambda match: match[1] + line + b"\n" + match[2], message)


def timed(pieces: Iterable[bytes]) -> Iterator[Timed]:
    """Give each message with the time at which it is due."""
    now = 0.0
    origins: dict[bytes, float] = {}
    for piece in pieces:
        found = _SESSION.search(piece)
        elapsed = _ELAPSED.search(piece)
        if found:
            session, passed = found[1], int(elapsed[1]) / 1e6 if elapsed else 0.0
            if session not in origins:
                if len(origins) == MAX_SESSIONS:
                    del origins[next(iter(origins))]
                origins[session] = now - passed
            now = min(max(now, origins[session] + passed), now + MAX_GAP)
        yield now, piece


def cut(pieces: Iterable[Timed], size: int | None, rng: random.Random | None = None) -> Iterator[Timed]:
    """Cut into pieces of so many bytes, or with None of a random number of bytes, whatever the messages are.

    A piece is due when its last byte is.
    """
    rng = rng or random.Random()
    buffer = b""
    due = 0.0
    want = size or rng.randint(1, MAX_RANDOM_PIECE)
    for due, piece in pieces:
        buffer += piece
        start = 0
        while len(buffer) - start >= want:
            yield due, buffer[start : start + want]
            start += want
            want = size or rng.randint(1, MAX_RANDOM_PIECE)
        buffer = buffer[start:]
    if buffer:
        yield due, buffer


def play(
    pieces: Iterable[Timed],
    send: Callable[[bytes], object],
    speed: float = 1.0,
    wait: Callable[[float], object] = time.sleep,
) -> None:
    """Send each piece when it is due.

    Args:
        pieces: what is played.
        send: sends one.
        speed: so many times faster; infinite for at once.
        wait: lets so many seconds pass.
    """
    began = time.monotonic()
    for due, piece in pieces:
        if not math.isinf(speed):
            left = began + due / speed - time.monotonic()
            if left > 0:
                wait(left)
        send(piece)
