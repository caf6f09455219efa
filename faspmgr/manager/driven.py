"""A job whose session the program drives: it gives it files one by one, or streams them into it.

What stands here is what such a program calls. What it asks for goes to feed.py; ascp itself is run by job.py, as any
other.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from faspmgr.errors import TransferError
from faspmgr.manager.blocks import Source
from faspmgr.manager.feed import Feed
from faspmgr.manager.handles import FileHandle
from faspmgr.manager.port import Connection
from faspmgr.manager.replies import REPLY_TIMEOUT, Reply
from faspmgr.manager.result import Result
from faspmgr.manager.streams import FileStream, copy
from faspmgr.manager.tasks import task_group
from faspmgr.protocol.commands import Command, SetRate, StartFile

SETTLE_SECONDS = 1.0
"""After SESSION, the time in which a session that is refused after all is seen to end. NOTIFICATION says that it is
not; not every ascp need send it."""


class DrivenJob:
    """What a Job has for a program that drives its session; see Job.

    Args:
        persistent: whether files can be given to the session.
        streaming: whether files can be streamed into the session.
        idle_timeout: seconds without a file after which the session is finished; None for any time.
    """

    def __init__(self, persistent: bool, streaming: bool, idle_timeout: float | None) -> None:
        self.result: Result | None = None

        self._persistent = persistent
        self._streaming = streaming
        # Runs ascp; None before the session is entered.
        self._session_task: asyncio.Task[Result] | None = None
        # What goes to ascp, and what becomes of it.
        self._feed = Feed(lambda: self._connection, idle_timeout)
        # The target rate to go back to after pause(), Kbps; None where there is none.
        self._rate_before: int | None = None

    # -- of Job

    async def run(self) -> Result:
        """See Job."""
        raise NotImplementedError

    def stop(self, reason: str, interrupted: bool = True) -> None:
        """See Job."""
        raise NotImplementedError

    def kill(self, reason: str) -> None:
        """See Job."""
        raise NotImplementedError

    async def send(self, command: Command, timeout: float = REPLY_TIMEOUT) -> Reply:
        """See Job."""
        raise NotImplementedError

    @property
    def _connection(self) -> Connection:
        """The connection of ascp. Raises ConnectionError where there is none."""
        raise NotImplementedError

    # -- what callers use

    async def __aenter__(self) -> Self:
        if not (self._persistent or self._streaming):
            raise RuntimeError("'async with' is for Job(…, persistent=True) or streaming=True: use run() for this one")
        feed = self._feed
        task = self._session_task = asyncio.create_task(self._drive())
        task.add_done_callback(lambda _: feed.news.set())
        try:
            while not feed.negotiated and not task.done():
                feed.news.clear()
                has_session = feed.session and feed.session.state == "negotiated"
                try:
                    async with asyncio.timeout(SETTLE_SECONDS if has_session else None):
                        await feed.news.wait()
                except TimeoutError:
                    feed.negotiated = True
        except asyncio.CancelledError:
            task.cancel()
            await task
            raise
        if task.done():
            result = task.result()
            raise TransferError(f"the session was not negotiated: {result.summary}", result)
        feed.entered.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        task = self._task()
        try:
            if kind is None:
                await self.finish()
        finally:
            if not task.done():
                self.stop("cancelled")
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                self.kill("cancelled")
                await asyncio.wait({task})
                raise
        task.result()

    async def upload(
        self, source: str, destination: str, start: int | None = None, end: int | None = None
    ) -> FileHandle:
        """Transfer one more file, or directory, in a persistent session that sends.

        Args:
            source: path of the file, where this ascp reads it.
            destination: path where the file goes to, below the destination of the session.
            start: first byte of a range.
            end: last byte of a range.

        Returns:
            The handle. The file is on its way or waits; ``await handle.done()`` waits for its end.

        Raises:
            ValueError: the session receives, a path is empty, or the range ends before it begins.
            TransferError: the session has ended, or is about to end.
            RuntimeError: the job is not persistent, or not inside of its ``async with``.
        """
        return await self._request(StartFile(source, destination, start, end), "Send")

    async def download(
        self, source: str, destination: str, start: int | None = None, end: int | None = None
    ) -> FileHandle:
        """Transfer one more file, or directory, in a persistent session that receives.

        Args and errors are those of ``upload``; source is a path of the peer.
        """
        return await self._request(StartFile(source, destination, start, end), "Receive")

    def open(self, destination: str, size: int | None = None) -> FileStream:
        """Stream data into a file, in a job with ``streaming=True``: ``async with job.open(…) as stream:``.

        Args:
            destination: path where the file goes to, below the destination of the session.
            size: bytes of the file, where they are known; it fails where another number of them is written.

        Raises:
            ValueError: the path is empty, or the size negative.
            RuntimeError: the job is not streaming.
        """
        if not self._streaming:
            raise RuntimeError("no files can be streamed into this session: make a Job(…, streaming=True)")
        return FileStream(self._feed, destination, size)

    async def copy(self, source: Source, destination: str, size: int | None = None) -> FileStream:
        """Stream all that a source holds into a file, in a job with ``streaming=True``.

        Args:
            source: a binary file object, an asyncio.StreamReader, or an asynchronous iterator of bytes-like objects. A
                pipe is read as it comes; what any other file object has is read in a thread.
            destination: as for ``open``.
            size: as for ``open``.

        Returns:
            The stream, which is done.

        Raises:
            FileTransferError: the file has failed; what it was fed with is not read any further.
            TypeError: the source is something else, or gives text.
            BaseException: what the source raises. The file is broken off then.
        """
        return await copy(self.open(destination, size), source)

    async def finish(self, now: bool = False) -> Result:
        """End the session when all that was asked for is transferred and no stream is open, and wait for that.

        Args:
            now: do not wait for anything: what has not ended fails.

        Returns:
            How the session ended. Where this is cancelled, it goes on ending.
        """
        task = self._task()
        await self._feed.finish(now)
        await asyncio.wait({task})
        return task.result()

    async def cancel(self) -> Result:
        """Cancel the session, and wait for its end, by the steps of ``stop``. What has not ended fails.

        Returns:
            How the session ended. Where this is cancelled, it goes on ending.
        """
        task = self._task()
        self.stop("cancelled")
        await asyncio.wait({task})
        return task.result()

    async def pause(self) -> Reply:
        """Let nothing move: set the target rate to 0. It is for ascp, and for its server, to allow that.

        What is written to a stream waits then.
        """
        rate = self._feed.session.target_rate_kbps if self._feed.session else None
        if not isinstance(rate, int):
            return Reply(False, "the target rate to go back to is not known")
        self._rate_before = rate or self._rate_before
        return await self.send(SetRate(target_kbps=0))

    async def resume(self) -> Reply:
        """Set the target rate to what it was before ``pause``."""
        if self._rate_before is None:
            return Reply(False, "the session is not paused")
        reply = await self.send(SetRate(target_kbps=self._rate_before))
        if reply.accepted:
            self._rate_before = None
        return reply

    # -- the session

    async def _drive(self) -> Result:
        """Run the job and feed it. At its end, whatever was asked for and has not ended fails."""
        summary = "the job was broken off"
        try:
            async with task_group() as tasks:
                feeding = tasks.create_task(self._feed.run())
                try:
                    result = self.result = await self.run()
                finally:
                    feeding.cancel()
            summary = result.summary
            return result
        finally:
            self._feed.end(summary, self.result)

    def _task(self) -> asyncio.Task[Result]:
        if self._session_task is None:
            raise RuntimeError("the session has not begun: use 'async with Job(…) as job:'")
        return self._session_task

    async def _request(self, command: StartFile, direction: str) -> FileHandle:
        if not self._persistent:
            raise RuntimeError("no files can be given to this session: make a Job(…, persistent=True)")
        session = self._feed.session
        if session and session.direction not in (None, direction):
            raise ValueError(f"the direction of the session is {session.direction}, not {direction}")
        file = FileHandle(self._feed, command, is_download=direction == "Receive")
        self._feed.enlist(file)
        await asyncio.sleep(0)  # START goes out, and what arrives is read
        return file
