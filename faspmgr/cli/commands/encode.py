"""``faspmgr encode``: a command to ascp as bytes for the wire."""

from __future__ import annotations

import click

from faspmgr.cli import command_arguments, output
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol.commands import COMMANDS, STREAM_COMMANDS, Command


@click.group("encode")
def command() -> None:
    """Write a command to ascp to standard output, as bytes for the wire.

    \b
    Example:
      faspmgr encode rate --target 50m --policy fair
      faspmgr encode start /data/a.bin /inbox/a.bin --end 1048575
      faspmgr encode write /inbox/a.bin --offset 1024 < block
    """


def _write(command: Command) -> int:
    for part in command.parts():
        output.write_bytes(bytes(part))
    return ExitStatus.DONE


command_arguments.add_commands(command, _write, {**COMMANDS, **STREAM_COMMANDS})
