"""Runs transfers for the tests of this folder, with short times, and sees that nothing of them is left in the loop."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job, Result

WITHIN = 40
"""Seconds for a transfer; on a busy machine everything takes several times as long."""

asyncio_only = pytest.mark.parametrize("either_loop", ["asyncio"], indirect=True)
"""For a test that mostly waits, and in which no other event loop makes a difference: once is enough."""


def run(argv_or_spec: Any, within: float = WITHIN, **options: Any) -> Result:
    """Run a transfer to its end; no task and no thread of it may be left."""

    async def bounded() -> Result:
        result = await asyncio.wait_for(faspmgr.run(argv_or_spec, **{"grace": 10, **options}), within)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    before = threading.active_count()
    result = asyncio.run(bounded())
    assert threading.active_count() <= before
    return result


def has_session(job: Job) -> bool:
    """Has ascp negotiated its session?"""
    return any(session.negotiated for session in job.tracker.sessions)


def run_and(
    argv: list[str], act: Callable[[Job], Any], *, until: Callable[[Job], object] = has_session, **options: Any
) -> tuple[Any, Result]:
    """Run a transfer, and act when it has come so far.

    Args:
        argv: the command line of ascp.
        act: what is done, a function or a coroutine function.
        until: when it is done.
        options: those of Job.

    Returns:
        What act has returned, and how the transfer ended.
    """

    async def go() -> tuple[Any, Result]:
        job = Job(argv, **options)
        running = asyncio.ensure_future(job.run())
        while not until(job):
            await asyncio.sleep(0.02)
        given = act(job)
        if inspect.isawaitable(given):
            given = await given
        return given, await running

    return asyncio.run(asyncio.wait_for(go(), WITHIN))


def counting(folder: Path, body: str) -> str:
    """Lines for a scripted ascp that know in ``count`` the how-manieth run this is."""
    return (
        f"path = {str(folder / 'count')!r}\ncount = 1 + (os.path.exists(path) and os.path.getsize(path))\n"
        f"open(path, 'ab').write(b'x')\n{body}"
    )
