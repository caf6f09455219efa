"""The example that collects from several connections, with the simulator on the other side."""

from __future__ import annotations

import re
import sys

from tests.launcher import ROOT, finish, run, start


def test_it_collects_two_sessions() -> None:
    with start("2", "0", program=(sys.executable, str(ROOT / "examples/collect.py"))) as collector:
        assert collector.stderr
        address = collector.stderr.readline().decode().split()[-1]
        assert run("simulate", "--files", "5", "--sessions", "2", "--fail", "1", "--to", address).status == 0
        status, out, err = finish(collector)
    assert status == 0
    lines = sorted(re.sub(r"^[0-9a-f-]{36}", "ID", line) for line in out.splitlines())
    assert lines == ["ID: done, 2 files, 20000000 bytes, 9 events", "ID: failed, 2 files, 20000000 bytes, 10 events"]
    assert err.count("failed") == 1
