"""Streams to measure with: what an ascp writes while it sends many files; of any length, made as they are read."""

from __future__ import annotations

from collections.abc import Iterator

SESSION_ID = "03ef6778-7997-4fe1-9091-4f92ec29a806"
USER_STR = "5492958869869553497"
FILE_SIZE = 6_162_042
FILES_PER_PIECE = 64

_HEAD = f"""\
FASPMGR 2
Type: INIT
SessionId: {SESSION_ID}
Direction: Send
UserStr: {USER_STR}
Operation: Transfer

FASPMGR 2
Type: SESSION
Rate: 100000
MinRate: 0
SessionId: {SESSION_ID}
User: xfer
Host: 127.0.0.1
Encryption: Yes
Adaptive: Adaptive
Direction: Send
Remote: No
Port: 33001
UserStr: {USER_STR}
Source: /data/in
Destination: /data/out
Operation: Transfer
Priority: 2

"""
_FILE_MESSAGE = """\
FASPMGR 2
Type: {type}
File: /data/in/@@@@@@/clip_{number:04}.mov
Size: {size}
Written: {written}
Bytescont: {written}
Loss: 0
Elapsedusec: {usec}
SessionId: {session}
UserStr: {user}
StartByte: 0
TransferBytes: {total}
FileBytes: {total}
Delay: 8
FaspFileArgIndex: 1
FaspFileID: 52361574-d28b5e4b-83877b86-97fe091a-{number:08x}

"""
_MARK = b"@@@@@@"


def _piece() -> bytes:
    """The messages of some files, each with three STATS and a STOP; the mark is where their directory goes."""
    texts = []
    for number in range(FILES_PER_PIECE):
        for step in range(4):
            written = FILE_SIZE * step // 3
            texts.append(
                _FILE_MESSAGE.format(
                    type="STOP" if step == 3 else "STATS",
                    number=number,
                    size=FILE_SIZE,
                    written=written,
                    usec=1_000_000 + number * 500_000 + step * 125_000,
                    total=number * FILE_SIZE + written,
                    session=SESSION_ID,
                    user=USER_STR,
                )
            )
    return "".join(texts).encode()


def transfer(size: int) -> Iterator[bytes]:
    """About size bytes of a transfer, in pieces of some 100 kB; every file has a name of its own."""
    piece = _piece()
    yield _HEAD.encode()
    for directory in range(max(1, size // len(piece))):
        yield piece.replace(_MARK, b"%06d" % directory)
