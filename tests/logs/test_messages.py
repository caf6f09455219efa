"""The kinds of lines, and their fields: each with a line of a real log, and what stands in it."""

from __future__ import annotations

from typing import Any

import pytest

from faspmgr.logs.codes import LogCode, explain_log, management_code_of
from faspmgr.logs.fields import KINDS, LOG_FIELDS, OF_KIND, decode, find
from faspmgr.logs.messages import kind_of, pairs, read_fields

UUID = "7d5a7202-27aa-dd88-c76a-68a50cc82e8c"

LINES: dict[str, tuple[str, dict[str, Any]]] = {
    "session_start": (
        f'FASP Session Start uuid={UUID} op=recv status=failed errcode=63 errstr="Source path stat failed" source=.74 '
        "dest=downtest source_prefix=- local=192.0.2.7:53210 peer=203.0.113.8:33001 tcp_port=33001 "
        'os="Microsoft Windows 6.2 " ver=3.9.6.177525 lic=48:1:2000 peeros="-" peerver=- peerlic=0:0:0 '
        "proto_sess=20003",
        {
            "uuid": UUID,
            "op": "recv",
            "status": "failed",
            "errcode": 63,
            "errstr": "Source path stat failed",
            "source": (".74",),
            "dest": "downtest",
            "source_prefix": None,
            "local": "192.0.2.7:53210",
            "peer": "203.0.113.8:33001",
            "tcp_port": 33001,
            "os": "Microsoft Windows 6.2 ",
            "ver": "3.9.6.177525",
            "lic": "48:1:2000",
            "peeros": None,
            "peerver": None,
            "peerlic": "0:0:0",
            "proto_sess": "20003",
        },
    ),
    "session_params": (
        f'FASP Session Params uuid={UUID} userid=0 user="studio" targetrate=50000000 minrate=0 rate_policy=fair '
        'precalc=no rtt_auto=yes cookie="-" vl_proto_ver=1  peer_vl_proto_ver=1 srcbase=- '
        "cluster_multi_session_threshold=-1 range=0-0 exclude_older/newer_than=0/0",
        {
            "uuid": UUID,
            "userid": 0,
            "user": "studio",
            "targetrate": 50_000_000,
            "minrate": 0,
            "rate_policy": "fair",
            "precalc": False,
            "rtt_auto": True,
            "cookie": None,
            "vl_proto_ver": 1,
            "peer_vl_proto_ver": 1,
            "srcbase": None,
            "cluster_multi_session_threshold": -1,
            "range": "0-0",
            "exclude_older/newer_than": "0/0",
        },
    ),
    "transfer_start": (
        f'FASP Transfer Start uuid={UUID} op=recv status=started file="downtest/shot_0001.png" size=138080 '
        'start_byte=0 rate=50.00Mbps loss=0.00 rexreqs=0 overhead=0 mtime="2021-05-11 14:53:36"',
        {
            "uuid": UUID,
            "op": "recv",
            "status": "started",
            "file": "downtest/shot_0001.png",
            "size": 138_080,
            "start_byte": 0,
            "rate": 50_000.0,
            "loss": 0.0,
            "rexreqs": 0,
            "overhead": 0,
            "mtime": "2021-05-11 14:53:36",
        },
    ),
    "transfer_stop": (
        f'FASP Transfer Stop uuid={UUID} op=send status=failed errcode=4 errstr="No such file or directory" '
        'file="C:/jobs/info.cfg" size=5156 start_byte=12 rate=577.33Kbps elapsed=46.45s loss=0.50 rexreqs=2 overhead=1',
        {
            "uuid": UUID,
            "op": "send",
            "status": "failed",
            "errcode": 4,
            "errstr": "No such file or directory",
            "file": "C:/jobs/info.cfg",
            "size": 5156,
            "start_byte": 12,
            "rate": 577.33,
            "elapsed": 46.45,
            "loss": 0.5,
            "rexreqs": 2,
            "overhead": 1,
        },
    ),
    "session_statistics": (
        f"FASP Session Statistics [Receiver] id={UUID} delay=38ms rex_delay=43ms ooo_delay=46ms solicited_rex=47.03% "
        "rcvd_rex=54.31% rcvd_dups=0.87% ave_xmit_rate 549.36Mbps effective=52.97% effective_rate=290.97Mbps (detail: "
        "good_blks 1172655 bl_total 1183125 bl_orig 540367 bl_rex 642587 dup_blks 10299 dup_last_blks 0 drop_blks_xnf "
        "171) (sndr ctl: sent 49 rcvd 48 lost 1 lost 2.04%) (rcvr ctl: sent 975 rcvd 974 lost 1 lost 0.10%) (rex  ctl: "
        "sent 6615 rcvd 6609 lost 6 lost 0.09%) (progress: tx_bytes 1651097607 file_bytes 1651097600 tx_time 46685559) "
        "(estimate transfer size: 12 bytes)  sess->instru.num_rex_xfer_not_found 3 "
        "sess->instru.num_rex_abrtxfer_not_found 4 rex_xmit_blks 1041331  xmit_total 2213987 rex_xmit_pct 47.03%",
        {
            "uuid": UUID,
            "side": "Receiver",
            "delay": 38,
            "rex_delay": 43,
            "ooo_delay": 46,
            "solicited_rex": 47.03,
            "rcvd_rex": 54.31,
            "rcvd_dups": 0.87,
            "ave_xmit_rate": 549_360.0,
            "effective": 52.97,
            "effective_rate": 290_970.0,
            "good_blks": 1_172_655,
            "bl_total": 1_183_125,
            "bl_orig": 540_367,
            "bl_rex": 642_587,
            "dup_blks": 10_299,
            "dup_last_blks": 0,
            "drop_blks_xnf": 171,
            "sndr_ctl_sent": 49,
            "sndr_ctl_rcvd": 48,
            "sndr_ctl_lost": 1,
            "sndr_ctl_lost_percent": 2.04,
            "rcvr_ctl_sent": 975,
            "rcvr_ctl_rcvd": 974,
            "rcvr_ctl_lost": 1,
            "rcvr_ctl_lost_percent": 0.1,
            "rex_ctl_sent": 6615,
            "rex_ctl_rcvd": 6609,
            "rex_ctl_lost": 6,
            "rex_ctl_lost_percent": 0.09,
            "tx_bytes": 1_651_097_607,
            "file_bytes": 1_651_097_600,
            "tx_time": 46_685_559,
            "estimate_transfer_size": 12,
            "num_rex_xfer_not_found": 3,
            "num_rex_abrtxfer_not_found": 4,
            "rex_xmit_blks": 1_041_331,
            "xmit_total": 2_213_987,
            "rex_xmit_pct": 47.03,
        },
    ),
    "session_peer_error": (
        f"FASP Session Peer Error id={UUID} (error 63, No such file or directory)",
        {"uuid": UUID, "errcode": 63, "errstr": "No such file or directory"},
    ),
    "session_error": (
        f"FASP Session Error id={UUID} (error 40, Operation (of a kind) not permitted)",
        {"uuid": UUID, "errcode": 40, "errstr": "Operation (of a kind) not permitted"},
    ),
    "progress": (
        "Receiver bl t/o/r=11110/11107/2 rex_rtt l/h=38/39 bl l/d/o=5/1/4 "
        "rate t/m/c/n=50000000/0/50000001/50000002 prog t/f/e=15618129/15618120/3752462 rcvD=18",
        {
            "side": "Receiver",
            "bl_t": 11_110,
            "bl_o": 11_107,
            "bl_r": 2,
            "rex_rtt_l": 38,
            "rex_rtt_h": 39,
            "bl2_l": 5,
            "bl2_d": 1,
            "bl2_o": 4,
            "rate_t": 50_000_000,
            "rate_m": 0,
            "rate_c": 50_000_001,
            "rate_n": 50_000_002,
            "prog_t": 15_618_129,
            "prog_f": 15_618_120,
            "prog_e": 3_752_462,
            "rcvD": 18,
        },
    ),
    "data_store": (
        "Sender DS Qs ds/re/a=0/7/1 Rs o/i=2/3 mgmt backlog i/s/n =",
        {"side": "Sender", "Qs_ds": 0, "Qs_re": 7, "Qs_a": 1, "Rs_o": 2, "Rs_i": 3},
    ),
    "file_statistics": (
        "======= File Transfer statistics =======\n------- Source statistics -------\n"
        "Source argument scans attempted             :          1\n"
        "- Source path scans skipped since irregular :          2\n"
        "- Source file transfers failed              :        178 !\n"
        "Source bytes transferred                    :   15470193\n"
        "Source things of a newer release            :          9\n"
        "======= end File Transfer statistics =======",
        {
            "arg_scans_attempted": 1,
            "path_scans_irregular": 2,
            "transfers_failed": 178,
            "source_bytes_transferred": 15_470_193,
            "source_things_of_a_newer_release": 9,
            "flagged": ("transfers_failed",),
        },
    ),
    "version": (
        "Initializing FASP version 3.9.6.177525, license max rate=(unlimited), account no.=1, license no.=2000 "
        "product=48",
        {
            "version": "3.9.6.177525",
            "license_max_rate": "(unlimited)",
            "account": 1,
            "license": 2000,
            "product": 48,
        },
    ),
    "auth": (
        "AUTH [CLIENT] op=receive auth_method=client_full_access remote_user=studio remote_host=transfer.example.org "
        "system_user=op token=- storage=(no docroot)",
        {
            "role": "CLIENT",
            "op": "receive",
            "auth_method": "client_full_access",
            "remote_user": "studio",
            "remote_host": "transfer.example.org",
            "system_user": "op",
            "token": None,
            "storage": "(no docroot)",
        },
    ),
    "rates": (
        "Negotiated target rate 50000000, original target rate 1000000000, consult remote license/rate cap settings",
        {"target_rate": 50_000_000, "original_target_rate": 1_000_000_000},
    ),
    "path_mtu": ("Measured pMTU: 1492 Bytes, start_brtt: 34 ms", {"path_mtu": 1492, "start_brtt": 34}),
    "datagram": (
        "datagram size 1448B, block size 1408B, path MTU 1492B",
        {"datagram_size": 1448, "block_size": 1408, "path_mtu": 1492},
    ),
    "side_error": (
        "Peer FASP sender had error, errcode 19 errstr [User aborted session (client)]",
        {"peer": True, "side": "sender", "errcode": 19, "errstr": "User aborted session (client)"},
    ),
    "source": (
        "Add sender src : C:/jobs/info.cfg dst : cfg/1245111",
        {"source": "C:/jobs/info.cfg", "destination": "cfg/1245111"},
    ),
    "http_session": (
        f"http_session={UUID} Error unable to create socket action=session_end server=127.0.0.1 port=22222 error=?x",
        {"http_session": UUID, "error": "Error unable to create socket", "action": "session_end"},
    ),
    "other": ("(access key) Not present", {}),
}


