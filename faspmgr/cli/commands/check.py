"""``faspmgr check``: every deviation from the protocol."""

from __future__ import annotations

from collections import Counter

import attrs
import click

from faspmgr.cli import options, output
from faspmgr.cli.reading import Reading, name_of
from faspmgr.cli.text import count, printable
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.reading import recognise


@click.command("check")
@options.files_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all problems, for programs.")
@options.reading_options
@options.jobs_option
def command(files: tuple[str, ...], as_json: bool, follow: bool, unwrap: str | None, strict: bool, jobs: int) -> int:
    """Check each FILE, or standard input, against the protocol.

    Each problem is a line on standard error: FILE:LINE, the byte offset, the kind and the place. The number of messages
    and problems of each file goes to standard output.

    When it is interrupted, it reports what was found so far.

    Exit status: 0 no problem, 4 at least one, 2 a file that cannot be read, 130 interrupted.

    \b
    Example:
      faspmgr check capture.fasp
      faspmgr check --json *.fasp | jq '.problems[].kind'
    """

    def begin(files: tuple[str, ...]) -> tuple[Reading, _TextReport | _JsonReport]:
        report = _JsonReport() if as_json else _TextReport()
        source = Reading(
            files, follow=follow, unwrap=unwrap, strict=strict, interruptible=True, on_problem=report.problem
        )
        return source, report

    def read_alone(file: str) -> tuple[Reading, tuple[int, int]]:
        source, report = begin((file,))
        return source, (sum(len(events) for _file, events in source.batches(Parser)), report.problems)

    source, report = begin(files)
    report.start()
    messages = dict.fromkeys(source.files, 0)
    if source.can_spread(jobs):
        from faspmgr.cli.jobs import spread  # only where it was asked for

        for file, (number, problems) in spread(source, jobs, read_alone, lambda data: b"," + data):
            messages[file] += number
            report.count(file, problems)
    else:
        for file, events in source.batches(Parser):
            messages[file] += len(events)
    report.end(messages, source.errors)
    for file, number in messages.items():
        if not number and recognise(file) == "log":
            click.echo(
                f"{printable(file)}: ascp's own log, not its management stream; 'faspmgr log' reads it", err=True
            )
    return max(source.status, ExitStatus.MALFORMED) if report.problems else source.status


class _TextReport:
    """A line for each problem, and one for each file."""

    def __init__(self) -> None:
        self.problems = 0
        self._by_file: Counter[str] = Counter()

    def start(self) -> None:
        pass

    def problem(self, file: str, problem: Problem) -> None:
        self.count(file, 1)
        click.echo(f"{printable(file)}:{problem.line}: byte {problem.offset}: {problem.kind}: {problem}", err=True)

    def count(self, file: str, problems: int) -> None:
        self.problems += problems
        self._by_file[file] += problems

    def end(self, messages: dict[str, int], errors: dict[str, str]) -> None:
        for file, number in messages.items():
            problems = self._by_file[name_of(file)]
            words = [count(number, "message"), count(problems, "problem") if problems else "no problem"]
            if file in errors:
                words.append("not read to its end")
            output.write([f"{printable(name_of(file))}: {', '.join(words)}"])


class _JsonReport:
    """One JSON object with a problem on each line. It is written as problems are found, so memory does not grow."""

    def __init__(self) -> None:
        self.problems = 0

    def start(self) -> None:
        output.write(['{"problems":['])

    def problem(self, file: str, problem: Problem) -> None:
        comma = "," if self.problems else ""
        self.problems += 1
        output.write([comma + output.to_json({"file": file, **attrs.asdict(problem)})])

    def count(self, file: str, problems: int) -> None:
        self.problems += problems

    def end(self, messages: dict[str, int], errors: dict[str, str]) -> None:
        files = [
            {"file": name_of(file), "messages": number, "error": errors.get(file)} for file, number in messages.items()
        ]
        output.write([f'],"problem_count":{self.problems},"files":{output.to_json(files)}}}'])
