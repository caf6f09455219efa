"""Transfer specs: the vendor's JSON description of a transfer, and the command line of ascp that carries it out.

`TransferSpec` is the one table of the properties: each attribute is a property of that name with its type, the option
or variable of ascp that takes it, and its meaning. Reading, checking, writing, the command line, `SPEC_PROPERTIES` and
the reference below its docstring all come from it.

What ascp must not be told on its command line, where every user of the machine can read it, goes through the
environment: passwords, keys, the token. The names of the files go through a list in a folder that only the owner can
enter: there may be a million of them, and none of them can be taken for an option there.
"""

from __future__ import annotations

import contextlib
import difflib
import json
import os
import posixpath
import tempfile
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any

import attrs

from faspmgr.ascp.options import MAX_SESSIONS, option_words, url_password
from faspmgr.ascp.properties import (
    MAX_RATE,
    Property,
    check_text,
    choice,
    field,
    number,
    same,
    secret,
    switch,
    text,
    type_name,
)
from faspmgr.errors import SpecError

_CIPHERS = {f"aes-{bits}{mode}": f"aes{bits}{mode[1:]}" for mode in ("", "-cfb", "-gcm") for bits in (128, 192, 256)}
_RESUME = {"none": "0", "attrs": "1", "sparse_csum": "2", "full_csum": "3"}
_RESUME_LONG = {"attributes": "1", "sparse_checksum": "2", "full_checksum": "3"}
_HASHES = ("none", "md5", "sha1", "sha-256", "sha-384", "sha-512")
_HASHES_SHORT = {name.replace("-", ""): name for name in _HASHES}
_PORT = (1, 65_535)
_TIME = (-(1 << 63), (1 << 63) - 1)


