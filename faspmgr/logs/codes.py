"""The error codes of ascp's log, and which code of the management stream means the same.

``errcode`` in the log is not ``Code`` of the stream: the log numbers its errors differently. Logs of old versions
(2015) have the code and the text of the stream instead. The text beside a number decides which of the two it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

from faspmgr.protocol.codes import BY_DESCRIPTION


@attrs.frozen
class LogCode:
    """One code of the log."""

    code: int
    """Number after ``errcode=``."""
    meaning: str
    """Text of ``errstr``, a phrase without a full stop."""
    management_code: int | None
    """Code of the management stream for the same failure, seen of the same run; None if it is not known."""


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

# The texts of the stream that old logs have beside its codes (public clients list them), from code 1 on.
_STREAM_TEXTS = """\
fasp(tm) error; ASCP error; Ambiguous target; No such file or directory; Insufficient permissions
Target must be a directory; Expected regular file; Incorrect usage of Aspera scp command; Duplicate license
Rate exceeds cap imposed by license; Internal error; Error establishing SSH connection
Timeout establishing SSH connection; Error establishing UDP connection; Timeout establishing UDP connection
Connection lost; Network failure (receiver can't send feedback); Network failure (receiver can't receive UDP data)
Authentication failure; Nothing to transfer; Not a regular file; File table overflow; Too many files open
File too big for filesystem; No space left on disk; Read only filesystem; One or more files failed; Cancelled by user
Unable to access license info; License expired; Unable to set up socket; Out of memory; Unable to spawn thread
Unauthorized; Disk read error; Disk write error; Authorization failure; Operation not permitted by license
Peer aborted session; Data transfer stalled, timed out; File location is outside 'docroot' hierarchy
File or directory already exists; Cannot collect details about file or directory; UDP session initiation fatal error
Bandwidth measurement fatal error; Virtual link error; Error establishing HTTP connection
File encryption/decryption error, e.g. corrupt file; File decryption error, bad passphrase; Invalid configuration
""".replace("\n", "; ").split("; ")

# The texts of the log come last: they win.
_BY_TEXT = {text.casefold(): code for code, text in enumerate(_STREAM_TEXTS, 1) if text} | {
    row.meaning.casefold(): row.management_code for row in LOG_CODES.values()
}


def explain_log(code: int) -> LogCode:
    """Return what a code of the log means.

    Args:
        code: value of ``errcode``; any int.

    Returns:
        The row of the table; of an unknown code a row that says so.

    Example:
        >>> explain_log(63)
        LogCode(code=63, meaning='Source path stat failed', management_code=43)
    """
    return LOG_CODES.get(code) or LogCode(code, "unknown code of the log; errstr has its words", None)


def management_code_of(code: int | None, words: str | None = None) -> int | None:
    """Return the code of the management stream for a failure in the log; None if it is not known.

    Args:
        code: value of ``errcode``.
        words: value of ``errstr``. Known words decide, whatever the number; the number counts beside other words.

    Example:
        >>> management_code_of(14), management_code_of(14, "Error establishing UDP connection")
        (44, 14)
    """
    text = (words or "").strip().casefold()
    for known in (text, text.partition(" (check ")[0]):
        if known in _BY_TEXT:
            return _BY_TEXT[known]
    for stream_code, part, _, _ in BY_DESCRIPTION:
        if code == stream_code and part in text:
            return code
    row = None if code is None else LOG_CODES.get(code)
    return row.management_code if row else None
