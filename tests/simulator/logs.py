"""Reading the logs that a simulated ascp writes, for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from faspmgr.logs import LogEvents, LogReader, LogRecord
from faspmgr.tracking import Tracker

NAME = "aspera-scp-transfer.log"


def read(data: bytes) -> list[LogRecord]:
    """All records of a log."""
    reader = LogReader()
    return reader.feed(data) + reader.close()


def read_folder(folder: Path) -> list[LogRecord]:
    """All records of the newest log in a folder."""
    return read((folder / NAME).read_bytes())


def of(records: Sequence[LogRecord], kind: str) -> list[dict[str, Any]]:
    """The fields of all records of a kind."""
    return [record.fields for record in records if record.kind == kind]


def tracked_log(records: Sequence[LogRecord]) -> Tracker:
    """What a tracker that keeps all files makes of a log."""
    log = LogEvents()
    tracker = Tracker(keep_files="all")
    for record in records:
        for event in log.feed(record):
            tracker.update(event)
    for event in log.close():
        tracker.update(event)
    tracker.close()
    return tracker
