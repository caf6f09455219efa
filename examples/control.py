"""Control a running transfer: raise its rate as soon as data moves.

The program starts the simulator in place of ascp, which copies a file at 8 Mbps, and prints::

    transferring at 8000 Kbps
    accepted: target 80000 Kbps, minimum 0 Kbps, policy Adaptive
    done: 3000000 bytes, 1 attempt
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from faspmgr import Event, Job, Session
from faspmgr.commands import SetRate

ASCP = Path(sys.executable).with_name("faspmgr-ascp")  # the simulator; "ascp" for a real one


async def main() -> None:
    """Run a transfer, and change its rate from another task."""
    moving = asyncio.Event()

    def on_event(event: Event, session: Session) -> None:
        if session.state == "transferring" and session.bytes_done and not moving.is_set():
            print(f"transferring at {session.target_rate_kbps} Kbps")
            moving.set()

    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "clip.mov")
        source.write_bytes(bytes(3_000_000))
        argv = [str(ASCP), "--simulate-copy", "-l", "8m", str(source), f"user@host:{folder}/copy.mov"]
        job = Job(argv, on_event=on_event)
        running = asyncio.create_task(job.run())

        await moving.wait()
        reply = await job.send(SetRate(target_kbps=80_000))
        # True: ascp reported the new rate. False: it reported another. None: it reported nothing in time.
        print({True: "accepted", False: "rejected", None: "no reply"}[reply.accepted] + f": {reply.message}")

        result = await running
    assert result.transfer is not None
    print(f"{result.verdict}: {result.transfer.bytes_done} bytes, {len(result.attempts)} attempt")


if __name__ == "__main__":
    asyncio.run(main())
