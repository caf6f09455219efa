"""faspmgr-ascp against the captures of a real ascp: run by run, what the one and the other report of the same command.

Same messages in the same order, the same fields in the same order, and the same values but for those that the machine
makes: SessionId, the local user, and microseconds. No peer is called: what went wrong there is told to the simulator.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from faspmgr.protocol.tokenizer import Tokenizer
from tests.simulator.management import run

OF_THE_MACHINE = {"SessionId", "ClientUser", "Elapsedusec"}
TO = ["xfer@127.0.0.1:/data/out"]
TAGS = '{"aspera":{"xfer_id":"0d3f6c1e-7a52-4c58-9c3b-2f1de1c5a001","xfer_retry":3600}}'
COOKIE = "ASPERA_SCP_COOKIE"

RUNS = {
    "refused": (["-u", "demo", "-P", "2201", "/data/in/notes.txt", *TO], "fail=44@connect", {}),
    "peer-client-license": (
        ["-u", "5492958869869553497", "-P", "2222", "-l", "100m", "-m", "1m", "/data/in/clip_0001.mov",
         "/data/in/notes.txt", *TO],
        "fail=38",
        {COOKIE: "my-app:42"},
    ),
    "missing-source": (["-P", "2222", "/data/in/nothing-here.txt", *TO], "", {}),
    "no-remote-host": (["/data/in/notes.txt"], "", {}),
    "persistent-token-tags": (
        ["-u", "job-17", "-P", "2222", "--keepalive", "--mode=send", "--user=xfer", "--host=127.0.0.1", "--tags", TAGS,
         "/data/out"],
        "fail=38",
        {COOKIE: "catalogue sync", "ASPERA_SCP_TOKEN": "secret-token"},
    ),
    "http-fallback-failed": (["-y", "1", "-u", "demo", "-P", "2201", "notes.txt", *TO], "fail=44@connect", {}),
    "multi-session-second": (
        ["-C", "2:2", "-O", "33002", "-u", "demo", "-P", "2201", "notes.txt", *TO],
        "fail=44@connect",
        {},
    ),
}  # fmt: skip


def test_every_capture_has_its_run(fixtures: Path) -> None:
    assert sorted(RUNS) == sorted(path.stem for path in (fixtures / "ascp-3.9.0").glob("*.fasp"))


@pytest.mark.parametrize("name", RUNS)
def test_it_reports_what_the_real_one_reported(name: str, fixtures: Path) -> None:
    args, fault, env = RUNS[name]
    outcome = run(*args, fault=fault, env=env)
    real = Tokenizer(strict=True).feed((fixtures / "ascp-3.9.0" / f"{name}.fasp").read_bytes())
    simulated = Tokenizer(strict=True).feed(outcome.data)

    assert [frame.type for frame in simulated] == [frame.type for frame in real]
    for ours, theirs in zip(simulated, real):
        assert list(ours.fields) == list(theirs.fields)
        for field in theirs.fields:
            if field not in OF_THE_MACHINE:
                assert ours.fields[field] == theirs.fields[field], field
    assert outcome.status == 1

    # SessionIds differ from those recorded, but not from each other where those recorded do not.
    sessions = [[frame.fields["SessionId"] for frame in frames] for frames in (simulated, real)]
    assert len(set(zip(*sessions))) == len(set(sessions[0])) == len(set(sessions[1]))
    assert "secret-token" not in outcome.data.decode()
