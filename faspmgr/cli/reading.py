"""The FILEs of a command: reads them one after the other, reports what is wrong with them, and knows the status.

A file that cannot be read does not stop the others: it is reported, and the worst status remains.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from faspmgr import captures
from faspmgr.captures.unwrap import WAYS, compile_pattern, shortened
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
                compile_pattern(unwrap)  # the names of ways are expressions, too
            except ValueError as error:
                words = f"neither {', '.join(WAYS)} nor a regular expression for bytes"
                raise click.UsageError(f"invalid --unwrap: {shortened(unwrap)}; {words}: {error.__cause__}.") from error

    def batches(self, make_reader: Callable[..., StreamReader[T]]) -> Iterator[tuple[str, list[T]]]:
        """Give the results of all files, as they arrive.

        Args:
            make_reader: Parser or Tokenizer, called for each file.

        Yields:
            The file, and what a piece of it gave; the list may be empty.
        """
        for file in self.files:
            shown = name_of(file)
            problems: list[Problem] = []
            empty = True
            for results in self._pump(file, make_reader(strict=self._strict, on_problem=problems.append)):
                empty = empty and not results and not problems
                for problem in problems:
                    self._on_problem(shown, problem)
                problems.clear()
                yield file, results
            if empty and file not in self.errors:
                self._log(f"{shown}: no messages")
            for kind, number in self._logged.items():
                if number > MAX_SHOWN:
                    self._log(f"{shown}: {number - MAX_SHOWN:,} more of kind {kind}; check lists them")
            self._logged.clear()

    def _pump(self, file: str, reader: StreamReader[T]) -> Iterator[list[T]]:
        """Read a file. Nothing is written in here, so that an OSError is one of the file and not of the output."""
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
        self._log(f"{name_of(file)}: {reason}")

    def _log_problem(self, shown: str, problem: Problem) -> None:
        self._logged[problem.kind] += 1
        if self._logged[problem.kind] <= MAX_SHOWN:
            self._log(f"{shown}:{problem.line}: {problem}")


def name_of(file: str) -> str:
    """Give the name of a file for messages: ``<stdin>`` for ``-``."""
    return "<stdin>" if file == "-" else file
