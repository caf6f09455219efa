"""What an application that embeds the manager finds in its log."""

from __future__ import annotations

import logging

import pytest

from tests import launcher
from tests.live import MakeAscp
from tests.manager.test_identify import NAMELESS
from tests.manager.transfers import run


def lines(caplog: pytest.LogCaptureFixture, level: int = logging.NOTSET) -> list[str]:
    """What was logged at this level or above, without what differs from run to run."""
    return [
        f"{record.name.removeprefix('faspmgr.manager.')}: {record.getMessage()}"
        for record in caplog.records
        if record.levelno >= level and record.name.startswith("faspmgr.")
    ]


def has(found: list[str], *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in found)


def test_a_transfer_from_its_start_to_its_verdict(scripted_ascp: MakeAscp, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = scripted_ascp("wire = began(); wire.sendall(DONE)")
    run([path, "-W", "it's-3n", "a", "h:b"], environment={"ASPERA_SCP_PASS": "h:b"})
    found = lines(caplog)
    assert has(found, "process: ascp ", ": started: ", path, "-W '***' a '***'")
    assert has(found, "process: ascp ", ": connected from 127.0.0.1:")
    assert has(found, "process: ascp ", ": done")
    assert found[-1] == "job: transfer: done"
    assert "s-3n" not in caplog.text
    assert lines(caplog, logging.WARNING) == []


def test_what_is_a_warning(scripted_ascp: MakeAscp, caplog: pytest.LogCaptureFixture) -> None:
    path = scripted_ascp(NAMELESS + "signal.signal(15, signal.SIG_IGN); wire = began(); time.sleep(60)")
    run([path], stall_timeout=0.3, grace=0.2)
    found = lines(caplog, logging.WARNING)
    assert has(found, "process: refused a connection from 127.0.0.1:")
    assert has(found, "process: ascp ", ": no progress for 0.3 s")
    assert has(found, "stopping: send SIGTERM", "(no progress for 0.3 s)")
    assert has(found, "stopping: send SIGKILL", "(no progress for 0.3 s)")


def test_a_retry_is_a_warning(scripted_ascp: MakeAscp, caplog: pytest.LogCaptureFixture) -> None:
    run([scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")], retry=1, retry_wait=0.01)
    assert has(lines(caplog, logging.WARNING), "job: attempt 1 failed: 16 CONNECTION_LOST", "; retry 1 of 1 in ")


def test_a_program_that_configures_no_logging_prints_nothing(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(NAMELESS + "wire = began(); time.sleep(60)")
    script = "import sys, faspmgr; print(faspmgr.run_sync(sys.argv[1:], stall_timeout=0.3, grace=0.2).verdict)"
    outcome = launcher.run("-c", script, path, program=launcher.FASPMGR[:1])
    assert (outcome.out, outcome.err) == ("lost\n", "")
