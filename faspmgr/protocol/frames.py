"""A message as text, as the wire has it: a type and named texts. Their meaning is in fields.py and events.py."""

from __future__ import annotations

import re

import attrs

from faspmgr.arguments import check_limit
from faspmgr.protocol.fields import FIELDS, kind_of
from faspmgr.redaction import hide_registered, redact_text, redact_words

VERSION = 2
"""The version of the protocol that ascp speaks on its management port."""

STREAM_VERSION = 4
"""The version of PUT, WRITE and CLOSE, with which a manager streams a file to ``ascp --faspmgr-io``."""

STREAM_TYPES = ("PUT", "WRITE", "CLOSE")
"""All messages of that version."""

FILE_TYPES = ("STATS", "STOP", "SKIP", "FILEERROR")
"""Messages about one file: each has a File."""

MAX_PAYLOAD_BYTES = 1 << 30
"""A WRITE that announces more may be a forgery that wants to hide what follows: none is sent, and no data skipped."""

DATA_END = b"\n\n"
"""The bytes after the data of a WRITE."""

NAME = re.compile(r"[!-9;-~]{1,100}")
"""A field name: visible ASCII without a colon. Longer or other text before a colon is noise, not a field."""


@attrs.define(repr=False, weakref_slot=False)
class Frame:
    """One message of the stream, compared by value.

    Example:
        >>> Frame("CANCEL", {}).encode()
        b'FASPMGR 2\\nType: CANCEL\\n\\n'
    """

    type: str
    """Text after ``Type:``."""
    fields: dict[str, str] = attrs.field(eq=lambda fields: list(fields.items()))
    """The other fields, text by name on the wire, in wire order; decoded from UTF-8 with surrogateescape, paths still
    escaped."""
    version: int = VERSION
    """Number in the header."""
    # Byte and line of the header, if the fields follow line by line; or a list of those of the header and of each
    # field; None if the frame is not from a stream.
    _places: tuple[int, int] | list[tuple[int, int]] | None = attrs.field(default=None, eq=False)
    data: bytes | None = None
    """Data of a WRITE; None for any other message, and if the reader does not keep data."""

    def __attrs_post_init__(self) -> None:
        if self._places is not None:  # made by a reader
            return
        if not isinstance(self.type, str):
            raise TypeError(f"invalid type: {self.type!r}: use text")
        try:
            "".join([*self.fields, *self.fields.values()])
        except (TypeError, AttributeError):
            raise TypeError(f"invalid fields: {self.fields!r}: use a dict of texts") from None
        check_limit("version", self.version, 0)
        if self.data is not None and not isinstance(self.data, bytes):
            raise TypeError(f"invalid data: {self.data!r}: use bytes, or None")

    @property
    def announced_bytes(self) -> int | None:
        """Length of the WRITE payload in bytes; None for any other message, and for an invalid number."""
        size = self.fields.get("Size", "")
        if self.version != STREAM_VERSION or self.type != "WRITE" or not (size.isascii() and size.isdigit()):
            return None
        return int(size) if len(size) < 20 and int(size) <= MAX_PAYLOAD_BYTES else None

    def place_of(self, index: int) -> tuple[int, int]:
        """Return byte, from 0, and line, from 1, of a field in the stream; (0, 1) for a frame made by hand.

        Args:
            index: of the field among the fields, from 0.
        """
        if self._places is None:
            return 0, 1
        if isinstance(self._places, list):
            return self._places[index + 1]
        offset, line = self._places
        before = [f"FASPMGR {self.version}", f"Type: {self.type}"]
        before += [f"{name}: {text}" for name, text in list(self.fields.items())[:index]]
        return offset + len("\n".join([*before, ""]).encode("utf-8", "surrogateescape")), line + len(before)

    def encode(self) -> bytes:
        """Encode the message for the wire: header, Type, fields, empty line; then data and two LFs, if it has data.

        Every message that was read can be written, and is the same when it is read again. Without its data, a WRITE is
        only the start of one: what is written after it is read as its data.

        Raises:
            ValueError: for a name, a type or a value that would end its line early and so forge a field, for text that
                no bytes decode to (a surrogate that does not come from surrogateescape), and for data that are not
                those that the message announces.
        """
        if not self.type:
            raise ValueError("a message needs a type")
        for name in self.fields:
            if name == "Type" or (name not in FIELDS and not NAME.fullmatch(name)):
                raise ValueError(f"not a field name: {redact_words(name)!r}")
        lines = [f"FASPMGR {self.version}", f"Type: {self.type}"]
        lines += [f"{name}: {text}" for name, text in self.fields.items()]
        message = "\n".join([*lines, "", ""])
        if message.count("\n") != len(lines) + 1:
            raise ValueError("a line break in a name or value cannot be sent: it would forge a field")
        # A CR is not a line end, but readers count one before a LF as part of it: that one is written twice.
        head = message.replace("\r\n", "\r\r\n").encode("utf-8", "surrogateescape")
        if self.data is None:
            return head
        if self.announced_bytes != len(self.data):
            raise ValueError(f"data of {len(self.data)} bytes, which the message does not announce")
        return b"".join((head, self.data, DATA_END))

    def redacted(self) -> Frame:
        """Return the same message with ``***`` in place of secrets; data stay as they are."""
        shown = {hide_registered(name): redact_text(name, text, kind_of(name)) for name, text in self.fields.items()}
        return Frame(redact_words(self.type), shown, self.version, data=self.data)

    def __repr__(self) -> str:
        data = "" if self.data is None else f", data=<{len(self.data)} bytes>"
        shown = self.redacted()
        return f"Frame({shown.type!r}, {shown.fields!r}, version={self.version}{data})"
