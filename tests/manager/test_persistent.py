"""Sessions that the program drives: what it asks for, what ascp reports of it, and how both end."""

from __future__ import annotations

import asyncio
import io
import os
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import faspmgr
from faspmgr.manager import Job
from faspmgr.manager import feed as module
from tests.live import MakeAscp
from tests.manager.driven import driven, serving, until
from tests.manager.peers import in_loop
from tests.manager.transfers import asyncio_only

pytestmark = pytest.mark.usefixtures("either_loop")

# Lines for an ascp that notes every command down in a file, and does nothing with STARTs until it is told to.
HELD = """
notes = open(os.environ["NOTES"], "a", 1)
def hold(session, command):
    notes.write(command["Type"] + " " + command.get("Source", "") + "\\n")
    if command["Type"] == "START":
        session.index += 1
        session.held.append((session.index, command["Source"]))
        return True
    if command["Type"] == "QUERY":  # the signal to go on
        release(session)
        return True

def free(session):  # what is held, and no more
    while session.held:
        yield session.held.pop(0)
"""


@pytest.fixture
def notes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "notes"
    path.touch()
    monkeypatch.setenv("NOTES", str(path))
    return path


def result_of(job: Job) -> faspmgr.Result:
    assert job.result is not None
    return job.result


async def failure_of(file: faspmgr.FileHandle) -> str:
    with pytest.raises(faspmgr.FileTransferError) as raised:
        await file.done()
    assert raised.value.handle is file
    assert file.state == "failed"
    return str(raised.value)


async def go_on(job: Job) -> None:
    await job._connection.send(faspmgr.commands.Query())


# -- uploads


@in_loop
async def test_a_file_and_its_end(scripted_ascp: MakeAscp) -> None:
    async with driven(serving(scripted_ascp)) as job:
        file = await job.upload("/data/a", "/in/a")
        assert isinstance(file, faspmgr.FileHandle)
        assert (file.source, file.destination) == ("/data/a", "/in/a")
        assert await file.done() is file
        assert (file.state, file.size, file.bytes_done, file.progress) == ("done", 10, 10, 1.0)
        assert (file.files_done, file.files_failed, file.error, file.reason) == (1, 0, None, "")
        assert await file.done() is file  # as often as one likes
        await file.cancel()  # too late, and harmless
        assert file.state == "done"
    assert (result_of(job).verdict, result_of(job).interrupted) == ("done", False)


@in_loop
async def test_what_ascp_is_sent(scripted_ascp: MakeAscp, notes: Path) -> None:
    body = """
def note(session, command):
    with open(os.environ["NOTES"], "a") as file:
        file.write(repr({name: value for name, value in command.items() if name != "data"}) + "\\n")
with open(os.environ["NOTES"], "a") as file:
    file.write(repr(sorted(word for word in sys.argv[1:] if word[:2] == "--")) + "\\n")
serve(note)
"""
    async with driven(serving(scripted_ascp, body), streaming=False) as job:
        await job.upload("/a\nb", "../c", 10, 20)
        await job.upload(os.fsdecode(b"/caf\xe9"), "/x")
    lines = [eval(line) for line in notes.read_text().splitlines()]
    start: Mapping[str, str] = {"version": "FASPMGR 2", "Type": "START"}
    assert lines == [
        ["--host=h", "--keepalive", "--mode=send"],
        {**start, "Source": "/a\x1bnb", "Destination": "../c", "FileBytes": "10:20"},
        {**start, "Source": "/caf\udce9", "Destination": "/x"},
        {"version": "FASPMGR 2", "Type": "DONE", "Operation": "Linger"},
    ]


