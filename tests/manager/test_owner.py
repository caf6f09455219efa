"""Whose a connection is, in a /proc that is written down here, by proc(5) and the kernel's page on proc_net_tcp."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from pathlib import Path

import pytest

from faspmgr.manager import owner
from faspmgr.manager.owner import Ends, Owners, strangers

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the addresses are those of a little-endian machine")

ASCP = 100
HERE = ("127.0.0.1", 0x1F90)
ENDS: Ends = (("127.0.0.1", 0xA000), HERE)
HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"


def row(ends: str, inode: int, uid: int | None = None) -> str:
    uid = os.getuid() if uid is None else uid
    queues = "00000000:00000000 00:00000000 00000000"
    return f"   0: {ends} 01 {queues} {uid:5}        0 {inode} 1 0000000000000000 20 4 30 10 -1\n"


class FakeProc:
    """A folder in place of /proc."""

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "net").mkdir()
        self.tcp(row("0100007F:A000 0100007F:1F90", 5001) + row("0100007F:1F90 0100007F:A000", 5002))
        self.process(1, 0, 1, 1)
        self.process(50, 1, 50, 50, "socket:[5002]")  # the manager
        self.process(ASCP, 50, ASCP, ASCP)

    def tcp(self, rows: str, name: str = "tcp") -> None:
        (self.path / "net" / name).write_text(HEADER + rows)

    def process(
        self, pid: int, parent: int, group: int, session: int, *descriptors: str, namespace: int = 1, name: str = "ascp"
    ) -> None:
        folder = self.path / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "ns").mkdir()
        (folder / "stat").write_bytes(b"%d (%s) S %d %d %d 0 -1\n" % (pid, name.encode(), parent, group, session))
        (folder / "ns/pid").symlink_to(f"pid:[{namespace}]")
        for number, target in enumerate(("/dev/null", *descriptors)):
            (folder / "fd" / str(number)).symlink_to(target)
        if pid == 50:
            (self.path / "self").symlink_to("50")

    def stranger(self, ends: Ends = ENDS) -> int | None:
        return strangers([ends], ASCP, str(self.path)).get(ends)


@pytest.fixture
def proc(tmp_path: Path) -> FakeProc:
    return FakeProc(tmp_path)


def test_a_process_that_ascp_has_nothing_to_do_with(proc: FakeProc) -> None:
    proc.process(200, 1, 200, 200, "pipe:[5001]", "socket:[5001]", name="a) b (c 1 2")
    assert proc.stranger() == 200


@pytest.mark.parametrize(
    ("pid", "parent", "group", "session"),
    [
        (200, ASCP, 200, 200),  # a child that has left the session
        (200, 1, 200, ASCP),  # one whose parent has gone
        (200, 1, ASCP, 7),
    ],
)
def test_processes_that_are_ours(proc: FakeProc, pid: int, parent: int, group: int, session: int) -> None:
    proc.process(pid, parent, group, session, "socket:[5001]")
    assert proc.stranger() is None
    proc.process(300, 1, 300, 300, "socket:[5001]")  # a stranger that holds it, too, does not make it his
    assert proc.stranger() is None


def test_a_child_of_a_child_behind_parents_that_hold_nothing(proc: FakeProc) -> None:
    proc.process(201, ASCP, 201, 201)
    proc.process(202, 201, 201, 201, "socket:[5001]")
    assert proc.stranger() is None


def test_the_manager_and_its_other_children_are_strangers(proc: FakeProc) -> None:
    proc.process(51, 50, 50, 50, "socket:[5001]")
    assert proc.stranger() == 51


def test_nobody_that_is_shown_holds_it(proc: FakeProc) -> None:
    proc.process(200, 1, 200, 200, "socket:[5003]")
    assert proc.stranger() is None


def test_an_owner_that_has_gone(proc: FakeProc) -> None:
    proc.tcp(row("0100007F:A000 0100007F:1F90", 0))
    proc.process(200, 1, 200, 200, "socket:[0]")
    assert proc.stranger() is None


def test_a_process_whose_parents_are_not_shown(proc: FakeProc) -> None:
    proc.process(200, 199, 200, 200, "socket:[5001]")
    assert proc.stranger() is None


def test_processes_that_are_each_others_parents(proc: FakeProc) -> None:
    """Numbers that were given anew while they were read."""
    proc.process(200, 201, 200, 200, "socket:[5001]")
    proc.process(201, 200, 201, 201)
    assert proc.stranger() is None


def test_descriptors_that_may_not_be_read(proc: FakeProc) -> None:
    folder = proc.path / "200"
    folder.mkdir()
    (folder / "stat").write_text("200 (x) S 1 200 200")
    (proc.path / "201").mkdir()  # it goes while it is looked at
    assert proc.stranger() is None


def test_a_container_of_the_same_user(proc: FakeProc) -> None:
    proc.process(200, 1, 200, 200, "socket:[5001]", namespace=2)
    assert proc.stranger() is None
    proc.tcp(row("0100007F:A000 0100007F:1F90", 5001, uid=os.getuid() + 1))
    assert proc.stranger() == 200


def test_a_socket_of_ipv6_that_speaks_ipv4(proc: FakeProc) -> None:
    proc.tcp("")
    mapped = "0000000000000000FFFF00000100007F"
    proc.tcp(row(f"{mapped}:A000 {mapped}:1F90", 5001), "tcp6")
    proc.process(200, 1, 200, 200, "socket:[5001]")
    assert proc.stranger() == 200
    assert proc.stranger((("::ffff:127.0.0.1", 0xA000), ("::ffff:127.0.0.1", 0x1F90))) == 200


def test_ipv6(proc: FakeProc) -> None:
    local = "00000000000000000000000001000000"
    proc.tcp(row(f"{local}:A000 {local}:1F90", 5001), "tcp6")
    proc.process(200, 1, 200, 200, "socket:[5001]")
    assert proc.stranger((("::1", 0xA000), ("::1", 0x1F90))) == 200
    assert proc.stranger((("fe80::1%eth0", 0xA000), ("fe80::1%eth0", 0x1F90))) is None


def test_no_more_descriptors_than_the_limit(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger who has more and more of them: the look ends all the same."""
    monkeypatch.setattr(owner, "_inodes", lambda pid, _: itertools.repeat("7") if pid == 1 else iter(()))
    monkeypatch.setattr(owner, "MAX_DESCRIPTORS", 1_000)
    assert proc.stranger() is None