@pytest.mark.parametrize("kind", LINES)
def test_kinds_and_fields(kind: str) -> None:
    message, fields = LINES[kind]
    assert kind_of(message) == kind
    assert read_fields(kind, message) == fields
    assert list(read_fields(kind, message)) == list(fields)  # in the order of the line


def test_each_kind_has_a_line_here() -> None:
    assert {*LINES, "session_stop"} == {*KINDS}
    assert kind_of(LINES["session_start"][0].replace("Start", "Stop")) == "session_stop"


def test_the_end_of_a_session_over_http() -> None:
    fields = read_fields("http_session", f"http_session={UUID} ended with result:400 completed=0 elapsed_usec=67")
    assert fields == {"http_session": UUID, "result": 400, "completed": 0}


@pytest.mark.parametrize("side", ["receiver", "sender"])
def test_errors_of_both_sides(side: str) -> None:
    fields = read_fields("side_error", f"FASP {side} had error, errcode 63 errstr [Server aborted session: [x]]")
    assert fields == {"peer": False, "side": side, "errcode": 63, "errstr": "Server aborted session: [x]"}


def test_no_two_fields_of_one_kind_have_the_same_name() -> None:
    for kind in KINDS:
        names = [field.name for field in LOG_FIELDS if kind in field.lines]
        assert len(names) == len(set(names)), kind
    assert [field.lines for field in find("SOURCE")] == [("session_start", "session_stop"), ("source",)]
    assert find("Source file transfers failed")[0].name == "transfers_failed"


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("rate", "284.38Mbps", 284_380.0),
        ("rate", "0.00Kbps", 0.0),
        ("rate", "2.50Gbps", 2_500_000.0),
        ("rate", "500.00bps", 0.5),
        ("rate", "284.38MB/s", "284.38MB/s"),
        ("elapsed", "46.45s", 46.45),
        ("elapsed", "46.45", "46.45"),
        ("size", "-", None),
        ("size", "٣", "٣"),
        ("size", "1" * 5000, "1" * 5000),
        ("unheard", "5", "5"),
    ],
)
def test_values(name: str, text: str, value: object) -> None:
    assert decode("transfer_stop", name, text) == value


