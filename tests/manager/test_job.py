"""A transfer from its start to its verdict: attempts, parts, callbacks, recordings."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.ascp import option_value
from faspmgr.manager import Job, Result
from faspmgr.manager.retries import retry_delay
from faspmgr.tracking import Tracker
from tests.launcher import MANY_FILES
from tests.live import MakeAscp, message
from tests.manager.transfers import asyncio_only, counting, run, run_and

pytestmark = pytest.mark.usefixtures("either_loop")

# -- what it is made of


@asyncio_only
@pytest.mark.parametrize(
    ("argv_or_spec", "error"),
    [
        ("ascp a b", TypeError),
        (["ascp", 1], TypeError),
        ([], ValueError),
        ([""], ValueError),
        ({"direction": "send"}, faspmgr.SpecError),
    ],
)
def test_what_cannot_be_run(argv_or_spec: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        Job(argv_or_spec)


def test_paths_in_a_command_line(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = Path(scripted_ascp("sys.stderr.write(repr(sys.argv[5:])); wire = began(); wire.sendall(DONE)"))
    result = run([path, "-i", tmp_path / "key", Path("clip.mov"), "h:b"])
    assert eval(result.stderr[0]) == ["-i", f"{tmp_path}/key", "clip.mov", "h:b"]


@asyncio_only
@pytest.mark.parametrize(
    ("name", "number", "words"),
    [
        ("retry", -1, "invalid retry: -1"),
        ("retry_wait", -1, "invalid retry_wait: -1"),
        ("grace", -0.1, "invalid grace: -0.1"),
        ("sessions", 0, "invalid sessions: 0"),
        ("sessions", 129, "1 to 128 sessions"),
        ("udp_port", 0, "invalid udp_port: 0"),
        ("udp_port", 65_536, "invalid udp_port: 65536"),
        ("connect_timeout", 0, "invalid connect_timeout: 0"),
        ("stall_timeout", 0, "invalid stall_timeout: 0"),
    ],
)
def test_numbers_that_make_no_sense(name: str, number: float, words: str) -> None:
    options: dict[str, Any] = {name: number}
    with pytest.raises(ValueError, match=words):
        Job(["ascp", "a", "h:b"], **options)


def test_the_sessions_of_a_spec_need_ports_too() -> None:
    paths = [{"source": "a"}]
    spec = {"direction": "send", "remote_host": "h", "paths": paths, "multi_session": 3, "destination_root": "/"}
    Job(spec, udp_port=65_533)
    with pytest.raises(ValueError, match="invalid udp_port: 65534"):
        Job(spec, udp_port=65_534)


def test_a_job_runs_once(scripted_ascp: MakeAscp) -> None:
    async def twice() -> None:
        job = Job([scripted_ascp("wire = began(); wire.sendall(DONE)")])
        running = asyncio.ensure_future(job.run())
        await asyncio.sleep(0)
        for _ in range(2):  # while it runs, and after
            with pytest.raises(RuntimeError, match="has run already: make a new Job"):
                await job.run()
            assert (await running).verdict == "done"

    asyncio.run(twice())


# -- callbacks


class Asynchronous:
    async def __call__(self, *_: object) -> None: ...


async def asynchronous(*_: object) -> None: ...


@asyncio_only
@pytest.mark.parametrize("name", ["on_event", "on_progress", "on_stderr", "on_message"])
@pytest.mark.parametrize("callback", [asynchronous, functools.partial(asynchronous, 1), Asynchronous()])
def test_a_coroutine_function_is_no_callback(name: str, callback: Any) -> None:
    options: dict[str, Any] = {name: callback}
    with pytest.raises(TypeError, match=f"{name} is a coroutine function, .* give a plain function"):
        Job(["ascp", "a", "h:b"], **options)


@pytest.mark.parametrize("hook", ["on_event", "on_stderr", "on_progress"])
def test_what_a_callback_raises_ends_the_transfer_and_is_raised(scripted_ascp: MakeAscp, hook: str) -> None:
    path = scripted_ascp("print('hello', file=sys.stderr, flush=True); wire = began(); time.sleep(60)")

    cause = KeyError("why")

    def callback(*_: object) -> None:
        raise OSError(28, "No space left on device") from cause

    options: dict[str, Any] = {hook: callback}
    with pytest.raises(OSError, match="No space") as raised:
        run([path], **options)
    assert (raised.value.__cause__, raised.value.__context__) == (cause, None)


# -- retry


def test_a_retry_where_it_makes_sense(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(
        counting(
            tmp_path,
            "wire = began(); sys.stderr.write(repr(sys.argv[1:]) + '\\n')\n"
            "if count < 3: wire.sendall(stats(400 * count)); wire.sendall(error(16)); sys.exit(1)\n"
            "wire.sendall(stats(900) + stop() + DONE)",
        )
    )
    messages: list[str] = []
    result = run([path, "a", "h:b"], retry=5, retry_wait=0.05, on_message=messages.append)
    assert (result.verdict, result.status, result.error) == ("done", 0, None)
    assert [(one.number, one.verdict, one.error and one.error.code) for one in result.attempts] == [
        (1, "failed", 16),
        (2, "failed", 16),
        (3, "done", None),
    ]
    assert result.transfer is not None
    assert (result.transfer.attempts, result.transfer.state) == (3, "done")
    argvs = [eval(one.stderr[0]) for one in result.attempts]
    assert [argv[argv.index("-k") + 1] for argv in argvs] == ["1", "1", "1"]  # the first, too: else nothing is resumed
    assert len({argv[argv.index("-u") + 1] for argv in argvs}) == 1
    assert [words.partition(" in ")[0] for words in messages] == [
        "attempt 1 failed: 16 CONNECTION_LOST: it failed; retry 1 of 5",
        "attempt 2 failed: 16 CONNECTION_LOST: it failed; retry 2 of 5",
    ]


@asyncio_only
def test_the_progress_of_a_retry_does_not_jump_back(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(
        counting(
            tmp_path,
            "wire = began(); wire.sendall(message('NOTIFICATION', PreTransferBytes=1000, PreTransferFiles=1))\n"
            "if count == 1: wire.sendall(stats(600)); wire.sendall(error(16)); sys.exit(1)\n"
            "for n in range(601, 1000, 50): wire.sendall(stats(n, StartByte=600)); time.sleep(0.05)\n"
            "wire.sendall(stop() + DONE)",
        )
    )
    seen: list[tuple[float, int, int | None]] = []

    async def watch() -> Result:
        job = Job([path, "a", "h:b"], retry=1, retry_wait=0.2, on_event=lambda *_: look())

        def look() -> None:
            transfer = job.transfers[0]
            seen.append((transfer.progress, transfer.bytes_done, transfer.expected_bytes))

        return await job.run()

    assert asyncio.run(watch()).verdict == "done"
    start = next(index for index, (progress, _, _) in enumerate(seen) if progress == 0.6)
    assert len(seen) > start + 5
    assert [progress for progress, _, _ in seen] == sorted(progress for progress, _, _ in seen)
    assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)
    assert {expected for _, _, expected in seen[start:]} == {1000}
    assert seen[-1] == (1.0, 1000, 1000)


@asyncio_only
@pytest.mark.parametrize(
    "body",
    [
        "wire = began(); wire.sendall(error(19)); sys.exit(1)",  # AUTH
        "wire = began(); wire.sendall(error(38)); sys.exit(1)",  # LIC_ILLEGAL
        "sys.exit(1)",  # it cannot even begin
    ],
)
def test_no_retry_where_it_makes_none(scripted_ascp: MakeAscp, tmp_path: Path, body: str) -> None:
    result = run([scripted_ascp(counting(tmp_path, body))], retry=3, retry_wait=0.05)
    assert len(result.attempts) == 1


def test_no_retry_unless_asked_for(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")])
    assert (result.verdict, len(result.attempts)) == ("failed", 1)


@asyncio_only
def test_a_retry_that_is_used_up(scripted_ascp: MakeAscp) -> None:
    result = run([scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")], retry=2, retry_wait=0.05)
    assert (result.verdict, result.error and result.error.code, len(result.attempts)) == ("failed", 16, 3)


def test_a_stall_is_worth_a_retry(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(counting(tmp_path, "wire = began()\nif count == 1: time.sleep(60)\nwire.sendall(DONE)"))
    result = run([path], retry=1, retry_wait=0.05, stall_timeout=0.5, grace=0.1)
    assert [one.verdict for one in result.attempts] == ["lost", "done"]
    assert result.verdict == "done"


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        ("sys.exit(0)", "ascp ended with exit status 0 without DONE or ERROR"),
        ("sys.exit(1)", "ascp ended with exit status 1 without DONE or ERROR"),
        ("os.kill(os.getpid(), 9)", "ascp was killed by SIGKILL without DONE or ERROR"),
        ("wire.sendall(b'FASPMGR 2\\nType: DO'); sys.exit(1)", "ascp ended with exit status 1 without DONE or ERROR"),
    ],
)
def test_an_ascp_that_is_lost_is_worth_a_retry(
    scripted_ascp: MakeAscp, tmp_path: Path, ending: str, reason: str
) -> None:
    body = f"wire = began(); wire.sendall(stats(400))\nif count == 1: {ending}\nwire.sendall(stop() + DONE)"
    messages: list[str] = []
    path = scripted_ascp(counting(tmp_path, body))
    result = run([path, "a", "h:b"], retry=3, retry_wait=0.05, on_message=messages.append)
    assert (result.verdict, result.status, result.reason) == ("done", 0, "")
    assert [(one.verdict, one.reason) for one in result.attempts] == [("lost", reason), ("done", "")]
    assert result.transfer is not None
    assert (result.transfer.state, result.transfer.attempts) == ("done", 2)
    assert [words.partition(" in ")[0] for words in messages] == [f"attempt 1 lost: {reason}; retry 1 of 3"]


def test_one_session_that_is_lost_is_tried_again_while_the_others_go_on(
    scripted_ascp: MakeAscp, tmp_path: Path
) -> None:
    path = scripted_ascp(
        "part, _, count = option('-C').partition(':'); name = '/data/' + part\n"
        "wire = began(ClusterNumNodes=count, ClusterNodeId=int(part) - 1, XferId='x')\n"
        f"tried = {str(tmp_path / 'tried')!r}\n"
        "wire.sendall(stats(400, name=name))\n"
        "if part == '2' and not os.path.exists(tried): open(tried, 'w'); os.kill(os.getpid(), 9)\n"
        "time.sleep(0.5); wire.sendall(stop(name=name) + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=3, retry=1, retry_wait=0.05)
    assert (result.verdict, result.error, result.reason) == ("done", None, "")
    assert sorted((one.part, one.number, one.verdict) for one in result.attempts) == [
        (1, 1, "done"),
        (2, 1, "lost"),
        (2, 2, "done"),
        (3, 1, "done"),
    ]


@pytest.mark.parametrize("what", ["wire.sendall(error(16)); sys.exit(1)", "sys.exit(1)"])
def test_what_was_interrupted_is_not_tried_again(scripted_ascp: MakeAscp, what: str) -> None:
    path = scripted_ascp(f"wire = began(); assert receive(wire)['Type'] == 'CANCEL'; {what}")
    _, result = run_and([path], lambda job: job.stop("enough"), retry=3, retry_wait=0.05, grace=20)
    assert (len(result.attempts), result.reason, result.status) == (1, "enough", 130)


# -- resume


@pytest.mark.parametrize(
    ("words", "options", "level"),
    [
        ([], {"retry": 1}, "1"),
        ([], {"retry": 1, "sessions": 2}, "1"),
        ([], {}, None),
        (["-k2"], {"retry": 1}, "2"),
        (["-dTk", "3"], {"retry": 1}, "3"),
        (["-k", "0"], {"retry": 1}, "0"),
        (["-k", "3", "-k", "2"], {"retry": 1}, "2"),
        (["a", "-k0"], {"retry": 1}, "1"),  # options end at the first file name: this is one
        (["--", "-k0"], {"retry": 1}, "1"),
    ],
)
def test_a_transfer_that_may_be_retried_can_be_resumed(
    scripted_ascp: MakeAscp, words: list[str], options: dict[str, Any], level: str | None
) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    messages: list[str] = []
    result = run([path, *words, "h:b"], on_message=messages.append, **options)
    for attempt in result.attempts:
        argv = ["ascp", *eval(attempt.stderr[0])]
        assert option_value(argv, "-k") == level
        assert argv[-len(words) - 1 :] == [*words, "h:b"]  # as they were given
    assert messages == (["-k 0 resumes nothing: each retry will start anew"] if level == "0" else [])


@pytest.mark.parametrize(
    ("more", "retry", "level"),
    [
        ({}, 2, "1"),
        ({}, 0, None),
        ({"resume_policy": "none"}, 2, "0"),
        ({"resume_policy": "attrs"}, 2, "1"),
        ({"resume_policy": "full_checksum"}, 2, "3"),
        ({"resume_policy": "sparse_csum"}, 0, "2"),
    ],
)
def test_the_resume_policy_of_a_spec(
    scripted_ascp: MakeAscp, more: dict[str, str], retry: int, level: str | None
) -> None:
    path = scripted_ascp("sys.stderr.write(repr(sys.argv[1:])); wire = began(); wire.sendall(DONE)")
    spec = {"direction": "send", "remote_host": "h", "paths": [{"source": "a"}], "destination_root": "/", **more}
    messages: list[str] = []
    result = run(spec, ascp=path, retry=retry, on_message=messages.append)
    assert option_value(["ascp", *eval(result.stderr[0])], "-k") == level
    assert messages == (["-k 0 resumes nothing: each retry will start anew"] if level == "0" else [])


def test_a_retry_resumes_what_the_first_attempt_has_left(
    simulated_ascp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what is left is sent: 1,000,000 bytes, of which half was there."""
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", f"fail=16@50%,once={tmp_path / 'once'}")
    (tmp_path / "a.bin").write_bytes(os.urandom(1_000_000))
    (tmp_path / "target").mkdir()
    argv = [simulated_ascp, "--simulate-copy", "-l", "100m", str(tmp_path / "a.bin"), f"u@localhost:{tmp_path}/target"]
    result = run(argv, retry=1, retry_wait=0.05)
    assert [one.verdict for one in result.attempts] == ["failed", "done"]
    assert result.transfer is not None
    assert [session.bytes_transferred for session in result.transfer.sessions] == [500_000, 500_000]
    assert (tmp_path / "target" / "a.bin").read_bytes() == (tmp_path / "a.bin").read_bytes()


