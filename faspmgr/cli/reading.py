"""What all commands that read streams share: their arguments, and how problems and broken files are told."""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import click

from faspmgr import captures
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import StreamReader
from faspmgr.verdicts import ExitStatus

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=str, allow_dash=True, readable=False)
"""A file to read. Whether that can be read is seen when it is its turn: click would refuse all for one that cannot."""
SHOWN_OF_A_KIND = 10
"""Problems of one kind in one file that are told one by one, outside of check; the rest is counted."""


def files_argument(function: F) -> F:
    """``[FILE]...``: paths, ``-`` or nothing for standard input."""
    return click.argument("files", nargs=-1, metavar="[FILE]...", type=FILE)(function)


def reading_options(function: F) -> F:
    """The options --follow, --unwrap and --strict."""
    for option in reversed(
        (
            click.option("-f", "--follow", is_flag=True, help="Go on at the end: the file may grow or be rotated."),
            click.option(
                "--unwrap",
                metavar="HOW",
                help="Find messages inside of another log: auto, bullets (- Type: INIT), brackets (line=[Type: INIT]),"
                " or a regular expression whose group 1 is the line.",
            ),
            click.option("--strict", is_flag=True, help="Stop at the first deviation, with status 4."),
        )
    ):
        function = option(function)
    return function


class Reading:
    """Reads files one after the other; says on standard error what is wrong with them; knows the exit status."""

    def __init__(
        self,
        files: tuple[str, ...],
        *,
        follow: bool = False,
        unwrap: str | None = None,
        strict: bool = False,
        on_problem: Callable[[str, Problem], None] | None = None,
        say: Callable[[str], None] | None = None,
    ) -> None:
        self.files = files or ("-",)
        self.status = ExitStatus.DONE
        self.errors: dict[str, str] = {}  # files that could not be read to their end, and why
        self._follow = follow
        self._unwrap = unwrap
        self._strict = strict
        self._on_problem = on_problem or self._tell
        self._say = say or functools.partial(click.echo, err=True)  # for lines on standard error
        self._told: Counter[str] = Counter()
        if follow and len(self.files) > 1:
            raise click.UsageError("--follow takes one file.")
        if unwrap is not None:
            try:
                re.compile(unwrap)
            except re.error as error:
                raise click.UsageError(f"--unwrap is no known word and no regular expression: {error}.") from error

    def batches(self, make_reader: Callable[..., StreamReader[T]]) -> Iterator[tuple[str, list[T]]]:
        """(file, what a piece of it gave) for all files. A file that cannot be read is told, and the next one read."""
        for file in self.files:
            yield from self._read(file, make_reader)

    def _read(self, file: str, make_reader: Callable[..., StreamReader[T]]) -> Iterator[tuple[str, list[T]]]:
        shown = name_of(file)
        problems: list[Problem] = []
        reader = make_reader(strict=self._strict, on_problem=problems.append)
        empty = True
        for results in self._pump(file, reader):
            empty = empty and not results and not problems
            for problem in problems:
                self._on_problem(shown, problem)
            problems.clear()
            yield file, results
        if empty and file not in self.errors:
            self._say(f"{shown}: no messages")
        self._tell_rest(shown)

    def _pump(self, file: str, reader: StreamReader[T]) -> Iterator[list[T]]:
        """What the pieces of a file give. Nothing is written in here: an OSError is the file's, not the output's."""
        try:
            yield from captures.pump(file, reader, follow=self._follow, unwrap=self._unwrap)
        except ProtocolError as error:
            self.status = ExitStatus.MALFORMED
            yield error.results
        except CaptureError as error:
            self._fail(file, str(error), ExitStatus.MALFORMED)
        except OSError as error:
            self._fail(file, error.strerror or str(error), ExitStatus.USAGE)

    def _fail(self, file: str, reason: str, status: ExitStatus) -> None:
        self.status = max(self.status, status)
        self.errors[file] = reason
        self._say(f"{name_of(file)}: {reason}")

    def _tell(self, shown: str, problem: Problem) -> None:
        self._told[problem.kind] += 1
        if self._told[problem.kind] <= SHOWN_OF_A_KIND:
            self._say(f"{shown}:{problem.line}: {problem}")

    def _tell_rest(self, shown: str) -> None:
        for kind, number in self._told.items():
            if number > SHOWN_OF_A_KIND:
                self._say(f"{shown}: {number - SHOWN_OF_A_KIND:,} more of kind {kind}; check lists them")
        self._told.clear()


def name_of(file: str) -> str:
    return "<stdin>" if file == "-" else file
