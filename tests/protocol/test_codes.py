from __future__ import annotations

import re

import pytest

from faspmgr.protocol import codes

# Typed in from the vendor's table by hand, so that a slip in the program cannot agree with itself.
TABLE = [
    (0, "UNKNOWN", False),
    (1, "FASP_PROTO", False),
    (2, "ASCP", False),
    (3, "AMBIGUOUS_TARGET", False),
    (4, "NO_SUCH_FILE", False),
    (5, "NO_PERMS", False),
    (6, "NOT_DIR", False),
    (7, "IS_DIR", False),
    (8, "USAGE", False),
    (9, "LIC_DUP", False),
    (10, "LIC_RATE_EXCEEDED", False),
    (11, "INTERNAL_ERROR", False),
    (12, "TRANSFER_ERROR", True),
    (13, "TRANSFER_TIMEOUT", True),
    (14, "CONNECTION_ERROR", True),
    (15, "CONNECTION_TIMEOUT", True),
    (16, "CONNECTION_LOST", True),
    (17, "RCVR_SEND_ERROR", True),
    (18, "RCVR_RECV_ERROR", True),
    (19, "AUTH", False),
    (20, "NOTHING", False),
    (21, "NOT_REGULAR", False),
    (22, "FILE_TABLE_OVR", False),
    (23, "TOO_MANY_FILES", True),
    (24, "FILE_TOO_BIG", False),
    (25, "NO_SPACE_LEFT", False),
    (26, "READ_ONLY_FS", False),
    (27, "SOME_FILE_ERRS", False),
    (28, "USER_CANCEL", False),
    (29, "LIC_NOLIC", False),
    (30, "LIC_EXPIRED", False),
    (31, "SOCK_SETUP", False),
    (32, "OUT_OF_MEMORY", True),
    (33, "THREAD_SPAWN", True),
    (34, "UNAUTHORIZED", False),
    (35, "DISK_READ", True),
    (36, "DISK_WRITE", True),
    (37, "AUTHORIZATION", True),
    (38, "LIC_ILLEGAL", False),
    (39, "PEER_ABORTED_SESSION", True),
    (40, "DATA_TRANSFER_TIMEOUT", True),
    (41, "BAD_PATH", False),
    (42, "ALREADY_EXISTS", False),
    (43, "STAT_FAILS", False),
    (44, "PMTU_BRTT_ERROR", True),
    (45, "BWMEAS_ERROR", True),
    (46, "VLINK_ERROR", False),
    (47, "CONNECTION_ERROR_HTTP", True),
    (48, "FILE_ENCRYPTION_ERROR", False),
    (49, "FILE_DECRYPTION_PASS", False),
    (50, "BAD_CONFIGURATION", False),
    (51, "INSECURE_CONNECTION", False),
    (52, "START_VALIDATION_FAILED", False),
    (53, "STOP_VALIDATION_FAILED", False),
    (54, "THRESHOLD_VALIDATION_FAILED", False),
    (55, "FILEPATH_TOO_LONG", False),
    (56, "ILLEGAL_CHARS_IN_PATH", False),
    (57, "CHUNK_MUST_MATCH_ALIGNMENT", False),
    (58, "VALIDATION_SESSION_ABORT", False),
    (59, "REMOTE_STORAGE_ERROR", False),
    (60, "LUA_SCRIPT_ABORTED_SESSION", False),
    (61, "SSEAR_RETRYABLE", True),
    (62, "SSEAR_FATAL", False),
    (63, "LINK_LOOP", False),
    (64, "CANNOT_RENAME_PARTIAL_FILES", False),
    (65, "CIPHER_NON_COMPAT_FIPS", False),
    (66, "PEER_REQUIRES_FIPS", False),
    (67, "UNKNOWN", False),
    (68, "UNKNOWN", False),
    (69, "UNKNOWN", True),
]


def test_table_is_complete_and_in_order() -> None:
    assert [(error.code, error.name, error.retryable) for error in codes.CODES.values()] == TABLE
    assert list(codes.CODES) == list(range(70))


@pytest.mark.parametrize(("code", "name", "retryable"), TABLE)
def test_explain_and_find_agree_with_the_table(code: int, name: str, retryable: bool) -> None:
    error = codes.explain(code)
    assert (error.code, error.name, error.retryable) == (code, name, retryable)
    assert codes.find(name) == codes.explain(0 if name == "UNKNOWN" else code)


@pytest.mark.parametrize("code", [*range(70), 70, -1])
def test_advice_is_one_sentence(code: int) -> None:
    advice = codes.explain(code).advice
    assert re.fullmatch(r"[A-Z](?:[^.!?]|\.(?=\w))+\.", advice), advice  # a dot inside is part of a name: aspera.conf
    assert "  " not in advice


@pytest.mark.parametrize("code", range(70))
def test_meaning_is_a_phrase(code: int) -> None:
    meaning = codes.explain(code).meaning
    assert meaning == meaning.strip()
    assert meaning
    assert not meaning.endswith(".")


def test_meanings_of_some() -> None:
    assert codes.explain(5).meaning == "no permission to read or write"
    assert codes.explain(27).meaning == "some files failed, the others went through"
    assert codes.explain(44).meaning == "the session could not be initiated (seen too when TCP to SSH fails)"
    assert codes.explain(69).meaning == "used by newer releases; its name is not known here"


def test_advice_differs_from_code_to_code() -> None:
    advice = [error.advice for error in codes.CODES.values() if error.code < 67]
    assert len(set(advice)) == 67


@pytest.mark.parametrize("code", [70, -1, 2**70])
def test_unknown_code_explains_itself(code: int) -> None:
    error = codes.explain(code)
    assert error.code == code
    assert error.name == "UNKNOWN"
    assert error.retryable is False
    assert error.meaning == f"error code {code} is unknown"


def test_code_with_more_digits_than_python_prints_does_not_raise() -> None:
    assert codes.explain(10**5000).name == "UNKNOWN"


def test_find_ignores_case() -> None:
    assert codes.find("no_perms") is codes.explain(5)
    assert codes.find("Lic_NoLic") is codes.explain(29)


@pytest.mark.parametrize("name", ["", "5", "NO_SUCH_CODE", "ERR_NO_PERMS", " NO_PERMS"])
def test_find_gives_none_for_what_is_no_name(name: str) -> None:
    assert codes.find(name) is None


def test_error_code_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        codes.explain(5).retryable = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        codes.CODES[5] = codes.explain(6)  # type: ignore[index]
