"""Every test here is checked for processes that it leaves behind; those that ask for ``either_loop`` run twice."""

from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Callable, Iterator

import pytest

from tests.live import many_descriptors, nothing_left, scripted_ascp, simulated_ascp, socket_folder

__all__ = ["either_loop", "many_descriptors", "nothing_left", "scripted_ascp", "simulated_ascp", "socket_folder"]


@pytest.fixture(params=["asyncio", "uvloop"])
def either_loop(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Runs a test with each event loop that an application may have; gives its name."""
    name: str = request.param
    if name == "uvloop":
        uvloop = pytest.importorskip("uvloop", reason="uvloop is not installed")
        monkeypatch.setattr(asyncio.events, "new_event_loop", uvloop.new_event_loop)  # what asyncio.run calls
    return name


@pytest.fixture
def few_descriptors() -> Iterator[Callable[[int], None]]:
    """Gives a function that leaves so many descriptors to this process, until the test ends."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def leave(count: int) -> None:
        highest = max(map(int, os.listdir("/dev/fd")))
        resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1 + count, before[1]))

    yield leave
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
