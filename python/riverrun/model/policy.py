"""What a person may choose for a run, where rooms of several layers must know it."""

from enum import Enum


class Check(Enum):
    """How far a check reads (rule 3)."""

    STAT = "stat"
    CONTENT = "content"
    STRONG = "strong"


class OnFailure(Enum):
    """What happens to the others when a step fails."""

    FINISH_RUNNING = "finish running"
    KEEP_GOING = "keep going"
