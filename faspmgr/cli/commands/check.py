"""``faspmgr check``: every deviation from the protocol."""

from __future__ import annotations

import attrs
import click

from faspmgr.cli import output, reading
from faspmgr.cli.text import count
from faspmgr.protocol.parser import Parser
from faspmgr.protocol.problems import Problem
from faspmgr.verdicts import ExitStatus


@click.command("check")
@reading.files_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object with all problems, for programs.")
@reading.reading_options
def command(files: tuple[str, ...], as_json: bool, follow: bool, unwrap: str | None, strict: bool) -> int:
    """Check FILEs, or standard input, against the protocol.

    Each problem is a line FILE:LINE: on standard error, with its byte offset; what was read is summed up on standard
    output. ExitStatus 0 if there is no problem, 4 if there is one, 2 for a file that cannot be read.

    \b
    Example:
      faspmgr check capture.fasp
      faspmgr check --json *.fasp | jq '.problems[].kind'
    """
    report = _JsonReport() if as_json else _TextReport()
    source = reading.Reading(files, follow=follow, unwrap=unwrap, strict=strict, on_problem=report.problem)
    report.start()
    messages = dict.fromkeys(source.files, 0)
    for file, events in source.batches(Parser):
        messages[file] += len(events)
    report.end(messages, source.errors)
    return max(source.status, ExitStatus.MALFORMED) if report.problems else source.status


class _TextReport:
    def __init__(self) -> None:
        self.problems = 0
        self._by_file: dict[str, int] = {}

    def start(self) -> None:
        pass

    def problem(self, file: str, problem: Problem) -> None:
        self.problems += 1
        self._by_file[file] = self._by_file.get(file, 0) + 1
        click.echo(f"{file}:{problem.line}: byte {problem.offset}: {problem.kind}: {problem}", err=True)

    def end(self, messages: dict[str, int], errors: dict[str, str]) -> None:
        for file, number in messages.items():
            name = reading.name_of(file)
            problems = self._by_file.get(name, 0)
            words = [count(number, "message"), count(problems, "problem") if problems else "no problem"]
            if file in errors:
                words.append("not read to its end")
            output.write([f"{name}: {', '.join(words)}"])


class _JsonReport:
    """One JSON object, a problem on each line of it: it is written as the problems are found, and kept nowhere."""

    def __init__(self) -> None:
        self.problems = 0

    def start(self) -> None:
        output.write(['{"problems": ['])

    def problem(self, file: str, problem: Problem) -> None:
        comma = "," if self.problems else ""
        self.problems += 1
        output.write([comma + output.to_json({"file": file, **attrs.asdict(problem)})])

    def end(self, messages: dict[str, int], errors: dict[str, str]) -> None:
        files = [
            {"file": reading.name_of(file), "messages": number, "error": errors.get(file)}
            for file, number in messages.items()
        ]
        output.write([f'], "problem_count": {self.problems}, "files": {output.to_json(files)}}}'])
