"""Views while a stream goes on: when each of its sessions began, and a file that always holds the latest state.

The file is written once a second at most, and less often if writing takes long, as for a channel with very many files:
nine tenths of the time remain for the stream.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from faspmgr.arguments import check_callbacks
from faspmgr.jsontext import to_json
from faspmgr.tracking import Session, Tracker
from faspmgr.views.kinds import KINDS, view

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

INTERVAL_SECONDS = 1.0
"""Shortest time from one writing to the next."""
SHARE = 9
"""Pause after writing, in multiples of the time that writing took."""


class StreamClock:
    """Clock of a stream with any number of sessions, each of which counts its own microseconds.

    If the time of a message is known, its session began then, less the microseconds that it counted by then. Otherwise
    the clock starts with the first session, and another one began when the clock showed what it shows at the first
    message of that session, less what this message counts.

    Args:
        start_time: when the first session began, with a time zone; None if that is unknown.
    """

    def __init__(self, start_time: datetime | None = None) -> None:
        self.start_time = start_time
        """When the first session began, as it was given."""
        self.usec = 0
        """Microseconds from the start, or from the first known time, to the latest message."""
        # When each session began: in microseconds since the start, or by the calendar; None beyond the calendar.
        self._began: WeakKeyDictionary[Session, int | datetime | None] = WeakKeyDictionary()
        # The first known time.
        self._first: datetime | None = None

    def __contains__(self, session: Session) -> bool:
        return session in self._began

    def see(self, session: Session, now: datetime | None = None) -> None:
        """Note the time of a session; to be called after each event, with the session that the event belongs to.

        Args:
            session: the session.
            now: time of the event, with a time zone; None if it is unknown.
        """
        elapsed = session.elapsed_usec or 0
        if now is not None:
            self._first = self._first or now
            self.usec = max(self.usec, (now - self._first) // timedelta(microseconds=1))
            if session not in self:
                try:
                    self._began[session] = now - timedelta(microseconds=elapsed)
                except OverflowError:
                    self._began[session] = None
            return
        began = self._began.setdefault(session, max(0, self.usec - elapsed))
        if isinstance(began, int):
            self.usec = max(self.usec, began + elapsed)

    def start_of(self, session: Session) -> datetime | None:
        """Return when the session began; None if that is unknown, and beyond the year 9999."""
        began = self._began.get(session)
        if not isinstance(began, int):
            return began
        if self.start_time is None:
            return None
        try:
            return self.start_time + timedelta(microseconds=began)
        except OverflowError:
            return None


class ViewWriter:
    """Keep a file with the views of all sessions of a tracker, one JSON object a line, in their order of appearance.

    Another program that reads the file finds whole objects at any time: each state is written to a new file, which then
    takes the place of the old one. It is readable as the umask allows; there is no secret in it. The file of a channel,
    and the memory for it, grow with the files of the transfer.

    Args:
        kind: one of ``KINDS``.
        path: the file. If it is a link, the file that the link leads to is replaced, and the link stays.
        tracker: whose sessions are shown; ``keep_files(kind)`` says what it must keep of their files.
        ascp: output of ``ascp -A``, for a server; see ``view``.
        on_error: called with one line when writing begins to fail. Writing is tried again.
        clock: seconds, monotonic; for tests.
        now: the time, with its zone; for tests.

    Raises:
        ValueError: the kind is unknown.
        OSError: the path is not a file, or its folder does not exist. Only making a ViewWriter raises.

    Example:
        >>> writer = ViewWriter("channel", path, tracker)      # doctest: +SKIP
        >>> writer.update(tracker.update(event))               # doctest: +SKIP
        >>> writer.update()  # now and then, also while no event comes, to write the latest state  # doctest: +SKIP
        >>> writer.close()   # the final state                 # doctest: +SKIP
    """

    def __init__(
        self,
        kind: str,
        path: str | os.PathLike[str],
        tracker: Tracker,
        *,
        ascp: AscpInfo | None = None,
        on_error: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        if kind not in KINDS:
            raise ValueError(f"unknown view: {kind!r}; there are {', '.join(KINDS)}")
        self.kind = kind
        """Kind of the views."""
        self.path = _writable(path)
        """File that is written, without links."""
        self.error: OSError | None = None
        """Last write error; None after a success."""

        self._tracker = tracker
        self._ascp = ascp
        check_callbacks(on_error=on_error)
        self._on_error = on_error
        self._clock = clock
        self._now = now

        # When each session began.
        self._starts = StreamClock()
        # Before this moment of the clock nothing is written, except by close().
        self._due = clock()
        # Whether there is a state that is not in the file.
        self._changed = False

    def update(self, session: Session | None = None) -> None:
        """Write the file if it is time to, and something has changed since it was written.

        Args:
            session: the session that an event has changed; None if there was no event.
        """
        if session is not None:
            self._changed = True
            self._note_start(session)
        if self._changed and self._clock() >= self._due:
            self._write()

    def close(self) -> None:
        """Write the final state at once."""
        self._write()

    def _write(self) -> None:
        began = self._clock()
        # A failure leaves the old state in the file, and the next update tries again.
        try:
            _replace(self.path, "".join(map(self._line, self._tracker.sessions)).encode())
            self._changed, self.error = False, None
        except OSError as error:
            if self.error is None and self._on_error:
                self._on_error(f"{self.path}: cannot write the view: {error.strerror or error}")
            self.error = error
        ended = self._clock()
        self._due = ended + max(INTERVAL_SECONDS, SHARE * (ended - began))

    def _note_start(self, session: Session) -> None:
        if session not in self._starts:
            self._starts.see(session, self._now())

    def _line(self, session: Session) -> str:
        self._note_start(session)
        shown = view(self.kind, session, start_time=self._starts.start_of(session), ascp=self._ascp).to_dict()
        return to_json(shown, ascii=True) + "\n"


def _writable(path: str | os.PathLike[str]) -> str:
    """Return the file that a path leads to; raise OSError if it must not be replaced, or if its folder is missing."""
    path = os.path.realpath(path)
    os.stat(os.path.dirname(path))
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "not a file", path)
    return path


def _replace(path: str, data: bytes) -> None:
    """Replace a file atomically: write a new one in the same folder, and rename it."""
    fresh = os.path.join(os.path.dirname(path), f".faspmgr-{secrets.token_hex(8)}.tmp")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with open(descriptor, "wb") as file:
            file.write(data)
        os.replace(fresh, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(fresh)
        raise
