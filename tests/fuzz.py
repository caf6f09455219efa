"""Fuzzing of the protocol and of the log, by hand and in CI: guided by coverage with atheris, or with mutations alone.

    python tests/fuzz.py -atheris_runs=20000
    python tests/fuzz.py -max_total_time=600 my-corpus/
    python tests/fuzz.py crash-0123abcd
    python tests/fuzz.py --mutations 600
    python tests/fuzz.py --logs 600

The first three take the options of libFuzzer. Without a file or folder it starts from the fixtures and keeps nothing
but a crash. The last four bytes of an input say where it is cut, how long a message may be, and how many data of a
WRITE are kept; the rest is the stream, which is read as one of the protocol and as a log.

The last two need no atheris. ``--mutations SECONDS`` compares the compiled twin with the one in Python, and only that:
for a _speedups.c that was built with sanitizers. ``--logs SECONDS`` reads logs: lines of the fixtures and others, in
every form, broken. The input in hand is in the file crash-mutation, which is left behind where the process does not
come to its end, and is an input for the third line.
"""

from __future__ import annotations

import importlib
import importlib.util
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMITS = [1 << 20, 500, 60, 20]
DATA_LIMITS = [0, 1 << 20, 25]
PIECES = [
    b"\n",
    b"\r",
    b"\r\n",
    b"\n\n",
    b"\0",
    b"\x1b",
    b"\xff",
    b"\xc3",
    b": ",
    b"FASPMGR 2\n",
    b"noise\n",
    b"0",
    b"9" * 19,
    b"FASPMGR 4\nType: WRITE\nSize: 20\n\n",
    b"FASPMGR 4\nType: WRITE\nSize: 0\n\n\n\n",
]
LOG_PIECES = [*PIECES[:8], b'"', b" ", b"=", b"[", b"]", b"/", b"-", b"9" * 19, b"\xc2\xb2", b"a=", b' size=1 op="']
LOG_SECONDS = 5.0
"""Of the processor, for all that is done with an input of some thousand bytes; most take a hundredth of one."""
LOG_GROWTH_MB = 100
"""What memory may grow by from the hundredth input on."""


def split(data: bytes) -> tuple[bytes, list[int], int, int]:
    """Give the stream of an input, where it is cut, how long a message may be, and how many data are kept."""
    stream, tail = data[:-4], data[-4:].rjust(4, b"\0")
    kept, limit = divmod(tail[3], len(LIMITS))
    return (
        stream,
        [part * len(stream) // 256 for part in tail[:3]],
        LIMITS[limit],
        DATA_LIMITS[kept % len(DATA_LIMITS)],
    )


def captures() -> list[Path]:
    return sorted((ROOT / "fixtures").rglob("*.fasp"))


def logs() -> list[Path]:
    return sorted((ROOT / "fixtures" / "ascp-log").glob("*.log"))


# ---------------------------------------------------------------------------------------------------------------------
# With atheris


def fuzz(arguments: list[str]) -> None:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["faspmgr"]):
        invariants = importlib.import_module("tests.invariants")
        log_invariants = importlib.import_module("tests.log_invariants")
        twins = importlib.import_module("tests.twins")
    if twins.WITHOUT:
        print(f"!!! {twins.WITHOUT}: the twins are not compared", file=sys.stderr)

    def one_input(data: bytes) -> None:
        invariants.check(*split(data))
        log_invariants.check(*split(data)[:3])
        if not twins.WITHOUT:
            twins.compare(*split(data))

    atheris.Setup([sys.argv[0], "-max_len=3000", *arguments], one_input)
    atheris.Fuzz()


# ---------------------------------------------------------------------------------------------------------------------
# With mutations


def mutated(chance: random.Random, seeds: list[bytes]) -> bytes:
    """Some messages of a stream, several times so that their layouts are learnt, with a few things done to them."""
    messages: list[bytes] = []
    for _ in range(chance.randint(1, 3)):
        whole = chance.choice(seeds).split(b"\n\n")
        start = chance.randrange(len(whole))
        messages += whole[start : start + chance.randint(1, 4)] * chance.randint(1, 5)
    if chance.random() < 0.5:
        chance.shuffle(messages)
    return broken(chance, b"\n\n".join([*messages[:40], b""]), PIECES)


