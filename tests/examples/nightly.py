"""An application to be tested: sends a folder every night, and says in the end how it went.

It knows nothing of the simulator. It starts ``ascp`` from PATH, listens to its management port with faspmgr, and slows
the transfer down as soon as it runs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from faspmgr import ManagementPort, Tracker, commands


async def send(folder: str, host: str, env: Mapping[str, str]) -> str:
    """Send a folder; return one line for the log."""
    tracker = Tracker()
    async with ManagementPort() as port:
        argv = ["-M", str(port.port), "-u", "nightly", "-l", "500m", "-d", "--precalculate-job-size"]
        ascp = await asyncio.create_subprocess_exec(
            "ascp", *argv, folder, f"backup@{host}:/nightly", env=env, stdout=asyncio.subprocess.DEVNULL
        )
        async for connection in port:
            async for event in connection:
                tracker.update(event)
                if event.type == "SESSION":
                    await connection.send(commands.SetRate(target_kbps=200_000, policy="fair"))
            break
        await ascp.wait()
    (transfer,) = tracker.transfers.values()
    return f"{transfer.state}: {transfer.files_done} sent, {transfer.files_failed} failed"
