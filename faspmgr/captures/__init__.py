"""Recorded and live streams: read them from files and pipes, find messages inside of other logs, and record them.

::

    sources      bytes in: a path, a pipe, gzip, a file that grows; of any format, ascp's own log too
    unwrap       the lines of another log in, the lines of the management stream inside of it out
    feed         the one pump: a source, unwrapped or not, into a Parser or another Reader
    recorder     bytes out: record what arrives
    connections  the file beside a recording: where each connection began and ended, and how the run ended
    demultiplexer  the bytes of one file, by connection
    recorded     a recorded file or directory, connection by connection, in the order in which it happened

All but the recorder block, and are not for an event loop. Memory does not grow with the size of a source.
"""

# The public names: each "as" exports one.
from faspmgr.captures.demultiplexer import MakeReader as MakeReader
from faspmgr.captures.demultiplexer import OnProblem as OnProblem
from faspmgr.captures.demultiplexer import Piece as Piece
from faspmgr.captures.feed import FilePlace as FilePlace
from faspmgr.captures.feed import pump as pump
from faspmgr.captures.recorded import FILE_ENDINGS as FILE_ENDINGS
from faspmgr.captures.recorded import Recorded as Recorded
from faspmgr.captures.recorded import Step as Step
from faspmgr.captures.recorder import Recorder as Recorder
from faspmgr.captures.recorder import Recording as Recording
from faspmgr.captures.sources import Reader as Reader
from faspmgr.captures.sources import Source as Source
from faspmgr.captures.sources import chunks as chunks
from faspmgr.captures.unwrap import Unwrap as Unwrap
