"""Transfer specs: the vendor's JSON description of a transfer.

``TransferSpec`` is the one table of the properties: each attribute is a property of that name with its type, the option
or variable of ascp that it sets, and its meaning. Parsing, checking, writing, the command line, SPEC_PROPERTIES and the
reference below its docstring all come from it.

A line of code may stand here if it is a row of that table, or about how properties go together. What one property may
be stands in properties.py and paths.py, the form in which specs come in specfile.py, what starts ascp in invocation.py.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Self

import attrs

from faspmgr.ascp.invocation import Invocation, prepare
from faspmgr.ascp.options import MAX_SESSIONS
from faspmgr.ascp.paths import PathPair, common_destination, path_pairs
from faspmgr.ascp.properties import MAX_RATE, Property, choice, field, number, same, secret, shown_name, switch, text
from faspmgr.ascp.specfile import IGNORED, decode_json, property_values
from faspmgr.errors import SpecError
from faspmgr.redaction import redact_value

_CIPHERS = {f"aes-{bits}{mode}": f"aes{bits}{mode[1:]}" for mode in ("", "-cfb", "-gcm") for bits in (128, 192, 256)}
_RESUME = {"none": "0", "attrs": "1", "sparse_csum": "2", "full_csum": "3"}
_RESUME_LONG = {"attributes": "1", "sparse_checksum": "2", "full_checksum": "3"}
_HASHES = ("none", "md5", "sha1", "sha-256", "sha-384", "sha-512")
_HASHES_SHORT = {name.replace("-", ""): name for name in _HASHES}
_PORT = (1, 65_535)
_TIME = (-(1 << 63), (1 << 63) - 1)


def _mtime(value: Any) -> Any:
    """The vendor's documents have it as a number and as text."""
    if isinstance(value, str) and len(value) <= 20 and value.removeprefix("-").isdecimal() and value.isascii():
        return int(value)
    return value


