"""The command line of ascp 3.9.0, as far as it can be seen from outside.

Which options exist, whether they take an argument, and how ascp refuses a wrong one was learnt by running it: options
stand before the sources, short ones are bundled, long ones may be cut as long as they stay unique. Options that the
simulator has no use for are accepted with their arguments.

What is wrong with an option ends ascp with one line before it connects to anything (OptionError). What is wrong with
the whole, such as a missing host, is reported on the management port too (Options.problem).

The file is as long as it is because of its tables: what each option does.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import getopt
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp.options import MAX_SESSIONS, OPTIONS
from faspmgr.protocol.fields import POLICIES, WIRE_POLICIES
from faspmgr.simulator.exceptions import OptionError
from faspmgr.simulator.messages import Refusal, Stage
from faspmgr.simulator.terms import (
    CHECKSUMS,
    CREATE_DIRECTORY,
    CREATE_GID,
    CREATE_TIMES,
    CREATE_UID,
    OVERWRITE_POLICIES,
    Terms,
)

USAGE = """\
Usage: ascp [OPTION] SRC... DEST
          SRC to DEST, or multiple SRC to DEST dir
          SRC, DEST format: [[user@]host:]PATH
"""

STREAMING = "--faspmgr-io"
"""ascp 3.9.0 refuses this option. The simulator has it, as newer releases do: what streams cannot be tested without."""
_NAMES = [(name, bool(option.value)) for option in OPTIONS if not option.newer for name in option.names]
SHORT = "".join(name[1:] + ":" * takes_value for name, takes_value in _NAMES if not name.startswith("--"))
OWN_FLAGS = ["simulate-copy"]
OWN_WITH_ARGUMENT = ["simulate-play", "simulate-record", "simulate-root", "simulate-speed"]
LONG = [name[2:] + "=" * takes_value for name, takes_value in _NAMES if name.startswith("--")]
LONG += [STREAMING[2:], *OWN_FLAGS, *(f"{name}=" for name in OWN_WITH_ARGUMENT)]

MAX_CHANNELS = 32
MAX_USER_STR = 255
MAX_LIST_BYTES = 1 << 30
"""A longer file list is refused: it is read into memory."""

_POLICIES = {
    word: (policy, priority or 2) for word, (policy, priority) in POLICIES.items() if word not in WIRE_POLICIES
}
"""Words of --policy: value of Adaptive, and of Priority, which is 2 where the policy leaves it alone."""
_LINKS = {"follow": 0x10, "copy": 0x08, "copy+force": 0x40008, "skip": 0x04}
_CIPHERS = {"none": "none", "aes128": "aes-128", "aes192": "aes-192", "aes256": "aes-256"}
_XOPTS = {
    "--skip-special-files": 0x20,
    "--file-crypt=encrypt": 0x40,
    "--file-crypt=decrypt": 0x80,
    "--file-list": 0x800,
    "--file-pair-list": 0x800,
    "--remove-after-transfer": 0x10000,
    "--remove-empty-directories": 0x20000,
    "--move-after-transfer": 0x1000000,
    "--preserve-xattrs": 0x2000000,
}
"""Bits of XoptFlags by option, or by option and value, as they were seen."""
_ONE_LINE = ("-u", "--user", "--host", "--partial-file-suffix", "--file-manifest-inprogress-suffix")
"""What SESSION repeats and no path is: a line break in it would forge a field."""
_CREATES = {
    "-p": CREATE_TIMES,
    "-d": CREATE_DIRECTORY,
    "--preserve-file-owner-uid": CREATE_UID,
    "--preserve-file-owner-gid": CREATE_GID,
}


@attrs.define(kw_only=True)
class Options(Terms):
    """A command line, parsed.

    Attributes:
        argv: its words.
        values: all options as they came, with their arguments.
        managers: addresses of ``-M``.
        action: help or version, if that is all it asks for.
        mode: send, recv or test-login.
        key: path of a private key.
        log: where the log goes to: see LogFile; None or empty for nowhere.
        rate_bits: target rate, bits per second, as the log has it; None where nothing was asked for.
        min_rate_bits: minimum rate, the same.
        arguments: what stands behind the options.
        sources: paths without user and host.
        problem: what is wrong with the command line as a whole; None for nothing.
        streams: does it accept the data of files over the management port?
        copy: are files copied?
        play: recorded streams that are played instead.
        record: the folder in which runs are noted down.
        root: the folder that paths of the peer are below.
        speed: so many times faster than real; None where nothing was asked for.
    """

    argv: list[str] = attrs.field(repr=False)
    values: list[tuple[str, str]] = attrs.field(factory=list, repr=False)
    managers: list[tuple[str, int]] = attrs.field(factory=list)
    action: str = ""
    user_str: str | None = None
    cookie: str | None = None
    mode: str = ""
    key: str | None = None
    log: str | None = None
    rate_bits: int | None = None
    min_rate_bits: int | None = None
    file_list: str | None = None
    file_pair_list: str | None = None
    quiet: bool = False
    arguments: list[str] = attrs.field(factory=list)
    sources: list[str] = attrs.field(factory=list)
    problem: Refusal | None = None
    streams: bool = False
    # The simulator's own
    copy: bool = False
    play: list[str] = attrs.field(factory=list)
    record: str | None = None
    root: str = ""
    speed: float | None = None

    @property
    def direction(self) -> str:
        """Send or Receive; Send, too, where the arguments were not looked at."""
        if self.problem and self.problem.stage is Stage.ARGUMENTS:
            return "Send"
        return "Receive" if self.mode == "recv" else "Send"

    @property
    def is_persistent(self) -> bool:
        """Is it told what to transfer while it runs, until it is told to end?"""
        return self.keepalive or self.streams

    @property
    def needs_manager(self) -> str:
        """What ascp says where there is nobody to tell it."""
        return f"management -M connection required for {'--keepalive' if self.keepalive else STREAMING} session"

    @property
    def creates_directory(self) -> bool:
        """Is the destination a directory that may be created: ``-d``, implied by both kinds of lists."""
        return bool(self.create_policy & CREATE_DIRECTORY or self.file_list or self.file_pair_list)

    def bare_values(self) -> dict[str, Any]:
        """What SESSION says of a command line that makes no sense: see Terms."""
        values = Terms.bare_values(self)
        if self.problem and self.problem.stage is Stage.ARGUMENTS:
            values.update(keepalive=False, manifest_inprogress=None)
        return values


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Parse a command line.

    Args:
        argv: its words, without the program.
        environ: variables of the environment; ASPERA_SCP_COOKIE is among the terms of a session.

    Raises:
        OptionError: an option is wrong; its text is that of ascp.
    """
    try:
        values, arguments = getopt.getopt(list(argv), SHORT, LONG)
    except getopt.GetoptError as error:
        raise _option_error(error) from None
    cookie = environ.get("ASPERA_SCP_COOKIE")
    options = Options(argv=list(argv), values=values, arguments=arguments, cookie=cookie)
    if options.cookie is not None and ("\n" in options.cookie or "\r" in options.cookie):
        raise OptionError("ascp: ASPERA_SCP_COOKIE must not contain newlines.")
    for name, value in values:
        if name in _ONE_LINE and ("\n" in value or "\r" in value):
            raise OptionError(f'ascp: argument to "{name}" must not contain newlines.')
        if name in ACTIONS:
            ACTIONS[name](options, value)
        if name in VALUES:
            names, parse_value = VALUES[name]
            parsed = parse_value(value)
            values_of = zip(names.split(), parsed) if " " in names else [(names, parsed)]
            for attribute, one in values_of:
                if one is not None:
                    setattr(options, attribute, one)
        options.xopt_flags |= _XOPTS.get(name, 0) | _XOPTS.get(f"{name}={value}", 0)
        options.create_policy |= _CREATES.get(name, 0)
    if options.keepalive and options.nodes > 1:
        raise _refuse("no -C N:M parallel transfer in persistent session.")
    options.problem = _split_arguments(options)
    return options


