"""faspmgr-ascp --faspmgr-io: files that a manager streams to it, and how such a session ends.

What a stream must say is what the protocol says of files; that STATS and STOP have the destination as their File, and
what is a FILEERROR, is what the simulator's documentation says of itself.
"""

from __future__ import annotations

import os
import random
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from faspmgr import commands
from faspmgr.protocol.commands import Close, Command, Put, Write
from faspmgr.protocol.parser import Parser
from faspmgr.simulator import streamed
from faspmgr.simulator.exceptions import FileError
from faspmgr.simulator.link import Peer
from faspmgr.simulator.streamed import Spans
from tests.launcher import TIMEOUT
from tests.simulator.management import Live, Reported, content, live, tracked

LINGER = commands.Finish()


def args(target: Path, *more: str | Path) -> list[str | Path]:
    """A session that streams into a folder, at once."""
    speed = [] if "-l" in more else ["-l", "1g"]
    return ["--simulate-copy", "--faspmgr-io", "-q", "-u", "me", *speed, *more, f"u@h:{target}"]


def stream(target: Path, *sent: bytes | Command, more: tuple[str, ...] = ("-d",), fault: str = "") -> Reported:
    """Run a session: send all of it at once, and DONE behind it."""
    with live(*args(target, *more), fault=fault) as it:
        it.expect("Type: NOTIFICATION")
        it.send(b"".join(part if isinstance(part, bytes) else part.encode() for part in (*sent, LINGER)))
        return it.finish()


@pytest.fixture
def slow(target: Path) -> Iterator[Live]:
    """A session that would take a minute for 7.5 MB."""
    target.mkdir()
    with live(*args(target, "-l", "1m")) as it:
        it.expect("Type: NOTIFICATION")
        yield it


def errors(outcome: Reported) -> list[tuple[str, str]]:
    return [(error["File"], error["Code"]) for error in outcome.of("FILEERROR")]


# -- what is streamed


def test_a_file(target: Path) -> None:
    outcome = stream(target, Put("/a/b.bin", size=10), Write("/a/b.bin", 0, b"01234"), Write("/a/b.bin", 5, b"56789"),
                     Close("/a/b.bin"))  # fmt: skip
    assert (outcome.status, outcome.types) == (0, ["INIT", "SESSION", "NOTIFICATION", "STATS", "STOP", "DONE"])
    assert content(target) == {"a/b.bin": b"0123456789"}
    first, stop = outcome.of("STATS")[0], outcome.of("STOP")[0]
    assert [first[name] for name in ("File", "Size", "Written", "Bytescont")] == ["/a/b.bin", "10", "0", "0"]
    assert [stop[name] for name in ("File", "Size", "Written", "UserStr")] == ["/a/b.bin", "10", "10", "me"]
    end = outcome.end
    assert [end[name] for name in ("TransfersPassed", "TransferBytes", "FileBytes")] == ["1", "10", "10"]
    assert outcome.session.files_done == 1


def test_the_size_is_not_known_before(target: Path) -> None:
    outcome = stream(target, Put("x"), Write("x", 0, bytes(3_000_000)), Close("x"))
    assert {stats["Size"] for stats in outcome.of("STATS")} == {"0"}
    assert (outcome.of("STOP")[0]["Size"], outcome.of("STOP")[0]["Written"]) == ("3000000", "3000000")
    assert (target / "x").stat().st_size == 3_000_000


def test_an_empty_file(target: Path) -> None:
    outcome = stream(target, Put("x", size=0), Write("x", 0, b""), Close("x"))
    assert outcome.of("STOP")[0]["Size"] == "0"
    assert content(target) == {"x": b""}


def test_any_order_and_every_byte_once(target: Path) -> None:
    """Overlapping writes: the later one counts, and TransferBytes has what was sent, FileBytes what there is."""
    outcome = stream(
        target, Put("x"), Write("x", 6, b"ghi"), Write("x", 0, b"abc"), Write("x", 2, b"CDEFG"), Close("x")
    )
    assert content(target) == {"x": b"abCDEFGhi"}
    assert outcome.of("STOP")[0]["Written"] == "9"
    assert [outcome.end[name] for name in ("TransferBytes", "FileBytes")] == ["11", "9"]


