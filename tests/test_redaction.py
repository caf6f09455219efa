"""What is hidden: names of secrets in any spelling, and what is below them in JSON, however it is written."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr import FileState, Parser, Tracker, logs, read
from faspmgr.ascp.spec import SECRET_VARIABLES, SPEC_PROPERTIES
from faspmgr.commands import Close, Put, SetRate, StartFile, StopFile, Write
from faspmgr.errors import ProtocolError
from faspmgr.jsontext import message_to_json
from faspmgr.protocol.events import Event
from faspmgr.protocol.fields import FIELDS, kind_of
from faspmgr.protocol.frames import Frame
from faspmgr.protocol.problems import excerpt
from faspmgr.redaction import hide, is_secret, redact_line, redact_text, redact_urls, redact_value, redact_words
from tests.cli.terminal import invoke
from tests.conftest import CAPTURES

NAMES = """Token token Password AuthToken access_token ProxyPassword FilePassphrase client_secret Credentials api_key
    ApiKey PrivateKey TOKEN PassWord pass_word Pass-Word private.key API-Key IAM_Cookie passwd ASPERA_SCP_PASS
    ASPERA_SCP_FILEPASS ASPERA_PROXY_PASS ASPERA_SCP_TOKEN FilePass filePass file-pass file_pass filepass Authorization
    Proxy-Authorization bearer Bearer pass PASS passcode PassCode Pass_Code pwd PWD UserPwd userpwd pass1 DBPass"""
HARMLESS = """Tags Cookie UserStr key tok compass apiary bypass Bypass ByPass surpass passed TransfersPassed pass_count
    ArgTransfersPassed DirCreatesPassed PassThrough pass-through passive lowpass highpass author"""


def test_is_secret() -> None:
    given = [*SECRET_VARIABLES, *(name for name, row in SPEC_PROPERTIES.items() if row.secret and name != "proxy")]
    assert [name for name in [*NAMES.split(), "pass word", *given] if not is_secret(name)] == []
    assert [name for name in ["", *HARMLESS.split()] if is_secret(name)] == []


def test_is_secret_of_the_field_table() -> None:
    for names in ([field.wire for field in FIELDS.values()], [field.name.upper() for field in FIELDS.values()]):
        assert [name for name in names if is_secret(name)] == [
            names[FIELDS["Password"].position],
            names[FIELDS["Token"].position],
        ]


def test_redact_value() -> None:
    tags = {"aspera": {"token": "s3cret", "id": 1, "list": [{"password": ["s3cret"], "name": "x"}]}, "api_key": None}
    assert redact_value(tags) == {
        "aspera": {"token": "***", "id": 1, "list": [{"password": "***", "name": "x"}]},
        "api_key": "***",
    }
    assert tags["aspera"] == {"token": "s3cret", "id": 1, "list": [{"password": ["s3cret"], "name": "x"}]}


def test_redact_a_text_that_is_json_itself() -> None:
    assert redact_value({"a": '{"token": "s3cret"}', "b": ['["\\u0074oken"]'], "c": "a token", "d": "{}"}) == {
        "a": "***",
        "b": ["***"],
        "c": "a token",
        "d": "{}",
    }


DEEP = '{"a":' * 70 + '{"token":"s3cret"}' + "}" * 70
# fmt: off
REDACTED: list[tuple[str, str, str]] = [
    ("Token", "s3cret", "***"), ("Password", "", "***"), ("AuthToken", "s3cret", "***"), ("pass-word", "s3cret", "***"),
    ("Cookie", "My data", "My data"), ("User", "token", "token"), ("File", '{"token": 1}', '{"token": 1}'),
    ("Tags", '{"a": 1}', '{"a": 1}'), ("Tags", '{"token": "s3cret", "a": 1}', '{"token":"***","a":1}'),
    ("Tags", '{"to\\u006ben": "s3cret"}', '{"token":"***"}'),  # the same key, spelt with an escape
    ("Tags", '{"a": "to\\u006ben"}', '{"a": "to\\u006ben"}'), ("Tags", '{"a": "token"}', '{"a": "token"}'),
    # what cannot be parsed in one way only
    ("Tags", '{"token": "s3cret"', "***"), ("Tags", '{"to\\u006ben": "s3cret"', "***"),
    ("Tags", DEEP, DEEP.replace("s3cret", "***")),
    ("Tags", '{"a":{"token":"s3cret"},"a":1}', "***"), ("Tags", '{"token":"s3cret","token":"s3cret"}', "***"),
    ("Tags", '[{"b":[{"a":{"to\\u006ben":"s3cret"},"a":1}]}]', "***"), ("Tags", '{"token":"s3cret","a":NaN}', "***"),
    ("Tags", '{"token":"s3cret","a":1e999}', "***"), ("Tags", '{"token":"s3cret","a":' + "9" * 5000 + "}", "***"),
    ("Tags", '"{\\"token\\":\\"s3cret\\"}"', '"***"'), ("Tags", "token s3cret", "***"),
    ("Tags", '\ufeff{"token":"s3cret"}', "***"), ("Tags", "{'token':'s3cret'}", "***"),
    ("Tags", '{"a":"{\\"token\\":\\"s3cret\\"}"}', '{"a":"***"}'),
    # without the name of a secret and an escape, no key can be one
    ("Tags", "broken", "broken"), ("Tags", "", ""), ("Tags", '{"a":1,"a":2}', '{"a":1,"a":2}'),
    ("Tags", "[NaN]", "[NaN]"),
    # other spellings of the field, and fields that are not known
    ("tags", '{"token":"s3cret"}', '{"token":"***"}'), ("TAGS", '{"token":"s3cret"', "***"), ("tAgS", "token x", "***"),
    ("Unknown", '{"token": "s3cret"}', '{"token":"***"}'), ("MoreTags", 'x={"token":"s3cret"}', 'x={"token":"***"}'),
    ("MoreTags", '{"a":{"token":"s3cret"},"a":1}', "***"), ("Note", "the token has expired", "the token has expired"),
]
# fmt: on


@pytest.mark.parametrize(("wire", "text", "shown"), REDACTED)
def test_redact_text(wire: str, text: str, shown: str) -> None:
    assert redact_text(wire, text, kind_of(wire)) == shown


@pytest.mark.parametrize(("line", "shown"), [
    ("File: a", "File: a"), ("Tags: {token: s3cret}", "Tags: ***"), ('tags:{"to\\u006ben":', "tags:***"),
    ("pass-word=s3cret", "***"), (" a token: s3cret", "***"), ("File: C:\\users\\me", "File: C:\\users\\me"),
])  # fmt: skip
def test_redact_line(line: str, shown: str) -> None:
    assert redact_line(line, kind_of) == shown
    assert excerpt(line.encode()) == shown.replace("\\", "\\")


# -- every exit, every place, every spelling

SECRET = "hunter2"

PATHS = ("File", "Source", "Destination", "ServerDocroot", "PrepostCommand")
TEXTS = (
    "Tags", "tags", "Cookie", "UserStr", "Description", "Host", "ProxyIP", "User", "XferId",
    "SessionId", "Unknown",
)  # fmt: skip
NOT_THEIRS = ("Size", "Rate", "Encryption")  # fields whose values these texts are not

URLS = [
    f"s3://AKIA:{SECRET}@bucket/film.mov", f"s3://AKIA:wJalr/K7{SECRET}/x@bucket/film.mov",
    f"s3://AKIA:wJalr/p@ss{SECRET}@bucket/film.mov", f"sftp://me:p@{SECRET}@host/in",
    f"sftp://me:p@ss/{SECRET}@host/in", f"sftp://me:12/x{SECRET}@host/in".replace("12/", "123456/"),
    f"sftp://me:?{SECRET}#@host/in", f"sftp://{SECRET}@host/in", f"https://me:{SECRET}@[::1]:8080/in",
    f"dnat://me:{SECRET}@proxy:9091", f"https://host/in?access_token={SECRET}&part=1",
    f"https://host/in?part=1;token={SECRET}", f"https://host/in?part=1#access_token={SECRET}",
    f"https://host/in?part=1&%74oken={SECRET}", f"https://host/in?part=1&%2574oken={SECRET}",
    f"https://host/in;token={SECRET}/film.mov", f"https://host/in?X-Amz-Signature=a/{SECRET}",
    f"https://host/in?sv=1&sig={SECRET}%3D", f"https://host/in?to=https://me:{SECRET}@host/",
    f"https://host/in?to=https%3A%2F%2Fme%3A{SECRET}%40host%2F",
]  # fmt: skip
WORDS = [
    *(
        f"{name}={SECRET}"
        for name in ("token", "ASPERA_SCP_PASS", "ASPERA_SCP_FILEPASS", "FilePass", "passcode", "pwd")
    ),
    f"Password: {SECRET}", f"Authorization: Bearer {SECRET}", f"bearer {SECRET}", f"the server got token {SECRET}",
    f"a=1; token={SECRET}; b=2", f"'pass': '{SECRET}'", f'api_key = "x {SECRET}"', f"user_str=app:token={SECRET}",
    f"caf\udce9 token={SECRET}",
]  # fmt: skip
JSONS = [
    f'{{"a":{{"token":"{SECRET}"}},"a":1}}', f'{{"to\\u006ben":"{SECRET}"}}', f'{{"token":"{SECRET}"',
    f'[NaN,{{"password":"{SECRET}"}}]', f'{{"a":"{{\\"token\\":\\"{SECRET}\\"}}"}}',
    f'{{"url":"s3:\\/\\/AKIA:{SECRET}@bucket"}}', f'{{"note":"token={SECRET}"}}',
    f'{{"Authorization":{{"a":["{SECRET}"]}}}}', f'failed: {{"error":{{"pass":"{SECRET}"}}}} at 10:00',
    f'token={{"a":"{SECRET}"}}',
]  # fmt: skip
LOG = """\
2026-01-01 10:00:01.000 [a-2] LOG FASP Session Start uuid=u1 op=send status=started source={1} dest={1} source_prefix=-
2026-01-01 10:00:01.000 [a-2] LOG FASP Session Params uuid=u1 userid=0 user="me" targetrate=100000000 cookie="{0}"
2026-01-01 10:00:01.100 [a-2] ERR {0}
2026-01-01 10:00:01.100 [a-2] LOG FASP Transfer Stop uuid=u1 op=send status=failed errcode=50 errstr="{0}" file="{1}"
2026-01-01 10:00:02.000 [a-2] LOG FASP Session Stop uuid=u1 op=send status=failed errcode=50 errstr="{0}" source={1}
"""

COMMANDS = [
    *(["decode", "--format", form, *raw] for form in ("jsonl", "csv", "text", "fasp") for raw in ([], ["--raw"])),
    ["decode", "--fields", "tags,token,access_token,pass_word", "--raw"],
    *(["view", kind] for kind in ("channel", "connection", "destination", "server")),
    *(["check"], ["check", "--json"], ["summary"], ["summary", "--json"], ["watch", "--progress", "plain"]),
]


def outputs(fields: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Yield everything that shows messages with these fields, each after the name of its exit."""
    stream = b""
    tracker = Tracker(keep_files="all")
    for type in ("INIT", "SESSION", "STATS", "FILEERROR", "ERROR", "NEW"):
        frame = Frame(type, {**fields, "Code": "50"} if "ERROR" in type else fields)
        event = Event.from_frame(frame)
        session = tracker.update(event)
        stream += frame.encode()
        yield "frame", f"{frame!r} {event.to_frame()!r} {frame.redacted().encode()!r}"
        yield "event", f"{event!r} {event} {event.to_dict()}"
        yield "JSON", message_to_json({**event.to_dict(), "more": "\udcff"})
    for transfer in tracker.transfers.values():
        yield "transfer", f"{transfer!r} {transfer} {transfer.to_dict()}"
        yield "failure", f"{transfer.error!r} {transfer.error}"
    yield "session", f"{session!r} {session} {session.to_dict()}"
    yield "files", " ".join(f"{file!r} {file.to_dict()} {file.error}" for file in session.files.values())
    for line in stream.splitlines():
        shown = [excerpt(line), excerpt(line + b"x" * 400), excerpt(line.replace(b": ", b" ")), excerpt(b"x " + line)]
        yield "excerpt", " ".join(shown)
    with pytest.raises(ProtocolError) as caught:
        Parser(strict=True).feed(stream.split(b"\n\n")[1].replace(b": ", b"=") + b"\n\n")
    yield "error", f"{caught.value} {caught.value!r}"
    for wire in (stream, stream.replace(b": ", b":"), stream.replace(b"\n", b"\r\n"), stream[10:].replace(b": ", b" ")):
        for args in COMMANDS:
            result = invoke(*args, stdin=wire)
            yield " ".join(args), f"{result.out!r} {result.err}"


