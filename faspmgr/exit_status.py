"""The exit statuses of the command line. Apart from verdicts.py, so that ``--version`` starts without attrs."""

import enum


class ExitStatus(enum.IntEnum):
    """The exit statuses of the command line.

    Example:
        >>> from faspmgr.verdicts import Outcome
        >>> Outcome("lost").status
        <ExitStatus.NO_RESULT: 3>
    """

    DONE = 0
    """Done; for ``decode`` and ``check``: nothing wrong that was asked about."""
    FAILED = 1
    """The transfer failed."""
    USAGE = 2
    """Wrong usage, or a file or an output that cannot be read or written."""
    NO_RESULT = 3
    """The stream ended without a result."""
    MALFORMED = 4
    """Malformed input: ``check``, and anything with ``--strict``."""
    NOT_STARTED = 5
    """ascp could not be started, or never connected."""
    RECORDING_INCOMPLETE = 6
    """Done, but the recording is not whole: ``run``, ``put``, ``listen``."""
    INTERRUPTED = 130
    """Interrupted by a signal."""
