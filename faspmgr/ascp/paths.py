"""The paths of a transfer: what they may be, where they lead, and the list of files in which ascp gets them.

A line of code may stand here if it is about ``paths`` of a transfer spec, or about the destination that they share.

The names go through a list of files and not over the command line: there may be a million of them, every user of the
machine can read a command line, and in a list no name can be mistaken for an option.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from faspmgr.ascp.properties import check_text, shown_name, type_name
from faspmgr.errors import SpecError


@attrs.frozen
class PathPair:
    """One of the paths of a transfer.

    Attributes:
        source: file or directory, below ``source_root`` if the spec has one.
        destination: its path below ``destination_root``; None means the last part of source.

    Raises:
        SpecError: a name is empty, or has a line break, which ascp accepts in no name.

    Example:
        >>> PathPair("/data/clip.mov", "in/clip.mov")
        PathPair(source='/data/clip.mov', destination='in/clip.mov')
    """

    source: str = attrs.field()
    destination: str | None = attrs.field(default=None)

    @source.validator
    @destination.validator
    def _check(self, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value is None and attribute.name == "destination":
            return
        check_text(attribute.name, value)
        if not value:
            raise SpecError(attribute.name, "is empty")


def path_pairs(value: Any) -> tuple[PathPair, ...]:
    """Make PathPairs of a list of objects as a transfer spec has it; a PathPair in the list is kept.

    Raises:
        SpecError: naming the element, such as ``paths[3].source``.
    """
    if isinstance(value, (str, Mapping)) or not hasattr(value, "__iter__"):
        raise SpecError("paths", f"must be a list, not {type_name(value)}")
    return tuple(_path_pair(f"paths[{index}]", element) for index, element in enumerate(value))


def _path_pair(name: str, value: Any) -> PathPair:
    if isinstance(value, PathPair):
        return value
    if not isinstance(value, Mapping):
        raise SpecError(name, f"must be an object with source and destination, not {type_name(value)}")
    for key in value:
        if key not in ("source", "destination"):
            raise SpecError(f"{name}.{shown_name(key)}", "unknown property; a path has source and destination")
    if value.get("source") is None:
        raise SpecError(f"{name}.source", "is missing")
    try:
        return PathPair(value["source"], value.get("destination"))
    except SpecError as error:
        raise SpecError(f"{name}.{error.property}", error.problem) from None


def common_destination(pairs: Sequence[PathPair]) -> str:
    """The destination of a transfer without ``destination_root``, if the destinations of its paths determine it.

    Returns:
        ``/`` if every path has an absolute destination, ``.`` if every path has a relative one, else an empty text.
    """
    absolute = {pair.destination is not None and pair.destination.startswith("/") for pair in pairs}
    if any(pair.destination is None for pair in pairs) or len(absolute) != 1:
        return ""
    return "/" if absolute.pop() else "."


def write_list(path: str, pairs: Sequence[PathPair], *, with_destinations: bool) -> None:
    """Write a list of files for ascp: a line for each source, and one for its destination if asked for.

    The file is made anew with mode 0600.

    Raises:
        SpecError: a path without a destination, the source of which has no name of its own.
        OSError: the list cannot be written.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w", encoding="utf-8", errors="surrogateescape", newline="\n") as file:
        for index, pair in enumerate(pairs):
            file.write(f"{pair.source}\n{_destination(pair, index)}\n" if with_destinations else f"{pair.source}\n")


def _destination(pair: PathPair, index: int) -> str:
    if pair.destination is not None:
        return pair.destination
    name = posixpath.basename(pair.source.rstrip("/"))
    if name in ("", ".", ".."):
        raise SpecError(f"paths[{index}].destination", "is missing, and the source has no name of its own")
    return name
