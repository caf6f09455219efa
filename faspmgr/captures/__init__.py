"""Recorded and live streams: where bytes come from, messages inside of other logs, and writing down what arrives.

::

    sources      bytes in: a path, a pipe, gzip, a file that grows. Knows no format: ascp's own log comes through it too
    unwrap       the lines of another log in, the lines of the management stream inside of it out
    feed         a source, unwrapped or not, into a Parser or a Tokenizer
    recorder     bytes out: write down what arrives
    connections  the file beside a recording: where each connection began and ended, and how the run did
    demultiplexer  the bytes of one file, by connection
    recorded     a recorded file or directory, connection by connection, in the order in which it happened

This room blocks: it reads with plain calls and waits with ``time.sleep``. What runs in an event loop uses nothing
of it but the recorder. Memory does not grow with the size of a source.
"""

# The public names of this room, once: each "as" says that the name is public.
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
