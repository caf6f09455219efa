"""faspmgr reads the management stream of IBM Aspera's ascp, live or recorded: events, state, and commands back.

The public names; each is loaded from its module when it is first used, so that ``import faspmgr`` costs next to nothing
and the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from faspmgr._version import __version__

if TYPE_CHECKING:  # each "as" says that the name is public
    from faspmgr import simulator as simulator
    from faspmgr import views as views
    from faspmgr.ascp import TransferSpec as TransferSpec
    from faspmgr.captures import Recorder as Recorder
    from faspmgr.captures import read as read
    from faspmgr.manager import ManagementPort as ManagementPort
    from faspmgr.manager import run as run
    from faspmgr.manager import run_sync as run_sync
    from faspmgr.protocol import commands as commands
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
    from faspmgr.protocol.problems import ProtocolError as ProtocolError
    from faspmgr.protocol.tokenizer import Tokenizer as Tokenizer
    from faspmgr.tracking import Failure as Failure
    from faspmgr.tracking import FileState as FileState
    from faspmgr.tracking import Session as Session
    from faspmgr.tracking import Tracker as Tracker
    from faspmgr.tracking import Transfer as Transfer

_EVENTS = (
    "ArgStopEvent",
    "DoneEvent",
    "ErrorEvent",
    "Event",
    "FileErrorEvent",
    "InitEvent",
    "NotificationEvent",
    "OtherEvent",
    "SessionEvent",
    "SkipEvent",
    "StatsEvent",
    "StopEvent",
)
_HOMES = {
    **dict.fromkeys(_EVENTS, "protocol.events"),
    "ErrorCode": "protocol.codes",
    "explain": "protocol.codes",
    "Frame": "protocol.frames",
    "Tokenizer": "protocol.tokenizer",
    "Parser": "protocol.parser",
    "parse": "protocol.parser",
    "Problem": "protocol.problems",
    "ProtocolError": "protocol.problems",
    "Failure": "tracking",
    "FileState": "tracking",
    "Session": "tracking",
    "Tracker": "tracking",
    "Transfer": "tracking",
    "Recorder": "captures",
    "read": "captures",
    "ManagementPort": "manager",
    "run": "manager",
    "run_sync": "manager",
    "TransferSpec": "ascp",
}
_MODULES = {"commands": "protocol.commands", "simulator": "simulator", "views": "views"}

__all__ = ["__version__", *_HOMES, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        value: Any = importlib.import_module(f"faspmgr.{_MODULES[name]}")
    elif name in _HOMES:
        value = getattr(importlib.import_module(f"faspmgr.{_HOMES[name]}"), name)
    else:
        raise AttributeError(f"module 'faspmgr' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
