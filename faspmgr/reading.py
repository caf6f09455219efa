"""The events of whatever was recorded, recognised by its content. Today that is a capture of the management stream.

A line of code may stand here if it chooses who reads a source, or hands on what that one made of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from faspmgr.captures.feed import pump
from faspmgr.captures.sources import Source
from faspmgr.captures.unwrap import Unwrap
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser


def read(source: Source, *, follow: bool = False, unwrap: Unwrap = None) -> Iterator[Event]:
    """Read the events of a recorded or live stream, as they come.

    Problems are skipped without a word: to learn of them, use ``faspmgr.captures.pump`` with a Parser of your own.

    Args:
        source: a path, ``-`` for standard input, or a binary file; plain or gzip.
        follow: wait for more at the end of the file, without end. For paths; other sources are read to their end.
        unwrap: None, or how to find messages inside of another log: ``"auto"``, ``"bullets"``, ``"brackets"``, or a
            regular expression; see ``faspmgr.captures.unwrap``.

    Yields:
        The events, each as soon as its message is complete.

    Raises:
        OSError: the source cannot be opened or read.
        CaptureError: the source is damaged. The events before the damage have been yielded.
        ValueError: unwrap is an invalid regular expression.
        TypeError: the source is a text file instead of a binary one, or unwrap is no text.

    Example:
        >>> import io
        >>> [event.type for event in read(io.BytesIO(b"FASPMGR 2\\nType: DONE\\n\\n"))]
        ['DONE']
    """
    for events in pump(source, Parser(), follow=follow, unwrap=unwrap):
        yield from events
