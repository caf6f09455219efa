"""Transfer specs: what comes in, what is refused, and the command line, environment and list that come out."""

from __future__ import annotations

import base64
import json
import os
import pickle
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.ascp import OPTIONS, SPEC_PROPERTIES, PathPair, TransferSpec, describe_properties, option_value
from faspmgr.ascp.spec import IGNORED
from faspmgr.errors import SpecError

ISSUE = """remote_host remote_user ssh_port fasp_port direction paths source_root destination_root create_dir
target_rate_kbps min_rate_kbps rate_policy cipher resume_policy overwrite file_checksum precalculate_job_size
preserve_times symlink_policy tags cookie token remote_password ssh_private_key ssh_private_key_path
ssh_private_key_passphrase content_protection content_protection_password http_fallback http_fallback_port
multi_session multi_session_threshold remove_after_transfer move_after_transfer delete_before_transfer
exclude_newer_than exclude_older_than dgram_size proxy sshfp keepalive"""

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


def env(spec: TransferSpec) -> dict[str, str]:
    with spec.prepare("ascp") as invocation:
        return invocation.env


def listed(spec: TransferSpec) -> tuple[str, bytes]:
    """The option that names the list, and what is in the list."""
    with spec.prepare("ascp") as invocation:
        (word,) = [word for word in invocation.argv if word.startswith(("--file-pair-list=", "--file-list="))]
        option, _, path = word.partition("=")
        return option, Path(path).read_bytes()


def refused(property_: str, **more: Any) -> str:
    with pytest.raises(SpecError) as raised:
        made(**more)
    message = str(raised.value)
    assert message.isprintable()
    assert len(message) < 300
    assert raised.value.property == property_
    return message.removeprefix(f"{property_}: ")


def test_every_property_is_an_attribute_and_nothing_else() -> None:
    assert set(SPEC_PROPERTIES) == set(ISSUE.split())
    assert {row.name for row in attrs.fields(TransferSpec)} == {*ISSUE.split(), "ignored"}


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
    assert all(f"- {name}: {words}\n" in TransferSpec.__doc__ for name, words in described.items())


def test_the_least_spec() -> None:
    assert options(made()) == []
    assert env(made()) == {}
    assert listed(made()) == ("--file-pair-list", b"/d/a\na\n")


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("remote_user", "xfer", ["--user=xfer"]),
        ("ssh_port", 33001, ["-P", "33001"]),
        ("fasp_port", 33002, ["-O", "33002"]),
        ("ssh_private_key_path", "/k/id", ["-i", "/k/id"]),
        ("sshfp", "ab12", ["--check-sshfp=ab12"]),
        ("proxy", "dnat://bob@p:9091", ["--proxy=dnat://bob@p:9091"]),
        ("source_root", "-odd root", ["--source-prefix=-odd root"]),
        ("source_root", "", []),
        ("create_dir", True, ["-d"]),
        ("create_dir", False, []),
        ("create_dir", None, []),
        ("target_rate_kbps", 50_000, ["-l", "50000k"]),
        ("min_rate_kbps", 0, ["-m", "0k"]),
        ("rate_policy", "fixed", ["--policy=fixed"]),
        ("dgram_size", 1492, ["-Z", "1492"]),
        ("cipher", "aes-128", ["-c", "aes128"]),
        ("cipher", "aes192", ["-c", "aes192"]),
        ("cipher", "aes-256-gcm", ["-c", "aes256gcm"]),
        ("cipher", "none", ["-c", "none"]),
        ("resume_policy", "none", ["-k", "0"]),
        ("resume_policy", "attrs", ["-k", "1"]),
        ("resume_policy", "sparse_csum", ["-k", "2"]),
        ("resume_policy", "full_checksum", ["-k", "3"]),
        ("overwrite", "diff+older", ["--overwrite=diff+older"]),
        ("overwrite_policy", "always", ["--overwrite=always"]),
        ("file_checksum", "sha-256", ["--file-checksum=sha-256"]),
        ("file_checksum", "sha512", ["--file-checksum=sha-512"]),
        ("file_checksum", "md5", ["--file-checksum=md5"]),
        ("precalculate_job_size", True, ["--precalculate-job-size"]),
        ("preserve_times", True, ["-p"]),
        ("symlink_policy", "copy+force", ["--symbolic-links=copy+force"]),
        ("remove_after_transfer", True, ["--remove-after-transfer"]),
        ("move_after_transfer", "/done", ["--move-after-transfer=/done"]),
        ("delete_before_transfer", True, ["--delete-before-transfer"]),
        ("exclude_newer_than", -86_400, ["--exclude-newer-than=-86400"]),
        ("exclude_older_than", "1700000000", ["--exclude-older-than=1700000000"]),
        ("http_fallback", True, ["-y", "1"]),
        ("http_fallback", "force", ["-y", "F"]),
        ("http_fallback", False, []),
        ("http_fallback_port", 8080, ["-t", "8080"]),
        ("multi_session", 4, []),
        ("multi_session_threshold", 1_000_000, ["--multi-session-threshold=1000000"]),
    ],
)
def test_each_property_on_the_command_line(name: str, value: object, words: list[str]) -> None:
    assert options(made(**{name: value})) == words


