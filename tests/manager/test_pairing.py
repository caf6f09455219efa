"""Which request an event is about: by hand, without an ascp."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import pytest

from faspmgr import StatsEvent, StopEvent
from faspmgr.commands import StartFile
from faspmgr.manager import pairing
from faspmgr.manager.handles import FileHandle, FileRequest
from faspmgr.manager.pairing import Pairing
from faspmgr.manager.streams import FileStream
from faspmgr.protocol.events import ArgStopEvent, FileErrorEvent


class _Job:
    def release(self, request: FileRequest) -> None: ...


T = TypeVar("T", bound=FileRequest)
JOB: Any = _Job()


class Requests:
    """A Pairing, and the requests that were sent, by the name of a variable."""

    def __init__(self) -> None:
        self.pairing = Pairing()
        self.loop = asyncio.new_event_loop()

    def start(self, source: str, destination: str = "to", download: bool = False) -> FileHandle:
        return self._add(lambda: FileHandle(JOB, StartFile(source, destination), download))

    def put(self, destination: str) -> FileStream:
        return self._add(lambda: FileStream(JOB, destination))

    def _add(self, make: Callable[[], T]) -> T:
        async def add() -> T:
            request = make()
            self.pairing.add(request)
            return request

        return self.loop.run_until_complete(add())

    def stats(self, file: str, index: int | None = None) -> FileRequest | None:
        return self.pairing.find(StatsEvent(file=file, fasp_file_arg_index=index, size=1, written=0))

    def stop(self, file: str, index: int | None = None) -> FileRequest | None:
        """A file is complete: what is reported as ended is removed, as DrivenJob does it."""
        event = StopEvent(file=file, fasp_file_arg_index=index, size=1, written=1)
        request = self.pairing.find(event)
        if request and request.apply(event):
            self.pairing.remove(request)
        return request

    def error(self, file: str, index: int | None = None) -> FileRequest | None:
        return self.pairing.find(FileErrorEvent(file=file, fasp_file_arg_index=index, code=1))

    def arg_stop(self, file: str, index: int | None = None) -> FileRequest | None:
        return self.pairing.find(ArgStopEvent(file=file, fasp_file_arg_index=index))


@pytest.fixture
def requests() -> Any:
    made = Requests()
    yield made
    made.loop.close()


def test_by_path(requests: Requests) -> None:
    first, second = requests.start("/x/name"), requests.start("/y/name")
    assert requests.stats("/y/name") is second
    assert requests.stats("/x/name") is first
    for other in ("name", "/z/name", "/x", "", "/x/name2", "to"):
        assert requests.stats(other) is None
    assert requests.stop("/x/name") is first
    assert requests.stats("/x/name") is None


def test_the_files_of_a_directory(requests: Requests) -> None:
    folder, other = requests.start("/x/photos/"), requests.start("/x/photos2")
    for file in ("/x/photos/a", "/x/photos/b/c", "/x/photos"):
        assert requests.stats(file) is folder
    assert requests.stats("/x/photos2/a") is other
    assert requests.arg_stop("/x/photos/") is requests.arg_stop("/x/photos") is folder
    assert requests.arg_stop("/x/photos/b") is None  # what was not asked for has no ARGSTOP
    everything = requests.start("/")
    assert requests.stats("/etc/passwd") is everything
    assert requests.arg_stop("/") is everything


def test_a_file_and_its_directory(requests: Requests) -> None:
    """Both are asked for, and both report the file."""
    file, folder = requests.start("/x/a"), requests.start("/x")
    assert requests.stats("/x/a", 1) is file
    assert requests.stats("/x/b", 2) is folder
    assert requests.stats("/x/a", 2) is folder
    assert requests.stop("/x/a", 1) is file
    assert requests.stop("/x/a", 2) is folder
    assert requests.arg_stop("/x/a", 1) is None
    assert requests.arg_stop("/x", 2) is folder


def test_the_index_tells_whether_a_first_file_is_of_the_directory(requests: Requests) -> None:
    known, folder, file = requests.start("/known"), requests.start("/x"), requests.start("/x/a")
    assert requests.stats("/known", 7) is known  # so that the next one is 8
    assert requests.stats("/x/a", 8) is folder
    assert requests.stats("/x/a", 9) is file


def test_the_same_path_again(requests: Requests) -> None:
    """What is still reported of the one before is not about the one after it."""
    first = requests.start("/a")
    assert requests.stop("/a", 1) is first
    second = requests.start("/a")
    assert requests.arg_stop("/a", 1) is None
    assert requests.stats("/a", 2) is second
    assert requests.arg_stop("/a", 2) is second


def test_what_was_given_up_gets_its_own(requests: Requests) -> None:
    """It was cancelled while it waited, and ascp had begun with it before it knew. The feed sees to it that there is
    no other one of its path before that is clear."""
    given_up = requests.start("/a")
    given_up.fail("cancelled")
    assert requests.stats("/a", 1) is given_up
    again = requests.start("/a")
    assert requests.stats("/a", 2) is again
    assert requests.error("/a", 1) is given_up
    assert requests.stop("/a", 2) is again
    assert requests.stats("/a", 3) is None  # nor is anything expected of it any more


def test_the_oldest_where_there_is_no_index(requests: Requests) -> None:
    given_up = requests.start("/a")
    given_up.fail("cancelled")
    again = requests.start("/a")
    assert requests.stats("/a") is given_up
    assert requests.stop("/a") is given_up
    assert requests.stats("/a") is again


def test_an_index_that_does_not_count(requests: Requests) -> None:
    """Streams may all have the same."""
    first, second = requests.put("/a"), requests.put("/b")
    for _ in range(2):
        assert requests.stats("/a", 0) is first
        assert requests.stats("/b", 0) is second
    first.closed = second.closed = True
    requests.stop("/a", 0)
    again = requests.put("/a")
    assert requests.stats("/a", 0) is again
    assert requests.stats("/b", 0) is second


def test_a_download_may_be_named_by_where_it_goes_to(requests: Requests) -> None:
    download, upload = requests.start("/theirs/a", "/ours/a", download=True), requests.start("/b", "/c")
    assert requests.stats("/ours/a") is requests.stats("/theirs/a") is download
    assert requests.stats("/c") is None
    requests.stop("/ours/a")
    assert requests.stats("/theirs/a") is None
    assert requests.stats("/b") is upload


def test_memory_is_bounded(requests: Requests, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where an ascp sends no ARGSTOP."""
    monkeypatch.setattr(pairing, "MAX_OVER", 10)
    for index in range(1, 100):
        requests.start(f"/{index}")
        requests.stop(f"/{index}", index)
    inner = vars(requests.pairing)
    assert (len(inner["_over"]), len(inner["_by_path"]), len(inner["_by_index"])) == (10, 0, 0)
