"""Progress as text: one line that is rewritten on a terminal, or a line every few seconds elsewhere."""

from __future__ import annotations

from faspmgr.cli.progress.base import DRAW_SECONDS, MAX_TRANSFERS, Log, Progress
from faspmgr.cli.progress.facts import facts, fit, overview
from faspmgr.cli.text import printable
from faspmgr.tracking import Transfer

LINE_SECONDS = 5.0
"""Time between two lines where the output is no terminal."""


class PlainLine(Progress):
    """One line of a terminal, rewritten in its place, without escape sequences: for terminals that know none."""

    interval = DRAW_SECONDS
    _line = ""  # what stands there now

    def _draw(self, transfers: list[Transfer]) -> None:
        parts = facts(transfers[0]) if len(transfers) == 1 else overview(transfers)
        columns, _ = self._output.size()
        line = fit([*self._silence(transfers), *parts], columns - 1)
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


class Lines(Log):
    """A line every few seconds for each transfer that has changed, for logs."""

    interval = LINE_SECONDS

    def _draw(self, transfers: list[Transfer]) -> None:
        changed = self._changed(transfers)
        for transfer in changed[:MAX_TRANSFERS]:
            name = "" if len(transfers) == 1 else f"{printable(transfer.id)}: "
            self._output.write(name + ", ".join(facts(transfer)) + "\n")
        if len(changed) > MAX_TRANSFERS:
            self._output.write(", ".join(overview(transfers)) + "\n")
