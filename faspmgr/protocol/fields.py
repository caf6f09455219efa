"""The field table: the only place that knows a field of the management protocol.

Each row gives the name on the wire, the name in Python and JSON, the kind, the unit and the meaning. Decoding, JSON,
CSV headers, ``faspmgr describe`` and the typed events all read it here. Source: the vendor's event list and the streams
a real ascp 3.9.0 wrote.

A *kind* says which texts are values and what they become in Python:

=========  ============================================  ======================================================
kind       on the wire                                   in Python
=========  ============================================  ======================================================
integer    ASCII digits, 0 to 2**64-1                    int
range      as integer, or ``low:high``, a side may lack  int, or the text
rate       as integer (Kbps), or ``50%``                 int, or the text
boolean    ``Yes``, ``No``                               bool
policy     Adaptive, Fixed, Trickle, Unset               str
token      one of the words in TOKENS                    str
path       text, line breaks escaped with ESC            str
paths      paths joined by TAB                           tuple of str
json       a JSON object or array, 64 levels at most     dict or list
secret     text                                          str, shown as ``***``
string     text                                          str
=========  ============================================  ======================================================

The decoders raise ValueError for a text that is not a value of its kind. The table makes the file long.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from typing import Any

import attrs

MAX_INTEGER = 2**64 - 1
MAX_JSON_DEPTH = 64
"""Deeper Tags are refused: a parser or printer that recurses must not be brought down by one value."""

CAP_UNKNOWN = MAX_INTEGER // 1000
"""RateCap and MinRateCap, Kbps, if no cap is known: 18446744073709551 (fixtures/ascp-3.9.0/refused.fasp)."""
CAP_NONE = 2**52 - 1
"""RateCap and MinRateCap, Kbps, if the peer sets no cap: 4503599627370495 (fixtures/sessions/resumed-download.fasp)."""

POLICIES: Mapping[str, tuple[str, int | None]] = {
    "fair": ("Adaptive", None),
    "high": ("Adaptive", 1),
    "fixed": ("Fixed", None),
    "low": ("Trickle", None),
    "Adaptive": ("Adaptive", None),
    "Fixed": ("Fixed", None),
    "Trickle": ("Trickle", None),
}
"""Words for a transfer policy, those of ascp's command line and the wire's own: value of Adaptive, and of Priority."""
WIRE_POLICIES = frozenset(word for word, _ in POLICIES.values())
"""The words for a policy on the wire; ``Unset`` is seen besides them (fixtures/ascp-3.9.0/no-remote-host.fasp)."""

TOKENS: Mapping[str, frozenset[str]] = {
    "Direction": frozenset({"Send", "Receive"}),
    "Operation": frozenset({"Transfer", "BWMeasurement", "Stream", "Linger", "Shutdown"}),
}
"""Fields of kind token, by their name on the wire, and the words that they may have."""


@attrs.frozen
class Field:
    """One row of the table."""

    wire: str
    """Name on the wire."""
    name: str
    """Name in Python, JSON and CSV."""
    kind: str
    """A kind of the table above."""
    unit: str
    """``bytes``, ``Kbps``, ``microseconds``, ``milliseconds``, ``seconds`` or empty."""
    meaning: str
    """One line."""
    position: int
    """Place in the table, which is the order of the fields on the wire and in JSON."""


_CAPS = f"{CAP_NONE}: no cap, {CAP_UNKNOWN}: not known"

# fmt: off
_TABLE = (
    ("Type", "type", "token", "", "message type"),
    ("File", "file", "path", "", "file being reported"),
    ("Size", "size", "integer", "bytes", "size of the file"),
    ("Written", "written", "integer", "bytes", "bytes of this file written at the destination"),
    ("Bytescont", "bytes_cont", "integer", "bytes", "contiguous bytes of this file at the destination"),
    ("Rate", "rate", "rate", "Kbps", "target rate: Kbps, or a percentage such as 50%"),
    ("Loss", "loss", "integer", "bytes", "bytes lost, aggregate of the session"),
    ("Query", "query", "string", "", "what is asked"),
    ("Code", "code", "integer", "", "error code; describe explains each"),
    ("Password", "password", "secret", "", "password of the login"),
    ("Progress", "progress", "string", "", "progress as text; older ascp"),
    ("Remaining", "remaining", "string", "", "time left as text; older ascp"),
    ("Elapsed", "elapsed", "string", "", "time since the start as text; older ascp"),
    ("RexInfo", "rex_info", "string", "", "retransmission figures; older ascp"),
    ("BlockInfo", "block_info", "string", "", "block figures; older ascp"),
    ("DiskInfo", "disk_info", "string", "", "disk figures; older ascp"),
    ("RateInfo", "rate_info", "string", "", "rate figures; older ascp"),
    ("MinRate", "min_rate", "rate", "Kbps", "minimum rate: Kbps, or a percentage"),
    ("Description", "description", "string", "", "error text; may hold colons"),
    ("Elapsedusec", "elapsed_usec", "integer", "microseconds", "time since the session began"),
    ("ServiceLevel", "service_level", "integer", "Kbps", "bandwidth cap of the session"),
    ("SessionId", "session_id", "string", "", "UUID of the session"),
    ("User", "user", "string", "", "login user"),
    ("Host", "host", "string", "", "remote address; IPv6 without brackets"),
    ("Encryption", "encryption", "boolean", "", "is the data encrypted on its way"),
    ("Adaptive", "adaptive", "policy", "", "transfer policy: Adaptive, Fixed, Trickle; Unset seen"),
    ("Direction", "direction", "token", "", "Send or Receive"),
    ("Remote", "remote", "boolean", "", "Yes: this ascp acts as the server"),
    ("Port", "port", "integer", "", "UDP port of FASP"),
    ("UserStr", "user_str", "string", "", "what the application gave with -u"),
    ("CommandId", "command_id", "string", "", "identifier of a command"),
    ("StartByte", "start_byte", "integer", "bytes", "offset where the file starts or resumes"),
    ("EndByte", "end_byte", "integer", "bytes", "last byte of the range"),
    ("Token", "token", "secret", "", "security token"),
    ("Cookie", "cookie", "string", "", "text that the application gave"),
    ("QueryResponse", "query_response", "string", "", "the reply to a QUERY"),
    ("Source", "source", "paths", "", "source arguments, joined by TAB"),
    ("Destination", "destination", "path", "", "path where the files go to"),
    ("BWMeasurement", "bw_measurement", "integer", "Kbps", "measured bandwidth"),
    ("BWInfo", "bw_info", "string", "", "details of the bandwidth measurement"),
    ("PMTU", "pmtu", "integer", "bytes", "path MTU"),
    ("TransferBytes", "transfer_bytes", "integer", "bytes", "bytes sent over the network in this session, aggregate"),
    ("FileBytes", "file_bytes", "range", "bytes", "bytes written, aggregate; in START a range such as 10:99"),
    ("Operation", "operation", "token", "", "Transfer, BWMeasurement, Stream; in DONE to ascp Linger, Shutdown"),
    ("Delay", "delay", "integer", "milliseconds", "last round-trip time"),
    ("PreTransferFiles", "pre_transfer_files", "integer", "", "regular files of the job"),
    ("PreTransferDirs", "pre_transfer_dirs", "integer", "", "directories of the job"),
    ("PreTransferSpecial", "pre_transfer_special", "integer", "", "special files of the job"),
    ("PreTransferFailed", "pre_transfer_failed", "integer", "", "files or directories of the job with errors"),
    ("PartialPreTransferBytes", "partial_pre_transfer_bytes", "integer", "bytes", "size of the job so far"),
    ("PreTransferBytes", "pre_transfer_bytes", "integer", "bytes", "size of the whole job"),
    ("Priority", "priority", "integer", "", "priority of the transfer: 1 high, 2 regular"),
    ("Transport", "transport", "string", "", "transport in use"),
    ("VlinkID", "vlink_id", "integer", "", "identifier of the virtual link"),
    ("VlinkOn", "vlink_on", "boolean", "", "is the virtual link in force"),
    ("VlinkCapIn", "vlink_cap_in", "integer", "Kbps", "cap of the virtual link, incoming"),
    ("VlinkCapOut", "vlink_cap_out", "integer", "Kbps", "cap of the virtual link, outgoing"),
    ("ManifestFile", "manifest_file", "path", "", "path of the manifest"),
    ("ArgScansAttempted", "arg_scans_attempted", "integer", "", "source arguments handled"),
    ("ArgScansCompleted", "arg_scans_completed", "integer", "", "source arguments completed"),
    ("PathScansAttempted", "path_scans_attempted", "integer", "", "source paths attempted"),
    ("PathScansFailed", "path_scans_failed", "integer", "", "source paths failed"),
    ("PathScansIrregular", "path_scans_irregular", "integer", "", "source paths to irregular files, such as devices"),
    ("PathScansExcluded", "path_scans_excluded", "integer", "", "source paths left out by an exclude pattern"),
    ("DirScansCompleted", "dir_scans_completed", "integer", "", "source directory scans completed"),
    ("FileScansCompleted", "file_scans_completed", "integer", "", "source file scans completed"),
    ("DirCreatesAttempted", "dir_creates_attempted", "integer", "", "destination directory creates attempted"),
    ("DirCreatesFailed", "dir_creates_failed", "integer", "", "destination directory creates failed"),
    ("DirCreatesPassed", "dir_creates_passed", "integer", "", "destination directories that exist or were created"),
    ("TransfersAttempted", "transfers_attempted", "integer", "", "file transfers begun"),
    ("TransfersFailed", "transfers_failed", "integer", "", "file transfers with errors"),
    ("TransfersPassed", "transfers_passed", "integer", "", "file transfers completed or skipped"),
    ("TransfersSkipped", "transfers_skipped", "integer", "", "file transfers skipped"),
    ("FallbackProtocol", "fallback_protocol", "string", "", "protocol of the fallback, e.g. http"),
    ("RetryTimeout", "retry_timeout", "integer", "seconds", "retry timeout, given with -o RetryTimeout"),
    ("PreTransferExcluded", "pre_transfer_excluded", "integer", "", "files of the job left out by an exclude pattern"),
    ("XferId", "xfer_id", "string", "", "the tags' xfer_id: groups the sessions of one transfer"),
    ("XferRetry", "xfer_retry", "integer", "seconds", "the tags' xfer_retry"),
    ("Tags", "tags", "json", "", "metadata given with --tags"),
    ("FaspFileArgIndex", "fasp_file_arg_index", "integer", "", "which source argument the file came from"),
    ("ArgTransfersStatus", "arg_transfers_status", "string", "", "status of this argument, e.g. Complete"),
    ("ArgTransfersAttempted", "arg_transfers_attempted", "integer", "", "files of this argument"),
    ("ArgTransfersFailed", "arg_transfers_failed", "integer", "", "files of this argument with errors"),
    ("ArgTransfersPassed", "arg_transfers_passed", "integer", "", "files of this argument transferred or skipped"),
    ("ArgTransfersSkipped", "arg_transfers_skipped", "integer", "", "files of this argument skipped; omitted if zero"),
    ("FaspFileID", "fasp_file_id", "string", "", "hash of argument index, source and destination path"),
    ("RateCap", "rate_cap", "integer", "Kbps", f"target rate the server allows; {_CAPS}"),
    ("MinRateCap", "min_rate_cap", "integer", "Kbps", f"minimum rate the server allows; {_CAPS}"),
    ("PolicyCap", "policy_cap", "policy", "", "transfer policy allowed, enforced by the server"),
    ("PriorityCap", "priority_cap", "integer", "", "transfer priority allowed, enforced by the server"),
    ("RateLock", "rate_lock", "boolean", "", "is changing the target rate locked by the server"),
    ("MinRateLock", "min_rate_lock", "boolean", "", "is changing the minimum rate locked by the server"),
    ("PolicyLock", "policy_lock", "boolean", "", "is changing the policy locked by the server"),
    ("FileChecksum", "file_checksum", "string", "", "checksum of the file, hexadecimal"),
    ("ServerHostname", "server_hostname", "string", "", "name of the server"),
    ("ServerNodeId", "server_node_id", "string", "", "node of the server"),
    ("ClientNodeId", "client_node_id", "string", "", "node of the client"),
    ("ServerClusterId", "server_cluster_id", "string", "", "cluster of the server"),
    ("ClientClusterId", "client_cluster_id", "string", "", "cluster of the client"),
    ("FileChecksumType", "file_checksum_type", "string", "", "md5, sha1, sha-256, sha-384, sha-512, none"),
    ("ServerDocroot", "server_docroot", "path", "", "document root at the server"),
    ("ClientDocroot", "client_docroot", "path", "", "document root at the client"),
    ("NodeUser", "node_user", "string", "", "user of the node API"),
    ("ClientUser", "client_user", "string", "", "user that runs ascp at the client"),
    ("SourcePrefix", "source_prefix", "path", "", "prefix of each source path"),
    ("RemoteAddress", "remote_address", "string", "", "address of the peer"),
    ("TCPPort", "tcp_port", "integer", "", "SSH port"),
    ("Cipher", "cipher", "string", "", "cipher of the data, e.g. aes-128, none"),
    ("ResumePolicy", "resume_policy", "string", "", "when a partial file is resumed"),
    ("CreatePolicy", "create_policy", "integer", "", "create policy as a number; up to 3.9"),
    ("ManifestPolicy", "manifest_policy", "string", "", "is a manifest written"),
    ("Precalc", "precalc", "boolean", "", "is the job size calculated before the transfer"),
    ("OverwritePolicy", "overwrite_policy", "string", "", "when a file at the destination is overwritten"),
    ("RTTAutocorrect", "rtt_autocorrect", "boolean", "", "is the base round-trip time corrected"),
    ("TimePolicy", "time_policy", "integer", "", "are file times preserved, as a number"),
    ("ManifestPath", "manifest_path", "path", "", "directory of the manifest"),
    ("ManifestInprogress", "manifest_inprogress", "string", "", "suffix of a manifest being written"),
    ("PartialFiles", "partial_files", "string", "", "suffix of a file being written"),
    ("FilesEncrypt", "files_encrypt", "boolean", "", "are files encrypted at rest"),
    ("FilesDecrypt", "files_decrypt", "boolean", "", "are files decrypted at the destination"),
    ("DatagramSize", "datagram_size", "integer", "bytes", "size of a datagram; 0 where it is found out"),
    ("PrepostCommand", "prepost_command", "path", "", "command run before and after"),
    ("XoptFlags", "xopt_flags", "integer", "", "options, as a set of bits"),
    ("VLinkVersion", "v_link_version", "integer", "", "version of virtual links here"),
    ("PeerVLinkVersion", "peer_v_link_version", "integer", "", "version of virtual links at the peer"),
    ("VLinkLocalEnabled", "v_link_local_enabled", "boolean", "", "is a virtual link in force here"),
    ("VLinkLocalId", "v_link_local_id", "integer", "", "virtual link here"),
    ("VLinkLocalCL", "v_link_local_cl", "string", "", "virtual-link cluster here"),
    ("VLinkRemoteEnabled", "v_link_remote_enabled", "boolean", "", "is a virtual link in force at the peer"),
    ("VLinkRemoteId", "v_link_remote_id", "integer", "", "virtual link at the peer"),
    ("VLRemoteCL", "vl_remote_cl", "string", "", "virtual-link cluster at the peer"),
    ("DSPipelineDepth", "ds_pipeline_depth", "integer", "", "depth of the data-store pipeline here"),
    ("PeerDSPipelineDepth", "peer_ds_pipeline_depth", "integer", "", "depth of the data-store pipeline at the peer"),
    ("LocalIP", "local_ip", "string", "", "address of this end"),
    ("SourceBase", "source_base", "path", "", "directory structure is preserved below this"),
    ("ReadBlockSize", "read_block_size", "integer", "bytes", "bytes read from disk at once; 0 for the default"),
    ("WriteBlockSize", "write_block_size", "integer", "bytes", "bytes written to disk at once; 0 for the default"),
    ("ClusterNumNodes", "cluster_num_nodes", "integer", "", "sessions of a multi-session transfer"),
    ("ClusterNodeId", "cluster_node_id", "integer", "", "which of them this is"),
    ("MoveRange", "move_range", "boolean", "", "is only a range of bytes moved"),
    ("MoveRangeLow", "move_range_low", "integer", "bytes", "first byte of the range"),
    ("MoveRangeHigh", "move_range_high", "integer", "bytes", "last byte of the range"),
    ("Keepalive", "keepalive", "boolean", "", "Yes: persistent session"),
    ("TestLogin", "test_login", "boolean", "", "is only the login tested"),
    ("UseProxy", "use_proxy", "boolean", "", "is a proxy used"),
    ("ProxyIP", "proxy_ip", "string", "", "address of the proxy"),
    ("RateControlAlgorithm", "rate_control_algorithm", "string", "", "algorithm of the rate control, e.g. alg_delay"),
    ("ClientMacAddress", "client_mac_address", "string", "", "MAC address of the client"),
    ("Offset", "offset", "integer", "bytes", "position in the stream"),
    ("ChunkSize", "chunk_size", "integer", "bytes", "size of a chunk"),
    ("PostTransferValidation", "post_transfer_validation", "string", "", "validation after the transfer"),
    ("OverwritePolicyCap", "overwrite_policy_cap", "string", "", "overwrite policy allowed, enforced by the server"),
    ("ExtraCreatePolicy", "extra_create_policy", "string", "", "create policy as text; newer ascp"),
    ("Stalled", "stalled", "boolean", "", "no data moves; newer ascp"),
)
# fmt: on

FIELDS: Mapping[str, Field] = {row[0]: Field(*row, position) for position, row in enumerate(_TABLE)}
"""Every known field by its name on the wire, in the order of the table."""

BY_NAME: Mapping[str, Field] = {field.name: field for field in FIELDS.values()}
"""Every known field by its Python name."""


_FOLDED = {name.casefold(): field for field in FIELDS.values() for name in (field.wire, field.name)}


def find(name: str) -> Field | None:
    """Return the row of a field, or None. name: on the wire or in Python, in upper or lower case."""
    return _FOLDED.get(name.casefold())


def kind_of(name: str) -> str | None:
    """Return the kind of a field, or None. name: as for ``find``."""
    field = find(name)
    return field.kind if field else None


def snake_case(wire: str) -> str:
    """Return the Python name of a field: the table's, or if unknown its CamelCase parts joined by underscores.

    Example:
        >>> snake_case("RTTAutocorrect"), snake_case("NewThingID")
        ('rtt_autocorrect', 'new_thing_id')
    """
    field = FIELDS.get(wire)
    return field.name if field else _HUMP.sub("_", wire).lower()


_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


# -- path values: newer ascp writes LF as ESC n, CR as ESC r and ESC as ESC ESC. Any other byte after ESC stays as it
# is, with its ESC.

_ESCAPES = {"\n": "\x1bn", "\r": "\x1br", "\x1b": "\x1b\x1b"}
_UNESCAPES = {escape: char for char, escape in _ESCAPES.items()}
_ESCAPED = re.compile("\x1b[nr\x1b]")
_TO_ESCAPE = re.compile("[\n\r\x1b]")


def unescape_path(text: str) -> str:
    """Decode a path from what the wire writes: undo the escapes of line breaks."""
    return _ESCAPED.sub(lambda match: _UNESCAPES[match[0]], text) if "\x1b" in text else text


def escape_path(path: str) -> str:
    """Encode a path as the wire writes it. A path without line break and ESC is its own escape."""
    return _TO_ESCAPE.sub(lambda match: _ESCAPES[match[0]], path)


# -- addresses


def address_and_port(text: str | None) -> tuple[str | None, int | None]:
    """Split an address from its port.

    An IPv6 address with a port needs no brackets, as ascp writes none in its log. A text that is an IPv6 address as a
    whole has no port.

    Args:
        text: an IP address or a host name, with or without a port.

    Returns:
        The address and the port; None for what the text does not have. Both are None for 0.0.0.0 and ::, which ascp
        writes before it has connected.

    Example:
        >>> address_and_port("203.0.113.8:33001"), address_and_port("2001:db8::7")
        (('203.0.113.8', 33001), ('2001:db8::7', None))
    """
    match = _ADDRESS.fullmatch(text or "")
    if not match:
        return None, None
    address, port = match[1] or match[2], match[3]
    if port and not match[1] and "%" not in address and is_ip(f"{address}:{port}"):
        address, port = f"{address}:{port}", None
    number = int(port) if port else None
    if address in ("0.0.0.0", "::", "-") or (number or 0) > 65535:
        return None, None
    return address, number


def is_ip(text: str) -> bool:
    """Return whether the text is an IP address."""
    import ipaddress  # few texts are addresses

    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


_ADDRESS = re.compile(r"(?:\[([0-9A-Za-z.:%_-]+)\]|([0-9A-Za-z.:%_-]+?))(?::([0-9]{1,5}))?")


# -- kinds


def _decode_integer(text: str) -> int:
    # str.isdigit and int() also take digits of other scripts, signs, underscores and spaces; the wire has none of them.
    if not (text.isascii() and text.isdigit() and len(text) <= 20):
        raise ValueError("not an unsigned integer")
    value = int(text)
    if value > MAX_INTEGER:
        raise ValueError("more than 64 bits")
    return value


_RANGE = re.compile(r"[0-9]{0,20}:[0-9]{0,20}")
_PERCENT = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,6})?%")


def _decode_range(text: str) -> int | str:
    if not _RANGE.fullmatch(text):
        return _decode_integer(text)
    bounds = [_decode_integer(side) for side in text.split(":") if side]
    if bounds != sorted(bounds):
        raise ValueError("the range ends before it begins")
    return text


def _decode_rate(text: str) -> int | str:
    return text if _PERCENT.fullmatch(text) else _decode_integer(text)


_BOOLEANS = {"Yes": True, "No": False}


def _decode_boolean(text: str) -> bool:
    if text not in _BOOLEANS:
        raise ValueError("neither Yes nor No")
    return _BOOLEANS[text]


def _decode_paths(text: str) -> tuple[str, ...]:
    return tuple(map(unescape_path, text.split("\t")))


def _refuse_constant(text: str) -> Any:
    raise ValueError(f"not JSON: {text}")


def _decode_finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("not JSON: a number out of range")
    return value


def _decode_whole(text: str) -> int:
    if len(text) > 300:  # strict readers refuse what is out of the range of a float
        _decode_finite(text)
    return int(text)


def _depth_exceeds(value: Any, limit: int) -> bool:
    """Whether a JSON object or array has more levels than limit. Level by level: the check itself does not recurse."""
    level = [value]
    for _ in range(limit):
        inner = [item for outer in level for item in (outer.values() if isinstance(outer, dict) else outer)]
        level = [item for item in inner if isinstance(item, (dict, list))]
    return bool(level)


def decode_json(text: str, make_object: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Decode a value of kind json.

    Args:
        text: as on the wire.
        make_object: makes an object of its keys and values, in the order of the text; a dict by default, with the
            last value of a key.

    Raises:
        ValueError: the text is not a value of this kind.
    """
    try:
        value = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_decode_finite,
            parse_int=_decode_whole,
            object_pairs_hook=make_object,
        )
    except RecursionError as error:
        raise ValueError("nested too deep") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"not JSON: {error}") from error
    if not isinstance(value, (dict, list)):
        raise ValueError("neither an object nor an array")
    if _depth_exceeds(value, MAX_JSON_DEPTH):
        raise ValueError("nested too deep")
    return value


