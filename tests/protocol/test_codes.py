from __future__ import annotations

import re

import pytest

from faspmgr.protocol import codes

# Typed in from the vendor's table by hand, so that a slip in the program cannot agree with itself. *: worth a retry.
TEXT = """
0 UNKNOWN, 1 FASP_PROTO, 2 ASCP, 3 AMBIGUOUS_TARGET, 4 NO_SUCH_FILE, 5 NO_PERMS, 6 NOT_DIR, 7 IS_DIR, 8 USAGE,
9 LIC_DUP, 10 LIC_RATE_EXCEEDED, 11 INTERNAL_ERROR, 12 TRANSFER_ERROR*, 13 TRANSFER_TIMEOUT*, 14 CONNECTION_ERROR*,
15 CONNECTION_TIMEOUT*, 16 CONNECTION_LOST*, 17 RCVR_SEND_ERROR*, 18 RCVR_RECV_ERROR*, 19 AUTH, 20 NOTHING,
21 NOT_REGULAR, 22 FILE_TABLE_OVR, 23 TOO_MANY_FILES*, 24 FILE_TOO_BIG, 25 NO_SPACE_LEFT, 26 READ_ONLY_FS,
27 SOME_FILE_ERRS, 28 USER_CANCEL, 29 LIC_NOLIC, 30 LIC_EXPIRED, 31 SOCK_SETUP, 32 OUT_OF_MEMORY*, 33 THREAD_SPAWN*,
34 UNAUTHORIZED, 35 DISK_READ*, 36 DISK_WRITE*, 37 AUTHORIZATION*, 38 LIC_ILLEGAL, 39 PEER_ABORTED_SESSION*,
40 DATA_TRANSFER_TIMEOUT*, 41 BAD_PATH, 42 ALREADY_EXISTS, 43 STAT_FAILS, 44 PMTU_BRTT_ERROR*, 45 BWMEAS_ERROR*,
46 VLINK_ERROR, 47 CONNECTION_ERROR_HTTP*, 48 FILE_ENCRYPTION_ERROR, 49 FILE_DECRYPTION_PASS, 50 BAD_CONFIGURATION,
51 INSECURE_CONNECTION, 52 START_VALIDATION_FAILED, 53 STOP_VALIDATION_FAILED, 54 THRESHOLD_VALIDATION_FAILED,
55 FILEPATH_TOO_LONG, 56 ILLEGAL_CHARS_IN_PATH, 57 CHUNK_MUST_MATCH_ALIGNMENT, 58 VALIDATION_SESSION_ABORT,
59 REMOTE_STORAGE_ERROR, 60 LUA_SCRIPT_ABORTED_SESSION, 61 SSEAR_RETRYABLE*, 62 SSEAR_FATAL, 63 LINK_LOOP,
64 CANNOT_RENAME_PARTIAL_FILES, 65 CIPHER_NON_COMPAT_FIPS, 66 PEER_REQUIRES_FIPS, 67 UNKNOWN, 68 UNKNOWN, 69 UNKNOWN*
"""
TABLE = [(int(row.split()[0]), row.split()[1].rstrip("*"), row.endswith("*")) for row in TEXT.strip().split(",")]


def test_table_is_complete_and_in_order() -> None:
    assert [(error.code, error.name, error.retryable) for error in codes.CODES.values()] == TABLE
    assert list(codes.CODES) == list(range(70))


def test_explain_and_find_agree_with_the_table() -> None:
    for code, name, retryable in TABLE:
        error = codes.explain(code)
        assert (error.code, error.name, error.retryable) == (code, name, retryable)
        assert codes.find(name) == codes.explain(0 if name == "UNKNOWN" else code)


@pytest.mark.parametrize("code", [*range(70), 70, -1])
def test_meaning_is_a_phrase_and_advice_a_sentence(code: int) -> None:
    meaning, advice = codes.explain(code).meaning, codes.explain(code).advice
    assert re.fullmatch(r"[A-Z](?:[^.!?]|\.(?=\w))+\.", advice), advice  # a dot inside is part of a name: aspera.conf
    assert "  " not in advice
    assert meaning == meaning.strip() != ""
    assert not meaning.endswith(".")


