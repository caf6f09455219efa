"""``python -m faspmgr``, and the program ``faspmgr``.

A Ctrl-C during the imports, or while the interpreter ends, must print no traceback. So it is handled first, with
``_signal``, which is there already: importing signal takes long.
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
        from contextlib import suppress

        from faspmgr.cli.main import main

        try:
            if handled:
                _signal.signal(_signal.SIGINT, _signal.default_int_handler)
            main()
        finally:
            if handled:
                _signal.signal(_signal.SIGINT, _end)
                for stream in (sys.stdout, sys.stderr):
                    with suppress(OSError, ValueError):  # the reader has gone, or the stream was closed
                        if stream:
                            stream.flush()
                # What has ended has its status: a Ctrl-C while the interpreter ends must not give it another one.
                _signal.signal(_signal.SIGINT, _signal.SIG_IGN)
    except KeyboardInterrupt:
        os._exit(INTERRUPTED)


def _end(_number: int, _frame: object) -> None:
    os._exit(INTERRUPTED)


if __name__ == "__main__":
    main()