def test_the_direction_in_ascps_words() -> None:
    with made(direction="receive").prepare("ascp") as invocation:
        assert invocation.argv[1] == "--mode=recv"


def test_tags_are_compact_json_in_base64() -> None:
    tags = {"aspera": {"xfer_id": "x-1", "xfer_retry": 60}, "name": "ü"}
    (word,) = options(made(tags=tags))
    decoded = base64.b64decode(word.removeprefix("--tags64="))
    assert decoded == b'{"aspera":{"xfer_id":"x-1","xfer_retry":60},"name":"\\u00fc"}'


@pytest.mark.parametrize(
    ("properties", "variables"),
    [
        ({"remote_password": "pass word"}, {"ASPERA_SCP_PASS": "pass word"}),
        ({"token": "ATM3_x"}, {"ASPERA_SCP_TOKEN": "ATM3_x"}),
        ({"cookie": "a b"}, {"ASPERA_SCP_COOKIE": "a b"}),
        ({"ssh_private_key": KEY}, {"ASPERA_SCP_KEY": KEY}),
        (
            {"ssh_private_key": KEY, "ssh_private_key_passphrase": "open"},
            {"ASPERA_SCP_KEY": KEY, "ASPERA_SCP_PASS": "open"},
        ),
        (
            {"ssh_private_key_path": "id", "ssh_private_key_passphrase": "same", "remote_password": "same"},
            {"ASPERA_SCP_PASS": "same"},
        ),
        (
            {"content_protection": "encrypt", "content_protection_password": "hide"},
            {"ASPERA_SCP_FILEPASS": "hide"},
        ),
        (
            {"content_protection": "decrypt", "content_protection_passphrase": "hide"},
            {"ASPERA_SCP_FILEPASS": "hide"},
        ),
        ({"proxy": "dnats://bob:p%40w@proxy:9092"}, {"ASPERA_PROXY_PASS": "p%40w"}),
        ({"remote_password": "", "token": "", "cookie": None}, {}),
    ],
)
def test_each_variable_of_the_environment(properties: dict[str, str], variables: dict[str, str]) -> None:
    with made(**properties).prepare("ascp") as invocation:
        assert invocation.env == variables


SECRETS: dict[str, Any] = {
    "remote_password": "hunter-2",
    "ssh_private_key": KEY.replace("MII", "SECRET"),
    "ssh_private_key_passphrase": "hunter-2",
    "token": "token-3",
    "content_protection": "encrypt",
    "content_protection_password": "file-4",
    "proxy": "dnat://bob:proxy-5@proxy:9091",
}
HIDDEN = ("hunter-2", "SECRET", "token-3", "file-4", "proxy-5")