def log_outputs(text: str) -> Iterator[tuple[str, str]]:
    """Yield everything that shows a log with this text in each place."""
    log = LOG.format(text, text if "://" in text[:10] else "/in").encode("utf-8", "surrogateescape")
    records = list(logs.read(io.BytesIO(log)))
    for record in records:
        yield "record", f"{record!r} {record.to_dict()}"
    for session in logs.sessions(records):
        yield "log session", f"{session!r} {session.files!r} {session.to_dict()}"
    for args in (*COMMANDS, ["log"], ["log", "--json"], ["log", "--records", "--json"]):
        result = invoke(*args, stdin=log)
        yield " ".join(args), f"{result.out!r} {result.err}"


def command_outputs(path: str) -> Iterator[tuple[str, str]]:
    """Yield everything that shows commands to ascp with this path."""
    for command in (StartFile(path, path), StopFile(path), Put(path), Write(path, 0, b""), Close(path)):
        yield "command", f"{command!r} {command} {command.to_frame()!r}"
    with pytest.raises(ValueError, match="must be a path") as caught:
        StopFile(f"{path}\0")
    yield "ValueError", f"{caught.value}"
    with pytest.raises(ValueError, match="must be one of") as caught:
        SetRate(policy=path)
    yield "ValueError", f"{caught.value}"


