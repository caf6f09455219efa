"""What is drawn, how often, and what happens when nobody looks any more."""

from __future__ import annotations

import errno
import io
import json
import os
import pty
import sys
from collections.abc import Iterator
from functools import partial
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr import (
    DoneEvent,
    ErrorEvent,
    Event,
    FileErrorEvent,
    InitEvent,
    NotificationEvent,
    SessionEvent,
    SkipEvent,
    StatsEvent,
    StopEvent,
    Tracker,
    Transfer,
)
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.progress import MODES, make_progress
from faspmgr.cli.progress.bars import Bars, shorten
from faspmgr.cli.progress.base import Output, Progress
from faspmgr.cli.progress.facts import facts, fit, fold
from faspmgr.cli.progress.jsonl import JsonLines
from faspmgr.cli.progress.lines import Lines, PlainLine
from tests.cli.screen import Screen
from tests.cli.terminal import set_columns

Drawer = TypeVar("Drawer", bound=Progress)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def transfers_of(*events: Event, lost: bool = False) -> list[Transfer]:
    tracker = Tracker()
    for event in events:
        tracker.update(event)
    if lost:
        tracker.close()
    return list(tracker.transfers.values())


def stats(name: str = "a.bin", done: int = 25, size: int = 100, session: str = "s", **more: Any) -> StatsEvent:
    return StatsEvent(session_id=session, file=name, size=size, written=done, **more)


HALFWAY: list[Event] = [
    InitEvent(session_id="s", user_str="night"),
    NotificationEvent(session_id="s", pre_transfer_bytes=1_000_000, pre_transfer_files=3),
    stats(done=0, size=900_000, elapsed_usec=0, transfer_bytes=0),
    SkipEvent(session_id="s", file="b.bin"),
    FileErrorEvent(session_id="s", file="c.bin", code=5),
    stats(done=500_000, size=900_000, elapsed_usec=1_000_000, transfer_bytes=500_000, loss=5_000, delay=24),
]
"""500 kB of 1 MB in 1 s: 4 Mbps, 1 s to go; one of three files skipped, one failed."""


def halfway() -> list[Transfer]:
    return transfers_of(*HALFWAY)


def drawing(kind: type[Drawer], columns: int = 80) -> tuple[Screen, Clock, Drawer]:
    """A screen, a clock, and what draws on the one by the other."""
    screen, clock = Screen(columns), Clock()
    return screen, clock, kind(Output(screen, columns), clock)  # type: ignore[arg-type]


def on(screen: Screen, mode: str = "bar") -> Progress:
    """The progress of a mode, on a screen."""
    return make_progress(mode, screen, width=screen.columns)  # type: ignore[arg-type]


def writing(kind: type[Drawer]) -> tuple[io.StringIO, Clock, Drawer]:
    """A stream that is no terminal, a clock, and what writes to it."""
    stream, clock = io.StringIO(), Clock()
    return stream, clock, kind(Output(stream), clock)


def bars_of(*events: Event, columns: int = 100) -> list[str]:
    """The lines of bars that these events make."""
    screen = Screen(columns)
    on(screen).update(transfers_of(*events))
    return screen.text.splitlines()


def first_words(lines: list[str]) -> list[str]:
    return [line.split()[0] for line in lines]


# -- facts


@pytest.mark.parametrize(
    ("events", "parts"),
    [
        (HALFWAY, "50%; 500.0 kB of 1.0 MB; 4.0 Mbps; ETA 1 s; 2 of 3 files; 1 skipped; 1 failed; average 4.0 Mbps; "
                  "RTT 24 ms; loss 1.0%"),
        # The size is an estimate unless it was calculated; 100 % is only what is done.
        ([stats()], "25%; 25 B of 100 B so far; 0 files"),
        ([stats(done=999, size=1000)], "99%; 999 B of 1.0 kB so far; 0 files"),
        # The state comes first while nothing moves.
        ([InitEvent(session_id="s")], "connecting; 0%; 0 B of 0 B so far; 0 files"),
        ([ErrorEvent(session_id="s", code=14)], "failed; 0%; 0 B of 0 B; 0 files"),
    ],
)  # fmt: skip
def test_facts(events: list[Event], parts: str) -> None:
    assert facts(transfers_of(*events)[0]) == parts.split("; ")


