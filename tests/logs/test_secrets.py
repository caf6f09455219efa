"""What is hidden where a log is shown."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from faspmgr.logs import LogRecord, read, sessions
from faspmgr.logs.secrets import redact_field
from faspmgr.redaction import redact_log_message
from tests import launcher

SECRET = "s3cret"
LOG = """\
2026-01-01 10:00:00.000 [a-1] LOG AUTH [SERVER] op=send remote_user=me remote_host=h token=s3cret storage=s3://k:s3cret@b/
2026-01-01 10:00:01.000 [a-2] LOG FASP Session Start uuid=u1 op=send status=started source=https://me:s3cret@store/a?token=s3cret dest=/in source_prefix=- local=1.2.3.4:33001 peer=5.6.7.8:33001 tcp_port=22 peerver=4.0
2026-01-01 10:00:01.000 [a-2] LOG FASP Session Params uuid=u1 userid=0 user="me" targetrate=100000000 minrate=0 cookie="{"api_key":"s3cret","n":1}" vl_proto_ver=1
2026-01-01 10:00:01.100 [a-2] ERR open_sess: token s3cret
2026-01-01 10:00:01.100 [a-2] LOG FASP Transfer Stop uuid=u1 op=send status=failed errcode=50 errstr="No such file s3://k:s3cret@b/x" file="s3://k:s3cret@b/x" size=10 start_byte=0 rate=0.00Kbps elapsed=0.00s loss=0.00 rexreqs=0 overhead=0
2026-01-01 10:00:02.000 [a-2] LOG FASP Session Stop uuid=u1 op=send status=failed errcode=50 errstr="No such file s3://k:s3cret@b/x" source=https://me:s3cret@store/a?token=s3cret dest=/in source_prefix=- peerver=4.0
"""  # noqa: E501  # lines are long there


def test_of_records_and_sessions() -> None:
    records = list(read(io.BytesIO(LOG.encode())))
    assert len(records) == 6
    for record in records:
        assert SECRET not in repr(record.to_dict()), record.kind
        assert SECRET in repr(record.to_dict(redact=False))
    [session] = sessions(records)
    assert SECRET not in repr(session.to_dict())
    assert repr(session.to_dict(redact=False)).count(SECRET) > 5


@pytest.mark.parametrize(
    "line",
    [
        "summary",
        "summary --json",
        "decode",
        "decode --raw",
        "decode --format csv",
        "decode --format text",
        "watch --progress plain",
        "watch --progress json",
        "view channel",
        "view connection",
        "view destination",
        "view server",
    ],
)
def test_of_commands(line: str, tmp_path: Path) -> None:
    path = tmp_path / "transfer.log"
    path.write_text(LOG)
    outcome = launcher.run(*line.split(), path)
    assert outcome.out
    assert SECRET not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("AUTH [CLIENT] op=send token=- access_key=NONE", "AUTH [CLIENT] op=send token=- access_key=NONE"),
        ("AUTH [CLIENT] token=ATM2_ACs storage=(no docroot)", "AUTH [CLIENT] token=*** storage=(no docroot)"),
        # With -D every word of the command line is written, one of them the token.
        ("Parameter 15: anything", "Parameter 15: ***"),
        ("In hex: 73337265", "In hex: ***"),
        ("open_sess: token Short", "open_sess: token ***"),
        ("token verification failed", "token verification failed"),
        ("Token ATM3_ACsDuMsDACkDACwAAxBBmzLRtK is invalid", "Token *** is invalid"),
        ("Password: hunter2", "Password: ***"),
        ("passphrase for key /home/me/.ssh/id_rsa", "passphrase for key /home/me/.ssh/id_rsa"),
        (
            'FASP Session Params uuid=u cookie="{"token":"x"}" srcbase=-',
            'FASP Session Params uuid=u cookie="{"token":"***"}" srcbase=-',
        ),
        (
            'FASP Session Params uuid=u cookie="app:42" srcbase=-',
            'FASP Session Params uuid=u cookie="app:42" srcbase=-',
        ),
        ("datagram size 1448B", "datagram size 1448B"),
    ],
)
def test_of_messages(message: str, shown: str) -> None:
    assert redact_log_message(message) == shown
    assert LogRecord(message).to_dict()["message"] == shown
    assert LogRecord(message).to_dict(redact=False)["message"] == message


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("token", None, None),
        ("token", "x", "***"),
        ("source", ("s3://a:b@c/", "/d"), ("s3://***@c/", "/d")),
        ("size", 5, 5),
        ("cookie", "plain", "plain"),
    ],
)
def test_of_fields(name: str, value: object, shown: object) -> None:
    assert redact_field(name, value) == shown
