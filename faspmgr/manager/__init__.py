"""The management port, live: listen for ascp, run it, watch it, order it about. For asyncio."""

from faspmgr.manager.attempt import Attempt
from faspmgr.manager.job import Job, Result, run, run_sync
from faspmgr.manager.port import Connection, ManagementPort
from faspmgr.manager.replies import Reply

__all__ = ["Attempt", "Connection", "Job", "ManagementPort", "Reply", "Result", "run", "run_sync"]
