"""What ``run`` and ``listen`` share while transfers are running: the files of --view, signals, and output."""

from __future__ import annotations

import contextlib
import functools
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from faspmgr.cli import streams
from faspmgr.errors import CommandError
from faspmgr.manager.signals import SignalHandler
from faspmgr.tracking import Session, Tracker

if TYPE_CHECKING:
    from faspmgr.views import ViewWriter

ENDING_SIGNALS = ("SIGINT", "SIGTERM", "SIGQUIT", "SIGHUP")
"""Ctrl-C, an order to end, Ctrl-\\, and a terminal that has gone. Windows has not all of them."""


def tracker_for(views: tuple[tuple[str, str], ...]) -> Tracker:
    """Make a tracker that keeps what these views need, pairs of kind and path."""
    if not views:
        return Tracker()
    from faspmgr.views import keep_files

    return Tracker("all" if any(keep_files(kind) == "all" for kind, _ in views) else "unfinished")


@contextlib.contextmanager
def writing(
    views: tuple[tuple[str, str], ...], tracker: Tracker, log: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Keep the files of views while the block runs.

    Args:
        views: pairs of kind and path.
        tracker: whose sessions are shown.
        log: receives a line when a file cannot be written.

    Yields:
        What to call now and then; it brings the files up to date.

    Raises:
        CommandError: a path where no file can be written.
    """
    writers: list[ViewWriter] = []
    if views:
        from faspmgr.views import ViewWriter

        for kind, path in views:
            try:
                writers.append(ViewWriter(kind, path, tracker, on_error=log))
            except OSError as error:
                raise CommandError(f"--view {kind}: {error.filename or path}: {error.strerror or error}") from error

    # Number of events and state of each session at the last call.
    seen: Mapping[Session, tuple[int, str]] = {}

    def update() -> None:
        nonlocal seen
        if not writers:
            return
        now = {session: (session.event_count, session.state) for session in tracker.sessions}
        changed = [session for session, version in now.items() if seen.get(session) != version]
        seen = now
        for writer in writers:
            for session in changed:
                writer.update(session)
            writer.update()

    try:
        yield update
    finally:
        for writer in writers:
            writer.close()


def live(function: Callable[..., int]) -> Callable[..., int]:
    """Make a command one that handles signals, and that no reader of its output can hold up.

    Args:
        function: the command. Its first argument is the SignalHandler, to be given what is done in the loop.
    """

    @functools.wraps(function)
    def command(*args: Any, **options: Any) -> int:
        if hasattr(signal, "SIGCHLD") and signal.getsignal(signal.SIGCHLD) is signal.SIG_IGN:
            # Inherited from whoever has started us: no exit status of ascp could be known.
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        there = [signal.Signals[name] for name in ENDING_SIGNALS if hasattr(signal, name)]
        # Under nohup SIGHUP stays ignored. A shell lets programs in the background ignore some of the others, and then
        # there would be no orderly way to end them.
        handled = [each for each in there if each.name != "SIGHUP" or signal.getsignal(each) is not signal.SIG_IGN]
        with SignalHandler(handled) as signals, streams.background(lambda: len(signals.received) > 1):
            return function(signals, *args, **options)

    return command
