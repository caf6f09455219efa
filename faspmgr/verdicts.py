"""How a transfer ended: its Outcome, from which headline, JSON and exit status are made."""

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import attrs

from faspmgr.exit_status import ExitStatus
from faspmgr.protocol.codes import USER_CANCEL, ErrorCode, explain
from faspmgr.redaction import redact_words

Verdict = Literal["done", "failed", "lost", "not started"]
"""done: ascp reported DONE. failed: it reported ERROR. lost: it ended without a result. not started: it could not be
started, or never connected."""

EXIT_STATUS: Mapping[Verdict, ExitStatus] = {
    "done": ExitStatus.DONE,
    "failed": ExitStatus.FAILED,
    "lost": ExitStatus.NO_RESULT,
    "not started": ExitStatus.NOT_STARTED,
}
"""The exit status for each verdict."""

_SEVERITY = ("done", "not started", "cancelled", "lost", "failed")


@attrs.frozen
class Failure:
    """Why a session or a file failed: ascp's code and description, with what the table of codes adds.

    Example:
        >>> str(Failure(19))
        '19 AUTH: the login was refused'
    """

    code: int
    """Error code of the message."""
    description: str = attrs.field(default="", repr=lambda text: repr(redact_words(text)))
    """The message's own words; may be empty."""

    @property
    def name(self) -> str:
        """The vendor's name of the code, such as ``AUTH``."""
        return self._known.name

    @property
    def retryable(self) -> bool:
        """Whether another attempt makes sense."""
        return self._known.retryable

    @property
    def meaning(self) -> str:
        """The meaning of this code and description."""
        return self._known.meaning

    @property
    def advice(self) -> str:
        """What to check first, for this code and description."""
        return self._known.advice

    @property
    def cancelled(self) -> bool:
        """Whether ascp reported that it was cancelled."""
        return self.code == USER_CANCEL

    @property
    def _known(self) -> ErrorCode:
        return explain(self.code, self.description)

    def to_dict(self) -> dict[str, Any]:
        """Return the failure as a JSON-ready dict, without secrets.

        Example:
            >>> Failure(25, "No space left on device").to_dict()  # doctest: +NORMALIZE_WHITESPACE
            {'code': 25, 'name': 'NO_SPACE_LEFT', 'description': 'No space left on device', 'retryable': False,
             'meaning': 'the disk is full', 'advice': "Free disk space at the destination, check the user's quota there,
             and start again with -k 1 to resume."}
        """
        names = ("code", "name", "description", "retryable", "meaning", "advice")
        return {name: getattr(self, name) for name in names} | {"description": redact_words(self.description)}

    def __str__(self) -> str:
        return f"{self.code} {self.name}: {redact_words(self.description) or self.meaning}"


@attrs.frozen
class Outcome:
    """How a transfer ended.

    Example:
        >>> str(Outcome("failed", Failure(44, "no route"), "2 of 2 attempts"))
        'failed: 44 PMTU_BRTT_ERROR: no route; 2 of 2 attempts'
    """

    verdict: Verdict
    """One of Verdict."""
    error: Failure | None = None
    """What ascp reported; None if it reported no error."""
    reason: str = ""
    """What else there is to report, in one line; empty if nothing."""
    interrupted: bool = False
    """Whether it was asked to stop."""

    @property
    def status(self) -> ExitStatus:
        """The exit status of the command line. A transfer that is done is done, interrupted or not."""
        return ExitStatus.INTERRUPTED if self.interrupted and self.verdict != "done" else EXIT_STATUS[self.verdict]

    def to_dict(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready dict, without secrets.

        Example:
            >>> Outcome("lost", reason="1 of 2 parts seen").to_dict()
            {'verdict': 'lost', 'error': None, 'reason': '1 of 2 parts seen', 'interrupted': False}
        """
        error = self.error and self.error.to_dict()
        return {"verdict": self.verdict, "error": error, "reason": self.reason, "interrupted": self.interrupted}

    def __str__(self) -> str:
        because = "; ".join(filter(None, [str(self.error) if self.error else "", self.reason]))
        return f"{self.verdict}: {because}" if because else self.verdict


def severity(verdict: str, error: Failure | None = None) -> int:
    """Rank how the parts of one transfer ended, higher for what is worse: the transfer ends as its worst part does.

    When a part fails or is lost, the others are cancelled. So a cancelled part is less bad than the one that caused it.

    Args:
        verdict: of a part, or the state in which a session ended.
        error: what it reported; None for parts that are not cancelled for each other, such as whole transfers.

    Example:
        >>> max([("done", None), ("failed", Failure(28)), ("lost", None)], key=lambda part: severity(*part))
        ('lost', None)
    """
    return _SEVERITY.index("cancelled" if error and error.cancelled else verdict)


def combine(outcomes: Iterable[Outcome | None]) -> Outcome:
    """Combine the outcomes of several transfers: the worst one, with the reasons of all.

    Args:
        outcomes: one for each transfer; None for one in progress, which counts as lost, as does no transfer at all.

    Example:
        >>> combine([Outcome("done"), Outcome("failed", Failure(25)), Outcome("lost", reason="1 of 2 parts seen")])
        Outcome(verdict='failed', error=Failure(code=25, description=''), reason='1 of 2 parts seen', interrupted=False)
    """
    ended = [outcome or Outcome("lost") for outcome in outcomes] or [Outcome("lost")]
    worst = max(ended, key=lambda outcome: severity(outcome.verdict))
    return attrs.evolve(worst, reason="; ".join(dict.fromkeys(filter(None, (outcome.reason for outcome in ended)))))