def test_secrets_are_only_where_they_must_be() -> None:
    spec = made(**SECRETS)
    with spec.prepare("ascp") as invocation:
        shown = [*invocation.argv, repr(invocation), str(invocation), repr(spec), str(spec)]
        shown += [spec.to_json(), repr(spec.to_dict()), listed(spec)[1].decode()]
        assert not [(text, secret) for text in shown for secret in HIDDEN if secret in text]
        for secret in HIDDEN:
            assert any(secret in text for text in invocation.env.values())
            assert any(secret in text for text in invocation.secrets)
        assert "" not in invocation.secrets
    assert spec.to_dict()["token"] == "***"
    assert spec.to_dict()["proxy"] == "dnat://bob:***@proxy:9091"
    assert all(secret in spec.to_json(redact=False) for secret in HIDDEN)


@pytest.mark.parametrize("name", [name for name, row in SPEC_PROPERTIES.items() if row.secret])
@pytest.mark.parametrize("value", [["a-secret"], {"a-secret": "a-secret"}, "a-secret\0", "a-secret\ud800"])
def test_secrets_are_not_in_errors(name: str, value: object) -> None:
    assert "a-secret" not in refused(name, **{name: value})


def test_secrets_are_not_in_errors_about_json() -> None:
    for text in ('{"token": "a-secret}', '{"token": a-secret}', '{"token": "a-secret" "b"}'):
        with pytest.raises(SpecError) as raised:
            TransferSpec.from_json(text)
        assert "a-secret" not in str(raised.value)
        assert raised.value.__cause__ is None
        assert raised.value.__suppress_context__


@pytest.mark.parametrize("name", ["source_root", "destination_root", "move_after_transfer"])
def test_passwords_in_urls_are_refused_where_they_would_be_seen(name: str) -> None:
    assert "which all users could read" in refused(name, **{name: "s3://id:a-secret@bucket/x"})


def test_credentials_in_tags_are_refused() -> None:
    tags = {"aspera": {"node": {"storage_credentials": {"token": "a-secret"}}}}
    assert refused("tags", tags=tags) == (
        "hold storage_credentials, which all users could read on the command line of ascp"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("remote_hots", "h", "is unknown; remote_host was meant?"),
        ("zzz", 1, "is unknown"),
        ("ignored", {}, "is unknown"),
        ("remote_host", 5, "must be text, not a number"),
        ("remote_host", "", "is missing"),
        ("remote_host", "a\nb", "has a line break or a null character, which ascp cannot take"),
        ("remote_user", True, "must be text, not true or false"),
        ("direction", "sned", "must be one of send, receive, not 'sned'"),
        ("direction", "x" * 100, "must be one of send, receive, not text"),
        ("direction", ["send"], "must be one of send, receive, not a list"),
        ("direction", "", "must be one of send, receive, not ''"),
        ("ssh_port", "22", "must be a whole number, not text"),
        ("ssh_port", 22.0, "must be a whole number, not a number with a decimal point"),
        ("ssh_port", True, "must be a whole number, not true or false"),
        ("ssh_port", 0, "must be from 1 to 65,535"),
        ("fasp_port", 65_536, "must be from 1 to 65,535"),
        ("target_rate_kbps", 0, "must be from 1 to 9,223,372,036,854,775"),
        ("target_rate_kbps", 10**4000, "must be from 1 to 9,223,372,036,854,775"),
        ("min_rate_kbps", -1, "must be from 0 to 9,223,372,036,854,775"),
        ("dgram_size", 295, "must be from 296 to 65,535"),
        ("multi_session", 129, "must be from 0 to 128"),
        ("exclude_newer_than", "yesterday", "must be a whole number, not text"),
        ("exclude_newer_than", "٣", "must be a whole number, not text"),
        ("create_dir", 1, "must be true or false, not a number"),
        ("create_dir", "yes", "must be true or false, not text"),
        ("http_fallback", 1.5, "must be true, false, or force"),
        ("http_fallback", "yes", "must be true, false, or force"),
        ("cipher", "rot13", "must be one of none, aes-128, aes-192"),
        ("proxy", "http://p:80", "must be dnat://[user[:password]@]host[:port], or the same with dnats"),
        ("tags", [], "must be an object, not a list"),
        ("tags", {"x": "y" * 4088}, "are 4,096 bytes of JSON, ascp takes no more than 4,095"),
        ("tags", {"x": float("nan")}, "cannot be written as JSON"),
        ("tags", {"x": b""}, "cannot be written as JSON"),
        ("cookie", "c" * 4096, "is 4,096 bytes long, ascp takes no more than 4,095"),
        ("token", "t" * 65_536, "is 65,536 bytes long, ascp takes no more than 65,535"),
        ("token", "a\nb", "has a line break or a null character, which ascp cannot take"),
        ("paths", "a", "must be a list, not text"),
        ("paths", 5, "must be a list, not a number"),
        ("paths", {"source": "a"}, "must be a list, not an object"),
        ("paths", [], "is missing, or has nothing in it"),
        ("destination_root", None, "is missing"),
        ("destination_root", "", "is missing"),
    ],
)
def test_what_is_refused_by_itself(name: str, value: object, message: str) -> None:
    assert refused(name, **{name: value}).startswith(message)


