"""The command line: what ascp makes of its options. The words of the refusals are those of a real ascp 3.9.0."""

from __future__ import annotations

import contextlib
import getpass
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.simulator import options as options_
from faspmgr.simulator import terms
from faspmgr.simulator.exceptions import OptionError
from faspmgr.simulator.messages import Stage
from faspmgr.simulator.options import Options, parse, remote

TO = ["notes.txt", "xfer@127.0.0.1:/data/out"]


def parsed(*argv: str) -> Options:
    options = parse(argv, {})
    assert options.problem is None
    return options


@pytest.mark.parametrize(
    ("argv", "name", "value"),
    [
        (["-l", "100m"], "rate", 100_000),
        (["-l1.5G"], "rate", 1_500_000),
        (["-l", "500k"], "rate", 500),
        (["-l", "20"], "rate", 20),
        (["-l", "1.2345m"], "rate", 1234),
        (["-l", "50%"], "rate", 10_000),
        (["-l", "0"], "rate", 10_000),
        (["-m", "1m"], "min_rate", 1000),
        (["-Tdql", "100m"], "rate", 100_000),
        (["-O", "33010"], "udp_port", 33010),
        (["-P", "2222"], "tcp_port", 2222),
        (["--policy=high"], "priority", 1),
        (["--policy=low"], "adaptive", "Trickle"),
        (["-C", "2:3"], "node", 1),
        (["-C", "2:3"], "nodes", 3),
        (["-C", "2:3", "--multi-session-threshold=1000000"], "multi_session_threshold", 1_000_000),
        (["-k3"], "resume", 3),
        (["-T"], "cipher", "none"),
        (["-c", "aes256"], "cipher", "aes-256"),
        (["--prec"], "precalculate", True),
        (["--user=joe"], "user", "joe"),
        (["--tags64", "eyJhIjoxfQ=="], "tags", '{"a":1}'),
        (["-M", "4000"], "managers", [("localhost", 4000)]),
        (["-M", "::1:4000", "-M", "[::1]:4001"], "managers", [("::1", 4000), ("::1", 4001)]),
        (["--file-checksum=sha1"], "checksum", "sha1"),
        (["-y", "1"], "fallback", True),
        # accepted with their arguments, and nothing comes of them
        (["-L", "/tmp", "-R", "/tmp", "-S", "x", "-E", "*", "-N", "*", "-X", "5", "-D", "-DD", "-v"], "rate", 10_000),
        (["--symbolic-links=skip", "--preserve-acls", "native", "--proxy=p", "--check-sshfp", "f"], "rate", 10_000),
    ],
)
def test_options(argv: list[str], name: str, value: Any) -> None:
    assert getattr(parsed(*argv, *TO), name) == value


@pytest.mark.parametrize(
    ("argv", "value"),
    [
        (["-p"], {"create_policy": 1, "time_policy": 7}),
        (["-d", "-p", "--preserve-file-owner-uid", "--preserve-file-owner-gid"], {"create_policy": 105}),
        (["-k", "2"], {"resume_policy": "policy_sparse_csum_old"}),
        (["--overwrite=always"], {"overwrite_policy": "overwrite_none"}),
        (["--overwrite=diff"], {"overwrite_policy": "overwrite_deny"}),
        (["--remove-after-transfer"], {"xopt_flags": 65808}),
        (["--symbolic-links=copy+force"], {"xopt_flags": 262408}),
        (["--file-crypt=encrypt"], {"xopt_flags": 336, "files_encrypt": True}),
        (["-g", "1M", "-G", "64k"], {"read_block_size": 1 << 20, "write_block_size": 65536}),
    ],
)
def test_what_session_says_of_them(argv: list[str], value: dict[str, Any]) -> None:
    """As seen of the real one."""
    values = parsed(*argv, *TO).local_values()
    assert {name: values[name] for name in value} == value


@pytest.mark.parametrize(
    ("argv", "sources", "destination", "mode"),
    [
        (["a", "b", "u@h:c"], ["a", "b"], "c", "send"),
        (["u@h:a", "u@h:b", "c"], ["a", "b"], "c", "recv"),
        (["a", "h:"], ["a"], ".", "send"),
        (["--mode=send", "--host=h", "a:b", "c"], ["a:b"], "c", "send"),
        (["--mode=recv", "--host=h", "/a", "c"], ["/a"], "c", "recv"),
        (["--source-prefix=/p", "a", "/b", "h:c"], ["/p/a", "/p/b"], "c", "send"),
        (["--", "-a", "h:c"], ["-a"], "c", "send"),
    ],
)
def test_sources_and_destination(argv: list[str], sources: list[str], destination: str, mode: str) -> None:
    options = parsed(*argv)
    assert (options.sources, options.destination, options.mode) == (sources, destination, mode)


