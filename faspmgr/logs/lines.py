"""The start of a line: when, who and how important, in whichever way a log writes it.

What may stand here: what can be read off a line without knowing what it says. The forms::

    2021-05-12 09:22:12.239 [ffe8-0001059c] LOG …              a file of ascp: process and thread, hexadecimal
    2015-04-30 11:13:34 [3ef3-0xa116d1d4] ERR …                the same, before 3.7
    Jan 26 18:44:54 sldc1 ascp[1894]: LOG …                    syslog, without a year; the process is decimal
    2026-01-26T18:44:54.123+01:00 sldc1 ascp[1894]: LOG …      syslog and journald with their ISO times
    <134>1 2026-01-26T18:44:54Z sldc1 ascp 1894 - - LOG …      syslog as RFC 5424 has it
    LOG …                                                      standard error (-L-), which has no prefix

A line that starts in another way goes on from the one before, or is none of ascp's. Only a tag that names ascp makes a
line of a syslog ascp's own.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]{1,9})?(?:Z|[+-][0-9]{2}:?[0-9]{2})?"
_BSD = r"[A-Z][a-z]{2} [ 0-9]?[0-9] [0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?"
_LEVEL = r"(?:(LOG|ERR|DBG|(?!FASP |AUTH )[A-Z]{3,5}[0-9]?) |)"  # where it is left out, these words begin a message
# The prefix in a file, which is nearly every line there is: spelt out, as counts cost more, and so does "?".
_OF_A_FILE = (
    "(dddd-dd-dd dd:dd:dd(?:[.]d{1,9}|))".replace("d", "[0-9]")
    + rf" \[([0-9a-f]{{1,16}}-(?:0x|)[0-9a-f]{{1,16}})\] {_LEVEL}"
)

LINES = re.compile(rf"(?:{_OF_A_FILE}|)(.*)\n")
"""Each line of a text: of one with the prefix of a file its time, process and thread, level, and message; of any other
three empty texts, and the line."""

MAX_PREFIX_CHARS = 1 << 13
"""Structured data of RFC 5424 are looked for up to here: for each character of them the expression takes memory."""

_OF_A_FILE_ALONE = re.compile(f"{_OF_A_FILE}(.*)", re.DOTALL)
# What is behind these two is the message.
_SYSLOG = re.compile(rf"(?:<[0-9]{{1,3}}>)?({_BSD}|{ISO}) (\S{{1,255}}) ([^\s\[:]{{1,255}})(?:\[([0-9]{{1,10}})\])?: ?")
_RFC_5424 = re.compile(
    rf"<[0-9]{{1,3}}>[0-9]{{1,2}} ({ISO}|-) (\S{{1,255}}) (\S{{1,48}}) (\S{{1,128}}) \S{{1,32}} "
    r'(?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: \ufeff?|\Z)',
    re.DOTALL,
)
_NUMBER = re.compile("[0-9]{1,10}")  # the digits of other scripts are no number here
_LEVEL_FIRST = re.compile(_LEVEL + "(.*)", re.DOTALL)
_BARE = re.compile(r"(LOG|ERR|DBG|WRN|WARN|INF|INFO) (.*)", re.DOTALL)


class Line(NamedTuple):
    """A line, with its prefix taken apart.

    Attributes:
        stamp: the time as it stands there; empty without one.
        host: name of the machine, which only syslog has.
        program: ``ascp``; of syslog its tag, without a directory.
        process: its number.
        thread: its number.
        level: ``LOG``, ``ERR``, ``DBG`` or another; empty without one.
        message: the rest.
    """

    stamp: str
    host: str
    program: str
    process: int | None
    thread: int | None
    level: str
    message: str


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
    stamp, program, level, message = stamp.lstrip("-"), program.rpartition("/")[2], "", text[match.end() :]
    number = int(process) if process and _NUMBER.fullmatch(process) else None
    if is_ascp(program):
        level, message = _LEVEL_FIRST.match(message).groups()  # type: ignore[union-attr]  # it matches any text
    return Line(stamp, host, program, number, None, level or "", message)


@lru_cache(1024)  # of lines that are many the processes are few
def numbers(owner: str) -> tuple[int, int]:
    """Give process and thread of ``ffe8-0001059c``, as it stands in the brackets of a line of a file."""
    process, _, thread = owner.partition("-")
    return int(process, 16), int(thread.removeprefix("0x"), 16)


def is_ascp(program: str) -> bool:
    """Tell whether the tag of a line of syslog is that of ascp: ``ascp``, ``ascp4``, ``ascp.exe``."""
    return program[:4] == "ascp" and program[4:] in ("", "4", ".exe")
