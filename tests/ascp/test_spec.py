"""The table of the properties: what each may be, what contradicts what, and what survives JSON."""

from __future__ import annotations

from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.ascp import OPTIONS, SECRET_VARIABLES, SPEC_PROPERTIES, TransferSpec, describe_properties, option_value
from tests.ascp.specs import KEY, made, options, refused

# By hand, from the vendor's documents.
PROPERTIES = """remote_host remote_user ssh_port fasp_port direction paths source_root destination_root create_dir
target_rate_kbps min_rate_kbps rate_policy cipher resume_policy overwrite file_checksum precalculate_job_size
preserve_times symlink_policy tags cookie token remote_password ssh_private_key ssh_private_key_path
ssh_private_key_passphrase content_protection content_protection_password http_fallback http_fallback_port
multi_session multi_session_threshold remove_after_transfer move_after_transfer delete_before_transfer
exclude_newer_than exclude_older_than dgram_size proxy sshfp keepalive"""

TWO = [{"source": "a"}, {"source": "b"}]
CIPHERS = (
    "none, aes-128, aes-192, aes-256, aes-128-cfb, aes-192-cfb, aes-256-cfb, aes-128-gcm, aes-192-gcm, aes-256-gcm"
)
PHRASE, MOVE, DELETE = "ssh_private_key_passphrase", "move_after_transfer", "delete_before_transfer"


def test_every_property_is_an_attribute_and_nothing_else() -> None:
    assert set(SPEC_PROPERTIES) == set(PROPERTIES.split())
    assert {row.name for row in attrs.fields(TransferSpec)} == {*PROPERTIES.split(), "ignored", "streaming"}


def test_every_option_of_a_property_is_one_of_ascp() -> None:
    known = {name: option for option in OPTIONS for name in option.names}
    for row in SPEC_PROPERTIES.values():
        if row.option:
            assert bool(known[row.option].value) == (row.kind != "switch")


def test_the_reference_names_every_property() -> None:
    described = describe_properties()
    assert list(described) == list(SPEC_PROPERTIES)
    assert described["target_rate_kbps"] == "rate to aim at, kilobits per second [-l]"
    assert described["overwrite"] == "when to replace a file (always, never, diff, older, diff+older) [--overwrite]"
    assert TransferSpec.__doc__ is not None
    section = TransferSpec.__doc__.partition("    Attributes:\n")[2].replace("``", "")
    assert section == "".join(f"        {name}: {words}\n" for name, words in described.items())


@pytest.mark.parametrize("name", [name for name, row in SPEC_PROPERTIES.items() if row.secret])
@pytest.mark.parametrize("value", [["a-secret"], {"a-secret": "a-secret"}, "a-secret\0", "a-secret\ud800"])
def test_secrets_are_not_in_errors(name: str, value: object) -> None:
    assert "a-secret" not in refused(name, **{name: value})


@pytest.mark.parametrize("name", ["source_root", "destination_root", "move_after_transfer"])
def test_passwords_in_urls_that_would_be_seen(name: str) -> None:
    assert "which all users could read" in refused(name, **{name: "s3://id:a-secret@bucket/x"})


