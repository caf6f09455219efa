"""Events in, state out: sessions, their files, and the transfers that sessions belong to. No I/O, no clock, no logging.

files.py      the state of a file
filelist.py   all files of a session
session.py    the state of a session: the one place that changes it, and its states as a table
inventory.py  the files of a transfer, those that several sessions know merged
transfer.py   the sessions that belong together, summed
figures.py    what these have in common
tracker.py    which session an event belongs to, and which transfer a session
"""

from faspmgr.tracking.filelist import KeepFiles
from faspmgr.tracking.files import FileState
from faspmgr.tracking.session import ENDED, TRANSITIONS, Session, SessionState
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
