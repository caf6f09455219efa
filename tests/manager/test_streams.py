"""Files that are streamed into a session: what arrives, what waits, and how it ends."""

from __future__ import annotations

import asyncio
import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.commands import SetRate
from faspmgr.manager import Job
from tests.live import MakeAscp
from tests.manager.driven import driven, serving, stream_into, until
from tests.manager.peers import in_loop
from tests.manager.transfers import asyncio_only

pytestmark = pytest.mark.usefixtures("either_loop")

MEBIBYTE = bytes(range(256)) * 4096
# Lines for an ascp that reads nothing more from the command on, until there is a file named "go"; "seen" says so.
WAIT = """
def wait():
    open(os.environ["KEEP"] + ".seen", "w").close()
    while not os.path.exists(os.environ["KEEP"] + ".go"):
        time.sleep(0.01)
"""


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "kept"
    folder.mkdir()
    monkeypatch.setenv("KEEP", str(folder))
    return folder


def content(folder: Path) -> dict[str, bytes]:
    """What was streamed, by destination."""
    return {bytes.fromhex(path.name).decode("utf-8", "surrogateescape"): path.read_bytes() for path in folder.iterdir()}


def verdict_of(job: Job) -> str:
    assert job.result is not None
    return job.result.verdict


# -- what arrives


@in_loop
async def test_a_stream_and_its_end(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp)) as job:
        async with job.open("/in/a") as stream:
            assert stream.state == "queued"
            await stream.write(b"hello ")
            await stream.write(bytearray(b"world"))
            assert stream.sent == 11
        assert (stream.state, stream.written, stream.size, stream.progress) == ("done", 11, 11, 1.0)
        assert job.result is None
    assert content(kept) == {"/in/a": b"hello world"}
    assert verdict_of(job) == "done"
    assert isinstance(stream, faspmgr.FileStream)


@in_loop
async def test_any_order_of_offsets(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp)) as job:
        async with job.open("a", size=9) as stream:
            await stream.write_at(3, b"def")
            await stream.write(b"ghi")  # behind all that was written
            await stream.write_at(0, memoryview(b"abc"))
            await stream.write(b"")
            with pytest.raises(ValueError, match="invalid offset: -1"):
                await stream.write_at(-1, b"x")
        await stream_into(job, "empty")
    assert content(kept) == {"a": b"abcdefghi", "empty": b""}


@in_loop
async def test_odd_buffers(scripted_ascp: MakeAscp, kept: Path) -> None:
    """Items of more than a byte, and every second byte of something."""
    async with driven(serving(scripted_ascp)) as job, job.open("a") as stream:
        await stream.write(memoryview(b"abcdefgh").cast("I"))
        await stream.write(memoryview(b"1-2-3-")[::2])
        assert stream.sent == 11
    assert content(kept) == {"a": b"abcdefgh123"}


@pytest.mark.parametrize("name", ["a\nb\rc\x1bd", os.fsdecode(b"caf\xe9.txt"), "../up/../a", "Ü 1.txt", "/", "a/"])
@in_loop
async def test_odd_destinations(scripted_ascp: MakeAscp, kept: Path, name: str) -> None:
    unescaping = r"""
def plain(session, command):
    if command["Type"] == "CLOSE":
        index, data = session.streams.pop(command["Destination"])
        name = command["Destination"].replace("\x1bn", "\n").replace("\x1br", "\r").replace("\x1b\x1b", "\x1b")
        keep(name, data)
        session.say("STOP", command["Destination"], index, Size=len(data))
        return True
"""
    async with driven(serving(scripted_ascp, unescaping + "serve(plain)")) as job:
        assert (await stream_into(job, name, b"data")).state == "done"
    assert content(kept) == {name: b"data"}


@in_loop
async def test_the_caller_may_change_what_he_has_written(scripted_ascp: MakeAscp, kept: Path) -> None:
    slow = "def slow(session, command): time.sleep(0.02 * (command['Type'] == 'WRITE'))\nserve(slow)"
    async with driven(serving(scripted_ascp, slow)) as job, job.open("a") as stream:
        buffer = bytearray(3 << 19)
        for number in range(6):
            buffer[:] = bytes([number]) * len(buffer)
            await stream.write(buffer)
    assert content(kept) == {"a": b"".join(bytes([number]) * (3 << 19) for number in range(6))}


# -- what waits


