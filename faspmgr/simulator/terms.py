"""The terms of a session: what is agreed before the first byte moves, and how SESSION repeats it.

A command line sets them (``options.py``), a scenario makes them directly. The values are those that ascp 3.9.0 was seen
to give for the options at hand; the captures in ``fixtures/ascp-3.9.0`` show them. Nothing of this room knows a file, a
clock, or an option by its name.
"""

from __future__ import annotations

import getpass
import hashlib
import ipaddress
import json
from collections.abc import Iterable
from typing import Any

import attrs

from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN

VERSION = "3.9.0.faspmgr"
"""The version of ascp that is simulated."""
PMTU = 1492
"""Path MTU in bytes, which is the size of a datagram as long as nothing else is asked for."""
DATAGRAM_BYTES = 1408
"""Bytes of a file in such a datagram: what was published of files in progress are multiples of it."""
MAX_SOURCE_CHARS = 1 << 16
"""What SESSION shows of the sources of a long list: the message must stay one that a manager accepts."""
INPROGRESS_SUFFIX = ".aspera-inprogress"

# Bits of XoptFlags as they were seen: always, before the peer has answered, and by its answer.
XOPT_BARE, XOPT_LOCAL, XOPT_PEER = 0x10, 0x100, 0x80000840
# Bits of CreatePolicy.
CREATE_TIMES, CREATE_DIRECTORY, CREATE_UID, CREATE_GID = 0x01, 0x08, 0x20, 0x40

OVERWRITE_POLICIES = {
    "never": "overwrite_none",
    "always": "overwrite_none",
    "older": "overwrite_none",
    "diff": "overwrite_deny",
    "diff+older": "overwrite_none",
}
CHECKSUMS = ("none", "md5", "sha1", "sha-256", "sha-384", "sha-512")
RESUME_POLICIES = ("policy_none", "policy_attrs", "policy_sparse_csum_old", "policy_full_csum")

_FALSE = (
    "encryption remote rate_lock min_rate_lock policy_lock precalc rtt_autocorrect files_encrypt files_decrypt"
    " v_link_local_enabled v_link_remote_enabled move_range keepalive test_login use_proxy"
)
_ZERO = (
    "min_rate create_policy time_policy peer_v_link_version ds_pipeline_depth peer_ds_pipeline_depth read_block_size"
    " write_block_size cluster_node_id"
)
BARE: dict[str, Any] = {
    **dict.fromkeys(_FALSE.split(), False),
    **dict.fromkeys(_ZERO.split(), 0),
    "rate": 10_000,
    "adaptive": "Adaptive",
    "port": 33001,
    "operation": "Transfer",
    "priority": 2,
    "rate_cap": CAP_UNKNOWN,
    "min_rate_cap": CAP_UNKNOWN,
    "policy_cap": "Unset",
    "file_checksum_type": "none",
    "tcp_port": 22,
    "cipher": "none",
    "resume_policy": RESUME_POLICIES[0],
    "manifest_policy": "manifest_none",
    "overwrite_policy": "overwrite_allow",
    "manifest_inprogress": INPROGRESS_SUFFIX,
    "datagram_size": PMTU,
    "xopt_flags": XOPT_BARE,
    "v_link_version": 1,
    "cluster_num_nodes": 1,
}
"""SESSION of an ascp that has looked at no option yet: attributes of SessionEvent."""

_REPEATED = (
    "rate min_rate host adaptive destination priority retry_timeout tcp_port cipher create_policy manifest_path"
    " manifest_inprogress datagram_size xopt_flags source_base read_block_size write_block_size"
)
"""What SESSION repeats as it is: attributes of Terms, and of SessionEvent."""