@pytest.mark.parametrize("limit", [{"tags": {"x": "y" * 4087}}, {"cookie": "c" * 4095}, {"multi_session": 128}])
def test_what_just_fits(limit: dict[str, Any]) -> None:
    made(**limit)


@pytest.mark.parametrize(
    ("name", "path", "message"),
    [
        ("paths[0]", "a", "must be an object with source and destination, not text"),
        ("paths[0].sorce", {"sorce": "a"}, "is unknown; a path has source and destination"),
        ("paths[0].source", {"destination": "a"}, "is missing"),
        ("paths[0].source", {"source": None}, "is missing"),
        ("paths[0].source", {"source": ""}, "is empty"),
        ("paths[0].source", {"source": 5}, "must be text, not a number"),
        ("paths[0].source", {"source": "a\nb"}, "has a line break or a null character, which ascp cannot take"),
        ("paths[0].source", {"source": "a\r"}, "has a line break or a null character, which ascp cannot take"),
        ("paths[0].source", {"source": "a\0"}, "has a line break or a null character, which ascp cannot take"),
        ("paths[0].source", {"source": "\ud800"}, "has a character that no bytes stand for"),
        ("paths[0].destination", {"source": "a", "destination": "b\nc"}, "has a line break or a null character"),
        ("paths[0].destination", {"source": "a", "destination": ""}, "is empty"),
    ],
)
def test_paths_that_are_refused(name: str, path: object, message: str) -> None:
    assert refused(name, paths=[path]).startswith(message)


def test_an_error_says_which_path() -> None:
    assert refused("paths[2].source", paths=[{"source": "a"}, {"source": "b"}, {"source": "\n"}])


