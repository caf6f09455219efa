"""A transfer in one call: run() for programs with an event loop, run_sync() for those without one.

Both spell out the keywords of Job, so that an editor and a type checker know them. Their defaults are constants, and a
test compares the three signatures.
"""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable, Mapping
from typing import Any

from faspmgr.manager.attempt import CONNECT_TIMEOUT, GRACE
from faspmgr.manager.job import Job
from faspmgr.manager.launch import ArgvOrSpec
from faspmgr.manager.result import Result
from faspmgr.manager.retries import RETRY_WAIT
from faspmgr.manager.signals import SignalHandler
from faspmgr.protocol.events import Event
from faspmgr.tracking import Session, Tracker, Transfer

ENDING_SIGNALS = ("SIGTERM", "SIGHUP")
"""What ends a program without a word to it, as long as the program does not handle it. Windows has not all of them."""


async def run(
    argv_or_spec: ArgvOrSpec,
    *,
    ascp: str | os.PathLike[str] | None = None,
    retry: int = 0,
    sessions: int | None = None,
    udp_port: int | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
    stall_timeout: float | None = None,
    grace: float = GRACE,
    retry_wait: float = RETRY_WAIT,
    environment: Mapping[str, str] | None = None,
    record: str | os.PathLike[str] | None = None,
    tracker: Tracker | None = None,
    on_event: Callable[[Event, Session], object] | None = None,
    on_progress: Callable[[list[Transfer]], object] | None = None,
    on_stderr: Callable[[bytes], object] | None = None,
    on_message: Callable[[str], object] | None = None,
) -> Result:
    """Run ascp and wait for how it ends. Nothing of ascp is left afterwards.

    Signals are the business of the program: one that ends it should stop the job, or cancel the task. Where it is
    killed, Linux kills ascp with it; the page on platforms has the limits of that.

    Arguments, defaults and errors are those of Job.

    Example:
        >>> async def upload():
        ...     result = await run(["ascp", "-l", "100m", "clip.mov", "user@host:/in"], retry=3, stall_timeout=60)
        ...     return result.verdict, result.error and result.error.advice
    """
    return await Job(**locals()).run()  # all parameters, each by its name


def run_sync(
    argv_or_spec: ArgvOrSpec,
    *,
    ascp: str | os.PathLike[str] | None = None,
    retry: int = 0,
    sessions: int | None = None,
    udp_port: int | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
    stall_timeout: float | None = None,
    grace: float = GRACE,
    retry_wait: float = RETRY_WAIT,
    environment: Mapping[str, str] | None = None,
    record: str | os.PathLike[str] | None = None,
    tracker: Tracker | None = None,
    on_event: Callable[[Event, Session], object] | None = None,
    on_progress: Callable[[list[Transfer]], object] | None = None,
    on_stderr: Callable[[bytes], object] | None = None,
    on_message: Callable[[str], object] | None = None,
) -> Result:
    """Do what run() does, for programs that have no event loop.

    Ctrl-C stops ascp and raises KeyboardInterrupt. SIGTERM and SIGHUP stop ascp and end the program, as they would have
    done, a second one without waiting for ascp to end in order: this holds in the main thread, and where the program
    has no handler of its own for them.

    Arguments, defaults and errors are those of Job.

    Raises:
        RuntimeError: an event loop runs in this thread.
    """
    options = locals()
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        pass
    else:
        raise RuntimeError("run_sync() cannot be used where an event loop runs: await faspmgr.run(...) instead")
    with SignalHandler(_unhandled()) as handler:
        try:
            return asyncio.run(_run_until_signal(options, handler))
        finally:
            if handler.received:  # all is cleaned up: now it has its usual effect
                signal.signal(handler.received[0], signal.SIG_DFL)
                signal.raise_signal(handler.received[0])


def _unhandled() -> list[signal.Signals]:
    """The signals that would end this program now, without giving it a chance to stop ascp."""
    if threading.current_thread() is not threading.main_thread():
        return []  # no other thread may handle signals
    there = [signal.Signals[name] for name in ENDING_SIGNALS if hasattr(signal, name)]
    return [number for number in there if signal.getsignal(number) is signal.SIG_DFL]


async def _run_until_signal(options: dict[str, Any], handler: SignalHandler) -> Result:
    job = Job(**options)

    def stop(number: signal.Signals) -> None:
        end = job.stop if len(handler.received) == 1 else job.kill
        end(f"interrupted by {number.name}")

    handler.call_in_loop(stop)
    return await job.run()
