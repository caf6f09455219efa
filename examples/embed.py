"""Embed the parser in an asyncio program: a server of its own, and a parser for each connection.

The program starts the simulator in place of ascp, and prints::

    SESSION  nightly, target 100000 Kbps
    STOP     one.bin, 1000000 bytes
    STOP     two.bin, 500000 bytes
    DONE     2 files, 1500000 bytes
"""

import asyncio
import sys
import tempfile
from pathlib import Path

import faspmgr

ASCP = Path(sys.executable).with_name("faspmgr-ascp")  # the simulator; "ascp" for a real one


async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read one connection of ascp to its end."""
    parser = faspmgr.Parser()
    tracker = faspmgr.Tracker()
    while data := await reader.read(65_536):
        for event in parser.feed(data):  # the events that are complete; the rest stays in the parser
            session = tracker.update(event)
            if isinstance(event, faspmgr.SessionEvent):
                print(f"SESSION  {event.user_str}, target {event.rate} Kbps")
            elif isinstance(event, faspmgr.StopEvent):
                print(f"STOP     {Path(event.file or '').name}, {event.size} bytes")
            elif isinstance(event, faspmgr.DoneEvent):
                print(f"DONE     {session.files_done} files, {session.bytes_done} bytes")
    parser.close()
    tracker.close()
    writer.close()


async def main() -> None:
    """Serve on a free port, and let one ascp connect to it."""
    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        sources = [Path(folder, "one.bin"), Path(folder, "two.bin")]
        sources[0].write_bytes(bytes(1_000_000))
        sources[1].write_bytes(bytes(500_000))
        argv = ["-M", str(port), "-u", "nightly", "-l", "100m", *map(str, sources), "user@host:/in"]
        ascp = await asyncio.create_subprocess_exec(ASCP, *argv, stdout=asyncio.subprocess.DEVNULL)
        await ascp.wait()
    server.close()
    await server.wait_closed()


if __name__ == "__main__":
    asyncio.run(main())
