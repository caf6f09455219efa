"""What is measured inside of a process: run.py starts one of these for each twin, and only run.py starts them.

``worker.py rounds CAPTURE LINES BASE_LINES LOG`` reads the name of a job from each line of standard input, does it, and
prints its seconds. Any other task prints JSON, once; ``growth`` and ``memory`` read a stream from standard input.
What only some tasks need is imported there, and what faspmgr exports when it is first used: it would count as memory.

Seconds are those of the processor: a core that others use as well must not make long jobs look slower than short ones.
"""

from __future__ import annotations

import gc
import io
import json
import operator
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import faspmgr

PIECE = 65_536
SMALL_PIECE = 2_048


def _twin() -> str:
    """Which twin this process has: "compiled" or "pure Python"."""
    from faspmgr.protocol.speedups import NAME

    return NAME


def main() -> None:
    task, *arguments = sys.argv[1:]
    if task == "rounds":
        _rounds(*map(Path, arguments))
    else:
        print(json.dumps(TASKS[task](*map(int, arguments))))


# -- messages per second


def _rounds(capture: Path, lines: Path, base_lines: Path, log: Path) -> None:
    jobs = _jobs(capture.read_bytes(), lines.read_bytes().splitlines(), base_lines.read_bytes().splitlines())
    jobs |= _log_jobs(log.read_bytes())
    gc.collect()
    gc.freeze()  # what the jobs read from is not to be looked at by each collection in them
    for name in sys.stdin:
        gc.collect()
        start = time.process_time()
        jobs[name.rstrip("\n")]()
        print(time.process_time() - start, flush=True)


def _jobs(data: bytes, lines: list[bytes], base_lines: list[bytes]) -> dict[str, Callable[[], None]]:
    """The jobs by the names of their rows. None of them keeps what it makes."""
    from by_line import loader

    pieces, small_pieces = ([data[at : at + size] for at in range(0, len(data), size)] for size in (PIECE, SMALL_PIECE))

    stats, stop = base_lines[:2]
    members = set(type(loader("msgspec")(stats)).__struct_fields__)
    if members != json.loads(stats).keys() | json.loads(stop).keys():
        raise RuntimeError("the Struct of the base has other fields than the messages: see by_line.py")

    def decode(library: str, lines: list[bytes]) -> Callable[[], None]:
        load = loader(library)

        def run() -> None:
            for line in lines:
                load(line)

        return run

    def frames() -> None:
        tokenizer = faspmgr.Tokenizer()
        for piece in pieces:
            for frame in tokenizer.feed(piece):
                frame.fields  # noqa: B018  # made when it is read

    def events(pieces: list[bytes]) -> None:
        parser = faspmgr.Parser()
        for piece in pieces:
            parser.feed(piece)

    def track() -> None:
        parser, tracker = faspmgr.Parser(), faspmgr.Tracker()
        for piece in pieces:
            for event in parser.feed(piece):
                tracker.update(event)

    return {
        "base": decode("msgspec", base_lines),
        "orjson": decode("orjson", lines),
        "frames with fields": frames,
        "typed events": lambda: events(pieces),
        "typed events, 2 KB pieces": lambda: events(small_pieces),
        "typed events and Tracker": track,
    }


def _log_jobs(data: bytes) -> dict[str, Callable[[], None]]:
    """The same for a log."""
    from by_line import expression

    from faspmgr.logs import LogEvents, LogReader, LogRecord

    match = expression().match
    pieces = [data[at : at + PIECE] for at in range(0, len(data), PIECE)]

    def expressions(groupdict: bool) -> None:
        for line in io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", errors="replace"):
            found = match(line)
            if groupdict and found:
                found.groupdict()

    def records(use: Callable[[LogRecord], object] | None = None) -> None:
        reader = LogReader()
        for piece in pieces:
            made = reader.feed(piece)
            if use:
                for record in made:
                    use(record)

    def track() -> None:
        events, tracker = LogEvents(), faspmgr.Tracker()

        def use(record: LogRecord) -> None:
            for event in events.feed(record):
                tracker.update(event)

        records(use)

    return {
        "expression": lambda: expressions(groupdict=False),
        "expression, groupdict": lambda: expressions(groupdict=True),
        "records": records,
        "records with fields": lambda: records(operator.attrgetter("fields")),
        "events": lambda: records(LogEvents().feed),
        "events and Tracker": track,
    }


