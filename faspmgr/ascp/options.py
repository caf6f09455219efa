"""ascp's options: the one place that knows them, and what a command line means that somebody else wrote.

A line of code may stand here if it is about words of a command line of ascp. It must read every command line as ascp
does, and change nothing of one but what it was asked to: no word is dropped, moved or written in another form.

How ascp reads its command line, as 3.9.0 was seen to do it:

- Options end at the first word that is not one, or at ``--``. All words after that are file names: ascp does not look
  for options behind the file names as GNU programs do.
- Short options may be bundled, and a value may be attached or be the next word: ``-dTl7m``, ``-l 7m``.
- A long option may be shortened to any beginning that fits no other, and its value may be attached or be the next word:
  ``--pol=fixed``, ``--policy fixed``.
- Where an option is given twice the last one counts, except for those that add up (``repeats``).

Where the table comes from: ``ascp -h`` of 3.9.0 and its advanced options, each one tried; those marked as newer are
from the vendor's reference of later releases. A long option that is not in the table is read as one without a value.
The file is as long as it is because of that table.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

import attrs

MAX_SESSIONS = 128
"""The most sessions of one transfer that ascp accepts in ``-C``."""


@attrs.frozen
class Option:
    """One option of ascp.

    Attributes:
        names: its spellings, such as ``-h`` and ``--help``.
        value: what its value is, such as ``MAX-RATE``; empty if it has none.
        secret: whether its value must not be shown.
        repeats: whether several add up. Of others the last one counts.
        newer: whether it came after 3.9.0.
    """

    names: tuple[str, ...]
    value: str = ""
    secret: bool = False
    repeats: bool = False
    newer: bool = False


# names, what the value is, then: ! secret, + adds up
_ROWS = """
-h --help
-A --version
-T
-d
-p
-q
-v                                +
-6
-J
-D                                +
-Q
-r
-l                                MAX-RATE
-m                                MIN-RATE
-u                                USER-STRING
-i                                PRIVATE-KEY-FILE +
-w                                DIRECTION
-K                                PROBE-RATE
-k                                RESUME-LEVEL
-Z                                DATAGRAM-SIZE
-g                                READ-SIZE
-G                                WRITE-SIZE
-L                                LOCAL-LOG-DIR
-R                                REMOTE-LOG-DIR
-S                                REMOTE-ASCP
-e                                PRE-POST
-O                                FASP-PORT
-P                                SSH-PORT
-C                                M-ID:N-COUNT
-N                                PATTERN +
-E                                PATTERN +
-f                                CONFIG-FILE
-W                                TOKEN-STRING !
-@                                RANGE-LOW:RANGE-HIGH
-X                                REXMSG-SIZE
-c                                CIPHER
-y                                0/1/F
-Y                                FILENAME
-I                                FILENAME
-t                                PORT
-x                                PROXYSERVER-ADDR[:PORT]
-M                                MGMT-PORT +
-b                                SIZE
-n                                LENGTH
-o                                OPTION=VAL,...
-z                                FILE
-a                                VALUE
-B                                VALUE
-H                                VALUE
-j                                VALUE
-s                                VALUE
-U                                VALUE
-V                                VALUE
--mode                            MODE
--user                            USERNAME
--host                            HOSTNAME
--policy                          TRANSFER_POLICY
--file-list                       FILENAME
--file-pair-list                  FILENAME
--source-prefix                   PREFIX
--source-prefix64                 PREFIX_base64
--symbolic-links                  METHOD
--remove-after-transfer
--move-after-transfer             ARCHIVE
--remove-empty-directories
--remove-empty-source-directory
--save-before-overwrite
--skip-special-files
--file-manifest                   OUTPUT
--file-manifest-path              DIRECTORY
--file-manifest-inprogress-suffix SUFFIX
--precalculate-job-size
--overwrite                       METHOD
--file-crypt                      CRYPT
--file-checksum                   HASH
--partial-file-suffix             SUFFIX
--src-base                        NAME
--proxy                           URL !
--preserve-file-owner-uid
--preserve-file-owner-gid
--allow-password-prompt
--ignore-host-key
--check-sshfp                     FINGERPRINT
--apply-local-docroot
--preserve-xattrs                 MODE
--remote-preserve-xattrs          MODE
--preserve-acls                   MODE
--remote-preserve-acls            MODE
--multi-session-threshold         THRESHOLD
--delete-before-transfer
--bind-ip-address                 ADDRESS
--local-http-test
--http-exercisers                 N
--aggressiveness                  NUMBER
--no-read
--no-write
--supplant-file-pointer
--no-mgmt-port-files
--subprocess-mode
--keepalive
--retry-timeout                   SECS
--exclude-older-than              MTIME
--exclude-newer-than              MTIME
--preserve-file-mode
--tags                            TAGS
--tags64                          TAGS
--preserve-access-time
--preserve-modification-time
--preserve-source-access-time
--preserve-creation-time
--skip-dir-traversal-dupes
--dest64
--log-tee                         LEVEL
--rtt-predictor                   METHOD
--target-queue                    METHOD
--no-directory-traversal
--check-https-cert                TYPE
--proxy-auth-name                 NAME
--proxy-auth-pass                 PASSWORD !
--local-file-crypt                CRYPT
--remote-file-crypt               CRYPT
--local-enc-pass                  PASSWORD !
--local-dec-pass                  PASSWORD !
--remote-enc-pass                 PASSWORD !
--remote-dec-pass                 PASSWORD !
"""
_NEWER_ROWS = """
--fail-bad-filepass
--faspmgr-io
--precalculate-disable
--remove-skipped
--src-base64                      NAME_base64
--ssh-arg                         ARGUMENT +
--ws-connect
"""


def _option(row: str, newer: bool = False) -> Option:
    words = row.split()
    names = tuple(word for word in words if word.startswith("-"))
    value = next((word for word in words if not word.startswith("-") and word not in "!+"), "")
    return Option(names, value, "!" in words, "+" in words, newer)


OPTIONS: tuple[Option, ...] = (
    *(_option(row) for row in _ROWS.split("\n") if row),
    *(_option(row, newer=True) for row in _NEWER_ROWS.split("\n") if row),
)
"""Every option that is known."""

_BY_NAME = {name: option for option in OPTIONS for name in option.names}


def command_line(words: Sequence[str | os.PathLike[str]]) -> list[str]:
    """Make a command line, the program first, of text and paths.

    No word is shown in an error: it may be a secret.

    Args:
        words: the words of the command line, each one a ``str`` or an ``os.PathLike`` such as ``pathlib.Path``.

    Returns:
        The same words, all as ``str``.

    Raises:
        TypeError: words is a single text or path and not a sequence, or a word is of another type.
        ValueError: words is empty.

    Example:
        >>> from pathlib import PurePosixPath
        >>> command_line(["ascp", "-d", PurePosixPath("/data/clip.mov"), "user@host:in"])
        ['ascp', '-d', '/data/clip.mov', 'user@host:in']
    """
    if isinstance(words, (str, bytes, os.PathLike)):
        raise TypeError(f"a command line is a list of words, not {type(words).__name__}: use shlex.split for text")
    texts = []
    for index, word in enumerate(words):
        text = os.fspath(word) if isinstance(word, os.PathLike) else word
        if not isinstance(text, str):
            raise TypeError(
                f"word {index} of the command line must be str or os.PathLike[str], not {type(text).__name__}"
            )
        texts.append(text)
    if not texts:
        raise ValueError("a command line needs at least the program")
    return texts


def option_words(name: str, value: str = "") -> list[str]:
    """Write an option as words of a command line.

    Args:
        name: one of its spellings.
        value: its value; not used if the option has none.

    Raises:
        KeyError: ascp has no such option.

    Example:
        >>> option_words("-l", "7m"), option_words("--policy", "fixed"), option_words("-d")
        (['-l', '7m'], ['--policy=fixed'], ['-d'])
    """
    if not _BY_NAME[name].value:
        return [name]
    return [f"{name}={value}"] if name.startswith("--") else [name, value]


@attrs.frozen
class _Found:
    """An option on a command line. Its value is ``argv[word][start:]``, empty if it has none."""

    option: Option
    word: int
    start: int


def _read(argv: Sequence[str]) -> list[_Found]:
    """The options of a command line, in order. An option whose value is missing at the very end is left out."""
    return [option for option in _walk(argv)[0] if option.word < len(argv)]


def first_argument(argv: Sequence[str]) -> int:
    """The index of the first word of a command line that is no option, and no value of one."""
    word = _walk(argv)[1]
    return word + (argv[word : word + 1] == ["--"])


def _walk(argv: Sequence[str]) -> tuple[list[_Found], int]:
    """The options of a command line, and the index of the word that ends them."""
    found: list[_Found] = []
    word = 1  # after the name of the program
    while word < len(argv) and argv[word].startswith("-") and argv[word] not in ("-", "--"):
        options = _long(argv, word) if argv[word].startswith("--") else _short(argv, word)
        found += options
        word = max([word, *(option.word for option in options)]) + 1
    return found, word


def _long(argv: Sequence[str], word: int) -> list[_Found]:
    name, equals, _ = argv[word].partition("=")
    option = _BY_NAME.get(name) or _abbreviated(name)
    if option is None:
        return []
    if not option.value:
        return [_Found(option, word, len(argv[word]))]
    return [_Found(option, word, len(name) + 1) if equals else _Found(option, word + 1, 0)]


def _abbreviated(beginning: str) -> Option | None:
    fitting = [option for name, option in _BY_NAME.items() if name.startswith(beginning)]
    return fitting[0] if len(fitting) == 1 else None


def _short(argv: Sequence[str], word: int) -> list[_Found]:
    found: list[_Found] = []
    for place, letter in enumerate(argv[word][1:], 2):
        option = _BY_NAME.get(f"-{letter}")
        if option is None:
            break
        if option.value:
            attached = place < len(argv[word])
            return [*found, _Found(option, word, place) if attached else _Found(option, word + 1, 0)]
        found.append(_Found(option, word, len(argv[word])))
    return found


def has_option(argv: Sequence[str], name: str) -> bool:
    """Whether a command line has an option.

    Args:
        argv: the command line, the program first.
        name: one of the spellings of the option, such as ``-u`` or ``--help``.

    Raises:
        KeyError: ascp has no such option.

    Example:
        >>> has_option(["ascp", "-dTl", "7m", "a", "host:b"], "-T")
        True
    """
    option = _BY_NAME[name]
    return any(found.option is option for found in _read(argv))


def option_value(argv: Sequence[str], name: str) -> str | None:
    """Read the value that ascp will use for an option.

    Args:
        argv: the command line, the program first.
        name: one of the spellings of the option.

    Returns:
        The value of its last occurrence; None if the option is not there.

    Raises:
        KeyError: ascp has no such option.

    Example:
        >>> option_value(["ascp", "-dTl", "7m", "a", "host:b"], "-l")
        '7m'
    """
    option = _BY_NAME[name]
    values = [argv[found.word][found.start :] for found in _read(argv) if found.option is option]
    return values[-1] if values else None


def with_option(argv: Sequence[str], name: str, value: str = "") -> list[str]:
    """Set an option on a command line.

    If the option is there already its value is replaced, unless it is one that adds up, such as ``-M``. A new option
    goes right behind the program, the one place where it is an option whatever the rest means.

    Args:
        argv: the command line, the program first.
        name: one of the spellings of the option.
        value: its value.

    Returns:
        A new command line; argv is not changed.

    Raises:
        KeyError: ascp has no such option.

    Example:
        >>> with_option(["ascp", "-dl7m", "a", "host:b"], "-l", "9m")
        ['ascp', '-dl9m', 'a', 'host:b']
        >>> with_option(["ascp", "a", "host:b"], "--policy", "fixed")
        ['ascp', '--policy=fixed', 'a', 'host:b']
    """
    option = _BY_NAME[name]
    words = list(argv)
    there = [found for found in _read(argv) if found.option is option]
    if not there or option.repeats:
        return [*words[:1], *option_words(name, value), *words[1:]]
    if option.value:
        for found in there:
            words[found.word] = words[found.word][: found.start] + value
    return words


def session_argv(argv: Sequence[str], index: int, count: int, udp_port: int | None = None) -> list[str]:
    """Make the command line of one session of a multi-session transfer, with ``-C index:count``.

    Args:
        argv: the command line of the whole transfer, the program first.
        index: the number of the session, from 1 to count.
        count: how many sessions there are, at most MAX_SESSIONS.
        udp_port: the UDP port of this session, for ``-O``; sessions of one host need a port each.

    Returns:
        A new command line; argv is not changed.

    Raises:
        ValueError: ascp would refuse the numbers, the command line has ``-C`` already, or it is that of a persistent
            session, which ascp cannot split.

    Example:
        >>> session_argv(["ascp", "a", "host:b"], 2, 3)
        ['ascp', '-C', '2:3', 'a', 'host:b']
    """
    if not 1 <= index <= count <= MAX_SESSIONS:
        raise ValueError(f"session {index} of {count}: a transfer can be split into 1 to {MAX_SESSIONS} sessions")
    for name in ("-C", "--keepalive"):
        if has_option(argv, name):
            raise ValueError(f"a command line with {name} cannot be split into sessions")
    words = with_option(argv, "-C", f"{index}:{count}")
    return words if udp_port is None else with_option(words, "-O", str(udp_port))


def transfers_nothing(argv: Sequence[str]) -> bool:
    """Whether ascp is only to print something, its version or its options.

    Args:
        argv: the command line, the program first.

    Example:
        >>> transfers_nothing(["ascp", "--vers"]), transfers_nothing(["ascp", "-u", "-A", "a", "host:b"])
        (True, False)
    """
    return has_option(argv, "-A") or has_option(argv, "-h")


def reads_stdin(argv: Sequence[str]) -> bool:
    """Whether ascp reads its sources, or the list of them, from standard input.

    Args:
        argv: the command line, the program first.

    Example:
        >>> reads_stdin(["ascp", "--mode=send", "--host=h", "stdio:///?1025", "/in/clip.mov"])
        True
    """
    lists = [option_value(argv, name) for name in ("--file-list", "--file-pair-list")]
    return "-" in lists or any(word.startswith(("stdio:", "stdio-tar:")) for word in argv[1:])


def retry_argv(argv: Sequence[str]) -> list[str]:
    """Make the command line of another attempt.

    Args:
        argv: the command line of the first attempt, the program first.

    Returns:
        A new command line, with ``-k 1`` (resume if size and time agree) unless it has a ``-k``.

    Example:
        >>> retry_argv(["ascp", "a", "host:b"])
        ['ascp', '-k', '1', 'a', 'host:b']
    """
    return list(argv) if has_option(argv, "-k") else with_option(argv, "-k", "1")


# user:password@ in a URL. Up to the last @, and with any @ before: what should have been escaped is then hidden too.
_URL_PASSWORD = re.compile(r"(://[^:/]*:)(.*)(?=@)", re.DOTALL)


def url_password(url: str) -> str | None:
    """The password in a URL, as it is written there; None if it has none."""
    match = _URL_PASSWORD.search(url)
    return match[2] if match else None


def without_url_password(url: str, instead: str = "") -> str:
    """A URL with its password replaced; if ``instead`` is empty, removed together with its colon."""
    return _URL_PASSWORD.sub(lambda match: match[1] + instead if instead else match[1][:-1], url)


def secrets_in(argv: Sequence[str]) -> tuple[str, ...]:
    """Find what must not be shown of a command line: tokens, passwords, and passwords in URLs anywhere.

    Args:
        argv: the command line, the program first.

    Returns:
        The texts, each one once.

    Example:
        >>> secrets_in(["ascp", "-W", "token", "--proxy=dnat://bob:pw@proxy", "a", "host:b"])
        ('pw', 'token')
    """
    secrets = [url_password(word) for word in argv]
    for found in _read(argv):
        if found.option.secret:
            value = argv[found.word][found.start :]
            secrets.append(None if "://" in value else value)  # of a URL, the password alone
    return tuple(dict.fromkeys(secret for secret in secrets if secret))
