"""What replay and simulate share: where a stream goes to, how fast, and in which pieces."""

from __future__ import annotations

import math
import random
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

import click

from faspmgr.cli import output
from faspmgr.cli.command_error import CommandError
from faspmgr.exit_status import ExitStatus
from faspmgr.simulator import link, player

F = TypeVar("F", bound=Callable[..., Any])

MAX_PIECE = 1 << 20
MAX_SPEED = 1e6


def _parse_address(ctx: click.Context, param: click.Parameter, value: str | None) -> tuple[str, int] | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not re.fullmatch("[0-9]{1,5}", port) or not 1 <= int(port) <= 65535:
        raise click.BadParameter(f"invalid HOST:PORT: {value!r}; write 127.0.0.1:4000.")
    return host.strip("[]") or "127.0.0.1", int(port)


def _parse_speed(ctx: click.Context, param: click.Parameter, value: str) -> float:
    if value == "max":
        return math.inf
    if not re.fullmatch(r"[0-9]{1,7}(\.[0-9]{1,6})?", value) or not 0 < float(value) <= MAX_SPEED:
        raise click.BadParameter(f"invalid speed: {value!r}; write 1, 10, 0.5 or max.")
    return float(value)


def _parse_cut(ctx: click.Context, param: click.Parameter, value: str | None) -> int | str | None:
    if value is None or value == "random":
        return value
    if not re.fullmatch("[0-9]{1,7}", value) or not 1 <= int(value) <= MAX_PIECE:
        raise click.BadParameter(f"invalid number of bytes: {value!r}; write 1 to {MAX_PIECE:,}, or random.")
    return int(value)


def options(speed: str) -> Callable[[F], F]:
    """Make a decorator that adds ``--to``, ``--speed`` and ``--cut``.

    Args:
        speed: the default of ``--speed``.
    """

    def add(function: F) -> F:
        for option in reversed(
            (
                click.option("--to", metavar="HOST:PORT", callback=_parse_address, help="Connect there, as ascp does."),
                click.option(
                    "--speed",
                    default=speed,
                    show_default=True,
                    metavar="N|max",
                    callback=_parse_speed,
                    help="So many times faster than it was, by Elapsedusec.",
                ),
                click.option(
                    "--cut",
                    metavar="N|random",
                    callback=_parse_cut,
                    help="Send pieces of N bytes, or of a random size, whatever the messages are.",
                ),
            )
        ):
            function = option(function)
        return function

    return add


def play(
    messages: Iterable[bytes], to: tuple[str, int] | None, speed: float, cut: int | str | None, seed: int | None
) -> ExitStatus:
    """Play a stream to standard output, or to a management port.

    Args:
        messages: the stream, in pieces that are sent at once.
        to: host and port; None for standard output.
        speed: so many times faster than it was; infinite for at once.
        cut: send pieces of so many bytes, or of a random size; None for messages as they are.
        seed: makes the random sizes the same each time.

    Raises:
        CommandError: nobody listens there, or the other side hung up before the end.
        OSError: standard output cannot be written.
    """
    pieces: Iterable[player.Timed]
    pieces = player.timed(messages) if math.isfinite(speed) else ((0.0, message) for message in messages)
    if cut is not None:
        pieces = player.cut(pieces, None if cut == "random" else int(cut), random.Random(seed))
    if to is None:
        player.play(pieces, output.write_bytes, speed)
    else:
        _play_to(pieces, to, speed)
    return ExitStatus.DONE


def play_at_once(
    streams: Sequence[Iterable[bytes]],
    to: tuple[str, int] | None,
    speed: float,
    cut: int | str | None,
    seed: int | None,
) -> ExitStatus:
    """Play several streams side by side, each as play() does; raise the first error when all have ended."""
    errors: list[BaseException] = []

    def play_one(messages: Iterable[bytes]) -> None:
        try:
            play(messages, to, speed, cut, seed)
        except (CommandError, OSError) as error:
            errors.append(error)

    # Daemons, so that Ctrl-C ends all of them at once; what they send is synthetic.
    threads = [threading.Thread(target=play_one, args=(messages,), daemon=True) for messages in streams[1:]]
    for thread in threads:
        thread.start()
    play_one(streams[0])
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return ExitStatus.DONE


def _play_to(pieces: Iterable[player.Timed], to: tuple[str, int], speed: float) -> None:
    where = f"{to[0]}:{to[1]}"
    try:
        peer = link.Peer(*to)
    except OSError as error:
        raise CommandError(f"cannot connect to {where}: {error.strerror or error}", ExitStatus.NOT_STARTED) from error
    try:
        player.play(pieces, peer.send, speed, peer.wait)
    except ConnectionError as error:
        raise CommandError(f"{where} closed the connection before the end", ExitStatus.FAILED) from error
    finally:
        peer.close()
