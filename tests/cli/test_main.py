"""What all commands have in common: help, version, completion, pipes, signals, bad input, hidden secrets."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import sysconfig
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

import faspmgr
from faspmgr.cli.main import COMMANDS, _Group, cli
from faspmgr.protocol import speedups
from faspmgr.protocol.commands import COMMANDS as ENCODED
from tests.cli.terminal import invoke
from tests.launcher import ROOT, Outcome, finish, run, shell, start
from tests.privileges import no_right_to_read_anything

READING = ("decode", "summary", "check")
SUBCOMMANDS = [
    *(("encode", name) for name in ENCODED),
    *(("ctl", "SOCKET", name) for name in (*ENCODED, "status")),
]


# -- help, version, completion


def test_version() -> None:
    assert run("--version") == (0, f"faspmgr {faspmgr.__version__} ({speedups.NAME})\n", "")


@pytest.mark.parametrize("args", [(), *((name,) for name in COMMANDS), *SUBCOMMANDS], ids=" ".join)
def test_help_has_an_example(args: tuple[str, ...]) -> None:
    result = invoke(*args, "--help")
    assert (result.status, result.err) == (0, "")
    assert "Example:\n" in result.text
    before, _, examples = result.text.partition("Example:\n")
    assert "faspmgr" in examples
    assert max(map(len, before.splitlines())) <= 80  # an example stays on one line
    assert invoke(*args, "-h") == result


def test_the_overview_lists_all_commands() -> None:
    text = invoke("--help").text
    for name, words in COMMANDS.items():
        assert f"  {name:<8}  {words}\n" in text


def test_no_command_shows_the_help() -> None:
    result = invoke()
    assert result.status == 2
    assert "Commands:" in result.text + result.err


def test_unknown_command() -> None:
    result = invoke("decod")
    assert (result.status, result.out) == (2, b"")
    assert "No such command 'decod'" in result.err


def test_commands_are_imported_when_they_are_called() -> None:
    code = "import sys; from faspmgr.cli.main import main\ntry: main(['--version'])\nfinally: print(*sys.modules)"
    out = run("-c", code, program=[sys.executable]).out
    loaded = {name for name in out.split() if name.startswith("faspmgr.")}
    command_line = {
        "faspmgr._version",
        "faspmgr.cli",
        "faspmgr.cli.command_error",
        "faspmgr.cli.main",
        "faspmgr.errors",
        "faspmgr.exit_status",
    }
    twin = {"faspmgr.protocol", "faspmgr.protocol.speedups", "faspmgr.protocol._speedups"}
    assert loaded <= command_line | twin


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_one_of_click(name: str) -> None:
    assert isinstance(cli, _Group)
    command = cli.get_command(click.Context(cli), name)
    assert isinstance(command, click.Command)
    assert command.name == name


@pytest.mark.parametrize(("typed", "offered"), [("de", "decode describe"), ("decode --fo", "--format --follow")])
def test_shell_completion(typed: str, offered: str) -> None:
    words = ["faspmgr", *typed.split()]
    asked = {"_FASPMGR_COMPLETE": "bash_complete", "COMP_WORDS": " ".join(words), "COMP_CWORD": str(len(words) - 1)}
    assert run(environment=asked) == (0, "".join(f"plain,{word}\n" for word in offered.split()), "")


@pytest.mark.parametrize("kind", ["bash", "zsh", "fish"])
def test_shell_completion_source(kind: str) -> None:
    done = run(environment={"_FASPMGR_COMPLETE": f"{kind}_source"})
    assert done.status == 0
    assert f"_FASPMGR_COMPLETE={kind}_complete" in done.out


# -- pipes and signals


@pytest.fixture
def long(fixtures: Path, tmp_path: Path) -> Path:
    """A capture that makes more output than a pipe holds."""
    path = tmp_path / "long.fasp"
    path.write_bytes((fixtures / "sessions" / "retry.fasp").read_bytes() * 200)
    return path


@pytest.mark.parametrize("form", ["jsonl", "csv", "text", "fasp"])
def test_reader_that_goes_away(long: Path, form: str) -> None:
    result = shell(f'faspmgr decode --format {form} "$1" | head -1', long)
    assert (result.status, result.err) == (0, "")
    assert len(result.lines) == 1


def test_reader_of_problems_that_goes_away(tmp_path: Path) -> None:
    path = tmp_path / "broken.fasp"
    path.write_bytes(b"FASPMGR 2\nType: STATS\nno field\n\n" * 5000)
    assert shell('faspmgr check --json "$1" | head -1', path) == (0, '{"problems":[\n', "")
    assert shell('{ faspmgr check "$1" 2>&1 >/dev/null; } | head -1', path).err == ""


def test_help_to_a_reader_that_goes_away() -> None:
    assert shell("faspmgr --help | true; faspmgr describe | true").err == ""


def live(process: subprocess.Popen[bytes], data: bytes) -> bytes:
    """Write to the program, and wait for one line of its output."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(data)
    process.stdin.flush()
    return process.stdout.readline()