@pytest.mark.parametrize("text", [*URLS, *WORDS, *JSONS])
def test_redaction_of_every_output(text: str) -> None:
    fields = dict.fromkeys([*TEXTS, *NOT_THEIRS, *(PATHS if text in URLS else ())], text)
    shown = [*outputs(fields), *log_outputs(text), *(command_outputs(text) if text in URLS else ())]
    assert [(exit, text) for exit, text in shown if SECRET in text] == []


def test_redaction_of_every_output_by_name() -> None:
    names = ("token", "TOKEN", "Access_Token", "Pass-Word", "ApiKey", "FilePass", "ASPERA_SCP_PASS", "Authorization")
    assert [(exit, text) for exit, text in outputs(dict.fromkeys(names, SECRET)) if SECRET in text] == []


@pytest.mark.parametrize("text", [
    "x hunt/er~2 y", "x hunt%2Fer~2 y", "x hunt%2fer~2 y", "caf\udce9 hunt/er~2", '{"a":"hunt/er~2"}',
    "s3://b/hunt/er~2?a=hunt/er~2",
])  # fmt: skip
def test_redaction_of_every_output_of_a_registered_text(text: str) -> None:
    fields = dict.fromkeys([*TEXTS, *NOT_THEIRS, *PATHS], text)
    with hide(["hunt/er~2"]):
        shown = [*outputs(fields), *log_outputs(text), *command_outputs(text)]
    assert [(exit, text) for exit, text in shown if "er~2" in text] == []
    assert "er~2" in redact_words(text)