@attrs.frozen
class PathPair:
    """One of the paths of a transfer.

    source: file or directory, below ``source_root`` if the spec has one. destination: its path below
    ``destination_root``; None means the last part of source.

    Raises SpecError for an empty name, and for a line break, which ascp cannot take in a name.
    """

    source: str = attrs.field()
    destination: str | None = attrs.field(default=None)

    @source.validator
    @destination.validator
    def _check(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and attribute.name == "destination":
            return
        check_text(attribute.name, value)
        if not value:
            raise SpecError(attribute.name, "is empty")


def _path_pairs(value: Any) -> tuple[PathPair, ...]:
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise SpecError("paths", f"must be a list, not {type_name(value)}")
    return tuple(_path_pair(f"paths[{index}]", element) for index, element in enumerate(value))


def _path_pair(name: str, value: Any) -> PathPair:
    if isinstance(value, PathPair):
        return value
    if not isinstance(value, Mapping):
        raise SpecError(name, f"must be an object with source and destination, not {type_name(value)}")
    for key in value:
        if key not in ("source", "destination"):
            raise SpecError(f"{name}.{_name(key)}", "is unknown; a path has source and destination")
    if value.get("source") is None:
        raise SpecError(f"{name}.source", "is missing")
    try:
        return PathPair(value["source"], value.get("destination"))
    except SpecError as error:
        raise SpecError(f"{name}.{error.property}", error.problem) from None


def _mtime(value: Any) -> Any:
    """The vendor's documents have it as a number and as text."""
    if isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value


@attrs.frozen(kw_only=True)
class TransferSpec:
    """A transfer in the vendor's words: where from, where to, how fast, as whom.

    Attributes have the names of the vendor's properties; None, or an empty text, stands for one that is not set. Values
    are checked when the spec is made: SpecError, a ValueError, names the property that is of the wrong type, out of
    range, or contradicts another.

    Secrets are not in ``repr``, and in ``to_dict`` and ``to_json`` only with ``redact=False``.

    >>> spec = TransferSpec.from_json('''{"direction": "send", "remote_host": "example.com", "remote_user": "xfer",
    ...     "remote_password": "secret", "target_rate_kbps": 50000, "destination_root": "/in",
    ...     "paths": [{"source": "a.bin"}]}''')
    >>> with spec.prepare("/opt/aspera/bin/ascp") as ascp:
    ...     _ = subprocess.run(ascp.argv, env={**os.environ, **ascp.env})  # doctest: +SKIP

    One property asks for more than one command line: for ``multi_session`` above 1, each session is
    ``session_argv(argv, index, multi_session)``.
    """

    direction: str = field(
        Property("choice", "which way the files go", "--mode", choices={"send": "send", "receive": "recv"}),
        default=attrs.NOTHING,
    )
    remote_host: str = field(Property("text", "name or address of the server", "--host"), default=attrs.NOTHING)
    remote_user: str | None = text("--user", "login name there")
    ssh_port: int | None = number("-P", "TCP port of SSH there", *_PORT)
    fasp_port: int | None = number("-O", "UDP port of FASP there", *_PORT)

    remote_password: str | None = secret("ASPERA_SCP_PASS", "password of remote_user")
    ssh_private_key: str | None = field(
        Property("key", "private key itself, PEM with its line breaks", env="ASPERA_SCP_KEY", secret=True)
    )
    ssh_private_key_path: str | None = text("-i", "file of the private key")
    ssh_private_key_passphrase: str | None = secret("ASPERA_SCP_PASS", "passphrase of the private key")
    token: str | None = secret("ASPERA_SCP_TOKEN", "token that authorizes the transfer")
    sshfp: str | None = text("--check-sshfp", "fingerprint that the server's SSH host key must have")
    proxy: str | None = field(
        Property("url", "Aspera proxy: dnat://user:password@host:port", "--proxy", "ASPERA_PROXY_PASS", secret=True)
    )

    paths: tuple[PathPair, ...] = field(
        Property("paths", "what to transfer: list of objects with source and, if it is to change, destination"),
        default=(),
        converter=_path_pairs,
        repr=lambda pairs: repr(pairs) if len(pairs) <= 3 else f"<{len(pairs):,} paths>",
    )
    source_root: str | None = text("--source-prefix", "folder that the sources are below")
    destination_root: str | None = field(Property("text", "folder that the destinations are below"))
    create_dir: bool | None = switch("-d", "create destination_root if need be")

    target_rate_kbps: int | None = number("-l", "rate to aim at, kilobits per second", 1, MAX_RATE, "k")
    min_rate_kbps: int | None = number("-m", "rate to keep at least, kilobits per second", 0, MAX_RATE, "k")
    rate_policy: str | None = choice("--policy", "how to share bandwidth", same("fair", "high", "fixed", "low"))
    dgram_size: int | None = number("-Z", "size of datagrams, bytes", 296, 65_535)
    cipher: str | None = choice(
        "-c",
        "encryption on the way; ascp 3.9 knows aes-128, aes-192, aes-256",
        {"none": "none", **_CIPHERS},
        also=same(*_CIPHERS.values()),
    )
    content_protection: str | None = choice("--file-crypt", "encryption of the files there", same("encrypt", "decrypt"))
    content_protection_password: str | None = secret("ASPERA_SCP_FILEPASS", "passphrase of content_protection")

    resume_policy: str | None = choice("-k", "what must agree to resume a file", _RESUME, also=_RESUME_LONG)
    overwrite: str | None = choice(
        "--overwrite", "when to replace a file", same("always", "never", "diff", "older", "diff+older")
    )
    file_checksum: str | None = choice("--file-checksum", "checksum to report", same(*_HASHES), also=_HASHES_SHORT)
    precalculate_job_size: bool | None = switch("--precalculate-job-size", "count files and bytes first")
    preserve_times: bool | None = switch("-p", "keep the times of files")
    symlink_policy: str | None = choice(
        "--symbolic-links", "what to do with symbolic links", same("follow", "copy", "copy+force", "skip")
    )
    remove_after_transfer: bool | None = switch("--remove-after-transfer", "remove each source that went through")
    move_after_transfer: str | None = text("--move-after-transfer", "folder to move each source to that went through")
    delete_before_transfer: bool | None = switch(
        "--delete-before-transfer", "first delete at the destination what is not in the source"
    )
    exclude_newer_than: int | None = number(
        "--exclude-newer-than", "skip files changed after this time, seconds since 1970", *_TIME, converter=_mtime
    )
    exclude_older_than: int | None = number(
        "--exclude-older-than", "skip files changed before this time, seconds since 1970", *_TIME, converter=_mtime
    )

    http_fallback: bool | str | None = field(Property("fallback", "use HTTP if FASP does not get through", "-y"))
    http_fallback_port: int | None = number("-t", "TCP port of the HTTP server there", *_PORT)
    multi_session: int | None = number("", "how many sessions share the files; 0 and 1: one", 0, MAX_SESSIONS)
    multi_session_threshold: int | None = number(
        "--multi-session-threshold", "split files of this size and above, bytes; 0: none", 0, (1 << 63) - 1
    )
    keepalive: bool | None = switch("--keepalive", "persistent session: files are named as it runs, not by paths")
    # ascp reads 64 KiB of it but uses no more than this, and says nothing (seen, 3.9.0)
    cookie: str | None = field(Property("text", "label for the transfer", env="ASPERA_SCP_COOKIE", limit=4_095))
    tags: Mapping[str, Any] | None = field(
        Property("tags", "data about the transfer; on the command line, so nothing secret", "--tags64")
    )

    ignored: Mapping[str, Any] = attrs.field(factory=dict)
    """Properties addressed to the vendor's other clients (`IGNORED`), as they came: kept, and without effect here."""

    def __attrs_post_init__(self) -> None:
        for name in ("direction", "remote_host"):
            if not getattr(self, name):
                raise SpecError(name, "is missing")
        for name in self.ignored:
            if name not in IGNORED:
                raise SpecError(_name(name), f"is unknown{_meant(name)}")
        for contradicts, name, problem in self._contradictions():
            if contradicts:
                raise SpecError(name, problem)

    def _contradictions(self) -> Iterator[tuple[object, str, str]]:
        """What ascp would refuse, or would do half of without a word: condition, property, problem."""
        target, least = self.target_rate_kbps, self.min_rate_kbps
        yield target and least and least > target, "min_rate_kbps", "is above target_rate_kbps"
        key = self.ssh_private_key or self.ssh_private_key_path
        password, passphrase = self.remote_password, self.ssh_private_key_passphrase
        yield self.ssh_private_key and self.ssh_private_key_path, "ssh_private_key", "contradicts ssh_private_key_path"
        yield passphrase and not key, "ssh_private_key_passphrase", "needs ssh_private_key or ssh_private_key_path"
        yield (
            passphrase and password and passphrase != password,
            "ssh_private_key_passphrase",
            "differs from remote_password, and ascp takes only one of them",
        )
        crypt, filepass = self.content_protection, self.content_protection_password
        yield crypt and not filepass, "content_protection", "needs content_protection_password"
        yield filepass and not crypt, "content_protection_password", "needs content_protection"
        move, remove = self.move_after_transfer, self.remove_after_transfer
        yield move and remove, "move_after_transfer", "contradicts remove_after_transfer"
        delete, many = self.delete_before_transfer, len(self.paths) > 1
        yield delete and self.http_fallback, "delete_before_transfer", "contradicts http_fallback"
        yield delete and many, "delete_before_transfer", "works with one source, paths has more"
        if self.keepalive:
            yield self.paths, "paths", "contradicts keepalive: a persistent session is given its files as it runs"
            yield delete, "delete_before_transfer", "contradicts keepalive"
            yield (self.multi_session or 0) > 1, "multi_session", "contradicts keepalive"
        else:
            yield not self.paths, "paths", "is missing, or has nothing in it"
            yield not self._destination(), "destination_root", "is missing"

    def _destination(self) -> str:
        """The destination on the command line. Where every path has its own, it can be told from them."""
        if self.destination_root or self.keepalive:
            return self.destination_root or ""
        rooted = {pair.destination is not None and pair.destination.startswith("/") for pair in self.paths}
        if any(pair.destination is None for pair in self.paths) or len(rooted) != 1:
            return ""
        return "/" if rooted.pop() else "."

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> TransferSpec:
        """Make a spec from an object as the vendor's documents and servers have it.

        The object may be wrapped as servers send it: ``{"transfer_specs": [{"transfer_spec": {…}}]}``. A property that
        is null is not set. `ALIASES` are taken too; `IGNORED` ones are kept without effect.

        Raises SpecError, naming the property, for one that is unknown, and for all that makes a spec invalid.
        """
        values: dict[str, Any] = {"ignored": {}}
        for key, value in _unwrapped(data).items():
            name = ALIASES.get(key, key)
            if value is None:
                continue
            if key in IGNORED:
                values["ignored"][key] = value
            elif name not in SPEC_PROPERTIES:
                raise SpecError(_name(key), f"is unknown{_meant(key)}")
            elif name in values:
                raise SpecError(key, f"is the same as {name}, which is there too")
            else:
                values[name] = value
        for name in ("direction", "remote_host"):
            if name not in values:
                raise SpecError(name, "is missing")
        return cls(**values)

    @classmethod
    def from_json(cls, data: str | bytes) -> TransferSpec:
        """Make a spec from JSON text, UTF-8 if it is bytes; see `from_dict`.

        A file name that is not UTF-8 is written with lone surrogates, as Python does: ``"caf\\udce9"`` is byte E9.

        Raises SpecError for text that is not JSON, for a property that comes twice, and as `from_dict`.
        """
        try:
            decoded = data.decode("utf-8-sig") if isinstance(data, bytes) else data
            value = json.loads(decoded, object_pairs_hook=_once, parse_constant=_no_constant)
        except SpecError:
            raise
        except json.JSONDecodeError as error:  # its text would show what stands there, which may be a secret
            raise SpecError("transfer spec", f"is not JSON: line {error.lineno}, column {error.colno}") from None
        except (ValueError, RecursionError):  # not UTF-8, a number of thousands of digits, brackets in brackets
            raise SpecError("transfer spec", "is not JSON that can be read") from None
        if not isinstance(value, Mapping):
            raise SpecError("transfer spec", f"must be an object, not {type_name(value)}")
        return cls.from_dict(value)

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """The properties that are set, ready for JSON. Secrets are ``***``; with ``redact=False`` nothing is lost."""
        values: dict[str, Any] = {}
        for name, row in SPEC_PROPERTIES.items():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            if name == "paths":
                value = [attrs.asdict(pair, filter=lambda _, part: part is not None) for pair in value]
            values[name] = row.shown(value) if redact else value
        return {**values, **self.ignored}

    def to_json(self, *, redact: bool = True) -> str:
        """`to_dict` as JSON text, in ASCII."""
        return json.dumps(self.to_dict(redact=redact), indent=2)

    @contextlib.contextmanager
    def prepare(self, ascp: str) -> Iterator[Invocation]:
        """All that is needed to start ascp, the path of which is given; to be used in a ``with`` statement.

        The names of the files are in a temporary list, mode 0600 in a folder with mode 0700, which is removed at the
        end of the ``with`` statement, also when an exception leaves it. For a retry, or for more sessions, start
        ascp again inside the same ``with`` statement.

        Where the spec says nothing, ascp sees what the environment holds already, such as an ``ASPERA_SCP_PASS``.

        Raises SpecError for a path without a destination whose source has no name of its own, and OSError if the list
        cannot be written.
        """
        words = [ascp]
        for name, row in SPEC_PROPERTIES.items():
            words += row.words(getattr(self, name))
        destination = self._destination()
        operands = ["--", destination] if destination else []
        with contextlib.ExitStack() as stack:
            if self.paths:
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="faspmgr-"))
                words += self._list(folder)
            yield Invocation([*words, *operands], self._env(), self._secrets())

    def _list(self, folder: str) -> list[str]:
        """Write the names of the files to a list, and return the option that names it.

        Each source is followed by its destination, unless a token is checked against the list and no path has a
        destination: such a token was made for sources alone.
        """
        pairs = not self.token or any(pair.destination for pair in self.paths)
        path = os.path.join(folder, "paths")
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
            for index, pair in enumerate(self.paths):
                file.write(f"{pair.source}\n{_destination_of(pair, index)}\n" if pairs else f"{pair.source}\n")
        return option_words("--file-pair-list" if pairs else "--file-list", path)

    def _env(self) -> dict[str, str]:
        env = {row.env: getattr(self, name) for name, row in SPEC_PROPERTIES.items() if row.env}
        env["ASPERA_SCP_PASS"] = self.ssh_private_key_passphrase or self.remote_password
        env["ASPERA_PROXY_PASS"] = url_password(self.proxy or "")
        return {variable: value for variable, value in env.items() if value}

    def _secrets(self) -> tuple[str, ...]:
        hidden = [url_password(self.proxy or "")]
        hidden += [getattr(self, name) for name, row in SPEC_PROPERTIES.items() if row.secret and name != "proxy"]
        return tuple(dict.fromkeys(value for value in hidden if value))


