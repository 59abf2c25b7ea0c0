"""What happens during a run, told while it happens: flow sends these values, the command line shows them."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from riverrun.model.verdict import StepResult


class Haste(Enum):
    """How a run that was told to stop goes about it."""

    GENTLE = "starting nothing new, ending the running commands; once more ends them at once"
    AT_ONCE = "ending the running commands at once"


@dataclass(frozen=True, slots=True)
class Reading:
    """A long reading is about to begin: how much, why, and (in `why`) what setting would spare it."""

    files: int
    bytes: int
    why: str = ""


@dataclass(frozen=True, slots=True)
class Planned:
    """How many steps there are to look at; told again when the graph grows."""

    total: int


@dataclass(frozen=True, slots=True)
class Started:
    """A command begins."""

    step: str


@dataclass(frozen=True, slots=True)
class Settled:
    """A step has come to its end, one way or the other; `tail` is the end of its log where it failed."""

    result: StepResult
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something worth a line: a source that vanished, an index that could not be used."""

    text: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """The person asked to stop."""

    how: Haste


Event: TypeAlias = Reading | Planned | Started | Settled | Remark | Stopping
