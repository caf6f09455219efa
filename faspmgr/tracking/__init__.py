"""Events in, state out: sessions, their files, and the transfers that sessions belong to. No I/O, no clock."""

from faspmgr.tracking.tracker import ENDED, MAX_SESSIONS, Failure, FileState, Session, Tracker, Transfer

__all__ = ["ENDED", "MAX_SESSIONS", "Failure", "FileState", "Session", "Tracker", "Transfer"]
