"""Coverage-guided fuzzing of the protocol with atheris; by hand, and in CI with a fixed budget.

    python tests/fuzz.py -atheris_runs=20000
    python tests/fuzz.py -max_total_time=600 my-corpus/
    python tests/fuzz.py crash-0123abcd

Takes the options of libFuzzer. Without a file or folder it starts from the fixtures and keeps nothing but a crash. The
last four bytes of an input say where it is cut and how long a message may be; the rest is the stream.
"""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LIMITS = [1 << 20, 500, 60, 20]


def fuzz(arguments: list[str]) -> None:
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["faspmgr"]):
        invariants = importlib.import_module("tests.invariants")

    def one_input(data: bytes) -> None:
        stream, tail = data[:-4], data[-4:].rjust(4, b"\0")
        cuts = [part * len(stream) // 256 for part in tail[:3]]
        invariants.check(stream, cuts, LIMITS[tail[3] % len(LIMITS)])

    atheris.Setup([sys.argv[0], "-max_len=3000", *arguments], one_input)
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    if importlib.util.find_spec("atheris") is None:
        sys.exit("fuzz.py needs atheris: pip install atheris")
    sys.path.insert(0, str(ROOT))
    if any(not argument.startswith("-") for argument in arguments):
        fuzz(arguments)
        return 0
    # libFuzzer writes what it finds into the first folder it is given, and ends the process when it is through.
    folders = sorted({str(path.parent) for path in (ROOT / "fixtures").rglob("*.fasp")})
    with TemporaryDirectory() as corpus:
        return subprocess.call([sys.executable, __file__, *arguments, corpus, *folders])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
