"""Command lines of sessions that a program drives: their files are not named by them, but given while they run."""

from __future__ import annotations

import re
from collections.abc import Sequence

from faspmgr.ascp.options import first_argument, has_option, with_option

# user@host:path, as ascp takes its destination.
_REMOTE = re.compile(r"(?:([^:/]*)@)?(\[[^]]+]|[^@:/\[\]]+):(.*)", re.DOTALL)


def driven_argv(argv: Sequence[str], *, persistent: bool = False, streaming: bool = False) -> list[str]:
    """Make the command line of a session that a program drives.

    A destination ``user@host:path`` is taken apart, unless the command line has ``--mode`` or ``--host``: a persistent
    session refuses it (seen, 3.9.0), and what is known of streams has it in parts.

    Args:
        argv: the command line, the program first.
        persistent: files are given to the session; adds ``--keepalive``.
        streaming: files are streamed into the session; adds ``--faspmgr-io``.

    Returns:
        A new command line; argv is not changed.

    Example:
        >>> driven_argv(["ascp", "-l", "7m", "xfer@host:/in"], persistent=True)
        ['ascp', '--mode=send', '--host=host', '--user=xfer', '--keepalive', '-l', '7m', '/in']
    """
    words = list(argv)
    for wanted, option in ((persistent, "--keepalive"), (streaming, "--faspmgr-io")):
        if wanted:
            words = with_option(words, option)
    first = first_argument(words)
    remote = _REMOTE.fullmatch(words[first]) if first == len(words) - 1 else None
    if not remote or has_option(words, "--mode") or has_option(words, "--host"):
        return words
    user, host, path = remote.groups()
    words[first:] = ["--", path] if path.startswith("-") and words[first - 1] != "--" else [path or "."]
    if user:
        words = with_option(words, "--user", user)
    return with_option(with_option(words, "--host", host.strip("[]")), "--mode", "send")