@pytest.mark.parametrize(
    ("argv", "user", "host", "destination"),
    [
        (["--keepalive", "--mode=recv", "u@h"], "u", "h", None),
        (["--keepalive", "--mode=send", "h"], None, "h", None),
        (["--keepalive", "--mode=send", "u@h:"], "u", "h", "."),
        (["--keepalive", "--mode=send", "--user=v", "u@h"], "v", "h", None),
        (["--keepalive", "--mode=send", "--host=h", "/b"], None, "h", "/b"),
        (["--faspmgr-io", "u@h:/b"], "u", "h", "/b"),
        (["--faspmgr-io", "--mode=send", "--host=h", "--user=u", "/b"], "u", "h", "/b"),
        (["--faspmgr-io", "--keepalive", "--mode=send", "--host=h"], None, "h", None),
    ],
)
def test_persistent_sessions(argv: list[str], user: str | None, host: str, destination: str | None) -> None:
    """A persistent session has no sources, and with --keepalive its one argument is a host or, with --host, a path."""
    options = parsed("-M", "1", *argv)
    assert options.is_persistent
    assert (options.sources, options.user, options.host, options.destination) == ([], user, host, destination)


def test_a_persistent_session_is_one_session() -> None:
    with pytest.raises(OptionError, match=r"^ascp: no -C N:M parallel transfer in persistent session\.$"):
        parse(["-C", "1:2", "--keepalive", "--mode=send", "h"], {})


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        ([], 8, "no file arguments"),
        (["a"], 8, "no remote host specified"),
        (["a", "b"], 8, "no remote host specified"),
        (["--keepalive"], 8, "--keepalive requires --mode"),
        (["--keepalive", "--mode=send", "--host=h", "a", "b"], 23, "sources not allowed in keepalive mode"),
        (["--keepalive", "--mode=send", "--host=h", "--file-list=x", "b"], 23, "sources not allowed in keepalive mode"),
        (["--keepalive", "--mode=send", "h:b"], 8, "--keepalive cannot have a destination path"),
        (["--keepalive", "--mode=send", "/b"], 14, "Target address not available"),
        (["--keepalive", "--mode=send"], 8, "no remote host specified"),
        (
            ["--keepalive", "--mode=send", "--src-base=/x", "--host=h"],
            8,
            "--src-base not supported with persistent sessions",
        ),
        (
            ["--keepalive", "--mode=send", "--host=h", "/b"],
            8,
            "management -M connection required for --keepalive session",
        ),
        (["--faspmgr-io", "a", "h:b"], 23, "sources not allowed in streaming mode"),
        (["--faspmgr-io", "/b"], 8, "no remote host specified"),
        (["--faspmgr-io", "h:b"], 8, "management -M connection required for --faspmgr-io session"),
        (["--file-list=x", "h:b"], 8, "--file-list requires --mode"),
        (["--file-list=x", "--mode=send", "b"], 8, "--file-list requires --host"),
        (["--file-pair-list=x", "--mode=send", "--host=h"], 41, "destination required"),
        (["--host=h", "a", "b"], 8, "--host needs one of --mode, -wf or -wr"),
        (["h:a", "b", "-P", "1"], 8, '"user@host:" in all sources must match'),
        (["a", "h:b", "h:c"], 8, "cannot copy from one remote host to another"),
        (["h:b"], 8, "Source file list not specified"),
        (["-@", "1:2", *TO], 8, "range -@ only works with receive"),
    ],
)
def test_command_lines_that_make_no_sense(argv: list[str], code: int, words: str) -> None:
    problem = parse(argv, {}).problem
    assert problem
    assert (problem.code, problem.description) == (code, words)
    assert problem.stage in Stage


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--bogus"], "unrecognized option `--bogus'"),
        (["-F"], "invalid option -- F"),
        (["-5"], "invalid option -- 5"),
        (["-l", "abc"], "ascp: bad numeric suffix abc."),
        (["-l", "1m1"], "ascp: bad numeric suffix m1."),
        (["-l", "-5"], "ascp: -l argument must be positive."),
        (["-k", "7"], "ascp: argument to -k must be 0, 1, 2, or 3"),
        (["-C", "0:2"], "ascp: -C needs argument M:N, M <= N (M and N range: 1-128 inclusive)."),
        (["-M", "99999"], "ascp: port argument to -M must be in the range 1..65535."),
        (["-M", "x:y"], "ascp: port argument to -M must be in the range 1..65535."),
        (["-M", "x:" + "9" * 5000], "ascp: port argument to -M must be in the range 1..65535."),
        (["-M", "1"] * 33, "ascp: too many -M management channels requested (max 32)."),
        (["--mode=x"], "ascp: bad argument to --mode; need {send|recv|test-login}"),
        (["--policy=x"], "ascp: unknown transfer policy x"),
        (["--overwrite=x"], "ascp: bad argument to --overwrite; need {never|always|older|diff|diff+older}"),
        (["--file-checksum=x"], "ascp: unknown file checksum type x"),
        (["--tags", "{"], "ascp: bad argument (tags must be in json format)"),
        (["--tags", "[1]"], "ascp: bad argument (tags must be a json object, not a json array)"),
        (["--tags", "[" * 100_000], "ascp: bad argument (tags must be in json format)"),
        (["--tags64", "%"], "ascp: bad argument (tags base64 is malformed or too large)"),
        (["--multi-session-threshold=1m"], "ascp: argument to --multi-session-threshold must be a number of bytes."),
        (["-Z", "100"], "ascp: argument to -Z must be in the range 296..65535."),
        (["-u", "a\nb"], 'ascp: argument to "-u" must not contain newlines.'),
        (["-u", "x" * 300], 'ascp: argument to "-u" too long.'),
        (["-e", "/bin/true"], "ascp: prepost command not allowed when using management -M."),
        (["-@", "5"], 'ascp: argument to "-@" must be number:number.'),
        (["--simulate-speed=0"], "ascp: argument to --simulate-speed must be a positive number or max"),
        (["--simulate-speed=nan"], "ascp: argument to --simulate-speed must be a positive number or max"),
    ],
)
def test_wrong_options(argv: list[str], words: str) -> None:
    with pytest.raises(OptionError) as refused:
        parse([*argv, *TO], {})
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("u@h:/p", ("u", "h", "/p")),
        ("h:p", ("", "h", "p")),
        ("h:", ("", "h", "")),
        ("u@[::1]:/p", ("u", "::1", "/p")),
        ("/a:b", None),
        ("./a:b", None),
        ("a/b@c:d", None),
        ("u@h", None),
        ("h:a:b\nc", ("", "h", "a:b\nc")),
    ],
)
def test_remote_paths(argument: str, value: tuple[str, str, str] | None) -> None:
    assert remote(argument) == value


def test_every_option_that_is_applied_exists() -> None:
    for name in [*options_.VALUES, *options_.ACTIONS]:
        if name.startswith("--"):
            assert name[2:] in options_.LONG or f"{name[2:]}=" in options_.LONG
        else:
            assert name[1] in options_.SHORT


WORDS = ["-l", "-C", "-@", "-M", "--mode", "1", "a:b", "--tags", "{}", "-k", "\udcff", "é", "-"]


@given(st.lists(st.sampled_from(WORDS)))
def test_no_command_line_brings_it_down(argv: list[str]) -> None:
    with contextlib.suppress(OptionError):
        options = parse(argv, {})
        assert options.local_values().keys() >= options.bare_values().keys()


def test_secrets_are_not_in_its_repr() -> None:
    options = parse(["-W", "sesame", "--proxy-auth-pass=sesame", *TO], {"ASPERA_SCP_PASS": "sesame"})
    assert "sesame" not in repr(options)


@pytest.mark.skipif(sys.platform == "win32", reason="users have names there")
def test_a_user_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", fail)
    assert terms.local_user() == "user"


@pytest.mark.parametrize(
    "name", ["-u", "--user", "--host", "--partial-file-suffix", "--file-manifest-inprogress-suffix"]
)
@pytest.mark.parametrize("end", ["\n", "\r"])
def test_no_option_forges_a_field(name: str, end: str) -> None:
    with pytest.raises(OptionError, match="must not contain newlines"):
        parse([name, f"a{end}Type: DONE", *TO], {})
    with pytest.raises(OptionError, match="ASPERA_SCP_COOKIE must not contain newlines"):
        parse(TO, {"ASPERA_SCP_COOKIE": f"a{end}b"})
    problem = parse(["notes.txt", f"a{end}b@h:c"], {}).problem
    assert problem
    assert problem.description == "no remote host specified"
