"""Find ascp, and ask it for its version.

A line of code may stand here if it is about the file that is ascp. Running a program that somebody else put there must
end in time and in one clear line, whatever the program does: it may be for another machine, hang, leave a child behind
that holds the pipe, or print without end. Hence one read with a limit, and a timer that kills the whole process group.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import attrs

from faspmgr.errors import AscpError, AscpNotFoundError

VARIABLE = "FASPMGR_ASCP"
"""The environment variable that names the ascp to use."""

MAX_OUTPUT = 1 << 16
"""Bytes of ``ascp -A`` that are read, for security; the real one prints a few hundred."""


def install_folders() -> list[str]:
    """The folders where the vendor's products install ascp on this system, those of the user first."""
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return [
            *(f"{root}/Applications/Aspera Connect.app/Contents/Resources" for root in (home, "")),
            *(f"{root}/Applications/IBM Aspera Connect.app/Contents/Resources" for root in (home, "")),
            f"{home}/Applications/Aspera CLI/bin",
            "/Library/Aspera/bin",
            "/Applications/IBM Aspera.app/Contents/Resources/transferd/bin",
            "/Applications/IBM Aspera.app/Contents/Resources/sdk/aspera/bin",
            "/Applications/Aspera Drive.app/Contents/Resources",
            f"{home}/.aspera/sdk",
            "/usr/local/bin",
        ]
    if sys.platform == "win32":
        programs = os.environ.get("PROGRAMFILES", r"C:\Program Files")
        local = os.environ.get("LOCALAPPDATA", rf"{home}\AppData\Local")
        return [
            *(rf"{root}\Aspera\Aspera Connect\bin" for root in (rf"{local}\Programs", programs)),
            *(rf"{programs}\Aspera\{product}\bin" for product in ("cli", "Enterprise Server", "Client")),
            rf"{home}\.aspera\sdk",
        ]
    return [
        f"{home}/.aspera/connect/bin",
        f"{home}/.aspera/cli/bin",
        f"{home}/.aspera/sdk",
        "/opt/aspera/bin",
        "/usr/local/aspera/connect/bin",
        "/usr/local/aspera/bin",
        "/usr/local/bin",
    ]


def find_ascp(path: str | os.PathLike[str] | None = None) -> str:
    """Find the ascp to use.

    The first of these counts: path; the environment variable FASPMGR_ASCP; ``ascp`` on PATH; the folders where the
    vendor's products install it. If path or FASPMGR_ASCP names a file that cannot be used, nothing else is tried.

    Args:
        path: a file, or the name of a program on PATH; None to look for it.

    Returns:
        The absolute path.

    Raises:
        AscpNotFoundError: in one line, what is wrong with the file, or where ascp was looked for.
    """
    if path is not None:
        return _named(os.fspath(path), "")
    variable = os.environ.get(VARIABLE)
    if variable:
        return _named(variable, f"{VARIABLE}: ")
    on_path = shutil.which("ascp")
    return os.path.abspath(on_path) if on_path else _installed()


def _named(path: str, prefix: str) -> str:
    path = os.path.expanduser(path)
    usable = shutil.which(path) or shutil.which(os.path.abspath(path))
    if usable:
        return os.path.abspath(usable)
    raise AscpNotFoundError(f"{prefix}{path or 'an empty path'}: {_unusable(path)}")


def _installed() -> str:
    name = "ascp.exe" if sys.platform == "win32" else "ascp"
    unusable = []
    for folder in install_folders():
        path = os.path.join(folder, name)
        if shutil.which(path):
            return path
        if os.path.lexists(path):
            unusable.append(f"{path}: {_unusable(path)}")
    looked = f"no ascp on PATH or in {', '.join(install_folders())}"
    raise AscpNotFoundError("; ".join([looked, *unusable, f"give its path with --ascp or {VARIABLE}"]))


def _unusable(path: str) -> str:
    if os.path.isdir(path):
        return "is a directory"
    if os.path.exists(path):
        return "is not executable"
    return "no such file" if os.sep in path else "no such file, and no program of that name on PATH"


