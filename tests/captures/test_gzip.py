"""Sources that are gzip: live, cut off, damaged, with something behind them."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import re
import sys
import threading
import zlib
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faspmgr.captures import chunks, pump, sources
from faspmgr.errors import CaptureError
from faspmgr.protocol.parser import Parser
from faspmgr.reading import read
from tests.captures.streams import message, results_until_error, sizes

WAIT = 10.0
"""Seconds until a test that waits for another thread gives up."""


@pytest.fixture(params=["zlib", "zlib_ng.zlib_ng"], autouse=True)
def _library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test, with each library that may unpack."""
    library = pytest.importorskip(request.param)
    monkeypatch.setattr(sources, "unpacking", lambda: library)


class Pieces(io.BytesIO):
    """A file that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read1(self, size: int | None = -1) -> bytes:
        return super().read1(self._step)


def test_gzip_of_several_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = message(1) + message(2) + message(3)
    packed = gzip.compress(data[:40]) + gzip.compress(b"") + gzip.compress(data[40:]) + bytes(300)
    (tmp_path / "x").write_bytes(packed)
    assert sizes(list(read(tmp_path / "x"))) == [1, 2, 3]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(packed)))
    assert sizes(list(read("-"))) == [1, 2, 3]


@pytest.mark.parametrize("members", [1, 2])
def test_gzip_one_byte_at_a_time_through_a_pipe(members: int) -> None:
    data = b"".join(gzip.compress(message(number)) for number in range(members))
    receiver, sender = os.pipe()

    def write() -> None:
        for at in range(len(data)):
            os.write(sender, data[at : at + 1])
        os.close(sender)

    writer = threading.Thread(target=write)
    writer.start()
    with open(receiver, "rb", buffering=0) as source:
        assert sizes(list(read(source))) == list(range(members))
    writer.join(WAIT)


def test_gzip_live_stream_after_a_flush() -> None:
    packer = zlib.compressobj(wbits=31)
    receiver, sender = os.pipe()
    with open(receiver, "rb") as source:
        events = read(source)
        for number in range(3):
            os.write(sender, packer.compress(message(number)) + packer.flush(zlib.Z_SYNC_FLUSH))
            assert sizes([next(events)]) == [number]
        os.write(sender, packer.flush())
        os.close(sender)
        assert list(events) == []


def test_gzip_cut_off() -> None:
    data = gzip.compress(b"".join(message(number) for number in range(20_000)))
    events, reason = results_until_error(io.BytesIO(data[: len(data) // 2]), CaptureError)
    assert sizes(events) == list(range(len(events)))
    assert len(events) > 5000
    assert reason == "the gzip data is cut off"


WHOLE = gzip.compress(message(1))
FLIPPED = bytearray(WHOLE)
FLIPPED[-5] ^= 0xFF  # in the checksum
LENGTH_FLIPPED = bytearray(WHOLE)
LENGTH_FLIPPED[-1] ^= 0xFF


@pytest.mark.parametrize(
    ("data", "expected", "reason"),
    [
        *((WHOLE[:cut], [], "the gzip data is cut off") for cut in (2, 3, 9, 12)),
        *((WHOLE[:-cut], [1], "the gzip data is cut off") for cut in (1, 4, 8)),
        *((WHOLE + WHOLE[:cut], [1], "the gzip data is cut off") for cut in (1, 2, 9, 12)),
        (WHOLE + b"\x1f\x8b\x01\0", [1], "damaged gzip data: .*"),  # 8 is the only method there is
        (bytes(FLIPPED), [1], "damaged gzip data: .* data check"),
        (bytes(LENGTH_FLIPPED), [1], "damaged gzip data: .* length check"),
        (bytes(FLIPPED) + WHOLE, [1], "damaged gzip data: .*"),
    ],
    ids=[*(f"cut{at}" for at in range(11)), "method", "checksum", "length", "first member"],
)
@pytest.mark.parametrize("step", [1, 7, 1000])
def test_damaged_gzip(data: bytes, expected: list[int], reason: str, step: int) -> None:
    events, raised = results_until_error(Pieces(data, step), CaptureError)
    assert sizes(events) == expected
    assert re.fullmatch(reason, raised)


@pytest.mark.parametrize("number", [0, 1, 20, 5000])
@pytest.mark.parametrize("step", [1, 1000, 1 << 16])
def test_gzip_intact_bytes_before_the_damage(number: int, step: int) -> None:
    """So many messages, then a block of the type 3, which does not exist; also where one call unpacks all of them."""
    packer = zlib.compressobj(wbits=31)
    intact = b"".join(message(at) for at in range(number))
    data = packer.compress(intact) + packer.flush(zlib.Z_FULL_FLUSH) + b"\x07" + bytes(50)
    events, reason = results_until_error(Pieces(data, step), CaptureError)
    assert sizes(events) == list(range(number))
    assert reason.startswith("damaged gzip data: ")


@pytest.mark.parametrize("behind", [b"no gzip", b"\x1fx", bytes(70_000) + b"x", b"FASPMGR 2\nType: DONE\n\n"], ids=len)
@pytest.mark.parametrize("step", [1, 1000])
def test_gzip_trailing_data(behind: bytes, step: int) -> None:
    for data, expected in ((WHOLE, [1]), (WHOLE + gzip.compress(message(2)), [1, 2])):
        lines: list[str] = []
        events = [e for results in pump(Pieces(data + behind, step), Parser(), log=lines.append) for e in results]
        assert (sizes(events), lines) == (expected, ["trailing data after the gzip stream is ignored"])
        assert sizes(list(read(io.BytesIO(data + behind)))) == expected


def test_gzip_padding_with_zeros() -> None:
    for zeros in (1, 100_000):
        assert list(chunks(io.BytesIO(WHOLE + bytes(zeros)), log=pytest.fail)) == [message(1)]


def test_gzip_rest_in_the_unpacker(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few bits may stand for a thousand bytes: they come in pieces, also when no more data does."""
    monkeypatch.setattr(sources, "CHUNK_BYTES", 10)
    data = gzip.compress(bytes(3000))
    for cut in range(11, len(data)):
        pieces: list[bytes] = []
        with contextlib.suppress(CaptureError):
            pieces.extend(chunks(Pieces(data[:cut], 1000)))
        assert b"".join(pieces) == zlib.decompressobj(wbits=31).decompress(data[:cut])


@pytest.mark.parametrize("data", [b"\x1f", b"\x1fFASPMGR 2\n"])
def test_a_first_byte_like_that_of_gzip_is_not_enough(data: bytes) -> None:
    assert b"".join(chunks(io.BytesIO(data))) == data


def test_gzip_bomb_in_small_pieces() -> None:
    lengths = [len(piece) for piece in chunks(io.BytesIO(gzip.compress(bytes(50_000_000))))]
    assert max(lengths) <= sources.CHUNK_BYTES
    assert sum(lengths) == 50_000_000


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=2000), st.integers(1, 50))
def test_gzip_pieces_cut_anywhere(data: bytes, step: int) -> None:
    assert b"".join(chunks(Pieces(gzip.compress(data), step))) == data


@pytest.mark.parametrize("installed", [True, False])
def test_zlib_ng_if_it_is_installed(installed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    if not installed:
        monkeypatch.setitem(sys.modules, "zlib_ng", None)
    expected = pytest.importorskip("zlib_ng.zlib_ng") if installed else zlib
    assert sources.unpacking() is expected