# -- stopping


def test_a_stop_ends_the_wait_for_a_retry(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(error(16)); sys.exit(1)")

    async def stop() -> Result:
        job = Job([path], retry=3, retry_wait=60)
        running = asyncio.ensure_future(job.run())
        while not job.attempts:
            await asyncio.sleep(0.02)
        job.stop("enough")
        return await asyncio.wait_for(running, 10)

    result = asyncio.run(stop())
    assert (result.verdict, result.status, len(result.attempts)) == ("failed", 130, 1)
    assert result.reason == "enough"


def test_how_long_a_retry_waits() -> None:
    for number, expected in enumerate([2, 4, 8, 16, 32, 60, 60, 60], 1):
        waits = {retry_delay(number) for _ in range(50)}
        assert len(waits) > 10  # jitter
        assert all(0.9 * expected <= wait <= 1.1 * expected for wait in waits)
    assert 54 <= retry_delay(10**6) <= 66


# -- several sessions


def test_sessions_share_a_transfer(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "part, _, count = option('-C').partition(':'); sys.stderr.write(repr(sys.argv[1:]))\n"
        "wire = began(ClusterNumNodes=count, ClusterNodeId=int(part) - 1, XferId='x')\n"
        "wire.sendall(stats(500, name='/data/' + part)); time.sleep(0.2)\n"
        "wire.sendall(stop(name='/data/' + part) + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=3, udp_port=33001)
    assert (result.verdict, len(result.attempts)) == ("done", 3)
    assert result.transfer is not None
    assert (len(result.transfer.current), result.transfer.bytes_done, result.transfer.attempts) == (3, 3000, 1)
    argvs = [eval(one.stderr[0]) for one in sorted(result.attempts, key=lambda one: one.part)]
    assert [argv[argv.index("-C") + 1] for argv in argvs] == ["1:3", "2:3", "3:3"]
    assert [argv[argv.index("-O") + 1] for argv in argvs] == ["33001", "33002", "33003"]


def test_one_session_that_fails_for_good_ends_the_others(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began()\nif option('-C')[0] == '2': time.sleep(0.3); wire.sendall(error(25)); sys.exit(1)\n"
        "wire.recv(1000); wire.sendall(error(28)); sys.exit(1)"
    )
    result = run([path, "a", "h:b"], sessions=3, grace=20)
    assert (result.verdict, result.status, result.error and result.error.code) == ("failed", 1, 25)
    assert sorted(one.error.code for one in result.attempts if one.error) == [25, 28, 28]
    assert not result.interrupted


@pytest.mark.parametrize("part", ["1", "2", "3"])
def test_one_session_that_is_killed_is_not_the_users_cancel(scripted_ascp: MakeAscp, part: str) -> None:
    """The job cancels the others, and that is nobody's mistake."""
    path = scripted_ascp(
        "wire = began(); wire.sendall(stats(400))\n"
        f"if option('-C')[0] == '{part}': time.sleep(0.3); os.kill(os.getpid(), 9)\n"
        "assert receive(wire)['Type'] == 'CANCEL'; wire.sendall(error(28)); sys.exit(1)"
    )
    result = run([path, "a", "h:b"], sessions=3, grace=20)
    assert (result.verdict, result.status, result.error, result.interrupted) == ("lost", 3, None, False)
    assert result.reason == "ascp was killed by SIGKILL without DONE or ERROR"
    assert sorted(one.verdict for one in result.attempts) == ["failed", "failed", "lost"]
    shown = result.to_dict()
    assert (shown["verdict"], shown["status"], shown["error"]) == ("lost", 3, None)
    assert (shown["transfer"]["state"], shown["transfer"]["error"]) == ("lost", None)


def test_what_had_failed_before_it_was_stopped_has_failed(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began()\nif option('-C')[0] == '2': wire.sendall(error(25)); sys.exit(1)\nreceive(wire); time.sleep(60)"
    )

    def has_failed(job: Job) -> bool:
        return bool(job.attempts)

    _, result = run_and([path, "a", "h:b"], lambda job: job.stop("enough"), until=has_failed, sessions=2, grace=0.3)
    assert (result.verdict, result.error and result.error.code) == ("failed", 25)
    assert (result.interrupted, result.reason, result.status) == (False, "", 1)


def test_one_session_is_tried_again_while_the_others_go_on(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(
        "part, _, count = option('-C').partition(':')\n"
        "wire = began(ClusterNumNodes=count, ClusterNodeId=int(part) - 1, XferId='x')\n"
        f"first = part == '2' and not os.path.exists({str(tmp_path / 'tried')!r})\n"
        f"if first: open({str(tmp_path / 'tried')!r}, 'w')\n"
        "if first: wire.sendall(stats(400) + error(16)); sys.exit(1)\n"
        "wire.sendall(stats(400)); time.sleep(0.5); wire.sendall(stop() + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=2, retry=1, retry_wait=0.05)
    assert result.verdict == "done"
    assert sorted((one.part, one.number, one.verdict) for one in result.attempts) == [
        (1, 1, "done"),
        (2, 1, "failed"),
        (2, 2, "done"),
    ]
    assert result.transfer is not None
    assert (len(result.transfer.current), result.transfer.attempts) == (2, 2)


def test_sessions_with_the_same_id_stay_apart(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "session_id = 'the-same'\npart = option('-C')[0]\nwire = began()\n"
        "wire.sendall(stats(500, name='/data/' + part)); time.sleep(0.3)\n"
        "wire.sendall(stop(name='/data/' + part) + (message('DONE') if part == '1' else error(25)))"
    )
    result = run([path, "a", "h:b"], sessions=2)
    assert (result.verdict, result.error and result.error.code) == ("failed", 25)
    assert result.transfer is not None
    assert len(result.transfer.sessions) == 2
    assert result.transfer.bytes_done == 2000
    assert sorted(one.verdict for one in result.attempts) == ["done", "failed"]


def test_thirty_two_sessions_at_once(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "name = '/data/%d' % os.getpid()\n"  # each session has a file of its own
        "wire = began(); wire.sendall(stats(1, name=name)); time.sleep(0.2); wire.sendall(stop(name=name) + DONE)"
    )
    result = run([path, "a", "h:b"], sessions=32)
    assert (result.verdict, len(result.attempts)) == ("done", 32)
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (32, 32_000)


# -- a tracker for several jobs


def test_jobs_that_share_a_tracker_have_their_own_transfers(scripted_ascp: MakeAscp) -> None:
    """At the same time, and one after the other."""
    path = scripted_ascp(
        "session_id = 'same'; size = int(sys.argv[-2])\n"
        "wire = began(); wire.sendall(stats(size // 2, size)); time.sleep(0.3)\n"
        "wire.sendall(stop(size) + message('DONE'))"
    )
    tracker = Tracker()

    async def go(*sizes: str) -> list[Result]:
        jobs = [Job([path, size, "h:b"], tracker=tracker) for size in sizes]
        results = await asyncio.gather(*(job.run() for job in jobs))
        for job, result in zip(jobs, results):
            assert job.transfers == [result.transfer]
        return results

    results = [*asyncio.run(go("100", "200")), *asyncio.run(go("300"))]
    assert [result.transfer and result.transfer.bytes_done for result in results] == [100, 200, 300]
    assert {transfer.id for transfer in tracker.transfers.values()} == {
        result.transfer.id for result in results if result.transfer
    }
    assert len(tracker.transfers) == 3


def test_a_job_that_never_connects_has_no_transfer_of_another(scripted_ascp: MakeAscp) -> None:
    tracker = Tracker()
    assert run([scripted_ascp("began().sendall(DONE)"), "a", "h:b"], tracker=tracker).transfer is not None
    assert run([scripted_ascp("sys.exit(1)"), "a", "h:b"], tracker=tracker).transfer is None


# -- much


@asyncio_only
def test_many_small_files(scripted_ascp: MakeAscp) -> None:
    """All arrive, and none is kept."""
    path = scripted_ascp(
        "wire = began()\n"
        f"for block in range({MANY_FILES // 1000}):\n"
        "    names = ['/data/%d' % n for n in range(block * 1000, block * 1000 + 1000)]\n"
        "    wire.sendall(b''.join(stop(name=name, size=10) for name in names))\n"
        "wire.sendall(DONE)"
    )
    result = run([path], within=MANY_FILES / 1000)
    assert result.verdict == "done"
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (MANY_FILES, 10 * MANY_FILES)
    assert len(result.transfer.sessions[0].files) == 0


# -- recording


def test_the_stream_is_recorded_byte_for_byte(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    said = message("INIT", SessionId="s", UserStr="me") + message("STATS", SessionId="s", File="caf\xe9", Written=1)
    said += message("DONE", SessionId="s") + b"FASPMGR 2\nType: ST"
    path = scripted_ascp(f"stranger = connect(); stranger.sendall(DONE); stranger.recv(1)\nconnect().sendall({said!r})")
    record = tmp_path / "record.fasp"
    assert run([path, "-u", "me", "a", "h:b"], record=record).verdict == "done"
    assert record.read_bytes() == said
    assert record.stat().st_mode & 0o777 == 0o600


def test_attempts_are_recorded_one_after_the_other(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp(counting(tmp_path, "wire = began(); wire.sendall(error(16) if count == 1 else DONE)"))
    record = tmp_path / "record.fasp"
    assert run([path, "a", "h:b"], retry=1, retry_wait=0.01, record=record).verdict == "done"
    types = [event.type for event in faspmgr.read(str(record))]
    assert types == ["INIT", "SESSION", "ERROR", "INIT", "SESSION", "DONE"]


def test_each_session_is_recorded_in_a_file_of_its_own(scripted_ascp: MakeAscp, tmp_path: Path) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(DONE)")
    assert run([path, "a", "h:b"], sessions=3, record=f"{tmp_path}/records/").verdict == "done"
    files = sorted((tmp_path / "records").glob("*.fasp"))
    assert len(files) == 3
    for file in files:
        assert [event.type for event in faspmgr.read(str(file))] == ["INIT", "SESSION", "DONE"]


def test_several_sessions_do_not_fit_into_one_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a directory"):
        Job(["ascp", "a", "h:b"], sessions=2, record=tmp_path / "x")


def test_a_record_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Job(["ascp", "a", "h:b"], record=tmp_path / "none" / "x")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
def test_the_disk_is_full_and_the_transfer_goes_on(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("wire = began(); wire.sendall(stats(400)); time.sleep(0.2); wire.sendall(stop() + DONE)")
    messages: list[str] = []
    result = run([path], record="/dev/full", on_message=messages.append)
    assert result.verdict == "done"
    assert result.record_error == "/dev/full: No space left on device"
    assert messages == ["the recording is not complete: /dev/full: No space left on device"]
