"""What a stream can be fed with, and what becomes of both when one of them fails, stalls or is cancelled."""

from __future__ import annotations

import asyncio
import gzip
import io
import os
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

import faspmgr
from faspmgr.manager import blocks as module
from faspmgr.manager.blocks import blocks
from tests.live import MakeAscp
from tests.manager.driven import driven, serving, until
from tests.manager.peers import in_loop

pytestmark = pytest.mark.usefixtures("either_loop")

DATA = bytes(range(256)) * 12_000  # three blocks


@pytest.fixture
def pipe() -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The two ends of a pipe: what is written to the second can be read from the first."""
    reading, writing = os.pipe()
    with open(reading, "rb") as source, open(writing, "wb", buffering=0) as target:
        yield source, target


async def content(source: Any) -> bytes:
    pieces = [bytes(piece) async for piece in blocks(source)]
    assert all(pieces)
    return b"".join(pieces)


# -- what it can be


@in_loop
async def test_file_objects(tmp_path: Path) -> None:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    with gzip.open(tmp_path / "data.gz", "wb") as zipped:
        zipped.write(DATA)
    assert await content(io.BytesIO(DATA)) == DATA
    assert await content(io.BytesIO()) == b""
    with path.open("rb") as buffered, path.open("rb", buffering=0) as raw, gzip.open(tmp_path / "data.gz") as zipped_:
        assert await content(buffered) == DATA
        assert await content(raw) == DATA
        assert await content(zipped_) == DATA
    with open("/dev/null", "rb") as nothing:
        assert await content(nothing) == b""


@pytest.mark.parametrize("buffering", [0, -1])
@in_loop
async def test_a_pipe(buffering: int) -> None:
    """Also where something of it was read already, and is in the buffer of the file object."""
    code = f"import sys; sys.stdout.buffer.write(b'head\\n' + bytes(range(256)) * {len(DATA) // 256})"
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, bufsize=buffering) as process:
        assert process.stdout
        assert process.stdout.readline() == b"head\n"
        assert await content(process.stdout) == DATA


@in_loop
async def test_a_pipe_is_read_as_it_comes(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reading, writing = pipe
    pieces = blocks(reading)
    writing.write(b"one")
    assert await anext(pieces) == b"one"
    writing.write(b"two")
    assert await anext(pieces) == b"two"
    writing.close()
    with pytest.raises(StopAsyncIteration):
        await anext(pieces)


@in_loop
async def test_a_pipe_that_somebody_else_has_read(
    pipe: tuple[BinaryIO, BinaryIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not block, and there is nothing when it was ready: this is not its end."""
    os.set_blocking(pipe[0].fileno(), False)
    ready = 0

    async def has_news(file: object) -> bool:
        nonlocal ready
        ready += 1
        if ready == 3:
            pipe[1].write(b"data")
        if ready == 5:
            pipe[1].close()
        return True

    monkeypatch.setattr(module, "_has_news", has_news)
    assert await content(pipe[0]) == b"data"
    assert ready == 5


@in_loop
async def test_asynchronous_sources() -> None:
    reader = asyncio.StreamReader()
    reader.feed_data(DATA)
    reader.feed_eof()
    assert await content(reader) == DATA

    async def generator() -> AsyncIterator[bytes | bytearray | memoryview]:
        for kind in (bytes, bytearray, memoryview):
            yield kind(b"abc")

    assert await content(generator()) == b"abc" * 3


@in_loop
async def test_what_is_no_source() -> None:
    sources: list[tuple[Any, str]] = [
        (io.StringIO("text"), "open it in binary mode"),
        (b"data", "bytes is no"),
        (3, "int"),
    ]
    for source, words in sources:
        with pytest.raises(TypeError, match=words):
            await content(source)


@in_loop
async def test_a_read_that_raises() -> None:
    class Broken(io.RawIOBase):
        error: BaseException = OSError("the disk is broken")

        def read(self, size: int = -1) -> bytes:
            raise self.error

    with pytest.raises(OSError, match="the disk is broken"):
        await content(Broken())
    Broken.error = StopIteration()
    with pytest.raises(RuntimeError, match="StopIteration"):
        await content(Broken())


@in_loop
async def test_a_silent_pipe_does_not_hold_up_a_cancellation(pipe: tuple[BinaryIO, BinaryIO]) -> None:
    reading = asyncio.ensure_future(content(pipe[0]))
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert threading.active_count() == 1 + sum("faspmgr" not in each.name for each in threading.enumerate()[1:])


