"""The stream that all is measured with: ``faspmgr simulate --files N --size 4M --seed 5``, with any N; and a log.

It is a STATS and a STOP for each file, with 15 to 17 fields, and every file has a name of its own. For throughput and
whole commands it is written to a file, once. For what grows with the stream it comes through a pipe, so that neither
the disk holds a gigabyte of it nor the process that is measured the simulator.

The log is that of one session, in the form of the sample in fixtures/ascp-log: a Transfer Start and a Transfer Stop for
each file, with a name of its own. ``python benchmarks/streams.py N`` writes it.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs

BYTES_PER_FILE = 709
"""Of the stream, on average; every size here is one of these streams, given as a number of files."""


BYTES_PER_LOG_FILE = 548
"""The same of the log."""


def _command(files: int) -> list[str]:
    options = ["--files", str(files), "--size", "4M", "--seed", "5"]
    return [sys.executable, "-m", "faspmgr", "simulate", *options]


@contextmanager
def piped(files: int, log: bool = False) -> Iterator[IO[bytes]]:
    """The stream of so many files, or the log, to be read as it is made."""
    command = [sys.executable, __file__, str(files)] if log else _command(files)
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        yield process.stdout
    if process.returncode:
        raise RuntimeError(f"{command}: status {process.returncode}")


# -- the log

_UUID = "21702a17-536d-2677-96b1-bab7352566e1"
_ENDS = (
    "source=/projects/film dest=/in source_prefix=- local=192.0.2.7:50000 peer=203.0.113.8:33001 tcp_port=22"
    ' os="Linux" ver=3.9.6.177525 lic=48:1:2000 peeros="Linux" peerver=4.3.1.184714 peerlic=10:1:56723'
)
_PARAMS = f'FASP Session Params uuid={_UUID} userid=0 user="op" targetrate=200000000 minrate=0 cipher=none cookie="-"'
_IN_PROGRESS = 40
"""Twenty files start in a second, and each takes two."""


def log(files: int) -> Iterator[str]:
    """The lines of the log of so many files."""
    yield _line(0, f"FASP Session Start uuid={_UUID} op=recv status=started {_ENDS}")
    yield _line(0, _PARAMS)
    for at in range(files + _IN_PROGRESS):
        if at < files:
            yield _line(at, _transfer(at, "Start", "started", "rate=200.00Mbps"))
        if at >= _IN_PROGRESS:
            rate = _size(at - _IN_PROGRESS) * 8 / 2 / 1e6
            yield _line(at, _transfer(at - _IN_PROGRESS, "Stop", "success", f"rate={rate:.2f}Mbps elapsed=2.00s"))
    end, size = files + _IN_PROGRESS, sum(map(_size, range(files)))
    yield _line(end, f"FASP Session Stop uuid={_UUID} op=recv status=success {_ENDS}")
    yield _line(end, _PARAMS)
    yield _line(
        end,
        f"FASP Session Statistics [Receiver] id={_UUID} delay=33ms ave_xmit_rate 190.00Mbps effective=96.23%"
        " effective_rate=182.00Mbps (detail: good_blks 51 bl_total 53 bl_orig 51 bl_rex 2)"
        f" (progress: tx_bytes {size} file_bytes {size} tx_time {end * 50_000})",
    )


def _line(at: int, message: str) -> str:
    seconds, part = divmod(at, 20)
    day, second = divmod(seconds, 86_400)
    clock = f"{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{part * 50:03}"
    return f"2021-05-{1 + day:02} {clock} [538c-0001002c] LOG {message}\n"


def _transfer(number: int, event: str, status: str, rate: str) -> str:
    name = f"in/scene_{number // 100:05}/shot_{number:07}.exr"
    return (
        f'FASP Transfer {event} uuid={_UUID} op=recv status={status} file="{name}" size={_size(number)} start_byte=0'
        f' {rate} loss=0.00 rexreqs=0 overhead=0 mtime="2021-05-11 15:24:58"'
    )


def _size(number: int) -> int:
    return 100_000 + number * 7919 % 9_000_000


@attrs.frozen
class Recorded:
    """The stream in files: as it is, and as the JSON Lines that others read."""

    capture: Path
    """The stream itself."""
    lines: Path
    """All of its messages, each a line of JSON."""
    base_lines: Path
    """Those of its STATS and STOP messages, which the base reads."""
    log: Path
    """The log of as many files."""
    events: int
    base_events: int
    bytes: int
    log_lines: int

    @classmethod
    def make(cls, folder: Path, files: int) -> Recorded:
        """Write the three files of a stream of so many files, with names of their own, to a folder."""
        import orjson  # as compact as JSON gets

        import faspmgr

        capture, lines, base_lines = (folder / f"{files}.{end}" for end in ("fasp", "jsonl", "base.jsonl"))
        with capture.open("wb") as file:
            subprocess.run(_command(files), stdout=file, check=True)
        events = base_events = 0
        with lines.open("wb") as all_file, base_lines.open("wb") as base_file:
            for event in faspmgr.read(capture):
                line = orjson.dumps(event.to_dict()) + b"\n"
                all_file.write(line)
                events += 1
                if event.type in ("STATS", "STOP"):
                    base_file.write(line)
                    base_events += 1
        log_file, log_lines = folder / f"{files}.log", [*log(files)]
        log_file.write_text("".join(log_lines))
        size = capture.stat().st_size
        return cls(capture, lines, base_lines, log_file, events, base_events, size, len(log_lines))


if __name__ == "__main__":
    sys.stdout.writelines(log(int(sys.argv[1])))
