"""The command line: the group of commands, exit statuses, and what happens when a stream goes away.

A command is a module of its own in ``faspmgr.cli.commands``, which is imported when it is called: options in, library
call, output. It returns its exit status, or raises CommandError. Everything that ends a command in another way is
handled here: wrong usage, Ctrl-C, a closed pipe, a full disk.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import select
import sys
from typing import Any, NoReturn, TextIO

import click
from click.shell_completion import shell_complete

from faspmgr._version import __version__
from faspmgr.cli.command_error import CommandError
from faspmgr.exit_status import ExitStatus
from faspmgr.protocol import speedups

COMMANDS = {
    "decode": "messages as JSON Lines, CSV, text or bytes",
    "summary": "what happened: sessions, files, rates, errors",
    "check": "every deviation from the protocol",
    "describe": "the reference: message types, fields, error codes",
    "encode": "a command as bytes for the wire",
    "watch": "live progress of a stream",
    "listen": "open a management port for ascp to connect to",
    "run": "start ascp, show progress, exit with its result",
    "put": "stream standard input into a file at the destination",
    "ctl": "control a running transfer",
    "replay": "play a capture as ascp would",
    "simulate": "write or play a synthetic session",
    "view": "the state in the structures of other systems",
    "log": "ascp's own log: its sessions, files, totals",
}
"""Name and short help of each command. It is ``command`` in the module of its name in ``faspmgr.cli.commands``."""

COMPLETION = "_FASPMGR_COMPLETE"
"""The environment variable with which a shell asks for completion, as click names it."""


class _Group(click.Group):
    """Imports only the command that is called, so that --version and --help stay fast."""

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
@click.version_option(__version__, prog_name="faspmgr", message=f"%(prog)s %(version)s ({speedups.NAME})")
def cli() -> None:
    """Watch, understand and control IBM Aspera's ascp through its management stream.

    \b
    Example:
      faspmgr summary capture.fasp
      nc -l 4000 | faspmgr decode --type STATS
      faspmgr run -- ascp -l 100m file.bin user@host:/data

    Exit status: 0 done, 1 the transfer failed, 2 wrong usage or a file that cannot be used, 3 the stream ended without
    a result, 4 malformed input, 5 ascp could not be started, 130 interrupted.
    """


def main(args: list[str] | None = None, prog_name: str = "faspmgr") -> NoReturn:
    """Run the command line and exit with the status that the help text promises.

    Args:
        args: the arguments; by default those of the process.
        prog_name: the name in messages.
    """
    try:
        sys.exit(_run_and_flush(args, prog_name))
    except KeyboardInterrupt:
        # Once more, while a reader who does not read holds up what is to be written: nothing is written any more.
        os._exit(ExitStatus.INTERRUPTED)


def _run_and_flush(args: list[str] | None, prog_name: str) -> int:
    _replace_missing_streams()
    status: int = ExitStatus.DONE
    try:
        status = _run(args, prog_name)
        if status != ExitStatus.INTERRUPTED:
            sys.stdout.flush()
    except OSError as error:
        status = _os_error(error) or status
    for stream in (sys.stdout, sys.stderr):
        try:
            if status == ExitStatus.INTERRUPTED and not _can_be_written(stream):
                _drop_output(stream)  # the write that was interrupted would wait once more
            stream.flush()
        except OSError:  # it must not come once more when the interpreter exits
            _drop_output(stream)
    return status


def _can_be_written(stream: TextIO) -> bool:
    """Whether the reader of a stream reads, so that a write would not wait for him."""
    try:
        return bool(select.select([], [stream.fileno()], [], 0)[1])
    except (OSError, ValueError):  # no file, or one that cannot be asked
        return True


def _drop_output(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _run(args: list[str] | None, prog_name: str) -> int:
    # Not cli.main(), which exits with status 1 for a closed pipe and writes an empty line at Ctrl-C.
    completion = os.environ.get(COMPLETION)
    if completion:
        return shell_complete(cli, {}, prog_name, COMPLETION, completion)
    try:
        with cli.make_context(prog_name, list(sys.argv[1:] if args is None else args)) as context:
            result: Any = cli.invoke(context)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except CommandError as error:
        _log(f"faspmgr: {error}")
        return error.status
    except click.MissingParameter as error:
        error.show()  # of several lines, and without anything that the user gave
        return error.exit_code
    except click.ClickException as error:
        text = _printable(error.format_message())
        error.format_message = lambda: text  # type: ignore[method-assign]
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return ExitStatus.INTERRUPTED
    return result if isinstance(result, int) else ExitStatus.DONE


def _log(text: str) -> None:
    """Write a line to standard error: the same to a terminal and to a pipe, whatever a path or a stream holds."""
    click.echo(_printable(text), err=True)


def _printable(text: str) -> str:
    from faspmgr.cli.text import printable  # only after an error

    return printable(text)


def _replace_missing_streams() -> None:
    """Open standard streams that were closed (``>&-``), so that no file or socket gets their number.

    Reading from such a stream or writing to it fails with OSError, which is reported as for any other stream.
    """
    for name, mode, flags in (("stdin", "r", os.O_WRONLY), ("stdout", "w", os.O_RDONLY), ("stderr", "w", os.O_WRONLY)):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.open(os.devnull, flags), mode))  # noqa: SIM115  # for as long as we run


def _os_error(error: OSError) -> int:
    """Report an error of a stream; give the exit status."""
    if error.errno == errno.EPIPE:
        return ExitStatus.DONE  # the reader has seen enough
    where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
    with contextlib.suppress(OSError):  # standard error may be what has failed
        _log(f"faspmgr: {where}{error.strerror or error}")
    return ExitStatus.USAGE
