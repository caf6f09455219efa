"""ascp itself: find it, ask its version, read its command line, and build one from a transfer spec.

::

    executable   where ascp is, and its version
    options      the options of ascp, and what a command line means
    driven       command lines of sessions whose files are given while they run
    spec         transfer specs: the table of the properties, and what contradicts what
    properties   what one property of a transfer spec may be, and what it is to ascp
    paths        the paths of a transfer, and the list of files in which ascp gets them
    specfile     transfer specs as they come from outside: JSON, wrapped, with older names
    invocation   what starts ascp for a spec: command line, environment, list of files
    lists        the folder with that list, and what is left of those whose program was killed

A line of code may stand in this room if it is a fact about the program ascp that holds before it runs. What it reports
while it runs is protocol/, how it is run is manager/. Nothing here shows a secret, in a command line or in an error.
"""

# The public names of this room, once: each "as" says that the name is public.
from faspmgr.ascp.driven import driven_argv as driven_argv
from faspmgr.ascp.executable import AscpInfo as AscpInfo
from faspmgr.ascp.executable import describe_ascp as describe_ascp
from faspmgr.ascp.executable import find_ascp as find_ascp
from faspmgr.ascp.executable import start_problem as start_problem
from faspmgr.ascp.invocation import Invocation as Invocation
from faspmgr.ascp.lists import remove_stale_lists as remove_stale_lists
from faspmgr.ascp.options import MAX_SESSIONS as MAX_SESSIONS
from faspmgr.ascp.options import OPTIONS as OPTIONS
from faspmgr.ascp.options import Option as Option
from faspmgr.ascp.options import command_line as command_line
from faspmgr.ascp.options import has_option as has_option
from faspmgr.ascp.options import option_value as option_value
from faspmgr.ascp.options import option_words as option_words
from faspmgr.ascp.options import reads_stdin as reads_stdin
from faspmgr.ascp.options import retry_argv as retry_argv
from faspmgr.ascp.options import secrets_in as secrets_in
from faspmgr.ascp.options import session_argv as session_argv
from faspmgr.ascp.options import transfers_nothing as transfers_nothing
from faspmgr.ascp.options import with_option as with_option
from faspmgr.ascp.paths import PathPair as PathPair
from faspmgr.ascp.properties import Property as Property
from faspmgr.ascp.spec import SECRET_VARIABLES as SECRET_VARIABLES
from faspmgr.ascp.spec import SPEC_PROPERTIES as SPEC_PROPERTIES
from faspmgr.ascp.spec import TransferSpec as TransferSpec
from faspmgr.ascp.spec import describe_properties as describe_properties
