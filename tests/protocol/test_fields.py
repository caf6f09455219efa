from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.protocol import fields
from faspmgr.protocol.fields import BY_NAME, FIELDS, decoder, encode, escape_path, snake_case, unescape_path

# Name on the wire, name in Python, kind, unit: typed in from the protocol notes, in their order.
TABLE = """
Type type token | File file path | Size size integer bytes | Written written integer bytes |
Bytescont bytes_cont integer bytes | Rate rate rate Kbps | Loss loss integer bytes | Query query string |
Code code integer | Password password secret | Progress progress string | Remaining remaining string |
Elapsed elapsed string | RexInfo rex_info string | BlockInfo block_info string | DiskInfo disk_info string |
RateInfo rate_info string | MinRate min_rate rate Kbps | Description description string |
Elapsedusec elapsed_usec integer microseconds | ServiceLevel service_level integer Kbps | SessionId session_id string |
User user string | Host host string | Encryption encryption boolean | Adaptive adaptive policy |
Direction direction token | Remote remote boolean | Port port integer | UserStr user_str string |
CommandId command_id string | StartByte start_byte integer bytes | EndByte end_byte integer bytes | Token token secret |
Cookie cookie string | QueryResponse query_response string | Source source paths | Destination destination path |
BWMeasurement bw_measurement integer Kbps | BWInfo bw_info string | PMTU pmtu integer bytes |
TransferBytes transfer_bytes integer bytes | FileBytes file_bytes range bytes | Operation operation token |
Delay delay integer milliseconds | PreTransferFiles pre_transfer_files integer |
PreTransferDirs pre_transfer_dirs integer | PreTransferSpecial pre_transfer_special integer |
PreTransferFailed pre_transfer_failed integer | PartialPreTransferBytes partial_pre_transfer_bytes integer bytes |
PreTransferBytes pre_transfer_bytes integer bytes | Priority priority integer | Transport transport string |
VlinkID vlink_id integer | VlinkOn vlink_on boolean | VlinkCapIn vlink_cap_in integer Kbps |
VlinkCapOut vlink_cap_out integer Kbps | ManifestFile manifest_file path |
ArgScansAttempted arg_scans_attempted integer | ArgScansCompleted arg_scans_completed integer |
PathScansAttempted path_scans_attempted integer | PathScansFailed path_scans_failed integer |
PathScansIrregular path_scans_irregular integer | PathScansExcluded path_scans_excluded integer |
DirScansCompleted dir_scans_completed integer | FileScansCompleted file_scans_completed integer |
DirCreatesAttempted dir_creates_attempted integer | DirCreatesFailed dir_creates_failed integer |
DirCreatesPassed dir_creates_passed integer | TransfersAttempted transfers_attempted integer |
TransfersFailed transfers_failed integer | TransfersPassed transfers_passed integer |
TransfersSkipped transfers_skipped integer | FallbackProtocol fallback_protocol string |
RetryTimeout retry_timeout integer seconds | PreTransferExcluded pre_transfer_excluded integer |
XferId xfer_id string | XferRetry xfer_retry integer seconds | Tags tags json |
FaspFileArgIndex fasp_file_arg_index integer | ArgTransfersStatus arg_transfers_status string |
ArgTransfersAttempted arg_transfers_attempted integer | ArgTransfersFailed arg_transfers_failed integer |
ArgTransfersPassed arg_transfers_passed integer | ArgTransfersSkipped arg_transfers_skipped integer |
FaspFileID fasp_file_id string | RateCap rate_cap integer Kbps | MinRateCap min_rate_cap integer Kbps |
PolicyCap policy_cap policy | PriorityCap priority_cap integer | RateLock rate_lock boolean |
MinRateLock min_rate_lock boolean | PolicyLock policy_lock boolean | FileChecksum file_checksum string |
ServerHostname server_hostname string | ServerNodeId server_node_id string | ClientNodeId client_node_id string |
ServerClusterId server_cluster_id string | ClientClusterId client_cluster_id string |
FileChecksumType file_checksum_type string | ServerDocroot server_docroot path | ClientDocroot client_docroot path |
NodeUser node_user string | ClientUser client_user string | SourcePrefix source_prefix path |
RemoteAddress remote_address string | TCPPort tcp_port integer | Cipher cipher string |
ResumePolicy resume_policy string | CreatePolicy create_policy integer | ManifestPolicy manifest_policy string |
Precalc precalc boolean | OverwritePolicy overwrite_policy string | RTTAutocorrect rtt_autocorrect boolean |
TimePolicy time_policy integer | ManifestPath manifest_path path | ManifestInprogress manifest_inprogress string |
PartialFiles partial_files string | FilesEncrypt files_encrypt boolean | FilesDecrypt files_decrypt boolean |
DatagramSize datagram_size integer bytes | PrepostCommand prepost_command path | XoptFlags xopt_flags integer |
VLinkVersion v_link_version integer | PeerVLinkVersion peer_v_link_version integer |
VLinkLocalEnabled v_link_local_enabled boolean | VLinkLocalId v_link_local_id integer |
VLinkLocalCL v_link_local_cl string | VLinkRemoteEnabled v_link_remote_enabled boolean |
VLinkRemoteId v_link_remote_id integer | VLRemoteCL vl_remote_cl string | DSPipelineDepth ds_pipeline_depth integer |
PeerDSPipelineDepth peer_ds_pipeline_depth integer | LocalIP local_ip string | SourceBase source_base path |
ReadBlockSize read_block_size integer bytes | WriteBlockSize write_block_size integer bytes |
ClusterNumNodes cluster_num_nodes integer | ClusterNodeId cluster_node_id integer | MoveRange move_range boolean |
MoveRangeLow move_range_low integer bytes | MoveRangeHigh move_range_high integer bytes | Keepalive keepalive boolean |
TestLogin test_login boolean | UseProxy use_proxy boolean | ProxyIP proxy_ip string |
RateControlAlgorithm rate_control_algorithm string | ClientMacAddress client_mac_address string |
Offset offset integer bytes | ChunkSize chunk_size integer bytes |
PostTransferValidation post_transfer_validation string | OverwritePolicyCap overwrite_policy_cap string |
ExtraCreatePolicy extra_create_policy string | Stalled stalled boolean
"""
ROWS = [tuple([*row.split(), ""][:4]) for row in TABLE.split("|")]

