"""The examples in the README and in the pages of docs/: find them, run them, and bring them up to date.

``python -m tests.documentation`` runs every console block and writes what the commands print now into those that no
longer match; look at the difference before you commit it.

A ``console`` block is one session of a shell: commands behind ``$``, each with what it prints, standard output and
standard error together. A line of ``…`` stands for any number of lines, ``…`` inside of a line for any text. The
commands run in an empty folder that has ``fixtures``, with ``faspmgr`` and ``faspmgr-ascp`` on PATH. A ``pycon`` block
is a doctest; the blocks of a page share their names, and run in the root of the project.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

from tests.launcher import FASPMGR, ROOT, SIMULATOR
from tests.launcher import run as launch

PAGES = [ROOT / "README.md", *(page for page in sorted(ROOT.glob("docs/**/*.md")) if "_build" not in page.parts)]

_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PYTHON = re.compile(r"^```pycon\n(.*?)^```", re.MULTILINE | re.DOTALL)
_SEPARATOR = "\x1e"


class Step(NamedTuple):
    """A command of a console block, and what it is expected to print."""

    command: str
    expected: str


class Block(NamedTuple):
    """A console block: its page, its text as it stands there, and its steps."""

    page: Path
    text: str
    steps: list[Step]

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}: {self.steps[0].command[:60]}"


def blocks(page: Path) -> list[Block]:
    """The console blocks of a page."""
    return [Block(page, text, steps(text)) for text in _BLOCK.findall(page.read_text(encoding="utf-8"))]


def steps(text: str) -> list[Step]:
    """The commands of a block; a line that ends in a backslash goes on in the next."""
    found = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, expected = re.fullmatch(r"((?:.*\\\n)*.*)\n?((?:.*\n?)*)", part).groups()  # type: ignore[union-attr]
        found.append(Step(command, expected.strip("\n")))
    return found


def python(page: Path) -> str:
    """The Python examples of a page, as one text for doctest."""
    return "\n".join(_PYTHON.findall(page.read_text(encoding="utf-8")))


def matches(expected: str, printed: str) -> bool:
    """Compare with the ``…`` of the expected text."""
    lines = expected.split("\n")
    pattern = "".join("(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + "\n" for line in lines)
    return re.fullmatch(pattern, printed + "\n") is not None


def run(block: Block, folder: Path) -> list[str]:
    """Run a block in a folder; what each of its commands has printed."""
    (folder / "bin").mkdir()
    for name, program in (("faspmgr", FASPMGR), ("faspmgr-ascp", SIMULATOR)):
        script = folder / "bin" / name
        script.write_text(f'#!/bin/sh\nexec {shlex.join(program)} "$@"\n')
        script.chmod(0o755)
    (folder / "work").mkdir()
    (folder / "work" / "fixtures").symlink_to(ROOT / "fixtures")
    between = f"\n__status=$?; printf '{_SEPARATOR}'; (exit $__status)\n"
    outcome = launch(
        between.join(step.command for step in block.steps),
        program=("bash", "-c"),
        environment={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"},
        clean=True,
        cwd=folder / "work",
        stderr=subprocess.STDOUT,
    )
    return [printed.strip("\n") for printed in outcome.out.split(_SEPARATOR)]


def update(page: Path) -> int:
    """Write what the commands of a page print now where it does not match; how many blocks were changed."""
    text, changed = page.read_text(encoding="utf-8"), 0
    for block in blocks(page):
        with tempfile.TemporaryDirectory() as folder:
            printed = run(block, Path(folder))
        parts = []
        for step, output in zip(block.steps, printed, strict=True):
            shown = step.expected if matches(step.expected, output) else output
            parts.append(f"$ {step.command}\n" + (f"{shown}\n" if shown else ""))
        if "".join(parts) != block.text:
            text = text.replace(block.text, "".join(parts))
            changed += 1
    page.write_text(text, encoding="utf-8")
    return changed


if __name__ == "__main__":
    for each in PAGES:
        count = update(each)
        if count:
            print(f"{each.relative_to(ROOT)}: {count} console blocks changed")
