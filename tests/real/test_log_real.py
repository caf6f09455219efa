"""What a real ascp writes into its log and what it reports to its manager are the same story.

Each run is logged, with -L and -R, while its management port is recorded. Set FASPMGR_ASCP to a real ascp to run these
tests.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import attrs
import pytest

import faspmgr
from faspmgr import logs
from faspmgr.ascp import with_option
from faspmgr.logs.codes import LOG_CODES
from faspmgr.logs.session import LogSession
from tests.live import wait_until
from tests.real.conftest import SshServer
from tests.real.failures import FAILURES, UNDIRECTED, Failure
from tests.real.runs import Run, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server is set up as on POSIX systems")

LOG = "aspera-scp-transfer.log"
NO_RATE = 2**64 - 1
"""What the log has as a rate where the far side did not answer; the stream has none then."""
TO = "xfer@127.0.0.1:/data/out"
DOCROOT = """\
<CONF version="2"><default><file_system><access><paths><path>
<absolute>/nonexistent</absolute>
</path></paths></access></file_system></default></CONF>
"""


def sessions(path: Path) -> list[LogSession]:
    """The sessions of a log; none where there is none."""
    return list(logs.sessions(logs.read(path))) if path.exists() else []


@attrs.frozen
class Logged:
    """A run, and what the logs of its two sides say."""

    run: Run
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder / "near" / LOG

    @property
    def near(self) -> LogSession:
        (session,) = sessions(self.log)
        return session

    @property
    def far(self) -> list[LogSession]:
        return sessions(self.folder / "far" / LOG)

    @property
    def told(self) -> faspmgr.Session:
        """The session as the stream has it."""
        tracker = faspmgr.Tracker()
        for event in faspmgr.parse(self.run.data):
            tracker.update(event)
        tracker.close()
        (session,) = tracker.sessions
        return session


class Runner:
    """Runs a real ascp in a folder, with what command lines may want there."""

    def __init__(self, server: SshServer, closed: int, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.words = {
            "DOOR": f"-i {server.key} -P {server.port}",
            "STRANGER": f"-i {server.other_key} -P {server.port}",
            "TARGET": server.destination,
            "CLOSED": str(closed),
            "FOLDER": str(folder),
            "SOURCE": str(folder / "clip.mov"),
            "USER": server.user,
            "ASCP": server.ascp,
        }
        (folder / "clip.mov").write_bytes(b"x" * 10_000)
        (folder / "list").write_text('/data/a.mov\n/data/b c.mov\n/data/d"e".mov\n')
        (folder / "empty").touch()
        (folder / "broken.conf").write_text("<CONF version=")
        (folder / "docroot.conf").write_text(DOCROOT)

    def fill(self, text: str) -> str:
        return re.sub(r"\b([A-Z]+)\b", lambda match: self.words.get(match[1], match[1]), text)

    def start(
        self,
        line: str | list[str],
        *,
        remote: str = "",
        env: Mapping[str, str] | None = None,
        meanwhile: Callable[[subprocess.Popen[bytes]], None] | None = None,
    ) -> Logged:
        """Run ascp to its end, with logs in the folders near and far.

        Args:
            line: the command line, as in tests/real/failures.py, or its words.
            remote: the program at the other end.
            env: more variables.
            meanwhile: what to do while it runs.
        """
        words = shlex.split(self.fill(line)) if isinstance(line, str) else line
        program = self.server.remote(self.fill(remote)) if remote else self.server.ascp
        argv = [self.server.ascp, *words]
        for name, value in (("-S", program), ("-R", str(self.folder / "far")), ("-L", str(self.folder / "near"))):
            argv = argv if name in words else with_option(argv, name, value)
        for side in ("near", "far"):
            (self.folder / side).mkdir(exist_ok=True)
        return Logged(run(argv, env, meanwhile=meanwhile), self.folder)


@pytest.fixture
def runner(ssh_server: SshServer, closed: int, tmp_path: Path) -> Runner:
    return Runner(ssh_server, closed, tmp_path)


# -- failures


@pytest.mark.parametrize("failure", [*FAILURES, *UNDIRECTED], ids=lambda failure: failure.name)
def test_log_and_stream_tell_the_same(runner: Runner, failure: Failure) -> None:
    went = runner.start(failure.line, remote=failure.remote, env={"ASPERA_SCP_COOKIE": 'app:42 "x" y'})
    near, told = went.near, went.told
    asked = told.negotiated
    assert asked is not None
    assert told.error is not None
    words = runner.fill(failure.words)

    # The verdict, and why.
    assert (near.id, near.status) == (told.id, told.state)
    assert near.status == "failed"
    assert (near.code, near.reason) == (failure.code, failure.reason)
    assert near.management_code == told.error.code == failure.management_code
    assert (told.error.description or "").strip().splitlines()[0] == words
    assert any(words in error for error in near.errors)

    # Who wanted what.
    assert near.direction == ("Receive" if failure in UNDIRECTED else asked.direction)
    assert near.source == (asked.source or ())
    assert (near.destination or None) == asked.destination
    assert near.user == asked.user
    assert near.cookie == asked.cookie
    for name, rate in (("targetrate", asked.rate), ("minrate", asked.min_rate)):
        assert near.parameters[name] == (NO_RATE if rate is None else 1000 * int(rate))
    assert near.cipher == asked.cipher
    assert near.parameters["cluster_num_nodes"] == asked.cluster_num_nodes
    assert near.parameters["cluster_node_id"] == asked.cluster_node_id
    assert near.parameters["keepalive"] == asked.keepalive
    assert near.start is not None
    assert near.stop is not None
    assert near.start <= near.stop

    # Nothing was sent.
    assert (near.bytes_transferred, near.bytes_written, near.files) == (0, 0, [])
    assert (told.bytes_transferred, told.files_done) == (0, 0)

    # The far side logs the same session, and need not give it the same code.
    assert [(far.id, far.code) for far in went.far] == ([(near.id, failure.far_code)] if failure.far_code else [])
    if failure.far_code:
        (far,) = went.far
        assert near.peer_code == failure.far_code
        assert (far.status, far.peer_code) == ("failed", near.code)
        assert {far.direction, near.direction} == {"Send", "Receive"}
        assert (far.source, far.destination, far.user) == (near.source, near.destination, near.user)
        assert (far.local or "").split(":")[0] == (near.peer or "").split(":")[0] == near.host == "127.0.0.1"
        assert far.version == near.version == near.peer_version


def test_every_pair_of_codes_is_in_the_table() -> None:
    """The other way round: what was seen here is what the table has, so a row cannot be lost."""
    for failure in (*FAILURES, *UNDIRECTED):
        known = LOG_CODES[failure.code]
        assert (known.meaning, known.management_code) == (failure.reason, failure.management_code)
