"""The README and the docstrings say what happens: every command and every example in them is run.

In the README a ``console`` block holds commands behind ``$`` and what they print, standard output and standard error
together; a line of ``…`` stands for lines that are left out, ``…`` inside a line for the rest of it. Python examples
are doctests.
"""

from __future__ import annotations

import doctest
import importlib
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import faspmgr

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)


def examples() -> list[tuple[str, str]]:
    """(command, expected output) of every console block."""
    found = []
    for block in BLOCK.findall(README.read_text(encoding="utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.split("\n")
            command = lines.pop(0)
            while command.endswith("\\"):
                command = command[:-1] + lines.pop(0)
            found.append((command, "\n".join(lines).strip("\n")))
    return found


def matches(expected: str, printed: str) -> bool:
    lines = [re.escape(line).replace("…", ".*") for line in expected.split("\n")]
    pattern = "\n".join("(?:.*\n)*?.*" if line == ".*" else line for line in lines)
    return re.fullmatch(pattern, printed.strip("\n")) is not None


@pytest.mark.parametrize(("command", "expected"), examples(), ids=lambda text: text.split("\n")[0][:60])
def test_readme_command(command: str, expected: str, tmp_path: Path) -> None:
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    for name, module in (("faspmgr", "faspmgr"), ("faspmgr-ascp", "faspmgr.simulator.ascp")):
        script = bin_folder / name
        script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m {module} "$@"\n')
        script.chmod(0o755)
    (tmp_path / "fixtures").symlink_to(ROOT / "fixtures")
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    environment.pop("FASPMGR_ASCP", None)
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        timeout=50,
        check=False,
    )
    printed = done.stdout.decode()
    assert matches(expected, printed), f"\n--- the README says\n{expected}\n--- it prints\n{printed}"


def test_readme_has_the_worked_example() -> None:
    example = (ROOT / "tests" / "examples" / "test_nightly.py").read_text(encoding="utf-8")
    assert f"```python\n{example}```" in README.read_text(encoding="utf-8")


def test_readme_python() -> None:
    os.chdir(ROOT)
    result = doctest.testfile(str(README), module_relative=False, optionflags=doctest.ELLIPSIS, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted > 0


@pytest.mark.parametrize("name", [module.name for module in pkgutil.walk_packages(faspmgr.__path__, "faspmgr.")])
def test_docstrings(name: str) -> None:
    if name == "faspmgr.__main__":
        pytest.skip("runs the command line when it is imported")
    assert doctest.testmod(importlib.import_module(name)).failed == 0
