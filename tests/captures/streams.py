"""What the tests of this folder share: short messages, and sources that break off."""

from __future__ import annotations

from typing import Any

from faspmgr.captures import pump
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import Parser


def message(number: int) -> bytes:
    return b"FASPMGR 2\nType: STATS\nSize: %d\n\n" % number


def sizes(events: list[Event]) -> list[int]:
    return [event.size for event in events]  # type: ignore[attr-defined]


def results_until_error(
    source: Any, error: type[Exception], parser: Parser | None = None, **options: Any
) -> tuple[list[Event], str]:
    """The events that came before an error, and its text. The options are those of pump()."""
    events: list[Event] = []
    try:
        for results in pump(source, parser or Parser(), **options):
            events += results
    except error as raised:
        return events, str(raised)
    raise AssertionError("no error")
