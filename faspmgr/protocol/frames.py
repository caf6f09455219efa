"""A message as the wire writes it: a type and named texts.

What may stand here: the message as text. What its texts mean is said by fields.py and events.py, how it is found in a
stream by grammar.py and tokenizer.py.
"""

from __future__ import annotations

import re
from typing import Any

from faspmgr.protocol.fields import FIELDS
from faspmgr.protocol.redaction import redact_text

VERSION = 2
"""The version of the protocol that ascp speaks on its management port."""

NAME = re.compile(r"[!-9;-~]{1,100}")
"""A field name: visible ASCII without a colon. Longer or other text before a colon is noise, not a field."""


class Frame:
    """One message of the stream, compared by value.

    Args:
        type: text after ``Type:``.
        fields: the other fields, text by name on the wire, in wire order.
        version: number in the header.

    Attributes:
        type: as given.
        fields: as given; texts are decoded from UTF-8 with surrogateescape, paths still escaped.
        version: as given.

    Example:
        >>> Frame("CANCEL", {}).encode()
        b'FASPMGR 2\\nType: CANCEL\\n\\n'
    """

    __slots__ = ("_places", "fields", "type", "version")

    def __init__(
        self,
        type: str,
        fields: dict[str, str],
        version: int = VERSION,
        places: tuple[int, int] | list[tuple[int, int]] | None = None,
    ) -> None:
        self.type = type
        self.fields = fields
        self.version = version
        # The tokenizer's: byte and line of the header, where the fields follow line by line; or a list of those of the
        # header and of each field; None for a frame that comes from no stream.
        self._places = places

    def place_of(self, index: int) -> tuple[int, int]:
        """Where a field stands in the stream.

        Args:
            index: of the field among the fields, from 0.

        Returns:
            Byte, from 0, and line, from 1; (0, 1) for a frame made by hand.
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
        """Encode the message for the wire: header, Type, fields, empty line.

        Every message that was read can be written, and is the same when it is read again. The data behind a version 4
        WRITE are not part of it.

        Raises:
            ValueError: for a name, a type or a value that would end its line early and so forge a field, and for text
                that no bytes decode to (a surrogate that does not come from surrogateescape).
        """
        if not self.type:
            raise ValueError("a message needs a type")
        for name in self.fields:
            if name == "Type" or (name not in FIELDS and not NAME.fullmatch(name)):
                raise ValueError(f"not a field name: {name!r}")
        lines = [f"FASPMGR {self.version}", f"Type: {self.type}"]
        lines += [f"{name}: {text}" for name, text in self.fields.items()]
        message = "\n".join([*lines, "", ""])
        if message.count("\n") != len(lines) + 1:
            raise ValueError("a line break in a name or value cannot be sent: it would forge a field")
        # A CR ends no line, but readers count one in front of a LF as part of the line end: that one is written twice.
        return message.replace("\r\n", "\r\r\n").encode("utf-8", "surrogateescape")

    def redacted(self) -> Frame:
        """Give the same message with its secrets replaced by ``***``."""
        shown = {name: redact_text(name, text) for name, text in self.fields.items()}
        return Frame(self.type, shown, self.version)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Frame):
            return NotImplemented
        return (
            self.type == other.type
            and self.version == other.version
            and self.fields == other.fields
            and list(self.fields) == list(other.fields)
        )

    __hash__ = None  # type: ignore[assignment]  # fields is a dict: as for any class with a mutable value

    def __repr__(self) -> str:
        return f"Frame({self.type!r}, {self.redacted().fields!r}, version={self.version})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Frame, (self.type, self.fields, self.version)
