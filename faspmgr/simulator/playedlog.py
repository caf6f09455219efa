"""ascp's own log of a recorded stream that is played: each session in it is a process.

There is no log of a session whose INIT is not in the recording, and no line for a message that lacks what the line
needs, or has nonsense there. That a session goes on over HTTP behind its ERROR is not known yet when the ERROR comes:
its log ends there.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from datetime import datetime

from faspmgr.protocol.tokenizer import Tokenizer
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.log import SessionLog
from faspmgr.simulator.logfile import LogFile
from faspmgr.simulator.player import MAX_SESSIONS, Timed


def logged(pieces: Iterable[Timed], file: LogFile, folder: str | None) -> Iterator[Timed]:
    """Pass a stream on, and write the lines that each piece of it adds to the log, once it was sent.

    Args:
        pieces: what is played.
        file: where the log goes to.
        folder: the argument of ``-L``.
    """
    began = datetime.now() if file.has_prefix else None
    tokenizer = Tokenizer()
    logs: dict[str, SessionLog] = {}
    process = os.getpid()
    for due, piece in pieces:
        yield due, piece
        for frame in tokenizer.feed(piece):
            session = frame.fields.get("SessionId", "")
            if frame.type == "INIT":
                if len(logs) == MAX_SESSIONS:
                    del logs[next(iter(logs))]
                logs[session] = SessionLog(process, began, Asked(folder=folder))
                process += 1
            if session in logs:
                with contextlib.suppress(KeyError, ValueError, OverflowError):
                    file.write(logs[session].lines(frame, due * 1e6))
