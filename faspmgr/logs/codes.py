"""The error codes of ascp's log: the only place that knows one of them.

``errcode`` in the log is not ``Code`` of the management stream: the program counts its failures in another way for
each. The words are those of ``errstr``. The management code is that of the same failure, where both were seen of one
run; what it means and what to do about it stands in ``faspmgr.protocol.codes``.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs


@attrs.frozen
class LogCode:
    """What is known about one code of the log.

    Attributes:
        code: the number behind ``errcode=``.
        meaning: the words of the log, as a phrase without a full stop.
        management_code: the code of the management stream for the same failure; None where it is not known.
    """

    code: int
    meaning: str
    management_code: int | None


_ROWS = (
    (2, "Bad protocol", 11),
    (4, "Destination path check failed", 4),
    (14, "Unable to receive a valid stop message (pmtu-brtt)", 44),
    (27, "Other Session error", 12),
    (29, "Session internal error", 11),
    (40, "Operation not permitted by license", 38),
    (50, "No such file or directory", 4),
    (56, "Too many files open", 23),
    (62, "Source file list not specified", 8),
    (63, "Source path stat failed", 43),
    (65, "Destination path must be a directory", None),
    (68, "User aborted session", 28),
    (83, "File encryption error", 48),
    (84, "Destination path invalid", 41),
    (86, "Invalid configuration file", 50),
    (89, "SSH authentication failed", 19),
    (97, "Error reading sourcelist from command line", 8),
    (103, "Error reading file list from file/stdin", 8),
    (104, "Empty file list from file/stdin", 8),
    (106, "Usage error", 8),
    (107, "Remote host is not who we expected", 51),
    (112, "Address not available", 14),
)

LOG_CODES: Mapping[int, LogCode] = MappingProxyType({row[0]: LogCode(*row) for row in _ROWS})
"""Every known code of the log, in ascending order."""


def explain_log(code: int) -> LogCode:
    """Say what a code of the log means.

    Args:
        code: the value of ``errcode``; any int.

    Returns:
        The row of the table; for a code that is not in it one that says so.

    Example:
        >>> explain_log(63)
        LogCode(code=63, meaning='Source path stat failed', management_code=43)
    """
    return LOG_CODES.get(code) or LogCode(code, "a code of the log that is not known; errstr has its words", None)


def management_code_of(code: int | None) -> int | None:
    """Give the code of the management stream for a code of the log; None where it is not known."""
    row = None if code is None else LOG_CODES.get(code)
    return row.management_code if row else None
