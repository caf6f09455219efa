"""The failures that a real ascp can be brought into on one machine, and what it calls each.

What ascp 3.9.0 wrote was read by hand, from its log and from the stream of the same run.
"""

from __future__ import annotations

import attrs


@attrs.frozen
class Failure:
    """A failure that a real ascp can be brought into.

    Attributes:
        name: what is wrong.
        line: the command line. CLOSED stands for a port that refuses, DOOR for how to log in at the SSH server,
            STRANGER for how that is refused, USER for who logs in, TARGET for a destination there, SOURCE for a file
            that exists, FOLDER for the folder of the test.
        code: the log's code.
        reason: the log's words for it.
        management_code: the code of the stream.
        words: those of the stream; the log has them as well, in a line of its own.
        remote: the program at the other end, ASCP standing for the real one; empty for just that.
        far_code: the code in the log of the far side; None where that has no session.
    """

    name: str
    line: str
    code: int
    reason: str
    management_code: int
    words: str
    remote: str = ""
    far_code: int | None = None


# Both sides have the license of a client, so the far side refuses whatever comes that far.
_LICENSE = (40, "Operation not permitted by license", 38, "Server aborted session: Server has only a client license")
_NO_SSH = (14, "Unable to receive a valid stop message (pmtu-brtt)", 44, "Failed to open TCP connection for SSH")
_NO_STAT = (63, "Source path stat failed", 43, "No such file or directory")
_TO = "xfer@127.0.0.1:/data/out"
_BY_OPTIONS = "--mode=send --host=127.0.0.1 --user=xfer -P CLOSED"

# fmt: off
FAILURES = (
    Failure("nonsense from the far side", "DOOR SOURCE TARGET",
            2, "Bad protocol", 11, "Session initiation failed", remote="echo hello; echo world"),
    Failure("a closed SSH port", f"-P CLOSED -u demo -l 20m -m 1m SOURCE {_TO}", *_NO_SSH),
    Failure("a closed SSH port, receiving", "-P CLOSED xfer@127.0.0.1:/data/a.mov FOLDER", *_NO_SSH),
    Failure("a closed SSH port, the second of two sessions", f"-C 2:2 -O 33002 -P CLOSED SOURCE {_TO}", *_NO_SSH),
    Failure("a closed SSH port, three sources", f"--file-list=FOLDER/list {_BY_OPTIONS} /data/out", *_NO_SSH),
    Failure("a far side that ends at once", "DOOR SOURCE TARGET",
            27, "Other Session error", 12, "Session initiation failed,", remote="exit 3"),
    Failure("a far side that cannot write its log", "-R FOLDER/none DOOR SOURCE TARGET",
            27, "Other Session error", 12, "Session initiation failed, Error opening log directory FOLDER/none"),
    Failure("a proxy that is not there", "--proxy=dnat://bob:pw@127.0.0.1:CLOSED DOOR SOURCE TARGET",
            29, "Session internal error", 11, "request rejected by proxy"),
    Failure("a client's license", "DOOR SOURCE TARGET", *_LICENSE, far_code=40),
    Failure("a client's license, receiving", "DOOR USER@127.0.0.1:SOURCE FOLDER", *_LICENSE, far_code=40),
    Failure("a client's license, and the second source is missing", "DOOR SOURCE FOLDER/none TARGET", *_LICENSE,
            far_code=40),
    Failure("a client's license, in a persistent session",
            "--keepalive --mode=send --host=127.0.0.1 --user=USER DOOR /a", *_LICENSE, far_code=40),
    Failure("no private key", f"-i FOLDER/none -P CLOSED SOURCE {_TO}",
            50, "No such file or directory", 4, "Private key file not found at path FOLDER/none"),
    Failure("no source", f"-P CLOSED {_TO}",
            62, "Source file list not specified", 8, "Source file list not specified"),
    Failure("a missing source", "DOOR FOLDER/none TARGET", *_NO_STAT, far_code=40),
    Failure("a source outside of the docroot", "-f FOLDER/docroot.conf --apply-local-docroot DOOR SOURCE TARGET",
            *_NO_STAT, far_code=40),
    Failure("no passphrase", f"--file-crypt=encrypt -P CLOSED SOURCE {_TO}", 83, "File encryption error", 48,
            "File encryption needs a passphrase in environment variable ASPERA_SCP_FILEPASS"),
    Failure("a broken configuration", f"-f FOLDER/broken.conf -P CLOSED SOURCE {_TO}",
            86, "Invalid configuration file", 50, "Invalid configuration file"),
    Failure("a broken configuration at the far side", "DOOR SOURCE TARGET",
            86, "Invalid configuration file", 50, "Server aborted session: Invalid configuration file",
            remote='exec ASCP -f FOLDER/broken.conf "$@"', far_code=86),
    Failure("a wrong key", "STRANGER SOURCE TARGET", 89, "SSH authentication failed", 19, "failed to authenticate"),
    Failure("a line break in a source", f"-P CLOSED 'FOLDER/a\nb' {_TO}",
            97, "Error reading sourcelist from command line", 8, "Error reading sourcelist from command line"),
    Failure("a list of pairs that lacks a line", f"--file-pair-list=FOLDER/list {_BY_OPTIONS} /data/out",
            103, "Error reading file list from file/stdin", 8, "Error reading file list from file/stdin"),
    Failure("an empty list", f"--file-list=FOLDER/empty {_BY_OPTIONS} /data/out",
            104, "Empty file list from file/stdin", 8, "Empty file list from file/stdin"),
    Failure("another host key", f"--check-sshfp={'ab' * 20} DOOR SOURCE TARGET",
            107, "Remote host is not who we expected", 51, "Remote host is not who we expected"),
    Failure("no such address", f"-6 -P CLOSED SOURCE {_TO}",
            112, "Address not available", 14, "Target address not available"),
)

# These fail before ascp knows its direction: the log has "recv", and the stream "Send".
UNDIRECTED = (
    Failure("sources of a persistent session", "--keepalive --mode=send --host=127.0.0.1 -P CLOSED /a.mov /data/out",
            56, "Too many files open", 23, "sources not allowed in keepalive mode"),
    Failure("no destination", f"--file-pair-list=FOLDER/list {_BY_OPTIONS}",
            84, "Destination path invalid", 41, "destination required"),
    Failure("no host", "SOURCE /data/out", 106, "Usage error", 8, "no remote host specified"),
    Failure("two remote hosts", "SOURCE xfer@127.0.0.1:/a xfer@127.0.0.2:/b",
            106, "Usage error", 8, "cannot copy from one remote host to another"),
    Failure("a persistent session without a direction", "--keepalive -P CLOSED /a",
            106, "Usage error", 8, "--keepalive requires --mode"),
)
# fmt: on
