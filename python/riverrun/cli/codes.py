"""What the process tells the one who started it: an outcome in, an exit code out."""

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes (design, section 6)."""

    KEPT = 0
    NOT_KEPT = 1  # also: the machine refused something
    WRONG_USAGE = 2  # or a wrong spec
    LOCKED = 75  # EX_TEMPFAIL of sysexits.h: try again later
    INTERRUPTED = 130  # 128 + SIGINT, as shells have it
