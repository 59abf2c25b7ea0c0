"""The command line: arguments in, text on the terminal and an exit code out. This door stays light."""

import gc
import os
import sys
from typing import NoReturn

__all__ = ["main", "process"]


def process() -> NoReturn:
    """Be the whole process: `main`, then the end."""
    code = main()
    try:
        sys.stderr.flush()  # stdout is flushed, and what went wrong there was told
    finally:
        # Not by sys.exit: taking a million objects apart, one by one, is a fifth of a second after 10,000 steps.
        os._exit(code)


def main() -> int:
    """Run the program with the process's arguments; the value is its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Asked by scripts and editors again and again, and so answered before anything heavy is imported.
        from riverrun.native import __version__

        print(f"riverrun {__version__}", flush=True)
        return 0
    # Many steps are millions of objects that stay and make no circles: looking at all of them for circles again and
    # again was an eighth of the time of a run of 10,000 steps. Young ones are still looked at.
    gc.set_threshold(1_000_000, 50, 1000)
    from riverrun.cli.app import call

    return call(sys.argv[1:])
