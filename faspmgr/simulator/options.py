"""The command line of ascp 3.9.0, as far as it can be seen from outside.

Which options exist, whether they take an argument, and what ascp says to a wrong one was learnt by running it: options
stand before the sources, short ones are bundled, long ones may be cut as long as they stay unique. Options that the
simulator has no use for are accepted with their arguments.

What is wrong with an option ends ascp with one line before it connects to anything (OptionError). What is wrong with
the whole, such as a missing host, is said on the management port too (Options.problem).
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import enum
import getopt
import getpass
import json
import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp.options import MAX_SESSIONS, OPTIONS
from faspmgr.errors import OptionError
from faspmgr.simulator.messages import XOPT_BARE, XOPT_LOCAL

USAGE = """\
Usage: ascp [OPTION] SRC... DEST
          SRC to DEST, or multiple SRC to DEST dir
          SRC, DEST format: [[user@]host:]PATH
"""

_NAMES = [(name, bool(option.value)) for option in OPTIONS if not option.newer for name in option.names]
SHORT = "".join(name[1:] + ":" * takes_value for name, takes_value in _NAMES if not name.startswith("--"))
OWN_FLAGS = ["simulate-copy"]
OWN_WITH_ARGUMENT = ["simulate-play", "simulate-record", "simulate-root", "simulate-speed"]
LONG = [name[2:] + "=" * takes_value for name, takes_value in _NAMES if name.startswith("--")]
LONG += [*OWN_FLAGS, *(f"{name}=" for name in OWN_WITH_ARGUMENT)]

MAX_CHANNELS = 32
MAX_USER_STR = 255
MAX_LIST_BYTES = 1 << 30
"""A longer file list is refused: it is read into memory."""

_POLICIES = {"fixed": ("Fixed", 2), "high": ("Adaptive", 1), "fair": ("Adaptive", 2), "low": ("Trickle", 2)}
_OVERWRITES = {
    "never": "overwrite_none",
    "always": "overwrite_none",
    "older": "overwrite_none",
    "diff": "overwrite_deny",
    "diff+older": "overwrite_none",
}
_RESUMES = {"0": "policy_none", "1": "policy_attrs", "2": "policy_sparse_csum_old", "3": "policy_full_csum"}
_LINKS = {"follow": 0x10, "copy": 0x08, "copy+force": 0x40008, "skip": 0x04}
_CIPHERS = {"none": "none", "aes128": "aes-128", "aes192": "aes-192", "aes256": "aes-256"}
_CHECKSUMS = ("sha-512", "sha-384", "sha-256", "sha1", "md5", "none")
_XOPTS = {
    "--skip-special-files": 0x20,
    "--remove-after-transfer": 0x10000,
    "--remove-empty-directories": 0x20000,
    "--move-after-transfer": 0x1000000,
    "--preserve-xattrs": 0x2000000,
    "--file-list": 0x800,
    "--file-pair-list": 0x800,
}
_ONE_LINE = ("-u", "--user", "--host", "--partial-file-suffix", "--file-manifest-inprogress-suffix")
"""What SESSION repeats and no path is: a line break in it would forge a field."""
_CREATES = {"-p": 0x01, "-d": 0x08, "--preserve-file-owner-uid": 0x20, "--preserve-file-owner-gid": 0x40}


class Stage(enum.Enum):
    """How far ascp gets before it finds a problem; its SESSION says the more the later that is."""

    ARGUMENTS = 1
    STARTUP = 2
    SESSION = 3


@attrs.frozen
class Refusal:
    """Why there is no transfer: code and Description of the ERROR, and when it is found."""

    code: int
    description: str
    stage: Stage = Stage.SESSION


@attrs.define
class Options:
    """A command line, understood.

    managers: addresses of -M. Rates are Kbps. sources, destination: without user and host. values: all options as they
    came, for whoever needs another one.
    """

    argv: list[str] = attrs.field(repr=False)
    values: list[tuple[str, str]] = attrs.field(factory=list, repr=False)
    managers: list[tuple[str, int]] = attrs.field(factory=list)
    action: str = ""
    user_str: str | None = None
    cookie: str | None = None
    rate: int = 10_000
    min_rate: int = 0
    adaptive: str = "Adaptive"
    priority: int = 2
    udp_port: int = 33001
    tcp_port: int = 22
    cipher: str = "aes-128"
    resume: int = 0
    create_policy: int = 0
    xopt_flags: int = XOPT_BARE | XOPT_LOCAL
    node: int = 0
    nodes: int = 1
    range: tuple[int, int] | None = None
    mode: str = ""
    user: str | None = None
    host: str | None = None
    key: str | None = None
    file_list: str | None = None
    file_pair_list: str | None = None
    source_prefix: str = ""
    source_base: str | None = None
    overwrite: str | None = None
    checksum: str = "none"
    partial_suffix: str | None = None
    tags: str | None = None
    retry_timeout: int | None = None
    precalculate: bool = False
    keepalive: bool = False
    fallback: bool = False
    quiet: bool = False
    arguments: list[str] = attrs.field(factory=list)
    sources: list[str] = attrs.field(factory=list)
    destination: str | None = None
    problem: Refusal | None = None
    # The simulator's own
    copy: bool = False
    play: list[str] = attrs.field(factory=list)
    record: str | None = None
    root: str = ""
    speed: float | None = None

    @property
    def direction(self) -> str:
        return "Receive" if self.mode == "recv" else "Send"

    @property
    def creates_directory(self) -> bool:
        """Is the destination a directory that may be created: -d, implied by both kinds of lists."""
        return bool(self.create_policy & 0x08 or self.file_list or self.file_pair_list)

    def session_values(self) -> dict[str, Any]:
        """What SESSION says of a command line that is in order, before the peer has answered: see Messages.session."""
        manifest = self._value("--file-manifest", "none")
        return {
            **self.bare_values(),
            "rate": self.rate,
            "min_rate": self.min_rate,
            "user": self.user or local_user(),
            "host": self.host,
            "encryption": self.cipher != "none",
            "adaptive": self.adaptive,
            "port": self.udp_port,
            "destination": self.destination,
            "priority": self.priority,
            "fallback_protocol": "http" if self.fallback else None,
            "retry_timeout": self.retry_timeout,
            "server_hostname": self.host,
            "source_prefix": self.source_prefix or None,
            "client_user": local_user(),
            "tcp_port": self.tcp_port,
            "cipher": self.cipher,
            "resume_policy": _RESUMES[str(self.resume)],
            "create_policy": self.create_policy,
            "manifest_policy": f"manifest_{manifest}",
            "manifest_path": self._value("--file-manifest-path"),
            "manifest_inprogress": self._value("--file-manifest-inprogress-suffix", ".aspera-inprogress"),
            "overwrite_policy": _OVERWRITES[self.overwrite or "diff"],
            "rtt_autocorrect": True,
            "time_policy": 7 if self.create_policy & 0x01 else 0,
            "partial_files": self.partial_suffix or None,
            "files_encrypt": self._value("--file-crypt") == "encrypt",
            "files_decrypt": self._value("--file-crypt") == "decrypt",
            "datagram_size": int(self._value("-Z", "0")),
            "xopt_flags": self.xopt_flags,
            "ds_pipeline_depth": 32,
            "source_base": self.source_base,
            "read_block_size": _block_size(self._value("-g", "0")),
            "write_block_size": _block_size(self._value("-G", "0")),
            "cluster_num_nodes": self.nodes,
            "cluster_node_id": self.node,
            **self._range_values(),
        }

    def bare_values(self) -> dict[str, Any]:
        """The little that SESSION says when the command line as a whole makes no sense."""
        early = self.problem is not None and self.problem.stage is Stage.ARGUMENTS
        return {
            "user": self.user,
            "precalc": self.precalculate,
            "overwrite_policy": _OVERWRITES[self.overwrite] if self.overwrite else "overwrite_allow",
            "keepalive": self.keepalive and not early,
            "manifest_inprogress": None if early else ".aspera-inprogress",
            "tags": self.tags,
        }

    def _range_values(self) -> dict[str, Any]:
        if self.range is None:
            return {}
        return {"move_range": True, "move_range_low": self.range[0], "move_range_high": self.range[1]}

    def _value(self, name: str, default: Any = None) -> Any:
        return next((value for option, value in reversed(self.values) if option == name), default)


def parse(argv: Sequence[str], environ: Mapping[str, str]) -> Options:
    """Understand a command line. Raises OptionError with ascp's words for a wrong option."""
    try:
        values, arguments = getopt.getopt(list(argv), SHORT, LONG)
    except getopt.GetoptError as error:
        raise _option_error(error) from None
    options = Options(list(argv), values, arguments=arguments, cookie=environ.get("ASPERA_SCP_COOKIE"))
    if options.cookie is not None and ("\n" in options.cookie or "\r" in options.cookie):
        raise OptionError("ascp: ASPERA_SCP_COOKIE must not contain newlines.")
    for name, value in values:
        if name in _ONE_LINE and ("\n" in value or "\r" in value):
            raise OptionError(f'ascp: argument to "{name}" must not contain newlines.')
        if name in _TAKE:
            _TAKE[name](options, value)
        options.xopt_flags |= _XOPTS.get(name, 0)
        options.create_policy |= _CREATES.get(name, 0)
    options.problem = _take_arguments(options)
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
# Values


