"""Tests that root would fail, because root may read everything: run without that right."""

from __future__ import annotations

import contextlib
import ctypes
import os
import struct
import sys
from collections.abc import Iterator

import pytest

_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_READ_ANYTHING = 1 << 1 | 1 << 2  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH


@contextlib.contextmanager
def no_right_to_read_anything() -> Iterator[None]:
    """Modes of files count for this thread, for root too. Where that cannot be arranged the test is skipped."""
    if os.geteuid() != 0:
        yield
        return
    if sys.platform != "linux":
        pytest.skip("root may read everything")
    libc = ctypes.CDLL(None, use_errno=True)
    thread = struct.pack("Ii", _VERSION, 0)
    held = ctypes.create_string_buffer(24)  # effective, permitted, inheritable; twice
    assert libc.capget(thread, held) == 0
    effective, *others = struct.unpack("6I", held.raw)
    assert libc.capset(thread, struct.pack("6I", effective & ~_READ_ANYTHING, *others)) == 0
    try:
        yield
    finally:
        assert libc.capset(thread, held) == 0
