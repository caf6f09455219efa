"""``--jobs``: several FILEs are read at the same time, each in a process of its own.

What it must do
    Give what one process gives that reads the files one after the other, byte for byte: the order of the files and of
    all lines, the exit status, what a signal does. Leave no process and no file behind.
How
    A file is read by a fork of this process, which writes into a temporary file without a name instead of standard
    output and standard error, and reports its result through a pipe. The files' outputs are copied in the order of the
    command line, each when its process has ended. The end of a pipe is the end of its process, whatever ended it.
    A process without a result, such as one that was killed, is reported, and nothing of its output is shown.
Signals
    Each process is a process group of its own: Ctrl-C and a signal to the group reach only this process, which ends the
    others. Where a command shows what it has when it is interrupted, it asks them for what they have, once.
    If this process is killed, the others end when they write, or at the end of their file.
Worst case
    One piece of output is in memory. The temporary directory holds the outputs of as many files as are read at the same
    time, and of AHEAD times as many that wait for their turn.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
import selectors
import signal
import sys
import tempfile
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from typing import IO, Any, NoReturn, Self, TypeAlias

import attrs

from faspmgr.cli import output
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.interruption import SIGNALS
from faspmgr.cli.reading import Reading
from faspmgr.exit_status import ExitStatus

AHEAD = 2
"""For each process that reads, how many files may have been read whose turn has not come."""

LENGTH_BYTES = 8

Work: TypeAlias = Callable[[str], tuple[Reading, Any]]
"""Reads a file, and gives the Reading that did it and a result, which JSON can hold."""


def spread(
    source: Reading, jobs: int, work: Work, join: Callable[[bytes], bytes], once: str = ""
) -> Iterator[tuple[str, Any]]:
    """Read files at the same time, and write what comes of each in their order.

    Args:
        source: has the files; learns the status and the errors of each.
        jobs: how many processes.
        work: what is done in them, for a file each.
        join: changes what a file first gives for standard output, where another file has written there before.
        once: a line on standard error that is for all files: it is written the first time only.

    Yields:
        Each file that was read, and the result of its work, after its output was written.

    Raises:
        OSError: no process can be started, or nothing can be written.
    """
    # Something was written to standard output, and the line that is for all files.
    joined = told = False
    once_line = f"{once}\n".encode()
    with _Workers(source.files, jobs, work) as workers:
        for worker in itertools.chain(source.interruption.watch(workers), workers.remaining()):
            workers.remove(worker)
            answer = json.loads(worker.answer) if worker.answer.endswith(b"\n") else {}
            if "result" in answer:
                is_first = joined
                for is_error, data in _outputs(worker.spool):
                    if not is_error:
                        output.write_bytes(join(data) if is_first else data)
                        joined, is_first = True, False
                    elif data != once_line or not told:
                        told = told or data == once_line
                        sys.stderr.buffer.write(data)
                        sys.stderr.buffer.flush()
            worker.spool.close()
            if "failure" in answer or not (answer or workers.stopped):
                source.fail(worker.file, answer.get("failure") or worker.words(), ExitStatus.USAGE)
            elif not answer:
                source.note_interruption(worker.file)
            else:
                source.status = max(source.status, ExitStatus(answer["status"]))
                source.errors.update(answer["errors"])
                yield worker.file, answer["result"]


@attrs.define(eq=False)
class _Worker:
    """A file that is read.

    Attributes:
        file: its path.
        spool: what is written for it.
        pid: of the process; None before it is started.
        pipe: where its result comes from; None when the process has ended.
        answer: the result so far, a line of JSON.
        status: what waitpid gave.
    """

    file: str
    spool: IO[bytes] = attrs.field(factory=io.BytesIO)
    pid: int | None = None
    pipe: int | None = None
    answer: bytes = b""
    status: int = 0

    def words(self) -> str:
        """How the process ended that gave no result."""
        status = os.waitstatus_to_exitcode(self.status)
        return "the process that read it " + (
            f"was killed by signal {-status}" if status < 0 else f"exited with {status}"
        )


class _Workers:
    """Starts processes, and gives the files in their order, each when it was read, until it is removed.

    A signal breaks in only where a process is waited for.

    Attributes:
        stopped: no more processes are started; those that run report what they have.
    """

    def __init__(self, files: tuple[str, ...], jobs: int, work: Work) -> None:
        self.stopped = False
        self._jobs = jobs
        self._work = work
        # Those whose turn has not come, in the order of the files: those that were started, and the others.
        self._started: deque[_Worker] = deque()
        self._waiting = deque(_Worker(file) for file in files)
        # Those whose process runs, by the pipe.
        self._running: dict[int, _Worker] = {}
        self._selector = selectors.DefaultSelector()
        # What was there before, by the number of the signal.
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in SIGNALS:
            if signal.getsignal(number) is signal.SIG_DFL:  # it would end this process alone
                self._handlers[number] = signal.signal(number, self._end_by)
        return self

    def __exit__(self, *_: object) -> None:
        with _signals_put_off():
            self._kill()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._selector.close()

    def __iter__(self) -> Iterator[_Worker]:
        return self

    def __next__(self) -> _Worker:
        with _signals_put_off() as before:
            while True:
                while not self.stopped and self._waiting and self._may_start():
                    self._start()
                if not self._started:
                    break
                if self._started[0].pipe is None:
                    return self._started[0]
                signal.pthread_sigmask(signal.SIG_SETMASK, before)
                ready = self._selector.select()
                signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
                for key, _events in ready:
                    self._receive(self._running[key.fd])
            if self._waiting:
                return self._waiting[0]
        raise StopIteration

    def remove(self, worker: _Worker) -> None:
        """Go on to the next one. Not done by __next__, as a signal may break in when it returns."""
        (self._started if self._started else self._waiting).remove(worker)

    def remaining(self) -> Iterator[_Worker]:
        """Stop, and give all that have not been given yet; none where all have been."""
        with _signals_put_off():
            self.stopped = True
            for worker in self._running.values():
                self._signal(worker, signal.SIGTERM)
        yield from self

    def _may_start(self) -> bool:
        return len(self._running) < self._jobs and len(self._started) < self._jobs * (1 + AHEAD)

    def _start(self) -> None:
        worker = self._waiting[0]
        worker.spool = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # closed when it was copied
        receiver, sender = os.pipe()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        parent = os.getpid()
        try:
            worker.pid = os.fork()
            if not worker.pid:
                _work(self._work, worker, sender, parent)
        except OSError:
            os.close(receiver)
            raise
        finally:
            os.close(sender)
        worker.pipe = receiver
        self._running[receiver] = worker
        self._selector.register(receiver, selectors.EVENT_READ)
        self._started.append(self._waiting.popleft())

    def _receive(self, worker: _Worker) -> None:
        """Read a part of a result, or the end of a process."""
        assert worker.pid
        assert worker.pipe is not None
        data = os.read(worker.pipe, 1 << 16)
        worker.answer += data
        if data:
            return
        self._selector.unregister(worker.pipe)
        del self._running[worker.pipe]
        os.close(worker.pipe)
        worker.pipe = None
        with contextlib.suppress(ChildProcessError):  # whoever started us ignores the ends of processes
            _pid, worker.status = os.waitpid(worker.pid, 0)

    def _kill(self) -> None:
        for worker in self._running.values():
            self._signal(worker, signal.SIGKILL)
        for worker in self._running.values():
            assert worker.pid
            with contextlib.suppress(ChildProcessError):
                os.waitpid(worker.pid, 0)
        self._running.clear()

    def _signal(self, worker: _Worker, number: int) -> None:
        assert worker.pid
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker.pid, number)

    def _end_by(self, number: int, _frame: object) -> None:
        """End by a signal, as without this handler, and all processes before."""
        self._kill()
        signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)


@contextlib.contextmanager
def _signals_put_off() -> Iterator[Any]:
    """Handle no signal in the block. Gives the signals that were put off before."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    try:
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)  # it may raise for a signal that came just before
        yield before
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _outputs(spool: IO[bytes]) -> Iterator[tuple[bool, bytes]]:
    """What was written: whether to standard error, and what."""
    spool.seek(0)
    with open(spool.fileno(), "rb", closefd=False) as file:
        while head := file.read(1 + LENGTH_BYTES):
            yield bool(head[0]), file.read(int.from_bytes(head[1:]))


