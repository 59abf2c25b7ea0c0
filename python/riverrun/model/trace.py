"""Records: what a finished action made, how it came about, and what is remembered of runs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NewType

from riverrun.model.fact import Made

ActionKey = NewType("ActionKey", bytes)
"""BLAKE3 over all that may decide a step's outputs; 32 bytes."""

Description = Sequence[tuple[str, str, str]]
"""What the key was made of, for people: (field, name, value) in the order in which the key took them."""


@dataclass(frozen=True, slots=True)
class Trace:
    """Record of one finished action: key -> outputs, and how it came about."""

    id: int  # 0: not recorded yet
    key: ActionKey
    step: str
    outputs: tuple[Made, ...]
    description: Description
    run: str  # id of the run that made it
    started: float  # seconds since the epoch, for people only: no decision looks at it
    seconds: float
    containment: str  # what was enforced: "none", "work folder", ...
    log: str = ""  # path of the log, relative to the workspace


@dataclass(frozen=True, slots=True)
class Attempted:
    """One line of a run's history: what happened to a step in it."""

    run: str
    step: str
    outcome: str
    action: str
    seconds: float
    reasons: tuple[dict[str, Any], ...]
    log: str = ""


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run, for `history`."""

    id: str
    started: float
    ended: float | None
    command: str
    check: str
    counts: dict[str, int]
    interrupted: bool = False
