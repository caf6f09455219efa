"""Replies to commands: what ascp does next decides whether it has accepted one."""

from __future__ import annotations

import asyncio

import pytest

from faspmgr.manager import Job, Reply
from faspmgr.manager.replies import combine, reply_to
from faspmgr.protocol import commands
from faspmgr.protocol.events import Event
from faspmgr.protocol.parser import parse
from faspmgr.tracking import Tracker
from tests.live import MakeAscp, message
from tests.manager.transfers import run_and


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
    assert reply.accepted is False
    assert (result.verdict, result.exit_status) == ("lost", -9)


def test_a_cancel_between_two_attempts(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); time.sleep(0.2); wire.sendall(error(16)); sys.exit(1)")

    async def act(job: Job) -> Reply:
        while not job.attempts:
            await asyncio.sleep(0.02)
        return await job.send(commands.Cancel())

    reply, result = run_and([path], act, retry=3, retry_wait=60)
    assert reply == Reply(True, "no ascp is running now, and none will be started again")
    assert (result.verdict, len(result.attempts)) == ("failed", 1)


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


def test_an_unknown_command_has_no_reply_by_chance() -> None:
    session = Tracker().update(parse(message("INIT", SessionId="s"))[0])
    assert reply_to(commands.Command(), Event(), session) is None


def test_replies_of_several_sessions() -> None:
    yes, no, unknown = Reply(True, "yes"), Reply(False, "no"), Reply(None, "?")
    assert combine([yes]) == yes
    assert combine([yes, yes]) == Reply(True, "yes (2 of 2 sessions)")
    assert combine([yes, unknown]) == Reply(None, "? (1 of 2 sessions)")
    assert combine([yes, unknown, no]) == Reply(False, "no (1 of 3 sessions)")
