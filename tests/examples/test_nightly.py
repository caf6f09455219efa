"""The tests of an application that runs ascp: without a server, without a license, in a second."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from faspmgr import commands
from faspmgr.simulator import Scenario
from faspmgr.testing import FakeAscp
from tests.examples import nightly


def test_it_sends_the_folder(fake_ascp: FakeAscp, tmp_path: Path) -> None:
    """Files are copied for real: below a folder that stands for the server."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.txt").write_text("hello")
    fake_ascp.copies(root=tmp_path / "server")

    assert asyncio.run(nightly.send(f"{tmp_path}/data", "example.org", os.environ)) == "done: 1 sent, 0 failed"

    assert (tmp_path / "server/nightly/data/a.txt").read_text() == "hello"
    (run,) = fake_ascp.runs
    assert run.options["-l"] == "500m"
    assert run.commands == [commands.SetRate(target_kbps=200_000, policy="fair").to_frame()]


def test_it_reports_failed_files(fake_ascp: FakeAscp) -> None:
    """A transfer of a thousand files that do not exist, of which three fail."""
    fake_ascp.plays(Scenario(files=1000, size=50_000, fail=3, skip=100))
    assert asyncio.run(nightly.send("/data", "example.org", os.environ)) == "failed: 897 sent, 3 failed"


def test_it_survives_an_ascp_that_dies(fake_ascp: FakeAscp, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(bytes(1_000_000))
    fake_ascp.fails("die@50%")
    assert asyncio.run(nightly.send(f"{tmp_path}/large", "example.org", os.environ)).startswith("transferring: 0 sent")
