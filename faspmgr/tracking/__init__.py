"""Events in, state out: sessions, their files, and the transfers that sessions belong to. No I/O, no clock, no logging.

figures.py    what sessions and transfers have in common
file_state.py the state of one file of a session
registry.py   the files of a transfer, each once
files.py      the files of a session
session.py    the state of a session: the one place that changes it, and its states as a table
transfer.py   the sessions that belong together, summed
tracker.py    which session an event belongs to, and which transfer a session
"""

from faspmgr.tracking.figures import ENDED, SessionState
from faspmgr.tracking.file_state import FileState
from faspmgr.tracking.files import KeepFiles
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