# fmt: off
LINE_BREAK = "has a line break or a null character, which ascp does not accept"
INVALID: dict[str, list[tuple[str, Any]]] = {  # what is wrong, with which properties and values
    "unknown property; did you mean remote_host?": [("remote_hots", "h")],
    "unknown property": [("zzz", 1), ("ignored", {})],
    "is missing": [("remote_host", ""), ("remote_host", None), ("direction", None),
                   ("destination_root", None), ("destination_root", "")],
    "is missing or empty": [("paths", [])],
    LINE_BREAK: [("remote_host", "a\nb"), ("token", "a\nb")],
    "must be text, not a number": [("remote_host", 5)],
    "must be text, not true or false": [("remote_user", True)],
    "must be one of send, receive, not 'sned'": [("direction", "sned")],
    "must be one of send, receive, not text": [("direction", "x" * 100)],
    "must be one of send, receive, not a list": [("direction", ["send"])],
    "must be one of send, receive, not ''": [("direction", "")],
    "must be a whole number, not text": [("ssh_port", "22"), ("exclude_newer_than", "yesterday"),
                                         ("exclude_newer_than", "٣")],
    "must be a whole number, not a number with a decimal point": [("ssh_port", 22.0)],
    "must be a whole number, not true or false": [("ssh_port", True)],
    "must be from 1 to 65,535": [("ssh_port", 0), ("fasp_port", 65_536)],
    "must be from 1 to 9,223,372,036,854,775": [("target_rate_kbps", 0), ("target_rate_kbps", 10**4000)],
    "must be from 0 to 9,223,372,036,854,775": [("min_rate_kbps", -1)],
    "must be from 296 to 65,535": [("dgram_size", 295)],
    "must be from 0 to 128": [("multi_session", 129)],
    "must be true or false, not a number": [("create_dir", 1)],
    "must be true or false, not text": [("create_dir", "yes")],
    "must be true, false, or force": [("http_fallback", 1.5), ("http_fallback", "yes")],
    f"must be one of {CIPHERS}, not 'rot13'": [("cipher", "rot13")],
    "must be dnat://[user[:password]@]host[:port], or the same with dnats": [("proxy", "http://p:80")],
    "must be an object, not a list": [("tags", [])],
    "is 4,096 bytes of JSON, and ascp accepts at most 4,095": [("tags", {"x": "y" * 4088})],
    "cannot be written as JSON": [("tags", {"x": float("nan")}), ("tags", {"x": b""})],
    "holds storage_credentials, which all users could read on the command line of ascp": [
        ("tags", {"aspera": {"node": {"storage_credentials": {"token": "a-secret"}}}})],
    "is 4,096 bytes long, and ascp accepts at most 4,095": [("cookie", "c" * 4096)],
    "is 65,536 bytes long, and ascp accepts at most 65,535": [("token", "t" * 65_536)],
    "must be a list, not text": [("paths", "a")],
    "must be a list, not a number": [("paths", 5)],
    "must be a list, not an object": [("paths", {"source": "a"})],
}
# fmt: on


@pytest.mark.parametrize("message", INVALID)
def test_invalid_values(message: str) -> None:
    for name, value in INVALID[message]:
        assert refused(name, **{name: value}) == message


CONTRADICTIONS: dict[str, dict[str, Any]] = {
    "min_rate_kbps: is above target_rate_kbps": {"min_rate_kbps": 2, "target_rate_kbps": 1},
    "ssh_private_key: contradicts ssh_private_key_path": {"ssh_private_key": KEY, "ssh_private_key_path": "id"},
    f"{PHRASE}: needs ssh_private_key or ssh_private_key_path": {PHRASE: "x"},
    f"{PHRASE}: differs from remote_password, and ascp accepts only one of them": {
        PHRASE: "x",
        "ssh_private_key": KEY,
        "remote_password": "y",
    },
    "content_protection: needs content_protection_password": {"content_protection": "encrypt"},
    "content_protection_password: needs content_protection": {"content_protection_password": "x"},
    f"{MOVE}: contradicts remove_after_transfer": {MOVE: "/x", "remove_after_transfer": True},
    f"{DELETE}: contradicts http_fallback": {DELETE: True, "http_fallback": "force"},
    f"{DELETE}: works with one source, and paths has more": {DELETE: True, "paths": TWO},
    f"{DELETE}: contradicts keepalive": {DELETE: True, "keepalive": True, "paths": []},
    "multi_session: contradicts keepalive": {"multi_session": 2, "keepalive": True, "paths": []},
    "paths: contradicts keepalive: a persistent session is given its files as it runs": {"keepalive": True},
    "overwrite_policy: is another name of overwrite, which is set too": {
        "overwrite": "never",
        "overwrite_policy": "diff",
    },
}