def _option_error(error: getopt.GetoptError) -> OptionError:
    """The words of ascp for what getopt found."""
    option, words = error.opt, error.msg
    if "not recognized" in words:
        name = f"unrecognized option `--{option}'" if len(option) > 1 else f"invalid option -- {option}"
        return OptionError(name, unknown=True)
    if "unique prefix" in words:
        return OptionError(f"option `--{option}' is ambiguous", unknown=True)
    if "must not have" in words:
        return OptionError(f"option `--{option}' doesn't allow an argument")
    return OptionError(
        f"option `--{option}' requires an argument" if len(option) > 1 else f"option requires an argument -- {option}"
    )


# ---------------------------------------------------------------------------------------------------------------------
# Values: a parser makes a value of a text, or None for one that leaves things as they are, or raises OptionError

Parser = Callable[[str], Any]


def _refuse(reason: str) -> OptionError:
    return OptionError(f"ascp: {reason}")


def _rate(text: str) -> tuple[int | None, int | None]:
    """Parse a rate such as 100m: kilobits, and bits per second. Nothing, 0 and a percentage leave the default."""
    match = re.fullmatch(r"(-?)([0-9]*\.?[0-9]*)(.*)", text, re.DOTALL)
    assert match
    sign, number, suffix = match.groups()
    factor = {"": 1, "k": 1, "m": 1_000, "g": 1_000_000, "%": 0}.get(suffix.lower())
    if sign and number:
        raise _refuse("-l argument must be positive.")
    if factor is None or (suffix and number in ("", ".")):
        raise _refuse(f"bad numeric suffix {suffix}.")
    rate = float(number) * factor if number not in ("", ".") else 0.0
    return int(rate) or None, int(rate * 1000) or None


