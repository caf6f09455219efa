"""Shared by all tests: where the recorded streams lie, and how hypothesis runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))  # for "from tests.… import …": tests/ is no package that is installed

FIXTURES = ROOT / "fixtures"
CAPTURES = sorted(FIXTURES.rglob("*.fasp"))

# Started with nohup, or in the background of a script, the programs under test would inherit that signals are ignored.
HEEDED: dict[str, Any] = {"SIGHUP": signal.SIG_DFL, "SIGINT": signal.default_int_handler, "SIGTERM": signal.SIG_DFL}
for name, handler in HEEDED.items():
    number = getattr(signal, name, None)  # Windows has no SIGHUP
    if number and signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, handler)

# No deadline: the time of one example says nothing on a busy machine. In CI the same examples come each time.
settings.register_profile("faspmgr", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("faspmgr")


def pytest_configure(config: pytest.Config) -> None:
    from tests.real import untested

    config.pluginmanager.register(untested, "untested")


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """The folder of recorded streams."""
    return FIXTURES


@pytest.fixture(scope="session")
def captures() -> list[Path]:
    """All recorded streams."""
    return CAPTURES


@pytest.fixture(params=CAPTURES, ids=lambda path: str(path.relative_to(FIXTURES)))
def capture(request: pytest.FixtureRequest) -> Path:
    """Each of the recorded streams in turn."""
    path: Path = request.param
    return path
