"""Command lines of sessions whose files are given while they run. What a real ascp refuses was seen with 3.9.0."""

from __future__ import annotations

from typing import Any

import pytest

from faspmgr.ascp import TransferSpec, driven_argv
from faspmgr.errors import SpecError

SEND = "ascp --mode=send --host=h"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("ascp u@h:/in", f"{SEND} --user=u --keepalive /in"),
        ("ascp h:/in", f"{SEND} --keepalive /in"),
        ("ascp -l 7m -d u@h:", f"{SEND} --user=u --keepalive -l 7m -d ."),
        ("ascp u@h:a@b:c", f"{SEND} --user=u --keepalive a@b:c"),
        ("ascp u@h:-in", f"{SEND} --user=u --keepalive -- -in"),
        ("ascp -- u@h:-in", f"{SEND} --user=u --keepalive -- -in"),
        ("ascp -- u@h:/in", f"{SEND} --user=u --keepalive -- /in"),
        ("ascp u@[::1]:/in", "ascp --mode=send --host=::1 --user=u --keepalive /in"),
        # What is in parts already, or is something else, stays.
        ("ascp --mode=send --host=h /in", "ascp --keepalive --mode=send --host=h /in"),
        ("ascp --mode=recv u@h:/in", "ascp --keepalive --mode=recv u@h:/in"),
        ("ascp --keepalive --mode=send --host=h", "ascp --keepalive --mode=send --host=h"),
        ("ascp a u@h:/in", "ascp --keepalive a u@h:/in"),
        ("ascp /in", "ascp --keepalive /in"),
        ("ascp -l u@h:/in", "ascp --keepalive -l u@h:/in"),
        ("ascp", "ascp --keepalive"),
    ],
)
def test_a_persistent_session(before: str, after: str) -> None:
    assert driven_argv(before.split(), persistent=True) == after.split()


def test_a_session_with_streams() -> None:
    assert driven_argv(["ascp", "u@h:/in"], streaming=True) == [*f"{SEND} --user=u --faspmgr-io /in".split()]
    assert driven_argv(["ascp", "--faspmgr-io", "/in"], streaming=True) == ["ascp", "--faspmgr-io", "/in"]
    both = driven_argv([*SEND.split(), "/in"], persistent=True, streaming=True)
    assert both == ["ascp", "--faspmgr-io", "--keepalive", "--mode=send", "--host=h", "/in"]


SPEC: dict[str, Any] = {"direction": "send", "remote_host": "h", "destination_root": "/in"}


def test_a_spec_with_streams() -> None:
    spec = TransferSpec.from_dict(SPEC, streaming=True)
    assert spec == TransferSpec.from_json(
        '{"direction":"send","remote_host":"h","destination_root":"/in"}', streaming=True
    )
    with spec.prepare("ascp") as invocation:
        assert invocation.argv == ["ascp", "--mode=send", "--host=h", "--faspmgr-io", "--", "/in"]
    assert spec.to_dict() == SPEC  # it is no property


def test_a_persistent_spec() -> None:
    spec = TransferSpec.from_dict(SPEC, persistent=True)
    assert spec == TransferSpec.from_dict({**SPEC, "keepalive": True})
    with TransferSpec.from_dict(SPEC, persistent=True, streaming=True).prepare("ascp") as invocation:
        assert invocation.argv == ["ascp", "--mode=send", "--host=h", "--keepalive", "--faspmgr-io", "--", "/in"]


@pytest.mark.parametrize(
    ("more", "problem"),
    [
        ({"paths": [{"source": "a"}]}, "paths: is not for a session that files are streamed into"),
        ({"multi_session": 2}, "multi_session: is not for a session that files are streamed into"),
        ({"destination_root": ""}, "destination_root: is missing"),
        ({"streaming": True}, "streaming: unknown property"),
    ],
)
def test_what_contradicts_streams(more: dict[str, Any], problem: str) -> None:
    with pytest.raises(SpecError) as raised:
        TransferSpec.from_dict({**SPEC, **more}, streaming=True)
    assert str(raised.value) == problem
