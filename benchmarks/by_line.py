"""What JSON costs: ``python benchmarks/by_line.py orjson|msgspec FILE`` reads a file line by line, and keeps nothing.

Imports stand where they are needed: start-up is measured by itself, and each library has only its own.
"""

from __future__ import annotations

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


def main() -> None:
    load = loader(sys.argv[1])
    with open(sys.argv[2], "rb") as file:
        for line in file:
            load(line)


if __name__ == "__main__":
    main()
