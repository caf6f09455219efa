"""The logs of a command: reads them one after the other, says what is wrong with them, and knows the status.

A log that cannot be read does not stop the others: it is reported, and the worst status remains.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import NamedTuple

import click

from faspmgr.captures import chunks
from faspmgr.cli.reading import name_of
from faspmgr.cli.text import printable, size
from faspmgr.errors import CaptureError
from faspmgr.exit_status import ExitStatus
from faspmgr.logs import LogReader, LogRecord
from faspmgr.logs.reader import MAX_LINE_BYTES, QUIET_POLLS
from faspmgr.logs.rotation import expand, ordered
from faspmgr.logs.times import written_at
from faspmgr.reading import HEADER


class Batch(NamedTuple):
    """Records that came together.

    Attributes:
        records: in the order of the log.
        idle: the log rests.
    """

    records: list[LogRecord]
    idle: bool


class LogReading:
    """Reads logs one after the other.

    Attributes:
        status: the exit status so far.
    """

    def __init__(
        self, files: tuple[str, ...], *, follow: bool, timezone: tzinfo | None, say_times: bool = True
    ) -> None:
        """Check the options.

        Args:
            files: paths of logs, or of directories with logs; ``-`` or nothing for standard input.
            follow: wait for more at the end of the log.
            timezone: of times without one; None for that of this machine.
            say_times: write a line about what times leave out; not where none matters.

        Raises:
            click.UsageError: several logs to follow, or a directory.
        """
        self.status = ExitStatus.DONE
        self._files = files or ("-",)
        self._follow = follow
        self._timezone = timezone
        # Logs that could not be read to their end.
        self._failures = 0
        # What the times of a log leave out was said, or need not be.
        self._said_times = not say_times
        if follow and len(self._files) > 1:
            raise click.UsageError("--follow reads one FILE, not several.")
        if follow and os.path.isdir(self._files[0]):
            raise click.UsageError(f"--follow reads a FILE, and {self._files[0]} is a directory.")

    def batches(self) -> Iterator[Batch]:
        """Give the records of all logs as they arrive, rotated ones in the order in which they were written."""
        for path in ordered(self._paths()):
            failures = self._failures
            known = False
            start = b""
            for piece, batch in self._pump(path):
                start = start or piece[: len(HEADER)]
                if not (known and self._said_times):
                    ours = [record for record in batch.records if record.kind != "other" or record.level]
                    known = known or bool(ours)
                    self._say_times(path, ours)
                yield batch
            if not known and self._failures == failures:
                is_stream = start == HEADER
                words = "a capture of the management stream, which 'faspmgr summary' and 'faspmgr decode' read"
                self._log(name_of(path), words if is_stream else "no line of ascp's log")

    def _paths(self) -> Iterator[str]:
        """Give the logs, of directories those in them."""
        for file in self._files:
            paths = expand(file)
            if not paths:
                self._fail(file, "no log (*.log) in this directory", ExitStatus.USAGE)
            yield from paths

    def _pump(self, path: str) -> Iterator[tuple[bytes, Batch]]:
        """Read a log: pieces, which may be empty, and what each completes. Only what is wrong with the log is written
        in here, so that an OSError is one of the log and not of the output."""
        name = name_of(path)

        def say_cut(line: int) -> None:
            self._log(f"{name}:{line}", f"longer than {size(MAX_LINE_BYTES)}, the rest of the line is not read")

        reader = LogReader(
            timezone=self._timezone, latest=self._latest(path), path="" if path == "-" else path, on_cut=say_cut
        )
        # Of a pipe a session is to be known as soon as it has ended, whether or not anything follows.
        follow = self._follow or path == "-"
        quiet = 0
        try:
            for piece in chunks(path, follow=follow, log=lambda words: self._log(name, words)):
                quiet = 0 if piece else quiet + 1
                rests = quiet == QUIET_POLLS
                yield piece, Batch(reader.flush() if rests else reader.feed(piece), rests)
        except CaptureError as error:
            self._fail(path, str(error), ExitStatus.MALFORMED)
        except OSError as error:
            self._fail(path, error.strerror or str(error), ExitStatus.USAGE)
        yield b"", Batch(reader.close(), idle=False)

    def _latest(self, path: str) -> datetime | None:
        """Give the time when a log was written last, from which come the years that its lines leave out."""
        try:
            return None if path == "-" or self._follow else written_at(path)
        except OSError:  # reported when it is read
            return None

    def _say_times(self, path: str, records: list[LogRecord]) -> None:
        """Say, once, what the times of a log leave out and what was taken for it."""
        record = None if self._said_times else next((record for record in records if record.assumed), None)
        if record is None or record.time is None:
            return
        self._said_times = True
        missing = [name for name in record.assumed if name == "year" or self._timezone is None]
        if missing:
            taken = {"zone": "as local", "year": "as of the latest year possible"}
            words = f"times have no {' and no '.join(missing)}: taken {' and '.join(taken[name] for name in missing)}"
            option = "; --timezone gives another zone" if "zone" in missing else ""
            self._log(name_of(path), f"{words}, such as {record.time.isoformat(timespec='seconds')}{option}")

    def _fail(self, path: str, reason: str, status: ExitStatus) -> None:
        self.status = max(self.status, status)
        self._failures += 1
        self._log(name_of(path), reason)

    def _log(self, place: str, words: str) -> None:
        click.echo(printable(f"{place}: {words}"), err=True)
