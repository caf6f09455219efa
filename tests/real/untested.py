"""Tests that need a real ascp, or an SSH server, are left out where there is none, and one line reports it.

A plugin of the tests, registered in tests/conftest.py. Under pytest-xdist the workers leave the tests out, and send
what they left out to the one process that writes the line.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
UNTESTED = pytest.StashKey[Counter[str]]()
"""How many tests are left out, by what would run them."""


def no_real_ascp() -> str:
    """What to do to have a real ascp; empty if there is one. One that cannot be started is for the tests to report."""
    path = os.environ.get("FASPMGR_ASCP")
    if not path:
        return "set FASPMGR_ASCP to the path of one"
    try:
        version = subprocess.run([path, "-A"], capture_output=True, timeout=30, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return "FASPMGR_ASCP is the simulator" if b"faspmgr" in version else ""


def find_sshd() -> str:
    """The path of an SSH server; empty if there is none, or nothing that makes its keys."""
    program = shutil.which("sshd", path=os.environ.get("PATH", "") + ":/usr/sbin:/usr/local/sbin")
    return program if program and shutil.which("ssh-keygen") else ""


def pytest_configure(config: pytest.Config) -> None:
    config.stash[UNTESTED] = Counter()


@pytest.hookimpl(trylast=True)  # after -m and -k
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if item.path.is_relative_to(HERE)]
    if not ours:
        return
    advice = no_real_ascp()
    if not advice and not find_sshd():
        advice = "install openssh-server"
        ours = [item for item in ours if "ssh_server" in getattr(item, "fixturenames", ())]
    if advice and ours:
        config.stash[UNTESTED][advice] = len(ours)
        config.hook.pytest_deselected(items=ours)
        left_out = set(ours)
        items[:] = [item for item in items if item not in left_out]


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # a worker of pytest-xdist
        untested = session.config.stash[UNTESTED]
        session.config.workeroutput["untested"] = dict(untested)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """Every worker has collected every test: what they left out is the same, and not to be summed."""
    untested: Counter[str] = node.config.stash[UNTESTED]
    untested |= Counter(getattr(node, "workeroutput", {}).get("untested", {}))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for advice, count in config.stash[UNTESTED].items():
        terminalreporter.write_line(f"not tested against a real ascp: {count} tests; {advice}")
