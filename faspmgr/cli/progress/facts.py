"""What is reported of a transfer while it runs, in short parts, the most important first."""

from __future__ import annotations

import math

from faspmgr.cli.text import count, duration, percent, rate, size
from faspmgr.tracking import Transfer

LONGEST_ETA_SECONDS = 99 * 86400
"""A longer time is not shown."""


def facts(transfer: Transfer) -> list[str]:
    """Give everything about one transfer."""
    moving = transfer.state == "transferring"
    eta = eta_text(transfer)
    return [
        *([] if moving else [transfer.state]),
        percent(transfer.progress),
        amount(transfer),
        *([] if not moving or transfer.rate_kbps is None else [rate(transfer.rate_kbps)]),
        *([f"ETA {eta}"] if moving and eta else []),
        *file_facts(transfer),
        *line_facts(transfer),
    ]


def amount(transfer: Transfer) -> str:
    """Give ``34.9 MB of 56.3 MB``, with ``so far`` where the size of the job was not calculated beforehand."""
    if transfer.state == "done":
        return size(transfer.bytes_done)
    so_far = "" if transfer.expected_bytes is not None or transfer.ended else " so far"
    return f"{size(transfer.bytes_done)} of {size(transfer.estimated_bytes)}{so_far}"


def file_facts(transfer: Transfer) -> list[str]:
    """Give ``3 of 6 files``, ``1 skipped``, ``1 failed``: finished files, of those expected where that is known."""
    finished = transfer.files_done + transfer.files_skipped + transfer.files_failed
    expected = transfer.expected_files
    return [
        count(finished, "file") if expected is None else f"{finished:,} of {count(expected, 'file')}",
        *([f"{transfer.files_skipped:,} skipped"] if transfer.files_skipped else []),
        *([f"{transfer.files_failed:,} failed"] if transfer.files_failed else []),
    ]


def line_facts(transfer: Transfer) -> list[str]:
    """Give the average rate, round-trip time and loss on the line, and the number of sessions and attempts."""
    sessions, attempts = len(transfer.current), transfer.attempts
    return [
        *([f"average {rate(transfer.average_rate_kbps)}"] if transfer.average_rate_kbps else []),
        *([] if transfer.rtt_ms is None else [f"RTT {transfer.rtt_ms:,} ms"]),
        *([f"loss {_loss(transfer)}"] if transfer.bytes_transferred else []),
        *([f"{sessions:,} sessions"] if sessions > 1 else []),
        *([f"attempt {attempts:,}"] if attempts > 1 else []),
    ]


def overview(transfers: list[Transfer]) -> list[str]:
    """Give what several transfers amount to together."""
    states = [transfer.state for transfer in transfers]
    in_progress = [transfer for transfer in transfers if not transfer.ended]
    parts = [count(len(transfers), "transfer")]
    if in_progress:
        parts.append(f"{len(in_progress):,} in progress")
    parts += [f"{states.count(state):,} {state}" for state in ("done", "failed", "lost") if state in states]
    if in_progress:
        rates = [transfer.rate_kbps for transfer in in_progress if transfer.rate_kbps is not None]
        parts += [rate(sum(rates))] if len(rates) == len(in_progress) else []
    done = sum(transfer.bytes_done for transfer in transfers)
    estimated = sum(transfer.estimated_bytes for transfer in transfers)
    return [*parts, f"{size(done)} of {size(estimated)}"]


def eta_text(transfer: Transfer) -> str | None:
    """Give the time left in whole seconds; None where nothing is left, or the time is unknown or absurdly long."""
    seconds = transfer.eta_seconds
    if not seconds or transfer.ended or seconds > LONGEST_ETA_SECONDS:
        return None
    return f"{math.ceil(seconds)} s" if seconds < 10 else duration(seconds)


def _loss(transfer: Transfer) -> str:
    share = transfer.bytes_lost / transfer.bytes_transferred
    return "<0.1%" if 0 < share < 0.0005 else f"{share:.1%}" if share else "0%"


def fit(parts: list[str], columns: int) -> str:
    """Give as many of the parts, from the first on, as one line has room for."""
    return next(iter(fold(parts, columns)), "")


def fold(parts: list[str], columns: int) -> list[str]:
    """Give the parts on as many lines as they need; only a part that is longer than a line is cut."""
    lines: list[str] = []
    for part in parts:
        part = part[: max(0, columns)]
        if lines and len(lines[-1]) + 2 + len(part) <= columns:
            lines[-1] += ", " + part
        else:
            lines.append(part)
    return lines
