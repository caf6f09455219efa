"""``faspmgr encode``: a command to ascp as bytes for the wire."""

from __future__ import annotations

import click

from faspmgr.cli import command_arguments, output
from faspmgr.protocol.commands import Command
from faspmgr.verdicts import ExitStatus


@click.group("encode")
def command() -> None:
    """Write a command to ascp to standard output, as bytes for the wire.

    \b
    Example:
      faspmgr encode rate --target 50m --policy fair
      faspmgr encode start /data/a.bin /inbox/a.bin --end 1048575
    """


def _write(command: Command) -> int:
    output.write_bytes(command.encode())
    return ExitStatus.DONE


command_arguments.add_commands(command, _write)