URLS_SHOWN = [
    ("https://host:8080/v1@2/f", "https://host:8080/v1@2/f"), ("https://host/a:b@c", "https://host/a:b@c"),
    ("https://host/icon@2x.png", "https://host/icon@2x.png"),
    ("https://[fe80::1%25eth0]:80/a@b", "https://[fe80::1%25eth0]:80/a@b"),
    ("https://fe80::1/a@b", "https://fe80::1/a@b"), ("file://C:/Users/me@home", "file://C:/Users/me@home"),
    ("https://host?mail=me@home", "https://host?mail=me@home"),
    ("https://host/in?part=1;b=2#top=3&X-Amz-Date=4", "https://host/in?part=1;b=2#top=3&X-Amz-Date=4"),
    ("https://host/in?to=https%3A%2F%2Fhost%2Fa%40b", "https://host/in?to=https%3A%2F%2Fhost%2Fa%40b"),
    ("user@host:/path", "user@host:/path"), ("s3://bucket/film.mov", "s3://bucket/film.mov"),
    ("s3://AKIA:wJalr/K7@bucket/film.mov", "s3://***@bucket/film.mov"),
    ("s3://a:b@one/x s3://c:d@two/y\ts3://e:f@three/z", "s3://***@one/x s3://***@two/y\ts3://***@three/z"),
    ("https://a:b@host/in;token=c?part=1&sig=d", "https://***@host/in;token=***?part=1&sig=***"),
    ("https://host/in?part=1#access_token=a&state=b", "https://host/in?part=1#access_token=***&state=b"),
    ("https://host/in?%74oken=a/b;c&part=1", "https://host/in?%74oken=***&part=1"),
]  # fmt: skip


