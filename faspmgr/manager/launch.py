"""What starts the ascps of one transfer: a command line for each part, variables, and what must not be shown of them.

A line of code may stand here if it decides with which words an ascp is started. When that happens is the matter of
job.py.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp import (
    SECRET_VARIABLES,
    TransferSpec,
    command_line,
    driven_argv,
    find_ascp,
    option_value,
    remove_stale_lists,
    retry_argv,
    secrets_in,
    session_argv,
    with_option,
)

ArgvOrSpec = Sequence[str | os.PathLike[str]] | TransferSpec | Mapping[str, Any]
"""A command line of ascp, the program first, or a transfer spec."""


@attrs.frozen
class Invocations:
    """What starts each ascp of a transfer.

    Attributes:
        argvs: the command line of each part.
        environment: variables beside those of this process.
        secrets: texts that must not be shown.
        user_str: what all of them say in UserStr.
        resumes: whether an attempt goes on where the one before it has ended.
    """

    argvs: list[list[str]]
    environment: dict[str, str]
    secrets: list[str]
    user_str: str
    resumes: bool


class Launch:
    """How the ascps of a transfer are started. Arguments and errors are those of Job.

    Args:
        argv_or_spec: a command line or a transfer spec.
        ascp: the path of the ascp to run.
        retry: whether there may be more than one attempt.
        sessions: how many ascp share the transfer.
        udp_port: the UDP port of the first session.
        environment: variables beside those of this process.
        persistent: whether files are given to the session while it runs.
        streaming: whether files are streamed into the session.
    """

    def __init__(
        self,
        argv_or_spec: ArgvOrSpec,
        *,
        ascp: str | os.PathLike[str] | None,
        retry: bool,
        sessions: int | None,
        udp_port: int | None,
        environment: Mapping[str, str] | None,
        persistent: bool = False,
        streaming: bool = False,
    ) -> None:
        if sessions is not None and sessions < 1:
            raise ValueError(f"invalid sessions: {sessions}, must be at least 1")
        # One of these two: the spec is None where a command line was given, and the command line is empty for a spec.
        self._spec, self._argv = _read(argv_or_spec, persistent, streaming)
        self.count = max(1, (self._spec and self._spec.multi_session) or 1) if sessions is None else sessions
        """How many sessions the transfer has."""
        if udp_port is not None and not 1 <= udp_port <= 65_536 - self.count:
            raise ValueError(f"invalid udp_port: {udp_port}, there must be as many UDP ports from there on as sessions")
        self._udp_port = udp_port
        self._ascp = None if ascp is None else os.fspath(ascp)
        self._retry = retry
        self._environment = dict(environment or {})
        if (persistent or streaming) and (retry or self.count > 1):
            # What another attempt would have to do again, only the program knows that has asked for it.
            raise ValueError("a session that is persistent, or that files are streamed into, has no retry and no parts")
        if self._argv:
            self._part_argvs(self._argv)  # raises for what cannot be split

    @contextlib.contextmanager
    def prepare(self) -> Iterator[Invocations]:
        """Prepare all that starts ascp. The files that are made for it exist as long as the block lasts.

        Raises:
            AscpError: there is no ascp.
        """
        with contextlib.ExitStack() as stack:
            ascp = find_ascp(self._ascp) if self._spec or self._ascp or self._argv[0] == "ascp" else self._argv[0]
            if self._spec:
                prepared = stack.enter_context(self._spec.prepare(ascp))
                argv, hidden = list(prepared.argv), list(prepared.secrets)
                environment = {**self._environment, **prepared.env}
            else:
                remove_stale_lists()
                argv = [ascp, *self._argv[1:]]
                hidden, environment = list(secrets_in(argv)), self._environment
            variables = {**os.environ, **environment}
            hidden += [variables[name] for name in SECRET_VARIABLES if variables.get(name)]
            user_str = option_value(argv, "-u") or f"faspmgr-{secrets.token_hex(8)}"
            argv = with_option(argv, "-u", user_str)
            if self._retry:
                argv = retry_argv(argv)
            resumes = option_value(argv, "-k") not in (None, "0")
            yield Invocations(self._part_argvs(argv), environment, hidden, user_str, resumes)

    def _part_argvs(self, argv: list[str]) -> list[list[str]]:
        """The command line of each part.

        Raises:
            ValueError: the command line cannot be split.
        """
        if self.count == 1:
            return [argv if self._udp_port is None else with_option(argv, "-O", str(self._udp_port))]
        ports = [None if self._udp_port is None else self._udp_port + index for index in range(self.count)]
        return [session_argv(argv, index, self.count, port) for index, port in enumerate(ports, 1)]


def _read(argv_or_spec: ArgvOrSpec, persistent: bool, streaming: bool) -> tuple[TransferSpec | None, list[str]]:
    """The spec or the command line, for a session of this kind."""
    if isinstance(argv_or_spec, TransferSpec):
        spec = argv_or_spec
        return attrs.evolve(spec, keepalive=persistent or spec.keepalive, streaming=streaming or spec.streaming), []
    if isinstance(argv_or_spec, Mapping):
        return TransferSpec.from_dict(argv_or_spec, persistent=persistent, streaming=streaming), []
    argv = command_line(argv_or_spec)
    if not argv[0]:
        raise ValueError("the command line does not begin with a program")
    return None, driven_argv(argv, persistent=persistent, streaming=streaming) if persistent or streaming else argv
