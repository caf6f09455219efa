"""The management port, live: listen for ascp, run it, watch it, order it about. For asyncio."""

from faspmgr.manager.job import Job, Result, run, run_sync
from faspmgr.manager.orders import Answer
from faspmgr.manager.port import Connection, ManagementPort
from faspmgr.manager.process import Attempt

__all__ = ["Answer", "Attempt", "Connection", "Job", "ManagementPort", "Result", "run", "run_sync"]