# -- in the process of a file


def _work(work: Work, worker: _Worker, sender: int, parent: int) -> NoReturn:
    """Read a file and exit. Nothing of the process that was forked goes on."""
    try:
        os.setpgid(0, 0)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)
        sys.stdout, sys.stderr = (
            io.TextIOWrapper(
                io.BufferedWriter(_Spool(worker.spool, is_error, parent)),
                encoding=stream.encoding,
                errors=stream.errors,
            )
            for is_error, stream in enumerate((sys.stdout, sys.stderr))
        )
        try:
            source, result = work(worker.file)
            answer = {"status": source.status, "errors": source.errors, "result": result}
        except CommandError as error:
            answer = {"failure": str(error)}
        with open(sender, "wb") as pipe:
            pipe.write(json.dumps(answer).encode() + b"\n")
        os._exit(0)
    except Exception:
        traceback.print_exc(file=sys.__stderr__)
    finally:
        os._exit(1)


class _Spool(io.RawIOBase):
    """A standard stream of the process of a file.

    It raises CommandError where the output cannot be kept: an OSError is one of the file that is read.
    """

    def __init__(self, file: IO[bytes], is_error: int, parent: int) -> None:
        self._file = file
        self._is_error = bytes([is_error])
        self._parent = parent

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        if os.getppid() != self._parent:
            os._exit(1)  # nobody will read it
        piece = memoryview(self._is_error + len(data).to_bytes(LENGTH_BYTES) + data)
        try:
            while piece:
                piece = piece[self._file.write(piece) :]
        except OSError as error:
            raise CommandError(f"the temporary directory cannot hold its output: {error.strerror}") from error
        return len(data)
