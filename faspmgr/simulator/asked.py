"""What a command line asks for and no message says, or not exactly: the log of a real ascp has it all the same."""

from __future__ import annotations

import attrs

from faspmgr.simulator.messages import Refusal, Stage
from faspmgr.simulator.options import Options


@attrs.frozen(kw_only=True)
class Asked:
    """What the log of a session says beyond its messages.

    Attributes:
        folder: the argument of ``-L``; None where the log is not that of a command line.
        direction: Send or Receive, where it is not that of the messages; None where it is.
        overwrite: the word of ``--overwrite``; None where nothing was asked for.
        multi_session_threshold: bytes; -1 where nothing was asked for.
        rate: target rate, bits per second; the messages have whole kilobits. None where nothing was asked for.
        min_rate: minimum rate, bits per second; None where nothing was asked for.
    """

    folder: str | None = None
    direction: str | None = None
    overwrite: str | None = None
    multi_session_threshold: int = -1
    rate: int | None = None
    min_rate: int | None = None

    @classmethod
    def of(cls, options: Options, refusal: Refusal | None) -> Asked:
        """Take it from a command line.

        Args:
            options: the command line.
            refusal: what is wrong with it; None for nothing.
        """
        if refusal is None or refusal.stage is Stage.SESSION:
            return cls(
                folder=options.log,
                overwrite=options.overwrite,
                multi_session_threshold=options.multi_session_threshold,
                rate=options.rate_bits,
                min_rate=options.min_rate_bits,
            )
        # It ends before it looks at most options. As long as it does not know its direction, that is Receive in the
        # log, and Send in the messages.
        knows = refusal.stage is Stage.STARTUP and options.mode == "send"
        return cls(folder=options.log, overwrite=options.overwrite, direction="Send" if knows else "Receive")
