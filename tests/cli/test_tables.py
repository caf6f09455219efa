"""decode as CSV and TSV: read back by the means of others, values by hand."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.cli import output
from faspmgr.protocol.events import EVENT_CLASSES
from faspmgr.protocol.fields import BY_NAME, FIELDS
from tests.cli.terminal import Result, invoke


def table(result: Result, form: str = "csv") -> list[list[str]]:
    if form == "csv":
        return list(csv.reader(io.StringIO(result.text, newline="")))
    *lines, end = result.text.split("\n")
    assert (end, "\r" in result.text) == ("", False)
    return [[re.sub(r"\\(.)", lambda match: UNESCAPED[match[1]], cell) for cell in line.split("\t")] for line in lines]


UNESCAPED = {"t": "\t", "r": "\r", "n": "\n", "\\": "\\"}  # of TSV, as the help has them


def records(result: Result, form: str = "csv") -> list[dict[str, str]]:
    header, *rows = table(result, form)
    assert all(len(row) == len(header) for row in rows)
    return [dict(zip(header, row)) for row in rows]


FORMS = ["csv", "tsv"]


@pytest.mark.parametrize("form", FORMS)
def test_every_stream_has_the_same_columns(form: str, captures: list[Path]) -> None:
    headers = {tuple(table(invoke("decode", "--format", form, path), form)[0]) for path in captures}
    (header,) = headers
    known = {name for cls in EVENT_CLASSES.values() for name in cls.__match_args__} - {"extra", "_origin", "origin"}
    assert header == ("type", *(name for name in BY_NAME if name in known), "extra")


@pytest.mark.parametrize("form", FORMS)
def test_a_table_says_what_json_says(form: str, capture: Path) -> None:
    def cell(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    rows = records(invoke("decode", "--format", form, capture), form)
    objects = invoke("decode", capture).objects
    assert len(rows) == len(objects)
    for row, shown in zip(rows, objects):
        extra = row.pop("extra")
        shown = {name: cell(value) for name, value in shown.items() if name != "undecodable"}
        there = {name: text for name, text in row.items() if text}
        assert {**there, **(json.loads(extra) if extra else {})} == {k: v for k, v in shown.items() if v}


def test_columns_of_one_type(fixtures: Path) -> None:
    result = invoke("decode", "--format", "csv", "--type", "ARGSTOP", fixtures / "examples" / "argstop.fasp")
    assert result.lines[0] == (
        "type,file,session_id,user_str,fasp_file_arg_index,arg_transfers_status,arg_transfers_attempted,"
        "arg_transfers_failed,arg_transfers_passed,arg_transfers_skipped,extra"
    )
    assert result.lines[1] == "ARGSTOP,sourcedir,,,1,Complete,2,,2,,"


def test_chosen_columns(fixtures: Path) -> None:
    path = fixtures / "examples" / "stop.fasp"
    comma = invoke("decode", "--format", "csv", "--fields", "size,file,size", path)
    assert comma.text == "size,file\n6162042,AsperaConnect-1.1.1.0.exe\n"
    tab = invoke("decode", "--format", "tsv", "--raw", "--fields", "size,file", path)
    assert tab.text == "Size\tFile\n6162042\tAsperaConnect-1.1.1.0.exe\n"


def test_raw_columns_have_the_names_of_the_wire(fixtures: Path) -> None:
    (row,) = records(invoke("decode", "--format", "csv", "--raw", fixtures / "examples" / "stop.fasp"))
    assert (row["Type"], row["Elapsedusec"]) == ("STOP", "15084185")
    assert set(row) - {"extra"} <= set(FIELDS)


ODD_NAMES = ["a,b", 'a"b', "a\tb", " a ", "", "ü", "=1+1", "a\x1bnb", "'", '"', '""', "a;b", "\x0b\x0c\x85\u2028",
             "a\rb", "a\x1brb", "\ra", "\\", "\\t", "a\\nb", "\\\t\\", 'a\r"b']  # fmt: skip


@pytest.mark.parametrize("form", FORMS)
def test_odd_names_come_back_from_a_table(form: str) -> None:
    data = "".join(f"FASPMGR 2\nType: STATS\nFile: {name}\nOdd: {name}\n\n" for name in ODD_NAMES).encode()
    rows = records(invoke("decode", "--format", form, stdin=data), form)
    # The wire writes a line end in a path as ESC n or ESC r.
    assert [row["file"] for row in rows] == [re.sub("\x1b(.)", lambda m: UNESCAPED[m[1]], name) for name in ODD_NAMES]
    assert [json.loads(row["extra"])["odd"] for row in rows] == ODD_NAMES


def test_the_file_is_valid_utf_8_whatever_the_name(fixtures: Path) -> None:
    result = invoke("decode", "--format", "csv", "--fields", "file", fixtures / "sessions" / "two-sessions.fasp")
    assert "/data/in/Br\ufffdssel.dat" in result.lines


def test_line_ends_in_cells() -> None:
    stream = b"FASPMGR 2\nType: STATS\nFile: a\rb\nUserStr: c\td\\n\nHost: e\x1bnf\n\n"
    args = ["decode", "--fields", "file,user_str"]
    assert invoke(*args, "--format", "csv", stdin=stream).out == b'file,user_str\n"a\rb",c\td\\n\n'
    assert invoke(*args, "--format", "tsv", stdin=stream).out == b"file\tuser_str\na\\rb\tc\\td\\\\n\n"
    stream = stream.replace(b"UserStr", b"Destination").replace(b"c\td", b"e\x1bnf")
    assert (
        invoke("decode", "--fields", "destination", "--format", "csv", stdin=stream).out == b'destination\n"e\nf\\n"\n'
    )
    assert (
        invoke("decode", "--fields", "destination", "--format", "tsv", stdin=stream).out == b"destination\ne\\nf\\\\n\n"
    )


@given(st.lists(st.text(st.sampled_from('\\"\t\r, atrn\x1b'), max_size=6), min_size=1, max_size=5))
@pytest.mark.parametrize("form", FORMS)
def test_any_texts_come_back_from_a_table(form: str, texts: list[str]) -> None:
    texts = [text.rstrip("\r") for text in texts]  # a part of the line end
    data = "".join(f"FASPMGR 2\nType: STATS\nUserStr: {text}\n\n" for text in texts).encode()
    rows = records(invoke("decode", "--format", form, "--raw", stdin=data), form)
    assert [row["UserStr"] for row in rows] == texts


def test_tsv_is_explained() -> None:
    assert r"\t, \r, \n and \\ for a TAB, CR, LF and backslash" in " ".join(invoke("decode", "--help").text.split())


COLLIDING = b"FASPMGR 2\nType: STATS\nFoo_Bar: 1\nFooBar: 2\nsession_id: 3\nSessionId: 4\nfoo: 5\nFoo: 6\n\n"
COLLISIONS: list[tuple[str, list[str], list[str]]] = [  # fields that are asked for, header, cells
    ("FooBar,Foo_Bar", ["FooBar", "Foo_Bar"], ["2", "1"]),
    ("FooBar", ["FooBar"], ["2"]),
    ("foo,Foo", ["foo", "Foo"], ["5", "6"]),
    ("SessionId,foo", ["SessionId", "foo"], ["4", "5"]),
    ("session_id", ["SessionId"], ["4"]),
    ("foo_bar", ["foo_bar"], ['{"Foo_Bar":"1","FooBar":"2"}']),  # a name in Python that both have
]


@pytest.mark.parametrize(("names", "header", "cells"), COLLISIONS, ids=[names for names, *_ in COLLISIONS])
def test_raw_fields_whose_names_collide(names: str, header: list[str], cells: list[str]) -> None:
    for form in FORMS:
        result = invoke("decode", "--raw", "--format", form, "--fields", names, stdin=COLLIDING)
        assert table(result, form) == [header, cells]
    (shown,) = invoke("decode", "--raw", "--fields", names, stdin=COLLIDING).objects
    assert shown == (json.loads(cells[0]) if names == "foo_bar" else dict(zip(header, cells)))
    fasp = invoke("decode", "--format", "fasp", "--fields", names, stdin=COLLIDING).text
    assert dict(line.split(": ") for line in fasp.splitlines()[2:-1]) == shown


def test_raw_fields_whose_names_collide_among_all() -> None:
    every = {"Foo_Bar": "1", "FooBar": "2", "session_id": "3", "SessionId": "4", "foo": "5", "Foo": "6"}
    assert invoke("decode", "--raw", stdin=COLLIDING).objects == [{"Type": "STATS", **every}]
    for form in FORMS:
        (row,) = records(invoke("decode", "--raw", "--format", form, stdin=COLLIDING), form)
        assert row["SessionId"] == every["SessionId"]
        assert json.loads(row["extra"]) == {name: text for name, text in every.items() if name != "SessionId"}


def test_an_empty_stream_has_a_header() -> None:
    result = invoke("decode", "--format", "csv", "--fields", "file,size")
    assert (result.status, result.text) == (0, "file,size\n")


def test_a_row_whose_only_cell_is_empty_is_a_row() -> None:
    stream = b"FASPMGR 2\nType: STATS\nFile: \n\nFASPMGR 2\nType: STATS\nFile: b\n\n"
    args = ["decode", "--fields", "file", "--format"]
    assert invoke(*args, "csv", stdin=stream).out == b'file\n""\nb\n'
    assert invoke(*args, "tsv", stdin=stream).out == b"file\n\nb\n"


@pytest.mark.parametrize(("form", "row"), [("csv", b'%s,7,"1,2","a""b"'), ("tsv", b'%s\t7\t1,2\ta"b')])
def test_messages_with_the_same_names_have_values_of_their_own(form: str, row: bytes) -> None:
    first = b'FASPMGR 2\nType: STATS\nUserStr: a"b\nSize: 7\nFile: %s\nSessionId: 1,2\n\n'
    other = b"FASPMGR 2\nType: STATS\nUserStr: 3\nSize: many\nFile: c\n\n"
    result = invoke("decode", "--format", form, "--fields", "file,size,session_id,user_str", stdin=(first + other) * 5)
    second = [b"c", b"many", b"", b"3"]
    assert result.out.split(b"\n")[1:] == [row, (b"," if form == "csv" else b"\t").join(second)] * 5 + [b""]


def test_table_plans_of_a_hostile_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output, "MAX_PLANS", 3)
    monkeypatch.setattr(output, "MAX_NAMES_CHARS", 5)
    rows = output.Table("csv", ["a", "b"], "extra")
    names = [("a", "bcdef"), ("abcde",), ("a", "b"), ("f",), ("g",)]
    for some in names:
        rows.add(dict.fromkeys(some, 1))
    assert list(rows._plans) == names[1:4]
    assert rows.take_bytes().decode().splitlines()[1] == '1,,"{""bcdef"":1}"'
