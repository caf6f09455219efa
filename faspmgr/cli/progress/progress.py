"""Progress for people and for programs: what ``watch``, ``run`` and ``listen --progress`` show of a running transfer.

What it must do
    update() is called after each batch of events, thousands of times a second. Unless it is time to draw, that is one
    look at the clock. Drawing happens ten times a second at most, and takes a tenth of the time at most: ten thousand
    sessions, which take long to draw, are drawn less often instead of holding up who reads the stream.
What must never happen
    That drawing ends a transfer, or stops it. Where the stream goes away (EPIPE, EIO, closed), drawing ends and nothing
    is raised. Where its reader stops reading (Ctrl-S, a pager), drawings are left out until he goes on; the last one
    waits for him. Bytes of the stream reach the terminal as printable characters only.
Nothing here runs by itself: no thread, no timer, no signal handler. The size of the terminal is asked for each drawing.
"""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
import select
import shutil
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import TextIO

from faspmgr.cli.text import count, duration, percent, printable, rate, size
from faspmgr.errors import CommandError
from faspmgr.tracking import Transfer

MODES = ("auto", "bar", "plain", "json", "none")
DRAW_SECONDS = 0.1
DRAW_SHARE = 0.1
"""The largest part of the time that drawing may take."""
LINE_SECONDS = 5.0
"""Time between two lines where the output is no terminal."""
QUIET_SECONDS = 5.0
"""A stream that has been silent for so long is said to be."""
MAX_MESSAGES = 1_000
"""Lines that are kept for a reader who does not read."""
LONGEST_ETA_SECONDS = 99 * 86400
GONE = (errno.EPIPE, errno.EIO)
"""The reader has gone, or the terminal: nobody is there to be told."""
MAX_TRANSFERS = 8
"""Transfers that are shown one by one; the rest is counted."""


def make_progress(mode: str, stream: TextIO, *, width: int | None = None) -> Progress:
    """What shows progress on a stream.

    mode: "auto" (on a terminal bars if rich is installed, else one line that is rewritten; elsewhere a line every five
    seconds), "bar" (bars, wherever it goes), "plain" (as auto, without bars), "json" (JSON Lines: Transfer.to_dict(),
    without its sessions, of each transfer that changed), or "none". width: columns; those of the terminal by default.

    Raises ValueError for another mode, CommandError for "bar" where rich is not installed.
    """
    if mode not in MODES:
        raise ValueError(f"mode must be one of {', '.join(MODES)}, not {mode!r}")
    output = Output(stream, width)
    if mode == "none":
        return Progress(output)
    if mode == "json":
        return _JsonLines(output)
    can_move_cursor = output.is_terminal and os.environ.get("TERM") != "dumb"
    if mode == "bar" or (mode == "auto" and can_move_cursor):
        bars = _bars(output)
        if bars:
            return bars
        if mode == "bar":
            raise CommandError("--progress bar needs rich: pip install 'faspmgr[watch]'")
    return _PlainLine(output) if output.is_terminal else _Lines(output)


def _bars(output: Output) -> Progress | None:
    try:
        from faspmgr.cli.progress.bars import Bars
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        return None
    return Bars(output)


class Output:
    """A text stream that may go away, or not be read, without harm to who writes to it.

    What cannot be encoded is written as an escape. gone: nothing can be written any more, and write() does nothing.
    """

    def __init__(self, stream: TextIO | None, width: int | None = None) -> None:
        self.gone = stream is None
        self._stream = stream
        self._width = width
        self.encoding = getattr(stream, "encoding", None) or "utf-8"
        self._descriptor = None
        self.is_terminal = False
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or no file
            self.is_terminal = stream is not None and stream.isatty()
            self._descriptor = stream.fileno() if stream is not None else None
        self._poll = None
        if self._descriptor is not None and hasattr(select, "poll"):
            self._poll = select.poll()
            self._poll.register(self._descriptor, select.POLLOUT)

    def ready(self) -> bool:
        """Could something be written without waiting for the reader?"""
        return self.gone or self._poll is None or bool(self._poll.poll(0))

    def write(self, text: str) -> None:
        """Write and flush."""
        if self.gone or self._stream is None:
            return
        try:
            self._stream.write(text.encode(self.encoding, "backslashreplace").decode(self.encoding))
            self._stream.flush()
        except (OSError, ValueError) as error:
            self.gone = True
            self._silence()
            if isinstance(error, OSError) and error.errno not in GONE and self._stream is not sys.stderr:
                Output(sys.stderr).write(f"faspmgr: no more output: {error.strerror or error}\n")

    def _silence(self) -> None:
        """What the stream still holds must not fail once more, when the process ends and flushes it."""
        if self._descriptor is not None:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self._descriptor)
                os.close(null)

    def size(self) -> tuple[int, int]:
        """Columns and rows, at this moment."""
        columns, rows = 0, 0
        if self.is_terminal and self._descriptor is not None:
            with contextlib.suppress(OSError):
                columns, rows = os.get_terminal_size(self._descriptor)
        fallback = shutil.get_terminal_size()
        return self._width or columns or fallback.columns or 80, rows or fallback.lines or 24  # 3.10 may give zeros


