"""The files behind a command line: what is to be moved and where to, and the moving itself.

Both ends are this machine: a path behind ``user@host:`` is a local path too, below ``--simulate-root`` if given. Only
regular files are opened, so that a FIFO cannot block; a file is never copied onto itself.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Sequence
from typing import BinaryIO

import attrs

from faspmgr.simulator.course import Begin
from faspmgr.simulator.exceptions import FileError, SessionOverError
from faspmgr.simulator.messages import Counts, File, Refusal, Stage, file_id
from faspmgr.simulator.options import MAX_LIST_BYTES, Options
from faspmgr.simulator.terms import CREATE_TIMES, new_digest

BLOCK = 1 << 20
SPARSE_BYTES = 64 * 1024
"""How much of each end ``-k 2`` compares."""

MISSING = 43
"""The code for a source that does not exist."""

_CODES = {
    errno.ENOENT: 4,
    errno.EACCES: 5,
    errno.EPERM: 5,
    errno.ENOTDIR: 6,
    errno.EISDIR: 7,
    errno.EMFILE: 23,
    errno.ENFILE: 23,
    errno.EFBIG: 24,
    errno.ENOSPC: 25,
    errno.EDQUOT: 25,
    errno.EROFS: 26,
    errno.EEXIST: 42,
    errno.ENAMETOOLONG: 55,
    errno.EILSEQ: 56,
    errno.ELOOP: 63,
}


def file_error(error: OSError, side: str) -> FileError:
    """side: Source or Receiver, as ascp calls the ends."""
    unknown = 35 if side == "Source" else 36
    return FileError(_CODES.get(error.errno or 0, unknown), f"{side}: {error.strerror or error}")


@attrs.define
class Item:
    """One file to move.

    Attributes:
        file: what is reported of it.
        source: where it lies.
        target: where it goes.
        error: why it cannot be moved, where that is known before.
    """

    file: File
    source: str
    target: str
    error: FileError | None = None


@attrs.define
class Source:
    """One source argument, or one line of a list.

    Attributes:
        name: as it was given.
        index: its number, from 1.
        items: its files.
    """

    name: str
    index: int
    items: list[Item] = attrs.field(factory=list)


@attrs.define
class Scan:
    """What was found of the sources of a command line.

    Attributes:
        counts: those of the session; what is found is added to them.
        sources: in their order.
        directories: to be created at the destination.
    """

    counts: Counts
    sources: list[Source] = attrs.field(factory=list)
    directories: list[str] = attrs.field(factory=list)

    @property
    def items(self) -> Iterator[Item]:
        """All files."""
        return (item for source in self.sources for item in source.items)

    @property
    def bytes(self) -> int:
        """The sum of the sizes of all files found; of a file that is shared, only this session's part."""
        return sum(item.file.goal if item.file.is_part else item.file.size for item in self.items)


Pair = tuple[str, str | None]
"""A source, and its own destination if it has one."""


def scan(result: Scan, options: Options, pairs: Sequence[Pair]) -> None:
    """Look at all sources.

    Raises:
        SessionOverError: none of them exists.
    """
    into = options.creates_directory or len(pairs) > 1
    for index, pair in enumerate(pairs, 1):
        _scan(result, options, index, pair, into)
    missing = [item.error is not None and item.error.code == MISSING for item in result.items]
    if missing and all(missing):
        raise SessionOverError(Refusal(MISSING, "No such file or directory"))
    if options.nodes > 1:
        _keep_share(result, options)


def scan_one(result: Scan, options: Options, index: int, pair: Pair, low: int | None, high: int | None) -> None:
    """Look at the source of one START of a persistent session.

    Args:
        result: what is found is added to it.
        options: the command line of the session.
        index: the number of the source, from 1.
        pair: the source and its destination.
        low: first byte; None for the beginning.
        high: last byte; None for the end.
    """
    _scan(result, options, index, pair, into=False)
    if (low, high) != (None, None):
        for item in result.items:
            limit(item.file, low, high)