@attrs.frozen(kw_only=True)
class TransferSpec:
    """A transfer in the vendor's words: where from, where to, how fast, as whom.

    Attributes have the names of the vendor's properties; None, or an empty text, stands for one that is not set. Values
    are checked when the spec is made. Secrets are not in ``repr``, and in ``to_dict`` and ``to_json`` only with
    ``redact=False``.

    One property needs more than one command line: for ``multi_session`` above 1, each session is
    ``session_argv(argv, index, multi_session)``.

    Raises:
        SpecError: a property has the wrong type, is out of range, or contradicts another; the error names it.

    Example:
        >>> spec = TransferSpec.from_json('''{"direction": "send", "remote_host": "example.com", "remote_user": "xfer",
        ...     "remote_password": "secret", "target_rate_kbps": 50000, "destination_root": "/in",
        ...     "paths": [{"source": "a.bin"}]}''')
        >>> with spec.prepare("/opt/aspera/bin/ascp") as ascp:
        ...     _ = subprocess.run(ascp.argv, env={**os.environ, **ascp.env})  # doctest: +SKIP
    """

    direction: str = field(
        Property("choice", "which way the files go", "--mode", choices={"send": "send", "receive": "recv"}),
        default=attrs.NOTHING,
    )
    remote_host: str = field(Property("text", "name or address of the server", "--host"), default=attrs.NOTHING)
    remote_user: str | None = text("--user", "login name on the server")
    ssh_port: int | None = number("-P", "TCP port of SSH on the server", *_PORT)
    fasp_port: int | None = number("-O", "UDP port of FASP on the server", *_PORT)

    remote_password: str | None = secret("ASPERA_SCP_PASS", "password of remote_user")
    ssh_private_key: str | None = field(
        Property("key", "the private key itself, PEM with its line breaks", env="ASPERA_SCP_KEY", secret=True)
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
        converter=path_pairs,
        repr=lambda pairs: repr(pairs) if len(pairs) <= 3 else f"<{len(pairs):,} paths>",
    )
    source_root: str | None = text("--source-prefix", "folder that the sources are below")
    destination_root: str | None = field(Property("text", "folder that the destinations are below"))
    create_dir: bool | None = switch("-d", "create destination_root if it does not exist")

    target_rate_kbps: int | None = number("-l", "rate to aim at, kilobits per second", 1, MAX_RATE, "k")
    min_rate_kbps: int | None = number("-m", "rate to keep at least, kilobits per second", 0, MAX_RATE, "k")
    rate_policy: str | None = choice("--policy", "how to share bandwidth", same("fair", "high", "fixed", "low"))
    dgram_size: int | None = number("-Z", "size of datagrams, bytes", 296, 65_535)
    cipher: str | None = choice(
        "-c",
        "encryption in transit; ascp 3.9 knows aes-128, aes-192, aes-256",
        {"none": "none", **_CIPHERS},
        also=same(*_CIPHERS.values()),
    )
    content_protection: str | None = choice(
        "--file-crypt", "encryption of the files at rest", same("encrypt", "decrypt")
    )
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
    remove_after_transfer: bool | None = switch("--remove-after-transfer", "remove each source that was transferred")
    move_after_transfer: str | None = text("--move-after-transfer", "folder for each source that was transferred")
    delete_before_transfer: bool | None = switch(
        "--delete-before-transfer", "first delete at the destination what the source does not have"
    )
    exclude_newer_than: int | None = number(
        "--exclude-newer-than", "skip files changed after this time, seconds since 1970", *_TIME, converter=_mtime
    )
    exclude_older_than: int | None = number(
        "--exclude-older-than", "skip files changed before this time, seconds since 1970", *_TIME, converter=_mtime
    )

    http_fallback: bool | str | None = field(Property("fallback", "use HTTP if FASP does not get through", "-y"))
    http_fallback_port: int | None = number("-t", "TCP port of the HTTP server", *_PORT)
    multi_session: int | None = number("", "how many sessions share the files; 0 and 1: one", 0, MAX_SESSIONS)
    multi_session_threshold: int | None = number(
        "--multi-session-threshold", "split files of this size and above, bytes; 0: none", 0, (1 << 63) - 1
    )
    keepalive: bool | None = switch("--keepalive", "persistent session: files are named while it runs, not by paths")
    # ascp reads 64 KiB of it but uses no more than this, and reports nothing (seen, 3.9.0)
    cookie: str | None = field(Property("text", "label for the transfer", env="ASPERA_SCP_COOKIE", limit=4_095))
    tags: Mapping[str, Any] | None = field(
        Property("tags", "data about the transfer; visible on the command line, so no secrets", "--tags64")
    )

    ignored: Mapping[str, Any] = attrs.field(factory=dict, repr=lambda ignored: repr(redact_value(dict(ignored))))
    """Properties for the vendor's other clients, as they came: kept, and without effect here."""

    streaming: bool = False
    """Not a property: files are streamed into the session (``--faspmgr-io``), and not named by paths."""

    def __attrs_post_init__(self) -> None:
        for name in ("direction", "remote_host"):
            if not getattr(self, name):
                raise SpecError(name, "is missing")
        for name in self.ignored:
            if name not in IGNORED:
                raise SpecError(shown_name(name), "is not an ignored property")
        for contradicts, name, problem in self._contradictions():
            if contradicts:
                raise SpecError(name, problem)

    def _contradictions(self) -> Iterator[tuple[object, str, str]]:
        """What ascp would refuse, or would do half of without an error: condition, property, problem."""
        target, least = self.target_rate_kbps, self.min_rate_kbps
        yield target and least and least > target, "min_rate_kbps", "is above target_rate_kbps"
        key = self.ssh_private_key or self.ssh_private_key_path
        password, passphrase = self.remote_password, self.ssh_private_key_passphrase
        yield self.ssh_private_key and self.ssh_private_key_path, "ssh_private_key", "contradicts ssh_private_key_path"
        yield passphrase and not key, "ssh_private_key_passphrase", "needs ssh_private_key or ssh_private_key_path"
        yield (
            passphrase and password and passphrase != password,
            "ssh_private_key_passphrase",
            "differs from remote_password, and ascp accepts only one of them",
        )
        crypt, filepass = self.content_protection, self.content_protection_password
        yield crypt and not filepass, "content_protection", "needs content_protection_password"
        yield filepass and not crypt, "content_protection_password", "needs content_protection"
        move, remove = self.move_after_transfer, self.remove_after_transfer
        yield move and remove, "move_after_transfer", "contradicts remove_after_transfer"
        delete, many = self.delete_before_transfer, len(self.paths) > 1
        yield delete and self.http_fallback, "delete_before_transfer", "contradicts http_fallback"
        yield delete and many, "delete_before_transfer", "works with one source, and paths has more"
        if self.keepalive:
            yield self.paths, "paths", "contradicts keepalive: a persistent session is given its files as it runs"
            yield delete, "delete_before_transfer", "contradicts keepalive"
            yield (self.multi_session or 0) > 1, "multi_session", "contradicts keepalive"
        elif self.streaming:
            yield self.paths, "paths", "is not for a session that files are streamed into"
            yield (self.multi_session or 0) > 1, "multi_session", "is not for a session that files are streamed into"
        else:
            yield not self.paths, "paths", "is missing or empty"
        if not self.keepalive:
            yield not self._destination(), "destination_root", "is missing"

    def _destination(self) -> str:
        """The destination on the command line, empty for none."""
        if self.destination_root or self.keepalive:
            return self.destination_root or ""
        return common_destination(self.paths)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], *, persistent: bool = False, streaming: bool = False) -> Self:
        """Make a spec from an object as the vendor's documents and servers have it.

        Args:
            data: the properties by name. One that is None is not set. The object may be wrapped as servers send it:
                ``{"transfer_specs": [{"transfer_spec": {…}}]}``. Two older names of properties are accepted; properties
                for the vendor's other clients are kept in ``ignored``.
            persistent: set ``keepalive``, whatever the object says.
            streaming: files are streamed into the session.

        Raises:
            SpecError: a property is unknown or missing, and all that makes a spec invalid; the error names it.
        """
        values = property_values(data, SPEC_PROPERTIES)
        if persistent:
            values["keepalive"] = True
        values["streaming"] = streaming
        for name in ("direction", "remote_host"):
            if name not in values:
                raise SpecError(name, "is missing")
        return cls(**values)

    @classmethod
    def from_json(cls, data: str | bytes, *, persistent: bool = False, streaming: bool = False) -> Self:
        """Make a spec from JSON text.

        A file name that is not UTF-8 is written with lone surrogates, as Python does: ``"caf\\udce9"`` is byte E9.

        Args:
            data: the text, UTF-8 if it is bytes; the object in it as for ``from_dict``.
            persistent: as for ``from_dict``.
            streaming: as for ``from_dict``.

        Raises:
            SpecError: the text is invalid JSON, a property is given twice, and what ``from_dict`` raises it for.
        """
        return cls.from_dict(decode_json(data), persistent=persistent, streaming=streaming)

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """The properties that are set, ready for JSON.

        Args:
            redact: write secrets as ``***``; with False nothing is lost.
        """
        values: dict[str, Any] = {}
        for name, row in SPEC_PROPERTIES.items():
            value = getattr(self, name)
            if value is None or value == ():
                continue
            if name == "paths":
                value = [attrs.asdict(pair, filter=lambda _, part: part is not None) for pair in value]
            values[name] = row.shown(value) if redact else value
        return {**values, **(redact_value(dict(self.ignored)) if redact else self.ignored)}

    def to_json(self, *, redact: bool = True) -> str:
        """``to_dict`` as JSON text, in ASCII.

        Args:
            redact: write secrets as ``***``; with False nothing is lost.
        """
        return json.dumps(self.to_dict(redact=redact), indent=2)

    @contextlib.contextmanager
    def prepare(self, ascp: str) -> Iterator[Invocation]:
        """Prepare all that starts ascp; to be used in a ``with`` statement.

        The names of the files are in a temporary list, mode 0600 in a folder with mode 0700, which is removed at the
        end of the ``with`` statement, also when an exception leaves it. For a retry, or for more sessions, start
        ascp again inside the same ``with`` statement.

        Where the spec does not set something, ascp sees what the environment holds, such as an ``ASPERA_SCP_PASS``.

        Args:
            ascp: the path of ascp.

        Yields:
            The command line, what is to be added to the environment, and what must not be shown.

        Raises:
            SpecError: a path has no destination, and its source no name of its own.
            OSError: the list of files cannot be written.

        Example:
            >>> spec = TransferSpec(direction="receive", remote_host="example.com", token="secret",
            ...     paths=[PathPair("a.bin")], destination_root="in")
            >>> with spec.prepare("ascp") as invocation:
            ...     print(invocation.argv[:3], invocation.argv[-2:], list(invocation.env))
            ['ascp', '--mode=recv', '--host=example.com'] ['--', 'in'] ['ASPERA_SCP_TOKEN']
        """
        values = {name: getattr(self, name) for name in SPEC_PROPERTIES}
        with prepare(ascp, SPEC_PROPERTIES, values, self._destination(), self.streaming) as invocation:
            yield invocation


