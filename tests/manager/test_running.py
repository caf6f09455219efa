"""Transfers in one call, and with the simulator: real files, copied and compared."""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job, running
from tests.live import MakeAscp
from tests.manager.transfers import run

DRIVEN = {"persistent", "streaming", "idle_timeout"}


def test_ctrl_c_in_a_program_without_a_loop_of_its_own(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.recv(1000); wire.sendall(error(28)); sys.exit(1)")
    timer = threading.Timer(1.0, os.kill, [os.getpid(), signal.SIGINT])
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        faspmgr.run_sync([path], grace=20)
    timer.join()


def test_run_sync_inside_of_a_running_loop() -> None:
    async def inside() -> None:
        with pytest.raises(RuntimeError, match=r"await faspmgr\.run\(\.\.\.\) instead"):
            faspmgr.run_sync(["ascp", "a", "h:b"])

    asyncio.run(inside())


def test_the_keywords_are_the_same_everywhere() -> None:
    """Name, type and default of each, spelt out in all three so that an editor and a type checker know them.

    A session that the program drives needs a Job: run() has nothing of it.
    """
    of_job = inspect.signature(Job).parameters
    of_run = {name: each for name, each in of_job.items() if name not in DRIVEN}
    assert of_run == inspect.signature(faspmgr.run).parameters == inspect.signature(faspmgr.run_sync).parameters
    keywords = list(of_job.values())[1:]
    assert all(each.kind is each.KEYWORD_ONLY and each.annotation != "Any" for each in keywords)


def test_all_keywords_reach_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[dict[str, Any]] = []

    class Recorded(Job):
        def __init__(self, **options: Any) -> None:
            received.append(options)
            super().__init__(["ascp", "a", "h:b"], ascp="/none")

    monkeypatch.setattr(running, "Job", Recorded)
    given: dict[str, Any] = {name: object() for name in inspect.signature(Job).parameters if name not in DRIVEN}
    faspmgr.run_sync(**given)
    asyncio.run(faspmgr.run(**given))
    assert received == [given, given]


# -- with the simulator: real files, copied and compared


def specification(source: Path, target: Path) -> dict[str, Any]:
    return {
        "direction": "send",
        "remote_host": "127.0.0.1",
        "remote_user": "xfer",
        "remote_password": "pa55word",
        "token": "t0ken",
        "target_rate_kbps": 80_000,
        "destination_root": str(target),
        "paths": [{"source": str(path)} for path in sorted(source.iterdir())],
    }


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("plain.bin", "with space.bin", "Übersicht.bin", "-dash.bin", os.fsdecode(b"latin-\xe9.bin")):
        (folder / name).write_bytes(os.urandom(150_000))
    (tmp_path / "target").mkdir()
    return folder


def assert_same(source: Path, target: Path) -> None:
    assert sorted(os.listdir(source)) == sorted(os.listdir(target))
    for path in source.iterdir():
        assert path.read_bytes() == (target / path.name).read_bytes()


def test_real_files_by_a_command_line(simulated_ascp: str, source: Path, tmp_path: Path) -> None:
    target = tmp_path / "target"
    names = [str(path) for path in sorted(source.iterdir())]
    result = run([simulated_ascp, "--simulate-copy", "-l", "80m", "-d", *names, f"xfer@localhost:{target}"], grace=10)
    assert result.verdict == "done"
    assert_same(source, target)
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (5, 750_000)


def test_real_files_by_a_transfer_spec(simulated_ascp: str, source: Path, tmp_path: Path) -> None:
    record = tmp_path / "received"
    wrapper = tmp_path / "ascp"
    wrapper.write_text(
        f'#!/bin/sh\ntr "\\0" "\\n" </proc/$$/cmdline >"{record}"\nexec "{simulated_ascp}" --simulate-copy "$@"\n'
    )
    wrapper.chmod(0o755)
    result = run(specification(source, tmp_path / "target"), ascp=str(wrapper), grace=10)
    assert result.verdict == "done", result
    assert_same(source, tmp_path / "target")
    words = record.read_text("utf-8", "surrogateescape")
    assert "pa55word" not in words
    assert "t0ken" not in words
    assert "t0ken" not in repr(result) + json.dumps(result.to_dict())


def test_a_transfer_that_breaks_off_and_goes_on(
    simulated_ascp: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", f"fail=16@50%,once={tmp_path / 'once'}")
    names = [str(path) for path in sorted(source.iterdir())]
    argv = [simulated_ascp, "--simulate-copy", "-l", "80m", *names, f"xfer@localhost:{tmp_path / 'target'}"]
    result = run(argv, retry=2, retry_wait=0.05, grace=10)
    assert [one.verdict for one in result.attempts] == ["failed", "done"]
    assert_same(source, tmp_path / "target")


@pytest.mark.parametrize(
    ("fault", "verdict"),
    [
        ("fail=16@50%", "failed"),
        ("hang=99%", "lost"),
        ("silent-exit@50%", "lost"),
        ("die@50%", "lost"),
        ("die-kill@50%", "lost"),
        ("garbage@50%", "done"),
        ("linger-socket", "done"),
        ("no-connect", "not started"),
    ],
)
def test_the_faults_of_the_simulator(
    simulated_ascp: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, verdict: str
) -> None:
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", fault)
    names = [str(path) for path in sorted(source.iterdir())]
    argv = [simulated_ascp, "--simulate-copy", "-l", "80m", *names, f"xfer@localhost:{tmp_path / 'target'}"]
    result = run(argv, stall_timeout=2, connect_timeout=3, grace=0.5)
    assert result.verdict == verdict, result
