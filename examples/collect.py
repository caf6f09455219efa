"""Collect what several ascp report, with a Listener: the events of all connections, and the state of every transfer.

Two simulators connect in place of ascp. The program prints::

    monday: clip.mov is complete
    monday: done, 3000000 bytes
    tuesday: failed, 25 NO_SPACE_LEFT: The disk is full
"""

import asyncio
import os
import sys
import tempfile
from pathlib import Path

import faspmgr

ASCP = Path(sys.executable).with_name("faspmgr-ascp")  # the simulator; "ascp" for a real one


async def run_ascp(port: int, name: str, source: Path, faults: str = "") -> None:
    """Run one ascp that reports to the port."""
    argv = ["-M", str(port), "-u", name, "-l", "100m", str(source), "user@host:/in"]
    environment = {**os.environ, "FASPMGR_ASCP_FAULT": faults}
    quiet = asyncio.subprocess.DEVNULL
    ascp = await asyncio.create_subprocess_exec(ASCP, *argv, env=environment, stdout=quiet, stderr=quiet)
    await ascp.wait()


async def main() -> None:
    """Listen until two ascp have come and gone."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "clip.mov")
        source.write_bytes(bytes(3_000_000))
        # record: the bytes of each connection, for summary, check and replay
        async with (
            faspmgr.Listener(connections=2, record=f"{folder}/recordings") as listener,
            asyncio.TaskGroup() as group,
        ):
            group.create_task(run_ascp(listener.port, "monday", source))
            group.create_task(run_ascp(listener.port, "tuesday", source, "fail=25@50%"))
            async for received in listener:
                if isinstance(received.event, faspmgr.StopEvent):
                    print(f"{received.session.user_str}: {Path(received.event.file or '').name} is complete")
    for name, transfer in sorted((str(key), transfer) for key, transfer in listener.tracker.transfers.items()):
        print(f"{name}: {transfer.state}, {transfer.error or f'{transfer.bytes_done} bytes'}")


if __name__ == "__main__":
    asyncio.run(main())
