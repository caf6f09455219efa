"""What a real ascp writes into its log and what it reports to its manager are the same story.

Each run is logged, with -L and -R, while its management port is recorded. Set FASPMGR_ASCP to a real ascp to run these
tests.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from faspmgr import logs
from faspmgr.logs.codes import LOG_CODES
from faspmgr.logs.rotation import expand, ordered
from tests import launcher
from tests.live import wait_until
from tests.real.conftest import SshServer
from tests.real.failures import FAILURES, UNDIRECTED, Failure
from tests.real.logged import LOG, Logged, Runner, sessions

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server is set up as on POSIX systems")

NO_RATE = 2**64 - 1
"""What the log has as a rate where the far side did not answer; the stream has none then."""
SAME = (
    *("source", "destination", "source_prefix", "direction", "user", "cookie", "adaptive", "tcp_port", "cipher"),
    *("precalc", "create_policy", "time_policy", "files_encrypt", "datagram_size", "keepalive"),
    *("cluster_num_nodes", "cluster_node_id"),
)
"""What SESSION has, and the events of the log as well."""
TO = "xfer@127.0.0.1:/data/out"


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
    assert LOG_CODES[failure.code].meaning == failure.reason
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

    # So do the events that the log amounts to.
    retold = went.retold
    assert (retold.id, retold.state) == (told.id, told.state)
    assert retold.error is not None
    assert retold.error.code == told.error.code
    assert retold.negotiated is not None
    for name in SAME:
        if name != "direction" or failure not in UNDIRECTED:
            value = getattr(asked, name)
            assert getattr(retold.negotiated, name) == (None if value == "Unset" else value), name


def test_the_summary_is_the_same(runner: Runner) -> None:
    went = runner.start("DOOR FOLDER/none TARGET")
    capture = runner.folder / "capture"
    capture.write_bytes(went.run.data)
    said = []
    for path in (capture, went.log):
        status, out, _ = launcher.run("summary", path)
        assert status == 1
        said.append([line for line in out.splitlines() if "time  " not in line])  # the log has a round-trip time of 0
    assert said[0] == said[1]
    assert said[0][-1] == "Failed: 43 STAT_FAILS: No such file or directory"


# -- ends that are not the same on both sides


def test_http_fallback_has_a_start_and_no_stop(runner: Runner) -> None:
    """ascp 3.9.0 logs the second session only in sentences, and no stop of the first one, which the stream has. That it
    failed, the sentences do say."""
    went = runner.start(f"-y 1 -u demo -t CLOSED -P CLOSED SOURCE {TO}")
    first, second = (frame.fields["SessionId"] for frame in went.run.frames if frame.type == "INIT")
    assert [
        (frame.fields["SessionId"], frame.fields["Code"]) for frame in went.run.frames if frame.type == "ERROR"
    ] == [
        (second, "11"),
        (first, "11"),
    ]
    near = went.near
    assert (near.id, near.status, near.code) == (first, "failed", None)
    assert near.source == (runner.fill("SOURCE"),)
    assert near.destination == "/data/out"
    assert near.user == "xfer"
    assert any(f"http_session={second} Error" in message for message in near.errors)


def test_a_server_that_hangs_up(runner: Runner) -> None:
    """The stream has INIT alone, and the log no session: only why ascp ended."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)

        def hang_up(process: subprocess.Popen[bytes], received: list[bytes]) -> None:
            with server.accept()[0]:
                wait_until(lambda: b"INIT" in b"".join(received))

        went = runner.start(f"-P {server.getsockname()[1]} SOURCE {TO}", meanwhile=hang_up)
    aborts = went.run.status == -signal.SIGABRT  # as 3.9.0 did once in some hundred runs, of its own accord
    assert aborts or went.run.status == 1
    assert [frame.type for frame in went.run.frames] == ["INIT"]
    assert went.told.state == "lost"
    assert sessions(went.log) == []
    errors = [record.message for record in logs.read(went.log) if record.level == "ERR"]
    assert errors == ["[asssh] SSH connection startup failed, err = -1"] or (aborts and not errors)


def test_an_ascp_that_is_killed(runner: Runner) -> None:
    """While it waits for its peer it has only logged in; the log has who did, and no session."""
    log = runner.folder / "near" / LOG

    def kill(process: subprocess.Popen[bytes], received: list[bytes]) -> None:
        wait_until(lambda: b"INIT" in b"".join(received))
        wait_until(lambda: log.exists() and b"AUTH [CLIENT]" in log.read_bytes())
        process.kill()

    went = runner.start("DOOR SOURCE TARGET", remote="cat >/dev/null", meanwhile=kill)
    assert went.run.status == -signal.SIGKILL
    assert [frame.type for frame in went.run.frames] == ["INIT"]
    assert sessions(went.log) == []
    (auth,) = [record.fields for record in logs.read(went.log) if record.kind == "auth"]
    assert auth["op"] == "send"
    assert (auth["remote_user"], auth["remote_host"]) == (runner.server.user, "127.0.0.1")


def test_wrong_options_are_in_no_log(runner: Runner) -> None:
    went = runner.start(f"-l abc SOURCE {TO}")
    assert went.run.status == 1
    assert (went.run.data, sessions(went.log)) == (b"", [])
    assert list((runner.folder / "near").iterdir()) == []


# -- names