@in_loop
async def test_who_writes_waits_while_ascp_does_not_read(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = WAIT + "def stuck(session, command): command['Type'] == 'WRITE' and wait()\nserve(stuck)"
    async with driven(serving(scripted_ascp, body)) as job, job.open("a") as stream:
        writing = asyncio.ensure_future(stream.write(MEBIBYTE * 96))
        before = -1
        while before != stream.sent:  # until nothing goes on for half a second
            before = stream.sent
            await asyncio.sleep(0.5)
        # What the buffers of the system hold, as much as it likes, and little more.
        assert 0 < stream.sent < 96 << 20
        assert job._connection._wire.transport.get_write_buffer_size() < 2 << 20
        assert not writing.done()
        assert stream.waits
        Path(f"{kept}.go").touch()
        await writing
        assert stream.sent == 96 << 20
    assert content(kept) == {"a": MEBIBYTE * 96}


@in_loop
async def test_commands_go_through_while_streams_are_full(scripted_ascp: MakeAscp, kept: Path) -> None:
    slow = "def slow(session, command): time.sleep(0.05 * (command['Type'] == 'WRITE'))\nserve(slow)"
    async with driven(serving(scripted_ascp, slow)) as job, job.open("a") as stream:
        writing = asyncio.ensure_future(stream.write(MEBIBYTE * 40))
        await until(lambda: stream.sent > 8 << 20)
        reply = await job.send(SetRate(target_kbps=77), timeout=20)
        assert (reply.accepted, reply.message) == (True, "target 77 Kbps")
        assert not writing.done()
        await writing


@asyncio_only
@in_loop
async def test_cancel_goes_through_while_streams_are_full(scripted_ascp: MakeAscp, kept: Path) -> None:
    slow = "def slow(session, command): time.sleep(0.05 * (command['Type'] == 'WRITE'))\nserve(slow)"
    async with driven(serving(scripted_ascp, slow), grace=30) as job:
        writing = asyncio.ensure_future(stream_into(job, "a", MEBIBYTE * 64))
        await asyncio.sleep(1)
        assert not writing.done()
        result = await job.cancel()
        assert (result.verdict, result.interrupted) == ("failed", True)
        with pytest.raises(faspmgr.FileTransferError, match=r"a: the session ended .*: failed: 28 USER_CANCEL"):
            await writing
    assert job.result is result


@in_loop
async def test_several_streams_take_turns(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = (
        "order = open(os.environ['KEEP'] + '.order', 'a', 1)\n"
        "def note(session, command):\n"
        "    if command['Type'] == 'WRITE': order.write(command['Destination'])\n"
        "serve(note)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        await asyncio.gather(*(stream_into(job, name, name.encode() * (8 << 20)) for name in "abc"))
    assert content(kept) == {name: name.encode() * (8 << 20) for name in "abc"}
    order = Path(f"{kept}.order").read_text()
    assert sorted(order) == sorted("abc" * 8)
    assert max(len(order[:end].rpartition(name)[2]) for name in "abc" for end in range(6, 16)) <= 5, order


@in_loop
async def test_writes_at_once_into_one_stream_stay_together(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp)) as job, job.open("a") as stream:
        await asyncio.gather(*(stream.write(bytes([65 + number]) * (3 << 20)) for number in range(3)))
    assert content(kept) == {"a": b"A" * (3 << 20) + b"B" * (3 << 20) + b"C" * (3 << 20)}


@asyncio_only
@in_loop
async def test_a_pause_is_no_stall_and_lets_no_data_through(scripted_ascp: MakeAscp, kept: Path) -> None:
    """Also one that somebody else has asked for, who controls the job."""
    async with driven(serving(scripted_ascp), stall_timeout=0.5) as job, job.open("a") as stream:
        for pause in (job.pause, lambda: job.send(SetRate(target_kbps=0))):
            assert (await pause()).accepted
            before = stream.sent
            writing = asyncio.ensure_future(stream.write(b"data"))
            await asyncio.sleep(1)
            assert (stream.sent, writing.done()) == (before, False)
            assert (await (job.resume() if before == 0 else job.send(SetRate(target_kbps=5)))).accepted
            await writing
    assert content(kept) == {"a": b"datadata"}


# -- how it ends: by what ascp reports


@in_loop
async def test_a_file_error_in_the_middle(scripted_ascp: MakeAscp, kept: Path) -> None:
    """What is written after it fails, and the session goes on."""
    body = """
def full(session, command):
    if command["Type"] == "WRITE" and command["Destination"] == "full":
        stream = session.streams.pop("full", None)
        if stream:
            session.fail("full", stream[0], 25, "no space", Size=0, Written=7)
        return True
serve(full)"""
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError) as raised:
            await stream_into(job, "full", *[MEBIBYTE] * 1000)
        assert str(raised.value) == "full: 25 NO_SPACE_LEFT: no space"
        stream: Any = raised.value.handle
        assert (raised.value.code, stream.state, stream.written) == (25, "failed", 7)
        await stream_into(job, "other", b"data")
        await stream_into(job, "full")  # once more, and nothing is left of the one before
    assert content(kept) == {"other": b"data", "full": b""}
    assert verdict_of(job) == "failed"


@in_loop
async def test_a_file_error_ends_the_wait_for_room(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = WAIT + (
        "def stuck(session, command):\n"
        "    if command['Type'] == 'WRITE': session.fail('a', 1, 36, 'no'); session.streams.clear(); wait()\n"
        "serve(stuck)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError, match="a: 36 DISK_WRITE: no"):
            await stream_into(job, "a", MEBIBYTE * 100)
        Path(f"{kept}.go").touch()


@pytest.mark.parametrize(
    ("close", "words"),
    [
        ("session.say('STOP', 'a', 1, Size=3, Written=3)", "4 bytes were written, and ascp reports a size of 3"),
        ("session.say('STOP', 'a', 1)", "4 bytes were written, and ascp reports a size of None"),
        ("session.say('SKIP', 'a', 1, Size=0)", "ascp has skipped it"),
        ("session.fail('a', 1, 36, 'bad disk')", "36 DISK_WRITE: bad disk"),
        ("session.wire.sendall(DONE); sys.exit()", "the session ended before its end was reported: done"),
        ("session.wire.sendall(error(16, 'gone')); sys.exit(1)", "failed: 16 CONNECTION_LOST: gone"),
        ("sys.exit(3)", "lost: ascp ended with exit status 3 without DONE or ERROR"),
        ("os.kill(os.getpid(), 9)", "lost: ascp was killed by SIGKILL without DONE or ERROR"),
    ],
)
@in_loop
async def test_that_all_was_sent_is_no_success(scripted_ascp: MakeAscp, kept: Path, close: str, words: str) -> None:
    body = f"def close(session, command):\n    if command['Type'] == 'CLOSE': {close}; return True\nserve(close)"
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError) as raised:
            await stream_into(job, "a", b"data")
        assert str(raised.value).startswith("a: ")
        assert words in str(raised.value)


@in_loop
async def test_a_stop_before_the_close(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = "def early(session, command):\n    if command['Type'] == 'WRITE': session.say('STOP', 'a', 1, Size=1)\n"
    async with driven(serving(scripted_ascp, body + "serve(early)")) as job:
        with pytest.raises(faspmgr.FileTransferError, match="a: ascp has ended it at 1 bytes, before it was closed"):
            await stream_into(job, "a", *[b"x"] * 100_000)


@in_loop
async def test_a_size_that_does_not_fit(scripted_ascp: MakeAscp, kept: Path) -> None:
    """Whatever ascp makes of it."""
    async with driven(serving(scripted_ascp)) as job:
        with pytest.raises(faspmgr.FileTransferError, match=r"3 bytes were written, and .* given as 4") as raised:
            await stream_into(job, "less", b"abc", size=4)
        less: Any = raised.value.handle
        assert less.written == 3
        with pytest.raises(faspmgr.FileTransferError, match="more: more data than the 4 bytes") as raised:
            await stream_into(job, "more", b"abcd", b"e", size=4)
        more: Any = raised.value.handle
        assert more.sent == 4
        await stream_into(job, "none", size=0)
    assert content(kept) == {"less": b"abc", "none": b""}


@in_loop
async def test_ascp_that_dies_while_it_is_written(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = "def die(session, command): command['Type'] == 'WRITE' and os.kill(os.getpid(), 9)\nserve(die)"
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError, match=r"a: the session ended .* was killed by SIGKILL"):
            await stream_into(job, "a", *[MEBIBYTE] * 1000)
        with pytest.raises(faspmgr.TransferError, match=r"b: the session takes nothing more: .* SIGKILL") as raised:
            await stream_into(job, "b")
        assert raised.value.result is job.result is not None
    assert verdict_of(job) == "lost"


@asyncio_only
@in_loop
async def test_ascp_that_stalls(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = "def stall(session, command): command['Type'] == 'WRITE' and time.sleep(100)\nserve(stall)"
    async with driven(serving(scripted_ascp, body), stall_timeout=1, grace=0.1) as job:
        with pytest.raises(faspmgr.FileTransferError, match="lost: no progress for 1 s"):
            await stream_into(job, "a", MEBIBYTE * 64)
    body = "def stall(session, command): command['Type'] == 'CLOSE' and time.sleep(100)\nserve(stall)"
    async with driven(serving(scripted_ascp, body), stall_timeout=1, grace=0.1) as job:
        with pytest.raises(faspmgr.FileTransferError, match="lost: no progress for 1 s"):
            await stream_into(job, "a", b"data")


@asyncio_only
@in_loop
async def test_who_writes_slowly_is_no_stall(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp), stall_timeout=0.5) as job, job.open("a") as stream:
        await stream.write(b"data")
        await asyncio.sleep(1.5)
    assert verdict_of(job) == "done"


# -- who writes fails, or is cancelled


async def fail_in(stream: faspmgr.FileStream) -> None:
    async with stream:
        await stream.write(b"data")
        raise ZeroDivisionError


@in_loop
async def test_an_exception_breaks_the_file_off(scripted_ascp: MakeAscp, kept: Path) -> None:
    async with driven(serving(scripted_ascp)) as job:
        stream = job.open("a")
        with pytest.raises(ZeroDivisionError):
            await fail_in(stream)
        assert (stream.state, stream.reason) == ("failed", "broken off by the program")
        with pytest.raises(faspmgr.FileTransferError, match="a: broken off"):
            await stream.write(b"more")
        await stream_into(job, "a", b"again")  # what ascp reports of the first is not about this one
    assert content(kept) == {"a": b"again"}
    assert verdict_of(job) == "failed"  # as one file has


@pytest.mark.parametrize("at", ["WRITE", "CLOSE"])
@in_loop
async def test_a_cancellation(scripted_ascp: MakeAscp, kept: Path, at: str) -> None:
    """While it waits to write, or for the end. The session can be used as before."""
    body = WAIT + f"def stuck(session, command): command['Type'] == '{at}' and wait()\nserve(stuck)"
    async with driven(serving(scripted_ascp, body)) as job:
        writing = asyncio.ensure_future(stream_into(job, "a", MEBIBYTE * (1 if at == "CLOSE" else 64)))
        await until(Path(f"{kept}.seen").exists)
        await asyncio.sleep(0.2)
        assert not writing.done()
        writing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await writing
        Path(f"{kept}.go").touch()
        await stream_into(job, "b", b"data")
        assert not job._feed._unended
    assert content(kept)["b"] == b"data"
    assert verdict_of(job) == ("failed" if at == "WRITE" else "done")  # the CLOSE was on its way already


@in_loop
async def test_a_cancellation_while_it_waits_to_open(scripted_ascp: MakeAscp, kept: Path) -> None:
    """ascp never hears of the file."""
    body = WAIT + "def stuck(session, command): command['Type'] == 'WRITE' and wait()\nserve(stuck)"
    async with driven(serving(scripted_ascp, body)) as job:
        first = asyncio.ensure_future(stream_into(job, "a", MEBIBYTE * 64))
        await until(Path(f"{kept}.seen").exists)
        await asyncio.sleep(0.2)
        second = asyncio.ensure_future(stream_into(job, "b", b"data"))
        await asyncio.sleep(0.2)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        Path(f"{kept}.go").touch()
        await first
    assert content(kept) == {"a": MEBIBYTE * 64}
    assert verdict_of(job) == "done"


@in_loop
async def test_a_stream_that_waits_for_its_turn_is_cancelled(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = WAIT + "def stuck(session, command): command['Type'] == 'WRITE' and wait()\nserve(stuck)"
    async with driven(serving(scripted_ascp, body)) as job:
        first, second, third = (asyncio.ensure_future(stream_into(job, name, MEBIBYTE * 64)) for name in "abc")
        await until(Path(f"{kept}.seen").exists)
        await asyncio.sleep(0.3)
        second.cancel()
        with pytest.raises(asyncio.CancelledError):
            await second
        Path(f"{kept}.go").touch()
        await asyncio.gather(first, third)
    assert content(kept) == {"a": MEBIBYTE * 64, "c": MEBIBYTE * 64}


@in_loop
async def test_writes_that_are_cancelled_are_in_the_file_as_far_as_they_were_sent(
    scripted_ascp: MakeAscp, kept: Path
) -> None:
    body = WAIT + "def stuck(session, command): command['Type'] == 'WRITE' and wait()\nserve(stuck)"
    async with driven(serving(scripted_ascp, body)) as job:
        async with job.open("a") as stream:
            await stream.write(b"data")
            first = asyncio.ensure_future(stream.write(MEBIBYTE * 64))
            await until(Path(f"{kept}.seen").exists)
            await asyncio.sleep(0.3)
            last = asyncio.ensure_future(stream.write(b"last"))
            await asyncio.sleep(0.1)
            first.cancel()
            last.cancel()
            await asyncio.wait({first, last})
            Path(f"{kept}.go").touch()
        assert stream.state == "done"
        assert stream.sent < 64 << 20
    assert content(kept) == {"a": (b"data" + MEBIBYTE * 64)[: stream.sent]}


# -- what is refused


@in_loop
async def test_what_is_refused(scripted_ascp: MakeAscp, kept: Path) -> None:
    ascp = serving(scripted_ascp)
    async with driven(ascp) as job:
        for destination, size in (("", None), ("a\0b", None), ("a", -1)):
            with pytest.raises(ValueError, match=r"destination|size"):
                job.open(destination, size)
        with pytest.raises(RuntimeError, match="not open"):
            await job.open("a").write(b"x")
        async with job.open("a") as stream:
            with pytest.raises(ValueError, match="a stream to 'a' is open already"):
                await job.open("a").__aenter__()
            with pytest.raises(RuntimeError, match="open already"):
                await stream.__aenter__()
            with pytest.raises(TypeError):
                await stream.write("text")  # type: ignore[arg-type]
        await stream_into(job, "a", b"again")
    async with driven(ascp, streaming=False) as job:
        with pytest.raises(RuntimeError, match="streaming=True"):
            job.open("a")
    with pytest.raises(RuntimeError, match="has not begun"):
        await Job([ascp], streaming=True).open("a").__aenter__()
    assert content(kept) == {"a": b"again"}


@in_loop
async def test_what_is_raised_can_be_copied(scripted_ascp: MakeAscp, kept: Path) -> None:
    body = (
        "def no(session, command):\n    if command['Type'] == 'CLOSE': session.fail('a', 1, 25); return True\nserve(no)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(faspmgr.FileTransferError) as raised:
            async with job.open("a") as stream:
                await stream.write(b"data")
    copies: list[Any] = [copy.copy(raised.value), copy.deepcopy(raised.value), pickle.loads(pickle.dumps(raised.value))]
    for error in copies:
        assert (str(error), error.code) == ("a: 25 NO_SPACE_LEFT: no", 25)
        assert (error.handle.destination, error.handle.state, error.handle.sent) == ("a", "failed", 4)


# -- with the simulator, and its faults


@pytest.mark.parametrize(
    ("fault", "words", "verdict"),
    [
        ("stream-full@3000000", "a: 25 NO_SPACE_LEFT", "failed"),
        ("refuse-write=2", "a: 36 DISK_WRITE", "failed"),
        ("die@2000000", "lost: ascp ended with exit status 1 without DONE or ERROR", "lost"),
        ("die-kill@2000000", "lost: ascp was killed by SIGKILL without DONE or ERROR", "lost"),
        ("hang@2000000", "lost: no progress for 1 s", "lost"),
        ("fail=16@2000000", "failed: 16 CONNECTION_LOST", "failed"),
    ],
)
@in_loop
async def test_the_faults_of_the_simulator(
    simulated_ascp: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str, words: str, verdict: str
) -> None:
    monkeypatch.setenv("FASPMGR_ASCP_FAULT", fault)
    argv = [simulated_ascp, "--simulate-copy", "--simulate-speed=max", "-qd", "-l10g", f"u@h:{tmp_path / 'target'}"]
    async with Job(argv, streaming=True, stall_timeout=1, grace=1) as job:
        with pytest.raises(faspmgr.FileTransferError) as raised:
            await stream_into(job, "a", *[MEBIBYTE] * 8)
        assert words in str(raised.value)
        stream: Any = raised.value.handle
        assert 0 <= stream.written <= 4 << 20
        if verdict == "failed" and "CONNECTION" not in words:
            # The disk is full for all that goes on, and a refusal is one of a single WRITE.
            again = "refuse" in fault
            assert (await stream_into(job, "b", MEBIBYTE if again else b"")).state == "done"
    assert verdict_of(job) == verdict


@in_loop
async def test_streams_into_real_files(simulated_ascp: str, tmp_path: Path) -> None:
    argv = [simulated_ascp, "--simulate-copy", "--simulate-speed=max", "-qd", "-l10g", f"u@h:{tmp_path / 'target'}"]
    async with Job(argv, streaming=True) as job:
        await asyncio.gather(*(stream_into(job, f"{number}/a", MEBIBYTE * number, b"end") for number in range(5)))
        async with job.open("holes") as stream:
            await stream.write_at(15, b"56789")
            await stream.write_at(0, b"01234")
    for number in range(5):
        assert (tmp_path / "target" / f"{number}" / "a").read_bytes() == MEBIBYTE * number + b"end"
    assert (tmp_path / "target" / "holes").read_bytes() == b"01234" + bytes(10) + b"56789"
    assert verdict_of(job) == "done"
