"""ascp itself: find it, ask what it is, read its command line, build one from a transfer spec.

executable   where ascp is, and what it says it is
options      the options of ascp, and what a command line that somebody else wrote says
properties   what a property of a transfer spec may be
spec         transfer specs, and the command line, environment and list of files that carry one out
"""

from faspmgr.ascp.executable import AscpInfo, describe_ascp, find_ascp, start_problem
from faspmgr.ascp.options import (
    MAX_SESSIONS,
    OPTIONS,
    Option,
    has_option,
    option_value,
    option_words,
    retry_argv,
    secrets_in,
    session_argv,
    with_option,
)
from faspmgr.ascp.properties import Property
from faspmgr.ascp.spec import SPEC_PROPERTIES, Invocation, PathPair, TransferSpec, describe_properties

__all__ = [
    "MAX_SESSIONS",
    "OPTIONS",
    "SPEC_PROPERTIES",
    "AscpError",
    "AscpInfo",
    "AscpNotFoundError",
    "Invocation",
    "Option",
    "PathPair",
    "Property",
    "SpecError",
    "TransferSpec",
    "describe_ascp",
    "describe_properties",
    "find_ascp",
    "has_option",
    "option_value",
    "option_words",
    "retry_argv",
    "secrets_in",
    "session_argv",
    "start_problem",
    "with_option",
]