def test_meanings_of_some() -> None:
    assert codes.explain(5).meaning == "no permission to read or write"
    assert codes.explain(27).meaning == "some files failed, the others went through"
    assert codes.explain(44).meaning == "the session could not be initiated (seen too when TCP to SSH fails)"
    assert codes.explain(69).meaning == "used by newer releases; its name is not known here"


def test_advice_differs_from_code_to_code() -> None:
    advice = [error.advice for error in codes.CODES.values() if error.code < 67]
    assert len(set(advice)) == 67


# By hand from the descriptions, and words that the advice must and must not have.
DESCRIBED = [
    (38, "Failure processing peer license: Deprecated peer license", "newer ascp", "client's license"),
    (38, "Server aborted session: DEPRECATED PEER LICENSE", "newer ascp", "client's license"),
    (4, "Private key file not found", "SSH key (-i)", "docroot"),
    (41, "Failed to authenticate with delegated refresh token", "credentials of the storage", "aspera.conf"),
    (34, "Token doesn't match file-list", "sources and destinations", "authorization service"),
    (37, "Token does not match file-list", "sources and destinations", "expired"),
]


@pytest.mark.parametrize(("code", "description", "has", "has_not"), DESCRIBED)
def test_explain_with_a_description(code: int, description: str, has: str, has_not: str) -> None:
    general, special = codes.explain(code), codes.explain(code, description)
    assert has in special.advice
    assert has_not in general.advice
    assert has_not not in special.advice
    assert special.meaning != general.meaning
    assert (special.code, special.name, special.retryable) == (code, general.name, general.retryable)


@pytest.mark.parametrize(("code", "description"), [
    (38, "Server aborted session: Server has only a client license"),  # (fixtures/ascp-3.9.0/peer-client-license.fasp)
    (38, ""), (38, None),
    (19, "Failed to authenticate"),  # the words of another code
    (41, "Source: Access is denied."), (4, "No such file or directory"),
])  # fmt: skip
def test_explain_with_a_description_that_adds_nothing(code: int, description: str | None) -> None:
    assert codes.explain(code, description) is codes.explain(code)


def test_explain_an_unknown_code_with_a_description() -> None:
    assert codes.explain(70, "Deprecated peer license") == codes.explain(70)


def test_by_description_finds_each_row() -> None:
    for code, words, meaning, advice in codes.BY_DESCRIPTION:
        error = codes.explain(code, f"Error: {words.upper()} (1)")
        assert (error.meaning, error.advice) == (meaning, advice)
        assert re.fullmatch(r"[A-Z](?:[^.!?]|\.(?=\w))+\.", advice), advice
        assert words == words.casefold()


def test_explain_a_login_that_was_refused() -> None:
    advice = codes.explain(19).advice
    assert all(words in advice for words in ("passphrase (ASPERA_SCP_PASS", "retired", "too old"))


@pytest.mark.parametrize("code", [70, -1, 2**70])
def test_unknown_code_explains_itself(code: int) -> None:
    error = codes.explain(code)
    assert (error.code, error.name, error.retryable) == (code, "UNKNOWN", False)
    assert error.meaning == f"error code {code} is unknown"


def test_a_code_with_too_many_digits_to_print() -> None:
    assert codes.explain(10**5000).name == "UNKNOWN"


def test_find_ignores_case() -> None:
    assert codes.find("no_perms") is codes.explain(5)
    assert codes.find("Lic_NoLic") is codes.explain(29)


@pytest.mark.parametrize("name", ["ERR_NO_PERMS", "err_no_perms", "Err_No_Perms"])
def test_find_with_the_vendors_prefix(name: str) -> None:
    assert codes.find(name) is codes.explain(5)


@pytest.mark.parametrize("name", ["", "5", "NO_SUCH_CODE", "ERR_", "ERR_ERR_NO_PERMS", "ERRNO_PERMS", " NO_PERMS"])
def test_find_an_unknown_name(name: str) -> None:
    assert codes.find(name) is None


def test_error_code_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        codes.explain(5).retryable = True  # type: ignore[misc]
    with pytest.raises(TypeError):
        codes.CODES[5] = codes.explain(6)  # type: ignore[index]
