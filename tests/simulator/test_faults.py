"""The grammar of FASPMGR_ASCP_FAULT."""

from __future__ import annotations

import pytest

from faspmgr.simulator.exceptions import FaultError
from faspmgr.simulator.faults import Fault, Faults, parse_faults


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", []),
        ("fail=16", [Fault("fail", 16)]),
        ("fail=16@50%", [Fault("fail", 16, 0.5)]),
        ("fail=36@1048576", [Fault("fail", 36, 1 << 20)]),
        ("fail=44@connect", [Fault("fail", 44, "connect")]),
        ("fail-file=35", [Fault("fail-file", 35)]),
        ("fail-file=35@3", [Fault("fail-file", 35, number=3)]),
        ("hang=99%", [Fault("hang", where=0.99)]),
        ("hang@99%", [Fault("hang", where=0.99)]),
        ("hang@99.5%", [Fault("hang", where=0.995)]),
        ("die", [Fault("die")]),
        ("die-kill@0", [Fault("die-kill", where=0)]),
        ("no-connect, linger-socket", [Fault("no-connect"), Fault("linger-socket")]),
        ("stream-full@1000", [Fault("stream-full", 25, 1000)]),
        ("stream-full@50%", [Fault("stream-full", 25, 0.5)]),
        ("refuse-write=3", [Fault("refuse-write", 36, number=3)]),
        ("garbage@1,silent-exit@2", [Fault("garbage", where=1), Fault("silent-exit", where=2)]),
    ],
)
def test_faults(text: str, faults: list[Fault]) -> None:
    assert parse_faults(text) == Faults(faults)


def test_once() -> None:
    assert parse_faults("fail=16,once=/a=b@c") == Faults([Fault("fail", 16)], once="/a=b@c")


@pytest.mark.parametrize(
    "text",
    ["explode", "fail", "fail=x", "fail=16@101%", "fail=16@half", "hang=1@2", "no-connect=5", "linger-socket@5",
     "fail-file=5@0", "fail-file", "once", "once=", "FAIL=16", "fail=16@-1", "fail=16@", "=", "fail=" + "9" * 5000,
     "stream-full", "stream-full@session", "stream-full@", "stream-full=1@2", "refuse-write", "refuse-write=0",
     "refuse-write@3", "refuse-write=1@2"],
)  # fmt: skip
def test_invalid_faults(text: str) -> None:
    with pytest.raises(FaultError, match=r"^FASPMGR_ASCP_FAULT: "):
        parse_faults(text)


def test_a_share_of_nothing_is_not_reached() -> None:
    """Of a stream whose size nobody has said, there is no half."""
    faults = parse_faults("die@50%, stream-full@50%")
    assert faults.due(10**9, None) is None
    assert faults.room(0, None) is None
    assert faults.full(None) is None
    assert faults.full(1000) == (500, Fault("stream-full", 25, 0.5))


def test_where_it_happens() -> None:
    faults = parse_faults("garbage@10%,fail=16@50%,die@session")
    assert [fault.name for fault in faults.at("session")] == ["die"]
    assert faults.at("connect") == []
    assert faults.room(0, 1000) == 100
    assert faults.due(99, 1000) is None
    due = faults.due(100, 1000)
    assert due
    assert due.name == "garbage"
    assert faults.due(100, 1000) is None  # only once
    assert faults.room(100, 1000) == 400
    due = faults.due(700, 1000)
    assert due
    assert due.name == "fail"
    assert faults.room(700, 1000) is None