def _block_size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})([kKmM]?)", text)
    if not match:
        raise _refuse(f"bad numeric suffix {text}.")
    return int(match[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20}[match[2].lower()]


def _number(text: str, low: int, high: int, reason: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise _refuse(reason)
    return int(text)


def _in_range(low: int, high: int, reason: str) -> Parser:
    return lambda text: _number(text, low, high, reason)


def _port(option: str) -> Parser:
    return lambda text: _number(text, 0, 65535, f"argument to {option} must be in the range 0..65535.") or None


def _always(value: Any) -> Parser:
    return lambda text: value  # noqa: ARG005


def _word(words: Mapping[str, Any] | Sequence[str], reason: str) -> Parser:
    """One of these words, or what it stands for; in reason, {} is the text."""

    def parse_word(text: str) -> Any:
        if text not in words:
            raise _refuse(reason.replace("{}", text))
        return words[text] if isinstance(words, Mapping) else text

    return parse_word


def _user_str(text: str) -> str:
    if len(os.fsencode(text)) > MAX_USER_STR:
        raise _refuse('argument to "-u" too long.')
    return text


def _part(text: str) -> tuple[int, int]:
    match = re.fullmatch("([0-9]{1,3}):([0-9]{1,3})", text)
    node, nodes = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= node <= nodes <= MAX_SESSIONS:
        raise _refuse(f"-C needs argument M:N, M <= N (M and N range: 1-{MAX_SESSIONS} inclusive).")
    return node - 1, nodes


def _threshold(text: str) -> int:
    if not re.fullmatch("[0-9]{1,19}", text):
        raise _refuse("argument to --multi-session-threshold must be a number of bytes.")
    return int(text)


def _range(text: str) -> tuple[int, int]:
    match = re.fullmatch("([0-9]{1,18}):([0-9]{1,18})", text)
    if not match:
        raise _refuse('argument to "-@" must be number:number.')
    if int(match[1]) > int(match[2]):
        raise _refuse('arguments to "-@" must be low:high.')
    return int(match[1]), int(match[2])


def _cipher(text: str) -> str:
    word = text.lower().replace("-", "")
    if word not in _CIPHERS:
        raise _refuse(f"Unrecognized transport encryption type: {text}")
    return _CIPHERS[word]


def _tags(text: str) -> str:
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        raise _refuse("bad argument (tags must be in json format)") from None
    if not isinstance(tags, dict):
        kind = {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(tags), "number")
        raise _refuse(f"bad argument (tags must be a json object, not a json {kind})")
    return json.dumps(tags, separators=(",", ":")) if "\n" in text or "\r" in text else text


def _tags64(text: str) -> str:
    try:
        return _tags(base64.b64decode(text, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise _refuse("bad argument (tags base64 is malformed or too large)") from None


def _prefix64(text: str) -> str:
    try:
        return os.fsdecode(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise _refuse("--source-prefix64 decoding error") from None


def _speed(text: str) -> float:
    with contextlib.suppress(ValueError):
        speed = float("inf") if text == "max" else float(text)
        if speed > 0:
            return speed
    raise _refuse("argument to --simulate-speed must be a positive number or max")


VALUES: Mapping[str, tuple[str, Parser]] = {
    "-h": ("action", _always("help")),
    "--help": ("action", _always("help")),
    "-A": ("action", _always("version")),
    "--version": ("action", _always("version")),
    "-u": ("user_str", _user_str),
    "-l": ("rate rate_bits", _rate),
    "-m": ("min_rate min_rate_bits", _rate),
    "-O": ("udp_port", _port("-O")),
    "-P": ("tcp_port", _port("-P")),
    "-i": ("key", str),
    "-q": ("quiet", _always(True)),
    "-L": ("log", str),
    "-T": ("cipher", _always("none")),
    "-c": ("cipher", _cipher),
    "-k": ("resume", _word({"0": 0, "1": 1, "2": 2, "3": 3}, "argument to -k must be 0, 1, 2, or 3")),
    "-C": ("node nodes", _part),
    "-@": ("range", _range),
    "--multi-session-threshold": ("multi_session_threshold", _threshold),
    "-Z": ("datagram_size", _in_range(296, 65535, "argument to -Z must be in the range 296..65535.")),
    "-g": ("read_block_size", _block_size),
    "-G": ("write_block_size", _block_size),
    "-y": ("fallback", _word({"0": False, "1": True, "F": True}, "-y argument must be 0, 1 or F.")),
    "--mode": ("mode", _word(("send", "recv", "test-login"), "bad argument to --mode; need {send|recv|test-login}")),
    "--user": ("user", str),
    "--host": ("host", str),
    "--policy": ("adaptive priority", _word(_POLICIES, "unknown transfer policy {}")),
    "--keepalive": ("keepalive", _always(True)),
    STREAMING: ("streams", _always(True)),
    "--precalculate-job-size": ("precalculate", _always(True)),
    "--overwrite": (
        "overwrite",
        _word(tuple(OVERWRITE_POLICIES), "bad argument to --overwrite; need {never|always|older|diff|diff+older}"),
    ),
    "--file-checksum": ("checksum", _word(CHECKSUMS, "unknown file checksum type {}")),
    "--file-list": ("file_list", str),
    "--file-pair-list": ("file_pair_list", str),
    "--file-crypt": (
        "file_crypt",
        _word(("encrypt", "decrypt"), "bad argument to --file-crypt; need {encrypt|decrypt}"),
    ),
    "--file-manifest": ("manifest", _word(("text", "none"), "Bad manifest type: {}")),
    "--file-manifest-path": ("manifest_path", str),
    "--file-manifest-inprogress-suffix": ("manifest_inprogress", str),
    "--partial-file-suffix": ("partial_suffix", str),
    "--source-prefix": ("source_prefix", str),
    "--source-prefix64": ("source_prefix", _prefix64),
    "--src-base": ("source_base", str),
    "--tags": ("tags", _tags),
    "--tags64": ("tags", _tags64),
    "--retry-timeout": ("retry_timeout", _in_range(1, 65535, "option --retry-timeout argument must be in [1..65535]")),
    "--simulate-copy": ("copy", _always(True)),
    "--simulate-record": ("record", str),
    "--simulate-root": ("root", str),
    "--simulate-speed": ("speed", _speed),
}
"""What an option sets: an attribute of Options, or two, and how its value is parsed."""


def _add_manager(options: Options, text: str) -> None:
    host, _, port = text.rpartition(":")
    number = _number(port, 1, 65535, "port argument to -M must be in the range 1..65535.")
    if len(options.managers) == MAX_CHANNELS:
        raise _refuse(f"too many -M management channels requested (max {MAX_CHANNELS}).")
    options.managers.append((host.strip("[]") or "localhost", number))


def _set_links(options: Options, text: str) -> None:
    if text not in _LINKS:
        raise _refuse("bad argument to --symbolic-links; need {follow|copy|copy+force|skip}")
    options.xopt_flags = options.xopt_flags & ~_LINKS["follow"] | _LINKS[text]


def _refuse_script(options: Options, text: str) -> None:
    raise _refuse("prepost command not allowed when using management -M.")


ACTIONS: Mapping[str, Callable[[Options, str], None]] = {
    "-M": _add_manager,
    "-e": _refuse_script,
    "--symbolic-links": _set_links,
    "--simulate-play": lambda options, text: options.play.append(text),
}
"""What an option does, where that is more than to set an attribute."""

# ---------------------------------------------------------------------------------------------------------------------
# Sources and destination


def _split_arguments(options: Options) -> Refusal | None:
    """Find sources, destination, host and direction; what is wrong with them ends the session with an ERROR.

    Tested in the order in which ascp does.
    """
    listed = options.file_list or options.file_pair_list
    named = bool(options.host and options.mode)
    if options.keepalive and not options.mode:
        return Refusal(8, "--keepalive requires --mode", Stage.STARTUP)
    if listed and not options.mode:
        return Refusal(8, "--file-list requires --mode", Stage.STARTUP)
    if listed and not options.host:
        return Refusal(8, "--file-list requires --host", Stage.STARTUP)
    if options.is_persistent and (listed or len(options.arguments) > 1):
        mode = "keepalive" if options.keepalive else "streaming"
        return Refusal(23, f"sources not allowed in {mode} mode", Stage.ARGUMENTS)
    if options.keepalive and options.source_base is not None:
        return Refusal(8, "--src-base not supported with persistent sessions", Stage.STARTUP)
    if not options.arguments and not options.is_persistent:
        return Refusal(41 if listed else 8, "destination required" if listed else "no file arguments", Stage.ARGUMENTS)
    if options.host and not options.mode:
        return Refusal(8, "--host needs one of --mode, -wf or -wr", Stage.STARTUP)
    if options.arguments:
        *options.sources, options.destination = options.arguments
    split = _split_host if options.keepalive else _split_remote
    problem = None if named else split(options)
    if problem:
        return problem
    if not options.is_persistent:
        options.destination = options.destination or "."
        if not (options.sources or listed):
            return Refusal(8, "Source file list not specified")
    elif not options.managers:
        return Refusal(8, options.needs_manager, Stage.STARTUP)
    if options.range and options.mode != "recv":
        return Refusal(8, "range -@ only works with receive", Stage.STARTUP)
    prefix = options.source_prefix
    if prefix:
        options.sources = [os.path.join(prefix, source.lstrip("/")) for source in options.sources]
    return None


def _split_host(options: Options) -> Refusal | None:
    """Find user and host where --keepalive stands without --host: its one argument is a host, and has no path."""
    if options.destination is None:
        return Refusal(8, "no remote host specified", Stage.STARTUP)
    user, host, path = remote(options.destination) or remote(f"{options.destination}:") or ("", "", None)
    if path:
        return Refusal(8, "--keepalive cannot have a destination path", Stage.STARTUP)
    if not host:  # a path, which ascp takes for the name of a host
        return Refusal(14, "Target address not available", Stage.STARTUP)
    options.user, options.host = options.user or user or None, host
    options.destination = "." if options.destination.endswith(":") else None
    return None


def _split_remote(options: Options) -> Refusal | None:
    """Split user and host from the remote ones of sources and destination."""
    target = remote(options.destination or "")
    origins = [remote(source) for source in options.sources]
    if target and any(origins):
        return Refusal(8, "cannot copy from one remote host to another", Stage.STARTUP)
    if not target and not any(origins):
        return Refusal(8, "no remote host specified", Stage.STARTUP)
    found = target or next(origin for origin in origins if origin)
    assert found
    if not target and any(origin is None or origin[:2] != found[:2] for origin in origins):
        return Refusal(8, '"user@host:" in all sources must match', Stage.STARTUP)
    options.user, options.host = options.user or found[0] or None, found[1]
    if target:
        options.destination = target[2]
    else:
        options.sources = [origin[2] for origin in origins if origin]
    options.mode = options.mode or ("send" if target else "recv")
    return None


def remote(argument: str) -> tuple[str, str, str] | None:
    """Split ``[[user@]host:]path`` into user, host and path; None for a path without a host."""
    match = re.fullmatch(r"(?:([^@/:\n\r]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^/:@\n\r]+):(.*)", argument, re.DOTALL)
    return (match[1] or "", match[2].strip("[]"), match[3]) if match else None