@pytest.mark.parametrize(
    ("lost", "sent", "said"),
    [(0, 1000, "loss 0%"), (1, 100_000, "loss <0.1%"), (5, 10_000, "loss 0.1%"), (250, 1000, "loss 25.0%")],
)
def test_loss(lost: int, sent: int, said: str) -> None:
    assert said in facts(transfers_of(stats(loss=lost, transfer_bytes=sent))[0])


def test_lines_are_filled_with_whole_parts() -> None:
    assert fit(["one", "two", "three"], 9) == "one, two"
    assert fold(["one", "two", "three"], 9) == ["one, two", "three"]
    assert fold(["a very long part", "b"], 6) == ["a very", "b"]
    assert fold([], 9) == []
    assert fit([], 9) == ""


# -- bars


def test_bars_of_a_transfer() -> None:
    assert bars_of(*HALFWAY, columns=80) == [
        "total                       ━━━━━━━━╺━━━━━━━  50%    4.0 Mbps  ETA 1 s",
        "500.0 kB of 1.0 MB, 2 of 3 files, 1 skipped, 1 failed, average 4.0 Mbps",
        "RTT 24 ms, loss 1.0%",
        "  a.bin                     ━━━━━━━━╸━━━━━━━  55%  500.0 kB of 900.0 kB",
    ]


@pytest.mark.parametrize("columns", [1, 10, 20, 40, 71, 72, 200])
def test_bars_fit_the_window(columns: int) -> None:
    lines = bars_of(*HALFWAY, columns=columns)
    assert max(map(len, lines)) <= columns
    if columns >= 20:
        for part in ("50%", "55%", "500.0 kB", "2 of 3", "1 failed", "average 4.0 Mbps", "RTT 24 ms", "loss 1.0%"):
            assert part in "\n".join(lines)


def test_bar_for_each_file_in_progress() -> None:
    started = (stats("one", 50), stats("two", 100), stats("three", 0))
    lines = bars_of(*started, StopEvent(session_id="s", file="two"))
    assert first_words(lines[2:]) == ["one", "three"]
    assert lines[2].endswith("50%  50 B of 100 B")
    assert lines[3].endswith("0%  0 B of 100 B")
    bars = [line.count("━") + line.count("╸") + line.count("╺") for line in lines]
    assert bars[0] == bars[2] == bars[3] > 20
    assert lines[0].index("━") == lines[2].index("━")


def test_number_of_file_bars_is_limited() -> None:
    names = [f"file{number}" for number in range(12)]
    lines = bars_of(*map(stats, names))
    assert first_words(lines[2:]) == [*names[:7], "+5"]
    assert lines[-1] == "  +5 more files"
    assert first_words(bars_of(*map(stats, names[:8])))[-1] == "file7"