def limit(file: File, low: int | None, high: int | None) -> None:
    """Move only the bytes from low to high, as far as the file has them; None for the beginning and the end."""
    last = file.size - 1
    if last >= 0:
        file.start = min(low or 0, last)
        file.end = max(file.start, last if high is None else min(high, last))


def _keep_share(result: Scan, options: Options) -> None:
    """Of a multi-session transfer: every N-th file is this session's, and a part of each that is large enough."""
    number = 0
    for source in result.sources:
        share = []
        for place, item in enumerate(source.items, number):
            file = item.file
            if file.end is None and 0 < options.multi_session_threshold <= file.size:
                file.share(options.node, options.nodes)
                if file.goal > 0:
                    share.append(item)
            elif place % options.nodes == options.node:
                share.append(item)
        number += len(source.items)
        source.items = share


def pairs(options: Options) -> list[Pair]:
    """All sources, those of a list included. Raises SessionOverError for a list that cannot be used."""
    listed = options.file_list or options.file_pair_list
    if listed is None:
        return [(source, None) for source in options.sources]
    try:
        lines = _read_list(listed)
    except OSError as error:
        sys.stderr.write(f"{listed}: failed to read file-list from file ({error.strerror})\n")
        raise SessionOverError(Refusal(8, "failed to open input file list", Stage.STARTUP)) from None
    prefix = options.source_prefix
    if options.file_pair_list and len(lines) % 2:
        raise SessionOverError(Refusal(8, "Error reading file list from file/stdin"))
    sources = lines if options.file_list else lines[::2]
    if prefix:
        sources = [os.path.join(prefix, source.lstrip("/")) for source in sources]
    targets: list[str] | list[None] = [None] * len(lines) if options.file_list else lines[1::2]
    return list(zip(sources, targets))


def _read_list(path: str) -> list[str]:
    with open(0, "rb", closefd=False) if path == "-" else open(path, "rb") as file:
        data = file.read(MAX_LIST_BYTES)
    return [line for line in os.fsdecode(data).split("\n") if line]


def _scan(result: Scan, options: Options, index: int, pair: Pair, into: bool) -> None:
    name, target = pair
    top = place(options, name, remote_side="recv")
    goal = target_name(options, name, target, into, os.path.isdir(top))
    source = Source(name, index)
    result.sources.append(source)
    result.counts.arg_scans += 1
    if not os.path.isdir(top):
        _add(result, options, source, name, top, goal)
        return
    result.counts.paths += 1
    result.counts.dirs += 1
    result.directories.append(goal)
    for folder, folders, names in os.walk(top):
        folders.sort()
        inside = os.path.relpath(folder, top)
        result.counts.dirs += len(folders)
        result.counts.paths += len(folders)
        result.directories += [os.path.normpath(os.path.join(goal, inside, child)) for child in folders]
        for child in sorted(names):
            shown, below = (os.path.normpath(os.path.join(start, inside, child)) for start in (name, goal))
            _add(result, options, source, shown, os.path.join(folder, child), below)


def _add(result: Scan, options: Options, source: Source, shown: str, path: str, target: str) -> None:
    """Add one file to what was found.

    Args:
        result: to this.
        options: the command line.
        source: the argument it belongs to.
        shown: its path as it is reported.
        path: where it lies.
        target: where it goes.
    """
    file = File(shown, 0, arg_index=source.index, file_id=file_id(source.index, shown, target))
    item = Item(file, path, target)
    is_argument = shown == source.name
    result.counts.paths += 1
    try:
        status = os.stat(path)
    except (OSError, ValueError) as error:
        result.counts.paths_failed += 1
        item.error = FileError(MISSING, "Source: No such file or directory")
        if isinstance(error, OSError) and (error.errno != errno.ENOENT or not is_argument):
            item.error = file_error(error, "Source")
    else:
        if stat.S_ISREG(status.st_mode):
            file.size = status.st_size
            if options.range:
                limit(file, *options.range)
        else:
            result.counts.irregular += 1
            if not is_argument:
                return  # inside of a directory they are passed over
            item.error = FileError(21, "Source: Not a regular file")
    source.items.append(item)