@pytest.mark.parametrize("form", ["jsonl", "text", "csv", "tsv"])
def test_live_pipe_gives_lines_as_messages_arrive(form: str) -> None:
    with start("decode", "--format", form, "--fields", "file,size", stdin=subprocess.PIPE) as process:
        for number in range(3):
            line = live(process, b"FASPMGR 2\nType: STATS\nFile: f%d\nSize: 7\n\n" % number)
            if line.split() in ([b"file,size"], [b"file", b"size"]):
                assert number == 0
                line = live(process, b"")
            assert b"f%d" % number in line
        assert finish(process) == (0, "", "")


def test_live_pipe_gives_back_messages_as_they_arrive() -> None:
    message = b"FASPMGR 2\nType: NOP\n\n"
    with start("decode", "--format", "fasp", stdin=subprocess.PIPE) as process:
        for _ in range(2):
            assert live(process, message) == b"FASPMGR 2\n"
            assert process.stdout
            assert process.stdout.read(len(message) - 10) == message[10:]
        assert finish(process).status == 0


def interrupt(process: subprocess.Popen[bytes]) -> Outcome:
    process.send_signal(signal.SIGINT)
    return finish(process)


def test_interrupted_while_reading_a_pipe() -> None:
    with start("decode", stdin=subprocess.PIPE) as process:
        assert b"NOP" in live(process, b"FASPMGR 2\nType: NOP\n\n")  # it reads its input
        assert interrupt(process) == (130, "", "")


