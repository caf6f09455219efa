"""The management port, live, for asyncio: listen for ascp, run it, watch it, control it.

What a line of code must be to stand in this package: it waits for something (a connection, a process, a client), or it
decides what to do about that. What is on the wire is the matter of ``protocol``, what it amounts to that of
``tracking``.

port        the management port, and the connections that come in
accepting   how one is accepted                           wire       its socket: what has arrived, room for more
listener    many connections and one state
identify    is this connection our ascp?
watchdog    the limits of time that an ascp is held to, and the clock that measures them; no process, no clock
stopping    the steps by which an ascp is stopped, as a table; no process, no clock
child       the process that is ascp: start, signal, exit  signals    signals that end the program meanwhile
process     one ascp under supervision                    stderr     its standard error, secrets hidden
attempt     one run of ascp as a result, and its verdict
job         attempts and parts of one transfer            running    the same in one call
driven      the same for a program that drives a session  feed       what such a session is fed with, and its end
handles     a file that was asked for                     streams    a file that is streamed
pairing     which of them an event is about               blocks     what a stream is fed with
launch      with which words ascp is started              retries    how long is waited before one
result      how a transfer ended                          replies    what ascp made of a command
control     the control socket                            publish    port files for the transfers of others
tasks       tasks that end with a block

Each room has a logger of its name, below ``faspmgr``. Nothing of that is printed unless the application configures
logging. At INFO: starts, connections, verdicts, CANCEL. At WARNING: refused connections, limits that were hit, signals,
retries. Command lines are logged without their secrets.
"""

import logging

from faspmgr.manager.attempt import Attempt
from faspmgr.manager.handles import FileHandle
from faspmgr.manager.job import Job
from faspmgr.manager.listener import Listener, Received
from faspmgr.manager.port import Connection, ManagementPort
from faspmgr.manager.replies import Reply
from faspmgr.manager.result import Result
from faspmgr.manager.running import run, run_sync
from faspmgr.manager.streams import FileStream

__all__ = [
    "Attempt",
    "Connection",
    "FileHandle",
    "FileStream",
    "Job",
    "Listener",
    "ManagementPort",
    "Received",
    "Reply",
    "Result",
    "run",
    "run_sync",
]

logging.getLogger("faspmgr").addHandler(logging.NullHandler())  # else warnings are printed
