"""decode: each format read back by the means of others (json, csv, the parser), values by hand."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faspmgr import jsontext
from faspmgr.cli import rendering
from faspmgr.cli.commands import decode
from faspmgr.protocol.commands import Close, Put, SetRate, Write
from faspmgr.protocol.parser import parse
from faspmgr.protocol.tokenizer import Tokenizer
from tests.cli.terminal import invoke
from tests.cli.test_tables import records, table

STOP = {  # of the vendor's example, in the order of the field table
    "type": "STOP", "file": "AsperaConnect-1.1.1.0.exe", "size": 6162042, "written": 6162042, "loss": 0,
    "elapsed_usec": 15084185, "session_id": "03ef6778-7997-4fe1-9091-4f92ec29a806", "user_str": "5492958869869553497",
    "start_byte": 0, "transfer_bytes": 5736852, "file_bytes": 5736852, "delay": 8, "fasp_file_arg_index": 3,
    "fasp_file_id": "52361574-d28b5e4b-83877b86-97fe091a-ebe6703b",
    "file_checksum": "080690692698a1e3dec9924b44b94ed4", "file_checksum_type": "md5",
}  # fmt: skip


# -- JSON Lines


def test_a_message_of_the_document(fixtures: Path) -> None:
    result = invoke("decode", fixtures / "examples" / "stop.fasp")
    assert (result.status, result.err) == (0, "")
    assert result.objects == [STOP]
    assert list(result.objects[0]) == list(STOP)


def test_kinds_of_values(fixtures: Path) -> None:
    (session,) = invoke("decode", fixtures / "examples" / "session.fasp").objects
    assert (session["rate"], session["adaptive"], session["token"]) == (1500, "Adaptive", "***")
    assert session["encryption"] is False
    assert session["source"] == ["C:/Temp/AsperaConnect-1.1.1.0.exe"]


def test_raw_keeps_names_texts_and_order(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    lines = [line.split(": ", 1) for line in path.read_text().splitlines()[1:-1]]
    (shown,) = invoke("decode", "--raw", path).objects
    assert list(shown.items()) == [(name, text) for name, text in lines]
    assert shown["Size"] == "6162042"


def test_json_is_one_line_for_each_message(capture: Path) -> None:
    result = invoke("decode", capture)
    assert result.status == 0
    assert len(result.lines) == len(parse(capture.read_bytes()))
    assert [shown["type"] for shown in result.objects] == [event.type for event in parse(capture.read_bytes())]


def test_json_is_the_same_without_orjson(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options: tuple[list[str], ...] = ([], ["--raw"], ["--fields", "file,tags,size"], ["--show-secrets"])
    fast = [invoke("decode", *args, capture).out for args in options]
    monkeypatch.setattr(jsontext, "_orjson", lambda: None)
    assert [invoke("decode", *args, capture).out for args in options] == fast


def test_bytes_that_are_no_utf_8_come_back(fixtures: Path) -> None:
    result = invoke("decode", "--fields", "file", fixtures / "sessions" / "two-sessions.fasp")
    result.out.decode("utf-8", "strict")
    (name,) = {shown["undecodable"]["file"] for shown in result.objects if "ssel.dat" in shown["file"]}
    assert unquote_to_bytes(name) == b"/data/in/Br\xfcssel.dat"


def test_other_scripts_stay_readable(fixtures: Path) -> None:
    assert "Übersicht 2024.pdf" in invoke("decode", fixtures / "sessions" / "upload-skip-failure.fasp").text


VALUES = st.binary(max_size=40).filter(lambda data: b"\n" not in data and b"\r" not in data)


@given(VALUES, VALUES)
@example("\x85".encode(), b"")  # a line end for Python, and for nobody else
def test_any_bytes_come_back_from_json(name: bytes, text: bytes) -> None:
    data = b"FASPMGR 2\nType: STATS\nFile: " + name + b"\nUserStr: " + text + b"\n\n"
    (shown,) = invoke("decode", "--raw", stdin=data).objects
    exact = shown.get("undecodable", {})
    for field, value in (("File", name), ("UserStr", text)):
        assert unquote_to_bytes(exact[field]) == value if field in exact else shown[field].encode() == value


def test_unknown_types_and_fields_are_there() -> None:
    stream = b"FASPMGR 2\nType: FUTURE\nSomeNewField: 7\nSize: 3\n\n"
    assert invoke("decode", stdin=stream).objects == [{"type": "FUTURE", "some_new_field": "7", "size": 3}]


def test_known_fields_are_typed_whatever_the_message() -> None:
    stream = b"FASPMGR 2\nType: DONE\nBytescont: 7\nStalled: Yes\nRetryTimeout: soon\nNew: 1\n\n"
    shown = {"type": "DONE", "bytes_cont": 7, "stalled": True, "retry_timeout": "soon", "new": "1"}
    assert invoke("decode", stdin=stream).text == json.dumps(shown, separators=(",", ":")) + "\n"
    assert invoke("decode", "--fields", "stalled,bytes_cont", stdin=stream).text == '{"stalled":true,"bytes_cont":7}\n'
    raw = {"Type": "DONE", "Bytescont": "7", "Stalled": "Yes", "RetryTimeout": "soon", "New": "1"}
    assert invoke("decode", "--raw", stdin=stream).objects == [raw]
    (row,) = records(invoke("decode", "--format", "csv", stdin=stream))
    assert {name: cell for name, cell in row.items() if cell} == {
        "type": "DONE", "bytes_cont": "7", "stalled": "true", "retry_timeout": "soon", "extra": '{"new":"1"}'
    }  # fmt: skip
    (row,) = records(invoke("decode", "--format", "csv", "--type", "DONE", stdin=stream))
    assert row["extra"] == '{"bytes_cont":7,"stalled":true,"retry_timeout":"soon","new":"1"}'
    assert invoke("decode", "--format", "csv", "--fields", "stalled", stdin=stream).lines == ["stalled", "true"]
    assert invoke("decode", "--format", "text", "--fields", "bytes_cont", stdin=stream).lines == [
        "DONE         bytes_cont=7"
    ]
    assert invoke("decode", "--format", "fasp", stdin=stream).out == stream


def test_a_value_that_does_not_fit_stays_as_text() -> None:
    result = invoke("decode", stdin=b"FASPMGR 2\nType: STATS\nSize: many\n\n")
    assert (result.status, result.objects) == (0, [{"type": "STATS", "size": "many"}])
    assert result.errors == ["<stdin>:3: invalid value of Size: not an unsigned integer; kept as text: Size: many"]


def test_several_files_one_after_the_other(fixtures: Path) -> None:
    names = ("init", "done")
    result = invoke("decode", "--fields", "type", *(fixtures / "examples" / f"{name}.fasp" for name in names))
    assert result.objects == [{"type": "INIT"}, {"type": "DONE"}]


# -- messages inside of other logs


def test_a_log_that_is_cut_in_its_last_line_loses_that_message(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.log", tmp_path / "cut.log"
    whole.write_text("L FASPMGR 2\nL Type: STOP\nL Size: 7\n")
    cut.write_text("L FASPMGR 2\nL Type: STOP\nL Size: 123")
    unfinished = f"{cut}:1: the stream ends in this message; dropped: Type: STOP"
    unwrap = ["--unwrap", "L (.*)"]
    for args, status in (([], 0), (["--strict"], 4)):
        alone = invoke("decode", *args, *unwrap, cut)
        assert (alone.status, alone.objects, alone.errors) == (status, [], [unfinished])
        for files in ([whole, cut], [cut, whole], [cut, whole, cut]):
            result = invoke("decode", *args, *unwrap, *files)
            assert (result.status, result.objects) == (status, [{"type": "STOP", "size": 7}])
            assert result.errors == [unfinished] * files.count(cut)
    assert invoke("check", *unwrap, cut).status == 4


def test_a_log_line_that_is_too_long_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text(f"L FASPMGR 2\nL Type: STOP\nL File: {'x' * 1_100_000}\nL Size: 5\nL \n")
    for args, status in (([], 0), (["--strict"], 4)):
        result = invoke("decode", *args, "--unwrap", "L (.*)", path)
        assert (result.status, result.out) == (status, b"")
        assert result.err.startswith(f"{path}:1: a line of this message is too long")


INVALID = ["(", r"\u00e9", "(?u)x(.*)", "x{99999999999}", "(" * 5000, "\x1b(", "\u202e("]


@pytest.mark.parametrize("pattern", INVALID, ids=lambda pattern: ascii(pattern)[:30])
@pytest.mark.parametrize("name", ["decode", "summary", "check", "watch"])
def test_a_pattern_that_cannot_be_used_is_wrong_usage(name: str, pattern: str) -> None:
    result = invoke(name, "--unwrap", pattern)
    assert (result.status, result.out) == (2, b"")
    assert "\nError: invalid --unwrap: '" in result.err
    assert result.err.replace("\n", "").isprintable()


# -- types and fields


def test_types(fixtures: Path) -> None:
    path = fixtures / "sessions" / "upload-skip-failure.fasp"
    for args in (["--type", "SKIP,fileerror"], ["--type", "skip", "--type", "FILEERROR"]):
        assert [shown["type"] for shown in invoke("decode", *args, path).objects] == ["SKIP", "FILEERROR"]


def test_a_type_that_never_came_gets_a_hint(fixtures: Path) -> None:
    path = fixtures / "examples" / "skip.fasp"
    result = invoke("decode", "--type", "stat,SKIP,DONE,xyz", path)
    assert (result.status, [shown["type"] for shown in result.objects]) == (0, ["SKIP"])
    assert result.err == ("faspmgr: no message of type STAT; did you mean 'STATS'?\nfaspmgr: no message of type XYZ\n")
    result = invoke("decode", "--type", "STAT", stdin=b"FASPMGR 2\nType: STAT\n\n")
    assert (result.status, result.err, result.objects) == (0, "", [{"type": "STAT"}])


def test_fields_by_either_name_in_the_order_asked_for(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    for names in (["Written,file"], ["written", "File"], [" WRITTEN , file , Written"]):
        options = [word for name in names for word in ("--fields", name)]
        assert invoke("decode", *options, path).text == '{"written":6162042,"file":"AsperaConnect-1.1.1.0.exe"}\n'


def test_messages_without_any_of_the_fields_are_left_out(fixtures: Path) -> None:
    path = fixtures / "sessions" / "upload-skip-failure.fasp"
    assert invoke("decode", "--fields", "code", path).objects == [{"code": 5}, {"code": 27}]


def test_a_misspelt_field() -> None:
    result = invoke("decode", "--fields", "writen")
    assert (result.status, result.out) == (2, b"")
    assert "unknown field 'writen'; did you mean 'written'?" in result.err


def test_a_field_of_a_newer_ascp() -> None:
    data = b"FASPMGR 2\nType: STATS\nQuantumFlux: 7\n\n"
    for name in ("QuantumFlux", "quantum_flux"):
        assert invoke("decode", "--fields", name, stdin=data).objects == [{"quantum_flux": "7"}]
        assert invoke("decode", "--raw", "--fields", name, stdin=data).objects == [{"QuantumFlux": "7"}]
        for raw in ([], ["--raw"]):
            result = invoke("decode", "--format", "csv", *raw, "--fields", name, stdin=data)
            assert table(result) == [[name if raw else "quantum_flux"], ["7"]]


# -- text


def test_a_line_of_text(fixtures: Path) -> None:
    text = invoke("decode", "--format", "text", fixtures / "examples" / "fileerror.fasp").text
    assert text.startswith(
        "FILEERROR    file=C:/Temp/IE7-WindowsXP-x86-enu.exe size=0 written=0 loss=0 code=41"
        ' description="Source: Access is denied." elapsed_usec=0 '
    )


def test_text_is_printable_whatever_the_value() -> None:
    value = "".join(map(chr, (*range(1, 10), *range(11, 13), *range(14, 160)))) + "\u202e\u2028"
    data = f"FASPMGR 2\nType: STATS\nFile: {value}\nOdd: {value}\n\n".encode() + (
        b"FASPMGR 2\nType: \xff\x07\nFile: \xff\x1b[31m\nE: \n\n"
    )
    for raw in ([], ["--raw"]):
        text = invoke("decode", "--format", "text", *raw, stdin=data).text
        assert len(text.split("\n")) == 3
        assert text.replace("\n", "").isprintable()
        assert '=""' in text


HOSTILE = {  # control characters of both sets, DEL, and what turns the direction of writing or ends a line
    "\x01": r"\u0001", "\x1b": r"\u001b", "\x7f": r"\u007f", "\x85": r"\u0085", "\x9b": r"\u009b",
    "\u061c": r"\u061c", "\u200e": r"\u200e", "\u200f": r"\u200f", "\u2028": r"\u2028", "\u2029": r"\u2029",
    **{chr(code): rf"\u{code:04x}" for code in (*range(0x202A, 0x202F), *range(0x2066, 0x206A))},
    "\u200b": r"\u200b", "\ufeff": r"\ufeff", "\U000e0001": r"\udb40\udc01",
}  # fmt: skip


@pytest.mark.parametrize("char", HOSTILE, ids=ascii)
def test_text_is_escaped_inside_of_lists_and_objects(char: str) -> None:
    # A source is a path, in which ESC is written twice.
    path, tag = char.replace("\x1b", "\x1b\x1b"), HOSTILE[char] if char < " " else char
    data = f'FASPMGR 2\nType: SESSION\nSource: a{path}b\nTags: {{"{tag}":["{tag}é"]}}\nUserStr: x{char}\n\n'.encode()
    text = invoke("decode", "--format", "text", stdin=data).text
    assert text.rstrip("\n").isprintable()
    escape = HOSTILE[char]
    assert f' source=["a{escape}b"]' in text
    other = "é" if char < " " else r"\u00e9"  # JSON writes the lowest as escapes anyhow
    assert f' tags={{"{escape}":["{escape}{other}"]}}' in text
    assert f' user_str="x{escape}"' in text


def test_text_leaves_readable_what_is_printable() -> None:
    data = 'FASPMGR 2\nType: SESSION\nSource: é日 "x"\nTags: {"ü":1}\n\n'.encode()
    text = invoke("decode", "--format", "text", stdin=data).text
    assert text == 'SESSION      source=["é日 \\"x\\""] tags={"ü":1}\n'


# -- bytes


def test_fasp_gives_back_the_very_bytes(capture: Path) -> None:
    data = capture.read_bytes()
    result = invoke("decode", "--format", "fasp", "--show-secrets", capture)
    whole = data[: data.rindex(b"\n\n") + 2]  # one of them breaks off
    assert result.out == whole
    if b"\nToken: " not in data:
        assert invoke("decode", "--format", "fasp", capture).out == whole


def test_fasp_with_types_and_fields(fixtures: Path) -> None:
    path = fixtures / "sessions" / "two-sessions.fasp"
    result = invoke("decode", "--format", "fasp", "--type", "STOP", "--fields", "file", path)
    messages = result.out.split(b"\n\n")[:-1]
    names = (b"Br\xfcssel.dat", b"part-a.bin", b"part-b.bin", b"part-c.bin")
    assert sorted(messages) == [b"FASPMGR 2\nType: STOP\nFile: /data/in/" + name for name in names]


def test_fasp_hides_secrets_and_leaves_the_rest(fixtures: Path) -> None:
    path = fixtures / "examples" / "session.fasp"
    expected = path.read_bytes().replace(b"Token: 8499385", b"Token: ***")
    assert invoke("decode", "--format", "fasp", path).out == expected


WRITE = b"FASPMGR 4\nType: WRITE\nDestination: /x\nOffset: 0\nSize: %d\n\n"
STOP_A = b"FASPMGR 2\nType: STOP\nFile: a\n\n"


def test_fasp_gives_back_a_value_with_a_cr() -> None:
    data = b"FASPMGR 2\nType: STOP\nFile: a\rb\nUserStr: \rc\r\r\n\n"
    result = invoke("decode", "--format", "fasp", stdin=data + STOP_A)
    assert (result.status, result.out) == (0, data + STOP_A)


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\r\n\0\xff", STOP_A, b"x\n" * 100_000])
def test_fasp_gives_back_a_streamed_file(data: bytes) -> None:
    sent = [Put("/x", 9), Write("/x", 0, data), SetRate(5), Write("/x", 9, data), Close("/x")]
    stream = STOP_A + b"".join(command.encode() for command in sent) + STOP_A
    assert invoke("decode", "--format", "fasp", "--strict", stdin=stream) == (0, stream, "")
    only = invoke("decode", "--format", "fasp", "--type", "WRITE", stdin=stream)
    assert only == (0, sent[1].encode() + sent[3].encode(), "")


def test_other_formats_have_no_data() -> None:
    stream = Write("/x", 0, b"secret").encode()
    for form in ("jsonl", "csv", "tsv", "text"):
        result = invoke("decode", "--format", form, stdin=stream)
        assert (result.status, result.err) == (0, "")
        assert "WRITE" in result.text
        assert "secret" not in result.text


def test_fasp_leaves_out_a_write_with_too_many_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rendering.MAX_DATA_BYTES == 64 << 20
    monkeypatch.setattr(decode, "MAX_DATA_BYTES", 22)
    inside = b"FASPMGR 2\nType: DONE\n\n"  # data, not a message
    kept, dropped = Write("/x", 0, inside[1:]).encode(), Write("/x", 0, b"x" + inside).encode()
    result = invoke("decode", "--format", "fasp", stdin=STOP_A + kept + dropped + STOP_A)
    assert (result.status, result.out) == (0, STOP_A + kept + STOP_A)
    # 4 lines of the STOP, 6 of the head of the other WRITE, 3 in its data, 2 behind them
    assert result.errors == ["<stdin>:16: a WRITE with more than 22 bytes of data; dropped: Type: WRITE"]
    strict = invoke("decode", "--format", "fasp", "--strict", stdin=STOP_A + kept + dropped + STOP_A)
    assert (strict.status, strict.out) == (4, STOP_A + kept)


@pytest.mark.parametrize("count", [1, 5])
def test_fasp_leaves_out_a_write_of_a_log(count: int) -> None:
    write = b"> FASPMGR 4\n> Type: WRITE\n> Size: 23\n> \n"
    stop = b"> FASPMGR 2\n> Type: STOP\n> File: a\n> \n"
    result = invoke("decode", "--format", "fasp", "--unwrap", "^> (.*)", stdin=stop + (write + stop) * count)
    assert (result.status, result.out) == (0, STOP_A * (1 + count))
    assert result.errors == ["faspmgr: each WRITE with data is left out, as a log of lines does not have them"]


def test_fasp_gives_back_what_has_no_data() -> None:
    put = b"FASPMGR 4\nType: PUT\nDestination: /x\nSize: 9\n\n"
    version_2 = b"FASPMGR 2\nType: WRITE\nSize: 9\n\n"
    data = put + WRITE % 0 + b"\n\n" + version_2 + STOP_A
    result = invoke("decode", "--format", "fasp", stdin=data)
    assert (result.status, result.out) == (0, data)
    assert "left out" not in result.err
    # Without its Size, nothing behind it is taken for data.
    result = invoke("decode", "--format", "fasp", "--fields", "offset,file", stdin=WRITE % 3 + b"abc\n\n" + STOP_A)
    assert result.out == b"FASPMGR 4\nType: WRITE\nOffset: 0\n\n" + STOP_A


LINE = st.one_of(
    st.sampled_from([b"FASPMGR 2", b"Type: STATS", b"Type: X\r", b"", b"\r", b"File: a", b"Size: 7", b"Tags: {}"]),
    st.sampled_from([b"FASPMGR 4\nType: WRITE\nSize: 7\n\n", b"FASPMGR 4\nType: WRITE\nSize: 0\n\n\n", b"a\rb: c"]),
    st.binary(max_size=12),
    st.builds(lambda value: b"File: " + value, st.binary(max_size=12)),
)


@given(st.lists(LINE, max_size=15), st.booleans())
def test_fasp_read_again_gives_the_same_messages(lines: list[bytes], show: bool) -> None:
    data = b"FASPMGR 2\nType: STATS\n" + b"\n".join(lines) + b"\n\n"
    reader = Tokenizer(max_data_bytes=9)
    frames = reader.feed(data) + reader.close()
    result = invoke("decode", "--format", "fasp", *(["--show-secrets"] if show else []), stdin=data)
    assert result.status == 0
    assert Tokenizer(max_data_bytes=9).feed(result.out) == frames