def test_a_system_that_shows_nothing(tmp_path: Path) -> None:
    assert strangers([ENDS], ASCP, str(tmp_path / "none")) == {}


def test_one_look_for_all_that_wait(proc: FakeProc, monkeypatch: pytest.MonkeyPatch) -> None:
    every: list[Ends] = [(("127.0.0.1", 0xA000 + number), HERE) for number in range(50)]
    proc.tcp("".join(row(f"0100007F:{ends[0][1]:04X} 0100007F:1F90", 6000 + n) for n, ends in enumerate(every)))
    proc.process(200, 1, 200, 200, *[f"socket:[{6000 + n}]" for n in range(25)])
    proc.process(201, ASCP, 201, 201, *[f"socket:[{6000 + n}]" for n in range(25, 50)])
    looks: list[int] = []

    def look(wanted: set[Ends], *args: object) -> dict[Ends, int]:
        looks.append(len(wanted))
        return strangers(wanted, ASCP, str(proc.path))

    monkeypatch.setattr(owner, "strangers", look)

    async def go() -> list[int | None]:
        owners = Owners(ASCP, proc.path)
        return await asyncio.gather(*map(owners.stranger, every))

    assert asyncio.run(go()) == [200] * 25 + [None] * 25
    assert looks == [1, 49] or looks == [50]
