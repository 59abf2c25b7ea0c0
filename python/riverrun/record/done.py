"""What is handed to recording, and what comes of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from riverrun.model.fact import Seen
from riverrun.model.step import Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import Reason, Recording
from riverrun.native import Fact


@dataclass(frozen=True, slots=True)
class Done:
    """An attempt that has ended, with what was known when it began."""

    step: Step
    key: ActionKey
    description: Description
    inputs: Mapping[str, Seen]
    work: str  # the folder it ran in; mirrors the workspace
    started_ns: int
    seconds: float
    log: str
    enforced: str  # what contained it, for the trace
    succeeded: bool = True


@dataclass(frozen=True, slots=True)
class Recorded:
    """What came of it; `facts` are of the outputs in their places, to be learned without another look."""

    step: str
    recording: Recording
    trace: Trace | None = None
    facts: Mapping[str, Fact] = field(default_factory=dict)
    reasons: tuple[Reason, ...] = ()
    changed: tuple[str, ...] = ()  # inputs to be looked at again
    notes: tuple[str, ...] = ()  # for people
