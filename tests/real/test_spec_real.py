"""What a real ascp understands of the command lines that transfer specs give it.

It is run against an SSH port that is closed, or an sshd on the loopback whose remote program ends at once: in both
cases it first reports in SESSION what it understood. Set FASPMGR_ASCP to a real ascp to run these tests.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import attrs
import pytest

from faspmgr.ascp import (
    OPTIONS,
    TransferSpec,
    describe_ascp,
    find_ascp,
    has_option,
    option_value,
    retry_argv,
    session_argv,
    with_option,
)
from faspmgr.errors import AscpError
from tests.real.conftest import PASSPHRASE, SshServer
from tests.real.runs import TIMEOUT, run

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the server is set up as on POSIX systems")


@pytest.fixture(scope="module")
def ascp(real_ascp: str) -> str:
    assert find_ascp() == os.path.abspath(real_ascp)
    return find_ascp()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "a.bin"
    path.write_bytes(b"x" * 1000)
    return path


def spec(port: int, source: Path, **more: Any) -> TransferSpec:
    least: dict[str, Any] = {
        "direction": "send",
        "remote_host": "127.0.0.1",
        "remote_user": "xfer",
        "ssh_port": port,
        "paths": [{"source": str(source)}],
        "destination_root": "/in",
    }
    return TransferSpec.from_dict({**least, **more})


def session(ascp: str, made: TransferSpec) -> dict[str, str]:
    """The fields of the SESSION that ascp reports for a spec. It must have come as far as the closed port."""
    with made.prepare(ascp) as invocation:
        went = run(invocation.argv, invocation.env)
    assert went.code == "44", went
    return went.fields("SESSION")


def test_who_it_is(ascp: str) -> None:
    info = describe_ascp(ascp)
    assert re.fullmatch(r"\d+\.\d+\.\d+\.\d+", info.version)
    assert info.platform
    assert info.license


def test_another_program_is_not_ascp() -> None:
    with pytest.raises(AscpError, match="ls -A"):
        describe_ascp(shutil.which("ls") or "ls")


def test_the_table_has_every_option_of_the_help(ascp: str) -> None:
    text = subprocess.run([ascp, "-h"], capture_output=True, text=True, timeout=TIMEOUT, check=False).stdout
    known = {name: option for option in OPTIONS for name in option.names}
    shown = re.findall(r"^ {2}(-[\w@](?=[ .,])|--[\w-]+)(=|(?<= -.) [A-Z0-9])?", text, re.MULTILINE)
    assert len(shown) > 70
    for name, value in shown:
        assert name in known, name
        assert bool(known[name].value) == bool(value), name


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.names[0])
def test_which_options_take_a_value(ascp: str, option: Any) -> None:
    """Given last and without a value, ascp complains about each option that has one, and about no other."""
    name = option.names[0]
    if name in ("-h", "-A"):
        return
    done = subprocess.run([ascp, name], capture_output=True, text=True, timeout=TIMEOUT, check=False)
    printed = done.stdout + done.stderr
    if "unrecognized option" in printed:
        assert option.newer
        return
    assert ("requires an argument" in printed) == bool(option.value), printed


def test_the_least_spec(ascp: str, closed: int, source: Path) -> None:
    fields = session(ascp, spec(closed, source))
    assert fields["Direction"] == "Send"
    assert fields["Host"] == "127.0.0.1"
    assert fields["User"] == "xfer"
    assert fields["TCPPort"] == str(closed)
    assert fields["Source"] == str(source)
    assert fields["Destination"] == "/in"


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"target_rate_kbps": 50_000, "min_rate_kbps": 1_000}, {"Rate": "50000", "MinRate": "1000"}),
        ({"target_rate_kbps": 9_223_372_036_854_775}, {"Rate": "9223372036854775"}),
        ({"rate_policy": "fair"}, {"Adaptive": "Adaptive", "Priority": "2"}),
        ({"rate_policy": "high"}, {"Adaptive": "Adaptive", "Priority": "1"}),
        ({"rate_policy": "fixed"}, {"Adaptive": "Fixed"}),
        ({"rate_policy": "low"}, {"Adaptive": "Trickle"}),
        ({"cipher": "none"}, {"Encryption": "No", "Cipher": "none"}),
        ({"cipher": "aes-128"}, {"Encryption": "Yes", "Cipher": "aes-128"}),
        ({"cipher": "aes192"}, {"Cipher": "aes-192"}),
        ({"cipher": "aes-256"}, {"Cipher": "aes-256"}),
        ({"resume_policy": "none"}, {"ResumePolicy": "policy_none"}),
        ({"resume_policy": "attrs"}, {"ResumePolicy": "policy_attrs"}),
        ({"resume_policy": "sparse_csum"}, {"ResumePolicy": "policy_sparse_csum_old"}),
        ({"resume_policy": "full_csum"}, {"ResumePolicy": "policy_full_csum"}),
        ({"precalculate_job_size": True}, {"Precalc": "Yes"}),
        ({"precalculate_job_size": False}, {"Precalc": "No"}),
        ({"preserve_times": True}, {"CreatePolicy": "1", "TimePolicy": "7"}),
        ({"create_dir": True}, {"CreatePolicy": "8"}),
        ({"dgram_size": 1400}, {"DatagramSize": "1400"}),
        ({"fasp_port": 33_005}, {"Port": "33005"}),
        ({"cookie": "nightly run"}, {"Cookie": "nightly run"}),
        ({"tags": {"n": "ü", "aspera": {"xfer_id": "x-1"}}}, {"XferId": "x-1"}),
        ({"tags": {"x": "y" * 4087}}, {"Tags": '{"x":"' + "y" * 4087 + '"}'}),
        ({"content_protection": "encrypt", "content_protection_password": "p"}, {"FilesEncrypt": "Yes"}),
        ({"content_protection": "decrypt", "content_protection_password": "p"}, {"FilesDecrypt": "Yes"}),
        ({"keepalive": True, "paths": []}, {"Keepalive": "Yes", "Destination": "/in"}),
        ({"direction": "receive"}, {"Direction": "Receive"}),
        ({"overwrite": "always"}, {"OverwritePolicy": "overwrite_none"}),  # seen: what it reports until it has asked
    ],
)
def test_what_it_understood(
    ascp: str, closed: int, source: Path, properties: dict[str, Any], expected: dict[str, str]
) -> None:
    fields = session(ascp, spec(closed, source, **properties))
    assert {name: fields[name] for name in expected} == expected


def test_all_that_goes_together_is_accepted_at_once(ascp: str, closed: int, source: Path) -> None:
    """Options that SESSION does not show are at least accepted."""
    session(
        ascp,
        spec(
            closed,
            source,
            sshfp="ab" * 20,
            ssh_private_key_path=str(source),
            ssh_private_key_passphrase="p",
            token="t",
            source_root="",
            file_checksum="sha256",
            symlink_policy="copy+force",
            remove_after_transfer=True,
            exclude_newer_than=-86_400,
            exclude_older_than="-9223372036854775808",
            http_fallback=False,
            http_fallback_port=8080,
            multi_session_threshold=0,
            overwrite="diff+older",
        ),
    )
    session(ascp, spec(closed, source, move_after_transfer="/done", file_checksum="sha-512", symlink_policy="skip"))
    session(ascp, spec(closed, source, delete_before_transfer=True, file_checksum="md5", symlink_policy="follow"))


@pytest.mark.parametrize("token", [None, "t"], ids=["pairs", "sources"])
def test_the_names_of_the_files_arrive(ascp: str, closed: int, tmp_path: Path, token: str | None) -> None:
    names = ["-dash", "#hash", " space ", "a:b", "Übersicht", "esc\x1b", "user@host:x", "-"]
    made = spec(closed, tmp_path, source_root="-x", paths=[{"source": name} for name in names])
    fields = session(ascp, attrs.evolve(made, token=token, destination_root="-odd:dest"))
    assert fields["Source"] == "\t".join(f"-x/{name}" for name in names)  # looked for only when the server answers
    assert fields["SourcePrefix"] == "-x"
    assert fields["Destination"] == "-odd:dest"


def test_a_line_break_is_refused(ascp: str, closed: int, tmp_path: Path) -> None:
    """Why a spec refuses it: neither a list nor an argument gets it through."""
    went = run([ascp, "-P", str(closed), "--mode=send", "--host=127.0.0.1", "--user=x", f"{tmp_path}/a\nb", "/in"])
    assert went.code == "8"
    assert "sourcelist" in went.fields("ERROR")["Description"]


def test_http_fallback_is_accepted(ascp: str, closed: int, source: Path) -> None:
    with spec(closed, source, http_fallback=True).prepare(ascp) as invocation:
        went = run(invocation.argv, invocation.env)
    assert went.fields("SESSION")["FallbackProtocol"] == "http"


def test_the_password_of_the_proxy_goes_through_the_environment(ascp: str, closed: int, source: Path) -> None:
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:
        proxy.settimeout(TIMEOUT)
        listener = threading.Thread(target=_ask, args=(proxy, asked))
        listener.start()
        made = spec(closed, source, proxy=f"dnat://bob:pw%40d@127.0.0.1:{proxy.getsockname()[1]}")
        with made.prepare(ascp) as invocation:
            assert "pw%40d" not in " ".join(invocation.argv)
            run(invocation.argv, invocation.env)
        listener.join()
    assert b"Basic Ym9iOnB3JTQwZA==" in b"".join(asked)  # base64 of bob:pw%40d


def _ask(proxy: socket.socket, asked: list[bytes]) -> None:
    connection, _ = proxy.accept()
    with connection:
        connection.settimeout(TIMEOUT)
        asked.append(connection.recv(65_536))


def test_sessions(ascp: str, closed: int, source: Path) -> None:
    with spec(closed, source, fasp_port=33_001).prepare(ascp) as invocation:
        fields = run(session_argv(invocation.argv, 2, 3, 33_010)).fields("SESSION")
    assert (fields["ClusterNumNodes"], fields["ClusterNodeId"]) == ("3", "1")  # it counts them from 0
    assert fields["Port"] == "33010"


def test_retries(ascp: str, closed: int, source: Path) -> None:
    with spec(closed, source).prepare(ascp) as invocation:
        assert run(retry_argv(invocation.argv)).fields("SESSION")["ResumePolicy"] == "policy_attrs"
    with spec(closed, source, resume_policy="full_csum").prepare(ascp) as invocation:
        assert run(retry_argv(invocation.argv)).fields("SESSION")["ResumePolicy"] == "policy_full_csum"


@pytest.mark.parametrize(
    "words",
    [
        ["-dTl7m", "-u", "job 7"],
        ["-l7m", "-ujob 7", "-d", "-T"],
        ["-l", "1m", "-dT", "-l", "7m", "-u", "other", "-u", "job 7"],
        ["--policy=fair", "-T", "--poli", "fixed", "-d", "-ujob 7", "-l7m"],
    ],
)
def test_a_command_line_is_read_as_it_reads_it(ascp: str, closed: int, source: Path, words: list[str]) -> None:
    argv = [ascp, "-P", str(closed), "--mode=send", "--host=127.0.0.1", "--user=x", *words, str(source), "/in"]
    fields = run(argv).fields("SESSION")
    assert fields["UserStr"] == option_value(argv, "-u") == "job 7"
    assert fields["Rate"] == "7000"
    assert option_value(argv, "-l") == "7m"
    assert (fields["Cipher"] == "none") == has_option(argv, "-T")
    assert (fields["CreatePolicy"] == "8") == has_option(argv, "-d")
    assert (fields["Adaptive"] == "Fixed") == (option_value(argv, "--policy") == "fixed")


def test_options_behind_the_files_are_files(ascp: str, closed: int, source: Path) -> None:
    argv = [ascp, "-P", str(closed), "--mode=send", "--host=127.0.0.1", "--user=x", str(source), "-u", "job", "/in"]
    fields = run(argv).fields("SESSION")
    assert fields["Source"] == f"{source}\t-u\tjob"
    assert "UserStr" not in fields
    assert not has_option(argv, "-u")


@pytest.mark.parametrize(
    ("key", "given", "phrase", "let_in"),
    [
        ("key", "path", None, True),
        ("key", "text", None, True),
        ("locked_key", "path", PASSPHRASE, True),
        ("locked_key", "text", PASSPHRASE, True),
        ("locked_key", "text", "wrong", False),
        ("other_key", "text", None, False),
        ("other_key", "path", None, False),
    ],
)
def test_a_private_key_opens_the_door(
    ascp: str, ssh_server: SshServer, source: Path, key: str, given: str, phrase: str | None, let_in: bool
) -> None:
    """Who is let in meets a remote program that ends at once, code 12; who is not, 19."""
    path: Path = getattr(ssh_server, key)
    properties = {"ssh_private_key_path": str(path)} if given == "path" else {"ssh_private_key": path.read_text()}
    made = spec(ssh_server.port, source, remote_user=ssh_server.user, ssh_private_key_passphrase=phrase, **properties)
    with made.prepare(ascp) as invocation:
        went = run(with_option(invocation.argv, "-S", ssh_server.remote("exit 3")), invocation.env)
    assert went.code == ("12" if let_in else "19")


@pytest.mark.parametrize(("name", "code"), [("caf\udce9", "38"), ("nowhere\udce9", "43"), ("-x", "38")])
def test_odd_names_are_found(ascp: str, ssh_server: SshServer, tmp_path: Path, name: str, code: str) -> None:
    """Behind the door ascp looks at its sources: 43 for a missing one, 38 (the license) for one that is there."""
    for existing in ("caf\udce9", "-x"):
        (tmp_path / existing).touch()
    made = spec(
        ssh_server.port,
        tmp_path,
        remote_user=ssh_server.user,
        ssh_private_key_path=str(ssh_server.key),
        source_root=str(tmp_path),
        paths=[{"source": name}],
        destination_root=str(tmp_path / "out"),
    )
    with made.prepare(ascp) as invocation:
        assert run(with_option(invocation.argv, "-S", ascp), invocation.env).code == code


def test_a_wrong_fingerprint_is_refused(ascp: str, ssh_server: SshServer, source: Path) -> None:
    made = spec(ssh_server.port, source, sshfp="ab" * 20, ssh_private_key_path=str(ssh_server.key))
    with made.prepare(ascp) as invocation:
        assert run(invocation.argv, invocation.env).code == "51"
