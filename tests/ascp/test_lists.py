"""The folder with the list of files for one ascp."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from faspmgr.ascp.lists import PREFIX, list_folder, remove_stale_lists
from tests.launcher import start
from tests.privileges import no_right_to_read_anything

HOLDS = """
import sys, time
from faspmgr.ascp.lists import list_folder
with list_folder() as path:
    open(path, 'w').write('secret plans.pdf')
    print(path, flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files are made, here and in programs that are started."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_it_is_private_and_goes(folder: Path) -> None:
    with list_folder() as path:
        (made,) = folder.iterdir()
        assert os.path.dirname(path) == str(made)
        assert made.stat().st_mode & 0o777 == 0o700
        Path(path).write_text("a\n")
    assert not list(folder.iterdir())


def test_what_a_killed_program_has_left_is_removed(folder: Path) -> None:
    with start(HOLDS, program=(sys.executable, "-c")) as process:
        assert process.stdout
        path = Path(os.fsdecode(process.stdout.readline().rstrip(b"\n")))
        remove_stale_lists()
        assert path.read_text() == "secret plans.pdf"  # its program runs
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert path.exists()
        remove_stale_lists()
    assert not list(folder.iterdir())


def test_that_of_another_transfer_in_the_same_program_stays() -> None:
    with list_folder() as first, list_folder() as second:
        Path(first).write_text("a")
        remove_stale_lists()
        assert os.path.exists(first)
        assert os.path.isdir(os.path.dirname(second))


def test_nothing_else_is_touched(folder: Path) -> None:
    """A link, a file, a folder with more in it, and what has another name."""
    target = folder / "target"
    (folder / f"{PREFIX}full").mkdir()
    target.mkdir()
    for path in (target / "paths", folder / f"{PREFIX}file", folder / f"{PREFIX}full" / "mine"):
        path.write_text("mine")
    (folder / f"{PREFIX}link").symlink_to(target)
    (folder / "faspmgr-notes").mkdir()
    remove_stale_lists()
    left = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    assert left == [
        *(f"{PREFIX}{name}" for name in ("file", "full", "full/mine", "link")),
        "faspmgr-notes",
        "target",
        "target/paths",
    ]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_that_of_another_user_is_not_touched(folder: Path) -> None:
    other = folder / f"{PREFIX}other"
    other.mkdir()
    (other / "paths").write_text("theirs")
    os.chown(other, 12345, 12345)
    remove_stale_lists()
    assert (other / "paths").exists()


def test_a_folder_for_temporary_files_that_cannot_be_read(folder: Path) -> None:
    (folder / f"{PREFIX}stale").mkdir()
    folder.chmod(0o000)
    try:
        with no_right_to_read_anything():
            remove_stale_lists()
    finally:
        folder.chmod(0o700)
    assert (folder / f"{PREFIX}stale").exists()


def test_who_makes_and_who_removes_may_meet(folder: Path) -> None:
    """A folder that was given is there, and stays, while others look for stale ones all the time."""
    ended = threading.Event()

    def remove() -> None:
        while not ended.is_set():
            remove_stale_lists()

    removing = [threading.Thread(target=remove) for _ in range(3)]
    for each in removing:
        each.start()
    try:
        for _ in range(300):
            with list_folder() as path:
                Path(path).write_text("a")
                assert Path(path).read_text() == "a"
    finally:
        ended.set()
        for each in removing:
            each.join()
    assert not list(folder.iterdir())
