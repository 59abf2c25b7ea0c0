"""`python -m riverrun`: the command line, the same as the installed program."""

from riverrun.cli import process

if __name__ == "__main__":
    process()