@pytest.mark.parametrize(("url", "shown"), URLS_SHOWN)
def test_redact_urls(url: str, shown: str) -> None:
    assert redact_urls(url) == shown
    assert redact_urls(shown) == shown


@pytest.mark.parametrize(("text", "shown"), [
    ("token=a b", "token=*** b"), ("note token=a, id=b; pass=c", "note token=***, id=b; pass=***"),
    ("Authorization: Bearer a.b-c next", "Authorization: *** next"),
    ('x {"token": "a", "b": "c"} y pwd=d', 'x {"token":"***","b":"c"} y pwd=***'), ('x {"token": "a" y', "x ***"),
    (
        "token => a, token := b, <token>c</token>, private key: d",
        "token => ***, token := ***, <token>***, private key: ***",
    ),
    ("the password is 'a1' but the password is wrong", "the password is *** but the password is wrong"),
    ("token: is missing", "token: is missing"), ("token=- pass=none", "token=- pass=none"),
    ("token verification failed", "token verification failed"),
    ("the token has expired: 10:00", "the token has expired: 10:00"),
    ("passed: 5, bypass=yes", "passed: 5, bypass=yes"), ("fe80::1", "fe80::1"), ("C:\\Users\\me", "C:\\Users\\me"),
    ('{"path":"C:\\\\x","n":[1,{"b":2}]}', '{"path":"C:\\\\x","n":[1,{"b":2}]}'),
    ("[10:00] {x} 'a': \"b\"", "[10:00] {x} 'a': \"b\""),
])  # fmt: skip
def test_redact_words(text: str, shown: str) -> None:
    assert redact_words(text) == shown
    assert redact_words(shown) == shown


def test_redaction_of_harmless_outputs() -> None:
    texts = {name: "a" for name in FIELDS if FIELDS[name].kind not in ("secret", "json")} | {
        "Tags": '{"pass_count":"a"}'
    }
    del texts["Type"]
    for type in ("SESSION", "STATS", "NEW"):
        event = Event.from_frame(Frame(type, texts))
        assert "***" not in f"{event!r} {event.to_frame()!r} {event.to_frame().redacted().encode()!r}"
    assert [excerpt(f"{name}: a".encode()) for name in texts] == [f"{name}: a" for name in texts]


