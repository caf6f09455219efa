"""A newcomer has no real ascp: one line says what was not tested against one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("workers", "ascp", "advice"),
    [("0", "simulator", "FASPMGR_ASCP is the simulator"), ("2", "", "set FASPMGR_ASCP to the path of one")],
    ids=["one process", "pytest-xdist"],
)
def test_one_line_says_what_was_left_out(workers: str, ascp: str, advice: str, tmp_path: Path) -> None:
    if ascp:
        ascp = str(tmp_path / "ascp")
        Path(ascp).write_text("#!/bin/sh\necho faspmgr-ascp\n")
        Path(ascp).chmod(0o755)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", workers]
    done = subprocess.run(
        [*command, "tests/real", "tests/test_verdicts.py"],
        cwd=ROOT,
        env={**os.environ, "FASPMGR_ASCP": ascp},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (line,) = [line for line in done.stdout.splitlines() if "real" in line.lower()]
    found = re.fullmatch(r"not tested against a real ascp: (\d+) tests; (.*)", line)
    assert found
    assert int(found[1]) > 100
    assert found[2] == advice
    assert "skipped" not in done.stdout.lower()
