"""``faspmgr simulate``: a made-up session, written or played."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Iterator
from typing import Any

import click

from faspmgr.cli import playing
from faspmgr.cli.options import RATE, SIZE
from faspmgr.simulator.scenario import CHECKSUMS, DISTRIBUTIONS, Scenario

BATCH = 100
"""Messages that are written at once."""


def _parse_fail(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[int, int]:
    fail: dict[int, int] = {}
    for value in values:
        match = re.fullmatch("(?:([0-9]{1,6}):)?([0-9]{1,10})", value)
        if not match:
            raise click.BadParameter(f"{value!r} is no number of files, or CODE:N, such as 35:2.")
        code = int(match[1] or 5)
        fail[code] = fail.get(code, 0) + int(match[2])
    return fail


@click.command("simulate")
@click.option("--files", type=int, default=3, metavar="N", help="Files, over all sessions; 3.")
@click.option("--size", default="10M", type=SIZE, help="Mean size: 500, 1.5G; 10M.")
@click.option("--fail", multiple=True, callback=_parse_fail, metavar="N|CODE:N", help="N files fail, with 5 or CODE.")
@click.option("--skip", type=int, default=0, metavar="N", help="N files are skipped.")
@click.option("--sessions", type=int, default=1, metavar="N", help="Parallel sessions of one transfer.")
@click.option("--seed", type=int, default=0, metavar="N", help="The same seed gives the same bytes.")
@click.option("--resume", type=int, default=0, metavar="N", help="N files go on where an earlier session stopped.")
@click.option("--ranges", type=int, default=0, metavar="N", help="Of N files only a range is moved.")
@click.option("--distribution", type=click.Choice(DISTRIBUTIONS), default="fixed", help="Of the sizes; fixed.")
@click.option("--rate", "target_kbps", default="100m", type=RATE, help="Target; 100m.")
@click.option("--achieved", "achieved_kbps", type=RATE, help="What is reached; 93 %.")
@click.option("--rtt", "rtt_ms", type=int, default=25, metavar="MS", help="Round-trip time in milliseconds; 25.")
@click.option("--loss", type=float, default=0.0, metavar="SHARE", help="Share of the bytes that get lost: 0.01.")
@click.option("--checksum", type=click.Choice(CHECKSUMS), default="none", help="Checksums in STOP.")
@click.option("--no-precalculate", "precalculate", is_flag=True, flag_value=False, default=True, help="No job size.")
@click.option("--retries", type=int, default=0, metavar="N", help="N attempts fail before the one that does not.")
@click.option("--fallback", is_flag=True, help="UDP fails, the transfer goes on over HTTP.")
@click.option("--odd-names", is_flag=True, help="File names with line breaks, TAB, bytes that are no UTF-8.")
@click.option("--error", type=int, metavar="CODE", help="The session ends in this ERROR.")
@click.option("--cut-off", is_flag=True, help="The stream breaks off in the middle of a message.")
@click.option("--stop-at", type=float, default=0.5, metavar="SHARE", help="When --error, --cut-off happen; 0.5.")
@click.option("--direction", type=click.Choice(["send", "receive"]), default="send", help="Send or receive.")
@click.option("--user-str", default="simulated", metavar="TEXT", help="What an application gives with -u.")
@playing.options(speed="max")
def command(to: tuple[str, int] | None, speed: float, cut: int | str | None, **options: Any) -> int:
    """Make up a transfer, and write its stream to standard output or play it to a management port.

    The numbers in it agree with each other. It takes the same little memory for ten files and for ten million. With
    --to, each of several sessions has a connection of its own.

    \b
    Example:
      faspmgr simulate --files 1000 --size 10M --fail 3 --skip 20 | faspmgr summary
      faspmgr simulate --files 5 --size 1G --speed 1 --to 127.0.0.1:4000
      faspmgr simulate --sessions 4 --loss 0.01 --fail 35:1 --seed 7 > capture.fasp
    """
    options["direction"] = options["direction"].capitalize()
    if options["achieved_kbps"] is None:
        del options["achieved_kbps"]
    try:
        scenario = Scenario(**options)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    streams = [scenario.stream()] if to is None else scenario.streams()
    if math.isinf(speed):
        streams = [_batches(messages) for messages in streams]
    return playing.play_at_once(streams, to, speed, cut, scenario.seed)


def _batches(messages: Iterator[bytes]) -> Iterator[bytes]:
    """Several messages at once, where time plays no part: a write for each would take longer than making it."""
    while batch := b"".join(itertools.islice(messages, BATCH)):
        yield batch
