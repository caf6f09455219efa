"""Options and arguments that several commands share, and the types of their values.

What stands here is used by two commands or more, or is a value that people write in a notation of its own (a rate, a
size). It turns the text of a command line into a value, and does nothing with it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FILE = click.Path(path_type=str, allow_dash=True, readable=False)
"""A file to read. Whether it can be read is seen when it is opened: click would refuse all files because of one."""

MAX_JOBS = 256
"""Processes at the same time. It bounds the open files."""


class _Amount(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """A decimal number with a prefix of powers of 1000, as a whole number of some unit."""

    def __init__(self, name: str, unit: str, pattern: str, factors: Mapping[str, int], examples: str) -> None:
        self.name = name
        self._unit = unit
        self._pattern = re.compile(pattern, re.IGNORECASE)
        self._factors = factors
        self._examples = examples

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = self._pattern.fullmatch(value)
        if not match:
            self.fail(f"invalid {self.name}: {value!r}; write {self._examples}.", param, ctx)
        from fractions import Fraction  # exact; slow to import, and few command lines have such a value

        amount = Fraction(match[1]) * self._factors[match[2].lower()]
        if amount.denominator != 1:  # rounded, it would be another one than was asked for, and 0 may mean no limit
            self.fail(f"invalid {self.name}: {value!r}; not a whole number of {self._unit}.", param, ctx)
        return int(amount)


RATE = _Amount(
    "rate",
    "kilobits per second",
    r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([kmg]?)",
    {"": 1, "k": 1, "m": 1_000, "g": 1_000_000},
    "800k, 50m, 1.5g, or a number of kilobits per second",
)
"""A rate in kilobits per second: ``800k``, ``50m``, ``1.5g``, or a plain number."""

SIZE = _Amount(
    "size",
    "bytes",
    r"([0-9]{1,16}(?:\.[0-9]{1,9})?)([kmgt]?)b?",
    {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12},
    "500, 10k, 10M, or 1.5G",
)
"""A size in bytes: ``500``, ``10k``, ``10M``, ``1.5G``."""


def files_argument(function: F) -> F:
    """``[FILE]...``: paths, ``-`` or nothing for standard input."""
    return click.argument("files", nargs=-1, metavar="[FILE]...", type=FILE)(function)


def reading_options(function: F) -> F:
    """The options --follow, --unwrap and --strict, as ``faspmgr.cli.reading.Reading`` has them."""
    for option in (  # click lists the one that was added last first
        click.option("--strict", is_flag=True, help="Stop at the first deviation from the protocol, with status 4."),
        click.option(
            "--unwrap",
            metavar="HOW",
            help="Find messages inside another log: auto, bullets (- Type: INIT), brackets (line=[Type: INIT]), or a"
            " regular expression whose group 1 is the line.",
        ),
        click.option("-f", "--follow", is_flag=True, help="Wait for more at the end: the file may grow or be rotated."),
    ):
        function = option(function)
    return function


def progress_option(default: str | None, help: str) -> Callable[[F], F]:
    """The option --progress, as ``mode``.

    Args:
        default: the mode if the option is not given.
        help: what the command does with it; a list of the modes follows.
    """
    from faspmgr.cli.progress import MODES  # only the commands that show progress load it

    return click.option(
        "--progress",
        "mode",
        type=click.Choice(MODES),
        default=default,
        show_default=default is not None,
        help=f"{help}: bar (needs the extra watch), plain (one line), json (JSON Lines, for programs), none, or auto"
        " (bar or plain on a terminal, else a line every few seconds).",
    )


def _parse_jobs(ctx: click.Context, param: click.Parameter, value: int) -> int:
    if not hasattr(os, "fork"):
        return 1
    if value:
        return value
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


jobs_option = click.option(
    "--jobs",
    metavar="N",
    type=click.IntRange(0, MAX_JOBS),
    default=1,
    callback=_parse_jobs,
    show_default=True,
    help="Read N of several FILEs at the same time, each in a process of its own; 0 for as many as there are cores."
    " The output is the same.",
)
"""The option --jobs, as the number of processes; 1 where the system cannot fork."""

show_secrets_option = click.option(
    "--show-secrets", is_flag=True, help="Show tokens and passwords. Without it they are shown as ***."
)


def _parse_views(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    pairs = []
    if values:
        from faspmgr.views import KINDS  # only loaded for this option
    for value in values:
        kind, _, path = value.partition("=")
        if kind not in KINDS or not path:
            raise click.BadParameter(
                f"invalid KIND=FILE: {value!r}; KIND is one of {', '.join(KINDS)}.", param=param, ctx=ctx
            )
        pairs.append((kind, path))
    return tuple(pairs)


view_option = click.option(
    "--view",
    "views",
    multiple=True,
    metavar="KIND=FILE",
    callback=_parse_views,
    help="Write the state to FILE once a second, as 'view KIND' prints it. May be given more than once.",
)
"""The option --view, as pairs of kind and path."""
