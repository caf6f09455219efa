"""The messages of one session, as a real ascp writes them.

Fields stand in the order of the field table, which is the order of the captures. The values of SESSION are those that
ascp 3.9.0 was seen to give for the options at hand; see `fixtures/ascp-3.9.0`. STATS and STOP are what a stream of many
files is made of: their fields are put together by hand, all other messages come from the typed events.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
from typing import Any

import attrs

from faspmgr.protocol.codes import explain
from faspmgr.protocol.events import (
    ArgStopEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    InitEvent,
    NotificationEvent,
    SessionEvent,
)
from faspmgr.protocol.fields import CAP_NONE, CAP_UNKNOWN, escape_path
from faspmgr.protocol.frames import Frame

PMTU = 1492

# What of XoptFlags was seen: bits that are set before and that are set by the peer's answer.
XOPT_BARE, XOPT_LOCAL, XOPT_PEER = 0x10, 0x100, 0x80000840

# Seen in Description; every other code is described by its meaning.
DESCRIPTIONS = {
    4: "Private key file not found",
    8: "no remote host specified",
    11: "Internal error",
    14: "Target address not available",
    27: "One or more files failed",
    38: "Server aborted session: Server has only a client license",
    43: "No such file or directory",
    44: "Failed to open TCP connection for SSH",
}


def describe(code: int) -> str:
    """Text for the Description of an ERROR."""
    return DESCRIPTIONS.get(code) or explain(code).meaning.capitalize()


@attrs.define
class Totals:
    """The counters of a session so far, in the units of their fields."""

    elapsed_usec: int = 0
    transfer_bytes: int = 0
    file_bytes: int = 0
    loss: int = 0
    delay: int = 0


@attrs.define
class File:
    """One file of a session.

    path: as reported, still to be escaped. written: bytes at the destination, counted from the beginning of the file,
    and for a range from the beginning of the range; hole: how many of them are not contiguous. start: offset where it
    starts or resumes. end: last byte of a range.
    """

    path: str
    size: int
    start: int = 0
    end: int | None = None
    written: int = 0
    hole: int = 0
    arg_index: int = 1
    file_id: str = ""

    @property
    def goal(self) -> int:
        """What `written` is in the end."""
        return self.size if self.end is None else self.end + 1 - self.start


@attrs.define
class Counts:
    """What DONE, ERROR and ARGSTOP count."""

    arg_scans: int = 0
    paths: int = 0
    paths_failed: int = 0
    irregular: int = 0
    dirs: int = 0
    dirs_created: int = 0
    dirs_failed: int = 0
    attempted: int = 0
    failed: int = 0
    passed: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        for field in attrs.fields(Counts):
            setattr(self, field.name, getattr(self, field.name) + getattr(other, field.name))


def file_id(arg_index: int, source: str, destination: str) -> str:
    """FaspFileID: a hash of the three, in the form that ascp gives it."""
    text = f"{arg_index}\0{source}\0{destination}".encode("utf-8", "surrogateescape")
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:16]}-{digest[16:24]}-{digest[24:32]}-{digest[32:]}"


@attrs.define
class Messages:
    """Makes the frames of one session. Every method gives a Frame; times and counters come in with each call."""

    session_id: str
    user_str: str | None = None
    cookie: str | None = None
    direction: str = "Send"
    http: bool = False

    # -- beginning

    def init(self) -> Frame:
        return self._frame(InitEvent, direction=self.direction, cookie=self.cookie, operation="Transfer")

    def http_init(self, user: str) -> Frame:
        """INIT of the second session that HTTP fallback opens: in an order of its own, and without UserStr."""
        cookie = {} if self.cookie is None else {"Cookie": self.cookie}
        about = {"SessionId": self.session_id, "User": user, **cookie}
        return Frame("INIT", {**about, "Direction": self.direction, "Operation": "Transfer"})

    def session(self, tags: str | None = None, **values: Any) -> Frame:
        """SESSION. values: attributes of SessionEvent; what is not given is as in the captures. tags: a JSON object.

        Tags are sent as they were given, also with spaces that JSON does not need.
        """
        about = {} if tags is None else {**tag_values(tags), "tags": json.loads(tags)}
        frame = self._frame(SessionEvent, **{**self._session_defaults(), **about, **values})
        if tags is not None:
            frame.fields["Tags"] = tags
        return frame

    def _session_defaults(self) -> dict[str, Any]:
        return {
            "rate": 10_000,
            "min_rate": 0,
            "encryption": False,
            "adaptive": "Adaptive",
            "direction": self.direction,
            "remote": False,
            "port": 33001,
            "cookie": self.cookie,
            "operation": "Transfer",
            "priority": 2,
            "rate_cap": CAP_UNKNOWN,
            "min_rate_cap": CAP_UNKNOWN,
            "policy_cap": "Unset",
            "rate_lock": False,
            "min_rate_lock": False,
            "policy_lock": False,
            "file_checksum_type": "none",
            "tcp_port": 22,
            "cipher": "none",
            "resume_policy": "policy_none",
            "create_policy": 0,
            "manifest_policy": "manifest_none",
            "precalc": False,
            "overwrite_policy": "overwrite_allow",
            "rtt_autocorrect": False,
            "time_policy": 0,
            "manifest_inprogress": ".aspera-inprogress",
            "files_encrypt": False,
            "files_decrypt": False,
            "datagram_size": PMTU,
            "xopt_flags": XOPT_BARE,
            "v_link_version": 1,
            "peer_v_link_version": 0,
            "v_link_local_enabled": False,
            "v_link_remote_enabled": False,
            "ds_pipeline_depth": 0,
            "peer_ds_pipeline_depth": 0,
            "read_block_size": 0,
            "write_block_size": 0,
            "cluster_num_nodes": 1,
            "cluster_node_id": 0,
            "move_range": False,
            "keepalive": False,
            "test_login": False,
            "use_proxy": False,
            "rate_control_algorithm": "alg_none" if self.direction == "Send" else "alg_delay",
        }

    def network(self, **values: Any) -> Frame:
        """NOTIFICATION of rate and policy, and with pmtu that of the path MTU."""
        return self._frame(NotificationEvent, **values)

    # -- files

    def stats(self, file: File, totals: Totals) -> Frame:
        fields = self._progress(file, totals)
        return Frame("STATS", fields)

    def stop(self, file: File, totals: Totals, checksum: str | None = None, checksum_type: str | None = None) -> Frame:
        fields = self._progress(file, totals)
        del fields["Bytescont"]
        if checksum is not None and checksum_type is not None:
            fields["FileChecksum"] = checksum
            fields["FileChecksumType"] = checksum_type
        return Frame("STOP", fields)

    def _progress(self, file: File, totals: Totals) -> dict[str, str]:
        fields = {
            "File": escape_path(file.path),
            "Size": str(file.size),
            "Written": str(file.written),
            "Bytescont": str(file.written - file.hole),
            "Loss": str(totals.loss),
            "Elapsedusec": str(totals.elapsed_usec),
            "SessionId": self.session_id,
        }
        if self.user_str is not None:
            fields["UserStr"] = self.user_str
        fields["StartByte"] = str(file.start)
        if file.end is not None:
            fields["EndByte"] = str(file.end)
        fields["TransferBytes"] = str(totals.transfer_bytes)
        fields["FileBytes"] = str(totals.file_bytes)
        fields["Delay"] = str(totals.delay)
        fields["FaspFileArgIndex"] = str(file.arg_index)
        fields["FaspFileID"] = file.file_id
        return fields

    def skip(self, path: str, totals: Totals) -> Frame:
        """SKIP; Size is 0 whatever the size of the file, as in the vendor's example."""
        fields = {
            "File": escape_path(path),
            "Size": "0",
            "Loss": str(totals.loss),
            "Elapsedusec": str(totals.elapsed_usec),
            "SessionId": self.session_id,
            "TransferBytes": str(totals.transfer_bytes),
            "FileBytes": str(totals.file_bytes),
            "Delay": str(totals.delay),
        }
        return Frame("SKIP", fields)

    def file_error(self, file: File, totals: Totals, code: int, description: str) -> Frame:
        fields = {
            "File": escape_path(file.path),
            "Size": str(file.size),
            "Written": str(file.written),
            "Loss": str(totals.loss),
            "Code": str(code),
            "Description": description,
            "Elapsedusec": str(totals.elapsed_usec),
            "SessionId": self.session_id,
        }
        if self.user_str is not None:
            fields["UserStr"] = self.user_str
        fields["TransferBytes"] = str(totals.transfer_bytes)
        fields["FileBytes"] = str(totals.file_bytes)
        fields["Delay"] = str(totals.delay)
        fields["FaspFileArgIndex"] = str(file.arg_index)
        fields["FaspFileID"] = file.file_id
        return Frame("FILEERROR", fields)

    def arg_stop(self, path: str, arg_index: int, counts: Counts) -> Frame:
        """ARGSTOP; without SessionId, and without the counts that are zero, as in the vendor's document."""
        return ArgStopEvent(
            user_str=self.user_str,
            file=path,
            fasp_file_arg_index=arg_index,
            arg_transfers_status="Complete",
            arg_transfers_attempted=counts.attempted,
            arg_transfers_failed=counts.failed or None,
            arg_transfers_passed=counts.passed,
            arg_transfers_skipped=counts.skipped or None,
        ).to_frame()

    # -- end

    def done(self, totals: Totals, counts: Counts) -> Frame:
        if self.http:
            return self._http_end("DONE", totals)
        return self._frame(DoneEvent, **self._end(totals, counts))

    def error(self, totals: Totals, counts: Counts | None, code: int, description: str | None = None) -> Frame:
        """ERROR; without counts for a session that never started: Loss is all that such a one reports."""
        description = describe(code) if description is None else description
        if self.http:
            return self._http_end("ERROR", totals, {"Code": str(code), "Description": description})
        end = self._end(totals, counts) if counts else {"loss": 0}
        return self._frame(ErrorEvent, code=code, description=description, **end)

    def _end(self, totals: Totals, counts: Counts) -> dict[str, int]:
        return {
            "loss": totals.loss,
            "elapsed_usec": totals.elapsed_usec,
            "transfer_bytes": totals.transfer_bytes,
            "file_bytes": totals.file_bytes,
            "delay": totals.delay,
            "arg_scans_attempted": counts.arg_scans,
            "arg_scans_completed": counts.arg_scans,
            "path_scans_attempted": counts.paths,
            "path_scans_failed": counts.paths_failed,
            "path_scans_irregular": counts.irregular,
            "path_scans_excluded": 0,
            "dir_scans_completed": counts.dirs,
            "file_scans_completed": counts.paths - counts.paths_failed - counts.irregular - counts.dirs,
            "dir_creates_attempted": counts.dirs_created + counts.dirs_failed,
            "dir_creates_failed": counts.dirs_failed,
            "dir_creates_passed": counts.dirs_created,
            "transfers_attempted": counts.attempted,
            "transfers_failed": counts.failed,
            "transfers_passed": counts.passed,
            "transfers_skipped": counts.skipped,
        }

    def _http_end(self, type: str, totals: Totals, more: dict[str, str] | None = None) -> Frame:
        """The end of a session over HTTP: these fields in this order, and no UserStr."""
        fields = {
            "Elapsedusec": str(totals.elapsed_usec),
            "FileBytes": str(totals.file_bytes),
            "SessionId": self.session_id,
            "TransferBytes": str(totals.transfer_bytes),
        }
        cookie = {} if self.cookie is None else {"Cookie": self.cookie}
        return Frame(type, {**fields, **cookie, **(more or {})})

    def _frame(self, cls: type[Event], **values: Any) -> Frame:
        return cls(session_id=self.session_id, user_str=self.user_str, **values).to_frame()


def negotiated(xopt_flags: int, host: str) -> dict[str, Any]:
    """What the peer's answer changes in SESSION."""
    return {
        "rate_cap": CAP_NONE,
        "min_rate_cap": CAP_NONE,
        "policy_cap": "Fixed",
        "remote_address": address_of(host),
        "xopt_flags": (xopt_flags & ~XOPT_LOCAL) | XOPT_PEER,
        "peer_v_link_version": 1,
        "rate_control_algorithm": "alg_delay",
    }


def address_of(host: str) -> str:
    """An address for a host, without asking anybody: any name but localhost gets one of those for documentation."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return "127.0.0.1" if host == "localhost" else "203.0.113.20"


def tag_values(tags: str) -> dict[str, Any]:
    """XferId, XferRetry and Tags of SESSION for the text of ``--tags``, as event values; tags is a JSON object."""
    inner = json.loads(tags).get("aspera")
    known = inner if isinstance(inner, dict) else {}
    xfer_id, retry = known.get("xfer_id"), known.get("xfer_retry")
    return {
        "xfer_id": xfer_id if isinstance(xfer_id, str) else None,
        "xfer_retry": retry if isinstance(retry, int) and not isinstance(retry, bool) and retry >= 0 else None,
    }
