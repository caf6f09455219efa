"""The standard error of an ascp: passed on line by line, with secrets hidden, and its last lines kept."""

from __future__ import annotations

import asyncio
import inspect
from collections import deque
from collections.abc import Callable, Iterable
from typing import IO

from faspmgr.redaction import REDACTED

MAX_LINE_BYTES = 8_192
"""A line that is longer comes in pieces: a limit for security, as a program can write without any line break."""
MAX_TAIL_LINES = 20


class StandardError:
    """Reads the standard error of an ascp.

    Args:
        secrets: texts that must not be shown.
        on_line: called with each line and its line end; None if nobody wants to know. Where it returns an awaitable,
            reading goes on when that is done.
    """

    def __init__(self, secrets: Iterable[str], on_line: Callable[[bytes], object] | None) -> None:
        # The last lines, without their line ends; empty ones are left out.
        self.tail: deque[str] = deque(maxlen=MAX_TAIL_LINES)
        # How many times something was read. A look at which it has not changed found nothing there.
        self.reads = 0
        # Reading waits for whoever is given the lines.
        self.held_up = False

        # The longest first: a secret may be a part of another.
        self._secrets = sorted((secret.encode("utf-8", "surrogateescape") for secret in secrets), key=len, reverse=True)
        self._on_line = on_line

    async def read(self, pipe: IO[bytes]) -> None:
        """Read the pipe to its end, and close it.

        Raises:
            BaseException: what on_line raises.
        """
        reader = asyncio.StreamReader(limit=MAX_LINE_BYTES)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), pipe)
        try:
            rest = b""
            while data := await reader.read(MAX_LINE_BYTES):
                self.reads += 1
                *lines, rest = (rest + data).splitlines(keepends=True)
                if rest.endswith(b"\n") or len(rest) > MAX_LINE_BYTES:
                    lines, rest = [*lines, rest], b""
                for line in lines:
                    await self._pass_on(line)
            if rest:
                await self._pass_on(rest)
        finally:
            transport.close()

    async def _pass_on(self, line: bytes) -> None:
        line = self._redact(line)
        text = line.decode("utf-8", "surrogateescape").strip()
        if text:
            self.tail.append(text)
        taken = self._on_line(line) if self._on_line else None
        if inspect.isawaitable(taken):
            self.held_up = True
            try:
                await taken
            finally:
                self.held_up = False

    def _redact(self, data: bytes) -> bytes:
        for secret in self._secrets:
            data = data.replace(secret, REDACTED.encode())
        return data

    def redact(self, text: str) -> str:
        """The text without the secrets."""
        return self._redact(text.encode("utf-8", "surrogateescape")).decode("utf-8", "surrogateescape")
