"""Tests of an application that streams files into ascp, as the documentation shows them."""

from __future__ import annotations

import asyncio

import pytest

import faspmgr
from faspmgr.testing import FakeAscp

ASCP = ["ascp", "--mode=send", "--host=example.org", "--user=backup", "-d", "/reports"]


async def publish(pages: dict[str, bytes]) -> faspmgr.Result | None:
    """The application: it has pages in memory, and streams each of them into a file."""
    async with faspmgr.Job(ASCP, streaming=True) as job:
        for name, text in pages.items():
            async with job.open(name, size=len(text)) as stream:
                await stream.write(text)
    return job.result


def test_it_streams_what_it_has_in_memory(fake_ascp: FakeAscp) -> None:
    pages = {"a.html": b"<h1>A</h1>", "b.html": b"<h1>B</h1>"}
    result = asyncio.run(publish(pages))
    assert result is not None
    assert result.verdict == "done"
    assert fake_ascp.streamed == pages
    # And a full disk is no success:
    fake_ascp.fails("stream-full@15")
    with pytest.raises(faspmgr.FileTransferError) as caught:
        asyncio.run(publish(pages))
    assert caught.value.code == 25
    assert fake_ascp.streamed == {"a.html": b"<h1>A</h1>", "b.html": b"<h1>B"}