@pytest.mark.parametrize("message", CONTRADICTIONS)
def test_contradictions(message: str) -> None:
    name, _, problem = message.partition(": ")
    assert refused(name, **CONTRADICTIONS[message]) == problem


def test_what_just_fits() -> None:
    made(tags={"x": "y" * 4087})
    made(cookie="c" * 4095)
    made(min_rate_kbps=5, target_rate_kbps=5)
    made(remove_after_transfer=False, move_after_transfer="/x")
    made(content_protection_password="", token="")
    made(multi_session=128, resume_policy="none")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("dnat://p", "dnat://p"),
        ("dnats://[::1]:9092/", "dnats://[::1]:9092/"),
        ("dnat://bob@p:9091", "dnat://bob@p:9091"),
        ("dnat://bob:@p:9091", "dnat://bob:***@p:9091"),
        ("dnat://bob@corp:p/w:@d@p:9091", "dnat://bob@corp:***@p:9091"),
    ],
)
def test_proxies(url: str, shown: str) -> None:
    assert made(proxy=url).to_dict()["proxy"] == shown
    assert options(made(proxy=url)) == [f"--proxy={shown.replace(':***', '')}"]


@pytest.mark.parametrize("url", ["dnat://bob:a-secret", "dnat://", "dnat:a", "dnat://p:x", "p:9091", "dnat://a b:c d"])
def test_invalid_proxies(url: str) -> None:
    assert "a-secret" not in refused("proxy", proxy=url)


_NAME = st.text(st.characters(exclude_characters="\n\r\0/.", exclude_categories=["Cs"]), min_size=1, max_size=8)
_VALUES: dict[str, st.SearchStrategy[Any]] = {
    "text": _NAME,
    "key": st.just(KEY),
    "url": st.sampled_from(["dnat://p", "dnats://bob:pw@p:9092"]),
    "switch": st.booleans(),
    "fallback": st.sampled_from([True, False, "force"]),
    "tags": st.dictionaries(_NAME, st.one_of(st.integers(), st.booleans(), _NAME), max_size=3),
    "paths": st.lists(
        st.fixed_dictionaries({"source": _NAME}, optional={"destination": _NAME}), min_size=1, max_size=4
    ),
}
_NEEDED = ("direction", "remote_host", "paths", "destination_root")
_CONTRADICT = {
    *("min_rate_kbps", "ssh_private_key_path", "ssh_private_key_passphrase", "content_protection"),
    *("content_protection_password", "move_after_transfer", "delete_before_transfer", "keepalive"),
}


def _values(name: str) -> st.SearchStrategy[Any]:
    row = SPEC_PROPERTIES[name]
    if row.kind == "number":
        return st.integers(row.low, row.high)
    return st.sampled_from(sorted({**row.choices, **row.also})) if row.kind == "choice" else _VALUES[row.kind]


@given(
    st.fixed_dictionaries(
        {name: _values(name) for name in _NEEDED},
        optional={name: _values(name) for name in SPEC_PROPERTIES if name not in {*_NEEDED, *_CONTRADICT}},
    )
)
def test_every_spec_survives_json(properties: dict[str, Any]) -> None:
    spec = TransferSpec.from_dict(properties)
    again = TransferSpec.from_json(spec.to_json(redact=False))
    assert again == spec
    assert again.to_dict(redact=False) == properties
    with spec.prepare("ascp") as first, again.prepare("ascp") as second:
        assert [word for word in first.argv if "-list=" not in word] == [
            word for word in second.argv if "-list=" not in word
        ]
        assert first.env == second.env
        for name, row in SPEC_PROPERTIES.items():
            if row.option and row.kind == "number" and name in properties:
                assert option_value(first.argv, row.option) == f"{properties[name]}{row.suffix}"


def test_the_variables_that_hold_secrets() -> None:
    names = "ASPERA_SCP_PASS ASPERA_SCP_KEY ASPERA_SCP_TOKEN ASPERA_SCP_FILEPASS ASPERA_PROXY_PASS"
    assert sorted(SECRET_VARIABLES) == sorted(names.split())
