"""Read the FILEs of a command one after the other, and report what is wrong with them.

A file that cannot be read does not stop the others: it is reported, and the worst exit status remains. If a command
shows something at the end, a signal that interrupts ends only the reading.
"""

from __future__ import annotations

import functools
import os
from collections import Counter
from collections.abc import Callable, Iterator
from typing import TypeVar

import click

from faspmgr import captures
from faspmgr.captures.unwrap import FORMATS, compile_pattern, shortened
from faspmgr.cli.interruption import Interruption
from faspmgr.cli.text import printable
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.reading import EventReader, recognise
from faspmgr.verdicts import Outcome

T = TypeVar("T")

MAX_SHOWN = 10
"""Problems of one kind in one file that are logged one by one, except by check; the rest is counted."""


class Reading:
    """Reads files one after the other.

    Args:
        files: paths; none for standard input.
        follow: wait for more at the end of the file.
        unwrap: how to find messages inside of another log, or None.
        strict: stop at the first problem of each file.
        interruptible: until the command has ended, a signal that interrupts ends only the reading; a second one ends
            the command.
        on_problem: called with the name of the file and the problem; None to log up to MAX_SHOWN of each kind.
        log: called with printable lines; None for standard error.

    Raises:
        click.UsageError: options that cannot be used together, or an invalid regular expression.
    """

    def __init__(
        self,
        files: tuple[str, ...],
        *,
        follow: bool = False,
        unwrap: str | None = None,
        strict: bool = False,
        interruptible: bool = False,
        on_problem: Callable[[str, Problem], None] | None = None,
        log: Callable[[str], None] | None = None,
    ) -> None:
        self.files = files or ("-",)
        """Paths; ``-`` for standard input."""
        self.status = ExitStatus.DONE
        """Exit status so far."""
        self.errors: dict[str, str] = {}
        """Files that could not be read to their end, and why."""
        self.position = 0
        """Index, in files, of the file that is being read."""
        self.interrupted = False
        """Whether a signal has ended the reading; what has not ended may still be running."""
        self.recorded: list[captures.Recorded] = []
        """Recordings that pieces() has read so far."""
        self.interruption = Interruption()
        """The signals that interrupt."""

        self._follow = follow
        self._unwrap = unwrap
        self._strict = strict
        self._on_problem = on_problem or self._log_problem
        self._log = log or functools.partial(click.echo, err=True)
        if interruptible:
            click.get_current_context().with_resource(self.interruption)
        # Count of the problems of the present file by their kind, if they are logged here.
        self._logged: Counter[str] = Counter()
        if follow and len(self.files) > 1:
            raise click.UsageError("--follow reads one FILE, not several.")
        if unwrap is not None:
            try:
                compile_pattern(unwrap)  # the names of formats are expressions, too
            except ValueError as error:
                words = f"neither {', '.join(FORMATS)} nor a regular expression for bytes"
                raise click.UsageError(f"invalid --unwrap: {shortened(unwrap)}; {words}: {error.__cause__}.") from error

    @property
    def results(self) -> dict[str, Outcome]:
        """Results of the recorded runs that pieces() has read, by ``Stream.recording``."""
        return {name: result for recorded in self.recorded for name, result in recorded.results.items()}

    @property
    def make_event_reader(self) -> Callable[..., captures.Reader[Event]]:
        """Reader of events: of a capture or a log, or with unwrap only of a capture."""
        return EventReader if self._unwrap is None else Parser

    def can_spread(self, jobs: int) -> bool:
        """Return whether several processes read the files if `jobs` of them may run; see ``faspmgr.cli.jobs``."""
        return jobs > 1 and len(self.files) > 1 and "-" not in self.files

    def batches(self, make_reader: Callable[..., captures.Reader[T]]) -> Iterator[tuple[str, list[T]]]:
        """Yield the results of all files, as they arrive.

        Args:
            make_reader: Parser, Tokenizer or EventReader, called for each file.

        Yields:
            The file, and the results of a piece of it; the list may be empty.
        """
        for file, piece in self._read(make_reader, self._whole):
            yield file, piece.results

    def pieces(self, make_reader: Callable[..., captures.Reader[T]]) -> Iterator[captures.Piece[T]]:
        """Yield the results of all files and directories, as they arrive, connection by connection.

        The files of a rotated log are read in the order in which they were written, each once.

        Args:
            make_reader: Parser, Tokenizer or EventReader, called for each connection.

        Yields:
            The results of a piece, and the connection; None for all files whose connections are unknown.
        """
        if len(self.files) > 1 and all(recognise(file) == "log" for file in self.files):
            from faspmgr.logs.rotation import ordered  # only for logs

            self.files = tuple(ordered(self.files))
        for _file, piece in self._read(make_reader, self._divided):
            yield piece

    def _read(
        self, make_reader: Callable[..., captures.Reader[T]], steps_of: Callable[[str], list[captures.Step]]
    ) -> Iterator[tuple[str, captures.Piece[T]]]:
        def make(on_problem: Callable[[Problem], None]) -> captures.Reader[T]:
            return make_reader(strict=self._strict, on_problem=on_problem)

        for position, file in enumerate(self.files):
            self.position = position
            if self.interruption.caught:
                self.note_interruption(file)
                continue
            problems: list[Problem] = []
            empty = True
            failures, results = len(self.errors), len(self.results)
            for step in steps_of(file):
                for piece in self.interruption.watch(self._pump(step.file, step.read(make, problems.append))):
                    empty = empty and not piece.results and not problems
                    self._report(step.file, problems)
                    yield file, piece
                self._report(step.file, problems)  # of what was being read when a signal came
                for kind, number in self._logged.items():
                    if number > MAX_SHOWN:
                        self._log_line(step.file, f"{number - MAX_SHOWN:,} more of kind {kind}; check lists them")
                self._logged.clear()
            if self.interruption.caught:
                self.note_interruption(file)
            elif empty and len(self.errors) == failures and len(self.results) == results:
                self._log_line(file, "no messages")

    def _whole(self, file: str) -> list[captures.Step]:
        """Read a file as one stream."""

        def read(make: captures.MakeReader[T], on_problem: captures.OnProblem) -> Iterator[captures.Piece[T]]:
            log = functools.partial(self._log_line, file)
            place = captures.FilePlace(on_problem)
            reader = make(place.report)
            for results in captures.pump(file, reader, follow=self._follow, unwrap=self._unwrap, log=log, place=place):
                yield captures.Piece(None, results)

        return [captures.Step(file, read)]

    def _divided(self, file: str) -> list[captures.Step]:
        """Read a file or a directory connection by connection."""
        is_directory = file != "-" and os.path.isdir(file)
        if is_directory and (self._follow or self._unwrap is not None):
            option = "--follow" if self._follow else "--unwrap"
            raise click.UsageError(f"{option} reads a FILE, and {file} is a directory.")
        recorded = captures.Recorded(file, self._log_line, follow=self._follow, unwrap=self._unwrap)
        self.recorded.append(recorded)
        try:
            steps = recorded.steps()
        except OSError as error:
            self.fail(file, error.strerror or str(error), ExitStatus.USAGE)
            return []
        if not steps and not recorded.results:
            self.fail(file, f"no recording (*{', *'.join(captures.FILE_ENDINGS)}) in this directory", ExitStatus.USAGE)
        return steps

    def _pump(self, file: str, pieces: Iterator[captures.Piece[T]]) -> Iterator[captures.Piece[T]]:
        """Read a file. It writes nothing, so that an OSError here is not one of the output."""
        try:
            yield from pieces
        except ProtocolError as error:
            self.status = ExitStatus.MALFORMED
            yield captures.Piece(None, error.results)
        except CaptureError as error:
            self.fail(file, str(error), ExitStatus.MALFORMED)
        except OSError as error:
            self.fail(file, error.strerror or str(error), ExitStatus.USAGE)

    def fail(self, file: str, reason: str, status: ExitStatus) -> None:
        """Report a file that could not be read to its end."""
        self.status = max(self.status, status)
        self.errors[file] = reason
        self._log_line(file, reason)

    def note_interruption(self, file: str) -> None:
        """Note that a file was not read to its end, or not at all."""
        self.interrupted = True
        self.status = ExitStatus.INTERRUPTED
        if not self._follow:  # a followed file has no end
            self.errors.setdefault(file, "interrupted")

    def _report(self, file: str, problems: list[Problem]) -> None:
        for problem in problems:
            self._on_problem(name_of(file), problem)
        problems.clear()

    def _log_problem(self, shown: str, problem: Problem) -> None:
        self._logged[problem.kind] += 1
        if self._logged[problem.kind] <= MAX_SHOWN:
            self._log(f"{printable(shown)}:{problem.line}: {problem}")

    def _log_line(self, file: str, text: str) -> None:
        self._log(printable(f"{name_of(file)}: {text}"))


def name_of(file: str) -> str:
    """Return the name of a file, ``<stdin>`` for ``-``; for people it must be made printable."""
    return "<stdin>" if file == "-" else file
