"""Progress for people and for programs: what ``watch``, ``run`` and ``listen --progress`` show of running transfers.

``base`` has the stream that is written to, and when to draw; ``lines``, ``jsonl`` and ``bars`` are what is drawn, one
module for each kind; ``facts`` has the words for a transfer.

What it must do
    ``update()`` is called after each batch of events, thousands of times a second. Unless it is time to draw, it only
    looks at the clock. Drawing happens ten times a second at most and takes a tenth of the time at most: ten thousand
    sessions, which take long to draw, are drawn less often and do not hold up who reads the stream.
What must never happen
    That drawing ends a transfer, or stops it. Where the stream goes away (EPIPE, EIO, closed), drawing ends and nothing
    is raised. Where its reader stops reading (Ctrl-S, a pager), drawings are left out until he goes on; the last one
    waits for him. Bytes of the stream reach the terminal as printable characters only.
Nothing here runs by itself: no thread, no timer, no signal handler. Each drawing asks for the size of the terminal.
``run`` and ``listen`` write in the background, see ``faspmgr.cli.streams``.
"""

from __future__ import annotations

import os
from typing import TextIO

from faspmgr.cli.command_error import CommandError
from faspmgr.cli.progress.base import Output, Progress
from faspmgr.cli.progress.jsonl import JsonLines
from faspmgr.cli.progress.lines import Lines, PlainLine

__all__ = ["MODES", "Output", "Progress", "make_progress"]

MODES = ("auto", "bar", "plain", "json", "none")


def make_progress(mode: str, stream: TextIO, *, width: int | None = None) -> Progress:
    """Make what shows progress on a stream.

    Args:
        mode: ``auto`` (on a terminal bars if rich is installed, else one line that is rewritten; elsewhere a line every
            five seconds), ``bar`` (bars, to any stream), ``plain`` (as auto, without bars), ``json`` (JSON Lines), or
            ``none``.
        stream: where it is shown.
        width: columns; by default those of the terminal.

    Raises:
        ValueError: another mode.
        CommandError: ``bar``, and rich is not installed.
    """
    if mode not in MODES:
        raise ValueError(f"invalid mode: {mode!r}; it must be one of {', '.join(MODES)}")
    output = Output(stream, width)
    if mode == "none":
        return Progress(output)
    if mode == "json":
        return JsonLines(output)
    can_move_cursor = output.is_terminal and os.environ.get("TERM") != "dumb"
    if mode == "bar" or (mode == "auto" and can_move_cursor):
        try:
            from faspmgr.cli.progress.bars import Bars
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] != "rich":
                raise
            if mode == "bar":
                raise CommandError("--progress bar needs rich: pip install 'faspmgr[watch]'") from error
        else:
            return Bars(output)
    return PlainLine(output) if output.is_terminal else Lines(output)
