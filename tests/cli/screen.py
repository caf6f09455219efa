"""A terminal for tests: shows what a program draws, and fails at everything it should not write."""

from __future__ import annotations

import re

from rich.cells import cell_len

_KNOWN = re.compile(r"\x1b\[(\d*)A|\x1b\[([KJ])|\x1b\[\?7([hl])|\x1b\[[\d;]*m|([\r\n])|([^\x00-\x1f\x7f-\x9f])")


class Screen:
    """Takes what is written to it as a text stream does. lines: what it shows, without what scrolled off.

    Columns count characters, so wide ones are checked by width only: no line may be wider than the screen.
    """

    encoding = "utf-8"

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns, self.rows = columns, rows
        self.lines = [""]
        self.writes: list[str] = []
        self._row = self._column = 0

    def isatty(self) -> bool:
        return True

    def flush(self) -> None:
        pass

    def write(self, text: str) -> int:
        self.writes.append(text)
        at = 0
        while at < len(text):
            match = _KNOWN.match(text, at)
            assert match, f"must not reach a terminal: {text[at : at + 20]!r}"
            self._take(*match.groups())
            at = match.end()
        return len(text)

    def _take(self, up: str | None, erase: str | None, _wrap: str | None, move: str | None, char: str | None) -> None:
        if up is not None:
            self._row = max(0, self._row - int(up or 1))
        elif erase:
            line = self.lines[self._row] = self.lines[self._row][: self._column]
            assert cell_len(line) <= self.columns, line
            if erase == "J":
                del self.lines[self._row + 1 :]
        elif move == "\r":
            self._column = 0
        elif move == "\n":
            self._row, self._column = self._row + 1, 0
            if self._row == len(self.lines):
                self.lines.append("")
            if self._row == self.rows:
                del self.lines[0]
                self._row -= 1
        elif char:
            line = self.lines[self._row].ljust(self._column)
            self.lines[self._row] = line[: self._column] + char + line[self._column + 1 :]
            self._column += 1

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines).rstrip()
