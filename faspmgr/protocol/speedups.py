"""Which of the two twins runs: the fast path in C, which is compiled where that can be done, or the one in Python.

With a value in the environment variable FASPMGR_PURE, whatever it is, the one in Python runs.
"""

import os

try:
    if os.environ.get("FASPMGR_PURE"):
        raise ImportError("FASPMGR_PURE is set")
    from faspmgr.protocol import _speedups
except ImportError:
    _speedups = None  # type: ignore[assignment]

NAME = "compiled" if _speedups else "pure Python"
"""The twin that runs, as ``faspmgr --version`` shows it."""