@pytest.mark.parametrize(
    "name",
    ["with space", "quo'te", 'dou"ble', "a=b c=d", "Übersicht", "esc\x1b[1m", "per%cent", 'a "b" c', "x" * 600],
)
def test_odd_names(runner: Runner, closed: int, name: str) -> None:
    """The log quotes and escapes nothing, so a value ends where the name that is due comes."""
    words = ["-P", str(closed), "--mode=send", "--host=127.0.0.1", f"--user={name}"]
    went = runner.start([*words, f"/data/{name}", f"/in/{name}", f"/out/{name}"], env={"ASPERA_SCP_COOKIE": name})
    near, asked = went.near, went.told.negotiated
    assert asked is not None
    assert near.source == asked.source
    assert near.destination == asked.destination == f"/out/{name}"
    assert near.user == asked.user
    assert near.cookie == asked.cookie
    if len(name) < 100:  # what is longer is cut, in the same way in both
        assert near.source == (f"/data/{name}", f"/in/{name}")
        assert (near.user, near.cookie) == (name, name)


def test_names_that_are_no_utf_8(runner: Runner, closed: int) -> None:
    """A source is left out by both; a destination has its bytes in the log alone."""
    odd = os.fsdecode(b"latin-\xe9")
    went = runner.start(["-P", str(closed), f"/data/{odd}", f"xfer@127.0.0.1:/out/{odd}"])
    near, asked = went.near, went.told.negotiated
    assert asked is not None
    assert (near.source, asked.source) == ((), None)
    assert (near.destination, asked.destination) == (f"/out/{odd}", "/out/latin-\ufffd")


# -- secrets


def test_a_token_is_not_shown(runner: Runner) -> None:
    """With -DD the near log has the command line, also in hexadecimal, and the far one what it was sent."""
    token = "ATM2_ACsDu7RcXQ1OvPpNn5ZzTtYy3Kk8"
    runner.start(f"-DD -W {token} DOOR SOURCE TARGET")
    written, shown = [], []
    for side in ("near", "far"):
        log = runner.folder / side / LOG
        written.append(log.read_text())
        shown += [json.dumps(record.to_dict()) for record in logs.read(log)]
    for text in (token, token.encode().hex().upper()):
        assert text in written[0]
        assert text not in "\n".join(shown)
    assert token in written[1]


# -- files


def test_the_two_names_of_one_log_are_read_once(runner: Runner) -> None:
    went = runner.start(f"-P CLOSED SOURCE {TO}")
    names = sorted(path.name for path in went.log.parent.iterdir())
    assert names == ["aspera-scp-transfer.0.log", LOG]
    paths = [str(went.log.parent / name) for name in names]
    assert os.path.samefile(*paths)
    assert len(ordered(paths)) == len(ordered(reversed(paths))) == 1
    assert len(ordered(expand(str(went.log.parent)))) == 1

    # A copy of the folder has two files.
    copies = [runner.folder / name for name in names]
    for path, copy in zip(paths, copies):
        copy.write_bytes(Path(path).read_bytes())
    assert len(ordered(map(str, copies))) == 1


def test_a_ring_of_ten_files(runner: Runner, closed: int) -> None:
    """After the file of number 9 comes 0 again, and the one that is next is deleted."""
    near = runner.folder / "near"
    argv = ["-L", f"{near}:1", "-P", str(closed)]
    ids = []
    for number in range(13):
        went = runner.start([*argv, f"/data/{number}.mov", TO])
        ids.append(went.told.id)
        with open(went.log, "ab") as log:  # larger than a megabyte, so the next ascp begins another
            log.truncate(1 << 20)
            log.seek(0, os.SEEK_END)
            log.write(b"\n")
    assert sorted(path.name for path in near.iterdir()) == sorted(
        [LOG, *(f"aspera-scp-transfer.{number}.log" for number in (0, 1, 2, 4, 5, 6, 7, 8, 9))]
    )
    paths = ordered(expand(str(near)))
    assert [session.id for path in paths for session in logs.sessions(logs.read(path))] == ids[4:]


def test_several_processes_in_one_log(runner: Runner) -> None:
    """The lines are mixed; each session is that of its stream."""
    went: list[Logged] = []
    lines = [f"-C {node}:3 -O {33001 + node} -u part-{node} DOOR SOURCE TARGET" for node in (1, 2, 3)]
    threads = [threading.Thread(target=lambda line=line: went.append(runner.start(line))) for line in lines]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = {one.told.id: one.told for one in went}
    near, far = sessions(went[0].log), went[0].far
    assert {session.id for session in near} == {session.id for session in far} == told.keys()
    assert len(near) == len(far) == len(told) == 3
    for session in (*near, *far):
        asked = told[session.id or ""].negotiated
        assert asked is not None
        assert (session.status, session.code) == ("failed", 40)
        assert session.parameters["cluster_node_id"] == asked.cluster_node_id
        assert len(session.errors) >= 4
    assert {session.parameters["cluster_node_id"] for session in near} == {0, 1, 2}


def test_standard_error(runner: Runner) -> None:
    """With -L- the lines have no prefix, and what ascp prints stands among them."""
    went = runner.start(f"-L- -P CLOSED SOURCE {TO}")
    assert list((runner.folder / "near").iterdir()) == []
    printed = runner.folder / "printed"
    printed.write_text(went.run.output)
    (session,) = sessions(printed)
    assert (session.id, session.status, session.code) == (went.told.id, "failed", 14)
    assert (session.source, session.destination, session.user) == ((runner.fill("SOURCE"),), "/data/out", "xfer")
    assert (session.start, session.process) == (None, None)
