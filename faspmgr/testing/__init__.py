"""The pytest plugin, and what it is made of: test an application that runs ascp, or reads its management stream.

No server and no license are needed. The plugin is active in every project that has faspmgr installed, without
configuration; so a line may stand in this module only if it loads next to nothing, and what a fixture gives to a test
stands in the modules beside it. The fixtures:

fake_ascp
    puts the simulator first on PATH as ``ascp``, and shows after a run what it was given
ascp_capture
    loads a recorded stream by name: from ``captures`` or ``fixtures`` beside the test or further up, or from those that
    come with faspmgr
replay_to
    plays a stream to a port, in the background

Example::

    def test_upload(fake_ascp, tmp_path):
        fake_ascp.copies(root=tmp_path / "server")
        upload("notes.txt", "user@server:/inbox/")
        assert (tmp_path / "server/inbox/notes.txt").exists()
        assert fake_ascp.runs[0].options["-l"] == "100m"
"""

from __future__ import annotations

import importlib
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from faspmgr.testing.captures import Capture as Capture
    from faspmgr.testing.captures import Stream
    from faspmgr.testing.executable import FakeAscp as FakeAscp
    from faspmgr.testing.executable import Run as Run
    from faspmgr.testing.replay import Replay as Replay

_HOMES = {"Capture": "captures", "FakeAscp": "executable", "Replay": "replay", "Run": "executable"}

__all__ = [*_HOMES, "ascp_capture", "fake_ascp", "replay_to"]


def __getattr__(name: str) -> Any:
    """Give a class, for annotations in tests; imported only now, as pytest loads this module in every project."""
    if name not in _HOMES:
        raise AttributeError(f"module 'faspmgr.testing' has no attribute {name!r}")
    return getattr(importlib.import_module(f"faspmgr.testing.{_HOMES[name]}"), name)


@pytest.fixture
def fake_ascp(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> FakeAscp:
    """Put an executable ``ascp`` first on PATH: see FakeAscp."""
    from faspmgr.ascp.executable import VARIABLE
    from faspmgr.testing.executable import FakeAscp

    fake = FakeAscp(tmp_path_factory.mktemp("fake-ascp"))
    monkeypatch.setenv("PATH", str(fake.path.parent), prepend=os.pathsep)
    monkeypatch.delenv(VARIABLE, raising=False)  # it comes before PATH
    return fake


@pytest.fixture
def ascp_capture(request: pytest.FixtureRequest) -> Callable[[str], Capture]:
    """Give a function: ``ascp_capture(name)`` gives a Capture, with its ``data``, ``events`` and ``path``.

    The name is that of a file, with or without ``.fasp``, or its path below the folder. An unknown one raises
    LookupError.
    """
    from faspmgr.testing.captures import capture_folders, load_capture

    folders = list(capture_folders(Path(request.path).parent, request.config.rootpath))
    return lambda name: load_capture(name, folders)


@pytest.fixture
def replay_to() -> Iterator[Callable[..., Replay]]:
    """Give a function: ``replay_to(port, stream)`` connects, starts to play, and gives a Replay.

    Its other arguments are ``host``, ``speed`` (1 for its own time) and ``cut``, as those of Replay. What still
    plays when the test ends is stopped.
    """
    from faspmgr.testing.replay import Replay

    replays: list[Replay] = []

    def replay(
        port: int, stream: Stream, host: str = "127.0.0.1", speed: float = math.inf, cut: int | None = None
    ) -> Replay:
        replays.append(Replay(port, stream, host, speed, cut))
        return replays[-1]

    yield replay
    for playing in replays:
        playing.stop()
