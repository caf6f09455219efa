"""The commands to ascp as subcommands, with their arguments: what ``encode`` writes and ``ctl`` sends.

What each command does stands in ``faspmgr.protocol.commands``; here is how its values are written on a command line.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

import click

from faspmgr.cli.command_error import CommandError
from faspmgr.cli.options import RATE
from faspmgr.cli.text import printable
from faspmgr.protocol import commands
from faspmgr.protocol.fields import POLICIES
from faspmgr.protocol.frames import MAX_PAYLOAD_BYTES

_BLOCK = 1 << 20
_BYTE = click.IntRange(0)
_POLICIES = click.Choice([word for word in POLICIES if word.islower()])


def _read_data(_ctx: click.Context, _param: click.Parameter, file: BinaryIO) -> bytes:
    """Read the data of a WRITE, and hardly more than there may be: that tells that there are too many."""
    pieces: list[bytes] = []
    left = MAX_PAYLOAD_BYTES
    try:
        while left >= 0 and (piece := file.read(_BLOCK)):
            pieces.append(piece)
            left -= len(piece)
    except OSError as error:
        name = file.name if isinstance(file.name, str) else "<stdin>"
        raise CommandError(f"{printable(name)}: {error.strerror or error}") from error
    return b"".join(pieces)


_ARGUMENTS: Mapping[str, tuple[str, list[click.Parameter]]] = {
    "rate": (
        "--target 50m --min 1m --policy fixed",
        [
            click.Option(
                ["--target", "target_kbps"],
                type=RATE,
                help="Target rate, such as 50m; a whole number of kilobits per second.",
            ),
            click.Option(["--min", "min_kbps"], type=RATE, help="Minimum rate, such as 1m."),
            click.Option(["--policy"], type=_POLICIES, help="Transfer policy."),
            click.Option(["--priority"], type=click.IntRange(1, 2), help="1 high, 2 regular."),
        ],
    ),
    "start": (
        "/data/a.bin /inbox/a.bin --start 0 --end 1048575",
        [
            click.Argument(["source"]),
            click.Argument(["destination"]),
            click.Option(["--start"], type=_BYTE, metavar="BYTE", help="First byte of a range."),
            click.Option(["--end"], type=_BYTE, metavar="BYTE", help="Last byte of a range."),
        ],
    ),
    "stop": ("/inbox/a.bin", [click.Argument(["source"])]),
    "finish": ("--now", [click.Option(["--now"], is_flag=True, help="End at once, not when the queue is empty.")]),
    "cancel": ("", []),
    "query": ("", []),
    "put": (
        "/inbox/a.tar --size 10240",
        [
            click.Argument(["destination"]),
            click.Option(["--size"], type=_BYTE, metavar="BYTES", help="Size of the file, where it is known."),
        ],
    ),
    "write": (
        "/inbox/a.tar block.bin --offset 1048576",
        [
            click.Argument(["destination"]),
            click.Argument(["data"], metavar="[FILE]", type=click.File("rb"), default="-", callback=_read_data),
            click.Option(["--offset"], type=_BYTE, default=0, metavar="BYTE", help="Where the data go; 0 by default."),
        ],
    ),
    "close": ("/inbox/a.tar", [click.Argument(["destination"])]),
}
"""An example and the parameters of each command. The names of the parameters are the attributes of its class."""


def add_commands(
    group: click.Group,
    deliver: Callable[[commands.Command], Any],
    table: Mapping[str, commands.CommandRow] = commands.COMMANDS,
) -> None:
    """Add a subcommand for each command to ascp.

    Args:
        group: the group it is added to.
        deliver: receives the command; its result is the exit status.
        table: the commands.
    """
    arguments = [param.human_readable_name for param in group.params if isinstance(param, click.Argument)]
    program = " ".join(["faspmgr", str(group.name), *arguments])
    for name, row in table.items():
        example, parameters = _ARGUMENTS[name]
        description = f"{row.description[:1].upper()}{row.description[1:]}."
        group.add_command(
            click.Command(
                name,
                params=parameters,
                callback=functools.partial(_deliver, row.cls, deliver),
                help=f"{description}\n\n\b\nExample:\n  {program} {name} {example}".rstrip(),
            )
        )


def _deliver(cls: type[commands.Command], deliver: Callable[[commands.Command], Any], **values: Any) -> Any:
    try:
        command = cls(**values)
        command.parts()
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    return deliver(command)
