"""The long lines of ascp's log, as its versions 3.9.0 and 3.9.6 write them: text out of fields of messages.

What stands here makes the text of one line and knows no time, no prefix and no order of lines. What no message says is
zero, ``-``, or as it was seen of every session.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from faspmgr.logs.fields import LOG_FIELDS
from faspmgr.protocol.fields import BY_NAME, POLICIES, unescape_path
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.terms import DATAGRAM_BYTES, PMTU, RESUME_POLICIES, VERSION, address_of

_PROTOCOLS = "proto_sess=20003 proto_udp=20000 proto_bwmeas=20000 proto_data=2000e"
_NO_CONTROL = "(sndr ctl: {0}) (rcvr ctl: {0}) (rex  ctl: {0})".format("sent 0 rcvd 0 lost 0 lost 0.00%")
# The words of --policy for Adaptive and Priority; SESSION has a priority of 2 where nothing was asked for.
_POLICY_WORDS = {(wire, priority or 2): word for word, (wire, priority) in reversed([*POLICIES.items()])}
# By what SESSION says, and by the words of --overwrite that it does not tell from each other.
_OVERWRITE = {
    "overwrite_allow": 0,
    "overwrite_deny": 1,
    "overwrite_none": 255,
    "never": 63,
    "always": 255,
    "older": 2,
    "diff": 1,
    "diff+older": 3,
}
# The counts of the block of file transfer statistics: the label of a line, and the field of DONE and ERROR that has it.
_COUNTS = [
    (row.log, BY_NAME[row.name].wire) for row in LOG_FIELDS if "file_statistics" in row.lines and row.name in BY_NAME
]
# What the counts of a group begin with; those behind the first one have a dash in front.
_GROUPS = ("ArgScansAttempted", "PathScansAttempted", "DirCreatesAttempted", "TransfersAttempted")

Fields = Mapping[str, str]
"""Those of a message, as they are on the wire."""


def text(fields: Fields, name: str, default: str = "-") -> str:
    """Give a field as a line has it; default where it is missing or empty."""
    return unescape_path(fields.get(name, "")) or default


def number(fields: Fields, name: str) -> int:
    """Give a field that is a number; 0 where it is missing."""
    return int(fields.get(name) or 0)


def rate(bits_per_second: float) -> str:
    """Give a rate as the log has it: ``284.38Mbps``, and below one million ``577.33Kbps``."""
    if bits_per_second < 1e6:
        return f"{bits_per_second / 1e3:.2f}Kbps"
    return f"{bits_per_second / 1e6:.2f}Mbps"


def average(count: int, usec: int) -> float:
    """Give bits per second for so many bytes in so many microseconds."""
    return count * 8e6 / usec if usec else 0.0


def blocks(count: int) -> int:
    """Give how many blocks so many bytes are."""
    return -(-count // DATAGRAM_BYTES)


def version() -> list[str]:
    """Give what a process says first; the last one of these has an empty line behind it."""
    return [
        f"Initializing FASP version {VERSION}, license max rate=(unlimited), account no.=1, license no.=1 product=6",
        "Configured symlink actions: create=1, follow=1, follow_wide=0, skip=0",
        "Product version information not found.\n",
    ]


def auth(session: Fields) -> str:
    """Give who is let in. The token is ``-``, as that of a client is whatever it has."""
    return (
        f"AUTH [CLIENT] op={'receive' if session.get('Direction') == 'Receive' else 'send'}"
        " auth_method=client_full_access sess_auth=pass sess_root=unset access_key=NONE"
        f" remote_user={text(session, 'User')} remote_host={text(session, 'Host')}"
        f" system_user={text(session, 'ClientUser')} token=- storage=(no docroot)"
    )


def ends(session: Fields) -> str:
    """Give what Session Start and Stop say of both ends."""
    host, known = session.get("Host"), session.get("RemoteAddress")
    peer = known or (address_of(host) if host else "0.0.0.0")
    port = text(session, "Port", "0") if host else "0"
    here = "0.0.0.0"
    if known:
        here = "127.0.0.1" if known.startswith("127.") else "192.0.2.1"
    return (
        f"source={text(session, 'Source', '')} dest={text(session, 'Destination', '')}"
        f" source_prefix={text(session, 'SourcePrefix')} local={here}:{port} peer={peer}:{port}"
        f' tcp_port={text(session, "TCPPort", "22")} os="Linux" ver={VERSION} lic=6:1:1'
        + (f' peeros="Linux" peerver={VERSION} peerlic=6:1:1 ' if known else ' peeros="-" peerver=- peerlic=0:0:0 ')
        + _PROTOCOLS
    )


def parameters(session: Fields, asked: Asked) -> str:
    """Give Session Params, behind its uuid.

    Args:
        session: SESSION, with the rates as they are now.
        asked: what it does not say.
    """

    def flag(name: str) -> str:
        return "yes" if session.get(name) == "Yes" else "no"

    def bits(name: str, wanted: int | None) -> int:
        kbps = number(session, name)
        return wanted if wanted is not None and wanted // 1000 == kbps else kbps * 1000

    overwrite = asked.overwrite or session.get("OverwritePolicy", "")
    nodes = number(session, "ClusterNumNodes") or 1
    # A part of a transfer has a suffix, be it an empty one.
    suffix = text(session, "PartialFiles", "" if nodes > 1 else "-")
    policy = _POLICY_WORDS.get((session.get("Adaptive", ""), number(session, "Priority") or 2), "fair")
    return (
        f'userid=0 user="{text(session, "User")}" targetrate={bits("Rate", asked.rate)}'
        f" minrate={bits('MinRate', asked.min_rate)} rate_policy={policy} cipher={text(session, 'Cipher')}"
        f" resume={RESUME_POLICIES.index(session.get('ResumePolicy', RESUME_POLICIES[0]))}"
        f" create={number(session, 'CreatePolicy')} ovr={_OVERWRITE.get(overwrite, 1)}"
        f" times={number(session, 'TimePolicy')} precalc={flag('Precalc')}"
        f" mf={int(session.get('ManifestPolicy', 'manifest_none') != 'manifest_none')}"
        f" mf_path={text(session, 'ManifestPath')} mf_suffix={text(session, 'ManifestInprogress')}"
        f" partial_file_suffix={suffix} files_encrypt={flag('FilesEncrypt')}"
        f" files_decrypt={flag('FilesDecrypt')} file_csum={text(session, 'FileChecksumType', 'none').upper()}"
        f" dgram_sz={number(session, 'DatagramSize')} prepostcmd=- tcp_mode=no rtt_auto={flag('RTTAutocorrect')}"
        f' cookie="{text(session, "Cookie")}" vl_proto_ver={number(session, "VLinkVersion")} '
        f" peer_vl_proto_ver={number(session, 'PeerVLinkVersion')} vl_local=0 vlink_remote=0 vl_sess_id=0"
        f" srcbase={text(session, 'SourceBase')} rd_sz={number(session, 'ReadBlockSize')}"
        f" wr_sz={number(session, 'WriteBlockSize')} cluster_num_nodes={nodes}"
        f" cluster_node_id={number(session, 'ClusterNodeId')}"
        f" cluster_multi_session_threshold={asked.multi_session_threshold}"
        f" range={number(session, 'MoveRangeLow')}-{number(session, 'MoveRangeHigh')} keepalive={flag('Keepalive')}"
        f" test_login={flag('TestLogin')} proxy_ip=- net_rc_alg={text(session, 'RateControlAlgorithm', 'alg_none')}"
        " exclude_older/newer_than=0/0"
    )


def datagram(session: Fields) -> str:
    """Give the sizes that follow from the path MTU."""
    overhead = 40 if session.get("Cipher") == "none" else 60
    return f"datagram size {DATAGRAM_BYTES + overhead}B, block size {DATAGRAM_BYTES}B, path MTU {PMTU}B"


def progress(session: Fields, fields: Fields, bits_per_second: float) -> Iterator[str]:
    """Give how far a session is: blocks, rates, bytes and time, and the queues of the disk, which are empty here.

    Args:
        session: SESSION, with the rates as they are now.
        fields: of the message that says how far it is.
        bits_per_second: the rate since the latest such lines.
    """
    sent, usec, rtt = (number(fields, name) for name in ("TransferBytes", "Elapsedusec", "Delay"))
    total, again = blocks(sent), blocks(number(fields, "Loss"))
    once = total - again
    target, minimum, now = number(session, "Rate") * 1000, number(session, "MinRate") * 1000, int(bits_per_second)
    done = f"prog t/f/e={sent}/{number(fields, 'FileBytes')}/{usec}"
    if session.get("Direction") == "Receive":
        yield (
            f"Receiver bl t/o/r/d/ts/c/h={total}/{once}/{again}/0/{total}/{once}/{once} rex_rtt l/h/s/o=0/0/0/0"
            f" ooo_rtt l/h/s/o=0/0/0/0 rate_rtt b/l/h/s/r/f={rtt}/{rtt}/{rtt}/{rtt}/0/0 ctl bm/bs=0/0"
            f" rex n/s/q/v/a/r=0/{again}/0/0/0/0 bl l/d/o/r/a/x/dl/df/dm/ds={again}/0/0/0/0/0/0/0/0/0 disk l/h/b=0/0/0"
            f" vlink lq/lo/rq/ro=0/0/0/0 rate t/m/c/n/vl/vr/r={target}/{minimum}/{now}/{now}/{target}/{target}/{target}"
            f" {done} rcvD=0"
        )
        queues = f"ds/n/rq/ao/ap/rd/ru/no/po/pc/do/tv/sv={'/'.join('0' * 13)} Rs i/o=0/0"
        yield f"Receiver DS Qs {queues} mgmt backlog i/s/n ="
        return
    yield (
        f"Sender bl t/o/r/dl/c/h={total}/{once}/{again}/0/0/0 ctl bm/bs=0/0 rex b/r/n={again}/0/0 r_ott q/s/n=0/0/0"
        f" rate t/m/c={target}/{minimum}/{now} {done} xmtD=0"
    )
    queues = f"ds/re/a/d/ao/eo/n/ap/rq/rd/ru/cl/di/do={'/'.join('0' * 14)} Rs o/i=0/0"
    yield f"Sender DS Qs {queues} mgmt backlog i/s/n ="


def statistics(session: Fields, fields: Fields) -> str:
    """Give Session Statistics. What was lost was sent again, and all else was good for something.

    Args:
        session: SESSION.
        fields: of DONE or ERROR.
    """
    sent, usec = number(fields, "TransferBytes"), number(fields, "Elapsedusec")
    total, again = blocks(sent), blocks(number(fields, "Loss"))
    once = total - again
    rex, effective = (f"{100 * part / total if total else 0.0:.2f}%" for part in (again, once))
    network = average(sent, usec)
    rates = (
        f"ave_xmit_rate {rate(network)} effective={effective}"
        f" effective_rate={rate(network * once / total if total else 0.0)}"
    )
    counts = f"good_blks {once} bl_total {total} bl_orig {once} bl_rex {again}"
    done = f"(progress: tx_bytes {sent} file_bytes {number(fields, 'FileBytes')} tx_time {usec})"
    about = f"id={text(session, 'SessionId')} delay={number(fields, 'Delay')}ms rex_delay=0ms"
    if session.get("Direction") == "Receive":
        return (
            f"FASP Session Statistics [Receiver] {about} ooo_delay=0ms solicited_rex={rex} rcvd_rex={rex}"
            f" rcvd_dups=0.00% {rates} (detail: {counts} dup_blks 0 dup_last_blks 0 drop_blks_xnf 0) {_NO_CONTROL}"
            f" {done} rex_xmit_blks {again}  xmit_total {total} rex_xmit_pct {rex}"
        )
    return (
        f"FASP Session Statistics [Sender] {about} solicited_rex={rex} unsolicited_rex=0.00% {rates}"
        f" (detail: {counts} dup_last_blks 0) {_NO_CONTROL} {done} (estimate transfer size: 0 bytes) "
        " sess->instru.num_rex_xfer_not_found 0 sess->instru.num_rex_abrtxfer_not_found 0"
    )


def file_statistics(fields: Fields, moved: int) -> Iterator[str]:
    """Give the block of file transfer statistics.

    Args:
        fields: of DONE or ERROR; those of a session that never stood have no counts.
        moved: bytes of the files that are through.
    """
    yield "======= File Transfer statistics ======="
    yield "------- Source statistics -------"
    for label, name in _COUNTS:
        count = number(fields, name)
        words = label if name in _GROUPS else f"- {label}"
        yield f"{words:<43} : {count:>10}{' !' if name == 'TransfersFailed' and count else ''}"
    yield f"{'Source bytes transferred':<43} : {moved:>10}"
    yield "======= end File Transfer statistics ======="