def test_several_at_once(target: Path) -> None:
    parts = [
        Write(f"{name}.bin", place * 1000, bytes([name * 16 + place]) * 1000) for place in range(8) for name in range(5)
    ]
    opened, closed = ([cls(f"{name}.bin") for name in range(5)] for cls in (Put, Close))
    random.Random(7).shuffle(parts)
    outcome = stream(target, *opened, *parts, *closed)
    assert content(target) == {
        f"{name}.bin": b"".join(bytes([name * 16 + place]) * 1000 for place in range(8)) for name in range(5)
    }
    assert [stop["FaspFileArgIndex"] for stop in outcome.of("STOP")] == ["1", "2", "3", "4", "5"]
    assert outcome.session.files_done == 5


@pytest.mark.parametrize("piece", [1, 7, 1000])
def test_cut_anywhere(target: Path, piece: int) -> None:
    tricky = b"FASPMGR 4\nType: CLOSE\nDestination: x\n\n" * 3 + b"\r\n\n\n"
    data = b"".join(
        part.encode() for part in (Put("x"), Write("x", 0, tricky), Close("x"), Put("y"), Close("y"), LINGER)
    )
    with live(*args(target, "-d")) as it:
        it.expect("Type: NOTIFICATION")
        for place in range(0, len(data), piece):
            it.send(data[place : place + piece])
        outcome = it.finish()
    assert (outcome.status, content(target)) == (0, {"x": tricky, "y": b""})


def test_odd_destinations(target: Path) -> None:
    names = ["line\nbreak", "tab\there", "caf\udce9", "Type: STOP"]
    outcome = stream(target, *(part for name in names for part in (Put(name), Write(name, 0, b"data"), Close(name))))
    assert content(target) == dict.fromkeys(names, b"data")
    assert outcome.of("STOP")[0]["File"] == "line\x1bnbreak"


def test_a_gap_is_zeros(target: Path) -> None:
    outcome = stream(target, Put("x"), Write("x", 4, b"end"), Close("x"))
    assert content(target) == {"x": bytes(4) + b"end"}
    assert (outcome.of("STOP")[0]["Size"], outcome.of("STOP")[0]["Written"]) == ("7", "7")
    assert outcome.end["TransferBytes"] == "3"


def test_bytescont_ends_at_the_first_gap(slow: Live) -> None:
    slow.send(Put("x"))
    slow.send(Write("x", 0, bytes(10_000)))
    slow.send(Write("x", 50_000, bytes(100_000)))  # eight tenths of a second
    stats = slow.expect(r"Written: (?!0\n)(\d+)\nBytescont: (\d+)")
    assert int(stats[1]) > 10_000
    assert stats[2] == b"10000"


def test_without_copying_bytes_are_counted(target: Path) -> None:
    with live("--faspmgr-io", "-q", f"u@h:{target}") as it:
        it.send(b"".join(part.encode() for part in (Put("x"), Write("x", 0, b"12345"), Close("x"), LINGER)))
        outcome = it.finish()
    assert (outcome.of("STOP")[0]["Written"], target.exists()) == ("5", False)


def test_it_streams_below_a_root(target: Path) -> None:
    words = ["--simulate-copy", f"--simulate-root={target}", "--faspmgr-io", "-d", "-q"]
    with live(*words, "--mode=send", "--host=h", "/inbox") as it:
        it.send(b"".join(part.encode() for part in (Put("/x"), Write("/x", 0, b"12345"), Close("/x"), LINGER)))
        assert it.finish().status == 0
    assert content(target) == {"inbox/x": b"12345"}


def test_nothing_is_written_outside_of_the_root(target: Path) -> None:
    target.mkdir()
    words = ["--simulate-copy", f"--simulate-root={target}", "--faspmgr-io", "-d", "-q", "u@h:/inbox"]
    with live(*words) as it:
        sent = [Put("../../x"), Write("../../x", 0, b"1"), Close("../../x"), Put("../y"), Close("../y"), LINGER]
        it.send(b"".join(part.encode() for part in sent))
        outcome = it.finish()
    assert errors(outcome) == [("../../x", "41")]
    assert content(target.parent) == {"out/y": b""}


def test_a_partial_file_has_its_suffix_until_close(target: Path) -> None:
    with live(*args(target, "-d", "--partial-file-suffix=.part")) as it:
        it.send(Put("x").encode() + Write("x", 0, b"123").encode() + Put("y").encode())
        it.expect("File: y")
        assert content(target) == {"x.part": b"123", "y.part": b""}
        it.send(Close("x").encode() + Close("y").encode() + LINGER.encode())
        it.finish()
    assert content(target) == {"x": b"123", "y": b""}


