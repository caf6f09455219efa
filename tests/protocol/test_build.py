"""Which twin runs, and that the compiled one is that of the source beside it. What it does: see test_tokenizer.py."""

from __future__ import annotations

import sys
import sysconfig
from pathlib import Path

import pytest

import faspmgr
from tests.launcher import run

HERE = Path(faspmgr.__file__).parent / "protocol"
SOURCE = HERE / "_speedups.c"
MODULE = HERE / f"_speedups{sysconfig.get_config_var('EXT_SUFFIX')}"

needs_module = pytest.mark.skipif(not MODULE.exists(), reason="the extension module is not compiled here")


def twin(before: str = "", **environment: str) -> str:
    """The twin that a new process has, with FASPMGR_PURE as given."""
    code = f"{before}\nfrom faspmgr.protocol import speedups; print(speedups.NAME, speedups.COMPILED)"
    done = run("-c", code, program=(sys.executable,), environment={"FASPMGR_PURE": "", **environment})
    assert (done.status, done.err) == (0, "")
    return done.out


@needs_module
def test_the_compiled_one_runs_where_it_is() -> None:
    assert twin() == "compiled True\n"


def test_the_one_in_python_runs_where_no_other_is() -> None:
    assert twin("import sys; sys.modules['faspmgr.protocol._speedups'] = None") == "pure Python False\n"


@pytest.mark.parametrize("value", ["1", "0", "no"])
def test_the_one_in_python_runs_where_it_is_asked_for(value: str) -> None:
    assert twin(FASPMGR_PURE=value) == "pure Python False\n"


@needs_module
@pytest.mark.skipif(not SOURCE.exists(), reason="an installed package has no source")
def test_the_module_is_not_older_than_its_source() -> None:
    assert MODULE.stat().st_mtime >= SOURCE.stat().st_mtime, "compile it anew: .venv/bin/pip install -q -e ."
