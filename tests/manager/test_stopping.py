"""The steps of stopping ascp: their times by the table, and what a running ascp sees of them."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import attrs
import pytest

from faspmgr.manager import Job
from faspmgr.manager.stopping import STOP_STEPS, Stopping, StopStep
from tests.live import MakeAscp
from tests.manager.transfers import run, run_and

CANCEL, SIGTERM, SIGKILL, GIVEN_UP = StopStep


def schedule(stopping: Stopping, hears: bool = True, kill_at: float = -1.0) -> list[tuple[float, StopStep]]:
    """When each step is taken, in seconds, by a clock of quarters of a second."""
    steps = []
    for quarter in range(200):
        now = quarter / 4
        if now == kill_at:
            stopping.begin_with_kill(now)
        step = stopping.advance(now, hears)
        if step:
            steps.append((now, step))
    return steps


@pytest.mark.parametrize(
    ("grace", "hears", "expected"),
    [
        (10.0, True, [(0, CANCEL), (10, SIGTERM), (12, SIGKILL), (17, GIVEN_UP)]),
        (0.5, True, [(0, CANCEL), (0.5, SIGTERM), (1, SIGKILL), (6, GIVEN_UP)]),
        (10.0, False, [(0, SIGTERM), (2, SIGKILL), (7, GIVEN_UP)]),  # nobody hears a CANCEL
        (0.0, False, [(0, SIGTERM), (0.25, SIGKILL), (5.25, GIVEN_UP)]),  # a step for each look
    ],
)
def test_when_each_step_is_taken(grace: float, hears: bool, expected: list[tuple[float, StopStep]]) -> None:
    stopping = Stopping(grace)
    assert not stopping.begun
    stopping.begin(0.0)
    assert stopping.begun
    assert schedule(stopping, hears) == expected
    assert stopping.step is GIVEN_UP


def test_a_kill_leaves_out_the_steps_before_it() -> None:
    stopping = Stopping(10.0)
    stopping.begin(0.0)
    assert schedule(stopping, kill_at=3.0) == [(0, CANCEL), (3, SIGKILL), (8, GIVEN_UP)]
    assert schedule(Stopping(10.0), kill_at=0.0) == [(0, SIGKILL), (5, GIVEN_UP)]


def test_a_connection_that_is_being_looked_at_may_hear_a_cancel() -> None:
    """But it is waited for a second only: connections of others are looked at, too."""
    stopping = Stopping(10.0)
    stopping.begin(5.0)
    assert stopping.advance(5.0, False, doubt=True) is stopping.advance(5.9, False, doubt=True) is None
    assert stopping.advance(5.9, True) is CANCEL
    stopping = Stopping(10.0)
    stopping.begin(5.0)
    assert stopping.advance(6.0, False, doubt=True) is SIGTERM
    stopping = Stopping(10.0)
    stopping.begin_with_kill(5.0)
    assert stopping.advance(5.0, False, doubt=True) is SIGKILL


def test_stopping_begins_once() -> None:
    stopping = Stopping(10.0)
    assert stopping.advance(0.0, True) is None
    stopping.begin(1.0)
    assert stopping.advance(1.0, True) is CANCEL
    stopping.begin(2.0)
    assert stopping.advance(2.0, True) is None


def test_the_table_has_all_steps_in_their_order() -> None:
    assert list(STOP_STEPS) == list(StopStep)
    for rule in STOP_STEPS.values():
        assert rule.action
        assert 0 <= rule.min_seconds <= rule.max_seconds


# -- seen by an ascp


def test_a_cancel_comes_first(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); assert b'Type: CANCEL' in wire.recv(1000); wire.sendall(error(28)); sys.exit(1)"
    )
    _, result = run_and([path], lambda job: job.stop("enough"), grace=20)
    assert (result.verdict, result.status, result.interrupted) == ("failed", 130, True)
    assert (result.error and result.error.code, result.reason) == (28, "enough")


def test_a_hang_that_only_sigkill_ends(scripted_ascp: MakeAscp) -> None:
    """As the real ascp while it waits for its peer: neither CANCEL nor SIGTERM is heard."""
    path = scripted_ascp("signal.signal(15, signal.SIG_IGN); wire = began()\nwhile True: time.sleep(60)")
    result = run([path], stall_timeout=0.3, grace=0.3)
    assert (result.verdict, result.exit_status) == ("lost", -signal.SIGKILL)


def test_what_ascp_has_started_ends_with_it(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("os.fork(); signal.signal(15, signal.SIG_IGN)\nwire = began()\nwhile True: time.sleep(60)")
    assert run([path], stall_timeout=0.3, grace=0.3).verdict in ("lost", "not started")


def test_an_ascp_that_not_even_sigkill_ends(scripted_ascp: MakeAscp, monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for its disk, say. It is given up, and the event loop goes on all the time."""
    path = scripted_ascp("wire = began()\nwhile True: time.sleep(60)")
    groups: list[int] = []
    really = os.killpg
    monkeypatch.setattr(os, "killpg", lambda group, _number: groups.append(group))
    monkeypatch.setitem(
        STOP_STEPS,
        SIGKILL,
        attrs.evolve(STOP_STEPS[SIGKILL], min_seconds=1.0, max_seconds=1.0),
    )
    gaps: list[float] = []

    async def go() -> None:
        clock = asyncio.get_running_loop().time

        async def beat() -> None:
            while True:
                before = clock()
                await asyncio.sleep(0.01)
                gaps.append(clock() - before)

        beating = asyncio.ensure_future(beat())
        result = await Job([path], stall_timeout=0.3, grace=0.2).run()
        beating.cancel()
        assert (result.verdict, result.exit_status, result.reason) == ("lost", None, "no progress for 0.3 s")

    try:
        asyncio.run(asyncio.wait_for(go(), 40))
        assert max(gaps) < 0.8
    finally:
        assert len(groups) == 2
        really(groups[0], signal.SIGKILL)
        os.waitpid(groups[0], 0)


