"""The kind of a message, and its fields.

The kind of every line is found at once and cheaply, since it decides what is done with the line; nine of ten lines of
a busy server are about a file. Fields are read when they are asked for, in time proportional to the message.

Messages of ``name=value`` are cut at each blank and name with ``=``. Nothing is escaped in the log: a text in quotes
continues up to a quote at such a place, so that it may hold quotes, and a bare path up to the name that is due next,
so that it may hold anything else. Lines about files are the most frequent, and have one expression that reads all of
them, also a path with `` size=`` in it. Other lines have an expression each.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, pairwise
from typing import Any, NamedTuple

from faspmgr.logs.fields import BARE, DECODERS, LOG_FIELDS, OF_KIND, OLD_NAMES, RATE_UNITS, decode

MAX_EXACT_CHARS = 1 << 15
"""A longer line about a file is read like any other: the time of their expression may grow with the square."""

MAX_PAIRS = 10_000
"""Limit of ``name=`` in a line, to bound memory; ascp writes at most 50, besides those within a path."""

MAX_COUNT_CHARS = 200
"""Limit of a line of a block."""

_BLOCK_BEGINS = "======= File Transfer statistics ======="
BLOCK_ENDS = "======= end File Transfer statistics ======="

# -- kinds

# The first 18 characters of most lines; a lookup in a dict costs a tenth of an expression.
HEAD_CHARS = 18
HEADS = {
    "FASP Transfer Star": "transfer_start",
    "FASP Transfer Stop": "transfer_stop",
    "FASP Session Start": "session_start",
    "FASP Session Stop ": "session_stop",
    "FASP Session Param": "session_params",
    "FASP Session Stati": "session_statistics",
    "FASP Session Error": "session_error",
    "FASP Session Peer ": "session_peer_error",
    "Initializing FASP ": "version",
    "Negotiated target ": "rates",
}
_STARTS = {
    "Receiver bl ": "progress",
    "Sender bl ": "progress",
    "Receiver DS ": "data_store",
    "Sender DS ": "data_store",
    "AUTH [": "auth",
    "Measured pMTU: ": "path_mtu",
    "datagram size ": "datagram",
    "FASP receiver had error, ": "side_error",
    "FASP sender had error, ": "side_error",
    "Peer FASP receiver had error, ": "side_error",
    "Peer FASP sender had error, ": "side_error",
    "Add sender src : ": "source",
    "http_session=": "http_session",
    _BLOCK_BEGINS: "file_statistics",
}
_START = re.compile("|".join(map(re.escape, _STARTS)))


def kind_of(message: str) -> str:
    """Return the kind of a message, one of ``fields.KINDS``.

    Args:
        message: the line without its prefix.

    Example:
        >>> kind_of("FASP Transfer Stop uuid=…"), kind_of("(access key) Not present")
        ('transfer_stop', 'other')
    """
    kind = HEADS.get(message[:HEAD_CHARS])
    if kind is None:
        match = _START.match(message)
        kind = _STARTS[match[0]] if match else "other"
    return kind


# -- name=value


class _Place(NamedTuple):
    """A place with ``name=``, and the text up to the next one."""

    name: str
    is_peer: bool
    """Whether ``[peer`` stands before the name."""
    start: int
    """Where the text after ``=`` starts."""
    end: int
    closes: bool
    """Whether a quote stands at the end of the text."""


_NAME = re.compile(r"(?:^| )(\[peer )?([A-Za-z_][A-Za-z0-9_/.-]*)=")

# The names that follow the ones whose texts come from outside; if there is none of them, any known name may follow.
_NEXT: dict[tuple[str, str], tuple[str, ...]] = {
    (kind, name): (following,)
    for kind, names in OF_KIND.items()
    for name, following in pairwise(names)
    if name in BARE or name in ("cookie", "user", "os")
}
for _kind in ("session_start", "session_stop"):  # 3.3 has parameters between dest and local, under names of its own
    _NEXT[_kind, "dest"] = ("source_prefix", "userid")
    _NEXT[_kind, "user"] = ("local",)
    _NEXT[_kind, "cookie"] = ("vlink_local",)

_OLD = frozenset(OLD_NAMES)
_KNOWN = {kind: _OLD | {field.log for field in fields.values()} for kind, fields in OF_KIND.items()}


def pairs(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Cut ``name=value name="value" …`` into names and texts.

    Args:
        kind: of the line; its known names tell where a bare path ends.
        text: the part of the message with the pairs.

    Yields:
        Names as in the log, and texts without the quotes around them.
    """
    known = _KNOWN.get(kind, _OLD)
    places = _places(text)
    by_name: dict[str, list[int]] = {}
    for index, place in enumerate(places):
        by_name.setdefault(place.name, []).append(index)
    last_closing = max((index for index, place in enumerate(places) if place.closes), default=-1)
    seen: set[str] = set()
    index, in_peer = 0, False  # in_peer: after "[peer errcode=…", an errstr is that of the far side
    while index < len(places):
        name, is_peer, start, end, _ = places[index]
        last = index
        name = f"peer_{name}" if is_peer else name
        seen.add(name)
        # The place of the name that is due next: all that looks like a name before it is a part of the value.
        due = 0
        for following in _NEXT.get((kind, name), ()):
            later = by_name.get(following, []) if following not in seen else []
            if not due and (at := bisect_right(later, index)) < len(later):
                due = later[at]
        if name in BARE:
            # Without that name, the value ends at one that is known and did not come before.
            while last + 1 < len(places):
                after = places[last + 1]
                if last + 1 >= due if due else not after.is_peer and after.name in known and after.name not in seen:
                    break
                last += 1
        elif text.startswith('"', start):
            if due - 1 > index and places[due - 1].closes:
                last = due - 1
            elif index < last_closing or (index == last_closing and end - start > 1):
                while not places[last].closes or (last == index and end - start == 1):
                    last += 1
        value = text[start : places[last].end]
        if name not in BARE:
            value = value.rstrip(" ")
            if name == "errstr" and in_peer:
                name, in_peer, value = "peer_errstr", False, value.removesuffix("]")
            if len(value) > 1 and value[0] == value[-1] == '"':
                value = value[1:-1]
        in_peer = in_peer or is_peer
        yield name, value
        index = last + 1


def _places(text: str) -> list[_Place]:
    """Find the places with ``name=``, up to MAX_PAIRS."""
    found = list(islice(_NAME.finditer(text), MAX_PAIRS))
    ends = [match.start() for match in found[1:]] + [len(text)]
    places = []
    for match, end in zip(found, ends):
        start = match.end()
        value = text[start:end]
        closes = '"' in value and value.rstrip(" ").removesuffix("]").endswith('"')
        places.append(_Place(match[2], match[1] is not None, start, end, closes))
    return places


def _read_pairs(kind: str, text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs(kind, text):
        name = OLD_NAMES.get(name, name)
        fields.setdefault(name, decode(kind, name, value))  # the first of two counts; both are in the message
    return fields


_SOURCE_COUNT = re.compile(r"(.*) \(([0-9]{1,9})\)", re.DOTALL)


def _read_ends(kind: str, message: str) -> dict[str, Any]:
    """Read the start or the stop of a session."""
    fields = _read_pairs(kind, message.split(" ", 3)[-1])
    sources = fields.get("source")
    # 3.3 to 3.5 write "source=PATH (N)"; later, a path may end in the same way.
    if sources and ("userid" in fields or str(fields.get("ver")).startswith(("3.3.", "3.4.", "3.5."))):
        counted = _SOURCE_COUNT.fullmatch(sources[-1])
        if counted:
            fields["source"] = (*sources[:-1], counted[1])
            fields["source_count"] = int(counted[2])
    return fields


def _after_words(words: int) -> Callable[[str, str], dict[str, Any]]:
    """Return a reader of the pairs after a number of words."""

    def read(kind: str, message: str) -> dict[str, Any]:
        return _read_pairs(kind, message.split(" ", words)[-1])

    return read


# -- a file

_TRANSFER = (
    r"FASP Transfer St(?:art|op) uuid=([^ ]+) op=([a-z]+) status=([a-z]+)"
    r'(?: errcode=([0-9]{1,9}) errstr="([^"]*)"|)'
    r' file="(FILE)" size=([0-9]{1,19}) start_byte=([0-9]{1,19}) rate=([0-9]{1,15}\.[0-9]{1,9})([KMGT]?bps)'
    r"(?: elapsed=([0-9]{1,15}\.[0-9]{1,9})s|) loss=([0-9]{1,15}\.[0-9]{1,9}) rexreqs=([0-9]{1,19})"
    r' overhead=([0-9]{1,19})(?: mtime="([^"]*)"|) *'
)
# A path without quotes, which is found in a third of the time, and any path, up to the last place at which it can end.
_PLAIN_TRANSFER = re.compile(_TRANSFER.replace("FILE", '[^"]*'))
_ANY_TRANSFER = re.compile(_TRANSFER.replace("FILE", ".*"), re.DOTALL)


def _read_transfer(kind: str, message: str) -> dict[str, Any]:
    match = _PLAIN_TRANSFER.fullmatch(message)
    if match is None and len(message) <= MAX_EXACT_CHARS:
        match = _ANY_TRANSFER.fullmatch(message)
    if match is None:
        return _after_words(3)(kind, message)
    uuid, op, status, code, words, file, size, start, rate, unit, elapsed, loss, rexreqs, overhead, mtime = (
        match.groups()
    )
    fields: dict[str, Any] = {"uuid": uuid, "op": op, "status": status}
    if code is not None:
        fields["errcode"] = int(code)
        fields["errstr"] = words
    fields["file"] = file
    fields["size"] = int(size)
    fields["start_byte"] = int(start)
    fields["rate"] = round(float(rate) * RATE_UNITS[unit], 3)
    if elapsed is not None:
        fields["elapsed"] = float(elapsed)
    fields["loss"] = float(loss)
    fields["rexreqs"] = int(rexreqs)
    fields["overhead"] = int(overhead)
    if mtime is not None:
        fields["mtime"] = mtime
    return fields


# -- statistics of a session

_STATISTIC = re.compile(
    r"\(([a-z][a-z ]*):(?: ([0-9]{1,20}) bytes\))?"  # a bracket opens; the only number of this one has no name
    r"|(\))"
    r"|(?<![^ (:])([A-Za-z_][A-Za-z0-9_>.-]*)[= ] *(-?[0-9]{1,20}(?:\.[0-9]{1,9})?)([A-Za-z%]{0,5})(?![^ )])"
)


def _read_statistics(kind: str, message: str) -> dict[str, Any]:
    """Read ``FASP Session Statistics [Sender] id=… delay=38ms … (rex ctl: sent 66 rcvd 60 lost 6 lost 9.09%) …``."""
    side, _, rest = message.removeprefix("FASP Session Statistics [").partition("] id=")
    uuid, _, rest = rest.partition(" ")
    fields: dict[str, Any] = {"uuid": uuid, "side": side}
    group = ""
    for match in _STATISTIC.finditer(rest):
        opened, alone, closed, name, number, unit = match.groups()
        if alone is not None:
            fields["_".join(opened.split())] = int(alone)
        elif opened is not None:
            group = "_".join(opened.split()) + "_" if opened.endswith("ctl") else ""
        elif closed:
            group = ""
        else:
            name = group + name.rpartition(".")[2]
            if name in fields:
                name += "_percent"
            fields.setdefault(name, decode(kind, name, number + unit))
    return fields


# -- every 20 seconds

# Only at the start of a word: otherwise the time for a long word grows with the square of its length.
_GROUP = re.compile(r"(?<![A-Za-z_])(?:([A-Za-z_]+) ([A-Za-z/]+) ?=([0-9/-]+)|([A-Za-z_]+)=([0-9]{1,20})(?![0-9/]))")


def _read_slashes(kind: str, message: str) -> dict[str, Any]:
    """Read ``Sender bl t/o/r=53/51/2 … prog t/f/e=45184/45184/85447 xmtD=2``: names and their values."""
    side, _, rest = message.partition(" ")
    fields: dict[str, Any] = {"side": side}
    seen: dict[str, int] = {}
    for match in _GROUP.finditer(rest):
        group, names, values, name, value = match.groups()
        if name:
            fields.setdefault(name, int(value))
            continue
        count = seen[group] = seen.get(group, 0) + 1
        group = group if count == 1 else f"{group}{count}"
        for name, value in zip(names.split("/"), values.split("/"), strict=False):
            fields.setdefault(f"{group}_{name}", _integer_or_text(value))
    return fields


def _integer_or_text(text: str) -> Any:
    try:
        return DECODERS["integer"](text)
    except ValueError:
        return text


# -- the block of a process

_COUNT = re.compile(r"(?:- )?([A-Z][A-Za-z ]*?) *: *([0-9]{1,20})( !)? *")
_COUNT_NAMES = {field.log: field.name for field in LOG_FIELDS if "file_statistics" in field.lines}


def _read_block(kind: str, message: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    flagged = []
    for line in message.split("\n"):
        match = _COUNT.fullmatch(line) if len(line) <= MAX_COUNT_CHARS else None
        if match:
            name = _COUNT_NAMES.get(match[1]) or match[1].lower().replace(" ", "_")
            fields.setdefault(name, int(match[2]))
            if match[3]:
                flagged.append(name)
    fields["flagged"] = tuple(flagged)
    return fields


# -- lines of words


def _by(pattern: str) -> Callable[[str, str], dict[str, Any]]:
    """Return a reader with an expression whose groups have the names of the fields."""
    compiled = re.compile(pattern, re.DOTALL)

    def read(kind: str, message: str) -> dict[str, Any]:
        match = compiled.match(message)
        found = match.groupdict() if match else {}
        return {name: decode(kind, name, text) for name, text in found.items() if text is not None}

    return read


def _read_auth(kind: str, message: str) -> dict[str, Any]:
    role, _, rest = message.removeprefix("AUTH [").partition("] ")
    return {"role": role, **_read_pairs(kind, rest)}


_SIDE_ERROR = re.compile(r"(Peer )?FASP ([a-z]+) had error, errcode ([0-9]{1,9}) errstr \[(.*)\]", re.DOTALL)


def _read_side_error(kind: str, message: str) -> dict[str, Any]:
    match = _SIDE_ERROR.match(message)
    if not match:
        return {}
    return {"peer": match[1] is not None, "side": match[2], "errcode": int(match[3]), "errstr": match[4]}


def _nothing(kind: str, message: str) -> dict[str, Any]:
    return {}


_READERS: Mapping[str, Callable[[str, str], dict[str, Any]]] = {
    "session_start": _read_ends,
    "session_stop": _read_ends,
    "session_params": _after_words(3),
    "session_statistics": _read_statistics,
    "session_error": _by(r"FASP Session Error id=(?P<uuid>\S+) \(error (?P<errcode>[0-9]+), (?P<errstr>.*)\)"),
    "session_peer_error": _by(
        r"FASP Session Peer Error id=(?P<uuid>\S+) \(error (?P<errcode>[0-9]+), (?P<errstr>.*)\)"
    ),
    "transfer_start": _read_transfer,
    "transfer_stop": _read_transfer,
    "progress": _read_slashes,
    "data_store": _read_slashes,
    "file_statistics": _read_block,
    "version": _by(
        r"Initializing FASP version (?P<version>[^\s,]+)(?:, license max rate=(?P<license_max_rate>[^,]*))?"
        r"(?:, account no\.=(?P<account>[0-9]+))?(?:, license no\.=(?P<license>[0-9]+))?"
        r"(?: product=(?P<product>[0-9]+))?"
    ),
    "auth": _read_auth,
    "rates": _by(
        r"Negotiated target rate (?P<target_rate>[0-9]+)(?:, original target rate (?P<original_target_rate>[0-9]+))?"
    ),
    "path_mtu": _by(r"Measured pMTU: (?P<path_mtu>[0-9]+) Bytes(?:, start_brtt: (?P<start_brtt>[0-9]+) ms)?"),
    "datagram": _by(
        r"datagram size (?P<datagram_size>[0-9]+)B(?:, block size (?P<block_size>[0-9]+)B)?"
        r"(?:, path MTU (?P<path_mtu>[0-9]+)B)?"
    ),
    "side_error": _read_side_error,
    "http_session": _by(
        r"http_session=(?P<http_session>\S+)"
        r"(?: ended with result:(?P<result>[0-9]+) completed=(?P<completed>[0-9]+)"
        r"| (?P<error>Error .*?) action=(?P<action>\S+))"
    ),
    "source": _by(r"Add sender src : (?P<source>.*) dst : (?P<destination>.*)"),
    "other": _nothing,
}


def read_fields(kind: str, message: str) -> dict[str, Any]:
    """Read the fields of a message.

    Args:
        kind: as kind_of returns it.
        message: the line without its prefix; of file_statistics all lines of the block.

    Returns:
        Typed values by their names in ``fields``; an unknown field stays text.

    Example:
        >>> read_fields("datagram", "datagram size 1448B, block size 1408B, path MTU 1492B")
        {'datagram_size': 1448, 'block_size': 1408, 'path_mtu': 1492}
    """
    return _READERS[kind](kind, message)
