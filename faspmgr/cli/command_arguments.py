"""The commands to ascp as subcommands: what ``encode`` writes and ``ctl`` sends. One place for their arguments."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import click

from faspmgr.protocol import commands

Deliver = Callable[[commands.Command], Any]
"""What a command line does with the command that was asked for; its result is the exit status."""

_RATE = re.compile(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)([kmg]?)", re.IGNORECASE)
_FACTORS = {"": 1, "k": 1, "m": 1_000, "g": 1_000_000}


def rate_in_kbps(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """Option callback: ``50m``, ``1.5g``, ``800k``, or a plain number, to kilobits per second."""
    if value is None:
        return None
    match = _RATE.fullmatch(value)
    if not match:
        raise click.BadParameter(f"{value!r} is no rate: write 800k, 50m, 1.5g, or a number of kilobits per second.")
    return round(Fraction(match[1]) * _FACTORS[match[2].lower()])


def add_commands(group: click.Group, deliver: Deliver) -> None:
    """Add a subcommand for each command to ascp to group; deliver gets the command and gives the exit status."""

    def order(make: Callable[..., commands.Command], **values: Any) -> Any:
        try:
            command = make(**values)
            command.encode()
        except ValueError as error:
            raise click.UsageError(f"{error}.") from error
        return deliver(command)

    @group.command("rate")
    @click.option("--target", "target_kbps", callback=rate_in_kbps, metavar="RATE", help="Target rate, such as 50m.")
    @click.option("--min", "min_kbps", callback=rate_in_kbps, metavar="RATE", help="Minimum rate, such as 1m.")
    @click.option("--policy", type=click.Choice(["fair", "fixed", "low", "high"]), help="Transfer policy.")
    @click.option("--priority", type=click.IntRange(1, 2), help="1 high, 2 regular.")
    def rate(**values: Any) -> Any:
        """Change rate or policy of a running transfer.

        \b
        Example:
          … rate --target 50m --min 1m --policy fixed
        """
        return order(commands.SetRate, **values)

    @group.command("start")
    @click.argument("source")
    @click.argument("destination")
    @click.option("--start", type=click.IntRange(0), metavar="BYTE", help="First byte of a range.")
    @click.option("--end", type=click.IntRange(0), metavar="BYTE", help="Last byte of a range.")
    def start(**values: Any) -> Any:
        """Transfer one more file, or a range of it, in a persistent session.

        \b
        Example:
          … start /data/a.bin /inbox/a.bin --start 0 --end 1048575
        """
        return order(commands.StartFile, **values)

    @group.command("stop")
    @click.argument("source", metavar="FILE")
    def stop(**values: Any) -> Any:
        """Stop a file, named as its STATS report it.

        \b
        Example:
          … stop /inbox/a.bin
        """
        return order(commands.StopFile, **values)

    @group.command("finish")
    @click.option("--now", is_flag=True, help="At once, instead of when the queue is empty.")
    def finish(**values: Any) -> Any:
        """End a persistent session.

        \b
        Example:
          … finish --now
        """
        return order(commands.Finish, **values)

    @group.command("cancel")
    def cancel() -> Any:
        """Cancel the session.

        \b
        Example:
          … cancel
        """
        return order(commands.Cancel)

    @group.command("query")
    def query() -> Any:
        """Ask ascp for its state.

        \b
        Example:
          … query
        """
        return order(commands.Query)
