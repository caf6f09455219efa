"""A real ascp, and an SSH server of its own for it to log in to.

FASPMGR_ASCP names the ascp; without it, or without openssh-server, tests are left out, see untested.py. The server runs
on loopback, in the foreground as our child, with keys and port of its own, and lets in nobody but the keys made here.
Its settings are what an SSH client as old as that of ascp 3.9.0 needs.
"""

from __future__ import annotations

import getpass
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest

from tests.live import free_port, nothing_left, wait_until
from tests.real.untested import find_sshd

__all__ = ["nothing_left"]

CONFIGURATION = """\
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
MaxStartups 100
HostKeyAlgorithms +ssh-rsa
PubkeyAcceptedAlgorithms +ssh-rsa
KexAlgorithms +diffie-hellman-group14-sha1
Ciphers +aes128-cbc
MACs +hmac-sha1
"""
PASSPHRASE = "sesame"


@attrs.frozen
class SshServer:
    """Where to log in: port, user, key; locked_key has the passphrase PASSPHRASE, other_key is not let in."""

    port: int
    user: str
    folder: Path
    ascp: str

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def locked_key(self) -> Path:
        return self.folder / "locked_key"

    @property
    def other_key(self) -> Path:
        return self.folder / "other_key"

    def argv(self, *words: str, key: Path | None = None, remote: str | None = None) -> list[str]:
        """A command line of ascp that logs in here. remote: the program that is started at the other end."""
        login = ["-i", str(key or self.key), "-P", str(self.port), "-S", remote or self.ascp]
        return [self.ascp, *login, *words]

    def remote(self, script: str) -> str:
        """A program for the other end."""
        path = self.folder / f"remote-{len(list(self.folder.iterdir()))}"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        return str(path)

    @property
    def destination(self) -> str:
        return f"{self.user}@127.0.0.1:{self.folder}/target"


@pytest.fixture(scope="session")
def real_ascp() -> str:
    """The path of a real ascp."""
    return os.environ["FASPMGR_ASCP"]


@pytest.fixture(scope="module")
def closed() -> Iterator[int]:
    """A TCP port on loopback that refuses: nobody listens, and nobody else can get it while it is bound."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture(scope="session")
def ssh_server(real_ascp: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SshServer]:
    """An SSH server for the length of the tests."""
    program = find_sshd()
    folder = tmp_path_factory.mktemp("sshd")
    for name, phrase in (("host_key", ""), ("key", ""), ("locked_key", PASSPHRASE), ("other_key", "")):
        words = ["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-m", "PEM", "-N", phrase, "-f", str(folder / name)]
        subprocess.run(words, check=True, timeout=60)
    let_in = [(folder / f"{name}.pub").read_text() for name in ("key", "locked_key")]
    (folder / "authorized_keys").write_text("".join(let_in))
    (folder / "target").mkdir()
    if os.geteuid() == 0:
        os.makedirs("/run/sshd", exist_ok=True)  # sshd, run as root, wants it
    server = SshServer(free_port(), getpass.getuser(), folder, real_ascp)
    (folder / "sshd_config").write_text(CONFIGURATION.format(port=server.port, folder=folder))
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", str(folder / "sshd_config")], stderr=log)
    try:
        wait_until(lambda: process.poll() is not None or _answers(server.port))
        if process.poll() is not None:
            pytest.fail(f"sshd does not start: {(folder / 'log').read_text()!r}")
        yield server
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
