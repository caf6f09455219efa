"""The error codes of ascp: the only place that knows a code.

A code arrives in the field ``Code`` of ERROR (the session failed) and FILEERROR (a file failed).

Sources of the facts:

- name and meaning: the vendor's documents and public clients. 67 to 69 occur in newer releases of ascp; their names are
  not known here.
- retryable: what the vendor's own client does; the protocol does not define it. That client waits 2 s before the first
  retry, doubles the wait each time up to 60 s, and gives up after 7 retries.
- advice: it follows from the meaning. Options are spelled as in ``ascp -h`` of 3.9.0.
- what the words of a description add: public reports of users, and what a real ascp wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import attrs

__all__ = ["BY_DESCRIPTION", "CODES", "SOME_FILE_ERRS", "USER_CANCEL", "ErrorCode", "explain", "find"]


@attrs.frozen
class ErrorCode:
    """An error code, with what is known about it."""

    code: int
    """The number in the field ``Code``."""
    name: str
    """The vendor's name without its prefix ``ERR_``, such as ``NO_PERMS``; ``UNKNOWN`` if there is no name."""
    retryable: bool
    """True if the vendor's own client tries the same transfer again after this code."""
    meaning: str
    """What went wrong, as a phrase without a full stop."""
    advice: str
    """One sentence on what to check first."""


SOME_FILE_ERRS = 27
"""The code of a session that ended, but not with all files."""
USER_CANCEL = 28
"""The code that ascp reports after the command CANCEL."""

_RETRY, _FINAL = True, False
_NEWER = "used by newer releases; its name is not known here"
_LOOK_UP = "Read Description in the message and look the code up in the documentation of the ascp release that sent it."
_LIST = (
    "the token is for other files",
    "Compare the sources and destinations of the transfer with those that the token was requested for.",
)