# -- growth of time and memory with the length of a stream


def _bare() -> dict[str, float]:
    """The bare interpreter: our modules are loaded when they are first used."""
    return {"memory_mb": _peak_mb()}


def _growth() -> dict[str, float]:
    """Feed standard input to a parser and a tracker. The time is that of this process, without the one that writes."""
    parser, tracker = faspmgr.Parser(), faspmgr.Tracker()
    count = size = 0
    start = time.process_time()
    while piece := os.read(0, PIECE):
        size += len(piece)
        for event in parser.feed(piece):
            tracker.update(event)
            count += 1
    return {"seconds": time.process_time() - start, "events": count, "bytes": size, "memory_mb": _peak_mb()}


def _memory() -> dict[str, float]:
    """Keep all events of standard input in a list. What the first piece needs, modules and layouts, does not count."""
    parser, events = faspmgr.Parser(), list[faspmgr.Event]()
    parser.feed(os.read(0, PIECE))
    before = _peak_mb()
    while piece := os.read(0, PIECE):
        events += parser.feed(piece)
    return {"events": len(events), "memory_mb": _peak_mb() - before}


def _of_log(*arguments: str) -> dict[str, float]:
    """A whole command with the log of standard input; what it writes is dropped."""
    from faspmgr.__main__ import main as faspmgr_main

    output = os.dup(1)
    with open(os.devnull, "wb") as nothing:
        os.dup2(nothing.fileno(), 1)
    sys.argv = ["faspmgr", *arguments, "-"]
    try:
        faspmgr_main()
    except SystemExit as end:
        if end.code:
            raise
    sys.stdout.flush()
    os.dup2(output, 1)
    return {"memory_mb": _peak_mb()}


def _peak_mb() -> float:
    """The most memory this process has had. Linux's ru_maxrss would include that of its parent before exec."""
    try:
        status = Path("/proc/self/status").read_text()
    except FileNotFoundError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


# -- inputs that are made to be slow: the time for a byte must not grow with their length