@in_loop
async def test_a_thousand_at_once_in_any_order(scripted_ascp: MakeAscp, notes: Path) -> None:
    """Each gets what was reported of it: its size is its number. One base name for all of them."""
    body = (
        HELD
        + """
import random
def release(session):
    held = list(free(session))
    random.Random(1).shuffle(held)
    for index, source in held:
        session.say("STATS", source, index, Size=source.split("/")[1], Written=1)
    random.Random(2).shuffle(held)
    for index, source in held:
        session.say("STOP", source, index, Size=source.split("/")[1], Written=source.split("/")[1])
        session.arg_stop(source, index)
serve(hold)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        files = [await job.upload(f"/{number}/name", f"/in/{number}") for number in range(1, 1001)]
        await until(lambda: notes.read_text().count("START") == 1000)
        assert {file.state for file in files} == {"queued"}
        await go_on(job)
        await asyncio.gather(*(file.done() for file in files))
    assert [file.size for file in files] == list(range(1, 1001))


@in_loop
async def test_no_more_than_so_many_are_with_ascp(
    scripted_ascp: MakeAscp, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_STARTED", 3)
    body = (
        HELD
        + "def release(session):\n    index, source = session.held.pop(0); session.done(source, index, 1)\nserve(hold)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        files = [await job.upload(f"/{number}", "/in") for number in range(5)]
        await until(lambda: notes.read_text().count("START") == 3)
        await files[4].cancel()  # ascp never hears of it
        assert await failure_of(files[4]) == "/4: cancelled"
        finishing = asyncio.ensure_future(job.finish())
        for number, file in enumerate(files[:4]):
            await asyncio.sleep(0.05)
            assert notes.read_text().count("START") == min(3 + number, 4)
            await go_on(job)
            await file.done()
        await finishing
    assert [line for line in notes.read_text().splitlines() if "QUERY" not in line] == [
        *(f"START /{number}" for number in range(4)),
        "DONE ",
    ]


@in_loop
async def test_two_files_of_one_base_name(scripted_ascp: MakeAscp) -> None:
    body = """
def one(session, command):
    if command.get("Source") == "/x/name":
        session.index += 1
        session.fail(command["Source"], session.index, 43, "not there")
        session.arg_stop(command["Source"], session.index, 0, 1)
        return True
serve(one)
"""
    async with driven(serving(scripted_ascp, body)) as job:
        files = [await job.upload(f"/{folder}/name", f"/in/{folder}") for folder in "wxy"]
        await files[0].done()
        assert await failure_of(files[1]) == "/x/name: 43 STAT_FAILS: not there"
        assert (files[1].error and files[1].error.code, files[1].files_failed) == (43, 1)
        await files[2].done()
    assert (result_of(job).verdict, result_of(job).error and result_of(job).error.code) == ("failed", 27)  # type: ignore[union-attr]


@in_loop
async def test_the_same_source_twice(scripted_ascp: MakeAscp, notes: Path) -> None:
    """ascp names both alike, and STOP too: it gets the second when the first has ended."""
    body = (
        HELD
        + """
def release(session):
    index, source = session.held.pop(0)
    session.say("STATS", source, index, Size=index, Written=0)
    if index == 2:
        session.fail(source, index, 25)
    else:
        session.say("STOP", source, index, Size=index, Written=index)
    session.arg_stop(source, index)
serve(hold)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        files = [await job.upload("/a", f"/in/{number}") for number in range(4)]
        for number, file in enumerate(files[:3]):
            await until(lambda: notes.read_text().count("START") == number + 1)  # noqa: B023
            if number == 1:
                await files[3].cancel()  # the one that waits, and not the one that ascp has
            await go_on(job)
            if number == 1:
                assert await failure_of(file) == "/a: 25 NO_SPACE_LEFT: no"
            else:
                assert (await file.done()).size == number + 1
        assert await failure_of(files[3]) == "/a: cancelled"
    assert "STOP" not in notes.read_text()


@in_loop
async def test_skipped_files(scripted_ascp: MakeAscp) -> None:
    body = """
def skip(session, command):
    if command["Type"] == "START":
        kind, fields = {"/skip": ("SKIP", {}), "/there": ("STOP", dict(StartByte=9, Written=0))}[command["Source"]]
        session.index += 1
        session.say(kind, command["Source"], session.index, Size=9, **fields)
        return True
serve(skip)
"""
    async with driven(serving(scripted_ascp, body)) as job:
        for source in ("/skip", "/there"):
            file = await (await job.upload(source, "/in")).done()
            assert (file.state, file.progress, file.files_done, file.files_failed) == ("skipped", 1.0, 1, 0)


# -- directories

FOLDER = """
def folder(session, command):
    if command["Type"] != "START":
        return
    source, index = command["Source"].rstrip("/"), session.index + 1
    session.index = index
    session.say("STATS", source + "/a", index, Size=3, Written=0)
    session.say("STOP", source + "/a", index, Size=3, Written=3)
    session.say("STATS", source + "/sub/b", index, Size=8, Written=4)
"""


@in_loop
async def test_a_directory_is_done_with_its_arg_stop(scripted_ascp: MakeAscp, notes: Path) -> None:
    body = (
        FOLDER
        + """
    while not os.path.getsize(os.environ["NOTES"]): time.sleep(0.01)
    session.say("STOP", source + "/sub/b", index, Size=8, Written=8)
    session.arg_stop(source, index, 2)
    return True
serve(folder)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        folder = await job.upload("/photos/", "/in")
        await until(lambda: folder.bytes_done == 7)
        assert (folder.state, folder.files_done, folder.size, folder.progress) == ("transferring", 1, None, 0.0)
        notes.write_text("go on")
        await folder.done()
        assert (folder.state, folder.files_done, folder.files_failed, folder.bytes_done) == ("done", 2, 0, 11)
        assert folder.progress == 1.0


@in_loop
async def test_a_directory_of_which_a_file_fails(scripted_ascp: MakeAscp) -> None:
    body = (
        FOLDER
        + """
    session.fail(source + "/sub/b", index, 36, "bad disk")
    session.arg_stop(source, index, 1, 1)
    return True
serve(folder)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        folder = await job.upload("/photos", "/in")
        assert await failure_of(folder) == "/photos: 1 of 2 files failed; 36 DISK_WRITE: bad disk"
        assert (folder.files_done, folder.files_failed) == (1, 1)


@in_loop
async def test_a_source_of_which_nothing_is_transferred(scripted_ascp: MakeAscp) -> None:
    """An empty directory, or a file that is excluded: it is no success of a file."""
    body = """
def nothing(session, command):
    if command["Type"] == "START":
        session.arg_stop(command["Source"], 1, 0, int(command["Source"] == "/failed"))
        return True
serve(nothing)
"""
    async with driven(serving(scripted_ascp, body)) as job:
        file = await (await job.upload("/empty", "/in")).done()
        assert (file.state, file.files_done) == ("skipped", 0)
        assert await failure_of(await job.upload("/failed", "/in")) == "/failed: 1 of 1 files failed"


# -- cancelling files


@in_loop
async def test_cancelling_a_file_that_moves(scripted_ascp: MakeAscp, notes: Path) -> None:
    body = (
        HELD
        + """
def release(session):
    index, source = session.held[0]
    session.say("STATS", source, index, Size=100, Written=40)
def stop(session, command):
    hold(session, command)
    if command["Type"] == "STOP" and session.held:
        index, source = session.held.pop(0)
        session.fail(source, index, 28, "stopped", Written=50)
    return command["Type"] in ("START", "QUERY", "STOP")
serve(stop)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        file = await job.upload("/a", "/in")
        await until(notes.read_text)
        await go_on(job)
        await until(lambda: file.bytes_done == 40)
        assert (file.state, file.progress) == ("transferring", 0.4)
        await file.cancel()
        assert await failure_of(file) == "/a: 28 USER_CANCEL: stopped"
        assert file.bytes_done == 50
    assert notes.read_text().splitlines() == ["START /a", "QUERY ", "STOP /a", "DONE "]


@in_loop
async def test_cancelling_a_file_that_waits(scripted_ascp: MakeAscp, notes: Path) -> None:
    """ascp is not known to report it. What it may still report of it is not taken for another one."""
    body = (
        HELD
        + """
def release(session):
    for index, source in free(session):
        if index != 2:
            session.done(source, index, index)
serve(hold)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        first, second = await job.upload("/first", "/in"), await job.upload("/a", "/in")
        await until(lambda: notes.read_text().count("START") == 2)
        await second.cancel()
        assert await failure_of(second) == "/a: cancelled"
        again = await job.upload("/a", "/in")
        await until(lambda: notes.read_text().count("START") == 3)
        await go_on(job)
        assert (await first.done()).size == 1
        assert (await again.done()).size == 3
    assert [line for line in notes.read_text().splitlines() if "QUERY" not in line] == [
        *("START /first", "START /a", "STOP /a", "START /a", "DONE "),
    ]


@in_loop
async def test_a_file_that_was_begun_just_before_it_was_cancelled(scripted_ascp: MakeAscp, notes: Path) -> None:
    """Its end is not that of the same file, nor of one in the same directory, which are asked for right after."""
    body = (
        HELD
        + """
def late(session, command):  # STOP comes when the file is through
    if command["Type"] == "STOP":
        hold(session, command)
        index, source = session.held.pop(0)
        session.say("STATS", source + "/x", index, Size=5, Written=0)
        session.say("STOP", source + "/x", index, Size=5, Written=5)
        session.arg_stop(source, index)
        return True
    if command.get("Source") in ("/a/x", "/b") or command.get("Destination") == "/again":
        session.index += 1
        session.fail(command["Source"], session.index, 25)
        return True
    return hold(session, command)
serve(late)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        folder = await job.upload("/a", "/in")
        await until(notes.read_text)
        await folder.cancel()
        others = [await job.upload(*paths) for paths in (("/a/x", "/in"), ("/a", "/again"), ("/b", "/in"))]
        assert await failure_of(folder) == "/a: cancelled"
        for other in others:
            assert await failure_of(other) == f"{other.source}: 25 NO_SPACE_LEFT: no"


@in_loop
async def test_who_waits_for_a_file_is_cancelled(scripted_ascp: MakeAscp, notes: Path) -> None:
    """The file is not."""
    body = (
        HELD
        + "def release(session):\n    for index, source in free(session): session.done(source, index, 1)\nserve(hold)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        file = await job.upload("/a", "/in")
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(file.done(), 0.05)
        await until(notes.read_text)
        await go_on(job)
        await file.done()


@in_loop
async def test_cancelling_a_file_while_the_session_finishes(scripted_ascp: MakeAscp, notes: Path) -> None:
    body = (
        HELD
        + """
def stop(session, command):
    hold(session, command)
    if command["Type"] == "STOP":
        index, source = session.held.pop(0)
        session.fail(source, index, 28, "stopped")
    return command["Type"] in ("START", "STOP")
serve(stop)
"""
    )
    async with driven(serving(scripted_ascp, body)) as job:
        file = await job.upload("/a", "/in")
        finishing = asyncio.ensure_future(job.finish())
        await until(lambda: "DONE" in notes.read_text())
        await file.cancel()
        assert await failure_of(file) == "/a: cancelled"
        await finishing
    assert notes.read_text().splitlines() == ["START /a", "DONE ", "STOP /a"]


# -- how the session ends


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("os.kill(os.getpid(), 9)", "lost: ascp was killed by SIGKILL without DONE or ERROR"),
        ("session.wire.sendall(DONE); sys.exit()", "done"),
        ("session.wire.sendall(error(16, 'gone')); sys.exit(1)", "failed: 16 CONNECTION_LOST: gone"),
    ],
)
@in_loop
async def test_what_was_not_reported_has_failed_by_name(
    scripted_ascp: MakeAscp, notes: Path, end: str, words: str
) -> None:
    body = HELD + (
        "def release(session):\n"
        "    session.done('/a', 1, 1); session.say('STATS', '/b', 2, Size=5, Written=1)\n"
        f"    {end}\nserve(hold)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        files = [await job.upload(f"/{name}", "/in") for name in "abc"]
        held = await job.upload("/c", "/in/again")
        await until(lambda: notes.read_text().count("START") == 3)
        await go_on(job)
        await files[0].done()
        for file in (*files[1:], held):
            message = f"{file.source}: the session ended before its end was reported: {words}"
            assert await failure_of(file) == message
        with pytest.raises(
            faspmgr.TransferError, match=f"/d: the session takes nothing more: it has ended: {words}"
        ) as raised:
            await job.upload("/d", "/in")
        assert raised.value.result is job.result is not None


@in_loop
async def test_finishing(scripted_ascp: MakeAscp, notes: Path) -> None:
    body = (
        HELD
        + "def release(session):\n    for index, source in free(session): session.done(source, index, 1)\nserve(hold)"
    )
    async with driven(serving(scripted_ascp, body)) as job:
        file = await job.upload("/a", "/in")
        async with job.open("/stream") as stream:
            finishing = asyncio.ensure_future(job.finish())
            await until(lambda: "START" in notes.read_text() and job._feed.closing)
            with pytest.raises(
                faspmgr.TransferError, match="/b: the session takes nothing more: it was asked to finish"
            ):
                await job.upload("/b", "/in")
            await stream.write(b"data")  # what is open goes on
            await go_on(job)
            await file.done()
            assert not finishing.done()
            assert "DONE" not in notes.read_text()
        assert (await finishing).verdict == "done"
        assert (await job.finish()) is job.result  # once more
    assert notes.read_text().splitlines()[-1] == "DONE "


@in_loop
async def test_finishing_now(scripted_ascp: MakeAscp, notes: Path) -> None:
    async with driven(serving(scripted_ascp, HELD + "serve(hold)")) as job:
        file = await job.upload("/a", "/in")
        await until(notes.read_text)
        assert (await job.finish(now=True)).verdict == "done"
        assert "the session ended before its end was reported: done" in await failure_of(file)


@in_loop
async def test_cancelling_the_session(scripted_ascp: MakeAscp, notes: Path) -> None:
    async with driven(serving(scripted_ascp, HELD + "serve(hold)")) as job:
        file = await job.upload("/a", "/in")
        result = await job.cancel()
        assert (result.verdict, result.interrupted, result.error and result.error.code) == ("failed", True, 28)
        assert "28 USER_CANCEL: cancelled" in await failure_of(file)
    assert job.result is result


@in_loop
async def test_an_exception_in_the_block_cancels(scripted_ascp: MakeAscp, notes: Path) -> None:
    files = []
    job = Job([serving(scripted_ascp, HELD + "serve(hold)")], persistent=True)

    async def fail() -> None:
        async with job:
            files.append(await job.upload("/a", "/in"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (result_of(job).verdict, result_of(job).interrupted) == ("failed", True)
    assert "28 USER_CANCEL" in await failure_of(files[0])


@pytest.mark.parametrize("times", [1, 2])
@in_loop
async def test_the_block_is_cancelled(scripted_ascp: MakeAscp, notes: Path, times: int) -> None:
    """Once: ascp ends in order. Twice: it is killed. No process is left either way."""
    deaf = "def deaf(session, command): command['Type'] == 'CANCEL' and time.sleep(100)\n"
    job = Job([serving(scripted_ascp, f"{deaf * (times - 1)}serve({'deaf' * (times - 1)})")], persistent=True, grace=60)

    async def drive() -> None:
        async with job:
            await asyncio.sleep(100)

    driving = asyncio.ensure_future(drive())
    await until(lambda: job._feed.entered.is_set())
    for _ in range(times):
        driving.cancel()
        await asyncio.sleep(0.1)
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert result_of(job).verdict == ("failed" if times == 1 else "lost")


@in_loop
async def test_finishing_is_cancelled(scripted_ascp: MakeAscp, notes: Path) -> None:
    """The session is cancelled with the block, where nobody waits for its end any more."""
    job = Job([serving(scripted_ascp, HELD + "serve(hold)")], persistent=True)

    async def drive() -> None:
        async with job:
            await job.upload("/a", "/in")

    driving = asyncio.ensure_future(drive())
    await until(notes.read_text)
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert (result_of(job).verdict, result_of(job).error and result_of(job).interrupted) == ("failed", True)


@asyncio_only
@in_loop
async def test_an_idle_session_is_finished(scripted_ascp: MakeAscp) -> None:
    async with driven(serving(scripted_ascp), idle_timeout=0.3) as job:
        for _ in range(3):  # not while there are files
            await (await job.upload("/a", "/in")).done()
            await asyncio.sleep(0.2)
        async with job.open("b") as stream:
            await asyncio.sleep(0.5)
            await stream.write(b"data")
        await until(lambda: job.result)
        with pytest.raises(faspmgr.TransferError, match=r"it was finished after 0\.3 s without a file"):
            await job.upload("/b", "/in")
    assert (result_of(job).verdict, result_of(job).interrupted) == ("done", False)


@asyncio_only
@in_loop
async def test_a_file_that_ascp_does_not_report_is_a_stall(scripted_ascp: MakeAscp, notes: Path) -> None:
    async with driven(serving(scripted_ascp, HELD + "serve(hold)"), stall_timeout=0.5) as job:
        await asyncio.sleep(1)  # nothing to do is no stall
        assert "no progress for 0.5 s" in await failure_of(await job.upload("/a", "/in"))


# -- how it begins


@in_loop
async def test_a_session_that_does_not_begin(scripted_ascp: MakeAscp) -> None:
    init = "wire = connect(); wire.sendall(message('INIT', UserStr=option('-u')));"
    bodies = {
        "sys.exit('ascp: no')": "not started: ascp ended with exit status 1 without connecting: ascp: no",
        f"{init} wire.sendall(error(19, 'no')); sys.exit(1)": "failed: 19 AUTH: no",
        "wire = began(); wire.sendall(error(44, 'no')); sys.exit(1)": "failed: 44 PMTU_BRTT_ERROR: no",
        "wire = began(); time.sleep(0.1); wire.sendall(error(38, 'no')); sys.exit(1)": "failed: 38 LIC_ILLEGAL: no",
        f"{init} sys.exit(0)": "lost: ascp ended with exit status 0 without DONE or ERROR",
    }
    for body, words in bodies.items():
        job = Job([scripted_ascp(body)], persistent=True)
        with pytest.raises(faspmgr.TransferError, match=f"the session was not negotiated: {words}") as raised:
            await job.__aenter__()
        assert raised.value.result is job.result is not None
        assert isinstance(raised.value, faspmgr.AscpError)


@in_loop
async def test_a_session_that_does_not_tell_its_rate(scripted_ascp: MakeAscp) -> None:
    """NOTIFICATION tells that it is not refused. Where there is none, it is waited for, but not for ever."""
    async with driven(serving(scripted_ascp, "Session(began()).serve()")) as job:
        await (await job.upload("/a", "/in")).done()


@asyncio_only
@in_loop
async def test_a_session_that_stalls_before_it_begins_or_at_its_end(scripted_ascp: MakeAscp) -> None:
    bodies = ["wire = connect(); wire.sendall(message('INIT', UserStr=option('-u'))); time.sleep(100)"]
    bodies += [
        f"def stuck(session, command): command['Type'] == '{kind}' and time.sleep(100)\nserve(stuck)"
        for kind in ["DONE"]
    ]
    job = Job([scripted_ascp(bodies[0])], persistent=True, stall_timeout=0.5, grace=0.1)
    with pytest.raises(faspmgr.TransferError, match=r"lost: no progress for 0\.5 s"):
        await job.__aenter__()
    async with driven(serving(scripted_ascp, bodies[1]), stall_timeout=0.5, grace=0.1) as job:
        pass
    assert (result_of(job).verdict, result_of(job).reason) == ("lost", "no progress for 0.5 s")


@in_loop
async def test_entering_is_cancelled(scripted_ascp: MakeAscp) -> None:
    job = Job([scripted_ascp("wire = connect(); time.sleep(100)")], persistent=True, grace=0.1)
    entering = asyncio.ensure_future(job.__aenter__())
    await asyncio.sleep(0.3)
    entering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await entering


@in_loop
async def test_a_callback_that_fails(scripted_ascp: MakeAscp) -> None:
    """What it raises comes out of the block, and no file stays without an end."""

    def fail(event: faspmgr.Event, session: faspmgr.Session) -> None:
        if event.type == "STATS":
            raise KeyError("callback")

    files = []

    async def drive() -> None:
        async with driven(serving(scripted_ascp), on_event=fail) as job:
            files.append(await job.upload("/a", "/in"))

    with pytest.raises(KeyError, match="callback"):
        await drive()
    assert await failure_of(files[0]) == "/a: the session ended before its end was reported: the job was broken off"


@in_loop
async def test_what_is_refused(scripted_ascp: MakeAscp) -> None:
    ascp = serving(scripted_ascp)
    spec = {"direction": "send", "remote_host": "h", "paths": [{"source": "a"}], "destination_root": "in"}
    many: list[dict[str, Any]] = [{"retry": 1}, {"sessions": 2}]
    for options in many:
        for kind in ("persistent", "streaming"):
            with pytest.raises(ValueError, match="has no retry and no parts"):
                Job([ascp], **{kind: True, **options})
    for kind in ("persistent", "streaming"):
        with pytest.raises(faspmgr.SpecError, match="paths: "):
            Job(spec, **{kind: True})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="invalid idle_timeout: 0"):
        Job([ascp], persistent=True, idle_timeout=0)
    with pytest.raises(RuntimeError, match="use run"):
        await Job([ascp]).__aenter__()
    with pytest.raises(RuntimeError, match="has not begun"):
        await Job([ascp], persistent=True).upload("/a", "/in")
    async with driven(ascp, persistent=False) as job:
        with pytest.raises(RuntimeError, match="persistent=True"):
            await job.upload("/a", "/in")
    async with driven(ascp) as job:
        for source, destination, start, end in (("", "b", None, None), ("a", "\0", None, None), ("a", "b", 2, 1)):
            with pytest.raises(ValueError, match=r"source|destination|range"):
                await job.upload(source, destination, start, end)
        for what in (job.upload("a\ud800", "b"), job.upload("a", "b\ud800")):
            with pytest.raises(ValueError, match="surrogates"):
                await what
        with pytest.raises(ValueError, match="surrogates"):
            job.open("a\ud800")
        await (await job.upload("/a", "/in")).done()  # and none of it has harmed the session
        with pytest.raises(RuntimeError, match="has run already"):
            await job.run()


@in_loop
async def test_the_direction_of_the_session(scripted_ascp: MakeAscp) -> None:
    async with driven(serving(scripted_ascp, "serve(Direction='Send')")) as job:
        with pytest.raises(ValueError, match="the direction of the session is Send, not Receive"):
            await job.download("/a", "/b")
    body = """
def named(session, command):
    if command["Type"] == "START" and command["Destination"] != "/ours/b":
        session.done(command["Destination"], 1, 7)
        return True
serve(named, Direction="Receive")
"""
    async with driven(serving(scripted_ascp, body)) as job:
        with pytest.raises(ValueError, match="the direction of the session is Receive, not Send"):
            await job.upload("/a", "/b")
        files = [await job.download(f"/theirs/{name}", f"/ours/{name}") for name in "ab"]
        assert [(await file.done()).size for file in files] == [7, 10]


@in_loop
async def test_pause_and_resume(scripted_ascp: MakeAscp) -> None:
    async with driven(serving(scripted_ascp)) as job:
        assert (await job.resume()).accepted is False
        for _ in range(2):  # once more changes nothing
            reply = await job.pause()
            assert (reply.accepted, reply.message) == (True, "target 0 Kbps")
        reply = await job.resume()
        assert (reply.accepted, reply.message) == (True, "target 10000 Kbps")
        assert (await job.resume()).message == "the session is not paused"
    no_rate = "wire = connect(); wire.sendall(message('INIT', UserStr=option('-u')) + message('SESSION', Rate='50%'))\n"
    async with driven(serving(scripted_ascp, no_rate + "Session(wire).serve()")) as job:
        assert (await job.pause()).message == "the target rate to go back to is not known"


# -- with the simulator: real files


@in_loop
async def test_real_files(simulated_ascp: str, tmp_path: Path) -> None:
    names = ["plain", "line\nbreak", "esc\x1bn", os.fsdecode(b"caf\xe9"), "Ü 1", "-dash"]
    source, target = tmp_path / "source", tmp_path / "target"
    (source / "folder").mkdir(parents=True)
    content = {name: random.Random(number).randbytes(10_000 + number) for number, name in enumerate(names)}
    for name, data in content.items():
        (source / name).write_bytes(data)
        (source / "folder" / name).write_bytes(data)
    argv = [
        simulated_ascp,
        "--simulate-copy",
        "--simulate-speed=max",
        "-qd",
        "-l1g",
        "--mode=send",
        "--host=h",
        str(target),
    ]
    async with Job(argv, persistent=True, streaming=True) as job:
        files = [await job.upload(f"{source}/{name}", f"/up/{name}") for name in names]
        folder = await job.upload(f"{source}/folder", "/folder")
        missing = await job.upload(f"{source}/missing", "/missing")
        copied = [await job.copy(io.BytesIO(data), f"/stream/{name}") for name, data in content.items()]
        for file in [*files, folder]:
            assert (await file.done()).state == "done"
        assert [file.size for file in files] == [len(data) for data in content.values()]
        assert [stream.written for stream in copied] == [len(data) for data in content.values()]
        assert folder.files_done == len(names)
        await failure_of(missing)
    for folder_name in ("up", "folder", "stream"):
        assert {path.name: path.read_bytes() for path in (target / folder_name).iterdir()} == content
    assert (result_of(job).verdict, result_of(job).error) == ("failed", faspmgr.Failure(27, "One or more files failed"))
