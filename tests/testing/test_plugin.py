"""The pytest plugin, in projects that know nothing of it."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

import faspmgr.testing
from tests import launcher

pytest_plugins = ["pytester"]

INSTALLED = any(point.value == "faspmgr.testing" for point in importlib.metadata.entry_points(group="pytest11"))


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project of its own. Where faspmgr is not installed, its plugin is loaded by hand; with it, nothing is."""
    monkeypatch.setenv("PYTHONPATH", str(launcher.ROOT))
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    return pytester


def run(project: pytest.Pytester, source: str, more: int = 0) -> None:
    """All tests of a module must pass; how many is counted in it. more: how many there are in other modules."""
    project.makepyfile(source)
    result = project.runpytest_subprocess("-p", "no:cacheprovider", *([] if INSTALLED else ["-p", "faspmgr.testing"]))
    result.assert_outcomes(passed=source.count("def test_") + more)


HELPERS = """
import os, socket, subprocess, time
import pytest
from faspmgr import commands
from faspmgr.commands import Close, Put, Write
from faspmgr.simulator import Scenario
from faspmgr.testing import Capture, FakeAscp, Replay, Run

def ascp(*args, **env):
    '''Runs what PATH has as ascp, with a management port; gives status and stream.'''
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["ascp", "-M", str(server.getsockname()[1]), *args]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(words, env={**os.environ, **env}, **quiet)
        connection = server.accept()[0]
        with connection:
            data = b""
            while block := connection.recv(65536):
                data += block
        return process.wait(20), data

def stream(*sent):
    '''Runs what PATH has as ascp, and streams to it.'''
    with socket.create_server(("127.0.0.1", 0)) as server:
        words = ["ascp", "-M", str(server.getsockname()[1]), "--faspmgr-io", "-q", "-d", "u@h:/in"]
        process = subprocess.Popen(words)
        with server.accept()[0] as connection:
            connection.sendall(b"".join(command.encode() for command in [*sent, commands.Finish()]))
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass
        process.wait(20)
"""


def test_fake_ascp(project: pytest.Pytester) -> None:
    run(
        project,
        HELPERS
        + """
def test_as_it_is(fake_ascp, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12345")
    status, data = ascp("-l", "100m", "-d", "--policy=fair", "-u", "me", f"{tmp_path}/a.txt", "user@host:/in/",
                        ASPERA_SCP_TOKEN="sesame")
    assert status == 0
    assert b"Size: 5\\n" in data and b"Type: DONE" in data
    (run,) = fake_ascp.runs
    assert isinstance(run, Run)
    assert run.options["-l"] == "100m"
    assert run.options["-d"] == ""
    assert run.options["--policy"] == "fair"
    assert (run.sources, run.destination, run.end) == ([f"{tmp_path}/a.txt"], "/in/", "DONE")
    assert run.argv[2:4] == ["-l", "100m"]
    assert run.environ["ASPERA_SCP_TOKEN"] == "sesame"
    assert "sesame" not in repr(run)

def test_copies(fake_ascp, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12345")
    fake_ascp.copies(root=tmp_path / "server")
    assert ascp("-d", f"{tmp_path}/a.txt", "user@host:/in")[0] == 0
    assert (tmp_path / "server/in/a.txt").read_bytes() == b"12345"

def test_plays_a_scenario(fake_ascp):
    fake_ascp.plays(Scenario(files=2, user_str="a"))
    status, data = ascp("x", "h:y")
    assert (status, data) == (0, b"".join(Scenario(files=2, user_str="a").stream()))

def test_plays_one_after_the_other(fake_ascp, ascp_capture):
    fake_ascp.plays(Scenario(error=16), ascp_capture("missing-source"), b"noise")
    statuses = [ascp("x", "h:y") for _ in range(4)]
    assert [status for status, _ in statuses] == [1, 1, 1, 1]
    assert statuses[1][1] == ascp_capture("missing-source").data
    assert statuses[2][1] == statuses[3][1] == b"noise"
    assert [run.end for run in fake_ascp.runs] == ["ERROR", "ERROR", "", ""]

def test_fails(fake_ascp, tmp_path):
    (tmp_path / "a.txt").write_bytes(b"12345")
    fake_ascp.fails("fail=36@2")
    status, data = ascp(f"{tmp_path}/a.txt", "h:y")
    assert status == 1 and b"Code: 36" in data and b"FileBytes: 2\\n" in data
    fake_ascp.fails("")
    assert ascp(f"{tmp_path}/a.txt", "h:y")[0] == 0
    with pytest.raises(ValueError, match="unknown fault: explode"):
        fake_ascp.fails("explode")

def test_version_is_no_run(fake_ascp):
    assert "ascp version 3.9.0" in subprocess.run(["ascp", "-A"], capture_output=True, text=True).stdout
    assert fake_ascp.runs == []

def test_a_clean_environment(fake_ascp, tmp_path):
    (tmp_path / "a").touch()
    done = subprocess.run([str(fake_ascp.path), "-q", "a", "h:b"], env={}, cwd=tmp_path)
    assert done.returncode == 0
    assert len(fake_ascp.runs) == 1

def test_streamed(fake_ascp):
    assert fake_ascp.streamed == {}
    stream(Put("/a.bin"), Write("/a.bin", 3, b"456"), Write("/a.bin", 0, b"123"), Close("/a.bin"), Put("b"))
    assert fake_ascp.streamed == {"/a.bin": b"123456", "b": b""}
    (run,) = fake_ascp.runs
    assert [(command.type, command.version) for command in run.commands][1:3] == [("WRITE", 4), ("WRITE", 4)]
    stream(Put("c"), Write("c", 0, b"of the latest run"), Close("c"))
    assert fake_ascp.streamed == {"c": b"of the latest run"}
    assert len(fake_ascp.runs) == 2

def test_streamed_and_copied(fake_ascp, tmp_path):
    fake_ascp.copies(root=tmp_path / "server")
    stream(Put("a"), Write("a", 0, b"123"), Close("a"))
    assert (tmp_path / "server/in/a").read_bytes() == fake_ascp.streamed["a"] == b"123"

def test_too_much_is_not_kept(fake_ascp):
    stream(Put("a"), Write("a", 64 << 20, b"1"), Write("a", 0, b"2"), Close("a"))
    with pytest.raises(ValueError, match="more than 64 MB"):
        fake_ascp.streamed

def test_path_is_as_it_was():
    assert "fake-ascp" not in os.environ["PATH"]
""",
    )