@attrs.define(kw_only=True)
class Terms:
    """What one session is agreed to be. Rate and policy change while it runs.

    Attributes:
        rate: target rate, kilobits per second.
        min_rate: minimum rate, kilobits per second.
        adaptive: the policy in the words of the field: Adaptive, Fixed or Trickle.
        priority: 1 high, 2 regular.
        resume: the level of ``-k``, 0 to 3.
        create_policy: bits CREATE_….
        xopt_flags: bits XOPT_…, and those of single options.
        node: ClusterNodeId, from 0.
        nodes: ClusterNumNodes, 1 for a transfer of one session.
        multi_session_threshold: bytes; files of that size and above are shared by the sessions. 0 for none, and -1
            where nothing was asked for.
        range: first and last byte that are asked for; None for all.
        user: the user at the peer; None for that of this process.
        destination: path without user and host.
        source_prefix: what stands before each source; empty for nothing.
        overwrite: a key of OVERWRITE_POLICIES; None where nothing was asked for.
        tags: the text of a JSON object.
        retry_timeout: seconds.
        file_crypt: encrypt or decrypt; empty for neither.
        datagram_size: bytes; 0 where nothing was asked for.
        read_block_size: bytes; 0 where nothing was asked for.
        write_block_size: bytes; 0 where nothing was asked for.
    """

    rate: int = 10_000
    min_rate: int = 0
    adaptive: str = "Adaptive"
    priority: int = 2
    udp_port: int = 33001
    tcp_port: int = 22
    cipher: str = "aes-128"
    resume: int = 0
    create_policy: int = 0
    xopt_flags: int = XOPT_BARE | XOPT_LOCAL
    node: int = 0
    nodes: int = 1
    multi_session_threshold: int = -1
    range: tuple[int, int] | None = None
    user: str | None = None
    host: str | None = None
    destination: str | None = None
    source_prefix: str = ""
    source_base: str | None = None
    overwrite: str | None = None
    checksum: str = "none"
    partial_suffix: str | None = None
    tags: str | None = None
    retry_timeout: int | None = None
    precalculate: bool = False
    keepalive: bool = False
    fallback: bool = False
    file_crypt: str = ""
    manifest: str = "none"
    manifest_path: str | None = None
    manifest_inprogress: str = INPROGRESS_SUFFIX
    datagram_size: int = 0
    read_block_size: int = 0
    write_block_size: int = 0

    def bare_values(self) -> dict[str, Any]:
        """The little that SESSION says, beside BARE, when the command line as a whole makes no sense."""
        return {
            "user": self.user,
            "precalc": self.precalculate,
            "overwrite_policy": OVERWRITE_POLICIES[self.overwrite] if self.overwrite else BARE["overwrite_policy"],
            "keepalive": self.keepalive,
            "tags": self.tags,
        }

    def local_values(self) -> dict[str, Any]:
        """What SESSION says, beside BARE, before the peer has answered."""
        return {
            **self.bare_values(),
            **{name: getattr(self, name) for name in _REPEATED.split()},
            "user": self.user or local_user(),
            "encryption": self.cipher != "none",
            "port": self.udp_port,
            "fallback_protocol": "http" if self.fallback else None,
            "server_hostname": self.host,
            "source_prefix": self.source_prefix or None,
            "client_user": local_user(),
            "resume_policy": RESUME_POLICIES[self.resume],
            "manifest_policy": f"manifest_{self.manifest}",
            "overwrite_policy": OVERWRITE_POLICIES[self.overwrite or "diff"],
            "rtt_autocorrect": True,
            "time_policy": 7 if self.create_policy & CREATE_TIMES else 0,
            "partial_files": self.partial_suffix or None,
            "files_encrypt": self.file_crypt == "encrypt",
            "files_decrypt": self.file_crypt == "decrypt",
            "ds_pipeline_depth": 32,
            "cluster_num_nodes": self.nodes,
            "cluster_node_id": self.node,
            "move_range": self.range is not None,
            "move_range_low": self.range[0] if self.range else None,
            "move_range_high": self.range[1] if self.range else None,
        }

    def negotiated_values(self) -> dict[str, Any]:
        """What SESSION says, beside BARE, once the peer has answered."""
        return {
            **self.local_values(),
            "rate_cap": CAP_NONE,
            "min_rate_cap": CAP_NONE,
            "policy_cap": "Fixed",
            "remote_address": address_of(self.host or ""),
            "file_checksum_type": self.checksum,
            "xopt_flags": (self.xopt_flags & ~XOPT_LOCAL) | XOPT_PEER,
            "peer_v_link_version": 1,
            "rate_control_algorithm": "alg_delay",
        }


def shown_sources(sources: Iterable[str]) -> tuple[str, ...] | None:
    """Give the sources that SESSION shows, of a long list only the first ones; None for none."""
    shown: list[str] = []
    room = MAX_SOURCE_CHARS
    for source in sources:
        room -= len(source) + 1
        if room < 0:
            break
        if source:
            shown.append(source)
    return tuple(shown) or None


def is_number(text: str, limit: int) -> bool:
    """Is this a whole number, in a command, of at most limit?"""
    return text.isascii() and text.isdigit() and len(text) <= 20 and int(text) <= limit


def whole_datagrams(count: int) -> int:
    """Round up to the bytes of whole datagrams; less than one stays as it is, so that a slow step stays short."""
    return count if count < DATAGRAM_BYTES else -(-count // DATAGRAM_BYTES) * DATAGRAM_BYTES


def address_of(host: str) -> str:
    """Give an address for a host, without asking anybody: a name gets one of those kept for documentation."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" else "203.0.113.20"


def local_user() -> str:
    """Give the name of the user of this process."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "user"


def new_digest(checksum: str) -> hashlib._Hash:
    """Make what works out one of CHECKSUMS."""
    return hashlib.new(checksum.replace("sha-", "sha"), usedforsecurity=False)


def tag_values(tags: str) -> dict[str, Any]:
    """Give XferId, XferRetry and Tags of SESSION for the text of ``--tags``, as attributes of SessionEvent."""
    parsed = json.loads(tags)
    inner = parsed.get("aspera")
    known = inner if isinstance(inner, dict) else {}
    xfer_id, retry = known.get("xfer_id"), known.get("xfer_retry")
    return {
        "xfer_id": xfer_id if isinstance(xfer_id, str) else None,
        "xfer_retry": retry if isinstance(retry, int) and not isinstance(retry, bool) and retry >= 0 else None,
        "tags": parsed,
    }
