"""Finding ascp, and asking it what it is: stand-ins that print, lie, hang, crash and never stop."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import pytest

from faspmgr.ascp import describe_ascp, executable, find_ascp, start_problem
from faspmgr.errors import AscpError, AscpNotFoundError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-ins are shell scripts")

OUTPUT = """Product version information not found.
ascp version 3.9.0.163682
Operating System: Linux
FIPS 140-2-validated crypto ready to configure
AES-NI Supported
License max rate=(unlimited), account no.=1, license no.=1
"""


def program(path: Path, script: str, mode: int = 0o755) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(mode)
    return str(path)


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no ascp: an empty home, a PATH with nothing on it, install folders below tmp_path."""
    monkeypatch.delenv("FASPMGR_ASCP", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.chdir(tmp_path)
    folders = [str(tmp_path / "first"), str(tmp_path / "second")]
    monkeypatch.setattr(executable, "install_folders", lambda: folders)
    return tmp_path


def test_the_order_in_which_it_is_looked_for(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    second = program(elsewhere / "second" / "ascp", "")
    assert find_ascp() == second
    first = program(elsewhere / "first" / "ascp", "")
    assert find_ascp() == first
    on_path = program(elsewhere / "bin" / "ascp", "")
    assert find_ascp() == on_path
    named = program(elsewhere / "named", "")
    monkeypatch.setenv("FASPMGR_ASCP", named)
    assert find_ascp() == named
    given = program(elsewhere / "given", "")
    assert find_ascp(given) == given
    assert find_ascp(Path("given")) == given


def test_a_name_and_a_tilde(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = program(elsewhere / "bin" / "ascp4", "")
    assert find_ascp("ascp4") == other  # no folder: on PATH
    own = program(elsewhere / "home" / "ascp", "")
    assert find_ascp("~/ascp") == own
    on_path = program(elsewhere / "bin" / "ascp", "")
    monkeypatch.setenv("FASPMGR_ASCP", "")  # as if not set
    assert find_ascp() == on_path


def test_what_is_named_and_cannot_be_used(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(elsewhere / "bin" / "ascp", "")  # would do, but is not what was asked for
    closed = program(elsewhere / "closed", "", mode=0o644)
    for path, problem in (
        (str(elsewhere / "nowhere"), "no such file"),
        ("nowhere", "no such file, and no program of that name on PATH"),
        (str(elsewhere), "is a directory"),
        (closed, "is not executable"),
    ):
        with pytest.raises(AscpNotFoundError) as raised:
            find_ascp(path)
        assert str(raised.value) == f"{path}: {problem}"
        monkeypatch.setenv("FASPMGR_ASCP", path)
        with pytest.raises(AscpNotFoundError) as raised:
            find_ascp()
        assert str(raised.value) == f"FASPMGR_ASCP: {path}: {problem}"
    with pytest.raises(AscpNotFoundError, match="an empty path"):
        find_ascp("")


def test_nowhere_says_where_it_looked(elsewhere: Path) -> None:
    program(elsewhere / "second" / "ascp", "", mode=0o644)
    with pytest.raises(AscpNotFoundError) as raised:
        find_ascp()
    assert str(raised.value) == (
        f"no ascp on PATH or in {elsewhere}/first, {elsewhere}/second; "
        f"{elsewhere}/second/ascp: is not executable; give its path with --ascp or FASPMGR_ASCP"
    )


FOLDERS = {
    "linux": ["/opt/aspera/bin", "/home/x/.aspera/connect/bin"],
    "darwin": [
        "/Library/Aspera/bin",
        "/home/x/Applications/Aspera Connect.app/Contents/Resources",
        "/Applications/Aspera Connect.app/Contents/Resources",
    ],
    "win32": [r"C:\Program Files\Aspera\Enterprise Server\bin"],
}


@pytest.mark.parametrize("platform", FOLDERS)
def test_install_folders(platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    with monkeypatch.context() as patch:
        patch.setenv("HOME", "/home/x")
        patch.delenv("PROGRAMFILES", raising=False)
        patch.setattr(sys, "platform", platform)
        assert set(FOLDERS[platform]) <= set(executable.install_folders())


def test_what_ascp_prints(elsewhere: Path) -> None:
    (elsewhere / "output").write_text(OUTPUT)
    path = program(elsewhere / "ascp", '[ "$*" = -A ] && /bin/cat output')
    info = describe_ascp(path)
    assert (info.path, info.version, info.platform, info.text) == (path, "3.9.0.163682", "Linux", OUTPUT)
    assert info.license == ("License max rate=(unlimited), account no.=1, license no.=1",)
    info = describe_ascp(program(elsewhere / "ascp", "echo ascp version 4.4.3.891"))  # only the version is needed
    assert (info.version, info.platform, info.license) == ("4.4.3.891", "", ())


def problem(path: str, timeout: float = 10.0) -> str:
    with pytest.raises(AscpError) as raised:
        describe_ascp(path, timeout)
    message = str(raised.value)
    assert message.startswith(path)
    assert message.isprintable()
    return message.removeprefix(path)


def test_what_cannot_be_started(elsewhere: Path) -> None:
    wrong = Path(program(elsewhere / "wrong", ""))
    wrong.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))  # the beginning of a program, for no machine
    assert problem(str(wrong)) == ": not a program for this machine (Exec format error)"
    lost = Path(program(elsewhere / "lost", ""))
    lost.write_text("#!/no/such/interpreter\n")
    assert ": the interpreter or loader that it needs is missing" in problem(str(lost))
    assert problem(str(elsewhere / "nowhere")) == ": No such file or directory"
    assert problem(program(elsewhere / "closed", "", 0o644)) == ": Permission denied"


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("echo 'GNU coreutils'", "not the output of ascp: GNU coreutils"),
        ("printf '\\033[2J\\377'", "not the output of ascp: ?[2J\\xff"),
        ("", "not the output of ascp"),
        ("echo; echo oh no >&2; exit 3", "exit status 3: oh no"),
        ("kill -SEGV $$", "killed by signal 11"),
    ],
)
def test_another_program_is_not_ascp(elsewhere: Path, script: str, message: str) -> None:
    assert problem(program(elsewhere / "a", script)) == f" -A: {message}"


def gone(pid: int) -> bool:
    """Whether a process has ended, within a moment. One that nobody waits for yet counts as ended."""
    for _ in range(100):
        status = Path(f"/proc/{pid}/stat")
        if not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc whether a process has ended")
@pytest.mark.parametrize(
    "script",
    [
        "/bin/sleep 60",  # hangs
        "/bin/sleep 60 & echo $! > child; exit 0",  # has ended, its child holds the pipe
        "exec >&- 2>&-; /bin/sleep 60",  # closed its output, and hangs
        "trap '' TERM HUP INT; /bin/sleep 60",
    ],
)
def test_a_hang_ends_in_time_and_leaves_nothing(script: str, elsewhere: Path) -> None:
    path = program(elsewhere / "ascp", f"echo $$ > parent\n{script}")
    began = time.monotonic()
    assert problem(path, timeout=0.3) == " -A: did not end within 0.3 s"
    assert time.monotonic() - began < 5
    for name in ("parent", "child"):
        if (elsewhere / name).exists():
            assert gone(int((elsewhere / name).read_text()))


@pytest.mark.skipif(not shutil.which("yes"), reason="needs yes")
def test_output_without_end_is_cut_and_the_program_ended(elsewhere: Path) -> None:
    yes = shutil.which("yes", path=os.defpath)
    path = program(elsewhere / "ascp", f"echo $$ > parent; exec {yes} spam")
    assert problem(path) == " -A: not the output of ascp: spam"
    assert gone(int((elsewhere / "parent").read_text()))


def test_start_problem() -> None:
    assert start_problem("/x/ascp", OSError(12, "Cannot allocate memory")) == "/x/ascp: Cannot allocate memory"
