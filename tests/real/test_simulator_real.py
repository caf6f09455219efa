"""faspmgr-ascp against a real ascp, command line by command line: the same stream, log, output and status.

The real one is run against an SSH port that is closed; the simulator is told that it is. Set FASPMGR_ASCP to a real
ascp to run these tests.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import socket
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import attrs
import pytest

from tests import launcher
from tests.launcher import SIMULATOR
from tests.simulator.logs import NAME
from tests.simulator.management import read_all

REAL = os.environ.get("FASPMGR_ASCP", "")
TIMEOUT = 40

# What both are run with; CLOSED stands for -P and a closed port, TO for a source and a destination.
COMMAND_LINES = """
CLOSED TO
-T CLOSED TO
-d -p --preserve-file-owner-uid --preserve-file-owner-gid CLOSED TO
-k 1 CLOSED TO
-k2 CLOSED TO
-k 3 CLOSED TO
-Z 1400 -g 1M -G 64k CLOSED TO
-O 33010 -u 'a b' CLOSED TO
-l 100m -m 1m CLOSED TO
-l 1.5G CLOSED TO
-l 1.2345m CLOSED TO
-l 50% CLOSED TO
-m 1.5k CLOSED TO
-l 20 CLOSED TO
-Tdql 100m CLOSED TO
-c aes256 CLOSED TO
-c none CLOSED TO
-C 2:3 CLOSED TO
-W token CLOSED TO
-y 1 CLOSED TO
-y 1 -u demo CLOSED TO
-@ 10:20 CLOSED xfer@127.0.0.1:/a /b
-i /nonexistent CLOSED TO
-e /bin/true CLOSED TO
--mode=send CLOSED TO
--mode=recv CLOSED TO
--mode=recv --host=127.0.0.1 --user=u CLOSED /a /tmp
--user=joe CLOSED TO
--policy=fixed CLOSED TO
--policy=high CLOSED TO
--policy=low CLOSED TO
--overwrite=never CLOSED TO
--overwrite=always CLOSED TO
--overwrite=older CLOSED TO
--overwrite=never a b
--overwrite=diff CLOSED TO
--overwrite=diff+older CLOSED TO
--file-checksum=md5 CLOSED TO
--precalculate-job-size CLOSED TO
--prec CLOSED TO
--src-base=/tmp --source-prefix=/data CLOSED TO
--partial-file-suffix=.part CLOSED TO
--file-manifest=text --file-manifest-path=/tmp CLOSED TO
--file-manifest-inprogress-suffix=.x CLOSED TO
--remove-after-transfer CLOSED TO
--remove-empty-directories --skip-special-files CLOSED TO
--symbolic-links=skip CLOSED TO
--symbolic-links=copy CLOSED TO
--symbolic-links=copy+force CLOSED TO
--retry-timeout=7 CLOSED TO
--tags '{"aspera":{"xfer_id":"X","xfer_retry":12}}' CLOSED TO
--tags '{"aspera":{"xfer_id":"X","xfer_retry":"12"}}' CLOSED TO
--tags '{ "a" : "ü" }' CLOSED TO
--tags64 eyJhIjoxfQ== CLOSED TO
--file-crypt=encrypt CLOSED TO
--file-crypt=decrypt CLOSED TO
-N '*.x' -E '*.y' --ignore-host-key --multi-session-threshold=100 -X 500 CLOSED TO
--multi-session-threshold=0 -C 1:2 CLOSED TO
--file-list=LIST --mode=send --host=127.0.0.1 CLOSED /dst
--file-list=LIST --mode=send CLOSED xfer@127.0.0.1:/dst
--file-list=LIST /dst
--file-list=nonexistent --mode=send --host=127.0.0.1 CLOSED /dst
--file-pair-list=LIST --mode=send --host=127.0.0.1 CLOSED /dst
--file-pair-list=LIST --mode=send --host=127.0.0.1 CLOSED
--keepalive
--keepalive --mode=send
--keepalive --mode=send --host=127.0.0.1 --user=xfer CLOSED
--keepalive --mode=send --host=127.0.0.1 --user=xfer CLOSED /dst
--keepalive --mode=send --host=127.0.0.1 a /dst
--mode=send --host=127.0.0.1
--mode=send a b
--mode=recv a b
--host=h CLOSED TO
a
a b
a other@h:b xfer@127.0.0.1:/dst
a xfer@127.0.0.1
CLOSED xfer@127.0.0.1:/dst
CLOSED a xfer@127.0.0.1:
CLOSED xfer@127.0.0.1: /tmp
xfer@127.0.0.1:/a /tmp -P 22
-l
--file-list
--precalculate-job-size=1 TO
-l abc TO
-l 100x TO
-l 1m1 TO
-l -5 TO
-k 7 TO
-C 3:2 TO
-Z 100 TO
-M 99999 TO
-M x:y TO
-M 1 TO
--mode=x TO
--policy=x TO
--overwrite=x TO
--file-checksum=x TO
--tags { TO
--tags [1] TO
""".strip().splitlines()
UNKNOWN = ["--bogus TO", "-F TO", "--file"]


@attrs.frozen
class Run:
    status: int
    out: str
    err: str
    stream: str
    log: str


def run(program: Sequence[str], line: str, folder: Path, closed: int, **env: str) -> Run:
    names = {"CLOSED": f"-P {closed}", "TO": "notes.txt xfer@127.0.0.1:/data/out"}
    words = shlex.split(re.sub(r"\b(CLOSED|TO)\b", lambda match: names[match[1]], line))
    words = [word.replace("LIST", str(folder / "list")) for word in words]
    logs = Path(tempfile.mkdtemp(dir=folder))
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["-M", str(server.getsockname()[1]), "-L", str(logs), *words]
        done = launcher.run(*words, program=program, environment={"ASPERA_SCP_FILEPASS": "p", **env}, clean=True)
        server.settimeout(0.1)
        data = b""
        with contextlib.suppress(TimeoutError), server.accept()[0] as connection:
            data = read_all(connection)
    stream = re.sub(r"^(SessionId|Elapsedusec): .*", r"\1: #", data.decode(), flags=re.MULTILINE)
    return Run(done.status, done.out, done.err, stream, _sessions(logs / NAME))


def _sessions(log: Path) -> str:
    """What a log says of its session, without what differs from run to run, or names the program and the machine."""
    lines = log.read_text("utf-8", "surrogateescape").splitlines() if log.exists() else []
    text = "\n".join(line.partition("] ")[2] for line in lines if "FASP Session" in line)
    return re.sub(r'(?<=[ ])((?:uu)?id|os|ver)=("[^"]*"|\S+)', r"\1=#", text)


@pytest.mark.skipif(sys.platform != "linux", reason="the real one is for Linux")
@pytest.mark.parametrize("line", COMMAND_LINES)
def test_the_same_stream_log_output_and_status(line: str, tmp_path: Path, closed: int) -> None:
    (tmp_path / "list").write_text("one line\n")
    cookie = {"ASPERA_SCP_COOKIE": "ck"}
    real = run([REAL], line, tmp_path, closed, **cookie)
    ours = run(SIMULATOR, line, tmp_path, closed, **cookie, FASPMGR_ASCP_FAULT="fail=44@connect")
    assert ours == real
    assert bool(real.log) == bool(real.stream)


@pytest.mark.parametrize("line", UNKNOWN)
def test_unknown_options(line: str, tmp_path: Path, closed: int) -> None:
    """The same line; the simulator adds the usage."""
    real, ours = (run(program, line, tmp_path, closed) for program in ([REAL], SIMULATOR))
    assert ours.status == real.status == 1
    assert ours.err.splitlines()[0] == real.err.splitlines()[0]
    assert ours.stream == real.stream == ""


def test_the_version_is_said_in_the_same_form() -> None:
    real, ours = (launcher.run("-A", program=program, clean=True) for program in ([REAL], SIMULATOR))
    for name in (r"^ascp version (3\.9\.0)", "^Operating System: (.*)$"):
        found = [re.search(name, done.out, re.MULTILINE) for done in (real, ours)]
        assert found[0]
        assert found[1]
        assert found[0][1] == found[1][1]
