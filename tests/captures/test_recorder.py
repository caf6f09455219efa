"""Recording: exact, private, and harmless to what is recorded."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

import pytest

from faspmgr.captures import Recorder, Recording


def test_a_recording_is_exact_and_private(tmp_path: Path, captures: list[Path]) -> None:
    data = b"".join(path.read_bytes() for path in captures) + bytes(range(256))
    umask = os.umask(0)
    with Recorder(tmp_path / "out") as recorder:
        os.umask(umask)
        for at in range(0, len(data), 777):
            recorder.write(data[at : at + 777])
            assert (tmp_path / "out").stat().st_size == min(at + 777, len(data))  # nothing waits in a buffer
    assert (tmp_path / "out").read_bytes() == data
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600
    assert recorder.error is None
    assert recorder.lost == 0


def test_a_recording_replaces_an_older_one(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_bytes(b"something longer")
    path.chmod(0o644)
    with Recorder(path) as recorder:
        recorder.write(b"short")
    assert path.read_bytes() == b"short"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_full_disk_ends_the_recording_and_is_reported() -> None:
    with Recorder("/dev/full") as recorder:
        recorder.write(b"12345")
        recorder.write(b"678")
        assert recorder.lost == 8
    assert recorder.error is not None
    assert recorder.error.strerror == "No space left on device"


def test_what_comes_after_the_end_is_counted_as_lost(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out")
    recorder.write(b"123")
    recorder.close()
    recorder.close()
    recorder.write(b"45")
    assert (tmp_path / "out").read_bytes() == b"123"
    assert recorder.lost == 2


def test_a_recording_that_cannot_be_made_says_so_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Recorder(tmp_path / "none" / "out")


# -- several connections


def test_connections_after_each_other_share_a_file(tmp_path: Path) -> None:
    lines: list[str] = []
    recording = Recording(tmp_path / "out")
    for data in (b"one", b"two"):
        recording.tap(lines.append)(data)
    recording.close()
    assert (tmp_path / "out").read_bytes() == b"onetwo"
    assert (recording.error, lines) == (None, [])


@pytest.mark.parametrize("existing", [True, False])
def test_connections_at_the_same_time_have_a_file_each(tmp_path: Path, existing: bool) -> None:
    folder = tmp_path if existing else tmp_path / "new"
    recording = Recording(folder if existing else f"{folder}/", parts=11)
    taps = [recording.tap(pytest.fail) for _ in range(11)]
    for number, tap in enumerate([*taps, *taps], 1):
        tap(b"%d." % number)
    recording.close()
    files = sorted(folder.glob("*.fasp"))
    contents = {path.name.rpartition("-")[2]: path.read_bytes() for path in files}
    assert contents == {f"{number}.fasp": b"%d.%d." % (number, number + 11) for number in range(1, 12)}
    assert all(re.fullmatch(r"\d{8}T\d{6}Z-\d+-\d+\.fasp", path.name) for path in files)
    (connections,) = set(folder.iterdir()) - set(files)
    assert re.fullmatch(r"\d{8}T\d{6}Z-\d+\.connections", connections.name)


def test_a_directory_to_write_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="out is not a directory: the streams of several sessions need a file each"):
        Recording(tmp_path / "out", parts=2)
    assert not (tmp_path / "out").exists()
    monkeypatch.setattr(os, "access", lambda _, mode: not mode & os.W_OK)  # root may write everywhere
    with pytest.raises(PermissionError, match="cannot be written to"):
        Recording(tmp_path)


def test_lost_bytes_are_logged_once(tmp_path: Path) -> None:
    lines: list[str] = []
    recording = Recording("/dev/full")
    tap = recording.tap(lines.append)
    tap(b"1")
    tap(b"2")
    recording.tap(lines.append)(b"3")
    recording.close()
    assert recording.error == "/dev/full: No space left on device"
    assert lines == [f"the recording is not complete: {recording.error}"]


def test_a_file_that_cannot_be_made_later_is_logged(tmp_path: Path) -> None:
    lines: list[str] = []
    recording = Recording(f"{tmp_path}/new/")
    (tmp_path / "new").rmdir()
    recording.tap(lines.append)(b"lost")
    assert recording.error is not None
    assert recording.error.endswith("-1.fasp: No such file or directory")
    assert lines == [f"the recording is not complete: {recording.error}"]