def broken(chance: random.Random, whole: bytes, pieces: list[bytes]) -> bytes:
    """An input: a stream with a few things done to it, and where it is cut."""
    data = bytearray(whole)
    for _ in range(chance.choice([0, 1, 1, 2, 4, 8])):
        at, end = chance.randint(0, len(data)), chance.randint(1, 30)
        way = chance.randrange(6)
        if way == 0 and at < len(data):
            data[at] ^= 1 << chance.randrange(8)
        elif way == 1:
            data[at:at] = chance.choice(pieces)
        elif way == 2:
            del data[at : at + end]
        elif way == 3:
            data[at:at] = data[at : at + end] * chance.randint(1, 3)
        elif way == 4:
            data[at : at + 1] = chance.randbytes(chance.randint(1, 4))
        else:
            lines = data.split(b"\n")
            one, other = chance.randrange(len(lines)), chance.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            data = bytearray(b"\n".join(lines))
    limits = chance.choice([0, 0, 0, 1, 2, 3]) + len(LIMITS) * chance.randrange(len(DATA_LIMITS))
    return bytes(data) + chance.randbytes(3) + bytes([limits])


def simulated() -> Iterator[bytes]:
    """Streams that nobody wrote down; the last one is what a manager sends with ``--faspmgr-io``."""
    command = [sys.executable, "-m", "faspmgr", "simulate", "--seed", "1"]
    for options in (
        ["--files", "20", "--fail", "2", "--skip", "2"],
        ["--sessions", "2", "--loss", "0.1", "--checksum", "md5"],
    ):
        yield subprocess.run([*command, *options], cwd=ROOT, capture_output=True, check=True).stdout[:20_000]
    commands = importlib.import_module("faspmgr.commands")
    sent = [commands.Put("/a", 60)]
    for offset, data in enumerate((b"", b"FASPMGR 2\nType: STATS\nFile: a\n\n", b"\n\r\n\0\xff", b"\n\n")):
        sent += [commands.Write("/a", offset, data), commands.SetRate(5)]
    yield b"".join(command.encode() for command in [*sent, commands.Close("/a")])


def mutations(seconds: float) -> int:
    twins = importlib.import_module("tests.twins")
    if twins.WITHOUT:
        sys.exit(f"fuzz.py: {twins.WITHOUT}")
    seeds = [*simulated(), *(path.read_bytes()[:20_000] for path in captures())]
    inputs = many(seconds, lambda chance: mutated(chance, seeds), lambda data: twins.compare(*split(data)))
    print(f"{inputs}: the twins are equal")
    return 0


def broken_logs(seconds: float) -> int:
    invariants = importlib.import_module("tests.log_invariants")
    lines = [line for path in logs() for line in invariants.messages_of(path.read_bytes())]
    count, memory = 0, 0.0

    def make(chance: random.Random) -> bytes:
        return broken(chance, invariants.made_up_log(chance, lines).encode(), LOG_PIECES)

    def check(data: bytes) -> None:
        nonlocal count, memory
        start = time.process_time()
        invariants.check(*split(data)[:3])
        assert time.process_time() - start < LOG_SECONDS
        count += 1
        if count == 100:
            memory = peak_mb()
        assert count <= 100 or peak_mb() - memory < LOG_GROWTH_MB

    print(f"{many(seconds, make, check)}: all lines are in records")
    return 0


def peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def many(seconds: float, make: Callable[[random.Random], bytes], check: Callable[[bytes], None]) -> str:
    """Check inputs for so long; say how many they were."""
    seed = time.time_ns()
    chance = random.Random(seed)
    keep = Path("crash-mutation")
    count = size = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        data = make(chance)
        keep.write_bytes(data)
        check(data)
        count, size = count + 1, size + len(data)
    keep.unlink()
    return f"{count:,} inputs of {size // count:,} bytes, seed {seed}"


def main(arguments: list[str]) -> int:
    sys.path.insert(0, str(ROOT))
    if arguments[:1] == ["--mutations"]:
        return mutations(float(arguments[1]))
    if arguments[:1] == ["--logs"]:
        return broken_logs(float(arguments[1]))
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzz.py needs atheris: pip install atheris")
    if any(not argument.startswith("-") for argument in arguments):
        fuzz(arguments)
        return 0
    # libFuzzer writes what it finds into the first folder it is given, and ends the process when it is through.
    folders = sorted({str(path.parent) for path in [*captures(), *logs()]})
    with TemporaryDirectory() as corpus:
        return subprocess.call([sys.executable, __file__, *arguments, corpus, *folders])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
