"""Every program in examples/ runs as it is, and prints what its docstring says."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from tests.documentation import matches
from tests.launcher import ROOT, run

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
def test_example(example: Path, tmp_path: Path) -> None:
    docstring = ast.get_docstring(ast.parse(example.read_text(encoding="utf-8")))
    assert docstring is not None
    expected = inspect.cleandoc(docstring.split("prints::\n\n")[1])
    outcome = run(example, program=(sys.executable,), clean=True, cwd=tmp_path, stderr=subprocess.STDOUT)
    assert matches(expected, outcome.out.strip("\n")), outcome.out
    assert outcome.status == 0


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5
