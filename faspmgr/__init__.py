"""faspmgr reads the management stream of IBM Aspera's ascp, live or recorded: events, state, and commands back.

Each public name is imported when it is first used, so that the command line starts quickly.
"""

import importlib

# The public names by the module that defines them; those of faspmgr are modules themselves.
_NAMES = {
    "faspmgr": "commands logs simulator views",
    "faspmgr._version": "__version__",
    "faspmgr.ascp.spec": "TransferSpec",
    "faspmgr.captures.recorder": "Recorder",
    "faspmgr.errors": "AscpError FaspmgrError FileTransferError ProtocolError SpecError TransferError",
    "faspmgr.manager.attempt": "Attempt",
    "faspmgr.manager.handles": "FileHandle",
    "faspmgr.manager.job": "Job",
    "faspmgr.manager.listener": "Listener",
    "faspmgr.manager.port": "ManagementPort",
    "faspmgr.manager.replies": "Reply",
    "faspmgr.manager.result": "Result",
    "faspmgr.manager.running": "run run_sync",
    "faspmgr.manager.streams": "FileStream",
    "faspmgr.protocol.codes": "ErrorCode explain",
    "faspmgr.protocol.events": (
        "ArgStopEvent DoneEvent ErrorEvent Event FileErrorEvent InitEvent "
        "NotificationEvent OtherEvent SessionEvent SkipEvent StatsEvent StopEvent"
    ),
    "faspmgr.protocol.frames": "Frame",
    "faspmgr.protocol.parser": "Parser parse",
    "faspmgr.protocol.problems": "Problem",
    "faspmgr.protocol.tokenizer": "Tokenizer",
    "faspmgr.reading": "read",
    "faspmgr.tracking.file_state": "FileState",
    "faspmgr.tracking.session": "Session",
    "faspmgr.tracking.tracker": "Tracker",
    "faspmgr.tracking.transfer": "Transfer",
    "faspmgr.verdicts": "Failure",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}

__all__ = list(_HOMES)

# The same for type checkers, and for programs that look for imports, such as PyInstaller. Not from ``typing``, which
# takes longer to import than all of this.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from faspmgr import commands as commands
    from faspmgr import logs as logs
    from faspmgr import simulator as simulator
    from faspmgr import views as views
    from faspmgr._version import __version__ as __version__
    from faspmgr.ascp.spec import TransferSpec as TransferSpec
    from faspmgr.captures.recorder import Recorder as Recorder
    from faspmgr.errors import AscpError as AscpError
    from faspmgr.errors import FaspmgrError as FaspmgrError
    from faspmgr.errors import FileTransferError as FileTransferError
    from faspmgr.errors import ProtocolError as ProtocolError
    from faspmgr.errors import SpecError as SpecError
    from faspmgr.errors import TransferError as TransferError
    from faspmgr.manager.attempt import Attempt as Attempt
    from faspmgr.manager.handles import FileHandle as FileHandle
    from faspmgr.manager.job import Job as Job
    from faspmgr.manager.listener import Listener as Listener
    from faspmgr.manager.port import ManagementPort as ManagementPort
    from faspmgr.manager.replies import Reply as Reply
    from faspmgr.manager.result import Result as Result
    from faspmgr.manager.running import run as run
    from faspmgr.manager.running import run_sync as run_sync
    from faspmgr.manager.streams import FileStream as FileStream
    from faspmgr.protocol.codes import ErrorCode as ErrorCode
    from faspmgr.protocol.codes import explain as explain
    from faspmgr.protocol.events import ArgStopEvent as ArgStopEvent
    from faspmgr.protocol.events import DoneEvent as DoneEvent
    from faspmgr.protocol.events import ErrorEvent as ErrorEvent
    from faspmgr.protocol.events import Event as Event
    from faspmgr.protocol.events import FileErrorEvent as FileErrorEvent
    from faspmgr.protocol.events import InitEvent as InitEvent
    from faspmgr.protocol.events import NotificationEvent as NotificationEvent
    from faspmgr.protocol.events import OtherEvent as OtherEvent
    from faspmgr.protocol.events import SessionEvent as SessionEvent
    from faspmgr.protocol.events import SkipEvent as SkipEvent
    from faspmgr.protocol.events import StatsEvent as StatsEvent
    from faspmgr.protocol.events import StopEvent as StopEvent
    from faspmgr.protocol.frames import Frame as Frame
    from faspmgr.protocol.parser import Parser as Parser
    from faspmgr.protocol.parser import parse as parse
    from faspmgr.protocol.problems import Problem as Problem
    from faspmgr.protocol.tokenizer import Tokenizer as Tokenizer
    from faspmgr.reading import read as read
    from faspmgr.tracking.file_state import FileState as FileState
    from faspmgr.tracking.session import Session as Session
    from faspmgr.tracking.tracker import Tracker as Tracker
    from faspmgr.tracking.transfer import Transfer as Transfer
    from faspmgr.verdicts import Failure as Failure


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'faspmgr' has no attribute {name!r}")
    if home == "faspmgr":
        value: object = importlib.import_module(f"faspmgr.{name}")
    else:
        value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
