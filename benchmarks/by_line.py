"""What others cost: ``python benchmarks/by_line.py LIBRARY FILE`` reads a file line by line, and keeps nothing.

LIBRARY is orjson or msgspec, for lines of JSON, or ``expression``, for a log of ascp: a regular expression with named
groups, as those write it who read such a log today.

Imports stand where they are needed: start-up is measured by itself, and each library has only its own.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any


def loader(library: str) -> Callable[[bytes], Any]:
    """Give what decodes a line: orjson into a dict, msgspec into the Struct of the base."""
    if library == "orjson":
        import orjson

        return orjson.loads
    import msgspec

    class Event(msgspec.Struct, gc=False):
        """Exactly the fields that the STATS and STOP messages of the stream have; each may be missing."""

        type: str | None = None
        file: str | None = None
        size: int | None = None
        written: int | None = None
        bytes_cont: int | None = None
        loss: int | None = None
        elapsed_usec: int | None = None
        session_id: str | None = None
        user_str: str | None = None
        start_byte: int | None = None
        transfer_bytes: int | None = None
        file_bytes: int | None = None
        delay: int | None = None
        fasp_file_arg_index: int | None = None
        fasp_file_id: str | None = None

    return msgspec.json.Decoder(Event).decode


def expression() -> re.Pattern[str]:
    """Give what reads the line of a file in a log."""
    return re.compile(
        r"(?P<time>\S+ \S+) \[(?P<process>[0-9a-f]+)-(?P<thread>[0-9a-f]+)\] (?P<level>[A-Z]+) "
        r"FASP Transfer (?P<event>Start|Stop) uuid=(?P<uuid>\S+) op=(?P<op>\w+) status=(?P<status>\w+)"
        r'(?: errcode=(?P<errcode>\d+) errstr="(?P<errstr>[^"]*)")?'
        r' file="(?P<file>[^"]*)" size=(?P<size>\d+) start_byte=(?P<start_byte>\d+) rate=(?P<rate>\S+)'
        r"(?: elapsed=(?P<elapsed>[\d.]+)s)? loss=(?P<loss>[\d.]+) rexreqs=(?P<rexreqs>\d+) overhead=(?P<overhead>\d+)"
        r'(?: mtime="(?P<mtime>[^"]*)")?'
    )


def main() -> None:
    library, path = sys.argv[1:]
    if library == "expression":
        match = expression().match
        with open(path, encoding="utf-8", errors="replace") as log:
            for text in log:
                match(text)
        return
    load = loader(library)
    with open(path, "rb") as file:
        for line in file:
            load(line)


if __name__ == "__main__":
    main()