SPEC_PROPERTIES: Mapping[str, Property] = MappingProxyType(
    {row.name: row.metadata["property"] for row in attrs.fields(TransferSpec) if "property" in row.metadata}
)
"""Every property, by name: its kind, its meaning, and the option or variable of ascp that it sets."""

SECRET_VARIABLES = tuple(dict.fromkeys(row.env for row in SPEC_PROPERTIES.values() if row.secret and row.env))
"""The variables of the environment in which ascp gets secrets."""


def describe_properties() -> dict[str, str]:
    """The reference of the properties: by name, its meaning, its words if it has some, and what of ascp it sets.

    Example:
        >>> describe_properties()["rate_policy"]
        'how to share bandwidth (fair, high, fixed, low) [--policy]'
    """
    return {name: _description(row) for name, row in SPEC_PROPERTIES.items()}


def _description(row: Property, mark: str = "") -> str:
    words = f" ({', '.join(row.choices)})" if row.choices else ""
    through = ", ".join(f"{mark}{part}{mark}" for part in (row.option, row.env) if part)
    return f"{row.meaning}{words}" + (f" [{through}]" if through else "")


TransferSpec.__doc__ = f"{TransferSpec.__doc__}\n    Attributes:\n" + "".join(
    f"        {name}: {_description(row, mark='``')}\n" for name, row in SPEC_PROPERTIES.items()
)
