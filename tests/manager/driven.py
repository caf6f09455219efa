"""An ascp that takes files and streams, as lines for the fixture scripted_ascp, and a job that drives it.

``serve(wire)`` does what the protocol page and the issue of streams say of ``--keepalive`` and ``--faspmgr-io``, and
keeps what is streamed in memory. A test gives it an ``on`` that replaces what it does at a command.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from faspmgr.manager import Job
from faspmgr.manager.streams import FileStream
from tests.live import MakeAscp

SERVE = """
def message(kind, **fields):
    lines = ["FASPMGR 2", "Type: " + kind, "SessionId: " + session_id]
    lines += ["%s: %s" % field for field in fields.items()] + [""]
    return b"".join(os.fsencode(line) + b"\\n" for line in lines)

class Session:
    def __init__(self, wire, on=None):
        self.wire, self.on = wire, on
        self.file = wire.makefile("rb", 1 << 20)
        self.streams, self.index, self.failed, self.lingers = {}, 0, 0, False
        self.held = []  # what a test does at its own time

    def next(self):  # a command as a dict, None at the end
        lines = []
        while (line := self.file.readline()) != b"\\n":
            if not line.endswith(b"\\n"):
                return None
            lines.append(line[:-1].decode("utf-8", "surrogateescape"))
        command = dict([line.split(": ", 1) for line in lines[1:]], version=lines[0])
        if command["Type"] == "WRITE":
            command["data"] = self.file.read(int(command["Size"]))
            assert self.file.read(2) == b"\\n\\n", "no end of the data"
        return command

    def say(self, kind, file, index, **fields):
        if kind in ("STOP", "SKIP", "FILEERROR"):
            self.streams.pop(file, None)
        self.wire.sendall(message(kind, File=file, FaspFileArgIndex=index, **fields))

    def done(self, file, index, size):
        self.say("STATS", file, index, Size=size, Written=0)
        self.say("STOP", file, index, Size=size, Written=size)

    def arg_stop(self, file, index, passed=1, failed=0):
        self.say("ARGSTOP", file, index, ArgTransfersAttempted=passed + failed, ArgTransfersPassed=passed,
                 ArgTransfersFailed=failed)

    def fail(self, file, index, code, words="no", **fields):
        self.failed += 1
        self.say("FILEERROR", file, index, Code=code, Description=words, **fields)

    def serve(self):
        while True:
            command = self.next()
            if command is None:
                sys.exit(8)
            if not (self.on and self.on(self, command)):
                getattr(self, "on_" + command["Type"].lower())(command)
            if self.lingers and not self.streams and not self.held:
                self.end()

    def on_put(self, command):
        self.index += 1
        self.streams[command["Destination"]] = [self.index, bytearray()]
        self.say("STATS", command["Destination"], self.index, Size=command.get("Size", 0), Written=0)

    def on_write(self, command):
        stream = self.streams.get(command["Destination"])
        if stream:
            offset, data = int(command["Offset"]), command["data"]
            stream[1].extend(bytes(max(0, offset + len(data) - len(stream[1]))))
            stream[1][offset : offset + len(data)] = data

    def on_close(self, command):
        stream = self.streams.get(command["Destination"])
        if stream:
            keep(command["Destination"], stream[1])
            self.say("STOP", command["Destination"], stream[0], Size=len(stream[1]), Written=len(stream[1]))

    def on_start(self, command):
        self.index += 1
        self.done(command["Source"], self.index, 10)
        self.arg_stop(command["Source"], self.index)

    def on_stop(self, command):
        stream = self.streams.get(command["Source"])
        if stream:
            self.fail(command["Source"], stream[0], 28, Written=len(stream[1]))

    def on_rate(self, command):
        self.wire.sendall(message("NOTIFICATION", Rate=command["Rate"]))

    def on_cancel(self, command):
        self.wire.sendall(error(28, "cancelled"))
        sys.exit(1)

    def on_done(self, command):
        self.lingers = True
        if command["Operation"] == "Shutdown":
            self.end()

    def end(self):
        self.wire.sendall(error(27, "One or more files failed") if self.failed else DONE)
        sys.exit(bool(self.failed))

def keep(name, data):
    folder = os.environ.get("KEEP")
    if folder:
        with open(os.path.join(folder, os.fsencode(name).hex()), "wb") as file:
            file.write(data)

def serve(on=None, **session):
    wire = began(**session)
    wire.sendall(message("NOTIFICATION", Rate=10000, PMTU=1492))
    Session(wire, on).serve()

"""


def serving(make: MakeAscp, body: str = "serve()") -> str:
    """The path of an ascp that serves files and streams, and does what the lines say."""
    return make(SERVE + body)


@contextlib.asynccontextmanager
async def driven(ascp: str, **options: Any) -> AsyncIterator[Job]:
    """A job whose session is persistent and streaming, and has begun. options: those of Job."""
    kinds = {"persistent": True, "streaming": True}
    async with Job([ascp, "--mode=send", "--host=h", "in"], **{**kinds, "grace": 10, **options}) as job:
        yield job


async def stream_into(job: Job, destination: str, *pieces: bytes, size: int | None = None) -> FileStream:
    """Stream pieces into a file."""
    async with job.open(destination, size) as stream:
        for piece in pieces:
            await stream.write(piece)
    return stream


async def until(condition: Callable[[], object]) -> None:
    """Wait for a condition, as long as the test may take."""
    while not condition():
        await asyncio.sleep(0.01)
