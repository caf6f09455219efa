"""What ``run`` and ``listen`` share while transfers are running: the files of --view, and signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from faspmgr.errors import CommandError
from faspmgr.tracking import Session, Tracker

if TYPE_CHECKING:
    from faspmgr.views import ViewWriter


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


def on_signals(act: Callable[[signal.Signals], Any]) -> None:
    """Call act in the running loop for Ctrl-C, SIGTERM and, except under nohup, a terminal that has gone."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, act, number)
