"""The command line: arguments in, text on the terminal and an exit code out. This door stays light."""

import sys

__all__ = ["main"]


def main() -> int:
    """Run the program with the process's arguments; the value is its exit code."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        # Asked by scripts and editors again and again, and so answered before anything heavy is imported.
        from riverrun.native import __version__

        print(f"riverrun {__version__}")
        return 0
    from riverrun.cli.app import call

    return call(sys.argv[1:])
