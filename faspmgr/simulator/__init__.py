"""An ascp that is not there: made-up sessions, played captures, and an executable that takes ascp's options.

scenario   a made-up session as frames or bytes, from a few numbers
player     plays a stream as it was recorded: to a pipe or to a management port
ascp       ``faspmgr-ascp``: reports, and copies if asked to, the files on its command line
"""

from faspmgr.simulator.scenario import Scenario

__all__ = ["Scenario"]
