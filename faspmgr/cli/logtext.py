"""The sessions and files of a log and their totals as lines for people. Unknown is shown as "-"."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from faspmgr.cli.text import count, printable, rate, size
from faspmgr.logs.totals import Total
from faspmgr.protocol.codes import explain
from faspmgr.protocol.fields import address_and_port


def session_line(shown: Mapping[str, Any]) -> str:
    """Format a session: start, verdict, direction, files, bytes, rate, peer, user, and why it failed.

    Args:
        shown: as LogSession.to_dict returns it.
    """
    columns = [
        _moment(shown),
        f"{shown['status']:<6}",
        f"{shown['direction'] or '':<7}",
        f"{'-' if shown['files_done'] is None else count(shown['files_done'], 'file'):>9}",
        f"{_known(size, shown['bytes_transferred']):>8}",
        f"{rate(shown['rate_kbps']):>10}",
        (shown["peer"] if address_and_port(shown["peer"])[0] else shown["host"]) or "(no peer)",
        shown["user"] or "",
    ]
    why = reason(shown["code"], shown["reason"])
    if shown["detail"] and shown["detail"] not in why:
        why = f"{why} ({shown['detail']})".lstrip()
    return printable("  ".join(columns).rstrip() + (f": {why}" if why else ""))


def file_line(shown: Mapping[str, Any]) -> str:
    """Format a file: start, status, size, rate, name, and why it failed.

    Args:
        shown: as LogFile.to_dict returns it.
    """
    columns = [
        _moment(shown),
        f"{shown['status']:<11}",
        f"{_known(size, shown['size']):>8}",
        f"{rate(shown['rate_kbps']):>10}",
        shown["name"],
    ]
    why = reason(shown["code"], shown["reason"])
    return printable("  ".join(columns) + (f": {why}" if why else ""))


def _moment(shown: Mapping[str, Any]) -> str:
    """Format the time of a row, as in the log."""
    return f"{(shown['start'] or shown['stop'] or '')[:19].replace('T', ' '):<19}"


def _known(form: Callable[[float], str], number: float | None) -> str:
    return "-" if number is None else form(number)


def reason(code: int | None, words: str | None) -> str:
    """Format a code of the log and its words: ``63 Source path stat failed``."""
    return " ".join(str(part) for part in (code, words) if part is not None)


def totals_lines(groups: Sequence[Total], by: str | None, everything: Total, redact: bool) -> list[str]:
    """Format totals as tables: a row for each group, one for all, then the failures of all.

    Args:
        groups: the totals of the groups.
        by: what they are grouped by; None for no groups.
        everything: the total of all.
        redact: show secrets as ``***``.
    """
    rows = [_total_row(total, total.name or "(none)") for total in groups] if by else []
    header = [
        by or "",
        "sessions",
        "done",
        "failed",
        "lost",
        "files",
        "bytes",
        "sent again",
        "median",
        "95th percentile",
    ]
    lines = _table([header, *rows, _total_row(everything, "all")], left=1)
    failures = everything.to_dict(redact=redact)["failures"]
    if failures:
        rows = [[str(row["sessions"]), reason(row["code"], row["reason"]), _in_stream(row)] for row in failures]
        lines += ["", *_table([["failed", "code of the log", "code of the stream"], *rows], left=0, right=1)]
    return [printable(line) for line in lines]


def _total_row(total: Total, name: str) -> list[str]:
    numbers = (total.sessions, total.done, total.failed, total.lost, total.files_done)
    return [
        name,
        *(f"{number:,}" for number in numbers),
        _sum_of_bytes(total),
        _known("{:.2f} %".format, total.retransmitted_percent),
        rate(total.rates.quantile(0.5)),
        rate(total.rates.quantile(0.95)),
    ]


def _sum_of_bytes(total: Total) -> str:
    known = _known(size, total.known_bytes("bytes_transferred"))
    return f"at least {known}" if known != "-" and "bytes_transferred" in total.at_least else known


def _in_stream(failure: dict[str, Any]) -> str:
    code = failure["management_code"]
    return "" if code is None else f"{code} {explain(code).name}"


def _table(rows: list[list[str]], left: int, right: int | None = None) -> list[str]:
    """Format columns: the first ``left`` of them begin at the left, and so do those from ``right`` on."""
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    last = len(widths) if right is None else right
    return [
        "  ".join(
            cell.rjust(width) if left <= place < last else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths))
        ).rstrip()
        for row in rows
    ]
