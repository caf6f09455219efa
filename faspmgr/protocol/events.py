"""Typed events: a class for each type of message that ascp sends.

Attributes are the names of the field table (fields.py), which also has kinds, units and meanings; a test holds
the two together. An attribute is None where the stream did not say. What a class does not name, and texts that are no
value of their field, are in ``extra`` by their name on the wire, so that nothing is lost.

Making an event of a frame must be cheap, as a transfer of many small files is a stream of little else. For a layout
that the tokenizer has learnt, a plan is made once: which texts become integers, and in which order the class takes its
values. Then an event costs one ``map(int, …)``, one rearrangement and one constructor. Every other frame is decoded
field by field, with the same result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from operator import attrgetter, itemgetter
from typing import Any, ClassVar

import attrs

from faspmgr.protocol.fields import BY_NAME, FIELDS, REDACTED, decoder, encode, redact, redact_text, snake_case
from faspmgr.protocol.frames import VERSION, Frame
from faspmgr.protocol.layouts import Layout

Report = Callable[[Frame, int, str, str], None]
"""Told of a value that does not fit: the frame, the index of the field in it, its name on the wire, what is wrong."""


@attrs.define(repr=False)
class Event:
    """What is common to all events. They are compared by value, and can be changed with attrs.evolve.

    type: message type, as on the wire. session_id: UUID of the session. user_str: what the application gave with -u.
    extra: texts by their name on the wire: fields the class does not name, and values that do not fit.
    """

    type: ClassVar[str] = ""

    session_id: str | None = None
    user_str: str | None = None
    extra: dict[str, str] = attrs.field(factory=dict)
    _frame: Frame | None = attrs.field(default=None, eq=False)

    @classmethod
    def from_frame(cls, frame: Frame) -> Event:
        """The event of the class for this frame's type; never fails. Called on any of the classes, gives the same."""
        return make_event(frame)

    def to_frame(self) -> Frame:
        """The message that says this event: the one it came from, with order and spelling, as far as it still says so.

        An event made by hand has its fields in the order of the field table, then those of ``extra``.
        """
        names = _NAMED[self.__class__]
        texts: dict[str, str] = {}
        for wire, text in self._frame.fields.items() if self._frame else ():
            value = getattr(self, names[wire]) if wire in names else None
            if value is not None:
                texts[wire] = text if _says(wire, text, value) else encode(FIELDS[wire], value)
            elif wire in self.extra:
                texts[wire] = self.extra[wire]
        for wire, name in names.items():
            value = getattr(self, name)
            if value is not None and wire not in texts:
                texts[wire] = encode(FIELDS[wire], value)
        texts.update((wire, text) for wire, text in self.extra.items() if wire not in texts)
        return Frame(self.type, texts, self._frame.version if self._frame else VERSION)

    def to_dict(self, *, redact: bool = True) -> dict[str, Any]:
        """The event as a JSON-ready dict: "type", then what the stream said in the order of the field table, typed,
        by Python name; then what is in ``extra`` as text, by its name in snake case.

        redact: show secrets, also those inside of tags, as ``***``. A name that is taken already gets an underscore.
        Text that is no UTF-8 holds surrogates, as surrogateescape makes them.
        """
        names, get_values, special = _SHOWN[self.__class__]
        shown: dict[str, Any] = {"type": self.type}
        shown.update([(name, value) for name, value in zip(names, get_values(self)) if value is not None])
        for name, show in special:
            if name in shown:
                shown[name] = show(shown[name], redact)
        for wire, text in self.extra.items():
            name = snake_case(wire)
            while name in shown:
                name += "_"
            shown[name] = redact_text(wire, text) if redact else text
        return shown

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

    rate and min_rate are kilobits per second, or text such as ``50%``; source has one path for each source argument.
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
    """NOTIFICATION: path MTU and bandwidth known, job size known, or rate or policy changed.

    rate, min_rate and bw_measurement are kilobits per second; pmtu and pre_transfer_bytes are bytes.
    """

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
    """What is common to the events about one file.

    Bytes: size, written and bytes_cont of the file; loss, transfer_bytes (sent over the network) and file_bytes
    (written) of the session so far. elapsed_usec: microseconds since the session began. delay: milliseconds.
    """

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
    """FILEERROR: a file failed; sent instead of its STOP. code: see codes.py."""

    type: ClassVar[str] = "FILEERROR"

    code: int | None = None
    description: str | None = None


@attrs.define(repr=False)
class ArgStopEvent(Event):
    """ARGSTOP: all files of one source argument, or of one line of a file list, are through. Counts are files."""

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
    """What is common to the two ends of a session: totals in bytes, microseconds, milliseconds, and counts."""

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
    """ERROR: the session failed; sent instead of DONE. code: see codes.py."""

    type: ClassVar[str] = "ERROR"

    code: int | None = None
    description: str | None = None