def place(options: Options, path: str, remote_side: str) -> str:
    """Where a path lies on this machine. remote_side: the mode in which this path is the peer's."""
    if options.root and options.mode == remote_side:
        return os.path.join(options.root, path.lstrip("/"))
    return path


def target_name(options: Options, source: str, target: str | None, into: bool, is_directory: bool) -> str:
    """The path that a source argument gets at the destination."""
    if target is not None:
        path = own_target(options, target)
        return os.path.join(path, os.path.basename(source)) if os.path.isdir(path) else path
    base = options.destination or "."
    top = place(options, base, remote_side="send")
    if options.source_base and not os.path.relpath(source, options.source_base).startswith(".."):
        return os.path.join(top, os.path.relpath(source, options.source_base))
    if into or base.endswith("/") or os.path.isdir(top) or (is_directory and options.creates_directory):
        return os.path.join(top, os.path.basename(source.rstrip("/")) or "root")
    return top


def own_target(options: Options, target: str) -> str:
    """The path of a destination that one file has of its own: below that of the command line, if it has any."""
    path = place(options, target, remote_side="send")
    if options.destination:
        path = os.path.join(place(options, options.destination, remote_side="send"), target.lstrip("/"))
    return os.path.normpath(path)


# ---------------------------------------------------------------------------------------------------------------------
# At the destination


def prepare(item: Item, options: Options) -> Begin:
    """Decide by what lies at the destination.

    A file that is there is resumed at its end, one that is there in part where it goes on. A part of a file is moved
    whatever is there, as the other sessions write to the same file. Raises FileError.
    """
    try:
        begin = _decide(item, options)
    except OSError as error:
        raise file_error(error, "Receiver") from None
    if begin is Begin.THERE and item.file.end is not None:
        return Begin.SKIPPED  # a STOP would say that all of the file is there
    if begin is Begin.THERE:
        item.file.resume(item.file.size)
    return begin


def _decide(item: Item, options: Options) -> Begin:
    file = item.file
    try:
        status = os.stat(item.target)
    except FileNotFoundError:
        _resume_partial(item, options)
        return Begin.MOVES
    check_regular(status)
    if os.path.samefile(item.source, item.target):
        return Begin.THERE
    if file.is_part:
        return Begin.MOVES
    if options.overwrite == "never":
        return Begin.THERE
    if options.resume and file.end is None and not options.partial_suffix:
        if status.st_size == file.size and _agrees(item.source, item.target, file.size, options.resume):
            return Begin.THERE
        _resume(item, item.target, status.st_size, options.resume)
        return Begin.MOVES
    if options.overwrite in ("older", "diff+older") and status.st_mtime >= os.stat(item.source).st_mtime:
        return Begin.THERE
    differs = status.st_size != file.goal or not _agrees(item.source, item.target, file.goal, 3, file.start)
    moves = differs or options.overwrite not in (None, "diff", "diff+older")
    return Begin.MOVES if moves else Begin.THERE


def check_regular(status: os.stat_result) -> None:
    """Raises FileError: what lies at the destination is no file that could be written."""
    if not stat.S_ISREG(status.st_mode):
        code = 7 if stat.S_ISDIR(status.st_mode) else 21
        raise FileError(code, "Receiver: Is a directory" if code == 7 else "Receiver: Not a regular file")


def _resume_partial(item: Item, options: Options) -> None:
    if options.partial_suffix and options.resume and item.file.end is None:
        part = item.target + options.partial_suffix
        if os.path.isfile(part):
            _resume(item, part, os.path.getsize(part), options.resume)


