"""``faspmgr ctl``: control a running transfer. The module of the control socket has the requests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs
import click

from faspmgr.cli import command_arguments, output
from faspmgr.cli.command_error import CommandError
from faspmgr.cli.text import count, duration, percent, printable, rate, size
from faspmgr.exit_status import ExitStatus
from faspmgr.manager import control
from faspmgr.manager.replies import REPLY_TIMEOUT
from faspmgr.protocol.commands import COMMANDS, Command

RESPONSE_SECONDS = 5.0
"""Time for a response beyond --timeout, for a transfer that is busy."""


@click.group("ctl")
@click.argument("socket", type=click.Path(path_type=str, readable=False))
@click.option(
    "--timeout",
    type=click.FloatRange(0, control.MAX_TIMEOUT),
    default=REPLY_TIMEOUT,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait for the reply of ascp.",
)
@click.pass_context
def command(ctx: click.Context, socket: str, timeout: float) -> None:
    """Control a transfer that runs with --control SOCKET, and report whether ascp accepted the command.

    Exit status: 0 accepted, 1 rejected, 3 no reply in time.

    \b
    Example:
      faspmgr run --control /tmp/t.sock -- ascp -l 10m big.iso user@host:/in &
      faspmgr ctl /tmp/t.sock rate --target 50m --policy fixed
      faspmgr ctl /tmp/t.sock status
    """
    ctx.obj = _Client(socket, timeout)


@attrs.frozen
class _Client:
    """Sends requests to a control socket.

    Attributes:
        socket: path of the control socket.
        timeout: seconds to wait for the reply of ascp.
    """

    socket: str
    timeout: float

    def ask(self, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Send a request; the response to it. Raises CommandError where there is none, or one that reports an error."""
        request = {"command": name, "arguments": arguments, "timeout": self.timeout}
        try:
            response = control.ask(self.socket, request, self.timeout + RESPONSE_SECONDS)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            raise CommandError(f"{self.socket}: {reason}") from error
        if "error" in response:
            raise CommandError(f"{self.socket}: {printable(str(response['error']))}", ExitStatus.FAILED)
        return response


_NAMES = {row.cls: name for name, row in COMMANDS.items()}
_OUTCOMES: Mapping[bool | None, tuple[str, ExitStatus]] = {
    True: ("Accepted", ExitStatus.DONE),
    False: ("Rejected", ExitStatus.FAILED),
    None: ("No reply", ExitStatus.NO_RESULT),
}
"""What is printed for a reply, and the exit status."""


def _send(command: Command) -> int:
    client: _Client = click.get_current_context().find_object(_Client)  # type: ignore[assignment]  # made above
    arguments = attrs.asdict(command, filter=lambda _attribute, value: value is not None)
    response = client.ask(_NAMES[type(command)], arguments)
    word, status = _OUTCOMES[response.get("accepted")]
    output.write([f"{word}: {printable(str(response.get('message', '')))}"])
    return status


command_arguments.add_commands(command, _send)


@command.command("status")
@click.option("--json", "as_json", is_flag=True, help="Everything that is known, as one JSON object.")
@click.pass_obj
def status(client: _Client, as_json: bool) -> int:
    """Show how far the transfer is.

    \b
    Example:
      faspmgr ctl SOCKET status --json | jq '.transfers[].progress'
    """
    response = client.ask("status", {})
    if as_json:
        output.write([output.to_json(response)])
    else:
        output.write([_facts(transfer) for transfer in response["transfers"]] or ["no connection yet"])
    return ExitStatus.DONE


def _facts(transfer: dict[str, Any]) -> str:
    """A line about a transfer, from what Transfer.to_dict() gives."""
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
