"""The events of whatever was recorded, recognised by its content. Today that is a capture of the management stream."""

from __future__ import annotations

from collections.abc import Iterator

from faspmgr.captures.sources import Source, pump
from faspmgr.captures.unwrap import Unwrap
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser


def read(source: Source, *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[Event]:
    """Read the events of a recorded or live stream, as they come.

    Problems are passed over: use ``faspmgr.captures.pump`` with a Parser of your own to hear of them.

    Args:
        source: path, ``-`` for standard input, or a binary file; plain or gzip.
        follow: go on when the end of the file is reached, and wait for more, for ever.
        unwrap: None, or how to find messages inside of another log: ``"auto"``, ``"bullets"``, ``"brackets"``, or a
            regular expression; see ``faspmgr.captures.unwrap``.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged.
        ValueError: unwrap is no regular expression.
        TypeError: a text file instead of a binary one.

    Example:
        >>> import io
        >>> [event.type for event in read(io.BytesIO(b"FASPMGR 2\\nType: DONE\\n\\n"))]
        ['DONE']
    """
    for events in pump(source, Parser(), follow=follow, unwrap=unwrap):
        yield from events