def test_captures(project: pytest.Pytester) -> None:
    for name in ("captures/mine.fasp", "fixtures/deep/down/other.fasp", "sub/captures/mine.fasp"):
        path = project.path / name
        path.parent.mkdir(parents=True)
        path.write_bytes(b"FASPMGR 2\nType: NOP\nFile: %s\n\n" % name.encode())
    (project.path / "sub" / "test_sub.py").write_text(
        "def test_the_nearest_folder_wins(ascp_capture):\n"
        "    assert ascp_capture('mine').events[0].extra['File'] == 'sub/captures/mine.fasp'\n"
        "    assert ascp_capture('other').path.name == 'other.fasp'\n"
    )
    source = """
import pytest

def test_by_name(ascp_capture):
    for name in ("mine", "mine.fasp"):
        assert ascp_capture(name).events[0].extra["File"] == "captures/mine.fasp"
    assert ascp_capture("deep/down/other").data.startswith(b"FASPMGR 2")

def test_those_of_the_project(ascp_capture):
    assert [event.type for event in ascp_capture("refused").events] == ["INIT", "SESSION", "ERROR"]
    assert ascp_capture("ascp-3.9.0/refused").data == ascp_capture("refused.fasp").data
    assert len(ascp_capture("upload-skip-failure").events) == 22

def test_unknown(ascp_capture):
    with pytest.raises(LookupError, match="no capture 'nothing'; there are: .*mine.*refused"):
        ascp_capture("nothing")
    with pytest.raises(LookupError):
        ascp_capture("")
"""
    run(project, source, more=1)


def test_an_ambiguous_capture(project: pytest.Pytester) -> None:
    for name in ("captures/a/one.fasp", "captures/b/one.fasp"):
        path = project.path / name
        path.parent.mkdir(parents=True)
        path.touch()
    run(
        project,
        """
import pytest

def test_ambiguous(ascp_capture):
    with pytest.raises(LookupError, match="more than one capture 'one'"):
        ascp_capture("one")
    assert ascp_capture("a/one").data == b""
""",
    )


def test_replay_to(project: pytest.Pytester) -> None:
    run(
        project,
        HELPERS
        + """
@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        yield server

def read(server, first=b""):
    connection = server.accept()[0]
    with connection:
        connection.sendall(first)
        data = b""
        while block := connection.recv(65536):
            data += block
    return data

def test_a_capture(replay_to, ascp_capture, server):
    replay = replay_to(server.getsockname()[1], ascp_capture("retry"))
    assert read(server, commands.Cancel().encode()) == ascp_capture("retry").data
    replay.wait()
    assert [command.type for command in replay.commands] == ["CANCEL"]

def test_a_scenario_in_pieces(replay_to, server):
    replay_to(server.getsockname()[1], Scenario(), cut=3)
    assert read(server) == b"".join(Scenario().stream())

def test_in_its_own_time(replay_to, server):
    began = time.monotonic()
    replay_to(server.getsockname()[1], Scenario(files=1, size=10), speed=1)
    read(server)
    assert 0.2 < time.monotonic() - began < 2

def test_what_still_plays_is_stopped(replay_to, server):
    replay_to(server.getsockname()[1], Scenario(size=10**12), speed=1)
    replay = replay_to(server.getsockname()[1], Scenario(size=10**12), speed=1)
    with pytest.raises(TimeoutError):
        replay.wait(0.1)

def test_a_manager_that_hangs_up(replay_to, server):
    replay = replay_to(server.getsockname()[1], Scenario(files=1000, size=10**6), speed=50)
    server.accept()[0].close()
    with pytest.raises(ConnectionError):
        replay.wait()

def test_nobody_listens(replay_to):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            replay_to(closed.getsockname()[1], b"")
""",
    )


def test_it_costs_nothing_until_it_is_used() -> None:
    """pytest loads the plugin in every project: nothing of faspmgr but its names may come with it, and no library."""
    script = (
        "import sys, pytest; before = set(sys.modules); import faspmgr.testing\n"
        "print(*sorted(name for name in set(sys.modules) - before if name.partition('.')[0] in"
        " ('attr', 'attrs', 'click', 'asyncio', 'faspmgr')))"
    )
    done = launcher.run("-c", script, program=[sys.executable])
    assert (done.status, done.out.split()) == (0, ["faspmgr", "faspmgr.testing"])


def test_its_names() -> None:
    for name in faspmgr.testing.__all__:
        assert getattr(faspmgr.testing, name).__name__ == name
    with pytest.raises(AttributeError):
        _ = faspmgr.testing.Nothing
