"""ascp's command line as others write it. What is expected follows from how ascp 3.9.0 read such lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faspmgr.ascp import (
    OPTIONS,
    command_line,
    has_option,
    option_value,
    option_words,
    retry_argv,
    secrets_in,
    session_argv,
    with_option,
)

ARGV = ["ascp", "-QT", "-l300m", "-m", "1m", "--policy=fair", "--user", "xfer", "-dk2", "a.bin", "host:/in"]


VALUES = {"-l": "300m", "-m": "1m", "--policy": "fair", "--user": "xfer", "-k": "2"}
VALUES |= {"-Q": "", "-T": "", "-d": ""}


@pytest.mark.parametrize("name", [*VALUES, "-u", "--host"])
def test_option_in_every_form(name: str) -> None:
    assert option_value(ARGV, name) == VALUES.get(name)
    assert has_option(ARGV, name) == (name in VALUES)


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("ascp a.bin /out -u hello", "-u", None),  # seen: all of these are file names to ascp
        ("ascp -- -u hello", "-u", None),
        ("ascp - -u hello", "-u", None),
        ("ascp -l -u hello", "-u", None),  # the value of -l, then a file name
        ("ascp --policy -u hello", "-u", None),
        ("ascp -dlu hello", "-u", None),  # the value of -l is "u"
        ("ascp --source-prefix=-u", "-u", None),
        ("ascp -u", "-u", None),  # no value
        ("-u hello", "-u", None),  # the name of the program
        ("ascp", "-u", None),
        ("", "-u", None),
        ("ascp -u one -u two", "-u", "two"),  # the last one counts
        ("ascp --poli=fixed", "--policy", "fixed"),  # long options may be shortened
        ("ascp --file-li names", "--file-list", "names"),
        ("ascp --tags={}", "--tags", "{}"),  # a whole name, though --tags64 begins so too
        ("ascp --skip", "--skip-special-files", None),  # seen: ambiguous
        ("ascp --help", "-h", ""),
        ("ascp --from-the-future --and=more -1x -u job", "-u", "job"),  # unknown ones are skipped
    ],
)
def test_the_value_of_an_option(line: str, name: str, value: str | None) -> None:
    assert option_value(line.split(), name) == value
    assert has_option(line.split(), name) == (value is not None)


def test_a_name_that_ascp_does_not_have_is_an_error() -> None:
    with pytest.raises(KeyError):
        has_option(ARGV, "--udp-port")
    with pytest.raises(KeyError):
        option_words("-F")


def test_values_are_replaced_where_they_stand() -> None:
    line = ARGV
    for name, value in (("-l", "5m"), ("-m", "5m"), ("--policy", "low"), ("--user", "root"), ("-k", "3")):
        line = with_option(line, name, value)
    assert " ".join(line) == "ascp -QT -l5m -m 5m --policy=low --user root -dk3 a.bin host:/in"
    assert with_option(ARGV, "-T") == ARGV


@pytest.mark.parametrize(
    ("line", "words", "expected"),
    [
        ("ascp --unknown value a", ("-u", "x"), "ascp -u x --unknown value a"),  # right behind the program
        ("ascp a", ("--keepalive",), "ascp --keepalive a"),
        ("ascp -M 1000 a", ("-M", "2000"), "ascp -M 2000 -M 1000 a"),  # management ports add up
    ],
)
def test_new_options(line: str, words: tuple[str, ...], expected: str) -> None:
    assert with_option(line.split(), *words) == expected.split()


def test_the_line_that_was_given_is_left_alone() -> None:
    before = list(ARGV)
    with_option(ARGV, "-l", "1m")
    session_argv(ARGV, 1, 2, 33002)
    retry_argv(ARGV)
    assert before == ARGV


def test_sessions() -> None:
    assert session_argv(["ascp", "a", "h:b"], 2, 3) == ["ascp", "-C", "2:3", "a", "h:b"]
    assert session_argv(["ascp", "-O33001", "a"], 1, 2, 33005) == ["ascp", "-C", "1:2", "-O33005", "a"]
    assert session_argv(["ascp", "a"], 128, 128, 40000) == ["ascp", "-O", "40000", "-C", "128:128", "a"]


@pytest.mark.parametrize(("index", "count"), [(0, 2), (3, 2), (1, 0), (1, 129), (-1, -1)])
def test_sessions_out_of_range(index: int, count: int) -> None:
    with pytest.raises(ValueError, match="1 to 128 sessions"):
        session_argv(["ascp"], index, count)


@pytest.mark.parametrize(("argv", "name"), [(["ascp", "-C", "1:2"], "-C"), (["ascp", "--keepal"], "--keepalive")])
def test_sessions_of_what_cannot_be_split(argv: list[str], name: str) -> None:
    with pytest.raises(ValueError, match=f"with {name} cannot be split"):
        session_argv(argv, 1, 2)


def test_retry_resumes_unless_told_otherwise() -> None:
    assert retry_argv(["ascp", "a", "h:b"]) == ["ascp", "-k", "1", "a", "h:b"]
    assert retry_argv(["ascp", "-Tk0", "a", "h:b"]) == ["ascp", "-Tk0", "a", "h:b"]
    assert retry_argv(["ascp", "a", "-k3"]) == ["ascp", "-k", "1", "a", "-k3"]  # a file name


# fmt: off
SECRETS: list[tuple[list[str], tuple[str, ...]]] = [
    (["-W", "tok en"], ("tok en",)), (["-TWtoken", "-W", "other"], ("token", "other")),
    (["--proxy=dnat://bob:pw@h:9091"], ("pw",)), (["--prox", "dnats://bob:p@w:d@h"], ("p@w:d",)),
    (["--proxy=dnat://bob@corp:pw@h:9091"], ("pw",)), (["--proxy=dnat://bob@h:9091"], ()),
    (["--proxy=dnat://h:9091"], ()), (["--proxy-auth-pass=pw"], ("pw",)),
    (["--local-enc-pass", "a", "--remote-dec-pass=b"], ("a", "b")), (["a", "s3://key:secret@host/bucket"], ("secret",)),
    (["a", "-W", "a file name"], ()), (["-W"], ()), (["--proxy="], ()),
]
# fmt: on


@pytest.mark.parametrize(("argv", "secrets"), SECRETS)
def test_secrets_of_a_command_line(argv: list[str], secrets: tuple[str, ...]) -> None:
    assert secrets_in(["ascp", *argv]) == secrets


def test_no_option_comes_twice_in_the_table() -> None:
    names = [name for option in OPTIONS for name in option.names]
    assert len(names) == len(set(names))
    assert all(option.names for option in OPTIONS)


_WITH_VALUE = st.sampled_from([option for option in OPTIONS if option.value and not option.repeats])
_WORDS = st.one_of(
    st.text("-=ab\udce9 ", max_size=4),
    st.builds(lambda option, value: option_words(option.names[0], value)[0], st.sampled_from(OPTIONS), st.just("v")),
)


@given(st.lists(_WORDS, max_size=6), _WITH_VALUE, st.text(max_size=4))
def test_an_option_that_was_set_is_there(words: list[str], option: object, value: str) -> None:
    assert isinstance(option, type(OPTIONS[0]))
    name = option.names[0]
    assert option_value(with_option(["ascp", *words], name, value), name) == value


def test_a_command_line_is_made_of_text_and_paths() -> None:
    words: list[str | Path] = ["ascp", Path("/data/caf\udce9"), "", "host:/in"]
    made = command_line(words)
    assert made == ["ascp", "/data/caf\udce9", "", "host:/in"]
    assert command_line(tuple(made)) == made
    assert command_line(made) is not made


class BytesPath:
    def __fspath__(self) -> bytes:
        return b"a-secret"


@pytest.mark.parametrize("words", ["ascp a-secret", b"ascp a-secret", Path("ascp"), BytesPath()])
def test_a_command_line_is_no_single_text(words: Any) -> None:
    with pytest.raises(TypeError, match=r"list of words, not \w+: use shlex.split") as raised:
        command_line(words)
    assert "a-secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("word", "type_"), [(b"a-secret", "bytes"), (5, "int"), (None, "NoneType"), (BytesPath(), "bytes")]
)
def test_a_command_line_has_no_words_of_other_types(word: Any, type_: str) -> None:
    with pytest.raises(TypeError) as raised:
        command_line(["ascp", word])
    assert str(raised.value) == f"word 1 of the command line must be str or os.PathLike[str], not {type_}"


def test_an_empty_command_line_is_an_error() -> None:
    with pytest.raises(ValueError, match="needs at least the program"):
        command_line([])


@given(st.lists(_WORDS, max_size=8))
def test_no_command_line_is_too_odd(words: list[str]) -> None:
    for option in OPTIONS:
        assert has_option(words, option.names[0]) == (option_value(words, option.names[0]) is not None)
    assert all(any(secret in word for word in words) for secret in secrets_in(words))
