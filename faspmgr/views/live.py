"""Views of a stream while it goes on: when each of its sessions began, and a file that always holds the latest state.

What a file costs: it is written at most once a second, and if writing takes long (a channel with very many files), it
is written less often, so that nine tenths of the time remain for the stream.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from faspmgr.tracking import Session, Tracker
from faspmgr.views.facts import Facts
from faspmgr.views.mapping import KINDS, fill

if TYPE_CHECKING:
    from faspmgr.ascp import AscpInfo

INTERVAL_SECONDS = 1.0
SHARE = 9
"""After writing for a second, no writing for so many."""
_LONGEST_USEC = 100 * 365 * 86_400 * 1_000_000
"""No session has run for longer; a clock that says so does not move the date out of what a datetime holds."""


class StreamClock:
    """The clock of a stream with any number of sessions, each of which counts its own microseconds.

    It starts with the first session. Another one that appears later began, as far as the stream can tell, when the
    clock stood where it stands, less the time that its first message already counts.

    usec: microseconds since the start, as far as the stream has come. start_time: when the first session began, with a
    time zone; None if that is not known.
    """

    def __init__(self, start_time: datetime | None = None) -> None:
        self.start_time = start_time
        self.usec = 0
        self._began: WeakKeyDictionary[Session, int] = WeakKeyDictionary()

    def see(self, session: Session) -> None:
        """Called after each event, with the session it belongs to."""
        began = self._began.get(session)
        if began is None:
            began = self._began[session] = max(0, self.usec - session.elapsed_usec)
        self.usec = max(self.usec, began + session.elapsed_usec)

    def start_of(self, session: Session) -> datetime | None:
        """When the session began; None without a start time, for a session not seen, and beyond the year 9999."""
        began = self._began.get(session)
        if self.start_time is None or began is None:
            return None
        try:
            return self.start_time + timedelta(microseconds=began)
        except OverflowError:
            return None


class ViewWriter:
    """Keeps a file with the views of all sessions of a tracker, one JSON object on a line for each, as they appeared.

    Another program that reads the file finds whole objects at any time: each state is written to a new file, which then
    takes the place of the old one. It is readable as the umask says; there is no secret in it.
    A channel's file, and the memory for it, grow with the files of the transfer.

    kind: channel, connection, destination or server. path: what a link leads to is replaced, not the link. tracker:
    whose sessions are shown; keep_files(kind) says what it must keep of their files. ascp: as for faspmgr.views.server.
    on_error: called with one line when writing begins to fail; it is tried again. clock (seconds, monotonic) and now
    (the time, with its zone): for tests.

    error: why the file is not as new as it should be, None if it is. Only making a ViewWriter raises: ValueError for a
    kind that is none, OSError for a path that is something else than a file, or whose folder is not there.

    >>> writer = ViewWriter("channel", path, tracker)      # doctest: +SKIP
    >>> writer.update(tracker.update(event))               # doctest: +SKIP
    >>> writer.update()  # now and then, so that the latest state is written while no event comes  # doctest: +SKIP
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
            raise ValueError(f"no view is called {kind!r}: {', '.join(KINDS)}")
        self.kind = kind
        self.path = _writable(path)
        self.error: OSError | None = None
        self._tracker = tracker
        self._ascp = ascp
        self._on_error = on_error
        self._clock = clock
        self._now = now
        self._starts: WeakKeyDictionary[Session, datetime] = WeakKeyDictionary()
        self._due = clock()
        self._changed = False

    def update(self, session: Session | None = None) -> None:
        """Take note of the session that an event has changed, and write if it is time to. Without a session: only write
        what is not written yet."""
        if session is not None:
            self._changed = True
            self._start_of(session)
        if self._changed and self._clock() >= self._due:
            self._write()

    def close(self) -> None:
        """Write the final state, however short ago the last was."""
        self._write()

    def _write(self) -> None:
        began = self._clock()
        try:
            _replace(self.path, "".join(map(self._line, self._tracker.sessions)).encode())
            self._changed, self.error = False, None
        except OSError as error:
            if self.error is None and self._on_error:
                self._on_error(f"{self.path}: the view cannot be written: {error.strerror or error}")
            self.error = error
        ended = self._clock()
        self._due = ended + max(INTERVAL_SECONDS, SHARE * (ended - began))

    def _line(self, session: Session) -> str:
        shown = fill(self.kind, Facts(session, self._start_of(session), self._ascp)).to_dict()
        return json.dumps(shown, allow_nan=False) + "\n"  # ASCII: names that are no UTF-8 are valid JSON, too

    def _start_of(self, session: Session) -> datetime:
        """When the session began: what its own clock said when it was first seen, before that."""
        if session not in self._starts:
            self._starts[session] = self._now() - timedelta(microseconds=min(session.elapsed_usec, _LONGEST_USEC))
        return self._starts[session]


def _writable(path: str | os.PathLike[str]) -> str:
    """The file that a path leads to; OSError if it is something that must not be replaced, or its folder is missing."""
    path = os.path.realpath(path)
    os.stat(os.path.dirname(path))
    if os.path.isdir(path):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if os.path.exists(path) and not os.path.isfile(path):
        raise OSError(errno.EINVAL, "not a file", path)
    return path


def _replace(path: str, data: bytes) -> None:
    """Write the data to a new file in the same folder, and give it the path's name."""
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