@pytest.mark.parametrize("rows", [2, 3, 5, 10])
@pytest.mark.parametrize("sessions", [1, 2, 40])
def test_drawing_fits_the_window(rows: int, sessions: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", str(rows))
    events = [stats(f"f{number}", session=f"s{number % sessions}") for number in range(200)]
    screen = Screen(60, rows)
    progress = on(screen)
    for _ in range(2):
        progress.update(transfers_of(*events))
        assert screen.writes[-1].count("\n") <= rows - 1  # the cursor takes the last one
        progress._next = 0
        events.append(stats("another"))
    assert len(screen.writes) == 2
    assert screen.text.count("total") <= 1


def test_one_bar_for_the_job_of_several_sessions() -> None:
    node = partial(SessionEvent, xfer_id="x", cluster_num_nodes=2)
    parts = [node(session_id="s0", cluster_node_id=0), node(session_id="s1", cluster_node_id=1)]
    lines = bars_of(*parts, stats("a", 50, session="s0"), stats("b", 100, session="s1"))
    assert first_words(lines) == ["total", "150", "a", "b"]
    assert " 75% " in lines[0]
    assert "2 sessions" in lines[1]


def test_each_of_several_transfers_has_a_bar() -> None:
    lines = bars_of(*(stats(session=f"job{number}") for number in range(3)), DoneEvent(session_id="job1"))
    assert lines[0] == "3 transfers, 2 in progress, 1 done, 75 B of 300 B"
    assert first_words(lines[1:]) == ["job0", "25", "a.bin", "job2", "25", "a.bin"]


def test_transfers_without_room_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LINES", "24")
    lines = bars_of(*(stats(session=f"job{number}") for number in range(30)))
    assert lines[0].startswith("30 transfers, 30 in progress")
    assert lines[-1] == "+22 more transfers"


def test_new_drawing_takes_the_place_of_the_last() -> None:
    screen, clock, progress = drawing(Bars)
    progress.update(transfers_of(stats("one"), stats("two"), stats("three")))
    assert len(screen.text.splitlines()) == 5
    clock.now += 1
    progress.update(transfers_of(stats("one", 75)))
    assert first_words(screen.text.splitlines()) == ["total", "75", "one"]
    progress.close()
    assert screen._column == 0
    assert screen.lines[-1] == ""


def test_window_that_got_narrower() -> None:
    screen, clock, progress = drawing(Bars, 100)
    transfers = transfers_of(stats("one", transfer_bytes=5, elapsed_usec=9), stats("two"))
    progress.update(transfers)
    lines = screen.text.splitlines()
    assert [len(line) > 40 for line in lines] == [True] * 4
    progress._output._width = 40
    clock.now += 1
    progress.update(transfers)
    # Each line takes two rows now, or three where it had more than 80 columns.
    rows = sum(2 if len(line) <= 80 else 3 for line in lines)
    assert screen.writes[-1].startswith(f"\r\x1b[{rows}A")


def test_message_does_not_tear_the_bars(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, _, progress = drawing(Bars)
    monkeypatch.setattr(sys, "stderr", screen)
    progress.message("before anything")
    progress.update(transfers_of(stats("one")))
    drawn = screen.text.splitlines()[1:]
    progress.message("ascp: \x1b[2Jtwo\nlines\n")
    assert screen.text.splitlines() == ["before anything", "ascp: \\x1b[2Jtwo", "lines", *drawn]
    progress.close()
    progress.message("after")
    assert screen.text.splitlines() == ["before anything", "ascp: \\x1b[2Jtwo", "lines", *drawn, "after"]


def test_silence_is_reported() -> None:
    screen, clock, progress = drawing(Bars)
    transfers = transfers_of(stats("one"))
    for now, said in ((1000, False), (1004, False), (1012, True)):
        clock.now = now
        progress.update(transfers)
        assert ("silent for" in screen.text) == said
    assert "silent for 12 s, 25 B of 100 B" in screen.text
    clock.now += 1
    progress.update(transfers_of(stats("one"), stats("one", 26)))
    assert "silent" not in screen.text


def test_names_are_cut_at_their_start() -> None:
    assert shorten("file.bin", 10) == "file.bin  "
    assert shorten("folder/file.bin", 9) == "…file.bin"
    assert shorten("映像素材.mov", 8) == "…材.mov "  # a wide character takes two cells
    assert shorten("a\x1b[31mb", 12) == "a\\x1b[31mb  "
    assert shorten("x" * 1_000_000, 4) == "…xxx"
    assert shorten("s3://AKIAIOSFODNN7EXAMPLE:hunter2@b/f", 12) == "s3://***@b/f"


NAMES = st.text(max_size=60) | st.text("a/映像👩\u200d\u0301\ufe0f\x1b[\x00\r\n\udcff", max_size=60)


@given(st.lists(NAMES, min_size=1, max_size=12), st.text(max_size=20), st.integers(1, 130), st.sampled_from(MODES))
def test_no_name_harms_the_terminal(names: list[str], user: str, columns: int, mode: str) -> None:
    # The Screen fails at control characters, and at lines that are too wide.
    screen = Screen(columns)
    progress = on(screen, mode)
    transfers = transfers_of(
        InitEvent(session_id="s", user_str=user),
        InitEvent(session_id="t"),
        *(stats(name) for name in names),
        ErrorEvent(session_id="t", description=user, code=1),
    )
    progress.update(transfers[:1])
    progress._next = 0
    progress.update(transfers)
    progress.close()


NUMBERS = st.integers(0, 2**64 - 1)


@given(st.lists(st.tuples(NUMBERS, NUMBERS, NUMBERS, NUMBERS), max_size=4), st.integers(1, 130), st.sampled_from(MODES))
def test_no_number_harms_the_terminal(numbers: list[tuple[int, int, int, int]], columns: int, mode: str) -> None:
    screen = Screen(columns)
    progress = on(screen, mode)
    events = [
        stats("a", done, size, elapsed_usec=usec, transfer_bytes=sent, loss=done, delay=usec)
        for done, size, usec, sent in numbers
    ]
    progress.update(transfers_of(InitEvent(session_id="s"), *events))
    progress.close()


# -- the other modes


def test_plain_line_is_rewritten_without_escapes() -> None:
    screen, clock, progress = drawing(PlainLine, 60)
    progress.update(halfway())
    assert screen.text == "50%, 500.0 kB of 1.0 MB, 4.0 Mbps, ETA 1 s, 2 of 3 files"
    clock.now += 1
    progress.update(transfers_of(stats()))
    assert screen.text == "25%, 25 B of 100 B so far, 0 files"
    progress.close()
    assert screen.lines[1:] == [""]
    assert "\x1b" not in "".join(screen.writes)


def test_plain_line_makes_room_for_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    screen, _, progress = drawing(PlainLine, 60)
    monkeypatch.setattr(sys, "stderr", screen)
    progress.update(transfers_of(stats()))
    progress.message("hello")
    assert screen.text.splitlines() == ["hello", "25%, 25 B of 100 B so far, 0 files"]


def test_lines_come_every_few_seconds_where_something_changed() -> None:
    stream, clock, progress = writing(Lines)
    transfers = transfers_of(stats(done=0))
    for tenth in range(200):  # 20 s; nothing new in the second half
        clock.now = 1000 + tenth / 10
        if tenth == 60:
            transfers = transfers_of(stats(done=0), stats(done=50))
        progress.update(transfers)
    transfers = transfers_of(stats(done=0), stats(done=50), DoneEvent(session_id="s"))
    progress.update(transfers)
    progress.close()
    assert [line.split(",")[:2] for line in stream.getvalue().splitlines()] == [
        ["0%", " 0 B of 100 B so far"],
        ["50%", " 50 B of 100 B so far"],
        ["done", " 100%"],
    ]


def test_lines_name_the_transfer_where_there_are_several() -> None:
    stream = io.StringIO()
    make_progress("auto", stream).update(transfers_of(*(stats(session=f"job\n{number}") for number in range(10))))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "job\\n0: 25%, 25 B of 100 B so far, 0 files"
    assert len(lines) == 9
    assert lines[8] == "10 transfers, 10 in progress, 250 B of 1.0 kB"


def test_json_is_the_state_without_sessions() -> None:
    stream = io.StringIO()
    transfers = halfway()
    make_progress("json", stream).update(transfers)
    shown = json.loads(stream.getvalue())
    expected = transfers[0].to_dict()
    del expected["sessions"]
    assert shown == expected
    assert (shown["id"], shown["state"]) == ("night", "transferring")
    assert (shown["rate_kbps"], shown["eta_seconds"]) == (4000.0, 1.0)


def test_json_comes_ten_times_a_second_with_the_first_and_the_last() -> None:
    stream, clock, progress = writing(JsonLines)
    tracker = Tracker()
    for number in range(1000):  # in one second
        tracker.update(stats(done=number, size=1000))
        progress.update(tracker.transfers.values())
        clock.now += 0.001
    done = [json.loads(line)["bytes_done"] for line in stream.getvalue().splitlines()]
    assert done[0] == 0
    assert 9 <= len(done) <= 10
    tracker.update(DoneEvent(session_id="s"))
    progress.update(tracker.transfers.values())
    progress.close()
    assert json.loads(stream.getvalue().splitlines()[-1])["state"] == "done"


def test_json_has_each_transfer_that_changed() -> None:
    stream, clock, progress = writing(JsonLines)
    tracker = Tracker()
    for session in ("one", "two"):
        tracker.update(stats(session=session))
    progress.update(tracker.transfers.values())
    clock.now += 1
    tracker.update(stats(session="two", done=50))
    progress.update(tracker.transfers.values())
    clock.now += 1
    progress.update(tracker.transfers.values())
    progress.close()
    assert [json.loads(line)["id"] for line in stream.getvalue().splitlines()] == ["one", "two", "two"]


def test_json_is_valid_in_any_encoding() -> None:
    shown = in_ascii("json", InitEvent(session_id="s", user_str="ü \udcff 映"))
    assert json.loads(shown)["id"] == "ü \ufffd 映"


def test_what_cannot_be_encoded_is_escaped() -> None:
    shown = in_ascii("bar", stats("ü" * 60))
    assert b"\\xfc" in shown
    assert b"---" in shown  # the bar


def in_ascii(mode: str, event: Event) -> bytes:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    make_progress(mode, stream, width=80).update(transfers_of(event))
    return raw.getvalue()


def test_none_draws_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    with make_progress("none", stream) as progress:
        progress.update(halfway())
        progress.message("a message")
    assert stream.getvalue() == ""
    assert capsys.readouterr().err == "a message\n"


@pytest.mark.parametrize("mode", MODES)
def test_without_transfers_nothing_is_drawn(mode: str) -> None:
    screen = Screen()
    with on(screen, mode) as progress:
        progress.update([])
    assert screen.writes == []


# -- which mode


@pytest.fixture
def terminal() -> Iterator[tuple[int, Any]]:
    """Master, and the stream of a terminal of 50 columns and 12 rows."""
    master, slave = pty.openpty()
    set_columns(slave, 50, 12)
    with os.fdopen(master, "rb", buffering=0), open(slave, "w") as stream:
        yield master, stream


def test_mode_follows_the_stream(terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    assert isinstance(make_progress("auto", terminal[1]), Bars)
    assert isinstance(make_progress("plain", terminal[1]), PlainLine)
    assert isinstance(make_progress("auto", io.StringIO()), Lines)
    assert isinstance(make_progress("plain", io.StringIO()), Lines)
    assert isinstance(make_progress("bar", io.StringIO()), Bars)
    monkeypatch.setenv("TERM", "dumb")
    assert isinstance(make_progress("auto", terminal[1]), PlainLine)
    with pytest.raises(ValueError, match="invalid mode: 'fancy'; it must be one of auto, bar"):
        make_progress("fancy", io.StringIO())


def test_without_rich(terminal: tuple[int, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setitem(sys.modules, "rich", None)
    monkeypatch.delitem(sys.modules, "faspmgr.cli.progress.bars")
    for name in [name for name in sys.modules if name.startswith("rich.")]:
        monkeypatch.delitem(sys.modules, name)
    assert isinstance(make_progress("auto", terminal[1]), PlainLine)
    with pytest.raises(CommandError, match=r"needs rich: pip install 'faspmgr\[watch\]'"):
        make_progress("bar", terminal[1])


def test_size_is_that_of_the_terminal_at_the_moment(terminal: tuple[int, Any]) -> None:
    output = Output(terminal[1])
    assert output.size() == (50, 12)
    set_columns(terminal[1].fileno(), 70, 20)
    assert output.size() == (70, 20)
    assert Output(terminal[1], 33).size() == (33, 20)


# -- how often


class Counting(list[Transfer]):
    looks = 0

    def __iter__(self) -> Iterator[Transfer]:
        self.looks += 1
        return super().__iter__()


@pytest.mark.parametrize("kind", [Bars, PlainLine])
def test_ten_drawings_a_second_at_most(kind: type[Progress]) -> None:
    screen, clock, progress = drawing(kind)
    tracker = Tracker()
    looks = 0
    for number in range(20_000):  # in two seconds
        tracker.update(stats(done=number, size=20_000))
        transfers = Counting(tracker.transfers.values())
        progress.update(transfers)
        looks += transfers.looks
        clock.now += 0.0001
    assert 19 <= len(screen.writes) <= 20
    assert looks == len(screen.writes)  # otherwise they were not even looked at


def test_drawing_takes_a_tenth_of_the_time_at_most() -> None:
    clock = Clock()

    class Slow(io.StringIO):
        def write(self, text: str) -> int:
            clock.now += 1.0
            return super().write(text)

    stream = Slow()
    progress = JsonLines(Output(stream), clock)
    tracker = Tracker()
    for number in range(1000):
        tracker.update(stats(done=number))
        progress.update(tracker.transfers.values())
        clock.now += 0.1
    drawings = len(stream.getvalue().splitlines())
    assert 1000 + 100 + drawings == pytest.approx(clock.now)
    assert drawings == 12  # at 0, 10, … 110 s: each takes one second


def test_same_picture_is_not_drawn_again() -> None:
    screen, clock, progress = drawing(Bars)
    for _ in range(10):
        progress.update(transfers_of(stats()))
        clock.now += 0.2
    assert len(screen.writes) == 1


# -- nobody looks any more


class Broken(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error
        self.tries = 0

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.tries += 1
        raise self.error


ERRORS = [BrokenPipeError(errno.EPIPE, "gone"), OSError(errno.EIO, "gone"), ValueError("closed"), OSError(28, "full")]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("error", ERRORS)
def test_stream_that_goes_away(mode: str, error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    stream = Broken(error)
    with make_progress(mode, stream) as progress:
        progress.update(halfway())
        progress._next = 0
        progress.update(transfers_of(stats()))
        progress.message("still heard")
    assert stream.tries == (0 if mode == "none" else 1)
    reported = "faspmgr: no more output: full\n" if "full" in str(error) and mode != "none" else ""
    assert capsys.readouterr().err == reported + "still heard\n"


@pytest.mark.parametrize("mode", MODES)
def test_stream_that_is_closed(mode: str) -> None:
    stream = io.StringIO()
    stream.close()
    with make_progress(mode, stream) as progress:
        progress.update(halfway())


def test_standard_error_that_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Broken(BrokenPipeError(errno.EPIPE, "gone")))
    make_progress("auto", io.StringIO()).message("nobody hears it")
    monkeypatch.setattr(sys, "stderr", None)
    make_progress("auto", io.StringIO()).message("nobody hears it")


def test_terminal_that_hangs_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    with open(slave, "w") as stream:
        progress = make_progress("auto", stream)
        assert isinstance(progress, Bars)
        progress.update(halfway())
        os.close(master)
        progress._next = 0
        progress.update(transfers_of(stats()))
        assert progress._output.gone
        progress.close()


def test_reader_who_stops_reading_holds_nothing_up() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        clock = Clock()
        progress = JsonLines(Output(stream), clock)
        tracker = Tracker()
        for number in range(10_000):  # 4 MB, of which a pipe takes 64 kB; it would block here
            tracker.update(stats(done=number, size=10_000))
            clock.now += 1
            progress.update(tracker.transfers.values())
        got = reader.read(1 << 20)
        tracker.update(DoneEvent(session_id="s"))
        progress.close()
        got += reader.read(1 << 20)
    lines = [json.loads(line) for line in got.splitlines()]
    assert lines[0]["bytes_done"] == 0
    assert lines[-1]["state"] == "done"
    assert 50 < len(lines) < 1000


def test_messages_wait_for_a_reader_who_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as reader, os.fdopen(writing, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        progress = make_progress("plain", io.StringIO())
        for number in range(5000):
            progress.message(f"message {number} " + "." * 80)
        got = reader.read(1 << 20)
        progress.update(halfway())
        got += reader.read(1 << 20)
    numbers = [int(line.split()[1]) for line in got.decode().splitlines()]
    assert numbers[:100] == list(range(100))
    assert numbers[-1] < 5000
    assert numbers == sorted(set(numbers))