BIGGEST = 18446744073709551615  # 2 to the power of 64, less one


def decode(wire: str, text: str) -> Any:
    return decoder(FIELDS[wire])(text)


def refuses(wire: str, text: str) -> bool:
    try:
        decode(wire, text)
    except ValueError:
        return True
    return False


# -- the table


def test_the_table() -> None:
    assert len(ROWS) == 154
    assert [(field.wire, field.name, field.kind, field.unit) for field in FIELDS.values()] == ROWS
    assert [field.position for field in FIELDS.values()] == list(range(154))
    assert list(FIELDS) == [field.wire for field in FIELDS.values()]
    assert {name: field.wire for name, field in BY_NAME.items()} == {name: wire for wire, name, *_ in ROWS}


def test_the_caps_that_are_no_limit() -> None:
    assert fields.CAP_UNKNOWN == (2**64 - 1) // 1000 == 18446744073709551
    assert fields.CAP_NONE == 2**52 - 1 == 4503599627370495
    for wire in ("RateCap", "MinRateCap"):
        assert "4503599627370495: no cap, 18446744073709551: not known" in FIELDS[wire].meaning


def test_every_field_says_what_it_means_in_one_line() -> None:
    for field in FIELDS.values():
        assert field.meaning.strip() == field.meaning != ""
        assert "\n" not in field.meaning


@pytest.mark.parametrize("name", ["Bytescont", "bytescont", "BYTESCONT", "bytes_cont", "Bytes_Cont"])
def test_find(name: str) -> None:
    assert fields.find(name) is FIELDS["Bytescont"]


@pytest.mark.parametrize("name", ["", "Bytes", "bytes cont", "Bytescont:"])
def test_find_nothing(name: str) -> None:
    assert fields.find(name) is None


# -- names


UNKNOWN = """
Colour colour, NewThing new_thing, NewThingID new_thing_id, HTTPProxyPort http_proxy_port,
FileSHA256Sum file_sha256_sum, already_snake already_snake, lower lower, UPPER upper
"""


def test_snake_case() -> None:
    assert [(wire, snake_case(wire)) for wire in FIELDS] == [(wire, name) for wire, name, *_ in ROWS]
    for row in UNKNOWN.split(","):
        wire, name = row.split()
        assert snake_case(wire) == name