@pytest.mark.parametrize(
    ("name", "properties", "message"),
    [
        ("min_rate_kbps", {"min_rate_kbps": 2, "target_rate_kbps": 1}, "is above target_rate_kbps"),
        (
            "ssh_private_key",
            {"ssh_private_key": KEY, "ssh_private_key_path": "id"},
            "contradicts ssh_private_key_path",
        ),
        (
            "ssh_private_key_passphrase",
            {"ssh_private_key_passphrase": "x"},
            "needs ssh_private_key or ssh_private_key_path",
        ),
        (
            "ssh_private_key_passphrase",
            {"ssh_private_key": KEY, "ssh_private_key_passphrase": "x", "remote_password": "y"},
            "differs from remote_password, and ascp takes only one of them",
        ),
        ("content_protection", {"content_protection": "encrypt"}, "needs content_protection_password"),
        ("content_protection_password", {"content_protection_password": "x"}, "needs content_protection"),
        (
            "move_after_transfer",
            {"move_after_transfer": "/x", "remove_after_transfer": True},
            "contradicts remove_after_transfer",
        ),
        (
            "delete_before_transfer",
            {"delete_before_transfer": True, "http_fallback": "force"},
            "contradicts http_fallback",
        ),
        (
            "delete_before_transfer",
            {"delete_before_transfer": True, "paths": [{"source": "a"}, {"source": "b"}]},
            "works with one source, paths has more",
        ),
        ("paths", {"keepalive": True}, "contradicts keepalive: a persistent session is given its files as it runs"),
        (
            "delete_before_transfer",
            {"keepalive": True, "paths": [], "delete_before_transfer": True},
            "contradicts keepalive",
        ),
        ("multi_session", {"keepalive": True, "paths": [], "multi_session": 2}, "contradicts keepalive"),
        ("overwrite_policy", {"overwrite": "never", "overwrite_policy": "diff"}, "is the same as overwrite"),
    ],
)
def test_contradictions(name: str, properties: dict[str, Any], message: str) -> None:
    assert refused(name, **properties).startswith(message)


def test_without_contradiction() -> None:
    made(min_rate_kbps=5, target_rate_kbps=5)
    made(remove_after_transfer=False, move_after_transfer="/x")
    made(content_protection_password="", token="")
    made(multi_session=128, resume_policy="none")


@pytest.mark.parametrize("name", ["direction", "remote_host"])
def test_what_must_be_there(name: str) -> None:
    assert refused(name, **{name: None}) == "is missing"


def test_a_persistent_session_needs_no_paths_and_no_destination() -> None:
    spec = TransferSpec(direction="send", remote_host="h", keepalive=True)
    with spec.prepare("/opt/ascp") as invocation:
        assert invocation.argv == ["/opt/ascp", "--mode=send", "--host=h", "--keepalive"]
    with attrs.evolve(spec, destination_root="-in").prepare("/opt/ascp") as invocation:
        assert invocation.argv == ["/opt/ascp", "--mode=send", "--host=h", "--keepalive", "--", "-in"]


@pytest.mark.parametrize(
    ("destinations", "root"),
    [(["/x/a", "/y"], "/"), (["a", "b/c"], "."), (["/a", "b"], None), (["/a", None], None), ([None], None)],
)
def test_a_destination_root_that_the_paths_tell(destinations: list[str | None], root: str | None) -> None:
    paths = [{"source": "a", "destination": destination} for destination in destinations]
    if root is None:
        assert refused("destination_root", paths=paths, destination_root=None) == "is missing"
    else:
        with made(paths=paths, destination_root=None).prepare("ascp") as invocation:
            assert invocation.argv[-2:] == ["--", root]


def test_the_list_has_a_destination_for_each_source() -> None:
    names = ["-dash", "#hash", " space ", "a:b", "tab\there", "caf\udce9", "Übersicht", "d/e/", "/f//g", "bell\x07"]
    paths = [{"source": name} for name in names] + [{"source": "x", "destination": "y/-z"}]
    assert listed(made(paths=paths)) == (
        "--file-pair-list",
        b"-dash\n-dash\n#hash\n#hash\n space \n space \na:b\na:b\ntab\there\ntab\there\ncaf\xe9\ncaf\xe9\n"
        b"\xc3\x9cbersicht\n\xc3\x9cbersicht\nd/e/\ne\n/f//g\ng\nbell\x07\nbell\x07\nx\ny/-z\n",
    )


@pytest.mark.parametrize("source", ["/", ".", "..", "a/..", "./", "//"])
def test_a_source_without_a_name_needs_a_destination(source: str) -> None:
    spec = made(paths=[{"source": "a"}, {"source": source}])
    with pytest.raises(SpecError, match=r"paths\[1\].destination: is missing"), spec.prepare("ascp"):
        raise AssertionError("not reached")
    assert listed(made(paths=[{"source": source, "destination": "x"}]))[1] == f"{source}\nx\n".encode()