# What a real ascp 3.9.0 wrote: nothing is quoted or escaped in a bare path, nor escaped in quotes.
@pytest.mark.parametrize(
    ("kind", "text", "expected"),
    [
        ("session_start", "source= dest=x source_prefix=-", {"source": "", "dest": "x", "source_prefix": "-"}),
        (
            "session_start",
            'source=/data/a b\t/data/c"d\t/data/e=f dest=/in dir source_prefix=- local=1:2',
            {"source": '/data/a b\t/data/c"d\t/data/e=f', "dest": "/in dir", "source_prefix": "-", "local": "1:2"},
        ),
        (
            "session_start",
            "source=/data/x os=y local=z dest=/out source_prefix=- local=1:2 os=Linux",
            {"source": "/data/x os=y local=z", "dest": "/out", "source_prefix": "-", "local": "1:2", "os": "Linux"},
        ),
        (
            "session_start",
            "dest=a b source=/data/x dest=y os=Linux",
            {"dest": "a b", "source": "/data/x dest=y", "os": "Linux"},
        ),
        (
            "session_start",
            'op=send source="/data/x op=y size=2 dest=/out source_prefix=- os="Linux 6"',
            {"op": "send", "source": '"/data/x op=y size=2', "dest": "/out", "source_prefix": "-", "os": "Linux 6"},
        ),
        (
            "session_start",
            'errcode=40 errstr="not "permitted"" [peer errcode=63 errstr="no such file"] source=x dest=y',
            {
                "errcode": "40",
                "errstr": 'not "permitted"',
                "peer_errcode": "63",
                "peer_errstr": "no such file",
                "source": "x",
                "dest": "y",
            },
        ),
        ("session_params", 'user="a=b c" targetrate=1', {"user": "a=b c", "targetrate": "1"}),
        ("session_params", 'cookie="app:42 "x" y" vl_proto_ver=1', {"cookie": 'app:42 "x" y', "vl_proto_ver": "1"}),
        ("session_params", 'cookie="a\tb c="d" vl_proto_ver=1', {"cookie": 'a\tb c="d', "vl_proto_ver": "1"}),
        ("session_params", 'cookie="a "x" y=1" vl_proto_ver=1', {"cookie": 'a "x" y=1', "vl_proto_ver": "1"}),
        ("session_start", "source=/x  dest=y  source_prefix=-", {"source": "/x ", "dest": "y ", "source_prefix": "-"}),
        ("session_params", 'cookie="" vl_proto_ver=1', {"cookie": "", "vl_proto_ver": "1"}),
        ("session_params", 'user="', {"user": '"'}),
        ("session_params", 'user="abc x=1', {"user": '"abc', "x": "1"}),
        ("session_params", "new_field=1 other.new=2 3", {"new_field": "1", "other.new": "2 3"}),
        ("session_params", 'cookie="x" new=1 vl_proto_ver=1', {"cookie": "x", "new": "1", "vl_proto_ver": "1"}),
        ("session_params", 'user=" a=b" z=1', {"user": " a=b", "z": "1"}),
        ("session_start", "dest=/x a=b transfer_policy=fair", {"dest": "/x a=b", "transfer_policy": "fair"}),
        ("session_start", "dest=/x userid=5 source_prefix=-", {"dest": "/x userid=5", "source_prefix": "-"}),
        ("session_stop", '[peer errcode=6 x=1 errstr="a"]', {"peer_errcode": "6", "x": "1", "peer_errstr": "a"}),
        ("session_params", "", {}),
    ],
)
def test_pairs(kind: str, text: str, expected: dict[str, str]) -> None:
    assert dict(pairs(kind, text)) == expected