# One row per code: code, name, retryable, meaning; below them the advice. Kept by hand: the formatter would give every
# value a line of its own.
# fmt: off
_ROWS: tuple[tuple[int, str, bool, str, str], ...] = (
    (0, "UNKNOWN", _FINAL, "no further detail",
     "Read Description in the message and the ascp logs of both sides, as the code itself names no cause."),
    (1, "FASP_PROTO", _FINAL, "the FASP protocol failed",
     "Compare the ascp versions of both sides (ascp -A) and read the ascp logs of both sides."),
    (2, "ASCP", _FINAL, "ascp failed",
     "Read the ascp logs of both sides (-L and -R say where they are written), as the code itself names no cause."),
    (3, "AMBIGUOUS_TARGET", _FINAL, "the target is ambiguous",
     "Give one destination that leaves no choice: an existing directory, or the full path of a single file."),
    (4, "NO_SUCH_FILE", _FINAL, "a path does not exist",
     "Check the spelling and case of the path, and whether the docroot in aspera.conf is put in front of it."),
    (5, "NO_PERMS", _FINAL, "no permission to read or write",
     "Check that the user ascp runs as may read the source and write the destination, there and in aspera.conf."),
    (6, "NOT_DIR", _FINAL, "the target is not a directory",
     "Give an existing directory as the destination, or let ascp create it with -d."),
    (7, "IS_DIR", _FINAL, "a directory where a regular file was expected",
     "Give the path of a regular file, or remove or rename the directory that has the name of the file."),
    (8, "USAGE", _FINAL, "the command line is wrong",
     "Check that the command line names a host, a source and a destination, and compare its options with ascp -h."),
    (9, "LIC_DUP", _FINAL, "the license is used elsewhere too",
     "Install a license of its own on each machine, or stop ascp where the same license is in use."),
    (10, "LIC_RATE_EXCEEDED", _FINAL, "the rate exceeds what the license allows",
     "Lower the target rate (-l) to the license's max rate, which ascp -A prints, or install a license for more."),
    (11, "INTERNAL_ERROR", _FINAL, "an internal error",
     "Read the ascp logs of both sides, and with HTTP fallback (-y 1) check that the fallback server can be reached."),
    (12, "TRANSFER_ERROR", _RETRY, "the SSH control connection failed",
     "Check that the server's SSH port (TCP 22 or 33001, option -P) is open and that ascp can be started there."),
    (13, "TRANSFER_TIMEOUT", _RETRY, "the SSH control connection timed out",
     "Check that no firewall drops packets to the server's SSH port (TCP 22 or 33001, option -P) and that it answers."),
    (14, "CONNECTION_ERROR", _RETRY, "the UDP data connection failed",
     "Check the host name, and open the FASP port (UDP 33001, option -O) on the way or allow HTTP fallback with -y 1."),
    (15, "CONNECTION_TIMEOUT", _RETRY, "the UDP data connection timed out",
     "Check that the FASP port (UDP 33001, option -O) passes every firewall on the way, in both directions."),
    (16, "CONNECTION_LOST", _RETRY, "the connection was lost",
     "Check the network and whether ascp still runs on the peer, and start again with -k 1 to resume partial files."),
    (17, "RCVR_SEND_ERROR", _RETRY, "the receiver cannot send feedback",
     "Check on the receiving side that its firewall and routes let UDP packets out to the FASP port of the sender."),
    (18, "RCVR_RECV_ERROR", _RETRY, "the receiver cannot receive data packets",
     "Check on the receiving side that its firewall lets packets in on the FASP port (UDP 33001, option -O)."),
    (19, "AUTH", _FINAL, "the login was refused",
     "Check user, password and key (-i, ASPERA_SCP_KEY): the key may have a passphrase (ASPERA_SCP_PASS opens it), its "
     "server may have retired it, or ascp may be too old for it."),
    (20, "NOTHING", _FINAL, "there was nothing to transfer",
     "Check that the sources or the file list name existing files and that the filters (-E, -N) leave some of them."),
    (21, "NOT_REGULAR", _FINAL, "not a regular file",
     "Take devices, pipes and sockets out of the sources, or pass over them with --skip-special-files."),
    (22, "FILE_TABLE_OVR", _FINAL, "the file table overflowed",
     "Raise the system's limit of open files (fs.file-max on Linux) on the side that reports it."),
    (23, "TOO_MANY_FILES", _RETRY, "too many open files",
     "Raise the limit of open files (ulimit -n) of the user ascp runs as, on the side that reports it."),
    (24, "FILE_TOO_BIG", _FINAL, "the file is too big for the file system",
     "Choose a destination whose file system holds files of this size, and check the user's limit (ulimit -f) there."),
    (25, "NO_SPACE_LEFT", _FINAL, "the disk is full",
     "Free disk space at the destination, check the user's quota there, and start again with -k 1 to resume."),
    (26, "READ_ONLY_FS", _FINAL, "the file system is read-only",
     "Mount the file system of the destination for writing, or choose another destination."),
    (27, "SOME_FILE_ERRS", _FINAL, "some files failed, the others went through",
     "Look at the FILEERROR messages of the session, each of which names a file and the code of its own failure."),
    (28, "USER_CANCEL", _FINAL, "the user cancelled",
     "Start the transfer again if the cancel was a mistake, with -k 1 to resume partial files."),
    (29, "LIC_NOLIC", _FINAL, "no license could be read",
     "Check that the file aspera-license is where ascp looks for it and that the user ascp runs as may read it."),
    (30, "LIC_EXPIRED", _FINAL, "the license has expired",
     "Install a license that is still valid, and check the clock of the machine it is installed on."),
    (31, "SOCK_SETUP", _FINAL, "a socket could not be set up",
     "Check on the side that reports it that the FASP port (UDP 33001, option -O) is free."),
    (32, "OUT_OF_MEMORY", _RETRY, "out of memory",
     "Free memory on the side that reports it, or run fewer transfers there at once."),
    (33, "THREAD_SPAWN", _RETRY, "a thread could not be started",
     "Check memory and the limit of processes (ulimit -u) of the user ascp runs as, on the side that reports it."),
    (34, "UNAUTHORIZED", _FINAL, "an external authorization refused",
     "Check the token (ASPERA_SCP_TOKEN) and what the authorization service named in the server's aspera.conf says."),
    (35, "DISK_READ", _RETRY, "reading the source failed",
     "Check the disk or network mount of the source, and the system log of the sending side."),
    (36, "DISK_WRITE", _RETRY, "writing the destination failed",
     "Check the disk or network mount of the destination, its free space, and the system log of the receiving side."),
    (37, "AUTHORIZATION", _RETRY, "authorization failed (used like 34)",
     "Check that the token (ASPERA_SCP_TOKEN) has not expired and covers this direction, user and path."),
    (38, "LIC_ILLEGAL", _FINAL, "the license does not permit this",
     "Check the licenses of both sides, as two sides that have only a client's license cannot transfer to each other."),
    (39, "PEER_ABORTED_SESSION", _RETRY, "the peer ended the session",
     "Read the ascp log of the peer, where the cause is written down."),
    (40, "DATA_TRANSFER_TIMEOUT", _RETRY, "no data moved for too long",
     "Check the network on the FASP port (UDP 33001, option -O), and whether a disk or mount on either side hangs."),
    (41, "BAD_PATH", _FINAL, "the path is outside the docroot",
     "Compare the path with the docroot that aspera.conf sets for the user on the side that reports it."),
    (42, "ALREADY_EXISTS", _FINAL, "the file or directory exists already",
     "Remove or rename what is at the destination, or choose another --overwrite method if the server allows it."),
    (43, "STAT_FAILS", _FINAL, "the path cannot be examined (stat failed)",
     "Check that the source exists and that the user ascp runs as may enter each directory above it."),
    (44, "PMTU_BRTT_ERROR", _RETRY, "the session could not be initiated (seen too when TCP to SSH fails)",
     "Check the host name, then that the SSH port (TCP 22 or 33001, -P) and the FASP port (UDP 33001, -O) are open."),
    (45, "BWMEAS_ERROR", _RETRY, "measuring the bandwidth failed",
     "Check that the FASP port (UDP 33001, option -O) is open, or give the rate (-l) in Kbps or Mbps, not in percent."),
    (46, "VLINK_ERROR", _FINAL, "a virtual-link error",
     "Check the virtual links that aspera.conf on either side defines and assigns to the user."),
    (47, "CONNECTION_ERROR_HTTP", _RETRY, "the HTTP connection failed",
     "Check that the HTTP fallback server runs and that its TCP port (option -t) or the proxy (option -x) is reached."),
    (48, "FILE_ENCRYPTION_ERROR", _FINAL, "encrypting or decrypting a file failed",
     "Check that --file-crypt fits the files (encrypt or decrypt) and that ASPERA_SCP_FILEPASS is set."),
    (49, "FILE_DECRYPTION_PASS", _FINAL, "the file passphrase is wrong",
     "Set ASPERA_SCP_FILEPASS to the passphrase that the file was encrypted with."),
    (50, "BAD_CONFIGURATION", _FINAL, "the configuration is invalid",
     "Check aspera.conf for wrong XML and wrong values, on the side that reports it."),
    (51, "INSECURE_CONNECTION", _FINAL, "the remote host key is not the expected one",
     "Compare the server's SSH host key with --check-sshfp, and go on only when you know why the two differ."),
    (52, "START_VALIDATION_FAILED", _FINAL, "validation at the start of a file failed",
     "Read what the validation that aspera.conf sets for the start of a file found, in its own log and that of ascp."),
    (53, "STOP_VALIDATION_FAILED", _FINAL, "validation at the end of a file failed",
     "Read what the validation that aspera.conf sets for the end of a file found, in its own log and that of ascp."),
    (54, "THRESHOLD_VALIDATION_FAILED", _FINAL, "validation at a threshold failed",
     "Read what the validation that aspera.conf sets for a threshold found, in its own log and that of ascp."),
    (55, "FILEPATH_TOO_LONG", _FINAL, "the path is too long for the file system",
     "Shorten the file name or the directories above it, or choose a destination nearer to the root."),
    (56, "ILLEGAL_CHARS_IN_PATH", _FINAL, "the path has characters that its file system forbids",
     "Rename the file, as Windows for one forbids colons, asterisks, question marks, double quotes and pipes."),
    (57, "CHUNK_MUST_MATCH_ALIGNMENT", _FINAL, "a chunk is not aligned with the storage",
     "Make the chunk size a multiple of what the storage works with, such as the part size of an object store."),
    (58, "VALIDATION_SESSION_ABORT", _FINAL, "a validation error ended the session",
     "Look in the log of the validation that aspera.conf sets for the file it rejected, and for why."),
    (59, "REMOTE_STORAGE_ERROR", _FINAL, "the remote storage failed",
     "Check on the remote side that its storage answers, that its credentials are valid, and that it has space."),
    (60, "LUA_SCRIPT_ABORTED_SESSION", _FINAL, "a Lua script ended the session",
     "Read the Lua script that aspera.conf names and the ascp log of the side it runs on for the condition it met."),
    (61, "SSEAR_RETRYABLE", _RETRY, "encryption at rest failed, for now",
     "Try again later, and check that the server can reach the keys for its encryption at rest."),
    (62, "SSEAR_FATAL", _FINAL, "encryption at rest failed, for good",
     "Check the settings and keys for encryption at rest on the server, as another try cannot help before that."),
    (63, "LINK_LOOP", _FINAL, "the path runs through a loop of links",
     "Remove the symbolic link that leads back to itself, or leave links out with --symbolic-links=skip."),
    (64, "CANNOT_RENAME_PARTIAL_FILES", _FINAL, "a partial file could not be renamed",
     "Check that the user may rename files at the destination and that no other program holds the file open there."),
    (65, "CIPHER_NON_COMPAT_FIPS", _FINAL, "the cipher is not allowed in FIPS mode",
     "Choose with -c a cipher that FIPS mode allows on the side that reports it."),
    (66, "PEER_REQUIRES_FIPS", _FINAL, "the peer requires FIPS",
     "Turn FIPS mode on in aspera.conf on this side, or ask the administrator of the peer."),
    (67, "UNKNOWN", _FINAL, _NEWER, _LOOK_UP),
    (68, "UNKNOWN", _FINAL, _NEWER, _LOOK_UP),
    (69, "UNKNOWN", _RETRY, _NEWER, _LOOK_UP),
)

