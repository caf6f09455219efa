"""Run a transfer, and try again where that makes sense.

The program starts the simulator in place of ascp. Its first run fails half-way, with a code that is worth a retry. The
program prints::

    attempt 1 failed: 16 CONNECTION_LOST: The connection was lost; retry 1 of 3 in 0.1 s
    attempt 1: failed, exit status 1
    attempt 2: done, exit status 0
    done: 3000000 bytes at the destination
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import faspmgr

ASCP = Path(sys.executable).with_name("faspmgr-ascp")  # the simulator; "ascp" for a real one


async def main() -> int:
    """Run the transfer; return the exit status that belongs to its verdict."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "clip.mov")
        source.write_bytes(bytes(3_000_000))
        fault = f"fail=16@50%,once={folder}/failed-once"
        result = await faspmgr.run(
            [str(ASCP), "--simulate-copy", "-l", "100m", str(source), f"user@host:{folder}/copy.mov"],
            retry=3,  # adds -k 1: ascp keeps what it has of a file, so that the second attempt goes on from there
            retry_wait=0.1,  # seconds before the first retry; the default is 2, doubled each time up to 60
            stall_timeout=60,
            environment={"FASPMGR_ASCP_FAULT": fault},
            on_message=print,
        )
    for attempt in result.attempts:
        print(f"attempt {attempt.number}: {attempt.verdict}, exit status {attempt.exit_status}")
    bytes_done = result.transfer.bytes_done if result.transfer else 0
    print(f"{result.verdict}: {bytes_done} bytes at the destination")
    return result.status


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
