"""``faspmgr summary``: what happened, for people and for scripts."""

from __future__ import annotations

from typing import Any

import click

from faspmgr.cli import options, output
from faspmgr.cli.reading import Reading
from faspmgr.cli.retold import Retold
from faspmgr.cli.text import Ending, advice_lines, count, duration, headline, printable, rate, size
from faspmgr.exit_status import ExitStatus
from faspmgr.redaction import redact_words
from faspmgr.tracking import Session, Transfer

MAX_FAILURES = 10
"""Failed files that are shown by name; the rest is counted."""

Row = tuple[str, str]
"""Name and text of a line."""


@click.command("summary")
@options.files_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@options.reading_options
def command(files: tuple[str, ...], as_json: bool, follow: bool, unwrap: str | None, strict: bool) -> int:
    """Show what happened in each FILE, or on standard input: transfers, files, rates, errors and what to do about them.

    FILE may be the directory of a recording. A recorded run is shown as 'run' or 'listen' saw it: what they note about
    its connections, and how it ended, is read from the file beside it that ends in .connections. Several files without
    one are the parts of one stream: a session may continue in the next file.

    When it is interrupted, it shows the state so far; so with --follow the state of a transfer that is running.

    Exit status: 0 all transfers are done, 1 one has failed, 3 one ended without a result or there is none; of a
    recorded run that of the run, also 5 for one that was not started and 130 for one that was interrupted.

    \b
    Example:
      faspmgr summary capture.fasp
      faspmgr summary --json recording/ | jq '.transfers[].state'
    """
    source = Reading(files, follow=follow, unwrap=unwrap, strict=strict, interruptible=True)
    retold = Retold(source)
    for _piece in retold.pieces():
        pass
    if not source.interrupted:  # then they may still be running
        retold.tracker.close()
    endings, status = retold.endings(), source.status or retold.outcome().status
    if as_json:
        output.write([output.to_json(_report(retold, status))])
    elif endings or source.interrupted or source.status == ExitStatus.DONE:
        output.write(["\n\n".join(map(_text, endings)) or "No session in this stream."])
    return status


def _report(retold: Retold, status: ExitStatus) -> dict[str, Any]:
    report: dict[str, Any] = {"status": status}
    outcome = retold.recorded_outcome()
    if outcome:
        report |= outcome.to_dict()
    return {**report, "transfers": [transfer.to_dict() for transfer in retold.tracker.transfers.values()]}


def _text(ending: Ending) -> str:
    outcome, transfer = ending
    if not transfer:
        return "\n".join([headline(outcome), *advice_lines(outcome)])
    rows = [*_route(transfer.current[0]), *_sessions(transfer), *_files(transfer), *_time(transfer)]
    rows += _failures(transfer)
    rows += [("advice", advice) for advice in advice_lines(outcome)]
    lines = [f"  {name:<12} {printable(text)}" for name, text in rows]
    return "\n".join([f"Transfer {printable(transfer.id) or '(no id)'}", *lines, headline(outcome, transfer)])


def _route(session: Session) -> list[Row]:
    direction = session.direction or "unknown"
    event = session.negotiated
    if event is None:
        return [("direction", direction)] if session.direction else []
    peer = "@".join(redact_words(part) for part in (event.user, event.host) if part)
    preposition = {"Send": "to", "Receive": "from"}.get(direction, "with")
    rows = [("direction", f"{direction} {preposition} {peer}" if peer else direction)]
    if event.source:
        rows.append(("source", ", ".join(event.source)))
    if event.destination is not None:
        rows.append(("destination", event.destination))
    return rows


def _sessions(transfer: Transfer) -> list[Row]:
    current = set(transfer.current)
    rows = []
    for session in transfer.sessions:
        replaced = "" if session in current else ", replaced by a later attempt"
        reason = f": {session.error}" if session.error else ""
        rows.append(("session", f"{redact_words(session.id) or '(no id)'} {session.state}{reason}{replaced}"))
    return rows


def _files(transfer: Transfer) -> list[Row]:
    files = [count(transfer.files_done, "file") + " done"]
    for number, state in (
        (transfer.files_skipped, "skipped"),
        (transfer.files_failed, "failed"),
        (transfer.files_active, "not finished"),
    ):
        if number:
            files.append(f"{number:,} {state}")
    if transfer.expected_files is not None:
        files.append(f"{transfer.expected_files:,} expected")
    total = f" of {size(transfer.expected_bytes)}" if transfer.expected_bytes is not None else ""
    lost = f", {size(transfer.bytes_lost)} lost" if transfer.bytes_lost else ""
    done, sent = size(transfer.bytes_done), size(transfer.bytes_transferred)
    return [("files", ", ".join(files)), ("bytes", f"{done}{total} at the destination, {sent} sent{lost}")]


def _time(transfer: Transfer) -> list[Row]:
    seconds = None if transfer.elapsed_usec is None else transfer.elapsed_usec / 1_000_000
    parts = [duration(seconds), f"average {rate(transfer.average_rate_kbps)}"]
    targets = [session.target_rate_kbps for session in transfer.current]
    numbers = [target for target in targets if isinstance(target, int)]
    if numbers and len(numbers) == len(targets):
        parts.append(f"target {rate(sum(numbers))}")
    if transfer.rtt_ms is not None:
        parts.append(f"RTT {transfer.rtt_ms} ms")
    return [("time", ", ".join(parts))]


def _failures(transfer: Transfer) -> list[Row]:
    failures = transfer.failures
    rows = [("failed file", f"{file.name}: {file.error}") for file in failures[:MAX_FAILURES]]
    more = transfer.files_failed - len(rows)
    if rows and more > 0:
        rows.append(("", f"and {more:,} more"))
    return rows
