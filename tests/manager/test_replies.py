"""Commands to a running ascp, and what it made of them: by what it reports, as the protocol page has it."""

from __future__ import annotations

import asyncio

import pytest

from faspmgr import Event, Tracker, parse
from faspmgr.manager import Job, Reply
from faspmgr.manager.replies import combine, reply_to
from faspmgr.protocol import commands
from tests.live import MakeAscp, message
from tests.manager.transfers import run_and


def test_a_rate_that_is_accepted(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); got = command(wire)\n"
        "wire.sendall(message('NOTIFICATION', PMTU=1492))\n"  # about something else
        "wire.sendall(message('NOTIFICATION', Rate=got['Rate'], MinRate=got['MinRate'], Adaptive=got['Adaptive']))\n"
        "time.sleep(0.3); wire.sendall(DONE)"
    )
    rate = commands.SetRate(target_kbps=50_000, min_kbps=1_000, policy="fixed")
    reply, result = run_and([path], lambda job: job.send(rate, timeout=20))
    assert reply == Reply(True, "target 50000 Kbps, minimum 1000 Kbps, policy Fixed")
    assert result.verdict == "done"


def test_a_rate_that_the_peer_caps_is_rejected(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); command(wire); wire.sendall(message('NOTIFICATION', Rate=30000)); time.sleep(1)\n"
        "wire.sendall(DONE)"
    )
    reply, _ = run_and([path], lambda job: job.send(commands.SetRate(target_kbps=50_000), timeout=0.4))
    assert reply.accepted is False
    assert reply.message == "ascp has set target 30000 Kbps instead"


def test_a_command_that_is_unanswered(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); command(wire); time.sleep(1); wire.sendall(DONE)")
    reply, result = run_and([path], lambda job: job.send(commands.SetRate(target_kbps=1), timeout=0.2))
    assert reply == Reply(None, "no reply from ascp within 0.2 s")
    assert result.verdict == "done"


def test_a_transfer_that_ends_instead(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); command(wire); wire.sendall(error(16)); sys.exit(1)")
    reply, _ = run_and([path], lambda job: job.send(commands.SetRate(target_kbps=1), timeout=20))
    assert reply == Reply(False, "the session failed: 16 CONNECTION_LOST: it failed")


def test_an_ascp_that_exits_without_a_message(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); command(wire); sys.exit(1)")
    reply, _ = run_and([path], lambda job: job.send(commands.SetRate(target_kbps=1), timeout=20))
    assert reply == Reply(False, "ascp has ended")


def test_a_cancel(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); assert command(wire)['Type'] == 'CANCEL'; wire.sendall(error(28, 'cancelled')); sys.exit(1)"
    )
    reply, result = run_and([path], lambda job: job.send(commands.Cancel(), timeout=20), grace=20, retry=3)
    assert reply == Reply(True, "the session failed: 28 USER_CANCEL: cancelled")
    assert (result.verdict, result.status, len(result.attempts)) == ("failed", 130, 1)


def test_a_cancel_that_ascp_does_not_read(scripted_ascp: MakeAscp) -> None:
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
        "wire = began(); got = command(wire); wire.sendall(message('NOTIFICATION', Rate=got['Rate']))\n"
        "time.sleep(0.3); wire.sendall(DONE)"
    )

    async def act(job: Job) -> Reply:
        while len(job.tracker.sessions) < 3:
            await asyncio.sleep(0.02)
        return await job.send(commands.SetRate(target_kbps=7_000), timeout=20)

    reply, _ = run_and([path, "a", "h:b"], act, sessions=3)
    assert reply == Reply(True, "target 7000 Kbps (3 of 3 sessions)")


def test_no_command_before_there_is_a_connection() -> None:
    async def act() -> Reply:
        return await Job(["ascp", "a", "h:b"]).send(commands.Query())

    assert asyncio.run(act()) == Reply(False, "no ascp is connected now")


# -- what an event tells about a command, by the protocol page


def last_reply(command: commands.Command, *messages: bytes) -> Reply | None:
    tracker = Tracker()
    replies = []
    for event in parse(b"".join(messages)):
        replies.append(reply_to(command, event, tracker.update(event)))
    return replies[-1]


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
def test_what_an_event_tells_about_a_command(command: commands.Command, event: bytes, accepted: bool | None) -> None:
    reply = last_reply(command, message("INIT", SessionId="s"), event)
    assert (reply and reply.accepted) == accepted


def test_replies_of_several_sessions() -> None:
    yes, no, unknown = Reply(True, "yes"), Reply(False, "no"), Reply(None, "?")
    assert combine([yes]) == yes
    assert combine([yes, yes]) == Reply(True, "yes (2 of 2 sessions)")
    assert combine([yes, unknown]) == Reply(None, "? (1 of 2 sessions)")
    assert combine([yes, unknown, no]) == Reply(False, "no (1 of 3 sessions)")


def test_a_command_that_nothing_is_known_about() -> None:
    """It is not accepted by chance."""
    assert reply_to(commands.Command(), Event(), Tracker().update(parse(message("INIT", SessionId="s"))[0])) is None
