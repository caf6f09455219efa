"""ascp's own log: lines, records, sessions, and the events that they amount to.

::

    lines      the prefix of a line: when, who, how important
    fields     the table of the log: kinds of lines, and their fields
    codes      the table of the log's error codes
    messages   what a line says: its kind, and its fields
    records    one record: a line, with those that go on from it
    reader     bytes in, records out
    events     records in, management events out
    secrets    what is hidden where a record is shown

A line of code may stand here if it knows how ascp writes its log. Bytes come from ``captures``, and what a session
amounts to goes on as events of ``protocol``. Nothing here raises because of what a log says.
"""

# The public names of this room, once: each "as" says that the name is public.
from faspmgr.logs.events import LogEvents as LogEvents
from faspmgr.logs.events import events as events
from faspmgr.logs.reader import LogReader as LogReader
from faspmgr.logs.reader import read as read
from faspmgr.logs.records import LogRecord as LogRecord
