"""`python -m riverrun`: the command line, the same as the installed program."""

import sys  # this file ends the process, as the installed program does

from riverrun.cli import main

if __name__ == "__main__":
    sys.exit(main())
