"""ascp's own log: lines, records, sessions, and the events that they amount to.

::

    lines      the prefix of a line: when, who, how important
    fields     the table of the log: kinds of lines, and their fields
    codes      the table of the log's error codes
    messages   what a line says: its kind, and its fields
    records    one record: a line, with those that go on from it
    reader     bytes in, records out
    opened     what is known of a session and a process, and what each line adds to it
    session    one session and one file, when they are over
    folding    records in, sessions out
    conversion records in, management events out
    rotation   the files of one log, in the order in which they were written
    secrets    what is hidden where a record is shown

A line of code may stand here if it knows how ascp writes its log. Bytes come from ``captures``, and what a session
amounts to goes on as events of ``protocol``. Nothing here raises because of what a log says.
"""

# The public names of this room, once: each "as" says that the name is public.
from faspmgr.logs.conversion import LogEvents as LogEvents
from faspmgr.logs.conversion import events as events
from faspmgr.logs.folding import Sessions as Sessions
from faspmgr.logs.folding import sessions as sessions
from faspmgr.logs.reader import LogReader as LogReader
from faspmgr.logs.reader import read as read
from faspmgr.logs.records import LogRecord as LogRecord
from faspmgr.logs.session import LogFile as LogFile
from faspmgr.logs.session import LogSession as LogSession
