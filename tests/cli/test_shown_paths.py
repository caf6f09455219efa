"""Paths and other words of the user that would do something to a terminal, in problems and errors."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.cli.terminal import invoke, on_terminal
from tests.launcher import run

ODD = "a\x1b[31mb\x9bc\u202ed\x7fe\nf\u2028\udcffg\u2066"
SHOWN = r"a\x1b[31mb\x9bc\u202ed\x7fe\nf\u2028\xffg\u2066"
TELLING = [  # commands that name a path, ODD, on standard error
    *(f"{name} ODD" for name in ("decode", "summary", "check", "watch", "view channel", "replay", "decode --follow")),
    "decode --ODD", "decode --type ODD /dev/null", "decode --format ODD", "decode --unwrap ODD(",
    "ODD", "describe ODD", "watch x ODD", "view ODD", "view server --ascp ODD x", "view channel --start-time ODD x",
    "run --spec ODD", "run --ascp ODD --spec ODD", "ctl ODD status", "replay --to ODD x", "simulate --to ODD",
    "listen --port-file ODD/x", "listen --record /dev/null/ODD", "listen --view channel=ODD/x", "listen --view ODD=x",
]  # fmt: skip


@pytest.mark.parametrize("args", TELLING)
def test_what_the_user_gave_is_printable_in_errors(args: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke(*(word.replace("ODD", ODD) for word in args.split()))
    assert (result.status == 0) == ("--type" in args)
    assert result.err.replace("\n", "").isprintable()
    message = result.errors[-1]  # after the usage, in one line, whatever quotes stand around it
    assert "b\\x9bc\\u202e" in message.lower()


def test_the_name_of_a_file_is_printable_in_problems(tmp_path: Path) -> None:
    path = tmp_path / ODD
    path.write_bytes(b"FASPMGR 2\nType: INIT\nSessionId: s\nno field\n\n" * 11)
    shown = f"{tmp_path}/{SHOWN}"
    for args in ("decode", "summary", "check", "watch", "view channel"):
        result = invoke(*args.split(), path)
        assert result.errors[0].startswith(f"{shown}:4: ")
        assert (result.errors[-1] == f"{shown}: 1 more of kind no-field; check lists them") == (args != "check")
        assert all(line.isprintable() for line in (*result.errors, *result.lines))
    assert invoke("check", path).lines == [f"{shown}: 11 messages, 11 problems"]
    assert invoke("watch", path).lines[-1].startswith(f"{shown} was written to just now.")
    # For programs it is the name itself, as far as text can hold it.
    report = json.loads(invoke("check", "--json", path).text)
    names = {problem["file"] for problem in report["problems"]} | {file["file"] for file in report["files"]}
    assert names == {str(path).replace("\udcff", "\ufffd")}


@pytest.mark.parametrize("args", ["decode ODD", "check ODD", "watch ODD", "run --spec ODD", "decode x ODD --ODD"])
def test_a_path_is_the_same_on_a_terminal_and_in_a_pipe(args: str, tmp_path: Path) -> None:
    words = [word.replace("ODD", ODD) for word in args.split()]
    piped = run(*words, cwd=tmp_path)
    with on_terminal(*words, cwd=tmp_path) as shown:
        assert shown.end() == piped.status
    # Except for where lines are broken, and what there is for a terminal alone.
    wanted, found = (re.sub(r"\s", "", text) for text in (piped.err, shown.text))
    assert wanted in found
    assert "\x1b[31m" not in shown.text
