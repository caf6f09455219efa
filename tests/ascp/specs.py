"""Transfer specs for the tests of this folder, and what comes out of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faspmgr.ascp import TransferSpec
from faspmgr.errors import SpecError

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----\n"


def made(**more: Any) -> TransferSpec:
    """The least spec there is, and more."""
    least = {"direction": "send", "remote_host": "h", "paths": [{"source": "/d/a"}], "destination_root": "/in"}
    return TransferSpec.from_dict({**least, **more})


def options(spec: TransferSpec) -> list[str]:
    """What a spec adds to the command line of the least spec."""
    with spec.prepare("ascp") as invocation:
        assert invocation.argv[:3] == ["ascp", f"--mode={invocation.argv[1][7:]}", "--host=h"]
        assert invocation.argv[-2:] == ["--", "/in"]
        assert invocation.argv[-3].startswith("--file-pair-list=")
        return invocation.argv[3:-3]


def listed(spec: TransferSpec) -> tuple[str, bytes]:
    """The option that names the list, and what is in the list."""
    with spec.prepare("ascp") as invocation:
        (word,) = [word for word in invocation.argv if word.startswith(("--file-pair-list=", "--file-list="))]
        option, _, path = word.partition("=")
        return option, Path(path).read_bytes()


def refused(property_: str, **more: Any) -> str:
    """What is wrong with a property of a spec; the error names it."""
    with pytest.raises(SpecError) as raised:
        made(**more)
    message = str(raised.value)
    assert message.isprintable()
    assert len(message) < 300
    assert raised.value.property == property_
    return message.removeprefix(f"{property_}: ")