@pytest.mark.parametrize("program", [(sys.executable, "-m", "faspmgr"), (f"{sysconfig.get_path('scripts')}/faspmgr",)])
def test_interrupted_while_it_starts(tmp_path: Path, program: tuple[str, ...]) -> None:
    """In the middle of an import, and where Python only prints what an exception was, and goes on."""
    folder = tmp_path / "click"
    folder.mkdir()
    kill = "os.kill(os.getpid(), signal.SIGINT)"
    (folder / "__init__.py").write_text(
        f"import os, signal\nclass Finished:\n    def __del__(self): {kill}\nFinished()\n{kill}\n"
    )
    environment = {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    if os.path.exists(program[0]):
        assert run("describe", "STATS", program=program, environment=environment) == (130, "", "")


def test_interrupted_while_following(fixtures: Path) -> None:
    path = fixtures / "sessions" / "breaks-off.fasp"
    with start("decode", "--follow", path) as process:
        assert process.stdout
        lines = [process.stdout.readline() for _ in range(6)]  # README: 6 whole messages
        assert json.loads(lines[-1])["type"] == "STATS"
        assert interrupt(process) == (130, "", "")


def test_follow_through_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "growing.fasp"
    path.write_bytes(b"FASPMGR 2\nType: STATS\nSize: 1\n\n")
    with start("decode", "--follow", "--fields", "size", path) as process:
        assert process.stdout
        assert process.stdout.readline() == b'{"size":1}\n'
        path.write_bytes(b"")
        time.sleep(0.3)  # more than the time between two looks at the file
        path.write_bytes(b"FASPMGR 2\nType: STATS\nSize: 2\n\n")
        assert process.stdout.readline() == b'{"size":2}\n'
        assert interrupt(process).status == 130


def test_follow_reads_one_file(fixtures: Path) -> None:
    path = fixtures / "examples" / "done.fasp"
    result = invoke("decode", "--follow", path, path)
    assert (result.status, result.out) == (2, b"")
    assert "--follow reads one FILE" in result.err


FULL = ["decode FILE", "decode --format csv FILE", "summary FILE", "summary --json FILE", "check FILE",
        "check --json FILE", "describe", "describe 44", "encode cancel", "--version", "--help"]  # fmt: skip


@pytest.mark.parametrize("args", FULL)
@pytest.mark.parametrize(
    ("output", "words"), [(">/dev/full", "No space left on device"), (">&-", "Bad file descriptor")]
)
def test_output_that_fails(args: str, output: str, words: str, fixtures: Path) -> None:
    path = fixtures / "sessions" / "two-sessions.fasp"
    result = shell(f"faspmgr {args.replace('FILE', '$1')} {output}", path)
    assert result.status == 2
    assert result.err in (f"faspmgr: <stdout>: {words}\n", f"faspmgr: {words}\n")


def test_input_that_is_closed() -> None:
    assert shell("faspmgr decode <&-") == (2, "", "<stdin>: Bad file descriptor\n")


@pytest.mark.parametrize("errors", ["2>&-", "2>/dev/full"])
@pytest.mark.parametrize("args", ["decode nosuch", "decode --nosuch", "describe nosuch"])
def test_standard_error_that_fails(args: str, errors: str) -> None:
    assert shell(f"faspmgr {args} {errors}; echo $?").lines == ["2"]


# -- bad input


def test_a_missing_file_among_others(fixtures: Path) -> None:
    done = fixtures / "examples" / "done.fasp"
    for name in READING:
        result = invoke(name, "nosuch.fasp", done)
        assert (result.status, result.errors) == (2, ["nosuch.fasp: No such file or directory"])
        assert result.out  # of the other file


def test_the_gravest_status_stays(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(b"\x1f\x8b")
    for files in ([str(path), "nosuch"], ["nosuch", str(path)]):
        assert invoke("decode", *files).status == 4


@pytest.mark.parametrize("name", READING)
@pytest.mark.parametrize(
    ("path", "words"),
    [("/", "Is a directory"), ("no-rights", "Permission denied"), ("/proc/self/mem", "Input/output error")],
)
def test_file_that_cannot_be_read(name: str, path: str, words: str, tmp_path: Path) -> None:
    if not path.startswith("/"):
        path = str(tmp_path / path)
        Path(path).touch(mode=0o000)
    elif not os.path.exists(path):
        pytest.skip("no file at hand that fails when it is read")
    with no_right_to_read_anything() if words.startswith("Permission") else contextlib.nullcontext():
        result = invoke(name, path)
    if path == "/" and name == "summary":  # which reads directories of recordings
        words = "no recording (*.fasp, *.fasp.gz) in this directory"
    assert (result.status, result.errors) == (2, [f"{path}: {words}"])


OPENING = [*READING, "watch", "replay", "view channel"]


@pytest.mark.parametrize("args", OPENING)
def test_rights_are_seen_when_a_file_is_opened(args: str, fixtures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked before, the system may say no of a file that can be read, and one such file would stop all others."""
    monkeypatch.setattr(os, "access", lambda *_, **__: False)
    assert invoke(*args.split(), fixtures / "examples" / "done.fasp").out


@pytest.mark.parametrize(("name", "status"), [("decode", 0), ("check", 0), ("summary", 3)])
def test_an_empty_file(name: str, status: int, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    result = invoke(name, path)
    assert (result.status, result.errors) == (status, [f"{path}: no messages"])


@pytest.mark.parametrize(("name", "status"), [("decode", 0), ("check", 4), ("summary", 3)])
def test_a_binary_file(name: str, status: int) -> None:
    result = invoke(name, stdin=bytes(range(256)) * 100)
    assert (result.status, len(result.errors)) == (status, 1)
    assert result.err.startswith("<stdin>:1: ")
    assert result.err.rstrip("\n").isprintable()


@pytest.mark.parametrize("name", READING)
@given(data=st.binary(max_size=500), strict=st.booleans())
def test_random_bytes(name: str, data: bytes, strict: bool) -> None:
    result = invoke(name, *(["--strict"] if strict else []), stdin=data)
    assert result.status in {"decode": (0, 4), "check": (0, 4), "summary": (0, 1, 3, 4)}[name]
    assert result.errors
    assert all(line.isprintable() for line in result.errors)


def test_a_long_stream_of_random_bytes_makes_few_lines() -> None:
    data = bytes((number * number >> 3) % 256 for number in range(300_000))
    assert len(invoke("decode", stdin=data).errors) <= 10


def test_what_was_decoded_before_a_strict_problem_is_out() -> None:
    good = b"FASPMGR 2\nType: STATS\nSize: 1\n\n"
    result = invoke("decode", "--strict", "--fields", "size", stdin=good + b"FASPMGR 2\nnonsense\n\n" + good)
    assert result == (4, b'{"size":1}\n', "<stdin>:6: not a field; line skipped: nonsense\n")


@pytest.mark.parametrize("name", READING)
def test_strict_has_status_4(name: str, fixtures: Path) -> None:
    assert invoke(name, "--strict", fixtures / "sessions" / "breaks-off.fasp").status == 4


def test_many_problems_of_a_kind_are_counted() -> None:
    result = invoke("decode", stdin=b"FASPMGR 2\nType: NOP\nnonsense\n\n" * 1234)
    assert (result.status, len(result.errors)) == (0, 11)
    assert result.errors[-1] == "<stdin>: 1,224 more of kind no-field; check lists them"


def test_problems_are_counted_for_each_file(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"FASPMGR 2\nType: NOP\nnonsense\n\n" * 12)
    result = invoke("decode", path, path)
    assert len(result.errors) == 22
    assert result.errors[10] == result.errors[21] == f"{path}: 2 more of kind no-field; check lists them"


def test_unwrap(fixtures: Path) -> None:
    plain = invoke("decode", fixtures / "logs" / "manager-line.fasp")
    for how in ("auto", "brackets", r"line=\[(.*)\]$"):
        assert invoke("decode", "--unwrap", how, fixtures / "logs" / "manager-line.log") == plain
    assert len(invoke("decode", "--unwrap", "bullets", fixtures / "documents" / "aspera-events.txt").lines) == 13


def test_unwrap_with_a_broken_pattern() -> None:
    result = invoke("decode", "--unwrap", "(")
    assert (result.status, result.out) == (2, b"")
    assert "invalid --unwrap: '('; neither auto, bullets, brackets nor a regular expression" in result.err


@pytest.mark.parametrize("name", READING)
def test_from_a_file_and_through_a_pipe_is_the_same(name: str, capture: Path) -> None:
    from_file = invoke(name, capture)
    from_pipe = invoke(name, stdin=capture.read_bytes())
    assert from_pipe.status == from_file.status
    assert from_pipe.text.replace("<stdin>", str(capture)) == from_file.text
    assert from_pipe.err.replace("<stdin>", str(capture)) == from_file.err
    assert invoke(name, "-", stdin=capture.read_bytes()) == from_pipe


# -- secrets

SECRET = "s3cr3t-V4lue"
HIDING_PLACES = [
    *("Token: {}", "Password: {}", "ExtraToken: {}", "AccessSecret: {}", "HTTPPassword: {}"),
    *("Token:{}", "  Token: {}", "Token {}", "password={}", "Cookie: x\nToken: {}\nToken: {}", "Token: {}\r"),
    *("Tags: {{'aspera':{{'node':{{'access_token':'{}'}}}}}}", "Tags: {{'tok\\u0065n':'{}'}}", "Tags: {{'token':'{}'"),
]
TYPES = st.sampled_from(["INIT", "SESSION", "STATS", "DONE", "NEWTYPE"])
STREAMS = st.lists(st.tuples(TYPES, st.lists(st.sampled_from(HIDING_PLACES))), min_size=1, max_size=3)
FORMATS = ("jsonl", "csv", "tsv", "text", "fasp")
COMMAND_LINES = [
    *(f"decode --format {form}{raw}" for form in FORMATS for raw in ("", " --raw")),
    *("decode --fields token,password,tags,extra_token,access_secret", "decode --strict"),
    *("summary", "summary --json", "check", "check --json"),
]


def stream_with_secrets(messages: list[tuple[str, list[str]]], *, whole: bool) -> bytes:
    text = ""
    for kind, places in messages:
        lines = "".join(place.replace("'", '"').format(SECRET, SECRET) + "\n" for place in places)
        text += f"FASPMGR 2\nType: {kind}\nSessionId: s\n{lines}\n"
    return (text if whole else text.rstrip("\n")).encode()


@given(STREAMS, st.sampled_from(COMMAND_LINES), st.booleans())
def test_secrets_are_in_no_output(messages: list[tuple[str, list[str]]], args: str, whole: bool) -> None:
    result = invoke(*args.split(), stdin=stream_with_secrets(messages, whole=whole))
    assert SECRET not in result.text + result.err


@pytest.mark.parametrize("args", COMMAND_LINES)
def test_secrets_of_every_kind_are_in_no_output(args: str) -> None:
    data = stream_with_secrets([(kind, HIDING_PLACES) for kind in ("SESSION", "STATS", "NEWTYPE")], whole=True)
    result = invoke(*args.split(), stdin=data)
    assert SECRET not in result.text + result.err


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("raw", [[], ["--raw"]])
def test_secrets_are_shown_when_asked_for(form: str, raw: list[str]) -> None:
    data = stream_with_secrets([("SESSION", ["Token: {}", "AccessSecret: {}"])], whole=True)
    hidden = invoke("decode", "--format", form, *raw, stdin=data)
    assert hidden.text.count("***") == 2
    shown = invoke("decode", "--format", form, *raw, "--show-secrets", stdin=data)
    assert shown.text == hidden.text.replace("***", SECRET)


def test_the_token_of_the_vendor_example(fixtures: Path) -> None:
    path = fixtures / "examples" / "session.fasp"
    for args in COMMAND_LINES:
        result = invoke(*args.split(), path)
        assert "8499385" not in result.text + result.err
    assert invoke("decode", "--show-secrets", "--fields", "token", path).text == '{"token":"8499385"}\n'


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    """No descriptor stays open."""
    before = len(os.listdir("/dev/fd"))
    yield
    assert len(os.listdir("/dev/fd")) <= before
