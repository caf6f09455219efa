"""Events in, state out: sessions, their files, and the transfers that sessions belong to. No I/O, no clock, no logging.

figures.py    what sessions and transfers have in common
files.py      the state of a file, and the files of a session
registry.py   the files of a transfer, each once
session.py    the state of a session: the one place that changes it, and its states as a table
transfer.py   the sessions that belong together, summed
tracker.py    which session an event belongs to, and which transfer a session
"""

from faspmgr.tracking.figures import ENDED, SessionState
from faspmgr.tracking.files import FileState, KeepFiles
from faspmgr.tracking.session import TRANSITIONS, Session
from faspmgr.tracking.tracker import MAX_SESSIONS, Tracker
from faspmgr.tracking.transfer import Transfer

__all__ = [
    "ENDED",
    "MAX_SESSIONS",
    "TRANSITIONS",
    "FileState",
    "KeepFiles",
    "Session",
    "SessionState",
    "Tracker",
    "Transfer",
]
