"""What was recorded, connection by connection: a file or a directory into readers, one for each connection.

A line of code may stand here if it decides in which order the bytes of a recording are read, and which connection they
came on. What the file with the connections says, ``connections`` reads.

A recording is read in steps, so that a file which cannot be read does not stop the others::

    X.fasp                   one step. The bytes are divided among the connections, each with a reader of its own
    X.fasp, no connections   one step, as any other stream
    DIR                      run by run, in the natural order of the names. For each begin a step that gives the first
                             message of the connection, for each end one that gives the rest
    DIR, no connections      file by file, in the natural order of the names

In a directory, connections at the same time overlap in this order as they did in time, as far as it matters: one that
began before another had ended is another part, one that began after it may be another attempt.

Where the file with the connections cannot be used, a line says so, and the streams are read without it. Nothing outside
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
from faspmgr.captures.divider import Divider, MakeReader, OnProblem, Piece, Stream
from faspmgr.captures.feed import pump
from faspmgr.captures.sources import GZIP_MAGIC, Source, chunks
from faspmgr.captures.unwrap import Unwrap
from faspmgr.errors import CaptureError, ProtocolError
from faspmgr.verdicts import Outcome

T = TypeVar("T")

FILE_ENDINGS = (".fasp", ".fasp.gz")
"""What is read in a directory."""


class Step(NamedTuple):
    """Something to read.

    Attributes:
        file: its path.
        read: reads it; raises what ``pump`` does.
    """

    file: str
    read: Callable[[MakeReader[Any], OnProblem], Iterator[Piece[Any]]]


class Recorded:
    """A recording, to be read connection by connection.

    Args:
        path: a file or a directory; ``-`` for standard input.
        warn: called with a file and a line about it, for connections that cannot be used, and for what does no harm.
        follow: wait for more at the end of a file, without end.
        unwrap: None, or how to find messages inside of another log, of which no connections are known.

    Attributes:
        results: how each recorded run has ended, by ``Stream.recording``, as far as it is known.
        running: whether connections were recorded, and the run has no result yet.

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
        self.running = False
        self._warn = warn
        self._follow = follow
        self._unwrap = unwrap
        # In a directory: how many results the first step of a connection gave.
        self._given: dict[Stream, int] = {}

    def steps(self) -> list[Step]:
        """What is to be read, in this order."""
        if self.path == "-" or not os.path.isdir(self.path):
            return [self._file_step(self.path, None)]
        return self._directory_steps()

    # -- one file

    def _file_step(self, path: str, alone: Stream | None) -> Step:
        """Read a file. alone: what stands for its connection if nothing is known of any."""
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
        """A file that is one stream, or the rest of one whose first results were given before."""
        skip = 0 if stream is None else self._given.get(stream, 0)
        try:
            with _opened(path, links=stream is None) as source:
                log = functools.partial(self._warn, path)
                reader = make_reader(on_problem)
                for results in pump(source, reader, follow=self._follow, unwrap=self._unwrap, log=log):
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
        """A file that is divided among its connections. facts: None where they are read as they come."""
        divider = Divider(make_reader, on_problem)
        connections = _Growing(beside) if facts is None else None
        divider.begin(path)
        for fact in facts or ():
            self._accept(divider, fact)
        try:
            with _opened(path, links=links) as source:
                for data in chunks(source, follow=self._follow, log=functools.partial(self._warn, path)):
                    if connections:
                        # Now, as the begin of a connection is written before its first byte.
                        try:
                            for news in connections.read():
                                if news is None:
                                    yield from divider.restart(f"{path} {connections.count}")
                                else:
                                    self._accept(divider, news)
                        except CaptureError as error:
                            self._ignore(beside, error)
                            self.running = False
                            connections = None
                    yield from divider.feed(data)
        except CaptureError:
            try:
                yield from divider.end()
            except ProtocolError as error:  # the damage is what matters, and the problem has been reported
                yield Piece(None, error.results)
            raise
        yield from divider.end()

    def _accept(self, divider: Divider[T], fact: Fact) -> None:
        if isinstance(fact, Outcome):
            self.results[divider.recording] = fact
            self.running = False
        else:
            self.running = True
            divider.marks.append(fact)

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
        """What is to be read of one run; its files are removed from those of the directory.

        Raises:
            FileNotFoundError: it is no longer there.
            CaptureError: what is noted about the connections cannot be used.
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
        for connection, file in begun.items():  # the run was killed, or still goes on
            path = os.path.join(self.path, file)
            steps.append(Step(path, functools.partial(self._read_whole, path, Stream(recording, connection))))
        return steps

    def _read_first(
        self, path: str, stream: Stream, make_reader: MakeReader[T], on_problem: OnProblem
    ) -> Iterator[Piece[T]]:
        """The first result of a stream. What is wrong is reported when the whole of it is read."""
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
    """What is written about the connections of a file while it is followed.

    Attributes:
        count: how many files have had the name.
    """

    def __init__(self, path: str) -> None:
        self.count = 0
        self._path = path
        self._connections: Connections | None = None

    def read(self) -> Iterator[Fact | None]:
        """Read what is new; None where a new recording begins.

        Raises:
            CaptureError: it cannot be used.
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
    """A file to read; links: whether a link at the end of the path is followed."""
    if links:
        yield path
        return
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
    with io.FileIO(os.open(path, flags), "rb") as file:
        yield file


def _beside(path: str) -> str | None:
    """The file with the connections of a recording; None where there can be none."""
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
    """A key to sort names by, in which 10 comes after 9."""
    return [(0, int(text)) if text.isdigit() else (1, text) for text in re.findall(r"[0-9]+|[^0-9]+", name)]