# -- values: what each kind of field accepts, and comes back as it was

POLICIES = ["Adaptive", "Fixed", "Trickle", "Unset"]
WORDS = {
    "Adaptive": POLICIES,
    "PolicyCap": POLICIES,
    "Direction": ["Send", "Receive"],
    "Operation": ["Transfer", "BWMeasurement", "Stream", "Linger", "Shutdown"],
}
# fmt: off
INTEGERS = [0, 7, 4503599627370495, 18446744073709551, 9223372036854775808, BIGGEST]
RANGES = ["10485760:204857600", "10:", ":100", "0:0", "0:18446744073709551615"]
VALUES: list[tuple[str, str, Any]] = [
    *(("Size", str(value), value) for value in INTEGERS),
    *((wire, str(value), value) for wire in ("Rate", "MinRate") for value in (0, 100000, "50%", "100%")),
    *(("FileBytes", str(value), value) for value in (5736852, BIGGEST, *RANGES)),
    ("Encryption", "Yes", True), ("Encryption", "No", False),
    *((wire, word, word) for wire, words in WORDS.items() for word in words),
    # several paths are joined by a tab
    ("Source", "C:/Temp/AsperaConnect-1.1.1.0.exe", ("C:/Temp/AsperaConnect-1.1.1.0.exe",)),
    ("Source", "/data/a\t/data/b", ("/data/a", "/data/b")),
    ("Source", "/data/a\t/data/b\t/data/c d", ("/data/a", "/data/b", "/data/c d")),
    ("Source", "a\x1bnb\tc", ("a\nb", "c")), ("Source", "", ("",)),
]
NO_INTEGERS = [
    "", " ", "18446744073709551616", "99999999999999999999", "100000000000000000000", "9" * 5000, "+1", "-1", "-0",
    "1_0", " 1", "1 ", "1\t", "1\r", "1.0", "1e3", "0x10", "1,000", "٣", "１", "²", "1\udc80", "Yes",
]
NO_PERCENTAGES = ["%", "50 %", "-5%", "+5%", "50%%", "%50", "٣%", "1_0%", "50%\n", "50.%", ".5%"]
NO_RANGES = [
    "1:2:3", "-1:2", "1:-2", "1 : 2", "a:b", "٣:4", "18446744073709551616:", ":18446744073709551616", "100:10",
]
DEEP = 100_000
NO_JSON = [
    "", "x", "{", '{"a":}', "{} {}", "{'a': 1}", "null", "true", "1", "1.5", '"text"', "[NaN]", '{"a": NaN}',
    "[Infinity]", "[-Infinity]", "[1e999]", "[-1e999]", '{"a": [1e999]}', '["\n"]', "[1" + "0" * 309 + "]",
    "[" * DEEP, "[" * DEEP + "]" * DEEP, '{"a":' * DEEP + "1" + "}" * DEEP,
]
REFUSED: dict[str, list[str]] = {
    "Size": NO_INTEGERS, "Rate": [*NO_PERCENTAGES, *NO_INTEGERS], "FileBytes": [*NO_RANGES, *NO_INTEGERS],
    "TransferBytes": ["1:2"],  # only FileBytes may be a range
    "Encryption": ["", "yes", "NO", "Y", "true", "1", "0", " Yes", "Yes ", "Yes\r"],
    "Adaptive": ["", "adaptive", "fair", "high", "Fixed "],
    "Direction": ["", "Fixed", "Transfer", "send", "receive", "Send ", "Receive "],
    "Operation": ["", "Fixed", "Send", *(word.lower() for word in WORDS["Operation"])], "Tags": NO_JSON,
}
REFUSED["Operation"] += [f"{word} " for word in WORDS["Operation"]]
# fmt: on


@pytest.mark.parametrize(("wire", "text", "value"), VALUES)
def test_a_value_there_and_back(wire: str, text: str, value: Any) -> None:
    result = decode(wire, text)
    assert result == value
    assert type(result) is type(value)
    assert encode(FIELDS[wire], value) == text


@pytest.mark.parametrize(("wire", "text"), [(wire, text) for wire, texts in REFUSED.items() for text in texts])
def test_an_invalid_value(wire: str, text: str) -> None:
    assert refuses(wire, text)