def test_redaction_of_the_captures() -> None:
    for path in CAPTURES:
        for event in read(path):
            hidden = [wire for wire, text in event.to_frame().redacted().fields.items() if "***" in text]
            assert set(hidden) <= {"Token", "Password"}


# Characters that a secret of an encoder has, without those that only a broken one would have.
TOKENS = st.text("abcXYZ019+/=._~-", min_size=6, max_size=20).map(lambda text: f"K7{text}Qz")
HEADS = st.sampled_from(
    ["", "failed: ", "[10:00] ", "a=1&", "/data/ ", "{x} ", "user@host ", "https://h:80/a@b ", '{"a":1} ']
)


@given(TOKENS, HEADS, HEADS.map(lambda text: f" {text}".rstrip() if text.endswith(" ") else ""))
def test_redaction_of_any_token(token: str, head: str, tail: str) -> None:
    places = [
        f"s3://AKIA:{token}@bucket/film.mov",
        f"s3://AKIA:x@{token}@bucket/film.mov",
        f"https://host/in?token={token}",
        f"https://host/in#a=b&access%5Ftoken={token}&c=d",
        f"https://host/in;pass={quote(token)}",
        f"password={token}",
        f"Authorization: Bearer {token}",
        json.dumps({"a": [{"my-token": token}]}),
        json.dumps({"a": json.dumps({"api_key": token})}),
        json.dumps({"a": f"s3://AKIA:{token}@bucket"}).replace("/", "\\/"),
    ]
    for text in [f"{head}{place}{tail}" for place in places]:
        for name in ("Cookie", "Description", "New", "Host"):
            event = Event.from_frame(Frame("SESSION", {name: text}))
            shown = f"{event!r} {event.to_frame()!r} {excerpt(f'{name}: {text}'.encode())}"
            assert token not in shown.replace("\\/", "/"), text
        assert token not in redact_words(redact_words(text))


@given(st.text())
def test_redaction_of_any_text(text: str) -> None:
    if not (is_secret(text) or "@" in text or "sig" in text.lower()):
        assert redact_words(text) == text


def test_hide_until_closed() -> None:
    first, second = hide(["hunter2"]), hide(["hunter2", "other one"])
    assert redact_words("hunter2, other one") == "***, ***"
    second.close()
    second.close()
    assert redact_words("hunter2, other one") == "***, other one"
    first.close()
    assert redact_words("hunter2, other one") == "hunter2, other one"


def test_hide_of_short_texts() -> None:
    with hide(["", "a", "abc"]):
        assert redact_words("abc") == "abc"


def test_hide_of_a_text_within_another() -> None:
    with hide(["hunter", "hunter2"]):
        assert redact_words("hunter2 hunter") == "*** ***"


def test_hide_of_a_key_of_several_lines() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYD\nK2VwBCIEIDzE\n-----END PRIVATE KEY-----\n"
    with hide([key]):
        assert redact_words(f"read {key}") == "read ***"
        assert redact_words("read K2VwBCIEIDzE") == "read ***"
        assert redact_words("-----BEGIN PRIVATE KEY-----") == "-----BEGIN PRIVATE KEY-----"


def test_hide_of_what_was_seen_before() -> None:
    event = Event.from_frame(Frame("NEW", {"Host": "hunter2", "hunter2": "x"}))
    assert event.to_dict()["host"] == "hunter2"
    with hide(["hunter2"]):
        assert event.to_dict() == {"type": "NEW", "host": "***", "***": "x"}
        assert event.to_dict(redact=False)["host"] == "hunter2"
        assert excerpt(b"x" * 100 + b" hunter2 ") == "x" * 79 + "…"
        assert excerpt(b"a hunter2 b") == "a *** b"