class Progress:
    """Shows how transfers get on; of itself nothing, which is the mode "none".

    A context manager: leaving it is close(). None of its methods raises because of the stream it writes to.
    """

    _seconds = float("inf")  # between two drawings

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        self._output = output
        self._clock = clock
        self._next = float("-inf")
        self._transfers: Iterable[Transfer] = ()
        self._closed = False
        self._messages: deque[str] = deque(maxlen=MAX_MESSAGES)
        self._heard = -1
        self._heard_at = clock()

    def update(self, transfers: Iterable[Transfer]) -> None:
        """Take the transfers as they are now, and draw them if it is time. Call it with all transfers each time, after
        each batch of events and also now and then while nothing comes."""
        self._transfers = transfers
        started = self._clock()
        if started < self._next or self._closed or not self._output.ready():
            return
        self._tell(wait=False)
        self._draw_all()
        ended = self._clock()
        self._next = max(started + self._seconds, ended + (ended - started) * (1 / DRAW_SHARE - 1))

    def message(self, text: str) -> None:
        """Print a line to standard error without tearing what is drawn. Control characters are shown as escapes.

        While the reader does not read, it waits: the latest 1,000 lines are kept until he goes on, or for close()."""
        self._messages += [printable(line.expandtabs()) + "\n" for line in text.rstrip("\n").split("\n")]
        self._tell(wait=self._closed)

    def close(self) -> None:
        """Draw what came last, and leave the terminal with the cursor at the start of a line."""
        if self._closed:
            return
        self._tell(wait=True)
        self._draw_all()
        self._finish()
        self._closed = True

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _tell(self, wait: bool) -> None:
        if not self._messages:
            return
        errors = Output(sys.stderr)
        if wait or (self._output.ready() and errors.ready()):
            self._erase()
            while self._messages and (wait or errors.ready()):
                errors.write(self._messages.popleft())
            self._restore()

    def _draw_all(self) -> None:
        self._transfers = transfers = list(self._transfers)
        if transfers and not self._output.gone:
            self._draw(transfers)

    def _quiet(self, transfers: list[Transfer]) -> list[str]:
        """Says that the stream has been silent, if it has."""
        events = sum(session.event_count for transfer in transfers for session in transfer.sessions)
        now = self._clock()
        if events != self._heard:
            self._heard, self._heard_at = events, now
        seconds = now - self._heard_at
        if seconds < QUIET_SECONDS or all(transfer.ended for transfer in transfers):
            return []
        return [f"silent for {duration(seconds)}"]

    # -- what the modes do in their own way

    def _draw(self, transfers: list[Transfer]) -> None:
        """Show these transfers, of which there is at least one."""

    def _erase(self) -> None:
        """Take what is drawn off the terminal."""

    def _restore(self) -> None:
        """Draw again what was taken off."""

    def _finish(self) -> None:
        """Leave what is drawn for good, with the cursor at the start of a line."""


class _PlainLine(Progress):
    """One line of a terminal, written anew in its place. Without escape sequences, for terminals that know none."""

    _seconds = DRAW_SECONDS
    _line = ""

    def _draw(self, transfers: list[Transfer]) -> None:
        parts = facts(transfers[0]) if len(transfers) == 1 else overview(transfers)
        columns, _ = self._output.size()
        line = fit([*self._quiet(transfers), *parts], columns - 1)
        self._output.write("\r" + line.ljust(min(len(self._line), columns - 1)))
        self._line = line

    def _erase(self) -> None:
        if self._line:
            self._output.write("\r" + " " * len(self._line) + "\r")

    def _restore(self) -> None:
        self._output.write(self._line)

    def _finish(self) -> None:
        if self._line:
            self._output.write("\n")
        self._line = ""


class _Log(Progress):
    """What is the same for all that writes lines which stay."""

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(output, clock)
        self._told: dict[str, list[tuple[int, str]]] = {}

    def _changed(self, transfers: list[Transfer]) -> list[Transfer]:
        """Those about which something is new since the last time."""
        versions = {
            transfer.id: [(session.event_count, str(session.state)) for session in transfer.sessions]
            for transfer in transfers
        }
        told, self._told = self._told, versions
        return [transfer for transfer in transfers if versions[transfer.id] != told.get(transfer.id)]


