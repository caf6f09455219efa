"""``faspmgr summary``: what happened, for people and for scripts."""

from __future__ import annotations

import click

from faspmgr.cli import output, reading
from faspmgr.cli.text import count, duration, printable, rate, size
from faspmgr.cli.verdict import advice_line, verdict_line, verdict_status
from faspmgr.protocol.parser import Parser
from faspmgr.tracking import FileState, Session, Tracker, Transfer
from faspmgr.verdicts import ExitStatus

SHOWN_FAILURES = 10


@click.command("summary")
@reading.files_argument
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@reading.reading_options
def command(files: tuple[str, ...], as_json: bool, follow: bool, unwrap: str | None, strict: bool) -> int:
    """Tell what happened in FILEs, or on standard input: transfers, files, rates, errors and what to do about them.

    Several files are taken together, as the parts of one recording: a session may go on in the next file.

    ExitStatus 0 if all transfers are done, 1 if one failed, 3 if one ended without a result or there is none at all.

    \b
    Example:
      faspmgr summary capture.fasp
      faspmgr summary --json recording/*.fasp | jq '.transfers[].state'
    """
    source = reading.Reading(files, follow=follow, unwrap=unwrap, strict=strict)
    tracker = Tracker()
    for _file, events in source.batches(Parser):
        for event in events:
            tracker.update(event)
    tracker.close()
    transfers = list(tracker.transfers.values())
    verdict = verdict_status(transfers)
    if as_json:
        output.write([output.to_json({"status": verdict, "transfers": [transfer.to_dict() for transfer in transfers]})])
    else:
        texts = ["\n".join(_transfer_lines(transfer)) for transfer in transfers]
        if texts or source.status == ExitStatus.DONE:
            output.write(["\n\n".join(texts) or "No session in this stream."])
    return source.status if source.status != ExitStatus.DONE else verdict


def _transfer_lines(transfer: Transfer) -> list[str]:
    rows = [*_route(transfer.current[0]), *_sessions(transfer), *_work(transfer), *_failures(transfer)]
    advice = advice_line(transfer)
    if advice:
        rows.append(("advice", advice))
    lines = [f"Transfer {printable(transfer.id) or '(no id)'}"]
    lines += [f"  {name:<12} {printable(words)}" for name, words in rows]
    return [*lines, verdict_line(transfer)]


def _route(session: Session) -> list[tuple[str, str]]:
    event = session.negotiated
    if event is None:
        return [("direction", session.direction)] if session.direction else []
    peer = "@".join(part for part in (event.user, event.host) if part)
    word = {"Send": "to", "Receive": "from"}.get(session.direction or "", "with")
    direction = session.direction or "unknown"
    rows = [("direction", f"{direction} {word} {peer}" if peer else direction)]
    if event.source:
        rows.append(("source", ", ".join(event.source)))
    if event.destination is not None:
        rows.append(("destination", event.destination))
    return rows


def _sessions(transfer: Transfer) -> list[tuple[str, str]]:
    current = transfer.current
    rows = []
    for session in transfer.sessions:
        replaced = "" if session in current else ", replaced by a later attempt"
        why = f": {session.error}" if session.error else ""
        rows.append(("session", f"{session.id or '(no id)'} {session.state}{why}{replaced}"))
    return rows


def _work(transfer: Transfer) -> list[tuple[str, str]]:
    files = [count(transfer.files_done, "file") + " done"]
    for number, word in (
        (transfer.files_skipped, "skipped"),
        (transfer.files_failed, "failed"),
        (transfer.files_active, "not finished"),
    ):
        if number:
            files.append(f"{number:,} {word}")
    expected = f", {transfer.expected_files:,} expected" if transfer.expected_files is not None else ""
    total = f" of {size(transfer.expected_bytes)}" if transfer.expected_bytes is not None else ""
    lost = f", {size(transfer.bytes_lost)} lost" if transfer.bytes_lost else ""
    there, sent = size(transfer.bytes_done), size(transfer.bytes_transferred)
    rows = [
        ("files", ", ".join(files) + expected),
        ("bytes", f"{there}{total} at the destination, {sent} sent{lost}"),
    ]
    time = [duration(transfer.elapsed_usec / 1_000_000), f"average {rate(transfer.average_rate_kbps)}"]
    targets = [session.target_rate_kbps for session in transfer.current]
    numbers = [target for target in targets if isinstance(target, int)]
    if numbers and len(numbers) == len(targets):
        time.append(f"target {rate(sum(numbers))}")
    if transfer.rtt_ms is not None:
        time.append(f"RTT {transfer.rtt_ms} ms")
    return [*rows, ("time", ", ".join(time))]


def _failures(transfer: Transfer) -> list[tuple[str, str]]:
    failures = [file for session in transfer.current for file in session.failures]
    rows = [("failed file", _failure(file)) for file in failures[:SHOWN_FAILURES]]
    more = transfer.files_failed - len(rows)
    if rows and more > 0:
        rows.append(("", f"and {more:,} more"))
    return rows


def _failure(file: FileState) -> str:
    return f"{file.name}: {file.error}"