def test_stopping_before_the_start(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    flag = tmp_path / "flag"

    async def go() -> None:
        job = Job([scripted_ascp(f"open({str(flag)!r}, 'w'); time.sleep(60)")])
        job.stop("never mind")
        result = await job.run()
        assert (result.verdict, result.status, result.reason) == ("not started", 130, "never mind")

    asyncio.run(go())
    assert not flag.exists()


def test_a_transfer_that_was_done_before_the_stop_is_done(scripted_ascp: MakeAscp) -> None:
    def is_done(job: Job) -> bool:
        return any(transfer.state == "done" for transfer in job.transfers)

    path = scripted_ascp("wire = began(); wire.sendall(DONE); time.sleep(60)")
    _, result = run_and([path], lambda job: job.stop("too late"), until=is_done, grace=0.2)
    assert (result.verdict, result.status) == ("done", 0)


def test_killing(scripted_ascp: MakeAscp) -> None:
    def act(job: Job) -> None:
        job.stop("first")
        job.kill("second")

    _, result = run_and([scripted_ascp("wire = began(); time.sleep(60)")], act, grace=60)
    assert (result.verdict, result.exit_status, result.reason) == ("lost", -9, "first")


def test_cancelling_the_task_cancels_the_transfer(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    received = tmp_path / "received"
    path = scripted_ascp(
        f"wire = began(); data = wire.recv(1000); open({str(received)!r}, 'wb').write(data)\n"
        "wire.sendall(error(28)); sys.exit(1)"
    )
    cancelled(path, grace=20)
    assert b"Type: CANCEL" in received.read_bytes()


def test_cancelling_twice_does_not_wait(scripted_ascp: MakeAscp) -> None:
    cancelled(scripted_ascp("wire = began(); time.sleep(60)"), times=2, grace=60)


def test_cancelling_three_times_leaves_nothing_either(scripted_ascp: MakeAscp) -> None:
    cancelled(scripted_ascp("wire = began(); time.sleep(60)"), times=3, pause=0.0, grace=60)


def cancelled(path: str, times: int = 1, pause: float = 0.1, **options: float) -> None:
    """Run a transfer, and cancel its task so many times."""

    async def go() -> None:
        job = Job([path], **options)  # type: ignore[arg-type]  # seconds
        running = asyncio.ensure_future(job.run())
        while not job.transfers:
            await asyncio.sleep(0.02)
        for _ in range(times):
            running.cancel()
            await asyncio.sleep(pause)
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(running, 10)

    asyncio.run(go())