@attrs.frozen
class Invocation:
    """What starts ascp for a transfer spec.

    Attributes:
        argv: the command line, the path of ascp first. No secret is in it.
        env: what is to be added to the environment, secrets among it.
        secrets: the texts that must not be shown, whatever ascp prints.
    """

    argv: list[str]
    env: dict[str, str] = attrs.field(repr=lambda env: repr(sorted(env)))
    secrets: tuple[str, ...] = attrs.field(repr=False)


SPEC_PROPERTIES: Mapping[str, Property] = MappingProxyType(
    {row.name: row.metadata["property"] for row in attrs.fields(TransferSpec) if "property" in row.metadata}
)
"""Every property, by name: its kind, its meaning, and the option or variable of ascp that takes it."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {"overwrite_policy": "overwrite", "content_protection_passphrase": "content_protection_password"}
)
"""Older names of properties, from the vendor's COS library, and what they are called now."""

# fmt: off
IGNORED = frozenset({
    "authentication", "cipher_allowed", "lock_min_rate", "lock_min_rate_kbps", "lock_rate_policy", "lock_target_rate",
    "lock_target_rate_kbps", "min_rate_cap_kbps", "rate_policy_allowed", "target_rate_cap_kbps", "title",
    "wss_enabled", "wss_port",
})
# fmt: on
"""Properties that servers send for the vendor's other clients: limits of their windows, other transports, a title."""