def test_zeros_in_front() -> None:
    assert repr(decode("Size", "007")) == "7"


@given(st.integers(0, BIGGEST))
def test_every_unsigned_integer_of_64_bits(value: int) -> None:
    assert decode("Size", str(value)) == value
    assert encode(FIELDS["Size"], value) == str(value)


@given(st.integers(BIGGEST + 1) | st.integers(max_value=-1))
def test_no_other_integer(value: int) -> None:
    assert refuses("Size", str(value))


@given(st.text())
def test_strings_and_secrets_stay_as_they_are(text: str) -> None:
    for wire in ("Cookie", "Token", "Password", "Description"):
        assert decode(wire, text) == text
        assert encode(FIELDS[wire], text) == text


# -- paths: LF is ESC n, CR is ESC r, ESC is ESC ESC; any other byte after ESC stays as it is, with its ESC


# fmt: off
ESCAPES: list[tuple[str, str]] = [
    ("", ""), ("plain.txt", "plain.txt"), ("a: b.txt", "a: b.txt"), ("two\x1bnlines", "two\nlines"),
    ("two\x1brlines", "two\rlines"), ("a\x1b\x1bb", "a\x1bb"), ("\x1bn\x1br\x1b\x1b", "\n\r\x1b"),
    ("\x1b\x1bn", "\x1bn"), ("\x1b\x1b\x1bn", "\x1b\n"), ("\x1b\x1b\x1b\x1bn", "\x1b\x1bn"),
    ("\udcff\x1bn", "\udcff\n"),
]
# fmt: on


@pytest.mark.parametrize(("wire", "path"), ESCAPES)
def test_escapes_of_a_path(wire: str, path: str) -> None:
    assert unescape_path(wire) == path
    assert escape_path(path) == wire
    assert decode("File", wire) == path
    assert encode(FIELDS["File"], path) == wire


@pytest.mark.parametrize("text", ["\x1bx", "\x1bN", "\x1b[31m", "end\x1b", "\x1b ", "\x1bü", "\x1b\\n"])
def test_another_byte_after_esc_stays_as_it_is(text: str) -> None:
    assert unescape_path(text) == text


PATHS = st.text(st.sampled_from("ab/nr\n\r\x1b\t:ü\udc80")) | st.text()


@given(PATHS)
def test_unescape_undoes_escape(path: str) -> None:
    escaped = escape_path(path)
    assert not {"\n", "\r"} & set(escaped)
    assert unescape_path(escaped) == path
    plain = re.sub("[\n\r\x1b]", "", path)  # its own escape
    assert escape_path(plain) == unescape_path(plain) == plain


# -- json


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{}", {}),
        ("[]", []),
        ('{"aspera":{"xfer_id":"0d3f","xfer_retry":3600}}', {"aspera": {"xfer_id": "0d3f", "xfer_retry": 3600}}),
        ('["a", 1.5, true, null]', ["a", 1.5, True, None]),
        (' {"a": 1} ', {"a": 1}),
        ("[1" + "0" * 308 + "]", [10**308]),  # the most that every reader accepts
        ('{"name": "Gr\\u00f6\\u00dfe"}', {"name": "Größe"}),
    ],
)
def test_json(text: str, value: Any) -> None:
    assert decode("Tags", text) == value


@pytest.mark.parametrize("inner", ["", "1"])
def test_json_may_be_64_levels_deep(inner: str) -> None:
    assert not refuses("Tags", "[" * 64 + inner + "]" * 64)
    assert refuses("Tags", "[" * 65 + inner + "]" * 65)
    assert not refuses("Tags", '{"a":' * 63 + "[" + inner + "]" + "}" * 63)
    assert refuses("Tags", '{"a":' * 64 + "[" + inner + "]" + "}" * 64)


def test_the_reason_does_not_repeat_a_long_value() -> None:
    with pytest.raises(ValueError, match=r"^.{1,200}$"):
        decode("Tags", "[" + "1" * 100_000 + "e999]")


NUMBERS = st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(JSON) | st.dictionaries(st.text(), JSON))
def test_json_comes_back(value: Any) -> None:
    text = encode(FIELDS["Tags"], value)
    assert text.isascii()
    assert "\n" not in text
    assert "\r" not in text
    assert decode("Tags", text) == value
    assert json.loads(text) == value
