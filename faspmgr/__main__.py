"""``python -m faspmgr``, and the program ``faspmgr``.

What is imported takes a while, and a Ctrl-C in the meantime must not print where in that it came; nor must one while
the interpreter ends. So the first thing that is done is to handle it, with what is there already: signal itself is one
of those that take long.
"""

import _signal  # type: ignore[import-not-found]
import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command line, and exit with its status."""
    try:
        handled = _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler  # or it is ignored
        if handled:
            _signal.signal(_signal.SIGINT, _end)
        from faspmgr.cli.main import main

        try:
            if handled:
                _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            main()
        finally:
            if handled:
                _signal.signal(_signal.SIGINT, _end)
                _flush()
                # What has ended has its status: a Ctrl-C while the interpreter ends must not give it another one.
                _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except (OSError, ValueError):  # the reader has gone, or the stream was closed
            pass


def _end(_number: int, _frame: object) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
