"""``faspmgr simulate``: a synthetic transfer, written or played."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import attrs
import click

from faspmgr.cli import playing
from faspmgr.cli.options import RATE, SIZE
from faspmgr.simulator.messages import ORDERS
from faspmgr.simulator.parameters import ACHIEVED, DIRECTIONS, DISTRIBUTIONS, FAIL_CODE
from faspmgr.simulator.scenario import Scenario
from faspmgr.simulator.terms import CHECKSUMS

F = TypeVar("F", bound=Callable[..., Any])

BATCH = 100
"""Messages that are written at once."""
_DEFAULTS = {field.name: field.default for field in attrs.fields(Scenario)}


def _parse_fail(ctx: click.Context, param: click.Parameter, values: tuple[str, ...]) -> dict[int, int]:
    fail: dict[int, int] = {}
    for value in values:
        match = re.fullmatch("(?:([0-9]{1,6}):)?([0-9]{1,10})", value)
        if not match:
            raise click.BadParameter(f"invalid number of files: {value!r}; write N, or CODE:N such as 35:2.")
        code = int(match[1] or FAIL_CODE)
        fail[code] = fail.get(code, 0) + int(match[2])
    return fail


def _option(words: str, help: str, **settings: Any) -> Callable[[F], F]:
    """Make an option for an attribute of Scenario, which has the default.

    Args:
        words: the option; behind a blank the attribute, where that has another name.
        help: its help; the default is shown behind it, where it is a word or a number above zero.
        settings: of click.option.
    """
    flag, _, name = words.partition(" ")
    name = name or flag[2:].replace("-", "_")
    default = _DEFAULTS[name]
    if default and isinstance(default, (str, int, float)) and not isinstance(default, bool):
        help += f"  [default: {default:,}]" if isinstance(default, int) else f"  [default: {default}]"
    return click.option(flag, name, help=help, **settings)


@click.command("simulate")
@_option("--files", "Files, over all sessions.", type=int, metavar="N")
@_option("--size", "Mean size in bytes: 500, 10M, 1.5G.", type=SIZE)
@_option("--fail", f"N files fail, with {FAIL_CODE} or CODE.", multiple=True, callback=_parse_fail, metavar="N|CODE:N")
@_option("--skip", "N files are skipped: SKIP, with Size 0.", type=int, metavar="N")
@_option("--present", "N files are there already: STOP, with StartByte equal to Size.", type=int, metavar="N")
@_option("--sessions", "Parallel sessions of one transfer.", type=int, metavar="N")
@_option("--multi-session-threshold", "Each session moves a part of every file of this size and above.", type=SIZE)
@_option("--seed", "The same seed gives the same bytes.", type=int, metavar="N")
@_option("--resume", "N files go on where an earlier session stopped.", type=int, metavar="N")
@_option("--ranges", "Of N files only a range is moved.", type=int, metavar="N")
@_option("--distribution", "Of the sizes.", type=click.Choice(DISTRIBUTIONS))
@_option("--rate target_kbps", "Target rate in kilobits per second, or 800k, 50m, 1.5g.", type=RATE)
@_option("--achieved achieved_kbps", f"What is reached.  [default: {ACHIEVED:.0%} of the target]", type=RATE)
@_option("--rtt rtt_ms", "Round-trip time in milliseconds.", type=int, metavar="MS")
@_option("--loss", "Share of the bytes that get lost: 0.01.", type=float, metavar="SHARE")
@_option("--checksum", "Checksums in STOP.", type=click.Choice(CHECKSUMS))
@_option("--no-precalculate precalculate", "No job size.", is_flag=True, default=True, flag_value=False)
@_option("--retries", "N attempts fail before the one that does not.", type=int, metavar="N")
@_option("--fallback", "UDP fails, the transfer goes on over HTTP.", is_flag=True)
@_option("--odd-names", "File names with line breaks, TAB, bytes that are not UTF-8.", is_flag=True)
@_option("--error", "The session ends in this ERROR.", type=int, metavar="CODE")
@_option("--cut-off", "The stream breaks off in the middle of a message.", is_flag=True)
@_option("--stop-at", "When --error and --cut-off happen.", type=float, metavar="SHARE")
@_option("--direction", "Send or receive.", type=click.Choice([word.lower() for word in DIRECTIONS]))
@_option("--user-str", "What an application gives with -u.", metavar="TEXT")
@_option(
    "--order", "Fields in the order of the field table, as ascp has it, or sorted by name.", type=click.Choice(ORDERS)
)
@click.option("--log", is_flag=True, help="Write ascp's own log of it instead of its stream.")
@playing.options(speed="max")
def command(log: bool, to: tuple[str, int] | None, speed: float, cut: int | str | None, **options: Any) -> int:
    """Write the stream of a synthetic transfer to standard output, or play it to a management port.

    The numbers in it agree with each other. It takes the same little memory for ten files and for ten million. With
    --to, each of several sessions has a connection of its own. With --log the same options give the log of the same
    sessions.

    \b
    Example:
      faspmgr simulate --files 1000 --size 10M --fail 3 --skip 20 | faspmgr summary
      faspmgr simulate --files 5 --size 1G --speed 1 --to 127.0.0.1:4000
      faspmgr simulate --sessions 4 --loss 0.01 --fail 35:1 --seed 7 > capture.fasp
      faspmgr simulate --sessions 4 --loss 0.01 --fail 35:1 --seed 7 --log > aspera-scp-transfer.log
    """
    if log and (to is not None or math.isfinite(speed)):
        raise click.UsageError("--log does not go with --to or --speed: a log is no management stream.")
    given = {name: value for name, value in options.items() if value is not None}
    if "direction" in given:
        given["direction"] = given["direction"].capitalize()
    try:
        scenario = Scenario(**given)
    except ValueError as error:
        raise click.UsageError(f"{error}.") from error
    if log:
        streams = [scenario.log()]
    else:
        streams = [scenario.stream()] if to is None else scenario.streams()
    if math.isinf(speed):
        streams = [_batches(messages) for messages in streams]
    return playing.play_at_once(streams, to, speed, cut, scenario.seed)


def _batches(messages: Iterator[bytes]) -> Iterator[bytes]:
    """Several messages at once, where time plays no part: a write for each would take longer than making it."""
    while batch := b"".join(itertools.islice(messages, BATCH)):
        yield batch
