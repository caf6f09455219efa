"""The messages of one session, as a real ascp writes them.

What stands here makes a Frame of values and knows no order of messages. The fields of a message stand in the order of
the field table, which is that of the captures, or sorted by name. STATS and STOP are what a stream of many files is
made of, some fifty thousand a second in all: their fields are put together by hand, nothing is worked out twice for one
file, and the order of the fields only once for a session. All other messages come from the typed events.
"""

from __future__ import annotations

import enum
import hashlib
from typing import Any

import attrs

from faspmgr.protocol.codes import explain
from faspmgr.protocol.events import (
    ArgStopEvent,
    DoneEvent,
    ErrorEvent,
    Event,
    InitEvent,
    NotificationEvent,
    SessionEvent,
)
from faspmgr.protocol.fields import FIELDS, escape_path
from faspmgr.protocol.frames import Frame
from faspmgr.simulator.terms import BARE, DATAGRAM_BYTES, tag_values

ORDERS = ("table", "name")
"""Orders of the fields in a message: that of the field table, as ascp writes them, or sorted by name, as in streams
that passed through the vendor's Java manager. Type comes first in both."""

DESCRIPTIONS = {
    4: "Private key file not found",
    8: "no remote host specified",
    11: "Internal error",
    14: "Target address not available",
    27: "One or more files failed",
    38: "Server aborted session: Server has only a client license",
    43: "No such file or directory",
    44: "Failed to open TCP connection for SSH",
}
"""Descriptions that were seen; every other code is described by its meaning."""


def describe(code: int) -> str:
    """Give the text for the Description of an ERROR."""
    return DESCRIPTIONS.get(code) or explain(code).meaning.capitalize()


class Stage(enum.Enum):
    """How far ascp gets before it finds a problem; its SESSION says the more the later that is."""

    ARGUMENTS = 1
    STARTUP = 2
    SESSION = 3


@attrs.frozen
class Refusal:
    """Why a session ends in ERROR.

    Attributes:
        code: Code of the ERROR.
        description: its Description.
        stage: when ascp finds out.
    """

    code: int
    description: str
    stage: Stage = Stage.SESSION

    @classmethod
    def of(cls, code: int) -> Refusal:
        """The refusal with this code, in the words that belong to it."""
        return cls(code, describe(code))


@attrs.define
class Totals:
    """The counters of a session so far, in the units of their fields.

    Attributes:
        sent: bytes sent so far, those lost included; transfer_bytes has those that are still on their way, too.
    """

    elapsed_usec: int = 0
    transfer_bytes: int = 0
    file_bytes: int = 0
    loss: int = 0
    delay: int = 0
    sent: int = 0


@attrs.define
class File:
    """One file of a session.

    Attributes:
        path: as reported, still to be escaped; escaped: as on the wire.
        size: bytes.
        start: offset at which it starts or is resumed.
        end: last byte of a range or part; None for a file that is moved up to its end.
        is_part: do other sessions move the rest of it at the same time? EndByte is not reported then.
        before: bytes at the destination from before, as long as no byte of this session has joined them.
        written: bytes at the destination, counted from the beginning of the file, or of the range or part.
        hole: how many of them are not contiguous.
        arg_index: number of its source argument, from 1.
        file_id: FaspFileID.
    """

    path: str
    size: int
    start: int = 0
    end: int | None = None
    is_part: bool = False
    before: int = 0
    written: int = 0
    hole: int = 0
    arg_index: int = 1
    file_id: str = ""
    escaped: str = attrs.field(init=False, default=attrs.Factory(lambda self: escape_path(self.path), takes_self=True))

    @property
    def goal(self) -> int:
        """How many bytes are to be at the destination in the end, counted as ``written`` is."""
        return self.size if self.end is None else self.end + 1 - self.start

    def resume(self, offset: int) -> None:
        """Go on where so many bytes are at the destination already; all of them for a file that is there as a whole."""
        self.start = self.before = self.written = offset

    def share(self, node: int, nodes: int) -> None:
        """Let only one part of it be moved: see part_of."""
        self.start, end = part_of(self.size, node, nodes)
        self.end = end - 1
        self.is_part = True


