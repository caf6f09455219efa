"""``faspmgr check``: every deviation from the protocol."""

from __future__ import annotations

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

    def read(files: tuple[str, ...]) -> tuple[Reading, list[_Checked]]:
        checked = [_Checked(file) for file in files or ("-",)]
        is_first = True

        def report(name: str, problem: Problem) -> None:
            nonlocal is_first
            checked[source.position].problems += 1
            if as_json:  # as they are found, so that memory does not grow
                comma = "" if is_first else ","
                output.write([comma + output.to_json({"file": name, **attrs.asdict(problem)})])
                is_first = False
            else:
                place = f"{printable(name)}:{problem.line}: byte {problem.offset}"
                click.echo(f"{place}: {problem.kind}: {problem}", err=True)

        source = Reading(files, follow=follow, unwrap=unwrap, strict=strict, interruptible=True, on_problem=report)
        if source.can_spread(jobs):
            from faspmgr.cli.jobs import spread  # only if it was asked for

            for file, (messages, problems) in spread(source, jobs, read_one, lambda data: b"," + data):
                one = next(one for one in checked if one.file == file and not one.messages + one.problems)
                one.messages, one.problems = messages, problems
        else:
            for _file, events in source.batches(Parser):
                checked[source.position].messages += len(events)
        return source, checked

    def read_one(file: str) -> tuple[Reading, tuple[int, int]]:
        source, (one,) = read((file,))
        return source, (one.messages, one.problems)

    # Each problem when it is found, then what was found in each file.
    if as_json:
        output.write(['{"problems":['])
    source, checked = read(files)
    problems = sum(one.problems for one in checked)
    if as_json:
        rows = [
            {"file": name_of(one.file), "messages": one.messages, "error": source.errors.get(one.file)}
            for one in checked
        ]
        output.write([f'],"problem_count":{problems},"files":{output.to_json(rows)}}}'])
    else:
        for one in checked:
            words = [count(one.messages, "message"), count(one.problems, "problem") if one.problems else "no problem"]
            if one.file in source.errors:
                words.append("not read to its end")
            output.write([f"{printable(name_of(one.file))}: {', '.join(words)}"])
    for one in checked:
        if not one.messages and recognise(one.file) == "log":
            hint = "ascp's own log, not its management stream; 'faspmgr log' reads it"
            click.echo(f"{printable(one.file)}: {hint}", err=True)
    return max(source.status, ExitStatus.MALFORMED) if problems else source.status


@attrs.define
class _Checked:
    """What was found in a file; one that is named twice is read twice."""

    file: str
    messages: int = 0
    problems: int = 0
