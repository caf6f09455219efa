"""Whose is a connection? On Linux, the system tells which processes hold its other end.

How
    ``/proc/net/tcp`` and ``tcp6`` have the inode of the socket with these two addresses, ``/proc/PID/fd`` the sockets
    of a process, and ``/proc/PID/stat`` its parent, its process group and its session. Several processes may hold one
    socket, as it is inherited: a connection is ours if any of ours holds it.
Which processes are ours
    Those that descend from the ascp that was started, itself included. Where a parent has exited, its children get
    another one; so those in the process group or the session of ascp are ours, too. A daemon is not that has left both
    and lost its parents: nothing tells it from a stranger.
What is not told
    The sockets of other users' processes, ascp run with sudo for one; what is in a container, or under another kernel;
    a process that has gone; any system but Linux. A process of our own user in another PID namespace counts as not
    told, as the ascp of a container is a child of the container's daemon. Nobody is a stranger then: what the
    connection says decides.
Worst case
    A machine with many processes and sockets, or somebody who opens connection after connection. One look serves all
    that wait, in a thread, and only one goes on at a time. It reads a line of each socket and of each process, and as
    many descriptors as MAX_DESCRIPTORS says; those of our own processes come first, and mostly are enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import struct
from collections.abc import Iterable, Iterator

import attrs

Address = tuple[str, int]
"""A numeric address and a TCP port."""
Ends = tuple[Address, Address]
"""The two ends of a connection: theirs, and ours."""

MAX_DESCRIPTORS = 500_000
"""Open descriptors that one look reads: about a second."""


class Owners:
    """Tells strangers' connections from those of one ascp.

    Args:
        ascp: the process that was started.
        proc: where the system shows its processes.
    """

    def __init__(self, ascp: int, proc: str | os.PathLike[str] = "/proc") -> None:
        self._ascp = ascp
        self._proc = os.fspath(proc)
        # One look at a time.
        self._looking = asyncio.Lock()
        # What the next look is to find, and what looks have found for those that wait.
        self._wanted: set[Ends] = set()
        self._found: dict[Ends, int] = {}

    async def stranger(self, ends: Ends) -> int | None:
        """Look whose a connection is.

        Returns:
            A process that has made it, where the system shows that it is none of ours; None otherwise.
        """
        self._wanted.add(ends)
        async with self._looking:
            if ends in self._wanted:  # the look of another one has not found it yet
                wanted, self._wanted = self._wanted, set()
                self._found |= await asyncio.to_thread(strangers, wanted, self._ascp, self._proc)
            return self._found.pop(ends, None)


def strangers(wanted: Iterable[Ends], ascp: int, proc: str = "/proc") -> dict[Ends, int]:
    """Find the connections among these that strangers have made, each with one of its processes."""
    sockets = _sockets(wanted, proc)
    if not sockets:
        return {}
    processes = _processes(proc)
    kin = {process.pid: _is_ours(process, processes, ascp) for process in processes.values()}
    for pid in (pid for pid, ours in kin.items() if ours):
        for inode in _inodes(pid, proc):
            sockets.pop(inode, None)
    found: dict[Ends, int] = {}
    left = MAX_DESCRIPTORS
    for pid in (pid for pid, ours in kin.items() if ours is False):
        for inode in _inodes(pid, proc):
            if not sockets or left <= 0:
                return found
            left -= 1
            if inode in sockets and not (sockets[inode].uid == os.getuid() and _is_contained(pid, proc)):
                found[sockets.pop(inode).ends] = pid
    return found


@attrs.frozen
class _Socket:
    """The other end of a connection, as the system has it, and the user who has made it."""

    ends: Ends
    uid: int


@attrs.frozen
class _Process:
    pid: int
    parent: int
    group: int
    session: int


def _sockets(wanted: Iterable[Ends], proc: str) -> dict[str, _Socket]:
    """The sockets of the other ends, by inode."""
    lines = {line: ends for ends in wanted for line in _lines(ends)}
    sockets = {}
    for name in ("tcp", "tcp6"):
        with contextlib.suppress(OSError), open(os.path.join(proc, "net", name)) as table:
            for row in table:
                #  sl  local_address  rem_address  st  tx_queue:rx_queue  tr:tm->when  retrnsmt  uid  timeout  inode …
                columns = row.split(maxsplit=10)
                ends = lines.get(" ".join(columns[1:3]))
                if ends and columns[9] != "0":  # it has no inode any more when it was closed
                    sockets[columns[9]] = _Socket(ends, int(columns[7]))
    return sockets


def _lines(ends: Ends) -> Iterator[str]:
    """How the tables show the other end: an IPv4 address may stand in that of IPv6, too, as ``::ffff:127.0.0.1``."""
    addresses = [(ipaddress.ip_address(host.partition("%")[0]), port) for host, port in ends]
    plain = [(getattr(address, "ipv4_mapped", None) or address, port) for address, port in addresses]
    yield " ".join(_shown(address.packed, port) for address, port in plain)
    if all(address.version == 4 for address, _ in plain):
        yield " ".join(_shown(b"\0" * 10 + b"\xff" * 2 + address.packed, port) for address, port in plain)


def _shown(packed: bytes, port: int) -> str:
    """An address as the tables have it: words of 32 bits in the order of this machine."""
    words = struct.unpack(f"={len(packed) // 4}I", packed)
    return "".join(f"{word:08X}" for word in words) + f":{port:04X}"


def _processes(proc: str) -> dict[int, _Process]:
    processes = {}
    for name in os.listdir(proc):
        if name.isdecimal():
            with contextlib.suppress(OSError, ValueError), open(os.path.join(proc, name, "stat"), "rb") as stat:
                # PID (name) state parent group session …, and a name may have parentheses and blanks
                _state, parent, group, session = stat.read().rpartition(b")")[2].split()[:4]
                processes[int(name)] = _Process(int(name), int(parent), int(group), int(session))
    return processes


def _is_ours(process: _Process, processes: dict[int, _Process], ascp: int) -> bool | None:
    """Does a process descend from ascp? None where one of its ancestors is not shown."""
    line: set[int] = set()
    while process.pid not in line:
        line.add(process.pid)
        if ascp in (process.pid, process.group, process.session):
            return True
        if process.parent == 0:
            return False
        if process.parent not in processes:
            return None
        process = processes[process.parent]
    return None  # numbers that were given anew while they were read


def _inodes(pid: int, proc: str) -> Iterator[str]:
    """The inodes of the sockets that a process holds, as far as it may be seen; empty for other descriptors."""
    folder = os.path.join(proc, str(pid), "fd")
    with contextlib.suppress(OSError):
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                target = os.readlink(os.path.join(folder, name))
                yield target[8:-1] if target.startswith("socket:[") else ""


def _is_contained(pid: int, proc: str) -> bool:
    """Is a process in another PID namespace than this one?"""
    try:
        theirs, ours = (os.readlink(os.path.join(proc, name, "ns", "pid")) for name in (str(pid), "self"))
    except OSError:
        return False
    return theirs != ours
