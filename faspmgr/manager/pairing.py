"""Which of the files that were asked for is an event about?

ascp names a file by its path alone: the source of a START as that had it, the destination of a stream, and of a
directory each file below it. FaspFileArgIndex is the number of the request, "ever increasing" in a persistent session.

The law of this module: no connection, no clock, no event loop. What becomes of a file is the matter of handles.py.

Why paths do not suffice
    The same path may be asked for again when it has ended, or was cancelled while it waited, and a file may be asked
    for together with a directory that it is in. What is reported of the one is not to be taken for the other. So the
    index that a request was first reported with is its own from then on, also after its end, until its ARGSTOP. ascp
    begins with its files in the order in which it was given them, so that a new index is that of the oldest request
    which it fits. Where an ascp has no index, the worst that happens is a file that has arrived, and is reported as
    failed when the session ends.
What it costs
    Constant time for an event, and the depth of its path. Memory for what has not ended, and MAX_OVER others.
"""

from __future__ import annotations

import posixpath

from faspmgr.manager.handles import FileRequest
from faspmgr.protocol.events import ArgStopEvent, FileEvent

MAX_OVER = 10_000
"""Requests that have ended, and whose ARGSTOP has not come: bounds memory, as an ascp need not send it."""


class Pairing:
    """The requests that were sent to one ascp and that it has not reported as ended, and which an event is about."""

    def __init__(self) -> None:
        # By each path that ascp may name them by, the oldest first.
        self._by_path: dict[str, list[FileRequest]] = {}
        # By their index, as far as it is known.
        self._by_index: dict[int, FileRequest] = {}
        # The same, of those that are reported as ended; the oldest first.
        self._over: dict[int, FileRequest] = {}
        # Count of the requests so far.
        self._count = 0

    def add(self, request: FileRequest) -> None:
        """A request is sent now."""
        self._count += 1
        request.number = self._count
        for path in request.paths:
            self._by_path.setdefault(_key(path), []).append(request)

    def find(self, event: FileEvent | ArgStopEvent) -> FileRequest | None:
        """The request that an event is about; None if it is about none, or one that is reported as ended."""
        file, index = _key(event.file or ""), event.fasp_file_arg_index
        if index is not None:
            known = self._by_index.get(index)
            if known and _is_of(file, known):
                return known
            over = self._over.get(index)
            if over and isinstance(event, ArgStopEvent) and _is_of(file, over):
                del self._over[index]
                return None
        # An ARGSTOP names what was asked for, and never what is below that.
        found = self._candidates(file, index, climb=not isinstance(event, ArgStopEvent))
        if not found:
            return None
        request = min(found, key=lambda each: each.number)
        if index is not None:
            request.index = index
            self._by_index[index] = request
        return request

    def _candidates(self, path: str, index: int | None, climb: bool) -> list[FileRequest]:
        """The requests that a file may belong to."""
        found: list[FileRequest] = []
        while path:
            found += self._by_path.get(path, ())
            above = posixpath.dirname(path)
            if not climb or above == path:
                break
            path = above
        # An ascp may use an index more than once.
        return [each for each in found if index is None or each.index in (None, index)] or found

    def remove(self, request: FileRequest) -> None:
        """Nothing more is expected of a request, nor of older ones of its path that were given up."""
        there = self._by_path.get(_key(request.paths[0]), [])
        for each in [request, *(each for each in there if each.ended and each.number < request.number)]:
            for path in dict.fromkeys(map(_key, each.paths)):
                left = [other for other in self._by_path.get(path, ()) if other is not each]
                if left:
                    self._by_path[path] = left
                else:
                    self._by_path.pop(path, None)
            if each.index is not None and self._by_index.get(each.index) is each:
                self._over[each.index] = self._by_index.pop(each.index)
        while len(self._over) > MAX_OVER:
            del self._over[next(iter(self._over))]


def _key(path: str) -> str:
    """A path as it is compared: a directory may be named with a slash at its end."""
    return path.rstrip("/") or path[:1]


def _is_of(file: str, request: FileRequest) -> bool:
    """Is this what was asked for, or below it?"""
    paths = [_key(path) for path in request.paths]
    return any(file == path or file.startswith(path.rstrip("/") + "/") for path in paths)
