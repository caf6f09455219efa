"""Runs of a real ascp that are logged on both sides while the management port is recorded."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path

import attrs

import faspmgr
from faspmgr import logs
from faspmgr.ascp import with_option
from faspmgr.logs.session import LogSession
from tests.live import wait_until
from tests.real.conftest import SshServer
from tests.real.runs import Meanwhile, Run, run

LOG = "aspera-scp-transfer.log"
DOCROOT = """\
<CONF version="2"><default><file_system><access><paths><path>
<absolute>/nonexistent</absolute>
</path></paths></access></file_system></default></CONF>
"""


def sessions(path: Path) -> list[LogSession]:
    """The sessions of a log; none where there is none."""
    return list(logs.sessions(logs.read(path))) if path.exists() else []


def track(events: Iterable[faspmgr.Event]) -> faspmgr.Session:
    """The one session of a stream."""
    tracker = faspmgr.Tracker()
    for event in events:
        tracker.update(event)
    tracker.close()
    (session,) = tracker.sessions
    return session


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
        log = self.folder / "far" / LOG
        if log.exists():  # the far side may end after the near one
            wait_until(lambda: log.read_bytes().count(b"Initializing FASP") == log.read_bytes().count(b"======= end"))
        return sessions(log)

    @property
    def told(self) -> faspmgr.Session:
        """The session as the stream has it."""
        return track(faspmgr.parse(self.run.data))

    @property
    def retold(self) -> faspmgr.Session:
        """The session as it follows from the near log, read like a capture."""
        return track(faspmgr.read(str(self.log)))


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
        meanwhile: Meanwhile | None = None,
    ) -> Logged:
        """Run ascp to its end, with logs in the folders near and far.

        Args:
            line: the command line, as in tests/real/failures.py, or its words.
            remote: the program at the other end.
            env: more variables.
            meanwhile: what to do while it runs, as of tests/real/runs.py.
        """
        words = shlex.split(self.fill(line)) if isinstance(line, str) else line
        program = self.server.remote(self.fill(remote)) if remote else self.server.ascp
        argv = [self.server.ascp, *words]
        for name, value in (("-S", program), ("-R", str(self.folder / "far")), ("-L", str(self.folder / "near"))):
            given = any(word.startswith(name) for word in words)
            argv = argv if given else with_option(argv, name, value)
        for side in ("near", "far"):
            (self.folder / side).mkdir(exist_ok=True)
        return Logged(run(argv, env, meanwhile=meanwhile), self.folder)
