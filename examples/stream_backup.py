"""Compress a file while it is transferred: the backup is never on the disk here, and its size is not known beforehand.

The program starts the simulator in place of ascp, streams the file into it, and prints::

    done: 4000002 bytes were read, and … bytes are at the destination
    unpacked, it is what was read: True
"""

import asyncio
import gzip
import sys
import tempfile
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import faspmgr

ASCP = Path(sys.executable).with_name("faspmgr-ascp")  # the simulator; "ascp" for a real one that has --faspmgr-io
PIECE_BYTES = 1 << 20


async def compressed(path: Path) -> AsyncIterator[bytes]:
    """Give a file as gzip, piece by piece. What it raises breaks the file at the destination off."""
    gzipped = zlib.compressobj(wbits=31)
    with path.open("rb") as file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield await asyncio.to_thread(gzipped.compress, piece)  # the event loop serves ascp meanwhile
    yield gzipped.flush()


async def back_up(source: Path, argv: list[str], destination: str) -> faspmgr.Result:
    """Stream a file; return how the session ended. A file that has not arrived raises FileTransferError."""
    async with faspmgr.Job(argv, streaming=True, stall_timeout=60) as job:  # adds --faspmgr-io
        # Where ascp takes less than we have, this waits. It is over when ascp has reported the whole file.
        stream = await job.copy(compressed(source), destination)
    print(f"done: {source.stat().st_size} bytes were read, and {stream.written} bytes are at the destination")
    assert job.result is not None
    return job.result


def main() -> int:
    """Back a file up; return the exit status that belongs to how it went."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "shop.sql")
        source.write_bytes(b"INSERT INTO orders VALUES (4711, 'a lamp');\n" * 90_909 + b"-- end")
        argv = [str(ASCP), "--simulate-copy", "-l", "1g", "-d", f"user@host:{folder}/backup"]
        try:
            result = asyncio.run(back_up(source, argv, "shop.sql.gz"))
        except (faspmgr.FileTransferError, faspmgr.TransferError) as error:
            print(f"failed: {error}")
            return 1
        there = gzip.decompress(Path(folder, "backup/shop.sql.gz").read_bytes())
        print(f"unpacked, it is what was read: {there == source.read_bytes()}")
    return result.status


if __name__ == "__main__":
    sys.exit(main())