def part_of(size: int, node: int, nodes: int) -> tuple[int, int]:
    """Cut a file into parts of whole datagrams, one for each session of a transfer.

    Args:
        size: bytes of the file.
        node: which part, from 0.
        nodes: how many parts there are.

    Returns:
        Where the part begins, and where it ends: the same for one that has no bytes.
    """
    begin, end = (size * number // nodes // DATAGRAM_BYTES * DATAGRAM_BYTES for number in (node, node + 1))
    return begin, size if node + 1 == nodes else end


@attrs.define
class Counts:
    """What DONE, ERROR and ARGSTOP count."""

    arg_scans: int = 0
    paths: int = 0
    paths_failed: int = 0
    irregular: int = 0
    dirs: int = 0
    dirs_created: int = 0
    dirs_failed: int = 0
    attempted: int = 0
    failed: int = 0
    passed: int = 0
    skipped: int = 0

    def since(self, before: Counts) -> Counts:
        """Give what was counted since a copy of these counts was made."""
        names = [field.name for field in attrs.fields(Counts)]
        return Counts(*(getattr(self, name) - getattr(before, name) for name in names))


def file_id(arg_index: int, source: str, destination: str) -> str:
    """Give the FaspFileID: a hash of the three, in the form that ascp gives it."""
    text = f"{arg_index}\0{source}\0{destination}".encode("utf-8", "surrogateescape")
    digest = hashlib.sha1(text, usedforsecurity=False).hexdigest()
    return f"{digest[:8]}-{digest[8:16]}-{digest[16:24]}-{digest[24:32]}-{digest[32:]}"


def _arrange(fields: dict[str, str], order: str) -> dict[str, str]:
    names = sorted(fields, key=None if order == "name" else lambda name: FIELDS[name].position)
    return {name: fields[name] for name in names}


_NOT_IN_SKIP = frozenset(("Written", "UserStr", "StartByte", "EndByte", "FaspFileArgIndex", "FaspFileID"))
_NOT_IN_FILE_ERROR = frozenset(("StartByte", "EndByte"))


@attrs.define
class Messages:
    """Makes the frames of one session. Every method gives a Frame; times and counters come in with each call.

    Attributes:
        session_id: SessionId of all of them.
        user_str: UserStr; None for none.
        cookie: Cookie; None for none.
        direction: Send or Receive.
        http: has the session fallen back to HTTP? Its end is another message then.
        order: one of ORDERS.
    """

    session_id: str
    user_str: str | None = None
    cookie: str | None = None
    direction: str = "Send"
    http: bool = False
    order: str = ORDERS[0]
    # A STATS or STOP of each kind that was sent, with its fields in their order: the next one is a copy of it, with all
    # texts replaced.
    _layouts: dict[tuple[bool, ...], dict[str, str]] = attrs.field(init=False, factory=dict, repr=False)

    # -- beginning

    def init(self) -> Frame:
        return self._frame(InitEvent, direction=self.direction, cookie=self.cookie, operation="Transfer")

    def http_init(self, user: str) -> Frame:
        """INIT of the second session that HTTP fallback opens: in an order of its own (seen), and without UserStr."""
        cookie = {} if self.cookie is None else {"Cookie": self.cookie}
        about = {"SessionId": self.session_id, "User": user, **cookie}
        return Frame("INIT", {**about, "Direction": self.direction, "Operation": "Transfer"})

    def session(self, tags: str | None = None, **values: Any) -> Frame:
        """SESSION.

        Args:
            tags: the text of a JSON object; sent as it was given, also with blanks that JSON does not need.
            values: attributes of SessionEvent; what is not given is as in BARE.
        """
        algorithm = "alg_none" if self.direction == "Send" else "alg_delay"
        own = {"direction": self.direction, "cookie": self.cookie, "rate_control_algorithm": algorithm}
        about = {} if tags is None else tag_values(tags)
        frame = self._frame(SessionEvent, **{**BARE, **own, **about, **values})
        if tags is not None:
            frame.fields["Tags"] = tags
        return frame

    def network(self, **values: Any) -> Frame:
        """NOTIFICATION of rate and policy, and with pmtu that of the path MTU."""
        return self._frame(NotificationEvent, **values)

    # -- files

    def stats(self, file: File, totals: Totals) -> Frame:
        return Frame("STATS", self._progress(file, totals, moves=True))

    def stop(self, file: File, totals: Totals, checksum: str | None = None, checksum_type: str = "none") -> Frame:
        return Frame("STOP", self._progress(file, totals, False, checksum, checksum_type))

    def _progress(
        self, file: File, totals: Totals, moves: bool, checksum: str | None = None, checksum_type: str = "none"
    ) -> dict[str, str]:
        """The fields of STATS, which has Bytescont while a file moves, or of STOP."""
        # Of a range and a part always; a resumed file has it until a byte moves, and a whole one has 0.
        starts = file.end is not None or file.start == file.before
        ends = file.end is not None and not file.is_part
        kind = moves, starts, ends, checksum is None
        layout = self._layouts.get(kind)
        fields = {} if layout is None else layout.copy()
        # f-strings, as they take half of the time of str()
        fields["File"] = file.escaped
        fields["Size"] = f"{file.size}"
        fields["Written"] = f"{file.written}"
        if moves:
            fields["Bytescont"] = f"{file.written - file.hole}"
        if starts:
            fields["StartByte"] = f"{file.start}"
        if ends:
            fields["EndByte"] = f"{file.end}"
        fields["FaspFileArgIndex"] = f"{file.arg_index}"
        fields["FaspFileID"] = file.file_id
        if checksum is not None:
            fields["FileChecksum"] = checksum
            fields["FileChecksumType"] = checksum_type
        fields["SessionId"] = self.session_id
        if self.user_str is not None:
            fields["UserStr"] = self.user_str
        fields["Elapsedusec"] = f"{totals.elapsed_usec}"
        fields["TransferBytes"] = f"{totals.transfer_bytes}"
        fields["FileBytes"] = f"{totals.file_bytes}"
        fields["Loss"] = f"{totals.loss}"
        fields["Delay"] = f"{totals.delay}"
        if layout is None:
            fields = _arrange(fields, self.order)
            self._layouts[kind] = fields.copy()
        return fields

    def skip(self, file: File, totals: Totals) -> Frame:
        """SKIP; Size is 0 whatever the size of the file, and UserStr is missing, as in the vendor's example."""
        fields = self._progress(file, totals, moves=False)
        fields["Size"] = "0"
        return Frame("SKIP", {name: text for name, text in fields.items() if name not in _NOT_IN_SKIP})

    def file_error(self, file: File, totals: Totals, code: int, description: str) -> Frame:
        """FILEERROR; it does not say where the file was to start."""
        fields = self._progress(file, totals, moves=False)
        fields.update(Code=str(code), Description=description)
        return self._make("FILEERROR", {name: text for name, text in fields.items() if name not in _NOT_IN_FILE_ERROR})

    def arg_stop(self, path: str, arg_index: int, counts: Counts) -> Frame:
        """ARGSTOP; without SessionId, and without the counts that are zero, as in the vendor's document."""
        event = ArgStopEvent(
            user_str=self.user_str,
            file=path,
            fasp_file_arg_index=arg_index,
            arg_transfers_status="Complete",
            arg_transfers_attempted=counts.attempted,
            arg_transfers_failed=counts.failed or None,
            arg_transfers_passed=counts.passed,
            arg_transfers_skipped=counts.skipped or None,
        )
        return self._make("ARGSTOP", event.to_frame().fields)

    # -- replies

    def query_response(self, totals: Totals, query: str | None, response: str) -> Frame:
        """QUERYRSP, the reply to a QUERY.

        Args:
            totals: the counters.
            query: what was asked, to be repeated; None if nothing was said.
            response: what is going on.
        """
        fields = {
            "Elapsedusec": str(totals.elapsed_usec),
            "SessionId": self.session_id,
            "QueryResponse": response,
            "TransferBytes": str(totals.sent),
            "FileBytes": str(totals.file_bytes),
        }
        for name, text in (("Query", query), ("UserStr", self.user_str)):
            if text is not None:
                fields[name] = text
        return self._make("QUERYRSP", fields)

    # -- end

    def done(self, totals: Totals, counts: Counts) -> Frame:
        if self.http:
            return self._make("DONE", self._http_end(totals))
        return self._frame(DoneEvent, **self._end(totals, counts))

    def error(self, totals: Totals, counts: Counts | None, code: int, description: str | None = None) -> Frame:
        """ERROR; without counts for a session that never started: Loss is all that such a one reports."""
        description = describe(code) if description is None else description
        about = {"Code": str(code), "Description": description}
        if self.http and counts is None:  # HTTP cannot be reached either: in an order of its own (seen)
            return Frame("ERROR", {**self._http_end(totals), **about})
        if self.http:
            return self._make("ERROR", {**self._http_end(totals), **about})
        end = self._end(totals, counts) if counts else {"loss": 0}
        return self._frame(ErrorEvent, code=code, description=description, **end)

    def _end(self, totals: Totals, counts: Counts) -> dict[str, int]:
        return {
            "loss": totals.loss,
            "elapsed_usec": totals.elapsed_usec,
            "transfer_bytes": totals.transfer_bytes,
            "file_bytes": totals.file_bytes,
            "delay": totals.delay,
            "arg_scans_attempted": counts.arg_scans,
            "arg_scans_completed": counts.arg_scans,
            "path_scans_attempted": counts.paths,
            "path_scans_failed": counts.paths_failed,
            "path_scans_irregular": counts.irregular,
            "path_scans_excluded": 0,
            "dir_scans_completed": counts.dirs,
            "file_scans_completed": counts.paths - counts.paths_failed - counts.irregular - counts.dirs,
            "dir_creates_attempted": counts.dirs_created + counts.dirs_failed,
            "dir_creates_failed": counts.dirs_failed,
            "dir_creates_passed": counts.dirs_created,
            "transfers_attempted": counts.attempted,
            "transfers_failed": counts.failed,
            "transfers_passed": counts.passed,
            "transfers_skipped": counts.skipped,
        }

    def _http_end(self, totals: Totals) -> dict[str, str]:
        """What the end of a session over HTTP says, and no UserStr; in the order in which it was seen."""
        fields = {
            "Elapsedusec": str(totals.elapsed_usec),
            "FileBytes": str(totals.file_bytes),
            "SessionId": self.session_id,
            "TransferBytes": str(totals.transfer_bytes),
        }
        return fields if self.cookie is None else {**fields, "Cookie": self.cookie}

    def _frame(self, cls: type[Event], **values: Any) -> Frame:
        event = cls(session_id=self.session_id, user_str=self.user_str, **values)
        return self._make(event.type, event.to_frame().fields)

    def _make(self, type: str, fields: dict[str, str]) -> Frame:
        """Make a frame with its fields in their order."""
        return Frame(type, _arrange(fields, self.order))
