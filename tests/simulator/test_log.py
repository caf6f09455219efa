"""ascp's own log of a simulated session, line by line; the expected lines are worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import pytest

from faspmgr.protocol.frames import Frame
from faspmgr.simulator import Scenario
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.log import SessionLog
from tests.simulator.logs import of, read

UUID = "21702a17-536d-2677-96b1-bab7352566e1"
Moment = tuple[int, str, dict[str, str]]
"""Microseconds, type and fields of a message."""

INIT = {"SessionId": UUID, "Direction": "Send", "Operation": "Transfer"}
LOCAL = {
    "Rate": "50000", "MinRate": "1000", "SessionId": UUID, "User": "ingest", "Host": "192.0.2.11",
    "Adaptive": "Adaptive", "Direction": "Send", "Port": "33001", "Source": "a.bin\tb c.bin", "Destination": "in/dir",
    "Priority": "2", "ClientUser": "op", "TCPPort": "22", "Cipher": "none", "ResumePolicy": "policy_sparse_csum_old",
    "CreatePolicy": "8", "ManifestPolicy": "manifest_none", "Precalc": "Yes", "OverwritePolicy": "overwrite_deny",
    "RTTAutocorrect": "Yes", "TimePolicy": "7", "ManifestInprogress": ".aspera-inprogress", "FileChecksumType": "md5",
    "DatagramSize": "0", "VLinkVersion": "1", "ClusterNumNodes": "1", "RateControlAlgorithm": "alg_none",
    "Cookie": "job 7",
}  # fmt: skip
SESSION = {**LOCAL, "RemoteAddress": "192.0.2.11", "PeerVLinkVersion": "1"}


def progress(usec: int, name: str, size: int, written: int, sent: int, written_in_all: int, **more: str) -> Moment:
    """A STATS."""
    fields = {"File": name, "Size": str(size), "Written": str(written), "SessionId": UUID, "Elapsedusec": str(usec),
              "TransferBytes": str(sent), "FileBytes": str(written_in_all), "Loss": "0", "Delay": "30"}  # fmt: skip
    return usec, "STATS", {**fields, **more}


def stop(usec: int, name: str, size: int, written: int, sent: int, written_in_all: int, **more: str) -> Moment:
    """A STOP, which has the same fields."""
    return usec, "STOP", progress(usec, name, size, written, sent, written_in_all, **more)[2]


def log_of(
    moments: Iterable[Moment], began: datetime | None = datetime(2026, 1, 5, 9), asked: Asked | None = None
) -> str:
    log = SessionLog(0x12AB, began, asked)
    return "".join(log.lines(Frame(type_, fields), usec) for usec, type_, fields in moments)


# -- lines

ENDS = (
    "source=a.bin\tb c.bin dest=in/dir source_prefix=- local=192.0.2.1:33001 peer=192.0.2.11:33001 tcp_port=22"
    ' os="Linux" ver=3.9.0.faspmgr lic=6:1:1 peeros="Linux" peerver=3.9.0.faspmgr peerlic=6:1:1'
    " proto_sess=20003 proto_udp=20000 proto_bwmeas=20000 proto_data=2000e"
)
PARAMS = (
    f'FASP Session Params uuid={UUID} userid=0 user="ingest" targetrate=50000000 minrate=1000000 rate_policy=fair'
    " cipher=none resume=2 create=8 ovr=1 times=7 precalc=yes mf=0 mf_path=- mf_suffix=.aspera-inprogress"
    " partial_file_suffix=- files_encrypt=no files_decrypt=no file_csum=MD5 dgram_sz=0 prepostcmd=- tcp_mode=no"
    ' rtt_auto=yes cookie="job 7" vl_proto_ver=1  peer_vl_proto_ver=1 vl_local=0 vlink_remote=0 vl_sess_id=0 srcbase=-'
    " rd_sz=0 wr_sz=0 cluster_num_nodes=1 cluster_node_id=0 cluster_multi_session_threshold=-1 range=0-0 keepalive=no"
    " test_login=no proxy_ip=- net_rc_alg=alg_none exclude_older/newer_than=0/0"
)
COUNTS = {"ArgScansAttempted": "2", "ArgScansCompleted": "2", "PathScansAttempted": "2", "PathScansFailed": "1",
          "PathScansIrregular": "0", "PathScansExcluded": "0", "DirScansCompleted": "0", "FileScansCompleted": "1",
          "DirCreatesAttempted": "0", "DirCreatesFailed": "0", "DirCreatesPassed": "0", "TransfersAttempted": "2",
          "TransfersFailed": "1", "TransfersPassed": "1", "TransfersSkipped": "0"}  # fmt: skip
# A file of 1,000,000 bytes in two seconds, ten datagrams of 1,408 bytes sent twice; one that is not there; the user
# aborts. 1,014,080 bytes are 720.2 blocks; in four seconds that is 2.028 Mbps, of which 711 of 721 were good.
WHOLE: list[Moment] = [
    (0, "INIT", INIT),
    (300, "SESSION", SESSION),
    (200_000, "NOTIFICATION", {"Rate": "50000", "MinRate": "1000", "SessionId": UUID, "Adaptive": "Adaptive",
                               "PMTU": "1492", "Priority": "2"}),
    progress(1_000_000, "a.bin", 1_000_000, 0, 0, 0, StartByte="0"),
    progress(2_000_000, "a.bin", 1_000_000, 500_000, 514_080, 500_000, StartByte="0"),
    stop(3_000_000, "a.bin", 1_000_000, 1_000_000, 1_014_080, 1_000_000, StartByte="0"),
    (3_000_999, "FILEERROR", {"File": "b c.bin", "Size": "0", "Written": "0", "Code": "43", "SessionId": UUID,
                              "Description": "Source: No such file or directory", "Elapsedusec": "3000999"}),
    (4_000_000, "ERROR", {"Code": "28", "Description": "Session cancelled by the user", "SessionId": UUID,
                          "Elapsedusec": "4000000", "TransferBytes": "1014080", "FileBytes": "1000000",
                          "Loss": "14080", "Delay": "30", **COUNTS}),
]  # fmt: skip
EXPECTED = f"""\
00.000 [12ab-000012ab] LOG Initializing FASP version 3.9.0.faspmgr, license max rate=(unlimited), account no.=1, \
license no.=1 product=6
00.000 [12ab-000012ab] LOG Configured symlink actions: create=1, follow=1, follow_wide=0, skip=0
00.000 [12ab-000012ab] LOG Product version information not found.

