"""The process that is ascp: how it is started, how its exit is noticed, how it gets signals.

A line of code may stand here if it asks the operating system for one of these. Nothing here waits for the process.

No ascp may outlive this program
    An orderly end is seen to by process.py. Where this program is killed by SIGKILL nothing of it can run any more, so
    the kernel of Linux is asked beforehand to kill ascp then: the parent-death signal. It is SIGKILL, as ascp has been
    seen to ignore SIGTERM. The kernel sends it when the *thread* that started ascp ends: here that is the thread of the
    event loop, which cannot end before the run does. It is lost where the kernel takes a program for more privileged
    than its user (setuid, file capabilities), and it does not reach what ascp has started; the page on
    platforms says what holds elsewhere.
How the signal is asked for
    Only the new process can do it, between fork and exec, so it is a ``preexec_fn``. The documentation of subprocess
    warns of it: the child of a program with several threads may wait for a lock for ever that another thread held. The
    function does not touch what has a lock: it calls into the C library, which was loaded beforehand, and asks for a
    number; the collector is off meanwhile, and the GIL is not let go. The ways around it are worse: ``setpriv`` is not
    everywhere and runs a file that is no program in a shell, and a Python in between takes longer to start than ascp.
No exit status that cannot be known
    Where the signal SIGCHLD is ignored, or another part of the program has waited for all of its children, the status
    is lost. Popen reports 0 then, which is success. Here it is None.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import IO, Any

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""


class Child:
    """A running process, in a session and a process group of its own.

    A session of its own has no controlling terminal: a Ctrl-C there does not reach ascp, all that ascp has started can
    be signalled at once, and nothing can be asked on that terminal.

    Args:
        argv: its command line.
        environment: all of its variables.
        stdin: whether it may read our standard input. Where it may not, that is empty.

    Raises:
        OSError: it cannot be started.
        ValueError: a NUL in an argument.
    """

    def __init__(self, argv: Sequence[str], environment: Mapping[str, str], *, stdin: bool = False) -> None:
        # Whether the process has exited, as far as poll() has noticed.
        self.exited = False
        # Negative for a signal; None while it runs, and where nobody can know it.
        self.exit_status: int | None = None

        self._popen = _popen(
            argv,
            env=environment,
            stdin=None if stdin else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,  # its own progress display
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self.pid = self._popen.pid
        assert self._popen.stderr
        # The end of its standard error from which to read.
        self.stderr: IO[bytes] = self._popen.stderr

    def poll(self) -> bool:
        """Look whether it has exited."""
        if not self.exited:
            try:
                pid, status = os.waitpid(self.pid, os.WNOHANG)
            except ChildProcessError:  # somebody else has waited for it, or the system was told not to keep the status
                self.exited = True
                self._popen.returncode = -1  # Popen has nothing left to wait for
            else:
                if pid:
                    self.exited = True
                    self.exit_status = self._popen.returncode = os.waitstatus_to_exitcode(status)
        return self.exited

    def signal(self, number: int) -> None:
        """Send a signal to the process and to what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)


def _popen(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
    if PRCTL is None:
        return subprocess.Popen(argv, **options)
    parent = os.getpid()

    def die_with_parent() -> None:
        PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)
        # The parent may have died before that; 0 is a parent in another PID namespace.
        if os.getppid() not in (parent, 0):
            os._exit(1)

    try:
        return subprocess.Popen(argv, preexec_fn=die_with_parent, **options)
    except RuntimeError:  # not possible in a subinterpreter
        return subprocess.Popen(argv, **options)


def _load_prctl() -> Callable[[int, int], int] | None:
    """Load the C library's prctl; None where there is none."""
    if sys.platform != "linux":
        return None
    try:
        import ctypes

        prctl = ctypes.PyDLL(None).prctl  # PyDLL: keeps the GIL
    except (ImportError, OSError, AttributeError):
        return None
    prctl.argtypes = [ctypes.c_int, ctypes.c_ulong]
    return lambda option, argument: int(prctl(option, argument))


PRCTL = _load_prctl()