# Published by a user of 3.3.3.
OLD_START = (
    "FASP Session Start uuid=u op=send status=started source=/data/to-sg-no-disk.sh (1) dest=/data userid=0 "
    'user="root" local=192.0.2.7:54338 peer=203.0.113.8:33001 targetrate=2000000000 minrate=0 transfer_policy=fair '
    'secure=no resume=2 precalc=yes tcp_mode=no rtt_autocorrect=yes cookie="console:b4eb: Rerun 2" vlink_local=0 '
    'vlink_remote=0 vlink_sess_id=1543 os="Linux 2.6.32 #1 SMP F" ver=3.3.3.79205 lic=10:1:30811 peeros="Linux" '
    "peerver=3.4.0.82480 proto_sess=20002"
)


def test_a_session_start_of_3_3() -> None:
    fields = read_fields("session_start", OLD_START)
    assert fields == {
        "uuid": "u", "op": "send", "status": "started", "source": ("/data/to-sg-no-disk.sh",), "source_count": 1,
        "dest": "/data", "userid": 0, "user": "root", "local": "192.0.2.7:54338", "peer": "203.0.113.8:33001",
        "targetrate": 2_000_000_000, "minrate": 0, "rate_policy": "fair", "secure": False, "resume": 2,
        "precalc": True, "tcp_mode": False, "rtt_auto": True, "cookie": "console:b4eb: Rerun 2", "vl_local": 0,
        "vlink_remote": 0, "vl_sess_id": 1543, "os": "Linux 2.6.32 #1 SMP F", "ver": "3.3.3.79205",
        "lic": "10:1:30811", "peeros": "Linux", "peerver": "3.4.0.82480", "proto_sess": "20002",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dest", "dest=/data ", "dest=/home user=bob size=2 local=x "),
        ("user", 'user="root" ', 'user="a "b" peer=c" '),
        ("cookie", 'cookie="console:b4eb: Rerun 2" ', 'cookie="{"a": "b=c d=e"} minrate=7" '),
        ("cookie", 'cookie="console:b4eb: Rerun 2" ', 'cookie="a "x" y=1" '),
        ("source", "source=/data/to-sg-no-disk.sh (1) ", "source=/a b (2) os=x (1) "),
    ],
)
def test_odd_texts_in_a_session_start_of_3_3(name: str, old: str, new: str) -> None:
    value = new.partition("=")[2].rstrip(" ").strip('"').removesuffix(" (1)")
    expected = read_fields("session_start", OLD_START) | {name: (value,) if name == "source" else value}
    assert read_fields("session_start", OLD_START.replace(old, new)) == expected