def _name(key: object) -> str:
    """A name that came from outside, for one line of a message."""
    return key if isinstance(key, str) and key.isprintable() and 0 < len(key) <= 60 else repr(key)[:60]


def _meant(key: object) -> str:
    close = difflib.get_close_matches(key, SPEC_PROPERTIES, 1) if isinstance(key, str) and len(key) <= 60 else []
    return f"; {close[0]} was meant?" if close else ""


def _unwrapped(data: Mapping[str, Any]) -> Mapping[str, Any]:
    """The object with the properties, out of what a server wraps around it."""
    if "transfer_specs" in data:
        specs = data["transfer_specs"]
        if not isinstance(specs, list) or len(specs) != 1:
            found = len(specs) if isinstance(specs, list) else type_name(specs)
            raise SpecError("transfer_specs", f"must be a list of one transfer, not {found}")
        data = specs[0]
    if isinstance(data, Mapping) and "error" in data:
        error = data["error"]
        said = error.get("user_message") or error.get("reason") if isinstance(error, Mapping) else None
        raise SpecError("error", f"the server refused the transfer: {_name(said) if said else 'it does not say why'}")
    if isinstance(data, Mapping) and "transfer_spec" in data:
        data = data["transfer_spec"]
    if not isinstance(data, Mapping):
        raise SpecError("transfer_spec", f"must be an object, not {type_name(data)}")
    return data


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise SpecError(_name(key), "comes twice")
        found[key] = value
    return found


def _no_constant(word: str) -> Any:
    raise SpecError("transfer spec", f"is not JSON: {word} is no number there")


def _destination_of(pair: PathPair, index: int) -> str:
    if pair.destination is not None:
        return pair.destination
    name = posixpath.basename(pair.source.rstrip("/"))
    if name in ("", ".", ".."):
        raise SpecError(f"paths[{index}].destination", "is missing, and the source has no name of its own")
    return name


def describe_properties() -> dict[str, str]:
    """The reference of the properties: by name, what it means, and what takes it."""
    described = {}
    for name, row in SPEC_PROPERTIES.items():
        words = f" ({', '.join(row.choices)})" if row.choices else ""
        through = ", ".join(part for part in (row.option, row.env) if part)
        described[name] = f"{row.meaning}{words}" + (f" [{through}]" if through else "")
    return described


TransferSpec.__doc__ = f"{TransferSpec.__doc__}\n    Properties:\n\n" + "".join(
    f"    - {name}: {words}\n" for name, words in describe_properties().items()
)
