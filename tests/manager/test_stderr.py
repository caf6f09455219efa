"""The standard error of ascp."""

from __future__ import annotations

import json
import time

from tests.live import MakeAscp
from tests.manager.transfers import run


def test_standard_error_is_passed_on_and_its_tail_kept(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "for n in range(1000): print('line', n, file=sys.stderr)\n"
        "sys.stderr.write('no end of a line'); sys.stderr.flush()\n"
        "wire = began(); wire.sendall(DONE)"
    )
    lines: list[bytes] = []
    result = run([path], on_stderr=lines.append)
    assert b"".join(lines) == b"".join(b"line %d\n" % n for n in range(1000)) + b"no end of a line"
    assert result.stderr == (*(f"line {n}" for n in range(981, 1000)), "no end of a line")


def test_a_line_without_end_on_standard_error(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("sys.stderr.buffer.write(b'x' * 3_000_000); wire = began(); wire.sendall(DONE)")
    pieces: list[bytes] = []
    result = run([path], on_stderr=pieces.append)
    assert result.verdict == "done"
    assert b"".join(pieces) == b"x" * 3_000_000
    assert sum(map(len, result.stderr)) < 1_000_000


def test_secrets_on_standard_error_are_hidden(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "print('token', option('-W'), 'pass', os.environ['ASPERA_SCP_PASS'], file=sys.stderr)\n"
        "wire = began(); wire.sendall(error(19, 'bad')); sys.exit(1)"
    )
    lines: list[bytes] = []
    result = run(
        [path, "-W", "tok-3n", "a", "h:b"], environment={"ASPERA_SCP_PASS": "pa55word"}, on_stderr=lines.append
    )
    assert lines == [b"token *** pass ***\n"]
    assert result.stderr == ("token *** pass ***",)
    assert "tok-3n" not in repr(result) + json.dumps(result.to_dict())


def test_what_was_written_just_before_the_exit(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("sys.stderr.write('x' * 60_000 + '\\nthe last\\n'); sys.stderr.flush(); os._exit(1)")
    pieces: list[bytes] = []
    assert run([path], on_stderr=pieces.append).stderr[-1] == "the last"
    assert b"".join(pieces) == b"x" * 60_000 + b"\nthe last\n"


def test_somebody_else_who_holds_it_open(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp(
        "wire = began(); wire.sendall(DONE)\nif os.fork(): os._exit(0)\nwire.close()\n"
        "for n in range(8): time.sleep(0.2); print('noise', file=sys.stderr, flush=True)"
    )
    before = time.monotonic()
    assert run([path]).verdict == "done"
    assert time.monotonic() - before < 1.4


def test_a_secret_that_is_a_part_of_another(scripted_ascp: MakeAscp) -> None:
    path = scripted_ascp("print('abcdef abc', file=sys.stderr); wire = began(); wire.sendall(DONE)")
    variables = {"ASPERA_SCP_PASS": "abc", "ASPERA_SCP_TOKEN": "abcdef"}
    assert run([path], environment=variables).stderr == ("*** ***",)
