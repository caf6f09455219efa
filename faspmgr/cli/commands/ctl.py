"""``faspmgr ctl``: order a running transfer about."""

from __future__ import annotations

from typing import Any

import attrs
import click

from faspmgr.cli import command_arguments, output
from faspmgr.cli.text import count, duration, percent, printable, rate, size
from faspmgr.errors import CommandError
from faspmgr.manager import control
from faspmgr.manager.replies import REPLY_TIMEOUT
from faspmgr.protocol.commands import Command
from faspmgr.verdicts import ExitStatus

PATIENCE = 5.0
"""Seconds beyond --timeout, for a transfer that is busy."""


@click.group("ctl")
@click.argument("socket", type=click.Path(path_type=str, readable=False))
@click.option(
    "--timeout",
    type=click.FloatRange(0, control.MAX_TIMEOUT),
    default=REPLY_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for what ascp makes of the order.",
)
@click.pass_context
def command(ctx: click.Context, socket: str, timeout: float) -> None:
    """Order a transfer about that runs with --control SOCKET, and tell whether ascp took the order.

    ExitStatus 0 if it did, 1 if it did not, 3 if it said nothing in time.

    \b
    Example:
      faspmgr run --control /tmp/t.sock -- ascp -l 10m big.iso user@host:/in &
      faspmgr ctl /tmp/t.sock rate --target 50m --policy fixed
      faspmgr ctl /tmp/t.sock status
    """
    ctx.obj = _Line(socket, timeout)


@attrs.frozen
class _Line:
    """To the transfer."""

    socket: str
    timeout: float

    def ask(self, order: str, **arguments: Any) -> dict[str, Any]:
        request = {"order": order, "arguments": arguments, "timeout": self.timeout}
        try:
            response = control.ask(self.socket, request, self.timeout + PATIENCE)
        except (OSError, ValueError) as error:
            words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise CommandError(f"{self.socket}: {words}") from error
        if "error" in response:
            raise CommandError(f"{self.socket}: {printable(str(response['error']))}", ExitStatus.FAILED)
        return response


_NAMES = {kind: name for name, kind in control.ORDERS.items()}
_WORDS = {True: "Taken", False: "Not taken", None: "Unknown"}
_STATUS = {True: ExitStatus.DONE, False: ExitStatus.FAILED, None: ExitStatus.NO_RESULT}


def _send(order: Command) -> int:
    line: _Line = click.get_current_context().find_object(_Line)  # type: ignore[assignment]  # made above
    arguments = attrs.asdict(order, filter=lambda _attribute, value: value is not None)
    response = line.ask(_NAMES[type(order)], **arguments)
    accepted = response.get("accepted")
    output.write([f"{_WORDS[accepted]}: {printable(str(response.get('message', '')))}"])
    return _STATUS[accepted]


command_arguments.add_commands(command, _send)


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="All that is known, as one JSON object.")
@click.pass_obj
def status(line: _Line, as_json: bool) -> int:
    """Tell how far the transfer is."""
    response = line.ask("status")
    if as_json:
        output.write([output.to_json(response)])
        return ExitStatus.DONE
    output.write([_facts(transfer) for transfer in response["transfers"]] or ["no connection yet"])
    return ExitStatus.DONE


def _facts(transfer: dict[str, Any]) -> str:
    """A line about a transfer, of which there is no more here than Transfer.to_dict() says."""
    eta, expected = transfer["eta_seconds"], transfer["expected_bytes"]
    parts = [
        transfer["state"],
        percent(transfer["progress"]),
        size(transfer["bytes_done"]) + ("" if expected is None else f" of {size(expected)}"),
        rate(transfer["rate_kbps"]),
        *([] if eta is None else [f"ETA {duration(eta)}"]),
        count(transfer["files_done"], "file") + " done",
        *(f"{transfer[f'files_{word}']:,} {word}" for word in ("active", "skipped", "failed")),
        *(f"target {session['target_rate_kbps']} Kbps, {session['policy']}" for session in transfer["sessions"][-1:]),
    ]
    return ", ".join(parts)
