"""The field table of ascp's log: kinds of lines, their fields, and how values are written.

Reading, JSON, CSV headers and ``faspmgr describe`` come from it. Source: the logs of ascp 3.9.6 and 3.9.0 in
fixtures/ascp-log; of 3.3, a line that was published.

The *kind* of a field defines which texts are values, and what they become in Python:

=========  ==========================================  ============================================================
kind       in the log                                  in Python
=========  ==========================================  ============================================================
integer    digits, with a sign or without              int
number     ``0.87``                                    float
percent    ``47.03%``                                  float, per cent
rate       ``284.38Mbps``, ``0.00Kbps``                float, kilobits per second
seconds    ``46.45s``                                  float, seconds
delay      ``38ms``                                    int, milliseconds
boolean    ``yes``, ``no``                             bool
path       text, also with blanks where it is bare     str
paths      paths joined by TAB                         tuple of str
secret     text                                        str, shown as ``***``
string     text                                        str
=========  ==========================================  ============================================================

``-`` stands for none and becomes None. A text that is not a value of its kind stays text, and so does the text of an
unknown field.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

KINDS: Mapping[str, str] = {
    "session_start": "a session starts; one that fails before has this line too, with status=failed",
    "session_stop": "a session has ended",
    "session_params": "parameters of a session; after its start and again after its stop",
    "session_statistics": "rates, delays and retransmissions of a session that has ended",
    "session_error": "an error of a session on this side",
    "session_peer_error": "an error of a session on the far side",
    "transfer_start": "a file starts",
    "transfer_stop": "a file has ended",
    "progress": "how far a session is, every 20 seconds and at its end",
    "data_store": "queues of the file system, every 20 seconds and at the end of a session",
    "file_statistics": "how many files and directories a process has handled: a block of lines",
    "version": "a process begins: version and license",
    "auth": "who is let in, and how",
    "rates": "the target rate that the two sides agreed on",
    "path_mtu": "the path was measured",
    "datagram": "the sizes that follow from it",
    "side_error": "why one of the two sides ended a session",
    "source": "a source, and where it goes to",
    "http_session": "how a session over HTTP has ended",
    "other": "any other line",
}
"""Kinds of lines, and their meanings."""


@attrs.frozen
class LogField:
    """One row of the table."""

    log: str
    """Name in the log."""
    name: str
    """Name in Python, JSON and CSV: that of the log, unless it is several words there, or differs by line."""
    kind: str
    """Kind of its values; see the module."""
    unit: str
    """``bytes``, ``Kbps``, ``bits per second``, ``microseconds``, ``milliseconds``, ``seconds``, ``%`` or empty."""
    meaning: str
    """Meaning, in one line."""
    lines: tuple[str, ...]
    """Kinds of lines that have it."""


_SESSION = ("session_start", "session_stop")
_TRANSFER = ("transfer_start", "transfer_stop")
_ENDS = (*_SESSION, *_TRANSFER)
_ERRORS = (*_ENDS, "session_error", "session_peer_error", "side_error")
_UUID = (*_ENDS, "session_params", "session_statistics", "session_error", "session_peer_error")
_PARAMS = ("session_params", *_SESSION)  # in Session Start up to 3.5
_STATISTICS = ("session_statistics",)
_SIDES = ("session_statistics", "progress", "data_store", "side_error")
_BLOCK = ("file_statistics",)

# fmt: off
_TABLE = (
    ("uuid", "uuid", "string", "", "the session; SessionId of the management stream", _UUID),
    ("op", "op", "string", "", "what this side does: send or recv, in AUTH receive", (*_ENDS, "auth")),
    ("status", "status", "string", "", "started, success or failed", _ENDS),
    ("errcode", "errcode", "integer", "", "code of the log, which is not that of the stream", _ERRORS),
    ("errstr", "errstr", "string", "", "words for the code", _ERRORS),
    ("peer errcode", "peer_errcode", "integer", "", "code of the far side", _ENDS),
    ("peer errstr", "peer_errstr", "string", "", "words of the far side", _ENDS),
    ("source", "source", "paths", "", "source arguments", _SESSION),
    ("dest", "dest", "path", "", "destination", _SESSION),
    ("source_prefix", "source_prefix", "path", "", "prefix of each source path", _SESSION),
    ("local", "local", "string", "", "address and port of this end", _SESSION),
    ("peer", "peer", "string", "", "address and port of the far end", _SESSION),
    ("tcp_port", "tcp_port", "integer", "", "SSH port", _SESSION),
    ("os", "os", "string", "", "operating system of this side", _SESSION),
    ("ver", "ver", "string", "", "version of ascp on this side", _SESSION),
    ("lic", "lic", "string", "", "license of this side: product, account, number", _SESSION),
    ("peeros", "peeros", "string", "", "operating system of the far side", _SESSION),
    ("peerver", "peerver", "string", "", "version of ascp on the far side", _SESSION),
    ("peerlic", "peerlic", "string", "", "license of the far side: product, account, number", _SESSION),
    ("proto_sess", "proto_sess", "string", "", "protocol version of the session, hexadecimal", _SESSION),
    ("proto_udp", "proto_udp", "string", "", "protocol version of UDP, hexadecimal", _SESSION),
    ("proto_bwmeas", "proto_bwmeas", "string", "", "protocol version of the measuring, hexadecimal", _SESSION),
    ("proto_data", "proto_data", "string", "", "protocol version of the data, hexadecimal", _SESSION),
    ("(N)", "source_count", "integer", "", "count of the sources (3.3 to 3.5)", _SESSION),
    ("userid", "userid", "integer", "", "number of the user", _PARAMS),
    ("user", "user", "string", "", "login user", _PARAMS),
    ("targetrate", "targetrate", "integer", "bits per second", "target rate", _PARAMS),
    ("minrate", "minrate", "integer", "bits per second", "minimum rate", _PARAMS),
    ("rate_policy", "rate_policy", "string", "", "fair, fixed, low or high", _PARAMS),
    ("cipher", "cipher", "string", "", "cipher of the data", _PARAMS),
    ("secure", "secure", "boolean", "", "is the data encrypted (3.3)", _PARAMS),
    ("resume", "resume", "integer", "", "when a partial file is resumed: as -k", _PARAMS),
    ("create", "create", "integer", "", "create policy, as a number", _PARAMS),
    ("ovr", "ovr", "integer", "", "overwrite policy, as a number", _PARAMS),
    ("times", "times", "integer", "", "are file times preserved, as a number", _PARAMS),
    ("precalc", "precalc", "boolean", "", "is the job's size calculated before the transfer", _PARAMS),
    ("mf", "mf", "integer", "", "is a manifest written, as a number", _PARAMS),
    ("mf_path", "mf_path", "path", "", "directory of the manifest", _PARAMS),
    ("mf_suffix", "mf_suffix", "string", "", "suffix of a manifest being written", _PARAMS),
    ("partial_file_suffix", "partial_file_suffix", "string", "", "suffix of a file being written", _PARAMS),
    ("files_encrypt", "files_encrypt", "boolean", "", "are files encrypted at rest", _PARAMS),
    ("files_decrypt", "files_decrypt", "boolean", "", "are files decrypted at the destination", _PARAMS),
    ("file_csum", "file_csum", "string", "", "type of the checksum of files", _PARAMS),
    ("dgram_sz", "dgram_sz", "integer", "bytes", "size of a datagram; 0 where it is found out", _PARAMS),
    ("prepostcmd", "prepostcmd", "path", "", "command run before and after", _PARAMS),
    ("tcp_mode", "tcp_mode", "boolean", "", "does the data go over TCP", _PARAMS),
    ("rtt_auto", "rtt_auto", "boolean", "", "is the base round-trip time corrected", _PARAMS),
    ("cookie", "cookie", "string", "", "text that the application gave", _PARAMS),
    ("vl_proto_ver", "vl_proto_ver", "integer", "", "version of virtual links here", _PARAMS),
    ("peer_vl_proto_ver", "peer_vl_proto_ver", "integer", "", "version of virtual links at the peer", _PARAMS),
    ("vl_local", "vl_local", "integer", "", "virtual link here", _PARAMS),
    ("vlink_remote", "vlink_remote", "integer", "", "virtual link at the peer", _PARAMS),
    ("vl_sess_id", "vl_sess_id", "integer", "", "number of the session on its virtual link", _PARAMS),
    ("srcbase", "srcbase", "path", "", "directory structure is preserved below this", _PARAMS),
    ("rd_sz", "rd_sz", "integer", "bytes", "bytes read from disk at once; 0 for the default", _PARAMS),
    ("wr_sz", "wr_sz", "integer", "bytes", "bytes written to disk at once; 0 for the default", _PARAMS),
    ("cluster_num_nodes", "cluster_num_nodes", "integer", "", "sessions of a multi-session transfer", _PARAMS),
    ("cluster_node_id", "cluster_node_id", "integer", "", "which of them this is", _PARAMS),
    ("cluster_multi_session_threshold", "cluster_multi_session_threshold", "integer", "bytes",
     "smallest file that several sessions share; -1 for none", _PARAMS),
    ("range", "range", "string", "bytes", "first and last byte that are moved; 0-0 for all", _PARAMS),
    ("keepalive", "keepalive", "boolean", "", "is the session persistent", _PARAMS),
    ("test_login", "test_login", "boolean", "", "is only the login tested", _PARAMS),
    ("proxy_ip", "proxy_ip", "string", "", "address of the proxy", _PARAMS),
    ("net_rc_alg", "net_rc_alg", "string", "", "algorithm of the rate control", _PARAMS),
    ("exclude_older/newer_than", "exclude_older/newer_than", "string", "", "times of files that are left out", _PARAMS),
    ("file", "file", "path", "", "path of the file", _TRANSFER),
    ("size", "size", "integer", "bytes", "size of the file", _TRANSFER),
    ("start_byte", "start_byte", "integer", "bytes", "where the file starts or resumes", _TRANSFER),
    ("rate", "rate", "rate", "Kbps", "target rate at the start, rate of the file at its stop", _TRANSFER),
    ("elapsed", "elapsed", "seconds", "seconds", "time that the file took", ("transfer_stop",)),
    ("loss", "loss", "number", "", "share of what was lost", _TRANSFER),
    ("rexreqs", "rexreqs", "integer", "", "requests for retransmission", _TRANSFER),
    ("overhead", "overhead", "integer", "", "blocks that came twice", _TRANSFER),
    ("mtime", "mtime", "string", "", "time of the file, without a zone", _TRANSFER),
    ("Sender", "side", "string", "", "which side speaks, or is spoken of: Sender or Receiver", _SIDES),
    ("delay", "delay", "delay", "milliseconds", "round-trip time", _STATISTICS),
    ("rex_delay", "rex_delay", "delay", "milliseconds", "round-trip time of retransmissions", _STATISTICS),
    ("ooo_delay", "ooo_delay", "delay", "milliseconds", "delay of what came out of order", _STATISTICS),
    ("solicited_rex", "solicited_rex", "percent", "%", "retransmissions that were asked for", _STATISTICS),
    ("unsolicited_rex", "unsolicited_rex", "percent", "%", "retransmissions that were not asked for", _STATISTICS),
    ("rcvd_rex", "rcvd_rex", "percent", "%", "retransmissions among the blocks received", _STATISTICS),
    ("rcvd_dups", "rcvd_dups", "percent", "%", "blocks received twice", _STATISTICS),
    ("ave_xmit_rate", "ave_xmit_rate", "rate", "Kbps", "average rate on the network", _STATISTICS),
    ("effective", "effective", "percent", "%", "share of the blocks sent that were good for something", _STATISTICS),
    ("effective_rate", "effective_rate", "rate", "Kbps", "average rate of what was good for something", _STATISTICS),
    ("good_blks", "good_blks", "integer", "", "blocks that were good for something", _STATISTICS),
    ("bl_total", "bl_total", "integer", "", "blocks in all", _STATISTICS),
    ("bl_orig", "bl_orig", "integer", "", "blocks that were sent for the first time", _STATISTICS),
    ("bl_rex", "bl_rex", "integer", "", "blocks that were sent again", _STATISTICS),
    ("dup_blks", "dup_blks", "integer", "", "blocks that came twice", _STATISTICS),
    ("dup_last_blks", "dup_last_blks", "integer", "", "last blocks of a file that came twice", _STATISTICS),
    ("drop_blks_xnf", "drop_blks_xnf", "integer", "", "blocks dropped, as their file was not found", _STATISTICS),
    *((f"{who} ctl: {what}", f"{who}_ctl_{what.replace(' ', '_').replace('%', 'percent')}",
       "percent" if "%" in what else "integer", "%" if "%" in what else "", f"control messages of {whose}: {words}",
       _STATISTICS)
      for who, whose in (("sndr", "the sender"), ("rcvr", "the receiver"), ("rex", "retransmission"))
      for what, words in (("sent", "sent"), ("rcvd", "received"), ("lost", "lost"), ("lost %", "share lost"))),
    ("tx_bytes", "tx_bytes", "integer", "bytes", "bytes that went over the network", _STATISTICS),
    ("file_bytes", "file_bytes", "integer", "bytes", "bytes of files that were written", _STATISTICS),
    ("tx_time", "tx_time", "integer", "microseconds", "time of the transfer", _STATISTICS),
    ("estimate transfer size", "estimate_transfer_size", "integer", "bytes", "size of the job, estimated", _STATISTICS),
    *((f"sess->instru.{name}", name, "integer", "", "blocks to send again, of a file that was not found", _STATISTICS)
      for name in ("num_rex_xfer_not_found", "num_rex_abrtxfer_not_found")),
    ("rex_xmit_blks", "rex_xmit_blks", "integer", "", "blocks sent again, as the sender counts", _STATISTICS),
    ("xmit_total", "xmit_total", "integer", "", "blocks sent, as the sender counts", _STATISTICS),
    ("rex_xmit_pct", "rex_xmit_pct", "percent", "%", "share of blocks sent again", _STATISTICS),
    ("rate t", "rate_t", "integer", "bits per second", "target rate", ("progress",)),
    ("rate m", "rate_m", "integer", "bits per second", "minimum rate", ("progress",)),
    ("rate c", "rate_c", "integer", "bits per second", "rate as it is now", ("progress",)),
    ("prog t", "prog_t", "integer", "bytes", "bytes sent so far", ("progress",)),
    ("prog f", "prog_f", "integer", "bytes", "bytes of files so far", ("progress",)),
    ("prog e", "prog_e", "integer", "microseconds", "time so far", ("progress",)),
    ("xmtD", "xmtD", "integer", "", "files sent so far", ("progress",)),
    ("rcvD", "rcvD", "integer", "", "files received so far", ("progress",)),
    ("Source argument scans attempted", "arg_scans_attempted", "integer", "", "source arguments handled", _BLOCK),
    ("Source argument scans completed", "arg_scans_completed", "integer", "", "source arguments completed", _BLOCK),
    ("Source path scans attempted", "path_scans_attempted", "integer", "", "source paths attempted", _BLOCK),
    ("Source path scans failed", "path_scans_failed", "integer", "", "source paths failed", _BLOCK),
    ("Source path scans skipped since irregular", "path_scans_irregular", "integer", "",
     "source paths to irregular files", _BLOCK),
    ("Source path scans excluded", "path_scans_excluded", "integer", "", "source paths left out by a pattern", _BLOCK),
    ("Source directory scans completed", "dir_scans_completed", "integer", "", "source directories completed", _BLOCK),
    ("Source file scans completed", "file_scans_completed", "integer", "", "source files completed", _BLOCK),
    ("Source directory creates attempted", "dir_creates_attempted", "integer", "", "directories to create", _BLOCK),
    ("Source directory creates failed", "dir_creates_failed", "integer", "", "directories not created", _BLOCK),
    ("Source directory created or existed", "dir_creates_passed", "integer", "",
     "directories that exist or were created", _BLOCK),
    ("Source file transfers attempted", "transfers_attempted", "integer", "", "files begun", _BLOCK),
    ("Source file transfers failed", "transfers_failed", "integer", "", "files with errors", _BLOCK),
    ("Source file transfers passed", "transfers_passed", "integer", "", "files completed", _BLOCK),
    ("Source file transfers skipped", "transfers_skipped", "integer", "", "files skipped", _BLOCK),
    ("Source bytes transferred", "source_bytes_transferred", "integer", "bytes", "bytes of completed files", _BLOCK),
    ("!", "flagged", "names", "", "the numbers of the block with a ! after them", _BLOCK),
    ("version", "version", "string", "", "version of ascp", ("version",)),
    ("license max rate", "license_max_rate", "string", "", "rate that the license allows", ("version",)),
    ("account no.", "account", "integer", "", "account of the license", ("version",)),
    ("license no.", "license", "integer", "", "number of the license", ("version",)),
    ("product", "product", "integer", "", "product of the license", ("version",)),
    ("[CLIENT]", "role", "string", "", "which end this is: CLIENT or SERVER", ("auth",)),
    ("auth_method", "auth_method", "string", "", "how the other side was let in", ("auth",)),
    ("remote_user", "remote_user", "string", "", "user at the far side", ("auth",)),
    ("remote_host", "remote_host", "string", "", "name or address of the far side", ("auth",)),
    ("system_user", "system_user", "string", "", "user that runs ascp here", ("auth",)),
    ("access_key", "access_key", "string", "", "access key", ("auth",)),
    ("token", "token", "secret", "", "security token", ("auth",)),
    ("storage", "storage", "path", "", "where the files are", ("auth",)),
    ("Negotiated target rate", "target_rate", "integer", "bits per second", "target rate agreed on", ("rates",)),
    ("original target rate", "original_target_rate", "integer", "bits per second", "target rate asked for", ("rates",)),
    ("Measured pMTU", "path_mtu", "integer", "bytes", "path MTU", ("path_mtu", "datagram")),
    ("start_brtt", "start_brtt", "integer", "milliseconds", "base round-trip time at the start", ("path_mtu",)),
    ("datagram size", "datagram_size", "integer", "bytes", "size of a datagram", ("datagram",)),
    ("block size", "block_size", "integer", "bytes", "size of a block", ("datagram",)),
    ("Peer", "peer", "boolean", "", "True where it is the far side", ("side_error",)),
    ("http_session", "http_session", "string", "", "the session over HTTP", ("http_session",)),
    ("action", "action", "string", "", "what it was about to do", ("http_session",)),
    ("error", "error", "string", "", "words for what failed", ("http_session",)),
    ("result", "result", "integer", "", "status of HTTP", ("http_session",)),
    ("completed", "completed", "integer", "", "0 where it was not completed", ("http_session",)),
    ("src", "source", "path", "", "path of the source", ("source",)),
    ("dst", "destination", "path", "", "path at the destination", ("source",)),
)
# fmt: on

OLD_NAMES: Mapping[str, str] = {
    "transfer_policy": "rate_policy",
    "rtt_autocorrect": "rtt_auto",
    "vlink_local": "vl_local",
    "vlink_sess_id": "vl_sess_id",
}
"""Names of 3.3, and those of the same fields today."""

LOG_FIELDS: tuple[LogField, ...] = tuple(LogField(*row) for row in _TABLE)
"""Every known field, in the order of the lines."""

OF_KIND: Mapping[str, Mapping[str, LogField]] = {
    kind: {field.name: field for field in LOG_FIELDS if kind in field.lines} for kind in KINDS
}
"""The known fields of each kind of line, by their Python names."""


def find(name: str) -> list[LogField]:
    """Return the fields of a name; fields of several kinds of lines may share one.

    Args:
        name: in the log or in Python, of any version, in upper or lower case.
    """
    folded = name.casefold()
    folded = OLD_NAMES.get(folded, folded)
    return [field for field in LOG_FIELDS if folded in (field.log.casefold(), field.name.casefold())]


# ---------------------------------------------------------------------------------------------------------------------
# Kinds of values. The texts are ASCII: int and float take digits of other scripts, underscores and blanks as well.

_INTEGER = re.compile(r"-?[0-9]{1,20}")
_NUMBER = re.compile(r"(-?[0-9]{1,20}(?:\.[0-9]{1,9})?)([A-Za-z%]{0,5})")
RATE_UNITS: Mapping[str, float] = {
    "bps": 0.001,
    "Kbps": 1.0,
    "Mbps": 1_000.0,
    "Gbps": 1_000_000.0,
    "Tbps": 1_000_000_000.0,
}
"""Kilobits per second in one of these."""


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise ValueError("not an integer")
    return int(text)


def _rate(text: str) -> float:
    match = _NUMBER.fullmatch(text)
    if not match or match[2] not in RATE_UNITS:
        raise ValueError("not a rate")
    return round(float(match[1]) * RATE_UNITS[match[2]], 3)  # the log has two decimals


def _with_unit(unit: str) -> Callable[[str], float]:
    def decode(text: str) -> float:
        match = _NUMBER.fullmatch(text)
        if not match or match[2] != unit:
            raise ValueError(f"not a number with the unit {unit!r}")
        return float(match[1])

    return decode


def _delay(text: str) -> int:
    return _integer(text.removesuffix("ms"))


def _boolean(text: str) -> bool:
    if text not in ("yes", "no"):
        raise ValueError("neither yes nor no")
    return text == "yes"


def _paths(text: str) -> tuple[str, ...]:
    return tuple(text.split("\t")) if text else ()


DECODERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _integer,
    "number": _with_unit(""),
    "percent": _with_unit("%"),
    "rate": _rate,
    "seconds": _with_unit("s"),
    "delay": _delay,
    "boolean": _boolean,
    "paths": _paths,
}
"""Functions from the text of a field to its value, by its kind; ValueError if it is invalid. Other kinds are text."""

BARE = frozenset(
    field.name for field in LOG_FIELDS if field.kind in ("path", "paths") and field.name not in ("file", "storage")
)
"""Paths without quotes around them, whatever they hold (fixtures/ascp-log/ascp-3.9.0-failures.log)."""


def decode(kind: str, name: str, text: str) -> Any:
    """Return the value of a field.

    Args:
        kind: of the line.
        name: of the field in Python.
        text: as in the log.

    Returns:
        The typed value; None for ``-``; the text itself if the field is unknown, or the text is not a value of its
        kind.

    Example:
        >>> decode("transfer_stop", "rate", "284.38Mbps"), decode("session_start", "source_prefix", "-")
        (284380.0, None)
    """
    if text == "-":
        return None
    field = OF_KIND.get(kind, {}).get(name)
    decoder = DECODERS.get(field.kind) if field else None
    if decoder is None:
        return text
    try:
        return decoder(text)
    except ValueError:
        return text
