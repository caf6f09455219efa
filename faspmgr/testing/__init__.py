"""The pytest plugin: test an application that runs ascp, or reads its management stream, without a server.

It is active in every project that has faspmgr installed, without configuration, and loads next to nothing until a test
asks for one of its fixtures:

fake_ascp      puts the simulator first on PATH as ``ascp``, and tells after a run what it was told
ascp_capture   loads a recorded stream by name: from ``captures`` or ``fixtures`` beside the test or further up, or from
               those that come with faspmgr
replay_to      plays a stream to a port, in the background

    def test_upload(fake_ascp, tmp_path):
        fake_ascp.copies(root=tmp_path / "server")
        upload("notes.txt", "user@server:/inbox/")
        assert (tmp_path / "server/inbox/notes.txt").exists()
        assert fake_ascp.runs[0].options["-l"] == "100m"
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from faspmgr.testing.harness import Capture as Capture
    from faspmgr.testing.harness import FakeAscp as FakeAscp
    from faspmgr.testing.harness import Replay as Replay
    from faspmgr.testing.harness import Run as Run
    from faspmgr.testing.harness import Stream

_NAMES = ("Capture", "FakeAscp", "Replay", "Run")

__all__ = [*_NAMES, "ascp_capture", "fake_ascp", "replay_to"]


def __getattr__(name: str) -> Any:
    """The classes, for annotations in tests; imported only now, as pytest loads this module in every project."""
    if name in _NAMES:
        from faspmgr.testing import harness

        return getattr(harness, name)
    raise AttributeError(f"module 'faspmgr.testing' has no attribute {name!r}")


@pytest.fixture
def fake_ascp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FakeAscp:
    """An executable ``ascp`` first on PATH: see FakeAscp."""
    from faspmgr.testing.harness import FakeAscp

    fake = FakeAscp(tmp_path_factory.mktemp("fake-ascp"))
    monkeypatch.setenv("PATH", str(fake.path.parent), prepend=os.pathsep)
    return fake


@pytest.fixture
def ascp_capture(request: pytest.FixtureRequest) -> Callable[[str], Capture]:
    """``ascp_capture(name)`` gives a Capture, with its ``data``, ``events`` and ``path``.

    name: that of a file, with or without ``.fasp``, or its path below the folder. An unknown one raises LookupError.
    """
    from faspmgr.testing.harness import capture_folders, load_capture

    folders = list(capture_folders(Path(request.path).parent, request.config.rootpath))
    return lambda name: load_capture(name, folders)


@pytest.fixture
def replay_to() -> Iterator[Callable[..., Replay]]:
    """``replay_to(port, stream, host="127.0.0.1", speed=math.inf, cut=None)`` connects and starts to play.

    stream: a Capture, a Scenario, bytes, or a path. speed: 1 for its own time. cut: pieces of so many bytes. It gives a
    Replay: ``wait()`` for its end, ``commands`` for what came back. What still plays when the test ends is stopped.
    """
    from faspmgr.testing.harness import Replay

    replays: list[Replay] = []

    def replay(
        port: int, stream: Stream, host: str = "127.0.0.1", speed: float = math.inf, cut: int | None = None
    ) -> Replay:
        replays.append(Replay(port, stream, host, speed, cut))
        return replays[-1]

    yield replay
    for playing in replays:
        playing.stop()
