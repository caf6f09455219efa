"""The exceptions: the drawn trees are the real ones, no other module has one, and all can be pickled and copied."""

from __future__ import annotations

import ast
import builtins
import copy
import pickle
import re
from pathlib import Path
from types import ModuleType

import pytest

import faspmgr
from faspmgr import errors
from faspmgr.cli import command_error
from faspmgr.exit_status import ExitStatus
from faspmgr.manager.result import Result
from faspmgr.protocol.events import DoneEvent
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.problems import Problem
from faspmgr.simulator import exceptions
from faspmgr.simulator.messages import Refusal

HOMES = (errors, command_error, exceptions)


def classes_of(module: ModuleType) -> list[type[Exception]]:
    found = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Exception)]
    return [cls for cls in found if cls.__module__ == module.__name__]


ROW = re.compile(r"^ {4}((?:│ {3}| {4})*)((?:[├└]── )?)(\w+)(?: \((\w+)\))?(?: {2,}\S.*)?$", re.MULTILINE)


def drawn(module: ModuleType) -> dict[str, tuple[str, str]]:
    """The tree of the docstring: by name, the exception above it, and the builtin in brackets."""
    _, _, tree = (module.__doc__ or "").partition("::\n\n")
    found: dict[str, tuple[str, str]] = {}
    above: list[str] = []
    for indent, branch, name, builtin in ROW.findall(tree.partition("\n\n")[0]):
        depth = len(indent + branch) // 4
        above[depth:] = [name]
        found[name] = (above[depth - 1] if depth else "Exception", builtin)
    return found


@pytest.mark.parametrize("module", [errors, exceptions])
def test_drawn_tree(module: ModuleType) -> None:
    tree = drawn(module)
    classes = classes_of(module)
    assert [name for name in tree if name in vars(module) and vars(module)[name] in classes] == [
        cls.__name__ for cls in classes
    ]  # in the order of the code, too
    for cls in classes:
        above, builtin = tree[cls.__name__]
        assert [base.__name__ for base in cls.__bases__] == [above, *([builtin] if builtin else [])]
        assert issubclass(cls, errors.FaspmgrError)
        assert not builtin or issubclass(cls, getattr(builtins, builtin))


def test_errors_imports_nothing_of_ours() -> None:
    tree = ast.parse(Path(errors.__file__).read_bytes())
    imports = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert imports == ["from __future__ import annotations", "from typing import Any"]


def test_no_other_module_has_an_exception() -> None:
    """A class is one if a base of it is, and these are: the builtins, ours, and click's."""
    root = Path(faspmgr.__file__).parent
    known = {
        name for name, value in vars(builtins).items() if isinstance(value, type) and issubclass(value, BaseException)
    }
    known |= {cls.__name__ for module in HOMES for cls in classes_of(module)} | {
        "ClickException",
        "UsageError",
        "BadParameter",
    }
    modules = [path for path in root.rglob("*.py") if path not in [Path(str(home.__file__)) for home in HOMES]]
    assert len(modules) > 50
    for path in modules:
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base).rpartition(".")[2] for base in node.bases}
                assert not bases & known, f"{path.relative_to(root)}: {node.name}"


PROBLEM = Problem(kind="noise", offset=3, line=2, message="not a line of a message", excerpt="hello")
REFUSAL = Refusal(13, "no")
MADE: dict[Exception, tuple[str, dict[str, object]]] = {
    errors.FaspmgrError("text"): ("text", {}),
    errors.ProtocolError(PROBLEM, [DoneEvent(session_id="a"), Frame("DONE", {})]): (
        "line 2, byte 3: not a line of a message: hello",
        {"problem": PROBLEM, "results": [DoneEvent(session_id="a"), Frame("DONE", {})]},
    ),
    errors.CaptureError("cut off"): ("cut off", {}),
    errors.SpecError("ssh_port", "is odd"): ("ssh_port: is odd", {"property": "ssh_port", "problem": "is odd"}),
    errors.AscpError("/x/ascp: no"): ("/x/ascp: no", {"errno": None}),
    errors.AscpNotFoundError("none"): ("none", {"errno": None}),
    errors.TransferError("no"): ("no", {"result": None, "errno": None}),
    errors.TransferError("it is over", Result("lost", reason="gone")): (
        "it is over",
        {"result": Result("lost", reason="gone"), "errno": None},
    ),
    errors.FileTransferError("/a: no"): ("/a: no", {"handle": None, "code": None}),
    errors.FileTransferError("/a: full", code=25): ("/a: full", {"handle": None, "code": 25}),
    command_error.CommandError("no"): ("no", {"status": ExitStatus.USAGE}),
    command_error.CommandError("no", ExitStatus.NOT_STARTED): ("no", {"status": ExitStatus.NOT_STARTED}),
    exceptions.SimulatorError("no"): ("no", {}),
    exceptions.FaultError("no"): ("no", {}),
    exceptions.OptionError("no", unknown=True): ("no", {"unknown": True}),
    exceptions.FileError(36, "full"): ("full", {"code": 36, "description": "full"}),
    exceptions.SessionOverError(REFUSAL): ("no", {"refusal": REFUSAL}),
    exceptions.ShutdownError(): ("", {}),
    exceptions.CutOffError(): ("", {}),
}


def test_made_has_each_class() -> None:
    assert {type(error) for error in MADE} == {cls for module in HOMES for cls in classes_of(module)}


@pytest.mark.parametrize("error", MADE, ids=lambda error: type(error).__name__)
def test_copy_and_pickle(error: Exception) -> None:
    text, attributes = MADE[error]
    for again in (error, copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(again) is type(error)
        assert str(again) == text
        assert {name: getattr(again, name) for name in attributes} == attributes
