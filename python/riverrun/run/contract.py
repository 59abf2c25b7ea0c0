"""What the loop and its course say to each other: verdicts and records in one direction, questions in the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from riverrun.model.fact import Seen
from riverrun.model.step import Step
from riverrun.model.trace import ActionKey, Description, Trace
from riverrun.model.verdict import Reason, Recording, StepResult, Verdict
from riverrun.run.finished import Finished

_NO_KEY = ActionKey(b"")


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict with what it rests on; `wake` names steps whose absent temporary outputs this one must read."""

    verdict: Verdict
    key: ActionKey = _NO_KEY
    description: Description = ()
    inputs: Mapping[str, Seen] = field(default_factory=dict)
    wake: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Kept:
    """What recording tells the loop of one step."""

    step: str
    recording: Recording
    reasons: tuple[Reason, ...] = ()
    trace: Trace | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that has ended, on its way to being recorded."""

    finished: Finished
    judged: Judged


class Course(Protocol):
    """What the loop asks of the flow; all but `record` and `restore` is called in the loop's own thread."""

    def step(self, name: str) -> Step:
        """The step of this name."""

    def needs(self, name: str) -> Sequence[str]:
        """The steps that must be settled before this one is judged."""

    def order(self) -> Sequence[str]:
        """All steps of the run as far as they are known, each after those that it needs."""

    def recorded_seconds(self, names: Sequence[str]) -> Mapping[str, float]:
        """How long steps took when they last ran; those that never did are left out."""

    def judge(self, names: Sequence[str], woken: Mapping[str, Reason]) -> Mapping[str, Judged]:
        """Verdicts for steps whose needs are settled; `woken` ones must run though their promise would be kept."""

    def rejudge(self, name: str) -> None:
        """What was seen of the inputs of a step no longer holds."""

    def settled(self, name: str, result: StepResult, trace: Trace | None) -> Sequence[str]:
        """A step is settled: tidies up after it, and names the steps that can be spelled out only now."""

    def record(self, attempts: Sequence[Attempt]) -> Sequence[Kept]:
        """Takes what the attempts made (in the recording thread)."""

    def restore(self, name: str, judged: Judged) -> Kept:
        """Puts the outputs of the verdict's trace back (in the recording thread)."""

    def started(self, name: str) -> None:
        """A command was started."""

    def dropped(self, name: str, finished: Finished, recording: Recording | None) -> tuple[str, ...]:
        """An attempt is over: keeps its folder aside if it failed, removes it if not; what it left undeclared."""