def test_a_token_for_sources_alone_is_given_sources_alone() -> None:
    assert listed(made(token="t")) == ("--file-list", b"/d/a\n")
    pairs = [{"source": "a"}, {"source": "b", "destination": "c"}]
    assert listed(made(token="t", paths=pairs)) == ("--file-pair-list", b"a\na\nb\nc\n")


def test_many_paths() -> None:
    paths = [{"source": f"/data/{number:06}"} for number in range(100_000)]
    spec = made(paths=paths)
    with spec.prepare("ascp") as invocation:
        assert len(invocation.argv) == 6
    option, content = listed(spec)
    assert option == "--file-pair-list"
    assert content.split(b"\n")[199_998:] == [b"/data/099999", b"099999", b""]


@pytest.mark.skipif(sys.platform == "win32", reason="modes of files as POSIX has them")
def test_the_list_is_private_and_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    previous = os.umask(0)
    try:
        with made().prepare("ascp") as invocation:
            path = Path(invocation.argv[-3].partition("=")[2])
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
            assert path.parent.parent == tmp_path
        assert list(tmp_path.iterdir()) == []
        for reason in (RuntimeError, KeyboardInterrupt, SystemExit):
            with pytest.raises(reason):
                leave_with(reason, tmp_path)
            assert list(tmp_path.iterdir()) == []
        with pytest.raises(SpecError), made(paths=[{"source": "/"}]).prepare("ascp"):
            pass
        assert list(tmp_path.iterdir()) == []
    finally:
        os.umask(previous)


def leave_with(reason: type[BaseException], folder: Path) -> None:
    with made().prepare("ascp"):
        assert list(folder.iterdir())
        raise reason


def test_a_list_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(FileNotFoundError), made().prepare("ascp"):
        raise AssertionError("not reached")


def test_a_program_gets_what_was_prepared(tmp_path: Path) -> None:
    """A stand-in for ascp, started as a caller would, sees the arguments, the environment and the list."""
    program = tmp_path / "stand-in"
    program.write_text(
        f"#!{sys.executable}\n"
        "import json, os, sys\n"
        "paths = [word.partition('=')[2] for word in sys.argv if '-list=' in word]\n"
        "names = [open(path, 'rb').read().decode('latin-1') for path in paths]\n"
        "variables = {name: os.environ[name] for name in os.environ if name.startswith('ASPERA_SCP_')}\n"
        "json.dump([sys.argv[1:], variables, names], sys.stdout)\n"
    )
    program.chmod(0o755)
    spec = made(
        destination_root="-caf\udce9",
        paths=[{"source": "caf\udce9"}],
        remote_user="a b",
        ssh_private_key=KEY,
        cookie="naïve",
        target_rate_kbps=7000,
    )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("ASPERA_")}
    with spec.prepare(str(program)) as invocation:
        done = subprocess.run(invocation.argv, env={**clean, **invocation.env}, stdout=subprocess.PIPE, check=True)
        arguments, variables, names = json.loads(done.stdout)
        assert arguments == invocation.argv[1:]
    assert arguments[:3] == ["--mode=send", "--host=h", "--user=a b"]
    assert arguments[-2:] == ["--", "-caf\udce9"]
    assert variables == {"ASPERA_SCP_KEY": KEY, "ASPERA_SCP_COOKIE": "naïve"}
    assert names == ["caf\xe9\ncaf\xe9\n"]


