"""The FILEs of a command: reads them one after the other, reports what is wrong with them, and knows the status.

A file that cannot be read does not stop the others: it is reported, and the worst status remains.
"""

from __future__ import annotations

import functools
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from faspmgr import captures
from faspmgr.cli.text import printable
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.protocol.problems import Problem
from faspmgr.protocol.tokenizer import StreamReader
from faspmgr.verdicts import ExitStatus

T = TypeVar("T")

MAX_SHOWN = 10
"""Problems of one kind in one file that are reported one by one, outside of check; the rest is counted."""


class Reading:
    """Reads files one after the other.

    Attributes:
        files: paths; ``-`` for standard input.
        status: the exit status so far.
        errors: files that could not be read to their end, and why.
        recorded: what pieces() has read so far.
    """

    def __init__(
        self,
        files: tuple[str, ...],
        *,
        follow: bool = False,
        unwrap: str | None = None,
        strict: bool = False,
        on_problem: Callable[[str, Problem], None] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        """Check the options.

        Args:
            files: paths; none for standard input.
            follow: wait for more at the end of the file.
            unwrap: how to find messages inside another log, or None.
            strict: stop at the first problem of each file.
            on_problem: receives the name of the file and the problem; by default a line for each, as many as MAX_SHOWN.
            log: receives the lines for standard error.

        Raises:
            click.UsageError: options that cannot be used together, or an invalid regular expression.
        """
        self.files = files or ("-",)
        self.status = ExitStatus.DONE
        self.errors: dict[str, str] = {}
        self.recorded: list[captures.Recorded] = []
        self._follow = follow
        self._unwrap = unwrap
        self._strict = strict
        self._on_problem = on_problem or self._log_problem
        self._log = log or functools.partial(click.echo, err=True)
        # Problems of the present file so far, by their kind; counted only where they are logged here.
        self._logged: Counter[str] = Counter()
        if follow and len(self.files) > 1:
            raise click.UsageError("--follow reads one FILE, not several.")
        if unwrap is not None:
            try:
                re.compile(unwrap)
            except re.error as error:
                words = "neither auto, bullets, brackets nor a regular expression"
                raise click.UsageError(f"invalid --unwrap: {unwrap!r}; {words}: {error}.") from error

    @property
    def results(self) -> dict[str, captures.RunResult]:
        """How the recorded runs have ended that pieces() has read, by the recording in their streams."""
        return {name: result for recorded in self.recorded for name, result in recorded.results.items()}

    def batches(self, make_reader: Callable[..., StreamReader[T]]) -> Iterator[tuple[str, list[T]]]:
        """Give the results of all files, as they arrive.

        Args:
            make_reader: Parser or Tokenizer, called for each file.

        Yields:
            The file, and what a piece of it gave; the list may be empty.
        """
        for file, piece in self._read(make_reader, self._whole):
            yield file, piece.results

    def pieces(self, make_reader: Callable[..., StreamReader[T]]) -> Iterator[captures.Piece[T]]:
        """Give the results of all files and directories, as they arrive, connection by connection.

        Args:
            make_reader: Parser or Tokenizer, called for each connection.

        Yields:
            What a piece gave, and the stream it came from: the same for all files of which no connection is known.
        """
        for _file, piece in self._read(make_reader, self._divided):
            yield piece

    def _read(
        self, make_reader: Callable[..., StreamReader[T]], steps_of: Callable[[str], list[captures.Step]]
    ) -> Iterator[tuple[str, captures.Piece[T]]]:
        def make(on_problem: Callable[[Problem], None]) -> StreamReader[T]:
            return make_reader(strict=self._strict, on_problem=on_problem)

        for file in self.files:
            problems: list[Problem] = []
            empty = True
            failures, results = len(self.errors), len(self.results)
            for step in steps_of(file):
                for piece in self._pump(step.file, step.read(make, problems.append)):
                    empty = empty and not piece.results and not problems
                    for problem in problems:
                        self._on_problem(name_of(step.file), problem)
                    problems.clear()
                    yield file, piece
                for kind, number in self._logged.items():
                    if number > MAX_SHOWN:
                        self._log(f"{name_of(step.file)}: {number - MAX_SHOWN:,} more of kind {kind}; check lists them")
                self._logged.clear()
            if empty and len(self.errors) == failures and len(self.results) == results:
                self._log(f"{name_of(file)}: no messages")

    def _whole(self, file: str) -> list[captures.Step]:
        """Read a file as one stream."""

        def read(make: captures.MakeReader[T], on_problem: captures.OnProblem) -> Iterator[captures.Piece[T]]:
            for results in captures.pump(file, make(on_problem), follow=self._follow, unwrap=self._unwrap):
                yield captures.Piece(None, results)

        return [captures.Step(file, read)]

    def _divided(self, file: str) -> list[captures.Step]:
        """Read a file or a directory connection by connection."""
        is_directory = file != "-" and os.path.isdir(file)
        if is_directory and (self._follow or self._unwrap is not None):
            option = "--follow" if self._follow else "--unwrap"
            raise click.UsageError(f"{option} reads a FILE, and {file} is a directory.")
        recorded = captures.Recorded(
            file, lambda text: self._log(printable(text)), follow=self._follow, unwrap=self._unwrap
        )
        self.recorded.append(recorded)
        try:
            steps = recorded.steps()
        except OSError as error:
            self._fail(file, error.strerror or str(error), ExitStatus.USAGE)
            return []
        if not steps and not recorded.results:
            self._fail(file, f"no recording (*{', *'.join(captures.FILE_ENDINGS)}) in this directory", ExitStatus.USAGE)
        return steps

    def _pump(self, file: str, pieces: Iterator[captures.Piece[T]]) -> Iterator[captures.Piece[T]]:
        """Read a file. Nothing is written in here, so that an OSError is one of the file and not of the output."""
        try:
            yield from pieces
        except ProtocolError as error:
            self.status = ExitStatus.MALFORMED
            yield captures.Piece(None, error.results)
        except CaptureError as error:
            self._fail(file, str(error), ExitStatus.MALFORMED)
        except OSError as error:
            self._fail(file, error.strerror or str(error), ExitStatus.USAGE)

    def _fail(self, file: str, reason: str, status: ExitStatus) -> None:
        self.status = max(self.status, status)
        self.errors[file] = reason
        self._log(f"{name_of(file)}: {reason}")

    def _log_problem(self, shown: str, problem: Problem) -> None:
        self._logged[problem.kind] += 1
        if self._logged[problem.kind] <= MAX_SHOWN:
            self._log(f"{shown}:{problem.line}: {problem}")


def name_of(file: str) -> str:
    """Give the name of a file for messages: ``<stdin>`` for ``-``."""
    return "<stdin>" if file == "-" else file