@in_loop
async def test_a_read_that_does_not_return_does_not_either() -> None:
    go = threading.Event()

    class Silent(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            go.wait()
            return b""

    reading = asyncio.ensure_future(content(Silent()))
    await asyncio.sleep(0.1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    (thread,) = [each for each in threading.enumerate() if each.name == "faspmgr-read"]
    assert thread.daemon
    go.set()
    thread.join()


# -- into a file


@in_loop
async def test_a_copy(scripted_ascp: MakeAscp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEEP", str(tmp_path))
    async with driven(serving(scripted_ascp)) as job:
        stream = await job.copy(io.BytesIO(DATA), "a", len(DATA))
        assert (stream.state, stream.sent, stream.written) == ("done", len(DATA), len(DATA))
    assert (tmp_path / b"a".hex()).read_bytes() == DATA


@in_loop
async def test_a_source_that_fails_in_the_middle(scripted_ascp: MakeAscp) -> None:
    ended = False

    async def source() -> AsyncIterator[bytes]:
        nonlocal ended
        try:
            yield b"data"
            raise KeyError("no more")
        finally:
            ended = True

    async with driven(serving(scripted_ascp)) as job:
        with pytest.raises(KeyError, match="no more"):
            await job.copy(source(), "a")
        assert ended
        assert (await job.copy(io.BytesIO(DATA), "a")).state == "done"
    assert job.result is not None
    assert job.result.verdict == "failed"  # of two files one


@in_loop
async def test_a_source_that_ends_too_early(scripted_ascp: MakeAscp) -> None:
    async with driven(serving(scripted_ascp)) as job:
        with pytest.raises(faspmgr.FileTransferError, match="3 bytes were written, and the size was given as 4"):
            await job.copy(io.BytesIO(b"abc"), "a", 4)


@in_loop
async def test_a_file_that_fails_does_not_wait_for_its_source(
    scripted_ascp: MakeAscp, pipe: tuple[BinaryIO, BinaryIO]
) -> None:
    body = (
        "def full(session, command): return command['Type'] == 'PUT' and (session.fail('a', 1, 25, 'full') or True)\n"
    )
    closed = False

    async def silent() -> AsyncIterator[bytes]:
        nonlocal closed
        try:
            await asyncio.sleep(1000)
            yield b""
        finally:
            closed = True

    async with driven(serving(scripted_ascp, body + "serve(full)")) as job:
        for source in (pipe[0], silent()):
            with pytest.raises(faspmgr.FileTransferError, match="a: 25 NO_SPACE_LEFT: full"):
                await job.copy(source, "a")
    assert closed


@in_loop
async def test_ascp_that_dies_does_not_wait_for_the_source(
    scripted_ascp: MakeAscp, pipe: tuple[BinaryIO, BinaryIO]
) -> None:
    body = "def die(session, command): command['Type'] == 'WRITE' and os.kill(os.getpid(), 9)\nserve(die)"
    pipe[1].write(b"data")
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError, match="was killed by SIGKILL"):
            await job.copy(pipe[0], "a")


@in_loop
async def test_a_copy_that_is_cancelled(scripted_ascp: MakeAscp, pipe: tuple[BinaryIO, BinaryIO]) -> None:
    async with driven(serving(scripted_ascp)) as job:
        pipe[1].write(b"data")
        copying = asyncio.ensure_future(job.copy(pipe[0], "a"))
        await until(lambda: any(request.state == "transferring" for request in job._feed._unended))
        copying.cancel()
        with pytest.raises(asyncio.CancelledError):
            await copying
        assert (await job.copy(io.BytesIO(DATA), "b")).written == len(DATA)


@in_loop
async def test_a_timeout_of_the_program_is_its_own(scripted_ascp: MakeAscp, pipe: tuple[BinaryIO, BinaryIO]) -> None:
    """Not taken for the end of the file."""

    async def source() -> AsyncIterator[bytes]:
        yield b"data"
        raise TimeoutError("the source took too long")

    async with driven(serving(scripted_ascp)) as job:
        with pytest.raises(TimeoutError, match="the source took too long"):
            await job.copy(source(), "a")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(job.copy(pipe[0], "b"), 0.2)
