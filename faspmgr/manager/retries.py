"""How long is waited before a retry."""

from __future__ import annotations

import random

RETRY_WAIT = 2.0
MAX_RETRY_WAIT = 60.0
"""Seconds before a retry: 2, 4, 8, 16, 32, then 60 each time, as the vendor's own client waits."""
RETRY_JITTER = 0.1
"""Each wait is up to a tenth shorter or longer. That keeps many that failed at once apart."""


def retry_delay(number: int, first: float = RETRY_WAIT) -> float:
    """Work out how long to wait before a retry.

    Args:
        number: which retry it is, from 1.
        first: seconds before the first one.

    Returns:
        Seconds, with jitter.
    """
    wait = min(first * 2.0 ** min(number - 1, 30), MAX_RETRY_WAIT)
    return wait * random.uniform(1 - RETRY_JITTER, 1 + RETRY_JITTER)