def test_excerpt_cut_off_in_a_secret() -> None:
    with hide(["hunter2" * 100]):
        assert excerpt(b"a " + b"hunter2" * 100) == "a ***"
    assert excerpt(b"File: s3://AKIA:" + b"secret" * 100 + b"@bucket") == "File: s3://AKIA:***"


@pytest.mark.parametrize(
    "part",
    [
        "://", "://a:", "://a:b", "://a@", "://a:b/c", "@", "?a=", "?token=", ";token=", "#a", "%3A%2F%2F", "%25", "{",
        '{"a":', '["', "[ ", "token", "token=", "token ", 'token="', "token='", "pass", "pass_", "pass_word",
        "a=", "a.", "a: ", " ", "1:", '{"token":1} ', "\\u", '"{\\"', "bearer ", "://[", "://1:2:", "-", "= ",
        "token=,", "token=,a", "\ud800",
    ],
)  # fmt: skip
def test_redact_words_of_a_long_text(part: str) -> None:
    text = part * (250_000 // len(part))
    start = time.process_time()
    for each in (text, f"token ://{text}"):
        redact_words(each)
    assert time.process_time() - start < 5  # far less than the square of 250,000 steps


def test_show_secrets_shows_them() -> None:
    text = '{"a":{"token":"hunter2"},"a":1}'
    stream = Frame("SESSION", {"Tags": text, "token": SECRET}).encode()
    assert invoke("decode", "--raw", "--show-secrets", stdin=stream).objects == [
        {"Type": "SESSION", "Tags": text, "token": SECRET}
    ]
    assert invoke("decode", "--format", "fasp", "--show-secrets", stdin=stream).out == stream


# JSON as anyone may write it: keys twice, blanks, escapes; sometimes broken
KEYS = st.sampled_from(['"a"', '"b"', '"token"', '"to\\u006ben"', '"pass word"', '"\\u0070assword"'])
BLANK = st.sampled_from(["", " ", "\t"])


def objects(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pairs = st.lists(st.tuples(BLANK, KEYS, BLANK, inner), max_size=4)
    return pairs.map(lambda items: "{" + ",".join(f"{a}{key}{b}:{item}" for a, key, b, item in items) + "}")


VALUES = st.recursive(
    st.sampled_from(["1", "null", '"x"', "NaN", "1e999"]),
    lambda inner: objects(inner) | st.lists(inner, max_size=3).map(lambda items: f"[{','.join(items)}]"),
    max_leaves=6,
)


@given(VALUES, st.sampled_from(['"token"', '"to\\u006ben"', '"Pass-Word"']), VALUES, st.integers(0, 3))
def test_any_json_with_a_secret(before: str, key: str, after: str, cut: int) -> None:
    text = f'{{"a":{before},"b":{{{key}:"{SECRET}"}},"a":{after}}}'
    text = text[: len(text) - cut]
    for wire in ("Tags", "tags", "Other"):
        shown = redact_text(wire, text, kind_of(wire))
        assert SECRET not in shown
        assert shown == "***" or json.loads(shown) is not None


@pytest.mark.parametrize("options", [[], ["--raw"], ["--format", "text"], ["--format", "csv"], ["--format", "fasp"]])
def test_type_with_a_secret(options: list[str]) -> None:
    result = invoke("decode", *options, stdin=b"FASPMGR 2\nType: https://u:s3cr3t@h/x\nFile: a\n\n")
    assert "s3cr3t" not in result.text
    assert "https://***@h/x" in result.text


def test_message_of_a_problem() -> None:
    parser = Parser()
    parser.feed(b"FASPMGR 2\nType: STOP\ntoken=s3cr3t: 1\ntoken=s3cr3t: 2\n\n")
    (problem,) = parser.problems
    assert "s3cr3t" not in repr(problem) + str(problem)


def test_identifiers_of_a_file() -> None:
    with hide(["s3cr3t"]):
        file = FileState("a", fasp_file_id="s3cr3t")
        file.checksum = file.checksum_type = "s3cr3t"
        assert "s3cr3t" not in str(file.to_dict())