@attrs.define(repr=False)
class OtherEvent(Event):
    """Any other type, known to the protocol or not: its fields are in ``extra``, as text."""

    type: str = ""  # type: ignore[misc]  # here alone the type is no constant of the class


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

_DECODERS = {wire: decoder(field) for wire, field in FIELDS.items()}


def _named(cls: type[Event]) -> dict[str, str]:
    """Attributes of an event class by their name on the wire, in the order of the field table."""
    names = {attribute.name for attribute in attrs.fields(cls)}
    return {wire: field.name for wire, field in FIELDS.items() if field.name in names and wire != "Type"}


_NAMED: Mapping[type[Event], dict[str, str]] = {cls: _named(cls) for cls in (*EVENT_CLASSES.values(), OtherEvent)}


def _show_secret(value: Any, redacted: bool) -> Any:
    return REDACTED if redacted else value


def _show_json(value: Any, redacted: bool) -> Any:
    return redact(value) if redacted else value


def _show_paths(value: Any, redacted: bool) -> Any:
    return list(value)


_SHOW_KIND = {"secret": _show_secret, "json": _show_json, "paths": _show_paths}
_Shown = tuple[tuple[str, ...], Callable[[Event], tuple[Any, ...]], list[tuple[str, Callable[[Any, bool], Any]]]]


def _shown(names: tuple[str, ...]) -> _Shown:
    """What to_dict needs of a class: its names, a getter of all their values, and the names that need a hand."""
    kinds = ((name, BY_NAME[name].kind) for name in names)
    return names, attrgetter(*names), [(name, _SHOW_KIND[kind]) for name, kind in kinds if kind in _SHOW_KIND]


_SHOWN: Mapping[type[Event], _Shown] = {cls: _shown(tuple(named.values())) for cls, named in _NAMED.items()}


def _says(wire: str, text: str, value: Any) -> bool:
    """Is this text of the wire one for this value?"""
    try:
        said = _DECODERS[wire](text)
    except ValueError:
        return False
    if FIELDS[wire].kind == "json":  # in Python 1 == True == 1.0, in JSON they are three values
        return encode(FIELDS[wire], said) == encode(FIELDS[wire], value)
    return bool(said == value)


def make_event(frame: Frame, report: Report | None = None) -> Event:
    """The event of a frame. report: told of each value that does not fit its field."""
    layout = frame.layout
    if layout is not None:
        make = layout.make or _plan(layout)
        event: Event | None = make(frame)
        if event is not None:
            return event
    return _decode(frame, report)


def _decode(frame: Frame, report: Report | None) -> Event:
    cls = EVENT_CLASSES.get(frame.type, OtherEvent)
    names = _NAMED[cls]
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
    return cls(extra=extra, frame=frame, **values)


_PLAIN_KINDS = {"integer", "range", "string", "path"}


def _plan(layout: Layout) -> Callable[[Frame], Event | None]:
    """How to make events of a layout at once; for a layout with other kinds than these, a plan that always declines."""
    layout.make = _plan_files(layout) if _is_plain(layout) else _decline
    return layout.make


def _is_plain(layout: Layout) -> bool:
    cls = EVENT_CLASSES.get(layout.type)
    return cls is not None and all(wire in _NAMED[cls] and FIELDS[wire].kind in _PLAIN_KINDS for wire in layout.names)


def _decline(frame: Frame) -> Event | None:
    return None


def _plan_files(layout: Layout) -> Callable[[Frame], Event | None]:
    cls = EVENT_CLASSES[layout.type]
    names = [_NAMED[cls][wire] for wire in layout.names]
    kinds = [FIELDS[wire].kind for wire in layout.names]
    # The pattern of the layout lets only digits through for these two kinds, and no more than fit into 64 bits.
    integers = [index for index, kind in enumerate(kinds) if kind in ("integer", "range")]
    paths = [index for index, kind in enumerate(kinds) if kind == "path"]
    # The values at hand, in this order: the texts, the integers, None, the empty extra, the frame.
    at = {name: index for index, name in enumerate(names)}
    at.update((names[index], len(names) + place) for place, index in enumerate(integers))
    none = len(names) + len(integers)
    at["extra"], at["_frame"] = none + 1, none + 2
    arrange = itemgetter(*(at.get(attribute.name, none) for attribute in attrs.fields(cls)))
    pick = itemgetter(*integers, 0, 0)  # two more, so that it always gives a tuple

    def make(frame: Frame) -> Event | None:
        texts = frame.texts
        for index in paths:
            if "\x1b" in texts[index]:
                return None
        return cls(*arrange((*texts, *map(int, pick(texts)[:-2]), None, {}, frame)))

    return make