VENDOR = """{"transfer_specs": [{"transfer_spec": {"paths": [{"source": "/data/a", "destination": "/folder"}],
"direction": "send", "target_rate_kbps": 700000, "source_root": "", "min_rate_cap_kbps": 0, "tags": {"aspera": {}},
"ssh_port": 33001, "remote_host": "ats.example.com", "target_rate_cap_kbps": 1250000, "min_rate_kbps": 0,
"token": "token", "cipher": "aes-128", "sshfp": null, "rate_policy": "fair", "rate_policy_allowed": "fair",
"fasp_port": 33001, "http_fallback": false, "overwrite_policy": "always", "lock_min_rate": true,
"remote_user": "xfer", "destination_root": "/folder"}}]}"""


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
        ('{"error": 5}', "error: the server refused the transfer: it does not say why"),
        ('{"direction": "send", "direction": "receive"}', "direction: comes twice"),
        ("[]", "transfer spec: must be an object, not a list"),
        ("null", "transfer spec: must be an object, not null"),
        ("", "transfer spec: is not JSON: line 1, column 1"),
        ('{\n "a": }', "transfer spec: is not JSON: line 2, column 7"),
        ('{"ssh_port": NaN}', "transfer spec: is not JSON: NaN is no number there"),
        (b"\xff", "transfer spec: is not JSON that can be read"),
        ('{"ssh_port": ' + "1" * 5000 + "}", "transfer spec: is not JSON that can be read"),
        ("[" * 200_000, "transfer spec: is not JSON that can be read"),
        ('{"a\\nb": 1}', "'a\\nb': is unknown"),
        ('{"%s": 1}' % ("x" * 500), "'" + "x" * 59 + ": is unknown"),
    ],
)
def test_json_that_is_no_transfer_spec(text: str | bytes, message: str) -> None:
    with pytest.raises(SpecError) as raised:
        TransferSpec.from_json(text)
    assert str(raised.value) == message


def test_json_as_bytes_and_with_a_mark() -> None:
    text = made(destination_root="/ü").to_json()
    assert TransferSpec.from_json(b"\xef\xbb\xbf" + text.encode()) == made(destination_root="/ü")
    assert text.isascii()


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
def test_proxies_that_are_none(url: str) -> None:
    assert "a-secret" not in refused("proxy", proxy=url)


def test_many_paths_are_counted_in_repr() -> None:
    assert "paths=<1,000 paths>" in repr(made(paths=[{"source": "a"}] * 1000))
    assert "paths=(PathPair(source='/d/a', destination=None),)" in repr(made())


def test_names_that_are_not_utf8_survive_json() -> None:
    spec = made(paths=[{"source": "caf\udce9"}])
    assert '"caf\\udce9"' in spec.to_json()
    assert TransferSpec.from_json(spec.to_json()) == spec


def test_only_known_properties_are_ignored() -> None:
    with pytest.raises(SpecError, match="direction: is unknown"):
        TransferSpec(direction="send", remote_host="h", keepalive=True, ignored={"direction": "receive"})
    assert not IGNORED & set(SPEC_PROPERTIES)


def test_errors_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(SpecError("ssh_port", "is odd")))
    assert str(error) == "ssh_port: is odd"
    assert isinstance(error, ValueError)


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
def test_every_spec_survives_json_and_makes_a_command_line(properties: dict[str, Any]) -> None:
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


@pytest.mark.parametrize("token", [None, "t"], ids=["pairs", "sources"])
def test_the_simulator_copies_what_a_spec_says(tmp_path: Path, token: str | None) -> None:
    names = ["-dash", "a:b", " space ", "#hash", "Übersicht", "caf\udce9"]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).write_bytes(os.fsencode(name) * 100)
    made_ = made(
        token=token,
        source_root=str(tmp_path / "in"),
        destination_root=str(tmp_path / "-out"),
        paths=[{"source": name} for name in names],
        remote_password="p",
        target_rate_kbps=50_000,
    )
    start = "import sys; sys.path[:0] = sys.argv.pop(1).split('|'); from faspmgr.simulator.ascp import main; main()"
    with made_.prepare("ascp") as invocation:
        words = [sys.executable, "-c", start, "|".join(sys.path), *invocation.argv[1:]]
        words[-2:-2] = ["--simulate-copy", "--simulate-speed=max"]
        subprocess.run(words, env={**os.environ, **invocation.env}, check=True, timeout=30, stdout=subprocess.DEVNULL)
    for name in names:
        assert (tmp_path / "-out" / name).read_bytes() == os.fsencode(name) * 100
