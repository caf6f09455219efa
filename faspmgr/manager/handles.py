"""What a program holds of a file that it has asked for: how far it is, how it ended, and a way to wait for that.

What stands here follows what ascp reports about one file, or one directory. It sends nothing: that is the matter of
feed.py for a FileHandle, and of streams.py for a FileStream.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Literal

from faspmgr.errors import FileTransferError
from faspmgr.protocol.commands import StartFile
from faspmgr.protocol.events import ArgStopEvent, FileEvent, StatsEvent
from faspmgr.tracking import FileState
from faspmgr.verdicts import Failure

if TYPE_CHECKING:
    from faspmgr.manager.feed import Feed

FileRequestState = Literal["queued", "transferring", "done", "skipped", "failed"]
ENDED = frozenset({"done", "skipped", "failed"})


class FileRequest:
    """What is common to a file that ascp reads itself, and one that is streamed to it.

    Args:
        feed: what sends it.
        destination: path where the file goes to.
    """

    def __init__(self, feed: Feed, destination: str) -> None:
        self.destination = destination
        """Path where the file goes to, as it was given."""

        self.state: FileRequestState = "queued"
        """queued (ascp has reported nothing of it), transferring, done, skipped (it was there) or failed."""

        self.size: int | None = None
        """Bytes of the file; None where they are not known, such as for a directory."""

        self.error: Failure | None = None
        """Code and description of what ascp reported; None if it reported no error."""

        self.reason = ""
        """Why it failed where ascp did not report that, in one line; else empty."""

        # The how-manieth request it is, 0 until it is sent, and the FaspFileArgIndex that it is reported with: see
        # Pairing.
        self.number = 0
        self.index: int | None = None
        # Whether ascp has reported anything of it.
        self.seen = False

        self._feed = feed
        # Done when the file has ended.
        self._over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths by which ascp may name it, the most likely one first."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Is it done, skipped or failed?"""
        return self.state in ENDED

    def apply(self, event: FileEvent | ArgStopEvent) -> bool:
        """Bring it up to date with an event about it; an end that was reported is left as it is.

        Returns:
            Whether this was the last event about it.
        """
        raise NotImplementedError

    def fail(self, reason: str, error: Failure | None = None) -> None:
        """It has failed; without effect where it has ended already."""
        if not self.ended:
            self.reason, self.error = reason, error
            self._end("failed")

    def _end(self, state: FileRequestState) -> None:
        self.state = state
        if not self._over.done():  # as it is where a loop was stopped in the middle
            self._over.set_result(None)
        self._feed.release(self)

    async def _wait(self) -> None:
        """Wait for the end.

        Raises:
            FileTransferError: it has failed.
        """
        await asyncio.wait({self._over})  # it is not cancelled with one of those who wait for it
        if self.state == "failed":
            raise self.failure()

    def failure(self) -> FileTransferError:
        """What is to be raised for a file that has failed."""
        reason = "; ".join(filter(None, [self.reason, str(self.error) if self.error else ""]))
        handle: Any = self  # a FileHandle or a FileStream
        return FileTransferError(f"{self.paths[0]}: {reason}", handle, self.error.code if self.error else None)

    def __getstate__(self) -> dict[str, Any]:
        """What can be copied: how it stands now. Nobody can wait for a copy."""
        return {name: value for name, value in vars(self).items() if not name.startswith("_")}


class FileHandle(FileRequest):
    """A file, or a directory, that was given to a persistent session. ``Job.upload`` and ``Job.download`` make it.

    Example:
        >>> async def upload(job):
        ...     files = [await job.upload(path, f"/in/{path}") for path in ("a.mov", "b.mov")]
        ...     for file in files:
        ...         await file.done()
    """

    def __init__(self, feed: Feed, command: StartFile, is_download: bool) -> None:
        super().__init__(feed, command.destination)

        self.source = command.source
        """Path of the file, where this ascp, or that of the peer, reads it."""

        self.files_done = 0
        """Count of the files that are done or skipped: those of a directory, else at most one."""

        self.files_failed = 0
        """Count of the files that failed: those of a directory, else at most one."""

        # The command that asks for it. What cannot be sent is found here.
        self.command = command
        command.encode()
        # Whether it comes from the peer: ascp may name it by where it goes to, then.
        self._is_download = is_download
        # The files that move, by name, and the bytes and the skipped ones of those that have ended.
        self._moving: dict[str, FileState] = {}
        self._bytes_ended = 0
        self._skipped = 0
        # How ascp names it; the source until it has done so.
        self._reported = command.source
        # Its STOP was sent.
        self._cancelled = False

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.source, self.destination) if self._is_download else (self.source,)

    @property
    def bytes_done(self) -> int:
        """Bytes at the destination."""
        return self._bytes_ended + sum(file.bytes_done for file in self._moving.values())

    @property
    def progress(self) -> float:
        """From 0 to 1; of a directory, 0 until all of it is through."""
        if self.state in ("done", "skipped"):
            return 1.0
        return min(1.0, self.bytes_done / self.size) if self.size else 0.0

    async def done(self) -> FileHandle:
        """Wait until the file, or all of the directory, is through.

        Returns:
            This handle; its state is done or skipped.

        Raises:
            FileTransferError: it has failed, one of the directory has, it was cancelled, or the session has ended and
                has not reported it.
        """
        await self._wait()
        return self

    async def cancel(self) -> None:
        """Do not transfer it, or stop that. ``done()`` raises then, unless the file is through before.

        Of a file that moves, ascp reports what becomes of it. It is not known to report one that waits, so that this
        counts as failed at once.
        """
        if not self.ended and not self._cancelled:
            self._cancelled = True
            if self.number:
                self._feed.stop(self, self._reported)
            if self.state == "queued":
                self.fail("cancelled")
        await asyncio.sleep(0)  # the command goes out

    def apply(self, event: FileEvent | ArgStopEvent) -> bool:
        name = event.file or ""
        is_all = name.rstrip("/") in [path.rstrip("/") for path in self.paths]
        is_last = isinstance(event, ArgStopEvent) or (is_all and not isinstance(event, StatsEvent))
        if self.ended:
            return is_last
        if isinstance(event, ArgStopEvent):
            self._end_argument(event)
            return is_last
        self.state = "transferring"
        file = self._moving.get(name)
        if file is None:
            file = self._moving[name] = FileState(name)
        file.apply(event, clustered=False)
        if is_all:
            self._reported, self.size = name, file.size
        if file.state != "transferring":
            del self._moving[name]
            self._bytes_ended += file.bytes_done
            self._skipped += file.state == "skipped"
            self.files_failed += file.state == "failed"
            self.files_done += file.state != "failed"
            self.error = self.error or file.error
        if is_last:
            self._end("failed" if self.files_failed else "skipped" if self._skipped else "done")
        return is_last

    def _end_argument(self, event: ArgStopEvent) -> None:
        """All of a directory is through, or nothing of the source was to be transferred."""
        self.files_failed = max(self.files_failed, event.arg_transfers_failed or 0)
        if self.files_failed:
            count = max(self.files_failed + self.files_done, event.arg_transfers_attempted or 0)
            self.fail(f"{self.files_failed} of {count} files failed", self.error)
        elif self._cancelled:
            self.fail("cancelled")
        else:
            self._end("done" if self.files_done > self._skipped else "skipped")
