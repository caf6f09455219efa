"""What starts ascp for a spec: each property on the command line or in the environment, and secrets nowhere else."""

from __future__ import annotations

import base64
import os
import stat
import sys
from pathlib import Path
from typing import Any

import attrs
import pytest

from faspmgr.ascp import TransferSpec
from faspmgr.errors import SpecError
from tests import launcher
from tests.ascp.specs import KEY, listed, made, options

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


# fmt: off
OPTIONS: list[tuple[str, object, str]] = [
    ("remote_user", "xfer", "--user=xfer"), ("ssh_port", 33001, "-P 33001"), ("fasp_port", 33002, "-O 33002"),
    ("ssh_private_key_path", "/k/id", "-i /k/id"), ("sshfp", "ab12", "--check-sshfp=ab12"),
    ("proxy", "dnat://bob@p:9091", "--proxy=dnat://bob@p:9091"), ("source_root", "", ""),
    ("create_dir", True, "-d"), ("create_dir", False, ""), ("create_dir", None, ""),
    ("target_rate_kbps", 50_000, "-l 50000k"), ("min_rate_kbps", 0, "-m 0k"),
    ("rate_policy", "fixed", "--policy=fixed"), ("dgram_size", 1492, "-Z 1492"),
    ("cipher", "aes-128", "-c aes128"), ("cipher", "aes192", "-c aes192"),
    ("cipher", "aes-256-gcm", "-c aes256gcm"), ("cipher", "none", "-c none"),
    ("resume_policy", "none", "-k 0"), ("resume_policy", "attrs", "-k 1"),
    ("resume_policy", "sparse_csum", "-k 2"), ("resume_policy", "full_checksum", "-k 3"),
    ("overwrite", "diff+older", "--overwrite=diff+older"), ("overwrite_policy", "always", "--overwrite=always"),
    ("file_checksum", "sha-256", "--file-checksum=sha-256"), ("file_checksum", "sha512", "--file-checksum=sha-512"),
    ("file_checksum", "md5", "--file-checksum=md5"),
    ("precalculate_job_size", True, "--precalculate-job-size"), ("preserve_times", True, "-p"),
    ("symlink_policy", "copy+force", "--symbolic-links=copy+force"),
    ("remove_after_transfer", True, "--remove-after-transfer"),
    ("move_after_transfer", "/done", "--move-after-transfer=/done"),
    ("delete_before_transfer", True, "--delete-before-transfer"),
    ("exclude_newer_than", -86_400, "--exclude-newer-than=-86400"),
    ("exclude_older_than", "1700000000", "--exclude-older-than=1700000000"),
    ("http_fallback", True, "-y 1"), ("http_fallback", "force", "-y F"), ("http_fallback", False, ""),
    ("http_fallback_port", 8080, "-t 8080"),
    ("multi_session", 4, ""), ("multi_session_threshold", 1_000_000, "--multi-session-threshold=1000000"),
]
# fmt: on


@pytest.mark.parametrize(("name", "value", "words"), OPTIONS)
def test_each_property_on_the_command_line(name: str, value: object, words: str) -> None:
    assert options(made(**{name: value})) == words.split()


def test_a_value_with_spaces_is_one_word() -> None:
    assert options(made(source_root="-odd root")) == ["--source-prefix=-odd root"]


def test_the_direction_in_ascps_words() -> None:
    with made(direction="receive").prepare("ascp") as invocation:
        assert invocation.argv[1] == "--mode=recv"


def test_tags_are_compact_json_in_base64() -> None:
    tags = {"aspera": {"xfer_id": "x-1", "xfer_retry": 60}, "name": "ü"}
    (word,) = options(made(tags=tags))
    decoded = base64.b64decode(word.removeprefix("--tags64="))
    assert decoded == b'{"aspera":{"xfer_id":"x-1","xfer_retry":60},"name":"\\u00fc"}'


PHRASE, CRYPT = "ssh_private_key_passphrase", "content_protection"


