"""The logs of a command: reads them one after the other, reports what is wrong with them, and has the exit status.

A log that cannot be read does not stop the others: it is reported, and the worst status remains.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import tzinfo
from typing import NamedTuple

import click

from faspmgr.captures import pump
from faspmgr.cli.reading import name_of
from faspmgr.cli.text import printable, size
from faspmgr.errors import CaptureError
from faspmgr.exit_status import ExitStatus
from faspmgr.logs import LogReader, LogRecord
from faspmgr.logs.lines import is_ascp
from faspmgr.logs.reader import MAX_LINE_BYTES, year_of
from faspmgr.logs.rotation import expand, ordered
from faspmgr.logs.times import written_at


class Batch(NamedTuple):
    """Records that came together."""

    records: list[LogRecord]
    """In the order of the log."""
    idle: bool = False
    """Whether nothing comes for a while."""


class _BatchReader:
    """Reads a log like its LogReader, in batches."""

    def __init__(self, reader: LogReader) -> None:
        self._reader = reader
        self.begin_file = reader.begin_file

    def feed(self, data: bytes) -> list[Batch]:
        return [Batch(self._reader.feed(data))]

    def idle(self) -> list[Batch]:
        return [Batch(self._reader.idle(), idle=True)]

    def close(self) -> list[Batch]:
        return [Batch(self._reader.close())]


class LogReading:
    """Reads logs one after the other.

    Args:
        files: paths of logs, or of directories with logs; ``-`` or nothing for standard input.
        follow: wait for more at the end of the log.
        timezone: of times without one; None for that of this machine.
        report_times: report what times leave out, once.

    Raises:
        click.UsageError: several logs to follow, or a directory.
    """

    def __init__(
        self, files: tuple[str, ...], *, follow: bool, timezone: tzinfo | None, report_times: bool = True
    ) -> None:
        self.status = ExitStatus.DONE
        """Exit status so far."""

        self._files = files or ("-",)
        self._follow = follow
        self._timezone = timezone
        self._report_times = report_times
        self._failures = 0
        if follow and len(self._files) > 1:
            raise click.UsageError("--follow reads one FILE, not several.")
        if follow and os.path.isdir(self._files[0]):
            raise click.UsageError(f"--follow reads a FILE, and {self._files[0]} is a directory.")

    def batches(self) -> Iterator[Batch]:
        """Read the records of all logs as they arrive, rotated ones in the order in which they were written."""
        paths: list[str] = []
        for file in self._files:
            found = expand(file)
            if not found:
                self._fail(file, "no log (*.log) in this directory", ExitStatus.USAGE)
            paths += found
        # In a directory there may be logs of other programs, too.
        other_logs, any_log = False, False
        for path in ordered(paths):
            failures, first, has_form, has_ascp = self._failures, None, False, False
            for batch in self._read(path):
                for record in batch.records if not has_ascp else ():
                    first = record if first is None else first
                    # A line without a prefix may be of any program, unless its words are those of ascp.
                    if record.stamp or record.host or record.kind != "other" or record.level == "LOG":
                        has_form = True
                        has_ascp = has_ascp or is_ascp(record.program)
                if self._report_times:
                    self._report_missing(path, batch.records)
                yield batch
            any_log = any_log or has_form
            if has_ascp or self._failures > failures:
                continue
            if first is None or has_form:
                self._log(path, "no line of ascp's log")
                continue
            words = "not ascp's log: no line has the form of any known log"
            if first.message.startswith("FASPMGR"):
                words = "a capture of the management stream, which 'faspmgr summary' and 'faspmgr decode' read"
            self._log(path, words)
            other_logs = True
            if path in self._files:
                self.status = max(self.status, ExitStatus.NO_RESULT)
        if other_logs and not any_log:
            self.status = max(self.status, ExitStatus.NO_RESULT)

    def _read(self, path: str) -> Iterator[Batch]:
        """Read one log. It writes only about the log itself, so that an OSError here is not one of the output."""
        # Of a pipe, a session is reported as soon as it has ended, whether or not anything follows.
        follow = self._follow or path == "-"
        reader: _BatchReader | None = None
        try:
            latest = None if follow else written_at(path)
            reader = _BatchReader(
                LogReader(
                    timezone=self._timezone,
                    latest=latest,
                    year=year_of(path, latest),
                    path="" if path == "-" else path,
                    on_cut=lambda line: self._log(
                        path, f"longer than {size(MAX_LINE_BYTES)}, the rest of the line is not read", line
                    ),
                )
            )
            for batches in pump(path, reader, follow=follow, log=lambda words: self._log(path, words)):
                yield from batches
        except CaptureError as error:
            self._fail(path, str(error), ExitStatus.MALFORMED)
        except OSError as error:
            self._fail(path, error.strerror or str(error), ExitStatus.USAGE)
            if reader:
                yield from reader.close()

    def _report_missing(self, path: str, records: list[LogRecord]) -> None:
        """Report what the times of the first log without a zone or a year leave out, and what is added to them."""
        record = next((record for record in records if record.assumed and is_ascp(record.program)), None)
        if record is None or record.time is None:
            return
        self._report_times = False
        missing = [name for name in record.assumed if name == "year" or self._timezone is None]
        if missing:
            added = {"zone": "as local", "year": "as of the latest year possible"}
            words = f"times have no {' and no '.join(missing)}: taken {' and '.join(added[name] for name in missing)}"
            option = "; --timezone gives another zone" if "zone" in missing else ""
            self._log(path, f"{words}, such as {record.time.isoformat(timespec='seconds')}{option}")

    def _fail(self, path: str, reason: str, status: ExitStatus) -> None:
        self.status = max(self.status, status)
        self._failures += 1
        self._log(path, reason)

    def _log(self, path: str, words: str, line: int | None = None) -> None:
        place = name_of(path) if line is None else f"{name_of(path)}:{line}"
        click.echo(printable(f"{place}: {words}"), err=True)
