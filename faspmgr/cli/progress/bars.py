"""Progress bars on a terminal: one for each transfer, and below it one for each file in progress. Needs rich.

rich gives colours, the shape of bars and the width of characters. The terminal is written to here, and not by rich's
Live display, which ends the process when the terminal goes away and loses its place when the window gets narrower. A
drawing is one write: back to where the last one began, then all lines again, each cut at the edge of the window. The
cursor stays visible and is left on a line of its own, so that nothing must be repaired if the process is killed.
"""

from __future__ import annotations

import io
import itertools
import time
from collections.abc import Callable, Iterator

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.progress_bar import ProgressBar
from rich.segment import Segment, Segments
from rich.style import Style

from faspmgr.cli.progress.base import DRAW_SECONDS, MAX_TRANSFERS, Output, Progress
from faspmgr.cli.progress.facts import amount, eta_text, file_facts, fit, fold, line_facts, overview
from faspmgr.cli.text import percent, printable, rate, size
from faspmgr.redaction import redact_urls
from faspmgr.tracking import FileState, Transfer

MAX_FILE_BARS = 8
NARROW = 72
"""Columns below which the text behind a bar is short."""
TAIL_CELLS, SHORT_TAIL_CELLS = 28, 10
PERCENT_CELLS = 4
SHORTEST_BAR = 4

CUT_LINES, WRAP_LINES = "\x1b[?7l", "\x1b[?7h"
ERASE_LINE, ERASE_BELOW = "\x1b[K", "\x1b[J"

Line = list[Segment]

DIM = Style(dim=True)
STATE_STYLES = {"done": Style(color="green"), "failed": Style(color="red"), "lost": Style(color="red")}


