"""``faspmgr-ascp``: has the options of ascp, and reports a session about the files on its command line.

It connects to where -M says and nowhere else, listens nowhere, and calls no peer: both ends are this machine. Without
``--simulate-copy`` it reports on the sources as if they were moved at the target rate, without waiting for it; with
it they are copied for real, at the target rate. It applies the commands of the management port while it runs, and ends
as ascp does: status 0 after DONE, 1 after ERROR. A file that is at the destination already is a STOP with StartByte
equal to Size. The sessions of one transfer (-C) each move their share of the files, and a part of each file that is not
smaller than --multi-session-threshold. A persistent session (--keepalive) is given its files on the management port,
and one with --faspmgr-io their data: see ``streams.py``::

    --simulate-copy            copy the files
    --simulate-root DIR        paths of the peer are below DIR
    --simulate-speed N|max     so many times faster than real; 1 with --simulate-copy, max without
    --simulate-play FILE       play this recorded stream instead; given several times: the next run plays the next one
    --simulate-record DIR      note down options, commands and the end of each run, as JSON Lines
    -L DIR, -L DIR:N, -L-      ascp's own log of the session: see below; also of a recorded stream
    FASPMGR_ASCP_FAULT         what is to go wrong: see faults.py
"""

from __future__ import annotations

import math
import os
import re
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from typing import NoReturn

from faspmgr import captures
from faspmgr._version import __version__
from faspmgr.errors import CaptureError
from faspmgr.simulator import player
from faspmgr.simulator.exceptions import FaultError, OptionError
from faspmgr.simulator.faults import LINGER_SECONDS, VARIABLE, parse_faults
from faspmgr.simulator.link import Link, Peer
from faspmgr.simulator.logfile import LogFile
from faspmgr.simulator.notes import Notes, exit_now, log
from faspmgr.simulator.options import USAGE, Options, parse
from faspmgr.simulator.playedlog import logged
from faspmgr.simulator.simulation import Simulation
from faspmgr.simulator.terms import VERSION

VERSION_TEXT = f"""\
faspmgr-ascp {__version__}: a simulator, not the product of IBM
ascp version {VERSION}
Operating System: {sys.platform.capitalize()}
"""
USAGE_TEXT = f"{USAGE}Display full usage: -h,--help\n"
HELP_TEXT = f"""{USAGE}\
A simulator of ascp: accepts all options of ascp 3.9.0, one of newer releases
  --faspmgr-io                    Accept the data of files on the management port
and these of its own
  --simulate-copy                 Copy the files, at the target rate
  --simulate-root=DIR             Paths of the peer are below DIR
  --simulate-speed=N              So many times faster than real, or max
  --simulate-play=FILE            Play a recorded management stream instead
  --simulate-record=DIR           Note down options and commands of each run
Environment:
  {VARIABLE}              What is to go wrong: fail=16@50%, hang@99%, die@1000 ...
"""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``faspmgr-ascp``: does not return."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # dies of it, as a program in C does
    status = run(sys.argv[1:] if argv is None else argv, os.environ)
    try:
        sys.stdout.flush()
    except OSError:  # nobody reads it any more; the interpreter must not try again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(status)


def run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run once; return the exit status."""
    try:
        return _run(argv, environ)
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        log(f"ascp: {name}{error.strerror or error}\n", sys.stderr)
        return 1


def _run(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    try:
        options = parse(argv, environ)
        faults = parse_faults(environ.get(VARIABLE, ""))
    except OptionError as error:
        log(f"{error}\n{USAGE_TEXT if error.unknown else ''}", sys.stderr)
        return 1
    except FaultError as error:
        log(f"ascp: {error}\n", sys.stderr)
        return 1
    if options.action:
        log(HELP_TEXT if options.action == "help" else VERSION_TEXT)
        return 0
    try:
        log_file = LogFile(options.log) if options.log else None
    except OSError as error:
        log(f"Error opening log directory {os.path.dirname(error.filename)}\n", sys.stderr)
        log(f"error initializing transfer log '{error.filename}' ({error.strerror}).\n", sys.stderr)
        log("ascp: FASP initialization failed (Bad protocol).\n", sys.stderr)
        return 1
    notes = Notes(options.record)
    _note_start(notes, options, environ)
    try:
        link = Link() if faults.has("no-connect") else _open(options)
    except OSError:
        return 1
    if options.play:
        status = _play(options, link, notes, log_file)
    else:
        status = Simulation(options, faults, link, notes, log_file).run()
    if faults.has("linger-socket"):
        _linger(link, status)
    notes.note_commands(link.close())
    return status


def _play(options: Options, link: Link, notes: Notes, log_file: LogFile | None) -> int:
    """Play a recorded stream under the UserStr of -u; the status is that of its last DONE or ERROR."""
    last = ""
    path = options.play[min(notes.number, len(options.play) - 1)]

    def wait(seconds: float) -> None:
        deadline = time.monotonic() + seconds
        notes.note_commands(link.poll(0))
        while (left := deadline - time.monotonic()) > 0:
            notes.note_commands(link.poll(left))

    def send(message: bytes) -> None:
        nonlocal last
        ended = re.search(rb"^Type: ?(DONE|ERROR)\r?$", message, re.MULTILINE)
        last = ended[1].decode() if ended else last
        link.send(player.adopt(message, options.user_str))
        wait(0)

    try:
        pieces = player.timed(player.messages(captures.chunks(path)))
        pieces = logged(pieces, log_file, options.log) if log_file else pieces
        player.play(pieces, send, options.speed or math.inf, wait)
    except (OSError, CaptureError) as error:
        log(f"ascp: {path}: {getattr(error, 'strerror', None) or error}\n", sys.stderr)
        return 1
    notes.note(end=last)
    return 0 if last == "DONE" else 1


def _note_start(notes: Notes, options: Options, environ: Mapping[str, str]) -> None:
    notes.note(
        argv=[word for word in options.argv if not word.startswith("--simulate-")],
        environ={name: value for name, value in environ.items() if name.startswith("ASPERA_")},
        options=[pair for pair in options.values if not pair[0].startswith("--simulate-")],
        sources=options.sources,
        destination=options.destination,
    )


def _open(options: Options) -> Link:
    peers = []
    for host, port in options.managers:
        try:
            peers.append(Peer(host, port, options.streams))
        except OSError:
            log(f"ascp: required management connection to port {host}:{port} failed.\n\n", sys.stderr)
            log("ascp: failed to connect to management socket, exiting.\n", sys.stderr)
            raise
    return Link(peers)


def _linger(link: Link, status: int) -> NoReturn:
    """Leave a child behind that holds the connection, and nothing else, until the manager closes it or for a while."""
    link.flush()
    if os.fork():
        exit_now(status)
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(nothing, stream)
    deadline = time.monotonic() + LINGER_SECONDS
    while link.has_manager and time.monotonic() < deadline:
        link.poll(max(0.0, deadline - time.monotonic()))
    exit_now(0)


if __name__ == "__main__":
    main()
