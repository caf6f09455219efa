"""Replies to commands: what ascp does next decides whether it has accepted one."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from faspmgr.manager import Job, Reply, Result
from faspmgr.manager.replies import combine, reply_to
from faspmgr.protocol import commands
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import parse
from faspmgr.tracking import Tracker
from tests.live import MakeAscp, message
from tests.manager.transfers import WITHIN, counting, run_and


@pytest.mark.parametrize(
    ("script", "timeout", "reply", "verdict"),
    [
        (
            "wire.sendall(message('NOTIFICATION', PMTU=1492))\n"  # about something else
            "wire.sendall(message('NOTIFICATION', **{name: got[name] for name in ('Rate', 'MinRate', 'Adaptive')}))\n"
            "time.sleep(0.3); wire.sendall(DONE)",
            20,
            Reply(True, "target 50000 Kbps, minimum 1000 Kbps, policy Fixed"),
            "done",
        ),
        (
            "wire.sendall(message('NOTIFICATION', Rate=30000)); time.sleep(1); wire.sendall(DONE)",
            0.4,
            Reply(False, "ascp has set target 30000 Kbps instead"),
            "done",
        ),
        ("time.sleep(1); wire.sendall(DONE)", 0.2, Reply(None, "no reply from ascp within 0.2 s"), "done"),
        (
            "wire.sendall(error(16)); sys.exit(1)",
            20,
            Reply(False, "the session failed: 16 CONNECTION_LOST: it failed"),
            "failed",
        ),
        ("sys.exit(1)", 20, Reply(False, "ascp has ended"), "lost"),
    ],
    ids=["accepted", "capped by the peer", "unanswered", "the session fails instead", "ascp goes away"],
)
def test_a_rate(scripted_ascp: MakeAscp, script: str, timeout: float, reply: Reply, verdict: str) -> None:
    path = scripted_ascp(f"wire = began(); got = receive(wire)\n{script}")
    command = commands.SetRate(target_kbps=50_000, min_kbps=1_000, policy="fixed")
    given, result = run_and([path], lambda job: job.send(command, timeout=timeout))
    assert (given, result.verdict) == (reply, verdict)


def test_a_cancel(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); assert receive(wire)['Type'] == 'CANCEL'\nwire.sendall(error(28, 'cancelled')); sys.exit(1)"
    )
    reply, result = run_and([path], lambda job: job.send(commands.Cancel(), timeout=20), grace=20, retry=3)
    assert reply == Reply(True, "the session failed: 28 USER_CANCEL: cancelled")
    assert (result.verdict, result.status, len(result.attempts)) == ("failed", 130, 1)


def test_a_cancel_that_ascp_ignores(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("signal.signal(15, signal.SIG_IGN); wire = began()\nwhile True: time.sleep(60)")
    reply, result = run_and([path], lambda job: job.send(commands.Cancel(), timeout=20), grace=0.3)
    assert reply == Reply(True, "ascp has ended")
    assert (result.verdict, result.exit_status, result.reason) == ("lost", -9, "cancelled")


@pytest.mark.parametrize(
    ("ending", "verdict", "reason"),
    [
        ("wire.sendall(error(16)); sys.exit(1)", "failed", "cancelled"),
        ("sys.exit(1)", "lost", "ascp ended with exit status 1 without DONE or ERROR; cancelled"),
    ],
)
def test_a_cancel_between_two_attempts(scripted_ascp: MakeAscp, ending: str, verdict: str, reason: str) -> None:
    path = scripted_ascp(f"wire = began(); {ending}")
    reply, result = run_and(
        [path], lambda job: job.send(commands.Cancel()), until=lambda job: job.attempts, retry=3, retry_wait=60
    )
    assert reply == Reply(True, "no ascp is running now, and none will be started again")
    assert (result.verdict, result.reason, len(result.attempts)) == (verdict, reason, 1)
    assert (result.interrupted, result.status) == (True, 130)


def test_a_cancel_before_the_start(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(f"open({str(tmp_path / 'started')!r}, 'w'); began().sendall(DONE)")

    async def go() -> tuple[Reply, Result]:
        job = Job([path, "a", "h:b"], retry=3, sessions=2)
        return await job.send(commands.Cancel()), await job.run()

    reply, result = asyncio.run(go())
    assert reply == Reply(True, "no ascp is running now, and none will be started again")
    assert (result.verdict, result.reason, result.status) == ("not started", "cancelled", 130)
    assert result.transfer is None
    assert not (tmp_path / "started").exists()


def test_a_cancel_between_start_and_connection(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    """ascp gets a SIGTERM, and as it ignores that, a SIGKILL."""
    started = tmp_path / "started"
    path = scripted_ascp(f"signal.signal(15, signal.SIG_IGN); open({str(started)!r}, 'w'); time.sleep(60)")
    reply, result = run_and(
        [path], lambda job: job.send(commands.Cancel()), until=lambda _: started.exists(), grace=0.2, retry=3
    )
    assert reply == Reply(True, "no ascp is connected now, and none will be started again")
    assert (result.verdict, result.reason, result.status) == ("not started", "cancelled", 130)
    assert [(one.verdict, one.exit_status) for one in result.attempts] == [("not started", -9)]


def test_a_cancel_while_the_second_attempt_starts(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    """What counts is the attempt before, which has told how far the transfer came."""
    path = scripted_ascp(
        counting(tmp_path, "if count == 2: time.sleep(60)\nwire = began(); wire.sendall(stats(400) + error(16))")
    )
    second = tmp_path / "count"
    reply, result = run_and(
        [path],
        lambda job: job.send(commands.Cancel()),
        until=lambda _: second.exists() and second.stat().st_size == 2,
        retry=3,
        retry_wait=0.05,
    )
    assert reply.accepted
    assert (result.verdict, result.error and result.error.code, result.reason) == ("failed", 16, "cancelled")
    assert [one.verdict for one in result.attempts] == ["failed", "not started"]
    assert result.transfer is not None
    assert (result.transfer.state, result.status) == ("failed", 130)


def test_a_cancel_where_some_parts_have_connected(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    """One part runs, one has started, one waits for its second attempt."""
    started = tmp_path / "started"
    path = scripted_ascp(
        "part = option('-C')[0]\n"
        f"if part == '2': open({str(started)!r}, 'w'); time.sleep(60)\n"
        "wire = began()\n"
        "if part == '3': wire.sendall(error(16)); sys.exit(1)\n"
        "assert receive(wire)['Type'] == 'CANCEL'; wire.sendall(error(28, 'as you wish')); sys.exit(1)"
    )

    def until(job: Job) -> bool:
        return started.exists() and bool(job.attempts) and len(job.tracker.sessions) == 2

    reply, result = run_and(
        [path, "a", "h:b"],
        lambda job: job.send(commands.Cancel(), timeout=20),
        until=until,
        sessions=3,
        retry=1,
        retry_wait=60,
        grace=20,
    )
    assert reply == Reply(True, "the session failed: 28 USER_CANCEL: as you wish")
    assert sorted((one.part, one.verdict, one.error and one.error.code) for one in result.attempts) == [
        (1, "failed", 28),
        (2, "not started", None),
        (3, "failed", 16),
    ]
    assert (result.verdict, result.error and result.error.code, result.reason) == ("failed", 16, "cancelled")
    assert result.status == 130


def test_a_cancel_that_comes_too_late(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE); time.sleep(1)")

    async def go() -> None:
        job = Job([path], retry=3)
        running = asyncio.ensure_future(job.run())
        while not any(session.ended for session in job.tracker.sessions):
            await asyncio.sleep(0.02)
        assert await job.send(commands.Cancel()) == Reply(False, "the session is done")
        result = await running
        assert (result.verdict, result.reason, result.interrupted) == ("done", "", False)
        assert await job.send(commands.Cancel()) == Reply(False, "the transfer has ended")

    asyncio.run(asyncio.wait_for(go(), WITHIN))


def test_a_finish_of_a_session_in_which_files_failed(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); wire.sendall(message('FILEERROR', File='/in/a', Code=5))\n"
        "assert receive(wire)['Type'] == 'DONE'; wire.sendall(error(27, 'Some files failed')); sys.exit(1)"
    )
    reply, result = run_and([path], lambda job: job.send(commands.Finish(), timeout=20))
    assert reply == Reply(True, "the session has finished: 27 SOME_FILE_ERRS: Some files failed")
    assert (result.verdict, result.status) == ("failed", 1)


def test_all_sessions_get_the_command(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); wire.sendall(message('NOTIFICATION', Rate=receive(wire)['Rate']))\n"
        "time.sleep(0.3); wire.sendall(DONE)"
    )

    async def act(job: Job) -> Reply:
        while len(job.tracker.sessions) < 3:
            await asyncio.sleep(0.02)
        return await job.send(commands.SetRate(target_kbps=7_000), timeout=20)

    reply, _ = run_and([path, "a", "h:b"], act, sessions=3)
    assert reply == Reply(True, "target 7000 Kbps (3 of 3 sessions)")


def test_no_command_before_there_is_a_connection() -> None:
    async def send() -> Reply:
        return await Job(["ascp", "a", "h:b"]).send(commands.Query())

    assert asyncio.run(send()) == Reply(False, "no ascp is connected now")


# -- what one event shows, by the protocol


def reply_after(command: commands.Command, *messages: bytes) -> Reply | None:
    """The reply that the last of these messages amounts to; None for none."""
    tracker = Tracker()
    return [reply_to(command, event, tracker.update(event)) for event in parse(b"".join(messages))][-1]


@pytest.mark.parametrize(
    ("command", "event", "accepted"),
    [
        (commands.StartFile("/in/a", "/out/b"), message("STATS", SessionId="s", File="/in/a", Written=1), True),
        (commands.StartFile("/in/a", "/out/b"), message("STOP", SessionId="s", File="/out/b"), True),
        (commands.StartFile("/in/a", "/out/b"), message("SKIP", SessionId="s", File="/in/a"), True),
        (commands.StartFile("/in/a", "/out/b"), message("FILEERROR", SessionId="s", File="/in/a", Code=4), False),
        (commands.StartFile("/in/a", "/out/b"), message("STATS", SessionId="s", File="/in/c"), None),
        (commands.StopFile("/in/a"), message("STOP", SessionId="s", File="/in/a"), True),
        (commands.StopFile("/in/a"), message("FILEERROR", SessionId="s", File="/in/a", Code=28), True),
        (commands.StopFile("/in/a"), message("STATS", SessionId="s", File="/in/a"), None),
        (commands.StopFile("/in/a"), message("STOP", SessionId="s", File="/other/a"), None),
        (commands.Finish(), message("DONE", SessionId="s"), True),
        (commands.Finish(now=True), message("ERROR", SessionId="s", Code=16), False),
        (commands.Finish(), message("ERROR", SessionId="s", Code=27), True),
        (commands.Finish(), message("ERROR", SessionId="s", Code=28), False),
        (commands.Cancel(), message("ERROR", SessionId="s", Code=28), True),
        (commands.Cancel(), message("ERROR", SessionId="s", Code=16), False),
        (commands.Cancel(), message("DONE", SessionId="s"), False),
        (commands.Query(), message("QUERYRSP", SessionId="s", QueryResponse="fine"), True),
        (
            commands.SetRate(policy="high"),
            message("NOTIFICATION", SessionId="s", Adaptive="Adaptive", Priority=1),
            True,
        ),
        (
            commands.SetRate(policy="high"),
            message("NOTIFICATION", SessionId="s", Adaptive="Adaptive", Priority=2),
            None,
        ),
    ],
)
def test_the_reply_in_an_event(command: commands.Command, event: bytes, accepted: bool | None) -> None:
    reply = reply_after(command, message("INIT", SessionId="s"), event)
    assert (reply and reply.accepted) == accepted


def test_reply_without_secrets() -> None:
    file = "s3://AKIA:hunter2@bucket/a"
    for type in ("STOP", "FILEERROR"):
        reply = reply_after(commands.StopFile(file), message(type, SessionId="s", File=file, Code=4, Description=file))
        assert reply is not None
        assert "s3://***@bucket/a" in reply.message
        assert "hunter2" not in reply.message
    answer = message("QUERYRSP", SessionId="s", QueryResponse="token=hunter2")
    assert reply_after(commands.Query(), answer) == Reply(True, "token=***")


@pytest.mark.parametrize(("code", "accepted"), [(5, True), (4, False), (16, False)])
def test_a_session_that_ends_with_the_code_of_its_files(code: int, accepted: bool) -> None:
    """5 NO_PERMS is about files. 16 CONNECTION_LOST is about the session, though files fail with it, too."""
    messages = [message("FILEERROR", SessionId="s", File=f"/in/{code}", Code=code) for code in (5, 16)]
    reply = reply_after(commands.Finish(), *messages, message("ERROR", SessionId="s", Code=code))
    assert reply is not None
    assert reply.accepted is accepted


def test_an_unknown_command_has_no_reply_by_chance() -> None:
    session = Tracker().update(parse(message("INIT", SessionId="s"))[0])
    assert reply_to(commands.Command(), Event(), session) is None


def test_replies_of_several_sessions() -> None:
    yes, no, unknown = Reply(True, "yes"), Reply(False, "no"), Reply(None, "?")
    assert combine([yes]) == yes
    assert combine([yes, yes]) == Reply(True, "yes (2 of 2 sessions)")
    assert combine([yes, unknown]) == Reply(None, "? (1 of 2 sessions)")
    assert combine([yes, unknown, no]) == Reply(False, "no (1 of 3 sessions)")
