"""A transfer from its start to its verdict: attempts, parts, callbacks, recordings."""

from __future__ import annotations

import asyncio
import functools
import os
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job, Result
from faspmgr.manager.job import retry_delay
from tests.launcher import MANY_FILES
from tests.live import MakeAscp, message
from tests.manager.transfers import asyncio_only, counting, run

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
    assert ["-k" in argv for argv in argvs] == [False, True, True]
    assert argvs[2][argvs[2].index("-k") + 1] == "1"
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
        "wire = began(); sys.exit(1)",
        "sys.exit(1)",
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
    path = scripted_ascp("wire = began(); wire.sendall(stats(1)); time.sleep(0.2); wire.sendall(stop() + DONE)")
    result = run([path, "a", "h:b"], sessions=32)
    assert (result.verdict, len(result.attempts)) == ("done", 32)
    assert result.transfer is not None
    assert (result.transfer.files_done, result.transfer.bytes_done) == (32, 32_000)


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
    files = sorted((tmp_path / "records").iterdir())
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
