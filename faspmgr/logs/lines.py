"""The prefix of a line: time, host, process, thread and level, in each form in which logs write it.

::

    2021-05-12 09:22:12.239 [ffe8-0001059c] LOG …              a file of ascp: process and thread, hexadecimal
    2015-04-30 11:13:34 [3ef3-0xa116d1d4] ERR …                the same, before 3.7
    Jan 26 18:44:54 sldc1 ascp[1894]: LOG …                    syslog, without a year; the process is decimal
    2026-01-26T18:44:54.123+01:00 sldc1 ascp[1894]: LOG …      syslog and journald with their ISO times
    Mon 2026-01-26 18:44:54 CET sldc1 ascp[1894]: LOG …        journalctl -o short-full
    1769449494.123456 sldc1 ascp[1894]: LOG …                  journalctl -o short-unix
    {"__REALTIME_TIMESTAMP":"1769449494123456","MESSAGE":…}    journalctl -o json
    <134>1 2026-01-26T18:44:54Z sldc1 ascp 1894 - - LOG …      syslog as RFC 5424 has it
    LOG …                                                      standard error (-L-), which has no prefix

Any of them may be in a line of a container: in the JSON of Docker, or after the prefix of CRI. A line without a prefix
continues the one before, or is not ascp's. Of the lines of a syslog, those whose tag names ascp are ascp's.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_BSD = r"[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_LEVEL = r"(?:(LOG|ERR|DBG|(?!FASP |AUTH )[A-Z]{3,5}[0-9]?) |)"  # where it is left out, these words begin a message
# The prefix in a file, which is nearly every line there is: spelt out, as counts cost more, and so does "?".
_OF_A_FILE = (
    "(dddd-dd-dd dd:dd:dd(?:[.]d{1,9}|))".replace("d", "[0-9]")
    + rf" \[([0-9a-f]{{1,16}}-(?:0x|)[0-9a-f]{{1,16}})\] {_LEVEL}"
)

LINES = re.compile(rf"(?:{_OF_A_FILE}|)(.*)\n")
"""Each line of a text: time, process and thread, level, and message of a line with the prefix of a file; three empty
texts and the line of any other."""

MAX_PREFIX_CHARS = 1 << 13
"""Limit of the structured data of RFC 5424: the expression uses memory for each character of them."""

_OF_A_FILE_ALONE = re.compile(f"{_OF_A_FILE}(.*)", re.DOTALL)
_SHORT_FULL = r"(?:[A-Z][a-z]{2} )?[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} (?:[A-Z]{2,5}|[+-][0-9]{2,4})"
_SHORT_UNIX = r"[0-9]{9,11}\.[0-9]{6}"
# The message follows these two.
_SYSLOG = re.compile(
    rf"(?:<[0-9]{{1,3}}>)?({_BSD}|{_SHORT_FULL}|{ISO}|{_SHORT_UNIX}) (\S{{1,255}}) ([^\s\[:]{{1,255}})"
    r"(?:\[([0-9]{1,10})\])?: ?"
)
_RFC_5424 = re.compile(
    rf"<[0-9]{{1,3}}>[0-9]{{1,2}} ({ISO}|-) (\S{{1,255}}) (\S{{1,48}}) (\S{{1,128}}) \S{{1,32}} "
    r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?|\Z)',
    re.DOTALL,
)
_CRI = re.compile(rf"({ISO}) (?:stdout|stderr) [FP](?::\S*)? (.*)", re.DOTALL)
_MICROSECONDS = re.compile("[0-9]{15,17}")
_NUMBER = re.compile("[0-9]{1,10}")  # not the digits of other scripts
_LEVEL_FIRST = re.compile(_LEVEL + "(.*)", re.DOTALL)
_BARE = re.compile(r"(LOG|ERR|DBG|WRN|WARN|INF|INFO) (.*)", re.DOTALL)


class Line(NamedTuple):
    """A line, with its prefix taken apart."""

    stamp: str
    """Time as in the log; empty without one."""
    host: str
    """Name of the machine, which only syslog has."""
    program: str
    """``ascp``; of syslog its tag, without a directory; empty for a line of a container without any other prefix."""
    process: int | None
    """Number of the process."""
    thread: int | None
    """Number of the thread."""
    level: str
    """``LOG``, ``ERR``, ``DBG`` or another; empty without one."""
    message: str
    """Text after the prefix."""


def split_line(text: str) -> Line | None:
    """Take the prefix of a line apart.

    Args:
        text: the line, without its end.

    Returns:
        Its parts; None for a line without any of the known prefixes.

    Example:
        >>> split_line("Jan 26 18:44:54 sldc1 ascp[1894]: LOG Receiver started")  # doctest: +NORMALIZE_WHITESPACE
        Line(stamp='Jan 26 18:44:54', host='sldc1', program='ascp', process=1894, thread=None, level='LOG',
             message='Receiver started')
    """
    if text.startswith("{"):
        return _split_json(text)
    match = _CRI.match(text)
    return _split_contained(match[1], match[2]) if match else _split_prefix(text)


def _split_prefix(text: str) -> Line | None:
    match = _OF_A_FILE_ALONE.match(text)
    if match:
        stamp, owner, level, message = match.groups()
        return Line(stamp, "", "ascp", *numbers(owner), level or "", message)
    match = _BARE.match(text)
    if match:
        return Line("", "", "ascp", None, None, match[1], match[2])
    match = _SYSLOG.match(text) or _RFC_5424.match(text, 0, MAX_PREFIX_CHARS)
    if not match:
        return None
    stamp, host, program, process = match.groups()
    if stamp[:1].isalpha() and stamp[4:5].isdigit() and stamp[8:9] == "-":  # the day of the week
        stamp = stamp[4:]
    return _of_a_tag(stamp.lstrip("-"), host, program, process, text[match.end() :])


def _of_a_tag(stamp: str, host: str, program: str, process: str | None, message: str) -> Line:
    program, level = program.rpartition("/")[2], ""
    number = int(process) if process and _NUMBER.fullmatch(process) else None
    if is_ascp(program):
        level, message = _LEVEL_FIRST.match(message).groups()  # type: ignore[union-attr]  # it matches any text
    return Line(stamp, host, program, number, None, level or "", message)


def _split_contained(stamp: str, text: str) -> Line:
    """Take apart what a container wrote; its own time, which is more exact, counts if it has one."""
    parts = _split_prefix(text)
    if parts is None:
        return Line(stamp, "", "", None, None, "", text)
    return parts if parts.stamp else parts._replace(stamp=stamp)


def _split_json(text: str) -> Line | None:
    """Take apart a line of ``journalctl -o json``, or of the log that Docker writes for a container."""
    try:
        values: dict[str, Any] = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if isinstance(values.get("log"), str) and isinstance(values.get("time"), str):
        return _split_contained(values["time"], values["log"].removesuffix("\n").removesuffix("\r"))
    message, stamp = values.get("MESSAGE"), values.get("__REALTIME_TIMESTAMP")
    if isinstance(message, list):  # bytes, of a text that is not UTF-8
        try:
            message = bytes(message).decode("utf-8", "surrogateescape")
        except (TypeError, ValueError):
            return None
    if not isinstance(message, str) or not isinstance(stamp, str) or not _MICROSECONDS.fullmatch(stamp):
        return None
    host, program, process = (str(values.get(name) or "") for name in ("_HOSTNAME", "SYSLOG_IDENTIFIER", "_PID"))
    program = program or str(values.get("_COMM") or "")
    return _of_a_tag(f"{stamp[:-6]}.{stamp[-6:]}", host, program, process, message)


@lru_cache(1024)  # many lines are of few processes
def numbers(owner: str) -> tuple[int, int]:
    """Return process and thread of ``ffe8-0001059c``, as in the brackets of a line of a file."""
    process, _, thread = owner.partition("-")
    return int(process, 16), int(thread.removeprefix("0x"), 16)


def is_ascp(program: str) -> bool:
    """Return whether the tag of a line of syslog is that of ascp: ``ascp``, ``ascp4``, ``ascp.exe``."""
    return program[:4] == "ascp" and program[4:] in ("", "4", ".exe")
