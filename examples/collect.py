"""Collect what several ascp report, and print a line for each session at the end.

Run it with the number of connections to wait for, and a port::

    python examples/collect.py 2 40001

In another terminal, let ascp connect to it (``ascp -M 40001 …``), or the simulator::

    faspmgr simulate --files 5 --sessions 2 --to 127.0.0.1:40001
"""

from __future__ import annotations

import asyncio
import sys
from collections import Counter

import faspmgr


async def collect(connections: int, port: int) -> None:
    events: Counter[faspmgr.Session] = Counter()
    async with faspmgr.Listener(port=port, connections=connections, on_message=log) as listener:
        log(f"listening on {listener.address}")
        async for received in listener:
            events[received.session] += 1
            if isinstance(received.event, faspmgr.FileErrorEvent):
                log(f"connection {received.connection}: {received.event.file} failed")
    for session, count in events.items():
        print(f"{session.id}: {session.state}, {session.files_done} files, {session.bytes_done} bytes, {count} events")


def log(message: str) -> None:
    print(message, file=sys.stderr, flush=True)


if __name__ == "__main__":
    asyncio.run(collect(connections=int(sys.argv[1]), port=int(sys.argv[2])))
