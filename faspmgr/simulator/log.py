"""ascp's own log of a simulated session: frames in, lines out.

The log is made of the messages of the session, so that its numbers are those of the stream, and of the few things that
a command line asks for and no message says. What neither says is not in it: no mtime, no measured round-trip time, no
retransmission requests of a file. Lines and their order are those of ascp 3.9.0 and 3.9.6::

    version  AUTH  Session Start  Params  sizes  source …  file …  progress  Session Stop  Params  Statistics  block
    file  =  Transfer Start  (progress)  Transfer Stop  |  Transfer Stop

- A session that fails before it stands has a Start with status=failed; if the peer has not answered, no AUTH and no
  block of file transfer statistics.
- A file that fails before its first byte, or is at the destination already, is a Stop alone; one that is skipped (SKIP)
  is only counted in the block. A file in progress when the session ends has no Stop.
- ``errcode`` is the log's own code for that of the message; where it is not known, the words stand alone.
- A session that goes on over HTTP says so, and nothing more, as was seen.
- A process that dies just stops writing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar

import attrs

from faspmgr.logs.codes import LOG_CODES, LogCode
from faspmgr.protocol.fields import unescape_path
from faspmgr.protocol.frames import Frame
from faspmgr.simulator import logtext
from faspmgr.simulator.asked import Asked
from faspmgr.simulator.logtext import Fields

_LOG_CODES = {"no file arguments": 62}
"""Code of the log by Description, where neither that nor Code tells it."""

PROGRESS_USEC = 20_000_000
"""Between two lines of progress."""


@attrs.frozen
class _Started:
    """A file in progress, as its first STATS had it.

    Attributes:
        usec: Elapsedusec.
        written: bytes that were at the destination already.
        start_byte: where it starts.
    """

    usec: int
    written: int
    start_byte: str


class SessionLog:
    """What one process writes of its session.

    Args:
        process: its number.
        began: the local time from which times count; None for lines without a prefix, as on standard error.
        asked: what no message says; None for nothing.
    """

    def __init__(self, process: int, began: datetime | None, asked: Asked | None = None) -> None:
        self._began = began
        self._asked = asked or Asked()
        # The two threads of a process: one starts and ends it, the other one has the session.
        self._main, self._worker = f"[{process:04x}-{process:08x}]", f"[{process:04x}-{process + 1:08x}]"
        # The fields of INIT, then those of SESSION, with rate and policy as the latest NOTIFICATION has them.
        self._session: dict[str, str] = {}
        # What stands in every line of a session or file.
        self._about = ""
        # Has Session Start been written? Is there nothing more to come?
        self._stands = self._is_over = False
        # The files in progress, by File.
        self._files: dict[str, _Started] = {}
        # Bytes of the files that are through.
        self._moved = 0
        # Elapsedusec at which progress is due, and Elapsedusec and TransferBytes when it was written last.
        self._due = PROGRESS_USEC
        self._latest = 0, 0
        # The lines of the message at hand, and when it was sent.
        self._lines: list[str] = []
        self._usec: float = 0.0
        # The second that was written last, and its text.
        self._second = datetime.min
        self._stamp = ""

    def lines(self, frame: Frame, usec: float, http: bool = False) -> str:
        """Give the lines that a message adds to the log, each with its line end; empty for none.

        Args:
            frame: the message.
            usec: when it is sent, microseconds since ``began``.
            http: has the session fallen back to HTTP?
        """
        fields = frame.fields
        if frame.type == "STATS" and fields["File"] in self._files and int(fields["Elapsedusec"]) < self._due:
            return ""
        make = self._MAKERS.get(frame.type)
        if make is None or self._is_over:
            return ""
        self._usec = usec
        self._lines = []
        if http or (self._session and fields.get("SessionId") != self._session["SessionId"]):
            self._fall_back()
        else:
            make(self, fields)
        return "".join(self._lines)

    def _say(self, text: str, level: str = "LOG", main: bool = False) -> None:
        """Add a line.

        Args:
            text: its message.
            level: LOG or ERR.
            main: is it of the thread that has not the session?
        """
        prefix = ""
        if self._began is not None:
            now = self._began + timedelta(microseconds=int(self._usec))
            second = now.replace(microsecond=0)
            if second != self._second:
                self._second, self._stamp = second, f"{second:%Y-%m-%d %H:%M:%S}"
            prefix = f"{self._stamp}.{now.microsecond // 1000:03d} {self._main if main else self._worker} "
        self._lines.append(f"{prefix}{level} {text}\n")

    # -- beginning

    def _on_init(self, fields: Fields) -> None:
        self._set_session(fields)
        self._about = f"uuid={fields['SessionId']} op={'recv' if self._session['Direction'] == 'Receive' else 'send'}"
        for text in logtext.version():
            self._say(text, main=True)
        if self._asked.folder is not None:
            self._say(f'Alternate log directory: "{self._asked.folder}"', main=True)
        self._say("(access key) Not present", main=True)

    def _on_session(self, fields: Fields) -> None:
        self._set_session(fields)
        if self._has_peer:
            self._say("[asssh] authentication succeeded, proceeding.", main=True)
            self._say(logtext.auth(fields), main=True)

    def _set_session(self, fields: Fields) -> None:
        self._session = dict(fields)
        if self._asked.direction:
            self._session["Direction"] = self._asked.direction

    @property
    def _has_peer(self) -> bool:
        """Has the peer answered?"""
        return "RemoteAddress" in self._session

    def _on_notification(self, fields: Fields) -> None:
        changed = {name: fields[name] for name in ("Rate", "MinRate", "Adaptive", "Priority") if name in fields}
        self._session.update(changed)
        self._stand()

    def _stand(self) -> None:
        """The session stands, if it did not before."""
        if self._stands:
            return
        self._stands = True
        self._say_session("Start", "status=started")
        self._say(logtext.datagram(self._session), main=True)
        if self._session.get("Direction") == "Send" and "Source" in self._session:
            for source in self._session["Source"].split("\t"):
                self._say(f"Add sender src : {unescape_path(source)} dst : -", main=True)

    def _say_session(self, event: str, status: str) -> None:
        """Session Start or Stop, and the parameters, which stand behind both."""
        parameters = logtext.parameters(self._session, self._asked)
        self._say(f"FASP Session {event} {self._about} {status} {logtext.ends(self._session)}")
        self._say(f"FASP Session Params uuid={self._session['SessionId']} {parameters}")

    # -- files

    def _on_stats(self, fields: Fields) -> None:
        self._stand()
        usec = int(fields["Elapsedusec"])
        if fields["File"] not in self._files:
            started = _Started(usec, int(fields["Written"]), fields.get("StartByte", "0"))
            self._files[fields["File"]] = started
            target = logtext.rate(logtext.number(self._session, "Rate") * 1000)
            self._say_file("Start", "status=started", fields, started.start_byte, f"rate={target}")
        if usec >= self._due:
            self._due = (usec // PROGRESS_USEC + 1) * PROGRESS_USEC
            self._say_progress(fields)

    def _on_stop(self, fields: Fields) -> None:
        self._moved += self._end_file(fields, "status=success")

    def _on_file_error(self, fields: Fields) -> None:
        self._end_file(fields, f"status=failed {error_text(fields)}")

    def _on_skip(self, fields: Fields) -> None:
        self._stand()

    def _end_file(self, fields: Fields, status: str) -> int:
        """Transfer Stop. Returns how many bytes of the file this session has moved."""
        self._stand()
        usec, written = int(fields["Elapsedusec"]), int(fields.get("Written", 0))
        # One that never started took no time, and none of its bytes.
        started = self._files.pop(fields["File"], None) or _Started(usec, written, fields.get("StartByte", "0"))
        moved, usec = written - started.written, usec - started.usec
        rate = logtext.rate(logtext.average(moved, usec))
        self._say_file("Stop", status, fields, started.start_byte, f"rate={rate} elapsed={usec / 1e6:.2f}s")
        return moved

    def _say_file(self, event: str, status: str, fields: Fields, start_byte: str, rate: str) -> None:
        name = unescape_path(fields["File"])
        self._say(
            f'FASP Transfer {event} {self._about} {status} file="{name}" size={fields["Size"]}'
            f" start_byte={start_byte} {rate} loss=0.00 rexreqs=0 overhead=0"
        )

    def _say_progress(self, fields: Fields) -> None:
        usec, sent = logtext.number(fields, "Elapsedusec"), logtext.number(fields, "TransferBytes")
        usec_before, sent_before = self._latest
        self._latest = usec, sent
        for text in logtext.progress(self._session, fields, logtext.average(sent - sent_before, usec - usec_before)):
            self._say(text)

    # -- end

    def _on_done(self, fields: Fields) -> None:
        self._stand()
        self._end(fields, "status=success")

    def _on_error(self, fields: Fields) -> None:
        if "TransfersAttempted" in fields:  # there are no counts before it stands
            self._stand()
        status = f"status=failed {error_text(fields)}"
        self._say(fields["Description"], "ERR", main=True)
        code = log_code(fields)
        if code and self._has_peer:
            side = "receiver" if self._session.get("Direction") == "Receive" else "sender"
            self._say(f"FASP {side} had error, errcode {code.code} errstr [{fields['Description']}]", "ERR", main=True)
        if not self._stands:
            self._say_session("Start", status)
        self._end(fields, status)

    def _end(self, fields: Fields, status: str) -> None:
        self._is_over = True
        if self._stands:
            self._say_progress(fields)
        self._say_session("Stop", status)
        self._say(logtext.statistics(self._session, fields))
        if self._has_peer:
            for text in logtext.file_statistics(fields, self._moved):
                self._say(text, main=True)

    def _fall_back(self) -> None:
        self._is_over = True
        if not self._stands:
            self._say_session("Start", "status=started")
        self._say("Falling back to HTTP", main=True)

    # What each type of message adds; all others add nothing.
    _MAKERS: ClassVar[Mapping[str, Callable[[SessionLog, Fields], None]]] = {
        "INIT": _on_init,
        "SESSION": _on_session,
        "NOTIFICATION": _on_notification,
        "STATS": _on_stats,
        "STOP": _on_stop,
        "SKIP": _on_skip,
        "FILEERROR": _on_file_error,
        "DONE": _on_done,
        "ERROR": _on_error,
    }


def log_code(fields: Fields) -> LogCode | None:
    """Give the log's code for Code of a message.

    Of several it is the one with the words of Description, else the last: the real one gives 106 for a usage error, and
    50 for a key that is not there.
    """
    words = fields["Description"]
    rows = [row for row in LOG_CODES.values() if row.management_code == int(fields["Code"])]
    same = [row for row in rows if row.meaning == words or row.code == _LOG_CODES.get(words)]
    return [None, *rows, *same][-1]


def error_text(fields: Fields) -> str:
    """Give ``errcode`` and ``errstr`` for Code and Description of a message."""
    code = log_code(fields)
    return f'errcode={code.code} errstr="{code.meaning}"' if code else f'errstr="{fields["Description"]}"'
