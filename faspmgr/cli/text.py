"""Numbers and names as people read them. Bytes and bits in powers of 1000, as ascp counts."""

from __future__ import annotations

from collections.abc import Iterable

from faspmgr.protocol.problems import printable as printable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``, did you mean STATS?`` where a known name is like it, whatever the case; else nothing."""
    import difflib  # only after a slip: most commands never need it

    by_folded = {word.casefold(): word for word in known}
    close = difflib.get_close_matches(name.casefold(), by_folded, n=1)
    return f", did you mean {by_folded[close[0]]}?" if close else ""


def size(count: float) -> str:
    """Bytes: ``512 B``, ``6.2 MB``."""
    return _scaled(count, ("B", "kB", "MB", "GB", "TB", "PB", "EB"))


def rate(kbps: float) -> str:
    """Kilobits per second: ``800 Kbps``, ``3.3 Mbps``."""
    return _scaled(kbps, ("Kbps", "Mbps", "Gbps", "Tbps"))


def _scaled(value: float, units: tuple[str, ...]) -> str:
    place = 0
    while place < len(units) - 1 and (value >= 999.95 if place else value >= 999.5):
        value, place = value / 1000, place + 1
    return f"{value:.0f} {units[0]}" if place == 0 else f"{value:.1f} {units[place]}"


def duration(seconds: float) -> str:
    """``15 s``, ``2 min 5 s``, ``3 h 12 min``, ``4 d 7 h``; below ten seconds with one decimal."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for unit, length, smaller, part in (("d", 86400, "h", 3600), ("h", 3600, "min", 60), ("min", 60, "s", 1)):
        if whole >= length:
            rest = whole % length // part
            return f"{whole // length} {unit}" + (f" {rest} {smaller}" if rest else "")
    return f"{whole} s"


def percent(progress: float) -> str:
    """``45%``; never 100% before all is done."""
    return f"{int(progress * 100)}%"


def count(number: int, noun: str) -> str:
    """``1 file``, ``2 files``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