def _word_decoder(words: frozenset[str]) -> Callable[[str], str]:
    def decode_word(text: str) -> str:
        if text not in words:
            raise ValueError(f"none of {', '.join(sorted(words))}")
        return text

    return decode_word


_POLICY_WORDS = WIRE_POLICIES | {"Unset"}


def _encode_paths(value: Any) -> str:
    if any("\t" in path for path in value):
        raise ValueError("a TAB in a path cannot be sent: it would split the path in two")
    return "\t".join(map(escape_path, value))


_DECODERS: Mapping[str, Callable[[str], Any]] = {
    "integer": _decode_integer,
    "range": _decode_range,
    "rate": _decode_rate,
    "boolean": _decode_boolean,
    "policy": _word_decoder(_POLICY_WORDS),
    "token": str,
    "path": unescape_path,
    "paths": _decode_paths,
    "json": decode_json,
    "secret": str,
    "string": str,
}
_ENCODERS: Mapping[str, Callable[[Any], str]] = {
    "boolean": lambda value: "Yes" if value else "No",
    "path": escape_path,
    "paths": _encode_paths,
    "json": json.JSONEncoder(separators=(",", ":"), allow_nan=False).encode,
}


def decoder(field: Field) -> Callable[[str], Any]:
    """Return the function that decodes the texts of a field; it raises ValueError for any other text.

    Example:
        >>> decoder(FIELDS["Encryption"])("Yes")
        True
    """
    words = TOKENS.get(field.wire)
    return _word_decoder(words) if words else _DECODERS[field.kind]


def words_of(field: Field) -> Mapping[str, Any]:
    """Return the values of a field that has only a few, by their texts on the wire; empty for any other.

    Example:
        >>> words_of(FIELDS["Encryption"])
        {'Yes': True, 'No': False}
    """
    if field.kind == "boolean":
        return _BOOLEANS
    words = _POLICY_WORDS if field.kind == "policy" else TOKENS.get(field.wire, frozenset())
    return {word: word for word in sorted(words)}


def encode(field: Field, value: Any) -> str:
    """Encode a value of a field for the wire, with line breaks escaped if its kind has escapes.

    Raises:
        ValueError: for a path with a TAB among paths that are joined by TAB.
    """
    return _ENCODERS.get(field.kind, str)(value)