def _worst(size: int) -> dict[str, Any]:
    """Nanoseconds a byte, of a fifth of so many bytes and of all."""
    message = b"FASPMGR 2\nType: STATS\nFile: " + b"x" * 900 + b"\n\n"
    cases: dict[str, tuple[Callable[[int], bytes], int]] = {
        "no line end": (lambda size: b"x" * size, PIECE),
        "one value, a byte at a time": (lambda size: b"FASPMGR 2\nType: STATS\nFile: " + b"x" * size, 1),
        "messages, a byte at a time": (lambda size: message * (size // len(message)), 1),
        "lines of noise": (lambda size: b"noise: here\n" * (size // 12), PIECE),
        "noise, a byte at a time": (lambda size: b"noise: here\n" * (size // 12), 1),
        "empty lines": (lambda size: b"\n" * size, PIECE),
        "empty lines with CR LF": (lambda size: b"\r\n" * (size // 2), PIECE),
        "empty lines, a byte at a time": (lambda size: b"\n" * size, 1),
        "headers only": (lambda size: b"FASPMGR 2\n" * (size // 10), PIECE),
        "clean messages": (lambda size: message * (size // len(message)), PIECE),
        "one CR in front": (lambda size: message.replace(b"x", b"\r", 1) + message * (size // len(message)), PIECE),
        "CR LF": (lambda size: message.replace(b"\n", b"\r\n") * (size // len(message)), PIECE),
    }
    return {name: _nanoseconds_per_byte([make(size // 5), make(size)], step) for name, (make, step) in cases.items()}


def _log_worst(size: int) -> dict[str, Any]:
    """The same for a log: its records with their fields, and what is shown of them."""
    from faspmgr.logs import LogReader

    prefix = b"2021-05-12 09:22:12.239 [ffe8-0001059c] LOG "
    line = prefix + b'FASP Transfer Stop uuid=7d5a op=send status=success file="a b" size=1 start_byte=0\n'
    block = b"2021-05-12 09:22:12 [%x-1] LOG ======= File Transfer statistics =======\n"
    session = prefix + b"FASP Session Start uuid=7d5a "
    cases: dict[str, tuple[Callable[[int], bytes], int]] = {
        "no line end": (lambda size: b"x" * size, PIECE),
        "no line end, a byte at a time": (lambda size: b"x" * size, 1),
        "lines": (lambda size: line * (size // len(line)), PIECE),
        "lines, a byte at a time": (lambda size: line * (size // len(line)), 1),
        "empty lines": (lambda size: b"\n" * size, PIECE),
        "lines that go on": (lambda size: prefix + b"x\n" * (size // 2), PIECE),
        "blocks that are open": (lambda size: b"".join(block % number for number in range(size // 64)), PIECE),
    }
    parts = {
        "blanks": (session + b"dest=", b" "),
        "pairs": (session, b"a= "),
        "quotes that open": (session, b'a=" '),
        "quoted pairs": (session, b'os="x" '),
        "cookies that are cut": (session, b'cookie="x '),
        "brackets": (session, b"[peer "),
        "sizes": (prefix + b'FASP Transfer Stop uuid=7d5a file="', b" size=1"),
        "statistics": (prefix + b"FASP Session Statistics [Sender] id=7d5a ", b"(a "),
        "slashes": (prefix + b"Sender bl ", b"a/"),
        "destinations": (prefix + b"Add sender src : ", b" dst : "),
        "tokens": (prefix, b"token="),
        "structured data": (b"<134>1 2026-01-26T18:44:54Z host ascp 1 - [", b'a="'),
    }
    cases |= {f"a line of {name}": (_repeated(*part), PIECE) for name, part in parts.items()}

    def read(data: bytes, step: int) -> None:
        reader = LogReader()
        for offset in range(0, len(data), step):
            for record in reader.feed(data[offset : offset + step]):
                record.to_dict()
        for record in reader.close():
            record.to_dict()

    return {
        name: _nanoseconds_per_byte([make(size // 5), make(size)], step, read) for name, (make, step) in cases.items()
    }


def _repeated(start: bytes, part: bytes) -> Callable[[int], bytes]:
    return lambda size: start + part * (size // len(part)) + b"\n"


def _parse(data: bytes, step: int) -> None:
    parser = faspmgr.Parser()
    for offset in range(0, len(data), step):
        parser.feed(data[offset : offset + step])
    parser.close()


def _nanoseconds_per_byte(inputs: list[bytes], step: int, read: Callable[[bytes, int], None] = _parse) -> list[float]:
    """The best of each input; they take turns, the fast ones more often."""
    best = [float("inf")] * len(inputs)
    rounds, end = 0, time.perf_counter() + 0.3
    while rounds < 3 or time.perf_counter() < end:
        for index, data in enumerate(inputs):
            start = time.process_time()
            read(data, step)
            best[index] = min(best[index], time.process_time() - start)
        rounds += 1
    return [seconds / len(data) * 1e9 for seconds, data in zip(best, inputs)]


TASKS: dict[str, Callable[..., Any]] = {
    "twin": _twin,
    "bare": _bare,
    "growth": _growth,
    "memory": _memory,
    "worst": _worst,
    "log_of_log": lambda: _of_log("log", "--timezone", "UTC"),
    "summary_of_log": lambda: _of_log("summary"),
    "log_worst": _log_worst,
}

if __name__ == "__main__":
    main()
