"""gzip that is damaged, or has something behind it, as each command shows it."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path

import pytest

from faspmgr.captures import sources
from tests.cli.terminal import invoke


@pytest.fixture(params=["zlib", "zlib_ng.zlib_ng"], autouse=True)
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test, with each library that may unpack."""
    library = pytest.importorskip(request.param)
    monkeypatch.setattr(sources, "unpacking", lambda: library)


# What shows the number of messages that it has read, with --json where there is that.
EACH = ["decode", "summary --json", "check --json", "watch --progress json", "view connection --each 0.000001"]


def damaged(capture: Path, kind: str) -> bytes:
    """A capture as gzip, with a damage."""
    packer = zlib.compressobj(wbits=31)
    data = packer.compress(capture.read_bytes())
    if kind == "in the middle":
        return data + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07 is a block of a type that does not exist"
    data += packer.flush()
    return data[:-9] if kind == "cut" else data[:-8] + b"\0\0\0\0" + data[-4:]


@pytest.mark.parametrize("kind", ["cut", "in the middle", "checksum"])
@pytest.mark.parametrize("args", EACH)
def test_a_broken_gzip_file_gives_what_was_there(args: str, kind: str, fixtures: Path, tmp_path: Path) -> None:
    capture = fixtures / "sessions" / "two-sessions.fasp"
    path = tmp_path / "x.gz"
    path.write_bytes(damaged(capture, kind))
    words = "the gzip data is cut off" if kind == "cut" else "damaged gzip data: "
    result, whole = invoke(*args.split(), path), invoke(*args.split(), capture)
    assert result.status == 4
    assert [line for line in result.errors if line.startswith(f"{path}: ")] == [result.errors[0]]
    assert result.errors[0].startswith(f"{path}: {words}")
    if args.startswith("check"):
        assert [file["messages"] for file in json.loads(result.text)["files"]] == [
            23
        ]  # as fixtures/README.md counts them
    elif args.startswith("summary"):
        assert json.loads(result.text)["transfers"] == json.loads(whole.text)["transfers"]
    else:
        assert result.out == whole.out


@pytest.mark.parametrize("args", EACH)
def test_what_is_behind_gzip_data_is_a_warning(args: str, fixtures: Path, tmp_path: Path) -> None:
    capture = fixtures / "sessions" / "two-sessions.fasp"
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(capture.read_bytes()) + b"garbage")
    result, whole = invoke(*args.split(), path), invoke(*args.split(), capture)
    assert result.errors[0] == f"{path}: trailing data after the gzip stream is ignored"
    assert (result.status, result.errors[1:]) == (0, whole.errors)
    assert result.text.replace(str(path), str(capture)) == whole.text
    assert invoke(*args.split(), "--strict", path).status == 0  # no deviation from the protocol
