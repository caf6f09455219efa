"""The state of a session in the structures of other transfer systems: channel, connection, destination, server.

>>> from faspmgr import Tracker, parse
>>> tracker = Tracker(keep_files="all")
>>> for event in parse(b"FASPMGR 2\\nType: INIT\\nSessionId: s\\nDirection: Send\\n\\n"):
...     session = tracker.update(event)
>>> channel(session).to_dict()["type"]
'FASP'

Views are written and never read back. No view has tokens or passwords.

tables      the fields: one row for each, with name, JSON type, meaning, the function that fills it, and when it is null
structure   rows; the JSON, the JSON Schema and the reference, which are made of rows
facts       values that the rows need, computed from the session
kinds       the four views by name, and the functions that make one
live        views of a running stream: when each session began, and a file that always has the latest state

Only ``live`` has a clock and writes a file.
"""

from faspmgr.views.kinds import (
    KINDS,
    View,
    channel,
    connection,
    describe_view,
    destination,
    keep_files,
    server,
    view,
)
from faspmgr.views.live import StreamClock, ViewWriter

__all__ = [
    "KINDS",
    "StreamClock",
    "View",
    "ViewWriter",
    "channel",
    "connection",
    "describe_view",
    "destination",
    "keep_files",
    "server",
    "view",
]