def test_it_keeps_to_the_target_rate(target: Path) -> None:
    began = time.monotonic()
    outcome = stream(target, Put("x"), Write("x", 0, bytes(1_000_000)), Close("x"), more=("-d", "-l", "8m"))
    assert time.monotonic() - began >= 1
    assert int(outcome.of("STOP")[0]["Elapsedusec"]) >= 1_000_000
    assert 2 <= len(outcome.of("STATS")) <= 5  # the first, and every half second


def test_what_comes_slowly_is_reported_too(target: Path) -> None:
    """The clock of a session that does not keep time hardly moves with a few bytes: real time counts then."""
    with live(*args(target, "-d", "--simulate-speed=max")) as it:
        it.send(Put("x").encode() + Write("x", 0, b"123").encode())
        it.expect("Written: 3")


def test_streams_and_files_in_one_session(source: Path, target: Path) -> None:
    words = ["--simulate-copy", "--faspmgr-io", "--keepalive", "-q", "-d", "-l", "20m", "--mode=send", "--host=h"]
    with live(*words, target) as it:
        it.expect("Type: NOTIFICATION")
        it.send(Put("x").encode() + commands.StartFile(f"{source}/large.bin", "large").encode())
        it.send(b"".join(Write("x", place * 100, b"%100d" % place).encode() for place in range(20)))
        it.send(commands.StartFile(f"{source}/small.txt", "small").encode() + Close("x").encode() + LINGER.encode())
        outcome = it.finish()
    assert outcome.status == 0
    assert content(target) == {
        "large": (source / "large.bin").read_bytes(),
        "small": b"twelve bytes",
        "x": b"".join(b"%100d" % place for place in range(20)),
    }
    assert outcome.end["FileBytes"] == str(1_024_000 + 12 + 2000)
    assert outcome.session.files_done == 3


