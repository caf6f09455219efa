"""What ``run`` and ``listen`` share: views that are kept in files, and signals."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from faspmgr.errors import CommandError
from faspmgr.tracking import Session, Tracker

if TYPE_CHECKING:
    from faspmgr.views import ViewWriter


def _parse_views(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    if values:
        from faspmgr.views import KINDS  # only loaded for this option
    for value in values:
        kind, _, path = value.partition("=")
        if kind not in KINDS or not path:
            raise click.BadParameter(f"{value!r} is not KIND=FILE, with a KIND of {', '.join(KINDS)}.")
        pairs.append((kind, path))
    return tuple(pairs)


view_option = click.option(
    "--view",
    "views",
    multiple=True,
    metavar="KIND=FILE",
    callback=_parse_views,
    help="Keep the state in FILE as 'view KIND' prints it, written anew once a second; more than once for several.",
)


def tracker_for(views: tuple[tuple[str, str], ...]) -> Tracker:
    """A tracker that keeps what these views need."""
    if not views:
        return Tracker()
    from faspmgr.views.mapping import keep_files

    return Tracker("all" if any(keep_files(kind) == "all" for kind, _ in views) else "unfinished")


@contextlib.contextmanager
def writing(
    views: tuple[tuple[str, str], ...], tracker: Tracker, say: Callable[[str], None]
) -> Iterator[Callable[[], None]]:
    """Keeps the files of the views; gives what is to be called now and then to bring them up to date."""
    writers: list[ViewWriter] = []
    if views:
        from faspmgr.views import ViewWriter

        for kind, path in views:
            try:
                writers.append(ViewWriter(kind, path, tracker, on_error=say))
            except OSError as error:
                raise CommandError(f"--view {kind}: {error.filename or path}: {error.strerror or error}") from error

    seen: Mapping[Session, tuple[int, str]] = {}  # events and state of each session at the last look

    def update() -> None:
        nonlocal seen
        if not writers:
            return
        now = {session: (session.event_count, session.state) for session in tracker.sessions}
        changed = [session for session, marks in now.items() if seen.get(session) != marks]
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
    """Call act in the running loop for Ctrl-C, SIGTERM and a terminal that has gone; not for the last under nohup."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            loop.add_signal_handler(number, act, number)
