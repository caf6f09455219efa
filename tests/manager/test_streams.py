"""Files that are streamed into a session: what arrives, what waits, and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest

import faspmgr
from tests.live import MakeAscp
from tests.manager.driven import driven, serving
from tests.manager.peers import in_loop

pytestmark = pytest.mark.usefixtures("either_loop")


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv("KEEP", str(folder))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """What was streamed, by destination."""
    return {bytes.fromhex(path.name).decode("utf-8", "surrogateescape"): path.read_bytes() for path in folder.iterdir()}


@in_loop
async def test_a_stream_and_its_end(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp)) as job:
        async with job.open("/in/a") as stream:
            assert stream.state == "queued"
            await stream.write(b"hello ")
            await stream.write(bytearray(b"world"))
            assert stream.sent == 11
        assert (stream.state, stream.written, stream.size, stream.progress) == ("done", 11, 11, 1.0)
    assert content(kept) == {"/in/a": b"hello world"}
    assert job.result is not None
    assert job.result.verdict == "done"
    assert isinstance(stream, faspmgr.FileStream)