@attrs.frozen
class AscpInfo:
    """What ``ascp -A`` prints.

    Attributes:
        path: the executable that was asked.
        version: such as ``3.9.0.163682``.
        platform: the operating system for which it was built, such as ``Linux``; empty if it prints none.
        license: the lines about the license, such as ``License max rate=(unlimited), account no.=1, license no.=1``.
        text: the whole output.
    """

    path: str
    version: str
    platform: str
    license: tuple[str, ...]
    text: str


def describe_ascp(path: str, timeout: float = 10.0) -> AscpInfo:
    """Run ``ascp -A``, and read what it prints, up to 64 KiB, for security.

    Args:
        path: the executable.
        timeout: seconds; then it is killed together with all processes that it started.

    Raises:
        AscpError: in one line: the file cannot be started, does not end in time, ends with a status other than 0, or
            prints something else than ascp does.
    """
    try:
        process = subprocess.Popen(
            [path, "-A"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    except OSError as error:
        raise AscpError(start_problem(path, error)) from error
    output, in_time = _read_and_end(process, timeout)
    text = output.decode("utf-8", "backslashreplace")
    if not in_time:
        raise AscpError(f"{path} -A: did not end within {timeout:g} s")
    if process.returncode != 0 and len(output) < MAX_OUTPUT:
        raise AscpError(f"{path} -A: {_ending(process.returncode)}{_first_line(text)}")
    return _parsed(path, text)


def _read_and_end(process: subprocess.Popen[bytes], timeout: float) -> tuple[bytes, bool]:
    """What the process printed up to the limit, and whether it ended in time. The process has ended afterwards."""
    deadline = time.monotonic() + timeout
    late = threading.Event()

    def kill_late() -> None:
        late.set()
        _kill(process)

    timer = threading.Timer(timeout, kill_late)
    timer.start()
    try:
        assert process.stdout is not None
        with process.stdout:
            output = process.stdout.read(MAX_OUTPUT)
        timer.cancel()
        timer.join()  # from here on nobody else kills: once it is waited for, its number may be another's
        if len(output) < MAX_OUTPUT:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, deadline - time.monotonic()))
        in_time = not late.is_set() and (len(output) == MAX_OUTPUT or process.returncode is not None)
    finally:
        timer.cancel()
        timer.join()
        if process.returncode is None:
            _kill(process)
            process.wait()
    return output, in_time


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill a process that was not waited for yet, and all that it started."""
    with contextlib.suppress(OSError):  # it has ended
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)


def _ending(status: int) -> str:
    return f"killed by signal {-status}" if status < 0 else f"exit status {status}"


def _first_line(text: str) -> str:
    """The first line as the end of a message, without control characters: it may be shown on a terminal."""
    line = next((line.strip() for line in text.splitlines() if line.strip()), "")
    return f": {''.join(char if char.isprintable() else '?' for char in line[:200])}" if line else ""


def _parsed(path: str, text: str) -> AscpInfo:
    lines = [line.strip() for line in text.splitlines()]
    versions = [line.removeprefix("ascp version ") for line in lines if line.startswith("ascp version ")]
    if not versions:
        raise AscpError(f"{path} -A: not the output of ascp{_first_line(text)}")
    platforms = [line.removeprefix("Operating System: ") for line in lines if line.startswith("Operating System: ")]
    licenses = tuple(line for line in lines if "license" in line.lower())
    return AscpInfo(path, versions[0], platforms[0] if platforms else "", licenses, text)


def start_problem(path: str, error: OSError) -> str:
    """Why a program could not be started, in one line.

    Args:
        path: the program.
        error: what starting it raised.

    Returns:
        What the operating system reports, or what that means for a program.

    Example:
        >>> start_problem("/no/such/ascp", FileNotFoundError(2, "No such file or directory"))
        '/no/such/ascp: No such file or directory'
    """
    if error.errno == errno.ENOEXEC:
        return f"{path}: not a program for this machine ({os.strerror(errno.ENOEXEC)})"
    if error.errno == errno.ENOENT and os.path.exists(path):
        return f"{path}: the interpreter or loader that it needs is missing: built for another system?"
    return f"{path}: {error.strerror or error}"
