"""The command line: one thin module per command, imported when it is called."""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from typing import Any, NoReturn

import click
from click.shell_completion import shell_complete

from faspmgr._version import __version__
from faspmgr.errors import CommandError
from faspmgr.verdicts import ExitStatus

COMMANDS = {
    "decode": "messages as JSON Lines, CSV, text or bytes",
    "summary": "what happened: sessions, files, rates, errors",
    "check": "every deviation from the protocol",
    "describe": "the reference: message types, fields, error codes",
    "encode": "a command as bytes for the wire",
    "watch": "live progress of a stream",
    "listen": "open a management port and merge what connects",
    "run": "start ascp, watch it, pass on its fate",
    "ctl": "order a running transfer about",
    "replay": "play a capture as ascp would",
    "simulate": "write, or play, a made-up session",
    "view": "the state in the structures of other systems",
}
"""Name and short help of each command; it lives as ``command`` in the module of its name in this package."""


COMPLETION = "_FASPMGR_COMPLETE"
"""The environment variable by which shells ask for completion, as click names it."""


class _Group(click.Group):
    """Finds commands by name and imports only the one that is called: --version and --help stay quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"faspmgr.cli.commands.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="faspmgr", message="%(prog)s %(version)s")
def cli() -> None:
    """Watch, understand and steer IBM Aspera's ascp by its management stream.

    \b
    Example:
      faspmgr summary capture.fasp
      ascp_log | faspmgr decode --type STATS
      faspmgr run -- ascp -l 100m file.bin user@host:/data

    Exit status: 0 done, 1 the transfer failed, 2 wrong usage or a file that cannot be used, 3 the stream ended without
    a result, 4 malformed input, 5 ascp could not be started, 130 interrupted.
    """


def main(args: list[str] | None = None, prog_name: str = "faspmgr") -> NoReturn:
    """Entry point: run the command line and exit with the status that the help text promises."""
    _take_missing_descriptors()
    status: int = ExitStatus.DONE
    try:
        status = _run(args, prog_name)
        sys.stdout.flush()
    except OSError as error:
        status = _os_error(error) or status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # must not come once more when the interpreter exits
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(status)


def _run(args: list[str] | None, prog_name: str) -> int:
    # Not by cli.main(): that ends a closed pipe with status 1, and writes an empty line at Ctrl-C.
    completion = os.environ.get(COMPLETION)
    if completion:
        return shell_complete(cli, {}, prog_name, COMPLETION, completion)
    try:
        with cli.make_context(prog_name, list(sys.argv[1:] if args is None else args)) as context:
            result: Any = cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except CommandError as error:
        click.echo(f"faspmgr: {error}", err=True)
        return error.status
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    return result if isinstance(result, int) else ExitStatus.DONE


def _take_missing_descriptors() -> None:
    """A standard stream that was closed (``>&-``) fails when it is used, and no file or socket gets its number. What
    would go to standard error is not wanted, then."""
    for name, mode, flags in (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode))  # noqa: SIM115  # for as long as we run


def _os_error(error: OSError) -> int:
    if error.errno == errno.EPIPE:
        return ExitStatus.DONE  # who read the output has seen enough
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    with contextlib.suppress(OSError):  # standard error may be what has failed
        click.echo(f"faspmgr: {where}{error.strerror or error}", err=True)
    return ExitStatus.USAGE
