"""What came of a run, or would come of one: step results in, one JSON document or an exception out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from riverrun.errors import Interrupted, PromiseNotKept
from riverrun.model.trace import Description
from riverrun.model.verdict import Action, Outcome, Reason, StepResult
from riverrun.native import __version__

_ADDED = {Action.RUN: "would_run", Action.RESTORE: "would_restore", Action.MAYBE: "maybe"}


@dataclass(frozen=True, slots=True)
class Note:
    """Something a person should know that belongs to no single step: an orphan, a vanished source, a full disk."""

    kind: str
    message: str
    paths: tuple[str, ...] = ()  # what it is about, if it holds only as long as that is there

    def as_json(self) -> dict[str, str]:
        """The entry of `notes` in the JSON document."""
        return {"kind": self.kind, "message": self.message}


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a step would act: the verdict's reasons beside the very description that its key is made of."""

    step: str
    action: Action
    reasons: tuple[Reason, ...]
    fields: Description
    key: str  # hex

    def as_json(self) -> dict[str, Any]:
        """The entry of `steps` in the JSON document of `explain`."""
        return {
            "step": self.step,
            "action": self.action.value,
            "reasons": [reason.as_json() for reason in self.reasons],
            "key": self.key,
            "fields": [{"field": kind, "name": name, "value": value} for kind, name, value in self.fields],
        }


def count(steps: Iterable[StepResult], *, besides: int = 0) -> dict[str, int]:
    """The `counts` of a report; those of what would happen stand there only where something would.

    `besides`: steps that are known to be kept without having been looked at.
    """
    counts = {"kept": besides, "repaired": 0, "not_kept": 0, "ran": 0, "restored": 0}
    for step in steps:
        if step.outcome is not None:
            counts[step.outcome.value] += 1
        if step.action in (Action.RAN, Action.RESTORED):
            counts[step.action.value] += 1
        elif step.action in _ADDED:
            counts[_ADDED[step.action]] = counts.get(_ADDED[step.action], 0) + 1
    return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The outcome of the wanted steps; `steps` holds all of them, unless the seal spared looking at each."""

    ok: bool
    check: str
    seconds: float
    counts: Mapping[str, int]
    steps: tuple[StepResult, ...] = ()
    notes: tuple[Note, ...] = ()
    tails: Mapping[str, str] = field(default_factory=dict)  # step -> the end of its log, where it failed
    dry: bool = False  # nothing was done: it says what would be
    interrupted: bool = False

    @property
    def pending(self) -> bool:
        """Whether something would happen in a run now (of `status` and dry runs)."""
        return any(step.action is not Action.NONE for step in self.steps)

    def told(self) -> tuple[StepResult, ...]:
        """The steps with something to tell: all but those that were kept in silence."""
        return tuple(step for step in self.steps if step.action is not Action.NONE or step.notes)

    def as_json(self, *, all_steps: bool = False) -> dict[str, Any]:
        """The document of design section 6."""
        return {
            "riverrun": __version__,
            "ok": self.ok,
            "check": self.check,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "counts": dict(self.counts),
            "steps": [_step_json(step) for step in (self.steps if all_steps else self.told())],
            "notes": [note.as_json() for note in self.notes],
        }

    def raise_for_failure(self) -> None:
        """Raise if a promise was not kept, or the run was interrupted before all were; else do nothing."""
        if self.interrupted:
            raise Interrupted("the run was interrupted before it came to its end state")
        if not self.ok:
            names = [step.step for step in self.steps if step.outcome is Outcome.NOT_KEPT]
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            raise PromiseNotKept(f"not kept: {shown}" if names else "a promise was not kept")


def _step_json(step: StepResult) -> dict[str, Any]:
    return {
        "step": step.step,
        "outcome": step.outcome.value if step.outcome else None,
        "action": step.action.value,
        "seconds": round(step.seconds, 3),
        "log": step.log or None,
        "reasons": [reason.as_json() for reason in step.reasons],
        "notes": list(step.notes),
    }
