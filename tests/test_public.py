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
    "Event",
    "InitEvent",
    "SessionEvent",
    "NotificationEvent",
    "StatsEvent",
    "StopEvent",
    "SkipEvent",
    "ArgStopEvent",
    "DoneEvent",
    "FileErrorEvent",
    "ErrorEvent",
    "OtherEvent",
]
NAMES = [
    "__version__",
    "Parser",
    "Tokenizer",
    "Frame",
    "parse",
    "read",
    "commands",
    "explain",
    "ErrorCode",
    "Problem",
    "Tracker",
    "Session",
    "Transfer",
    "FileState",
    "Failure",
    "Recorder",
    "ManagementPort",
    "Listener",
    "run",
    "run_sync",
    "Job",
    "FileHandle",
    "FileStream",
    "Result",
    "Attempt",
    "Reply",
    "TransferSpec",
    "FaspmgrError",
    "ProtocolError",
    "SpecError",
    "AscpError",
    "TransferError",
    "FileTransferError",
    "logs",
    "simulator",
    "views",
]
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


@pytest.mark.parametrize("make", [faspmgr.Parser, faspmgr.Tokenizer])
def test_readers(make: Any) -> None:
    problems: list[faspmgr.Problem] = []
    reader = make(strict=False, max_frame_bytes=1 << 20, on_problem=problems.append)
    for piece in (bytes(STREAM[:30]), bytearray(STREAM[30:60]), memoryview(STREAM)[60:]):
        results = reader.feed(piece)
    assert len(results) == 1
    assert reader.feed(STREAM[:30]) == []
    assert reader.close() == []
    assert [problem.kind for problem in problems] == ["unfinished"]
    assert list(reader.problems) == problems
    assert reader.problem_count == 1


def test_the_latest_1000_problems_are_kept() -> None:
    parser = faspmgr.Parser()
    parser.feed(b"FASPMGR 2\nType: NOP\nno field\n\n" * 1500)
    assert parser.problem_count == 1500
    assert len(parser.problems) == 1000
    assert parser.problems[-1].line == 4 * 1499 + 3


def test_strict() -> None:
    parser = faspmgr.Parser(strict=True)
    with pytest.raises(faspmgr.ProtocolError) as raised:
        parser.feed(b"noise\n\n" + STREAM)
    assert raised.value.problem == faspmgr.Problem(
        kind="noise", offset=0, line=1, message=raised.value.problem.message, excerpt="noise"
    )
    assert isinstance(raised.value, ValueError)


def test_parse_and_read(tmp_path: Path) -> None:
    path = tmp_path / "x.fasp"
    path.write_bytes(STREAM)
    (event,) = faspmgr.parse(STREAM)
    assert list(faspmgr.read(path)) == list(faspmgr.read(str(path), follow=False, unwrap=None)) == [event]
    assert isinstance(event, faspmgr.StatsEvent)
    assert isinstance(event, faspmgr.Event)


@pytest.mark.parametrize("name", EVENTS)
def test_events_are_attrs_classes_with_slots_compared_by_value(name: str) -> None:
    cls: Any = getattr(faspmgr, name)
    assert attrs.has(cls)
    make: Any = cls
    assert not hasattr(make(), "__dict__")
    assert make() == make()
    assert make(session_id="a") != make(session_id="b")
    assert attrs.evolve(make(), session_id="a") == make(session_id="a")


def test_an_event() -> None:
    (event,) = faspmgr.parse(STREAM)
    assert isinstance(event, faspmgr.StatsEvent)
    assert (event.type, event.file, event.size, event.delay, event.extra) == ("STATS", "a", 4, None, {"Odd": "x"})
    assert list(event.to_dict().items()) == [
        ("type", "STATS"),
        ("file", "a"),
        ("size", 4),
        ("written", 1),
        ("session_id", "s"),
        ("odd", "x"),
    ]
    assert event.to_frame().encode() == STREAM
    assert faspmgr.Event.from_frame(event.to_frame()) == event


def test_a_token_is_shown_only_when_asked_for() -> None:
    (event,) = faspmgr.parse(b"FASPMGR 2\nType: SESSION\nToken: abc\nPassword: def\n\n")
    assert event.to_dict() == {"type": "SESSION", "token": "***", "password": "***"}
    assert event.to_dict(redact=False) == {"type": "SESSION", "token": "abc", "password": "def"}
    assert "abc" not in repr(event)
    assert "def" not in repr(event) + repr(event.to_frame())


def test_other_types() -> None:
    (event,) = faspmgr.parse(b"FASPMGR 2\nType: VLINK\nPort: 1\n\n")
    assert isinstance(event, faspmgr.OtherEvent)
    assert (event.type, event.extra) == ("VLINK", {"Port": "1"})


def test_a_frame() -> None:
    frame = faspmgr.Frame("STOP", {"File": "a: b", "Cookie": ""}, version=2)
    assert frame.encode() == b"FASPMGR 2\nType: STOP\nFile: a: b\nCookie: \n\n"
    assert faspmgr.Tokenizer().feed(frame.encode()) == [frame]
    with pytest.raises(ValueError, match="line break"):
        faspmgr.Frame("STOP", {"Cookie": "a\nType: DONE"}).encode()


def test_commands() -> None:
    commands = faspmgr.commands
    wire = b"FASPMGR 2\nType: START\nSource: a\nDestination: b\nFileBytes: 1:2\n\n"
    assert commands.StartFile("a", "b", start=1, end=2).encode() == wire
    assert commands.StartFile(source="a", destination="b").encode() == wire.replace(b"FileBytes: 1:2\n", b"")
    assert commands.StopFile(source="a").encode() == b"FASPMGR 2\nType: STOP\nSource: a\n\n"
    assert commands.SetRate(target_kbps=1, min_kbps=2, policy="high").encode() == (
        b"FASPMGR 2\nType: RATE\nRate: 1\nMinRate: 2\nAdaptive: Adaptive\nPriority: 1\n\n"
    )
    assert commands.SetRate(policy="Trickle", priority=2) == commands.SetRate(policy="Trickle", priority=2)
    assert commands.Cancel().encode() == b"FASPMGR 2\nType: CANCEL\n\n"
    assert commands.Finish().encode() == b"FASPMGR 2\nType: DONE\nOperation: Linger\n\n"
    assert b"Operation: Linger" not in commands.Finish(now=True).encode()
    assert commands.Query().encode() == b"FASPMGR 2\nType: QUERY\n\n"


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


@pytest.mark.parametrize("code", [0, 44, 69, 70, -1, 10**30])
def test_explain_never_raises(code: int) -> None:
    explained = faspmgr.explain(code)
    assert isinstance(explained, faspmgr.ErrorCode)
    assert explained.code == code
    assert explained.name
    assert explained.meaning
    assert explained.advice
    assert isinstance(explained.retryable, bool)


def test_the_version_is_that_of_the_project() -> None:
    assert faspmgr.__version__.count(".") == 2
    assert importlib.import_module("faspmgr._version").__version__ == faspmgr.__version__
