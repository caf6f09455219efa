"""A simulated ascp: synthetic sessions, played captures, and an executable with the options of ascp.

It connects to managers and never listens; both ends of its transfers are this machine. In the package only the pytest
plugin and two commands of the command line need it.

========== ===========================================================================================================
scenario   a synthetic transfer as frames or bytes, from a few numbers; ``synthetic`` has its sessions
player     plays a stream as it was recorded: to a pipe or to a management port
ascp       ``faspmgr-ascp``: reports, and copies if asked to, the files on its command line; ``simulation`` is one run
course     the messages of any of these sessions in their order; ``messages`` makes them, of values in ``terms``
log        ascp's own log, made of these messages; ``logtext``: its long lines; ``logfile``: the files it goes to
streams    the files that a manager streams to it; ``streamed`` is one of them, ``inbound`` receives their data
options    the command line of ascp; ``files``, ``faults`` and ``link``: what a run works with
========== ===========================================================================================================
"""

from faspmgr.simulator.scenario import Scenario

__all__ = ["Scenario"]