00.000 [12ab-000012ab] LOG (access key) Not present
00.000 [12ab-000012ab] LOG [asssh] authentication succeeded, proceeding.
00.000 [12ab-000012ab] LOG AUTH [CLIENT] op=send auth_method=client_full_access sess_auth=pass sess_root=unset \
access_key=NONE remote_user=ingest remote_host=192.0.2.11 system_user=op token=- storage=(no docroot)
00.200 [12ab-000012ac] LOG FASP Session Start uuid={UUID} op=send status=started {ENDS}
00.200 [12ab-000012ac] LOG {PARAMS}
00.200 [12ab-000012ab] LOG datagram size 1448B, block size 1408B, path MTU 1492B
00.200 [12ab-000012ab] LOG Add sender src : a.bin dst : -
00.200 [12ab-000012ab] LOG Add sender src : b c.bin dst : -
01.000 [12ab-000012ac] LOG FASP Transfer Start uuid={UUID} op=send status=started file="a.bin" size=1000000 \
start_byte=0 rate=50.00Mbps loss=0.00 rexreqs=0 overhead=0
03.000 [12ab-000012ac] LOG FASP Transfer Stop uuid={UUID} op=send status=success file="a.bin" size=1000000 \
start_byte=0 rate=4.00Mbps elapsed=2.00s loss=0.00 rexreqs=0 overhead=0
03.000 [12ab-000012ac] LOG FASP Transfer Stop uuid={UUID} op=send status=failed errcode=63 \
errstr="Source path stat failed" file="b c.bin" size=0 start_byte=0 rate=0.00Kbps elapsed=0.00s loss=0.00 rexreqs=0 \
overhead=0
04.000 [12ab-000012ab] ERR Session cancelled by the user
04.000 [12ab-000012ab] ERR FASP sender had error, errcode 68 errstr [Session cancelled by the user]
04.000 [12ab-000012ac] LOG Sender bl t/o/r/dl/c/h=721/711/10/0/0/0 ctl bm/bs=0/0 rex b/r/n=10/0/0 r_ott q/s/n=0/0/0 \
rate t/m/c=50000000/1000000/2028160 prog t/f/e=1014080/1000000/4000000 xmtD=0
04.000 [12ab-000012ac] LOG Sender DS Qs ds/re/a/d/ao/eo/n/ap/rq/rd/ru/cl/di/do=0/0/0/0/0/0/0/0/0/0/0/0/0/0 Rs o/i=0/0 \
mgmt backlog i/s/n =
04.000 [12ab-000012ac] LOG FASP Session Stop uuid={UUID} op=send status=failed errcode=68 \
errstr="User aborted session" {ENDS}
04.000 [12ab-000012ac] LOG {PARAMS}
04.000 [12ab-000012ac] LOG FASP Session Statistics [Sender] id={UUID} delay=30ms rex_delay=0ms solicited_rex=1.39% \
unsolicited_rex=0.00% ave_xmit_rate 2.03Mbps effective=98.61% effective_rate=2.00Mbps (detail: good_blks 711 \
bl_total 721 bl_orig 711 bl_rex 10 dup_last_blks 0) (sndr ctl: sent 0 rcvd 0 lost 0 lost 0.00%) (rcvr ctl: sent 0 \
rcvd 0 lost 0 lost 0.00%) (rex  ctl: sent 0 rcvd 0 lost 0 lost 0.00%) (progress: tx_bytes 1014080 file_bytes 1000000 \
tx_time 4000000) (estimate transfer size: 0 bytes)  sess->instru.num_rex_xfer_not_found 0 \
sess->instru.num_rex_abrtxfer_not_found 0
04.000 [12ab-000012ab] LOG ======= File Transfer statistics =======
04.000 [12ab-000012ab] LOG ------- Source statistics -------
04.000 [12ab-000012ab] LOG Source argument scans attempted             :          2
04.000 [12ab-000012ab] LOG - Source argument scans completed           :          2
04.000 [12ab-000012ab] LOG Source path scans attempted                 :          2
04.000 [12ab-000012ab] LOG - Source path scans failed                  :          1
04.000 [12ab-000012ab] LOG - Source path scans skipped since irregular :          0
04.000 [12ab-000012ab] LOG - Source path scans excluded                :          0
04.000 [12ab-000012ab] LOG - Source directory scans completed          :          0
04.000 [12ab-000012ab] LOG - Source file scans completed               :          1
04.000 [12ab-000012ab] LOG Source directory creates attempted          :          0
04.000 [12ab-000012ab] LOG - Source directory creates failed           :          0
04.000 [12ab-000012ab] LOG - Source directory created or existed       :          0
04.000 [12ab-000012ab] LOG Source file transfers attempted             :          2
04.000 [12ab-000012ab] LOG - Source file transfers failed              :          1 !
04.000 [12ab-000012ab] LOG - Source file transfers passed              :          1
04.000 [12ab-000012ab] LOG - Source file transfers skipped             :          0
04.000 [12ab-000012ab] LOG Source bytes transferred                    :    1000000
04.000 [12ab-000012ab] LOG ======= end File Transfer statistics =======
"""


def test_every_line_of_a_session() -> None:
    written = log_of(WHOLE).split("\n")
    expected = [f"2026-01-05 09:00:{line}" if line else "" for line in EXPECTED.split("\n")]
    assert written == expected


@pytest.mark.parametrize("direction", ["Send", "Receive"])
def test_fields_are_those_of_a_real_log_in_their_order(direction: str, fixtures: Path) -> None:
    """Of every kind of line, by side and status. Only mtime is not said here, and an errcode that is not known."""

    def forms(data: bytes) -> set[tuple[object, ...]]:
        return {
            (record.kind, *(record.fields.get(name) for name in ("side", "op", "status")),
             *(name for name in record.fields if name not in ("mtime", "errcode")))
            for record in read(data)
        }  # fmt: skip

    real = forms((fixtures / "ascp-log" / "ascp-3.9.6-windows.log").read_bytes())
    # A file that fails on the receiving side is in no log that was seen: it is taken to be as on the sending one.
    real |= {tuple("recv" if value == "send" else value for value in form) for form in real if "failed" in form}
    ways = ({"fail": {43: 1}, "skip": 1, "present": 1}, {"error": 28, "stop_at": 0.5}, {"error": 16, "stop_at": 0})
    for way in ways:
        ours = forms(b"".join(Scenario(files=4, direction=direction, **way).log()))
        assert {form[0] for form in ours} > {"version", "auth", "session_statistics", "progress", "file_statistics"}
        assert ours <= real


def test_standard_error_has_no_prefix() -> None:
    without = [re.sub(r"^[0-9.]+ \[[0-9a-f-]+\] ", "", line) for line in EXPECTED.split("\n")]
    assert log_of(WHOLE, began=None).split("\n") == without


def test_a_session_that_fails_before_the_peer_answers() -> None:
    """As the real one has it when the SSH port is closed: a Start that has failed, an unknown peer, no block."""
    error = {"Code": "44", "Description": "Failed to open TCP connection for SSH", "SessionId": UUID, "Loss": "0"}
    lines = log_of([(0, "INIT", INIT), (0, "SESSION", LOCAL), (700_000, "ERROR", error)]).split("\n")[5:]
    status = 'status=failed errcode=14 errstr="Unable to receive a valid stop message (pmtu-brtt)"'
    ends = (
        "source=a.bin\tb c.bin dest=in/dir source_prefix=- local=0.0.0.0:33001 peer=192.0.2.11:33001 tcp_port=22"
        ' os="Linux" ver=3.9.0.faspmgr lic=6:1:1 peeros="-" peerver=- peerlic=0:0:0 proto_sess=20003'
    )
    assert [line[24:] for line in lines[:3]] == [
        "[12ab-000012ab] ERR Failed to open TCP connection for SSH",
        lines[1][24:],
        "[12ab-000012ac] LOG " + PARAMS.replace("peer_vl_proto_ver=1", "peer_vl_proto_ver=0"),
    ]
    assert lines[1].startswith(
        f"2026-01-05 09:00:00.700 [12ab-000012ac] LOG FASP Session Start uuid={UUID} op=send {status} {ends}"
    )
    assert f"FASP Session Stop uuid={UUID} op=send {status} {ends}" in lines[3]
    assert "FASP Session Statistics [Sender]" in lines[5]
    assert lines[6:] == [""]


def test_a_code_without_a_known_pair_is_words_alone() -> None:
    error = {"Code": "999999", "Description": "Something else", "SessionId": UUID, "Loss": "0"}
    records = read(log_of([(0, "INIT", INIT), (0, "SESSION", SESSION), (9, "ERROR", error)]).encode())
    (ended,) = of(records, "session_stop")
    assert ended["errstr"] == "Something else"
    assert "errcode" not in ended


@pytest.mark.parametrize(
    ("code", "words", "expected"),
    [
        (4, "No such file or directory", 50),
        (4, "Destination path check failed", 4),
        (4, "Private key file not found at path /nonexistent", 50),
        (8, "Source file list not specified", 62),
        (8, "no file arguments", 62),
        (8, "no remote host specified", 106),
    ],
)
def test_of_several_codes_that_which_the_real_one_gives(code: int, words: str, expected: int) -> None:
    error = {"Code": str(code), "Description": words, "SessionId": UUID, "Loss": "0"}
    records = read(log_of([(0, "INIT", INIT), (0, "SESSION", SESSION), (9, "ERROR", error)]).encode())
    assert of(records, "session_stop")[0]["errcode"] == expected


def test_progress_every_twenty_seconds() -> None:
    """At the first STATS behind each: 100 Mbps are 250,000,000 bytes in 20 seconds."""
    moments = [(0, "INIT", {**INIT, "Direction": "Receive"}), (0, "SESSION", {**SESSION, "Direction": "Receive"})]
    moments += [
        progress(second * 1_000_000, "big", 10**10, second * 12_500_000, second * 12_500_000, second * 12_500_000)
        for second in range(1, 65)
        if not 20 <= second < 23
    ]
    records = read(log_of(moments).encode())
    found = of(records, "progress")
    assert [(line["prog_e"], line["prog_t"], line["prog_f"]) for line in found] == [
        (23_000_000, 287_500_000, 287_500_000),
        (40_000_000, 500_000_000, 500_000_000),
        (60_000_000, 750_000_000, 750_000_000),
    ]
    assert [line["rate_c"] for line in found] == [100_000_000] * 3
    assert [line["side"] for line in found] == ["Receiver"] * 3
    assert len(of(records, "data_store")) == 3


def test_files_that_are_resumed_there_already_or_skipped() -> None:
    about = {"SessionId": UUID, "Elapsedusec": "9000000"}
    moments: list[Moment] = [
        (0, "INIT", INIT),
        (0, "SESSION", SESSION),
        # 6,000,000 of 10,000,000 bytes in four seconds; a STATS of a resumed file has no StartByte once a byte moved
        progress(1_000_000, "resumed", 10_000_000, 4_000_000, 0, 0, StartByte="4000000"),
        progress(2_000_000, "resumed", 10_000_000, 5_500_000, 1_500_000, 5_500_000),
        stop(5_000_000, "resumed", 10_000_000, 10_000_000, 6_000_000, 10_000_000),
        stop(5_100_000, "there", 700, 700, 6_000_000, 10_000_000, StartByte="700"),
        (5_200_000, "SKIP", {"File": "skipped", "Size": "0", **about}),
        # 3,000,000 to 3,999,999 of a file, in one second
        progress(6_000_000, "range", 8_000_000, 0, 6_000_000, 10_000_000, StartByte="3000000", EndByte="3999999"),
        stop(7_000_000, "range", 8_000_000, 1_000_000, 7_000_000, 11_000_000, StartByte="3000000", EndByte="3999999"),
        progress(8_000_000, "in progress", 5, 0, 7_000_000, 11_000_000, StartByte="0"),
        (9_000_000, "DONE", {**about, "TransferBytes": "7000000", "FileBytes": "11000000", "TransfersSkipped": "2"}),
    ]
    records = read(log_of(moments).encode())
    names = ("file", "size", "start_byte", "rate", "elapsed")
    assert [tuple(fields[name] for name in names) for fields in of(records, "transfer_stop")] == [
        ("resumed", 10_000_000, 4_000_000, 12_000.0, 4.0),
        ("there", 700, 700, 0.0, 0.0),
        ("range", 8_000_000, 3_000_000, 8_000.0, 1.0),
    ]
    assert [fields["file"] for fields in of(records, "transfer_start")] == ["resumed", "range", "in progress"]
    (block,) = of(records, "file_statistics")
    assert (block["transfers_skipped"], block["source_bytes_transferred"]) == (2, 7_000_000)


@pytest.mark.parametrize(
    ("adaptive", "priority", "word"),
    [("Adaptive", "2", "fair"), ("Adaptive", "1", "high"), ("Fixed", "2", "fixed"), ("Trickle", "2", "low")],
)
def test_rate_and_policy_are_those_at_the_end(adaptive: str, priority: str, word: str) -> None:
    changed = {"SessionId": UUID, "Rate": "20000", "MinRate": "0", "Adaptive": adaptive, "Priority": priority}
    moments = [*WHOLE[:4], (1_500_000, "NOTIFICATION", changed), *WHOLE[4:]]
    before, after = of(read(log_of(moments).encode()), "session_params")
    assert (before["targetrate"], before["minrate"], before["rate_policy"]) == (50_000_000, 1_000_000, "fair")
    assert (after["targetrate"], after["minrate"], after["rate_policy"]) == (20_000_000, 0, word)


@pytest.mark.parametrize(("cipher", "size"), [("none", 1448), ("aes-128", 1468)])
def test_a_cipher_makes_datagrams_larger(cipher: str, size: int) -> None:
    """As in the log of 3.9.6, where the path MTU is that of the simulator."""
    moments = [(0, "INIT", INIT), (0, "SESSION", {**SESSION, "Cipher": cipher}), *WHOLE[2:]]
    (fields,) = of(read(log_of(moments).encode()), "datagram")
    assert fields == {"datagram_size": size, "block_size": 1408, "path_mtu": 1492}


def test_http_fallback_is_all_that_is_said_of_it() -> None:
    """As seen: the session has started, and no more is heard of it."""
    records = read(b"".join(Scenario(files=3, fallback=True).log()))
    assert [record.kind for record in records[-3:]] == ["session_start", "session_params", "other"]
    assert records[-1].message == "Falling back to HTTP"
    assert of(records, "session_start")[0]["status"] == "started"


def test_a_rate_that_was_changed_is_in_whole_kilobits() -> None:
    """What was asked for, in bits, holds until somebody asks for another one."""
    changed = {"SessionId": UUID, "Rate": "20000", "MinRate": "1000"}
    moments = [*WHOLE[:4], (1_500_000, "NOTIFICATION", changed), *WHOLE[4:]]
    records = read(log_of(moments, asked=Asked(rate=50_000_999, min_rate=1_000_500)).encode())
    rates = [(fields["targetrate"], fields["minrate"]) for fields in of(records, "session_params")]
    assert rates == [(50_000_999, 1_000_500), (20_000_000, 1_000_500)]


def test_the_threshold_of_a_scenario() -> None:
    records = read(b"".join(Scenario(files=2, sessions=2, multi_session_threshold=1_000_000).log()))
    found = [fields["cluster_multi_session_threshold"] for fields in of(records, "session_params")]
    assert found == [1_000_000] * 4


def test_rates_have_their_unit() -> None:
    small = [*WHOLE[:4], stop(2_000_000, "a.bin", 1_000_000, 124_999, 124_999, 124_999), *WHOLE[-1:]]
    large = [*WHOLE[:4], stop(2_000_000, "a.bin", 1_000_000, 125_000, 125_000, 125_000), *WHOLE[-1:]]
    assert "rate=999.99Kbps elapsed=1.00s" in log_of(small)
    assert "rate=1.00Mbps elapsed=1.00s" in log_of(large)
