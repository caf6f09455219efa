"""Recognition of ascp's log by a single line."""

from __future__ import annotations

from faspmgr.logs.lines import is_ascp, split_line
from faspmgr.logs.messages import kind_of


def is_of_ascp(line: str) -> bool:
    """Return whether only ascp can have written a line: it has its prefix or its tag, or without one its words.

    Args:
        line: without its end.

    Example:
        >>> is_of_ascp("LOG FASP Session Start uuid=7d5a op=send"), is_of_ascp("INFO application started")
        (True, False)
    """
    parts = split_line(line)
    if parts is None or not is_ascp(parts.program):
        return False
    # Of a line of a container, "LOG" is not the prefix of ascp alone.
    return bool(parts.stamp and (parts.host or parts.process)) or kind_of(parts.message) != "other"


def has_prefix(line: str) -> bool:
    """Return whether a line has the prefix of a syslog or a container, whatever program wrote it."""
    parts = split_line(line)
    return parts is not None and bool(parts.stamp)