def kbps(text: str) -> int | None:
    """A rate such as 100m as Kbps; None for one that leaves the default (nothing, 0, a percentage)."""
    match = re.fullmatch(r"(-?)([0-9]*\.?[0-9]*)(.*)", text, re.DOTALL)
    assert match
    sign, number, suffix = match.groups()
    factor = {"": 1, "k": 1, "m": 1_000, "g": 1_000_000, "%": 0}.get(suffix.lower())
    if sign and number:
        raise OptionError("ascp: -l argument must be positive.")
    if factor is None or (suffix and number in ("", ".")):
        raise OptionError(f"ascp: bad numeric suffix {suffix}.")
    return int(float(number) * factor) or None if number not in ("", ".") else None


def _block_size(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,15})([kKmM]?)", text)
    if not match:
        raise OptionError(f"ascp: bad numeric suffix {text}.")
    return int(match[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20}[match[2].lower()]


def _check_block_size(options: Options, text: str) -> None:
    _block_size(text)


def _number(text: str, low: int, high: int, refusal: str) -> int:
    if not re.fullmatch("[0-9]{1,9}", text) or not low <= int(text) <= high:
        raise OptionError(f"ascp: {refusal}")
    return int(text)


def _port(option: str, text: str) -> int:
    return _number(text, 0, 65535, f"argument to {option} must be in the range 0..65535.")


def local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "user"


def _set(name: str, value: Any) -> Callable[[Options, str], None]:
    def take(options: Options, text: str) -> None:
        setattr(options, name, value)

    return take


def _text(name: str) -> Callable[[Options, str], None]:
    return lambda options, text: setattr(options, name, text)


def _choice(name: str, words: Sequence[str], refusal: str) -> Callable[[Options, str], None]:
    def take(options: Options, text: str) -> None:
        if text not in words:
            raise OptionError(f"ascp: {refusal.format(text)}")
        setattr(options, name, text)

    return take


def _take_manager(options: Options, text: str) -> None:
    host, _, port = text.rpartition(":")
    number = _number(port, 1, 65535, "port argument to -M must be in the range 1..65535.")
    if len(options.managers) == MAX_CHANNELS:
        raise OptionError(f"ascp: too many -M management channels requested (max {MAX_CHANNELS}).")
    options.managers.append((host.strip("[]") or "localhost", number))


def _take_user_str(options: Options, text: str) -> None:
    if len(os.fsencode(text)) > MAX_USER_STR:
        raise OptionError('ascp: argument to "-u" too long.')
    options.user_str = text


def _take_rate(options: Options, text: str) -> None:
    options.rate = kbps(text) or options.rate


def _take_min_rate(options: Options, text: str) -> None:
    options.min_rate = kbps(text) or options.min_rate


def _take_policy(options: Options, text: str) -> None:
    if text not in _POLICIES:
        raise OptionError(f"ascp: unknown transfer policy {text}")
    options.adaptive, options.priority = _POLICIES[text]


def _take_resume(options: Options, text: str) -> None:
    if text not in _RESUMES:
        raise OptionError("ascp: argument to -k must be 0, 1, 2, or 3")
    options.resume = int(text)


def _take_nodes(options: Options, text: str) -> None:
    match = re.fullmatch("([0-9]{1,3}):([0-9]{1,3})", text)
    node, nodes = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= node <= nodes <= MAX_SESSIONS:
        raise OptionError(f"ascp: -C needs argument M:N, M <= N (M and N range: 1-{MAX_SESSIONS} inclusive).")
    options.node, options.nodes = node - 1, nodes


def _take_range(options: Options, text: str) -> None:
    match = re.fullmatch("([0-9]{1,18}):([0-9]{1,18})", text)
    if not match:
        raise OptionError('ascp: argument to "-@" must be number:number.')
    if int(match[1]) > int(match[2]):
        raise OptionError('ascp: arguments to "-@" must be low:high.')
    options.range = int(match[1]), int(match[2])


def _take_datagram_size(options: Options, text: str) -> None:
    _number(text, 296, 65535, "argument to -Z must be in the range 296..65535.")


def _take_links(options: Options, text: str) -> None:
    if text not in _LINKS:
        raise OptionError("ascp: bad argument to --symbolic-links; need {follow|copy|copy+force|skip}")
    options.xopt_flags = options.xopt_flags & ~_LINKS["follow"] | _LINKS[text]


def _take_cipher(options: Options, text: str) -> None:
    if text.lower().replace("-", "") not in _CIPHERS:
        raise OptionError(f"ascp: Unrecognized transport encryption type: {text}")
    options.cipher = _CIPHERS[text.lower().replace("-", "")]


def _take_file_crypt(options: Options, text: str) -> None:
    if text not in ("encrypt", "decrypt"):
        raise OptionError("ascp: bad argument to --file-crypt; need {encrypt|decrypt}")
    options.xopt_flags |= 0x40 if text == "encrypt" else 0x80


def _take_manifest(options: Options, text: str) -> None:
    if text not in ("text", "none"):
        raise OptionError(f"ascp: Bad manifest type: {text}")


def _take_tags(options: Options, text: str) -> None:
    try:
        tags = json.loads(text)
    except (ValueError, RecursionError):
        raise OptionError("ascp: bad argument (tags must be in json format)") from None
    if not isinstance(tags, dict):
        kind = {list: "array", str: "string", bool: "boolean", type(None): "null"}.get(type(tags), "number")
        raise OptionError(f"ascp: bad argument (tags must be a json object, not a json {kind})")
    if "\n" in text or "\r" in text:
        text = json.dumps(tags, separators=(",", ":"))
    options.tags = text


def _take_tags64(options: Options, text: str) -> None:
    try:
        _take_tags(options, base64.b64decode(text, validate=True).decode())
    except (binascii.Error, UnicodeDecodeError):
        raise OptionError("ascp: bad argument (tags base64 is malformed or too large)") from None


def _take_prefix64(options: Options, text: str) -> None:
    try:
        options.source_prefix = os.fsdecode(base64.b64decode(text, validate=True))
    except binascii.Error:
        raise OptionError("ascp: --source-prefix64 decoding error") from None


def _take_retry_timeout(options: Options, text: str) -> None:
    options.retry_timeout = _number(text, 1, 65535, "option --retry-timeout argument must be in [1..65535]")


def _take_fallback(options: Options, text: str) -> None:
    if text not in ("0", "1", "F"):
        raise OptionError("ascp: -y argument must be 0, 1 or F.")
    options.fallback = text != "0"


def _refuse_script(options: Options, text: str) -> None:
    raise OptionError("ascp: prepost command not allowed when using management -M.")


def _take_speed(options: Options, text: str) -> None:
    with contextlib.suppress(ValueError):
        options.speed = float("inf") if text == "max" else float(text)
    if options.speed is None or not options.speed > 0:
        raise OptionError("ascp: argument to --simulate-speed must be a positive number or max")


_TAKE: Mapping[str, Callable[[Options, str], None]] = {
    "-h": _set("action", "help"),
    "--help": _set("action", "help"),
    "-A": _set("action", "version"),
    "--version": _set("action", "version"),
    "-M": _take_manager,
    "-u": _take_user_str,
    "-l": _take_rate,
    "-m": _take_min_rate,
    "-O": lambda options, text: setattr(options, "udp_port", _port("-O", text) or 33001),
    "-P": lambda options, text: setattr(options, "tcp_port", _port("-P", text) or 22),
    "-i": _text("key"),
    "-q": _set("quiet", True),
    "-T": _set("cipher", "none"),
    "-c": _take_cipher,
    "-k": _take_resume,
    "-C": _take_nodes,
    "-@": _take_range,
    "-Z": _take_datagram_size,
    "-g": _check_block_size,
    "-G": _check_block_size,
    "-e": _refuse_script,
    "-y": _take_fallback,
    "--mode": _choice("mode", ("send", "recv", "test-login"), "bad argument to --mode; need {{send|recv|test-login}}"),
    "--user": _text("user"),
    "--host": _text("host"),
    "--policy": _take_policy,
    "--keepalive": _set("keepalive", True),
    "--precalculate-job-size": _set("precalculate", True),
    "--overwrite": _choice(
        "overwrite", tuple(_OVERWRITES), "bad argument to --overwrite; need {{never|always|older|diff|diff+older}}"
    ),
    "--file-checksum": _choice("checksum", _CHECKSUMS, "unknown file checksum type {}"),
    "--file-list": _text("file_list"),
    "--file-pair-list": _text("file_pair_list"),
    "--file-crypt": _take_file_crypt,
    "--file-manifest": _take_manifest,
    "--partial-file-suffix": _text("partial_suffix"),
    "--source-prefix": _text("source_prefix"),
    "--source-prefix64": _take_prefix64,
    "--src-base": _text("source_base"),
    "--symbolic-links": _take_links,
    "--tags": _take_tags,
    "--tags64": _take_tags64,
    "--retry-timeout": _take_retry_timeout,
    "--simulate-copy": _set("copy", True),
    "--simulate-play": lambda options, text: options.play.append(text),
    "--simulate-record": _text("record"),
    "--simulate-root": _text("root"),
    "--simulate-speed": _take_speed,
}

# ---------------------------------------------------------------------------------------------------------------------
# Sources and destination


def _take_arguments(options: Options) -> Refusal | None:
    """Work out sources, destination, host and direction; what is wrong with them ends the session with an ERROR.

    In the order in which ascp finds it.
    """
    listed = options.file_list or options.file_pair_list
    named = bool(options.host and options.mode)
    if options.keepalive and not options.mode:
        return Refusal(8, "--keepalive requires --mode", Stage.STARTUP)
    if listed and not options.mode:
        return Refusal(8, "--file-list requires --mode", Stage.STARTUP)
    if listed and not options.host:
        return Refusal(8, "--file-list requires --host", Stage.STARTUP)
    if options.keepalive and len(options.arguments) > 1:
        return Refusal(23, "sources not allowed in keepalive mode", Stage.ARGUMENTS)
    if not options.arguments and not options.keepalive:
        return Refusal(41 if listed else 8, "destination required" if listed else "no file arguments", Stage.ARGUMENTS)
    if options.host and not options.mode:
        return Refusal(8, "--host needs one of --mode, -wf or -wr", Stage.STARTUP)
    if options.arguments:
        *options.sources, options.destination = options.arguments
    problem = None if named else _split_remote(options)
    if problem:
        return problem
    if not options.keepalive:
        options.destination = options.destination or "."
        if not (options.sources or listed):
            return Refusal(8, "Source file list not specified")
    if options.range and options.mode != "recv":
        return Refusal(8, "range -@ only works with receive", Stage.STARTUP)
    prefix = options.source_prefix
    if prefix:
        options.sources = [os.path.join(prefix, source.lstrip("/")) for source in options.sources]
    return None


def _split_remote(options: Options) -> Refusal | None:
    """Take user and host off the remote ones of sources and destination."""
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
    """User, host and path of ``[[user@]host:]path``; None for a path without a host."""
    match = re.fullmatch(r"(?:([^@/:\n\r]*)@)?(\[[0-9A-Fa-f:.%]+\]|[^/:@\n\r]+):(.*)", argument, re.DOTALL)
    return (match[1] or "", match[2].strip("[]"), match[3]) if match else None
