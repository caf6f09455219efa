"""``faspmgr replay``: a capture as ascp would send it."""

from __future__ import annotations

import math

import click

from faspmgr import captures
from faspmgr.cli import options, playing
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.reading import name_of
from faspmgr.cli.text import printable
from faspmgr.errors import CaptureError
from faspmgr.exit_status import ExitStatus
from faspmgr.simulator import player


@click.command("replay")
@click.argument("file", type=options.FILE)
@playing.options(speed="1")
@click.option("--seed", type=int, metavar="N", help="Make --cut random the same each time.")
def command(file: str, to: tuple[str, int] | None, speed: float, cut: int | str | None, seed: int | None) -> int:
    """Play FILE, or - for standard input, byte for byte as it was recorded.

    Each message waits until the clock of its session (Elapsedusec) says that it is due. A compressed capture is
    unpacked. With --to the stream goes to a management port; what is sent back is read and dropped.

    Exit status: 0 played to its end, 1 the other side hung up before, 2 wrong usage or a file that cannot be used,
    4 a compressed file is damaged, 5 no connection.

    \b
    Example:
      faspmgr replay --speed max capture.fasp | faspmgr summary
      faspmgr replay --to 127.0.0.1:4000 --speed 10 --cut random capture.fasp
    """

    def log(text: str) -> None:
        click.echo(f"faspmgr: {printable(name_of(file))}: {text}", err=True)

    try:
        data = captures.chunks(file, log=log)
        return playing.play(data if math.isinf(speed) else player.messages(data), to, speed, cut, seed)
    except CaptureError as error:
        raise CommandError(f"{name_of(file)}: {error}", ExitStatus.MALFORMED) from error
