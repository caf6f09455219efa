"""The names that are promised to callers, and what is promised of them."""

from __future__ import annotations

import ast
import compileall
import importlib
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import click
import pytest

import faspmgr

# By hand, from the design: what is promised to callers.
EVENTS = [
    "Event", "InitEvent", "SessionEvent", "NotificationEvent", "StatsEvent", "StopEvent",
    "SkipEvent", "ArgStopEvent", "DoneEvent", "FileErrorEvent", "ErrorEvent", "OtherEvent",
]  # fmt: skip
NAMES = [
    "__version__", "Parser", "Tokenizer", "Frame", "parse", "read", "commands", "explain",
    "ErrorCode", "Problem", "Tracker", "Session", "Transfer", "FileState", "Failure", "Recorder",
    "ManagementPort", "Listener", "run", "run_sync", "Job", "FileHandle", "FileStream", "Result",
    "Attempt", "Reply", "TransferSpec", "FaspmgrError", "ProtocolError", "SpecError", "AscpError",
    "TransferError", "FileTransferError", "logs", "simulator", "views",
]  # fmt: skip
STREAM = b"FASPMGR 2\nType: STATS\nSessionId: s\nFile: a\nSize: 4\nWritten: 1\nOdd: x\n\n"


@pytest.mark.parametrize("name", NAMES + EVENTS)
def test_a_promised_name_is_there(name: str) -> None:
    assert name in dir(faspmgr)
    assert getattr(faspmgr, name) is getattr(faspmgr, name) is not None


def test_there_are_no_other_names() -> None:
    module: Any = faspmgr  # mypy sees only the imports
    assert set(module.__all__) == {*NAMES, *EVENTS}
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = module.Nothing


def test_commands_are_handed_on() -> None:
    from faspmgr.commands import SetRate
    from faspmgr.protocol import commands

    assert SetRate is commands.SetRate is faspmgr.commands.SetRate


def test_the_import_is_light() -> None:
    """Names are loaded when they are used, so that the command line starts quickly."""
    code = "import sys, faspmgr; print(*(name for name in sys.modules if name.startswith(('faspmgr', 'attr'))))"
    environment = {"PYTHONPATH": str(Path(faspmgr.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert set(done.stdout.split()) == {"faspmgr"}


def test_homes_are_what_type_checkers_read() -> None:
    tree = ast.parse(Path(faspmgr.__file__).read_bytes())
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    assert ast.unparse(block.test) == "TYPE_CHECKING"
    homes = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        (alias,) = node.names
        assert alias.asname == alias.name  # "as" makes the name public for type checkers
        homes[alias.name] = node.module
    module: Any = faspmgr
    assert homes == module._HOMES
    assert list(homes) == module.__all__


PROBE = """
import sys
opened = []
sys.addaudithook(lambda name, args: opened.append(args[0]) if name == "open" else None)
import faspmgr
imported = [path for path in opened if not str(path).endswith((".py", ".pyc", ".zip"))]
for name in faspmgr.__all__:
    getattr(faspmgr, name)
(event,) = faspmgr.parse(b"FASPMGR 2\\nType: DONE\\n\\n")
print(faspmgr.__file__, event.type, imported)
"""


@pytest.mark.parametrize("kind", ["zip", "frozen"])
def test_import_without_stubs(kind: str, tmp_path: Path) -> None:
    """From a zip, as zipimport does; and from byte code alone, as in a frozen program. Neither has a .pyi file."""
    source = Path(faspmgr.__file__).parent
    copy = tmp_path / "copy" / "faspmgr"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("*.pyi", "*.so", "*.pyd", "__pycache__"))
    if kind == "zip":
        home = Path(shutil.make_archive(str(tmp_path / "package"), "zip", copy.parent, "faspmgr"))
    else:
        home = copy.parent
        assert compileall.compile_dir(copy, quiet=1, legacy=True)
        for path in copy.rglob("*.py"):
            path.unlink()
    packages = {str(Path(attrs.__file__).parent.parent), str(Path(click.__file__).parent.parent)}
    environment = {"PYTHONPATH": os.pathsep.join([str(home), *packages]), "PYTHONDONTWRITEBYTECODE": "1"}
    # -S: without the path to the working copy, which an editable install adds.
    command = [sys.executable, "-S", "-c", PROBE]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment, cwd=tmp_path)
    assert done.stdout.split()[1:] == ["DONE", "[]"]
    assert done.stdout.startswith(str(home))


def test_the_package_is_typed() -> None:
    assert (Path(faspmgr.__file__).parent / "py.typed").exists()


# ---------------------------------------------------------------------------------------------------------------------


def test_a_tracker() -> None:
    for tracker in (faspmgr.Tracker(), faspmgr.Tracker(keep_files="all"), faspmgr.Tracker(keep_files=5)):
        session = tracker.update(faspmgr.parse(STREAM)[0])
        assert isinstance(session, faspmgr.Session)
        assert list(tracker.sessions) == [session]
        assert isinstance(tracker.transfers["s"], faspmgr.Transfer)
        assert isinstance(session.files["a"], faspmgr.FileState)
        assert (session.id, session.state, session.error) == ("s", "transferring", None)
        assert (session.progress, session.rate_kbps, session.average_rate_kbps) == (0.25, None, None)
        assert (session.bytes_transferred, session.bytes_written, session.bytes_lost) == (0, 0, 0)
        assert (session.eta_seconds, session.rtt_ms) == (None, None)
        failed = tracker.update(faspmgr.ErrorEvent(session_id="s", code=25))
        assert isinstance(failed.error, faspmgr.Failure)
        assert failed.error.code == 25


def test_the_version_is_that_of_the_project() -> None:
    assert faspmgr.__version__.count(".") == 2
    assert importlib.import_module("faspmgr._version").__version__ == faspmgr.__version__
