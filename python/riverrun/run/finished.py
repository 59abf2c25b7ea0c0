"""What comes out of running: how an attempt ended, and what is known of it."""

from dataclasses import dataclass
from enum import Enum


class Ending(Enum):
    """How one attempt of a step ended."""

    SUCCEEDED = "succeeded"  # its command, and its test if it has one
    FAILED = "failed"
    TEST_FAILED = "test_failed"
    TIMED_OUT = "timed_out"
    OUTLIVED = "outlived"  # a process of it was still running when its command had ended
    NOT_STARTED = "not_started"
    INTERRUPTED = "interrupted"


class Stop(Enum):
    """How running commands are ended."""

    CLEANLY = "cleanly"  # they are asked to, and killed some seconds later
    AT_ONCE = "at_once"


@dataclass(frozen=True, slots=True)
class Finished:
    """One attempt of a step that is over. Nothing of it is running any more."""

    step: str
    attempt: int  # from 0
    ending: Ending
    code: int | None  # exit code of the command, or of its test; None: ended by a signal, or never started
    signal: int | None
    seconds: float
    started_ns: int  # the filesystem's coarse clock before anything of it was prepared
    log: str  # relative to the workspace; "": it said nothing
    tail: str  # its last lines, where it did not succeed
    work: str  # absolute: where its outputs lie
    enforced: str  # what contained it, for the trace
    message: str = ""  # why, for people