def _resume(item: Item, part: str, size: int, level: int) -> None:
    if size < item.file.size and _agrees(item.source, part, size, level):
        item.file.resume(size)


def _agrees(source: str, target: str, size: int, level: int, start: int = 0) -> bool:
    """Are the first size bytes the same? By ``-k``: 1 does not look at them, 2 looks at both ends, 3 at all of them."""
    if level == 1:
        return True
    spans = [(0, size)] if level == 3 else [(0, min(size, SPARSE_BYTES)), (max(0, size - SPARSE_BYTES), size)]
    try:
        with open(source, "rb") as left, open(target, "rb") as right:
            return all(_same(left, right, low, high, start) for low, high in spans)
    except OSError:
        return False


def _same(left: BinaryIO, right: BinaryIO, low: int, high: int, start: int) -> bool:
    left.seek(start + low)
    right.seek(low)
    while low < high:
        size = min(BLOCK, high - low)
        if left.read(size) != right.read(size):
            return False
        low += size
    return True


class Copy:
    """A copy in progress: bytes from the source's ``start`` on are written at ``written`` of the destination, those of
    a part of a file at their own place, beside those that other sessions write."""

    def __init__(self, item: Item, options: Options) -> None:
        file = item.file
        self._item = item
        self._preserve = bool(options.create_policy & CREATE_TIMES)
        self._part = item.target + ("" if file.is_part else options.partial_suffix or "")
        try:
            self._source = open(item.source, "rb")  # noqa: SIM115  # closed by close()
        except OSError as error:
            raise file_error(error, "Source") from None
        try:
            if options.creates_directory:
                os.makedirs(os.path.dirname(item.target) or ".", exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | (0 if file.written or file.is_part else os.O_TRUNC)
            self._target = os.fdopen(os.open(self._part, flags, 0o666), "wb")
            self._target.truncate(file.size if file.is_part else file.written)
            self._target.seek(file.start if file.is_part else file.written)
        except OSError as error:
            self._source.close()
            raise file_error(error, "Receiver") from None
        self._source.seek(file.start)

    def move(self, count: int) -> int:
        """Copy so many bytes; return how many there were. Raises FileError."""
        moved = 0
        while moved < count:
            try:
                block = self._source.read(min(BLOCK, count - moved))
            except OSError as error:
                raise file_error(error, "Source") from None
            if not block:
                raise FileError(35, "Source: the file became shorter")
            try:
                self._target.write(block)
                self._target.flush()
            except OSError as error:
                raise file_error(error, "Receiver") from None
            moved += len(block)
        return moved

    def finish(self) -> None:
        """The file is complete: give it its name, and its times if asked to. Raises FileError."""
        try:
            self.close()
            if self._part != self._item.target:
                os.replace(self._part, self._item.target)
            if self._preserve:
                status = os.stat(self._item.source)
                os.utime(self._item.target, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError as error:
            raise file_error(error, "Receiver") from None

    def close(self) -> None:
        self._source.close()
        self._target.close()


def make_directories(result: Scan, options: Options) -> None:
    """Create the directories at the destination. Raises SessionOverError."""
    top = place(options, options.destination or ".", remote_side="send")
    try:
        if options.creates_directory and not os.path.isdir(top):
            os.makedirs(top)
            result.counts.dirs_created += 1
        elif len(result.sources) > 1 and not os.path.isdir(top):
            raise SessionOverError(Refusal(6, "Receiver: Not a directory"))
        for directory in result.directories:
            os.makedirs(directory, exist_ok=True)
            result.counts.dirs_created += 1
    except OSError as error:
        problem = file_error(error, "Receiver")
        raise SessionOverError(Refusal(problem.code, problem.description)) from None


def checksum(path: str, kind: str) -> str:
    """The checksum of a file in the words of ``--file-checksum``. Raises FileError."""
    digest = new_digest(kind)
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK):
                digest.update(block)
    except OSError as error:
        raise file_error(error, "Source") from None
    return digest.hexdigest()
