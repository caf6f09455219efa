"""Typed events: a class for each type of message that ascp sends, and how events become frames and dicts.

Attributes have the names of the field table (fields.py), which also has kinds, units and meanings; a test compares the
two. An attribute is None if the stream does not have it. Other fields, and invalid values, are in ``extra`` by their
name on the wire, so that nothing is lost. The attributes are spelt out for type checkers, which makes the file long.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import attrs

from faspmgr import redaction
from faspmgr.protocol.fields import BY_NAME, FIELDS, decoder, encode, kind_of, snake_case
from faspmgr.protocol.frames import Frame

Report = Callable[[Frame, int, str, str], None]
"""Called for an invalid value with the frame, the index of the field, its name on the wire and the reason."""


@attrs.define(repr=False)
class Event:
    """Base class of all events. They are compared by value, and can be changed with ``attrs.evolve``."""

    type: ClassVar[str] = ""
    """Message type, as on the wire."""

    session_id: str | None = None
    """UUID of the session."""
    user_str: str | None = None
    """Text that the application gave with ``-u``."""
    extra: dict[str, str] = attrs.field(factory=dict)
    """Texts by their name on the wire: fields that the class does not name, and invalid values."""
    # For to_frame: the frame that the event was made of, or only its names in the order of the wire, if all values are
    # canonical (layouts.py); None for an event made by hand.
    _origin: Frame | tuple[str, ...] | None = attrs.field(default=None, eq=False)

    @classmethod
    def from_frame(cls, frame: Frame) -> Event:
        """Make the event of a frame. Never fails, and returns the same on each of the classes.

        Args:
            frame: any frame.

        Returns:
            An event of the class for the frame's type, or OtherEvent.
        """
        return make_event(frame)

    def to_frame(self) -> Frame:
        """Make the message of this event.

        Returns:
            The frame that the event came from, with its order and spelling, as far as its values are still those of the
            event. Of an event made by hand, the fields in the order of the field table, then those of ``extra``. The
            data of a WRITE are those of that frame, if their length is still that of the event. Comparing events, and
            to_dict, leave data out.

        Raises:
            ValueError: for a source with a TAB, which would be read as two. No event of a stream has one.
        """
        names = ATTRIBUTES[self.__class__]
        # The fields of the frame that it came from, in their order and, if the value is still the same, their spelling.
        origin = self._origin
        spelt = origin.fields if isinstance(origin, Frame) else {}
        texts: dict[str, str] = {}
        for wire in origin if isinstance(origin, tuple) else spelt:
            value = getattr(self, names[wire]) if wire in names else None
            if value is not None:
                text = spelt.get(wire)
                texts[wire] = text if text is not None and _matches(wire, text, value) else encode(FIELDS[wire], value)
            elif wire in self.extra:
                texts[wire] = self.extra[wire]
        # The attributes and texts that were added since.
        for wire, name in names.items():
            value = getattr(self, name)
            if value is not None and wire not in texts:
                texts[wire] = encode(FIELDS[wire], value)
        texts.update((wire, text) for wire, text in self.extra.items() if wire not in texts)
        # Version and data are those of the frame.
        if not isinstance(origin, Frame):
            return Frame(self.type, texts)
        frame = Frame(self.type, texts, origin.version)
        if origin.data is not None and frame.announced_bytes == len(origin.data):
            frame.data = origin.data
        return frame

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """Make a dict of the event that is ready for JSON, such as ``{"type": "STOP", "file": "a.txt", "size": 42}``.

        Args:
            redact: show secrets, also those inside of tags, as ``***``.

        Returns:
            "type", then the attributes that are not None in the order of the field table; then ``extra``, by names in
            snake case: typed if the field table has the field and the value is valid, else as text.
            Where two names would be the same, the later one gets an underscore. Text that is not UTF-8 holds
            surrogates, as surrogateescape makes them.
        """
        # The attributes, then the texts of extra under names that are free.
        show = _SHOW[redact].get(self.__class__)
        shown = (show or _make_show(self.__class__, redact))(self)
        counts: dict[str, int] = {}
        for wire, text in self.extra.items():
            name = plain = snake_case(wire)
            while name in shown:
                counts[plain] = counts.get(plain, 0) + 1
                name = plain + "_" * counts[plain]
            shown[name] = _show_extra(wire, text, redact)
        return redaction.hide_registered(shown) if redact and redaction.registered else shown

    def __repr__(self) -> str:
        shown = self.to_dict()
        if not isinstance(self, OtherEvent):
            del shown["type"]
        return f"{self.__class__.__name__}({', '.join(f'{name}={value!r}' for name, value in shown.items())})"


@attrs.define(repr=False)
class InitEvent(Event):
    """INIT: the connection to the manager is open."""

    type: ClassVar[str] = "INIT"

    user: str | None = None
    direction: str | None = None
    cookie: str | None = None
    operation: str | None = None


@attrs.define(repr=False)
class SessionEvent(Event):
    """SESSION: the session is negotiated; seen also when the peer cannot be reached, just before ERROR.

    Its 80 attributes are the rows of the field table that a real ascp 3.9.0 sends or the vendor's document lists.
    """

    type: ClassVar[str] = "SESSION"

    rate: int | str | None = None
    min_rate: int | str | None = None
    service_level: int | None = None
    user: str | None = None
    host: str | None = None
    encryption: bool | None = None
    adaptive: str | None = None
    direction: str | None = None
    remote: bool | None = None
    port: int | None = None
    token: str | None = None
    cookie: str | None = None
    source: tuple[str, ...] | None = None
    destination: str | None = None
    operation: str | None = None
    priority: int | None = None
    transport: str | None = None
    manifest_file: str | None = None
    fallback_protocol: str | None = None
    retry_timeout: int | None = None
    xfer_id: str | None = None
    xfer_retry: int | None = None
    tags: dict[str, Any] | list[Any] | None = None
    rate_cap: int | None = None
    min_rate_cap: int | None = None
    policy_cap: str | None = None
    priority_cap: int | None = None
    rate_lock: bool | None = None
    min_rate_lock: bool | None = None
    policy_lock: bool | None = None
    server_hostname: str | None = None
    server_node_id: str | None = None
    client_node_id: str | None = None
    server_cluster_id: str | None = None
    client_cluster_id: str | None = None
    file_checksum_type: str | None = None
    server_docroot: str | None = None
    client_docroot: str | None = None
    node_user: str | None = None
    client_user: str | None = None
    source_prefix: str | None = None
    remote_address: str | None = None
    tcp_port: int | None = None
    cipher: str | None = None
    resume_policy: str | None = None
    create_policy: int | None = None
    manifest_policy: str | None = None
    precalc: bool | None = None
    overwrite_policy: str | None = None
    rtt_autocorrect: bool | None = None
    time_policy: int | None = None
    manifest_path: str | None = None
    manifest_inprogress: str | None = None
    partial_files: str | None = None
    files_encrypt: bool | None = None
    files_decrypt: bool | None = None
    datagram_size: int | None = None
    prepost_command: str | None = None
    xopt_flags: int | None = None
    v_link_version: int | None = None
    peer_v_link_version: int | None = None
    v_link_local_enabled: bool | None = None
    v_link_local_id: int | None = None
    v_link_local_cl: str | None = None
    v_link_remote_enabled: bool | None = None
    v_link_remote_id: int | None = None
    vl_remote_cl: str | None = None
    ds_pipeline_depth: int | None = None
    peer_ds_pipeline_depth: int | None = None
    local_ip: str | None = None
    source_base: str | None = None
    read_block_size: int | None = None
    write_block_size: int | None = None
    cluster_num_nodes: int | None = None
    cluster_node_id: int | None = None
    move_range: bool | None = None
    move_range_low: int | None = None
    move_range_high: int | None = None
    keepalive: bool | None = None
    test_login: bool | None = None
    use_proxy: bool | None = None
    proxy_ip: str | None = None
    rate_control_algorithm: str | None = None
    client_mac_address: str | None = None
    post_transfer_validation: str | None = None
    overwrite_policy_cap: str | None = None
    extra_create_policy: str | None = None


@attrs.define(repr=False)
class NotificationEvent(Event):
    """NOTIFICATION: path MTU and bandwidth known, job size known, or rate or policy changed."""

    type: ClassVar[str] = "NOTIFICATION"

    rate: int | str | None = None
    min_rate: int | str | None = None
    adaptive: str | None = None
    bw_measurement: int | None = None
    bw_info: str | None = None
    pmtu: int | None = None
    pre_transfer_files: int | None = None
    pre_transfer_dirs: int | None = None
    pre_transfer_special: int | None = None
    pre_transfer_failed: int | None = None
    partial_pre_transfer_bytes: int | None = None
    pre_transfer_bytes: int | None = None
    priority: int | None = None
    pre_transfer_excluded: int | None = None


@attrs.define(repr=False)
class FileEvent(Event):
    """Base class of the events about one file. Sizes and positions are bytes."""

    file: str | None = None
    size: int | None = None
    written: int | None = None
    bytes_cont: int | None = None
    loss: int | None = None
    elapsed_usec: int | None = None
    start_byte: int | None = None
    end_byte: int | None = None
    transfer_bytes: int | None = None
    file_bytes: int | str | None = None
    delay: int | None = None
    fasp_file_arg_index: int | None = None
    fasp_file_id: str | None = None


@attrs.define(repr=False)
class StatsEvent(FileEvent):
    """STATS: periodic progress of a file; the first one for a file marks its start."""

    type: ClassVar[str] = "STATS"

    stalled: bool | None = None


@attrs.define(repr=False)
class StopEvent(FileEvent):
    """STOP: a file is complete."""

    type: ClassVar[str] = "STOP"

    file_checksum: str | None = None
    file_checksum_type: str | None = None


@attrs.define(repr=False)
class SkipEvent(FileEvent):
    """SKIP: a file was skipped."""

    type: ClassVar[str] = "SKIP"

    file_checksum: str | None = None
    file_checksum_type: str | None = None


@attrs.define(repr=False)
class FileErrorEvent(FileEvent):
    """FILEERROR: a file failed; sent instead of its STOP. ``faspmgr.explain`` knows its code."""

    type: ClassVar[str] = "FILEERROR"

    code: int | None = None
    description: str | None = None


@attrs.define(repr=False)
class ArgStopEvent(Event):
    """ARGSTOP: all files of one source argument, or of one line of a file list, are finished. Counts are files."""

    type: ClassVar[str] = "ARGSTOP"

    file: str | None = None
    fasp_file_arg_index: int | None = None
    arg_transfers_status: str | None = None
    arg_transfers_attempted: int | None = None
    arg_transfers_failed: int | None = None
    arg_transfers_passed: int | None = None
    arg_transfers_skipped: int | None = None


@attrs.define(repr=False)
class EndEvent(Event):
    """Base class of DONE and ERROR: totals in bytes, microseconds, milliseconds, and counts."""

    loss: int | None = None
    elapsed_usec: int | None = None
    transfer_bytes: int | None = None
    file_bytes: int | str | None = None
    delay: int | None = None
    arg_scans_attempted: int | None = None
    arg_scans_completed: int | None = None
    path_scans_attempted: int | None = None
    path_scans_failed: int | None = None
    path_scans_irregular: int | None = None
    path_scans_excluded: int | None = None
    dir_scans_completed: int | None = None
    file_scans_completed: int | None = None
    dir_creates_attempted: int | None = None
    dir_creates_failed: int | None = None
    dir_creates_passed: int | None = None
    transfers_attempted: int | None = None
    transfers_failed: int | None = None
    transfers_passed: int | None = None
    transfers_skipped: int | None = None


@attrs.define(repr=False)
class DoneEvent(EndEvent):
    """DONE: the session is complete."""

    type: ClassVar[str] = "DONE"


@attrs.define(repr=False)
class ErrorEvent(EndEvent):
    """ERROR: the session failed; sent instead of DONE. ``faspmgr.explain`` knows its code."""

    type: ClassVar[str] = "ERROR"

    code: int | None = None
    description: str | None = None


@attrs.define(repr=False)
class OtherEvent(Event):
    """Any other type, known to the protocol or not: its fields are in ``extra``, as text."""

    type: str = ""  # type: ignore[misc]  # the only class without a constant type


EVENT_CLASSES: Mapping[str, type[Event]] = {
    cls.type: cls
    for cls in (
        InitEvent,
        SessionEvent,
        NotificationEvent,
        StatsEvent,
        StopEvent,
        SkipEvent,
        ArgStopEvent,
        DoneEvent,
        FileErrorEvent,
        ErrorEvent,
    )
}
"""The class for each message type that has one."""


ATTRIBUTES: Mapping[type[Event], dict[str, str]] = {
    cls: {wire: field.name for wire, field in FIELDS.items() if field.name in names and wire != "Type"}
    for cls in (*EVENT_CLASSES.values(), OtherEvent)
    for names in [attrs.fields_dict(cls)]
}
"""The attributes of each class by their names on the wire, in the order of the field table; without type and extra."""


# -- frame to event

_DECODERS = {wire: decoder(field) for wire, field in FIELDS.items()}


def make_event(frame: Frame, report: Report | None = None) -> Event:
    """Make the event of a frame, field by field.

    Args:
        frame: any frame.
        report: called with each invalid value, in the order of the frame.

    Returns:
        An event of the class for the frame's type, or OtherEvent.
    """
    cls = EVENT_CLASSES.get(frame.type, OtherEvent)
    names = ATTRIBUTES[cls]
    values: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for index, (wire, text) in enumerate(frame.fields.items()):
        fits = True
        if wire in _DECODERS:
            try:
                value = _DECODERS[wire](text)
            except ValueError as error:
                fits = False
                if report:
                    report(frame, index, wire, str(error))
        if fits and wire in names:
            values[names[wire]] = value
        else:
            extra[wire] = text
    if cls is OtherEvent:
        values["type"] = frame.type
    return cls(extra=extra, origin=frame, **values)


# -- event to frame, event to dict


def _matches(wire: str, text: str, value: Any) -> bool:
    """Return whether ``text`` decodes to ``value``."""
    try:
        decoded = _DECODERS[wire](text)
    except ValueError:
        return False
    if FIELDS[wire].kind == "json":  # in Python 1 == True == 1.0, in JSON they are three values
        return encode(FIELDS[wire], decoded) == encode(FIELDS[wire], value)
    return bool(decoded == value)


# Code of to_dict for the value of a kind: with secrets shown, and with secrets hidden.
_VALUE: tuple[dict[str, str], dict[str, str]] = (
    {"paths": "list(value)"},
    {
        "secret": "REDACTED",
        "json": "redact_value(value)",
        "path": "redact_urls(value) if '://' in value else value",
        "paths": "[redact_urls(path) for path in value]",
        "string": "value if value in HARMLESS else redact_words(value)",
    },
)
_SCOPE = vars(redaction)
_SHOW_VALUE = [{kind: eval(f"lambda value: {code}", _SCOPE) for kind, code in codes.items()} for codes in _VALUE]


def _show_extra(wire: str, text: str, hide: bool) -> Any:
    """Return a text of extra as to_dict shows it."""
    if wire in FIELDS:
        try:
            value = _DECODERS[wire](text)
        except ValueError:
            pass
        else:
            show = _SHOW_VALUE[hide].get(FIELDS[wire].kind)
            return show(value) if show else value
    return redaction.redact_text(wire, text, kind_of(wire)) if hide else text


_Show = Callable[[Event], dict[str, Any]]
_SHOW: tuple[dict[type[Event], _Show], ...] = ({}, {})
"""By class, with secrets shown and hidden; made when the first event of a class is shown, to start quickly."""


def _make_show(cls: type[Event], hide: bool) -> _Show:
    """Make and keep the function that does what to_dict does to the attributes of a class.

    It is written as attrs writes ``__init__``, a line of code for each attribute: a loop over a table of names and
    functions takes twice the time.
    """
    code = _VALUE[hide]
    kind = "string" if cls is OtherEvent else "token"
    lines = ["def show(event):", "    value = event.type", f"    shown = {{'type': {code.get(kind, 'value')}}}"]
    for name in ATTRIBUTES[cls].values():
        value = code.get(BY_NAME[name].kind, "value")
        lines += [f"    value = event.{name}", f"    if value is not None: shown['{name}'] = {value}"]
    lines += ["    return shown"]
    made: dict[str, _Show] = {}
    exec("\n".join(lines), _SCOPE, made)
    show = _SHOW[hide][cls] = made["show"]
    return show
