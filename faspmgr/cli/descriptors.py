"""How many files and connections this program may have open at once: the system's limit, raised where that is allowed.

A library must not do that to the program that uses it, so this is a matter of the command line.
"""

from __future__ import annotations

try:
    import resource
except ImportError:  # Windows, where nothing limits them to so few
    resource = None  # type: ignore[assignment]


def allow_descriptors(wanted: int) -> int:
    """Raise the limit on open files to as many as are wanted, or to what is allowed.

    Returns:
        How many may be open now; wanted where there is no limit.
    """
    if resource is None:
        return wanted
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return wanted
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (OSError, ValueError):  # another limit, of macOS for one, is lower
        return soft
    return most
