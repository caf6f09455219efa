"""Files for a simulated ascp."""

from __future__ import annotations

from pathlib import Path

import pytest

SMALL = b"twelve bytes"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder with a large file, a small one, an empty one, and one further down."""
    top = tmp_path / "in"
    (top / "sub").mkdir(parents=True)
    (top / "large.bin").write_bytes(bytes(range(256)) * 4000)
    (top / "small.txt").write_bytes(SMALL)
    (top / "empty").touch()
    (top / "sub" / "further.txt").write_bytes(b"x" * 1000)
    return top


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"