@pytest.mark.parametrize(
    ("properties", "variables"),
    [
        ({"remote_password": "pass word"}, {"ASPERA_SCP_PASS": "pass word"}),
        ({"token": "ATM3_x"}, {"ASPERA_SCP_TOKEN": "ATM3_x"}),
        ({"cookie": "a b"}, {"ASPERA_SCP_COOKIE": "a b"}),
        ({"ssh_private_key": KEY}, {"ASPERA_SCP_KEY": KEY}),
        ({"ssh_private_key": KEY, PHRASE: "open"}, {"ASPERA_SCP_KEY": KEY, "ASPERA_SCP_PASS": "open"}),
        ({"ssh_private_key_path": "id", PHRASE: "same", "remote_password": "same"}, {"ASPERA_SCP_PASS": "same"}),
        ({CRYPT: "encrypt", "content_protection_password": "hide"}, {"ASPERA_SCP_FILEPASS": "hide"}),
        ({CRYPT: "decrypt", "content_protection_passphrase": "hide"}, {"ASPERA_SCP_FILEPASS": "hide"}),
        ({"proxy": "dnats://bob:p%40w@proxy:9092"}, {"ASPERA_PROXY_PASS": "p%40w"}),
        ({"remote_password": "", "token": "", "cookie": None}, {}),
    ],
)
def test_each_variable_of_the_environment(properties: dict[str, str], variables: dict[str, str]) -> None:
    with made(**properties).prepare("ascp") as invocation:
        assert invocation.env == variables


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


def test_a_persistent_session() -> None:
    spec = TransferSpec(direction="send", remote_host="h", keepalive=True)
    with spec.prepare("/opt/ascp") as invocation:
        assert invocation.argv == ["/opt/ascp", "--mode=send", "--host=h", "--keepalive"]
    with attrs.evolve(spec, destination_root="-in").prepare("/opt/ascp") as invocation:
        assert invocation.argv == ["/opt/ascp", "--mode=send", "--host=h", "--keepalive", "--", "-in"]


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
            raise AssertionError("not reached")
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
    more = {"remote_user": "a b", "ssh_private_key": KEY, "cookie": "naïve", "target_rate_kbps": 7000}
    spec = made(destination_root="-caf\udce9", paths=[{"source": "caf\udce9"}], **more)
    with spec.prepare(str(program)) as invocation:
        outcome = launcher.run(program=invocation.argv, environment=invocation.env, clean=True)
    ((arguments, variables, names),) = outcome.objects
    assert arguments == invocation.argv[1:]
    assert arguments[:3] == ["--mode=send", "--host=h", "--user=a b"]
    assert arguments[-2:] == ["--", "-caf\udce9"]
    assert variables == {"ASPERA_SCP_KEY": KEY, "ASPERA_SCP_COOKIE": "naïve"}
    assert names == ["caf\xe9\ncaf\xe9\n"]


@pytest.mark.parametrize("token", [None, "t"], ids=["pairs", "sources"])
def test_the_simulator_copies_what_a_spec_says(tmp_path: Path, token: str | None) -> None:
    names = ["-dash", "a:b", " space ", "#hash", "Übersicht", "caf\udce9"]
    (tmp_path / "in").mkdir()
    for name in names:
        (tmp_path / "in" / name).write_bytes(os.fsencode(name) * 100)
    spec = made(
        token=token,
        source_root=str(tmp_path / "in"),
        destination_root=str(tmp_path / "-out"),
        paths=[{"source": name} for name in names],
        remote_password="p",
        target_rate_kbps=50_000,
    )
    with spec.prepare("ascp") as invocation:
        words = ["--simulate-copy", "--simulate-speed=max", *invocation.argv[1:]]
        assert launcher.run(*words, program=launcher.SIMULATOR, environment=invocation.env, clean=True).status == 0
    for name in names:
        assert (tmp_path / "-out" / name).read_bytes() == os.fsencode(name) * 100


def test_a_token_for_sources_alone() -> None:
    assert listed(made(token="t")) == ("--file-list", b"/d/a\n")
    pairs = [{"source": "a"}, {"source": "b", "destination": "c"}]
    assert listed(made(token="t", paths=pairs)) == ("--file-pair-list", b"a\na\nb\nc\n")


def test_the_least_spec() -> None:
    assert options(made()) == []
    with made().prepare("ascp") as invocation:
        assert invocation.env == {}
    assert listed(made()) == ("--file-pair-list", b"/d/a\na\n")
