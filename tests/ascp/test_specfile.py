"""Transfer specs as they come from outside: JSON, as servers wrap it, and text that is something else."""

from __future__ import annotations

import pytest

from faspmgr.ascp import SPEC_PROPERTIES, PathPair, TransferSpec
from faspmgr.ascp.specfile import IGNORED
from faspmgr.errors import SpecError
from tests.ascp.specs import made

VENDOR = """{"transfer_specs": [{"transfer_spec": {"paths": [{"source": "/data/a", "destination": "/folder"}],
"direction": "send", "target_rate_kbps": 700000, "source_root": "", "min_rate_cap_kbps": 0, "tags": {"aspera": {}},
"ssh_port": 33001, "remote_host": "ats.example.com", "target_rate_cap_kbps": 1250000, "min_rate_kbps": 0,
"token": "token", "cipher": "aes-128", "sshfp": null, "rate_policy": "fair", "rate_policy_allowed": "fair",
"fasp_port": 33001, "http_fallback": false, "overwrite_policy": "always", "lock_min_rate": true,
"remote_user": "xfer", "destination_root": "/folder"}}]}"""

UNREADABLE = "transfer spec: invalid JSON: not UTF-8, nested too deeply, or a number with too many digits"


def test_a_spec_as_a_server_of_the_vendor_sends_it() -> None:
    spec = TransferSpec.from_json(VENDOR)
    assert spec.remote_host == "ats.example.com"
    assert spec.paths == (PathPair("/data/a", "/folder"),)
    assert spec.overwrite == "always"
    assert spec.sshfp is None
    assert set(spec.ignored) == {"min_rate_cap_kbps", "target_rate_cap_kbps", "rate_policy_allowed", "lock_min_rate"}
    assert TransferSpec.from_json(spec.to_json(redact=False)) == spec
    with spec.prepare("ascp") as invocation:
        assert " ".join(invocation.argv[:-3]) == (
            "ascp --mode=send --host=ats.example.com --user=xfer -P 33001 -O 33001 -l 700000k -m 0k --policy=fair "
            "-c aes128 --overwrite=always --tags64=eyJhc3BlcmEiOnt9fQ=="
        )
        assert invocation.env == {"ASPERA_SCP_TOKEN": "token"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"transfer_specs": []}', "transfer_specs: must be a list of one transfer, not 0"),
        ('{"transfer_specs": [{}, {}]}', "transfer_specs: must be a list of one transfer, not 2"),
        ('{"transfer_specs": {}}', "transfer_specs: must be a list of one transfer, not an object"),
        ('{"transfer_specs": [5]}', "transfer_spec: must be an object, not a number"),
        ('{"transfer_spec": []}', "transfer_spec: must be an object, not a list"),
        (
            '{"transfer_specs": [{"error": {"code": 403, "user_message": "no permission"}}]}',
            "error: the server refused the transfer: no permission",
        ),
        ('{"error": {"reason": "gone"}}', "error: the server refused the transfer: gone"),
        ('{"error": 5}', "error: the server refused the transfer: no reason given"),
        ('{"direction": "send", "direction": "receive"}', "direction: is given twice"),
        ("[]", "transfer spec: must be an object, not a list"),
        ("null", "transfer spec: must be an object, not null"),
        ("", "transfer spec: invalid JSON: line 1, column 1"),
        ('{\n "a": }', "transfer spec: invalid JSON: line 2, column 7"),
        ('{"ssh_port": NaN}', "transfer spec: invalid JSON: NaN is not a number in JSON"),
        (b"\xff", UNREADABLE),
        ('{"ssh_port": ' + "1" * 5000 + "}", UNREADABLE),
        ("[" * 200_000, UNREADABLE),
        ('{"a\\nb": 1}', "'a\\nb': unknown property"),
        ('{"%s": 1}' % ("x" * 500), "'" + "x" * 59 + ": unknown property"),
    ],
)
def test_json_that_is_not_a_transfer_spec(text: str | bytes, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        TransferSpec.from_json(text)
    assert str(raised.value) == message


def test_json_as_bytes_and_with_a_mark() -> None:
    text = made(destination_root="/ü").to_json()
    assert TransferSpec.from_json(b"\xef\xbb\xbf" + text.encode()) == made(destination_root="/ü")
    assert text.isascii()


def test_names_that_are_not_utf8_survive_json() -> None:
    spec = made(paths=[{"source": "caf\udce9"}])
    assert '"caf\\udce9"' in spec.to_json()
    assert TransferSpec.from_json(spec.to_json()) == spec


def test_only_known_properties_are_ignored() -> None:
    with pytest.raises(SpecError, match="direction: is not an ignored property"):
        TransferSpec(direction="send", remote_host="h", keepalive=True, ignored={"direction": "receive"})
    assert not IGNORED & set(SPEC_PROPERTIES)


def test_secrets_are_not_in_errors_about_json() -> None:
    for text in ('{"token": "a-secret}', '{"token": a-secret}', '{"token": "a-secret" "b"}'):
        with pytest.raises(SpecError) as raised:
            TransferSpec.from_json(text)
        assert "a-secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__