class _Lines(_Log):
    """A line every few seconds, for logs."""

    _seconds = LINE_SECONDS

    def _draw(self, transfers: list[Transfer]) -> None:
        changed = self._changed(transfers)
        for transfer in changed[:MAX_TRANSFERS]:
            name = "" if len(transfers) == 1 else f"{printable(transfer.id)}: "
            self._output.write(name + ", ".join(facts(transfer)) + "\n")
        if len(changed) > MAX_TRANSFERS:
            self._output.write(", ".join(overview(transfers)) + "\n")


class _JsonLines(_Log):
    """JSON Lines, for programs: each transfer when it begins, while it changes, and when all is over."""

    _seconds = DRAW_SECONDS

    def _draw(self, transfers: list[Transfer]) -> None:
        for transfer in self._changed(transfers):
            shown = transfer.to_dict()
            del shown["sessions"]
            self._output.write(json.dumps(shown, allow_nan=False) + "\n")  # ASCII: valid in any encoding


# ---------------------------------------------------------------------------------------------------------------------
# What is said of a transfer


def facts(transfer: Transfer) -> list[str]:
    """What there is to say about a transfer, the most important first."""
    moving = transfer.state == "transferring"
    eta = eta_text(transfer)
    return [
        *([] if moving else [transfer.state]),
        percent(transfer.progress),
        amount(transfer),
        *([rate(transfer.rate_kbps)] if moving else []),
        *([f"ETA {eta}"] if moving and eta else []),
        *files_facts(transfer),
        *line_facts(transfer),
    ]


def amount(transfer: Transfer) -> str:
    """``34.9 MB of 56.3 MB``; ``so far`` where the job size was not calculated beforehand."""
    if transfer.state == "done":
        return size(transfer.bytes_done)
    far = "" if transfer.expected_bytes is not None or transfer.ended else " so far"
    return f"{size(transfer.bytes_done)} of {size(transfer.estimated_bytes)}{far}"


def files_facts(transfer: Transfer) -> list[str]:
    """``3 of 6 files``, ``1 skipped``, ``1 failed``: those that are through, of those expected where that is known."""
    through = transfer.files_done + transfer.files_skipped + transfer.files_failed
    expected = transfer.expected_files
    of = count(through, "file") if expected is None else f"{through:,} of {count(expected, 'file')}"
    return [
        of,
        *([f"{transfer.files_skipped:,} skipped"] if transfer.files_skipped else []),
        *([f"{transfer.files_failed:,} failed"] if transfer.files_failed else []),
    ]


def line_facts(transfer: Transfer) -> list[str]:
    """How the line does: average rate, round-trip time, loss, sessions and attempts."""
    sessions, attempts = len(transfer.current), transfer.attempts
    return [
        *([f"average {rate(transfer.average_rate_kbps)}"] if transfer.average_rate_kbps else []),
        *([] if transfer.rtt_ms is None else [f"RTT {transfer.rtt_ms:,} ms"]),
        *([f"loss {_loss(transfer)}"] if transfer.bytes_transferred else []),
        *([f"{sessions:,} sessions"] if sessions > 1 else []),
        *([f"attempt {attempts:,}"] if attempts > 1 else []),
    ]


def overview(transfers: list[Transfer]) -> list[str]:
    """What there is to say about several transfers taken together."""
    states = [transfer.state for transfer in transfers]
    under_way = [transfer for transfer in transfers if not transfer.ended]
    parts = [count(len(transfers), "transfer")]
    if under_way:
        parts.append(f"{len(under_way):,} under way")
    parts += [f"{states.count(state):,} {state}" for state in ("done", "failed", "lost") if state in states]
    if under_way:
        parts.append(rate(sum(transfer.rate_kbps for transfer in under_way)))
    done, known = (sum(getattr(transfer, name) for transfer in transfers) for name in ("bytes_done", "estimated_bytes"))
    return [*parts, f"{size(done)} of {size(known)}"]


def eta_text(transfer: Transfer) -> str | None:
    """Whole seconds; None where there is nothing to wait for, it cannot be told, or is beyond all reason."""
    seconds = transfer.eta_seconds
    if not seconds or transfer.ended or seconds > LONGEST_ETA_SECONDS:
        return None
    return f"{math.ceil(seconds)} s" if seconds < 10 else duration(seconds)


def _loss(transfer: Transfer) -> str:
    share = transfer.bytes_lost / transfer.bytes_transferred
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}" if share else "0%"


def fit(parts: list[str], columns: int) -> str:
    """As many of the parts, from the first on, as one line has room for."""
    return next(iter(fold(parts, columns)), "")


def fold(parts: list[str], columns: int) -> list[str]:
    """The parts on as many lines as they need; none is cut but one that is longer than a line."""
    lines: list[str] = []
    for part in parts:
        part = part[: max(0, columns)]
        if lines and len(lines[-1]) + 2 + len(part) <= columns:
            lines[-1] += ", " + part
        else:
            lines.append(part)
    return lines