def test_its_log_has_the_streams(target: Path, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    stream(target, Put("x"), Write("x", 0, b"12345"), Close("x"), more=("-d", "-L", str(tmp_path / "log")))
    text = (tmp_path / "log" / "aspera-scp-transfer.log").read_text()
    (line,) = [line for line in text.splitlines() if "FASP Transfer Stop" in line]
    assert 'file="x"' in line
    assert "size=5" in line


# -- what is wrong


@pytest.mark.parametrize(("size", "sent"), [(4, b"12345"), (6, b"12345"), (0, b"1"), (1, b"")])
def test_a_size_that_does_not_fit(target: Path, size: int, sent: bytes) -> None:
    outcome = stream(target, Put("x", size=size), Write("x", 0, sent), Close("x"), Put("y"), Close("y"))
    assert errors(outcome) == [("x", "53")]
    assert outcome.of("FILEERROR")[0]["Written"] == str(len(sent))
    assert [stop["File"] for stop in outcome.of("STOP")] == ["y"]
    assert (outcome.status, outcome.end["Code"]) == (1, "27")


def test_a_gap_does_not_fit_a_size(target: Path) -> None:
    outcome = stream(target, Put("x", size=7), Write("x", 4, b"end"), Close("x"))
    assert errors(outcome) == [("x", "53")]


def test_what_is_not_open(target: Path) -> None:
    outcome = stream(target, Write("a", 0, b"x"), Close("a"), Close("b"), Put("c"), Close("c"), Close("c"))
    assert errors(outcome) == [("a", "4"), ("b", "4"), ("c", "4")]
    assert [outcome.end[name] for name in ("TransfersAttempted", "TransfersFailed", "TransfersPassed")] == [
        "4",
        "3",
        "1",
    ]


def test_what_is_open_already(target: Path) -> None:
    outcome = stream(
        target, Put("a"), Write("a", 0, b"1"), Put("a"), Write("a", 1, b"2"), Close("a"), Put("b"), Close("b")
    )
    assert errors(outcome) == [("a", "42")]
    assert content(target)["a"] == b"1"
    assert [stop["File"] for stop in outcome.of("STOP")] == ["b"]


def test_a_failed_stream_can_be_opened_again(target: Path) -> None:
    outcome = stream(target, Close("a"), Put("a"), Write("a", 0, b"1"), Close("a"))
    assert errors(outcome) == [("a", "4")]
    assert content(target) == {"a": b"1"}


def test_a_destination_that_cannot_be_written(target: Path) -> None:
    (target / "folder").mkdir(parents=True)
    os.mkfifo(target / "fifo")
    names = ("none/x", "folder", "fifo", "n" * 300)
    sent = [part for name in names for part in (Put(name), Write(name, 0, b"data"), Close(name))]
    outcome = stream(target, *sent, Put("good"), Close("good"), more=())
    assert errors(outcome) == [("none/x", "4"), ("folder", "7"), ("fifo", "21"), ("n" * 300, "55")]
    assert content(target) == {"good": b""}


@pytest.mark.parametrize(
    "command",
    [
        b"FASPMGR 4\nType: PUT\nDestination: x\nSize: -1\n\n",
        b"FASPMGR 4\nType: WRITE\nDestination: x\nSize: 1\n\nx\n\n",
        b"FASPMGR 4\nType: WRITE\nDestination: x\nOffset: 9223372036854775808\nSize: 1\n\nx\n\n",
        b"FASPMGR 4\nType: WRITE\nDestination: x\nOffset: 9223372036854775807\nSize: 1\n\nx\n\n",
        b"FASPMGR 4\nType: WRITE\nDestination: x\nOffset: 0\n\n",
    ],
    ids=["size", "no-offset", "offset", "end", "no-size"],
)
def test_numbers_that_are_none(target: Path, command: bytes) -> None:
    before = [] if b"PUT" in command else [Put("x")]
    outcome = stream(target, *before, command, Close("x"), Put("y"), Close("y"))
    assert [name for name, _ in errors(outcome)] == ["x"]
    assert [stop["File"] for stop in outcome.of("STOP")] == ["y"]


def test_commands_that_mean_nothing(target: Path) -> None:
    """Nothing to open, and nobody to say it of."""
    outcome = stream(target, b"FASPMGR 4\nType: PUT\n\n", b"noise\n", b"FASPMGR 4\nType: WRITE\nSize: 3\n\nabc\n\n")
    assert outcome.types == ["INIT", "SESSION", "NOTIFICATION", "DONE"]


@pytest.mark.parametrize(
    "start", [b"Offset: 0\nSize: 16777217\n\n", b"Offset: " + b"0" * 70_000], ids=["data", "command"]
)
def test_what_is_too_long_ends_the_session(target: Path, start: bytes) -> None:
    outcome = stream(target, Put("x"), b"FASPMGR 4\nType: WRITE\nDestination: x\n" + start)
    assert (outcome.status, outcome.types[-1], outcome.end["Code"]) == (1, "ERROR", "1")


def test_in_another_session_they_are_passed_over(source: Path) -> None:
    with live("-q", "--keepalive", "--mode=send", "--host=h", "/x") as it:
        it.expect("Type: NOTIFICATION")
        it.send(Put("x").encode() + Write("x", 0, commands.Cancel().encode()).encode() + Close("x").encode())
        it.send(commands.StartFile(f"{source}/small.txt", "y").encode() + LINGER.encode())
        outcome = it.finish()
    assert [stop["File"] for stop in outcome.of("STOP")] == [f"{source}/small.txt"]
    assert outcome.status == 0


# -- how it ends, and what happens meanwhile


def test_done_waits_for_what_is_open(target: Path) -> None:
    with live(*args(target, "-d")) as it:
        it.send(Put("x").encode() + LINGER.encode())
        it.expect("File: x")
        assert not it.eof.wait(0.7)
        it.send(Write("x", 0, b"late").encode() + Close("x").encode())
        outcome = it.finish()
    assert (outcome.status, content(target)) == (0, {"x": b"late"})


def test_shutdown_breaks_off_what_is_open(slow: Live, target: Path) -> None:
    slow.send(Put("x").encode() + Write("x", 0, bytes(1_000_000)).encode() + commands.Finish(now=True).encode())
    outcome = slow.finish()
    assert (outcome.status, outcome.types[-2:]) == (0, ["STATS", "DONE"])
    assert outcome.end["TransfersPassed"] == "0"
    assert (target / "x").stat().st_size < 1_000_000
    assert outcome.of("STATS")[-1]["Written"] == outcome.end["FileBytes"]


def test_a_manager_that_hangs_up(target: Path) -> None:
    with live(*args(target, "-d")) as it:
        it.send(Put("x").encode() + Write("x", 0, b"12345").encode())
        it.connection.shutdown(socket.SHUT_WR)
        outcome = it.finish()
    assert (outcome.status, outcome.end["Code"], outcome.end["FileBytes"]) == (1, "8", "5")
    assert content(target) == {"x": b"12345"}


def test_cancel(slow: Live) -> None:
    slow.send(Put("x").encode() + Write("x", 0, bytes(1_000_000)).encode())
    slow.expect(r"Written: (?!0\n)")
    slow.send(commands.Cancel())
    outcome = slow.finish()
    assert (outcome.status, outcome.end["Code"]) == (1, "28")
    assert outcome.of("STATS")[-1]["Written"] == outcome.end["FileBytes"]


def test_stop_breaks_one_stream_off(slow: Live) -> None:
    slow.send(Put("x").encode() + Write("x", 0, bytes(1_000_000)).encode() + Put("y").encode())
    slow.expect(r"Written: (?!0\n)")
    slow.send(commands.StopFile("x").encode() + Close("y").encode() + LINGER.encode())
    outcome = slow.finish()
    assert errors(outcome) == [("x", "28")]
    assert [stop["File"] for stop in outcome.of("STOP")] == ["y"]


def test_stop_breaks_off_what_is_not_open_yet(slow: Live) -> None:
    """Its PUT waits behind data that take eight seconds; DONE must not wait for a CLOSE that never comes."""
    slow.send(Put("x").encode() + Write("x", 0, bytes(1_000_000)).encode() + Put("y").encode())
    slow.send(Write("y", 0, b"1").encode() + commands.StopFile("y").encode())
    slow.expect("Type: FILEERROR")
    slow.send(Put("y").encode() + Write("y", 0, b"2").encode() + Close("y").encode())
    slow.send(commands.SetRate(target_kbps=10_000_000).encode() + Close("x").encode() + LINGER.encode())
    outcome = slow.finish()
    assert errors(outcome) == [("y", "28")]
    assert {stop["File"]: stop["Size"] for stop in outcome.of("STOP")} == {"x": "1000000", "y": "1"}


def test_a_rate_gets_through_data_that_wait(slow: Live, target: Path) -> None:
    """Six megabytes at 1 Mbps take 48 seconds; a change of rate behind them applies at once."""
    slow.send(Put("x").encode() + b"".join(Write("x", place << 20, bytes(1 << 20)).encode() for place in range(6)))
    slow.expect("File: x")
    slow.send(commands.SetRate(target_kbps=10_000_000))
    slow.expect("^Rate: 10000000$")
    began = time.monotonic()
    slow.send(Close("x").encode() + LINGER.encode())
    assert slow.finish().status == 0
    assert time.monotonic() - began < 20
    assert (target / "x").stat().st_size == 6 << 20


def test_a_pause(slow: Live) -> None:
    slow.send(Put("x").encode() + Write("x", 0, bytes(1_000_000)).encode())
    slow.send(commands.SetRate(target_kbps=0))
    slow.expect("^Rate: 0$")
    slow.send(commands.Query())
    slow.expect("QueryResponse: Transferring")
    slow.send(commands.SetRate(target_kbps=10_000_000).encode() + Close("x").encode() + LINGER.encode())
    assert slow.finish().of("STOP")[0]["Written"] == "1000000"


def test_data_are_not_read_faster_than_they_are_written(slow: Live) -> None:
    """Memory stays bounded: whoever sends more waits."""
    slow.send(Put("x"))
    write = Write("x", 0, bytes(1 << 20)).encode()
    slow.connection.setblocking(False)
    sent, deadline = 0, time.monotonic() + 20
    while sent < 64 << 20 and time.monotonic() < deadline:
        if not select.select([], [slow.connection], [], 1)[1]:
            break
        sent += slow.connection.send(write[sent % len(write) :])
    assert 8 << 20 < sent < 32 << 20


# -- faults


def test_a_full_disk(target: Path) -> None:
    """At its byte, in the middle of a WRITE; it stays full for all streams, and the session goes on."""
    outcome = stream(target, Put("x"), Write("x", 0, b"a" * 700), Write("x", 700, b"b" * 700), Write("x", 1400, b"c"),
                     Close("x"), Put("y"), Write("y", 0, b"d"), Close("y"), Put("z"), Close("z"),
                     fault="stream-full@1000")  # fmt: skip
    assert errors(outcome) == [("x", "25"), ("y", "25")]
    assert outcome.of("FILEERROR")[0]["Written"] == "1000"
    assert content(target) == {"x": b"a" * 700 + b"b" * 300, "y": b"", "z": b""}
    assert (outcome.end["Code"], outcome.end["FileBytes"]) == ("27", "1000")


def test_a_full_disk_at_its_end_is_large_enough(target: Path) -> None:
    outcome = stream(target, Put("x"), Write("x", 0, b"a" * 1000), Close("x"), fault="stream-full@1000")
    assert (outcome.status, errors(outcome)) == (0, [])


def test_a_write_is_refused(target: Path) -> None:
    sent = [Put("x"), Put("y"), Write("x", 0, b"1"), Write("y", 0, b"2"), Write("x", 1, b"3"), Close("x"), Close("y")]
    outcome = stream(target, *sent, fault="refuse-write=2")
    assert errors(outcome) == [("y", "36")]
    assert content(target) == {"x": b"13", "y": b""}


def test_a_fault_happens_once(target: Path, tmp_path: Path) -> None:
    fault = f"refuse-write=1,once={tmp_path}/flag"
    sent = [Put("x"), Write("x", 0, b"1"), Close("x")]
    assert [stream(target, *sent, fault=fault).status for _ in range(2)] == [1, 0]


@pytest.mark.parametrize(("fault", "status"), [("die@1500", 1), ("die-kill@1500", -signal.SIGKILL)])
def test_it_dies_between_two_writes(target: Path, fault: str, status: int) -> None:
    """Behind the WRITE that the byte is in, and in the middle of a message."""
    sent = [Write("x", place * 1000, b"x" * 1000) for place in range(5)]
    outcome = stream(target, Put("x"), *sent, Close("x"), fault=fault)
    assert outcome.status == status
    assert content(target) == {"x": b"x" * 2000}
    parser = Parser()
    tracked(outcome.data, parser)
    assert [problem.kind for problem in parser.problems] == ["unfinished"]
    assert "STOP" not in outcome.types


def test_it_stalls(target: Path) -> None:
    with live(*args(target, "-d"), fault="hang@1500") as it:
        it.send(Put("x").encode() + b"".join(Write("x", place * 1000, b"x" * 1000).encode() for place in range(5)))
        it.expect("Written: 2000")
        it.send(commands.Cancel())
        assert not it.eof.wait(0.5)
        it.process.terminate()
        assert it.process.wait(TIMEOUT) == -signal.SIGTERM


def test_a_share_of_what_is_announced(target: Path) -> None:
    outcome = stream(target, Put("x", size=100), Write("x", 0, b"x" * 40), Write("x", 40, b"y" * 40), Close("x"),
                     fault="fail=16@50%")  # fmt: skip
    assert (outcome.end["Code"], outcome.end["FileBytes"]) == ("16", "80")


def test_one_stream_fails(target: Path) -> None:
    outcome = stream(target, Put("x"), Close("x"), Put("y"), Close("y"), fault="fail-file=5@2")
    assert errors(outcome) == [("y", "5")]


# -- what it is made of


def test_spans_against_a_set() -> None:
    """Whatever order bytes come in: each is counted once."""
    chance = random.Random(12)
    for _ in range(200):
        spans, there = Spans(), set[int]()
        for _ in range(30):
            start = chance.randrange(60)
            end = start + chance.randrange(1, 12)
            assert spans.add(start, end) == len(set(range(start, end)) - there)
            there |= set(range(start, end))
            assert spans.end == max(there) + 1
            assert spans.contiguous == next(place for place in range(100) if place not in there)


def test_gaps_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streamed, "MAX_SPANS", 3)
    spans = Spans()
    assert [spans.add(place, place + 1) for place in (0, 2, 4)] == [1, 1, 1]
    with pytest.raises(FileError, match="more than 3 gaps"):
        spans.add(6, 7)
    assert spans.add(1, 2) == 1  # which closes one


def test_no_command_is_dropped() -> None:
    """A manager that sends 15,000 commands before it reads a byte: more than may wait, so the rest waits outside."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        peer = Peer(*server.getsockname())
        manager = server.accept()[0]
        with manager, peer.connection:
            sender = threading.Thread(target=peer.send, args=(bytes(16 << 20),))
            sender.start()
            manager.sendall(b"".join(commands.StopFile(f"{number}").encode() for number in range(15_000)))
            left = 16 << 20
            while left:
                left -= len(manager.recv(1 << 20))
            sender.join(TIMEOUT)
            names: list[str] = []
            deadline = time.monotonic() + TIMEOUT
            while len(names) < 15_000 and time.monotonic() < deadline:
                assert len(peer.commands) <= 13_000  # one block beyond the limit at most
                names += [command.fields["Source"] for command in peer.take()]
                peer.wait(0.01)
            assert names == [str(number) for number in range(15_000)]