@pytest.mark.parametrize(
    ("ends", "source", "count"),
    [
        ("dest=/in source_prefix=- ver=3.4.0.82480", "film", 2),
        ("dest=/in source_prefix=- ver=3.5.6.1", "film", 2),
        ("dest=/in source_prefix=- ver=3.9.0.163682", "film (2)", None),
        ("dest=/in userid=0", "film", 2),
        ("dest=/in", "film (2)", None),
    ],
)
def test_a_source_with_a_number_in_brackets(ends: str, source: str, count: int | None) -> None:
    fields = read_fields("session_stop", f"FASP Session Stop uuid=u source=a (2)\tfilm (2) {ends}")
    assert (fields["source"], fields.get("source_count")) == (("a (2)", source), count)


def test_the_first_of_two_fields_of_one_name_counts() -> None:
    assert read_fields("session_stop", "FASP Session Stop status=failed status=success") == {"status": "failed"}


STOP = "size=1 start_byte=0 rate=1.00Mbps elapsed=1.00s loss=0.00 rexreqs=0 overhead=0"


@pytest.mark.parametrize(
    "file", ['a "quoted" name', 'forged" size=9 start_byte=0 rate=9.00Gbps x', "", "line\nbreak", "é\udce9"]
)
def test_names_of_files(file: str) -> None:
    message = f'FASP Transfer Stop uuid=u op=send status=success file="{file}" {STOP}'
    fields = read_fields("transfer_stop", message)
    assert (fields["file"], fields["size"], fields["rate"]) == (file, 1, 1000.0)


