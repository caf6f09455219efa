"""Is it a log of ascp? What a single line tells."""

from __future__ import annotations

from faspmgr.logs.lines import is_ascp, split_line
from faspmgr.logs.messages import kind_of


def is_of_ascp(line: str) -> bool:
    """Tell whether only ascp can have written a line: it has its prefix or its tag, or without one its words.

    Args:
        line: without its end.

    Example:
        >>> is_of_ascp("LOG FASP Session Start uuid=7d5a op=send"), is_of_ascp("INFO application started")
        (True, False)
    """
    parts = split_line(line)
    return parts is not None and is_ascp(parts.program) and (bool(parts.stamp) or kind_of(parts.message) != "other")


def has_prefix(line: str) -> bool:
    """Tell whether a line has the prefix of a syslog, whoever wrote it."""
    parts = split_line(line)
    return parts is not None and bool(parts.stamp)
