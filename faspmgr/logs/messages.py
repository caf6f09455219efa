"""What a line says: the kind of a message, and its fields.

What must be done
    Tell the kind of every line at once, as it decides what becomes of the line, and for next to nothing: nine of ten
    lines of a busy server are about a file. The fields are read when somebody asks for them, in time that grows with
    the length of the message, whatever it is.
How
    Messages of ``name=value`` are cut where a blank and a name with ``=`` stand. Nothing is escaped in the log: a value
    in quotes goes on to the quote in front of such a place, so that it may hold quotes, and a bare path to the name
    that is due behind it, so that it may hold anything else. Of the lines about files, which are the many, all is
    known: one expression reads them, and gives a path with `` size=`` in it in full. Other lines have an expression
    each.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping
from itertools import islice, pairwise
from typing import Any

from faspmgr.logs.fields import BARE, DECODERS, LOG_FIELDS, OF_KIND, RATE_UNITS, decode

MAX_EXACT_CHARS = 1 << 15
"""A longer line about a file is read as any other: the time of the expression for them may grow with the square."""

MAX_PAIRS = 10_000
"""So many ``name=`` are looked at in a line, to bound memory; ascp writes at most 50, but for those within a path."""

MAX_COUNT_CHARS = 200
"""No line of a block is longer."""

_BLOCK_BEGINS = "======= File Transfer statistics ======="
BLOCK_ENDS = "======= end File Transfer statistics ======="

# -- kinds

# The first 18 characters of a line tell, where they are these: a look into a dict costs a tenth of an expression.
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
    """Give the kind of a message, one of ``fields.KINDS``.

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

_NEXT = {
    (kind, name): following
    for kind, names in OF_KIND.items()
    for name, following in pairwise(names)
    if name in BARE or name in ("cookie", "user", "os")
}
"""The name behind each of those whose texts come from outside."""

_PLACE = re.compile(r"(?:^| )(\[peer )?([A-Za-z_][A-Za-z0-9_/.-]*)=")


def pairs(kind: str, text: str) -> Iterator[tuple[str, str]]:
    """Cut ``name=value name="value" …`` into names and texts.

    Args:
        kind: of the line; its known names tell where a bare path ends.
        text: the part of the message with the pairs.
    """
    known = OF_KIND.get(kind, {})
    places = list(islice(_PLACE.finditer(text), MAX_PAIRS))
    if not places:
        return
    ends = [place.start() for place in places[1:]] + [len(text)]
    closing = [_closes(text[place.end() : end]) for place, end in zip(places, ends, strict=True)]
    last_closing = max((index for index, closes in enumerate(closing) if closes), default=-1)
    where: dict[str, list[int]] = {}
    for index, place in enumerate(places):
        where.setdefault(place[2], []).append(index)
    seen: set[str] = set()
    index, in_peer = 0, False  # in_peer: behind "[peer errcode=…", where an errstr is that of the far side
    while index < len(places):
        place, end = places[index], index
        name = f"peer_{place[2]}" if place[1] else place[2]
        seen.add(name)
        # Where the name stands that stands behind this one in the lines of ascp: whatever else looks like a name on the
        # way there is a part of the value.
        due = _NEXT.get((kind, name), "")
        those = where[due] if due in where and due not in seen else []
        later = bisect_right(those, index)
        at = those[later] if later < len(those) else None
        if name in BARE:
            # Without that name it ends where one comes that was not there before.
            while end + 1 < len(places) and (
                end + 1 < at if at else places[end + 1][2] not in known or places[end + 1][2] in seen
            ):
                end += 1
        elif text.startswith('"', place.end()):
            if at and closing[at - 1] and at - 1 > index:
                end = at - 1
            elif index < last_closing or (index == last_closing and ends[index] - place.end() > 1):
                while not closing[end] or (end == index and ends[end] - place.end() == 1):
                    end += 1
        value = text[place.end() : ends[end]]
        if name not in BARE:
            value = value.rstrip(" ")
        if name == "errstr" and in_peer:
            name, in_peer = "peer_errstr", False
            value = value.removesuffix("]")
        in_peer = in_peer or place[1] is not None
        if name not in BARE and len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1]
        yield name, value
        index = end + 1


def _closes(value: str) -> bool:
    """Does a quote stand at its end?"""
    return value.rstrip(" ").removesuffix("]").endswith('"')


def _read_pairs(kind: str, text: str) -> dict[str, Any]:
    fields: dict[str, Any] = {}
    for name, value in pairs(kind, text):
        fields.setdefault(name, decode(kind, name, value))  # the first of two counts; both are in the message
    return fields


def _behind(words: int) -> Callable[[str, str], dict[str, Any]]:
    """Read the pairs behind so many words."""

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
# A path without quotes, which is found in a third of the time, and any path: up to the last place where one can end.
_PLAIN_TRANSFER = re.compile(_TRANSFER.replace("FILE", '[^"]*'))
_ANY_TRANSFER = re.compile(_TRANSFER.replace("FILE", ".*"), re.DOTALL)


def _read_transfer(kind: str, message: str) -> dict[str, Any]:
    match = _PLAIN_TRANSFER.fullmatch(message)
    if match is None and len(message) <= MAX_EXACT_CHARS:
        match = _ANY_TRANSFER.fullmatch(message)
    if match is None:
        return _behind(3)(kind, message)
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

# Only where a word begins: else the time for a long word grows with the square of its length.
_GROUP = re.compile(r"(?<![A-Za-z_])(?:([A-Za-z_]+) ([A-Za-z/]+) ?=([0-9/-]+)|([A-Za-z_]+)=([0-9]{1,20})(?![0-9/]))")


def _read_slashes(kind: str, message: str) -> dict[str, Any]:
    """Read ``Sender bl t/o/r=53/51/2 … prog t/f/e=45184/45184/85447 xmtD=2``: names and as many values."""
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
    """Read a message with an expression whose groups have the names of the fields."""
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
    "session_start": _behind(3),
    "session_stop": _behind(3),
    "session_params": _behind(3),
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
        kind: what kind_of says.
        message: the line without its prefix; of file_statistics all lines of the block.

    Returns:
        Typed values by the names that ``fields`` gives them; what is not known stays text.

    Example:
        >>> read_fields("datagram", "datagram size 1448B, block size 1408B, path MTU 1492B")
        {'datagram_size': 1448, 'block_size': 1408, 'path_mtu': 1492}
    """
    return _READERS[kind](kind, message)