class Bars(Progress):
    """Mode "bar"."""

    interval = DRAW_SECONDS

    def __init__(self, output: Output, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(output, clock)
        # Renders, and never writes; it learns the encoding from its file.
        file = io.TextIOWrapper(io.BytesIO(), encoding=output.encoding)
        self._console = Console(file=file, force_terminal=True, markup=False, emoji=False, highlight=False)
        # The widths of the lines on the terminal, in cells.
        self._widths: list[int] = []
        # The text on the terminal, and the columns for which it was drawn.
        self._shown = ("", 0)

    def _draw(self, transfers: list[Transfer]) -> None:
        columns, rows = self._output.size()
        home = self._home(columns, rows)
        lines = _Drawing(self._console, columns, rows - 1).lines(transfers, self._silence(transfers))
        text = self._render(lines, columns)
        if (text, columns) != self._shown:
            self._output.write(home + text)
        self._shown = text, columns
        self._widths = [Segment.get_line_length(line) for line in lines]

    def _render(self, lines: list[Line], columns: int) -> str:
        self._console.width = columns
        segments = [segment for line in lines for segment in (*line, Segment.line())]
        with self._console.capture() as capture:
            self._console.print(Segments(segments), end="")
        drawn = capture.get().rstrip("\n").replace("\n", ERASE_LINE + "\n")
        return CUT_LINES + drawn + ERASE_BELOW + WRAP_LINES + "\n"

    def _home(self, columns: int, rows: int) -> str:
        """Give what moves the cursor to the first line drawn. In a window that got narrower, a line takes several."""
        taken = sum(max(1, -(-width // columns)) for width in self._widths)
        up = min(taken, rows - 1)
        return f"\r\x1b[{up}A" if up > 0 else "\r"

    def _erase(self) -> None:
        if self._widths:
            self._output.write(self._home(*self._output.size()) + ERASE_BELOW)

    def _restore(self) -> None:
        self._output.write(self._shown[0])

    def _finish(self) -> None:
        self._shown, self._widths = ("", 0), []


class _Drawing:
    """The layout of one drawing."""

    def __init__(self, console: Console, columns: int, rows: int) -> None:
        self._console = console
        # Room, in cells: of the window; of a name; of the text behind a bar; of a bar.
        self._columns = max(1, columns - 1)
        self._rows = max(1, rows)
        self._label = self._columns * 35 // 100
        self._short = columns < NARROW
        self._tail = SHORT_TAIL_CELLS if self._short else TAIL_CELLS
        self._bar = self._columns - self._label - self._tail - PERCENT_CELLS - 4

    def lines(self, transfers: list[Transfer], silence: list[str]) -> list[Line]:
        lines: list[Line] = []
        if len(transfers) > 1:
            lines += self._plain(fit([*silence, *overview(transfers)], self._columns))
            silence = []
        candidates = [transfer for transfer in transfers if not transfer.ended] or transfers[-MAX_TRANSFERS:]
        jobs: list[list[Line]] = []
        room = self._rows - len(lines)
        for transfer in candidates[:MAX_TRANSFERS]:
            job = self._job(transfer, "total" if len(transfers) == 1 else transfer.id, silence)
            if jobs and len(job) >= room:  # the last line is for the number of those not shown
                break
            jobs.append(job)
            room -= len(job)
        more = len(candidates) - len(jobs)
        files = min(MAX_FILE_BARS, room - bool(more)) // len(jobs)
        for transfer, job in zip(candidates, jobs):
            lines += job + self._files(transfer, files)
        if more:
            lines += self._plain(f"+{more:,} more transfers")
        return lines[: self._rows]

    def _job(self, transfer: Transfer, name: str, silence: list[str]) -> list[Line]:
        if transfer.state == "transferring":
            eta = eta_text(transfer)
            tail = f"{rate(transfer.rate_kbps):>{SHORT_TAIL_CELLS}}" + (f"  ETA {eta}" if eta else "")
        else:
            tail = transfer.state
        style = STATE_STYLES.get(transfer.state, Style.null())
        details = [amount(transfer), *file_facts(transfer), *line_facts(transfer)]
        row = self._row(name, transfer.progress, tail, style)
        return [row, *(line for text in fold([*silence, *details], self._columns) for line in self._plain(text))]

    def _files(self, transfer: Transfer, share: int) -> list[Line]:
        """Give the bars of files in progress, in so many lines at most."""
        number = transfer.files_active
        shown = share if number <= share else share - 1
        files = itertools.islice(_in_progress(transfer), max(0, shown))
        lines = [self._row(file.name, file.progress, self._file_tail(file), indent="  ") for file in files]
        return lines + (self._plain(f"  +{number - shown:,} more files") if number > share > 0 else [])

    def _file_tail(self, file: FileState) -> str:
        done = size(file.bytes_done)
        return done if self._short or file.bytes_total is None else f"{done} of {size(file.bytes_total)}"

    def _row(self, name: str, progress: float, tail: str, style: Style = DIM, indent: str = "") -> Line:
        ends = f" {percent(progress):>{PERCENT_CELLS}}"
        if self._bar < SHORTEST_BAR:
            label = max(1, self._columns - len(ends) - len(indent))
            return [Segment(indent + shorten(name, label)), Segment(ends, style)]
        ends = f"{ends}  {set_cell_size(tail, self._tail)}".rstrip()
        bar = ProgressBar(total=1.0, completed=progress, width=self._bar)
        drawn = Segment.adjust_line_length(list(self._console.render(bar)), self._bar)
        return [Segment(indent + shorten(name, self._label - len(indent)) + " "), *drawn, Segment(ends, style)]

    def _plain(self, text: str) -> list[Line]:
        return [[Segment(text, DIM)]]


def _in_progress(transfer: Transfer) -> Iterator[FileState]:
    for session in transfer.current:
        yield from session.files_in_progress


def shorten(name: str, cells: int) -> str:
    """Give a name in exactly so many cells; of a long one the end, which says more than the start."""
    name = redact_urls(name)  # before it is cut: a part of a login is not recognised
    text = printable(name[-2 * cells :])
    if len(text) >= len(name) and cell_len(text) <= cells:
        return set_cell_size(text, cells)
    text = text[-cells:]
    while cell_len(text) > cells - 1:
        text = text[1:]
    return set_cell_size("…" + text, cells)