BY_DESCRIPTION: tuple[tuple[int, str, str, str], ...] = (
    (4, "private key file not found", "the file with the SSH key does not exist",
     "Check that the file with the SSH key (-i) exists and that the user ascp runs as may read it."),
    (34, "match file-list", *_LIST),
    (37, "match file-list", *_LIST),
    (38, "deprecated peer license", "the license of one side is too old for the other",
     "Install a newer ascp with its license on the older side, usually the client."),
    (41, "failed to authenticate", "the storage behind the docroot refused the login",
     "Renew the credentials of the storage behind the docroot, such as a refresh token, on the side that reports it."),
)
# fmt: on
"""Descriptions that mean something else than their code: the code, words in the description, meaning, advice."""

CODES: Mapping[int, ErrorCode] = MappingProxyType({row[0]: ErrorCode(*row) for row in _ROWS})
"""Every known code, in ascending order."""

_BY_NAME = {row[1]: CODES[row[0]] for row in reversed(_ROWS)}  # reversed: of codes that share a name, the lowest stays


def explain(code: int, description: str | None = None) -> ErrorCode:
    """Return what an error code means.

    Args:
        code: the value of the field ``Code``; any int.
        description: the value of the field ``Description``. Some descriptions have a meaning and an advice of their
            own, whatever the case of their letters and the text around them.

    Returns:
        The row of the table. For a code that is not in it the name is ``UNKNOWN``, and it is not retryable; no int
        raises.

    Example:
        >>> explain(25).advice
        "Free disk space at the destination, check the user's quota there, and start again with -k 1 to resume."
        >>> explain(38, "Failure processing peer license: Deprecated peer license").meaning
        'the license of one side is too old for the other'
    """
    known = CODES.get(code)
    if known is not None:
        text = description.casefold() if description else ""
        for row, words, meaning, advice in BY_DESCRIPTION:
            if row == code and words in text:
                return attrs.evolve(known, meaning=meaning, advice=advice)
        return known
    try:
        number = str(code)
    except ValueError:  # more digits than the interpreter writes in decimal; hexadecimal has no limit
        number = hex(code)
    return ErrorCode(code, "UNKNOWN", False, f"error code {number} is unknown", _LOOK_UP)


def find(name: str) -> ErrorCode | None:
    """Return the row of an error code, or None; ``UNKNOWN`` is code 0.

    Args:
        name: such as ``NO_PERMS``, in upper or lower case, also with the vendor's prefix ``ERR_``.
    """
    return _BY_NAME.get(name.upper().removeprefix("ERR_"))
