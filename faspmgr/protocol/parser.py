"""The parser: bytes in, typed events out.

::

    bytes ──grammar──▶ Frame ──events──▶ Event
      └──────────cached layouts────────────▲

A message of a cached layout becomes an event at once; any other is read line by line and becomes one field by field.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from faspmgr.protocol.events import Event, make_event
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.layouts import event_layout
from faspmgr.protocol.problems import Problem, excerpt
from faspmgr.protocol.tokenizer import StreamReader

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Parser(StreamReader[Event]):
    """Turns the bytes of a management stream into Events. No I/O: it is fed.

    Args:
        strict: raise ProtocolError at the first problem.
        max_frame_bytes: longest message, in bytes, at least 1. A limit for security: it bounds memory.
        on_problem: called with each Problem as it is found. It must not call the reader. An exception of it leaves
            ``feed()`` or ``close()`` once the data are read; the next call reports the problems that followed, and
            returns the events.
        max_data_bytes: as for Tokenizer; the data are those of the event's ``to_frame()``.

    Example:
        >>> parser = Parser()
        >>> parser.feed(b"FASPMGR 2\\nType: STOP\\nFile: a.txt\\nSize: 4")
        []
        >>> parser.feed(b"2\\n\\n")
        [StopEvent(file='a.txt', size=42)]
    """

    _make_layout = staticmethod(event_layout)

    def _make(self, frame: Frame) -> Event:
        return make_event(frame, self._report_value)

    def _report_value(self, frame: Frame, index: int, wire: str, reason: str) -> None:
        offset, line = frame.place_of(index)
        raw = f"{wire}: {frame.fields[wire]}".encode("utf-8", "surrogateescape")
        words = f"invalid value of {wire}: {reason}; kept as text"
        self._report(Problem("value", offset, line, words, excerpt(raw[: self._max])))


def parse(data: Buffer) -> list[Event]:
    """Parse a whole stream in one call. Problems are skipped: Parser reports them.

    Args:
        data: any bytes-like object.

    Returns:
        The events, in the order of the stream.

    Example:
        >>> [event.type for event in parse(b"FASPMGR 2\\nType: INIT\\n\\nFASPMGR 2\\nType: DONE\\n\\n")]
        ['INIT', 'DONE']
    """
    parser = Parser()
    return parser.feed(data) + parser.close()
