"""Every deviation from the grammar: a stream, its messages and its problems, by hand from the text of grammar.py."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from faspmgr.protocol.frames import Frame
from faspmgr.protocol.problems import Problem

HEADER = b"FASPMGR 2\n"  # 10 bytes
NOP = b"FASPMGR 2\nType: NOP\n\n"  # 21 bytes, 3 lines
QUERY = b"FASPMGR 2\nType: QUERY\n\n"  # 23 bytes, 3 lines


def nop(**fields: str) -> Frame:
    return Frame("NOP", fields)


def write(size: str) -> Frame:
    return Frame("WRITE", {"Size": size}, 4)


def shown(problems: Iterable[Problem]) -> list[str]:
    """Problems as the tables of the tests have them: kind, offset, line, excerpt."""
    return [
        f"{problem.kind} {problem.offset} {problem.line}" + (f" {problem.excerpt}" if problem.excerpt else "")
        for problem in problems
    ]


class Case(NamedTuple):
    data: bytes
    frames: list[Frame]
    problems: list[str]


def case(data: bytes, frames: list[Frame], *problems: str) -> Case:
    return Case(data, frames, list(problems))


OPEN = HEADER + b"Type: NOP\n"  # 20 bytes, 2 lines
STATS = HEADER + b"Type: STATS\n"  # 22 bytes, 2 lines
QUERIED = Frame("QUERY", {})
ONE, TWO, BOTH = [nop()], [nop(), nop()], [nop(), QUERIED]

CASES = {
    # between messages
    "noise at the start": case(b"hello\nworld\n" + NOP, ONE, "noise 0 1 hello"),
    "noise between": case(NOP + b"hello\nworld\n\nagain\n" + QUERY, BOTH, "noise 21 4 hello"),
    "noise twice": case(b"one\n" + NOP + b"two\n" + NOP, TWO, "noise 0 1 one", "noise 25 5 two"),
    "noise at the end": case(NOP + b"hello\nworld\n", ONE, "noise 21 4 hello"),
    "noise without a line end": case(NOP + b"hello", ONE, "noise 21 4 hello"),
    "noise with CR LF": case(b"hello\r\n" + NOP, ONE, "noise 0 1 hello"),
    "binary noise": case(b"\x00\x01\xff\n" + NOP, ONE, "noise 0 1 \\x00\\x01\\xff"),
    "a field outside of a message": case(NOP + b"Size: 5\n" + NOP, TWO, "noise 21 4 Size: 5"),
    "a header with more on its line": case(b"FASPMGR 2 x\n" + NOP, ONE, "noise 0 1 FASPMGR 2 x"),
    "a header with less on its line": case(b"FASPMGR\n" + NOP, ONE, "noise 0 1 FASPMGR"),
    "a header with more in front": case(b"x FASPMGR 2\n" + NOP, ONE, "noise 0 1 x FASPMGR 2"),
    "the start of a header": case(NOP + b"FASPM", ONE, "noise 21 4 FASPM"),
    "empty lines between": case(NOP + b"\n\n\n" + NOP, TWO, "empty-lines 21 4"),
    "one empty line more": case(NOP + b"\n" + NOP, TWO, "empty-lines 21 4"),
    "empty lines at the start": case(b"\n\n" + NOP, ONE, "empty-lines 0 1"),
    "empty lines at the end": case(NOP + b"\n", ONE, "empty-lines 21 4"),
    "empty lines twice": case(NOP + b"\n" + NOP + b"\n\n", TWO, "empty-lines 21 4", "empty-lines 43 8"),
    "empty lines with CR LF": case(NOP + b"\r\n\r\n" + NOP, TWO, "empty-lines 21 4"),
    "empty lines, then noise": case(NOP + b"\n\nhello\n\n" + NOP, TWO, "empty-lines 21 4", "noise 23 6 hello"),
    "noise, then empty lines": case(NOP + b"hello\n\n\n\n" + NOP, TWO, "noise 21 4 hello"),
    "no header": case(b"Type: NOP\nSize: 1\n\n", [nop(Size="1")], "no-header 0 1 Type: NOP"),
    "no header, twice": case(b"Type: NOP\n\nType: QUERY\n\n", BOTH, "no-header 0 1 Type: NOP",
        "no-header 11 3 Type: QUERY"),
    "no header after a message": case(NOP + b"Type: NOP\nSize: 1\n\n" + NOP, [nop(), nop(Size="1"), nop()],
        "no-header 21 4 Type: NOP"),
    "no header after noise": case(b"hello\nType: NOP\n\n", ONE, "noise 0 1 hello", "no-header 6 2 Type: NOP"),
    "no header, no space": case(b"Type:NOP\n\n", ONE, "no-header 0 1 Type:NOP", "no-space 0 1 Type:NOP"),
    "no header, CR LF": case(b"Type: NOP\r\n\r\n", ONE, "no-header 0 1 Type: NOP", "crlf 0 1 Type: NOP"),
    # header
    "version 3": case(b"FASPMGR 3\nType: NOP\n\n" + NOP, [Frame("NOP", {}, 3), nop()], "version 0 1 FASPMGR 3"),
    "version 12": case(b"FASPMGR 12\nType: NOP\n\n", [Frame("NOP", {}, 12)], "version 0 1 FASPMGR 12"),
    "version 4 of no stream": case(b"FASPMGR 4\nType: NOP\n\n" + NOP, [Frame("NOP", {}, 4), nop()],
        "version 0 1 FASPMGR 4"),
    "version 4, its Type last": case(b"FASPMGR 4\nSize: 5\nType: NOP\n\n", [Frame("NOP", {"Size": "5"}, 4)],
        "version 0 1 FASPMGR 4"),
    "version 4 of no stream, CR LF": case(b"FASPMGR 4\r\nType: NOP\r\n\r\n", [Frame("NOP", {}, 4)],
        "crlf 0 1 FASPMGR 4", "version 0 1 FASPMGR 4"),
    "version 4 of a stream, then another Type": case(b"FASPMGR 4\nType: PUT\nType: NOP\n\n", [Frame("PUT", {}, 4)],
        "repeated 20 3 Type: NOP"),
    "version 4 of no type": case(b"FASPMGR 4\nSize: 5\n\n" + NOP, ONE, "no-type 0 1 FASPMGR"),
    "version 4 of small letters": case(b"FASPMGR 4\nType: put\n\n", [Frame("put", {}, 4)], "version 0 1 FASPMGR 4"),
    "version 3 of a stream": case(b"FASPMGR 3\nType: PUT\n\n", [Frame("PUT", {}, 3)], "version 0 1 FASPMGR 3"),
    "version 4 of a PUT and a CLOSE": case(
        b"FASPMGR 4\nType: PUT\nDestination: /x\n\n" + b"FASPMGR 4\nType: CLOSE\nSize: 5\n\n" + NOP,
        [Frame("PUT", {"Destination": "/x"}, 4), Frame("CLOSE", {"Size": "5"}, 4), nop()]),
    "WRITE": case(b"FASPMGR 4\nType: WRITE\nDestination: /x\nOffset: 0\nSize: 5\n\n" + b"12\n\n5" + b"\n\n" + NOP,
        [Frame("WRITE", {"Destination": "/x", "Offset": "0", "Size": "5"}, 4), nop()]),
    "WRITE of a message": case(b"FASPMGR 4\nType: WRITE\nSize: 23\n\n" + QUERY + b"\n\n" + NOP, [write("23"), nop()]),
    "WRITE of nothing": case(b"FASPMGR 4\nType: WRITE\nSize: 0\n\n" + b"\n\n" + NOP, [write("0"), nop()]),
    "lines in the data of a WRITE count": case(
        b"FASPMGR 4\nType: WRITE\nSize: 4\n\n" + b"\na\r\n" + b"\n\n" + b"hello\n", [write("4")], "noise 37 9 hello"),
    "WRITE without its data": case(b"FASPMGR 4\nType: WRITE\nSize: 5\n\n" + b"12\n45\n", [write("5")],
        "unfinished 37 7"),
    "WRITE with CR LF": case(b"FASPMGR 4\r\nType: WRITE\r\nSize: 1\r\n\r\n" + b"1" + b"\n\n" + NOP,
        [write("1"), nop()], "crlf 0 1 FASPMGR 4"),
    "WRITE of version 2": case(b"FASPMGR 2\nType: WRITE\nSize: 23\n\n" + NOP, [Frame("WRITE", {"Size": "23"}), nop()]),
    "WRITE of more than may be skipped": case(b"FASPMGR 4\nType: WRITE\nSize: 1073741825\n\n" + NOP,
        [write("1073741825"), nop()]),
    "WRITE of no number": case(b"FASPMGR 4\nType: WRITE\nSize: -5\n\n" + NOP, [write("-5"), nop()]),
    "WRITE of no size": case(b"FASPMGR 4\nType: WRITE\n\n" + NOP, [Frame("WRITE", {}, 4), nop()]),
    # in a message
    "CR LF everywhere": case((NOP + QUERY).replace(b"\n", b"\r\n"), BOTH, "crlf 0 1 FASPMGR 2", "crlf 24 4 FASPMGR 2"),
    "CR LF in some lines": case(OPEN + b"File: a\r\nSize: 1\r\n\n" + NOP, [nop(File="a", Size="1"), nop()],
        "crlf 20 3 File: a"),
    "CR LF in the empty line": case(OPEN + b"\r\n" + NOP, TWO, "crlf 20 3"),
    "only the last CR belongs to the line end": case(OPEN + b"File: a\r\r\n\n", [nop(File="a\r")], "crlf 20 3 File: a"),
    "no space": case(HEADER + b"Type:NOP\nFile:a: b\n\n", [nop(File="a: b")], "no-space 10 2 Type:NOP",
        "no-space 19 3 File:a: b"),
    "a tab is no space": case(OPEN + b"File:\ta\n\n", [nop(File="\ta")], "no-space 20 3 File:\\ta"),
    "no colon": case(OPEN + b"hello\nSize: 1\n\n", [nop(Size="1")], "no-field 20 3 hello"),
    "noise in a message, each line": case(OPEN + b"hello\nworld\n\n", ONE, "no-field 20 3 hello",
        "no-field 26 4 world"),
    "a space in a name": case(OPEN + b"2024-05-02 10:15:01 INFO\nSize: 1\n\n", [nop(Size="1")],
        "no-field 20 3 2024-05-02 10:15:01 INFO"),
    "a space before the colon": case(OPEN + b"Size : 1\n\n", ONE, "no-field 20 3 Size : 1"),
    "a space before the name": case(OPEN + b" Size: 1\n\n", ONE, "no-field 20 3  Size: 1"),
    "no name": case(OPEN + b": 1\n\n", ONE, "no-field 20 3 : 1"),
    "a name that is not ASCII": case(OPEN + b"Gr\xc3\xb6\xc3\x9fe: 1\n\n", ONE, "no-field 20 3 Größe: 1"),
    "a control character in a name": case(OPEN + b"Si\x1bze: 1\n\n", ONE, "no-field 20 3 Si\\x1bze: 1"),
    "a name that is too long": case(OPEN + b"x" * 101 + b": 1\n\n", ONE, "no-field 20 3 " + "x" * 79 + "…"),
    "a header with more on its line, in a message": case(OPEN + b"FASPMGR 2 x\n\n", ONE, "no-field 20 3 FASPMGR 2 x"),
    "a field repeated": case(OPEN + b"Size: 1\nFile: a\nSize: 2\nSize: 1\n\n", [nop(Size="1", File="a")],
        "repeated 36 5 Size: 2", "repeated 44 6 Size: 1"),
    "a field repeated after an empty value": case(OPEN + b"Size: \nSize: 2\n\n", [nop(Size="")],
        "repeated 27 4 Size: 2"),
    "a type repeated": case(OPEN + b"Size: 1\nType: QUERY\n\n", [nop(Size="1")], "repeated 28 4 Type: QUERY"),
    "names in another case are other names": case(OPEN + b"Size: 1\nsize: 2\n\n", [nop(Size="1", size="2")]),
    "a repeated secret": case(OPEN + b"Token: one\nToken: two\n\n", [nop(Token="one")], "repeated 31 4 Token: ***"),
    # a header in a message
    "interrupted": case(STATS + b"File: a\nSize: 12\n" + NOP, ONE, "interrupted 0 1 Type: STATS"),
    "interrupted after the header": case(HEADER + NOP, ONE, "interrupted 0 1 FASPMGR"),
    "interrupted twice": case(NOP + STATS + HEADER + NOP, TWO, "interrupted 21 4 Type: STATS",
        "interrupted 43 6 FASPMGR"),
    "interrupted by another version": case(STATS + b"FASPMGR 3\nType: NOP\n\n", [Frame("NOP", {}, 3)],
        "interrupted 0 1 Type: STATS", "version 22 3 FASPMGR 3"),
    "a message without a header interrupted": case(b"Type: STATS\nSize: 1\n" + NOP, ONE, "no-header 0 1 Type: STATS",
        "interrupted 0 1 Type: STATS"),
    "interrupted in the middle of a line": case(NOP + STATS + b"File: a\nWritten: 12" + NOP + QUERY, [*TWO, QUERIED],
        "interrupted 21 4 Type: STATS"),
    "interrupted in the middle of a name": case(STATS + b"Writ" + NOP, ONE, "no-field 22 3 WritFASPMGR 2",
        "interrupted 0 1 Type: STATS"),
    "interrupted in the middle of the type": case(HEADER + b"Type: STA" + NOP, ONE,
        "interrupted 0 1 Type: STAFASPMGR 2"),
    "interrupted in the middle of a line by another version": case(STATS + b"Written: 12FASPMGR 33\nType: NOP\n\n",
        [Frame("NOP", {}, 33)], "interrupted 0 1 Type: STATS", "version 33 3 FASPMGR 33"),
    "interrupted in the middle of a line, CR LF": case(STATS + b"Written: 12FASPMGR 2\r\nType: NOP\r\n\r\n", ONE,
        "crlf 22 3 Written: 12FASPMGR 2", "interrupted 0 1 Type: STATS", "crlf 44 4 Type: NOP"),
    "a message that began in the middle of a line, unfinished": case(STATS + b"Written: 12" + OPEN + b"", [],
        "interrupted 0 1 Type: STATS", "unfinished 33 3 Type: NOP"),
    "a header at the end of a value, then a second Type": case(
        OPEN + b"Description: want FASPMGR 2\nCode: 1\nType: QUERY\n\n", [Frame("QUERY", {"Code": "1"})],
        "interrupted 0 1 Type: NOP"),
    "a header at the end of a value, then a name that was there": case(
        STATS + b"File: aFASPMGR 2\nCode: 1\nFile: b\nType: NOP\n\n", [nop(Code="1", File="b")],
        "interrupted 0 1 Type: STATS"),
    "a header at the end of a value, then a name that came after it": case(
        OPEN + b"File: a FASPMGR 2\nCode: 1\nCode: 2\n\n", [nop(File="a FASPMGR 2", Code="1")],
        "repeated 46 5 Code: 2"),
    "a file that is named like a header": case(OPEN + b"File: old FASPMGR 2\nSize: 1\n\n" + NOP,
        [nop(File="old FASPMGR 2", Size="1"), nop()]),
    "a file that is named like a header, sorted by name": case(
        HEADER + b"Bytescont: 1\nFile: old FASPMGR 2\nSize: 5\nType: STATS\n\n",
        [Frame("STATS", {"Bytescont": "1", "File": "old FASPMGR 2", "Size": "5"})]),
    "interrupted before its Type, sorted by name": case(
        HEADER + b"Bytescont: 1\nFile: aFASPMGR 2\nAdaptive: Fixed\nCookie: c\nType: NOP\n\n",
        [nop(Adaptive="Fixed", Cookie="c")], "interrupted 0 1 FASPMGR"),
    "interrupted before its Type by a message that sorts after it": case(
        HEADER + b"Cipher: aesFASPMGR 2\nCookie: c\nType: NOP\n\n", [nop(Cookie="c")], "interrupted 0 1 FASPMGR"),
    "interrupted before its Type, and the Type follows": case(HEADER + b"File: aFASPMGR 2\nType: NOP\nSize: 1\n\n",
        [nop(Size="1")], "interrupted 0 1 FASPMGR"),
    "interrupted twice in the middle of a line": case(
        STATS + b"Size: 1FASPMGR 2\nLoss: 1\nSize: 2FASPMGR 2\nLoss: 3\nType: NOP\n\n", [nop(Loss="3")],
        "interrupted 0 1 Type: STATS", "interrupted 29 3 FASPMGR"),
    "interrupted, then a file that is named like a header": case(
        STATS + b"Size: 1FASPMGR 2\nFile: a FASPMGR 2\nSize: 2\nType: STATS\n\n",
        [Frame("STATS", {"File": "a FASPMGR 2", "Size": "2"})], "interrupted 0 1 Type: STATS"),
    "interrupted in the middle of a line, by CR LF": case(STATS + b"Size: 1FASPMGR 2\nCode: 1\nType: NOP\r\n\r\n",
        [nop(Code="1")], "interrupted 0 1 Type: STATS", "crlf 47 5 Type: NOP"),
    "interrupted in the middle of a header": case(NOP + b"FASPM" + HEADER + b"Size: 1\nType: NOP\n\n",
        [nop(), nop(Size="1")], "noise 21 4 FASPMFASPMGR 2"),
    "interrupted after a header without a line end": case(b"FASPMGR 2FASPMGR 3\nSize: 1\nType: NOP\n\n",
        [Frame("NOP", {"Size": "1"}, 3)], "noise 0 1 FASPMGR 2FASPMGR 3", "version 9 1 FASPMGR 3"),
    "a header at the end of a value, and the end of the stream": case(OPEN + b"File: aFASPMGR 2\nSize: 1\n", [],
        "unfinished 0 1 Type: NOP"),
    # end of a message
    "no type": case(NOP + HEADER + b"Size: 1\n\n" + NOP, TWO, "no-type 21 4 FASPMGR"),
    "no type, nothing": case(HEADER + b"\n" + NOP, ONE, "no-type 0 1 FASPMGR"),
    "an empty type": case(HEADER + b"Type: \nSize: 1\n\n" + NOP, ONE, "no-type 0 1 Type: "),
    "an empty type without a header": case(b"Type:\n\n" + NOP, ONE, "no-header 0 1 Type:", "no-type 0 1 Type: "),
    # end of the stream
    "unfinished: a value": case(NOP + STATS + b"Written: 12", ONE, "unfinished 21 4 Type: STATS"),
    "unfinished: only the empty line is missing": case(OPEN + b"Size: 1\n", [], "unfinished 0 1 Type: NOP"),
    "unfinished: the header": case(NOP + b"FASPMGR 2", ONE, "unfinished 21 4 FASPMGR"),
    "unfinished: the line of the type": case(HEADER + b"Type: NOP", [], "unfinished 0 1 FASPMGR"),
    "unfinished: half of CR LF": case(b"FASPMGR 2\r\nType: NOP\r\n\r", [], "crlf 0 1 FASPMGR 2",
        "unfinished 0 1 Type: NOP"),
    "unfinished: no header": case(b"Type: NOP", [], "no-header 0 1 Type: NOP", "unfinished 0 1 Type: NOP"),
}  # fmt: skip
