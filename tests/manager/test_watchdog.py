"""The limits of a run, without a process: what the watchdog is told, and when it says that a limit was hit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from faspmgr import Session, Tracker, parse
from faspmgr.manager.attempt import Limits
from faspmgr.manager.watchdog import LOOK_SECONDS, WATCH, Phase, Watchdog
from tests.live import message

LIMITS = Limits(connect_timeout=30, stall_timeout=60, grace=10)
INIT = message("INIT", SessionId="s")
SESSION = message("SESSION", SessionId="s")
STATS = message("STATS", SessionId="s", File="/a", Size=100, Written=50, TransferBytes=50)
DONE = message("DONE", SessionId="s")
ERROR = message("ERROR", SessionId="s", Code=14)


class Run:
    """A watchdog, and a session of which it is told."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.dog = Watchdog(limits)
        self._tracker = Tracker()

    def receive(self, *messages: bytes, moved: bool = False) -> Run:
        session: Session | None = None
        for event in parse(b"".join(messages)):
            session = self._tracker.update(event)
        assert session
        self.dog.received(session, moved)
        return self

    def connect(self, *messages: bytes) -> Run:
        self.dog.connected()
        return self.receive(INIT, *messages, moved=True)

    def after(self, seconds: float, look: float = LOOK_SECONDS) -> str:
        """The reason of the limit that was hit when so much time has passed; empty if none was."""
        for _ in range(round(seconds / look)):
            self.dog.look(look)
        hit = self.dog.hit()
        return hit.reason if hit else ""

    def close(self) -> Run:
        self.dog.closed()
        return self

    def exit(self) -> Run:
        self.dog.exited()
        return self


@pytest.mark.parametrize(
    ("run", "phase", "seconds", "reason"),
    [
        (Run, "started", 30, "ascp did not connect within 30 s"),
        (lambda: Run().connect(SESSION), "connected", 60, "no progress for 60 s"),
        (lambda: Run().connect(SESSION, DONE), "session ended", 10, "ascp did not exit after its last message"),
        (lambda: Run().connect(SESSION, ERROR), "session ended", 10, "ascp did not exit after its last message"),
        (
            lambda: Run().connect(message("SESSION", SessionId="s", FallbackProtocol="http"), ERROR),
            "session ended",
            60,  # connecting over HTTP takes its time
            "ascp did not exit after its last message",
        ),
        (lambda: Run().connect().close(), "disconnected", 10, "ascp closed its connection, but did not exit"),
        (lambda: Run().connect(DONE).close(), "disconnected", 10, "ascp closed its connection, but did not exit"),
        (lambda: Run().connect().exit(), "exited", 0.5, "ascp has exited, but its connection stayed open"),
        (lambda: Run().connect(DONE).exit(), "exited", 0.5, "ascp has exited, but its connection stayed open"),
    ],
)
def test_each_limit(run: Callable[[], Run], phase: str, seconds: float, reason: str) -> None:
    now = run()
    assert now.dog.phase.value == phase
    assert now.after(seconds - LOOK_SECONDS) == ""
    assert now.after(2 * LOOK_SECONDS) == reason


def test_each_phase_stands_in_the_table() -> None:
    assert list(WATCH) == list(Phase)


def test_a_phase_counts_from_its_beginning() -> None:
    run = Run()
    assert run.after(25) == ""
    assert run.connect().after(55) == ""
    assert run.receive(DONE).after(8) == ""
    assert run.close().after(8) == ""
    assert run.after(3) == "ascp closed its connection, but did not exit"


def test_without_a_stall_timeout_a_session_may_take_any_time() -> None:
    assert Run(Limits()).connect().after(100_000, look=1.0) == ""


@pytest.mark.parametrize(
    "progress",
    [
        message("STATS", SessionId="s", File="/a", Size=100, Written=51, TransferBytes=50),
        message("STATS", SessionId="s", File="/a", Size=100, Written=50, TransferBytes=51),
        message("STATS", SessionId="s", File="/b", Size=100, Written=0),
        message("STOP", SessionId="s", File="/a", Size=100),
        message("SKIP", SessionId="s", File="/b", Size=0),
        message("FILEERROR", SessionId="s", File="/b", Code=4),
    ],
)
def test_what_is_progress(progress: bytes) -> None:
    run = Run().connect(SESSION, STATS)
    assert run.after(50) == ""
    assert run.receive(progress).after(50) == ""
    assert run.after(11) == "no progress for 60 s"


def test_the_same_again_is_no_progress() -> None:
    run = Run().connect(SESSION, STATS)
    assert run.after(50) == ""
    assert run.receive(STATS).after(11) == "no progress for 60 s"


def test_a_message_that_is_progress_by_itself() -> None:
    run = Run().connect(SESSION, STATS)
    assert run.after(50) == ""
    assert run.receive(message("NOTIFICATION", SessionId="s", PMTU=1500), moved=True).after(50) == ""


def test_a_persistent_session_may_wait_for_its_next_file() -> None:
    run = Run().connect(message("SESSION", SessionId="s", Keepalive="Yes"))
    assert run.after(500) == ""
    assert run.receive(STATS).after(59) == ""
    assert run.after(2) == "no progress for 60 s"


def test_an_end_that_was_none() -> None:
    """HTTP fallback: files move again after ERROR."""
    run = Run().connect(message("SESSION", SessionId="s", FallbackProtocol="http"), STATS, ERROR)
    assert run.after(50) == ""
    assert run.receive(message("STATS", SessionId="s", File="/a", Size=100, Written=60)).dog.phase is Phase.CONNECTED
    assert run.after(59) == ""
    assert run.after(2) == "no progress for 60 s"


def test_a_long_look_counts_as_a_second() -> None:
    """This program was stopped: ascp had no chance to be heard."""
    run = Run()
    assert run.after(29 * 3600, look=3600) == ""
    assert run.after(2 * 3600, look=3600) == "ascp did not connect within 30 s"


# -- after the exit


def test_what_comes_after_the_exit_is_waited_for() -> None:
    run = Run(Limits(grace=1000)).connect().exit()
    for _ in range(700):
        assert run.receive(STATS).after(0.4) == ""
    assert run.after(0.5) == "ascp has exited, but its connection stayed open"


def test_after_the_grace_period_one_silent_look_is_enough() -> None:
    run = Run().connect().exit()
    for _ in range(20):
        assert run.receive(STATS).after(0.5, look=0.5) == ""
    assert run.after(0.5, look=0.5) == "ascp has exited, but its connection stayed open"


def test_silence_is_counted_in_looks_and_not_in_seconds() -> None:
    """A slow reader of events, or a busy machine: each look gives the loop the time to read what is there."""
    run = Run().connect().exit()
    assert run.after(9, look=1.0) == ""
    assert run.after(1, look=1.0) == "ascp has exited, but its connection stayed open"


def test_what_does_not_end_is_not_waited_for() -> None:
    run = Run().connect().exit()
    for _ in range(299):
        assert run.receive(STATS).after(1, look=1.0) == ""
    assert run.receive(STATS).after(1, look=1.0) == "ascp has exited, but its connection stayed open"


def test_a_connection_that_was_read_to_its_end() -> None:
    dog = Run().connect(DONE).close().exit().dog
    assert (dog.phase, dog.disconnected, dog.hit()) == (Phase.EXITED, True, None)
