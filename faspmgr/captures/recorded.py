"""Read a recording connection by connection: a file or a directory, with a reader for each connection.

A recording is read in steps, so that a file which cannot be read does not stop the others::

    X.fasp                   one step. The bytes are demultiplexed by connection, each with a reader of its own
    X.fasp, no connections   one step, as any other stream
    DIR                      run by run, in the natural order of the names. For each begin a step that gives the first
                             message of the connection, for each end one that gives the rest
    DIR, no connections      file by file, in the natural order of the names

In a directory, connections at the same time overlap in this order as they did in time, as far as it matters: one that
began before another had ended is another part, one that began after it may be another attempt.

If the file with the connections is invalid, one line reports that, and the streams are read without it. Nothing outside
of a directory is read: links in it are not followed.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TypeVar

from faspmgr.captures.connections import SUFFIX, Begin, Connections, Fact, connections_path
from faspmgr.captures.demultiplexer import Demultiplexer, MakeReader, OnProblem, Piece, Stream
from faspmgr.captures.feed import FilePlace, pump
from faspmgr.captures.sources import GZIP_MAGIC, Source, chunks, with_idle
from faspmgr.captures.unwrap import Unwrap
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.verdicts import Outcome

T = TypeVar("T")

FILE_ENDINGS = (".fasp", ".fasp.gz")
"""Ends of the names of the files that are read in a directory."""


class Step(NamedTuple):
    """One step of reading a recording."""

    file: str
    """Path of the file that it reads."""
    read: Callable[[MakeReader[Any], OnProblem], Iterator[Piece[Any]]]
    """Reads it; raises the exceptions of ``pump``."""


class Recorded:
    """A recording, to be read connection by connection.

    Args:
        path: a file or a directory; ``-`` for standard input.
        warn: called with a file and a line about it: invalid connections, and deviations that do no harm.
        follow: wait for more at the end of a file, without end.
        unwrap: None, or how to find messages inside of another log, which has no connections.

    Raises:
        OSError: the directory cannot be read.

    Example:
        >>> from faspmgr import Parser, Tracker
        >>> tracker = Tracker()
        >>> for step in Recorded("fixtures/sessions/retry.fasp", print).steps():
        ...     for stream, events, ended in step.read(lambda problem: Parser(on_problem=problem), print):
        ...         for event in events:
        ...             session = tracker.update(event, stream)
        ...         if ended:
        ...             tracker.end(stream)
        >>> session.state
        'done'
    """

    def __init__(
        self, path: str, warn: Callable[[str, str], object], *, follow: bool = False, unwrap: Unwrap = None
    ) -> None:
        self.path = path
        self.results: dict[str, Outcome] = {}
        """How each recorded run has ended, by ``Stream.recording``, as far as it is known."""
        self.running = False
        """Whether connections were recorded, and the run has no result yet."""
        self._warn = warn
        self._follow = follow
        self._unwrap = unwrap
        # In a directory: count of the results that the first step of a connection returned.
        self._given: dict[Stream, int] = {}

    def steps(self) -> list[Step]:
        """Return the steps, in order."""
        if self.path == "-" or not os.path.isdir(self.path):
            return [self._file_step(self.path, None)]
        return self._directory_steps()

    # -- one file

    def _file_step(self, path: str, alone: Stream | None) -> Step:
        """Return the step that reads a file. alone: its connection if none is known."""
        beside = None if path == "-" or self._unwrap is not None else _beside(path)
        if beside is None:
            return Step(path, functools.partial(self._read_whole, path, alone))
        facts: list[Fact] | None = None
        if not self._follow:
            try:
                with contextlib.closing(Connections(beside)) as connections:
                    facts = connections.read_all()
                _check_length(path, max((fact.offset for fact in facts if not isinstance(fact, Outcome)), default=0))
            except FileNotFoundError:
                return Step(path, functools.partial(self._read_whole, path, alone))
            except CaptureError as error:
                self._ignore(beside, error)
                return Step(path, functools.partial(self._read_whole, path, alone))
        return Step(path, functools.partial(self._read_divided, path, beside, facts, alone is None))

    def _read_whole(
        self, path: str, stream: Stream | None, make_reader: MakeReader[T], on_problem: OnProblem
    ) -> Iterator[Piece[T]]:
        """Read a file that is one stream, or the rest of one whose first results were returned before."""
        skip = 0 if stream is None else self._given.get(stream, 0)
        try:
            with _opened(path, links=stream is None) as source:
                log = functools.partial(self._warn, path)
                place = FilePlace(on_problem)
                reader = make_reader(place.report)
                for results in pump(source, reader, follow=self._follow, unwrap=self._unwrap, log=log, place=place):
                    yield Piece(stream, results[skip:])
                    skip = max(0, skip - len(results))
        except Exception as error:
            if isinstance(error, ProtocolError):
                error.results = error.results[skip:]
                yield Piece(stream, error.results)
                error.results = []
            yield Piece(stream, [], ended=stream is not None)
            raise
        yield Piece(stream, [], ended=stream is not None)

    def _read_divided(
        self,
        path: str,
        beside: str,
        facts: list[Fact] | None,
        links: bool,
        make_reader: MakeReader[T],
        on_problem: OnProblem,
    ) -> Iterator[Piece[T]]:
        """Read a file connection by connection. facts: None if they are read as they come."""
        demultiplexer = Demultiplexer(make_reader, on_problem)
        connections = _Growing(beside) if facts is None else None
        demultiplexer.begin(path)
        for fact in facts or ():
            self._accept(demultiplexer, fact)
        try:
            with _opened(path, links=links) as source:
                log = functools.partial(self._warn, path)
                pieces = chunks(source, follow=self._follow, log=log, on_new_file=demultiplexer.begin_file)
                for data, is_idle in with_idle(pieces):
                    if connections:
                        # Now, as the begin of a connection is written before its first byte.
                        try:
                            for news in connections.read():
                                if news is None:
                                    yield from demultiplexer.restart(f"{path} {connections.count}")
                                else:
                                    self._accept(demultiplexer, news)
                        except CaptureError as error:
                            self._ignore(beside, error)
                            self.running = False
                            connections = None
                    yield from demultiplexer.idle() if is_idle else demultiplexer.feed(data)
        except CaptureError:
            try:
                yield from demultiplexer.end()
            except ProtocolError as error:  # the damage is what matters, and the problem has been reported
                yield Piece(None, error.results)
            raise
        yield from demultiplexer.end()

    def _accept(self, demultiplexer: Demultiplexer[T], fact: Fact) -> None:
        if isinstance(fact, Outcome):
            self.results[demultiplexer.recording] = fact
            self.running = False
        else:
            self.running = True
            demultiplexer.boundaries.append(fact)

    # -- a directory

    def _directory_steps(self) -> list[Step]:
        with os.scandir(self.path) as entries:
            found = {entry.name: entry.is_file(follow_symlinks=False) for entry in entries}
        files = {name for name, is_file in found.items() if is_file and name.endswith(FILE_ENDINGS)}
        runs: dict[str, list[Step]] = {}
        for name in sorted(found, key=_natural):
            file = name.removesuffix(SUFFIX)
            if file == name or file in files or f"{file}.gz" in files:
                continue
            try:
                runs[name] = self._run_steps(name, files)
            except FileNotFoundError:
                continue
            except CaptureError as error:
                self._ignore(os.path.join(self.path, name), error)
        units = files | runs.keys()
        steps: list[Step] = []
        for name in sorted(units, key=_natural):
            path = os.path.join(self.path, name)
            steps += runs[name] if name in runs else [self._file_step(path, Stream(path, 0))]
        return steps

    def _run_steps(self, name: str, files: set[str]) -> list[Step]:
        """Return the steps that read one run, and remove its files from those of the directory.

        Raises:
            FileNotFoundError: the file with its connections no longer exists.
            CaptureError: that file is invalid.
        """
        recording = os.path.join(self.path, name)
        with contextlib.closing(Connections(recording, in_directory=True)) as connections:
            facts = connections.read_all()
        begun: dict[int, str] = {}  # the file of each connection
        for fact in facts:
            if isinstance(fact, Begin):
                file = fact.file if fact.file in files else f"{fact.file}.gz"
                if file not in files:  # or is a link
                    raise CaptureError(f"no file {fact.file!r} in the directory")
                begun[fact.connection] = file
            if not isinstance(fact, Outcome):
                _check_length(os.path.join(self.path, begun[fact.connection]), fact.offset)
        files -= set(begun.values())

        steps = []
        for fact in facts:
            if isinstance(fact, Outcome):
                self.results[recording] = fact
                continue
            stream = Stream(recording, fact.connection)
            path = os.path.join(self.path, begun[fact.connection])
            if isinstance(fact, Begin):
                steps.append(Step(path, functools.partial(self._read_first, path, stream)))
            else:
                steps.append(Step(path, functools.partial(self._read_whole, path, stream)))
                del begun[fact.connection]
        for connection, file in begun.items():  # the run was killed, or is in progress
            path = os.path.join(self.path, file)
            steps.append(Step(path, functools.partial(self._read_whole, path, Stream(recording, connection))))
        return steps

    def _read_first(
        self, path: str, stream: Stream, make_reader: MakeReader[T], on_problem: OnProblem
    ) -> Iterator[Piece[T]]:
        """Read the first result of a stream. Problems are reported when all of it is read."""
        reader = make_reader(lambda _: None)
        with contextlib.suppress(OSError, CaptureError, ProtocolError), _opened(path, links=False) as source:
            for data in chunks(source):
                results = reader.feed(data)
                if results:
                    self._given[stream] = 1
                    yield Piece(stream, results[:1])
                    return

    def _ignore(self, path: str, error: CaptureError) -> None:
        self._warn(path, f"{error}; the recording is read without it")


class _Growing:
    """Reads the connections of a file that is followed."""

    def __init__(self, path: str) -> None:
        self.count = 0
        """Count of the files that have had the path."""
        self._path = path
        self._connections: Connections | None = None

    def read(self) -> Iterator[Fact | None]:
        """Read what is new; yield None when a new recording begins.

        Raises:
            CaptureError: the file is invalid.
        """
        if self._connections and self._connections.is_replaced():
            yield from self._connections.read()
            self._connections.close()
            self._connections = None
        if not self._connections:
            try:
                self._connections = Connections(self._path)
            except FileNotFoundError:
                return
            self.count += 1
            if self.count > 1:
                yield None
        yield from self._connections.read()


@contextlib.contextmanager
def _opened(path: str, links: bool) -> Iterator[Source]:
    """Open a file to read; links: whether to follow a link at the end of the path."""
    if links:
        yield path
        return
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    with io.FileIO(os.open(path, flags), "rb") as file:
        yield file


def _beside(path: str) -> str | None:
    """Return the path of the file with the connections of a recording; None if it cannot have one."""
    beside = connections_path(path)
    if beside and not os.path.lexists(beside) and os.path.realpath(path).endswith(".gz"):
        return os.path.realpath(path).removesuffix(".gz") + SUFFIX
    return beside


def _check_length(path: str, offset: int) -> None:
    """Raise CaptureError if a recording is shorter than that."""
    try:
        with open(path, "rb", buffering=0) as file:
            length = os.fstat(file.fileno()).st_size
            if file.read(len(GZIP_MAGIC)) == GZIP_MAGIC:
                length = 0
                with contextlib.suppress(CaptureError):  # reported when it is read
                    for data in chunks(path):
                        length += len(data)
    except OSError:
        return  # reported when it is read
    if offset > length:
        raise CaptureError(f"byte {offset:,} is beyond the end of {os.path.basename(path)}")


def _natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key to sort names by, in which 10 comes after 9."""
    return [(0, int(text)) if text.isdigit() else (1, text) for text in re.findall(r"[0-9]+|[^0-9]+", name)]