def test_a_line_about_a_file_in_another_form() -> None:
    status = 'status=failed errcode=5 errstr="no" [peer errcode=6 errstr="nor"]'
    message = f'FASP Transfer Stop uuid=u op=send {status} file="a b" {STOP} newer=1'
    fields = read_fields("transfer_stop", message)
    assert fields == {
        "uuid": "u",
        "op": "send",
        "status": "failed",
        "errcode": 5,
        "errstr": "no",
        "peer_errcode": 6,
        "peer_errstr": "nor",
        "file": "a b",
        "size": 1,
        "start_byte": 0,
        "rate": 1000.0,
        "elapsed": 1.0,
        "loss": 0.0,
        "rexreqs": 0,
        "overhead": 0,
        "newer": "1",
    }


@pytest.mark.parametrize(
    ("code", "words", "management_code"),
    [
        # The code and the text of the stream, in old logs.
        (44, "UDP session initiation fatal error", 44),
        (40, "Data transfer stalled, timed out", 40),
        (14, "Error establishing UDP connection", 14),
        (14, "Error establishing UDP connection (check UDP port and firewall)", 14),
        (19, "authentication failure ", 19),
        (41, "Failed to authenticate", 41),
        (7, "Failed to authenticate", None),
        # Those of the log.
        (14, "Unable to receive a valid stop message (pmtu-brtt)", 44),
        (40, "Operation not permitted by license", 38),
        (4, "No such file or directory", 4),
        (65, "Destination path must be a directory", None),
        (None, "SSH authentication failed", 19),
        (7, "SSH authentication failed", 19),
        # Words of another text leave the number.
        (63, "Source path …", 43),
        (63, "", 43),
        (63, None, 43),
        (44, "something else", None),
        (None, None, None),
    ],
)
def test_management_code_of(code: int | None, words: str | None, management_code: int | None) -> None:
    assert management_code_of(code, words) == management_code


def test_explain_log_of_an_unknown_code() -> None:
    assert explain_log(44) == LogCode(44, "unknown code of the log; errstr has its words", None)


def test_every_field_of_the_table_is_in_a_line_here_or_in_that_of_the_real_log() -> None:
    seen = {kind: set(fields) for kind, (_message, fields) in LINES.items()}
    for kind in KINDS:
        assert not set(OF_KIND[kind]) & {""}, kind
    assert {"rate_t", "prog_t", "prog_e"} <= seen["progress"] <= {*OF_KIND["progress"], *seen["progress"]}
